/* Three Raft nodes in one microcontroller, each with its own memory, and a flash memory and a network
 * between them that are arrays. They elect a leader, agree, lose the leader, agree without it, have it back,
 * lose messages, give snapshots to who was away for long, and change who takes part.
 *
 * With ALL_PARTS by all that the library has of Raft, else by what it has without the features raft-*; then
 * nothing keeps a proposal from being appended twice, but the application, which numbers them.
 *
 * What it costs comes out through the debugger. */
#include "measure.h"
#include "must.h"
#include "neural_swarm.h"
#include "semihost.h"
#include "serial.h"

#ifdef ALL
enum { ALL_PARTS = 1 };
#define TELL(name, value) tell("raft_all_" name, value)
#else
enum { ALL_PARTS = 0 };
#define TELL(name, value) tell("raft_" name, value)
#endif

enum {
    NODES = 3,
    ENTRY = 64,    /* bytes of a proposal */
    WINDOW = 64,   /* entries in memory */
    LONG = 80,     /* entries behind a snapshot, where those that have left memory can be read again */
    KEPT = 96,     /* entries in the flash memory */
    TURN = 4,      /* entries of which the application's state is made */
    MESSAGE = 512,
    QUEUE = 16,
    STEP_US = 5000 /* a turn of the clock */
};

/* What the application is: the last proposals, and how many there were. */
struct state {
    uint8_t last[TURN][ENTRY];
    uint32_t count;
    uint32_t sum;
};

struct kept_entry {
    uint64_t index, term;
    uint32_t kind;
    uint32_t len;
    uint8_t data[ENTRY + 16];
};

/* What a node has in its flash memory. */
struct flash {
    uint64_t term, vote, commit, last;
    uint64_t snapshot, snapshot_term;
    uint8_t members[64], sessions[64];
    size_t members_len, sessions_len;
    struct kept_entry entries[KEPT];
    struct state saved;   /* of the snapshot */
    uint64_t saved_index; /* which one that is */
    struct state arriving;
    uint64_t arrived;
};

struct node {
    uint64_t id;
    nsw_raft *raft; /* NULL: it is off */
    nsw_arena *arena;
    struct state state;
    uint64_t applied;
    int away; /* no message comes through */
    uint8_t memory[8192] __attribute__((aligned(8)));
    struct flash flash;
};

struct letter {
    uint64_t from, to;
    size_t len;
    uint8_t bytes[MESSAGE];
};

static struct node nodes[NODES];
static struct letter queue[QUEUE];
static size_t queued;
static uint64_t now_us;
static uint32_t every; /* each message of this number is lost; 0: none */
static struct {
    uint32_t sent, lost, elections, crashes, snapshots, fetched, reads, changes, committed, forwarded, twice;
} counts;

static void copy(uint8_t *to, const uint8_t *from, size_t len)
{
    while (len-- > 0)
        *to++ = *from++;
}

static int same(const uint8_t *a, const uint8_t *b, size_t len)
{
    while (len > 0 && *a == *b)
        a++, b++, len--;
    return len == 0;
}

/* ---- The flash memory ------------------------------------------------------- */

static struct kept_entry *place_of(struct flash *flash, uint64_t index)
{
    return &flash->entries[(uint32_t)index % KEPT];
}

static void keep(struct flash *flash, const nsw_raft_record *record)
{
    struct kept_entry *place;
    switch (record->kind) {
    case NSW_RAFT_RECORD_STATE:
        flash->term = record->term;
        flash->vote = record->vote;
        break;
    case NSW_RAFT_RECORD_ENTRY:
        place = place_of(flash, record->index);
        EXPECT(record->data_len <= sizeof place->data);
        place->index = record->index;
        place->term = record->term;
        place->kind = record->entry_kind;
        place->len = (uint32_t)record->data_len;
        copy(place->data, record->data, record->data_len);
        flash->last = record->index;
        break;
    case NSW_RAFT_RECORD_COMMIT:
        flash->commit = record->index;
        break;
    default:
        EXPECT(record->data_len <= sizeof flash->members);
        EXPECT(record->sessions_len <= sizeof flash->sessions);
        flash->snapshot = record->index;
        flash->snapshot_term = record->term;
        flash->members_len = record->data_len;
        flash->sessions_len = record->sessions_len;
        copy(flash->members, record->data, record->data_len);
        copy(flash->sessions, record->sessions, record->sessions_len);
        if (flash->arrived == record->index) {
            flash->saved = flash->arriving;
            flash->saved_index = flash->arrived;
            flash->arrived = 0;
        }
        place = place_of(flash, record->index);
        if (place->index != record->index || place->term != record->term)
            flash->last = record->index; /* it takes the place of all entries */
    }
}

static nsw_raft_record record_of(const struct kept_entry *kept)
{
    nsw_raft_record record = NSW_RAFT_RECORD_INIT;
    record.kind = NSW_RAFT_RECORD_ENTRY;
    record.index = kept->index;
    record.term = kept->term;
    record.entry_kind = kept->kind;
    record.data = kept->data;
    record.data_len = kept->len;
    return record;
}

/* Gives a node back what it had, in an order in which it could have been written. */
static void restore(struct node *node)
{
    struct flash *flash = &node->flash;
    nsw_raft_record record = NSW_RAFT_RECORD_INIT;
    uint64_t index = 1;
    record.kind = NSW_RAFT_RECORD_STATE;
    record.term = flash->term;
    record.vote = flash->vote;
    MUST(nsw_raft_restore(node->raft, &record));
    if (flash->snapshot > 0) {
        record.kind = NSW_RAFT_RECORD_SNAPSHOT;
        record.index = flash->snapshot;
        record.term = flash->snapshot_term;
        record.data = flash->members;
        record.data_len = flash->members_len;
        record.sessions = flash->sessions;
        record.sessions_len = flash->sessions_len;
        MUST(nsw_raft_restore(node->raft, &record));
        index = flash->snapshot + 1;
    }
    for (; index <= flash->last; index++) {
        EXPECT(place_of(flash, index)->index == index);
        record = record_of(place_of(flash, index));
        MUST(nsw_raft_restore(node->raft, &record));
        if (index == flash->commit) {
            record.kind = NSW_RAFT_RECORD_COMMIT;
            MUST(nsw_raft_restore(node->raft, &record));
        }
    }
    node->state = flash->saved;
    node->applied = flash->saved_index;
    MUST(nsw_raft_applied(node->raft, node->applied));
}

/* ---- A node ----------------------------------------------------------------- */

static nsw_raft_config config_of(uint64_t id)
{
    nsw_raft_config config = NSW_RAFT_CONFIG_INIT;
    config.id = id;
    config.seed = 1;
    config.peers = 5;
    config.entries = WINDOW;
    config.bytes = WINDOW * ENTRY;
    config.max_entry = ENTRY;
    config.message = MESSAGE;
    config.chunk = 96;
    config.sessions = ALL_PARTS ? 2 : NSW_RAFT_NONE;
    config.reads = 2;
    config.inflight = 4;
    config.forwards = ALL_PARTS ? 1 : NSW_RAFT_NONE;
    config.lease_drift_ppm = ALL_PARTS ? 1000 : 0;
    return config;
}

static void switch_on(struct node *node)
{
    const nsw_raft_config config = config_of(node->id);
    nsw_allocator allocator = NSW_ALLOCATOR_INIT;
    MUST(nsw_arena_create(node->memory, sizeof node->memory, &node->arena));
    MUST(nsw_arena_allocator(node->arena, &allocator));
    MUST(nsw_raft_create(&config, &allocator, &node->raft));
}

static void switch_off(struct node *node)
{
    nsw_raft_destroy(node->raft);
    nsw_arena_destroy(node->arena);
    node->raft = NULL;
    counts.crashes++;
}

static void come_back(struct node *node)
{
    switch_on(node);
    restore(node);
    MUST(nsw_raft_start(node->raft, now_us));
}

static nsw_raft_info info_of(const struct node *node)
{
    nsw_raft_info info = NSW_RAFT_INFO_INIT;
    MUST(nsw_raft_describe(node->raft, &info));
    return info;
}

static void send(uint64_t from, uint64_t to, const uint8_t *bytes, size_t len)
{
    counts.sent++;
    if (queued == QUEUE || (every > 0 && counts.sent % every == 0)) {
        counts.lost++;
        return;
    }
    queue[queued].from = from;
    queue[queued].to = to;
    queue[queued].len = len;
    copy(queue[queued].bytes, bytes, len);
    queued++;
}

/* Which proposal it is, 1 for the first. */
static uint32_t number_of(const uint8_t *data)
{
    return data[0] | (uint32_t)data[1] << 8;
}

static void apply(struct node *node, const nsw_raft_entry *entry)
{
    if (entry->kind == NSW_RAFT_ENTRY_SNAPSHOT) {
        node->state = node->flash.saved;
        counts.snapshots++;
    } else {
        EXPECT(entry->index == node->applied + 1);
        if (entry->kind == NSW_RAFT_ENTRY_DATA || entry->kind == NSW_RAFT_ENTRY_SESSION) {
            EXPECT(entry->data_len == ENTRY);
            EXPECT(number_of(entry->data) <= node->state.count + 1);
            if (number_of(entry->data) <= node->state.count) {
                counts.twice++;
            } else {
                copy(node->state.last[node->state.count % TURN], entry->data, ENTRY);
                node->state.count++;
                for (size_t i = 0; i < ENTRY; i++)
                    node->state.sum = node->state.sum * 31 + entry->data[i];
            }
        }
    }
    node->applied = entry->index;
    MUST(nsw_raft_applied(node->raft, entry->index));
}

/* A snapshot before there is no room for more entries in the flash memory. */
static void compact(struct node *node)
{
    /* Where entries cannot be read from it again they stay in memory until then. */
    if (node->applied < node->flash.saved_index + (ALL_PARTS ? LONG : WINDOW / 2))
        return;
    node->flash.saved = node->state;
    node->flash.saved_index = node->applied;
    MUST(nsw_raft_compact(node->raft, node->applied));
}

static void fetch(struct node *node, const nsw_raft_fetch *wanted)
{
    nsw_status status = NSW_OK;
    for (uint64_t index = wanted->first; index <= wanted->last && status == NSW_OK; index++) {
        const struct kept_entry *kept = place_of(&node->flash, index);
        nsw_raft_record record;
        if (kept->index != index) {
            MUST(nsw_raft_fetch_failed(node->raft, index));
            return;
        }
        record = record_of(kept);
        status = nsw_raft_fetched(node->raft, &record);
        counts.fetched += status == NSW_OK;
    }
    EXPECT(status == NSW_OK || status == NSW_ERR_CAPACITY);
}

/* All that a node has to do. */
static void serve(struct node *node)
{
    static uint8_t message[MESSAGE];
    nsw_raft_record record = NSW_RAFT_RECORD_INIT;
    nsw_raft_entry entry = NSW_RAFT_ENTRY_INIT;
    nsw_raft_event event = NSW_RAFT_EVENT_INIT;
    nsw_raft_fetch wanted = NSW_RAFT_FETCH_INIT;
    nsw_raft_chunk_wanted chunk = NSW_RAFT_CHUNK_WANTED_INIT;
    nsw_raft_snapshot_write write = NSW_RAFT_SNAPSHOT_WRITE_INIT;
    nsw_status status;
    uint64_t to;
    size_t len;

    while ((status = nsw_raft_next_record(node->raft, &record)) == NSW_OK) {
        keep(&node->flash, &record);
        MUST(nsw_raft_durable(node->raft, record.number, now_us));
    }
    EXPECT(status == NSW_DONE);
    while ((status = nsw_raft_next_message(node->raft, message, MESSAGE, &len, &to)) == NSW_OK)
        send(node->id, to, message, len);
    EXPECT(status == NSW_DONE);
    while ((status = nsw_raft_next_committed(node->raft, &entry)) == NSW_OK)
        apply(node, &entry);
    EXPECT(status == NSW_DONE);
    while ((status = nsw_raft_next_event(node->raft, &event)) == NSW_OK) {
        if (event.kind == NSW_RAFT_EVENT_ROLE && event.role == NSW_RAFT_LEADER)
            counts.elections++;
        if (event.kind == NSW_RAFT_EVENT_READ_READY)
            counts.reads++;
        /* Each of the nodes says so. */
        if (event.kind == NSW_RAFT_EVENT_MEMBERS && event.joint == 0 && info_of(node).role == NSW_RAFT_LEADER)
            counts.changes++;
    }
    EXPECT(status == NSW_DONE);
    while ((status = nsw_raft_next_fetch(node->raft, &wanted)) == NSW_OK)
        fetch(node, &wanted);
    EXPECT(status == NSW_DONE);
    while ((status = nsw_raft_next_chunk(node->raft, &chunk)) == NSW_OK) {
        const size_t total = sizeof(struct state);
        size_t part = total - (size_t)chunk.offset;
        if (chunk.index != node->flash.saved_index) {
            MUST(nsw_raft_chunk_failed(node->raft, &chunk));
            continue;
        }
        if (part > (size_t)chunk.len)
            part = (size_t)chunk.len;
        MUST(nsw_raft_chunk(node->raft, &chunk, total, (const uint8_t *)&node->flash.saved + (size_t)chunk.offset,
                            part, message, MESSAGE, &len));
        send(node->id, chunk.to, message, len);
    }
    EXPECT(status == NSW_DONE);
    while ((status = nsw_raft_next_snapshot_write(node->raft, &write)) == NSW_OK) {
        EXPECT(write.total == sizeof(struct state) && write.offset + write.bytes_len <= write.total);
        copy((uint8_t *)&node->flash.arriving + (size_t)write.offset, write.bytes, write.bytes_len);
        if (write.offset + write.bytes_len == write.total)
            node->flash.arrived = write.index;
        MUST(nsw_raft_snapshot_written(node->raft, write.number, now_us));
    }
    EXPECT(status == NSW_DONE);
    compact(node);
}

/* ---- Time and the network --------------------------------------------------- */

static void turn(void)
{
    static struct letter letter;
    uint64_t wake;
    now_us += STEP_US;
    for (size_t i = 0; i < NODES; i++) {
        if (nodes[i].raft == NULL)
            continue;
        MUST(nsw_raft_wake_at(nodes[i].raft, &wake));
        if (wake <= now_us)
            MUST(nsw_raft_tick(nodes[i].raft, now_us));
        serve(&nodes[i]);
    }
    while (queued > 0) {
        struct node *from, *to;
        nsw_status status;
        letter = queue[0];
        queued--;
        for (size_t i = 0; i < queued; i++)
            queue[i] = queue[i + 1];
        from = &nodes[letter.from - 1];
        to = &nodes[letter.to - 1];
        if (to->raft == NULL || from->away || to->away)
            continue;
        /* Who was removed may still say something. */
        status = nsw_raft_step(to->raft, letter.from, letter.bytes, letter.len, now_us);
        EXPECT(status == NSW_OK || status == NSW_ERR_RAFT_PEER);
        serve(to);
    }
}

static struct node *leader(void)
{
    for (uint32_t turns = 0; turns < 2000; turns++) {
        for (size_t i = 0; i < NODES; i++)
            if (nodes[i].raft != NULL && !nodes[i].away && info_of(&nodes[i]).role == NSW_RAFT_LEADER &&
                info_of(&nodes[i]).commit > 1)
                return &nodes[i];
        turn();
    }
    EXPECT(0);
    return NULL;
}

/* Who is asked to propose: the leader, or anybody who forwards it. */
static struct node *asked(void)
{
    struct node *node = leader();
    for (size_t i = 0; ALL_PARTS && i < NODES; i++)
        if (nodes[i].raft != NULL && !nodes[i].away && info_of(&nodes[i]).leader == node->id)
            node = &nodes[i];
    counts.forwarded += node != leader();
    return node;
}

/* Proposals, each until it is agreed on. */
static void agree(uint32_t count, uint32_t *sequence)
{
    enum { PATIENCE = 100, CLIENT = ALL_PARTS ? 5 : 0 };
    for (uint32_t n = 0; n < count; n++) {
        uint8_t data[ENTRY];
        ++*sequence;
        for (size_t i = 0; i < ENTRY; i++)
            data[i] = (uint8_t)(*sequence * 7 + i);
        data[0] = (uint8_t)*sequence;
        data[1] = (uint8_t)(*sequence >> 8);
        for (uint32_t turns = 0; leader()->state.count < *sequence; turns++) {
            nsw_status status = NSW_OK;
            EXPECT(turns < 4000);
            /* Again if a leader may have lost it. */
            if (turns % PATIENCE == 0)
                status = nsw_raft_propose(asked()->raft, data, ENTRY, CLIENT, CLIENT ? *sequence : 0, now_us, NULL);
            EXPECT(status == NSW_OK || status == NSW_ERR_RAFT_DUPLICATE || status == NSW_ERR_CAPACITY ||
                   status == NSW_ERR_RAFT_BUSY);
            turn();
        }
        counts.committed = leader()->state.count;
    }
}

/* Until all that are there have applied the same. */
static void expect_same(uint32_t count)
{
    for (uint32_t turns = 0;; turns++) {
        uint32_t whole = 0;
        EXPECT(turns < 4000);
        for (size_t i = 0; i < NODES; i++)
            whole += nodes[i].raft == NULL || nodes[i].away ||
                     (nodes[i].state.count == count &&
                      same((const uint8_t *)&nodes[i].state, (const uint8_t *)&leader()->state, sizeof(struct state)));
        if (whole == NODES)
            return;
        turn();
    }
}

int main(void)
{
    static const nsw_raft_member members[NODES] = {NSW_RAFT_MEMBER(1, NSW_RAFT_VOTER),
                                                   NSW_RAFT_MEMBER(2, NSW_RAFT_VOTER),
                                                   NSW_RAFT_MEMBER(3, NSW_RAFT_VOTER)};
    nsw_raft_member change = NSW_RAFT_MEMBER(0, NSW_RAFT_NO_MEMBER);
    const nsw_raft_config config = config_of(1);
    size_t size = 0, align = 0, used = 0, high_water = 0;
    uint32_t sequence = 0;
    struct node *first, *away;

    MUST(nsw_raft_footprint(&config, &size, &align));
    for (size_t i = 0; i < NODES; i++) {
        nodes[i].id = i + 1;
        switch_on(&nodes[i]);
        MUST(nsw_raft_bootstrap(nodes[i].raft, members, NODES));
        MUST(nsw_raft_start(nodes[i].raft, now_us));
    }
    agree(100, &sequence);
    expect_same(100);

    /* The leader is lost, and comes back to what the others have agreed on. */
    first = leader();
    switch_off(first);
    agree(40, &sequence);
    come_back(first);
    expect_same(140);

    /* Messages are lost. */
    every = 5;
    agree(60, &sequence);
    expect_same(200);
    every = 0;

    /* One is away so long that what it lacks has left memory, but not so long that a snapshot stands for it:
     * if the leader can it reads that from its flash memory. */
    for (uint64_t before = leader()->flash.saved_index; leader()->flash.saved_index == before;)
        agree(1, &sequence);
    away = &nodes[leader()->id % NODES];
    away->away = 1;
    agree(WINDOW + 6, &sequence);
    away->away = 0;
    expect_same(sequence);

    /* One is away so long that it needs a snapshot. */
    EXPECT(sequence <= 350);
    away->away = 1;
    agree(500 - sequence, &sequence);
    away->away = 0;
    expect_same(500);

    /* Everything goes off at once. */
    for (size_t i = 0; i < NODES; i++)
        switch_off(&nodes[i]);
    queued = 0;
    for (size_t i = 0; i < NODES; i++)
        come_back(&nodes[i]);
    agree(10, &sequence);
    expect_same(510);

    /* A read; another leader; one goes, and comes back as what it was. */
    first = leader();
    MUST(nsw_raft_read(first->raft, 9, now_us));
    if (ALL_PARTS) {
        /* By its lease it can say so without the others. */
        serve(first);
        EXPECT(counts.reads == 1);
        MUST(nsw_raft_transfer(first->raft, first->id % NODES + 1, now_us));
    }
    for (uint32_t turns = 0; turns < 100; turns++)
        turn();
    EXPECT(!ALL_PARTS || leader()->id == first->id % NODES + 1);
    change.id = leader()->id % NODES + 1;
    MUST(nsw_raft_change_members(leader()->raft, &change, 1, now_us));
    agree(10, &sequence);
    EXPECT(info_of(leader()).joint == 0);
    change.kind = NSW_RAFT_VOTER;
    MUST(nsw_raft_change_members(leader()->raft, &change, 1, now_us));
    agree(10, &sequence);
    expect_same(530);

    MUST(nsw_arena_usage(nodes[0].arena, &used, &high_water, NULL));
    TELL("committed", counts.committed);
    TELL("elections", counts.elections);
    TELL("crashes", counts.crashes);
    TELL("snapshots", counts.snapshots);
    TELL("fetched", counts.fetched);
    TELL("forwarded", counts.forwarded);
    TELL("twice", counts.twice);
    TELL("reads", counts.reads);
    TELL("changes", counts.changes);
    TELL("sent", counts.sent);
    TELL("lost", counts.lost);
    TELL("footprint", (uint32_t)size);
    TELL("arena_high_water", (uint32_t)high_water);
    TELL("stack_high_water", stack_high_water());
    return 0;
}
