//! `backtest`.

use std::num::NonZero;
use std::path::PathBuf;
use std::time::Duration;

use ::backtest::answers::Memory;
use ::backtest::dial::Dial;
use ::backtest::plan::{check_page, ledger_beside};
use ::backtest::source::{CandleFile, Invented, JournalDays, candles};
use ::backtest::{Answerer, BacktestError, Ledger, Plan, Source, Trial};
use anyhow::{Context as _, ensure};
use clap::Args;
use infer::{Model, Respondent};
use types::Timestamp;
use types::input::{ModelRole, ModelSeat};
use types::settings::EngineSettings;

/// What trading on a bundle's forecasts would have come to, by the box's own engine: over candle files, or the days that a box recorded.
///
/// The model answers through the inference of the box. Over recorded days the settings are those of the box, over candle files the
/// defaults; of a candle nobody knows in which order its prices came: here it is always open, low, high, close, against the account, and an
/// order meets the open of the next candle. Every variant is counted in a list of trials. Data that the model was made from
/// proves nothing: the report says so, and `--held-out` leaves it out.
#[derive(Debug, Args)]
pub(super) struct Backtest {
    /// Folder, manifest or `.tbx` file.
    #[arg(long, value_name = "PATH")]
    bundle: PathBuf,
    #[command(flatten)]
    trust: super::Trust,
    /// Candle files named VENUE_PAIR_..., or VENUE:BASE/QUOTE=FILE. Gzipped or plain.
    #[arg(long, value_name = "FILE.csv[.gz]", num_args = 1.., required_unless_present = "journal", conflicts_with = "journal")]
    candles: Vec<String>,
    /// Data directory of a box: its recorded days.
    #[arg(long, value_name = "DIR")]
    journal: Option<PathBuf>,
    /// From this time on, UTC: 2026-07-19 or 2026-07-19T17:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<Timestamp>,
    /// Before this time.
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<Timestamp>,
    /// Only the part that was held out in training, to its end.
    #[arg(long, conflicts_with_all = ["from", "until"])]
    held_out: bool,
    /// Configuration of a box: its section [engine].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A setting of the configuration and its values, such as engine.signal.edge_min_cbps=10,20,30; may be given more than once. All
    /// combinations are tried.
    #[arg(long = "set", value_name = "KEY=VALUE,..")]
    set: Vec<String>,
    /// The same fee everywhere, millionths of the traded value; several make variants.
    #[arg(long, value_name = "N,..", value_delimiter = ',')]
    fee_ppm: Vec<u32>,
    /// A constant time from decision to arrival, milliseconds; several make variants.
    #[arg(long, value_name = "N,..", value_delimiter = ',')]
    latency_ms: Vec<u32>,
    /// The same share of equity in every position, millionths; several make variants.
    #[arg(long, value_name = "N,..", value_delimiter = ',')]
    size_ppm: Vec<u32>,
    /// How long after a question the answer comes, milliseconds.
    #[arg(long, value_name = "N", default_value_t = 500)]
    answer_ms: u32,
    /// Spread of the books that are invented around candles, hundredths of a basis point.
    #[arg(long, value_name = "N", default_value_t = Invented::default().spread_cbps)]
    spread_cbps: u32,
    /// Also what other fees, sizes and delays would have done. Not counted as trials.
    #[arg(long)]
    what_if: bool,
    /// Also look for look-ahead: cut the source so often and compare.
    #[arg(long, value_name = "CUTS", num_args = 0..=1, default_missing_value = "8", default_value_t = 0, hide_default_value = true)]
    peek: usize,
    /// Write the report as one HTML page, and as JSON beside it.
    #[arg(long, value_name = "FILE.html")]
    out: Option<PathBuf>,
    /// The list in which trials are counted. Where this is left out: trials.jsonl beside the report, or in the present folder.
    #[arg(long, value_name = "FILE")]
    trials: Option<PathBuf>,
    /// Variants at the same time; all cores where this is left out.
    #[arg(long, value_name = "N")]
    threads: Option<NonZero<usize>>,
    /// Print the report as one JSON object.
    #[arg(long)]
    json: bool,
}

impl Backtest {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let mut dials: Vec<Dial> = self.set.iter().map(|text| Dial::parse(text)).collect::<Result<_, _>>()?;
        let short = [Dial::fees(&self.fee_ppm), Dial::latency(&self.latency_ms), Dial::size(&self.size_ppm)];
        dials.extend(short.into_iter().filter(|dial| !dial.stops.is_empty()));
        self.out.as_deref().map_or(Ok(()), check_page)?;
        let told = self.config.as_ref().map(settings).transpose()?;
        let bundle = bundle::load(&self.bundle, &self.trust.keys()?)?;
        let manifest = bundle.manifest();
        super::report::check_fingerprint(manifest)?;
        let (spec, timeframe) = infer::seat(&bundle).context("no box makes candles of this length")?;
        engine::forecast::check(&spec, timeframe).map_err(|what| anyhow::anyhow!("no box can ask it: {what}"))?;
        let held_out = manifest.training.split.held_out_ms;
        let (source, recorded) = self.source(held_out)?;

        let (model, label) = (spec.name.clone(), spec.id.clone());
        let mut base = Trial::new(&model, told.unwrap_or(recorded));
        base.answer_after = Duration::from_millis(self.answer_ms.into());
        base.seats = Some(vec![ModelSeat { spec, timeframe, role: ModelRole::Active, instruments: Vec::new() }]);
        let respondent = Respondent::new(Model::load(&bundle)?);
        let memory = Memory::new(Box::new(move |question| {
            Some(respondent.told(question, respondent.ask(&question.window).ok().as_ref()))
        }));
        let make = |_: &Source| Ok(memory.answerer()) as ::backtest::Result<Box<dyn Answerer>>;
        let plan = Plan {
            source: &source,
            base,
            dials,
            answerer: Some((&label, &make)),
            made_until: vec![(model, Timestamp::from_millis(held_out.0))],
            threads: self.threads.or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZero::get),
            cuts: self.peek,
            what_if: self.what_if,
        };
        plan.variants()?;
        let trials = self.trials.clone().unwrap_or_else(|| ledger_beside(self.out.as_deref()));
        let mut report = plan.run(&mut Ledger::open(&trials)?)?;
        report.notes.push(format!("Trials over this data are counted in {}.", trials.display()));
        if let Some(page) = &self.out {
            report.write(page)?;
        }
        print!("{}", if self.json { report.json() } else { report.text() });
        let findings = report.peek.map_or(0, |peek| peek.findings.len());
        ensure!(findings == 0, "{findings} things looked ahead");
        Ok(())
    }

    /// What it runs over, and the settings that come with it.
    fn source(&self, held_out_ms: (i64, i64)) -> anyhow::Result<(Source, EngineSettings)> {
        let told = self.from.unwrap_or(Timestamp::EPOCH)..self.until.unwrap_or(Timestamp::MAX);
        let (from, until) = held_out_ms;
        let span = if self.held_out { Timestamp::from_millis(from)..Timestamp::from_millis(until) } else { told };
        if span.is_empty() {
            return Err(BacktestError::Empty(format!("from {} to {}", span.start, span.end)).into());
        }
        if let Some(dir) = &self.journal {
            let journal = JournalDays::open(dir, span)?;
            let settings = journal.survey()?.settings;
            return Ok((Source::Journal(journal), settings));
        }
        let files = self.candles.iter().map(|text| CandleFile::parse(text)).collect::<Result<Vec<_>, _>>()?;
        let invented = Invented { spread_cbps: self.spread_cbps, ..Invented::default() };
        Ok((candles(&files, &span, invented)?, EngineSettings::default()))
    }
}

/// The section [engine] of a box's configuration. What it does not say has its default; `tickerbox check-config` finds what is
/// out of range.
fn settings(path: &PathBuf) -> anyhow::Result<EngineSettings> {
    let read = || -> anyhow::Result<EngineSettings> {
        let text = std::fs::read_to_string(path)?;
        let mut all: toml::Table = text.parse()?;
        all.remove("engine").map_or_else(|| Ok(EngineSettings::default()), |engine| Ok(engine.try_into()?))
    };
    read().with_context(|| format!("{}", path.display()))
}

/// A UTC day or moment as an argument.
fn time(text: &str) -> Result<Timestamp, String> {
    let whole = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    Timestamp::parse_rfc3339(whole.as_bytes())
        .ok_or_else(|| "must be a UTC date, or a time such as 2026-07-19T17:00:00Z".to_owned())
}
