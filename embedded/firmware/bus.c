#include "bus.h"

#include "serial.h"
#include "swarm.h"

/* The board's timer 0 (CMSDK), which counts down at 25 MHz, and interrupts of UART 0. */
#define TIMER_CTRL (*(volatile uint32_t *)0x40000000u)
#define TIMER_VALUE (*(volatile uint32_t *)0x40000004u)
#define TIMER_RELOAD (*(volatile uint32_t *)0x40000008u)
#define UART_CTRL (*(volatile uint32_t *)0x40004008u)
#define UART_INTCLEAR (*(volatile uint32_t *)0x4000400Cu)
#define UART_RX_INTERRUPT 2u

/* Of the processor: SysTick, and which interrupts are wanted and wait. UART 0's for bytes that come is 0. */
#define SYST_CSR (*(volatile uint32_t *)0xE000E010u)
#define SYST_RVR (*(volatile uint32_t *)0xE000E014u)
#define SYST_CVR (*(volatile uint32_t *)0xE000E018u)
#define NVIC_ISER (*(volatile uint32_t *)0xE000E100u)
#define NVIC_ICPR (*(volatile uint32_t *)0xE000E280u)
#define ICSR (*(volatile uint32_t *)0xE000ED04u)
#define ICSR_SYSTICK_CLEAR (1u << 25)

enum { TICKS_PER_US = 25, LONGEST_SLEEP_US = 100000 };

static uint32_t number;

void bus_start(uint32_t own_number)
{
    number = own_number;
    TIMER_RELOAD = UINT32_MAX;
    TIMER_VALUE = UINT32_MAX;
    TIMER_CTRL = 1;
    serial_start();
    /* Interrupts wake the processor; none is ever taken. */
    __asm__ volatile("cpsid i");
    UART_CTRL |= 1u << 3;
    NVIC_ISER = 1;
}

uint64_t bus_now_us(void)
{
    static uint32_t last = UINT32_MAX, rest;
    static uint64_t us;
    const uint32_t now = TIMER_VALUE;
    /* 32 bits last for nearly three minutes. */
    uint32_t ticks = last - now;
    last = now;
    us += ticks / TICKS_PER_US;
    rest += ticks % TICKS_PER_US;
    if (rest >= TICKS_PER_US) {
        rest -= TICKS_PER_US;
        us++;
    }
    return us;
}

nsw_status bus_send(void *ctx, const nsw_address *to, const uint8_t *datagram, size_t len)
{
    static uint8_t frame[SWARM_FRAME], coded[NSW_SERIAL_BOUND(SWARM_FRAME)];
    size_t coded_len = 0;
    (void)ctx;
    if (to->len != 1)
        return NSW_ERR_HOST_ADDRESS;
    if (len > SWARM_DATAGRAM)
        return NSW_ERR_COMM_TOO_LONG;
    frame[0] = to->bytes[0];
    frame[1] = (uint8_t)number;
    for (size_t i = 0; i < len; i++)
        frame[SWARM_HEAD + i] = datagram[i];
    nsw_status status = nsw_frame_encode_serial(frame, SWARM_HEAD + len, 1, coded, sizeof coded, &coded_len);
    if (status == NSW_OK)
        serial_put(coded, coded_len);
    return status;
}

nsw_status bus_receive(void *ctx, nsw_address *from, uint8_t *buf, size_t cap, size_t *len)
{
    nsw_framer *framer = ctx;
    uint8_t byte;
    while (serial_take(&byte)) {
        nsw_frame frame = NSW_FRAME_INIT;
        size_t taken = 0;
        nsw_status status = nsw_framer_push(framer, &byte, 1, &taken);
        if (status != NSW_OK)
            return status;
        if (nsw_framer_next(framer, &frame) != NSW_OK || !frame.checked || frame.bytes_len < SWARM_HEAD ||
            frame.bytes[0] != number || frame.bytes_len - SWARM_HEAD > cap)
            continue;
        *from = swarm_address(frame.bytes[1]);
        *len = frame.bytes_len - SWARM_HEAD;
        for (size_t i = 0; i < *len; i++)
            buf[i] = frame.bytes[SWARM_HEAD + i];
        return NSW_OK;
    }
    return NSW_AGAIN;
}

void bus_sleep(uint64_t until_us)
{
    const uint64_t now = bus_now_us();
    if (until_us <= now)
        return;
    const uint32_t us = until_us - now < LONGEST_SLEEP_US ? (uint32_t)(until_us - now) : LONGEST_SLEEP_US;
    SYST_RVR = us * TICKS_PER_US;
    SYST_CVR = 0;
    SYST_CSR = 7; /* on, interrupt, the processor's clock */
    __asm__ volatile("wfi");
    SYST_CSR = 0;
    ICSR = ICSR_SYSTICK_CLEAR;
    UART_INTCLEAR = UART_RX_INTERRUPT;
    NVIC_ICPR = 1;
}
