/*
 * Sockets, clocks and addresses of the host, over the loopback interface: what
 * is sent arrives; what does not fit waits; every refusal has its name.
 */
#include <string.h>

#include "support.h"

/* More than anything here takes, and less than anybody waits, in microseconds. */
#define LONG_US 20000000u
#define SHORT_US 3000u

static nsw_address address_of(const char *text) {
    nsw_address address = NSW_ADDRESS_INIT;
    REQUIRE_OK(nsw_host_address_parse(text, strlen(text), &address));
    return address;
}

static bool same(const nsw_address *a, const nsw_address *b) {
    return a->len == b->len && memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

static nsw_host_udp *udp_at(const nsw_address *bind, size_t max, const nsw_allocator *mem) {
    nsw_host_udp_config cfg = NSW_HOST_UDP_CONFIG_INIT;
    nsw_host_udp *udp = NULL;
    cfg.bind = bind;
    cfg.max_datagram = max;
    REQUIRE_OK(nsw_host_udp_create(&cfg, mem, &udp));
    return udp;
}

static nsw_address udp_local(const nsw_host_udp *udp) {
    nsw_address address = NSW_ADDRESS_INIT;
    REQUIRE_OK(nsw_host_udp_local(udp, &address));
    return address;
}

static nsw_host_tcp *tcp_at(const nsw_address *bind, const nsw_allocator *mem) {
    nsw_host_tcp_config cfg = NSW_HOST_TCP_CONFIG_INIT;
    nsw_host_tcp *tcp = NULL;
    cfg.bind = bind;
    cfg.max_frame = 1000;
    REQUIRE_OK(nsw_host_tcp_create(&cfg, mem, &tcp));
    return tcp;
}

static void clocks(void) {
    uint64_t first = 0, second = 0, seconds = 0;
    CHECK_OK(nsw_host_now_us(&first));
    CHECK_OK(nsw_host_now_us(&second));
    CHECK(first > 0 && second >= first);
    CHECK_OK(nsw_host_unix_time(&seconds));
    CHECK(seconds > 1790000000u);
    CHECK_STATUS(nsw_host_now_us(NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_host_unix_time(NULL), NSW_ERR_NULL);
}

static void addresses(void) {
    static const char *const good[] = {"127.0.0.1:4000", "[::1]:9", "[fe80::1%2]:258"};
    static const char *const bad[] = {"", "127.0.0.1", "[::1]", "127.0.0.1:65536", "\xff\xfe:1"};
    char text[64];
    size_t len = 0;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        nsw_address address = address_of(good[i]);
        CHECK_SIZE(address.len, i == 0 ? 7 : 23);
        CHECK_OK(nsw_host_address_text(&address, text, sizeof text, &len));
        CHECK(len == strlen(good[i]) && memcmp(text, good[i], len) == 0);
        CHECK_STATUS(nsw_host_address_text(&address, text, len - 1, &len),
                     NSW_ERR_BUFFER_TOO_SMALL);
        CHECK_SIZE(len, strlen(good[i]));
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        nsw_address address = NSW_ADDRESS_INIT;
        CHECK_STATUS(nsw_host_address_parse(bad[i], strlen(bad[i]), &address),
                     NSW_ERR_HOST_ADDRESS);
        CHECK(address.len == 0);
        CHECK_STATUS(nsw_host_address_text(&address, text, sizeof text, &len),
                     NSW_ERR_HOST_ADDRESS);
    }
    nsw_address address = NSW_ADDRESS_INIT;
    address.len = NSW_ADDRESS_MAX + 1;
    CHECK_STATUS(nsw_host_address_text(&address, text, sizeof text, &len), NSW_ERR_LENGTH);
    address.size = 8;
    CHECK_STATUS(nsw_host_address_parse("1.2.3.4:5", 9, &address), NSW_ERR_STRUCT_SIZE);
    CHECK_STATUS(nsw_host_address_parse("1.2.3.4:5", 9, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_host_address_parse(NULL, 9, &address), NSW_ERR_STRUCT_SIZE);
}

/* A datagram there and back by the functions, then by the hooks of the transports. */
static void datagrams(void) {
    counting memory;
    counting_init(&memory);
    nsw_address any = address_of("127.0.0.1:0");
    nsw_host_udp *a = udp_at(&any, 0, &memory.hook), *b = udp_at(&any, 100, &memory.hook);
    CHECK_SIZE(memory.calls, 2);
    nsw_address at_a = udp_local(a), at_b = udp_local(b), from = NSW_ADDRESS_INIT;
    CHECK(!same(&at_a, &at_b));
    uint8_t buf[100] = {0};
    size_t len = 77;
    CHECK_STATUS(nsw_host_udp_receive(b, 0, &from, buf, sizeof buf, &len), NSW_AGAIN);
    CHECK_STATUS(nsw_host_udp_receive(b, SHORT_US, &from, buf, sizeof buf, &len), NSW_AGAIN);
    CHECK_SIZE(len, 77);
    CHECK_OK(nsw_host_udp_send(a, &at_b, (const uint8_t *)"hello", 5));
    CHECK_STATUS(nsw_host_udp_receive(b, LONG_US, &from, buf, 4, &len), NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_SIZE(len, 5);
    from.size = 4;
    CHECK_STATUS(nsw_host_udp_receive(b, 0, &from, buf, 5, &len), NSW_ERR_STRUCT_SIZE);
    from.size = sizeof from;
    CHECK_STATUS(nsw_host_udp_receive(b, 0, &from, NULL, 5, &len), NSW_ERR_NULL);
    CHECK_OK(nsw_host_udp_receive(b, 0, &from, buf, 5, &len));
    CHECK(len == 5 && memcmp(buf, "hello", 5) == 0 && same(&from, &at_a));

    nsw_transport ta = NSW_TRANSPORT_INIT, tb = NSW_TRANSPORT_INIT;
    CHECK_OK(nsw_host_udp_transport(a, &ta));
    CHECK_OK(nsw_host_udp_transport(b, &tb));
    CHECK_STATUS(ta.receive(ta.ctx, &from, buf, sizeof buf, &len), NSW_AGAIN);
    CHECK_OK(tb.send(tb.ctx, &at_a, (const uint8_t *)"back", 4));
    CHECK_OK(nsw_host_udp_receive(a, LONG_US, NULL, buf, sizeof buf, NULL));
    CHECK(memcmp(buf, "back", 4) == 0);
    CHECK_OK(tb.send(tb.ctx, &at_a, NULL, 0));
    CHECK_STATUS(tb.send(tb.ctx, &at_a, NULL, 1), NSW_ERR_NULL);
    CHECK_STATUS(tb.send(tb.ctx, NULL, buf, 1), NSW_ERR_NULL);
    CHECK_STATUS(tb.send(NULL, &at_a, buf, 1), NSW_ERR_NULL);
    CHECK_OK(nsw_host_udp_receive(a, LONG_US, &from, buf, sizeof buf, &len));
    CHECK(len == 0 && same(&from, &at_b));
    CHECK_OK(tb.send(tb.ctx, &at_a, buf, 6));
    CHECK_STATUS(nsw_host_udp_receive(a, LONG_US, NULL, buf, 5, NULL), NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_OK(ta.skip(ta.ctx));
    CHECK_STATUS(ta.receive(ta.ctx, &from, buf, sizeof buf, &len), NSW_AGAIN);
    CHECK_OK(ta.skip(ta.ctx)); /* there is nothing */
    CHECK_STATUS(ta.skip(NULL), NSW_ERR_NULL);

    /* Longer than the other takes: dropped there, and counted. */
    uint8_t big[2049] = {0};
    CHECK_STATUS(nsw_host_udp_send(a, &at_b, big, 2049), NSW_ERR_COMM_TOO_LONG);
    CHECK_OK(nsw_host_udp_send(a, &at_b, big, 101));
    CHECK_OK(nsw_host_udp_send(a, &at_b, big, 100));
    CHECK_OK(nsw_host_udp_receive(b, LONG_US, NULL, buf, sizeof buf, &len));
    nsw_host_udp_info info = NSW_HOST_UDP_INFO_INIT;
    CHECK_OK(nsw_host_udp_describe(b, &info));
    CHECK(len == 100 && info.oversize == 1);
    nsw_host_udp_destroy(a);
    nsw_host_udp_destroy(b);
    counting_finish(&memory);
}

static void frames(void) {
    counting memory;
    counting_init(&memory);
    nsw_address any = address_of("127.0.0.1:0"), to = NSW_ADDRESS_INIT, from = NSW_ADDRESS_INIT;
    nsw_host_tcp *server = tcp_at(&any, &memory.hook), *client = tcp_at(NULL, &memory.hook);
    CHECK_SIZE(memory.calls, 2);
    CHECK_OK(nsw_host_tcp_local(server, &to));
    CHECK_STATUS(nsw_host_tcp_local(client, &from), NSW_ERR_COMM_STATE);
    uint8_t buf[1000];
    size_t len = 0;
    uint32_t connected = 7;
    CHECK_STATUS(nsw_host_tcp_send(client, &to, buf, 1), NSW_ERR_COMM_PEER);
    CHECK_OK(nsw_host_tcp_is_connected(client, &to, &connected));
    CHECK_SIZE(connected, 0);
    CHECK_OK(nsw_host_tcp_connect(client, &to, LONG_US));
    CHECK_OK(nsw_host_tcp_is_connected(client, &to, &connected));
    CHECK_SIZE(connected, 1);
    for (size_t i = 0; i <= 1000; i += 125) {
        memset(buf, (int)(i / 125), sizeof buf);
        CHECK_OK(nsw_host_tcp_send(client, &to, buf, i));
    }
    CHECK_STATUS(nsw_host_tcp_send(client, &to, buf, 1001), NSW_ERR_COMM_TOO_LONG);
    CHECK_OK(nsw_host_tcp_flush(client, LONG_US));
    for (size_t i = 0; i <= 1000; i += 125) {
        if (i > 0) {
            CHECK_STATUS(nsw_host_tcp_receive(server, LONG_US, &from, buf, i - 1, &len),
                         NSW_ERR_BUFFER_TOO_SMALL);
            CHECK_SIZE(len, i);
        }
        CHECK_OK(nsw_host_tcp_receive(server, LONG_US, &from, buf, sizeof buf, &len));
        CHECK(len == i && (i == 0 || buf[i - 1] == i / 125));
    }
    CHECK_STATUS(nsw_host_tcp_receive(server, 0, &from, buf, sizeof buf, &len), NSW_AGAIN);

    nsw_transport table = NSW_TRANSPORT_INIT;
    CHECK_OK(nsw_host_tcp_transport(server, &table));
    CHECK_OK(table.send(table.ctx, &from, (const uint8_t *)"back", 4));
    CHECK_OK(nsw_host_tcp_receive(client, LONG_US, &from, buf, sizeof buf, &len));
    CHECK(len == 4 && memcmp(buf, "back", 4) == 0 && same(&from, &to));
    CHECK_OK(nsw_host_tcp_send(client, &to, buf, 6));
    CHECK_STATUS(nsw_host_tcp_receive(server, LONG_US, NULL, buf, 5, NULL), NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_OK(table.skip(table.ctx));
    CHECK_STATUS(table.receive(table.ctx, &from, buf, sizeof buf, &len), NSW_AGAIN);

    nsw_host_tcp_info info = NSW_HOST_TCP_INFO_INIT;
    CHECK_OK(nsw_host_tcp_close(client, &to));
    CHECK_STATUS(nsw_host_tcp_close(client, &to), NSW_ERR_COMM_PEER);
    CHECK_STATUS(table.receive(table.ctx, &from, buf, sizeof buf, &len), NSW_AGAIN);
    CHECK_OK(nsw_host_tcp_describe(server, &info));
    CHECK(info.connections == 0 && info.accepted == 1 && info.closed == 1 && info.broken == 1);
    nsw_host_tcp_destroy(client);
    nsw_host_tcp_destroy(server);
    counting_finish(&memory);
}

static void bad_settings(void) {
    nsw_address any = address_of("127.0.0.1:0"), none = NSW_ADDRESS_INIT, long_one = none;
    nsw_host_udp_config udp_cfg = NSW_HOST_UDP_CONFIG_INIT;
    nsw_host_tcp_config tcp_cfg = NSW_HOST_TCP_CONFIG_INIT;
    nsw_host_udp *udp = NULL;
    nsw_host_tcp *tcp = NULL;
    size_t size = 0, align = 0;
    CHECK_STATUS(nsw_host_udp_create(&udp_cfg, NULL, &udp), NSW_ERR_NULL);
    udp_cfg.bind = &none;
    CHECK_STATUS(nsw_host_udp_create(&udp_cfg, NULL, &udp), NSW_ERR_HOST_ADDRESS);
    long_one.len = 33;
    udp_cfg.bind = &long_one;
    CHECK_STATUS(nsw_host_udp_footprint(&udp_cfg, &size, &align), NSW_ERR_LENGTH);
    udp_cfg.bind = &any;
    udp_cfg.max_datagram = 65508;
    CHECK_STATUS(nsw_host_udp_footprint(&udp_cfg, &size, &align), NSW_ERR_INVALID);
    udp_cfg.max_datagram = 10;
    udp_cfg.reserved = 1;
    CHECK_STATUS(nsw_host_udp_create(&udp_cfg, NULL, &udp), NSW_ERR_INVALID);
    udp_cfg.reserved = 0;

    CHECK_STATUS(nsw_host_tcp_create(&tcp_cfg, NULL, &tcp), NSW_ERR_INVALID);
    tcp_cfg.max_frame = 10;
    tcp_cfg.send_buffer = 11;
    CHECK_STATUS(nsw_host_tcp_footprint(&tcp_cfg, &size, &align), NSW_ERR_INVALID);
    tcp_cfg.send_buffer = 12;
    tcp_cfg.connections = 65;
    CHECK_STATUS(nsw_host_tcp_footprint(&tcp_cfg, &size, &align), NSW_ERR_INVALID);
    tcp_cfg.connections = 1;
    tcp_cfg.bind = &none;
    CHECK_STATUS(nsw_host_tcp_create(&tcp_cfg, NULL, &tcp), NSW_ERR_HOST_ADDRESS);

    /* No memory: no socket either, and the footprint is what is asked for. */
    counting memory;
    counting_init(&memory);
    memory.fail_at = 1;
    CHECK_STATUS(nsw_host_udp_create(&udp_cfg, &memory.hook, &udp), NSW_ERR_OUT_OF_MEMORY);
    tcp_cfg.bind = &any;
    memory.fail_at = 2;
    CHECK_STATUS(nsw_host_tcp_create(&tcp_cfg, &memory.hook, &tcp), NSW_ERR_OUT_OF_MEMORY);
    CHECK(udp == NULL && tcp == NULL);
    memory.fail_at = 0;
    CHECK_OK(nsw_host_tcp_footprint(&tcp_cfg, &size, &align));
    CHECK_OK(nsw_host_tcp_create(&tcp_cfg, &memory.hook, &tcp));
    CHECK(memory.last_size == size && memory.last_align == align);

    /* An address in use: the block goes back. */
    nsw_address taken = NSW_ADDRESS_INIT;
    CHECK_OK(nsw_host_tcp_local(tcp, &taken));
    tcp_cfg.bind = &taken;
    nsw_host_tcp *other = NULL;
    CHECK_STATUS(nsw_host_tcp_create(&tcp_cfg, &memory.hook, &other), NSW_ERR_HOST_IO);
    CHECK(other == NULL && memory.live == 1);
    nsw_address closed = address_of("127.0.0.1:1");
    CHECK_STATUS(nsw_host_tcp_connect(tcp, &closed, LONG_US), NSW_ERR_HOST_IO);
    CHECK_STATUS(nsw_host_tcp_connect(tcp, &none, LONG_US), NSW_ERR_HOST_ADDRESS);
    CHECK_STATUS(nsw_host_tcp_connect(tcp, NULL, LONG_US), NSW_ERR_NULL);
    nsw_host_tcp_destroy(tcp);
    counting_finish(&memory);
}

static void bad_handles(void) {
    guarded buffer = guarded_new(65536, 16, 0);
    nsw_arena *arena = NULL;
    nsw_allocator mem = NSW_ALLOCATOR_INIT;
    REQUIRE_OK(nsw_arena_create(buffer.data, buffer.len, &arena));
    REQUIRE_OK(nsw_arena_allocator(arena, &mem));
    nsw_address any = address_of("127.0.0.1:0"), address = NSW_ADDRESS_INIT;
    nsw_host_udp *udp = udp_at(&any, 100, &mem);
    nsw_transport table = NSW_TRANSPORT_INIT;
    CHECK_OK(nsw_host_udp_transport(udp, &table));
    CHECK_STATUS(nsw_host_udp_transport(udp, NULL), NSW_ERR_NULL);
    nsw_host_udp_destroy(udp);
    void *const bad[] = {NULL, buffer.data + 1, arena, udp};
    static const nsw_status expected[] = {NSW_ERR_NULL, NSW_ERR_ALIGNMENT, NSW_ERR_HANDLE,
                                          NSW_ERR_DESTROYED};
    uint8_t buf[8] = {0};
    size_t len = 0;
    uint32_t connected = 0;
    nsw_host_udp_info udp_info = NSW_HOST_UDP_INFO_INIT;
    nsw_host_tcp_info tcp_info = NSW_HOST_TCP_INFO_INIT;
    CHECK_STATUS(table.send(table.ctx, &any, buf, 1), NSW_ERR_DESTROYED);
    CHECK_STATUS(table.receive(table.ctx, &address, buf, 8, &len), NSW_ERR_DESTROYED);
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        nsw_host_udp *u = bad[i];
        nsw_host_tcp *t = bad[i];
        nsw_status tcp_expected = i == 3 ? NSW_ERR_DESTROYED : expected[i];
        CHECK_STATUS(nsw_host_udp_local(u, &address), expected[i]);
        CHECK_STATUS(nsw_host_udp_send(u, &any, buf, 1), expected[i]);
        CHECK_STATUS(nsw_host_udp_receive(u, 0, &address, buf, 8, &len), expected[i]);
        CHECK_STATUS(nsw_host_udp_describe(u, &udp_info), expected[i]);
        CHECK_STATUS(nsw_host_udp_transport(u, &table), expected[i]);
        CHECK_STATUS(nsw_host_tcp_local(t, &address), tcp_expected);
        CHECK_STATUS(nsw_host_tcp_connect(t, &any, 0), tcp_expected);
        CHECK_STATUS(nsw_host_tcp_is_connected(t, &any, &connected), tcp_expected);
        CHECK_STATUS(nsw_host_tcp_close(t, &any), tcp_expected);
        CHECK_STATUS(nsw_host_tcp_send(t, &any, buf, 1), tcp_expected);
        CHECK_STATUS(nsw_host_tcp_flush(t, 0), tcp_expected);
        CHECK_STATUS(nsw_host_tcp_receive(t, 0, &address, buf, 8, &len), tcp_expected);
        CHECK_STATUS(nsw_host_tcp_describe(t, &tcp_info), tcp_expected);
        CHECK_STATUS(nsw_host_tcp_transport(t, &table), tcp_expected);
        nsw_host_udp_destroy(u);
        nsw_host_tcp_destroy(t);
    }
    /* A socket is no connection. */
    udp = udp_at(&any, 100, &mem);
    CHECK_STATUS(nsw_host_tcp_flush((nsw_host_tcp *)udp, 0), NSW_ERR_HANDLE);
    nsw_host_udp_destroy(udp);
    nsw_arena_destroy(arena);
    guarded_free(&buffer);
}

int main(void) {
    clocks();
    addresses();
    datagrams();
    frames();
    bad_settings();
    bad_handles();
    return check_report("host");
}
