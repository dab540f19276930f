//! What the parts of the box show of themselves, put together for `GET /api/v1/system` and `/metrics`.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::{mpsc, watch};
use wire::api::{ClockStanding, Disk, Queue, System, VenueClock};

use crate::card::Card;
use crate::clock::{self, Clock};
use crate::engine_thread::{self, Latencies, Message};
use crate::latency::Told;
use crate::machine::{self, Usage};
use crate::venue::{self, VenueStatus};
use crate::{inference_thread, panel, store_thread};

/// Where the figures are.
pub(crate) struct Gauges {
    pub(crate) demo: bool,
    pub(crate) dir: PathBuf,
    pub(crate) clock: Clock,
    pub(crate) usage: Usage,
    pub(crate) engine: mpsc::Sender<Message>,
    pub(crate) latencies: Arc<Latencies>,
    pub(crate) inference: Arc<inference_thread::Counters>,
    pub(crate) store: Arc<store_thread::Counters>,
    pub(crate) card: Arc<Card>,
    pub(crate) venues: Vec<watch::Receiver<VenueStatus>>,
    pub(crate) panel: Arc<panel::Shown>,
}

/// A part of the way of an event: its name, what it begins and ends with, how long it takes.
pub(crate) type Part = (&'static str, &'static str, &'static str, Told);

impl Gauges {
    /// Everything. Reads some small files of the system.
    pub(crate) fn system(&self) -> System {
        System {
            at_ms: self.clock.now().as_millis(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            demo: self.demo,
            machine: machine::machine(),
            process: self.usage.process(),
            disk: self.disk(),
            clock: self.clocks(),
            stages: self.parts().map(|(name, from, to, told)| told.stage(name, from, to)).into(),
            queues: self.queues(),
            panel: self.panel.told(),
        }
    }

    /// How long each part of the way takes; see [`wire::api::Stage`].
    pub(crate) fn parts(&self) -> [Part; 6] {
        let Latencies { receive, engine, effects, published } = &*self.latencies;
        [
            ("receive", "frame read from the venue", "event taken by the engine", receive.told()),
            ("engine", "input taken by the engine", "input handled", engine.told()),
            ("effects", "input handled", "journal block, questions and records handed over", effects.told()),
            ("published", "frame read from the venue", "message for browsers that knows it", published.told()),
            ("inference", "question given to the model", "answer", self.inference.latency.told()),
            ("commit", "journal block handed to the store", "block survives a pulled plug", self.store.commit.told()),
        ]
    }

    fn disk(&self) -> Disk {
        let room = rustix::fs::statvfs(&self.dir).ok();
        let card = self.card.health();
        Disk {
            folder: self.dir.display().to_string(),
            bytes: room.as_ref().map(|room| room.f_blocks.saturating_mul(room.f_frsize)),
            free_bytes: room.as_ref().map(|room| room.f_bavail.saturating_mul(room.f_frsize)),
            used_mb: card.used_mb,
            may_use_mb: card.may_use_mb,
        }
    }

    fn clocks(&self) -> ClockStanding {
        let ahead = || self.venues.iter().map(|venue| (venue.borrow().venue, venue.borrow().feed.venue_ahead_ns));
        ClockStanding {
            synchronised: self.clock.is_believed(ahead().any(|(_, ahead_ns)| clock::is_near(ahead_ns))),
            venues: ahead()
                .map(|(venue, ahead_ns)| VenueClock {
                    venue: venue.slug().to_owned(),
                    ahead_ms: ahead_ns.map(|ns| ns as f64 / 1e6),
                })
                .collect(),
        }
    }

    fn queues(&self) -> Vec<Queue> {
        let queue = |name: &str, waiting: u64, most: usize| Queue { name: name.to_owned(), waiting, most: most as u64 };
        let mut queues = vec![
            queue("engine", (self.engine.max_capacity() - self.engine.capacity()) as u64, engine_thread::QUEUE_MAX),
            queue("inference", self.inference.waiting.load(Ordering::Relaxed), inference_thread::QUEUE_MAX),
            queue("store", self.store.waiting.load(Ordering::Relaxed), store_thread::QUEUE_MAX),
        ];
        for venue in &self.venues {
            let status = venue.borrow();
            let name = format!("venue:{}", status.venue.slug());
            queues.push(queue(&name, status.waiting as u64, venue::WAITING_MAX));
        }
        queues
    }
}
