//! What an operating system gives: sockets, files and clocks.
//!
//! | file | what |
//! |---|---|
//! | `clock` | monotonic and wall-clock time |
//! | `address` | addresses of sockets, as bytes and as text |
//! | `udp` | datagrams over UDP |
//! | `unix` | datagrams over Unix-domain sockets, named in a folder |
//! | `serial` `line` | datagrams over a serial line |
//! | `tcp` `connection` `buffer` | frames over TCP |
//! | `key_file` | private keys in files that nobody else can read |
//! | `tls/` | frames over mutual TLS 1.3 (feature `tls`) |
//! | `storage/` | stores of replicated values in files |
//! | `raft/` | records and snapshots of a member of a Raft group in files |
//! | `wfcommons` | recorded workflows, for `task::schedule` |
//! | `hddl/` | planning domains, problems and plans as the text of the International Planning Competition |
//! | `member/` | a member of a swarm on a thread of its own |
//! | `metrics/` | metrics over HTTP, for who scrapes them |
//! | `sim/` | swarms on a simulated network and clock, and scenarios for them |
//! | `chart` | line charts as SVG |
//! | `wait` | waiting for sockets, with a deadline |
//!
//! Only in builds with `std` for a Unix. The transports implement
//! [`Transport`](crate::port::Transport): nothing waits there. Their
//! `receive_within` waits as long as it is told. A timeout too long to add to the clock
//! means for ever.

mod address;
mod buffer;
pub mod chart;
mod clock;
mod connection;
pub mod hddl;
mod inbox;
mod key_file;
mod line;
mod member;
mod metrics;
mod raft;
mod serial;
pub mod sim;
mod storage;
mod tcp;
#[cfg(feature = "tls")]
mod tls;
mod udp;
mod unix;
mod wait;
mod wfcommons;

pub use address::{parse_address, show_address, socket_address, to_address};
pub use clock::{now_us, unix_time};
pub use key_file::{load_key, save_key};
pub use line::BAUD_RATES;
pub use member::{
    Call, Carrier, Entry, Identity, MEMBER_METRICS, MOST_VOTERS, Member, MemberConfig, MemberEvent,
    MemberInfo, MemberSeen, Reply, Said,
};
pub use metrics::{
    MOST_SCRAPERS, MOST_TEXT, MetricsServer, MetricsServerConfig, MetricsServerCounts,
};
pub use raft::{RaftStorage, RaftStorageConfig, RaftStorageStatus, RaftSync};
pub use serial::{Serial, SerialConfig, SerialCounts};
pub use storage::{Files, Folder, Opened, Origin, Storage, StorageConfig, SyncLater};
#[cfg(feature = "tls")]
pub use tcp::Listener;
pub use tcp::{MAX_CONNECTIONS, Tcp, TcpConfig, TcpCounts};
#[cfg(feature = "tls")]
pub use tls::{Tls, TlsConfig, TlsPeer};
pub use udp::{MAX_DATAGRAM, Udp, UdpConfig, UdpCounts};
pub use unix::{UnixDatagram, UnixDatagramConfig, UnixDatagramCounts, unix_address};
pub use wfcommons::{WfEdge, WfInstance, WfMachine, WfTask};
