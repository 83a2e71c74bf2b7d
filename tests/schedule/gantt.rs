//! Gantt charts, by their text.

use neural_swarm::Error;
use neural_swarm::port::Heap;
use neural_swarm::task::schedule::*;

use super::graphs::{self, Random};
use super::ignore;

fn drawn(len: usize, draw: impl Fn(&mut [u8]) -> Result<usize, Error>) -> String {
    let mut out = vec![7; len + 1];
    assert_eq!(draw(&mut out[..len - 1]), Err(Error::BufferTooSmall));
    assert_eq!(draw(&mut out), Ok(len));
    assert_eq!(out.pop(), Some(7), "nothing is written behind it");
    String::from_utf8(out).unwrap()
}

/// What an attribute of an element is.
fn attribute(element: &str, name: &str) -> f64 {
    let from = element.find(&format!(" {name}=\"")).unwrap() + name.len() + 3;
    element[from..].split('"').next().unwrap().parse().unwrap()
}

#[test]
fn a_small_schedule_has_this_picture() {
    let mut dag = Dag::new(&DagConfig { tasks: 2, edges: 1, workers: 2 }, Heap).unwrap();
    dag.set_speed(1, 4.0).unwrap();
    dag.set_links(9.0, f64::INFINITY).unwrap();
    (0..2).for_each(|_| ignore(dag.add_task(6.0).unwrap()));
    dag.add_edge(0, 1, 0.0).unwrap();
    dag.build().unwrap();
    let mut scheduler = Scheduler::new(&SchedulerConfig::default(), Heap).unwrap();
    assert_eq!(scheduler.heft(&dag), Ok(3.0));
    let text = drawn(scheduler.gantt_len(), |out| scheduler.gantt(out));
    let bars: Vec<&str> = text.lines().filter(|line| line.contains("class=\"bar")).collect();
    assert_eq!(
        bars,
        [
            "<rect class=\"bar planned\" x=\"70.00\" y=\"39\" width=\"450.00\" height=\"20\">\
             <title>task 0: 0.000 to 1.500 s</title></rect>",
            "<rect class=\"bar planned\" x=\"520.00\" y=\"39\" width=\"450.00\" height=\"20\">\
             <title>task 1: 1.500 to 3.000 s</title></rect>",
        ]
    );
    assert!(
        text.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"990\" height=\"86\"")
    );
    assert!(text.contains(">worker 1</text>") && text.contains(">3.000 s</text>"));
    assert!(text.ends_with("</svg>\n"));
}

#[test]
fn bars_are_where_tasks_are() {
    let mut random = Random::new(60);
    for kind in 0..20 {
        let graph = graphs::some(kind, &mut random);
        let workers = 1 + random.below(6);
        let dag = graphs::dag(&graph, workers, (false, 1.0, 1.0), &mut random);
        let config = SchedulerConfig { tasks: dag.tasks(), workers };
        let mut scheduler = Scheduler::new(&config, Heap).unwrap();
        let makespan = scheduler.heft(&dag).unwrap();
        let text = drawn(scheduler.gantt_len(), |out| scheduler.gantt(out));
        let bars: Vec<&str> = text.lines().filter(|line| line.contains("class=\"bar")).collect();
        assert_eq!(bars.len(), dag.tasks());
        for (bar, placed) in bars.iter().zip(scheduler.placements()) {
            let x = attribute(bar, "x") - 70.0;
            assert!((x - 900.0 * placed.start / makespan).abs() < 0.01);
            let width = 900.0 * (placed.finish - placed.start) / makespan;
            assert!((attribute(bar, "width") - width).abs() < 0.01);
            assert_eq!(attribute(bar, "y"), 13.0 + 26.0 * f64::from(placed.worker));
        }
        // Every element that is opened is closed.
        for element in ["text", "title", "svg", "style"] {
            let opened = text.matches(&format!("<{element}")).count();
            assert_eq!(opened, text.matches(&format!("</{element}>")).count(), "{element}");
        }
    }
}

#[test]
fn pictures_of_nothing_and_of_very_long_times() {
    let mut scheduler = Scheduler::new(&SchedulerConfig::default(), Heap).unwrap();
    let text = drawn(scheduler.gantt_len(), |out| scheduler.gantt(out));
    assert!(!text.contains("class=\"bar") && text.contains(">0.000 s</text>"));
    let mut dag = Dag::new(&DagConfig { tasks: 2, edges: 0, workers: 1 }, Heap).unwrap();
    dag.add_task(0.0).unwrap();
    dag.add_task(1.0).unwrap();
    dag.set_seconds(1, 0, MAX_SECONDS).unwrap();
    dag.build().unwrap();
    scheduler.heft(&dag).unwrap();
    let text = drawn(scheduler.gantt_len(), |out| scheduler.gantt(out));
    assert!(text.contains(">1e100 s</text>") && text.len() < 2000 && !text.contains("NaN"));
}

#[test]
fn workflows_show_what_is_done_and_what_is_not() {
    let dag = DagConfig { tasks: 4, edges: 3, workers: 1 };
    let config = WorkflowConfig { dag, subflows: 1, keep_going: true, ..WorkflowConfig::default() };
    let mut flow = Workflow::new(&config, Heap).unwrap();
    let sub = flow.add_subflow(OUTERMOST, 0).unwrap();
    let task = |flow: &mut Workflow<'_>, within| {
        flow.add_task(&TaskOptions { within, ..TaskOptions::default() }).unwrap()
    };
    let [first, second, third] = [sub, sub, OUTERMOST].map(|within| task(&mut flow, within));
    let dropped = task(&mut flow, OUTERMOST);
    flow.add_edge(first, second, 0.0).unwrap();
    flow.add_edge(sub, third, 0.0).unwrap();
    assert!(!drawn(flow.gantt_len(), |out| flow.gantt(out)).contains("class=\"bar"));
    flow.start(0).unwrap();
    flow.cancel(dropped, 0).unwrap();
    while let Some(action) = flow.next_action() {
        if let Action::Start { task, attempt, .. } = action
            && task == first
        {
            flow.finished(first, attempt, 4_000_000).unwrap();
        }
    }
    let text = drawn(flow.gantt_len(), |out| flow.gantt(out));
    let bar = |task: u32| {
        let title = format!("<title>task {task}: ");
        text.lines().find(|line| line.contains(&title)).map(|line| line.split('"').nth(1).unwrap())
    };
    assert_eq!(bar(first), Some("bar done"));
    assert_eq!(bar(second), Some("bar running"));
    assert_eq!(bar(third), Some("bar planned"));
    assert_eq!((bar(dropped), bar(sub)), (None, None));
    assert!(text.contains("<title>task 2: 0.000 to 4.000 s</title>"), "as long as it took");
}
