/*
 * Stores: two and more that change by themselves and become equal; keys and elements
 * listed; clocks.
 */
#include "store.h"

/* ---- replicas become equal ------------------------------------------------------------ */

static void who_wins(void) {
    counting memory;
    counting_init(&memory);
    nsw_store *anna = make(1, &memory.hook), *bert = make(2, &memory.hook);
    CHECK_SIZE(memory.calls, 2);
    key adds[2], removals[2], yes[2], no[2], last[2], many[2], most[2], least[2];
    nsw_store *stores[2] = {anna, bert};
    for (size_t i = 0; i < 2; i++) {
        adds[i] = open(stores[i], NSW_STORE_ROOT, "set", NSW_STORE_ADD_WINS_SET);
        removals[i] = open(stores[i], NSW_STORE_ROOT, "set", NSW_STORE_REMOVE_WINS_SET);
        yes[i] = open(stores[i], NSW_STORE_ROOT, "yes", NSW_STORE_ENABLE_WINS_FLAG);
        no[i] = open(stores[i], NSW_STORE_ROOT, "no", NSW_STORE_DISABLE_WINS_FLAG);
        last[i] = open(stores[i], NSW_STORE_ROOT, "last", NSW_STORE_LAST_WRITER);
        many[i] = open(stores[i], NSW_STORE_ROOT, "many", NSW_STORE_MULTI_VALUE);
        most[i] = open(stores[i], NSW_STORE_ROOT, "most", NSW_STORE_MAX);
        least[i] = open(stores[i], NSW_STORE_ROOT, "least", NSW_STORE_MIN);
        CHECK(!is_on(stores[i], yes[i]) && !is_on(stores[i], no[i]));
    }
    add(anna, adds[0], "x");
    add(anna, adds[0], "a longer element");
    add(anna, adds[0], "");
    add(anna, removals[0], "x");
    CHECK(tell(anna, bert, BYTES) == 1 && tell(anna, bert, BYTES) == 0);
    check_elements(bert, adds[1], " a longer element x ");

    /* At the same time: */
    add(anna, adds[0], "x");
    CHECK(removes(bert, adds[1], "x") && !removes(bert, adds[1], "x"));
    add(anna, removals[0], "x");
    CHECK(removes(bert, removals[1], "x"));
    CHECK(!removes(bert, removals[1], "never there"));
    CHECK_OK(nsw_store_set_flag(anna, yes[0], 1));
    CHECK_OK(nsw_store_set_flag(bert, yes[1], 0));
    CHECK_OK(nsw_store_set_flag(anna, no[0], 0));
    CHECK_OK(nsw_store_set_flag(bert, no[1], 5));
    CHECK(!is_on(anna, no[0]) && is_on(bert, no[1]));
    CHECK_OK(nsw_store_assign(anna, last[0], text("the later value"), 15, NOW + 1));
    CHECK_OK(nsw_store_assign(bert, last[1], text("earlier"), 7, NOW));
    CHECK_OK(nsw_store_assign(anna, many[0], text("from anna"), 9, 0));
    CHECK_OK(nsw_store_assign(bert, many[1], text("from bert"), 9, 0));
    uint32_t changed = 7;
    CHECK_OK(nsw_store_offer(anna, most[0], -3, &changed));
    CHECK(changed == 1);
    CHECK_OK(nsw_store_offer(anna, most[0], -4, &changed));
    CHECK(changed == 0);
    CHECK_OK(nsw_store_offer(bert, most[1], INT64_MAX, NULL));
    CHECK_OK(nsw_store_offer(anna, least[0], INT64_MIN, NULL));
    CHECK_OK(nsw_store_offer(bert, least[1], 3, NULL));
    /* In small frames. */
    CHECK(tell(bert, anna, 60) > 3);
    CHECK(tell(anna, bert, 60) > 3);
    for (size_t i = 0; i < 2; i++) {
        check_elements(stores[i], adds[i], " a longer element x ");
        check_elements(stores[i], removals[i], "");
        CHECK(count_of(stores[i], adds[i]) == 3 && count_of(stores[i], removals[i]) == 0);
        CHECK(contains(stores[i], adds[i], "x") && !contains(stores[i], removals[i], "x"));
        CHECK(is_on(stores[i], yes[i]) && !is_on(stores[i], no[i]));
        check_elements(stores[i], many[i], "from anna from bert ");
        uint8_t value[32];
        size_t len = 0;
        uint64_t stamp = 0;
        CHECK_OK(nsw_store_last_written(stores[i], last[i], value, 32, &len, &stamp));
        CHECK(len == 15 && memcmp(value, "the later value", 15) == 0 && stamp >> 16 == NOW + 1);
        int64_t number = 0;
        CHECK_OK(nsw_store_extreme(stores[i], most[i], &number));
        CHECK(number == INT64_MAX);
        CHECK_OK(nsw_store_extreme(stores[i], least[i], &number));
        CHECK(number == INT64_MIN);
        uint64_t seen[2] = {0, 0}, replica = 0, other = 9;
        CHECK_OK(nsw_store_seen(stores[i], 1, &seen[0]));
        CHECK_OK(nsw_store_seen(stores[i], 2, &seen[1]));
        CHECK(seen[0] == 12 && seen[1] == 8);
        uint32_t has[3] = {7, 7, 7};
        CHECK_OK(nsw_store_has(stores[i], 1, 12, &has[0]));
        CHECK_OK(nsw_store_has(stores[i], 1, 13, &has[1]));
        CHECK_OK(nsw_store_has(stores[i], 1, 0, &has[2]));
        CHECK(has[0] == 1 && has[1] == 0 && has[2] == 0);
        CHECK_OK(nsw_store_seen(stores[i], 3, &other));
        CHECK_OK(nsw_store_replica(stores[i], &replica));
        CHECK(other == 0 && replica == i + 1);
        CHECK(usage_of(stores[i]).replicas == 2 && usage_of(stores[i]).early == 0);
    }
    CHECK(tell(bert, anna, BYTES) == 0 && tell(anna, bert, BYTES) == 0);

    /* Who has seen both values ends it; a cleared key is empty everywhere. */
    CHECK_OK(nsw_store_assign(bert, many[1], text("both"), 4, 0));
    CHECK_OK(nsw_store_clear(bert, adds[1]));
    nsw_store_merged merged = NSW_STORE_MERGED_INIT;
    frame peer = context_of(anna), out = {{0}, 0};
    uint64_t cursor = 0;
    CHECK_OK(nsw_store_delta(bert, peer.at, peer.len, &cursor, out.at, BYTES, &out.len));
    CHECK_OK(nsw_store_merge(anna, out.at, out.len, NOW, &merged));
    CHECK(merged.added == 1 && merged.removed == 5 && merged.size == sizeof merged);
    CHECK_OK(nsw_store_merge(anna, out.at, out.len, NOW, &merged));
    CHECK(merged.added == 0 && merged.removed == 0);
    check_elements(anna, many[0], "both ");
    check_elements(anna, adds[0], "");
    nsw_store_destroy(anna);
    nsw_store_destroy(bert);
    nsw_store_destroy(NULL);
    counting_finish(&memory);
}

static void the_state_for_who_is_behind(void) {
    nsw_store *old = NULL, *new = make(2, NULL), *again = make(1, NULL);
    nsw_store_config cfg = config_of(1);
    cfg.log = 4;
    REQUIRE_OK(nsw_store_create(&cfg, NULL, &old));
    key set = open(old, NSW_STORE_ROOT, "set", NSW_STORE_ADD_WINS_SET);
    char name[] = "element a";
    for (; name[8] <= 'i'; name[8]++) {
        add(old, set, name);
    }
    frame peer = context_of(new), out = {{0}, 0};
    uint64_t cursor = 0;
    CHECK_STATUS(nsw_store_delta(old, peer.at, peer.len, &cursor, out.at, BYTES, &out.len),
                 NSW_ERR_CRDT_BEHIND);
    CHECK(cursor == 0 && out.len == 0);
    frame state = state_of(old);
    CHECK_OK(nsw_store_merge(new, state.at, state.len, NOW, NULL));
    key told = open(new, NSW_STORE_ROOT, "set", NSW_STORE_ADD_WINS_SET);
    CHECK(count_of(new, told) == 9 && tell(new, old, BYTES) == 0);
    CHECK(removes(new, told, "element e"));
    CHECK(tell(new, old, BYTES) == 1);
    check_elements(old, set, "element a element b element c element d element f element g "
                             "element h element i ");

    /* Kept and loaded: it goes on where it was. */
    state = state_of(old);
    CHECK_OK(nsw_store_merge(again, state.at, state.len, NOW, NULL));
    uint64_t seen = 0;
    CHECK_OK(nsw_store_seen(again, 1, &seen));
    CHECK(seen == 9);
    key kept = open(again, NSW_STORE_ROOT, "set", NSW_STORE_ADD_WINS_SET);
    add(again, kept, "one more");
    CHECK(tell(again, new, BYTES) == 1 && contains(new, told, "one more"));
    nsw_store_destroy(old);
    nsw_store_destroy(new);
    nsw_store_destroy(again);
}

static void by_digests(void) {
    nsw_store *stores[2] = {make(1, NULL), make(2, NULL)};
    key sets[2];
    char name[] = "element of more than a few bytes a0";
    for (size_t i = 0; i < 2; i++) {
        sets[i] = open(stores[i], NSW_STORE_ROOT, "set", NSW_STORE_ADD_WINS_SET);
    }
    for (size_t i = 0; i < 200; i++) {
        name[33] = (char)('a' + i / 10);
        name[34] = (char)('0' + i % 10);
        add(stores[0], sets[0], name);
    }
    frame state = {{0}, 0};
    static uint8_t all[16384];
    size_t len = 0;
    CHECK_OK(nsw_store_state(stores[0], all, sizeof all, &len));
    CHECK_OK(nsw_store_merge(stores[1], all, len, NOW, NULL));
    CHECK(removes(stores[0], sets[0], name));
    add(stores[0], sets[0], "new here");
    add(stores[1], sets[1], "new there");
    /* Either may begin, and much less than everything goes over. */
    static const size_t CAPS[] = {1024, 500, 360};
    for (size_t i = 0; i < COUNT_OF(CAPS); i++) {
        size_t bytes = 0, frames = 0, turn = 0, cap = CAPS[i], peer;
        uint32_t equal = 0, were = 0;
        do {
            CHECK_OK(nsw_store_digest(stores[turn & 1], all, cap, &state.len));
            CHECK(state.len <= cap);
            memcpy(state.at, all, state.len);
            for (peer = turn & 1; state.len > 0 && frames < 300; frames++) {
                nsw_store_merged merged = NSW_STORE_MERGED_INIT;
                bytes += state.len;
                peer = 1 - peer;
                CHECK_OK(nsw_store_reconcile(stores[peer], state.at, state.len, NOW, all, cap, &len,
                                             &merged, &equal));
                CHECK(len <= cap && equal <= 1);
                were |= equal << peer;
                memcpy(state.at, all, len);
                state.len = len;
            }
        } while (were != 3 && ++turn < 40);
        CHECK_NOTE(were == 3, "%u after %zu frames of at most %zu", were, frames, cap);
        CHECK_NOTE(bytes < 6000, "%zu bytes in frames of at most %zu", bytes, cap);
        CHECK(count_of(stores[0], sets[0]) == 201 + i);
        CHECK(count_of(stores[0], sets[0]) == count_of(stores[1], sets[1]));
        CHECK(contains(stores[1], sets[1], "new here") && contains(stores[0], sets[0], "new there"));
        CHECK(!contains(stores[1], sets[1], name));
        CHECK(tell(stores[0], stores[1], BYTES) == 0 && tell(stores[1], stores[0], BYTES) == 0);
        char next[] = "one more 0";
        next[9] = (char)('0' + i);
        add(stores[i & 1], sets[i & 1], next);
    }
    nsw_store_destroy(stores[0]);
    nsw_store_destroy(stores[1]);
}

/* ---- keys and elements ------------------------------------------------------------------ */

/* All keys of a map, in order, those in them in brackets. */
static void list(nsw_store *store, key map, char *all) {
    uint8_t name[64];
    size_t len = 0;
    uint32_t kind = 0;
    nsw_status status;
    while ((status = nsw_store_next_key(store, map, name, len, kind, name, sizeof name - 1, &len,
                                        &kind)) == NSW_OK) {
        name[len] = 0;
        char number[] = {' ', (char)('0' + kind), ' ', 0};
        strcat(strcat(all, (char *)name), number);
        if (kind == NSW_STORE_MAP) {
            key inner = open(store, map, (char *)name, kind);
            strcat(all, "( ");
            list(store, inner, all);
            strcat(all, ") ");
            CHECK_OK(nsw_store_close(store, inner));
        }
    }
    CHECK_STATUS(status, NSW_DONE);
    CHECK(len == 0 && kind == 0);
}

static void maps_in_order(void) {
    nsw_store *store = make(1, NULL), *other = make(2, NULL);
    static const char *const NAMES[] = {"b", "a name of some length", "", "a", "ab", "b"};
    key map = open(store, NSW_STORE_ROOT, "a map", NSW_STORE_MAP);
    key inner = open(store, map, "inner", NSW_STORE_MAP);
    for (size_t i = 0; i < COUNT_OF(NAMES); i++) {
        for (uint32_t kind = NSW_STORE_MIN; kind >= NSW_STORE_MAX; kind--) {
            key number = open(store, i < 3 ? NSW_STORE_ROOT : inner, NAMES[i], kind);
            CHECK_OK(nsw_store_offer(store, number, 1, NULL));
            CHECK_OK(nsw_store_close(store, number));
        }
    }
    /* Open and empty: not listed. */
    key empty = open(store, map, "empty", NSW_STORE_MAP);
    open(store, empty, "set", NSW_STORE_ADD_WINS_SET);
    CHECK_OK(nsw_store_close(store, map));
    CHECK_OK(nsw_store_close(store, inner));
    static const char EXPECTED[] = " 8  9 a map 1 ( inner 1 ( a 8 a 9 ab 8 ab 9 b 8 b 9 ) ) "
                                   "a name of some length 8 a name of some length 9 b 8 b 9 ";
    char all[BYTES] = "", there[BYTES] = "";
    list(store, NSW_STORE_ROOT, all);
    CHECK_NOTE(strcmp(all, EXPECTED) == 0, "\"%.200s\"", all);
    tell(store, other, 100);
    list(other, NSW_STORE_ROOT, there);
    CHECK(strcmp(all, there) == 0);

    /* From a prefix on, behind what is not there, and a buffer that is too small. */
    uint8_t name[64] = {0};
    size_t len = 0;
    uint32_t kind = 7;
    CHECK_OK(nsw_store_next_key(other, NSW_STORE_ROOT, text("a n"), 3, 0, name, 64, &len, &kind));
    CHECK(len == 21 && name[2] == 'n' && kind == NSW_STORE_MAX);
    CHECK_OK(nsw_store_next_key(other, NSW_STORE_ROOT, text("aa"), 2, NSW_STORE_MIN, name, 64, &len,
                                &kind));
    CHECK(len == 1 && name[0] == 'b' && kind == NSW_STORE_MAX);
    CHECK_OK(nsw_store_next_key(other, NSW_STORE_ROOT, text("b"), 1, kind, name, 1, &len, &kind));
    CHECK(len == 1 && name[0] == 'b' && kind == NSW_STORE_MIN);
    CHECK_STATUS(nsw_store_next_key(other, NSW_STORE_ROOT, text("a n"), 3, 0, name, 20, &len,
                                    &kind),
                 NSW_ERR_BUFFER_TOO_SMALL);
    CHECK(len == 21 && kind == NSW_STORE_MIN);

    /* A map goes with what is in it. */
    CHECK_OK(nsw_store_clear(other, NSW_STORE_ROOT));
    CHECK(count_of(other, NSW_STORE_ROOT) == 0);
    CHECK(usage_of(other).keys == 0 && usage_of(other).items == 0 && usage_of(other).bytes == 0);
    tell(other, store, 100);
    all[0] = 0;
    list(store, NSW_STORE_ROOT, all);
    CHECK(all[0] == 0 && usage_of(store).items == 0);
    nsw_store_destroy(store);
    nsw_store_destroy(other);
}

static void cursors(void) {
    nsw_store *store = make(1, NULL);
    key set = open(store, NSW_STORE_ROOT, "set", NSW_STORE_REMOVE_WINS_SET);
    key other = open(store, NSW_STORE_ROOT, "other", NSW_STORE_ADD_WINS_SET);
    uint8_t element[64];
    size_t len = 0;
    uint64_t cursor = 0, before;
    CHECK_STATUS(nsw_store_element(store, set, &cursor, element, 64, &len), NSW_DONE);
    CHECK(cursor == 0);
    add(store, set, "of more bytes");
    removes(store, set, "not in");
    add(store, set, "in");
    removes(store, set, "not in either");
    CHECK_STATUS(nsw_store_element(store, set, &cursor, element, 12, &len),
                 NSW_ERR_BUFFER_TOO_SMALL);
    CHECK(len == 13 && cursor == 0);
    CHECK_OK(nsw_store_element(store, set, &cursor, element, 13, &len));
    CHECK(len == 13 && memcmp(element, "of more bytes", 13) == 0);
    before = cursor;
    CHECK_OK(nsw_store_element(store, set, &cursor, element, 13, &len));
    CHECK(len == 2 && memcmp(element, "in", 2) == 0);
    CHECK_STATUS(nsw_store_element(store, set, &cursor, element, 13, &len), NSW_DONE);
    CHECK_STATUS(nsw_store_element(store, set, &cursor, element, 13, &len), NSW_DONE);
    /* Of another key, of no key, of what is gone. */
    CHECK_STATUS(nsw_store_element(store, other, &cursor, element, 64, &len), NSW_ERR_INVALID);
    for (uint64_t bad = 1; bad < 64; bad++) {
        cursor = UINT64_MAX >> (bad - 1);
        CHECK_STATUS(nsw_store_element(store, other, &cursor, element, 64, &len), NSW_ERR_INVALID);
    }
    CHECK_OK(nsw_store_clear(store, set));
    CHECK_STATUS(nsw_store_element(store, set, &before, element, 64, &len), NSW_ERR_INVALID);
    nsw_store_destroy(store);
}

/* ---- clocks ---------------------------------------------------------------------------- */

static void clocks(void) {
    nsw_store *store = make(1, NULL), *other = make(2, NULL), *any = NULL;
    nsw_store_config cfg = config_of(3);
    cfg.max_ahead_ms = UINT64_MAX;
    REQUIRE_OK(nsw_store_create(&cfg, NULL, &any));
    key last = open(store, NSW_STORE_ROOT, "last", NSW_STORE_LAST_WRITER);
    CHECK_OK(nsw_store_assign(store, last, text("x"), 1, NOW + 60001));
    frame told = state_of(store);
    CHECK_STATUS(nsw_store_merge(other, told.at, told.len, NOW, NULL), NSW_ERR_CRDT_CLOCK);
    CHECK(usage_of(other).keys == 0 && usage_of(other).replicas == 1);
    CHECK_OK(nsw_store_merge(other, told.at, told.len, NOW + 1, NULL));
    CHECK_OK(nsw_store_merge(any, told.at, told.len, 0, NULL));
    /* A clock that is behind writes later all the same. */
    key theirs = open(any, NSW_STORE_ROOT, "last", NSW_STORE_LAST_WRITER);
    CHECK_OK(nsw_store_assign(any, theirs, text("later"), 5, 0));
    tell(any, store, BYTES);
    uint8_t value[8];
    size_t len = 0;
    uint64_t stamp = 0;
    CHECK_OK(nsw_store_last_written(store, last, value, 8, &len, &stamp));
    CHECK(len == 5 && stamp == ((uint64_t)(NOW + 60001) << 16) + 1);
    CHECK_STATUS(nsw_store_last_written(store, last, value, 4, &len, &stamp),
                 NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_SIZE(len, 5);
    CHECK_OK(nsw_store_last_written(store, last, value, 8, NULL, NULL));
    CHECK_OK(nsw_store_clear(store, last));
    CHECK_STATUS(nsw_store_last_written(store, last, value, 8, &len, &stamp), NSW_DONE);
    CHECK(len == 0 && stamp == 0);
    key most = open(store, NSW_STORE_ROOT, "most", NSW_STORE_MAX);
    int64_t number = 7;
    CHECK_STATUS(nsw_store_extreme(store, most, &number), NSW_DONE);
    CHECK(number == 0);
    nsw_store_destroy(store);
    nsw_store_destroy(other);
    nsw_store_destroy(any);
}

int main(void) {
    who_wins();
    the_state_for_who_is_behind();
    by_digests();
    maps_in_order();
    cursors();
    clocks();
    return check_report("store");
}
