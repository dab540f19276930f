//! Longer candles of the past, for models that want to see them: what the box has made itself, and for the rest what the exchanges tell.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use engine::feature::LONG_MAX;
use store::state::Listing;
use store::{History, Span, State};
use tokio::sync::{mpsc, watch};
use types::input::{self, ModelSeat};
use types::{Candle, Input, Timeframe, Timestamp, Venue};

use crate::backfill::{self, Job, Reach};
use crate::clock::Clock;
use crate::engine_thread::Message;
use crate::venue::{Bans, Network};

/// How often holes are looked for.
const EVERY: Duration = Duration::from_secs(6 * 3_600);
/// Until the exchanges have told what they list, and after a failure.
const SOON: Duration = Duration::from_secs(20);

/// Who wants to see something.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) seats: Vec<ModelSeat>,
}

impl Wanted {
    fn timeframes(&self) -> Vec<Timeframe> {
        let mut found: Vec<Timeframe> = self.seats.iter().map(|seat| seat.timeframe).collect();
        found.retain(|timeframe| *timeframe != Timeframe::M1);
        found.sort_unstable();
        found.dedup();
        found
    }

    fn covers(&self, listing: &Listing, timeframe: Timeframe) -> bool {
        self.seats.iter().any(|seat| seat.timeframe == timeframe && seat.covers(listing.id))
    }
}

/// Tells the engine what was before.
pub(crate) struct Past {
    pub(crate) dir: PathBuf,
    pub(crate) state: Arc<State>,
    pub(crate) network: Network,
    pub(crate) bans: Bans,
    /// REST addresses.
    pub(crate) venues: BTreeMap<Venue, String>,
    pub(crate) clock: Clock,
    pub(crate) engine: mpsc::Sender<Message>,
    pub(crate) wanted: watch::Receiver<Wanted>,
}

impl Past {
    /// Runs until the box stops. Without a model of longer candles it does nothing.
    pub(crate) async fn run(mut self) {
        loop {
            let wanted = self.wanted.borrow_and_update().clone();
            let mut wait = EVERY;
            for timeframe in wanted.timeframes() {
                match self.tell(&wanted, timeframe).await {
                    Ok(true) => {}
                    Ok(false) => wait = SOON,
                    Err(error) => {
                        tracing::warn!("candles of {} of the past: {error:#}", timeframe.name());
                        wait = SOON;
                    }
                }
            }
            tokio::select! {
                changed = self.wanted.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(self.clock.real(wait)) => {}
            }
        }
    }

    /// Tells the newest candles of a time frame; false while something is still unknown.
    async fn tell(&self, wanted: &Wanted, timeframe: Timeframe) -> anyhow::Result<bool> {
        let listings: Vec<Listing> =
            self.state.catalogue()?.into_iter().filter(|listing| wanted.covers(listing, timeframe)).collect();
        let mut is_whole = true;
        for (venue, rest_base) in &self.venues {
            let mine: Vec<&Listing> = listings.iter().filter(|listing| listing.venue == *venue).collect();
            let known = mine.iter().filter_map(|listing| listing.instrument.as_ref());
            let pairs: Vec<(String, String)> = known.map(|i| (i.base.clone(), i.quote.clone())).collect();
            is_whole &= pairs.len() == mine.len();
            if pairs.is_empty() {
                continue;
            }
            let job = Job {
                venue: *venue,
                rest_base: rest_base.clone(),
                network: self.network.clone(),
                bans: self.bans.clone(),
                pairs,
                timeframes: vec![timeframe],
                reach: Reach::Candles(LONG_MAX as u32),
                from_trades: false,
                clock: self.clock.clone(),
            };
            let history = History::open(&self.dir)?;
            if let Err(error) = backfill::run(&job, &history, |_, _| {}).await {
                // What the box has itself may be enough.
                tracing::warn!("{venue}: candles of {} of the past: {error:#}", timeframe.name());
                is_whole = false;
            }
            for listing in mine {
                let candles = self.candles(&history, listing, timeframe)?;
                let told = input::History { instrument: listing.id, timeframe, candles };
                if self.engine.send(Message::Input(Input::History(told))).await.is_err() {
                    return Ok(true);
                }
            }
        }
        Ok(is_whole)
    }

    /// The newest candles that are over: the box's own before those of the exchange.
    fn candles(&self, history: &History, listing: &Listing, timeframe: Timeframe) -> anyhow::Result<Vec<Candle>> {
        let Some(instrument) = &listing.instrument else { return Ok(Vec::new()) };
        let to = self.clock.now().floor_to(timeframe.nanos());
        let from = Timestamp::from_nanos(to.as_nanos() - LONG_MAX as i64 * timeframe.nanos());
        let source = listing.venue.slug().to_owned();
        let series = store::history::Series { source, symbol: listing.symbol.clone(), timeframe };
        let mut found: BTreeMap<Timestamp, Candle> = BTreeMap::new();
        for (scale, candle) in history.candles(&series, from..to)? {
            // Of another scale are those from before the exchange changed its digits.
            if scale == instrument.scale {
                found.insert(candle.open_time, candle);
            }
        }
        for own in self.state.candles(listing.id, timeframe, Span::between(from, to, LONG_MAX))? {
            found.insert(own.candle.open_time, own.candle);
        }
        Ok(found.into_values().collect())
    }
}
