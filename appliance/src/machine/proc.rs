//! Takes texts of `/proc` and `/sys` apart.

use wire::api::Throttled;

/// What `/proc/PID/stat` says of a process or a thread (`proc_pid_stat(5)`).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stat {
    /// Its name, at most 15 letters.
    pub(super) name: String,
    /// Processor time used for the program itself and by the kernel for it, clock ticks.
    pub(super) ticks: u64,
}

impl Stat {
    /// The name stands in brackets and may hold any letters, brackets and spaces too.
    pub(super) fn of(text: &str) -> Option<Self> {
        let (name, rest) = text.split_once('(')?.1.rsplit_once(')')?;
        // The third field is the first after the name; utime and stime are fields 14 and 15.
        let mut fields = rest.split_ascii_whitespace().skip(14 - 3);
        let mut ticks = || fields.next()?.parse::<u64>().ok();
        Some(Self { name: name.to_owned(), ticks: ticks()?.checked_add(ticks()?)? })
    }
}

/// The value of a key of `/proc/meminfo` or `/proc/PID/status`, both of which count in units of 1 024 bytes.
pub(super) fn bytes(text: &str, key: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
    value.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1_024)
}

/// The first number of `/proc/uptime`, whole seconds.
pub(super) fn uptime_s(text: &str) -> Option<u64> {
    text.split_ascii_whitespace().next()?.split('.').next()?.parse().ok()
}

/// The first three numbers of `/proc/loadavg`.
pub(super) fn load(text: &str) -> Option<[f64; 3]> {
    let mut numbers =
        text.split_ascii_whitespace().map(|word| word.parse::<f64>().ok().filter(|load| load.is_finite()));
    Some([numbers.next()??, numbers.next()??, numbers.next()??])
}

/// A device tree ends its texts with a zero.
pub(super) fn model(text: &str) -> Option<String> {
    let name = text.trim_end_matches('\0').trim();
    (!name.is_empty()).then(|| name.to_owned())
}

/// Thousandths of a degree.
pub(super) fn celsius(text: &str) -> Option<f64> {
    text.trim().parse::<i32>().ok().map(|thousandths| f64::from(thousandths) / 1e3)
}

/// Whether a sensor is the processor's, by the name of its zone.
pub(super) fn is_of_cpu(kind: &str) -> bool {
    let kind = kind.trim();
    kind.starts_with("cpu") || kind.starts_with("soc") || kind == "x86_pkg_temp"
}

/// A hexadecimal number of flags, as `vcgencmd get_throttled` tells them (Raspberry Pi documentation, "vcgencmd").
pub(super) fn throttled(text: &str) -> Option<Throttled> {
    let text = text.trim();
    let flags = u32::from_str_radix(text.strip_prefix("0x").unwrap_or(text), 16).ok()?;
    let is_set = |bit: u32| flags >> bit & 1 == 1;
    Some(Throttled {
        under_voltage: is_set(0),
        frequency_capped: is_set(1),
        throttled: is_set(2),
        soft_temperature_limit: is_set(3),
        under_voltage_seen: is_set(16),
        frequency_capped_seen: is_set(17),
        throttled_seen: is_set(18),
        soft_temperature_limit_seen: is_set(19),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_known_whatever_its_name() {
        let stat = |name: &str| {
            format!("412 ({name}) S 1 412 412 0 -1 4194304 2671 0 13 0 1234 66 0 0 20 0 9 0 1017 1234567 9000 184467")
        };
        for name in ["engine", "tokio-rt-worker", "a) R 1 (b", ""] {
            assert_eq!(Stat::of(&stat(name)), Some(Stat { name: name.to_owned(), ticks: 1_300 }), "{name}");
        }
        for wrong in ["", "412", "412 (engine) S 1", "412 (engine) S 1 412 412 0 -1 1 1 0 13 0 x 66 0"] {
            assert_eq!(Stat::of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn memory_is_told_in_bytes() {
        let meminfo = "MemTotal:        3882420 kB\nMemFree:          123456 kB\nMemAvailable:    2048000 kB\n";
        assert_eq!(bytes(meminfo, "MemTotal"), Some(3_882_420 * 1_024));
        assert_eq!(bytes(meminfo, "MemAvailable"), Some(2_048_000 * 1_024));
        assert_eq!(bytes(meminfo, "Mem"), None, "not the beginning of another");
        assert_eq!(bytes("Name:\ttickerbox\nVmRSS:\t   61440 kB\nThreads:\t14\n", "VmRSS"), Some(60 << 20));
        assert_eq!(bytes("VmRSS:\tmuch kB\n", "VmRSS"), None);
        assert_eq!(bytes("VmRSS: 99999999999999999999 kB", "VmRSS"), None);
    }

    #[test]
    fn short_texts_are_read_and_odd_ones_are_nothing() {
        assert_eq!((uptime_s("35171.51 137006.66\n"), uptime_s("")), (Some(35_171), None));
        assert_eq!((load("0.20 1.18 12.16 3/602 23461\n"), load("0.2 0.1")), (Some([0.20, 1.18, 12.16]), None));
        assert_eq!(load("nan 0 0"), None);
        assert_eq!(model("Raspberry Pi 5 Model B Rev 1.0\0").as_deref(), Some("Raspberry Pi 5 Model B Rev 1.0"));
        assert_eq!(model("\0"), None);
        assert_eq!((celsius("48312\n"), celsius("-5000"), celsius("hot")), (Some(48.312), Some(-5.0), None));
    }

    #[test]
    fn flags_of_a_weak_power_supply() {
        let told = throttled("0x50005\n").unwrap();
        let expected = Throttled {
            under_voltage: true,
            throttled: true,
            under_voltage_seen: true,
            throttled_seen: true,
            ..Throttled::default()
        };
        assert_eq!(told, expected);
        assert_eq!(throttled("0"), Some(Throttled::default()));
        assert_eq!(throttled(""), None);
    }
}
