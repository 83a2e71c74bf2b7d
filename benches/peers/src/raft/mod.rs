//! Agreement beside tikv's `raft`: `scripts/bench raft`.
//!
//! That crate has two codecs, chosen when it is built. Each is measured by a build of this program;
//! the one with prost leaves its part of the report in a file, which the other takes in. How long a
//! commit takes with disks and a network is measured of ours alone.

#[path = "../../../raft/allocations.rs"]
pub mod allocations;
#[path = "../../../raft/group.rs"]
mod group;
mod latency;
mod theirs;

use std::path::Path;

use crate::bench::Match;
use crate::machine;
use crate::measure::{Contestant, Effort, Outcome, timed};
use crate::report::{Row, Section, Table, Unit, number};
use allocations::during;
use group::Group;

/// Whether this is the build with the crate's default codec.
const DEFAULT: bool = cfg!(feature = "raft-protobuf");

/// Their ways: with the setting by which entries join messages that wait, and as it comes.
const WAYS: [(&str, bool); 2] = [("raft, batch_append", true), ("raft", false)];

/// Voters, bytes of an entry, entries that are proposed at once.
type Work = (usize, usize, usize);

fn name((nodes, size, batch): Work) -> String {
    format!("{nodes} nodes, {size} B, {batch} at once")
}

fn works(filter: &[String]) -> Vec<Work> {
    let sizes = [16, 256, 4096].map(|size| [1, 64].map(|batch| (size, batch)));
    let all = [3, 5].into_iter().flat_map(|nodes| {
        sizes.into_iter().flatten().map(move |(size, batch)| (nodes, size, batch))
    });
    all.filter(|work| filter.iter().all(|part| name(*work).contains(part))).collect()
}

/// Does a batch so many times.
fn contestant<'a>(name: &str, mut batch: impl FnMut() -> Outcome<()> + 'a) -> Contestant<'a> {
    Contestant::new(name, move |times| {
        let mut done = Ok(());
        let taken = timed(|| done = (0..times).try_for_each(|_| batch()));
        done.map(|()| taken)
    })
}

fn speed(effort: Effort, works: &[Work]) -> Outcome<Vec<Row>> {
    let row = |&(nodes, size, batch): &Work| {
        let work = name((nodes, size, batch));
        eprintln!("{work}");
        let data = vec![7; size];
        let mut group = Group::new(nodes, size)?;
        let data = data.as_slice();
        let ours = contestant("ours", move || Ok(group.agree(data, batch)?));
        let mut peers = Vec::new();
        for (name, batch_append) in WAYS {
            let mut group = theirs::Group::new(nodes, batch_append)?;
            peers.push((contestant(name, move || group.agree(data, batch)), true));
        }
        let unit = Unit::Entries(batch);
        Match { work, unit, floor: Some(3.0), ours, peers }.measure(effort)
    };
    works.iter().map(row).collect()
}

/// What is sent, and asked of the heap, for an entry: counted, not timed.
fn counts(works: &[Work]) -> Outcome<Table> {
    const TIMES: usize = 1000;
    let mut rows = Vec::new();
    for &(nodes, size, batch) in works {
        let data = vec![7; size];
        let each = |count: u64| number(count as f64 / (TIMES * batch) as f64);
        let mut ours = Group::new(nodes, size)?;
        let mut theirs = theirs::Group::new(nodes, true)?;
        for _ in 0..TIMES {
            ours.agree(&data, batch)?;
            theirs.agree(&data, batch)?;
        }
        (ours.messages, ours.bytes, theirs.messages) = (0, 0, 0);
        let many = |agree: &mut dyn FnMut() -> Outcome<()>| -> Outcome<u64> {
            let mut done = Ok(());
            let asked = during(|| done = (0..TIMES).try_for_each(|_| agree()));
            done.map(|()| asked)
        };
        let asked = many(&mut || Ok(ours.agree(&data, batch)?))?;
        let asked_theirs = many(&mut || theirs.agree(&data, batch))?;
        rows.push(vec![
            name((nodes, size, batch)),
            each(ours.messages),
            each(ours.bytes),
            each(asked),
            each(theirs.messages),
            each(asked_theirs),
        ]);
    }
    let head = vec![
        "for an entry",
        "ours: messages",
        "bytes of them",
        "allocations",
        "raft, batch_append: messages",
        "allocations",
    ];
    Ok(Table { head, rows })
}

fn section(effort: Effort, works: &[Work]) -> Outcome<Section> {
    let (title, text) = if DEFAULT {
        (
            "Beside raft with the codec that it comes with",
            "The feature `protobuf-codec`: entries are `bytes::Bytes`, so that all nodes of the \
             process, their logs and the messages between them share the bytes of an entry that was \
             proposed once. Ours copies them into the log of each node and into each message, as \
             nodes that are not in one process have to: entries of 4 KiB at 64 a batch are that, and \
             little else.",
        )
    } else {
        (
            "Beside raft with prost",
            "The feature `prost-codec`: entries are `Vec<u8>`, copied into each message and each log.",
        )
    };
    let rows = speed(effort, works)?;
    let tables = vec![(String::new(), counts(works)?)];
    Ok(Section { title, text: text.to_string(), rows, tables, ..Section::default() })
}

/// Measures all work whose name has the words. A whole run of the build with the default codec
/// writes the report to `file`.
pub fn run(effort: Effort, filter: &[String], peers: &Path, file: &Path) -> Outcome<()> {
    let works = works(filter);
    if works.is_empty() {
        return Err("no work has these words in its name".into());
    }
    let mut part = format!("\n{}", section(effort, &works)?.markdown());
    let whole = filter.is_empty() && !effort.quick;
    let prost = peers.join("raft-prost.md");
    if !DEFAULT {
        if whole {
            std::fs::create_dir_all(peers)?;
            std::fs::write(prost, &part)?;
        }
        println!("{part}");
        return Ok(());
    }
    let other = if whole { std::fs::read_to_string(prost)? } else { String::new() };
    part += &other;
    if filter.is_empty() {
        std::fs::create_dir_all(peers)?;
        part += &format!("\n{}", latency::section(effort, peers)?.markdown());
    }
    let report = format!(
        "# Benchmarks of agreement\n\n\
         Written by `scripts/bench raft`, which measures the library and tikv's `raft` in one run: they \
         take turns at the same work. A ratio is how many times as fast ours is as the faster of its \
         two ways, by the best times, and in brackets by the medians; \"floor\" is what it must be at \
         least.\n\n{}\n\
         ## What is measured\n\n\
         A group of voters in one thread, without a network and without a disk. A batch is proposed at \
         the leader, and done when every node has applied all of it; then comes the next. What it \
         takes is told as entries a second.\n\n\
         - Ours: each message is written as bytes into a buffer and read from there by the node that it \
         is for; records are durable as soon as they are taken.\n\
         - Theirs: `RawNode`, driven as its documentation has it (`ready`, `MemStorage`, `advance`, \
         `LightReady`, `advance_apply`). Messages are moved to the other node as they are: nothing is \
         serialised, which a network would want, and which is not in its times. Its ways: as it comes, \
         and with `batch_append`, by which proposals join a message that waits.\n\
         - Both: messages of at most {} bytes, {} of them on the way to a node, pre-vote, check-quorum, \
         a log of the last {} entries in memory (its `MemStorage` is compacted when as many are \
         applied; ours keeps its own log, in a ring, and drops the oldest). Nothing is logged. No time passes, so there are no heartbeats.\n\
         - Optimised alike: `lto = \"fat\"`, one codegen unit.\n\n\
         Not compared: elections, snapshots, reads, changes of members, many groups \
         at once.\n{part}",
        machine::describe_raft(effort),
        group::MESSAGE,
        group::INFLIGHT,
        group::ENTRIES,
    );
    if whole {
        std::fs::write(file, &report)?;
        eprintln!("wrote {}", file.display());
    }
    println!("{report}");
    Ok(())
}
