//! What one answer costs.

use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::Cost;

/// Multiply-accumulates of one answer, by the type they are summed in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Macs {
    /// Bytes times bytes, summed in 32-bit integers.
    pub integer: u64,
    /// In 32-bit floats.
    pub float: u64,
}

impl Macs {
    /// Share of the integer ones, 0 to 1.
    #[must_use]
    pub fn integer_share(&self) -> f64 {
        self.integer as f64 / (self.integer + self.float).max(1) as f64
    }
}

/// Counts over the optimised graph: what is asked for may not be what the optimiser made of it.
pub(crate) fn macs(model: &TypedModel) -> TractResult<Macs> {
    let mut macs = Macs::default();
    for node in model.nodes() {
        let inputs = model.node_input_facts(node.id)?;
        for (cost, count) in node.op.cost(&inputs)? {
            let count = count.to_i64()? as u64;
            match cost {
                Cost::FMA(kind) if kind.is_float() => macs.float += count,
                Cost::FMA(_) => macs.integer += count,
                _ => {}
            }
        }
    }
    Ok(macs)
}
