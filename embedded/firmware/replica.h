/* What the replica in the firmware does: it changes keys of every kind, hears a peer and tells it, until
 * both have the same. Its twin on this machine (embedded/host/store_peer.c) does the same, and what the
 * peer answers is recorded. So the firmware hears frames of a replica that it has never met. */
#ifndef REPLICA_H
#define REPLICA_H

#include <stddef.h>
#include <stdint.h>

#include "must.h"

/* The time of day: the same for all, or nothing could be recorded. */
#define NOW 1700000000000u

/* The longest frame of changes, or sums; of an answer to sums; of all that is there, and of a listing. */
enum { MOST_CHANGES = 200, ANSWER = 512, WHOLE = 2048 };

/* The second byte of a frame with all that is there, and of one with sums (docs/store-format.md). */
enum { STATE = 2, SUM = 4 };

/* What the peer is asked, and what it answers:
 *   CHANGE   a number     makes the changes of that number; nothing
 *   HEAR     a context    the first frame of what is lacking; nothing if nothing is
 *   MORE                  the next one
 *   DAMAGE                of its last frame: for each byte the bits that make it no frame if one of them
 *                         is turned; then for each byte 1 if what is before it is no frame
 *   TELL                  its context
 *   TAKE     a frame      takes it in; nothing
 *   SUMS     a digest     its part of nsw_store_reconcile
 *   DIGEST                its digest
 *   LISTING  a listing    its own, which is the same
 *   KEEP     a state      makes another replica of it, which is equal to the peer; nothing */
enum {
    CHANGE = 'c',
    HEAR = 'h',
    MORE = 'm',
    DAMAGE = 'd',
    TELL = 't',
    TAKE = 'k',
    SUMS = 's',
    DIGEST = 'g',
    LISTING = 'l',
    KEEP = 'w'
};

/* What the peer changes. */
enum { APART = 1, TOGETHER = 2, FOR_A_FULL_STORE = 3, MORE_THAN_REMEMBERED = 4 };

/* The keys of the store. */
struct keys {
    nsw_store_key tools, banned;              /* sets: who adds wins, who removes wins */
    nsw_store_key awake, locked;              /* flags: yes wins, no wins */
    nsw_store_key master, rumours;            /* registers: of the last writer, of several values */
    nsw_store_key hottest, coldest;           /* the greatest number, the smallest */
    nsw_store_key parts, stock;               /* counters: upwards, both ways */
    nsw_store_key visitors, visits;           /* sketches: how many, how often */
    nsw_store_key diary;                      /* a list */
    nsw_store_key site, pumps, broken, turns; /* a map in a map, with a set and a counter in it */
    nsw_store_key spare;                      /* a set */
};

/* What came of it. */
struct counts {
    uint32_t told, taken, again, lost, damaged, full, states, compared;
};
extern struct counts counts;

struct bytes {
    const uint8_t *at;
    size_t len;
};

#define TEXT(literal) (const uint8_t *)(literal), sizeof(literal) - 1

/* ---- The program's part ----------------------------------------------------- */

/* Asks the peer; the answer stays where it is. */
struct bytes ask(uint8_t what, const uint8_t *bytes, size_t len);

/* ---- The replica ------------------------------------------------------------ */

/* What all replicas have in common, with the capacities of the one in the firmware. */
nsw_store_config replica_config(uint64_t replica);

void replica_open(nsw_store *store, struct keys *keys);

void replica_run(nsw_store *store);

/* All keys and what is in them, by the bytes of names; the same if the values are. Returns its length. */
size_t list_values(nsw_store *store, uint8_t out[WHOLE]);

#endif
