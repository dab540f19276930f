//! `tickerbox news score`: what an engine says of texts, and how often it agrees with people.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use sentiment::measure::{Confusion, Interval, macro_f1_interval};
use sentiment::ollama::{Config, Job, State};
use sentiment::{Engine, Label, Lexicon, Opinion, Part, part_of};
use serde::Serialize;

use super::{WrongArguments, print_json};
use crate::clock::Clock;
use crate::sentiment::{Finbert, Rater, current};

/// Largest file that is read, bytes.
const FILE_BYTES_MAX: u64 = 256 << 20;
/// Draws of the interval of macro-F1, and their seed.
const DRAWS: usize = 2_000;
const SEED: u64 = 20_261_123;
/// How often it is looked whether a silent server is there at all.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Columns of the labelled headlines that the box is measured on.
const TEXT_COLUMN: &str = "news";
const LABEL_COLUMN: &str = "final_manual_labelling";

/// Scores the texts of a file; where people have labelled them, says how often the engine agrees.
///
/// The file is CSV (name ends in .csv, or a column is named) or holds one text a line. Labels are -1, 0, 1 or negative, neutral, positive.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The texts.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Who scores.
    #[arg(long, value_enum, default_value_t = EngineArg::Lexicon)]
    engine: EngineArg,
    /// Which texts: those that the lexicon was tuned on, those held out from it, or all. Decided by each text's own digest.
    #[arg(long, value_enum, default_value_t = PartArg::All)]
    part: PartArg,
    /// Column with the text [default: news, for CSV].
    #[arg(long, value_name = "NAME")]
    text_column: Option<String>,
    /// Column with the label that people gave [default: final_manual_labelling, where it is there].
    #[arg(long, value_name = "NAME")]
    label_column: Option<String>,
    /// At most the first N texts of the part.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Show each text's score too.
    #[arg(long)]
    each: bool,
    /// FinBERT: the data directory into which `download-model` brought it, or a folder with its files.
    #[arg(long, value_name = "DIR", required_if_eq("engine", "finbert"))]
    data_dir: Option<PathBuf>,
    /// Ollama: the server.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:11434")]
    url: String,
    /// Ollama: the model, as `ollama list` names it.
    #[arg(long, value_name = "NAME", default_value = "gemma3:1b")]
    model: String,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum EngineArg {
    Lexicon,
    Finbert,
    Ollama,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum PartArg {
    Tuning,
    HeldOut,
    All,
}

/// A text of the file.
#[derive(Debug, PartialEq)]
struct Item {
    text: String,
    given: Option<Label>,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Report {
    engine: Engine,
    /// Digest of word tables or model; none where the server never told.
    model: Option<String>,
    /// Version of rules or prompt.
    version: Option<String>,
    part: &'static str,
    texts: usize,
    scored: usize,
    /// Texts without an opinion, by reason.
    no_opinion: BTreeMap<String, usize>,
    ms_per_text: Latency,
    /// Against the labels of the file; none without any.
    agreement: Option<Agreement>,
    /// VADER as published over the same texts, for comparison.
    vader: Option<Agreement>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    each: Vec<Scored>,
}

#[derive(Debug, Default, Serialize)]
struct Latency {
    mean: f64,
    median: f64,
    p99: f64,
}

#[derive(Debug, Serialize)]
struct Agreement {
    texts: u64,
    /// `confusion[given][answered]`: negative, neutral, positive.
    confusion: [[u64; 3]; 3],
    /// Texts without an opinion, by the label given; they count as wrong.
    no_opinion: [u64; 3],
    accuracy: f64,
    /// Wilson, 95 %.
    accuracy_interval: Interval,
    macro_f1: f64,
    /// Bootstrap over texts, 95 %.
    macro_f1_interval: Interval,
    labels: BTreeMap<&'static str, PerLabel>,
}

#[derive(Debug, Serialize)]
struct PerLabel {
    precision: Option<f64>,
    recall: Option<f64>,
    f1: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Scored {
    text: String,
    given: Option<Label>,
    opinion: Opinion,
}

/// Opinions in the order of the texts, with the time that each took, and what they are filed under.
struct Run {
    opinions: Vec<Opinion>,
    took: Vec<Duration>,
    model: Option<String>,
    version: Option<String>,
}

impl Args {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let mut items = self.items()?;
        items.retain(|item| match self.part {
            PartArg::All => true,
            PartArg::Tuning => part_of(&item.text) == Part::Tuning,
            PartArg::HeldOut => part_of(&item.text) == Part::HeldOut,
        });
        items.truncate(self.limit.unwrap_or(usize::MAX));
        if items.is_empty() {
            bail!(WrongArguments(format!("{}: no text to score", self.file.display())));
        }
        let run = match self.engine {
            EngineArg::Lexicon => by_lexicon(&items),
            EngineArg::Finbert => self.by_finbert(&items)?,
            EngineArg::Ollama => super::runtime()?.block_on(self.by_ollama(&items))?,
        };
        let report = self.report(items, run);
        if self.json {
            print_json(&report)?;
        } else {
            print(&report)?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn items(&self) -> anyhow::Result<Vec<Item>> {
        let name = self.file.display();
        let file = std::fs::File::open(&self.file).with_context(|| name.to_string())?;
        let mut bytes = Vec::new();
        file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).with_context(|| name.to_string())?;
        if bytes.len() as u64 > FILE_BYTES_MAX {
            bail!(WrongArguments(format!("{name}: larger than {FILE_BYTES_MAX} bytes")));
        }
        let is_csv = self.file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"))
            || self.text_column.is_some()
            || self.label_column.is_some();
        let items = if is_csv {
            rows(&bytes, self.text_column.as_deref(), self.label_column.as_deref())
        } else {
            lines(&bytes)
        };
        items.map_err(|reason| WrongArguments(format!("{name}: {reason}")).into())
    }

    fn by_finbert(&self, items: &[Item]) -> anyhow::Result<Run> {
        let folder = self.data_dir.as_deref().unwrap_or(Path::new("."));
        let folder = current(folder)?.unwrap_or_else(|| folder.to_owned());
        let finbert = Finbert::open(&folder)?;
        let (opinions, took) = timed(items, |text| finbert.score(text));
        let version = finbert.identity("").version;
        Ok(Run { opinions, took, model: Some(finbert.digest().to_owned()), version: Some(version) })
    }

    /// One text after the other, as the server works. Ends with an error where there is no server or no model.
    async fn by_ollama(&self, items: &[Item]) -> anyhow::Result<Run> {
        let mut rater = Rater::start(&self.url, Config::new(&self.model), Clock::wall())?;
        let mut run = Run { opinions: Vec::new(), took: Vec::new(), model: None, version: None };
        for (id, item) in (0..).zip(items) {
            let began = Instant::now();
            let job = Job { id, text: item.text.clone(), priority: 0 };
            if rater.submit(job).is_err() {
                bail!("the task that asks {} has ended", self.url);
            }
            let rated = loop {
                tokio::select! {
                    rated = rater.rated.recv() => break rated,
                    () = tokio::time::sleep(LOOK_EVERY) => match rater.status().state {
                        State::Away(reason) => bail!("{}: no Ollama answers: {reason}", self.url),
                        State::NoModel => bail!("{}: no model {}; `ollama pull {}` fetches it", self.url, self.model, self.model),
                        State::Idle | State::Learning | State::Ready | State::Busy => {}
                    },
                }
            };
            let rated = rated.with_context(|| format!("the task that asks {} has ended", self.url))?;
            run.took.push(began.elapsed());
            run.opinions.push(rated.opinion);
            if let Some(identity) = rated.identity {
                (run.model, run.version) = (Some(identity.model), Some(identity.version));
            }
        }
        Ok(run)
    }

    fn report(&self, items: Vec<Item>, run: Run) -> Report {
        let mut no_opinion = BTreeMap::new();
        for opinion in &run.opinions {
            if let Opinion::NoOpinion(reason) = opinion {
                *no_opinion.entry(reason.to_string()).or_default() += 1;
            }
        }
        let answers = run.opinions.iter().map(|opinion| opinion.score().map(|score| score.label));
        let pairs: Vec<_> =
            items.iter().zip(answers).filter_map(|(item, answered)| Some((item.given?, answered))).collect();
        let vader: Vec<_> = if pairs.is_empty() {
            Vec::new()
        } else {
            let lexicon = Lexicon::new();
            items.iter().filter_map(|item| Some((item.given?, Some(lexicon.vader_label(&item.text))))).collect()
        };
        let scored = run.opinions.iter().filter(|opinion| opinion.score().is_some()).count();
        let texts = items.len();
        let is_each = self.each || pairs.is_empty();
        let each = items.into_iter().zip(run.opinions).take(if is_each { usize::MAX } else { 0 });
        Report {
            engine: match self.engine {
                EngineArg::Lexicon => Engine::Lexicon,
                EngineArg::Finbert => Engine::Finbert,
                EngineArg::Ollama => Engine::Ollama,
            },
            model: run.model,
            version: run.version,
            part: match self.part {
                PartArg::All => "all",
                PartArg::Tuning => "tuning",
                PartArg::HeldOut => "held-out",
            },
            texts,
            scored,
            no_opinion,
            ms_per_text: Latency::of(run.took),
            agreement: Agreement::of(&pairs),
            vader: Agreement::of(&vader),
            each: each.map(|(Item { text, given }, opinion)| Scored { text, given, opinion }).collect(),
        }
    }
}

fn by_lexicon(items: &[Item]) -> Run {
    let lexicon = Lexicon::new();
    let (opinions, took) = timed(items, |text| lexicon.score(text));
    let identity = lexicon.identity("");
    Run { opinions, took, model: Some(identity.model), version: Some(identity.version) }
}

fn timed(items: &[Item], score: impl Fn(&str) -> Opinion) -> (Vec<Opinion>, Vec<Duration>) {
    let timed = |item: &Item| {
        let began = Instant::now();
        let opinion = score(&item.text);
        (opinion, began.elapsed())
    };
    items.iter().map(timed).unzip()
}

fn told(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { pos: Some(at), expected_len, len } => {
            format!("line {}: {len} columns, and {expected_len} in the first", at.line())
        }
        _ => error.to_string(),
    }
}

/// The rows of a CSV file.
fn rows(bytes: &[u8], text: Option<&str>, label: Option<&str>) -> Result<Vec<Item>, String> {
    let mut reader = csv::ReaderBuilder::new().flexible(false).from_reader(bytes);
    let header = reader.headers().map_err(|error| error.to_string())?.clone();
    let find = |name: &str| header.iter().position(|column| column.trim_start_matches('\u{feff}').trim() == name);
    let named = header.iter().collect::<Vec<_>>().join(", ");
    let wanted = |name: &str| find(name).ok_or_else(|| format!("no column {name:?}; there are {named}"));
    let text_at = wanted(text.unwrap_or(TEXT_COLUMN))?;
    let label_at = match label {
        Some(label) => Some(wanted(label)?),
        None => find(LABEL_COLUMN),
    };
    let mut items = Vec::new();
    for row in reader.records() {
        let row = row.map_err(|error| told(&error))?;
        let line = row.position().map_or(0, csv::Position::line);
        let cell = |at: usize| row.get(at).unwrap_or_default();
        let given = match label_at.map(cell) {
            None => None,
            Some(given) if given.trim().is_empty() => None,
            Some(given) => Some(Label::parse(given).ok_or_else(|| {
                format!("line {line}: the label {given:?} is none of -1, 0, 1, negative, neutral, positive")
            })?),
        };
        items.push(Item { text: cell(text_at).to_owned(), given });
    }
    Ok(items)
}

/// One text a line; empty lines are left out.
fn lines(bytes: &[u8]) -> Result<Vec<Item>, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| format!("no UTF-8 text: {error}"))?;
    let lines = text.trim_start_matches('\u{feff}').lines().filter(|line| !line.trim().is_empty());
    Ok(lines.map(|line| Item { text: line.to_owned(), given: None }).collect())
}

impl Latency {
    fn of(mut took: Vec<Duration>) -> Self {
        took.sort_unstable();
        let ms = |duration: Duration| duration.as_secs_f64() * 1e3;
        let at = |share: f64| took.get(((share * took.len() as f64) as usize).min(took.len().saturating_sub(1)));
        let mean = ms(took.iter().sum::<Duration>()) / took.len().max(1) as f64;
        let [median, p99] = [0.5, 0.99].map(|share| at(share).copied().map_or(0.0, ms));
        Self { mean, median, p99 }
    }
}

impl Agreement {
    fn of(pairs: &[(Label, Option<Label>)]) -> Option<Self> {
        let confusion = Confusion::of(pairs);
        let per_label = |label: Label| PerLabel {
            precision: confusion.precision(label),
            recall: confusion.recall(label),
            f1: confusion.f1(label),
        };
        Some(Self {
            texts: confusion.texts(),
            accuracy: confusion.accuracy()?,
            accuracy_interval: confusion.accuracy_interval()?,
            macro_f1: confusion.macro_f1()?,
            macro_f1_interval: macro_f1_interval(pairs, DRAWS, SEED)?,
            labels: Label::ALL.iter().map(|label| (label.name(), per_label(*label))).collect(),
            confusion: confusion.counts,
            no_opinion: confusion.no_opinion,
        })
    }
}

fn print(report: &Report) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for Scored { text, given, opinion } in &report.each {
        let given = given.map_or(String::new(), |given| format!("  (people: {given})"));
        match opinion {
            Opinion::Scored(score) => writeln!(out, "{:+.2}  {:<8}{given}  {text}", score.value, score.label.name())?,
            Opinion::NoOpinion(reason) => writeln!(out, "  -    {reason}{given}  {text}")?,
        }
    }
    let Report { engine, part, texts, scored, ms_per_text, .. } = report;
    let model = report.model.as_deref().unwrap_or("unknown");
    writeln!(out, "{engine} {model}: {texts} texts ({part}), {scored} scored")?;
    for (reason, count) in &report.no_opinion {
        writeln!(out, "  {count} without an opinion: {reason}")?;
    }
    let Latency { mean, median, p99 } = ms_per_text;
    writeln!(out, "  a text takes {mean:.3} ms (median {median:.3}, 99 of 100 below {p99:.3})")?;
    let Some(agreement) = &report.agreement else { return Ok(()) };
    writeln!(out, "\n  {:<12}{:>10}{:>10}{:>10}{:>10}", "people \\ it", "negative", "neutral", "positive", "none")?;
    for label in Label::ALL {
        let [negative, neutral, positive] = agreement.confusion[label.index()];
        let none = agreement.no_opinion[label.index()];
        writeln!(out, "  {:<12}{negative:>10}{neutral:>10}{positive:>10}{none:>10}", label.name())?;
    }
    let share = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.3}"));
    writeln!(out, "\n  {:<12}{:>10}{:>10}{:>10}", "", "precision", "recall", "F1")?;
    for label in Label::ALL {
        let PerLabel { precision, recall, f1 } = &agreement.labels[label.name()];
        writeln!(out, "  {:<12}{:>10}{:>10}{:>10}", label.name(), share(*precision), share(*recall), share(*f1))?;
    }
    writeln!(out)?;
    for (name, found) in [("it", Some(agreement)), ("VADER", report.vader.as_ref())] {
        let Some(found) = found else { continue };
        let ((low, high), (f1_low, f1_high)) = (found.accuracy_interval, found.macro_f1_interval);
        let (accuracy, f1) = (found.accuracy, found.macro_f1);
        writeln!(
            out,
            "  {name:<6} accuracy {accuracy:.3} (95 % {low:.3} to {high:.3}), macro-F1 {f1:.3} (95 % {f1_low:.3} to {f1_high:.3})"
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(file: &Path) -> Args {
        Args {
            file: file.to_owned(),
            engine: EngineArg::Lexicon,
            part: PartArg::All,
            text_column: None,
            label_column: None,
            limit: None,
            each: false,
            data_dir: None,
            url: String::new(),
            model: String::new(),
            json: true,
        }
    }

    #[test]
    fn a_labelled_file_is_judged_and_divided() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("headlines.csv");
        let mut text = "id,date,news,final_manual_labelling\n".to_owned();
        for n in 0..200 {
            text += &format!("{n},2022-01-25,\"Exchange {n} hacked, funds stolen\",-1\n");
            text += &format!("{n},2022-01-25,Startup {n} raises $5 million in seed funding,1\n");
        }
        std::fs::write(&file, text).unwrap();
        let whole = args(&file);
        let items = whole.items().unwrap();
        assert_eq!(items.len(), 400);
        assert_eq!(items[0].text, "Exchange 0 hacked, funds stolen");
        let run = by_lexicon(&items);
        let report = whole.report(items, run);
        let agreement = report.agreement.unwrap();
        assert_eq!((agreement.texts, agreement.confusion[1], report.scored), (400, [0; 3], 400));
        assert!(agreement.accuracy > 0.95, "{:?}", agreement.confusion);
        assert!(report.each.is_empty() && report.ms_per_text.median > 0.0);
        let items = whole.items().unwrap();
        let tuning = items.iter().filter(|item| part_of(&item.text) == Part::Tuning).count();
        assert!((200..280).contains(&tuning), "{tuning} of 400");
    }

    #[test]
    fn files_that_cannot_be_read_say_where() {
        let check = |bytes: &[u8], text: Option<&str>, label: Option<&str>, reason: &str| {
            let found = rows(bytes, text, label).unwrap_err();
            assert!(found.contains(reason), "{found}");
        };
        check(b"a,b\n1,2\n", None, None, "no column \"news\"; there are a, b");
        check(b"a,b\n1,2\n", Some("a"), Some("c"), "no column \"c\"");
        check(b"a,b\nx,1\ny,good\n", Some("a"), Some("b"), "line 3: the label \"good\"");
        check(b"a,b\nx,1\ny\n", Some("a"), Some("b"), "line 3: 1 columns, and 2 in the first");
        check(b"a,b\n\xff,1\n", Some("a"), Some("b"), "UTF-8");
        assert!(lines(b"\xff").is_err());
        let items = rows(b"\xef\xbb\xbfnews,final_manual_labelling\nx,\n", None, None).unwrap();
        assert_eq!(items, [Item { text: "x".to_owned(), given: None }]);
        assert_eq!(lines("\u{feff}one\n\n two\r\n".as_bytes()).unwrap().len(), 2);
    }

    #[test]
    fn without_a_server_it_ends_with_an_error() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let args = Args { url, model: "gemma3:1b".to_owned(), ..args(Path::new("")) };
        let items = [Item { text: "Bitcoin falls".to_owned(), given: None }];
        let error = super::super::runtime().unwrap().block_on(args.by_ollama(&items)).err().unwrap();
        assert!(format!("{error:#}").contains("no Ollama answers"), "{error:#}");
    }
}
