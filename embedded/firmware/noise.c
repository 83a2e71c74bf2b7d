/* The least that talks securely over a serial line: Noise handshakes, the messages after them, and
 * framing, with a peer outside the emulator (embedded/host/noise_peer.c). Who the peer is, is said by
 * its static key alone; for identities and capabilities see capability.c, for certificates link.c.
 *
 * After a handshake every message is answered with its bits turned; an empty one ends the session. */
#include "measure.h"
#include "semihost.h"
#include "session.h"

static uint32_t messages = 0;

static nsw_status answer(nsw_noise *noise)
{
    for (;;) {
        size_t len = 0;
        nsw_status status = session_take(noise, &len);
        if (status != NSW_OK || len == 0)
            return status;
        messages++;
        for (size_t i = 0; i < len; i++)
            text[i] = (uint8_t)~text[i];
        status = session_put(noise, len);
        if (status != NSW_OK)
            return status;
    }
}

int main(void)
{
    nsw_status status = session_start();
    if (status == NSW_OK)
        print("ready\n");
    while (status == NSW_OK) {
        nsw_noise *noise = NULL;
        status = session_accept(&noise);
        if (status == NSW_OK)
            status = answer(noise);
        nsw_noise_destroy(noise);
    }
    session_end();
    if (status != NSW_DONE)
        return tell_failure(status);
    tell("noise_sessions", sessions);
    tell("noise_messages", messages);
    tell("noise_refused", refused);
    tell("noise_footprint", (uint32_t)noise_block.used);
    tell("noise_framer_footprint", (uint32_t)framer_block.used);
    tell("noise_stack_high_water", stack_high_water());
    return 0;
}
