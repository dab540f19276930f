//! Which features the forecasts lean on, see [`crate::importance`].

use std::collections::BTreeMap;

use bundle::Importance;

use super::chart::{self, Row, Title};
use crate::card::by_importance;

/// How far each feature moves the forecasts, and their error; most important first.
pub(super) fn figures(importance: &BTreeMap<String, Importance>) -> String {
    if importance.is_empty() {
        return String::new();
    }
    let sorted = by_importance(importance);
    let figure = |title: &str, sub: &str, of: &dyn Fn(Importance) -> f64| {
        let row = |(name, one): &(&str, Importance)| Row {
            name: (*name).to_owned(),
            value: Some(of(*one) * 100.0),
            interval: None,
            class: "info",
            is_strong: true,
        };
        let rows: Vec<Row> = sorted.iter().map(row).collect();
        chart::forest(&Title { title, sub, says: "" }, "%", &rows)
    };
    figure("Forecasts", "how far they move, % of their mean size", &|one| one.moves)
        + &figure("Error", "how much it changes, %", &|one| one.error)
}
