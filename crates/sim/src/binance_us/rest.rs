//! Answers of `/api/v3/<path>`: errors are an HTTP status with `{"code":..,"msg":..}`.

use types::time::{NS_PER_MIN, NS_PER_MS};
use types::{Timestamp, Venue};

use super::messages::{self, Aggregate, DIGITS, Spelling};
use crate::frame::HttpAnswer;
use crate::market::listing::Listing;
use crate::market::tape::{Fill, Minute};
use crate::request::Request;
use crate::server::Now;
use crate::text::{array, padded, put};

/// Rows of trades and candles: default and largest.
const ROWS_DEFAULT: usize = 500;
const ROWS_MAX: usize = 1_000;
/// Levels a side of a snapshot: default and largest.
const DEPTH_DEFAULT: usize = 100;
const DEPTH_MAX: usize = 5_000;
/// Candle lengths and their minutes. Longer ones than the kept history can fill are not offered.
const INTERVALS: [(&str, i64); 12] = [
    ("1m", 1),
    ("3m", 3),
    ("5m", 5),
    ("15m", 15),
    ("30m", 30),
    ("1h", 60),
    ("2h", 120),
    ("4h", 240),
    ("6h", 360),
    ("8h", 480),
    ("12h", 720),
    ("1d", 1_440),
];

/// A request that cannot be served.
struct Refusal {
    code: i32,
    message: String,
}

type Body = Result<String, Refusal>;

fn refuse<T>(code: i32, message: &str) -> Result<T, Refusal> {
    Err(Refusal { code, message: message.to_owned() })
}

/// What a request costs, after the table of 2026.
pub(super) fn weight(request: &Request) -> u32 {
    let has_symbol = request.get("symbol").is_some();
    match request.path.strip_prefix("/api/v3/") {
        Some("exchangeInfo") => 20,
        Some("depth") => match limit(request, DEPTH_DEFAULT, DEPTH_MAX).unwrap_or(DEPTH_DEFAULT) {
            0..=100 => 5,
            101..=500 => 25,
            501..=1_000 => 50,
            _ => 250,
        },
        Some("trades") => 25,
        Some("aggTrades") => 4,
        Some("klines") => 2,
        Some("ticker/24hr") => 2 + 78 * u32::from(!has_symbol),
        Some("ticker/bookTicker") => 2 + 2 * u32::from(!has_symbol),
        _ => 1,
    }
}

/// The answer to a request within the budget of `limit` weight a minute.
pub(super) fn answer(now: Now<'_>, request: &Request, weight_limit: u32) -> HttpAnswer {
    let body = match request.path.strip_prefix("/api/v3/") {
        Some("ping") => Ok("{}".to_owned()),
        Some("time") => Ok(format!(r#"{{"serverTime":{}}}"#, now.at.as_millis())),
        Some("exchangeInfo") => exchange_info(now, request, weight_limit),
        Some("depth") => symbol(now, request).and_then(|listing| depth(listing, request)),
        Some("trades") => symbol(now, request).and_then(|listing| trades(listing, request)),
        Some("aggTrades") => symbol(now, request).and_then(|listing| agg_trades(listing, request)),
        Some("klines") => symbol(now, request).and_then(|listing| klines(listing, request)),
        Some("ticker/24hr") => one_or_all(now, request, |listing| day_ticker(listing, now.at)),
        Some("ticker/bookTicker") => one_or_all(now, request, book_ticker),
        _ => return HttpAnswer::json(404, r#"{"code":-1000,"msg":"Path not found."}"#.to_owned()),
    };
    match body {
        Ok(body) => HttpAnswer::json(200, body),
        Err(Refusal { code, message }) => HttpAnswer::json(400, format!(r#"{{"code":{code},"msg":"{message}"}}"#)),
    }
}

fn find<'a>(now: Now<'a>, name: &str) -> Result<&'a Listing, Refusal> {
    if !name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()) {
        let message = "Illegal characters found in parameter 'symbol'; legal range is '^[A-Z0-9-_.]{1,20}$'.";
        return refuse(-1100, message);
    }
    match now.market.find(Venue::BinanceUs, name) {
        Some(index) => Ok(&now.market.listings[index]),
        None => refuse(-1121, "Invalid symbol."),
    }
}

fn symbol<'a>(now: Now<'a>, request: &Request) -> Result<&'a Listing, Refusal> {
    match request.get("symbol") {
        Some(name) => find(now, name),
        None => refuse(-1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed."),
    }
}

fn number(request: &Request, name: &str) -> Result<Option<i64>, Refusal> {
    match request.get(name).map(|text| text.parse().ok().filter(|n: &i64| *n >= 0)) {
        None => Ok(None),
        Some(Some(number)) => Ok(Some(number)),
        Some(None) => {
            refuse(-1100, &format!("Illegal characters found in parameter '{name}'; legal range is '^[0-9]{{1,20}}$'."))
        }
    }
}

fn limit(request: &Request, default: usize, max: usize) -> Result<usize, Refusal> {
    match number(request, "limit")? {
        Some(0) => refuse(-1130, "Data sent for parameter 'limit' is not valid."),
        Some(limit) => Ok((limit as usize).min(max)),
        None => Ok(default),
    }
}

/// One object for `symbol=`, an array of all without it.
fn one_or_all(now: Now<'_>, request: &Request, write: impl Fn(&Listing) -> String) -> Body {
    if request.get("symbol").is_some() {
        return symbol(now, request).map(write);
    }
    let all = now.market.of_venue(Venue::BinanceUs);
    Ok(array(all, |out, (_, listing)| out.push_str(&write(listing))))
}

fn exchange_info(now: Now<'_>, request: &Request, weight_limit: u32) -> Body {
    let wanted: Vec<&Listing> = match (request.get("symbol"), request.get("symbols")) {
        (Some(_), Some(_)) => return refuse(-1128, "Combination of optional parameters invalid."),
        (Some(name), None) => vec![find(now, name)?],
        (None, Some(names)) => match serde_json::from_str::<Vec<String>>(names) {
            Ok(names) => names.iter().map(|name| find(now, name)).collect::<Result<_, _>>()?,
            Err(_) => return refuse(-1100, "Illegal characters found in parameter 'symbols'."),
        },
        (None, None) => now.market.of_venue(Venue::BinanceUs).map(|(_, listing)| listing).collect(),
    };
    let mut out = format!(
        r#"{{"timezone":"UTC","serverTime":{},"rateLimits":[{{"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":{weight_limit}}},{{"rateLimitType":"RAW_REQUESTS","interval":"MINUTE","intervalNum":5,"limit":61000}}],"exchangeFilters":[],"symbols":"#,
        now.at.as_millis()
    );
    out.push_str(&array(wanted, symbol_info));
    out.push('}');
    Ok(out)
}

fn symbol_info(out: &mut String, listing: &Listing) {
    let settings = &listing.settings;
    put!(
        out,
        r#"{{"symbol":"{}","status":"TRADING","baseAsset":"{}","baseAssetPrecision":8,"quoteAsset":"{}","quotePrecision":8,"quoteAssetPrecision":8,"baseCommissionPrecision":8,"quoteCommissionPrecision":8,"#,
        settings.symbol,
        settings.base,
        settings.quote
    );
    out.push_str(concat!(
        r#""orderTypes":["LIMIT","LIMIT_MAKER","MARKET","STOP_LOSS_LIMIT","TAKE_PROFIT_LIMIT"],"icebergAllowed":true,"#,
        r#""ocoAllowed":true,"quoteOrderQtyMarketAllowed":true,"isSpotTradingAllowed":true,"isMarginTradingAllowed":false,"#,
        r#""filters":["#
    ));
    let price = |units: u64| padded(units.into(), settings.price_decimals, DIGITS);
    let qty = |units: u64| padded(units.into(), settings.qty_decimals, DIGITS);
    put!(
        out,
        r#"{{"filterType":"PRICE_FILTER","minPrice":"{0}","maxPrice":"1000000.00000000","tickSize":"{0}"}},"#,
        price(settings.tick)
    );
    out.push_str(r#"{"filterType":"PERCENT_PRICE","multiplierUp":"5","multiplierDown":"0.2","avgPriceMins":5},"#);
    put!(
        out,
        r#"{{"filterType":"LOT_SIZE","minQty":"{}","maxQty":"9000.00000000","stepSize":"{}"}},"#,
        qty(settings.qty_min),
        qty(settings.lot)
    );
    put!(
        out,
        r#"{{"filterType":"MIN_NOTIONAL","minNotional":"{}","applyToMarket":true,"avgPriceMins":5}},"#,
        padded(settings.value_min_cents.into(), 2, DIGITS)
    );
    out.push_str(concat!(
        r#"{"filterType":"ICEBERG_PARTS","limit":10},"#,
        r#"{"filterType":"MARKET_LOT_SIZE","minQty":"0.00000000","maxQty":"3200.00000000","stepSize":"0.00000000"},"#,
        r#"{"filterType":"MAX_NUM_ORDERS","maxNumOrders":200},{"filterType":"MAX_NUM_ALGO_ORDERS","maxNumAlgoOrders":5}],"#,
        r#""permissions":["SPOT"]}"#
    ));
}

fn depth(listing: &Listing, request: &Request) -> Body {
    Ok(messages::depth(listing, limit(request, DEPTH_DEFAULT, DEPTH_MAX)?))
}

/// The newest trades, oldest first.
fn trades(listing: &Listing, request: &Request) -> Body {
    let (limit, spell, fills) = (limit(request, ROWS_DEFAULT, ROWS_MAX)?, Spelling::of(listing), listing.tape.fills());
    Ok(array(fills.range(fills.len().saturating_sub(limit)..), |out, fill| {
        let value = i128::from(fill.price.mantissa()) * i128::from(fill.qty.0);
        put!(
            out,
            r#"{{"id":{},"price":"{}","qty":"{}","quoteQty":"{}","time":{},"isBuyerMaker":{},"isBestMatch":true}}"#,
            fill.id,
            spell.price(fill.price),
            spell.qty(fill.qty),
            spell.value(value),
            fill.at.as_millis(),
            fill.taker == types::Side::Sell
        );
    }))
}

/// From an aggregate, from a time on, or the newest; oldest first.
fn agg_trades(listing: &Listing, request: &Request) -> Body {
    let limit = limit(request, ROWS_DEFAULT, ROWS_MAX)?;
    let (from_id, start, end) =
        (number(request, "fromId")?, number(request, "startTime")?, number(request, "endTime")?);
    if from_id.is_some() && (start.is_some() || end.is_some()) {
        return refuse(-1128, "Combination of optional parameters invalid.");
    }
    let mut groups: Vec<Vec<Fill>> = Vec::new();
    for fill in listing.tape.fills() {
        let ms = fill.at.as_millis();
        let is_wanted = from_id.is_none_or(|id| fill.aggregate >= id as u64)
            && start.is_none_or(|start| ms >= start)
            && end.is_none_or(|end| ms <= end);
        match groups.last_mut().filter(|group| group[0].aggregate == fill.aggregate) {
            _ if !is_wanted => {}
            Some(group) => group.push(*fill),
            None => groups.push(vec![*fill]),
        }
    }
    let is_newest = from_id.is_none() && start.is_none();
    let first = if is_newest { groups.len().saturating_sub(limit) } else { 0 };
    let spell = Spelling::of(listing);
    Ok(array(groups[first..].iter().take(limit), |out, group| {
        put!(out, "{{{}}}", Aggregate::of(group).inside(spell));
    }))
}

/// By open time, both ends included; the newest without a start. The last row may be running.
fn klines(listing: &Listing, request: &Request) -> Body {
    let limit = limit(request, ROWS_DEFAULT, ROWS_MAX)?;
    let (start, end) = (number(request, "startTime")?, number(request, "endTime")?);
    let Some(name) = request.get("interval") else {
        return refuse(-1102, "Mandatory parameter 'interval' was not sent, was empty/null, or malformed.");
    };
    let Some((_, minutes)) = INTERVALS.iter().find(|(known, _)| *known == name) else {
        return refuse(-1120, "Invalid interval.");
    };
    let mut rows = listing.tape.intervals(*minutes);
    rows.retain(|row| {
        let ms = row.candle.open_time.as_millis();
        start.is_none_or(|start| ms >= start) && end.is_none_or(|end| ms <= end)
    });
    let first = if start.is_none() { rows.len().saturating_sub(limit) } else { 0 };
    let spell = Spelling::of(listing);
    Ok(array(rows[first..].iter().take(limit), |out, row| kline_row(out, spell, row, *minutes)))
}

fn kline_row(out: &mut String, spell: Spelling, row: &Minute, minutes: i64) {
    let candle = &row.candle;
    let open_ms = candle.open_time.as_millis();
    put!(
        out,
        r#"[{open_ms},"{}","{}","{}","{}","{}",{},"{}",{},"{}","{}","0"]"#,
        spell.price(candle.open),
        spell.price(candle.high),
        spell.price(candle.low),
        spell.price(candle.close),
        spell.qty(candle.volume),
        open_ms + minutes * NS_PER_MIN / NS_PER_MS - 1,
        spell.value(row.value),
        candle.trades,
        spell.qty(row.taker_buy_qty),
        spell.value(row.taker_buy_value)
    );
}

fn day_ticker(listing: &Listing, at: Timestamp) -> String {
    let keys = [
        "priceChange",
        "priceChangePercent",
        "weightedAvgPrice",
        "prevClosePrice",
        "lastPrice",
        "lastQty",
        "bidPrice",
        "bidQty",
        "askPrice",
        "askQty",
        "openPrice",
        "highPrice",
        "lowPrice",
        "volume",
        "quoteVolume",
        "openTime",
        "closeTime",
        "firstId",
        "lastId",
        "count",
    ];
    let mut out = format!(r#"{{"symbol":"{}","#, listing.settings.symbol);
    messages::day_fields(&mut out, listing, at, keys);
    out.push('}');
    out
}

fn book_ticker(listing: &Listing) -> String {
    let spell = Spelling::of(listing);
    let (bid, ask) = listing.touch();
    format!(
        r#"{{"symbol":"{}","bidPrice":"{}","bidQty":"{}","askPrice":"{}","askQty":"{}"}}"#,
        listing.settings.symbol,
        spell.price(bid.price),
        spell.qty(bid.qty),
        spell.price(ask.price),
        spell.qty(ask.qty)
    )
}
