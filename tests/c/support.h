/*
 * What the C tests share: memory that tells on who writes where they should
 * not, an allocator that can be made to fail, and a few small networks.
 */
#ifndef NSW_TEST_SUPPORT_H
#define NSW_TEST_SUPPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "check.h"

#ifdef __cplusplus
extern "C" {
#endif

/* True when NSW_TEST_QUICK is set to something other than 0: fewer turns of
   the long loops, for valgrind and slow machines. */
bool quick(void);

/* A text as the bytes that functions take. */
static inline const uint8_t *text(const char *string) {
    return (const uint8_t *)string;
}

/* ---- guarded memory ---------------------------------------------------- */

/*
 * A buffer with guard bytes on both sides. Under the address sanitizer and
 * under valgrind the guards are also marked as forbidden, so a mere read of
 * them is caught as well.
 */
typedef struct guarded {
    uint8_t *data; /* the buffer itself */
    size_t len;
    uint8_t *raw; /* what malloc returned */
    size_t raw_len;
} guarded;

/* `data` is a multiple of `align` (a power of two), plus `offset` bytes. */
guarded guarded_new(size_t len, size_t align, size_t offset);
bool guarded_intact(const guarded *g);
/* Checks the guards (a CHECK) and frees. */
void guarded_free(guarded *g);

/* Valgrind shall not mind that these bytes are looked at: an object has padding, and who searches
   its memory reads that, too. */
void memory_looked_at(const void *place, size_t len);

/* A copy of some memory, to see later that nobody wrote to it. */
typedef struct snapshot {
    const void *place;
    void *copy;
    size_t len;
} snapshot;

snapshot snapshot_take(const void *place, size_t len);
bool snapshot_unchanged(const snapshot *s);
void snapshot_free(snapshot *s);

/* ---- the counting allocator -------------------------------------------- */

#define COUNTING_BLOCKS 64

typedef struct counted_block {
    guarded memory;
    size_t size, align;
    void *given; /* what the library got: `memory.data`, or one beside it when misaligned */
} counted_block;

/*
 * An allocator hook that keeps the books: every block has guards, is filled
 * with rubbish before and after its life, and must come back with the size and
 * alignment that it was asked with.
 */
typedef struct counting {
    nsw_allocator hook; /* hand &c.hook to the library */
    counted_block blocks[COUNTING_BLOCKS];
    size_t calls;        /* of alloc, failed ones included */
    size_t live;         /* blocks out now */
    size_t live_bytes;
    size_t last_size, last_align;
    size_t fail_at;      /* the n-th call (from 1) fails; 0: none does */
    size_t misalign_at;  /* the n-th call returns a block that is off by one */
    bool in_order;       /* every free so far was in order */
} counting;

void counting_init(counting *c);
/* CHECKs that all blocks came back, in order. */
void counting_finish(counting *c);

/* ---- small networks ----------------------------------------------------- */

/* The four samples of exclusive or, as {0,1} and one output. */
extern const float XOR_INPUTS[8];
extern const float XOR_TARGETS[4];
extern const nsw_data XOR_DATA;
/* A pointer to samples with what to answer, in C. */
#define DATA(inputs, inputs_len, targets, targets_len) \
    (&(const nsw_data)NSW_DATA(inputs, inputs_len, targets, targets_len))

/* 2 inputs, 5 tanh units, 1 sigmoid unit. The layers live as long as the program. */
#define SMALL_INPUTS 2u
#define SMALL_OUTPUTS 1u
#define SMALL_PARAMETERS (2u * 5u + 5u + 5u * 1u + 1u)
nsw_net_config small_config(uint64_t seed);
nsw_net *small_net(uint64_t seed, const nsw_allocator *mem);

/* NSW_ALGORITHM_ constants run from 0 to below this. */
#define ALGORITHM_COUNT 10u
nsw_trainer_config small_trainer_config(const nsw_net *net, uint32_t algorithm);
nsw_trainer *small_trainer(const nsw_net *net, uint32_t algorithm, const nsw_allocator *mem);

/* A shortcut network of the same inputs and outputs, with as many spare units; cascade training
   that tries two tanh units. */
nsw_net *small_cascade_net(uint32_t spare, const nsw_allocator *mem);
nsw_cascade_config small_cascade_config(const nsw_net *net);
nsw_cascade *small_cascade(const nsw_net *net, const nsw_allocator *mem);

nsw_qnet_config small_qnet_config(nsw_net *net);
nsw_qnet *small_qnet(nsw_net *net, const nsw_allocator *mem);

/* A model in memory; `data` is aligned for views. Free with guarded_free. */
guarded net_bytes(const nsw_net *net);
guarded qnet_bytes(const nsw_qnet *net);

/* The same 32-bit pseudo-random stream everywhere (xorshift32). */
uint32_t random_next(uint32_t *state);
/* Uniform in [-1, 1). */
float random_signed(uint32_t *state);

#ifdef __cplusplus
}
#endif

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#endif /* NSW_TEST_SUPPORT_H */
