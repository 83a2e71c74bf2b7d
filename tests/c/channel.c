/*
 * Channels: messages over a line that loses, repeats and reorders packets, each
 * exactly once; full buffers, deadlines, a peer that lies; allocations that fail,
 * bad arguments and handles.
 */
#include <string.h>

#include "support.h"

#define MTU 100u
#define PACKETS 512u

/* ---- a line between two channels ----------------------------------------------- */

typedef struct packet {
    uint64_t at;
    size_t len, to;
    uint8_t bytes[MTU];
} packet;

typedef struct world {
    nsw_channel *ends[2];
    packet packets[PACKETS]; /* length 0: none */
    uint64_t now;
    uint32_t random;
    uint32_t loss, repeats; /* of 100 */
    uint32_t heard[2], acked[2], expired[2], refused[2], rooms[2];
    /* Messages of stream 0 count up from 0, and are checked. */
    uint32_t next[2];
} world;

static nsw_channel_config config_of(void) {
    nsw_channel_config cfg = NSW_CHANNEL_CONFIG_INIT;
    cfg.mtu = MTU;
    cfg.ordered = 1;
    cfg.unordered = 1;
    cfg.send_buffer = cfg.receive_buffer = 600;
    cfg.messages = 8;
    cfg.packets = 16;
    return cfg;
}

static nsw_channel *channel_of(const nsw_allocator *mem) {
    nsw_channel_config cfg = config_of();
    nsw_channel *channel = NULL;
    REQUIRE_OK(nsw_channel_create(&cfg, mem, &channel));
    REQUIRE(channel != NULL);
    return channel;
}

static nsw_channel_info info_of(const nsw_channel *channel) {
    nsw_channel_info info = NSW_CHANNEL_INFO_INIT;
    CHECK_OK(nsw_channel_describe(channel, &info));
    return info;
}

static uint64_t wake_of(const nsw_channel *channel) {
    uint64_t at = 1;
    CHECK_OK(nsw_channel_wake_at(channel, &at));
    return at;
}

static size_t message_len(uint32_t n) {
    return 4 + n * 37u % 300u;
}

static void make_message(uint32_t n, uint8_t *bytes) {
    memcpy(bytes, &n, 4);
    for (size_t i = 4; i < message_len(n); i++) {
        bytes[i] = (uint8_t)(n + i);
    }
}

static void carry(world *w, size_t to, const uint8_t *bytes, size_t len) {
    uint32_t copies = random_next(&w->random) % 100 < w->repeats ? 2 : 1;
    for (size_t i = 0; i < PACKETS && copies > 0; i++) {
        if (w->packets[i].len == 0) {
            copies--;
            if (random_next(&w->random) % 100 >= w->loss) {
                w->packets[i].at = w->now + 5000 + random_next(&w->random) % 5000;
                w->packets[i].to = to;
                w->packets[i].len = len;
                memcpy(w->packets[i].bytes, bytes, len);
            }
        }
    }
    CHECK_SIZE(copies, 0);
}

static void pump(world *w, size_t end) {
    guarded out = guarded_new(MTU, 1, 0);
    nsw_channel_output output = NSW_CHANNEL_OUTPUT_INIT;
    size_t len = 0;
    nsw_status status;
    while ((status = nsw_channel_next(w->ends[end], w->now, out.data, MTU, &len, &output)) ==
           NSW_OK) {
        CHECK_SIZE(len, output.kind == NSW_CHANNEL_PACKET ? output.bytes_len : 0);
        switch (output.kind) {
        case NSW_CHANNEL_PACKET:
            CHECK(output.bytes == out.data && len > 0);
            carry(w, 1 - end, output.bytes, output.bytes_len);
            break;
        case NSW_CHANNEL_MESSAGE:
            w->heard[end]++;
            if (output.stream == 0) {
                uint8_t expected[304];
                uint32_t n = w->next[end]++;
                make_message(n, expected);
                CHECK(output.bytes_len == message_len(n));
                CHECK(memcmp(output.bytes, expected, output.bytes_len) == 0);
            }
            break;
        case NSW_CHANNEL_ACKED: w->acked[end]++; break;
        case NSW_CHANNEL_EXPIRED: w->expired[end]++; break;
        case NSW_CHANNEL_REFUSED: w->refused[end]++; break;
        case NSW_CHANNEL_ROOM: w->rooms[end]++; break;
        default: FAIL("no such output");
        }
    }
    CHECK_STATUS(status, NSW_DONE);
    guarded_free(&out);
}

/* Goes on to when something happens next; false if nothing ever does. */
static bool step(world *w) {
    uint64_t next = UINT64_MAX;
    for (size_t end = 0; end < 2; end++) {
        pump(w, end);
    }
    for (size_t end = 0; end < 2; end++) {
        uint64_t at = wake_of(w->ends[end]);
        CHECK(at > w->now);
        next = at < next ? at : next;
    }
    for (size_t i = 0; i < PACKETS; i++) {
        if (w->packets[i].len > 0 && w->packets[i].at < next) {
            next = w->packets[i].at;
        }
    }
    if (next == UINT64_MAX) {
        return false;
    }
    w->now = next;
    for (size_t i = 0; i < PACKETS; i++) {
        packet *p = &w->packets[i];
        if (p->len > 0 && p->at <= w->now) {
            CHECK_OK(nsw_channel_receive(w->ends[p->to], p->bytes, p->len, w->now));
            p->len = 0;
        }
    }
    return true;
}

static world *world_of(uint32_t seed) {
    world *w = calloc(1, sizeof *w);
    REQUIRE(w != NULL);
    w->ends[0] = channel_of(NULL);
    w->ends[1] = channel_of(NULL);
    w->random = seed;
    w->now = 1;
    return w;
}

static void end_world(world *w) {
    nsw_channel_destroy(w->ends[0]);
    nsw_channel_destroy(w->ends[1]);
    free(w);
}

/* ---- messages --------------------------------------------------------------------- */

static void every_message_once_and_in_order(void) {
    const uint32_t count = quick() ? 200 : 2000;
    for (uint32_t seed = 1; seed <= 3; seed++) {
        world *w = world_of(seed);
        uint32_t sent[2] = {0, 0};
        uint64_t id = 0;
        w->loss = 10 * seed;
        w->repeats = 10;
        bool busy = true;
        while (busy) {
            for (size_t end = 0; end < 2; end++) {
                uint8_t bytes[304];
                make_message(sent[end], bytes);
                while (sent[end] < count &&
                       nsw_channel_send(w->ends[end], 0, bytes, message_len(sent[end]), NULL,
                                        w->now, &id) == NSW_OK) {
                    CHECK(id == sent[end]);
                    make_message(++sent[end], bytes);
                }
            }
            busy = step(w);
        }
        for (size_t end = 0; end < 2; end++) {
            CHECK_SIZE(w->heard[end], count);
            CHECK_SIZE(w->acked[end], count);
            nsw_channel_info info = info_of(w->ends[end]);
            CHECK(info.open == 1 && info.messages == 0 && info.has_room == 1);
            CHECK(info.room == 600 && info.in_flight == 0 && info.reserved == 0);
            CHECK(info.rtt_us > 10000 && info.rtt_us < 60000 && info.rtt_var_us > 0);
            CHECK(info.window >= 2 * MTU && info.packets_lost > 0);
            CHECK(info.packets_sent > info.packets_lost && info.packets_repeated > 0);
            CHECK(info.packets_received > 0);
        }
        end_world(w);
    }
}

static void what_does_not_fit(void) {
    world *w = world_of(9);
    uint8_t bytes[700] = {0};
    nsw_send_options options = NSW_SEND_OPTIONS_INIT;
    CHECK_STATUS(nsw_channel_send(w->ends[0], 2, bytes, 1, NULL, 1, NULL), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_channel_send(w->ends[0], 0, bytes, 601, NULL, 1, NULL),
                 NSW_ERR_COMM_TOO_LONG);
    CHECK_OK(nsw_channel_send(w->ends[0], 1, bytes, 500, NULL, 1, NULL));
    CHECK_STATUS(nsw_channel_send(w->ends[0], 1, bytes, 101, NULL, 1, NULL), NSW_ERR_CAPACITY);
    CHECK(info_of(w->ends[0]).room == 100);
    options.priority = 255;
    options.deadline_us = 5;
    CHECK_OK(nsw_channel_send(w->ends[0], 1, NULL, 0, &options, 1, NULL));
    options.keep_late = 1;
    CHECK_OK(nsw_channel_send(w->ends[0], 1, NULL, 0, &options, 1, NULL));
    options.keep_late = 0;
    CHECK_STATUS(nsw_channel_send(w->ends[0], 1, NULL, 0, &options, 5, NULL),
                 NSW_ERR_COMM_EXPIRED);
    CHECK_STATUS(nsw_channel_send(w->ends[0], 1, bytes, 101, NULL, 5, NULL), NSW_ERR_CAPACITY);
    while (step(w)) {
    }
    CHECK(w->rooms[0] == 1 && w->acked[0] == 2 && w->expired[0] == 1 && w->heard[1] == 2);

    /* The receiver does not take anything: its peer stops, and goes on afterwards. */
    CHECK_OK(nsw_channel_pause(w->ends[1], 1, 1));
    for (uint32_t n = 0; n < 4; n++) {
        while (nsw_channel_send(w->ends[0], 1, bytes, 300, NULL, w->now, NULL) != NSW_OK &&
               step(w)) {
        }
    }
    while (step(w)) {
    }
    CHECK(w->heard[1] == 2 && info_of(w->ends[0]).messages == 2);
    CHECK_OK(nsw_channel_pause(w->ends[1], 1, 0));
    while (step(w)) {
    }
    CHECK(w->heard[1] == 6 && info_of(w->ends[0]).messages == 0);
    end_world(w);
}

static void what_the_peer_cannot_take(void) {
    world *w = world_of(4);
    nsw_channel_destroy(w->ends[1]);
    nsw_channel_config cfg = config_of();
    cfg.receive_buffer = 50;
    REQUIRE_OK(nsw_channel_create(&cfg, NULL, &w->ends[1]));
    uint8_t bytes[51] = {0};
    CHECK_OK(nsw_channel_send(w->ends[0], 1, bytes, 51, NULL, 1, NULL));
    CHECK_OK(nsw_channel_send(w->ends[0], 1, bytes, 50, NULL, 1, NULL));
    while (step(w)) {
    }
    CHECK(w->refused[0] == 1 && w->acked[0] == 1 && w->heard[1] == 1);
    end_world(w);
}

static void a_buffer_that_is_too_small(void) {
    nsw_channel *channel = channel_of(NULL);
    uint8_t out[MTU];
    size_t len = 77;
    nsw_channel_output output = NSW_CHANNEL_OUTPUT_INIT;
    CHECK_STATUS(nsw_channel_next(channel, 0, NULL, 0, &len, &output), NSW_DONE);
    CHECK(len == 77 && output.kind == 0);
    CHECK_OK(nsw_channel_send(channel, 0, out, 0, NULL, 0, NULL));
    CHECK_STATUS(nsw_channel_next(channel, 0, out, MTU - 1, &len, &output),
                 NSW_ERR_BUFFER_TOO_SMALL);
    CHECK(len == MTU && output.kind == 0 && wake_of(channel) == 0);
    CHECK_OK(nsw_channel_next(channel, 0, out, MTU, NULL, &output));
    CHECK(output.kind == NSW_CHANNEL_PACKET && output.bytes_len > 0);
    nsw_channel_destroy(channel);
}

/* ---- a peer that lies ----------------------------------------------------------------- */

/* docs/channel-format.md: epoch 7, the same streams, 512 bytes, 8 messages. */
static const uint8_t HELLO[] = {0, 3, 1, 7, 1, 1, 1, 0x80, 4, 8};

static void a_peer_that_lies(void) {
    static const struct {
        uint8_t bytes[16];
        size_t len;
        nsw_status expected;
    } CASES[] = {
        {{0}, 0, NSW_ERR_COMM_FORMAT},
        {{1}, 1, NSW_ERR_COMM_FORMAT},
        {{1, 9}, 2, NSW_ERR_COMM_FORMAT},
        {{1, 0x82, 0, 1}, 4, NSW_ERR_COMM_FORMAT},
        {{1, 3, 2}, 3, NSW_ERR_COMM_VERSION},
        {{1, 3, 1, 8, 1, 1, 1, 0x80, 4, 8}, 10, NSW_ERR_COMM_CLOSED},
        {{1, 3, 1, 7, 2, 1, 1, 0x80, 4, 8}, 10, NSW_ERR_COMM_STATE},
        {{1, 2, 99, 0, 0, 0}, 6, NSW_ERR_COMM_STATE},
        {{1, 0xc0, 1, 0xd9, 4, 0, 1}, 7, NSW_ERR_COMM_TOO_LONG},
        {{1, 0x80, 64, 1}, 4, NSW_ERR_COMM_TOO_LONG},
        {{1, 0xc0, 0, 9, 2, 'x'}, 6, NSW_ERR_COMM_STATE},
        {{1, 0xc0, 0, 8, 2, 'c'}, 6, NSW_ERR_COMM_STATE},
    };
    nsw_channel *channel = channel_of(NULL);
    CHECK_STATUS(nsw_channel_receive(channel, (const uint8_t[]){0, 1}, 2, 0),
                 NSW_ERR_COMM_CLOSED);
    CHECK_OK(nsw_channel_receive(channel, HELLO, sizeof HELLO, 0));
    CHECK_OK(nsw_channel_receive(channel, (const uint8_t[]){5, 0xc0, 0, 9, 2, 'c', 'd'}, 7, 0));
    const nsw_channel_info before = info_of(channel);
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        const nsw_status got = nsw_channel_receive(channel, CASES[i].bytes, CASES[i].len, 0);
        CHECK_NOTE(got == CASES[i].expected, "case %lu: %ld", (unsigned long)i, (long)got);
        const nsw_channel_info after = info_of(channel);
        CHECK(memcmp(&before, &after, sizeof before) == 0);
    }
    /* The same number, and the same bytes in other parts, are still good. */
    CHECK_OK(nsw_channel_receive(channel,
                                 (const uint8_t[]){1, 0x80, 0, 'a', 'b', 'c', 'd', 'e', 'f', 'g',
                                                   'h', 'i'},
                                 12, 0));
    uint8_t out[MTU];
    nsw_channel_output output = NSW_CHANNEL_OUTPUT_INIT;
    CHECK_OK(nsw_channel_next(channel, 0, out, MTU, NULL, &output));
    CHECK(output.kind == NSW_CHANNEL_MESSAGE && output.stream == 0 && output.id == 0);
    CHECK(output.bytes_len == 9 && memcmp(output.bytes, "abcdefghi", 9) == 0);
    nsw_channel_destroy(channel);
}

/* ---- memory, arguments, handles ----------------------------------------------------- */

static void one_allocation_and_it_may_fail(void) {
    nsw_channel_config cfg = config_of();
    size_t size = 0, align = 0;
    CHECK_OK(nsw_channel_footprint(&cfg, &size, &align));
    for (size_t mode = 0; mode < 3; mode++) {
        counting memory;
        counting_init(&memory);
        memory.fail_at = mode == 1 ? 1 : 0;
        memory.misalign_at = mode == 2 ? 1 : 0;
        nsw_channel *channel = (nsw_channel *)&memory;
        CHECK_STATUS(nsw_channel_create(&cfg, &memory.hook, &channel),
                     mode == 0   ? NSW_OK
                     : mode == 1 ? NSW_ERR_OUT_OF_MEMORY
                                 : NSW_ERR_ALLOCATOR);
        CHECK((channel != NULL) == (mode == 0));
        CHECK(memory.calls == 1 && memory.last_size == size && memory.last_align == align);
        if (mode == 0) {
            uint8_t bytes[600] = {1}, out[MTU];
            nsw_channel_output output = NSW_CHANNEL_OUTPUT_INIT;
            CHECK_OK(nsw_channel_receive(channel, HELLO, sizeof HELLO, 0));
            CHECK_OK(nsw_channel_send(channel, 0, bytes, 500, NULL, 0, NULL));
            while (nsw_channel_next(channel, 0, out, MTU, NULL, &output) == NSW_OK) {
            }
            CHECK_SIZE(memory.calls, 1);
        }
        nsw_channel_destroy(channel);
        counting_finish(&memory);
    }
}

static void settings_and_structs(void) {
    nsw_channel_config good = config_of(), cfg = NSW_CHANNEL_CONFIG_INIT;
    nsw_channel *channel = NULL;
    size_t size = 0, align = 0;
    /* All defaults. */
    CHECK_OK(nsw_channel_footprint(&cfg, &size, &align));
    CHECK(size > 2 * 65536);
    /* An older caller's. */
    cfg = good;
    cfg.size = (uint32_t)offsetof(nsw_channel_config, logger);
    CHECK_OK(nsw_channel_footprint(&cfg, &size, &align));
    for (uint32_t bad = 0; bad < 3; bad++) {
        static const uint32_t SIZES[] = {0, 12, 5000};
        cfg.size = SIZES[bad];
        CHECK_STATUS(nsw_channel_footprint(&cfg, &size, &align), NSW_ERR_STRUCT_SIZE);
        CHECK_STATUS(nsw_channel_create(&cfg, NULL, &channel), NSW_ERR_STRUCT_SIZE);
    }
#define REFUSED(field, value)                                                   \
    do {                                                                        \
        cfg = good;                                                             \
        cfg.field = (value);                                                    \
        CHECK_STATUS(nsw_channel_footprint(&cfg, &size, &align), NSW_ERR_INVALID); \
        channel = (nsw_channel *)&cfg;                                          \
        CHECK_STATUS(nsw_channel_create(&cfg, NULL, &channel), NSW_ERR_INVALID); \
        CHECK(channel == NULL);                                                 \
    } while (0)
    REFUSED(mtu, 47);
    REFUSED(mtu, 65536);
    REFUSED(ordered, 1024);
    REFUSED(unordered, UINT32_MAX);
    REFUSED(send_buffer, UINT32_MAX);
    REFUSED(receive_buffer, (1u << 28) + 1);
    REFUSED(messages, 16385);
    REFUSED(packets, 3);
    REFUSED(ack_delay_us, 10000001);
    REFUSED(initial_rtt_us, 10000001);
    CHECK_STATUS(nsw_channel_footprint(NULL, &size, &align), NSW_ERR_NULL);
    CHECK_STATUS(nsw_channel_footprint(&good, NULL, &align), NSW_ERR_NULL);
    CHECK_STATUS(nsw_channel_footprint(&good, &size, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_channel_create(&good, NULL, NULL), NSW_ERR_NULL);

    channel = channel_of(NULL);
    nsw_send_options options = NSW_SEND_OPTIONS_INIT;
    options.priority = 256;
    CHECK_STATUS(nsw_channel_send(channel, 0, NULL, 0, &options, 0, NULL), NSW_ERR_INVALID);
    options.priority = 0;
    options.reserved = 1;
    CHECK_STATUS(nsw_channel_send(channel, 0, NULL, 0, &options, 0, NULL), NSW_ERR_INVALID);
    options.reserved = 0;
    options.size = 4;
    CHECK_STATUS(nsw_channel_send(channel, 0, NULL, 0, &options, 0, NULL), NSW_ERR_STRUCT_SIZE);
    CHECK_STATUS(nsw_channel_send(channel, 0, NULL, 1, NULL, 0, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_channel_send(channel, 0, HELLO, SIZE_MAX, NULL, 0, NULL), NSW_ERR_OVERFLOW);
    uint64_t ids[2] = {0, 0};
    uint64_t *odd = (uint64_t *)(void *)((uint8_t *)ids + 1);
    CHECK_STATUS(nsw_channel_send(channel, 0, HELLO, 1, NULL, 0, odd), NSW_ERR_ALIGNMENT);
    CHECK_STATUS(nsw_channel_receive(channel, NULL, 1, 0), NSW_ERR_NULL);
    CHECK_STATUS(nsw_channel_wake_at(channel, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_channel_wake_at(channel, odd), NSW_ERR_ALIGNMENT);
    CHECK_STATUS(nsw_channel_pause(channel, 2, 1), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_channel_describe(channel, NULL), NSW_ERR_NULL);
    nsw_channel_info info = NSW_CHANNEL_INFO_INIT;
    info.size = 8;
    CHECK_STATUS(nsw_channel_describe(channel, &info), NSW_ERR_STRUCT_SIZE);
    /* Nothing of that was taken on, and what cannot be told is not lost. */
    CHECK(info_of(channel).messages == 0);
    CHECK_OK(nsw_channel_send(channel, 0, HELLO, 1, NULL, 0, NULL));
    uint8_t out[MTU];
    nsw_channel_output output = NSW_CHANNEL_OUTPUT_INIT;
    CHECK_STATUS(nsw_channel_next(channel, 0, out, MTU, NULL, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_channel_next(channel, 0, NULL, MTU, NULL, &output), NSW_ERR_NULL);
    CHECK_STATUS(nsw_channel_next(channel, 0, out, MTU, (size_t *)(void *)odd, &output),
                 NSW_ERR_ALIGNMENT);
    output.size = 8;
    CHECK_STATUS(nsw_channel_next(channel, 0, out, MTU, NULL, &output), NSW_ERR_STRUCT_SIZE);
    output.size = sizeof output;
    CHECK(info_of(channel).packets_sent == 0);
    CHECK_OK(nsw_channel_next(channel, 0, out, MTU, NULL, &output));
    nsw_channel_destroy(channel);
}

static void bad_handle(nsw_channel *channel, nsw_status expected) {
    uint8_t out[MTU];
    uint64_t at = 0;
    nsw_channel_output output = NSW_CHANNEL_OUTPUT_INIT;
    nsw_channel_info info = NSW_CHANNEL_INFO_INIT;
    CHECK_STATUS(nsw_channel_send(channel, 0, HELLO, 1, NULL, 0, &at), expected);
    CHECK_STATUS(nsw_channel_receive(channel, HELLO, sizeof HELLO, 0), expected);
    CHECK_STATUS(nsw_channel_next(channel, 0, out, MTU, NULL, &output), expected);
    CHECK_STATUS(nsw_channel_wake_at(channel, &at), expected);
    CHECK_STATUS(nsw_channel_pause(channel, 0, 1), expected);
    CHECK_STATUS(nsw_channel_describe(channel, &info), expected);
    nsw_channel_destroy(channel);
}

/* One block that stays readable when it was given back. */
static uint64_t block[1024];

static void *block_alloc(void *ctx, size_t size, size_t align) {
    (void)ctx;
    return size <= sizeof block && align <= 8 ? block : NULL;
}

static void block_free(void *ctx, void *ptr, size_t size, size_t align) {
    (void)ctx, (void)ptr, (void)size, (void)align;
}

static void wrong_handles(void) {
    static uint64_t zeros[16];
    nsw_net *net = small_net(1, NULL);
    bad_handle(NULL, NSW_ERR_NULL);
    bad_handle((nsw_channel *)(void *)((uint8_t *)zeros + 1), NSW_ERR_ALIGNMENT);
    bad_handle((nsw_channel *)(void *)zeros, NSW_ERR_HANDLE);
    bad_handle((nsw_channel *)(void *)net, NSW_ERR_HANDLE);
    nsw_net_destroy(net);
    nsw_allocator hook = NSW_ALLOCATOR_INIT;
    hook.alloc = block_alloc;
    hook.free = block_free;
    nsw_channel *channel = channel_of(&hook);
    nsw_channel_destroy(channel);
    bad_handle(channel, NSW_ERR_DESTROYED);
}

int main(void) {
    every_message_once_and_in_order();
    what_does_not_fit();
    what_the_peer_cannot_take();
    a_buffer_that_is_too_small();
    a_peer_that_lies();
    one_allocation_and_it_may_fail();
    settings_and_structs();
    wrong_handles();
    return check_report("channel");
}
