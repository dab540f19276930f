//! The card of a model as a Hub shows it: front matter that machines read, then the card of the bundle.

use bundle::{CARD_NAME, VerifiedBundle};
use serde_json::{Value, json};

/// The text of `README.md`. Its figures are those of the signed manifest.
pub(super) fn text(bundle: &VerifiedBundle, place: &str) -> String {
    let manifest = bundle.manifest();
    let card = bundle.file(CARD_NAME).map(String::from_utf8_lossy);
    let body = card
        .map_or_else(|| format!("# {} (revision {})\n", manifest.name, manifest.revision), |card| card.into_owned());
    format!(
        "---\n{}---\n{}\n\n## How to get it\n\n```sh\ntickerbox-trainer pull --from {place} {}/{}\n```\n\nDigest `{}`, signed by key `{}`. \
         A box takes it only from a signer it trusts.\n",
        front_matter(bundle),
        body.trim_end(),
        manifest.name,
        manifest.revision,
        bundle.digest(),
        bundle.signer()
    )
}

/// YAML, of which JSON values are a part: what stands in quotes cannot leave its line.
fn front_matter(bundle: &VerifiedBundle) -> String {
    let manifest = bundle.manifest();
    let mut results = Vec::new();
    for (source, report) in &manifest.metrics {
        let mut metrics = Vec::new();
        for (horizon, m) in report {
            let mut metric = |kind: &str, what: &str, value: Option<f64>| {
                if let Some(value) = value {
                    metrics.push(json!({"type": kind, "name": format!("{what} at +{horizon} min"), "value": value}));
                }
            };
            metric("skill", "skill against no change", m.skill);
            metric("skill_lo", "lower end of its 95 % interval", m.skill_lo);
            metric("skill_hi", "upper end of its 95 % interval", m.skill_hi);
            metric("mae_bps", "mean absolute error, basis points,", m.mae_bps);
            metric("hit_rate", "share of right signs", m.hit_rate);
        }
        let (task, dataset) = (json!({"type": "time-series-forecasting"}), json!({"name": source, "type": "candles"}));
        results.push(json!({"task": task, "dataset": dataset, "metrics": metrics}));
    }
    let entries: [(&str, Value); 4] = [
        ("library_name", json!("tickerbox")),
        ("pipeline_tag", json!("time-series-forecasting")),
        ("tags", json!(["time-series-forecasting", "onnx", "finance", "tickerbox"])),
        ("model-index", json!([{"name": manifest.name, "results": results}])),
    ];
    entries.iter().map(|(name, value)| format!("{name}: {value}\n")).collect()
}
