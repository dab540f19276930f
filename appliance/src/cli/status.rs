//! `tickerbox status`: asks a running box how it is.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;

/// Longest time for each step of the question.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Largest answer that is read, bytes.
const ANSWER_BYTES_MAX: u64 = 1 << 20;

/// Asks a running box how it is (`GET /healthz`).
///
/// Exit code 0: it says `ok`; 1: it does not, or nobody answers.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where the box is.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// Print the answer as it came, one JSON object.
    #[arg(long)]
    json: bool,
}

impl Args {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let health = ask(&self.url)?;
        let is_ok = health.get("status").and_then(Value::as_str) == Some("ok");
        if self.json {
            super::print_json(&health)?;
        } else {
            let mut lines = String::new();
            outline(&health, "", &mut lines);
            std::io::stdout().lock().write_all(lines.as_bytes())?;
        }
        Ok(if is_ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// Fetches `/healthz`. Plain HTTP on the home network: one request, one answer, the connection ends.
pub(super) fn ask(url: &str) -> anyhow::Result<Value> {
    let host = url.strip_prefix("http://").map(|rest| rest.trim_end_matches('/'));
    let host = host.filter(|host| !host.is_empty() && !host.contains(['/', '@', '?', '#', ' ', '\r', '\n']));
    let host = host.with_context(|| format!("{url:?} is not an address such as http://127.0.0.1:8080"))?;
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let target = if has_port { host.to_owned() } else { format!("{host}:80") };
    let unreachable = || format!("no box answers at {url}; is it running?");

    let address = target.to_socket_addrs().with_context(unreachable)?.next().with_context(unreachable)?;
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT).with_context(unreachable)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    // HTTP/1.0, so that the answer comes in one piece and ends with the connection.
    write!(stream, "GET /healthz HTTP/1.0\r\nHost: {host}\r\nAccept: application/json\r\n\r\n")
        .with_context(unreachable)?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).with_context(unreachable)?;
    body(&answer).with_context(|| format!("{url} answers, but not like a Tickerbox"))
}

/// The JSON of an HTTP answer. A box that is not well answers 503 with the same JSON.
fn body(answer: &[u8]) -> anyhow::Result<Value> {
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n").context("no HTTP header")?;
    let (head, body) = (&answer[..end], &answer[end + 4..]);
    let status = head.split(|b| *b == b'\r').next().unwrap_or_default();
    anyhow::ensure!(status.starts_with(b"HTTP/1."), "no HTTP header");
    let value: Value =
        serde_json::from_slice(body).with_context(|| format!("{} without JSON", String::from_utf8_lossy(status)))?;
    anyhow::ensure!(value.get("status").is_some(), "JSON without a status");
    Ok(value)
}

/// One line for each value, `store.last_seq: 12`.
fn outline(value: &Value, path: &str, lines: &mut String) {
    let join = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, value)| outline(value, &join(key), lines)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(n, value)| outline(value, &join(&n.to_string()), lines));
        }
        Value::String(text) => lines.push_str(&format!("{path}: {text}\n")),
        other => lines.push_str(&format!("{path}: {other}\n")),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// Asks a server that gives one fixed answer.
    fn ask_one(answer: &'static str) -> anyhow::Result<Value> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                request.extend(byte);
            }
            assert!(request.starts_with(b"GET /healthz HTTP/1.0\r\nHost: 127.0.0.1:"));
            stream.write_all(answer.as_bytes()).unwrap();
        });
        let value = ask(&url);
        server.join().unwrap();
        value
    }

    #[test]
    fn an_answer_is_read_whatever_its_code() {
        let well = ask_one(
            "HTTP/1.0 200 OK\r\ncontent-type: application/json\r\n\r\n{\"status\":\"ok\",\"store\":{\"seq\":7}}",
        );
        let well = well.unwrap();
        let mut lines = String::new();
        outline(&well, "", &mut lines);
        assert_eq!(lines, "status: ok\nstore.seq: 7\n");
        let ill = ask_one("HTTP/1.1 503 Service Unavailable\r\n\r\n{\"status\":\"degraded\"}").unwrap();
        assert_eq!(ill["status"], "degraded");
    }

    #[test]
    fn who_is_no_box_is_told() {
        for answer in
            ["", "SSH-2.0-OpenSSH_9.6\r\n", "HTTP/1.1 404 Not Found\r\n\r\nnothing", "HTTP/1.1 200 OK\r\n\r\n{}"]
        {
            let error = format!("{:#}", ask_one(answer).unwrap_err());
            assert!(error.contains("answers, but not like a Tickerbox"), "{error}");
        }
        for url in ["https://x", "x", "http://", "http://a/b", "http://a\r\nb"] {
            let error = ask(url).unwrap_err().to_string();
            assert!(error.contains("is not an address such as"), "{error}");
        }
    }

    #[test]
    fn nobody_there_is_told() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let error = format!("{:#}", ask(&format!("http://{free}")).unwrap_err());
        assert!(error.contains("no box answers at http://127.0.0.1:"), "{error}");
    }
}
