//! Random sequences of C calls on objects of the link, living and destroyed, with
//! arguments that are good, NULL or nonsense: a status each time, and nothing else.

#![no_main]
#![allow(clippy::missing_safety_doc)]

use core::ffi::c_void;
use core::ptr::{null, null_mut};

use libfuzzer_sys::fuzz_target;
use neural_swarm::ffi::entropy::nsw_entropy;
use neural_swarm::ffi::framer::*;
use neural_swarm::ffi::identity::*;
use neural_swarm::ffi::link::*;
use neural_swarm::ffi::link_types::*;
use neural_swarm::ffi::port::nsw_allocator;
use neural_swarm::ffi::transport::nsw_address;

/// Memory that stays readable: so that destroyed objects can be asked, too.
struct Pool {
    bytes: Vec<u128>,
    used: usize,
}

unsafe extern "C" fn alloc(ctx: *mut c_void, size: usize, align: usize) -> *mut c_void {
    let pool = unsafe { &mut *ctx.cast::<Pool>() };
    let words = size.div_ceil(16) + 4;
    if align > 64 || pool.used + words > pool.bytes.len() {
        return null_mut();
    }
    let place = pool.bytes[pool.used..].as_mut_ptr().cast::<u8>();
    pool.used += words;
    let skip = place.align_offset(align);
    place.wrapping_add(skip).cast()
}

unsafe extern "C" fn free(_: *mut c_void, _: *mut c_void, _: usize, _: usize) {}

unsafe extern "C" fn fill(ctx: *mut c_void, out: *mut u8, len: usize) -> i32 {
    let count = unsafe { &mut *ctx.cast::<u64>() };
    for i in 0..len {
        *count = count.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        unsafe { out.add(i).write((*count >> 56) as u8) };
    }
    // A generator that is not ready, now and then.
    if *count >> 32 & 63 == 0 { -1 } else { 0 }
}

fuzz_target!(|input: &[u8]| {
    let mut pool = Pool { bytes: vec![0; 1 << 16], used: 0 };
    let mut seed = 1u64;
    let memory = nsw_allocator {
        size: size_of::<nsw_allocator>() as u32,
        ctx: (&raw mut pool).cast(),
        alloc: Some(alloc),
        free: Some(free),
    };
    let entropy = nsw_entropy {
        size: size_of::<nsw_entropy>() as u32,
        reserved: 0,
        ctx: (&raw mut seed).cast(),
        fill: Some(fill),
    };
    let mut identities: [*mut nsw_identity; 2] = [null_mut(); 2];
    let mut links: [*mut nsw_link; 2] = [null_mut(); 2];
    let mut framers: [*mut nsw_framer; 2] = [null_mut(); 2];
    let mut keys = [nsw_key { bytes: [0; 32] }; 2];
    let (mut frame, mut out) = ([0u8; 2048], [0u8; 2048]);
    let (mut frame_len, mut peer, mut now) = (0usize, 0u32, 0u64);
    let mut address = nsw_address { size: size_of::<nsw_address>() as u32, len: 1, bytes: [0; 32] };
    let mut bytes = input.iter().copied();
    while let (Some(op), Some(argument)) = (bytes.next(), bytes.next()) {
        let i = usize::from(op & 1);
        let odd = argument & 1 == 1 && argument & 2 == 2;
        // A good object, or NULL, or one of another type.
        let link = match argument >> 5 {
            7 => null_mut(),
            6 => identities[i].cast(),
            _ => links[i],
        };
        // SAFETY: pointers are NULL, or what the header says, or objects of other
        // types: it answers a status to all of them.
        unsafe {
            match op >> 1 & 31 {
                0 => {
                    let config = nsw_identity_config {
                        size: size_of::<nsw_identity_config>() as u32,
                        reserved: 0,
                        seed: null(),
                        entropy: &entropy,
                        secrets: null(),
                    };
                    let mut made = null_mut();
                    if nsw_identity_create(&config, &memory, &mut made) == 0 {
                        identities[i] = made;
                        nsw_identity_public(made, &mut keys[i]);
                    }
                }
                1 => {
                    let mut config: nsw_link_config = core::mem::zeroed();
                    config.size = size_of::<nsw_link_config>() as u32;
                    config.identity = identities[i];
                    config.entropy = &entropy;
                    config.peers = u32::from(argument & 3);
                    config.small = u32::from(argument & 4);
                    config.mtu = if argument & 8 == 0 { 0 } else { u32::from(argument) * 4 };
                    config.padding = if argument & 16 == 0 { 0 } else { u32::from(argument) };
                    config.capability = u32::from(argument & 32);
                    let mut made = null_mut();
                    if nsw_link_create(&config, &memory, &mut made) == 0 {
                        links[i] = made;
                    }
                }
                2 => nsw_link_destroy(link),
                3 => nsw_identity_destroy(identities[i]),
                4 => _ = nsw_link_pin(link, if odd { null() } else { &keys[1 - i] }),
                5 => _ = nsw_link_unpin(link, &keys[1 - i]),
                6 => {
                    let noise = if argument & 4 == 0 { null() } else { &raw const keys[1 - i] };
                    let to = if odd { null() } else { &raw const address };
                    nsw_link_connect(link, to, &keys[1 - i], noise, 1, now);
                }
                7 | 8 => {
                    let mut output: nsw_link_output = core::mem::zeroed();
                    output.size = size_of::<nsw_link_output>() as u32;
                    let cap = if odd { usize::from(argument) } else { frame.len() };
                    let place = if argument & 4 == 4 { null_mut() } else { frame.as_mut_ptr() };
                    let cap = if place.is_null() { 0 } else { cap };
                    if nsw_link_next(link, now, place, cap, &mut frame_len, &mut output) == 0 {
                        peer = output.peer;
                    }
                    frame_len = frame_len.min(frame.len());
                }
                9 | 10 => {
                    let mut received: nsw_link_received = core::mem::zeroed();
                    received.size = size_of::<nsw_link_received>() as u32;
                    if argument & 12 == 12 {
                        frame[usize::from(argument) % 100] ^= argument;
                    }
                    let to = if argument & 1 == 0 { links[1 - i] } else { link };
                    let (place, cap) = (out.as_mut_ptr(), if odd { 3 } else { out.len() });
                    nsw_link_receive(
                        to,
                        &address,
                        frame.as_ptr(),
                        frame_len,
                        now,
                        place,
                        cap,
                        null_mut(),
                        &mut received,
                    );
                }
                11 => {
                    let mut to = address;
                    let text = [argument; 64];
                    let status = nsw_link_send(
                        link,
                        peer,
                        text.as_ptr(),
                        usize::from(argument & 63),
                        now,
                        frame.as_mut_ptr(),
                        frame.len(),
                        &mut frame_len,
                        &mut to,
                    );
                    frame_len = if status == 0 { frame_len } else { 0 };
                }
                12 => {
                    now = now.saturating_add(u64::from(argument) * 100_000);
                    let mut wake = 0;
                    nsw_link_poll(link, now, if odd { null_mut() } else { &mut wake });
                }
                13 => _ = nsw_link_close(link, peer),
                14 => {
                    let mut info: nsw_link_info = core::mem::zeroed();
                    info.size = if odd { 3 } else { size_of::<nsw_link_info>() as u32 };
                    nsw_link_describe(link, &mut info);
                }
                15 => {
                    let mut info: nsw_link_peer = core::mem::zeroed();
                    info.size = size_of::<nsw_link_peer>() as u32;
                    nsw_link_peer_info(link, peer, &mut info);
                    let mut len = 0;
                    nsw_link_peer_capability(link, peer, out.as_mut_ptr(), 7, &mut len);
                }
                16 => {
                    _ = nsw_link_set_capability(link, [7; 64].as_ptr(), usize::from(argument & 63))
                }
                17 => {
                    let fields = nsw_certificate {
                        size: size_of::<nsw_certificate>() as u32,
                        serial: 1,
                        not_before: u64::from(argument),
                        not_after: 100,
                        epoch: 3,
                        authority: [0; 4],
                    };
                    let mut len = 0;
                    let made = nsw_certificate_issue(
                        identities[i],
                        &keys[1 - i],
                        &fields,
                        out.as_mut_ptr(),
                        out.len(),
                        &mut len,
                    );
                    if made == 0 {
                        nsw_link_set_certificate(link, out.as_ptr(), len);
                        let wall = 50;
                        nsw_certificate_verify(out.as_ptr(), len, &keys[i], &keys[1 - i], &wall, 1);
                    }
                }
                18 => _ = nsw_link_add_authority(link, &keys[i], u32::from(argument)),
                19 => _ = nsw_link_remove_authority(link, &keys[i]),
                20 => {
                    let config = nsw_framer_config {
                        size: size_of::<nsw_framer_config>() as u32,
                        framing: u32::from(argument & 3),
                        max_frame: usize::from(argument) * 4,
                    };
                    let mut made = null_mut();
                    if nsw_framer_create(&config, &memory, &mut made) == 0 {
                        framers[i] = made;
                    }
                }
                21 => {
                    let mut len = 0;
                    let checked = u32::from(argument & 1);
                    nsw_frame_encode_serial(
                        frame.as_ptr(),
                        frame_len.min(1000),
                        checked,
                        out.as_mut_ptr(),
                        out.len(),
                        &mut len,
                    );
                    let mut taken = 0;
                    nsw_framer_push(framers[i], out.as_ptr(), len.min(out.len()), &mut taken);
                    let mut whole: nsw_frame = core::mem::zeroed();
                    whole.size = size_of::<nsw_frame>() as u32;
                    nsw_framer_next(framers[i], &mut whole);
                }
                22 => nsw_framer_destroy(framers[i]),
                23 => address.bytes[0] = argument & 1,
                _ => {
                    let len = usize::from(argument).min(frame.len());
                    for place in &mut frame[..len] {
                        *place = bytes.next().unwrap_or(0x11);
                    }
                    frame_len = len;
                }
            }
        }
    }
});
