//! Missions over members.

use neural_swarm::Error;
use neural_swarm::node::*;
use neural_swarm::port::Heap;
use neural_swarm::task::schedule::{Dag, DagConfig, Scheduler, SchedulerConfig};

use crate::crew::{Crew, Liar, offer};
use crate::world::*;

const OFFER: Offer = Offer { skills: 0, speed: 1.0, energy: f32::INFINITY, slots: 2 };

fn config(world: &World, place: usize) -> MissionsConfig {
    MissionsConfig::new(id_of(place), world.config.max_message(), world.members.len(), 7)
}

/// So many members with these speeds that know each other.
fn crews(seed: u64, speeds: &[f32]) -> World {
    let mut world = World::swarm(seed, speeds.len());
    let all: Vec<usize> = (0..speeds.len()).collect();
    world.run_until(30 * SECOND, |world| world.know_each_other(&all)).unwrap();
    for (place, speed) in speeds.iter().enumerate() {
        let config = config(&world, place);
        let crew = Crew::new(&config, &Offer { speed: *speed, ..OFFER });
        world.member(place).crew = Some(crew);
        world.touch(place);
    }
    world.run(SECOND);
    world
}

fn crew(world: &mut World, place: usize) -> &mut Crew {
    world.member(place).crew.as_mut().unwrap()
}

fn give(world: &mut World, place: usize, tasks: &[MissionTask<'_>]) -> MissionId {
    let now = world.now;
    let id = crew(world, place).missions.give(tasks, now).unwrap();
    world.touch(place);
    id
}

/// Runs until so many missions given there are over: how long it took.
fn until_over(world: &mut World, place: usize, count: usize, most: u64) -> u64 {
    world.run_until(most, |world| crew(world, place).over.len() >= count).unwrap()
}

fn state(world: &mut World, place: usize, id: MissionId) -> MissionState {
    crew(world, place).missions.progress(id).unwrap().state
}

/// Who did the tasks of a mission.
fn doers(world: &mut World, place: usize, id: MissionId) -> Vec<u64> {
    let crew = crew(world, place);
    let tasks = crew.missions.progress(id).unwrap().tasks;
    (0..tasks).map(|task| crew.missions.result(id, task).unwrap().0).collect()
}

#[test]
fn what_waits_is_done_after_that_which_it_waits_for_and_all_work() {
    let mut world = crews(60, &[1.0; 5]);
    let messages: Vec<[u8; 2]> = (0..21).map(|i| [i, 1]).collect();
    let all: Vec<u32> = (0..20).collect();
    let mut tasks: Vec<_> = messages.iter().map(|m| MissionTask::new(b"turn", m)).collect();
    tasks[20].after = &all;
    let id = give(&mut world, 3, &tasks);
    let progress = crew(&mut world, 3).missions.progress(id).unwrap();
    assert_eq!((progress.tasks, progress.done, progress.state), (21, 0, MissionState::Running));
    let took = until_over(&mut world, 3, 1, 60 * SECOND);
    // Twenty of a second for five, then one.
    assert!(took < 5_500 * MS, "{took}");
    let by = doers(&mut world, 3, id);
    assert!((0..5).all(|place| by.contains(&id_of(place))), "{by:?}");
    let crew = crew(&mut world, 3);
    let when = |task: u32| {
        let [(when, _, result)] = &crew.done[&(id, task)][..] else { panic!("once") };
        assert_eq!(result[..], [1, task as u8]);
        *when
    };
    let before = (0..20).map(when).max().unwrap();
    assert!(when(20) >= before + SECOND);
    assert_eq!(crew.over[0].2, MissionState::Done);
    assert_eq!(crew.missions.result(id, 5).unwrap().1, [1, 5]);
    crew.missions.forget(id).unwrap();
    assert_eq!(crew.missions.progress(id), Err(Error::TaskUnknown));
    let stats = *crew.missions.stats();
    assert_eq!((stats.missions, stats.done, stats.given, stats.surplus), (1, 21, 21, 0));
}

#[test]
fn speeds_are_found_out_and_the_fast_ones_do_most() {
    // One says that it is fast, and is not.
    let mut world = crews(61, &[1.0, 4.0, 1.0, 1.0]);
    let offer = Offer { speed: 4.0, ..OFFER };
    crew(&mut world, 2).missions.set_offer(&offer).unwrap();
    let tasks = [MissionTask::new(b"turn", b"x"); 70];
    let id = give(&mut world, 0, &tasks);
    let took = until_over(&mut world, 0, 1, 60 * SECOND);
    // Seventy units at seven a second.
    assert!(took < 13 * SECOND, "{took}");
    let by = doers(&mut world, 0, id);
    let count = |place: usize| by.iter().filter(|id| **id == id_of(place)).count();
    assert!(count(1) > 2 * count(2), "{} {}", count(1), count(2));
}

#[test]
fn skills_and_batteries_are_heeded() {
    let mut world = crews(62, &[1.0; 4]);
    let arm = Offer { skills: 0b10, energy: 3.0, ..OFFER };
    let eye = Offer { skills: 0b01, ..OFFER };
    let both = Offer { skills: 0b11, ..OFFER };
    for (place, offer) in [(1, arm), (2, eye), (3, both)] {
        crew(&mut world, place).missions.set_offer(&offer).unwrap();
    }
    let look = MissionTask { skills: 0b01, ..MissionTask::new(b"look", b"l") };
    let lift = MissionTask { skills: 0b10, ..MissionTask::new(b"lift", b"m") };
    let carry = MissionTask { skills: 0b11, ..MissionTask::new(b"carry", b"n") };
    let tasks = [look, lift, carry, look, lift, carry];
    let id = give(&mut world, 0, &tasks);
    until_over(&mut world, 0, 1, 60 * SECOND);
    let able = |task: &MissionTask<'_>| match task.skills {
        0b01 => vec![id_of(2), id_of(3)],
        0b10 => vec![id_of(1), id_of(3)],
        _ => vec![id_of(3)],
    };
    for (task, by) in tasks.iter().zip(doers(&mut world, 0, id)) {
        assert!(able(task).contains(&by));
    }
    // Beyond its battery it gets nothing; nobody can fly.
    let heavy = MissionTask { work: 3.5, ..lift };
    let fly = MissionTask { skills: 0b100, ..MissionTask::new(b"fly", b"o") };
    let id = give(&mut world, 0, &[heavy, fly]);
    world.run(20 * SECOND);
    assert_eq!(crew(&mut world, 0).missions.result(id, 0).unwrap().0, id_of(3));
    assert_eq!(state(&mut world, 0, id), MissionState::Running);
    // Until somebody who can says so.
    let offer = Offer { skills: 0b100, ..OFFER };
    crew(&mut world, 2).missions.set_offer(&offer).unwrap();
    until_over(&mut world, 0, 2, 20 * SECOND);
    assert_eq!(crew(&mut world, 0).missions.result(id, 1).unwrap().0, id_of(2));
}

#[test]
fn the_highest_priority_comes_first_and_then_what_most_waits_for() {
    let mut world = crews(63, &[1.0]);
    crew(&mut world, 0).missions.set_offer(&Offer { slots: 1, ..OFFER }).unwrap();
    let tasks = [
        MissionTask::new(b"turn", b"a"),
        MissionTask::new(b"turn", b"b"),
        MissionTask { priority: 9, ..MissionTask::new(b"turn", b"c") },
        MissionTask { after: &[1], work: 2.0, ..MissionTask::new(b"turn", b"d") },
    ];
    give(&mut world, 0, &tasks);
    until_over(&mut world, 0, 1, 20 * SECOND);
    let order: Vec<u8> = crew(&mut world, 0).began.iter().map(|(_, m)| m[0]).collect();
    assert_eq!(order, *b"cbda");
}

#[test]
fn what_a_dead_member_had_moves_on() {
    let mut world = crews(64, &[1.0; 5]);
    let tasks = [MissionTask::new(b"turn", b"ab"); 40];
    let id = give(&mut world, 0, &tasks);
    world.run(1_500 * MS);
    world.kill(1);
    world.kill(2);
    until_over(&mut world, 0, 1, 60 * SECOND);
    assert_eq!(state(&mut world, 0, id), MissionState::Done);
    let crew = crew(&mut world, 0);
    assert_eq!(crew.done.len(), 40);
    assert!(crew.done.values().all(|all| all.len() == 1 && all[0].2 == b"ba"));
    assert!(crew.missions.stats().moved + crew.missions.stats().hedged >= 2);
}

#[test]
fn who_hangs_is_overtaken_and_told() {
    let mut world = crews(65, &[1.0; 4]);
    let tasks = [MissionTask::new(b"turn", b"ab"); 4];
    // All are known to do one a second, until one of them does not.
    give(&mut world, 0, &tasks);
    until_over(&mut world, 0, 1, 20 * SECOND);
    crew(&mut world, 1).speed = 0.01;
    let id = give(&mut world, 0, &tasks);
    let took = until_over(&mut world, 0, 2, 60 * SECOND);
    assert!(took < 6 * SECOND, "{took}");
    assert!(!doers(&mut world, 0, id).contains(&id_of(1)));
    world.run(SECOND);
    assert_eq!(crew(&mut world, 1).dropped, 1);
    let stats = *crew(&mut world, 0).missions.stats();
    assert_eq!((stats.hedged, stats.hedges_won, stats.surplus, stats.done), (1, 1, 1, 8));
    // It is remembered: the next time it gets nothing, or little.
    crew(&mut world, 1).began.clear();
    let id = give(&mut world, 0, &[MissionTask::new(b"turn", b"ab"); 12]);
    let took = until_over(&mut world, 0, 3, 60 * SECOND);
    assert!(took < 6 * SECOND, "{took}");
    assert!(!doers(&mut world, 0, id).contains(&id_of(1)));
    assert!(crew(&mut world, 1).began.len() <= 1);

    // Without second copies it is waited for.
    let slow = MissionsConfig { hedge: 0.0, seed: 8, ..config(&world, 0) };
    world.member(0).crew = Some(Crew::new(&slow, &Offer::NOTHING));
    let id = give(&mut world, 0, &tasks);
    world.run(20 * SECOND);
    let progress = crew(&mut world, 0).missions.progress(id).unwrap();
    assert_eq!((progress.state, progress.done, progress.running), (MissionState::Running, 3, 1));
}

#[test]
fn a_cancelled_mission_stops_everywhere() {
    let mut world = crews(66, &[0.1; 3]);
    let id = give(&mut world, 0, &[MissionTask::new(b"turn", b"ab"); 9]);
    world.run(2 * SECOND);
    crew(&mut world, 0).missions.cancel(id).unwrap();
    assert_eq!(crew(&mut world, 0).missions.cancel(id), Err(Error::TaskState));
    world.touch(0);
    world.run(SECOND);
    assert_eq!(crew(&mut world, 0).over[0].2, MissionState::Cancelled);
    for place in 0..3 {
        assert_eq!(crew(&mut world, place).dropped, 1, "{place}");
    }
    let progress = crew(&mut world, 0).missions.progress(id).unwrap();
    assert_eq!((progress.done, progress.running), (0, 0));
    // And the next one goes on as if it had not been.
    crew(&mut world, 0).missions.forget(id).unwrap();
    let id = give(&mut world, 0, &[MissionTask { work: 0.1, ..MissionTask::new(b"turn", b"c") }]);
    until_over(&mut world, 0, 2, 20 * SECOND);
    assert_eq!(state(&mut world, 0, id), MissionState::Done);
}

#[test]
fn who_fails_is_tried_again_elsewhere_and_a_task_that_always_fails_ends_its_mission() {
    let mut world = crews(67, &[1.0; 3]);
    crew(&mut world, 1).clumsy = true;
    let id = give(&mut world, 0, &[MissionTask::new(b"turn", b"ab"); 6]);
    until_over(&mut world, 0, 1, 60 * SECOND);
    let by = doers(&mut world, 0, id);
    assert!(!by.contains(&id_of(1)));
    assert!(crew(&mut world, 0).missions.stats().failed > 0);
    for place in 0..3 {
        crew(&mut world, place).clumsy = true;
    }
    let tasks = [
        MissionTask::new(b"turn", b"a"),
        MissionTask { after: &[0], ..MissionTask::new(b"turn", b"b") },
    ];
    let id = give(&mut world, 0, &tasks);
    until_over(&mut world, 0, 2, 60 * SECOND);
    assert_eq!(state(&mut world, 0, id), MissionState::Failed);
    assert_eq!(crew(&mut world, 0).missions.result(id, 1), Err(Error::TaskState));
    assert_eq!(crew(&mut world, 0).failed, [0]);
    // An attempt that takes too long is one, too; of this member as of others.
    for place in 0..3 {
        crew(&mut world, place).clumsy = false;
    }
    let long = MissionTask { work: 30.0, timeout_us: SECOND, ..MissionTask::new(b"turn", b"c") };
    let id = give(&mut world, 0, &[long]);
    until_over(&mut world, 0, 3, 60 * SECOND);
    assert_eq!(state(&mut world, 0, id), MissionState::Failed);
}

#[test]
fn on_a_network_that_loses_a_fifth_each_result_comes_once() {
    for seed in 0..4 {
        let mut world = crews(680 + seed, &[20.0; 6]);
        world.loss = 200;
        let mut ids = Vec::new();
        for giver in 0..3 {
            let tasks = [MissionTask::new(b"turn", b"ab"); 50];
            ids.push((giver, give(&mut world, giver, &tasks)));
        }
        for (giver, id) in ids {
            until_over(&mut world, giver, 1, 120 * SECOND);
            assert_eq!(state(&mut world, giver, id), MissionState::Done);
            let crew = crew(&mut world, giver);
            assert_eq!(crew.done.len(), 50);
            assert!(crew.done.values().all(|all| all.len() == 1 && all[0].2 == b"ba"));
        }
    }
}

#[test]
fn bad_missions_are_refused_and_a_full_table_goes_on() {
    let mut missions = Missions::new(
        &MissionsConfig { missions: 2, tasks: 8, edges: 4, ..MissionsConfig::new(1, 1_200, 4, 1) },
        Heap,
    )
    .unwrap();
    let good = MissionTask::new(b"m", b"");
    let bad = [
        (vec![], Error::Invalid),
        (vec![MissionTask { method: b"", ..good }], Error::Length),
        (vec![MissionTask { method: &[1; 65], ..good }], Error::Length),
        (vec![MissionTask { message: &[1; 256], ..good }], Error::Length),
        (vec![MissionTask { work: 0.0, ..good }], Error::Invalid),
        (vec![MissionTask { work: f32::NAN, ..good }], Error::Invalid),
        (vec![MissionTask { work: f32::INFINITY, ..good }], Error::Invalid),
        (vec![MissionTask { timeout_us: 0, ..good }], Error::Invalid),
        (vec![MissionTask { timeout_us: MOST_DEADLINE + 1, ..good }], Error::Invalid),
        (vec![MissionTask { after: &[0], ..good }], Error::TaskCycle),
        (vec![good, MissionTask { after: &[2], ..good }, good], Error::TaskCycle),
        (vec![good; 9], Error::Capacity),
        (vec![good, good, MissionTask { after: &[0, 1, 0, 1, 0], ..good }], Error::Capacity),
    ];
    for (tasks, error) in bad {
        assert_eq!(missions.give(&tasks, 0), Err(error), "{tasks:?}");
    }
    assert_eq!(missions.missions().count(), 0);
    let pair = [good, MissionTask { after: &[0, 0], ..good }, good];
    let first = missions.give(&pair, 0).unwrap();
    let second = missions.give(&pair, 0).unwrap();
    assert_eq!(missions.give(&[good], 0), Err(Error::Capacity), "missions");
    assert_eq!(missions.forget(first), Err(Error::TaskState));
    missions.cancel(first).unwrap();
    missions.forget(first).unwrap();
    // What was not told is not told any more.
    assert_eq!(missions.next_event(), None);
    assert_eq!(missions.give(&[good; 4], 0), Err(Error::Capacity), "in one piece");
    let third = missions.give(&pair, 0).unwrap();
    assert_eq!(missions.missions().collect::<Vec<_>>().len(), 2);
    for unknown in [first, MissionId(0)] {
        assert_eq!(missions.progress(unknown), Err(Error::TaskUnknown));
        assert_eq!(missions.cancel(unknown), Err(Error::TaskUnknown));
        assert_eq!(missions.forget(unknown), Err(Error::TaskUnknown));
        assert_eq!(missions.result(unknown, 0), Err(Error::TaskUnknown));
    }
    assert_eq!(missions.result(second, 3), Err(Error::TaskUnknown));
    assert_eq!(missions.result(third, 2), Err(Error::TaskState));
    assert_eq!(missions.finish(JobId(1), b"", 0), Err(Error::NodeRequest));
    assert_eq!(missions.fail(JobId(0), 0), Err(Error::NodeRequest));

    let offers = [
        Offer { speed: 0.0, ..OFFER },
        Offer { speed: f32::NAN, ..OFFER },
        Offer { speed: f32::INFINITY, ..OFFER },
        Offer { energy: -1.0, ..OFFER },
        Offer { energy: f32::NAN, ..OFFER },
        Offer { slots: MOST_SLOTS + 1, ..OFFER },
    ];
    for offer in offers {
        assert_eq!(missions.set_offer(&offer), Err(Error::Invalid), "{offer:?}");
    }
    let base = MissionsConfig::new(1, 1_200, 4, 1);
    let configs = [
        MissionsConfig { mtu: 50, ..base.clone() },
        MissionsConfig { missions: 0, ..base.clone() },
        MissionsConfig { tasks: 0, ..base.clone() },
        MissionsConfig { bytes: 0, ..base.clone() },
        MissionsConfig { bytes: 1_180, ..base.clone() },
        MissionsConfig { workers: 0, ..base.clone() },
        MissionsConfig { flights: 0, ..base.clone() },
        MissionsConfig { flights: 65_535, ..base.clone() },
        MissionsConfig { jobs: 40_000, ..base.clone() },
        MissionsConfig { askers: 0, ..base.clone() },
        MissionsConfig { offer_us: 0, ..base.clone() },
        MissionsConfig { hedge: 0.5, ..base.clone() },
        MissionsConfig { hedge: f32::NAN, ..base.clone() },
        MissionsConfig { attempts: 0, ..base.clone() },
    ];
    for config in configs {
        assert_eq!(Missions::footprint(&config), Err(Error::Invalid), "{config:?}");
    }
}

#[test]
fn results_that_are_too_long_are_still_to_be_given() {
    let mut world = crews(69, &[1.0]);
    give(&mut world, 0, &[MissionTask::new(b"turn", b"ab")]);
    let missions = &mut crew(&mut world, 0).missions;
    let Some(MissionEvent::Work { job, from, .. }) = missions.next_event() else { panic!() };
    assert_eq!(from, id_of(0));
    assert_eq!(missions.finish(job, &[0; 257], 0), Err(Error::Length));
    missions.finish(job, &[7; 256], 0).unwrap();
    assert_eq!(missions.finish(job, b"", 0), Err(Error::NodeRequest));
    assert!(matches!(
        missions.next_event(),
        Some(MissionEvent::Done { task: 0, result: [7, ..], .. })
    ));
}

/// Gives tasks while member 1 says what it likes: how often it was given one, and how long it took.
fn beside_a_liar(seed: u64, offer: &[u8], answer: Option<&[u8]>) -> (usize, u64) {
    let mut world = crews(seed, &[1.0; 4]);
    let mtu = world.config.max_message();
    crew(&mut world, 1).liar = Some(Liar::new(mtu, offer, answer));
    world.touch(1);
    world.run(5 * SECOND);
    let id = give(&mut world, 0, &[MissionTask::new(b"turn", b"ab"); 60]);
    let took = until_over(&mut world, 0, 1, 300 * SECOND);
    assert_eq!(state(&mut world, 0, id), MissionState::Done);
    assert!(!doers(&mut world, 0, id).contains(&id_of(1)));
    (crew(&mut world, 1).liar.as_ref().unwrap().tasks, took)
}

/// What is no offer leads to nothing; who offers and does not deliver gets little, and holds up nobody: three others
/// do sixty in twenty seconds.
#[test]
fn liars_get_nothing_and_stop_nothing() {
    let fine = offer(u64::MAX, 1.0, f32::INFINITY, 2, 0.0);
    let offers = [
        vec![],
        vec![1],
        vec![0; 22],
        vec![0xff; 40],
        [&fine[..], &[0]].concat(),
        offer(0, f32::NAN, 1.0, 2, 0.0),
        offer(0, 1e30, 1.0, 2, 0.0),
        offer(0, 1.0, -1.0, 2, 0.0),
        offer(0, 1.0, f32::NAN, 2, 0.0),
        offer(0, 1.0, 1e9, 257, 0.0),
        offer(0, 1.0, 1e9, 2, f32::INFINITY),
    ];
    for (seed, lie) in (700..).zip(&offers) {
        // All but the longer one.
        let (tasks, took) = beside_a_liar(seed, lie, Some(b"\x01"));
        assert!(lie.len() == 23 || tasks == 0, "{lie:?}");
        assert!(took < 25 * SECOND, "{took}");
    }
    let fast = offer(u64::MAX, 1e9, f32::INFINITY, 256, 0.0);
    let with = |how: u8, offer: &[u8]| [&[how], offer, &[7; 300]].concat();
    let answers = [
        None,
        Some(vec![]),
        Some(vec![2]),
        Some([&[2], &fast[..]].concat()),
        Some(vec![1; 22]),
        Some(with(1, &fast)),
        Some(with(9, &fast)),
    ];
    for (seed, answer) in (720..).zip(&answers) {
        let (tasks, took) = beside_a_liar(seed, &fast, answer.as_deref());
        assert!((1..20).contains(&tasks), "{answer:?} {tasks}");
        assert!(took < 30 * SECOND, "{answer:?} {took}");
    }
}

/// A result counts whatever the offer beside it is.
#[test]
fn what_is_done_is_done_whatever_is_offered_beside_it() {
    let mut world = crews(740, &[1.0; 2]);
    crew(&mut world, 0).missions.set_offer(&Offer::NOTHING).unwrap();
    let mtu = world.config.max_message();
    let nothing = [&[1], &[0xff; 22][..], b"fine"].concat();
    let fine = offer(0, 1.0, f32::INFINITY, 1, 0.0);
    crew(&mut world, 1).liar = Some(Liar::new(mtu, &fine, Some(&nothing)));
    let id = give(&mut world, 0, &[MissionTask::new(b"turn", b"ab")]);
    until_over(&mut world, 0, 1, 20 * SECOND);
    assert_eq!(crew(&mut world, 0).missions.result(id, 0), Ok((id_of(1), &b"fine"[..])));
}

#[test]
fn what_is_asked_and_is_no_question_is_refused() {
    let mut world = crews(741, &[1.0; 2]);
    let mtu = world.config.max_message();
    let mut liar = Liar::new(mtu, b"", None);
    let work = |work: f32, method: &[u8]| {
        let mut bytes = vec![0; 12];
        bytes.extend(work.to_le_bytes());
        bytes.push(method.len() as u8);
        [&bytes[..], method].concat()
    };
    let asked: [(&[u8], Vec<u8>); 10] = [
        (b"o", vec![0]),
        (b"x", vec![]),
        (b"w", vec![]),
        (b"w", vec![1; 17]),
        (b"w", work(f32::NAN, b"m")),
        (b"w", work(1e10, b"m")),
        (b"w", work(0.0, b"m")),
        (b"w", work(1.0, b"")),
        (b"w", work(1.0, &[b'm'; 65])),
        (&[b'w'; 64], work(1.0, b"m")),
    ];
    for (method, message) in &asked {
        liar.ask(id_of(0), method, message, world.now);
    }
    crew(&mut world, 1).liar = Some(liar);
    world.touch(1);
    world.run(5 * SECOND);
    let liar = crew(&mut world, 1).liar.as_ref().unwrap();
    assert_eq!((liar.answered, liar.failed), (0, asked.len()));
    assert_eq!(crew(&mut world, 0).missions.stats().jobs, 0);
}

#[test]
fn no_more_of_others_come_than_there_are_to_be_and_more_than_a_few_can_be_called_back() {
    let mut world = crews(742, &[0.01; 3]);
    for (place, jobs) in [(0, 0), (1, 40), (2, 1)] {
        let config = MissionsConfig { jobs, flights: 60, seed: 8, ..config(&world, place) };
        let offer = Offer { slots: 40, speed: 100.0, ..OFFER };
        world.member(place).crew = Some(Crew::new(&config, &offer));
    }
    // They are seen to be fast, so that they get many; then they are not.
    for place in 0..3 {
        crew(&mut world, place).speed = 100.0;
    }
    let tasks = [MissionTask::new(b"turn", b"ab"); 200];
    let id = give(&mut world, 0, &tasks);
    until_over(&mut world, 0, 1, 60 * SECOND);
    crew(&mut world, 0).missions.forget(id).unwrap();
    for place in 0..3 {
        crew(&mut world, place).speed = 0.01;
    }
    let before: Vec<u64> = (0..3).map(|p| crew(&mut world, p).missions.stats().jobs).collect();
    let id = give(&mut world, 0, &tasks);
    world.run(2 * SECOND);
    let stats =
        |world: &mut World, place: usize| crew(world, place).missions.stats().jobs - before[place];
    assert!(stats(&mut world, 1) >= 20 && stats(&mut world, 2) <= 1, "{}", stats(&mut world, 1));
    let had = stats(&mut world, 1) as usize;
    crew(&mut world, 0).missions.cancel(id).unwrap();
    world.touch(0);
    world.run(SECOND);
    assert_eq!(crew(&mut world, 1).dropped, had, "each is told");
}

/// The tasks of 2,000 missions on 50 members, half of which are killed.
#[test]
fn half_of_fifty_members_are_killed() {
    const MEMBERS: usize = 50;
    const GIVERS: usize = 5;
    let speeds: Vec<f32> = (0..MEMBERS).map(|i| 0.5 + (i * 7 % 16) as f32 / 10.0).collect();
    let mut world = crews(71, &speeds);
    for (giver, speed) in speeds.iter().enumerate().take(GIVERS) {
        let config = MissionsConfig {
            missions: 400,
            tasks: 1_200,
            edges: 1_200,
            flights: 200,
            ..config(&world, giver)
        };
        let offer = Offer { speed: *speed, ..OFFER };
        world.member(giver).crew = Some(Crew::new(&config, &offer));
    }
    let survivors: Vec<usize> =
        (0..MEMBERS).filter(|place| *place < GIVERS || place % 2 == 0).collect();
    let survivors = &survivors[..25];
    let mut ids = Vec::new();
    let mut dag = Dag::new(&DagConfig { tasks: 6_000, edges: 6_000, workers: 25 }, Heap).unwrap();
    for (worker, place) in survivors.iter().enumerate() {
        dag.set_speed(worker as u32, f64::from(speeds[*place])).unwrap();
    }
    for number in 0..2_000usize {
        let giver = number % GIVERS;
        let work = |i: usize| 0.2 + ((number * 13 + i * 5) % 20) as f32 / 10.0;
        let message = (number as u32).to_le_bytes();
        let task = |i: usize| MissionTask { work: work(i), ..MissionTask::new(b"turn", &message) };
        let tasks = [
            task(0),
            MissionTask { after: &[0], ..task(1) },
            MissionTask { after: &[0, 1], ..task(2) },
        ];
        let tasks = &tasks[..1 + number % 3];
        let names: Vec<u32> = tasks.iter().map(|t| dag.add_task(t.work.into()).unwrap()).collect();
        for (place, task) in tasks.iter().enumerate() {
            for before in task.after {
                dag.add_edge(names[*before as usize], names[place], 0.0).unwrap();
            }
        }
        ids.push((giver, give(&mut world, giver, tasks), tasks.len()));
    }
    dag.build().unwrap();
    let config = SchedulerConfig { tasks: 6_000, workers: 25 };
    let bound = Scheduler::new(&config, Heap).unwrap().lower_bound(&dag).unwrap();
    let begin = world.now;
    // Within the first tenth of that time.
    let doomed: Vec<usize> = (0..MEMBERS).filter(|place| !survivors.contains(place)).collect();
    let mut before = 0.0;
    for place in &doomed {
        world.run((bound * 1e6) as u64 / 10 / doomed.len() as u64);
        world.kill(*place);
        before += f64::from(speeds[*place]) * (world.now - begin) as f64 / 1e6;
    }
    // What the killed can have done is not left for the others.
    let speed: f64 = survivors.iter().map(|place| f64::from(speeds[*place])).sum();
    let bound = bound - before / speed;
    let over = |world: &mut World| {
        (0..GIVERS).all(|giver| crew(world, giver).over.len() == 2_000 / GIVERS)
    };
    world.run_until(1_000 * SECOND, over).unwrap();
    let took = (world.now - begin) as f64 / 1e6;
    let ratio = took / bound;
    println!(
        "{} tasks of 2,000 missions, 50 members of which 25 are killed: {took:.1} s, {ratio:.3} of the bound",
        dag.tasks()
    );
    for (number, (giver, id, count)) in ids.into_iter().enumerate() {
        assert_eq!(state(&mut world, giver, id), MissionState::Done);
        let crew = crew(&mut world, giver);
        let mut result = (number as u32).to_le_bytes();
        result.reverse();
        for task in 0..count as u32 {
            let [(_, _, told)] = &crew.done[&(id, task)][..] else { panic!("once: {number}") };
            assert_eq!(told[..], result);
        }
    }
    assert!(ratio < 1.3, "{ratio}");
}
