//! Which features an answer rests on.

use crate::{Answer, InferError, Model};

/// What one feature does to an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Weight {
    /// Its name.
    pub feature: String,
    /// For each horizon the log-return that is told, less the one that would be told on average if this feature were as in the
    /// model's probe windows.
    pub log_return: Vec<f32>,
}

impl Model {
    /// What each feature does to `answer`, the model's own to this window, in the manifest's order: prediction difference (Robnik-Šikonja and
    /// Kononenko, *Explaining classifications for individual instances*, IEEE Transactions on Knowledge and Data Engineering 20, 2008), with
    /// the bundle's probe windows as what might have been instead. Features are taken one by one, so what they do only together is in none
    /// of them, and the differences do not add up to the forecast.
    ///
    /// Asks the model once for each feature and probe.
    ///
    /// # Errors
    /// As [`Model::predict`]; a manifest without probes gives no weights.
    pub fn weigh(&self, window: &[f32], answer: &Answer) -> Result<Vec<Weight>, InferError> {
        let manifest = self.manifest();
        let columns = manifest.features.len();
        if manifest.probes.is_empty() {
            return Ok(Vec::new());
        }
        let weight = |(column, feature): (usize, &String)| {
            let mut without = vec![0.0; answer.horizons.len()];
            for probe in &manifest.probes {
                let mut other = window.to_vec();
                for row in (column..other.len().min(probe.window.len())).step_by(columns) {
                    other[row] = probe.window[row];
                }
                for (sum, horizon) in without.iter_mut().zip(self.predict(&other)?.horizons) {
                    *sum += horizon.log_return / manifest.probes.len() as f32;
                }
            }
            let log_return = answer.horizons.iter().zip(without).map(|(told, without)| told.log_return - without);
            Ok(Weight { feature: feature.clone(), log_return: log_return.collect() })
        };
        manifest.features.iter().enumerate().map(weight).collect()
    }
}
