/* The peer of embedded/firmware/noise.c: shakes hands with the firmware by XX and by IK, in both roles,
 * over a socket that the emulator's serial line ends in; tells it things, and checks the answers. In
 * every handshake and session one message is damaged on its way, and comes again whole.
 *
 *   noise_peer SOCKET     listens there; the emulator connects */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "neural_swarm.h"
#include "serial.h"

/* Bits of the byte that names a handshake. */
enum { IK = 1, THEY_BEGIN = 2, HANDSHAKES = 4, END = 4 };

static nsw_framer *framer;
static unsigned answers, damaged;

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

static void talk(nsw_noise *noise)
{
    for (unsigned i = 1; i <= MESSAGES; i++) {
        uint8_t text[MTU], expected[MTU], bytes[MTU];
        size_t text_len = message(i, text, expected), len = 0;
        must("seal", nsw_noise_seal(noise, NULL, 0, text, text_len, bytes, sizeof bytes, &len));
        if (i == 1)
            put_twice(bytes, len);
        else
            serial_put_frame(bytes, len);
        nsw_frame frame = get_frame();
        must("open", nsw_noise_open(noise, NULL, 0, frame.bytes, frame.bytes_len, text, sizeof text, &len));
        if (len != text_len || memcmp(text, expected, len) != 0) {
            fprintf(stderr, "a wrong answer\n");
            exit(1);
        }
        answers++;
    }
    uint8_t last[NSW_NOISE_TAG];
    size_t len = 0;
    must("seal", nsw_noise_seal(noise, NULL, 0, NULL, 0, last, sizeof last, &len));
    serial_put_frame(last, len);
}

int main(int argc, char **argv)
{
    const nsw_key own = {{8}}, firmware_private = {{7}};
    nsw_key firmware, seen;
    nsw_framer_config framing = NSW_FRAMER_CONFIG_INIT;
    uint8_t handshake;

    if (argc != 2)
        return 2;
    serial_listen(argv[1]);
    must("firmware's key", nsw_noise_public_key(&firmware_private, &firmware));
    framing.framing = NSW_FRAMING_SERIAL;
    framing.max_frame = MTU;
    must("framer", nsw_framer_create(&framing, NULL, &framer));

    for (handshake = 0; handshake < HANDSHAKES; handshake++) {
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
            return 1;
        }
        talk(noise);
        nsw_noise_destroy(noise);
    }
    handshake = END;
    serial_put_frame(&handshake, 1);
    printf("host_noise_sessions %d\nhost_noise_answers %u\nhost_noise_damaged %u\n", HANDSHAKES, answers, damaged);
    serial_drain();
    nsw_framer_destroy(framer);
    return 0;
}
