//! Transports and disks that refuse.

use std::sync::mpsc;
use std::time::Duration;

use neural_swarm::host::{Carrier, Member, MemberEvent};
use neural_swarm::port::{Address, Transport};
use neural_swarm::{Error, Result};

use crate::swarm::*;

struct Broken;

impl Transport for Broken {
    fn send(&mut self, _: &Address, _: &[u8]) -> Result<()> {
        Err(Error::HostIo)
    }
    fn receive(&mut self, _: &mut [u8]) -> Result<Option<(usize, Address)>> {
        Err(Error::HostIo)
    }
    fn waiting(&self) -> Option<usize> {
        None
    }
}

fn told(member: &Member) -> mpsc::Receiver<MemberEvent> {
    let (to, events) = mpsc::channel();
    member
        .on_event(move |event| {
            let _ = to.send(*event);
        })
        .unwrap();
    events
}

#[test]
fn a_transport_that_refuses_stops_nothing_else() {
    let folder = Folder::new();
    let mut config = voter(0, 1, &folder);
    config.carrier =
        Carrier::Own { transport: Box::new(Broken), wait: None, every: Duration::ZERO };
    let member = Member::new(config).unwrap();
    let events = told(&member);
    member.start().unwrap();
    let failed = MemberEvent::TransportFailed(Error::HostIo);
    while events.recv_timeout(LONG).unwrap() != failed {}
    // A group of one goes on, and so does the store.
    member.propose(b"x", LONG).unwrap();
    member.put(b"a", b"b").unwrap();
    assert_eq!(member.info().transport, Some(Error::HostIo));
    let count = events.try_iter().filter(|event| *event == failed).count();
    assert_eq!(count, 0, "told when it begins");
}

#[test]
fn a_disk_that_refuses_loses_nothing_and_is_tried_again() {
    let folder = Folder::new();
    let mut kept = config(0);
    let own = folder.path().join("member");
    kept.folder = Some(own.clone());
    let all = members(vec![kept, config(1)]);
    let events = told(&all[0]);
    // Its files cannot be made any more.
    std::fs::remove_dir_all(own.join("store")).unwrap();
    assert_eq!(all[0].put(b"first", b"1"), Err(Error::HostIo));
    assert_eq!(all[0].put(b"second", b"2"), Err(Error::HostIo));
    assert_eq!(all[0].get(b"second"), Ok(None), "refused");
    assert_eq!(all[0].info().store, Some(Error::HostIo));
    // The rest goes on.
    all[0].publish(b"news", b"x").unwrap();
    assert_eq!(all[1].add(b"other", 1), Ok(()));
    assert_eq!(all[1].get(b"first"), Ok(None), "what is not durable is not told");
    std::fs::create_dir(own.join("store")).unwrap();
    all[0].put(b"third", b"3").unwrap();
    all[0].add(b"marks", 1).unwrap();
    all[1].wait_for_total(b"marks", 1, LONG).unwrap();
    assert_eq!(all[1].get(b"first").unwrap().unwrap(), b"1");
    assert_eq!(all[1].get(b"third").unwrap().unwrap(), b"3");
    assert_eq!(all[0].info().store, None);
    all[0].wait_for_total(b"other", 1, LONG).unwrap();
    let refused = |event: &&MemberEvent| matches!(event, MemberEvent::StoreFailed(Error::HostIo));
    let told = events.try_iter().collect::<Vec<_>>();
    assert_eq!(told.iter().filter(refused).count(), 1, "{told:?}");
}
