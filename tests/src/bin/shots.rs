//! `cargo xtask shots DIR`: every page of the dashboard as a picture, wide and narrow, dark and light.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser;
use tickerbox_tests::browser::Browser;
use tickerbox_tests::demo::{Demo, get};
use tickerbox_tests::pages::{PAGES, SIZES, THEMES};

/// A page asks the box for what it shows and draws it.
const SETTLE: Duration = Duration::from_millis(1_500);

/// Takes a picture of every page of the dashboard, on the built-in market or of a box that runs.
#[derive(Parser)]
struct Args {
    /// Folder for the pictures; it is made where it lacks.
    dir: PathBuf,
    /// A box that runs, as `127.0.0.1:8080`, instead of one of its own.
    #[arg(long, value_name = "ADDR:PORT")]
    of: Option<SocketAddr>,
    /// Only these pages, by their names: home, market, forecasts.
    #[arg(long, value_delimiter = ',')]
    pages: Vec<String>,
    /// How long the built-in market runs before, seconds; a second of it is half a minute.
    #[arg(long, value_name = "S", default_value_t = 90)]
    warm_up: u64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args = Args::parse();
    std::fs::create_dir_all(&args.dir)?;
    let data = tempfile::tempdir()?;
    let demo = args.of.is_none().then(|| Demo::start(data.path(), &["--seed", "3", "--speed", "30", "--log", "error"]));
    let address = args.of.or_else(|| demo.as_ref().map(Demo::address)).ok_or("no box")?;
    if demo.is_some() {
        tokio::time::sleep(Duration::from_secs(args.warm_up)).await;
    }
    let order = newest_order(address);
    let mut pages: Vec<(String, &str)> = PAGES.iter().map(|(path, name)| ((*path).to_owned(), *name)).collect();
    pages.extend(order.map(|id| (format!("/trading?order={id}"), "why")));
    pages.retain(|(_, name)| args.pages.is_empty() || args.pages.iter().any(|wanted| wanted == name));
    for (width, height) in SIZES {
        let Some(browser) = Browser::start(width, height).await else { return Err("no browser".into()) };
        for theme in THEMES {
            for (path, name) in &pages {
                let file = args.dir.join(format!("{name}-{width}-{theme}.png"));
                shoot(&browser, &format!("http://{address}{path}"), theme, &file).await;
            }
        }
        browser.assert_quiet().await;
        browser.close().await;
    }
    eprintln!("pictures in {}", args.dir.display());
    Ok(())
}

async fn shoot(browser: &Browser, url: &str, theme: &str, file: &Path) {
    browser.open(url).await;
    browser.script(&format!("localStorage.setItem('theme', '{theme}')")).await;
    browser.open(url).await;
    tokio::time::sleep(SETTLE).await;
    let overflow = browser.script("return document.documentElement.scrollWidth - window.innerWidth").await;
    if overflow.as_i64() > Some(0) {
        eprintln!("{}: scrolls sideways by {overflow} pixels", file.display());
    }
    std::fs::write(file, browser.whole_picture().await).expect("the folder is writable");
}

fn newest_order(address: SocketAddr) -> Option<String> {
    let (_, body) = get(address, "/api/v1/latest?limit=20");
    let told: serde_json::Value = serde_json::from_str(&body).ok()?;
    let orders = told["orders"].as_array()?;
    let filled = orders.iter().find(|order| order["price"].is_string()).or_else(|| orders.first())?;
    filled["id"].as_str().map(str::to_owned)
}
