/*
 * Raft nodes: three that elect, agree, read, change their membership, forget and come back.
 */
#include "raft.h"

static uint64_t propose(cluster *c, node *n, const char *what) {
    uint64_t index = 77;
    CHECK_OK(nsw_raft_propose(n->raft, text(what), strlen(what), 0, 0, c->now, &index));
    settle(c);
    return index;
}

static void check_state(const node *n, const char *expected) {
    CHECK_NOTE(strcmp(n->state, expected) == 0, "node %u has \"%.99s\" for \"%.99s\"",
               (unsigned)n->id, n->state, expected);
}

static void check_all(cluster *c, const char *expected) {
    pass(c, 200000);
    for (size_t i = 0; i < c->count; i++) {
        if (c->nodes[i].raft != NULL && !c->nodes[i].cut_off) {
            check_state(&c->nodes[i], expected);
        }
    }
}

static void elect_and_agree(void) {
    cluster *c = three();
    node *first = leader(c);
    nsw_raft_info info = info_of(first->raft);
    CHECK(info.size == sizeof info && info.id == first->id && info.leader == first->id);
    CHECK(info.vote == first->id && info.term >= 2 && !info.joint && !info.halted);
    CHECK(first->last[NSW_RAFT_EVENT_ROLE].role == NSW_RAFT_LEADER);
    CHECK(first->last[NSW_RAFT_EVENT_LEADER].node == first->id);
    CHECK(first->last[NSW_RAFT_EVENT_LEADER].term == info.term);
    CHECK(propose(c, first, "a") == info.last + 1);
    check_all(c, "a");

    /* The leader crashes: another one has all, and the first one comes back with it. */
    crash(first);
    node *second = leader(c);
    CHECK(second != first);
    propose(c, second, "b");
    check_all(c, "ab");
    come_back(first);
    CHECK_OK(nsw_raft_start(first->raft, c->now));
    check_all(c, "ab");
    CHECK(info_of(first->raft).leader == second->id);

    /* A minority agrees on nothing. */
    second->cut_off = true;
    propose(c, second, "lost");
    node *third = leader(c);
    propose(c, third, "c");
    second->cut_off = false;
    check_all(c, "abc");
    end(c);
}

static void forwarding_and_clients(void) {
    cluster *c = three();
    node *lead = leader(c);
    node *other = node_of(c, lead->id % 3 + 1);
    pass(c, 200000);
    uint64_t index = 77;
    CHECK_OK(nsw_raft_propose(other->raft, text("x"), 1, 9, 1, c->now, &index));
    CHECK(index == 0);
    check_all(c, "x");
    nsw_raft_event event = other->last[NSW_RAFT_EVENT_FORWARDED];
    CHECK(event.client == 9 && event.sequence == 1 && event.index == info_of(lead->raft).last);
    /* Again, as after a lost answer. */
    CHECK_OK(nsw_raft_propose(other->raft, text("x"), 1, 9, 1, c->now, NULL));
    check_all(c, "x");
    event = other->last[NSW_RAFT_EVENT_REFUSED];
    CHECK(event.client == 9 && event.sequence == 1);
    CHECK_STATUS(event.error, NSW_ERR_RAFT_DUPLICATE);
    CHECK_STATUS(nsw_raft_propose(lead->raft, text("x"), 1, 9, 1, c->now, &index),
                 NSW_ERR_RAFT_DUPLICATE);
    CHECK_STATUS(nsw_raft_propose(lead->raft, text("z"), 1, 9, 3, c->now, &index),
                 NSW_ERR_RAFT_SESSION);
    CHECK_STATUS(nsw_raft_propose(lead->raft, text("z"), 1, 9, 0, c->now, &index),
                 NSW_ERR_INVALID);
    CHECK(index == 0);
    CHECK_OK(nsw_raft_propose(lead->raft, text("y"), 1, 9, 2, c->now, &index));
    CHECK(index > 0);
    check_all(c, "xy");
    end(c);
}

static void reads(void) {
    cluster *c = three();
    node *lead = leader(c);
    node *other = node_of(c, lead->id % 3 + 1);
    propose(c, lead, "a");
    CHECK_OK(nsw_raft_read(lead->raft, 41, c->now));
    CHECK_OK(nsw_raft_read(other->raft, 42, c->now));
    pass(c, 100000);
    nsw_raft_event ready = lead->last[NSW_RAFT_EVENT_READ_READY];
    CHECK(ready.token == 41 && ready.index == info_of(lead->raft).commit);
    ready = other->last[NSW_RAFT_EVENT_READ_READY];
    CHECK(ready.token == 42 && ready.index == info_of(lead->raft).commit);
    /* A leader that is alone does not know whether it still leads. */
    lead->cut_off = true;
    CHECK_OK(nsw_raft_read(lead->raft, 43, c->now));
    pass(c, 3000000);
    CHECK(lead->last[NSW_RAFT_EVENT_READ_FAILED].token == 43);
    CHECK_STATUS(nsw_raft_read(lead->raft, 44, c->now), NSW_ERR_RAFT_NO_LEADER);
    end(c);
}

static void members(void) {
    cluster *c = three();
    node *lead = leader(c);
    propose(c, lead, "a");
    node *fourth = add_node(c, 4);
    CHECK_OK(nsw_raft_start(fourth->raft, c->now));
    pass(c, 1000000);
    check_state(fourth, "");
    /* One comes as a learner, and one goes, at once. */
    uint64_t gone = lead->id % 3 + 1;
    nsw_raft_member changes[] = {NSW_RAFT_MEMBER(4, NSW_RAFT_LEARNER),
                                 NSW_RAFT_MEMBER(0, NSW_RAFT_NO_MEMBER)};
    changes[1].id = gone;
    CHECK_OK(nsw_raft_change_members(lead->raft, changes, 2, c->now));
    CHECK_STATUS(nsw_raft_change_members(lead->raft, changes, 2, c->now), NSW_ERR_RAFT_BUSY);
    nsw_raft_peer peer = NSW_RAFT_PEER_INIT;
    size_t joint = 0;
    for (size_t i = 0; nsw_raft_member_at(lead->raft, i, &peer) == NSW_OK; i++) {
        bool removed = peer.id == gone, added = peer.id == 4;
        CHECK(peer.kind == (removed ? NSW_RAFT_NO_MEMBER
                            : added ? NSW_RAFT_LEARNER
                                    : NSW_RAFT_VOTER));
        CHECK(peer.old_kind == (added ? NSW_RAFT_NO_MEMBER : NSW_RAFT_VOTER));
        joint++;
    }
    CHECK_SIZE(joint, 4);
    pass(c, 1000000);
    CHECK(!info_of(lead->raft).joint && !lead->last[NSW_RAFT_EVENT_MEMBERS].joint);
    check_state(fourth, "a");
    for (size_t i = 0; i < 3; i++) {
        CHECK_OK(nsw_raft_member_at(lead->raft, i, &peer));
        CHECK(peer.id != gone && peer.old_kind == NSW_RAFT_NO_MEMBER);
        if (peer.id != lead->id) {
            CHECK(peer.state == NSW_RAFT_REPLICATE && peer.next == peer.matched + 1);
            CHECK(peer.matched == info_of(lead->raft).last && peer.heard_us > 0);
        }
    }
    CHECK_STATUS(nsw_raft_member_at(lead->raft, 3, &peer), NSW_DONE);
    node_of(c, gone)->cut_off = true;

    /* It becomes a voter, and leads. */
    nsw_raft_member voter = NSW_RAFT_MEMBER(4, NSW_RAFT_VOTER);
    CHECK_OK(nsw_raft_change_members(lead->raft, &voter, 1, c->now));
    pass(c, 1000000);
    CHECK_STATUS(nsw_raft_transfer(lead->raft, gone, c->now), NSW_ERR_RAFT_MEMBER);
    CHECK_OK(nsw_raft_transfer(lead->raft, 4, c->now));
    pass(c, 200000);
    CHECK(info_of(fourth->raft).role == NSW_RAFT_LEADER);
    propose(c, fourth, "b");
    check_all(c, "ab");
    /* Who does not answer does not lead. */
    lead->cut_off = true;
    CHECK_OK(nsw_raft_transfer(fourth->raft, lead->id, c->now));
    CHECK_STATUS(nsw_raft_propose(fourth->raft, text("c"), 1, 0, 0, c->now, NULL),
                 NSW_ERR_RAFT_BUSY);
    pass(c, 400000);
    CHECK(fourth->last[NSW_RAFT_EVENT_TRANSFER_FAILED].node == lead->id);
    end(c);
}

static void take_snapshot(node *n) {
    n->snapshot_len = strlen(n->state);
    memcpy(n->snapshot_bytes, n->state, n->snapshot_len);
    n->snapshot = n->applied;
    CHECK_OK(nsw_raft_compact(n->raft, n->applied));
}

/* A log that is longer than memory: who was away gets it from storage, or a snapshot in chunks. */
static void behind(bool compact) {
    cluster *c = three();
    node *lead = leader(c);
    node *away = node_of(c, lead->id % 3 + 1);
    away->cut_off = true;
    char expected[STATE] = "";
    for (int i = 0; i < 200; i++) {
        char what[16];
        snprintf(what, sizeof what, "%d,", i);
        propose(c, lead, what);
        strcat(expected, what);
    }
    CHECK(info_of(lead->raft).first > 100);
    if (compact) {
        take_snapshot(lead);
        settle(c);
        CHECK(info_of(lead->raft).snapshot == lead->applied);
        CHECK_STATUS(nsw_raft_compact(lead->raft, lead->applied), NSW_ERR_INVALID);
        CHECK_STATUS(nsw_raft_compact(lead->raft, lead->applied + 1), NSW_ERR_INVALID);
    }
    away->cut_off = false;
    /* It asked for no votes that it could win, so the leader stays. */
    pass(c, 500000);
    CHECK(leader(c) == lead);
    propose(c, lead, "end");
    strcat(expected, "end");
    pass(c, 2000000);
    check_all(c, expected);
    CHECK((away->snapshot > 0) == compact);

    /* And it comes back from what its storage has. */
    crash(away);
    come_back(away);
    CHECK_OK(nsw_raft_start(away->raft, c->now));
    CHECK(info_of(away->raft).snapshot == away->snapshot);
    check_all(c, expected);
    end(c);
}

static void log_from_storage(void) {
    behind(false);
}

static void snapshot_in_chunks(void) {
    behind(true);
}

/* As settle(), but what the leader asks for of storage and the application waits. */
static void talk(cluster *c) {
    uint8_t out[LONGEST];
    size_t len = 0;
    uint64_t to = 0;
    for (size_t i = 0; i < c->count; i++) {
        CHECK_OK(nsw_raft_tick(c->nodes[i].raft, c->now));
    }
    c->now += 10000;
    for (size_t i = 0; i < c->count; i++) {
        node *n = &c->nodes[i];
        while (nsw_raft_next_message(n->raft, out, sizeof out, &len, &to) == NSW_OK) {
            nsw_status status = nsw_raft_step(node_of(c, to)->raft, n->id, out, len, c->now);
            CHECK(status == NSW_OK || status == NSW_ERR_RAFT_PEER);
        }
        nsw_raft_record record = NSW_RAFT_RECORD_INIT;
        while (nsw_raft_next_record(n->raft, &record) == NSW_OK) {
            keep(n, &record);
            CHECK_OK(nsw_raft_durable(n->raft, record.number, c->now));
        }
    }
}

/* What is asked of storage and the application can fail. */
static void failures(void) {
    cluster *c = three();
    node *lead = leader(c);
    node *away = node_of(c, lead->id % 3 + 1);
    away->cut_off = true;
    for (int i = 0; i < 100; i++) {
        propose(c, lead, "..........");
    }
    away->cut_off = false;
    nsw_raft_fetch fetch = NSW_RAFT_FETCH_INIT;
    nsw_raft_chunk_wanted wanted = NSW_RAFT_CHUNK_WANTED_INIT;
    uint8_t out[LONGEST];
    size_t len = 77;
    bool asked = false;
    /* Entries that have left memory are wanted from storage, which does not have them. */
    for (int turn = 0; turn < 200 && !asked; turn++) {
        talk(c);
        asked = nsw_raft_next_fetch(lead->raft, &fetch) == NSW_OK;
    }
    REQUIRE(asked);
    CHECK(fetch.to == away->id && fetch.first <= fetch.last);
    nsw_raft_record none = NSW_RAFT_RECORD_INIT;
    CHECK_STATUS(nsw_raft_fetched(lead->raft, &none), NSW_ERR_RAFT_FORMAT);
    none.kind = NSW_RAFT_RECORD_ENTRY, none.index = fetch.last + 1, none.term = 1;
    CHECK_STATUS(nsw_raft_fetched(lead->raft, &none), NSW_ERR_RAFT_STATE);
    CHECK_OK(nsw_raft_fetch_failed(lead->raft, fetch.first));
    CHECK_STATUS(nsw_raft_fetched(lead->raft, &none), NSW_ERR_CAPACITY);
    /* So it needs a snapshot. */
    take_snapshot(lead);
    asked = false;
    for (int turn = 0; turn < 200 && !asked; turn++) {
        talk(c);
        if (nsw_raft_next_fetch(lead->raft, &fetch) == NSW_OK) {
            CHECK_OK(nsw_raft_fetch_failed(lead->raft, fetch.first));
        }
        asked = nsw_raft_next_chunk(lead->raft, &wanted) == NSW_OK;
    }
    REQUIRE(asked);
    CHECK(wanted.to == away->id && wanted.index == lead->snapshot && wanted.offset == 0);
    CHECK_STATUS(nsw_raft_chunk(lead->raft, &wanted, lead->snapshot_len, lead->snapshot_bytes, 5,
                                out, sizeof out, &len),
                 NSW_ERR_LENGTH);
    CHECK_STATUS(nsw_raft_chunk(lead->raft, &wanted, lead->snapshot_len, lead->snapshot_bytes,
                                (size_t)wanted.len, out, 1023, &len),
                 NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_SIZE(len, 1024);
    nsw_raft_chunk_wanted other = wanted;
    other.to = 77;
    CHECK_STATUS(nsw_raft_chunk(lead->raft, &other, lead->snapshot_len, lead->snapshot_bytes,
                                (size_t)wanted.len, out, sizeof out, &len),
                 NSW_ERR_RAFT_STATE);
    CHECK_SIZE(len, 0);
    /* Lost: it is asked for again. */
    CHECK_OK(nsw_raft_chunk_failed(lead->raft, &wanted));
    CHECK_OK(nsw_raft_next_chunk(lead->raft, &wanted));
    CHECK_OK(nsw_raft_chunk_failed(lead->raft, &wanted));
    pass(c, 2000000);
    check_state(away, lead->state);

    /* Storage fails: the node halts, and says so wherever it is asked for something. */
    CHECK_OK(nsw_raft_storage_failed(away->raft));
    CHECK(info_of(away->raft).halted == 1);
    nsw_raft_record record = NSW_RAFT_RECORD_INIT;
    nsw_raft_entry entry = NSW_RAFT_ENTRY_INIT;
    nsw_raft_event event = NSW_RAFT_EVENT_INIT;
    nsw_raft_snapshot_write write = NSW_RAFT_SNAPSHOT_WRITE_INIT;
    uint64_t to = 0;
    CHECK_STATUS(nsw_raft_next_record(away->raft, &record), NSW_ERR_RAFT_HALTED);
    CHECK_STATUS(nsw_raft_next_message(away->raft, out, sizeof out, &len, &to),
                 NSW_ERR_RAFT_HALTED);
    CHECK_STATUS(nsw_raft_next_committed(away->raft, &entry), NSW_ERR_RAFT_HALTED);
    CHECK_STATUS(nsw_raft_next_fetch(away->raft, &fetch), NSW_ERR_RAFT_HALTED);
    CHECK_STATUS(nsw_raft_next_chunk(away->raft, &wanted), NSW_ERR_RAFT_HALTED);
    CHECK_STATUS(nsw_raft_next_snapshot_write(away->raft, &write), NSW_ERR_RAFT_HALTED);
    while (nsw_raft_next_event(away->raft, &event) == NSW_OK) {
    }
    CHECK_STATUS(nsw_raft_next_event(away->raft, &event), NSW_ERR_RAFT_HALTED);
    CHECK_STATUS(nsw_raft_tick(away->raft, c->now), NSW_ERR_RAFT_HALTED);
    CHECK_STATUS(nsw_raft_step(away->raft, lead->id, out, 4, c->now), NSW_ERR_RAFT_HALTED);
    CHECK_STATUS(nsw_raft_propose(away->raft, out, 1, 0, 0, c->now, NULL), NSW_ERR_RAFT_HALTED);
    CHECK_STATUS(nsw_raft_read(away->raft, 1, c->now), NSW_ERR_RAFT_HALTED);
    CHECK_STATUS(nsw_raft_transfer(away->raft, 1, c->now), NSW_ERR_RAFT_HALTED);
    CHECK_STATUS(nsw_raft_durable(away->raft, 1, c->now), NSW_ERR_RAFT_HALTED);
    CHECK_STATUS(nsw_raft_applied(away->raft, 1), NSW_ERR_RAFT_HALTED);
    CHECK_STATUS(nsw_raft_compact(away->raft, 1), NSW_ERR_RAFT_HALTED);
    CHECK_STATUS(nsw_raft_snapshot_written(away->raft, 1, c->now), NSW_ERR_RAFT_HALTED);
    CHECK_STATUS(nsw_raft_change_members(away->raft, NULL, 0, c->now), NSW_ERR_RAFT_HALTED);
    crash(away);
    end(c);
}

int main(void) {
    elect_and_agree();
    forwarding_and_clients();
    reads();
    members();
    log_from_storage();
    snapshot_in_chunks();
    failures();
    return check_report("raft");
}
