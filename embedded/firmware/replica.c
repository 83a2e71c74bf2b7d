#include "replica.h"

struct counts counts;

static struct keys keys;
static uint8_t frame[WHOLE], answer[WHOLE / 2];

nsw_store_config replica_config(uint64_t replica)
{
    nsw_store_config config = NSW_STORE_CONFIG_INIT;
    config.replica = replica;
    config.seed = 0x5eed;
    config.replicas = 4;
    config.keys = 24;
    config.items = 64;
    config.bytes = 1536;
    config.log = 64;
    config.early = 8;
    config.sketch_precision = 5;
    config.sketch_width = 16;
    config.sketch_depth = 2;
    return config;
}

void replica_open(nsw_store *store, struct keys *all)
{
    const nsw_store_key root = NSW_STORE_ROOT;
    MUST(nsw_store_open(store, root, TEXT("tools"), NSW_STORE_ADD_WINS_SET, &all->tools));
    MUST(nsw_store_open(store, root, TEXT("banned"), NSW_STORE_REMOVE_WINS_SET, &all->banned));
    MUST(nsw_store_open(store, root, TEXT("awake"), NSW_STORE_ENABLE_WINS_FLAG, &all->awake));
    MUST(nsw_store_open(store, root, TEXT("locked"), NSW_STORE_DISABLE_WINS_FLAG, &all->locked));
    MUST(nsw_store_open(store, root, TEXT("master"), NSW_STORE_LAST_WRITER, &all->master));
    MUST(nsw_store_open(store, root, TEXT("rumours"), NSW_STORE_MULTI_VALUE, &all->rumours));
    MUST(nsw_store_open(store, root, TEXT("hottest"), NSW_STORE_MAX, &all->hottest));
    MUST(nsw_store_open(store, root, TEXT("coldest"), NSW_STORE_MIN, &all->coldest));
    MUST(nsw_store_open(store, root, TEXT("parts"), NSW_STORE_GROW_COUNTER, &all->parts));
    MUST(nsw_store_open(store, root, TEXT("stock"), NSW_STORE_COUNTER, &all->stock));
    MUST(nsw_store_open(store, root, TEXT("visitors"), NSW_STORE_HYPER_LOG_LOG, &all->visitors));
    MUST(nsw_store_open(store, root, TEXT("visits"), NSW_STORE_COUNT_MIN, &all->visits));
    MUST(nsw_store_open(store, root, TEXT("diary"), NSW_STORE_LIST, &all->diary));
    MUST(nsw_store_open(store, root, TEXT("site"), NSW_STORE_MAP, &all->site));
    MUST(nsw_store_open(store, all->site, TEXT("pumps"), NSW_STORE_MAP, &all->pumps));
    MUST(nsw_store_open(store, all->pumps, TEXT("broken"), NSW_STORE_ADD_WINS_SET, &all->broken));
    MUST(nsw_store_open(store, all->pumps, TEXT("turns"), NSW_STORE_COUNTER, &all->turns));
    MUST(nsw_store_open(store, root, TEXT("spare"), NSW_STORE_ADD_WINS_SET, &all->spare));
}

/* ---- Reading ---------------------------------------------------------------- */

/* Whether the bytes are the same; if not, which come first. */
static int compare(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
    for (size_t i = 0; i < a_len && i < b_len; i++)
        if (a[i] != b[i])
            return a[i] < b[i] ? -1 : 1;
    return a_len == b_len ? 0 : a_len < b_len ? -1 : 1;
}

struct listing {
    uint8_t *out;
    size_t len;
};

static void put_bytes(struct listing *listing, const uint8_t *bytes, size_t len)
{
    EXPECT(len <= 255 && listing->len + 1 + len <= WHOLE);
    listing->out[listing->len++] = (uint8_t)len;
    for (size_t i = 0; i < len; i++)
        listing->out[listing->len++] = bytes[i];
}

static void put_number(struct listing *listing, uint64_t number)
{
    uint8_t bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(number >> 8 * i);
    put_bytes(listing, bytes, sizeof bytes);
}

/* Elements stand in no order: each time the least one that is greater than the one before. */
static void put_elements(struct listing *listing, nsw_store *store, nsw_store_key key)
{
    uint8_t last[32], least[32], element[32];
    size_t last_len = 0, least_len = 0, len = 0;
    for (int first = 1;; first = 0) {
        int found = 0;
        nsw_status status;
        uint64_t cursor = 0;
        for (;;) {
            status = nsw_store_element(store, key, &cursor, element, sizeof element, &len);
            if (status != NSW_OK)
                break;
            if (!first && compare(element, len, last, last_len) <= 0)
                continue;
            if (found && compare(element, len, least, least_len) >= 0)
                continue;
            found = 1;
            least_len = len;
            for (size_t i = 0; i < len; i++)
                least[i] = element[i];
        }
        EXPECT(status == NSW_DONE);
        if (!found)
            return;
        put_bytes(listing, least, least_len);
        last_len = least_len;
        for (size_t i = 0; i < least_len; i++)
            last[i] = least[i];
    }
}

/* Of a HyperLogLog nothing: its estimate is made with float routines. Whether its registers are the same
 * is said by the sums of digests, and by the state. */
static void put_value(struct listing *listing, nsw_store *store, nsw_store_key key, uint32_t kind)
{
    static const char *const seen[] = {"ada", "ben", "eve"};
    uint8_t bytes[32];
    size_t len = 0, count = 0;
    uint32_t on = 0;
    int64_t number = 0;
    uint64_t stamp = 0;
    switch (kind) {
    case NSW_STORE_ADD_WINS_SET:
    case NSW_STORE_REMOVE_WINS_SET:
        MUST(nsw_store_count(store, key, &count));
        put_number(listing, count);
        put_elements(listing, store, key);
        break;
    case NSW_STORE_MULTI_VALUE: put_elements(listing, store, key); break;
    case NSW_STORE_ENABLE_WINS_FLAG:
    case NSW_STORE_DISABLE_WINS_FLAG:
        MUST(nsw_store_flag(store, key, &on));
        put_number(listing, on);
        break;
    case NSW_STORE_LAST_WRITER:
        MUST(nsw_store_last_written(store, key, bytes, sizeof bytes, &len, &stamp));
        put_bytes(listing, bytes, len);
        put_number(listing, stamp);
        break;
    case NSW_STORE_MAX:
    case NSW_STORE_MIN:
        MUST(nsw_store_extreme(store, key, &number));
        put_number(listing, (uint64_t)number);
        break;
    case NSW_STORE_GROW_COUNTER:
    case NSW_STORE_COUNTER:
        MUST(nsw_store_total(store, key, &number));
        put_number(listing, (uint64_t)number);
        break;
    case NSW_STORE_COUNT_MIN:
        for (size_t i = 0; i < sizeof seen / sizeof seen[0]; i++) {
            uint64_t often = 0;
            MUST(nsw_store_frequency(store, key, (const uint8_t *)seen[i], 3, &often));
            put_number(listing, often);
        }
        break;
    case NSW_STORE_LIST:
        MUST(nsw_store_count(store, key, &count));
        for (size_t i = 0; i < count; i++) {
            MUST(nsw_store_element_at(store, key, i, bytes, sizeof bytes, &len));
            put_bytes(listing, bytes, len);
        }
        break;
    default: break;
    }
}

static void put_map(struct listing *listing, nsw_store *store, nsw_store_key map)
{
    uint8_t name[16];
    size_t len = 0;
    uint32_t kind = 0;
    nsw_status status;
    for (;;) {
        nsw_store_key key = 0;
        status = nsw_store_next_key(store, map, name, len, kind, name, sizeof name, &len, &kind);
        if (status != NSW_OK)
            break;
        put_bytes(listing, name, len);
        put_number(listing, kind);
        MUST(nsw_store_open(store, map, name, len, kind, &key));
        if (kind == NSW_STORE_MAP)
            put_map(listing, store, key);
        else
            put_value(listing, store, key, kind);
        MUST(nsw_store_close(store, key));
    }
    EXPECT(status == NSW_DONE);
    put_bytes(listing, NULL, 0);
}

size_t list_values(nsw_store *store, uint8_t out[WHOLE])
{
    struct listing listing = {out, 0};
    put_map(&listing, store, NSW_STORE_ROOT);
    return listing.len;
}

/* All that is in a store in one number (FNV-1a), to see that nothing has changed. */
static uint64_t fingerprint(nsw_store *store)
{
    uint64_t sum = 0xcbf29ce484222325u;
    size_t len = 0;
    MUST(nsw_store_state(store, answer, sizeof answer, &len));
    for (size_t i = 0; i < len; i++)
        sum = (sum ^ answer[i]) * 0x100000001b3u;
    return sum;
}

static uint32_t is_behind(nsw_store *store)
{
    nsw_store_usage usage = NSW_STORE_USAGE_INIT;
    MUST(nsw_store_describe(store, &usage));
    return usage.behind;
}

/* ---- Hearing and telling ---------------------------------------------------- */

static nsw_status take(nsw_store *store, const uint8_t *bytes, size_t len, nsw_store_merged *merged)
{
    size_t none = 0;
    if (len > 1 && bytes[1] == SUM)
        return nsw_store_reconcile(store, bytes, len, NOW, answer, sizeof answer, &none, merged, NULL);
    return nsw_store_merge(store, bytes, len, NOW, merged);
}

/* A frame of which one bit is turned, and one that ends too early, are refused. The peer says which of them
 * are no frames: others are, only not what it told. A link finds those (comm/link). */
static void refuse_damaged(nsw_store *store, struct bytes whole)
{
    uint64_t before = fingerprint(store);
    struct bytes damage = ask(DAMAGE, NULL, 0);
    EXPECT(whole.len <= sizeof frame && damage.len == 2 * whole.len);
    for (size_t i = 0; i < whole.len; i++)
        frame[i] = whole.at[i];
    for (size_t i = 0; i < whole.len; i++) {
        for (unsigned bit = 1; bit < 256; bit <<= 1) {
            if (!(damage.at[i] & bit))
                continue;
            frame[i] ^= (uint8_t)bit;
            EXPECT(take(store, frame, whole.len, NULL) < 0);
            frame[i] ^= (uint8_t)bit;
            counts.damaged++;
        }
        if (damage.at[whole.len + i] != 0) {
            EXPECT(take(store, frame, i, NULL) < 0);
            counts.damaged++;
        }
    }
    EXPECT(fingerprint(store) == before);
}

/* Asks what is lacking here: `frames[0..]`, as many as are returned. */
static size_t hear(nsw_store *store, struct bytes frames[], size_t most)
{
    size_t len = 0, count = 0;
    MUST(nsw_store_context(store, frame, sizeof frame, &len));
    struct bytes next = ask(HEAR, frame, len);
    while (next.len > 0) {
        EXPECT(count < most);
        frames[count++] = next;
        refuse_damaged(store, next);
        next = ask(MORE, NULL, 0);
    }
    return count;
}

/* The last frame first, and each of them twice. One of several gets lost the first time. */
static void hear_all(nsw_store *store)
{
    struct bytes frames[24];
    size_t count, lose = 1;
    while ((count = hear(store, frames, sizeof frames / sizeof frames[0])) > 0) {
        for (size_t i = count; i-- > 0;) {
            if (count > 1 && i == lose) {
                counts.lost++;
                continue;
            }
            MUST(take(store, frames[i].at, frames[i].len, NULL));
            counts.taken++;
            counts.states += frames[i].at[1] == STATE;
        }
        for (size_t i = 0; i < count; i++) {
            nsw_store_merged merged = NSW_STORE_MERGED_INIT;
            if (count > 1 && i == lose)
                continue;
            MUST(take(store, frames[i].at, frames[i].len, &merged));
            EXPECT(merged.added == 0 && merged.removed == 0);
            counts.again++;
        }
        lose = SIZE_MAX;
    }
}

/* All that the peer lacks, or if it lacks more than is remembered here, all that is there. */
static void tell_all(nsw_store *store)
{
    struct bytes context = ask(TELL, NULL, 0);
    uint64_t cursor = 0;
    size_t len = 0;
    nsw_status status;
    for (;;) {
        status = nsw_store_delta(store, context.at, context.len, &cursor, frame, MOST_CHANGES, &len);
        if (status != NSW_OK)
            break;
        ask(TAKE, frame, len);
        counts.told++;
    }
    if (status == NSW_ERR_CRDT_BEHIND) {
        status = nsw_store_state(store, frame, sizeof frame, &len);
        ask(TAKE, frame, len);
        counts.told++;
        counts.states++;
    }
    EXPECT(status == NSW_DONE || status == NSW_OK);
}

/* Finds out what differs, whoever has changed what. Each round ends when one of both has nothing to say,
 * and the last one when the peer has nothing to say to the sums of all that is here. */
static void reconcile(nsw_store *store)
{
    size_t len = 0, answers;
    do {
        answers = 0;
        MUST(nsw_store_digest(store, frame, MOST_CHANGES, &len));
        while (len > 0) {
            struct bytes theirs = ask(SUMS, frame, len);
            counts.told++;
            if (theirs.len == 0)
                break;
            answers++;
            refuse_damaged(store, theirs);
            MUST(nsw_store_reconcile(store, theirs.at, theirs.len, NOW, frame, ANSWER, &len, NULL, NULL));
            counts.taken++;
        }
    } while (answers > 0);
}

/* Both have the same: by the sums over everything, and by all values. */
static void compare_all(nsw_store *store)
{
    struct bytes theirs = ask(DIGEST, NULL, 0);
    uint32_t equal = 0;
    size_t len = 0;
    MUST(nsw_store_reconcile(store, theirs.at, theirs.len, NOW, answer, sizeof answer, &len, NULL, &equal));
    EXPECT(equal == 1 && len == 0);
    len = list_values(store, frame);
    theirs = ask(LISTING, frame, len);
    EXPECT(compare(frame, len, theirs.at, theirs.len) == 0);
    counts.compared++;
}

/* ---- Changes ---------------------------------------------------------------- */

static void peer_changes(uint8_t which)
{
    ask(CHANGE, &which, 1);
}

static void append(nsw_store *store, const char *line, size_t len)
{
    size_t lines = 0;
    MUST(nsw_store_count(store, keys.diary, &lines));
    MUST(nsw_store_insert(store, keys.diary, lines, (const uint8_t *)line, len));
}

/* Something of every kind, while the peer does the same. */
static void change_apart(nsw_store *store)
{
    uint32_t flag = 0;
    size_t len = 0;
    MUST(nsw_store_add(store, keys.tools, TEXT("drill")));
    MUST(nsw_store_add(store, keys.tools, TEXT("lamp")));
    MUST(nsw_store_add(store, keys.tools, TEXT("a ladder of eleven rungs")));
    MUST(nsw_store_remove(store, keys.tools, TEXT("lamp"), &flag));
    EXPECT(flag == 1);
    MUST(nsw_store_add(store, keys.banned, TEXT("moss")));
    MUST(nsw_store_add(store, keys.banned, TEXT("rust")));
    MUST(nsw_store_remove(store, keys.banned, TEXT("salt"), &flag));
    EXPECT(flag == 0);
    MUST(nsw_store_set_flag(store, keys.awake, 1));
    MUST(nsw_store_set_flag(store, keys.locked, 0));
    MUST(nsw_store_assign(store, keys.master, TEXT("the firmware"), NOW + 5));
    MUST(nsw_store_assign(store, keys.rumours, TEXT("it rains"), 0));
    MUST(nsw_store_offer(store, keys.hottest, 71, NULL));
    MUST(nsw_store_offer(store, keys.hottest, 60, &flag));
    EXPECT(flag == 0);
    MUST(nsw_store_offer(store, keys.coldest, -12, NULL));
    MUST(nsw_store_increment(store, keys.parts, 10));
    MUST(nsw_store_increment(store, keys.stock, 20));
    MUST(nsw_store_decrement(store, keys.stock, 7));
    MUST(nsw_store_observe(store, keys.visitors, TEXT("ada"), 1));
    MUST(nsw_store_observe(store, keys.visitors, TEXT("ben"), 1));
    MUST(nsw_store_observe(store, keys.visits, TEXT("ada"), 3));
    MUST(nsw_store_observe(store, keys.visits, TEXT("ben"), 1));
    append(store, "dawn", 4);
    append(store, "a slip of the pen", 17);
    append(store, "pumped", 6);
    MUST(nsw_store_remove_at(store, keys.diary, 1, 1));
    MUST(nsw_store_add(store, keys.broken, TEXT("1")));
    MUST(nsw_store_increment(store, keys.turns, 300));
    MUST(nsw_store_add(store, keys.spare, TEXT("bolt")));
    MUST(nsw_store_add(store, keys.spare, TEXT("nut")));
    MUST(nsw_store_clear(store, keys.spare));
    /* Two become one part of the machine: nobody sees one without the other. */
    MUST(nsw_store_begin_transaction(store, 1, 0));
    MUST(nsw_store_decrement(store, keys.stock, 2));
    MUST(nsw_store_increment(store, keys.parts, 1));
    MUST(nsw_store_add(store, keys.spare, TEXT("half")));
    EXPECT(nsw_store_context(store, frame, sizeof frame, &len) == NSW_ERR_CRDT_TRANSACTION);
    MUST(nsw_store_commit(store));
}

/* Who wins when both have changed the same. */
static void expect_apart(nsw_store *store)
{
    uint32_t is = 0;
    size_t len = 0;
    int64_t number = 0;
    uint8_t value[32];
    MUST(nsw_store_contains(store, keys.banned, TEXT("salt"), &is));
    EXPECT(is == 0);
    MUST(nsw_store_flag(store, keys.locked, &is));
    EXPECT(is == 0);
    MUST(nsw_store_last_written(store, keys.master, value, sizeof value, &len, NULL));
    EXPECT(compare(value, len, TEXT("the firmware")) == 0);
    MUST(nsw_store_total(store, keys.stock, &number));
    EXPECT(number == 20 - 7 - 2 + 100);
    MUST(nsw_store_extreme(store, keys.coldest, &number));
    EXPECT(number == -30);
}

/* Clearings and removals, while the peer goes on with the same keys. */
static void change_together(nsw_store *store)
{
    MUST(nsw_store_remove(store, keys.tools, TEXT("drill"), NULL));
    MUST(nsw_store_set_flag(store, keys.awake, 0));
    MUST(nsw_store_assign(store, keys.rumours, TEXT("it rained"), 0));
    MUST(nsw_store_clear(store, keys.stock));
    MUST(nsw_store_clear(store, keys.site));
    MUST(nsw_store_clear(store, keys.visits));
    MUST(nsw_store_observe(store, keys.visitors, TEXT("eve"), 1));
    MUST(nsw_store_insert(store, keys.diary, 1, TEXT("noon")));
}

static void expect_together(nsw_store *store)
{
    uint32_t is = 0;
    size_t count = 0;
    int64_t number = 0;
    MUST(nsw_store_contains(store, keys.tools, TEXT("drill"), &is));
    EXPECT(is == 1);
    MUST(nsw_store_flag(store, keys.awake, &is));
    EXPECT(is == 1);
    MUST(nsw_store_total(store, keys.stock, &number));
    EXPECT(number == 4);
    MUST(nsw_store_total(store, keys.turns, &number));
    EXPECT(number == 0);
    MUST(nsw_store_count(store, keys.broken, &count));
    EXPECT(count == 1);
}

/* A store without room refuses its own changes and the peer's, and takes the latter later. */
static void be_full(nsw_store *store)
{
    struct bytes frames[4];
    uint8_t number = 0;
    nsw_status status = NSW_OK;
    for (; status == NSW_OK; number++)
        status = nsw_store_add(store, keys.spare, &number, 1);
    EXPECT(status == NSW_ERR_CAPACITY);
    peer_changes(FOR_A_FULL_STORE);
    size_t count = hear(store, frames, sizeof frames / sizeof frames[0]);
    EXPECT(count == 1 && !is_behind(store));
    uint64_t before = fingerprint(store);
    EXPECT(nsw_store_add(store, keys.spare, &number, 1) == NSW_ERR_CAPACITY);
    EXPECT(take(store, frames[0].at, frames[0].len, NULL) == NSW_ERR_CAPACITY);
    counts.full++;
    EXPECT(fingerprint(store) == before && is_behind(store));
    MUST(nsw_store_clear(store, keys.spare));
    MUST(take(store, frames[0].at, frames[0].len, NULL));
    counts.taken++;
    EXPECT(!is_behind(store));
}

void replica_run(nsw_store *store)
{
    size_t len = 0;
    replica_open(store, &keys);

    change_apart(store);
    peer_changes(APART);
    tell_all(store);
    hear_all(store);
    compare_all(store);
    expect_apart(store);

    change_together(store);
    peer_changes(TOGETHER);
    reconcile(store);
    compare_all(store);
    expect_together(store);

    be_full(store);
    tell_all(store);
    compare_all(store);

    peer_changes(MORE_THAN_REMEMBERED);
    hear_all(store);
    compare_all(store);

    MUST(nsw_store_state(store, frame, sizeof frame, &len));
    ask(KEEP, frame, len);
}
