//! The errors of the whole library: one flat list, the same in Rust and in C.
//!
//! Every error has a number that never changes once published (`nsw_status` in
//! the C header) and a fixed text. Errors carry no data: what a person needs to
//! know beyond the code is said to the [`Logger`](crate::port::Logger).

use core::ffi::CStr;
use core::fmt;

/// `Result` with the library's [`Error`].
pub type Result<T, E = Error> = core::result::Result<T, E>;

macro_rules! errors {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $text:literal;)*) => {
        /// What can go wrong. The discriminants are the C status codes.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        #[repr(i32)]
        pub enum Error {
            $($(#[$doc])* $name = $code,)*
        }

        impl Error {
            /// All errors, in the order of their declaration.
            pub const ALL: &'static [Error] = &[$(Error::$name,)*];

            /// The text of the error, without a trailing zero.
            pub const fn message(self) -> &'static str {
                match self {
                    $(Error::$name => $text,)*
                }
            }

            /// The text of the error as a C string.
            pub fn message_c(self) -> &'static CStr {
                // One object for all, which a linker leaves out where no text is asked for.
                let mut rest = concat!($($text, "\0",)*).as_bytes();
                for error in Error::ALL {
                    let Ok(text) = CStr::from_bytes_until_nul(rest) else { break };
                    if *error == self {
                        return text;
                    }
                    rest = rest.get(text.count_bytes() + 1..).unwrap_or_default();
                }
                c""
            }
        }
    };
}

errors! {
    /// A required pointer is NULL.
    Null = -1, "a required pointer is NULL";
    /// A value is outside its documented range.
    Invalid = -2, "a value is outside its documented range";
    /// A pointer is not aligned for its type.
    Alignment = -3, "a pointer is not aligned for its type";
    /// The pointer is not an object of this type.
    Handle = -4, "the pointer is not an object of this type";
    /// The object has been destroyed.
    Destroyed = -5, "the object has been destroyed";
    /// The object was left in an unknown state by an earlier panic.
    Poisoned = -6, "the object is unusable after an earlier internal failure; destroy it";
    /// The object is in use by another call.
    Busy = -7, "the object is in use by another call (a hook may not call back into it)";
    /// An internal failure was caught at the C boundary.
    Panic = -8, "internal failure (a bug in the library); the object is unusable";
    /// A struct's `size` field is not one that this version knows.
    StructSize = -9, "the size field of a struct is not one that this version knows";
    /// A length does not match the shapes involved.
    Length = -10, "a length does not match the shapes involved";
    /// A size calculation would overflow.
    Overflow = -11, "a size is too large for this machine";
    /// No allocator was given and this build has none of its own.
    NoAllocator = -12, "no allocator was given and this build has none of its own";
    /// The allocator has no memory left.
    OutOfMemory = -13, "the allocator has no memory left";
    /// The allocator returned a block that is not aligned as asked.
    Allocator = -14, "the allocator returned a block that is not aligned as asked";
    /// The output buffer is too small; the length needed was reported.
    BufferTooSmall = -15, "the output buffer is too small; the length needed was reported";
    /// The object reads its numbers in place and cannot change them.
    ReadOnly = -16, "the object reads its numbers in place and cannot change them";
    /// Not available on this machine or in this build.
    Unsupported = -17, "not available on this machine or for this object";
    /// There is no room left in the object.
    Capacity = -18, "there is no room left in the object; nothing was changed";
    /// A hook of the caller's did not do what it must.
    Hook = -19, "a hook of the caller's did not do what it must";
    /// No source of randomness was given and this build has none of its own.
    NoEntropy = -20, "no source of randomness was given and this build has none of its own";

    /// The layers do not make a network.
    NnShape = -100, "the layers do not make a network (see the documentation of the layer struct)";
    /// The loss does not go with the output activation.
    NnLoss = -101, "cross-entropy needs a softmax or sigmoid output layer";
    /// Training diverged; the parameters are finite still.
    NnDiverged = -102, "training diverged: loss, gradient or a weight stopped being finite";
    /// Training or calibration data holds NaN or infinity.
    NnNotFinite = -103, "the data holds a NaN or an infinity";
    /// The objects are for networks of different shapes.
    NnMismatch = -104, "the objects are for networks of different shapes";

    /// The bytes are not a model.
    ModelMagic = -120, "the bytes are not a model";
    /// The model has a format version that this library does not read.
    ModelVersion = -121, "the model has a format version that this library does not read";
    /// The model is of another kind (float or int8).
    ModelKind = -122, "the model is of another kind (float32 or int8)";
    /// The model ends early.
    ModelTruncated = -123, "the model ends early";
    /// The model's length does not fit its contents.
    ModelLength = -124, "the length of the model does not fit its contents";
    /// The model's checksum is wrong.
    ModelCrc = -125, "the checksum of the model is wrong";
    /// A field of the model is outside its range.
    ModelInvalid = -126, "a field of the model is outside its range";

    /// The data does not begin as its format says.
    DataHeader = -140, "the data does not begin as its format says";
    /// The data ends early.
    DataTruncated = -141, "the data ends early";
    /// There is more data than its header says, or not one target for each sample.
    DataLength = -142, "the data is longer than its header says, or not one target for each sample";
    /// A field of the data is not a number.
    DataNumber = -143, "a field of the data is not a number";
    /// A row of the data has other columns than the rest, or its quotes do not end.
    DataRow = -144, "a row of the data has other columns than the rest, or its quotes do not end";
    /// A label of the data is not one of the classes.
    DataLabel = -145, "a label of the data is not one of the classes";

    /// The name is not a Noise protocol that this build has.
    CommProtocol = -200, "the name is not a Noise protocol that this build has";
    /// The call does not fit the state that the object is in.
    CommState = -201, "the call does not fit the state that the object is in";
    /// A key that the protocol needs was not given, or one that it has no use for was.
    CommKeys = -202, "a key that the protocol needs was not given, or one that it has no use for was";
    /// A public key is of small order: it can agree on nothing secret.
    CommKey = -203, "a public key is of small order: it can agree on nothing secret";
    /// A message is not authentic: forged, damaged, or for other keys.
    CommAuth = -204, "a message is not authentic: forged, damaged, or for other keys; nothing was changed";
    /// A frame was received before, or is too old to tell.
    CommReplay = -205, "a frame was received before, or is too old to tell; nothing was changed";
    /// The counter of a key is used up.
    CommCounter = -206, "the counter of a key is used up; a new handshake is needed";
    /// The bytes are not a message of this kind.
    CommFormat = -207, "the bytes are not a message of this kind; nothing was changed";
    /// The message is of a version that this library does not read.
    CommVersion = -208, "the message is of a version that this library does not read";
    /// The message is longer than fits.
    CommTooLong = -209, "the message is longer than fits";
    /// Nothing says that this peer may be trusted.
    CommUntrusted = -210, "nothing says that this peer may be trusted";
    /// A signature is wrong.
    CommSignature = -211, "a signature is wrong";
    /// There is no such peer.
    CommPeer = -212, "there is no such peer";
    /// The session is closed, or not open yet.
    CommClosed = -213, "the session is closed, or not open yet";
    /// It is not valid yet, or no longer.
    CommExpired = -214, "it is not valid yet, or no longer";
    /// It was revoked.
    CommRevoked = -215, "it was revoked";
    /// The capability does not allow this.
    CommDenied = -216, "the capability does not allow this";
    /// A link of the chain allows more than the one before it.
    CommWidened = -217, "a link of the chain allows more than the one before it";
    /// The chain has more links than its first one allows.
    CommDepth = -218, "the chain has more links than is allowed";
    /// The capability belongs to somebody else.
    CommHolder = -219, "the capability belongs to somebody else";
    /// A cookie was asked for; the message must come again with it.
    CommCookie = -220, "a cookie was asked for; the message must come again with it";
    /// More frames are missing than may be.
    CommAhead = -221, "more frames are missing than may be; nothing was changed";

    /// The bytes are not a frame of a store.
    CrdtFormat = -240, "the bytes are not a frame of a store; nothing was changed";
    /// The frame is of a version that this library does not read.
    CrdtVersion = -241, "the frame is of a version that this library does not read";
    /// The key is not open.
    CrdtKey = -242, "the key is not open";
    /// The key is of another kind.
    CrdtKind = -243, "the key is of another kind";
    /// A stamp is too far ahead of the time of day.
    CrdtClock = -244, "a stamp is too far ahead of the time of day; nothing was changed";
    /// The peer lacks more changes than are remembered.
    CrdtBehind = -245, "the peer lacks more changes than are remembered; it needs the state";
    /// Changes of this replica that it does not know of.
    CrdtOwn = -246, "changes of this replica that it does not know of, not from the first one on; nothing was changed";
    /// A transaction is open, or none is to be committed.
    CrdtTransaction = -247, "a transaction is open, or none is to be committed; nothing was changed";
    /// A replica was forgotten by one of two stores and not by the other.
    CrdtGeneration = -248, "the sender has not forgotten the same replicas; nothing was changed";
    /// A replica that is to be forgotten or adopted is not retired, or something is left of it.
    CrdtMember = -249, "the replica is not retired, or something of it is still there";
    /// A snapshot or record is not what was written.
    CrdtDamaged = -250, "a snapshot or record is not what was written; nothing was taken in";
    /// A snapshot or record ends early.
    CrdtTorn = -251, "a snapshot or record ends early; nothing was taken in";
    /// The store has changed since it began to be saved.
    CrdtChanged = -252, "the store has changed since it began to be saved; begin again";
    /// The store has something in it already, or is being loaded.
    CrdtNotEmpty = -253, "the store has something in it already, or is being loaded";
    /// The snapshot is of another replica, or of a store with another seed or other sketches.
    CrdtForeign = -254, "the snapshot is of another replica, or of a store with another seed";

    /// The operating system refused, or the connection broke.
    HostIo = -280, "the operating system refused, or the connection broke";
    /// The address cannot be understood or found.
    HostAddress = -281, "the address cannot be understood or found";
    /// A secret file can be read by others.
    HostPermissions = -282, "a secret file can be read by others";
    /// The file does not hold what it should.
    HostFile = -283, "the file does not hold what it should";
    /// The TLS peer, its certificate or its identity was refused.
    HostTls = -284, "the TLS peer, its certificate or its identity was refused";
    /// Nothing happened within the time given.
    HostTimeout = -285, "nothing happened within the time given";
    /// There is no room left on the disk, or for this file.
    HostFull = -286, "there is no room left on the disk, or for this file";

    /// The node has stopped for good: storage failed, or what it knows contradicts itself.
    RaftHalted = -300, "the node has stopped for good: storage failed, or what it knows contradicts itself";
    /// The bytes are not a message of a node.
    RaftFormat = -301, "the bytes are not a message of a node, or say what cannot be; nothing was changed";
    /// The message is of a version that this library does not read.
    RaftVersion = -302, "the message of a node is of a version that this library does not read";
    /// The message is for somebody else, or of somebody who may not say this.
    RaftPeer = -303, "the message is for somebody else, or of somebody who may not say this; nothing was changed";
    /// The call does not fit the state that the node is in.
    RaftState = -304, "the call does not fit the state that the node is in; nothing was changed";
    /// No leader is known, or it does not answer.
    RaftNoLeader = -305, "no leader is known, or it does not answer; try again later";
    /// This node does not lead.
    RaftNotLeader = -306, "this node does not lead; nothing was changed";
    /// A change of membership or a transfer is under way.
    RaftBusy = -307, "a change of membership or a transfer is under way; nothing was changed";
    /// The membership would have no voter, too many members, or a witness with another part.
    RaftMember = -308, "the membership would not do: no voter, too many members, or a witness in another part";
    /// The client's proposal was appended already.
    RaftDuplicate = -309, "the client's proposal was appended already; nothing was changed";
    /// The client is not known, or proposals of it are missing before this one.
    RaftSession = -310, "the client is not known, or proposals of it are missing before this one";
    /// What storage has, or a leader says, contradicts what this node has promised: something was lost.
    RaftLost = -311, "what storage has or a leader says contradicts what this node has promised: something was lost";
    /// The bytes are no entry or snapshot of locks, or say what cannot be.
    LockFormat = -312, "the bytes are no entry or snapshot of locks, or say what cannot be";
    /// The bytes or the text are not a domain, model, plan or message of tasks that this library reads, or are damaged.
    TaskFormat = -320, "the bytes or the text are no domain, model, plan or message of tasks that this library reads";
    /// The domain or problem contradicts itself: an unknown name, or arguments of a wrong number or type.
    TaskDomain = -321, "the domain or problem contradicts itself: a name, a number of arguments or a type";
    /// All was searched: there is no plan.
    TaskNoPlan = -322, "all was searched: there is no plan";
    /// The repairs that were allowed ended before an allocation was found.
    TaskBudget = -323, "the repairs that were allowed ended before an allocation was found";
    /// The plan does not do what it should: the verifier refuses it.
    TaskPlan = -324, "the plan does not do what it should: the verifier refuses it";
    /// No assignment or schedule keeps all constraints.
    TaskInfeasible = -330, "no assignment or schedule keeps all constraints";
    /// Tasks wait for each other in a circle.
    TaskCycle = -331, "tasks wait for each other in a circle";
    /// The call does not fit the state that the task or worker is in; nothing was changed.
    TaskState = -332, "the call does not fit the state that the task or worker is in; nothing was changed";
    /// The result is of an attempt that does not count (any more); nothing was changed.
    TaskAttempt = -333, "the result is of an attempt that does not count; nothing was changed";
    /// The task, worker or agent is not known.
    TaskUnknown = -334, "the task, worker or agent is not known";
    /// The bytes are not a message between members, or say what cannot be; nothing was changed.
    NodeFormat = -360, "the bytes are not a message between members, or say what cannot be; nothing was changed";
    /// The message is of a version that this library does not read.
    NodeVersion = -361, "the message between members is of a version that this library does not read";
    /// The number is not that of another member; nothing was changed.
    NodePeer = -362, "the number is not that of another member; nothing was changed";
    /// There is no such request under way; nothing was changed.
    NodeRequest = -363, "there is no such request under way; nothing was changed";
    /// This member has left the swarm; nothing was changed.
    NodeLeft = -364, "this member has left the swarm; nothing was changed";
}

impl Error {
    /// The C status code: always negative.
    pub const fn code(self) -> i32 {
        self as i32
    }

    /// The error with this status code, if there is one.
    pub fn from_code(code: i32) -> Option<Error> {
        Error::ALL.iter().copied().find(|e| e.code() == code)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl core::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_negative_and_unique_and_have_their_own_text() {
        for (i, a) in Error::ALL.iter().enumerate() {
            assert!(a.code() < 0);
            assert_eq!(Error::from_code(a.code()), Some(*a));
            assert_eq!(a.message().as_bytes(), a.message_c().to_bytes());
            for b in &Error::ALL[i + 1..] {
                assert_ne!(a.code(), b.code());
                assert_ne!(a.message(), b.message());
            }
        }
        assert_eq!(Error::from_code(0), None);
    }
}
