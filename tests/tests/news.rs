//! `tickerbox news`: every recording of news, posts and calendars through the command, twice, cut and spoiled.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tickerbox_tests::{Finished, tickerbox};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("temporary folder"))
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).expect("written");
        path
    }

    fn run(&self, words: &[&str], file: Option<&Path>) -> Finished {
        let data = self.0.path().join("data");
        let mut arguments: Vec<&OsStr> = vec!["news".as_ref()];
        arguments.extend(words.iter().map(OsStr::new));
        arguments.extend(file.map(Path::as_os_str));
        arguments.extend(["--data-dir".as_ref(), data.as_os_str()]);
        tickerbox(&arguments)
    }

    /// The report of an import, whether or not items were set aside.
    #[track_caller]
    fn import(&self, kind: &str, file: &Path, options: &[&str]) -> Value {
        let words = [&["import", "--json", kind], options].concat();
        let ran = self.run(&words, Some(file));
        assert!(matches!(ran.code, Some(0 | 1)), "{}", ran.err);
        let report: Value = serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {}", ran.out));
        assert_eq!(ran.code == Some(1), report["set_aside"] != 0, "{report}");
        report
    }

    #[track_caller]
    fn list(&self, options: &[&str]) -> Vec<Value> {
        let ran = self.run(&[&["list", "--json"], options].concat(), None);
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        ran.out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }
}

#[track_caller]
fn counts(report: &Value, expected: [u64; 4]) {
    let found = ["read", "new", "same_as_others", "set_aside"].map(|key| report[key].as_u64().expect("a number"));
    assert_eq!(found, expected, "{report}");
}

const NEW_YORK: [&str; 2] = ["--zone", "America/New_York"];

#[test]
fn all_recordings_are_taken_over_once() {
    // File, kind, options, and how many items it has and how many of them another file tells too.
    let files: [(&str, &str, &[&str], u64, u64); 10] = [
        ("news/coindesk_rss_20260924.xml", "rss", &[], 2, 0),
        ("news/cointelegraph_rss_20260828.xml", "rss", &[], 2, 0),
        ("news/cryptocompare_news_20201114.json", "cryptocompare", &[], 5, 0),
        ("news/cryptolin_headlines_labelled.csv", "headlines-csv", &[], 1_788, 0),
        ("macro/fed_monetary_rss_20260925.xml", "rss", &[], 2, 0),
        ("macro/forexfactory_2022_jan-jul.csv", "forexfactory", &NEW_YORK, 2_728, 0),
        ("macro/investing_us_2022_jan-jul.csv", "investing", &["--zone", "-04:00"], 2_670, 257),
        ("posts/truth_social_post_times_20250120-20251231.csv.gz", "posts-csv", &[], 5_952, 0),
        ("posts/truth_social_api_html_20251025-20251031.json.gz", "posts-json", &[], 140, 0),
        ("posts/truth_social_posts_text_20260126-20260228.csv.gz", "posts-csv", &[], 679, 0),
    ];
    let folder = Folder::new();
    for (name, kind, options, items, same) in files {
        let Some(file) = testdata::path(name) else { return };
        let report = folder.import(kind, &file, options);
        assert_eq!((&report["read"], &report["set_aside"]), (&items.into(), &0.into()), "{report}");
        assert_eq!(report["same_as_others"], same, "{report}");
        assert_eq!(
            report["new"].as_u64().zip(report["same_as_others"].as_u64()).map(|(new, same)| new + same),
            Some(items)
        );
        let again = folder.import(if kind == "headlines-csv" { kind } else { "auto" }, &file, options);
        assert_eq!(
            (&again["known"], &again["new"], &again["revised"]),
            (&items.into(), &0.into(), &0.into()),
            "{again}"
        );
    }
    // Times across the change of clocks of 2022-03-13.
    let cpi = |since: &str, until: &str| -> Vec<Value> {
        let rows = folder.list(&["--kind", "macro", "--since", since, "--until", until, "--limit", "1000"]);
        rows.into_iter().filter(|row| row["content"]["macro"]["name"] == "Core CPI").collect()
    };
    let winter = cpi("2022-03-10", "2022-03-11");
    assert_eq!(winter.len(), 3, "{winter:?}");
    assert!(winter.iter().all(|row| row["published_at"] == "2022-03-10T13:30:00.000Z"), "{winter:?}");
    let summer = cpi("2022-04-12", "2022-04-13");
    assert!(
        !summer.is_empty() && summer.iter().all(|row| row["published_at"] == "2022-04-12T12:30:00.000Z"),
        "{summer:?}"
    );
    assert!(summer.iter().all(|row| row["usable_from"] == "2022-04-12T12:31:00.000Z"), "{summer:?}");
    // The file that knows only times gives way to the one that knows the texts.
    let posts = folder.list(&["--kind", "post", "--since", "2025-10-25", "--until", "2025-11-01", "--limit", "1000"]);
    let told = |post: &&Value| post["content"]["post"]["text"].is_string();
    assert_eq!(posts.iter().filter(told).count(), 140);
    let both = folder.list(&[
        "--kind",
        "post",
        "--since",
        "2025-10-25",
        "--until",
        "2025-11-01",
        "--limit",
        "1000",
        "--with-same",
    ]);
    assert!(both.len() > posts.len() && both.iter().any(|post| post["same_as"].is_string()));
}

#[test]
fn a_calendar_in_a_wrong_zone_is_refused_and_nothing_of_it_is_kept() {
    let Some(file) = testdata::path("macro/investing_us_2022_jan-jul.csv") else { return };
    let folder = Folder::new();
    let ran = folder.run(&[&["import", "investing"], NEW_YORK.as_slice()].concat(), Some(&file));
    assert_eq!(ran.code, Some(2));
    ran.assert_refused(&["investing_us_2022", "82 of 237", "what fits: -04:00 (237 of 237)"]);
    folder
        .run(&["import", "investing"], Some(&file))
        .assert_refused(&["investing_us_2022", "no time zone of their own"]);
    folder.run(&["import", "investing", "--zone", "Mars/Olympus"], Some(&file)).assert_refused(&["is no time zone"]);
    assert_eq!(folder.list(&["--limit", "5"]), Vec::<Value>::new());
}

#[test]
fn edits_and_results_are_kept_beside_what_was_said_first() {
    let folder = Folder::new();
    let calendar = |actual: &str| {
        format!(
            r#"[{{"title":"CPI m/m","country":"USD","date":"2026-01-13T08:30:00-05:00","impact":"High","forecast":"0.3%","previous":"0.2%","actual":"{actual}"}}]"#
        )
    };
    let file = folder.write("week.json", calendar(""));
    counts(&folder.import("calendar-json", &file, &["--seen", "2026-01-12T00:00:00Z"]), [1, 1, 0, 0]);
    let file = folder.write("week.json", calendar("0.4%"));
    let report = folder.import("calendar-json", &file, &["--seen", "2026-01-13T13:30:40Z"]);
    assert_eq!((&report["revised"], &report["new"]), (&1.into(), &0.into()), "{report}");
    let rows = folder.list(&["--kind", "macro"]);
    let told: Vec<_> = rows.iter().map(|row| row["usable_from"].as_str().expect("a time")).collect();
    assert_eq!(told, ["2026-01-12T00:00:00.000Z", "2026-01-13T13:30:40.000Z"]);
    assert_eq!(rows[1]["content"]["macro"]["actual"]["number"], 0.4);

    let post =
        |text: &str| format!(r#"[{{"id":"1","created_at":"2025-04-09T13:37:00.123Z","content":"<p>{text}</p>"}}]"#);
    folder.import("posts-json", &folder.write("a.json", post("Tariffs are great")), &[]);
    let edited = folder.write("b.json", post("Tariffs are paused"));
    assert_eq!(folder.import("posts-json", &edited, &[])["revised"], 1);
    assert_eq!(folder.import("posts-json", &folder.write("a.json", post("Tariffs are great")), &[])["known"], 1);
    let rows = folder.list(&["--kind", "post"]);
    assert_eq!(rows[0]["usable_from"], "2025-04-09T13:38:00.123Z");
    assert!(rows[1]["usable_from"].as_str() > Some("2026"), "an edit is known when it is seen: {}", rows[1]);
}

#[test]
fn what_two_sources_tell_is_listed_once() {
    let folder = Folder::new();
    let feed = "<rss version=\"2.0\"><channel><link>https://x.org/</link><item><guid>1</guid><title>Bitcoin falls below ninety thousand dollars</title><link>https://x.org/a?utm_source=rss</link><pubDate>Tue, 10 Jun 2025 04:00:00 GMT</pubDate></item></channel></rss>";
    let api = r#"{"status":"ok","articles":[
        {"source":{"name":"X"},"title":"Other words","url":"http://www.x.org/a/","publishedAt":"2025-06-12T04:00:00Z"},
        {"source":{"name":"Y Times"},"title":"Bitcoin falls below ninety thousand dollars - Y Times","url":"https://y.org/b","publishedAt":"2025-06-10T06:00:00Z"},
        {"source":{"name":"Z"},"title":"Bitcoin falls below ninety thousand dollars","url":"https://z.org/b","publishedAt":"2025-06-11T06:00:00Z"}]}"#;
    counts(&folder.import("auto", &folder.write("feed.xml", feed), &[]), [1, 1, 0, 0]);
    counts(&folder.import("auto", &folder.write("api.json", api), &[]), [3, 1, 2, 0]);
    assert_eq!(folder.list(&[]).len(), 2);
    // The same words two hours later are another post; within two minutes of another archive they are the same.
    let truth = r#"[{"id":"1","created_at":"2025-04-09T13:37:00Z","content":"<p>BE COOL! Everything is going to work out well.</p>"},
        {"id":"2","created_at":"2025-04-09T15:37:00Z","content":"<p>BE COOL! Everything is going to work out well.</p>"}]"#;
    let factbase = r#"{"data":[{"date":"2025-04-09T09:38:00-04:00","text":"BE COOL!  Everything is going to work out well."}],"meta":{}}"#;
    counts(&folder.import("auto", &folder.write("truth.json", truth), &[]), [2, 2, 0, 0]);
    counts(&folder.import("auto", &folder.write("factbase.json", factbase), &[]), [1, 0, 1, 0]);
}

#[test]
fn spoiled_files_are_refused_by_name_and_spoiled_items_one_by_one() {
    let folder = Folder::new();
    let refuse = |kind: &str, name: &str, bytes: &[u8], words: &[&str]| {
        let ran = folder.run(&["import", kind, "--zone", "UTC"], Some(&folder.write(name, bytes)));
        assert_ne!(ran.code, Some(0), "{name}");
        ran.assert_refused(&[&[name], words].concat());
    };
    refuse("posts-csv", "columns.csv", b"a,b\n1,2\n", &["no column id, created_at"]);
    refuse(
        "rss",
        "bomb.xml",
        b"<!DOCTYPE rss [<!ENTITY a \"aaaa\">]><rss version=\"2.0\"><channel/></rss>",
        &["entities of its own"],
    );
    refuse(
        "newsapi",
        "key.json",
        br#"{"status":"error","code":"apiKeyInvalid","message":"wrong key"}"#,
        &["apiKeyInvalid", "wrong key"],
    );
    refuse("newsapi", "page.json", b"<html>slow down</html>", &["a web page"]);
    refuse("auto", "what.bin", &[0, 1, 2, 255], &["cannot be told"]);
    refuse("rss", "large.xml", &vec![b' '; 6 << 20], &["are more than 5242880"]);
    refuse("posts-json", "empty.json", b"", &["is empty"]);
    if let Some(file) = testdata::path("posts/truth_social_api_html_20251025-20251031.json.gz") {
        let packed = std::fs::read(file).expect("readable");
        refuse("posts-json", "cut.json.gz", &packed[..packed.len() / 2], &["cannot read"]);
    }
    assert_eq!(folder.list(&[]), Vec::<Value>::new(), "nothing of them was kept");

    let large = "x".repeat(10 << 20);
    let deep = "<div>".repeat(50_000);
    let posts = format!(
        r#"[{{"id":"1","created_at":"2025-04-09T13:37:00Z","content":"{large}"}},
        {{"id":"2","created_at":"2025-04-09T13:37:00Z","content":"{deep}nul \u0000 Привет 🚀 \u202eשלום"}},
        {{"id":"3","created_at":"2250-04-09T13:37:00Z","content":"not yet"}},
        {{"id":"4","created_at":"2025-04-09T13:37:00","content":"no zone"}},
        {{"id":"5","created_at":"2025-04-09T13:37:00Z","content":7}}]"#
    );
    let report = folder.import("posts-json", &folder.write("posts.json", posts), &[]);
    counts(&report, [5, 2, 0, 3]);
    assert_eq!(report["set_aside_by_reason"], serde_json::json!({"no time zone": 1, "too long": 1, "wrong type": 1}));
    assert_eq!(report["told"][1], "item 4: created_at `2025-04-09T13:37:00` has no time zone");
    assert_eq!(report["suspicious"], 1);
    let kept = folder.list(&["--kind", "post"]);
    assert_eq!(kept[0]["content"]["post"]["text"], "nul Привет 🚀 שלום");
    assert_eq!(kept[1]["time"]["is_suspicious"], true);
}
