/* A member of a swarm in one function of some thirty lines: `hello_swarm 1` and `hello_swarm 2`, each in a
 * terminal of its own, find each other over UDP by a secret that they share, and count together.
 * SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "neural_swarm.h"

int main(int argc, char **argv)
{
    static const char *const places[] = {"127.0.0.1:4301", "127.0.0.1:4302"};
    const int me = argc > 1 && strcmp(argv[1], "2") == 0;
    nsw_address here = NSW_ADDRESS_INIT, there = NSW_ADDRESS_INIT;
    nsw_key secret = {{0}}; /* the swarm's: 32 bytes that nobody else knows */
    nsw_host_member_config config = NSW_HOST_MEMBER_CONFIG_INIT;
    nsw_host_member *member = NULL;
    int64_t hellos = 0;

    nsw_host_address_parse(places[me], strlen(places[me]), &here);
    nsw_host_address_parse(places[1 - me], strlen(places[1 - me]), &there);
    config.network = (const uint8_t *)"hello";
    config.network_len = 5;
    config.bind = &here;
    config.seeds = &there;
    config.seeds_len = 1;
    config.psk = &secret;
    config.key_file = me ? "hello-2.key" : "hello-1.key"; /* made if there is none */
    config.key_file_len = strlen(config.key_file);

    nsw_status status = nsw_host_member_create(&config, NULL, &member);
    if (status == NSW_OK)
        status = nsw_host_member_start(member);
    if (status == NSW_OK)
        status = nsw_host_member_wait_for_members(member, 2, 60000000);
    if (status == NSW_OK)
        status = nsw_host_member_add(member, (const uint8_t *)"hellos", 6, 1);
    if (status == NSW_OK)
        status = nsw_host_member_wait_for_total(member, (const uint8_t *)"hellos", 6, 2, 60000000, &hellos);
    printf("%s: %lld hellos\n", nsw_status_str(status), (long long)hellos);
    nsw_host_member_destroy(member); /* says goodbye, too */
    return status == NSW_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
