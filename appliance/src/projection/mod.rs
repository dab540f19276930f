//! From the engine's state to what browsers see. Runs in the engine thread, ten times a second; each message is encoded
//! once for all browsers.

mod arbitrage;
mod curve;
mod followed;
mod integrity;
mod market;
mod overview;
mod sentence;

use std::collections::BTreeMap;

use axum::body::Bytes;
use engine::Engine;
use tokio::sync::watch;
use types::effect::Record;
use types::{AccountId, InstrumentId, Timestamp};
use wire::ServerMessage;

use crate::engine_thread::{Published, Watch};
use crate::venue::VenueStatus;
use crate::web::Health;

pub(crate) use curve::{Curve, POINTS_MAX};
use followed::Followed;
pub(crate) use market::candle;
use overview::Skills;

/// Least time between two overviews, milliseconds of real time counted in calls of [`Projection::publish`].
const OVERVIEW_EVERY: u32 = 5;

/// Builds and publishes messages.
pub(crate) struct Projection {
    venues: Vec<watch::Receiver<VenueStatus>>,
    health: watch::Receiver<Health>,
    catalogue: watch::Sender<Bytes>,
    overview: watch::Sender<Bytes>,
    followed: Followed,
    curve: Curve,
    skills: Skills,
    listed: Vec<wire::Instrument>,
    calls: u32,
    started_at: Timestamp,
}

impl Projection {
    /// A projection of a box that starts at `started_at`, and where its messages can be read.
    pub(crate) fn new(
        venues: Vec<watch::Receiver<VenueStatus>>,
        health: watch::Receiver<Health>,
        curve: Curve,
        started_at: Timestamp,
    ) -> (Self, Published) {
        let (catalogue, catalogue_seen) = watch::channel(Bytes::new());
        let (overview, overview_seen) = watch::channel(Bytes::new());
        let projection = Self {
            venues,
            health,
            catalogue,
            overview,
            followed: Followed::default(),
            curve,
            skills: Skills::default(),
            listed: Vec::new(),
            calls: 0,
            started_at,
        };
        (projection, Published { catalogue: catalogue_seen, overview: overview_seen })
    }

    /// A record was made.
    pub(crate) fn note(&mut self, record: &Record) {
        if let Record::Equity(equity) = record
            && equity.account == AccountId::LEAD
        {
            self.curve.push(equity);
        }
    }

    /// A browser wants to follow a market.
    pub(crate) fn watch(&mut self, engine: &Engine, at: Timestamp, watch: Watch) {
        self.followed.add(engine.view(), at, watch);
    }

    /// Tells browsers what changed.
    pub(crate) fn publish(&mut self, engine: &Engine, now: Timestamp) {
        let view = engine.view();
        self.publish_catalogue(engine);
        self.followed.publish(view, now);
        if self.calls.is_multiple_of(OVERVIEW_EVERY) {
            let venues: Vec<VenueStatus> = self.venues.iter().map(|venue| venue.borrow().clone()).collect();
            let (lamp, conditions) = {
                let health = self.health.borrow();
                (health.lamp, health.conditions.clone())
            };
            let overview = overview::build(
                view,
                &venues,
                &self.curve,
                &mut self.skills,
                overview::Moment { now, started_at: self.started_at, lamp, conditions },
            );
            self.overview.send_replace(wire::encode(&ServerMessage::Overview(overview)).into());
        }
        self.calls = self.calls.wrapping_add(1);
    }

    /// Inputs the engine refused, by reason.
    pub(crate) fn rejections(engine: &Engine) -> BTreeMap<String, u64> {
        let rejections = engine.view().rejections();
        rejections.iter().map(|(reason, tally)| (reason.text().to_owned(), tally.count)).collect()
    }

    fn publish_catalogue(&mut self, engine: &Engine) {
        let markets = engine.view().markets();
        let changed = {
            let mut known = self.listed.iter();
            let mut same = true;
            for market in markets {
                let instrument = &market.instrument;
                same &= known.next().is_some_and(|k| k.id == instrument.id.0 && k.tick == instrument.tick);
            }
            !same
        };
        if changed {
            self.listed = engine.view().markets().map(|market| market::instrument(&market.instrument)).collect();
            let message = ServerMessage::Catalogue(self.listed.clone());
            self.catalogue.send_replace(wire::encode(&message).into());
        }
    }
}

/// The number that the page uses for an instrument.
const fn id(instrument: InstrumentId) -> u16 {
    instrument.0
}
