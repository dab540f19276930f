//! The machine, the program on it, and what it says.

use wire::Lamp;
use wire::api::{LogLevel, LogLine, Logs, Machine, Panel, Queue, Stage, System};

use super::{Action, Block, Cell, Fact, Limit, Row, Said, Section, Sends, fact, or_dash, percent, plain, size};
use crate::calendar::Zone;
use crate::format::{self, THIN_SPACE};
use crate::sentence::Tone;

/// The machine.
#[must_use]
pub fn machine(told: &System) -> Section {
    let Machine { host, model, architecture, cpus, uptime_s, load, cpu_celsius, .. } = &told.machine;
    let mut facts: Vec<Fact> = vec![
        plain("Machine", model, ""),
        plain("Name", host.as_deref().unwrap_or("–"), "In the network"),
        plain("Processors", &format!("{cpus} × {architecture}"), ""),
        plain("Runs since", &or_dash(uptime_s.map(format::uptime)), "The machine"),
        plain(
            "Load",
            &or_dash(load.map(|load| format::float(load[0], 2))),
            "Programs that wanted a processor, over a minute",
        ),
    ];
    facts.push(match cpu_celsius {
        None => plain("Temperature", "–", "This machine does not tell"),
        Some(warm) => {
            let tone = if *warm > 80.0 { Tone::Warning } else { Tone::Plain };
            let text = format!("{}{THIN_SPACE}°C", format::float(*warm, 0));
            fact("Temperature", Said::toned(&text, tone), "Of the processor; a Raspberry Pi slows down at 80")
        }
    });
    let section = Section::new("machine", "The machine").facts(facts);
    let Some(throttled) = told.machine.throttled else { return section };
    let now = [
        (throttled.under_voltage, "The power supply is too weak."),
        (throttled.throttled, "The processor is slowed down."),
        (throttled.frequency_capped, "Its frequency is held down."),
        (throttled.soft_temperature_limit, "The soft limit of its temperature is reached."),
    ];
    let told: Vec<&str> = now.into_iter().filter(|(is_so, _)| *is_so).map(|(_, text)| text).collect();
    match told.as_slice() {
        [] if throttled.under_voltage_seen => {
            section.tell("The power supply was too weak since the start.", Tone::Warning)
        }
        [] => section.tell("Power and heat are well.", Tone::Good),
        some => some.iter().fold(section, |section, text| section.tell(text, Tone::Warning)),
    }
}

/// The lamp, the buzzer and the button.
#[must_use]
pub fn panel(told: &System) -> Section {
    let Panel { board, error, lamp, is_sounding, is_acknowledged, .. } = &told.panel;
    let sound = match (is_sounding, is_acknowledged) {
        (_, true) => "Silenced",
        (true, _) => "Sounding",
        _ => "Silent",
    };
    let facts = vec![
        fact("Level", super::lamp::word(*lamp), "What the lamp shows; it follows the box after some seconds"),
        plain("Buzzer", sound, ""),
        plain("Pins", board, "What they are reached by"),
    ];
    let section = Section::new("panel", "The lamp").facts(facts);
    let section = if error.is_empty() { section } else { section.tell(error, Tone::Warning) };
    if *lamp <= Lamp::Paused || *is_acknowledged {
        return section;
    }
    section.with(Block::Actions(vec![Action {
        id: "lamp-silence",
        label: "Silence the buzzer",
        question: "Silence the buzzer?".into(),
        consequence: "It is not heard again until all was well, or until it gets worse.",
        method: "POST",
        path: "/api/v1/lamp/acknowledge".into(),
        asks: Vec::new(),
        sends: Sends::Address,
        done: "The buzzer is silent.",
    }]))
}

/// Memory and disk against what there is.
#[must_use]
pub fn room(told: &System) -> Section {
    let mut limits = Vec::new();
    let mut part = |name: &str, used: Option<u64>, all: Option<u64>| {
        if let (Some(used), Some(all)) = (used, all.filter(|all| *all > 0)) {
            limits.push(Limit {
                name: name.to_owned(),
                share: used as f64 / all as f64,
                text: format!("{} of {}", size(used), size(all)),
            });
        }
    };
    let machine = &told.machine;
    let taken = |all: Option<u64>, free: Option<u64>| all.zip(free).map(|(all, free)| all.saturating_sub(free));
    part("Memory of the machine", taken(machine.memory_bytes, machine.memory_free_bytes), machine.memory_bytes);
    part("Memory of the box", told.process.resident_bytes, machine.memory_bytes);
    part("Card", taken(told.disk.bytes, told.disk.free_bytes), told.disk.bytes);
    let mb = |mb: u64| mb.saturating_mul(1_000_000);
    part("Data of the box", Some(mb(told.disk.used_mb)), Some(mb(told.disk.may_use_mb)));
    if let Some(cpu) = told.process.cpu {
        let all = f64::from(told.machine.cpus.max(1));
        let text = format!("{} of {all} processors", format::float(cpu, 2));
        limits.push(Limit { name: "Processor time of the box".into(), share: cpu / all, text });
    }
    Section::new("room", "Room and work").with(Block::Limits(limits))
}

/// How long each part of an event's way takes.
#[must_use]
pub fn stages(told: &System) -> Section {
    let row = |stage: &Stage| {
        let took = |us: Option<f64>| or_dash(us.map(micros));
        Row::of(vec![
            Cell::from(stage.name.as_str()).hint(&format!("from: {}; to: {}", stage.from, stage.to)),
            format::count(stage.count).into(),
            took(stage.p50_us).into(),
            took(stage.p99_us).into(),
            took(stage.max_us).into(),
        ])
    };
    Section::new("stages", "How long it takes").wide().note("over the last minutes").table(
        "stages",
        &["Stage", "Measured", "Median", "99 of 100", "Longest"],
        told.stages.iter().map(row).collect(),
    )
}

/// A time in the unit that fits: `84 µs`, `1.2 ms`, `3.0 s`.
fn micros(us: f64) -> String {
    match us {
        short if short < 1e3 => format!("{}{THIN_SPACE}µs", format::float(short, 0)),
        middle if middle < 1e6 => format!("{}{THIN_SPACE}ms", format::float(middle / 1e3, 1)),
        long => format!("{}{THIN_SPACE}s", format::float(long / 1e6, 1)),
    }
}

/// What waits between the threads, and whose clock is right.
#[must_use]
pub fn queues(told: &System) -> Vec<Section> {
    let row = |queue: &Queue| {
        let share = queue.waiting as f64 / queue.most.max(1) as f64;
        let tone = if share > 0.5 { Tone::Warning } else { Tone::Plain };
        Row::of(vec![
            queue.name.as_str().into(),
            format::count(queue.waiting).into(),
            format::count(queue.most).into(),
            Said::toned(&percent(share, 1), tone).into(),
        ])
    };
    let queues = Section::new("queues", "What waits").english().table(
        "queues",
        &["Queue", "Waits", "At most", "Full"],
        told.queues.iter().map(row).collect(),
    );
    let clock = Section::new("clock-standing", "Clock");
    let clock = if told.clock.synchronised {
        clock.tell("The clock is believed.", Tone::Good)
    } else {
        clock.tell("The clock is not set yet: recording, not trading.", Tone::Warning)
    };
    let row = |venue: &wire::api::VenueClock| {
        let ahead = venue.ahead_ms.map(|ms| format!("{}{THIN_SPACE}ms", format::signed_float(ms, 1)));
        Row::of(vec![super::venue(&venue.venue).into(), or_dash(ahead).into()])
    };
    let rows = told.clock.venues.iter().map(row).collect();
    vec![queues, clock.table("clocks", &["Exchange", "Its clock less ours"], rows)]
}

/// The threads by the processor time they have used.
#[must_use]
pub fn threads(told: &System) -> Section {
    let row = |thread: &wire::api::ThreadUse| {
        Row::of(vec![
            thread.name.as_str().into(),
            thread.count.to_string().into(),
            format!("{}{THIN_SPACE}s", format::float(thread.cpu_s, 1)).into(),
        ])
    };
    let section = Section::new("threads", "Threads").wide().english();
    if told.process.threads.is_empty() {
        return section.say("This machine does not tell.");
    }
    section.table("threads", &["Thread", "How many", "Processor time"], told.process.threads.iter().map(row).collect())
}

/// What somebody else needs to help.
#[must_use]
pub fn support() -> Section {
    let row = Row::of(vec!["Support bundle".into(), "no passwords, tokens or accounts".into()]);
    let rows = vec![row.to("/api/v1/support".to_owned())];
    Section::new("support", "For who helps").table("support", &["File (a row downloads it)", "What is in it"], rows)
}

/// The newest lines of the log, the newest first.
#[must_use]
pub fn log(logs: &Logs, zone: Zone) -> Section {
    let section = Section::new("log", "Log").wide().english().note("newest first");
    if logs.lines.is_empty() {
        return section.say("No line.");
    }
    let row = |line: &LogLine| {
        let (word, tone) = match line.level {
            LogLevel::Error => ("error", Tone::Bad),
            LogLevel::Warn => ("warning", Tone::Warning),
            LogLevel::Info => ("info", Tone::Open),
            LogLevel::Debug | LogLevel::Trace => ("debug", Tone::Open),
        };
        Row::of(vec![
            zone.clock_seconds(line.at_ms).into(),
            Cell::from(Said::toned(word, tone)).chip(),
            Cell::from(line.text.as_str()).hint(&line.target),
        ])
    };
    section.table("log", &["When", "Level", "What"], logs.lines.iter().rev().map(row).collect())
}

#[cfg(test)]
mod tests {
    use wire::api::Throttled;

    use super::*;

    #[test]
    fn a_machine_that_tells_nothing_is_no_error() {
        let told = System::default();
        assert!(format!("{:?}", machine(&told)).contains("does not tell"));
        assert!(format!("{:?}", threads(&told)).contains("does not tell"));
        let Block::Limits(limits) = &room(&told).blocks[0] else { panic!("limits") };
        assert_eq!(limits.len(), 0);
    }

    #[test]
    fn a_weak_power_supply_is_told() {
        let throttled = Throttled { under_voltage: true, ..Throttled::default() };
        let machine = Machine { throttled: Some(throttled), cpu_celsius: Some(83.0), ..Machine::default() };
        let said = format!("{:?}", super::machine(&System { machine, ..System::default() }));
        assert!(said.contains("too weak") && said.contains("83") && said.contains("Warning"), "{said}");
    }

    #[test]
    fn times_are_told_in_the_unit_that_fits() {
        assert_eq!([84.0, 1_240.0, 3_000_000.0].map(micros), ["84\u{202f}µs", "1.2\u{202f}ms", "3.0\u{202f}s"]);
        let queue = Queue { name: "engine".into(), waiting: 60, most: 100 };
        let said = format!("{:?}", queues(&System { queues: vec![queue], ..System::default() }));
        assert!(said.contains("60.0") && said.contains("not set yet"), "{said}");
    }
}
