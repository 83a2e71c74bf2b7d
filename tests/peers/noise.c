/*
 * One side of a Noise handshake and of a conversation over TCP, by the C API.
 * Its peers, noise-python.py and the crate in snow/, take the same arguments:
 *
 *   noise responder PROTOCOL PRIVATE KNOWN PSKS EXPECTED
 *   noise initiator PROTOCOL PRIVATE KNOWN PSKS EXPECTED PORT
 *   noise keypair                    prints a private and a public key
 *
 * Keys are hexadecimal, or `-` for none: the own private key, the peer's public
 * key where the pattern has it known, the pre-shared keys one after the other,
 * and the public key that the peer must turn out to have. The responder prints
 * "port N" and waits for one connection. Each message on the wire has its length
 * before it, two bytes, the high one first. Both sides print "hash" and the
 * transcript when all went well.
 *
 * The conversation: for each length in TEXTS the initiator sends a text, and the
 * responder the same with every bit turned; then both rekey both directions, and
 * do it again.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "neural_swarm.h"

#define PROLOGUE "neural-swarm and its peers"
#define MAX_PSKS 4

static const size_t TEXTS[] = {5, 0, 1, 1000, 16, NSW_NOISE_MAX_MESSAGE - NSW_NOISE_TAG};

static uint8_t wire[NSW_NOISE_MAX_MESSAGE], text[NSW_NOISE_MAX_MESSAGE];

static void fail(const char *what) {
    fprintf(stderr, "noise: %s\n", what);
    exit(1);
}

static void check(nsw_status status, const char *what) {
    if (status != NSW_OK) {
        fprintf(stderr, "noise: %s: %s\n", what, nsw_status_str(status));
        exit(1);
    }
}

/* Bytes of an argument, at most `cap`; returns how many, 0 for `-`. */
static size_t from_hex(const char *arg, uint8_t *out, size_t cap) {
    size_t len = 0;
    unsigned byte;
    if (strcmp(arg, "-") == 0) {
        return 0;
    }
    for (; *arg != '\0' && len < cap && sscanf(arg, "%2x", &byte) == 1; arg += 2) {
        out[len++] = (uint8_t)byte;
    }
    if (*arg != '\0') {
        fail("a key is no key");
    }
    return len;
}

static void print_hex(const char *before, const uint8_t *data, size_t len, const char *after) {
    printf("%s", before);
    for (size_t i = 0; i < len; i++) {
        printf("%02x", data[i]);
    }
    printf("%s", after);
}

static void all(ssize_t (*move)(int, void *, size_t), int socket, uint8_t *data, size_t len) {
    while (len > 0) {
        ssize_t moved = move(socket, data, len);
        if (moved <= 0) {
            fail("the connection broke");
        }
        data += moved;
        len -= (size_t)moved;
    }
}

static ssize_t write_some(int socket, void *data, size_t len) { return write(socket, data, len); }

static void send_frame(int socket, uint8_t *data, size_t len) {
    uint8_t head[2] = {(uint8_t)(len >> 8), (uint8_t)len};
    all(write_some, socket, head, 2);
    all(write_some, socket, data, len);
}

/* A message to `wire`; returns its length. */
static size_t receive_frame(int socket) {
    uint8_t head[2];
    all(read, socket, head, 2);
    size_t len = (size_t)head[0] << 8 | head[1];
    all(read, socket, wire, len);
    return len;
}

static int listen_for_one(void) {
    struct sockaddr_in address = {0};
    socklen_t len = sizeof address;
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, len) != 0 ||
        listen(listener, 1) != 0 || getsockname(listener, (struct sockaddr *)&address, &len) != 0) {
        fail("cannot listen");
    }
    printf("port %u\n", ntohs(address.sin_port));
    fflush(stdout);
    int connection = accept(listener, NULL, NULL);
    close(listener);
    return connection;
}

static int connect_to(unsigned port) {
    struct sockaddr_in address = {0};
    address.sin_family = AF_INET;
    address.sin_port = htons((uint16_t)port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int connection = socket(AF_INET, SOCK_STREAM, 0);
    if (connection >= 0 && connect(connection, (struct sockaddr *)&address, sizeof address) != 0) {
        fail("cannot connect");
    }
    return connection;
}

static nsw_noise_info info_of(const nsw_noise *noise) {
    nsw_noise_info info = NSW_NOISE_INFO_INIT;
    check(nsw_noise_describe(noise, &info), "describe");
    return info;
}

/* Message after message; the n-th has its number as payload. */
static void shake_hands(nsw_noise *noise, int socket) {
    for (unsigned number = 0; info_of(noise).finished == 0; number++) {
        char payload[16];
        size_t len = (size_t)snprintf(payload, sizeof payload, "message %u", number), got = 0;
        if (info_of(noise).my_turn == 1) {
            check(nsw_noise_write(noise, (const uint8_t *)payload, len, wire, sizeof wire, &got),
                  "write");
            send_frame(socket, wire, got);
        } else {
            check(nsw_noise_read(noise, wire, receive_frame(socket), text, sizeof text, &got),
                  "read");
            if (got != len || memcmp(text, payload, len) != 0) {
                fail("another payload");
            }
        }
    }
}

static uint8_t byte_of(size_t round, size_t at, uint8_t mask) {
    return (uint8_t)(round + 7 * at) ^ mask;
}

static void say(nsw_noise *noise, int socket, size_t round, size_t len, uint8_t mask) {
    for (size_t at = 0; at < len; at++) {
        text[at] = byte_of(round, at, mask);
    }
    check(nsw_noise_seal(noise, NULL, 0, text, len, wire, sizeof wire, &len), "seal");
    send_frame(socket, wire, len);
}

static void hear(nsw_noise *noise, int socket, size_t round, size_t len, uint8_t mask) {
    size_t got = 0;
    check(nsw_noise_open(noise, NULL, 0, wire, receive_frame(socket), text, sizeof text, &got),
          "open");
    if (got != len) {
        fail("a text of another length");
    }
    for (size_t at = 0; at < len; at++) {
        if (text[at] != byte_of(round, at, mask)) {
            fail("another text");
        }
    }
}

static void converse(nsw_noise *noise, int socket) {
    size_t count = sizeof TEXTS / sizeof TEXTS[0];
    for (size_t round = 0; round < 2 * count; round++) {
        size_t len = TEXTS[round % count];
        if (round == count) {
            check(nsw_noise_rekey_send(noise), "rekey");
            check(nsw_noise_rekey_receive(noise), "rekey");
        }
        if (info_of(noise).initiator == 1) {
            say(noise, socket, round, len, 0);
            hear(noise, socket, round, len, 0xff);
        } else {
            hear(noise, socket, round, len, 0);
            say(noise, socket, round, len, 0xff);
        }
    }
}

int main(int argc, char **argv) {
    nsw_key own, known, expected, key, psks[MAX_PSKS];
    uint8_t hash[NSW_NOISE_MAX_TRANSCRIPT];
    size_t len = 0;
    if (argc == 2 && strcmp(argv[1], "keypair") == 0) {
        check(nsw_noise_keypair(NULL, &own, &known), "keypair");
        print_hex("", own.bytes, sizeof own.bytes, " ");
        print_hex("", known.bytes, sizeof known.bytes, "\n");
        return 0;
    }
    bool initiator = argc == 8 && strcmp(argv[1], "initiator") == 0;
    if (!initiator && !(argc == 7 && strcmp(argv[1], "responder") == 0)) {
        fail("wrong arguments");
    }
    nsw_noise_config cfg = NSW_NOISE_CONFIG_INIT;
    cfg.initiator = initiator;
    cfg.protocol = argv[2];
    cfg.prologue = (const uint8_t *)PROLOGUE;
    cfg.prologue_len = strlen(PROLOGUE);
    cfg.static_private = from_hex(argv[3], own.bytes, sizeof own) > 0 ? &own : NULL;
    cfg.remote_static = from_hex(argv[4], known.bytes, sizeof known) > 0 ? &known : NULL;
    cfg.psks = psks;
    cfg.psk_count = from_hex(argv[5], psks->bytes, sizeof psks) / sizeof psks[0];
    nsw_noise *noise = NULL;
    check(nsw_noise_create(&cfg, NULL, &noise), argv[2]);

    int socket = initiator ? connect_to((unsigned)atoi(argv[7])) : listen_for_one();
    if (socket < 0) {
        fail("no connection");
    }
    shake_hands(noise, socket);
    if (from_hex(argv[6], expected.bytes, sizeof expected) > 0) {
        check(nsw_noise_remote_static(noise, &key), "remote_static");
        if (memcmp(key.bytes, expected.bytes, sizeof key.bytes) != 0) {
            fail("the peer is somebody else");
        }
    }
    converse(noise, socket);
    check(nsw_noise_transcript(noise, hash, sizeof hash, &len), "transcript");
    print_hex("hash ", hash, len, "\n");
    nsw_noise_destroy(noise);
    close(socket);
    return 0;
}
