/* What the peers of noise.c and capability.c have in common: handshakes and messages of Noise over the
 * serial line. In every handshake and session one message is damaged on its way, and comes again whole. */
#ifndef SESSION_H
#define SESSION_H

#include "neural_swarm.h"
#include "serial.h"

/* Bits of the byte that names a handshake. */
enum { IK = 1, THEY_BEGIN = 2, END = 4 };

extern unsigned damaged;

/* Waits for the emulator at a path. */
void session_listen(const char *path);

/* Shakes hands with the firmware. */
nsw_noise *session_begin(uint8_t handshake);

/* Sends a message; damaged at first if `twice`. */
void session_put(nsw_noise *noise, const uint8_t *text, size_t len, int twice);

/* Waits for a message; returns its length. */
size_t session_take(nsw_noise *noise, uint8_t text[MTU]);

/* Ends the session by an empty message. */
void session_finish(nsw_noise *noise);

/* Tells the firmware that there are no more, and waits for its end. */
void session_close(void);

#endif
