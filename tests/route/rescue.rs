//! Commands to a rescue swarm, made from templates by seed. The last two templates of each task are held
//! out: no text of them is trained with. One of them is for the threshold, one for the test.

use neural_swarm::task::route::Sample;

use crate::random::Random;

pub const TASKS: &[&str] =
    &["search", "fly", "return", "picture", "drop", "status", "hold", "follow", "land", "relay"];

/// Eight templates a task. `{p}` place, `{d}` drone, `{m}` distance, `{t}` time, `{c}` coordinates, `{l}` load.
const TEMPLATES: [[&str; 8]; 10] = [
    [
        "search {p} for survivors",
        "{d}, look for people at {p}",
        "sweep the area around {p} at {m}",
        "start a search pattern over {p}",
        "scan {p} for missing hikers",
        "find anyone near {c}",
        "look for survivors around {p}",
        "search the area near {c} for {t}",
    ],
    [
        "fly to {c}",
        "{d} go to {p}",
        "move to {p} at {m}",
        "proceed to {c} at an altitude of {m}",
        "send {d} over to {p}",
        "head for {p} now",
        "{d}, fly over to {p} at {m}",
        "go to {c} now",
    ],
    [
        "return to base",
        "{d} come back home",
        "everyone back to base now",
        "abort and return",
        "bring {d} home",
        "head back to the base in {t}",
        "{d} return home now",
        "come back to base at {m}",
    ],
    [
        "take a picture of {p}",
        "{d} photograph the damage at {p}",
        "send me an image of {p}",
        "get thermal images of {c}",
        "take photos from {m}",
        "{d}, capture a video of {p}",
        "take a thermal picture of {p} from {m}",
        "photograph {c} and send me the image",
    ],
    [
        "drop {l} at {p}",
        "deliver {l} to {c}",
        "{d} release the {l} over {p}",
        "bring {l} to the people at {p}",
        "supply {p} with {l}",
        "carry {l} to {c} and drop it",
        "{d} deliver {l} at {p}",
        "drop the {l} to {c}",
    ],
    [
        "what is the battery of {d}",
        "status of {d}",
        "report your position",
        "how much charge has {d} left",
        "give me a status report of all drones",
        "{d}, report battery and position",
        "report the status of {d}",
        "what battery charge is left in {d}",
    ],
    [
        "hold position for {t}",
        "{d} hover at {m}",
        "wait at {p} for {t}",
        "stay where you are",
        "{d}, loiter over {p}",
        "stop and hover for {t}",
        "{d} hold your position at {p}",
        "wait and hover at {m}",
    ],
    [
        "follow the rescue team to {p}",
        "{d} track the vehicle",
        "stay behind the boat at {m}",
        "keep following that person",
        "{d}, follow {d}",
        "track the convoy for {t}",
        "{d} follow the vehicle at {m}",
        "keep behind the rescue team for {t}",
    ],
    [
        "land at {p}",
        "{d} land now",
        "set down at {c}",
        "land immediately",
        "make an emergency landing near {p}",
        "{d}, touch down in {t}",
        "{d} land near {p} now",
        "land at {c} in {t}",
    ],
    [
        "act as a radio relay over {p}",
        "{d} relay messages between {p} and base",
        "extend the network to {p}",
        "build a communication link to {c}",
        "{d}, keep the radio link at {m}",
        "relay the signal for {t}",
        "{d} act as relay for the network at {p}",
        "keep a radio link to {c}",
    ],
];

/// Nothing that the swarm can do; the last quarter is held out.
const OTHERS: [&str; 32] = [
    "what is the weather tomorrow",
    "tell me a joke",
    "order a pizza",
    "who won the match last night",
    "play some music",
    "how old are you",
    "translate hello to french",
    "what is my bank balance",
    "book a table for two",
    "how do i cook rice",
    "set an alarm for seven",
    "is my flight on time",
    "what does this word mean",
    "call my mother",
    "how tall is mount everest",
    "add milk to the shopping list",
    "what is the capital of peru",
    "how many calories has an apple",
    "change my password",
    "why is the sky blue",
    "remind me to pay rent",
    "how is the traffic",
    "who wrote hamlet",
    "tell me the news",
    "what should i cook tonight",
    "play the next song",
    "how far is the moon",
    "transfer money to my bank",
    "who is the president of france",
    "book me a hotel room",
    "what is the meaning of life",
    "tell me a story",
];

const PLACES: [&str; 8] = [
    "the north ridge",
    "the lake",
    "sector four",
    "the old mill",
    "the bridge",
    "camp two",
    "the valley",
    "the hut",
];
const LOADS: [&str; 6] =
    ["water", "a first aid kit", "blankets", "medicine", "food packets", "a radio"];

pub struct Text {
    text: String,
    task: Option<u32>,
}

impl Text {
    pub fn sample(&self) -> Sample<'_> {
        Sample { text: &self.text, task: self.task }
    }
}

fn of<'a>(random: &mut Random, all: &[&'a str]) -> &'a str {
    all[random.below(all.len())]
}

fn filled(random: &mut Random, template: &str) -> String {
    let degrees =
        |random: &mut Random, most| format!("{}.{:04}", random.below(most), random.below(10_000));
    let mut text = template.to_owned();
    while let Some(at) = text.find('{') {
        let value = match text.as_bytes()[at + 1] {
            b'p' => of(random, &PLACES).to_owned(),
            b'd' => format!("drone {}", 1 + random.below(20)),
            b'm' => format!("{} m", 10 * (1 + random.below(20))),
            b't' => format!("{} minutes", 1 + random.below(30)),
            b'c' => format!("{}, {}", degrees(random, 90), degrees(random, 180)),
            _ => of(random, &LOADS).to_owned(),
        };
        text.replace_range(at..at + 3, &value);
    }
    let polite = ["", "please ", "ok, ", "now "];
    format!("{}{text}", of(random, &polite))
}

/// Texts for training, so many of each task, for the threshold and for the test, a quarter of that; with texts of
/// no task in each.
pub fn texts(seed: u64, each: usize) -> [Vec<Text>; 3] {
    let mut random = Random::new(seed);
    let parts = [(0..6, 0..16, each), (6..7, 16..24, each / 4), (7..8, 24..32, each / 4)];
    parts.map(|(templates, others, count)| {
        let mut out = Vec::new();
        for (task, all) in TEMPLATES.iter().enumerate() {
            for _ in 0..count {
                let template = of(&mut random, &all[templates.clone()]);
                let text = filled(&mut random, template);
                out.push(Text { text, task: Some(task as u32) });
            }
        }
        for text in OTHERS[others].iter().flat_map(|text| [text; 4]) {
            out.push(Text { text: filled(&mut random, text), task: None });
        }
        out
    })
}
