/*
 * Capabilities and revocations: a chain is issued, handed on, checked, looked into and revoked;
 * then everything that is refused, and every argument misused.
 */
#include <string.h>

#include "support.h"

#define NOW 1790000000u
#define TEXT(text) (const uint8_t *)(text), sizeof(text) - 1

/* Those with the seeds of 1, 2, 3 and 4; the first is the authority. */
static nsw_identity *who[4];
static nsw_key keys[4];

/* The authority's chain for 1, and the one that 1 made of it for 2. */
static uint8_t first[NSW_CAPABILITY_MAX], chain[NSW_CAPABILITY_MAX];
static size_t first_len, chain_len;

static void set_resource(nsw_capability_link *link, const char *text) {
    link->resource_len = (uint32_t)strlen(text);
    memcpy(link->resource, text, strlen(text));
}

static nsw_capability_link first_link(void) {
    nsw_capability_link link = NSW_CAPABILITY_LINK_INIT;
    link.subject = keys[1];
    link.operations = 7;
    link.expiry = NOW + 100;
    link.epoch = 9;
    link.serial = 300;
    link.depth = 2;
    set_resource(&link, "farm/");
    return link;
}

static nsw_capability_link second_link(void) {
    nsw_capability_link link = NSW_CAPABILITY_LINK_INIT;
    link.subject = keys[2];
    link.operations = 3;
    link.not_before = NOW;
    link.serial = 4;
    set_resource(&link, "farm/north/");
    return link;
}

static nsw_capability_check check_for(const nsw_key *holder) {
    nsw_capability_check check = NSW_CAPABILITY_CHECK_INIT;
    check.authorities = keys;
    check.authorities_len = 1;
    check.holder = *holder;
    check.now = NOW;
    check.resource = (const uint8_t *)"farm/north/pump";
    check.resource_len = 15;
    check.operations = 1;
    return check;
}

static nsw_status verify_with(const nsw_capability_check *check) {
    return nsw_capability_verify(chain, chain_len, check, NULL);
}

static void chains_are_issued_and_delegated(void) {
    nsw_capability_link link = first_link();
    CHECK_STATUS(nsw_capability_issue(who[0], &link, NULL, 0, &first_len),
                 NSW_ERR_BUFFER_TOO_SMALL);
    guarded exact = guarded_new(first_len, 1, 0);
    size_t len = 0;
    REQUIRE_OK(nsw_capability_issue(who[0], &link, exact.data, first_len, &len));
    CHECK_SIZE(len, first_len);
    memcpy(first, exact.data, len);
    guarded_free(&exact);
    REQUIRE_OK(nsw_capability_issue(who[0], &link, first, sizeof first, NULL));

    link = second_link();
    CHECK_STATUS(nsw_capability_delegate(who[1], first, first_len, &link, chain, 100, &chain_len),
                 NSW_ERR_BUFFER_TOO_SMALL);
    REQUIRE_OK(nsw_capability_delegate(who[1], first, first_len, &link, chain, chain_len, &len));
    CHECK_SIZE(len, chain_len);
    CHECK(memcmp(chain, first, first_len) == 0);
    CHECK(chain_len - first_len <= 120);
}

static void what_is_granted_is_told(void) {
    nsw_capability_check check = check_for(&keys[2]);
    nsw_capability_grant grant = NSW_CAPABILITY_GRANT_INIT;
    check.epoch = 5;
    REQUIRE_OK(nsw_capability_verify(chain, chain_len, &check, &grant));
    CHECK(grant.checks == (NSW_CHECKED_TIME | NSW_CHECKED_EPOCH));
    CHECK(grant.operations == 3 && grant.depth == 0 && grant.links == 2 && grant.serial == 4);
    CHECK(memcmp(&grant.authority, &keys[0], sizeof keys[0]) == 0);
    CHECK(grant.resource_len == 11 && memcmp(grant.resource, "farm/north/", 11) == 0);
    CHECK(grant.not_before == NOW && grant.expiry == NOW + 100 && grant.epoch == 9);
    CHECK(grant.max_bytes == 0 && grant.max_rate == 0);

    CHECK_OK(nsw_capability_allows(&grant, TEXT("farm/north/tank"), 3, NOW + 99, 9));
    CHECK_STATUS(nsw_capability_allows(&grant, TEXT("farm/south"), 1, NOW, 9),
                 NSW_ERR_COMM_DENIED);
    CHECK_STATUS(nsw_capability_allows(&grant, TEXT("farm/north/"), 4, NOW, 9),
                 NSW_ERR_COMM_DENIED);
    CHECK_STATUS(nsw_capability_allows(&grant, TEXT("farm/north/"), 0, NOW, 9), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_capability_allows(&grant, TEXT("farm/north/"), 1, NOW + 100, 9),
                 NSW_ERR_COMM_EXPIRED);
    CHECK_STATUS(nsw_capability_allows(&grant, TEXT("farm/north/"), 1, NOW, 10),
                 NSW_ERR_COMM_EXPIRED);
    CHECK_STATUS(nsw_capability_allows(&grant, TEXT("farm/north/"), 1, 0, 9),
                 NSW_ERR_COMM_EXPIRED);
    CHECK_STATUS(nsw_capability_allows(NULL, TEXT("farm/north/"), 1, NOW, 9), NSW_ERR_NULL);
    nsw_capability_grant bad = grant;
    bad.resource_len = 65;
    CHECK_STATUS(nsw_capability_allows(&bad, TEXT("farm/north/"), 1, NOW, 9), NSW_ERR_INVALID);
    bad = grant;
    bad.checks = 16;
    CHECK_STATUS(nsw_capability_allows(&bad, TEXT("farm/north/"), 1, NOW, 9), NSW_ERR_INVALID);
    bad = grant;
    bad.size = 8;
    CHECK_STATUS(nsw_capability_allows(&bad, TEXT("farm/north/"), 1, NOW, 9),
                 NSW_ERR_STRUCT_SIZE);
    /* A grant that nobody filled allows nothing. */
    nsw_capability_grant empty = NSW_CAPABILITY_GRANT_INIT;
    CHECK_STATUS(nsw_capability_allows(&empty, TEXT(""), 1, NOW, 9), NSW_ERR_COMM_DENIED);
}

static void a_node_without_a_clock_says_so(void) {
    nsw_capability_check check = check_for(&keys[2]);
    nsw_capability_grant grant = NSW_CAPABILITY_GRANT_INIT;
    check.now = 0;
    CHECK_STATUS(verify_with(&check), NSW_ERR_COMM_EXPIRED);
    check.epoch = 9;
    CHECK_OK(nsw_capability_verify(chain, chain_len, &check, &grant));
    CHECK(grant.checks == NSW_CHECKED_EPOCH);
    check.required = NSW_CHECKED_TIME;
    CHECK_STATUS(verify_with(&check), NSW_ERR_COMM_DENIED);
    check.required = 0;
    check.epoch = 10;
    CHECK_STATUS(verify_with(&check), NSW_ERR_COMM_EXPIRED);
}

static void what_is_not_allowed_is_refused(void) {
    nsw_capability_check check = check_for(&keys[2]);
    CHECK_OK(verify_with(&check));
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        nsw_capability_check other = check_for(&keys[i]);
        CHECK_STATUS(verify_with(&other), i == 2 ? NSW_OK : NSW_ERR_COMM_HOLDER);
    }
    check.authorities = &keys[3];
    CHECK_STATUS(verify_with(&check), NSW_ERR_COMM_UNTRUSTED);
    check.authorities_len = 0;
    check.authorities = NULL;
    CHECK_STATUS(verify_with(&check), NSW_ERR_COMM_UNTRUSTED);
    check = check_for(&keys[2]);
    check.operations = 4;
    CHECK_STATUS(verify_with(&check), NSW_ERR_COMM_DENIED);
    check = check_for(&keys[2]);
    check.resource_len = 10;
    CHECK_STATUS(verify_with(&check), NSW_ERR_COMM_DENIED);
    check = check_for(&keys[2]);
    check.now = NOW - 1;
    CHECK_STATUS(verify_with(&check), NSW_ERR_COMM_EXPIRED);

    check = check_for(&keys[2]);
    for (size_t at = 0; at < chain_len; at++) {
        chain[at] ^= 0x10;
        CHECK_NOTE(verify_with(&check) < 0, "byte %zu", at);
        chain[at] ^= 0x10;
        CHECK_NOTE(nsw_capability_verify(chain, at, &check, NULL) < 0, "%zu bytes", at);
    }
    CHECK_OK(verify_with(&check));
}

static void nobody_gives_away_more_than_he_has(void) {
    static const struct {
        size_t field, size;
        uint64_t value;
        nsw_status expected;
    } wide[] = {
#define FIELD(name, value, expected)                                                        \
    {offsetof(nsw_capability_link, name), sizeof((nsw_capability_link *)0)->name, value, expected}
        FIELD(operations, 8, NSW_ERR_COMM_WIDENED),
        FIELD(operations, 0, NSW_ERR_INVALID),
        FIELD(not_before, NOW + 100, NSW_ERR_COMM_WIDENED),
        FIELD(expiry, NOW + 101, NSW_ERR_COMM_WIDENED),
        FIELD(expiry, NOW, NSW_ERR_INVALID),
        FIELD(epoch, 10, NSW_ERR_COMM_WIDENED),
        FIELD(depth, 2, NSW_ERR_COMM_WIDENED),
        FIELD(depth, 4, NSW_ERR_INVALID),
        FIELD(depth, 256, NSW_ERR_INVALID),
        FIELD(caveat_count, 5, NSW_ERR_INVALID),
        FIELD(caveat_count, 1, NSW_ERR_INVALID), /* of kind 0 */
        FIELD(caveat_kinds, NSW_CAVEAT_IGNORABLE, NSW_OK), /* beyond the count */
        FIELD(resource_len, 4, NSW_ERR_COMM_WIDENED),
        FIELD(resource_len, 65, NSW_ERR_INVALID),
        FIELD(resource_len, UINT32_MAX, NSW_ERR_INVALID),
        FIELD(reserved, 1, NSW_ERR_INVALID),
        FIELD(size, 4, NSW_ERR_STRUCT_SIZE),
    };
    for (size_t i = 0; i < COUNT_OF(wide); i++) {
        uint8_t made[NSW_CAPABILITY_MAX] = {0}, none[NSW_CAPABILITY_MAX] = {0};
        nsw_capability_link link = second_link();
        /* The lowest bytes of the field, little-endian. */
        memcpy((uint8_t *)&link + wide[i].field, &wide[i].value, wide[i].size == 8 ? 8 : 4);
        nsw_status got =
            nsw_capability_delegate(who[1], first, first_len, &link, made, sizeof made, NULL);
        CHECK_NOTE(got == wide[i].expected, "%zu: %d", i, (int)got);
        CHECK(got == NSW_OK || memcmp(made, none, sizeof made) == 0);
    }
    nsw_capability_link link = second_link();
    uint8_t made[NSW_CAPABILITY_MAX];
    CHECK_STATUS(
        nsw_capability_delegate(who[2], first, first_len, &link, made, sizeof made, NULL),
        NSW_ERR_COMM_HOLDER);
    CHECK_STATUS(
        nsw_capability_delegate(who[2], chain, chain_len, &link, made, sizeof made, NULL),
        NSW_ERR_COMM_DEPTH);
    CHECK_STATUS(
        nsw_capability_delegate(who[1], first, first_len - 1, &link, made, sizeof made, NULL),
        NSW_ERR_COMM_FORMAT);
    /* The longer chain may not lie in the shorter one. */
    CHECK_STATUS(
        nsw_capability_delegate(who[1], first, first_len, &link, first, sizeof first, NULL),
        NSW_ERR_INVALID);
    link = first_link();
    link.expiry = link.epoch = 0;
    CHECK_STATUS(nsw_capability_issue(who[0], &link, made, sizeof made, NULL), NSW_ERR_INVALID);
    link = first_link();
    link.resource_len = 64;
    CHECK_STATUS(nsw_capability_issue(who[0], &link, made, sizeof made, NULL),
                 NSW_ERR_COMM_TOO_LONG);
}

static void chains_are_looked_into(void) {
    nsw_capability_info info = NSW_CAPABILITY_INFO_INIT;
    CHECK_OK(nsw_capability_describe(chain, chain_len, &info));
    CHECK(info.links == 2 && info.operations == 3 && info.depth == 0);
    CHECK(memcmp(info.authority_hint, &keys[0], sizeof info.authority_hint) == 0);
    CHECK(memcmp(&info.holder, &keys[2], sizeof keys[2]) == 0);
    CHECK(info.resource_len == 11 && memcmp(info.resource, "farm/north/", 11) == 0);
    CHECK(info.not_before == NOW && info.expiry == NOW + 100 && info.epoch == 9);

    nsw_capability_link expected[] = {first_link(), second_link()};
    for (size_t i = 0; i < 2; i++) {
        nsw_capability_link link = NSW_CAPABILITY_LINK_INIT;
        CHECK_OK(nsw_capability_inspect(chain, chain_len, i, &link));
        CHECK_NOTE(memcmp(&link, &expected[i], sizeof link) == 0, "link %zu", i);
    }
    nsw_capability_link link = NSW_CAPABILITY_LINK_INIT;
    CHECK_STATUS(nsw_capability_inspect(chain, chain_len, 2, &link), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_capability_inspect(chain, chain_len, SIZE_MAX, &link), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_capability_inspect(chain, chain_len, 0, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_capability_inspect(NULL, chain_len, 0, &link), NSW_ERR_NULL);
    CHECK_STATUS(nsw_capability_inspect(NULL, 0, 0, &link), NSW_ERR_COMM_FORMAT);
    CHECK_STATUS(nsw_capability_describe(chain, 7, &info), NSW_ERR_COMM_FORMAT);
    CHECK_STATUS(nsw_capability_describe(chain, chain_len, NULL), NSW_ERR_NULL);
    uint8_t other[NSW_CAPABILITY_MAX];
    memcpy(other, chain, chain_len);
    other[0] = 2;
    CHECK_STATUS(nsw_capability_describe(other, chain_len, &info), NSW_ERR_COMM_VERSION);
    info.size = 3;
    CHECK_STATUS(nsw_capability_describe(chain, chain_len, &info), NSW_ERR_STRUCT_SIZE);
}

/* The custom caveats that came, and the key that is refused. */
typedef struct decider {
    unsigned calls;
    uint32_t keys, values, refused;
} decider;

static uint32_t decide(void *ctx, uint32_t key, uint32_t value) {
    decider *d = ctx;
    d->calls++;
    d->keys += key;
    d->values += value;
    return key != d->refused;
}

static void caveats_are_kept_to(void) {
    nsw_capability_link link = first_link();
    uint64_t tag = 0;
    CHECK_OK(nsw_capability_network_tag(TEXT("north"), &tag));
    CHECK_STATUS(nsw_capability_network_tag(TEXT("north"), NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_capability_network_tag(NULL, 5, &tag), NSW_ERR_NULL);
    link.expiry = 0;
    link.serial = 3;
    link.caveat_count = 4;
    const uint32_t kinds[] = {NSW_CAVEAT_MAX_BYTES, NSW_CAVEAT_CUSTOM, NSW_CAVEAT_NETWORK,
                              NSW_CAVEAT_MAX_RATE};
    const uint64_t values[] = {5000, UINT64_C(7) << 32 | 9, tag, 12};
    memcpy(link.caveat_kinds, kinds, sizeof kinds);
    memcpy(link.caveat_values, values, sizeof values);
    uint8_t made[NSW_CAPABILITY_MAX];
    size_t len = 0;
    REQUIRE_OK(nsw_capability_issue(who[0], &link, made, sizeof made, &len));
    nsw_capability_link seen = NSW_CAPABILITY_LINK_INIT;
    CHECK_OK(nsw_capability_inspect(made, len, 0, &seen));
    CHECK(memcmp(&seen, &link, sizeof link) == 0);

    decider d = {0, 0, 0, 0};
    nsw_capability_check check = check_for(&keys[1]);
    nsw_capability_grant grant = NSW_CAPABILITY_GRANT_INIT;
    check.epoch = 9;
    check.custom = decide;
    check.ctx = &d;
    check.network = (const uint8_t *)"north";
    check.network_len = 5;
    CHECK_OK(nsw_capability_verify(made, len, &check, &grant));
    CHECK(d.calls == 1 && d.keys == 7 && d.values == 9);
    CHECK(grant.checks == (NSW_CHECKED_EPOCH | NSW_CHECKED_NETWORK));
    CHECK(grant.max_bytes == 5000 && grant.max_rate == 12);
    d.refused = 7;
    CHECK_STATUS(nsw_capability_verify(made, len, &check, NULL), NSW_ERR_COMM_DENIED);
    d.refused = 0;
    check.network_len = 4;
    CHECK_STATUS(nsw_capability_verify(made, len, &check, NULL), NSW_ERR_COMM_DENIED);
    check.network_len = 0;
    CHECK_STATUS(nsw_capability_verify(made, len, &check, NULL), NSW_ERR_COMM_DENIED);
    check.network_len = 5;
    check.custom = NULL;
    CHECK_STATUS(nsw_capability_verify(made, len, &check, NULL), NSW_ERR_COMM_DENIED);
    CHECK(d.calls == 2);
    link.caveat_values[0] = 0;
    CHECK_STATUS(nsw_capability_issue(who[0], &link, made, sizeof made, &len), NSW_ERR_INVALID);
}

static void what_is_revoked_is_refused(void) {
    nsw_revocation_id ids[3], again[3];
    CHECK_OK(nsw_revocation_link_id(&keys[0], 300, &ids[0]));
    CHECK_OK(nsw_revocation_key_id(&keys[2], &ids[1]));
    CHECK_OK(nsw_revocation_link_id(&keys[3], 1, &ids[2]));
    CHECK(memcmp(&ids[0], &ids[1], sizeof ids[0]) != 0);
    uint8_t list[200], newer[200];
    size_t len = 0, newer_len = 0, count = 0;
    for (size_t i = 0; i < 3; i++) {
        nsw_capability_check check = check_for(&keys[2]);
        REQUIRE_OK(nsw_revocation_issue(who[0], 9, 2, &ids[i], 1, list, sizeof list, &len));
        CHECK_SIZE(len, 101);
        check.revocations = list;
        check.revocations_len = len;
        check.required = NSW_CHECKED_REVOCATION;
        CHECK_STATUS(verify_with(&check), i < 2 ? NSW_ERR_COMM_REVOKED : NSW_OK);
        /* A damaged list is not overlooked. */
        list[40] ^= 1;
        CHECK_STATUS(verify_with(&check), NSW_ERR_COMM_SIGNATURE);
        check.revocations_len--;
        CHECK_STATUS(verify_with(&check), NSW_ERR_COMM_FORMAT);
        check.revocations_len = 0;
        CHECK_STATUS(verify_with(&check), NSW_ERR_COMM_DENIED);
    }
    /* Two authorities' lists, one after the other: the second is the chain's. */
    uint8_t both[400];
    REQUIRE_OK(nsw_revocation_issue(who[3], 90, 0, NULL, 0, both, sizeof both, &len));
    CHECK_SIZE(len, 85);
    REQUIRE_OK(
        nsw_revocation_issue(who[0], 1, 0, ids, 2, both + len, sizeof both - len, &newer_len));
    nsw_capability_check check = check_for(&keys[2]);
    check.revocations = both;
    check.revocations_len = len;
    CHECK_OK(verify_with(&check));
    check.revocations_len = len + newer_len;
    CHECK_STATUS(verify_with(&check), NSW_ERR_COMM_REVOKED);
    check.required = NSW_CHECKED_REVOCATION;
    check.revocations_len = len;
    CHECK_STATUS(verify_with(&check), NSW_ERR_COMM_DENIED);
    /* The list's epoch ends the chain. */
    REQUIRE_OK(nsw_revocation_issue(who[0], 10, 0, NULL, 0, list, sizeof list, &len));
    check.revocations = list;
    CHECK_STATUS(verify_with(&check), NSW_ERR_COMM_EXPIRED);

    REQUIRE_OK(nsw_revocation_issue(who[0], 9, 2, ids, 2, list, sizeof list, &len));
    REQUIRE_OK(nsw_revocation_issue(who[0], 9, 3, ids, 3, newer, sizeof newer, &newer_len));
    nsw_revocation_info info = NSW_REVOCATION_INFO_INIT;
    CHECK_OK(nsw_revocation_verify(list, len, NULL, 0, keys, 1, &info));
    CHECK(info.epoch == 9 && info.sequence == 2 && info.count == 2);
    CHECK(memcmp(&info.authority, &keys[0], sizeof keys[0]) == 0);
    CHECK_OK(nsw_revocation_verify(newer, newer_len, list, len, keys, 1, NULL));
    CHECK_STATUS(nsw_revocation_verify(list, len, newer, newer_len, keys, 1, &info),
                 NSW_ERR_COMM_EXPIRED);
    CHECK_STATUS(nsw_revocation_verify(list, len, list, len, keys, 1, &info),
                 NSW_ERR_COMM_EXPIRED);
    CHECK_STATUS(nsw_revocation_verify(list, len, NULL, 0, &keys[1], 3, &info),
                 NSW_ERR_COMM_UNTRUSTED);
    CHECK_STATUS(nsw_revocation_verify(list, len - 1, NULL, 0, keys, 1, &info),
                 NSW_ERR_COMM_FORMAT);
    CHECK_STATUS(nsw_revocation_verify(NULL, len, NULL, 0, keys, 1, &info), NSW_ERR_NULL);
    CHECK_STATUS(nsw_revocation_verify(list, len, NULL, 0, NULL, 1, &info), NSW_ERR_NULL);
    CHECK_STATUS(nsw_revocation_verify(list, len, NULL, 0, keys, SIZE_MAX, &info),
                 NSW_ERR_OVERFLOW);

    CHECK_STATUS(nsw_revocation_ids(newer, newer_len, again, 2, &count),
                 NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_SIZE(count, 3);
    CHECK_OK(nsw_revocation_ids(newer, newer_len, again, 3, &count));
    CHECK(memcmp(&again[0], &again[1], sizeof again[0]) < 0);
    CHECK(memcmp(&again[1], &again[2], sizeof again[0]) < 0);
    uint8_t same[200];
    CHECK_OK(nsw_revocation_issue(who[0], 9, 3, again, 3, same, newer_len, NULL));
    CHECK(memcmp(same, newer, newer_len) == 0);
    CHECK_STATUS(nsw_revocation_ids(newer, newer_len - 1, again, 3, &count), NSW_ERR_COMM_FORMAT);

    again[1] = again[0];
    CHECK_STATUS(nsw_revocation_issue(who[0], 9, 3, again, 3, same, sizeof same, NULL),
                 NSW_ERR_INVALID);
    CHECK_STATUS(nsw_revocation_issue(who[0], 0, 3, ids, 3, same, sizeof same, NULL),
                 NSW_ERR_INVALID);
    CHECK_STATUS(nsw_revocation_issue(who[0], 9, 3, ids, 3, same, 132, &len),
                 NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_SIZE(len, 133);
    CHECK_STATUS(nsw_revocation_issue(who[0], 9, 3, ids, SIZE_MAX / 2, same, sizeof same, NULL),
                 NSW_ERR_OVERFLOW);
    CHECK_STATUS(nsw_revocation_issue(NULL, 9, 3, ids, 3, same, sizeof same, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_revocation_link_id(NULL, 1, &ids[0]), NSW_ERR_NULL);
    CHECK_STATUS(nsw_revocation_link_id(&keys[0], 1, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_revocation_key_id(NULL, &ids[0]), NSW_ERR_NULL);
    CHECK_STATUS(nsw_revocation_key_id(&keys[0], NULL), NSW_ERR_NULL);
}

/* A secure element: signs with the authority's key, unless it fails. */
typedef struct element {
    nsw_status answer;
    int wrongly;
    unsigned calls;
} element;

static nsw_status element_keys(void *ctx, nsw_key *identity, nsw_key *noise) {
    (void)ctx;
    *identity = keys[0];
    memset(noise, 9, sizeof *noise);
    return NSW_OK;
}

static nsw_status element_agree(void *ctx, const nsw_key *peer, nsw_key *shared) {
    (void)ctx, (void)peer, (void)shared;
    FAIL("nobody agrees on anything here");
    return NSW_ERR_HOOK;
}

/* nsw_identity_sign does not sign what begins with the library's name, so the element has the
   signature from a chain that the key itself signed. */
static nsw_status element_sign(void *ctx, const uint8_t *message, size_t len,
                               nsw_signature *signature) {
    element *e = ctx;
    e->calls++;
    CHECK_SIZE(len, 58);
    CHECK(memcmp(message, "neural-swarm/capability/1\n", 26) == 0);
    memcpy(signature, first + first_len - sizeof *signature, sizeof *signature);
    signature->bytes[5] ^= (uint8_t)(e->wrongly ? 1 : 0);
    return e->answer;
}

static void secure_elements_sign(void) {
    element e = {NSW_OK, 0, 0};
    nsw_secrets secrets = NSW_SECRETS_INIT;
    secrets.ctx = &e;
    secrets.public_keys = element_keys;
    secrets.agree = element_agree;
    secrets.sign = element_sign;
    nsw_identity_config cfg = NSW_IDENTITY_CONFIG_INIT;
    cfg.secrets = &secrets;
    nsw_identity *authority = NULL;
    REQUIRE_OK(nsw_identity_create(&cfg, NULL, &authority));
    nsw_capability_link link = first_link();
    uint8_t made[NSW_CAPABILITY_MAX] = {0}, none[NSW_CAPABILITY_MAX] = {0};
    size_t len = 0;
    /* It is not asked for what has no room. */
    CHECK_STATUS(nsw_capability_issue(authority, &link, made, first_len - 1, &len),
                 NSW_ERR_BUFFER_TOO_SMALL);
    CHECK(e.calls == 0);
    e.wrongly = 1;
    CHECK_STATUS(nsw_capability_issue(authority, &link, made, sizeof made, &len), NSW_ERR_HOOK);
    e.wrongly = 0;
    e.answer = 1;
    CHECK_STATUS(nsw_capability_issue(authority, &link, made, sizeof made, &len), NSW_ERR_HOOK);
    CHECK(memcmp(made, none, sizeof made) == 0);
    e.answer = NSW_OK;
    CHECK_OK(nsw_capability_issue(authority, &link, made, sizeof made, &len));
    CHECK(len == first_len && memcmp(made, first, len) == 0);
    CHECK(e.calls == 3);
    nsw_identity_destroy(authority);
}

static void wrong_arguments_are_answered(void) {
    nsw_capability_link link = first_link();
    nsw_capability_check check = check_for(&keys[2]);
    nsw_capability_grant grant = NSW_CAPABILITY_GRANT_INIT;
    uint8_t made[NSW_CAPABILITY_MAX], zeros[512] = {0};
    const struct {
        const void *handle;
        nsw_status expected;
    } wrong[] = {
        {NULL, NSW_ERR_NULL},
        {(uint8_t *)who[0] + 1, NSW_ERR_ALIGNMENT},
        {zeros + 16 - (uintptr_t)zeros % 16, NSW_ERR_HANDLE},
        {who[0], NSW_OK},
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        const nsw_identity *handle = wrong[i].handle;
        CHECK_STATUS(nsw_capability_issue(handle, &link, made, sizeof made, NULL),
                     wrong[i].expected);
        CHECK_STATUS(nsw_revocation_issue(handle, 1, 0, NULL, 0, made, sizeof made, NULL),
                     wrong[i].expected);
        nsw_status got =
            nsw_capability_delegate(handle, first, first_len, &link, made, sizeof made, NULL);
        CHECK(wrong[i].expected == NSW_OK ? got == NSW_ERR_COMM_WIDENED : got == wrong[i].expected);
    }
    CHECK_STATUS(nsw_capability_issue(who[0], NULL, made, sizeof made, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_capability_issue(who[0], &link, NULL, sizeof made, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_capability_delegate(who[1], NULL, 9, &link, made, sizeof made, NULL),
                 NSW_ERR_NULL);
    CHECK_STATUS(nsw_capability_verify(chain, chain_len, NULL, &grant), NSW_ERR_NULL);
    CHECK_STATUS(nsw_capability_verify(NULL, chain_len, &check, &grant), NSW_ERR_NULL);
    CHECK_STATUS(nsw_capability_verify(NULL, 0, &check, &grant), NSW_ERR_COMM_FORMAT);
    CHECK_STATUS(nsw_capability_verify(chain, SIZE_MAX, &check, &grant), NSW_ERR_OVERFLOW);
    nsw_capability_check bad = check;
    bad.operations = 0;
    CHECK_STATUS(verify_with(&bad), NSW_ERR_INVALID);
    bad = check;
    bad.reserved = 1;
    CHECK_STATUS(verify_with(&bad), NSW_ERR_INVALID);
    bad = check;
    bad.required = 16;
    CHECK_STATUS(verify_with(&bad), NSW_ERR_INVALID);
    bad = check;
    bad.resource = NULL;
    CHECK_STATUS(verify_with(&bad), NSW_ERR_NULL);
    bad = check;
    bad.authorities = NULL;
    CHECK_STATUS(verify_with(&bad), NSW_ERR_NULL);
    bad = check;
    bad.revocations_len = 1;
    CHECK_STATUS(verify_with(&bad), NSW_ERR_NULL);
    bad = check;
    bad.size -= 4;
    CHECK_STATUS(verify_with(&bad), NSW_ERR_STRUCT_SIZE);
    grant.size = 4;
    CHECK_STATUS(nsw_capability_verify(chain, chain_len, &check, &grant), NSW_ERR_STRUCT_SIZE);
}

/* A newer caller's struct is taken if what this library does not know is zero. */
static void newer_callers_are_served(void) {
    struct {
        nsw_capability_check check;
        uint64_t later;
    } newer = {check_for(&keys[2]), 0};
    newer.check.size = sizeof newer;
    CHECK_OK(verify_with(&newer.check));
    newer.later = 1;
    CHECK_STATUS(verify_with(&newer.check), NSW_ERR_STRUCT_SIZE);
}

int main(void) {
    for (uint8_t i = 0; i < COUNT_OF(who); i++) {
        nsw_key seed;
        memset(&seed, i + 1, sizeof seed);
        nsw_identity_config cfg = NSW_IDENTITY_CONFIG_INIT;
        cfg.seed = &seed;
        REQUIRE_OK(nsw_identity_create(&cfg, NULL, &who[i]));
        REQUIRE_OK(nsw_identity_public(who[i], &keys[i]));
    }
    chains_are_issued_and_delegated();
    what_is_granted_is_told();
    a_node_without_a_clock_says_so();
    what_is_not_allowed_is_refused();
    nobody_gives_away_more_than_he_has();
    chains_are_looked_into();
    caveats_are_kept_to();
    what_is_revoked_is_refused();
    secure_elements_sign();
    wrong_arguments_are_answered();
    newer_callers_are_served();
    for (size_t i = 0; i < COUNT_OF(who); i++) {
        nsw_identity_destroy(who[i]);
    }
    return check_report("capability");
}
