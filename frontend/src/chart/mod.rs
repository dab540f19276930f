//! Chart geometry: what is visible, where it lies, what is under the pointer. No canvas in here.
//!
//! The time axis is measured in *slots*, one per candle length since 1970; a missing minute is an empty slot. Prices are in
//! the instrument's price units as floats: pictures only, never money.

pub mod bars;
pub mod depth;
pub mod fan;
pub mod indicator;
pub mod inertia;
pub mod layout;
pub mod level;
pub mod ring;
pub mod scale;
pub mod shape;
pub mod view;
