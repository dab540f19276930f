//! Speaks with a mail server. Nothing is said before the connection is encrypted, and to a server that does not encrypt nothing at all.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, AsyncTokioStream, Certificate, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::{Error, response::Response};
use notify::channel::mail::{Server, Tls};
use notify::{Answer, Mail};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::log::without_secrets;
use crate::venue::Network;

/// Sends a mail; waits as long as the server takes.
pub(super) async fn send(network: &Network, server: &Server, mail: &Mail) -> Answer {
    match attempt(network, server, mail).await {
        Ok(response) => {
            let text = response.first_line().unwrap_or_default().to_owned();
            Answer::Smtp { code: response.code().into(), text }
        }
        Err(answer) => answer,
    }
}

async fn attempt(network: &Network, server: &Server, mail: &Mail) -> Result<Response, Answer> {
    let nothing = |error: anyhow::Error| Answer::Nothing(without_secrets(&format!("{error:#}")));
    let stream = network.connect(&server.host, server.port).await.map_err(nothing)?;
    let hello = ClientId::default();
    let mut connection = match server.tls {
        Tls::Implicit => {
            let name = ServerName::try_from(server.host.clone()).map_err(|error| nothing(error.into()))?;
            let encrypted = TlsConnector::from(network.tls()).connect(name, stream).await;
            let encrypted = Encrypted(encrypted.map_err(|error| nothing(error.into()))?);
            AsyncSmtpConnection::connect_with_transport(Box::new(encrypted), &hello)
                .await
                .map_err(|error| told(&error))?
        }
        Tls::Starttls => {
            let mut connection = AsyncSmtpConnection::connect_with_transport(Box::new(stream), &hello)
                .await
                .map_err(|error| told(&error))?;
            if !connection.can_starttls() {
                connection.abort().await;
                return Err(Answer::Forbidden(
                    "the server does not encrypt (it offers no STARTTLS), so nothing was sent".to_owned(),
                ));
            }
            let parameters = parameters(network, &server.host).map_err(|error| told(&error))?;
            connection.starttls(parameters, &hello).await.map_err(|error| told(&error))?;
            connection
        }
    };
    if !server.user.is_empty() {
        let credentials = Credentials::new(server.user.clone(), server.password.expose().to_owned());
        let mechanisms = [Mechanism::Plain, Mechanism::Login];
        connection.auth(&mechanisms, &credentials).await.map_err(|error| told(&error))?;
    }
    let response = connection.send(&mail.envelope, &mail.bytes).await.map_err(|error| told(&error))?;
    // The mail is theirs now, whatever becomes of the goodbye.
    let _ = connection.quit().await;
    Ok(response)
}

/// Whose certificates are believed: the system's and the network's.
fn parameters(network: &Network, host: &str) -> Result<TlsParameters, Error> {
    let mut parameters = TlsParameters::builder(host.to_owned());
    for certificate in network.believed() {
        parameters = parameters.add_root_certificate(Certificate::from_der(certificate.to_vec())?);
    }
    parameters.build_rustls()
}

/// A reply that is no good, or none.
fn told(error: &Error) -> Answer {
    let mut words = error.to_string();
    match error.status() {
        Some(code) => {
            // "permanent error (535): no such user": the words behind the code are the server's.
            let text = words.split_once("): ").map(|(_, text)| text.to_owned()).unwrap_or_default();
            Answer::Smtp { code: code.into(), text: without_secrets(&text) }
        }
        None => {
            let mut source = std::error::Error::source(error).and_then(std::error::Error::source);
            while let Some(reason) = source {
                words = format!("{words}: {reason}");
                source = reason.source();
            }
            Answer::Nothing(without_secrets(&words))
        }
    }
}

/// A connection that was encrypted before it was handed over.
struct Encrypted(TlsStream<TcpStream>);

impl fmt::Debug for Encrypted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Encrypted(..)")
    }
}

impl AsyncTokioStream for Encrypted {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.get_ref().0.peer_addr()
    }
}

impl AsyncRead for Encrypted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Encrypted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
