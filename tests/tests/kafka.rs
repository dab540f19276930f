//! Trades and candles in Kafka: a broker of librdkafka's, which goes away, and a box that is killed meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::mocking::MockCluster;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde_json::Value;
use tickerbox_tests::demo::Demo;
use tickerbox_tests::tickerbox;

const PARTITIONS: i32 = 3;

/// Everything in a topic by key, the last value of each, and how many messages that were.
fn consumed(brokers: &str, topic: &str) -> (BTreeMap<String, Value>, usize) {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "reader")
        .set("enable.auto.commit", "false")
        .create()
        .expect("a consumer");
    let mut all = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        all.add_partition_offset(topic, partition, Offset::Beginning).expect("a place");
    }
    consumer.assign(&all).expect("assigned");
    let (mut found, mut count, mut silent) = (BTreeMap::new(), 0, 0);
    while silent < 20 {
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => {
                silent = 0;
                count += 1;
                let key = String::from_utf8(message.key().expect("a key").to_vec()).expect("text");
                found.insert(key, serde_json::from_slice(message.payload().expect("a value")).expect("JSON"));
            }
            Some(Err(error)) => panic!("{topic}: {error}"),
            None => silent += 1,
        }
    }
    (found, count)
}

fn kept(dir: &Path, kind: &str) -> Vec<Value> {
    let dir = dir.to_str().expect("a plain name");
    tickerbox(&["query", kind, "--data-dir", dir, "--format", "json"]).json().as_array().expect("rows").clone()
}

fn text<'a>(row: &'a Value, key: &str) -> &'a str {
    row[key].as_str().expect("text")
}

#[test]
fn a_broker_that_goes_away_gets_everything_once_by_key() {
    let cluster = MockCluster::new(1).expect("a broker");
    for topic in ["box.trades", "box.candles"] {
        cluster.create_topic(topic, PARTITIONS, 1).expect("a topic");
    }
    let (dir, config) = (tempfile::tempdir().expect("a folder"), tempfile::NamedTempFile::new().expect("a file"));
    let brokers = cluster.bootstrap_servers();
    std::fs::write(config.path(), format!("[kafka]\nbrokers = [\"{brokers}\"]\ntopic_prefix = \"box\"\n"))
        .expect("writes");
    let config = config.path().to_str().expect("a plain name");
    let arguments = ["--config", config, "--speed", "30", "--log", "error"];
    let count = |health: &Value, kind: &str| health["kafka"][kind].as_u64().unwrap_or(0);

    let demo = Demo::start(dir.path(), &arguments);
    demo.wait_until("messages", |health| count(health, "trades") > 50 && count(health, "candles") > 10);
    cluster.broker_down(1).expect("goes away");
    demo.wait_until("it is told", |health| {
        !health["kafka"]["error"].as_str().unwrap_or_default().is_empty() && health["kafka"]["connected"] == false
    });
    // Killed while the broker is away: what it did not take is not lost.
    demo.kill();
    let demo = Demo::start(dir.path(), &arguments);
    cluster.broker_up(1).expect("is back");
    demo.wait_until("it has caught up", |health| {
        health["kafka"]["connected"] == true && count(health, "trades") > 50 && health["kafka"]["behind_s"] == 0
    });
    demo.kill();

    let (trades, messages) = consumed(&brokers, "box.trades");
    assert!(messages >= trades.len() && trades.len() > 100, "{messages} messages, {} trades", trades.len());
    let all = kept(dir.path(), "trades");
    let key = |row: &Value| format!("{}:{}:{}", text(row, "venue"), text(row, "symbol"), text(row, "id"));
    let places: Vec<usize> = (0..all.len()).filter(|place| trades.contains_key(&key(&all[*place]))).collect();
    assert_eq!(places.len(), trades.len(), "a trade that is not kept");
    let (first, last) = (places[0], places[places.len() - 1]);
    assert_eq!(last - first + 1, places.len(), "trades are missing between the first and the last");
    for place in places {
        assert_eq!(trades[&key(&all[place])], all[place]);
    }

    let (candles, _) = consumed(&brokers, "box.candles");
    let minutes = kept(dir.path(), "candles");
    let key = |row: &Value| format!("{}:{}:1m:{}", text(row, "source"), text(row, "symbol"), text(row, "open_time"));
    // The first and the last minute of each market that was sent.
    let mut spans: BTreeMap<&str, (&str, &str)> = BTreeMap::new();
    for (market, open_time) in candles.keys().filter_map(|key| key.split_once(":1m:")) {
        let span = spans.entry(market).or_insert((open_time, open_time));
        *span = (span.0.min(open_time), span.1.max(open_time));
    }
    let is_due = |row: &&Value| {
        let market = format!("{}:{}", text(row, "source"), text(row, "symbol"));
        let (first, last) = spans.get(market.as_str()).unwrap_or_else(|| panic!("nothing of {market}"));
        (*first..=*last).contains(&text(row, "open_time"))
    };
    let due: BTreeSet<String> = minutes.iter().filter(is_due).map(key).collect();
    assert!(due.len() > 10 && due.iter().all(|key| candles.contains_key(key)), "{} candles", due.len());
    for row in minutes.iter().filter(|row| due.contains(&key(row))) {
        let told = &candles[&key(row)];
        assert_eq!((&told["close"], &told["timeframe"]), (&row["close"], &"1m".into()), "{told}");
    }
}
