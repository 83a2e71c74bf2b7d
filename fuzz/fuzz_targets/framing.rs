//! Any bytes as a stream and as a serial line: the same frames however they are
//! cut, and what comes out can be framed again. The first byte chooses the
//! framing, the second the longest frame, the third the cut.

#![no_main]

use libfuzzer_sys::fuzz_target;
use neural_swarm::comm::framing::{
    FrameCounts, Framer, FramerConfig, Framing, encode_serial, encode_stream, serial_bound,
    serial_len, stream_len,
};
use neural_swarm::port::Heap;

fuzz_target!(|input: &[u8]| {
    let [how, max, cut, bytes @ ..] = input else { return };
    let framing = if how & 1 == 0 { Framing::Stream } else { Framing::Serial };
    let max_frame = usize::from(*max) * 8 + 1;
    let config = FramerConfig { framing, max_frame };
    let (whole, counts) = frames(&config, bytes, bytes.len().max(1));
    let (pieces, others) = frames(&config, bytes, usize::from(*cut) + 1);
    assert_eq!(whole, pieces);
    assert_eq!(counts, others);
    assert_eq!(counts.frames, whole.len() as u64);

    let mut line = Vec::new();
    for (frame, checked) in &whole {
        assert!(frame.len() <= max_frame);
        let at = line.len();
        let len = match framing {
            Framing::Stream => stream_len(frame.len()),
            Framing::Serial => serial_len(frame, *checked),
        }
        .expect("it came in a frame");
        assert!(len <= serial_bound(frame.len(), *checked));
        line.resize(at + len, 0xcc);
        let written = match framing {
            Framing::Stream => encode_stream(frame, &mut line[at..]),
            Framing::Serial => encode_serial(frame, *checked, &mut line[at..]),
        };
        assert_eq!(written, Ok(len));
    }
    assert_eq!(frames(&config, &line, 7).0, whole);
});

type Frames = Vec<(Vec<u8>, bool)>;

fn frames(config: &FramerConfig, bytes: &[u8], step: usize) -> (Frames, FrameCounts) {
    let mut framer = Framer::new(config, Heap).expect("good settings");
    let mut found = Vec::new();
    'all: for piece in bytes.chunks(step) {
        let mut rest = piece;
        while !rest.is_empty() {
            let Ok(taken) = framer.push(rest) else { break 'all };
            rest = &rest[taken..];
            match framer.next() {
                Some(frame) => found.push((frame.bytes.to_vec(), frame.checked)),
                None => assert!(rest.is_empty()),
            }
        }
    }
    (found, framer.counts())
}
