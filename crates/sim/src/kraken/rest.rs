//! Answers of `/0/public/<Method>`: always HTTP 200, errors in `error`.

use std::collections::BTreeMap;

use types::time::{NS_PER_MIN, NS_PER_S};
use types::{Side, Timestamp, Venue};

use super::symbols::PairNames;
use crate::frame::HttpAnswer;
use crate::market::listing::Listing;
use crate::market::tape::{Fill, Minute, TakerKind};
use crate::request::Request;
use crate::server::Now;
use crate::text::{Rfc1123, Rfc3339, list, padded, put, quoted, trimmed};

/// Closed rows that `OHLC` gives at most, whatever `since` says; the running one comes on top.
const OHLC_ROWS_MAX: usize = 720;
/// Rows that `Trades` gives at most.
const TRADES_MAX: usize = 1_000;
/// Levels a side that `Depth` gives at most, and by default.
const DEPTH_MAX: usize = 500;
const DEPTH_DEFAULT: usize = 100;
/// Fraction digits of prices in `Trades` and `Depth`.
const PRICE_DIGITS: u8 = 5;
/// Intervals of `OHLC`, minutes.
const INTERVALS: [i64; 9] = [1, 5, 15, 30, 60, 240, 1_440, 10_080, 21_600];

const INVALID_ARGUMENTS: &str = "EGeneral:Invalid arguments";

/// The answer to a request within the budget.
pub(super) fn answer(now: Now<'_>, request: &Request) -> HttpAnswer {
    let result = match request.path.strip_prefix("/0/public/") {
        Some("Time") => Ok(time(now.at)),
        Some("SystemStatus") => Ok(format!(r#"{{"status":"online","timestamp":"{}"}}"#, Rfc3339::Seconds(now.at))),
        Some("Assets") => assets(now, request),
        Some("AssetPairs") => pairs(now, request, false).map(|pairs| object(&pairs, asset_pair)),
        Some("OHLC") => one_pair(now, request).and_then(|pair| ohlc(&pair, request)),
        Some("Trades") => one_pair(now, request).and_then(|pair| trades(&pair, request)),
        Some("Depth") => one_pair(now, request).and_then(|pair| depth(&pair, request)),
        Some("Ticker") => pairs(now, request, false).map(|pairs| object(&pairs, ticker)),
        _ => Err("EGeneral:Unknown method"),
    };
    match result {
        Ok(result) => HttpAnswer::json(200, format!(r#"{{"error":[],"result":{result}}}"#)),
        Err(error) => refuse(error),
    }
}

/// An error answer.
pub(super) fn refuse(error: &str) -> HttpAnswer {
    HttpAnswer::json(200, format!(r#"{{"error":[{}]}}"#, quoted(error)))
}

struct Pair<'a> {
    names: PairNames,
    listing: &'a Listing,
}

/// The pairs of `pair=A,B`; all without it, unless it is required.
fn pairs<'a>(now: Now<'a>, request: &Request, is_required: bool) -> Result<Vec<Pair<'a>>, &'static str> {
    let all = now.market.of_venue(Venue::Kraken).map(|(_, listing)| Pair { names: PairNames::of(listing), listing });
    let Some(wanted) = request.get("pair") else {
        return if is_required { Err(INVALID_ARGUMENTS) } else { Ok(all.collect()) };
    };
    let all: Vec<_> = all.collect();
    if let Some(unknown) = wanted.split(',').find(|name| !all.iter().any(|pair| pair.names.is_called(name))) {
        return Err(if unknown.is_empty() { INVALID_ARGUMENTS } else { "EQuery:Unknown asset pair" });
    }
    Ok(all.into_iter().filter(|pair| wanted.split(',').any(|name| pair.names.is_called(name))).collect())
}

fn one_pair<'a>(now: Now<'a>, request: &Request) -> Result<Pair<'a>, &'static str> {
    let mut found = pairs(now, request, true)?;
    if found.len() == 1 { found.pop().ok_or(INVALID_ARGUMENTS) } else { Err(INVALID_ARGUMENTS) }
}

fn number<T: std::str::FromStr>(request: &Request, name: &str) -> Result<Option<T>, &'static str> {
    request.get(name).map(str::parse).transpose().map_err(|_| INVALID_ARGUMENTS)
}

/// `{"KEY":..,"KEY":..}`.
fn object(pairs: &[Pair<'_>], write: impl Fn(&mut String, &Pair<'_>)) -> String {
    let mut out = "{".to_owned();
    list(&mut out, pairs, |out, pair| {
        put!(out, r#""{}":"#, pair.names.key);
        write(out, pair);
    });
    out.push('}');
    out
}

fn time(at: Timestamp) -> String {
    format!(r#"{{"unixtime":{},"rfc1123":"{}"}}"#, at.as_secs(), Rfc1123(at))
}

/// The currencies of all pairs, or those of `asset=A,B`, each once.
fn assets(now: Now<'_>, request: &Request) -> Result<String, &'static str> {
    let mut assets = BTreeMap::new();
    for pair in pairs(now, request, false)? {
        let PairNames { wsname, base, quote, .. } = pair.names;
        let (base_name, quote_name) = wsname.split_once('/').ok_or(INVALID_ARGUMENTS)?;
        assets.insert(base, base_name.to_owned());
        assets.insert(quote, quote_name.to_owned());
    }
    if let Some(wanted) = request.get("asset") {
        let wanted: Vec<&str> = wanted.split(',').collect();
        let is_known = |name: &&str| assets.iter().any(|(key, altname)| name == key || name == altname);
        if !wanted.iter().all(is_known) {
            return Err("EQuery:Unknown asset");
        }
        assets.retain(|key, altname| wanted.iter().any(|name| name == key || name == altname));
    }
    let mut out = "{".to_owned();
    list(&mut out, assets, |out, (key, altname)| {
        put!(
            out,
            r#""{key}":{{"aclass":"currency","altname":"{altname}","decimals":10,"display_decimals":5,"status":"enabled"}}"#
        );
    });
    out.push('}');
    Ok(out)
}

fn asset_pair(out: &mut String, pair: &Pair<'_>) {
    let (names, settings) = (&pair.names, &pair.listing.settings);
    let (price_digits, qty_digits) = (settings.price_decimals, settings.qty_decimals);
    put!(
        out,
        r#"{{"altname":"{}","wsname":"{}","aclass_base":"currency","base":"{}","aclass_quote":"currency","quote":"{}","lot":"unit","cost_decimals":5,"pair_decimals":{price_digits},"lot_decimals":{qty_digits},"lot_multiplier":1,"leverage_buy":[],"leverage_sell":[],"#,
        names.altname,
        names.wsname,
        names.base,
        names.quote
    );
    out.push_str(FEES);
    put!(
        out,
        r#""fee_volume_currency":"ZUSD","margin_call":80,"margin_stop":40,"ordermin":"{}","costmin":"{}","tick_size":"{}","status":"online"}}"#,
        trimmed(padded(i128::from(settings.qty_min), qty_digits, qty_digits)),
        trimmed(padded(i128::from(settings.value_min_cents), 2, 2)),
        trimmed(padded(i128::from(settings.tick), price_digits, price_digits)),
    );
}

/// Fee steps of November 2025: 30-day volume and per cent.
const FEES: &str = concat!(
    r#""fees":[[0,0.4],[10000,0.35],[50000,0.24],[100000,0.22],[250000,0.2],[500000,0.18],[1000000,0.16],"#,
    r#"[2500000,0.14],[5000000,0.12],[10000000,0.1]],"#,
    r#""fees_maker":[[0,0.25],[10000,0.2],[50000,0.14],[100000,0.12],[250000,0.1],[500000,0.08],[1000000,0.06],"#,
    r#"[2500000,0.04],[5000000,0.02],[10000000,0.0]],"#
);

fn ohlc(pair: &Pair<'_>, request: &Request) -> Result<String, &'static str> {
    let interval = number::<i64>(request, "interval")?.unwrap_or(1);
    if !INTERVALS.contains(&interval) {
        return Err(INVALID_ARGUMENTS);
    }
    let since = number::<i64>(request, "since")?.unwrap_or(0);
    let rows = pair.listing.tape.intervals(interval);
    let closed = rows.len() - 1;
    let committed = rows[..closed].last().unwrap_or(&rows[closed]).candle.open_time.as_secs();
    let newest = rows[closed.saturating_sub(OHLC_ROWS_MAX)..].iter();
    let mut out = format!(r#"{{"{}":["#, pair.names.key);
    let wanted = newest.filter(|row| row.candle.open_time.as_secs() > since);
    list(&mut out, wanted, |out, row| ohlc_row(out, pair.listing, row));
    put!(out, r#"],"last":{committed}}}"#);
    Ok(out)
}

/// Minutes without trades are flat rows with a mean price of `0.0`.
fn ohlc_row(out: &mut String, listing: &Listing, row: &Minute) {
    let (scale, candle) = (listing.scale(), &row.candle);
    let price = |price| scale.price(price);
    let vwap = padded(row.vwap().unwrap_or(0), scale.price_decimals, scale.price_decimals);
    put!(
        out,
        r#"[{},"{}","{}","{}","{}","{vwap}","{}",{}]"#,
        candle.open_time.as_secs(),
        price(candle.open),
        price(candle.high),
        price(candle.low),
        price(candle.close),
        scale.qty(candle.volume),
        candle.trades
    );
}

fn trades(pair: &Pair<'_>, request: &Request) -> Result<String, &'static str> {
    let count = number::<usize>(request, "count")?.unwrap_or(TRADES_MAX).clamp(1, TRADES_MAX);
    let fills = pair.listing.tape.fills();
    let first = match number::<i64>(request, "since")? {
        None => fills.len().saturating_sub(count),
        Some(since) => fills.partition_point(|fill| fill.at.as_nanos() <= since),
    };
    let mut end = (first + count).min(fills.len());
    // `last` names a time, so a page must not end between fills of one moment.
    let is_split = |end: usize| end < fills.len() && fills[end - 1].at == fills[end].at;
    while end > first + 1 && is_split(end) {
        end -= 1;
    }
    let last = end.checked_sub(1).map_or(0, |last| fills.get(last).map_or(0, |fill| fill.at.as_nanos()));
    let mut out = format!(r#"{{"{}":["#, pair.names.key);
    list(&mut out, fills.range(first..end), |out, fill| trade_row(out, pair.listing, fill));
    put!(out, r#"],"last":"{last}"}}"#);
    Ok(out)
}

fn trade_row(out: &mut String, listing: &Listing, fill: &Fill) {
    let scale = listing.scale();
    put!(
        out,
        r#"["{}","{}",{}.{:06},"{}","{}","",{}]"#,
        padded(fill.price.mantissa().into(), scale.price_decimals, PRICE_DIGITS.max(scale.price_decimals)),
        scale.qty(fill.qty),
        fill.at.as_secs(),
        fill.at.as_nanos().rem_euclid(NS_PER_S) / 1_000,
        if fill.taker == Side::Buy { 'b' } else { 's' },
        if fill.kind == TakerKind::Market { 'm' } else { 'l' },
        fill.id
    );
}

fn depth(pair: &Pair<'_>, request: &Request) -> Result<String, &'static str> {
    let count = number::<usize>(request, "count")?.unwrap_or(DEPTH_DEFAULT).clamp(1, DEPTH_MAX);
    let (scale, seconds) = (pair.listing.scale(), pair.listing.changed_at.as_secs());
    let mut out = format!(r#"{{"{}":{{"#, pair.names.key);
    for (name, side) in [(r#""asks":["#, Side::Sell), (r#"],"bids":["#, Side::Buy)] {
        out.push_str(name);
        list(&mut out, pair.listing.book.levels(side).take(count), |out, level| {
            let digits = PRICE_DIGITS.max(scale.price_decimals);
            let price = padded(level.price.mantissa().into(), scale.price_decimals, digits);
            put!(out, r#"["{price}","{}",{seconds}]"#, scale.qty(level.qty));
        });
    }
    out.push_str("]}}");
    Ok(out)
}

/// `[today, last 24 hours]` pairs count today from 00:00 UTC.
fn ticker(out: &mut String, pair: &Pair<'_>) {
    let (listing, scale) = (pair.listing, pair.listing.scale());
    let tape = &listing.tape;
    let (bid, ask) = listing.touch();
    let day = tape.day();
    let midnight = tape.running().candle.open_time.floor_to(1_440 * NS_PER_MIN);
    let today = tape.intervals(1_440).pop().filter(|row| row.candle.open_time == midnight).unwrap_or(day);
    let digits = PRICE_DIGITS.max(scale.price_decimals);
    let price = |mantissa: i128| padded(mantissa, scale.price_decimals, digits);
    let of = |p: types::Price| price(i128::from(p.mantissa()));
    let vwap = |minute: &Minute| price(minute.vwap().unwrap_or(i128::from(minute.candle.close.mantissa())));
    let (t, d) = (&today.candle, &day.candle);
    let whole = |qty: types::Qty| (qty.0 / 10u64.pow(u32::from(scale.qty_decimals))).max(1);
    let last_qty = tape.fills().back().map_or(types::Qty::ZERO, |fill| fill.qty);
    put!(out, r#"{{"a":["{}","{}","{}.000"],"#, of(ask.price), whole(ask.qty), whole(ask.qty));
    put!(out, r#""b":["{}","{}","{}.000"],"#, of(bid.price), whole(bid.qty), whole(bid.qty));
    put!(out, r#""c":["{}","{}"],"#, of(tape.last_price()), scale.qty(last_qty));
    put!(
        out,
        r#""v":["{}","{}"],"p":["{}","{}"],"#,
        scale.qty(t.volume),
        scale.qty(d.volume),
        vwap(&today),
        vwap(&day)
    );
    put!(out, r#""t":[{},{}],"l":["{}","{}"],"#, t.trades, d.trades, of(t.low), of(d.low));
    put!(out, r#""h":["{}","{}"],"o":"{}"}}"#, of(t.high), of(d.high), of(t.open));
}
