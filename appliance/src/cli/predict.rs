//! `tickerbox predict`: a model's forecasts for a candle file, and how long one takes.

use std::collections::{BTreeMap, VecDeque};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context;
use bundle::{PublicKey, TrustedKeys, VerifiedBundle};
use engine::candle::{Bar, csv, step_of, tidy};
use engine::feature::{Around, FeatureState, FeatureWindow, fingerprint};
use infer::{Answer, Latency, Model};
use serde::Serialize;
use types::time::NS_PER_MIN;

use super::{input, print_json};

/// Forecasts after every candle of a file that has a whole window behind it, or how long the model takes.
///
/// The file holds rows `open_time_ms,open,high,low,close,volume` of the model's timeframe, gzipped or plain. No window spans
/// a gap; of a doubled candle the last row counts.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The model: a bundle's folder, the manifest.json in it, or a .tbx file.
    #[arg(long, value_name = "BUNDLE")]
    bundle: PathBuf,
    /// The candle file.
    #[arg(long, value_name = "FILE", required_unless_present = "repeat")]
    candles: Option<PathBuf>,
    /// Only the last N forecasts.
    #[arg(long, value_name = "N")]
    last: Option<usize>,
    /// Measure the model alone: N answers to one window, on one thread.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    repeat: Option<u32>,
    /// Public key file to trust besides the built-in ones; may be given more than once.
    #[arg(long = "trust", value_name = "FILE")]
    trust: Vec<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    model: String,
    digest: String,
    /// What computes the answers here.
    engine: &'static str,
    /// Time to load the model and answer its probes, milliseconds.
    load_ms: f64,
    /// Size of the graph's file.
    model_bytes: usize,
    /// Share of the multiply-accumulates that are done in integers, 0 to 1.
    integer_share: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    latency_us: Option<LatencyUs>,
    forecasts: Vec<Forecast>,
}

/// Time of one answer, microseconds.
#[derive(Serialize)]
struct LatencyUs {
    median: f64,
    p99: f64,
}

/// The forecasts after one candle.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct Forecast {
    /// Open time of the last candle that the model saw.
    open_time_ms: i64,
    /// Its close: the price now.
    close: f64,
    /// By horizon in minutes.
    horizons: BTreeMap<u16, Horizon>,
}

#[derive(Serialize, utoipa::ToSchema)]
struct Horizon {
    log_return: f32,
    p_up: f32,
}

impl Args {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let bundle = self.bundle()?;
        let began = Instant::now();
        let model = Model::load(&bundle).with_context(|| self.bundle.display().to_string())?;
        let load_ms = began.elapsed().as_secs_f64() * 1e3;
        let latency = self.repeat.map(|runs| model.latency(runs as usize)).transpose()?;
        let forecasts = match &self.candles {
            Some(candles) => forecasts(&model, &read_bars(candles, model.manifest().timeframe_min)?, self.last)?,
            None => Vec::new(),
        };
        let manifest = bundle.manifest();
        let report = Report {
            model: format!("{} r{}", manifest.name, manifest.revision),
            digest: bundle.digest().to_string(),
            engine: infer::engine(),
            load_ms,
            model_bytes: bundle.model().len(),
            integer_share: model.macs()?.integer_share(),
            latency_us: latency.map(|Latency { median_us, p99_us }| LatencyUs { median: median_us, p99: p99_us }),
            forecasts,
        };
        if self.json {
            print_json(&report)?;
        } else {
            print(&report)?;
        }
        Ok(ExitCode::SUCCESS)
    }

    /// The bundle, proven, and with features as this program computes them.
    fn bundle(&self) -> anyhow::Result<VerifiedBundle> {
        let name = self.bundle.display();
        let bundle = bundle::load(&self.bundle, &self.keys()?).with_context(|| name.to_string())?;
        let manifest = bundle.manifest();
        let ours = fingerprint(&manifest.features).with_context(|| name.to_string())?;
        anyhow::ensure!(
            ours == manifest.fingerprint,
            "{name}: trained on other feature definitions: its fingerprint is {}, this program's is {ours}",
            manifest.fingerprint
        );
        Ok(bundle)
    }

    fn keys(&self) -> anyhow::Result<TrustedKeys> {
        let mut keys = TrustedKeys::builtin();
        for path in &self.trust {
            let name = path.display();
            let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
            keys.trust(PublicKey::parse(&text).with_context(|| name.to_string())?);
        }
        Ok(keys)
    }
}

fn read_bars(path: &Path, timeframe_min: u16) -> anyhow::Result<Vec<Bar>> {
    let read = || check_bars(csv::parse(&input::read(path)?)?, timeframe_min);
    read().with_context(|| path.display().to_string())
}

/// Bars in order, each once, of the length that a model needs.
///
/// # Errors
/// Bars of another length, or ones that do not start where one of that length does.
pub(crate) fn check_bars(mut bars: Vec<Bar>, timeframe_min: u16) -> anyhow::Result<Vec<Bar>> {
    tidy(&mut bars);
    let needed = i64::from(timeframe_min) * NS_PER_MIN;
    if let Some(step) = step_of(&bars).filter(|step| *step != needed) {
        anyhow::bail!("candles of {} minutes, the model needs candles of {timeframe_min}", step / NS_PER_MIN)
    }
    if let Some(bar) = bars.iter().find(|bar| bar.open_time.as_nanos() % needed != 0) {
        anyhow::bail!("the candle of {} does not start with a multiple of {timeframe_min} minutes", bar.open_time);
    }
    Ok(bars)
}

/// Windows that are kept in memory before the model is asked.
const BATCH: usize = 4_096;

/// Forecasts in time order, of the `last` windows only when told so: the model is not asked for the others.
pub(crate) fn forecasts(model: &Model, bars: &[Bar], last: Option<usize>) -> anyhow::Result<Vec<Forecast>> {
    let manifest = model.manifest();
    let step = i64::from(manifest.timeframe_min) * NS_PER_MIN;
    let mut state = FeatureState::new(manifest.timeframe_min);
    let mut window = FeatureWindow::new(&manifest.features, manifest.rows() as u16)?;
    let mut asked: VecDeque<(&Bar, Vec<f32>)> = VecDeque::new();
    let mut done = Vec::new();
    let mut before: Option<i64> = None;
    for bar in bars {
        let at = bar.open_time.as_nanos();
        if before.is_some_and(|before| before + step != at) {
            window.clear();
        }
        before = Some(at);
        window.push(state.update(bar, &Around::default()));
        let Some(values) = window.values() else { continue };
        asked.push_back((bar, values));
        match last {
            Some(last) => drop(asked.drain(..asked.len().saturating_sub(last))),
            None if asked.len() == BATCH => ask(model, &mut asked, &mut done)?,
            None => {}
        }
    }
    ask(model, &mut asked, &mut done)?;
    Ok(done)
}

/// Asks the model for all that waits.
fn ask(model: &Model, asked: &mut VecDeque<(&Bar, Vec<f32>)>, done: &mut Vec<Forecast>) -> anyhow::Result<()> {
    let (bars, windows): (Vec<&Bar>, Vec<Vec<f32>>) = asked.drain(..).unzip();
    let answers = model.predict_all(&windows)?;
    done.extend(bars.into_iter().zip(&answers).map(|(bar, answer)| forecast(bar, answer)));
    Ok(())
}

fn forecast(bar: &Bar, answer: &Answer) -> Forecast {
    let horizons = answer.horizons.iter().map(|h| (h.horizon_min, Horizon { log_return: h.log_return, p_up: h.p_up }));
    Forecast { open_time_ms: bar.open_time.as_millis(), close: bar.close, horizons: horizons.collect() }
}

fn print(report: &Report) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}, digest {}", report.model, report.digest)?;
    let Report { engine, load_ms, integer_share, .. } = report;
    writeln!(out, "{engine}, loaded in {load_ms:.0} ms, {:.0} % integer", integer_share * 100.0)?;
    if let Some(LatencyUs { median, p99 }) = report.latency_us {
        writeln!(out, "one answer: median {median:.0} us, 99th percentile {p99:.0} us")?;
    }
    for Forecast { open_time_ms, close, horizons } in &report.forecasts {
        write!(out, "{} {close}", types::Timestamp::from_millis(*open_time_ms))?;
        for (horizon, Horizon { log_return, p_up }) in horizons {
            write!(out, "  +{horizon} min {:+.2} bps, {:.1} % up", log_return * 1e4, p_up * 100.0)?;
        }
        writeln!(out)?;
    }
    writeln!(out, "{} forecasts", report.forecasts.len())
}

#[cfg(test)]
mod tests {
    use types::Timestamp;

    use super::*;

    /// A quiet walk over these minutes.
    fn bars(minutes: impl IntoIterator<Item = i64>) -> Vec<Bar> {
        let of = |minute: i64| {
            let close = 100.0 + ((minute * 7) % 13) as f64 * 0.01;
            let open_time = Timestamp::from_secs(minute * 60);
            Bar {
                open_time,
                open: close,
                high: close + 0.02,
                low: close - 0.02,
                close,
                volume: 1.0 + (minute % 5) as f64,
            }
        };
        minutes.into_iter().map(of).collect()
    }

    fn model() -> Model {
        Model::load(&crate::models::starter().expect("it is signed by a built-in key")).expect("it runs here")
    }

    fn minutes(forecasts: &[Forecast]) -> Vec<i64> {
        forecasts.iter().map(|forecast| forecast.open_time_ms / 60_000).collect()
    }

    #[test]
    fn no_window_spans_a_gap() {
        let model = model();
        let whole = forecasts(&model, &bars(0..300), None).expect("sound bars");
        let first = minutes(&whole)[0];
        assert!(first >= model.manifest().rows() as i64 - 1);
        assert_eq!(minutes(&whole), (first..300).collect::<Vec<_>>(), "one forecast a minute");
        let gap = forecasts(&model, &bars((0..300).filter(|minute| *minute != 150)), None).expect("sound bars");
        let expected: Vec<i64> = (first..150).chain(151 + first..300).collect();
        assert_eq!(minutes(&gap), expected);
    }

    #[test]
    fn the_last_forecasts_are_those_of_the_whole_file() {
        let model = model();
        let all = forecasts(&model, &bars(0..200), None).expect("sound bars");
        let last = forecasts(&model, &bars(0..200), Some(3)).expect("sound bars");
        let json = |forecasts: &[Forecast]| serde_json::to_string(forecasts).expect("plain values");
        assert_eq!(json(&last), json(&all[all.len() - 3..]));
    }
}
