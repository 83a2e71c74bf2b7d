/*
 * TLS connections over the loopback interface: two nodes meet, a server in a
 * thread of its own and a client; who is not trusted, has no right certificate
 * or a file that others can read is refused by name.
 */
/* For open and chmod. */
#define _XOPEN_SOURCE 700

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support.h"

/* More than anything here takes, in microseconds. */
#define LONG_US 30000000u
#define SHORT_US 3000u
#define NAME "node.example"

/*
 * For these tests alone, good for 100 years, made by openssl 3.0:
 *   openssl ecparam -name prime256v1 -genkey -noout -out ca.key
 *   openssl req -x509 -new -key ca.key -subj /CN=ca -days 36500 -out ca.pem \
 *     -addext basicConstraints=critical,CA:TRUE
 *   openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out node.key
 *   openssl req -new -key node.key -subj /CN=node -out node.csr
 *   printf 'subjectAltName=DNS:node.example\nbasicConstraints=CA:FALSE' >ext
 *   openssl x509 -req -in node.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 36500 \
 *     -extfile ext -out node.pem
 */
static const char CA_PEM[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBcDCCARegAwIBAgIUHGZQ320iq6i6Jtv2UjESjh1UJFAwCgYIKoZIzj0EAwIw\n"
    "DTELMAkGA1UEAwwCY2EwIBcNMjYxMTI4MTUzNDUzWhgPMjEyNjExMDQxNTM0NTNa\n"
    "MA0xCzAJBgNVBAMMAmNhMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEPOQPwsnz\n"
    "nv1bBLm3KZxL3Nwq0B/UDQfodDqOISnq846KQe/mBiloJsXoV4DAGRUlDzhjebI9\n"
    "O2DKKVLdDyUzjqNTMFEwHQYDVR0OBBYEFMDQ0WtvH/XbR+lIMTpn7GH8TB8sMB8G\n"
    "A1UdIwQYMBaAFMDQ0WtvH/XbR+lIMTpn7GH8TB8sMA8GA1UdEwEB/wQFMAMBAf8w\n"
    "CgYIKoZIzj0EAwIDRwAwRAIgDen+rnnZDVjIsk04KUDo9v2KX+X6HC19BIx145R0\n"
    "z8gCIEKtApMs9JpetwkfQQDBk8MF/y+dt5n5qfhRiW0RQYOx\n"
    "-----END CERTIFICATE-----\n";
static const char NODE_PEM[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBhjCCASygAwIBAgIUVUfd1+Er1nKRYejANo4nftr9IIowCgYIKoZIzj0EAwIw\n"
    "DTELMAkGA1UEAwwCY2EwIBcNMjYxMTI4MTUzNDU0WhgPMjEyNjExMDQxNTM0NTRa\n"
    "MA8xDTALBgNVBAMMBG5vZGUwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQJevIE\n"
    "PGw/ostwuwzdExadvXFlU7zfyDvwRj9F41FWZea6BqLpfvlW4JywCxilBYpSD6M0\n"
    "vX+fyh67ZdIntJ3Xo2YwZDAXBgNVHREEEDAOggxub2RlLmV4YW1wbGUwCQYDVR0T\n"
    "BAIwADAdBgNVHQ4EFgQUtXaEn7+avbnRh7QkgAf697hJGEYwHwYDVR0jBBgwFoAU\n"
    "wNDRa28f9dtH6UgxOmfsYfxMHywwCgYIKoZIzj0EAwIDSAAwRQIgRYs5YaCyCgkI\n"
    "75Y5vdjx9pTZTIAzBXAA2O31Zyxp6qkCIQCDhQ7fupqBfebm7Mey85YK65HxQ0dR\n"
    "ddq/XZ7TwHuZ0g==\n"
    "-----END CERTIFICATE-----\n";
static const char NODE_KEY[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgNGWAVSeTrWnNDfdl\n"
    "IYc/GhB7DIHzxVwfrnn5ZJAtpsehRANCAAQJevIEPGw/ostwuwzdExadvXFlU7zf\n"
    "yDvwRj9F41FWZea6BqLpfvlW4JywCxilBYpSD6M0vX+fyh67ZdIntJ3X\n"
    "-----END PRIVATE KEY-----\n";
/* As the first, but other.key and /CN=other. */
static const char OTHER_PEM[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBdzCCAR2gAwIBAgIUJn0l0XWtO+gl+ZBBdyxuMZl9oBcwCgYIKoZIzj0EAwIw\n"
    "EDEOMAwGA1UEAwwFb3RoZXIwIBcNMjYxMTI4MTUzNDUzWhgPMjEyNjExMDQxNTM0\n"
    "NTNaMBAxDjAMBgNVBAMMBW90aGVyMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n"
    "639fbx2GWZ7n/AXLIUqOgIRVz5xmIa9JPbkAWkTHSDzc+3PDuehLTjN6GwA6WIlM\n"
    "zTcmqLTm6KtmUbnk4ScRT6NTMFEwHQYDVR0OBBYEFMVm8K+y6Ka0xtOYCRSSzUqM\n"
    "3FlAMB8GA1UdIwQYMBaAFMVm8K+y6Ka0xtOYCRSSzUqM3FlAMA8GA1UdEwEB/wQF\n"
    "MAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIhAN2i8a0wS0vbxY58KMmGXETgId+F6qjN\n"
    "7tvUGM1YfAV1AiA6Mcg5Gv0Xdc0NmmDyyIKtqO/ie1M9ksGfq9zIAN082Q==\n"
    "-----END CERTIFICATE-----\n";

/* ---- files and nodes ------------------------------------------------------------- */

typedef struct file {
    char path[64];
} file;

/* In a new file that its owner alone can read. */
static file written(const char *text) {
    static int files;
    file f;
    snprintf(f.path, sizeof f.path, "tls-test-%lu-%d.pem", (unsigned long)getpid(), files++);
    int fd = open(f.path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    REQUIRE(fd >= 0);
    size_t len = strlen(text);
    REQUIRE(write(fd, text, len) == (ssize_t)len);
    REQUIRE(close(fd) == 0);
    return f;
}

static file certificates, key, roots, other_roots;

static nsw_identity *identity_of(uint8_t number) {
    nsw_identity_config cfg = NSW_IDENTITY_CONFIG_INIT;
    nsw_identity *identity = NULL;
    nsw_key seed;
    memset(&seed, number, sizeof seed);
    cfg.seed = &seed;
    REQUIRE_OK(nsw_identity_create(&cfg, NULL, &identity));
    return identity;
}

static nsw_key key_of(const nsw_identity *identity) {
    nsw_key public_key;
    REQUIRE_OK(nsw_identity_public(identity, &public_key));
    return public_key;
}

static nsw_host_tls_config config_of(const nsw_identity *identity) {
    nsw_host_tls_config cfg = NSW_HOST_TLS_CONFIG_INIT;
    cfg.identity = identity;
    cfg.certificates = certificates.path;
    cfg.certificates_len = strlen(certificates.path);
    cfg.key = key.path;
    cfg.key_len = strlen(key.path);
    cfg.roots = roots.path;
    cfg.roots_len = strlen(roots.path);
    cfg.max_frame = 1000;
    return cfg;
}

static nsw_host_tls *tls_of(const nsw_host_tls_config *cfg, const nsw_allocator *mem) {
    nsw_host_tls *tls = NULL;
    REQUIRE_OK(nsw_host_tls_create(cfg, mem, &tls));
    return tls;
}

static nsw_host_listener *listener_new(nsw_address *at, const nsw_allocator *mem) {
    nsw_address any = NSW_ADDRESS_INIT;
    nsw_host_listener *listener = NULL;
    REQUIRE_OK(nsw_host_address_parse("127.0.0.1:0", 11, &any));
    REQUIRE_OK(nsw_host_listener_create(&any, mem, &listener));
    at->size = sizeof *at;
    REQUIRE_OK(nsw_host_listener_local(listener, at));
    return listener;
}

typedef struct meeting {
    nsw_host_tls *server;
    const nsw_host_listener *listener;
    nsw_status accepted;
} meeting;

static void *accept_one(void *ctx) {
    meeting *m = ctx;
    m->accepted = nsw_host_tls_accept(m->server, m->listener, LONG_US);
    return NULL;
}

/* Both ends meet; what each says of it. */
static void meet(nsw_host_tls *client, nsw_host_tls *server, const nsw_key *expected,
                 nsw_status client_says, nsw_status server_says) {
    nsw_address at;
    nsw_host_listener *listener = listener_new(&at, NULL);
    meeting m = {server, listener, 1};
    pthread_t thread;
    REQUIRE(pthread_create(&thread, NULL, accept_one, &m) == 0);
    CHECK_STATUS(nsw_host_tls_connect(client, &at, NAME, strlen(NAME), expected, LONG_US),
                 client_says);
    REQUIRE(pthread_join(thread, NULL) == 0);
    CHECK_STATUS(m.accepted, server_says);
    nsw_host_listener_destroy(listener);
}

/* ---- the tests --------------------------------------------------------------------- */

static void a_conversation(void) {
    counting memory;
    counting_init(&memory);
    nsw_identity *a = identity_of(1), *b = identity_of(2);
    nsw_key key_a = key_of(a), key_b = key_of(b);
    nsw_host_tls_config cfg_a = config_of(a), cfg_b = config_of(b);
    size_t size = 0, align = 0, len = 0;
    CHECK_OK(nsw_host_tls_footprint(&cfg_a, &size, &align));
    nsw_host_tls *client = tls_of(&cfg_a, &memory.hook);
    CHECK(memory.last_size == size && memory.last_align == align);
    nsw_host_tls *server = tls_of(&cfg_b, &memory.hook);
    uint8_t buf[1000];
    nsw_host_tls_peer_info peer = NSW_HOST_TLS_PEER_INFO_INIT;
    CHECK_STATUS(nsw_host_tls_peer(client, &peer), NSW_ERR_COMM_CLOSED);
    CHECK_STATUS(nsw_host_tls_peer_capability(client, buf, 9, &len), NSW_ERR_COMM_CLOSED);
    CHECK_STATUS(nsw_host_tls_send(client, buf, 1), NSW_ERR_COMM_CLOSED);
    CHECK_STATUS(nsw_host_tls_flush(client, 0), NSW_ERR_COMM_CLOSED);
    CHECK_STATUS(nsw_host_tls_close(client, 0), NSW_ERR_COMM_CLOSED);

    /* Nobody is trusted without a word. */
    meet(client, server, NULL, NSW_ERR_HOST_TLS, NSW_ERR_HOST_TLS);
    CHECK_OK(nsw_host_tls_pin(client, &key_b));
    CHECK_OK(nsw_host_tls_pin(server, &key_a));
    CHECK_OK(nsw_host_tls_set_capability(client, (const uint8_t *)"cap", 3));
    meet(client, server, &key_a, NSW_ERR_HOST_TLS, NSW_ERR_HOST_TLS);
    meet(client, server, &key_b, NSW_OK, NSW_OK);
    CHECK_OK(nsw_host_tls_peer(server, &peer));
    CHECK(peer.trusted == NSW_TRUSTED_PINNED && peer.capability_len == 3);
    CHECK(memcmp(&peer.identity, &key_a, sizeof key_a) == 0);
    CHECK_STATUS(nsw_host_tls_peer_capability(server, buf, 2, &len), NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_SIZE(len, 3);
    CHECK_OK(nsw_host_tls_peer_capability(server, buf, 3, &len));
    CHECK(len == 3 && memcmp(buf, "cap", 3) == 0);

    CHECK_STATUS(nsw_host_tls_receive(server, 0, buf, sizeof buf, &len), NSW_AGAIN);
    CHECK_STATUS(nsw_host_tls_receive(server, SHORT_US, buf, sizeof buf, &len), NSW_AGAIN);
    for (size_t i = 0; i <= 1000; i += 250) {
        memset(buf, (int)(i / 250), sizeof buf);
        CHECK_OK(nsw_host_tls_send(client, buf, i));
        CHECK_OK(nsw_host_tls_flush(client, LONG_US));
        if (i > 0) {
            CHECK_STATUS(nsw_host_tls_receive(server, LONG_US, buf, i - 1, &len),
                         NSW_ERR_BUFFER_TOO_SMALL);
            CHECK_SIZE(len, i);
        }
        CHECK_OK(nsw_host_tls_receive(server, LONG_US, buf, sizeof buf, &len));
        CHECK(len == i && (i == 0 || buf[i - 1] == i / 250));
    }
    CHECK_STATUS(nsw_host_tls_send(client, buf, 1001), NSW_ERR_COMM_TOO_LONG);
    nsw_transport table = NSW_TRANSPORT_INIT;
    CHECK_OK(nsw_host_tls_transport(server, &table));
    CHECK_OK(table.send(table.ctx, &peer.address, (const uint8_t *)"back", 4));
    CHECK_OK(nsw_host_tls_receive(client, LONG_US, buf, sizeof buf, &len));
    CHECK(len == 4 && memcmp(buf, "back", 4) == 0);
    CHECK_OK(nsw_host_tls_send(client, buf, 6));
    CHECK_STATUS(nsw_host_tls_receive(server, LONG_US, buf, 5, &len), NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_OK(table.skip(table.ctx));
    CHECK_STATUS(nsw_host_tls_receive(server, 0, buf, sizeof buf, &len), NSW_AGAIN);
    peer.address.bytes[0] ^= 1;
    CHECK_STATUS(table.send(table.ctx, &peer.address, buf, 4), NSW_ERR_COMM_PEER);

    CHECK_STATUS(nsw_host_tls_connect(client, &peer.address, NAME, strlen(NAME), NULL, 0),
                 NSW_ERR_COMM_STATE);
    CHECK_OK(nsw_host_tls_close(client, LONG_US));
    CHECK_STATUS(nsw_host_tls_receive(server, LONG_US, buf, sizeof buf, &len),
                 NSW_ERR_COMM_CLOSED);
    CHECK_OK(nsw_host_tls_unpin(server, &key_a));
    CHECK_STATUS(nsw_host_tls_unpin(server, &key_a), NSW_ERR_COMM_PEER);
    meet(client, server, &key_b, NSW_ERR_HOST_TLS, NSW_ERR_HOST_TLS);
    nsw_host_tls_destroy(client);
    nsw_host_tls_destroy(server);
    counting_finish(&memory);
    nsw_identity_destroy(a);
    nsw_identity_destroy(b);
}

static void authorities(void) {
    nsw_identity *chief = identity_of(9), *a = identity_of(1), *b = identity_of(2);
    nsw_key key_chief = key_of(chief), key_a = key_of(a), key_b = key_of(b);
    nsw_host_tls_config cfg_a = config_of(a), cfg_b = config_of(b);
    nsw_host_tls *client = tls_of(&cfg_a, NULL), *server = tls_of(&cfg_b, NULL);
    uint8_t certificate[NSW_CERTIFICATE_SIZE];
    nsw_certificate fields = NSW_CERTIFICATE_INIT;
    size_t len = 0;
    fields.serial = 77;
    fields.not_after = UINT64_MAX;
    fields.epoch = 5;
    CHECK_OK(nsw_certificate_issue(chief, &key_a, &fields, certificate, sizeof certificate, &len));
    CHECK_OK(nsw_host_tls_set_certificate(client, certificate, len));
    CHECK_STATUS(nsw_host_tls_set_certificate(client, certificate, len - 1),
                 NSW_ERR_COMM_FORMAT);
    CHECK_OK(nsw_host_tls_pin(client, &key_b));
    CHECK_OK(nsw_host_tls_add_authority(server, &key_chief, 5));
    meet(client, server, NULL, NSW_OK, NSW_OK);
    nsw_host_tls_peer_info peer = NSW_HOST_TLS_PEER_INFO_INIT;
    CHECK_OK(nsw_host_tls_peer(server, &peer));
    CHECK(peer.trusted == NSW_TRUSTED_CERTIFICATE && peer.serial == 77);
    CHECK_OK(nsw_host_tls_close(client, LONG_US));
    CHECK_OK(nsw_host_tls_close(server, LONG_US));
    CHECK_OK(nsw_host_tls_add_authority(server, &key_chief, 6));
    CHECK_STATUS(nsw_host_tls_add_authority(server, &key_chief, 5), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_host_tls_add_authority(server, &key_a, 0), NSW_ERR_CAPACITY);
    meet(client, server, NULL, NSW_ERR_HOST_TLS, NSW_ERR_HOST_TLS);
    CHECK_OK(nsw_host_tls_remove_authority(server, &key_chief));
    CHECK_STATUS(nsw_host_tls_remove_authority(server, &key_chief), NSW_ERR_COMM_PEER);
    meet(client, server, NULL, NSW_ERR_HOST_TLS, NSW_ERR_HOST_TLS);
    uint8_t capability[513] = {0};
    CHECK_STATUS(nsw_host_tls_set_capability(client, capability, 513), NSW_ERR_COMM_TOO_LONG);
    nsw_host_tls_destroy(client);
    nsw_host_tls_destroy(server);
    nsw_identity_destroy(chief);
    nsw_identity_destroy(a);
    nsw_identity_destroy(b);
}

static void wrong_roots(void) {
    nsw_identity *a = identity_of(1);
    nsw_key key_a = key_of(a);
    nsw_host_tls_config good = config_of(a), wrong = config_of(a);
    wrong.roots = other_roots.path;
    for (int i = 0; i < 2; i++) {
        nsw_host_tls *client = tls_of(i ? &good : &wrong, NULL);
        nsw_host_tls *server = tls_of(i ? &wrong : &good, NULL);
        CHECK_OK(nsw_host_tls_pin(client, &key_a));
        CHECK_OK(nsw_host_tls_pin(server, &key_a));
        meet(client, server, NULL, NSW_ERR_HOST_TLS, NSW_ERR_HOST_TLS);
        nsw_host_tls_destroy(client);
        nsw_host_tls_destroy(server);
    }
    nsw_identity_destroy(a);
}

static void bad_settings(void) {
    counting memory;
    counting_init(&memory);
    nsw_identity *a = identity_of(1);
    nsw_host_tls *tls = NULL;
    nsw_host_tls_config cfg = config_of(a);
    memory.fail_at = 1;
    CHECK_STATUS(nsw_host_tls_create(&cfg, &memory.hook, &tls), NSW_ERR_OUT_OF_MEMORY);
    memory.fail_at = 0;
    CHECK(chmod(key.path, 0640) == 0);
    CHECK_STATUS(nsw_host_tls_create(&cfg, &memory.hook, &tls), NSW_ERR_HOST_PERMISSIONS);
    CHECK(chmod(key.path, 0600) == 0);
    cfg.key = certificates.path;
    CHECK_STATUS(nsw_host_tls_create(&cfg, &memory.hook, &tls), NSW_ERR_HOST_FILE);
    cfg = config_of(a);
    cfg.roots_len--;
    CHECK_STATUS(nsw_host_tls_create(&cfg, &memory.hook, &tls), NSW_ERR_HOST_IO);
    cfg = config_of(a);
    cfg.certificates = NULL;
    CHECK_STATUS(nsw_host_tls_create(&cfg, &memory.hook, &tls), NSW_ERR_NULL);
    cfg = config_of(NULL);
    CHECK_STATUS(nsw_host_tls_create(&cfg, &memory.hook, &tls), NSW_ERR_NULL);
    cfg = config_of(a);
    cfg.max_frame = 0;
    CHECK_STATUS(nsw_host_tls_create(&cfg, &memory.hook, &tls), NSW_ERR_INVALID);
    cfg.max_frame = 10;
    cfg.reserved = 1;
    CHECK_STATUS(nsw_host_tls_create(&cfg, &memory.hook, &tls), NSW_ERR_INVALID);
    CHECK(tls == NULL);
    counting_finish(&memory);

    cfg = config_of(a);
    tls = tls_of(&cfg, NULL);
    nsw_address at = NSW_ADDRESS_INIT, none = NSW_ADDRESS_INIT;
    counting_init(&memory);
    nsw_host_listener *listener = listener_new(&at, &memory.hook), *other = NULL;
    size_t size = 0, align = 0;
    CHECK_OK(nsw_host_listener_footprint(&at, &size, &align));
    CHECK(memory.last_size == size && memory.last_align == align);
    CHECK_STATUS(nsw_host_listener_create(&at, &memory.hook, &other), NSW_ERR_HOST_IO);
    CHECK_STATUS(nsw_host_listener_create(&none, &memory.hook, &other), NSW_ERR_HOST_ADDRESS);
    CHECK_STATUS(nsw_host_tls_accept(tls, listener, SHORT_US), NSW_ERR_HOST_TIMEOUT);
    CHECK_STATUS(nsw_host_tls_accept(tls, NULL, SHORT_US), NSW_ERR_NULL);
    CHECK_STATUS(nsw_host_tls_connect(tls, &at, "no name!", 8, NULL, LONG_US),
                 NSW_ERR_HOST_ADDRESS);
    CHECK_STATUS(nsw_host_tls_connect(tls, &none, NAME, strlen(NAME), NULL, LONG_US),
                 NSW_ERR_HOST_ADDRESS);
    CHECK_STATUS(nsw_host_tls_connect(tls, &at, NAME, strlen(NAME), NULL, SHORT_US),
                 NSW_ERR_HOST_TIMEOUT);
    nsw_host_listener_destroy(listener);
    counting_finish(&memory);
    nsw_host_tls_destroy(tls);
    nsw_identity_destroy(a);
}

static void bad_handles(void) {
    guarded buffer = guarded_new(65536, 16, 0);
    nsw_arena *arena = NULL;
    nsw_allocator mem = NSW_ALLOCATOR_INIT;
    REQUIRE_OK(nsw_arena_create(buffer.data, buffer.len, &arena));
    REQUIRE_OK(nsw_arena_allocator(arena, &mem));
    nsw_identity *a = identity_of(1);
    nsw_key key_a = key_of(a);
    nsw_host_tls_config cfg = config_of(a);
    nsw_host_tls *destroyed = tls_of(&cfg, &mem);
    nsw_address at = NSW_ADDRESS_INIT;
    nsw_host_listener *listener = listener_new(&at, NULL);
    nsw_host_tls_destroy(destroyed);
    void *const bad[] = {NULL, buffer.data + 1, arena, destroyed};
    static const nsw_status expected[] = {NSW_ERR_NULL, NSW_ERR_ALIGNMENT, NSW_ERR_HANDLE,
                                          NSW_ERR_DESTROYED};
    uint8_t buf[8] = {0};
    size_t len = 0;
    nsw_host_tls_peer_info peer = NSW_HOST_TLS_PEER_INFO_INIT;
    nsw_transport table = NSW_TRANSPORT_INIT;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        nsw_host_tls *t = bad[i];
#define BAD(call) CHECK_STATUS(call, expected[i])
        BAD(nsw_host_tls_pin(t, &key_a));
        BAD(nsw_host_tls_unpin(t, &key_a));
        BAD(nsw_host_tls_add_authority(t, &key_a, 0));
        BAD(nsw_host_tls_remove_authority(t, &key_a));
        BAD(nsw_host_tls_set_certificate(t, NULL, 0));
        BAD(nsw_host_tls_set_capability(t, NULL, 0));
        BAD(nsw_host_tls_connect(t, &at, NAME, strlen(NAME), NULL, 0));
        BAD(nsw_host_tls_accept(t, listener, 0));
        BAD(nsw_host_tls_peer(t, &peer));
        BAD(nsw_host_tls_peer_capability(t, buf, sizeof buf, &len));
        BAD(nsw_host_tls_send(t, buf, 1));
        BAD(nsw_host_tls_flush(t, 0));
        BAD(nsw_host_tls_receive(t, 0, buf, sizeof buf, &len));
        BAD(nsw_host_tls_close(t, 0));
        BAD(nsw_host_tls_transport(t, &table));
#undef BAD
        nsw_host_tls_destroy(t);
    }
    CHECK_STATUS(nsw_host_listener_local(NULL, &at), NSW_ERR_NULL);
    CHECK_STATUS(nsw_host_listener_local((nsw_host_listener *)arena, &at), NSW_ERR_HANDLE);
    nsw_host_listener_destroy((nsw_host_listener *)arena);
    nsw_host_listener_destroy(listener);
    nsw_identity_destroy(a);
    nsw_arena_destroy(arena);
    guarded_free(&buffer);
}

int main(void) {
    certificates = written(NODE_PEM);
    key = written(NODE_KEY);
    roots = written(CA_PEM);
    other_roots = written(OTHER_PEM);
    a_conversation();
    authorities();
    wrong_roots();
    bad_settings();
    bad_handles();
    unlink(certificates.path);
    unlink(key.path);
    unlink(roots.path);
    unlink(other_roots.path);
    return check_report("host_tls");
}
