//! Sentences and words the page makes from messages.

use wire::{BandSource, BookBreak, BookState, FeedBadge, ForecastPoint, HorizonCard, Verdict};

use crate::format::{self, THIN_SPACE};

/// What a text means, for its colour and shape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// Holds, or is a gain that is proven.
    Good,
    /// Needs attention.
    Warning,
    /// Does not hold, or is a loss that is proven.
    Bad,
    /// Not proven: neither good nor bad.
    Open,
    /// Plain.
    #[default]
    Plain,
}

impl Tone {
    /// The class in the style sheet.
    #[must_use]
    pub const fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warning => "warning",
            Self::Bad => "bad",
            Self::Open => "open",
            Self::Plain => "plain",
        }
    }
}

/// The word for a verdict.
#[must_use]
pub const fn verdict(verdict: Verdict) -> (&'static str, Tone) {
    match verdict {
        Verdict::Worse => ("worse", Tone::Bad),
        Verdict::NotProven => ("not proven", Tone::Open),
        Verdict::Better => ("better", Tone::Good),
    }
}

/// The words for the state of a book.
#[must_use]
pub const fn book_state(state: BookState) -> (&'static str, Tone) {
    match state {
        BookState::ProvenChecksum => ("proven · CRC", Tone::Good),
        BookState::ProvenSequence => ("proven", Tone::Good),
        BookState::Compared => ("compared", Tone::Good),
        BookState::Resyncing => ("resyncing", Tone::Warning),
        BookState::Silent => ("silent", Tone::Bad),
    }
}

/// The badge of a venue: its worst book, and which pairs are behind when not all are.
#[must_use]
pub fn feed(badge: &FeedBadge, behind: &[String]) -> (String, Tone) {
    let (word, tone) = book_state(badge.state);
    match (badge.connected, behind) {
        (false, _) => ("not connected".into(), Tone::Bad),
        (true, [pair]) if tone != Tone::Good && badge.books > 1 => (format!("{word} {pair}"), tone),
        (true, _) => (word.into(), tone),
    }
}

/// How much of the last day a venue's books were proven, and the same with the last break and why; `None` before it is known.
#[must_use]
pub fn integrity(badge: &FeedBadge, now_ms: i64) -> Option<(String, String)> {
    // Rounded down: not all is not all.
    let percent = f64::from(badge.proven_ppm? / 100) / 100.0;
    let share =
        format!("{}{THIN_SPACE}% proven", format::float(percent, 2).trim_end_matches('0').trim_end_matches('.'));
    let lead = "Share of the last 24\u{202f}h in which the books were proven.";
    let title = match &badge.last_break {
        Some(BookBreak { at_ms, pair, why }) => {
            let ago = format::duration_rounded(((now_ms - at_ms) / 1_000).max(0).unsigned_abs());
            format!("{lead} Last break {ago} ago: {pair}, {why}.")
        }
        None => format!("{lead} No book ever broke."),
    };
    Some((share, title))
}

/// The record of one horizon as a sentence in three parts: lead, what counts, what qualifies it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Skill {
    /// `Last 7 days, 2 016 forecasts:`, or the whole sentence when there is nothing to compare.
    pub lead: String,
    /// `0.3 % better`.
    pub claim: String,
    /// `than no change (95 %: −0.4 to +1.0)`.
    pub rest: String,
}

/// What the forecasts of a horizon were worth, against saying "no change", as of `now_ms`.
#[must_use]
pub fn skill(card: &HorizonCard, now_ms: i64) -> Skill {
    let (Some(skill), Some(since_ms)) = (card.skill.filter(|_| card.scored > 0), card.since_ms) else {
        let lead =
            format!("Nothing scored yet: a forecast counts once its {}{THIN_SPACE}minutes are over.", card.horizon_min);
        return Skill { lead, ..Skill::default() };
    };
    let percent = f64::from(skill) * 100.0;
    let magnitude = format::float(percent.abs(), 1);
    let claim = match () {
        () if magnitude == "0.0" => "no better".to_owned(),
        () if percent > 0.0 => format!("{magnitude}{THIN_SPACE}% better"),
        () => format!("{magnitude}{THIN_SPACE}% worse"),
    };
    let interval = match card.interval {
        Some((low, high)) => format!(
            "(95{THIN_SPACE}%: {} to {})",
            format::signed_float(f64::from(low) * 100.0, 1),
            format::signed_float(f64::from(high) * 100.0, 1)
        ),
        None => "(too few for an interval)".into(),
    };
    let noun = if card.scored == 1 { "forecast" } else { "forecasts" };
    let window_s = now_ms.saturating_sub(since_ms).max(0) as u64 / 1_000;
    Skill {
        lead: format!("Last {}, {} {noun}:", format::duration_rounded(window_s), format::count(u64::from(card.scored))),
        claim,
        rest: format!("than no change {interval}"),
    }
}

/// The 90 % band in basis points, `90 %: −7 to +9 bps`, or why there is none.
#[must_use]
pub fn band(forecast: &ForecastPoint) -> String {
    let bps = |value: f32| format::signed_float(f64::from(value) * 1e4, 0);
    let centre = forecast.log_return;
    match (forecast.band_90, forecast.bands_from) {
        (Some(half), BandSource::Errors) => {
            format!("90{THIN_SPACE}%: {} to {} bps", bps(centre - half), bps(centre + half))
        }
        (Some(half), BandSource::Volatility) => {
            format!("90{THIN_SPACE}% by volatility: {} to {}", bps(centre - half), bps(centre + half))
        }
        (None, _) => "No band yet: too few minutes".into(),
    }
}

/// What the bands in the chart are.
#[must_use]
pub const fn bands(source: Option<BandSource>) -> &'static str {
    match source {
        Some(BandSource::Errors) => "bands: 50 and 90 % of past errors",
        Some(BandSource::Volatility) => {
            "bands: 50 and 90 % by the last hour's volatility, until enough errors are known"
        }
        None => "no band yet: too few minutes",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::MINUS;

    const DAY_MS: i64 = 86_400_000;

    fn card(scored: u32, skill: f32, interval: Option<(f32, f32)>) -> HorizonCard {
        HorizonCard {
            horizon_min: 5,
            forecast: None,
            scored,
            since_ms: (scored > 0).then_some(0),
            skill: (scored > 0).then_some(skill),
            interval,
            verdict: Verdict::NotProven,
        }
    }

    #[track_caller]
    fn check(card: &HorizonCard, now_ms: i64, expected: &str) {
        let Skill { lead, claim, rest } = skill(card, now_ms);
        let text = format!("{lead} {claim} {rest}").replace(THIN_SPACE, " ").replace(MINUS, "-");
        assert_eq!(text.trim(), expected);
    }

    #[test]
    fn skill_is_told_with_its_doubt() {
        check(
            &card(2_016, 0.003, Some((-0.004, 0.01))),
            7 * DAY_MS,
            "Last 7 days, 2 016 forecasts: 0.3 % better than no change (95 %: -0.4 to +1.0)",
        );
        check(
            &card(2_014, -0.011, Some((-0.023, 0.002))),
            3 * 3_600_000,
            "Last 3 h, 2 014 forecasts: 1.1 % worse than no change (95 %: -2.3 to +0.2)",
        );
        check(
            &card(1, 0.0002, None),
            90_000,
            "Last 90 s, 1 forecast: no better than no change (too few for an interval)",
        );
    }

    #[test]
    fn no_record_says_what_is_missing() {
        check(&card(0, 0.0, None), 0, "Nothing scored yet: a forecast counts once its 5 minutes are over.");
    }

    #[test]
    fn not_proven_is_never_green() {
        assert_eq!(verdict(Verdict::NotProven).1, Tone::Open);
        assert_eq!(verdict(Verdict::Better), ("better", Tone::Good));
        assert_eq!(verdict(Verdict::Worse), ("worse", Tone::Bad));
    }

    #[test]
    fn a_band_is_told_in_basis_points() {
        let told = |band_90, bands_from| {
            let forecast = ForecastPoint {
                open_time_ms: 0,
                price: 1,
                log_return: 0.000_1,
                p_up: 0.5,
                band_50: None,
                band_90,
                bands_from,
            };
            band(&forecast).replace(THIN_SPACE, " ").replace(MINUS, "-")
        };
        assert_eq!(told(Some(0.000_8), BandSource::Errors), "90 %: -7 to +9 bps");
        assert_eq!(told(Some(0.000_8), BandSource::Volatility), "90 % by volatility: -7 to +9");
        assert!(told(None, BandSource::Volatility).starts_with("No band yet"));
    }

    #[test]
    fn a_feed_names_the_one_pair_that_is_behind() {
        let mut badge = FeedBadge {
            venue: "Kraken".into(),
            connected: true,
            books_live: 1,
            books: 2,
            state: BookState::Resyncing,
            resyncs: 1,
            rejected: 0,
            age_ms: None,
            proven_ppm: Some(999_312),
            last_break: Some(BookBreak { at_ms: 0, pair: "ETH/USD".into(), why: "checksum did not match".into() }),
            clock_ahead_ms: None,
        };
        let (share, title) = integrity(&badge, 7_200_000).expect("known");
        assert_eq!(share.replace(THIN_SPACE, " "), "99.93 % proven");
        let title = title.replace(THIN_SPACE, " ");
        assert_eq!(
            title,
            "Share of the last 24 h in which the books were proven. Last break 2 h ago: ETH/USD, checksum did not match."
        );
        // A book that broke was not proven all the time, however short it was.
        badge.proven_ppm = Some(999_999);
        assert_eq!(integrity(&badge, 0).expect("known").0.replace(THIN_SPACE, " "), "99.99 % proven");
        assert_eq!(feed(&badge, &["ETH/USD".into()]), ("resyncing ETH/USD".into(), Tone::Warning));
        assert_eq!(feed(&badge, &["ETH/USD".into(), "BTC/USD".into()]), ("resyncing".into(), Tone::Warning));
        badge.connected = false;
        assert_eq!(feed(&badge, &[]), ("not connected".into(), Tone::Bad));
    }
}
