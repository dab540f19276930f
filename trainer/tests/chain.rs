//! From minutes to a signed bundle, small and whole.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use bundle::{Digest, SecretKey, Verdict};
use engine::candle::{Bar, csv};
use engine::feature::{Around, FeatureState, FeatureWindow};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget};
use trainer::dataset::Dataset;
use trainer::fit::{Settings, Task};
use trainer::net::{Net, Shape, Site};
use trainer::onnx::{Calibration, Precision, export};
use trainer::random::Random;
use trainer::release::{self, Release};
use trainer::scaling::Scaling;
use trainer::{import, run, windows};
use types::Timestamp;

fn settings() -> Settings {
    Settings {
        seed: 7,
        window: 8,
        horizons_min: vec![1, 2],
        width: 8,
        layers: 2,
        heads: 2,
        hidden: 16,
        epochs: 3,
        patience: 3,
        batch: 32,
        learning_rate: 3e-3,
        weight_decay: 0.01,
        stride: 2,
        folds: 1,
    }
}

/// Minutes whose returns follow the one before by `memory`.
fn bars(count: i64, memory: f64, seed: u64) -> Vec<Bar> {
    let mut random = Random::new(seed, 1);
    let (mut close, mut last) = (100.0f64, 0.0f64);
    let mut bar = |minute: i64| {
        let noise: f64 = (0..4).map(|_| f64::from(random.uniform(-1.0, 1.0))).sum();
        last = memory * last + 3e-4 * noise;
        let open = close;
        close *= last.exp();
        let edge = 1.0 + f64::from(random.uniform(0.0, 1e-4));
        Bar {
            open_time: Timestamp::from_secs((29_000_000 + minute) * 60),
            open,
            high: open.max(close) * edge,
            low: open.min(close) / edge,
            close,
            volume: f64::from(random.uniform(1.0, 5.0)),
        }
    };
    (0..count).map(&mut bar).collect()
}

fn features() -> Vec<String> {
    run::FEATURES.map(str::to_owned).into()
}

fn dataset(count: i64, memory: f64, seed: u64) -> Dataset {
    let series = import::series("walk.csv".to_owned(), Digest::of(b"walk"), &bars(count, memory, seed), &features());
    let fingerprint = engine::feature::fingerprint(&features()).expect("known features");
    Dataset { features: features(), fingerprint, series: vec![series.expect("known features")] }
}

fn quiet() -> MultiProgress {
    MultiProgress::with_draw_target(ProgressDrawTarget::hidden())
}

fn release() -> Release {
    Release { name: "tiny".to_owned(), created: "2026-01-31".to_owned(), revision: 1, source_revision: None }
}

fn chain(dataset: &Dataset, settings: &Settings, folder: &Path) -> release::Packed {
    run::train(dataset, settings, folder, &quiet()).expect("it trains");
    let exported = release::export(folder, dataset).expect("it exports");
    assert!(exported.float.log_return_max_bps < 1e-3 * exported.typical_bps.max(1.0), "{exported:?}");
    assert!(exported.float.p_up_max < 1e-5, "{exported:?}");
    release::pack(folder, dataset, &release(), &SecretKey::from_bytes(&[3; 32])).expect("it packs")
}

#[test]
fn the_same_seed_gives_the_same_bundle_and_another_seed_another() {
    let dataset = dataset(1_200, 0.0, 1);
    let dir = tempfile::tempdir().expect("a temporary folder");
    let first = chain(&dataset, &settings(), &dir.path().join("a"));
    let again = chain(&dataset, &settings(), &dir.path().join("b"));
    assert_eq!(first.bundle, again.bundle, "bytes differ between two runs with one seed");
    let other = chain(&dataset, &Settings { seed: 8, ..settings() }, &dir.path().join("c"));
    assert_ne!(first.verified.digest(), other.verified.digest());
}

#[test]
fn an_interrupted_fit_goes_on_as_if_nothing_had_happened() {
    let (dataset, settings) = (dataset(1_000, 0.0, 2), settings());
    let split = trainer::split::Split::new(dataset.range(), 1, settings.window, 2).expect("enough minutes");
    let (from, to) = split.last.train;
    let train = windows::labelled(&dataset, settings.window, &settings.horizons_min, from, to);
    let scaling = Scaling::fit(&dataset, &train, &settings, run::VOLATILITY).expect("moving prices");
    let task = Task { dataset: &dataset, settings: &settings, scaling: &scaling, fold: split.last, number: 0 };
    let dir = tempfile::tempdir().expect("a temporary folder");
    let (whole, cut) = (dir.path().join("whole.ckpt"), dir.path().join("cut.ckpt"));
    let bar = ProgressBar::hidden();
    let outputs = |net: &Net| trainer::fit::raw_outputs(net, &dataset, &train[..20], settings.window, &scaling);

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

#[test]
fn a_planted_edge_is_found_and_none_is_not_invented() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let settings = Settings { epochs: 8, stride: 1, ..settings() };
    let verdicts = |memory: f64, name: &str| {
        let packed = chain(&dataset(4_000, memory, 3), &settings, &dir.path().join(name));
        let metrics = packed.verified.manifest().metrics["walk.csv"].clone();
        metrics.values().map(|metrics| (metrics.verdict, metrics.skill)).collect::<Vec<_>>()
    };
    let planted = verdicts(0.6, "planted");
    assert!(planted.iter().all(|(verdict, _)| *verdict == Verdict::Better), "{planted:?}");
    let none = verdicts(0.0, "none");
    assert!(none.iter().all(|(verdict, _)| *verdict != Verdict::Better), "{none:?}");
}

/// A network and constants made from one seed, no training.
fn made_up() -> (Net, Shape, Scaling) {
    let shape = Shape { window: 4, features: 3, horizons: 2, width: 4, layers: 2, heads: 2, hidden: 6 };
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
    let (net, shape, scaling) = made_up();
    let float = export(&net, &shape, &scaling, Precision::Float);
    let mut calibration = Calibration::default();
    for site in [Site::Input, Site::Qkv(0), Site::Out(0), Site::Up(0), Site::Down(0), Site::Qkv(1), Site::Out(1)] {
        calibration.observe(site, &[-2.0, 1.0]);
    }
    let int8 = export(&net, &shape, &scaling, Precision::Int8(&calibration));
    // Changes whenever the writer writes something else; check the new file in two engines before changing these.
    let digests = (Digest::of(&float).to_string(), Digest::of(&int8).to_string());
    assert_eq!(
        digests.0,
        "9b71b662939b462b9bd224511ce492373c6eb0721cbc71878f8c63e29eaf886d",
        "32-bit file of {} bytes",
        float.len()
    );
    assert_eq!(
        digests.1,
        "d3cba5064ea203417434a171d5db9cde1256164ac2f4cda8f77e04854a6f3ed4",
        "INT8 file of {} bytes",
        int8.len()
    );
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
    let mut rows = bars(400, 0.0, 4);
    rows.retain(|bar| ![150, 151, 300].contains(&(bar.open_time.as_secs() / 60 - 29_000_000)));
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
    let five: Vec<Bar> = bars(100, 0.0, 5).into_iter().step_by(5).collect();
    assert!(refused("five.csv", csv_of(&five).as_bytes()).contains("candles of 5 minutes"));
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(csv_of(&bars(500, 0.0, 5)).as_bytes()).expect("memory");
    let whole = gz.finish().expect("memory");
    assert!(refused("cut.csv.gz", &whole[..whole.len() / 2]).contains("cut off"));
}
