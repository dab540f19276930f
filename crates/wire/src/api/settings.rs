//! The settings of the box, and changes to them.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write};

use serde::de::{self, Visitor};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Answer of `GET /api/v1/settings`, and of `POST` after the change.
///
/// A setting has the value of the command line; without one, that of the file of changes, which `POST` writes; without one, that of the
/// configuration file; without one, its default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Settings {
    /// All sections, in the order of the documentation.
    pub sections: Vec<SettingSection>,
    /// All keys, in the order of the documentation.
    pub settings: Vec<Setting>,
    /// The configuration file that the box was started with.
    pub config_file: Option<String>,
    /// The file of changes that are made here.
    pub changes_file: String,
    /// Why the box runs without the file of changes: it is damaged. A change writes a new one and keeps the damaged one beside it.
    /// Empty while all is well.
    pub error: String,
    /// True while something stored here waits for a restart.
    pub restart_needed: bool,
    /// Whether `POST /api/v1/restart` works on this machine.
    pub can_restart: bool,
}

/// A section of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SettingSection {
    /// `engine.risk`.
    pub name: String,
    /// What it is about.
    pub help: String,
}

/// One key of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Setting {
    /// `engine.risk.daily_loss_max_ppm`.
    pub key: String,
    /// `engine.risk`.
    pub section: String,
    /// What it does, its unit and what it may be.
    pub help: String,
    /// What it may hold.
    pub kind: SettingKind,
    /// What it must be, as the end of a sentence: `a whole number from 1 to 1000000`.
    pub must_be: String,
    /// Its default; null where it is left out by default.
    pub default: Option<SettingValue>,
    /// What the box runs with.
    pub value: Option<SettingValue>,
    /// What it will run with after a restart.
    pub next: Option<SettingValue>,
    /// What was stored here; null where nothing is.
    pub changed: Option<SettingValue>,
    /// Where `next` comes from.
    pub source: SettingSource,
    /// Whether it may hold a secret. Of a secret only what is none is shown: `http://***@proxy.lan:3128`.
    pub secret: bool,
    /// Whether a change takes effect at the next start only.
    pub needs_restart: bool,
    /// Why it cannot be changed here; empty where it can.
    pub fixed: String,
}

/// What a key may hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SettingKind {
    /// True or false.
    Switch,
    /// A whole number.
    Number {
        /// The least.
        min: i64,
        /// The most.
        max: i64,
    },
    /// One of some whole numbers.
    NumberOf(Vec<i64>),
    /// One of some words.
    Word(Vec<String>),
    /// A text.
    Text,
    /// A list of texts.
    Texts,
    /// A list of whole numbers.
    Numbers,
    /// A list of tables.
    Rows,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SettingSource {
    /// Nobody said anything.
    #[default]
    Default,
    /// The configuration file.
    File,
    /// The file of changes.
    Changes,
    /// The command line, or the built-in market.
    Start,
}

/// Body of `POST /api/v1/settings`, in JSON; [`Display`](fmt::Display) writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SettingChanges {
    /// By key; null takes the stored value back, so that the configuration file's or the default counts again.
    #[cfg_attr(feature = "schema", schema(schema_with = changes_schema))]
    pub changes: BTreeMap<String, Option<SettingValue>>,
}

impl fmt::Display for SettingChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{\"changes\":{")?;
        for (place, (key, value)) in self.changes.iter().enumerate() {
            write!(f, "{}{}:", if place > 0 { "," } else { "" }, Quoted(key))?;
            match value {
                Some(value) => write!(f, "{value}")?,
                None => f.write_str("null")?,
            }
        }
        f.write_str("}}")
    }
}

/// Answer of `POST /api/v1/settings` when something is wrong with the changes (400): nothing was stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SettingsRefused {
    /// In one sentence.
    pub error: String,
    /// Everything that is wrong.
    pub problems: Vec<SettingProblem>,
}

/// What is wrong with a value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SettingProblem {
    /// Which key.
    pub key: String,
    /// What is wrong, as the end of a sentence that begins with the key.
    pub problem: String,
}

/// A value of the configuration. In JSON it is plain: `40000`, `"forecast"`, `["BTC/USD"]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingValue {
    /// True or false.
    Switch(bool),
    /// A whole number.
    Number(i64),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<SettingValue>),
    /// A table.
    Table(BTreeMap<String, SettingValue>),
}

/// Null is no value: where one may lack, that is said there.
#[cfg(feature = "schema")]
const VALUE_TYPES: [utoipa::openapi::schema::Type; 5] = {
    use utoipa::openapi::schema::Type;
    [Type::Boolean, Type::Integer, Type::String, Type::Array, Type::Object]
};

#[cfg(feature = "schema")]
fn value_schema(types: impl Iterator<Item = utoipa::openapi::schema::Type>) -> utoipa::openapi::schema::ObjectBuilder {
    utoipa::openapi::schema::ObjectBuilder::new()
        .schema_type(types.collect::<utoipa::openapi::schema::SchemaType>())
        .description(Some("true, false, a whole number, a text, a list or a table"))
}

#[cfg(feature = "schema")]
pub(super) fn changes_schema() -> utoipa::openapi::schema::ObjectBuilder {
    let types = VALUE_TYPES.into_iter().chain([utoipa::openapi::schema::Type::Null]);
    utoipa::openapi::schema::ObjectBuilder::new().additional_properties(Some(value_schema(types))).description(Some(
        "By key; null takes the stored value back, so that the configuration file's or the default counts again.",
    ))
}

#[cfg(feature = "schema")]
impl utoipa::PartialSchema for SettingValue {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        value_schema(VALUE_TYPES.into_iter()).into()
    }
}

#[cfg(feature = "schema")]
impl utoipa::ToSchema for SettingValue {}

/// As JSON.
impl fmt::Display for SettingValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Switch(value) => write!(f, "{value}"),
            Self::Number(value) => write!(f, "{value}"),
            Self::Text(value) => write!(f, "{}", Quoted(value)),
            Self::List(values) => {
                f.write_str("[")?;
                for (place, value) in values.iter().enumerate() {
                    write!(f, "{}{value}", if place > 0 { "," } else { "" })?;
                }
                f.write_str("]")
            }
            Self::Table(values) => {
                f.write_str("{")?;
                for (place, (key, value)) in values.iter().enumerate() {
                    write!(f, "{}{}:{value}", if place > 0 { "," } else { "" }, Quoted(key))?;
                }
                f.write_str("}")
            }
        }
    }
}

/// A text of JSON.
struct Quoted<'t>(&'t str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for letter in self.0.chars() {
            match letter {
                '"' | '\\' => write!(f, "\\{letter}")?,
                control if control < ' ' => write!(f, "\\u{:04x}", u32::from(control))?,
                other => f.write_char(other)?,
            }
        }
        f.write_char('"')
    }
}

impl Serialize for SettingValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        const NAME: &str = "SettingValue";
        if !serializer.is_human_readable() {
            // As derived for `Carried`: postcard does not describe itself.
            return match self {
                Self::Switch(value) => serializer.serialize_newtype_variant(NAME, 0, "Switch", value),
                Self::Number(value) => serializer.serialize_newtype_variant(NAME, 1, "Number", value),
                Self::Text(value) => serializer.serialize_newtype_variant(NAME, 2, "Text", value),
                Self::List(value) => serializer.serialize_newtype_variant(NAME, 3, "List", value),
                Self::Table(value) => serializer.serialize_newtype_variant(NAME, 4, "Table", value),
            };
        }
        match self {
            Self::Switch(value) => serializer.serialize_bool(*value),
            Self::Number(value) => serializer.serialize_i64(*value),
            Self::Text(value) => serializer.serialize_str(value),
            Self::List(values) => {
                let mut list = serializer.serialize_seq(Some(values.len()))?;
                values.iter().try_for_each(|value| list.serialize_element(value))?;
                list.end()
            }
            Self::Table(values) => {
                let mut table = serializer.serialize_map(Some(values.len()))?;
                values.iter().try_for_each(|(key, value)| table.serialize_entry(key, value))?;
                table.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for SettingValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// The same, told apart by a number instead of by itself.
        #[derive(Deserialize)]
        enum Carried {
            Switch(bool),
            Number(i64),
            Text(String),
            List(Vec<SettingValue>),
            Table(BTreeMap<String, SettingValue>),
        }
        if deserializer.is_human_readable() {
            return deserializer.deserialize_any(Plain);
        }
        Ok(match Carried::deserialize(deserializer)? {
            Carried::Switch(value) => Self::Switch(value),
            Carried::Number(value) => Self::Number(value),
            Carried::Text(value) => Self::Text(value),
            Carried::List(value) => Self::List(value),
            Carried::Table(value) => Self::Table(value),
        })
    }
}

/// Reads a value that describes itself.
struct Plain;

impl<'de> Visitor<'de> for Plain {
    type Value = SettingValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true, false, a whole number, a text, a list or a table")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<SettingValue, E> {
        Ok(SettingValue::Switch(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<SettingValue, E> {
        Ok(SettingValue::Number(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<SettingValue, E> {
        i64::try_from(value).map(SettingValue::Number).map_err(|_| E::custom("the number is too large"))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<SettingValue, E> {
        Ok(SettingValue::Text(value.into()))
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<SettingValue, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element()? {
            values.push(value);
        }
        Ok(SettingValue::List(values))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut table: A) -> Result<SettingValue, A::Error> {
        let mut values = BTreeMap::new();
        while let Some((key, value)) = table.next_entry()? {
            values.insert(key, value);
        }
        Ok(SettingValue::Table(values))
    }
}

#[cfg(test)]
mod tests {
    use alloc::borrow::ToOwned;
    use alloc::string::ToString;
    use alloc::vec;

    use super::*;

    #[test]
    fn the_body_of_a_change_is_json() {
        let texts = SettingValue::List(vec![SettingValue::Text("a\"\\\n".to_owned()), SettingValue::Switch(false)]);
        let row = SettingValue::Table(BTreeMap::from([("n".to_owned(), SettingValue::Number(7))]));
        let changes = [("x", Some(texts)), ("y", Some(row)), ("z", None)].map(|(key, value)| (key.to_owned(), value));
        let body = SettingChanges { changes: BTreeMap::from(changes) }.to_string();
        assert_eq!(body, r#"{"changes":{"x":["a\"\\\u000a",false],"y":{"n":7},"z":null}}"#);
    }

    #[test]
    fn values_survive_postcard_and_are_not_read_beyond_their_end() {
        let row = BTreeMap::from([("name".to_owned(), SettingValue::Text("slow".to_owned()))]);
        let values = vec![
            SettingValue::Switch(true),
            SettingValue::Number(-5),
            SettingValue::List(vec![SettingValue::Table(row), SettingValue::Number(i64::MAX)]),
        ];
        let changes = SettingChanges {
            changes: values
                .into_iter()
                .zip(["a", "b", "c"])
                .map(|(value, key)| (key.to_owned(), Some(value)))
                .collect(),
        };
        let bytes = crate::encode(&changes);
        assert_eq!(crate::decode::<SettingChanges>(&bytes).unwrap(), changes);
        assert!(crate::decode::<SettingChanges>(&bytes[..bytes.len() - 1]).is_err());
    }
}
