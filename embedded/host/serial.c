#define _POSIX_C_SOURCE 200809L
#include "serial.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int line = -1;

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

void must(const char *what, nsw_status status)
{
    if (status != NSW_OK) {
        fprintf(stderr, "%s: %s\n", what, nsw_status_str(status));
        exit(1);
    }
}

void serial_listen(const char *path)
{
    struct sockaddr_un address = {AF_UNIX, ""};
    struct pollfd waiting;
    if (strlen(path) >= sizeof address.sun_path) {
        fprintf(stderr, "the name of the socket is too long\n");
        exit(2);
    }
    strcpy(address.sun_path, path);
    unlink(path);
    waiting.fd = socket(AF_UNIX, SOCK_STREAM, 0);
    waiting.events = POLLIN;
    if (waiting.fd < 0 || bind(waiting.fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(waiting.fd, 1) != 0 || poll(&waiting, 1, 60000) <= 0)
        fail("listen");
    line = accept(waiting.fd, NULL, NULL);
    if (line < 0)
        fail("accept");
    close(waiting.fd);
    unlink(path);
}

void serial_put_frame(const uint8_t *frame, size_t len)
{
    uint8_t coded[NSW_SERIAL_BOUND(MTU)];
    size_t coded_len = 0;
    must("coding", nsw_frame_encode_serial(frame, len, 0, coded, sizeof coded, &coded_len));
    for (size_t at = 0; at < coded_len;) {
        ssize_t more = write(line, coded + at, coded_len - at);
        if (more <= 0)
            fail("write");
        at += (size_t)more;
    }
}

size_t serial_read(uint8_t *bytes, size_t cap)
{
    struct pollfd waiting = {line, POLLIN, 0};
    if (poll(&waiting, 1, 20) <= 0)
        return 0;
    ssize_t count = read(line, bytes, cap);
    if (count <= 0) {
        fprintf(stderr, "the emulator hung up\n");
        exit(1);
    }
    return (size_t)count;
}

void serial_drain(void)
{
    struct pollfd waiting = {line, POLLIN, 0};
    for (uint8_t byte; poll(&waiting, 1, 30000) > 0 && read(line, &byte, 1) > 0;) {
    }
    close(line);
}

size_t message(unsigned number, uint8_t text[MTU], uint8_t answer[MTU])
{
    size_t len = (size_t)number * 10;
    for (size_t i = 0; i < len; i++) {
        text[i] = (uint8_t)(i * 7 + number);
        answer[i] = (uint8_t)~text[i];
    }
    return len;
}
