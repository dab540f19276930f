//! Minutes of a box's journal days, by replaying them through the engine: its own rows, and the prices that it counts outcomes from.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, ensure};
use bundle::Digest;
use engine::Engine;
use engine::feature::{Column, columns_of};
use store::replay::{Replayer, replay};
use types::effect::{Base, CandleRecord};
use types::market::Timeframe;
use types::{Effect, Effects, Input, InstrumentId, Record, Stamped};

use crate::dataset::Series;

/// One series per instrument that closed a minute, named `kraken-BTC/USDT` and the like. Their digest is over the journal's
/// effects: it says which journal, whatever file it lies in.
///
/// A row is the one that a model would have seen when its minute closed; minutes of before a start, and those that became known later, have none.
pub fn series(dir: &Path, features: &[String]) -> anyhow::Result<Vec<Series>> {
    let days = store::days(dir).with_context(|| format!("{}", dir.display()))?;
    ensure!(!days.is_empty(), "{}: no journal here (no file named journal-YYYYMMDD.redb)", dir.display());
    let mut minutes = Minutes { engine: Engine::new(), columns: columns_of(features)?, seen: BTreeMap::new() };
    let found = replay(&days, &mut minutes, |_| {})?;
    let mut all = Vec::new();
    for (id, seen) in minutes.seen {
        let market = minutes.engine.view().market(id);
        let instrument =
            &market.with_context(|| format!("the journal never tells what instrument {} is", id.0))?.instrument;
        let masked = || vec![f32::NAN; features.len()];
        all.push(Series {
            source: format!("{}-{}", instrument.venue, instrument.symbol),
            sha256: Digest(found.digest.0),
            timeframe_min: 1,
            minutes: seen.keys().copied().collect(),
            closes: seen.values().map(|minute| instrument.scale.price_f64(minute.candle.candle.close)).collect(),
            prices: seen.values().map(|minute| minute.price(instrument.scale.price_decimals)).collect(),
            rows: seen.into_values().flat_map(|minute| minute.row.unwrap_or_else(masked)).collect(),
        });
    }
    Ok(all)
}

/// A minute as it is known at the end, with what a model would have seen at its close.
struct Minute {
    candle: CandleRecord,
    row: Option<Vec<f32>>,
}

impl Minute {
    /// The mid price at its close; no number where no book held.
    fn price(&self, decimals: u8) -> f64 {
        let doubled = self.candle.quote.map(|quote| Base::Quote(quote).doubled());
        doubled.map_or(f64::NAN, |doubled| doubled as f64 / 2.0 / 10f64.powi(i32::from(decimals)))
    }
}

/// An engine whose closed minutes are kept.
struct Minutes {
    engine: Engine,
    columns: Vec<Column>,
    /// By minutes since the epoch.
    seen: BTreeMap<InstrumentId, BTreeMap<i64, Minute>>,
}

impl Minutes {
    fn note(&mut self, candle: &CandleRecord) {
        let open_time = candle.candle.open_time;
        let row = self.engine.view().market(candle.instrument).and_then(|market| market.row());
        let row = row.filter(|(at, _)| *at == open_time).map(|(_, row)| {
            let value = |column: &Column| row.get(*column).map_or(f32::NAN, |value| value as f32);
            self.columns.iter().map(value).collect()
        });
        let minutes = self.seen.entry(candle.instrument).or_default();
        // Corrected later: the row stays what was seen.
        let row = minutes.remove(&open_time.as_secs().div_euclid(60)).map_or(row, |before| before.row);
        minutes.insert(open_time.as_secs().div_euclid(60), Minute { candle: candle.clone(), row });
    }
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
                self.note(record);
            }
        }
    }

    fn state(&self) -> (u32, Vec<u8>) {
        let state = postcard::to_allocvec(&self.engine).expect("the engine's state has no sequences of unknown length");
        (engine::STATE_VERSION, state)
    }
}
