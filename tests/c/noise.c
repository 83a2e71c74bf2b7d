/*
 * The Noise handshake and its messages: the published vectors in both roles,
 * keys behind hooks, randomness that fails, and secrets that are gone from
 * memory when nobody needs them any more.
 */
#include <ctype.h>
#include <string.h>

#include "support.h"

#define XX "Noise_XX_25519_ChaChaPoly_BLAKE2s"

/* Room for any message of these tests. */
#define ROOM 512u
#define KEY_BYTES sizeof(nsw_key)

/* ---- published vectors ---------------------------------------------------------- */

#define MAX_MESSAGES 8u
#define MAX_FIELD 512u

typedef struct bytes {
    uint8_t data[MAX_FIELD];
    size_t len;
} bytes;

/* One side's fields; what a vector does not have is empty. */
typedef struct side_keys {
    bytes prologue, own_static, ephemeral, remote_static, psks;
} side_keys;

typedef struct vector {
    char name[64];
    side_keys side[2]; /* the initiator's, the responder's */
    bytes transcript;
    bytes payload[MAX_MESSAGES], text[MAX_MESSAGES];
    size_t messages;
} vector;

static unsigned digit(char c) {
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a') + 10u;
}

/* Appends the digits up to the next that is none; returns what follows. */
static const char *from_hex(const char *text, bytes *out) {
    for (; isxdigit((unsigned char)text[0]) && isxdigit((unsigned char)text[1]); text += 2) {
        REQUIRE(out->len < MAX_FIELD);
        out->data[out->len++] = (uint8_t)(digit(text[0]) << 4 | digit(text[1]));
    }
    return text;
}

static bytes *field_of(vector *v, const char *name) {
    static const char *const NAMES[] = {"prologue", "static", "ephemeral", "remote_static",
                                        "psks"};
    if (strcmp(name, "handshake_hash") == 0) {
        return &v->transcript;
    }
    side_keys *side = &v->side[strncmp(name, "resp_", 5) == 0];
    bytes *fields[] = {&side->prologue, &side->own_static, &side->ephemeral,
                       &side->remote_static, &side->psks};
    for (size_t i = 0; i < COUNT_OF(NAMES); i++) {
        if (strcmp(name + 5, NAMES[i]) == 0) {
            return fields[i];
        }
    }
    return NULL;
}

/* Reads the next vector; false when there is none. */
static bool next_vector(FILE *file, vector *v) {
    char line[2048];
    memset(v, 0, sizeof *v);
    while (fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '#' || (line[0] == '\0' && v->name[0] == '\0')) {
            continue;
        }
        if (line[0] == '\0') {
            return true;
        }
        char *value = strchr(line, ' ');
        if (value == NULL) {
            REQUIRE(strlen(line) < sizeof v->name);
            strcpy(v->name, line);
            continue;
        }
        *value++ = '\0';
        if (strcmp(line, "message") == 0) {
            REQUIRE(v->messages < MAX_MESSAGES);
            const char *text = from_hex(value, &v->payload[v->messages]);
            REQUIRE(*text == ' ');
            from_hex(text + 1, &v->text[v->messages++]);
            continue;
        }
        bytes *field = field_of(v, line);
        REQUIRE(field != NULL);
        const char *rest = value;
        while (*(rest = from_hex(rest, field)) == '+') {
            rest++;
        }
    }
    return v->name[0] != '\0';
}

/* ---- one side of a handshake ------------------------------------------------------ */

/* Gives the bytes that it was given, once. */
typedef struct fixed {
    nsw_entropy table;
    uint8_t key[KEY_BYTES];
    size_t left;
    unsigned calls;
} fixed;

static nsw_status fill_fixed(void *ctx, uint8_t *out, size_t len) {
    fixed *f = ctx;
    f->calls++;
    if (len > f->left) {
        return NSW_ERR_CAPACITY;
    }
    memcpy(out, f->key, len);
    f->left = 0;
    return NSW_OK;
}

static void fixed_init(fixed *f, const bytes *key) {
    memset(f, 0, sizeof *f);
    f->table.size = sizeof f->table;
    f->table.ctx = f;
    f->table.fill = fill_fixed;
    memcpy(f->key, key->data, key->len);
    f->left = key->len;
}

static const nsw_key *keys_or_null(const bytes *b) {
    return b->len > 0 ? (const nsw_key *)(const void *)b->data : NULL;
}

static nsw_noise_config config_of(const vector *v, bool initiator, const fixed *entropy) {
    const side_keys *side = &v->side[initiator ? 0 : 1];
    nsw_noise_config cfg = NSW_NOISE_CONFIG_INIT;
    cfg.initiator = initiator;
    cfg.protocol = v->name;
    cfg.prologue = side->prologue.data;
    cfg.prologue_len = side->prologue.len;
    cfg.static_private = keys_or_null(&side->own_static);
    cfg.remote_static = keys_or_null(&side->remote_static);
    cfg.psks = keys_or_null(&side->psks);
    cfg.psk_count = side->psks.len / KEY_BYTES;
    cfg.entropy = entropy == NULL ? NULL : &entropy->table;
    return cfg;
}

static nsw_noise *make(const nsw_noise_config *cfg, const nsw_allocator *mem) {
    nsw_noise *noise = NULL;
    REQUIRE_OK(nsw_noise_create(cfg, mem, &noise));
    REQUIRE(noise != NULL);
    return noise;
}

static nsw_noise_info info_of(const nsw_noise *noise) {
    nsw_noise_info info = NSW_NOISE_INFO_INIT;
    REQUIRE_OK(nsw_noise_describe(noise, &info));
    return info;
}

/* Writes message `i` of the vector, which must come out as published, and reads it. */
static void handshake_message(const vector *v, size_t i, nsw_noise *writer, nsw_noise *reader) {
    uint8_t buf[ROOM];
    size_t len = 0;
    const bytes *payload = &v->payload[i], *text = &v->text[i];
    CHECK(info_of(writer).my_turn == 1 && info_of(reader).my_turn == 0);
    CHECK_SIZE(info_of(writer).overhead, text->len - payload->len);
    CHECK_SIZE(info_of(reader).overhead, text->len - payload->len);
    CHECK_OK(nsw_noise_write(writer, payload->data, payload->len, buf, sizeof buf, &len));
    CHECK_NOTE(len == text->len && memcmp(buf, text->data, len) == 0, "%s message %zu", v->name, i);
    CHECK_OK(nsw_noise_read(reader, text->data, text->len, buf, sizeof buf, &len));
    CHECK_NOTE(len == payload->len && memcmp(buf, payload->data, len) == 0, "%s message %zu",
               v->name, i);
}

static void check_transcript(const nsw_noise *noise, const bytes *expected) {
    uint8_t buf[NSW_NOISE_MAX_TRANSCRIPT];
    size_t len = 0;
    CHECK_OK(nsw_noise_transcript(noise, buf, sizeof buf, &len));
    CHECK_SIZE(len, expected->len);
    CHECK_SIZE(info_of(noise).transcript_len, expected->len);
    CHECK(memcmp(buf, expected->data, expected->len) == 0);
}

/* The vector between two sides, from its message `i` on. */
static void run_vector(const vector *v, nsw_noise *const sides[2], size_t i) {
    uint8_t buf[ROOM];
    size_t len = 0;
    for (; i < v->messages && info_of(sides[0]).finished == 0; i++) {
        handshake_message(v, i, sides[i % 2], sides[1 - i % 2]);
    }
    bool one_way = i == 1;
    for (size_t side = 0; side < 2; side++) {
        nsw_noise_info info = info_of(sides[side]);
        CHECK_NOTE(info.finished == 1 && info.my_turn == 0, "%s", v->name);
        CHECK(info.initiator == (side == 0) && info.overhead == NSW_NOISE_TAG);
        CHECK(info.can_send == (!one_way || side == 0) &&
              info.can_receive == (!one_way || side == 1));
        CHECK(info.send_counter == 0 && info.receive_counter == 0);
        const char *name = v->name + strlen("Noise_");
        CHECK(strncmp(info.pattern, name, strlen(info.pattern)) == 0);
        char next = name[strlen(info.pattern)];
        CHECK(strlen(info.pattern) > 0 && (next == '_' || next == 'p'));
        check_transcript(sides[side], &v->transcript);
    }
    for (; i < v->messages; i++) {
        size_t from = one_way ? 0 : i % 2;
        const bytes *payload = &v->payload[i], *text = &v->text[i];
        CHECK_OK(nsw_noise_seal(sides[from], NULL, 0, payload->data, payload->len, buf,
                                sizeof buf, &len));
        CHECK_NOTE(len == text->len && memcmp(buf, text->data, len) == 0, "%s message %zu",
                   v->name, i);
        CHECK_OK(nsw_noise_open(sides[1 - from], NULL, 0, text->data, text->len, buf, sizeof buf,
                                &len));
        CHECK_NOTE(len == payload->len && memcmp(buf, payload->data, len) == 0,
                   "%s message %zu", v->name, i);
    }
    CHECK(info_of(sides[0]).send_counter == info_of(sides[1]).receive_counter);
    CHECK(info_of(sides[1]).send_counter == info_of(sides[0]).receive_counter);
    CHECK(info_of(sides[0]).send_counter > 0);
}

/* Calls `use` with every vector; returns how many there were. */
static unsigned for_each_vector(void (*use)(const vector *v)) {
    static vector v;
    unsigned count = 0;
    FILE *file = fopen(NSW_TEST_DATA "/noise.txt", "r");
    REQUIRE(file != NULL);
    while (next_vector(file, &v)) {
        use(&v);
        count++;
    }
    fclose(file);
    return count;
}

static void run_with_keys(const vector *v) {
    fixed entropy[2];
    nsw_noise *sides[2];
    for (size_t i = 0; i < 2; i++) {
        fixed_init(&entropy[i], &v->side[i].ephemeral);
        nsw_noise_config cfg = config_of(v, i == 0, &entropy[i]);
        sides[i] = make(&cfg, NULL);
    }
    run_vector(v, sides, 0);
    for (size_t i = 0; i < 2; i++) {
        CHECK_SIZE(entropy[i].calls, v->side[i].ephemeral.len > 0 ? 1 : 0);
        nsw_noise_destroy(sides[i]);
    }
}

static void published_vectors_in_both_roles(void) {
    CHECK_SIZE(for_each_vector(run_with_keys), 118);
}

/* ---- a key behind hooks -------------------------------------------------------------- */

static vector xx; /* the vector of XX */

static void keep_xx(const vector *v) {
    if (strcmp(v->name, XX) == 0) {
        xx = *v;
    }
}

/* What a secure element with the vector's key answers to the one question of XX: the keys of
   the vector's two static and two ephemeral private keys, and the secrets of each static key with
   the other side's ephemeral one. */
static const char *const STATIC_PUBLIC[2] = {
    "6bc3822a2aa7f4e6981d6538692b3cdf3e6df9eea6ed269eb41d93c22757b75a",
    "31e0303fd6418d2f8c0e78b91f22e8caed0fbe48656dcf4767e4834f701b8f62"};
static const char *const EPHEMERAL_PUBLIC[2] = {
    "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944",
    "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843"};
static const char *const SHARED[2] = {
    "fcdc0a32be181cc1336a7d41b7058486164839d50305d030af493b38146cc156",
    "fee9fdd40d7353f2eafbdb09e23c23890c30ad6c415dd5223f9e4185c2a9672e"};

typedef struct element {
    nsw_static_key table;
    size_t side;
    unsigned asked_public, asked_agree;
    nsw_status answer;  /* NSW_OK, or what it fails with */
    bool zeros;         /* agrees on zeros */
    nsw_noise *noise;   /* to call back into, or NULL */
} element;

static void call_back(nsw_noise *noise) {
    uint8_t buf[ROOM];
    nsw_key key;
    size_t len;
    nsw_noise_info info = NSW_NOISE_INFO_INIT;
    CHECK_STATUS(nsw_noise_write(noise, NULL, 0, buf, sizeof buf, &len), NSW_ERR_BUSY);
    CHECK_STATUS(nsw_noise_read(noise, buf, 64, buf + 64, 64, &len), NSW_ERR_BUSY);
    CHECK_STATUS(nsw_noise_describe(noise, &info), NSW_ERR_BUSY);
    CHECK_STATUS(nsw_noise_transcript(noise, buf, sizeof buf, &len), NSW_ERR_BUSY);
    CHECK_STATUS(nsw_noise_remote_static(noise, &key), NSW_ERR_BUSY);
    CHECK_STATUS(nsw_noise_seal(noise, NULL, 0, NULL, 0, buf, sizeof buf, &len), NSW_ERR_BUSY);
    CHECK_STATUS(nsw_noise_open_at(noise, 0, NULL, 0, buf, 16, NULL, 0, &len), NSW_ERR_BUSY);
    CHECK_STATUS(nsw_noise_rekey_send(noise), NSW_ERR_BUSY);
    nsw_noise_destroy(noise); /* in use: left alone */
}

static nsw_status element_public(void *ctx, nsw_key *public_key) {
    element *e = ctx;
    bytes key = {{0}, 0};
    from_hex(STATIC_PUBLIC[e->side], &key);
    memcpy(public_key->bytes, key.data, KEY_BYTES);
    e->asked_public++;
    return e->answer;
}

static nsw_status element_agree(void *ctx, const nsw_key *peer, nsw_key *shared) {
    element *e = ctx;
    bytes expected = {{0}, 0}, secret = {{0}, 0};
    from_hex(EPHEMERAL_PUBLIC[1 - e->side], &expected);
    from_hex(SHARED[e->side], &secret);
    CHECK(memcmp(peer->bytes, expected.data, KEY_BYTES) == 0);
    memcpy(shared->bytes, secret.data, KEY_BYTES);
    if (e->zeros) {
        memset(shared, 0, KEY_BYTES);
    }
    if (e->noise != NULL) {
        call_back(e->noise);
    }
    e->asked_agree++;
    return e->answer;
}

static void element_init(element *e, size_t side) {
    memset(e, 0, sizeof *e);
    e->table.size = sizeof e->table;
    e->table.ctx = e;
    e->table.public_key = element_public;
    e->table.agree = element_agree;
    e->side = side;
}

/* The same bytes as with the keys themselves, also while the hooks fail and call back. */
static void keys_behind_hooks(void) {
    element elements[2];
    fixed entropy[2];
    nsw_noise *sides[2];
    uint8_t buf[ROOM];
    size_t len = 0;
    for (size_t i = 0; i < 2; i++) {
        element_init(&elements[i], i);
        fixed_init(&entropy[i], &xx.side[i].ephemeral);
        nsw_noise_config cfg = config_of(&xx, i == 0, &entropy[i]);
        cfg.static_private = NULL;
        cfg.static_key = &elements[i].table;
        sides[i] = make(&cfg, NULL);
        elements[i].noise = sides[i];
        memset(&elements[i].table, 0x5A, sizeof elements[i].table); /* it was copied */
    }
    handshake_message(&xx, 0, sides[0], sides[1]);
    for (int i = 0; i < 4; i++) {
        static const nsw_status ANSWERS[] = {NSW_ERR_INVALID, 1, NSW_ERR_COMM_KEY, NSW_OK};
        static const nsw_status EXPECTED[] = {NSW_ERR_HOOK, NSW_ERR_HOOK, NSW_ERR_COMM_KEY,
                                              NSW_ERR_COMM_KEY};
        elements[1].answer = ANSWERS[i];
        elements[1].zeros = ANSWERS[i] == NSW_OK;
        CHECK_STATUS(nsw_noise_write(sides[1], NULL, 0, buf, sizeof buf, &len), EXPECTED[i]);
        CHECK(info_of(sides[1]).my_turn == 1);
        fixed_init(&entropy[1], &xx.side[1].ephemeral); /* it asked for a key, in vain */
    }
    elements[1].zeros = false;
    run_vector(&xx, sides, 1);
    for (size_t i = 0; i < 2; i++) {
        CHECK(elements[i].asked_public == 1 && elements[i].asked_agree > 0);
        nsw_noise_destroy(sides[i]);
    }
}

static void keys_behind_hooks_that_fail_at_once(void) {
    element e;
    fixed entropy;
    nsw_noise *noise = NULL;
    counting memory;
    counting_init(&memory);
    element_init(&e, 0);
    fixed_init(&entropy, &xx.side[0].ephemeral);
    nsw_noise_config cfg = config_of(&xx, true, &entropy);
    cfg.static_key = &e.table;
    CHECK_STATUS(nsw_noise_create(&cfg, &memory.hook, &noise), NSW_ERR_INVALID); /* both */
    cfg.static_private = NULL;
    e.answer = -1;
    CHECK_STATUS(nsw_noise_create(&cfg, &memory.hook, &noise), NSW_ERR_HOOK);
    e.answer = NSW_OK;
    e.table.reserved = 1;
    CHECK_STATUS(nsw_noise_create(&cfg, &memory.hook, &noise), NSW_ERR_INVALID);
    e.table.reserved = 0;
    e.table.agree = NULL;
    CHECK_STATUS(nsw_noise_create(&cfg, &memory.hook, &noise), NSW_ERR_NULL);
    element_init(&e, 0);
    e.table.public_key = NULL;
    CHECK_STATUS(nsw_noise_create(&cfg, &memory.hook, &noise), NSW_ERR_NULL);
    element_init(&e, 0);
    e.table.size = 8;
    CHECK_STATUS(nsw_noise_create(&cfg, &memory.hook, &noise), NSW_ERR_STRUCT_SIZE);
    CHECK(noise == NULL);
    counting_finish(&memory);
}

/* ---- randomness ------------------------------------------------------------------------ */

typedef struct failing {
    nsw_entropy table;
    unsigned calls, fail_at;
    nsw_noise *noise;
} failing;

static nsw_status fill_failing(void *ctx, uint8_t *out, size_t len) {
    failing *f = ctx;
    memset(out, (int)(0x40u + f->calls), len);
    if (f->noise != NULL) {
        call_back(f->noise);
    }
    return ++f->calls == f->fail_at ? NSW_ERR_COMM_AUTH : NSW_OK;
}

static failing failing_new(unsigned fail_at) {
    failing f = {NSW_ENTROPY_INIT, 0, fail_at, NULL};
    f.table.fill = fill_failing;
    return f;
}

/* The first call fails, the same call made again goes on as if nothing had been. */
static void entropy_that_fails_once(void) {
    failing entropy = failing_new(1);
    entropy.table.ctx = &entropy;
    nsw_noise_config cfg = config_of(&xx, true, NULL);
    cfg.entropy = &entropy.table;
    nsw_noise *noise = make(&cfg, NULL);
    entropy.noise = noise;
    uint8_t buf[ROOM], before[64], after[64];
    size_t len = 0;
    CHECK_OK(nsw_noise_transcript(noise, before, sizeof before, &len));
    CHECK_STATUS(nsw_noise_write(noise, NULL, 0, buf, sizeof buf, &len), NSW_ERR_HOOK);
    CHECK_OK(nsw_noise_transcript(noise, after, sizeof after, &len));
    CHECK(memcmp(before, after, len) == 0 && info_of(noise).my_turn == 1);
    CHECK_OK(nsw_noise_write(noise, NULL, 0, buf, sizeof buf, &len));
    CHECK_SIZE(len, KEY_BYTES);
    CHECK_SIZE(entropy.calls, 2);
    nsw_noise_destroy(noise);

    entropy = failing_new(0);
    entropy.table.ctx = &entropy;
    entropy.table.fill = NULL;
    cfg.entropy = &entropy.table;
    CHECK_STATUS(nsw_noise_create(&cfg, NULL, &noise), NSW_ERR_NULL);
    CHECK(noise == NULL);
}

static bool same_key(const nsw_key *a, const nsw_key *b) {
    return memcmp(a->bytes, b->bytes, KEY_BYTES) == 0;
}

static void key_pairs(void) {
    nsw_key private_key[2], public_key, again;
    for (size_t i = 0; i < 2; i++) {
        CHECK_OK(nsw_noise_keypair(NULL, &private_key[i], &public_key));
        CHECK_OK(nsw_noise_public_key(&private_key[i], &again));
        CHECK(same_key(&public_key, &again));
    }
    CHECK(!same_key(&private_key[0], &private_key[1]));
    /* Both sides agree on the same, and nobody else does. */
    nsw_key publics[2], agreed[3];
    for (size_t i = 0; i < 2; i++) {
        CHECK_OK(nsw_noise_public_key(&private_key[i], &publics[i]));
    }
    CHECK_OK(nsw_noise_agree(&private_key[0], &publics[1], &agreed[0]));
    CHECK_OK(nsw_noise_agree(&private_key[1], &publics[0], &agreed[1]));
    CHECK_OK(nsw_noise_agree(&private_key[0], &publics[0], &agreed[2]));
    CHECK(same_key(&agreed[0], &agreed[1]) && !same_key(&agreed[0], &agreed[2]));

    bytes expected = {{0}, 0};
    from_hex(STATIC_PUBLIC[0], &expected);
    again = *keys_or_null(&xx.side[0].own_static);
    CHECK_OK(nsw_noise_public_key(&again, &again));
    CHECK(same_key(keys_or_null(&expected), &again));

    failing entropy = failing_new(1);
    entropy.table.ctx = &entropy;
    memset(&again, 7, sizeof again);
    public_key = again;
    CHECK_STATUS(nsw_noise_keypair(&entropy.table, &again, &public_key), NSW_ERR_HOOK);
    for (size_t i = 0; i < KEY_BYTES; i++) {
        CHECK(again.bytes[i] == 7 && public_key.bytes[i] == 7);
    }
}

/* ---- secrets are gone when nobody needs them ---------------------------------------------- */

typedef struct watched {
    nsw_allocator hook;
    uint8_t *block;
    size_t size;
    bool freed;
    const uint8_t *secret[3];
    unsigned found; /* at the end of its life */
} watched;

static unsigned secrets_in(const watched *w) {
    unsigned found = 0;
    memory_looked_at(w->block, w->size);
    for (size_t i = 0; i < COUNT_OF(w->secret); i++) {
        for (size_t at = 0; at + KEY_BYTES <= w->size; at++) {
            /* Half of a key would be too much. */
            const uint8_t *secret = w->secret[i];
            bool same = memcmp(w->block + at, secret, KEY_BYTES / 2) == 0 ||
                        memcmp(w->block + at, secret + KEY_BYTES / 2, KEY_BYTES / 2) == 0;
            found |= same ? 1u << i : 0;
        }
    }
    return found;
}

static void *watched_alloc(void *ctx, size_t size, size_t align) {
    watched *w = ctx;
    (void)align; /* malloc's is enough */
    w->block = calloc(1, size);
    w->size = size;
    return w->block;
}

static void watched_free(void *ctx, void *ptr, size_t size, size_t align) {
    watched *w = ctx;
    (void)align;
    CHECK(ptr == w->block && size == w->size);
    w->found = secrets_in(w);
    w->freed = true;
    free(ptr);
}

/* Static key, pre-shared key and ephemeral key. */
static void secrets_are_overwritten(const vector *v) {
    if (strcmp(v->name, "Noise_XXpsk3_25519_ChaChaPoly_BLAKE2s") != 0) {
        return;
    }
    for (size_t messages = 0; messages <= 3; messages++) {
        watched memory[2] = {{NSW_ALLOCATOR_INIT, NULL, 0, false, {NULL}, 0},
                             {NSW_ALLOCATOR_INIT, NULL, 0, false, {NULL}, 0}};
        fixed entropy[2];
        nsw_noise *sides[2];
        for (size_t i = 0; i < 2; i++) {
            watched *w = &memory[i];
            w->hook.ctx = w;
            w->hook.alloc = watched_alloc;
            w->hook.free = watched_free;
            w->secret[0] = v->side[i].own_static.data;
            w->secret[1] = v->side[i].psks.data;
            w->secret[2] = v->side[i].ephemeral.data;
            fixed_init(&entropy[i], &v->side[i].ephemeral);
            nsw_noise_config cfg = config_of(v, i == 0, &entropy[i]);
            sides[i] = make(&cfg, &w->hook);
        }
        for (size_t i = 0; i < messages; i++) {
            handshake_message(v, i, sides[i % 2], sides[1 - i % 2]);
        }
        for (size_t i = 0; i < 2; i++) {
            /* That they can be found at all: the two keys at first, then the ephemeral one
               as well, none when the handshake is finished. */
            unsigned ephemeral = messages > i ? 4u : 0u;
            CHECK_SIZE(secrets_in(&memory[i]), messages == 3 ? 0 : 3u | ephemeral);
            nsw_noise_destroy(sides[i]);
            CHECK(memory[i].freed);
            CHECK_SIZE(memory[i].found, 0);
        }
    }
}

int main(void) {
    published_vectors_in_both_roles();
    for_each_vector(keep_xx);
    REQUIRE(xx.messages == 6);
    keys_behind_hooks();
    keys_behind_hooks_that_fail_at_once();
    entropy_that_fails_once();
    key_pairs();
    for_each_vector(secrets_are_overwritten);
    return check_report("noise");
}
