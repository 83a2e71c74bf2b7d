//! Publish and subscribe.

use super::handle::{self, Object, call_mut, call_ref, with_mut};
use super::part::CPart;
use super::port::nsw_allocator;
use super::slices::{input, may_tell, tell};
use super::status::{NSW_DONE, nsw_status};
use super::status_or;
use super::structs::{self, Versioned, count, count_or_none};
use crate::error::{Error, Result};
use crate::node::{MOST_TOPIC, Publication, Topics, TopicsConfig};

/// Stands for 0 in a setting of which 0 means the default.
pub const NSW_TOPICS_NONE: u32 = u32::MAX;
/// The most bytes of a topic's name.
pub const NSW_TOPICS_MOST_NAME: u32 = 64;

const _: () = assert!(NSW_TOPICS_MOST_NAME as usize == MOST_TOPIC);

/// Settings of publish and subscribe. NSW_TOPICS_CONFIG_INIT, then `id`, `mtu` and `seed`; every
/// other zero means the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_topics_config {
    /// sizeof(nsw_topics_config); NSW_TOPICS_CONFIG_INIT sets it.
    pub size: u32,
    /// The most bytes of a message: `max_message` of nsw_node_info.
    pub mtu: u32,
    /// This member's number: `id` of nsw_node_info.
    pub id: u64,
    /// For choices by chance, and where the numbers of publications begin: another one at each
    /// member, and at each start.
    pub seed: u64,
    /// The most topics that are subscribed to, up to 65,535; 0: 16; NSW_TOPICS_NONE: none.
    pub topics: u32,
    /// The most publications that wait for the caller, up to 65,535, `mtu` bytes each; what comes
    /// to more is dropped, and counted. 0: 16.
    pub inbox: u32,
    /// The most publications that wait to be sent, or handed on, up to 65,535, `mtu` bytes each;
    /// 0: 16.
    pub outbox: u32,
    /// So many publications are remembered, to know those that come again, up to 65,535: many
    /// more than are under way at once. 0: 256.
    pub recent: u32,
    /// Each is sent to so many members, up to 16; 0: by the number of members.
    pub fanout: u32,
    /// 0.
    pub reserved: u32,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_topics_config {
    const LEAST: usize = core::mem::offset_of!(nsw_topics_config, topics);
}

/// Something that a member has said to all. NSW_PUBLICATION_INIT before it is filled. What the
/// pointers lead to is valid until the next call on the same object.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_publication {
    /// sizeof(nsw_publication); NSW_PUBLICATION_INIT sets it.
    pub size: u32,
    /// Bytes of the topic.
    pub topic_len: u32,
    /// What it is about.
    pub topic: *const u8,
    /// Who says it says that it comes from this member; those that hand it on could lie.
    pub origin: u64,
    /// Its number there: each has another one.
    pub number: u64,
    /// What was published.
    pub message: *const u8,
    /// Number of these bytes.
    pub message_len: usize,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_publication {
    const LEAST: usize = size_of::<nsw_publication>();
}

impl From<Publication<'_>> for nsw_publication {
    fn from(publication: Publication<'_>) -> nsw_publication {
        nsw_publication {
            size: 0,
            topic_len: publication.topic.len() as u32,
            topic: publication.topic.as_ptr(),
            origin: publication.origin,
            number: publication.number,
            message: publication.message.as_ptr(),
            message_len: publication.message.len(),
        }
    }
}

/// What was counted. NSW_TOPICS_INFO_INIT before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_topics_info {
    /// sizeof(nsw_topics_info); NSW_TOPICS_INFO_INIT sets it.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// Publications of this member.
    pub published: u64,
    /// Publications that came for the first time.
    pub received: u64,
    /// Publications that came again.
    pub repeated: u64,
    /// Publications that the caller did not get, because too many were waiting for it.
    pub dropped: u64,
    /// Publications that were not handed on, because too many were waiting for that.
    pub stuck: u64,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_topics_info {
    const LEAST: usize = size_of::<nsw_topics_info>();
}

/// Publish and subscribe: a part of a node (nsw_node_parts). A publication goes to some members
/// by chance, each of which hands it on to others once (Eugster et al., "Epidemic information
/// dissemination in distributed systems", 2004). It may get lost, and publications may come in
/// another order; each comes once. What has to arrive belongs in a store or a log. One thread at
/// a time.
pub struct nsw_topics {
    _opaque: [u8; 0],
}

pub(super) type CTopics = CPart<Topics<'static>>;

impl Object for CTopics {
    type C = nsw_topics;
    const MAGIC: u32 = u32::from_le_bytes(*b"nsTo");
}

/// # Safety
/// `config` is NULL or a configuration.
unsafe fn read(config: *const nsw_topics_config) -> Result<TopicsConfig> {
    // SAFETY: the caller's word.
    let c = unsafe { structs::read(config) }?;
    if c.reserved != 0 {
        return Err(Error::Invalid);
    }
    let default = TopicsConfig::new(c.id, c.mtu as usize, c.seed);
    Ok(TopicsConfig {
        topics: count_or_none(c.topics, default.topics),
        inbox: count(c.inbox, default.inbox),
        outbox: count(c.outbox, default.outbox),
        recent: count(c.recent, default.recent),
        fanout: c.fanout as usize,
        ..default
    })
}

/// The memory that it takes: the one block that nsw_topics_create asks for, in bytes.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_INVALID for a setting outside its range.
/// Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_topics_footprint(
    config: *const nsw_topics_config,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { handle::footprint::<CTopics>(size, align, || Topics::footprint(&read(config)?)) }
}

/// Makes it, in one block of `memory` (NULL: the system's heap). Nothing is subscribed to. The
/// caller owns `*topics` and ends it with nsw_topics_destroy.
///
/// Errors: those of nsw_topics_footprint, NSW_ERR_NO_ALLOCATOR, NSW_ERR_OUT_OF_MEMORY,
/// NSW_ERR_ALLOCATOR. `*topics` is NULL then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_topics_create(
    config: *const nsw_topics_config,
    memory: *const nsw_allocator,
    topics: *mut *mut nsw_topics,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create_from::<CTopics, _>(
            memory,
            topics,
            || read(config).and_then(|config| Ok((Topics::footprint(&config)?, config))),
            |piece, config| Topics::in_piece(&config, piece).map(CPart::new),
        )
    }
}

/// Destroys it and gives its block back. NULL is fine, and so is an already destroyed one whose
/// memory can still be read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_topics_destroy(topics: *mut nsw_topics) {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { handle::destroy::<CTopics>(topics) };
}

/// From now on, publications under this topic come out of nsw_topics_next. One that is subscribed
/// to already stays so.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_LENGTH for a name of none or of more than
/// NSW_TOPICS_MOST_NAME bytes, NSW_ERR_CAPACITY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_topics_subscribe(
    topics: *mut nsw_topics,
    topic: *const u8,
    topic_len: usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_mut::<CTopics>(topics, |t| t.subscribe(input(topic, topic_len)?)) }
}

/// Ends what nsw_topics_subscribe began. What waits already still comes.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_INVALID if it was not subscribed to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_topics_unsubscribe(
    topics: *mut nsw_topics,
    topic: *const u8,
    topic_len: usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<CTopics>(topics, |t| {
            t.unsubscribe(input(topic, topic_len)?).then_some(()).ok_or(Error::Invalid)
        })
    }
}

/// Says something to all that have subscribed to a topic; to this member, too, if it has. It goes
/// out when the node is polled. Its number goes to `*number`, which may be NULL.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_LENGTH for a bad topic or a message that
/// is too long: with the topic and 19 bytes more it has to fit `mtu`. NSW_ERR_CAPACITY if too many
/// are waiting to be sent, or to be taken here. Nothing is said then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_topics_publish(
    topics: *mut nsw_topics,
    topic: *const u8,
    topic_len: usize,
    message: *const u8,
    message_len: usize,
    number: *mut u64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<CTopics>(topics, |t| {
            may_tell(number)?;
            let (topic, message) = (input(topic, topic_len)?, input(message, message_len)?);
            tell(number, t.publish(topic, message)?)
        })
    }
}

/// The next publication under a topic that is subscribed to: fills `*publication`, whose `size`
/// the caller has set. NSW_DONE if there is none now (it is as it was then).
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_topics_next(
    topics: *mut nsw_topics,
    publication: *mut nsw_publication,
) -> nsw_status {
    let next = |t: &mut CTopics| {
        // SAFETY: NULL or what it should be, by the documentation above.
        unsafe {
            structs::fill(publication, || Ok(t.next_publication().map(nsw_publication::from)))
        }
    };
    // SAFETY: NULL or what it should be, by the documentation above.
    status_or(unsafe { with_mut::<CTopics, _>(topics, next) }, NSW_DONE)
}

/// What was counted: fills `*info`, whose `size` the caller has set.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_topics_describe(
    topics: *const nsw_topics,
    info: *mut nsw_topics_info,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<CTopics>(topics, |t| {
            let stats = t.stats();
            let filled = nsw_topics_info {
                size: 0,
                reserved: 0,
                published: stats.published,
                received: stats.received,
                repeated: stats.repeated,
                dropped: stats.dropped,
                stuck: stats.stuck,
            };
            structs::write(info, &filled)
        })
    }
}
