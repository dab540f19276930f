//! Brings a model's files into the data folder, whole or not at all.
//!
//! ```text
//! DIR/sentiment/finbert/current            name of the folder that is used, replaced as a whole
//! DIR/sentiment/finbert/<digest>/          the files, proven before the name is written
//! DIR/sentiment/finbert/part-<pid>/        on the way; left by a broken try and removed by the next
//! ```

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::finbert::{FILES, Finbert, hex};
use crate::config::NetworkSection;
use crate::venue::Network;

/// Where the models are, in the data folder.
const HOME: &str = "sentiment/finbert";
/// The file that names the folder that is used.
const CURRENT: &str = "current";
/// Where exporters put the network, beside the other files or in a folder of its own.
const NETWORKS: [&str; 2] = ["model.onnx", "onnx/model.onnx"];
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// Longest silence while a file comes.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
/// Digits of the digest in a folder's name.
const NAME_DIGITS: usize = 16;

/// What was brought.
#[derive(Debug, Serialize)]
pub(crate) struct Brought {
    /// Where it lies.
    pub(crate) folder: PathBuf,
    pub(crate) files: Vec<BroughtFile>,
}

#[derive(Debug, Serialize)]
pub(crate) struct BroughtFile {
    pub(crate) name: &'static str,
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
}

/// The folder of the model that is used; `None` where none was brought.
pub(crate) fn current(data_dir: &Path) -> anyhow::Result<Option<PathBuf>> {
    let home = data_dir.join(HOME);
    let name = match fs::read_to_string(home.join(CURRENT)) {
        Ok(name) => name,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| home.join(CURRENT).display().to_string()),
    };
    let is_name = name.len() == NAME_DIGITS && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    ensure!(is_name, "{}: names no model", home.join(CURRENT).display());
    Ok(Some(home.join(name)))
}

/// Brings the files from a folder or from below an address, proves that they are a model that runs, and makes it the one that is used.
/// What was there before stays until then.
///
/// # Errors
/// Which file is missing, too large or wrong; a network whose SHA-256 is not `expected`.
pub(crate) async fn bring(from: &str, data_dir: &Path, expected: Option<&str>) -> anyhow::Result<Brought> {
    let home = data_dir.join(HOME);
    fs::create_dir_all(&home).with_context(|| home.display().to_string())?;
    remove_parts(&home, None)?;
    let part = home.join(format!("part-{}", std::process::id()));
    fs::create_dir(&part).with_context(|| part.display().to_string())?;
    let brought = fill(from, &part, expected).await;
    let (files, digest) = match brought {
        Ok(brought) => brought,
        Err(error) => {
            fs::remove_dir_all(&part).with_context(|| part.display().to_string())?;
            return Err(error);
        }
    };
    let name = &digest[..NAME_DIGITS];
    let folder = home.join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())?;
    }
    fs::rename(&part, &folder).with_context(|| folder.display().to_string())?;
    let scratch = home.join("current.part");
    let mut file = File::create(&scratch).with_context(|| scratch.display().to_string())?;
    file.write_all(name.as_bytes()).and_then(|()| file.sync_all()).with_context(|| scratch.display().to_string())?;
    fs::rename(&scratch, home.join(CURRENT)).context("naming the new model")?;
    File::open(&home).and_then(|home| home.sync_all()).with_context(|| home.display().to_string())?;
    remove_parts(&home, Some(name))?;
    Ok(Brought { folder, files })
}

/// Brings all files into a folder and proves them. Gives the digest of all of them, too.
async fn fill(from: &str, part: &Path, expected: Option<&str>) -> anyhow::Result<(Vec<BroughtFile>, String)> {
    let source = Source::of(from)?;
    let mut files = Vec::new();
    for (name, limit) in FILES {
        let places: &[&str] = if name == "model.onnx" { &NETWORKS } else { &[name] };
        for place in places {
            if let Some((bytes, sha256)) = source.copy(place, &part.join(name), limit).await? {
                files.push(BroughtFile { name, bytes, sha256 });
                break;
            }
        }
    }
    let sha256 = |name: &str| files.iter().find(|file| file.name == name).map(|file| file.sha256.as_str());
    if let Some(expected) = expected {
        let found = sha256("model.onnx").with_context(|| format!("{from}: no model.onnx"))?;
        ensure!(found.eq_ignore_ascii_case(expected), "{from}: model.onnx has the SHA-256 {found}, not {expected}");
    }
    let folder = part.to_owned();
    // Loading takes seconds: not on a thread that others wait for.
    tokio::task::spawn_blocking(move || Finbert::open(&folder).map(drop))
        .await
        .context("proving the model")?
        .with_context(|| format!("{from}: what came is no model that runs"))?;
    let mut all = Sha256::new();
    files.iter().for_each(|file| all.update(&file.sha256));
    Ok((files, hex(&all.finalize())))
}

enum Source {
    Folder(PathBuf),
    Address { client: reqwest::Client, base: String },
}

impl Source {
    fn of(from: &str) -> anyhow::Result<Self> {
        if !(from.starts_with("http://") || from.starts_with("https://")) {
            let folder = PathBuf::from(from);
            ensure!(folder.is_dir(), "{from}: no folder, and no address that begins with http:// or https://");
            return Ok(Self::Folder(folder));
        }
        let client = Network::new(&NetworkSection::default())?
            .http()?
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .build()
            .context("HTTP client")?;
        Ok(Self::Address { client, base: from.trim_end_matches('/').to_owned() })
    }

    /// Copies a file of at most `limit` bytes and gives its size and SHA-256; `None` where it is not there.
    async fn copy(&self, name: &str, to: &Path, limit: usize) -> anyhow::Result<Option<(u64, String)>> {
        let mut copy = Arriving { file: None, to, digest: Sha256::new(), bytes: 0, limit };
        match self {
            Self::Folder(folder) => {
                let path = folder.join(name);
                let mut file = match File::open(&path) {
                    Ok(file) => file,
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
                    Err(error) => return Err(error).with_context(|| path.display().to_string()),
                };
                let mut block = vec![0; 1 << 20];
                loop {
                    let count = file.read(&mut block).with_context(|| path.display().to_string())?;
                    if count == 0 {
                        break;
                    }
                    copy.push(&block[..count]).with_context(|| path.display().to_string())?;
                }
            }
            Self::Address { client, base } => {
                let url = format!("{base}/{name}");
                let mut response = client.get(&url).send().await.with_context(|| format!("{url}: no answer"))?;
                match response.status().as_u16() {
                    200 => {}
                    404 => return Ok(None),
                    status => bail!("{url}: the server says {status}"),
                }
                while let Some(bytes) = response.chunk().await.with_context(|| format!("{url}: broke off"))? {
                    copy.push(&bytes).with_context(|| url.clone())?;
                }
            }
        }
        copy.end().map(Some)
    }
}

struct Arriving<'a> {
    file: Option<File>,
    to: &'a Path,
    digest: Sha256,
    bytes: u64,
    limit: usize,
}

impl Arriving<'_> {
    fn push(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.bytes += bytes.len() as u64;
        ensure!(self.bytes <= self.limit as u64, "larger than {} bytes", self.limit);
        self.digest.update(bytes);
        let path = || self.to.display().to_string();
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(File::create(self.to).with_context(path)?),
        };
        file.write_all(bytes).with_context(path)
    }

    fn end(mut self) -> anyhow::Result<(u64, String)> {
        self.push(&[])?;
        if let Some(file) = self.file {
            file.sync_all().with_context(|| self.to.display().to_string())?;
        }
        Ok((self.bytes, hex(&self.digest.finalize())))
    }
}

/// Removes what broken tries and former models have left.
fn remove_parts(home: &Path, but: Option<&str>) -> anyhow::Result<()> {
    for entry in fs::read_dir(home).with_context(|| home.display().to_string())? {
        let path = entry.with_context(|| home.display().to_string())?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let is_old = but.is_some_and(|but| name != but && name.len() == NAME_DIGITS);
        if path.is_dir() && (name.starts_with("part-") || is_old) {
            fs::remove_dir_all(&path).with_context(|| path.display().to_string())?;
        }
    }
    Ok(())
}
