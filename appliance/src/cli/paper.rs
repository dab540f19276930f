//! `tickerbox paper`: given orders against a recording, by the box's own paper venue.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, ensure};
use engine::rehearsal::{Ended, Outcome, Rehearsal};
use feed::capture::{Capture, Heard, TAPE_SCALE, Told};
use serde::Serialize;
use serde_json::Value;
use types::decimal::Fixed;
use types::fee::Fees;
use types::money::CASH_DECIMALS;
use types::order::{Liquidity, OrderEnd, OrderId};
use types::settings::PaperSettings;
use types::{Cash, Fill, Instrument, InstrumentId, Qty, Timestamp, Venue};

use super::{input, print_json};
use crate::config::Config;

mod orders;
mod repeat;

use orders::Given;
use repeat::{Repeat, Speed};

/// Runs given orders against a recording, and tells what the market of that moment would have given them.
///
/// The recording is read as `tickerbox feed` reads it, and every change of a proven book reaches the paper venue at full depth.
/// The account holds plenty of both sides; `cash` and `position` tell how they changed, fees included.
///
/// ORDERS is a JSON list of `{id, at_ms, side, type, price?, qty, tif?, post_only?}`. `at_ms` is when an order is sent, by the
/// recording's clock of receipt (of a recording without one, by the venue's). `type` is market, limit, post-only, stop,
/// stop-limit, take-profit, take-profit-limit or trailing-stop, with `trigger` or `trail`; `tif` is gtc, gtd (with
/// `expires_ms`), ioc or fok; orders with the same `oco` cancel each other.
///
/// A recording does not tell the venue's steps and minimums: the orders are taken as they are.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Whose protocol it is: kraken, binance-us, coinbase, kucoin.
    #[arg(long)]
    venue: Venue,
    /// The recording.
    #[arg(long, value_name = "CAPTURE")]
    frames: PathBuf,
    /// The orders.
    #[arg(long, value_name = "ORDERS")]
    orders: PathBuf,
    /// Which market of the recording, if it tells of several.
    #[arg(long)]
    symbol: Option<String>,
    /// Time from sending an order to its arrival, the same for all; by default as the configuration says.
    #[arg(long, value_name = "N")]
    latency_ms: Option<u32>,
    /// A configuration, of which `[engine.paper]` and `[engine.fees]` count.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Replay it so many times more from memory, and tell how fast that is.
    #[arg(long, value_name = "N")]
    repeat: Option<u32>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// What `--json` prints: amounts as decimal text, times as RFC 3339 and in milliseconds.
#[derive(Debug, Serialize)]
struct Report {
    venue: Venue,
    symbol: String,
    /// Whose clock times are of: `receive` or `venue`.
    clock: &'static str,
    fills: Vec<FillRow>,
    /// Orders that still rest or wait at the recording's end.
    open: Vec<OpenRow>,
    /// Orders that are over.
    ended: Vec<EndRow>,
    /// How much more the account has than before: below zero when it paid.
    cash: String,
    /// How much more base it has than before.
    position: String,
    /// Fees paid; they are in `cash`.
    fees: String,
    /// Books, marks and trades that reached the paper venue.
    events: u64,
    /// Time for all of it, reading included.
    took_s: f64,
    /// How fast it is without reading.
    #[serde(skip_serializing_if = "Option::is_none")]
    repeat: Option<Speed>,
}

#[derive(Debug, Serialize)]
struct FillRow {
    order: Value,
    at: String,
    at_ms: f64,
    price: String,
    qty: String,
    fee: String,
    liquidity: &'static str,
}

#[derive(Debug, Serialize)]
struct OpenRow {
    id: Value,
    remaining: String,
}

#[derive(Debug, Serialize)]
struct EndRow {
    id: Value,
    end: &'static str,
    /// Of a rejected order: which rule it broke.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    at: String,
    at_ms: f64,
    remaining: String,
}

impl Args {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let began = Instant::now();
        let (settings, fees) = self.settings()?;
        let name = self.orders.display();
        let text = String::from_utf8(input::read(&self.orders)?).with_context(|| format!("{name}: not text"))?;
        let given = orders::read(&text).with_context(|| name.to_string())?;
        let mut player = Player::new(self.venue, self.symbol.clone(), settings, fees, &given);
        player.is_remembering = self.repeat.is_some();
        input::for_each_line(&self.frames, |number, line| player.line(number, line))?;
        let played = player.finish().with_context(|| self.frames.display().to_string())?;
        let took_s = began.elapsed().as_secs_f64();
        let speed = self.repeat.zip(played.repeat.as_ref());
        let speed = speed.map(|(runs, repeat)| repeat.measure(runs, &played.outcome)).transpose()?;
        let report = played.report(self.venue, &given, took_s, speed);
        if self.json {
            print_json(&report)?;
        } else {
            print(&report)?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn settings(&self) -> anyhow::Result<(PaperSettings, Fees)> {
        let (mut settings, fees) = match &self.config {
            Some(file) => {
                let engine = Config::load(file)?.engine;
                (engine.paper, engine.fees)
            }
            None => (PaperSettings::default(), Fees::default()),
        };
        // Every change of the book is heard at its time: none lags behind.
        settings.book_lag_ms = 0;
        if let Some(latency_ms) = self.latency_ms {
            (settings.latency_ms, settings.entry_us) = (latency_ms, Vec::new());
        }
        Ok((settings, fees))
    }
}

/// Plays a recording to the orders.
struct Player {
    venue: Venue,
    capture: Capture,
    /// The market wanted, or the first one heard of.
    symbol: Option<String>,
    is_named: bool,
    /// Until the market's number is known.
    unplayed: Option<(PaperSettings, Fees, Vec<types::Order>)>,
    rehearsal: Option<Rehearsal>,
    events: u64,
    is_remembering: bool,
    /// What was heard of the market, to be replayed.
    remembered: Vec<Heard>,
    /// The orders before the first word.
    unheard: Option<Rehearsal>,
}

struct Played {
    symbol: String,
    clock: &'static str,
    outcome: Outcome,
    events: u64,
    repeat: Option<Repeat>,
}

impl Player {
    fn new(venue: Venue, symbol: Option<String>, settings: PaperSettings, fees: Fees, given: &Given) -> Self {
        Self {
            venue,
            capture: Capture::with_tape(venue),
            is_named: symbol.is_some(),
            symbol,
            unplayed: Some((settings, fees, given.orders.clone())),
            rehearsal: None,
            events: 0,
            is_remembering: false,
            remembered: Vec::new(),
            unheard: None,
        }
    }

    fn line(&mut self, number: u64, line: &[u8]) -> anyhow::Result<()> {
        self.capture.line(number, line)?;
        self.begin();
        let at = self.capture.at();
        for heard in self.capture.take_heard() {
            ensure!(at.is_some(), "the recording tells no times, neither of receipt nor the venue's");
            self.events += 1;
            if let Some(rehearsal) = &mut self.rehearsal {
                hear(rehearsal, &heard);
                if self.is_remembering && heard.told.instrument() == Some(rehearsal.instrument().id) {
                    self.remembered.push(heard);
                }
            }
        }
        if let (Some(rehearsal), Some(at)) = (&mut self.rehearsal, at) {
            rehearsal.pass(at);
        }
        Ok(())
    }

    /// Once the wanted market is heard of its orders can be sent.
    fn begin(&mut self) {
        let wanted = self.symbol.as_deref();
        let found = self.capture.symbols().position(|symbol| wanted.is_none_or(|wanted| wanted == symbol));
        let (Some(index), true) = (found, self.unplayed.is_some()) else { return };
        let symbol = self.capture.symbols().nth(index).unwrap_or_default().to_owned();
        let id = InstrumentId(index as u16);
        if let Some((settings, fees, mut orders)) = self.unplayed.take() {
            orders.iter_mut().for_each(|order| order.instrument = id);
            let instrument = instrument(self.venue, id, &symbol);
            let rehearsal = Rehearsal::new(instrument, settings, fees, orders);
            self.unheard = self.is_remembering.then(|| rehearsal.clone());
            self.rehearsal = Some(rehearsal);
        }
        self.symbol = Some(symbol);
    }

    fn finish(self) -> anyhow::Result<Played> {
        let (unheard, end, heard) = (self.unheard, self.capture.at(), self.remembered);
        let repeat = unheard.zip(end).map(|(rehearsal, end)| Repeat { heard, end, rehearsal });
        let known: Vec<String> = self.capture.symbols().map(str::to_owned).collect();
        let clock = if self.capture.has_receive_times() == Some(true) { "receive" } else { "venue" };
        self.capture.finish()?;
        let listed = known.join(", ");
        ensure!(!known.is_empty(), "the recording tells of no market: no book and no trade");
        ensure!(
            self.is_named || known.len() == 1,
            "the recording tells of several markets: {listed}. Say which with --symbol"
        );
        let symbol = self.symbol.unwrap_or_default();
        let rehearsal =
            self.rehearsal.with_context(|| format!("the recording does not tell of {symbol}, but of {listed}"))?;
        Ok(Played { symbol, clock, outcome: rehearsal.finish(), events: self.events, repeat })
    }
}

/// A book that is none is stale from there on, as it is for the box.
fn hear(rehearsal: &mut Rehearsal, Heard { at, told }: &Heard) {
    let wanted = rehearsal.instrument().id;
    let _ = match told {
        Told::Book(depth) if depth.instrument == wanted => rehearsal.book(*at, &depth.bids, &depth.asks),
        Told::Change(depth) if depth.instrument == wanted => rehearsal.change(*at, &depth.bids, &depth.asks),
        Told::Input(input) => rehearsal.hear(*at, input),
        Told::Book(_) | Told::Change(_) => Ok(()),
    };
}

/// What is known of a market by its recording alone.
fn instrument(venue: Venue, id: InstrumentId, symbol: &str) -> Instrument {
    let (base, quote) = (symbol.to_owned(), String::new());
    let (tick, lot, qty_min, notional_min) = (1, 1, Qty(1), Cash::ZERO);
    Instrument {
        id,
        venue,
        symbol: symbol.to_owned(),
        base,
        quote,
        scale: TAPE_SCALE,
        tick,
        lot,
        qty_min,
        notional_min,
    }
}

impl Played {
    fn report(self, venue: Venue, given: &Given, took_s: f64, repeat: Option<Speed>) -> Report {
        let Outcome { fills, ended, open, cash, position } = self.outcome;
        let id = |order: OrderId| given.ids[order.0 as usize - 1].clone();
        let fees = fills.iter().map(|fill| i128::from(fill.fee.0)).sum();
        let fill = |fill: Fill| FillRow {
            order: id(fill.order),
            at: fill.at.to_string(),
            at_ms: millis(fill.at),
            price: trimmed(i128::from(fill.price.mantissa()), TAPE_SCALE.price_decimals),
            qty: amount(fill.qty),
            fee: trimmed(fill.fee.0.into(), CASH_DECIMALS),
            liquidity: match fill.liquidity {
                Liquidity::Maker => "maker",
                Liquidity::Taker => "taker",
            },
        };
        let end = |ended: Ended| EndRow {
            id: id(ended.order),
            end: ended.end.name(),
            reason: match ended.end {
                OrderEnd::Rejected(reject) => Some(reject.name()),
                _ => None,
            },
            at: ended.at.to_string(),
            at_ms: millis(ended.at),
            remaining: amount(ended.left),
        };
        Report {
            venue,
            symbol: self.symbol,
            clock: self.clock,
            fills: fills.into_iter().map(fill).collect(),
            open: open.into_iter().map(|(order, left)| OpenRow { id: id(order), remaining: amount(left) }).collect(),
            ended: ended.into_iter().map(end).collect(),
            cash: trimmed(cash, CASH_DECIMALS),
            position: trimmed(position, TAPE_SCALE.qty_decimals),
            fees: trimmed(fees, CASH_DECIMALS),
            events: self.events,
            took_s,
            repeat,
        }
    }
}

fn millis(at: Timestamp) -> f64 {
    at.as_nanos() as f64 / 1e6
}

fn amount(qty: Qty) -> String {
    trimmed(qty.0.into(), TAPE_SCALE.qty_decimals)
}

/// Plain decimal text without zeros at its end.
fn trimmed(mantissa: i128, decimals: u8) -> String {
    let text = Fixed { mantissa, decimals }.to_string();
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn print(report: &Report) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    let Report { venue, symbol, clock, cash, position, fees, .. } = report;
    writeln!(out, "{venue} {symbol}, times by the clock of {clock}")?;
    for FillRow { order, at, price, qty, fee, liquidity, .. } in &report.fills {
        writeln!(out, "{at}  {order}: {qty} at {price} as {liquidity}, fee {fee}")?;
    }
    for EndRow { id, end, reason, at, remaining, .. } in &report.ended {
        let reason = reason.map_or_else(String::new, |reason| format!(" ({reason})"));
        writeln!(out, "{at}  {id}: {end}{reason}, {remaining} not filled")?;
    }
    for OpenRow { id, remaining } in &report.open {
        writeln!(out, "{id}: open, {remaining} not filled")?;
    }
    writeln!(out, "cash {cash}, position {position}, fees {fees}")?;
    report.repeat.as_ref().map_or(Ok(()), |speed| writeln!(out, "{speed}"))
}
