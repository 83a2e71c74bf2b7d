/*
 * Frames in streams and on serial lines: what goes in comes out, however it is
 * cut; damage is dropped and counted; too long is an error by name; nothing is
 * lost on an error.
 */
#include <string.h>

#include "support.h"

#define LONGEST 64u

static nsw_framer *framer_of(uint32_t framing, const nsw_allocator *mem) {
    nsw_framer_config cfg = NSW_FRAMER_CONFIG_INIT;
    nsw_framer *framer = NULL;
    cfg.framing = framing;
    cfg.max_frame = LONGEST;
    REQUIRE_OK(nsw_framer_create(&cfg, mem, &framer));
    return framer;
}

static size_t encode(uint32_t framing, const uint8_t *frame, size_t frame_len, uint8_t *buf,
                     size_t cap) {
    size_t len = 0;
    if (framing == NSW_FRAMING_STREAM) {
        CHECK_OK(nsw_frame_encode_stream(frame, frame_len, buf, cap, &len));
    } else {
        CHECK_OK(nsw_frame_encode_serial(frame, frame_len, 1, buf, cap, &len));
        CHECK(len <= NSW_SERIAL_BOUND(frame_len));
    }
    return len;
}

static nsw_framer_info info_of(const nsw_framer *framer) {
    nsw_framer_info info = NSW_FRAMER_INFO_INIT;
    CHECK_OK(nsw_framer_describe(framer, &info));
    return info;
}

static void frames_in_pieces(uint32_t framing) {
    counting memory;
    counting_init(&memory);
    nsw_framer_config cfg = NSW_FRAMER_CONFIG_INIT;
    size_t size = 0, align = 0;
    cfg.framing = framing;
    cfg.max_frame = LONGEST;
    CHECK_OK(nsw_framer_footprint(&cfg, &size, &align));
    nsw_framer *framer = framer_of(framing, &memory.hook);
    CHECK_SIZE(memory.last_size, size);
    CHECK_SIZE(memory.last_align, align);
    for (size_t step = 1; step < 40; step++) {
        uint8_t line[8 * NSW_SERIAL_BOUND(LONGEST)];
        uint8_t frame[LONGEST];
        size_t len = 0, found = 0;
        uint32_t seed = (uint32_t)step, again = seed;
        for (size_t i = 0; i < 8; i++) {
            for (size_t j = 0; j < 7 * i; j++) {
                frame[j] = (uint8_t)(random_next(&seed) & 3u);
            }
            len += encode(framing, frame, 7 * i, line + len, sizeof line - len);
        }
        for (size_t at = 0; at < len;) {
            size_t taken = 0, most = len - at < step ? len - at : step;
            CHECK_OK(nsw_framer_push(framer, line + at, most, &taken));
            at += taken;
            nsw_frame out = NSW_FRAME_INIT;
            nsw_status status = nsw_framer_next(framer, &out);
            if (status != NSW_OK) {
                CHECK_STATUS(status, NSW_DONE);
                CHECK_SIZE(taken, most);
                continue;
            }
            for (size_t j = 0; j < 7 * found; j++) {
                frame[j] = (uint8_t)(random_next(&again) & 3u);
            }
            CHECK_SIZE(out.bytes_len, 7 * found);
            CHECK(out.bytes != NULL && memcmp(out.bytes, frame, out.bytes_len) == 0);
            CHECK(out.checked == 1);
            found++;
        }
        CHECK_SIZE(found, 8);
    }
    CHECK(info_of(framer).frames == 39 * 8);
    CHECK_SIZE(memory.calls, 1);
    nsw_framer_destroy(framer);
    counting_finish(&memory);
}

static void a_frame_waits(void) {
    static const uint8_t line[] = {1, 0, 'a', 1, 0, 'b'};
    nsw_framer *framer = framer_of(NSW_FRAMING_STREAM, NULL);
    size_t taken = 99;
    CHECK_OK(nsw_framer_push(framer, line, sizeof line, &taken));
    CHECK_SIZE(taken, 3);
    CHECK_OK(nsw_framer_push(framer, line + 3, 3, &taken));
    CHECK_SIZE(taken, 0);
    nsw_frame out = NSW_FRAME_INIT;
    out.size = 3;
    CHECK_STATUS(nsw_framer_next(framer, &out), NSW_ERR_STRUCT_SIZE);
    CHECK_STATUS(nsw_framer_next(framer, NULL), NSW_ERR_NULL);
    out.size = sizeof out;
    CHECK_OK(nsw_framer_next(framer, &out));
    CHECK(out.bytes_len == 1 && out.bytes[0] == 'a');
    CHECK_STATUS(nsw_framer_next(framer, &out), NSW_DONE);
    CHECK_OK(nsw_framer_push(framer, line + 3, 2, &taken));
    CHECK_OK(nsw_framer_restart(framer));
    CHECK_OK(nsw_framer_push(framer, line, 3, &taken));
    CHECK_OK(nsw_framer_next(framer, &out));
    CHECK(out.bytes_len == 1 && out.bytes[0] == 'a');
    nsw_framer_destroy(framer);
}

static void too_long(void) {
    uint8_t frame[LONGEST + 1] = {0}, line[NSW_SERIAL_BOUND(LONGEST + 1)];
    nsw_framer *framer = framer_of(NSW_FRAMING_STREAM, NULL);
    size_t len = encode(NSW_FRAMING_STREAM, frame, sizeof frame, line, sizeof line), taken = 77;
    CHECK_STATUS(nsw_framer_push(framer, line, len, &taken), NSW_ERR_COMM_TOO_LONG);
    CHECK_STATUS(nsw_framer_push(framer, line, 1, &taken), NSW_ERR_COMM_TOO_LONG);
    CHECK_SIZE(taken, 77);
    CHECK(info_of(framer).oversize == 1);
    CHECK_OK(nsw_framer_restart(framer));
    CHECK_OK(nsw_framer_push(framer, line, 1, &taken));
    nsw_framer_destroy(framer);

    framer = framer_of(NSW_FRAMING_SERIAL, NULL);
    len = encode(NSW_FRAMING_SERIAL, frame, sizeof frame, line, sizeof line);
    CHECK_OK(nsw_framer_push(framer, line, len, &taken));
    CHECK_SIZE(taken, len);
    nsw_frame out = NSW_FRAME_INIT;
    CHECK_STATUS(nsw_framer_next(framer, &out), NSW_DONE);
    CHECK(info_of(framer).oversize == 1 && info_of(framer).damaged == 0);
    nsw_framer_destroy(framer);
}

static void damage_is_dropped(void) {
    static const uint8_t frame[] = {1, 0, 2, 0, 3};
    uint8_t line[NSW_SERIAL_BOUND(sizeof frame)];
    nsw_framer *framer = framer_of(NSW_FRAMING_SERIAL, NULL);
    size_t len = encode(NSW_FRAMING_SERIAL, frame, sizeof frame, line, sizeof line);
    for (size_t bit = 0; bit < 8 * len; bit++) {
        uint8_t damaged[sizeof line];
        static const uint8_t zero = 0;
        size_t at = 0, taken = 0;
        memcpy(damaged, line, len);
        damaged[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        for (; at < len; at += taken) {
            nsw_frame out = NSW_FRAME_INIT;
            CHECK_OK(nsw_framer_push(framer, damaged + at, len - at, &taken));
            CHECK_NOTE(nsw_framer_next(framer, &out) == NSW_DONE || out.checked == 0,
                       "bit %zu", bit);
        }
        CHECK_OK(nsw_framer_push(framer, &zero, 1, &taken));
        nsw_frame good = NSW_FRAME_INIT;
        (void)nsw_framer_next(framer, &good); /* what the zero ended */
        for (at = 0; at < len; at += taken) {
            CHECK_OK(nsw_framer_push(framer, line + at, len - at, &taken));
        }
        CHECK_OK(nsw_framer_next(framer, &good));
        CHECK(good.checked == 1 && good.bytes_len == sizeof frame);
        CHECK(memcmp(good.bytes, frame, sizeof frame) == 0);
    }
    CHECK(info_of(framer).damaged >= 8 * (len - 1));
    nsw_framer_destroy(framer);
}

static void short_buffers(void) {
    uint8_t frame[8] = {1, 2, 0}, buf[32];
    size_t len = 0;
    for (size_t cap = 0; cap < 10; cap++) {
        guarded out = guarded_new(cap, 1, 0);
        snapshot before = snapshot_take(out.data, cap);
        CHECK_STATUS(nsw_frame_encode_stream(frame, sizeof frame, out.data, cap, &len),
                     NSW_ERR_BUFFER_TOO_SMALL);
        CHECK_SIZE(len, 10);
        CHECK_STATUS(nsw_frame_encode_serial(frame, sizeof frame, 0, out.data, cap, &len),
                     NSW_ERR_BUFFER_TOO_SMALL);
        CHECK_SIZE(len, 11);
        CHECK(snapshot_unchanged(&before));
        snapshot_free(&before);
        guarded_free(&out);
    }
    CHECK_OK(nsw_frame_encode_stream(NULL, 0, buf, sizeof buf, NULL));
    CHECK_STATUS(nsw_frame_encode_stream(NULL, 1, buf, sizeof buf, &len), NSW_ERR_NULL);
    CHECK_STATUS(nsw_frame_encode_stream(frame, 8, NULL, 32, &len), NSW_ERR_NULL);
    CHECK_STATUS(nsw_frame_encode_serial(buf, 8, 1, buf + 4, 28, &len), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_frame_encode_serial(frame, SIZE_MAX, 1, buf, 32, &len), NSW_ERR_OVERFLOW);
    static const uint8_t huge[NSW_FRAME_MAX + 1];
    CHECK_STATUS(nsw_frame_encode_stream(huge, sizeof huge, buf, 32, &len),
                 NSW_ERR_COMM_TOO_LONG);
    CHECK_STATUS(nsw_frame_encode_serial(huge, sizeof huge, 1, buf, 32, &len),
                 NSW_ERR_COMM_TOO_LONG);
}

static void bad_settings(void) {
    static const size_t lengths[] = {0, NSW_FRAME_MAX + 1, SIZE_MAX};
    nsw_framer_config cfg = NSW_FRAMER_CONFIG_INIT;
    nsw_framer *framer = NULL;
    size_t size, align;
    for (size_t i = 0; i < COUNT_OF(lengths); i++) {
        cfg.max_frame = lengths[i];
        CHECK_STATUS(nsw_framer_footprint(&cfg, &size, &align), NSW_ERR_INVALID);
        CHECK_STATUS(nsw_framer_create(&cfg, NULL, &framer), NSW_ERR_INVALID);
    }
    cfg.max_frame = 8;
    cfg.framing = NSW_FRAMING_SERIAL + 1;
    CHECK_STATUS(nsw_framer_create(&cfg, NULL, &framer), NSW_ERR_INVALID);
    cfg.framing = NSW_FRAMING_SERIAL;
    cfg.size = 4;
    CHECK_STATUS(nsw_framer_create(&cfg, NULL, &framer), NSW_ERR_STRUCT_SIZE);
    CHECK_STATUS(nsw_framer_create(NULL, NULL, &framer), NSW_ERR_NULL);
    counting memory;
    counting_init(&memory);
    cfg.size = sizeof cfg;
    memory.fail_at = 1;
    CHECK_STATUS(nsw_framer_create(&cfg, &memory.hook, &framer), NSW_ERR_OUT_OF_MEMORY);
    CHECK(framer == NULL);
    counting_finish(&memory);
}

static void bad_handles(void) {
    uint8_t line[] = {1, 0, 9};
    size_t taken = 0;
    nsw_frame out = NSW_FRAME_INIT;
    nsw_framer_info info = NSW_FRAMER_INFO_INIT;
    guarded buffer = guarded_new(4096, 16, 0);
    nsw_arena *arena = NULL;
    nsw_allocator mem = NSW_ALLOCATOR_INIT;
    REQUIRE_OK(nsw_arena_create(buffer.data, buffer.len, &arena));
    REQUIRE_OK(nsw_arena_allocator(arena, &mem));
    nsw_framer *framer = framer_of(NSW_FRAMING_STREAM, &mem);
    CHECK_STATUS(nsw_framer_push(framer, NULL, 1, &taken), NSW_ERR_NULL);
    CHECK_STATUS(nsw_framer_push(framer, line, 3, NULL), NSW_ERR_NULL);
    CHECK_OK(nsw_framer_push(framer, line, 3, &taken));
    CHECK_SIZE(taken, 3); /* the call without a place took nothing */
    CHECK_STATUS(nsw_framer_describe(framer, NULL), NSW_ERR_NULL);
    nsw_framer_destroy(framer);
    nsw_framer *const bad[] = {NULL, (nsw_framer *)(buffer.data + 1), (nsw_framer *)arena, framer};
    static const nsw_status expected[] = {NSW_ERR_NULL, NSW_ERR_ALIGNMENT, NSW_ERR_HANDLE,
                                          NSW_ERR_DESTROYED};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        CHECK_STATUS(nsw_framer_push(bad[i], line, 3, &taken), expected[i]);
        CHECK_STATUS(nsw_framer_next(bad[i], &out), expected[i]);
        CHECK_STATUS(nsw_framer_restart(bad[i]), expected[i]);
        CHECK_STATUS(nsw_framer_describe(bad[i], &info), expected[i]);
        nsw_framer_destroy(bad[i]);
    }
    nsw_arena_destroy(arena);
    guarded_free(&buffer);
}

int main(void) {
    frames_in_pieces(NSW_FRAMING_STREAM);
    frames_in_pieces(NSW_FRAMING_SERIAL);
    a_frame_waits();
    too_long();
    damage_is_dropped();
    short_buffers();
    bad_settings();
    bad_handles();
    return check_report("framing");
}
