use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::random::Random;

fn settings(value: Value) -> Settings {
    value.as_object().expect("an object").clone()
}

fn space(domains: Value, of: &Settings) -> anyhow::Result<Space> {
    Space::new(serde_json::from_value::<BTreeMap<String, Domain>>(domains)?, of)
}

/// Hartmann's function of six variables between 0 and 1; its minimum is -3.32237 (Dixon and Szegö, *Towards Global Optimisation 2*,
/// 1978).
fn hartmann(x: [f64; 6]) -> f64 {
    const A: [[f64; 6]; 4] = [
        [10.0, 3.0, 17.0, 3.5, 1.7, 8.0],
        [0.05, 10.0, 17.0, 0.1, 8.0, 14.0],
        [3.0, 3.5, 1.7, 10.0, 17.0, 8.0],
        [17.0, 8.0, 0.05, 10.0, 0.1, 14.0],
    ];
    const P: [[f64; 6]; 4] = [
        [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
        [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
        [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650],
        [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
    ];
    let hill =
        |a: &[f64; 6], p: &[f64; 6]| -> f64 { (-(0..6).map(|i| a[i] * (x[i] - p[i]).powi(2)).sum::<f64>()).exp() };
    -[1.0, 1.2, 3.0, 3.2].iter().zip(A.iter().zip(&P)).map(|(c, (a, p))| c * hill(a, p)).sum::<f64>()
}

#[test]
fn hartmanns_minimum_is_known() {
    let found = hartmann([0.20169, 0.150011, 0.476874, 0.275332, 0.311652, 0.6573]);
    assert!((found + 3.32237).abs() < 1e-5, "{found}");
}

#[test]
fn the_estimator_beats_random_search() {
    const TRIALS: usize = 100;
    let names = ["a", "b", "c", "d", "e", "f"];
    let base: Settings = names.iter().map(|name| ((*name).to_owned(), json!(0.5))).collect();
    let domains: BTreeMap<String, Domain> =
        names.iter().map(|name| ((*name).to_owned(), Domain::Linear(0.0, 1.0))).collect();
    let space = Space::new(domains, &base).expect("sound");
    let of = |parameters: &Settings| hartmann(names.map(|name| parameters[name].as_f64().expect("a number")));
    let mut searched: Vec<f64> = (0..10)
        .map(|seed| {
            let mut sampler = Sampler::new(&space, seed).expect("sound");
            let mut best = f64::INFINITY;
            for _ in 0..TRIALS {
                let asked = sampler.ask().expect("a proposal");
                let score = of(&asked);
                sampler.tell(&asked, score).expect("own proposal");
                best = best.min(score);
            }
            best
        })
        .collect();
    let mut drawn: Vec<f64> = (0..10)
        .map(|seed| {
            let mut random = Random::new(seed, 1);
            let mut draw = || hartmann(std::array::from_fn(|_| f64::from(random.uniform(0.0, 1.0))));
            (0..TRIALS).map(|_| draw()).fold(f64::INFINITY, f64::min)
        })
        .collect();
    searched.sort_unstable_by(f64::total_cmp);
    drawn.sort_unstable_by(f64::total_cmp);
    // The fifth and sixth of ten.
    let median = |of: &[f64]| f64::midpoint(of[4], of[5]);
    assert!(median(&searched) < median(&drawn) - 0.2, "{searched:?} {drawn:?}");
    assert!(median(&searched) < -2.6, "{searched:?}");
}

#[test]
fn values_are_of_their_domains_and_come_back_to_their_places() {
    let base = settings(json!({"rate": 0.1, "layers": 2, "width": 16, "share": 0.5}));
    let space = space(
        json!({"rate": {"log": [1e-4, 1e-1]}, "layers": {"integer": [1, 3]}, "width": {"choice": [16, 32, "wide"]}, "share": {"linear": [-1.0, 1.0]}}),
        &base,
    )
    .expect("sound");
    let mut sampler = Sampler::new(&space, 3).expect("sound");
    let mut seen = [0; 3];
    for number in 0..60 {
        let asked = sampler.ask().expect("a proposal");
        let rate = asked["rate"].as_f64().expect("a number");
        assert!((1e-4..1e-1).contains(&rate));
        seen[asked["layers"].as_u64().expect("a whole number") as usize - 1] += 1;
        assert!([json!(16), json!(32), json!("wide")].contains(&asked["width"]));
        sampler.tell(&asked, if number % 7 == 0 { f64::INFINITY } else { rate }).expect("own proposal");
    }
    assert!(seen.iter().all(|count| *count > 0), "{seen:?}");
    let outside = settings(json!({"rate": 1.0, "layers": 2, "width": 16, "share": 0.5}));
    assert!(sampler.tell(&outside, 0.0).is_err());
}

#[test]
fn spaces_that_make_no_sense_are_refused_in_words() {
    let base = settings(json!({"rate": 0.1}));
    let refused = |domains: Value| format!("{:#}", space(domains, &base).expect_err("no space"));
    assert!(refused(json!({})).contains("empty"));
    assert!(refused(json!({"speed": {"log": [1, 2]}})).contains("no setting \"speed\""));
    assert!(refused(json!({"rate": {"log": [0.0, 1.0]}})).contains("positive"));
    assert!(refused(json!({"rate": {"linear": [2.0, 1.0]}})).contains("no range"));
    assert!(refused(json!({"rate": {"choice": []}})).contains("nothing to choose"));
    assert!(refused(json!({"rate": {"normal": [0, 1]}})).contains("normal"));
}

/// Losses that fall towards (x - 0.3)^2 + 1 / epochs; x above 0.7 is no model.
struct Bowl {
    epochs: usize,
    trained: Cell<usize>,
}

struct Falling<'a> {
    bowl: &'a Bowl,
    x: f64,
    epoch: usize,
}

impl Trainee for Bowl {
    fn begin(&self, _: usize, settings: &Settings) -> anyhow::Result<Box<dyn Training + '_>> {
        let x = settings["x"].as_f64().expect("a number");
        anyhow::ensure!(x <= 0.7, "{x} is too large");
        Ok(Box::new(Falling { bowl: self, x, epoch: 0 }))
    }

    fn end(&self, _: usize) -> anyhow::Result<()> {
        Ok(())
    }
}

impl Training for Falling<'_> {
    fn epoch(&mut self) -> anyhow::Result<Option<Vec<f64>>> {
        if self.epoch == self.bowl.epochs {
            return Ok(None);
        }
        self.epoch += 1;
        self.bowl.trained.set(self.bowl.trained.get() + 1);
        let loss = (self.x - 0.3).powi(2) + 1.0 / self.epoch as f64;
        Ok(Some(vec![loss, loss + 0.1]))
    }
}

fn header(seed: u64) -> Header {
    let settings = settings(json!({"x": 0.5, "seed": 7}));
    let space = space(json!({"x": {"linear": [0.0, 1.0]}}), &settings).expect("sound");
    Header { format: 1, seed, data: vec!["d".to_owned()], settings, space }
}

fn search(path: &Path, pruner: Pruner, trials: usize) -> (Study, usize) {
    let bowl = Bowl { epochs: 9, trained: Cell::new(0) };
    let mut study = Study::open(path, header(5)).expect("a journal");
    study.run(&bowl, pruner, Limits { trials, time: None }, |_| {}).expect("it runs");
    (study, bowl.trained.get())
}

/// All but how long it took.
fn timeless(study: &Study) -> Vec<Trial> {
    study.trials().iter().map(|trial| Trial { seconds: 0.0, ..trial.clone() }).collect()
}

#[test]
fn a_search_in_two_sittings_is_the_search_in_one() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let (once, twice) = (dir.path().join("once.jsonl"), dir.path().join("twice.jsonl"));
    let median = Pruner::Median { trials: 3, epochs: 2 };
    let (whole, _) = search(&once, median, 30);
    search(&twice, median, 12);
    // As after a power cut in the middle of a line.
    let mut text = std::fs::read(&twice).expect("it was written");
    text.extend_from_slice(b"{\"number\":12,\"para");
    std::fs::write(&twice, &text).expect("room on the disk");
    let (resumed, _) = search(&twice, median, 30);
    assert_eq!(timeless(&whole), timeless(&resumed));
    let summary = whole.summary().expect("a best one");
    assert_eq!((summary.trials, summary.finished + summary.pruned + summary.failed), (30, 30));
    assert!((summary.parameters["x"].as_f64().expect("a number") - 0.3).abs() < 0.05, "{summary:?}");
    assert!(summary.pruned > 0 && summary.failed > 0, "{summary:?}");
    assert_eq!(whole.trials()[summary.best].seed, Some(7));

    let error = Study::open(&once, header(6)).err().expect("another study");
    assert!(format!("{error:#}").contains("other settings"), "{error:#}");
}

#[test]
fn pruning_saves_epochs_and_keeps_the_best() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let run = |name: &str, pruner: Pruner| {
        let (study, epochs) = search(&dir.path().join(name), pruner, 40);
        (study.summary().expect("a best one").score, epochs)
    };
    let (all, most) = run("none", Pruner::None);
    for (name, pruner) in
        [("median", Pruner::Median { trials: 4, epochs: 2 }), ("halving", Pruner::Halving { first: 1, keep: 3 })]
    {
        let (score, epochs) = run(name, pruner);
        assert!(epochs < most * 4 / 5, "{name}: {epochs} of {most} epochs");
        assert!(score < all + 0.01, "{name}: {score} instead of {all}");
    }
}

fn trial(number: usize, epochs: &[f64]) -> Trial {
    Trial {
        number,
        parameters: Settings::new(),
        seed: None,
        epochs: epochs.to_vec(),
        folds: Vec::new(),
        state: State::Finished,
        reason: None,
        seconds: 0.0,
    }
}

#[test]
fn rules_of_giving_up() {
    let before: Vec<Trial> = (0..5).map(|n| trial(n, &[n as f64, n as f64 / 2.0])).collect();
    let median = Pruner::Median { trials: 5, epochs: 2 };
    assert_eq!(median.reason(&before, &[9.0]), None, "the first epoch is free");
    assert_eq!(median.reason(&before, &[9.0, 1.0]), None, "as good as the median");
    assert!(median.reason(&before, &[9.0, 1.1]).is_some());
    assert_eq!(median.reason(&before[1..], &[9.0, 9.0]), None, "too few to compare with");
    assert_eq!(median.reason(&before, &[9.0, 9.0, 9.0]), None, "nobody came so far");
    let halving = Pruner::Halving { first: 1, keep: 3 };
    assert_eq!(halving.reason(&before, &[1.0]), None, "the second of six");
    assert!(halving.reason(&before, &[1.5]).is_some());
    assert_eq!(halving.reason(&before, &[9.0, 9.0]), None, "two epochs are no rung");
    assert_eq!(halving.reason(&before[..1], &[9.0]), None, "nobody of two is a third");
    assert_eq!(Pruner::None.reason(&before, &[9.0, 9.0]), None);
}

#[test]
fn time_that_is_up_leaves_a_trial_for_later() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let bowl = Bowl { epochs: 9, trained: Cell::new(0) };
    let mut study = Study::open(&dir.path().join("study.jsonl"), header(5)).expect("a journal");
    study.run(&bowl, Pruner::None, Limits { trials: 5, time: Some(Duration::ZERO) }, |_| {}).expect("it runs");
    assert!(study.trials().is_empty());
    assert!(format!("{:#}", study.summary().expect_err("nothing ran")).contains("no trial"));
}
