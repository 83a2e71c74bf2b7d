/*
 * Serial lines, over a pseudoterminal: what is sent arrives; what does not fit waits; garbage is
 * dropped and counted.
 */
#define _XOPEN_SOURCE 600

#include "pty.h"
#include "support.h"

/* More than anything here takes, and less than anybody waits, in microseconds. */
#define LONG_US 20000000u
#define SHORT_US 3000u

static char device[64];

static nsw_host_serial_config config_of(size_t max) {
    nsw_host_serial_config cfg = NSW_HOST_SERIAL_CONFIG_INIT;
    cfg.device = device;
    cfg.device_len = strlen(device);
    cfg.max_datagram = max;
    return cfg;
}

static nsw_host_serial_info info_of(const nsw_host_serial *of) {
    nsw_host_serial_info info = NSW_HOST_SERIAL_INFO_INIT;
    CHECK_OK(nsw_host_serial_describe(of, &info));
    return info;
}

static void put(int line, const uint8_t *bytes, size_t len) {
    REQUIRE(write(line, bytes, len) == (ssize_t)len);
}

static void put_frame(int line, const char *datagram, uint32_t checked) {
    uint8_t coded[NSW_SERIAL_BOUND(200)];
    size_t len = 0;
    REQUIRE_OK(nsw_frame_encode_serial(text(datagram), strlen(datagram), checked, coded,
                                       sizeof coded, &len));
    put(line, coded, len);
}

/* What was sent, read at the other end by a framer. */
static void get_frame(int line, nsw_framer *framer, const char *expected) {
    nsw_frame frame = NSW_FRAME_INIT;
    while (nsw_framer_next(framer, &frame) == NSW_DONE) {
        uint8_t byte;
        size_t taken = 0;
        REQUIRE(read(line, &byte, 1) == 1);
        REQUIRE_OK(nsw_framer_push(framer, &byte, 1, &taken));
    }
    CHECK(frame.bytes_len == strlen(expected) &&
          memcmp(frame.bytes, expected, frame.bytes_len) == 0);
}

static void datagrams(void) {
    counting memory;
    counting_init(&memory);
    int line = open_pty(device, sizeof device);
    REQUIRE(line >= 0);
    nsw_framer_config framing = NSW_FRAMER_CONFIG_INIT;
    framing.framing = NSW_FRAMING_SERIAL;
    framing.max_frame = 100;
    nsw_framer *framer = NULL;
    REQUIRE_OK(nsw_framer_create(&framing, NULL, &framer));
    nsw_host_serial_config cfg = config_of(100);
    nsw_address peer = NSW_ADDRESS_INIT, none = NSW_ADDRESS_INIT, from = NSW_ADDRESS_INIT;
    peer.len = 4;
    memcpy(peer.bytes, "node", 4);
    cfg.peer = &peer;
    cfg.baud = 9600;
    nsw_host_serial *serial = NULL, *other = NULL;
    size_t size = 0, align = 0;
    CHECK_OK(nsw_host_serial_footprint(&cfg, &size, &align));
    REQUIRE_OK(nsw_host_serial_create(&cfg, &memory.hook, &serial));
    CHECK(memory.calls == 1 && memory.last_size == size && memory.last_align == align);
    /* It is in use. */
    CHECK_STATUS(nsw_host_serial_create(&cfg, &memory.hook, &other), NSW_ERR_HOST_IO);
    CHECK(other == NULL && memory.live == 1);

    uint8_t buf[101] = {0};
    size_t len = 77;
    CHECK_STATUS(nsw_host_serial_receive(serial, 0, &from, buf, 100, &len), NSW_AGAIN);
    CHECK_STATUS(nsw_host_serial_receive(serial, SHORT_US, &from, buf, 100, &len), NSW_AGAIN);
    CHECK_SIZE(len, 77);
    CHECK_OK(nsw_host_serial_send(serial, &peer, text("hello"), 5));
    CHECK_OK(nsw_host_serial_flush(serial, LONG_US));
    get_frame(line, framer, "hello");
    CHECK_STATUS(nsw_host_serial_send(serial, &none, text("x"), 1), NSW_ERR_HOST_ADDRESS);
    CHECK_STATUS(nsw_host_serial_send(serial, &peer, buf, 101), NSW_ERR_COMM_TOO_LONG);
    CHECK_STATUS(nsw_host_serial_send(serial, NULL, buf, 1), NSW_ERR_NULL);
    CHECK_STATUS(nsw_host_serial_send(serial, &peer, NULL, 1), NSW_ERR_NULL);

    put_frame(line, "answer", 1);
    CHECK_STATUS(nsw_host_serial_receive(serial, LONG_US, &from, buf, 5, &len),
                 NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_SIZE(len, 6);
    CHECK_OK(nsw_host_serial_receive(serial, 0, &from, buf, 6, &len));
    CHECK(len == 6 && memcmp(buf, "answer", 6) == 0 && from.len == 4 &&
          memcmp(from.bytes, "node", 4) == 0);

    nsw_transport table = NSW_TRANSPORT_INIT;
    CHECK_OK(nsw_host_serial_transport(serial, &table));
    CHECK_STATUS(table.receive(table.ctx, &from, buf, 100, &len), NSW_AGAIN);
    CHECK_OK(table.send(table.ctx, &peer, text("by the table"), 12));
    get_frame(line, framer, "by the table");
    put_frame(line, "too long", 1);
    CHECK_STATUS(nsw_host_serial_receive(serial, LONG_US, NULL, buf, 7, &len),
                 NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_OK(table.skip(table.ctx));
    CHECK_STATUS(table.receive(table.ctx, &from, buf, 100, &len), NSW_AGAIN);

    /* Garbage, a frame without a CRC, one that is too long, and one that is right. */
    static const char long_one[] =
        "this is longer than the hundred bytes that the other end takes, so it is dropped as a "
        "whole, and counted as such";
    put(line, text("\x07garbage\0\x7f"), 11);
    put_frame(line, "unchecked", 0);
    put_frame(line, long_one, 1);
    put_frame(line, "right", 1);
    CHECK_OK(nsw_host_serial_receive(serial, LONG_US, NULL, buf, 100, &len));
    CHECK(len == 5 && memcmp(buf, "right", 5) == 0);
    nsw_host_serial_info info = info_of(serial);
    CHECK(info.damaged == 2 && info.unchecked == 1 && info.oversize == 1);

    /* More than the line takes. */
    nsw_status status = NSW_OK, flushed = NSW_OK;
    while (flushed == NSW_OK) {
        status = nsw_host_serial_send(serial, &peer, buf, 100);
        if (status != NSW_OK) {
            flushed = nsw_host_serial_flush(serial, SHORT_US);
        }
    }
    CHECK_STATUS(status, NSW_ERR_CAPACITY);
    CHECK_STATUS(flushed, NSW_ERR_HOST_TIMEOUT);

    /* The line is gone. */
    close(line);
    CHECK_STATUS(nsw_host_serial_receive(serial, LONG_US, NULL, buf, 100, &len), NSW_ERR_HOST_IO);
    CHECK_STATUS(nsw_host_serial_flush(serial, LONG_US), NSW_ERR_HOST_IO);
    nsw_host_serial_destroy(serial);
    nsw_framer_destroy(framer);
    counting_finish(&memory);
}

static void bad_settings(void) {
    int line = open_pty(device, sizeof device);
    REQUIRE(line >= 0);
    nsw_host_serial_config cfg = config_of(100);
    nsw_host_serial *made = NULL;
    size_t size = 0, align = 0;
    cfg.max_datagram = NSW_FRAME_MAX + 1;
    CHECK_STATUS(nsw_host_serial_footprint(&cfg, &size, &align), NSW_ERR_INVALID);
    cfg.max_datagram = 100;
    cfg.send_buffer = 107;
    CHECK_STATUS(nsw_host_serial_footprint(&cfg, &size, &align), NSW_ERR_INVALID);
    cfg.send_buffer = NSW_SERIAL_BOUND(100) + 1;
    CHECK_OK(nsw_host_serial_footprint(&cfg, &size, &align));
    cfg.plain = 2;
    CHECK_STATUS(nsw_host_serial_footprint(&cfg, &size, &align), NSW_ERR_INVALID);
    cfg.plain = 0;
    cfg.reserved = 1;
    CHECK_STATUS(nsw_host_serial_footprint(&cfg, &size, &align), NSW_ERR_INVALID);
    cfg.reserved = 0;
    cfg.baud = 9601;
    CHECK_STATUS(nsw_host_serial_create(&cfg, NULL, &made), NSW_ERR_INVALID);
    cfg.baud = 0;
    nsw_address long_one = NSW_ADDRESS_INIT;
    long_one.len = NSW_ADDRESS_MAX + 1;
    cfg.peer = &long_one;
    CHECK_STATUS(nsw_host_serial_footprint(&cfg, &size, &align), NSW_ERR_LENGTH);
    cfg.peer = NULL;
    counting memory;
    counting_init(&memory);
    memory.fail_at = 1;
    CHECK_STATUS(nsw_host_serial_create(&cfg, &memory.hook, &made), NSW_ERR_OUT_OF_MEMORY);
    memory.fail_at = 0;
    cfg.device = "/dev/null";
    cfg.device_len = 9;
    CHECK_STATUS(nsw_host_serial_create(&cfg, &memory.hook, &made), NSW_ERR_HOST_FILE);
    cfg.device_len = 5;
    CHECK_STATUS(nsw_host_serial_create(&cfg, &memory.hook, &made), NSW_ERR_HOST_IO);
    cfg.device = NULL;
    CHECK_STATUS(nsw_host_serial_create(&cfg, &memory.hook, &made), NSW_ERR_NULL);
    cfg.size = 4;
    CHECK_STATUS(nsw_host_serial_create(&cfg, &memory.hook, &made), NSW_ERR_STRUCT_SIZE);
    CHECK(made == NULL && memory.live == 0);

    /* Without a CRC, and without a name for the other end. */
    cfg = config_of(0);
    cfg.plain = 1;
    CHECK_OK(nsw_host_serial_create(&cfg, &memory.hook, &made));
    put_frame(line, "plain", 0);
    nsw_address from = long_one;
    uint8_t buf[10];
    size_t len = 0;
    CHECK_OK(nsw_host_serial_receive(made, LONG_US, &from, buf, sizeof buf, &len));
    CHECK(len == 5 && memcmp(buf, "plain", 5) == 0 && from.len == 0);
    CHECK_OK(nsw_host_serial_send(made, &from, buf, len));
    nsw_host_serial_destroy(made);
    close(line);
    counting_finish(&memory);
}

static void bad_handles(void) {
    guarded buffer = guarded_new(65536, 16, 0);
    nsw_arena *arena = NULL;
    nsw_allocator mem = NSW_ALLOCATOR_INIT;
    REQUIRE_OK(nsw_arena_create(buffer.data, buffer.len, &arena));
    REQUIRE_OK(nsw_arena_allocator(arena, &mem));
    int line = open_pty(device, sizeof device);
    REQUIRE(line >= 0);
    nsw_host_serial_config cfg = config_of(100);
    nsw_host_serial *gone = NULL;
    REQUIRE_OK(nsw_host_serial_create(&cfg, &mem, &gone));
    nsw_transport table = NSW_TRANSPORT_INIT;
    CHECK_OK(nsw_host_serial_transport(gone, &table));
    CHECK_STATUS(nsw_host_serial_transport(gone, NULL), NSW_ERR_NULL);
    nsw_host_serial_destroy(gone);
    close(line);
    nsw_address peer = NSW_ADDRESS_INIT, from = NSW_ADDRESS_INIT;
    void *const bad[] = {NULL, buffer.data + 1, arena, gone};
    static const nsw_status expected[] = {NSW_ERR_NULL, NSW_ERR_ALIGNMENT, NSW_ERR_HANDLE,
                                          NSW_ERR_DESTROYED};
    uint8_t buf[8] = {0};
    size_t len = 0;
    nsw_host_serial_info info = NSW_HOST_SERIAL_INFO_INIT;
    CHECK_STATUS(table.send(table.ctx, &peer, buf, 1), NSW_ERR_DESTROYED);
    CHECK_STATUS(table.receive(table.ctx, &from, buf, 8, &len), NSW_ERR_DESTROYED);
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        nsw_host_serial *s = bad[i];
        CHECK_STATUS(nsw_host_serial_send(s, &peer, buf, 1), expected[i]);
        CHECK_STATUS(nsw_host_serial_flush(s, 0), expected[i]);
        CHECK_STATUS(nsw_host_serial_receive(s, 0, &from, buf, 8, &len), expected[i]);
        CHECK_STATUS(nsw_host_serial_describe(s, &info), expected[i]);
        CHECK_STATUS(nsw_host_serial_transport(s, &table), expected[i]);
        nsw_host_serial_destroy(s);
    }
    nsw_arena_destroy(arena);
    guarded_free(&buffer);
}

int main(void) {
    datagrams();
    bad_settings();
    bad_handles();
    return check_report("host_serial");
}
