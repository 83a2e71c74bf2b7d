/* Nodes and their parts that are misused: wrong parts, wrong configurations, hooks that call back. */
#include "node.h"

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
    begin_group(0);
    parts_are_looked_at();
    configurations_are_looked_at();
    end_all();
    return check_report("node_misuse");
}
