/*
 * Locks, leases and barriers on a log: two members that apply the same entries, and all that is
 * refused.
 */
#include "neural_swarm.h"

#include <stdlib.h>
#include <string.h>

#include "support.h"

#define SECOND UINT64_C(1000000)

typedef struct member {
    nsw_locks *locks;
    uint64_t now;
} member;

/* The log that both apply. */
static member members[2];
static uint64_t index_of_log;
/* Of each session, as its opening told. */
static uint64_t lives[64];

static nsw_lock_entry step_of(uint64_t session, uint64_t number, uint32_t action) {
    nsw_lock_entry entry = NSW_LOCK_ENTRY_INIT;
    entry.session = session;
    entry.life = action == NSW_LOCK_OPEN ? 0 : lives[session];
    entry.number = number;
    entry.action = action;
    return entry;
}

static void name_it(nsw_lock_entry *entry, const char *name) {
    entry->name = (const uint8_t *)name;
    entry->name_len = (uint32_t)strlen(name);
}

/* Proposed and committed: what it does at both, which is the same. */
static nsw_lock_result commit(const nsw_lock_entry *entry) {
    uint8_t bytes[NSW_LOCK_MOST_ENTRY];
    size_t len = 0;
    CHECK_OK(nsw_lock_entry_write(entry, bytes, sizeof bytes, &len));
    nsw_lock_result first = NSW_LOCK_RESULT_INIT, second = NSW_LOCK_RESULT_INIT;
    index_of_log++;
    CHECK_OK(nsw_locks_apply(members[0].locks, index_of_log, bytes, len, members[0].now, &first));
    CHECK_OK(nsw_locks_apply(members[1].locks, index_of_log, bytes, len, members[1].now, &second));
    CHECK(memcmp(&first, &second, sizeof first) == 0);
    return first;
}

static void open_session(uint64_t session, uint64_t number, uint64_t ttl_us) {
    nsw_lock_entry entry = step_of(session, number, NSW_LOCK_OPEN);
    entry.ttl_us = ttl_us;
    const nsw_lock_result opened = commit(&entry);
    CHECK(opened.outcome == NSW_LOCK_OPENED && opened.token == index_of_log);
    lives[session] = opened.token;
    CHECK(commit(&entry).outcome == NSW_LOCK_OLD);
}

static nsw_lock_result plain(uint64_t session, uint64_t number, uint32_t action) {
    const nsw_lock_entry entry = step_of(session, number, action);
    return commit(&entry);
}

static nsw_lock_result with_name(uint64_t session, uint64_t number, uint32_t action,
                                 const char *name) {
    nsw_lock_entry entry = step_of(session, number, action);
    name_it(&entry, name);
    entry.parties = 2;
    return commit(&entry);
}

static nsw_lock_claim holder(const char *name) {
    nsw_lock_claim claim = NSW_LOCK_CLAIM_INIT;
    CHECK_OK(nsw_locks_holder(members[0].locks, (const uint8_t *)name, strlen(name), &claim));
    CHECK(claim.name_len == strlen(name) && memcmp(claim.name, name, strlen(name)) == 0);
    return claim;
}

static nsw_locks_info info_of(const nsw_locks *locks) {
    nsw_locks_info info = NSW_LOCKS_INFO_INIT;
    CHECK_OK(nsw_locks_describe(locks, &info));
    return info;
}

static void it_is_a_lock(void) {
    nsw_lock_claim claim = NSW_LOCK_CLAIM_INIT;
    CHECK_STATUS(nsw_locks_holder(members[0].locks, (const uint8_t *)"arm", 3, &claim), NSW_DONE);
    open_session(7, 1, 5 * SECOND);
    open_session(8, 1, 9 * SECOND);
    nsw_lock_result got = with_name(7, 2, NSW_LOCK_ACQUIRE, "arm");
    const uint64_t token = index_of_log;
    CHECK(got.outcome == NSW_LOCK_GRANTED && got.token == token);
    nsw_lock_result held = with_name(8, 2, NSW_LOCK_TRY, "arm");
    CHECK(held.outcome == NSW_LOCK_HELD && held.session == 7 && held.token == token);
    nsw_lock_result waits = with_name(8, 3, NSW_LOCK_ACQUIRE, "arm");
    CHECK(waits.outcome == NSW_LOCK_WAITING && waits.count == 1);
    CHECK(with_name(8, 3, NSW_LOCK_ACQUIRE, "arm").outcome == NSW_LOCK_OLD);
    lives[9] = 1;
    CHECK(with_name(9, 1, NSW_LOCK_ACQUIRE, "arm").outcome == NSW_LOCK_NO_SESSION);
    CHECK(with_name(7, 3, NSW_LOCK_RELEASE, "leg").outcome == NSW_LOCK_NOT_HELD);
    claim = holder("arm");
    CHECK(claim.session == 7 && claim.token == token && claim.since == token);
    CHECK(claim.parties == 0);
    CHECK_OK(nsw_locks_claim(members[1].locks, 1, &claim));
    CHECK(claim.session == 8 && claim.token == 0 && claim.since == token + 2);
    CHECK_STATUS(nsw_locks_claim(members[1].locks, 2, &claim), NSW_DONE);

    nsw_lock_session session = NSW_LOCK_SESSION_INIT;
    CHECK_OK(nsw_locks_session(members[0].locks, 0, &session));
    CHECK(session.session == 7 && session.number == 3 && session.ttl_us == 5 * SECOND);
    CHECK(session.life == lives[7]);
    CHECK_STATUS(nsw_locks_session(members[0].locks, 2, &session), NSW_DONE);

    nsw_lock_entry back = step_of(7, 4, NSW_LOCK_RELEASE);
    name_it(&back, "arm");
    back.token = token;
    CHECK(commit(&back).outcome == NSW_LOCK_DONE);
    claim = holder("arm");
    CHECK(claim.session == 8 && claim.token == index_of_log);
}

/* The first member leads; session 8 is not heard of any more. */
static void a_lease_ends(void) {
    CHECK(with_name(7, 5, NSW_LOCK_ACQUIRE, "arm").outcome == NSW_LOCK_WAITING);
    CHECK_OK(nsw_locks_renew_all(members[0].locks, members[0].now));
    CHECK(info_of(members[0].locks).wake_us == members[0].now + 5 * SECOND);
    members[0].now += 4 * SECOND;
    CHECK(plain(7, 6, NSW_LOCK_RENEW).outcome == NSW_LOCK_DONE);
    members[0].now += 4 * SECOND;
    CHECK(plain(7, 7, NSW_LOCK_RENEW).outcome == NSW_LOCK_DONE);
    nsw_lock_entry end = NSW_LOCK_ENTRY_INIT;
    CHECK_STATUS(nsw_locks_expired(members[0].locks, members[0].now, &end), NSW_DONE);
    members[0].now += 2 * SECOND;
    CHECK_OK(nsw_locks_expired(members[0].locks, members[0].now, &end));
    CHECK(end.session == 8 && end.life == lives[8] && end.number == 3);
    CHECK(end.action == NSW_LOCK_EXPIRE && end.name == NULL);
    CHECK_STATUS(nsw_locks_expired(members[0].locks, members[0].now, &end), NSW_DONE);
    CHECK(commit(&end).outcome == NSW_LOCK_DONE);
    nsw_lock_claim claim = holder("arm");
    CHECK(claim.session == 7 && claim.token == index_of_log);
    CHECK(with_name(8, 9, NSW_LOCK_RELEASE, "arm").outcome == NSW_LOCK_NO_SESSION);
    CHECK(plain(8, 10, NSW_LOCK_RENEW).outcome == NSW_LOCK_NO_SESSION);
}

static void a_barrier_opens(void) {
    open_session(1, 1, SECOND);
    nsw_lock_result first = with_name(1, 2, NSW_LOCK_ARRIVE, "start");
    CHECK(first.outcome == NSW_LOCK_ARRIVED && first.count == 1);
    nsw_lock_entry three = step_of(7, 8, NSW_LOCK_ARRIVE);
    name_it(&three, "start");
    three.parties = 3;
    CHECK(commit(&three).outcome == NSW_LOCK_MISMATCH);
    CHECK(with_name(1, 3, NSW_LOCK_WITHDRAW, "start").outcome == NSW_LOCK_DONE);
    CHECK(with_name(1, 4, NSW_LOCK_ARRIVE, "start").outcome == NSW_LOCK_ARRIVED);
    CHECK(with_name(7, 9, NSW_LOCK_ARRIVE, "start").outcome == NSW_LOCK_PASSED);
}

static void a_snapshot_goes_on(void) {
    nsw_locks_info info = info_of(members[0].locks);
    CHECK(info.sessions == 2 && info.claims == 1 && info.applied == index_of_log);
    uint8_t saved[512];
    size_t len = 0;
    CHECK_STATUS(nsw_locks_save(members[0].locks, saved, info.saved_len - 1, &len),
                 NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_SIZE(len, info.saved_len);
    CHECK_OK(nsw_locks_save(members[0].locks, saved, sizeof saved, &len));
    CHECK_SIZE(len, info.saved_len);

    nsw_locks_config config = NSW_LOCKS_CONFIG_INIT;
    config.sessions = 1;
    nsw_locks *small = NULL;
    CHECK_OK(nsw_locks_create(&config, NULL, &small));
    CHECK_STATUS(nsw_locks_load(small, saved, len, 0), NSW_ERR_INVALID);
    CHECK_SIZE(info_of(small).applied, 0);
    nsw_locks_destroy(small);

    /* What is refused changes nothing. */
    nsw_locks_destroy(members[1].locks);
    config.sessions = 0;
    CHECK_OK(nsw_locks_create(&config, NULL, &members[1].locks));
    CHECK_OK(nsw_locks_load(members[1].locks, saved, len, members[1].now));
    for (size_t part = 0; part < len; part++) {
        CHECK_STATUS(nsw_locks_load(members[1].locks, saved, part, 0), NSW_ERR_LOCK_FORMAT);
    }
    CHECK(info_of(members[1].locks).applied == index_of_log);
    open_session(2, 1, SECOND);
    CHECK(plain(7, 10, NSW_LOCK_CLOSE).outcome == NSW_LOCK_DONE);
    nsw_lock_claim claim = NSW_LOCK_CLAIM_INIT;
    CHECK_STATUS(nsw_locks_holder(members[1].locks, (const uint8_t *)"arm", 3, &claim), NSW_DONE);
}

static void entries_are_checked(void) {
    uint8_t bytes[NSW_LOCK_MOST_ENTRY];
    char long_name[NSW_LOCK_MOST_NAME + 2];
    size_t len = 0;
    memset(long_name, 'x', sizeof long_name);
    long_name[sizeof long_name - 1] = 0;
    nsw_lock_entry entry = step_of(1, 1, NSW_LOCK_EXPIRE + 1);
    entry.life = 0;
    CHECK_STATUS(nsw_lock_entry_write(&entry, bytes, sizeof bytes, &len), NSW_ERR_INVALID);
    entry.action = NSW_LOCK_OPEN;
    const uint64_t bad_ttls[] = {0, NSW_LOCK_LEAST_TTL_US - 1, NSW_LOCK_MOST_TTL_US + 1};
    for (size_t i = 0; i < sizeof bad_ttls / sizeof *bad_ttls; i++) {
        entry.ttl_us = bad_ttls[i];
        CHECK_STATUS(nsw_lock_entry_write(&entry, bytes, sizeof bytes, &len), NSW_ERR_INVALID);
    }
    entry.ttl_us = NSW_LOCK_LEAST_TTL_US;
    entry.reserved = 1;
    CHECK_STATUS(nsw_lock_entry_write(&entry, bytes, sizeof bytes, &len), NSW_ERR_INVALID);
    entry.reserved = 0;
    CHECK_STATUS(nsw_lock_entry_write(&entry, bytes, 33, &len), NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_SIZE(len, 34);
    CHECK_STATUS(nsw_lock_entry_write(NULL, bytes, sizeof bytes, &len), NSW_ERR_NULL);
    CHECK_STATUS(nsw_lock_entry_write(&entry, NULL, sizeof bytes, &len), NSW_ERR_NULL);
    CHECK_STATUS(nsw_lock_entry_write(&entry, (uint8_t *)&entry, sizeof entry, NULL),
                 NSW_ERR_INVALID);
    entry.number = 0;
    CHECK_STATUS(nsw_lock_entry_write(&entry, bytes, sizeof bytes, &len), NSW_ERR_INVALID);
    entry.number = 1;
    entry.size = 4;
    CHECK_STATUS(nsw_lock_entry_write(&entry, bytes, sizeof bytes, &len), NSW_ERR_STRUCT_SIZE);
    entry.size = sizeof entry;
    entry.life = 1;
    CHECK_STATUS(nsw_lock_entry_write(&entry, bytes, sizeof bytes, &len), NSW_ERR_INVALID);
    entry.action = NSW_LOCK_ARRIVE;
    name_it(&entry, "x");
    const uint32_t bad_parties[] = {0, 65536};
    for (size_t i = 0; i < 2; i++) {
        entry.parties = bad_parties[i];
        CHECK_STATUS(nsw_lock_entry_write(&entry, bytes, sizeof bytes, &len), NSW_ERR_INVALID);
    }
    entry.parties = 65535;
    const char *bad_names[] = {"", long_name};
    for (size_t i = 0; i < 2; i++) {
        name_it(&entry, bad_names[i]);
        CHECK_STATUS(nsw_lock_entry_write(&entry, bytes, sizeof bytes, &len), NSW_ERR_INVALID);
    }
    name_it(&entry, "x");
    entry.life = 0;
    CHECK_STATUS(nsw_lock_entry_write(&entry, bytes, sizeof bytes, &len), NSW_ERR_INVALID);
    entry.life = 1;
    name_it(&entry, long_name + 1);
    entry.action = NSW_LOCK_RELEASE;
    CHECK_OK(nsw_lock_entry_write(&entry, bytes, sizeof bytes, &len));
    CHECK_SIZE(len, NSW_LOCK_MOST_ENTRY);
    entry.name = NULL;
    CHECK_STATUS(nsw_lock_entry_write(&entry, bytes, sizeof bytes, NULL), NSW_ERR_NULL);

    /* There and back, each kind. */
    for (uint32_t action = NSW_LOCK_OPEN; action <= NSW_LOCK_EXPIRE; action++) {
        nsw_lock_entry there = step_of(3, 4, action), back = NSW_LOCK_ENTRY_INIT;
        there.life = action == NSW_LOCK_OPEN ? 0 : 9;
        there.ttl_us = 5 * SECOND;
        there.parties = 6;
        there.token = 7;
        name_it(&there, "name");
        CHECK_OK(nsw_lock_entry_write(&there, bytes, sizeof bytes, &len));
        CHECK_OK(nsw_lock_entry_read(bytes, len, &back));
        CHECK(back.action == action && back.session == 3 && back.number == 4);
        CHECK(back.life == there.life);
        CHECK(back.ttl_us == (action == NSW_LOCK_OPEN ? 5 * SECOND : 0));
        CHECK(back.parties == (action == NSW_LOCK_ARRIVE ? 6U : 0U));
        CHECK(back.token == (action == NSW_LOCK_RELEASE ? 7U : 0U));
        const bool named = action >= NSW_LOCK_TRY && action <= NSW_LOCK_WITHDRAW;
        CHECK(back.name_len == (named ? 4U : 0U));
        CHECK(!named || memcmp(back.name, "name", 4) == 0);
        CHECK_STATUS(nsw_lock_entry_read(bytes, 17, &back), NSW_ERR_LOCK_FORMAT);
        bytes[0] = 2;
        CHECK_STATUS(nsw_lock_entry_read(bytes, len, &back), NSW_ERR_LOCK_FORMAT);
    }
    nsw_lock_entry back = NSW_LOCK_ENTRY_INIT;
    CHECK_STATUS(nsw_lock_entry_read(NULL, 4, &back), NSW_ERR_NULL);
    CHECK_STATUS(nsw_lock_entry_read(bytes, len, NULL), NSW_ERR_NULL);
}

static void what_is_wrong_changes_nothing(void) {
    nsw_locks *locks = members[0].locks;
    const nsw_locks_info before = info_of(locks);
    uint8_t bytes[NSW_LOCK_MOST_ENTRY];
    size_t len = 0;
    nsw_lock_entry entry = step_of(60, 1, NSW_LOCK_OPEN);
    entry.ttl_us = SECOND;
    CHECK_OK(nsw_lock_entry_write(&entry, bytes, sizeof bytes, &len));
    nsw_lock_result result = NSW_LOCK_RESULT_INIT;
    CHECK_STATUS(nsw_locks_apply(locks, index_of_log, bytes, len, 0, &result), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_locks_apply(locks, index_of_log + 1, bytes, len - 1, 0, &result),
                 NSW_ERR_LOCK_FORMAT);
    CHECK_STATUS(nsw_locks_apply(locks, index_of_log + 1, NULL, len, 0, &result), NSW_ERR_NULL);
    result.size = 4;
    CHECK_STATUS(nsw_locks_apply(locks, index_of_log + 1, bytes, len, 0, &result),
                 NSW_ERR_STRUCT_SIZE);
    CHECK_STATUS(nsw_locks_apply(NULL, index_of_log + 1, bytes, len, 0, NULL), NSW_ERR_NULL);
    nsw_lock_claim claim = NSW_LOCK_CLAIM_INIT;
    nsw_lock_session session = NSW_LOCK_SESSION_INIT;
    nsw_locks_info info = NSW_LOCKS_INFO_INIT;
    CHECK_STATUS(nsw_locks_holder(locks, NULL, 3, &claim), NSW_ERR_NULL);
    CHECK_STATUS(nsw_locks_holder(locks, bytes, 3, NULL), NSW_ERR_NULL);
    claim.size = 4;
    CHECK_STATUS(nsw_locks_claim(locks, 0, &claim), NSW_ERR_STRUCT_SIZE);
    session.size = 4;
    CHECK_STATUS(nsw_locks_session(locks, 0, &session), NSW_ERR_STRUCT_SIZE);
    info.size = 4;
    CHECK_STATUS(nsw_locks_describe(locks, &info), NSW_ERR_STRUCT_SIZE);
    CHECK_STATUS(nsw_locks_expired(locks, UINT64_MAX, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_locks_renew_all(NULL, 0), NSW_ERR_NULL);
    CHECK_STATUS(nsw_locks_save(locks, NULL, 512, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_locks_load(locks, NULL, 5, 0), NSW_ERR_NULL);
    const nsw_locks_info after = info_of(locks);
    CHECK(memcmp(&before, &after, sizeof before) == 0);
    CHECK_OK(nsw_locks_apply(locks, index_of_log + 1, bytes, len, 0, NULL));
}

static void memory_is_one_block(void) {
    counting memory;
    counting_init(&memory);
    nsw_locks_config config = NSW_LOCKS_CONFIG_INIT;
    size_t size = 0, align = 0;
    CHECK_OK(nsw_locks_footprint(&config, &size, &align));
    nsw_locks *locks = NULL;
    CHECK_OK(nsw_locks_create(&config, &memory.hook, &locks));
    CHECK_SIZE(memory.calls, 1);
    CHECK_SIZE(memory.last_size, size);
    CHECK_SIZE(memory.last_align, align);
    nsw_locks_destroy(locks);
    memory.fail_at = 2;
    CHECK_STATUS(nsw_locks_create(&config, &memory.hook, &locks), NSW_ERR_OUT_OF_MEMORY);
    CHECK(locks == NULL);
    counting_finish(&memory);
    config.name = NSW_LOCK_MOST_NAME + 1;
    CHECK_STATUS(nsw_locks_footprint(&config, &size, &align), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_locks_create(&config, NULL, &locks), NSW_ERR_INVALID);
    config.name = 0;
    config.claims = 65536;
    CHECK_STATUS(nsw_locks_create(&config, NULL, &locks), NSW_ERR_INVALID);
}

int main(void) {
    nsw_locks_config config = NSW_LOCKS_CONFIG_INIT;
    for (size_t i = 0; i < 2; i++) {
        CHECK_OK(nsw_locks_create(&config, NULL, &members[i].locks));
        members[i].now = 1000 * i;
    }
    it_is_a_lock();
    a_lease_ends();
    a_barrier_opens();
    a_snapshot_goes_on();
    entries_are_checked();
    what_is_wrong_changes_nothing();
    memory_is_one_block();
    nsw_locks_destroy(members[0].locks);
    nsw_locks_destroy(members[1].locks);
    nsw_locks_destroy(NULL);
    return check_report("locks");
}
