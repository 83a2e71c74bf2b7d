/* What a board of a swarm has: a clock, sleep, and a bus on its serial line. */
#ifndef BUS_H
#define BUS_H

#include "neural_swarm.h"

void bus_start(uint32_t own_number);

/* Microseconds since the start. To be asked at least every two minutes. */
uint64_t bus_now_us(void);

/* The hooks of nsw_transport: its `ctx` is an nsw_framer for SWARM_FRAME bytes, framing
 * NSW_FRAMING_SERIAL. What is for others on the bus is left out; so is what has no CRC. */
nsw_status bus_send(void *ctx, const nsw_address *to, const uint8_t *datagram, size_t len);
nsw_status bus_receive(void *ctx, nsw_address *from, uint8_t *buf, size_t cap, size_t *len);

/* Sleeps until then, or until a byte comes, or for a moment. */
void bus_sleep(uint64_t until_us);

#endif
