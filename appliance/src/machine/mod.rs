//! What the machine says about itself and this program. What it does not say is `None`: a machine without `/proc` is as good as any.
//!
//! Of `/proc` and `/sys` about ten short files are read; `proc` takes their texts apart. A crate that knows all of them (`procfs`,
//! `sysinfo`) would be many times the size of what is needed here.

mod proc;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use wire::api::{Machine, Process, ThreadUse, Throttled};

/// Longest text that is read of a file, bytes.
const FILE_BYTES_MAX: usize = 64 << 10;
/// Shares of less time than this would tell nothing.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Threads that are looked at.
const THREADS_MAX: usize = 512;

/// The machine as it is.
pub(crate) fn machine() -> Machine {
    let memory = |key: &str| proc::bytes(&text("/proc/meminfo")?, key);
    let cpus = std::thread::available_parallelism().map_or(1, |cpus| u32::try_from(cpus.get()).unwrap_or(u32::MAX));
    Machine {
        host: rustix::system::uname().nodename().to_str().ok().filter(|name| !name.is_empty()).map(str::to_owned),
        model: text("/proc/device-tree/model").and_then(|text| proc::model(&text)).unwrap_or_else(|| "PC".to_owned()),
        architecture: std::env::consts::ARCH.to_owned(),
        cpus,
        uptime_s: text("/proc/uptime").and_then(|text| proc::uptime_s(&text)),
        load: text("/proc/loadavg").and_then(|text| proc::load(&text)),
        cpu_celsius: cpu_celsius(Path::new("/sys/class/thermal")),
        throttled: throttled(),
        memory_bytes: memory("MemTotal"),
        memory_free_bytes: memory("MemAvailable"),
    }
}

/// This program; remembers what it had used when somebody asked before.
#[derive(Debug)]
pub(crate) struct Usage {
    started: Instant,
    looked: Mutex<Option<Looked>>,
}

#[derive(Clone, Copy, Debug)]
struct Looked {
    at: Instant,
    cpu_s: f64,
    share: Option<f64>,
}

impl Usage {
    /// Of a program that starts now.
    pub(crate) fn new() -> Self {
        Self { started: Instant::now(), looked: Mutex::new(None) }
    }

    /// The program as it is.
    pub(crate) fn process(&self) -> Process {
        let ticks = rustix::param::clock_ticks_per_second() as f64;
        let status = text("/proc/self/status");
        let memory = |key: &str| proc::bytes(status.as_deref()?, key);
        let cpu_s =
            text("/proc/self/stat").and_then(|text| proc::Stat::of(&text)).map(|stat| stat.ticks as f64 / ticks);
        Process {
            pid: std::process::id(),
            uptime_s: self.started.elapsed().as_secs(),
            cpu: cpu_s.and_then(|cpu_s| self.share(Instant::now(), cpu_s)),
            cpu_s,
            resident_bytes: memory("VmRSS"),
            resident_bytes_max: memory("VmHWM"),
            files_open: fs::read_dir("/proc/self/fd").ok().map(|files| files.count().saturating_sub(1) as u32),
            threads: threads(ticks),
        }
    }

    fn share(&self, now: Instant, cpu_s: f64) -> Option<f64> {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        let share = match *looked {
            None => None,
            Some(before) => {
                let passed = now.saturating_duration_since(before.at);
                if passed < LOOK_EVERY {
                    return before.share;
                }
                Some(((cpu_s - before.cpu_s) / passed.as_secs_f64()).max(0.0))
            }
        };
        *looked = Some(Looked { at: now, cpu_s, share });
        share
    }
}

/// By name, the busiest first.
fn threads(ticks: f64) -> Vec<ThreadUse> {
    let Ok(tasks) = fs::read_dir("/proc/self/task") else { return Vec::new() };
    let mut found: BTreeMap<String, ThreadUse> = BTreeMap::new();
    for task in tasks.flatten().take(THREADS_MAX) {
        // A thread may end meanwhile.
        let Some(stat) = read(&task.path().join("stat")).and_then(|text| proc::Stat::of(&text)) else { continue };
        let entry = found.entry(stat.name.clone()).or_default();
        entry.name = stat.name;
        entry.count += 1;
        entry.cpu_s += stat.ticks as f64 / ticks;
    }
    let mut threads: Vec<ThreadUse> = found.into_values().collect();
    threads.sort_by(|a, b| b.cpu_s.total_cmp(&a.cpu_s));
    threads
}

/// The hottest sensor of the processor; of a machine that names none so, the hottest of all.
fn cpu_celsius(folder: &Path) -> Option<f64> {
    let zones = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    let zones =
        zones.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("thermal_zone")));
    let sensors: Vec<(String, f64)> = zones
        .filter_map(|zone| {
            let celsius = proc::celsius(&read(&zone.join("temp"))?)?;
            Some((read(&zone.join("type")).unwrap_or_default(), celsius))
        })
        .collect();
    let hottest = |of_cpu: bool| {
        let chosen = sensors.iter().filter(|(kind, _)| !of_cpu || proc::is_of_cpu(kind)).map(|(_, celsius)| *celsius);
        chosen.max_by(f64::total_cmp)
    };
    hottest(true).or_else(|| hottest(false))
}

/// Raspberry Pi OS tells all of it; the kernels of others tell only of the power supply, by a sensor named `rpi_volt`.
fn throttled() -> Option<Throttled> {
    let all = text("/sys/devices/platform/soc/soc:firmware/get_throttled").and_then(|text| proc::throttled(&text));
    all.or_else(|| under_voltage(Path::new("/sys/class/hwmon")))
}

/// What the kernel's driver `raspberrypi-hwmon` tells (Linux, Documentation/hwmon/raspberrypi-hwmon.rst).
fn under_voltage(folder: &Path) -> Option<Throttled> {
    let sensors = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    let mut of_pi = sensors.filter(|path| read(&path.join("name")).is_some_and(|name| name.trim() == "rpi_volt"));
    let alarm = read(&of_pi.next()?.join("in0_lcrit_alarm"))?;
    Some(Throttled { under_voltage: alarm.trim() == "1", ..Throttled::default() })
}

/// Errors that the machine's ext4 file systems have counted since they were made.
pub(crate) fn disk_errors() -> u64 {
    errors_in(Path::new("/sys/fs/ext4"))
}

fn errors_in(folder: &Path) -> u64 {
    let Ok(file_systems) = fs::read_dir(folder) else { return 0 };
    let counts = file_systems.flatten().filter_map(|entry| read(&entry.path().join("errors_count")));
    counts.filter_map(|text| text.trim().parse::<u64>().ok()).sum()
}

fn text(path: &str) -> Option<String> {
    read(Path::new(path))
}

fn read(path: &Path) -> Option<String> {
    let mut bytes = fs::read(path).ok()?;
    bytes.truncate(FILE_BYTES_MAX);
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processors_own_sensor_counts_and_a_machine_without_any_has_none() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(cpu_celsius(dir.path()), None);
        assert_eq!(cpu_celsius(&dir.path().join("nothing")), None);
        for (zone, kind, temp) in [("thermal_zone0", "acpitz", "91000"), ("cooling_device0", "cpu", "99000")] {
            fs::create_dir(dir.path().join(zone)).unwrap();
            fs::write(dir.path().join(zone).join("type"), kind).unwrap();
            fs::write(dir.path().join(zone).join("temp"), temp).unwrap();
        }
        assert_eq!(cpu_celsius(dir.path()), Some(91.0), "no other is there");
        fs::create_dir(dir.path().join("thermal_zone1")).unwrap();
        fs::write(dir.path().join("thermal_zone1/type"), "cpu-thermal\n").unwrap();
        fs::write(dir.path().join("thermal_zone1/temp"), "48312\n").unwrap();
        assert_eq!(cpu_celsius(dir.path()), Some(48.312));
    }

    #[test]
    fn a_pi_without_its_makers_kernel_tells_of_its_power() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(under_voltage(&dir.path().join("nothing")), None);
        for (sensor, name, alarm) in [("hwmon0", "cpu_thermal", "1"), ("hwmon3", "rpi_volt", "1")] {
            assert_eq!(under_voltage(dir.path()), None, "no other is meant");
            fs::create_dir(dir.path().join(sensor)).unwrap();
            fs::write(dir.path().join(sensor).join("name"), format!("{name}\n")).unwrap();
            fs::write(dir.path().join(sensor).join("in0_lcrit_alarm"), format!("{alarm}\n")).unwrap();
        }
        assert!(under_voltage(dir.path()).is_some_and(|told| told.under_voltage));
        fs::write(dir.path().join("hwmon3/in0_lcrit_alarm"), "0\n").unwrap();
        assert!(under_voltage(dir.path()).is_some_and(|told| !told.under_voltage));
    }

    #[test]
    fn errors_of_all_file_systems_are_counted() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(errors_in(&dir.path().join("nothing")), 0);
        for (name, errors) in [("mmcblk0p2", Some("2\n")), ("sda1", Some("40\n")), ("features", None)] {
            fs::create_dir(dir.path().join(name)).unwrap();
            if let Some(errors) = errors {
                fs::write(dir.path().join(name).join("errors_count"), errors).unwrap();
            }
        }
        assert_eq!(errors_in(dir.path()), 42);
    }

    #[test]
    fn the_share_is_of_the_time_between_two_looks() {
        let usage = Usage::new();
        let start = Instant::now();
        let after = |ms: u64| start + Duration::from_millis(ms);
        assert_eq!(usage.share(after(0), 10.0), None);
        assert_eq!(usage.share(after(500), 10.4), None, "too soon");
        assert_eq!(usage.share(after(2_000), 11.0), Some(0.5));
        assert_eq!(usage.share(after(2_400), 12.0), Some(0.5), "too soon: the last one");
        assert_eq!(usage.share(after(4_000), 11.0), Some(0.0));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_very_program_is_seen() {
        let process = Usage::new().process();
        assert!(process.resident_bytes.is_some_and(|bytes| bytes > 1 << 20), "{process:?}");
        assert!(process.threads.iter().map(|threads| threads.count).sum::<u32>() >= 2, "{process:?}");
        let machine = machine();
        assert!(machine.cpus > 0 && machine.memory_free_bytes <= machine.memory_bytes, "{machine:?}");
    }
}
