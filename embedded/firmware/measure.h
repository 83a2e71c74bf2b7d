/* What a run costs: instructions and stack. */
#ifndef MEASURE_H
#define MEASURE_H

#include <stdint.h>

/* Starts the counter that count_now reads. */
void count_start(void);

/* A counter that goes up by one for every some instructions; the emulator's
 * clock advances with each instruction (-icount). Wraps at 24 bits. */
uint32_t count_now(void);

/* The ticks from one reading to another. */
uint32_t count_between(uint32_t from, uint32_t to);

/* Ticks that a loop of exactly `instructions` takes; a multiple of 2, not 0. */
uint32_t count_known(uint32_t instructions);

/* Fills the unused stack with a pattern. */
void stack_paint(void);

/* Bytes of the stack that were ever in use since then. */
uint32_t stack_high_water(void);

#endif
