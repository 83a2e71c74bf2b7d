//! Charts with logarithmic axes, as SVG.

use std::fmt::Write;

use crate::report::number;

pub struct Line {
    pub name: String,
    pub points: Vec<(f64, f64)>,
}

pub struct Chart<'a> {
    pub title: &'a str,
    pub x: &'a str,
    pub y: &'a str,
    pub lines: &'a [Line],
}

const WIDTH: f64 = 800.0;
const HEIGHT: f64 = 440.0;
/// Left, top, right, bottom of the plot.
const PLOT: [f64; 4] = [80.0, 44.0, 570.0, 380.0];
/// Told apart also by those who see few colours (Okabe & Ito).
const COLOURS: [&str; 7] =
    ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#555555"];

/// A logarithmic axis: from whole powers of ten, or of two where it is short.
struct Axis {
    low: f64,
    high: f64,
    base: f64,
    from: f64,
    to: f64,
}

impl Axis {
    fn new(values: impl Iterator<Item = f64> + Clone, from: f64, to: f64) -> Axis {
        let low = values.clone().fold(f64::INFINITY, f64::min);
        let high = values.fold(f64::MIN_POSITIVE, f64::max);
        let base: f64 = if high / low > 50.0 { 10.0 } else { 2.0 };
        let low = low.log(base).floor();
        let high = high.log(base).ceil().max(low + 1.0);
        Axis { low, high, base, from, to }
    }

    fn at(&self, value: f64) -> f64 {
        let part = (value.log(self.base) - self.low) / (self.high - self.low);
        self.from + part * (self.to - self.from)
    }

    fn ticks(&self) -> impl Iterator<Item = f64> {
        (self.low as i32..=self.high as i32).map(|power| self.base.powi(power))
    }
}

fn short(value: f64) -> String {
    match value {
        v if v >= 1e6 => format!("{}M", v / 1e6),
        v if v >= 1e3 && (v / 1e3).fract() == 0.0 => format!("{}k", v / 1e3),
        v if v >= 1.0 => format!("{v}"),
        v => number(v),
    }
}

impl Chart<'_> {
    pub fn svg(&self) -> String {
        let [left, top, right, bottom] = PLOT;
        let points = self.lines.iter().flat_map(|line| &line.points);
        let across = Axis::new(points.clone().map(|p| p.0), left, right);
        let up = Axis::new(points.map(|p| p.1), bottom, top);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             font-family=\"sans-serif\" font-size=\"12\">\n\
             <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>\n"
        );
        let mut text = |x: f64, y: f64, anchor: &str, more: &str, words: &str| {
            let _ = writeln!(
                svg,
                "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\"{more}>{words}</text>"
            );
        };
        let middle = f64::midpoint(left, right);
        text(middle, 24.0, "middle", " font-size=\"15\"", self.title);
        text(middle, HEIGHT - 16.0, "middle", "", self.x);
        let height = f64::midpoint(top, bottom);
        let turned = format!(" transform=\"rotate(-90 20 {height})\"");
        text(20.0, height, "middle", &turned, self.y);
        for tick in across.ticks() {
            text(across.at(tick), bottom + 18.0, "middle", "", &short(tick));
        }
        for tick in up.ticks() {
            text(left - 8.0, up.at(tick) + 4.0, "end", "", &short(tick));
        }
        let mut rule = |x1: f64, y1: f64, x2: f64, y2: f64| {
            let _ = writeln!(
                svg,
                "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"#ddd\"/>"
            );
        };
        across.ticks().for_each(|tick| rule(across.at(tick), top, across.at(tick), bottom));
        up.ticks().for_each(|tick| rule(left, up.at(tick), right, up.at(tick)));
        for (i, (line, colour)) in self.lines.iter().zip(COLOURS.iter().cycle()).enumerate() {
            let mut path = String::new();
            for (x, y) in &line.points {
                let _ = write!(path, "{:.1},{:.1} ", across.at(*x), up.at(*y));
            }
            let _ = writeln!(
                svg,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
                path.trim_end()
            );
            for (x, y) in &line.points {
                let (x, y) = (across.at(*x), up.at(*y));
                let _ = writeln!(
                    svg,
                    "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>"
                );
            }
            let (x, y) = (right + 16.0, top + 12.0 + 20.0 * i as f64);
            let _ = writeln!(
                svg,
                "<rect x=\"{x}\" y=\"{:.1}\" width=\"12\" height=\"4\" fill=\"{colour}\"/>\
                 <text x=\"{:.1}\" y=\"{y:.1}\">{}</text>",
                y - 6.0,
                x + 18.0,
                line.name
            );
        }
        svg + "</svg>\n"
    }
}
