#include "session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

unsigned damaged;

static nsw_framer *framer;
static nsw_key firmware;

static nsw_frame get_frame(void)
{
    static uint8_t bytes[256];
    static size_t at, count;
    nsw_frame frame = NSW_FRAME_INIT;
    uint64_t now = 0, until = 0;
    must("clock", nsw_host_now_us(&until));
    until += 60000000u;
    for (;;) {
        size_t taken = 0;
        if (nsw_framer_next(framer, &frame) == NSW_OK)
            return frame;
        if (at == count) {
            at = 0;
            count = serial_read(bytes, sizeof bytes);
        }
        must("push", nsw_framer_push(framer, bytes + at, count - at, &taken));
        at += taken;
        must("clock", nsw_host_now_us(&now));
        if (now > until) {
            fprintf(stderr, "no answer\n");
            exit(1);
        }
    }
}

/* First with a bit turned that something protects: the last one. */
static void put_twice(uint8_t *frame, size_t len)
{
    frame[len - 1] ^= 1;
    serial_put_frame(frame, len);
    frame[len - 1] ^= 1;
    serial_put_frame(frame, len);
    damaged++;
}

static void shake_hands(nsw_noise *noise)
{
    int damage = 1;
    for (;;) {
        uint8_t bytes[MTU], payload[MTU];
        size_t len = 0;
        nsw_noise_info info = NSW_NOISE_INFO_INIT;
        must("describe", nsw_noise_describe(noise, &info));
        if (info.finished)
            return;
        if (info.my_turn) {
            /* Nothing protects XX's first message. */
            int protected = info.overhead > 32;
            must("write", nsw_noise_write(noise, NULL, 0, bytes, sizeof bytes, &len));
            if (damage && protected)
                put_twice(bytes, len);
            else
                serial_put_frame(bytes, len);
            damage = damage && !protected;
        } else {
            nsw_frame frame = get_frame();
            must("read", nsw_noise_read(noise, frame.bytes, frame.bytes_len, payload, sizeof payload, &len));
        }
    }
}

void session_listen(const char *path)
{
    const nsw_key firmware_private = {{7}};
    nsw_framer_config framing = NSW_FRAMER_CONFIG_INIT;
    serial_listen(path);
    must("firmware's key", nsw_noise_public_key(&firmware_private, &firmware));
    framing.framing = NSW_FRAMING_SERIAL;
    framing.max_frame = MTU;
    must("framer", nsw_framer_create(&framing, NULL, &framer));
}

nsw_noise *session_begin(uint8_t handshake)
{
    const nsw_key own = {{8}};
    nsw_key seen;
    nsw_noise_config config = NSW_NOISE_CONFIG_INIT;
    nsw_noise *noise = NULL;
    int ik = handshake & IK, they = handshake & THEY_BEGIN;
    config.protocol = ik ? "Noise_IK_25519_ChaChaPoly_BLAKE2s" : "Noise_XX_25519_ChaChaPoly_BLAKE2s";
    config.initiator = they ? 0 : 1;
    config.static_private = &own;
    config.remote_static = ik && !they ? &firmware : NULL;
    must("noise", nsw_noise_create(&config, NULL, &noise));
    serial_put_frame(&handshake, 1);
    shake_hands(noise);
    must("remote key", nsw_noise_remote_static(noise, &seen));
    if (memcmp(&seen, &firmware, sizeof seen) != 0) {
        fprintf(stderr, "another key than the firmware's\n");
        exit(1);
    }
    return noise;
}

void session_put(nsw_noise *noise, const uint8_t *text, size_t text_len, int twice)
{
    uint8_t bytes[MTU];
    size_t len = 0;
    must("seal", nsw_noise_seal(noise, NULL, 0, text, text_len, bytes, sizeof bytes, &len));
    if (twice)
        put_twice(bytes, len);
    else
        serial_put_frame(bytes, len);
}

size_t session_take(nsw_noise *noise, uint8_t text[MTU])
{
    size_t len = 0;
    nsw_frame frame = get_frame();
    must("open", nsw_noise_open(noise, NULL, 0, frame.bytes, frame.bytes_len, text, MTU, &len));
    return len;
}

void session_finish(nsw_noise *noise)
{
    session_put(noise, NULL, 0, 0);
    nsw_noise_destroy(noise);
}

void session_close(void)
{
    const uint8_t end = END;
    serial_put_frame(&end, 1);
    serial_drain();
    nsw_framer_destroy(framer);
}
