//! Seeded random numbers that are the same on every machine.
//!
//! Generator: xoshiro256++ 1.0, seeded by SplitMix64 (David Blackman and Sebastiano Vigna, "Scrambled linear
//! pseudorandom number generators", <https://prng.di.unimi.it/>). Logarithms and exponentials come from `libm`.

/// A stream of random numbers.
#[derive(Clone, Debug)]
pub(crate) struct Random {
    state: [u64; 4],
    /// The second number of the last pair of normal numbers.
    spare: Option<f64>,
}

impl Random {
    /// The stream number `stream` of `seed`; streams of one seed are independent, so that adding an instrument does not
    /// change the others.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        let mut seeder = seed ^ stream.wrapping_mul(0xD6E8_FEB8_6659_FD93);
        let state = [split_mix(&mut seeder), split_mix(&mut seeder), split_mix(&mut seeder), split_mix(&mut seeder)];
        Self { state, spare: None }
    }

    /// 64 random bits.
    pub(crate) fn bits(&mut self) -> u64 {
        let s = &mut self.state;
        let result = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// Evenly from [0, 1), 53 bits.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)
    }

    /// True with probability `p`.
    pub(crate) fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// Exponential with mean `mean`.
    pub(crate) fn exponential(&mut self, mean: f64) -> f64 {
        -mean * libm::log(1.0 - self.unit())
    }

    /// Normal with mean 0 and deviation 1 (Marsaglia's polar method).
    pub(crate) fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        loop {
            let (x, y) = (self.unit() * 2.0 - 1.0, self.unit() * 2.0 - 1.0);
            let square = x * x + y * y;
            if square > 0.0 && square < 1.0 {
                let factor = (-2.0 * libm::log(square) / square).sqrt();
                self.spare = Some(y * factor);
                return x * factor;
            }
        }
    }

    /// Log-normal with median 1 and the given deviation of the logarithm.
    pub(crate) fn log_normal(&mut self, deviation: f64) -> f64 {
        libm::exp(self.normal() * deviation)
    }

    /// Poisson with a mean of up to a few hundred: counts exponential gaps.
    pub(crate) fn poisson(&mut self, mean: f64) -> u32 {
        let mut count = 0;
        let mut sum = self.exponential(1.0);
        while sum < mean {
            count += 1;
            sum += self.exponential(1.0);
        }
        count
    }
}

fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn split_mix_gives_its_published_numbers() {
        // First outputs for seed 1234567, as listed on Rosetta Code and in Vigna's splitmix64.c.
        let mut state = 1_234_567;
        let first: Vec<u64> = (0..3).map(|_| split_mix(&mut state)).collect();
        assert_eq!(first, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn xoshiro_gives_its_published_numbers() {
        // State 1, 2, 3, 4, as in the tests of the rand_xoshiro crate.
        let mut random = Random { state: [1, 2, 3, 4], spare: None };
        let first: Vec<u64> = (0..4).map(|_| random.bits()).collect();
        assert_eq!(first, [41_943_041, 58_720_359, 3_588_806_011_781_223, 3_591_011_842_654_386]);
    }

    #[test]
    fn moments_are_right() {
        let mut random = Random::new(7, 0);
        let n = 100_000;
        let (mut sum, mut squares, mut waits, mut counts) = (0.0, 0.0, 0.0, 0u64);
        for _ in 0..n {
            let z = random.normal();
            sum += z;
            squares += z * z;
            waits += random.exponential(3.0);
            counts += u64::from(random.poisson(2.5));
        }
        let mean = |total: f64| total / f64::from(n);
        assert!(mean(sum).abs() < 0.02, "{}", mean(sum));
        assert!((mean(squares) - 1.0).abs() < 0.03, "{}", mean(squares));
        assert!((mean(waits) - 3.0).abs() < 0.05, "{}", mean(waits));
        assert!((mean(counts as f64) - 2.5).abs() < 0.03, "{}", mean(counts as f64));
    }
}
