/*
 * A pseudoterminal: a serial line without a wire, in C and in C++. Define _XOPEN_SOURCE 600 before
 * any header.
 */
#ifndef NSW_TEST_PTY_H
#define NSW_TEST_PTY_H

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Its one end, and the name of the device that is the other; negative if there is none. */
static inline int open_pty(char *name, size_t size) {
    int line = posix_openpt(O_RDWR | O_NOCTTY);
    if (line < 0) {
        return -1;
    }
    const char *device = NULL;
    if (grantpt(line) == 0 && unlockpt(line) == 0) {
        device = ptsname(line);
    }
    if (device == NULL || strlen(device) >= size) {
        close(line);
        return -1;
    }
    memcpy(name, device, strlen(device) + 1);
    return line;
}

#endif
