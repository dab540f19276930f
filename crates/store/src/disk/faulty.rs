//! A disk in memory that loses power, space and bits when it is told to, for tests.
//!
//! Until a file is synced each write to it may be kept, lost or torn at a sector when power goes, whatever the order in which
//! the writes were made; a change of names may be lost with all that follow it. Everything is drawn from one seed.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::StorageBackend;

use super::Disk;

/// What a disk writes as a whole or not at all.
const SECTOR_BYTES: usize = 512;

/// What goes wrong from now on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Power goes at the so-manieth change from now (1: the next one); everything fails after it.
    pub power_cut_in: Option<u32>,
    /// Most bytes of all files together.
    pub capacity: Option<u64>,
    /// One of so many reads fails.
    pub read_fails_one_in: Option<u32>,
    /// One of so many syncs says that it is done and does nothing.
    pub sync_lies_one_in: Option<u32>,
}

/// The disk. Clones are the same disk.
#[derive(Clone, Debug)]
pub struct FaultyDisk(Arc<Mutex<Device>>);

#[derive(Debug)]
struct Device {
    random: u64,
    faults: Faults,
    /// Counts how often power went: what was opened before is dead.
    life: u32,
    has_power: bool,
    files: BTreeMap<u64, Content>,
    names: BTreeMap<PathBuf, u64>,
    durable_names: BTreeMap<PathBuf, u64>,
    renamings: Vec<Renaming>,
    next_file: u64,
}

#[derive(Debug, Default)]
struct Content {
    now: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
}

#[derive(Debug)]
enum Change {
    Write(u64, Vec<u8>),
    Resize(u64),
}

#[derive(Clone, Debug)]
enum Renaming {
    Create(PathBuf, u64),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
}

impl FaultyDisk {
    /// An empty disk without faults.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Device {
            random: seed | 1,
            faults: Faults::default(),
            life: 0,
            has_power: true,
            files: BTreeMap::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            renamings: Vec::new(),
            next_file: 0,
        })))
    }

    /// For whoever takes any disk.
    #[must_use]
    pub fn shared(&self) -> super::SharedDisk {
        Arc::new(self.clone())
    }

    /// Sets what goes wrong from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.device().faults = faults;
    }

    /// False once a power cut has come.
    #[must_use]
    pub fn has_power(&self) -> bool {
        self.device().has_power
    }

    /// Pulls the plug, if it is not pulled yet, and starts again without faults: what was not synced is kept, lost or torn.
    pub fn restart(&self) {
        let mut device = self.device();
        let device = &mut *device;
        let kept = device.draw(device.renamings.len() as u64 + 1) as usize;
        let mut names = device.durable_names.clone();
        for renaming in device.renamings.drain(..).take(kept) {
            renaming.apply(&mut names);
        }
        device.durable_names.clone_from(&names);
        device.names = names;
        let mut files = std::mem::take(&mut device.files);
        for content in files.values_mut() {
            for change in std::mem::take(&mut content.pending) {
                match device.draw(3) {
                    0 => {}
                    1 => change.apply(&mut content.durable),
                    _ => device.tear(change, &mut content.durable),
                }
            }
            content.now.clone_from(&content.durable);
        }
        files.retain(|id, _| device.names.values().any(|known| known == id));
        device.files = files;
        device.life += 1;
        device.has_power = true;
        device.faults = Faults::default();
    }

    /// Flips single bits of a file, each anywhere in it. Gives their places in bytes.
    pub fn flip_bits(&self, path: &Path, count: usize) -> Vec<u64> {
        let mut device = self.device();
        let Some(id) = device.names.get(path).copied() else { return Vec::new() };
        let len = device.files[&id].durable.len() as u64;
        let flips: Vec<(u64, u8)> = (0..count).map(|_| (device.draw(len), 1 << device.draw(8))).collect();
        let content = device.files.get_mut(&id).expect("named files exist");
        for (at, bit) in &flips {
            content.durable[*at as usize] ^= bit;
            content.now[*at as usize] ^= bit;
        }
        flips.into_iter().map(|(at, _)| at).collect()
    }

    fn device(&self) -> MutexGuard<'_, Device> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Device {
    /// A number below `end` (SplitMix64).
    fn draw(&mut self, end: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % end.max(1)
    }

    fn happens(&mut self, one_in: Option<u32>) -> bool {
        one_in.is_some_and(|one_in| self.draw(one_in.into()) == 0)
    }

    /// Whether power is there for this change; the one at which it goes is still under way.
    fn change(&mut self) -> io::Result<bool> {
        if !self.has_power {
            return Err(io::Error::other("the power is gone"));
        }
        if let Some(left) = &mut self.faults.power_cut_in {
            *left = left.saturating_sub(1);
            self.has_power = *left > 0;
        }
        Ok(self.has_power)
    }

    fn file(&mut self, id: u64) -> io::Result<&mut Content> {
        self.files.get_mut(&id).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn id(&self, path: &Path) -> io::Result<u64> {
        self.names.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn rename(&mut self, renaming: Renaming) -> io::Result<()> {
        let goes_on = self.change()?;
        renaming.apply(&mut self.names);
        self.renamings.push(renaming);
        if goes_on { Ok(()) } else { Err(io::Error::other("the power is gone")) }
    }

    /// Fails when a file may not grow to this length.
    fn room(&self, id: u64, len: u64) -> io::Result<()> {
        let Some(capacity) = self.faults.capacity else { return Ok(()) };
        let others: u64 = self.files.iter().filter(|(other, _)| **other != id).map(|(_, c)| c.now.len() as u64).sum();
        let grows = self.files.get(&id).is_some_and(|content| len > content.now.len() as u64);
        if grows && others + len > capacity { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    /// Some sectors of a write arrive and some do not.
    fn tear(&mut self, change: Change, durable: &mut Vec<u8>) {
        let Change::Write(offset, data) = change else { return change.apply(durable) };
        let mut from = 0;
        while from < data.len() {
            let place = offset as usize + from;
            let len = (SECTOR_BYTES - place % SECTOR_BYTES).min(data.len() - from);
            if self.draw(2) == 0 {
                Change::Write(place as u64, data[from..from + len].to_vec()).apply(durable);
            }
            from += len;
        }
    }
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Resize(len) => content.resize(*len as usize, 0),
            Self::Write(offset, data) => {
                let (from, to) = (*offset as usize, *offset as usize + data.len());
                content.resize(content.len().max(to), 0);
                content[from..to].copy_from_slice(data);
            }
        }
    }
}

impl Renaming {
    fn apply(&self, names: &mut BTreeMap<PathBuf, u64>) {
        match self {
            Self::Create(path, id) => drop(names.insert(path.clone(), *id)),
            Self::Rename(from, to) => {
                if let Some(id) = names.remove(from) {
                    names.insert(to.clone(), id);
                }
            }
            Self::Remove(path) => drop(names.remove(path)),
        }
    }
}

impl Disk for FaultyDisk {
    fn lock(&self, _: &Path) -> io::Result<Option<File>> {
        Ok(None)
    }

    fn open(&self, path: &Path, _: bool) -> io::Result<Box<dyn StorageBackend>> {
        let device = self.device();
        let id = device.id(path)?;
        Ok(Box::new(OpenFile { disk: self.clone(), id, life: device.life }))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn StorageBackend>> {
        let mut device = self.device();
        let id = device.next_file;
        device.next_file += 1;
        device.files.insert(id, Content::default());
        device.rename(Renaming::Create(path.to_owned(), id))?;
        Ok(Box::new(OpenFile { disk: self.clone(), id, life: device.life }))
    }

    fn names(&self, dir: &Path) -> io::Result<Vec<String>> {
        let device = self.device();
        let here = device.names.keys().filter(|path| path.parent() == Some(dir));
        Ok(here.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect())
    }

    fn exists(&self, path: &Path) -> bool {
        self.device().names.contains_key(path)
    }

    fn size(&self, path: &Path) -> io::Result<u64> {
        let mut device = self.device();
        let id = device.id(path)?;
        Ok(device.file(id)?.now.len() as u64)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut device = self.device();
        device.id(from)?;
        device.rename(Renaming::Rename(from.to_owned(), to.to_owned()))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut device = self.device();
        device.id(path)?;
        device.rename(Renaming::Remove(path.to_owned()))
    }

    fn sync_names(&self, _: &Path) -> io::Result<()> {
        let mut device = self.device();
        if !device.change()? {
            return Err(io::Error::other("the power is gone"));
        }
        device.durable_names = device.names.clone();
        device.renamings.clear();
        Ok(())
    }
}

/// A file as a program that lives as long as the power has it open.
#[derive(Debug)]
struct OpenFile {
    disk: FaultyDisk,
    id: u64,
    life: u32,
}

impl OpenFile {
    fn device(&self) -> io::Result<MutexGuard<'_, Device>> {
        let device = self.disk.device();
        if device.life == self.life && device.has_power {
            return Ok(device);
        }
        Err(io::Error::other("the power is gone"))
    }

    fn change(&self, change: Change) -> io::Result<()> {
        let mut device = self.device()?;
        let goes_on = device.change()?;
        let content = device.file(self.id)?;
        change.apply(&mut content.now);
        content.pending.push(change);
        if goes_on { Ok(()) } else { Err(io::Error::other("the power is gone")) }
    }
}

impl StorageBackend for OpenFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.device()?.file(self.id)?.now.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut device = self.device()?;
        let one_in = device.faults.read_fails_one_in;
        if device.happens(one_in) {
            return Err(io::Error::other("the disk cannot read this place"));
        }
        let content = &device.file(self.id)?.now;
        let found = content.get(offset as usize..offset as usize + out.len());
        out.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.device()?.room(self.id, len)?;
        self.change(Change::Resize(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut device = self.device()?;
        if !device.change()? {
            return Err(io::Error::other("the power is gone"));
        }
        let one_in = device.faults.sync_lies_one_in;
        if device.happens(one_in) {
            return Ok(());
        }
        let content = device.file(self.id)?;
        for change in std::mem::take(&mut content.pending) {
            change.apply(&mut content.durable);
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.device()?.room(self.id, offset + data.len() as u64)?;
        self.change(Change::Write(offset, data.to_vec()))
    }
}
