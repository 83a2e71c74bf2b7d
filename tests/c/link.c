/*
 * Identities, certificates and the link in C: two links over memory, with a secure
 * element behind hooks, and what is refused.
 */
#define _POSIX_C_SOURCE 200809L
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support.h"

static const uint8_t network[] = {'t', 'e', 's', 't'};

typedef struct side {
    nsw_link *link;
    nsw_identity *identity;
    nsw_key key, noise;
    uint32_t peer;
    unsigned connected, closed, failed;
    uint8_t text[2048];
    size_t text_len;
    unsigned messages;
} side;

static uint64_t now = 1000000;

static nsw_link_config config_of(const side *who) {
    nsw_link_config cfg = NSW_LINK_CONFIG_INIT;
    cfg.identity = who->identity;
    cfg.network = network;
    cfg.network_len = sizeof network;
    cfg.peers = 2;
    return cfg;
}

static void make_identity(side *who, uint8_t number) {
    nsw_key seed;
    memset(seed.bytes, number, sizeof seed.bytes);
    nsw_identity_config cfg = NSW_IDENTITY_CONFIG_INIT;
    cfg.seed = &seed;
    REQUIRE_OK(nsw_identity_create(&cfg, NULL, &who->identity));
    REQUIRE_OK(nsw_identity_public(who->identity, &who->key));
    REQUIRE_OK(nsw_identity_noise_key(who->identity, &who->noise));
}

static nsw_address address_of(uint8_t number) {
    nsw_address address = NSW_ADDRESS_INIT;
    address.len = 1;
    address.bytes[0] = number;
    return address;
}

/* Carries frames between two sides until nobody has any more. */
static void carry(side *sides) {
    for (int quiet = 0; quiet < 2;) {
        quiet = 0;
        for (int i = 0; i < 2; i++) {
            uint8_t frame[2048];
            size_t len = 0;
            nsw_link_output out = NSW_LINK_OUTPUT_INIT;
            nsw_status status = nsw_link_next(sides[i].link, now, frame, sizeof frame, &len, &out);
            if (status == NSW_DONE) {
                quiet++;
                continue;
            }
            REQUIRE_OK(status);
            if (out.kind == NSW_LINK_CONNECTED) {
                sides[i].peer = out.peer;
                sides[i].connected++;
            } else if (out.kind == NSW_LINK_CLOSED) {
                sides[i].closed++;
            } else if (out.kind == NSW_LINK_FAILED) {
                sides[i].failed++;
            } else {
                side *other = &sides[1 - i];
                nsw_address from = address_of((uint8_t)i);
                nsw_link_received got = NSW_LINK_RECEIVED_INIT;
                CHECK(out.kind == NSW_LINK_FRAME);
                CHECK(out.address.len == 1 && out.address.bytes[0] == 1 - i);
                CHECK_OK(nsw_link_receive(other->link, &from, frame, len, now, other->text,
                                          sizeof other->text, &other->text_len, &got));
                CHECK(!got.message);
            }
        }
    }
}

static void say(side *sides, int from, const char *text) {
    uint8_t frame[2048];
    size_t len = 0;
    nsw_address to = NSW_ADDRESS_INIT, at = address_of((uint8_t)from);
    nsw_link_received got = NSW_LINK_RECEIVED_INIT;
    side *other = &sides[1 - from];
    CHECK_OK(nsw_link_send(sides[from].link, sides[from].peer, (const uint8_t *)text, strlen(text),
                           now, frame, sizeof frame, &len, &to));
    CHECK_SIZE(len, strlen(text) + 24);
    CHECK_OK(nsw_link_receive(other->link, &at, frame, len, now, other->text, sizeof other->text,
                              &other->text_len, &got));
    CHECK(got.message && got.peer == other->peer);
    CHECK_SIZE(other->text_len, strlen(text));
    CHECK(memcmp(other->text, text, strlen(text)) == 0);
    /* Once only. */
    CHECK_STATUS(nsw_link_receive(other->link, &at, frame, len, now, other->text,
                                  sizeof other->text, NULL, &got),
                 NSW_ERR_COMM_REPLAY);
}

static void start(side *sides) {
    memset(sides, 0, 2 * sizeof *sides);
    for (int i = 0; i < 2; i++) {
        make_identity(&sides[i], (uint8_t)(i + 1));
        nsw_link_config cfg = config_of(&sides[i]);
        REQUIRE_OK(nsw_link_create(&cfg, NULL, &sides[i].link));
    }
}

static void stop(side *sides) {
    for (int i = 0; i < 2; i++) {
        nsw_link_destroy(sides[i].link);
        nsw_identity_destroy(sides[i].identity);
    }
}

static void two_nodes(void) {
    for (int ik = 0; ik < 2; ik++) {
        side sides[2];
        start(sides);
        nsw_address to = address_of(1);
        CHECK_OK(nsw_link_pin(sides[0].link, &sides[1].key));
        CHECK_OK(nsw_link_pin(sides[1].link, &sides[0].key));
        CHECK_OK(nsw_link_connect(sides[0].link, &to, &sides[1].key, ik ? &sides[1].noise : NULL, 5,
                                  now));
        carry(sides);
        CHECK(sides[0].connected == 1 && sides[1].connected == 1);
        say(sides, 0, "hello");
        say(sides, 1, "");
        say(sides, 1, "hello back");

        nsw_link_peer peer = NSW_LINK_PEER_INIT;
        CHECK_OK(nsw_link_peer_info(sides[0].link, sides[0].peer, &peer));
        CHECK(peer.trusted == NSW_TRUSTED_PINNED && peer.capability_len == 0);
        CHECK(memcmp(peer.identity.bytes, sides[1].key.bytes, 32) == 0);
        uint32_t found = 0;
        CHECK_OK(nsw_link_find(sides[0].link, &sides[1].key, &found));
        CHECK(found == sides[0].peer);
        CHECK_STATUS(nsw_link_find(sides[0].link, &sides[0].key, &found), NSW_ERR_COMM_PEER);
        nsw_link_info info = NSW_LINK_INFO_INIT;
        CHECK_OK(nsw_link_describe(sides[0].link, &info));
        CHECK(info.sent == 1 && info.received == 2 && info.handshakes == 1 && info.replayed == 2);
        CHECK(info.max_message == 1280 - 24);

        CHECK_OK(nsw_link_close(sides[1].link, sides[1].peer));
        carry(sides);
        CHECK(sides[0].closed == 1);
        CHECK_STATUS(nsw_link_close(sides[0].link, sides[0].peer), NSW_ERR_COMM_PEER);
        stop(sides);
    }
}

static void strangers(void) {
    side sides[2];
    start(sides);
    nsw_address to = address_of(1);
    CHECK_OK(nsw_link_pin(sides[0].link, &sides[1].key));
    CHECK_OK(nsw_link_connect(sides[0].link, &to, NULL, NULL, 5, now));
    /* The frames by hand: the last one is refused, by name. */
    nsw_status last = NSW_OK;
    for (int step = 0; step < 3; step++) {
        uint8_t frame[2048];
        size_t len = 0;
        int from = step % 2;
        nsw_link_output out = NSW_LINK_OUTPUT_INIT;
        nsw_link_received got = NSW_LINK_RECEIVED_INIT;
        nsw_address at = address_of((uint8_t)from);
        REQUIRE_OK(nsw_link_next(sides[from].link, now, frame, sizeof frame, &len, &out));
        last = nsw_link_receive(sides[1 - from].link, &at, frame, len, now, NULL, 0, NULL, &got);
    }
    CHECK_STATUS(last, NSW_ERR_COMM_UNTRUSTED);
    nsw_link_info info = NSW_LINK_INFO_INIT;
    CHECK_OK(nsw_link_describe(sides[1].link, &info));
    CHECK(info.refused == 1 && info.handshakes == 0);
    stop(sides);
}

static void certificates(void) {
    side sides[2];
    start(sides);
    side authority;
    make_identity(&authority, 9);
    for (int i = 0; i < 2; i++) {
        nsw_certificate fields = NSW_CERTIFICATE_INIT;
        uint8_t bytes[NSW_CERTIFICATE_SIZE];
        size_t len = 0;
        uint64_t wall = 1500;
        fields.serial = 40u + (uint32_t)i;
        fields.not_before = 1000;
        fields.not_after = 2000;
        fields.epoch = 7;
        CHECK_STATUS(nsw_certificate_issue(authority.identity, &sides[i].key, &fields, bytes,
                                           sizeof bytes - 1, &len),
                     NSW_ERR_BUFFER_TOO_SMALL);
        CHECK_SIZE(len, NSW_CERTIFICATE_SIZE);
        CHECK_OK(nsw_certificate_issue(authority.identity, &sides[i].key, &fields, bytes,
                                       sizeof bytes, &len));
        nsw_certificate read = NSW_CERTIFICATE_INIT;
        CHECK_OK(nsw_certificate_inspect(bytes, len, &read));
        CHECK(read.serial == fields.serial && read.epoch == 7 && read.not_after == 2000);
        CHECK(memcmp(read.authority, authority.key.bytes, 4) == 0);
        CHECK_OK(nsw_certificate_verify(bytes, len, &authority.key, &sides[i].key, &wall, 7));
        CHECK_OK(nsw_certificate_verify(bytes, len, &authority.key, &sides[i].key, NULL, 0));
        CHECK_STATUS(nsw_certificate_verify(bytes, len, &authority.key, &sides[i].key, NULL, 8),
                     NSW_ERR_COMM_REVOKED);
        wall = 2001;
        CHECK_STATUS(nsw_certificate_verify(bytes, len, &authority.key, &sides[i].key, &wall, 7),
                     NSW_ERR_COMM_EXPIRED);
        CHECK_STATUS(nsw_certificate_verify(bytes, len, &authority.key, &sides[1 - i].key, NULL, 7),
                     NSW_ERR_COMM_SIGNATURE);
        CHECK_STATUS(nsw_certificate_verify(bytes, len - 1, &authority.key, &sides[i].key, NULL, 7),
                     NSW_ERR_COMM_FORMAT);
        wall = 1500;
        CHECK_OK(nsw_link_set_certificate(sides[i].link, bytes, len));
        CHECK_OK(nsw_link_set_wall(sides[i].link, &wall, now));
        CHECK_OK(nsw_link_add_authority(sides[i].link, &authority.key, 7));
        CHECK_STATUS(nsw_link_add_authority(sides[i].link, &authority.key, 6), NSW_ERR_INVALID);
        fields.not_before = 3000;
        CHECK_STATUS(nsw_certificate_issue(authority.identity, &sides[i].key, &fields, bytes,
                                           sizeof bytes, NULL),
                     NSW_ERR_INVALID);
    }
    nsw_address to = address_of(1);
    CHECK_OK(nsw_link_connect(sides[0].link, &to, NULL, NULL, 5, now));
    carry(sides);
    nsw_link_peer peer = NSW_LINK_PEER_INIT;
    REQUIRE_OK(nsw_link_peer_info(sides[0].link, sides[0].peer, &peer));
    CHECK(peer.trusted == NSW_TRUSTED_CERTIFICATE && peer.serial == 41);
    CHECK_OK(nsw_link_remove_authority(sides[0].link, &authority.key));
    CHECK_STATUS(nsw_link_remove_authority(sides[0].link, &authority.key), NSW_ERR_COMM_PEER);
    nsw_identity_destroy(authority.identity);
    stop(sides);
}

/* A secure element: an identity of the library's behind hooks, which can fail. */
typedef struct element {
    nsw_identity *inside;

    int broken;
    unsigned calls;
} element;

static nsw_status element_keys(void *ctx, nsw_key *identity, nsw_key *noise) {
    element *e = ctx;
    e->calls++;
    if (e->broken) {
        return NSW_ERR_HOST_IO;
    }
    memset(noise->bytes, 0, sizeof noise->bytes);
    noise->bytes[0] = 9; /* the base point: a public key like any other */
    return nsw_identity_public(e->inside, identity);
}

static nsw_status element_agree(void *ctx, const nsw_key *peer, nsw_key *shared) {
    element *e = ctx;
    e->calls++;
    memset(shared->bytes, e->broken ? 0 : 3, sizeof shared->bytes);
    (void)peer;
    return e->broken == 2 ? NSW_ERR_HOST_IO : NSW_OK;
}

static nsw_status element_sign(void *ctx, const uint8_t *message, size_t len, nsw_signature *out) {
    element *e = ctx;
    e->calls++;
    /* The library's own messages cannot be signed by nsw_identity_sign: that is its point. */
    CHECK_STATUS(nsw_identity_sign(e->inside, message, len, out), NSW_ERR_INVALID);
    memset(out->bytes, 1, sizeof out->bytes);
    return e->broken ? NSW_ERR_HOST_IO : NSW_OK;
}

static void secure_element(void) {
    side owner;
    memset(&owner, 0, sizeof owner);
    make_identity(&owner, 4);
    element e = {owner.identity, 0, 0};
    nsw_secrets hooks = NSW_SECRETS_INIT;
    hooks.ctx = &e;
    hooks.public_keys = element_keys;
    hooks.agree = element_agree;
    hooks.sign = element_sign;
    nsw_identity_config cfg = NSW_IDENTITY_CONFIG_INIT;
    cfg.secrets = &hooks;
    side with;
    memset(&with, 0, sizeof with);

    e.broken = 1;
    CHECK_STATUS(nsw_identity_create(&cfg, NULL, &with.identity), NSW_ERR_HOOK);
    CHECK(with.identity == NULL);
    e.broken = 0;
    cfg.seed = &owner.key;
    CHECK_STATUS(nsw_identity_create(&cfg, NULL, &with.identity), NSW_ERR_INVALID);
    cfg.seed = NULL;
    hooks.sign = NULL;
    CHECK_STATUS(nsw_identity_create(&cfg, NULL, &with.identity), NSW_ERR_NULL);
    hooks.sign = element_sign;
    REQUIRE_OK(nsw_identity_create(&cfg, NULL, &with.identity));
    nsw_key key, seed;
    CHECK_OK(nsw_identity_public(with.identity, &key));
    CHECK(memcmp(key.bytes, owner.key.bytes, 32) == 0);
    CHECK_STATUS(nsw_identity_seed(with.identity, &seed), NSW_ERR_UNSUPPORTED);
    nsw_link_config link = config_of(&with);
    e.broken = 1;
    CHECK_STATUS(nsw_link_create(&link, NULL, &with.link), NSW_ERR_HOOK);
    e.broken = 0;
    CHECK_OK(nsw_link_create(&link, NULL, &with.link));
    /* A wrong signature, as this element makes, is worth nothing to the peer. */
    side sides[2];
    start(sides);
    nsw_link_destroy(sides[0].link);
    sides[0].link = with.link;
    CHECK_OK(nsw_link_pin(sides[0].link, &sides[1].key));
    CHECK_OK(nsw_link_pin(sides[1].link, &owner.key));
    nsw_address to = address_of(1), from = address_of(0);
    CHECK_OK(nsw_link_connect(sides[0].link, &to, NULL, &sides[1].noise, 5, now));
    uint8_t frame[2048];
    size_t len = 0;
    nsw_link_output out = NSW_LINK_OUTPUT_INIT;
    nsw_link_received got = NSW_LINK_RECEIVED_INIT;
    /* Fails at first; nothing is lost. */
    e.broken = 2;
    CHECK_STATUS(nsw_link_next(sides[0].link, now, frame, sizeof frame, &len, &out), NSW_ERR_HOOK);
    e.broken = 1; /* a secret of zeros */
    CHECK_STATUS(nsw_link_next(sides[0].link, now, frame, sizeof frame, &len, &out),
                 NSW_ERR_COMM_KEY);
    e.broken = 0;
    CHECK_OK(nsw_link_next(sides[0].link, now, frame, sizeof frame, &len, &out));
    CHECK_STATUS(nsw_link_receive(sides[1].link, &from, frame, len, now, NULL, 0, NULL, &got),
                 NSW_ERR_COMM_AUTH);
    CHECK(e.calls > 4);
    stop(sides);
    nsw_identity_destroy(with.identity);
    nsw_identity_destroy(owner.identity);
}

/* What a node was given when it was made: no private key of the identity. */
typedef struct provisioned {
    nsw_key identity, noise, noise_private;
    nsw_signature binding;
} provisioned;

static nsw_status provisioned_keys(void *ctx, nsw_key *identity, nsw_key *noise) {
    const provisioned *page = ctx;
    *identity = page->identity;
    *noise = page->noise;
    return NSW_OK;
}

static nsw_status provisioned_agree(void *ctx, const nsw_key *peer, nsw_key *shared) {
    return nsw_noise_agree(&((const provisioned *)ctx)->noise_private, peer, shared);
}

static nsw_status provisioned_sign(void *ctx, const uint8_t *message, size_t len, nsw_signature *signature) {
    const provisioned *page = ctx;
    CHECK(nsw_signature_verify(&page->binding, &page->identity, message, len) == NSW_OK);
    *signature = page->binding;
    return NSW_OK;
}

static void bound_when_made(void) {
    side sides[2];
    start(sides);
    provisioned page;
    REQUIRE_OK(nsw_noise_keypair(NULL, &page.noise_private, &page.noise));
    page.identity = sides[0].key;
    CHECK_STATUS(nsw_identity_bind(NULL, &page.noise, &page.binding), NSW_ERR_NULL);
    CHECK_STATUS(nsw_identity_bind(sides[0].identity, NULL, &page.binding), NSW_ERR_NULL);
    CHECK_STATUS(nsw_identity_bind(sides[0].identity, &page.noise, NULL), NSW_ERR_NULL);
    REQUIRE_OK(nsw_identity_bind(sides[0].identity, &page.noise, &page.binding));
    nsw_secrets hooks = NSW_SECRETS_INIT;
    hooks.ctx = &page;
    hooks.public_keys = provisioned_keys;
    hooks.agree = provisioned_agree;
    hooks.sign = provisioned_sign;
    nsw_identity_config cfg = NSW_IDENTITY_CONFIG_INIT;
    cfg.secrets = &hooks;
    /* Only the node that was made so is left. */
    nsw_link_destroy(sides[0].link);
    nsw_identity_destroy(sides[0].identity);
    REQUIRE_OK(nsw_identity_create(&cfg, NULL, &sides[0].identity));
    nsw_link_config link = config_of(&sides[0]);
    REQUIRE_OK(nsw_link_create(&link, NULL, &sides[0].link));
    CHECK_OK(nsw_link_pin(sides[0].link, &sides[1].key));
    CHECK_OK(nsw_link_pin(sides[1].link, &sides[0].key));
    nsw_address to = address_of(1);
    CHECK_OK(nsw_link_connect(sides[0].link, &to, &sides[1].key, NULL, 5, now));
    carry(sides);
    CHECK(sides[0].connected == 1 && sides[1].connected == 1);
    say(sides, 0, "made without the key that signs");
    say(sides, 1, "heard");
    stop(sides);
}

static void signatures(void) {
    side who;
    make_identity(&who, 3);
    nsw_signature signature;
    const uint8_t text[] = "my program: hello";
    CHECK_OK(nsw_identity_sign(who.identity, text, sizeof text, &signature));
    CHECK_OK(nsw_signature_verify(&signature, &who.key, text, sizeof text));
    CHECK_STATUS(nsw_signature_verify(&signature, &who.key, text, sizeof text - 1),
                 NSW_ERR_COMM_SIGNATURE);
    signature.bytes[3] ^= 1;
    CHECK_STATUS(nsw_signature_verify(&signature, &who.key, text, sizeof text),
                 NSW_ERR_COMM_SIGNATURE);
    const uint8_t ours[] = "neural-swarm certificate v1";
    CHECK_STATUS(nsw_identity_sign(who.identity, ours, sizeof ours, &signature), NSW_ERR_INVALID);
    nsw_key seed;
    CHECK_OK(nsw_identity_seed(who.identity, &seed));
    CHECK(seed.bytes[0] == 3 && seed.bytes[31] == 3);
    nsw_identity_destroy(who.identity);
}

static void keys_in_files(void) {
    char path[64];
    snprintf(path, sizeof path, "link-test-%lu.key", (unsigned long)getpid());
    remove(path);
    nsw_key seed, back;
    memset(seed.bytes, 0x5a, sizeof seed.bytes);
    CHECK_STATUS(nsw_host_key_read(path, strlen(path), &back), NSW_ERR_HOST_IO);
    CHECK_OK(nsw_host_key_write(path, strlen(path), &seed));
    CHECK_STATUS(nsw_host_key_write(path, strlen(path), &seed), NSW_ERR_HOST_FILE);
    CHECK_OK(nsw_host_key_read(path, strlen(path), &back));
    CHECK(memcmp(seed.bytes, back.bytes, sizeof seed.bytes) == 0);
    CHECK_OK(chmod(path, 0644));
    CHECK_STATUS(nsw_host_key_read(path, strlen(path), &back), NSW_ERR_HOST_PERMISSIONS);
    CHECK_STATUS(nsw_host_key_read(NULL, 3, &back), NSW_ERR_NULL);
    remove(path);
}

/* Who knows the network's secret is let in, if that is wanted; capabilities go along. */
static void shared_secret(void) {
    nsw_key psk;
    memset(psk.bytes, 0x33, sizeof psk.bytes);
    for (int allowed = 0; allowed < 2; allowed++) {
        side sides[2];
        start(sides);
        for (int i = 0; i < 2; i++) {
            nsw_link_destroy(sides[i].link);
            nsw_link_config cfg = config_of(&sides[i]);
            cfg.psk = &psk;
            cfg.capability = 40;
            cfg.tries = 1;
            REQUIRE_OK(nsw_link_create(&cfg, NULL, &sides[i].link));
            CHECK_OK(nsw_link_allow_psk(sides[i].link, (uint32_t)allowed));
        }
        CHECK_OK(nsw_link_set_capability(sides[0].link, (const uint8_t *)"may do", 6));
        nsw_address to = address_of(1);
        CHECK_OK(nsw_link_connect(sides[0].link, &to, NULL, NULL, 5, now));
        uint64_t wake = 0;
        if (!allowed) {
            /* Alice will not have Bob, either: the second frame is the last. */
            for (int step = 0; step < 2; step++) {
                uint8_t frame[2048];
                size_t len = 0;
                nsw_link_output out = NSW_LINK_OUTPUT_INIT;
                nsw_link_received got = NSW_LINK_RECEIVED_INIT;
                nsw_address at = address_of((uint8_t)step);
                REQUIRE_OK(nsw_link_next(sides[step].link, now, frame, sizeof frame, &len, &out));
                CHECK_STATUS(nsw_link_receive(sides[1 - step].link, &at, frame, len, now, NULL, 0,
                                              NULL, &got),
                             step == 0 ? NSW_OK : NSW_ERR_COMM_UNTRUSTED);
            }
            carry(sides);
            CHECK(sides[0].failed == 1);
            CHECK_OK(nsw_link_poll(sides[0].link, now, &wake));
            CHECK(wake == UINT64_MAX);
        } else {
            uint8_t bytes[64];
            size_t len = 0;
            carry(sides);
            nsw_link_peer peer = NSW_LINK_PEER_INIT;
            CHECK_OK(nsw_link_peer_info(sides[1].link, sides[1].peer, &peer));
            CHECK(peer.trusted == NSW_TRUSTED_PSK && peer.capability_len == 6);
            CHECK_STATUS(nsw_link_peer_capability(sides[1].link, sides[1].peer, bytes, 5, &len),
                         NSW_ERR_BUFFER_TOO_SMALL);
            CHECK_SIZE(len, 6);
            CHECK_OK(nsw_link_peer_capability(sides[1].link, sides[1].peer, bytes, 64, &len));
            CHECK(len == 6 && memcmp(bytes, "may do", 6) == 0);
            CHECK_OK(nsw_link_poll(sides[0].link, now, &wake));
            CHECK(wake > now && wake <= now + 180000000u);
        }
        stop(sides);
    }
}

/* Memory: told beforehand, all of it asked for at once, given back overwritten. */
static void memory(void) {
    side who;
    memset(&who, 0, sizeof who);
    make_identity(&who, 5);
    nsw_link_config cfg = config_of(&who);
    size_t size = 0, align = 0;
    nsw_identity_config any = NSW_IDENTITY_CONFIG_INIT;
    CHECK_OK(nsw_identity_footprint(&any, &size, &align));
    CHECK(size > 64 && align >= 4);
    CHECK_STATUS(nsw_identity_footprint(NULL, &size, &align), NSW_ERR_NULL);
    CHECK_OK(nsw_link_footprint(&cfg, &size, &align));
    counting c;
    counting_init(&c);
    REQUIRE_OK(nsw_link_create(&cfg, &c.hook, &who.link));
    CHECK_SIZE(c.last_size, size);
    CHECK_SIZE(c.calls, 1);
    nsw_link_destroy(who.link);
    CHECK_SIZE(c.live, 0);
    c.fail_at = c.calls + 1;
    CHECK_STATUS(nsw_link_create(&cfg, &c.hook, &who.link), NSW_ERR_OUT_OF_MEMORY);
    CHECK(who.link == NULL);
    counting_finish(&c);

    cfg.peers = 0;
    CHECK_STATUS(nsw_link_footprint(&cfg, &size, &align), NSW_ERR_INVALID);
    cfg.peers = 65536;
    CHECK_STATUS(nsw_link_footprint(&cfg, &size, &align), NSW_ERR_INVALID);
    cfg.peers = 2;
    cfg.mtu = 79;
    CHECK_STATUS(nsw_link_create(&cfg, NULL, &who.link), NSW_ERR_INVALID);
    cfg.mtu = 0;
    cfg.window = 64;
    CHECK_STATUS(nsw_link_create(&cfg, NULL, &who.link), NSW_ERR_INVALID);
    cfg.window = 0;
    cfg.identity = NULL;
    CHECK_STATUS(nsw_link_create(&cfg, NULL, &who.link), NSW_ERR_NULL);
    cfg.identity = (const nsw_identity *)(const void *)&cfg;
    CHECK_STATUS(nsw_link_create(&cfg, NULL, &who.link), NSW_ERR_HANDLE);
    cfg.identity = who.identity;
    cfg.size = 3;
    CHECK_STATUS(nsw_link_create(&cfg, NULL, &who.link), NSW_ERR_STRUCT_SIZE);
    nsw_identity_destroy(who.identity);
}

static nsw_status no_entropy(void *ctx, uint8_t *out, size_t len) {
    (void)ctx;
    (void)out;
    (void)len;
    return NSW_ERR_HOST_IO;
}

static void misuse(void) {
    side sides[2];
    start(sides);
    nsw_link *link = sides[0].link;
    nsw_address to = address_of(1);
    uint8_t buf[2048];
    size_t len = 0;
    nsw_link_output out = NSW_LINK_OUTPUT_INIT;
    nsw_link_received got = NSW_LINK_RECEIVED_INIT;

    CHECK_STATUS(nsw_link_pin(NULL, &sides[1].key), NSW_ERR_NULL);
    CHECK_STATUS(nsw_link_pin(link, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_link_unpin(link, &sides[1].key), NSW_ERR_COMM_PEER);
    CHECK_STATUS(nsw_link_connect(link, NULL, NULL, NULL, 1, now), NSW_ERR_NULL);
    to.len = 33;
    CHECK_STATUS(nsw_link_connect(link, &to, NULL, NULL, 1, now), NSW_ERR_LENGTH);
    to.len = 1;
    CHECK_STATUS(nsw_link_send(link, 0, buf, 1, now, buf + 100, 100, &len, &to), NSW_ERR_COMM_PEER);
    CHECK_STATUS(nsw_link_send(link, 0, buf, 50, now, buf + 10, 100, &len, &to), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_link_send(link, 0, buf, 50, now, buf + 100, 60, &len, &to),
                 NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_SIZE(len, 74);
    CHECK_STATUS(nsw_link_next(link, now, buf, 1279, &len, &out), NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_SIZE(len, 1280);
    out.size = 5;
    CHECK_STATUS(nsw_link_next(link, now, buf, sizeof buf, &len, &out), NSW_ERR_STRUCT_SIZE);
    CHECK_STATUS(nsw_link_receive(link, &to, buf, 0, now, NULL, 0, NULL, &got),
                 NSW_ERR_COMM_FORMAT);
    memset(buf, 0x29, sizeof buf);
    CHECK_STATUS(nsw_link_receive(link, &to, buf, 40, now, NULL, 0, NULL, &got),
                 NSW_ERR_COMM_VERSION);
    memset(buf, 0x19, sizeof buf);
    CHECK_STATUS(nsw_link_receive(link, &to, buf, 40, now, NULL, 0, NULL, &got), NSW_ERR_COMM_AUTH);
    CHECK_STATUS(nsw_link_set_capability(link, buf, 1), NSW_ERR_COMM_TOO_LONG);
    CHECK_STATUS(nsw_link_set_certificate(link, buf, 4), NSW_ERR_COMM_VERSION);
    for (int i = 0; i < 2; i++) {
        CHECK_OK(nsw_link_connect(link, &to, NULL, NULL, 1, now));
    }
    CHECK_STATUS(nsw_link_connect(link, &to, NULL, NULL, 1, now), NSW_ERR_CAPACITY);
    CHECK_STATUS(nsw_link_describe((const nsw_link *)(const void *)sides[0].identity, NULL),
                 NSW_ERR_HANDLE);
    stop(sides);

    /* Without randomness nothing is made. */
    nsw_entropy entropy = NSW_ENTROPY_INIT;
    nsw_identity_config who = NSW_IDENTITY_CONFIG_INIT;
    nsw_identity *identity = NULL;
    who.entropy = &entropy;
    CHECK_STATUS(nsw_identity_create(&who, NULL, &identity), NSW_ERR_NULL);
    entropy.fill = no_entropy;
    CHECK_STATUS(nsw_identity_create(&who, NULL, &identity), NSW_ERR_HOOK);
    CHECK(identity == NULL);
    nsw_link_destroy(NULL);
    nsw_identity_destroy(NULL);
}

int main(void) {
    two_nodes();
    strangers();
    certificates();
    secure_element();
    bound_when_made();
    signatures();
    keys_in_files();
    shared_secret();
    memory();
    misuse();
    return check_report("link");
}
