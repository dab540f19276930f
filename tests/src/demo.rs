//! A running `tickerbox demo`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Longest time anything here may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// A `tickerbox demo` on a port of its own; killed when dropped.
#[derive(Debug)]
pub struct Demo {
    child: Child,
    address: SocketAddr,
}

impl Demo {
    /// Starts it on `data_dir` and waits until it tells its address.
    ///
    /// # Panics
    /// With what it said when it ends instead.
    #[must_use]
    pub fn start(data_dir: &Path, more: &[&str]) -> Self {
        Self::start_at(data_dir, SocketAddr::from(([127, 0, 0, 1], 0)), more)
    }

    /// The same at a given address.
    ///
    /// # Panics
    /// With what it said when it ends instead.
    #[must_use]
    pub fn start_at(data_dir: &Path, listen: SocketAddr, more: &[&str]) -> Self {
        Self::spawn(Command::new(crate::binary()), data_dir, listen, more)
    }

    /// [`start`](Self::start), and a write beyond a limit of the file size fails as on a full disk instead of ending it.
    ///
    /// # Panics
    /// With what it said when it ends instead.
    #[must_use]
    pub fn start_with_limits(data_dir: &Path, more: &[&str]) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]).arg(crate::binary());
        Self::spawn(shell, data_dir, SocketAddr::from(([127, 0, 0, 1], 0)), more)
    }

    /// The same as the image starts it: the launcher decides which program the demo is.
    ///
    /// # Panics
    /// With what it said when it ends instead.
    #[must_use]
    pub fn launch_at(data_dir: &Path, listen: SocketAddr, more: &[&str]) -> Self {
        let mut launcher = Command::new(crate::binary());
        launcher.args(["launch", "--updates"]).arg(data_dir.join("updates")).arg("--");
        Self::spawn(launcher, data_dir, listen, more)
    }

    /// Waits until its process has ended by itself.
    ///
    /// # Panics
    /// When it never does.
    pub fn wait(mut self) {
        let began = Instant::now();
        while self.child.try_wait().expect("a child").is_none() {
            assert!(began.elapsed() < PATIENCE, "it does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn spawn(mut program: Command, data_dir: &Path, listen: SocketAddr, more: &[&str]) -> Self {
        let child = program
            .args(["demo", "--listen", &listen.to_string(), "--data-dir"])
            .arg(data_dir)
            .args(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program can be started");
        let mut demo = Self { child, address: listen };
        let mut out = BufReader::new(demo.child.stdout.take().expect("piped"));
        let mut err = demo.child.stderr.take().expect("piped");
        let mut line = String::new();
        while out.read_line(&mut line).is_ok_and(|read| read > 0) {
            if let Some((_, address)) = line.trim().split_once("://") {
                demo.address = address.parse().unwrap_or_else(|error| panic!("{error}: {line:?}"));
                // Its messages are read away so that it never waits for a reader.
                std::thread::spawn(move || std::io::copy(&mut out, &mut std::io::sink()).ok());
                std::thread::spawn(move || std::io::copy(&mut err, &mut std::io::stderr()).ok());
                return demo;
            }
            line.clear();
        }
        let mut said = String::new();
        err.read_to_string(&mut said).ok();
        panic!("the demo ended: {said}");
    }

    /// Where the dashboard is.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// `/healthz`.
    ///
    /// # Panics
    /// When it does not answer with JSON.
    #[must_use]
    pub fn health(&self) -> Value {
        let (status, body) = get(self.address, "/healthz");
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{status}: {error} in {body:?}"))
    }

    /// Asks `/healthz` until `holds` does.
    ///
    /// # Panics
    /// With the last answer when it never does.
    #[track_caller]
    pub fn wait_until(&self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let health = self.health();
            if holds(&health) {
                return health;
            }
            assert!(began.elapsed() < PATIENCE, "never: {what}; last answer {health}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A plain HTTP GET: the status and the body.
///
/// # Panics
/// When there is no answer.
#[must_use]
pub fn get(address: SocketAddr, path: &str) -> (u16, String) {
    ask(address, "GET", path)
}

/// A plain HTTP request without a body: the status and the answer's body.
///
/// # Panics
/// When there is no answer.
#[must_use]
pub fn ask(address: SocketAddr, method: &str, path: &str) -> (u16, String) {
    send(address, method, path, b"")
}

/// A plain HTTP request: the status and the answer's body.
///
/// # Panics
/// When there is no answer.
#[must_use]
pub fn send(address: SocketAddr, method: &str, path: &str, body: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(address).expect("the program listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let length = body.len();
    let head =
        format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).expect("written");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no HTTP answer: {answer:?}"));
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    (status.unwrap_or_else(|| panic!("no status: {head:?}")), body.to_owned())
}
