//! Logs go to journald when the program runs as a systemd service, else to the terminal. The newest lines are kept in memory too.

mod ring;
mod secrets;

use std::io::IsTerminal;

use tracing_subscriber::filter::FilterExt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

pub(crate) use ring::{Ring, Wanted};
pub(crate) use secrets::without_secrets;

/// The newest lines. One for the process, as the log itself is.
static RING: Ring = Ring::new();

/// The newest lines: of `info` and graver, and whatever else the level lets through.
pub(crate) fn ring() -> &'static Ring {
    &RING
}

/// Where the program was started from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Destination {
    /// The system's journal.
    Journal,
    /// Standard error.
    Terminal,
}

/// Starts logging at `level` (`info`, or directives such as `tickerbox=debug,warn`). Call once, from `main`.
///
/// # Errors
/// When `level` is not a filter.
pub(crate) fn start(level: &str, wanted: Destination) -> anyhow::Result<()> {
    let filter = |level: &str| -> anyhow::Result<EnvFilter> {
        let filter = EnvFilter::try_new(level).map_err(|error| anyhow::anyhow!("log level `{level}`: {error}"))?;
        // It warns about every model of opset 20; the bundle's probes tell whether a model runs right.
        Ok(filter.add_directive("tract_onnx=error".parse()?))
    };
    let kept = ring::Keep(&RING).with_filter(filter(level)?.or(filter("info")?));
    let journal = match wanted {
        Destination::Journal => tracing_journald::layer().ok(),
        Destination::Terminal => None,
    };
    let terminal = journal.is_none().then(|| {
        fmt::layer().with_writer(std::io::stderr).with_target(false).with_ansi(std::io::stderr().is_terminal())
    });
    let shown = Layer::and_then(journal, terminal).with_filter(filter(level)?);
    tracing_subscriber::registry().with(kept).with(shown).try_init()?;
    Ok(())
}
