//! The model card: what people should know, made from the manifest.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use bundle::manifest::MetricsBySource;
use bundle::{Importance, Manifest, Metrics, Search, Verdict};
use types::Timestamp;

use crate::ensemble::Member;
use crate::release::Exported;

/// The card as Markdown, of a run (its only member) or of an ensemble.
pub fn text(manifest: &Manifest, members: &[Member], exported: &Exported) -> String {
    let mut out = String::new();
    write(&mut out, manifest, members, exported).expect("a String takes everything");
    out
}

fn write(out: &mut String, manifest: &Manifest, members: &[Member], exported: &Exported) -> std::fmt::Result {
    let training = &manifest.training;
    let horizons: Vec<String> = manifest.horizons_min.iter().map(|horizon| format!("+{horizon}")).collect();
    let horizons = horizons.join(", ");
    writeln!(out, "# Model card: {} (revision {}, {})\n", manifest.name, manifest.revision, manifest.created)?;
    writeln!(
        out,
        "Looks at the last {} candles of {} minutes of one instrument and says, for {horizons} minutes, the expected log-return,\n\
         its quantiles {:?} and the probability of a rise; and whether it would sell, hold or buy, with what share of equity and\n\
         at what risk, over the longest of them. {}.\n",
        manifest.rows(),
        manifest.timeframe_min,
        manifest.quantiles,
        manifest.architecture
    )?;
    writeln!(out, "This file is part of the signed bundle: it is written by `tickerbox-trainer pack`, not by hand.\n")?;
    writeln!(out, "## Result\n")?;
    writeln!(
        out,
        "On the held-out part ({}), on which nothing was fitted or chosen, against the forecast \"no change\". Skill is\n\
         1 - error / error of \"no change\"; intervals are 95 %. Measured with the file in this bundle, through the\n\
         inference the box uses.\n",
        span(training.split.held_out_ms)
    )?;
    table(out, &manifest.metrics)?;
    writeln!(out, "\n{}\n", sentence(&manifest.metrics))?;
    writeln!(out, "{}\n", trials(training.search, &training.members))?;
    importance(out, manifest)?;
    match members {
        [only] => folds(out, &training.folds, only)?,
        several => {
            writeln!(out, "## Members\n")?;
            writeln!(
                out,
                "The answers are the mean of {}; nothing was chosen on how well that mean did. Each by itself on the held-out part, as the\n\
                 32-bit network it was trained as:\n",
                several.len()
            )?;
            for (number, (told, member)) in training.members.iter().zip(several).enumerate() {
                writeln!(out, "### Member {}: {}, seed {}\n", number + 1, told.architecture, told.seed)?;
                table(out, &told.metrics)?;
                writeln!(out, "\n{}\n", trials(told.search, &[]))?;
                folds(out, &told.folds, member)?;
            }
        }
    }
    data(out, manifest, members)?;
    int8(out, exported)?;
    limits(out)
}

/// What was tried before, in a sentence.
pub fn trials(search: Option<Search>, members: &[bundle::Member]) -> String {
    let unsearched = members.iter().filter(|member| member.search.is_none()).count();
    match search {
        None if members.is_empty() => "Settings were not searched: one trial.".to_owned(),
        None => format!("Settings were not searched: {unsearched} members, one trial each."),
        Some(Search { trials, finished, pruned, failed }) => {
            let others = if unsearched == 0 { String::new() } else { format!(", and {unsearched} not searched") };
            format!(
                "Settings are the best of {trials} trials ({finished} trained to the end, {pruned} given up, {failed} failed){others}: chosen on \
                 the validation parts of the folds, and lucky there as the best of many is."
            )
        }
    }
}

/// Most important first.
fn importance(out: &mut String, manifest: &Manifest) -> std::fmt::Result {
    if manifest.importance.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "What it leans on: how far the forecasts on the held-out part move, and how much their error changes, when one feature is that of\n\
         other windows.\n"
    )?;
    writeln!(out, "| feature | forecasts move by, % of their size | error changes by, % |\n|---|---|---|")?;
    for (feature, one) in by_importance(&manifest.importance) {
        writeln!(out, "| `{feature}` | {:.1} | {:+.3} |", one.moves * 100.0, one.error * 100.0)?;
    }
    writeln!(out)
}

/// The features that move the forecasts most first.
pub fn by_importance(importance: &BTreeMap<String, Importance>) -> Vec<(&str, Importance)> {
    let mut sorted: Vec<(&str, Importance)> = importance.iter().map(|(name, one)| (name.as_str(), *one)).collect();
    sorted.sort_by(|a, b| b.1.moves.total_cmp(&a.1.moves));
    sorted
}

fn folds(out: &mut String, folds: &[MetricsBySource], member: &Member) -> std::fmt::Result {
    writeln!(
        out,
        "Walk-forward folds before it. The shrinkage of the forecasts was chosen on these, so they flatter a little:\n"
    )?;
    for (fold, (metrics, bounds)) in folds.iter().zip(&member.trained.split.folds).enumerate() {
        let ms = (bounds.test.0 * 60_000, bounds.test.1 * 60_000);
        writeln!(out, "Fold {}, test {}\n", fold + 1, span(ms))?;
        table(out, metrics)?;
        writeln!(out)?;
    }
    Ok(())
}

fn data(out: &mut String, manifest: &Manifest, members: &[Member]) -> std::fmt::Result {
    let training = &manifest.training;
    writeln!(out, "## Data and split\n")?;
    writeln!(out, "| source | candles | first | last | SHA-256 |\n|---|---|---|---|---|")?;
    for range in &training.data {
        let (first, last) = (minute(range.first_ms), minute(range.last_ms));
        writeln!(out, "| `{}` | {} | {first} | {last} | `{}` |", range.source, range.minutes, range.sha256)?;
    }
    writeln!(out, "\n{}\n", training.split.text)?;
    writeln!(out, "- final fit trained on {}", span(training.split.train_ms))?;
    writeln!(out, "- stopped by {}", span(training.split.validation_ms))?;
    writeln!(out, "- held out {}", span(training.split.held_out_ms))?;
    for Member { trained, .. } in members {
        let best = trained.losses.get(trained.best).copied().unwrap_or_default();
        writeln!(
            out,
            "- seed {}, {} epochs, best {} (loss {:.4}, validation {:.4})",
            trained.settings.seed,
            trained.losses.len(),
            trained.best + 1,
            best.0,
            best.1
        )?;
    }
    writeln!(
        out,
        "\nFeatures: {}.\n",
        manifest.features.iter().map(|f| format!("`{f}`")).collect::<Vec<_>>().join(", ")
    )?;
    for Member { trained, .. } in members {
        let scaling = &trained.scalings[&manifest.timeframe_min];
        writeln!(
            out,
            "Forecast returns are multiplied by {:?} and logits by {:?} per horizon.\n",
            scaling.return_shrink, scaling.logit_shrink
        )?;
    }
    Ok(())
}

fn int8(out: &mut String, exported: &Exported) -> std::fmt::Result {
    writeln!(out, "## INT8\n")?;
    let Exported { int8_refused, int8, float, typical_bps, risk_bps, integer_share, int8_bytes, float_bytes } =
        exported;
    match int8_refused {
        Some(why) => writeln!(out, "Not shipped, the file has 32-bit floats: {why}.\n")?,
        None => writeln!(out, "Shipped.\n")?,
    }
    writeln!(
        out,
        "{:.1} % of the multiply-accumulates are integer; {int8_bytes} bytes instead of {float_bytes}. Over {} windows the INT8 file differs\n\
         from the 32-bit network by {:.4} bps of return on average ({:.4} at most; a typical forecast is {typical_bps:.3} bps) and by\n\
         {:.5} of probability ({:.5} at most). The 32-bit file differs by {:.1e} bps and {:.1e} at most.\n",
        integer_share * 100.0,
        int8.windows,
        int8.log_return_mean_bps,
        int8.log_return_max_bps,
        int8.p_up_mean,
        int8.p_up_max,
        float.log_return_max_bps,
        float.p_up_max,
    )?;
    writeln!(
        out,
        "Other outputs of the INT8 file (quantiles and risk in bps, of a mean risk of {risk_bps:.3}), mean and largest:\n"
    )?;
    for (name, difference) in &int8.others {
        writeln!(out, "- {name}: {:.5}, {:.5}", difference.mean, difference.max)?;
    }
    writeln!(out)
}

fn limits(out: &mut String) -> std::fmt::Result {
    writeln!(
        out,
        "## Limits\n\n\
         - It was judged on the instruments and the time above: one market mood. Other coins, venues and years are untested.\n\
         - It sees candles only: no order book, no news, no other instrument.\n\
         - Overlapping forecasts are not independent; the intervals allow for that, a plain count of forecasts does not.\n\
         - What action, size and risk are worth in trading is not judged above.\n\
         - A forecast return below fees and spread is worth nothing in trading, whatever its skill. Nothing here was tested as a\n  \
           trading rule.\n\
         - The box scores every model on its own live forecasts. Believe that figure, not this one."
    )
}

fn table(out: &mut String, metrics: &MetricsBySource) -> std::fmt::Result {
    writeln!(
        out,
        "| source | minutes ahead | n | error, bps | \"no change\", bps | skill, % (95 %) | right sign, % (95 %) | verdict |"
    )?;
    writeln!(out, "|---|---|---|---|---|---|---|---|")?;
    for (source, report) in metrics {
        for (horizon, m) in report {
            let percent = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{:+.2}", value * 100.0));
            let plain = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{:.1}", value * 100.0));
            let bps = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.3}"));
            writeln!(
                out,
                "| `{source}` | +{horizon} | {} | {} | {} | {} ({} to {}) | {} ({} to {}) | {} |",
                m.n,
                bps(m.mae_bps),
                bps(m.naive_mae_bps),
                percent(m.skill),
                percent(m.skill_lo),
                percent(m.skill_hi),
                plain(m.hit_rate),
                plain(m.hit_lo),
                plain(m.hit_hi),
                word(m.verdict)
            )?;
        }
    }
    Ok(())
}

/// The result in one sentence, without adjectives.
fn sentence(metrics: &MetricsBySource) -> String {
    let all: Vec<&Metrics> = metrics.values().flat_map(|report| report.values()).collect();
    let count = |verdict: Verdict| all.iter().filter(|m| m.verdict == verdict).count();
    let (better, open, worse) = (count(Verdict::Better), count(Verdict::NotProven), count(Verdict::Worse));
    format!(
        "Of {} results {better} are better than \"no change\", {open} are not proven and {worse} are worse. Each interval stands for\n\
         itself: of forty results without any skill, about one passes for better and one for worse by chance.",
        all.len()
    )
}

const fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Worse => "worse",
        Verdict::NotProven => "not proven",
        Verdict::Better => "better",
    }
}

fn minute(ms: i64) -> String {
    Timestamp::from_millis(ms).to_string()[..16].replace('T', " ")
}

fn span((from, to): (i64, i64)) -> String {
    format!("{} to {} UTC", minute(from), minute(to))
}
