//! The models of a box for one who asks them beside the box: a backtest.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use bundle::{PublicKey, TrustedKeys, VerifiedBundle};
use infer::Respondent;
use types::input::{ModelRole, ModelSeat};
use types::{InstrumentId, Timestamp};

use super::shelf::Shelf;
use super::{FOLDER, bundles};
use crate::config::ModelSection;

/// A model that leads, ready to answer.
pub(crate) struct Installed {
    /// Its place.
    pub(crate) seat: ModelSeat,
    /// Whom to ask.
    pub(crate) respondent: Respondent,
    /// End of the data that it was made from: what its own test was measured on begins here.
    pub(crate) made_until: Timestamp,
}

/// Where models are looked for.
pub(crate) struct Search<'a> {
    /// The box's data directory.
    pub(crate) dir: &'a Path,
    /// Its configuration.
    pub(crate) section: &'a ModelSection,
    /// One bundle instead of what the box has.
    pub(crate) bundle: Option<&'a Path>,
    /// Files of public keys that are trusted besides the box's.
    pub(crate) trust: &'a [std::path::PathBuf],
    /// Numbers of the instruments that a pair or a venue's name means.
    pub(crate) instruments: &'a dyn Fn(&str) -> Vec<InstrumentId>,
}

impl Search<'_> {
    /// The models whose forecasts are acted on, as the box would seat them at its next start. Nothing is changed.
    ///
    /// # Errors
    /// When one is refused: a backtest of other models than those of the box would be of another box.
    pub(crate) fn find(&self) -> anyhow::Result<Vec<Installed>> {
        let keys = self.keys()?;
        if let Some(path) = self.bundle.or(self.section.bundle.as_deref()) {
            let found = bundle::load(path, &keys).map_err(anyhow::Error::from).and_then(|bundle| self.ready(&bundle));
            return Ok(vec![found.with_context(|| path.display().to_string())?]);
        }
        let starter = bundles::starter()?;
        let shelf = Shelf::open(self.dir.join(FOLDER), bundles::version(&starter, String::new(), 0))?;
        let mut found = Vec::new();
        for place in shelf.seats().iter().filter(|place| place.role == ModelRole::Active) {
            let path = shelf.path(&place.model);
            let bundle =
                if starter.digest().to_string() == place.model { starter.clone() } else { bundle::load(&path, &keys)? };
            ensure!(bundle.digest().to_string() == place.model, "{} holds another model", path.display());
            let mut installed = self.ready(&bundle).with_context(|| place.model.clone())?;
            let meant = place.symbols.iter().flat_map(|symbol| (self.instruments)(symbol)).collect();
            installed.seat.instruments = meant;
            // Whoever answers for nothing that is here has no place here.
            if place.symbols.is_empty() || !installed.seat.instruments.is_empty() {
                found.push(installed);
            }
        }
        Ok(found)
    }

    fn keys(&self) -> anyhow::Result<TrustedKeys> {
        let mut keys = bundles::trusted_keys(self.section)?;
        for path in self.trust {
            let name = path.display();
            let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
            keys.trust(PublicKey::parse(&text).with_context(|| name.to_string())?);
        }
        Ok(keys)
    }

    fn ready(&self, bundle: &VerifiedBundle) -> anyhow::Result<Installed> {
        let (spec, timeframe) = bundles::spec(bundle)?;
        let model = bundles::load(bundle, Duration::from_millis(u64::from(self.section.budget_ms)))?;
        let made_until = Timestamp::from_millis(bundle.manifest().training.split.held_out_ms.0);
        let seat = ModelSeat { spec, timeframe, role: ModelRole::Active, instruments: Vec::new() };
        Ok(Installed { seat, respondent: Respondent::new(model), made_until })
    }
}
