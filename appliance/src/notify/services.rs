//! Services that are played: an HTTP server and a mail server on the loopback interface that behave as they are told, one way after the
//! other, and remember what they were asked.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// What an HTTP service does.
#[derive(Clone, Debug)]
pub(super) enum Way {
    /// Answers: status, more of the head, body.
    Answer(u16, &'static str, &'static str),
    /// Says nothing for so long.
    Slow(Duration),
    /// Hangs up once it has read the request.
    Cut,
}

impl Way {
    /// All good.
    pub(super) const NO_CONTENT: Self = Self::Answer(204, "", "");
    pub(super) const HTML_503: Self =
        Self::Answer(503, "content-type: text/html\r\n", "<html><title>error code: 503</title></html>");
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) path: String,
    /// Names in lower case.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Asked {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }
}

/// An HTTP service; the last of its ways stays.
pub(super) struct Service {
    pub(super) address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    ways: Arc<Mutex<VecDeque<Way>>>,
    task: JoinHandle<()>,
}

impl Drop for Service {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Service {
    pub(super) async fn start(ways: impl IntoIterator<Item = Way>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let ways: Arc<Mutex<VecDeque<Way>>> = Arc::new(Mutex::new(ways.into_iter().collect()));
        let (seen, next) = (asked.clone(), ways.clone());
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, seen.clone(), next.clone()));
            }
        });
        Self { address, asked, ways, task }
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("whole").clone()
    }

    pub(super) fn goes_on(&self, ways: impl IntoIterator<Item = Way>) {
        *self.ways.lock().expect("whole") = ways.into_iter().collect();
    }

    /// Waits until it was asked so often.
    pub(super) async fn was_asked(&self, times: usize) -> Vec<Asked> {
        let asked = async {
            while self.asked().len() < times {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), asked).await.expect("it is asked in time");
        self.asked()
    }
}

async fn serve(stream: TcpStream, asked: Arc<Mutex<Vec<Asked>>>, ways: Arc<Mutex<VecDeque<Way>>>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line).await.ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = Vec::new();
    loop {
        line.clear();
        stream.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim().split_once(": ") else { break };
        headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    let length =
        headers.iter().find(|(name, _)| name == "content-length").map_or(0, |(_, value)| value.parse().unwrap_or(0));
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    asked.lock().expect("whole").push(Asked { path, headers, body });
    let way = {
        let mut ways = ways.lock().expect("whole");
        if ways.len() > 1 { ways.pop_front() } else { ways.front().cloned() }
    };
    match way? {
        Way::Answer(status, head, body) => {
            let length = body.len();
            let answer =
                format!("HTTP/1.1 {status} Said\r\ncontent-length: {length}\r\nconnection: close\r\n{head}\r\n{body}");
            stream.write_all(answer.as_bytes()).await.ok()?;
            stream.shutdown().await.ok()
        }
        Way::Slow(time) => {
            tokio::time::sleep(time).await;
            None
        }
        Way::Cut => None,
    }
}

/// What a mail server does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Post {
    /// Takes the mail.
    Takes,
    /// 421 at the greeting.
    Closed,
    /// No STARTTLS.
    Plain,
    /// 451 after the mail.
    Later,
    /// 535 at the login.
    WrongLogin,
    /// 550 for the recipient.
    NoSuchUser,
}

/// A mail server for `localhost`, with a certificate of its own.
pub(super) struct PostOffice {
    pub(super) address: SocketAddr,
    /// PEM.
    pub(super) certificate: String,
    said: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Drop for PostOffice {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl PostOffice {
    pub(super) async fn start(way: Post, is_implicit: bool) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(own.signing_key.serialize_der()));
        let chain: Vec<CertificateDer<'static>> = vec![own.cert.der().clone()];
        let config = rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).expect("a key");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let said = Arc::<Mutex<Vec<String>>>::default();
        let heard = said.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, heard) = (acceptor.clone(), heard.clone());
                tokio::spawn(async move {
                    if is_implicit {
                        let encrypted = acceptor.accept(stream).await.ok()?;
                        return talk(BufReader::new(encrypted), way, true, &heard).await.map(drop);
                    }
                    let stream = talk(BufReader::new(stream), way, false, &heard).await?.into_inner();
                    let encrypted = acceptor.accept(stream).await.ok()?;
                    heard.lock().expect("whole").push("(encrypted)".to_owned());
                    talk(BufReader::new(encrypted), way, true, &heard).await.map(drop)
                });
            }
        });
        Self { address, certificate: own.cert.pem(), said, task }
    }

    /// Line by line, the mail too.
    pub(super) fn said(&self) -> Vec<String> {
        self.said.lock().expect("whole").clone()
    }
}

/// Until the client wants to be encrypted, then the stream; nothing when it goes.
async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: BufReader<S>,
    way: Post,
    is_encrypted: bool,
    said: &Mutex<Vec<String>>,
) -> Option<BufReader<S>> {
    let is_second = said.lock().expect("whole").iter().any(|line| line == "(encrypted)");
    if way == Post::Closed {
        stream.write_all(b"421 too busy\r\n").await.ok()?;
        return None;
    }
    // After STARTTLS nobody greets again.
    if !(is_encrypted && is_second) {
        stream.write_all(b"220 localhost ESMTP\r\n").await.ok()?;
    }
    let mut is_mail = false;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        let line = line.trim_end().to_owned();
        said.lock().expect("whole").push(line.clone());
        let verb = line.split(' ').next().unwrap_or_default().to_ascii_uppercase();
        let reply = match verb.as_str() {
            _ if is_mail && line != "." => continue,
            "." => {
                is_mail = false;
                if way == Post::Later { "451 try again later\r\n" } else { "250 2.0.0 queued as 7F\r\n" }
            }
            "EHLO" if is_encrypted => "250-localhost\r\n250-SIZE 1000000\r\n250 AUTH PLAIN LOGIN\r\n",
            "EHLO" if way == Post::Plain => "250-localhost\r\n250 AUTH PLAIN\r\n",
            "EHLO" => "250-localhost\r\n250 STARTTLS\r\n",
            "STARTTLS" => {
                stream.write_all(b"220 go ahead\r\n").await.ok()?;
                return Some(stream);
            }
            "AUTH" if way == Post::WrongLogin => "535 5.7.8 authentication failed\r\n",
            "AUTH" => "235 2.7.0 welcome\r\n",
            "RCPT" if way == Post::NoSuchUser => "550 5.1.1 no such user\r\n",
            "DATA" => {
                is_mail = true;
                "354 go on\r\n"
            }
            "QUIT" => {
                stream.write_all(b"221 bye\r\n").await.ok()?;
                return None;
            }
            _ => "250 ok\r\n",
        };
        stream.write_all(reply.as_bytes()).await.ok()?;
    }
}
