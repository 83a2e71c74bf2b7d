//! Nodes with a link, as a C program has them.

use std::ptr;

use neural_swarm::ffi::identity::{
    nsw_identity, nsw_identity_config, nsw_identity_create, nsw_identity_destroy, nsw_key,
};
use neural_swarm::ffi::link::*;
use neural_swarm::ffi::link_types::*;
use neural_swarm::ffi::status::{NSW_DONE, NSW_OK, nsw_status};
use neural_swarm::ffi::transport::nsw_address;

use crate::measure::Outcome;

/// Room for a frame.
pub const MTU: usize = 1280;
/// It is always the same time: no key gets old.
const NOW: u64 = 1_000_000;

pub struct Node {
    link: *mut nsw_link,
    address: nsw_address,
    peer: u32,
}

fn check(status: nsw_status) -> Outcome<()> {
    if status == NSW_OK { Ok(()) } else { Err(format!("the link answers {status}").into()) }
}

fn address(number: u8) -> nsw_address {
    let mut bytes = [0; 32];
    bytes[0] = number;
    nsw_address { size: size_of::<nsw_address>() as u32, len: 6, bytes }
}

impl Node {
    fn new(number: u8, small: bool) -> Outcome<Node> {
        let seed = nsw_key { bytes: [number; 32] };
        let network = b"benchmark";
        let mut identity: *mut nsw_identity = ptr::null_mut();
        let mut link = ptr::null_mut();
        // SAFETY: a configuration is what it is after NSW_..._INIT, zeros and its
        // size, but for pointers that live as long as the call.
        unsafe {
            let mut config: nsw_identity_config = std::mem::zeroed();
            config.size = size_of::<nsw_identity_config>() as u32;
            config.seed = &seed;
            check(nsw_identity_create(&config, ptr::null(), &mut identity))?;
            let mut config: nsw_link_config = std::mem::zeroed();
            config.size = size_of::<nsw_link_config>() as u32;
            (config.identity, config.peers, config.small) = (identity, 4, small.into());
            (config.network, config.network_len) = (network.as_ptr(), network.len());
            let made = nsw_link_create(&config, ptr::null(), &mut link);
            nsw_identity_destroy(identity);
            check(made)?;
        }
        Ok(Node { link, address: address(number), peer: 0 })
    }

    /// Two that have met.
    pub fn pair(small: bool) -> Outcome<[Node; 2]> {
        let mut nodes = [Node::new(1, small)?, Node::new(2, small)?];
        let keys = [nodes[0].identity()?, nodes[1].identity()?];
        for (node, other) in nodes.iter().zip([&keys[1], &keys[0]]) {
            // SAFETY: a link and a key.
            check(unsafe { nsw_link_pin(node.link, other) })?;
        }
        let (to, link) = (nodes[1].address, nodes[0].link);
        // SAFETY: a link, an address, and a key.
        check(unsafe { nsw_link_connect(link, &to, &keys[1], ptr::null(), 1, NOW) })?;
        let mut quiet = false;
        while !quiet {
            quiet = true;
            for i in 0..2 {
                let (from, mut out) = (nodes[i].address, [0; MTU]);
                while let Some(frame) = nodes[i].next(&mut out)? {
                    quiet = false;
                    nodes[1 - i].receive(&from, frame, &mut [0; MTU])?;
                }
            }
        }
        Ok(nodes)
    }

    fn identity(&self) -> Outcome<nsw_key> {
        // SAFETY: a structure of integers; a link.
        unsafe {
            let mut info: nsw_link_info = std::mem::zeroed();
            info.size = size_of::<nsw_link_info>() as u32;
            check(nsw_link_describe(self.link, &mut info))?;
            Ok(info.identity)
        }
    }

    /// The next frame that it sends by itself.
    fn next<'o>(&mut self, out: &'o mut [u8; MTU]) -> Outcome<Option<&'o [u8]>> {
        loop {
            let mut len = 0;
            // SAFETY: a structure of integers; a link; room for a frame.
            let output = unsafe {
                let mut output: nsw_link_output = std::mem::zeroed();
                output.size = size_of::<nsw_link_output>() as u32;
                let (to, room) = (out.as_mut_ptr(), out.len());
                let status = nsw_link_next(self.link, NOW, to, room, &mut len, &mut output);
                if status == NSW_DONE {
                    return Ok(None);
                }
                check(status)?;
                output
            };
            match output.kind {
                NSW_LINK_FRAME => return Ok(Some(&out[..len])),
                NSW_LINK_CONNECTED => self.peer = output.peer,
                kind => return Err(format!("no connection, but {kind}").into()),
            }
        }
    }

    /// Makes a frame of a message for the peer; returns its length.
    pub fn send(&mut self, message: &[u8], out: &mut [u8]) -> Outcome<usize> {
        let (mut to, mut len) = (address(0), 0);
        let (text, text_len) = (message.as_ptr(), message.len());
        let (frame, room) = (out.as_mut_ptr(), out.len());
        // SAFETY: a link, and buffers of the lengths that are said.
        let status = unsafe {
            nsw_link_send(self.link, self.peer, text, text_len, NOW, frame, room, &mut len, &mut to)
        };
        check(status).map(|()| len)
    }

    /// Takes a frame; returns the length of the message in it.
    pub fn receive(&mut self, from: &nsw_address, frame: &[u8], out: &mut [u8]) -> Outcome<usize> {
        let mut received = nsw_link_received { size: 16, message: 0, peer: 0, reserved: 0 };
        let (bytes, bytes_len) = (frame.as_ptr(), frame.len());
        let (text, room, mut len) = (out.as_mut_ptr(), out.len(), 0);
        let received = &mut received;
        // SAFETY: a link, and buffers of the lengths that are said.
        let status = unsafe {
            nsw_link_receive(self.link, from, bytes, bytes_len, NOW, text, room, &mut len, received)
        };
        check(status).map(|()| len)
    }

    pub fn address(&self) -> nsw_address {
        self.address
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // SAFETY: a link, which nobody uses any more.
        unsafe { nsw_link_destroy(self.link) };
    }
}
