//! The whole way of a frame beside the cipher alone.

use std::hint::black_box;

use neural_swarm::comm::crypto::Cipher;

use super::node::{MTU, Node};
use super::{Bench, SHIPPED, batches};
use crate::bench::Match;
use crate::measure::{Contestant, Outcome};
use crate::report::{Row, Section, Unit};

const KEY: [u8; 32] = [7; 32];
const CIPHER: Cipher = Cipher::ChaChaPoly;

pub fn section(bench: &Bench) -> Outcome<Section> {
    let mut rows = Vec::new();
    for (len, name, floor) in [(64, "64 B", None), (1024, "1 KB", Some(0.9))] {
        let work = format!("frame out {name}");
        if bench.wants(&work) {
            rows.push(send(bench, work, len, floor)?);
        }
        let work = format!("frame in {name}");
        if bench.wants(&work) {
            rows.push(receive(bench, work, len, floor)?);
        }
    }
    let (title, text) = if SHIPPED {
        (
            "Frames, as shipped",
            "The whole way of a frame beside the library's own cipher alone, on as many bytes, in \
             place: nsw_link_send from a message to a frame, nsw_link_receive from a frame to a \
             message, through the C interface; a session between two nodes, default configuration.",
        )
    } else {
        ("Frames, portable build", "The same without `server-crypto`.")
    };
    Ok(Section { title, text: text.to_string(), rows, ..Section::default() })
}

fn send(bench: &Bench, work: String, len: usize, floor: Option<f64>) -> Outcome<Row> {
    let [mut one, mut two] = Node::pair(false)?;
    let (message, mut frame) = (vec![5; len], [0; MTU]);
    let end = one.send(&message, &mut frame)?;
    let mut text = [0; MTU];
    let got = two.receive(&one.address(), &frame[..end], &mut text)?;
    assert_eq!(text[..got], message);
    let ours = Contestant::calls("frame", || {
        black_box(one.send(black_box(&message), &mut frame).expect("a frame"));
    });
    let (mut text, mut counter) = (message.clone(), 0);
    let bare = Contestant::calls("cipher", move || {
        counter += 1;
        black_box(CIPHER.seal(black_box(&KEY), counter, b"", &mut text));
    });
    let peers = vec![(bare, true)];
    Match { work, unit: Unit::Bytes(len), floor, ours, peers }.measure(bench.effort)
}

fn receive(bench: &Bench, work: String, len: usize, floor: Option<f64>) -> Outcome<Row> {
    let [mut one, mut two] = Node::pair(false)?;
    let message = vec![5; len];
    // The sender's frames are made off the clock: each is received once.
    let (from, mut out) = (one.address(), [0; MTU]);
    let ours = batches(
        "frame",
        len,
        vec![0; MTU],
        |frame| {
            frame.resize(MTU, 0);
            let end = one.send(&message, frame).expect("a frame");
            frame.truncate(end);
        },
        |frame| {
            assert_eq!(two.receive(&from, frame, &mut out).expect("a message"), len);
        },
    );
    let mut counter = 0;
    let bare = batches(
        "cipher",
        len,
        (0, message.clone(), [0; 16]),
        |(number, text, tag)| {
            counter += 1;
            *number = counter;
            *tag = CIPHER.seal(&KEY, counter, b"", text);
        },
        |(number, text, tag)| {
            CIPHER.open(&KEY, *number, b"", text, tag).expect("authentic");
        },
    );
    let peers = vec![(bare, true)];
    Match { work, unit: Unit::Bytes(len), floor, ours, peers }.measure(bench.effort)
}
