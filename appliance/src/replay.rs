//! The engine as a replay runs it, and what a replay tells.

use engine::Engine;
use serde::Serialize;
use store::{Replay, Replayer};
use types::settings::EngineSettings;
use types::{AccountId, Cash, Effect, Effects, Input, Record, Stamped};

/// What a replay found. The keys are a contract.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) inputs: u64,
    pub(crate) effects: u64,
    pub(crate) digest: String,
    pub(crate) differs: u64,
    pub(crate) days: u64,
    pub(crate) blocks: u64,
    pub(crate) checkpoints: u64,
    pub(crate) skipped: u64,
    pub(crate) orders: u64,
    pub(crate) fills: u64,
    pub(crate) equity: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) first_difference: Option<String>,
}

impl Report {
    pub(crate) fn of(found: Replay, replayer: &EngineReplayer) -> Self {
        let Replay { days, blocks, inputs, effects, checkpoints, skipped, differs, digest, first_difference } = found;
        Self {
            inputs,
            effects,
            digest: digest.to_string(),
            differs,
            days,
            blocks,
            checkpoints,
            skipped,
            orders: replayer.orders,
            fills: replayer.fills,
            equity: replayer.equity.map(|equity| equity.fixed().to_string()),
            first_difference,
        }
    }
}

/// The engine as the store sees it.
#[derive(Default)]
pub(crate) struct EngineReplayer {
    engine: Engine,
    /// Instead of the recorded ones.
    settings: Option<EngineSettings>,
    orders: u64,
    fills: u64,
    equity: Option<Cash>,
}

impl EngineReplayer {
    /// With other settings than the recorded ones.
    pub(crate) fn with(settings: Option<EngineSettings>) -> Self {
        Self { settings, ..Self::default() }
    }
}

impl Replayer for EngineReplayer {
    fn restore(&mut self, state_version: u32, state: &[u8]) -> Result<(), String> {
        if state_version != engine::STATE_VERSION {
            return Err(format!(
                "the state has version {state_version}, this program knows {}: replay it with the program of its day",
                engine::STATE_VERSION
            ));
        }
        self.engine = postcard::from_bytes(state).map_err(|e| format!("the state cannot be read: {e}"))?;
        if let Some(settings) = &self.settings {
            self.engine.set_settings(settings);
        }
        Ok(())
    }

    fn apply(&mut self, input: &Stamped<Input>, effects: &mut Effects) {
        match (&self.settings, &input.input) {
            (Some(settings), Input::Boot { version, .. }) => {
                let boot = Input::Boot { version: version.clone(), settings: Box::new(settings.clone()) };
                self.engine.handle(&Stamped { input: boot, ..*input }, effects);
            }
            _ => self.engine.handle(input, effects),
        }
        for effect in effects.as_slice() {
            match effect {
                Effect::Record(Record::Order(order)) => self.orders += u64::from(order.account == AccountId::LEAD),
                Effect::Record(Record::Fill(fill)) => self.fills += u64::from(fill.account == AccountId::LEAD),
                Effect::Record(Record::Equity(equity)) if equity.account == AccountId::LEAD => {
                    self.equity = Some(equity.equity);
                }
                _ => {}
            }
        }
    }

    fn state(&self) -> (u32, Vec<u8>) {
        let state = postcard::to_allocvec(&self.engine).expect("the engine's state has no sequences of unknown length");
        (engine::STATE_VERSION, state)
    }
}
