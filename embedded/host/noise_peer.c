/* The peer of embedded/firmware/noise.c: shakes hands with the firmware by XX and by IK, in both roles,
 * over a socket that the emulator's serial line ends in; tells it things, and checks the answers.
 *
 *   noise_peer SOCKET     listens there; the emulator connects */
#include <stdio.h>
#include <string.h>

#include "session.h"

enum { HANDSHAKES = 4 };

static unsigned answers;

static int talk(nsw_noise *noise)
{
    for (unsigned i = 1; i <= MESSAGES; i++) {
        uint8_t text[MTU], expected[MTU];
        size_t len = message(i, text, expected);
        session_put(noise, text, len, i == 1);
        if (session_take(noise, text) != len || memcmp(text, expected, len) != 0) {
            fprintf(stderr, "a wrong answer\n");
            return 1;
        }
        answers++;
    }
    session_finish(noise);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    session_listen(argv[1]);
    for (uint8_t handshake = 0; handshake < HANDSHAKES; handshake++)
        if (talk(session_begin(handshake)) != 0)
            return 1;
    printf("host_noise_sessions %d\nhost_noise_answers %u\nhost_noise_damaged %u\n", HANDSHAKES, answers, damaged);
    session_close();
    return 0;
}
