/* A node on a serial line: it is called by a peer outside the emulator (embedded/host/link_peer.c),
 * with XX and with IK, and answers what it is told, encrypted, until the peer hangs up.
 *
 * The line is UART 0 of the board. What it costs comes out through the debugger. */
#include <stddef.h>
#include <stdint.h>

#include "measure.h"
#include "neural_swarm.h"
#include "semihost.h"

/* The UART of the board (CMSDK). */
#define UART_DATA (*(volatile uint32_t *)0x40004000u)
#define UART_STATE (*(volatile uint32_t *)0x40004004u)
#define UART_CTRL (*(volatile uint32_t *)0x40004008u)
#define UART_BAUDDIV (*(volatile uint32_t *)0x40004010u)
#define UART_TX_FULL 1u
#define UART_RX_FULL 2u

enum { MTU = 300, PEERS = 1 };

static uint8_t memory[12 * 1024] __attribute__((aligned(8)));
static uint8_t frame[MTU], text[MTU], coded[NSW_SERIAL_BOUND(MTU)];

/* The board of the emulator has no generator of random numbers: this one is for the test alone. */
static nsw_status random_bytes(void *ctx, uint8_t *out, size_t len)
{
    uint32_t *state = ctx;
    for (size_t i = 0; i < len; i++) {
        *state = *state * 1664525u + 1013904223u;
        out[i] = (uint8_t)(*state >> 24);
    }
    return NSW_OK;
}

static void put_line(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        while (UART_STATE & UART_TX_FULL) {
        }
        UART_DATA = bytes[i];
    }
}

static nsw_status put_frame(size_t len)
{
    size_t coded_len = 0;
    nsw_status status = nsw_frame_encode_serial(frame, len, 0, coded, sizeof coded, &coded_len);
    if (status == NSW_OK)
        put_line(coded, coded_len);
    return status;
}

static void tell(const char *name, uint32_t value)
{
    print(name);
    print(" ");
    print_number(value);
    print("\n");
}

/* Time goes by turns of the loop: enough for the link's patience, and the same on every run. */
static uint64_t now_us = 1000000;

static nsw_status serve(nsw_link *link, uint32_t *peer, uint32_t *connected, uint32_t *closed)
{
    for (;;) {
        size_t len = 0;
        nsw_link_output output = NSW_LINK_OUTPUT_INIT;
        nsw_status status = nsw_link_next(link, now_us, frame, sizeof frame, &len, &output);
        if (status != NSW_OK)
            return status == NSW_DONE ? NSW_OK : status;
        if (output.kind == NSW_LINK_FRAME) {
            status = put_frame(len);
            if (status != NSW_OK)
                return status;
        } else if (output.kind == NSW_LINK_CONNECTED) {
            *peer = output.peer;
            *connected += 1;
        } else {
            *closed += 1;
        }
    }
}

int main(void)
{
    static const uint8_t network[] = {'f', 'i', 'r', 'm'};
    static const nsw_key seed = {{7}};
    nsw_key peer_key = {{0}};
    uint32_t random_state = 1, peer = 0, connected = 0, closed = 0, messages = 0, refused = 0;
    nsw_arena *arena = NULL;
    nsw_allocator allocator = NSW_ALLOCATOR_INIT;
    nsw_entropy entropy = NSW_ENTROPY_INIT;
    nsw_identity_config who = NSW_IDENTITY_CONFIG_INIT;
    nsw_link_config config = NSW_LINK_CONFIG_INIT;
    nsw_framer_config framing = NSW_FRAMER_CONFIG_INIT;
    nsw_identity *identity = NULL, *peer_identity = NULL;
    nsw_link *link = NULL;
    nsw_framer *framer = NULL;
    const nsw_address nowhere = NSW_ADDRESS_INIT;
    size_t used = 0, high_water = 0, size = 0, align = 0;
    nsw_status status;

    UART_BAUDDIV = 16;
    UART_CTRL = 3; /* both directions */

    entropy.ctx = &random_state;
    entropy.fill = random_bytes;
    status = nsw_arena_create(memory, sizeof memory, &arena);
    if (status == NSW_OK)
        status = nsw_arena_allocator(arena, &allocator);

    /* The peer's key: in a product it is written to the flash. The peer of this test has one that
     * everybody knows. */
    nsw_key peer_seed = {{8}};
    who.seed = &peer_seed;
    if (status == NSW_OK)
        status = nsw_identity_create(&who, &allocator, &peer_identity);
    if (status == NSW_OK)
        status = nsw_identity_public(peer_identity, &peer_key);
    nsw_identity_destroy(peer_identity);

    who.seed = &seed;
    if (status == NSW_OK)
        status = nsw_identity_create(&who, &allocator, &identity);
    config.identity = identity;
    config.entropy = &entropy;
    config.network = network;
    config.network_len = sizeof network;
    config.peers = PEERS;
    config.handshakes = 2;
    config.small = 1;
    config.mtu = MTU;
    if (status == NSW_OK)
        status = nsw_link_footprint(&config, &size, &align);
    if (status == NSW_OK)
        status = nsw_link_create(&config, &allocator, &link);
    if (status == NSW_OK)
        status = nsw_link_pin(link, &peer_key);
    framing.framing = NSW_FRAMING_SERIAL;
    framing.max_frame = MTU;
    if (status == NSW_OK)
        status = nsw_framer_create(&framing, &allocator, &framer);
    if (status == NSW_OK)
        print("ready\n");

    while (status == NSW_OK && closed < 2) {
        now_us += 1;
        if (!(UART_STATE & UART_RX_FULL))
            continue;
        uint8_t byte = (uint8_t)UART_DATA;
        size_t taken = 0, len = 0;
        nsw_frame whole = NSW_FRAME_INIT;
        nsw_link_received received = NSW_LINK_RECEIVED_INIT;
        status = nsw_framer_push(framer, &byte, 1, &taken);
        if (status != NSW_OK || nsw_framer_next(framer, &whole) != NSW_OK)
            continue;
        nsw_status got = nsw_link_receive(link, &nowhere, whole.bytes, whole.bytes_len, now_us, text,
                                          sizeof text, &len, &received);
        if (got != NSW_OK)
            refused++;
        status = nsw_link_poll(link, now_us, NULL);
        if (status == NSW_OK)
            status = serve(link, &peer, &connected, &closed);
        if (status == NSW_OK && got == NSW_OK && received.message) {
            /* The answer: the same, with its bits turned. */
            nsw_address to = NSW_ADDRESS_INIT;
            size_t frame_len = 0;
            messages++;
            for (size_t i = 0; i < len; i++)
                text[i] = (uint8_t)~text[i];
            status = nsw_link_send(link, peer, text, len, now_us, frame, sizeof frame, &frame_len, &to);
            if (status == NSW_OK)
                status = put_frame(frame_len);
        }
    }

    if (status == NSW_OK)
        status = nsw_arena_usage(arena, &used, &high_water, NULL);
    nsw_framer_destroy(framer);
    nsw_link_destroy(link);
    nsw_identity_destroy(identity);
    nsw_arena_destroy(arena);
    if (status != NSW_OK) {
        print("FAILED: ");
        print(nsw_status_str(status));
        print("\n");
        return 1;
    }
    tell("link_connected", connected);
    tell("link_messages", messages);
    tell("link_refused", refused);
    tell("link_footprint", (uint32_t)size);
    tell("link_arena_high_water", (uint32_t)high_water);
    tell("link_stack_high_water", stack_high_water());
    return 0;
}
