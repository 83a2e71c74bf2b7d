/*
 * Raft nodes: what is out of range, out of order, damaged or nothing at all is refused and
 * changes nothing.
 */
#include "raft.h"

static nsw_raft *make(const nsw_raft_config *cfg) {
    nsw_raft *raft = NULL;
    REQUIRE_OK(nsw_raft_create(cfg, NULL, &raft));
    return raft;
}

static const nsw_raft_member ALONE[] = {NSW_RAFT_MEMBER(1, NSW_RAFT_VOTER)};

/* A node that is a group by itself, and leads. */
static nsw_raft *leading(uint64_t *now) {
    nsw_raft_config cfg = config_of(1);
    nsw_raft *raft = make(&cfg);
    CHECK_OK(nsw_raft_bootstrap(raft, ALONE, 1));
    CHECK_OK(nsw_raft_start(raft, 0));
    for (int i = 0; i < 3; i++) {
        nsw_raft_record record = NSW_RAFT_RECORD_INIT;
        CHECK_OK(nsw_raft_wake_at(raft, now));
        CHECK_OK(nsw_raft_tick(raft, *now));
        while (nsw_raft_next_record(raft, &record) == NSW_OK) {
            CHECK_OK(nsw_raft_durable(raft, record.number, *now));
        }
    }
    CHECK(info_of(raft).role == NSW_RAFT_LEADER);
    return raft;
}

static void configurations(void) {
    static const struct {
        size_t field;
        uint32_t value;
    } bad[] = {
#define BAD(field, value) {offsetof(nsw_raft_config, field), (value)}
        BAD(peers, NSW_RAFT_MAX_PEERS + 1), BAD(peers, NSW_RAFT_NONE), BAD(entries, 1),
        BAD(entries, (1u << 20) + 1),       BAD(bytes, 63),            BAD(bytes, (1u << 24) + 1),
        BAD(max_entry, (1u << 20) + 1),     BAD(message, 100),         BAD(chunk, 50),
        BAD(chunk, (1u << 24) + 1),         BAD(sessions, 1u << 20),   BAD(reads, (1u << 20) + 1),
        BAD(inflight, (1u << 20) + 1),      BAD(inflight, NSW_RAFT_NONE),
        BAD(forwards, (1u << 20) + 1),      BAD(lease_drift_ppm, 400000), BAD(priority, 256),
    };
    size_t size = 0, align = 0, least = 0;
    nsw_raft_config cfg = config_of(1);
    CHECK_OK(nsw_raft_footprint(&cfg, &size, &align));
    CHECK(size > 0 && align >= 8);
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        nsw_raft *raft = (nsw_raft *)&cfg;
        cfg = config_of(1);
        memcpy((uint8_t *)&cfg + bad[i].field, &bad[i].value, sizeof bad[i].value);
        CHECK_NOTE(nsw_raft_footprint(&cfg, &size, &align) == NSW_ERR_INVALID, "row %u",
                   (unsigned)i);
        CHECK_STATUS(nsw_raft_create(&cfg, NULL, &raft), NSW_ERR_INVALID);
        CHECK(raft == NULL);
    }
    cfg = config_of(0);
    CHECK_STATUS(nsw_raft_footprint(&cfg, &size, &align), NSW_ERR_INVALID);
    cfg = config_of(1);
    cfg.election_us = 3600000001u;
    CHECK_STATUS(nsw_raft_footprint(&cfg, &size, &align), NSW_ERR_INVALID);
    cfg.election_us = 100000, cfg.heartbeat_us = 50001;
    CHECK_STATUS(nsw_raft_footprint(&cfg, &size, &align), NSW_ERR_INVALID);
    cfg.heartbeat_us = 50000, cfg.lease_drift_ppm = 1, cfg.no_check_quorum = 1;
    CHECK_STATUS(nsw_raft_footprint(&cfg, &size, &align), NSW_ERR_INVALID);
    cfg.no_check_quorum = 0;
    CHECK_OK(nsw_raft_footprint(&cfg, &size, &align));

    /* The least that a message may be. */
    CHECK_OK(nsw_raft_least_message(&cfg, &least));
    CHECK(least > 64 && least <= 1024);
    cfg.message = (uint32_t)least;
    CHECK_OK(nsw_raft_footprint(&cfg, &size, &align));
    cfg.message--;
    CHECK_STATUS(nsw_raft_footprint(&cfg, &size, &align), NSW_ERR_INVALID);
    cfg.priority = 1000;
    CHECK_STATUS(nsw_raft_least_message(&cfg, &least), NSW_ERR_INVALID);
    CHECK_SIZE(least, 0);

    /* An older caller, who knows `size`, `peers` and `id`, has the defaults for the rest. */
    nsw_raft_config old = NSW_RAFT_CONFIG_INIT, all = NSW_RAFT_CONFIG_INIT;
    size_t whole = 0;
    old.id = all.id = 1;
    CHECK_OK(nsw_raft_footprint(&all, &whole, &align));
    old.size = offsetof(nsw_raft_config, seed);
    old.entries = 1;
    CHECK_OK(nsw_raft_footprint(&old, &size, &align));
    CHECK_SIZE(size, whole);
    old.size--;
    CHECK_STATUS(nsw_raft_footprint(&old, &size, &align), NSW_ERR_STRUCT_SIZE);

    /* None of what is not needed takes less. */
    all.chunk = all.sessions = all.reads = all.forwards = NSW_RAFT_NONE;
    CHECK_OK(nsw_raft_footprint(&all, &size, &align));
    CHECK(size < whole);
    nsw_raft *raft = make(&all);
    CHECK_STATUS(nsw_raft_read(raft, 1, 0), NSW_ERR_RAFT_STATE);
    nsw_raft_destroy(raft);
}

static void before_the_start(void) {
    nsw_raft_config cfg = config_of(1);
    nsw_raft *raft = make(&cfg);
    uint8_t byte = 0;
    CHECK_STATUS(nsw_raft_tick(raft, 1), NSW_ERR_RAFT_STATE);
    CHECK_STATUS(nsw_raft_step(raft, 2, &byte, 1, 1), NSW_ERR_RAFT_STATE);
    CHECK_STATUS(nsw_raft_propose(raft, &byte, 1, 0, 0, 1, NULL), NSW_ERR_RAFT_STATE);
    CHECK_STATUS(nsw_raft_compact(raft, 1), NSW_ERR_RAFT_STATE);
    CHECK_STATUS(nsw_raft_durable(raft, 0, 1), NSW_ERR_RAFT_STATE);

    nsw_raft_member two[] = {NSW_RAFT_MEMBER(1, NSW_RAFT_VOTER),
                             NSW_RAFT_MEMBER(1, NSW_RAFT_VOTER)};
    CHECK_STATUS(nsw_raft_bootstrap(raft, two, 2), NSW_ERR_INVALID);
    two[1].id = 0;
    CHECK_STATUS(nsw_raft_bootstrap(raft, two, 2), NSW_ERR_INVALID);
    two[1].id = 2, two[1].kind = 4;
    CHECK_STATUS(nsw_raft_bootstrap(raft, two, 2), NSW_ERR_INVALID);
    two[1].kind = NSW_RAFT_NO_MEMBER;
    CHECK_STATUS(nsw_raft_bootstrap(raft, two, 2), NSW_ERR_INVALID);
    two[1].size--;
    CHECK_STATUS(nsw_raft_bootstrap(raft, two, 2), NSW_ERR_STRUCT_SIZE);
    two[0].kind = NSW_RAFT_WITNESS;
    CHECK_STATUS(nsw_raft_bootstrap(raft, two, 1), NSW_ERR_RAFT_MEMBER);
    CHECK_STATUS(nsw_raft_bootstrap(raft, NULL, 0), NSW_ERR_RAFT_MEMBER);
    CHECK_STATUS(nsw_raft_bootstrap(raft, NULL, 1), NSW_ERR_NULL);
    CHECK(info_of(raft).last == 0 && info_of(raft).term == 0);
    CHECK_OK(nsw_raft_bootstrap(raft, ALONE, 1));
    CHECK_STATUS(nsw_raft_bootstrap(raft, ALONE, 1), NSW_ERR_RAFT_STATE);
    CHECK_OK(nsw_raft_start(raft, 1));
    CHECK_STATUS(nsw_raft_start(raft, 1), NSW_ERR_RAFT_STATE);
    CHECK_STATUS(nsw_raft_bootstrap(raft, ALONE, 1), NSW_ERR_RAFT_STATE);
    nsw_raft_record record = NSW_RAFT_RECORD_INIT;
    record.kind = NSW_RAFT_RECORD_COMMIT;
    CHECK_STATUS(nsw_raft_restore(raft, &record), NSW_ERR_RAFT_STATE);
    nsw_raft_destroy(raft);
}

static nsw_raft_record entry(uint64_t index, uint64_t term, const char *data) {
    nsw_raft_record record = NSW_RAFT_RECORD_INIT;
    record.kind = NSW_RAFT_RECORD_ENTRY;
    record.entry_kind = NSW_RAFT_ENTRY_DATA;
    record.index = index, record.term = term;
    record.data = text(data), record.data_len = strlen(data);
    return record;
}

static void restoring(void) {
    nsw_raft_config cfg = config_of(1);
    nsw_raft *raft = make(&cfg);
    nsw_raft_record record = NSW_RAFT_RECORD_INIT, good;
    CHECK_STATUS(nsw_raft_restore(raft, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_raft_restore(raft, &record), NSW_ERR_RAFT_FORMAT);
    record.kind = 5;
    CHECK_STATUS(nsw_raft_restore(raft, &record), NSW_ERR_RAFT_FORMAT);
    record.size--;
    CHECK_STATUS(nsw_raft_restore(raft, &record), NSW_ERR_STRUCT_SIZE);
    record = (nsw_raft_record)NSW_RAFT_RECORD_INIT;
    record.kind = NSW_RAFT_RECORD_STATE, record.term = 3, record.vote = 2;
    CHECK_OK(nsw_raft_restore(raft, &record));
    CHECK(info_of(raft).term == 3 && info_of(raft).vote == 2);
    good = entry(1, 2, "abc");
    record = good, record.reserved = 1;
    CHECK_STATUS(nsw_raft_restore(raft, &record), NSW_ERR_RAFT_FORMAT);
    record = good, record.entry_kind = 6;
    CHECK_STATUS(nsw_raft_restore(raft, &record), NSW_ERR_RAFT_FORMAT);
    record.entry_kind = 256 + NSW_RAFT_ENTRY_DATA;
    CHECK_STATUS(nsw_raft_restore(raft, &record), NSW_ERR_RAFT_FORMAT);
    record.entry_kind = NSW_RAFT_ENTRY_EMPTY;
    CHECK_STATUS(nsw_raft_restore(raft, &record), NSW_ERR_RAFT_FORMAT);
    record = good, record.data_len = 5000;
    static const uint8_t many[5000];
    record.data = many;
    CHECK_STATUS(nsw_raft_restore(raft, &record), NSW_ERR_RAFT_FORMAT);
    record.data = NULL;
    CHECK_STATUS(nsw_raft_restore(raft, &record), NSW_ERR_NULL);
    CHECK(info_of(raft).last == 0);
    CHECK_OK(nsw_raft_restore(raft, &good));
    /* One is missing: the node halts sooner than go on without it. */
    record = entry(3, 3, "d");
    CHECK_STATUS(nsw_raft_restore(raft, &record), NSW_ERR_RAFT_LOST);
    CHECK(info_of(raft).halted == 1);
    CHECK_STATUS(nsw_raft_restore(raft, &good), NSW_ERR_RAFT_HALTED);
    CHECK_STATUS(nsw_raft_start(raft, 1), NSW_ERR_RAFT_HALTED);
    nsw_raft_destroy(raft);

    /* The application has more than the log. */
    raft = make(&cfg);
    record = (nsw_raft_record)NSW_RAFT_RECORD_INIT;
    record.kind = NSW_RAFT_RECORD_STATE, record.term = 3;
    CHECK_OK(nsw_raft_restore(raft, &record));
    CHECK_OK(nsw_raft_restore(raft, &good));
    CHECK_STATUS(nsw_raft_applied(raft, 2), NSW_ERR_RAFT_LOST);
    CHECK_STATUS(nsw_raft_start(raft, 1), NSW_ERR_RAFT_HALTED);
    nsw_raft_destroy(raft);
}

static void outputs(void) {
    uint64_t now = 0, to = 77;
    nsw_raft *raft = leading(&now);
    uint8_t out[1024];
    size_t len = 77;
    /* What is too small or nothing at all loses nothing. */
    nsw_raft_record record = NSW_RAFT_RECORD_INIT;
    nsw_raft_entry entry = NSW_RAFT_ENTRY_INIT;
    nsw_raft_event event = NSW_RAFT_EVENT_INIT;
    nsw_raft_fetch fetch = NSW_RAFT_FETCH_INIT;
    nsw_raft_chunk_wanted wanted = NSW_RAFT_CHUNK_WANTED_INIT;
    nsw_raft_snapshot_write write = NSW_RAFT_SNAPSHOT_WRITE_INIT;
    nsw_raft_peer peer = NSW_RAFT_PEER_INIT;
    nsw_raft_info info = NSW_RAFT_INFO_INIT;
    CHECK_OK(nsw_raft_propose(raft, text("once"), 4, 0, 0, now, NULL));
    record.size--, entry.size--, event.size--, fetch.size--, wanted.size--, write.size--;
    peer.size = 8, info.size = 8;
    CHECK_STATUS(nsw_raft_next_record(raft, &record), NSW_ERR_STRUCT_SIZE);
    CHECK_STATUS(nsw_raft_next_committed(raft, &entry), NSW_ERR_STRUCT_SIZE);
    CHECK_STATUS(nsw_raft_next_event(raft, &event), NSW_ERR_STRUCT_SIZE);
    CHECK_STATUS(nsw_raft_next_fetch(raft, &fetch), NSW_ERR_STRUCT_SIZE);
    CHECK_STATUS(nsw_raft_next_chunk(raft, &wanted), NSW_ERR_STRUCT_SIZE);
    CHECK_STATUS(nsw_raft_next_snapshot_write(raft, &write), NSW_ERR_STRUCT_SIZE);
    CHECK_STATUS(nsw_raft_member_at(raft, 0, &peer), NSW_ERR_STRUCT_SIZE);
    CHECK_STATUS(nsw_raft_describe(raft, &info), NSW_ERR_STRUCT_SIZE);
    CHECK_STATUS(nsw_raft_chunk(raft, &wanted, 0, NULL, 0, out, sizeof out, &len),
                 NSW_ERR_STRUCT_SIZE);
    CHECK_STATUS(nsw_raft_chunk_failed(raft, &wanted), NSW_ERR_STRUCT_SIZE);
    CHECK_STATUS(nsw_raft_fetched(raft, &record), NSW_ERR_STRUCT_SIZE);
    CHECK_STATUS(nsw_raft_next_record(raft, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_raft_next_committed(raft, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_raft_next_event(raft, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_raft_next_fetch(raft, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_raft_next_chunk(raft, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_raft_next_snapshot_write(raft, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_raft_member_at(raft, 0, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_raft_wake_at(raft, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_raft_describe(raft, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_raft_fetched(raft, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_raft_chunk_failed(raft, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_raft_next_message(raft, out, sizeof out, &len, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_raft_next_message(raft, NULL, 1024, &len, &to), NSW_ERR_NULL);
    CHECK_STATUS(nsw_raft_next_message(raft, out, 1023, &len, &to), NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_SIZE(len, 1024);
    CHECK_STATUS(nsw_raft_next_message(raft, out, sizeof out, &len, &to), NSW_DONE);
    CHECK(len == 0 && to == 0);
    CHECK_STATUS(nsw_raft_step(raft, 2, NULL, 4, now), NSW_ERR_NULL);
    CHECK_STATUS(nsw_raft_propose(raft, NULL, 4, 0, 0, now, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_raft_change_members(raft, NULL, 1, now), NSW_ERR_NULL);

    record.size++, entry.size++;
    CHECK_OK(nsw_raft_next_record(raft, &record));
    CHECK(record.kind == NSW_RAFT_RECORD_ENTRY && record.data_len == 4);
    CHECK(memcmp(record.data, "once", 4) == 0);
    CHECK_STATUS(nsw_raft_durable(raft, record.number + 1, now), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_raft_applied(raft, 100), NSW_ERR_INVALID);
    CHECK_OK(nsw_raft_durable(raft, record.number, now));
    uint64_t before = 0;
    while (nsw_raft_next_committed(raft, &entry) == NSW_OK) {
        CHECK(entry.index == before + 1);
        before = entry.index;
    }
    CHECK(before == record.index && entry.data_len == 4 && memcmp(entry.data, "once", 4) == 0);

    /* What was not asked for. */
    record.kind = NSW_RAFT_RECORD_ENTRY, record.data = out, record.data_len = 1;
    CHECK(nsw_raft_fetched(raft, &record) != NSW_OK);
    CHECK_OK(nsw_raft_fetch_failed(raft, 1));
    wanted.size++;
    CHECK_OK(nsw_raft_chunk_failed(raft, &wanted));
    CHECK_STATUS(nsw_raft_snapshot_written(raft, 1, now), NSW_ERR_RAFT_STATE);
    CHECK_STATUS(nsw_raft_chunk(raft, &wanted, 1, out, 1, out, sizeof out, &len),
                 NSW_ERR_INVALID);
    CHECK(info_of(raft).halted == 0);
    nsw_raft_destroy(raft);
}

static void messages(void) {
    uint64_t now = 0;
    nsw_raft *raft = leading(&now);
    uint8_t bytes[200] = {0};
    CHECK_STATUS(nsw_raft_step(raft, 2, NULL, 0, now), NSW_ERR_RAFT_FORMAT);
    nsw_raft_info was = info_of(raft);
    uint32_t random = 1;
    for (int i = 0; i < 20000; i++) {
        for (size_t j = 0; j < sizeof bytes; j++) {
            random = random * 1664525u + 1013904223u;
            bytes[j] = (uint8_t)(random >> 24);
        }
        CHECK(nsw_raft_step(raft, 2, bytes, random % sizeof bytes, now) != NSW_OK);
    }
    nsw_raft_info is = info_of(raft);
    CHECK(memcmp(&was, &is, sizeof was) == 0);
    nsw_raft_destroy(raft);
}

static void asking(void) {
    uint64_t now = 0, index = 77;
    nsw_raft *raft = leading(&now);
    static const uint8_t data[65];
    CHECK_STATUS(nsw_raft_propose(raft, data, 65, 0, 0, now, &index), NSW_ERR_LENGTH);
    CHECK(index == 0);
    /* The log is full: nothing is lost, and it goes on when there is room. */
    size_t took = 0;
    nsw_status status;
    while ((status = nsw_raft_propose(raft, data, 64, 0, 0, now, &index)) == NSW_OK) {
        took++;
    }
    CHECK_STATUS(status, NSW_ERR_CAPACITY);
    CHECK(took > 8 && index == 0);
    for (uint64_t token = 0; token < 4; token++) {
        CHECK_OK(nsw_raft_read(raft, token, now));
    }
    CHECK_STATUS(nsw_raft_read(raft, 4, now), NSW_ERR_CAPACITY);
    nsw_raft_record record = NSW_RAFT_RECORD_INIT;
    nsw_raft_entry entry = NSW_RAFT_ENTRY_INIT;
    for (int turn = 0; turn < 3; turn++) {
        while (nsw_raft_next_record(raft, &record) == NSW_OK) {
            CHECK_OK(nsw_raft_durable(raft, record.number, now));
        }
        while (nsw_raft_next_committed(raft, &entry) == NSW_OK) {
            CHECK_OK(nsw_raft_applied(raft, entry.index));
        }
        status = nsw_raft_propose(raft, data, 64, 0, 0, now, &index);
    }
    CHECK_OK(status);
    nsw_raft_member change = NSW_RAFT_MEMBER(1, NSW_RAFT_NO_MEMBER);
    CHECK_STATUS(nsw_raft_change_members(raft, &change, 1, now), NSW_ERR_RAFT_MEMBER);
    change.id = 0, change.kind = NSW_RAFT_VOTER;
    CHECK_STATUS(nsw_raft_change_members(raft, &change, 1, now), NSW_ERR_INVALID);
    change.id = 2, change.kind = 9;
    CHECK_STATUS(nsw_raft_change_members(raft, &change, 1, now), NSW_ERR_INVALID);
    CHECK_OK(nsw_raft_change_members(raft, NULL, 0, now));
    CHECK_STATUS(nsw_raft_transfer(raft, 1, now), NSW_ERR_RAFT_MEMBER);
    CHECK_STATUS(nsw_raft_transfer(raft, 9, now), NSW_ERR_RAFT_MEMBER);
    nsw_raft_destroy(raft);

    /* Of one that knows nobody. */
    nsw_raft_config cfg = config_of(1);
    cfg.sessions = NSW_RAFT_NONE;
    raft = make(&cfg);
    CHECK_OK(nsw_raft_start(raft, 0));
    CHECK_STATUS(nsw_raft_propose(raft, data, 1, 0, 0, 1, &index), NSW_ERR_RAFT_NO_LEADER);
    CHECK_STATUS(nsw_raft_read(raft, 1, 1), NSW_ERR_RAFT_NO_LEADER);
    CHECK_STATUS(nsw_raft_transfer(raft, 1, 1), NSW_ERR_RAFT_NOT_LEADER);
    CHECK_STATUS(nsw_raft_change_members(raft, &change, 1, 1), NSW_ERR_RAFT_NOT_LEADER);
    nsw_raft_destroy(raft);
}

static void handles(void) {
    nsw_raft_config cfg = config_of(1);
    nsw_raft *raft = make(&cfg);
    uint8_t foreign[256] = {0};
    uint64_t wake = 77;
    CHECK_STATUS(nsw_raft_tick(NULL, 1), NSW_ERR_NULL);
    CHECK_STATUS(nsw_raft_wake_at(NULL, &wake), NSW_ERR_NULL);
    void *aligned = foreign + (64 - (uintptr_t)foreign % 64);
    CHECK_STATUS(nsw_raft_tick((nsw_raft *)aligned, 1), NSW_ERR_HANDLE);
    CHECK_STATUS(nsw_raft_tick((nsw_raft *)((uint8_t *)aligned + 1), 1), NSW_ERR_ALIGNMENT);
    CHECK(wake == 77);
    nsw_raft_destroy(NULL);
    nsw_raft_destroy(raft);

    /* Memory that the caller has, and too little of it. */
    counting memory;
    counting_init(&memory);
    raft = NULL;
    CHECK_OK(nsw_raft_create(&cfg, &memory.hook, &raft));
    CHECK_SIZE(memory.live, 1);
    nsw_raft_destroy(raft);
    CHECK_SIZE(memory.live, 0);
    memory.fail_at = memory.calls + 1;
    CHECK_STATUS(nsw_raft_create(&cfg, &memory.hook, &raft), NSW_ERR_OUT_OF_MEMORY);
    CHECK(raft == NULL);
    counting_finish(&memory);
}

int main(void) {
    configurations();
    before_the_start();
    restoring();
    outputs();
    messages();
    asking();
    handles();
    return check_report("raft_misuse");
}
