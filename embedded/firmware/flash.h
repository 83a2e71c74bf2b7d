/* The log of a group of Raft in the flash memory: records as they lie there, in the order in which they
 * were written. */
#ifndef FLASH_H
#define FLASH_H

#include "neural_swarm.h"

/* Appends a record; NSW_ERR_CAPACITY when there is no more room: time for a snapshot, which this firmware
 * leaves out. */
nsw_status flash_write(const nsw_raft_record *record);

/* Gives a node all records back, whole; NSW_DONE if there is none. */
nsw_status flash_restore(nsw_raft *raft);

/* Reads again what has left memory (nsw_raft_next_fetch). */
nsw_status flash_fetch(nsw_raft *raft, const nsw_raft_fetch *wanted);

#endif
