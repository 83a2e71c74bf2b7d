/* Members of a swarm in one process, over hooks of our own: who is there, a shared store, a group
   that agrees, publications, requests. What is refused: node_misuse.c. */
#include "node.h"

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
    a_member_leaves();
    end_all();
    return check_report("node");
}
