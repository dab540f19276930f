//! Pulled plugs: a box that installs, starts, crashes, proves itself and goes back at random, on a medium that stops at any step.
//!
//! After each cut the box is started again, and these hold:
//! * something is started, and what is started is whole: the program that was installed, to the byte;
//! * a program that never proves itself is started at most [`STARTS_MAX`] times;
//! * what had proven itself is not lost to a later update that fails;
//! * once nothing is changed from outside any more the choice stands still.

use std::collections::BTreeMap;

use proptest::prelude::*;
use update::folder::{self, Medium};
use update::{Digest, Program, STARTS_MAX, Slot, Slots, Version};

/// A card. Every change may be the last one before the plug is pulled.
#[derive(Clone, Debug, Default)]
struct Card {
    state: Option<Vec<u8>>,
    staged: Option<Vec<u8>>,
    slots: BTreeMap<Slot, Vec<u8>>,
    /// Changes that still go through; nothing for all of them.
    left: Option<u32>,
}

impl Card {
    /// Whether the next change goes through.
    fn change(&mut self) -> Result<(), String> {
        match &mut self.left {
            Some(0) => Err("the plug was pulled".to_owned()),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Writes the program elsewhere: cut, a part of it is there.
    fn stage(&mut self, program: &[u8]) -> Result<(), String> {
        self.staged = Some(program[..program.len() / 2].to_vec());
        self.change()?;
        self.staged = Some(program.to_vec());
        Ok(())
    }
}

impl Medium for Card {
    type Error = String;

    fn state(&mut self) -> Result<Option<Vec<u8>>, String> {
        Ok(self.state.clone())
    }

    fn replace_state(&mut self, text: &[u8]) -> Result<(), String> {
        // Before writing, and between writing and renaming: both leave the old one.
        self.change()?;
        self.change()?;
        self.state = Some(text.to_vec());
        Ok(())
    }

    fn place(&mut self, slot: Slot) -> Result<(), String> {
        self.change()?;
        let staged = self.staged.take().ok_or("nothing is staged")?;
        self.slots.insert(slot, staged);
        // Cut after the change, and before anybody knows.
        self.change()
    }

    fn digest(&mut self, slot: Slot) -> Result<Digest, String> {
        self.slots.get(&slot).map(|file| Digest::of(file)).ok_or_else(|| "there is no file".to_owned())
    }
}

/// What happens to the box.
#[derive(Clone, Debug)]
enum Step {
    /// An update comes; the plug is pulled after so many changes.
    Install(u32),
    /// It starts, and the plug is pulled after so many changes.
    Start(u32),
    /// It starts and runs until it crashes or the power goes.
    Crash,
    /// It starts and is told to end.
    Orderly(u32),
    /// It starts and is well for long enough; the plug is pulled after so many changes.
    Well(u32),
    /// It starts and stays ill.
    Ill(u32),
    /// The owner goes back.
    Back(u32),
    /// A slot's file is torn.
    Tear(bool),
}

fn step() -> impl Strategy<Value = Step> {
    let cut = || 0..8_u32;
    prop_oneof![
        4 => cut().prop_map(Step::Install),
        2 => cut().prop_map(Step::Start),
        4 => Just(Step::Crash),
        2 => cut().prop_map(Step::Orderly),
        3 => cut().prop_map(Step::Well),
        1 => cut().prop_map(Step::Ill),
        1 => cut().prop_map(Step::Back),
        1 => any::<bool>().prop_map(Step::Tear),
    ]
}

/// The box and what it should be like.
#[derive(Default)]
struct Model {
    card: Card,
    made: u64,
    /// All programs that were ever made whole, by digest, and how often each was started before it proved itself.
    starts: BTreeMap<Digest, u32>,
    orderly: BTreeMap<Digest, u32>,
    proven: std::collections::BTreeSet<Digest>,
    torn: bool,
}

impl Model {
    fn slots(&mut self) -> Slots {
        folder::load(&mut self.card).expect("the state is replaced as a whole")
    }

    /// Starts the box as the launcher does, and checks what is started.
    fn start(&mut self) -> (Slot, Option<Digest>) {
        let before = self.slots();
        let started = folder::start(
            &mut self.card,
            |slots| slots.know_factory(&Version::new(0, 0, 1), &Default::default(), 0),
            5,
        );
        let file = self.card.slots.get(&started.slot).map(|file| Digest::of(file));
        if started.slot == Slot::Factory {
            if !self.torn && before.present() != Slot::Factory {
                panic!("the factory's program runs though {:?} had proven itself", before.present());
            }
            return (Slot::Factory, None);
        }
        let file = file.expect("what is started is there");
        let count = self.starts.get_mut(&file).expect("what is started is whole");
        if !self.proven.contains(&file) {
            *count += 1;
            let orderly = self.orderly.get(&file).copied().unwrap_or(0);
            assert!(*count <= u32::from(STARTS_MAX) + orderly, "started {count} times");
        }
        (started.slot, Some(file))
    }

    fn cut<T>(&mut self, after: u32, work: impl FnOnce(&mut Self) -> T) -> T {
        self.card.left = Some(after);
        let done = work(self);
        self.card.left = None;
        done
    }

    fn save(&mut self, slots: &Slots) -> bool {
        self.card.replace_state(&slots.to_json()).is_ok()
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Install(after) => {
                if self.slots().trial().is_some() {
                    return;
                }
                self.made += 1;
                let bytes = format!("program {}", self.made).into_bytes();
                let sha256 = Digest::of(&bytes);
                self.starts.insert(sha256, 0);
                let version = Version::new(1, self.made, 0);
                let program = Program { version, sha256: Some(sha256), formats: Default::default(), since_s: 0 };
                self.cut(after, |it| {
                    let mut slots = it.slots();
                    if it.card.stage(&bytes).is_ok() {
                        let _ = folder::install(&mut it.card, &mut slots, program, 1);
                    }
                });
            }
            Step::Start(after) => drop(self.cut(after, |it| {
                // Where the state cannot be written, what is started does not get further than that here.
                let known = |slots: &mut Slots| slots.know_factory(&Version::new(0, 0, 1), &Default::default(), 0);
                folder::start(&mut it.card, known, 5)
            })),
            Step::Crash => drop(self.start()),
            Step::Orderly(after) => {
                let (_, file) = self.start();
                let Some(file) = file.filter(|file| !self.proven.contains(file)) else { return };
                self.cut(after, |it| {
                    let mut slots = it.slots();
                    if slots.ended_in_order() && it.save(&slots) {
                        *it.orderly.entry(file).or_default() += 1;
                    }
                });
                assert!(self.orderly.get(&file).is_none_or(|times| *times <= 10));
            }
            Step::Well(after) => {
                let (slot, file) = self.start();
                self.cut(after, |it| {
                    let mut slots = it.slots();
                    if slots.trial().is_some_and(|trial| trial.slot == slot) && slots.confirmed(2) && it.save(&slots) {
                        it.proven.extend(file);
                    }
                });
            }
            Step::Ill(after) => {
                let (slot, _) = self.start();
                self.cut(after, |it| {
                    let mut slots = it.slots();
                    if slots.trial().is_some_and(|trial| trial.slot == slot) && slots.failed("ill", 2) {
                        it.save(&slots);
                    }
                });
            }
            Step::Back(after) => self.cut(after, |it| {
                let mut slots = it.slots();
                if slots.go_back("", 2).is_ok() {
                    it.save(&slots);
                }
            }),
            Step::Tear(first) => {
                let slot = if first { Slot::A } else { Slot::B };
                if let Some(file) = self.card.slots.get_mut(&slot) {
                    file.truncate(file.len() / 2);
                    self.torn = true;
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_something_whole_starts_and_trials_end(steps in prop::collection::vec(step(), 1..40)) {
        let mut model = Model::default();
        for step in &steps {
            model.step(step);
        }
        // From here on everything crashes: after the trial's starts the choice stands still.
        let chosen: Vec<Slot> = (0..10).map(|_| model.start().0).collect();
        let last = &chosen[usize::from(STARTS_MAX)..];
        prop_assert!(last.iter().all(|slot| *slot == last[0]), "{chosen:?}");
    }
}

#[test]
fn a_state_that_says_nothing_leads_to_the_factory_and_is_left_as_it_is() {
    for text in [&b""[..], b"{", b"null", b"\0\0\0\0", br#"{"format":7}"#] {
        let mut card = Card { state: Some(text.to_vec()), ..Card::default() };
        let started = folder::start(&mut card, |_| true, 1);
        assert_eq!(started.slot, Slot::Factory);
        assert!(started.trouble.starts_with("the state of updates: "), "{}", started.trouble);
        assert_eq!(card.state.as_deref(), Some(text));
    }
}

#[test]
fn a_trial_whose_starts_cannot_be_counted_is_not_run() {
    let mut card = Card::default();
    let mut slots = Slots::default();
    let bytes = b"program".to_vec();
    let sha256 = Some(Digest::of(&bytes));
    card.stage(&bytes).unwrap();
    let program = Program { version: Version::new(1, 0, 0), sha256, formats: Default::default(), since_s: 0 };
    folder::install(&mut card, &mut slots, program, 1).unwrap();
    card.left = Some(0);
    let started = folder::start(&mut card, |_| false, 1);
    assert_eq!(started.slot, Slot::Factory);
    assert!(started.trouble.contains("cannot be written: the plug was pulled"), "{}", started.trouble);
    card.left = None;
    assert_eq!(folder::start(&mut card, |_| false, 1).slot, Slot::A, "once it can be, it is");
}
