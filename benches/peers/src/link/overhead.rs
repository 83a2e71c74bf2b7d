//! What a message costs on the wire.

use super::Bench;
use super::node::{MTU, Node};
use crate::measure::Outcome;
use crate::report::{Section, Table};

/// Protocol, bytes beside the payload, what they are, and where it says so.
const OTHERS: [[&str; 4]; 6] = [
    [
        "WireGuard",
        "32, and up to 15 of padding",
        "type and reserved 4, index 4, counter 8, tag 16",
        "Donenfeld, NDSS 2017, section 5.4.6",
    ],
    [
        "DTLS 1.2, ChaCha20-Poly1305",
        "29",
        "type 1, version 2, epoch and sequence 8, length 2, tag 16",
        "RFC 6347, section 4.1; RFC 7905",
    ],
    ["DTLS 1.2, AES-128-GCM", "37", "the same 13, explicit nonce 8, tag 16", "RFC 5288, section 3"],
    [
        "DTLS 1.2, AES-128-CCM-8",
        "29",
        "the same 13, explicit nonce 8, tag 8 (half as long)",
        "RFC 6655, section 3",
    ],
    [
        "DTLS 1.3, shortest header",
        "20",
        "flags 1, sequence 2, content type 1, tag 16; the address must name the session, and a \
         datagram has one record",
        "RFC 9147, section 4",
    ],
    [
        "DTLS 1.3, connection ID of 2 bytes, length",
        "24",
        "the same, connection ID 2, length 2",
        "RFC 9147, section 4",
    ],
];

pub fn section(bench: &Bench) -> Outcome<Section> {
    let mut section = Section {
        title: "Overhead",
        text: "Bytes of a frame beside its payload, in an established session, without IP and \
               UDP. Ours are the lengths of frames made in this run; the others' are by their \
               specifications."
            .to_string(),
        ..Section::default()
    };
    if !bench.wants("overhead") {
        return Ok(section);
    }
    let ours = [
        ("this link, small form", true, "type 1, index 2, counter 2, tag 16"),
        ("this link, large form", false, "type 1, index 3, counter 4, tag 16"),
    ];
    let mut rows = Vec::new();
    for (name, small, parts) in ours {
        let [mut one, _two] = Node::pair(small)?;
        let message = [1; 100];
        let bytes = one.send(&message, &mut [0; MTU])? - message.len();
        rows.push([name, &bytes.to_string(), parts, "link-format.md"].map(String::from).to_vec());
    }
    rows.extend(OTHERS.map(|row| row.map(String::from).to_vec()));
    let head = vec!["protocol", "bytes", "which", "source"];
    section.tables.push((String::new(), Table { head, rows }));
    Ok(section)
}
