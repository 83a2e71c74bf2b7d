//! What members do without a group.

use std::sync::mpsc;

use neural_swarm::Error;
use neural_swarm::host::Reply;
use neural_swarm::node::membership::Standing;

use crate::swarm::*;

#[test]
fn members_find_each_other_ask_and_share() {
    let all = members((0..3).map(config).collect());
    let [a, b, c] = &all[..] else { panic!() };
    let ids: Vec<u64> = a.members().iter().map(|member| member.id).collect();
    assert!(all.iter().all(|member| ids.contains(&member.id())));
    assert!(a.members().iter().all(|member| member.standing == Standing::Alive));

    // Requests.
    b.serve(b"twice", |call, answer| {
        answer.extend_from_slice(call.message);
        answer.extend_from_slice(call.message);
        Reply::Answer
    })
    .unwrap();
    assert_eq!(a.ask(b.id(), b"twice", b"ha", LONG).unwrap(), b"haha");
    assert_eq!(c.ask(b.id(), b"twice", b"", LONG).unwrap(), b"");
    assert_eq!(a.ask(b.id(), b"other", b"", LONG), Err(Error::Unsupported));
    assert_eq!(a.ask(a.id(), b"twice", b"", LONG), Err(Error::NodePeer));
    assert_eq!(a.ask(12345, b"twice", b"", LONG), Err(Error::NodePeer));
    assert_eq!(a.ask(b.id(), b"", b"", LONG), Err(Error::Length));
    assert_eq!(a.ask(b.id(), b"twice", &[0; 2000], LONG), Err(Error::Length));
    b.serve(b"", |call, answer| {
        answer.extend_from_slice(call.method);
        Reply::Answer
    })
    .unwrap();
    assert_eq!(a.ask(b.id(), b"other", b"", LONG).unwrap(), b"other");
    b.serve(b"silent", |_, _| Reply::Later).unwrap();
    assert_eq!(a.ask(b.id(), b"silent", b"", SHORT), Err(Error::HostTimeout));
    b.serve(b"long", |_, answer| {
        answer.resize(5000, 0);
        Reply::Answer
    })
    .unwrap();
    assert_eq!(a.ask(b.id(), b"long", b"", LONG), Err(Error::Unsupported));

    // Counters and registers.
    for member in &all {
        member.add(b"total", 10).unwrap();
    }
    c.add(b"total", -3).unwrap();
    for member in &all {
        assert_eq!(member.wait_for_total(b"total", 27, LONG), Ok(27));
    }
    assert_eq!(a.wait_for_total(b"total", 1000, SHORT), Err(Error::HostTimeout));
    assert_eq!(a.get(b"colour"), Ok(None));
    // As long as it can be.
    let long = vec![7; 1000];
    a.put(b"long", &long).unwrap();
    a.put(b"colour", b"red").unwrap();
    a.add(b"marks", 1).unwrap();
    // What a member has changed comes in its order.
    b.wait_for_total(b"marks", 1, LONG).unwrap();
    assert_eq!(b.get(b"colour").unwrap().unwrap(), b"red");
    assert_eq!(b.get(b"long").unwrap().unwrap(), long);
    b.remove(b"colour").unwrap();
    b.add(b"marks", 1).unwrap();
    a.wait_for_total(b"marks", 2, LONG).unwrap();
    assert_eq!(a.get(b"colour"), Ok(None));
    assert_eq!(a.put(b"colour", &[0; 1300]), Err(Error::Length));
    assert_eq!(a.put(b"", b"red"), Err(Error::Length));

    // Without a group.
    assert_eq!(a.propose(b"x", LONG), Err(Error::RaftState));
    assert_eq!(a.barrier(LONG), Err(Error::RaftState));
    assert_eq!(a.lock(b"x", LONG), Err(Error::RaftState));
    assert_eq!(a.leader(), None);
}

#[test]
fn the_longest_value_reaches_the_others() {
    let all = members((0..2).map(config).collect());
    let most = (0..1300).rev().find(|len| all[0].put(b"v", &vec![1; *len]).is_ok()).unwrap();
    all[0].add(b"marks", 1).unwrap();
    all[1].wait_for_total(b"marks", 1, LONG).unwrap();
    assert_eq!(all[1].get(b"v").unwrap().unwrap().len(), most);
    assert!(most >= 1000, "{most}");
}

#[test]
fn publications_come_to_those_that_want_them() {
    let all = members((0..3).map(config).collect());
    let (to, heard) = mpsc::channel();
    for member in &all[1..] {
        let (to, id) = (to.clone(), member.id());
        member
            .subscribe(b"news", move |said| {
                to.send((id, said.origin, said.topic.to_vec(), said.message.to_vec())).unwrap();
            })
            .unwrap();
    }
    all[0].publish(b"other", b"nobody wants this").unwrap();
    all[0].publish(b"news", b"hello").unwrap();
    let mut ids: Vec<u64> = (0..2)
        .map(|_| {
            let (id, origin, topic, message) = heard.recv_timeout(LONG).unwrap();
            assert_eq!((origin, &*topic, &*message), (all[0].id(), &b"news"[..], &b"hello"[..]));
            id
        })
        .collect();
    ids.sort_unstable();
    let mut expected = [all[1].id(), all[2].id()];
    expected.sort_unstable();
    assert_eq!(ids, expected);
    assert_eq!(all[0].publish(b"", b""), Err(Error::Length));
    all[1].unsubscribe(b"news").unwrap();
    all[0].publish(b"news", b"again").unwrap();
    assert_eq!(heard.recv_timeout(LONG).unwrap().0, all[2].id());
}

#[test]
fn metrics_tell_what_was_done() {
    let all = members((0..2).map(config).collect());
    all[1].serve(b"x", |_, _| Reply::Answer).unwrap();
    for _ in 0..3 {
        all[0].ask(all[1].id(), b"x", b"", LONG).unwrap();
    }
    let text = all[0].metrics().unwrap();
    let has = |line: &str| assert!(text.lines().any(|one| one == line), "{line}\n{text}");
    has("nsw_members{standing=\"alive\"} 2");
    has("nsw_requests_total{what=\"asked\"} 3");
    has("nsw_requests_total{what=\"answered\"} 3");
    has("nsw_answer_seconds_count 3");
    has("nsw_sessions 1");
    has("# EOF");
    // Whoever scrapes.
    let bind = neural_swarm::host::parse_address("127.0.0.1:0").unwrap();
    let address = all[0].serve_metrics(bind).unwrap();
    assert_eq!(all[0].serve_metrics(bind), Err(Error::CommState));
    use std::io::{Read, Write};
    let address = neural_swarm::host::show_address(&address).unwrap();
    let mut stream = std::net::TcpStream::connect(address.as_str()).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("nsw_requests_total{what=\"asked\"} 3\n"), "{answer}");
    let info = all[0].info();
    assert!(info.running && info.members == 2 && !info.votes && info.stats.sent > 0);
}
