use super::*;

const STEP: Duration = Duration::from_secs(300);
const DAYS: usize = 70;

fn start() -> Timestamp {
    Timestamp::from_secs(1_767_225_600)
}

/// A market that walks at random, with a rhythm of its own over the day, and events that move it.
struct Planted {
    bars: Bars,
    events: Vec<Happening>,
}

fn planted(seed: u64, jump_bps: f64, volume_factor: f64) -> Planted {
    let mut random = fastrand::Rng::with_seed(seed);
    let rows = DAYS * 288;
    let mut places: Vec<usize> = (0..60).map(|_| 200 + random.usize(..rows - 400)).collect();
    places.sort_unstable();
    let mut log_price = 10.0;
    let bars = (0..rows).map(|row| {
        // Busy afternoons.
        let busy = if (150..200).contains(&(row % 288)) { 3.0 } else { 1.0 };
        let normal = (0..12).map(|_| random.f64()).sum::<f64>() - 6.0;
        log_price += 8e-4 * busy * normal;
        let is_hit = places.binary_search(&row).is_ok();
        if is_hit {
            log_price += jump_bps * 1e-4;
        }
        let volume = busy * (0.5 + random.f64()) * if is_hit { volume_factor } else { 1.0 };
        Bar { open_time: start().plus(STEP * row as u32), close: log_price.exp(), volume }
    });
    let bars = Bars::new(STEP, bars.collect::<Vec<_>>());
    // When the candle that they move begins.
    let events = places
        .iter()
        .map(|row| Happening { at: start().plus(STEP * *row as u32), kind: "post".into(), sign: Some(1.0) })
        .collect();
    Planted { bars, events }
}

fn plan() -> Plan {
    Plan { draws: 500, ..Plan::default() }
}

fn row(report: &Report, measure: Measure) -> &Row {
    report.kinds[0].rows.iter().find(|row| row.measure == measure).expect("it was measured")
}

#[test]
fn a_planted_reaction_is_found_with_its_size() {
    let Planted { bars, events } = planted(7, 25.0, 6.0);
    let report = study(&bars, &events, &plan()).unwrap();
    let kind = &report.kinds[0];
    assert_eq!((kind.events, report.tests), (60, kind.rows.len()));
    assert_eq!(kind.studied + kind.in_bursts + kind.without_candles + kind.without_placebos, 60);
    let jump = row(&report, Measure::Return(5));
    assert!(jump.interval.0 < 25.0 && 25.0 < jump.interval.1 && jump.p_holm < 0.05, "{jump:?}");
    assert_eq!(jump.verdict, Verdict::More);
    let traded = row(&report, Measure::Volume(5));
    assert!((traded.difference.exp() / 6.0 - 1.0).abs() < 0.35 && traded.verdict == Verdict::More, "{traded:?}");
    assert_eq!(row(&report, Measure::Before(30)).verdict, Verdict::NotProven, "nothing before it");
    let at = |minutes: f64| kind.path.iter().find(|it| (it.minutes - minutes).abs() < 1e-9).unwrap();
    assert!(at(0.0).mean_bps == 0.0 && at(5.0).mean_bps > 15.0 && at(5.0).placebo_bps.abs() < 8.0);
}

#[test]
fn a_reaction_downwards_is_less() {
    let Planted { bars, mut events } = planted(8, -30.0, 1.0);
    for event in &mut events {
        event.sign = Some(-2.5);
    }
    let report = study(&bars, &events, &plan()).unwrap();
    assert_eq!(row(&report, Measure::Return(5)).verdict, Verdict::Less);
    assert_eq!(row(&report, Measure::Signed(5)).verdict, Verdict::More);
}

/// Over many markets without any reaction, a test at 5 % is wrong about as often as it says.
#[test]
fn where_nothing_happens_chance_is_told_as_chance() {
    let (mut wrong, mut proven, mut outside, rounds) = (0, 0, 0, 60);
    for seed in 0..rounds {
        let Planted { bars, events } = planted(100 + seed, 0.0, 1.0);
        let report = study(&bars, &events, &Plan { draws: 200, ..Plan::default() }).unwrap();
        let one = row(&report, Measure::Return(30));
        wrong += u32::from(one.p < 0.05);
        outside += u32::from(one.interval.0 > 0.0 || one.interval.1 < 0.0);
        proven += u32::from(report.kinds[0].rows.iter().any(|row| row.verdict != Verdict::NotProven));
    }
    // Of 60 at 5 %: three; nine or more would come once in 300 such runs.
    assert!(wrong < 9 && outside < 10 && proven < 8, "{wrong} {outside} {proven}");
}

#[test]
fn the_rhythm_of_the_day_is_no_effect() {
    let Planted { bars, .. } = planted(9, 0.0, 1.0);
    // Every event in the busy hours: against the whole day it would look like a reaction.
    let events: Vec<Happening> = (1..DAYS as u32 - 1)
        .filter(|day| day % 3 == 0)
        .map(|day| Happening { at: start().plus(STEP * (day * 288 + 170)), kind: "noon".into(), sign: None })
        .collect();
    let report = study(&bars, &events, &plan()).unwrap();
    assert!(report.kinds[0].studied >= 20, "{:?}", report.kinds[0]);
    assert!(report.kinds[0].rows.iter().all(|row| row.verdict == Verdict::NotProven), "{:?}", report.kinds[0].rows);
    assert!(!report.kinds[0].rows.iter().any(|row| matches!(row.measure, Measure::Signed(_))), "it speaks for nothing");
}

#[test]
fn what_cannot_be_studied_is_counted() {
    let Planted { bars, .. } = planted(10, 0.0, 1.0);
    let at = |minutes: i64| start().plus(Duration::from_secs(60 * minutes as u64));
    let happening = |at| Happening { at, kind: "rare".into(), sign: None };
    let events = [happening(at(10)), happening(at(20_000)), happening(at(20_010)), happening(at(9_999_999))];
    let report = study(&bars, &events, &plan()).unwrap();
    let kind = &report.kinds[0];
    assert_eq!((kind.events, kind.in_bursts, kind.without_candles, kind.studied), (4, 1, 2, 1));
    assert!(kind.rows.is_empty() && kind.path.is_empty(), "one event is no kind");
    // At the same minute of every week: there is no week without it.
    let weekly: Vec<Happening> = (0..9).map(|week| happening(at(2_000 + week * 10_080))).collect();
    assert_eq!(study(&bars, &weekly, &plan()).unwrap().kinds[0].without_placebos, 9);
}

#[test]
fn a_plan_that_cannot_be_followed_is_refused() {
    let Planted { bars, events } = planted(11, 0.0, 1.0);
    let refused = |plan: Plan| study(&bars, &events, &plan).unwrap_err().to_string();
    assert!(refused(Plan { horizons_min: vec![], ..plan() }).contains("horizons_min"));
    assert!(refused(Plan { horizons_min: vec![30, 5], ..plan() }).contains("greater"));
    assert!(refused(Plan { weeks: 0, ..plan() }).contains("weeks"));
    assert!(refused(Plan { draws: 1, ..plan() }).contains("draws"));
    assert_eq!(study(&Bars::new(STEP, []), &events, &plan()), Err(StudyError::NoBars));
}

#[test]
fn the_same_seed_gives_the_same_report() {
    let Planted { bars, events } = planted(12, 5.0, 2.0);
    assert_eq!(study(&bars, &events, &plan()), study(&bars, &events, &plan()));
}
