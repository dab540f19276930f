//! Rules of instruments change while the box runs.

use sim::fault::{Kind, RuleChange};
use soak::What;
use types::{Timestamp, TradingStatus};

use crate::case::{ALL, Case, FIRST, Flavour, SECOND, s, settings};

/// Venues that do not push their rules are asked for them from time to time, here every minute.
fn with_change(flavour: Flavour, change: RuleChange, lasts_s: u64) -> Case {
    let mut case = Case::with(flavour, |feed| feed.instruments_age_max = s(60));
    case.inject(case.first(), Kind::Rules { change, lasts: s(lasts_s) });
    case
}

/// What the engine knows of the first instrument's trading.
fn status(case: &Case) -> Option<TradingStatus> {
    case.world.engine().view().market(FIRST).expect("known").status()
}

#[test]
fn a_halted_instrument_is_marked_and_comes_back_when_trading_does() {
    for flavour in ALL {
        let mut case = with_change(flavour, RuleChange::Halt, 240);
        case.run(s(240));
        case.assert_marked(FIRST, s(100));
        case.assert_never_marked(SECOND);
        case.assert_same_connection();
        assert_eq!(status(&case), Some(TradingStatus::Halted), "{}", case.story());
        case.assert_right_within(FIRST, s(120));
        assert_eq!(status(&case), Some(TradingStatus::Trading), "{}", case.story());
        case.assert_ends_with_the_truth();
    }
}

#[test]
fn a_delisted_instrument_is_marked_keeps_its_data_and_comes_back_when_it_is_listed_anew() {
    for flavour in ALL {
        let venue = flavour.venue;
        let mut case = with_change(flavour, RuleChange::Delist, 240);
        let closed = |case: &Case| {
            let view = case.world.engine().view();
            view.market(FIRST).expect("known").series().entries().count()
        };
        let before = closed(&case);
        case.run(s(240));
        case.assert_marked(FIRST, s(100));
        case.assert_never_marked(SECOND);
        assert!(closed(&case) >= before, "{venue}: old data is gone");
        assert_ne!(status(&case), Some(TradingStatus::Trading), "{venue}: {}", case.story());
        case.assert_right_within(FIRST, s(420));
        case.assert_ends_with_the_truth();
    }
}

#[test]
fn a_new_tick_is_told_and_disturbs_nothing() {
    for flavour in ALL {
        let venue = flavour.venue;
        let mut case = with_change(flavour, RuleChange::Tick, 240);
        let tick = |case: &Case| case.world.engine().view().market(FIRST).expect("known").instrument.tick;
        let before = tick(&case);
        case.run(s(150));
        assert_eq!(tick(&case), before * 5, "{venue}: {}", case.story());
        assert!(case.count(|what| *what == What::Rules) > 0, "{venue}: {}", case.story());
        case.run(s(200));
        assert_eq!(tick(&case), before, "{venue}: {}", case.story());
        case.assert_never_marked(FIRST);
        case.assert_same_connection();
        case.assert_ends_with_the_truth();
    }
}

/// An instrument that is not listed when the box starts, and later is.
#[test]
fn a_new_listing_is_found() {
    for flavour in ALL {
        let venue = flavour.venue;
        let mut settings = settings(flavour);
        settings.feeds[0].instruments_age_max = s(60);
        let mut world = soak::World::new(&settings).expect("valid");
        let symbol = world.followed()[FIRST.index()].symbol.clone();
        let scope = sim::fault::Scope::of(venue).symbol(&symbol);
        let kind = Kind::Rules { change: RuleChange::Delist, lasts: s(180) };
        world.sim.fault(sim::fault::Fault::new(sim::fault::When::At(Timestamp::EPOCH), scope, kind));
        world.run_for(s(170));
        assert!(world.is_right(SECOND, s(2)) && !world.is_right(FIRST, s(60)), "{venue}");
        world.run_for(s(460));
        assert!(world.is_right(FIRST, s(2)), "{venue}");
    }
}
