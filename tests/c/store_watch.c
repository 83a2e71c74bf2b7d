/*
 * Stores: watched keys, told to a hook or taken.
 */
#include "store.h"

static nsw_store *make_watching(uint32_t watches, uint32_t events) {
    nsw_store *store = NULL;
    nsw_store_config cfg = config_of(1);
    cfg.watches = watches;
    cfg.events = events;
    REQUIRE_OK(nsw_store_create(&cfg, NULL, &store));
    return store;
}

static void offer(nsw_store *store, key map, const char *name, int64_t number) {
    key of = open(store, map, name, NSW_STORE_MAX);
    CHECK_OK(nsw_store_offer(store, of, number, NULL));
    CHECK_OK(nsw_store_close(store, of));
}

/* Takes an event, which has to be this one. */
static void expect(nsw_store *store, key watched, uint32_t what, const char *name, uint32_t kind,
                   uint32_t causes) {
    nsw_store_event event = NSW_STORE_EVENT_INIT;
    uint8_t buf[64];
    size_t len = 77;
    CHECK_OK(nsw_store_next_event(store, &event, buf, sizeof buf, &len));
    CHECK(event.size == sizeof event && event.watched == watched);
    CHECK_NOTE(event.what == what && event.kind == kind && event.causes == causes, "%u %u %u",
               event.what, event.kind, event.causes);
    CHECK(event.name == (name == NULL ? NULL : buf));
    if (name != NULL) {
        CHECK(len == strlen(name) && event.name_len == len && memcmp(buf, name, len) == 0);
    } else {
        CHECK(len == 0 && event.name_len == 0);
    }
}

static void expect_none(nsw_store *store) {
    nsw_store_event event = NSW_STORE_EVENT_INIT;
    size_t len = 77;
    CHECK_STATUS(nsw_store_next_event(store, &event, NULL, 0, &len), NSW_DONE);
    CHECK(len == 0 && event.what == 0);
}

static void taken(void) {
    nsw_store *store = make_watching(2, 0), *other = make(2, NULL);
    key map = open(store, NSW_STORE_ROOT, "map", NSW_STORE_MAP);
    key set = open(store, map, "set", NSW_STORE_ADD_WINS_SET);
    CHECK_OK(nsw_store_watch(store, NSW_STORE_ROOT));
    CHECK_OK(nsw_store_watch(store, set));
    CHECK_OK(nsw_store_watch(store, set));
    CHECK_STATUS(nsw_store_watch(store, map), NSW_ERR_CAPACITY);
    expect_none(store);
    add(store, set, "x");
    add(store, set, "y");
    offer(store, NSW_STORE_ROOT, "a number of a long name", 1);
    expect(store, set, NSW_STORE_CHANGED_ITSELF, NULL, 0, NSW_STORE_CAUSE_LOCAL);
    expect(store, NSW_STORE_ROOT, NSW_STORE_CHANGED_INSIDE, "map", NSW_STORE_MAP,
           NSW_STORE_CAUSE_LOCAL);
    /* Not taken without room for the name. */
    nsw_store_event event = NSW_STORE_EVENT_INIT;
    uint8_t name[23];
    size_t len = 0;
    CHECK_STATUS(nsw_store_next_event(store, &event, name, 22, &len), NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_SIZE(len, 23);
    CHECK_STATUS(nsw_store_next_event(store, &event, NULL, 23, &len), NSW_ERR_NULL);
    CHECK_STATUS(nsw_store_next_event(store, NULL, name, 23, &len), NSW_ERR_NULL);
    event.size = 5;
    CHECK_STATUS(nsw_store_next_event(store, &event, name, 23, &len), NSW_ERR_STRUCT_SIZE);
    expect(store, NSW_STORE_ROOT, NSW_STORE_CHANGED_INSIDE, "a number of a long name",
           NSW_STORE_MAX, NSW_STORE_CAUSE_LOCAL);
    expect_none(store);

    /* What others did. */
    CHECK(tell(store, other, BYTES) == 1);
    key there = open(other, NSW_STORE_ROOT, "map", NSW_STORE_MAP);
    there = open(other, there, "set", NSW_STORE_ADD_WINS_SET);
    CHECK(removes(other, there, "x"));
    CHECK(tell(other, store, BYTES) == 1);
    expect(store, set, NSW_STORE_CHANGED_ITSELF, NULL, 0, NSW_STORE_CAUSE_MERGED);
    add(store, set, "z");
    expect(store, NSW_STORE_ROOT, NSW_STORE_CHANGED_INSIDE, "map", NSW_STORE_MAP,
           NSW_STORE_CAUSE_MERGED | NSW_STORE_CAUSE_LOCAL);
    CHECK_OK(nsw_store_unwatch(store, set));
    expect_none(store);
    add(other, there, "by a digest");
    frame frames[2] = {{{0}, 0}, {{0}, 0}};
    CHECK_OK(nsw_store_digest(other, frames[0].at, BYTES, &frames[0].len));
    for (size_t turn = 0; frames[turn % 2].len > 0 && turn < 9; turn++) {
        frame *to = &frames[(turn + 1) % 2];
        CHECK_OK(nsw_store_reconcile(turn % 2 == 0 ? store : other, frames[turn % 2].at,
                                     frames[turn % 2].len, NOW, to->at, BYTES, &to->len, NULL,
                                     NULL));
    }
    CHECK(contains(store, set, "by a digest"));
    expect(store, NSW_STORE_ROOT, NSW_STORE_CHANGED_INSIDE, "map", NSW_STORE_MAP,
           NSW_STORE_CAUSE_RECONCILED);
    expect_none(store);

    /* A watch ends with its key, and what was not taken with it. */
    CHECK_OK(nsw_store_watch(store, set));
    CHECK_OK(nsw_store_unwatch(store, NSW_STORE_ROOT));
    add(store, set, "last");
    CHECK_OK(nsw_store_close(store, set));
    expect_none(store);
    CHECK_STATUS(nsw_store_watch(store, set), NSW_ERR_CRDT_KEY);
    CHECK_STATUS(nsw_store_unwatch(store, set), NSW_ERR_CRDT_KEY);
    CHECK_STATUS(nsw_store_watch(store, UINT64_MAX), NSW_ERR_CRDT_KEY);
    nsw_store_destroy(store);
    nsw_store_destroy(other);
}

static void many(void) {
    nsw_store *store = make_watching(1, 1);
    CHECK_OK(nsw_store_watch(store, NSW_STORE_ROOT));
    for (int i = 1; i < 4; i++) {
        offer(store, NSW_STORE_ROOT, "a", i);
        offer(store, NSW_STORE_ROOT, "b", i);
        expect(store, NSW_STORE_ROOT, NSW_STORE_CHANGED_INSIDE, "a", NSW_STORE_MAX,
               NSW_STORE_CAUSE_LOCAL);
        expect(store, NSW_STORE_ROOT, NSW_STORE_CHANGED_MANY, NULL, 0, NSW_STORE_CAUSE_LOCAL);
        expect_none(store);
    }
    /* The name of a key is empty. */
    offer(store, NSW_STORE_ROOT, "", 1);
    expect(store, NSW_STORE_ROOT, NSW_STORE_CHANGED_INSIDE, "", NSW_STORE_MAX,
           NSW_STORE_CAUSE_LOCAL);
    /* With events that nobody takes. */
    offer(store, NSW_STORE_ROOT, "c", 1);
    nsw_store_destroy(store);
    store = make_watching(0, 5);
    CHECK_STATUS(nsw_store_watch(store, NSW_STORE_ROOT), NSW_ERR_CAPACITY);
    nsw_store_destroy(store);
    nsw_store_config cfg = config_of(1);
    size_t size = 0, align = 0;
    cfg.watches = ((uint32_t)1 << 30) + 1;
    CHECK_STATUS(nsw_store_footprint(&cfg, &size, &align), NSW_ERR_INVALID);
    cfg.watches = 1;
    cfg.events = ((uint32_t)1 << 30) + 1;
    CHECK_STATUS(nsw_store_footprint(&cfg, &size, &align), NSW_ERR_INVALID);
}

/* ---- by a hook ------------------------------------------------------------------------------ */

typedef struct told {
    nsw_store *store;
    key watched;
    size_t calls;
    uint32_t causes;
    char names[256];
} told;

static void on_change(void *ctx, const nsw_store_event *event) {
    told *to = ctx;
    to->calls++;
    to->causes |= event->causes;
    CHECK(event->size == sizeof *event && event->watched == to->watched);
    if (event->what == NSW_STORE_CHANGED_INSIDE) {
        strncat(to->names, (const char *)event->name, event->name_len);
    }
    strcat(to->names, " ");
    /* The store is in the middle of a call. */
    size_t count = 77;
    nsw_store_usage usage = NSW_STORE_USAGE_INIT;
    CHECK_STATUS(nsw_store_add(to->store, to->watched, NULL, 0), NSW_ERR_BUSY);
    CHECK_STATUS(nsw_store_count(to->store, to->watched, &count), NSW_ERR_BUSY);
    CHECK_STATUS(nsw_store_describe(to->store, &usage), NSW_ERR_BUSY);
    CHECK_STATUS(nsw_store_set_watcher(to->store, NULL), NSW_ERR_BUSY);
    nsw_store_destroy(to->store);
}

static void hooked(void) {
    nsw_store *store = make_watching(1, 0), *other = make(2, NULL);
    told to = {store, NSW_STORE_ROOT, 0, 0, ""};
    nsw_store_watcher watcher = NSW_STORE_WATCHER_INIT;
    watcher.ctx = &to;
    CHECK_STATUS(nsw_store_set_watcher(store, &watcher), NSW_ERR_NULL);
    watcher.on_change = on_change;
    watcher.reserved = 1;
    CHECK_STATUS(nsw_store_set_watcher(store, &watcher), NSW_ERR_INVALID);
    watcher.reserved = 0;
    watcher.size = 3;
    CHECK_STATUS(nsw_store_set_watcher(store, &watcher), NSW_ERR_STRUCT_SIZE);
    watcher.size = sizeof watcher;
    CHECK_OK(nsw_store_watch(store, NSW_STORE_ROOT));
    offer(store, NSW_STORE_ROOT, "before", 1);
    CHECK(to.calls == 0);
    CHECK_OK(nsw_store_set_watcher(store, &watcher));
    CHECK(to.calls == 1 && strcmp(to.names, "before ") == 0);
    offer(store, NSW_STORE_ROOT, "one", 1);
    CHECK(to.calls == 2 && to.causes == NSW_STORE_CAUSE_LOCAL);
    expect_none(store);
    CHECK(tell(store, other, BYTES) == 1);
    CHECK(to.calls == 2);
    offer(other, NSW_STORE_ROOT, "two", 2);
    offer(other, NSW_STORE_ROOT, "three", 3);
    CHECK(tell(other, store, BYTES) == 1);
    CHECK(to.calls == 4 && to.causes == (NSW_STORE_CAUSE_LOCAL | NSW_STORE_CAUSE_MERGED));
    CHECK(strcmp(to.names, "before one two three ") == 0);
    /* Of a transaction at its end. */
    CHECK_OK(nsw_store_begin_transaction(store, 2, 0));
    offer(store, NSW_STORE_ROOT, "one", 5);
    offer(store, NSW_STORE_ROOT, "two", 5);
    offer(store, NSW_STORE_ROOT, "one", 6);
    CHECK(to.calls == 4);
    CHECK_OK(nsw_store_commit(store));
    CHECK(to.calls == 6 && strcmp(to.names, "before one two three one two ") == 0);
    /* Nobody is told any more. */
    CHECK_OK(nsw_store_set_watcher(store, NULL));
    offer(store, NSW_STORE_ROOT, "one", 7);
    CHECK(to.calls == 6);
    expect(store, NSW_STORE_ROOT, NSW_STORE_CHANGED_INSIDE, "one", NSW_STORE_MAX,
           NSW_STORE_CAUSE_LOCAL);
    nsw_store_destroy(store);
    nsw_store_destroy(other);
}

static void bad_handles(void) {
    static const uint64_t zeros[8];
    nsw_store_event event = NSW_STORE_EVENT_INIT;
    nsw_store_watcher watcher = NSW_STORE_WATCHER_INIT;
    watcher.on_change = on_change;
    for (size_t i = 0; i < 2; i++) {
        nsw_store *bad = i == 0 ? NULL : (nsw_store *)(uintptr_t)zeros;
        nsw_status expected = i == 0 ? NSW_ERR_NULL : NSW_ERR_HANDLE;
        CHECK_STATUS(nsw_store_watch(bad, 0), expected);
        CHECK_STATUS(nsw_store_unwatch(bad, 0), expected);
        CHECK_STATUS(nsw_store_next_event(bad, &event, NULL, 0, NULL), expected);
        CHECK_STATUS(nsw_store_set_watcher(bad, &watcher), expected);
    }
}

int main(void) {
    taken();
    many();
    hooked();
    bad_handles();
    return check_report("store_watch");
}
