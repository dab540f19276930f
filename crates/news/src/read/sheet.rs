//! Tables with a header: delimiter found, columns by any of their names, rows that do not fit set aside.

use csv::ByteRecord;

use super::{ITEM_BYTES_MAX, ITEMS_MAX, Place, ReadError, Reason, SetAside};

/// A table.
pub(super) struct Sheet<'a> {
    reader: csv::Reader<&'a [u8]>,
    /// As the header has them.
    header: Vec<String>,
    rows: usize,
}

/// A row that fits the header.
pub(super) struct Row {
    pub(super) line: u64,
    cells: Vec<String>,
}

impl<'a> Sheet<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, ReadError> {
        let first = bytes.split(|b| *b == b'\n').next().unwrap_or_default();
        if first.trim_ascii_start().starts_with(b"<") {
            return Err(ReadError::WebPage);
        }
        let count = |sign: u8| first.iter().filter(|b| **b == sign).count();
        let delimiter = [b',', b';', b'\t'].into_iter().rev().max_by_key(|sign| count(*sign)).unwrap_or(b',');
        let mut reader =
            csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).has_headers(false).from_reader(bytes);
        let mut header = ByteRecord::new();
        match reader.read_byte_record(&mut header) {
            Ok(true) => {}
            Ok(false) => return Err(ReadError::NotATable("it is empty".to_owned())),
            Err(error) => return Err(ReadError::NotATable(error.to_string())),
        }
        if header.len() > 1_000 {
            return Err(ReadError::NotATable("more than 1000 columns".to_owned()));
        }
        let header: Result<Vec<String>, _> =
            header.iter().map(|name| std::str::from_utf8(name).map(|name| name.trim().to_owned())).collect();
        let header = header.map_err(|_| ReadError::NotATable("the header is not UTF-8 text".to_owned()))?;
        Ok(Self { reader, header, rows: 0 })
    }

    /// The place of the first column that has one of these names. Case and what stands in brackets do not matter.
    pub(super) fn find(&self, names: &[&str]) -> Option<usize> {
        let plain = |name: &String| name.split('(').next().unwrap_or_default().trim().to_ascii_lowercase();
        let header: Vec<String> = self.header.iter().map(plain).collect();
        names.iter().find_map(|name| header.iter().position(|found| found == name))
    }

    /// Refuses the table where one of these columns is not there.
    pub(super) fn need(&self, columns: &[(&'static str, Option<usize>)]) -> Result<(), ReadError> {
        let missing: Vec<_> = columns.iter().filter(|(_, column)| column.is_none()).map(|(name, _)| *name).collect();
        if missing.is_empty() { Ok(()) } else { Err(self.without(&missing)) }
    }

    /// The error for columns that are needed and are not there.
    pub(super) fn without(&self, missing: &[&'static str]) -> ReadError {
        let found = self.header.iter().take(40).map(|name| name.chars().take(40).collect()).collect();
        ReadError::Columns { missing: missing.to_vec(), found }
    }

    /// The next row, `None` after the last.
    pub(super) fn next(&mut self) -> Result<Option<Result<Row, SetAside>>, ReadError> {
        let mut record = ByteRecord::new();
        let is_row = self.reader.read_byte_record(&mut record);
        if !is_row.map_err(|error| ReadError::NotATable(error.to_string()))? {
            return Ok(None);
        }
        self.rows += 1;
        if self.rows > ITEMS_MAX {
            return Err(ReadError::TooMany);
        }
        let line = record.position().map_or(0, csv::Position::line);
        Ok(Some(self.fitting(line, &record)))
    }

    fn fitting(&self, line: u64, record: &ByteRecord) -> Result<Row, SetAside> {
        let refuse = |reason| SetAside::new(Place::Line(line), None, reason);
        let bytes = record.as_slice().len();
        if bytes > ITEM_BYTES_MAX {
            return Err(refuse(Reason::TooLong { bytes, max: ITEM_BYTES_MAX }));
        }
        if record.len() != self.header.len() {
            return Err(refuse(Reason::Fields { found: record.len(), expected: self.header.len() }));
        }
        let cells = record.iter().map(|cell| std::str::from_utf8(cell).map(str::to_owned));
        let cells: Vec<String> = cells.collect::<Result<_, _>>().map_err(|_| refuse(Reason::NotText))?;
        Ok(Row { line, cells })
    }

    /// The row with the names of its columns, as it is kept.
    pub(super) fn raw(&self, row: &Row) -> Vec<u8> {
        let named: Vec<(&str, &str)> =
            self.header.iter().map(String::as_str).zip(row.cells.iter().map(String::as_str)).collect();
        serde_json::to_vec(&named).expect("texts always encode")
    }
}

impl Row {
    pub(super) const fn place(&self) -> Place {
        Place::Line(self.line)
    }

    /// The cell of a column, empty where there is no such column.
    pub(super) fn cell(&self, column: Option<usize>) -> &str {
        column.and_then(|column| self.cells.get(column)).map_or("", |cell| cell.trim())
    }

    pub(super) fn refuse(&self, field: &'static str, reason: Reason) -> SetAside {
        SetAside::new(self.place(), Some(field), reason)
    }
}
