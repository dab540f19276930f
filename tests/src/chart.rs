//! The chart of the market page, as tests and measurements use it.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::browser::Browser;

/// Minutes of a made market up to two hours ago, imported into `data` in the folder of a box that has not run yet.
///
/// # Panics
/// When they are not taken.
pub fn import_minutes(dir: &Path, minutes: i64) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    let end = now.as_secs() as i64 / 60 - 120;
    let mut text = String::from("time,open,high,low,close,volume\n");
    let (mut seed, mut price) = (7u64, 60_000.0f64);
    for minute in end - minutes..end {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let open = price;
        price *= 1.0 + ((seed >> 33) as f64 / f64::from(1u32 << 31) - 0.5) * 4e-4;
        let (high, low) = (open.max(price) + 3.0, open.min(price) - 3.0);
        let volume = (seed >> 60) as f64 / 10.0 + 0.1;
        writeln!(text, "{},{open:.1},{high:.1},{low:.1},{price:.1},{volume:.3}", minute * 60).expect("memory");
    }
    let file = dir.join("minutes.csv");
    std::fs::write(&file, text).expect("a file");
    let mut import = std::process::Command::new(crate::binary());
    import.args(["import", "--source", "kraken", "--symbol", "BTC/USD", "--timeframe", "1m", "--data-dir"]);
    let done = import.arg(dir.join("data")).arg(&file).output().expect("the program can be started");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// What the chart shows.
#[derive(Clone, Debug)]
pub struct Shown {
    /// First time, milliseconds UTC.
    pub left: i64,
    /// Last time.
    pub right: i64,
    /// Length of the candles that are drawn, `15m`.
    pub length: String,
    /// Candles that are drawn.
    pub candles: i64,
    /// Candles of the past that the page has.
    pub past: i64,
    /// Past forecasts that it has.
    pub forecasts: i64,
}

impl Shown {
    /// How much time, milliseconds.
    #[must_use]
    pub fn span(&self) -> i64 {
        self.right - self.left
    }
}

/// What the chart shows just now.
///
/// # Panics
/// When nothing is drawn.
pub async fn shown(browser: &Browser) -> Shown {
    let script = "return document.querySelector('[data-testid=candles]')?.dataset.shown ?? ''";
    let began = Instant::now();
    loop {
        let told = browser.script(script).await;
        let told: Vec<&str> = told.as_str().unwrap_or_default().split(' ').collect();
        if let [left, right, length, candles, past, forecasts] = told[..] {
            let number = |text: &str| text.parse().expect("a number");
            let [left, right, candles, past, forecasts] = [left, right, candles, past, forecasts].map(number);
            return Shown { left, right, length: length.to_owned(), candles, past, forecasts };
        }
        assert!(began.elapsed() < Duration::from_secs(60), "nothing is drawn");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What it shows once that `holds`.
///
/// # Panics
/// With what it shows instead.
pub async fn shown_when(browser: &Browser, what: &str, holds: impl Fn(&Shown) -> bool) -> Shown {
    let began = Instant::now();
    loop {
        let now = shown(browser).await;
        if holds(&now) {
            return now;
        }
        let Shown { left, right, length, candles, past, forecasts } = &now;
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "{what}: {left} to {right}, {candles} of {length}, {past} of the past, {forecasts} forecasts"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// `times` notches of the wheel over the middle of the chart; below zero they zoom in.
pub async fn wheel(browser: &Browser, times: i32) {
    let script = format!(
        "const c = document.querySelector('[data-testid=candles]'), r = c.getBoundingClientRect();\
         for (let n = 0; n < {}; n++) c.dispatchEvent(new WheelEvent('wheel', {{ deltaY: {}, cancelable: true,\
           clientX: r.x + r.width / 2, clientY: r.y + r.height / 3 }}))",
        times.abs(),
        100 * times.signum()
    );
    browser.script(&script).await;
}

/// A key on the chart.
pub async fn key(browser: &Browser, key: &str) {
    let script = format!(
        "document.querySelector('[data-testid=candles]').dispatchEvent(new KeyboardEvent('keydown', {{ key: '{key}', cancelable: true }}))"
    );
    browser.script(&script).await;
}

/// Drags the chart by so many pixels.
pub async fn drag(browser: &Browser, pixels: i32) {
    let script = format!(
        "const c = document.querySelector('[data-testid=candles]'), r = c.getBoundingClientRect();\
         const go = (kind, x) => c.dispatchEvent(new PointerEvent(kind, {{ pointerId: 5, clientX: r.x + 400 + x, clientY: r.y + 80 }}));\
         go('pointerdown', 0); for (let n = 1; n <= 10; n++) go('pointermove', {pixels} * n / 10);\
         setTimeout(() => go('pointerup', {pixels}), 150)"
    );
    // A pointer that rests before it is lifted leaves the chart where it is.
    browser.script(&script).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
}
