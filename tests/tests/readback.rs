//! What is exported, read by the programs it is for (DuckDB, and pyarrow, which pandas reads Parquet with) and by the box.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tickerbox_tests::demo::Demo;
use tickerbox_tests::tickerbox;

/// Prints counts and sums that each program finds, as one JSON object.
const SCRIPT: &str = r#"
import json, sys
import duckdb, pyarrow.compute as compute, pyarrow.dataset as dataset
root, queried = sys.argv[1], sys.argv[2]
found = {}
for end, reader in (("parquet", "read_parquet"), ("csv", "read_csv")):
    candles = f"{reader}('{root}/kind=candles_1m/**/*.{end}', hive_partitioning = true)"
    trades = f"{reader}('{root}/kind=trades/**/*.{end}', hive_partitioning = true)"
    found[f"duckdb {end}"] = {
        "candles": duckdb.execute(f"select count(*), sum(close), sum(volume), count(distinct venue) from {candles}").fetchall()[0],
        "trades": duckdb.execute(f"select count(*), sum(price), sum(qty), count(distinct venue) from {trades}").fetchall()[0],
    }
def arrow(kind, price, size):
    table = dataset.dataset(f"{root}/kind={kind}", format="parquet", partitioning="hive",
                            exclude_invalid_files=True).to_table()
    total = lambda column: compute.sum(table[column]).as_py()
    return [table.num_rows, total(price), total(size), len(compute.unique(table["venue"]))]
found["pyarrow"] = {"candles": arrow("candles_1m", "close", "volume"), "trades": arrow("trades", "price", "qty")}
one = duckdb.execute(f"select count(*), sum(price), sum(qty), count(distinct venue) from read_parquet('{queried}')").fetchall()[0]
found["query"] = {"candles": found["pyarrow"]["candles"], "trades": one}
print(json.dumps(found))
"#;

fn text(path: &Path) -> &str {
    path.to_str().expect("a plain name")
}

/// Rows, sum of a price, sum of a quantity, and venues, as the box's own query tells them.
fn expected(dir: &Path, kind: &str, price: &str, qty: &str, venue: &str) -> [f64; 4] {
    let rows = tickerbox(&["query", kind, "--data-dir", text(dir), "--format", "json"]).json();
    let rows = rows.as_array().expect("rows");
    let number = |row: &Value, key: &str| -> f64 { row[key].as_str().expect("text").parse().expect("a number") };
    let sum = |key: &str| rows.iter().map(|row| number(row, key)).sum();
    let mut venues: Vec<&str> = rows.iter().filter_map(|row| row[venue].as_str()).collect();
    venues.sort_unstable();
    venues.dedup();
    [rows.len() as f64, sum(price), sum(qty), venues.len() as f64]
}

#[test]
fn other_programs_read_the_same_counts_and_sums() {
    let there = Command::new("python3").args(["-c", "import duckdb, pyarrow.dataset"]).output();
    if !there.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: python3 with duckdb and pyarrow is not there (pip install duckdb pyarrow)");
        return;
    }
    let (dir, out) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let demo = Demo::start(dir.path(), &["--speed", "60", "--log", "error"]);
    demo.wait_until("some inputs", |health| health["store"]["committed_seq"].as_u64() > Some(6_000));
    demo.kill();
    let export = tickerbox(&["export", "--data-dir", text(dir.path()), "--out", text(out.path()), "--json"]);
    assert!(export.json()["written"].as_u64() > Some(8), "{export:?}");
    let queried = dir.path().join("trades.parquet");
    let file = std::fs::File::create(&queried).expect("creates");
    let query = Command::new(tickerbox_tests::binary())
        .args(["query", "trades", "--data-dir", text(dir.path()), "--format", "parquet"])
        .stdout(file)
        .status();
    assert!(query.expect("starts").success());

    let python =
        Command::new("python3").args(["-c", SCRIPT, text(out.path()), text(&queried)]).output().expect("starts");
    assert!(python.status.success(), "{}", String::from_utf8_lossy(&python.stderr));
    let found: Value = serde_json::from_slice(&python.stdout).expect("JSON");
    let candles = expected(dir.path(), "candles", "close", "volume", "source");
    let trades = expected(dir.path(), "trades", "price", "qty", "venue");
    assert!(candles[0] > 100.0 && trades[0] > 100.0 && candles[3] >= 4.0, "{candles:?} {trades:?}");
    for program in ["duckdb parquet", "duckdb csv", "pyarrow", "query"] {
        for (kind, expected) in [("candles", candles), ("trades", trades)] {
            let read = found[program][kind].as_array().unwrap_or_else(|| panic!("{program}: {found}"));
            for (read, expected) in read.iter().zip(expected) {
                let read = read.as_f64().expect("a number");
                // A sum of floats depends on its order.
                assert!(
                    (read - expected).abs() <= 1e-9 * expected.abs(),
                    "{program} {kind}: {read} and not {expected}"
                );
            }
        }
    }
}

#[test]
fn candles_go_out_as_parquet_and_come_back() {
    let dir = tempfile::tempdir().expect("a folder");
    let (first, second) = (dir.path().join("first"), dir.path().join("second"));
    let mut rows = "time,open,high,low,close,volume\n".to_owned();
    // One minute is missing, one is told twice.
    for minute in [0, 1, 2, 4, 5, 5] {
        rows.push_str(&format!("{},100.5,101.25,99.125,100.0{minute},1.5\n", 1_700_000_040 + 60 * minute));
    }
    let csv = dir.path().join("kraken_BTC-USD_1m_a.csv");
    std::fs::write(&csv, rows).expect("writes");
    let import = |file: &Path, into: &Path| {
        let report = tickerbox(&["import", text(file), "--data-dir", text(into), "--json"]).json();
        ["rows", "imported", "duplicates", "gaps", "missing", "quarantined"].map(|key| report[key].as_u64())
    };
    assert_eq!(import(&csv, &first), [6, 5, 1, 1, 1, 0].map(Some));
    let history = |of: &Path| tickerbox(&["query", "history", "--data-dir", text(of), "--format", "json"]).json();
    let parquet = dir.path().join("kraken_BTC-USD_1m_b.parquet");
    let query = Command::new(tickerbox_tests::binary())
        .args(["query", "history", "--data-dir", text(&first), "--format", "parquet"])
        .stdout(std::fs::File::create(&parquet).expect("creates"))
        .status();
    assert!(query.expect("starts").success());
    assert_eq!(import(&parquet, &second), [5, 5, 0, 1, 1, 0].map(Some));
    assert_eq!(history(&first), history(&second));
    assert_eq!(import(&parquet, &first), [5, 0, 5, 1, 1, 0].map(Some), "nothing new");
    let bytes = std::fs::read(&parquet).expect("reads");
    std::fs::write(&parquet, &bytes[..bytes.len() / 2]).expect("writes");
    tickerbox(&["import", text(&parquet), "--data-dir", text(&first)]).assert_refused(&["_b.parquet", "footer"]);
}
