/* What the programs with Noise and framing have in common: their memory, frames, and handshakes with
 * a peer whose key everybody knows. */
#ifndef SESSION_H
#define SESSION_H

#include <stddef.h>
#include <stdint.h>

#include "neural_swarm.h"
#include "serial.h"

/* An object asks for one block, once: so this is all of an allocator. A session's block is used again by
 * the next one. */
struct block {
    size_t used;
    uint8_t bytes[640] __attribute__((aligned(8)));
};
extern struct block noise_block, framer_block;
nsw_allocator block_allocator(struct block *block);

extern uint8_t text[MTU];
extern uint32_t sessions, refused;

/* The serial line, the framer, the peer's key. */
nsw_status session_start(void);
void session_end(void);

/* Waits for the peer to name a handshake, and shakes hands. NSW_DONE: the peer is done. The caller
 * destroys `*noise`, also after a failure. */
nsw_status session_accept(nsw_noise **noise);

/* Waits for a message, which comes to `text`. What is not authentic is thrown away. */
nsw_status session_take(nsw_noise *noise, size_t *len);

/* Sends so many bytes of `text`. */
nsw_status session_put(nsw_noise *noise, size_t len);

#endif
