//! Probes: windows whose answers are known.

use bundle::Probe;

use crate::{InferError, Model};

/// How closely the probes were met.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ProbeReport {
    /// Probes answered.
    pub probes: usize,
    /// Largest difference of a log-return, basis points.
    pub log_return_max_bps: f64,
    /// Largest difference of a probability.
    pub p_up_max: f64,
}

/// Answers every probe, in order.
pub(crate) fn run(model: &mut Model, probes: &[Probe]) -> Result<ProbeReport, InferError> {
    let tolerance = model.manifest().tolerance;
    let (bps, share) = (f64::from(tolerance.log_return_bps), f64::from(tolerance.p_up));
    let mut report = ProbeReport { probes: probes.len(), ..ProbeReport::default() };
    for (probe, expected) in probes.iter().enumerate() {
        let answer = model.predict(&expected.window)?;
        for (horizon, (log_return, p_up)) in answer.horizons.iter().zip(expected.log_return.iter().zip(&expected.p_up))
        {
            let difference = (f64::from(horizon.log_return) - f64::from(*log_return)).abs() * 1e4;
            report.log_return_max_bps = report.log_return_max_bps.max(difference);
            if difference > bps {
                return Err(InferError::Probe { probe, output: "log_return", difference, tolerance: bps });
            }
            let difference = (f64::from(horizon.p_up) - f64::from(*p_up)).abs();
            report.p_up_max = report.p_up_max.max(difference);
            if difference > share {
                return Err(InferError::Probe { probe, output: "p_up", difference, tolerance: share });
            }
        }
    }
    Ok(report)
}
