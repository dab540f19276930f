use super::*;

/// Pins that remember what was done with them, and a button that somebody holds.
#[derive(Clone, Default)]
struct Bench(Arc<Mutex<Pins>>);

#[derive(Default)]
struct Pins {
    on: std::collections::BTreeMap<u8, bool>,
    is_pressed: bool,
    is_broken: bool,
    tones: Vec<Option<u16>>,
}

impl Board for Bench {
    fn name(&self) -> String {
        "bench".to_owned()
    }

    fn set(&mut self, pin: u8, is_on: bool) -> io::Result<()> {
        let mut pins = self.0.lock().unwrap();
        if pins.is_broken {
            return Err(io::Error::other("no such line"));
        }
        pins.on.insert(pin, is_on);
        Ok(())
    }

    fn is_pressed(&mut self) -> io::Result<bool> {
        Ok(self.0.lock().unwrap().is_pressed)
    }

    fn tone(&mut self, hz: Option<u16>) -> io::Result<bool> {
        self.0.lock().unwrap().tones.push(hz);
        Ok(true)
    }
}

struct Tried {
    bench: Bench,
    panel: Panel,
    at: Duration,
}

impl Tried {
    fn new(section: PanelSection) -> Self {
        let bench = Bench::default();
        let panel = Panel::on(Box::new(bench.clone()), section, Arc::default(), Rules::default());
        Self { bench, panel, at: Duration::ZERO }
    }

    /// Lets time pass turn by turn; gives all pins that were on at any time.
    fn pass(&mut self, seconds: u64, level: Level) -> std::collections::BTreeSet<u8> {
        let end = self.at + Duration::from_secs(seconds);
        let mut lit = std::collections::BTreeSet::new();
        while self.at < end {
            let next = self.panel.turn(self.at, level, false);
            lit.extend(self.bench.0.lock().unwrap().on.iter().filter(|(_, is_on)| **is_on).map(|(pin, _)| *pin));
            lit.extend(next.buzz.map(|(pin, _)| pin));
            self.at += next.wait;
        }
        lit
    }
}

fn wired() -> PanelSection {
    PanelSection { board: PanelBoard::Gpiocdev, lamp_pin: 5, ..PanelSection::default() }
}

#[test]
fn the_pins_tell_the_level_and_the_buzzer_is_heard_once() {
    let mut tried = Tried::new(wired());
    assert_eq!(tried.pass(5, Level::Healthy), [5, 17].into());
    // Green until it has held for three seconds; then red, heard.
    assert_eq!(tried.pass(2, Level::NoMarket), [5, 17].into());
    assert_eq!(tried.pass(5, Level::NoMarket), [5, 17, 18, 22].into());
    assert_eq!(tried.pass(20, Level::NoMarket), [5, 22].into());
    assert_eq!(tried.panel.shown.told().lamp, Level::NoMarket);
    tried.panel.darken();
    assert!(tried.bench.0.lock().unwrap().on.values().all(|is_on| !is_on));
}

#[test]
fn a_press_silences_and_a_long_one_asks_for_a_shutdown() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("shutdown");
    let mut tried = Tried::new(PanelSection { shutdown_file: Some(file.clone()), ..wired() });
    tried.pass(4, Level::Breaker);
    assert!(!tried.panel.shown.told().is_acknowledged);
    let hold = |tried: &mut Tried, is_pressed| tried.bench.0.lock().unwrap().is_pressed = is_pressed;
    hold(&mut tried, true);
    tried.pass(1, Level::Breaker);
    hold(&mut tried, false);
    assert!(!tried.pass(1, Level::Breaker).contains(&18));
    assert!(tried.panel.shown.told().is_acknowledged && !file.exists());
    hold(&mut tried, true);
    tried.pass(6, Level::Breaker);
    assert!(file.exists());
}

#[test]
fn the_page_silences_as_the_button_does() {
    let mut tried = Tried::new(wired());
    tried.pass(4, Level::NeedsYou);
    tried.panel.shown.acknowledge();
    tried.pass(1, Level::NeedsYou);
    assert!(tried.panel.shown.told().is_acknowledged);
}

#[test]
fn each_kind_of_buzzer_gets_what_it_needs() {
    let chime = |buzzer| {
        let mut tried = Tried::new(PanelSection { buzzer, ..wired() });
        let lit = tried.pass(5, Level::NoMarket);
        let pins = tried.bench.0.lock().unwrap();
        (lit.contains(&18), pins.on.contains_key(&18), pins.tones.clone())
    };
    assert_eq!(chime(Buzzer::Active), (true, true, vec![]));
    assert_eq!(chime(Buzzer::Passive), (true, false, vec![]), "switched by who waits, not set");
    assert_eq!(chime(Buzzer::Pwm), (false, false, vec![Some(660), None, Some(660), None]));
}

#[test]
fn pins_that_fail_are_told_and_tried_again() {
    let mut tried = Tried::new(PanelSection { chip: Some("/dev/null".into()), ..wired() });
    tried.pass(1, Level::Healthy);
    assert_eq!(tried.panel.shown.told().error, "");
    tried.bench.0.lock().unwrap().is_broken = true;
    tried.pass(5, Level::Breaker);
    assert!(tried.panel.shown.told().error.contains("no such line"));
    tried.pass(40, Level::Breaker);
    let told = tried.panel.shown.told();
    assert_eq!(told.board, "simulated", "what the settings name is opened anew, and is no GPIO device");
    assert!(told.error.contains("/dev/null"), "{told:?}");
    assert_eq!(told.lamp, Level::Breaker, "the page shows it nevertheless");
}
