//! The machine, the program on it, and how long everything takes.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

/// Answer of `GET /api/v1/system`. What the machine does not tell is null, never an error.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct System {
    /// As of, by the box's clock.
    pub at_ms: i64,
    /// Version of the program.
    pub version: String,
    /// True on the built-in market.
    pub demo: bool,
    /// The machine.
    pub machine: Machine,
    /// The program.
    pub process: Process,
    /// The disk or card that the data folder lies on.
    pub disk: Disk,
    /// Whose clock is right.
    pub clock: ClockStanding,
    /// How long each part of the way of an event takes.
    pub stages: Vec<Stage>,
    /// What waits between the threads.
    pub queues: Vec<Queue>,
    /// The lamp, the buzzer and the button.
    pub panel: Panel,
}

/// The lamp, the buzzer and the button as they are just now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Panel {
    /// What the pins are reached by; `simulated` for none.
    pub board: String,
    /// Why the pins cannot be used, if they cannot.
    pub error: String,
    /// The level that is shown; it follows that of the box after a while.
    pub lamp: crate::Lamp,
    /// The light that is on this very moment.
    pub light: Option<crate::LampColour>,
    /// Whether the buzzer sounds.
    pub is_sounding: bool,
    /// Whether somebody has seen the level, so that it is not heard again.
    pub is_acknowledged: bool,
}

/// The machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Machine {
    /// Its name in the network.
    pub host: Option<String>,
    /// `Raspberry Pi 5 Model B Rev 1.0`; `PC` where no device tree names it.
    pub model: String,
    /// Architecture that the program was built for: `aarch64`, `x86_64`.
    pub architecture: String,
    /// Processors that the program may use.
    pub cpus: u32,
    /// How long it runs, seconds.
    pub uptime_s: Option<u64>,
    /// Programs that wanted a processor, on average over 1, 5 and 15 minutes.
    pub load: Option<[f64; 3]>,
    /// Temperature of the processor, degrees Celsius.
    pub cpu_celsius: Option<f64>,
    /// Whether it is slowed down or lacks power; null where it does not tell (only Raspberry Pis do).
    pub throttled: Option<Throttled>,
    /// Its memory, bytes.
    pub memory_bytes: Option<u64>,
    /// What programs can still get of it, bytes.
    pub memory_free_bytes: Option<u64>,
}

/// What a Raspberry Pi says about its power and heat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Throttled {
    /// The power supply is too weak now.
    pub under_voltage: bool,
    /// The processor's frequency is held down now.
    pub frequency_capped: bool,
    /// The processor is slowed down now.
    pub throttled: bool,
    /// The soft limit of the temperature is reached now.
    pub soft_temperature_limit: bool,
    /// The power supply was too weak since the machine started.
    pub under_voltage_seen: bool,
    /// The frequency was held down since then.
    pub frequency_capped_seen: bool,
    /// The processor was slowed down since then.
    pub throttled_seen: bool,
    /// The soft limit was reached since then.
    pub soft_temperature_limit_seen: bool,
}

/// The program.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// How long it runs, seconds.
    pub uptime_s: u64,
    /// Processors that it kept busy since somebody asked before (at least a second ago): 0.5 is half of one. Null at the first question.
    pub cpu: Option<f64>,
    /// Processor time that it has used, seconds.
    pub cpu_s: Option<f64>,
    /// Memory that it has in RAM, bytes.
    pub resident_bytes: Option<u64>,
    /// The most that it ever had there, bytes.
    pub resident_bytes_max: Option<u64>,
    /// Files and sockets that it has open.
    pub files_open: Option<u32>,
    /// Its threads by name, those of one name together.
    pub threads: Vec<ThreadUse>,
}

/// Threads of one name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ThreadUse {
    /// `engine`, `store`, `inference`, `tokio-rt-worker` and so on.
    pub name: String,
    /// How many.
    pub count: u32,
    /// Processor time that they have used, seconds.
    pub cpu_s: f64,
}

/// The disk or card that the data folder lies on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Disk {
    /// The data folder.
    pub folder: String,
    /// Size of the disk, bytes.
    pub bytes: Option<u64>,
    /// What is free on it for programs, bytes.
    pub free_bytes: Option<u64>,
    /// Room that the data folder takes, MB, as measured last.
    pub used_mb: u64,
    /// Room that it may take, MB.
    pub may_use_mb: u64,
}

/// Whose clock is right.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ClockStanding {
    /// Whether the box believes its clock: the system says so, or a venue within half a second.
    pub synchronised: bool,
    /// The clocks of the venues.
    pub venues: Vec<VenueClock>,
}

/// The clock of a venue.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct VenueClock {
    /// Short name of the venue.
    pub venue: String,
    /// Its time minus ours, milliseconds, as far as its messages show it: never above the true difference. Null before the first
    /// message with a time.
    pub ahead_ms: Option<f64>,
}

/// How long one part of the way takes, over the last minutes ([`STAGE_MINUTES`]).
///
/// | name | from | to |
/// |---|---|---|
/// | `receive` | a frame or an answer was read from the venue's connection | the engine takes an event of it out of its queue |
/// | `engine` | the engine takes an input | it has handled it |
/// | `effects` | it has handled it | what follows is handed over: journal block, questions, records |
/// | `published` | a venue's frame was read | browsers are given a message that knows it; the oldest frame of each message counts |
/// | `inference` | a model is given a question | it has answered |
/// | `commit` | a journal block is handed to the store | it survives a pulled plug |
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Stage {
    /// See the table.
    pub name: String,
    /// What it begins with, in words.
    pub from: String,
    /// What it ends with, in words.
    pub to: String,
    /// How often it was measured in that time.
    pub count: u64,
    /// Median, microseconds, within an eighth of the true one; null where nothing was measured.
    pub p50_us: Option<f64>,
    /// 99 of 100 were not longer, microseconds, within an eighth.
    pub p99_us: Option<f64>,
    /// The longest, microseconds, exact.
    pub max_us: Option<f64>,
}

/// Over how many minutes a [`Stage`] is told, the running one included.
pub const STAGE_MINUTES: usize = 5;

/// What waits between two threads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Queue {
    /// `engine`: inputs for the engine; `inference`: questions for models; `store`: batches for the card; `venue:kraken`: events of a
    /// venue for which the engine's queue has no room.
    pub name: String,
    /// What waits now.
    pub waiting: u64,
    /// The most that may wait.
    pub most: u64,
}
