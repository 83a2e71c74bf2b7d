//! Traces: when requests come, how long their context is, how much is generated for them.

use crate::data;
use crate::random::Random;

/// Seconds of a full-speed server for each token of the context.
const CONTEXT_S: f64 = 65e-6;
/// And for each that is generated: decoding is bound by memory, so a token costs what some 30 do when they
/// are read at once.
const GENERATED_S: f64 = 2e-3;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Request {
    /// Seconds from the first.
    pub at: f64,
    pub context: f32,
    pub generated: f32,
}

impl Request {
    /// Seconds that it takes a full-speed server alone.
    pub fn work(&self) -> f64 {
        CONTEXT_S * f64::from(self.context) + GENERATED_S * f64::from(self.generated)
    }
}

/// Azure's LLM inference trace of 2023, `conv` or `code`; `None`, said loudly, where it is not there.
pub fn azure(name: &str) -> Option<Vec<Request>> {
    let file = data::find(&format!("azure-llm/{name}.csv.gz"))?;
    let text = String::from_utf8(data::unzipped(&file)).unwrap();
    let mut requests: Vec<Request> = text.lines().skip(1).map(row).collect();
    let first = requests.first().expect("the trace has requests").at;
    requests.iter_mut().for_each(|r| r.at -= first);
    assert!(requests.is_sorted_by(|a, b| a.at <= b.at));
    Some(requests)
}

/// `2023-11-16 18:15:46.6805900,374,44`, all of one day.
fn row(line: &str) -> Request {
    let mut columns = line.split(',');
    let mut next = || columns.next().expect("three columns");
    let clock = next().split(' ').nth(1).expect("a time of day");
    let seconds = clock.split(':').fold(0.0, |sum, part| sum * 60.0 + part.parse::<f64>().unwrap());
    let mut tokens = || next().parse().unwrap();
    Request { at: seconds, context: tokens(), generated: tokens() }
}

/// Requests in bursts, whose generated tokens depend on the context and on chance.
pub fn synthetic(count: usize, seed: u64) -> Vec<Request> {
    let mut random = Random::new(seed);
    let (mut at, mut burst) = (0.0, 0);
    let one = |_| {
        // Now and then 50 come at five times the rate.
        if burst == 0 && random.unit() < 0.005 {
            burst = 50;
        }
        at += random.exponential(if burst > 0 { 0.2 } else { 1.0 });
        burst -= usize::from(burst > 0);
        let chat = random.unit() < 0.5;
        let (context, mean) = if chat { (900.0, 350.0) } else { (3000.0, 70.0) };
        let context = (context * (0.5 * random.normal()).exp()).max(4.0);
        let generated = (mean * (0.5 * random.normal()).exp()).max(1.0);
        Request { at, context: context.round() as f32, generated: generated.round() as f32 }
    };
    (0..count).map(one).collect()
}
