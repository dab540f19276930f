//! What a backtest hears.

mod candles;
mod journal;
mod named;

pub use candles::{CandleMarket, Candles, DECIDED_WITHIN, Invented};
pub use journal::{JournalDays, Survey};
pub use named::{CandleFile, candles};

use types::{Input, Timeframe, Timestamp};

use crate::Result;

/// Takes one input with its time.
pub type Hear<'a> = dyn FnMut(Timestamp, Input) -> Result<()> + 'a;

/// What a backtest hears: from a start of the program on, in order of time.
///
/// The settings of every [`Input::Boot`] are to be replaced by those of the trial.
#[derive(Clone, Debug)]
pub enum Source {
    /// Candle files, as an invented market.
    Candles(Candles),
    /// Recorded days of a box.
    Journal(JournalDays),
}

impl Source {
    /// Tells all of it, from the beginning. Reads by itself: may run on several threads at once.
    ///
    /// # Errors
    /// What cannot be read, and what `hear` says.
    pub fn play(&self, hear: &mut Hear<'_>) -> Result<()> {
        match self {
            Self::Candles(candles) => candles.play(hear),
            Self::Journal(journal) => journal.play(hear),
        }
    }

    /// SHA-256 in hexadecimal over the data, whatever is invented around it: trials over the same data share it. Reads
    /// all of a journal.
    ///
    /// # Errors
    /// What cannot be read.
    pub fn digest(&self) -> Result<String> {
        match self {
            Self::Candles(candles) => Ok(candles.digest()),
            Self::Journal(journal) => journal.digest(),
        }
    }

    /// What is made up around the data, as JSON; empty where nothing is. The same settings over other inventions are another trial.
    #[must_use]
    pub fn assumed(&self) -> String {
        match self {
            Self::Candles(candles) => candles.assumed(),
            Self::Journal(_) => String::new(),
        }
    }

    /// What it is, in a line for people.
    #[must_use]
    pub fn about(&self) -> String {
        match self {
            Self::Candles(candles) => candles.about(),
            Self::Journal(journal) => journal.about(),
        }
    }

    /// The same without anything that was not over at `at`, and the moment up to which both tell the same.
    #[must_use]
    pub fn cut(&self, at: Timestamp) -> (Self, Timestamp) {
        match self {
            Self::Candles(candles) => {
                let (cut, until) = candles.cut(at);
                (Self::Candles(cut), until)
            }
            Self::Journal(journal) => (Self::Journal(journal.cut(at)), at),
        }
    }

    /// Length of the candles it is made of; `None` where it was recorded as it happened.
    #[must_use]
    pub fn timeframe(&self) -> Option<Timeframe> {
        match self {
            Self::Candles(candles) => candles.timeframe(),
            Self::Journal(_) => None,
        }
    }
}
