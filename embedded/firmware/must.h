/* What must go well, in a program for the microcontroller or its twin on another machine. */
#ifndef MUST_H
#define MUST_H

#include "neural_swarm.h"

#define MUST(done) must(__LINE__, done)
#define EXPECT(is_so) must(__LINE__, (is_so) ? NSW_OK : NSW_ERR_INVALID)

/* Ends the program if the status is not NSW_OK: says the line, and the status. Each machine has its own
 * (firmware/must.c, host/store_peer.c). */
void must(int line, nsw_status status);

#endif
