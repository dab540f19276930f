//! Recorded days of a box.
//!
//! The engine begins anew with the first input of the span: no account, no candles, no scores. What it has to know from
//! before is told at that moment: the last start of the program before the span, and the instruments, models, clock and
//! trading status since then. A day whose start of the program lies in a day that is gone begins with what its first
//! checkpoint knows of these, and with nothing else of it.
//!
//! What the user asked for (trading on and off, closing everything) is left out: a backtest asks what the settings
//! would have done.

use core::ops::Range;
use std::collections::BTreeMap;
use std::path::Path;

use engine::Engine;
use sha2::{Digest, Sha256};
use store::{Checkpoint, Day, Reader};
use types::settings::EngineSettings;
use types::{Input, Instrument, InstrumentId, Timestamp};

use super::Hear;
use crate::{BacktestError, Result};

/// Days of a box's journal.
#[derive(Clone, Debug)]
pub struct JournalDays {
    name: String,
    /// All days there are, oldest first: those before the span tell what was watched.
    days: Vec<Day>,
    span: Range<Timestamp>,
}

/// What a box was like in a span.
#[derive(Clone, Debug)]
pub struct Survey {
    /// Its settings when the span began.
    pub settings: EngineSettings,
    /// How many starts in the span had others than these.
    pub others: usize,
    /// What it watched, by number, with the rules that were told last.
    pub instruments: Vec<Instrument>,
}

impl JournalDays {
    /// The days of a data folder, and what of them was received in `span`.
    ///
    /// # Errors
    /// When the folder cannot be listed or has no day in the span.
    pub fn open(dir: &Path, span: Range<Timestamp>) -> Result<Self> {
        let (days, name) = (store::days(dir)?, dir.display().to_string());
        let (Some(first), Some(last)) = (days.first(), days.last()) else {
            return Err(BacktestError::NoJournal(dir.to_owned()));
        };
        let kept = format!("kept are the days {} to {}", date(first), date(last));
        let found = Self { name, days, span };
        if found.wanted().next().is_none() {
            return Err(BacktestError::Empty(format!("{} ({kept})", found.about())));
        }
        Ok(found)
    }

    fn wanted(&self) -> impl Iterator<Item = &Day> {
        self.days.iter().filter(|day| day.is_in(&self.span))
    }

    /// What the box was like in the span. Reads all of it.
    ///
    /// # Errors
    /// What cannot be read, and [`BacktestError::NoCatalogue`] where no start of the program is known.
    pub fn survey(&self) -> Result<Survey> {
        let (mut settings, mut others): (Option<EngineSettings>, usize) = (None, 0);
        let mut instruments = BTreeMap::new();
        self.play(&mut |_, input| {
            match input {
                Input::Boot { settings: told, .. } => match &settings {
                    Some(first) => others += usize::from(*first != *told),
                    None => settings = Some(*told),
                },
                Input::Instrument(instrument) => drop(instruments.insert(instrument.id, instrument)),
                _ => {}
            }
            Ok(())
        })?;
        let missing = || BacktestError::NoCatalogue { at: self.span.start, what: "no start of the program".to_owned() };
        let instruments = instruments.into_values().collect();
        Ok(Survey { settings: settings.ok_or_else(missing)?, others, instruments })
    }

    pub(crate) fn days(&self) -> &[Day] {
        &self.days
    }

    pub(crate) const fn span(&self) -> &Range<Timestamp> {
        &self.span
    }

    pub(super) fn about(&self) -> String {
        let end =
            |at: Timestamp, word: &str, is_open: bool| if is_open { String::new() } else { format!(" {word} {at}") };
        let from = end(self.span.start, "from", self.span.start <= Timestamp::EPOCH);
        let to = end(self.span.end, "to", self.span.end == Timestamp::MAX);
        format!("journal {}{from}{to}", self.name)
    }

    pub(super) fn cut(&self, at: Timestamp) -> Self {
        Self { span: self.span.start..self.span.end.min(at), ..self.clone() }
    }

    pub(super) fn digest(&self) -> Result<String> {
        let mut hash = Sha256::new_with_prefix("tickerbox journal 1\n");
        for at in [self.span.start, self.span.end] {
            hash.update(at.as_nanos().to_le_bytes());
        }
        for day in self.wanted() {
            let content = Reader::open_day(&day.path)?.verify()?;
            hash.update(format!("{} {}\n", day.day, content.digest));
        }
        Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    pub(super) fn play(&self, hear: &mut Hear<'_>) -> Result<()> {
        let mut is_begun = false;
        for day in self.wanted() {
            let reader = Reader::open_day(&day.path)?;
            for stamped in reader.inputs_from(self.span.start)? {
                let stamped = stamped?;
                if stamped.at >= self.span.end {
                    return Ok(());
                }
                if !is_begun {
                    is_begun = true;
                    // A span that begins with a start of the program needs nothing from before.
                    if !matches!(stamped.input, Input::Boot { .. }) {
                        for input in self.known_before(day, stamped.seq)? {
                            hear(stamped.at, input)?;
                        }
                    }
                }
                if !matches!(stamped.input, Input::Command(_)) {
                    hear(stamped.at, stamped.input)?;
                }
            }
        }
        if is_begun { Ok(()) } else { Err(BacktestError::Empty(self.about())) }
    }

    /// What the engine has to know before input `seq`, which lies in `first`.
    fn known_before(&self, first: &Day, seq: u64) -> Result<Vec<Input>> {
        let mut later: Vec<Input> = Vec::new();
        for day in self.days.iter().rev().filter(|day| day.day <= first.day) {
            let mut known = Vec::new();
            let reader = Reader::open_day(&day.path)?;
            for stamped in reader.inputs()? {
                let stamped = stamped?;
                if stamped.seq >= seq {
                    break;
                }
                match stamped.input {
                    Input::Boot { .. } => known = vec![stamped.input],
                    Input::Instrument(_)
                    | Input::Model(_)
                    | Input::Models { .. }
                    | Input::Clock { .. }
                    | Input::Status { .. } => known.push(stamped.input),
                    _ => {}
                }
            }
            known.append(&mut later);
            later = known;
            if matches!(later.first(), Some(Input::Boot { .. })) {
                return Ok(without_repeats(later));
            }
        }
        let oldest = self.days.first().map_or(first, |oldest| oldest);
        let mut known = self.of_checkpoint(&Reader::open_day(&oldest.path)?.first_checkpoint()?)?;
        known.append(&mut later);
        Ok(without_repeats(known))
    }

    /// What a checkpoint knows of instruments, models and clock.
    fn of_checkpoint(&self, checkpoint: &Checkpoint) -> Result<Vec<Input>> {
        let refuse = |what: String| BacktestError::NoCatalogue { at: self.span.start, what };
        if checkpoint.state_version != engine::STATE_VERSION {
            return Err(refuse(format!(
                "no start of the program is recorded, and the oldest state has version {}, this program knows {}",
                checkpoint.state_version,
                engine::STATE_VERSION
            )));
        }
        let engine: Engine = postcard::from_bytes(&checkpoint.state)
            .map_err(|error| refuse(format!("the oldest state cannot be read: {error}")))?;
        let view = engine.view();
        let boot = Input::Boot { version: view.version().to_owned(), settings: Box::new(view.settings().clone()) };
        let seats = view.models().map(|(seat, _)| seat.clone()).collect();
        let instruments = view.markets().map(|market| Input::Instrument(market.instrument.clone()));
        let status = view
            .markets()
            .filter_map(|market| Some(Input::Status { instrument: market.instrument.id, status: market.status()? }));
        let clock = Input::Clock { synchronised: view.is_clock_set() };
        let models = Input::Models { seats, news: None };
        Ok(core::iter::once(boot).chain([clock, models]).chain(instruments).chain(status).collect())
    }
}

fn date(day: &Day) -> String {
    let at = Timestamp::from_secs(i64::from(day.day) * 86_400);
    at.to_string().chars().take(10).collect()
}

/// Of each thing the newest word, in the order in which they are to be told.
fn without_repeats(inputs: Vec<Input>) -> Vec<Input> {
    #[derive(PartialEq, Eq, PartialOrd, Ord)]
    enum Of {
        Boot,
        Clock,
        Models,
        Instrument(InstrumentId),
        Status(InstrumentId),
        Other(usize),
    }
    let mut newest: BTreeMap<Of, Input> = BTreeMap::new();
    for (place, input) in inputs.into_iter().enumerate() {
        let of = match &input {
            Input::Boot { .. } => Of::Boot,
            Input::Clock { .. } => Of::Clock,
            Input::Model(_) | Input::Models { .. } => Of::Models,
            Input::Instrument(instrument) => Of::Instrument(instrument.id),
            Input::Status { instrument, .. } => Of::Status(*instrument),
            _ => Of::Other(place),
        };
        newest.insert(of, input);
    }
    newest.into_values().collect()
}
