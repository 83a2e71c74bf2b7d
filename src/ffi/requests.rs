//! Requests and their answers.

use super::handle::{self, Object, call_mut, call_ref, with_mut};
use super::port::nsw_allocator;
use super::slices::{apart, bytes_of, input, put};
use super::status::{NSW_DONE, nsw_status};
use super::status_or;
use super::structs::{self, Versioned, check_pointer, count, count_or_none, or};
use crate::error::Result;
use crate::node::{CallId, MOST_METHOD, RequestEvent, RequestId, Requests, RequestsConfig};

/// Stands for 0 in a setting of which 0 means the default.
pub const NSW_REQUESTS_NONE: u32 = u32::MAX;
/// The most bytes of what a request is about.
pub const NSW_REQUESTS_MOST_METHOD: u32 = 64;

const _: () = assert!(NSW_REQUESTS_MOST_METHOD as usize == MOST_METHOD);

/// A member asks something: to be answered with nsw_requests_answer or nsw_requests_refuse.
pub const NSW_REQUESTS_ASKED: u32 = 1;
/// The answer to a request of another member is not wanted any more: its asker has said so, is
/// gone, or the deadline is over.
pub const NSW_REQUESTS_CANCELLED: u32 = 2;
/// A request was answered.
pub const NSW_REQUESTS_ANSWERED: u32 = 3;
/// A request was not answered, for `why`.
pub const NSW_REQUESTS_FAILED: u32 = 4;

/// No answer came in time. The request may have been done all the same.
pub const NSW_FAILURE_DEADLINE: u32 = 1;
/// The other member has no room for it now. It was not done.
pub const NSW_FAILURE_BUSY: u32 = 2;
/// The other member's application refused it.
pub const NSW_FAILURE_REFUSED: u32 = 3;
/// The other member is dead or has left. The request may have been done all the same.
pub const NSW_FAILURE_GONE: u32 = 4;

/// Settings of requests and answers. NSW_REQUESTS_CONFIG_INIT, then `mtu` and `seed`; every other
/// zero means the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_requests_config {
    /// sizeof(nsw_requests_config); NSW_REQUESTS_CONFIG_INIT sets it.
    pub size: u32,
    /// The most bytes of a message: `max_message` of nsw_node_info.
    pub mtu: u32,
    /// Where the numbers of requests begin: another one at each start.
    pub seed: u64,
    /// The most requests of this member at once, up to 65,535, `mtu` bytes each; 0: 16.
    pub requests: u32,
    /// The most requests of others at once, up to 65,535, `mtu` bytes each: those that wait for
    /// an answer, and those whose asker does not have it yet. One member has half of them at most. 0: 16; NSW_REQUESTS_NONE: none.
    pub calls: u32,
    /// The most members whose requests are known when they come again, up to 65,535: those that
    /// ask. That each is done once at most holds for so many, those that asked last. 0: 16.
    pub askers: u32,
    /// 0.
    pub reserved: u32,
    /// A request without an answer is sent again after so long, then after twice that, up to 16
    /// times it, in microseconds, up to a minute; 0: 100 ms.
    pub retry_us: u64,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_requests_config {
    const LEAST: usize = core::mem::offset_of!(nsw_requests_config, requests);
}

/// What has happened. NSW_REQUESTS_EVENT_INIT before it is filled. What the pointers lead to is
/// valid until the next call on the same object.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_requests_event {
    /// sizeof(nsw_requests_event); NSW_REQUESTS_EVENT_INIT sets it.
    pub size: u32,
    /// An NSW_REQUESTS_ constant.
    pub kind: u32,
    /// NSW_REQUESTS_ASKED, NSW_REQUESTS_CANCELLED: the name of the request here, to answer it.
    /// NSW_REQUESTS_ANSWERED, NSW_REQUESTS_FAILED: what nsw_requests_ask told.
    pub number: u64,
    /// The other member; 0 for NSW_REQUESTS_CANCELLED.
    pub member: u64,
    /// NSW_REQUESTS_ASKED: until when the answer is wanted, by the clock here.
    pub deadline_us: u64,
    /// NSW_REQUESTS_FAILED: an NSW_FAILURE_ constant.
    pub why: u32,
    /// 0.
    pub reserved: u32,
    /// NSW_REQUESTS_ASKED: what it is about.
    pub method: *const u8,
    /// Number of these bytes.
    pub method_len: usize,
    /// NSW_REQUESTS_ASKED: the request; NSW_REQUESTS_ANSWERED: the answer.
    pub message: *const u8,
    /// Number of these bytes.
    pub message_len: usize,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_requests_event {
    const LEAST: usize = size_of::<nsw_requests_event>();
}

impl From<RequestEvent<'_>> for nsw_requests_event {
    fn from(event: RequestEvent<'_>) -> nsw_requests_event {
        let none = nsw_requests_event {
            size: 0,
            kind: 0,
            number: 0,
            member: 0,
            deadline_us: 0,
            why: 0,
            reserved: 0,
            method: core::ptr::null(),
            method_len: 0,
            message: core::ptr::null(),
            message_len: 0,
        };
        match event {
            RequestEvent::Asked { call, from, method, message, deadline_us } => {
                nsw_requests_event {
                    kind: NSW_REQUESTS_ASKED,
                    number: call.0,
                    member: from,
                    deadline_us,
                    method_len: method.len(),
                    method: method.as_ptr(),
                    message: message.as_ptr(),
                    message_len: message.len(),
                    ..none
                }
            }
            RequestEvent::Cancelled { call } => {
                nsw_requests_event { kind: NSW_REQUESTS_CANCELLED, number: call.0, ..none }
            }
            RequestEvent::Answered { request, from, message } => nsw_requests_event {
                kind: NSW_REQUESTS_ANSWERED,
                number: request.0,
                member: from,
                message: message.as_ptr(),
                message_len: message.len(),
                ..none
            },
            RequestEvent::Failed { request, from, why } => nsw_requests_event {
                kind: NSW_REQUESTS_FAILED,
                number: request.0,
                member: from,
                why: why as u32,
                ..none
            },
        }
    }
}

/// What was counted. NSW_REQUESTS_INFO_INIT before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_requests_info {
    /// sizeof(nsw_requests_info); NSW_REQUESTS_INFO_INIT sets it.
    pub size: u32,
    /// The most bytes of an answer.
    pub max_answer: u32,
    /// Requests of this member.
    pub asked: u64,
    /// Times that one was sent again.
    pub repeated: u64,
    /// Requests of this member that were answered.
    pub answered: u64,
    /// Those that were not.
    pub failed: u64,
    /// Requests of others that came.
    pub calls: u64,
    /// Those that there was no room for.
    pub busy: u64,
    /// Those that came again.
    pub doubled: u64,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_requests_info {
    const LEAST: usize = size_of::<nsw_requests_info>();
}

/// Requests and answers: a part of a node (nsw_node_parts). A request goes to one member, is sent
/// again until there is an answer, and is given up at its deadline. It comes out there once at
/// most, however often it was sent (Birrell and Nelson, "Implementing remote procedure calls",
/// 1984). A member that has no room for another one says so at once. One thread at a time.
pub struct nsw_requests {
    _opaque: [u8; 0],
}

impl Object for Requests<'static> {
    type C = nsw_requests;
    const MAGIC: u32 = u32::from_le_bytes(*b"nsRq");
}

/// # Safety
/// `config` is NULL or a configuration.
unsafe fn read(config: *const nsw_requests_config) -> Result<RequestsConfig> {
    // SAFETY: the caller's word.
    let c = unsafe { structs::read(config) }?;
    if c.reserved != 0 {
        return Err(crate::Error::Invalid);
    }
    let default = RequestsConfig::new(c.mtu as usize, c.seed);
    Ok(RequestsConfig {
        requests: count(c.requests, default.requests),
        calls: count_or_none(c.calls, default.calls),
        askers: count(c.askers, default.askers),
        retry_us: or(c.retry_us, default.retry_us),
        ..default
    })
}

/// The memory that it takes: the one block that nsw_requests_create asks for, in bytes.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_INVALID for a setting outside its range.
/// Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_requests_footprint(
    config: *const nsw_requests_config,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::footprint::<Requests<'static>>(size, align, || Requests::footprint(&read(config)?))
    }
}

/// Makes it, in one block of `memory` (NULL: the system's heap). The caller owns `*requests` and
/// ends it with nsw_requests_destroy.
///
/// Errors: those of nsw_requests_footprint, NSW_ERR_NO_ALLOCATOR, NSW_ERR_OUT_OF_MEMORY,
/// NSW_ERR_ALLOCATOR. `*requests` is NULL then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_requests_create(
    config: *const nsw_requests_config,
    memory: *const nsw_allocator,
    requests: *mut *mut nsw_requests,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create_from::<Requests<'static>, _>(
            memory,
            requests,
            || read(config).and_then(|config| Ok((Requests::footprint(&config)?, config))),
            |piece, config| Requests::in_piece(&config, piece),
        )
    }
}

/// Destroys it and gives its block back. NULL is fine, and so is an already destroyed one whose
/// memory can still be read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_requests_destroy(requests: *mut nsw_requests) {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { handle::destroy::<Requests<'static>>(requests) };
}

/// Asks a member something; the answer is wanted before `deadline_us`. It goes out when the node
/// is polled; how it ends comes from nsw_requests_next, once, with the number that goes to
/// `*request` here.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_LENGTH for a method of none or of more
/// than NSW_REQUESTS_MOST_METHOD bytes, or a message that is too long: with the method and 15
/// bytes more it has to fit `mtu`. NSW_ERR_INVALID for a deadline that is over or more than 2^32
/// microseconds away, and for the bytes of an event, which are to be copied first; NSW_ERR_CAPACITY if too many are under way.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_requests_ask(
    requests: *mut nsw_requests,
    member: u64,
    method: *const u8,
    method_len: usize,
    message: *const u8,
    message_len: usize,
    deadline_us: u64,
    now_us: u64,
    request: *mut u64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Requests<'static>>(requests, |r| {
            check_pointer(request)?;
            let (method, message) = (input(method, method_len)?, input(message, message_len)?);
            apart(&r.memory(), &[bytes_of(method), bytes_of(message)])?;
            put(request, r.ask(member, method, message, deadline_us, now_us)?.0)
        })
    }
}

/// The answer to a request is not wanted any more: nothing comes of it.
///
/// Errors: those of a bad handle, NSW_ERR_NODE_REQUEST if it is not under way.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_requests_cancel(
    requests: *mut nsw_requests,
    request: u64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_mut::<Requests<'static>>(requests, |r| r.cancel(RequestId(request))) }
}

/// Answers a request of another member: its number is that of NSW_REQUESTS_ASKED.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_INVALID for the bytes of an event, which are
/// to be copied first, NSW_ERR_NODE_REQUEST if it is not waiting for an
/// answer, NSW_ERR_LENGTH for more than `max_answer` bytes (nsw_requests_describe).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_requests_answer(
    requests: *mut nsw_requests,
    call: u64,
    message: *const u8,
    message_len: usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Requests<'static>>(requests, |r| {
            let message = input(message, message_len)?;
            apart(&r.memory(), &[bytes_of(message)])?;
            r.answer(CallId(call), message)
        })
    }
}

/// Refuses a request of another member.
///
/// Errors: those of a bad handle, NSW_ERR_NODE_REQUEST if it is not waiting for an answer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_requests_refuse(requests: *mut nsw_requests, call: u64) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_mut::<Requests<'static>>(requests, |r| r.refuse(CallId(call))) }
}

/// What has happened: fills `*event`, whose `size` the caller has set. NSW_DONE if there is no
/// more (it is as it was then).
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_requests_next(
    requests: *mut nsw_requests,
    event: *mut nsw_requests_event,
) -> nsw_status {
    let next = |r: &mut Requests<'static>| {
        // SAFETY: NULL or what it should be, by the documentation above.
        unsafe { structs::check(event) }?;
        let Some(next) = r.next_event() else { return Ok(false) };
        // SAFETY: as above.
        unsafe { structs::write(event, &next.into()) }.map(|()| true)
    };
    // SAFETY: NULL or what it should be, by the documentation above.
    status_or(unsafe { with_mut::<Requests<'static>, _>(requests, next) }, NSW_DONE)
}

/// What was counted: fills `*info`, whose `size` the caller has set.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_requests_describe(
    requests: *const nsw_requests,
    info: *mut nsw_requests_info,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<Requests<'static>>(requests, |r| {
            let stats = r.stats();
            let filled = nsw_requests_info {
                size: 0,
                max_answer: r.max_answer() as u32,
                asked: stats.asked,
                repeated: stats.repeated,
                answered: stats.answered,
                failed: stats.failed,
                calls: stats.calls,
                busy: stats.busy,
                doubled: stats.doubled,
            };
            structs::write(info, &filled)
        })
    }
}
