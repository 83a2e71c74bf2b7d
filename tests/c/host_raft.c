/*
 * Raft nodes over files: what was durable comes back, what is torn is cut off, what is damaged is
 * refused; a node that was away gets a snapshot from files to files.
 */
#define _POSIX_C_SOURCE 200809L

#include <pthread.h>

#include "folder.h"
#include "raft.h"

static char folder[200];

typedef struct member {
    char path[sizeof folder + 16];
    nsw_raft_config cfg;
    nsw_raft *raft;
    nsw_host_raft *files;
    char state[STATE];
    uint64_t applied;
} member;

static member members[3];
static letter letters[QUEUE];
static size_t waiting;
static uint64_t now = 1000;

static nsw_host_raft_config kept_in(const char *path, uint64_t id) {
    nsw_host_raft_config cfg = NSW_HOST_RAFT_CONFIG_INIT;
    cfg.node = id;
    cfg.path = path;
    cfg.path_len = strlen(path);
    cfg.segment_bytes = 2000;
    return cfg;
}

static nsw_host_raft_info files_of(const nsw_host_raft *files) {
    nsw_host_raft_info info = NSW_HOST_RAFT_INFO_INIT;
    CHECK_OK(nsw_host_raft_describe(files, &info));
    return info;
}

static void take_snapshot(member *m, uint64_t index) {
    uint64_t len = 77;
    size_t read = 77;
    CHECK_OK(nsw_host_raft_snapshot_size(m->files, index, &len));
    REQUIRE(len < STATE);
    CHECK_OK(nsw_host_raft_snapshot_read(m->files, index, 0, (uint8_t *)m->state, STATE, &read));
    CHECK_SIZE(read, len);
    m->state[read] = 0;
    m->applied = index;
}

static void begin(member *m, uint64_t id) {
    static const nsw_raft_member first[] = {NSW_RAFT_MEMBER(1, NSW_RAFT_VOTER),
                                            NSW_RAFT_MEMBER(2, NSW_RAFT_VOTER),
                                            NSW_RAFT_MEMBER(3, NSW_RAFT_VOTER)};
    snprintf(m->path, sizeof m->path, "%s/%u", folder, (unsigned)id);
    m->cfg = config_of(id);
    m->state[0] = 0, m->applied = 0;
    nsw_host_raft_config files = kept_in(m->path, id);
    REQUIRE_OK(nsw_host_raft_create(&files, NULL, &m->files));
    REQUIRE_OK(nsw_raft_create(&m->cfg, NULL, &m->raft));
    REQUIRE_OK(nsw_host_raft_restore(m->files, m->raft));
    nsw_host_raft_info info = files_of(m->files);
    if (info.empty) {
        REQUIRE_OK(nsw_raft_bootstrap(m->raft, first, COUNT_OF(first)));
    }
    if (info.snapshot > 0) {
        take_snapshot(m, info.snapshot);
        CHECK_OK(nsw_raft_applied(m->raft, info.snapshot));
    }
    REQUIRE_OK(nsw_raft_start(m->raft, now));
}

static void stop(member *m) {
    nsw_raft_destroy(m->raft);
    nsw_host_raft_destroy(m->files);
    m->raft = NULL, m->files = NULL;
}

static letter *new_letter(uint64_t from) {
    REQUIRE(waiting < QUEUE);
    letters[waiting].from = from;
    return &letters[waiting];
}

/* What the node wants to be done. */
static void do_all(member *m) {
    nsw_status status;
    CHECK_OK(nsw_host_raft_serve(m->files, now, m->raft));
    for (letter *l = new_letter(m->cfg.id);
         (status = nsw_host_raft_next_chunk(m->files, m->raft, l->bytes, LONGEST, &l->len,
                                            &l->to)) == NSW_OK;
         l = new_letter(m->cfg.id)) {
        waiting++;
    }
    CHECK_STATUS(status, NSW_DONE);
    for (letter *l = new_letter(m->cfg.id);
         (status = nsw_raft_next_message(m->raft, l->bytes, LONGEST, &l->len, &l->to)) == NSW_OK;
         l = new_letter(m->cfg.id)) {
        waiting++;
    }
    CHECK_STATUS(status, NSW_DONE);
    nsw_raft_entry entry = NSW_RAFT_ENTRY_INIT;
    while ((status = nsw_raft_next_committed(m->raft, &entry)) == NSW_OK) {
        if (entry.kind == NSW_RAFT_ENTRY_SNAPSHOT) {
            take_snapshot(m, entry.index);
        } else {
            CHECK(entry.index == m->applied + 1);
            size_t had = strlen(m->state);
            if (entry.kind == NSW_RAFT_ENTRY_DATA) {
                REQUIRE(had + entry.data_len < STATE);
                memcpy(m->state + had, entry.data, entry.data_len);
                m->state[had + entry.data_len] = 0;
            }
            m->applied = entry.index;
        }
        CHECK_OK(nsw_raft_applied(m->raft, entry.index));
    }
    CHECK_STATUS(status, NSW_DONE);
    nsw_raft_event event = NSW_RAFT_EVENT_INIT;
    while (nsw_raft_next_event(m->raft, &event) == NSW_OK) {
    }
}

/* So many hundredths of a second. */
static void go_on(unsigned turns) {
    for (unsigned turn = 0; turn < turns; turn++, now += 10000) {
        for (size_t i = 0; i < COUNT_OF(members); i++) {
            if (members[i].raft != NULL) {
                CHECK_OK(nsw_raft_tick(members[i].raft, now));
                do_all(&members[i]);
            }
        }
        for (size_t at = 0; at < waiting; at++) {
            static letter l;
            l = letters[at];
            member *to = &members[l.to - 1];
            if (to->raft != NULL) {
                nsw_status status = nsw_raft_step(to->raft, l.from, l.bytes, l.len, now);
                CHECK(status == NSW_OK || status == NSW_ERR_RAFT_PEER);
                do_all(to);
            }
        }
        waiting = 0;
    }
}

static member *who_leads(void) {
    for (unsigned turn = 0; turn < 100; turn++) {
        for (size_t i = 0; i < COUNT_OF(members); i++) {
            member *m = &members[i];
            if (m->raft != NULL && info_of(m->raft).role == NSW_RAFT_LEADER) {
                return m;
            }
        }
        go_on(10);
    }
    REQUIRE(!"a leader");
    return NULL;
}

static void propose(const char *what) {
    member *m = who_leads();
    CHECK_OK(nsw_raft_propose(m->raft, text(what), strlen(what), 0, 0, now, NULL));
    go_on(5);
}

static void snapshot_of(member *m) {
    size_t len = strlen(m->state);
    CHECK_OK(nsw_host_raft_snapshot_begin(m->files, m->applied));
    CHECK_OK(nsw_host_raft_snapshot_write(m->files, text(m->state), len / 2));
    CHECK_OK(nsw_host_raft_snapshot_write(m->files, text(m->state) + len / 2, len - len / 2));
    CHECK_OK(nsw_host_raft_snapshot_end(m->files));
    CHECK_OK(nsw_raft_compact(m->raft, m->applied));
}

/* The newest segment of a member. */
static const char *newest(const member *m) {
    static char found[sizeof m->path + 32], path[sizeof m->path + 32];
    for (unsigned i = 1; i < 400; i++) {
        snprintf(path, sizeof path, "%s/segment-%u", m->path, i);
        if (access(path, F_OK) == 0) {
            memcpy(found, path, sizeof path);
        }
    }
    return found;
}

static void scribble(const char *file, const char *mode, long at) {
    FILE *open_file = fopen(file, mode);
    REQUIRE(open_file != NULL);
    CHECK(fseek(open_file, at, SEEK_SET) == 0);
    CHECK(fwrite("torn", 1, 4, open_file) == 4);
    CHECK(fclose(open_file) == 0);
}

static void a_group(void) {
    begin(&members[0], 1);
    begin(&members[1], 2);
    char expected[STATE] = "";
    for (unsigned turn = 0; turn < 60; turn++) {
        char what[64];
        snprintf(what, sizeof what, "entry %u of all that there are; ", turn);
        propose(what);
        strcat(expected, what);
        if (turn == 40) {
            /* Both leave, and come back with what they had. */
            stop(&members[0]);
            stop(&members[1]);
            scribble(newest(&members[0]), "ab", 0);
            begin(&members[0], 1);
            begin(&members[1], 2);
            CHECK(files_of(members[0].files).cut == 4 && files_of(members[1].files).cut == 0);
        }
    }
    go_on(20);
    CHECK(strcmp(members[0].state, expected) == 0 && strcmp(members[1].state, expected) == 0);
    /* Longer than what memory holds: a third gets it from files. */
    member *m = who_leads();
    CHECK(info_of(m->raft).first > 10 && files_of(m->files).first == 1);
    begin(&members[2], 3);
    go_on(300);
    CHECK(strcmp(members[2].state, expected) == 0);
    /* And by a snapshot. */
    stop(&members[2]);
    for (unsigned turn = 0; turn < 50; turn++) {
        propose("more; ");
        strcat(expected, "more; ");
    }
    go_on(20);
    uint64_t segments = files_of(members[0].files).segments;
    snapshot_of(&members[0]);
    snapshot_of(&members[1]);
    for (unsigned turn = 0; turn < 40; turn++) {
        propose("and more; ");
        strcat(expected, "and more; ");
    }
    go_on(20);
    CHECK(files_of(members[0].files).segments < segments);
    begin(&members[2], 3);
    go_on(300);
    CHECK(strcmp(members[2].state, expected) == 0);
    CHECK(files_of(members[2].files).snapshot > 60);
    for (size_t i = 0; i < COUNT_OF(members); i++) {
        stop(&members[i]);
    }
    begin(&members[2], 3);
    CHECK(files_of(members[2].files).snapshot > 60);
    stop(&members[2]);
}

static nsw_raft_record entry_of(uint64_t number, uint64_t index, const char *data) {
    nsw_raft_record record = NSW_RAFT_RECORD_INIT;
    record.kind = NSW_RAFT_RECORD_ENTRY;
    record.number = number, record.index = index, record.term = 1;
    record.entry_kind = NSW_RAFT_ENTRY_DATA;
    record.data = text(data), record.data_len = strlen(data);
    return record;
}

static void *flush_it(void *flush) {
    uint64_t number = 0;
    CHECK_OK(nsw_host_flush_run((nsw_host_flush *)flush, &number));
    CHECK(number == 2);
    return NULL;
}

/* Record by record, and by another thread. */
static void alone(void) {
    char path[sizeof folder + 16];
    snprintf(path, sizeof path, "%s/alone", folder);
    nsw_host_raft_config cfg = kept_in(path, 9);
    nsw_host_raft *files = NULL;
    nsw_host_flush *flush = NULL;
    size_t size = 0, align = 0;
    uint64_t number = 77;
    REQUIRE_OK(nsw_host_raft_create(&cfg, NULL, &files));
    CHECK(files_of(files).empty == 1 && files_of(files).first == 1 && files_of(files).last == 0);
    nsw_raft_record record = NSW_RAFT_RECORD_INIT;
    record.kind = NSW_RAFT_RECORD_STATE;
    record.number = 1, record.term = 1, record.vote = 9;
    CHECK_OK(nsw_host_raft_append(files, &record));
    /* A number that was given before would pass for durable. */
    CHECK_STATUS(nsw_host_raft_append(files, &record), NSW_ERR_INVALID);
    record.number = 0;
    CHECK_STATUS(nsw_host_raft_append(files, &record), NSW_ERR_INVALID);
    record = entry_of(2, 1, "the first");
    CHECK_OK(nsw_host_raft_append(files, &record));
    CHECK_OK(nsw_host_raft_durable(files, &number));
    CHECK(number == 0);
    CHECK_OK(nsw_host_flush_footprint(&size, &align));
    CHECK(size > 0 && align > 0);
    REQUIRE_OK(nsw_host_flush_create(files, NULL, &flush));
    record = entry_of(3, 2, "the second");
    pthread_t thread;
    REQUIRE(pthread_create(&thread, NULL, flush_it, flush) == 0);
    CHECK_OK(nsw_host_raft_append(files, &record));
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK_OK(nsw_host_flush_run(flush, &number));
    CHECK(number == 2);
    nsw_host_flush_destroy(flush);
    CHECK_OK(nsw_host_raft_durable(files, &number));
    CHECK(number == 2);
    CHECK_OK(nsw_host_raft_flush(files, &number));
    CHECK(number == 3);
    CHECK_OK(nsw_host_raft_flush(files, NULL));
    record = entry_of(3, 3, "none");
    CHECK_STATUS(nsw_host_raft_append(files, &record), NSW_ERR_INVALID);
    nsw_raft_config of_node = config_of(9);
    nsw_raft *another = NULL;
    REQUIRE_OK(nsw_raft_create(&of_node, NULL, &another));
    CHECK_STATUS(nsw_host_raft_restore(files, another), NSW_ERR_RAFT_STATE);
    nsw_raft_destroy(another);
    nsw_raft_record found = NSW_RAFT_RECORD_INIT;
    CHECK_OK(nsw_host_raft_entry(files, 2, &found));
    CHECK(found.index == 2 && found.term == 1 && found.kind == NSW_RAFT_RECORD_ENTRY);
    CHECK(found.data_len == 10 && memcmp(found.data, "the second", 10) == 0);
    CHECK_STATUS(nsw_host_raft_entry(files, 3, &found), NSW_ERR_INVALID);

    nsw_raft_snapshot_write write = NSW_RAFT_SNAPSHOT_WRITE_INIT;
    write.index = 7, write.total = 6, write.bytes = text("abc"), write.bytes_len = 3;
    CHECK_OK(nsw_host_raft_receive(files, &write));
    CHECK_STATUS(nsw_host_raft_snapshot_size(files, 7, &number), NSW_ERR_INVALID);
    write.offset = 3, write.bytes = text("def");
    CHECK_OK(nsw_host_raft_receive(files, &write));
    uint8_t out[10] = {0};
    size_t len = 77;
    CHECK_OK(nsw_host_raft_snapshot_read(files, 7, 2, out, sizeof out, &len));
    CHECK(len == 4 && memcmp(out, "cdef", 4) == 0);
    CHECK_STATUS(nsw_host_raft_receive(files, &write), NSW_ERR_RAFT_STATE);

    /* A record that cannot follow: nothing more is taken. */
    record = entry_of(4, 9, "none");
    CHECK_STATUS(nsw_host_raft_append(files, &record), NSW_ERR_RAFT_LOST);
    record = entry_of(4, 3, "none");
    CHECK_STATUS(nsw_host_raft_append(files, &record), NSW_ERR_RAFT_LOST);
    nsw_host_raft_destroy(files);
    REQUIRE_OK(nsw_host_raft_create(&cfg, NULL, &files));
    CHECK(files_of(files).last == 2 && files_of(files).empty == 0);
    nsw_host_raft_destroy(files);

    /* Damage. */
    member m;
    memcpy(m.path, path, sizeof path);
    scribble(newest(&m), "r+b", 110);
    CHECK_STATUS(nsw_host_raft_create(&cfg, NULL, &files), NSW_ERR_RAFT_LOST);
    CHECK(files == NULL);
}

static void misuse(void) {
    char path[sizeof folder + 16];
    snprintf(path, sizeof path, "%s/misuse", folder);
    nsw_host_raft_config cfg = kept_in(path, 9), bad;
    nsw_host_raft *files = NULL, *second = (nsw_host_raft *)(void *)&cfg;
    nsw_host_flush *flush = NULL;
    nsw_raft_config of_node = config_of(9);
    nsw_raft *raft = NULL;
    nsw_host_raft_info info = NSW_HOST_RAFT_INFO_INIT;
    nsw_raft_record record = NSW_RAFT_RECORD_INIT;
    nsw_raft_snapshot_write write = NSW_RAFT_SNAPSHOT_WRITE_INIT;
    size_t size = 0, align = 0, len = 77;
    uint64_t number = 77, to = 77;
    uint8_t out[2000];
    CHECK_OK(nsw_host_raft_footprint(&cfg, &size, &align));
    CHECK(size > 0 && align > 0);
    CHECK_STATUS(nsw_host_raft_footprint(NULL, &size, &align), NSW_ERR_NULL);
    CHECK_STATUS(nsw_host_flush_footprint(NULL, &align), NSW_ERR_NULL);
    CHECK_STATUS(nsw_host_raft_create(&cfg, NULL, NULL), NSW_ERR_NULL);
    bad = cfg, bad.path = NULL;
    CHECK_STATUS(nsw_host_raft_create(&bad, NULL, &second), NSW_ERR_NULL);
    CHECK(second == NULL);
    bad = cfg, bad.path_len = 0;
    CHECK_STATUS(nsw_host_raft_create(&bad, NULL, &second), NSW_ERR_INVALID);
    bad = cfg, bad.node = 0;
    CHECK_STATUS(nsw_host_raft_create(&bad, NULL, &second), NSW_ERR_INVALID);
    bad = cfg, bad.segment_bytes = 100;
    CHECK_STATUS(nsw_host_raft_create(&bad, NULL, &second), NSW_ERR_INVALID);
    bad = cfg, bad.reserved = 1;
    CHECK_STATUS(nsw_host_raft_create(&bad, NULL, &second), NSW_ERR_INVALID);
    bad = cfg, bad.size = 8;
    CHECK_STATUS(nsw_host_raft_create(&bad, NULL, &second), NSW_ERR_STRUCT_SIZE);
    bad = cfg, bad.path = "/no/such/folder/at/all", bad.path_len = strlen(bad.path);
    CHECK_STATUS(nsw_host_raft_create(&bad, NULL, &second), NSW_ERR_HOST_IO);
    REQUIRE_OK(nsw_host_raft_create(&cfg, NULL, &files));
    REQUIRE_OK(nsw_raft_create(&of_node, NULL, &raft));
    CHECK_STATUS(nsw_host_raft_create(&cfg, NULL, &second), NSW_ERR_BUSY);
    CHECK_STATUS(nsw_host_raft_describe(NULL, &info), NSW_ERR_NULL);
    info.size = 4;
    CHECK_STATUS(nsw_host_raft_describe(files, &info), NSW_ERR_STRUCT_SIZE);
    CHECK_STATUS(nsw_host_raft_restore(NULL, raft), NSW_ERR_NULL);
    CHECK_STATUS(nsw_host_raft_restore(files, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_host_raft_restore(files, (nsw_raft *)(void *)files), NSW_ERR_HANDLE);
    CHECK_OK(nsw_host_raft_restore(files, raft));
    CHECK_STATUS(nsw_host_raft_serve(files, 1, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_host_raft_write(NULL, 1, raft), NSW_ERR_NULL);
    CHECK_OK(nsw_raft_start(raft, 1));
    CHECK_STATUS(nsw_host_raft_write(files, 1, raft), NSW_DONE);
    nsw_raft *halted = NULL;
    REQUIRE_OK(nsw_raft_create(&of_node, NULL, &halted));
    CHECK_OK(nsw_raft_storage_failed(halted));
    CHECK_STATUS(nsw_host_raft_write(files, 1, halted), NSW_ERR_RAFT_HALTED);
    CHECK_STATUS(nsw_host_raft_serve(files, 1, halted), NSW_ERR_RAFT_HALTED);
    nsw_raft_destroy(halted);
    CHECK_STATUS(nsw_host_raft_next_chunk(files, raft, out, 10, &len, &to),
                 NSW_ERR_BUFFER_TOO_SMALL);
    CHECK(len == of_node.message && to == 0);
    CHECK_STATUS(nsw_host_raft_next_chunk(files, raft, out, sizeof out, &len, NULL),
                 NSW_ERR_NULL);
    CHECK_STATUS(nsw_host_raft_next_chunk(files, raft, out, sizeof out, &len, &to), NSW_DONE);
    CHECK(len == 0 && to == 0);
    CHECK_STATUS(nsw_host_raft_append(files, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_host_raft_append(files, &record), NSW_ERR_RAFT_FORMAT);
    CHECK_STATUS(nsw_host_raft_flush(NULL, &number), NSW_ERR_NULL);
    CHECK_STATUS(nsw_host_raft_durable(files, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_host_raft_entry(files, 1, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_host_raft_entry(files, 0, &record), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_host_raft_snapshot_begin(files, 1), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_host_raft_snapshot_write(files, out, 1), NSW_ERR_RAFT_STATE);
    CHECK_STATUS(nsw_host_raft_snapshot_write(files, NULL, 1), NSW_ERR_NULL);
    CHECK_STATUS(nsw_host_raft_snapshot_end(files), NSW_ERR_RAFT_STATE);
    CHECK_STATUS(nsw_host_raft_snapshot_size(files, 1, &number), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_host_raft_snapshot_read(files, 1, 0, out, 1, &len), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_host_raft_snapshot_read(files, 1, 0, out, 1, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_host_raft_receive(files, NULL), NSW_ERR_NULL);
    write.offset = 5;
    CHECK_STATUS(nsw_host_raft_receive(files, &write), NSW_ERR_RAFT_STATE);
    CHECK_STATUS(nsw_host_flush_create(NULL, NULL, &flush), NSW_ERR_NULL);
    CHECK_OK(nsw_host_flush_create(files, NULL, &flush));
    CHECK_OK(nsw_host_flush_run(flush, NULL));
    CHECK_STATUS(nsw_host_flush_run(NULL, NULL), NSW_ERR_NULL);
    nsw_host_raft_destroy(files);
    nsw_host_flush_destroy(flush);
    nsw_host_flush_destroy(NULL);
    nsw_host_raft_destroy(NULL);
    nsw_raft_destroy(raft);
    bad = cfg, bad.node = 10;
    CHECK_STATUS(nsw_host_raft_create(&bad, NULL, &second), NSW_ERR_HOST_FILE);

    /* Without snapshots. */
    snprintf(path, sizeof path, "%s/witness", folder);
    cfg.no_snapshots = 1, cfg.no_sync = 1, cfg.segment_bytes = 0;
    cfg.path_len = strlen(path);
    REQUIRE_OK(nsw_host_raft_create(&cfg, NULL, &files));
    CHECK_STATUS(nsw_host_raft_snapshot_begin(files, 1), NSW_ERR_RAFT_STATE);
    CHECK_STATUS(nsw_host_raft_receive(files, &write), NSW_ERR_RAFT_STATE);
    nsw_host_raft_destroy(files);
}

static void remove_folder(void) {
    static const char *const folders[] = {"1", "2", "3", "alone", "misuse", "witness"};
    static const char *const names[] = {"segment", "snapshot"};
    static char path[sizeof folder + 64];
    for (size_t f = 0; f < COUNT_OF(folders); f++) {
        for (unsigned i = 1; i < 400; i++) {
            for (size_t n = 0; n < COUNT_OF(names); n++) {
                snprintf(path, sizeof path, "%s/%s/%s-%u", folder, folders[f], names[n], i);
                (void)unlink(path);
            }
        }
        snprintf(path, sizeof path, "%s/%s/newest", folder, folders[f]);
        (void)unlink(path);
        snprintf(path, sizeof path, "%s/%s/lock", folder, folders[f]);
        (void)unlink(path);
        snprintf(path, sizeof path, "%s/%s", folder, folders[f]);
        CHECK(rmdir(path) == 0);
    }
    CHECK(rmdir(folder) == 0);
}

int main(void) {
    REQUIRE(make_folder(folder, sizeof folder));
    a_group();
    alone();
    misuse();
    remove_folder();
    return check_report("host_raft");
}
