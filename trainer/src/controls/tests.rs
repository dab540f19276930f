use bundle::Digest;
use engine::candle::Bar;
use types::Timestamp;

use super::*;
use crate::random::Random;
use crate::{import, run};

/// Minutes whose returns follow the one before by `memory`.
fn dataset(count: i64, memory: f64, drift: f64) -> Dataset {
    let mut random = Random::new(11, 1);
    let (mut close, mut last) = (100.0f64, 0.0f64);
    let bar = |minute: i64| {
        let noise: f64 = (0..4).map(|_| f64::from(random.uniform(-1.0, 1.0))).sum();
        last = memory * last + 3e-4 * noise;
        let open = close;
        close *= (last + drift).exp();
        let (high, low) = (open.max(close) * 1.000_01, open.min(close) / 1.000_01);
        Bar {
            open_time: Timestamp::from_secs((29_000_000 + minute) * 60),
            open,
            high,
            low,
            close,
            volume: 1.0 + noise.abs(),
        }
    };
    let bars: Vec<Bar> = (0..count).map(bar).collect();
    let features: Vec<String> = run::FEATURES.map(str::to_owned).into();
    let series =
        import::series("walk.csv".to_owned(), Digest::of(b"walk"), &bars, 1, &features).expect("known features");
    let fingerprint = engine::feature::fingerprint(&features).expect("known features");
    Dataset { features, fingerprint, series: vec![series] }
}

fn question() -> Question {
    Question { window: 8, horizons: vec![1, 5], folds: 2 }
}

fn held_out(judged: &[Judged], control: Control, horizon: u16) -> &Scorecard {
    let is_it = |j: &&Judged| j.part == "held out" && j.control == control && j.card.horizon_min == horizon;
    &judged.iter().find(is_it).expect("all are judged").card
}

#[test]
fn all_controls_are_asked_about_the_same_windows() {
    let judged = judge(&dataset(4_000, 0.0, 0.0), &question()).expect("enough minutes");
    assert_eq!(judged.len(), 3 * 2 * Control::ALL.len());
    for group in judged.chunk_by(|a, b| a.part == b.part && a.source == b.source) {
        assert!(group.iter().all(|one| one.card.n == group[0].card.n && one.card.n > 100));
    }
    let still = held_out(&judged, Control::NoChange, 5);
    assert_eq!((still.skill, still.hit_rate), (Some(0.0), None));
}

#[test]
fn memory_is_found_by_the_line_and_by_the_sign_and_not_by_the_day_before() {
    let judged = judge(&dataset(6_000, 0.5, 0.0), &question()).expect("enough minutes");
    for control in [Control::LastSign, Control::Linear] {
        let card = held_out(&judged, control, 1);
        assert_eq!(card.verdict, skill::Verdict::Better, "{control:?} {card:?}");
    }
    let (line, sign) = (held_out(&judged, Control::Linear, 1), held_out(&judged, Control::LastSign, 1));
    assert!(line.skill > sign.skill, "{line:?} {sign:?}");
    // A copy of an unrelated move errs by its own size as well.
    assert_eq!(held_out(&judged, Control::SeasonalNaive, 1).verdict, skill::Verdict::Worse);
}

#[test]
fn a_walk_without_memory_has_no_control_that_is_better() {
    let judged = judge(&dataset(6_000, 0.0, 0.0), &question()).expect("enough minutes");
    assert!(judged.iter().all(|one| one.card.verdict != skill::Verdict::Better), "{judged:?}");
}

#[test]
fn a_steady_climb_is_drift() {
    let judged = judge(&dataset(4_000, 0.0, 3e-4), &question()).expect("enough minutes");
    let drift = held_out(&judged, Control::Drift, 5);
    assert_eq!(drift.verdict, skill::Verdict::Better, "{drift:?}");
    assert!(drift.hit_rate.is_some_and(|rate| rate > 0.6), "{drift:?}");
}

#[test]
fn nothing_after_the_window_changes_a_forecast() {
    let whole = dataset(4_000, 0.5, 0.0);
    let question = question();
    let split = run::split(&whole, 2, question.window, 5).expect("enough minutes");
    let controls = Controls::fit(&whole, &question, split.last).expect("windows");
    let windows = controls.windows(&whole, split.held_out);
    let mut other = whole.clone();
    let from = windows[0].end + 1;
    let later = |values: &mut [f64]| values[from..].iter_mut().for_each(|value| *value *= 2.0);
    later(&mut other.series[0].closes);
    later(&mut other.series[0].prices);
    for fitted in &controls.fitted {
        for control in Control::ALL {
            let forecast = |of: &Dataset| fitted.forecast(of, windows[0], control).to_bits();
            assert_eq!(forecast(&whole), forecast(&other), "{control:?}");
        }
    }
}
