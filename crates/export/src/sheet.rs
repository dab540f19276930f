//! Any rows of text as a Parquet file with typed columns, and flat Parquet files of others as text.

use std::io::Write;
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::record::Field;
use parquet::schema::types::Type;
use types::Timestamp;

/// Rows of a row group: what is held in memory.
const GROUP_ROWS: usize = 50_000;

/// What a column holds. Every value may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// UTF-8 text.
    Text,
    /// A 64-bit float.
    Number,
    /// A 64-bit integer.
    Whole,
    /// A moment, microseconds UTC; in rows as RFC 3339 text.
    Time,
}

/// Why rows could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum SheetError {
    /// A value is not what its column holds.
    #[error("row {row}: {column} {value:?} is not {wanted}")]
    Value {
        /// From 1.
        row: u64,
        /// Name of the column.
        column: String,
        /// What is there.
        value: String,
        /// What should be.
        wanted: &'static str,
    },
    /// The file cannot be written, or is not a flat Parquet file.
    #[error(transparent)]
    Parquet(#[from] ParquetError),
    /// It holds lists or maps.
    #[error("column {0} is not flat")]
    Nested(String),
}

/// Writes rows of text as Parquet; an empty text is a missing value.
pub struct SheetWriter<W: Write + Send> {
    writer: SerializedFileWriter<W>,
    columns: Vec<(String, Column)>,
    /// What waits for its row group, by column.
    values: Vec<Vec<String>>,
    /// Rows in row groups that are written.
    written: u64,
}

impl<W: Write + Send> SheetWriter<W> {
    /// Begins a file with these columns.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn new(out: W, columns: Vec<(String, Column)>) -> Result<Self, SheetError> {
        let field = |(name, column): &(String, Column)| {
            let (physical, logical) = match column {
                Column::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
                Column::Number => (Physical::DOUBLE, None),
                Column::Whole => (Physical::INT64, None),
                Column::Time => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MICROS))),
            };
            let field = Type::primitive_type_builder(name, physical).with_repetition(Repetition::OPTIONAL);
            field.with_logical_type(logical).build().map(Arc::new)
        };
        let fields = columns.iter().map(field).collect::<Result<Vec<_>, _>>()?;
        let schema = Type::group_type_builder("rows").with_fields(fields).build()?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
            .set_created_by("tickerbox".to_owned())
            .build();
        let writer = SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties))?;
        let values = vec![Vec::new(); columns.len()];
        Ok(Self { writer, columns, values, written: 0 })
    }

    /// Adds a row; values that are not there are missing.
    ///
    /// # Errors
    /// When rows before it cannot be written.
    pub fn push<'a>(&mut self, row: impl IntoIterator<Item = &'a str>) -> Result<(), SheetError> {
        let mut row = row.into_iter();
        for values in &mut self.values {
            values.push(row.next().unwrap_or_default().to_owned());
        }
        if self.values.first().is_some_and(|first| first.len() >= GROUP_ROWS) { self.flush() } else { Ok(()) }
    }

    /// Ends the file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(mut self) -> Result<W, SheetError> {
        self.flush()?;
        Ok(self.writer.into_inner()?)
    }

    fn flush(&mut self) -> Result<(), SheetError> {
        let rows = self.values.first().map_or(0, Vec::len);
        if rows == 0 {
            return Ok(());
        }
        let mut group = self.writer.next_row_group()?;
        for ((name, column), values) in self.columns.iter().zip(&mut self.values) {
            let of = Of { name, first_row: self.written + 1, values: std::mem::take(values) };
            match column {
                Column::Text => {
                    of.write::<ByteArrayType, _>(&mut group, "text", |text| Some(ByteArray::from(text)))?;
                }
                Column::Number => {
                    of.write::<DoubleType, _>(&mut group, "a number", |text| text.parse().ok())?;
                }
                Column::Whole => {
                    of.write::<Int64Type, _>(&mut group, "a whole number", |text| text.parse().ok())?;
                }
                Column::Time => of.write::<Int64Type, _>(&mut group, "a UTC time", |text| {
                    Timestamp::parse_rfc3339(text.as_bytes()).map(|at| at.as_nanos().div_euclid(1_000))
                })?,
            }
        }
        group.close()?;
        self.written += rows as u64;
        Ok(())
    }
}

/// The values of a column.
struct Of<'a> {
    name: &'a str,
    first_row: u64,
    values: Vec<String>,
}

impl Of<'_> {
    fn write<T: DataType, W: Write + Send>(
        self,
        group: &mut SerializedRowGroupWriter<'_, W>,
        wanted: &'static str,
        parse: impl Fn(&str) -> Option<T::T>,
    ) -> Result<(), SheetError> {
        let mut found = Vec::with_capacity(self.values.len());
        let mut is_there = Vec::with_capacity(self.values.len());
        for (value, row) in self.values.into_iter().zip(self.first_row..) {
            is_there.push(i16::from(!value.is_empty()));
            if value.is_empty() {
                continue;
            }
            match parse(&value) {
                Some(parsed) => found.push(parsed),
                None => return Err(SheetError::Value { row, column: self.name.to_owned(), value, wanted }),
            }
        }
        let mut column = group.next_column()?.ok_or_else(|| ParquetError::General("too few columns".to_owned()))?;
        column.typed::<T>().write_batch(&found, Some(&is_there), None)?;
        Ok(column.close()?)
    }
}

/// A flat Parquet file as comma-separated text with a header: times as UTC text to the millisecond, floats with the digits that tell them apart.
///
/// # Errors
/// When it is no Parquet file, damaged, or has columns within columns.
pub fn parquet_as_csv(bytes: Vec<u8>) -> Result<String, SheetError> {
    let reader = SerializedFileReader::new(bytes::Bytes::from(bytes))?;
    let schema = reader.metadata().file_metadata().schema();
    let names: Vec<String> = schema.get_fields().iter().map(|field| field.name().to_owned()).collect();
    let mut out = names.join(",");
    out.push('\n');
    for row in reader.get_row_iter(None)? {
        for (index, (name, field)) in row?.get_column_iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            out.push_str(&text(name, field)?);
        }
        out.push('\n');
    }
    Ok(out)
}

fn text(name: &str, field: &Field) -> Result<String, SheetError> {
    Ok(match field {
        Field::Null => String::new(),
        Field::Float(value) => value.to_string(),
        Field::Double(value) => value.to_string(),
        // A separator within a text would make two of it.
        Field::Str(value) => value.replace([',', '\n', '\r'], " "),
        Field::TimestampMillis(at) => Timestamp::from_millis(*at).to_string(),
        Field::TimestampMicros(at) => Timestamp::from_nanos(at.saturating_mul(1_000)).to_string(),
        Field::Date(day) => Timestamp::from_secs(i64::from(*day) * 86_400).to_string(),
        Field::Group(_) | Field::ListInternal(_) | Field::MapInternal(_) => {
            return Err(SheetError::Nested(name.to_owned()));
        }
        other => other.to_string().trim_matches('"').to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns() -> Vec<(String, Column)> {
        [("at", Column::Time), ("symbol", Column::Text), ("price", Column::Number), ("fills", Column::Whole)]
            .map(|(name, column)| (name.to_owned(), column))
            .to_vec()
    }

    #[test]
    fn rows_come_back_from_a_file_with_several_groups() {
        let mut sheet = SheetWriter::new(Vec::new(), columns()).unwrap();
        for n in 0..120_000u32 {
            let price = format!("{n}.1");
            let fills = if n == 60_000 { String::new() } else { n.to_string() };
            sheet.push(["2026-07-19T17:00:00.123Z", "BTC/USD", &price, &fills]).unwrap();
        }
        let bytes = sheet.finish().unwrap();
        let reader = SerializedFileReader::new(bytes::Bytes::from(bytes.clone())).unwrap();
        assert_eq!((reader.num_row_groups(), reader.metadata().file_metadata().num_rows()), (3, 120_000));
        let text = parquet_as_csv(bytes).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!((lines.len(), lines[0]), (120_001, "at,symbol,price,fills"));
        assert_eq!(lines[60_001], "2026-07-19T17:00:00.123Z,BTC/USD,60000.1,");
        assert_eq!(lines[120_000], "2026-07-19T17:00:00.123Z,BTC/USD,119999.1,119999");
    }

    #[test]
    fn odd_values_and_odd_files_are_told() {
        for (row, wanted) in [
            (["soon", "x", "1", "1"], "row 1: at \"soon\" is not a UTC time"),
            (["", "x", "cheap", "1"], "row 1: price \"cheap\" is not a number"),
            (["", "x", "1", "1.5"], "row 1: fills \"1.5\" is not a whole number"),
        ] {
            let mut sheet = SheetWriter::new(Vec::new(), columns()).unwrap();
            sheet.push(row).unwrap();
            assert_eq!(sheet.finish().map(|_| ()).unwrap_err().to_string(), wanted);
        }
        assert!(parquet_as_csv(b"time,open\n".to_vec()).is_err());
        let mut cut = SheetWriter::new(Vec::new(), columns()).unwrap().finish().unwrap();
        assert_eq!(parquet_as_csv(cut.clone()).unwrap(), "at,symbol,price,fills\n");
        cut.truncate(cut.len() - 9);
        assert!(parquet_as_csv(cut).is_err());
    }
}
