//! REST answers: they agree with the truth, and keep the venues' limits and oddities.

use serde_json::Value;
use sim::{HttpAnswer, Sim, SimSettings};
use types::time::{NS_PER_MIN, NS_PER_S};
use types::{Timestamp, Venue};

fn market() -> Sim {
    let mut sim = Sim::new(SimSettings::default());
    wait(&mut sim, 20 * 60);
    sim
}

fn wait(sim: &mut Sim, seconds: i64) {
    let to = Timestamp::from_nanos(sim.now().as_nanos() + seconds * NS_PER_S);
    sim.advance(to);
}

fn json(answer: &HttpAnswer) -> Value {
    serde_json::from_slice(&answer.body).expect("JSON")
}

fn kraken(sim: &mut Sim, path: &str) -> Value {
    wait(sim, 1);
    let answer = sim.http(Venue::Kraken, &format!("/0/public/{path}"));
    assert_eq!(answer.status, 200, "always 200");
    json(&answer)
}

fn binance(sim: &mut Sim, path: &str) -> Value {
    json(&sim.http(Venue::BinanceUs, &format!("/api/v3/{path}")))
}

/// The scaled integer of a decimal text, whatever the digits behind the point, at eight decimals.
fn units(value: &Value) -> i128 {
    let text = value.as_str().expect("a string");
    i128::from(types::decimal::parse(text.as_bytes(), 8, types::decimal::Exponent::Refuse).expect(text))
}

#[test]
fn kraken_candles_are_the_newest_720_and_flat_where_nothing_traded() {
    let mut sim = market();
    let body = kraken(&mut sim, "OHLC?pair=ETHUSDT&interval=1&since=0");
    let rows = body["result"]["ETHUSDT"].as_array().expect("rows");
    assert_eq!(rows.len(), 721, "720 committed and the running one");
    assert_eq!(body["result"]["last"], rows[719][0]);
    let truth = sim.truth(Venue::Kraken, "ETH/USDT").expect("listed");
    let mut flat = 0;
    for (row, candle) in rows.iter().zip(&truth.candles[truth.candles.len() - 721..]) {
        assert_eq!(row[0].as_i64(), Some(candle.open_time.as_secs()));
        let prices = [candle.open, candle.high, candle.low, candle.close].map(|p| i128::from(p.mantissa()) * 1_000_000);
        assert_eq!([&row[1], &row[2], &row[3], &row[4]].map(units), prices);
        assert_eq!((units(&row[6]), row[7].as_u64()), (i128::from(candle.volume.0), Some(candle.trades.into())));
        let vwap = units(&row[5]);
        if candle.trades == 0 {
            flat += 1;
            assert_eq!((vwap, prices[0]), (0, prices[1]), "flat");
        } else {
            assert!((prices[2]..=prices[1]).contains(&vwap), "{row}");
        }
    }
    assert!(flat > 0, "a quiet pair has empty minutes");
    let since = rows[700][0].as_i64().expect("time");
    let rest = kraken(&mut sim, &format!("OHLC?pair=ETHUSDT&interval=1&since={since}"));
    assert_eq!(rest["result"]["ETHUSDT"][0], rows[701]);
    let hours = kraken(&mut sim, "OHLC?pair=XBTUSD&interval=60");
    assert!(hours["result"]["XXBTZUSD"].as_array().expect("rows").len() >= 17);
}

#[test]
fn kraken_trades_are_paged_by_time_without_loss() {
    let mut sim = market();
    let truth = sim.truth(Venue::Kraken, "BTC/USD").expect("listed");
    let (mut since, mut ids) = (0i64, Vec::new());
    loop {
        let body = kraken(&mut sim, &format!("Trades?pair=XBTUSD&since={since}&count=100"));
        let rows = body["result"]["XXBTZUSD"].as_array().expect("rows");
        assert!(rows.len() <= 100);
        ids.extend(rows.iter().map(|row| row[6].as_u64().expect("id")));
        since = body["result"]["last"].as_str().expect("a string").parse().expect("ns");
        if ids.len() >= truth.trades.len() || rows.is_empty() {
            break;
        }
    }
    let happened: Vec<u64> = truth.trades.iter().map(|trade| trade.id).collect();
    assert_eq!(ids[..happened.len()], happened);
}

#[test]
fn kraken_refuses_in_its_own_way() {
    let mut sim = market();
    for (path, error) in [
        ("OHLC?pair=NOPE", "EQuery:Unknown asset pair"),
        ("OHLC", "EGeneral:Invalid arguments"),
        ("OHLC?pair=XBTUSD&interval=2", "EGeneral:Invalid arguments"),
        ("OHLC?pair=XBTUSD&since=abc", "EGeneral:Invalid arguments"),
        ("Trades?pair=XBTUSD,ETHUSD", "EGeneral:Invalid arguments"),
        ("Nothing", "EGeneral:Unknown method"),
    ] {
        assert_eq!(kraken(&mut sim, path)["error"][0], error, "{path}");
    }
    let is_limited =
        |sim: &mut Sim| json(&sim.http(Venue::Kraken, "/0/public/Time"))["error"][0] == "EAPI:Rate limit exceeded";
    assert!((0..30).any(|_| is_limited(&mut sim)), "a burst is limited");
    wait(&mut sim, 1);
    assert!(!is_limited(&mut sim), "the budget refills");
    let pairs = kraken(&mut sim, "AssetPairs");
    let keys: Vec<&String> = pairs["result"].as_object().expect("pairs").keys().collect();
    assert_eq!(keys, ["ETHUSDT", "XBTUSDT", "XETHZUSD", "XXBTZUSD"]);
}

#[test]
fn binance_us_candles_page_by_open_time() {
    let mut sim = market();
    let truth = sim.truth(Venue::BinanceUs, "ETHUSDT").expect("listed");
    let first = truth.candles[0].open_time.as_millis();
    let (mut start, mut rows) = (first, Vec::new());
    loop {
        let path = format!("klines?symbol=ETHUSDT&interval=1m&startTime={start}&limit=300");
        let page = binance(&mut sim, &path).as_array().expect("rows").clone();
        let is_last = page.len() < 300;
        rows.extend(page);
        start = rows[rows.len() - 1][0].as_i64().expect("time") + NS_PER_MIN / 1_000_000;
        if is_last {
            break;
        }
    }
    assert_eq!(rows.len(), truth.candles.len());
    for (row, candle) in rows.iter().zip(&truth.candles) {
        assert_eq!(row[0].as_i64(), Some(candle.open_time.as_millis()));
        assert_eq!(row[6].as_i64(), Some(candle.open_time.as_millis() + 59_999));
        let prices = [candle.open, candle.high, candle.low, candle.close].map(|p| i128::from(p.mantissa()) * 1_000_000);
        assert_eq!([&row[1], &row[2], &row[3], &row[4]].map(units), prices);
        assert_eq!(
            (units(&row[5]), row[8].as_u64()),
            (i128::from(candle.volume.0) * 10_000, Some(candle.trades.into()))
        );
        assert!(units(&row[9]) <= units(&row[5]) && units(&row[10]) <= units(&row[7]));
    }
    assert_eq!(binance(&mut sim, "klines?symbol=ETHUSDT&interval=1m").as_array().map(Vec::len), Some(500));
    assert_eq!(binance(&mut sim, "klines?symbol=ETHUSDT&interval=1m&limit=5000").as_array().map(Vec::len), Some(1_000));
    let (from, to) = (first + 60_000, first + 180_000);
    let path = format!("klines?symbol=ETHUSDT&interval=1m&startTime={from}&endTime={to}");
    assert_eq!(binance(&mut sim, &path).as_array().map(Vec::len), Some(3), "both ends count");
}

#[test]
fn binance_us_refuses_in_its_own_way() {
    let mut sim = market();
    for (path, code) in [
        ("klines?symbol=NOPE&interval=1m", -1121),
        ("klines?symbol=btcusdt&interval=1m", -1100),
        ("klines?symbol=BTCUSDT&interval=7m", -1120),
        ("klines?symbol=BTCUSDT", -1102),
        ("depth", -1102),
        ("depth?symbol=BTCUSDT&limit=x", -1100),
        ("depth?symbol=BTCUSDT&limit=0", -1130),
        ("aggTrades?symbol=BTCUSDT&fromId=1&startTime=2", -1128),
        ("exchangeInfo?symbols=nonsense", -1100),
    ] {
        let answer = sim.http(Venue::BinanceUs, &format!("/api/v3/{path}"));
        assert_eq!((answer.status, json(&answer)["code"].as_i64()), (400, Some(code)), "{path}");
    }
    assert_eq!(sim.http(Venue::BinanceUs, "/api/v9/ping").status, 404);
}

#[test]
fn binance_us_counts_weight_and_bans() {
    let mut sim = Sim::new(SimSettings { binance_us_weight_per_min: 100, ..SimSettings::default() });
    let deep = "/api/v3/depth?symbol=BTCUSDT&limit=1000";
    let answer = sim.http(Venue::BinanceUs, deep);
    assert_eq!((answer.status, answer.header("x-mbx-used-weight-1m")), (200, Some("50")));
    let levels = json(&answer)["bids"].as_array().map(Vec::len).expect("bids");
    assert!((200..=1_000).contains(&levels), "{levels}");
    assert_eq!(sim.http(Venue::BinanceUs, deep).header("X-MBX-USED-WEIGHT-1M"), Some("100"));
    let limited = sim.http(Venue::BinanceUs, deep);
    assert_eq!((limited.status, json(&limited)["code"].as_i64()), (429, Some(-1003)));
    let pause: i64 = limited.header("Retry-After").expect("told").parse().expect("seconds");
    wait(&mut sim, pause);
    assert_eq!(sim.http(Venue::BinanceUs, "/api/v3/ping").status, 200);
    let statuses: Vec<u16> = (0..15).map(|_| sim.http(Venue::BinanceUs, "/api/v3/ticker/24hr").status).collect();
    assert_eq!((statuses[0], statuses[1], statuses[14]), (200, 429, 418));
}

fn coinbase(sim: &mut Sim, path: &str) -> (HttpAnswer, Value) {
    wait(sim, 1);
    let answer = sim.http(Venue::Coinbase, path);
    let body = json(&answer);
    (answer, body)
}

/// The scaled integer of a JSON number at eight decimals, from its text.
fn number_units(value: &Value) -> i128 {
    units(&Value::from(value.to_string()))
}

#[test]
fn coinbase_candles_are_newest_first_and_absent_where_nothing_traded() {
    let mut sim = market();
    let truth = sim.truth(Venue::Coinbase, "ETH-USDT").expect("listed");
    let path = "/products/ETH-USDT/candles?granularity=60";
    let (newest, body) = coinbase(&mut sim, path);
    assert_eq!((newest.status, body.as_array().map(Vec::len)), (200, Some(300)));
    let minutes = |first: usize, last: usize| {
        let [start, end] = [first, last].map(|index| truth.candles[index].open_time);
        format!("{path}&start={start}&end={end}")
    };
    let (_, body) = coinbase(&mut sim, &minutes(100, 399));
    let rows = body.as_array().expect("rows");
    let mut happened: Vec<_> = truth.candles[100..400].iter().filter(|candle| candle.trades > 0).collect();
    happened.reverse();
    assert!(happened.len() < 300, "a quiet pair has empty minutes");
    assert_eq!(rows.len(), happened.len());
    for (row, candle) in rows.iter().zip(happened) {
        assert_eq!(row[0].as_i64(), Some(candle.open_time.as_secs()));
        let prices = [candle.low, candle.high, candle.open, candle.close].map(|p| i128::from(p.mantissa()) * 1_000_000);
        assert_eq!([&row[1], &row[2], &row[3], &row[4]].map(number_units), prices);
        assert_eq!(number_units(&row[5]), i128::from(candle.volume.0));
    }
    let (wide, body) = coinbase(&mut sim, &minutes(100, 401));
    assert!(wide.status == 400 && body["message"].as_str().expect("text").contains("exceeds 300"), "{body}");
}

#[test]
fn coinbase_trades_are_paged_down_without_loss() {
    let mut sim = market();
    let truth = sim.truth(Venue::Coinbase, "BTC-USD").expect("listed");
    let (mut cursor, mut ids) = (String::new(), Vec::new());
    while ids.len() < truth.trades.len() {
        let (answer, body) = coinbase(&mut sim, &format!("/products/BTC-USD/trades?limit=700{cursor}"));
        let rows = body.as_array().expect("rows");
        ids.extend(rows.iter().map(|row| row["trade_id"].as_u64().expect("id")));
        let newest = rows[0]["trade_id"].to_string();
        assert_eq!(answer.header("cb-before"), Some(newest.as_str()));
        cursor = format!("&after={}", answer.header("CB-AFTER").expect("told"));
    }
    // What has happened since we began to read comes first.
    let first = truth.trades.last().expect("trades").id;
    ids.retain(|id| *id <= first);
    assert!(ids.iter().eq(truth.trades.iter().rev().map(|trade| &trade.id)));
    let last = truth.trades.last().expect("trades");
    let (_, body) = coinbase(&mut sim, &format!("/products/BTC-USD/trades?after={}&limit=1", last.id + 1));
    let maker = if last.taker == types::Side::Buy { "sell" } else { "buy" };
    assert_eq!((body[0]["trade_id"].as_u64(), body[0]["side"].as_str()), (Some(last.id), Some(maker)));
    let (_, body) = coinbase(&mut sim, &format!("/products/BTC-USD/trades?before={}", first + 1_000_000));
    assert_eq!(body, serde_json::json!([]), "nothing newer");
}

#[test]
fn coinbase_refuses_in_its_own_way() {
    let mut sim = market();
    for (path, status, message) in [
        ("/products/NOPE-USD/book", 404, "NotFound"),
        ("/nothing", 404, "NotFound"),
        ("/products/BTC-USD/book?level=3", 400, "Invalid level"),
        ("/products/BTC-USD/candles?granularity=61", 400, "Unsupported granularity"),
        ("/products/BTC-USD/candles?start=x&end=y", 400, "Invalid start or end"),
        ("/products/BTC-USD/trades?after=x", 400, "Invalid after"),
    ] {
        let (answer, body) = coinbase(&mut sim, path);
        assert_eq!((answer.status, body["message"].as_str()), (status, Some(message)), "{path}");
    }
    let nameless = sim::HttpRequest { method: sim::HttpMethod::Get, target: "/time", headers: &[] };
    assert_eq!(sim.request(Venue::Coinbase, &nameless).status, 400, "who asks has to say who it is");
    wait(&mut sim, 10);
    let statuses: Vec<u16> = (0..16).map(|_| sim.http(Venue::Coinbase, "/time").status).collect();
    assert_eq!((statuses[14], statuses[15]), (200, 429), "a burst of fifteen");
    assert_eq!(sim.limits_broken().len(), 1);
}

#[test]
fn coinbase_shows_the_whole_book_and_how_many_orders_make_it() {
    let mut sim = market();
    let (_, book) = coinbase(&mut sim, "/products/ETH-USD/book?level=2");
    let truth = sim.truth(Venue::Coinbase, "ETH-USD").expect("listed");
    for (side, levels) in [("bids", &truth.bids), ("asks", &truth.asks)] {
        let rows = book[side].as_array().expect("levels");
        assert_eq!(rows.len(), levels.len());
        for (row, level) in rows.iter().zip(levels) {
            assert_eq!(units(&row[0]), i128::from(level.price.mantissa()) * 1_000_000);
            assert_eq!(units(&row[1]), i128::from(level.qty.0));
            assert!(row[2].as_u64().expect("a number") >= 1);
        }
    }
    let (_, best) = coinbase(&mut sim, "/products/ETH-USD/book");
    assert_eq!((best["bids"].as_array().map(Vec::len), best["asks"].as_array().map(Vec::len)), (Some(1), Some(1)));
}
