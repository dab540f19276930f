//! An HTTP request taken apart: method, path, query, headers.

use crate::frame::{HttpMethod, HttpRequest};

/// Query parameters taken from one request; more are ignored.
const PARAMETERS_MAX: usize = 32;

/// A request taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) method: HttpMethod,
    pub(crate) path: String,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
}

impl Request {
    /// Takes a request apart.
    pub(crate) fn of(http: &HttpRequest<'_>) -> Self {
        let headers = http.headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { method: http.method, headers, ..Self::parse(http.target) }
    }

    /// Takes `path?name=value&..` apart and decodes percent signs in the query.
    pub(crate) fn parse(target: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let query = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .take(PARAMETERS_MAX)
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                (decode(name), decode(value))
            })
            .collect();
        Self { method: HttpMethod::Get, path: path.to_owned(), query, headers: Vec::new() }
    }

    /// The value of a header, its name compared without case; an empty one counts as absent.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut named = self.headers.iter().filter(|(n, v)| n.eq_ignore_ascii_case(name) && !v.is_empty());
        named.next().map(|(_, value)| value.as_str())
    }

    /// The first value of a parameter; an empty one counts as absent.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(n, v)| n == name && !v.is_empty()).map(|(_, v)| v.as_str())
    }
}

/// Percent decoding; what is not a valid escape stays as it is.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let escaped = (byte == b'%').then(|| tail.get(..2)).flatten().and_then(hex);
        bytes.push(match (byte, escaped) {
            (_, Some(value)) => value,
            (b'+', None) => b' ',
            (other, None) => other,
        });
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(pair: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    Some((digit(pair[0])? * 16 + digit(pair[1])?) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_taken_apart() {
        let request = Request::parse("/api/v3/exchangeInfo?symbols=%5B%22BTCUSDT%22%5D&empty=&flag&odd=%zz%2");
        assert_eq!(request.path, "/api/v3/exchangeInfo");
        assert_eq!(request.get("symbols"), Some("[\"BTCUSDT\"]"));
        assert_eq!((request.get("empty"), request.get("flag"), request.get("none")), (None, None, None));
        assert_eq!(request.get("odd"), Some("%zz%2"));
        proptest::proptest!(|(target: String)| { let _ = Request::parse(&target); });
    }
}
