//! Wrong files and arguments: one clear message that says what and where, a code other than zero, no panic, no harm.

use std::path::{Path, PathBuf};

use tickerbox_tests::{root, tickerbox};

fn write(dir: &Path, name: &str, content: &[u8]) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, content).expect("temporary file");
    path
}

#[test]
fn three_mistakes_of_a_configuration_are_told_at_once() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let file = write(
        dir.path(),
        "box.toml",
        b"[server]\nlisten = \"nowhere\"\n\n[feeds.kraken]\nbook_depth = 7\n\n[store]\ndata_dri = \"x\"\n",
    );
    let checked = tickerbox(&["check-config".as_ref(), file.as_os_str()]);
    checked.assert_refused(&["server.listen", "feeds.kraken.book_depth", "data_dri", "data_dir"]);
    assert_eq!(checked.code, Some(2));
    assert_eq!(checked.err.lines().count(), 3, "{}", checked.err);
    let run = tickerbox(&["run".as_ref(), "--config".as_ref(), file.as_os_str()]);
    run.assert_refused(&["server.listen", "feeds.kraken.book_depth", "data_dri"]);
    assert_eq!(run.code, Some(2));
}

#[test]
fn the_printed_default_configuration_is_right() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let default = tickerbox(&["check-config", "--print-default"]);
    let file = write(dir.path(), "default.toml", default.out.as_bytes());
    assert_eq!(tickerbox(&["check-config".as_ref(), file.as_os_str()]).code, Some(0));
    let committed = std::fs::read_to_string(root().join("docs/tickerbox.default.toml")).expect("it is committed");
    assert_eq!(default.out, committed);
}

#[test]
fn a_bundle_with_one_flipped_byte_is_refused() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let candles =
        write(dir.path(), "candles.csv", b"open_time_ms,open,high,low,close,volume\n1748798400000,1,2,1,2,3\n");
    let starter = root().join("models/starter");
    for entry in std::fs::read_dir(&starter).expect("the starter bundle is committed") {
        let name = entry.expect("readable").file_name();
        let copy = dir.path().join("bundle");
        std::fs::create_dir_all(&copy).expect("temporary folder");
        for file in std::fs::read_dir(&starter).expect("readable") {
            let file = file.expect("readable");
            std::fs::copy(file.path(), copy.join(file.file_name())).expect("copied");
        }
        let target = copy.join(&name);
        let mut bytes = std::fs::read(&target).expect("readable");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&target, bytes).expect("written");
        let predicted = tickerbox(&[
            "predict".as_ref(),
            "--bundle".as_ref(),
            copy.as_os_str(),
            "--candles".as_ref(),
            candles.as_os_str(),
        ]);
        predicted.assert_refused(&["bundle"]);
    }
}

#[test]
fn candle_files_with_mistakes_are_refused_with_the_line() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let out = dir.path().join("rows.csv");
    let header = "open_time_ms,open,high,low,close,volume\n";
    for (name, content, words) in [
        ("empty.csv", String::new(), ["empty.csv", "empty"]),
        ("header.csv", "time,price\n1,2\n".to_owned(), ["header.csv", "line 1"]),
        ("short.csv", format!("{header}1748798400000,1,2\n"), ["short.csv", "line 2"]),
        ("nan.csv", format!("{header}1748798400000,NaN,2,1,2,3\n"), ["nan.csv", "line 2"]),
        ("turned.csv", format!("{header}1748798400000,1,1,2,1,3\n"), ["turned.csv", "line 2"]),
    ] {
        let file = write(dir.path(), name, content.as_bytes());
        let ran = tickerbox(&[
            "features".as_ref(),
            "--candles".as_ref(),
            file.as_os_str(),
            "--out".as_ref(),
            out.as_os_str(),
        ]);
        ran.assert_refused(&words);
        assert!(!out.exists(), "{name}: nothing is left behind");
    }
}

#[test]
fn a_folder_without_a_journal_is_told() {
    let dir = tempfile::tempdir().expect("temporary folder");
    tickerbox(&["replay".as_ref(), dir.path().as_os_str()]).assert_refused(&["journal"]);
    tickerbox(&["replay".as_ref(), dir.path().join("absent").as_os_str()]).assert_refused(&["absent"]);
    write(dir.path(), "journal-20261121.redb", &[7; 10_000]);
    tickerbox(&["replay".as_ref(), dir.path().as_os_str()]).assert_refused(&["journal-20261121.redb"]);
}

#[test]
fn every_command_explains_itself() {
    let help = tickerbox(&["--help"]).out;
    for command in
        ["run", "demo", "sim", "status", "notify", "check-config", "feed", "candles", "features", "predict", "replay"]
    {
        assert!(help.contains(command), "{command} is not in: {help}");
        let own = tickerbox(&[command, "--help"]);
        assert_eq!(own.code, Some(0));
        assert!(own.out.contains("Usage:"), "{}", own.out);
    }
    let demo = tickerbox(&["demo", "--help"]).out;
    for option in ["--listen", "--data-dir", "--seed", "--speed"] {
        assert!(demo.contains(option), "{option} is not in: {demo}");
    }
}
