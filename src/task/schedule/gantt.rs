//! A schedule as a picture: a Gantt chart in SVG, a row a worker, a bar a task.

use core::fmt::{self, Write};

use super::place::{NO_WORKER, Placement, Scheduler};
use super::{State, Workflow};
use crate::error::{Error, Result};

const LEFT: f64 = 70.0;
const WIDTH: f64 = 900.0;
const ROW: usize = 26;
const TOP: usize = 10;
/// Below this many pixels a bar has no room for a number.
const NARROW: f64 = 24.0;

const STYLE: &str = "<style>text{font:12px sans-serif;fill:#222}.bar{stroke:#fff}\
    .planned{fill:#a9c4e6}.running{fill:#f4c26b}.done{fill:#8fc98f}.line{stroke:#ccc}</style>\n";

/// A task in the chart.
struct Bar {
    task: u32,
    placed: Placement,
    kind: &'static str,
}

/// Seconds, short unless there are very many of them.
struct Seconds(f64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 1e9 { write!(f, "{:.3}", self.0) } else { write!(f, "{:e}", self.0) }
    }
}

fn draw(
    to: &mut impl Write,
    workers: usize,
    bars: impl Iterator<Item = Bar> + Clone,
) -> fmt::Result {
    let placed = || bars.clone().filter(|bar| bar.placed.worker != NO_WORKER);
    let end = placed().map(|bar| bar.placed.finish).fold(0.0, f64::max);
    let scale = if end > 0.0 { WIDTH / end } else { 0.0 };
    let (width, height) = (LEFT + WIDTH + 20.0, TOP + workers * ROW + 24);
    writeln!(
        to,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\">"
    )?;
    to.write_str(STYLE)?;
    writeln!(to, "<rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>")?;
    for worker in 0..workers {
        let (text, line) = (TOP + worker * ROW + 17, TOP + (worker + 1) * ROW);
        writeln!(to, "<text x=\"4\" y=\"{text}\">worker {worker}</text>")?;
        let right = LEFT + WIDTH;
        writeln!(
            to,
            "<line class=\"line\" x1=\"{LEFT}\" y1=\"{line}\" x2=\"{right}\" y2=\"{line}\"/>"
        )?;
    }
    for Bar { task, placed, kind } in placed() {
        let Placement { worker, start, finish } = placed;
        let (x, w) = (LEFT + start * scale, (finish - start) * scale);
        let y = TOP + worker as usize * ROW + 3;
        let (from, until) = (Seconds(start), Seconds(finish));
        writeln!(
            to,
            "<rect class=\"bar {kind}\" x=\"{x:.2}\" y=\"{y}\" width=\"{w:.2}\" height=\"20\">\
             <title>task {task}: {from} to {until} s</title></rect>"
        )?;
        if w >= NARROW {
            let (middle, text) = (x + w / 2.0, y + 14);
            writeln!(
                to,
                "<text x=\"{middle:.2}\" y=\"{text}\" text-anchor=\"middle\">{task}</text>"
            )?;
        }
    }
    let (text, right) = (height - 8, LEFT + WIDTH);
    writeln!(to, "<text x=\"{LEFT}\" y=\"{text}\">0 s</text>")?;
    let end = Seconds(end);
    writeln!(to, "<text x=\"{right}\" y=\"{text}\" text-anchor=\"end\">{end} s</text>\n</svg>")
}

/// What is written goes where there is room; all of it is counted.
struct Counted<'a> {
    out: &'a mut [u8],
    len: usize,
}

impl Write for Counted<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if let Some(place) = self.out.get_mut(self.len..self.len + text.len()) {
            place.copy_from_slice(text.as_bytes());
        }
        self.len += text.len();
        Ok(())
    }
}

/// How many bytes the chart has, which are written if there is room.
fn chart(out: &mut [u8], workers: usize, bars: impl Iterator<Item = Bar> + Clone) -> usize {
    let mut counted = Counted { out, len: 0 };
    // Counting does not fail.
    let _ = draw(&mut counted, workers, bars);
    counted.len
}

fn fits(len: usize, room: usize) -> Result<usize> {
    if len <= room { Ok(len) } else { Err(Error::BufferTooSmall) }
}

impl Scheduler<'_> {
    fn bars(&self) -> impl Iterator<Item = Bar> + Clone {
        let bar = |(task, placed): (usize, &Placement)| Bar {
            task: task as u32,
            placed: *placed,
            kind: "planned",
        };
        self.placements().iter().enumerate().map(bar)
    }

    /// How many bytes the last schedule takes as a picture.
    pub fn gantt_len(&self) -> usize {
        chart(&mut [], self.workers, self.bars())
    }

    /// Writes the last schedule as a picture, a Gantt chart in SVG; how many bytes.
    ///
    /// # Errors
    /// [`Error::BufferTooSmall`] if `out` is shorter; what is in it means nothing then.
    pub fn gantt(&self, out: &mut [u8]) -> Result<usize> {
        fits(chart(out, self.workers, self.bars()), out.len())
    }
}

impl Workflow<'_> {
    fn bars(&self) -> impl Iterator<Item = Bar> + Clone {
        let bar = |task: u32| {
            let kind = match self.state(task).ok()? {
                State::Done => "done",
                State::Assigned | State::Running => "running",
                _ => "planned",
            };
            Some(Bar { task, placed: self.placement(task).ok()?, kind })
        };
        // A sub-workflow is where its parts are.
        (0..self.tasks() as u32).filter(|task| !self.is_subflow(*task)).filter_map(bar)
    }

    /// How many bytes the workflow takes as a picture.
    pub fn gantt_len(&self) -> usize {
        chart(&mut [], self.workers(), self.bars())
    }

    /// Writes where tasks were done, are done and will be as a picture: see [`Scheduler::gantt`].
    ///
    /// # Errors
    /// Those of [`Scheduler::gantt`].
    pub fn gantt(&self, out: &mut [u8]) -> Result<usize> {
        fits(chart(out, self.workers(), self.bars()), out.len())
    }
}
