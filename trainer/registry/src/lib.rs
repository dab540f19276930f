//! Signed bundles elsewhere: on a box of the home network, in a folder, a bucket, a Hugging Face Hub repository.
//!
//! ```text
//! NAME/REVISION.tbx   the bundle as one file, so that it is there whole or not at all; never replaced by another
//! NAME/README.md      the card of the newest revision; on a Hub `README.md`, where people look for it
//! ```
//!
//! Nothing that is kept there is believed: what is pulled counts only with a trusted signature, and only then it is written under its name.

mod bucket;
mod card;
mod home;
#[cfg(feature = "hub")]
mod hub;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context as _, bail, ensure};
use bundle::container::{self, check_name};
use bundle::{Bundle, FILE_BYTES_MAX, FILES_MAX, TrustedKeys, VerifiedBundle};

pub use bucket::Bucket;
pub use home::{Home, Request};
#[cfg(feature = "hub")]
pub use hub::Hub;

/// Largest bundle that is pulled, bytes.
const BYTES_MAX: u64 = (FILES_MAX as u64 + 2) * FILE_BYTES_MAX;

/// Somewhere that keeps files by path.
pub trait Place {
    /// Its address.
    fn name(&self) -> String;

    /// Paths of all files under a folder, in any order.
    ///
    /// # Errors
    /// It cannot be asked.
    fn list(&self, folder: &str) -> anyhow::Result<Vec<String>>;

    /// A file of at most `bytes_max`, or `None` where there is none.
    ///
    /// # Errors
    /// It cannot be asked, or the file is larger.
    fn get(&self, path: &str, bytes_max: u64) -> anyhow::Result<Option<Vec<u8>>>;

    /// Writes files, the first one first.
    ///
    /// # Errors
    /// It cannot be written.
    fn put(&self, files: Vec<(String, Vec<u8>)>, message: &str) -> anyhow::Result<()>;

    /// Where the card of a model lies.
    fn card_path(&self, model: &str) -> String {
        format!("{model}/README.md")
    }
}

/// How a place is reached.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// Address of the server, where it is not the usual one.
    pub endpoint: Option<String>,
    /// File with what proves who asks: lines `aws_access_key_id = ...` for S3, a service account's key for Google, a token for a Hub.
    pub credentials: Option<PathBuf>,
    /// Region of a bucket.
    pub region: Option<String>,
    /// Token of a box.
    pub token: Option<Token>,
}

/// A token of a box, which is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(pub String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

impl FromStr for Token {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

/// Opens `s3://BUCKET/FOLDER`, `gs://BUCKET/FOLDER`, `hf://OWNER/REPOSITORY`, the `http://` or `https://` address of a box, or a folder.
///
/// # Errors
/// The address or the credentials cannot be used.
pub fn open(address: &str, access: &Access) -> anyhow::Result<Box<dyn Place>> {
    match address.split_once("://") {
        Some(("hf", repository)) => open_hub(repository, access),
        Some(("http" | "https", _)) => Ok(Box::new(Home::open(address, access.token.as_ref())?)),
        Some(("s3" | "gs", _)) => Ok(Box::new(Bucket::open(address, access)?)),
        Some((scheme, _)) => bail!("{scheme}:// is not known: use s3://, gs://, hf://, http://, https:// or a folder"),
        None => Ok(Box::new(Bucket::folder(address.as_ref())?)),
    }
}

#[cfg(feature = "hub")]
fn open_hub(repository: &str, access: &Access) -> anyhow::Result<Box<dyn Place>> {
    Ok(Box::new(Hub::open(repository, access)?))
}

#[cfg(not(feature = "hub"))]
fn open_hub(_: &str, _: &Access) -> anyhow::Result<Box<dyn Place>> {
    bail!("this program was built without the Hub: build it with `--features hub`")
}

/// A model by name, of one revision or of the newest: `starter/3`, `starter`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Name of the model.
    pub name: String,
    /// Its revision; `None` for the newest.
    pub revision: Option<u32>,
}

impl FromStr for Reference {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, revision) = match text.split_once('/') {
            None => (text, None),
            Some((name, revision)) => {
                (name, Some(revision.parse().map_err(|_| format!("{revision:?} is not the number of a revision"))?))
            }
        };
        check_name(name).map_err(|error| error.to_string())?;
        Ok(Self { name: name.to_owned(), revision })
    }
}

/// A revision of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Name of the model.
    pub name: String,
    /// Its revision.
    pub revision: u32,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.name, self.revision)
    }
}

impl Version {
    fn of(bundle: &VerifiedBundle) -> anyhow::Result<Self> {
        let manifest = bundle.manifest();
        check_name(&manifest.name).context("the name of the model")?;
        Ok(Self { name: manifest.name.clone(), revision: manifest.revision })
    }

    fn path(&self) -> String {
        format!("{self}.tbx")
    }
}

/// What a push did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// The place has it now.
    New,
    /// The place had these very bytes.
    Known,
}

/// The revisions of a model, the newest last.
///
/// # Errors
/// The place cannot be asked.
pub fn revisions(place: &dyn Place, name: &str) -> anyhow::Result<Vec<u32>> {
    let number = |path: &String| {
        let file = path.strip_prefix(name)?.strip_prefix('/')?.strip_suffix(".tbx")?;
        // One spelling only: `01.tbx` is another file than `1.tbx`.
        file.parse::<u32>().ok().filter(|number| number.to_string() == file)
    };
    let mut numbers: Vec<u32> = place.list(name)?.iter().filter_map(number).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// Brings a bundle and its card to a place.
///
/// # Errors
/// The signature is not trusted, the place has another bundle of this name and revision, or it cannot be written.
pub fn push(place: &dyn Place, bundle: &Bundle, trusted: &TrustedKeys) -> anyhow::Result<(Version, Pushed)> {
    let verified = bundle.clone().verify(trusted)?;
    let version = Version::of(&verified)?;
    let bytes = bundle.to_container();
    if let Some(there) = place.get(&version.path(), BYTES_MAX)? {
        ensure!(
            there == bytes,
            "{} has another bundle as {version}: a revision is never replaced, pack it with a new number",
            place.name()
        );
        return Ok((version, Pushed::Known));
    }
    let mut files = vec![(version.path(), bytes)];
    if revisions(place, &version.name)?.last().is_none_or(|newest| *newest < version.revision) {
        let card = card::text(&verified, &place.name());
        files.push((place.card_path(&version.name), card.into_bytes()));
    }
    place.put(files, &format!("{version}"))?;
    Ok((version, Pushed::New))
}

/// Fetches a bundle and verifies it; nothing is written.
///
/// # Errors
/// There is no such revision, its signature is not trusted, or it is another model than its path says.
pub fn pull(place: &dyn Place, of: &Reference, trusted: &TrustedKeys) -> anyhow::Result<(Version, Bundle)> {
    let revision = match of.revision {
        Some(revision) => revision,
        None => {
            let newest = revisions(place, &of.name)?.pop();
            newest.with_context(|| format!("{} has no model {:?}", place.name(), of.name))?
        }
    };
    let version = Version { name: of.name.clone(), revision };
    let bytes = place.get(&version.path(), BYTES_MAX)?.with_context(|| format!("{} has no {version}", place.name()))?;
    let read = || -> anyhow::Result<(Version, Bundle)> {
        let bundle = Bundle::from_files(container::read(&bytes)?);
        let found = Version::of(&bundle.clone().verify(trusted)?)?;
        ensure!(found == version, "it holds {found}");
        Ok((found, bundle))
    };
    read().with_context(|| format!("{version} of {}", place.name()))
}
