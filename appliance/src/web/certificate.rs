//! The box's own certificate, made once and kept in the data folder.

use std::fs;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use rcgen::{CertificateParams, DnType, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};
use tokio_rustls::TlsAcceptor;

use crate::access::write_private;

/// The certificate; programs that should believe it are given this file.
const NAME: &str = "certificate.pem";
/// Its key.
const KEY_NAME: &str = "certificate-key.pem";

/// What a box needs for HTTPS.
pub(crate) struct Certificate {
    pub(super) acceptor: TlsAcceptor,
    /// SHA-256 of the certificate, `AB:CD:..`, as browsers show it.
    pub(crate) fingerprint: String,
}

impl Certificate {
    /// Reads the certificate in `dir`, or makes one for `hosts`, the address of `listen` and the names every box has.
    ///
    /// # Errors
    /// When a file is damaged, or cannot be read or written.
    pub(crate) fn open(dir: &Path, listen: SocketAddr, hosts: &[String]) -> anyhow::Result<Self> {
        let (path, key_path) = (dir.join(NAME), dir.join(KEY_NAME));
        if !path.exists() || !key_path.exists() {
            make(dir, &names(listen, hosts)).with_context(|| format!("{}: cannot make", path.display()))?;
        }
        let damaged = |path: &Path| format!("{}: damaged; delete it, and the box makes another", path.display());
        let certificate = fs::read(&path)?;
        let certificate = CertificateDer::from_pem_slice(&certificate).with_context(|| damaged(&path))?;
        let key = PrivateKeyDer::from_pem_slice(&fs::read(&key_path)?).with_context(|| damaged(&key_path))?;
        let fingerprint: Vec<String> = Sha256::digest(&certificate).iter().map(|byte| format!("{byte:02X}")).collect();
        let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .with_context(|| damaged(&path))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), fingerprint: fingerprint.join(":") })
    }
}

/// It is valid as long as dates go: a box may not know the time, and who believes it believes its fingerprint.
fn make(dir: &Path, names: &[String]) -> anyhow::Result<()> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, "Tickerbox");
    let certificate = params.self_signed(&key)?;
    // The key first: a certificate without its key would be kept.
    write_private(dir, KEY_NAME, key.serialize_pem().as_bytes())?;
    Ok(write_private(dir, NAME, certificate.pem().as_bytes())?)
}

fn names(listen: SocketAddr, hosts: &[String]) -> Vec<String> {
    let mut names: Vec<String> =
        ["tickerbox.local", "tickerbox", "localhost", "127.0.0.1", "::1"].map(str::to_owned).into();
    let listened = Some(listen.ip()).filter(|ip| !ip.is_unspecified());
    names.extend(listened.into_iter().chain(outward("0.0.0.0:0", "192.0.2.1:9")).map(|ip| ip.to_string()));
    names.extend(outward("[::]:0", "[2001:db8::1]:9").map(|ip| ip.to_string()));
    names.extend(hosts.iter().cloned());
    let mut seen = std::collections::BTreeSet::new();
    names.retain(|name| seen.insert(name.clone()));
    names
}

/// The address that the box has towards `far`, which is told nothing: a socket of UDP only chooses its way.
fn outward(any: &str, far: &str) -> Option<IpAddr> {
    let socket = UdpSocket::bind(any).ok()?;
    socket.connect(far).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn it_is_made_once_for_all_names_and_its_key_is_private() {
        let dir = tempfile::tempdir().unwrap();
        let open = || Certificate::open(dir.path(), ([10, 9, 8, 7], 443).into(), &["box.example.org".to_owned()]);
        let first = open().unwrap().fingerprint;
        assert_eq!(first.len(), 32 * 3 - 1);
        assert_eq!(open().unwrap().fingerprint, first);
        let mode = fs::metadata(dir.path().join(KEY_NAME)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let names = names(([10, 9, 8, 7], 443).into(), &["box.example.org".to_owned()]);
        for name in ["tickerbox.local", "localhost", "10.9.8.7", "box.example.org", "::1"] {
            assert!(names.iter().any(|known| known == name), "{name} in {names:?}");
        }
        fs::write(dir.path().join(NAME), "nothing").unwrap();
        assert!(format!("{:#}", open().err().unwrap()).contains("certificate.pem: damaged"));
    }
}
