//! Small pictures as SVG path data.

use super::scale::Linear;
use crate::format::plain;

/// `M x y L x y ..` through points given in pixels; empty for fewer than two.
#[must_use]
pub fn line(points: impl Iterator<Item = (f64, f64)>) -> String {
    let mut path = String::new();
    let mut count = 0;
    for (x, y) in points.filter(|(x, y)| x.is_finite() && y.is_finite()) {
        let letter = if count == 0 { 'M' } else { 'L' };
        path.push(letter);
        path.push_str(&plain(x, 1));
        path.push(' ');
        path.push_str(&plain(y, 1));
        count += 1;
    }
    if count < 2 { String::new() } else { path }
}

/// The area between an upper line (left to right) and a lower one; empty when either has fewer than two points.
#[must_use]
pub fn area(upper: &[(f64, f64)], lower: &[(f64, f64)]) -> String {
    if upper.len() < 2 || lower.len() < 2 {
        return String::new();
    }
    let outline = line(upper.iter().chain(lower.iter().rev()).copied());
    if outline.is_empty() { outline } else { outline + "Z" }
}

/// Lowest and highest of finite values; `None` without any.
#[must_use]
pub fn extent(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.filter(|v| v.is_finite()).fold(None, |range: Option<(f64, f64)>, value| {
        Some(range.map_or((value, value), |(low, high)| (low.min(value), high.max(value))))
    })
}

/// A vertical scale from `values` to `height` pixels with `margin` pixels free above and below.
#[must_use]
pub fn upright(values: (f64, f64), height: f64, margin: f64) -> Linear {
    Linear { domain: values, range: (height - margin, margin) }
}

/// An arc of the upper half circle around (`cx`, `cy`), from share `from` to share `to`, 0 at the left and 1 at the right.
#[must_use]
pub fn half_arc(cx: f64, cy: f64, radius: f64, from: f64, to: f64) -> String {
    let point = |share: f64| {
        // From the middle, in quarters of a circle: 1 is the right end.
        let turn = 2.0 * share.clamp(0.0, 1.0) - 1.0;
        (cx + radius * quarter_sine(turn), cy - radius * quarter_sine(1.0 - turn.abs()))
    };
    let ((x0, y0), (x1, y1)) = (point(from), point(to));
    let sweep = u8::from(to >= from);
    let [x0, y0, x1, y1] = [x0, y0, x1, y1].map(|value| plain(value, 2));
    let radius = plain(radius, 0);
    format!("M{x0} {y0}A{radius} {radius} 0 0 {sweep} {x1} {y1}")
}

/// The sine of so many quarter circles, -1 to 1, within 0.0017: Bhaskara's approximation (7th century). The exact one would be the
/// largest function of the page.
fn quarter_sine(turn: f64) -> f64 {
    let product = turn.abs() * (2.0 - turn.abs());
    (4.0 * product / (5.0 - product)).copysign(turn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_need_two_points() {
        assert_eq!(line([(0.0, 1.0), (2.0, 3.25)].into_iter()), "M0.0 1.0L2.0 3.3");
        assert_eq!(line([(0.0, 1.0)].into_iter()), "");
        assert_eq!(line([(0.0, 1.0), (f64::NAN, 2.0)].into_iter()), "");
    }

    #[test]
    fn areas_close_over_the_lower_line() {
        let path = area(&[(0.0, 1.0), (2.0, 1.0)], &[(0.0, 5.0), (2.0, 5.0)]);
        assert_eq!(path, "M0.0 1.0L2.0 1.0L2.0 5.0L0.0 5.0Z");
        assert_eq!(area(&[(0.0, 1.0)], &[(0.0, 5.0), (2.0, 5.0)]), "");
    }

    #[test]
    fn extents_ignore_what_is_not_a_number() {
        assert_eq!(extent([3.0, f64::NAN, -1.0].into_iter()), Some((-1.0, 3.0)));
        assert_eq!(extent(std::iter::empty()), None);
    }

    #[test]
    fn half_arcs_go_from_left_to_right() {
        assert_eq!(half_arc(10.0, 10.0, 5.0, 0.0, 1.0), "M5.00 10.00A5 5 0 0 1 15.00 10.00");
        assert_eq!(half_arc(10.0, 10.0, 5.0, 0.5, 0.0), "M10.00 5.00A5 5 0 0 0 5.00 10.00");
    }
}
