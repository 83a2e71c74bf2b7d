//! A chart: bars in panels, on a logarithmic scale.

use std::fmt::Write as _;

const LABEL: f64 = 290.0;
const PANEL: f64 = 170.0;
const GAP: f64 = 26.0;
const ROW: f64 = 20.0;
const TOP: f64 = 66.0;

/// A row's name, its value, and whether it stands out.
pub type Row = (String, f64, bool);

/// Panels of the same rows, each with its title.
pub fn bars(panels: &[(String, Vec<Row>)]) -> String {
    let rows = panels.first().map_or(0, |(_, rows)| rows.len());
    let (width, height) =
        (LABEL + panels.len() as f64 * (PANEL + GAP) + 20.0, TOP + rows as f64 * ROW + 34.0);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>\n\
         <text x=\"10\" y=\"22\" font-size=\"15\">p99 of the time from arrival to result, in seconds \
         (logarithmic)</text>\n"
    );
    if let Some((_, rows)) = panels.first() {
        for (i, (name, _, ours)) in rows.iter().enumerate() {
            let (y, weight) = (TOP + i as f64 * ROW + 13.0, if *ours { "bold" } else { "normal" });
            writeln!(out, "<text x=\"{}\" y=\"{y}\" text-anchor=\"end\" font-weight=\"{weight}\">{name}</text>", LABEL - 8.0).unwrap();
        }
    }
    for (p, (title, rows)) in panels.iter().enumerate() {
        let left = LABEL + p as f64 * (PANEL + GAP);
        writeln!(out, "<text x=\"{left}\" y=\"{}\" font-size=\"13\">{title}</text>", TOP - 12.0)
            .unwrap();
        let least = rows.iter().fold(f64::INFINITY, |least, row| least.min(row.1)) * 0.7;
        let most = rows.iter().fold(0.0f64, |most, row| most.max(row.1));
        let x = |value: f64| (value / least).ln() / (most / least).ln() * (PANEL - 40.0);
        for (i, (_, value, ours)) in rows.iter().enumerate() {
            let (y, colour) = (TOP + i as f64 * ROW, if *ours { "#2a7f62" } else { "#a9b4c2" });
            let length = x(*value);
            writeln!(out, "<rect x=\"{left}\" y=\"{y}\" width=\"{length:.1}\" height=\"{}\" fill=\"{colour}\"/>", ROW - 5.0).unwrap();
            writeln!(
                out,
                "<text x=\"{:.1}\" y=\"{}\">{value:.2}</text>",
                left + length + 4.0,
                y + 12.0
            )
            .unwrap();
        }
    }
    out.push_str("</svg>\n");
    out
}
