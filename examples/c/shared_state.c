/* What three nodes know together, changed by each of them alone and merged: a
 * partition, changes on both sides of it, and what all have when it is over. No heap.
 * SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "neural_swarm.h"

enum { NODES = 3, FRAME = 256 };

static const char *const names[NODES] = {"ada", "ben", "eve"};

struct node {
    nsw_store *store;
    nsw_store_key tools, master; /* a set, and a register of the last writer */
    nsw_store_key parts, diary;  /* a counter, and a list of what was done */
};

static unsigned char memory[48 * 1024]; /* all that the library gets, for three nodes */

static nsw_status start(struct node *node, uint64_t number, const nsw_allocator *allocator)
{
    nsw_store_config config = NSW_STORE_CONFIG_INIT;
    config.replica = number; /* nobody else's */
    config.replicas = NODES;
    config.keys = 4;
    config.items = 64;
    config.bytes = 1024;
    config.log = 64;
    nsw_status status = nsw_store_create(&config, allocator, &node->store);
    if (status == NSW_OK)
        status = nsw_store_open(node->store, NSW_STORE_ROOT, (const uint8_t *)"tools", 5,
                                NSW_STORE_ADD_WINS_SET, &node->tools);
    if (status == NSW_OK)
        status = nsw_store_open(node->store, NSW_STORE_ROOT, (const uint8_t *)"master", 6,
                                NSW_STORE_LAST_WRITER, &node->master);
    if (status == NSW_OK)
        status = nsw_store_open(node->store, NSW_STORE_ROOT, (const uint8_t *)"parts", 5,
                                NSW_STORE_COUNTER, &node->parts);
    if (status == NSW_OK)
        status = nsw_store_open(node->store, NSW_STORE_ROOT, (const uint8_t *)"diary", 5,
                                NSW_STORE_LIST, &node->diary);
    return status;
}

/* What `to` lacks of what `from` has, in frames that a radio could carry. */
static nsw_status tell(struct node *from, struct node *to, uint64_t now_ms)
{
    uint8_t context[FRAME], frame[FRAME];
    size_t context_len = 0, len = 0;
    uint64_t cursor = 0;
    nsw_status status = nsw_store_context(to->store, context, sizeof context, &context_len);
    while (status == NSW_OK) {
        status = nsw_store_delta(from->store, context, context_len, &cursor, frame, sizeof frame,
                                 &len);
        if (status == NSW_DONE)
            return NSW_OK;
        if (status == NSW_OK)
            status = nsw_store_merge(to->store, frame, len, now_ms, NULL);
    }
    return status;
}

static nsw_status add(struct node *node, const char *tool)
{
    return nsw_store_add(node->store, node->tools, (const uint8_t *)tool, strlen(tool));
}

static nsw_status appoint(struct node *node, const char *name, uint64_t now_ms)
{
    return nsw_store_assign(node->store, node->master, (const uint8_t *)name, strlen(name), now_ms);
}

static nsw_status made(struct node *node, uint64_t parts)
{
    return nsw_store_increment(node->store, node->parts, parts);
}

/* A line at the end of the diary. */
static nsw_status note(struct node *node, const char *line)
{
    size_t lines = 0;
    nsw_status status = nsw_store_count(node->store, node->diary, &lines);
    if (status == NSW_OK)
        status = nsw_store_insert(node->store, node->diary, lines, (const uint8_t *)line,
                                  strlen(line));
    return status;
}

static void show(const struct node *node, const char *name)
{
    static const char *const all[] = {"drill", "lamp", "rope", "saw"};
    uint8_t master[16], line[32];
    size_t len = 0, lines = 0;
    int64_t parts = 0;
    printf("  %s:", name);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        uint32_t in = 0;
        nsw_store_contains(node->store, node->tools, (const uint8_t *)all[i], strlen(all[i]), &in);
        printf(" %s", in ? all[i] : "-");
    }
    nsw_store_last_written(node->store, node->master, master, sizeof master, &len, NULL);
    nsw_store_total(node->store, node->parts, &parts);
    printf("; master %.*s; %d parts;", (int)len, (const char *)master, (int)parts);
    nsw_store_count(node->store, node->diary, &lines);
    for (size_t i = 0; i < lines; i++) {
        nsw_store_element_at(node->store, node->diary, i, line, sizeof line, &len);
        printf(" %.*s,", (int)len, (const char *)line);
    }
    puts("");
}

int main(void)
{
    struct node nodes[NODES] = {{NULL, 0, 0, 0, 0}};
    struct node *ada = &nodes[0], *ben = &nodes[1], *eve = &nodes[2];
    nsw_allocator allocator = NSW_ALLOCATOR_INIT;
    nsw_arena *arena = NULL;
    uint64_t now_ms = 1700000000000; /* the time of day; here it passes as we like */
    nsw_status status = nsw_arena_create(memory, sizeof memory, &arena);
    if (status == NSW_OK)
        status = nsw_arena_allocator(arena, &allocator);
    for (int i = 0; i < NODES && status == NSW_OK; i++)
        status = start(&nodes[i], (uint64_t)i + 1, &allocator);

    if (status == NSW_OK) status = add(ada, "drill");
    if (status == NSW_OK) status = add(ada, "lamp");
    if (status == NSW_OK) status = appoint(ada, "ada", now_ms);
    if (status == NSW_OK) status = made(ada, 10);
    if (status == NSW_OK) status = note(ada, "dawn");
    if (status == NSW_OK) status = tell(ada, ben, now_ms);
    if (status == NSW_OK) status = tell(ada, eve, now_ms);
    puts("together:");
    for (int i = 0; i < NODES && status == NSW_OK; i++) show(&nodes[i], names[i]);

    /* Nobody hears eve now. Both sides go on. */
    if (status == NSW_OK)
        status = nsw_store_remove(ada->store, ada->tools,
                                  (const uint8_t *)"drill", 5, NULL);
    if (status == NSW_OK) status = add(ben, "rope");
    if (status == NSW_OK) status = made(ben, 2);
    if (status == NSW_OK) status = note(ben, "ben tied");
    if (status == NSW_OK) status = note(ben, "ben pulled");
    if (status == NSW_OK) status = appoint(ben, "ben", now_ms + 1000);
    if (status == NSW_OK) status = tell(ada, ben, now_ms);
    if (status == NSW_OK) status = tell(ben, ada, now_ms + 1000);
    if (status == NSW_OK) status = add(eve, "drill"); /* who adds wins against who removes */
    if (status == NSW_OK) status = add(eve, "saw");
    if (status == NSW_OK) status = made(eve, 5); /* counts as well, whatever the others make */
    if (status == NSW_OK) status = note(eve, "eve sawed"); /* stays apart from ben's lines */
    if (status == NSW_OK) status = note(eve, "eve drilled");
    if (status == NSW_OK) status = appoint(eve, "eve", now_ms + 2000); /* later than ben's */
    puts("apart:");
    for (int i = 0; i < NODES && status == NSW_OK; i++) show(&nodes[i], names[i]);

    /* Eve meets ben alone; ada hears of it from him. */
    now_ms += 3000;
    if (status == NSW_OK) status = tell(eve, ben, now_ms);
    if (status == NSW_OK) status = tell(ben, eve, now_ms);
    if (status == NSW_OK) status = tell(ben, ada, now_ms);
    puts("together again:");
    for (int i = 0; i < NODES && status == NSW_OK; i++) show(&nodes[i], names[i]);

    if (status != NSW_OK)
        fprintf(stderr, "neural-swarm: %s\n", nsw_status_str(status));
    for (int i = 0; i < NODES; i++)
        nsw_store_destroy(nodes[i].store); /* NULL is fine; the arena comes last */
    nsw_arena_destroy(arena);
    return status == NSW_OK ? 0 : 1;
}
