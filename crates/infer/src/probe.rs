//! Probes: windows whose answers are known.

use bundle::manifest::{ACTION, LOG_RETURN, P_UP, QUANTILES, RISK, SIZE};
use bundle::{Decision, Probe};

use crate::{HorizonAnswer, InferError, Model};

/// How closely the probes were met.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ProbeReport {
    /// Probes answered.
    pub probes: usize,
    /// Largest difference of a log-return, a quantile or a risk, basis points.
    pub log_return_max_bps: f64,
    /// Largest difference of a probability or a share.
    pub p_up_max: f64,
}

/// Answers every probe, in order.
pub(crate) fn run(model: &Model, probes: &[Probe]) -> Result<ProbeReport, InferError> {
    let tolerance = model.manifest().tolerance;
    let (bps, share) = (f64::from(tolerance.log_return_bps), f64::from(tolerance.p_up));
    let mut report = ProbeReport { probes: probes.len(), ..ProbeReport::default() };
    for (probe, expected) in probes.iter().enumerate() {
        let answer = model.predict(&expected.window)?;
        let ours = |of: fn(&HorizonAnswer) -> f32| answer.horizons.iter().map(of).collect::<Vec<f32>>();
        let quantiles: Vec<f32> = answer.horizons.iter().flat_map(|horizon| horizon.quantiles.clone()).collect();
        let decision = |decision: Option<Decision>| decision.map_or([0.0; 5], |decision| decision.values());
        let (ours_decision, decision) = (decision(answer.decision), decision(expected.decision));
        let mut check = |output: &'static str, ours: &[f32], expected: &[f32], unit: f64, tolerance: f64| {
            let apart = ours.iter().zip(expected).map(|(a, b)| (f64::from(*a) - f64::from(*b)).abs() * unit);
            let difference = apart.fold(0.0, f64::max);
            let most = if unit > 1.0 { &mut report.log_return_max_bps } else { &mut report.p_up_max };
            *most = most.max(difference);
            if difference > tolerance {
                Err(InferError::Probe { probe, output, difference, tolerance })
            } else {
                Ok(())
            }
        };
        check(LOG_RETURN, &ours(|horizon| horizon.log_return), &expected.log_return, 1e4, bps)?;
        check(P_UP, &ours(|horizon| horizon.p_up), &expected.p_up, 1.0, share)?;
        check(QUANTILES, &quantiles, &expected.quantiles, 1e4, bps)?;
        check(ACTION, &ours_decision[..3], &decision[..3], 1.0, share)?;
        check(SIZE, &ours_decision[3..4], &decision[3..4], 1.0, share)?;
        check(RISK, &ours_decision[4..], &decision[4..], 1e4, bps)?;
    }
    Ok(report)
}
