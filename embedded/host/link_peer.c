/* The peer of embedded/firmware/link.c: calls the firmware over a socket that the emulator's serial
 * line ends in, once with XX and once with IK, tells it things, and checks the answers.
 *
 *   link_peer SOCKET     listens there; the emulator connects */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "neural_swarm.h"
#include "serial.h"

static nsw_link *link_;
static nsw_framer *framer;
static uint32_t peer;
static int connected, failed;
static unsigned answers;
static uint8_t expected[MTU];
static size_t expected_len;

static uint64_t now_us(void)
{
    uint64_t now = 0;
    must("clock", nsw_host_now_us(&now));
    return now;
}

static void serve(void)
{
    for (;;) {
        uint8_t frame[MTU];
        size_t len = 0;
        nsw_link_output output = NSW_LINK_OUTPUT_INIT;
        nsw_status status = nsw_link_next(link_, now_us(), frame, sizeof frame, &len, &output);
        if (status == NSW_DONE)
            return;
        must("next", status);
        if (output.kind == NSW_LINK_FRAME) {
            serial_put_frame(frame, len);
        } else if (output.kind == NSW_LINK_CONNECTED) {
            connected = 1;
            peer = output.peer;
        } else {
            failed = 1;
        }
    }
}

/* Takes what comes within a moment. */
static void turn(void)
{
    static const nsw_address nowhere = NSW_ADDRESS_INIT;
    uint8_t bytes[256];
    size_t count = serial_read(bytes, sizeof bytes);
    for (size_t at = 0; at < count;) {
        size_t taken = 0, len = 0;
        uint8_t text[MTU];
        nsw_frame frame = NSW_FRAME_INIT;
        nsw_link_received received = NSW_LINK_RECEIVED_INIT;
        must("push", nsw_framer_push(framer, bytes + at, count - at, &taken));
        at += taken;
        if (nsw_framer_next(framer, &frame) != NSW_OK)
            continue;
        if (nsw_link_receive(link_, &nowhere, frame.bytes, frame.bytes_len, now_us(), text, sizeof text, &len,
                             &received) == NSW_OK &&
            received.message) {
            if (len != expected_len || memcmp(text, expected, len) != 0) {
                fprintf(stderr, "link_peer: a wrong answer\n");
                exit(1);
            }
            answers++;
        }
        serve();
    }
    must("poll", nsw_link_poll(link_, now_us(), NULL));
    serve();
}

static void talk(const nsw_key *key, const nsw_key *noise, uint64_t until)
{
    static const nsw_address nowhere = NSW_ADDRESS_INIT;
    connected = failed = 0;
    must("connect", nsw_link_connect(link_, &nowhere, key, noise, 1, now_us()));
    serve();
    while (!connected && !failed && now_us() < until)
        turn();
    for (unsigned i = 0; i < MESSAGES && connected; i++) {
        uint8_t text[MTU], frame[MTU];
        size_t len = message(i, text, expected), frame_len = 0;
        unsigned before = answers;
        nsw_address to = NSW_ADDRESS_INIT;
        expected_len = len;
        must("send", nsw_link_send(link_, peer, text, len, now_us(), frame, sizeof frame, &frame_len, &to));
        serial_put_frame(frame, frame_len);
        while (answers == before && now_us() < until)
            turn();
    }
    if (!connected) {
        fprintf(stderr, "link_peer: %s did not connect\n", noise ? "IK" : "XX");
        exit(1);
    }
    must("close", nsw_link_close(link_, peer));
    serve();
}

int main(int argc, char **argv)
{
    static const uint8_t network[] = {'f', 'i', 'r', 'm'};
    const nsw_key seed = {{8}}, firmware_seed = {{7}};
    nsw_key key, noise;
    nsw_identity_config who = NSW_IDENTITY_CONFIG_INIT;
    nsw_link_config config = NSW_LINK_CONFIG_INIT;
    nsw_framer_config framing = NSW_FRAMER_CONFIG_INIT;
    nsw_identity *firmware = NULL, *identity = NULL;
    uint64_t until = now_us() + 120000000u;

    if (argc != 2)
        return 2;
    serial_listen(argv[1]);

    who.seed = &firmware_seed;
    must("firmware's key", nsw_identity_create(&who, NULL, &firmware));
    must("firmware's key", nsw_identity_public(firmware, &key));
    must("firmware's key", nsw_identity_noise_key(firmware, &noise));
    who.seed = &seed;
    must("key", nsw_identity_create(&who, NULL, &identity));
    config.identity = identity;
    config.network = network;
    config.network_len = sizeof network;
    config.peers = 1;
    config.small = 1;
    config.mtu = MTU;
    config.retry = 20000000; /* the emulated processor takes its time for a handshake */
    must("link", nsw_link_create(&config, NULL, &link_));
    must("link", nsw_link_pin(link_, &key));
    framing.framing = NSW_FRAMING_SERIAL;
    framing.max_frame = MTU;
    must("framer", nsw_framer_create(&framing, NULL, &framer));

    talk(&key, NULL, until);
    talk(&key, &noise, until);
    if (answers != 2 * MESSAGES) {
        fprintf(stderr, "link_peer: %u answers\n", answers);
        return 1;
    }
    printf("host_answers %u\n", answers);
    serial_drain();
    nsw_framer_destroy(framer);
    nsw_link_destroy(link_);
    nsw_identity_destroy(identity);
    nsw_identity_destroy(firmware);
    return 0;
}
