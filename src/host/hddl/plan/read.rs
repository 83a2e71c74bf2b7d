//! Text becomes a plan.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::format;
use std::string::String;
use std::vec::Vec;

use super::super::Source;
use super::super::error::{Cursor, Fault, HddlError};
use super::super::names::Names;
use super::fit::{Fit, Listed, Reading};
use super::{PlanFile, verify_plan};
use crate::error::Error;
use crate::task::plan::{MethodId, Model, ObjectId, Step, TaskId, Why};

type Read<T> = core::result::Result<T, Fault>;

/// A line of a plan: a task, and what it is decomposed into.
struct Line<'a> {
    at: u32,
    task: TaskId,
    args: Vec<u16>,
    /// The method's name and the ids of the subtasks.
    method: Option<(&'a str, Vec<u64>)>,
}

/// Words with their places in the file.
type Words<'a> = Vec<(u32, &'a str)>;

/// Ways to read a plan that are verified at most: so many, and two for each line, as long as that is not
/// more than so many lines to be looked at.
const READINGS: usize = 256;
const LINES: usize = 1 << 24;

struct Reader<'m, 'a> {
    model: &'m Model<'m>,
    objects: Names<'m>,
    tasks: Names<'m>,
    lines: Vec<Line<'a>>,
    by_id: HashMap<u64, usize>,
    /// The actions, as they come.
    order: Vec<usize>,
    root: Vec<(u32, u64)>,
    root_at: u32,
    /// The number of a task `__top` that stands for the initial network, and its subtasks.
    top: Option<(u64, Vec<(u32, u64)>)>,
}

/// Reads a plan of the competition's format. What comes before `==>` and after `<==` is not looked at.
/// Whether the plan does what it should is for the [`Verifier`](crate::task::plan::Verifier) to say:
/// this looks at names, numbers, and which subtask takes which place. Where names and arguments leave
/// that open, or which of several methods of one name it was, the plan is the first that the verifier
/// accepts; the first, if it accepts none.
///
/// # Errors
/// The first mistake, with its place: [`Error::TaskFormat`] where the text is no plan,
/// [`Error::TaskPlan`] where it names what is not there, or subtasks that no such method has,
/// [`Error::Capacity`] if there are too many ways to tell which subtasks they are, or to read the whole.
pub fn read_plan(
    model: &Model<'_>,
    source: Source<'_>,
) -> core::result::Result<PlanFile, HddlError> {
    let locate = |fault: Fault| fault.locate(source.name, source.text);
    let read = || -> Read<PlanFile> {
        let text = match core::str::from_utf8(source.text) {
            Ok(text) if u32::try_from(text.len()).is_ok() => text,
            Ok(_) => return Err(Fault::syntax(0, "the file is longer than 4 GB")),
            Err(error) => {
                return Err(Fault::syntax(error.valid_up_to() as u32, "text that is not UTF-8"));
            }
        };
        let mut reader = Reader {
            model,
            objects: Names::new(),
            tasks: Names::new(),
            lines: Vec::new(),
            by_id: HashMap::new(),
            order: Vec::new(),
            root: Vec::new(),
            root_at: 0,
            top: None,
        };
        for id in 0..model.objects() as u16 {
            reader.objects.add(model.object_name(ObjectId(id)));
        }
        for id in 0..model.tasks() as u16 {
            reader.tasks.add(model.task_name(TaskId(id)));
        }
        reader.text(text)?;
        let tree = reader.tree()?;
        let mut plan = reader.best(&tree)?;
        let mut cursor = Cursor::new(source.text);
        // Lines are in the order of the file, steps are not.
        let lines: Vec<u32> = reader.lines.iter().map(|line| cursor.go(line.at).0).collect();
        plan.lines = tree.order.iter().map(|line| lines[*line]).collect();
        Ok(plan)
    };
    read().map_err(locate)
}

fn wrong(at: u32, message: impl Into<String>) -> Fault {
    Fault { at, error: Error::TaskPlan, message: message.into() }
}

fn number(word: (u32, &str)) -> Read<u64> {
    let expected =
        || Fault::syntax(word.0, format!("expected the number of a task, found `{}`", word.1));
    word.1.parse().map_err(|_| expected())
}

fn numbers(words: &[(u32, &str)]) -> Read<Vec<(u32, u64)>> {
    words.iter().map(|word| Ok((word.0, number(*word)?))).collect()
}

/// Which lines belong to which.
struct Tree {
    /// Lines from the root down, each after its parent.
    order: Vec<usize>,
    /// The subtasks of each line, those of the root last.
    children: Vec<Vec<usize>>,
    parents: Vec<usize>,
    /// When the first action of each task is carried out, and the last.
    spans: Vec<(usize, usize)>,
}

/// The ways to read one line.
struct Ways<'r, 'm, 'a> {
    reader: &'r Reader<'m, 'a>,
    tree: &'r Tree,
    line: usize,
    /// Methods that were not begun yet, the last one first.
    methods: Vec<MethodId>,
    fit: Option<Fit<'m, 'r>>,
    is_cut: bool,
}

impl Ways<'_, '_, '_> {
    fn next(&mut self) -> Option<Reading> {
        loop {
            if let Some(fit) = &mut self.fit {
                if let Some(reading) = fit.next() {
                    return Some(reading);
                }
                self.is_cut |= fit.is_cut();
            }
            let id = self.methods.pop()?;
            let Ways { reader, tree, line, .. } = *self;
            let below = tree.children[line].iter().map(|child| {
                let Line { task, ref args, .. } = reader.lines[*child];
                Listed { task, args, span: tree.spans[*child] }
            });
            let args = reader.lines.get(line).map_or(&[][..], |line| &line.args);
            self.fit = Fit::new(reader.model, id, args, below.collect());
        }
    }
}

impl<'m, 'a> Reader<'m, 'a> {
    fn text(&mut self, text: &'a str) -> Read<()> {
        let end = text.len() as u32;
        let mut begun = false;
        let mut rooted = false;
        let mut at = 0u32;
        for line in text.split_inclusive('\n') {
            let words = words(line, at, is_blank);
            at += line.len() as u32;
            match words.as_slice() {
                _ if !begun => begun = words.iter().any(|(_, word)| *word == "==>"),
                [] => {}
                [(_, "<=="), ..] => break,
                [(at, "root"), rest @ ..] if !rooted => {
                    rooted = true;
                    self.root_at = *at;
                    self.root = numbers(rest)?;
                }
                _ => self.line(words, !rooted)?,
            }
        }
        match (begun, rooted) {
            (false, _) => Err(Fault::syntax(end, "expected `==>`, found the end of the file")),
            (_, false) => Err(Fault::syntax(end, "expected `root`, found the end of the plan")),
            _ => Ok(()),
        }
    }

    /// `3 task args`, or `3 task args -> method 4 5`
    fn line(&mut self, words: Words<'a>, action: bool) -> Read<()> {
        let words = self.without_brackets(words);
        let (first, rest) = words.split_first().unwrap_or((&(0, ""), &[]));
        let id = number(*first)?;
        let arrow = rest.iter().position(|(_, word)| *word == "->");
        let (task, decomposition) = match arrow {
            None => (rest, None),
            Some(arrow) => (&rest[..arrow], Some((rest[arrow].0, &rest[arrow + 1..]))),
        };
        let Some((&(at, name), args)) = task.split_first() else {
            return Err(Fault::syntax(first.0, "expected a task after its number"));
        };
        // A domain may have a task of that name.
        if let ("__top", None, Some((_, [_, ids @ ..]))) =
            (name, self.tasks.exact(name), decomposition)
        {
            self.top = Some((id, numbers(ids)?));
            return Ok(());
        }
        let Some(task) = self.tasks.find(name) else {
            return Err(wrong(at, format!("there is no task `{name}`")));
        };
        let task = TaskId(task as u16);
        let known = self.model.task(task);
        let method = match (action, known.primitive, decomposition) {
            (true, true, None) => None,
            (false, false, Some((_, [(_, method), ids @ ..]))) => {
                Some((*method, ids.iter().map(|id| number(*id)).collect::<Read<Vec<u64>>>()?))
            }
            (false, _, None) => {
                return Err(Fault::syntax(at, "expected `->` after a task below `root`"));
            }
            (_, _, Some((arrow, []))) => {
                return Err(Fault::syntax(arrow, "expected a method after `->`"));
            }
            (true, _, Some((arrow, _))) => {
                return Err(Fault::syntax(
                    arrow,
                    "`->` before `root`: there are the actions alone",
                ));
            }
            (true, false, _) => return Err(wrong(at, format!("`{name}` is not an action"))),
            (false, true, _) => return Err(wrong(at, format!("`{name}` is an action"))),
        };
        if args.len() != known.types.len() {
            let (wanted, found) = (known.types.len(), args.len());
            return Err(wrong(
                at,
                format!("expected {wanted} arguments of `{name}`, found {found}"),
            ));
        }
        let mut objects = Vec::new();
        for (at, arg) in args {
            match self.objects.find(arg) {
                Some(object) => objects.push(object as u16),
                None => return Err(wrong(*at, format!("there is no object `{arg}`"))),
            }
        }
        if self.by_id.insert(id, self.lines.len()).is_some() {
            return Err(wrong(first.0, format!("a second task {id}")));
        }
        if action {
            self.order.push(self.lines.len());
        }
        self.lines.push(Line { at: first.0, task, args: objects, method });
        Ok(())
    }

    /// Some planners write `task[a,b]`. Brackets and commas may be parts of names, though: they are looked
    /// at where there is no such task.
    fn without_brackets(&mut self, words: Words<'a>) -> Words<'a> {
        let task = words.get(1).map_or("", |(_, word)| word);
        if !task.contains('[') || self.tasks.find(task).is_some() {
            return words;
        }
        let mut done = false;
        let mut all = Words::new();
        for (at, word) in words {
            // The method's name stays as it is.
            done |= word == "->";
            match done {
                true => all.push((at, word)),
                false => all.extend(self::words(word, at, |c| matches!(c, '[' | ']' | ','))),
            }
        }
        all
    }

    fn find(&self, at: u32, id: u64) -> Read<usize> {
        self.by_id.get(&id).copied().ok_or_else(|| wrong(at, format!("there is no task {id}")))
    }

    /// The tree, from the root down.
    fn tree(&self) -> Read<Tree> {
        let count = self.lines.len();
        let mut children: Vec<Vec<usize>> = Vec::with_capacity(count + 1);
        for line in &self.lines {
            let ids = line.method.as_ref().map_or(&[][..], |(_, ids)| ids);
            children
                .push(ids.iter().map(|id| self.find(line.at, *id)).collect::<Read<Vec<usize>>>()?);
        }
        let ids = match (&self.top, self.root.as_slice()) {
            (Some((top, ids)), [(_, only)]) if top == only => ids,
            _ => &self.root,
        };
        let root: Read<Vec<usize>> = ids.iter().map(|(at, id)| self.find(*at, *id)).collect();
        children.push(root?);
        let mut order: Vec<usize> = Vec::new();
        let mut left: Vec<usize> = children[count].iter().rev().copied().collect();
        let mut used = std::vec![false; count];
        let mut parents = std::vec![count; count];
        while let Some(line) = left.pop() {
            if core::mem::replace(&mut used[line], true) {
                return Err(wrong(self.lines[line].at, "the task is a subtask twice"));
            }
            order.push(line);
            for &child in children[line].iter().rev() {
                parents[child] = line;
                left.push(child);
            }
        }
        if let Some(line) = used.iter().position(|used| !used) {
            return Err(wrong(
                self.lines[line].at,
                "the task is no subtask, and none below `root`",
            ));
        }
        let mut spans = std::vec![(usize::MAX, 0usize); count];
        for (when, line) in self.order.iter().enumerate() {
            spans[*line] = (when, when);
        }
        for &line in order.iter().rev() {
            for &child in &children[line] {
                let (first, last) = spans[child];
                let span = &mut spans[line];
                *span = (span.0.min(first), span.1.max(last));
            }
        }
        Ok(Tree { order, children, parents, spans })
    }

    /// All ways to read a line; the root is the one after the last.
    fn ways<'r>(&'r self, tree: &'r Tree, line: usize) -> Read<Ways<'r, 'm, 'a>> {
        let mut methods = std::vec![self.model.root()];
        if let Some(&Line { at, task, ref method, .. }) = self.lines.get(line) {
            let name = method.as_ref().map_or("", |(name, _)| name);
            let all = self.model.methods_of(task).iter().rev().map(|id| MethodId(*id));
            let exact = |id: &MethodId| self.model.method_name(*id) == name;
            let folded = |id: &MethodId| self.model.method_name(*id).eq_ignore_ascii_case(name);
            methods = all.clone().filter(exact).collect();
            if methods.is_empty() {
                methods = all.filter(folded).collect();
            }
            if methods.is_empty() {
                return Err(wrong(at, format!("the task has no method `{name}`")));
            }
        }
        Ok(Ways { reader: self, tree, line, methods, fit: None, is_cut: false })
    }

    /// The first way to read a line, and whether no other comes into question.
    fn first(&self, tree: &Tree, line: usize) -> Read<(Reading, bool)> {
        let mut ways = self.ways(tree, line)?;
        let first = ways.next();
        let clear = ways.methods.is_empty() && ways.fit.as_ref().is_some_and(Fit::is_clear);
        first.map(|reading| (reading, clear)).ok_or_else(|| {
            let line = self.lines.get(line);
            let at = line.map_or(self.root_at, |line| line.at);
            match line.and_then(|line| line.method.as_ref()) {
                _ if ways.is_cut => {
                    let message = "there are too many ways to tell which subtasks these are";
                    Fault { at, error: Error::Capacity, message: message.into() }
                }
                Some((name, _)) => {
                    wrong(at, format!("the subtasks are not those of the method `{name}`"))
                }
                None => wrong(at, "these are not the tasks of the problem"),
            }
        })
    }

    /// The first way to read the whole that is right; else the first one.
    fn best(&self, tree: &Tree) -> Read<PlanFile> {
        let root = self.lines.len();
        let mut readings: Vec<Reading> = std::vec![Reading::default(); root + 1];
        let mut all_clear = true;
        for line in core::iter::once(root).chain(tree.order.iter().copied()) {
            if line == root || self.lines[line].method.is_some() {
                let (reading, clear) = self.first(tree, line)?;
                readings[line] = reading;
                all_clear &= clear;
            }
        }
        let first = self.plan(tree, &readings);
        if all_clear {
            return Ok(first);
        }
        let mut next = None;
        // The ways to read the lines that were read otherwise than first.
        let mut others: HashMap<usize, Ways<'_, 'm, 'a>> = HashMap::new();
        let undecided = || Fault {
            at: self.root_at,
            error: Error::Capacity,
            message: "there are too many ways to tell which subtasks are meant".into(),
        };
        let mut is_cut = false;
        let lines = self.lines.len().max(1);
        for _ in 0..READINGS.max((2 * lines).min(LINES / lines)) {
            let plan = next.as_ref().unwrap_or(&first);
            let Ok(Err(refusal)) = verify_plan(self.model, &plan.plan()) else {
                return Ok(next.unwrap_or(first));
            };
            if matches!(refusal.why, Why::Choices | Why::Capacity) {
                return Err(undecided());
            }
            // What is carried out when is the same in all of them.
            if !matches!(refusal.why, Why::MethodPrecondition | Why::Order | Why::Value | Why::Type)
            {
                return Ok(first);
            }
            // The step that is refused is read otherwise, or else a task above it.
            let mut line = refusal.step.map_or(root, |step| tree.order[step as usize]);
            loop {
                if line == root || self.lines[line].method.is_some() {
                    let ways = match others.entry(line) {
                        Entry::Occupied(ways) => ways.into_mut(),
                        Entry::Vacant(place) => {
                            let mut ways = self.ways(tree, line)?;
                            ways.next();
                            place.insert(ways)
                        }
                    };
                    if let Some(reading) = ways.next() {
                        readings[line] = reading;
                        break;
                    }
                    is_cut |= ways.is_cut;
                    others.remove(&line);
                    readings[line] = self.first(tree, line)?.0;
                }
                match tree.parents.get(line) {
                    Some(&parent) => line = parent,
                    None if is_cut => return Err(undecided()),
                    None => return Ok(first),
                }
            }
            next = Some(self.plan(tree, &readings));
        }
        Err(undecided())
    }

    /// The plan, with all lines read in these ways.
    fn plan(&self, tree: &Tree, readings: &[Reading]) -> PlanFile {
        let root = self.lines.len();
        let mut plan = PlanFile { values: readings[root].values.clone(), ..PlanFile::default() };
        let mut index = std::vec![Step::ROOT; root + 1];
        for (step, line) in tree.order.iter().enumerate() {
            index[*line] = step as u32;
        }
        let mut places = std::vec![0u16; root];
        for (below, reading) in tree.children.iter().zip(readings) {
            for (child, place) in below.iter().zip(&reading.places) {
                places[*child] = *place;
            }
        }
        for &line in &tree.order {
            let Line { task, ref args, ref method, .. } = self.lines[line];
            let bound = plan.values.len() as u32;
            let reading = &readings[line];
            plan.values.extend(if method.is_some() { &reading.values } else { args });
            let method = if method.is_some() { reading.method } else { Step::ACTION };
            let parent = index[tree.parents[line]];
            plan.steps.push(Step::new(task, method, parent, places[line], bound));
        }
        plan.order = self.order.iter().map(|line| index[*line]).collect();
        plan
    }
}

/// What separates words. Parentheses around a task are what some planners write.
fn is_blank(c: char) -> bool {
    c <= ' ' || matches!(c, '(' | ')')
}

/// What lies between separators.
fn words(line: &str, at: u32, is_blank: impl Fn(char) -> bool) -> Words<'_> {
    let mut words = Words::new();
    let mut from = None;
    for (i, c) in line.char_indices().chain([(line.len(), '\0')]) {
        match (is_blank(c) || i == line.len(), from) {
            (false, None) => from = Some(i),
            (true, Some(start)) => {
                words.push((at + start as u32, &line[start..i]));
                from = None;
            }
            _ => {}
        }
    }
    words
}
