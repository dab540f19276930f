use types::effect::{Base, ForecastRecord, ScoreRecord};
use types::market::Quote;
use types::time::NS_PER_MIN;
use types::{InstrumentId, Price, Timestamp};

use super::*;

/// Deterministic randomness: SplitMix64, and normal values by Box and Muller.
struct Random(u64);

impl Random {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * libm::log(1.0 - self.uniform())).sqrt() * libm::cos(core::f64::consts::TAU * self.uniform())
    }
}

/// A market whose minutes carry a slow signal of size `edge` under noise that comes in spells, seen at one horizon by a
/// forecaster who says `boldness` times what the signal is worth.
///
/// At boldness 1 the forecast is the best there is. At 2 it overshoots: given the signal, outcome minus forecast is the
/// mirror image of the outcome, so its error has the distribution of "no change" and its skill is exactly zero, although
/// errors, overlap and spells are those of a real forecaster.
fn market(random: &mut Random, count: usize, horizon: usize, edge: f64, boldness: f64) -> Vec<Score> {
    const PERSISTENCE: f64 = 0.9;
    let worth: f64 = (0..horizon).scan(1.0, |weight, _| Some(core::mem::replace(weight, *weight * PERSISTENCE))).sum();
    let (mut signal, mut spell) = (random.normal(), 0.0);
    let (mut forecasts, mut moves) = (Vec::new(), Vec::new());
    for _ in 0..count + horizon {
        forecasts.push(boldness * edge * signal * worth);
        spell = 0.99 * spell + 0.1 * random.normal();
        moves.push(edge * signal + libm::exp(spell) * random.normal());
        signal = PERSISTENCE * signal + (1.0 - PERSISTENCE * PERSISTENCE).sqrt() * random.normal();
    }
    (0..count)
        .map(|t| Score {
            minute: 29_000_000 + t as u32,
            forecast: (forecasts[t] * 1e-4) as f32,
            outcome: (moves[t..t + horizon].iter().sum::<f64>() * 1e-4) as f32,
        })
        .collect()
}

fn score(minute: u32, forecast: f32, outcome: f32) -> Score {
    Score { minute, forecast, outcome }
}

/// How often of `runs` a forecaster without skill gets each verdict, (worse, not proven, better).
fn verdicts_without_skill(horizon: usize, count: usize, runs: u64) -> [u32; 3] {
    let mut verdicts = [0; 3];
    for seed in 0..runs {
        let scores = market(&mut Random(seed), count, horizon, 0.05, 2.0);
        verdicts[evaluate(&scores, horizon as u16).verdict as usize] += 1;
    }
    verdicts
}

#[test]
fn the_interval_holds_the_truth_about_as_often_as_it_says() {
    let (mut too_low, mut too_high) = (0, 0);
    for (horizon, count, runs) in [(5, 200, 600), (5, 1_440, 400), (10, 600, 400), (30, 900, 400), (30, 4_320, 120)] {
        let [worse, not_proven, better] = verdicts_without_skill(horizon, count, runs);
        let coverage = f64::from(not_proven) / runs as f64;
        let what =
            format!("+{horizon} min, {count} forecasts: {worse} worse, {not_proven} not proven, {better} better");
        eprintln!("{what}: coverage {coverage:.3}");
        assert!((0.90..=0.985).contains(&coverage), "{what}");
        (too_low, too_high) = (too_low + worse, too_high + better);
    }
    assert!(too_low.min(too_high) * 3 > too_low.max(too_high), "errs to both sides: {too_low} and {too_high}");
}

#[test]
fn overlap_counted_as_independence_would_not() {
    // The same errors with one forecast a horizon told as if a minute apart: what the interval must not be.
    let runs = 200;
    let mut proven = 0;
    for seed in 0..runs {
        let scores = market(&mut Random(seed), 3_000, 30, 0.05, 2.0);
        let apart: Vec<Score> = scores.iter().map(|s| Score { minute: (s.minute - 29_000_000) * 40, ..*s }).collect();
        proven += u64::from(evaluate(&apart, 1).verdict != Verdict::NotProven);
    }
    assert!(proven > runs / 3, "{proven} of {runs}");
}

#[test]
fn a_planted_edge_is_found_and_a_harmful_forecast_too() {
    let week = 7 * 1_440;
    let good = evaluate(&market(&mut Random(1), week, 5, 0.25, 1.0), 5);
    assert_eq!(good.verdict, Verdict::Better, "{good:?}");
    assert!(good.hit_lo > Some(0.5), "{good:?}");
    let bold = evaluate(&market(&mut Random(1), week, 5, 0.25, 6.0), 5);
    assert_eq!(bold.verdict, Verdict::Worse, "{bold:?}");
    assert!(bold.hit_lo > Some(0.5), "the sign is as good as before");
    let inverse = evaluate(&market(&mut Random(1), week, 5, 0.25, -1.0), 5);
    assert_eq!(inverse.verdict, Verdict::Worse, "{inverse:?}");
    assert!(inverse.hit_hi < Some(0.5), "{inverse:?}");
}

#[test]
fn the_numbers_of_a_small_case() {
    let scores = [score(0, 1e-4, 2e-4), score(1, -1e-4, 1e-4), score(2, 0.0, -3e-4), score(3, 1e-4, 0.0)];
    let report = evaluate(&scores, 5);
    let close =
        |found: Option<f64>, expected: f64| assert!((found.expect("told") - expected).abs() < 1e-6, "{report:?}");
    assert_eq!(report.n, 4);
    close(report.mae_bps, (1.0 + 2.0 + 3.0 + 1.0) / 4.0);
    close(report.naive_mae_bps, (2.0 + 1.0 + 3.0 + 0.0) / 4.0);
    close(report.skill, 1.0 - 7.0 / 6.0);
    close(report.hit_rate, 0.5);
    assert_eq!((report.skill_lo, report.hit_hi, report.verdict), (None, None, Verdict::NotProven));
}

#[test]
fn too_little_or_nothing_to_tell_is_not_proven() {
    let empty = evaluate(&[], 5);
    assert_eq!((empty.n, empty.skill, empty.mae_bps, empty.verdict), (0, None, None, Verdict::NotProven));
    let perfect: Vec<Score> = (0..150).map(|minute| score(minute, 1e-4, 1e-4)).collect();
    assert_eq!(evaluate(&perfect[..149], 5).verdict, Verdict::NotProven);
    assert_eq!(evaluate(&perfect, 5).verdict, Verdict::Better);
    assert_eq!(evaluate(&perfect, 30).verdict, Verdict::NotProven);
    let still: Vec<Score> = (0..500).map(|minute| score(minute, 1e-4, 0.0)).collect();
    assert_eq!((evaluate(&still, 5).skill, evaluate(&still, 5).verdict), (None, Verdict::NotProven));
    let silent: Vec<Score> =
        (0..500).map(|minute| score(minute, 0.0, if minute % 3 == 0 { 1e-4 } else { -1e-4 })).collect();
    let silent = evaluate(&silent, 5);
    assert_eq!((silent.skill, silent.skill_lo, silent.skill_hi), (Some(0.0), Some(0.0), Some(0.0)));
    assert_eq!((silent.hit_rate, silent.verdict), (None, Verdict::NotProven));
}

proptest::proptest! {
    #[test]
    fn any_scores_give_a_sound_report(
        scores in proptest::collection::vec((proptest::num::u32::ANY, proptest::num::f32::ANY, proptest::num::f32::ANY), 0..200),
        horizon: u16,
    ) {
        let scores: Vec<Score> = scores.into_iter().map(|(minute, f, o)| score(minute, f, o)).collect();
        let report = evaluate(&scores, horizon % 4);
        proptest::prop_assert!(report.skill_lo.is_none() || (report.skill_lo <= report.skill && report.skill <= report.skill_hi));
        proptest::prop_assert!(report.hit_lo.is_none_or(|lo| lo >= 0.0) && report.hit_hi.is_none_or(|hi| hi <= 1.0));
    }
}

fn sealed(scores: &[Score]) -> Vec<Sealed> {
    let seal = |score: &Score| {
        let p_up = if score.forecast > 0.0 { 0.7 } else { 0.3 };
        Sealed { minute: score.minute, forecast: score.forecast, p_up, outcome: score.outcome }
    };
    scores.iter().map(seal).collect()
}

#[test]
fn a_card_of_a_good_forecaster_is_good_in_every_line() {
    let scores = market(&mut Random(1), 7 * 1_440, 5, 0.25, 1.0);
    let card = scorecard(&sealed(&scores), 5);
    let report = evaluate(&scores, 5);
    assert_eq!(
        (card.n, card.skill, card.skill_lo, card.verdict),
        (7 * 1_440, report.skill, report.skill_lo, Verdict::Better)
    );
    let (skill, low, high) = (card.skill.unwrap(), card.boot_lo.unwrap(), card.boot_hi.unwrap());
    assert!(0.0 < low && low < skill && skill < high, "{card:?}");
    // The two intervals are two ways to the same.
    let (hac, boot) = (report.skill_hi.unwrap() - report.skill_lo.unwrap(), high - low);
    assert!((boot / hac - 1.0).abs() < 0.3, "{boot} {hac}");
    assert!(card.dm < Some(-3.0) && card.dm_p < Some(0.01) && card.pt_p < Some(0.01), "{card:?}");
    assert!(
        card.hit_lo > Some(0.5) && card.brier < Some(0.25) && card.log_loss < Some(core::f64::consts::LN_2),
        "{card:?}"
    );
    assert!(card.evidence_better >= EVIDENCE_MIN && card.evidence_worse < 1.0, "{card:?}");
    let near = |found: Option<f64>, share: f64| (found.unwrap() - share).abs() < 0.02;
    assert!(near(card.coverage_50, 0.5) && near(card.coverage_90, 0.9), "{card:?}");
    assert!(card.wis_bps < card.mae_bps && card.width_90_bps > card.mae_bps, "{card:?}");
    assert!(card.wis_bps < card.naive_wis_bps && card.naive_wis_bps < card.naive_mae_bps, "{card:?}");
    assert!(card.rmse_bps > card.mae_bps && card.mape_pct.unwrap() * 100.0 - card.mae_bps.unwrap() < 1.0);
}

#[test]
fn a_card_of_shuffled_outcomes_proves_nothing_and_an_empty_one_says_nothing() {
    let mut scores = market(&mut Random(1), 7 * 1_440, 5, 0.25, 2.0);
    let outcomes: Vec<f32> = scores.iter().map(|score| score.outcome).collect();
    let count = scores.len();
    for (index, score) in scores.iter_mut().enumerate() {
        // A thousand minutes apart nothing of the signal is left.
        score.outcome = outcomes[(index + 1_000) % count];
        score.forecast /= 50.0;
    }
    let card = scorecard(&sealed(&scores), 5);
    assert_eq!(card.verdict, Verdict::NotProven, "{card:?}");
    assert!(card.boot_lo < Some(0.0) && card.pt_p > Some(0.01), "{card:?}");
    let nothing = scorecard(&[], 5);
    assert_eq!((nothing.n, nothing.skill, nothing.wis_bps, nothing.verdict), (0, None, None, Verdict::NotProven));
    let odd = [Sealed { minute: 1, forecast: f32::NAN, p_up: 0.5, outcome: 0.1 }];
    assert_eq!(scorecard(&odd, 5), nothing);
}

#[test]
fn the_quantiles_that_a_model_tells_are_judged_by_hand() {
    let told = [-2e-4, -1e-4, 0.0, 1e-4, 2e-4];
    let card = quantile_card(&[(told, 0.0)]).unwrap();
    // Twice the mean of 0.05 x 2, 0.25 x 1, 0, 0.25 x 1, 0.05 x 2 basis points.
    assert!((card.wis_bps - 0.28).abs() < 1e-6 && (card.width_90_bps - 4.0).abs() < 1e-6, "{card:?}");
    assert_eq!((card.n, card.coverage_50, card.coverage_90), (1, 1.0, 1.0));
    let card = quantile_card(&[(told, 0.0), (told, 1.5e-4), (told, -3e-4), (told, f32::NAN)]).unwrap();
    assert_eq!((card.n, card.coverage_50, card.coverage_90), (3, 1.0 / 3.0, 2.0 / 3.0));
    assert_eq!(quantile_card(&[]), None);
}

/// No band was shown.
const NONE: Option<Widths> = None;

fn record(minute: i64, horizon_min: u16, log_return: f32, outcome: f32) -> ScoreRecord {
    let open_time = Timestamp::from_nanos(minute * NS_PER_MIN);
    ScoreRecord { instrument: InstrumentId(1), open_time, model: "m".into(), horizon_min, log_return, outcome }
}

#[test]
fn the_book_keeps_seven_days_in_order() {
    let mut book = ScoreBook::default();
    let week = 7 * 1_440;
    for minute in 1_000..1_000 + week + 5 {
        book.push(&record(minute, 5, 1e-4, 2e-4), NONE);
    }
    let id = InstrumentId(1);
    assert_eq!(book.report(id, 5).n, week as usize);
    assert_eq!(book.since(id, 5), Some(Timestamp::from_nanos(1_005 * NS_PER_MIN)));
    book.push(&record(1_004, 5, 1.0, 1.0), NONE);
    book.push(&record(1_005, 5, f32::NAN, 1.0), NONE);
    book.push(&record(-1, 5, 1.0, 1.0), NONE);
    assert_eq!(book.report(id, 5).n, week as usize);
    book.push(&record(2_000, 5, 3e-4, 2e-4), NONE);
    assert_eq!(book.report(id, 5).n, week as usize, "a second score for a minute replaces the first");
    assert_eq!((book.report(id, 10).n, book.report(InstrumentId(2), 5).n, book.since(id, 10)), (0, 0, None));
    let bytes = postcard::to_allocvec(&book).expect("encodes");
    assert_eq!(postcard::from_bytes::<ScoreBook>(&bytes).expect("decodes"), book);

    let mut shuffled = ScoreBook::default();
    for minute in [30, 10, 20, 10] {
        shuffled.push(&record(minute, 5, 0.0, 1e-4), NONE);
    }
    assert_eq!((shuffled.report(id, 5).n, shuffled.since(id, 5)), (3, Some(Timestamp::from_nanos(10 * NS_PER_MIN))));
}

#[test]
fn bands_hold_their_share_of_the_next_outcomes_in_a_market_that_turns() {
    let (mut book, id) = (ScoreBook::default(), InstrumentId(1));
    let mut random = Random(5);
    for n in 0..99 {
        assert_eq!(book.widths(id, 5), None);
        book.push(&record(n, 5, 0.0, 1e-4 * random.normal() as f32), NONE);
    }
    let (mut held, mut count) = ([0.0; 2], 0.0);
    for n in 99..8_000 {
        let wild = if n > 4_000 { 3e-4 } else { 1e-4 };
        let outcome = (wild * random.normal()) as f32;
        let shown = book.widths(id, 5);
        assert_eq!(shown.is_none(), n == 99);
        assert!(shown.is_none_or(|[half, most]| half <= most));
        if n > 5_500 {
            count += 1.0;
            for (held, width) in held.iter_mut().zip(shown.into_iter().flatten()) {
                *held += f64::from(u8::from(outcome.abs() <= width));
            }
        }
        book.push(&record(n, 5, 0.0, outcome), shown);
    }
    for (held, share) in held.iter().zip(BANDS) {
        assert!((held / count - share).abs() < 0.03, "{} for {share}", held / count);
    }
    let coverage = book.coverage(id, 5).expect("scores");
    assert!((coverage[1].0 - 0.9).abs() < 0.02 && coverage[1].1 == 7_900, "{coverage:?}");
    assert_eq!((book.coverage(id, 10), book.widths(InstrumentId(2), 5)), (None, None));
}

#[test]
fn a_verdict_that_is_looked_at_every_minute_needs_evidence_that_may_be() {
    let id = InstrumentId(1);
    let told = |boldness: f64, edge: f64| {
        let mut book = ScoreBook::default();
        for score in market(&mut Random(1), 7 * 1_440, 5, edge, boldness) {
            book.push(&record(i64::from(score.minute), 5, score.forecast, score.outcome), NONE);
        }
        let evidence = book.evidence(id, 5).expect("scores");
        (book.report(id, 5).verdict, evidence.better(), evidence.worse())
    };
    let (verdict, better, worse) = told(1.0, 0.25);
    assert!(verdict == Verdict::Better && better >= EVIDENCE_MIN && worse < 1.0, "{better} {worse}");
    let (verdict, better, worse) = told(-1.0, 0.25);
    assert!(verdict == Verdict::Worse && worse >= EVIDENCE_MIN && better < 1.0, "{better} {worse}");
    // A forecaster without skill, looked at every hour for a day until the interval says something.
    let (mut by_interval, mut by_both) = (0, 0);
    for seed in 0..120 {
        let (mut book, scores) = (ScoreBook::default(), market(&mut Random(seed), 1_440, 5, 0.05, 2.0));
        let (mut is_fooled, mut is_called) = (false, false);
        for (index, score) in scores.iter().enumerate() {
            book.push(&record(i64::from(score.minute), 5, score.forecast, score.outcome), NONE);
            if index % 60 == 59 {
                is_fooled |= evaluate(&scores[..=index], 5).verdict != Verdict::NotProven;
                is_called |= book.report(id, 5).verdict != Verdict::NotProven;
            }
        }
        by_interval += u32::from(is_fooled);
        by_both += u32::from(is_called);
    }
    eprintln!("of 120 without skill the interval alone called {by_interval}, with evidence {by_both}");
    assert!(by_interval >= 12 && by_both <= 6, "{by_interval} {by_both}");
}

#[test]
fn forecasts_meet_their_outcome_or_are_dropped() {
    let price = |mantissa| Price::new(mantissa).expect("positive");
    let quote = |bid, ask| Quote { bid: price(bid), ask: price(ask) };
    let at = |minute: i64| Timestamp::from_nanos(minute * NS_PER_MIN);
    let forecast = |instrument, minute, horizon_min| ForecastRecord {
        instrument: InstrumentId(instrument),
        open_time: at(minute),
        model: "m".into(),
        horizon_min,
        base: Base::Quote(quote(999, 1_001)),
        log_return: 1e-3,
        p_up: 0.6,
        quantiles: Vec::new(),
    };
    let (mut pending, mut out) = (Pending::default(), Vec::new());
    for (instrument, minute, horizon) in [(1, 100, 10), (1, 105, 5), (1, 100, 5), (2, 100, 10), (1, 105, 5)] {
        pending.push(forecast(instrument, minute, horizon), NONE);
    }
    assert_eq!(pending.len(), 4);
    pending.resolve(InstrumentId(1), at(109), Some(quote(1, 2)), &mut out);
    assert_eq!(out, []);
    pending.resolve(InstrumentId(1), at(110), Some(quote(1_000, 1_021)), &mut out);
    let outcome = libm::log(1.0105) as f32;
    let expected = [(105, 5), (100, 10)].map(|(minute, horizon)| (record(minute, horizon, 1e-3, outcome), NONE));
    assert_eq!(out, expected);
    assert_eq!((pending.len(), pending.dropped()), (1, 1), "minute 105 never closed; the other instrument's waits");

    out.clear();
    pending.resolve(InstrumentId(2), at(110), None, &mut out);
    assert_eq!((out.len(), pending.is_empty(), pending.dropped()), (0, true, 2), "no book held");
}
