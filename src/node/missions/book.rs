//! The missions given here, and how it stands with their tasks.

use super::types::{MissionId, MissionState, MissionTask, MissionsConfig, MissionsStats, Progress};
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver};

/// No member.
pub(super) const NOBODY: u64 = u64::MAX;

/// What a task is in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// It waits for so many others.
    Waits(u32),
    /// It is in the row of those that are ready.
    Ready,
    /// So many members have it.
    Running(u8),
    /// Its result lies in its bytes.
    Done,
    /// It is not to be done any more.
    Over,
}

/// A task. Its method and message lie beside it, then its result.
#[derive(Clone, Copy)]
pub(super) struct Task {
    pub stage: Stage,
    /// Place of its mission.
    pub mission: u16,
    pub method_len: u8,
    pub priority: u8,
    pub failures: u8,
    pub len: u32,
    pub work: f32,
    /// Its own work, and the most that waits for it.
    pub rank: f32,
    pub skills: u64,
    pub timeout_us: u64,
    /// Who did it, or failed last.
    pub by: u64,
    /// The first pair of which another task waits for this one, or [`NO_EDGE`].
    first_edge: u32,
    /// Which one it is of all that were given.
    turn: u64,
}

const NO_EDGE: u32 = u32::MAX;

const NO_TASK: Task = Task {
    stage: Stage::Over,
    mission: 0,
    method_len: 0,
    priority: 0,
    failures: 0,
    len: 0,
    work: 0.0,
    rank: 0.0,
    skills: 0,
    timeout_us: 0,
    by: NOBODY,
    first_edge: NO_EDGE,
    turn: 0,
};

/// A mission: its tasks and pairs lie side by side.
#[derive(Clone, Copy)]
struct Mission {
    /// 0: none.
    number: u64,
    state: MissionState,
    first: usize,
    count: usize,
    first_edge: usize,
    edges: usize,
    done: u32,
    running: u32,
    /// The task that made it fail.
    failed: u32,
}

const NO_MISSION: Mission = Mission {
    number: 0,
    state: MissionState::Running,
    first: 0,
    count: 0,
    first_edge: 0,
    edges: 0,
    done: 0,
    running: 0,
    failed: 0,
};

/// What the caller is to be told.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    /// A task is done.
    Task(u32),
    /// A mission is over.
    Mission(u16),
}

pub(super) struct Book<'m> {
    missions: Carved<'m, Mission>,
    tasks: Carved<'m, Task>,
    /// Who waits for a task, and the next pair of the same one, or [`NO_EDGE`].
    edges: Carved<'m, (u32, u32)>,
    bytes: Carved<'m, u8>,
    room: usize,
    /// What is ready, the last one first.
    ready: Carved<'m, u32>,
    ready_len: usize,
    /// A ring.
    news: Carved<'m, News>,
    news_first: usize,
    news_len: usize,
    next: u64,
    /// Tasks that were given; where the last mission ends, of tasks and of pairs.
    turns: u64,
    cursor: (usize, usize),
    pub stats: MissionsStats,
}

impl<'m> Book<'m> {
    pub fn carve(config: &MissionsConfig, life: u64, carver: &mut Carver<'m>) -> Result<Book<'m>> {
        Ok(Book {
            missions: carver.take(config.missions, NO_MISSION)?,
            tasks: carver.take(config.tasks, NO_TASK)?,
            edges: carver.take(config.edges, (0, 0))?,
            ready: carver.take(config.tasks, 0)?,
            // Each is told of once.
            news: carver.take(config.tasks + config.missions, News::Task(0))?,
            bytes: carver
                .take(config.tasks.checked_mul(config.bytes).ok_or(Error::Overflow)?, 0)?,
            room: config.bytes,
            ready_len: 0,
            news_first: 0,
            news_len: 0,
            next: life,
            turns: 0,
            cursor: (0, 0),
            stats: MissionsStats::default(),
        })
    }

    /// Where methods, messages and results lie.
    pub fn memory(&self) -> core::ops::Range<*const u8> {
        self.bytes.as_ptr_range()
    }

    // ---- Missions ---------------------------------------------------------------

    /// A mission of `count` tasks, which are asked for by their places: the same each time.
    pub fn add<'t>(
        &mut self,
        count: usize,
        task: impl Fn(usize) -> Result<MissionTask<'t>>,
    ) -> Result<MissionId> {
        if count == 0 {
            return Err(Error::Invalid);
        }
        let mut edges = 0usize;
        for place in 0..count {
            let task = task(place)?;
            task.check(place, self.room)?;
            edges = edges.checked_add(task.after.len()).ok_or(Error::Overflow)?;
        }
        let place = self.missions.iter().position(|mission| mission.number == 0);
        let place = place.ok_or(Error::Capacity)?;
        let first = self.gap(count, self.tasks.len(), self.cursor.0, |m| (m.first, m.count))?;
        let all = self.edges.len();
        let first_edge = self.gap(edges, all, self.cursor.1, |m| (m.first_edge, m.edges))?;
        self.cursor = (first + count, first_edge + edges);
        self.next += 1;
        let number = self.next;
        let mut edge = first_edge;
        for at in 0..count {
            let (task, to) = (task(at)?, first + at);
            self.enter(to, place, &task);
            for before in task.after {
                let before = self.tasks.get_mut(first + *before as usize);
                if let (Some(before), Some(pair)) = (before, self.edges.get_mut(edge)) {
                    *pair = (to as u32, before.first_edge);
                    before.first_edge = edge as u32;
                }
                edge += 1;
            }
        }
        if let Some(mission) = self.missions.get_mut(place) {
            *mission = Mission { number, first, count, first_edge, edges, ..NO_MISSION };
        }
        // Whoever waits lies behind, so its rank is known.
        for at in (first..first + count).rev() {
            let mut rank = 0f32;
            let mut next = self.task(at).first_edge;
            while let Some((to, other)) = self.edges.get(next as usize).copied() {
                rank = rank.max(self.task(to as usize).rank);
                next = other;
            }
            if let Some(task) = self.tasks.get_mut(at) {
                task.rank = task.work + rank;
            }
        }
        self.make_ready_all(first..first + count);
        self.stats.missions += 1;
        Ok(MissionId(number))
    }

    fn enter(&mut self, at: usize, mission: usize, task: &MissionTask<'_>) {
        let len = task.method.len() + task.message.len();
        let start = at * self.room;
        let bytes = self.bytes.get_mut(start..start + len).unwrap_or_default();
        if let Some((method, message)) = bytes.split_at_mut_checked(task.method.len()) {
            method.copy_from_slice(task.method);
            message.copy_from_slice(task.message);
        }
        self.turns += 1;
        let turn = self.turns;
        if let Some(entry) = self.tasks.get_mut(at) {
            *entry = Task {
                turn,
                stage: Stage::Waits(task.after.len() as u32),
                mission: mission as u16,
                // Both were looked at.
                method_len: task.method.len() as u8,
                len: len as u32,
                priority: task.priority,
                work: task.work,
                rank: task.work,
                skills: task.skills,
                timeout_us: task.timeout_us,
                ..NO_TASK
            };
        }
    }

    /// The first gap of so many places between those of missions, from a place on and then from the beginning.
    fn gap(
        &self,
        count: usize,
        all: usize,
        from: usize,
        of: impl Fn(&Mission) -> (usize, usize),
    ) -> Result<usize> {
        let (mut start, mut again) = (from, from > 0);
        loop {
            let end = start + count;
            if end > all && !core::mem::take(&mut again) {
                return Err(Error::Capacity);
            }
            if end > all {
                start = 0;
                continue;
            }
            // The last one in the way: what is before it is taken, too, or too short.
            let used = self.missions.iter().filter(|mission| mission.number != 0).map(&of);
            let in_way =
                used.filter(|(first, len)| *first < end && first + len > start && *len > 0);
            match in_way.map(|(first, len)| first + len).max() {
                None => return Ok(start),
                Some(behind) => start = behind,
            }
        }
    }

    fn find(&self, id: MissionId) -> Result<usize> {
        let found = self.missions.iter().position(|m| m.number == id.0 && id.0 != 0);
        found.ok_or(Error::TaskUnknown)
    }

    fn mission(&self, place: usize) -> &Mission {
        self.missions.get(place).unwrap_or(&NO_MISSION)
    }

    pub fn missions(&self) -> impl Iterator<Item = MissionId> {
        self.missions.iter().filter(|m| m.number != 0).map(|m| MissionId(m.number))
    }

    pub fn progress(&self, id: MissionId) -> Result<Progress> {
        let mission = self.mission(self.find(id)?);
        let Mission { state, count, done, running, .. } = *mission;
        Ok(Progress { state, tasks: count as u32, done, running })
    }

    /// Place of a mission's task.
    fn task_of(&self, id: MissionId, task: u32) -> Result<usize> {
        let mission = self.mission(self.find(id)?);
        let within = (task as usize) < mission.count;
        if within { Ok(mission.first + task as usize) } else { Err(Error::TaskUnknown) }
    }

    pub fn result(&self, id: MissionId, task: u32) -> Result<(u64, &[u8])> {
        let place = self.task_of(id, task)?;
        if self.stage(place) != Stage::Done {
            return Err(Error::TaskState);
        }
        Ok((self.task(place).by, self.bytes_of(place)))
    }

    /// Ends a mission in some other way than that it is done. Flights are the caller's to end.
    pub fn end(&mut self, id: MissionId, state: MissionState) -> Result<()> {
        let place = self.find(id)?;
        if self.mission(place).state != MissionState::Running {
            return Err(Error::TaskState);
        }
        self.end_at(place, state);
        Ok(())
    }

    fn end_at(&mut self, place: usize, state: MissionState) {
        let Mission { first, count, .. } = *self.mission(place);
        let within = |task: u32| (first..first + count).contains(&(task as usize));
        self.keep_ready(|task| !within(task));
        for task in self.tasks.get_mut(first..first + count).unwrap_or_default() {
            if task.stage != Stage::Done {
                task.stage = Stage::Over;
            }
        }
        if let Some(mission) = self.missions.get_mut(place) {
            (mission.state, mission.running) = (state, 0);
        }
        self.tell(News::Mission(place as u16));
    }

    pub fn forget(&mut self, id: MissionId) -> Result<()> {
        let place = self.find(id)?;
        let Mission { first, count, state, .. } = *self.mission(place);
        if state == MissionState::Running {
            return Err(Error::TaskState);
        }
        // What was not told of yet is not told of any more.
        for _ in 0..self.news_len {
            let Some(news) = self.next_news() else { break };
            let gone = match news {
                News::Mission(of) => usize::from(of) == place,
                News::Task(task) => (first..first + count).contains(&(task as usize)),
            };
            if !gone {
                self.tell(news);
            }
        }
        if let Some(mission) = self.missions.get_mut(place) {
            *mission = NO_MISSION;
        }
        Ok(())
    }

    /// Whether something is to be done still.
    pub fn is_busy(&self) -> bool {
        self.missions.iter().any(|m| m.number != 0 && m.state == MissionState::Running)
    }

    // ---- Tasks ------------------------------------------------------------------

    pub fn task(&self, place: usize) -> &Task {
        self.tasks.get(place).unwrap_or(&NO_TASK)
    }

    fn stage(&self, place: usize) -> Stage {
        self.task(place).stage
    }

    pub fn bytes_of(&self, place: usize) -> &[u8] {
        let start = place * self.room;
        self.bytes.get(start..start + self.task(place).len as usize).unwrap_or_default()
    }

    /// The mission of a task, and its place in it.
    pub fn name_of(&self, place: usize) -> (MissionId, u32) {
        let mission = self.mission(self.task(place).mission.into());
        (MissionId(mission.number), place.saturating_sub(mission.first) as u32)
    }

    /// What comes first in the row of what is ready is the greatest.
    fn key(&self, task: u32) -> (u8, f32, core::cmp::Reverse<u64>) {
        let task = self.task(task as usize);
        (task.priority, task.rank, core::cmp::Reverse(task.turn))
    }

    /// Puts a task in its place in the row: the one that comes first lies last.
    fn make_ready(&mut self, place: usize) {
        let own = self.key(place as u32);
        let row = self.ready.get(..self.ready_len).unwrap_or_default();
        let at = row.partition_point(|other| self.key(*other) < own);
        let end = self.ready_len + 1;
        if let Some(row) = self.ready.get_mut(at..end) {
            row.rotate_right(1);
            if let Some(first) = row.first_mut() {
                *first = place as u32;
            }
            self.ready_len = end;
        }
        self.set_stage(place, Stage::Ready);
    }

    /// The same for all of these that wait for nothing.
    fn make_ready_all(&mut self, places: core::ops::Range<usize>) {
        let waits_not = |book: &Self, task: usize| book.stage(task) == Stage::Waits(0);
        let count = places.clone().filter(|task| waits_not(self, *task)).count();
        for task in places {
            if !waits_not(self, task) {
                continue;
            }
            // A few are put in their places one by one.
            if count < 32 {
                self.make_ready(task);
                continue;
            }
            self.set_stage(task, Stage::Ready);
            if let Some(place) = self.ready.get_mut(self.ready_len) {
                *place = task as u32;
                self.ready_len += 1;
            }
        }
        if count < 32 {
            return;
        }
        let tasks = &self.tasks;
        let key = |task: u32| {
            let task = tasks.get(task as usize).unwrap_or(&NO_TASK);
            (task.priority, task.rank, core::cmp::Reverse(task.turn))
        };
        if let Some(row) = self.ready.get_mut(..self.ready_len) {
            row.sort_unstable_by(|a, b| {
                let (a, b) = (key(*a), key(*b));
                a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.2.cmp(&b.2))
            });
        }
    }

    fn set_stage(&mut self, place: usize, stage: Stage) {
        let Some(task) = self.tasks.get_mut(place) else { return };
        let (before, mission) = (core::mem::replace(&mut task.stage, stage), task.mission);
        let runs = |stage| matches!(stage, Stage::Running(_));
        if let Some(mission) = self.missions.get_mut(usize::from(mission)) {
            mission.running += u32::from(runs(stage));
            mission.running = mission.running.saturating_sub(u32::from(runs(before)));
        }
    }

    /// What is ready, the `turn`th to come.
    pub fn ready(&self, turn: usize) -> Option<usize> {
        let at = self.ready_len.checked_sub(turn + 1)?;
        self.ready.get(at).map(|task| *task as usize)
    }

    fn keep_ready(&mut self, keep: impl Fn(u32) -> bool) {
        let mut kept = 0;
        for at in 0..self.ready_len {
            let Some(task) = self.ready.get(at).copied() else { break };
            if keep(task)
                && let Some(place) = self.ready.get_mut(kept)
            {
                *place = task;
                kept += 1;
            }
        }
        self.ready_len = kept;
    }

    /// A task is given to a member, the first or another one.
    pub fn begin(&mut self, place: usize) {
        match self.stage(place) {
            Stage::Ready => {
                let row = self.ready.get(..self.ready_len).unwrap_or_default();
                // Most often it is one of the first, which lie last.
                if let Some(at) = row.iter().rposition(|other| *other as usize == place)
                    && let Some(row) = self.ready.get_mut(at..self.ready_len)
                {
                    row.rotate_left(1);
                    self.ready_len -= 1;
                }
                self.set_stage(place, Stage::Running(1));
            }
            Stage::Running(copies) => self.set_stage(place, Stage::Running(copies + 1)),
            _ => {}
        }
        self.stats.given += 1;
    }

    /// A result has come: whether it counts. It is not longer than there is room for, or it is no result.
    pub fn done(&mut self, place: usize, by: u64, result: &[u8]) -> bool {
        let start = place * self.room;
        let room = self.bytes.get_mut(start..start + self.room).unwrap_or_default();
        let runs = matches!(self.tasks.get(place).map(|task| task.stage), Some(Stage::Running(_)));
        let Some(room) = room.get_mut(..result.len()).filter(|_| runs) else {
            return false;
        };
        room.copy_from_slice(result);
        self.set_stage(place, Stage::Done);
        let Some(task) = self.tasks.get_mut(place) else { return false };
        (task.by, task.len) = (by, result.len() as u32);
        let mission = usize::from(task.mission);
        self.stats.done += 1;
        self.tell(News::Task(place as u32));
        let mut next = self.task(place).first_edge;
        while let Some((to, other)) = self.edges.get(next as usize).copied() {
            if let Stage::Waits(for_others) = self.stage(to as usize) {
                self.set_stage(to as usize, Stage::Waits(for_others - 1));
                if for_others == 1 {
                    self.make_ready(to as usize);
                }
            }
            next = other;
        }
        if let Some(entry) = self.missions.get_mut(mission) {
            entry.done += 1;
            if entry.done as usize == entry.count {
                entry.state = MissionState::Done;
                self.tell(News::Mission(mission as u16));
            }
        }
        true
    }

    /// The member `by` does not do a task that it had: somebody else is to, unless somebody has it. `failed`: it counts as an
    /// attempt. Whether the mission failed by it.
    pub fn back(&mut self, place: usize, by: u64, failed: bool, attempts: u8) -> bool {
        let Stage::Running(copies) = self.stage(place) else { return false };
        if failed {
            self.stats.failed += 1;
        } else {
            self.stats.moved += 1;
        }
        let Some(task) = self.tasks.get_mut(place) else { return false };
        task.failures = task.failures.saturating_add(failed.into());
        if failed {
            task.by = by;
        }
        let (failures, mission) = (task.failures, task.mission);
        if copies > 1 {
            self.set_stage(place, Stage::Running(copies - 1));
        } else if failures >= attempts {
            let mission = usize::from(mission);
            self.end_at(mission, MissionState::Failed);
            if let Some(mission) = self.missions.get_mut(mission) {
                mission.failed = place.saturating_sub(mission.first) as u32;
            }
            return true;
        } else {
            self.make_ready(place);
        }
        false
    }

    /// Whether a task is to be done, still.
    pub fn is_wanted(&self, place: usize) -> bool {
        matches!(self.stage(place), Stage::Running(_))
    }

    pub fn is_done(&self, place: usize) -> bool {
        self.stage(place) == Stage::Done
    }

    pub fn copies(&self, place: usize) -> u8 {
        if let Stage::Running(copies) = self.stage(place) { copies } else { 0 }
    }

    // ---- What is told -----------------------------------------------------------

    fn tell(&mut self, news: News) {
        let len = self.news.len().max(1);
        if let Some(place) = self.news.get_mut((self.news_first + self.news_len) % len) {
            *place = news;
            self.news_len += 1;
        }
    }

    pub fn next_news(&mut self) -> Option<News> {
        if self.news_len == 0 {
            return None;
        }
        let news = self.news.get(self.news_first).copied();
        self.news_first = (self.news_first + 1) % self.news.len().max(1);
        self.news_len -= 1;
        news
    }

    /// Of a mission that is over.
    pub fn ended(&self, place: u16) -> (MissionId, MissionState, Option<u32>) {
        let Mission { number, state, failed, .. } = *self.mission(place.into());
        (MissionId(number), state, Some(failed).filter(|_| state == MissionState::Failed))
    }
}
