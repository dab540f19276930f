//! ONNX files, written by hand.
//!
//! Only the weight products are integer (see `docs/decisions/int8.md` for why):
//!
//! ```text
//! x (f32) --QuantizeLinear--> u8 --MatMulInteger(i8 weight)--> i32 --Cast--> f32 --Mul(scales)--Add(bias)-->
//! ```

mod forecaster;
mod graph;
mod proto;
mod quantise;

pub use forecaster::{Precision, export};
pub use quantise::Calibration;
