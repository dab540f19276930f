//! From an update file to a program on trial.

use std::fs;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};
use update::file::{self, Signed};
use update::{Accepted, Host, Manifest, Program, PublicKey, Slots, TrustedKeys, UpdateError, Version, judge};

use super::about;
use super::folder::Folder;
use crate::clock::wall_now;

/// The folder of update files that were brought beside the box.
const INBOX: &str = "inbox";
const FILE: &str = ".tbu";
const TOLD: &str = ".told";
/// What is accepted, in a file's name.
const NO_WAY_BACK: &str = ".no-way-back";
const AGAIN: &str = ".again";
/// So long an answer in the inbox waits for who asked.
const ANSWER_KEPT: Duration = Duration::from_mins(10);
/// Longest answer in the inbox, bytes.
const TOLD_BYTES_MAX: u64 = 16 << 10;

/// Who reads keys.
pub(crate) fn trusted_keys(paths: &[PathBuf]) -> anyhow::Result<TrustedKeys> {
    // None is built in: who makes an image signs for it, and puts his key into it. The key of the built-in model is for models.
    let mut keys = TrustedKeys::default();
    for path in paths {
        let name = path.display();
        let text = fs::read_to_string(path).with_context(|| format!("update.trusted_keys: cannot read {name}"))?;
        keys.trust(PublicKey::parse(&text).with_context(|| format!("update.trusted_keys: {name}"))?);
    }
    ensure!(!keys.is_empty(), "no key is trusted: name the file of one in update.trusted_keys");
    Ok(keys)
}

/// What came of an installation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Taken {
    pub(crate) version: String,
    pub(crate) signer: String,
    /// The backup that was made before; nothing where there was nothing to keep.
    pub(crate) backup: Option<String>,
}

/// Whether this box takes an update, and the version that it would be over.
pub(crate) fn check(slots: &Slots, manifest: &Manifest, accepted: Accepted) -> anyhow::Result<()> {
    if let Some(trial) = slots.trial() {
        let version = slots.program(trial.slot).map(|it| it.version.to_string()).unwrap_or_default();
        bail!("version {version} is on trial: wait until it is kept, or go back");
    }
    let present = slots.program(slots.present());
    let failed = slots.taken_back();
    let host = Host {
        version: present.map_or(about::version(), |it| &it.version),
        formats: present.map_or(about::formats(), |it| &it.formats),
        arch: about::arch(),
        failed: &failed,
    };
    Ok(judge(manifest, &host, accepted, wall_now().as_secs())?)
}

/// Reads an update, and installs its program. `reading` is told its version once a trusted key is known to have signed it; `back_up` is
/// called when all is there and nothing was changed.
///
/// # Errors
/// When it is refused, or something fails; the box is as before, and the record says so.
pub(crate) fn take(
    folder: &Folder,
    keys: &TrustedKeys,
    from: &mut impl Read,
    accepted: Accepted,
    reading: impl FnOnce(&Version),
    back_up: impl FnOnce() -> anyhow::Result<Option<String>>,
) -> anyhow::Result<Taken> {
    let staging = folder.try_stage()?.context("another update is being installed")?;
    let mut version = None;
    let work = || -> anyhow::Result<Taken> {
        let signed = Signed::read(from, keys)?;
        let manifest = signed.manifest();
        version = Some(manifest.version.clone());
        check(&folder.slots()?, manifest, accepted)?;
        reading(&manifest.version);
        staging.write(|file| Ok(signed.unpack(from, file)?))?;
        let backup = back_up().context("no update without a backup before it")?;
        let now_s = wall_now().as_secs();
        let program = Program {
            version: manifest.version.clone(),
            sha256: Some(manifest.program.sha256),
            formats: manifest.formats.clone(),
            since_s: now_s,
        };
        folder.install(program, now_s)?;
        Ok(Taken { version: manifest.version.to_string(), signer: signed.signer().to_string(), backup })
    };
    let taken = work();
    match &taken {
        Ok(taken) => tracing::warn!("version {} is installed, signed by {}", taken.version, taken.signer),
        Err(error) => {
            let why = format!("{error:#}");
            tracing::warn!("an update was not installed: {why}");
            // Where even this cannot be written the caller knows it all the same.
            let _ = folder.change(|slots| {
                slots.refused(version.as_ref(), &why, wall_now().as_secs());
                Ok(())
            });
        }
    }
    taken
}

/// What an update says, where a trusted key signed it.
pub(crate) fn look(from: &mut impl Read, keys: &TrustedKeys) -> Result<Manifest, UpdateError> {
    Signed::read(from, keys).map(|signed| signed.manifest().clone())
}

/// An update file that waits in the inbox.
#[derive(Debug)]
pub(crate) struct Letter {
    path: PathBuf,
}

impl Letter {
    /// Brings an update to a box that runs.
    pub(crate) fn post(folder: &Folder, mut from: impl Read, accepted: Accepted) -> anyhow::Result<Self> {
        let inbox = folder.path().join(INBOX);
        fs::create_dir_all(&inbox).with_context(|| inbox.display().to_string())?;
        let way = if accepted.no_way_back { NO_WAY_BACK } else { "" };
        let again = if accepted.failed_before { AGAIN } else { "" };
        // Named by time and process: nobody has the same.
        let name = format!("{}-{}{way}{again}", wall_now().as_nanos(), std::process::id());
        let part = inbox.join(format!("{name}.part"));
        let mut write = || -> anyhow::Result<()> {
            let mut file = fs::File::create(&part)?;
            let copied = std::io::copy(&mut (&mut from).take(file::BYTES_MAX + 1), &mut file)?;
            ensure!(copied <= file::BYTES_MAX, "it has more than {} bytes", file::BYTES_MAX);
            Ok(file.sync_all()?)
        };
        let path = inbox.join(format!("{name}{FILE}"));
        if let Err(error) = write().and_then(|()| Ok(fs::rename(&part, &path)?)) {
            let _ = fs::remove_file(&part);
            return Err(error).with_context(|| part.display().to_string());
        }
        Ok(Self { path })
    }

    /// Takes the next one that waits out of the inbox: whatever becomes of it, it is there once.
    ///
    /// # Errors
    /// When it cannot be taken out. It is left alone then.
    pub(crate) fn next(folder: &Folder) -> anyhow::Result<Option<Opened>> {
        let Ok(entries) = fs::read_dir(folder.path().join(INBOX)) else { return Ok(None) };
        let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        let Some(path) = paths.filter(|path| path.to_string_lossy().ends_with(FILE)).min() else { return Ok(None) };
        let opened = PathBuf::from(format!("{}.opened", path.display()));
        fs::rename(&path, &opened).with_context(|| format!("{} is not looked at", path.display()))?;
        Ok(Some(Opened { letter: Self { path }, path: opened }))
    }

    /// Makes the inbox, which is the box's own whoever posts, and throws away what a box that ended did not come to, and answers that nobody has fetched for long: an update is answered just before
    /// the box starts again.
    pub(crate) fn clear(folder: &Folder) {
        // Where it cannot be made, posting says why.
        let _ = fs::create_dir_all(folder.path().join(INBOX));
        let entries = fs::read_dir(folder.path().join(INBOX)).into_iter().flatten();
        for entry in entries.filter_map(Result::ok) {
            let age = entry.metadata().and_then(|it| it.modified()).ok().and_then(|it| it.elapsed().ok());
            let is_answer = entry.file_name().to_string_lossy().ends_with(TOLD);
            if !is_answer || age.is_some_and(|age| age > ANSWER_KEPT) {
                // What cannot be removed is refused as any other update would be.
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// What the box said; nothing while it has not.
    pub(crate) fn answered(&self) -> Option<anyhow::Result<Taken>> {
        #[derive(Deserialize)]
        struct Answer {
            #[serde(default)]
            taken: Option<Taken>,
            #[serde(default)]
            error: String,
        }
        let path = self.answer_path();
        let mut text = String::new();
        fs::File::open(&path).ok()?.take(TOLD_BYTES_MAX).read_to_string(&mut text).ok()?;
        let _ = fs::remove_file(&path);
        let answer: Answer = match serde_json::from_str(&text) {
            Ok(answer) => answer,
            Err(error) => return Some(Err(error).with_context(|| path.display().to_string())),
        };
        Some(answer.taken.ok_or_else(|| anyhow::anyhow!(answer.error)))
    }

    /// Takes it back, where the box has not begun with it.
    pub(crate) fn withdraw(self) {
        let _ = fs::remove_file(&self.path);
    }

    fn answer_path(&self) -> PathBuf {
        let path = self.path.to_string_lossy();
        PathBuf::from(format!("{}{TOLD}", path.strip_suffix(FILE).unwrap_or(&path)))
    }
}

/// One that the box took out.
#[derive(Debug)]
pub(crate) struct Opened {
    letter: Letter,
    path: PathBuf,
}

impl Opened {
    pub(crate) fn open(&self) -> anyhow::Result<fs::File> {
        fs::File::open(&self.path).with_context(|| self.path.display().to_string())
    }

    pub(crate) fn accepted(&self) -> Accepted {
        let name = self.letter.path.file_name().unwrap_or_default().to_string_lossy();
        Accepted { no_way_back: name.contains(NO_WAY_BACK), failed_before: name.contains(AGAIN) }
    }

    /// The box says what came of it.
    pub(crate) fn answer(self, taken: &anyhow::Result<Taken>) {
        let told = match taken {
            Ok(taken) => serde_json::json!({ "taken": taken }),
            Err(error) => serde_json::json!({ "error": format!("{error:#}") }),
        };
        let answer = self.letter.answer_path();
        let part = PathBuf::from(format!("{}.part", answer.display()));
        let write = || -> std::io::Result<()> {
            fs::File::create(&part)?.write_all(told.to_string().as_bytes())?;
            fs::rename(&part, &answer)
        };
        if let Err(error) = write() {
            tracing::warn!("{}: {error}", part.display());
        }
        // A left-over goes at the next start.
        let _ = fs::remove_file(&self.path);
    }
}

/// For the tests of whoever installs.
#[cfg(test)]
pub(crate) mod tests {
    use update::file::{Terms, pack_as};
    use update::{Arch, Format, SecretKey, Slot};

    use super::*;

    pub(crate) fn key() -> SecretKey {
        SecretKey::from_bytes(&[7; 32])
    }

    /// An update that this program may be updated to, but for what is given.
    pub(crate) fn update(version: &str, state: u64, program: &[u8]) -> Vec<u8> {
        let formats = [("state".to_owned(), Format { writes: state, reads_from: 1 })].into();
        let about = update::about::About { version: version.parse().unwrap(), formats };
        let terms = Terms { signed_at_s: wall_now().as_secs(), valid_days: 1, from_version: Version::new(0, 0, 0) };
        let arch = about::arch().unwrap_or(Arch::X86);
        pack_as(program, about, arch, &terms, &key()).unwrap().1
    }

    fn install(folder: &Folder, file: &[u8], backup: anyhow::Result<Option<String>>) -> Result<Taken, String> {
        let keys = TrustedKeys::only(&[key().public()]);
        let mut file = file;
        take(folder, &keys, &mut file, Accepted::default(), |_| {}, || backup).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn an_update_is_on_trial_or_nothing_has_changed() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::new(dir.path().join("updates"));
        let state = store::state::FORMAT;
        let good = update("7.0.0", state, b"good");
        let nothing = |error: Result<Taken, String>, words: &str| {
            let error = error.unwrap_err();
            assert!(error.contains(words), "{error}");
            let slots = folder.slots().unwrap();
            assert!(slots.trial().is_none() && slots.program(Slot::A).is_none(), "{error}");
            assert!(slots.events().next().unwrap().why.contains(words));
            assert!(!dir.path().join("updates/staged").exists());
        };
        nothing(install(&folder, &good[..good.len() - 1], Ok(None)), "cannot be read");
        nothing(install(&folder, &good[..9], Ok(None)), "ends early");
        nothing(install(&folder, b"<html>", Ok(None)), "ends early");
        nothing(install(&folder, &update("0.0.1", state, b"old"), Ok(None)), "older than");
        nothing(install(&folder, &update("7.0.0", state + 1, b"far"), Ok(None)), "no way back");
        nothing(install(&folder, &good, Err(anyhow::anyhow!("the card is full"))), "without a backup");
        let taken = install(&folder, &good, Ok(Some("backup-1".to_owned()))).unwrap();
        assert_eq!((taken.version.as_str(), taken.backup.as_deref()), ("7.0.0", Some("backup-1")));
        assert_eq!(folder.start(|_| false, 1).slot, Slot::A);
        let error = install(&folder, &update("8.0.0", state, b"next"), Ok(None)).unwrap_err();
        assert!(error.contains("7.0.0 is on trial"), "{error}");
        folder.change(|slots| Ok(slots.failed("ill", 2))).unwrap();
        let error = install(&folder, &good, Ok(None)).unwrap_err();
        assert!(error.contains("tried before"), "{error}");
    }

    #[test]
    fn letters_are_answered_once_and_left_overs_go() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::new(dir.path().to_owned());
        let next = || Letter::next(&folder).unwrap();
        assert!(next().is_none());
        let accepted = Accepted { no_way_back: true, failed_before: false };
        let posted = Letter::post(&folder, b"file".as_slice(), accepted).unwrap();
        assert!(posted.answered().is_none());
        let letter = next().unwrap();
        assert!(next().is_none(), "it is taken out once");
        assert_eq!(letter.accepted(), accepted);
        let mut text = String::new();
        letter.open().unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "file");
        letter.answer(&Err(anyhow::anyhow!("no").context("refused")));
        assert_eq!(posted.answered().unwrap().unwrap_err().to_string(), "refused: no");
        assert!(posted.answered().is_none() && next().is_none());
        Letter::post(&folder, b"file".as_slice(), Accepted::default()).unwrap();
        Letter::clear(&folder);
        assert!(next().is_none());
    }

    #[test]
    fn keys_are_read_and_none_is_built_in() {
        let dir = tempfile::tempdir().unwrap();
        assert!(trusted_keys(&[]).unwrap_err().to_string().contains("no key is trusted"));
        let path = dir.path().join("mine.pub");
        let error = format!("{:#}", trusted_keys(std::slice::from_ref(&path)).unwrap_err());
        assert!(error.contains("update.trusted_keys: cannot read") && error.contains("mine.pub"), "{error}");
        fs::write(&path, key().public().to_text("mine")).unwrap();
        assert_eq!(trusted_keys(&[path]).unwrap().len(), 1);
    }
}
