//! Frames in byte streams and on serial lines: whatever is framed comes out the
//! same, however the bytes are cut; what is damaged is dropped, told and not
//! taken for something else.

use neural_swarm::Error;
use neural_swarm::comm::framing::{
    Frame, FrameCounts, Framer, FramerConfig, Framing, MAX_FRAME, SerialDecoder, StreamDecoder,
    encode_serial, encode_stream, serial_bound, serial_len, stream_header, stream_len,
};
use neural_swarm::port::{Arena, Heap};
use proptest::prelude::*;

fn stream(frame: &[u8]) -> Vec<u8> {
    let mut out = vec![0xcc; stream_len(frame.len()).unwrap()];
    assert_eq!(encode_stream(frame, &mut out), Ok(out.len()));
    out
}

fn serial(frame: &[u8], checked: bool) -> Vec<u8> {
    let mut out = vec![0xcc; serial_len(frame, checked).unwrap()];
    assert_eq!(encode_serial(frame, checked, &mut out), Ok(out.len()));
    out
}

fn framer(framing: Framing, max_frame: usize) -> Framer<'static> {
    Framer::new(&FramerConfig { framing, max_frame }, Heap).unwrap()
}

/// All frames of some bytes that come in pieces.
fn frames<'a>(
    framer: &mut Framer<'_>,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Vec<(Vec<u8>, bool)>, Error> {
    let mut found = Vec::new();
    for piece in pieces {
        let mut rest = piece;
        while !rest.is_empty() {
            let taken = framer.push(rest)?;
            rest = &rest[taken..];
            match framer.next() {
                Some(Frame { bytes, checked }) => found.push((bytes.to_vec(), checked)),
                None => assert!(rest.is_empty(), "stopped at {taken} without a frame"),
            }
            assert_eq!(framer.next(), None, "a frame comes out once");
        }
    }
    Ok(found)
}

/// Cuts bytes into pieces whose lengths repeat.
fn cut<'a>(bytes: &'a [u8], lengths: &[usize]) -> Vec<&'a [u8]> {
    let mut rest = bytes;
    let mut pieces = Vec::new();
    for length in lengths.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, behind) = rest.split_at((*length).min(rest.len()));
        pieces.push(piece);
        rest = behind;
    }
    pieces
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

// Made with PyPI's `cobs` 1.2.2 (MIT) and Python's zlib.crc32: cobs.encode(kind
// + frame + crc) + b"\0".
#[test]
fn serial_frames_are_what_others_make() {
    assert_eq!(hex(&serial(b"hello", true)), "0ba568656c6c6f6570210800");
    assert_eq!(hex(&serial(&[0, 1, 0], false)), "025a02010100");
    assert_eq!(hex(&serial(b"", false)), "025a00");
    assert_eq!(hex(&serial(&[0, 0], false)), "025a010100");
    // Kind and 253 bytes fill a block; no empty one follows.
    let full = serial(&[1; 253], false);
    assert_eq!((full.len(), full[0], hex(&full[254..])), (256, 255, "0100".into()));
    let more = serial(&[1; 254], false);
    assert_eq!((more.len(), more[0], hex(&more[254..])), (258, 255, "01020100".into()));
    let zero = serial(&[&[1; 253][..], &[0]].concat(), false);
    assert_eq!((zero.len(), zero[0], hex(&zero[254..])), (258, 255, "01010100".into()));
    // An empty last block, as the paper has it, is read too.
    let mut paper = full;
    paper.insert(255, 1);
    let found = frames(&mut framer(Framing::Serial, 300), [&paper[..]]);
    assert_eq!(found, Ok(vec![(vec![1; 253], false)]));
}

#[test]
fn stream_frames_are_a_length_and_the_bytes() {
    assert_eq!(stream(b""), [0, 0]);
    assert_eq!(stream(b"abc"), [3, 0, b'a', b'b', b'c']);
    assert_eq!(stream(&[7; 258])[..3], [2, 1, 7]);
    assert_eq!(stream_header(MAX_FRAME), Ok([0xff, 0xff]));
    // The overhead of a sealed frame: this and the tag of 16.
    assert_eq!(stream_len(100 + 16), Ok(100 + 18));
}

#[test]
fn what_does_not_fit_is_refused() {
    let long = vec![0; MAX_FRAME + 1];
    assert_eq!(stream_header(MAX_FRAME + 1), Err(Error::CommTooLong));
    assert_eq!(stream_len(MAX_FRAME + 1), Err(Error::CommTooLong));
    assert_eq!(encode_stream(&long, &mut [0; 8]), Err(Error::CommTooLong));
    assert_eq!(serial_len(&long, false), Err(Error::CommTooLong));
    assert_eq!(encode_serial(&long, true, &mut [0; 8]), Err(Error::CommTooLong));
    for len in 0..5 {
        assert_eq!(encode_stream(b"abc", &mut [0; 5][..len]), Err(Error::BufferTooSmall));
        assert_eq!(encode_serial(b"abc", false, &mut [0; 6][..len]), Err(Error::BufferTooSmall));
    }
    for framing in [Framing::Stream, Framing::Serial] {
        for max_frame in [0, MAX_FRAME + 1, usize::MAX] {
            let config = FramerConfig { framing, max_frame };
            assert_eq!(Framer::footprint(&config).err(), Some(Error::Invalid));
            assert_eq!(Framer::new(&config, Heap).err(), Some(Error::Invalid));
        }
        let longest = vec![0x80; MAX_FRAME];
        let bytes = match framing {
            Framing::Stream => stream(&longest),
            Framing::Serial => serial(&longest, true),
        };
        let found = frames(&mut framer(framing, MAX_FRAME), [&bytes[..]]).unwrap();
        assert!(found == [(longest, true)]);
    }
}

#[test]
fn a_frame_waits_until_it_is_taken() {
    let bytes = [stream(b"one"), stream(b""), stream(b"two")].concat();
    let mut framer = framer(Framing::Stream, 8);
    assert_eq!(framer.push(&bytes), Ok(5));
    assert_eq!(framer.push(&bytes[5..]), Ok(0));
    assert_eq!(framer.next(), Some(Frame { bytes: b"one", checked: true }));
    assert_eq!(framer.next(), None);
    // An empty frame is one, too.
    assert_eq!(framer.push(&bytes[5..]), Ok(2));
    assert_eq!(framer.next(), Some(Frame { bytes: b"", checked: true }));
    assert_eq!(framer.push(&bytes[7..9]), Ok(2));
    assert_eq!(framer.next(), None);
    assert_eq!(framer.push(&bytes[9..]), Ok(3));
    framer.restart();
    assert_eq!(framer.next(), None);
    assert_eq!(framer.counts(), FrameCounts { frames: 3, ..FrameCounts::default() });
}

#[test]
fn a_stream_with_too_long_a_frame_is_over() {
    let mut framer = framer(Framing::Stream, 8);
    assert_eq!(frames(&mut framer, [&stream(&[1; 8])[..]]), Ok(vec![(vec![1; 8], true)]));
    for _ in 0..2 {
        assert_eq!(framer.push(&stream(&[1; 9])), Err(Error::CommTooLong));
        assert_eq!(framer.next(), None);
    }
    assert_eq!(framer.push(&stream(b"x")), Err(Error::CommTooLong));
    assert_eq!(framer.counts(), FrameCounts { frames: 1, damaged: 0, oversize: 1 });
    framer.restart();
    assert_eq!(frames(&mut framer, [&stream(b"x")[..]]), Ok(vec![(b"x".to_vec(), true)]));
}

#[test]
fn a_serial_line_drops_what_is_too_long_and_goes_on() {
    for checked in [false, true] {
        let mut framer = framer(Framing::Serial, 8);
        let long = [serial(&[1; 9], checked), serial(&[0; 5000], checked)].concat();
        let bytes = [serial(&[1; 8], checked), long, serial(b"ok", checked)].concat();
        let found = frames(&mut framer, cut(&bytes, &[7, 100]));
        assert_eq!(found, Ok(vec![(vec![1; 8], checked), (b"ok".to_vec(), checked)]));
        assert_eq!(framer.counts(), FrameCounts { frames: 2, damaged: 0, oversize: 2 });
    }
}

#[test]
fn what_is_no_frame_is_dropped() {
    let mut framer = framer(Framing::Serial, 8);
    // An idle line is not damage.
    assert_eq!(frames(&mut framer, [&[0; 9][..]]), Ok(vec![]));
    assert_eq!(framer.counts().damaged, 0);
    for (i, bytes) in [
        &[1, 0][..],               // no kind: the byte is a zero
        &[2, 0x77, 0],             // no known kind
        &[5, 0x5a, 1, 0],          // ends within a block
        &[2, 0xa5, 0],             // no room for a CRC
        &[6, 0xa5, 1, 2, 3, 4, 0], // a wrong CRC
        &[0xff, 0x5a, 0],          // within a full block
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(frames(&mut framer, [bytes]), Ok(vec![]), "{bytes:?}");
        assert_eq!(framer.counts().damaged, i as u64 + 1, "{bytes:?}");
    }
    let found = frames(&mut framer, [&serial(b"ok", true)[..]]);
    assert_eq!(found, Ok(vec![(b"ok".to_vec(), true)]));
}

#[test]
fn a_reset_line_begins_anew() {
    let mut framer = framer(Framing::Serial, 8);
    assert_eq!(framer.push(&serial(b"left", false)[..3]), Ok(3));
    framer.restart();
    let found = frames(&mut framer, [&serial(b"ok", true)[..]]);
    assert_eq!(found, Ok(vec![(b"ok".to_vec(), true)]));
}

#[test]
fn a_decoder_takes_its_footprint_and_no_more() {
    let stream = StreamDecoder::footprint(100).unwrap();
    let serial = SerialDecoder::footprint(100).unwrap();
    assert_eq!((stream.size(), serial.size()), (100, 105));
    let mut memory = [std::mem::MaybeUninit::uninit(); 205];
    let arena = Arena::new(&mut memory);
    let (mut stream, mut serial) =
        (StreamDecoder::new(100, &arena).unwrap(), SerialDecoder::new(100, &arena).unwrap());
    assert_eq!(arena.usage().used, 205);
    assert_eq!(StreamDecoder::new(1, &arena).err(), Some(Error::OutOfMemory));
    assert_eq!(stream.push(&[1, 0, 9]), Ok(3));
    assert_eq!(stream.next().map(|frame| frame.bytes), Some(&[9][..]));
    assert_eq!(serial.push(&[3, 0x5a, 9, 0, 1]), 4);
    assert_eq!(serial.next(), Some(Frame { bytes: &[9], checked: false }));
    assert_eq!(arena.usage().used, 205);
}

/// Some frames, with zeros and long runs without in them.
fn some_frames() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let byte = prop_oneof![3 => Just(0u8), 5 => any::<u8>()];
    let frame = prop_oneof![
        prop::collection::vec(byte, 0..40),
        prop::collection::vec(1..=255u8, 0..1100),
        (250..1030usize).prop_map(|len| vec![0x11; len]),
    ];
    prop::collection::vec(frame, 1..6)
}

proptest! {
    #[test]
    fn frames_come_out_as_they_went_in(
        sent in some_frames(),
        lengths in prop::collection::vec(1..700usize, 1..6),
        checked in any::<bool>(),
    ) {
        for framing in [Framing::Stream, Framing::Serial] {
            let bytes: Vec<u8> = sent
                .iter()
                .flat_map(|frame| match framing {
                    Framing::Stream => stream(frame),
                    Framing::Serial => serial(frame, checked),
                })
                .collect();
            let expected: Vec<_> = sent
                .iter()
                .map(|frame| (frame.clone(), framing == Framing::Stream || checked))
                .collect();
            let mut framer = framer(framing, 1100);
            prop_assert_eq!(frames(&mut framer, cut(&bytes, &lengths)), Ok(expected.clone()));
            let mut framer = self::framer(framing, 1100);
            prop_assert_eq!(frames(&mut framer, cut(&bytes, &[1])), Ok(expected));
        }
    }

    #[test]
    fn a_serial_frame_has_one_zero_and_keeps_its_bound(
        frames in some_frames(),
        checked in any::<bool>(),
    ) {
        for frame in &frames {
            let bytes = serial(frame, checked);
            prop_assert_eq!(bytes.iter().position(|byte| *byte == 0), Some(bytes.len() - 1));
            let bound = serial_bound(frame.len(), checked);
            prop_assert!(bytes.len() <= bound);
            // The bound is reached by bytes without a zero.
            if !checked {
                let worst = serial(&vec![0x11; frame.len()], false);
                prop_assert_eq!(worst.len(), bound);
            }
        }
    }

    // Garbage may spoil the frame that it runs into, but none after a zero.
    #[test]
    fn a_line_finds_its_frames_after_garbage(
        garbage in prop::collection::vec(any::<u8>(), 0..3000),
        sent in some_frames(),
        lengths in prop::collection::vec(1..700usize, 1..6),
    ) {
        let mut bytes = garbage;
        bytes.push(0);
        let mut framer = framer(Framing::Serial, 1100);
        prop_assert!(frames(&mut framer, cut(&bytes, &lengths)).is_ok());
        let before = framer.counts();
        let bytes: Vec<u8> = sent.iter().flat_map(|frame| serial(frame, true)).collect();
        let expected: Vec<_> = sent.iter().map(|frame| (frame.clone(), true)).collect();
        prop_assert_eq!(frames(&mut framer, cut(&bytes, &lengths)), Ok(expected));
        let counts = framer.counts();
        prop_assert_eq!(counts.frames, before.frames + sent.len() as u64);
        prop_assert_eq!(counts.damaged, before.damaged);
    }

    // Up to three flipped bits, a burst of 32, a byte lost or put in: what comes
    // out as checked is what was sent, or nothing.
    #[test]
    fn a_damaged_frame_never_comes_out_as_checked(
        frame in prop::collection::vec(any::<u8>(), 0..150),
        flips in prop::collection::vec(any::<prop::sample::Index>(), 1..4),
        burst in (any::<prop::sample::Index>(), any::<[u8; 4]>()),
        other in (any::<prop::sample::Index>(), any::<u8>()),
    ) {
        let good = serial(&frame, true);
        let mut flipped = good.clone();
        for flip in &flips {
            let bit = flip.index(flipped.len() * 8);
            flipped[bit / 8] ^= 1 << (bit % 8);
        }
        let mut burnt = good.clone();
        let at = burst.0.index(burnt.len());
        burnt[at..].iter_mut().zip(burst.1).for_each(|(byte, change)| *byte ^= change);
        let mut shorter = good.clone();
        shorter.remove(other.0.index(good.len()));
        let mut longer = good.clone();
        longer.insert(other.0.index(good.len()), other.1);
        for damaged in [flipped, burnt, shorter, longer] {
            let mut framer = framer(Framing::Serial, 200);
            let bytes = [&damaged[..], &[0], &good].concat();
            let found = frames(&mut framer, [&bytes[..]]).unwrap();
            let checked: Vec<_> = found.iter().filter(|(_, checked)| *checked).collect();
            prop_assert!(checked.iter().all(|(bytes, _)| *bytes == frame), "{damaged:?}");
            prop_assert!(!checked.is_empty());
        }
    }

    // Any bytes at all: no panic, and the same frames however they are cut.
    #[test]
    fn any_bytes_are_taken(
        bytes in prop::collection::vec(prop_oneof![Just(0u8), any::<u8>()], 0..600),
        lengths in prop::collection::vec(1..50usize, 1..6),
        max_frame in 1..100usize,
    ) {
        for framing in [Framing::Stream, Framing::Serial] {
            let (mut whole, mut pieces) = (framer(framing, max_frame), framer(framing, max_frame));
            let found = frames(&mut whole, [&bytes[..]]);
            prop_assert_eq!(frames(&mut pieces, cut(&bytes, &lengths)), found);
            prop_assert_eq!(whole.counts(), pieces.counts());
        }
    }
}
