/* A secure link over a serial line of your own: two nodes, two queues of bytes, no operating
 * system, no heap. On a microcontroller the queues are the UART's, and the two hooks at the
 * top are its random number generator and its timer.
 * SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "neural_swarm.h"

/* ---- What your board supplies ------------------------------------------------ */

/* Randomness. THIS ONE IS FOR THE EXAMPLE ALONE: everybody can guess it. Read the hardware
 * generator here, and answer an error if it is not ready. */
static nsw_status random_bytes(void *ctx, uint8_t *out, size_t len)
{
    uint32_t *state = ctx;
    for (size_t i = 0; i < len; i++) {
        *state = *state * 1664525u + 1013904223u;
        out[i] = (uint8_t)(*state >> 24);
    }
    return NSW_OK;
}

static uint64_t clock_us; /* a timer's ticks */

/* A line: what one node writes, the other reads. */
struct line {
    uint8_t bytes[2048];
    size_t first, count;
};

static int write_line(struct line *line, const uint8_t *bytes, size_t len)
{
    if (len > sizeof line->bytes - line->count)
        return -1; /* full: the frame is lost, as on a radio; the link sends again */
    for (size_t i = 0; i < len; i++)
        line->bytes[(line->first + line->count++) % sizeof line->bytes] = bytes[i];
    return 0;
}

/* ---- A node ------------------------------------------------------------------ */

enum { MTU = 300 };

struct node {
    const char *name;
    nsw_identity *identity;
    nsw_link *link;
    nsw_framer *framer;
    struct line *out, *in;
    uint32_t seed;
    uint32_t peer; /* once `connected` */
    int connected;
    unsigned received;
};

static unsigned char memory[24 * 1024]; /* all that the library gets, for both nodes */

static nsw_status start(struct node *node, nsw_allocator *allocator)
{
    static const uint8_t network[] = "example";
    nsw_entropy entropy = NSW_ENTROPY_INIT;
    nsw_identity_config who = NSW_IDENTITY_CONFIG_INIT;
    nsw_link_config config = NSW_LINK_CONFIG_INIT;
    nsw_framer_config framer = NSW_FRAMER_CONFIG_INIT;
    nsw_status status;

    entropy.ctx = &node->seed;
    entropy.fill = random_bytes;
    who.entropy = &entropy;
    status = nsw_identity_create(&who, allocator, &node->identity);

    config.identity = node->identity;
    config.entropy = &entropy;
    config.network = network;
    config.network_len = sizeof network - 1;
    config.peers = 1;
    config.small = 1;
    config.mtu = MTU;
    if (status == NSW_OK)
        status = nsw_link_create(&config, allocator, &node->link);

    framer.framing = NSW_FRAMING_SERIAL;
    framer.max_frame = MTU;
    if (status == NSW_OK)
        status = nsw_framer_create(&framer, allocator, &node->framer);
    return status;
}

static int put_frame(struct node *node, const uint8_t *frame, size_t len)
{
    uint8_t coded[NSW_SERIAL_BOUND(MTU)];
    size_t coded_len = 0;
    /* The link knows itself which frames are whole: no checksum is needed. */
    if (nsw_frame_encode_serial(frame, len, 0, coded, sizeof coded, &coded_len) != NSW_OK)
        return -1;
    return write_line(node->out, coded, coded_len);
}

/* Does what the link wants done, until it wants no more. */
static nsw_status serve(struct node *node)
{
    for (;;) {
        uint8_t frame[MTU];
        size_t len = 0;
        nsw_link_output output = NSW_LINK_OUTPUT_INIT;
        nsw_status status = nsw_link_next(node->link, clock_us, frame, sizeof frame, &len, &output);
        if (status != NSW_OK)
            return status == NSW_DONE ? NSW_OK : status;
        switch (output.kind) {
        case NSW_LINK_FRAME:
            put_frame(node, frame, len);
            break;
        case NSW_LINK_CONNECTED:
            node->peer = output.peer;
            node->connected = 1;
            printf("%s: connected\n", node->name);
            break;
        default:
            printf("%s: gone, reason %u\n", node->name, (unsigned)output.reason);
            node->connected = 0;
        }
    }
}

/* Takes what has come over the line. */
static nsw_status listen(struct node *node)
{
    static const nsw_address nowhere = NSW_ADDRESS_INIT; /* a line has one other end */
    while (node->in->count > 0) {
        nsw_frame frame = NSW_FRAME_INIT;
        nsw_link_received received = NSW_LINK_RECEIVED_INIT;
        uint8_t text[MTU];
        size_t len = 0, taken = 0;
        nsw_status status = nsw_framer_push(node->framer, &node->in->bytes[node->in->first], 1, &taken);
        if (status != NSW_OK)
            return status;
        node->in->first = (node->in->first + taken) % sizeof node->in->bytes;
        node->in->count -= taken;
        if (nsw_framer_next(node->framer, &frame) != NSW_OK)
            continue;
        /* What is forged or damaged is thrown away; there is nothing else to do about it. */
        status = nsw_link_receive(node->link, &nowhere, frame.bytes, frame.bytes_len, clock_us, text,
                                  sizeof text, &len, &received);
        if (status == NSW_OK && received.message) {
            node->received++;
            printf("%s: \"%.*s\"\n", node->name, (int)len, (const char *)text);
        }
        status = serve(node);
        if (status != NSW_OK)
            return status;
    }
    return NSW_OK;
}

static nsw_status say(struct node *node, const char *text)
{
    uint8_t frame[MTU];
    size_t len = 0;
    nsw_address to = NSW_ADDRESS_INIT;
    nsw_status status = nsw_link_send(node->link, node->peer, (const uint8_t *)text, strlen(text),
                                      clock_us, frame, sizeof frame, &len, &to);
    if (status == NSW_OK && put_frame(node, frame, len) != 0)
        status = NSW_ERR_CAPACITY;
    return status == NSW_OK ? serve(node) : status;
}

int main(void)
{
    static struct line there, back;
    static const uint8_t noise[] = {0x55, 0x00, 0xff, 0x13}; /* what a line does when it is plugged in */
    struct node alice = {"alice", NULL, NULL, NULL, &there, &back, 1, 0, 0, 0};
    struct node bob = {"bob", NULL, NULL, NULL, &back, &there, 2, 0, 0, 0};
    const nsw_address nowhere = NSW_ADDRESS_INIT;
    nsw_allocator allocator = NSW_ALLOCATOR_INIT;
    nsw_arena *arena = NULL;
    size_t used = 0, high_water = 0, capacity = 0;
    nsw_key alices, bobs;
    nsw_status status = nsw_arena_create(memory, sizeof memory, &arena);

    if (status == NSW_OK)
        status = nsw_arena_allocator(arena, &allocator);
    if (status == NSW_OK)
        status = start(&alice, &allocator);
    if (status == NSW_OK)
        status = start(&bob, &allocator);

    /* Each knows the other's public key; nobody else is let in. */
    if (status == NSW_OK)
        status = nsw_identity_public(alice.identity, &alices);
    if (status == NSW_OK)
        status = nsw_identity_public(bob.identity, &bobs);
    if (status == NSW_OK)
        status = nsw_link_pin(alice.link, &bobs);
    if (status == NSW_OK)
        status = nsw_link_pin(bob.link, &alices);

    write_line(&there, noise, sizeof noise);
    if (status == NSW_OK)
        status = nsw_link_connect(alice.link, &nowhere, &bobs, NULL, 1, clock_us);
    if (status == NSW_OK)
        status = serve(&alice);

    /* The main loop of a node: listen, let time pass, say what there is to say. */
    for (int turn = 0; turn < 100 && status == NSW_OK && bob.received < 2; turn++) {
        clock_us += 10000;
        status = listen(&alice);
        if (status == NSW_OK)
            status = listen(&bob);
        if (status == NSW_OK)
            status = nsw_link_poll(alice.link, clock_us, NULL);
        if (status == NSW_OK)
            status = nsw_link_poll(bob.link, clock_us, NULL);
        if (status == NSW_OK)
            status = serve(&alice);
        if (status == NSW_OK)
            status = serve(&bob);
        if (status == NSW_OK && alice.connected && turn % 2 == 0)
            status = say(&alice, "hello over a wire");
        if (status == NSW_OK && bob.received > alice.received)
            status = say(&bob, "hello back");
    }
    if (status == NSW_OK)
        status = nsw_arena_usage(arena, &used, &high_water, &capacity);
    if (status == NSW_OK)
        printf("memory: %lu bytes for both\n", (unsigned long)high_water);

    nsw_framer_destroy(alice.framer);
    nsw_framer_destroy(bob.framer);
    nsw_link_destroy(alice.link);
    nsw_link_destroy(bob.link);
    nsw_identity_destroy(alice.identity);
    nsw_identity_destroy(bob.identity);
    nsw_arena_destroy(arena);
    if (status != NSW_OK)
        fprintf(stderr, "neural-swarm: %s\n", nsw_status_str(status));
    return status == NSW_OK && bob.received >= 2 && alice.received >= 1 ? 0 : 1;
}
