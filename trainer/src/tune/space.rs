//! What is searched.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Settings;

/// Values that one setting may take. In a file: `{"log": [1e-4, 1e-2]}`, `{"integer": [1, 4]}`, `{"choice": [16, 32, 64]}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Domain {
    /// A number from the first to before the second, all equally likely.
    Linear(f64, f64),
    /// The same, all orders of magnitude equally likely.
    Log(f64, f64),
    /// A whole number from the first to the second, both included.
    Integer(i64, i64),
    /// One of these, in no order.
    Choice(Vec<Value>),
}

/// The domains of some settings by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Space(BTreeMap<String, Domain>);

impl Space {
    /// Domains that make sense, checked against the settings they replace values of.
    ///
    /// # Errors
    /// No domain, an empty one, or a name that the settings lack.
    pub fn new(domains: BTreeMap<String, Domain>, settings: &Settings) -> anyhow::Result<Self> {
        ensure!(!domains.is_empty(), "the space is empty");
        for (name, domain) in &domains {
            ensure!(settings.contains_key(name), "there is no setting {name:?}");
            domain.check().with_context(|| format!("setting {name:?}"))?;
        }
        Ok(Self(domains))
    }

    /// What is usually worth searching, of the settings there are.
    ///
    /// # Errors
    /// None of them is there.
    pub fn usual(settings: &Settings) -> anyhow::Result<Self> {
        let choice = |values: &[u32]| Domain::Choice(values.iter().map(|value| Value::from(*value)).collect());
        let usual = [
            ("learning_rate", Domain::Log(1e-4, 1e-2)),
            ("weight_decay", Domain::Log(1e-3, 0.3)),
            ("batch", choice(&[64, 128, 256])),
            ("width", choice(&[16, 32, 64, 128])),
            ("layers", Domain::Integer(1, 4)),
            ("hidden", choice(&[32, 64, 128, 256])),
        ];
        let there = usual.into_iter().filter(|(name, _)| settings.contains_key(*name));
        Self::new(there.map(|(name, domain)| (name.to_owned(), domain)).collect(), settings)
    }

    /// The domains in the order of their names.
    pub fn domains(&self) -> impl Iterator<Item = (&str, &Domain)> {
        self.0.iter().map(|(name, domain)| (name.as_str(), domain))
    }
}

impl Domain {
    fn check(&self) -> anyhow::Result<()> {
        match self {
            Self::Linear(low, high) => ensure!(low < high && (high - low).is_finite(), "{low} to {high} is no range"),
            Self::Log(low, high) => {
                ensure!(
                    0.0 < *low && low < high && high.is_finite(),
                    "{low} to {high} is no range of positive numbers"
                );
            }
            Self::Integer(low, high) => ensure!(low <= high && *high < 1 << 50, "{low} to {high} is no range"),
            Self::Choice(values) => ensure!(!values.is_empty(), "there is nothing to choose from"),
        }
        Ok(())
    }

    /// The interval in which the sampler thinks.
    pub(super) fn inner(&self) -> (f64, f64) {
        match self {
            Self::Linear(low, high) => (*low, *high),
            Self::Log(low, high) => (low.ln(), high.ln()),
            Self::Integer(low, high) => (*low as f64, (*high + 1) as f64),
            Self::Choice(values) => (0.0, values.len() as f64),
        }
    }

    /// The value at a place of that interval.
    pub(super) fn value(&self, at: f64) -> Value {
        match self {
            Self::Linear(..) => Value::from(at),
            Self::Log(..) => Value::from(at.exp()),
            Self::Integer(low, high) => Value::from((at.floor() as i64).clamp(*low, *high)),
            Self::Choice(values) => values[(at as usize).min(values.len() - 1)].clone(),
        }
    }

    /// The place of a value; `None` for one that is not of this domain.
    pub(super) fn place(&self, value: &Value) -> Option<f64> {
        match self {
            Self::Linear(..) => value.as_f64(),
            Self::Log(..) => value.as_f64().map(f64::ln),
            Self::Integer(..) => value.as_i64().map(|value| value as f64 + 0.5),
            Self::Choice(values) => values.iter().position(|other| other == value).map(|index| index as f64 + 0.5),
        }
        .filter(|place| (self.inner().0..self.inner().1).contains(place))
    }
}
