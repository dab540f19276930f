//! How much of each: portfolios of equal risk, and of mean and variance within limits.
//!
//! | what | how |
//! |---|---|
//! | [`parity`] | every position carries the same part of the risk; cyclical coordinate descent |
//! | [`mean_variance`] | the best expected return less its variance within limits; a quadratic programme, solved by `clarabel` |
//!
//! The same input gives the same bits on every machine: both use addition, multiplication, division and square roots only, in a fixed
//! order, and the solver reads its clock for statistics only. (Risk parity is a cone programme too, but its cone needs logarithms, which
//! differ between platforms.)

mod covariance;
mod limits;
mod mean_variance;
mod parity;

pub use covariance::Covariance;
pub use limits::{Group, Limits};
pub use mean_variance::mean_variance;
pub use parity::parity;
