//! The house of ARCHITECTURE.md: which crate may use which.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Folder, and the crates of ours that it may use outside its tests.
const ALLOWED: [(&str, &[&str]); 26] = [
    ("crates/types", &[]),
    ("crates/feed", &["types"]),
    ("crates/engine", &["types", "weights"]),
    ("crates/weights", &[]),
    ("crates/sentiment", &["types"]),
    ("crates/sim", &["types"]),
    ("crates/soak", &["types", "feed", "engine", "sim"]),
    ("crates/store", &["types"]),
    ("crates/backtest", &["types", "engine", "store"]),
    ("crates/export", &["types", "store"]),
    ("crates/bundle", &[]),
    ("crates/infer", &["types", "bundle"]),
    ("crates/wire", &[]),
    ("crates/words", &[]),
    ("crates/lamp", &["wire"]),
    ("crates/study", &["types"]),
    ("crates/news", &["types"]),
    ("crates/notify", &["types"]),
    ("crates/firstboot", &[]),
    ("crates/update", &["bundle"]),
    ("crates/testdata", &[]),
    (
        "appliance",
        &[
            "types",
            "feed",
            "engine",
            "sim",
            "soak",
            "store",
            "backtest",
            "export",
            "bundle",
            "infer",
            "wire",
            "news",
            "notify",
            "sentiment",
            "firstboot",
            "lamp",
            "study",
            "update",
        ],
    ),
    ("frontend", &["wire", "words"]),
    ("trainer", &["types", "engine", "store", "backtest", "bundle", "infer", "registry"]),
    ("trainer/registry", &["bundle"]),
    ("xtask", &["update", "words"]),
];

/// Heavy crates that stay behind one wall.
const WALLS: [(&str, &[&str]); 18] = [
    ("redb", &["crates/store"]),
    ("clarabel", &["crates/weights"]),
    ("parquet", &["crates/export"]),
    ("rusqlite", &["appliance"]),
    ("object_store", &["appliance", "trainer/registry"]),
    ("rskafka", &["appliance"]),
    ("rdkafka", &["tests"]),
    ("tract-onnx", &["crates/infer"]),
    ("tract-core", &["crates/infer"]),
    ("tokenizers", &["crates/sentiment"]),
    ("vader-parity", &["crates/sentiment"]),
    ("tokio", &["appliance", "tests", "trainer/registry"]),
    ("axum", &["appliance"]),
    ("leptos", &["frontend"]),
    ("feed-rs", &["crates/news"]),
    ("html5ever", &["crates/news"]),
    ("lettre", &["crates/notify", "appliance"]),
    ("burn", &["trainer"]),
];

fn root() -> &'static Path {
    Path::new("..")
}

fn manifest(folder: &str) -> toml::Table {
    let path: PathBuf = root().join(folder).join("Cargo.toml");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn dependencies(folder: &str) -> BTreeSet<String> {
    manifest(folder)
        .get("dependencies")
        .and_then(|d| d.as_table())
        .map(|d| d.keys().cloned().collect())
        .unwrap_or_default()
}

#[test]
fn crates_use_only_what_the_architecture_allows() {
    let ours: BTreeSet<&str> = [
        "types",
        "feed",
        "engine",
        "weights",
        "sim",
        "soak",
        "store",
        "backtest",
        "export",
        "bundle",
        "infer",
        "wire",
        "words",
        "news",
        "notify",
        "sentiment",
        "firstboot",
        "update",
        "registry",
    ]
    .into();
    for (folder, allowed) in ALLOWED {
        for name in dependencies(folder).iter().filter(|name| ours.contains(name.as_str())) {
            assert!(
                allowed.contains(&name.as_str()),
                "{folder} must not depend on {name} (ARCHITECTURE.md, The house)"
            );
        }
    }
}

#[test]
fn heavy_crates_stay_behind_their_walls() {
    for (name, homes) in WALLS {
        for (folder, _) in ALLOWED {
            let used = dependencies(folder).contains(name);
            assert!(!used || homes.contains(&folder), "{folder} must not depend on {name}: only {homes:?} may");
        }
    }
}

#[test]
fn every_crate_of_the_workspace_is_in_the_table() {
    let known: BTreeSet<&str> = ALLOWED.iter().map(|(folder, _)| *folder).collect();
    for entry in std::fs::read_dir(root().join("crates")).expect("crates/ exists") {
        let name = format!("crates/{}", entry.expect("readable").file_name().to_string_lossy());
        assert!(known.contains(name.as_str()), "{name} is not in the table of this test");
    }
}
