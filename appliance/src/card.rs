//! The card that everything is kept on: how full it is, whether it takes what is written, and what the box leaves out to keep
//! from filling it.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use types::Input;

const MB: u64 = 1 << 20;
/// Levels of a side that are kept when the card is filling up.
const SHALLOW_LEVELS: usize = 5;

/// What is left out of what the engine hears, and so of the journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Thrift {
    /// Nothing.
    #[default]
    Everything,
    /// All but the best levels of books.
    ShallowBooks,
    /// All but the best level of books.
    BestPrices,
    /// All that venues and news say: only the account, its orders and the clock go on.
    LedgerOnly,
}

impl Thrift {
    const ALL: [Self; 4] = [Self::Everything, Self::ShallowBooks, Self::BestPrices, Self::LedgerOnly];

    /// For people.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Everything => "everything is kept",
            Self::ShallowBooks => "of books the best 5 levels are kept",
            Self::BestPrices => "of books the best level is kept",
            Self::LedgerOnly => "nothing from exchanges is taken in any more; account and orders are kept",
        }
    }
}

/// The state of the card in a word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CardState {
    /// All is well.
    #[default]
    Ok,
    /// It is filling up: something is left out.
    NearlyFull,
    /// The last write found no room.
    Full,
    /// It takes no writes: a worn card protects itself so, and so does a file system after an error.
    ReadOnly,
    /// The last write failed for another reason.
    Failing,
}

impl CardState {
    /// The name used in JSON.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::NearlyFull => "nearly_full",
            Self::Full => "full",
            Self::ReadOnly => "read_only",
            Self::Failing => "failing",
        }
    }

    /// What is wrong, and what to do. `keeps`: what is not left out.
    pub(crate) fn told(self, keeps: Thrift) -> (String, &'static str) {
        let (what, advice) = match self {
            Self::Ok => return ("The card is well.".to_owned(), "Nothing has to be done."),
            Self::NearlyFull => {
                let text = format!("The card is nearly full: {}.", keeps.text());
                return (text, "Make room, or raise the budget in the settings.");
            }
            Self::Full => ("is full", "Make room on it."),
            Self::ReadOnly => ("cannot be written to", "Make a backup and replace it."),
            Self::Failing => ("fails", "Make a backup and replace it if this stays."),
        };
        (format!("The card {what}: nothing is kept, so nothing happens."), advice)
    }
}

/// What `/healthz` says about the card.
#[derive(Clone, Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub(crate) struct CardHealth {
    /// In a word.
    pub(crate) state: CardState,
    /// What is kept.
    pub(crate) keeps: Thrift,
    /// Room that the data folder takes, MB.
    pub(crate) used_mb: u64,
    /// Room that it may take now, MB: the budget, or what the card still has.
    pub(crate) may_use_mb: u64,
    /// Free room of the card, MB.
    pub(crate) free_mb: u64,
    /// Why the last write failed; empty while writing works.
    pub(crate) error: String,
    /// What was damaged at the start, and what became of it.
    pub(crate) repaired: Vec<String>,
}

/// Shared by whoever watches, writes and tells.
#[derive(Debug, Default)]
pub(crate) struct Card {
    thrift: AtomicU8,
    health: Mutex<CardHealth>,
}

impl Card {
    /// A card of which something was repaired at the start.
    pub(crate) fn new(repaired: Vec<String>) -> Self {
        Self { thrift: AtomicU8::new(0), health: Mutex::new(CardHealth { repaired, ..CardHealth::default() }) }
    }

    pub(crate) fn health(&self) -> CardHealth {
        self.lock().clone()
    }

    /// What is left out now.
    pub(crate) fn thrift(&self) -> Thrift {
        Thrift::ALL.get(usize::from(self.thrift.load(Ordering::Relaxed))).copied().unwrap_or_default()
    }

    /// A write failed.
    pub(crate) fn failed(&self, error: &store::StoreError) {
        let state = match error {
            store::StoreError::Io { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                    CardState::Full
                }
                io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => CardState::ReadOnly,
                _ => CardState::Failing,
            },
            _ => CardState::Failing,
        };
        let mut health = self.lock();
        health.state = state;
        health.error = error.to_string();
    }

    /// Writing works again.
    pub(crate) fn works(&self) {
        let mut health = self.lock();
        health.error.clear();
        health.state = state_of(health.keeps);
    }

    /// Whether it is known to take no writes: the store tries again and again, and the engine waits for it.
    pub(crate) fn is_waited_for(&self) -> bool {
        !self.lock().error.is_empty()
    }

    /// The card was measured: what is left out from now on. Gives true when that changed.
    pub(crate) fn measured(&self, found: Measured, budget: Budget) -> bool {
        let may_use = found.may_use(budget);
        let mut health = self.lock();
        let keeps = thrift(found.used, may_use, health.keeps);
        (health.used_mb, health.may_use_mb, health.free_mb) = (found.used / MB, may_use / MB, found.free / MB);
        let changed = keeps != health.keeps;
        health.keeps = keeps;
        if health.error.is_empty() {
            health.state = state_of(keeps);
        }
        self.thrift.store(keeps as u8, Ordering::Relaxed);
        changed
    }

    fn lock(&self) -> MutexGuard<'_, CardHealth> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const fn state_of(keeps: Thrift) -> CardState {
    match keeps {
        Thrift::Everything => CardState::Ok,
        _ => CardState::NearlyFull,
    }
}

/// What of an input is taken in; `None` for nothing.
pub(crate) fn spare(input: Input, thrift: Thrift) -> Option<Input> {
    let levels = match thrift {
        Thrift::Everything => return Some(input),
        Thrift::ShallowBooks => SHALLOW_LEVELS,
        Thrift::BestPrices => 1,
        Thrift::LedgerOnly => 0,
    };
    match input {
        Input::Book(mut book) if levels > 0 => {
            book.bids.truncate(levels);
            book.asks.truncate(levels);
            Some(Input::Book(book))
        }
        Input::Book(_)
        | Input::Trade(_)
        | Input::Candle(_)
        | Input::Ticker(_)
        | Input::Quality(_)
        | Input::TradesMissing(_)
        | Input::Mood(_)
            if levels == 0 =>
        {
            None
        }
        other => Some(other),
    }
}

/// What may be taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    /// By the data folder, bytes.
    pub(crate) folder: u64,
    /// What others are to have left, bytes.
    pub(crate) reserve: u64,
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Measured {
    /// Bytes on the card that the data folder takes.
    pub(crate) used: u64,
    /// Bytes that are free on the card.
    pub(crate) free: u64,
}

impl Measured {
    /// What the folder takes, and what is free beside it.
    ///
    /// # Errors
    /// When the folder cannot be looked at.
    pub(crate) fn of(dir: &Path) -> io::Result<Self> {
        let room = rustix::fs::statvfs(dir)?;
        Ok(Self { used: room_of(dir)?, free: room.f_bavail.saturating_mul(room.f_frsize) })
    }

    fn may_use(self, budget: Budget) -> u64 {
        budget.folder.min((self.used + self.free).saturating_sub(budget.reserve))
    }

    /// Whether the oldest days have to go.
    pub(crate) fn is_tight(self, budget: Budget) -> bool {
        self.used * 100 >= self.may_use(budget) * DELETE_PERCENT
    }
}

/// Bytes of the blocks that files in a folder and those below take.
fn room_of(dir: &Path) -> io::Result<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        // A file that went away since the folder was listed takes no room.
        let Ok(meta) = entry.metadata() else { continue };
        sum += if meta.is_dir() { room_of(&entry.path())? } else { meta.blocks() * 512 };
    }
    Ok(sum)
}

/// From this share on, days are deleted.
const DELETE_PERCENT: u64 = 90;
/// Shares from which on less is kept.
const LESS_PERCENT: [(u64, Thrift); 3] =
    [(80, Thrift::ShallowBooks), (95, Thrift::BestPrices), (99, Thrift::LedgerOnly)];
/// So much below a share more is kept again.
const BACK_PERCENT: u64 = 5;

fn thrift(used: u64, may_use: u64, now: Thrift) -> Thrift {
    let percent = (used * 100).checked_div(may_use).unwrap_or(u64::MAX);
    let at = |slack: u64| {
        let reached = LESS_PERCENT.iter().rev().find(|(share, _)| percent.saturating_add(slack) >= *share);
        reached.map_or(Thrift::Everything, |(_, thrift)| *thrift)
    };
    // Between the two nothing changes, so that it does not change all the time.
    now.clamp(at(0), at(BACK_PERCENT))
}

#[cfg(test)]
mod tests {
    use types::market::{BookTop, Level, Proof};
    use types::{InstrumentId, Price, Qty};

    use super::*;

    #[test]
    fn less_is_kept_the_fuller_it_is_and_more_only_when_there_is_room_again() {
        let mut now = Thrift::Everything;
        let mut at = |used| {
            now = thrift(used, 100, now);
            now
        };
        let seen = [50, 79, 80, 76, 75, 74, 96, 91, 89, 100, 95, 94, 93, 10].map(&mut at);
        use Thrift::{BestPrices as B, Everything as E, LedgerOnly as L, ShallowBooks as S};
        assert_eq!(seen, [E, E, S, S, S, E, B, B, S, L, L, L, B, E]);
        assert_eq!(thrift(5, 0, Thrift::Everything), L, "nothing is free");
    }

    #[test]
    fn what_others_take_of_the_card_counts() {
        let budget = Budget { folder: 100, reserve: 20 };
        assert_eq!(Measured { used: 40, free: 1_000 }.may_use(budget), 100);
        assert_eq!(Measured { used: 40, free: 50 }.may_use(budget), 70);
        assert_eq!(Measured { used: 40, free: 10 }.may_use(budget), 30);
        assert!(
            !Measured { used: 40, free: 1_000 }.is_tight(budget) && Measured { used: 40, free: 10 }.is_tight(budget)
        );
    }

    #[test]
    fn a_full_card_costs_depth_first_and_the_account_never() {
        let level = |n: i64| Level { price: Price::new(100 + n).unwrap(), qty: Qty(1) };
        let book = Input::Book(BookTop {
            instrument: InstrumentId(1),
            bids: (0..20).map(|n| level(-n)).collect(),
            asks: (1..20).map(level).collect(),
            proof: Proof::Checksum,
            venue_at: None,
        });
        let depth = |thrift| match spare(book.clone(), thrift) {
            Some(Input::Book(book)) => (book.bids.len(), book.asks.len()),
            _ => (0, 0),
        };
        assert_eq!(Thrift::ALL.map(depth), [(20, 19), (5, 5), (1, 1), (0, 0)]);
        for thrift in Thrift::ALL {
            assert_eq!(spare(Input::Tick, thrift), Some(Input::Tick));
        }
    }

    #[test]
    fn a_failure_has_a_name_until_writing_works_again() {
        let card = Card::new(Vec::new());
        let fails = |kind: io::ErrorKind| {
            card.failed(&store::StoreError::Io { path: "x".into(), what: "cannot write", source: kind.into() });
            card.health().state
        };
        assert_eq!(fails(io::ErrorKind::StorageFull), CardState::Full);
        assert_eq!(fails(io::ErrorKind::ReadOnlyFilesystem), CardState::ReadOnly);
        assert_eq!(fails(io::ErrorKind::Other), CardState::Failing);
        let budget = Budget { folder: 100 * MB, reserve: 0 };
        assert!(card.measured(Measured { used: 85 * MB, free: 50 * MB }, budget));
        assert_eq!((card.health().state, card.thrift()), (CardState::Failing, Thrift::ShallowBooks));
        card.works();
        assert_eq!(card.health().state, CardState::NearlyFull);
        let health = card.health();
        assert!(health.state.told(health.keeps).0.contains("the best 5 levels are kept"));
        assert!(!card.measured(Measured { used: 85 * MB, free: 50 * MB }, budget), "nothing new");
        assert!(card.measured(Measured { used: 10 * MB, free: 50 * MB }, budget));
        assert_eq!(card.health().state, CardState::Ok);
    }
}
