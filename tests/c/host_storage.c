/*
 * Stores in files: what was committed comes back, what is torn is cut off.
 */
#define _POSIX_C_SOURCE 200809L

#include "folder.h"
#include "store.h"

static char folder[200];
static char path[sizeof folder + 16];

static nsw_host_storage_config kept_in(nsw_store *store) {
    nsw_host_storage_config cfg = NSW_HOST_STORAGE_CONFIG_INIT;
    cfg.path = path;
    cfg.path_len = strlen(path);
    cfg.store = store;
    cfg.journal_bytes = 1000;
    return cfg;
}

static nsw_host_storage *opened(nsw_store *store) {
    nsw_host_storage *storage = NULL;
    nsw_host_storage_config cfg = kept_in(store);
    REQUIRE_OK(nsw_host_storage_create(&cfg, NULL, &storage));
    return storage;
}

static nsw_host_storage_info info_of(const nsw_host_storage *storage) {
    nsw_host_storage_info info = NSW_HOST_STORAGE_INFO_INIT;
    CHECK_OK(nsw_host_storage_describe(storage, &info));
    return info;
}

static const char *name(const char *of, unsigned number) {
    static char all[sizeof path + 32];
    snprintf(all, sizeof all, "%s/%s-%u", path, of, number);
    return all;
}

/* Writes behind the end of a file, or over what is at a place of it. */
static void scribble(const char *file, long at) {
    FILE *open_file = fopen(file, at < 0 ? "ab" : "r+b");
    REQUIRE(open_file != NULL);
    CHECK(at < 0 || fseek(open_file, at, SEEK_SET) == 0);
    CHECK(fwrite("torn", 1, 4, open_file) == 4);
    CHECK(fclose(open_file) == 0);
}

/* The number of the newest snapshot. */
static unsigned newest(void) {
    unsigned number = 0;
    for (unsigned i = 1; i < 200; i++) {
        if (access(name("snapshot", i), F_OK) == 0) {
            number = i;
        }
    }
    return number;
}

static void comes_back(void) {
    frame last = {{0}, 0};
    for (unsigned turn = 0; turn < 12; turn++) {
        nsw_store *store = make(1, NULL);
        nsw_host_storage *storage = opened(store);
        nsw_host_storage_info info = info_of(storage);
        if (turn == 0) {
            CHECK(info.origin == NSW_HOST_STORAGE_JOURNAL && info.records == 0);
        } else {
            frame found = context_of(store);
            CHECK(same(&last, &found));
        }
        CHECK(info.cut == (turn > 0 && turn % 3 == 0 ? 4 : 0));
        key set = open(store, NSW_STORE_ROOT, "set", NSW_STORE_ADD_WINS_SET);
        CHECK_SIZE(count_of(store, set), turn * 2);
        char element[64];
        for (unsigned i = 0; i < 2; i++) {
            snprintf(element, sizeof element, "an element of turn %u, number %u", turn, i);
            add(store, set, element);
            CHECK_OK(nsw_host_storage_commit(storage, store));
        }
        CHECK_OK(nsw_host_storage_commit(storage, store));
        last = context_of(store);
        if (turn % 4 == 1) {
            CHECK_OK(nsw_host_storage_snapshot(storage, store));
        }
        nsw_host_storage_destroy(storage);
        nsw_store_destroy(store);
        if (turn % 3 == 2) {
            scribble(name("journal", newest()), -1);
        }
    }
    CHECK(newest() > 2);
}

/* Damage of the newest snapshot is made up for; that of both is refused. */
static void damaged(void) {
    nsw_store *store = make(1, NULL), *again = make(1, NULL), *none = make(1, NULL);
    nsw_host_storage *storage = opened(store);
    key set = open(store, NSW_STORE_ROOT, "set", NSW_STORE_ADD_WINS_SET);
    CHECK_OK(nsw_host_storage_snapshot(storage, store));
    add(store, set, "between");
    CHECK_OK(nsw_host_storage_append(storage, store));
    CHECK_OK(nsw_host_storage_flush(storage));
    CHECK_OK(nsw_host_storage_snapshot(storage, store));
    add(store, set, "after");
    CHECK_OK(nsw_host_storage_commit(storage, store));
    frame context = context_of(store);
    size_t count = count_of(store, set);
    nsw_host_storage_destroy(storage);
    scribble(name("snapshot", newest()), 50);
    storage = opened(again);
    CHECK(info_of(storage).origin == NSW_HOST_STORAGE_PREVIOUS);
    frame found = context_of(again);
    CHECK(same(&context, &found));
    set = open(again, NSW_STORE_ROOT, "set", NSW_STORE_ADD_WINS_SET);
    CHECK_SIZE(count_of(again, set), count);
    nsw_host_storage_destroy(storage);
    scribble(name("snapshot", newest() - 1), 50);
    nsw_host_storage_config cfg = kept_in(none);
    CHECK_STATUS(nsw_host_storage_create(&cfg, NULL, &storage), NSW_ERR_CRDT_DAMAGED);
    CHECK(storage == NULL && usage_of(none).items == 0);
    nsw_store_destroy(store);
    nsw_store_destroy(again);
    nsw_store_destroy(none);
}

static void misuse(void) {
    nsw_store *store = make(1, NULL), *other = make(2, NULL), *third = make(1, NULL);
    nsw_host_storage *storage = NULL, *second = (nsw_host_storage *)(void *)store;
    nsw_host_storage_config cfg = kept_in(store), bad;
    nsw_host_storage_info info = NSW_HOST_STORAGE_INFO_INIT;
    size_t size = 0, align = 0;
    CHECK_OK(nsw_host_storage_footprint(&cfg, &size, &align));
    CHECK(size > 0 && align > 0);
    CHECK_STATUS(nsw_host_storage_footprint(NULL, &size, &align), NSW_ERR_NULL);
    CHECK_STATUS(nsw_host_storage_footprint(&cfg, NULL, &align), NSW_ERR_NULL);
    CHECK_STATUS(nsw_host_storage_create(&cfg, NULL, NULL), NSW_ERR_NULL);
    bad = cfg;
    bad.path = NULL;
    CHECK_STATUS(nsw_host_storage_create(&bad, NULL, &second), NSW_ERR_NULL);
    CHECK(second == NULL);
    bad = cfg;
    bad.path_len = 0;
    CHECK_STATUS(nsw_host_storage_create(&bad, NULL, &second), NSW_ERR_INVALID);
    bad = cfg;
    bad.reserved = 1;
    CHECK_STATUS(nsw_host_storage_create(&bad, NULL, &second), NSW_ERR_INVALID);
    bad = cfg;
    bad.store = NULL;
    CHECK_STATUS(nsw_host_storage_create(&bad, NULL, &second), NSW_ERR_NULL);
    bad = cfg;
    bad.size = 8;
    CHECK_STATUS(nsw_host_storage_create(&bad, NULL, &second), NSW_ERR_STRUCT_SIZE);
    bad = cfg;
    bad.path = "/no/such/folder/at/all";
    bad.path_len = strlen(bad.path);
    CHECK_STATUS(nsw_host_storage_create(&bad, NULL, &second), NSW_ERR_HOST_IO);

    REQUIRE_OK(nsw_host_storage_create(&cfg, NULL, &storage));
    bad = cfg;
    bad.store = third;
    CHECK_STATUS(nsw_host_storage_create(&bad, NULL, &second), NSW_ERR_BUSY);
    bad.store = (nsw_store *)(void *)storage;
    CHECK_STATUS(nsw_host_storage_create(&bad, NULL, &second), NSW_ERR_HANDLE);
    CHECK_STATUS(nsw_host_storage_describe(storage, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_host_storage_describe(NULL, &info), NSW_ERR_NULL);
    info.size = 4;
    CHECK_STATUS(nsw_host_storage_describe(storage, &info), NSW_ERR_STRUCT_SIZE);
    CHECK_STATUS(nsw_host_storage_append(NULL, store), NSW_ERR_NULL);
    CHECK_STATUS(nsw_host_storage_append(storage, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_host_storage_append(storage, other), NSW_ERR_CRDT_FOREIGN);
    CHECK_STATUS(nsw_host_storage_commit(NULL, store), NSW_ERR_NULL);
    CHECK_STATUS(nsw_host_storage_commit(storage, other), NSW_ERR_CRDT_FOREIGN);
    CHECK_STATUS(nsw_host_storage_snapshot(NULL, store), NSW_ERR_NULL);
    CHECK_STATUS(nsw_host_storage_snapshot(storage, other), NSW_ERR_CRDT_FOREIGN);
    CHECK_STATUS(nsw_host_storage_flush(NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_host_storage_flush((nsw_host_storage *)(void *)store), NSW_ERR_HANDLE);
    key set = open(store, NSW_STORE_ROOT, "set", NSW_STORE_ADD_WINS_SET);
    add(store, set, "x");
    CHECK_OK(nsw_host_storage_commit(storage, store));
    nsw_host_storage_destroy(storage);
    nsw_host_storage_destroy(NULL);
    CHECK_STATUS(nsw_host_storage_create(&cfg, NULL, &storage), NSW_ERR_CRDT_NOT_EMPTY);
    CHECK_SIZE(count_of(store, set), 1);
    bad = cfg;
    bad.store = other;
    CHECK_STATUS(nsw_host_storage_create(&bad, NULL, &storage), NSW_ERR_CRDT_FOREIGN);
    nsw_store_destroy(store);
    nsw_store_destroy(other);
    nsw_store_destroy(third);
}

/* Removes a folder of this test with its files. */
static void remove_folder(void) {
    static const char *const names[] = {"snapshot", "journal"};
    char lock[sizeof path + 8];
    for (unsigned i = 0; i < 200; i++) {
        for (size_t n = 0; n < COUNT_OF(names); n++) {
            (void)unlink(name(names[n], i));
        }
    }
    snprintf(lock, sizeof lock, "%s/lock", path);
    CHECK(unlink(lock) == 0);
    CHECK(rmdir(path) == 0);
}

int main(void) {
    REQUIRE(make_folder(folder, sizeof folder));
    snprintf(path, sizeof path, "%s/kept", folder);
    misuse();
    remove_folder();
    comes_back();
    damaged();
    remove_folder();
    CHECK(rmdir(folder) == 0);
    return check_report("host_storage");
}
