//! HTTP answers: `{"code":"200000","data":..}`, any other code is an error.

use types::Venue;

use super::classic::{best, candle_row, levels, side};
use super::token::Tokens;
use crate::frame::{HttpAnswer, HttpMethod};
use crate::market::listing::Listing;
use crate::request::Request;
use crate::server::Now;
use crate::text::{array, padded, put, quoted, trimmed};

/// Rows of candles, and of trades, at most.
const CANDLES_MAX: usize = 1_500;
const TRADES_MAX: usize = 100;
/// Candle lengths and their minutes. Longer ones than the kept history can fill are not offered.
const LENGTHS: [(&str, i64); 12] = [
    ("1min", 1),
    ("3min", 3),
    ("5min", 5),
    ("15min", 15),
    ("30min", 30),
    ("1hour", 60),
    ("2hour", 120),
    ("4hour", 240),
    ("6hour", 360),
    ("8hour", 480),
    ("12hour", 720),
    ("1day", 1_440),
];
/// What a request has to carry to see the whole book.
const KEY_HEADERS: [&str; 4] = ["KC-API-KEY", "KC-API-SIGN", "KC-API-TIMESTAMP", "KC-API-PASSPHRASE"];

/// A request that cannot be served.
struct Refusal {
    status: u16,
    code: &'static str,
    message: String,
}

type Data = Result<String, Refusal>;

fn bad<T>(message: &str) -> Result<T, Refusal> {
    Err(Refusal { status: 400, code: "400100", message: message.to_owned() })
}

/// An error answer.
pub(super) fn refuse(status: u16, code: &str, message: &str) -> HttpAnswer {
    HttpAnswer::json(status, format!(r#"{{"msg":{},"code":"{code}"}}"#, quoted(message)))
}

/// The answer to a request within the budget.
pub(super) fn answer(now: Now<'_>, request: &Request, tokens: &mut Tokens, endpoint: &str) -> HttpAnswer {
    match data(now, request, tokens, endpoint) {
        Ok(data) => HttpAnswer::json(200, format!(r#"{{"code":"200000","data":{data}}}"#)),
        Err(Refusal { status, code, message }) => refuse(status, code, &message),
    }
}

fn data(now: Now<'_>, request: &Request, tokens: &mut Tokens, endpoint: &str) -> Data {
    let path = request.path.as_str();
    if (request.method == HttpMethod::Post) != (path == "/api/v1/bullet-public") {
        return Err(Refusal { status: 405, code: "405000", message: "Method Not Allowed".to_owned() });
    }
    let symbol = || match request.get("symbol") {
        Some(symbol) => find(now, symbol),
        None => bad("symbol can not be empty"),
    };
    match path {
        "/api/v1/bullet-public" => Ok(format!(
            r#"{{"token":"{}","instanceServers":[{{"endpoint":{},"encrypt":true,"protocol":"websocket","pingInterval":18000,"pingTimeout":10000}}]}}"#,
            tokens.give(now.at),
            quoted(endpoint)
        )),
        "/api/v1/timestamp" => Ok(now.at.as_millis().to_string()),
        "/api/v1/status" => Ok(r#"{"status":"open","msg":""}"#.to_owned()),
        "/api/v2/symbols" => Ok(array(now.market.of_venue(Venue::Kucoin), |out, (_, listing)| info(out, listing))),
        "/api/v1/market/candles" => candles(symbol()?, request),
        "/api/v1/market/histories" => Ok(trades(symbol()?)),
        "/api/v1/market/orderbook/level1" => {
            let listing = symbol()?;
            Ok(format!(r#"{{"time":{},{}}}"#, now.at.as_millis(), best(listing)))
        }
        "/api/v1/market/orderbook/level2_20" => Ok(book(now, symbol()?, 20)),
        "/api/v1/market/orderbook/level2_100" => Ok(book(now, symbol()?, 100)),
        "/api/v3/market/orderbook/level2" => match KEY_HEADERS.iter().find(|name| request.header(name).is_none()) {
            None => Ok(book(now, symbol()?, usize::MAX)),
            Some(_) => {
                let message = format!("Please check the header of your request for {}", KEY_HEADERS.join(", "));
                Err(Refusal { status: 401, code: "400001", message })
            }
        },
        _ => match path.strip_prefix("/api/v2/symbols/") {
            Some(symbol) => {
                let mut out = String::new();
                info(&mut out, find(now, symbol)?);
                Ok(out)
            }
            None => Err(Refusal { status: 404, code: "404000", message: "Url Not Found".to_owned() }),
        },
    }
}

fn find<'a>(now: Now<'a>, symbol: &str) -> Result<&'a Listing, Refusal> {
    let index = now.market.find(Venue::Kucoin, symbol);
    let none = || Refusal { status: 200, code: "900001", message: "symbol not exists".to_owned() };
    index.map(|index| &now.market.listings[index]).ok_or_else(none)
}

fn info(out: &mut String, listing: &Listing) {
    let settings = &listing.settings;
    let (price_digits, qty_digits) = (settings.price_decimals, settings.qty_decimals);
    let funds_min = trimmed(padded(settings.value_min_cents.into(), 2, 2));
    put!(
        out,
        r#"{{"symbol":"{0}","name":"{0}","baseCurrency":"{1}","quoteCurrency":"{2}","feeCurrency":"{2}","market":"USDS","baseMinSize":"{3}","quoteMinSize":"{4}","baseMaxSize":"10000000000","quoteMaxSize":"99999999","baseIncrement":"{5}","quoteIncrement":"0.000001","priceIncrement":"{6}","priceLimitRate":"0.1","minFunds":"{4}","isMarginEnabled":false,"enableTrading":true,"feeCategory":1,"makerFeeCoefficient":"1.00","takerFeeCoefficient":"1.00","st":false,"callauctionIsEnabled":false}}"#,
        settings.symbol,
        settings.base,
        settings.quote,
        trimmed(padded(settings.qty_min.into(), qty_digits, qty_digits)),
        funds_min,
        trimmed(padded(settings.lot.into(), qty_digits, qty_digits)),
        trimmed(padded(settings.tick.into(), price_digits, price_digits))
    );
}

/// Newest first, from `startAt` up to, but without, `endAt` in seconds; minutes without trades are absent. The newest row
/// may be running.
fn candles(listing: &Listing, request: &Request) -> Data {
    let number = |name| match request.get(name).map(str::parse::<i64>) {
        None | Some(Ok(0)) => Ok(None),
        Some(Ok(number)) => Ok(Some(number)),
        Some(Err(_)) => bad(&format!("{name} is invalid")),
    };
    let (start, end) = (number("startAt")?, number("endAt")?);
    let length = request.get("type").unwrap_or_default();
    let Some((_, minutes)) = LENGTHS.iter().find(|(known, _)| *known == length) else {
        return bad("type is invalid");
    };
    let rows = listing.tape.intervals(*minutes);
    let rows = rows.iter().rev().filter(|row| {
        let second = row.candle.open_time.as_secs();
        row.candle.trades > 0 && start.is_none_or(|start| second >= start) && end.is_none_or(|end| second < end)
    });
    Ok(array(rows.take(CANDLES_MAX), |out, row| put!(out, "[{}]", candle_row(listing, row))))
}

/// The last trades, newest first.
fn trades(listing: &Listing) -> String {
    let scale = listing.scale();
    array(listing.tape.fills().iter().rev().take(TRADES_MAX), |out, fill| {
        put!(
            out,
            r#"{{"sequence":"{}","price":"{}","size":"{}","side":"{}","time":{}}}"#,
            fill.id,
            trimmed(scale.price(fill.price)),
            trimmed(scale.qty(fill.qty)),
            side(fill.taker),
            fill.at.as_nanos()
        );
    })
}

fn book(now: Now<'_>, listing: &Listing, depth: usize) -> String {
    let mut out = format!(r#"{{"time":{},"sequence":"{}""#, now.at.as_millis(), listing.sequence());
    for (name, side) in [("bids", types::Side::Buy), ("asks", types::Side::Sell)] {
        put!(out, r#","{name}":"#);
        levels(&mut out, listing, listing.book.levels(side).take(depth).map(|level| (level.price, level.qty)));
    }
    out.push('}');
    out
}
