//! In which order a medium is changed, so that the plug may be pulled anywhere.
//!
//! ```text
//! install:  stage (elsewhere, whole, synced) ─► state: slot empty ─► staged file takes the slot's name ─► state: on trial
//! start:    state ─► digest of the slot's file ─► state: one start less ─► run
//! ```
//!
//! A state that cannot be read or written never stands in the way of a start: it leads to a program that needs no count.

use core::fmt::Display;

use bundle::Digest;

use crate::{Program, Slot, Slots};

/// Where the slots lie. What a method has done is durable when it returns.
pub trait Medium {
    /// Why something could not be done.
    type Error: Display;

    /// The state as text; nothing where there is none yet.
    ///
    /// # Errors
    /// When it cannot be read.
    fn state(&mut self) -> Result<Option<Vec<u8>>, Self::Error>;

    /// Puts this text in the place of the state, all or nothing.
    ///
    /// # Errors
    /// When it cannot be written.
    fn replace_state(&mut self, text: &[u8]) -> Result<(), Self::Error>;

    /// Gives the staged program the name of a slot's, all or nothing.
    ///
    /// # Errors
    /// When it cannot be done.
    fn place(&mut self, slot: Slot) -> Result<(), Self::Error>;

    /// SHA-256 of a slot's file.
    ///
    /// # Errors
    /// When it cannot be read, or could not be run.
    fn digest(&mut self, slot: Slot) -> Result<Digest, Self::Error>;
}

/// The state; where there is none, that of a fresh box.
///
/// # Errors
/// When it cannot be read, or says nothing that can be.
pub fn load<M: Medium>(medium: &mut M) -> Result<Slots, String> {
    match medium.state() {
        Ok(None) => Ok(Slots::default()),
        Ok(Some(text)) => Slots::parse(&text),
        Err(error) => Err(error.to_string()),
    }
}

/// Takes the staged program into the free slot and begins its trial.
///
/// # Errors
/// When the medium fails. What ran before still does.
pub fn install<M: Medium>(medium: &mut M, slots: &mut Slots, program: Program, now_s: i64) -> Result<(), M::Error> {
    let slot = slots.free();
    slots.clear();
    medium.replace_state(&slots.to_json())?;
    medium.place(slot)?;
    slots.installed(program, now_s);
    medium.replace_state(&slots.to_json())
}

/// What [`start`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// The program to run.
    pub slot: Slot,
    /// What is wrong with the folder; empty when nothing is.
    pub trouble: String,
}

/// Decides what to run now. `known` tells who the factory's program is.
pub fn start<M: Medium>(medium: &mut M, known: impl FnOnce(&mut Slots) -> bool, now_s: i64) -> Start {
    let mut slots = match load(medium) {
        Ok(slots) => slots,
        // Without a state nothing is known of what lies in the slots. It stays as it is, for whoever wants to know.
        Err(trouble) => return Start { slot: Slot::Factory, trouble: format!("the state of updates: {trouble}") },
    };
    let before = slots.clone();
    known(&mut slots);
    let slot = decide(medium, &mut slots, now_s);
    if slots == before {
        return Start { slot, trouble: String::new() };
    }
    match medium.replace_state(&slots.to_json()) {
        Ok(()) => Start { slot, trouble: String::new() },
        Err(error) => {
            // A start that cannot be counted is none of a trial.
            let is_trial = slots.trial().is_some_and(|trial| trial.slot == slot);
            if is_trial {
                slots.failed("its starts cannot be counted", now_s);
            }
            let slot = if is_trial { decide(medium, &mut slots, now_s) } else { slot };
            Start { slot, trouble: format!("the state of updates cannot be written: {error}") }
        }
    }
}

fn decide<M: Medium>(medium: &mut M, slots: &mut Slots, now_s: i64) -> Slot {
    slots.start(now_s, &mut |slot, expected| match medium.digest(slot) {
        Ok(found) if found == *expected => Ok(()),
        Ok(found) => Err(format!("its file was changed: the SHA-256 is {found}, installed was {expected}")),
        Err(error) => Err(format!("its file cannot be used: {error}")),
    })
}
