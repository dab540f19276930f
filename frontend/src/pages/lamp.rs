//! The lamp of the box on the page.

use wire::{Condition, Lamp};

use super::Said;
use crate::markup::{Node, node, text};
use crate::sentence::Tone;

/// The level in words, in its colour.
#[must_use]
pub fn word(lamp: Lamp) -> Said {
    let tone = match lamp {
        Lamp::Healthy => Tone::Good,
        Lamp::Updating | Lamp::Paused => Tone::Open,
        Lamp::Unproven | Lamp::NeedsYou => Tone::Warning,
        Lamp::NoMarket | Lamp::Breaker => Tone::Bad,
    };
    Said::toned(lamp.words(), tone)
}

/// What is not as it should be, each with what to do.
#[must_use]
pub fn conditions(all: &[Condition]) -> Node {
    let told = |it: &Condition| {
        let dot = node("i", &format!("dot {}", word(it.lamp).tone.class())).set("aria-hidden", "true");
        let words = node("span", "").with(text("b", "", &it.text)).with(text("span", "detail", &it.advice));
        node("li", "").key(&it.name).with(dot).with(words)
    };
    node("ul", "conditions").id("conditions").all(all.iter().map(told).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_healthy_box_is_green() {
        assert!(Lamp::ALL.into_iter().all(|lamp| (word(lamp).tone == Tone::Good) == (lamp == Lamp::Healthy)));
    }

    #[test]
    fn a_condition_says_what_to_do() {
        let condition = Condition {
            name: "heat".into(),
            lamp: Lamp::NeedsYou,
            text: "The processor has 82 °C.".into(),
            advice: "Give the box air, or a cooler.".into(),
            ..Condition::default()
        };
        assert_eq!(conditions(&[condition]).read(), "The processor has 82 °C.Give the box air, or a cooler.");
    }
}
