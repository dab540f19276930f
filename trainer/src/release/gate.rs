//! Whether INT8 is shipped: how far its answers may be from the network's, head by head.

use std::collections::BTreeMap;

use bundle::Probe;
use bundle::manifest::{ACTION, Difference, LOG_RETURN, P_UP, Precision, QUANTILES, Quantisation, RISK, SIZE};
use infer::{Answer, HorizonAnswer, Model};
use serde::{Deserialize, Serialize};

/// What INT8 may cost a return, as a share of the typical (root mean square) forecast return, on average.
const RETURN_ERROR_MAX: f64 = 0.15;
/// What INT8 may cost quantiles and risk, as a share of the typical risk, on average.
const RISK_ERROR_MAX: f64 = 0.02;
/// What INT8 may cost a probability or a size, on average.
const SHARE_ERROR_MAX: f64 = 0.005;

/// How far the exported files are from the network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exported {
    /// Why INT8 is not shipped, if it is not.
    pub int8_refused: Option<String>,
    /// INT8 file in the inference engine, against the 32-bit network in the trainer.
    pub int8: Quantisation,
    /// 32-bit file likewise: what the export itself costs.
    pub float: Quantisation,
    /// Typical (root mean square) forecast return of the network, basis points.
    pub typical_bps: f64,
    /// Its mean risk, basis points.
    pub risk_bps: f64,
    /// Multiply-accumulates of one answer that are integer, as a share; in the INT8 file.
    pub integer_share: f64,
    /// Size of both files, bytes.
    pub int8_bytes: u64,
    pub float_bytes: u64,
}

impl Exported {
    /// How far the shipped file is.
    pub const fn shipped(&self) -> &Quantisation {
        if self.int8_refused.is_some() { &self.float } else { &self.int8 }
    }

    /// The first head for which INT8 costs too much.
    pub(super) fn refusal(&self) -> Option<String> {
        let Quantisation { log_return_mean_bps, p_up_mean, others, .. } = &self.int8;
        let other = |name: &str| others.get(name).map_or(0.0, |difference| difference.mean);
        [
            (LOG_RETURN, *log_return_mean_bps, RETURN_ERROR_MAX * self.typical_bps, "bps"),
            (QUANTILES, other(QUANTILES), RISK_ERROR_MAX * self.risk_bps, "bps"),
            (RISK, other(RISK), RISK_ERROR_MAX * self.risk_bps, "bps"),
            (P_UP, *p_up_mean, SHARE_ERROR_MAX, "of one"),
            (ACTION, other(ACTION), SHARE_ERROR_MAX, "of one"),
            (SIZE, other(SIZE), SHARE_ERROR_MAX, "of one"),
        ]
        .into_iter()
        .find(|(_, mean, allowed, _)| mean > allowed)
        .map(|(head, mean, allowed, unit)| {
            format!("INT8 moves {head} by {mean:.5} {unit} on average, {allowed:.5} are allowed")
        })
    }
}

/// How far a model's answers are from the network's.
pub(super) fn compare(model: &mut Model, expected: &[Probe], precision: Precision) -> anyhow::Result<Quantisation> {
    let mut sums: BTreeMap<&str, (Difference, usize)> = BTreeMap::new();
    let mut note = |name, ours: &[f32], theirs: &[f32], unit: f64| {
        let (Difference { max, mean }, count) = sums.entry(name).or_default();
        for (ours, theirs) in ours.iter().zip(theirs) {
            let apart = (f64::from(*ours) - f64::from(*theirs)).abs() * unit;
            *max = max.max(apart);
            *mean += apart;
            *count += 1;
        }
    };
    for probe in expected {
        let Answer { horizons, decision, .. } = model.predict(&probe.window)?;
        let ours = |of: fn(&HorizonAnswer) -> f32| horizons.iter().map(of).collect::<Vec<f32>>();
        note(LOG_RETURN, &ours(|horizon| horizon.log_return), &probe.log_return, 1e4);
        note(P_UP, &ours(|horizon| horizon.p_up), &probe.p_up, 1.0);
        let quantiles: Vec<f32> = horizons.iter().flat_map(|horizon| horizon.quantiles.clone()).collect();
        note(QUANTILES, &quantiles, &probe.quantiles, 1e4);
        if let (Some(ours), Some(theirs)) = (decision, probe.decision) {
            let (ours, theirs) = (ours.values(), theirs.values());
            note(ACTION, &ours[..3], &theirs[..3], 1.0);
            note(SIZE, &ours[3..4], &theirs[3..4], 1.0);
            note(RISK, &ours[4..], &theirs[4..], 1e4);
        }
    }
    let mean =
        |(Difference { max, mean }, count): (Difference, usize)| Difference { max, mean: mean / count.max(1) as f64 };
    let mut others: BTreeMap<String, Difference> =
        sums.into_iter().map(|(name, sum)| (name.to_owned(), mean(sum))).collect();
    let mut take = |name| others.remove(name).unwrap_or_default();
    let (log_return, p_up) = (take(LOG_RETURN), take(P_UP));
    Ok(Quantisation {
        precision,
        windows: expected.len() as u64,
        log_return_max_bps: log_return.max,
        log_return_mean_bps: log_return.mean,
        p_up_max: p_up.max,
        p_up_mean: p_up.mean,
        others,
    })
}
