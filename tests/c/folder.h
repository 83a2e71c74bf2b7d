/*
 * A folder of a test's own, where TMPDIR says or in /tmp, in C and in C++.
 */
#ifndef NSW_TEST_FOLDER_H
#define NSW_TEST_FOLDER_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Makes it, and writes where it is; whether it could. */
static inline int make_folder(char *path, size_t size) {
    const char *in = getenv("TMPDIR");
    for (int turn = 0; turn < 100; turn++) {
        int len = snprintf(path, size, "%s/neural-swarm-%ld-%d",
                           in != NULL && in[0] != 0 ? in : "/tmp", (long)getpid(), turn);
        if (len < 0 || (size_t)len >= size) {
            return 0;
        }
        if (mkdir(path, 0700) == 0) {
            return 1;
        }
    }
    return 0;
}

#endif
