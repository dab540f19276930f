//! `cargo xtask axe`: axe-core looks at every page of the dashboard, wide and narrow, dark and light.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use serde_json::Value;
use tickerbox_tests::browser::Browser;
use tickerbox_tests::demo::Demo;
use tickerbox_tests::pages::{PAGES, SIZES, THEMES};

/// A page asks the box for what it shows and draws it.
const SETTLE: Duration = Duration::from_millis(1_500);
/// Elements of a finding that are shown.
const SHOWN: usize = 4;
/// Findings of these weights are failures.
const FAILURES: [&str; 3] = ["critical", "serious", "moderate"];

/// Looks for barriers on every page of the dashboard, on the built-in market or of a box that runs. Minor findings are shown; all others are failures.
#[derive(Parser)]
struct Args {
    /// `axe.min.js` of axe-core.
    axe: PathBuf,
    /// A box that runs, as `127.0.0.1:8080`, instead of one of its own.
    #[arg(long, value_name = "ADDR:PORT")]
    of: Option<SocketAddr>,
    /// Only these pages, by their names: home, market, forecasts.
    #[arg(long, value_delimiter = ',')]
    pages: Vec<String>,
    /// How long the built-in market runs before, seconds; a second of it is half a minute.
    #[arg(long, value_name = "S", default_value_t = 60)]
    warm_up: u64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args = Args::parse();
    let axe = std::fs::read_to_string(&args.axe)?;
    let data = tempfile::tempdir()?;
    let demo = args.of.is_none().then(|| Demo::start(data.path(), &["--seed", "3", "--speed", "30", "--log", "error"]));
    let address = args.of.or_else(|| demo.as_ref().map(Demo::address)).ok_or("no box")?;
    if demo.is_some() {
        tokio::time::sleep(Duration::from_secs(args.warm_up)).await;
    }
    let mut looked = 0;
    // By finding: where it was, and at what.
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (width, height) in SIZES {
        let Some(browser) = Browser::start(width, height).await else { return Err("no browser".into()) };
        for theme in THEMES {
            for (path, name) in
                PAGES.iter().filter(|(_, name)| args.pages.is_empty() || args.pages.iter().any(|it| it == name))
            {
                let url = format!("http://{address}{path}");
                browser.open(&url).await;
                browser.script(&format!("localStorage.setItem('theme', '{theme}')")).await;
                browser.open(&url).await;
                tokio::time::sleep(SETTLE).await;
                browser.script(&axe).await;
                let run = "const done = arguments[arguments.length - 1]; axe.run(document, { resultTypes: ['violations'] })\
                    .then(told => done(told.violations), error => done(String(error)));";
                let told = browser.wait_for_script(run).await;
                for finding in told.as_array().ok_or_else(|| format!("{name}: {told}"))? {
                    let text = |key: &str| finding[key].as_str().unwrap_or_default().to_owned();
                    let key = format!("{} {}: {}", text("impact"), text("id"), text("help"));
                    let place = format!("{name} {width} {theme}: {}", elements(finding));
                    found.entry(key).or_default().push(place);
                }
                looked += 1;
            }
        }
        browser.close().await;
    }
    for (finding, places) in &found {
        eprintln!("{finding} ({} times)", places.len());
        places.iter().for_each(|place| eprintln!("    {place}"));
    }
    let failures = found.keys().filter(|finding| FAILURES.iter().any(|weight| finding.starts_with(weight))).count();
    eprintln!("{looked} pages looked at, {} kinds of findings, {failures} of them failures", found.len());
    if looked == 0 || failures > 0 { Err("the dashboard has barriers".into()) } else { Ok(()) }
}

fn elements(finding: &Value) -> String {
    let nodes = finding["nodes"].as_array().map(Vec::as_slice).unwrap_or_default();
    let one = |node: &Value| {
        let why = ["any", "all", "none"].iter().find_map(|kind| node[*kind][0]["message"].as_str());
        format!("{} ({})", node["target"][0].as_str().unwrap_or_default(), why.unwrap_or_default())
    };
    let shown: Vec<String> = nodes.iter().take(SHOWN).map(one).collect();
    let more = nodes.len().saturating_sub(SHOWN);
    if more > 0 { format!("{}; {more} more", shown.join("; ")) } else { shown.join("; ") }
}
