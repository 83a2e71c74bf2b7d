//! Any bytes as the packets of a channel's peer, good packets of a real one that
//! are changed, lost and repeated, and calls in between: nothing panics, what is
//! refused changes nothing that can be seen, no message is told to be longer than
//! the buffer, and none comes twice.

#![no_main]

use std::collections::BTreeSet;

use libfuzzer_sys::fuzz_target;
use neural_swarm::comm::channel::{Channel, ChannelConfig, ChannelOutput, SendOptions};
use neural_swarm::port::Heap;

const CONFIG: ChannelConfig<'static> = ChannelConfig {
    mtu: 80,
    ordered: 1,
    unordered: 1,
    send_buffer: 300,
    receive_buffer: 300,
    messages: 5,
    packets: 6,
    epoch: 0,
    ack_delay_us: 1000,
    initial_rtt_us: 10_000,
    pacing: false,
    logger: None,
};

/// One end, and which messages it has told.
struct End {
    channel: Channel<'static>,
    told: BTreeSet<(usize, u64)>,
    ended: BTreeSet<u64>,
}

impl End {
    fn new() -> End {
        let channel = Channel::new(&CONFIG, Heap).expect("good settings");
        End { channel, told: BTreeSet::new(), ended: BTreeSet::new() }
    }

    /// What it says; its packets go behind the others.
    fn pump(&mut self, now: u64, packets: &mut Vec<Vec<u8>>) {
        let mut buffer = [0; 80];
        while let Some(output) = self.channel.next(now, &mut buffer).expect("room") {
            match output {
                ChannelOutput::Packet { len } => packets.push(buffer[..len].to_vec()),
                ChannelOutput::Message { stream, number, bytes } => {
                    assert!(stream < 2 && bytes.len() <= 300);
                    assert!(self.told.insert((stream, number)), "a message came twice");
                }
                ChannelOutput::Acked { id }
                | ChannelOutput::Expired { id }
                | ChannelOutput::Refused { id } => {
                    assert!(self.ended.insert(id), "a message ended twice");
                }
                ChannelOutput::Room => {}
            }
        }
        assert!(self.channel.wake_at() > now, "it wakes for nothing");
    }
}

fuzz_target!(|input: &[u8]| {
    let (mut us, mut peer) = (End::new(), End::new());
    // Packets to us, and packets to the peer.
    let (mut to_us, mut to_peer): (Vec<Vec<u8>>, Vec<Vec<u8>>) = (Vec::new(), Vec::new());
    let (mut now, mut rest) = (1, input);
    while let [what, value, more @ ..] = rest {
        rest = more;
        let value = *value;
        let at = usize::from(value) % to_us.len().max(1);
        match what % 12 {
            0..=2 => {
                let bytes = vec![value; usize::from(value)];
                let deadline_us = (what & 64 != 0).then(|| now + 50 * u64::from(value));
                let options =
                    SendOptions { priority: value % 3, deadline_us, keep_late: what & 128 != 0 };
                let end = if what % 12 == 0 { &mut us } else { &mut peer };
                let _ = end.channel.send(usize::from(value) % 2, &bytes, options, now);
            }
            3 => {
                let _ = us.channel.pause(usize::from(value) % 2, value & 2 != 0);
            }
            4 => now += u64::from(value) * 500,
            // Bytes of the fuzzer's own.
            5 => {
                let (own, after) = rest.split_at(usize::from(value).min(rest.len()));
                to_us.push(own.to_vec());
                rest = after;
            }
            6 => {
                if let Some(packet) = to_us.get_mut(at).filter(|packet| !packet.is_empty()) {
                    let place = usize::from(rest.first().copied().unwrap_or(0)) % packet.len();
                    packet[place] ^= value;
                }
            }
            7 if !to_us.is_empty() => drop(to_us.swap_remove(at)),
            8 if !to_us.is_empty() => to_us.push(to_us[at].clone()),
            9 if !to_peer.is_empty() => drop(to_peer.remove(0)),
            10 => {
                for packet in to_peer.drain(..) {
                    // What we were made to believe may not be true.
                    let _ = peer.channel.receive(&packet, now);
                }
            }
            _ => {
                for packet in to_us.drain(..) {
                    let before = us.channel.info();
                    if us.channel.receive(&packet, now).is_err() {
                        assert_eq!(us.channel.info(), before);
                    }
                }
            }
        }
        us.pump(now, &mut to_peer);
        peer.pump(now, &mut to_us);
    }
});
