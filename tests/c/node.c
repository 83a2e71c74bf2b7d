/* Members of a swarm in one process, over hooks of our own: who is there, a shared store, a group
   that agrees, publications, requests; and what is refused. */
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

/* ---- the tests ------------------------------------------------------------------------------- */

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

static void what_is_said_of_oneself_is_known(void) {
    const nsw_address address = address_of(1);
    CHECK_OK(nsw_node_set_said(members[1].node, &address, text("other"), 5, now));
    run(2 * SECOND);
    nsw_node_member known = NSW_NODE_MEMBER_INIT;
    CHECK_OK(nsw_node_member_info(members[2].node, members[1].info.id, &known));
    CHECK(known.meta_len == 5 && memcmp(known.meta, "other", 5) == 0);
    CHECK(members[2].events[NSW_NODE_MEMBER_SAID] >= 1);
    nsw_node_member own = NSW_NODE_MEMBER_INIT;
    CHECK_OK(nsw_node_member_info(members[1].node, members[1].info.id, &own));
    CHECK_STATUS(nsw_node_set_said(members[1].node, &address, own.meta, own.meta_len, now),
                 NSW_ERR_INVALID);
    uint8_t long_meta[65] = {0};
    CHECK_STATUS(nsw_node_set_said(members[1].node, &address, long_meta, 65, now), NSW_ERR_LENGTH);
}

static void a_store_is_shared(void) {
    uint64_t key = 0;
    CHECK_OK(nsw_store_open(members[0].store, NSW_STORE_ROOT, text("set"), 3,
                            NSW_STORE_ADD_WINS_SET, &key));
    CHECK_OK(nsw_store_add(members[0].store, key, text("x"), 1));
    run(50 * MS);
    for (size_t i = 0; i < MEMBERS; i++) {
        uint64_t there = 0;
        uint32_t has = 0;
        CHECK_OK(nsw_store_open(members[i].store, NSW_STORE_ROOT, text("set"), 3,
                                NSW_STORE_ADD_WINS_SET, &there));
        CHECK_OK(nsw_store_contains(members[i].store, there, text("x"), 1, &has));
        CHECK_NOTE(has == 1, "member %d", (int)i);
    }
    nsw_sharing_info info = NSW_SHARING_INFO_INIT;
    CHECK_OK(nsw_sharing_describe(members[0].sharing, &info));
    CHECK(info.told >= 2 && info.compared >= 1 && info.full == 0);
}

static void publications_reach_all(void) {
    uint64_t number = 0;
    CHECK_OK(nsw_topics_publish(members[0].topics, text("news"), 4, text("hello"), 5, &number));
    CHECK_OK(nsw_topics_publish(members[0].topics, text("more"), 4, text("hello"), 5, NULL));
    run(50 * MS);
    for (size_t i = 0; i < MEMBERS; i++) {
        CHECK_NOTE(members[i].publications == 1, "member %d", (int)i);
    }
    nsw_topics_info info = NSW_TOPICS_INFO_INIT;
    CHECK_OK(nsw_topics_describe(members[0].topics, &info));
    CHECK(info.published == 2 && info.dropped == 0);
    CHECK_OK(nsw_topics_unsubscribe(members[2].topics, text("news"), 4));
    CHECK_STATUS(nsw_topics_unsubscribe(members[2].topics, text("news"), 4), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_topics_subscribe(members[2].topics, text(""), 0), NSW_ERR_LENGTH);
    CHECK_STATUS(nsw_topics_publish(members[2].topics, text("news"), 4, NULL, 1, NULL),
                 NSW_ERR_NULL);
}

static void requests_are_answered(void) {
    nsw_requests *own = members[0].requests;
    const uint64_t to = members[1].info.id;
    const uint8_t value = 21, kept = 100;
    uint64_t request = 0;
    CHECK_OK(nsw_requests_ask(own, to, text("twice"), 5, &value, 1, now + SECOND, now, &request));
    run(50 * MS);
    CHECK(members[0].answered == 1 && members[1].asked == 1 && request != 0);
    /* Refused by the application. */
    CHECK_OK(nsw_requests_ask(own, to, text("twice"), 5, &kept, 1, now + SECOND, now, &request));
    run(50 * MS);
    CHECK(members[1].asked == 2);
    CHECK_OK(nsw_requests_refuse(members[1].requests, members[1].last_call));
    CHECK_STATUS(nsw_requests_refuse(members[1].requests, members[1].last_call),
                 NSW_ERR_NODE_REQUEST);
    run(50 * MS);
    CHECK(members[0].events[0] == NSW_REQUESTS_FAILED * 10 + NSW_FAILURE_REFUSED);
    /* Cancelled. */
    CHECK_OK(nsw_requests_ask(own, to, text("twice"), 5, &kept, 1, now + SECOND, now, &request));
    run(50 * MS);
    CHECK_OK(nsw_requests_cancel(own, request));
    CHECK_STATUS(nsw_requests_cancel(own, request), NSW_ERR_NODE_REQUEST);
    run(50 * MS);
    CHECK(members[1].events[0] == NSW_REQUESTS_CANCELLED * 10);
    CHECK_STATUS(nsw_requests_answer(members[1].requests, members[1].last_call, &value, 1),
                 NSW_ERR_NODE_REQUEST);
    /* Its time runs out. */
    CHECK_OK(nsw_requests_ask(own, to, text("twice"), 5, &kept, 1, now + SECOND, now, &request));
    run(2 * SECOND);
    CHECK(members[0].events[0] == NSW_REQUESTS_FAILED * 10 + NSW_FAILURE_DEADLINE);
    nsw_requests_info info = NSW_REQUESTS_INFO_INIT;
    CHECK_OK(nsw_requests_describe(own, &info));
    CHECK(info.asked == 4 && info.answered == 1 && info.failed == 2 && info.max_answer > 1000);
    CHECK_STATUS(nsw_requests_ask(own, to, text(""), 0, &kept, 1, now + 1, now, &request),
                 NSW_ERR_LENGTH);
    CHECK_STATUS(nsw_requests_ask(own, to, text("m"), 1, &kept, 1, now, now, &request),
                 NSW_ERR_INVALID);
}

static void a_group_agrees(void) {
    for (uint8_t i = 0; i < MEMBERS; i++) {
        begin_group(i);
    }
    member *leader = NULL;
    for (int turn = 0; turn < 20 && leader == NULL; turn++) {
        run(SECOND);
        for (size_t i = 0; i < MEMBERS; i++) {
            nsw_raft_info info = NSW_RAFT_INFO_INIT;
            CHECK_OK(nsw_raft_describe(members[i].raft, &info));
            if (info.role == NSW_RAFT_LEADER) {
                leader = &members[i];
            }
        }
    }
    REQUIRE(leader != NULL);
    uint64_t index = 0;
    CHECK_OK(nsw_raft_propose(leader->raft, text("agreed"), 6, 0, 0, now, &index));
    run(SECOND);
    for (size_t i = 0; i < MEMBERS; i++) {
        CHECK_NOTE(members[i].committed == 1, "member %d", (int)i);
    }
}

static void datagrams_are_taken_by_hand_and_long_ones_thrown_away(void) {
    const nsw_address from = address_of(2);
    static uint8_t bytes[4096];
    nsw_node_info before = NSW_NODE_INFO_INIT, after = NSW_NODE_INFO_INIT;
    CHECK_OK(nsw_node_describe(members[0].node, &before));
    CHECK_OK(nsw_node_receive(members[0].node, &from, bytes, 100, now, &members[0].parts));
    CHECK_OK(nsw_node_receive(members[0].node, &from, bytes, 0, now, NULL));
    CHECK_STATUS(nsw_node_receive(members[0].node, &from, bytes, 4096, now, NULL), NSW_ERR_LENGTH);
    CHECK_OK(nsw_node_describe(members[0].node, &after));
    CHECK(after.refused == before.refused + 2);
    /* One that is longer than the node takes comes through the transport. */
    port *self = &ports[0];
    self->queue[(self->first + self->count++) % ROOM].len = 2049;
    run(MS);
    CHECK(self->skipped == 1);
    nsw_transport none = table_of(self);
    none.skip = NULL;
    nsw_node *node = NULL;
    nsw_node_config config = config_of(&members[0], &none);
    CHECK_OK(nsw_node_create(&config, NULL, &node));
    self->queue[(self->first + self->count++) % ROOM].len = 2049;
    CHECK_STATUS(nsw_node_poll(node, now, NULL, NULL), NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_STATUS(nsw_node_poll(node, now, NULL, NULL), NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_OK(port_skip(self));
    CHECK_OK(nsw_node_poll(node, now, NULL, NULL));
    nsw_node_destroy(node);
}

static void what_hooks_refuse_is_counted(void) {
    nsw_node_info before = NSW_NODE_INFO_INIT, after = NSW_NODE_INFO_INIT;
    CHECK_OK(nsw_node_describe(members[1].node, &before));
    ports[1].sends = NSW_ERR_HOST_IO;
    run(500 * MS);
    CHECK_OK(nsw_node_describe(members[1].node, &after));
    CHECK(after.unsent > before.unsent && after.sent == before.sent);
    ports[1].sends = NSW_OK;
    run(5 * SECOND);
    CHECK(all_know_each_other());
}

static void trust_may_end(void) {
    const nsw_key other = members[2].key;
    CHECK_OK(nsw_node_unpin(members[0].node, &other));
    CHECK_STATUS(nsw_node_unpin(members[0].node, &other), NSW_ERR_COMM_PEER);
    CHECK_OK(nsw_node_disconnect(members[0].node, members[2].info.id));
    run(3 * SECOND);
    nsw_node_member known = NSW_NODE_MEMBER_INIT;
    CHECK_OK(nsw_node_member_info(members[0].node, members[2].info.id, &known));
    CHECK(known.connected == 0);
    CHECK(members[2].events[NSW_NODE_DISCONNECTED] >= 1); /* who ended it knows */
    CHECK_STATUS(nsw_node_disconnect(members[0].node, members[2].info.id), NSW_ERR_NODE_PEER);
    /* A certificate does as well. */
    nsw_certificate fields = NSW_CERTIFICATE_INIT;
    fields.serial = 1;
    fields.not_after = 2000000000;
    uint8_t certificate[NSW_CERTIFICATE_SIZE];
    size_t len = 0;
    CHECK_OK(nsw_certificate_issue(members[1].identity, &other, &fields, certificate,
                                   sizeof certificate, &len));
    CHECK_OK(nsw_node_set_certificate(members[2].node, certificate, len));
    CHECK_STATUS(nsw_node_set_certificate(members[2].node, certificate, 5), NSW_ERR_COMM_FORMAT);
    CHECK_OK(nsw_node_add_authority(members[0].node, &members[1].key, 0));
    run(5 * SECOND);
    CHECK_OK(nsw_node_member_info(members[0].node, members[2].info.id, &known));
    CHECK(known.connected == 1);
    CHECK_OK(nsw_node_remove_authority(members[0].node, &members[1].key));
    CHECK_STATUS(nsw_node_remove_authority(members[0].node, &members[1].key), NSW_ERR_COMM_PEER);
    CHECK_OK(nsw_node_set_certificate(members[2].node, NULL, 0));
    CHECK_OK(nsw_node_set_wall(members[0].node, NULL, now));
    CHECK_OK(nsw_node_pin(members[0].node, &other));
}

static void nobody_is_a_suspect(void) {
    nsw_node_evidence evidence = NSW_NODE_EVIDENCE_INIT;
    for (size_t i = 0; i < MEMBERS; i++) {
        CHECK_STATUS(nsw_node_evidence_of(members[0].node, members[i].info.id, &evidence),
                     NSW_ERR_NODE_PEER);
        CHECK_STATUS(nsw_node_forgive(members[0].node, members[i].info.id), NSW_ERR_NODE_PEER);
    }
}

static void a_member_leaves(void) {
    CHECK_OK(nsw_node_leave(members[2].node, now));
    const nsw_address first = address_of(0);
    CHECK_STATUS(nsw_node_join(members[2].node, &first, now), NSW_ERR_NODE_LEFT);
    run(5 * SECOND);
    CHECK(members[2].events[NSW_NODE_LEFT] == 1);
    CHECK(members[0].events[NSW_NODE_MEMBER_LEFT] == 1);
    CHECK(members[1].events[NSW_NODE_MEMBER_LEFT] == 1);
    CHECK(members[1].events[NSW_NODE_MEMBER_DIED] == 0);
}

/* ---- misuse ---------------------------------------------------------------------------------- */

static void parts_are_looked_at(void) {
    member *m = &members[0];
    nsw_node_parts parts = NSW_NODE_PARTS_INIT;
    uint64_t wake = 0;
    parts.store = m->store;
    CHECK_STATUS(nsw_node_poll(m->node, now, &parts, &wake), NSW_ERR_NULL);
    parts = (nsw_node_parts)NSW_NODE_PARTS_INIT;
    parts.sharing = m->sharing;
    CHECK_STATUS(nsw_node_poll(m->node, now, &parts, &wake), NSW_ERR_NULL);
    parts = (nsw_node_parts)NSW_NODE_PARTS_INIT;
    parts.topics = (nsw_topics *)(void *)m->requests;
    CHECK_STATUS(nsw_node_poll(m->node, now, &parts, &wake), NSW_ERR_HANDLE);
    parts = (nsw_node_parts)NSW_NODE_PARTS_INIT;
    parts.groups_len = 1;
    CHECK_STATUS(nsw_node_poll(m->node, now, &parts, &wake), NSW_ERR_NULL);
    nsw_raft *groups[NSW_NODE_MOST_GROUPS + 1];
    for (size_t i = 0; i < NSW_NODE_MOST_GROUPS + 1; i++) {
        groups[i] = m->raft;
    }
    parts.groups = groups;
    parts.groups_len = NSW_NODE_MOST_GROUPS + 1;
    CHECK_STATUS(nsw_node_poll(m->node, now, &parts, &wake), NSW_ERR_INVALID);
    parts.groups_len = 2; /* the same twice */
    CHECK_STATUS(nsw_node_poll(m->node, now, &parts, &wake), NSW_ERR_BUSY);
    parts.size = 3;
    CHECK_STATUS(nsw_node_poll(m->node, now, &parts, &wake), NSW_ERR_STRUCT_SIZE);
    /* None of them is held, or worse, for that. */
    CHECK_OK(nsw_node_poll(m->node, now, &m->parts, &wake));
    CHECK(wake > 0);
}

/* A hook that calls back. */
static nsw_node *called_back;
static nsw_status calls_back(void *ctx, nsw_address *from, uint8_t *buf, size_t cap, size_t *len) {
    (void)ctx, (void)from, (void)buf, (void)cap, (void)len;
    CHECK_STATUS(nsw_node_poll(called_back, now, NULL, NULL), NSW_ERR_BUSY);
    return NSW_ERR_HOST_IO;
}

static void configurations_are_looked_at(void) {
    nsw_transport table = table_of(&ports[0]);
    nsw_node_config config = config_of(&members[0], &table);
    nsw_node *node = NULL;
    size_t size = 0, align = 0;
    CHECK_OK(nsw_node_footprint(&config, &size, &align));
    CHECK(size > 1000 && align >= 8);
    config.members = 1;
    CHECK_STATUS(nsw_node_footprint(&config, &size, &align), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_node_create(&config, NULL, &node), NSW_ERR_INVALID);
    CHECK(node == NULL);
    config = config_of(&members[0], &table);
    config.strikes = 256;
    CHECK_STATUS(nsw_node_create(&config, NULL, &node), NSW_ERR_INVALID);
    config = config_of(&members[0], NULL);
    CHECK_STATUS(nsw_node_create(&config, NULL, &node), NSW_ERR_NULL);
    table.send = NULL;
    config = config_of(&members[0], &table);
    CHECK_STATUS(nsw_node_create(&config, NULL, &node), NSW_ERR_NULL);
    table = table_of(&ports[0]);
    config = config_of(&members[0], &table);
    config.identity = NULL;
    CHECK_STATUS(nsw_node_create(&config, NULL, &node), NSW_ERR_NULL);
    config.size = 8;
    CHECK_STATUS(nsw_node_create(&config, NULL, &node), NSW_ERR_STRUCT_SIZE);
    CHECK_STATUS(nsw_node_create(NULL, NULL, &node), NSW_ERR_NULL);
    CHECK_STATUS(nsw_member_id(NULL, NULL), NSW_ERR_NULL);
    nsw_node_destroy(NULL);

    /* Small, with a secret of the network, in an arena. */
    static uint64_t memory[32768 / 8];
    nsw_arena *arena = NULL;
    nsw_allocator in_arena = NSW_ALLOCATOR_INIT;
    const nsw_key psk = {{7}};
    CHECK_OK(nsw_arena_create((uint8_t *)memory, sizeof memory, &arena));
    CHECK_OK(nsw_arena_allocator(arena, &in_arena));
    config = config_of(&members[0], &table);
    config.psk = &psk;
    config.small = 1;
    config.peers = 3;
    config.mtu = 512;
    config.datagram = 512;
    config.seed = 3;
    config.incarnation = 5;
    CHECK_OK(nsw_node_create(&config, &in_arena, &node));
    nsw_node_member own = NSW_NODE_MEMBER_INIT;
    CHECK_OK(nsw_node_member_info(node, members[0].info.id, &own));
    CHECK(own.incarnation == 5 && own.address.len == 0);
    nsw_node_destroy(node);
    nsw_arena_destroy(arena);

    table.receive = calls_back;
    config = config_of(&members[0], &table);
    CHECK_OK(nsw_node_create(&config, NULL, &called_back));
    CHECK_STATUS(nsw_node_poll(called_back, now, NULL, NULL), NSW_ERR_HOST_IO);
    nsw_node_destroy(called_back);

    nsw_sharing_config sharing = NSW_SHARING_CONFIG_INIT;
    nsw_store_config store = NSW_STORE_CONFIG_INIT;
    CHECK_STATUS(nsw_sharing_footprint(&sharing, &size, &align), NSW_ERR_NULL);
    sharing.store = &store;
    sharing.mtu = 100; /* too short for eight replicas */
    CHECK_STATUS(nsw_sharing_footprint(&sharing, &size, &align), NSW_ERR_INVALID);
    nsw_topics_config topics = NSW_TOPICS_CONFIG_INIT;
    CHECK_STATUS(nsw_topics_footprint(&topics, &size, &align), NSW_ERR_INVALID);
    topics.mtu = 200;
    topics.topics = NSW_TOPICS_NONE;
    CHECK_OK(nsw_topics_footprint(&topics, &size, &align));
    topics.reserved = 1;
    CHECK_STATUS(nsw_topics_footprint(&topics, &size, &align), NSW_ERR_INVALID);
    nsw_requests_config requests = NSW_REQUESTS_CONFIG_INIT;
    CHECK_STATUS(nsw_requests_footprint(&requests, &size, &align), NSW_ERR_INVALID);
    requests.mtu = 200;
    requests.calls = NSW_REQUESTS_NONE;
    CHECK_OK(nsw_requests_footprint(&requests, &size, &align));
    requests.reserved = 1;
    CHECK_STATUS(nsw_requests_footprint(&requests, &size, &align), NSW_ERR_INVALID);
}

int main(void) {
    a_swarm_begins();
    what_is_said_of_oneself_is_known();
    a_store_is_shared();
    publications_reach_all();
    requests_are_answered();
    a_group_agrees();
    datagrams_are_taken_by_hand_and_long_ones_thrown_away();
    what_hooks_refuse_is_counted();
    trust_may_end();
    nobody_is_a_suspect();
    parts_are_looked_at();
    configurations_are_looked_at();
    a_member_leaves();
    for (uint8_t i = 0; i < MEMBERS; i++) {
        end(i);
    }
    return check_report("node");
}
