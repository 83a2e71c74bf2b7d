/*
 * What the tests of stores share.
 */
#ifndef NSW_TEST_STORE_H
#define NSW_TEST_STORE_H

#include <string.h>

#include "support.h"

#define NOW 1700000000000u
#define BYTES 4096u

typedef nsw_store_key key;

static inline nsw_store_config config_of(uint64_t replica) {
    nsw_store_config cfg = NSW_STORE_CONFIG_INIT;
    cfg.replica = replica;
    return cfg;
}

static inline nsw_store *make(uint64_t replica, const nsw_allocator *mem) {
    nsw_store *store = NULL;
    nsw_store_config cfg = config_of(replica);
    REQUIRE_OK(nsw_store_create(&cfg, mem, &store));
    return store;
}

static inline nsw_store_usage usage_of(const nsw_store *store) {
    nsw_store_usage usage = NSW_STORE_USAGE_INIT;
    CHECK_OK(nsw_store_describe(store, &usage));
    return usage;
}

static inline key open(nsw_store *store, key map, const char *name, uint32_t kind) {
    key opened = NSW_STORE_ROOT;
    REQUIRE_OK(nsw_store_open(store, map, text(name), strlen(name), kind, &opened));
    CHECK(opened != NSW_STORE_ROOT);
    return opened;
}

static inline void add(nsw_store *store, key set, const char *element) {
    CHECK_OK(nsw_store_add(store, set, text(element), strlen(element)));
}

static inline bool removes(nsw_store *store, key set, const char *element) {
    uint32_t was_in = 7;
    CHECK_OK(nsw_store_remove(store, set, text(element), strlen(element), &was_in));
    CHECK(was_in <= 1);
    return was_in == 1;
}

static inline bool contains(const nsw_store *store, key set, const char *element) {
    uint32_t is_in = 7;
    CHECK_OK(nsw_store_contains(store, set, text(element), strlen(element), &is_in));
    CHECK(is_in <= 1);
    return is_in == 1;
}

static inline bool is_on(const nsw_store *store, key flag) {
    uint32_t on = 7;
    CHECK_OK(nsw_store_flag(store, flag, &on));
    CHECK(on <= 1);
    return on == 1;
}

static inline size_t count_of(const nsw_store *store, key of) {
    size_t count = 77;
    CHECK_OK(nsw_store_count(store, of, &count));
    return count;
}

/* The state as a store writes it: the same bytes as long as nothing has changed. */
typedef struct frame {
    uint8_t at[BYTES];
    size_t len;
} frame;

static inline frame state_of(nsw_store *store) {
    frame state = {{0}, 0};
    REQUIRE_OK(nsw_store_state(store, state.at, BYTES, &state.len));
    return state;
}

static inline frame context_of(nsw_store *store) {
    frame context = {{0}, 0};
    REQUIRE_OK(nsw_store_context(store, context.at, BYTES, &context.len));
    return context;
}

static inline bool same(const frame *a, const frame *b) {
    return a->len == b->len && memcmp(a->at, b->at, a->len) == 0;
}

/* Tells a replica what it lacks, in frames of at most `mtu` bytes; how many there were. */
static inline size_t tell(nsw_store *from, nsw_store *to, size_t mtu) {
    frame peer = context_of(to);
    uint8_t out[BYTES];
    size_t len = 0, frames = 0;
    uint64_t cursor = 0;
    nsw_status status;
    while ((status = nsw_store_delta(from, peer.at, peer.len, &cursor, out, mtu, &len)) == NSW_OK) {
        CHECK(len > 0 && len <= mtu);
        CHECK_OK(nsw_store_merge(to, out, len, NOW + 1, NULL));
        frames++;
    }
    CHECK_STATUS(status, NSW_DONE);
    CHECK_SIZE(len, 0);
    CHECK_STATUS(nsw_store_delta(from, peer.at, peer.len, &cursor, out, mtu, &len), NSW_DONE);
    return frames;
}

/* All elements of a key, in the order of their bytes, each with a space behind it. */
static inline const char *elements(const nsw_store *store, key of) {
    static char all[BYTES];
    char found[32][64];
    size_t len = 0, count = 0;
    uint64_t cursor = 0;
    nsw_status status;
    uint8_t element[64];
    while ((status = nsw_store_element(store, of, &cursor, element, 63, &len)) == NSW_OK) {
        size_t at = count++;
        REQUIRE(count < COUNT_OF(found));
        element[len] = 0;
        for (; at > 0 && strcmp(found[at - 1], (char *)element) > 0; at--) {
            memcpy(found[at], found[at - 1], sizeof found[at]);
        }
        memcpy(found[at], element, len + 1);
    }
    CHECK_STATUS(status, NSW_DONE);
    CHECK_SIZE(len, 0);
    all[0] = 0;
    for (size_t i = 0; i < count; i++) {
        strcat(strcat(all, found[i]), " ");
    }
    return all;
}

static inline void check_elements(const nsw_store *store, key of, const char *expected) {
    const char *found = elements(store, of);
    CHECK_NOTE(strcmp(found, expected) == 0, "\"%s\" for \"%s\"", found, expected);
}

#endif /* NSW_TEST_STORE_H */
