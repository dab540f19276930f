//! The file of a backup: a tar archive in a Zstandard frame, which every system can open.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use sha2::{Digest, Sha256};

use super::{FORMAT, Manifest};
use crate::config::CHANGES_FILE;
use crate::{access, models};

const MANIFEST: &str = "manifest.json";
/// Largest manifest that is read, bytes.
const MANIFEST_MAX: u64 = 1 << 20;
const LEVEL: i32 = 3;

/// Size and SHA-256 of a file.
pub(super) fn digest(path: &Path) -> anyhow::Result<(u64, String)> {
    let mut file = File::open(path).with_context(|| format!("{}: cannot open", path.display()))?;
    let (mut hasher, mut bytes, mut chunk) = (Sha256::new(), 0, vec![0; 1 << 16]);
    loop {
        let read = file.read(&mut chunk).with_context(|| format!("{}: cannot read", path.display()))?;
        if read == 0 {
            return Ok((bytes, store::Digest(hasher.finalize().into()).to_string()));
        }
        hasher.update(&chunk[..read]);
        bytes += read as u64;
    }
}

/// Packs the files of a manifest, which lie in `dir`, into `file`. Gives its size.
pub(super) fn pack(manifest: &Manifest, dir: &Path, file: &Path) -> anyhow::Result<u64> {
    let part = beside(file);
    let write = || -> io::Result<u64> {
        let mut packed = zstd::Encoder::new(BufWriter::new(private(&part)?), LEVEL)?;
        packed.include_checksum(true)?;
        let mut archive = tar::Builder::new(packed);
        archive.mode(tar::HeaderMode::Deterministic);
        let text = serde_json::to_vec_pretty(manifest)?;
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, MANIFEST, text.as_slice())?;
        for member in &manifest.files {
            archive.append_path_with_name(dir.join(&member.name), &member.name)?;
        }
        let mut packed = archive.into_inner()?.finish()?;
        packed.flush()?;
        let out = packed.into_inner().map_err(io::IntoInnerError::into_error)?;
        out.sync_all()?;
        Ok(out.metadata()?.len())
    };
    let bytes = match write() {
        Ok(bytes) => bytes,
        Err(error) => {
            let _ = fs::remove_file(&part);
            return Err(error).with_context(|| format!("{}: cannot write", part.display()));
        }
    };
    fs::rename(&part, file).with_context(|| format!("{}: cannot name", file.display()))?;
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        File::open(folder)?.sync_all()?;
    }
    Ok(bytes)
}

/// Unpacks a backup into `dir`. Every file in it is one that the manifest names, with the size and digest that it says.
pub(super) fn unpack(file: &Path, dir: &Path) -> anyhow::Result<Manifest> {
    let read = || -> anyhow::Result<Manifest> {
        let packed = zstd::Decoder::new(BufReader::new(File::open(file).context("cannot open")?))?;
        let mut archive = tar::Archive::new(packed);
        let mut entries = archive.entries()?;
        let first = entries.next().context("an empty archive")??;
        ensure!(&*first.path()? == Path::new(MANIFEST), "no backup: it does not begin with {MANIFEST}");
        ensure!(first.size() <= MANIFEST_MAX, "its manifest is too large");
        let mut text = Vec::new();
        first.take(MANIFEST_MAX).read_to_end(&mut text)?;
        let probe: serde_json::Value = serde_json::from_slice(&text).context("its manifest")?;
        match probe["format"].as_u64() {
            Some(found) if found > u64::from(FORMAT) => {
                bail!("it has format {found}; this program knows formats up to {FORMAT}: update it")
            }
            Some(1..) => {}
            _ => bail!("its manifest has no format number"),
        }
        let manifest: Manifest = serde_json::from_value(probe).context("its manifest")?;
        for member in &manifest.files {
            let is_plain = Path::new(&member.name).components().count() == 1 && member.name.ends_with(".redb");
            let model = member.name.split_once('/').filter(|(folder, _)| *folder == models::FOLDER);
            ensure!(
                is_plain || is_private(&member.name) || model.is_some_and(|(_, name)| models::is_file_name(name)),
                "its manifest has a file of the odd name {:?}",
                member.name
            );
            let mut entry = entries.next().with_context(|| format!("{} is missing", member.name))??;
            ensure!(&*entry.path()? == Path::new(&member.name), "{} is missing", member.name);
            let path = dir.join(&member.name);
            if let Some((folder, _)) = model {
                fs::create_dir_all(dir.join(folder))?;
            }
            let out = if is_private(&member.name) { private(&path) } else { File::create(&path) };
            let mut out = out.with_context(|| format!("{}: cannot create", path.display()))?;
            let bytes = io::copy(&mut (&mut entry).take(member.bytes), &mut out)?;
            out.sync_all()?;
            ensure!(
                bytes == member.bytes && entry.size() == bytes,
                "{} has {bytes} bytes of {}",
                member.name,
                member.bytes
            );
            let (_, sha256) = digest(&path)?;
            ensure!(sha256 == member.sha256, "{} has the SHA-256 {sha256}, saved was {}", member.name, member.sha256);
        }
        ensure!(entries.next().is_none(), "there is more in it than its manifest says");
        // The frame's checksum stands at its end.
        io::copy(&mut archive.into_inner(), &mut io::sink()).context("the end of it")?;
        Ok(manifest)
    };
    read().with_context(|| format!("{}: cannot be restored", file.display()))
}

/// Whether a file may hold a secret.
fn is_private(name: &str) -> bool {
    [access::NAME, CHANGES_FILE].contains(&name)
}

/// A new file that nobody but its owner reads.
fn private(path: &Path) -> io::Result<File> {
    File::options().write(true).create(true).truncate(true).mode(0o600).open(path)
}

fn beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".part");
    name.into()
}
