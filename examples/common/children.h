/* Processes that an example starts to show itself: lines go to their input, and come from their output.
 * SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef NSW_EXAMPLE_CHILDREN_H
#define NSW_EXAMPLE_CHILDREN_H

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHILD_LINE = 256 };

struct child {
    pid_t pid; /* 0: there is none */
    int in, out;
    char line[CHILD_LINE];
    size_t len;
};

/* Starts one that does `run(with)`, and ends with what that returns: 0, or -1. */
static inline int child_start(struct child *child, int (*run)(void *), void *with)
{
    int in[2], out[2];
    if (pipe(in) != 0)
        return -1;
    if (pipe(out) != 0) {
        close(in[0]);
        close(in[1]);
        return -1;
    }
    fflush(NULL); /* or both would print what waits */
    child->pid = fork();
    if (child->pid == 0) {
        dup2(in[0], STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        for (int file = 3; file < 64; file++) /* its own ends, and those of the others */
            close(file);
        exit(run(with));
    }
    close(in[0]);
    close(out[1]);
    child->in = in[1];
    child->out = out[0];
    child->len = 0;
    return child->pid < 0 ? -1 : 0;
}

/* Waits for its end, after `kill -9` or the end of its input: 0 if all went well. */
static inline int child_end(struct child *child, int by_force)
{
    int status = 0;
    if (child->pid <= 0)
        return 0;
    if (by_force)
        kill(child->pid, SIGKILL);
    close(child->in);
    waitpid(child->pid, &status, 0);
    close(child->out);
    child->pid = 0;
    return by_force ? 0 : status;
}

/* Writes a line, whose end is written, too: 0, or -1. */
static inline int child_say(struct child *child, const char *line)
{
    char text[CHILD_LINE];
    const int len = snprintf(text, sizeof text, "%s\n", line);
    if (child->pid <= 0 || len < 0 || (size_t)len >= sizeof text)
        return -1;
    return write(child->in, text, (size_t)len) == len ? 0 : -1;
}

/* The next line that it prints, without its end, until the next call; NULL if nothing comes for so many
 * milliseconds, or nothing any more. */
static inline const char *child_line(struct child *child, int patience)
{
    struct pollfd output = {child->out, POLLIN, 0};
    while (poll(&output, 1, patience) > 0) {
        char byte;
        if (read(child->out, &byte, 1) != 1)
            return NULL;
        if (byte == '\n') {
            child->line[child->len] = '\0';
            child->len = 0;
            return child->line;
        }
        if (child->len < sizeof child->line - 1)
            child->line[child->len++] = byte;
    }
    return NULL;
}

#endif
