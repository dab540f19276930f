//! A bundle is accepted exactly as signed, and in no other form.

use std::collections::BTreeMap;
use std::fs;

use bundle::manifest::{DataRange, FORMAT, Precision, Quantisation};
use bundle::{
    Bundle, BundleError, Decision, Digest, Importance, MANIFEST_NAME, MODEL_NAME, Manifest, Member, Metrics, Probe,
    SIGNATURE_NAME, Search, SecretKey, Split, TensorSpec, Tolerance, Training, TrustedKeys, Verdict, load,
};

fn key() -> SecretKey {
    SecretKey::from_bytes(&[42; 32])
}

fn trusted() -> TrustedKeys {
    TrustedKeys::only(&[key().public()])
}

fn manifest() -> Manifest {
    let spec = |name: &str, shape: &[u32]| TensorSpec { name: name.to_owned(), shape: shape.to_vec() };
    let metrics = Metrics {
        n: 100,
        mae_bps: Some(10.5),
        naive_mae_bps: Some(10.0),
        skill: Some(-0.05),
        skill_lo: Some(-0.1),
        skill_hi: Some(0.01),
        hit_rate: Some(0.5),
        hit_lo: Some(0.4),
        hit_hi: Some(0.6),
        verdict: Verdict::NotProven,
    };
    Manifest {
        format: FORMAT,
        name: "tiny".to_owned(),
        created: "2026-01-31".to_owned(),
        revision: 1,
        architecture: "none".to_owned(),
        features: vec!["ret_1".to_owned(), "rsi_14".to_owned()],
        fingerprint: "abc".to_owned(),
        timeframe_min: 15,
        window_min: 45,
        horizons_min: vec![15, 30],
        quantiles: vec![0.1, 0.5, 0.9],
        inputs: vec![spec("window", &[1, 3, 2])],
        outputs: vec![
            spec("log_return", &[1, 2]),
            spec("p_up", &[1, 2]),
            spec("quantiles", &[1, 2, 3]),
            spec("action", &[1, 3]),
            spec("size", &[1, 1]),
            spec("risk", &[1, 1]),
            spec("attention", &[1, 3]),
        ],
        files: Vec::new(),
        training: Training {
            trainer: "test".to_owned(),
            source_revision: None,
            seed: 1,
            settings: BTreeMap::new(),
            data: vec![DataRange {
                source: "a.csv.gz".to_owned(),
                sha256: Digest::of(b"a"),
                minutes: 3,
                first_ms: 0,
                last_ms: 120_000,
            }],
            split: Split {
                text: "none".to_owned(),
                train_ms: (0, 1),
                validation_ms: (1, 2),
                held_out_ms: (2, 3),
                purge_min: 30,
            },
            folds: vec![[("a.csv.gz".to_owned(), [(15, metrics)].into())].into()],
            search: Some(Search { trials: 9, finished: 6, pruned: 2, failed: 1 }),
            members: Vec::new(),
            quantisation: Quantisation {
                precision: Precision::Float,
                windows: 1,
                log_return_max_bps: 0.0,
                log_return_mean_bps: 0.0,
                p_up_max: 0.0,
                p_up_mean: 0.0,
                others: BTreeMap::new(),
            },
        },
        metrics: [("a.csv.gz".to_owned(), [(15, metrics), (30, metrics)].into())].into(),
        importance: [("rsi_14".to_owned(), Importance { moves: 0.5, error: -1e-3 })].into(),
        tolerance: Tolerance { log_return_bps: 0.1, p_up: 0.01 },
        probes: vec![Probe {
            window: vec![0.1, -2.0, 3.5e-8, 0.0, 1.0, f32::MAX],
            log_return: vec![1e-5, -3e-6],
            p_up: vec![0.5, 0.49],
            quantiles: vec![-1e-3, 1e-5, 1e-3, -2e-3, -3e-6, 2e-3],
            decision: Some(Decision { sell: 0.2, hold: 0.5, buy: 0.3, size: 0.1, risk: 2e-3 }),
        }],
    }
}

fn files() -> BTreeMap<String, Vec<u8>> {
    [(MODEL_NAME.to_owned(), b"not really a model".to_vec())].into()
}

fn tiny() -> Bundle {
    Bundle::pack(manifest(), files(), &key()).expect("a sound manifest")
}

/// The bundle with one file replaced, not signed again.
fn with_file(name: &str, content: Option<&[u8]>) -> Bundle {
    let mut files = tiny().into_files();
    match content {
        Some(content) => files.insert(name.to_owned(), content.to_vec()),
        None => files.remove(name),
    };
    Bundle::from_files(files)
}

/// A bundle whose manifest was changed as text and then signed by the trusted key.
fn resigned(change: impl Fn(String) -> String) -> Bundle {
    let mut files = tiny().into_files();
    let text = String::from_utf8(files[MANIFEST_NAME].clone()).expect("JSON is text");
    let text = change(text).into_bytes();
    files.insert(SIGNATURE_NAME.to_owned(), bundle::signature::sign(&text, &key()).into_bytes());
    files.insert(MANIFEST_NAME.to_owned(), text);
    Bundle::from_files(files)
}

#[track_caller]
fn refused(bundle: Bundle, says: &str) {
    let error = bundle.verify(&trusted()).expect_err("must be refused").to_string();
    assert!(error.contains(says), "{error:?} does not say {says:?}");
}

#[test]
fn folder_manifest_path_and_container_give_the_same_bundle() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let folder = dir.path().join("tiny");
    tiny().write_folder(&folder).expect("room on the disk");
    let one_file = dir.path().join("tiny.tbx");
    fs::write(&one_file, tiny().to_container()).expect("room on the disk");
    for path in [folder.clone(), folder.join(MANIFEST_NAME), one_file] {
        let bundle = load(&path, &trusted()).expect("exactly as signed");
        assert_eq!(Some(bundle.digest()), tiny().digest());
        assert_eq!(bundle.model(), b"not really a model");
        assert_eq!(bundle.manifest().probes, manifest().probes);
        assert_eq!(bundle.signer(), key().public());
    }
    fs::write(folder.join("notes.txt"), "hello").expect("room on the disk");
    let error = load(&folder, &trusted()).expect_err("an extra file");
    assert!(matches!(&error, BundleError::Unexpected(name) if name == "notes.txt"), "{error}");
}

#[test]
fn the_same_content_gives_the_same_bytes() {
    assert_eq!(tiny(), tiny());
    let other_key = Bundle::pack(manifest(), files(), &SecretKey::from_bytes(&[1; 32])).expect("a sound manifest");
    assert_eq!(other_key.digest(), tiny().digest(), "the signature is not part of the identity");
}

#[test]
fn every_flipped_bit_is_refused() {
    let whole = tiny().to_container();
    for at in 0..whole.len() {
        for bit in [0, 3, 7] {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << bit;
            let result = bundle::container::read(&bytes).and_then(|files| Bundle::from_files(files).verify(&trusted()));
            assert!(result.is_err(), "bit {bit} of byte {at} was flipped and nobody noticed");
        }
    }
}

#[test]
fn a_changed_file_is_named() {
    refused(with_file(MODEL_NAME, Some(b"not really a modeL")), "model.onnx was changed");
    refused(with_file(MODEL_NAME, Some(b"longer or shorter")), "model.onnx has 17 bytes, the manifest says 18");
    refused(with_file(MODEL_NAME, None), "lacks model.onnx");
    refused(with_file(MANIFEST_NAME, None), "lacks manifest.json");
    refused(with_file(SIGNATURE_NAME, None), "lacks manifest.sig");
    refused(with_file("extra.bin", Some(b"x")), "extra.bin does not belong");
    refused(with_file(MANIFEST_NAME, Some(b"{}")), "manifest.json does not match its signature");
    refused(with_file(SIGNATURE_NAME, Some(b"hello\n")), "manifest.sig: not a signature file");
    refused(with_file(SIGNATURE_NAME, Some(b"tickerbox-signature 2\nkey\n")), "manifest.sig has format 2");
}

#[test]
fn a_stranger_is_refused() {
    let bundle = Bundle::pack(manifest(), files(), &SecretKey::from_bytes(&[1; 32])).expect("a sound manifest");
    let error = bundle.verify(&trusted()).expect_err("nobody trusts this key");
    assert!(matches!(error, BundleError::UnknownKey { trusted: 1, .. }) && !error.is_corrupt(), "{error}");
}

#[test]
fn a_signed_manifest_must_still_make_sense() {
    refused(resigned(|text| text.replacen("\"format\": 2", "\"format\": 3", 1)), "manifest.json has format 3");
    refused(resigned(|text| text.replacen("\"format\": 2", "\"format\": 1", 1)), "format: is 1, which knows neither");
    refused(resigned(|text| text.replacen("\"name\"", "\"nome\"", 1)), "unknown field `nome`");
    refused(
        resigned(|text| text.replacen("model.onnx", "../model.onnx", 1)),
        "\"../model.onnx\" is not a plain file name",
    );
    refused(resigned(|text| text.replacen("model.onnx", "manifest.sig", 1)), "list the manifest or the signature");
    refused(resigned(|text| text.replacen("2026-01-31", "2026-13-31", 1)), "created");
    refused(resigned(|text| text.replacen("rsi_14", "ret_1", 1)), "features: name one twice");
    refused(resigned(|text| text.replacen("\"window_min\": 45", "\"window_min\": 60", 1)), "inputs: are not exactly");
    refused(resigned(|text| text.replacen("\"window_min\": 45", "\"window_min\": 50", 1)), "not a multiple");
    refused(resigned(|text| text.replacen("\"window_min\": 45", "\"window_min\": 15", 1)), "not 2 to 1440 rows");
    refused(
        resigned(|text| text.replacen("\"timeframe_min\": 15", "\"timeframe_min\": 7", 1)),
        "timeframe_min: is not",
    );
    refused(
        resigned(|text| text.replacen("\"timeframe_min\": 15", "\"timeframe_min\": 0", 1)),
        "timeframe_min: is not",
    );
    refused(resigned(|text| text.replacen("    0.9", "    0.4", 1)), "quantiles: are not");
    refused(resigned(|text| text.replacen("\"risk\",", "\"rusk\",", 1)), "outputs: lack");
    refused(resigned(|text| text.replacen("\"action\",", "\"auction\",", 1)), "outputs: hold something unknown");
    refused(
        resigned(|text| text.replacen("\"bytes\": 18", "\"bytes\": 99999999999", 1)),
        "model.onnx has 99999999999 bytes",
    );
    refused(resigned(|_| "[".to_owned()), "manifest.json");
}

#[test]
fn what_is_no_bundle_is_said_so() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let error = load(dir.path(), &trusted()).expect_err("an empty folder");
    assert!(matches!(error, BundleError::NotABundle(_)), "{error}");
    let file = dir.path().join("model.onnx");
    fs::write(&file, "x").expect("room on the disk");
    assert!(matches!(load(&file, &trusted()), Err(BundleError::NotABundle(_))));
    assert!(matches!(load(&dir.path().join("gone"), &trusted()), Err(BundleError::Io { .. })));
}

#[test]
fn an_oversized_file_is_refused_unread() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    tiny().write_folder(dir.path()).expect("room on the disk");
    let manifest = fs::File::options().write(true).open(dir.path().join(MANIFEST_NAME)).expect("it was written");
    manifest.set_len(bundle::MANIFEST_BYTES_MAX + 1).expect("a sparse file");
    assert!(matches!(load(dir.path(), &trusted()), Err(BundleError::TooLarge { name, .. }) if name == MANIFEST_NAME));
}

#[test]
fn any_manifest_does_not_panic() {
    proptest::proptest!(|(bytes: Vec<u8>)| { let _ = Manifest::parse(&bytes); });
    let text = tiny().files()[MANIFEST_NAME].clone();
    proptest::proptest!(|(at in 0..text.len(), byte: u8)| {
        let mut bytes = text.clone();
        bytes[at] = byte;
        let _ = Manifest::parse(&bytes);
    });
}

/// The manifest as it is stored, changed and packed and read again.
fn stored(change: impl Fn(&mut Manifest)) -> Result<Manifest, BundleError> {
    let mut manifest = manifest();
    change(&mut manifest);
    let packed = Bundle::pack(manifest, files(), &key())?.into_files();
    Manifest::parse(&packed[MANIFEST_NAME])
}

#[test]
fn what_a_model_has_not_leaves_no_trace_in_its_manifest() {
    let plain = |manifest: &mut Manifest| {
        manifest.training.search = None;
        manifest.importance = BTreeMap::new();
    };
    let text = String::from_utf8(stored(plain).expect("a sound manifest").to_bytes()).expect("JSON is text");
    assert!(["search", "members", "importance"].iter().all(|key| !text.contains(key)), "{text}");
    let whole = stored(|_| {}).expect("a sound manifest");
    assert_eq!(whole.training.search.expect("it was searched").trials, 9);
    assert_eq!(whole.importance["rsi_14"], Importance { moves: 0.5, error: -1e-3 });
}

#[test]
fn searches_members_and_importances_that_cannot_be_are_refused() {
    fn member(training: &Training) -> Member {
        Member {
            architecture: "none".to_owned(),
            seed: 2,
            settings: BTreeMap::new(),
            search: training.search,
            folds: training.folds.clone(),
            metrics: BTreeMap::new(),
        }
    }
    let two = |manifest: &mut Manifest| manifest.training.members = vec![member(&manifest.training); 2];
    assert_eq!(stored(two).expect("two members").training.members[1].seed, 2);
    type Change = fn(&mut Manifest);
    let changes: [(Change, &str); 4] = [
        (|manifest| manifest.training.members = vec![member(&manifest.training)], "members"),
        (|manifest| manifest.training.search = Some(Search::default()), "search"),
        (|manifest| manifest.training.search.iter_mut().for_each(|search| search.trials = 30), "search"),
        (|manifest| manifest.importance = [("ema_9".to_owned(), Importance::default())].into(), "importance"),
    ];
    for (change, says) in changes {
        let error = stored(change).expect_err("must be refused").to_string();
        assert!(error.contains(says), "{error:?} does not say {says:?}");
    }
}
