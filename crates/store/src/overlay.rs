//! A file that can be repaired without being written to: changes stay in memory.
//!
//! A power cut leaves a database that has to be brought to its last commit before it can be read, which writes. A reader
//! has no business writing to a recording, and may not be allowed to.

use std::collections::BTreeMap;
use std::io;
use std::ops::Bound;
use std::path::Path;
use std::sync::{PoisonError, RwLock};

use redb::{BackendError, StorageBackend};

use crate::{Result, StoreError};

const PAGE_BYTES: usize = 4096;

/// Reads through to a file; what is written lies over it, page by page.
#[derive(Debug)]
pub(crate) struct Overlay {
    file: Box<dyn StorageBackend>,
    changes: RwLock<Changes>,
}

#[derive(Debug)]
struct Changes {
    /// Length as the database sees it.
    len: u64,
    /// How far the file below is still visible.
    visible: u64,
    pages: BTreeMap<u64, Box<[u8; PAGE_BYTES]>>,
}

impl Overlay {
    /// Lies over the file of this path.
    pub(crate) fn new(file: Box<dyn StorageBackend>, path: &Path) -> Result<Self> {
        let len = file.len().map_err(|e| StoreError::io(path, "cannot tell its size", e))?;
        Ok(Self { file, changes: RwLock::new(Changes { len, visible: len, pages: BTreeMap::new() }) })
    }

    /// One page as the database sees it; past the visible end of the file there are zeros.
    fn page(&self, changes: &Changes, index: u64) -> io::Result<Box<[u8; PAGE_BYTES]>> {
        if let Some(page) = changes.pages.get(&index) {
            return Ok(page.clone());
        }
        let mut page = Box::new([0; PAGE_BYTES]);
        let start = index * PAGE_BYTES as u64;
        let present = changes.visible.saturating_sub(start).min(PAGE_BYTES as u64) as usize;
        if present > 0 {
            self.file.read(start, &mut page[..present])?;
        }
        Ok(page)
    }
}

impl StorageBackend for Overlay {
    fn len(&self) -> io::Result<u64> {
        Ok(self.changes.read().unwrap_or_else(PoisonError::into_inner).len)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let changes = self.changes.read().unwrap_or_else(PoisonError::into_inner);
        let end = offset.checked_add(out.len() as u64).filter(|end| *end <= changes.len);
        let end = end.ok_or(io::ErrorKind::UnexpectedEof)?;
        let untouched =
            changes.pages.range(offset / PAGE_BYTES as u64..end.div_ceil(PAGE_BYTES as u64)).next().is_none();
        if untouched && end <= changes.visible {
            return self.file.read(offset, out);
        }
        let mut at = offset;
        let mut out = out;
        while !out.is_empty() {
            let page = self.page(&changes, at / PAGE_BYTES as u64)?;
            let from = (at % PAGE_BYTES as u64) as usize;
            let count = out.len().min(PAGE_BYTES - from);
            let (now, later) = out.split_at_mut(count);
            now.copy_from_slice(&page[from..from + count]);
            at += count as u64;
            out = later;
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut changes = self.changes.write().unwrap_or_else(PoisonError::into_inner);
        if len < changes.len {
            changes.visible = changes.visible.min(len);
            let last = len / PAGE_BYTES as u64;
            drop(changes.pages.split_off(&len.div_ceil(PAGE_BYTES as u64)));
            if let Some(page) = changes.pages.get_mut(&last) {
                page[(len % PAGE_BYTES as u64) as usize..].fill(0);
            }
        }
        changes.len = len;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        // Nothing written makes no file longer, wherever it is written.
        if data.is_empty() {
            return Ok(());
        }
        let mut changes = self.changes.write().unwrap_or_else(PoisonError::into_inner);
        let mut at = offset;
        let mut data = data;
        while !data.is_empty() {
            let index = at / PAGE_BYTES as u64;
            let mut page = self.page(&changes, index)?;
            let from = (at % PAGE_BYTES as u64) as usize;
            let count = data.len().min(PAGE_BYTES - from);
            page[from..from + count].copy_from_slice(&data[..count]);
            changes.pages.insert(index, page);
            at += count as u64;
            data = &data[count..];
        }
        changes.len = changes.len.max(at);
        Ok(())
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }

    // The database asks for the lock of a writer; a reader's is enough, for nothing reaches the file. It keeps a real
    // writer away, and other readers in.

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> std::result::Result<bool, BackendError> {
        self.file.try_lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> std::result::Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::disk::{Disk, SystemDisk};

    #[derive(Clone, Debug)]
    enum Step {
        Write(u64, Vec<u8>),
        Resize(u64),
        Read(u64, usize),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let place = 0u64..20_000;
        let write =
            (place.clone(), prop::collection::vec(1u8.., 0..6_000)).prop_map(|(at, data)| Step::Write(at, data));
        let resize = place.clone().prop_map(Step::Resize);
        let read = (place, 0usize..9_000).prop_map(|(at, len)| Step::Read(at, len));
        prop::collection::vec(prop_oneof![write, resize, read], 1..30)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn it_is_a_plain_file_of_which_nothing_reaches_the_disk(size in 0usize..15_000, steps in steps()) {
            let dir = tempfile::tempdir().expect("temporary directory");
            let path = dir.path().join("file");
            let original: Vec<u8> = (0..size).map(|n| (n % 251) as u8 + 1).collect();
            std::fs::write(&path, &original).expect("writes");
            let file = SystemDisk.open(&path, false).expect("opens");
            let overlay = Overlay::new(file, &path).expect("opens");
            let mut model = original.clone();
            for step in steps {
                match step {
                    Step::Write(at, data) => {
                        overlay.write(at, &data).expect("memory");
                        let end = at as usize + data.len();
                        if !data.is_empty() {
                            model.resize(model.len().max(end), 0);
                            model[at as usize..end].copy_from_slice(&data);
                        }
                    }
                    Step::Resize(len) => {
                        overlay.set_len(len).expect("memory");
                        model.resize(len as usize, 0);
                    }
                    Step::Read(at, len) => {
                        let mut out = vec![0; len];
                        let expected = model.get(at as usize..at as usize + len);
                        prop_assert_eq!(overlay.read(at, &mut out).is_ok(), expected.is_some());
                        if let Some(expected) = expected {
                            prop_assert!(out == expected);
                        }
                    }
                }
                prop_assert_eq!(overlay.len().expect("known"), model.len() as u64);
            }
            prop_assert!(std::fs::read(&path).expect("reads") == original);
        }
    }
}
