//! Several runs as one model.

mod made;

use std::fs;
use std::path::{Path, PathBuf};

use bundle::{Bundle, CARD_NAME, MODEL_NAME, Probe, Search, SecretKey, TrustedKeys};
use infer::{Answer, Model};
use made::{dataset, quiet, release, series, settings};
use trainer::dataset::Dataset;
use trainer::fit::Settings;
use trainer::net::Architecture;
use trainer::release::{self, Packed};
use trainer::runs::TRIALS_NAME;
use trainer::tune::Summary;
use trainer::{ensemble, run, windows};

fn key() -> SecretKey {
    SecretKey::from_bytes(&[3; 32])
}

fn pack(dataset: &Dataset, folder: &Path) -> Packed {
    release::export(folder, dataset, None).expect("it exports");
    release::pack(folder, dataset, &release(), &key()).expect("it packs")
}

/// The box's answers of one of the two exported files of a folder, under the manifest of its bundle.
fn answers(packed: &Packed, file: &Path, of: &[Vec<f32>]) -> Vec<Answer> {
    let mut manifest = packed.verified.manifest().clone();
    (manifest.tolerance.log_return_bps, manifest.tolerance.p_up) = (1e3, 0.4);
    let onnx = fs::read(file).expect("it was exported");
    let bundle = Bundle::pack(manifest, [(MODEL_NAME.to_owned(), onnx)].into(), &key()).expect("a sound manifest");
    let verified = bundle.verify(&TrustedKeys::only(&[key().public()])).expect("our own key");
    Model::load(&verified).expect("the box takes it").predict_all(of).expect("sound windows")
}

fn probe(answer: &Answer) -> Probe {
    Probe {
        window: Vec::new(),
        log_return: answer.horizons.iter().map(|horizon| horizon.log_return).collect(),
        p_up: answer.horizons.iter().map(|horizon| horizon.p_up).collect(),
        quantiles: answer.horizons.iter().flat_map(|horizon| horizon.quantiles.clone()).collect(),
        decision: answer.decision,
    }
}

fn train(dataset: &Dataset, settings: &Settings, folder: PathBuf) -> PathBuf {
    run::train(dataset, settings, &folder, &quiet()).expect("it trains");
    folder
}

#[test]
fn an_ensemble_answers_the_mean_of_its_members_and_says_who_they_are() {
    let data = dataset(vec![series(1_200, 1, 0.3, 1)]);
    let dir = tempfile::tempdir().expect("a temporary folder");
    let members = [(Architecture::Transformer, 7), (Architecture::PatchTst, 8), (Architecture::Lstm, 9)];
    let runs = members.map(|(model, seed)| {
        let settings = Settings { seed, epochs: 1, ..settings(model) };
        train(&data, &settings, dir.path().join(format!("{model:?}")))
    });
    let summary =
        Summary { trials: 30, finished: 20, pruned: 9, failed: 1, best: 4, score: 0.5, parameters: Default::default() };
    fs::write(runs[1].join(TRIALS_NAME), serde_json::to_vec(&summary).expect("plain values")).expect("room");
    let folder = dir.path().join("ensemble");
    ensemble::gather(&runs, &folder).expect("three of a kind");
    let singles = runs.each_ref().map(|folder| pack(&data, folder));
    let whole = pack(&data, &folder);

    let of: Vec<Vec<f32>> = windows::within(&data, 8, 2, data.range())
        .iter()
        .step_by(40)
        .map(|window| windows::values(&data, *window, 8).to_vec())
        .collect();
    for file in ["model-1min.onnx", "model-1min-f32.onnx"] {
        let each: Vec<Vec<Answer>> =
            singles.iter().zip(&runs).map(|(single, run)| answers(single, &run.join(file), &of)).collect();
        let told: Vec<Vec<Probe>> = each.iter().map(|answers| answers.iter().map(probe).collect()).collect();
        let found = answers(&whole, &folder.join(file), &of);
        assert_eq!(found.len(), of.len());
        for (index, (found, expected)) in found.iter().zip(ensemble::mean(&told)).enumerate() {
            let values = |probe: &Probe| {
                let decision = probe.decision.expect("all heads").values();
                [&probe.log_return[..], &probe.p_up, &probe.quantiles, &decision].concat()
            };
            for (found, expected) in values(&probe(found)).iter().zip(values(&expected)) {
                assert!((found - expected).abs() <= 1e-6 * expected.abs().max(1e-3), "{file}: {found} {expected}");
            }
            let looked = each.iter().filter(|answers| !answers[index].attention.is_empty()).count();
            assert_eq!(looked, 2, "the LSTM tells none");
            for (row, found) in found.attention.iter().enumerate() {
                let sum: f32 = each.iter().filter_map(|answers| answers[index].attention.get(row)).sum();
                assert!((found - sum / 2.0).abs() < 1e-6, "row {row}: {found} {sum}");
            }
        }
    }

    let manifest = whole.verified.manifest();
    let training = &manifest.training;
    assert_eq!(training.members.iter().map(|member| member.seed).collect::<Vec<_>>(), [7, 8, 9]);
    let search = Search { trials: 30, finished: 20, pruned: 9, failed: 1 };
    assert_eq!((training.search, training.members[1].search), (Some(search), Some(search)));
    assert!(training.folds.is_empty() && training.members.iter().all(|member| member.folds.len() == 1));
    for (member, single) in training.members.iter().zip(&singles) {
        let (own, alone) = (&member.metrics["walk-1.csv"][&1], &single.verified.manifest().metrics["walk-1.csv"][&1]);
        let (own_mae, alone_mae) = (own.mae_bps.expect("enough"), alone.mae_bps.expect("enough"));
        assert!(own.n == alone.n && (own_mae - alone_mae).abs() < 0.05 * alone_mae, "{own:?} {alone:?}");
    }
    let mean_mae: f64 =
        training.members.iter().map(|member| member.metrics["walk-1.csv"][&1].mae_bps.expect("enough")).sum::<f64>()
            / 3.0;
    let mae = manifest.metrics["walk-1.csv"][&1].mae_bps.expect("enough forecasts");
    assert!(mae <= mean_mae * 1.001, "an absolute error is convex: {mae} and {mean_mae}");
    let card = String::from_utf8_lossy(whole.verified.file(CARD_NAME).expect("a card"));
    for says in ["mean of 3", "Member 2: PatchTST", "best of 30 trials", "2 not searched", "one trial"] {
        assert!(card.contains(says), "{says:?} is not in {card}");
    }
}

#[test]
fn runs_that_do_not_fit_together_are_refused_in_words() {
    let data = dataset(vec![series(1_200, 1, 0.0, 1)]);
    let dir = tempfile::tempdir().expect("a temporary folder");
    let small = Settings { epochs: 1, ..settings(Architecture::Lstm) };
    let a = train(&data, &small, dir.path().join("a"));
    let same = train(&data, &small, dir.path().join("same"));
    let far = train(&data, &Settings { horizons: vec![1, 3], ..small.clone() }, dir.path().join("far"));
    let later = dataset(vec![series(1_300, 1, 0.0, 1)]);
    let later = train(&later, &Settings { seed: 8, ..small.clone() }, dir.path().join("later"));
    let other = train(&data, &Settings { seed: 8, ..small }, dir.path().join("other"));
    let refused = |runs: &[&PathBuf], says: &str| {
        let runs: Vec<PathBuf> = runs.iter().map(|run| (*run).clone()).collect();
        let error = ensemble::gather(&runs, &dir.path().join("refused")).expect_err("they do not fit");
        assert!(format!("{error:#}").contains(says), "{error:#}");
        assert!(!dir.path().join("refused").exists());
    };
    refused(&[&a], "2 to 16 members");
    refused(&[&a, &far], "not the same horizons");
    refused(&[&a, &later], "not the same data");
    refused(&[&a, &same], "the same network");
    let made = dir.path().join("made");
    ensemble::gather(&[a.clone(), other.clone()], &made).expect("two seeds");
    refused(&[&made, &a], "an ensemble itself");
    let error = ensemble::gather(&[a, other], &made).expect_err("it is there");
    assert!(format!("{error:#}").contains("exists already"), "{error:#}");
}
