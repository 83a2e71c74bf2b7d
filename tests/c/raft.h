/*
 * What the tests of Raft nodes share: a few nodes in one program, with storage and a network in
 * memory, and an application that appends what it is told.
 */
#ifndef NSW_TEST_RAFT_H
#define NSW_TEST_RAFT_H

#include <stdlib.h>
#include <string.h>

#include "support.h"

enum { NODES = 4, RECORDS = 512, QUEUE = 128, LONGEST = 4096, STATE = 4096 };

/* Storage keeps records as they were given, and the latest snapshot of the application. */
typedef struct kept {
    nsw_raft_record record;
    uint8_t *bytes;
} kept;

typedef struct node {
    uint64_t id;
    nsw_raft_config cfg;
    nsw_raft *raft;
    kept records[RECORDS];
    size_t record_count;
    uint64_t snapshot;
    uint8_t snapshot_bytes[STATE], arriving[STATE];
    size_t snapshot_len;
    char state[STATE]; /* what was applied, one behind the other */
    uint64_t applied;
    nsw_raft_event last[9]; /* the last event of each kind */
    bool cut_off;
} node;

typedef struct letter {
    uint64_t from, to;
    size_t len;
    uint8_t bytes[LONGEST];
} letter;

typedef struct cluster {
    node nodes[NODES];
    size_t count;
    uint64_t now;
    letter queue[QUEUE];
    size_t queued;
} cluster;

static inline nsw_raft_config config_of(uint64_t id) {
    nsw_raft_config cfg = NSW_RAFT_CONFIG_INIT;
    cfg.id = id;
    cfg.seed = 7;
    cfg.peers = NODES;
    cfg.entries = 32;
    cfg.bytes = 1024;
    cfg.max_entry = 64;
    cfg.chunk = 100;
    cfg.sessions = 4;
    cfg.reads = 4;
    cfg.message = 1024;
    return cfg;
}

static inline nsw_raft_info info_of(const nsw_raft *raft) {
    nsw_raft_info info = NSW_RAFT_INFO_INIT;
    CHECK_OK(nsw_raft_describe(raft, &info));
    return info;
}

static inline uint8_t *copy_of(const uint8_t *bytes, size_t len) {
    uint8_t *copy = (uint8_t *)malloc(len + 1);
    REQUIRE(copy != NULL);
    if (len > 0) {
        memcpy(copy, bytes, len);
    }
    return copy;
}

/* A record as storage has it: both parts one behind the other. */
static inline void keep(node *n, const nsw_raft_record *record) {
    REQUIRE(n->record_count < RECORDS);
    kept *place = &n->records[n->record_count++];
    place->record = *record;
    place->bytes = (uint8_t *)malloc(record->data_len + record->sessions_len + 1);
    REQUIRE(place->bytes != NULL);
    if (record->data_len > 0) {
        memcpy(place->bytes, record->data, record->data_len);
    }
    if (record->sessions_len > 0) {
        memcpy(place->bytes + record->data_len, record->sessions, record->sessions_len);
    }
    place->record.data = place->bytes;
    place->record.sessions = place->bytes + record->data_len;
}

/* What the node wants to be done. */
static inline void serve(cluster *c, node *n) {
    nsw_raft_record record = NSW_RAFT_RECORD_INIT;
    nsw_status status;
    while ((status = nsw_raft_next_record(n->raft, &record)) == NSW_OK) {
        CHECK(record.size == sizeof record && record.number > 0);
        keep(n, &record);
        CHECK_OK(nsw_raft_durable(n->raft, record.number, c->now));
    }
    CHECK_STATUS(status, NSW_DONE);
    uint8_t out[LONGEST];
    size_t len = 77;
    uint64_t to = 77;
    while ((status = nsw_raft_next_message(n->raft, out, sizeof out, &len, &to)) == NSW_OK) {
        if (c->queued < QUEUE) {
            letter *l = &c->queue[c->queued++];
            l->from = n->id, l->to = to, l->len = len;
            memcpy(l->bytes, out, len);
        }
    }
    CHECK_STATUS(status, NSW_DONE);
    CHECK(len == 0 && to == 0);
    nsw_raft_entry entry = NSW_RAFT_ENTRY_INIT;
    while ((status = nsw_raft_next_committed(n->raft, &entry)) == NSW_OK) {
        if (entry.kind == NSW_RAFT_ENTRY_SNAPSHOT) {
            memcpy(n->state, n->snapshot_bytes, n->snapshot_len);
            n->state[n->snapshot_len] = 0;
        } else {
            CHECK(entry.index == n->applied + 1);
            bool data = entry.kind == NSW_RAFT_ENTRY_DATA || entry.kind == NSW_RAFT_ENTRY_SESSION;
            size_t had = strlen(n->state);
            CHECK((entry.client != 0) == (entry.kind == NSW_RAFT_ENTRY_SESSION));
            if (data) {
                REQUIRE(had + entry.data_len < STATE);
                memcpy(n->state + had, entry.data, entry.data_len);
                n->state[had + entry.data_len] = 0;
            }
        }
        n->applied = entry.index;
        CHECK_OK(nsw_raft_applied(n->raft, entry.index));
    }
    CHECK_STATUS(status, NSW_DONE);
    nsw_raft_event event = NSW_RAFT_EVENT_INIT;
    while ((status = nsw_raft_next_event(n->raft, &event)) == NSW_OK) {
        REQUIRE(event.kind >= 1 && event.kind < COUNT_OF(n->last));
        n->last[event.kind] = event;
    }
    CHECK_STATUS(status, NSW_DONE);
    nsw_raft_fetch fetch = NSW_RAFT_FETCH_INIT;
    while ((status = nsw_raft_next_fetch(n->raft, &fetch)) == NSW_OK) {
        status = NSW_OK;
        for (uint64_t index = fetch.first; index <= fetch.last && status == NSW_OK; index++) {
            const kept *found = NULL;
            for (size_t i = 0; i < n->record_count; i++) {
                const nsw_raft_record *r = &n->records[i].record;
                if (r->kind == NSW_RAFT_RECORD_ENTRY && r->index == index) {
                    found = &n->records[i];
                }
            }
            REQUIRE(found != NULL);
            status = nsw_raft_fetched(n->raft, &found->record);
        }
        CHECK(status == NSW_OK || status == NSW_ERR_CAPACITY);
    }
    CHECK_STATUS(status, NSW_DONE);
    nsw_raft_chunk_wanted wanted = NSW_RAFT_CHUNK_WANTED_INIT;
    while ((status = nsw_raft_next_chunk(n->raft, &wanted)) == NSW_OK) {
        CHECK(wanted.index == n->snapshot && wanted.offset <= n->snapshot_len);
        size_t rest = n->snapshot_len - (size_t)wanted.offset;
        size_t part = rest < wanted.len ? rest : (size_t)wanted.len;
        REQUIRE(c->queued < QUEUE);
        letter *l = &c->queue[c->queued];
        CHECK_OK(nsw_raft_chunk(n->raft, &wanted, n->snapshot_len,
                                n->snapshot_bytes + wanted.offset, part, l->bytes, LONGEST,
                                &l->len));
        l->from = n->id, l->to = wanted.to;
        c->queued++;
    }
    CHECK_STATUS(status, NSW_DONE);
    nsw_raft_snapshot_write write = NSW_RAFT_SNAPSHOT_WRITE_INIT;
    while ((status = nsw_raft_next_snapshot_write(n->raft, &write)) == NSW_OK) {
        REQUIRE(write.offset + write.bytes_len <= STATE);
        memcpy(n->arriving + write.offset, write.bytes, write.bytes_len);
        if (write.offset + write.bytes_len == write.total) {
            memcpy(n->snapshot_bytes, n->arriving, (size_t)write.total);
            n->snapshot = write.index, n->snapshot_len = (size_t)write.total;
        }
        CHECK_OK(nsw_raft_snapshot_written(n->raft, write.number, c->now));
    }
    CHECK_STATUS(status, NSW_DONE);
}

static inline node *node_of(cluster *c, uint64_t id) {
    for (size_t i = 0; i < c->count; i++) {
        if (c->nodes[i].id == id) {
            return &c->nodes[i];
        }
    }
    return NULL;
}

/* Until all is quiet: what every node wants, and every message that is under way. */
static inline void settle(cluster *c) {
    for (;;) {
        for (size_t i = 0; i < c->count; i++) {
            if (c->nodes[i].raft != NULL) {
                serve(c, &c->nodes[i]);
            }
        }
        if (c->queued == 0) {
            return;
        }
        static letter now[QUEUE];
        size_t count = c->queued;
        memcpy(now, c->queue, count * sizeof now[0]);
        c->queued = 0;
        for (size_t i = 0; i < count; i++) {
            node *to = node_of(c, now[i].to), *from = node_of(c, now[i].from);
            if (to == NULL || to->raft == NULL || to->cut_off || from->cut_off) {
                continue;
            }
            nsw_status status =
                nsw_raft_step(to->raft, now[i].from, now[i].bytes, now[i].len, c->now);
            CHECK(status == NSW_OK || status == NSW_ERR_RAFT_PEER);
        }
    }
}

/* So much later, step by step. */
static inline void pass(cluster *c, uint64_t us) {
    for (uint64_t end = c->now + us; c->now < end; c->now += 10000) {
        for (size_t i = 0; i < c->count; i++) {
            uint64_t wake = 77;
            nsw_raft *raft = c->nodes[i].raft;
            if (raft != NULL) {
                CHECK_OK(nsw_raft_wake_at(raft, &wake));
                if (wake <= c->now) {
                    CHECK_OK(nsw_raft_tick(raft, c->now));
                }
            }
        }
        settle(c);
    }
}

static inline node *leader(cluster *c) {
    for (int turn = 0; turn < 100; turn++) {
        for (size_t i = 0; i < c->count; i++) {
            node *n = &c->nodes[i];
            if (n->raft != NULL && !n->cut_off && info_of(n->raft).role == NSW_RAFT_LEADER) {
                return n;
            }
        }
        pass(c, 100000);
    }
    REQUIRE(!"a leader");
    return NULL;
}

/* A node as it comes back: from what storage has. */
static inline void come_back(node *n) {
    REQUIRE_OK(nsw_raft_create(&n->cfg, NULL, &n->raft));
    for (size_t i = 0; i < n->record_count; i++) {
        REQUIRE_OK(nsw_raft_restore(n->raft, &n->records[i].record));
    }
    if (n->record_count > 0) {
        n->applied = n->snapshot;
        memcpy(n->state, n->snapshot_bytes, n->snapshot_len);
        n->state[n->snapshot_len] = 0;
        CHECK_OK(nsw_raft_applied(n->raft, n->applied));
    }
}

static inline node *add_node(cluster *c, uint64_t id) {
    REQUIRE(c->count < NODES);
    node *n = &c->nodes[c->count++];
    n->id = id;
    n->cfg = config_of(id);
    come_back(n);
    return n;
}

/* Three voters that are a group. */
static inline cluster *three(void) {
    static const nsw_raft_member members[] = {NSW_RAFT_MEMBER(1, NSW_RAFT_VOTER),
                                              NSW_RAFT_MEMBER(2, NSW_RAFT_VOTER),
                                              NSW_RAFT_MEMBER(3, NSW_RAFT_VOTER)};
    cluster *c = (cluster *)calloc(1, sizeof(cluster));
    REQUIRE(c != NULL);
    c->now = 1000;
    for (uint64_t id = 1; id <= 3; id++) {
        node *n = add_node(c, id);
        REQUIRE_OK(nsw_raft_bootstrap(n->raft, members, COUNT_OF(members)));
        REQUIRE_OK(nsw_raft_start(n->raft, c->now));
    }
    return c;
}

static inline void crash(node *n) {
    nsw_raft_destroy(n->raft);
    n->raft = NULL;
}

static inline void end(cluster *c) {
    for (size_t i = 0; i < c->count; i++) {
        node *n = &c->nodes[i];
        nsw_raft_destroy(n->raft);
        for (size_t j = 0; j < n->record_count; j++) {
            free(n->records[j].bytes);
        }
    }
    free(c);
}

#endif /* NSW_TEST_RAFT_H */
