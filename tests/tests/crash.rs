//! Safety of what is kept, in short; `cargo xtask crash` is the long form.

use tickerbox_tests::crash::faults::{Tally, live};
use tickerbox_tests::crash::kills;

const LIVES: u64 = 60;
const KILLS: u64 = 12;

#[test]
fn what_was_promised_survives_a_failing_disk() {
    let mut all = Tally::default();
    for seed in 0..LIVES {
        all.add(&live(seed).unwrap_or_else(|wrong| panic!("{wrong}")));
    }
    let met = [all.power_cuts, all.full, all.unreadable, all.lies, all.flips, all.found, all.repaired];
    assert!(met.iter().all(|count| *count > 0), "a fault that never came: {all:?}");
}

#[test]
fn a_killed_box_loses_no_order_and_at_most_a_block() {
    let dir = tempfile::tempdir().expect("a folder");
    let report = kills::run(dir.path(), KILLS, 7, |_| {}).unwrap_or_else(|wrong| panic!("{wrong}"));
    assert_eq!((report.ledger_lost, report.corrupt_blocks, report.differs), (0, 0, 0), "{report:?}");
    assert!(report.lost_ms_max <= report.lost_ms_allowed && report.inputs > 0, "{report:?}");
}
