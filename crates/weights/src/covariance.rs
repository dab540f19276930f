/// How returns of several positions move together: symmetric, in squared returns.
#[derive(Clone, Debug, PartialEq)]
pub struct Covariance {
    size: usize,
    /// Row by row.
    values: Vec<f64>,
}

impl Covariance {
    /// From rows of `size` values each. `None` where they are not square, not finite, not symmetric, or a variance is not above zero.
    #[must_use]
    pub fn new(size: usize, values: Vec<f64>) -> Option<Self> {
        let covariance = (values.len() == size * size).then_some(Self { size, values })?;
        let is_fit = |row: usize| {
            covariance.at(row, row) > 0.0
                && (0..size).all(|column| {
                    let value = covariance.at(row, column);
                    value.is_finite() && value.to_bits() == covariance.at(column, row).to_bits()
                })
        };
        (0..size).all(is_fit).then_some(covariance)
    }

    /// Of returns, one list for each position, all of one length: the sample covariance.
    ///
    /// `None` for fewer than two returns, lists of different lengths, and positions that do not move.
    #[must_use]
    pub fn of_returns(returns: &[Vec<f64>]) -> Option<Self> {
        let count = returns.first().map_or(0, Vec::len);
        if count < 2 || returns.iter().any(|list| list.len() != count) {
            return None;
        }
        let mean = |list: &Vec<f64>| list.iter().sum::<f64>() / count as f64;
        let means: Vec<f64> = returns.iter().map(mean).collect();
        let size = returns.len();
        let mut values = vec![0.0; size * size];
        for row in 0..size {
            for column in row..size {
                let pairs = returns[row].iter().zip(&returns[column]);
                let sum: f64 = pairs.map(|(a, b)| (a - means[row]) * (b - means[column])).sum();
                values[row * size + column] = sum / (count - 1) as f64;
                values[column * size + row] = values[row * size + column];
            }
        }
        Self::new(size, values)
    }

    /// The same over a time `factor` times as long, if the returns are independent.
    #[must_use]
    pub fn times(mut self, factor: f64) -> Self {
        self.values.iter_mut().for_each(|value| *value *= factor);
        self
    }

    /// How many positions.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.size
    }

    pub(crate) fn at(&self, row: usize, column: usize) -> f64 {
        self.values[row * self.size + column]
    }

    /// Variance of a portfolio of these weights.
    ///
    /// # Panics
    /// When there are not as many weights as positions.
    #[must_use]
    pub fn variance(&self, weights: &[f64]) -> f64 {
        (0..self.size).map(|row| weights[row] * self.with(row, weights)).sum()
    }

    /// Covariance of one position with a portfolio of these weights.
    pub(crate) fn with(&self, row: usize, weights: &[f64]) -> f64 {
        (0..self.size).map(|column| self.at(row, column) * weights[column]).sum()
    }
}
