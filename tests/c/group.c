/*
 * Groups: one frame that every member reads; epochs, late frames, replays, what
 * insiders and outsiders try; nothing is lost on an error, and no secret stays
 * in memory. And the post-quantum option.
 */
#include <string.h>

#include "support.h"

#define MEMBERS 3u
#define BYTES 256u

/* Randomness from a seed; fails when told to, and remembers what it gave last. */
typedef struct seeded {
    uint32_t state;
    bool fail;
    uint8_t last[32];
    nsw_entropy hook;
} seeded;

static nsw_status fill(void *ctx, uint8_t *out, size_t len) {
    seeded *s = ctx;
    if (s->fail) {
        return NSW_ERR_HOST_IO;
    }
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)(random_next(&s->state) >> 7);
    }
    memcpy(s->last, out, len < 32 ? len : 32);
    return NSW_OK;
}

static void seeded_init(seeded *s, uint32_t seed) {
    nsw_entropy hook = NSW_ENTROPY_INIT;
    memset(s, 0, sizeof *s);
    s->state = seed;
    hook.ctx = s;
    hook.fill = fill;
    s->hook = hook;
}

static nsw_group_config config_of(uint16_t own, uint16_t sign, const seeded *entropy) {
    nsw_group_config cfg = NSW_GROUP_CONFIG_INIT;
    memcpy(cfg.id, "a group of three", 16);
    cfg.own = own;
    cfg.sign = sign;
    cfg.members = MEMBERS;
    cfg.window = 8;
    cfg.ahead = 20;
    cfg.entropy = entropy != NULL ? &entropy->hook : NULL;
    return cfg;
}

static nsw_group_info info_of(const nsw_group *group) {
    nsw_group_info info = NSW_GROUP_INFO_INIT;
    CHECK_OK(nsw_group_describe(group, &info));
    return info;
}

typedef struct bytes {
    uint8_t at[BYTES];
    size_t len;
} bytes;

static bytes seal(nsw_group *group, const char *text) {
    bytes frame;
    CHECK_OK(nsw_group_seal(group, (const uint8_t *)text, strlen(text), frame.at, BYTES,
                            &frame.len));
    CHECK_SIZE(frame.len, strlen(text) + info_of(group).overhead);
    return frame;
}

static bytes announce(const nsw_group *group, uint16_t to) {
    bytes told;
    CHECK_OK(nsw_group_announce(group, to, told.at, BYTES, &told.len));
    return told;
}

/* Opens a frame and checks what is in it; the status is the caller's to check. */
static nsw_status open(nsw_group *group, const bytes *frame, uint16_t sender, const char *text) {
    uint8_t out[BYTES];
    size_t len = 77;
    nsw_group_message message = NSW_GROUP_MESSAGE_INIT;
    nsw_status status = nsw_group_open(group, frame->at, frame->len, 0, out, BYTES, &len, &message);
    if (status == NSW_OK) {
        CHECK(message.sender == sender && message.epoch == info_of(group).epoch);
        CHECK(len == strlen(text) && memcmp(out, text, len) == 0);
    } else {
        CHECK(len == 0 && message.sender == 0);
    }
    return status;
}

/* Members 1, 2 and 3 of epoch 1, who know each other's chains. */
static void make_group(nsw_group **groups, uint16_t sign, seeded *entropy,
                       const nsw_allocator *mem) {
    static const uint16_t others[MEMBERS][2] = {{2, 3}, {1, 3}, {1, 2}};
    for (uint16_t i = 0; i < MEMBERS; i++) {
        nsw_group_config cfg = config_of((uint16_t)(i + 1), sign, entropy);
        REQUIRE_OK(nsw_group_create(&cfg, mem, &groups[i]));
        REQUIRE_OK(nsw_group_change(groups[i], 1, others[i], 2, NULL, 0, 0));
    }
    for (uint16_t i = 0; i < MEMBERS; i++) {
        for (size_t j = 0; j < 2; j++) {
            bytes told = announce(groups[i], others[i][j]);
            CHECK_SIZE(told.len,
                       sign ? NSW_GROUP_SIGNED_ANNOUNCEMENT : NSW_GROUP_ANNOUNCEMENT);
            CHECK_OK(nsw_group_accept(groups[others[i][j] - 1], (uint16_t)(i + 1), told.at,
                                      told.len));
        }
    }
}

static void end_group(nsw_group **groups) {
    for (size_t i = 0; i < MEMBERS; i++) {
        nsw_group_destroy(groups[i]);
    }
}

static void everybody_reads(uint16_t sign) {
    counting memory;
    seeded entropy;
    nsw_group *groups[MEMBERS];
    counting_init(&memory);
    seeded_init(&entropy, 5);
    make_group(groups, sign, &entropy, &memory.hook);
    nsw_group_config cfg = config_of(1, sign, NULL);
    size_t size = 0, align = 0;
    CHECK_OK(nsw_group_footprint(&cfg, &size, &align));
    CHECK_SIZE(memory.last_size, size);
    CHECK_SIZE(memory.last_align, align);
    CHECK_SIZE(memory.calls, MEMBERS);
    for (size_t i = 0; i < MEMBERS; i++) {
        bytes frame = seal(groups[i], "to all of you");
        for (size_t j = 0; j < MEMBERS; j++) {
            nsw_status expected = i == j ? NSW_ERR_COMM_PEER : NSW_OK;
            CHECK_STATUS(open(groups[j], &frame, (uint16_t)(i + 1), "to all of you"), expected);
            expected = i == j ? NSW_ERR_COMM_PEER : NSW_ERR_COMM_REPLAY;
            CHECK_STATUS(open(groups[j], &frame, 0, ""), expected);
        }
    }
    nsw_group_info info = info_of(groups[0]);
    CHECK(info.epoch == 1 && info.members == 2 && info.counter == 1);
    CHECK(info.opened == 2 && info.refused == 4);
    CHECK(info.has_previous == 1 && info.previous_epoch == 0);
    CHECK(info.overhead == (sign ? NSW_GROUP_SIGNED_OVERHEAD : NSW_GROUP_OVERHEAD));
    bytes frame = seal(groups[0], "");
    CHECK(memcmp(frame.at + 1, info.short_id, 2) == 0);
    CHECK_OK(open(groups[1], &frame, 1, ""));
    end_group(groups);
    counting_finish(&memory);
}

static void late_and_lost(void) {
    seeded entropy;
    nsw_group *groups[MEMBERS];
    bytes frames[40];
    seeded_init(&entropy, 6);
    make_group(groups, 0, &entropy, NULL);
    for (size_t i = 0; i < COUNT_OF(frames); i++) {
        frames[i] = seal(groups[0], "one of forty");
    }
    CHECK_STATUS(open(groups[1], &frames[21], 0, ""), NSW_ERR_COMM_AHEAD);
    CHECK_OK(open(groups[1], &frames[20], 1, "one of forty"));
    for (size_t i = 0; i < 20; i++) {
        /* Eight back from the newest is the window. */
        nsw_status expected = i < 13 ? NSW_ERR_COMM_REPLAY : NSW_OK;
        CHECK_STATUS(open(groups[1], &frames[i], 1, "one of forty"), expected);
    }
    bytes told = announce(groups[0], 2);
    CHECK_OK(nsw_group_accept(groups[1], 1, told.at, told.len));
    CHECK_OK(nsw_group_accept(groups[1], 1, told.at, told.len));
    CHECK_STATUS(open(groups[1], &frames[39], 0, ""), NSW_ERR_COMM_REPLAY);
    bytes frame = seal(groups[0], "and on");
    CHECK_OK(open(groups[1], &frame, 1, "and on"));
    CHECK_STATUS(nsw_group_accept(groups[1], 1, told.at, told.len), NSW_ERR_COMM_REPLAY);
    end_group(groups);
}

static void members_change(void) {
    seeded entropy;
    nsw_group *groups[MEMBERS];
    uint16_t numbers[MEMBERS];
    size_t len = 0;
    seeded_init(&entropy, 7);
    make_group(groups, 1, &entropy, NULL);
    bytes old = seal(groups[1], "old"), kept = seal(groups[2], "of the removed");
    CHECK_OK(nsw_group_remove(groups[0], 3, 1000));
    CHECK_OK(nsw_group_members(groups[0], numbers, COUNT_OF(numbers), &len));
    CHECK(len == 1 && numbers[0] == 2);
    CHECK_STATUS(nsw_group_missing(groups[0], numbers, 0, &len), NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_SIZE(len, 1);
    CHECK_OK(nsw_group_missing(groups[0], numbers, 1, NULL));
    CHECK(numbers[0] == 2);
    CHECK_STATUS(open(groups[0], &kept, 0, ""), NSW_ERR_COMM_PEER);
    uint8_t out[BYTES];
    CHECK_STATUS(nsw_group_announce(groups[0], 3, out, BYTES, &len), NSW_ERR_COMM_PEER);
    /* Frames of the epoch before: for a while, and not after it. */
    CHECK_OK(nsw_group_open(groups[0], old.at, old.len, 1000, out, BYTES, &len, NULL));
    CHECK_OK(nsw_group_expire(groups[0], 1000 + 9999999));
    CHECK(info_of(groups[0]).has_previous == 1);
    CHECK_OK(nsw_group_expire(groups[0], 1000 + 10000000));
    CHECK(info_of(groups[0]).has_previous == 0);
    CHECK_STATUS(open(groups[0], &old, 0, ""), NSW_ERR_COMM_EXPIRED);

    bytes secret = seal(groups[0], "without three");
    CHECK_STATUS(open(groups[2], &secret, 0, ""), NSW_ERR_COMM_STATE);
    CHECK_OK(nsw_group_rekey(groups[2], 0));
    CHECK_STATUS(open(groups[2], &secret, 0, ""), NSW_ERR_COMM_KEYS);

    /* All or nothing. */
    static const uint16_t two[] = {2}, four[] = {4}, twice[] = {5, 5};
    static const uint16_t many[] = {4, 5, 6}, own[] = {1};
    CHECK_STATUS(nsw_group_change(groups[0], 2, NULL, 0, NULL, 0, 0), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_group_change(groups[0], 3, two, 1, NULL, 0, 0), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_group_change(groups[0], 3, twice, 2, NULL, 0, 0), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_group_change(groups[0], 3, own, 1, NULL, 0, 0), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_group_change(groups[0], 3, NULL, 0, four, 1, 0), NSW_ERR_COMM_PEER);
    CHECK_STATUS(nsw_group_change(groups[0], 3, many, 3, NULL, 0, 0), NSW_ERR_CAPACITY);
    CHECK_STATUS(nsw_group_change(groups[0], 3, NULL, 1, NULL, 0, 0), NSW_ERR_NULL);
    entropy.fail = true;
    CHECK_STATUS(nsw_group_add(groups[0], 4, 0), NSW_ERR_HOOK);
    CHECK_STATUS(nsw_group_rekey(groups[0], 0), NSW_ERR_HOOK);
    CHECK(info_of(groups[0]).epoch == 2 && info_of(groups[0]).members == 1);
    entropy.fail = false;
    CHECK_OK(nsw_group_add(groups[0], 4, 0));
    CHECK_OK(nsw_group_change(groups[0], 9, many + 1, 2, two, 1, 0));
    CHECK(info_of(groups[0]).epoch == 9 && info_of(groups[0]).members == 3);
    end_group(groups);
}

static void damage(uint16_t sign) {
    seeded entropy;
    nsw_group *groups[MEMBERS];
    seeded_init(&entropy, 8);
    make_group(groups, sign, &entropy, NULL);
    bytes frame = seal(groups[0], "a text that nobody changes");
    for (size_t bit = 0; bit < frame.len * 8; bit += quick() ? 7 : 1) {
        bytes bad = frame;
        bad.at[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        CHECK(open(groups[1], &bad, 0, "") < 0);
    }
    for (size_t len = 0; len < frame.len; len++) {
        bytes bad = frame;
        bad.len = len;
        CHECK(open(groups[1], &bad, 0, "") < 0);
    }
    bytes told = announce(groups[0], 2);
    for (size_t len = 0; len < told.len; len++) {
        CHECK_STATUS(nsw_group_accept(groups[1], 1, told.at, len), NSW_ERR_COMM_FORMAT);
    }
    CHECK_STATUS(nsw_group_accept(groups[1], 3, told.at, told.len), NSW_ERR_COMM_AUTH);
    CHECK_STATUS(nsw_group_accept(groups[1], 9, told.at, told.len), NSW_ERR_COMM_PEER);
    CHECK_STATUS(nsw_group_accept(groups[1], 1, NULL, 9), NSW_ERR_NULL);
    CHECK(info_of(groups[1]).opened == 0);
    CHECK_OK(open(groups[1], &frame, 1, "a text that nobody changes"));
    end_group(groups);
}

static void buffers_and_settings(void) {
    seeded entropy;
    nsw_group *groups[MEMBERS], *none = (nsw_group *)&entropy;
    size_t size = 0, align = 0, len = 0;
    seeded_init(&entropy, 9);
    make_group(groups, 1, &entropy, NULL);
    uint8_t out[BYTES] = {0};
    const uint8_t text[] = "12345";
    CHECK_STATUS(nsw_group_seal(groups[0], text, 5, out, 92, &len), NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_SIZE(len, 93);
    CHECK_STATUS(nsw_group_seal(groups[0], out, 5, out, BYTES, &len), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_group_announce(groups[0], 2, out, 90, &len), NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_SIZE(len, 91);
    CHECK(info_of(groups[0]).counter == 0);
    bytes frame = seal(groups[0], "12345");
    CHECK_STATUS(nsw_group_open(groups[1], frame.at, frame.len, 0, out, 68, &len, NULL),
                 NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_SIZE(len, 69);
    CHECK_STATUS(nsw_group_open(groups[1], frame.at, frame.len, 0, frame.at, BYTES, &len, NULL),
                 NSW_ERR_INVALID);
    nsw_group_message message = NSW_GROUP_MESSAGE_INIT;
    message.size = 3;
    CHECK_STATUS(nsw_group_open(groups[1], frame.at, frame.len, 0, out, BYTES, &len, &message),
                 NSW_ERR_STRUCT_SIZE);
    CHECK(info_of(groups[1]).refused == 0);
    CHECK_OK(nsw_group_open(groups[1], frame.at, frame.len, 0, out, 69, &len, NULL));
    CHECK(len == 5 && memcmp(out, text, 5) == 0);
    CHECK_STATUS(nsw_group_describe(groups[0], NULL), NSW_ERR_NULL);
    end_group(groups);
    nsw_group_destroy(NULL);

    for (int i = 0; i < 6; i++) {
        nsw_group_config cfg = config_of(1, 0, &entropy);
        nsw_status expected = NSW_ERR_INVALID;
        cfg.members = i == 0 ? NSW_GROUP_MAX_MEMBERS + 1 : 3;
        cfg.window = i == 1 ? NSW_GROUP_MAX_WINDOW + 1 : 0;
        cfg.ahead = i == 2 ? NSW_GROUP_MAX_AHEAD + 1 : 0;
        cfg.reserved = i == 3;
        if (i == 4) {
            cfg.size = 27;
            expected = NSW_ERR_STRUCT_SIZE;
        }
        entropy.fail = i == 5;
        if (i == 5) {
            expected = NSW_ERR_HOOK;
            CHECK_OK(nsw_group_footprint(&cfg, &size, &align));
        } else {
            CHECK_STATUS(nsw_group_footprint(&cfg, &size, &align), expected);
        }
        CHECK_STATUS(nsw_group_create(&cfg, NULL, &none), expected);
        CHECK(none == NULL);
    }
    entropy.fail = false;
    nsw_entropy empty = NSW_ENTROPY_INIT;
    nsw_group_config cfg = config_of(1, 0, NULL);
    cfg.entropy = &empty;
    CHECK_STATUS(nsw_group_create(&cfg, NULL, &none), NSW_ERR_NULL);
    /* An epoch's frames end, and so do epochs. */
    cfg = config_of(1, 0, &entropy);
    cfg.frames = 1;
    cfg.epoch = UINT32_MAX;
    REQUIRE_OK(nsw_group_create(&cfg, NULL, &none));
    seal(none, "the only one");
    CHECK_STATUS(nsw_group_seal(none, text, 5, out, BYTES, &len), NSW_ERR_COMM_COUNTER);
    CHECK_STATUS(nsw_group_rekey(none, 0), NSW_ERR_COMM_COUNTER);
    nsw_group_destroy(none);
}

/* ---- secrets in memory -------------------------------------------------------------- */

/* An allocator of one block that stays readable after it was given back. */
static uint64_t block[4096];

static void *block_alloc(void *ctx, size_t size, size_t align) {
    (void)ctx;
    return size <= sizeof block && align <= 8 ? block : NULL;
}

static void block_free(void *ctx, void *ptr, size_t size, size_t align) {
    (void)ctx, (void)ptr, (void)size, (void)align;
}

static bool holds(const uint8_t *secret) {
    const uint8_t *at = (const uint8_t *)block;
    memory_looked_at(block, sizeof block);
    for (size_t i = 0; i + 32 <= sizeof block; i++) {
        if (memcmp(at + i, secret, 32) == 0) {
            return true;
        }
    }
    return false;
}

static nsw_allocator block_hook(void) {
    nsw_allocator hook = NSW_ALLOCATOR_INIT;
    memset(block, 0, sizeof block);
    hook.alloc = block_alloc;
    hook.free = block_free;
    return hook;
}

static void secrets_are_overwritten(void) {
    seeded entropy;
    nsw_group *group = NULL;
    nsw_allocator hook = block_hook();
    seeded_init(&entropy, 10);
    nsw_group_config cfg = config_of(1, 1, &entropy);
    REQUIRE_OK(nsw_group_create(&cfg, &hook, &group));
    CHECK_OK(nsw_group_add(group, 2, 0));
    /* The key for signatures is drawn last. */
    bytes told = announce(group, 2);
    CHECK(holds(told.at + 27) && holds(entropy.last));
    nsw_group_destroy(group);
    CHECK(!holds(told.at + 27) && !holds(entropy.last));
}

static void post_quantum(void) {
    seeded entropy;
    nsw_pq_offer *offer = NULL;
    nsw_pq_answer *answer = NULL;
    static uint8_t sent[NSW_PQ_OFFER], back[NSW_PQ_ANSWER];
    uint8_t ours[NSW_PQ_PSK], theirs[NSW_PQ_PSK], own[32] = {7};
    size_t len = 0, size = 0, align = 0;
    nsw_allocator hook = block_hook();
    seeded_init(&entropy, 11);
    nsw_pq_offer_config cfg = NSW_PQ_OFFER_CONFIG_INIT;
    cfg.entropy = &entropy.hook;
    CHECK_OK(nsw_pq_offer_footprint(&cfg, &size, &align));
    CHECK(size > 64 && size < 1024);
    REQUIRE_OK(nsw_pq_offer_create(&cfg, &hook, &offer));
    CHECK(holds(entropy.last));
    CHECK_STATUS(nsw_pq_offer_message(offer, sent, 1183, &len), NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_SIZE(len, NSW_PQ_OFFER);
    CHECK_OK(nsw_pq_offer_message(offer, sent, sizeof sent, &len));

    nsw_pq_answer_config to = NSW_PQ_ANSWER_CONFIG_INIT;
    to.offer = sent;
    to.offer_len = sizeof sent;
    to.static_psk = own;
    to.static_psk_len = 31;
    CHECK_OK(nsw_pq_answer_footprint(&to, &size, &align));
    CHECK_STATUS(nsw_pq_answer_create(&to, NULL, &answer), NSW_ERR_LENGTH);
    to.static_psk_len = 32;
    to.offer_len--;
    CHECK_STATUS(nsw_pq_answer_create(&to, NULL, &answer), NSW_ERR_COMM_FORMAT);
    to.offer_len++;
    to.reserved = 1;
    CHECK_STATUS(nsw_pq_answer_footprint(&to, &size, &align), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_pq_answer_create(&to, NULL, &answer), NSW_ERR_INVALID);
    to.reserved = 0;
    CHECK(answer == NULL);
    REQUIRE_OK(nsw_pq_answer_create(&to, NULL, &answer));
    CHECK_OK(nsw_pq_answer_message(answer, back, sizeof back, &len));
    CHECK_SIZE(len, NSW_PQ_ANSWER);
    CHECK_STATUS(nsw_pq_answer_message(answer, back, 9, &len), NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_OK(nsw_pq_answer_psk(answer, theirs, sizeof theirs, &len));
    CHECK_STATUS(nsw_pq_answer_psk(answer, theirs, 31, &len), NSW_ERR_BUFFER_TOO_SMALL);

    CHECK_STATUS(nsw_pq_offer_finish(offer, back, 1087, own, 32, ours, 32, &len),
                 NSW_ERR_COMM_FORMAT);
    CHECK_STATUS(nsw_pq_offer_finish(offer, back, sizeof back, own, 33, ours, 32, &len),
                 NSW_ERR_LENGTH);
    CHECK_STATUS(nsw_pq_offer_finish(offer, back, sizeof back, own, 32, ours, 31, &len),
                 NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_STATUS(nsw_pq_offer_finish(offer, back, sizeof back, own, 32, back, 32, &len),
                 NSW_ERR_INVALID);
    CHECK(holds(entropy.last));
    CHECK_OK(nsw_pq_offer_finish(offer, back, sizeof back, own, 32, ours, sizeof ours, &len));
    CHECK(len == NSW_PQ_PSK && memcmp(ours, theirs, sizeof ours) == 0);
    CHECK(!holds(entropy.last));
    CHECK_STATUS(nsw_pq_offer_finish(offer, back, sizeof back, own, 32, ours, 32, &len),
                 NSW_ERR_COMM_STATE);
    CHECK_STATUS(nsw_pq_offer_message(offer, sent, sizeof sent, &len), NSW_ERR_COMM_STATE);
    nsw_pq_offer_destroy(offer);

    /* A changed answer: another psk, so the handshake fails. */
    REQUIRE_OK(nsw_pq_offer_create(&cfg, &hook, &offer));
    CHECK_OK(nsw_pq_offer_message(offer, sent, sizeof sent, &len));
    nsw_pq_answer_destroy(answer);
    REQUIRE_OK(nsw_pq_answer_create(&to, NULL, &answer));
    CHECK_OK(nsw_pq_answer_message(answer, back, sizeof back, &len));
    CHECK_OK(nsw_pq_answer_psk(answer, theirs, sizeof theirs, &len));
    back[600] ^= 4;
    CHECK_OK(nsw_pq_offer_finish(offer, back, sizeof back, own, 32, ours, sizeof ours, &len));
    CHECK(memcmp(ours, theirs, sizeof ours) != 0);
    nsw_pq_offer_destroy(offer);
    nsw_pq_answer_destroy(answer);

    /* The responder's psk goes with it, and the seed of an offer that nobody answered. */
    REQUIRE_OK(nsw_pq_offer_create(&cfg, &hook, &offer));
    CHECK(holds(entropy.last));
    CHECK_OK(nsw_pq_offer_message(offer, sent, sizeof sent, &len));
    nsw_pq_offer_destroy(offer);
    CHECK(!holds(entropy.last));
    REQUIRE_OK(nsw_pq_answer_create(&to, &hook, &answer));
    CHECK_OK(nsw_pq_answer_psk(answer, theirs, sizeof theirs, &len));
    CHECK(holds(theirs));
    nsw_pq_answer_destroy(answer);
    CHECK(!holds(theirs));

    entropy.fail = true;
    to.entropy = &entropy.hook;
    CHECK_STATUS(nsw_pq_offer_create(&cfg, NULL, &offer), NSW_ERR_HOOK);
    CHECK_STATUS(nsw_pq_answer_create(&to, NULL, &answer), NSW_ERR_HOOK);
    CHECK(offer == NULL && answer == NULL);
    cfg.reserved = 1;
    CHECK_STATUS(nsw_pq_offer_footprint(&cfg, &size, &align), NSW_ERR_INVALID);
    nsw_pq_offer_destroy(NULL);
    nsw_pq_answer_destroy(NULL);
}

int main(void) {
    everybody_reads(0);
    everybody_reads(1);
    late_and_lost();
    members_change();
    damage(0);
    damage(1);
    buffers_and_settings();
    secrets_are_overwritten();
    post_quantum();
    return check_report("group");
}
