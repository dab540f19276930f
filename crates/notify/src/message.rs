//! What one channel sends at once.

use serde::{Deserialize, Serialize};
use types::Timestamp;

use crate::alert::{Alert, Level, State};
use crate::text::{self, Unit};

/// Most alerts that one message holds; of more it tells how many.
pub const ALERTS_MAX: usize = 40;

/// Why there is a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Something happened.
    Alert,
    /// What happened while it was quiet.
    Digest,
    /// Somebody tries whether messages arrive.
    Test,
}

/// An alert, and how often it came before it was told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// The newest of them.
    pub alert: Alert,
    /// At least 1.
    pub times: u32,
}

/// One message, before a channel writes it in its own way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The same however often it is sent.
    pub id: String,
    /// When it was put together.
    pub made_at: Timestamp,
    /// Why.
    pub kind: Kind,
    /// Oldest first; never empty.
    pub alerts: Vec<Told>,
    /// How many alerts there are besides.
    pub more: u32,
}

impl Told {
    /// The first line.
    #[must_use]
    pub fn headline(&self) -> String {
        let Self { alert, times } = self;
        let over = if alert.state == State::Ends { "Over: " } else { "" };
        match times {
            0 | 1 => format!("{over}{}", alert.title),
            times => format!("{over}{} ({times} times)", alert.title),
        }
    }

    /// How much it matters now: what is over is only good to know.
    #[must_use]
    pub fn weight(&self) -> Level {
        if self.alert.state == State::Ends { Level::Info } else { self.alert.level }
    }
}

impl Message {
    /// A message that tries whether messages arrive.
    #[must_use]
    pub fn test(id: String, at: Timestamp) -> Self {
        let alert = Alert {
            key: "test:owner".to_owned(),
            level: Level::Info,
            state: State::Happened,
            title: "Tickerbox can reach you".to_owned(),
            text: "This is the test message that was asked for.".to_owned(),
            at,
        };
        Self { id, made_at: at, kind: Kind::Test, alerts: vec![Told { alert, times: 1 }], more: 0 }
    }

    /// The gravest of its alerts.
    #[must_use]
    pub fn level(&self) -> Level {
        self.alerts.iter().map(|told| told.alert.level).max().unwrap_or(Level::Info)
    }

    /// The gravest of what is not over.
    #[must_use]
    pub fn weight(&self) -> Level {
        self.alerts.iter().map(Told::weight).max().unwrap_or(Level::Info)
    }

    /// Alerts that it stands for, however often each came.
    #[must_use]
    pub fn count(&self) -> u32 {
        u32::try_from(self.alerts.len()).unwrap_or(u32::MAX).saturating_add(self.more)
    }

    /// One line for all of it.
    #[must_use]
    pub fn title(&self) -> String {
        match (self.kind, self.alerts.as_slice()) {
            (Kind::Digest, _) => format!("While it was quiet: {}", several(self.count())),
            (_, [told]) if self.more == 0 => told.headline(),
            (_, [first, ..]) => {
                format!("{}, {}", first.headline(), and_more(self.count() - 1))
            }
            (_, []) => several(self.more),
        }
    }

    /// Whether [`title`](Self::title) tells all that [`Told::headline`] of its only alert does.
    #[must_use]
    pub fn is_single(&self) -> bool {
        self.kind != Kind::Digest && self.alerts.len() == 1 && self.more == 0
    }

    /// All of it as plain text of at most `max`; what has no room is counted.
    #[must_use]
    pub fn plain(&self, max: usize, unit: Unit) -> String {
        // Room for the line that counts is kept while there may be need of it.
        const COUNT_LINE: usize = 24;
        let mut out = String::new();
        let mut left_out = self.more;
        for (number, told) in self.alerts.iter().enumerate() {
            let rest = u32::try_from(self.alerts.len() - number).unwrap_or(u32::MAX).saturating_add(self.more);
            let block = match told.alert.text.as_str() {
                "" => told.headline(),
                text => format!("{}\n{text}", told.headline()),
            };
            let gap = if out.is_empty() { "" } else { "\n\n" };
            let room = max.saturating_sub(unit.length(&out) + gap.len() + if rest > 1 { COUNT_LINE } else { 0 });
            if unit.length(&block) > room && !out.is_empty() {
                left_out = rest;
                break;
            }
            out.push_str(gap);
            out.push_str(&text::cut(&block, room, unit));
        }
        if left_out > 0 {
            out.push_str("\n\n");
            out.push_str(&and_more(left_out));
        }
        text::cut(&out, max, unit).into_owned()
    }
}

/// `and 12 more`.
#[must_use]
pub fn and_more(count: u32) -> String {
    format!("and {count} more")
}

fn several(count: u32) -> String {
    if count == 1 { "1 message".to_owned() } else { format!("{count} messages") }
}

#[cfg(test)]
pub(crate) mod samples {
    use super::*;

    pub(crate) fn told(title: &str, text: &str) -> Told {
        let at = Timestamp::from_secs(1_767_323_045);
        let (level, state) = (Level::Warning, State::Happened);
        let alert =
            Alert { key: format!("feed:{title}"), level, state, title: title.to_owned(), text: text.to_owned(), at };
        Told { alert, times: 1 }
    }

    pub(crate) fn message(alerts: Vec<Told>, more: u32) -> Message {
        let made_at = Timestamp::from_secs(1_767_323_045);
        Message { id: "box-discord-1".to_owned(), made_at, kind: Kind::Alert, alerts, more }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::samples::{message, told};
    use super::*;

    #[test]
    fn one_is_told_whole_and_many_are_counted() {
        let one = message(vec![told("Kraken is away", "No frame for 30 s.")], 0);
        assert_eq!(one.title(), "Kraken is away");
        assert_eq!(one.plain(4_096, Unit::Bytes), "Kraken is away\nNo frame for 30 s.");
        let mut many = message(vec![told("A", "x"), told("B", ""), told("C", "z")], 12);
        many.alerts[1].times = 3;
        many.alerts[2].alert.state = State::Ends;
        assert_eq!(many.title(), "A, and 14 more");
        assert_eq!(many.plain(4_096, Unit::Bytes), "A\nx\n\nB (3 times)\n\nOver: C\nz\n\nand 12 more");
        assert_eq!(many.plain(36, Unit::Bytes), "A\nx\n\nand 14 more");
        many.kind = Kind::Digest;
        assert_eq!(many.title(), "While it was quiet: 15 messages");
    }

    proptest! {
        #[test]
        fn plain_text_holds_its_limit_and_loses_no_count(
            texts in prop::collection::vec((".{0,40}", ".{0,80}"), 1..20), more in 0u32..50, max in 60usize..400,
            unit in prop::sample::select(vec![Unit::Chars, Unit::Utf16, Unit::Bytes]),
        ) {
            let alerts: Vec<Told> = texts.iter().map(|(title, text)| told(&text::line(title), &text::lines(text))).collect();
            let all = alerts.len() as u32 + more;
            let plain = message(alerts, more).plain(max, unit);
            prop_assert!(unit.length(&plain) <= max, "{} of {max}: {plain}", unit.length(&plain));
            if all > 1 && more > 0 {
                prop_assert!(plain.ends_with(" more"), "{plain}");
            }
        }
    }
}
