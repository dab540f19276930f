//! Safety of what is kept: a failing disk under the store, and kills of the real program.

pub mod faults;
pub mod kills;
