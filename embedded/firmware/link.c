/* A node on a serial line: it is called by a peer outside the emulator (embedded/host/link_peer.c),
 * with XX and with IK, and answers what it is told, encrypted, until the peer hangs up.
 *
 * What it costs comes out through the debugger. */
#include <stddef.h>
#include <stdint.h>

#include "measure.h"
#include "neural_swarm.h"
#include "semihost.h"
#include "serial.h"

enum { PEERS = 1 };

static uint8_t memory[12 * 1024] __attribute__((aligned(8)));
static uint8_t frame[MTU], text[MTU];

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
            status = serial_put_frame(frame, len);
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
    size_t used = 0, high_water = 0, size = 0, more_peers = 0, more_handshakes = 0, align = 0;
    nsw_status status;

    serial_start();
    entropy.ctx = &random_state;
    entropy.fill = serial_random;
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
    config.peers++;
    if (status == NSW_OK)
        status = nsw_link_footprint(&config, &more_peers, &align);
    config.peers--;
    config.handshakes++;
    if (status == NSW_OK)
        status = nsw_link_footprint(&config, &more_handshakes, &align);
    config.handshakes--;
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
        uint8_t byte;
        if (!serial_take(&byte))
            continue;
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
                status = serial_put_frame(frame, frame_len);
        }
    }

    if (status == NSW_OK)
        status = nsw_arena_usage(arena, &used, &high_water, NULL);
    nsw_framer_destroy(framer);
    nsw_link_destroy(link);
    nsw_identity_destroy(identity);
    nsw_arena_destroy(arena);
    if (status != NSW_OK)
        return tell_failure(status);
    tell("link_connected", connected);
    tell("link_messages", messages);
    tell("link_refused", refused);
    tell("link_footprint", (uint32_t)size);
    tell("link_per_peer", (uint32_t)(more_peers - size));
    tell("link_per_handshake", (uint32_t)(more_handshakes - size));
    tell("link_arena_high_water", (uint32_t)high_water);
    tell("link_stack_high_water", stack_high_water());
    return 0;
}
