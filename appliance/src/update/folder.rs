//! The folder of updates.
//!
//! | file | what |
//! |---|---|
//! | `state.json` | the state of the slots, replaced as a whole |
//! | `a/tickerbox`, `b/tickerbox` | the programs |
//! | `staged` | a program that is being unpacked |
//! | `inbox/` | update files that were brought beside the box, and what became of them |
//! | `lock` | held while the state is changed, for a moment |
//! | `staging.lock` | held while something is installed |
//! | `running.lock` | held by the box that runs |

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use sha2::Digest as _;
use update::folder::{self, Medium};
use update::{Digest, Program, Slot, Slots};

/// The folder's name in the data directory.
pub(crate) const FOLDER: &str = "updates";
const STATE: &str = "state.json";
const STAGED: &str = "staged";
const PROGRAM: &str = "tickerbox";
/// Largest state that is read, bytes.
const STATE_BYTES_MAX: u64 = 1 << 20;
/// How long another one may take who changes the state.
const LOCK_WITHIN: Duration = Duration::from_secs(5);

/// The folder.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    path: PathBuf,
}

impl Folder {
    /// The folder, which may not be there yet.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The program of a slot; nothing for the factory's, which does not lie here.
    pub(crate) fn program(&self, slot: Slot) -> Option<PathBuf> {
        (slot != Slot::Factory).then(|| self.path.join(slot.name()).join(PROGRAM))
    }

    /// The state as it is.
    pub(crate) fn slots(&self) -> anyhow::Result<Slots> {
        folder::load(&mut self.clone()).map_err(|error| anyhow!("{}: {error}", self.path.join(STATE).display()))
    }

    /// Changes the state; what `change` refuses changes nothing.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Slots) -> anyhow::Result<T>) -> anyhow::Result<T> {
        let _lock = self.lock()?;
        let mut slots = self.slots()?;
        let before = slots.clone();
        let result = change(&mut slots)?;
        if slots != before {
            self.clone()
                .replace_state(&slots.to_json())
                .with_context(|| format!("{}", self.path.join(STATE).display()))?;
        }
        Ok(result)
    }

    /// Takes what is staged into the free slot.
    pub(crate) fn install(&self, program: Program, now_s: i64) -> anyhow::Result<()> {
        let _lock = self.lock()?;
        let mut slots = self.slots()?;
        folder::install(&mut self.clone(), &mut slots, program, now_s)
            .with_context(|| format!("{}: cannot be changed", self.path.display()))
    }

    /// Decides what to run.
    pub(crate) fn start(&self, known: impl FnOnce(&mut Slots) -> bool, now_s: i64) -> folder::Start {
        if let Err(error) = self.make() {
            return folder::Start { slot: Slot::Factory, trouble: format!("{error:#}") };
        }
        // Whoever hangs in a change must not keep the box from starting.
        let lock = self.lock();
        let mut start = folder::start(&mut self.clone(), known, now_s);
        if let (Err(error), true) = (lock, start.trouble.is_empty()) {
            start.trouble = format!("{error:#}");
        }
        start
    }

    fn make(&self) -> anyhow::Result<()> {
        fs::create_dir_all(&self.path).with_context(|| format!("{}: cannot create", self.path.display()))
    }

    /// Held while the state is changed. The system gives it back when its holder ends, however that happens.
    fn lock(&self) -> anyhow::Result<File> {
        let began = Instant::now();
        loop {
            match self.try_lock("lock")? {
                Some(lock) => return Ok(lock),
                None if began.elapsed() > LOCK_WITHIN => {
                    bail!("{}: somebody else changes it", self.path.display())
                }
                None => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    /// Held by who installs something; nothing when somebody else does.
    pub(crate) fn try_stage(&self) -> anyhow::Result<Option<Staging<'_>>> {
        let lock = self.try_lock("staging.lock")?;
        Ok(lock.map(|lock| Staging { folder: self, _lock: lock }))
    }

    /// Held by the box that runs; nothing when one does already.
    pub(crate) fn try_run(&self) -> anyhow::Result<Option<File>> {
        self.try_lock("running.lock")
    }

    fn try_lock(&self, name: &str) -> anyhow::Result<Option<File>> {
        self.make()?;
        let path = self.path.join(name);
        let told = || path.display().to_string();
        let file =
            OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path).with_context(told)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error).with_context(told),
        }
    }
}

/// The right to stage a program. What was staged and not installed goes away with it.
#[derive(Debug)]
pub(crate) struct Staging<'a> {
    folder: &'a Folder,
    _lock: File,
}

impl Staging<'_> {
    /// Has a program written, which is durable then.
    pub(crate) fn write(&self, unpack: impl FnOnce(&mut File) -> anyhow::Result<()>) -> anyhow::Result<()> {
        let path = self.folder.path.join(STAGED);
        let told = || path.display().to_string();
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o700).open(&path).with_context(told)?;
        unpack(&mut file).with_context(told)?;
        file.set_permissions(fs::Permissions::from_mode(0o755)).with_context(told)?;
        file.sync_all().with_context(told)
    }
}

impl Drop for Staging<'_> {
    fn drop(&mut self) {
        // It may have got another name; a left-over is overwritten the next time.
        let _ = fs::remove_file(self.folder.path.join(STAGED));
    }
}

impl Medium for Folder {
    type Error = io::Error;

    fn state(&mut self) -> io::Result<Option<Vec<u8>>> {
        let file = match File::open(self.path.join(STATE)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let mut text = Vec::new();
        file.take(STATE_BYTES_MAX).read_to_end(&mut text)?;
        Ok(Some(text))
    }

    fn replace_state(&mut self, text: &[u8]) -> io::Result<()> {
        let scratch = self.path.join(format!("{STATE}.new"));
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&scratch)?;
        file.write_all(text)?;
        file.sync_all()?;
        fs::rename(&scratch, self.path.join(STATE))?;
        File::open(&self.path)?.sync_all()
    }

    fn place(&mut self, slot: Slot) -> io::Result<()> {
        let to = self.program(slot).ok_or_else(|| io::Error::other("the factory's program is not written to"))?;
        let home = to.parent().expect("it lies in its slot's folder");
        fs::create_dir_all(home)?;
        fs::rename(self.path.join(STAGED), &to)?;
        File::open(home)?.sync_all()?;
        File::open(&self.path)?.sync_all()
    }

    fn digest(&mut self, slot: Slot) -> io::Result<Digest> {
        let path = self.program(slot).ok_or_else(|| io::Error::other("the factory's program is not looked at"))?;
        let mut file = File::open(path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("it is no file"));
        }
        let (mut hasher, mut piece) = (sha2::Sha256::new(), vec![0; 1 << 16]);
        loop {
            match file.read(&mut piece)? {
                0 => return Ok(Digest(hasher.finalize().into())),
                got => hasher.update(&piece[..got]),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use update::Version;

    use super::*;

    fn staged(folder: &Folder, bytes: &[u8]) -> Program {
        let staging = folder.try_stage().unwrap().unwrap();
        staging.write(|file| Ok(file.write_all(bytes)?)).unwrap();
        assert!(folder.try_stage().unwrap().is_none(), "one at a time");
        let program = Program {
            version: Version::new(1, 0, 0),
            sha256: Some(Digest::of(bytes)),
            formats: update::Formats::new(),
            since_s: 0,
        };
        folder.install(program.clone(), 1).unwrap();
        program
    }

    #[test]
    fn what_is_installed_is_started_and_what_was_changed_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::new(dir.path().join("updates"));
        assert_eq!(folder.start(|_| false, 1).slot, Slot::Factory);
        staged(&folder, b"one");
        assert_eq!(folder.start(|_| false, 1), folder::Start { slot: Slot::A, trouble: String::new() });
        let path = folder.program(Slot::A).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o755);
        folder.change(|slots| Ok(slots.confirmed(2))).unwrap();
        fs::write(&path, b"oNe").unwrap();
        assert_eq!(folder.start(|_| false, 1).slot, Slot::Factory);
        let why = folder.slots().unwrap().events().next().unwrap().why.clone();
        assert!(why.contains("its file was changed"), "{why}");
        assert!(!dir.path().join("updates/staged").exists());
    }

    #[test]
    fn a_change_that_is_refused_changes_nothing_and_a_damaged_state_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::new(dir.path().to_owned());
        staged(&folder, b"one");
        let before = folder.slots().unwrap();
        let refused: anyhow::Result<()> = folder.change(|slots| {
            slots.failed("no", 1);
            bail!("no")
        });
        assert!(refused.is_err() && folder.slots().unwrap() == before);
        fs::write(dir.path().join(STATE), "{").unwrap();
        assert!(format!("{:#}", folder.slots().unwrap_err()).contains("state.json: EOF"));
        let start = folder.start(|_| true, 1);
        assert!(start.slot == Slot::Factory && start.trouble.contains("the state of updates"), "{start:?}");
        assert_eq!(fs::read(dir.path().join(STATE)).unwrap(), b"{", "it is left for who wants to know");
    }

    #[test]
    fn a_folder_that_cannot_be_made_leads_to_the_factory() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("file"), "").unwrap();
        let start = Folder::new(dir.path().join("file/updates")).start(|_| true, 1);
        assert!(start.slot == Slot::Factory && start.trouble.contains("cannot create"), "{start:?}");
    }
}
