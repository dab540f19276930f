//! A folder, a bucket of S3 or a server that speaks its protocol, a bucket of Google.

use std::path::Path as FilePath;
use std::time::Duration;

use anyhow::Context as _;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, parse_url_opts};
use tokio::runtime::Runtime;
use url::Url;

use super::{Access, Place};

/// A request that takes longer is tried again.
const TIMEOUT: Duration = Duration::from_secs(60);
/// What servers that know no regions take.
const REGION: &str = "us-east-1";

/// Files by path behind `object_store`.
pub struct Bucket {
    name: String,
    prefix: Path,
    store: Box<dyn ObjectStore>,
    runtime: Runtime,
}

impl Bucket {
    /// Any store, by the name it has for people.
    ///
    /// # Errors
    /// The system gives no runtime.
    pub fn new(name: &str, store: Box<dyn ObjectStore>, prefix: Path) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { name: name.to_owned(), prefix, store, runtime })
    }

    /// A folder, which is made if it is not there.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn folder(folder: &FilePath) -> anyhow::Result<Self> {
        let open = || {
            std::fs::create_dir_all(folder)?;
            anyhow::Ok(LocalFileSystem::new_with_prefix(folder)?)
        };
        let store = open().with_context(|| format!("{}", folder.display()))?;
        Self::new(&folder.display().to_string(), Box::new(store), Path::default())
    }

    /// A bucket by its address; nothing is asked yet.
    ///
    /// # Errors
    /// The address or the credentials cannot be used.
    pub fn open(address: &str, access: &Access) -> anyhow::Result<Self> {
        let url = Url::parse(address).with_context(|| format!("{address:?}"))?;
        // It may be installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let credentials =
            access.credentials.as_deref().context("a bucket takes nothing without credentials: name their file")?;
        let text = std::fs::read_to_string(credentials).with_context(|| format!("{}", credentials.display()))?;
        let mut options = vec![("timeout".to_owned(), format!("{} seconds", TIMEOUT.as_secs()))];
        let mut option = |key: &str, value: &str| options.push((key.to_owned(), value.to_owned()));
        if url.scheme() == "gs" {
            option("google_service_account_key", &text);
            if let Some(endpoint) = &access.endpoint {
                option("google_base_url", endpoint);
            }
        } else {
            option("aws_region", access.region.as_deref().unwrap_or(REGION));
            for key in ["aws_access_key_id", "aws_secret_access_key"] {
                option(key, value_of(&text, key).with_context(|| format!("{}: has no {key}", credentials.display()))?);
            }
            if let Some(endpoint) = &access.endpoint {
                option("aws_endpoint", endpoint);
            }
        }
        if access.endpoint.as_deref().is_some_and(|endpoint| endpoint.starts_with("http://")) {
            option("allow_http", "true");
        }
        let (store, prefix) = parse_url_opts(&url, options).with_context(|| address.to_owned())?;
        Self::new(address.trim_end_matches('/'), store, prefix)
    }

    fn place(&self, path: &str) -> Path {
        path.split('/').filter(|part| !part.is_empty()).fold(self.prefix.clone(), Path::join)
    }
}

/// The value of the first line `key = value`, as Amazon's tools write them.
fn value_of<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    pairs.map(|(name, value)| (name.trim(), value.trim())).find(|(name, _)| *name == key).map(|(_, value)| value)
}

impl Place for Bucket {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn list(&self, folder: &str) -> anyhow::Result<Vec<String>> {
        let place = self.place(folder);
        let listed =
            self.runtime.block_on(self.store.list_with_delimiter(Some(&place))).with_context(|| self.name())?;
        let inner = |path: &Path| {
            let parts: Vec<_> = path.prefix_match(&self.prefix)?.map(|part| part.as_ref().to_owned()).collect();
            Some(parts.join("/"))
        };
        Ok(listed.objects.iter().filter_map(|object| inner(&object.location)).collect())
    }

    fn get(&self, path: &str, bytes_max: u64) -> anyhow::Result<Option<Vec<u8>>> {
        let read = async {
            let found = self.store.get(&self.place(path)).await?;
            let size = found.meta.size;
            anyhow::Ok(if size <= bytes_max { Ok(found.bytes().await?.to_vec()) } else { Err(size) })
        };
        match self.runtime.block_on(read) {
            Ok(Ok(bytes)) => Ok(Some(bytes)),
            Ok(Err(size)) => anyhow::bail!("{path} of {} has {size} bytes, more than {bytes_max}", self.name),
            Err(error) if matches!(error.downcast_ref(), Some(Error::NotFound { .. })) => Ok(None),
            Err(error) => Err(error.context(format!("{path} of {}", self.name))),
        }
    }

    /// A bundle that somebody else puts there at the same moment is not replaced.
    fn put(&self, files: Vec<(String, Vec<u8>)>, _: &str) -> anyhow::Result<()> {
        for (path, bytes) in files {
            let mode = if path.ends_with(".tbx") { PutMode::Create } else { PutMode::Overwrite };
            let place = self.place(&path);
            self.runtime
                .block_on(self.store.put_opts(&place, bytes.into(), mode.into()))
                .with_context(|| format!("{path} of {}", self.name))?;
        }
        Ok(())
    }
}
