/*
 * Stores: what has no room, is damaged or misused is refused and changes nothing.
 */
#include "store.h"

static void keys(void) {
    nsw_store *store = make(1, NULL);
    key first = open(store, NSW_STORE_ROOT, "set", NSW_STORE_ADD_WINS_SET);
    key second = open(store, NSW_STORE_ROOT, "set", NSW_STORE_ADD_WINS_SET);
    CHECK(first == second);
    CHECK_OK(nsw_store_close(store, first));
    add(store, second, "still open");
    CHECK_OK(nsw_store_close(store, first));
    uint8_t bytes[64] = {0};
    uint32_t yes = 7;
    size_t len = 77;
    uint64_t cursor = 0;
    int64_t number = 77;
    key none = 0;
    /* Closed, made up, or none. */
    key another = open(store, NSW_STORE_ROOT, "another", NSW_STORE_MAX);
    const key bad[] = {first, UINT64_MAX, (uint64_t)1 << 32, another ^ (uint64_t)1 << 40, 1, 0xffff};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        CHECK_STATUS(nsw_store_close(store, bad[i]), NSW_ERR_CRDT_KEY);
        CHECK_STATUS(nsw_store_open(store, bad[i], bytes, 1, NSW_STORE_MAP, &none),
                     NSW_ERR_CRDT_KEY);
        CHECK_STATUS(nsw_store_close(store, none), NSW_ERR_CRDT_KEY);
        CHECK_STATUS(nsw_store_add(store, bad[i], bytes, 1), NSW_ERR_CRDT_KEY);
        CHECK_STATUS(nsw_store_remove(store, bad[i], bytes, 1, &yes), NSW_ERR_CRDT_KEY);
        CHECK(yes == 0);
        CHECK_STATUS(nsw_store_contains(store, bad[i], bytes, 1, &yes), NSW_ERR_CRDT_KEY);
        CHECK_STATUS(nsw_store_count(store, bad[i], &len), NSW_ERR_CRDT_KEY);
        CHECK_STATUS(nsw_store_clear(store, bad[i]), NSW_ERR_CRDT_KEY);
        CHECK_STATUS(nsw_store_set_flag(store, bad[i], 1), NSW_ERR_CRDT_KEY);
        CHECK_STATUS(nsw_store_flag(store, bad[i], &yes), NSW_ERR_CRDT_KEY);
        CHECK_STATUS(nsw_store_assign(store, bad[i], bytes, 1, NOW), NSW_ERR_CRDT_KEY);
        CHECK_STATUS(nsw_store_last_written(store, bad[i], bytes, 64, &len, NULL),
                     NSW_ERR_CRDT_KEY);
        CHECK_STATUS(nsw_store_offer(store, bad[i], 1, &yes), NSW_ERR_CRDT_KEY);
        CHECK_STATUS(nsw_store_extreme(store, bad[i], &number), NSW_ERR_CRDT_KEY);
        CHECK_STATUS(nsw_store_increment(store, bad[i], 1), NSW_ERR_CRDT_KEY);
        CHECK_STATUS(nsw_store_decrement(store, bad[i], 1), NSW_ERR_CRDT_KEY);
        CHECK_STATUS(nsw_store_total(store, bad[i], &number), NSW_ERR_CRDT_KEY);
        CHECK_STATUS(nsw_store_observe(store, bad[i], bytes, 1, 1), NSW_ERR_CRDT_KEY);
        CHECK_STATUS(nsw_store_cardinality(store, bad[i], &cursor), NSW_ERR_CRDT_KEY);
        CHECK_STATUS(nsw_store_frequency(store, bad[i], bytes, 1, &cursor), NSW_ERR_CRDT_KEY);
        CHECK_STATUS(nsw_store_element(store, bad[i], &cursor, bytes, 64, &len), NSW_ERR_CRDT_KEY);
        CHECK_STATUS(nsw_store_next_key(store, bad[i], NULL, 0, 0, bytes, 64, &len, &yes),
                     NSW_ERR_CRDT_KEY);
    }
    CHECK(len == 77 && number == 77 && cursor == 0 && bytes[0] == 0);
    CHECK_STATUS(nsw_store_close(store, NSW_STORE_ROOT), NSW_ERR_CRDT_KEY);

    /* What each kind refuses: bit n of a row is kind n. */
    for (uint32_t kind = NSW_STORE_MAP; kind <= NSW_STORE_LIST; kind++) {
        enum { MAPS = 1u << 1, SETS = 3u << 2, FLAGS = 3u << 4, LAST = 1u << 6, MANY = 1u << 7 };
        const unsigned numbers = 3u << 8, counters = 3u << 10, lists = 1u << NSW_STORE_LIST;
        const unsigned bit = 1u << kind;
#define REFUSED(takes, call) \
    CHECK_NOTE(((call) == NSW_ERR_CRDT_KIND) == !((takes) & bit), "kind %u: %s", kind, #call)
        key of = open(store, NSW_STORE_ROOT, "of some kind", kind);
        REFUSED(MAPS, nsw_store_open(store, of, bytes, 1, NSW_STORE_MAX, &none));
        REFUSED(SETS, nsw_store_add(store, of, bytes, 1));
        REFUSED(SETS, nsw_store_contains(store, of, bytes, 1, &yes));
        REFUSED(SETS, nsw_store_remove(store, of, bytes, 1, &yes));
        REFUSED(SETS | MAPS | lists, nsw_store_count(store, of, &len));
        REFUSED(FLAGS, nsw_store_set_flag(store, of, 1));
        REFUSED(FLAGS, nsw_store_flag(store, of, &yes));
        REFUSED(LAST | MANY, nsw_store_assign(store, of, bytes, 1, NOW));
        REFUSED(LAST, nsw_store_last_written(store, of, bytes, 64, &len, NULL));
        REFUSED(numbers, nsw_store_offer(store, of, 1, &yes));
        REFUSED(numbers, nsw_store_extreme(store, of, &number));
        REFUSED(counters, nsw_store_increment(store, of, 1));
        REFUSED(1u << NSW_STORE_COUNTER, nsw_store_decrement(store, of, 1));
        REFUSED(counters, nsw_store_total(store, of, &number));
        REFUSED(3u << 12, nsw_store_observe(store, of, bytes, 1, 1));
        REFUSED(1u << NSW_STORE_HYPER_LOG_LOG, nsw_store_cardinality(store, of, &cursor));
        REFUSED(1u << NSW_STORE_COUNT_MIN, nsw_store_frequency(store, of, bytes, 1, &cursor));
        cursor = 0;
        REFUSED(lists, nsw_store_insert(store, of, 0, bytes, 1));
        REFUSED(lists, nsw_store_insert_text(store, of, 0, text("a"), 1, &len));
        REFUSED(lists, nsw_store_element_at(store, of, 0, bytes, 64, &len));
        REFUSED(lists, nsw_store_text(store, of, bytes, 64, &len));
        REFUSED(lists, nsw_store_remove_at(store, of, 0, 1));
        REFUSED(SETS | MANY | lists, nsw_store_element(store, of, &cursor, bytes, 64, &len));
        REFUSED(MAPS, nsw_store_next_key(store, of, NULL, 0, 0, bytes, 64, &len, &yes));
#undef REFUSED
    }
    for (uint32_t kind = 0; kind < 512; kind++) {
        bool known = kind >= NSW_STORE_MAP && kind <= NSW_STORE_LIST;
        CHECK_STATUS(nsw_store_open(store, NSW_STORE_ROOT, bytes, 1, kind, &none),
                     known ? NSW_OK : NSW_ERR_INVALID);
    }
    CHECK_STATUS(nsw_store_next_key(store, NSW_STORE_ROOT, NULL, 0, 99, bytes, 64, &len, &yes),
                 NSW_ERR_INVALID);

    /* As deep as may be. */
    key map = NSW_STORE_ROOT;
    for (size_t i = 1; i < NSW_STORE_MAX_DEPTH; i++) {
        map = open(store, map, "deeper", NSW_STORE_MAP);
    }
    CHECK_STATUS(nsw_store_open(store, map, bytes, 1, NSW_STORE_MAP, &none), NSW_ERR_INVALID);
    open(store, map, "deepest", NSW_STORE_MAX);
    nsw_store_destroy(store);
}

/* What is too long is refused by its length: nothing is read of it. */
static void not_read(void) {
    nsw_store *store = make(1, NULL);
    key set = open(store, NSW_STORE_ROOT, "set", NSW_STORE_ADD_WINS_SET);
    key last = open(store, NSW_STORE_ROOT, "last", NSW_STORE_LAST_WRITER), none = 0;
    size_t len = NSW_STORE_MAX_BYTES + 1;
    uint8_t *one = (uint8_t *)malloc(1);
    REQUIRE(one != NULL);
    CHECK_STATUS(nsw_store_add(store, set, one, len), NSW_ERR_LENGTH);
    CHECK_STATUS(nsw_store_remove(store, set, one, len, NULL), NSW_ERR_LENGTH);
    CHECK_STATUS(nsw_store_assign(store, last, one, len, NOW), NSW_ERR_LENGTH);
    CHECK_STATUS(nsw_store_open(store, NSW_STORE_ROOT, one, len, NSW_STORE_MAX, &none),
                 NSW_ERR_LENGTH);
    free(one);
    nsw_store_destroy(store);
}

static void without_room(void) {
    nsw_store *store = NULL, *other = make(2, NULL);
    nsw_store_config cfg = config_of(1);
    cfg.items = 3;
    cfg.keys = 3;
    cfg.bytes = 24;
    cfg.replicas = 2;
    cfg.early = 1;
    REQUIRE_OK(nsw_store_create(&cfg, NULL, &store));
    key set = open(store, NSW_STORE_ROOT, "set", NSW_STORE_ADD_WINS_SET);
    key last = open(store, NSW_STORE_ROOT, "last", NSW_STORE_LAST_WRITER), none = 0;
    add(store, set, "a");
    add(store, set, "bb");
    frame before = state_of(store);
    nsw_store_usage usage = usage_of(store), after;
    static const uint8_t long_one[NSW_STORE_MAX_BYTES + 1];
    CHECK_STATUS(nsw_store_add(store, set, long_one, 17), NSW_ERR_CAPACITY);
    CHECK_STATUS(nsw_store_add(store, set, long_one, sizeof long_one), NSW_ERR_LENGTH);
    CHECK_STATUS(nsw_store_remove(store, set, long_one, sizeof long_one, NULL), NSW_ERR_LENGTH);
    CHECK_STATUS(nsw_store_assign(store, last, long_one, 9, NOW), NSW_ERR_CAPACITY);
    CHECK_STATUS(nsw_store_assign(store, last, long_one, sizeof long_one - 8, NOW),
                 NSW_ERR_LENGTH);
    CHECK_STATUS(nsw_store_assign(store, last, text("x"), 1, (uint64_t)1 << 48), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_store_open(store, NSW_STORE_ROOT, long_one, 17, NSW_STORE_MAX, &none),
                 NSW_ERR_CAPACITY);
    CHECK_STATUS(nsw_store_open(store, NSW_STORE_ROOT, long_one, sizeof long_one, NSW_STORE_MAX,
                                &none),
                 NSW_ERR_LENGTH);
    open(store, NSW_STORE_ROOT, "max", NSW_STORE_MAX);
    CHECK_STATUS(nsw_store_open(store, NSW_STORE_ROOT, text("min"), 3, NSW_STORE_MIN, &none),
                 NSW_ERR_CAPACITY);
    after = usage_of(store);
    CHECK(after.keys == usage.keys + 1 && after.items == 2 && after.bytes == 0);
    /* The place of the value before is used for the next. */
    CHECK_OK(nsw_store_assign(store, last, long_one, 8, NOW));
    CHECK_OK(nsw_store_assign(store, last, long_one + 1, 8, NOW));
    CHECK(usage_of(store).items == 3 && usage_of(store).bytes == 24);
    CHECK_STATUS(nsw_store_add(store, set, text("c"), 1), NSW_ERR_CAPACITY);
    CHECK_OK(nsw_store_add(store, set, text("a"), 1));

    /* A frame that does not fit in changes nothing, and fits in later. */
    key theirs = open(other, NSW_STORE_ROOT, "set", NSW_STORE_ADD_WINS_SET);
    add(other, theirs, "d");
    add(other, theirs, "e");
    frame told = state_of(other), full = state_of(store);
    nsw_store_merged merged = NSW_STORE_MERGED_INIT;
    merged.added = 9;
    usage = usage_of(store);
    CHECK_STATUS(nsw_store_merge(store, told.at, told.len, NOW, &merged), NSW_ERR_CAPACITY);
    after = usage_of(store);
    CHECK(after.behind == 1 && usage.behind == 0);
    after.behind = 0;
    CHECK(merged.added == 0 && memcmp(&usage, &after, sizeof usage) == 0);
    frame again = state_of(store);
    CHECK(same(&full, &again) && !same(&full, &before));
    CHECK_OK(nsw_store_clear(store, set));
    CHECK_OK(nsw_store_merge(store, told.at, told.len, NOW, &merged));
    CHECK(merged.added == 2);
    check_elements(store, set, "d e ");

    /* One replica too many. */
    nsw_store *third = make(3, NULL);
    key one_more = open(third, NSW_STORE_ROOT, "set", NSW_STORE_ADD_WINS_SET);
    add(third, one_more, "d");
    told = state_of(third);
    CHECK_STATUS(nsw_store_merge(store, told.at, told.len, NOW, NULL), NSW_ERR_CAPACITY);
    CHECK(usage_of(store).replicas == 2);
    nsw_store_destroy(store);
    nsw_store_destroy(other);
    nsw_store_destroy(third);
}

/* Something of each kind, to be told. */
static nsw_store *full_store(uint64_t replica) {
    nsw_store *store = make(replica, NULL);
    key map = open(store, NSW_STORE_ROOT, "a map of a long name", NSW_STORE_MAP);
    for (uint32_t kind = NSW_STORE_ADD_WINS_SET; kind <= NSW_STORE_MIN; kind++) {
        key of = open(store, map, "name", kind);
        switch (kind) {
        case NSW_STORE_ADD_WINS_SET:
        case NSW_STORE_REMOVE_WINS_SET:
            add(store, of, "a long element");
            add(store, of, "short");
            removes(store, of, "short");
            removes(store, of, "another long one");
            break;
        case NSW_STORE_ENABLE_WINS_FLAG:
        case NSW_STORE_DISABLE_WINS_FLAG:
            CHECK_OK(nsw_store_set_flag(store, of, kind == NSW_STORE_ENABLE_WINS_FLAG));
            break;
        case NSW_STORE_LAST_WRITER:
        case NSW_STORE_MULTI_VALUE:
            CHECK_OK(nsw_store_assign(store, of, text("a long value"), 12, NOW));
            break;
        default:
            CHECK_OK(nsw_store_offer(store, of, 5, NULL));
            break;
        }
    }
    key list = open(store, map, "name", NSW_STORE_LIST);
    CHECK_OK(nsw_store_insert_text(store, list, 0, text("ac"), 2, NULL));
    CHECK_OK(nsw_store_insert(store, list, 1, text("a long element"), 14));
    CHECK_OK(nsw_store_remove_at(store, list, 2, 1));
    return store;
}

static void damage(void) {
    nsw_store *store = full_store(1), *other = full_store(2), *empty = make(3, NULL);
    frame peer = context_of(empty), frames[2] = {state_of(store), {{0}, 0}};
    uint64_t cursor = 0;
    REQUIRE_OK(nsw_store_delta(store, peer.at, peer.len, &cursor, frames[1].at, BYTES,
                               &frames[1].len));
    frame before = state_of(other);
    for (size_t i = 0; i < 2; i++) {
        /* Shorter: a frame of fewer changes, or none. */
        for (size_t len = 0; len < frames[i].len; len++) {
            nsw_store *target = full_store(2);
            guarded part = guarded_new(len, 1, 0);
            memcpy(part.data, frames[i].at, len);
            nsw_status status = nsw_store_merge(target, part.data, len, NOW, NULL);
            frame after = state_of(target);
            CHECK(status == NSW_OK || status == NSW_ERR_CRDT_FORMAT);
            CHECK(status == NSW_OK || same(&before, &after));
            guarded_free(&part);
            nsw_store_destroy(target);
        }
        for (size_t bit = 0; bit < frames[i].len * 8; bit += quick() ? 7 : 1) {
            nsw_store *target = full_store(2);
            frame bad = frames[i];
            bad.at[bit / 8] ^= (uint8_t)(1u << (bit % 8));
            nsw_status status = nsw_store_merge(target, bad.at, bad.len, NOW, NULL);
            frame after = state_of(target);
            CHECK(status == NSW_OK || same(&before, &after));
            if (bit < 8) {
                CHECK_STATUS(status, NSW_ERR_CRDT_VERSION);
            }
            nsw_store_destroy(target);
        }
        CHECK_STATUS(nsw_store_merge(other, NULL, frames[i].len, NOW, NULL), NSW_ERR_NULL);
        /* No context. */
        cursor = 0;
        CHECK_STATUS(nsw_store_delta(store, frames[i].at, frames[i].len, &cursor, peer.at, BYTES,
                                     &peer.len),
                     NSW_ERR_CRDT_FORMAT);
        CHECK_SIZE(peer.len, 0);
    }
    peer = context_of(store);
    CHECK_STATUS(nsw_store_merge(other, peer.at, peer.len, NOW, NULL), NSW_ERR_CRDT_FORMAT);
    frame after = state_of(other);
    CHECK(same(&before, &after));
    for (size_t len = 0; len < peer.len; len++) {
        frame out;
        cursor = 0;
        nsw_status status =
            nsw_store_delta(other, peer.at, len, &cursor, out.at, BYTES, &out.len);
        CHECK(status == NSW_OK || status == NSW_ERR_CRDT_FORMAT);
    }
    peer.at[0]++;
    cursor = 0;
    CHECK_STATUS(nsw_store_delta(store, peer.at, peer.len, &cursor, frames[0].at, BYTES, NULL),
                 NSW_ERR_CRDT_VERSION);
    CHECK_OK(nsw_store_merge(other, frames[1].at, frames[1].len, NOW, NULL));
    CHECK(tell(other, store, BYTES) == 1 && tell(other, store, BYTES) == 0);
    nsw_store_destroy(store);
    nsw_store_destroy(other);
    nsw_store_destroy(empty);
}

static void buffers(void) {
    nsw_store *store = full_store(1), *other = make(2, NULL);
    frame state = state_of(store), context = context_of(store), peer = context_of(other);
    uint64_t cursor = 0;
    size_t len = 0;
    for (size_t cap = 0; cap < state.len; cap++) {
        guarded out = guarded_new(cap, 1, 0);
        CHECK_STATUS(nsw_store_state(store, out.data, cap, &len), NSW_ERR_BUFFER_TOO_SMALL);
        CHECK_SIZE(len, state.len);
        if (cap < context.len) {
            CHECK_STATUS(nsw_store_context(store, out.data, cap, &len), NSW_ERR_BUFFER_TOO_SMALL);
            CHECK_SIZE(len, context.len);
        }
        guarded_free(&out);
    }
    uint8_t out[BYTES];
    CHECK_STATUS(nsw_store_state(store, NULL, 0, NULL), NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_STATUS(nsw_store_state(store, NULL, 9, &len), NSW_ERR_NULL);
    CHECK_OK(nsw_store_context(store, out, BYTES, NULL));
    /* As much as each change needs. */
    size_t frames = 0;
    nsw_status status;
    do {
        uint64_t at = cursor;
        status = nsw_store_delta(store, peer.at, peer.len, &cursor, NULL, 0, &len);
        if (status == NSW_ERR_BUFFER_TOO_SMALL) {
            size_t needed = len;
            CHECK(cursor == at && needed > 2);
            CHECK_OK(nsw_store_delta(store, peer.at, peer.len, &cursor, out, needed, &len));
            CHECK(len <= needed && cursor != at);
            CHECK_OK(nsw_store_merge(other, out, len, NOW, NULL));
            frames++;
        }
    } while (status == NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_STATUS(status, NSW_DONE);
    CHECK(frames > 10 && tell(store, other, BYTES) == 0 && tell(other, store, BYTES) == 0);
    cursor = 0;
    CHECK_STATUS(nsw_store_delta(store, peer.at, peer.len, &cursor, peer.at + 1, 9, &len),
                 NSW_ERR_INVALID);

    /* Digests: no room, too little of it, enough; damaged; no digest. */
    nsw_store *third = make(3, NULL);
    frame digest = {{0}, 0};
    size_t least = 0;
    CHECK_STATUS(nsw_store_digest(store, NULL, 0, &least), NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_OK(nsw_store_digest(store, digest.at, least, &digest.len));
    CHECK(digest.len <= least);
    CHECK_OK(nsw_store_digest(store, digest.at, BYTES, &digest.len));
    for (size_t cap = 0; cap < least + 100; cap++) {
        guarded room = guarded_new(cap, 1, 0);
        nsw_store_merged done = NSW_STORE_MERGED_INIT;
        uint32_t equal = 7;
        status = nsw_store_reconcile(third, digest.at, digest.len, NOW, room.data, cap, &len, &done,
                                     &equal);
        CHECK(status == NSW_OK || (status == NSW_ERR_BUFFER_TOO_SMALL && cap < least + 20));
        CHECK(equal == 0 && (status == NSW_OK ? len > 0 && len <= cap : len > cap));
        guarded_free(&room);
    }
    for (size_t bit = 0; bit < digest.len * 8; bit += quick() ? 7 : 1) {
        nsw_store *target = full_store(2);
        frame before = state_of(target), bad = digest;
        bad.at[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        if (nsw_store_reconcile(target, bad.at, bad.len, NOW, out, BYTES, &len, NULL, NULL) < 0) {
            frame after = state_of(target);
            CHECK(same(&before, &after) && len == 0);
        }
        nsw_store_destroy(target);
    }
    CHECK_STATUS(nsw_store_reconcile(third, state.at, state.len, NOW, out, BYTES, &len, NULL, NULL),
                 NSW_ERR_CRDT_FORMAT);
    CHECK_STATUS(nsw_store_merge(third, digest.at, digest.len, NOW, NULL), NSW_ERR_CRDT_FORMAT);
    CHECK_STATUS(nsw_store_reconcile(third, digest.at, digest.len, NOW, digest.at + 5, 64, &len,
                                     NULL, NULL),
                 NSW_ERR_INVALID);
    CHECK_STATUS(nsw_store_reconcile(third, NULL, 1, NOW, out, BYTES, &len, NULL, NULL),
                 NSW_ERR_NULL);
    nsw_store_destroy(third);
    /* Both have changes that left nothing: what comes makes the shortest answer longer. */
    for (size_t cap = 0; cap < 48; cap++) {
        nsw_store *both[2] = {make(1, NULL), make(2, NULL)};
        for (size_t i = 0; i < 2; i++) {
            key of = open(both[i], NSW_STORE_ROOT, "set", NSW_STORE_ADD_WINS_SET);
            add(both[i], of, "x");
            CHECK(removes(both[i], of, "x"));
        }
        guarded room = guarded_new(cap, 1, 0);
        CHECK_OK(nsw_store_digest(both[0], digest.at, BYTES, &digest.len));
        status = nsw_store_reconcile(both[1], digest.at, digest.len, NOW, room.data, cap, &len, NULL,
                                     NULL);
        CHECK(status == NSW_OK ? len <= cap : status == NSW_ERR_BUFFER_TOO_SMALL && len > cap);
        guarded_free(&room);
        nsw_store_destroy(both[0]);
        nsw_store_destroy(both[1]);
    }

    uint32_t yes = 7;
    key opened = 0, set = open(store, NSW_STORE_ROOT, "set", NSW_STORE_ADD_WINS_SET);
    nsw_store_usage usage = NSW_STORE_USAGE_INIT;
    nsw_store_merged merged = NSW_STORE_MERGED_INIT;
    usage.size = merged.size = 3;
    CHECK_STATUS(nsw_store_describe(store, &usage), NSW_ERR_STRUCT_SIZE);
    CHECK_STATUS(nsw_store_describe(store, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_store_merge(other, state.at, state.len, NOW, &merged), NSW_ERR_STRUCT_SIZE);
    CHECK_STATUS(nsw_store_open(store, NSW_STORE_ROOT, NULL, 0, NSW_STORE_MAX, NULL),
                 NSW_ERR_NULL);
    CHECK_STATUS(nsw_store_open(store, NSW_STORE_ROOT, NULL, 1, NSW_STORE_MAX, &opened),
                 NSW_ERR_NULL);
    CHECK_STATUS(nsw_store_add(store, opened, NULL, 0), NSW_ERR_CRDT_KEY);
    CHECK_STATUS(nsw_store_add(store, set, NULL, 1), NSW_ERR_NULL);
    CHECK_STATUS(nsw_store_add(store, set, out, SIZE_MAX), NSW_ERR_OVERFLOW);
    CHECK_STATUS(nsw_store_remove(store, set, NULL, 1, &yes), NSW_ERR_NULL);
    CHECK_STATUS(nsw_store_contains(store, set, NULL, 1, &yes), NSW_ERR_NULL);
    CHECK_STATUS(nsw_store_contains(store, set, NULL, 0, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_store_count(store, set, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_store_replica(store, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_store_seen(store, 1, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_store_has(store, 1, 1, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_store_element(store, set, NULL, out, BYTES, &len), NSW_ERR_NULL);
    CHECK_STATUS(nsw_store_next_key(store, NSW_STORE_ROOT, NULL, 1, 0, out, BYTES, &len, &yes),
                 NSW_ERR_NULL);
    CHECK_STATUS(nsw_store_next_key(store, NSW_STORE_ROOT, NULL, 0, 0, out, BYTES, &len, NULL),
                 NSW_ERR_NULL);
    CHECK_STATUS(nsw_store_delta(store, peer.at, peer.len, NULL, out, BYTES, &len), NSW_ERR_NULL);
    nsw_store_destroy(store);
    nsw_store_destroy(other);
}

static void handles_and_settings(void) {
    counting memory;
    size_t size = 0, align = 0, len = 0;
    uint64_t number = 0;
    int64_t signed_number = 0;
    uint32_t yes = 0;
    uint8_t bytes[8];
    nsw_store *none = (nsw_store *)&memory;
    key opened = 0;
    counting_init(&memory);
    static const uint64_t zeros[8];
    for (size_t i = 0; i < 2; i++) {
        nsw_store *bad = i == 0 ? NULL : (nsw_store *)(uintptr_t)zeros;
        nsw_status expected = i == 0 ? NSW_ERR_NULL : NSW_ERR_HANDLE;
        nsw_store_usage usage = NSW_STORE_USAGE_INIT;
        CHECK_STATUS(nsw_store_describe(bad, &usage), expected);
        CHECK_STATUS(nsw_store_replica(bad, &number), expected);
        CHECK_STATUS(nsw_store_seen(bad, 1, &number), expected);
        CHECK_STATUS(nsw_store_has(bad, 1, 1, &yes), expected);
        CHECK_STATUS(nsw_store_open(bad, 0, bytes, 1, NSW_STORE_MAP, &opened), expected);
        CHECK(opened == UINT64_MAX);
        CHECK_STATUS(nsw_store_close(bad, 0), expected);
        CHECK_STATUS(nsw_store_clear(bad, 0), expected);
        CHECK_STATUS(nsw_store_add(bad, 0, bytes, 1), expected);
        CHECK_STATUS(nsw_store_remove(bad, 0, bytes, 1, &yes), expected);
        CHECK_STATUS(nsw_store_contains(bad, 0, bytes, 1, &yes), expected);
        CHECK_STATUS(nsw_store_count(bad, 0, &len), expected);
        CHECK_STATUS(nsw_store_set_flag(bad, 0, 1), expected);
        CHECK_STATUS(nsw_store_flag(bad, 0, &yes), expected);
        CHECK_STATUS(nsw_store_assign(bad, 0, bytes, 1, 0), expected);
        CHECK_STATUS(nsw_store_last_written(bad, 0, bytes, 8, &len, &number), expected);
        CHECK_STATUS(nsw_store_offer(bad, 0, 1, &yes), expected);
        CHECK_STATUS(nsw_store_extreme(bad, 0, &signed_number), expected);
        CHECK_STATUS(nsw_store_element(bad, 0, &number, bytes, 8, &len), expected);
        CHECK_STATUS(nsw_store_next_key(bad, 0, bytes, 1, 0, bytes, 8, &len, &yes), expected);
        CHECK_STATUS(nsw_store_context(bad, bytes, 8, &len), expected);
        CHECK_STATUS(nsw_store_delta(bad, bytes, 8, &number, NULL, 0, &len), expected);
        CHECK_STATUS(nsw_store_state(bad, bytes, 8, &len), expected);
        CHECK_STATUS(nsw_store_merge(bad, bytes, 8, 0, NULL), expected);
        CHECK_STATUS(nsw_store_digest(bad, bytes, 8, &len), expected);
        CHECK_STATUS(nsw_store_reconcile(bad, bytes, 8, 0, NULL, 0, &len, NULL, &yes), expected);
        nsw_store_destroy(bad);
    }
    for (int i = 0; i < 8; i++) {
        nsw_store_config cfg = config_of(1);
        nsw_status expected = NSW_ERR_INVALID;
        const uint32_t too_many = ((uint32_t)1 << 30) + 1;
        cfg.replicas = i == 0 ? NSW_STORE_MAX_REPLICAS + 1 : 0;
        cfg.keys = i == 1 ? too_many : 0;
        cfg.items = i == 2 ? too_many : 0;
        cfg.log = i == 3 ? too_many : 0;
        cfg.early = i == 4 ? too_many : 0;
        cfg.bytes = i == 5 ? ((uint32_t)1 << 31) + 1 : 0;
        if (i >= 6) {
            cfg.size = i == 6 ? 15 : 5000;
            expected = NSW_ERR_STRUCT_SIZE;
        }
        CHECK_STATUS(nsw_store_footprint(&cfg, &size, &align), expected);
        CHECK_STATUS(nsw_store_create(&cfg, &memory.hook, &none), expected);
        CHECK(none == NULL);
    }
    /* An older caller, who knows of nothing that has a default. */
    nsw_store_config cfg = config_of(7);
    cfg.size = 16;
    cfg.items = 12345;
    CHECK_OK(nsw_store_footprint(&cfg, &size, &align));
    REQUIRE_OK(nsw_store_create(&cfg, &memory.hook, &none));
    CHECK_SIZE(memory.last_size, size);
    CHECK_SIZE(memory.last_align, align);
    size_t by_default = size;
    nsw_store_destroy(none);
    cfg = config_of(7);
    CHECK_OK(nsw_store_footprint(&cfg, &size, &align));
    CHECK_SIZE(size, by_default);
    cfg.items = 2048;
    CHECK_OK(nsw_store_footprint(&cfg, &size, &align));
    CHECK(size > by_default);
    CHECK_STATUS(nsw_store_footprint(NULL, &size, &align), NSW_ERR_NULL);
    CHECK_STATUS(nsw_store_footprint(&cfg, NULL, &align), NSW_ERR_NULL);
    CHECK_STATUS(nsw_store_create(NULL, NULL, &none), NSW_ERR_NULL);
    CHECK_STATUS(nsw_store_create(&cfg, NULL, NULL), NSW_ERR_NULL);

    memory.fail_at = memory.calls + 1;
    CHECK_STATUS(nsw_store_create(&cfg, &memory.hook, &none), NSW_ERR_OUT_OF_MEMORY);
    CHECK(none == NULL);
    memory.fail_at = 0;
    memory.misalign_at = memory.calls + 1;
    CHECK_STATUS(nsw_store_create(&cfg, &memory.hook, &none), NSW_ERR_ALLOCATOR);
    CHECK(none == NULL);
    counting_finish(&memory);
}

int main(void) {
    keys();
    not_read();
    without_room();
    damage();
    buffers();
    handles_and_settings();
    return check_report("store_misuse");
}
