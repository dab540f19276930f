//! `GET /metrics`: for Prometheus. All of `/healthz` and `/api/v1/system`, the accounts, and the skill of forecasts as the dashboard has it.

use std::time::Duration;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use feed::BookState;
use feed::status::{Counts, InstrumentStatus};
use tokio::sync::oneshot;
use wire::ServerMessage;
use wire::api::{Accounts, System};

use super::exposition::{CONTENT_TYPE, Kind, Page};
use super::kept::Refusal;
use super::refusals::Why;
use super::{Health, Site};
use crate::conditions;
use crate::engine_thread::Message;
use crate::gauges::Part;
use crate::venue::VenueStatus;

/// An engine that does not answer for so long is busy: the accounts are left out then.
const PATIENCE: Duration = Duration::from_secs(2);
const MB: f64 = 1_048_576.0;

/// Everything that is told.
struct Figures {
    health: Health,
    system: System,
    parts: [Part; 6],
    venues: Vec<VenueStatus>,
    accounts: Option<Accounts>,
    shown: Shown,
    refusals: Vec<(Why, u64)>,
}

/// What the dashboard was told last.
#[derive(Default)]
struct Shown {
    overview: Option<wire::Overview>,
    instruments: Vec<wire::Instrument>,
}

/// `GET /metrics`.
pub(super) async fn metrics(State(site): State<Site>) -> Response {
    let (reply, answer) = oneshot::channel();
    let is_asked = site.inner.engine.try_send(Message::Accounts(reply)).is_ok();
    let accounts = match tokio::time::timeout(PATIENCE, answer).await {
        Ok(Ok(told)) if is_asked => Some(told.accounts),
        _ => None,
    };
    let inner = site.inner.clone();
    let shown = Shown {
        overview: match wire::decode(&inner.published.overview.borrow()) {
            Ok(ServerMessage::Overview(overview)) => Some(overview),
            _ => None,
        },
        instruments: match wire::decode(&inner.published.catalogue.borrow()) {
            Ok(ServerMessage::Catalogue(instruments)) => instruments,
            _ => Vec::new(),
        },
    };
    let figures = tokio::task::spawn_blocking(move || Figures {
        health: inner.health.borrow().clone(),
        system: inner.gauges.system(),
        parts: inner.gauges.parts(),
        venues: inner.gauges.venues.iter().map(|venue| venue.borrow().clone()).collect(),
        accounts,
        shown,
        refusals: inner.refusals.counts().collect(),
    });
    match figures.await {
        Ok(figures) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], figures.page().into_text()).into_response(),
        Err(error) => Refusal::Failed(format!("the request ended early: {error}")).into_response(),
    }
}

impl Figures {
    fn page(&self) -> Page {
        let mut page = Page::default();
        self.program(&mut page);
        self.feeds(&mut page);
        self.engine_and_store(&mut page);
        self.model(&mut page);
        self.others(&mut page);
        self.machine(&mut page);
        self.ways(&mut page);
        if let Some(accounts) = &self.accounts {
            trading(accounts, &mut page);
        }
        self.shown.skill(&mut page);
        page
    }

    fn program(&self, page: &mut Page) {
        let Self { health, system, .. } = self;
        let labels = [("version", health.version), ("architecture", system.machine.architecture.as_str())];
        page.family("tickerbox_build_info", Kind::Gauge, "Version of the program; always 1.").sample(&labels, 1.0);
        let states = ["ok", "degraded", "failing"];
        page.state("tickerbox_health", "The state of the box, 1 for the one it is in.", &states, health.status);
        let help = "1 while the condition holds; the alert names what to look at.";
        let mut conditions = page.family("tickerbox_condition", Kind::Gauge, help);
        for name in conditions::NAMES {
            let holds = health.conditions.iter().any(|condition| condition.name == name);
            conditions.sample(&[("name", name)], flag(holds));
        }
        let levels = wire::Lamp::ALL.map(wire::Lamp::name);
        page.state("tickerbox_lamp", "What the lamp shows, 1 for the level it is at.", &levels, health.lamp.name());
        page.gauge("tickerbox_demo", "1 on the built-in market.", flag(health.demo));
        page.gauge("tickerbox_uptime_seconds", "Time since the program started.", health.uptime_s as f64);
        let error = flag(!health.settings.error.is_empty());
        let help = "Connections and requests that were turned away, by reason.";
        let mut refused = page.family("tickerbox_web_refused_total", Kind::Counter, help);
        for (why, count) in &self.refusals {
            refused.sample(&[("reason", why.name())], *count as f64);
        }
        page.gauge("tickerbox_settings_failing", "1 while the box runs without its file of changed settings.", error);
    }

    fn feeds(&self, page: &mut Page) {
        let mut of_venue = |name, kind, help, value: &dyn Fn(&VenueStatus) -> Option<f64>| {
            let mut family = page.family(name, kind, help);
            for venue in &self.venues {
                if let Some(value) = value(venue) {
                    family.sample(&[("venue", venue.venue.slug())], value);
                }
            }
        };
        let sum = |venue: &VenueStatus, count: fn(&Counts) -> u64| {
            Some(venue.feed.instruments.iter().map(|instrument| count(&instrument.counts)).sum::<u64>() as f64)
        };
        let books = |venue: &VenueStatus, is_meant: fn(&InstrumentStatus) -> bool| {
            Some(venue.feed.instruments.iter().filter(|instrument| is_meant(instrument)).count() as f64)
        };
        let now_ms = self.system.at_ms;
        of_venue("tickerbox_feed_connected", Kind::Gauge, "1 while the venue's connection stands.", &|venue| {
            Some(flag(venue.feed.is_connected))
        });
        of_venue("tickerbox_feed_online", Kind::Gauge, "0 while the venue says that it is in maintenance.", &|venue| {
            Some(flag(venue.feed.is_venue_online))
        });
        of_venue("tickerbox_feed_books_live", Kind::Gauge, "Books that hold.", &|venue| {
            books(venue, |instrument| matches!(instrument.book, BookState::Live { .. }))
        });
        of_venue("tickerbox_feed_books", Kind::Gauge, "Books wanted.", &|venue| {
            books(venue, |instrument| instrument.book != BookState::NotListed)
        });
        of_venue("tickerbox_feed_last_frame_age_seconds", Kind::Gauge, "Age of the newest frame.", &|venue| {
            venue.feed.last_frame_at.map(|at| (now_ms - at.as_millis()).max(0) as f64 / 1e3)
        });
        of_venue("tickerbox_feed_clock_ahead_seconds", Kind::Gauge, "The venue's time minus ours.", &|venue| {
            venue.feed.venue_ahead_ns.map(|ns| ns as f64 / 1e9)
        });
        of_venue("tickerbox_feed_connections_total", Kind::Counter, "Connections made.", &|venue| {
            Some(venue.feed.connections as f64)
        });
        of_venue("tickerbox_feed_frames_total", Kind::Counter, "Frames received.", &|venue| {
            Some(venue.feed.frames as f64)
        });
        of_venue("tickerbox_feed_book_updates_total", Kind::Counter, "Book updates received.", &|venue| {
            sum(venue, |counts| counts.deltas)
        });
        of_venue("tickerbox_feed_resyncs_total", Kind::Counter, "Books built anew after a fault.", &|venue| {
            sum(venue, |counts| counts.resyncs)
        });
        of_venue("tickerbox_feed_gaps_total", Kind::Counter, "Breaks in the stream of book updates.", &|venue| {
            sum(venue, |counts| counts.gaps)
        });
        of_venue("tickerbox_feed_checksums_total", Kind::Counter, "Checksums compared.", &|venue| {
            sum(venue, |counts| counts.checksums_checked)
        });
        of_venue("tickerbox_feed_checksums_matched_total", Kind::Counter, "Checksums that matched.", &|venue| {
            sum(venue, |counts| counts.checksums_matched)
        });
        of_venue("tickerbox_feed_crossed_total", Kind::Counter, "Updates that left a crossed book.", &|venue| {
            sum(venue, |counts| counts.crossed)
        });
        of_venue("tickerbox_feed_trades_total", Kind::Counter, "Trades heard.", &|venue| {
            sum(venue, |counts| counts.trades)
        });
        of_venue(
            "tickerbox_feed_trades_lost_total",
            Kind::Counter,
            "Missed trades that cannot be had any more.",
            &|venue| sum(venue, |counts| counts.trades_lost),
        );
        of_venue("tickerbox_feed_duplicates_total", Kind::Counter, "What was received a second time.", &|venue| {
            sum(venue, |counts| counts.duplicates)
        });
        of_venue("tickerbox_feed_replaced_total", Kind::Counter, "Events replaced while they waited.", &|venue| {
            Some(venue.replaced as f64)
        });
        let mut refused = page.family("tickerbox_feed_refused_total", Kind::Counter, "Messages not used, by reason.");
        for venue in &self.venues {
            for (reason, count) in venue.feed.rejected.iter() {
                refused.sample(&[("venue", venue.venue.slug()), ("reason", reason.name())], count as f64);
            }
        }
    }

    fn engine_and_store(&self, page: &mut Page) {
        let Health { engine, store, card, backup, .. } = &self.health;
        page.gauge("tickerbox_engine_sequence", "Sequence number of the newest input.", engine.seq as f64);
        let at = engine.at_ms as f64 / 1e3;
        page.gauge("tickerbox_engine_last_input_timestamp_seconds", "When the newest input came.", at);
        let mut refused = page.family("tickerbox_engine_refused_total", Kind::Counter, "Inputs refused, by reason.");
        for (reason, count) in &engine.rejected {
            refused.sample(&[("reason", reason)], *count as f64);
        }
        let help = "Sequence number of the newest input that survives a pulled plug.";
        page.gauge("tickerbox_store_committed_sequence", help, store.committed_seq as f64);
        page.counter("tickerbox_store_commits_total", "Commits of the journal.", store.commits as f64);
        page.counter("tickerbox_store_journal_bytes_total", "Bytes written to the journal.", store.bytes as f64);
        let failing = flag(!store.error.is_empty() || !card.error.is_empty());
        page.gauge("tickerbox_store_failing", "1 while the card does not take what is written.", failing);
        let states = ["ok", "nearly_full", "full", "read_only", "failing"];
        page.state(
            "tickerbox_card_state",
            "The state of the card, 1 for the one it is in.",
            &states,
            card.state.word(),
        );
        page.gauge("tickerbox_data_used_bytes", "Room that the data folder takes.", card.used_mb as f64 * MB);
        page.gauge("tickerbox_data_budget_bytes", "Room that the data folder may take.", card.may_use_mb as f64 * MB);
        page.gauge("tickerbox_card_repairs", "Damages found at the start.", card.repaired.len() as f64);
        page.gauge("tickerbox_backup_failing", "1 when the last backup failed.", flag(!backup.error.is_empty()));
        let proven = backup.last_proven.as_ref();
        let at = proven.and_then(|proven| types::Timestamp::parse_rfc3339(proven.made_at.as_bytes()));
        let at = at.map(|at| at.as_millis() as f64 / 1e3);
        page.gauge("tickerbox_backup_last_proven_timestamp_seconds", "When the last proven backup was made.", at);
        let bytes = proven.map(|proven| proven.bytes as f64);
        page.gauge("tickerbox_backup_last_proven_bytes", "Size of the last proven backup.", bytes);
    }

    fn model(&self, page: &mut Page) {
        let model = &self.health.model;
        if !model.id.is_empty() {
            let labels = [("name", model.name.as_str()), ("id", model.id.as_str())];
            page.family("tickerbox_model_info", Kind::Gauge, "The model that leads; always 1.").sample(&labels, 1.0);
        }
        page.counter("tickerbox_model_answers_total", "Answers of models.", model.answers as f64);
        let help = "Questions dropped because models were too slow.";
        page.counter("tickerbox_model_questions_dropped_total", help, model.dropped as f64);
        page.gauge(
            "tickerbox_model_failing",
            "1 while there is no model though there should be.",
            flag(!model.error.is_empty()),
        );
    }

    /// Kafka and files, where they are configured.
    fn others(&self, page: &mut Page) {
        if let Some(news) = &self.health.news {
            page.gauge("tickerbox_news_sources", "Sources of news that are read.", news.sources as f64);
            let help = "Those that could not be read the last time, or are not asked any more.";
            page.gauge("tickerbox_news_sources_failing", help, news.failing as f64);
            page.counter("tickerbox_news_items_total", "Items of news that were kept.", news.items as f64);
        }
        if let Some(kafka) = &self.health.kafka {
            page.gauge("tickerbox_kafka_connected", "1 when the last request was answered.", flag(kafka.connected));
            page.gauge(
                "tickerbox_kafka_behind_seconds",
                "Age of the oldest input not published.",
                kafka.behind_s as f64,
            );
            page.counter("tickerbox_kafka_trades_total", "Trades that the broker has taken.", kafka.trades as f64);
            page.counter("tickerbox_kafka_candles_total", "Candles that the broker has taken.", kafka.candles as f64);
            let help = "Times that something was passed over because the broker was away for too long.";
            page.counter("tickerbox_kafka_passed_over_total", help, kafka.passed_over as f64);
            page.gauge("tickerbox_kafka_failing", "1 while publishing does not work.", flag(!kafka.error.is_empty()));
        }
        if let Some(export) = &self.health.export {
            let at = export.written_at_ms.map(|ms| ms as f64 / 1e3);
            page.gauge("tickerbox_export_last_written_timestamp_seconds", "When all days were written last.", at);
            page.gauge("tickerbox_export_failing", "1 while exporting does not work.", flag(!export.error.is_empty()));
        }
    }

    fn machine(&self, page: &mut Page) {
        let System { machine, process, disk, clock, .. } = &self.system;
        let labels = [("model", machine.model.as_str()), ("host", machine.host.as_deref().unwrap_or_default())];
        page.family("tickerbox_machine_info", Kind::Gauge, "The machine; always 1.").sample(&labels, 1.0);
        page.gauge("tickerbox_machine_cpus", "Processors that the program may use.", f64::from(machine.cpus));
        let uptime = machine.uptime_s.map(|s| s as f64);
        page.gauge("tickerbox_machine_uptime_seconds", "Time since the machine started.", uptime);
        let mut load =
            page.family("tickerbox_machine_load", Kind::Gauge, "Programs that wanted a processor, on average.");
        for (minutes, value) in ["1", "5", "15"].iter().zip(machine.load.into_iter().flatten()) {
            load.sample(&[("minutes", minutes)], value);
        }
        let celsius = machine.cpu_celsius;
        page.gauge("tickerbox_machine_cpu_temperature_celsius", "Temperature of the processor.", celsius);
        if let Some(it) = machine.throttled {
            let help = "1 where the machine is held back now, by cause.";
            let mut now = page.family("tickerbox_machine_throttled", Kind::Gauge, help);
            now.sample(&[("cause", "under_voltage")], flag(it.under_voltage));
            now.sample(&[("cause", "frequency_capped")], flag(it.frequency_capped));
            now.sample(&[("cause", "throttled")], flag(it.throttled));
            now.sample(&[("cause", "soft_temperature_limit")], flag(it.soft_temperature_limit));
        }
        let bytes = |bytes: Option<u64>| bytes.map(|bytes| bytes as f64);
        page.gauge("tickerbox_machine_memory_bytes", "Memory of the machine.", bytes(machine.memory_bytes));
        page.gauge(
            "tickerbox_machine_memory_free_bytes",
            "Memory that programs can get.",
            bytes(machine.memory_free_bytes),
        );
        page.counter("tickerbox_process_cpu_seconds_total", "Processor time of the program.", process.cpu_s);
        page.gauge("tickerbox_process_resident_bytes", "Memory of the program in RAM.", bytes(process.resident_bytes));
        page.gauge("tickerbox_process_files_open", "Files and sockets open.", process.files_open.map(f64::from));
        let mut threads = page.family("tickerbox_process_threads", Kind::Gauge, "Threads of the program, by name.");
        for thread in &process.threads {
            threads.sample(&[("thread", &thread.name)], f64::from(thread.count));
        }
        page.gauge("tickerbox_disk_bytes", "Size of the disk with the data folder.", bytes(disk.bytes));
        page.gauge("tickerbox_disk_free_bytes", "What is free on it.", bytes(disk.free_bytes));
        page.gauge("tickerbox_clock_synchronised", "1 while the box believes its clock.", flag(clock.synchronised));
    }

    fn ways(&self, page: &mut Page) {
        let help = "How long each part of the way of an event takes, over the last five minutes.";
        let mut took = page.family("tickerbox_stage_duration_seconds", Kind::Summary, help);
        for (stage, _, _, told) in &self.parts {
            for (quantile, ns) in [("0.5", told.p50_ns), ("0.99", told.p99_ns)] {
                let value = if told.recent > 0 { ns as f64 / 1e9 } else { f64::NAN };
                took.sample(&[("stage", stage), ("quantile", quantile)], value);
            }
            took.sum_and_count(&[("stage", stage)], told.sum_s, told.count);
        }
        let help = "The longest of the last five minutes.";
        let mut longest = page.family("tickerbox_stage_duration_max_seconds", Kind::Gauge, help);
        for (stage, _, _, told) in self.parts.iter().filter(|(.., told)| told.recent > 0) {
            longest.sample(&[("stage", stage)], told.max_ns as f64 / 1e9);
        }
        let mut waiting = page.family("tickerbox_queue_length", Kind::Gauge, "What waits between the threads.");
        for queue in &self.system.queues {
            waiting.sample(&[("queue", &queue.name)], queue.waiting as f64);
        }
        let mut most = page.family("tickerbox_queue_capacity", Kind::Gauge, "The most that may wait.");
        for queue in &self.system.queues {
            most.sample(&[("queue", &queue.name)], queue.most as f64);
        }
    }
}

fn trading(told: &Accounts, page: &mut Page) {
    type Value = fn(&wire::api::Account) -> Option<f64>;
    let families: [(&str, &str, Value); 9] = [
        ("tickerbox_account_equity_dollars", "Money and positions at the middle of their books.", |it| {
            it.equity.parse().ok()
        }),
        ("tickerbox_account_start_dollars", "Money it started with.", |it| it.start.parse().ok()),
        ("tickerbox_account_cash_dollars", "Money it has.", |it| it.cash.parse().ok()),
        ("tickerbox_account_fees_dollars", "Fees paid since it began.", |it| it.fees.parse().ok()),
        ("tickerbox_account_drawdown_ratio", "Fall from the highest equity, over that.", |it| Some(it.drawdown)),
        ("tickerbox_account_exposure_ratio", "What is held, over the equity.", |it| Some(it.exposure)),
        ("tickerbox_account_positions", "Positions held.", |it| Some(it.positions.len() as f64)),
        ("tickerbox_account_trades", "Finished trades since it began.", |it| Some(it.trades.n as f64)),
        ("tickerbox_account_active", "0 once the settings do not name its strategy any more.", |it| {
            Some(flag(it.active))
        }),
    ];
    for (name, help, value) in families {
        let mut family = page.family(name, Kind::Gauge, help);
        for account in &told.accounts {
            if let Some(value) = value(account) {
                family.sample(&[("account", &account.name)], value);
            }
        }
    }
    let help = "How often risk control refused an order, by reason.";
    let mut refused = page.family("tickerbox_account_refused", Kind::Gauge, help);
    for account in &told.accounts {
        for (reason, count) in &account.refused {
            refused.sample(&[("account", &account.name), ("reason", reason)], *count as f64);
        }
    }
    page.gauge("tickerbox_breakers_open", "Breakers that are open.", told.breakers.len() as f64);
}

impl Shown {
    fn skill(&self, page: &mut Page) {
        let Some(overview) = &self.overview else { return };
        let mut each = |name, help, value: &dyn Fn(&wire::HorizonCard) -> Option<f64>| {
            let mut family = page.family(name, Kind::Gauge, help);
            for told in &overview.forecasts {
                let Some(instrument) = self.instruments.iter().find(|known| known.id == told.instrument) else {
                    continue;
                };
                for card in &told.horizons {
                    let minutes = card.horizon_min.to_string();
                    let labels = [
                        ("model", overview.model.as_str()),
                        ("venue", instrument.venue.as_str()),
                        ("pair", instrument.pair.as_str()),
                        ("horizon_minutes", minutes.as_str()),
                    ];
                    if let Some(value) = value(card) {
                        family.sample(&labels, value);
                    }
                }
            }
        };
        let help = "One less mean absolute error over that of no change, over at most seven days.";
        each("tickerbox_forecast_skill_ratio", help, &|card| card.skill.map(f64::from));
        let help = "Lower end of the 95 % interval of the skill.";
        each("tickerbox_forecast_skill_low_ratio", help, &|card| card.interval.map(|(low, _)| low.into()));
        let help = "Forecasts that the skill rests on.";
        each("tickerbox_forecast_scored", help, &|card| Some(card.scored.into()));
    }
}

fn flag(is_set: bool) -> f64 {
    f64::from(u8::from(is_set))
}
