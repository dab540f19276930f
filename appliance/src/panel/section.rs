//! The section `[panel]` of the configuration.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The lamp, the buzzer and the button. Pins are numbers of the processor ("BCM"); -1 where nothing is wired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PanelSection {
    /// What the pins are reached by: `auto` for what this board has, `rppal`, `gpiocdev`, or `simulated` for none: the lamp is only drawn
    /// on the system page.
    pub board: Board,
    /// The GPIO device of `gpiocdev`, such as `/dev/gpiochip0`; that of the 40-pin header where this is left out.
    pub chip: Option<PathBuf>,
    /// A lamp of one colour, which tells every level by its rhythm.
    pub lamp_pin: i8,
    /// The green lamp of three: all is well.
    pub green_pin: i8,
    /// The amber lamp: it goes on, but not all of it.
    pub amber_pin: i8,
    /// The red lamp: it does not go on.
    pub red_pin: i8,
    /// The buzzer; for `pwm` one of 12, 13, 18 and 19.
    pub buzzer_pin: i8,
    /// The buzzer's kind: `active` makes its tone by itself, `passive` needs a tone made by switching, `pwm` one that the board makes (rppal).
    pub buzzer: Buzzer,
    /// The button, which connects its pin to ground: pressed for a moment it silences the buzzer, for five seconds it shuts the box down.
    pub button_pin: i8,
    /// Whether lamps and buzzer are on while their pins are low.
    pub active_low: bool,
    /// A level is not heard again sooner than this, minutes.
    pub cool_down_min: u16,
    /// File that is made when the button asks for a shutdown; the service manager watches it. Nothing is shut down where this is left out.
    pub shutdown_file: Option<PathBuf>,
}

/// What the pins are reached by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Board {
    /// Nothing is wired.
    #[default]
    Simulated,
    /// What this board has.
    Auto,
    /// The registers of a Raspberry Pi.
    Rppal,
    /// The kernel's character device.
    Gpiocdev,
}

/// Kinds of buzzers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Buzzer {
    /// It has a tone of its own.
    #[default]
    Active,
    /// It makes the tone that it is switched with.
    Passive,
    /// As passive, switched by the board's PWM.
    Pwm,
}

impl Default for PanelSection {
    fn default() -> Self {
        Self {
            board: Board::default(),
            chip: None,
            lamp_pin: -1,
            green_pin: 17,
            amber_pin: 27,
            red_pin: 22,
            buzzer_pin: 18,
            buzzer: Buzzer::default(),
            button_pin: 23,
            active_low: false,
            cool_down_min: 10,
            shutdown_file: None,
        }
    }
}

impl PanelSection {
    /// The pins that are switched; the buzzer's is not one where the board's PWM has it.
    pub(super) fn outputs(&self) -> impl Iterator<Item = u8> + use<> {
        let buzzer = if self.buzzer == Buzzer::Pwm { -1 } else { self.buzzer_pin };
        let mut pins: Vec<u8> = [self.lamp_pin, self.green_pin, self.amber_pin, self.red_pin, buzzer]
            .into_iter()
            .filter_map(|pin| u8::try_from(pin).ok())
            .collect();
        pins.sort_unstable();
        pins.dedup();
        pins.into_iter()
    }

    pub(super) fn button(&self) -> Option<u8> {
        u8::try_from(self.button_pin).ok()
    }

    /// The PWM channel of the buzzer's pin (Raspberry Pi documentation, "GPIO": alternative functions).
    pub(super) fn pwm_channel(&self) -> Option<u8> {
        (self.buzzer == Buzzer::Pwm).then_some(u8::from(matches!(self.buzzer_pin, 13 | 19)))
    }
}
