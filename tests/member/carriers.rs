//! What carries datagrams: Unix-domain sockets, and the caller's own.

use std::collections::{HashMap, VecDeque};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use neural_swarm::host::{Carrier, Member, unix_address};
use neural_swarm::port::{Address, Transport};
use neural_swarm::{Error, Result};

use crate::swarm::*;

#[test]
fn unix_sockets_carry() {
    let folder = Folder::new();
    let named = |number: u8| {
        let mut config = config(number);
        let name = unix_address(format!("member-{number}")).unwrap();
        config.carrier = Carrier::Unix { folder: folder.path().to_path_buf(), name };
        config
    };
    let all = members((0..3).map(named).collect());
    all[2].add(b"n", 5).unwrap();
    assert_eq!(all[0].wait_for_total(b"n", 5, LONG), Ok(5));
}

/// A network in memory: what waits for whom, and who is told.
#[derive(Default)]
struct Network {
    inboxes: HashMap<Address, VecDeque<(Address, Vec<u8>)>>,
    members: HashMap<Address, Weak<Member>>,
}

struct Wire {
    network: Arc<Mutex<Network>>,
    own: Address,
}

impl Transport for Wire {
    fn send(&mut self, to: &Address, datagram: &[u8]) -> Result<()> {
        let mut network = self.network.lock().unwrap();
        let inbox = network.inboxes.entry(*to).or_default();
        if inbox.len() >= 1000 {
            return Err(Error::Capacity);
        }
        inbox.push_back((self.own, datagram.to_vec()));
        // Not dropped here, on another member's thread, under a lock.
        let member = network.members.get(to).and_then(Weak::upgrade);
        drop(network);
        if let Some(member) = member {
            member.wake();
        }
        Ok(())
    }

    fn receive(&mut self, buf: &mut [u8]) -> Result<Option<(usize, Address)>> {
        let mut network = self.network.lock().unwrap();
        let inbox = network.inboxes.entry(self.own).or_default();
        let Some((from, datagram)) = inbox.pop_front() else { return Ok(None) };
        let place = buf.get_mut(..datagram.len()).ok_or(Error::BufferTooSmall)?;
        place.copy_from_slice(&datagram);
        Ok(Some((datagram.len(), from)))
    }

    fn waiting(&self) -> Option<usize> {
        None
    }
}

#[test]
fn an_own_transport_says_when_something_has_come() {
    let network: Arc<Mutex<Network>> = Arc::default();
    let folder = Folder::new();
    let mut all: Vec<Arc<Member>> = Vec::new();
    for number in 0..3u8 {
        let own = Address::new(&[number]).unwrap();
        let mut config = voter(number, 3, &folder);
        let transport = Box::new(Wire { network: network.clone(), own });
        config.carrier = Carrier::Own { transport, wait: None, every: Duration::ZERO };
        config.address = Some(own);
        config.seeds.extend(all.first().map(|member| member.local()));
        all.push(Arc::new(Member::new(config).unwrap()));
        network.lock().unwrap().members.insert(own, Arc::downgrade(&all[usize::from(number)]));
    }
    all.iter().for_each(|member| member.start().unwrap());
    for member in &all {
        member.wait_for_members(3, LONG).unwrap();
    }
    all[1].propose(b"over a wire", LONG).unwrap();
    all[0].add(b"n", 5).unwrap();
    assert_eq!(all[2].wait_for_total(b"n", 5, LONG), Ok(5));
}

#[test]
fn an_own_transport_is_looked_at_now_and_then_or_by_its_descriptor() {
    /// A socket of the caller's.
    struct Own(std::net::UdpSocket);
    impl Transport for Own {
        fn send(&mut self, to: &Address, datagram: &[u8]) -> Result<()> {
            let to = neural_swarm::host::socket_address(to)?;
            self.0.send_to(datagram, to).map(drop).map_err(|_| Error::HostIo)
        }
        fn receive(&mut self, buf: &mut [u8]) -> Result<Option<(usize, Address)>> {
            match self.0.recv_from(buf) {
                Ok((len, from)) => Ok(Some((len, neural_swarm::host::to_address(from)))),
                Err(_) => Ok(None),
            }
        }
        fn waiting(&self) -> Option<usize> {
            None
        }
    }
    let own = |number: u8, every: Duration, waits: bool| {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let mut config = config(number);
        config.address = Some(neural_swarm::host::to_address(socket.local_addr().unwrap()));
        let wait = waits.then(|| OwnedFd::from(socket.try_clone().unwrap()));
        config.carrier = Carrier::Own { transport: Box::new(Own(socket)), wait, every };
        config
    };
    let waits = own(0, Duration::ZERO, true);
    let looks = own(1, Duration::from_millis(5), false);
    let all = members(vec![waits, looks, config(2)]);
    all[0].add(b"n", 5).unwrap();
    for member in &all {
        assert_eq!(member.wait_for_total(b"n", 5, LONG), Ok(5));
    }
}
