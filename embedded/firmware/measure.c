#include "measure.h"

/* The timer of every Cortex-M. The cycle counter of the debug unit (DWT) would
 * be finer on hardware, but the emulator does not have it. */
#define SYST_CSR (*(volatile uint32_t *)0xE000E010u)
#define SYST_RVR (*(volatile uint32_t *)0xE000E014u)
#define SYST_CVR (*(volatile uint32_t *)0xE000E018u)
#define SYST_PROCESSOR_CLOCK_ON 5u
#define SYST_MAX 0x00ffffffu

#define PAINT 0xdeadbeefu

/* From the linker script. */
extern uint32_t stack_bottom[], stack_top[];

void count_start(void)
{
    SYST_RVR = SYST_MAX;
    SYST_CVR = 0;
    SYST_CSR = SYST_PROCESSOR_CLOCK_ON;
}

uint32_t count_now(void)
{
    return SYST_MAX - SYST_CVR;
}

uint32_t count_between(uint32_t from, uint32_t to)
{
    return (to - from) & SYST_MAX;
}

uint32_t count_known(uint32_t instructions)
{
    uint32_t rounds = instructions / 2;
    uint32_t from = count_now();
    __asm__ volatile("1: subs %0, #1 \n"
                     "   bne 1b      \n"
                     : "+l"(rounds)
                     :
                     : "cc");
    return count_between(from, count_now());
}

void stack_paint(void)
{
    uint32_t *now;
    __asm__ volatile("mov %0, sp" : "=r"(now));
    for (uint32_t *word = stack_bottom; word < now; word++)
        *word = PAINT;
}

uint32_t stack_high_water(void)
{
    const uint32_t *word = stack_bottom;
    while (word < stack_top && *word == PAINT)
        word++;
    return (uint32_t)((const char *)stack_top - (const char *)word);
}
