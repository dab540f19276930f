//! The thread that switches the lamp and the buzzer and reads the button.
//!
//! ```text
//! health (lamp level) --> lamp::Panel --> Board: pins
//! button's contact ----> lamp::Button --> mute, or the file that asks for a shutdown
//! ```
//!
//! Nothing waits for it, and it waits for nobody: it looks at what the monitor says five times a second.

mod board;
mod section;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use std::{fs, io};

use lamp::{Button, Level, Press, Rules};
use tokio::sync::watch;
use wire::LampColour;

use self::board::Board;
pub use self::section::{Board as PanelBoard, Buzzer, PanelSection};
use crate::web::Health;

/// How often the level is looked at.
const LEVEL_EVERY: Duration = Duration::from_millis(200);
/// How often the button is.
const BUTTON_EVERY: Duration = Duration::from_millis(15);
/// Pins that failed are tried again after this.
const RETRY_AFTER: Duration = Duration::from_secs(30);

/// The panel as others see it.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    told: Mutex<wire::api::Panel>,
    is_seen: AtomicBool,
    is_over: AtomicBool,
}

impl Shown {
    /// What it does.
    pub(crate) fn told(&self) -> wire::api::Panel {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// As a short press of the button.
    pub(crate) fn acknowledge(&self) {
        self.is_seen.store(true, Ordering::Relaxed);
    }

    fn tell(&self, change: impl FnOnce(&mut wire::api::Panel)) {
        change(&mut self.told.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// The panel that runs. Dropping it ends the thread and leaves all lamps dark.
#[derive(Debug)]
pub(crate) struct Running {
    shown: Arc<Shown>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shown.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

/// Starts the thread. `is_quiet` says whether nobody wants to hear anything just now.
pub(crate) fn start(
    section: PanelSection,
    shown: Arc<Shown>,
    health: watch::Receiver<Health>,
    is_quiet: impl Fn() -> bool + Send + 'static,
) -> io::Result<Running> {
    let seen = shown.clone();
    let thread = thread::Builder::new().name("panel".to_owned()).spawn(move || {
        let mut panel = Panel::new(section, seen.clone());
        let started = Instant::now();
        while !seen.is_over.load(Ordering::Relaxed) {
            let level = health.borrow().lamp;
            let next = panel.turn(started.elapsed(), level, is_quiet());
            wait(&mut panel, next);
        }
        panel.darken();
    })?;
    Ok(Running { shown, thread: Some(thread) })
}

/// Shows one level after the other on the pins of the settings, with its sound, for whoever wires them.
pub(crate) fn try_out(
    section: PanelSection,
    levels: &[Level],
    each: Duration,
    mut told: impl FnMut(Level) -> io::Result<()>,
) -> anyhow::Result<()> {
    let shown = Arc::<Shown>::default();
    let rules = Rules { rise: Duration::ZERO, fall: Duration::ZERO, cool_down: Duration::ZERO };
    let mut panel = Panel::with(section, shown.clone(), rules);
    for level in levels {
        told(*level)?;
        // From well on, so that each one is heard.
        panel.state = lamp::Panel::new(Duration::ZERO, Level::Healthy, rules);
        let started = Instant::now();
        while started.elapsed() < each {
            let next = panel.turn(started.elapsed(), *level, false);
            let error = shown.told().error;
            anyhow::ensure!(error.is_empty(), "{error}");
            wait(&mut panel, next);
        }
    }
    panel.darken();
    Ok(())
}

/// What has to happen until the next turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Next {
    wait: Duration,
    /// A tone that is made by switching a pin.
    buzz: Option<(u8, u16)>,
}

/// Waits, making a tone meanwhile if one has to be made.
fn wait(panel: &mut Panel, next: Next) {
    let Some((pin, hz)) = next.buzz else { return thread::park_timeout(next.wait) };
    let (end, half) = (Instant::now() + next.wait, Duration::from_secs(1) / (2 * u32::from(hz.max(1))));
    let mut is_on = true;
    while Instant::now() < end {
        panel.set(pin, is_on);
        is_on = !is_on;
        thread::sleep(half);
    }
    panel.set(pin, false);
}

struct Panel {
    section: PanelSection,
    board: Box<dyn Board>,
    shown: Arc<Shown>,
    state: lamp::Panel,
    button: Button,
    /// What the pins were set to last.
    lit: Option<Option<LampColour>>,
    sounding: Option<u16>,
    /// When pins that failed are opened again, and whether they have.
    retry_at: Option<Duration>,
}

impl Panel {
    fn new(section: PanelSection, shown: Arc<Shown>) -> Self {
        let cool_down = Duration::from_secs(60 * u64::from(section.cool_down_min));
        Self::with(section, shown, Rules { cool_down, ..Rules::default() })
    }

    fn with(section: PanelSection, shown: Arc<Shown>, rules: Rules) -> Self {
        let (board, error) = board::open(&section);
        let mut panel = Self::on(board, section, shown, rules);
        panel.opened(error);
        panel
    }

    fn on(board: Box<dyn Board>, section: PanelSection, shown: Arc<Shown>, rules: Rules) -> Self {
        Self {
            section,
            board,
            shown,
            state: lamp::Panel::new(Duration::ZERO, Level::Healthy, rules),
            button: Button::default(),
            lit: None,
            sounding: None,
            retry_at: None,
        }
    }

    fn opened(&mut self, error: Option<String>) {
        let name = self.board.name();
        match &error {
            Some(error) => tracing::error!("the lamp is only shown on the page, its pins cannot be used: {error}"),
            None => tracing::info!("the lamp is switched by: {name}"),
        }
        (self.lit, self.sounding) = (None, None);
        self.shown.tell(|told| {
            told.board = name;
            told.error = error.unwrap_or_default();
        });
    }

    /// One turn at `at` since the start: reads the button, sets the pins. Says what is next.
    fn turn(&mut self, at: Duration, level: Level, is_quiet: bool) -> Next {
        if self.retry_at.is_some_and(|retry_at| retry_at <= at) {
            self.retry_at = None;
            let (board, error) = board::open(&self.section);
            self.board = board;
            self.opened(error);
        }
        self.state.told(at, level);
        self.pressed(at);
        if self.shown.is_seen.swap(false, Ordering::Relaxed) {
            self.state.acknowledge();
        }
        let look = self.state.look(at, is_quiet);
        self.light(look.light);
        let is_switched = self.sound(look.tone_hz);
        self.shown.tell(|told| {
            (told.lamp, told.light) = (self.state.shown(), look.light);
            told.is_sounding = look.tone_hz.is_some();
            told.is_acknowledged = self.state.is_acknowledged();
        });
        if !self.shown.told().error.is_empty() && self.section.board != PanelBoard::Simulated {
            self.retry_at.get_or_insert(at + RETRY_AFTER);
        }
        let often = if self.section.button().is_some() && self.section.board != PanelBoard::Simulated {
            BUTTON_EVERY
        } else {
            LEVEL_EVERY
        };
        let wait = look.until.map_or(often, |until| until.saturating_sub(at).min(often));
        let buzzer = u8::try_from(self.section.buzzer_pin).ok().filter(|_| is_switched);
        Next { wait: wait.max(Duration::from_millis(1)), buzz: buzzer.zip(look.tone_hz) }
    }

    fn pressed(&mut self, at: Duration) {
        let is_down = self.board.is_pressed();
        let is_down = self.judged(is_down).unwrap_or(false);
        match self.button.sampled(at, is_down) {
            None => {}
            Some(Press::Short) => {
                tracing::info!("the button was pressed");
                self.state.acknowledge();
            }
            Some(Press::Long) => match &self.section.shutdown_file {
                None => tracing::warn!("the button asks for a shutdown, but panel.shutdown_file names no file"),
                Some(path) => {
                    tracing::warn!("the button asks for a shutdown");
                    if let Err(error) = ask_for_shutdown(path) {
                        tracing::error!("cannot ask for a shutdown: {}: {error}", path.display());
                    }
                }
            },
        }
    }

    fn light(&mut self, light: Option<LampColour>) {
        if self.lit == Some(light) {
            return;
        }
        let section = &self.section;
        let pins = [
            (section.lamp_pin, light.is_some()),
            (section.green_pin, light == Some(LampColour::Green)),
            (section.amber_pin, light == Some(LampColour::Amber)),
            (section.red_pin, light == Some(LampColour::Red)),
        ];
        for (pin, is_on) in pins {
            if let Ok(pin) = u8::try_from(pin) {
                self.set(pin, is_on);
            }
        }
        self.lit = Some(light);
    }

    /// Sets the buzzer. True when its tone has to be made by switching.
    fn sound(&mut self, tone_hz: Option<u16>) -> bool {
        let has_changed = self.sounding != tone_hz;
        self.sounding = tone_hz;
        match self.section.buzzer {
            Buzzer::Passive => return true,
            Buzzer::Active if has_changed => {
                if let Ok(pin) = u8::try_from(self.section.buzzer_pin) {
                    self.set(pin, tone_hz.is_some());
                }
            }
            Buzzer::Pwm if has_changed => {
                let made = self.board.tone(tone_hz);
                if self.judged(made) == Some(false) {
                    let text = format!("{} has no PWM for the buzzer", self.board.name());
                    self.shown.tell(|told| told.error = text);
                }
            }
            Buzzer::Active | Buzzer::Pwm => {}
        }
        false
    }

    fn set(&mut self, pin: u8, is_on: bool) {
        let set = self.board.set(pin, is_on);
        self.judged(set);
    }

    /// What went well; an error is told and tried again later.
    fn judged<T>(&mut self, result: io::Result<T>) -> Option<T> {
        result.map_err(|error| self.shown.tell(|told| told.error = format!("{}: {error}", told.board))).ok()
    }

    fn darken(&mut self) {
        self.light(None);
        self.sound(None);
    }
}

/// The service manager sees the file and ends everything in order.
fn ask_for_shutdown(path: &Path) -> io::Result<()> {
    fs::write(path, "")
}
