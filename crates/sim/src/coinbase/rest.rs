//! HTTP answers: errors are an HTTP status with `{"message":..}`.
//!
//! Texts of errors that are not on record are our own.

use types::time::{NS_PER_MIN, NS_PER_S};
use types::{Level, Price, Qty, Side, Timestamp, Venue};

use super::messages::{Traits, VOLUME_DIGITS, maker_side};
use crate::frame::{HttpAnswer, HttpMethod};
use crate::market::listing::Listing;
use crate::market::tape::Fill;
use crate::request::Request;
use crate::server::Now;
use crate::text::{Rfc3339, array, list, padded, put, quoted, trimmed};

/// Rows of candles, and rows of trades, at most.
const CANDLES_MAX: usize = 300;
const TRADES_MAX: usize = 1_000;
/// Candle lengths, seconds.
const GRANULARITIES: [i64; 6] = [60, 300, 900, 3_600, 21_600, 86_400];

/// A request that cannot be served.
struct Refusal {
    status: u16,
    message: String,
}

fn bad<T>(message: &str) -> Result<T, Refusal> {
    Err(Refusal { status: 400, message: message.to_owned() })
}

fn not_found() -> Refusal {
    Refusal { status: 404, message: "NotFound".to_owned() }
}

/// The answer to a request within the limits.
pub(super) fn answer(now: Now<'_>, request: &Request) -> HttpAnswer {
    route(now, request).unwrap_or_else(|refusal| {
        HttpAnswer::json(refusal.status, format!(r#"{{"message":{}}}"#, quoted(&refusal.message)))
    })
}

fn route(now: Now<'_>, request: &Request) -> Result<HttpAnswer, Refusal> {
    if request.header("User-Agent").is_none() {
        return bad("User-Agent header is required.");
    }
    if request.method != HttpMethod::Get {
        return Err(Refusal { status: 405, message: "Method Not Allowed".to_owned() });
    }
    let ok = |body| Ok(HttpAnswer::json(200, body));
    let path: Vec<&str> = request.path.split('/').skip(1).collect();
    let product = |symbol: &&str| now.market.find(Venue::Coinbase, symbol).ok_or_else(not_found);
    match path.as_slice() {
        ["time"] => ok(time(now.at)),
        ["products"] => ok(array(now.market.of_venue(Venue::Coinbase), |out, (_, listing)| info(out, listing))),
        ["products", symbol, rest @ ..] => {
            let listing = &now.market.listings[product(symbol)?];
            match rest {
                [] => {
                    let mut out = String::new();
                    info(&mut out, listing);
                    ok(out)
                }
                ["book"] => ok(book(now, listing, request)?),
                ["trades"] => trades(listing, request),
                ["candles"] => ok(candles(listing, request)?),
                ["ticker"] => ok(ticker(listing)),
                ["stats"] => ok(stats(listing)),
                _ => Err(not_found()),
            }
        }
        _ => Err(not_found()),
    }
}

fn time(at: Timestamp) -> String {
    format!(r#"{{"iso":"{at}","epoch":{}.{:03}}}"#, at.as_secs(), at.as_millis().rem_euclid(1_000))
}

fn info(out: &mut String, listing: &Listing) {
    put!(
        out,
        r#"{{{},"margin_enabled":false,"trading_disabled":false,"max_slippage_percentage":"0.02000000","auction_mode":false,"high_bid_limit_percentage":""}}"#,
        Traits(listing)
    );
}

/// The best level of each side, or all of them.
fn book(now: Now<'_>, listing: &Listing, request: &Request) -> Result<String, Refusal> {
    let levels = match request.get("level") {
        None | Some("1") => 1,
        Some("2") => usize::MAX,
        Some(_) => return bad("Invalid level"),
    };
    let scale = listing.scale();
    let mut out = "{".to_owned();
    for (name, side) in [("bids", Side::Buy), ("asks", Side::Sell)] {
        put!(out, r#""{name}":["#);
        list(&mut out, listing.book.levels(side).take(levels), |out, Level { price, qty }| {
            let orders = listing.book.orders_at(side, price);
            put!(out, r#"["{}","{}",{orders}]"#, trimmed(scale.price(price)), trimmed(scale.qty(qty)));
        });
        out.push_str("],");
    }
    let at = Rfc3339::Micros(now.at);
    put!(out, r#""sequence":{},"auction_mode":false,"auction":null,"time":"{at}"}}"#, listing.sequence());
    Ok(out)
}

/// Newest first. `after` an identifier are the older ones, `before` it the newest page of the newer ones; the headers
/// hold the identifiers to go on with in either direction.
fn trades(listing: &Listing, request: &Request) -> Result<HttpAnswer, Refusal> {
    let number = |name| match request.get(name).map(str::parse::<u64>) {
        None => Ok(None),
        Some(Ok(number)) => Ok(Some(number)),
        Some(Err(_)) => bad(&format!("Invalid {name}")),
    };
    let limit = number("limit")?.map_or(TRADES_MAX, |limit| limit as usize).clamp(1, TRADES_MAX);
    let (before, after) = (number("before")?, number("after")?);
    let is_wanted = |fill: &&Fill| before.is_none_or(|id| fill.id > id) && after.is_none_or(|id| fill.id < id);
    let page: Vec<&Fill> = listing.tape.fills().iter().rev().filter(is_wanted).take(limit).collect();
    let scale = listing.scale();
    let body = array(&page, |out, fill| {
        put!(
            out,
            r#"{{"trade_id":{},"side":"{}","size":"{}","price":"{}","time":"{}"}}"#,
            fill.id,
            maker_side(fill),
            padded(fill.qty.0.into(), scale.qty_decimals, VOLUME_DIGITS),
            padded(fill.price.mantissa().into(), scale.price_decimals, VOLUME_DIGITS),
            Rfc3339::Micros(fill.at)
        );
    });
    let answer = HttpAnswer::json(200, body);
    Ok(match (page.first(), page.last()) {
        (Some(newest), Some(oldest)) => answer.with_header("CB-BEFORE", newest.id).with_header("CB-AFTER", oldest.id),
        _ => answer,
    })
}

/// `[time, low, high, open, close, volume]` in numbers, newest first, without the intervals in which nothing traded. A
/// range needs both ends; without it, the newest rows.
fn candles(listing: &Listing, request: &Request) -> Result<String, Refusal> {
    let granularity = request.get("granularity").unwrap_or("60").parse().unwrap_or(0);
    if !GRANULARITIES.contains(&granularity) {
        return bad("Unsupported granularity");
    }
    let range = request.get("start").zip(request.get("end"));
    let range = match range.map(|(start, end)| moment(start).zip(moment(end))) {
        Some(None) => return bad("Invalid start or end"),
        Some(range) => range,
        None => None,
    };
    if range.is_some_and(|(start, end)| (end - start) / granularity > CANDLES_MAX as i64) {
        return bad("granularity too small for the requested time range. Count of aggregations requested exceeds 300");
    }
    let scale = listing.scale();
    let price = |price: Price| trimmed(scale.price(price));
    let rows = listing.tape.intervals(granularity * NS_PER_S / NS_PER_MIN);
    let rows = rows.iter().rev().map(|row| &row.candle).filter(|candle| {
        let second = candle.open_time.as_secs();
        let is_within =
            |(start, end): (i64, i64)| second >= start.div_euclid(granularity) * granularity && second <= end;
        candle.trades > 0 && range.is_none_or(is_within)
    });
    Ok(array(rows.take(CANDLES_MAX), |out, candle| {
        put!(
            out,
            "[{},{},{},{},{},{}]",
            candle.open_time.as_secs(),
            price(candle.low),
            price(candle.high),
            price(candle.open),
            price(candle.close),
            trimmed(scale.qty(candle.volume))
        );
    }))
}

/// Unix seconds of ISO 8601 text, or of plain seconds.
fn moment(text: &str) -> Option<i64> {
    let iso = Timestamp::parse_rfc3339(text.as_bytes()).map(Timestamp::as_secs);
    iso.or_else(|| text.parse().ok().filter(|seconds: &i64| seconds.unsigned_abs() < 1 << 40))
}

fn ticker(listing: &Listing) -> String {
    let (scale, (bid, ask)) = (listing.scale(), listing.touch());
    let price = |price: Price| trimmed(scale.price(price));
    let last = listing.tape.fills().back();
    format!(
        r#"{{"ask":"{}","bid":"{}","volume":"{}","trade_id":{},"price":"{}","size":"{}","time":"{}","rfq_volume":"0.000000"}}"#,
        price(ask.price),
        price(bid.price),
        trimmed(scale.qty(listing.tape.day().candle.volume)),
        listing.last_fill,
        price(listing.tape.last_price()),
        trimmed(scale.qty(last.map_or(Qty::ZERO, |fill| fill.qty))),
        Rfc3339::Micros(last.map_or(listing.changed_at, |fill| fill.at))
    )
}

fn stats(listing: &Listing) -> String {
    let (scale, day) = (listing.scale(), listing.tape.day().candle);
    let price = |price: Price| trimmed(scale.price(price));
    format!(
        r#"{{"open":"{}","high":"{}","low":"{}","last":"{}","volume":"{}","volume_30day":"{}"}}"#,
        price(day.open),
        price(day.high),
        price(day.low),
        price(day.close),
        trimmed(scale.qty(day.volume)),
        trimmed(scale.qty(listing.tape.volume_kept()))
    )
}
