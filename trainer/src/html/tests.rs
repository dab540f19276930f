use engine::skill::scorecard;

use super::*;
use crate::random::Random;

fn sealed(skill: f32, seed: u64) -> Vec<Sealed> {
    let mut random = Random::new(seed, 1);
    let one = |minute: u32| {
        let (seen, noise) = (random.uniform(-1e-3, 1e-3), random.uniform(-1e-3, 1e-3));
        Sealed { minute, forecast: seen * skill, p_up: 0.5 + 200.0 * seen * skill, outcome: seen + noise }
    };
    (0..1_500).map(one).collect()
}

fn held(source: &str, skill: f32) -> Held {
    let sealed = sealed(skill, 3);
    Held { source: source.to_owned(), card: scorecard(&sealed, 5), sealed }
}

fn contents() -> Contents {
    let held_out = vec![held("x_BTC<b>_1m.csv.gz", 1.0), held("x_ETH_1m.csv.gz", -1.0)];
    let judged = |held: &Held| Judged {
        part: "held out".to_owned(),
        source: held.source.clone(),
        control: Control::Linear,
        card: scorecard(&sealed(0.5, 3), 5),
    };
    Contents {
        name: "one & only".to_owned(),
        about: "small".to_owned(),
        span: "May".to_owned(),
        controls: held_out.iter().map(judged).collect(),
        held_out,
        folds: Vec::new(),
        losses: vec![(0.9, 0.8), (0.7, 0.75), (0.6, 0.78)],
        trials: Some(12),
        importance: [("rsi_14", 0.5), ("ret_1", 0.75)]
            .map(|(name, moves)| (name.to_owned(), Importance { moves, error: 1e-3 }))
            .into(),
        facts: vec![("seed".to_owned(), "7".to_owned())],
    }
}

#[test]
fn a_page_says_what_came_out_and_takes_nothing_from_elsewhere() {
    let page = page(&contents());
    assert!(page.contains("of 2 results 1 are <span class=\"v-better\">better</span> than no change, 0 are"), "{page}");
    assert!(page.contains("In 1 of them a control has the smaller error"));
    assert!(page.contains("best of 12 trials"));
    assert!(page.contains("Best epoch 2, validation loss 0.7500"));
    for foreign in ["<script", "http:", "https:", "@import", "url("] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    assert!(!page.contains("<b>") && page.contains("BTC&lt;b&gt;"), "names are text");
    assert_eq!(page.matches("<figure>").count(), page.matches("</figure>").count());
    // Two of skill, two of outcomes, two of reliability, two of importance, coverage, losses.
    assert_eq!(page.matches("<figure>").count(), 10);
    let [first, second] = ["ret_1", "rsi_14"].map(|name| page.find(name).expect("both features are there"));
    assert!(first < second, "what moves the forecasts most comes first");
}

#[test]
fn series_are_called_what_tells_them_apart() {
    let names = Names::of(&contents());
    assert_eq!(
        (names.short("x_BTC<b>_1m.csv.gz").as_str(), names.short("x_ETH_1m.csv.gz").as_str()),
        ("BTC<b>", "ETH")
    );
    let alone = Contents { held_out: vec![held("only.csv.gz", 1.0)], ..contents() };
    assert_eq!(Names::of(&alone).short("only.csv.gz"), "only");
}
