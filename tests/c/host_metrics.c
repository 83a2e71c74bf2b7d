/*
 * Metrics over HTTP: what is published is what a scraper gets, and every refusal has its
 * name.
 */
#define _POSIX_C_SOURCE 200809L

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "support.h"

static const char TEXT[] = "# TYPE a counter\n# HELP a What.\na_total 1\n# EOF\n";
static const char GET[] = "GET /metrics HTTP/1.1\r\nHost: x\r\n"
                          "Accept: application/openmetrics-text; version=1.0.0\r\n\r\n";

static nsw_address address_of(const char *text) {
    nsw_address address = NSW_ADDRESS_INIT;
    REQUIRE_OK(nsw_host_address_parse(text, strlen(text), &address));
    return address;
}

static nsw_host_metrics *serve(const nsw_address *bind, const nsw_allocator *mem) {
    nsw_host_metrics_config cfg = NSW_HOST_METRICS_CONFIG_INIT;
    nsw_host_metrics *metrics = NULL;
    cfg.bind = bind;
    REQUIRE_OK(nsw_host_metrics_create(&cfg, mem, &metrics));
    return metrics;
}

/* Asks, and takes all that comes until the server closes. */
static void ask(const nsw_host_metrics *metrics, const char *request, char *answer, size_t cap) {
    nsw_address at = NSW_ADDRESS_INIT;
    REQUIRE_OK(nsw_host_metrics_local(metrics, &at));
    REQUIRE(at.len == 7 && at.bytes[0] == 4);
    struct sockaddr_in to;
    memset(&to, 0, sizeof to);
    to.sin_family = AF_INET;
    memcpy(&to.sin_addr, at.bytes + 1, 4);
    to.sin_port = htons((uint16_t)(at.bytes[5] | at.bytes[6] << 8));
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    REQUIRE(fd >= 0);
    /* More than anything here takes. */
    struct timeval patience = {20, 0};
    REQUIRE(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0);
    REQUIRE(connect(fd, (struct sockaddr *)&to, sizeof to) == 0);
    REQUIRE(send(fd, request, strlen(request), MSG_NOSIGNAL) == (ssize_t)strlen(request));
    size_t len = 0;
    for (;;) {
        ssize_t more = recv(fd, answer + len, cap - 1 - len, 0);
        REQUIRE(more >= 0);
        if (more == 0) {
            break;
        }
        len += (size_t)more;
    }
    answer[len] = 0;
    close(fd);
}

static const char *body(const char *answer) {
    const char *end = strstr(answer, "\r\n\r\n");
    return end == NULL ? "" : end + 4;
}

static void scrapes(void) {
    counting memory;
    counting_init(&memory);
    nsw_address any = address_of("127.0.0.1:0");
    nsw_host_metrics *metrics = serve(&any, &memory.hook);
    CHECK_SIZE(memory.calls, 1);
    char answer[4096];
    ask(metrics, GET, answer, sizeof answer);
    CHECK(strncmp(answer, "HTTP/1.1 503 ", 13) == 0);
    CHECK_OK(nsw_host_metrics_publish(metrics, TEXT, sizeof TEXT - 1));
    ask(metrics, GET, answer, sizeof answer);
    CHECK(strncmp(answer, "HTTP/1.1 200 OK\r\n", 17) == 0);
    CHECK(strstr(answer, "\r\nContent-Type: application/openmetrics-text; version=1.0.0; "
                         "charset=utf-8\r\n") != NULL);
    CHECK(strcmp(body(answer), TEXT) == 0);
    ask(metrics, "GET /metrics HTTP/1.0\r\n\r\n", answer, sizeof answer);
    CHECK(strstr(answer, "\r\nContent-Type: text/plain; version=0.0.4; ") != NULL);
    CHECK(strcmp(body(answer),
                 "# TYPE a_total counter\n# HELP a_total What.\na_total 1\n") == 0);
    ask(metrics, "PUT /metrics HTTP/1.0\r\n\r\n", answer, sizeof answer);
    CHECK(strncmp(answer, "HTTP/1.1 405 ", 13) == 0);
    nsw_host_metrics_info info = NSW_HOST_METRICS_INFO_INIT;
    CHECK_OK(nsw_host_metrics_describe(metrics, &info));
    CHECK(info.accepted == 4 && info.served == 2 && info.refused == 2 && info.late == 0);
    CHECK(info.broken == 0 && info.failed == 0);

    /* What is refused leaves what was published. */
    CHECK_STATUS(nsw_host_metrics_publish(metrics, TEXT, sizeof TEXT - 2), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_host_metrics_publish(metrics, NULL, 7), NSW_ERR_NULL);
    CHECK_STATUS(nsw_host_metrics_publish(metrics, NULL, 0), NSW_ERR_INVALID);
    ask(metrics, GET, answer, sizeof answer);
    CHECK(strcmp(body(answer), TEXT) == 0);
    nsw_host_metrics_destroy(metrics);
    counting_finish(&memory);
}

static void settings(void) {
    nsw_address any = address_of("127.0.0.1:0"), none = NSW_ADDRESS_INIT, long_one = none;
    nsw_host_metrics_config cfg = NSW_HOST_METRICS_CONFIG_INIT;
    nsw_host_metrics *metrics = NULL;
    size_t size = 0, align = 0;
    CHECK_STATUS(nsw_host_metrics_create(NULL, NULL, &metrics), NSW_ERR_NULL);
    CHECK_STATUS(nsw_host_metrics_create(&cfg, NULL, &metrics), NSW_ERR_NULL);
    cfg.bind = &none;
    CHECK_OK(nsw_host_metrics_footprint(&cfg, &size, &align));
    CHECK_STATUS(nsw_host_metrics_create(&cfg, NULL, &metrics), NSW_ERR_HOST_ADDRESS);
    long_one.len = NSW_ADDRESS_MAX + 1;
    cfg.bind = &long_one;
    CHECK_STATUS(nsw_host_metrics_footprint(&cfg, &size, &align), NSW_ERR_LENGTH);
    cfg.bind = &any;
    cfg.max_text = 5;
    CHECK_STATUS(nsw_host_metrics_footprint(&cfg, &size, &align), NSW_ERR_INVALID);
    cfg.max_text = 67108865;
    CHECK_STATUS(nsw_host_metrics_footprint(&cfg, &size, &align), NSW_ERR_INVALID);
    cfg.max_text = 6;
    cfg.max_header = 63;
    CHECK_STATUS(nsw_host_metrics_footprint(&cfg, &size, &align), NSW_ERR_INVALID);
    cfg.max_header = 65537;
    CHECK_STATUS(nsw_host_metrics_footprint(&cfg, &size, &align), NSW_ERR_INVALID);
    cfg.max_header = 64;
    cfg.connections = 65;
    CHECK_STATUS(nsw_host_metrics_create(&cfg, NULL, &metrics), NSW_ERR_INVALID);
    cfg.connections = 64;
    cfg.timeout_us = UINT64_MAX;
    cfg.size -= 1;
    CHECK_STATUS(nsw_host_metrics_create(&cfg, NULL, &metrics), NSW_ERR_STRUCT_SIZE);
    cfg.size += 1;
    CHECK(metrics == NULL);

    /* No memory: nobody listens; the footprint is what is asked for. */
    counting memory;
    counting_init(&memory);
    memory.fail_at = 1;
    CHECK_STATUS(nsw_host_metrics_create(&cfg, &memory.hook, &metrics), NSW_ERR_OUT_OF_MEMORY);
    CHECK(metrics == NULL);
    memory.fail_at = 0;
    CHECK_OK(nsw_host_metrics_footprint(&cfg, &size, &align));
    CHECK_OK(nsw_host_metrics_create(&cfg, &memory.hook, &metrics));
    CHECK(memory.last_size == size && memory.last_align == align);
    CHECK_OK(nsw_host_metrics_publish(metrics, "# EOF\n", 6));
    CHECK_STATUS(nsw_host_metrics_publish(metrics, "a\n# EOF\n", 8), NSW_ERR_CAPACITY);
    char answer[1024];
    ask(metrics, GET, answer, sizeof answer);
    CHECK(strncmp(answer, "HTTP/1.1 431 ", 13) == 0);

    /* An address in use: the block goes back. When its owner is gone, it is free. */
    nsw_address taken = NSW_ADDRESS_INIT;
    nsw_host_metrics *other = NULL;
    CHECK_OK(nsw_host_metrics_local(metrics, &taken));
    cfg.bind = &taken;
    CHECK_STATUS(nsw_host_metrics_create(&cfg, &memory.hook, &other), NSW_ERR_HOST_IO);
    CHECK(other == NULL && memory.live == 1);
    nsw_host_metrics_destroy(metrics);
    CHECK_OK(nsw_host_metrics_create(&cfg, &memory.hook, &other));
    nsw_host_metrics_destroy(other);
    counting_finish(&memory);
}

static void bad_handles(void) {
    guarded buffer = guarded_new(65536, 16, 0);
    nsw_arena *arena = NULL;
    nsw_allocator mem = NSW_ALLOCATOR_INIT;
    REQUIRE_OK(nsw_arena_create(buffer.data, buffer.len, &arena));
    REQUIRE_OK(nsw_arena_allocator(arena, &mem));
    nsw_address any = address_of("127.0.0.1:0"), address = NSW_ADDRESS_INIT;
    nsw_host_metrics *metrics = serve(&any, &mem);
    nsw_host_metrics_info info = NSW_HOST_METRICS_INFO_INIT;
    CHECK_STATUS(nsw_host_metrics_local(metrics, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_host_metrics_describe(metrics, NULL), NSW_ERR_NULL);
    info.size = 8;
    CHECK_STATUS(nsw_host_metrics_describe(metrics, &info), NSW_ERR_STRUCT_SIZE);
    info.size = sizeof info;
    nsw_host_metrics_destroy(metrics);
    void *const bad[] = {NULL, buffer.data + 1, arena, metrics};
    static const nsw_status expected[] = {NSW_ERR_NULL, NSW_ERR_ALIGNMENT, NSW_ERR_HANDLE,
                                          NSW_ERR_DESTROYED};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        CHECK_STATUS(nsw_host_metrics_local(bad[i], &address), expected[i]);
        CHECK_STATUS(nsw_host_metrics_publish(bad[i], "# EOF\n", 6), expected[i]);
        CHECK_STATUS(nsw_host_metrics_describe(bad[i], &info), expected[i]);
        nsw_host_metrics_destroy(bad[i]);
    }
    nsw_arena_destroy(arena);
    guarded_free(&buffer);
}

int main(void) {
    scrapes();
    settings();
    bad_handles();
    return check_report("host_metrics");
}
