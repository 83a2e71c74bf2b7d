/*
 * Stores: transactions, what is missing for want of room, and keys with a prefix.
 */
#include "store.h"

/* ---- transactions ------------------------------------------------------------------------ */

static void together(void) {
    nsw_store *stores[3] = {make(1, NULL), make(2, NULL), make(3, NULL)};
    key left[3], right[3];
    for (size_t i = 0; i < 3; i++) {
        left[i] = open(stores[i], NSW_STORE_ROOT, "left", NSW_STORE_ADD_WINS_SET);
        right[i] = open(stores[i], NSW_STORE_ROOT, "right", NSW_STORE_ADD_WINS_SET);
    }
    char name[] = "element 0";
    for (size_t i = 0; i < 8; i++) {
        name[8] = (char)('0' + i);
        CHECK_OK(nsw_store_begin_transaction(stores[0], 2, 2 * (8 + sizeof name - 1)));
        add(stores[0], left[0], name);
        add(stores[0], right[0], name);
        CHECK_OK(nsw_store_commit(stores[0]));
    }
    /* To a second one and from there to a third, in frames of one transaction or two. */
    size_t frames = 0;
    for (size_t to = 1; to < 3; to++) {
        frame peer = context_of(stores[to]);
        uint64_t cursor = 0;
        uint8_t out[90];
        size_t len = 0;
        while (nsw_store_delta(stores[to - 1], peer.at, peer.len, &cursor, out, sizeof out, &len) ==
               NSW_OK) {
            CHECK_OK(nsw_store_merge(stores[to], out, len, NOW, NULL));
            char there[BYTES];
            strcpy(there, elements(stores[to], left[to]));
            CHECK(strcmp(elements(stores[to], right[to]), there) == 0);
            frames++;
        }
        CHECK(count_of(stores[to], left[to]) == 8);
    }
    CHECK_NOTE(frames > 8, "%zu frames", frames);

    /* All of one fits into a frame, or none. */
    CHECK_OK(nsw_store_begin_transaction(stores[0], 0, 0));
    CHECK(removes(stores[0], left[0], name));
    CHECK(removes(stores[0], right[0], name));
    CHECK_OK(nsw_store_commit(stores[0]));
    frame peer = context_of(stores[1]);
    uint64_t cursor = 0;
    size_t needed = 0, len = 0;
    uint8_t out[BYTES];
    CHECK_STATUS(nsw_store_delta(stores[0], peer.at, peer.len, &cursor, NULL, 0, &needed),
                 NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_STATUS(nsw_store_delta(stores[0], peer.at, peer.len, &cursor, out, needed - 1, &len),
                 NSW_ERR_BUFFER_TOO_SMALL);
    CHECK(len == needed && cursor == 0);
    CHECK_OK(nsw_store_delta(stores[0], peer.at, peer.len, &cursor, out, needed, &len));
    CHECK_SIZE(len, needed);
    CHECK_OK(nsw_store_merge(stores[1], out, len, NOW, NULL));
    CHECK(!contains(stores[1], left[1], name) && !contains(stores[1], right[1], name));
    for (size_t i = 0; i < 3; i++) {
        nsw_store_destroy(stores[i]);
    }
}

static void refusals(void) {
    nsw_store *store = make(1, NULL), *other = make(2, NULL);
    key set = open(store, NSW_STORE_ROOT, "set", NSW_STORE_ADD_WINS_SET);
    key theirs = open(other, NSW_STORE_ROOT, "set", NSW_STORE_ADD_WINS_SET);
    add(other, theirs, "x");
    frame peer = context_of(other), state = state_of(other), digest = {{0}, 0};
    CHECK_OK(nsw_store_digest(other, digest.at, BYTES, &digest.len));
    uint8_t out[BYTES];
    size_t len = 77;
    uint64_t cursor = 0;
    const nsw_status open_one = NSW_ERR_CRDT_TRANSACTION;
    CHECK_STATUS(nsw_store_commit(store), open_one);
    CHECK_STATUS(nsw_store_begin_transaction(store, 1025, 0), NSW_ERR_CAPACITY);
    CHECK_STATUS(nsw_store_begin_transaction(store, SIZE_MAX, SIZE_MAX), NSW_ERR_CAPACITY);
    CHECK_STATUS(nsw_store_begin_transaction(store, 0, 16385), NSW_ERR_CAPACITY);
    CHECK_STATUS(nsw_store_commit(store), open_one);
    CHECK_OK(nsw_store_begin_transaction(store, 1024, 16384));
    CHECK_STATUS(nsw_store_begin_transaction(store, 0, 0), open_one);
    add(store, set, "y");
    CHECK_STATUS(nsw_store_context(store, out, BYTES, &len), open_one);
    CHECK_STATUS(nsw_store_delta(store, peer.at, peer.len, &cursor, out, BYTES, &len), open_one);
    CHECK_STATUS(nsw_store_state(store, out, BYTES, &len), open_one);
    CHECK_STATUS(nsw_store_digest(store, out, BYTES, &len), open_one);
    CHECK_STATUS(nsw_store_merge(store, state.at, state.len, NOW, NULL), open_one);
    CHECK_STATUS(nsw_store_reconcile(store, digest.at, digest.len, NOW, out, BYTES, &len, NULL,
                                     NULL),
                 open_one);
    check_elements(store, set, "y ");
    CHECK_OK(nsw_store_commit(store));
    CHECK_STATUS(nsw_store_commit(store), open_one);
    CHECK_OK(nsw_store_merge(store, state.at, state.len, NOW, NULL));
    check_elements(store, set, "x y ");
    /* Without changes: nothing to tell. */
    CHECK(tell(store, other, BYTES) == 1);
    CHECK_OK(nsw_store_begin_transaction(store, 0, 0));
    CHECK_OK(nsw_store_commit(store));
    CHECK(tell(store, other, BYTES) == 0);
    nsw_store_destroy(store);
    nsw_store_destroy(other);
}

/* ---- behind ------------------------------------------------------------------------------- */

static void behind(void) {
    nsw_store *store = NULL, *other = make(2, NULL);
    nsw_store_config cfg = config_of(1);
    cfg.items = 2;
    REQUIRE_OK(nsw_store_create(&cfg, NULL, &store));
    key set = open(store, NSW_STORE_ROOT, "set", NSW_STORE_ADD_WINS_SET);
    key theirs = open(other, NSW_STORE_ROOT, "set", NSW_STORE_ADD_WINS_SET);
    add(store, set, "a");
    add(store, set, "b");
    add(other, theirs, "c");
    frame state = state_of(other);
    CHECK(usage_of(store).behind == 0);
    CHECK_STATUS(nsw_store_merge(store, state.at, state.len, NOW, NULL), NSW_ERR_CAPACITY);
    CHECK(usage_of(store).behind == 1 && usage_of(store).items == 2);
    CHECK(removes(store, set, "a"));
    CHECK(usage_of(store).behind == 1);
    CHECK_OK(nsw_store_merge(store, state.at, state.len, NOW, NULL));
    CHECK(usage_of(store).behind == 0);
    check_elements(store, set, "b c ");
    CHECK(tell(store, other, BYTES) == 1);
    check_elements(other, theirs, "b c ");
    /* An older caller does not know of it. */
    nsw_store_usage usage = NSW_STORE_USAGE_INIT;
    usage.size = offsetof(nsw_store_usage, behind);
    usage.behind = 77;
    CHECK_OK(nsw_store_describe(store, &usage));
    CHECK(usage.behind == 77 && usage.items == 2);
    usage.size--;
    CHECK_STATUS(nsw_store_describe(store, &usage), NSW_ERR_STRUCT_SIZE);
    nsw_store_destroy(store);
    nsw_store_destroy(other);
}

/* ---- keys with a prefix ------------------------------------------------------------------- */

/* All names with a prefix, each with a space behind it, by way of one buffer. */
static const char *scan(const nsw_store *store, key map, const char *prefix) {
    static char all[BYTES];
    uint8_t name[64];
    size_t len = 0;
    uint32_t kind = 0;
    nsw_status status;
    all[0] = 0;
    while ((status = nsw_store_scan(store, map, text(prefix), strlen(prefix), name, len, kind, name,
                                    sizeof name - 1, &len, &kind)) == NSW_OK) {
        name[len] = 0;
        strcat(strcat(all, (char *)name), " ");
    }
    CHECK_STATUS(status, NSW_DONE);
    CHECK(len == 0 && kind == 0);
    return all;
}

static void prefixes(void) {
    nsw_store *store = make(1, NULL);
    static const char *const NAMES[] = {"a", "ab", "ab/one", "ab/two of a long name", "ac", "b"};
    key map = open(store, NSW_STORE_ROOT, "a map", NSW_STORE_MAP);
    for (size_t i = 0; i < COUNT_OF(NAMES); i++) {
        key number = open(store, map, NAMES[i], NSW_STORE_MAX);
        CHECK_OK(nsw_store_offer(store, number, 1, NULL));
        CHECK_OK(nsw_store_close(store, number));
    }
    open(store, map, "ab/empty", NSW_STORE_MAX);
    static const char *const CASES[][2] = {
        {"", "a ab ab/one ab/two of a long name ac b "},
        {"a", "a ab ab/one ab/two of a long name ac "},
        {"ab/", "ab/one ab/two of a long name "},
        {"ab/two of", "ab/two of a long name "},
        {"aa", ""},
        {"b", "b "},
        {"c", ""},
    };
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        const char *found = scan(store, map, CASES[i][0]);
        CHECK_NOTE(strcmp(found, CASES[i][1]) == 0, "%s: %.100s", CASES[i][0], found);
    }
    uint8_t name[64] = {'a', 'b'};
    size_t len = 77;
    uint32_t kind = 77;
    CHECK_STATUS(nsw_store_scan(store, map, text("ab/"), 3, NULL, 0, 0, name, 5, &len, &kind),
                 NSW_ERR_BUFFER_TOO_SMALL);
    CHECK(len == 6 && kind == 77 && name[0] == 'a');
    CHECK_STATUS(nsw_store_scan(store, map, name, 2, NULL, 0, 0, name, 64, &len, &kind),
                 NSW_ERR_INVALID);
    CHECK_STATUS(nsw_store_scan(store, map, NULL, 1, NULL, 0, 0, name, 64, &len, &kind),
                 NSW_ERR_NULL);
    CHECK_STATUS(nsw_store_scan(store, map, NULL, 0, NULL, 1, NSW_STORE_MAX, name, 64, &len, &kind),
                 NSW_ERR_NULL);
    CHECK_STATUS(nsw_store_scan(store, map, NULL, 0, NULL, 0, 0, name, 64, &len, NULL),
                 NSW_ERR_NULL);
    CHECK_STATUS(nsw_store_scan(store, map, NULL, 0, name, 1, 99, name, 64, &len, &kind),
                 NSW_ERR_INVALID);
    key set = open(store, NSW_STORE_ROOT, "set", NSW_STORE_ADD_WINS_SET);
    CHECK_STATUS(nsw_store_scan(store, set, NULL, 0, NULL, 0, 0, name, 64, &len, &kind),
                 NSW_ERR_CRDT_KIND);
    CHECK_STATUS(nsw_store_scan(store, 99, NULL, 0, NULL, 0, 0, name, 64, &len, &kind),
                 NSW_ERR_CRDT_KEY);
    nsw_store_destroy(store);
    static const uint64_t zeros[8];
    for (size_t i = 0; i < 2; i++) {
        nsw_store *bad = i == 0 ? NULL : (nsw_store *)(uintptr_t)zeros;
        nsw_status expected = i == 0 ? NSW_ERR_NULL : NSW_ERR_HANDLE;
        CHECK_STATUS(nsw_store_scan(bad, 0, NULL, 0, NULL, 0, 0, name, 64, &len, &kind), expected);
        CHECK_STATUS(nsw_store_begin_transaction(bad, 0, 0), expected);
        CHECK_STATUS(nsw_store_commit(bad), expected);
    }
}

int main(void) {
    together();
    refusals();
    behind();
    prefixes();
    return check_report("store_transaction");
}
