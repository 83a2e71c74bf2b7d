//! Text to task: routing on texts that are made here and on CLINC150, slots, hostile bytes.

use neural_swarm::Error;
use neural_swarm::task::route::{
    Filled, MAX_TASKS, MAX_TEXT, Pattern, Router, RouterConfig, Sample, Unit, Value, calibrate,
    fill, model_len, train,
};

#[path = "route/clinc.rs"]
mod clinc;
#[path = "common/data.rs"]
mod data;
#[path = "common/random.rs"]
mod random;
#[path = "route/rescue.rs"]
mod rescue;
#[path = "route/score.rs"]
mod score;

use random::Random;
use score::score;

/// What share of CLINC150's validation split's good texts may be refused.
const REFUSED: f32 = 0.02;

fn small() -> RouterConfig {
    RouterConfig { width: 32, blocks: 2000, epochs: 8, ..RouterConfig::default() }
}

#[test]
fn rescue_commands_of_held_out_templates_come_to_their_tasks() {
    let [training, threshold, test] = rescue::texts(1, 60);
    let samples: Vec<Sample<'_>> = training.iter().map(rescue::Text::sample).collect();
    let mut model = train(&small(), rescue::TASKS, &samples).unwrap();
    assert!(model.len() < 40_000);
    let others: Vec<_> = threshold.iter().map(rescue::Text::sample).collect();
    calibrate(&mut model, &others, 0.05).unwrap();
    let router = Router::new(&model).unwrap();
    assert_eq!(router.tasks() as usize, rescue::TASKS.len());
    assert_eq!(router.name(0), Some(rescue::TASKS[0]));
    assert_eq!(router.name(router.tasks()), None);
    let score = score(&router, test.iter().map(rescue::Text::sample));
    println!("rescue, held-out templates: {score:?}");
    assert!(score.nearest >= 0.95 && score.right >= 0.9 && score.recall >= 0.6, "{score:?}");
    // The same seed, the same bytes; another seed, others.
    let again = train(&small(), rescue::TASKS, &samples).unwrap();
    let other = train(&RouterConfig { seed: 1, ..small() }, rescue::TASKS, &samples).unwrap();
    assert!(again.len() == model.len() && again[28..] == model[28..] && other != again);
}

/// Trained with the data's own training split, its threshold by the validation split, looked at once with the
/// test split.
#[test]
fn clinc150_comes_to_0_91_within_270_kb() {
    let Some(data) = clinc::read() else { return };
    let mut model =
        train(&clinc::config(), &data.names(), &data.samples(&["train", "oos_train"])).unwrap();
    calibrate(&mut model, &data.samples(&["val"]), REFUSED).unwrap();
    let router = Router::new(&model).unwrap();
    let val = score(&router, data.samples(&["val", "oos_val"]));
    println!("CLINC150: {} bytes, threshold {}", model.len(), router.threshold());
    println!("val  {val:?}");
    if std::env::var_os("NSW_VAL_ONLY").is_none() {
        let test = score(&router, data.samples(&["test", "oos_test"]));
        println!("test {test:?}");
        assert!(test.right >= 0.91, "{test:?}");
    }
    assert!(model.len() <= 270_000, "{} bytes", model.len());
}

fn tiny() -> Vec<u8> {
    let samples = [("go home", Some(0)), ("land now", Some(1)), ("what is love", None)];
    let samples = samples.map(|(text, task)| Sample { text, task });
    let config = RouterConfig { width: 16, blocks: 20, epochs: 20, ..RouterConfig::default() };
    train(&config, &["go", "land"], &samples).unwrap()
}

#[test]
fn damaged_and_hostile_bytes_are_refused() {
    let good = tiny();
    assert!(Router::new(&good).is_ok());
    for len in 0..good.len() {
        assert_eq!(Router::new(&good[..len]).err(), Some(Error::TaskFormat), "{len} bytes");
    }
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut bytes = good.clone();
            bytes[at] ^= 1 << bit;
            let error = Router::new(&bytes).err();
            let version = (4..6).contains(&at);
            let expected = if version { Error::Unsupported } else { Error::TaskFormat };
            assert_eq!(error, Some(expected), "byte {at}, bit {bit}");
        }
    }
    let longer = [&good[..], &[0]].concat();
    assert_eq!(Router::new(&longer).err(), Some(Error::TaskFormat));
    // With a checksum that fits, what contradicts itself is refused all the same.
    for at in 6..24 {
        for value in [0, 1, 2, 3, 0x7F, 0x80, 0xFF] {
            let mut bytes = good.clone();
            bytes[at] = value;
            reseal(&mut bytes);
            if let Ok(router) = Router::new(&bytes) {
                // Only the threshold may be another one.
                assert!((20..24).contains(&at) || bytes == good, "byte {at} became {value}");
                router.route(b"go home").unwrap();
            }
        }
    }
    let mut random = Random::new(7);
    for _ in 0..2000 {
        let mut bytes = good.clone();
        for _ in 0..4 {
            let at = random.below(bytes.len());
            bytes[at] = random.next() as u8;
        }
        reseal(&mut bytes);
        if let Ok(router) = Router::new(&bytes) {
            let route = router.route(b"land now, or go home").unwrap();
            assert!(route.best < router.tasks() && (0.0..=1.0).contains(&route.confidence));
        }
    }
}

fn reseal(bytes: &mut [u8]) {
    let seed = xxhash_rust::xxh32::xxh32(&bytes[..24], 0);
    let sum = xxhash_rust::xxh32::xxh32(&bytes[28..], seed);
    bytes[24..28].copy_from_slice(&sum.to_le_bytes());
}

#[test]
fn any_text_is_answered() {
    let model = tiny();
    let router = Router::new(&model).unwrap();
    assert_eq!(router.route(b"Go home!").unwrap().task, Some(0));
    assert_eq!(router.route(b"LAND now").unwrap().task, Some(1));
    assert_eq!(router.route(b"what is love").unwrap().task, None);
    assert_eq!(router.route(b"").unwrap().task, None);
    assert_eq!(router.route(b" \n\t\0 !").unwrap().task, None);
    let long = vec![b'a'; MAX_TEXT + 1];
    assert_eq!(router.route(&long).err(), Some(Error::Length));
    for len in 0..300 {
        for fill in [b'a', b' ', b'\'', 0xFF, 0x80, b'9'] {
            let text: Vec<u8> = (0..len).map(|i| if i % 3 == 0 { fill } else { i as u8 }).collect();
            let route = router.route(&text).unwrap();
            assert!(route.confidence.is_finite() && route.best < 2);
        }
    }
    assert!(router.route(&vec![0xFF; MAX_TEXT]).is_ok());
}

#[test]
fn what_cannot_be_trained_is_refused() {
    let one = [Sample { text: "go", task: Some(0) }];
    let bad = |config: RouterConfig| train(&config, &["go"], &one).err() == Some(Error::Invalid);
    assert!(train(&small(), &["go"], &one).is_ok());
    assert!(
        bad(RouterConfig { width: 17, ..small() }) && bad(RouterConfig { width: 272, ..small() })
    );
    assert!(
        bad(RouterConfig { blocks: 0, ..small() }) && bad(RouterConfig { epochs: 0, ..small() })
    );
    assert!(
        bad(RouterConfig { dropout: 1.0, ..small() })
            && bad(RouterConfig { rate: f32::NAN, ..small() })
    );
    assert_eq!(train(&small(), &[], &one).err(), Some(Error::Invalid));
    assert_eq!(train(&small(), &["go"], &[]).err(), Some(Error::Invalid));
    let unknown = [Sample { text: "go", task: Some(1) }];
    assert_eq!(train(&small(), &["go"], &unknown).err(), Some(Error::Invalid));
    assert_eq!(train(&small(), &[&"x".repeat(256)], &one).err(), Some(Error::Invalid));
    // What would be refused at the end is refused at the beginning.
    let many = ["x"; MAX_TASKS + 1];
    assert_eq!(train(&small(), &many, &one).err(), Some(Error::Invalid));
    assert_eq!(model_len(&small(), &many, false), Err(Error::Invalid));
    assert!(model_len(&small(), &many[1..], true).is_ok());
    assert_eq!(model_len(&small(), &[&"x".repeat(256)], false), Err(Error::Invalid));
    assert!(model_len(&small(), &[&"x".repeat(255)], false).is_ok());
    let long = "x".repeat(MAX_TEXT + 1);
    let long = [Sample { text: &long, task: Some(0) }];
    assert_eq!(train(&small(), &["go"], &long).err(), Some(Error::Length));
    let mut model = tiny();
    assert_eq!(calibrate(&mut model, &[], 0.1).err(), Some(Error::Invalid));
    assert_eq!(calibrate(&mut model, &one, 1.0).err(), Some(Error::Invalid));
    assert_eq!(calibrate(&mut [0; 40], &one, 0.1).err(), Some(Error::TaskFormat));
    // What fails has changed nothing.
    calibrate(&mut model, &one, 0.1).unwrap();
    let before = model.clone();
    assert!(Router::new(&model).unwrap().threshold() > 0.0);
    let none = [Sample { text: "go", task: None }];
    assert_eq!(calibrate(&mut model, &none, 0.1).err(), Some(Error::Invalid));
    assert_eq!(calibrate(&mut model, &long, 0.1).err(), Some(Error::Length));
    assert!(model == before);
}

#[test]
fn the_threshold_refuses_the_share_that_was_asked_for() {
    let [training, _, _] = rescue::texts(2, 40);
    let samples: Vec<_> = training.iter().map(rescue::Text::sample).collect();
    let mut model = train(&small(), rescue::TASKS, &samples).unwrap();
    let mut before = -1.0;
    for share in [0.0, 0.05, 0.3] {
        calibrate(&mut model, &samples, share).unwrap();
        let refused = score(&Router::new(&model).unwrap(), samples.iter().copied()).refused;
        assert!(refused <= f64::from(share) + 1e-9, "{refused} of {share}");
        assert!(refused > before, "a larger share refuses more");
        before = refused;
    }
    assert!(before > 0.25);
}

const METRES: &[Unit<'_>] = &[
    Unit { name: "m", factor: 1.0 },
    Unit { name: "metres", factor: 1.0 },
    Unit { name: "km", factor: 1000.0 },
    Unit { name: "ft", factor: 0.3048 },
];
const PLACES: &[&str] = &["base", "north ridge", "ridge", "the lake"];

fn one(text: &str, pattern: Pattern<'_>) -> Option<(String, Value)> {
    let mut slot = [None];
    fill(text.as_bytes(), &[pattern], &mut slot).unwrap();
    let Filled { start, len, value } = slot[0]?;
    let (start, len) = (start as usize, len as usize);
    Some((String::from_utf8_lossy(&text.as_bytes()[start..start + len]).into_owned(), value))
}

#[test]
fn slots_of_each_kind() {
    let number = |text| one(text, Pattern::Number { units: METRES });
    let metres = |value, unit| Value::Number { value, unit };
    assert_eq!(number("climb to 120 m, then"), Some(("120 m".into(), metres(120.0, 0))));
    assert_eq!(number("climb 1.5km"), Some(("1.5km".into(), metres(1500.0, 2))));
    assert_eq!(
        number("go twenty five Metres up"),
        Some(("twenty five Metres".into(), metres(25.0, 1)))
    );
    assert_eq!(number("120 mm or 7 or x9 m"), None);
    let plain = |text| one(text, Pattern::Number { units: &[] });
    assert_eq!(plain("send -3.5 of v2"), Some(("-3.5".into(), metres(-3.5, 0))));
    assert_eq!(plain("send v2 now"), None);

    let name = |text| one(text, Pattern::Name { names: PLACES });
    assert_eq!(name("search North Ridge"), Some(("North Ridge".into(), Value::Name { index: 1 })));
    assert_eq!(name("the ridges, a bridge"), None);

    let place = |text| one(text, Pattern::Coordinates).map(|(_, value)| value);
    let at = |latitude, longitude| Some(Value::Coordinates { latitude, longitude });
    assert_eq!(place("fly to 47.3769, 8.5417 now"), at(47.3769, 8.5417));
    assert_eq!(place("fly to 47.3769 -8.5417"), at(47.3769, -8.5417));
    assert_eq!(place("at 33.9 S 18.4 E"), at(-33.9, 18.4));
    assert_eq!(place("at S33.9° W18.4°"), at(-33.9, -18.4));
    assert_eq!(place("at 12 N, 7 E"), at(12.0, 7.0));
    assert_eq!(place("between 12, 7 and 91.5, 8.5"), None);
    assert_eq!(place("at 12.5 N, 7.5"), None);

    let time = |text| one(text, Pattern::Duration);
    let seconds = |text: &str, seconds| Some((text.into(), Value::Duration { seconds }));
    assert_eq!(time("wait 90 s there"), seconds("90 s", 90.0));
    assert_eq!(time("for 1h30m"), seconds("1h30m", 5400.0));
    assert_eq!(time("for two hours and 5 minutes, go"), seconds("two hours and 5 minutes", 7500.0));
    assert_eq!(time("for 5 minutes 2 hours"), seconds("5 minutes", 300.0));
    assert_eq!(time("climb 30 m"), None);

    let drone = |text: &str| one(text, Pattern::Identifier { prefix: "drone" });
    let number = |text: &str, number| Some((text.into(), Value::Identifier { number }));
    for text in ["drone 7", "Drone-7", "drone #7", "drone_7", "drone7", "drone seven"] {
        assert_eq!(drone(&format!("send {text} there")), number(text, 7), "{text}");
    }
    assert_eq!(drone("send drones 7"), None);
    assert_eq!(drone("drone 1234567890123456"), None);
}

#[test]
fn a_part_of_a_number_is_not_taken_for_all_of_it() {
    let number = |text| one(text, Pattern::Number { units: METRES });
    for (text, part, value, unit) in [
        ("two hundred and fifty metres", "two hundred and fifty metres", 250.0, 1),
        ("one thousand and five m", "one thousand and five m", 1005.0, 0),
        ("two hundred and fifty thousand m", "two hundred and fifty thousand m", 250_000.0, 0),
        ("three thousand two hundred and one m", "three thousand two hundred and one m", 3201.0, 0),
        ("1,200,000 m", "1,200,000 m", 1.2e6, 0),
        ("climb 10 m and 5 minutes", "10 m", 10.0, 0),
        ("t-5 m", "5 m", 5.0, 0),
        ("- 5 m", "5 m", 5.0, 0),
        ("2, 3 m", "3 m", 3.0, 0),
        ("at sector four, 20 m", "20 m", 20.0, 0),
    ] {
        let found = Some((part.to_owned(), Value::Number { value, unit }));
        assert_eq!(number(text), found, "{text}");
    }
    // These are numbers that it does not read.
    for text in [
        "1 000 m",
        "1  000 m",
        "12 345 678 m",
        "1/2 km",
        "1 / 2 km",
        "1,5 km",
        "1,20 km",
        "1,2345 m",
        "1'000 m",
        "1_000 m",
        "12:30 m",
        "10-20 m",
        "10 - 20 m",
        "10^3 m",
        "1e3 m",
        "between 10 and 20 m",
        "a hundred and fifty metres",
        "half a hundred and one m",
        "a million two m",
        "two million and six m",
        "two point five km",
        "minus 5 m",
        "negative five m",
        "one hundred ten five m",
        "ten five m",
        "twelve three m",
        "twenty zero m",
        "twenty 5 m",
        "3 hundred and 5 m",
        "5 m and a half",
        "5 m and a quarter",
        "2 and a half km",
        "half a km",
        "\u{2212}5 m",
        "\u{b1}5 m",
        "1\u{a0}000 m",
        "1\u{202f}000 m",
    ] {
        assert_eq!(number(text), None, "{text}");
    }
    let plain = |text| one(text, Pattern::Number { units: &[] });
    for text in
        ["1 000", "1/2", "2-3", "2:30", "1'000", "1,5", "five six", "2 and a half", "3 hundred"]
    {
        assert_eq!(plain(text), None, "{text}");
    }
    let time = |text| one(text, Pattern::Duration);
    for text in [
        "for 1/2 hours",
        "for 1 000 s",
        "for 1,5 h",
        "for 1 hour and a half",
        "for two point five hours",
        "for minus two hours",
        "for 2 - 3 hours",
        "for a hundred and two seconds",
    ] {
        assert_eq!(time(text), None, "{text}");
    }
    let drone = |text: &str| one(text, Pattern::Identifier { prefix: "drone" });
    let found = |text: &str, number| Some((text.into(), Value::Identifier { number }));
    for text in
        ["drone #-7", "drone --7", "drone -+7", "drone - 7", "drone 7/8", "drone 7-9", "drone 1,5"]
    {
        assert_eq!(drone(text), None, "{text}");
    }
    assert_eq!(drone("drone twenty-one"), found("drone twenty-one", 21));
    assert_eq!(drone("drone 7, 8"), found("drone 7", 7));
}

/// What another slot has taken does not stand beside a number.
#[test]
fn a_number_beside_a_filled_slot_is_whole() {
    let patterns = [
        Pattern::Identifier { prefix: "drone" },
        Pattern::Name { names: &["camp two"] },
        Pattern::Number { units: METRES },
    ];
    let mut slots = [None; 3];
    for text in ["drone 3 200 m", "camp two 200 m", "drone 3 to camp two and 200 m"] {
        fill(text.as_bytes(), &patterns, &mut slots).unwrap();
        let value = slots[2].map(|slot| slot.value);
        assert_eq!(value, Some(Value::Number { value: 200.0, unit: 0 }), "{text}");
        fill(text.as_bytes(), &patterns[2..], &mut slots[2..]).unwrap();
        assert_eq!(slots[2], None, "{text}");
    }
}

#[test]
fn no_byte_fills_two_slots_and_nothing_is_guessed() {
    let patterns = [
        Pattern::Identifier { prefix: "drone" },
        Pattern::Coordinates,
        Pattern::Duration,
        Pattern::Number { units: METRES },
        Pattern::Number { units: &[] },
        Pattern::Name { names: PLACES },
    ];
    let text = b"drone 3 to 46.5 N 7.5 E at 80 m for 10 min, base, twice: 2";
    let mut slots = [None; 6];
    assert_eq!(fill(text, &patterns, &mut slots).unwrap(), 6);
    let mut taken = vec![false; text.len()];
    for slot in slots.iter().flatten() {
        for at in slot.start..slot.start + slot.len {
            assert!(!std::mem::replace(&mut taken[at as usize], true), "byte {at} is taken twice");
        }
    }
    assert_eq!(fill(b"drone, go", &patterns, &mut slots).unwrap(), 0);
    assert_eq!(slots, [None; 6]);
    assert_eq!(fill(b"x", &patterns, &mut slots[..5]).err(), Some(Error::Length));
    assert_eq!(fill(&[b'1'; MAX_TEXT + 1], &[], &mut []).err(), Some(Error::Length));
    // Any bytes.
    let mut random = Random::new(3);
    let letters = b"0129.,-+ NSEWnsew mhd#drone\xC2\xB0and/half";
    for _ in 0..20_000 {
        let text: Vec<u8> = (0..24).map(|_| letters[random.below(letters.len())]).collect();
        fill(&text, &patterns, &mut slots).unwrap();
        assert!(slots.iter().flatten().all(|slot| (slot.start + slot.len) as usize <= text.len()));
    }
}
