#include "session.h"

/* Bits of the byte that names a handshake. */
enum { IK = 1, WE_BEGIN = 2, END = 4 };

struct block noise_block, framer_block;
uint8_t text[MTU];
uint32_t sessions = 0, refused = 0;

static uint8_t frame[MTU];
static uint32_t random_state = 1;
static nsw_framer *framer;
/* In a product these are written to the flash; those of this test everybody knows. */
static const nsw_key own_key = {{7}}, peer_private = {{8}};
static nsw_key peer_key;

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

nsw_allocator block_allocator(struct block *block)
{
    nsw_allocator allocator = NSW_ALLOCATOR_INIT;
    allocator.alloc = take_block;
    allocator.free = free_block;
    allocator.ctx = block;
    return allocator;
}

nsw_status session_start(void)
{
    nsw_allocator allocator = block_allocator(&framer_block);
    nsw_framer_config framing = NSW_FRAMER_CONFIG_INIT;
    serial_start();
    framing.framing = NSW_FRAMING_SERIAL;
    framing.max_frame = MTU;
    nsw_status status = nsw_framer_create(&framing, &allocator, &framer);
    if (status == NSW_OK)
        status = nsw_noise_public_key(&peer_private, &peer_key);
    return status;
}

void session_end(void)
{
    nsw_framer_destroy(framer);
}

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

nsw_status session_accept(nsw_noise **noise)
{
    nsw_allocator allocator = block_allocator(&noise_block);
    nsw_entropy entropy = NSW_ENTROPY_INIT;
    nsw_noise_config config = NSW_NOISE_CONFIG_INIT;
    nsw_frame whole = NSW_FRAME_INIT;
    nsw_status status = get_frame(&whole);
    if (status == NSW_OK && whole.bytes_len != 1)
        status = NSW_ERR_COMM_FORMAT;
    if (status != NSW_OK)
        return status;
    if (whole.bytes[0] & END)
        return NSW_DONE;
    int ik = whole.bytes[0] & IK, first = whole.bytes[0] & WE_BEGIN;
    entropy.ctx = &random_state;
    entropy.fill = serial_random;
    config.static_private = &own_key;
    config.entropy = &entropy;
    config.protocol = ik ? "Noise_IK_25519_ChaChaPoly_BLAKE2s" : "Noise_XX_25519_ChaChaPoly_BLAKE2s";
    config.initiator = first ? 1 : 0;
    config.remote_static = ik && first ? &peer_key : NULL;
    status = nsw_noise_create(&config, &allocator, noise);
    if (status == NSW_OK)
        status = shake_hands(*noise, ik ? 2 : 3, first);
    sessions++;
    return status;
}

nsw_status session_take(nsw_noise *noise, size_t *len)
{
    for (;;) {
        nsw_frame whole = NSW_FRAME_INIT;
        nsw_status status = get_frame(&whole);
        if (status != NSW_OK ||
            nsw_noise_open(noise, NULL, 0, whole.bytes, whole.bytes_len, text, sizeof text, len) == NSW_OK)
            return status;
        refused++;
    }
}

nsw_status session_put(nsw_noise *noise, size_t len)
{
    nsw_status status = nsw_noise_seal(noise, NULL, 0, text, len, frame, sizeof frame, &len);
    return status == NSW_OK ? serial_put_frame(frame, len) : status;
}
