//! Why a model is refused or gives no answer.

/// Why a model is refused or gives no answer.
#[derive(Debug, thiserror::Error)]
pub enum InferError {
    /// The inference engine cannot read or run the graph.
    #[error("model.onnx: {stage}: {reason}")]
    Graph {
        /// What was tried.
        stage: &'static str,
        /// What the engine says.
        reason: String,
    },
    /// The graph is not what the manifest says.
    #[error("model.onnx does not fit its manifest: {0}")]
    Mismatch(String),
    /// A classifier of text is not of the shape that is known, or cannot read these tokens.
    #[error("text model: {0}")]
    Text(String),
    /// The window has another length.
    #[error("the window has {found} values, the model wants {expected}")]
    WindowLength {
        /// Rows times features.
        expected: usize,
        /// As given.
        found: usize,
    },
    /// A value of the window is infinite or no number.
    #[error("value {index} of the window (row {row}, feature {feature}) is {value}")]
    WindowValue {
        /// Position in the window.
        index: usize,
        /// Its row, oldest is 0.
        row: usize,
        /// Its feature's name.
        feature: String,
        /// The value.
        value: f32,
    },
    /// The model gave an infinite value, no number, one out of its range, quantiles that cross, or probabilities of actions
    /// that do not sum to one.
    #[error("the model's output {output} holds {value}, which it cannot mean")]
    Output {
        /// Which output.
        output: &'static str,
        /// The value; of quantiles the one that is below the one before it, of actions their sum.
        value: f32,
    },
    /// A probe was answered differently than on the machine that made the model.
    #[error(
        "probe {probe}: {output} differs by {difference:e}, {tolerance:e} is allowed: this processor computes the model differently"
    )]
    Probe {
        /// Which probe, from 0.
        probe: usize,
        /// Which output (log-returns, their quantiles and the risk in basis points).
        output: &'static str,
        /// By how much.
        difference: f64,
        /// How much is allowed.
        tolerance: f64,
    },
}
