//! Debug.
#![allow(clippy::all, warnings)]
use sim::SimSettings;
use soak::*;
use std::time::Duration;
use types::*;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let seed: u64 = a[1].parse().unwrap();
    let hours: u32 = a[2].parse().unwrap();
    let venues: Vec<Venue> = if a[3] == "all" {
        feed::SPOKEN.to_vec()
    } else {
        a[3].split(',').map(|n| feed::SPOKEN.into_iter().find(|v| v.slug() == n).unwrap()).collect()
    };
    let rows: Vec<Row> = match a.get(4).map(String::as_str) {
        None | Some("all") => Row::ALL.to_vec(),
        Some(l) => l.split(',').map(|n| Row::of_name(n).unwrap()).collect(),
    };
    let around: Option<(i64, i64)> = std::env::var("AROUND").ok().map(|t| {
        let (x, w) = t.split_once(',').unwrap();
        (x.parse().unwrap(), w.parse().unwrap())
    });
    let sim = SimSettings { seed, trades_kept: 6000, history_minutes: 3000, minutes_kept: 3000, ..SimSettings::wide() };
    let settings = Settings { keeps_diary: around.is_some(), ..Settings::new(sim, &venues) };
    let mut world = World::new(&settings).unwrap();
    for venue in &venues {
        let symbols: Vec<String> =
            world.followed().iter().filter(|of| of.venue == *venue).map(|of| of.symbol.clone()).collect();
        let symbols: Vec<&str> = symbols.iter().map(String::as_str).collect();
        for fault in rows.iter().flat_map(|row| row.faults(*venue, &symbols, Duration::from_secs(1200))) {
            world.sim.fault(fault);
        }
    }
    if rows.contains(&Row::Disconnect) {
        world.sim.fault(plan::all_at_once(Duration::from_secs(6 * 3600)));
    }
    for hour in 0..hours {
        if rows.contains(&Row::Clock) {
            let mut random = fastrand::Rng::with_seed(seed.wrapping_add(u64::from(hour)));
            for venue in &venues {
                if let Some(d) = world.driver_mut(*venue) {
                    d.set_skew_ns(random.i64(-2000..=2000) * 1_000_000);
                }
            }
        }
        world.run_for(Duration::from_secs(3600));
    }
    world.sim.stop_faults();
    let unseen = venues.iter().map(|v| soak::judge::Knowable::of(*v).unseen).max().unwrap_or_default();
    world.run_for(Duration::from_secs(900).max(unseen));
    let report = world.report();
    println!("seed {seed}\n{report}");
    if let Some((ns, w)) = around {
        let near = |t: Timestamp| (t.as_nanos() - ns).abs() < w * 1_000_000_000;
        for f in world.sim.faults().filter(|f| near(f.at)) {
            println!("{} FAULT {:?} {} {:?} {:?} conn {:?}", f.at, f.venue, f.kind, f.channel, f.symbol, f.connection);
        }
        for e in world.diary().since(Timestamp::EPOCH).filter(|e| near(e.at)) {
            println!("{} {:?} {:?} {:?}", e.at, e.venue, e.instrument, e.what);
        }
    }
}
