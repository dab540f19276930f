//! Leave to connect to the classic feed (protocol section 2.1): a token and the servers that take it.

use core::fmt::Write;

use serde::Deserialize;

use super::messages::Pings;
use super::rest::{self, AnswerError};
use crate::decode::DecodeError;
use crate::io::Target;
use crate::number::Text;

/// Where to connect, and how to keep the connection alive.
#[derive(Debug)]
pub(crate) struct Leave {
    pub(crate) target: Target,
    pub(crate) pings: Pings,
}

/// Reads the answer to a request for a token. Of the servers it names the one with this number, counted round, is
/// taken. The token must not be used twice, nor told to anybody: nothing of the answer stands in an error.
pub(crate) fn read(body: &[u8], server: usize, connect_id: &str) -> Result<Leave, AnswerError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Answer<'a> {
        #[serde(borrow)]
        token: Text<'a>,
        #[serde(borrow)]
        instance_servers: Vec<Server<'a>>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Server<'a> {
        #[serde(borrow)]
        endpoint: Text<'a>,
        #[serde(default)]
        ping_interval: Option<u64>,
        #[serde(default)]
        ping_timeout: Option<u64>,
    }
    let Answer { token, instance_servers } = rest::data(body).map_err(|error| match error {
        AnswerError::Unreadable(_) => AnswerError::Unreadable(DecodeError::malformed("not a token and its servers")),
        venue => venue,
    })?;
    let count = instance_servers.len();
    let server = server.checked_rem(count).and_then(|index| instance_servers.get(index));
    let server = server.ok_or_else(|| DecodeError::malformed("a token without a server"))?;
    let (base, path) = split(server.endpoint.as_str())
        .ok_or_else(|| DecodeError::malformed(format_args!("no WebSocket address: {:?}", server.endpoint.as_str())))?;
    let token = encoded(token.as_str());
    Ok(Leave {
        target: Target { base: Some(base.to_owned()), path: format!("{path}?token={token}&connectId={connect_id}") },
        pings: Pings::from_millis(server.ping_interval, server.ping_timeout),
    })
}

/// The base and the path of an address, which may be without one.
fn split(endpoint: &str) -> Option<(&str, &str)> {
    let host = endpoint.strip_prefix("wss://").or_else(|| endpoint.strip_prefix("ws://"))?;
    let is_plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'/' | b'[' | b']');
    if host.is_empty() || host.len() > 200 || !host.bytes().all(is_plain) {
        return None;
    }
    let path_at = endpoint.len() - host.len() + host.find('/').unwrap_or(host.len());
    let (base, path) = endpoint.split_at(path_at);
    Some((base, if path.is_empty() { "/" } else { path }))
}

/// Percent-encoded for a query.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("strings take everything");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const RECORDED: &str = include_str!("../../fixtures/kucoin_bullet_public.json");

    fn leave(endpoint: &str, server: usize) -> Result<Leave, AnswerError> {
        let body = format!(
            r#"{{"code":"200000","data":{{"token":"a+b/c=","instanceServers":[{{"endpoint":"wss://one.example/"}},{{"endpoint":"{endpoint}","encrypt":true,"protocol":"websocket","pingInterval":30000,"pingTimeout":5000}}]}}}}"#
        );
        read(body.as_bytes(), server, "box-1")
    }

    #[test]
    fn the_recorded_answer_is_leave_to_connect() {
        let leave = read(RECORDED.as_bytes(), 0, "box-1").expect("leave");
        assert_eq!(leave.target.base.as_deref(), Some("wss://ws-api-spot.kucoin.com"));
        assert_eq!(leave.target.path, "/?token=2neAiuYvAU61...&connectId=box-1");
        assert_eq!(leave.pings, Pings::USUAL);
    }

    #[test]
    fn servers_take_turns_and_the_token_is_encoded() {
        let first = leave("wss://two.example:8443/endpoint", 2).expect("leave");
        assert_eq!(first.target.base.as_deref(), Some("wss://one.example"));
        assert_eq!(first.pings, Pings::USUAL, "what is not told is as usual");
        let second = leave("wss://two.example:8443/endpoint", 1).expect("leave");
        assert_eq!(second.target.base.as_deref(), Some("wss://two.example:8443"));
        assert_eq!(second.target.path, "/endpoint?token=a%2Bb%2Fc%3D&connectId=box-1");
        let told = Pings { every: Duration::from_secs(30), answer_within: Duration::from_secs(5) };
        assert_eq!(second.pings, told);
        assert_eq!(leave("ws://127.0.0.1:9000", 1).expect("leave").target.path, "/?token=a%2Bb%2Fc%3D&connectId=box-1");
    }

    #[test]
    fn what_is_no_leave_says_so_without_the_token() {
        for endpoint in ["https://two.example/", "wss://", "wss://two.example/?x=1", "wss://two example/", "wss://a@b/"]
        {
            let error = leave(endpoint, 1).expect_err("no address");
            assert!(error.to_string().starts_with("no WebSocket address"), "{error}");
        }
        let refused = read(br#"{"msg":"Method Not Allowed","code":"405000"}"#, 0, "x").expect_err("refused");
        assert_eq!(refused.to_string(), "Method Not Allowed (405000)");
        let none = read(br#"{"code":"200000","data":{"token":"SECRET","instanceServers":[]}}"#, 0, "x");
        assert_eq!(none.expect_err("no server").to_string(), "a token without a server");
        let odd = read(br#"{"code":"200000","data":{"token":"SECRET","instanceServers":"SECRET"}}"#, 0, "x");
        assert!(!odd.expect_err("no list").to_string().contains("SECRET"));
    }
}
