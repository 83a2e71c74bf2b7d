/*
 * Unix-domain datagram sockets: names in a folder, what is lost, who is refused, files of processes
 * that are gone.
 */
#define _POSIX_C_SOURCE 200809L

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "folder.h"
#include "support.h"

/* More than anything here takes, and less than anybody waits, in microseconds. */
#define LONG_US 20000000u
#define SHORT_US 3000u

static char folder[64];

static nsw_address name_of(const char *name) {
    nsw_address address = NSW_ADDRESS_INIT;
    REQUIRE_OK(nsw_host_unix_address(name, strlen(name), &address));
    return address;
}

static bool same(const nsw_address *a, const nsw_address *b) {
    return a->len == b->len && memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

static nsw_host_unix_config config_at(const nsw_address *bind) {
    nsw_host_unix_config cfg = NSW_HOST_UNIX_CONFIG_INIT;
    cfg.folder = folder;
    cfg.folder_len = strlen(folder);
    cfg.bind = bind;
    return cfg;
}

static nsw_host_unix *unix_at(const char *name, size_t max, const nsw_allocator *mem) {
    nsw_address bind = name_of(name);
    nsw_host_unix_config cfg = config_at(&bind);
    nsw_host_unix *made = NULL;
    cfg.max_datagram = max;
    REQUIRE_OK(nsw_host_unix_create(&cfg, mem, &made));
    return made;
}

static const char *path_of(const char *name) {
    static char path[sizeof folder + 32]; /* less than sun_path has */
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

/* A socket that is none of the library's. */
static int foreign_socket(const char *name) {
    int made = socket(AF_UNIX, SOCK_DGRAM, 0);
    REQUIRE(made >= 0);
    if (name != NULL) {
        struct sockaddr_un at = {.sun_family = AF_UNIX};
        snprintf(at.sun_path, sizeof at.sun_path, "%s", path_of(name));
        REQUIRE(bind(made, (const struct sockaddr *)&at, sizeof at) == 0);
    }
    return made;
}

static nsw_host_unix_info info_of(const nsw_host_unix *of) {
    nsw_host_unix_info info = NSW_HOST_UNIX_INFO_INIT;
    CHECK_OK(nsw_host_unix_describe(of, &info));
    return info;
}

static void names(void) {
    static const char too_long[] = "123456789012345678901234567890123";
    static const char *const bad[] = {"", ".", "..", "/", "a/b", "../a", too_long};
    nsw_address address = NSW_ADDRESS_INIT;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        CHECK_STATUS(nsw_host_unix_address(bad[i], strlen(bad[i]), &address),
                     NSW_ERR_HOST_ADDRESS);
    }
    CHECK_STATUS(nsw_host_unix_address("a\0b", 3, &address), NSW_ERR_HOST_ADDRESS);
    CHECK(address.len == 0);
    CHECK_STATUS(nsw_host_unix_address(NULL, 1, &address), NSW_ERR_NULL);
    CHECK_STATUS(nsw_host_unix_address("a", 1, NULL), NSW_ERR_NULL);
    CHECK_OK(nsw_host_unix_address(too_long, 32, &address));
    CHECK(address.len == 32 && memcmp(address.bytes, too_long, 32) == 0);
    address.size = 4;
    CHECK_STATUS(nsw_host_unix_address("a", 1, &address), NSW_ERR_STRUCT_SIZE);
}

/* A datagram there and back by the functions, then by the hooks of the transports. */
static void datagrams(void) {
    counting memory;
    counting_init(&memory);
    nsw_host_unix *a = unix_at("a", 0, &memory.hook), *b = unix_at("b", 100, &memory.hook);
    CHECK_SIZE(memory.calls, 2);
    nsw_address at_a = NSW_ADDRESS_INIT, at_b = name_of("b"), from = NSW_ADDRESS_INIT;
    CHECK_OK(nsw_host_unix_local(a, &at_a));
    CHECK(at_a.len == 1 && at_a.bytes[0] == 'a');
    struct stat about;
    CHECK(stat(path_of("a"), &about) == 0 && (about.st_mode & 0777) == 0600);
    uint8_t buf[100] = {0};
    size_t len = 77;
    CHECK_STATUS(nsw_host_unix_receive(b, 0, &from, buf, sizeof buf, &len), NSW_AGAIN);
    CHECK_STATUS(nsw_host_unix_receive(b, SHORT_US, &from, buf, sizeof buf, &len), NSW_AGAIN);
    CHECK_SIZE(len, 77);
    CHECK_OK(nsw_host_unix_send(a, &at_b, text("hello"), 5));
    CHECK_STATUS(nsw_host_unix_receive(b, LONG_US, &from, buf, 4, &len),
                 NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_SIZE(len, 5);
    CHECK_STATUS(nsw_host_unix_receive(b, 0, &from, NULL, 5, &len), NSW_ERR_NULL);
    CHECK_OK(nsw_host_unix_receive(b, 0, &from, buf, 5, &len));
    CHECK(len == 5 && memcmp(buf, "hello", 5) == 0 && same(&from, &at_a));

    nsw_transport ta = NSW_TRANSPORT_INIT, tb = NSW_TRANSPORT_INIT;
    CHECK_OK(nsw_host_unix_transport(a, &ta));
    CHECK_OK(nsw_host_unix_transport(b, &tb));
    CHECK_STATUS(ta.receive(ta.ctx, &from, buf, sizeof buf, &len), NSW_AGAIN);
    CHECK_OK(tb.send(tb.ctx, &at_a, text("back"), 4));
    CHECK_OK(ta.receive(ta.ctx, &from, buf, sizeof buf, &len));
    CHECK(len == 4 && memcmp(buf, "back", 4) == 0 && same(&from, &at_b));
    CHECK_OK(tb.send(tb.ctx, &at_a, buf, 6));
    CHECK_STATUS(ta.receive(ta.ctx, &from, buf, 5, &len), NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_OK(ta.skip(ta.ctx));
    CHECK_STATUS(ta.receive(ta.ctx, &from, buf, sizeof buf, &len), NSW_AGAIN);
    CHECK_STATUS(tb.send(tb.ctx, &at_a, NULL, 1), NSW_ERR_NULL);
    CHECK_STATUS(tb.send(tb.ctx, NULL, buf, 1), NSW_ERR_NULL);

    /* Longer than the other takes; from nobody; to nobody; to what is no name. */
    uint8_t big[2049] = {0};
    CHECK_STATUS(nsw_host_unix_send(a, &at_b, big, 2049), NSW_ERR_COMM_TOO_LONG);
    CHECK_OK(nsw_host_unix_send(a, &at_b, big, 101));
    int nameless = foreign_socket(NULL);
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    snprintf(to.sun_path, sizeof to.sun_path, "%s", path_of("b"));
    CHECK(sendto(nameless, "x", 1, 0, (const struct sockaddr *)&to, sizeof to) == 1);
    close(nameless);
    CHECK_OK(nsw_host_unix_send(a, &at_b, big, 100));
    CHECK_OK(nsw_host_unix_receive(b, LONG_US, NULL, buf, sizeof buf, &len));
    CHECK(len == 100 && info_of(b).oversize == 1 && info_of(b).foreign == 1);
    nsw_address nobody = name_of("nobody"), none = NSW_ADDRESS_INIT;
    CHECK_OK(nsw_host_unix_send(a, &nobody, big, 1));
    CHECK_SIZE(info_of(a).lost, 1);
    CHECK_STATUS(nsw_host_unix_send(a, &none, big, 1), NSW_ERR_HOST_ADDRESS);
    none.len = NSW_ADDRESS_MAX + 1;
    CHECK_STATUS(nsw_host_unix_send(a, &none, big, 1), NSW_ERR_LENGTH);

    /* More than the other holds. */
    nsw_status status = NSW_OK;
    for (int i = 0; i < 1000000 && status == NSW_OK; i++) {
        status = nsw_host_unix_send(a, &at_b, big, 1);
    }
    CHECK_STATUS(status, NSW_ERR_CAPACITY);
    CHECK_OK(nsw_host_unix_receive(b, 0, NULL, buf, sizeof buf, NULL));
    CHECK_OK(nsw_host_unix_send(a, &at_b, big, 1));
    nsw_host_unix_destroy(a);
    nsw_host_unix_destroy(b);
    CHECK(stat(path_of("a"), &about) != 0);
    counting_finish(&memory);
}

static void files(void) {
    counting memory;
    counting_init(&memory);
    nsw_address bind = name_of("file");
    nsw_host_unix_config cfg = config_at(&bind);
    nsw_host_unix *made = NULL, *other = NULL;
    /* Of a process that is gone. */
    close(foreign_socket("file"));
    cfg.mode = 0660;
    CHECK_OK(nsw_host_unix_create(&cfg, &memory.hook, &made));
    struct stat about;
    CHECK(stat(path_of("file"), &about) == 0 && (about.st_mode & 0777) == 0660);
    CHECK_STATUS(nsw_host_unix_create(&cfg, &memory.hook, &other), NSW_ERR_HOST_IO);
    CHECK(other == NULL && memory.live == 1);
    nsw_host_unix_destroy(made);
    FILE *file = fopen(path_of("file"), "w");
    REQUIRE(file != NULL);
    fclose(file);
    CHECK_STATUS(nsw_host_unix_create(&cfg, &memory.hook, &made), NSW_ERR_HOST_FILE);
    CHECK(made == NULL && unlink(path_of("file")) == 0);
    memory.fail_at = memory.calls + 1;
    CHECK_STATUS(nsw_host_unix_create(&cfg, &memory.hook, &made), NSW_ERR_OUT_OF_MEMORY);
    CHECK(made == NULL && stat(path_of("file"), &about) != 0);
    counting_finish(&memory);
}

static void bad_settings(void) {
    nsw_address bind = name_of("bad"), none = NSW_ADDRESS_INIT;
    nsw_host_unix_config cfg = config_at(NULL);
    nsw_host_unix *made = NULL;
    size_t size = 0, align = 0;
    CHECK_STATUS(nsw_host_unix_create(&cfg, NULL, &made), NSW_ERR_NULL);
    cfg.bind = &none;
    CHECK_STATUS(nsw_host_unix_create(&cfg, NULL, &made), NSW_ERR_HOST_ADDRESS);
    none.len = 33;
    CHECK_STATUS(nsw_host_unix_footprint(&cfg, &size, &align), NSW_ERR_LENGTH);
    cfg.bind = &bind;
    cfg.mode = 01777;
    CHECK_STATUS(nsw_host_unix_footprint(&cfg, &size, &align), NSW_ERR_INVALID);
    cfg.mode = 0;
    cfg.max_datagram = NSW_FRAME_MAX + 1;
    CHECK_STATUS(nsw_host_unix_footprint(&cfg, &size, &align), NSW_ERR_INVALID);
    cfg.max_datagram = NSW_FRAME_MAX;
    CHECK_OK(nsw_host_unix_footprint(&cfg, &size, &align));
    CHECK(size > NSW_FRAME_MAX);
    cfg.folder_len--;
    CHECK_STATUS(nsw_host_unix_create(&cfg, NULL, &made), NSW_ERR_HOST_IO);
    cfg.folder = NULL;
    CHECK_STATUS(nsw_host_unix_create(&cfg, NULL, &made), NSW_ERR_NULL);
    cfg.size = 4;
    CHECK_STATUS(nsw_host_unix_create(&cfg, NULL, &made), NSW_ERR_STRUCT_SIZE);
    CHECK_STATUS(nsw_host_unix_create(NULL, NULL, &made), NSW_ERR_NULL);
    CHECK(made == NULL);
}

static void bad_handles(void) {
    guarded buffer = guarded_new(65536, 16, 0);
    nsw_arena *arena = NULL;
    nsw_allocator mem = NSW_ALLOCATOR_INIT;
    REQUIRE_OK(nsw_arena_create(buffer.data, buffer.len, &arena));
    REQUIRE_OK(nsw_arena_allocator(arena, &mem));
    nsw_host_unix *gone = unix_at("gone", 100, &mem);
    nsw_transport table = NSW_TRANSPORT_INIT;
    CHECK_OK(nsw_host_unix_transport(gone, &table));
    CHECK_STATUS(nsw_host_unix_transport(gone, NULL), NSW_ERR_NULL);
    nsw_host_unix_destroy(gone);
    nsw_address address = NSW_ADDRESS_INIT, to = name_of("to");
    void *const bad[] = {NULL, buffer.data + 1, arena, gone};
    static const nsw_status expected[] = {NSW_ERR_NULL, NSW_ERR_ALIGNMENT, NSW_ERR_HANDLE,
                                          NSW_ERR_DESTROYED};
    uint8_t buf[8] = {0};
    size_t len = 0;
    nsw_host_unix_info info = NSW_HOST_UNIX_INFO_INIT;
    CHECK_STATUS(table.send(table.ctx, &to, buf, 1), NSW_ERR_DESTROYED);
    CHECK_STATUS(table.receive(table.ctx, &address, buf, 8, &len), NSW_ERR_DESTROYED);
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        nsw_host_unix *u = bad[i];
        CHECK_STATUS(nsw_host_unix_local(u, &address), expected[i]);
        CHECK_STATUS(nsw_host_unix_send(u, &to, buf, 1), expected[i]);
        CHECK_STATUS(nsw_host_unix_receive(u, 0, &address, buf, 8, &len), expected[i]);
        CHECK_STATUS(nsw_host_unix_describe(u, &info), expected[i]);
        CHECK_STATUS(nsw_host_unix_transport(u, &table), expected[i]);
        nsw_host_unix_destroy(u);
    }
    nsw_arena_destroy(arena);
    guarded_free(&buffer);
}

int main(void) {
    REQUIRE(make_folder(folder, sizeof folder));
    names();
    datagrams();
    files();
    bad_settings();
    bad_handles();
    /* All files are gone with their sockets. */
    CHECK(rmdir(folder) == 0);
    return check_report("host_unix");
}
