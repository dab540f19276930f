//! Minutes of a box's journal days, by replaying them through the engine.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, ensure};
use bundle::Digest;
use engine::Engine;
use engine::candle::Bar;
use store::replay::{Replayer, replay};
use types::market::Timeframe;
use types::{Candle, Effect, Effects, Input, InstrumentId, Record, Stamped, Timestamp};

use crate::dataset::Series;
use crate::import;

/// One series per instrument that closed a minute, named `kraken-BTC/USDT` and the like. Their digest is over the journal's
/// effects: it says which journal, whatever file it lies in.
pub fn series(dir: &Path, features: &[String]) -> anyhow::Result<Vec<Series>> {
    let days = store::days(dir).with_context(|| format!("{}", dir.display()))?;
    ensure!(!days.is_empty(), "{}: no journal here (no file named journal-YYYYMMDD.redb)", dir.display());
    let mut minutes = Minutes::default();
    let found = replay(&days, &mut minutes, |_| {})?;
    let mut all = Vec::new();
    for (id, candles) in &minutes.candles {
        let market = minutes.engine.view().market(*id);
        let instrument =
            &market.with_context(|| format!("the journal never tells what instrument {} is", id.0))?.instrument;
        let bars: Vec<Bar> = candles.values().map(|candle| Bar::of(candle, instrument.scale)).collect();
        let source = format!("{}-{}", instrument.venue, instrument.symbol);
        all.push(import::series(source, Digest(found.digest.0), &bars, 1, features)?);
    }
    Ok(all)
}

/// An engine whose closed minutes are kept. A minute that was corrected later counts as corrected.
#[derive(Default)]
struct Minutes {
    engine: Engine,
    candles: BTreeMap<InstrumentId, BTreeMap<Timestamp, Candle>>,
}

impl Replayer for Minutes {
    fn restore(&mut self, state_version: u32, state: &[u8]) -> Result<(), String> {
        if state_version != engine::STATE_VERSION {
            let known = engine::STATE_VERSION;
            return Err(format!("the state has version {state_version}, this program knows {known}"));
        }
        self.engine = postcard::from_bytes(state).map_err(|error| format!("the state cannot be read: {error}"))?;
        Ok(())
    }

    fn apply(&mut self, input: &Stamped<Input>, effects: &mut Effects) {
        self.engine.handle(input, effects);
        for effect in effects.as_slice() {
            if let Effect::Record(Record::Candle(record)) = effect
                && record.timeframe == Timeframe::M1
            {
                self.candles.entry(record.instrument).or_default().insert(record.candle.open_time, record.candle);
            }
        }
    }

    fn state(&self) -> (u32, Vec<u8>) {
        let state = postcard::to_allocvec(&self.engine).expect("the engine's state has no sequences of unknown length");
        (engine::STATE_VERSION, state)
    }
}
