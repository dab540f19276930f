//! `cargo xtask untold`: what of the dashboard cannot be told in another language yet.

#![allow(clippy::print_stdout, reason = "what it prints is its result")]

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use tickerbox_tests::browser::Browser;
use tickerbox_tests::demo::Demo;
use tickerbox_tests::pages::walk;
use words::Words;

/// Walks all pages of the dashboard, and prints the texts that a word list does not have, ready to be filled in. What the box was asked to keep in English (the
/// help of settings, its log) is left out, and names are not: models, settings and machines are called the same everywhere.
#[derive(Parser)]
struct Args {
    /// The word list, as frontend/web/words/de.txt.
    list: PathBuf,
    /// A box that runs, as `127.0.0.1:8080`, instead of one of its own.
    #[arg(long, value_name = "ADDR:PORT")]
    of: Option<SocketAddr>,
    /// How long the built-in market runs before, seconds; a second of it is half a minute.
    #[arg(long, value_name = "S", default_value_t = 60)]
    warm_up: u64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args = Args::parse();
    let words = Words::read(&std::fs::read_to_string(&args.list)?)?;
    let data = tempfile::tempdir()?;
    let demo = args.of.is_none().then(|| Demo::start(data.path(), &["--seed", "3", "--speed", "30", "--log", "error"]));
    let address = args.of.or_else(|| demo.as_ref().map(Demo::address)).ok_or("no box")?;
    if demo.is_some() {
        tokio::time::sleep(Duration::from_secs(args.warm_up)).await;
    }
    let Some(browser) = Browser::start(1440, 1000).await else { return Err("no browser".into()) };
    let texts = walk(&browser, address).await;
    browser.close().await;
    let untold: BTreeSet<String> =
        texts.iter().filter(|text| !words.knows(text)).map(|text| words.template(text)).collect();
    for template in &untold {
        println!("{}\n  ", template.replace('\u{202f}', "~"));
    }
    println!("# {} of {} texts are told", texts.len() - untold.len(), texts.len());
    Ok(())
}
