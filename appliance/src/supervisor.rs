//! What is told to the service manager, by the protocol of `sd_notify(3)`: one datagram of `KEY=VALUE` lines to the socket that
//! `NOTIFY_SOCKET` names. Without a service manager nothing is told to nobody.
//!
//! ```text
//! start --> STATUS, WATCHDOG_USEC=10 min    reading a long journal has no beats
//! serve --> READY, WATCHDOG_USEC as given   from here on the engine's loop beats
//! stop  --> STOPPING
//! ```
//!
//! The same holds when the program takes its own place for a restart: the manager sees one service that was slow for a while.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;

/// How long a start may take until the manager thinks that the program hangs.
const START_MAX: Duration = Duration::from_mins(10);
/// Beats in the time after which the manager gives up: two may be lost.
const BEATS: u32 = 3;

/// The manager that started the program, if one did.
#[derive(Clone, Debug, Default)]
pub struct Supervisor {
    socket: Option<Arc<UnixDatagram>>,
    watchdog: Option<Duration>,
}

impl Supervisor {
    /// From the values of `NOTIFY_SOCKET` and `WATCHDOG_USEC`.
    ///
    /// # Errors
    /// When there is no such socket, or the second is no number of microseconds.
    pub fn new(socket: Option<&OsStr>, watchdog: Option<&OsStr>) -> anyhow::Result<Self> {
        let Some(path) = socket else { return Ok(Self::default()) };
        let socket = connect(path).with_context(|| format!("cannot reach NOTIFY_SOCKET {}", path.display()))?;
        let watchdog = watchdog.map(micros).transpose()?;
        Ok(Self { socket: Some(Arc::new(socket)), watchdog })
    }

    /// What its own place is taken with must not inherit what this one changed.
    pub(crate) fn starting(&self) {
        let allowance = self.watchdog.map(|_| format!("\nWATCHDOG_USEC={}", START_MAX.as_micros()));
        self.tell(&format!("STATUS=reading the journal{}", allowance.unwrap_or_default()));
    }

    /// The dashboard is served; from now on a [`Pulse`] has to beat.
    pub(crate) fn ready(&self, status: &str) {
        let watchdog = self.watchdog.map(|every| format!("\nWATCHDOG_USEC={}", every.as_micros()));
        self.tell(&format!("READY=1\nSTATUS={}{}", status.replace('\n', " "), watchdog.unwrap_or_default()));
    }

    /// The program ends.
    pub(crate) fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=writing what is open");
    }

    /// What the engine's loop beats with.
    pub(crate) fn pulse(&self) -> Pulse {
        Pulse { supervisor: self.clone(), last: None }
    }

    /// A manager that does not listen is no reason to stop; it ends us if it thinks so.
    fn tell(&self, text: &str) {
        if let Some(socket) = &self.socket
            && let Err(error) = socket.send(text.as_bytes())
        {
            tracing::warn!("cannot tell the service manager: {error}");
        }
    }
}

/// Proof of life from one loop. Whoever has it calls [`beat`](Self::beat) each time round.
#[derive(Debug)]
pub(crate) struct Pulse {
    supervisor: Supervisor,
    last: Option<Instant>,
}

impl Pulse {
    /// Beats when it is time again; costs a look at the clock otherwise.
    pub(crate) fn beat(&mut self) {
        let Some(watchdog) = self.supervisor.watchdog else { return };
        if self.last.is_none_or(|last| last.elapsed() >= watchdog / BEATS) {
            self.supervisor.tell("WATCHDOG=1");
            self.last = Some(Instant::now());
        }
    }
}

/// `@NAME` is an abstract address, anything else a path.
fn connect(path: &OsStr) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    match path.as_bytes() {
        #[cfg(target_os = "linux")]
        [b'@', name @ ..] => {
            use std::os::linux::net::SocketAddrExt;
            socket.connect_addr(&SocketAddr::from_abstract_name(name)?)?;
        }
        _ => socket.connect_addr(&SocketAddr::from_pathname(path)?)?,
    }
    // The engine waits for nobody.
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn micros(text: &OsStr) -> anyhow::Result<Duration> {
    let number = text.to_str().and_then(|text| text.parse::<u64>().ok()).filter(|micros| *micros > 0);
    let what = || format!("WATCHDOG_USEC is {}: must be a number of microseconds", OsString::from(text).display());
    Ok(Duration::from_micros(number.with_context(what)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(manager: &UnixDatagram) -> Vec<String> {
        manager.set_nonblocking(true).unwrap();
        let mut buffer = [0; 512];
        std::iter::from_fn(|| {
            manager.recv(&mut buffer).ok().map(|n| String::from_utf8_lossy(&buffer[..n]).into_owned())
        })
        .collect()
    }

    #[test]
    fn a_start_has_longer_than_a_beat_also_when_it_is_one_in_its_own_place() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        let supervisor = Supervisor::new(Some(path.as_os_str()), Some(OsStr::new("30000000"))).unwrap();
        supervisor.starting();
        supervisor.ready("at http://[::]:80\nor so");
        supervisor.stopping();
        assert_eq!(
            heard(&manager),
            [
                "STATUS=reading the journal\nWATCHDOG_USEC=600000000",
                "READY=1\nSTATUS=at http://[::]:80 or so\nWATCHDOG_USEC=30000000",
                "STOPPING=1\nSTATUS=writing what is open"
            ]
        );
    }

    #[test]
    fn beats_come_in_time_and_not_more_often() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        let mut pulse = Supervisor::new(Some(path.as_os_str()), Some(OsStr::new("3600000000"))).unwrap().pulse();
        (0..1_000).for_each(|_| pulse.beat());
        assert_eq!(heard(&manager), ["WATCHDOG=1"]);
        let mut pulse = Supervisor::new(Some(path.as_os_str()), Some(OsStr::new("1"))).unwrap().pulse();
        let mut beats = 0;
        while beats < 3 {
            pulse.beat();
            beats += heard(&manager).len();
        }
    }

    #[test]
    fn what_is_wrong_is_told() {
        assert!(Supervisor::new(None, Some(OsStr::new("nonsense"))).is_ok(), "no manager, no question");
        let error = |socket: &str, watchdog: &str| {
            format!("{:#}", Supervisor::new(Some(OsStr::new(socket)), Some(OsStr::new(watchdog))).unwrap_err())
        };
        assert!(error("/nowhere/notify", "1").starts_with("cannot reach NOTIFY_SOCKET /nowhere/notify"));
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let _manager = UnixDatagram::bind(&path).unwrap();
        assert!(error(path.to_str().unwrap(), "0").contains("must be a number of microseconds"));
    }
}
