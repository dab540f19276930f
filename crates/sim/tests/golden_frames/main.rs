//! Everything the simulator says has the form of what the real venues said: the same keys, and numbers or strings where
//! they have them. Samples are recorded frames (trimmed) where there are some, else samples of the venues' documentation.

mod binance_us;
mod coinbase;
mod kraken;
mod kucoin;

use serde_json::Value;
use sim::{HttpMethod, HttpRequest, ServerFrame, Sim, SimSettings};
use types::time::NS_PER_S;
use types::{Timestamp, Venue};

/// Whether two values have the same form; otherwise where they differ.
fn compare(sample: &Value, emitted: &Value, at: &str) -> Result<(), String> {
    let differ = || Err(format!("{at}: {sample} against {emitted}"));
    match (sample, emitted) {
        (Value::Object(a), Value::Object(b)) => {
            if !a.keys().all(|key| b.contains_key(key)) || a.len() != b.len() {
                return Err(format!("{at}: keys {:?} against {:?}", a.keys(), b.keys()));
            }
            a.iter().try_for_each(|(key, value)| compare(value, &b[key], &format!("{at}.{key}")))
        }
        (Value::Array(a), Value::Array(b)) if a.is_empty() || b.is_empty() => Ok(()),
        (Value::Array(a), Value::Array(b)) => {
            let is_list = a.iter().all(|item| item.is_array() || item.is_object())
                && a.iter().all(|item| compare(&a[0], item, "").is_ok());
            if !is_list && a.len() != b.len() {
                return differ();
            }
            b.iter().enumerate().try_for_each(|(index, item)| {
                compare(&a[if is_list { 0 } else { index }], item, &format!("{at}[{index}]"))
            })
        }
        (Value::Number(a), Value::Number(b)) if a.is_f64() == b.is_f64() => Ok(()),
        (Value::String(_), Value::String(_)) | (Value::Bool(_), Value::Bool(_)) | (Value::Null, Value::Null) => Ok(()),
        _ => differ(),
    }
}

/// What tells one kind of message from another.
fn kind(message: &Value) -> String {
    let text = |path: &str| message.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
    let stream = text("/stream").split('@').nth(1).unwrap_or_default().trim_end_matches(char::is_numeric).to_owned();
    let has_symbol = message.get("symbol").is_some();
    let names = ["/method", "/channel", "/type", "/result/channel", "/subject", "/T", "/message"].map(text);
    format!("{}|{stream}|{has_symbol}", names.join("|"))
}

/// Every message has the form of the sample of its kind, and every sample's kind was heard.
fn check(samples: &[&str], messages: &[String]) {
    let samples: Vec<Value> = samples.iter().map(|text| serde_json::from_str(text).expect("a sample")).collect();
    let mut heard = vec![0; samples.len()];
    for text in messages {
        let message: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        let Some(index) = samples.iter().position(|sample| kind(sample) == kind(&message)) else {
            panic!("no sample for {} {text}", kind(&message));
        };
        heard[index] += 1;
        if let Err(difference) = compare(&samples[index], &message, "") {
            panic!("{difference}\nin {text}");
        }
    }
    for (sample, heard) in samples.iter().zip(heard) {
        assert!(heard > 0, "never heard: {sample}");
    }
}

/// What a connection hears in ten minutes after sending some messages. Pings of the server are answered, and the last message
/// is sent again every ten seconds.
fn listen(sim: &mut Sim, venue: Venue, path: &str, send: &[&str]) -> Vec<String> {
    let connection = sim.connect(venue, path).expect("accepted");
    let mut frames = Vec::new();
    send.iter().for_each(|text| sim.receive(connection, text));
    for step in 0..3_000 {
        if let Some(text) = send.last().filter(|_| step % 50 == 49) {
            sim.receive(connection, text);
        }
        let to = Timestamp::from_nanos(sim.now().as_nanos() + NS_PER_S / 5);
        sim.advance(to);
        let first = frames.len();
        sim.poll(connection, &mut frames);
        if frames[first..].iter().any(|frame| matches!(frame, ServerFrame::Ping(_))) {
            sim.pong(connection);
        }
    }
    let text = |frame| match frame {
        ServerFrame::Text(text) => Some(text),
        ServerFrame::Ping(_) => None,
        other => panic!("{other:?}"),
    };
    frames.into_iter().filter_map(text).collect()
}

/// Every answer has the form of its sample; `adapt` takes out what may differ. A path that begins with `POST ` is posted.
fn check_answers(venue: Venue, samples: &[(&str, &str)], adapt: impl Fn(&mut Value)) {
    let mut sim = Sim::new(SimSettings::default());
    for (path, sample) in samples {
        let to = Timestamp::from_nanos(sim.now().as_nanos() + 5 * NS_PER_S);
        sim.advance(to);
        let (method, path) = match path.strip_prefix("POST ") {
            Some(path) => (HttpMethod::Post, path),
            None => (HttpMethod::Get, *path),
        };
        let answer = sim.request(venue, &HttpRequest::new(method, path));
        let mut body: Value = serde_json::from_slice(&answer.body).unwrap_or_else(|error| panic!("{path}: {error}"));
        adapt(&mut body);
        if let Err(difference) = compare(&serde_json::from_str(sample).expect("a sample"), &body, "") {
            panic!("{path}: {difference}");
        }
    }
}
