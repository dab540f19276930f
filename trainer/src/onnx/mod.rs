//! ONNX files, written by hand.
//!
//! Only the weight products of the encoders are integer (see `docs/decisions/int8.md` for why); the LSTM keeps its weights as
//! bytes and computes in floats:
//!
//! ```text
//! encoder: x (f32) --QuantizeLinear--> u8 --MatMulInteger(i8 weight)--> i32 --Cast--> f32 --Mul(scales)--Add(bias)-->
//! LSTM:    i8 weight --DequantizeLinear--> f32 --> LSTM
//! ```

mod encoder;
mod forecaster;
mod graph;
mod lstm;
mod proto;
mod quantise;

pub use forecaster::{Member, Precision, export};
pub use quantise::Calibration;
