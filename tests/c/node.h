/* What the tests of nodes share: a network of three in one process, over hooks of our own, and members with all
   parts on it. */
#ifndef NSW_TEST_NODE_H
#define NSW_TEST_NODE_H

#include <stdlib.h>
#include <string.h>

#include "support.h"

enum { MEMBERS = 3, ROOM = 256, MTU = 1280, MS = 1000, SECOND = 1000000 };

/* ---- a network ------------------------------------------------------------------------------- */

typedef struct datagram {
    uint8_t from;
    size_t len;
    uint8_t bytes[MTU];
} datagram;

typedef struct port {
    uint8_t number;
    size_t first, count;
    datagram queue[ROOM];
    nsw_status sends; /* what the hook answers */
    unsigned skipped;
} port;

static port ports[MEMBERS];

static nsw_address address_of(uint8_t number) {
    nsw_address address = NSW_ADDRESS_INIT;
    address.len = 1;
    address.bytes[0] = number;
    return address;
}

static nsw_status port_send(void *ctx, const nsw_address *to, const uint8_t *bytes, size_t len) {
    const port *self = ctx;
    if (self->sends != NSW_OK) {
        return self->sends;
    }
    if (to->len != 1 || to->bytes[0] >= MEMBERS || len > MTU) {
        return NSW_ERR_HOST_ADDRESS;
    }
    port *other = &ports[to->bytes[0]];
    if (other->count == ROOM) {
        return NSW_OK; /* lost */
    }
    datagram *d = &other->queue[(other->first + other->count++) % ROOM];
    d->from = self->number;
    d->len = len;
    memcpy(d->bytes, bytes, len);
    return NSW_OK;
}

static nsw_status port_receive(void *ctx, nsw_address *from, uint8_t *buf, size_t cap, size_t *len) {
    port *self = ctx;
    if (self->count == 0) {
        return NSW_AGAIN;
    }
    const datagram *d = &self->queue[self->first];
    *len = d->len;
    if (d->len > cap) {
        return NSW_ERR_BUFFER_TOO_SMALL;
    }
    memcpy(buf, d->bytes, d->len);
    from->len = 1;
    from->bytes[0] = d->from;
    self->first = (self->first + 1) % ROOM;
    self->count--;
    return NSW_OK;
}

static nsw_status port_skip(void *ctx) {
    port *self = ctx;
    if (self->count > 0) {
        self->first = (self->first + 1) % ROOM;
        self->count--;
        self->skipped++;
    }
    return NSW_OK;
}

static nsw_transport table_of(port *self) {
    nsw_transport table = NSW_TRANSPORT_INIT;
    table.ctx = self;
    table.send = port_send;
    table.receive = port_receive;
    table.skip = port_skip;
    return table;
}

/* ---- a member -------------------------------------------------------------------------------- */

typedef struct member {
    nsw_identity *identity;
    nsw_key key;
    nsw_node *node;
    nsw_node_info info;
    nsw_store *store;
    nsw_sharing *sharing;
    nsw_topics *topics;
    nsw_requests *requests;
    nsw_raft *raft;
    nsw_node_parts parts;
    nsw_raft *groups[2];
    unsigned events[NSW_NODE_LEFT + 1];
    unsigned publications, asked, answered, committed;
    uint64_t last_call;
} member;

static member members[MEMBERS];
static uint64_t now = SECOND;

static nsw_node_config config_of(member *m, const nsw_transport *table) {
    nsw_node_config config = NSW_NODE_CONFIG_INIT;
    config.members = 8;
    config.identity = m->identity;
    config.transport = table;
    config.network = text("test");
    config.network_len = 4;
    config.now_us = now;
    return config;
}

static void begin(uint8_t number) {
    member *m = &members[number];
    nsw_identity_config identity = NSW_IDENTITY_CONFIG_INIT;
    nsw_key seed;
    memset(seed.bytes, 10 + number, sizeof seed.bytes);
    identity.seed = &seed;
    CHECK_OK(nsw_identity_create(&identity, NULL, &m->identity));
    CHECK_OK(nsw_identity_public(m->identity, &m->key));
    ports[number].number = number;

    nsw_transport table = table_of(&ports[number]);
    nsw_node_config config = config_of(m, &table);
    nsw_address address = address_of(number);
    config.address = &address;
    config.meta = text("label");
    config.meta_len = 5;
    CHECK_OK(nsw_node_create(&config, NULL, &m->node));
    m->info = (nsw_node_info)NSW_NODE_INFO_INIT;
    CHECK_OK(nsw_node_describe(m->node, &m->info));
    uint64_t id = 0;
    CHECK_OK(nsw_member_id(&m->key, &id));
    CHECK(id == m->info.id && m->info.members == 1 && m->info.max_message > 1000);
    CHECK(memcmp(&m->info.identity, &m->key, sizeof m->key) == 0);

    nsw_store_config store = NSW_STORE_CONFIG_INIT;
    store.replica = m->info.id;
    CHECK_OK(nsw_store_create(&store, NULL, &m->store));
    nsw_sharing_config sharing = NSW_SHARING_CONFIG_INIT;
    sharing.store = &store;
    sharing.mtu = m->info.max_message;
    CHECK_OK(nsw_sharing_create(&sharing, NULL, &m->sharing));
    nsw_topics_config topics = NSW_TOPICS_CONFIG_INIT;
    topics.id = m->info.id;
    topics.mtu = m->info.max_message;
    topics.seed = number + 1u;
    CHECK_OK(nsw_topics_create(&topics, NULL, &m->topics));
    nsw_requests_config requests = NSW_REQUESTS_CONFIG_INIT;
    requests.mtu = m->info.max_message;
    requests.seed = number + 1u;
    CHECK_OK(nsw_requests_create(&requests, NULL, &m->requests));
    m->parts = (nsw_node_parts)NSW_NODE_PARTS_INIT;
    m->parts.store = m->store;
    m->parts.sharing = m->sharing;
    m->parts.topics = m->topics;
    m->parts.requests = m->requests;
}

static void begin_group(uint8_t number) {
    member *m = &members[number];
    nsw_raft_config config = NSW_RAFT_CONFIG_INIT;
    config.id = m->info.id;
    config.max_entry = 64;
    config.message = m->info.max_message;
    config.chunk = 256;
    config.sessions = 4;
    config.seed = number + 1u;
    CHECK_OK(nsw_raft_create(&config, NULL, &m->raft));
    nsw_raft_member all[MEMBERS];
    for (size_t i = 0; i < MEMBERS; i++) {
        all[i] = (nsw_raft_member)NSW_RAFT_MEMBER(members[i].info.id, NSW_RAFT_VOTER);
    }
    CHECK_OK(nsw_raft_bootstrap(m->raft, all, MEMBERS));
    CHECK_OK(nsw_raft_start(m->raft, now));
    m->groups[1] = m->raft; /* no group 0 */
    m->parts.groups = m->groups;
    m->parts.groups_len = 2;
}

static void end(uint8_t number) {
    member *m = &members[number];
    nsw_node_destroy(m->node);
    nsw_sharing_destroy(m->sharing);
    nsw_store_destroy(m->store);
    nsw_topics_destroy(m->topics);
    nsw_requests_destroy(m->requests);
    nsw_raft_destroy(m->raft);
    nsw_identity_destroy(m->identity);
    memset(m, 0, sizeof *m);
}

/* The application's turn: whether it did something that the node has to hear of. */
static bool serve(member *m) {
    bool again = false;
    nsw_node_event event = NSW_NODE_EVENT_INIT;
    nsw_status status;
    while ((status = nsw_node_next(m->node, &event)) == NSW_OK) {
        REQUIRE(event.kind >= 1 && event.kind <= NSW_NODE_LEFT);
        m->events[event.kind]++;
    }
    CHECK_STATUS(status, NSW_DONE);
    nsw_publication publication = NSW_PUBLICATION_INIT;
    while ((status = nsw_topics_next(m->topics, &publication)) == NSW_OK) {
        CHECK(publication.topic_len == 4 && memcmp(publication.topic, "news", 4) == 0);
        CHECK(publication.message_len == 5 && memcmp(publication.message, "hello", 5) == 0);
        CHECK(publication.origin == members[0].info.id);
        m->publications++;
    }
    CHECK_STATUS(status, NSW_DONE);
    nsw_requests_event request = NSW_REQUESTS_EVENT_INIT;
    while ((status = nsw_requests_next(m->requests, &request)) == NSW_OK) {
        switch (request.kind) {
        case NSW_REQUESTS_ASKED:
            CHECK(request.method_len == 5 && memcmp(request.method, "twice", 5) == 0);
            CHECK(request.message_len == 1 && request.deadline_us > now);
            m->last_call = request.number;
            m->asked++;
            CHECK_STATUS(nsw_requests_answer(m->requests, request.number, request.message, 1),
                         NSW_ERR_INVALID);
            if (request.message[0] < 100) {
                const uint8_t twice = (uint8_t)(2 * request.message[0]);
                CHECK_OK(nsw_requests_answer(m->requests, request.number, &twice, 1));
                again = true;
            }
            break;
        case NSW_REQUESTS_ANSWERED:
            CHECK(request.message_len == 1 && request.message[0] == 42);
            m->answered++;
            break;
        default:
            m->events[0] = request.kind * 10 + request.why;
        }
    }
    CHECK_STATUS(status, NSW_DONE);
    if (m->raft == NULL) {
        return again;
    }
    nsw_raft_record record = NSW_RAFT_RECORD_INIT;
    while (nsw_raft_next_record(m->raft, &record) == NSW_OK) {
        CHECK_OK(nsw_raft_durable(m->raft, record.number, now));
        again = true;
    }
    nsw_raft_entry entry = NSW_RAFT_ENTRY_INIT;
    while (nsw_raft_next_committed(m->raft, &entry) == NSW_OK) {
        m->committed += entry.data_len > 0 && entry.kind == NSW_RAFT_ENTRY_DATA;
        CHECK_OK(nsw_raft_applied(m->raft, entry.index));
    }
    nsw_raft_event raft_event = NSW_RAFT_EVENT_INIT;
    while (nsw_raft_next_event(m->raft, &raft_event) == NSW_OK) {
    }
    return again;
}

/* Time passes, a millisecond a turn. */
static void run(uint64_t time) {
    const uint64_t until = now + time;
    while (now < until) {
        now += MS;
        for (size_t i = 0; i < MEMBERS; i++) {
            member *m = &members[i];
            if (m->node == NULL) {
                continue;
            }
            uint64_t wake = 0;
            bool again = true;
            for (int turn = 0; again && turn < 100; turn++) {
                CHECK_OK(nsw_node_poll(m->node, now, &m->parts, &wake));
                again = serve(m) || wake <= now;
            }
        }
    }
}

static bool all_know_each_other(void) {
    for (size_t i = 0; i < MEMBERS; i++) {
        nsw_node_info info = NSW_NODE_INFO_INIT;
        CHECK_OK(nsw_node_describe(members[i].node, &info));
        if (info.members != MEMBERS || info.connected != MEMBERS - 1) {
            return false;
        }
    }
    return true;
}

/* Three members that know each other. */
static void a_swarm_begins(void) {
    const nsw_address first = address_of(0);
    for (uint8_t i = 0; i < MEMBERS; i++) {
        begin(i);
    }
    for (size_t i = 0; i < MEMBERS; i++) {
        for (size_t k = 0; k < MEMBERS; k++) {
            CHECK_OK(nsw_node_pin(members[i].node, &members[k].key));
        }
        const uint64_t wall_ms = 1700000000000;
        CHECK_OK(nsw_node_set_wall(members[i].node, &wall_ms, now));
        CHECK_OK(nsw_topics_subscribe(members[i].topics, text("news"), 4));
        if (i > 0) {
            CHECK_OK(nsw_node_join(members[i].node, &first, now));
        }
    }
    for (int turn = 0; turn < 20 && !all_know_each_other(); turn++) {
        run(SECOND);
    }
    REQUIRE(all_know_each_other());
    CHECK(members[1].events[NSW_NODE_JOINED] == 1 && members[2].events[NSW_NODE_JOINED] == 1);
    for (size_t i = 0; i < MEMBERS; i++) {
        CHECK(members[i].events[NSW_NODE_MEMBER_JOINED] == MEMBERS - 1);
        CHECK(members[i].events[NSW_NODE_CONNECTED] >= MEMBERS - 1);
        uint64_t id = 0;
        nsw_node_member known = NSW_NODE_MEMBER_INIT;
        unsigned count = 0;
        while (nsw_node_next_member(members[i].node, &id, &known) == NSW_OK) {
            CHECK(known.id == id && known.standing == NSW_MEMBER_ALIVE);
            CHECK(known.meta_len == 5 && memcmp(known.meta, "label", 5) == 0);
            CHECK(known.address.len == 1 && known.quarantined == 0);
            CHECK(known.connected == (id != members[i].info.id));
            count++;
        }
        CHECK(count == MEMBERS);
        nsw_node_member other = NSW_NODE_MEMBER_INIT;
        CHECK_OK(nsw_node_member_info(members[i].node, members[0].info.id, &other));
        CHECK(other.address.bytes[0] == 0);
        CHECK_STATUS(nsw_node_member_info(members[i].node, 7, &other), NSW_ERR_NODE_PEER);
    }
}

static void end_all(void) {
    for (uint8_t i = 0; i < MEMBERS; i++) {
        end(i);
    }
}

#endif
