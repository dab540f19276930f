//! Why a message cannot be read.

use std::fmt;

use serde::Deserialize;

use crate::io::RejectReason;
use crate::number::NumberError;

/// A message, or a part of one, that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub(crate) struct DecodeError {
    pub(crate) reason: RejectReason,
    pub(crate) detail: String,
    /// The text ended too early.
    pub(crate) is_cut_off: bool,
}

impl DecodeError {
    pub(crate) fn malformed(detail: impl fmt::Display) -> Self {
        Self::new(RejectReason::Malformed, detail)
    }

    pub(crate) fn unknown(detail: impl fmt::Display) -> Self {
        Self::new(RejectReason::UnknownMessage, detail)
    }

    /// About an instrument that nobody asked for.
    pub(crate) fn unknown_symbol(symbol: &str) -> Self {
        Self::new(RejectReason::UnknownSymbol, format_args!("{symbol:?} was not asked for"))
    }

    pub(crate) fn new(reason: RejectReason, detail: impl fmt::Display) -> Self {
        Self { reason, detail: detail.to_string(), is_cut_off: false }
    }
}

impl From<NumberError> for DecodeError {
    fn from(error: NumberError) -> Self {
        Self::new(error.reason(), error)
    }
}

/// Reads JSON text into a value that may borrow from it.
pub(crate) fn from_json<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, DecodeError> {
    serde_json::from_str(text).map_err(|error| {
        // A number that ends in its point is bad syntax to the reader, but what follows may only be missing.
        let is_at_end = error.is_syntax() && error.line() == 1 && error.column() >= text.len();
        DecodeError { is_cut_off: error.is_eof() || is_at_end, ..DecodeError::malformed(error) }
    })
}

/// A message as text.
pub(crate) fn text(bytes: &[u8]) -> Result<&str, DecodeError> {
    std::str::from_utf8(bytes).map_err(|error| DecodeError::malformed(format_args!("not UTF-8 text: {error}")))
}
