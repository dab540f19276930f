//! Candles of the past, fetched by the product's own backfill from the simulator in virtual time: they are the true ones,
//! nothing is asked twice, and no venue has to complain.

use std::collections::BTreeMap;
use std::time::Duration;

use feed::backfill::{Answered, Backfill, BackfillOutput, Series, Span};
use feed::{Limits, Method, Request};
use sim::{AssetSettings, HttpMethod, HttpRequest, ListingSettings, Sim, SimSettings};
use types::time::NS_PER_MIN;
use types::{Candle, Instrument, Timeframe, Timestamp, Venue};

/// How long a REST answer takes.
const ANSWER: Duration = Duration::from_millis(150);

/// What came of one run.
#[derive(Default)]
struct Run {
    requests: usize,
    refused: usize,
    seconds: u64,
    instruments: Vec<Instrument>,
    /// By the number of the series.
    series: Vec<Fetched>,
    given_up: Vec<(usize, Span, String)>,
}

#[derive(Default)]
struct Fetched {
    covered: Vec<Span>,
    candles: BTreeMap<Timestamp, Candle>,
}

/// Fetches from a venue until all is done; `want` says what is missing once the instruments are known.
fn run(sim: &mut Sim, venue: Venue, want: impl Fn(&[Instrument], Timestamp) -> Vec<(Series, Vec<Span>)>) -> Run {
    run_with(sim, venue, Backfill::new(venue, Limits::of(venue), None), want)
}

fn run_with(
    sim: &mut Sim,
    venue: Venue,
    mut backfill: Backfill,
    want: impl Fn(&[Instrument], Timestamp) -> Vec<(Series, Vec<Span>)>,
) -> Run {
    let began = sim.now();
    let mut run = Run::default();
    let mut waiting: Vec<(Timestamp, Request)> = Vec::new();
    let mut out = Vec::new();
    while !backfill.is_done() || !out.is_empty() {
        backfill.poll(sim.now(), &mut out);
        while !out.is_empty() {
            for output in std::mem::take(&mut out) {
                match output {
                    BackfillOutput::Request(request) => {
                        run.requests += 1;
                        waiting.push((sim.now().plus(ANSWER), request));
                    }
                    BackfillOutput::Instruments(instruments) => {
                        for (series, missing) in want(&instruments, sim.now()) {
                            let number = backfill.want(sim.now(), series, &missing, &mut out);
                            run.series.resize_with(number + 1, Fetched::default);
                        }
                        run.instruments = instruments;
                    }
                    BackfillOutput::Page { series, covered, candles } => {
                        run.series[series].covered.push(covered);
                        run.series[series].candles.extend(candles.iter().map(|candle| (candle.open_time, *candle)));
                    }
                    BackfillOutput::GivenUp { series, span, reason } => run.given_up.push((series, span, reason)),
                    BackfillOutput::NoRules { reason } => panic!("{venue}: {reason}"),
                }
            }
        }
        let next = waiting.iter().map(|(at, _)| *at).chain(backfill.deadline()).min();
        sim.advance(next.unwrap_or(sim.now()).max(sim.now()));
        while let Some(due) = waiting.iter().position(|(at, _)| *at <= sim.now()) {
            let (_, Request { id, method, path, .. }) = waiting.remove(due);
            let method = if method == Method::Get { HttpMethod::Get } else { HttpMethod::Post };
            let answer = sim.request(venue, &HttpRequest::new(method, &path));
            run.refused += usize::from(answer.status != 200);
            let answered = Answered { request: id, status: answer.status, retry_after: None, body: &answer.body };
            backfill.answered(sim.now(), answered, &mut out);
        }
    }
    run.seconds = sim.now().since(began).as_secs();
    run
}

/// The newest `count` candles of each length of each instrument.
fn newest(
    instruments: &[Instrument],
    now: Timestamp,
    timeframes: &[Timeframe],
    count: i64,
) -> Vec<(Series, Vec<Span>)> {
    let series = |instrument: &Instrument, timeframe: Timeframe| {
        let to = now.floor_to(timeframe.nanos());
        let from = Timestamp::from_nanos(to.as_nanos() - count * timeframe.nanos());
        (Series { instrument: instrument.clone(), timeframe }, vec![Span { from, to }])
    };
    instruments.iter().flat_map(|i| timeframes.iter().map(move |timeframe| series(i, *timeframe))).collect()
}

#[test]
fn what_is_fetched_is_the_truth_and_what_is_kept_is_not_asked_for_again() {
    for venue in feed::SPOKEN {
        let mut sim = Sim::new(SimSettings::default());
        let first = run(&mut sim, venue, |instruments, now| newest(instruments, now, &[Timeframe::M1], 700));
        assert!(!first.instruments.is_empty() && first.given_up.is_empty() && first.refused == 0, "{venue}");
        for (instrument, fetched) in first.instruments.iter().zip(&first.series) {
            let name = format!("{venue} {}", instrument.symbol);
            let truth = sim.truth(venue, &instrument.symbol).expect("listed");
            let covered: i64 = fetched.covered.iter().map(|s| (s.to.as_nanos() - s.from.as_nanos()) / NS_PER_MIN).sum();
            assert_eq!(covered, 700, "{name}");
            let mut traded = 0;
            for minute in &truth.candles {
                let is_covered = fetched.covered.iter().any(|s| (s.from..s.to).contains(&minute.open_time));
                match fetched.candles.get(&minute.open_time) {
                    Some(candle) => {
                        assert!(is_covered, "{name}: {minute:?}");
                        traded += u32::from(minute.trades > 0);
                        let prices = |c: &Candle| [c.open, c.high, c.low, c.close].map(types::Price::mantissa);
                        assert_eq!((prices(candle), candle.volume), (prices(minute), minute.volume), "{name}");
                    }
                    // Coinbase and KuCoin leave minutes without trades out.
                    None => assert!(!is_covered || minute.trades == 0, "{name}: {minute:?}"),
                }
            }
            assert!(traded > 100, "{name}: {traded} minutes with trades");
        }
        // Ten minutes later a second run wants only what is new.
        sim.advance(sim.now().plus(Duration::from_secs(600)));
        let second = run(&mut sim, venue, |instruments, now| {
            let since = |s: &Fetched| s.covered.iter().map(|span| span.to).max().expect("something was covered");
            let missing = |index: usize| vec![Span { from: since(&first.series[index]), to: now }];
            let series = |i: &Instrument| Series { instrument: i.clone(), timeframe: Timeframe::M1 };
            instruments.iter().enumerate().map(|(index, i)| (series(i), missing(index))).collect()
        });
        assert_eq!(second.requests, 1 + second.instruments.len(), "{venue}: the rules and a page each");
        assert!(second.series.iter().all(|fetched| (1..=11).contains(&fetched.candles.len())), "{venue}");
        assert!(sim.limits_broken().is_empty(), "{venue}: {:?}", sim.limits_broken());
    }
}

#[test]
fn what_a_venue_does_not_remember_is_given_up_by_name() {
    let mut sim = Sim::new(SimSettings::default());
    let run = run(&mut sim, Venue::Kraken, |instruments, now| newest(&instruments[..1], now, &[Timeframe::M1], 1_000));
    let [(0, span, reason)] = &run.given_up[..] else { panic!("{:?}", run.given_up) };
    assert_eq!((span.to.as_nanos() - span.from.as_nanos()) / NS_PER_MIN, 1_000 - 719);
    assert!(reason.contains("719"), "{reason}");
    assert_eq!(run.series[0].candles.len(), 719);
}

/// What Kraken's candles do not reach back to any more is built from its trades, and is the truth.
#[test]
fn what_a_venue_does_not_remember_can_be_built_from_its_trades() {
    let mut settings = SimSettings { trades_kept: 200_000, ..SimSettings::default() };
    settings.listings.retain(|listing| listing.venue == Venue::Kraken);
    settings.listings.truncate(1);
    let mut sim = Sim::new(settings);
    let first_whole = sim.now().floor_to(NS_PER_MIN).plus(Duration::from_secs(60));
    sim.advance(first_whole.plus(Duration::from_secs(14 * 3_600)));
    let mut backfill = Backfill::new(Venue::Kraken, Limits::of(Venue::Kraken), None);
    backfill.build_from_trades();
    let run = run_with(&mut sim, Venue::Kraken, backfill, |instruments, now| {
        let series = Series { instrument: instruments[0].clone(), timeframe: Timeframe::M1 };
        vec![(series, vec![Span { from: first_whole, to: now.floor_to(NS_PER_MIN) }])]
    });
    assert!(run.given_up.is_empty() && run.refused == 0 && run.requests > 5, "{} requests", run.requests);
    let fetched = &run.series[0];
    let to = first_whole.plus(Duration::from_secs(14 * 3_600));
    assert!(fetched.covered.is_sorted_by(|a, b| a.to == b.from), "without a hole: {:?}", fetched.covered);
    let ends = [fetched.covered[0].from, fetched.covered.last().expect("not empty").to];
    assert_eq!(ends, [first_whole, to]);
    let truth = sim.truth(Venue::Kraken, &run.instruments[0].symbol).expect("listed");
    let minutes: Vec<&Candle> =
        truth.candles.iter().filter(|minute| (first_whole..to).contains(&minute.open_time)).collect();
    assert_eq!(minutes.len(), 14 * 60);
    for minute in minutes {
        let told = fetched.candles.get(&minute.open_time).filter(|candle| candle.trades > 0);
        assert_eq!(told, Some(minute).filter(|minute| minute.trades > 0));
    }
    assert!(sim.limits_broken().is_empty(), "{:?}", sim.limits_broken());
}

/// Twenty-five coins on a venue, quiet enough to be cheap.
fn seeds(venue: Venue) -> SimSettings {
    let coins = (0..25).map(|number| format!("C{number:02}")).collect::<Vec<_>>();
    let separator = match venue {
        Venue::Kraken => "/",
        Venue::BinanceUs => "",
        Venue::Coinbase | Venue::Kucoin => "-",
    };
    let pattern =
        SimSettings::default().listings.into_iter().find(|listing| listing.venue == venue).expect("a listing");
    let asset = |(number, coin): (usize, &String)| AssetSettings {
        name: coin.clone(),
        price_cents: 5_000 + 37_000 * number as u64,
        volatility_ppm: 600_000,
        correlation_ppm: 800_000,
    };
    let listing = |coin: &String| ListingSettings {
        symbol: format!("{coin}{separator}USDT"),
        base: coin.clone(),
        quote: "USDT".to_owned(),
        orders_per_s_milli: 300,
        takers_per_s_milli: 30,
        ..pattern.clone()
    };
    SimSettings {
        assets: coins.iter().enumerate().map(asset).collect(),
        listings: coins.iter().map(listing).collect(),
        ..SimSettings::default()
    }
}

/// Twenty-five coins, a thousand candles of 15 minutes and of an hour each, within ten minutes and the venue's own limits.
#[test]
fn a_thousand_candles_of_two_lengths_for_twenty_five_coins_take_less_than_ten_minutes() {
    for venue in feed::SPOKEN {
        let mut sim = Sim::new(seeds(venue));
        let run = run(&mut sim, venue, |list, now| newest(list, now, &[Timeframe::M15, Timeframe::H1], 1_000));
        assert_eq!((run.instruments.len(), run.series.len(), run.refused), (25, 50, 0), "{venue}");
        // What is older than the simulator's market the venue does not have: it answers for it all the same.
        assert!(run.series.iter().all(|fetched| !fetched.candles.is_empty() && !fetched.covered.is_empty()), "{venue}");
        assert!(venue == Venue::Kraken || run.given_up.is_empty(), "{venue}: {:?}", run.given_up);
        assert!(sim.limits_broken().is_empty(), "{venue}: {:?}", sim.limits_broken());
        assert!(run.seconds < 600, "{venue}: {} s", run.seconds);
    }
}
