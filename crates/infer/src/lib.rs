//! From a verified bundle to forecasts: the only place that knows tract.
//!
//! ```text
//! VerifiedBundle --Model::load--> shapes checked, graph optimised, probes answered --> Model --predict--> Answer
//! ```
//!
//! Every answer begins with a fresh state, so a [`Model`] may be shared by threads. What the ONNX
//! files hold and why is told in `docs/decisions/int8.md`.

mod cost;
mod error;
mod kernel;
mod latency;
mod model;
mod ops;
mod probe;
mod question;
mod text;
mod weigh;

pub use bundle::Decision;
pub use cost::Macs;
pub use error::InferError;
pub use kernel::engine;
pub use latency::Latency;
pub use model::{Answer, HorizonAnswer, Model};
pub use probe::ProbeReport;
pub use question::{Respondent, seat};
pub use text::{TEXT_MODEL_BYTES_MAX, TextModel};
pub use weigh::Weight;
