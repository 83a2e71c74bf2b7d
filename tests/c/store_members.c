/*
 * Who takes part in stores, and what is dropped when all have it.
 */
#include "store.h"

static uint64_t stable_of(const nsw_store *store, uint64_t replica) {
    uint64_t seq = 77;
    CHECK_OK(nsw_store_stable(store, replica, &seq));
    return seq;
}

int main(void) {
    nsw_store *a = make(1, NULL), *b = make(2, NULL);
    uint64_t replica = 77;
    CHECK_OK(nsw_store_member(a, 0, &replica));
    CHECK(replica == 1);
    CHECK_STATUS(nsw_store_member(a, 1, &replica), NSW_DONE);
    CHECK_OK(nsw_store_admit(a, 2));
    CHECK_OK(nsw_store_admit(b, 1));
    CHECK_OK(nsw_store_member(a, 1, &replica));
    CHECK(replica == 2);

    /* A removal is remembered until all have it. */
    key in_a = open(a, NSW_STORE_ROOT, "out", NSW_STORE_REMOVE_WINS_SET);
    key in_b = open(b, NSW_STORE_ROOT, "out", NSW_STORE_REMOVE_WINS_SET);
    add(a, in_a, "x");
    tell(a, b, BYTES);
    CHECK(removes(b, in_b, "x"));
    size_t count = 77;
    CHECK_OK(nsw_store_collect(b, &count));
    CHECK(count == 0 && usage_of(b).items == 1);
    tell(b, a, BYTES);
    tell(b, a, BYTES);
    CHECK(stable_of(b, 2) == 1 && stable_of(b, 1) == 1 && stable_of(b, 99) == 0);
    CHECK_OK(nsw_store_collect(b, &count));
    CHECK(count == 1 && usage_of(b).items == 0);
    CHECK_OK(nsw_store_collect(b, NULL));
    tell(b, a, BYTES);
    CHECK(usage_of(a).items == 0 && !contains(a, in_a, "x"));

    /* A replica leaves and is forgotten. */
    key count_a = open(a, NSW_STORE_ROOT, "count", NSW_STORE_COUNTER);
    key count_b = open(b, NSW_STORE_ROOT, "count", NSW_STORE_COUNTER);
    CHECK_OK(nsw_store_increment(b, count_b, 5));
    add(b, in_b, "theirs");
    tell(b, a, BYTES);
    frame late = state_of(b);
    CHECK_STATUS(nsw_store_adopt(a, 2, &count), NSW_ERR_CRDT_MEMBER);
    CHECK(count == 0);
    CHECK_STATUS(nsw_store_forget(a, 2), NSW_ERR_CRDT_MEMBER);
    CHECK_STATUS(nsw_store_retire(a, 1), NSW_ERR_CRDT_MEMBER);
    CHECK_STATUS(nsw_store_retire(a, 99), NSW_ERR_CRDT_MEMBER);
    CHECK_OK(nsw_store_retire(a, 2));
    CHECK_STATUS(nsw_store_forget(a, 2), NSW_ERR_CRDT_MEMBER);
    CHECK_OK(nsw_store_adopt(a, 2, &count));
    CHECK(count == 2);
    CHECK_OK(nsw_store_collect(a, NULL));
    CHECK_OK(nsw_store_forget(a, 2));
    uint32_t generation = 77;
    CHECK_OK(nsw_store_generation(a, &generation));
    CHECK(generation == 1 && usage_of(a).replicas == 1);
    int64_t total = 77;
    CHECK_OK(nsw_store_total(a, count_a, &total));
    CHECK(total == 5 && contains(a, in_a, "theirs"));
    CHECK_STATUS(nsw_store_merge(a, late.at, late.len, NOW, NULL), NSW_ERR_CRDT_GENERATION);

    CHECK_STATUS(nsw_store_member(a, 0, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_store_generation(a, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_store_stable(a, 1, NULL), NSW_ERR_NULL);
    uint64_t zeros[8] = {0};
    nsw_store *const none[] = {NULL, (nsw_store *)zeros};
    for (size_t i = 0; i < COUNT_OF(none); i++) {
        nsw_status status = i == 0 ? NSW_ERR_NULL : NSW_ERR_HANDLE;
        CHECK_STATUS(nsw_store_admit(none[i], 1), status);
        CHECK_STATUS(nsw_store_retire(none[i], 1), status);
        CHECK_STATUS(nsw_store_adopt(none[i], 1, &count), status);
        CHECK_STATUS(nsw_store_forget(none[i], 1), status);
        CHECK_STATUS(nsw_store_collect(none[i], &count), status);
        CHECK_STATUS(nsw_store_member(none[i], 0, &replica), status);
        CHECK_STATUS(nsw_store_generation(none[i], &generation), status);
        CHECK_STATUS(nsw_store_stable(none[i], 1, &replica), status);
    }
    for (uint64_t n = 2; n <= 8; n++) {
        CHECK_OK(nsw_store_admit(a, n));
    }
    CHECK_STATUS(nsw_store_admit(a, 9), NSW_ERR_CAPACITY);
    nsw_store_destroy(a);
    nsw_store_destroy(b);
    return check_report("store_members");
}
