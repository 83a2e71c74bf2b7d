//! Writes good inputs to start fuzzing from, into a folder for each target in the
//! folder given.

use std::path::Path;

use neural_swarm::comm::framing::{encode_serial, encode_stream};
use neural_swarm::consensus::locks::{LockAction, LockEntry, Locks, LocksConfig, MOST_LOCK_ENTRY};
use neural_swarm::host::hddl::{Hddl, Source};
use neural_swarm::nn::{
    Activation, Data, Layer, Net, NetConfig, QNet, QNet16, QNet16Config, QNetConfig, Scheme,
    Topology, Trainer,
};
use neural_swarm::port::Heap;
use neural_swarm::task::route::{RouterConfig, Sample, calibrate, train};
use neural_swarm_fuzz::{TRAINERS, net, trainer_config};

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn main() -> Outcome {
    let folder = std::env::args().nth(1).ok_or("usage: seeds FOLDER")?;
    let folder = Path::new(&folder);
    for target in [
        "model",
        "trainer",
        "fann",
        "dataset",
        "framing",
        "group",
        "capability",
        "channel",
        "hddl",
        "plan_model",
        "route",
        "locks",
    ] {
        std::fs::create_dir_all(folder.join(target))?;
    }
    models(&folder.join("model"))?;
    trainers(&folder.join("trainer"))?;
    networks(&folder.join("fann"))?;
    samples(&folder.join("dataset"))?;
    frames(&folder.join("framing"))?;
    groups(&folder.join("group"))?;
    domains(&folder.join("hddl"), &folder.join("plan_model"))?;
    routers(&folder.join("route"))?;
    locks(&folder.join("locks"))?;
    // Two timers that have run out at once.
    let both =
        [38, 96, 129, 133, 117, 133, 0, 129, 202, 202, 129, 129, 202, 129, 1, 0, 0, 0, 76, 9, 210];
    std::fs::write(folder.join("channel/timers"), both)?;
    chains(&folder.join("capability"))
}

/// What the target makes chains of: for each link its first byte and what comes after
/// the subject.
fn chains(folder: &Path) -> Outcome {
    // Serial, operations, resource, then what the first byte says: not-before, expiry, epoch,
    // caveats (bytes, rate, the caller's, one that may be ignored).
    let links: [&[u8]; 4] = [
        &[0x1f, 7, 0x7f, 1, b'x', 9, 90, 8],
        &[0x2a, 3, 0x3f, 0, 80, 0x81, 100],
        &[0x51, 2, 3, 2, b'x', b'x', 7, 0x82, 9, 0x09, 1],
        &[0x20, 1, 1, 0, 0xc4, 0, 0, 0, 0, 2],
    ];
    for count in 1..=links.len() {
        std::fs::write(folder.join(format!("chain-{count}")), links[..count].join(&0xa5))?;
    }
    // A list of two ids: version and hint are the target's.
    let list = [&[0; 5][..], &[4, 0, 0, 0, 0, 0, 0, 0], &[1, 0, 0, 0], &[1, 0, 0, 0], &[7; 16]];
    std::fs::write(folder.join("list"), list.concat())?;
    Ok(())
}

/// A router with a class for what is out of scope, one without, and texts that fill slots.
fn routers(folder: &Path) -> Outcome {
    let config = RouterConfig { width: 16, blocks: 20, epochs: 20, ..RouterConfig::default() };
    let texts = [("go home", Some(0)), ("land now", Some(1)), ("what is love", None)];
    let samples = texts.map(|(text, task)| Sample { text, task });
    for (name, samples) in [("with-others", &samples[..]), ("plain", &samples[..2])] {
        let mut model = train(&config, &["go", "land"], samples)?;
        calibrate(&mut model, samples, 0.1)?;
        std::fs::write(folder.join(name), model)?;
    }
    let text = "drone 3 to 46.5 N 7.5 E at 80 m for 2 hours and 5 minutes, base, 1,200 two hundred and six";
    std::fs::write(folder.join("text"), text)?;
    Ok(())
}

/// A log of each kind of entry, then a snapshot of what came of it.
fn locks(folder: &Path) -> Outcome {
    let mut locks = Locks::new(&LocksConfig { sessions: 4, claims: 6, name: 8 }, Heap)?;
    let (name, mut input) = (b"name", Vec::new());
    let actions = [
        LockAction::Open { ttl_us: 5_000 },
        LockAction::Renew,
        LockAction::Acquire { name, wait: false },
        LockAction::Acquire { name, wait: true },
        LockAction::Release { name, token: 3 },
        LockAction::Arrive { name, parties: 3 },
        LockAction::Withdraw { name },
        LockAction::Acquire { name, wait: true },
        LockAction::Arrive { name, parties: 2 },
    ];
    let steps = actions.into_iter().flat_map(|action| [1, 2].map(|session| (session, action)));
    for ((session, action), index) in steps.zip(1..) {
        let mut bytes = [0; MOST_LOCK_ENTRY];
        let life = if index < 3 { 0 } else { session };
        let len = LockEntry { session, life, number: index, action }.encode(&mut bytes)?;
        locks.apply(index, &bytes[..len], 0)?;
        input.extend([&[1, len as u8], &bytes[..len]].concat());
    }
    let mut saved = vec![0; locks.saved_len()];
    locks.save(&mut saved)?;
    std::fs::write(folder.join("log"), [&input[..], &[16, saved.len() as u8], &saved].concat())?;
    Ok(())
}

/// The tests' domains with their problems and a plan that is none; and as models, with a megabyte.
fn domains(folder: &Path, models: &Path) -> Outcome {
    let model = |name: &str, domain: &[u8], problem: &[u8]| -> Outcome {
        let source = |text| Source { name, text };
        let hddl = Hddl::read(source(domain), source(problem)).map_err(|e| e.to_string())?;
        Ok(std::fs::write(models.join(name), [&[9], hddl.bytes()].concat())?)
    };
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/hddl");
    for entry in std::fs::read_dir(&tests)? {
        let path = entry?.path();
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some(name) = file.strip_suffix(".domain.hddl") else { continue };
        let problem = std::fs::read(tests.join(format!("{name}.problem.hddl")))?;
        let plan = b"==>\n0 a b c\nroot 1\n1 t b -> m 0\n<==\n";
        let domain = std::fs::read(&path)?;
        std::fs::write(folder.join(name), [&domain[..], &problem, plan].join(&0xff))?;
        model(name, &domain, &problem)?;
    }
    // Small ones, with a plan that is right.
    let small = "(define (domain d)(:types t)(:constants a b - t)(:predicates (p ?x - t))\
        (:task k :parameters (?x - t))(:action g :parameters (?x ?y - t):precondition (p ?x)\
        :effect (and (p ?y)(when (not (p ?y)) (forall (?z - t) (not (p ?z))))))\
        (:method m :parameters (?x ?y - t):task (k ?y):precondition (p ?x):ordered-subtasks (g ?x ?y))\
        (:method n :parameters (?x - t):task (k ?x):precondition (exists (?z - (either t object))\
        (or (p ?z) (not (= ?x ?z)))):subtasks (and (i (k ?x)) (j (g ?x ?x))):ordering (< i j)))";
    let problem =
        "(define (problem q)(:domain d)(:htn :tasks (and (k b)))(:init (p a))(:goal (p b)))";
    let plan = "==>\n0 g a b\nroot 1\n1 k b -> m 0\n<==\n";
    let all = [small.as_bytes(), problem.as_bytes(), plan.as_bytes()].join(&0xff);
    std::fs::write(folder.join("small"), all)?;
    model("small", small.as_bytes(), problem.as_bytes())
}

/// Conversations: each step is two bytes.
fn groups(folder: &Path) -> Outcome {
    let (seal, announce, open, accept) = ([0, 9], [1, 0], [4, 0], [5, 0]);
    let (change, theirs, late) = ([7, 2], [8, 60], [6, 200]);
    let all = [
        vec![announce, accept, seal, open, open, seal, seal, open],
        vec![announce, accept, seal, change, open, theirs, announce, accept, seal, open],
        vec![announce, accept, seal, change, late, open, seal, seal, [7, 32], open],
    ];
    for (i, steps) in all.iter().enumerate() {
        for signed in [0, 1] {
            let bytes = [&[signed], steps.as_flattened()].concat();
            std::fs::write(folder.join(format!("{i}-{signed}")), bytes)?;
        }
    }
    Ok(())
}

fn models(folder: &Path) -> Outcome {
    let activations = [Activation::Tanh, Activation::Relu, Activation::Sigmoid];
    for (i, activation) in activations.into_iter().enumerate() {
        let layers = [Layer::new(i + 2, activation), Layer::new(3, Activation::Softmax)];
        let layers = &layers[..if i == 2 { 1 } else { 2 }];
        // The second one with shortcuts.
        let topology = if i == 1 { Topology::Shortcut } else { Topology::Layered };
        let config = NetConfig { topology, ..NetConfig::new(i + 1, layers) };
        let mut net = Net::new(&config, Heap)?;
        let mut float = vec![0; net.model_len()?];
        net.save(&mut float)?;
        let samples: Vec<f32> = (0..(i + 1) * 8).map(|i| (i as f32).sin()).collect();
        let mut config = QNetConfig::new(&mut net, &samples);
        let int8 = QNet::new(&mut config, Heap)?.model().to_vec();
        let mut wide = |scheme| {
            let mut config = QNet16Config { scheme, ..QNet16Config::new(&mut net, &samples) };
            QNet16::new(&mut config, Heap).map(|net| net.model().to_vec())
        };
        let (mixed, int16) = (wide(Scheme::Int16x8)?, wide(Scheme::Int16)?);
        for (kind, model) in [("float", float), ("int8", int8), ("16x8", mixed), ("int16", int16)] {
            // The target makes the checksum right for an odd first byte.
            let bytes = [&[1], &model[..]].concat();
            std::fs::write(folder.join(format!("{kind}-{i}")), bytes)?;
        }
    }
    Ok(())
}

fn trainers(folder: &Path) -> Outcome {
    for choice in 0..TRAINERS {
        let mut net = net();
        let mut trainer = Trainer::new(&trainer_config(choice), &net, Heap)?;
        trainer.epoch(&mut net, Data::new(&[0.0, 1.0], &[0.5]))?;
        let mut state = vec![0; trainer.state_len()?];
        trainer.save_state(&mut state)?;
        std::fs::write(folder.join(choice.to_string()), [&[choice, 1], &state[..]].concat())?;
    }
    Ok(())
}

/// What libfann has saved.
fn networks(folder: &Path) -> Outcome {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/fann");
    for entry in std::fs::read_dir(from)? {
        let path = entry?.path();
        if let (Some(name), Some("net")) =
            (path.file_name(), path.extension().and_then(|e| e.to_str()))
        {
            std::fs::copy(&path, folder.join(name))?;
        }
    }
    Ok(())
}

fn samples(folder: &Path) -> Outcome {
    let fann = "2 2 1\n0.5 -1e3\n1\n2 3.25\n0\n";
    let images = b"\0\0\x08\x02\0\0\0\x02\0\0\0\x02\0\xff\x01\x02\0\0\x08\x01\0\0\0\x02\0\x01";
    // Where a file ends comes in 63rds of the whole.
    let floats = b"\0\0\x0d\x01\0\0\0\x01\x3f\x80\0\0\0\0\x0e\x01\0\0\0\x01\x3f\xf0\0\0\0\0\0\0";
    for (name, format, how, rest) in [
        ("fann", 0, 0, fann.as_bytes()),
        ("csv", 1, 0b1000_0000, b"1,2,3\r\n\r\n-4,\"5\",6e-2"),
        ("csv-header", 1, 0b1001_0100, b"a;\"b;\n\"\n1;2\n3;4\n"),
        ("csv-classes", 1, 0b1000_0010, b"1.5,2\n2.5,0\n"),
        ("csv-names", 1, 0b1000_0011, b"1.5,cat\n2.5,\"d\"\"og\"\n3,7\n"),
        ("csv-columns", 1, 0b0110_0000, b"1,2,3\n4,5,6\n"),
        ("idx", 2, 39 << 2 | 2, images),
        ("idx-floats", 2, 27 << 2, floats),
    ] {
        std::fs::write(folder.join(name), [&[format, how], rest].concat())?;
    }
    Ok(())
}

fn frames(folder: &Path) -> Outcome {
    let sent: [&[u8]; 4] = [b"one", b"", &[0; 9], &[7; 300]];
    for (how, name) in ["stream", "serial", "serial-checked"].into_iter().enumerate() {
        let mut line = vec![how.min(1) as u8, 200, 13];
        for frame in sent {
            let mut buf = [0; 400];
            let len = match how {
                0 => encode_stream(frame, &mut buf)?,
                _ => encode_serial(frame, how == 2, &mut buf)?,
            };
            line.extend_from_slice(&buf[..len]);
        }
        std::fs::write(folder.join(name), line)?;
    }
    Ok(())
}
