//! The recordings: everything in them is read, at the right times.

use super::*;

fn recorded(format: Format, file: &str, how: &Reading) -> Option<Batch> {
    let bytes = testdata::read(file)?;
    assert_eq!(detect(&bytes), Some(format), "{file}");
    let batch = good(format, &bytes, how);
    assert_eq!((batch.refused(), batch.repeated, batch.withdrawn), (0, 0, 0), "{file}: {:?}", batch.set_aside);
    Some(batch)
}

fn span(batch: &Batch) -> (String, String) {
    let times = || batch.items.iter().map(|found| found.item.published_at);
    (times().min().expect("some").to_string(), times().max().expect("some").to_string())
}

#[test]
fn articles() {
    let Some(coindesk) = recorded(Format::Feed, "news/coindesk_rss_20260924.xml", &archive()) else { return };
    assert_eq!((coindesk.items.len(), coindesk.items[0].item.source.as_str()), (2, "coindesk.com"));
    assert_eq!(coindesk.items[0].item.id, "088c8781-3330-40c6-9247-e6394c9fed56");
    assert_eq!(coindesk.items[0].item.published_at, at("2026-09-24T10:11:51Z"));
    assert_eq!(article(&coindesk, 0).author.as_deref(), Some("James Van Straten"));
    assert!(coindesk.items[0].item.marks.is_economic && coindesk.items[0].item.marks.coins.has("BTC"));
    assert_eq!(article(&coindesk, 1).summary, "");

    let telegraph = recorded(Format::Feed, "news/cointelegraph_rss_20260828.xml", &archive()).expect("there");
    let first = article(&telegraph, 0);
    assert!(first.summary.starts_with("Need to know what happened in crypto today?"), "{}", first.summary);
    assert_eq!(first.url.as_deref(), Some("https://cointelegraph.com/news/what-happened-in-crypto-today"));
    assert_eq!(telegraph.items[1].item.marks.coins.tickers().collect::<Vec<_>>(), ["SOL"]);
    assert_eq!(telegraph.items[1].item.published_at, at("2026-08-28T19:53:12Z"));

    let fed = recorded(Format::Feed, "macro/fed_monetary_rss_20260925.xml", &archive()).expect("there");
    assert_eq!(fed.items[0].item.published_at, at("2026-09-16T18:00:00Z"));
    assert!(article(&fed, 1).title.starts_with("Minutes of the Board's discount rate meetings"));
    assert!(fed.items.iter().all(|found| found.item.marks.is_economic && found.item.source == "federalreserve.gov"));

    let compare = recorded(Format::CryptoCompare, "news/cryptocompare_news_20201114.json", &archive()).expect("there");
    assert_eq!((compare.items.len(), compare.items[0].item.published_at), (5, at("2020-11-14T17:00:50Z")));
    assert!(article(&compare, 1).title.contains("Fidelity") && article(&compare, 2).body.is_empty());
    assert!(compare.items.iter().all(|found| found.item.marks.is_crypto));

    let headlines = recorded(Format::Headlines, "news/cryptolin_headlines_labelled.csv", &archive()).expect("there");
    assert_eq!(headlines.items.len(), 1_788);
    assert!(headlines.items.iter().all(|found| found.item.time.is_day_only));
    assert_eq!(
        headlines.items[0].item.published_at,
        at("2022-01-26T00:00:00Z"),
        "a day is over before its news are known"
    );
}

#[test]
fn posts() {
    let file = "posts/truth_social_api_html_20251025-20251031.json.gz";
    let Some(html) = recorded(Format::PostsJson, file, &archive()) else { return };
    assert_eq!(html.items.len(), 140);
    let with_media = (0..140).filter(|place| post(&html, *place).has_media == Some(true)).count();
    assert_eq!(with_media, 43);
    assert_eq!(span(&html).1, "2025-10-31T18:09:12.335Z");
    assert!(span(&html).0.starts_with("2025-10-25T02:11"));
    let first = post(&html, 0).text.as_deref().expect("a text");
    assert!(
        first.starts_with("Christianity is facing")
            && first.ends_with("\n\nDONALD J. TRUMP,\nPRESIDENT OF THE UNITED STATES OF AMERICA")
    );
    assert!((0..140).all(|place| !post(&html, place).text.as_deref().unwrap_or_default().contains(['<', '\0'])));

    let file = "posts/truth_social_posts_text_20260126-20260228.csv.gz";
    let texts = recorded(Format::PostsCsv, file, &archive()).expect("there");
    assert_eq!(texts.items.len(), 679);
    let empty = (0..679).filter(|place| post(&texts, *place).text.as_deref() == Some("")).count();
    assert_eq!(empty, 188);
    assert!(texts.items.iter().all(|found| !found.item.is_partial()));

    let file = "posts/truth_social_post_times_20250120-20251231.csv.gz";
    let times = recorded(Format::PostsCsv, file, &archive()).expect("there");
    assert_eq!(times.items.len(), 5_952);
    assert!(times.items.iter().all(|found| found.item.is_partial()));
}

/// The topics of the recording are found by keyword rules of its authors; ours are others, and agree with them mostly.
#[test]
fn economic_posts_are_found() {
    let Some(bytes) = testdata::read("posts/truth_social_posts_text_20260126-20260228.csv.gz") else { return };
    let batch = good(Format::PostsCsv, &bytes, &archive());
    let (mut both, mut theirs, mut ours) = (0, 0, 0);
    for found in &batch.items {
        let raw: Vec<(String, String)> = serde_json::from_slice(&found.raw).expect("a row");
        let topics = ["topic_tariff_trade", "topic_fed_rates", "topic_market_economy", "topic_energy_oil"];
        let is_theirs = raw.iter().any(|(name, value)| topics.contains(&name.as_str()) && value == "True");
        let is_ours = found.item.marks.is_economic;
        theirs += usize::from(is_theirs);
        ours += usize::from(is_ours);
        both += usize::from(is_theirs && is_ours);
    }
    assert!(both * 100 >= theirs * 90, "{both} of {theirs} are found, {ours} are ours");
    assert!(both * 100 >= ours * 50, "{both} of {theirs} are found, {ours} are ours");
}

#[test]
fn calendars() {
    let forex = "macro/forexfactory_2022_jan-jul.csv";
    let Some(batch) = recorded(Format::ForexFactory, forex, &in_zone("America/New_York")) else { return };
    assert_eq!(batch.items.len(), 2_728);
    let found = events(&batch);
    let high = |event: &&&MacroEvent| event.country == "US" && event.importance == Some(crate::Importance::High);
    assert_eq!(found.iter().filter(high).count(), 139);
    let cpi = |name: &str, transform| -> Vec<String> {
        let mine = |event: &&&MacroEvent| event.country == "US" && event.name == name && event.transform == transform;
        found.iter().filter(mine).map(|event| event.scheduled_at.to_string()).collect()
    };
    let times = cpi("CPI", Some(Transform::MonthOnMonth));
    assert_eq!(
        times[..4],
        [
            "2022-01-12T13:30:00.000Z",
            "2022-02-10T13:30:00.000Z",
            "2022-03-10T13:30:00.000Z",
            "2022-04-12T12:30:00.000Z"
        ]
    );
    assert_eq!(found.iter().filter(|event| event.schedule == Schedule::AllDay).count(), 117);
    let suspicious: Vec<_> =
        batch.items.iter().filter(|found| found.item.time.is_suspicious).map(|found| found.item.id.as_str()).collect();
    // The recording has one CPI y/y an hour before the CPI m/m of the same release.
    assert_eq!(suspicious, ["US|cpi|y/y||2022-03-10T12:30|0"]);

    let investing = "macro/investing_us_2022_jan-jul.csv";
    let batch = recorded(Format::Investing, investing, &in_zone("-04:00")).expect("there");
    assert_eq!(batch.items.len(), 2_670);
    let found = events(&batch);
    let cpi: Vec<_> = found.iter().filter(|event| event.name == "CPI").collect();
    assert_eq!((cpi[0].scheduled_at, cpi[1].position), (at("2022-01-12T13:30:00Z"), 1));
    assert!(cpi.iter().any(|event| event.scheduled_at == at("2022-04-12T12:30:00Z")));
    let suspicious: Vec<_> =
        batch.items.iter().filter(|found| found.item.time.is_suspicious).map(|found| &found.item.id).collect();
    assert_eq!(suspicious, Vec::<&String>::new());
}

#[test]
fn calendars_in_a_wrong_zone_are_refused_with_what_fits() {
    let Some(bytes) = testdata::read("macro/investing_us_2022_jan-jul.csv") else { return };
    let error = read(Format::Investing, &bytes, &in_zone("America/New_York")).expect_err("another zone");
    let ReadError::WrongTimes(wrong) = error else { panic!("{error}") };
    let message = wrong.to_string();
    assert!(message.starts_with("read as America/New_York, "), "{message}");
    assert!(
        message.contains("in New York instead of 10:00") && message.ends_with("what fits: -04:00 (237 of 237)"),
        "{message}"
    );
    assert!(wrong.by_name.iter().any(|(name, wrong, of)| name == "CPI" && (*wrong, *of) == (6, 12)), "{message}");
    refused(Format::Investing, &bytes, &archive(), "no time zone of their own");

    let forex = testdata::read("macro/forexfactory_2022_jan-jul.csv").expect("there");
    refused(Format::ForexFactory, &forex, &in_zone("UTC"), "what fits: America/New_York");
    refused(Format::ForexFactory, &forex, &in_zone("-04:00"), "what fits: America/New_York");

    // Half of it told in another zone.
    let text = String::from_utf8(forex).expect("text");
    let mixed: String = text
        .lines()
        .map(|line| if line.contains("2022,Ma") { line.replace(",8:30am", ",12:30pm") } else { line.to_owned() } + "\n")
        .collect();
    refused(Format::ForexFactory, mixed.as_bytes(), &in_zone("America/New_York"), "no single time zone fits");
}

#[test]
fn cut_copies_lose_only_what_is_cut() {
    let Some(bytes) = testdata::read("macro/forexfactory_2022_jan-jul.csv") else { return };
    let cut = &bytes[..100_000];
    let rows = cut.iter().filter(|b| **b == b'\n').count();
    let batch = good(Format::ForexFactory, cut, &in_zone("America/New_York"));
    assert_eq!((batch.read(), batch.refused()), (rows as u64, 1));
    assert_eq!(batch.set_aside[0].place, Place::Line(rows as u64 + 1));
    let json = testdata::read("posts/truth_social_api_html_20251025-20251031.json.gz").expect("there");
    refused(Format::PostsJson, &json[..json.len() / 2], &archive(), "not JSON: EOF");
}
