//! For an image that is only measured: a node of Raft by its Rust functions, all of them, and nothing else. What
//! they are called with comes from outside, so none of it is known beforehand.

use core::hint::black_box;

use neural_swarm::Result;
use neural_swarm::consensus::raft::*;
use neural_swarm::port::Arena;

/// Functions, each compiled by itself, and one that keeps them all.
macro_rules! kept {
    ($(fn $name:ident($($argument:ident: $type:ty),*) $(-> $answer:ty)? $body:block)*) => {
        $(#[inline(never)]
        fn $name($($argument: $type),*) $(-> $answer)? $body)*

        /// Where the image begins.
        #[unsafe(no_mangle)]
        pub extern "C" fn nsw_raft_size() {
            $(black_box($name as *const ());)*
        }
    };
}

type Node = Raft<'static>;

kept! {
    fn footprint(config: &RaftConfig) -> usize { Raft::footprint(config).map_or(0, |layout| layout.size()) }
    fn least(config: &RaftConfig) -> usize { config.least_message() }
    fn create(config: &RaftConfig, arena: &'static Arena<'static>, out: &mut Option<Node>) -> Result<()> {
        *out = Some(Raft::new(config, arena)?);
        Ok(())
    }
    fn bootstrap(node: &mut Node, members: &[Member]) -> Result<()> { node.bootstrap(members) }
    fn restore(node: &mut Node, record: &Record<'_>) -> Result<()> { node.restore(*record) }
    fn start(node: &mut Node, now: u64) -> Result<()> { node.start(now) }
    fn step(node: &mut Node, from: u64, bytes: &[u8], now: u64) -> Result<()> { node.step(NodeId(from), bytes, now) }
    fn tick(node: &mut Node, now: u64) -> Result<()> { node.tick(now) }
    fn wake(node: &mut Node) -> u64 { node.next_wake_us() }
    fn propose(node: &mut Node, what: &Proposal<'_>, now: u64, out: &mut Option<u64>) -> Result<()> {
        *out = node.propose(*what, now)?;
        Ok(())
    }
    fn read(node: &mut Node, token: u64, now: u64) -> Result<()> { node.read(token, now) }
    fn change(node: &mut Node, changes: &[Change], now: u64) -> Result<()> { node.change_members(changes, now) }
    fn transfer(node: &mut Node, to: u64, now: u64) -> Result<()> { node.transfer(NodeId(to), now) }
    fn record(node: &'static mut Node, out: &mut Option<(RecordNumber, Record<'static>)>) { *out = node.next_record(); }
    fn durable(node: &mut Node, number: u64, now: u64) -> Result<()> { node.durable(RecordNumber(number), now) }
    fn failed(node: &mut Node) { node.storage_failed() }
    fn message(node: &mut Node, buffer: &mut [u8], out: &mut Option<(NodeId, usize)>) -> Result<()> {
        *out = node.next_message(buffer)?;
        Ok(())
    }
    fn committed(node: &'static mut Node, out: &mut Option<Committed<'static>>) { *out = node.next_committed(); }
    fn applied(node: &mut Node, index: u64) -> Result<()> { node.applied(index) }
    fn event(node: &mut Node, out: &mut Option<Event>) { *out = node.next_event(); }
    fn fetch(node: &mut Node, out: &mut Option<Fetch>) { *out = node.next_fetch(); }
    fn fetched(node: &mut Node, entry: &EntryRef<'_>) -> Result<()> { node.fetched(*entry) }
    fn fetch_failed(node: &mut Node, index: u64) { node.fetch_failed(index) }
    fn compact(node: &mut Node, index: u64) -> Result<()> { node.compact(index) }
    fn next_chunk(node: &mut Node, out: &mut Option<ChunkWanted>) { *out = node.next_chunk(); }
    fn chunk(node: &mut Node, of: &ChunkWanted, total: u64, bytes: &[u8], buffer: &mut [u8],
             out: &mut Option<(NodeId, usize)>) -> Result<()> {
        *out = Some(node.chunk(*of, total, bytes, buffer)?);
        Ok(())
    }
    fn chunk_failed(node: &mut Node, of: &ChunkWanted) { node.chunk_failed(*of) }
    fn write(node: &'static mut Node, out: &mut Option<SnapshotWrite<'static>>) { *out = node.next_snapshot_write(); }
    fn written(node: &mut Node, number: u64, now: u64) -> Result<()> { node.snapshot_written(number, now) }
    fn set_timeouts(node: &mut Node, to: Timeouts) -> Result<()> { node.set_timeouts(to) }
    fn timeouts(node: &mut Node, out: &mut Timeouts) { *out = node.timeouts(); }
    fn set_priority(node: &mut Node, priority: u8) -> Result<()> { node.set_priority(priority) }
    fn set_batch(node: &mut Node, peer: u64, bytes: u32) -> Result<()> { node.set_batch(NodeId(peer), bytes) }
    fn status(node: &mut Node, out: &mut Status) { *out = node.status(); }
    fn member(node: &mut Node, out: &mut MemberStatus, at: usize) {
        if let Some(member) = node.members().nth(at) { *out = member; }
    }
    fn peer(node: &mut Node, out: &mut PeerStatus, at: usize) {
        if let Some(peer) = node.peers().nth(at) { *out = peer; }
    }
}
