//! How much of a difference is chance.

use std::collections::BTreeMap;

use types::{Date, Timestamp};

use crate::{Measure, Plan, Row};

/// An event and its placebos.
#[derive(Clone, Debug)]
pub(crate) struct Compared {
    day: Date,
    value: f64,
    /// By the week that the placebo lies in, counted from the event's.
    others: Vec<(i32, f64)>,
}

impl Compared {
    pub(crate) fn new(at: Timestamp, value: f64, others: Vec<(i32, f64)>) -> Option<Self> {
        (!others.is_empty()).then(|| Self { day: Date::of(at), value, others })
    }

    fn placebo(&self) -> f64 {
        self.others.iter().map(|(_, value)| value).sum::<f64>() / self.others.len() as f64
    }

    /// The event less the mean of its placebos.
    fn difference(&self) -> f64 {
        self.value - self.placebo()
    }

    /// The same, had the event been in another week; nothing where that week is no placebo.
    fn exchanged(&self, week: i32) -> Option<f64> {
        let (_, value) = self.others.iter().find(|(other, _)| *other == week)?;
        let sum: f64 = self.value + self.others.iter().map(|(_, value)| value).sum::<f64>() - value;
        Some(value - sum / self.others.len() as f64)
    }
}

/// The mean difference with its interval and p-value.
pub(crate) fn judge(measure: Measure, compared: &[Compared], plan: &Plan) -> Row {
    let mean = |values: &mut dyn Iterator<Item = f64>| {
        let (sum, count) = values.fold((0.0, 0_usize), |(sum, count), value| (sum + value, count + 1));
        if count == 0 { 0.0 } else { sum / count as f64 }
    };
    let mut days: BTreeMap<Date, Vec<&Compared>> = BTreeMap::new();
    for one in compared {
        days.entry(one.day).or_default().push(one);
    }
    let days: Vec<Vec<&Compared>> = days.into_values().collect();
    let difference = mean(&mut compared.iter().map(Compared::difference));
    let mut random = fastrand::Rng::with_seed(plan.seed);

    // What happens on one day is drawn together.
    let sums: Vec<(f64, usize)> =
        days.iter().map(|day| (day.iter().map(|it| it.difference()).sum(), day.len())).collect();
    let mut drawn: Vec<f64> = (0..plan.draws)
        .map(|_| {
            let mut all = (0.0, 0_usize);
            for _ in 0..sums.len() {
                let (sum, count) = sums[random.usize(..sums.len())];
                all = (all.0 + sum, all.1 + count);
            }
            all.0 / all.1 as f64
        })
        .collect();
    drawn.sort_by(f64::total_cmp);
    let at = |share: f64| drawn[((share * drawn.len() as f64) as usize).min(drawn.len() - 1)];
    let tail = (1.0 - plan.level) / 2.0;

    // Were the events nothing, their weeks could be exchanged with those of the placebos, all of one day together.
    let choices: Vec<Vec<f64>> = days.iter().map(|day| exchanges(day)).collect();
    let as_far = (0..plan.draws)
        .filter(|_| {
            let sum: f64 = choices.iter().map(|sums| sums[random.usize(..sums.len())]).sum();
            (sum / compared.len() as f64).abs() >= difference.abs() - 1e-12
        })
        .count();
    Row {
        measure,
        events: compared.len(),
        mean: mean(&mut compared.iter().map(|one| one.value)),
        placebo: mean(&mut compared.iter().map(Compared::placebo)),
        difference,
        interval: (at(tail), at(1.0 - tail)),
        p: (1 + as_far) as f64 / f64::from(1 + plan.draws),
        p_holm: 1.0,
        verdict: crate::Verdict::NotProven,
    }
}

/// The sum of a day's differences as it was, and as it would be with each other week in its place. An event that has no placebo in that
/// week stays out of the sum.
fn exchanges(day: &[&Compared]) -> Vec<f64> {
    let mut weeks: Vec<i32> = day.iter().flat_map(|one| one.others.iter().map(|(week, _)| *week)).collect();
    weeks.sort_unstable();
    weeks.dedup();
    let was = day.iter().map(|one| one.difference()).sum();
    let with = |week: i32| day.iter().filter_map(|one| one.exchanged(week)).sum();
    std::iter::once(was).chain(weeks.into_iter().map(with)).collect()
}
