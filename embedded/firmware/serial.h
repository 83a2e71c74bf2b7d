/* The serial line of the board to a peer outside the emulator, and what both firmwares that talk over
 * it have in common. */
#ifndef SERIAL_H
#define SERIAL_H

#include <stddef.h>
#include <stdint.h>

#include "neural_swarm.h"

enum { MTU = 300 };

void serial_start(void);

/* 1 if a byte has come, else 0. */
int serial_take(uint8_t *byte);

/* Sends bytes, as they are. */
void serial_put(const uint8_t *bytes, size_t len);

/* Sends a frame, coded for a serial line (nsw_frame_encode_serial). */
nsw_status serial_put_frame(const uint8_t *frame, size_t len);

/* The hook of nsw_entropy. The board of the emulator has no generator of random numbers: this one is
 * for the test alone. `ctx` is its state, a uint32_t. */
nsw_status serial_random(void *ctx, uint8_t *out, size_t len);

/* A line "name value" through the debugger. */
void tell(const char *name, uint32_t value);

/* The end of a program that failed: its status as a number, since the texts of nsw_status_str take
 * 4 KB. Returns 1. */
int tell_failure(nsw_status status);

#endif
