//! JSON item by item: a field that is not what it should be sets its item aside and no other.

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::{ITEM_BYTES_MAX, ITEMS_MAX, Place, ReadError, Reason, SetAside};

/// The items of an array, not decoded yet.
pub(super) fn items(array: &RawValue, what: &'static str) -> Result<Vec<Box<RawValue>>, ReadError> {
    if !array.get().starts_with('[') {
        return Err(ReadError::Shape(what));
    }
    let items: Vec<Box<RawValue>> = serde_json::from_str(array.get()).map_err(ReadError::NotJson)?;
    if items.len() > ITEMS_MAX { Err(ReadError::TooMany) } else { Ok(items) }
}

/// A whole payload, not decoded yet.
pub(super) fn whole(bytes: &[u8]) -> Result<&RawValue, ReadError> {
    if bytes.trim_ascii_start().starts_with(b"<") {
        return Err(ReadError::WebPage);
    }
    serde_json::from_slice(bytes).map_err(ReadError::NotJson)
}

/// The fields of an object, not decoded yet.
pub(super) fn object(
    value: &RawValue,
    what: &'static str,
) -> Result<std::collections::BTreeMap<String, Box<RawValue>>, ReadError> {
    if !value.get().starts_with('{') {
        return Err(ReadError::Shape(what));
    }
    serde_json::from_str(value.get()).map_err(ReadError::NotJson)
}

/// The fields of an item.
pub(super) struct Fields {
    pub(super) place: Place,
    map: Map<String, Value>,
}

impl Fields {
    pub(super) fn of(raw: &str, place: Place) -> Result<Self, SetAside> {
        let refuse = |reason| SetAside::new(place, None, reason);
        if raw.len() > ITEM_BYTES_MAX {
            return Err(refuse(Reason::TooLong { bytes: raw.len(), max: ITEM_BYTES_MAX }));
        }
        match serde_json::from_str(raw) {
            Ok(Value::Object(map)) => Ok(Self { place, map }),
            _ => Err(refuse(Reason::WrongType("a JSON object"))),
        }
    }

    pub(super) fn refuse(&self, field: &'static str, reason: Reason) -> SetAside {
        SetAside::new(self.place, Some(field), reason)
    }

    pub(super) fn has(&self, field: &str) -> bool {
        self.map.get(field).is_some_and(|value| !value.is_null())
    }

    /// A text; `None` where there is none or null.
    pub(super) fn text(&self, field: &'static str) -> Result<Option<&str>, SetAside> {
        match self.map.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.refuse(field, Reason::WrongType("a text"))),
        }
    }

    /// A text that has to be there and is not blank.
    pub(super) fn need(&self, field: &'static str) -> Result<&str, SetAside> {
        let text = self.text(field)?.filter(|text| !text.trim().is_empty());
        text.ok_or_else(|| self.refuse(field, Reason::Missing))
    }

    /// A name: a text, or a whole number as its digits. Larger than a float can tell is usual.
    pub(super) fn id(&self, field: &'static str) -> Result<Option<String>, SetAside> {
        match self.map.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty())),
            Some(Value::Number(number)) if !number.is_f64() => Ok(Some(number.to_string())),
            Some(_) => Err(self.refuse(field, Reason::WrongType("a text or a whole number"))),
        }
    }

    pub(super) fn number(&self, field: &'static str) -> Result<Option<f64>, SetAside> {
        match self.map.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                let number = value.as_f64().filter(|number| number.is_finite());
                number.map(Some).ok_or_else(|| self.refuse(field, Reason::WrongType("a number")))
            }
        }
    }

    pub(super) fn integer(&self, field: &'static str) -> Result<Option<i64>, SetAside> {
        match self.map.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                value.as_i64().map(Some).ok_or_else(|| self.refuse(field, Reason::WrongType("a whole number")))
            }
        }
    }

    pub(super) fn is_true(&self, field: &str) -> bool {
        self.map.get(field).and_then(Value::as_bool).unwrap_or(false)
    }

    pub(super) fn object(&self, field: &str) -> Option<Self> {
        let map = self.map.get(field)?.as_object()?;
        Some(Self { place: self.place, map: map.clone() })
    }

    /// How many values a list has; `None` where there is no list.
    pub(super) fn list_len(&self, field: &str) -> Option<usize> {
        self.map.get(field)?.as_array().map(Vec::len)
    }
}
