//! A bucket of S3, of a server that speaks its protocol, or of Google Cloud Storage, as a place for exported files.

use std::io;
use std::path::Path as FilePath;
use std::time::Duration;

use ::export::{FileEntry, Target};
use anyhow::{Context, bail, ensure};
use object_store::aws::AmazonS3Builder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::path::Path;
use object_store::{ClientOptions, Error, ObjectStore, ObjectStoreExt, RetryConfig};
use tokio::runtime::Runtime;

/// A request that takes longer is tried again.
const TIMEOUT: Duration = Duration::from_secs(60);
/// How often and for how long a file is tried.
const RETRIES: usize = 4;
const RETRY_FOR: Duration = Duration::from_secs(120);
/// What servers that know no regions take.
const REGION: &str = "us-east-1";

/// Where a bucket is and how it is reached.
#[derive(Clone, Debug, Default)]
pub(crate) struct Place {
    /// `s3://BUCKET/PREFIX` or `gs://BUCKET/PREFIX`.
    pub(crate) url: String,
    /// The server's address where it is not Amazon's or Google's.
    pub(crate) endpoint: Option<String>,
    pub(crate) region: Option<String>,
    /// A credentials file as Amazon's tools have it, or Google's key of a service account.
    pub(crate) credentials: Option<std::path::PathBuf>,
    pub(crate) proxy: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    S3,
    Google,
}

/// Splits an address into its kind, the bucket and what stands before all paths.
fn parse(url: &str) -> anyhow::Result<(Kind, &str, &str)> {
    let (kind, rest) = match url.split_once("://") {
        Some(("s3", rest)) => (Kind::S3, rest),
        Some(("gs", rest)) => (Kind::Google, rest),
        _ => bail!("{url:?} is not an address such as s3://bucket/folder or gs://bucket/folder"),
    };
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let is_sound = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.' | '_');
    ensure!(!bucket.is_empty() && bucket.chars().all(is_sound), "{url:?} names no bucket");
    Ok((kind, bucket, prefix.trim_matches('/')))
}

/// Whether a text is the address of a bucket.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn check(url: &str) -> anyhow::Result<()> {
    parse(url).map(drop)
}

/// A bucket, asked from a thread that may wait.
pub(crate) struct Bucket {
    url: String,
    prefix: Path,
    store: Box<dyn ObjectStore>,
    runtime: Runtime,
}

impl Bucket {
    /// Prepares it; nothing is asked yet.
    ///
    /// # Errors
    /// When the address or the credentials cannot be used.
    pub(crate) fn new(place: &Place) -> anyhow::Result<Self> {
        let (kind, name, prefix) = parse(&place.url)?;
        // It may be installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let is_plain = place.endpoint.as_deref().is_some_and(|endpoint| endpoint.starts_with("http://"));
        let mut options = ClientOptions::new().with_timeout(TIMEOUT).with_allow_http(is_plain);
        if let Some(proxy) = &place.proxy {
            options = options.with_proxy_url(proxy);
        }
        let retry = RetryConfig { max_retries: RETRIES, retry_timeout: RETRY_FOR, ..RetryConfig::default() };
        let store: Box<dyn ObjectStore> = match kind {
            Kind::S3 => {
                let path =
                    place.credentials.as_deref().context("S3 takes nothing without credentials: name their file")?;
                let keys = Keys::read(path)?;
                let mut builder = AmazonS3Builder::new()
                    .with_bucket_name(name)
                    .with_region(place.region.as_deref().unwrap_or(REGION))
                    .with_access_key_id(keys.id)
                    .with_secret_access_key(keys.secret)
                    .with_client_options(options)
                    .with_retry(retry);
                if let Some(endpoint) = &place.endpoint {
                    builder = builder.with_endpoint(endpoint);
                }
                Box::new(builder.build()?)
            }
            Kind::Google => {
                let builder = GoogleCloudStorageBuilder::new()
                    .with_bucket_name(name)
                    .with_client_options(options)
                    .with_retry(retry);
                // A stand-in on the own network needs one too, with `disable_oauth`: the client signs what it writes.
                let Some(path) = &place.credentials else {
                    bail!("Google takes nothing without credentials: name their file");
                };
                let key = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
                let builder = builder.with_service_account_key(key);
                let builder = match &place.endpoint {
                    Some(endpoint) => builder.with_base_url(endpoint),
                    None => builder,
                };
                Box::new(builder.build()?)
            }
        };
        let prefix = Path::parse(prefix).with_context(|| place.url.clone())?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { url: place.url.trim_end_matches('/').to_owned(), prefix, store, runtime })
    }

    fn place(&self, path: &str) -> Path {
        path.split('/').fold(self.prefix.clone(), Path::join)
    }
}

impl Target for Bucket {
    fn name(&self) -> String {
        self.url.clone()
    }

    fn get(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        let read = async { self.store.get(&self.place(path)).await?.bytes().await };
        match self.runtime.block_on(read) {
            Ok(bytes) => Ok(Some(bytes.to_vec())),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(io::Error::other(error)),
        }
    }

    fn put(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let place = self.place(path);
        let put = self.store.put(&place, bytes.to_vec().into());
        self.runtime.block_on(put).map(drop).map_err(io::Error::other)
    }

    /// What was put there is believed: asking costs.
    fn holds(&self, _path: &str, _bytes: &[u8], entry: &FileEntry, known: Option<&FileEntry>) -> bool {
        known.is_some_and(|known| known.sha256 == entry.sha256 && known.bytes == entry.bytes)
    }
}

/// What S3 signs with.
#[derive(Debug, Default)]
struct Keys {
    id: String,
    secret: String,
}

impl Keys {
    /// Reads a file as Amazon's tools have it, of which the first profile counts.
    fn read(path: &FilePath) -> anyhow::Result<Self> {
        let name = || path.display().to_string();
        let text = std::fs::read_to_string(path).with_context(name)?;
        let mut keys = Self::default();
        for line in text.lines() {
            let Some((key, value)) = line.split_once('=') else { continue };
            let place = match key.trim() {
                "aws_access_key_id" => &mut keys.id,
                "aws_secret_access_key" => &mut keys.secret,
                _ => continue,
            };
            if place.is_empty() {
                value.trim().clone_into(place);
            }
        }
        ensure!(
            !keys.id.is_empty() && !keys.secret.is_empty(),
            "{}: has no aws_access_key_id and aws_secret_access_key",
            name()
        );
        Ok(keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_name_a_kind_a_bucket_and_a_folder() {
        assert_eq!(parse("s3://lake/box/one/").unwrap(), (Kind::S3, "lake", "box/one"));
        assert_eq!(parse("gs://lake").unwrap(), (Kind::Google, "lake", ""));
        for wrong in ["lake", "s3:/lake", "http://lake", "s3://", "s3:///a", "s3://La ke/x"] {
            assert!(check(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn credentials_are_read_and_their_lack_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("credentials");
        let open = |url: &str| {
            let credentials = Some(file.clone());
            Bucket::new(&Place { url: url.to_owned(), credentials, ..Place::default() }).err().map(|e| format!("{e:#}"))
        };
        assert!(open("s3://lake/x").unwrap().contains("credentials"));
        std::fs::write(&file, "[default]\naws_access_key_id=A\n").unwrap();
        assert!(open("s3://lake/x").unwrap().contains("aws_secret_access_key"));
        std::fs::write(
            &file,
            "[default]\naws_access_key_id = A\naws_secret_access_key = B=\n[other]\naws_access_key_id = C\n",
        )
        .unwrap();
        let keys = Keys::read(&file).unwrap();
        assert_eq!((keys.id.as_str(), keys.secret.as_str()), ("A", "B="));
        assert_eq!(open("s3://lake/x"), None);
        assert!(open("gs://lake/x").is_some(), "that is no key of Google");
        let without = Place { url: "gs://lake".to_owned(), ..Place::default() };
        assert!(Bucket::new(&without).err().unwrap().to_string().contains("without credentials"));
    }
}
