/* This machine's end of the emulator's serial line: a socket. What fails ends the program. */
#ifndef SERIAL_H
#define SERIAL_H

#include <stddef.h>
#include <stdint.h>

#include "neural_swarm.h"

enum { MTU = 300, MESSAGES = 20 };

/* Ends the program unless the status is NSW_OK. */
void must(const char *what, nsw_status status);

/* Listens at a path, and waits for the emulator. */
void serial_listen(const char *path);

/* Sends a frame, coded for a serial line. */
void serial_put_frame(const uint8_t *frame, size_t len);

/* Bytes that came within a moment; 0 if there were none. */
size_t serial_read(uint8_t *bytes, size_t cap);

/* Waits until the emulator hangs up: what was written last is lost if this side does it first. */
void serial_drain(void);

/* The test's message of a number, and the answer to it; returns its length. */
size_t message(unsigned number, uint8_t text[MTU], uint8_t answer[MTU]);

#endif
