//! Where the chart's past comes from: blocks that are asked for before they are seen.

use std::cell::{Cell, RefCell};

use leptos::task::spawn_local;
use wire::api::{ChartBlock, PastForecast, PastForecasts};

use super::super::browser;
use super::super::remote::ask;
use crate::chart::indicator::{Chosen, LINES, Row};
use crate::chart::level;
use crate::chart::ring::{Block, Ring, Sight, Timed, Wish};

/// When the box is asked again: for what it has not kept yet, and after a fault.
const AGAIN_MS: f64 = 3_000.0;
const AFTER_FAULT_MS: f64 = 5_000.0;

/// What a stretch of candles was asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Asked {
    /// `kraken:BTC/USD`.
    pub(super) symbol: String,
    /// Length of a candle, minutes; of forecasts their horizon.
    pub(super) minutes: u16,
    /// The indicators; none of forecasts.
    pub(super) chosen: Chosen,
}

/// One series of the past.
pub(super) struct Series<T> {
    of: RefCell<Asked>,
    ring: RefCell<Ring<T>>,
    is_asking: Cell<bool>,
    /// After a fault nothing is asked for before this time; after an answer about now, nothing about now.
    not_before_ms: Cell<f64>,
    now_not_before_ms: Cell<f64>,
    /// Why the last request failed.
    fault: RefCell<Option<String>>,
}

impl<T> Default for Series<T> {
    fn default() -> Self {
        Self {
            of: RefCell::default(),
            ring: RefCell::default(),
            is_asking: Cell::new(false),
            not_before_ms: Cell::new(0.0),
            now_not_before_ms: Cell::new(0.0),
            fault: RefCell::default(),
        }
    }
}

/// A kind of series.
pub(super) trait Told: Timed + Sized + 'static {
    /// The request.
    fn path(of: &Asked, wish: Wish) -> String;
    /// Its answer.
    fn read(bytes: &[u8], chosen: Chosen) -> Option<Block<Self>>;
}

impl<T: Told> Series<T> {
    /// What is here now, which may be of what was asked for before.
    pub(super) fn read<R>(&self, read: impl FnOnce(&Asked, &Ring<T>) -> R) -> R {
        read(&self.of.borrow(), &self.ring.borrow())
    }

    /// Whether a request is under way.
    pub(super) fn is_asking(&self) -> bool {
        self.is_asking.get()
    }

    /// Why nothing more comes.
    pub(super) fn fault(&self) -> Option<String> {
        self.fault.borrow().clone()
    }

    /// Asks for what is needed next, if anything is; `then` is called when it came, with the series it belongs to.
    pub(super) fn want(&self, of: &Asked, sight: Sight, then: impl Fn(&dyn Fn(&Self)) + 'static) {
        let now = browser::now_ms();
        if self.is_asking.get() || now < self.not_before_ms.get() {
            return;
        }
        // What is shown stays until the new series has something.
        let wish =
            if *self.of.borrow() == *of { self.ring.borrow().wish(sight) } else { Ring::<T>::default().wish(sight) };
        let Some(wish) = wish else { return };
        self.is_asking.set(true);
        let of = of.clone();
        spawn_local(async move {
            let answer = ask("GET", &T::path(&of, wish), None).await;
            let block = answer.and_then(|bytes| {
                T::read(&bytes, of.chosen).ok_or_else(|| "The box is of another version than this page.".into())
            });
            let block = RefCell::new(Some(block));
            then(&move |series: &Self| {
                series.is_asking.set(false);
                match block.take() {
                    Some(Ok(block)) => series.take(&of, wish, block, sight),
                    Some(Err(fault)) => {
                        series.not_before_ms.set(browser::now_ms() + AFTER_FAULT_MS);
                        *series.fault.borrow_mut() = Some(fault);
                    }
                    None => {}
                }
            });
        });
    }

    fn take(&self, of: &Asked, wish: Wish, block: Block<T>, sight: Sight) {
        if *self.of.borrow() != *of {
            *self.of.borrow_mut() = of.clone();
            *self.ring.borrow_mut() = Ring::default();
        }
        self.fault.borrow_mut().take();
        if block.from_ms == block.to_ms && block.has_older {
            // The box has just started.
            self.not_before_ms.set(browser::now_ms() + AGAIN_MS);
            return;
        }
        if wish.before_ms == sight.end_ms {
            self.now_not_before_ms.set(browser::now_ms() + AGAIN_MS);
        }
        self.ring.borrow_mut().insert(wish, block, sight);
    }
}

impl Told for Row {
    fn path(of: &Asked, wish: Wish) -> String {
        let names: Vec<&str> = of.chosen.lines().into_iter().map(|line| LINES[line]).collect();
        let (length, Wish { before_ms, limit }) = (level::name(of.minutes), wish);
        let (symbol, lines) = (&of.symbol, names.join(","));
        format!("/api/v1/chart?symbol={symbol}&timeframe={length}&before={before_ms}&limit={limit}&lines={lines}")
    }

    fn read(bytes: &[u8], chosen: Chosen) -> Option<Block<Self>> {
        let told: ChartBlock = wire::decode_owned(bytes).ok()?;
        let mut rows: Vec<Self> = told.candles.into_iter().map(Self::bare).collect();
        for (line, place) in told.lines.iter().zip(chosen.lines()) {
            for (row, value) in rows.iter_mut().zip(&line.values) {
                row.values[place] = value.unwrap_or(f64::NAN);
            }
        }
        Some(Block { from_ms: told.from_ms, to_ms: told.to_ms, has_older: told.has_older, rows })
    }
}

impl Told for PastForecast {
    fn path(of: &Asked, wish: Wish) -> String {
        let (symbol, horizon, Wish { before_ms, limit }) = (&of.symbol, of.minutes, wish);
        format!("/api/v1/past?symbol={symbol}&horizon={horizon}&before={before_ms}&limit={limit}")
    }

    fn read(bytes: &[u8], _: Chosen) -> Option<Block<Self>> {
        let told: PastForecasts = wire::decode_owned(bytes).ok()?;
        Some(Block { from_ms: told.from_ms, to_ms: told.to_ms, has_older: told.has_older, rows: told.forecasts })
    }
}
