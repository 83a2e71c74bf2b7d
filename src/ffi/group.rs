//! Groups.

use super::entropy::{CEntropy, nsw_entropy};
use super::handle::{self, Object, call_mut, call_ref};
use super::port::nsw_allocator;
use super::slices::{Output, bytes_of, input, list, tell};
use super::status::nsw_status;
use super::structs::{self, Versioned, count, or};
use crate::comm::group::{self, Group, GroupConfig, GroupInfo};
use crate::error::{Error, Result};

/// Bytes that a frame of a group is longer than its text.
pub const NSW_GROUP_OVERHEAD: u32 = 24;
/// Bytes that a signed frame of a group is longer than its text.
pub const NSW_GROUP_SIGNED_OVERHEAD: u32 = 88;
/// Bytes of an announcement in a group.
pub const NSW_GROUP_ANNOUNCEMENT: u32 = 59;
/// Bytes of an announcement in a group with signed frames.
pub const NSW_GROUP_SIGNED_ANNOUNCEMENT: u32 = 91;
/// The most members of a group, without the own one.
pub const NSW_GROUP_MAX_MEMBERS: u32 = 4096;
/// The longest window of a group.
pub const NSW_GROUP_MAX_WINDOW: u32 = 1024;
/// The most frames of a sender in a group that may be missing in a row.
pub const NSW_GROUP_MAX_AHEAD: u32 = 16384;

const _: () = {
    assert!(NSW_GROUP_OVERHEAD as usize == group::OVERHEAD);
    assert!(NSW_GROUP_SIGNED_OVERHEAD as usize == group::SIGNED_OVERHEAD);
    assert!(NSW_GROUP_ANNOUNCEMENT as usize == group::ANNOUNCEMENT);
    assert!(NSW_GROUP_SIGNED_ANNOUNCEMENT as usize == group::SIGNED_ANNOUNCEMENT);
    assert!(NSW_GROUP_MAX_MEMBERS as usize == group::MAX_MEMBERS);
    assert!(NSW_GROUP_MAX_WINDOW as usize == group::MAX_WINDOW);
    assert!(NSW_GROUP_MAX_AHEAD as usize == group::MAX_AHEAD);
};

/// A member's view of a group: one frame that every member can read, and nobody
/// else. Sender keys, as Signal's groups have them.
///
/// Each member has a chain of 32 secret bytes for each epoch and hands it to the
/// others over its pairwise sessions, as an announcement. Every frame has a key of
/// its own from its sender's chain, which then moves on and does not lead back.
/// With every change of the members a new epoch begins and all make fresh chains:
/// who was removed reads nothing of the new epoch, and who was added nothing of the
/// old one. Who the members are, and in which order they change, is agreed
/// elsewhere; all must see the same changes with the same epoch numbers.
///
/// Outsiders read nothing, forge nothing, and no frame is taken twice. Members know
/// the chains of the others: only signatures (`sign`) keep one from writing in
/// another one's name. A member that lost its state begins again with a change of
/// the epoch. docs/group-format.md has the bytes. One thread at a time.
pub struct nsw_group {
    _opaque: [u8; 0],
}

pub(super) struct CGroup {
    group: Group<'static>,
    entropy: CEntropy,
}

impl Object for CGroup {
    type C = nsw_group;
    const MAGIC: u32 = u32::from_le_bytes(*b"nswG");
}

/// What a group is like. NSW_GROUP_CONFIG_INIT, then at least `id` and `own`;
/// every other zero means the default. All members need the same `id`, `sign` and
/// `frames`. Read during the call only, but for what `entropy` says.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_group_config {
    /// sizeof(nsw_group_config); NSW_GROUP_CONFIG_INIT sets it.
    pub size: u32,
    /// The epoch to begin with.
    pub epoch: u32,
    /// Which group: the same for all members and for no other group.
    pub id: [u8; 16],
    /// The own number; every member has another one.
    pub own: u16,
    /// Not 0: frames are signed, 64 bytes more each, so that no member can write
    /// in another one's name.
    pub sign: u16,
    /// Room for so many other members, at most NSW_GROUP_MAX_MEMBERS; 0 means 16.
    pub members: u32,
    /// How far behind a sender's newest frame a late one may be, at most
    /// NSW_GROUP_MAX_WINDOW; 65 bytes of memory for each, member by member. 0
    /// means 32.
    pub window: u32,
    /// How many of a sender's frames in a row may be missing, at most
    /// NSW_GROUP_MAX_AHEAD; also the most steps of the ratchet that a forged frame
    /// costs. 0 means 256.
    pub ahead: u32,
    /// How many frames a member may seal in an epoch; 0 means 2^32 - 1.
    pub frames: u32,
    /// How many frames of the previous epoch are taken; 0 means 1,024.
    pub keep_frames: u32,
    /// How long frames of the previous epoch are taken, in microseconds; 0 means
    /// 10 seconds.
    pub keep_us: u64,
    /// Where the chains come from; NULL means the operating system.
    pub entropy: *const nsw_entropy,
    /// 0.
    pub reserved: usize,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_group_config {
    const LEAST: usize = core::mem::offset_of!(nsw_group_config, members);
}

/// How a group is. NSW_GROUP_INFO_INIT before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_group_info {
    /// sizeof(nsw_group_info); NSW_GROUP_INFO_INIT sets it.
    pub size: u32,
    /// The epoch.
    pub epoch: u32,
    /// Other members.
    pub members: u32,
    /// Frames sealed in this epoch.
    pub counter: u32,
    /// Not 0: frames of the epoch before are still taken.
    pub has_previous: u32,
    /// The epoch before; 0 if its frames are not taken any more.
    pub previous_epoch: u32,
    /// Frames opened.
    pub opened: u64,
    /// Frames and announcements refused.
    pub refused: u64,
    /// Bytes that a frame is longer than its text.
    pub overhead: u32,
    /// What frames have in the place of the group's id, to tell the frames of
    /// several groups apart: their second and third byte.
    pub short_id: [u8; 2],
    /// 0.
    pub reserved: u16,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_group_info {
    const LEAST: usize = core::mem::offset_of!(nsw_group_info, opened);
}

/// Whose text came. NSW_GROUP_MESSAGE_INIT before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_group_message {
    /// sizeof(nsw_group_message); NSW_GROUP_MESSAGE_INIT sets it.
    pub size: u32,
    /// The epoch that it was sealed in.
    pub epoch: u32,
    /// The how-many-eth frame of the sender in that epoch, from 0 on. Gaps are
    /// frames that were lost or are late.
    pub counter: u32,
    /// The sender's number.
    pub sender: u16,
    /// 0.
    pub reserved: u16,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_group_message {
    const LEAST: usize = size_of::<nsw_group_message>();
}

/// The caller's configuration, and its source of randomness.
///
/// # Safety
/// NULL or a configuration.
unsafe fn read(config: *const nsw_group_config) -> Result<(GroupConfig, *const nsw_entropy)> {
    // SAFETY: the caller's word.
    let c = unsafe { structs::read(config) }?;
    if c.reserved != 0 {
        return Err(Error::Invalid);
    }
    let default = GroupConfig::new(c.id, c.own);
    let config = GroupConfig {
        epoch: c.epoch,
        members: count(c.members, default.members),
        window: count(c.window, default.window),
        ahead: count(c.ahead, default.ahead),
        frames: or(c.frames, default.frames),
        keep_us: or(c.keep_us, default.keep_us),
        keep_frames: or(c.keep_frames, default.keep_frames),
        signed: c.sign != 0,
        ..default
    };
    Ok((config, c.entropy))
}

/// The memory that a group takes: the one block that nsw_group_create asks for, in
/// bytes.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_INVALID for a setting outside
/// its range, NSW_ERR_OVERFLOW.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_group_footprint(
    config: *const nsw_group_config,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { handle::footprint::<CGroup>(size, align, || Group::footprint(&read(config)?.0)) }
}

/// Makes a group without other members, in one block of `memory` (NULL: the
/// system's heap). nsw_group_change tells it who they are. The caller owns `*group`
/// and ends it with nsw_group_destroy.
///
/// Errors: those of nsw_group_footprint, and NSW_ERR_NO_ALLOCATOR,
/// NSW_ERR_OUT_OF_MEMORY, NSW_ERR_ALLOCATOR, NSW_ERR_NO_ENTROPY, NSW_ERR_HOOK if the
/// randomness fails. `*group` is NULL then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_group_create(
    config: *const nsw_group_config,
    memory: *const nsw_allocator,
    group: *mut *mut nsw_group,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create_from::<CGroup, _>(
            memory,
            group,
            || {
                let (config, entropy) = read(config)?;
                Ok((Group::footprint(&config)?, (config, CEntropy::new(entropy)?)))
            },
            |piece, (config, mut entropy)| {
                let group = Group::in_piece(&config, &mut entropy, piece)?;
                Ok(CGroup { group, entropy })
            },
        )
    }
}

/// Destroys a group: overwrites its secrets and gives its block back. NULL is fine,
/// and so is an already destroyed one whose memory can still be read. Inside a hook
/// of a call on it it does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_group_destroy(group: *mut nsw_group) {
    // SAFETY: NULL or a group, by the documentation above.
    unsafe { handle::destroy::<CGroup>(group) };
}

impl From<(GroupInfo, usize)> for nsw_group_info {
    fn from((info, overhead): (GroupInfo, usize)) -> nsw_group_info {
        nsw_group_info {
            size: 0,
            epoch: info.epoch,
            members: info.members as u32,
            counter: info.counter,
            has_previous: info.previous.is_some().into(),
            previous_epoch: info.previous.unwrap_or(0),
            opened: info.opened,
            refused: info.refused,
            overhead: overhead as u32,
            short_id: info.short_id,
            reserved: 0,
        }
    }
}

/// Fills `*info` (NSW_GROUP_INFO_INIT).
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_group_describe(
    group: *const nsw_group,
    info: *mut nsw_group_info,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<CGroup>(group, |c| {
            structs::write(info, &(c.group.info(), c.group.overhead()).into())
        })
    }
}

/// The numbers of the other members, in no order: `numbers[0..*numbers_len]`.
///
/// Errors: those of a bad handle, NSW_ERR_BUFFER_TOO_SMALL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_group_members(
    group: *const nsw_group,
    numbers: *mut u16,
    numbers_cap: usize,
    numbers_len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: numbers, capacity: numbers_cap, len: numbers_len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<CGroup>(group, |c| list(output, c.group.members().count(), c.group.members()))
    }
}

/// The numbers of the members whose chain of this epoch has not come, in no order:
/// `numbers[0..*numbers_len]`. Their frames cannot be opened yet.
///
/// Errors: those of a bad handle, NSW_ERR_BUFFER_TOO_SMALL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_group_missing(
    group: *const nsw_group,
    numbers: *mut u16,
    numbers_cap: usize,
    numbers_len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: numbers, capacity: numbers_cap, len: numbers_len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<CGroup>(group, |c| list(output, c.group.missing().count(), c.group.missing()))
    }
}

/// Begins an epoch, above the current one, with other members: `add[0..add_len]`
/// more and `remove[0..remove_len]` less, or the same. From now on frames are of the
/// new epoch, and everybody has to announce to everybody. Frames of the one before
/// are still taken for a while, but none of a removed member. `now_us` is the
/// caller's monotonic clock, in microseconds. All or nothing.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_INVALID for an epoch that is
/// not above the current one, or a number that is the own one, is named twice or is
/// a member already; NSW_ERR_COMM_PEER for removing somebody who is no member,
/// NSW_ERR_CAPACITY, NSW_ERR_HOOK if the randomness fails.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_group_change(
    group: *mut nsw_group,
    epoch: u32,
    add: *const u16,
    add_len: usize,
    remove: *const u16,
    remove_len: usize,
    now_us: u64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<CGroup>(group, |c| {
            let (add, remove) = (input(add, add_len)?, input(remove, remove_len)?);
            c.group.change(epoch, add, remove, &mut c.entropy, now_us)
        })
    }
}

/// nsw_group_change to the next epoch with one member more.
///
/// Errors: those of nsw_group_change, NSW_ERR_COMM_COUNTER when there is no next
/// epoch.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_group_add(
    group: *mut nsw_group,
    number: u16,
    now_us: u64,
) -> nsw_status {
    // SAFETY: NULL or a group, by the documentation above.
    unsafe { call_mut::<CGroup>(group, |c| c.group.add(number, &mut c.entropy, now_us)) }
}

/// nsw_group_change to the next epoch with one member less.
///
/// Errors: those of nsw_group_change, NSW_ERR_COMM_COUNTER when there is no next
/// epoch.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_group_remove(
    group: *mut nsw_group,
    number: u16,
    now_us: u64,
) -> nsw_status {
    // SAFETY: NULL or a group, by the documentation above.
    unsafe { call_mut::<CGroup>(group, |c| c.group.remove(number, &mut c.entropy, now_us)) }
}

/// nsw_group_change to the next epoch with the same members: fresh chains, when the
/// frames of an epoch are used up, or from time to time.
///
/// Errors: those of nsw_group_change, NSW_ERR_COMM_COUNTER when there is no next
/// epoch.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_group_rekey(group: *mut nsw_group, now_us: u64) -> nsw_status {
    // SAFETY: NULL or a group, by the documentation above.
    unsafe { call_mut::<CGroup>(group, |c| c.group.rekey(&mut c.entropy, now_us)) }
}

/// Forgets the previous epoch if its time is over. nsw_group_open does so too; this
/// is for when no frames come.
///
/// Errors: those of a bad handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_group_expire(group: *mut nsw_group, now_us: u64) -> nsw_status {
    let expire = |c: &mut CGroup| {
        c.group.expire(now_us);
        Ok(())
    };
    // SAFETY: NULL or a group, by the documentation above.
    unsafe { call_mut::<CGroup>(group, expire) }
}

/// The own chain for the member `to`, from the next frame on:
/// `announcement[0..*announcement_len]`, NSW_GROUP_ANNOUNCEMENT or
/// NSW_GROUP_SIGNED_ANNOUNCEMENT bytes. It is secret: send it through the session
/// with that member and overwrite it.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_COMM_PEER if there is no such
/// member, NSW_ERR_BUFFER_TOO_SMALL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_group_announce(
    group: *const nsw_group,
    to: u16,
    announcement: *mut u8,
    announcement_cap: usize,
    announcement_len: *mut usize,
) -> nsw_status {
    let output =
        Output { pointer: announcement, capacity: announcement_cap, len: announcement_len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<CGroup>(group, |c| {
            let out = output.take(c.group.announcement_len(), &bytes_of::<u8>(&[]))?;
            c.group.announce(to, out).map(|_| ())
        })
    }
}

/// Takes another member's chain. `from` is who the session says it came from. The
/// same one again changes nothing; a later one of the same epoch lets a receiver
/// that missed too many frames go on.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_COMM_PEER if `from` is no
/// member, NSW_ERR_COMM_FORMAT or NSW_ERR_COMM_VERSION for what is no announcement of
/// this group, NSW_ERR_COMM_AUTH for one that is not `from`'s own or for another
/// signature key in the same epoch, NSW_ERR_COMM_STATE for an epoch to come (change
/// first, then accept), NSW_ERR_COMM_EXPIRED for one that is over,
/// NSW_ERR_COMM_REPLAY for an older place of the chain, NSW_ERR_COMM_COUNTER beyond
/// the epoch's frames.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_group_accept(
    group: *mut nsw_group,
    from: u16,
    announcement: *const u8,
    announcement_len: usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<CGroup>(group, |c| c.group.accept(from, input(announcement, announcement_len)?))
    }
}

/// Seals a text for all members of the epoch: `frame[0..*frame_len]`, which is
/// NSW_GROUP_OVERHEAD or NSW_GROUP_SIGNED_OVERHEAD longer. Text and frame may not
/// overlap.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_INVALID if they overlap,
/// NSW_ERR_COMM_COUNTER when the epoch's frames are used up (nsw_group_rekey),
/// NSW_ERR_BUFFER_TOO_SMALL, NSW_ERR_COMM_TOO_LONG.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_group_seal(
    group: *mut nsw_group,
    text: *const u8,
    text_len: usize,
    frame: *mut u8,
    frame_cap: usize,
    frame_len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: frame, capacity: frame_cap, len: frame_len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<CGroup>(group, |c| {
            let text = input(text, text_len)?;
            let len = text.len().checked_add(c.group.overhead()).ok_or(Error::CommTooLong)?;
            let frame = output.take(len, &bytes_of(text))?;
            c.group.seal(text, frame).map(|_| ())
        })
    }
}

/// Opens a frame of another member's: `text[0..*text_len]`, and whose it is
/// (`*message`, NSW_GROUP_MESSAGE_INIT; may be NULL). `text` needs room for
/// `frame_len` - NSW_GROUP_OVERHEAD bytes; it is overwritten when the frame is
/// refused, `*text_len` is 0 then, and the group is as before. Frame and text may not
/// overlap. `now_us` is the caller's monotonic clock, in microseconds.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_INVALID
/// if they overlap, NSW_ERR_BUFFER_TOO_SMALL, NSW_ERR_COMM_FORMAT or
/// NSW_ERR_COMM_VERSION for what is no frame of this group, NSW_ERR_COMM_PEER if its
/// sender is no member, NSW_ERR_COMM_EXPIRED for an epoch that is over,
/// NSW_ERR_COMM_STATE for one to come, NSW_ERR_COMM_KEYS if the sender's chain has not
/// come (keep the frame and accept first), NSW_ERR_COMM_REPLAY for one that came
/// before or is older than the window, NSW_ERR_COMM_AHEAD if more frames are missing
/// than may be (ask the sender to announce again), NSW_ERR_COMM_COUNTER beyond the
/// epoch's frames, NSW_ERR_COMM_AUTH, NSW_ERR_COMM_SIGNATURE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_group_open(
    group: *mut nsw_group,
    frame: *const u8,
    frame_len: usize,
    now_us: u64,
    text: *mut u8,
    text_cap: usize,
    text_len: *mut usize,
    message: *mut nsw_group_message,
) -> nsw_status {
    let output = Output { pointer: text, capacity: text_cap, len: text_len };
    let mut nobody = nsw_group_message { size: 0, epoch: 0, counter: 0, sender: 0, reserved: 0 };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<CGroup>(group, |c| {
            let frame = input(frame, frame_len)?;
            if !message.is_null() {
                // Refused before the work, not after.
                structs::write(message, &nobody)?;
            }
            let out = output.take(Group::opened_len(frame.len()), &bytes_of(frame))?;
            tell(text_len, 0)?;
            let came = c.group.open(frame, now_us, out)?;
            nobody = nsw_group_message {
                epoch: came.epoch,
                counter: came.counter,
                sender: came.sender,
                ..nobody
            };
            if !message.is_null() {
                structs::write(message, &nobody)?;
            }
            tell(text_len, came.text.len())
        })
    }
}
