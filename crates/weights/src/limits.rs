/// What the weights of a portfolio may be. Weights are shares of all that may be invested; none is below zero.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Least and most of each position; the same twice for one that stays as it is.
    pub each: Vec<(f64, f64)>,
    /// Most of all together.
    pub sum_max: f64,
    /// Most of some together.
    pub groups: Vec<Group>,
}

/// Positions that share a limit.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Which, by place.
    pub members: Vec<usize>,
    /// Most of them together.
    pub max: f64,
}

impl Limits {
    /// Whether they are of so many positions, finite, and no least is above its most.
    pub(crate) fn are_fit(&self, size: usize) -> bool {
        let is_range = |(low, high): &(f64, f64)| low.is_finite() && high.is_finite() && low <= high;
        self.each.len() == size
            && self.each.iter().all(is_range)
            && self.sum_max.is_finite()
            && self.groups.iter().all(|group| group.max.is_finite())
    }

    /// Whether weights keep them, but for so much.
    #[must_use]
    pub fn hold(&self, weights: &[f64], tolerance: f64) -> bool {
        let sum = |members: &mut dyn Iterator<Item = usize>| members.map(|place| weights[place]).sum::<f64>();
        let is_within =
            |(weight, (low, high)): (&f64, &(f64, f64))| (low - tolerance..=high + tolerance).contains(weight);
        weights.len() == self.each.len()
            && weights.iter().zip(&self.each).all(is_within)
            && sum(&mut (0..weights.len())) <= self.sum_max + tolerance
            && self.groups.iter().all(|group| sum(&mut group.members.iter().copied()) <= group.max + tolerance)
    }
}
