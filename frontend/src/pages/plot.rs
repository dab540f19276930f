//! Pictures with axes, as SVG path data in a box of [`WIDTH`] x [`HEIGHT`].

use std::fmt::Write as _;

use crate::calendar::Zone;
use crate::chart::scale::{Linear, ticks, time_ticks};
use crate::chart::shape;
use crate::format;

/// Width of the picture, units of its own.
pub const WIDTH: f64 = 720.0;
/// Its height.
pub const HEIGHT: f64 = 220.0;
/// Room for the numbers at the left, and for the times below.
const LEFT: f64 = 58.0;
const BELOW: f64 = 22.0;
const MARGIN: f64 = 8.0;

/// A picture with axes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plot {
    /// What is drawn, for screen readers; also the name of its file.
    pub name: String,
    /// What stands at the left.
    pub unit: String,
    /// Name of the first column of its file: `at_ms` where it is a time.
    pub across: &'static str,
    /// What is drawn.
    pub series: Vec<Series>,
    /// Marks at the left: (height, text).
    pub rows: Vec<(f64, String)>,
    /// Marks below: (place, text).
    pub columns: Vec<(f64, String)>,
    /// First and last value across.
    pub domain: (f64, f64),
    /// The zone that times are read in; `None` where there are none.
    pub zone: Option<Zone>,
    /// Fraction digits of what stands at the left.
    pub decimals: u8,
}

/// Something that is drawn.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// Its name in the legend.
    pub name: String,
    /// Its class in the style sheet.
    pub class: &'static str,
    /// Path data.
    pub path: String,
    /// (across, up), for the file.
    pub points: Vec<(f64, f64)>,
}

/// How points are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Joined.
    Line,
    /// The room between the points and zero.
    Area,
    /// A dot each.
    Dots,
}

/// What goes into a picture.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its name in the legend.
    pub name: &'static str,
    /// Its class in the style sheet.
    pub class: &'static str,
    /// How it is drawn.
    pub mark: Mark,
    /// (across, up).
    pub points: Vec<(f64, f64)>,
}

/// What stands below a picture.
#[derive(Clone, Copy, Debug)]
pub enum Across {
    /// Milliseconds UTC, read in a zone.
    Time(Zone),
    /// Shares of one, read as percent.
    Share,
}

/// Draws; `None` where there is nothing to draw. `range` is what the left side shows at least.
#[must_use]
pub fn draw(name: String, unit: &str, across: Across, range: Option<(f64, f64)>, sources: Vec<Source>) -> Option<Plot> {
    let all = || sources.iter().flat_map(|source| &source.points);
    let (x_low, x_high) = match across {
        Across::Share => (0.0, 1.0),
        Across::Time(_) => shape::extent(all().map(|point| point.0))?,
    };
    let (low, high) = shape::extent(all().map(|point| point.1).chain(range.iter().flat_map(|r| [r.0, r.1])))?;
    let (low, high) = if high > low { (low, high) } else { (low - 1.0, high + 1.0) };
    let x = Linear { domain: (x_low, x_high), range: (LEFT, WIDTH - MARGIN) };
    let y = Linear { domain: (low, high), range: (HEIGHT - BELOW, MARGIN) };
    let decimals = digits(high - low);
    let rows =
        ticks(low, high, 4, 0.0).into_iter().map(|value| (y.at(value), format::float(value, decimals))).collect();
    let columns = match across {
        Across::Time(zone) => time_ticks(x_low as i64, x_high as i64, 6, zone)
            .into_iter()
            .map(|tick| {
                let text = if tick.is_day { zone.date(tick.at_ms) } else { zone.clock(tick.at_ms) };
                (x.at(tick.at_ms as f64), text)
            })
            .collect(),
        Across::Share => [0.0, 0.25, 0.5, 0.75, 1.0]
            .into_iter()
            .map(|share| (x.at(share), format::percent(share * 1e6, 0)))
            .collect(),
    };
    let series = sources.into_iter().map(|Source { name, class, mark, points }| {
        let placed: Vec<(f64, f64)> = points.iter().map(|(across, up)| (x.at(*across), y.at(*up))).collect();
        let path = match mark {
            Mark::Line => shape::line(placed.iter().copied()),
            Mark::Area => {
                let floor = y.at(0.0f64.clamp(low, high));
                match (placed.first(), placed.last()) {
                    (Some(first), Some(last)) => shape::area(&placed, &[(first.0, floor), (last.0, floor)]),
                    _ => String::new(),
                }
            }
            Mark::Dots => dots(&placed),
        };
        Series { name: name.to_owned(), class, path, points }
    });
    Some(Plot {
        name,
        unit: unit.to_owned(),
        across: if matches!(across, Across::Time(_)) { "at_ms" } else { "share" },
        series: series.collect(),
        rows,
        columns,
        domain: (x_low, x_high),
        zone: if let Across::Time(zone) = across { Some(zone) } else { None },
        decimals,
    })
}

/// Fraction digits that tell steps of a fifth of `span` apart.
fn digits(span: f64) -> u8 {
    (1 - format::magnitude(span)).clamp(0, 8) as u8
}

fn dots(points: &[(f64, f64)]) -> String {
    let mut path = String::new();
    for (x, y) in points {
        // A line of no length with round ends; writing to a string cannot fail.
        let _ = write!(path, "M{} {}h0", format::plain(*x, 1), format::plain(*y, 1));
    }
    path
}

impl Plot {
    /// What there is at a share of the picture's width: the place, as a share of it, and what is read there.
    #[must_use]
    pub fn at(&self, share: f64) -> Option<(f64, String)> {
        let x = Linear { domain: self.domain, range: (LEFT, WIDTH - MARGIN) };
        let wanted = x.value(share * WIDTH);
        let nearest = |series: &Series| {
            let distance = |point: &&(f64, f64)| (point.0 - wanted).abs();
            series.points.iter().min_by(|a, b| distance(a).total_cmp(&distance(b))).copied()
        };
        let place = nearest(self.series.last()?)?.0;
        let when = match self.zone {
            Some(zone) => format!("{} {}", zone.date(place as i64), zone.clock(place as i64)),
            None => format::percent(place * 1e6, 0),
        };
        let values = self.series.iter().filter(|series| series.points.len() > 2);
        let values = values.filter_map(|series| {
            Some(format!(" · {} {}", series.name, format::float(nearest(series)?.1, self.decimals + 1)))
        });
        Some((x.at(place) / WIDTH, format!("{when}{}", values.collect::<String>())))
    }

    /// All points as CSV, one row for each of each series.
    #[must_use]
    pub fn csv(&self) -> String {
        let mut text = format!("series,{},{}\n", self.across, self.unit.replace(' ', "_"));
        for series in &self.series {
            for (across, up) in &series.points {
                let across = format::plain(*across, if self.zone.is_some() { 0 } else { 4 });
                let _ = writeln!(text, "{},{across},{}", series.name.replace(',', " "), format::plain(*up, 6));
            }
        }
        text
    }
}

/// Squares of one hue, row by row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heat {
    /// What is drawn, for screen readers.
    pub name: String,
    /// Names of the rows.
    pub rows: Vec<String>,
    /// Squares of a row.
    pub columns: usize,
    /// Marks below: (column, text).
    pub marks: Vec<(usize, String)>,
    /// Path data of the squares in a box of `columns` x rows, by [`SHADES`] from nothing to all.
    pub paths: Vec<String>,
    /// What the shades mean: least and most.
    pub ends: (String, String),
    /// How wide a square is to how high.
    pub aspect: u8,
}

/// Steps of the one hue.
pub const SHADES: usize = 8;

/// Sorts values of 0 to 1 into shades; what is `None` is left out.
#[must_use]
pub fn heat(
    name: String,
    rows: Vec<(String, Vec<Option<f64>>)>,
    marks: Vec<(usize, String)>,
    ends: (&str, &str),
) -> Heat {
    let columns = rows.iter().map(|(_, values)| values.len()).max().unwrap_or(0);
    let mut paths = vec![String::new(); SHADES];
    for (row, (_, values)) in rows.iter().enumerate() {
        for (column, value) in values.iter().enumerate() {
            let Some(value) = value else { continue };
            let shade = ((value.clamp(0.0, 1.0) * SHADES as f64) as usize).min(SHADES - 1);
            let _ = write!(paths[shade], "M{column} {row}h1v1h-1z");
        }
    }
    let rows: Vec<String> = rows.into_iter().map(|(name, _)| name).collect();
    Heat { name, rows, columns, marks, paths, ends: (ends.0.to_owned(), ends.1.to_owned()), aspect: 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(points: Vec<(f64, f64)>, mark: Mark) -> Source {
        Source { name: "equity", class: "line-accent", mark, points }
    }

    #[test]
    fn a_picture_has_its_axes_and_its_file() {
        let hour = 3_600_000.0;
        let points = vec![(0.0, 100.0), (hour, 102.0), (2.0 * hour, 101.0)];
        let plot = draw("Equity".into(), "USD", Across::Time(Zone::default()), None, vec![source(points, Mark::Line)])
            .expect("there is something");
        assert!(plot.series[0].path.starts_with("M58.0 198.0L"), "{}", plot.series[0].path);
        assert!(plot.rows.len() >= 3 && plot.rows[0].1 == "100.0", "{:?}", plot.rows);
        assert!(plot.columns.iter().any(|(_, text)| text == "01:00"), "{:?}", plot.columns);
        assert_eq!(plot.csv().lines().nth(2), Some("equity,3600000,102.000000"));
        let (place, text) = plot.at(0.5).expect("a point");
        assert!((place - 385.0 / 720.0).abs() < 1e-9 && text == "1 Jan 01:00 · equity 102.00", "{place} {text}");
        assert_eq!(plot.csv().lines().next(), Some("series,at_ms,USD"));
    }

    #[test]
    fn nothing_is_not_drawn_and_what_is_flat_has_room() {
        assert_eq!(draw(String::new(), "", Across::Share, None, vec![source(Vec::new(), Mark::Line)]), None);
        let flat = vec![(0.0, 5.0), (1.0, 5.0)];
        let plot = draw(String::new(), "", Across::Share, None, vec![source(flat, Mark::Dots)]).expect("drawn");
        assert_eq!(plot.series[0].path, "M58.0 103.0h0M712.0 103.0h0");
        let area = draw(
            String::new(),
            "",
            Across::Share,
            Some((0.0, 1.0)),
            vec![source(vec![(0.0, 1.0), (1.0, 1.0)], Mark::Area)],
        );
        assert!(area.expect("drawn").series[0].path.ends_with('Z'));
    }

    #[test]
    fn squares_are_sorted_into_shades() {
        let rows = vec![("a".to_owned(), vec![Some(0.0), None, Some(1.0)]), ("b".to_owned(), vec![Some(0.5)])];
        let heat = heat("seen".into(), rows, Vec::new(), ("none", "all"));
        assert_eq!((heat.columns, heat.rows.len()), (3, 2));
        assert_eq!(
            (heat.paths[0].as_str(), heat.paths[7].as_str(), heat.paths[4].as_str()),
            ("M0 0h1v1h-1z", "M2 0h1v1h-1z", "M0 1h1v1h-1z")
        );
    }
}
