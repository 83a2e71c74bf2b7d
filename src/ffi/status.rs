//! Status codes: [`Error`] as C sees it.
//!
//! Written out, because the header generator cannot see what a macro makes; a
//! test holds them to the errors.

use core::ffi::c_char;

use crate::error::Error;

/// What a function answers: NSW_OK, or a negative NSW_ERR_ code. Positive
/// values are not errors. Codes never change their meaning; -1 to -99 are for
/// all domains, -100 to -199 for neural networks, -200 to -239 for the secure
/// link, -240 to -279 for replicated memory, -280 to -299 for the operating system,
/// -300 to -339 for agreement.
pub type nsw_status = i32;

/// Done.
pub const NSW_OK: nsw_status = 0;
/// There is no more of what was asked for. Not an error.
pub const NSW_DONE: nsw_status = 1;
/// Nothing is there yet: ask again later. Not an error.
pub const NSW_AGAIN: nsw_status = 2;
/// A required pointer is NULL.
pub const NSW_ERR_NULL: nsw_status = -1;
/// A value is outside its documented range.
pub const NSW_ERR_INVALID: nsw_status = -2;
/// A pointer is not aligned for its type.
pub const NSW_ERR_ALIGNMENT: nsw_status = -3;
/// The pointer is not an object of this type.
pub const NSW_ERR_HANDLE: nsw_status = -4;
/// The object has been destroyed.
pub const NSW_ERR_DESTROYED: nsw_status = -5;
/// The object was left in an unknown state by an earlier panic.
pub const NSW_ERR_POISONED: nsw_status = -6;
/// The object is in use by another call.
pub const NSW_ERR_BUSY: nsw_status = -7;
/// An internal failure was caught at the C boundary.
pub const NSW_ERR_PANIC: nsw_status = -8;
/// A struct's `size` field is not one that this version knows.
pub const NSW_ERR_STRUCT_SIZE: nsw_status = -9;
/// A length does not match the shapes involved.
pub const NSW_ERR_LENGTH: nsw_status = -10;
/// A size calculation would overflow.
pub const NSW_ERR_OVERFLOW: nsw_status = -11;
/// No allocator was given and this build has none of its own.
pub const NSW_ERR_NO_ALLOCATOR: nsw_status = -12;
/// The allocator has no memory left.
pub const NSW_ERR_OUT_OF_MEMORY: nsw_status = -13;
/// The allocator returned a block that is not aligned as asked.
pub const NSW_ERR_ALLOCATOR: nsw_status = -14;
/// The output buffer is too small; the length needed was reported.
pub const NSW_ERR_BUFFER_TOO_SMALL: nsw_status = -15;
/// The object reads its numbers in place and cannot change them.
pub const NSW_ERR_READ_ONLY: nsw_status = -16;
/// Not available on this machine or in this build.
pub const NSW_ERR_UNSUPPORTED: nsw_status = -17;
/// There is no room left in the object; nothing was changed.
pub const NSW_ERR_CAPACITY: nsw_status = -18;
/// A hook of the caller's did not do what it must.
pub const NSW_ERR_HOOK: nsw_status = -19;
/// No source of randomness was given and this build has none of its own.
pub const NSW_ERR_NO_ENTROPY: nsw_status = -20;
/// The layers do not make a network.
pub const NSW_ERR_NN_SHAPE: nsw_status = -100;
/// The loss does not go with the output activation.
pub const NSW_ERR_NN_LOSS: nsw_status = -101;
/// Training diverged; the parameters are finite still.
pub const NSW_ERR_NN_DIVERGED: nsw_status = -102;
/// Training or calibration data holds NaN or infinity.
pub const NSW_ERR_NN_NOT_FINITE: nsw_status = -103;
/// The trainer was made for another shape of network.
pub const NSW_ERR_NN_MISMATCH: nsw_status = -104;
/// The bytes are not a model.
pub const NSW_ERR_MODEL_MAGIC: nsw_status = -120;
/// The model has a format version that this library does not read.
pub const NSW_ERR_MODEL_VERSION: nsw_status = -121;
/// The model is of another kind (float or int8).
pub const NSW_ERR_MODEL_KIND: nsw_status = -122;
/// The model ends early.
pub const NSW_ERR_MODEL_TRUNCATED: nsw_status = -123;
/// The model's length does not fit its contents.
pub const NSW_ERR_MODEL_LENGTH: nsw_status = -124;
/// The model's checksum is wrong.
pub const NSW_ERR_MODEL_CRC: nsw_status = -125;
/// A field of the model is outside its range.
pub const NSW_ERR_MODEL_INVALID: nsw_status = -126;
/// The data does not begin as its format says.
pub const NSW_ERR_DATA_HEADER: nsw_status = -140;
/// The data ends early.
pub const NSW_ERR_DATA_TRUNCATED: nsw_status = -141;
/// There is more data than its header says, or not one target for each sample.
pub const NSW_ERR_DATA_LENGTH: nsw_status = -142;
/// A field of the data is not a number.
pub const NSW_ERR_DATA_NUMBER: nsw_status = -143;
/// A row of the data has other columns than the rest, or its quotes do not end.
pub const NSW_ERR_DATA_ROW: nsw_status = -144;
/// A label of the data is not one of the classes.
pub const NSW_ERR_DATA_LABEL: nsw_status = -145;
/// The name is not a Noise protocol that this build has.
pub const NSW_ERR_COMM_PROTOCOL: nsw_status = -200;
/// The call does not fit the state that the object is in.
pub const NSW_ERR_COMM_STATE: nsw_status = -201;
/// A key that the protocol needs was not given, or one that it has no use for was.
pub const NSW_ERR_COMM_KEYS: nsw_status = -202;
/// A public key is of small order: it can agree on nothing secret.
pub const NSW_ERR_COMM_KEY: nsw_status = -203;
/// A message is not authentic: forged, damaged, or for other keys.
pub const NSW_ERR_COMM_AUTH: nsw_status = -204;
/// A frame was received before, or is too old to tell.
pub const NSW_ERR_COMM_REPLAY: nsw_status = -205;
/// The counter of a key is used up.
pub const NSW_ERR_COMM_COUNTER: nsw_status = -206;
/// The bytes are not a message of this kind.
pub const NSW_ERR_COMM_FORMAT: nsw_status = -207;
/// The message is of a version that this library does not read.
pub const NSW_ERR_COMM_VERSION: nsw_status = -208;
/// The message is longer than fits.
pub const NSW_ERR_COMM_TOO_LONG: nsw_status = -209;
/// Nothing says that this peer may be trusted.
pub const NSW_ERR_COMM_UNTRUSTED: nsw_status = -210;
/// A signature is wrong.
pub const NSW_ERR_COMM_SIGNATURE: nsw_status = -211;
/// There is no such peer.
pub const NSW_ERR_COMM_PEER: nsw_status = -212;
/// The session is closed, or not open yet.
pub const NSW_ERR_COMM_CLOSED: nsw_status = -213;
/// It is not valid yet, or no longer.
pub const NSW_ERR_COMM_EXPIRED: nsw_status = -214;
/// It was revoked.
pub const NSW_ERR_COMM_REVOKED: nsw_status = -215;
/// The capability does not allow this.
pub const NSW_ERR_COMM_DENIED: nsw_status = -216;
/// A link of the chain allows more than the one before it.
pub const NSW_ERR_COMM_WIDENED: nsw_status = -217;
/// The chain has more links than its first one allows.
pub const NSW_ERR_COMM_DEPTH: nsw_status = -218;
/// The capability belongs to somebody else.
pub const NSW_ERR_COMM_HOLDER: nsw_status = -219;
/// A cookie was asked for; the message must come again with it.
pub const NSW_ERR_COMM_COOKIE: nsw_status = -220;
/// More frames are missing than may be.
pub const NSW_ERR_COMM_AHEAD: nsw_status = -221;
/// The bytes are not a frame of a store.
pub const NSW_ERR_CRDT_FORMAT: nsw_status = -240;
/// The frame is of a version that this library does not read.
pub const NSW_ERR_CRDT_VERSION: nsw_status = -241;
/// The key is not open.
pub const NSW_ERR_CRDT_KEY: nsw_status = -242;
/// The key is of another kind.
pub const NSW_ERR_CRDT_KIND: nsw_status = -243;
/// A stamp is too far ahead of the time of day.
pub const NSW_ERR_CRDT_CLOCK: nsw_status = -244;
/// The peer lacks more changes than are remembered.
pub const NSW_ERR_CRDT_BEHIND: nsw_status = -245;
/// Changes of this replica that it does not know of.
pub const NSW_ERR_CRDT_OWN: nsw_status = -246;
/// A transaction is open, or none is to be committed.
pub const NSW_ERR_CRDT_TRANSACTION: nsw_status = -247;
/// A replica was forgotten by one of two stores and not by the other.
pub const NSW_ERR_CRDT_GENERATION: nsw_status = -248;
/// A replica that is to be forgotten or adopted is not retired, or something is left of it.
pub const NSW_ERR_CRDT_MEMBER: nsw_status = -249;
/// A snapshot or record is not what was written.
pub const NSW_ERR_CRDT_DAMAGED: nsw_status = -250;
/// A snapshot or record ends early.
pub const NSW_ERR_CRDT_TORN: nsw_status = -251;
/// The store has changed since it began to be saved.
pub const NSW_ERR_CRDT_CHANGED: nsw_status = -252;
/// The store has something in it already, or is being loaded.
pub const NSW_ERR_CRDT_NOT_EMPTY: nsw_status = -253;
/// The snapshot is of another replica, or of a store with another seed or other sketches.
pub const NSW_ERR_CRDT_FOREIGN: nsw_status = -254;
/// The operating system refused, or the connection broke.
pub const NSW_ERR_HOST_IO: nsw_status = -280;
/// The address cannot be understood or found.
pub const NSW_ERR_HOST_ADDRESS: nsw_status = -281;
/// A secret file can be read by others.
pub const NSW_ERR_HOST_PERMISSIONS: nsw_status = -282;
/// The file does not hold what it should.
pub const NSW_ERR_HOST_FILE: nsw_status = -283;
/// The TLS peer, its certificate or its identity was refused.
pub const NSW_ERR_HOST_TLS: nsw_status = -284;
/// Nothing happened within the time given.
pub const NSW_ERR_HOST_TIMEOUT: nsw_status = -285;
/// There is no room left on the disk, or for this file.
pub const NSW_ERR_HOST_FULL: nsw_status = -286;
/// The node has stopped for good: storage failed, or what it knows contradicts itself.
pub const NSW_ERR_RAFT_HALTED: nsw_status = -300;
/// The bytes are not a message of a node.
pub const NSW_ERR_RAFT_FORMAT: nsw_status = -301;
/// The message is of a version that this library does not read.
pub const NSW_ERR_RAFT_VERSION: nsw_status = -302;
/// The message is for somebody else, or of somebody who may not say this.
pub const NSW_ERR_RAFT_PEER: nsw_status = -303;
/// The call does not fit the state that the node is in.
pub const NSW_ERR_RAFT_STATE: nsw_status = -304;
/// No leader is known, or it does not answer.
pub const NSW_ERR_RAFT_NO_LEADER: nsw_status = -305;
/// This node does not lead.
pub const NSW_ERR_RAFT_NOT_LEADER: nsw_status = -306;
/// A change of membership or a transfer is under way.
pub const NSW_ERR_RAFT_BUSY: nsw_status = -307;
/// The membership would have no voter, too many members, or a witness with another part.
pub const NSW_ERR_RAFT_MEMBER: nsw_status = -308;
/// The client's proposal was appended already.
pub const NSW_ERR_RAFT_DUPLICATE: nsw_status = -309;
/// The client is not known, or proposals of it are missing before this one.
pub const NSW_ERR_RAFT_SESSION: nsw_status = -310;
/// What storage has, or a leader says, contradicts what this node has promised: something was lost.
pub const NSW_ERR_RAFT_LOST: nsw_status = -311;
/// The bytes are no entry or snapshot of locks, or say what cannot be.
pub const NSW_ERR_LOCK_FORMAT: nsw_status = -312;
/// The bytes or the text are not a domain, model, plan or message of tasks that this library reads, or are damaged.
pub const NSW_ERR_TASK_FORMAT: nsw_status = -320;
/// The domain or problem contradicts itself: an unknown name, or arguments of a wrong number or type.
pub const NSW_ERR_TASK_DOMAIN: nsw_status = -321;
/// All was searched: there is no plan.
pub const NSW_ERR_TASK_NO_PLAN: nsw_status = -322;
/// The repairs that were allowed ended before an allocation was found.
pub const NSW_ERR_TASK_BUDGET: nsw_status = -323;
/// The plan does not do what it should: the verifier refuses it.
pub const NSW_ERR_TASK_PLAN: nsw_status = -324;
/// No assignment or schedule keeps all constraints.
pub const NSW_ERR_TASK_INFEASIBLE: nsw_status = -330;
/// Tasks wait for each other in a circle.
pub const NSW_ERR_TASK_CYCLE: nsw_status = -331;
/// The call does not fit the state that the task or worker is in; nothing was changed.
pub const NSW_ERR_TASK_STATE: nsw_status = -332;
/// The result is of an attempt that does not count (any more); nothing was changed.
pub const NSW_ERR_TASK_ATTEMPT: nsw_status = -333;
/// The task, worker or agent is not known.
pub const NSW_ERR_TASK_UNKNOWN: nsw_status = -334;
/// The bytes are not a message between members, or say what cannot be; nothing was changed.
pub const NSW_ERR_NODE_FORMAT: nsw_status = -360;
/// The message between members is of a version that this library does not read.
pub const NSW_ERR_NODE_VERSION: nsw_status = -361;
/// The number is not that of another member; nothing was changed.
pub const NSW_ERR_NODE_PEER: nsw_status = -362;
/// There is no such request under way; nothing was changed.
pub const NSW_ERR_NODE_REQUEST: nsw_status = -363;
/// This member has left the swarm; nothing was changed.
pub const NSW_ERR_NODE_LEFT: nsw_status = -364;

/// A one-line text for a status, also for one that this version does not know.
///
/// Never fails, never NULL; the text is static. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn nsw_status_str(status: nsw_status) -> *const c_char {
    match Error::from_code(status) {
        Some(error) => error.message_c().as_ptr(),
        None if status == NSW_OK => c"done".as_ptr(),
        None if status == NSW_DONE => c"there is no more".as_ptr(),
        None if status == NSW_AGAIN => c"nothing is there yet; ask again later".as_ptr(),
        None => c"unknown status".as_ptr(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::ffi::CStr;

    #[test]
    fn constants_are_the_errors() {
        let constants = [
            (NSW_ERR_NULL, Error::Null),
            (NSW_ERR_INVALID, Error::Invalid),
            (NSW_ERR_ALIGNMENT, Error::Alignment),
            (NSW_ERR_HANDLE, Error::Handle),
            (NSW_ERR_DESTROYED, Error::Destroyed),
            (NSW_ERR_POISONED, Error::Poisoned),
            (NSW_ERR_BUSY, Error::Busy),
            (NSW_ERR_PANIC, Error::Panic),
            (NSW_ERR_STRUCT_SIZE, Error::StructSize),
            (NSW_ERR_LENGTH, Error::Length),
            (NSW_ERR_OVERFLOW, Error::Overflow),
            (NSW_ERR_NO_ALLOCATOR, Error::NoAllocator),
            (NSW_ERR_OUT_OF_MEMORY, Error::OutOfMemory),
            (NSW_ERR_ALLOCATOR, Error::Allocator),
            (NSW_ERR_BUFFER_TOO_SMALL, Error::BufferTooSmall),
            (NSW_ERR_READ_ONLY, Error::ReadOnly),
            (NSW_ERR_UNSUPPORTED, Error::Unsupported),
            (NSW_ERR_CAPACITY, Error::Capacity),
            (NSW_ERR_HOOK, Error::Hook),
            (NSW_ERR_NO_ENTROPY, Error::NoEntropy),
            (NSW_ERR_NN_SHAPE, Error::NnShape),
            (NSW_ERR_NN_LOSS, Error::NnLoss),
            (NSW_ERR_NN_DIVERGED, Error::NnDiverged),
            (NSW_ERR_NN_NOT_FINITE, Error::NnNotFinite),
            (NSW_ERR_NN_MISMATCH, Error::NnMismatch),
            (NSW_ERR_MODEL_MAGIC, Error::ModelMagic),
            (NSW_ERR_MODEL_VERSION, Error::ModelVersion),
            (NSW_ERR_MODEL_KIND, Error::ModelKind),
            (NSW_ERR_MODEL_TRUNCATED, Error::ModelTruncated),
            (NSW_ERR_MODEL_LENGTH, Error::ModelLength),
            (NSW_ERR_MODEL_CRC, Error::ModelCrc),
            (NSW_ERR_MODEL_INVALID, Error::ModelInvalid),
            (NSW_ERR_DATA_HEADER, Error::DataHeader),
            (NSW_ERR_DATA_TRUNCATED, Error::DataTruncated),
            (NSW_ERR_DATA_LENGTH, Error::DataLength),
            (NSW_ERR_DATA_NUMBER, Error::DataNumber),
            (NSW_ERR_DATA_ROW, Error::DataRow),
            (NSW_ERR_DATA_LABEL, Error::DataLabel),
            (NSW_ERR_COMM_PROTOCOL, Error::CommProtocol),
            (NSW_ERR_COMM_STATE, Error::CommState),
            (NSW_ERR_COMM_KEYS, Error::CommKeys),
            (NSW_ERR_COMM_KEY, Error::CommKey),
            (NSW_ERR_COMM_AUTH, Error::CommAuth),
            (NSW_ERR_COMM_REPLAY, Error::CommReplay),
            (NSW_ERR_COMM_COUNTER, Error::CommCounter),
            (NSW_ERR_COMM_FORMAT, Error::CommFormat),
            (NSW_ERR_COMM_VERSION, Error::CommVersion),
            (NSW_ERR_COMM_TOO_LONG, Error::CommTooLong),
            (NSW_ERR_COMM_UNTRUSTED, Error::CommUntrusted),
            (NSW_ERR_COMM_SIGNATURE, Error::CommSignature),
            (NSW_ERR_COMM_PEER, Error::CommPeer),
            (NSW_ERR_COMM_CLOSED, Error::CommClosed),
            (NSW_ERR_COMM_EXPIRED, Error::CommExpired),
            (NSW_ERR_COMM_REVOKED, Error::CommRevoked),
            (NSW_ERR_COMM_DENIED, Error::CommDenied),
            (NSW_ERR_COMM_WIDENED, Error::CommWidened),
            (NSW_ERR_COMM_DEPTH, Error::CommDepth),
            (NSW_ERR_COMM_HOLDER, Error::CommHolder),
            (NSW_ERR_COMM_COOKIE, Error::CommCookie),
            (NSW_ERR_COMM_AHEAD, Error::CommAhead),
            (NSW_ERR_CRDT_FORMAT, Error::CrdtFormat),
            (NSW_ERR_CRDT_VERSION, Error::CrdtVersion),
            (NSW_ERR_CRDT_KEY, Error::CrdtKey),
            (NSW_ERR_CRDT_KIND, Error::CrdtKind),
            (NSW_ERR_CRDT_CLOCK, Error::CrdtClock),
            (NSW_ERR_CRDT_BEHIND, Error::CrdtBehind),
            (NSW_ERR_CRDT_OWN, Error::CrdtOwn),
            (NSW_ERR_CRDT_TRANSACTION, Error::CrdtTransaction),
            (NSW_ERR_CRDT_GENERATION, Error::CrdtGeneration),
            (NSW_ERR_CRDT_MEMBER, Error::CrdtMember),
            (NSW_ERR_CRDT_DAMAGED, Error::CrdtDamaged),
            (NSW_ERR_CRDT_TORN, Error::CrdtTorn),
            (NSW_ERR_CRDT_CHANGED, Error::CrdtChanged),
            (NSW_ERR_CRDT_NOT_EMPTY, Error::CrdtNotEmpty),
            (NSW_ERR_CRDT_FOREIGN, Error::CrdtForeign),
            (NSW_ERR_HOST_IO, Error::HostIo),
            (NSW_ERR_HOST_ADDRESS, Error::HostAddress),
            (NSW_ERR_HOST_PERMISSIONS, Error::HostPermissions),
            (NSW_ERR_HOST_FILE, Error::HostFile),
            (NSW_ERR_HOST_TLS, Error::HostTls),
            (NSW_ERR_HOST_TIMEOUT, Error::HostTimeout),
            (NSW_ERR_HOST_FULL, Error::HostFull),
            (NSW_ERR_RAFT_HALTED, Error::RaftHalted),
            (NSW_ERR_RAFT_FORMAT, Error::RaftFormat),
            (NSW_ERR_RAFT_VERSION, Error::RaftVersion),
            (NSW_ERR_RAFT_PEER, Error::RaftPeer),
            (NSW_ERR_RAFT_STATE, Error::RaftState),
            (NSW_ERR_RAFT_NO_LEADER, Error::RaftNoLeader),
            (NSW_ERR_RAFT_NOT_LEADER, Error::RaftNotLeader),
            (NSW_ERR_RAFT_BUSY, Error::RaftBusy),
            (NSW_ERR_RAFT_MEMBER, Error::RaftMember),
            (NSW_ERR_RAFT_DUPLICATE, Error::RaftDuplicate),
            (NSW_ERR_RAFT_SESSION, Error::RaftSession),
            (NSW_ERR_RAFT_LOST, Error::RaftLost),
            (NSW_ERR_LOCK_FORMAT, Error::LockFormat),
            (NSW_ERR_TASK_FORMAT, Error::TaskFormat),
            (NSW_ERR_TASK_DOMAIN, Error::TaskDomain),
            (NSW_ERR_TASK_NO_PLAN, Error::TaskNoPlan),
            (NSW_ERR_TASK_BUDGET, Error::TaskBudget),
            (NSW_ERR_TASK_PLAN, Error::TaskPlan),
            (NSW_ERR_TASK_INFEASIBLE, Error::TaskInfeasible),
            (NSW_ERR_TASK_CYCLE, Error::TaskCycle),
            (NSW_ERR_TASK_STATE, Error::TaskState),
            (NSW_ERR_TASK_ATTEMPT, Error::TaskAttempt),
            (NSW_ERR_TASK_UNKNOWN, Error::TaskUnknown),
            (NSW_ERR_NODE_FORMAT, Error::NodeFormat),
            (NSW_ERR_NODE_VERSION, Error::NodeVersion),
            (NSW_ERR_NODE_PEER, Error::NodePeer),
            (NSW_ERR_NODE_REQUEST, Error::NodeRequest),
            (NSW_ERR_NODE_LEFT, Error::NodeLeft),
        ];
        assert_eq!(constants.len(), Error::ALL.len());
        for ((code, error), listed) in constants.into_iter().zip(Error::ALL) {
            assert_eq!((code, error), (listed.code(), *listed));
        }
    }

    #[test]
    fn every_status_has_a_text() {
        // SAFETY: static C strings.
        let text = |status| unsafe { CStr::from_ptr(nsw_status_str(status)) }.to_str().unwrap();
        assert_eq!(text(NSW_OK), "done");
        assert_eq!(text(NSW_DONE), "there is no more");
        assert_eq!(text(NSW_AGAIN), "nothing is there yet; ask again later");
        assert_eq!(text(NSW_ERR_NULL), Error::Null.message());
        for unknown in [3, i32::MAX, i32::MIN, -99, -1000] {
            assert_eq!(text(unknown), "unknown status");
        }
    }
}
