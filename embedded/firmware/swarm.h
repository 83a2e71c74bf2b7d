/* What the members of a small swarm on a serial bus have in common: boards (node.c) and members on a
 * larger machine (embedded/host/swarm.c). All hang on one bus, as on RS-485: each frame says whom it is for.
 * Their addresses on it are one byte, their numbers from 0 on. */
#ifndef SWARM_H
#define SWARM_H

#include <stddef.h>
#include <stdint.h>

#include "neural_swarm.h"

enum {
    SWARM_VOTERS = 5,    /* members 0 to 4 agree with each other */
    SWARM_MEMBERS = 16,  /* the most that there may be */
    SWARM_HEAD = 2,      /* in front of each datagram: whom it is for, and from whom */
    SWARM_DATAGRAM = 510,
    SWARM_FRAME = SWARM_HEAD + SWARM_DATAGRAM,
    SWARM_KEYS = 64,     /* of the shared store */
    SWARM_ENTRY = 64,    /* the most bytes of what is agreed on */
    SWARM_ENTRIES = 32,  /* the last ones, which a board has in memory */
    PIXELS = 64,
    DIGITS = 10
};

/* What members ask each other (nsw_requests):
 *   "digits"  some images of 64 grey levels, 0 to 16; the answer: 10 outputs of the int8 network for each
 *   "told"    what a member knows, for an outsider to compare; the answer: the counter (8 bytes), how
 *             many members there are (4), how many entries were agreed on (4), an FNV-1a hash of them, in
 *             their order (4), all little-endian
 *   "leave"   that it goes; an empty answer comes before */
enum { TOLD = 20, MOST_IMAGES = 5 };

/* What is written to a board's flash when it is made. It has no private key of Ed25519, and no code that
 * signs: the binding is its identity's signature over its key for handshakes (docs/link-format.md), made once. */
struct provisioned {
    uint32_t number;
    uint32_t random; /* THIS IS FOR A TEST ALONE: a board has a generator of random numbers */
    nsw_key identity, noise, noise_private;
    nsw_signature binding;
    nsw_key voters[SWARM_VOTERS]; /* who is trusted */
};

static const uint8_t swarm_name[] = {'s', 'e', 'r', 'i', 'a', 'l'};
static const uint8_t swarm_counter[] = {'t', 'o', 't', 'a', 'l'};

static inline nsw_address swarm_address(uint32_t number)
{
    nsw_address address = NSW_ADDRESS_INIT;
    address.len = 1;
    address.bytes[0] = (uint8_t)number;
    return address;
}

/* Settings of all of them, so that what one sends fits the others. The caller adds what is its own. */
static inline nsw_node_config swarm_node(void)
{
    nsw_node_config config = NSW_NODE_CONFIG_INIT;
    config.members = SWARM_MEMBERS;
    config.small = 1;
    config.handshakes = 4;
    config.suspects = 4;
    config.mtu = SWARM_DATAGRAM;
    config.datagram = SWARM_DATAGRAM;
    config.most_meta = 8;
    config.network = swarm_name;
    config.network_len = sizeof swarm_name;
    config.budget = 16;
    return config;
}

static inline nsw_store_config swarm_store(void)
{
    nsw_store_config config = NSW_STORE_CONFIG_INIT;
    config.keys = SWARM_KEYS;
    config.items = 96;
    config.bytes = 2048;
    config.replicas = SWARM_MEMBERS;
    config.log = 64;
    config.early = 4;
    config.max_ahead_ms = UINT64_MAX; /* boards have no time of day */
    return config;
}

/* No snapshots: a board's flash has room for all that this swarm agrees on. */
static inline nsw_raft_config swarm_raft(void)
{
    nsw_raft_config config = NSW_RAFT_CONFIG_INIT;
    config.peers = SWARM_VOTERS;
    config.election_us = 1000000;
    config.heartbeat_us = 200000;
    config.entries = SWARM_ENTRIES;
    config.bytes = SWARM_ENTRIES * SWARM_ENTRY;
    config.max_entry = SWARM_ENTRY;
    config.chunk = 96;
    config.sessions = NSW_RAFT_NONE;
    config.reads = 2;
    config.inflight = 4;
    config.forwards = 1;
    return config;
}

/* A serial line takes its time: what is not answered at once is not asked again at once. */
static inline nsw_requests_config swarm_requests(void)
{
    nsw_requests_config config = NSW_REQUESTS_CONFIG_INIT;
    config.retry_us = 2000000;
    return config;
}

/* FNV-1a over the entries, and a zero behind each. */
#define SWARM_HASH 0x811c9dc5u
static inline uint32_t swarm_hash(uint32_t hash, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ bytes[i]) * 16777619u;
    return hash * 16777619u;
}

static inline void swarm_put(uint8_t *out, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        out[i] = (uint8_t)(value >> (8 * i));
}

static inline uint64_t swarm_get(const uint8_t *in, size_t bytes)
{
    uint64_t value = 0;
    for (size_t i = bytes; i-- > 0;)
        value = value << 8 | in[i];
    return value;
}

#endif
