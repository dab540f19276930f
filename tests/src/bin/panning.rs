//! `cargo xtask panning`: how smoothly the chart of ten thousand bars follows a drag.

#![allow(clippy::print_stdout, reason = "what it prints is its result")]

use std::time::Duration;

use clap::Parser;
use tickerbox_tests::browser::Browser;
use tickerbox_tests::chart::{import_minutes, key, shown, shown_when, wheel};
use tickerbox_tests::demo::Demo;

/// Least frames in a second.
const LEAST: f64 = 30.0;

/// Drags the market page's chart of at least ten thousand bars to and fro for four seconds in Chromium without a graphics card, and tells how many
/// frames it draws. It fails below 30 a second: have it alone on the machine.
#[derive(Parser)]
struct Args {}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Args {} = Args::parse();
    let Some(browser) = Browser::start(1440, 1000).await else { return Err("no browser".into()) };
    let dir = tempfile::tempdir()?;
    import_minutes(dir.path(), 30 * 1_440);
    let demo = Demo::start(&dir.path().join("data"), &["--seed", "3"]);
    browser.open(&format!("http://{}/market/kraken/btc-usd", demo.address())).await;
    shown_when(&browser, "the past is fetched", |now| now.past > 1_000).await;
    while shown(&browser).await.span() < 10_000 * 60_000 {
        wheel(&browser, 1).await;
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    key(&browser, "PageUp").await;
    let wide = shown_when(&browser, "ten thousand bars", |now| now.candles >= 10_000).await;
    assert_eq!(wide.length, "1m", "every bar is drawn");
    browser
        .script(
            "const c = document.querySelector('[data-testid=candles]'), r = c.getBoundingClientRect();\
             const go = (kind, x) => c.dispatchEvent(new PointerEvent(kind, { pointerId: 5, clientX: r.x + 400 + x, clientY: r.y + 80 }));\
             window.frames_at = []; let began = 0; go('pointerdown', 0);\
             const step = at => { began ||= at; window.frames_at.push(at); go('pointermove', 300 * Math.sin((at - began) / 400));\
               if (at - began < 4000) requestAnimationFrame(step); else { go('pointerup', 0); window.frames_done = true } };\
             requestAnimationFrame(step)",
        )
        .await;
    while browser.script("return window.frames_done === true").await != true {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let times = browser.script("return window.frames_at").await;
    let times: Vec<f64> = times.as_array().ok_or("no times")?.iter().filter_map(serde_json::Value::as_f64).collect();
    browser.close().await;
    let mut steps: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    steps.sort_by(f64::total_cmp);
    let (Some(first), Some(last), Some(slow)) = (times.first(), times.last(), steps.get(steps.len() * 95 / 100)) else {
        return Err("no frame was drawn".into());
    };
    let fps = 1e3 * steps.len() as f64 / (last - first);
    println!("{} bars: {fps:.1} frames/s, 95 of 100 within {slow:.1} ms", wide.candles);
    if fps < LEAST { Err(format!("fewer than {LEAST} frames/s").into()) } else { Ok(()) }
}
