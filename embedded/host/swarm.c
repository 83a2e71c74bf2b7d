/* Two microcontrollers and three members of this machine are a swarm, on a serial bus.
 *
 *   swarm NODE.elf MODEL.nswm DIGITS.u8 FOLDER
 *
 * starts two emulated boards with firmware/node.c (qemu-system-arm), each with keys of its own, as if
 * they were made now, and three members in this process, whose log lies in FOLDER. The bus is here: a frame
 * that comes on one line goes to whom it is for. They find each other, share a counter, agree on some lines,
 * and the boards read digits for this machine, which compares each output with its own network's. Then the
 * boards leave, and tell what all of it took: FOLDER/board-4.txt and board-5.txt have their lines.
 *
 * The last line says whether all went well; so does the exit code. It takes a minute at most. */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../firmware/swarm.h"
#include "board.h"
#include "neural_swarm.h"

enum { HERE = 3, BOARDS = SWARM_VOTERS - HERE, INBOX = 64, RECORD = PIXELS + 1, RECORDS = 1797, TESTS = 60 };
enum { LEVELS = 17, NAME = 512, AT_ONCE = 2 };
#define LIMIT (60 * SECOND)

/* A member in this process. What is for it on the bus waits in its inbox. */
struct member {
    struct {
        size_t len;
        uint8_t bytes[SWARM_FRAME];
    } inbox[INBOX];
    size_t first, count;
    uint8_t number;
    nsw_identity *identity;
    nsw_node *node;
    nsw_store *store;
    nsw_store_key counter;
    nsw_raft *groups[1];
    nsw_host_raft *files;
    nsw_requests *requests;
    nsw_node_parts parts;
    uint64_t wake;
    uint32_t agreed, hash;
};

static struct member members[HERE];
static struct board boards[BOARDS];
/* What they have told last. */
static struct {
    uint64_t total;
    uint32_t members, agreed, hash;
} told[BOARDS];
static nsw_key keys[SWARM_VOTERS];
static uint64_t ids[SWARM_VOTERS], began;
static unsigned long frames, dropped;

/* What is to be agreed on, at least: two lines of the boards, and one of this process. */
static const char *const lines[] = {"board 4", "board 5", "members 1 to 3"};
enum { LINES = sizeof lines / sizeof lines[0] };
static unsigned agreed_lines; /* a bit for each */

/* ---- What goes wrong -------------------------------------------------------------------- */

void fail(const char *what, const char *why)
{
    for (size_t i = 0; i < BOARDS; i++)
        board_stop(&boards[i]);
    fprintf(stderr, "swarm: %s: %s\n", what, why);
    exit(1);
}

void must(const char *what, nsw_status status)
{
    if (status != NSW_OK)
        fail(what, nsw_status_str(status));
}

/* A line with the time since the beginning. */
static void say(const char *format, ...)
{
    va_list arguments;
    printf("%6.1f s  ", (double)(now_us() - began) / SECOND);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    fflush(stdout);
}

/* ---- The bus ---------------------------------------------------------------------------- */

static nsw_status put_on_bus(const uint8_t *frame, size_t len)
{
    const uint8_t to = frame[0];
    frames++;
    if (to < HERE) {
        struct member *m = &members[to];
        if (m->count == INBOX) {
            dropped++;
            return NSW_OK;
        }
        const size_t place = (m->first + m->count++) % INBOX;
        m->inbox[place].len = len;
        memcpy(m->inbox[place].bytes, frame, len);
        m->wake = 0;
        return NSW_OK;
    }
    if (to < SWARM_VOTERS) {
        const nsw_address other_end = NSW_ADDRESS_INIT;
        const nsw_status status = nsw_host_serial_send(boards[to - HERE].serial, &other_end, frame, len);
        dropped += status != NSW_OK;
        return status == NSW_ERR_CAPACITY ? status : NSW_OK; /* who is switched off hears nothing */
    }
    return NSW_ERR_HOST_ADDRESS;
}

/* The hooks of nsw_transport. */
static nsw_status send_frame(void *ctx, const nsw_address *to, const uint8_t *datagram, size_t len)
{
    const struct member *self = ctx;
    uint8_t frame[SWARM_FRAME];
    if (to->len != 1)
        return NSW_ERR_HOST_ADDRESS;
    if (len > SWARM_DATAGRAM)
        return NSW_ERR_COMM_TOO_LONG;
    frame[0] = to->bytes[0];
    frame[1] = self->number;
    memcpy(frame + SWARM_HEAD, datagram, len);
    return put_on_bus(frame, SWARM_HEAD + len);
}

static nsw_status take_frame(void *ctx, nsw_address *from, uint8_t *buf, size_t cap, size_t *len)
{
    struct member *self = ctx;
    if (self->count == 0)
        return NSW_AGAIN;
    const uint8_t *frame = self->inbox[self->first].bytes;
    *len = self->inbox[self->first].len - SWARM_HEAD;
    if (*len > cap)
        return NSW_ERR_BUFFER_TOO_SMALL;
    memcpy(buf, frame + SWARM_HEAD, *len);
    *from = swarm_address(frame[1]);
    self->first = (self->first + 1) % INBOX;
    self->count--;
    return NSW_OK;
}

/* What came from the boards; waits for a moment if nothing did. */
static void carry(uint64_t patience_us)
{
    for (size_t i = 0; i < BOARDS; i++) {
        uint8_t frame[SWARM_FRAME];
        size_t len = 0;
        while (boards[i].serial != NULL &&
               nsw_host_serial_receive(boards[i].serial, patience_us, NULL, frame, sizeof frame, &len) == NSW_OK) {
            /* Nobody speaks for others on this bus. */
            if (len >= SWARM_HEAD && frame[1] == HERE + i)
                put_on_bus(frame, len);
            patience_us = 0;
        }
    }
}

/* ---- Members of this process -------------------------------------------------------------- */

static void begin_member(struct member *m, const char *folder)
{
    nsw_transport transport = NSW_TRANSPORT_INIT;
    nsw_node_config config = swarm_node();
    nsw_node_info info = NSW_NODE_INFO_INIT;
    nsw_store_config store = swarm_store();
    nsw_sharing_config sharing = NSW_SHARING_CONFIG_INIT;
    nsw_requests_config requests = swarm_requests();
    nsw_raft_config raft = swarm_raft();
    nsw_host_raft_config files = NSW_HOST_RAFT_CONFIG_INIT;
    nsw_raft_member voters[SWARM_VOTERS];
    const nsw_address here = swarm_address(m->number), first = swarm_address(m->number == 0);
    char name[NAME + 32];
    transport.ctx = m;
    transport.send = send_frame;
    transport.receive = take_frame;
    config.identity = m->identity;
    config.transport = &transport;
    config.address = &here;
    config.now_us = now_us();
    must("node", nsw_node_create(&config, NULL, &m->node));
    for (size_t i = 0; i < SWARM_VOTERS; i++)
        must("pin", nsw_node_pin(m->node, &keys[i]));
    must("join", nsw_node_join(m->node, &first, now_us()));
    must("node", nsw_node_describe(m->node, &info));

    store.replica = info.id;
    must("store", nsw_store_create(&store, NULL, &m->store));
    must("counter", nsw_store_open(m->store, NSW_STORE_ROOT, swarm_counter, sizeof swarm_counter, NSW_STORE_COUNTER,
                                   &m->counter));
    must("count", nsw_store_increment(m->store, m->counter, m->number + 1u));
    sharing.store = &store;
    sharing.mtu = requests.mtu = raft.message = info.max_message;
    m->parts = (nsw_node_parts)NSW_NODE_PARTS_INIT;
    m->parts.store = m->store;
    must("sharing", nsw_sharing_create(&sharing, NULL, &m->parts.sharing));
    requests.seed = now_us();
    must("requests", nsw_requests_create(&requests, NULL, &m->requests));
    m->parts.requests = m->requests;

    snprintf(name, sizeof name, "%s/member-%d", folder, m->number + 1);
    raft.id = files.node = info.id;
    raft.seed = now_us() + m->number;
    files.path = name;
    files.path_len = strlen(name);
    must(name, nsw_host_raft_create(&files, NULL, &m->files));
    must("group", nsw_raft_create(&raft, NULL, &m->groups[0]));
    for (size_t i = 0; i < SWARM_VOTERS; i++)
        voters[i] = (nsw_raft_member)NSW_RAFT_MEMBER(ids[i], NSW_RAFT_VOTER);
    must("group", nsw_host_raft_restore(m->files, m->groups[0]));
    must("group", nsw_raft_bootstrap(m->groups[0], voters, SWARM_VOTERS));
    must("group", nsw_raft_start(m->groups[0], now_us()));
    m->parts.groups = m->groups;
    m->parts.groups_len = 1;
    m->hash = SWARM_HASH;
}

static void turn(struct member *m)
{
    nsw_node_event event = NSW_NODE_EVENT_INIT;
    nsw_raft_event change = NSW_RAFT_EVENT_INIT;
    nsw_raft_entry entry = NSW_RAFT_ENTRY_INIT;
    nsw_status status;
    must("poll", nsw_node_poll(m->node, now_us(), &m->parts, &m->wake));
    while (nsw_node_next(m->node, &event) == NSW_OK)
        ;
    must("log", nsw_host_raft_serve(m->files, now_us(), m->groups[0]));
    while (nsw_raft_next_event(m->groups[0], &change) == NSW_OK)
        ;
    while ((status = nsw_raft_next_committed(m->groups[0], &entry)) == NSW_OK) {
        if (entry.kind == NSW_RAFT_ENTRY_DATA) {
            m->agreed++;
            m->hash = swarm_hash(m->hash, entry.data, entry.data_len);
            for (size_t i = 0; i < LINES; i++)
                if (strlen(lines[i]) == entry.data_len && memcmp(lines[i], entry.data, entry.data_len) == 0)
                    agreed_lines |= 1u << i;
            if (m->number == 0)
                say("agreed: \"%.*s\"", (int)entry.data_len, (const char *)entry.data);
        }
        must("applied", nsw_raft_applied(m->groups[0], entry.index));
    }
    if (status != NSW_DONE)
        must("committed", status);
}

/* ---- What this machine asks the boards ------------------------------------------------------ */

/* What is under way with a board: number of the request, and which images, or none. */
struct asked {
    uint64_t request;
    int image, count, busy;
};

static struct asked asked[BOARDS][AT_ONCE];
static uint8_t *digits;
static int8_t expected[TESTS][DIGITS];
static unsigned done[BOARDS], equal, right;
static enum { TO_ASK, ASKED, READ } images[TESTS];

static int largest(const int8_t outputs[DIGITS])
{
    int best = 0;
    for (int i = 1; i < DIGITS; i++)
        if (outputs[i] > outputs[best])
            best = i;
    return best;
}

static const uint8_t *image(int number)
{
    return digits + (size_t)(RECORDS - TESTS + number) * RECORD;
}

/* 1 if there was room for it. */
static int ask(size_t board, const char *method, const uint8_t *message, size_t len, int image, int count)
{
    for (size_t i = 0; i < AT_ONCE; i++) {
        struct asked *place = &asked[board][i];
        if (place->busy)
            continue;
        if (nsw_requests_ask(members[0].requests, ids[HERE + board], (const uint8_t *)method, strlen(method), message,
                             len, now_us() + LIMIT / 2, now_us(), &place->request) != NSW_OK)
            return 0;
        place->busy = 1;
        place->image = image;
        place->count = count;
        members[0].wake = 0;
        return 1;
    }
    return 0;
}

static void answered(size_t board, const struct asked *place, const uint8_t *bytes, size_t len)
{
    if (place->count > 0 && len != (size_t)place->count * DIGITS)
        fail("a board", "an answer of another length");
    for (int i = 0; i < place->count; i++) {
        const int which = place->image + i;
        int8_t outputs[DIGITS];
        memcpy(outputs, bytes + i * DIGITS, DIGITS);
        done[board]++;
        images[which] = READ;
        equal += memcmp(outputs, expected[which], DIGITS) == 0;
        right += largest(outputs) == image(which)[PIXELS];
    }
    if (len == TOLD && place->count == 0) {
        told[board].total = swarm_get(bytes, 8);
        told[board].members = (uint32_t)swarm_get(bytes + 8, 4);
        told[board].agreed = (uint32_t)swarm_get(bytes + 12, 4);
        told[board].hash = (uint32_t)swarm_get(bytes + 16, 4);
    }
}

static void hear_answers(void)
{
    nsw_requests_event event = NSW_REQUESTS_EVENT_INIT;
    while (nsw_requests_next(members[0].requests, &event) == NSW_OK) {
        for (size_t board = 0; board < BOARDS; board++)
            for (size_t i = 0; i < AT_ONCE; i++) {
                struct asked *place = &asked[board][i];
                if (!place->busy || place->request != event.number)
                    continue;
                place->busy = 0;
                if (event.kind == NSW_REQUESTS_ANSWERED)
                    answered(board, place, event.message, event.message_len);
                else /* it was too busy: again */
                    for (int which = place->image; which < place->image + place->count; which++)
                        images[which] = TO_ASK;
            }
    }
}

/* ---- What is to come of it ---------------------------------------------------------------- */

static void run(int (*so)(void), const char *what)
{
    while (!so()) {
        uint64_t soon = now_us() + 2000;
        for (size_t i = 0; i < HERE; i++)
            if (members[i].wake <= now_us() || members[i].count > 0)
                turn(&members[i]);
        hear_answers();
        for (size_t i = 0; i < BOARDS; i++)
            board_watch(&boards[i]);
        for (size_t i = 0; i < HERE; i++)
            if (members[i].wake < soon)
                soon = members[i].wake;
        carry(soon > now_us() ? soon - now_us() : 0);
        if (now_us() > began + LIMIT)
            fail("a minute is over", what);
        for (size_t i = 0; i < BOARDS; i++)
            if (boards[i].ended && boards[i].code != 0)
                fail(what, "a board has ended with an error");
    }
}

static int boards_ready(void)
{
    return boards[0].ready && boards[1].ready;
}

static int here_know(uint32_t count)
{
    for (size_t i = 0; i < HERE; i++) {
        nsw_node_info info = NSW_NODE_INFO_INIT;
        must("describe", nsw_node_describe(members[i].node, &info));
        if (info.members != count)
            return 0;
    }
    return 1;
}

/* Asks the boards what they know, ten times a second. */
static void ask_all(void)
{
    static uint64_t again;
    if (now_us() < again)
        return;
    again = now_us() + SECOND / 10;
    for (size_t board = 0; board < BOARDS; board++)
        ask(board, "told", NULL, 0, 0, 0);
}

static int all_know_all(void)
{
    if (!here_know(SWARM_VOTERS))
        return 0;
    ask_all();
    return told[0].members == SWARM_VOTERS && told[1].members == SWARM_VOTERS;
}

static int all_have_the_total(void)
{
    for (size_t i = 0; i < HERE; i++) {
        int64_t total = 0;
        must("total", nsw_store_total(members[i].store, members[i].counter, &total));
        if (total != 15)
            return 0;
    }
    ask_all();
    return told[0].total == 15 && told[1].total == 15;
}

/* A member of this process proposes its line, until it is there; so do both boards, by themselves. */
static int all_agree(void)
{
    static uint64_t again;
    const char *line = lines[LINES - 1];
    if (!(agreed_lines >> (LINES - 1) & 1) && now_us() >= again) {
        const nsw_status status =
            nsw_raft_propose(members[0].groups[0], (const uint8_t *)line, strlen(line), 0, 0, now_us(), NULL);
        again = now_us() + (status == NSW_OK ? 5 * SECOND : SECOND / 10);
        members[0].wake = 0;
    }
    ask_all();
    const uint32_t count = members[0].agreed, hash = members[0].hash;
    int same = agreed_lines == (1u << LINES) - 1;
    for (size_t i = 1; i < HERE; i++)
        same &= members[i].agreed == count && members[i].hash == hash;
    for (size_t i = 0; i < BOARDS; i++)
        same &= told[i].agreed == count && told[i].hash == hash;
    return same;
}

static int all_read(void)
{
    for (size_t board = 0; board < BOARDS; board++)
        for (int room = 1; room;) {
            uint8_t message[MOST_IMAGES * PIXELS];
            int first = 0, count = 0;
            while (first < TESTS && images[first] != TO_ASK)
                first++;
            for (; count < MOST_IMAGES && first + count < TESTS && images[first + count] == TO_ASK; count++)
                memcpy(message + count * PIXELS, image(first + count), PIXELS);
            room = count > 0 && ask(board, "digits", message, (size_t)count * PIXELS, first, count);
            for (int i = 0; i < count && room; i++)
                images[first + i] = ASKED;
        }
    return done[0] + done[1] == TESTS;
}

static int nothing_asked(void)
{
    int busy = 0;
    for (size_t board = 0; board < BOARDS; board++)
        for (size_t i = 0; i < AT_ONCE; i++)
            busy |= asked[board][i].busy;
    return !busy;
}

static int all_gone(void)
{
    return boards[0].ended && boards[1].ended && here_know(HERE);
}

/* ---- The network here ----------------------------------------------------------------------- */

static uint8_t *read_file(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    long size = -1;
    uint8_t *bytes = NULL;
    if (file != NULL && fseek(file, 0, SEEK_END) == 0)
        size = ftell(file);
    if (size > 0 && fseek(file, 0, SEEK_SET) == 0)
        bytes = malloc((size_t)size);
    if (bytes == NULL || fread(bytes, 1, (size_t)size, file) != (size_t)size)
        fail(path, "cannot be read");
    fclose(file);
    *length = (size_t)size;
    return bytes;
}

static void expect_outputs(const char *model_path, const char *digits_path)
{
    size_t model_len = 0, digits_len = 0;
    uint8_t *model = read_file(model_path, &model_len);
    nsw_qnet *network = NULL;
    float values[LEVELS];
    int8_t levels[LEVELS];
    digits = read_file(digits_path, &digits_len);
    if (digits_len != (size_t)RECORDS * RECORD)
        fail(digits_path, "not 1797 records of 65 bytes");
    must(model_path, nsw_qnet_load(model, model_len, NULL, &network));
    for (int i = 0; i < LEVELS; i++)
        values[i] = (float)i * (1.0f / 16.0f);
    must("levels", nsw_qnet_quantize_input(network, values, LEVELS, levels, LEVELS, NULL));
    for (int i = 0; i < TESTS; i++) {
        int8_t input[PIXELS];
        for (int pixel = 0; pixel < PIXELS; pixel++)
            input[pixel] = levels[image(i)[pixel] % LEVELS];
        must("forward", nsw_qnet_forward_i8(network, input, PIXELS, expected[i], DIGITS, NULL));
    }
    nsw_qnet_destroy(network);
    free(model);
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: swarm NODE.elf MODEL.nswm DIGITS.u8 FOLDER\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    began = now_us();
    expect_outputs(argv[2], argv[3]);

    nsw_identity *identities[SWARM_VOTERS] = {NULL};
    for (size_t i = 0; i < SWARM_VOTERS; i++) {
        const nsw_identity_config who = NSW_IDENTITY_CONFIG_INIT; /* a new one */
        must("identity", nsw_identity_create(&who, NULL, &identities[i]));
        must("key", nsw_identity_public(identities[i], &keys[i]));
        must("number", nsw_member_id(&keys[i], &ids[i]));
    }
    for (size_t i = 0; i < BOARDS; i++) {
        char name[NAME];
        snprintf(name, sizeof name, "%s/board-%zu.bin", argv[4], HERE + i + 1);
        board_provision((uint32_t)(HERE + i), identities[HERE + i], keys, name);
        nsw_identity_destroy(identities[HERE + i]); /* nobody has its private key any more */
        board_switch_on(&boards[i], argv[1], name, (unsigned)(LIMIT / SECOND) + 5);
        snprintf(name, sizeof name, "%s/board-%zu.txt", argv[4], HERE + i + 1);
        boards[i].log = fopen(name, "w");
    }
    for (size_t i = 0; i < BOARDS; i++)
        board_connect(&boards[i]);
    for (size_t i = 0; i < HERE; i++) {
        members[i].number = (uint8_t)i;
        members[i].identity = identities[i];
        begin_member(&members[i], argv[4]);
    }
    run(boards_ready, "the boards do not start");
    say("two Cortex-M4 boards are on, each at a serial line; members 1 to 3 are in this process");
    run(all_know_all, "they do not find each other");
    say("all five know each other, by nothing but their keys");
    run(all_have_the_total, "they do not share the counter");
    say("each has added its number to the counter that they share: 15 at all five");
    run(all_agree, "they do not agree");
    say("the five have agreed on %u lines: the same, in the same order, at all of them", (unsigned)members[0].agreed);
    const uint64_t start = now_us();
    run(all_read, "the boards do not read digits");
    const double took = (double)(now_us() - start) / SECOND;
    say("the boards have read %u digits for this machine (%u and %u) in %.1f s, %u of them right; %u of %d are", TESTS,
        done[0], done[1], took, right, equal, TESTS);
    printf("          bit for bit what this machine's network says\n");
    if (equal != TESTS)
        fail("digits", "other outputs than here");
    run(nothing_asked, "an answer is missing");
    for (size_t board = 0; board < BOARDS; board++)
        ask(board, "leave", NULL, 0, 0, 0);
    run(all_gone, "the boards do not leave");
    say("the boards have left, and the others know: three are there");
    printf("frames on the bus: %lu, of them %lu without room\n", frames, dropped);

    for (size_t i = 0; i < HERE; i++) {
        struct member *m = &members[i];
        nsw_node_destroy(m->node);
        nsw_sharing_destroy(m->parts.sharing);
        nsw_store_destroy(m->store);
        nsw_requests_destroy(m->requests);
        nsw_raft_destroy(m->groups[0]);
        nsw_host_raft_destroy(m->files);
        nsw_identity_destroy(m->identity);
    }
    for (size_t i = 0; i < BOARDS; i++) {
        board_end(&boards[i]);
    }
    free(digits);
    puts("all of it came as it should");
    return 0;
}
