//! `cargo xtask crash`: is what was promised still there, whatever happens?

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "what it prints is its result")]

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use serde::Serialize;
use tickerbox_tests::crash::faults::{self, Tally};
use tickerbox_tests::crash::kills;

/// Kills the real program under load, and lives lives of the store on a disk that fails.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask crash", bin_name = "cargo xtask crash")]
struct Args {
    /// How often the program is killed.
    #[arg(long, value_name = "N", default_value_t = 100)]
    kills: u64,
    /// How many lives the store lives on a failing disk.
    #[arg(long, value_name = "N", default_value_t = 500)]
    lives: u64,
    /// Same seed, same moments and the same faults.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Where the program keeps its data; a new temporary folder without it.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// What `--json` prints. The keys are a contract.
#[derive(Serialize)]
struct Report {
    seed: u64,
    #[serde(flatten)]
    kills: kills::Report,
    disk: Disk,
}

#[derive(Serialize)]
struct Disk {
    lives: u64,
    promised_blocks: u64,
    power_cuts: u64,
    full: u64,
    unreadable: u64,
    lying_syncs: u64,
    flipped_bits: u64,
    found_damaged: u64,
    repaired_blocks: u64,
    fenced_blocks: u64,
    unpromised_blocks: u64,
    wrong: Vec<String>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let mut disk = Tally::default();
    let mut wrong = Vec::new();
    // Lives do not share numbers with those of the neighbouring seeds.
    for life in 0..args.lives {
        match faults::live(args.seed.wrapping_mul(1_000_003).wrapping_add(life)) {
            Ok(tally) => disk.add(&tally),
            Err(what) => wrong.push(what),
        }
    }
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let dir = args.data_dir.unwrap_or_else(|| scratch.path().to_owned());
    let kills = kills::run(&dir, args.kills, args.seed, |report| {
        if !args.json && report.kills.is_multiple_of(10) {
            eprint!("\r{} kills, {} fills", report.kills, report.fills);
            std::io::stderr().flush().ok();
        }
    });
    let kills = match kills {
        Ok(kills) => kills,
        Err(what) => {
            eprintln!("crash: seed {}: {what}", args.seed);
            return ExitCode::FAILURE;
        }
    };
    let is_good = kills.ledger_lost + kills.corrupt_blocks + kills.differs == 0
        && kills.lost_ms_max <= kills.lost_ms_allowed
        && wrong.is_empty();
    if args.json {
        let disk = Disk {
            lives: args.lives,
            promised_blocks: disk.blocks,
            power_cuts: disk.power_cuts,
            full: disk.full,
            unreadable: disk.unreadable,
            lying_syncs: disk.lies,
            flipped_bits: disk.flips,
            found_damaged: disk.found,
            repaired_blocks: disk.repaired,
            fenced_blocks: disk.fenced,
            unpromised_blocks: disk.unpromised,
            wrong,
        };
        let report = Report { seed: args.seed, kills, disk };
        println!("{}", serde_json::to_string(&report).expect("plain values"));
    } else {
        let kills::Report {
            kills,
            lost_ms_max,
            lost_ms_allowed,
            ledger_lost,
            corrupt_blocks,
            inputs,
            orders,
            fills,
            differs,
        } = kills;
        println!(
            "\r{kills} kills: at most {lost_ms_max} ms lost ({lost_ms_allowed} allowed), {ledger_lost} of {orders} orders and \
             {fills} fills lost, {corrupt_blocks} blocks damaged, {differs} effects of {inputs} inputs replay otherwise"
        );
        println!(
            "{} lives on a failing disk: {} blocks promised, {} power cuts, {} full disks, {} unreadable places, {} times \
             after syncs that lied; {} bits flipped, {} blocks brought back, {} fenced",
            args.lives,
            disk.blocks,
            disk.power_cuts,
            disk.full,
            disk.unreadable,
            disk.lies,
            disk.flips,
            disk.repaired,
            disk.fenced
        );
        for what in &wrong {
            println!("WRONG: {what}");
        }
    }
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
