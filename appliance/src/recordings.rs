//! The journal, read while the box writes to it.

use std::ops::Range;
use std::path::{Path, PathBuf};

use store::{Day, Reader, days};
use tokio::sync::{mpsc, oneshot};
use types::{Input, Stamped, Timestamp};

use crate::engine_thread::Message;

/// Most inputs that are looked at for one page of rows.
const INPUTS_MAX: usize = 1_000_000;

/// Where recorded days are read.
#[derive(Clone)]
pub(crate) struct Recordings {
    dir: PathBuf,
    engine: mpsc::Sender<Message>,
}

/// The days of a data directory, of which one is open already.
pub(crate) struct Open {
    days: Vec<Day>,
    today: Option<Reader>,
}

/// Rows of a page.
pub(crate) struct Found<T> {
    pub(crate) rows: Vec<(Timestamp, T)>,
    /// Where to go on: as many inputs were looked at as may be, and not all of the span.
    pub(crate) next: Option<Timestamp>,
}

/// What was found behind an input.
pub(crate) struct After<T> {
    pub(crate) rows: Vec<T>,
    /// The last input that was looked at, and when it was received.
    pub(crate) last: Option<(u64, Timestamp)>,
    pub(crate) has_more: bool,
}

impl Recordings {
    pub(crate) const fn new(dir: PathBuf, engine: mpsc::Sender<Message>) -> Self {
        Self { dir, engine }
    }

    /// The folder.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The days that have something of `span`, with all that was heard until now, or all but the open block.
    ///
    /// # Errors
    /// One sentence when the box cannot tell just now.
    pub(crate) async fn open(&self, span: Range<Timestamp>, with_open_block: bool) -> Result<Open, String> {
        let (reply, today) = oneshot::channel();
        let busy = |_| "the box is too busy: ask again later".to_owned();
        self.engine.try_send(Message::Read { reply, with_open_block }).map_err(busy)?;
        let today = today.await.map_err(|_| "the box does not write just now: see its log".to_owned())?;
        let mut days = days(&self.dir).map_err(|error| error.to_string())?;
        days.retain(|day| day.is_in(&span));
        Ok(Open { days, today })
    }
}

impl Open {
    /// Each day, opened when it is its turn. Waits for the card.
    pub(crate) fn readers(self) -> impl Iterator<Item = store::Result<Reader>> {
        let Self { days, mut today } = self;
        days.into_iter().map(move |day| match today.take_if(|today| today.day() == day.day) {
            Some(today) => Ok(today),
            None => Reader::open_day(&day.path),
        })
    }

    /// What `pick` makes of the inputs after input `seq`, or without one (0) of those received from `from` on: at most `limit`, or
    /// of as many inputs as may be looked at. Waits for the card.
    ///
    /// # Errors
    /// When a day cannot be read.
    pub(crate) fn after<T>(
        self,
        from: Timestamp,
        seq: u64,
        limit: usize,
        pick: impl Fn(&Stamped<Input>) -> Option<T>,
    ) -> store::Result<After<T>> {
        let mut found = After { rows: Vec::new(), last: None, has_more: false };
        let mut seen = 0;
        for reader in self.readers() {
            let reader = reader?;
            // By its number a place is found at once.
            let inputs: Box<dyn Iterator<Item = _>> =
                if seq > 0 { Box::new(reader.inputs_after(seq)?) } else { Box::new(reader.inputs_from(from)?) };
            for input in inputs {
                let input = input?;
                if found.rows.len() >= limit || seen >= INPUTS_MAX {
                    found.has_more = true;
                    return Ok(found);
                }
                seen += 1;
                found.last = Some((input.seq, input.at));
                found.rows.extend(pick(&input));
            }
        }
        Ok(found)
    }

    /// What `pick` makes of the inputs that were received in the span, at most `limit`. Waits for the card.
    ///
    /// # Errors
    /// When a day cannot be read.
    pub(crate) fn find<T>(
        self,
        span: Range<Timestamp>,
        limit: usize,
        pick: impl Fn(&Stamped<Input>) -> Option<T>,
    ) -> store::Result<Found<T>> {
        let mut found = Found { rows: Vec::new(), next: None };
        let (mut seen, mut last) = (0, span.start);
        for reader in self.readers() {
            let reader = reader?;
            for input in reader.inputs_from(span.start)? {
                let input = input?;
                if input.at >= span.end || found.rows.len() >= limit {
                    return Ok(found);
                }
                // Inputs of one time are not parted.
                if seen >= INPUTS_MAX && last < input.at {
                    found.next = Some(input.at);
                    return Ok(found);
                }
                (seen, last) = (seen + 1, input.at);
                found.rows.extend(pick(&input).map(|row| (input.at, row)));
            }
        }
        Ok(found)
    }
}
