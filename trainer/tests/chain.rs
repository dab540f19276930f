//! From minutes to a signed bundle, small and whole.

mod made;

use std::fs;
use std::io::Write as _;
use std::path::Path;

use bundle::{Digest, SecretKey, Verdict};
use engine::candle::{Bar, csv};
use engine::feature::{Around, FeatureState, FeatureWindow};
use indicatif::ProgressBar;
use made::{bars, dataset, features, quiet, release, series, settings};
use trainer::dataset::Dataset;
use trainer::fit::{Settings, Task};
use trainer::net::{Architecture, Net, Shape, Site};
use trainer::onnx::{Calibration, Member, Precision, export};
use trainer::random::Random;
use trainer::release::{self, Release};
use trainer::scaling::Scaling;
use trainer::split::Split;
use trainer::{calibrate, import, run, windows};

const ALL: [Architecture; 3] = [Architecture::Transformer, Architecture::PatchTst, Architecture::Lstm];

fn chain(dataset: &Dataset, settings: &Settings, folder: &Path) -> release::Packed {
    run::train(dataset, settings, folder, &quiet()).expect("it trains");
    export_and_pack(dataset, folder, None)
}

fn export_and_pack(dataset: &Dataset, folder: &Path, timeframe_min: Option<u16>) -> release::Packed {
    let exported = release::export(folder, dataset, timeframe_min).expect("it exports");
    assert!(exported.float.log_return_max_bps < 1e-3 * exported.typical_bps.max(1.0), "{exported:?}");
    assert!(exported.float.p_up_max < 1e-5, "{exported:?}");
    let others = &exported.float.others;
    assert_eq!(others.keys().collect::<Vec<_>>(), ["action", "quantiles", "risk", "size"]);
    for (name, difference) in others {
        let allowed = if ["quantiles", "risk"].contains(&name.as_str()) { 1e-4 * exported.risk_bps } else { 1e-5 };
        assert!(difference.max < allowed, "{name}: {exported:?}");
    }
    let release = Release { timeframe_min, ..release() };
    release::pack(folder, dataset, &release, &SecretKey::from_bytes(&[3; 32])).expect("it packs")
}

#[test]
fn every_architecture_comes_through_and_the_same_seed_gives_the_same_bundle() {
    let dataset = dataset(vec![series(1_200, 1, 0.0, 1)]);
    let dir = tempfile::tempdir().expect("a temporary folder");
    for model in ALL {
        let settings = settings(model);
        let folder = |name: &str| dir.path().join(format!("{model:?}-{name}"));
        let first = chain(&dataset, &settings, &folder("a"));
        let manifest = first.verified.manifest();
        assert_eq!(manifest.gives("attention"), model != Architecture::Lstm);
        let loaded = infer::Model::load(&first.verified).expect("it packed");
        let answer = loaded.predict_all(&[manifest.probes[0].window.clone()]).expect("a sound window").remove(0);
        assert!(answer.decision.is_some() && answer.horizons.iter().all(|horizon| horizon.quantiles.len() == 3));
        if model != Architecture::Lstm {
            let sum: f32 = answer.attention.iter().sum();
            assert!((sum - 1.0).abs() < 1e-4, "{model:?}: attention sums to {sum}");
        }
        let again = chain(&dataset, &settings, &folder("b"));
        assert_eq!(first.bundle, again.bundle, "{model:?}: bytes differ between two runs with one seed");
        let other = chain(&dataset, &Settings { seed: 8, ..settings }, &folder("c"));
        assert_ne!(first.verified.digest(), other.verified.digest(), "{model:?}");
    }
}

#[test]
fn one_network_learns_candles_of_several_lengths_and_is_packed_for_each() {
    let both = dataset(vec![series(3_000, 5, 0.0, 1), series(1_000, 15, 0.0, 2)]);
    let dir = tempfile::tempdir().expect("a temporary folder");
    let settings = settings(Architecture::Transformer);
    run::train(&both, &settings, dir.path(), &quiet()).expect("it trains");
    let error = release::export(dir.path(), &both, None).expect_err("which length?");
    assert!(format!("{error:#}").contains("--timeframe"), "{error:#}");
    for minutes in [5u16, 15] {
        let packed = export_and_pack(&both, dir.path(), Some(minutes));
        let manifest = packed.verified.manifest();
        assert_eq!((manifest.timeframe_min, manifest.window_min), (minutes, u32::from(minutes) * 8));
        assert_eq!(manifest.horizons_min, [minutes, 2 * minutes]);
        let (source, metrics) = manifest.metrics.first_key_value().expect("one series of this length");
        assert_eq!((manifest.metrics.len(), source.as_str()), (1, format!("walk-{minutes}.csv").as_str()));
        assert!(metrics[&(2 * minutes)].n > 100, "{metrics:?}");
    }
}

#[test]
fn bfloat16_trains_and_is_another_model() {
    let dataset = dataset(vec![series(1_000, 1, 0.0, 1)]);
    let dir = tempfile::tempdir().expect("a temporary folder");
    let whole = Settings { epochs: 1, ..settings(Architecture::Transformer) };
    let half = Settings { bf16: true, ..whole.clone() };
    let loss = |settings: &Settings, name: &str| {
        run::train(&dataset, settings, &dir.path().join(name), &quiet()).expect("it trains").losses[0].1
    };
    let (whole, half) = (loss(&whole, "f32"), loss(&half, "bf16"));
    assert!(whole != half && (whole - half).abs() < 0.02 * whole, "{whole} and {half}");
}

#[test]
fn an_interrupted_fit_goes_on_as_if_nothing_had_happened() {
    let (dataset, settings) = (dataset(vec![series(1_000, 1, 0.0, 2)]), settings(Architecture::PatchTst));
    let split = Split::new(dataset.range(), 1, 10).expect("enough minutes");
    let train = windows::labelled(&dataset, settings.window, &settings.horizons, split.last.train);
    let scalings = calibrate::scalings(&dataset, &train, &settings, run::VOLATILITY).expect("moving prices");
    let task = Task { dataset: &dataset, settings: &settings, scalings: &scalings, fold: split.last, number: 0 };
    let dir = tempfile::tempdir().expect("a temporary folder");
    let (whole, cut) = (dir.path().join("whole.ckpt"), dir.path().join("cut.ckpt"));
    let bar = ProgressBar::hidden();
    let outputs = |net: &Net| trainer::fit::raw_outputs(net, &dataset, &train[..20], settings.window, &scalings);

    let unbroken = task.fit(&whole, &bar).expect("it trains");
    let mut begun = task.start(&cut).expect("a beginning");
    task.advance(&mut begun, &bar).expect("an epoch");
    drop(begun);
    let resumed = task.fit(&cut, &bar).expect("it goes on");
    assert_eq!(unbroken.progress, resumed.progress);
    assert_eq!(outputs(&unbroken.net), outputs(&resumed.net));

    let other = Settings { learning_rate: 1e-4, ..settings.clone() };
    let error = Task { settings: &other, ..task }.fit(&cut, &bar).expect_err("another task's checkpoint");
    assert!(format!("{error:#}").contains("other settings"), "{error:#}");
    let mut bytes = fs::read(&whole).expect("it was written");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&whole, bytes).expect("room on the disk");
    assert!(format!("{:#}", task.fit(&whole, &bar).expect_err("damage")).contains("damaged"));
}

/// What the best forecaster of returns that follow the one before by `memory` gains over "no change" at one and two candles.
/// With normal noise a mean absolute error is a multiple of the standard deviation, so the skill is one minus a ratio of
/// deviations: of what remains unknown, and of the whole move.
fn known_skill(memory: f64) -> [f64; 2] {
    let spread = 1.0 / (1.0 - memory * memory);
    let skill = |known: f64, unknown: f64| 1.0 - (unknown / (known * known * spread + unknown)).sqrt();
    [skill(memory, 1.0), skill(memory + memory * memory, (1.0 + memory).powi(2) + 1.0)]
}

#[test]
fn a_planted_edge_of_known_skill_is_measured_and_shuffled_outcomes_prove_nothing() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let settings = Settings { epochs: 12, stride: 1, ..settings(Architecture::Transformer) };
    let packed = |dataset: &Dataset, name: &str| chain(dataset, &settings, &dir.path().join(name));
    let measured = |packed: &release::Packed| {
        packed.verified.manifest().metrics["walk-1.csv"].values().copied().collect::<Vec<_>>()
    };
    let mut data = dataset(vec![series(6_000, 1, 0.6, 3)]);
    let planted = packed(&data, "planted");
    // The edge lies in the last move, which is the body of the last candle too.
    let leans = &planted.verified.manifest().importance;
    let first = leans.iter().max_by(|a, b| a.1.error.total_cmp(&b.1.error)).expect("sixteen features");
    assert!(["ret_1", "body_bps"].contains(&first.0.as_str()) && first.1.error > 0.02, "{leans:?}");
    assert_eq!(leans.len(), run::FEATURES.len());
    for (metrics, known) in measured(&planted).iter().zip(known_skill(0.6)) {
        assert_eq!(metrics.verdict, Verdict::Better, "{metrics:?}");
        let (lo, hi) = (metrics.skill_lo.expect("enough forecasts"), metrics.skill_hi.expect("enough forecasts"));
        assert!(lo <= known && known <= hi, "{known} is not in {lo} to {hi}");
    }
    // The same features, but the moves that follow them in another order.
    let series = &mut data.series[0];
    let mut moves: Vec<f64> = series.prices.array_windows().map(|[a, b]| b / a).collect();
    Random::new(4, 4).shuffle(&mut moves);
    for (index, step) in moves.into_iter().enumerate() {
        series.prices[index + 1] = series.prices[index] * step;
    }
    for metrics in measured(&packed(&data, "shuffled")) {
        assert_eq!(metrics.verdict, Verdict::NotProven, "{metrics:?}");
    }
}

/// A network and constants made from one seed, no training.
fn made_up(architecture: Architecture) -> (Net, Shape, Scaling) {
    let settings = Settings { window: 4, width: 4, hidden: 6, patch: 2, patch_stride: 1, ..settings(architecture) };
    let shape = settings.shape(3);
    let net = Net::new(&shape, &mut Random::new(5, 5), &burn::tensor::Device::flex());
    let scaling = Scaling {
        mean: vec![0.5, 0.0, -0.25],
        std: vec![1.0, 2.0, 0.5],
        clip: 5.0,
        volatility_column: 1,
        volatility_floor: 0.125,
        horizon_units: vec![1.0, 1.5],
        return_shrink: vec![0.5, 0.25],
        logit_shrink: vec![1.0, 0.5],
    };
    (net, shape, scaling)
}

#[test]
fn the_written_files_are_the_same_bytes_as_ever() {
    // Changes whenever the writer writes something else; check the new files with `tests/check_onnx.py` before changing these.
    let expected = [
        [
            "cdd64fb9a72ce9f25b3f698265ff87781ea3179bc592ac0f010da28478e5e722",
            "04a2b25094c2b4046e9dbd026626962175c22e31b731ed16f7455eb509e36070",
        ],
        [
            "d055cd187b3710a8c48cde0e1bb556edff37306b4eddffa44fa1e88ff4f40a20",
            "c021f4be6773a73d2259504c22a1b3dc568dc908fc4fec43ccbe561ca2e30feb",
        ],
        [
            "7508be65bbe45043f2fb3eecaf0cfc9b52f4d385fa92be1cefa392a0ea08864b",
            "4519b24cc2dd0b035e56fac1c45fdea7d05e85c5157e47ae7be887a96deb977d",
        ],
    ];
    let found = ALL.map(|architecture| {
        let (net, shape, scaling) = made_up(architecture);
        let mut calibration = Calibration::default();
        for site in [Site::Input, Site::Qkv(0), Site::Out(0), Site::Up(0), Site::Down(0), Site::Qkv(1), Site::Summary] {
            calibration.observe(site, &[-2.0, 1.0]);
        }
        [Precision::Float, Precision::Int8(&calibration)].map(|precision| {
            let member = Member { net: &net, shape: &shape, scaling: &scaling, precision };
            let file = export(&[member], &[("features", "a b c".to_owned())]);
            Digest::of(&file).to_string()
        })
    });
    assert_eq!(found, expected);
}

fn csv_of(bars: &[Bar]) -> String {
    let line = |bar: &Bar| {
        let Bar { open, high, low, close, volume, .. } = bar;
        format!("{},{open},{high},{low},{close},{volume}\n", bar.open_time.as_millis())
    };
    std::iter::once(format!("{}\n", csv::HEADER)).chain(bars.iter().map(line)).collect()
}

#[test]
fn the_trainers_windows_are_the_boxes_windows() {
    // Gaps, a doubled minute whose first row is wrong, and rows out of order.
    let mut rows = bars(400, 1, 0.0, 4);
    rows.retain(|bar| ![150, 151, 300].contains(&(bar.open_time.as_secs() / 60 - 28_999_440)));
    let truth = rows.clone();
    let wrong = Bar { high: 200.0, close: 200.0, ..rows[100] };
    rows.insert(50, wrong);
    rows.swap(20, 21);
    let dir = tempfile::tempdir().expect("a temporary folder");
    let plain = dir.path().join("rows.csv");
    fs::write(&plain, csv_of(&rows)).expect("room on the disk");
    let zipped = dir.path().join("rows.csv.gz");
    let mut gz = flate2::write::GzEncoder::new(fs::File::create(&zipped).expect("a file"), flate2::Compression::fast());
    gz.write_all(csv_of(&rows).as_bytes()).expect("room on the disk");
    gz.finish().expect("room on the disk");

    let dataset = import::dataset(&[&plain], &features()).expect("sound rows");
    let series = &dataset.series[0];
    assert_eq!(series.minutes.len(), truth.len());
    let packed = import::candle_file(&zipped, &features()).expect("sound rows");
    assert!(packed.rows.iter().map(|v| v.to_bits()).eq(series.rows.iter().map(|v| v.to_bits())));

    const LEN: usize = 20;
    let (mut state, mut window) = (FeatureState::new(1), FeatureWindow::new(&features(), LEN as u16).expect("known"));
    let mut expected = Vec::new();
    for (index, bar) in truth.iter().enumerate() {
        if index > 0 && bar.open_time.as_secs() - truth[index - 1].open_time.as_secs() != 60 {
            window.clear();
        }
        window.push(state.update(bar, &Around::default()));
        expected.extend(window.values().map(|values| (index, values)));
    }
    let ends = windows::ends(series, dataset.features.len(), LEN);
    let found: Vec<(usize, Vec<f32>)> = ends
        .into_iter()
        .map(|end| (end, windows::values(&dataset, windows::Window { series: 0, end }, LEN).to_vec()))
        .collect();
    assert!(!expected.is_empty());
    assert_eq!(found, expected);
}

#[test]
fn candle_files_that_do_not_fit_are_refused_in_words() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let refused = |name: &str, content: &[u8]| {
        let path = dir.path().join(name);
        fs::write(&path, content).expect("room on the disk");
        let error = import::candle_file(&path, &features()).expect_err("not a candle file of minutes");
        let text = format!("{error:#}");
        assert!(text.contains(name), "{text}");
        text
    };
    assert!(refused("empty.csv", b"").contains("empty"));
    assert!(refused("binary.csv", &[0, 159, 146, 150]).contains("line 1"));
    assert!(refused("seven.csv", csv_of(&bars(100, 7, 0.0, 5)).as_bytes()).contains("candles of 7 minutes"));
    let late: Vec<Bar> = bars(100, 1, 0.0, 5).into_iter().skip(1).step_by(5).collect();
    assert!(refused("late.csv", csv_of(&late).as_bytes()).contains("does not start with a multiple of 5 minutes"));
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(csv_of(&bars(500, 1, 0.0, 5)).as_bytes()).expect("memory");
    let whole = gz.finish().expect("memory");
    assert!(refused("cut.csv.gz", &whole[..whole.len() / 2]).contains("cut off"));
}
