//! Every format: own small payloads for what there is no recording of, and the recordings.

use core::time::Duration;

use super::*;
use crate::item::{Content, MacroEvent, Schedule, Transform};
use crate::zone::Shift;

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text.as_bytes()).expect("a time")
}

fn live(text: &str) -> Reading {
    Reading::new(Seen::At(at(text)))
}

fn archive() -> Reading {
    Reading::new(Seen::Archive { at: at("2026-11-01T00:00:00Z"), delay: Duration::from_secs(60) })
}

fn in_zone(zone: &str) -> Reading {
    Reading { zone: Some(zone.parse().expect("a zone")), ..archive() }
}

#[track_caller]
fn good(format: Format, bytes: &[u8], how: &Reading) -> Batch {
    match read(format, bytes, how) {
        Ok(batch) => batch,
        Err(error) => panic!("{format}: {error}"),
    }
}

#[track_caller]
fn refused(format: Format, bytes: &[u8], how: &Reading, expected: &str) {
    let error = read(format, bytes, how).expect_err("it cannot be used");
    assert!(error.to_string().contains(expected), "{error}");
}

#[track_caller]
fn aside(batch: &Batch, expected: &[&str]) {
    let found: Vec<String> = batch.set_aside.iter().map(ToString::to_string).collect();
    assert_eq!(found, expected);
    assert_eq!(batch.refused(), expected.len() as u64);
}

fn events(batch: &Batch) -> Vec<&MacroEvent> {
    fn event(found: &Found) -> Option<&MacroEvent> {
        match &found.item.content {
            Content::Macro(event) => Some(event),
            _ => None,
        }
    }
    batch.items.iter().filter_map(event).collect()
}

fn article(batch: &Batch, place: usize) -> &crate::Article {
    match &batch.items[place].item.content {
        Content::Article(article) => article,
        other => panic!("{other:?}"),
    }
}

fn post(batch: &Batch, place: usize) -> &crate::Post {
    match &batch.items[place].item.content {
        Content::Post(post) => post,
        other => panic!("{other:?}"),
    }
}

mod recorded;

#[test]
fn newsapi_answers_are_read() {
    let body = br#"{"status":"ok","totalResults":4,"articles":[
        {"source":{"id":"cnn","name":"CNN"},"author":null,"title":"Fed holds rates - CNN","description":null,
         "url":"https://cnn.com/a?utm_source=x","urlToImage":null,"publishedAt":"2026-01-02T03:04:05Z",
         "content":"The <b>Fed</b> held\u2026 [+1234 chars]"},
        {"source":{"id":null,"name":"[Removed]"},"title":"[Removed]","url":"https://removed.com","publishedAt":"1970-01-01T00:00:00Z"},
        {"source":{"id":null,"name":"X"},"title":"No address","publishedAt":"2026-01-02T03:04:05Z"},
        {"source":{"id":null,"name":"X"},"title":7,"url":"https://x.com/","publishedAt":"2026-01-02T03:04:05Z"},
        {"source":{"id":null,"name":"X"},"title":"Bad time","url":"https://x.com/","publishedAt":"2026-01-02T03:04:05"}]}"#;
    let batch = good(Format::NewsApi, body, &live("2026-01-03T00:00:00Z"));
    assert_eq!((batch.items.len(), batch.withdrawn, batch.read()), (1, 1, 5));
    aside(
        &batch,
        &[
            "item 3: url is missing",
            "item 4: title is not a text",
            "item 5: publishedAt `2026-01-02T03:04:05` has no time zone",
        ],
    );
    let item = &batch.items[0].item;
    assert_eq!((item.id.as_str(), item.usable_from()), ("cnn.com/a", at("2026-01-03T00:00:00Z")));
    assert_eq!(article(&batch, 0).body, "The Fed held…");
    assert!(item.marks.is_economic && !item.marks.is_crypto);
    assert_eq!(batch.set_aside_counts.values().sum::<u64>(), 3);
}

#[test]
fn newsapi_errors_say_whether_asking_again_helps() {
    let check = |code: &str, is_permanent: bool| {
        let body = format!(r#"{{"status":"error","code":"{code}","message":"words"}}"#);
        let error = read(Format::NewsApi, body.as_bytes(), &archive()).expect_err("an error");
        assert!(matches!(&error, ReadError::Service(service) if service.code == code), "{error}");
        assert_eq!(error.is_permanent(), is_permanent, "{code}");
    };
    check("apiKeyInvalid", true);
    check("apiKeyDisabled", true);
    check("apiKeyMissing", true);
    for code in ["rateLimited", "apiKeyExhausted", "parameterInvalid", "unexpectedError", "sourcesTooMany"] {
        check(code, false);
    }
    refused(Format::NewsApi, b"<!DOCTYPE html><html>", &archive(), "a web page");
    refused(Format::NewsApi, b"{\"status\":\"ok\",\"articles\":[{\"ti", &archive(), "not JSON");
}

#[test]
fn factbase_posts_are_read() {
    let body = br#"{"data":[
        {"date":"2026-07-01T08:15:00-04:00","text":"Tariffs &amp; more","social":{"quote_flag":true,"repost_flag":false},
         "post_url":"https://truthsocial.com/@realDonaldTrump/115470116607441456"},
        {"date":"2026-07-01T08:10:00-04:00","text":"[Video]","social":{}},
        {"date":"2026-07-01T08:05:00-04:00","text":"RT: other","social":{"repost_flag":true}},
        {"date":"2026-07-01 08:00","text":"x"}],"meta":{"page_count":1234}}"#;
    let batch = good(Format::FactBase, body, &live("2026-07-01T12:16:00Z"));
    aside(&batch, &["item 4: date `2026-07-01 08:00` has no time zone"]);
    let first = &batch.items[0].item;
    assert_eq!((first.id.as_str(), first.published_at), ("115470116607441456", at("2026-07-01T12:15:00Z")));
    assert!(post(&batch, 0).is_quote && first.marks.is_economic && !first.marks.is_low_information);
    assert!(batch.items[1].item.marks.is_low_information && post(&batch, 1).has_media == Some(true));
    assert!(batch.items[2].item.marks.is_low_information && post(&batch, 2).is_repost);
}

#[test]
fn the_calendar_of_a_week_is_known_before_its_results() {
    let body = br#"[
        {"title":"CPI m/m","country":"USD","date":"2026-01-13T08:30:00-05:00","impact":"High","forecast":"0.3%","previous":"0.2%"},
        {"title":"Bank Holiday","country":"JPY","date":"2026-01-12T00:00:00-05:00","impact":"Holiday","forecast":"","previous":""}]"#;
    let batch = good(Format::CalendarJson, body, &live("2026-01-11T00:00:00Z"));
    let event = events(&batch)[0];
    assert_eq!((event.country.as_str(), event.name.as_str()), ("US", "CPI"));
    assert_eq!((event.transform, event.scheduled_at), (Some(Transform::MonthOnMonth), at("2026-01-13T13:30:00Z")));
    assert_eq!(batch.items[0].item.usable_from(), at("2026-01-11T00:00:00Z"), "the date is known when it is seen");
    assert_eq!(events(&batch)[1].schedule, Schedule::AllDay);
    let shifted = String::from_utf8_lossy(body).replace("08:30:00-05:00", "08:30:00-04:00");
    refused(Format::CalendarJson, shifted.as_bytes(), &archive(), "CPI m/m would be at 2026-01-13 07:30 in New York");
}

#[test]
fn events_as_lines_are_read_and_wrong_times_refused() {
    let line = |time: &str| {
        format!(
            r#"{{"source":"manual_macro","event_type":"fed_rate","event_name":"FOMC Rate Decision","event_date":"2025-10-29","event_time_utc":"{time}","actual":4.0,"forecast":4.0,"previous":4.25,"units":"percent","extra":{{"local_time_str":"13:00"}}}}"#
        )
    };
    let text = format!(
        "{}\n\nnot json\n{}\n",
        line("2025-10-29T18:00:00Z"),
        r#"{"event_name":"GDP","event_date":"29.10.2025"}"#
    );
    let batch = good(Format::EventsJsonl, text.as_bytes(), &archive());
    aside(&batch, &["line 3: is not a JSON object", "line 4: event_date `29.10.2025` is not a date"]);
    let item = &batch.items[0].item;
    assert_eq!((item.source.as_str(), item.seen_at), ("manual_macro", at("2025-10-29T18:01:00Z")));
    assert_eq!(events(&batch)[0].previous.as_ref().and_then(crate::Value::amount), Some(0.0425));
    refused(Format::EventsJsonl, line("2025-10-29T17:00:00Z").as_bytes(), &archive(), "1 of 1 releases");
}

#[test]
fn atom_is_read_and_kinds_of_text_are_told_apart() {
    let body = r#"<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"><title>T</title><id>f</id>
        <link rel="self" href="https://x.org/feed"/><link href="https://x.org/"/>
        <entry><id>tag:1</id><title type="text">AT&amp;T &lt;b&gt;</title><updated>2026-01-02T03:04:05-05:00</updated>
          <link rel="alternate" href="https://x.org/1?utm_medium=z"/><summary type="html">&lt;p&gt;One&lt;/p&gt;</summary>
          <author><name>A. Author</name></author></entry>
        <entry><id>tag:2</id><title type="html">&lt;i&gt;Old&lt;/i&gt;</title><published>2025-01-02T00:00:00Z</published>
          <updated>2026-01-01T00:00:00Z</updated></entry></feed>"#;
    let batch = good(Format::Feed, body.as_bytes(), &live("2026-02-01T00:00:00Z"));
    assert_eq!((article(&batch, 0).title.as_str(), article(&batch, 0).summary.as_str()), ("AT&T <b>", "One"));
    assert_eq!(article(&batch, 0).url.as_deref(), Some("https://x.org/1"));
    assert_eq!(article(&batch, 0).author.as_deref(), Some("A. Author"));
    assert_eq!(batch.items[0].item.published_at, at("2026-01-02T08:04:05Z"));
    assert_eq!(batch.items[0].item.source, "x.org");
    assert_eq!(
        (article(&batch, 1).title.as_str(), batch.items[1].item.published_at),
        ("Old", at("2025-01-02T00:00:00Z"))
    );
}

fn rss(items: &str) -> String {
    format!(
        "<rss version=\"2.0\"><channel><title>T</title><link>https://x.org/</link><ttl>30</ttl>{items}</channel></rss>"
    )
}

#[test]
fn dates_of_feeds_are_read_and_odd_ones_are_marked() {
    let dates = [
        ("Tue, 10 Jun 2025 04:00:00 GMT", "2025-06-10T04:00:00Z"),
        ("Mon, 10 Jun 2025 04:00:00 EST", "2025-06-10T09:00:00Z"),
        ("Tue, 10 Jun 25 04:00:00 +0000", "2025-06-10T04:00:00Z"),
        ("2025-06-10T04:00:00+02:00", "2025-06-10T02:00:00Z"),
    ];
    let items: String =
        dates.iter().map(|(date, _)| format!("<item><title>a b</title><pubDate>{date}</pubDate></item>")).collect();
    let batch = good(Format::Feed, rss(&items).as_bytes(), &live("2025-07-01T00:00:00Z"));
    assert_eq!(batch.ttl, Some(Duration::from_secs(1_800)));
    for (found, (date, expected)) in batch.items.iter().zip(dates) {
        assert_eq!(found.item.published_at, at(expected), "{date}");
    }
    let seen = "2025-06-01T00:00:00Z";
    let items = "<item><title>soon</title><pubDate>Tue, 10 Jun 2025 04:00:00 GMT</pubDate></item><item><title>never</title></item>";
    let batch = good(Format::Feed, rss(items).as_bytes(), &live(seen));
    let (future, missing) = (&batch.items[0].item, &batch.items[1].item);
    assert!(future.time.is_suspicious && future.claimed_at == Some(at("2025-06-10T04:00:00Z")));
    assert!(missing.time.is_missing && missing.claimed_at.is_none());
    assert_eq!((future.usable_from(), missing.usable_from()), (at(seen), at(seen)));
}

#[test]
fn elements_of_others_do_not_pass_for_the_feeds_own() {
    let body = rss(
        "<item><title>Own</title><media:title>Other</media:title><media:description>Else</media:description></item>",
    );
    let batch = good(Format::Feed, body.as_bytes(), &archive());
    assert_eq!((article(&batch, 0).title.as_str(), article(&batch, 0).summary.as_str()), ("Own", ""));
}

#[test]
fn bombs_are_refused() {
    let entities = "<?xml version=\"1.0\"?><!DOCTYPE rss [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;\">]><rss version=\"2.0\"><channel><item><title>&b;</title></item></channel></rss>";
    refused(Format::Feed, entities.as_bytes(), &archive(), "entities of its own");
    refused(Format::Feed, &vec![b' '; FEED_BYTES_MAX + 1], &archive(), "are more than");
    refused(Format::Feed, rss("<item><title>cut").as_bytes(), &archive(), "not a feed");
    refused(Format::Feed, b"<!DOCTYPE html><html><body>429</body></html>", &archive(), "a web page");
    let deep =
        format!("<item><title>a</title><description><![CDATA[{}]]></description></item>", "<div>".repeat(300_000));
    assert_eq!(good(Format::Feed, rss(&deep).as_bytes(), &archive()).refused(), 1, "an item of more than a MiB");
    let deep =
        format!("<item><title>a</title><description><![CDATA[{}x]]></description></item>", "<div>".repeat(100_000));
    assert_eq!(article(&good(Format::Feed, rss(&deep).as_bytes(), &archive()), 0).summary, "x");
    let nested = |depth: usize| {
        rss(&format!("<item><title>a</title><x>{}{}</x></item>", "<y>".repeat(depth), "</y>".repeat(depth)))
    };
    assert_eq!(good(Format::Feed, nested(20_000).as_bytes(), &archive()).items.len(), 1);
    refused(Format::Feed, nested(200_000).as_bytes(), &archive(), "deeper than the supported limit");
}

#[test]
fn one_bad_item_costs_no_other() {
    let title = "t".repeat(1 << 20);
    let items = format!("<item><title>{title}</title></item><item/><item><title>good one</title></item>");
    let batch = good(Format::Feed, rss(&items).as_bytes(), &archive());
    assert_eq!((batch.items.len(), batch.refused()), (1, 2));
    assert_eq!(batch.set_aside_counts.keys().copied().collect::<Vec<_>>(), ["empty", "too long"]);
    let large = "x".repeat(10 << 20);
    let posts = format!(
        r#"[{{"id":"1","created_at":"2025-04-09T13:37:00.123Z","content":"{large}"}},
        {{"id":"2","created_at":"2025-04-09T13:37:00.123Z","content":"<p>nul \u0000here \u202eПривет 🚀</p>"}},
        {{"id":"3","created_at":"yesterday","content":""}},
        {{"id":4.5,"created_at":"2025-04-09T13:37:00.123Z","content":""}},
        {{"created_at":"2025-04-09T13:37:00.123Z","content":""}}, null,
        {{"id":"7","created_at":"2030-04-09T13:37:00Z","content":"later"}}]"#
    );
    let batch = good(Format::PostsJson, posts.as_bytes(), &archive());
    let larger = posts.find("},").expect("a first item") - 1 + 1;
    aside(
        &batch,
        &[
            &format!("item 1: is {larger} bytes long, more than 1048576"),
            "item 3: created_at `yesterday` is not a time",
            "item 4: id is not a text or a whole number",
            "item 5: id is missing",
            "item 6: is not a JSON object",
        ],
    );
    assert_eq!(post(&batch, 0).text.as_deref(), Some("nul here Привет 🚀"));
    assert!(batch.items[1].item.time.is_suspicious);
}

const CALENDAR: &str = "date,time,currency,impact,event,actual,forecast,previous\n";

#[test]
fn dates_are_never_guessed() {
    let both = format!("{CALENDAR}03/04/2022,8:30am,USD,High,ADP,1K,2K,3K\n");
    refused(
        Format::ForexFactory,
        both.as_bytes(),
        &in_zone("UTC"),
        "`03/04/2022` can be read day first and month first",
    );
    let chosen = |order| Reading { date_order: Some(order), ..in_zone("UTC") };
    let batch = good(Format::ForexFactory, both.as_bytes(), &chosen(DateOrder::DayFirst));
    assert_eq!(events(&batch)[0].scheduled_at, at("2022-04-03T08:30:00Z"));
    let one = format!("{both}25/04/2022,8:30am,USD,High,ADP,1K,2K,3K\n");
    assert_eq!(
        events(&good(Format::ForexFactory, one.as_bytes(), &in_zone("UTC")))[0].scheduled_at,
        at("2022-04-03T08:30:00Z")
    );
    let batch = good(Format::ForexFactory, one.as_bytes(), &chosen(DateOrder::MonthFirst));
    aside(&batch, &["line 3: date `25/04/2022` is not a date"]);
    let mixed = format!("{one}04/25/2022,8:30am,USD,High,ADP,1K,2K,3K\n");
    refused(Format::ForexFactory, mixed.as_bytes(), &in_zone("UTC"), "can be read");
    refused(Format::ForexFactory, one.as_bytes(), &archive(), "no time zone of their own");
    let no_year = format!("{CALENDAR}Thu Oct 2,12:15am,USD,Low Impact Expected,FOMC Member Barkin Speaks,,,\n");
    refused(Format::ForexFactory, no_year.as_bytes(), &in_zone("UTC"), "have no year");
    let with_year = Reading { year: Some(2025), ..in_zone("America/New_York") };
    let batch = good(Format::ForexFactory, no_year.as_bytes(), &with_year);
    assert_eq!(events(&batch)[0].scheduled_at, at("2025-10-02T04:15:00Z"));
    assert_eq!(events(&batch)[0].importance, Some(crate::Importance::Low));
    let passing = format!("{no_year}Thu Dec 31,1:00am,USD,Low,A,,,\nFri Jan 1,1:00am,USD,Low,A,,,\n");
    refused(Format::ForexFactory, passing.as_bytes(), &with_year, "line 4: the dates pass into another year");
}

#[test]
fn other_headings_are_read() {
    let moments = "\u{feff}DateTime;Currency;Impact;Event;Actual;Forecast;Previous;Detail\n2007-01-01T04:30:00+03:30;USD;High Impact Expected;Some Event;1,5;;\n2007-01-01T04:30:00+03:30;USD;Non-Economic;Some Event;1.5;;;x\n";
    let batch = good(Format::ForexFactory, moments.as_bytes(), &archive());
    aside(&batch, &["line 2: has 7 fields, the header 8"]);
    assert_eq!(events(&batch)[0].scheduled_at, at("2007-01-01T01:00:00Z"));
    let library = "id,date,time,zone,currency,importance,event,actual,forecast,previous\n1,25/10/2025,08:30,united states,USD,high,CPI (YoY) (Sep),3.0%,3.1%,2.9%\n2,25/10/2025,All Day,germany,EUR,,Holiday,,,\n";
    let batch = good(Format::Investing, library.as_bytes(), &in_zone("America/New_York"));
    let found = events(&batch);
    assert_eq!((found[0].name.as_str(), found[0].period.as_deref()), ("CPI", Some("Sep")));
    assert_eq!((found[1].country.as_str(), found[1].schedule.clone()), ("DE", Schedule::AllDay));
    assert_eq!(batch.items[1].item.published_at, at("2025-10-26T04:00:00Z"), "a day is over before it is known");
    refused(Format::Investing, b"a,b,c\n1,2,3\n", &in_zone("UTC"), "no column event (or text, title, name), date");
    refused(Format::Investing, b"", &in_zone("UTC"), "no table with a header");
}

#[test]
fn hours_that_do_not_exist_or_exist_twice_are_marked() {
    let text = format!(
        "{CALENDAR}2022-03-13,2:30am,USD,Low,A,,1%,\n2022-11-06,1:30am,USD,Low,A,,1%,\n2022-11-06,3:30am,USD,Low,A,abc,1%,\n"
    );
    let batch = good(Format::ForexFactory, text.as_bytes(), &in_zone("America/New_York"));
    let shifts: Vec<_> = batch.items.iter().map(|found| found.item.time.shift).collect();
    assert_eq!(shifts, [Some(Shift::Gap), Some(Shift::Fold)]);
    assert_eq!(events(&batch)[1].scheduled_at, at("2022-11-06T06:30:00Z"));
    aside(&batch, &["line 4: actual `abc` is not a number with a unit"]);
}

#[test]
fn rows_of_one_name_keep_their_places_and_copies_are_one() {
    let text = format!(
        "{CALENDAR}2022-04-12,8:30am,USD,High,CPI,8.5%,8.4%,7.9%\n2022-04-12,8:30am,USD,High,CPI,1.2%,1.2%,0.8%\n2022-04-12,8:30am,USD,High,CPI,1.2%,1.2%,0.8%\n"
    );
    let batch = good(Format::ForexFactory, text.as_bytes(), &in_zone("America/New_York"));
    assert_eq!(events(&batch).iter().map(|event| event.position).collect::<Vec<_>>(), [0, 1]);
    assert_eq!((batch.repeated, batch.read()), (1, 3));
}

#[test]
fn names_of_sources_are_checked() {
    for name in ["", "A", "a/b", "ä"] {
        let how = Reading { source: Some(name.to_owned()), ..archive() };
        refused(Format::PostsJson, b"[]", &how, "cannot be the name of a source");
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(256))]

    #[test]
    fn any_bytes_do_not_panic(bytes: Vec<u8>) {
        for format in Format::ALL {
            let _ = read(format, &bytes, &in_zone("America/New_York"));
        }
        let _ = detect(&bytes);
    }

    /// Rows and elements of the right shape with anything in them.
    #[test]
    fn any_cells_do_not_panic(cells in proptest::collection::vec(".{0,12}", 8)) {
        let row = cells.iter().map(|cell| format!("\"{}\"", cell.replace('"', "\"\""))).collect::<Vec<_>>().join(",");
        let how = Reading { year: Some(2022), ..in_zone("America/New_York") };
        let _ = read(Format::ForexFactory, format!("{CALENDAR}{row}\n").as_bytes(), &how);
        let item: String = cells.iter().map(|cell| format!("<title>{cell}</title><pubDate>{cell}</pubDate><link>{cell}</link>")).collect();
        let _ = read(Format::Feed, rss(&format!("<item>{item}</item>")).as_bytes(), &how);
        let text = serde_json::to_string(&cells[0]).expect("text");
        let json = format!("[{{\"id\":{text},\"created_at\":{text},\"content\":{text},\"title\":{text},\"country\":{text},\"date\":{text}}}]");
        for format in [Format::PostsJson, Format::CalendarJson] {
            let _ = read(format, json.as_bytes(), &how);
        }
        let _ = crate::relevance::marks(&cells[0], &cells);
        let _ = crate::text::of_html(&cells[0]);
        let _ = crate::link::key(&cells[0]);
    }
}
