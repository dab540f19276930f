//! The owner's password: argon2id, one at a time.

use argon2::{Algorithm, Argon2, Params, Version};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use super::secret::{Digest, hex, random, unhex};

/// Lengths of a password, bytes.
pub(crate) const PASSWORD_BYTES: std::ops::RangeInclusive<usize> = 8..=256;
/// Most that wait for their turn.
const QUEUE_MAX: usize = 8;

/// What is kept of a password. The cost is kept with it, so that a later program may choose another.
///
/// 19 MiB, two passes and one lane are what the OWASP cheat sheet on password storage names for argon2id; on a Raspberry Pi 4 it is a
/// fraction of a second.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PasswordHash {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    salt: Salt,
    hash: Digest,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct Salt([u8; 16]);

impl From<Salt> for String {
    fn from(salt: Salt) -> Self {
        hex(&salt.0)
    }
}

impl TryFrom<String> for Salt {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        unhex(&text).map(Self).ok_or("not 32 hexadecimal digits")
    }
}

impl PasswordHash {
    /// Takes its time: not for tasks.
    pub(super) fn of(password: &str) -> Self {
        let mut made =
            Self { memory_kib: 19 << 10, passes: 2, lanes: 1, salt: Salt(random()), hash: Digest::from_bytes([0; 32]) };
        made.hash = made.hash_of(password).expect("the cost is one that argon2 takes");
        made
    }

    /// Takes its time: not for tasks.
    pub(super) fn matches(&self, password: &str) -> bool {
        PASSWORD_BYTES.contains(&password.len()) && self.hash_of(password).is_some_and(|hash| hash == self.hash)
    }

    /// Nothing where the cost is beyond reason, which only a changed file can say.
    fn hash_of(&self, password: &str) -> Option<Digest> {
        let is_sane = self.memory_kib <= 1 << 20 && self.passes <= 100;
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(32)).ok().filter(|_| is_sane)?;
        let mut out = [0; 32];
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        argon.hash_password_into(password.as_bytes(), &self.salt.0, &mut out).ok()?;
        Some(Digest::from_bytes(out))
    }
}

/// Gives each hash its turn: together they would take the memory and the cores that the box needs.
#[derive(Debug)]
pub(super) struct Hasher {
    queue: Semaphore,
    turn: Semaphore,
}

impl Default for Hasher {
    fn default() -> Self {
        Self { queue: Semaphore::new(QUEUE_MAX), turn: Semaphore::new(1) }
    }
}

impl Hasher {
    /// Runs `work` on a thread for it; nothing when too many wait already.
    pub(super) async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let _waits = self.queue.try_acquire().ok()?;
        let _turn = self.turn.acquire().await.ok()?;
        tokio::task::spawn_blocking(work).await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_password_matches_and_no_two_hashes_are_alike() {
        let kept = PasswordHash::of("correct horse");
        assert!(kept.matches("correct horse"));
        for wrong in ["correct horsf", "", "correct horse ", &"x".repeat(300)] {
            assert!(!kept.matches(wrong), "{wrong}");
        }
        assert_ne!(PasswordHash::of("correct horse"), kept, "each has a salt of its own");
        let text = serde_json::to_string(&kept).unwrap();
        assert!(serde_json::from_str::<PasswordHash>(&text).unwrap().matches("correct horse"));
    }

    #[test]
    fn a_cost_beyond_reason_matches_nothing_and_takes_no_memory() {
        let mut kept = PasswordHash::of("correct horse");
        kept.memory_kib = u32::MAX;
        assert!(!kept.matches("correct horse"));
    }

    #[tokio::test]
    async fn who_comes_when_the_queue_is_full_is_told_so() {
        let hasher = std::sync::Arc::new(Hasher::default());
        let (open, gate) = std::sync::mpsc::channel::<()>();
        let gate = std::sync::Arc::new(std::sync::Mutex::new(gate));
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..QUEUE_MAX {
            let (hasher, gate) = (hasher.clone(), gate.clone());
            tasks.spawn(async move { hasher.run(move || gate.lock().unwrap().recv().is_ok()).await });
        }
        while hasher.queue.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(hasher.run(|| ()).await, None);
        for _ in 0..QUEUE_MAX {
            open.send(()).unwrap();
        }
        assert!(tasks.join_all().await.into_iter().all(|done| done == Some(true)));
        assert_eq!(hasher.run(|| 7).await, Some(7));
    }
}
