//! The normal and Student's distribution.

/// Density of the standard normal distribution.
#[must_use]
pub fn normal_density(x: f64) -> f64 {
    libm::exp(-x * x / 2.0) / (2.0 * core::f64::consts::PI).sqrt()
}

/// Probability that a standard normal value is at most `x`.
#[must_use]
pub fn normal_cdf(x: f64) -> f64 {
    libm::erfc(-x / core::f64::consts::SQRT_2) / 2.0
}

/// The value that a standard normal one stays below with probability `p`; infinite at 0 and 1, not a number outside.
///
/// A rational start (Acklam) and two of Halley's steps on [`normal_cdf`]: as exact as that is.
#[must_use]
pub fn normal_quantile(p: f64) -> f64 {
    if !(0.0..=1.0).contains(&p) {
        return f64::NAN;
    }
    if p == 0.0 || p >= 1.0 {
        return if p == 0.0 { f64::NEG_INFINITY } else { f64::INFINITY };
    }
    // The lower half only: the upper one mirrors it, and differences from 1 lose digits.
    if p > 0.5 {
        return -normal_quantile(1.0 - p);
    }
    const A: [f64; 6] = [
        -3.969_683_028_665_376e1,
        2.209_460_984_245_205e2,
        -2.759_285_104_469_687e2,
        1.383_577_518_672_69e2,
        -3.066_479_806_614_716e1,
        2.506_628_277_459_239,
    ];
    const B: [f64; 6] = [
        -5.447_609_879_822_406e1,
        1.615_858_368_580_409e2,
        -1.556_989_798_598_866e2,
        6.680_131_188_771_972e1,
        -1.328_068_155_288_572e1,
        1.0,
    ];
    const C: [f64; 6] = [
        -7.784_894_002_430_293e-3,
        -3.223_964_580_411_365e-1,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ];
    const D: [f64; 5] =
        [7.784_695_709_041_462e-3, 3.224_671_290_700_398e-1, 2.445_134_137_142_996, 3.754_408_661_907_416, 1.0];
    let polynomial = |terms: &[f64], x: f64| terms.iter().fold(0.0, |sum, term| sum * x + term);
    let mut x = if p < 0.024_25 {
        let q = (-2.0 * libm::log(p)).sqrt();
        polynomial(&C, q) / polynomial(&D, q)
    } else {
        let q = p - 0.5;
        polynomial(&A, q * q) * q / polynomial(&B, q * q)
    };
    for _ in 0..2 {
        let step = (normal_cdf(x) - p) / normal_density(x);
        if step.is_finite() {
            x -= step / (1.0 + x * step / 2.0);
        }
    }
    x
}

/// Probability that a value of Student's distribution with `freedom` degrees is at most `t`.
#[must_use]
pub fn student_cdf(t: f64, freedom: f64) -> f64 {
    if t.is_nan() || freedom.is_nan() || freedom <= 0.0 {
        return f64::NAN;
    }
    let tail = incomplete_beta(freedom / (freedom + t * t), freedom / 2.0, 0.5) / 2.0;
    if t > 0.0 { 1.0 - tail } else { tail }
}

/// Regularised incomplete beta function, by Lentz's method on its continued fraction (Abramowitz and Stegun 26.5.8).
fn incomplete_beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return if x <= 0.0 { 0.0 } else { 1.0 };
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(1.0 - x, b, a);
    }
    const TINY: f64 = 1e-300;
    let front =
        libm::exp(libm::lgamma(a + b) - libm::lgamma(a) - libm::lgamma(b) + a * libm::log(x) + b * libm::log1p(-x)) / a;
    let away = |value: f64| if value.abs() < TINY { TINY } else { value };
    let (mut c, mut d) = (1.0, 1.0 / away(1.0 - (a + b) * x / (a + 1.0)));
    let mut fraction = d;
    for m in 1..=300 {
        let m = f64::from(m);
        for term in [
            m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0)),
        ] {
            d = 1.0 / away(1.0 + term * d);
            c = away(1.0 + term / c);
            fraction *= c * d;
        }
        if (c * d - 1.0).abs() < 1e-15 {
            break;
        }
    }
    front * fraction
}

#[cfg(test)]
mod tests {
    use super::super::close;
    use super::*;

    #[test]
    fn the_normal_distribution_is_that_of_the_tables() {
        // Abramowitz and Stegun, tables 26.1 and 26.5.
        close(normal_cdf(1.0), 0.841_344_746_068_543, 1e-14);
        close(normal_cdf(-3.0), 1.349_898_031_630_095e-3, 1e-16);
        close(normal_density(0.0), 0.398_942_280_401_433, 1e-15);
        close(normal_quantile(0.975), 1.959_963_984_540_054, 1e-13);
        close(normal_quantile(0.01), -2.326_347_874_040_841, 1e-13);
        close(normal_quantile(0.5), 0.0, 1e-16);
        for p in [1e-12, 1e-6, 0.02, 0.3, 0.7, 0.99, 0.999_999] {
            close(normal_cdf(normal_quantile(p)) / p, 1.0, 1e-11);
        }
        assert!(normal_quantile(-0.1).is_nan() && normal_quantile(1.1).is_nan() && normal_quantile(f64::NAN).is_nan());
        assert_eq!((normal_quantile(0.0), normal_quantile(1.0)), (f64::NEG_INFINITY, f64::INFINITY));
    }

    #[test]
    fn students_distribution_is_that_of_the_tables() {
        // Abramowitz and Stegun, table 26.10: 97.5 % points.
        for (freedom, t) in [(1.0, 12.706_204_736), (5.0, 2.570_581_836), (10.0, 2.228_138_852), (99.0, 1.984_216_952)]
        {
            close(student_cdf(t, freedom), 0.975, 1e-9);
            close(student_cdf(-t, freedom), 0.025, 1e-9);
        }
        close(student_cdf(0.0, 7.0), 0.5, 1e-15);
        // With one degree it is Cauchy's: a half and arc tangent over pi.
        close(student_cdf(1.0, 1.0), 0.75, 1e-14);
        close(student_cdf(1.3, 1e6), normal_cdf(1.3), 1e-6);
        assert!(student_cdf(f64::NAN, 3.0).is_nan() && student_cdf(1.0, 0.0).is_nan());
    }
}
