/* Emulated boards with firmware/node.c: what is written to them, their emulator (qemu-system-arm), what they
 * print, and their serial lines. Whatever fails ends the program (fail). */
#ifndef BOARD_H
#define BOARD_H

#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "../firmware/swarm.h"
#include "neural_swarm.h"

enum { LINE = 128 };
#define SECOND UINT64_C(1000000)

/* All zeros, then board_switch_on. */
struct board {
    pid_t pid;
    int output;
    char line[LINE];
    size_t len;
    char device[LINE]; /* the other end of its serial line */
    FILE *log;
    nsw_host_serial *serial;
    int ready;       /* it has said so */
    int ended, code; /* its exit code */
};

static inline uint64_t now_us(void)
{
    uint64_t now = 0;
    nsw_host_now_us(&now);
    return now;
}

/* What is written to its flash when it is made, to a file. Its private key of Ed25519 signs once, here. */
void board_provision(uint32_t number, const nsw_identity *identity, const nsw_key voters[SWARM_VOTERS],
                     const char *path);

/* Starts its emulator, which ends by itself after so many seconds at most. */
void board_switch_on(struct board *board, const char *kernel, const char *page, unsigned most_seconds);

/* Waits until its emulator has told which device its serial line is, and opens that. */
void board_connect(struct board *board);

/* Takes what it has printed, to its `log`, too, and whether it has ended. */
void board_watch(struct board *board);

/* Takes its battery out. */
void board_stop(struct board *board);

/* Closes what belongs to it. */
void board_end(struct board *board);

/* Of the program: tells what went wrong, stops all boards, and exits. */
_Noreturn void fail(const char *what, const char *why);
void must(const char *what, nsw_status status);

#endif
