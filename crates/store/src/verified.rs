//! Makes the database library check every page before it trusts one.
//!
//! After a clean shutdown the library takes its pages as they are, and a damaged one can make it panic. After a crash it
//! verifies the checksum of everything first. We want the second always: starting and recovering are one path. The library
//! tells the two cases apart by a bit of its header: the last commit was written in two phases, which for us only the
//! one at shutdown is. (See "God byte" in the design document of redb; the place is fixed for file format 3.)

use std::io;
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, Ordering};

use redb::{BackendError, StorageBackend};

/// Where the flags of the file stand, directly after the magic number.
const GOD_BYTE: u64 = 9;
const TWO_PHASE_COMMIT: u8 = 4;

/// A backend whose header says, until the library has written its own, that the last commit is to be verified.
#[derive(Debug)]
pub(crate) struct Verified {
    inner: Box<dyn StorageBackend>,
    written: AtomicBool,
}

impl Verified {
    pub(crate) fn new(inner: Box<dyn StorageBackend>) -> Self {
        Self { inner, written: AtomicBool::new(false) }
    }
}

impl StorageBackend for Verified {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.inner.read(offset, out)?;
        if !self.written.load(Ordering::Acquire)
            && let Some(at) = GOD_BYTE.checked_sub(offset)
            && let Some(flags) = out.get_mut(at as usize)
        {
            *flags &= !TWO_PHASE_COMMIT;
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.inner.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.inner.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        if offset <= GOD_BYTE {
            self.written.store(true, Ordering::Release);
        }
        self.inner.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.inner.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.query_lock_range(start, end)
    }
}
