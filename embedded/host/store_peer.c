/* The peer of embedded/firmware/store.c: another replica of the same store, which knows a third one.
 *
 *   store_peer record ANSWERS TOLD    talks to the firmware's twin (firmware/replica.c on this machine):
 *                                     writes what the peer answers, for the firmware, and what the twin
 *                                     tells
 *   store_peer check ANSWERS TOLD     takes in what the firmware tells: it has to give the same answers,
 *                                     and to end with what the firmware has */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../firmware/replica.h"

enum { MOST = 1 << 18 };

/* A file: records with their lengths in front. */
struct tape {
    uint8_t bytes[MOST];
    size_t len;
};
static struct tape answers, told;

static nsw_store *peer, *third;
static struct keys of_peer, of_third;
/* The context of whom changes are told to, how far, and the last answer. */
static uint8_t context[WHOLE], last[WHOLE];
static size_t context_len, last_len;
static uint64_t cursor;
static int all_told;
static unsigned taken, compared;

void must(int line, nsw_status status)
{
    if (status != NSW_OK) {
        fprintf(stderr, "line %d: %s\n", line, nsw_status_str(status));
        exit(1);
    }
}

/* ---- The replicas here ------------------------------------------------------ */

static nsw_store *replica(uint64_t number)
{
    nsw_store_config config = replica_config(number);
    nsw_store *store = NULL;
    config.keys = 64;
    config.items = 1024;
    config.bytes = 16384;
    config.log = 128;
    MUST(nsw_store_create(&config, NULL, &store));
    return store;
}

static void bring(nsw_store *from, nsw_store *to)
{
    uint8_t lacking[WHOLE], frame[WHOLE];
    size_t lacking_len = 0, len = 0;
    uint64_t at = 0;
    MUST(nsw_store_context(to, lacking, sizeof lacking, &lacking_len));
    while (nsw_store_delta(from, lacking, lacking_len, &at, frame, sizeof frame, &len) == NSW_OK)
        MUST(nsw_store_merge(to, frame, len, NOW, NULL));
}

/* While the firmware does change_apart. */
static void change_apart(void)
{
    const struct keys *keys = &of_third;
    MUST(nsw_store_add(third, keys->tools, TEXT("saw")));
    MUST(nsw_store_increment(third, keys->parts, 1000));
    MUST(nsw_store_assign(third, keys->rumours, TEXT("it is foggy"), 0));
    MUST(nsw_store_observe(third, keys->visitors, TEXT("eve"), 1));
    MUST(nsw_store_observe(third, keys->visits, TEXT("eve"), 7));
    MUST(nsw_store_insert(third, keys->diary, 0, TEXT("night")));
    MUST(nsw_store_add(third, keys->broken, TEXT("a very long name of a pump")));
    bring(third, peer);

    keys = &of_peer;
    MUST(nsw_store_add(peer, keys->tools, TEXT("rope")));
    MUST(nsw_store_remove(peer, keys->tools, TEXT("saw"), NULL));
    MUST(nsw_store_add(peer, keys->banned, TEXT("salt")));
    MUST(nsw_store_set_flag(peer, keys->awake, 0));
    MUST(nsw_store_set_flag(peer, keys->locked, 1));
    MUST(nsw_store_assign(peer, keys->master, TEXT("the peer"), NOW + 1));
    MUST(nsw_store_assign(peer, keys->rumours, TEXT("it snows"), 0));
    MUST(nsw_store_offer(peer, keys->hottest, 65, NULL));
    MUST(nsw_store_offer(peer, keys->coldest, -30, NULL));
    MUST(nsw_store_increment(peer, keys->parts, 5));
    MUST(nsw_store_begin_transaction(peer, 2, 0));
    MUST(nsw_store_increment(peer, keys->stock, 100));
    MUST(nsw_store_add(peer, keys->spare, TEXT("gear")));
    MUST(nsw_store_add(peer, keys->spare, TEXT("belt")));
    MUST(nsw_store_commit(peer));
    MUST(nsw_store_observe(peer, keys->visitors, TEXT("ben"), 1));
    MUST(nsw_store_observe(peer, keys->visits, TEXT("ben"), 2));
    for (int i = 0; i < 6; i++) {
        const uint8_t line[] = {'n', 'o', 't', 'e', ' ', (uint8_t)('1' + i)};
        MUST(nsw_store_insert(peer, keys->diary, 0, line, sizeof line));
    }
    MUST(nsw_store_remove_at(peer, keys->diary, 2, 2));
    MUST(nsw_store_add(peer, keys->broken, TEXT("2")));
    MUST(nsw_store_decrement(peer, keys->turns, 40));
}

/* While the firmware does change_together. */
static void change_together(void)
{
    const struct keys *keys = &of_peer;
    MUST(nsw_store_add(peer, keys->tools, TEXT("drill")));
    MUST(nsw_store_set_flag(peer, keys->awake, 1));
    MUST(nsw_store_increment(peer, keys->stock, 4));
    MUST(nsw_store_add(peer, keys->broken, TEXT("3")));
    MUST(nsw_store_observe(peer, keys->visits, TEXT("ada"), 5));
    MUST(nsw_store_observe(peer, keys->visitors, TEXT("joe"), 1));
    MUST(nsw_store_insert(peer, keys->diary, 1, TEXT("rain")));
    MUST(nsw_store_remove(peer, keys->banned, TEXT("rust"), NULL));
}

static void change(uint8_t which)
{
    const struct keys *keys = &of_peer;
    uint8_t number;
    switch (which) {
    case APART: change_apart(); break;
    case TOGETHER: change_together(); break;
    case FOR_A_FULL_STORE:
        for (number = 100; number < 108; number++)
            MUST(nsw_store_add(peer, keys->tools, &number, 1));
        break;
    default:
        EXPECT(which == MORE_THAN_REMEMBERED);
        /* With two in turn: with one alone it would be one change. */
        for (number = 0; number < 200; number++)
            MUST(nsw_store_increment(peer, number % 2 ? keys->parts : keys->turns, 1));
        break;
    }
}

/* ---- What the peer answers -------------------------------------------------- */

/* The next frame of what is lacking; all that is there if more is than is remembered. */
static size_t tell_next(uint8_t out[WHOLE])
{
    size_t len = 0;
    if (all_told)
        return 0;
    nsw_status status = nsw_store_delta(peer, context, context_len, &cursor, out, MOST_CHANGES, &len);
    if (status == NSW_ERR_CRDT_BEHIND) {
        status = nsw_store_state(peer, out, WHOLE, &len);
        all_told = 1;
    }
    EXPECT(status == NSW_OK || status == NSW_DONE);
    return len;
}

/* Whether bytes are no frame, whatever is in a store. */
static int is_none(const uint8_t *frame, size_t len)
{
    uint8_t out[WHOLE];
    size_t out_len = 0;
    nsw_store *empty = replica(9);
    nsw_status status = nsw_store_merge(empty, frame, len, NOW, NULL);
    if (len > 1 && frame[1] == SUM)
        status = nsw_store_reconcile(empty, frame, len, NOW, out, sizeof out, &out_len, NULL, NULL);
    nsw_store_destroy(empty);
    return status == NSW_ERR_CRDT_FORMAT || status == NSW_ERR_CRDT_VERSION;
}

static size_t damage(uint8_t out[WHOLE])
{
    EXPECT(2 * last_len <= WHOLE);
    for (size_t i = 0; i < last_len; i++) {
        out[i] = 0;
        for (unsigned bit = 1; bit < 256; bit <<= 1) {
            last[i] ^= (uint8_t)bit;
            if (is_none(last, last_len))
                out[i] |= (uint8_t)bit;
            last[i] ^= (uint8_t)bit;
        }
        out[last_len + i] = (uint8_t)is_none(last, i);
    }
    return 2 * last_len;
}

/* The second time it brings nothing. */
static void take(const uint8_t *frame, size_t len)
{
    nsw_store_merged merged = NSW_STORE_MERGED_INIT;
    MUST(nsw_store_merge(peer, frame, len, NOW, NULL));
    MUST(nsw_store_merge(peer, frame, len, NOW, &merged));
    EXPECT(merged.added == 0 && merged.removed == 0);
    taken++;
}

static size_t sums(const uint8_t *frame, size_t len, uint8_t out[WHOLE])
{
    size_t out_len = 0;
    MUST(nsw_store_reconcile(peer, frame, len, NOW, out, ANSWER, &out_len, NULL, NULL));
    taken++;
    return out_len;
}

static size_t compare(const uint8_t *listing, size_t len, uint8_t out[WHOLE])
{
    size_t out_len = list_values(peer, out);
    EXPECT(len == out_len && memcmp(listing, out, len) == 0);
    compared++;
    return out_len;
}

/* One more replica, that knows the firmware's state alone. */
static void keep(const uint8_t *state, size_t len)
{
    uint8_t frame[WHOLE], out[WHOLE];
    size_t frame_len = 0, out_len = 0;
    uint32_t equal = 0;
    uint64_t here = 0, there = 0;
    struct keys keys;
    nsw_store *other = replica(4);
    MUST(nsw_store_merge(other, state, len, NOW, NULL));
    MUST(nsw_store_digest(peer, frame, sizeof frame, &frame_len));
    MUST(nsw_store_reconcile(other, frame, frame_len, NOW, out, sizeof out, &out_len, NULL, &equal));
    EXPECT(equal && out_len == 0);
    frame_len = list_values(other, frame);
    out_len = list_values(peer, out);
    EXPECT(frame_len == out_len && memcmp(frame, out, out_len) == 0);
    /* The one value that is in no listing. */
    replica_open(other, &keys);
    MUST(nsw_store_cardinality(peer, of_peer.visitors, &here));
    MUST(nsw_store_cardinality(other, keys.visitors, &there));
    EXPECT(here == there && here == 4);
    nsw_store_destroy(other);
}

static void answer(uint8_t what, const uint8_t *bytes, size_t len, uint8_t out[WHOLE], size_t *out_len)
{
    *out_len = 0;
    switch (what) {
    case CHANGE:
        EXPECT(len == 1);
        change(bytes[0]);
        break;
    case HEAR:
        EXPECT(len <= sizeof context);
        memcpy(context, bytes, len);
        context_len = len;
        cursor = 0;
        all_told = 0;
        *out_len = tell_next(out);
        break;
    case MORE: *out_len = tell_next(out); break;
    case DAMAGE: *out_len = damage(out); return;
    case TELL: MUST(nsw_store_context(peer, out, WHOLE, out_len)); break;
    case TAKE: take(bytes, len); break;
    case SUMS: *out_len = sums(bytes, len, out); break;
    case DIGEST: MUST(nsw_store_digest(peer, out, WHOLE, out_len)); break;
    case LISTING: *out_len = compare(bytes, len, out); break;
    case KEEP: keep(bytes, len); break;
    default: EXPECT(0); break;
    }
    memcpy(last, out, *out_len);
    last_len = *out_len;
}

/* ---- Tapes ------------------------------------------------------------------ */

static void put(struct tape *tape, const void *bytes, size_t len)
{
    EXPECT(len <= MOST - tape->len);
    if (len > 0)
        memcpy(tape->bytes + tape->len, bytes, len);
    tape->len += len;
}

static void put_record(struct tape *tape, const uint8_t *bytes, size_t len)
{
    const uint8_t head[] = {(uint8_t)len, (uint8_t)(len >> 8)};
    put(tape, head, sizeof head);
    put(tape, bytes, len);
}

/* What the twin asks. */
struct bytes ask(uint8_t what, const uint8_t *bytes, size_t len)
{
    uint8_t out[WHOLE];
    struct bytes said = {NULL, 0};
    answer(what, bytes, len, out, &said.len);
    put(&told, &what, 1);
    put_record(&told, bytes, len);
    put_record(&answers, out, said.len);
    said.at = answers.bytes + answers.len - said.len;
    return said;
}

static struct bytes get(const struct tape *tape, size_t *at, size_t len)
{
    struct bytes bytes = {tape->bytes + *at, len};
    EXPECT(len <= tape->len - *at);
    *at += len;
    return bytes;
}

static struct bytes get_record(const struct tape *tape, size_t *at)
{
    struct bytes head = get(tape, at, 2);
    return get(tape, at, head.at[0] | (size_t)head.at[1] << 8);
}

static void file(struct tape *tape, const char *name, const char *mode)
{
    FILE *opened = fopen(name, mode);
    if (opened == NULL) {
        perror(name);
        exit(1);
    }
    if (mode[0] == 'r')
        tape->len = fread(tape->bytes, 1, MOST, opened);
    else
        EXPECT(fwrite(tape->bytes, 1, tape->len, opened) == tape->len);
    EXPECT(!ferror(opened) && fclose(opened) == 0);
}

static void record(void)
{
    nsw_store_config config = replica_config(1);
    nsw_store *twin = NULL;
    MUST(nsw_store_create(&config, NULL, &twin));
    replica_run(twin);
    nsw_store_destroy(twin);
}

static void check(void)
{
    size_t at = 0, answers_at = 0;
    while (at < told.len) {
        uint8_t what = get(&told, &at, 1).at[0], out[WHOLE];
        struct bytes asked = get_record(&told, &at), expected = get_record(&answers, &answers_at);
        size_t len = 0;
        answer(what, asked.at, asked.len, out, &len);
        EXPECT(len == expected.len && memcmp(out, expected.at, len) == 0);
    }
    EXPECT(answers_at == answers.len);
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    const int records = strcmp(argv[1], "record") == 0;
    peer = replica(2);
    third = replica(3);
    replica_open(peer, &of_peer);
    replica_open(third, &of_third);
    if (records) {
        record();
    } else {
        file(&answers, argv[2], "rb");
        file(&told, argv[3], "rb");
        check();
        printf("host_store_taken %u\nhost_store_compared %u\n", taken, compared);
    }
    nsw_store_destroy(peer);
    nsw_store_destroy(third);
    if (records) {
        file(&answers, argv[2], "wb");
        file(&told, argv[3], "wb");
    }
    return 0;
}
