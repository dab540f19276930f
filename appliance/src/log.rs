//! Logs go to journald when the program runs as a systemd service, else to the terminal.

use std::io::IsTerminal;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, fmt};

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
    let filter = EnvFilter::try_new(level).map_err(|error| anyhow::anyhow!("log level `{level}`: {error}"))?;
    // It warns about every model of opset 20; the bundle's probes tell whether a model runs right.
    let filter = filter.add_directive("tract_onnx=error".parse()?);
    let journal = match wanted {
        Destination::Journal => tracing_journald::layer().ok(),
        Destination::Terminal => None,
    };
    let terminal = journal.is_none().then(|| {
        fmt::layer().with_writer(std::io::stderr).with_target(false).with_ansi(std::io::stderr().is_terminal())
    });
    tracing_subscriber::registry().with(filter).with(journal).with(terminal).try_init()?;
    Ok(())
}
