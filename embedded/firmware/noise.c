/* The least that talks securely over a serial line: Noise handshakes, the messages after them, and
 * framing, with a peer outside the emulator (embedded/host/noise_peer.c). Who the peer is, is said by
 * its static key alone; for identities, certificates and capabilities see link.c.
 *
 * The peer names a handshake in a frame of one byte. After the handshake every message is answered
 * with its bits turned; an empty one ends the session. */
#include <stddef.h>
#include <stdint.h>

#include "measure.h"
#include "neural_swarm.h"
#include "semihost.h"
#include "serial.h"

/* Bits of the byte that names a handshake. */
enum { IK = 1, WE_BEGIN = 2, END = 4 };

/* An object asks for one block, once: so this is all of an allocator. A session's block is used again by
 * the next one. */
struct block {
    size_t used;
    uint8_t bytes[640] __attribute__((aligned(8)));
};
static struct block noise_block, framer_block;
static uint8_t frame[MTU], text[MTU];
static uint32_t random_state = 1, sessions = 0, messages = 0, refused = 0;
static nsw_framer *framer;
/* In a product these are written to the flash; those of this test everybody knows. */
static const nsw_key own_key = {{7}}, peer_private = {{8}};
static nsw_key peer_key;

static nsw_status get_frame(nsw_frame *whole)
{
    for (;;) {
        uint8_t byte;
        size_t taken = 0;
        if (!serial_take(&byte))
            continue;
        nsw_status status = nsw_framer_push(framer, &byte, 1, &taken);
        if (status != NSW_OK || nsw_framer_next(framer, whole) == NSW_OK)
            return status;
    }
}

/* The allocator's hooks. */
static void *take_block(void *ctx, size_t size, size_t align)
{
    struct block *block = ctx;
    if (size > sizeof block->bytes || align > 8)
        return NULL;
    block->used = size;
    return block->bytes;
}

static void free_block(void *ctx, void *bytes, size_t size, size_t align)
{
    (void)ctx, (void)bytes, (void)size, (void)align;
}

/* What is not authentic is thrown away, and the good message may still come. */
static nsw_status shake_hands(nsw_noise *noise, int turns, int mine)
{
    nsw_key key;
    nsw_status status = NSW_OK;
    for (; status == NSW_OK && turns > 0; mine = !mine) {
        size_t len = 0;
        if (mine) {
            status = nsw_noise_write(noise, NULL, 0, frame, sizeof frame, &len);
            if (status == NSW_OK)
                status = serial_put_frame(frame, len);
        } else {
            nsw_frame whole = NSW_FRAME_INIT;
            status = get_frame(&whole);
            if (status == NSW_OK &&
                nsw_noise_read(noise, whole.bytes, whole.bytes_len, text, sizeof text, &len) != NSW_OK) {
                refused++;
                mine = 1;
                continue;
            }
        }
        turns--;
    }
    if (status == NSW_OK)
        status = nsw_noise_remote_static(noise, &key);
    for (size_t i = 0; status == NSW_OK && i < sizeof key.bytes; i++)
        if (key.bytes[i] != peer_key.bytes[i])
            status = NSW_ERR_COMM_UNTRUSTED;
    return status;
}

static nsw_status answer(nsw_noise *noise)
{
    for (;;) {
        nsw_frame whole = NSW_FRAME_INIT;
        size_t len = 0;
        nsw_status status = get_frame(&whole);
        if (status != NSW_OK)
            return status;
        if (nsw_noise_open(noise, NULL, 0, whole.bytes, whole.bytes_len, text, sizeof text, &len) != NSW_OK) {
            refused++;
            continue;
        }
        if (len == 0)
            return NSW_OK;
        messages++;
        for (size_t i = 0; i < len; i++)
            text[i] = (uint8_t)~text[i];
        status = nsw_noise_seal(noise, NULL, 0, text, len, frame, sizeof frame, &len);
        if (status == NSW_OK)
            status = serial_put_frame(frame, len);
        if (status != NSW_OK)
            return status;
    }
}

int main(void)
{
    nsw_allocator allocator = NSW_ALLOCATOR_INIT;
    nsw_entropy entropy = NSW_ENTROPY_INIT;
    nsw_noise_config config = NSW_NOISE_CONFIG_INIT;
    nsw_framer_config framing = NSW_FRAMER_CONFIG_INIT;

    serial_start();
    entropy.ctx = &random_state;
    entropy.fill = serial_random;
    config.static_private = &own_key;
    config.entropy = &entropy;
    framing.framing = NSW_FRAMING_SERIAL;
    framing.max_frame = MTU;
    allocator.alloc = take_block;
    allocator.free = free_block;
    allocator.ctx = &framer_block;
    nsw_status status = nsw_framer_create(&framing, &allocator, &framer);
    allocator.ctx = &noise_block;
    if (status == NSW_OK)
        status = nsw_noise_public_key(&peer_private, &peer_key);
    if (status == NSW_OK)
        print("ready\n");

    while (status == NSW_OK) {
        nsw_frame whole = NSW_FRAME_INIT;
        nsw_noise *noise = NULL;
        status = get_frame(&whole);
        if (status == NSW_OK && whole.bytes_len != 1)
            status = NSW_ERR_COMM_FORMAT;
        if (status != NSW_OK || whole.bytes[0] & END)
            break;
        int ik = whole.bytes[0] & IK, first = whole.bytes[0] & WE_BEGIN;
        config.protocol = ik ? "Noise_IK_25519_ChaChaPoly_BLAKE2s" : "Noise_XX_25519_ChaChaPoly_BLAKE2s";
        config.initiator = first ? 1 : 0;
        config.remote_static = ik && first ? &peer_key : NULL;
        status = nsw_noise_create(&config, &allocator, &noise);
        if (status == NSW_OK)
            status = shake_hands(noise, ik ? 2 : 3, first);
        if (status == NSW_OK)
            status = answer(noise);
        nsw_noise_destroy(noise);
        sessions++;
    }

    nsw_framer_destroy(framer);
    if (status != NSW_OK)
        return tell_failure(status);
    tell("noise_sessions", sessions);
    tell("noise_messages", messages);
    tell("noise_refused", refused);
    tell("noise_footprint", (uint32_t)noise_block.used);
    tell("noise_framer_footprint", (uint32_t)framer_block.used);
    tell("noise_stack_high_water", stack_high_water());
    return 0;
}
