//! The bundle in `models/starter`, as the box takes it.

use std::path::Path;

use bundle::{Bundle, MODEL_NAME, SecretKey, TrustedKeys, VerifiedBundle};
use infer::{InferError, Model};

fn starter() -> VerifiedBundle {
    let path = Path::new("../../models/starter");
    bundle::load(path, &TrustedKeys::builtin()).expect("the starter bundle is signed by the built-in key")
}

/// The starter with something changed, signed by another key that is trusted.
fn changed(change: impl Fn(&mut bundle::Manifest, &mut Vec<u8>)) -> VerifiedBundle {
    let starter = starter();
    let (mut manifest, mut model) = (starter.manifest().clone(), starter.model().to_vec());
    change(&mut manifest, &mut model);
    let key = SecretKey::from_bytes(&[5; 32]);
    let packed = Bundle::pack(manifest, [(MODEL_NAME.to_owned(), model)].into(), &key).expect("a sound manifest");
    packed.verify(&TrustedKeys::only(&[key.public()])).expect("signed by a trusted key")
}

#[test]
fn it_loads_meets_its_probes_and_answers_alike_every_time() {
    let model = Model::load(&starter()).expect("the starter runs");
    assert_eq!(model.probes().probes, model.manifest().probes.len());
    let window = model.manifest().probes[0].window.clone();
    let answer = model.predict(&window).expect("a probe's window is sound");
    let horizons: Vec<u16> = answer.horizons.iter().map(|horizon| horizon.horizon_min).collect();
    assert_eq!(horizons, [5, 10, 30]);
    assert_eq!(answer.attention.len(), model.manifest().rows());
    assert_eq!((model.manifest().format, model.manifest().timeframe_min), (2, 1));
    let acts = answer.decision.map(|decision| decision.sell + decision.hold + decision.buy);
    assert!(acts.is_some_and(|sum| (sum - 1.0).abs() < 1e-3), "{:?}", answer.decision);
    assert!(answer.horizons.iter().all(|horizon| horizon.quantiles.len() == 5 && horizon.quantiles.is_sorted()));
    let sum: f32 = answer.attention.iter().sum();
    assert!((sum - 1.0).abs() < 1e-3, "attention sums to {sum}");
    for _ in 0..3 {
        assert_eq!(model.predict(&window).expect("as before"), answer, "a run leaves nothing behind");
    }
}

#[test]
fn many_windows_get_the_answers_they_get_alone() {
    let model = Model::load(&starter()).expect("the starter runs");
    let windows: Vec<Vec<f32>> = model.manifest().probes.iter().map(|probe| probe.window.clone()).collect();
    let together = model.predict_all(&windows).expect("sound windows");
    let alone: Vec<_> = windows.iter().map(|window| model.predict(window).expect("a sound window")).collect();
    assert_eq!(together, alone);
    assert_eq!(model.predict_all::<Vec<f32>>(&[]).expect("nothing to do"), []);
    let mut odd = windows;
    odd[1][0] = f32::NAN;
    assert!(matches!(model.predict_all(&odd), Err(InferError::WindowValue { index: 0, .. })));
}

#[test]
fn its_weight_products_are_integer() {
    let model = Model::load(&starter()).expect("the starter runs");
    let macs = model.macs().expect("the engine counts its products");
    // What is left in floats: attention scores and mixing, the heads.
    assert_eq!(macs.integer, 901_120, "all weight products");
    assert!(macs.integer_share() > 0.6, "{macs:?}");
}

#[test]
fn a_feature_that_is_as_in_the_probes_does_nothing() {
    let all = Model::load(&starter()).expect("the starter runs");
    let only = changed(|manifest, _| manifest.probes.truncate(1));
    let model = Model::load(&only).expect("the starter runs");
    let columns = model.manifest().features.len();
    let own = model.manifest().probes[0].window.clone();
    let answer = model.predict(&own).expect("a probe's window is sound");
    let weights = model.weigh(&own, &answer).expect("as before");
    let names: Vec<&String> = weights.iter().map(|weight| &weight.feature).collect();
    assert_eq!(names, model.manifest().features.iter().collect::<Vec<_>>());
    assert!(weights.iter().all(|weight| weight.log_return == [0.0; 3]), "{weights:?}");

    // Another window that differs in one column only: all of the difference is that column's.
    let other: Vec<f32> = all.manifest().probes[1]
        .window
        .iter()
        .zip(&own)
        .enumerate()
        .map(|(i, (b, a))| if i % columns == 2 { *b } else { *a })
        .collect();
    let told = model.predict(&other).expect("sound");
    let weights = model.weigh(&other, &told).expect("as before");
    for (weight, column) in weights.iter().zip(0..) {
        let moved = told.horizons.iter().zip(&answer.horizons).map(|(b, a)| b.log_return - a.log_return);
        let expected: Vec<f32> = if column == 2 { moved.collect() } else { vec![0.0; 3] };
        assert_eq!(weight.log_return, expected, "{}", weight.feature);
    }
}

#[test]
fn odd_windows_are_refused_by_name() {
    let model = Model::load(&starter()).expect("the starter runs");
    let mut window = model.manifest().probes[0].window.clone();
    let columns = model.manifest().features.len();
    window[columns + 1] = f32::NAN;
    let error = model.predict(&window).expect_err("not a number");
    assert!(
        matches!(&error, InferError::WindowValue { row: 1, feature, .. } if *feature == model.manifest().features[1])
    );
    window.pop();
    assert!(matches!(model.predict(&window), Err(InferError::WindowLength { .. })));
    // The largest floats are clipped by the graph and must not come out as infinities.
    for value in [f32::MAX, f32::MIN] {
        window = vec![value; model.manifest().window_len()];
        match model.predict(&window) {
            Ok(answer) => assert!(answer.horizons.iter().all(|h| h.log_return.is_finite() && h.p_up.is_finite())),
            Err(InferError::Output { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn a_model_that_computes_something_else_is_refused() {
    let other = changed(|manifest, _| manifest.probes[0].p_up[0] += 0.2);
    let error = Model::load(&other).err().expect("another answer than the manifest's");
    assert!(matches!(error, InferError::Probe { probe: 0, output: "p_up", .. }), "{error}");
}

#[test]
fn a_model_with_a_weight_that_is_no_number_is_refused() {
    let spoiled = changed(|_, model| {
        // The first bias: its name, the field of raw values (9, bytes), their length.
        let mark = [b"const_18".as_slice(), &[0x4a, 0x80, 0x01]].concat();
        let at = model.windows(mark.len()).position(|part| part == mark).expect("the starter has it") + mark.len();
        model[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    });
    let error = Model::load(&spoiled).err().expect("a bias that is no number");
    assert!(matches!(&error, InferError::Graph { reason, .. } if reason.contains("not a number")), "{error}");
}

#[test]
fn a_model_that_does_not_fit_its_manifest_is_refused() {
    let fewer = changed(|manifest, _| {
        manifest.horizons_min.pop();
        for output in
            manifest.outputs.iter_mut().filter(|output| ["log_return", "p_up", "quantiles"].contains(&&*output.name))
        {
            output.shape[1] -= 1;
        }
        for probe in &mut manifest.probes {
            probe.log_return.pop();
            probe.p_up.pop();
            probe.quantiles.truncate(10);
        }
        manifest.metrics.clear();
    });
    let error = Model::load(&fewer).err().expect("another shape than the manifest's");
    assert!(matches!(&error, InferError::Mismatch(what) if what.contains("log_return")), "{error}");
    let rubbish = changed(|_, model| *model = b"rubbish".to_vec());
    assert!(matches!(Model::load(&rubbish), Err(InferError::Graph { stage: "reading", .. })));
}
