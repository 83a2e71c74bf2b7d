/*
 * Lists in stores: texts that several type in, what is refused, what has no room.
 */
#include "store.h"

static key list_of(nsw_store *store) {
    return open(store, NSW_STORE_ROOT, "list", NSW_STORE_LIST);
}

static void insert(nsw_store *store, key list, size_t index, const char *element) {
    CHECK_OK(nsw_store_insert(store, list, index, text(element), strlen(element)));
}

static size_t type(nsw_store *store, key list, size_t index, const char *what) {
    size_t count = 77;
    CHECK_OK(nsw_store_insert_text(store, list, index, text(what), strlen(what), &count));
    return count;
}

/* All of a list, by each of the ways to read it. */
static void check_text(const nsw_store *store, key list, const char *expected) {
    char all[100] = "", element[100];
    size_t len = 77, count = count_of(store, list), index = 0;
    uint64_t cursor = 0;
    nsw_status status;
    uint8_t buf[99];
    while ((status = nsw_store_element(store, list, &cursor, buf, 99, &len)) == NSW_OK) {
        REQUIRE(strlen(all) + len < sizeof all);
        memcpy(element, buf, len);
        element[len] = 0;
        strcat(all, element);
        size_t other = 77;
        uint8_t at[99];
        CHECK_OK(nsw_store_element_at(store, list, index++, at, 99, &other));
        CHECK(other == len && memcmp(at, buf, len) == 0);
    }
    CHECK_STATUS(status, NSW_DONE);
    CHECK_SIZE(index, count);
    CHECK_NOTE(strcmp(all, expected) == 0, "\"%s\" for \"%s\"", all, expected);
    uint8_t whole[BYTES];
    CHECK_OK(nsw_store_text(store, list, whole, BYTES, &len));
    CHECK(len == strlen(expected) && memcmp(whole, expected, len) == 0);
    if (len > 0) {
        guarded exact = guarded_new(len, 1, 0), less = guarded_new(len - 1, 1, 0);
        CHECK_OK(nsw_store_text(store, list, exact.data, len, NULL));
        CHECK_STATUS(nsw_store_text(store, list, less.data, len - 1, &len),
                     NSW_ERR_BUFFER_TOO_SMALL);
        CHECK_SIZE(len, strlen(expected));
        guarded_free(&exact);
        guarded_free(&less);
    }
}

static void texts(void) {
    counting memory;
    counting_init(&memory);
    nsw_store *anna = make(1, &memory.hook), *bert = make(2, &memory.hook);
    key a = list_of(anna), b = list_of(bert);
    check_text(anna, a, "");
    CHECK_SIZE(type(anna, a, 0, "Anna  Bert"), 10);
    CHECK(tell(anna, bert, BYTES) == 1 && tell(anna, bert, BYTES) == 0);
    check_text(bert, b, "Anna  Bert");

    /* At the same time in the same place: forwards, and backwards. */
    CHECK_SIZE(type(anna, a, 5, "and"), 3);
    CHECK_SIZE(type(anna, a, 8, " not"), 4);
    for (const char *end = "or else" + 6;; end--) {
        const char one[2] = {*end, 0};
        insert(bert, b, 5, one);
        if (*end == 'o') {
            break;
        }
    }
    check_text(anna, a, "Anna and not Bert");
    check_text(bert, b, "Anna or else Bert");
    CHECK(tell(bert, anna, 100) > 1 && tell(anna, bert, 100) > 1);
    check_text(anna, a, "Anna and notor else Bert");
    check_text(bert, b, "Anna and notor else Bert");

    /* What one takes out and what another puts in between. */
    CHECK_OK(nsw_store_remove_at(anna, a, 4, 15));
    CHECK_SIZE(type(bert, b, 12, ", "), 2);
    tell(bert, anna, BYTES);
    tell(anna, bert, BYTES);
    check_text(anna, a, "Anna,  Bert");
    check_text(bert, b, "Anna,  Bert");
    CHECK_SIZE(type(anna, a, 11, " \xc3\xa4\xf0\x9f\xa6\x80"), 3);
    check_text(anna, a, "Anna,  Bert \xc3\xa4\xf0\x9f\xa6\x80");
    insert(anna, a, 0, "");
    insert(anna, a, 1, "Hello ");
    CHECK_SIZE(count_of(anna, a), 16);

    /* By its state alone, and what is taken out of it. */
    frame state = state_of(anna);
    nsw_store_merged merged = NSW_STORE_MERGED_INIT;
    CHECK_OK(nsw_store_clear(bert, b));
    CHECK_OK(nsw_store_merge(bert, state.at, state.len, NOW, &merged));
    CHECK(merged.added == 5 && merged.removed == 0);
    check_text(bert, b, "Hello  \xc3\xa4\xf0\x9f\xa6\x80");
    tell(bert, anna, BYTES);
    check_text(anna, a, "Hello  \xc3\xa4\xf0\x9f\xa6\x80");
    CHECK_OK(nsw_store_remove_at(anna, a, 0, 5));
    CHECK(usage_of(anna).items == 0 && usage_of(anna).bytes == 0);
    nsw_store_destroy(anna);
    nsw_store_destroy(bert);
    counting_finish(&memory);
}

static void refused(void) {
    nsw_store *store = make(1, NULL);
    key list = list_of(store), set = open(store, NSW_STORE_ROOT, "set", NSW_STORE_ADD_WINS_SET);
    type(store, list, 0, "text");
    frame before = state_of(store);
    uint8_t out[8] = {0};
    size_t len = 77, count = 77;
    uint64_t cursor = 0;
    uint32_t yes = 7;
    int64_t number = 77;
    static const uint8_t long_one[NSW_STORE_MAX_ELEMENT + 1];

    CHECK_STATUS(nsw_store_insert(store, list, 5, out, 1), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_store_insert(store, list, SIZE_MAX, out, 1), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_store_insert(store, list, 0, NULL, 1), NSW_ERR_NULL);
    CHECK_STATUS(nsw_store_insert(store, list, 0, out, SIZE_MAX), NSW_ERR_OVERFLOW);
    CHECK_STATUS(nsw_store_insert(store, list, 0, long_one, sizeof long_one), NSW_ERR_LENGTH);
    CHECK_STATUS(nsw_store_insert(store, list, 0, long_one, sizeof long_one - 1),
                 NSW_ERR_CAPACITY);
    CHECK_STATUS(nsw_store_insert_text(store, list, 5, text("x"), 1, &count), NSW_ERR_INVALID);
    CHECK_SIZE(count, 0);
    CHECK_STATUS(nsw_store_insert_text(store, list, 0, NULL, 1, &count), NSW_ERR_NULL);
    CHECK_STATUS(nsw_store_insert_text(store, list, 0, text("half \xc3"), 6, &count),
                 NSW_ERR_INVALID);
    CHECK_STATUS(nsw_store_insert_text(store, list, 0, long_one, 3000, NULL), NSW_ERR_CAPACITY);
    CHECK_STATUS(nsw_store_remove_at(store, list, 4, 1), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_store_remove_at(store, list, 0, 5), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_store_remove_at(store, list, 2, SIZE_MAX), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_store_element_at(store, list, 4, out, 8, &len), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_store_element_at(store, list, 0, NULL, 8, &len), NSW_ERR_NULL);
    CHECK_STATUS(nsw_store_element_at(store, list, 0, NULL, 0, &len), NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_SIZE(len, 1);
    CHECK_STATUS(nsw_store_text(store, list, NULL, 8, &len), NSW_ERR_NULL);
    CHECK_STATUS(nsw_store_element(store, list, &cursor, NULL, 0, &len),
                 NSW_ERR_BUFFER_TOO_SMALL);
    CHECK(len == 1 && cursor == 0);
    frame after = state_of(store);
    CHECK(same(&before, &after));
    CHECK_OK(nsw_store_remove_at(store, list, 4, 0));
    CHECK_OK(nsw_store_insert_text(store, list, 4, NULL, 0, NULL));
    after = state_of(store);
    CHECK(same(&before, &after));

    /* Keys of another kind, none, and what is not for lists. */
    const key bad[] = {set, NSW_STORE_ROOT, UINT64_MAX, list ^ (uint64_t)1 << 40};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        nsw_status expected = i < 2 ? NSW_ERR_CRDT_KIND : NSW_ERR_CRDT_KEY;
        CHECK_STATUS(nsw_store_insert(store, bad[i], 0, out, 1), expected);
        CHECK_STATUS(nsw_store_insert_text(store, bad[i], 0, out, 1, NULL), expected);
        CHECK_STATUS(nsw_store_remove_at(store, bad[i], 0, 0), expected);
        CHECK_STATUS(nsw_store_element_at(store, bad[i], 0, out, 8, &len), expected);
        CHECK_STATUS(nsw_store_text(store, bad[i], out, 8, &len), expected);
    }
    CHECK_STATUS(nsw_store_open(store, list, out, 1, NSW_STORE_MAX, &cursor), NSW_ERR_CRDT_KIND);
    CHECK_STATUS(nsw_store_add(store, list, out, 1), NSW_ERR_CRDT_KIND);
    CHECK_STATUS(nsw_store_contains(store, list, out, 1, &yes), NSW_ERR_CRDT_KIND);
    CHECK_STATUS(nsw_store_remove(store, list, out, 1, &yes), NSW_ERR_CRDT_KIND);
    CHECK_STATUS(nsw_store_set_flag(store, list, 1), NSW_ERR_CRDT_KIND);
    CHECK_STATUS(nsw_store_flag(store, list, &yes), NSW_ERR_CRDT_KIND);
    CHECK_STATUS(nsw_store_assign(store, list, out, 1, NOW), NSW_ERR_CRDT_KIND);
    CHECK_STATUS(nsw_store_last_written(store, list, out, 8, &len, NULL), NSW_ERR_CRDT_KIND);
    CHECK_STATUS(nsw_store_offer(store, list, 1, &yes), NSW_ERR_CRDT_KIND);
    CHECK_STATUS(nsw_store_extreme(store, list, &number), NSW_ERR_CRDT_KIND);
    CHECK_STATUS(nsw_store_next_key(store, list, NULL, 0, 0, out, 8, &len, &yes),
                 NSW_ERR_CRDT_KIND);
    after = state_of(store);
    CHECK(same(&before, &after));

    static const uint64_t zeros[8];
    for (size_t i = 0; i < 2; i++) {
        nsw_store *none = i == 0 ? NULL : (nsw_store *)(uintptr_t)zeros;
        nsw_status expected = i == 0 ? NSW_ERR_NULL : NSW_ERR_HANDLE;
        CHECK_STATUS(nsw_store_insert(none, list, 0, out, 1), expected);
        CHECK_STATUS(nsw_store_insert_text(none, list, 0, out, 1, &count), expected);
        CHECK_STATUS(nsw_store_remove_at(none, list, 0, 1), expected);
        CHECK_STATUS(nsw_store_element_at(none, list, 0, out, 8, &len), expected);
        CHECK_STATUS(nsw_store_text(none, list, out, 8, &len), expected);
    }

    /* Listed with its kind, while something is in it. */
    uint8_t name[8];
    CHECK_OK(nsw_store_next_key(store, NSW_STORE_ROOT, NULL, 0, 0, name, 8, &len, &yes));
    CHECK(len == 4 && memcmp(name, "list", 4) == 0 && yes == NSW_STORE_LIST);
    CHECK_OK(nsw_store_clear(store, list));
    CHECK_STATUS(nsw_store_next_key(store, NSW_STORE_ROOT, NULL, 0, 0, name, 8, &len, &yes),
                 NSW_DONE);
    nsw_store_destroy(store);
}

/* A list for as many elements as there is room, in a store of little. */
static void without_room(void) {
    nsw_store *store = NULL, *other = NULL, *peer = make(3, NULL);
    nsw_store_config cfg = config_of(1);
    cfg.items = 6;
    cfg.bytes = 1000;
    REQUIRE_OK(nsw_store_create(&cfg, NULL, &store));
    cfg = config_of(2);
    cfg.bytes = 100;
    REQUIRE_OK(nsw_store_create(&cfg, NULL, &other));
    key list = list_of(store), small = list_of(other), theirs = list_of(peer);
    CHECK_SIZE(type(store, list, 0, "abcd"), 4);
    nsw_store_usage usage = usage_of(store), after;
    size_t count = 77;
    CHECK_STATUS(nsw_store_insert_text(store, list, 2, text("xyz"), 3, &count), NSW_ERR_CAPACITY);
    after = usage_of(store);
    CHECK(count == 0 && memcmp(&usage, &after, sizeof usage) == 0);
    check_text(store, list, "abcd");
    CHECK_SIZE(type(store, list, 2, "xy"), 2);
    CHECK_STATUS(nsw_store_insert(store, list, 0, text("z"), 1), NSW_ERR_CAPACITY);
    check_text(store, list, "abxycd");

    /* A frame that does not fit in changes nothing, and fits in later. */
    CHECK_SIZE(type(peer, theirs, 0, "12345"), 5);
    frame told = state_of(peer);
    CHECK_STATUS(nsw_store_merge(other, told.at, told.len, NOW, NULL), NSW_ERR_CAPACITY);
    CHECK(usage_of(other).items == 0 && usage_of(other).bytes == 0);
    check_text(other, small, "");
    CHECK_STATUS(nsw_store_merge(store, told.at, told.len, NOW, NULL), NSW_ERR_CAPACITY);
    check_text(store, list, "abxycd");
    CHECK_OK(nsw_store_remove_at(store, list, 0, 5));
    CHECK_OK(nsw_store_merge(store, told.at, told.len, NOW, NULL));
    check_text(store, list, "d12345");
    nsw_store_destroy(store);
    nsw_store_destroy(other);
    nsw_store_destroy(peer);
}

int main(void) {
    texts();
    refused();
    without_room();
    return check_report("store_list");
}
