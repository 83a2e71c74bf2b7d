//! Plans as pictures: Graphviz's DOT, and SVG that needs nothing else.

use std::fmt::Write as _;
use std::string::String;
use std::vec::Vec;

use super::plan::{children, label};
use crate::task::plan::{Model, Plan, Step};

/// What a box of the picture is called: a task, and the method that it is decomposed by.
fn text(model: &Model<'_>, plan: &Plan<'_>, index: usize) -> (String, Option<String>) {
    match plan.steps.get(index) {
        None => ("problem".into(), None),
        Some(step) => {
            let method =
                (step.method != Step::ACTION).then(|| model.method_name(step.method).into());
            (label(model, plan, step), method)
        }
    }
}

/// When each action is carried out, from 1 on; 0 for what is no action.
fn times(plan: &Plan<'_>) -> Vec<usize> {
    let mut times = std::vec![0; plan.steps.len() + 1];
    for (time, &index) in plan.order.iter().enumerate() {
        if let Some(place) = times.get_mut(index as usize) {
            *place = time + 1;
        }
    }
    times
}

/// The tree of a plan in Graphviz's language: tasks as ellipses with their methods, actions as boxes
/// with their numbers in the order of execution.
pub fn plan_dot(model: &Model<'_>, plan: &Plan<'_>) -> String {
    let mut out =
        String::from("digraph plan {\n  rankdir=LR;\n  node [fontname=\"sans-serif\"];\n");
    let escape = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    let times = times(plan);
    let children = children(plan);
    // Writing to a string does not fail.
    for (index, below) in children.iter().enumerate() {
        let (task, method) = text(model, plan, index);
        let task = escape(&task);
        let _ = match (times[index], method) {
            (0, Some(method)) => {
                writeln!(out, "  n{index} [label=\"{task}\\n{}\"];", escape(&method))
            }
            (0, None) => writeln!(out, "  n{index} [label=\"{task}\", shape=plaintext];"),
            (time, _) => writeln!(
                out,
                "  n{index} [label=\"{time}. {task}\", shape=box, style=filled, fillcolor=\"#d7e8f7\"];"
            ),
        };
        for child in below {
            let _ = writeln!(out, "  n{index} -> n{child};");
        }
    }
    out.push_str("}\n");
    out
}

/// Sizes in pixels: of a character, of a row, of the gap between columns.
const CHARACTER: usize = 7;
const ROW: usize = 34;
const GAP: usize = 36;
const MARGIN: usize = 12;

/// The tree of a plan as an SVG image, from left to right: each task with its method below it, actions
/// in colour with their numbers in the order of execution.
pub fn plan_svg(model: &Model<'_>, plan: &Plan<'_>) -> String {
    let children = children(plan);
    let times = times(plan);
    let root = plan.steps.len();
    let mut labels: Vec<(String, Option<String>)> = Vec::with_capacity(root + 1);
    for (index, time) in times.iter().enumerate() {
        let (task, method) = text(model, plan, index);
        let task = if *time > 0 { std::format!("{time}. {task}") } else { task };
        labels.push((task, method));
    }
    let width = |index: usize| {
        let (task, method) = &labels[index];
        let most = task.chars().count().max(method.as_ref().map_or(0, |m| m.chars().count()));
        most * CHARACTER + 12
    };
    // Down the tree: columns by depth. Parents come before their children.
    let mut depth = std::vec![0usize; root + 1];
    let mut columns: Vec<usize> = std::vec![width(root)];
    for (index, step) in plan.steps.iter().enumerate() {
        let above = depth[..index].get(step.parent as usize).copied().unwrap_or(0);
        depth[index] = above + 1;
        if columns.len() <= above + 1 {
            columns.push(0);
        }
        columns[above + 1] = columns[above + 1].max(width(index));
    }
    let mut lefts = std::vec![MARGIN];
    for width in &columns {
        lefts.push(lefts[lefts.len() - 1] + width + GAP);
    }
    // Leaves take a row each, in the order of the tree; the others lie in the middle of theirs.
    let mut rows = std::vec![0f32; root + 1];
    let mut leaves = 0usize;
    let mut left = std::vec![(root, false)];
    while let Some((index, done)) = left.pop() {
        let below = &children[index];
        match (below.as_slice(), done) {
            ([], _) => {
                rows[index] = leaves as f32;
                leaves += 1;
            }
            ([first, .., last], true) => {
                rows[index] = (rows[*first as usize] + rows[*last as usize]) / 2.0;
            }
            ([only], true) => rows[index] = rows[*only as usize],
            (all, false) => {
                left.push((index, true));
                left.extend(all.iter().rev().map(|child| (*child as usize, false)));
            }
        }
    }
    let total = (lefts[columns.len()] - GAP + MARGIN, leaves * ROW + 2 * MARGIN);
    let y = |index: usize| MARGIN as f32 + (rows[index] + 0.5) * ROW as f32;
    let escape = |text: &str| {
        text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
    };
    let mut out = String::new();
    let _ = writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\" \
         font-family=\"monospace\" font-size=\"11\">\n\
         <rect width=\"{w}\" height=\"{h}\" fill=\"white\"/>",
        w = total.0,
        h = total.1
    );
    for (index, below) in children.iter().enumerate() {
        let from = lefts[depth[index]] + width(index);
        for &child in below {
            let child = child as usize;
            let to = lefts[depth[child]];
            let middle = (from + to) / 2;
            let (y1, y2) = (y(index), y(child));
            let _ = writeln!(
                out,
                "<path d=\"M{from} {y1} C{middle} {y1} {middle} {y2} {to} {y2}\" fill=\"none\" \
                 stroke=\"#8a99a8\"/>"
            );
        }
    }
    for (index, (task, method)) in labels.iter().enumerate() {
        let (x, wide, middle) = (lefts[depth[index]], width(index), y(index));
        let (top, tall) = (middle - 14.0, 28);
        let fill = match (times[index], method) {
            (0, None) => "white",
            (0, Some(_)) => "#f4f1e6",
            _ => "#d7e8f7",
        };
        let _ = writeln!(
            out,
            "<rect x=\"{x}\" y=\"{top}\" width=\"{wide}\" height=\"{tall}\" rx=\"5\" fill=\"{fill}\" \
             stroke=\"#5b6b7a\"/>"
        );
        let line = if method.is_some() { middle - 2.0 } else { middle + 4.0 };
        let _ = writeln!(out, "<text x=\"{}\" y=\"{line}\">{}</text>", x + 6, escape(task));
        if let Some(method) = method {
            let _ = writeln!(
                out,
                "<text x=\"{}\" y=\"{}\" font-style=\"italic\" fill=\"#7a5c1e\">{}</text>",
                x + 6,
                middle + 10.0,
                escape(method)
            );
        }
    }
    out.push_str("</svg>\n");
    out
}
