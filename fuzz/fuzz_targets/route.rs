//! Bytes as a router's model, and as texts: whatever is accepted answers with one of its tasks, and slots
//! lie inside of the text and apart from each other.

#![no_main]

use libfuzzer_sys::fuzz_target;
use neural_swarm::task::route::{Filled, MAX_TEXT, Pattern, Router, Unit, fill};

const UNITS: &[Unit<'_>] = &[Unit { name: "m", factor: 1.0 }, Unit { name: "km", factor: 1000.0 }];
const PATTERNS: [Pattern<'_>; 6] = [
    Pattern::Identifier { prefix: "drone" },
    Pattern::Coordinates,
    Pattern::Duration,
    Pattern::Number { units: UNITS },
    Pattern::Name { names: &["base", "the lake"] },
    Pattern::Number { units: &[] },
];

fn slots(text: &[u8]) {
    let mut slots = [None; 6];
    let count = fill(text, &PATTERNS, &mut slots).unwrap();
    let filled: Vec<Filled> = slots.into_iter().flatten().collect();
    assert_eq!(filled.len(), count);
    for (i, a) in filled.iter().enumerate() {
        assert!(a.len > 0 && (a.start + a.len) as usize <= text.len());
        for b in &filled[i + 1..] {
            assert!(a.start + a.len <= b.start || b.start + b.len <= a.start);
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let text = &data[..data.len().min(MAX_TEXT)];
    slots(text);
    // In builds for this the checksum is not looked at: the rest of the checks must do.
    if let Ok(router) = Router::new(data) {
        let route = router.route(text).unwrap();
        assert!(route.best < router.tasks() && (0.0..=1.0).contains(&route.confidence));
        assert!(router.name(route.best).is_some());
    }
});
