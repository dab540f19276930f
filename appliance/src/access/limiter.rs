//! How often passwords and codes may be tried.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use super::pace::Pace;

/// Tries of an address before it has to wait.
const FREE: u32 = 3;
/// Longest wait between two tries of an address.
const WAIT_MAX: Duration = Duration::from_secs(15 * 60);
/// After so long without a try an address is as new.
const FORGET_AFTER: Duration = Duration::from_secs(60 * 60);
/// Most addresses that are remembered; the one whose last try is longest ago goes.
const ADDRESSES_MAX: usize = 1_024;
/// What addresses that never logged in have together, and how soon there is one more.
const TOGETHER: u32 = 30;
const TOGETHER_EVERY: Duration = Duration::from_secs(30);

/// Counts tries by address and together. A try counts as failed from its beginning, so that many at once are no way around.
#[derive(Debug)]
pub(super) struct Limiter {
    addresses: BTreeMap<IpAddr, Tries>,
    together: Pace,
}

#[derive(Clone, Debug)]
struct Tries {
    failed: u32,
    last: Instant,
    free_at: Instant,
    /// Somebody logged in from here: what strangers try together does not keep it out.
    is_known: bool,
    /// Whether the last try was taken from what strangers have together.
    is_shared: bool,
}

impl Default for Limiter {
    fn default() -> Self {
        Self { addresses: BTreeMap::new(), together: Pace::new(TOGETHER, TOGETHER_EVERY) }
    }
}

impl Limiter {
    /// Begins a try.
    ///
    /// # Errors
    /// How long to wait instead.
    pub(super) fn begin(&mut self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        let address = source(address);
        let fresh = Tries { failed: 0, last: now, free_at: now, is_known: false, is_shared: false };
        let mut tries = self.addresses.get(&address).cloned().unwrap_or(fresh);
        if now.saturating_duration_since(tries.last) > FORGET_AFTER {
            tries.failed = 0;
        }
        if tries.free_at > now {
            return Err(tries.free_at - now);
        }
        tries.is_shared = !tries.is_known;
        if tries.is_shared {
            self.together.take(now)?;
        }
        tries.failed = tries.failed.saturating_add(1);
        tries.last = now;
        tries.free_at = now + wait_after(tries.failed);
        self.addresses.insert(address, tries);
        if self.addresses.len() > ADDRESSES_MAX {
            let oldest = self.addresses.iter().min_by_key(|(_, tries)| (tries.is_known, tries.last));
            if let Some(oldest) = oldest.map(|(address, _)| *address) {
                self.addresses.remove(&oldest);
            }
        }
        Ok(())
    }

    /// The try was right: the address begins anew. What others have tried stays counted.
    pub(super) fn succeeded(&mut self, address: IpAddr, now: Instant) {
        self.give_back(address, now);
        let known = Tries { failed: 0, last: now, free_at: now, is_known: true, is_shared: false };
        self.addresses.insert(source(address), known);
    }

    /// The try did not take place.
    pub(super) fn give_back(&mut self, address: IpAddr, now: Instant) {
        if let Some(tries) = self.addresses.get_mut(&source(address)) {
            tries.failed = tries.failed.saturating_sub(1);
            tries.free_at = now;
            if std::mem::take(&mut tries.is_shared) {
                self.together.give_back();
            }
        }
    }
}

/// A house has one network of IPv6 with as many addresses as it likes.
fn source(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 => v4,
    }
}

/// None, none, and from the third on 2, 4, 8 seconds and so on.
fn wait_after(failed: u32) -> Duration {
    match failed {
        0..FREE => Duration::ZERO,
        _ => Duration::from_secs(1 << (failed - FREE + 1).min(20)).min(WAIT_MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 168, 1, 20));

    fn stranger(n: u32) -> IpAddr {
        IpAddr::V4((0x0a00_0000 + n).into())
    }

    #[test]
    fn an_address_waits_longer_each_time() {
        let mut limiter = Limiter::default();
        let mut now = Instant::now();
        let mut waits = Vec::new();
        for _ in 0..14 {
            while let Err(wait) = limiter.begin(HOME, now) {
                waits.push(wait.as_secs());
                now += wait;
            }
        }
        assert_eq!(waits, [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]);
        assert!(limiter.begin(stranger(1), now).is_ok(), "others are not held up by it");
        limiter.succeeded(HOME, now);
        assert!((0..3).all(|_| limiter.begin(HOME, now).is_ok()), "who was right begins anew");
        assert!(limiter.begin(HOME, now).is_err());
    }

    #[test]
    fn many_addresses_share_one_allowance_and_whom_the_box_knows_is_not_kept_out() {
        let mut limiter = Limiter::default();
        let now = Instant::now();
        limiter.begin(HOME, now).unwrap();
        limiter.succeeded(HOME, now);
        let allowed = (0..5_000).filter(|n| limiter.begin(stranger(*n), now).is_ok()).count();
        assert_eq!(allowed, 30);
        assert!(limiter.begin(HOME, now).is_ok(), "the owner's address");
        limiter.succeeded(HOME, now);
        assert_eq!(limiter.begin(stranger(9_999), now), Err(TOGETHER_EVERY), "his success lets nobody else through");
        assert!(limiter.begin(stranger(9_999), now + TOGETHER_EVERY).is_ok());
    }

    #[test]
    fn memory_is_bounded() {
        let mut limiter = Limiter::default();
        let mut now = Instant::now();
        for n in 0..3_000 {
            now += TOGETHER_EVERY;
            limiter.begin(stranger(n), now).unwrap();
        }
        assert_eq!(limiter.addresses.len(), ADDRESSES_MAX);
    }

    #[test]
    fn a_network_of_ipv6_is_one_address_and_a_mapped_one_is_the_old_one() {
        let source = |text: &str| super::source(text.parse().unwrap());
        assert_eq!(source("2001:db8:1:2:3::4"), source("2001:db8:1:2::9"));
        assert_ne!(source("2001:db8:1:2::1"), source("2001:db8:1:3::1"));
        assert_eq!(source("::ffff:10.0.0.1"), source("10.0.0.1"));
    }
}
