//! Pins of a machine: one trait, and what is behind it.
//!
//! | board | what it needs |
//! |---|---|
//! | `rppal` | `/dev/gpiomem`, which the kernel of Raspberry Pi OS has |
//! | `gpiocdev` | the GPIO character device (`Documentation/userspace-api/gpio/chardev.rst`, version 2), which every kernel has |
//! | `simulated` | nothing: the lamp is only drawn on the system page |

use std::io;
use std::path::{Path, PathBuf};

use super::section::{Board as Wanted, PanelSection};

/// Pins that can be switched, by the numbers of the processor ("BCM").
pub(super) trait Board: Send {
    /// The name of the back end, for people.
    fn name(&self) -> String;

    /// Switches an output.
    fn set(&mut self, pin: u8, is_on: bool) -> io::Result<()>;

    /// Whether the button's contact is closed.
    fn is_pressed(&mut self) -> io::Result<bool>;

    /// Makes the machine's own tone generator sound, or end; false where there is none for the buzzer.
    fn tone(&mut self, hz: Option<u16>) -> io::Result<bool>;
}

/// The board that the settings ask for, and why it is not that one, if it is not.
pub(super) fn open(section: &PanelSection) -> (Box<dyn Board>, Option<String>) {
    let rppal = || Rppal::open(section).map(|board| Box::new(board) as Box<dyn Board>);
    let gpiocdev = || CharacterDevice::open(section).map(|board| Box::new(board) as Box<dyn Board>);
    let opened = match section.board {
        Wanted::Simulated => return (Box::new(Simulated), None),
        Wanted::Rppal => rppal(),
        Wanted::Gpiocdev => gpiocdev(),
        Wanted::Auto if ["/dev/gpiomem", "/dev/gpiomem0"].iter().any(|path| Path::new(path).exists()) => rppal(),
        Wanted::Auto => gpiocdev(),
    };
    opened.map_or_else(|error| (Box::new(Simulated) as Box<dyn Board>, Some(error)), |board| (board, None))
}

/// No pins.
struct Simulated;

impl Board for Simulated {
    fn name(&self) -> String {
        "simulated".to_owned()
    }

    fn set(&mut self, _: u8, _: bool) -> io::Result<()> {
        Ok(())
    }

    fn is_pressed(&mut self) -> io::Result<bool> {
        Ok(false)
    }

    fn tone(&mut self, _: Option<u16>) -> io::Result<bool> {
        Ok(true)
    }
}

/// The registers of a Raspberry Pi.
struct Rppal {
    model: String,
    outputs: Vec<rppal::gpio::OutputPin>,
    button: Option<rppal::gpio::InputPin>,
    pwm: Option<rppal::pwm::Pwm>,
    is_active_low: bool,
}

impl Rppal {
    fn open(section: &PanelSection) -> Result<Self, String> {
        let told = |error: &dyn std::fmt::Display| format!("rppal: {error}");
        let gpio = rppal::gpio::Gpio::new().map_err(|error| told(&error))?;
        let model = rppal::system::DeviceInfo::new().map_or_else(|_| "unknown".into(), |info| info.model().to_string());
        let mut outputs = Vec::new();
        for pin in section.outputs() {
            let pin = gpio.get(pin).map_err(|error| format!("rppal: pin {pin}: {error}"))?;
            outputs.push(if section.active_low { pin.into_output_high() } else { pin.into_output_low() });
        }
        let button = match section.button() {
            Some(pin) => Some(gpio.get(pin).map_err(|error| format!("rppal: pin {pin}: {error}"))?.into_input_pullup()),
            None => None,
        };
        let pwm = match section.pwm_channel() {
            None => None,
            Some(channel) => {
                let channel = if channel == 0 { rppal::pwm::Channel::Pwm0 } else { rppal::pwm::Channel::Pwm1 };
                Some(rppal::pwm::Pwm::new(channel).map_err(|error| told(&error))?)
            }
        };
        Ok(Self { model, outputs, button, pwm, is_active_low: section.active_low })
    }
}

impl Board for Rppal {
    fn name(&self) -> String {
        format!("rppal on {}", self.model)
    }

    fn set(&mut self, pin: u8, is_on: bool) -> io::Result<()> {
        if let Some(output) = self.outputs.iter_mut().find(|output| output.pin() == pin) {
            output.write((is_on != self.is_active_low).into());
        }
        Ok(())
    }

    fn is_pressed(&mut self) -> io::Result<bool> {
        Ok(self.button.as_ref().is_some_and(rppal::gpio::InputPin::is_low))
    }

    fn tone(&mut self, hz: Option<u16>) -> io::Result<bool> {
        let Some(pwm) = &self.pwm else { return Ok(false) };
        match hz {
            Some(hz) => pwm.set_frequency(hz.into(), 0.5).and_then(|()| pwm.enable()),
            None => pwm.disable(),
        }
        .map_err(io::Error::other)?;
        Ok(true)
    }
}

/// Lines of a GPIO character device.
struct CharacterDevice {
    chip: PathBuf,
    outputs: Option<gpiocdev::Request>,
    button: Option<gpiocdev::Request>,
}

impl CharacterDevice {
    fn open(section: &PanelSection) -> Result<Self, String> {
        let chip = match &section.chip {
            Some(chip) => chip.clone(),
            None => {
                header_chip().ok_or("no GPIO chip of a Raspberry Pi's header was found; panel.chip can name another")?
            }
        };
        let told = |error: gpiocdev::Error| format!("{}: {error}", chip.display());
        let pins: Vec<u32> = section.outputs().map(u32::from).collect();
        let outputs = if pins.is_empty() {
            None
        } else {
            let mut request = gpiocdev::Request::builder();
            request.on_chip(&chip).with_consumer("tickerbox").with_lines(&pins);
            request.as_output(gpiocdev::line::Value::Inactive);
            if section.active_low {
                request.as_active_low();
            }
            Some(request.request().map_err(told)?)
        };
        let button = match section.button() {
            None => None,
            Some(pin) => {
                let mut request = gpiocdev::Request::builder();
                request.on_chip(&chip).with_consumer("tickerbox").with_line(pin.into()).as_input();
                // The contact closes to ground.
                request.with_bias(gpiocdev::line::Bias::PullUp).as_active_low();
                Some(request.request().map_err(told)?)
            }
        };
        Ok(Self { chip, outputs, button })
    }
}

impl Board for CharacterDevice {
    fn name(&self) -> String {
        format!("gpiocdev on {}", self.chip.display())
    }

    fn set(&mut self, pin: u8, is_on: bool) -> io::Result<()> {
        let Some(request) = &self.outputs else { return Ok(()) };
        let value = if is_on { gpiocdev::line::Value::Active } else { gpiocdev::line::Value::Inactive };
        request.set_value(pin.into(), value).map(drop).map_err(io::Error::other)
    }

    fn is_pressed(&mut self) -> io::Result<bool> {
        let Some(request) = &self.button else { return Ok(false) };
        let value = request.lone_value().map_err(io::Error::other)?;
        Ok(value == gpiocdev::line::Value::Active)
    }

    fn tone(&mut self, _: Option<u16>) -> io::Result<bool> {
        Ok(false)
    }
}

/// The chip of the 40-pin header, by the name of its driver: its number differs between kernels.
fn header_chip() -> Option<PathBuf> {
    let chips = gpiocdev::chip::chips().ok()?;
    chips.into_iter().find(|path| {
        let info = gpiocdev::chip::Chip::from_path(path).and_then(|chip| chip.info());
        info.is_ok_and(|info| ["pinctrl-bcm2835", "pinctrl-bcm2711", "pinctrl-rp1"].contains(&info.label.as_str()))
    })
}
