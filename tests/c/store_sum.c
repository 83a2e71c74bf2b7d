/*
 * Counters and sketches of stores.
 */
#include "store.h"

static int64_t total_of(const nsw_store *store, key counter) {
    int64_t total = 77;
    CHECK_OK(nsw_store_total(store, counter, &total));
    return total;
}

static uint64_t seen_by(const nsw_store *store, key sketch) {
    uint64_t count = 77;
    CHECK_OK(nsw_store_cardinality(store, sketch, &count));
    return count;
}

static uint64_t often(const nsw_store *store, key sketch, const char *element) {
    uint64_t count = 77;
    CHECK_OK(nsw_store_frequency(store, sketch, text(element), strlen(element), &count));
    return count;
}

static void counters(void) {
    nsw_store *a = make(1, NULL), *b = make(2, NULL);
    key in_a = open(a, NSW_STORE_ROOT, "count", NSW_STORE_COUNTER);
    key in_b = open(b, NSW_STORE_ROOT, "count", NSW_STORE_COUNTER);
    CHECK(total_of(a, in_a) == 0);
    CHECK_OK(nsw_store_increment(a, in_a, 10));
    CHECK_OK(nsw_store_decrement(b, in_b, 3));
    CHECK_OK(nsw_store_increment(b, in_b, 0));
    CHECK(tell(a, b, BYTES) == 1 && tell(b, a, BYTES) == 1);
    CHECK(total_of(a, in_a) == 7 && total_of(b, in_b) == 7);

    /* A clearing takes away what it has seen, and no more. */
    CHECK_OK(nsw_store_clear(a, in_a));
    CHECK_OK(nsw_store_increment(b, in_b, 5));
    CHECK(total_of(a, in_a) == 0 && total_of(b, in_b) == 12);
    tell(a, b, BYTES);
    tell(b, a, BYTES);
    CHECK(total_of(a, in_a) == 5 && total_of(b, in_b) == 5);
    CHECK_OK(nsw_store_decrement(a, in_a, 1));
    tell(a, b, BYTES);
    CHECK(total_of(b, in_b) == 4);

    /* A frame that comes again counts nothing again. */
    frame state = state_of(a);
    nsw_store_merged merged = NSW_STORE_MERGED_INIT;
    CHECK_OK(nsw_store_merge(b, state.at, state.len, NOW, &merged));
    CHECK(merged.added == 0 && merged.removed == 0 && total_of(b, in_b) == 4);

    /* Overflow is an error and changes nothing. */
    key grows = open(a, NSW_STORE_ROOT, "grows", NSW_STORE_GROW_COUNTER);
    CHECK_STATUS(nsw_store_increment(a, grows, (uint64_t)INT64_MAX + 1), NSW_ERR_OVERFLOW);
    CHECK_STATUS(nsw_store_decrement(a, in_a, (uint64_t)INT64_MAX + 2), NSW_ERR_OVERFLOW);
    CHECK_OK(nsw_store_increment(a, grows, INT64_MAX));
    CHECK_STATUS(nsw_store_increment(a, grows, 1), NSW_ERR_OVERFLOW);
    CHECK(total_of(a, grows) == INT64_MAX);
    /* The sum of two parts may be too much, too; it is again what it was when one is cleared. */
    key theirs = open(b, NSW_STORE_ROOT, "grows", NSW_STORE_GROW_COUNTER);
    CHECK_OK(nsw_store_increment(b, theirs, 1));
    tell(b, a, BYTES);
    int64_t total = 77;
    CHECK_STATUS(nsw_store_total(a, grows, &total), NSW_ERR_OVERFLOW);
    CHECK(total == 77);
    CHECK_OK(nsw_store_clear(a, grows));
    CHECK(total_of(a, grows) == 0);
    CHECK_STATUS(nsw_store_total(a, grows, NULL), NSW_ERR_NULL);
    nsw_store_destroy(a);
    nsw_store_destroy(b);
}

static void without_room(void) {
    nsw_store *store = NULL;
    nsw_store_config cfg = config_of(1);
    cfg.bytes = 12;
    REQUIRE_OK(nsw_store_create(&cfg, NULL, &store));
    key count = open(store, NSW_STORE_ROOT, "count", NSW_STORE_COUNTER);
    CHECK_OK(nsw_store_increment(store, count, 1));
    uint64_t seen = 77;
    CHECK_OK(nsw_store_seen(store, 1, &seen));
    CHECK(seen == 1);
    CHECK_STATUS(nsw_store_increment(store, count, INT64_MAX / 2), NSW_ERR_CAPACITY);
    CHECK(total_of(store, count) == 1);
    key sketch = open(store, NSW_STORE_ROOT, "seen", NSW_STORE_HYPER_LOG_LOG);
    CHECK_STATUS(nsw_store_observe(store, sketch, text("a"), 1, 1), NSW_ERR_CAPACITY);
    CHECK_OK(nsw_store_seen(store, 1, &seen));
    CHECK(seen == 1 && seen_by(store, sketch) == 0);
    nsw_store_destroy(store);

    static const uint32_t bad[][3] = {{3, 0, 0}, {17, 0, 0}, {0, 8193, 0}, {0, 0, 5}};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        cfg = config_of(1);
        cfg.sketch_precision = bad[i][0];
        cfg.sketch_width = bad[i][1];
        cfg.sketch_depth = bad[i][2];
        CHECK_STATUS(nsw_store_create(&cfg, NULL, &store), NSW_ERR_INVALID);
        CHECK(store == NULL);
    }
}

static void sketches(void) {
    nsw_store *a = make(1, NULL), *b = make(2, NULL);
    key seen_a = open(a, NSW_STORE_ROOT, "seen", NSW_STORE_HYPER_LOG_LOG);
    key seen_b = open(b, NSW_STORE_ROOT, "seen", NSW_STORE_HYPER_LOG_LOG);
    key often_a = open(a, NSW_STORE_ROOT, "often", NSW_STORE_COUNT_MIN);
    key often_b = open(b, NSW_STORE_ROOT, "often", NSW_STORE_COUNT_MIN);
    CHECK(seen_by(a, seen_a) == 0 && often(a, often_a, "x") == 0);
    for (uint32_t i = 0; i < 3000; i++) {
        uint8_t bytes[4] = {(uint8_t)i, (uint8_t)(i >> 8), 1, 2};
        /* 2,000 each, of which both see 1,000. */
        if (i < 2000) {
            CHECK_OK(nsw_store_observe(a, seen_a, bytes, sizeof bytes, 1));
        }
        if (i >= 1000) {
            CHECK_OK(nsw_store_observe(b, seen_b, bytes, sizeof bytes, 9));
        }
    }
    CHECK_OK(nsw_store_observe(a, often_a, text("x"), 1, 5));
    CHECK_OK(nsw_store_observe(a, often_a, text("y"), 1, 1));
    CHECK_OK(nsw_store_observe(b, often_b, text("x"), 1, 2));
    CHECK_OK(nsw_store_observe(b, often_b, text("x"), 1, 0));
    static uint8_t state[16384];
    nsw_store *const both[] = {a, b, a};
    for (size_t i = 0; i < 2; i++) {
        size_t len = 0;
        CHECK_OK(nsw_store_state(both[i], state, sizeof state, &len));
        CHECK_OK(nsw_store_merge(both[i + 1], state, len, NOW, NULL));
    }
    /* The standard error is 3.25 %: five times that, and 3,000 are not to be taken for 4,000. */
    CHECK(seen_by(a, seen_a) == seen_by(b, seen_b));
    CHECK(seen_by(a, seen_a) > 2500 && seen_by(a, seen_a) < 3500);
    CHECK(often(a, often_a, "x") == 7 && often(b, often_b, "y") == 1);
    CHECK(often(b, often_b, "z") == 0);
    CHECK_STATUS(nsw_store_observe(a, often_a, text("x"), 1, UINT32_MAX), NSW_ERR_OVERFLOW);
    CHECK(often(a, often_a, "x") == 7);
    CHECK_STATUS(nsw_store_observe(a, often_a, NULL, 1, 1), NSW_ERR_NULL);
    CHECK_STATUS(nsw_store_frequency(a, often_a, text("x"), 1, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_store_cardinality(a, seen_a, NULL), NSW_ERR_NULL);

    /* A clearing wins against what is seen at the same time. */
    CHECK_OK(nsw_store_clear(a, often_a));
    CHECK_OK(nsw_store_observe(b, often_b, text("y"), 1, 1));
    tell(a, b, BYTES);
    CHECK(often(b, often_b, "y") == 0 && often(b, often_b, "x") == 0);
    nsw_store_destroy(a);
    nsw_store_destroy(b);

    /* Sketches of other sizes are refused. */
    nsw_store_config cfg = config_of(3);
    cfg.sketch_precision = 8;
    nsw_store *c = NULL, *d = make(4, NULL);
    REQUIRE_OK(nsw_store_create(&cfg, NULL, &c));
    key seen = open(c, NSW_STORE_ROOT, "seen", NSW_STORE_HYPER_LOG_LOG);
    CHECK_OK(nsw_store_observe(c, seen, text("x"), 1, 1));
    frame told = state_of(c);
    CHECK_STATUS(nsw_store_merge(d, told.at, told.len, NOW, NULL), NSW_ERR_CRDT_FORMAT);
    nsw_store_destroy(c);
    nsw_store_destroy(d);
}

int main(void) {
    counters();
    without_room();
    sketches();
    return check_report("store_sum");
}
