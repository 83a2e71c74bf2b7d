/*
 * The Noise handshake used wrongly: handles, configurations, structs, calls out
 * of turn, buffers that are too small or overlap, messages that are damaged,
 * keys of small order, memory that cannot be had. An error changes nothing, so
 * each time the right call still works.
 */
#include <string.h>

#include "support.h"

#define XX "Noise_XX_25519_ChaChaPoly_BLAKE2s"
#define NN "Noise_NN_25519_ChaChaPoly_BLAKE2s"
#define ROOM 256u

/* More than a message can be. */
static uint8_t large[NSW_NOISE_MAX_MESSAGE + 1];

static nsw_key private_key[2], public_key[2];

static nsw_noise_config config_of(const char *protocol, size_t side, bool has_static) {
    nsw_noise_config cfg = NSW_NOISE_CONFIG_INIT;
    cfg.protocol = protocol;
    cfg.initiator = side == 0;
    cfg.static_private = has_static ? &private_key[side] : NULL;
    return cfg;
}

static nsw_noise *make(const nsw_noise_config *cfg) {
    nsw_noise *noise = NULL;
    REQUIRE_OK(nsw_noise_create(cfg, NULL, &noise));
    return noise;
}

static void make_both(const char *protocol, bool has_static, nsw_noise *sides[2]) {
    for (size_t i = 0; i < 2; i++) {
        nsw_noise_config cfg = config_of(protocol, i, has_static);
        sides[i] = make(&cfg);
    }
}

static void destroy_both(nsw_noise *sides[2]) {
    nsw_noise_destroy(sides[0]);
    nsw_noise_destroy(sides[1]);
}

static nsw_noise_info info_of(const nsw_noise *noise) {
    nsw_noise_info info = NSW_NOISE_INFO_INIT;
    REQUIRE_OK(nsw_noise_describe(noise, &info));
    return info;
}

/* The next message of the handshake, on its way. */
static size_t next_message(nsw_noise *writer, uint8_t *message) {
    size_t len = 0;
    REQUIRE_OK(nsw_noise_write(writer, (const uint8_t *)"hi", 2, message, ROOM, &len));
    return len;
}

/* All messages of the handshake. */
static void shake_hands(nsw_noise *sides[2]) {
    for (size_t from = 0; info_of(sides[0]).finished == 0; from = 1 - from) {
        uint8_t message[ROOM], payload[ROOM];
        size_t len = next_message(sides[from], message);
        REQUIRE_OK(nsw_noise_read(sides[1 - from], message, len, payload, ROOM, &len));
        CHECK(len == 2 && memcmp(payload, "hi", 2) == 0);
    }
}

/* ---- handles -------------------------------------------------------------------- */

typedef nsw_status handle_call(void *noise);

static nsw_status do_describe(void *h) {
    nsw_noise_info info = NSW_NOISE_INFO_INIT;
    return nsw_noise_describe(h, &info);
}
static nsw_status do_transcript(void *h) {
    uint8_t buf[ROOM];
    return nsw_noise_transcript(h, buf, ROOM, NULL);
}
static nsw_status do_remote_static(void *h) {
    nsw_key key;
    return nsw_noise_remote_static(h, &key);
}
static nsw_status do_write(void *h) {
    uint8_t buf[ROOM];
    return nsw_noise_write(h, NULL, 0, buf, ROOM, NULL);
}
static nsw_status do_read(void *h) {
    const uint8_t message[64] = {0};
    uint8_t buf[ROOM];
    return nsw_noise_read(h, message, sizeof message, buf, ROOM, NULL);
}
static nsw_status do_seal(void *h) {
    uint8_t buf[ROOM];
    return nsw_noise_seal(h, NULL, 0, NULL, 0, buf, ROOM, NULL);
}
static nsw_status do_open(void *h) {
    const uint8_t message[16] = {0};
    return nsw_noise_open(h, NULL, 0, message, sizeof message, NULL, 0, NULL);
}
static nsw_status do_seal_at(void *h) {
    uint8_t buf[ROOM];
    return nsw_noise_seal_at(h, 7, NULL, 0, NULL, 0, buf, ROOM, NULL);
}
static nsw_status do_open_at(void *h) {
    const uint8_t message[16] = {0};
    return nsw_noise_open_at(h, 7, NULL, 0, message, sizeof message, NULL, 0, NULL);
}
static nsw_status do_rekey_send(void *h) { return nsw_noise_rekey_send(h); }
static nsw_status do_rekey_receive(void *h) { return nsw_noise_rekey_receive(h); }

/* Each call, and what a fresh initiator of XX, a fresh responder and a finished side say. */
static const struct {
    const char *name;
    handle_call *call;
    nsw_status initiator, responder, finished;
} CALLS[] = {
    {"describe", do_describe, NSW_OK, NSW_OK, NSW_OK},
    {"transcript", do_transcript, NSW_OK, NSW_OK, NSW_OK},
    {"remote_static", do_remote_static, NSW_ERR_COMM_STATE, NSW_ERR_COMM_STATE, NSW_OK},
    {"seal", do_seal, NSW_ERR_COMM_STATE, NSW_ERR_COMM_STATE, NSW_OK},
    {"seal_at", do_seal_at, NSW_ERR_COMM_STATE, NSW_ERR_COMM_STATE, NSW_OK},
    {"open", do_open, NSW_ERR_COMM_STATE, NSW_ERR_COMM_STATE, NSW_ERR_COMM_AUTH},
    {"open_at", do_open_at, NSW_ERR_COMM_STATE, NSW_ERR_COMM_STATE, NSW_ERR_COMM_AUTH},
    {"rekey_send", do_rekey_send, NSW_ERR_COMM_STATE, NSW_ERR_COMM_STATE, NSW_OK},
    {"rekey_receive", do_rekey_receive, NSW_ERR_COMM_STATE, NSW_ERR_COMM_STATE, NSW_OK},
    {"write", do_write, NSW_OK, NSW_ERR_COMM_STATE, NSW_ERR_COMM_STATE},
    {"read", do_read, NSW_ERR_COMM_STATE, NSW_OK, NSW_ERR_COMM_STATE},
};

#define EXPECT(i, handle, expected, what)                                                \
    do {                                                                                  \
        nsw_status got_ = CALLS[i].call(handle);                                          \
        CHECK_NOTE(got_ == (expected), "nsw_noise_%s, %s: got %d (%s)", CALLS[i].name,    \
                   (what), (int)got_, nsw_status_str(got_));                              \
    } while (0)

static void wrong_handles_and_states(void) {
    guarded zeros = guarded_new(2048, 64, 0), buffer = guarded_new(8192, 64, 0);
    memset(zeros.data, 0, zeros.len);
    nsw_arena *arena = NULL;
    nsw_allocator mem = NSW_ALLOCATOR_INIT;
    REQUIRE_OK(nsw_arena_create(buffer.data, buffer.len, &arena));
    REQUIRE_OK(nsw_arena_allocator(arena, &mem));
    nsw_noise_config cfg = config_of(XX, 0, true);
    nsw_noise *gone = NULL, *fresh[2], *finished[2];
    REQUIRE_OK(nsw_noise_create(&cfg, &mem, &gone));
    nsw_noise_destroy(gone);
    nsw_noise_destroy(gone); /* its memory can still be read */
    make_both(XX, true, finished);
    shake_hands(finished);
    for (size_t i = 0; i < COUNT_OF(CALLS); i++) {
        make_both(XX, true, fresh);
        EXPECT(i, NULL, NSW_ERR_NULL, "NULL");
        EXPECT(i, (uint8_t *)fresh[0] + 1, NSW_ERR_ALIGNMENT, "misaligned");
        EXPECT(i, zeros.data, NSW_ERR_HANDLE, "zeros");
        EXPECT(i, arena, NSW_ERR_HANDLE, "an arena");
        EXPECT(i, gone, NSW_ERR_DESTROYED, "destroyed");
        EXPECT(i, fresh[0], CALLS[i].initiator, "a fresh initiator");
        EXPECT(i, fresh[1], CALLS[i].responder, "a fresh responder");
        EXPECT(i, finished[0], CALLS[i].finished, "a finished initiator");
        EXPECT(i, finished[1], CALLS[i].finished, "a finished responder");
        destroy_both(fresh);
    }
    nsw_noise_destroy(NULL);
    nsw_noise_destroy((nsw_noise *)arena);
    CHECK_OK(nsw_arena_usage(arena, NULL, NULL, NULL));
    destroy_both(finished);
    nsw_arena_destroy(arena);
    guarded_free(&zeros);
    guarded_free(&buffer);
}

/* After a one-way pattern one side sends and the other receives. */
static void one_way(void) {
    const char *name = "Noise_N_25519_ChaChaPoly_BLAKE2s";
    nsw_noise *sides[2];
    nsw_noise_config cfg = config_of(name, 0, false);
    cfg.remote_static = &public_key[1];
    sides[0] = make(&cfg);
    cfg = config_of(name, 1, true);
    sides[1] = make(&cfg);
    shake_hands(sides);
    CHECK_STATUS(do_seal(sides[1]), NSW_ERR_COMM_STATE);
    CHECK_STATUS(do_seal_at(sides[1]), NSW_ERR_COMM_STATE);
    CHECK_STATUS(do_open(sides[0]), NSW_ERR_COMM_STATE);
    CHECK_STATUS(do_open_at(sides[0]), NSW_ERR_COMM_STATE);
    CHECK_STATUS(nsw_noise_rekey_send(sides[1]), NSW_ERR_COMM_STATE);
    CHECK_STATUS(nsw_noise_rekey_receive(sides[0]), NSW_ERR_COMM_STATE);
    CHECK_OK(do_seal(sides[0]));
    CHECK_STATUS(do_open(sides[1]), NSW_ERR_COMM_AUTH);
    CHECK_STATUS(do_remote_static(sides[1]), NSW_ERR_COMM_STATE); /* it has none */
    CHECK_OK(do_remote_static(sides[0]));
    destroy_both(sides);
}

/* ---- configurations ---------------------------------------------------------------- */

static void refused(const nsw_noise_config *cfg, nsw_status expected) {
    nsw_noise *noise = (nsw_noise *)(uintptr_t)1;
    counting memory;
    counting_init(&memory);
    CHECK_STATUS(nsw_noise_create(cfg, &memory.hook, &noise), expected);
    CHECK(noise == NULL);
    counting_finish(&memory);
}

static void wrong_configurations(void) {
    const nsw_key psks[6] = {{{1}}};
    char long_name[400];
    nsw_noise_config cfg = config_of(XX, 0, true);
    refused(NULL, NSW_ERR_NULL);
    CHECK_STATUS(nsw_noise_create(&cfg, NULL, NULL), NSW_ERR_NULL);
    cfg.protocol = NULL;
    refused(&cfg, NSW_ERR_NULL);
    memset(long_name, 'X', sizeof long_name); /* no end in sight */
    const char *const names[] = {"", "XX", "Noise_XX_448_ChaChaPoly_BLAKE2s", long_name,
                                 "Noise_XX_25519_ChaChaPoly_BLAKE2s ", "Noise_\xff\xfe"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        cfg.protocol = names[i];
        refused(&cfg, NSW_ERR_COMM_PROTOCOL);
    }
    cfg = config_of(XX, 0, true);
    cfg.initiator = 2;
    refused(&cfg, NSW_ERR_INVALID);
    cfg = config_of(XX, 0, false);
    refused(&cfg, NSW_ERR_COMM_KEYS);
    cfg = config_of(NN, 0, true);
    refused(&cfg, NSW_ERR_COMM_KEYS);
    cfg = config_of("Noise_IK_25519_ChaChaPoly_BLAKE2s", 0, true);
    refused(&cfg, NSW_ERR_COMM_KEYS);
    cfg = config_of(XX, 0, true);
    cfg.remote_static = &public_key[1];
    refused(&cfg, NSW_ERR_COMM_KEYS);
    cfg = config_of("Noise_XXpsk0+psk3_25519_ChaChaPoly_BLAKE2s", 0, true);
    for (size_t count = 0; count <= 6; count++) {
        cfg.psks = psks;
        cfg.psk_count = count;
        if (count != 2) {
            refused(&cfg, NSW_ERR_COMM_KEYS);
        }
    }
    cfg.psk_count = 2;
    nsw_noise_destroy(make(&cfg));
    cfg.psks = NULL;
    refused(&cfg, NSW_ERR_NULL);
    cfg.psks = psks;
    cfg.psk_count = SIZE_MAX / 2;
    refused(&cfg, NSW_ERR_OVERFLOW);
    cfg = config_of(XX, 0, true);
    cfg.prologue_len = 1;
    refused(&cfg, NSW_ERR_NULL);
    nsw_entropy entropy = NSW_ENTROPY_INIT;
    cfg = config_of(XX, 0, true);
    cfg.entropy = &entropy;
    refused(&cfg, NSW_ERR_NULL);

    /* As many keys as any name can ask for. */
    cfg = config_of("Noise_X1X1psk0+psk1+psk2+psk3+psk4_25519_ChaChaPoly_BLAKE2s", 0, true);
    cfg.psks = psks;
    cfg.psk_count = 5;
    nsw_noise *sides[2];
    sides[0] = make(&cfg);
    cfg.initiator = 0;
    cfg.static_private = &private_key[1];
    sides[1] = make(&cfg);
    shake_hands(sides);
    CHECK_OK(do_seal(sides[0]));
    destroy_both(sides);
}

/* Structs of older and newer callers. */
static void sizes_of_structs(void) {
    struct {
        nsw_noise_config cfg;
        uint8_t later[8];
    } newer = {config_of(XX, 0, true), {0}};
    newer.cfg.size = sizeof newer;
    nsw_noise_destroy(make(&newer.cfg));
    newer.later[7] = 1;
    refused(&newer.cfg, NSW_ERR_STRUCT_SIZE);
    nsw_noise_config cfg = config_of(XX, 0, true);
    cfg.size = 0;
    refused(&cfg, NSW_ERR_STRUCT_SIZE);
    size_t size = 1, align = 1;
    CHECK_STATUS(nsw_noise_footprint(&cfg, &size, &align), NSW_ERR_STRUCT_SIZE);
    CHECK_STATUS(nsw_noise_footprint(NULL, &size, &align), NSW_ERR_NULL);
    cfg = config_of(XX, 0, true);
    CHECK_STATUS(nsw_noise_footprint(&cfg, NULL, &align), NSW_ERR_NULL);
    CHECK_STATUS(nsw_noise_footprint(&cfg, &size, NULL), NSW_ERR_NULL);
    CHECK(size == 1 && align == 1);

    nsw_noise *noise = make(&cfg);
    nsw_noise_info info = NSW_NOISE_INFO_INIT;
    info.size = offsetof(nsw_noise_info, overhead);
    info.overhead = 77;
    CHECK_OK(nsw_noise_describe(noise, &info));
    CHECK(info.initiator == 1 && info.my_turn == 1 && info.overhead == 77);
    info.size = 4;
    CHECK_STATUS(nsw_noise_describe(noise, &info), NSW_ERR_STRUCT_SIZE);
    CHECK_STATUS(nsw_noise_describe(noise, NULL), NSW_ERR_NULL);
    nsw_noise_destroy(noise);
}

/* One block, as large as promised; failures leave nothing behind. */
static void memory_that_cannot_be_had(void) {
    nsw_noise_config cfg = config_of(XX, 0, true);
    size_t size = 0, align = 0;
    CHECK_OK(nsw_noise_footprint(&cfg, &size, &align));
    for (size_t bad = 0; bad < 3; bad++) {
        counting memory;
        counting_init(&memory);
        memory.fail_at = bad == 1;
        memory.misalign_at = bad == 2;
        nsw_noise *noise = (nsw_noise *)(uintptr_t)1;
        const nsw_status expected[] = {NSW_OK, NSW_ERR_OUT_OF_MEMORY, NSW_ERR_ALLOCATOR};
        CHECK_STATUS(nsw_noise_create(&cfg, &memory.hook, &noise), expected[bad]);
        CHECK((noise != NULL) == (bad == 0));
        CHECK(memory.calls == 1 && memory.last_size == size && memory.last_align == align);
        nsw_noise_destroy(noise);
        counting_finish(&memory);
    }
}

/* ---- buffers --------------------------------------------------------------------------- */

static void buffers_of_the_handshake(void) {
    nsw_noise *sides[2];
    make_both(XX, true, sides);
    uint8_t message[ROOM] = {0}, payload[ROOM];
    size_t len = 0;
    for (size_t from = 0; info_of(sides[0]).finished == 0; from = 1 - from) {
        nsw_noise *writer = sides[from], *reader = sides[1 - from];
        size_t needed = info_of(writer).overhead + 5u;
        const uint8_t *text = (const uint8_t *)"hello";
        CHECK_STATUS(nsw_noise_write(writer, text, 5, NULL, 0, &len), NSW_ERR_BUFFER_TOO_SMALL);
        CHECK_SIZE(len, needed);
        len = 0;
        CHECK_STATUS(nsw_noise_write(writer, text, 5, message, needed - 1, &len),
                     NSW_ERR_BUFFER_TOO_SMALL);
        CHECK_SIZE(len, needed);
        CHECK_STATUS(nsw_noise_write(writer, text, 5, NULL, needed, NULL), NSW_ERR_NULL);
        CHECK_STATUS(nsw_noise_write(writer, NULL, 5, message, ROOM, NULL), NSW_ERR_NULL);
        CHECK_STATUS(nsw_noise_write(writer, text, SIZE_MAX, message, ROOM, NULL),
                     NSW_ERR_OVERFLOW);
        CHECK_STATUS(nsw_noise_write(writer, large, NSW_NOISE_MAX_MESSAGE, message, ROOM, NULL),
                     NSW_ERR_COMM_TOO_LONG);
        CHECK_STATUS(nsw_noise_write(writer, message, 5, message + 4, ROOM - 4, NULL),
                     NSW_ERR_INVALID);
        CHECK_STATUS(nsw_noise_write(writer, message + needed - 1, 5, message, ROOM, NULL),
                     NSW_ERR_INVALID);
        CHECK_OK(nsw_noise_write(writer, text, 5, message, needed, &len));
        CHECK_SIZE(len, needed);

        size_t taken = 0;
        CHECK_STATUS(nsw_noise_read(reader, message, len, NULL, 0, &taken),
                     NSW_ERR_BUFFER_TOO_SMALL);
        CHECK_SIZE(taken, 5);
        CHECK_STATUS(nsw_noise_read(reader, message, len, payload, 4, NULL),
                     NSW_ERR_BUFFER_TOO_SMALL);
        CHECK_STATUS(nsw_noise_read(reader, message, len, NULL, 5, NULL), NSW_ERR_NULL);
        CHECK_STATUS(nsw_noise_read(reader, NULL, len, payload, ROOM, NULL), NSW_ERR_NULL);
        CHECK_STATUS(nsw_noise_read(reader, message, len, message, ROOM, NULL),
                     NSW_ERR_INVALID);
        CHECK_STATUS(nsw_noise_read(reader, large, sizeof large, payload, ROOM, NULL),
                     NSW_ERR_COMM_TOO_LONG);
        CHECK_STATUS(nsw_noise_read(reader, message, len - 6, payload, ROOM, NULL),
                     NSW_ERR_COMM_FORMAT);
        CHECK_STATUS(nsw_noise_read(reader, NULL, 0, payload, ROOM, NULL), NSW_ERR_COMM_FORMAT);
        if (info_of(reader).overhead > sizeof(nsw_key)) {
            for (size_t bit = 0; bit < len * 8; bit += quick() ? 37 : 1) {
                message[bit / 8] ^= (uint8_t)(1u << bit % 8);
                CHECK_STATUS(nsw_noise_read(reader, message, len, payload, ROOM, NULL),
                             NSW_ERR_COMM_AUTH);
                message[bit / 8] ^= (uint8_t)(1u << bit % 8);
            }
        }
        CHECK_OK(nsw_noise_read(reader, message, len, payload, 5, &len));
        CHECK(len == 5 && memcmp(payload, "hello", 5) == 0);
    }
    for (size_t i = 0; i < 2; i++) {
        uint8_t hash[2][NSW_NOISE_MAX_TRANSCRIPT];
        nsw_key key;
        CHECK_STATUS(nsw_noise_remote_static(sides[i], NULL), NSW_ERR_NULL);
        CHECK_OK(nsw_noise_remote_static(sides[i], &key));
        CHECK(memcmp(&key, &public_key[1 - i], sizeof key) == 0);
        CHECK_STATUS(nsw_noise_transcript(sides[i], NULL, 0, &len), NSW_ERR_BUFFER_TOO_SMALL);
        CHECK_SIZE(len, 32);
        CHECK_OK(nsw_noise_transcript(sides[0], hash[0], sizeof hash[0], NULL));
        CHECK_OK(nsw_noise_transcript(sides[1], hash[1], sizeof hash[1], NULL));
        CHECK(memcmp(hash[0], hash[1], 32) == 0);
    }
    destroy_both(sides);
}

/* Seals with nsw_noise_seal, or as the message `at`. */
static nsw_status seal(nsw_noise *noise, int64_t at, const uint8_t *ad, size_t ad_len,
                       const uint8_t *text, size_t text_len, uint8_t *buf, size_t cap,
                       size_t *len) {
    return at < 0 ? nsw_noise_seal(noise, ad, ad_len, text, text_len, buf, cap, len)
                  : nsw_noise_seal_at(noise, (uint64_t)at, ad, ad_len, text, text_len, buf, cap,
                                      len);
}

static nsw_status open_(nsw_noise *noise, int64_t at, const uint8_t *ad, size_t ad_len,
                        const uint8_t *text, size_t text_len, uint8_t *buf, size_t cap,
                        size_t *len) {
    return at < 0 ? nsw_noise_open(noise, ad, ad_len, text, text_len, buf, cap, len)
                  : nsw_noise_open_at(noise, (uint64_t)at, ad, ad_len, text, text_len, buf, cap,
                                      len);
}

static void buffers_of_messages(int64_t at) {
    nsw_noise *sides[2];
    make_both(NN, false, sides);
    shake_hands(sides);
    uint8_t message[ROOM] = {0}, text[ROOM];
    const uint8_t *ad = (const uint8_t *)"ad", *hello = (const uint8_t *)"hello";
    size_t len = 0;
#define SEAL(...) seal(sides[0], at, __VA_ARGS__)
#define OPEN(...) open_(sides[1], at, __VA_ARGS__)
    CHECK_STATUS(SEAL(ad, 2, hello, 5, NULL, 0, &len), NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_SIZE(len, 5 + NSW_NOISE_TAG);
    CHECK_STATUS(SEAL(ad, 2, hello, 5, message, 20, &len), NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_STATUS(SEAL(ad, 2, hello, 5, NULL, ROOM, NULL), NSW_ERR_NULL);
    CHECK_STATUS(SEAL(ad, 2, NULL, 5, message, ROOM, NULL), NSW_ERR_NULL);
    CHECK_STATUS(SEAL(NULL, 2, hello, 5, message, ROOM, NULL), NSW_ERR_NULL);
    CHECK_STATUS(SEAL(ad, 2, large, NSW_NOISE_MAX_MESSAGE - 15, message, ROOM, NULL),
                 NSW_ERR_COMM_TOO_LONG);
    CHECK_STATUS(SEAL(ad, SIZE_MAX, hello, 5, message, ROOM, NULL), NSW_ERR_OVERFLOW);
    CHECK_STATUS(SEAL(ad, 2, message, 5, message, ROOM, NULL), NSW_ERR_INVALID);
    CHECK_STATUS(SEAL(message + 20, 2, hello, 5, message, ROOM, NULL), NSW_ERR_INVALID);
    CHECK(info_of(sides[0]).send_counter == 0);
    CHECK_OK(SEAL(ad, 2, hello, 5, message, 21, &len));
    CHECK_SIZE(len, 21);
    CHECK(info_of(sides[0]).send_counter == (at < 0 ? 1 : 0));

    CHECK_STATUS(OPEN(ad, 2, message, 21, NULL, 0, &len), NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_SIZE(len, 5);
    CHECK_STATUS(OPEN(ad, 2, message, 21, text, 4, NULL), NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_STATUS(OPEN(ad, 2, message, 21, NULL, ROOM, NULL), NSW_ERR_NULL);
    CHECK_STATUS(OPEN(ad, 2, NULL, 21, text, ROOM, NULL), NSW_ERR_NULL);
    CHECK_STATUS(OPEN(ad, 2, message, 21, message, ROOM, NULL), NSW_ERR_INVALID);
    CHECK_STATUS(OPEN(text, 2, message, 21, text, ROOM, NULL), NSW_ERR_INVALID);
    CHECK_STATUS(OPEN(ad, 2, large, sizeof large, text, ROOM, NULL), NSW_ERR_COMM_TOO_LONG);
    for (size_t cut = 0; cut < 21; cut++) {
        CHECK_STATUS(OPEN(ad, 2, message, cut, text, ROOM, NULL),
                     cut < NSW_NOISE_TAG ? NSW_ERR_COMM_FORMAT : NSW_ERR_COMM_AUTH);
    }
    for (size_t bit = 0; bit < 21 * 8; bit += quick() ? 13 : 1) {
        message[bit / 8] ^= (uint8_t)(1u << bit % 8);
        CHECK_STATUS(OPEN(ad, 2, message, 21, text, ROOM, NULL), NSW_ERR_COMM_AUTH);
        message[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    CHECK_STATUS(OPEN(ad, 1, message, 21, text, ROOM, NULL), NSW_ERR_COMM_AUTH);
    CHECK(info_of(sides[1]).receive_counter == 0);
    CHECK_OK(OPEN(ad, 2, message, 21, text, 5, &len));
    CHECK(len == 5 && memcmp(text, "hello", 5) == 0);
    CHECK(info_of(sides[1]).receive_counter == (at < 0 ? 1 : 0));
    if (at < 0) { /* once */
        CHECK_STATUS(OPEN(ad, 2, message, 21, text, 5, &len), NSW_ERR_COMM_AUTH);
    }
#undef SEAL
#undef OPEN
    destroy_both(sides);
}

/* The longest messages, rekeying, counters that are told, and the last counter. */
static void counters_and_keys(void) {
    static uint8_t text[NSW_NOISE_MAX_MESSAGE], message[NSW_NOISE_MAX_MESSAGE];
    nsw_noise *sides[2];
    make_both(NN, false, sides);
    shake_hands(sides);
    size_t len = 0, longest = NSW_NOISE_MAX_MESSAGE - NSW_NOISE_TAG;
    memset(text, 'x', sizeof text);
    CHECK_OK(nsw_noise_seal(sides[0], NULL, 0, text, longest, message, sizeof message, &len));
    CHECK_SIZE(len, NSW_NOISE_MAX_MESSAGE);
    memset(text, 0, sizeof text);
    CHECK_OK(nsw_noise_open(sides[1], NULL, 0, message, len, text, sizeof text, &len));
    CHECK(len == longest && text[0] == 'x' && text[longest - 1] == 'x');

    uint8_t second[32], third[32];
    CHECK_OK(nsw_noise_seal_at(sides[1], 9, NULL, 0, text, 1, third, sizeof third, NULL));
    CHECK_OK(nsw_noise_seal_at(sides[1], 5, NULL, 0, text, 2, second, sizeof second, NULL));
    CHECK_STATUS(nsw_noise_open_at(sides[0], 5, NULL, 0, third, 17, text, 2, &len),
                 NSW_ERR_COMM_AUTH);
    CHECK_OK(nsw_noise_open_at(sides[0], 9, NULL, 0, third, 17, text, 2, &len));
    CHECK_OK(nsw_noise_open_at(sides[0], 5, NULL, 0, second, 18, text, 2, &len));
    CHECK_STATUS(nsw_noise_seal_at(sides[0], UINT64_MAX, NULL, 0, text, 2, second,
                                   sizeof second, &len),
                 NSW_ERR_COMM_COUNTER);
    CHECK_STATUS(nsw_noise_open_at(sides[0], UINT64_MAX, NULL, 0, second, 18, text, 2, &len),
                 NSW_ERR_COMM_COUNTER);

    CHECK_OK(nsw_noise_rekey_send(sides[1]));
    CHECK_OK(nsw_noise_seal(sides[1], NULL, 0, text, 2, second, sizeof second, NULL));
    CHECK_STATUS(nsw_noise_open(sides[0], NULL, 0, second, 18, text, 2, &len),
                 NSW_ERR_COMM_AUTH);
    CHECK_OK(nsw_noise_rekey_receive(sides[0]));
    CHECK_OK(nsw_noise_open(sides[0], NULL, 0, second, 18, text, 2, &len));
    destroy_both(sides);
}

/* A key that can agree on nothing secret (RFC 7748, section 6.1). */
static void keys_of_small_order(void) {
    nsw_noise_config cfg = config_of(NN, 1, false);
    nsw_noise *noise = make(&cfg);
    const uint8_t zeros[sizeof(nsw_key)] = {0};
    uint8_t buf[ROOM];
    size_t len = 0;
    CHECK_OK(nsw_noise_read(noise, zeros, sizeof zeros, NULL, 0, &len));
    CHECK_STATUS(nsw_noise_write(noise, NULL, 0, buf, ROOM, &len), NSW_ERR_COMM_KEY);
    CHECK(info_of(noise).my_turn == 1);
    nsw_noise_destroy(noise);
}

static void key_functions(void) {
    nsw_key first = {{0}}, second[2] = {{{0}}, {{0}}};
    nsw_entropy entropy = NSW_ENTROPY_INIT;
    CHECK_STATUS(nsw_noise_keypair(&entropy, &first, &second[0]), NSW_ERR_NULL);
    entropy.size = 1;
    CHECK_STATUS(nsw_noise_keypair(&entropy, &first, &second[0]), NSW_ERR_STRUCT_SIZE);
    CHECK_STATUS(nsw_noise_keypair(NULL, NULL, &first), NSW_ERR_NULL);
    CHECK_STATUS(nsw_noise_keypair(NULL, &first, NULL), NSW_ERR_NULL);
    nsw_key *over = (nsw_key *)(void *)(second[0].bytes + sizeof(nsw_key) - 1);
    CHECK_STATUS(nsw_noise_keypair(NULL, &second[0], over), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_noise_keypair(NULL, over, &second[0]), NSW_ERR_INVALID);
    for (size_t i = 0; i < sizeof first; i++) {
        CHECK(first.bytes[i] == 0 && second[0].bytes[i] == 0 && second[1].bytes[i] == 0);
    }
    CHECK_STATUS(nsw_noise_public_key(NULL, &first), NSW_ERR_NULL);
    CHECK_STATUS(nsw_noise_public_key(&first, NULL), NSW_ERR_NULL);
    nsw_key agreed, nothing = {{0}}; /* of small order */
    REQUIRE_OK(nsw_noise_keypair(NULL, &second[0], &second[1]));
    CHECK_STATUS(nsw_noise_agree(NULL, &second[1], &agreed), NSW_ERR_NULL);
    CHECK_STATUS(nsw_noise_agree(&second[0], NULL, &agreed), NSW_ERR_NULL);
    CHECK_STATUS(nsw_noise_agree(&second[0], &second[1], NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_noise_agree(&second[0], &nothing, &agreed), NSW_ERR_COMM_KEY);
}

int main(void) {
    for (size_t i = 0; i < 2; i++) {
        REQUIRE_OK(nsw_noise_keypair(NULL, &private_key[i], &public_key[i]));
    }
    wrong_handles_and_states();
    one_way();
    wrong_configurations();
    sizes_of_structs();
    memory_that_cannot_be_had();
    buffers_of_the_handshake();
    buffers_of_messages(-1);
    buffers_of_messages(3);
    counters_and_keys();
    keys_of_small_order();
    key_functions();
    return check_report("noise_misuse");
}
