//! What the lamp, the buzzer and the button of the box mean. No pins and no clock: time is an argument, counted from any beginning.
//!
//! ```text
//! level of the box --> Panel (hysteresis, cool-down, mute) --> Look: which light now, which tone, until when
//! contact of the button --> Button (debounce) --> Press: short, long
//! ```
//!
//! A level is told by a colour and by a rhythm, so that one light of any colour, and an eye that sees none, are enough. Dark means
//! that the box is off.

mod button;
mod panel;
mod pattern;

pub use button::{Button, Press};
pub use panel::{Look, Panel, Rules};
pub use pattern::{Chime, Pattern, chime, pattern};
pub use wire::Lamp as Level;
