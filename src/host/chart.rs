//! Line charts, as SVG.

use core::fmt::Write;
use std::format;
use std::string::String;
use std::vec::Vec;

/// A line of a chart.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// What it shows, for the legend.
    pub name: String,
    /// Its points, from left to right.
    pub points: Vec<(f64, f64)>,
}

/// How numbers become places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Evenly, from 0 on.
    Linear,
    /// By their logarithms, on both axes: what is not above 0 is left out.
    Logarithmic,
}

/// A chart of lines with a legend.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Chart<'a> {
    /// What stands above it.
    pub title: &'a str,
    /// What the horizontal axis shows.
    pub x: &'a str,
    /// What the vertical axis shows.
    pub y: &'a str,
    /// The lines.
    pub lines: &'a [Line],
    /// Places on the horizontal axis that something is written at.
    pub marks: &'a [(f64, String)],
    /// The scale of both axes.
    pub scale: Scale,
}

const WIDTH: f64 = 800.0;
const HEIGHT: f64 = 440.0;
/// Left, top, right, bottom of the plot.
const PLOT: [f64; 4] = [80.0, 44.0, 570.0, 380.0];
/// Told apart also by those who see few colours (Okabe & Ito).
const COLOURS: [&str; 7] =
    ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#555555"];
/// A line of more points than that has no circles on them.
const MOST_CIRCLES: usize = 30;

/// An axis: from `low` to `high`, which lie at `from` and `to`; of logarithms if there is a base.
struct Axis {
    low: f64,
    high: f64,
    step: f64,
    base: Option<f64>,
    from: f64,
    to: f64,
}

impl Axis {
    fn new(scale: Scale, values: impl Iterator<Item = f64> + Clone, [from, to]: [f64; 2]) -> Axis {
        let high = values.clone().fold(f64::MIN_POSITIVE, f64::max);
        match scale {
            Scale::Linear => {
                // Some five steps of 1, 2 or 5 times a power of ten.
                let rough = high / 5.0;
                let power = 10f64.powf(rough.log10().floor());
                let step = [1.0, 2.0, 5.0, 10.0].map(|times| times * power);
                let step = step.into_iter().find(|step| *step >= rough).unwrap_or(rough);
                Axis { low: 0.0, high: (high / step).ceil() * step, step, base: None, from, to }
            }
            Scale::Logarithmic => {
                // From whole powers of ten, or of two where it is short.
                let low = values.fold(f64::INFINITY, f64::min).min(high);
                let base: f64 = if high / low > 50.0 { 10.0 } else { 2.0 };
                let low = low.log(base).floor();
                let high = high.log(base).ceil().max(low + 1.0);
                Axis { low, high, step: 1.0, base: Some(base), from, to }
            }
        }
    }

    fn at(&self, value: f64) -> f64 {
        let value = self.base.map_or(value, |base| value.log(base));
        self.from + (value - self.low) / (self.high - self.low) * (self.to - self.from)
    }

    fn ticks(&self) -> impl Iterator<Item = f64> {
        let count = ((self.high - self.low) / self.step).round() as usize;
        (0..=count).map(|tick| {
            let value = self.low + tick as f64 * self.step;
            self.base.map_or(value, |base| base.powf(value))
        })
    }
}

fn short(value: f64) -> String {
    match value {
        v if v >= 1e6 => format!("{}M", round(v / 1e6)),
        v if v >= 1e3 && (v / 1e3).fract() == 0.0 => format!("{}k", v / 1e3),
        v => format!("{}", round(v)),
    }
}

/// As many digits as steps have.
fn round(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

/// Text that stands in SVG as it is.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

// Text can always be made longer, so what `write!` says is not looked at.
impl Chart<'_> {
    /// The chart as an SVG document.
    pub fn svg(&self) -> String {
        stack(core::slice::from_ref(self))
    }

    fn points<'l>(&self, line: &'l Line) -> impl Iterator<Item = (f64, f64)> + Clone + 'l {
        let all = self.scale == Scale::Linear;
        line.points.iter().copied().filter(move |(x, y)| all || (*x > 0.0 && *y > 0.0))
    }

    fn draw(&self, svg: &mut String) {
        let [left, top, right, bottom] = PLOT;
        let points = self.lines.iter().flat_map(|line| self.points(line));
        let across = Axis::new(self.scale, points.clone().map(|p| p.0), [left, right]);
        let up = Axis::new(self.scale, points.map(|p| p.1), [bottom, top]);
        self.draw_frame(svg, &across, &up);
        for (x, text) in self.marks {
            let (x, middle) = (across.at(*x), f64::midpoint(top, bottom));
            let _ = writeln!(
                svg,
                "<line x1=\"{x:.1}\" y1=\"{top:.1}\" x2=\"{x:.1}\" y2=\"{bottom:.1}\" stroke=\"#999\" \
                 stroke-dasharray=\"4 3\"/>\n\
                 <text x=\"{:.1}\" y=\"{middle:.1}\" font-size=\"9\" fill=\"#666\" text-anchor=\"middle\" \
                 transform=\"rotate(-90 {:.1} {middle:.1})\">{}</text>",
                x - 3.0,
                x - 3.0,
                escaped(text)
            );
        }
        for (i, (line, colour)) in self.lines.iter().zip(COLOURS.iter().cycle()).enumerate() {
            let mut path = String::new();
            for (x, y) in self.points(line) {
                let _ = write!(path, "{:.1},{:.1} ", across.at(x), up.at(y));
            }
            let path = path.trim_end();
            let _ = writeln!(
                svg,
                "<polyline points=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>"
            );
            for (x, y) in self.points(line).filter(|_| line.points.len() <= MOST_CIRCLES) {
                let (x, y) = (across.at(x), up.at(y));
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
                escaped(&line.name)
            );
        }
    }

    fn draw_frame(&self, svg: &mut String, across: &Axis, up: &Axis) {
        let [left, top, right, bottom] = PLOT;
        let mut text = |x: f64, y: f64, anchor: &str, more: &str, words: &str| {
            let words = escaped(words);
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
    }
}

/// Charts one below the other, as one SVG document.
pub fn stack(charts: &[Chart<'_>]) -> String {
    let height = HEIGHT * charts.len() as f64;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#fff\"/>\n"
    );
    for (place, chart) in charts.iter().enumerate() {
        if place == 0 {
            chart.draw(&mut svg);
            continue;
        }
        let _ = writeln!(svg, "<g transform=\"translate(0 {})\">", HEIGHT * place as f64);
        chart.draw(&mut svg);
        svg.push_str("</g>\n");
    }
    svg + "</svg>\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;
    use std::vec;

    fn line(name: &str, points: &[(f64, f64)]) -> Line {
        Line { name: name.to_string(), points: points.to_vec() }
    }

    fn chart<'a>(lines: &'a [Line], scale: Scale) -> Chart<'a> {
        Chart { title: "a & b", x: "x", y: "y", lines, marks: &[], scale }
    }

    fn circles(svg: &str) -> Vec<(f64, f64)> {
        let number = |text: &str, name: &str| {
            let rest = text.split_once(&format!("{name}=\""))?.1;
            rest.split_once('"')?.0.parse::<f64>().ok()
        };
        let circles = svg.lines().filter(|line| line.starts_with("<circle"));
        circles.filter_map(|line| number(line, "cx").zip(number(line, "cy"))).collect()
    }

    #[test]
    fn a_linear_chart_begins_at_zero() {
        let lines = [line("up", &[(0.0, 0.0), (5.0, 50.0), (10.0, 100.0)])];
        let svg = chart(&lines, Scale::Linear).svg();
        let [left, top, right, bottom] = PLOT;
        let middle = (f64::midpoint(left, right), f64::midpoint(top, bottom));
        assert_eq!(circles(&svg), [(left, bottom), middle, (right, top)]);
        for tick in ["0", "2", "10", "20", "100"] {
            assert!(svg.contains(&format!(">{tick}</text>")), "{tick}: {svg}");
        }
    }

    #[test]
    fn equal_factors_are_equal_ways_by_logarithms() {
        let lines = [line("up", &[(1.0, 1.0), (10.0, 10.0), (100.0, 100.0), (0.0, 7.0)])];
        let circles = circles(&chart(&lines, Scale::Logarithmic).svg());
        assert_eq!(circles.len(), 3, "a zero has no logarithm");
        let steps: Vec<f64> = circles.windows(2).map(|two| two[1].0 - two[0].0).collect();
        assert!((steps[0] - steps[1]).abs() < 0.11, "{steps:?}");
    }

    #[test]
    fn text_is_escaped_and_marks_are_drawn() {
        let lines = [line("<name>", &[(1.0, 1.0)])];
        let marks = [(0.5, "kill \"3\"".to_string())];
        let svg = Chart { marks: &marks, ..chart(&lines, Scale::Linear) }.svg();
        assert!(svg.contains("a &amp; b") && svg.contains("&lt;name&gt;"));
        assert!(svg.contains(">kill &quot;3&quot;</text>") && svg.contains("stroke-dasharray"));
    }

    #[test]
    fn many_points_are_a_line_alone_and_none_are_a_frame() {
        let many: Vec<(f64, f64)> = (0..100).map(|i| (f64::from(i), 1.0)).collect();
        let svg = chart(&[line("many", &many)], Scale::Linear).svg();
        assert!(circles(&svg).is_empty() && svg.contains("<polyline points=\"80.0,"));
        for scale in [Scale::Linear, Scale::Logarithmic] {
            let svg = chart(&[], scale).svg();
            assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
    }

    #[test]
    fn charts_are_stacked() {
        let lines = vec![line("one", &[(1.0, 1.0)])];
        let one = chart(&lines, Scale::Linear);
        let svg = stack(&[one, one]);
        assert!(svg.contains("viewBox=\"0 0 800 880\"") && svg.contains("translate(0 440)"));
        assert_eq!(circles(&svg).len(), 2);
    }
}
