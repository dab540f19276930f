//! Somebody who asks a box over HTTP: from an address, with a cookie or a token, as a browser or as nobody would.

use std::fmt::Write as _;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a box answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Of HTTP.
    pub status: u16,
    /// Names in small letters.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Answer {
    /// The first header of that name, in small letters.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body.
    ///
    /// # Panics
    /// When it is no JSON.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// The secret that a browser would keep.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    #[track_caller]
    pub fn cookie(&self) -> String {
        let cookie = self.header("set-cookie").unwrap_or_else(|| panic!("no cookie in {self:?}"));
        cookie.split(';').next().expect("a text has a first part").to_owned()
    }

    /// Reads an answer to the end of its connection.
    ///
    /// # Panics
    /// When it is none of HTTP.
    #[must_use]
    pub fn parse(answer: &[u8]) -> Self {
        let text = String::from_utf8_lossy(answer);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no HTTP answer: {text:?}"));
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        let headers = head.lines().skip(1).filter_map(|line| line.split_once(": "));
        Self {
            status: status.unwrap_or_else(|| panic!("no status: {head:?}")),
            headers: headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect(),
            body: body.to_owned(),
        }
    }
}

/// Somebody.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// The box.
    pub to: SocketAddr,
    /// From where; any address of the loopback network.
    pub from: Ipv4Addr,
    /// Headers of each request.
    pub headers: Vec<(&'static str, String)>,
}

impl Visitor {
    /// Nobody, from 127.0.0.1.
    #[must_use]
    pub fn new(to: SocketAddr) -> Self {
        Self { to, from: Ipv4Addr::LOCALHOST, headers: Vec::new() }
    }

    /// The same from another address.
    #[must_use]
    pub fn at(&self, from: [u8; 4]) -> Self {
        Self { from: from.into(), ..self.clone() }
    }

    /// The same with one header more.
    #[must_use]
    pub fn with(&self, name: &'static str, value: &str) -> Self {
        let mut more = self.clone();
        more.headers.push((name, value.to_owned()));
        more
    }

    /// A connection that says nothing yet.
    ///
    /// # Errors
    /// The box cannot be reached.
    ///
    /// # Panics
    /// When the system has no sockets.
    pub fn connect(&self) -> std::io::Result<TcpStream> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().expect("a runtime");
        let stream = runtime.block_on(async {
            let socket = tokio::net::TcpSocket::new_v4()?;
            socket.bind((self.from, 0).into())?;
            socket.connect(self.to).await?.into_std()
        })?;
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(stream)
    }

    /// The text of a request.
    #[must_use]
    pub fn head(&self, method: &str, path: &str, more: &str) -> String {
        let mut head = format!("{method} {path} HTTP/1.1\r\n{more}");
        if !self.headers.iter().any(|(name, _)| *name == "host") {
            write!(head, "host: {}\r\n", self.to).expect("a text");
        }
        for (name, value) in &self.headers {
            write!(head, "{name}: {value}\r\n").expect("a text");
        }
        head + "\r\n"
    }

    /// Asks.
    ///
    /// # Panics
    /// When nobody answers.
    #[must_use]
    #[track_caller]
    pub fn ask(&self, method: &str, path: &str, body: &[u8]) -> Answer {
        let mut stream = self.connect().expect("the box listens");
        let head = self.head(method, path, &format!("content-length: {}\r\nconnection: close\r\n", body.len()));
        stream.write_all(head.as_bytes()).expect("written");
        // Who is refused may hear so before it has said everything.
        let _ = stream.write_all(body);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        Answer::parse(&answer)
    }

    /// Asks without a body.
    ///
    /// # Panics
    /// When nobody answers.
    #[must_use]
    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, b"")
    }

    /// Sends JSON.
    ///
    /// # Panics
    /// When nobody answers.
    #[must_use]
    #[track_caller]
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask("POST", path, body.to_string().as_bytes())
    }
}

/// The connections that the box has not closed and on which it says nothing; from now on they do not wait.
///
/// # Panics
/// When the system has no sockets.
#[must_use]
pub fn still_open(streams: Vec<TcpStream>) -> Vec<TcpStream> {
    let is_open = |stream: &TcpStream| {
        stream.set_nonblocking(true).expect("a socket");
        matches!((&*stream).read(&mut [0]), Err(error) if error.kind() == ErrorKind::WouldBlock)
    };
    streams.into_iter().filter(is_open).collect()
}
