//! The linear assignment problem, exactly: shortest augmenting paths after Jonker and Volgenant
//! (Computing 38, 1987), for rectangular matrices as in Crouse (IEEE Transactions on Aerospace and
//! Electronic Systems 52, 2016).
//!
//! Square problems begin with the column reduction and the reduction transfer of the former. Both
//! kinds go through its augmenting row reduction, which keeps the price of a column without a
//! row at zero, as rectangular problems need; what is left is done by Dijkstra's algorithm over dense rows.
//! There the loops run over whole rows without a list of columns, so that a compiler makes vectors
//! of them: a column that is done has the price minus infinity, which keeps it out.

use core::alloc::Layout;

use crate::error::{Error, Result};
use crate::mem::{Carved, Carver, Piece};
use crate::port::Allocator;

/// The cost of a pair that must not be.
pub const FORBIDDEN: f64 = f64::INFINITY;
/// In a row's or column's place: nobody.
pub const UNASSIGNED: u32 = u32::MAX;
/// The largest magnitude of a cost that is not [`FORBIDDEN`]: sums of them stay finite.
pub const MAX_COST: f64 = 1e100;

/// Whether something may be a cost. Without a branch, so that loops over it become vectors.
pub(super) fn is_cost(cost: f64) -> bool {
    (-MAX_COST..=MAX_COST).contains(&cost) | (cost == FORBIDDEN)
}

/// Columns that share one minimum.
const BLOCK: usize = 64;
/// How often rows without a column try to get one from others, before paths are sought.
const PASSES: usize = 4;
/// Values side by side in a loop.
const LANES: usize = 8;

/// How large the problems of an [`Assigner`] are at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AssignerConfig {
    /// Most rows, 1 to 2^24.
    pub rows: usize,
    /// Most columns, 1 to 2^24.
    pub columns: usize,
    /// Whether there may be more rows than columns. Such problems are turned around, and need
    /// room for a copy of the costs: `8 * rows * columns` bytes.
    pub tall: bool,
}

impl Default for AssignerConfig {
    fn default() -> Self {
        AssignerConfig { rows: 64, columns: 64, tall: false }
    }
}

/// Solves linear assignment problems: each row gets a column of its own (each column a row, where there are
/// more rows), such that the sum of the costs is least.
///
/// The time grows with the third power of the size at worst. Nothing is allocated after creation.
///
/// ```
/// use neural_swarm::port::Heap;
/// use neural_swarm::task::assign::{Assigner, AssignerConfig, FORBIDDEN};
///
/// let config = AssignerConfig { rows: 3, columns: 3, tall: false };
/// let mut assigner = Assigner::new(&config, Heap)?;
/// let costs = [4.0, 1.0, 3.0, 2.0, FORBIDDEN, 5.0, 3.0, 2.0, 2.0];
/// assert_eq!(assigner.solve(3, 3, &costs)?, 5.0);
/// assert_eq!(assigner.columns(), [1, 0, 2]);
/// # Ok::<(), neural_swarm::Error>(())
/// ```
pub struct Assigner<'m> {
    config: AssignerConfig,
    parts: Parts<'m>,
    /// Shape of the last problem that was solved; 0 by 0 before.
    shape: (usize, usize),
    _piece: Piece<'m>,
}

/// Rows here are the shorter side.
struct Parts<'m> {
    /// Prices of columns: at most 0 in a rectangular problem.
    v: Carved<'m, f64>,
    /// Prices of rows, written at the end.
    u: Carved<'m, f64>,
    /// Distances of the columns that are not done; infinity for the others.
    distance: Carved<'m, f64>,
    /// `v` where a column is not done, else minus infinity.
    open: Carved<'m, f64>,
    /// The row that a column was reached from: a number as wide as the costs, for the vectors' sake.
    from: Carved<'m, u64>,
    /// Least distance of each block of columns.
    least: Carved<'m, f64>,
    /// How many columns of each block are not done.
    left: Carved<'m, u32>,
    /// Columns that are done, in order, with their distances.
    done: Carved<'m, u32>,
    done_at: Carved<'m, f64>,
    column_of: Carved<'m, u32>,
    row_of: Carved<'m, u32>,
    free: Carved<'m, u32>,
    copy: Carved<'m, f64>,
}

fn carve<'m>(config: &AssignerConfig, carver: &mut Carver<'m>) -> Result<Parts<'m>> {
    let short = if config.tall { config.rows } else { config.rows.min(config.columns) };
    let long = if config.tall { config.rows.max(config.columns) } else { config.columns };
    let whole = config.rows.checked_mul(config.columns).ok_or(Error::Overflow)?;
    Ok(Parts {
        v: carver.take(long, 0.0)?,
        distance: carver.take(long, 0.0)?,
        open: carver.take(long, 0.0)?,
        u: carver.take(short, 0.0)?,
        least: carver.take(long.div_ceil(BLOCK), 0.0)?,
        done_at: carver.take(long, 0.0)?,
        from: carver.take(long, 0)?,
        done: carver.take(long, 0)?,
        left: carver.take(long.div_ceil(BLOCK), 0)?,
        column_of: carver.take(short, UNASSIGNED)?,
        row_of: carver.take(long, UNASSIGNED)?,
        free: carver.take(short, 0)?,
        copy: carver.take(if config.tall { whole } else { 0 }, 0.0)?,
    })
}

impl<'m> Assigner<'m> {
    /// Size and alignment of the memory that an assigner takes: about 48 bytes a column and 16 a row, and the
    /// copy for tall problems.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a configuration outside its ranges, [`Error::Overflow`] for one that no
    /// memory could hold.
    pub fn footprint(config: &AssignerConfig) -> Result<Layout> {
        let within = |value: usize| (1..=1 << 24).contains(&value);
        if !within(config.rows) || !within(config.columns) {
            return Err(Error::Invalid);
        }
        Carver::layout_of(|carver| carve(config, carver))
    }

    /// An assigner.
    ///
    /// # Errors
    /// Those of [`footprint`](Self::footprint) and of the allocator.
    pub fn new(config: &AssignerConfig, allocator: impl Allocator<'m>) -> Result<Assigner<'m>> {
        Assigner::in_piece(config, allocator.allocate(Assigner::footprint(config)?)?)
    }

    pub(crate) fn in_piece(config: &AssignerConfig, mut piece: Piece<'m>) -> Result<Assigner<'m>> {
        let layout = Assigner::footprint(config)?;
        let parts = carve(config, &mut piece.carver(layout)?)?;
        Ok(Assigner { config: *config, parts, shape: (0, 0), _piece: piece })
    }

    /// Finds the cheapest assignment of a matrix of `rows` times `columns` costs, row by row, and tells
    /// what it costs: of as many pairs as the shorter side has. A cost is [`FORBIDDEN`], or of a magnitude
    /// of at most [`MAX_COST`]. Integers up to 2^53 are added up exactly.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a cost that is none of these, or a side of 0; [`Error::Length`] if there are
    /// not `rows * columns` costs; [`Error::Capacity`] for more than the configuration says;
    /// [`Error::TaskInfeasible`] if each assignment has a forbidden pair. The last solution is
    /// gone then.
    pub fn solve(&mut self, rows: usize, columns: usize, costs: &[f64]) -> Result<f64> {
        self.shape = (0, 0);
        if rows == 0 || columns == 0 {
            return Err(Error::Invalid);
        }
        if rows > self.config.rows || columns > self.config.columns {
            return Err(Error::Capacity);
        }
        if rows > columns && !self.config.tall {
            return Err(Error::Capacity);
        }
        if rows.checked_mul(columns) != Some(costs.len()) {
            return Err(Error::Length);
        }
        // All are looked at without a branch, which is a vector's work.
        if !costs
            .chunks(1024)
            .all(|chunk| chunk.iter().fold(true, |all, cost| all & is_cost(*cost)))
        {
            return Err(Error::Invalid);
        }
        let total = if rows > columns {
            let mut copy = core::mem::take(&mut self.parts.copy);
            transpose(costs, &mut copy[..costs.len()], rows, columns);
            let total = Problem::of(&mut self.parts, &copy[..rows * columns], columns, rows).run();
            self.parts.copy = copy;
            total?
        } else {
            Problem::of(&mut self.parts, costs, rows, columns).run()?
        };
        self.shape = (rows, columns);
        Ok(total)
    }

    fn turned(&self) -> bool {
        self.shape.0 > self.shape.1
    }

    /// The column of each row in the last solution, or [`UNASSIGNED`]; empty if there is none.
    pub fn columns(&self) -> &[u32] {
        let all = if self.turned() { &self.parts.row_of } else { &self.parts.column_of };
        &all[..self.shape.0]
    }

    /// The row of each column in the last solution, or [`UNASSIGNED`]; empty if there is none.
    pub fn rows(&self) -> &[u32] {
        let all = if self.turned() { &self.parts.column_of } else { &self.parts.row_of };
        &all[..self.shape.1]
    }

    /// The dual prices of the rows. With those of the columns they prove that the solution is the best: for
    /// each pair row price + column price is at most its cost (but for rounding), for each pair of the
    /// solution as much, and who has no partner has the price 0 while no price on its side is above that.
    pub fn row_prices(&self) -> &[f64] {
        let all = if self.turned() { &self.parts.v } else { &self.parts.u };
        &all[..self.shape.0]
    }

    /// The dual prices of the columns: see [`row_prices`](Self::row_prices).
    pub fn column_prices(&self) -> &[f64] {
        let all = if self.turned() { &self.parts.u } else { &self.parts.v };
        &all[..self.shape.1]
    }
}

/// Rows become columns, in squares that stay in the cache.
fn transpose(from: &[f64], to: &mut [f64], rows: usize, columns: usize) {
    const SIDE: usize = 32;
    for top in (0..rows).step_by(SIDE) {
        for left in (0..columns).step_by(SIDE) {
            for i in top..rows.min(top + SIDE) {
                for j in left..columns.min(left + SIDE) {
                    to[j * rows + i] = from[i * columns + j];
                }
            }
        }
    }
}

/// A problem with at least as many columns as rows.
struct Problem<'a> {
    costs: &'a [f64],
    n: usize,
    m: usize,
    v: &'a mut [f64],
    u: &'a mut [f64],
    distance: &'a mut [f64],
    open: &'a mut [f64],
    from: &'a mut [u64],
    least: &'a mut [f64],
    left: &'a mut [u32],
    done: &'a mut [u32],
    done_at: &'a mut [f64],
    column_of: &'a mut [u32],
    row_of: &'a mut [u32],
    free: &'a mut [u32],
}

impl<'a> Problem<'a> {
    fn of(parts: &'a mut Parts<'_>, costs: &'a [f64], n: usize, m: usize) -> Problem<'a> {
        Problem {
            costs,
            n,
            m,
            v: &mut parts.v[..m],
            u: &mut parts.u[..n],
            distance: &mut parts.distance[..m],
            open: &mut parts.open[..m],
            from: &mut parts.from[..m],
            least: &mut parts.least[..m.div_ceil(BLOCK)],
            left: &mut parts.left[..m.div_ceil(BLOCK)],
            done: &mut parts.done[..m],
            done_at: &mut parts.done_at[..m],
            column_of: &mut parts.column_of[..n],
            row_of: &mut parts.row_of[..m],
            free: &mut parts.free[..n],
        }
    }

    fn row(&self, i: usize) -> &'a [f64] {
        &self.costs[i * self.m..][..self.m]
    }

    fn run(mut self) -> Result<f64> {
        self.column_of.fill(UNASSIGNED);
        self.row_of.fill(UNASSIGNED);
        self.v.fill(0.0);
        if self.n == self.m {
            self.reduce_columns()?;
        }
        for at in 0..self.reduce_rows()? {
            self.augment(self.free[at] as usize)?;
        }
        let mut total = 0.0;
        for i in 0..self.n {
            let j = self.column_of[i] as usize;
            let cost = self.row(i)[j];
            self.u[i] = cost - self.v[j];
            total += cost;
        }
        Ok(total)
    }

    /// Each column's price is its least cost, whose row gets the column if it has none yet. Then the
    /// prices of those rows' columns fall as far as they may.
    fn reduce_columns(&mut self) -> Result<()> {
        self.v.fill(f64::INFINITY);
        for i in 0..self.n {
            let row = self.row(i);
            for ((v, from), &cost) in self.v.iter_mut().zip(&mut *self.from).zip(row) {
                let less = cost < *v;
                *v = if less { cost } else { *v };
                *from = if less { i as u64 } else { *from };
            }
        }
        // How many columns would like a row: `done` has room for it here.
        self.done.fill(0);
        for j in (0..self.m).rev() {
            if self.v[j] == FORBIDDEN {
                return Err(Error::TaskInfeasible);
            }
            let i = self.from[j] as usize;
            self.done[i] += 1;
            if self.done[i] == 1 {
                self.column_of[i] = j as u32;
                self.row_of[j] = i as u32;
            }
        }
        for i in 0..self.n {
            if self.done[i] != 1 {
                continue;
            }
            let j = self.column_of[i] as usize;
            let row = self.row(i);
            let price = self.v[j];
            let own = row[j] - price;
            self.v[j] = f64::NEG_INFINITY;
            let second = least_two(row, self.v).0;
            // Without another column the price could fall for ever.
            let fall = if second < FORBIDDEN { second - own } else { 0.0 };
            self.v[j] = price - fall.max(0.0);
        }
        Ok(())
    }

    /// Rows without a column take the best one, from whoever has it, and raise what others have to
    /// offer for it up to the second best. Leaves the rows that have none still, and tells how many.
    fn reduce_rows(&mut self) -> Result<usize> {
        let mut free = 0;
        for i in 0..self.n {
            if self.column_of[i] == UNASSIGNED {
                self.free[free] = i as u32;
                free += 1;
            }
        }
        for _ in 0..PASSES {
            let end = core::mem::take(&mut free);
            for at in 0..end {
                let i = self.free[at] as usize;
                let row = self.row(i);
                let (first, second) = least_two(row, self.v);
                if first == FORBIDDEN {
                    return Err(Error::TaskInfeasible);
                }
                if second == FORBIDDEN {
                    self.free[free] = i as u32;
                    free += 1;
                    continue;
                }
                let is_first = |j: &usize| row[*j] - self.v[*j] == first;
                let mut j = (0..self.m).find(is_first).unwrap_or(0);
                let strictly = first < second;
                if !strictly && self.row_of[j] != UNASSIGNED {
                    // As good as the other one, which may be free.
                    j = (j + 1..self.m).find(is_first).unwrap_or(j);
                }
                self.v[j] -= second - first;
                let pushed = core::mem::replace(&mut self.row_of[j], i as u32);
                self.column_of[i] = j as u32;
                if pushed != UNASSIGNED {
                    // Its turn is in the next pass. At once, as in the paper, rows push each other out by
                    // ever less where costs are regular.
                    self.column_of[pushed as usize] = UNASSIGNED;
                    self.free[free] = pushed;
                    free += 1;
                }
            }
        }
        Ok(free)
    }

    /// Finds a column for a row, moving others along the shortest path (Dijkstra).
    fn augment(&mut self, start: usize) -> Result<()> {
        self.open.copy_from_slice(self.v);
        self.distance.fill(f64::INFINITY);
        self.left.fill(BLOCK as u32);
        if let Some(last) = self.left.last_mut() {
            *last -= (self.m.next_multiple_of(BLOCK) - self.m) as u32;
        }
        let (mut i, mut base, mut done) = (start, 0.0, 0);
        let end = loop {
            self.relax(i, base);
            let least = self.least.iter().fold(f64::INFINITY, |a, &b| if b < a { b } else { a });
            if least == f64::INFINITY {
                return Err(Error::TaskInfeasible);
            }
            let j = self.nearest(least);
            if self.row_of[j] == UNASSIGNED {
                self.done_at[done] = least;
                break j;
            }
            self.done[done] = j as u32;
            self.done_at[done] = least;
            done += 1;
            self.open[j] = f64::NEG_INFINITY;
            self.distance[j] = f64::INFINITY;
            self.left[j / BLOCK] -= 1;
            i = self.row_of[j] as usize;
            base = least - (self.row(i)[j] - self.v[j]);
        };
        let length = self.done_at[done];
        for (&j, &at) in self.done[..done].iter().zip(&*self.done_at) {
            self.v[j as usize] += at - length;
        }
        let mut j = end;
        loop {
            let i = self.from[j] as usize;
            self.row_of[j] = i as u32;
            let next = core::mem::replace(&mut self.column_of[i], j as u32);
            if i == start {
                return Ok(());
            }
            j = next as usize;
        }
    }

    /// What columns are nearer by way of a row, whose own distance is in `base`. Keeps the least of each block.
    fn relax(&mut self, i: usize, base: f64) {
        let row = self.row(i);
        let columns = (self.distance.chunks_mut(BLOCK).zip(self.open.chunks(BLOCK)))
            .zip(self.from.chunks_mut(BLOCK).zip(row.chunks(BLOCK)));
        let me = i as u64;
        let blocks = columns.zip(self.least.iter_mut().zip(&*self.left));
        for (((distance, open), (from, row)), (least, left)) in blocks {
            if *left == 0 {
                *least = f64::INFINITY;
                continue;
            }
            *least = relax_block(row, open, distance, from, (base, me));
        }
    }

    /// A column at this distance, one without a row if there is one.
    fn nearest(&self, least: f64) -> usize {
        let mut found = None;
        for block in (0..self.least.len()).filter(|&block| self.least[block] == least) {
            let from = block * BLOCK;
            for (j, _) in
                self.distance[from..].iter().take(BLOCK).enumerate().filter(|d| *d.1 == least)
            {
                if self.row_of[from + j] == UNASSIGNED {
                    return from + j;
                }
                found = found.or(Some(from + j));
            }
        }
        // The least distance is that of some column.
        found.unwrap_or(0)
    }
}

/// The same for a block. Two loops, each of which becomes vectors.
#[inline(always)]
fn relax_block(
    row: &[f64],
    open: &[f64],
    distance: &mut [f64],
    from: &mut [u64],
    (base, me): (f64, u64),
) -> f64 {
    let columns = row.iter().zip(open).zip(distance.iter_mut().zip(from));
    for ((row, open), (distance, from)) in columns {
        let way = row - open + base;
        // By masks: of a choice between two values a compiler makes a branch here.
        let keep = u64::from(way < *distance).wrapping_sub(1);
        *distance = if way < *distance { way } else { *distance };
        *from = (*from & keep) | (me & !keep);
    }
    let mut lanes = [f64::INFINITY; LANES];
    let (whole, rest) = distance.as_chunks::<LANES>();
    for chunk in whole {
        for (least, &d) in lanes.iter_mut().zip(chunk) {
            *least = if d < *least { d } else { *least };
        }
    }
    let all = rest.iter().chain(&lanes);
    all.fold(f64::INFINITY, |least, &d| if d < least { d } else { least })
}

/// The least and the second least of `row - v`; a price of minus infinity keeps a column out.
fn least_two(row: &[f64], v: &[f64]) -> (f64, f64) {
    let (mut first, mut second) = ([f64::INFINITY; LANES], [f64::INFINITY; LANES]);
    let mut add = |lane: usize, value: f64| {
        let larger = if value < first[lane] { first[lane] } else { value };
        first[lane] = if value < first[lane] { value } else { first[lane] };
        second[lane] = if larger < second[lane] { larger } else { second[lane] };
    };
    let (rows, vs) = (row.chunks_exact(LANES), v.chunks_exact(LANES));
    for (lane, (c, v)) in rows.remainder().iter().zip(vs.remainder()).enumerate() {
        add(lane, c - v);
    }
    for (row, v) in rows.zip(vs) {
        for lane in 0..LANES {
            add(lane, row[lane] - v[lane]);
        }
    }
    let mut both = (f64::INFINITY, f64::INFINITY);
    for value in first.into_iter().chain(second) {
        if value < both.0 {
            both = (value, both.0);
        } else if value < both.1 {
            both.1 = value;
        }
    }
    both
}
