//! What a box did itself in a span: its own account, from the saved state before the span on.

use engine::Engine;
use store::Replayer;
use store::replay::replay_span;
use types::settings::EngineSettings;
use types::{AccountId, Cash, Effect, Effects, Fill, Input, Record, Stamped};

use crate::gather::Gatherer;
use crate::source::JournalDays;
use crate::{AccountOutcome, BacktestError, Result};

/// What a box's first account did in a span.
#[derive(Debug)]
pub(crate) struct Recorded {
    /// Equity at the beginning of the span; the start money where the account began in it.
    pub(crate) start: Cash,
    /// What it came to. Fees and turnover are those of all its life.
    pub(crate) account: AccountOutcome,
    /// Its fills, in order.
    pub(crate) fills: Vec<Fill>,
    /// Whether it had lived before.
    pub(crate) is_older: bool,
    /// What the user asked for in the span.
    pub(crate) commands: u64,
    /// Effects that today's program does not have as they were recorded.
    pub(crate) differs: u64,
}

/// Replays the span as it was, with the settings and answers of its time.
///
/// # Errors
/// What cannot be read; a saved state of another version of the program.
pub(crate) fn recorded(journal: &JournalDays) -> Result<Recorded> {
    let mut run = Run {
        engine: Engine::new(),
        journal,
        gatherer: None,
        start: None,
        fills: Vec::new(),
        commands: 0,
        finished: None,
    };
    let found = replay_span(journal.days(), journal.span().clone(), &mut run, |_| {})?;
    run.close();
    let lead =
        run.finished.and_then(|accounts| accounts.into_iter().find(|account| account.account == AccountId::LEAD));
    let Some(account) = lead else { return Err(BacktestError::Empty("what was recorded".to_owned())) };
    Ok(Recorded {
        start: run.start.unwrap_or(account.start),
        account,
        fills: run.fills,
        is_older: run.start.is_some(),
        commands: run.commands,
        differs: found.differs,
    })
}

struct Run<'a> {
    engine: Engine,
    journal: &'a JournalDays,
    gatherer: Option<Gatherer>,
    /// Equity before the span; `None` where there was no account.
    start: Option<Cash>,
    fills: Vec<Fill>,
    commands: u64,
    finished: Option<Vec<AccountOutcome>>,
}

impl Run<'_> {
    /// The end of the span: what follows in its last block is not ours.
    fn close(&mut self) {
        if let Some(gatherer) = self.gatherer.take() {
            self.finished = Some(gatherer.finish(&self.engine));
        }
    }
}

impl Replayer for Run<'_> {
    fn restore(&mut self, state_version: u32, state: &[u8]) -> std::result::Result<(), String> {
        if state_version != engine::STATE_VERSION {
            let known = engine::STATE_VERSION;
            return Err(format!("the state has version {state_version}, this program knows {known}"));
        }
        self.engine = postcard::from_bytes(state).map_err(|error| format!("the state cannot be read: {error}"))?;
        Ok(())
    }

    fn apply(&mut self, stamped: &Stamped<Input>, effects: &mut Effects) {
        let span = self.journal.span();
        if stamped.at >= span.end {
            self.close();
        } else if stamped.at >= span.start && self.gatherer.is_none() && self.finished.is_none() {
            let portfolio = self.engine.view().portfolio();
            self.start = (portfolio.start() != Cash::ZERO).then(|| portfolio.equity());
            self.gatherer = Some(Gatherer::going_on(stamped.at, &self.engine));
        }
        self.engine.handle(stamped, effects);
        let Some(gatherer) = &mut self.gatherer else { return };
        self.commands += u64::from(matches!(stamped.input, Input::Command(_)));
        for effect in effects.as_slice() {
            if let Effect::Record(Record::Fill(fill)) = effect
                && fill.account == AccountId::LEAD
            {
                self.fills.push(fill.clone());
            }
            gatherer.hear(effect, &self.engine);
        }
    }

    fn state(&self) -> (u32, Vec<u8>) {
        (engine::STATE_VERSION, postcard::to_allocvec(&self.engine).expect("the engine's state is plain data"))
    }
}

/// Settings that differ from the recorded ones, told by their topmost keys; empty for the same.
pub(crate) fn differing(recorded: &EngineSettings, ours: &EngineSettings) -> Vec<String> {
    let told = |settings: &EngineSettings| serde_json::to_value(settings).expect("settings are plain values");
    let (recorded, ours) = (told(recorded), told(ours));
    let (Some(recorded), Some(ours)) = (recorded.as_object(), ours.as_object()) else { return Vec::new() };
    ours.iter()
        .filter(|(key, value)| recorded.get(*key) != Some(value))
        .map(|(key, _)| format!("engine.{key}"))
        .collect()
}
