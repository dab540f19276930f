//! What a sweep turns: one setting, or several that belong together, and the values they are to have.

use serde_json::{Value, json};
use types::fee::{Fee, FeeRows};
use types::settings::EngineSettings;
use types::{Ppm, Venue};

use crate::{BacktestError, Result, Trial};

/// Most trials of one sweep.
pub const TRIALS_MAX: usize = 10_000;
/// Where the settings lie in the configuration of a box.
const SECTION: &str = "engine.";

/// Something to turn, and where it is put one after the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Dial {
    /// What it is called: the key as it was given.
    pub name: String,
    /// One for each variant.
    pub stops: Vec<Stop>,
}

/// One place of a [`Dial`].
#[derive(Clone, Debug, PartialEq)]
pub struct Stop {
    /// What the trial's name says of it.
    pub label: String,
    /// Paths and values, in the order in which they are put. A path is keys joined by dots, places in lists by their
    /// number: `signal.edge_min_cbps`, `rivals.0.signal.rule`. Values are as the settings are written in JSON.
    pub puts: Vec<(String, Value)>,
}

impl Dial {
    /// One setting with its values.
    #[must_use]
    pub fn of(path: &str, values: impl IntoIterator<Item = Value>) -> Self {
        let stop = |value: Value| Stop {
            label: format!("{path}={}", value.as_str().map_or_else(|| value.to_string(), str::to_owned)),
            puts: vec![(path.to_owned(), value)],
        };
        Self { name: path.to_owned(), stops: values.into_iter().map(stop).collect() }
    }

    /// Reads `engine.KEY=VALUE,VALUE`. Commas between brackets and quotes are part of a value; a value that is no JSON is a
    /// word.
    ///
    /// # Errors
    /// What is missing, or a key outside of what decides about trading.
    pub fn parse(text: &str) -> Result<Self> {
        let refuse = |path: &str, what: &str| BacktestError::Setting { path: path.to_owned(), what: what.to_owned() };
        let Some((key, values)) = text.split_once('=') else {
            return Err(refuse(text, "has no \"=\": write KEY=VALUE, or KEY=VALUE,VALUE for a grid"));
        };
        let key = key.trim();
        let Some(path) = key.strip_prefix(SECTION).filter(|path| !path.is_empty()) else {
            return Err(refuse(key, "only keys below \"engine.\" decide about trading"));
        };
        let values = split(values);
        if values.iter().any(|value| value.is_empty()) {
            return Err(refuse(key, "a value is empty"));
        }
        let value = |text: &&str| serde_json::from_str(text).unwrap_or_else(|_| Value::String((*text).to_owned()));
        let stop = |text: &&str| Stop { label: format!("{path}={text}"), puts: vec![(path.to_owned(), value(text))] };
        Ok(Self { name: key.to_owned(), stops: values.iter().map(stop).collect() })
    }

    /// The same fee, millionths of the traded value, for makers and takers at every venue and at all times.
    #[must_use]
    pub fn fees(ppm: &[u32]) -> Self {
        let stop = |ppm: &u32| {
            let fee = Ppm(*ppm);
            let rows = FeeRows::always(Fee { maker_ppm: fee, taker_ppm: fee }, false, "told to the backtest");
            let puts = Venue::ALL.map(|venue| (format!("fees.{}", venue.slug()), json!(rows)));
            Stop { label: format!("fee_ppm={ppm}"), puts: puts.into() }
        };
        Self { name: "fee_ppm".to_owned(), stops: ppm.iter().map(stop).collect() }
    }

    /// A constant time from the decision to the arrival, milliseconds, instead of recorded times.
    #[must_use]
    pub fn latency(ms: &[u32]) -> Self {
        let stop = |ms: &u32| Stop {
            label: format!("latency_ms={ms}"),
            puts: vec![("paper.latency_ms".to_owned(), json!(ms)), ("paper.entry_us".to_owned(), json!([]))],
        };
        Self { name: "latency_ms".to_owned(), stops: ms.iter().map(stop).collect() }
    }

    /// Always the same share of equity in a position, millionths, instead of other ways to size it.
    #[must_use]
    pub fn size(ppm: &[u32]) -> Self {
        let stop = |ppm: &u32| Stop {
            label: format!("size_ppm={ppm}"),
            puts: vec![("signal.sizing".to_owned(), json!("fixed")), ("signal.size_ppm".to_owned(), json!(ppm))],
        };
        Self { name: "size_ppm".to_owned(), stops: ppm.iter().map(stop).collect() }
    }
}

/// The values of a list: commas between brackets or quotes do not part them.
fn split(text: &str) -> Vec<&str> {
    let (mut values, mut from, mut depth, mut is_quoted, mut is_escaped) = (Vec::new(), 0, 0i32, false, false);
    for (at, letter) in text.char_indices() {
        match letter {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            '[' | '{' if !is_quoted => depth += 1,
            ']' | '}' if !is_quoted => depth -= 1,
            ',' if !is_quoted && depth == 0 => {
                values.push(text[from..at].trim());
                from = at + 1;
            }
            _ => {}
        }
    }
    values.push(text[from..].trim());
    values
}

/// All combinations of the dials' stops on top of `base`, the last dial changing quickest. Each is named by its stops. Without a
/// dial it is `base` alone.
///
/// # Errors
/// A path that is not in the settings, a value that does not fit there, a dial without stops, one setting turned by two dials,
/// more than [`TRIALS_MAX`] combinations.
pub fn variants(base: &Trial, dials: &[Dial]) -> Result<Vec<Trial>> {
    let refuse = |path: &str, what: String| BacktestError::Setting { path: path.to_owned(), what };
    let count = dials.iter().try_fold(1usize, |count, dial| match dial.stops.len() {
        0 => Err(refuse(&dial.name, "has no values".to_owned())),
        stops => Ok(count.saturating_mul(stops)),
    })?;
    if count > TRIALS_MAX {
        let names: Vec<&str> = dials.iter().map(|dial| dial.name.as_str()).collect();
        let what = format!("{count} combinations, at most {TRIALS_MAX} are tried at once");
        return Err(refuse(&names.join(", "), what));
    }
    check_apart(dials)?;
    let plain = serde_json::to_value(&base.settings).expect("settings are plain values");
    let mut trials = Vec::with_capacity(count);
    for number in 0..count {
        let (mut value, mut settings, mut rest) = (plain.clone(), base.settings.clone(), number);
        let mut chosen: Vec<&Stop> = Vec::with_capacity(dials.len());
        for dial in dials.iter().rev() {
            chosen.push(&dial.stops[rest % dial.stops.len()]);
            rest /= dial.stops.len();
        }
        for stop in chosen.iter().rev() {
            for (path, new) in &stop.puts {
                put(&mut value, path, new)?;
                // Each by itself, so that the error names its path.
                settings = serde_json::from_value::<EngineSettings>(value.clone())
                    .map_err(|error| refuse(path, error.to_string()))?;
            }
        }
        let names: Vec<&str> = chosen.iter().rev().map(|stop| stop.label.as_str()).collect();
        let name = if names.is_empty() { base.name.clone() } else { names.join(" ") };
        trials.push(Trial { name, settings, ..base.clone() });
    }
    Ok(trials)
}

/// Of two dials for the same setting the later one would win unseen, and variants would be the same.
fn check_apart(dials: &[Dial]) -> Result<()> {
    let paths = |dial: &'_ Dial| -> Vec<String> {
        dial.stops.first().iter().flat_map(|stop| stop.puts.iter().map(|(path, _)| path.clone())).collect()
    };
    let is_within = |inner: &str, outer: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    for (place, dial) in dials.iter().enumerate() {
        for path in paths(dial) {
            let clashes = |other: &&Dial| paths(other).iter().any(|it| is_within(it, &path) || is_within(&path, it));
            if let Some(other) = dials[..place].iter().find(clashes) {
                let what = format!("is set by {} already", other.name);
                return Err(BacktestError::Setting { path: dial.name.clone(), what });
            }
        }
    }
    Ok(())
}

fn put(settings: &mut Value, path: &str, new: &Value) -> Result<()> {
    let mut place = settings;
    let mut known = Vec::new();
    for key in path.split('.') {
        let names = match &*place {
            Value::Object(map) => map.keys().map(String::as_str).collect::<Vec<_>>().join(", "),
            Value::Array(list) if !list.is_empty() => format!("0 to {}", list.len() - 1),
            Value::Array(_) => "an empty list".to_owned(),
            _ => "a single value".to_owned(),
        };
        let found = match place {
            Value::Object(map) => map.get_mut(key),
            Value::Array(list) => key.parse().ok().and_then(|index: usize| list.get_mut(index)),
            _ => None,
        };
        place = found.ok_or_else(|| {
            let within = known.join(".");
            let within = if within.is_empty() { "there".to_owned() } else { format!("in {within}") };
            BacktestError::Setting { path: path.to_owned(), what: format!("there is no {key:?}; {within}: {names}") }
        })?;
        known.push(key);
    }
    place.clone_from(new);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::settings::{Rule, Sizing};

    fn dial(path: &str, values: Value) -> Dial {
        Dial::of(path, values.as_array().unwrap().clone())
    }

    #[test]
    fn dials_multiply_and_the_last_turns_quickest() {
        let base = Trial::new("base", EngineSettings::default());
        let dials = [
            dial("signal.rule", json!(["forecast", "reversion"])),
            dial("risk.stop_loss_ppm", json!([1_000, 2_000, 3_000])),
        ];
        let found = variants(&base, &dials).unwrap();
        let told: Vec<(Rule, u32)> =
            found.iter().map(|trial| (trial.settings.signal.rule, trial.settings.risk.stop_loss_ppm)).collect();
        let (forecast, reversion) = (Rule::Forecast, Rule::Reversion);
        let expected = [1_000, 2_000, 3_000].map(|ppm| (forecast, ppm)).into_iter();
        assert_eq!(told, expected.chain([1_000, 2_000, 3_000].map(|ppm| (reversion, ppm))).collect::<Vec<_>>());
        assert_eq!(found[3].name, "signal.rule=reversion risk.stop_loss_ppm=1000");
        assert_eq!(variants(&base, &[]).unwrap(), [base]);
    }

    #[test]
    fn what_does_not_fit_is_named_with_its_path() {
        let base = Trial::new("base", EngineSettings::default());
        let check = |path: &str, values: Value, expected: &str| {
            let error = variants(&base, &[dial(path, values)]).unwrap_err().to_string();
            assert!(error.starts_with(&format!("settings at {path:?}: ")) && error.contains(expected), "{error}");
        };
        check("signal.edge", json!([1]), "there is no \"edge\"; in signal: edge_min_cbps, ");
        check("rivals.0.name", json!(["a"]), "there is no \"0\"; in rivals: an empty list");
        check("signal.rule.x", json!([1]), "there is no \"x\"; in signal.rule: a single value");
        check("signal.rule", json!(["forecast", "hope"]), "unknown variant `hope`");
        check("risk.stop_loss_ppm", json!([-1]), "invalid value: integer `-1`");
        check("signal", json!([{"rule": "off", "edge": 1}]), "unknown field `edge`");
        check("risk.stop_loss_ppm", json!([]), "has no values");
        check("risk.stop_loss_ppm", Value::Array(vec![json!(1); TRIALS_MAX + 1]), "10001 combinations");
    }

    #[test]
    fn a_line_of_text_is_a_dial() {
        let check = |text: &str, path: &str, expected: Value| {
            let found = Dial::parse(text).unwrap();
            let values: Vec<Value> = found.stops.iter().map(|stop| stop.puts[0].1.clone()).collect();
            assert!(found.stops.iter().all(|stop| stop.puts[0].0 == path), "{found:?}");
            assert_eq!(Value::Array(values), expected, "{text}");
        };
        check("engine.signal.edge_min_cbps=10,20, 30", "signal.edge_min_cbps", json!([10, 20, 30]));
        check("engine.signal.rule=forecast,off", "signal.rule", json!(["forecast", "off"]));
        check("engine.risk.trading=true", "risk.trading", json!([true]));
        check("engine.paper.entry_us=[1,2],[]", "paper.entry_us", json!([[1, 2], []]));
        check("engine.rivals.0.name=\"a,b\",c", "rivals.0.name", json!(["a,b", "c"]));
        assert_eq!(Dial::parse("engine.signal.rule=off").unwrap().stops[0].label, "signal.rule=off");
    }

    #[test]
    fn a_line_that_is_none_says_why() {
        let check = |text: &str, expected: &str| {
            let error = Dial::parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text:?}: {error}");
        };
        check("engine.signal.edge_min_cbps", "has no \"=\"");
        check("signal.edge_min_cbps=1", "settings at \"signal.edge_min_cbps\": only keys below \"engine.\"");
        check("model.budget_ms=1", "only keys below \"engine.\"");
        check("engine.=1", "only keys below \"engine.\"");
        check("engine.signal.rule=", "a value is empty");
        check("engine.signal.rule=off,,hold", "a value is empty");
    }

    #[test]
    fn short_forms_turn_all_that_belongs_together() {
        let mut settings = EngineSettings::default();
        settings.paper.entry_us = vec![7];
        settings.signal.sizing = Sizing::Kelly;
        let base = Trial::new("base", settings);
        let dials = [Dial::fees(&[0, 250]), Dial::latency(&[5]), Dial::size(&[100])];
        let found = variants(&base, &dials).unwrap();
        let names: Vec<&str> = found.iter().map(|trial| trial.name.as_str()).collect();
        assert_eq!(names, ["fee_ppm=0 latency_ms=5 size_ppm=100", "fee_ppm=250 latency_ms=5 size_ppm=100"]);
        let settings = &found[1].settings;
        let fees = [&settings.fees.kraken, &settings.fees.binance_us, &settings.fees.coinbase, &settings.fees.kucoin];
        assert!(fees.iter().all(|rows| rows.rows().len() == 1 && rows.rows()[0].taker_ppm == Ppm(250)));
        assert_eq!((settings.paper.latency_ms, settings.paper.entry_us.len()), (5, 0));
        assert_eq!((settings.signal.sizing, settings.signal.size_ppm), (Sizing::Fixed, 100));
    }

    #[test]
    fn one_setting_is_turned_once() {
        let base = Trial::new("base", EngineSettings::default());
        let check = |dials: [Dial; 2], expected: &str| {
            let error = variants(&base, &dials).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        let latency = || Dial::parse("engine.paper.latency_ms=1").unwrap();
        check([latency(), latency()], "is set by engine.paper.latency_ms already");
        check([latency(), Dial::latency(&[1])], "settings at \"latency_ms\": is set by engine.paper.latency_ms");
        check([Dial::of("signal", [json!({})]), Dial::size(&[1])], "is set by signal already");
    }
}
