//! How the box reaches the world: directly or through a proxy, and whose certificates it believes.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use axum::http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use reqwest::Url;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tower_service::Service;

use crate::config::NetworkSection;

/// The way out. Made once; cheap to clone.
#[derive(Clone)]
pub(crate) struct Network {
    proxy: Option<Proxy>,
    tls: Arc<ClientConfig>,
    /// Of `network.ca_file`.
    believed: Arc<[CertificateDer<'static>]>,
}

/// A proxy that connections go through.
#[derive(Clone)]
struct Proxy {
    kind: Kind,
    /// As configured, for requests.
    url: Url,
    /// The same taken apart: its address and who we are there.
    place: Intercept,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// HTTP's `CONNECT`.
    Tunnel,
    /// SOCKS version 5; the proxy looks up names.
    Socks,
}

impl Network {
    /// Prepares the way out.
    ///
    /// # Errors
    /// When the proxy's address or the file of certificates cannot be used.
    pub(crate) fn new(section: &NetworkSection) -> anyhow::Result<Self> {
        let proxy = section.proxy.as_deref().map(Proxy::parse).transpose().context("network.proxy")?;
        let mut roots = RootCertStore::empty();
        let native = rustls_native_certs::load_native_certs();
        for error in &native.errors {
            tracing::warn!("certificates of the system: {error}");
        }
        roots.add_parsable_certificates(native.certs);
        let believed = match &section.ca_file {
            Some(path) => {
                add_certificates(&mut roots, path).with_context(|| format!("network.ca_file: {}", path.display()))?
            }
            None => Vec::new(),
        };
        // A second start in the same process (tests) finds it installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let tls = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        Ok(Self { proxy, tls: Arc::new(tls), believed: believed.into() })
    }

    /// Whether a text is the address of a proxy.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn check_proxy(text: &str) -> anyhow::Result<()> {
        Proxy::parse(text).map(drop)
    }

    /// Whether all connections go through a proxy, which looks up names then.
    pub(crate) fn has_proxy(&self) -> bool {
        self.proxy.is_some()
    }

    /// Certificates that are believed besides the system's.
    pub(crate) fn believed(&self) -> &[CertificateDer<'static>] {
        &self.believed
    }

    /// What TLS connections are made with.
    pub(crate) fn tls(&self) -> Arc<ClientConfig> {
        self.tls.clone()
    }

    /// A client for HTTP.
    ///
    /// # Errors
    /// When the HTTP library refuses the settings.
    pub(crate) fn http(&self) -> anyhow::Result<reqwest::ClientBuilder> {
        let mut tls = ClientConfig::clone(&self.tls);
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let builder = reqwest::Client::builder()
            .user_agent(concat!("tickerbox/", env!("CARGO_PKG_VERSION")))
            .tls_backend_preconfigured(tls)
            // The environment has no say: what is not in the configuration does not happen.
            .no_proxy();
        match &self.proxy {
            Some(proxy) => Ok(builder.proxy(reqwest::Proxy::all(proxy.url.clone()).context("network.proxy")?)),
            None => Ok(builder),
        }
    }

    /// A TCP connection to a host, through the proxy if there is one.
    pub(crate) async fn connect(&self, host: &str, port: u16) -> anyhow::Result<TcpStream> {
        let stream = match &self.proxy {
            None => TcpStream::connect((host, port)).await?,
            Some(proxy) => proxy.connect(host, port).await.with_context(|| format!("through {}", proxy.address()))?,
        };
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

impl Proxy {
    fn parse(text: &str) -> anyhow::Result<Self> {
        let mut url: Url = text.parse().context("not an address such as http://host:3128 or socks5://host:1080")?;
        let kind = match url.scheme() {
            "http" => Kind::Tunnel,
            "socks5" | "socks5h" => Kind::Socks,
            other => bail!("{other} is not spoken; spoken are http and socks5"),
        };
        ensure!(url.host().is_some(), "names no host");
        if kind == Kind::Socks {
            // Names are looked up by the proxy, for requests as for sockets.
            url = format!("socks5h{}", &url.as_str()[url.scheme().len()..]).parse()?;
        }
        let place = Matcher::builder().all(url.as_str()).build().intercept(&Uri::from_static("https://any"));
        Ok(Self { kind, url, place: place.context("not an address")? })
    }

    /// Host and port, without who we are there.
    fn address(&self) -> String {
        let port = self.place.uri().port_u16().unwrap_or(if self.kind == Kind::Tunnel { 80 } else { 1_080 });
        format!("{}:{port}", self.place.uri().host().unwrap_or_default())
    }

    async fn connect(&self, host: &str, port: u16) -> anyhow::Result<TcpStream> {
        let to: Uri = format!("https://{host}:{port}").parse()?;
        // The connector makes plain TCP connections and knows no other name for them.
        let proxy: Uri = format!("http://{}", self.address()).parse()?;
        let connector = HttpConnector::new();
        let stream = match self.kind {
            Kind::Tunnel => {
                let tunnel = Tunnel::new(proxy, connector);
                match self.place.basic_auth() {
                    Some(secret) => tunnel.with_auth(secret.clone()),
                    None => tunnel,
                }
                .call(to)
                .await?
            }
            Kind::Socks => {
                let socks = SocksV5::new(proxy, connector);
                match self.place.raw_auth() {
                    Some((user, password)) => socks.with_auth(user.to_owned(), password.to_owned()),
                    None => socks,
                }
                .call(to)
                .await?
            }
        };
        Ok(stream.into_inner())
    }
}

/// Believes the certificates of a PEM file too.
fn add_certificates(roots: &mut RootCertStore, path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let mut found = Vec::new();
    for certificate in CertificateDer::pem_file_iter(path)? {
        let certificate = certificate?;
        roots.add(certificate.clone())?;
        found.push(certificate);
    }
    ensure!(!found.is_empty(), "holds no certificate");
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_proxies() {
        let address = |text: &str| Proxy::parse(text).map(|proxy| (proxy.kind, proxy.address()));
        assert_eq!(address("http://proxy.lan:3128").unwrap(), (Kind::Tunnel, "proxy.lan:3128".to_owned()));
        assert_eq!(address("http://me:secret@10.0.0.1").unwrap(), (Kind::Tunnel, "10.0.0.1:80".to_owned()));
        assert_eq!(address("socks5://127.0.0.1:9050").unwrap(), (Kind::Socks, "127.0.0.1:9050".to_owned()));
        assert_eq!(address("socks5h://tor").unwrap(), (Kind::Socks, "tor:1080".to_owned()));
        for wrong in ["", "proxy:3128", "https://proxy", "ftp://proxy", "http://"] {
            assert!(Proxy::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_file_without_certificates_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ca.pem");
        let make = || Network::new(&NetworkSection { ca_file: Some(path.clone()), proxy: None }).err().unwrap();
        assert!(format!("{:#}", make()).starts_with("network.ca_file: "));
        std::fs::write(&path, "nothing").unwrap();
        assert!(format!("{:#}", make()).ends_with("holds no certificate"));
    }
}
