#include "serial.h"

#include "semihost.h"

/* UART 0 of the board (CMSDK). */
#define UART_DATA (*(volatile uint32_t *)0x40004000u)
#define UART_STATE (*(volatile uint32_t *)0x40004004u)
#define UART_CTRL (*(volatile uint32_t *)0x40004008u)
#define UART_BAUDDIV (*(volatile uint32_t *)0x40004010u)
#define UART_TX_FULL 1u
#define UART_RX_FULL 2u

void serial_start(void)
{
    UART_BAUDDIV = 16;
    UART_CTRL = 3; /* both directions */
}

int serial_take(uint8_t *byte)
{
    if (!(UART_STATE & UART_RX_FULL))
        return 0;
    *byte = (uint8_t)UART_DATA;
    return 1;
}

void serial_put(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        while (UART_STATE & UART_TX_FULL) {
        }
        UART_DATA = bytes[i];
    }
}

nsw_status serial_put_frame(const uint8_t *frame, size_t len)
{
    static uint8_t coded[NSW_SERIAL_BOUND(MTU)];
    size_t coded_len = 0;
    nsw_status status = nsw_frame_encode_serial(frame, len, 0, coded, sizeof coded, &coded_len);
    if (status == NSW_OK)
        serial_put(coded, coded_len);
    return status;
}

nsw_status serial_random(void *ctx, uint8_t *out, size_t len)
{
    uint32_t *state = ctx;
    for (size_t i = 0; i < len; i++) {
        *state = *state * 1664525u + 1013904223u;
        out[i] = (uint8_t)(*state >> 24);
    }
    return NSW_OK;
}

void tell(const char *name, uint32_t value)
{
    print(name);
    print(" ");
    print_number(value);
    print("\n");
}

int tell_failure(nsw_status status)
{
    print("FAILED: status -");
    print_number((uint32_t)-status);
    print("\n");
    return 1;
}
