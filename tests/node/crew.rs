//! A member that gives missions, and does one task after the other.

use std::collections::{BTreeMap, VecDeque};

use neural_swarm::node::*;
use neural_swarm::port::Heap;

use crate::world::*;

/// When, who did it, the result.
pub type Told = (u64, u64, Vec<u8>);

/// A task that this member has.
struct Doing {
    job: JobId,
    message: Vec<u8>,
    work: f32,
}

pub struct Crew {
    pub missions: Missions<'static>,
    /// Units of work that it really does in a second.
    pub speed: f32,
    /// It fails each task.
    pub clumsy: bool,
    /// Says what is no task or answer instead.
    pub liar: Option<Liar>,
    waiting: VecDeque<Doing>,
    doing: Option<(u64, Doing)>,
    /// When and in which order it began what.
    pub began: Vec<(u64, Vec<u8>)>,
    pub dropped: usize,
    /// What came of each task.
    pub done: BTreeMap<(MissionId, u32), Vec<Told>>,
    pub over: Vec<(u64, MissionId, MissionState)>,
}

impl Crew {
    pub fn new(config: &MissionsConfig, offer: &Offer) -> Crew {
        let mut missions = Missions::new(config, Heap).unwrap();
        missions.set_offer(offer).unwrap();
        Crew {
            missions,
            speed: offer.speed,
            clumsy: false,
            liar: None,
            waiting: VecDeque::new(),
            doing: None,
            began: Vec::new(),
            dropped: 0,
            done: BTreeMap::new(),
            over: Vec::new(),
        }
    }

    pub fn part(&mut self) -> &mut dyn Part {
        match &mut self.liar {
            Some(liar) => liar,
            None => &mut self.missions,
        }
    }

    pub fn wake_at(&self) -> u64 {
        self.doing.as_ref().map_or(u64::MAX, |(ends, _)| *ends)
    }

    /// The member's turn: whether it did something that wants another poll.
    pub fn take(&mut self, now: u64) -> bool {
        let mut again = false;
        while let Some(event) = self.missions.next_event() {
            match event {
                MissionEvent::Work { job, message, work, .. } => {
                    self.waiting.push_back(Doing { job, message: message.to_vec(), work });
                }
                MissionEvent::Dropped { job } => {
                    self.waiting.retain(|doing| doing.job != job);
                    self.doing = self.doing.take().filter(|(_, doing)| doing.job != job);
                    self.dropped += 1;
                }
                MissionEvent::Done { mission, task, by, result } => {
                    self.done.entry((mission, task)).or_default().push((now, by, result.to_vec()));
                }
                MissionEvent::Over { mission, state } => self.over.push((now, mission, state)),
            }
        }
        if let Some((_, doing)) = self.doing.take_if(|(ends, _)| *ends <= now) {
            let mut result = doing.message;
            result.reverse();
            match self.clumsy {
                true => self.missions.fail(doing.job, now).unwrap(),
                false => self.missions.finish(doing.job, &result, now).unwrap(),
            }
            again = true;
        }
        if self.doing.is_none()
            && let Some(next) = self.waiting.pop_front()
        {
            let takes = (f64::from(next.work / self.speed) * 1e6) as u64;
            self.began.push((now, next.message.clone()));
            self.doing = Some((now + takes, next));
        }
        again
    }
}

/// Answers all that missions ask with bytes that are no answer, and asks what is no task.
pub struct Liar {
    requests: Requests<'static>,
    /// What it says.
    bytes: Vec<u8>,
    pub victim: u64,
    pub failed: usize,
    pub answered: usize,
}

impl Liar {
    pub fn new(mtu: usize, victim: u64, bytes: &[u8]) -> Liar {
        let requests = Requests::new(&RequestsConfig::new(mtu, 5), Heap).unwrap();
        Liar { requests, bytes: bytes.to_vec(), victim, failed: 0, answered: 0 }
    }

    pub fn ask(&mut self, method: &[u8], message: &[u8], now: u64) {
        self.requests.ask(self.victim, method, message, now + SECOND, now).unwrap();
    }

    fn go_on(&mut self) {
        let mut calls = Vec::new();
        while let Some(event) = self.requests.next_event() {
            match event {
                RequestEvent::Asked { call, .. } => calls.push(call),
                RequestEvent::Answered { .. } => self.answered += 1,
                RequestEvent::Failed { .. } => self.failed += 1,
                RequestEvent::Cancelled { .. } => {}
            }
        }
        for call in calls {
            self.requests.answer(call, &self.bytes).unwrap();
        }
    }
}

impl Part for Liar {
    fn channel(&self) -> u8 {
        channel::MISSIONS
    }

    fn receive(&mut self, from: u64, message: &[u8], view: &View<'_>) -> neural_swarm::Result<()> {
        self.requests.receive(from, message, view)
    }

    fn next(
        &mut self,
        view: &View<'_>,
        out: &mut [u8],
    ) -> neural_swarm::Result<Option<(u64, usize)>> {
        self.go_on();
        self.requests.next(view, out)
    }

    fn wake_at(&self) -> u64 {
        self.requests.wake_at()
    }

    fn changed(&mut self, id: u64, change: membership::Change) {
        self.requests.changed(id, change);
    }
}
