//! `tickerbox backtest`: what trading would have come to.

use std::collections::BTreeMap;
use std::io::Write;
use std::num::NonZero;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use backtest::answers::Memory;
use backtest::dial::Dial;
use backtest::plan::{check_page, ledger_beside};
use backtest::source::{CandleFile, Invented, JournalDays, candles};
use backtest::{Answerer, Ledger, Plan, Report, Source, Trial};
use infer::Respondent;
use types::input::ModelSeat;
use types::settings::EngineSettings;
use types::{Instrument, InstrumentId, Timeframe, Timestamp};

use super::{WrongArguments, print_json, time};
use crate::config::Config;
use crate::models::{Installed, Search};

/// Runs the box's own engine over recorded days or over candle files, and tells what its account would have come to, beside
/// buying and holding and beside trading as often at random.
///
/// Over recorded days the settings are those of the box at the time, and the answers of its models the recorded ones; over candle
/// files the settings are the defaults and the models those that the box has. Of a candle nobody knows in which order its prices
/// came: here it is always open, low, high, close, against the account, and an order meets the open of the next candle. Every
/// variant is counted in a list of trials, for the best of many is lucky. Not while a box is writing to the folder.
///
/// Exit code 0: done; 1: failed, or --peek found that something looked ahead; 2: what was given cannot be run.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The box's data directory: its journal, and its models. Where this is left out, that of the configuration.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Candle files instead of the journal: files named VENUE_PAIR_..., or VENUE:BASE/QUOTE=FILE. Gzipped or plain.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    candles: Vec<String>,
    /// From this time on, UTC: 2026-07-19 or 2026-07-19T17:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<Timestamp>,
    /// Before this time.
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<Timestamp>,
    /// Settings of another configuration.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Who answers what the engine asks. Where this is left out: as recorded, or over candle files the models.
    #[arg(long, value_enum)]
    answers: Option<Answers>,
    /// One model instead of those that the box has: a bundle's folder, the manifest.json in it, or a .tbx file.
    #[arg(long, value_name = "BUNDLE")]
    model: Option<PathBuf>,
    /// Public key file to trust besides the built-in and configured ones; may be given more than once.
    #[arg(long = "trust", value_name = "FILE")]
    trust: Vec<PathBuf>,
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
    /// How long after a question the answer of a model comes, milliseconds. Where this is left out it is the longest that the box
    /// allows (model.budget_ms).
    #[arg(long, value_name = "N")]
    answer_ms: Option<u32>,
    /// Spread of the books that are invented around candles, hundredths of a basis point.
    #[arg(long, value_name = "N", requires = "candles", default_value_t = Invented::default().spread_cbps)]
    spread_cbps: u32,
    /// Also what other fees, sizes and delays would have done, beside what was recorded. Not counted as trials.
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Answers {
    /// What the models of the time said.
    Recorded,
    /// The models that the box has now are asked anew.
    Models,
    /// Nobody: for rules that need no model.
    None,
}

/// What there is to run over.
struct Ground {
    source: Source,
    settings: EngineSettings,
    instruments: Vec<Instrument>,
    /// Length of its candles, where it is made of them.
    timeframe: Option<Timeframe>,
}

impl Args {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let report = self.report()?;
        if let Some(page) = &self.out {
            let beside = report.write(page)?;
            if !self.json {
                writeln!(std::io::stderr(), "written to {} and {}", page.display(), beside.display())?;
            }
        }
        if self.json {
            print_json(&report)?;
        } else {
            write!(std::io::stdout(), "{}", report.text())?;
        }
        let looked_ahead = report.peek.as_ref().is_some_and(|peek| !peek.findings.is_empty());
        Ok(if looked_ahead { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    fn report(&self) -> anyhow::Result<Report> {
        self.out.as_deref().map_or(Ok(()), check_page)?;
        let config = self.config.as_deref().map(Config::load).transpose()?;
        let dials = self.dials()?;
        let ground = self.ground(config.as_ref())?;
        let config = config.unwrap_or_default();
        let models = self.models(&config, &ground)?;
        let mut base = Trial::new(&name(&ground.settings, models.as_deref()), ground.settings.clone());
        base.answer_after = Duration::from_millis(self.answer_ms.unwrap_or(config.model.budget_ms.into()).into());
        base.seats = models.as_ref().map(|models| models.iter().map(|it| it.seat.clone()).collect());
        let made_until = models.iter().flatten().map(|it| (it.seat.spec.name.clone(), it.made_until)).collect();
        let label = models.iter().flatten().map(|it| it.seat.spec.id.as_str()).collect::<Vec<_>>().join(" ");
        let memory = models.map(memory);
        let make = memory.map(|memory| move |_: &Source| Ok(memory.answerer()) as backtest::Result<Box<dyn Answerer>>);
        let plan = Plan {
            source: &ground.source,
            base,
            dials,
            answerer: make.as_ref().map(|make| (label.as_str(), make as _)),
            made_until,
            threads: self.threads.or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZero::get),
            cuts: self.peek,
            what_if: self.what_if,
        };
        check(&plan)?;
        let trials = self.trials.clone().unwrap_or_else(|| ledger_beside(self.out.as_deref()));
        let mut report = plan.run(&mut Ledger::open(&trials)?)?;
        report.notes.push(format!("Trials over this data are counted in {}.", trials.display()));
        Ok(report)
    }

    fn dials(&self) -> anyhow::Result<Vec<Dial>> {
        let mut dials: Vec<Dial> = self.set.iter().map(|text| Dial::parse(text)).collect::<Result<_, _>>()?;
        let short = [Dial::fees(&self.fee_ppm), Dial::latency(&self.latency_ms), Dial::size(&self.size_ppm)];
        dials.extend(short.into_iter().filter(|dial| !dial.stops.is_empty()));
        Ok(dials)
    }

    fn ground(&self, config: Option<&Config>) -> anyhow::Result<Ground> {
        let span = self.from.unwrap_or(Timestamp::EPOCH)..self.until.unwrap_or(Timestamp::MAX);
        if span.is_empty() {
            let text = format!("--from {} is not before --until {}", span.start, span.end);
            return Err(WrongArguments(text).into());
        }
        let settings = config.map(|config| config.engine.clone());
        if self.candles.is_empty() {
            let journal = JournalDays::open(&self.dir(config), span)?;
            let survey = journal.survey()?;
            return Ok(Ground {
                source: Source::Journal(journal),
                settings: settings.unwrap_or(survey.settings),
                instruments: survey.instruments,
                timeframe: None,
            });
        }
        let files = self.candles.iter().map(|text| CandleFile::parse(text)).collect::<Result<Vec<_>, _>>()?;
        let source = candles(&files, &span, Invented { spread_cbps: self.spread_cbps, ..Invented::default() })?;
        let Source::Candles(markets) = &source else { unreachable!("candle files make candles") };
        let instruments = markets.markets().iter().map(|market| market.instrument.clone()).collect();
        let timeframe = source.timeframe();
        Ok(Ground { source, settings: settings.unwrap_or_default(), instruments, timeframe })
    }

    fn dir(&self, config: Option<&Config>) -> PathBuf {
        let told = || config.map_or_else(|| Config::default().store.data_dir, |config| config.store.data_dir.clone());
        self.data_dir.clone().unwrap_or_else(told)
    }

    /// Who answers; `None` for what was recorded.
    fn models(&self, config: &Config, ground: &Ground) -> anyhow::Result<Option<Vec<Installed>>> {
        let is_candles = ground.timeframe.is_some();
        let default = if is_candles || self.model.is_some() { Answers::Models } else { Answers::Recorded };
        match self.answers.unwrap_or(default) {
            _ if self.model.is_some() && self.answers.is_some_and(|answers| answers != Answers::Models) => {
                Err(WrongArguments("--model needs --answers models".to_owned()).into())
            }
            Answers::Recorded if is_candles => Err(WrongArguments(
                "--answers recorded: candle files hold no answers; choose models or none".to_owned(),
            )
            .into()),
            Answers::Recorded => Ok(None),
            Answers::None => Ok(Some(Vec::new())),
            Answers::Models => {
                let meant = |wanted: &str| -> Vec<InstrumentId> {
                    let name = |it: &Instrument| format!("{}:{}", it.venue, it.symbol);
                    let is_meant = |it: &&Instrument| it.pair() == wanted || name(it) == wanted;
                    ground.instruments.iter().filter(is_meant).map(|it| it.id).collect()
                };
                let search = Search {
                    dir: &self.dir(Some(config)),
                    section: &config.model,
                    bundle: self.model.as_deref(),
                    trust: &self.trust,
                    instruments: &meant,
                };
                let found = search.find()?;
                let fits = |seat: &ModelSeat| ground.timeframe.is_none_or(|timeframe| seat.timeframe >= timeframe);
                // A box has models of several lengths of candles; where none fits the trial says what is wrong.
                let any = found.iter().any(|it| fits(&it.seat));
                Ok(Some(found.into_iter().filter(|it| !any || fits(&it.seat)).collect()))
            }
        }
    }
}

/// Variants are held against the rules of the configuration, as far as they were turned here.
fn check(plan: &Plan<'_>) -> anyhow::Result<()> {
    if plan.dials.is_empty() {
        return Ok(());
    }
    let turned: Vec<String> = plan
        .dials
        .iter()
        .flat_map(|dial| dial.stops.iter().flat_map(|stop| stop.puts.iter().map(|(path, _)| format!("engine.{path}"))))
        .collect();
    for trial in plan.variants()? {
        let wrong = Config::check_engine(&trial.settings).into_iter().find(|problem| {
            turned.iter().any(|path| problem.path.starts_with(path.as_str()) || path.starts_with(problem.path.as_str()))
        });
        if let Some(problem) = wrong {
            return Err(WrongArguments(format!("{}: {}", problem.path, problem.what)).into());
        }
    }
    Ok(())
}

/// What a run without variants is called.
fn name(settings: &EngineSettings, models: Option<&[Installed]>) -> String {
    let rule = serde_json::to_value(settings.signal.rule).ok();
    let rule = rule.as_ref().and_then(|rule| rule.as_str()).unwrap_or_default();
    let names: Vec<&str> = models.into_iter().flatten().map(|it| it.seat.spec.name.as_str()).collect();
    match (models, names.is_empty()) {
        (None, _) => format!("rule {rule}, answers as recorded"),
        (_, true) => format!("rule {rule}, without a model"),
        (_, false) => format!("rule {rule}, {}", names.join(", ")),
    }
}

fn memory(models: Vec<Installed>) -> std::sync::Arc<Memory> {
    let models: BTreeMap<String, Respondent> = models.into_iter().map(|it| (it.seat.spec.id, it.respondent)).collect();
    Memory::new(Box::new(move |question| {
        let respondent = models.get(&question.model)?;
        // A run that failed is an answer without horizons, as on the box.
        Some(respondent.told(question, respondent.ask(&question.window).ok().as_ref()))
    }))
}
