/* Members of a swarm on boards without an operating system: five of them, in one program. What a board
 * supplies (randomness, a clock, a radio, flash, memory) is at the top; the library has nothing else.
 *
 * They find each other, share a counter, and agree who is their coordinator, by a lock on a log in their
 * flash. Then the coordinator's board is switched off, and on again. Time is simulated.
 *
 * On boards it is linked with the library without std (NSW_NO_STD), and with firmware of its own for
 * each; examples/c/member.c is the same between processes of an operating system.
 * SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "neural_swarm.h"

enum { BOARDS = 5, RADIO = 64, DATAGRAM = 1280, MEMORY = 400 * 1024, RECORDS = 1024, ENTRY = NSW_LOCK_MOST_ENTRY };
#define MS UINT64_C(1000)
#define SECOND UINT64_C(1000000)
#define LEASE (3 * SECOND)

/* ---- What a board supplies ------------------------------------------------------------- */

static uint64_t clock_us = SECOND; /* a timer's ticks */

/* What came in by radio and was not read yet. */
struct radio {
    struct {
        uint8_t from;
        size_t len;
        uint8_t bytes[DATAGRAM];
    } queue[RADIO];
    size_t first, count;
};

/* A record of the log as it lies in flash. */
struct record {
    uint32_t kind, entry_kind;
    uint64_t term, vote, index;
    size_t len;
    uint8_t data[ENTRY];
};

struct board {
    uint8_t number;
    int on;
    uint32_t random;
    struct radio radio;
    struct record flash[RECORDS]; /* stays when the board is off */
    size_t written;
    _Alignas(16) unsigned char memory[MEMORY]; /* all that the library gets */

    /* What the library makes of it. */
    nsw_arena *arena;
    nsw_identity *identity;
    nsw_node *node;
    nsw_store *store;
    nsw_sharing *sharing;
    nsw_raft *raft, *groups[1];
    nsw_locks *locks;
    nsw_node_parts parts;
    uint64_t id, total, wake;

    /* Its session: what it does next, and when it is proposed again. */
    uint64_t life, number_of_step, again;
    uint32_t step;
    int leads, coordinates;
};

static struct board boards[BOARDS];
static nsw_key keys[BOARDS];
static uint64_t ids[BOARDS];
static unsigned long sent, lost;

/* Randomness. THIS ONE IS FOR THE EXAMPLE ALONE: everybody can guess it. Read the hardware generator
 * here, and answer an error if it is not ready. */
static nsw_status random_bytes(void *ctx, uint8_t *out, size_t len)
{
    uint32_t *state = ctx;
    for (size_t i = 0; i < len; i++) {
        *state = *state * 1664525u + 1013904223u;
        out[i] = (uint8_t)(*state >> 24);
    }
    return NSW_OK;
}

/* Every tenth datagram gets lost; so does what a board that is off, or too slow, does not take. */
static nsw_status radio_send(void *ctx, const nsw_address *to, const uint8_t *bytes, size_t len)
{
    const struct board *self = ctx;
    struct radio *radio;
    if (to->len != 1 || to->bytes[0] >= BOARDS || len > DATAGRAM)
        return NSW_ERR_INVALID;
    radio = &boards[to->bytes[0]].radio;
    if (++sent % 10 == 0 || !boards[to->bytes[0]].on || radio->count == RADIO) {
        lost++;
        return NSW_OK;
    }
    size_t place = (radio->first + radio->count++) % RADIO;
    radio->queue[place].from = self->number;
    radio->queue[place].len = len;
    memcpy(radio->queue[place].bytes, bytes, len);
    return NSW_OK;
}

static nsw_status radio_receive(void *ctx, nsw_address *from, uint8_t *buf, size_t cap, size_t *len)
{
    struct radio *radio = &((struct board *)ctx)->radio;
    if (radio->count == 0)
        return NSW_AGAIN;
    *len = radio->queue[radio->first].len;
    if (*len > cap)
        return NSW_ERR_BUFFER_TOO_SMALL;
    memcpy(buf, radio->queue[radio->first].bytes, *len);
    from->len = 1;
    from->bytes[0] = radio->queue[radio->first].from;
    radio->first = (radio->first + 1) % RADIO;
    radio->count--;
    return NSW_OK;
}

/* A record is durable once it is in flash. */
static nsw_status flash_write(struct board *board, const nsw_raft_record *record)
{
    struct record *place = &board->flash[board->written];
    if (board->written == RECORDS || record->data_len > ENTRY)
        return NSW_ERR_CAPACITY; /* time for a snapshot, which this example leaves out */
    place->kind = record->kind;
    place->entry_kind = record->entry_kind;
    place->term = record->term;
    place->vote = record->vote;
    place->index = record->index;
    place->len = record->data_len;
    if (record->data_len > 0)
        memcpy(place->data, record->data, record->data_len);
    board->written++;
    return NSW_OK;
}

static nsw_status flash_read(const struct board *board, nsw_raft *raft)
{
    for (size_t i = 0; i < board->written; i++) {
        const struct record *place = &board->flash[i];
        nsw_raft_record record = NSW_RAFT_RECORD_INIT;
        record.kind = place->kind;
        record.entry_kind = place->entry_kind;
        record.term = place->term;
        record.vote = place->vote;
        record.index = place->index;
        record.data = place->data;
        record.data_len = place->len;
        nsw_status status = nsw_raft_restore(raft, &record);
        if (status != NSW_OK)
            return status;
    }
    return NSW_OK;
}

/* ---- A member -------------------------------------------------------------------------- */

static nsw_address address_of(uint8_t number)
{
    nsw_address address = NSW_ADDRESS_INIT;
    address.len = 1;
    address.bytes[0] = number;
    return address;
}

static nsw_status begin_identity(struct board *board, const nsw_allocator *allocator)
{
    nsw_identity_config who = NSW_IDENTITY_CONFIG_INIT;
    nsw_key seed; /* its private key: it lies where only the board reads it */
    memset(&seed, board->number + 1, sizeof seed);
    who.seed = &seed;
    return nsw_identity_create(&who, allocator, &board->identity);
}

static nsw_status begin_node(struct board *board, const nsw_allocator *allocator)
{
    nsw_transport transport = NSW_TRANSPORT_INIT;
    nsw_entropy entropy = NSW_ENTROPY_INIT;
    nsw_node_config config = NSW_NODE_CONFIG_INIT;
    const nsw_address here = address_of(board->number);
    transport.ctx = board;
    transport.send = radio_send;
    transport.receive = radio_receive;
    entropy.ctx = &board->random;
    entropy.fill = random_bytes;
    config.members = BOARDS;
    config.small = 1;
    config.identity = board->identity;
    config.transport = &transport;
    config.entropy = &entropy;
    config.address = &here;
    config.network = (const uint8_t *)"bare_member.c";
    config.network_len = 13;
    config.now_us = clock_us;
    config.period_us = SECOND / 2;
    nsw_status status = nsw_node_create(&config, allocator, &board->node);
    for (uint8_t other = 0; other < BOARDS && status == NSW_OK; other++) {
        const nsw_address there = address_of(other);
        status = nsw_node_pin(board->node, &keys[other]);
        if (status == NSW_OK && other != board->number)
            status = nsw_node_join(board->node, &there, clock_us);
    }
    return status;
}

static nsw_status begin_parts(struct board *board, const nsw_allocator *allocator)
{
    nsw_node_info info = NSW_NODE_INFO_INIT;
    nsw_store_config store = NSW_STORE_CONFIG_INIT;
    nsw_sharing_config sharing = NSW_SHARING_CONFIG_INIT;
    nsw_raft_config raft = NSW_RAFT_CONFIG_INIT;
    nsw_locks_config locks = NSW_LOCKS_CONFIG_INIT;
    nsw_raft_member voters[BOARDS];
    nsw_status status = nsw_node_describe(board->node, &info);
    store.replica = info.id ^ clock_us; /* it has forgotten what an earlier life said */
    store.keys = 8;
    store.items = 32;
    store.bytes = 1024;
    store.log = 64;
    sharing.store = &store;
    sharing.mtu = raft.message = info.max_message;
    raft.id = info.id;
    raft.seed = clock_us + board->number;
    raft.entries = 256;
    raft.max_entry = ENTRY;
    raft.chunk = raft.sessions = NSW_RAFT_NONE; /* no snapshots; steps of locks may come twice */
    for (size_t i = 0; i < BOARDS; i++)
        voters[i] = (nsw_raft_member)NSW_RAFT_MEMBER(ids[i], NSW_RAFT_VOTER);
    if (status == NSW_OK)
        status = nsw_store_create(&store, allocator, &board->store);
    if (status == NSW_OK)
        status = nsw_store_open(board->store, NSW_STORE_ROOT, (const uint8_t *)"total", 5, NSW_STORE_COUNTER,
                                &board->total);
    if (status == NSW_OK)
        status = nsw_sharing_create(&sharing, allocator, &board->sharing);
    if (status == NSW_OK)
        status = nsw_locks_create(&locks, allocator, &board->locks);
    if (status == NSW_OK)
        status = nsw_raft_create(&raft, allocator, &board->raft);
    if (status == NSW_OK)
        status = board->written > 0 ? flash_read(board, board->raft)
                                    : nsw_raft_bootstrap(board->raft, voters, BOARDS);
    if (status == NSW_OK)
        status = nsw_raft_start(board->raft, clock_us);
    board->id = info.id;
    board->groups[0] = board->raft;
    board->parts = (nsw_node_parts)NSW_NODE_PARTS_INIT;
    board->parts.store = board->store;
    board->parts.sharing = board->sharing;
    board->parts.groups = board->groups;
    board->parts.groups_len = 1;
    return status;
}

static nsw_status switch_on(struct board *board)
{
    nsw_allocator allocator = NSW_ALLOCATOR_INIT;
    nsw_status status = nsw_arena_create(board->memory, sizeof board->memory, &board->arena);
    if (status == NSW_OK)
        status = nsw_arena_allocator(board->arena, &allocator);
    if (status == NSW_OK)
        status = begin_identity(board, &allocator);
    if (status == NSW_OK)
        status = begin_node(board, &allocator);
    if (status == NSW_OK)
        status = begin_parts(board, &allocator);
    board->life = board->wake = board->again = 0;
    board->number_of_step = clock_us; /* above all of an earlier life */
    board->step = NSW_LOCK_OPEN;
    board->leads = board->coordinates = 0;
    board->on = status == NSW_OK;
    return status;
}

/* Without a farewell, as when its battery is taken out. */
static void switch_off(struct board *board)
{
    board->on = 0;
    board->radio.count = 0;
    memset(board->memory, 0, sizeof board->memory);
}

/* ---- Who is the coordinator -------------------------------------------------------------- */

static nsw_status propose(struct board *board, nsw_lock_entry *entry)
{
    uint8_t bytes[ENTRY];
    size_t len = 0;
    nsw_status status = nsw_lock_entry_write(entry, bytes, sizeof bytes, &len);
    if (status == NSW_OK)
        nsw_raft_propose(board->raft, bytes, len, 0, 0, clock_us, NULL); /* or else next time */
    return status;
}

/* The session's next step: it begins, wants the lock, and is heard of. Until it was applied it is proposed
 * again, as it is. */
static nsw_status next_step(struct board *board)
{
    nsw_lock_entry entry = NSW_LOCK_ENTRY_INIT;
    if (clock_us < board->again)
        return NSW_OK; /* a second after the last; two may fail before its lease ends */
    board->again = clock_us + SECOND / 2;
    entry.session = board->id;
    entry.life = board->life;
    entry.number = board->number_of_step;
    entry.action = board->step;
    entry.ttl_us = LEASE;
    entry.name = (const uint8_t *)"coordinator";
    entry.name_len = 11;
    return propose(board, &entry);
}

/* One of its own steps was applied. */
static void stepped(struct board *board, const nsw_lock_entry *entry, const nsw_lock_result *did)
{
    if (entry->number != board->number_of_step || did->outcome == NSW_LOCK_OLD)
        return;
    board->number_of_step++;
    board->again = clock_us + (board->step == NSW_LOCK_RENEW ? SECOND : 0);
    if (did->outcome == NSW_LOCK_OPENED) {
        board->life = did->token;
        board->step = NSW_LOCK_ACQUIRE;
    } else if (did->outcome == NSW_LOCK_NO_SESSION) { /* it was not heard of for too long */
        board->life = 0;
        board->step = NSW_LOCK_OPEN;
    } else {
        board->step = NSW_LOCK_RENEW;
    }
}

static nsw_status serve_locks(struct board *board)
{
    nsw_raft_entry entry = NSW_RAFT_ENTRY_INIT;
    nsw_raft_info info = NSW_RAFT_INFO_INIT;
    nsw_lock_entry step = NSW_LOCK_ENTRY_INIT;
    nsw_lock_claim holder = NSW_LOCK_CLAIM_INIT;
    nsw_status status;
    while ((status = nsw_raft_next_committed(board->raft, &entry)) == NSW_OK) {
        nsw_lock_result did = NSW_LOCK_RESULT_INIT;
        if (entry.kind == NSW_RAFT_ENTRY_DATA) {
            status = nsw_lock_entry_read(entry.data, entry.data_len, &step);
            if (status == NSW_OK)
                status = nsw_locks_apply(board->locks, entry.index, entry.data, entry.data_len, clock_us, &did);
            if (status != NSW_OK)
                return status;
            if (step.session == board->id && step.action != NSW_LOCK_EXPIRE)
                stepped(board, &step, &did);
        }
        if ((status = nsw_raft_applied(board->raft, entry.index)) != NSW_OK)
            return status;
    }
    if (status != NSW_DONE || (status = nsw_raft_describe(board->raft, &info)) != NSW_OK)
        return status;
    /* Who leads ends the sessions that nobody hears of. */
    if (info.role == NSW_RAFT_LEADER && !board->leads)
        status = nsw_locks_renew_all(board->locks, clock_us);
    board->leads = info.role == NSW_RAFT_LEADER;
    while (status == NSW_OK && board->leads && nsw_locks_expired(board->locks, clock_us, &step) == NSW_OK)
        status = propose(board, &step);
    if (status == NSW_OK)
        status = nsw_locks_holder(board->locks, (const uint8_t *)"coordinator", 11, &holder);
    /* While it reads its log again it may find a lock of an earlier life. */
    int own = status == NSW_OK && holder.session == board->id && holder.token > board->life && board->life != 0;
    if (own && !board->coordinates)
        printf("%6.1f s  board %d is the coordinator, token %lu\n", (double)clock_us / SECOND, board->number + 1,
               (unsigned long)holder.token);
    board->coordinates = own;
    return status == NSW_OK || status == NSW_DONE ? next_step(board) : status;
}

/* ---- The main loop of a board -------------------------------------------------------------- */

static nsw_status turn(struct board *board)
{
    nsw_raft_record record = NSW_RAFT_RECORD_INIT;
    nsw_raft_event event = NSW_RAFT_EVENT_INIT;
    nsw_node_event change = NSW_NODE_EVENT_INIT;
    nsw_status status = nsw_node_poll(board->node, clock_us, &board->parts, &board->wake);
    while (status == NSW_OK && nsw_raft_next_record(board->raft, &record) == NSW_OK) {
        status = flash_write(board, &record);
        if (status == NSW_OK)
            status = nsw_raft_durable(board->raft, record.number, clock_us);
    }
    while (status == NSW_OK && nsw_raft_next_event(board->raft, &event) == NSW_OK)
        ; /* what was refused is proposed again */
    while (status == NSW_OK && nsw_node_next(board->node, &change) == NSW_OK)
        ;
    return status == NSW_OK ? serve_locks(board) : status;
}

/* All boards, a millisecond a turn, until it is so or the time is over: whether it is. */
static int run(int (*so)(void), uint64_t most)
{
    for (uint64_t end = clock_us + most; clock_us < end; clock_us += MS) {
        for (size_t i = 0; i < BOARDS; i++) {
            nsw_status status = boards[i].on ? turn(&boards[i]) : NSW_OK;
            if (status != NSW_OK) {
                fprintf(stderr, "board %zu: %s\n", i + 1, nsw_status_str(status));
                return 0;
            }
        }
        if (so())
            return 1;
    }
    return 0;
}

static int all_there(void)
{
    unsigned on = 0, good = 0;
    for (size_t i = 0; i < BOARDS; i++)
        on += boards[i].on != 0;
    for (size_t i = 0; i < BOARDS; i++) {
        nsw_node_info info = NSW_NODE_INFO_INIT;
        good += boards[i].on && nsw_node_describe(boards[i].node, &info) == NSW_OK && info.members == on;
    }
    return good == on;
}

static int all_have_the_total(void)
{
    for (size_t i = 0; i < BOARDS; i++) {
        int64_t total = 0;
        if (boards[i].on && (nsw_store_total(boards[i].store, boards[i].total, &total) != NSW_OK || total != 15))
            return 0;
    }
    return 1;
}

/* Whom all boards that are on take for the coordinator: 0 if they do not agree, or there is none. */
static uint64_t token_of_all, coordinator_of_all;

static int one_coordinates(void)
{
    uint64_t token = 0;
    for (size_t i = 0; i < BOARDS; i++) {
        nsw_lock_claim holder = NSW_LOCK_CLAIM_INIT;
        if (!boards[i].on)
            continue;
        if (nsw_locks_holder(boards[i].locks, (const uint8_t *)"coordinator", 11, &holder) != NSW_OK)
            return 0;
        if (token != 0 && token != holder.token)
            return 0;
        token = holder.token;
        coordinator_of_all = holder.session;
    }
    if (token <= token_of_all)
        return 0;
    token_of_all = token;
    return 1;
}

/* All boards have a session, also the one that was off. */
static int all_wait_in_line(void)
{
    for (size_t i = 0; i < BOARDS; i++) {
        nsw_locks_info info = NSW_LOCKS_INFO_INIT;
        if (nsw_locks_describe(boards[i].locks, &info) != NSW_OK || info.claims != BOARDS)
            return 0;
    }
    return 1;
}

static int failed(const char *what)
{
    fprintf(stderr, "bare_member: %s\n", what);
    return 1;
}

int main(void)
{
    size_t used = 0, high_water = 0, capacity = 0;
    size_t off = 0;
    for (size_t i = 0; i < BOARDS; i++) {
        /* Whoever makes the boards knows their keys. */
        boards[i].number = (uint8_t)i;
        boards[i].random = (uint32_t)i + 1;
        if (begin_identity(&boards[i], NULL) != NSW_OK || nsw_identity_public(boards[i].identity, &keys[i]) != NSW_OK ||
            nsw_member_id(&keys[i], &ids[i]) != NSW_OK)
            return failed("no keys");
        nsw_identity_destroy(boards[i].identity);
    }
    for (size_t i = 0; i < BOARDS; i++)
        if (switch_on(&boards[i]) != NSW_OK)
            return failed("a board does not start");
    if (!run(all_there, 30 * SECOND))
        return failed("they do not find each other");
    printf("%6.1f s  five boards know each other\n", (double)clock_us / SECOND);

    for (size_t i = 0; i < BOARDS; i++)
        if (nsw_store_increment(boards[i].store, boards[i].total, i + 1) != NSW_OK)
            return failed("it does not count");
    if (!run(all_have_the_total, 30 * SECOND))
        return failed("they do not share the counter");
    printf("%6.1f s  each has added its number to their counter: 15 at all\n", (double)clock_us / SECOND);

    if (!run(one_coordinates, 30 * SECOND))
        return failed("there is no coordinator");
    while (ids[off] != coordinator_of_all)
        off++;
    printf("%6.1f s  board %zu is switched off\n", (double)clock_us / SECOND, off + 1);
    switch_off(&boards[off]);
    if (!run(one_coordinates, 60 * SECOND))
        return failed("there is no coordinator any more");
    printf("%6.1f s  all four know it\n", (double)clock_us / SECOND);

    if (switch_on(&boards[off]) != NSW_OK || !run(all_there, 60 * SECOND) || !run(all_wait_in_line, 60 * SECOND))
        return failed("it does not come back");
    if (!run(all_have_the_total, 30 * SECOND))
        return failed("it does not have the counter");
    printf("%6.1f s  board %zu is on again: it has the log, the counter, and its place in line\n",
           (double)clock_us / SECOND, off + 1);

    if (nsw_arena_usage(boards[off].arena, &used, &high_water, &capacity) != NSW_OK)
        return failed("no usage");
    printf("memory: %zu bytes a board; radio: %lu datagrams, %lu of them lost\n", high_water, sent, lost);
    return 0;
}
