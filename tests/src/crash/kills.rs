//! Kills of the real program under load: `kill -9` at random moments, then everything on disk is read and compared with what
//! was there and what was told before.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::Value;
use store::{Reader, Span, State, days};
use types::Timestamp;

use crate::demo::{Demo, get};

/// How many times faster than real time the market runs: the load of a day in half an hour.
const SPEED: u32 = 60;
/// Trades as often as it can.
const CONFIG: &str =
    "[engine.signal]\nrule = \"reversion\"\nhold_max_min = 1\n[engine.risk]\norders_per_min_max = 600\n";
/// Longest life after the dashboard is up.
const LIFE_MAX: Duration = Duration::from_millis(2_500);
/// Every so many lives the program is killed while it starts.
const EARLY: u64 = 8;
/// Every so many kills every byte is read again, not only what is new.
const WHOLE: u64 = 50;

/// What was found. The keys are a contract.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// Kills.
    pub kills: u64,
    /// Most that was lost by one of them: from the last durable input to the kill, milliseconds of real time.
    pub lost_ms_max: u64,
    /// What may be lost: the configured interval between blocks.
    pub lost_ms_allowed: u64,
    /// Orders and fills that were kept or told once and are missing or changed.
    pub ledger_lost: u64,
    /// Blocks and files that cannot be read or do not hold.
    pub corrupt_blocks: u64,
    /// Inputs that are there at the end.
    pub inputs: u64,
    /// Orders and fills that are there at the end.
    pub orders: u64,
    /// See `orders`.
    pub fills: u64,
    /// Effects that a replay of everything makes otherwise than was recorded.
    pub differs: u64,
}

/// Starts and kills `tickerbox demo` on `dir`. `progress` hears the report so far after each kill.
///
/// # Errors
/// When the program does not start again, or the data cannot be compared.
pub fn run(dir: &Path, kills: u64, seed: u64, mut progress: impl FnMut(&Report)) -> Result<Report, String> {
    let mut report = Report { lost_ms_allowed: 2_000, ..Report::default() };
    let mut random = seed;
    let mut known = Known::default();
    let config = tempfile::NamedTempFile::new().map_err(|e| e.to_string())?;
    std::fs::write(config.path(), CONFIG).map_err(|e| e.to_string())?;
    let (seed, speed) = (seed.to_string(), SPEED.to_string());
    let path = config.path().to_str().ok_or("the temporary folder has an odd name")?;
    let arguments = ["--config", path, "--seed", &seed, "--speed", &speed, "--log", "error"];
    while report.kills < kills {
        let life = Duration::from_micros(draw(&mut random, LIFE_MAX.as_micros() as u64));
        let mut last = None;
        if draw(&mut random, EARLY) == 0 {
            killed_early(dir, &arguments, life / 8)?;
        } else {
            let demo = Demo::start(dir, &arguments);
            std::thread::sleep(life);
            known.told(&demo, &mut report)?;
            let asked = Instant::now();
            last = demo.health()["engine"]["at_ms"].as_i64().map(|at_ms| (asked, at_ms));
            std::thread::sleep(Duration::from_micros(draw(&mut random, 30_000)));
            demo.kill();
        }
        let killed = Instant::now();
        report.kills += 1;
        let Some(end) = known.read(dir, &mut report)? else { continue };
        if let Some((asked, at_ms)) = last {
            // Where the market's clock stood when it was killed.
            let virtual_ms = at_ms + (killed - asked).as_millis() as i64 * i64::from(SPEED);
            let lost_ms = (virtual_ms - end.as_millis()).max(0) / i64::from(SPEED);
            report.lost_ms_max = report.lost_ms_max.max(lost_ms as u64);
        }
        progress(&report);
    }
    if kills == 0 {
        return Ok(report);
    }
    // What the last life had told.
    let demo = Demo::start(dir, &arguments);
    known.told(&demo, &mut report)?;
    demo.kill();
    let replay = crate::tickerbox(&["replay".as_ref(), dir.as_os_str(), "--json".as_ref()]);
    let found: Value = serde_json::from_str(&replay.out).map_err(|e| format!("replay: {e}: {}", replay.err))?;
    report.differs = found["differs"].as_u64().unwrap_or(u64::MAX);
    report.inputs = found["inputs"].as_u64().unwrap_or(0);
    Ok(report)
}

fn killed_early(dir: &Path, arguments: &[&str], life: Duration) -> Result<(), String> {
    let mut child = Command::new(crate::binary())
        .args(["demo", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(dir)
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| format!("cannot start the program: {e}"))?;
    std::thread::sleep(life);
    child.kill().and_then(|()| child.wait()).map_err(|e| format!("cannot kill: {e}"))?;
    Ok(())
}

/// What has to be there for ever.
#[derive(Default)]
struct Known {
    /// By id, as the program told them.
    told: BTreeMap<String, Value>,
    /// By name and place, as they lie in the state file.
    ledger: BTreeMap<String, String>,
    /// Last input that was read, by day.
    read: BTreeMap<i32, u64>,
    /// The latest time of a durable input or state.
    end: Option<Timestamp>,
}

impl Known {
    /// Remembers the orders and fills that the running program tells; those that it told before must be among them.
    fn told(&mut self, demo: &Demo, report: &mut Report) -> Result<(), String> {
        let mut now = BTreeMap::new();
        for kind in ["orders", "fills"] {
            let (status, body) = get(demo.address(), &format!("/api/v1/{kind}?limit=10000"));
            let answer: Value = serde_json::from_str(&body).map_err(|e| format!("{kind}: {status}: {e}"))?;
            for row in answer["rows"].as_array().ok_or_else(|| format!("{kind}: {body}"))? {
                let mut row = row.clone();
                let id = if kind == "orders" { row["id"].to_string() } else { format!("{row}") };
                // An order that was open may have ended since.
                if let Some(row) = row.as_object_mut() {
                    row.remove("end");
                    row.remove("ended");
                }
                now.insert(format!("{kind} {id}"), row);
            }
        }
        report.ledger_lost += self.told.iter().filter(|(place, row)| now.get(*place) != Some(row)).count() as u64;
        let count = |kind: &str| now.keys().filter(|place| place.starts_with(kind)).count() as u64;
        (report.orders, report.fills) = (count("orders "), count("fills "));
        self.told = now;
        Ok(())
    }

    /// Reads what is on disk after a kill: counts what does not hold and what is missing, and gives the time of the last
    /// durable input.
    fn read(&mut self, dir: &Path, report: &mut Report) -> Result<Option<Timestamp>, String> {
        let Ok(files) = days(dir) else { return Ok(None) };
        let mut next_seq = None;
        for day in &files {
            let is_whole = report.kills.is_multiple_of(WHOLE);
            let from = if is_whole { 0 } else { self.read.get(&day.day).copied().unwrap_or(0) };
            let Ok(reader) = Reader::open_day(&day.path) else {
                report.corrupt_blocks += 1;
                continue;
            };
            if is_whole && reader.verify().is_err() {
                report.corrupt_blocks += 1;
            }
            for block in reader.blocks_after(from).map_err(|e| e.to_string())? {
                let Ok((header, inputs)) = block else {
                    report.corrupt_blocks += 1;
                    break;
                };
                if next_seq.is_some_and(|next| next != header.first_seq) || inputs.len() != header.inputs as usize {
                    report.corrupt_blocks += 1;
                }
                next_seq = Some(header.last_seq + 1);
                self.end = self.end.max(Some(header.last_at));
                self.read.insert(day.day, header.last_seq);
            }
            let checkpoint = reader.checkpoints().map_err(|e| e.to_string())?.last();
            let checkpoint = checkpoint.transpose().map_err(|e| e.to_string())?;
            self.end = self.end.max(checkpoint.map(|checkpoint| checkpoint.at));
        }
        let state = match State::open_read(dir) {
            Ok(state) => state,
            Err(store::StoreError::Missing { .. }) => return Ok(self.end),
            Err(_) => {
                report.corrupt_blocks += 1;
                return Ok(self.end);
            }
        };
        let now = ledger(&state).map_err(|e| e.to_string())?;
        for (place, row) in &self.ledger {
            report.ledger_lost += u64::from(now.get(place) != Some(row));
        }
        self.ledger = now;
        Ok(self.end)
    }
}

/// Every order and every fill, by its place.
fn ledger(state: &State) -> store::Result<BTreeMap<String, String>> {
    let all = Span::between(Timestamp::EPOCH, Timestamp::MAX, usize::MAX);
    let mut rows = BTreeMap::new();
    for order in state.orders(None, all)? {
        rows.insert(format!("order {}", order.id.0), format!("{order:?}"));
    }
    for (n, fill) in state.fills(None, all)?.into_iter().enumerate() {
        rows.insert(format!("fill {n}"), format!("{fill:?}"));
    }
    Ok(rows)
}

/// A number below `end` (SplitMix64).
fn draw(random: &mut u64, end: u64) -> u64 {
    *random = random.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *random;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (z ^ (z >> 31)) % end.max(1)
}
