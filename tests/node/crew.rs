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
    /// Tasks that made missions fail.
    pub failed: Vec<u32>,
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
            failed: Vec::new(),
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
                MissionEvent::Over { mission, state, failed } => {
                    self.over.push((now, mission, state));
                    self.failed.extend(failed);
                }
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

/// Says what it likes instead of what missions say.
pub struct Liar {
    requests: Requests<'static>,
    /// What it answers if it is asked what it offers, and to a task; nothing: it does not answer.
    pub offer: Vec<u8>,
    pub answer: Option<Vec<u8>>,
    /// Tasks that it got.
    pub tasks: usize,
    pub answered: usize,
    pub failed: usize,
}

impl Liar {
    pub fn new(mtu: usize, offer: &[u8], answer: Option<&[u8]>) -> Liar {
        let config = RequestsConfig { calls: 64, ..RequestsConfig::new(mtu, 5) };
        let requests = Requests::new(&config, Heap).unwrap();
        let (offer, answer) = (offer.to_vec(), answer.map(<[u8]>::to_vec));
        Liar { requests, offer, answer, tasks: 0, answered: 0, failed: 0 }
    }

    pub fn ask(&mut self, victim: u64, method: &[u8], message: &[u8], now: u64) {
        self.requests.ask(victim, method, message, now + SECOND, now).unwrap();
    }

    fn go_on(&mut self) {
        let mut calls = Vec::new();
        while let Some(event) = self.requests.next_event() {
            match event {
                RequestEvent::Asked { call, method, .. } => calls.push((call, method == b"o")),
                RequestEvent::Answered { .. } => self.answered += 1,
                RequestEvent::Failed { .. } => self.failed += 1,
                RequestEvent::Cancelled { .. } => {}
            }
        }
        for (call, asks) in calls {
            self.tasks += usize::from(!asks);
            match (&self.answer, asks) {
                (_, true) => self.requests.answer(call, &self.offer).unwrap(),
                (Some(answer), false) => self.requests.answer(call, answer).unwrap(),
                (None, false) => {}
            }
        }
    }
}

/// An offer as bytes.
pub fn offer(skills: u64, speed: f32, energy: f32, slots: u16, waits: f32) -> Vec<u8> {
    let mut bytes = skills.to_le_bytes().to_vec();
    bytes.extend(speed.to_le_bytes());
    bytes.extend(energy.to_le_bytes());
    bytes.extend(slots.to_le_bytes());
    bytes.extend(waits.to_le_bytes());
    bytes
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
