//! One side of a Noise handshake and of a conversation over TCP, by the crate
//! `snow`. Arguments, wire and conversation are those of ../noise.c.

use std::error::Error;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

const PROLOGUE: &[u8] = b"neural-swarm and its peers";
const TEXTS: [usize; 6] = [5, 0, 1, 1000, 16, 65535 - 16];

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The bytes of an argument; none for `-`.
fn hex(arg: &str) -> Result<Vec<u8>> {
    let digits = if arg == "-" { "" } else { arg };
    let byte = |at| Ok(u8::from_str_radix(digits.get(at..at + 2).ok_or("half a byte")?, 16)?);
    (0..digits.len()).step_by(2).map(byte).collect()
}

fn send(stream: &mut TcpStream, frame: &[u8]) -> Result<()> {
    stream.write_all(&u16::try_from(frame.len())?.to_be_bytes())?;
    Ok(stream.write_all(frame)?)
}

fn receive(stream: &mut TcpStream) -> Result<Vec<u8>> {
    let mut len = [0; 2];
    stream.read_exact(&mut len)?;
    let mut frame = vec![0; usize::from(u16::from_be_bytes(len))];
    stream.read_exact(&mut frame)?;
    Ok(frame)
}

fn text(round: usize, len: usize, mask: u8) -> Vec<u8> {
    (0..len).map(|at| (round + 7 * at) as u8 ^ mask).collect()
}

fn expect(what: &str, got: &[u8], wanted: &[u8]) -> Result<()> {
    if got == wanted { Ok(()) } else { Err(format!("another {what}").into()) }
}

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [role, protocol, own, known, psks, expected, port @ ..] = args.as_slice() else {
        return Err("wrong arguments".into());
    };
    let initiator = role == "initiator";
    let (own, known, psks, expected) = (hex(own)?, hex(known)?, hex(psks)?, hex(expected)?);
    let mut builder = snow::Builder::new(protocol.parse()?).prologue(PROLOGUE)?;
    if !own.is_empty() {
        builder = builder.local_private_key(&own)?;
    }
    if !known.is_empty() {
        builder = builder.remote_public_key(&known)?;
    }
    // The crate wants to know which modifier each key is for.
    let modifiers = protocol.split('_').nth(1).ok_or("no pattern")?.split("psk").skip(1);
    let (keys, rest) = psks.as_chunks::<32>();
    expect("length of the keys", rest, &[])?;
    for (modifier, key) in modifiers.zip(keys) {
        builder = builder.psk(modifier.trim_end_matches('+').parse()?, key)?;
    }

    let mut stream = if initiator {
        let port: u16 = port.first().ok_or("no port")?.parse()?;
        TcpStream::connect(("127.0.0.1", port))?
    } else {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        println!("port {}", listener.local_addr()?.port());
        listener.accept()?.0
    };
    let mut noise =
        if initiator { builder.build_initiator()? } else { builder.build_responder()? };
    let mut buffer = vec![0; 65535];
    let mut number = 0;
    while !noise.is_handshake_finished() {
        let payload = format!("message {number}");
        if noise.is_my_turn() {
            let len = noise.write_message(payload.as_bytes(), &mut buffer)?;
            send(&mut stream, &buffer[..len])?;
        } else {
            let len = noise.read_message(&receive(&mut stream)?, &mut buffer)?;
            expect("payload", &buffer[..len], payload.as_bytes())?;
        }
        number += 1;
    }
    if !expected.is_empty() {
        expect("peer", noise.get_remote_static().unwrap_or(&[]), &expected)?;
    }
    let hash = noise.get_handshake_hash().to_vec();

    let mut noise = noise.into_transport_mode()?;
    for (round, len) in TEXTS.iter().chain(&TEXTS).enumerate() {
        if round == TEXTS.len() {
            noise.rekey_outgoing();
            noise.rekey_incoming();
        }
        let (question, answer) = (text(round, *len, 0), text(round, *len, 0xff));
        if initiator {
            let len = noise.write_message(&question, &mut buffer)?;
            send(&mut stream, &buffer[..len])?;
        }
        let wanted = if initiator { &answer } else { &question };
        let len = noise.read_message(&receive(&mut stream)?, &mut buffer)?;
        expect("text", &buffer[..len], wanted)?;
        if !initiator {
            let len = noise.write_message(&answer, &mut buffer)?;
            send(&mut stream, &buffer[..len])?;
        }
    }
    println!("hash {}", hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    Ok(())
}
