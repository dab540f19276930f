//! Which programs a box has, and which of them runs.
//!
//! ```text
//!            installed                 confirmed
//! present ──────────────► on trial ─────────────► present, the one before is previous
//!    ▲                        │
//!    └──── failed, N starts ──┘
//! present damaged ─► previous damaged ─► factory
//! ```
//!
//! The factory's program is part of the read-only system: it is always there. A trial changes nothing of what is present, so whatever
//! ends it early leads back; and it ends, because each start costs one of [`STARTS_MAX`] that are counted before the program runs.

use std::collections::VecDeque;

use bundle::Digest;
use semver::Version;
use serde::{Deserialize, Serialize};

use crate::Formats;
use crate::judge::unread;

/// Starts that a program on trial has.
pub const STARTS_MAX: u8 = 3;
/// Orderly ends of a program on trial whose start is given back: a change of settings, a switch that is turned off. Bounded, for a
/// trial has to end.
const ORDERLY_MAX: u8 = 10;
/// Events that are kept.
pub const EVENTS_MAX: usize = 50;
/// Newest format of the state.
const FORMAT: u32 = 1;
/// Longest reason that is kept, bytes.
const WHY_MAX: usize = 400;

/// Where a program lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Slot {
    /// Part of the system.
    #[default]
    Factory,
    /// The first of two that are written to.
    A,
    /// The second.
    B,
}

impl Slot {
    /// Its name in the state, in paths and for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Factory => "factory",
            Self::A => "a",
            Self::B => "b",
        }
    }
}

/// A program in a slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// Its version.
    pub version: Version,
    /// SHA-256 of its file; nothing of the factory's, which is not looked at.
    pub sha256: Option<Digest>,
    /// Data formats that it writes and reads.
    pub formats: Formats,
    /// When it came, seconds UTC since 1970.
    pub since_s: i64,
}

/// A program that has to prove itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// Where it lies.
    pub slot: Slot,
    /// Starts that are left, the one that runs not counted.
    pub starts_left: u8,
    /// Orderly ends that are still given back.
    pub orderly_left: u8,
    /// When it came, seconds UTC since 1970.
    pub since_s: i64,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// A program was installed, and is tried.
    Installed,
    /// It proved itself.
    Confirmed,
    /// It did not, and the one before runs again.
    TakenBack,
    /// The owner went back to the one before.
    WentBack,
    /// An update was not installed.
    Refused,
    /// The file of a program is damaged or gone, so another one runs.
    Damaged,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// When, seconds UTC since 1970.
    pub at_s: i64,
    /// What.
    pub what: What,
    /// The program that it happened to; nothing where that is not known.
    pub version: Option<Version>,
    /// SHA-256 of its file.
    pub sha256: Option<Digest>,
    /// More of it, for people.
    pub why: String,
    /// Whether the user was told.
    pub told: bool,
}

/// Why the program is not changed back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotBack {
    /// There is no program before this one.
    #[error("there is no program to go back to")]
    Nothing,
    /// The one before could not open what this one has written.
    #[error("version {version} cannot read what the box has written since: {formats}; restore a backup, or a new card")]
    Unread {
        /// The one before.
        version: Version,
        /// Which formats.
        formats: String,
    },
}

/// The state of the slots: `state.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slots {
    format: u32,
    factory: Option<Program>,
    a: Option<Program>,
    b: Option<Program>,
    present: Slot,
    previous: Option<Slot>,
    trial: Option<Trial>,
    events: VecDeque<Event>,
}

impl Default for Slots {
    fn default() -> Self {
        Self {
            format: FORMAT,
            factory: None,
            a: None,
            b: None,
            present: Slot::Factory,
            previous: None,
            trial: None,
            events: VecDeque::new(),
        }
    }
}

impl Slots {
    /// Reads what [`to_json`](Self::to_json) makes.
    ///
    /// # Errors
    /// When it is not that, contradicts itself, or is of a later program.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let slots: Self = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        if slots.format != FORMAT {
            return Err(format!("it has format {}, this program knows {FORMAT}", slots.format));
        }
        let lacks = |slot: Slot| slot != Slot::Factory && slots.program(slot).is_none_or(|it| it.sha256.is_none());
        if lacks(slots.present) || slots.previous.is_some_and(lacks) {
            return Err("the slot that it names is empty".to_owned());
        }
        if let Some(trial) = &slots.trial
            && (lacks(trial.slot) || [Slot::Factory, slots.present].contains(&trial.slot))
        {
            return Err("the program on trial is not there".to_owned());
        }
        if slots.events.len() > EVENTS_MAX {
            return Err("it holds too many events".to_owned());
        }
        Ok(slots)
    }

    /// As text.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut text = serde_json::to_vec_pretty(self).expect("texts, numbers and lists of them");
        text.push(b'\n');
        text
    }

    /// The program in a slot. The factory's is known once it has run.
    #[must_use]
    pub const fn program(&self, slot: Slot) -> Option<&Program> {
        match slot {
            Slot::Factory => self.factory.as_ref(),
            Slot::A => self.a.as_ref(),
            Slot::B => self.b.as_ref(),
        }
    }

    /// The slot of the program that has proven itself.
    #[must_use]
    pub const fn present(&self) -> Slot {
        self.present
    }

    /// The slot of the one before.
    #[must_use]
    pub const fn previous(&self) -> Option<Slot> {
        self.previous
    }

    /// The program on trial.
    #[must_use]
    pub const fn trial(&self) -> Option<&Trial> {
        self.trial.as_ref()
    }

    /// What happened, the newest first.
    pub fn events(&self) -> impl Iterator<Item = &Event> {
        self.events.iter().rev()
    }

    /// Programs that were tried and taken back, as far as that is remembered.
    #[must_use]
    pub fn taken_back(&self) -> Vec<Digest> {
        self.events.iter().filter(|event| event.what == What::TakenBack).filter_map(|event| event.sha256).collect()
    }

    /// The factory's program says who it is. True when that is new.
    pub fn know_factory(&mut self, version: &Version, formats: &Formats, now_s: i64) -> bool {
        if self.factory.as_ref().is_some_and(|it| it.version == *version && it.formats == *formats) {
            return false;
        }
        let (version, formats) = (version.clone(), formats.clone());
        self.factory = Some(Program { version, sha256: None, formats, since_s: now_s });
        true
    }

    /// The slot that the next update goes to: never that of the program that runs.
    #[must_use]
    pub fn free(&self) -> Slot {
        match (self.present, self.previous) {
            (Slot::A, _) | (Slot::Factory, Some(Slot::A)) => Slot::B,
            _ => Slot::A,
        }
    }

    /// Forgets what lies in the free slot, before something else does.
    pub fn clear(&mut self) {
        let slot = self.free();
        self.trial = None;
        match slot {
            Slot::A => self.a = None,
            _ => self.b = None,
        }
        if self.previous == Some(slot) {
            self.previous = (self.present != Slot::Factory).then_some(Slot::Factory);
        }
    }

    /// A program lies in the free slot; its trial begins.
    pub fn installed(&mut self, program: Program, now_s: i64) {
        let slot = self.free();
        self.clear();
        self.note(now_s, What::Installed, slot, Some(&program), "");
        match slot {
            Slot::A => self.a = Some(program),
            _ => self.b = Some(program),
        }
        self.trial = Some(Trial { slot, starts_left: STARTS_MAX, orderly_left: ORDERLY_MAX, since_s: now_s });
    }

    /// What to run now. `is_sound` looks at the file of a slot. The change must be durable before a program on trial runs.
    pub fn start(&mut self, now_s: i64, is_sound: &mut dyn FnMut(Slot, &Digest) -> Result<(), String>) -> Slot {
        let mut look = |slots: &Self, slot: Slot| match slots.program(slot).and_then(|it| it.sha256) {
            Some(digest) => is_sound(slot, &digest),
            None => Err("nothing is known of its program".to_owned()),
        };
        if let Some(trial) = &mut self.trial {
            let slot = trial.slot;
            if trial.starts_left == 0 {
                self.failed(&format!("it was started {STARTS_MAX} times and never stayed well for long enough"), now_s);
            } else {
                trial.starts_left -= 1;
                match look(self, slot) {
                    Ok(()) => return slot,
                    Err(why) => drop(self.failed(&why, now_s)),
                }
            }
        }
        while self.present != Slot::Factory {
            let slot = self.present;
            let Err(why) = look(self, slot) else { break };
            let program = self.program(slot).cloned();
            self.note(now_s, What::Damaged, slot, program.as_ref(), &why);
            self.present = self.previous.take().filter(|it| *it != slot).unwrap_or_default();
        }
        self.present
    }

    /// The program on trial has proven itself. False when none is on trial.
    pub fn confirmed(&mut self, now_s: i64) -> bool {
        let Some(trial) = self.trial.take() else { return false };
        let program = self.program(trial.slot).cloned();
        self.note(now_s, What::Confirmed, trial.slot, program.as_ref(), "");
        self.previous = Some(self.present);
        self.present = trial.slot;
        true
    }

    /// The program on trial has failed: the next start is of the one before. False when none is on trial.
    pub fn failed(&mut self, why: &str, now_s: i64) -> bool {
        let Some(trial) = self.trial.take() else { return false };
        let program = self.program(trial.slot).cloned();
        self.note(now_s, What::TakenBack, trial.slot, program.as_ref(), why);
        true
    }

    /// The program on trial ended because it was told to: that start was no failure. False when there is nothing to give back.
    pub fn ended_in_order(&mut self) -> bool {
        let Some(trial) = self.trial.as_mut().filter(|it| it.orderly_left > 0 && it.starts_left < STARTS_MAX) else {
            return false;
        };
        trial.orderly_left -= 1;
        trial.starts_left += 1;
        true
    }

    /// The owner goes back: ends a trial, or takes the one before.
    ///
    /// # Errors
    /// When there is none, or it could not open what has been written since.
    pub fn go_back(&mut self, why: &str, now_s: i64) -> Result<(), NotBack> {
        let from = self.trial.as_ref().map_or(self.present, |trial| trial.slot);
        let to = if self.trial.is_some() { Some(self.present) } else { self.previous };
        let to = to.ok_or(NotBack::Nothing)?;
        if let (Some(from), Some(to)) = (self.program(from), self.program(to)) {
            let unread = unread(&from.formats, &to.formats);
            if !unread.is_empty() {
                return Err(NotBack::Unread { version: to.version.clone(), formats: unread.join(", ") });
            }
        }
        let program = self.program(from).cloned();
        self.note(now_s, What::WentBack, from, program.as_ref(), why);
        if self.trial.take().is_none() {
            (self.present, self.previous) = (to, Some(from));
        }
        Ok(())
    }

    /// An update was not installed.
    pub fn refused(&mut self, version: Option<&Version>, why: &str, now_s: i64) {
        self.push(Event {
            at_s: now_s,
            what: What::Refused,
            version: version.cloned(),
            sha256: None,
            why: why.to_owned(),
            told: true,
        });
    }

    /// What the user was not told yet, the oldest first; from now on he was.
    pub fn untold(&mut self) -> Vec<Event> {
        let new: Vec<Event> = self.events.iter().filter(|event| !event.told).cloned().collect();
        self.events.iter_mut().for_each(|event| event.told = true);
        new
    }

    fn note(&mut self, at_s: i64, what: What, slot: Slot, program: Option<&Program>, why: &str) {
        let place = match (what, slot) {
            (What::WentBack | What::Damaged, Slot::Factory) => "the factory's program",
            _ => "",
        };
        let why = if why.is_empty() { place.to_owned() } else { why.to_owned() };
        let (version, sha256) = (program.map(|it| it.version.clone()), program.and_then(|it| it.sha256));
        self.push(Event { at_s, what, version, sha256, why, told: false });
    }

    fn push(&mut self, mut event: Event) {
        if event.why.len() > WHY_MAX {
            let end = event.why.floor_char_boundary(WHY_MAX);
            event.why.truncate(end);
        }
        while self.events.len() >= EVENTS_MAX {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Format;

    fn program(n: u64) -> Program {
        let formats = [("state".to_owned(), Format { writes: 8 + n / 10, reads_from: 1 })].into();
        Program { version: Version::new(1, n, 0), sha256: Some(Digest::of(&n.to_le_bytes())), formats, since_s: 0 }
    }

    fn start(slots: &mut Slots) -> Slot {
        slots.start(9, &mut |_, _| Ok(()))
    }

    fn start_without(slots: &mut Slots, bad: &[Slot]) -> Slot {
        slots.start(9, &mut |slot, _| if bad.contains(&slot) { Err("cannot be read".to_owned()) } else { Ok(()) })
    }

    #[test]
    fn updates_go_to_and_fro_and_the_one_that_runs_is_never_written_over() {
        let mut slots = Slots::default();
        let mut runs = start(&mut slots);
        assert_eq!(runs, Slot::Factory);
        for n in 1..6 {
            assert_ne!(slots.free(), runs);
            slots.installed(program(n), 1);
            let tried = start(&mut slots);
            assert!(tried != runs && tried == slots.trial().unwrap().slot);
            assert!(slots.confirmed(2));
            assert_eq!((slots.previous(), start(&mut slots)), (Some(runs), tried));
            runs = tried;
        }
        let what: Vec<What> = slots.events().take(2).map(|event| event.what).collect();
        assert_eq!(what, [What::Confirmed, What::Installed]);
    }

    #[test]
    fn a_program_that_never_stays_is_started_three_times() {
        let mut slots = Slots::default();
        slots.installed(program(1), 1);
        let starts: Vec<Slot> = (0..5).map(|_| start(&mut slots)).collect();
        assert_eq!(starts, [Slot::A, Slot::A, Slot::A, Slot::Factory, Slot::Factory]);
        let last = slots.events().next().unwrap();
        assert_eq!((last.what, last.version.clone()), (What::TakenBack, Some(Version::new(1, 1, 0))));
        assert_eq!(slots.taken_back(), [program(1).sha256.unwrap()]);
    }

    #[test]
    fn an_orderly_end_costs_no_start_but_not_for_ever() {
        let mut slots = Slots::default();
        slots.installed(program(1), 1);
        let mut starts = 0;
        while start(&mut slots) == Slot::A {
            starts += 1;
            slots.ended_in_order();
        }
        assert_eq!(starts, u32::from(STARTS_MAX) + u32::from(ORDERLY_MAX));
        assert!(!slots.ended_in_order(), "there is no trial any more");
    }

    #[test]
    fn what_is_damaged_does_not_run_and_the_factory_is_the_last_resort() {
        let mut slots = Slots::default();
        for n in 1..3 {
            slots.installed(program(n), 1);
            start(&mut slots);
            slots.confirmed(2);
        }
        assert_eq!((slots.present(), slots.previous()), (Slot::B, Some(Slot::A)));
        assert_eq!(start_without(&mut slots.clone(), &[Slot::B]), Slot::A);
        let mut both = slots.clone();
        assert_eq!(start_without(&mut both, &[Slot::A, Slot::B]), Slot::Factory);
        assert_eq!(start(&mut both), Slot::Factory, "it does not go back to what was damaged");
        assert_eq!(both.events().filter(|event| event.what == What::Damaged).count(), 2);
        slots.installed(program(3), 3);
        assert_eq!(start_without(&mut slots, &[Slot::A]), Slot::B, "a trial that cannot be read is none");
    }

    #[test]
    fn the_owner_goes_back_and_returns_as_far_as_the_data_allows() {
        let mut slots = Slots::default();
        assert_eq!(slots.go_back("", 1), Err(NotBack::Nothing));
        slots.know_factory(&Version::new(1, 0, 0), &program(0).formats, 1);
        slots.installed(program(1), 1);
        start(&mut slots);
        slots.go_back("I changed my mind", 2).unwrap();
        assert_eq!((start(&mut slots), slots.trial()), (Slot::Factory, None));
        assert!(slots.taken_back().is_empty(), "that the owner goes back says nothing of the program");
        slots.installed(program(2), 3);
        start(&mut slots);
        slots.confirmed(4);
        let there = slots.present();
        slots.go_back("", 5).unwrap();
        assert_eq!((start(&mut slots), slots.previous()), (Slot::Factory, Some(there)));
        slots.go_back("", 6).unwrap();
        assert_eq!(start(&mut slots), there);
        // Of format 9, which the present one does not know.
        slots.installed(program(10), 7);
        start(&mut slots);
        slots.confirmed(8);
        let error = slots.go_back("", 9).unwrap_err().to_string();
        assert!(error.contains("version 1.2.0 cannot read") && error.contains("state in format 9"), "{error}");
    }

    #[test]
    fn the_state_is_read_back_and_what_contradicts_itself_is_not() {
        let mut slots = Slots::default();
        slots.installed(program(1), 1);
        assert_eq!(Slots::parse(&slots.to_json()).unwrap(), slots);
        let text = String::from_utf8(slots.to_json()).unwrap();
        for (from, to) in [
            ("\"present\": \"factory\"", "\"present\": \"b\""),
            ("\"present\": \"factory\"", "\"present\": \"a\""),
            ("\"previous\": null", "\"previous\": \"b\""),
            ("\"format\": 1", "\"format\": 2"),
            ("\"slot\": \"a\"", "\"slot\": \"factory\""),
            ("\"b\": null", "\"c\": null"),
        ] {
            assert!(text.contains(from), "{from}");
            assert!(Slots::parse(text.replacen(from, to, 1).as_bytes()).is_err(), "{to}");
        }
        for len in 0..text.len() - 1 {
            assert!(Slots::parse(&text.as_bytes()[..len]).is_err(), "cut at {len}");
        }
    }

    #[test]
    fn what_is_told_is_told_once_and_events_are_bounded() {
        let mut slots = Slots::default();
        slots.installed(program(1), 1);
        slots.refused(None, &"ü".repeat(1_000), 2);
        assert_eq!(slots.untold().len(), 1, "who was refused was told then");
        assert!(slots.untold().is_empty());
        (0..200).for_each(|_| slots.refused(None, "", 3));
        assert_eq!(slots.events().count(), EVENTS_MAX);
        assert!(Slots::parse(&slots.to_json()).is_ok());
    }
}
