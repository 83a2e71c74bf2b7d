/*
 * Stores that are kept: snapshots in pieces of any size, journals, and what is damaged.
 */
#include "store.h"

enum { LONGEST = 8192 };

/* Something in a store: items of three kinds, one removal, a counter and a sketch. */
static void fill(nsw_store *store) {
    key set = open(store, NSW_STORE_ROOT, "set", NSW_STORE_ADD_WINS_SET);
    key last = open(store, NSW_STORE_ROOT, "last", NSW_STORE_LAST_WRITER);
    key flag = open(store, NSW_STORE_ROOT, "flag", NSW_STORE_DISABLE_WINS_FLAG);
    char element[64];
    for (int i = 0; i < 20; i++) {
        snprintf(element, sizeof element, "an element of some length, number %d", i);
        add(store, set, element);
    }
    CHECK(removes(store, set, element));
    CHECK_OK(nsw_store_assign(store, last, text("a value"), 7, NOW));
    CHECK_OK(nsw_store_set_flag(store, flag, 1));
    key counter = open(store, NSW_STORE_ROOT, "counter", NSW_STORE_COUNTER);
    key sketch = open(store, NSW_STORE_ROOT, "sketch", NSW_STORE_HYPER_LOG_LOG);
    CHECK_OK(nsw_store_increment(store, counter, 41));
    CHECK_OK(nsw_store_observe(store, sketch, text("a"), 1, 1));
    CHECK_OK(nsw_store_close(store, counter));
    CHECK_OK(nsw_store_close(store, sketch));
    CHECK_OK(nsw_store_close(store, set));
    CHECK_OK(nsw_store_close(store, last));
    CHECK_OK(nsw_store_close(store, flag));
}

static size_t save(nsw_store *store, size_t piece, uint8_t *all) {
    uint64_t cursor = 0, whole = 0;
    size_t len = 77;
    nsw_status status;
    CHECK_OK(nsw_store_save_len(store, &whole));
    REQUIRE(whole <= LONGEST);
    while ((status = nsw_store_save(store, &cursor, all + cursor, piece, &len)) == NSW_OK) {
        CHECK(len > 0 && len <= piece && cursor <= whole);
    }
    CHECK_STATUS(status, NSW_DONE);
    CHECK_SIZE(len, 0);
    CHECK(cursor == whole);
    return (size_t)cursor;
}

static nsw_status load(nsw_store *store, const uint8_t *all, size_t len, size_t piece) {
    static uint8_t scratch[2048];
    size_t needed = 0;
    for (size_t at = 0; at < len; at += piece) {
        size_t part = len - at < piece ? len - at : piece;
        nsw_status status = nsw_store_load(store, all + at, part, scratch, sizeof scratch, &needed);
        if (status != NSW_OK) {
            return status;
        }
        CHECK(needed <= sizeof scratch);
    }
    return nsw_store_load_end(store);
}

static void snapshots_in_pieces(void) {
    static const size_t pieces[] = {1, 7, 100, LONGEST};
    static uint8_t first[2 * LONGEST], again[2 * LONGEST];
    nsw_store *old = make(1, NULL);
    fill(old);
    frame state = state_of(old), context = context_of(old);
    size_t len = save(old, LONGEST, first);
    for (size_t i = 0; i < COUNT_OF(pieces); i++) {
        nsw_store *new = make(1, NULL);
        CHECK_SIZE(save(old, pieces[i], again), len);
        CHECK(memcmp(first, again, len) == 0);
        CHECK_OK(load(new, again, len, pieces[i]));
        frame loaded = state_of(new), known = context_of(new);
        CHECK(same(&state, &loaded) && same(&context, &known));
        /* It goes on where the other one was. */
        uint64_t before = 0, after = 0;
        key set = open(new, NSW_STORE_ROOT, "set", NSW_STORE_ADD_WINS_SET);
        CHECK_SIZE(count_of(new, set), 19);
        int64_t total = 0;
        key counter = open(new, NSW_STORE_ROOT, "counter", NSW_STORE_COUNTER);
        CHECK_OK(nsw_store_total(new, counter, &total));
        CHECK(total == 41);
        CHECK_OK(nsw_store_seen(new, 1, &before));
        add(new, set, "one more");
        CHECK_OK(nsw_store_seen(new, 1, &after));
        CHECK(before > 20 && after == before + 1);
        nsw_store_destroy(new);
    }
    nsw_store_destroy(old);
}

static void damage(void) {
    static uint8_t all[2 * LONGEST];
    nsw_store *old = make(1, NULL), *new = make(1, NULL);
    fill(old);
    size_t len = save(old, LONGEST, all);
    frame empty = state_of(new);
    for (size_t at = 0; at < len; at += 3) {
        all[at] ^= 0x20;
        nsw_status status = load(new, all, len, 500);
        CHECK(status == NSW_ERR_CRDT_DAMAGED || status == NSW_ERR_CRDT_TORN ||
              (at < 4 && status == NSW_ERR_CRDT_FORMAT) ||
              (at == 4 && status == NSW_ERR_CRDT_VERSION));
        all[at] ^= 0x20;
        CHECK_STATUS(load(new, all, at, 500), NSW_ERR_CRDT_TORN);
        frame left = state_of(new);
        CHECK(same(&empty, &left));
    }
    nsw_store *other = make(2, NULL);
    CHECK_STATUS(load(other, all, len, 500), NSW_ERR_CRDT_FOREIGN);
    CHECK_OK(load(new, all, len, 500));
    CHECK_STATUS(load(new, all, len, 500), NSW_ERR_CRDT_NOT_EMPTY);
    frame known = context_of(old), loaded = context_of(new);
    CHECK(same(&known, &loaded) && usage_of(new).items == usage_of(old).items);
    nsw_store_config small = config_of(1);
    small.items = 5;
    nsw_store *full = NULL;
    REQUIRE_OK(nsw_store_create(&small, NULL, &full));
    CHECK_STATUS(load(full, all, len, 500), NSW_ERR_CAPACITY);
    CHECK(usage_of(full).items == 0);
    nsw_store_destroy(full);
    nsw_store_destroy(other);
    nsw_store_destroy(old);
    nsw_store_destroy(new);
}

/* What is written at one time is there after it, however much of the next record is. */
static void journals(void) {
    static uint8_t journal[LONGEST];
    size_t len = 0, ends[9] = {0};
    uint64_t cursor = 77, before;
    nsw_store *old = make(1, NULL);
    CHECK_OK(nsw_store_journal_end(old, &cursor));
    CHECK(cursor == 0);
    key set = open(old, NSW_STORE_ROOT, "set", NSW_STORE_ADD_WINS_SET);
    for (size_t i = 1; i < COUNT_OF(ends); i++) {
        size_t needed = 77, taken = 77;
        char element[32];
        snprintf(element, sizeof element, "element %zu", i);
        add(old, set, element);
        if (i == 5) {
            CHECK(removes(old, set, "element 3"));
        }
        before = cursor;
        CHECK_STATUS(nsw_store_journal(old, &cursor, journal + len, 20, &needed),
                     NSW_ERR_BUFFER_TOO_SMALL);
        CHECK(cursor == before && needed > 20);
        CHECK_OK(nsw_store_journal(old, &cursor, journal + len, sizeof journal - len, &taken));
        CHECK_SIZE(taken, needed);
        CHECK(cursor > before);
        ends[i] = len += taken;
        CHECK_STATUS(nsw_store_journal(old, &cursor, journal, 0, &taken), NSW_DONE);
        CHECK_SIZE(taken, 0);
    }
    for (size_t torn = 0; torn <= len; torn++) {
        nsw_store *new = make(1, NULL);
        size_t at = 0, taken = 77, whole = 0;
        uint64_t seen = 77;
        nsw_status status;
        while ((status = nsw_store_replay(new, journal + at, torn - at, &taken)) == NSW_OK) {
            at += taken;
            whole++;
        }
        CHECK_SIZE(taken, 0);
        CHECK_SIZE(at, ends[whole]);
        CHECK_STATUS(status, at == torn ? NSW_DONE : NSW_ERR_CRDT_TORN);
        CHECK_OK(nsw_store_seen(new, 1, &seen));
        CHECK(seen == whole + (whole >= 5 ? 1 : 0));
        if (torn == len) {
            frame a = state_of(old), b = state_of(new);
            CHECK(same(&a, &b));
            journal[at - 1] ^= 1;
            CHECK_STATUS(nsw_store_replay(new, journal + ends[7], len - ends[7], &taken),
                         NSW_ERR_CRDT_DAMAGED);
        }
        nsw_store_destroy(new);
    }
    /* A state is not in what is remembered. */
    nsw_store *peer = make(2, NULL);
    fill(peer);
    frame state = state_of(peer);
    CHECK_OK(nsw_store_merge(old, state.at, state.len, NOW, NULL));
    CHECK_STATUS(nsw_store_journal(old, &cursor, journal, sizeof journal, &len),
                 NSW_ERR_CRDT_BEHIND);
    CHECK_OK(nsw_store_journal_end(old, &cursor));
    CHECK_STATUS(nsw_store_journal(old, &cursor, journal, sizeof journal, &len), NSW_DONE);
    nsw_store_destroy(peer);
    nsw_store_destroy(old);
}

static void misuse(void) {
    static uint8_t all[2 * LONGEST];
    uint8_t piece[64], scratch[64];
    uint64_t cursor = 0, number = 77;
    size_t len = 77;
    nsw_store *store = make(1, NULL), *new = make(1, NULL);
    fill(store);
    nsw_store *bad[] = {NULL, (nsw_store *)(void *)piece};
    memset(piece, 0, sizeof piece);
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        nsw_status not_one = nsw_store_load_end(bad[i]);
        CHECK(not_one == NSW_ERR_NULL || not_one == NSW_ERR_HANDLE ||
              not_one == NSW_ERR_ALIGNMENT);
        CHECK_STATUS(nsw_store_save_len(bad[i], &number), not_one);
        CHECK_STATUS(nsw_store_save(bad[i], &cursor, scratch, 64, &len), not_one);
        CHECK_STATUS(nsw_store_load(bad[i], piece, 64, scratch, 64, &len), not_one);
        CHECK_STATUS(nsw_store_journal_end(bad[i], &number), not_one);
        CHECK_STATUS(nsw_store_journal(bad[i], &cursor, scratch, 64, &len), not_one);
        CHECK_STATUS(nsw_store_replay(bad[i], piece, 64, &len), not_one);
    }
    CHECK(number == 77 && cursor == 0);
    CHECK_STATUS(nsw_store_save_len(store, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_store_save(store, NULL, piece, 64, &len), NSW_ERR_NULL);
    CHECK_STATUS(nsw_store_save(store, &cursor, NULL, 64, &len), NSW_ERR_NULL);
    CHECK_STATUS(nsw_store_save(store, &cursor, NULL, 0, &len), NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_SIZE(len, 1);
    CHECK(cursor == 0);
    cursor = 64;
    CHECK_STATUS(nsw_store_save(new, &cursor, piece, 64, &len), NSW_ERR_INVALID);
    cursor = 0;
    CHECK_OK(nsw_store_save(store, &cursor, piece, 64, NULL));
    cursor = 63;
    CHECK_STATUS(nsw_store_save(store, &cursor, piece, 64, &len), NSW_ERR_INVALID);
    cursor = 64;
    key set = open(store, NSW_STORE_ROOT, "set", NSW_STORE_ADD_WINS_SET);
    add(store, set, "a change in between");
    CHECK_STATUS(nsw_store_save(store, &cursor, piece, 64, &len), NSW_ERR_CRDT_CHANGED);
    CHECK(cursor == 64);
    CHECK_SIZE(len, 0);

    size_t whole = save(store, LONGEST, all), needed = 0;
    CHECK_STATUS(nsw_store_load(new, NULL, 64, scratch, 64, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_store_load(new, all, 64, NULL, 64, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_store_load(new, scratch, 64, scratch, 64, NULL), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_store_load(new, all, 100, scratch, 64, &needed), NSW_ERR_BUFFER_TOO_SMALL);
    CHECK(needed > 64 && needed < 2048);
    CHECK_STATUS(nsw_store_load_end(new), NSW_ERR_CRDT_TORN);
    uint8_t *enough = malloc(needed);
    REQUIRE(enough != NULL);
    CHECK_OK(nsw_store_load(new, all, 100, enough, needed, &len));
    CHECK_SIZE(len, needed);
    /* Half a store is none. */
    key in_new = open(new, NSW_STORE_ROOT, "set", NSW_STORE_ADD_WINS_SET);
    CHECK_STATUS(nsw_store_add(new, in_new, text("x"), 1), NSW_ERR_CRDT_NOT_EMPTY);
    CHECK_OK(nsw_store_load(new, all + 100, whole - 100, enough, needed, NULL));
    CHECK_OK(nsw_store_load_end(new));
    CHECK_SIZE(count_of(new, in_new), 20);
    free(enough);
    nsw_store_destroy(new);
    new = make(1, NULL);
    CHECK_OK(nsw_store_load(new, all, whole, NULL, 0, NULL));
    CHECK_OK(nsw_store_load_end(new));

    CHECK_STATUS(nsw_store_journal_end(store, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_store_journal(store, NULL, piece, 64, &len), NSW_ERR_NULL);
    CHECK_OK(nsw_store_journal_end(store, &cursor));
    number = cursor + 1;
    CHECK_STATUS(nsw_store_journal(store, &number, piece, 64, &len), NSW_ERR_INVALID);
    CHECK(number == cursor + 1);
    number = cursor - 1;
    CHECK_STATUS(nsw_store_journal(store, &number, NULL, 640, &len), NSW_ERR_NULL);
    CHECK_STATUS(nsw_store_replay(store, piece, 64, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_store_replay(store, NULL, 64, &len), NSW_ERR_NULL);
    memset(piece, 0, sizeof piece);
    CHECK_STATUS(nsw_store_replay(store, piece, 64, &len), NSW_ERR_CRDT_DAMAGED);
    CHECK_STATUS(nsw_store_replay(store, NULL, 0, &len), NSW_DONE);
    nsw_store_destroy(new);
    nsw_store_destroy(store);
}

int main(void) {
    snapshots_in_pieces();
    damage();
    journals();
    misuse();
    return check_report("store_keep");
}
