/*
 * A server for one client: tls-openssl.py. Arguments: the folder of ca.pem, node.pem
 * and node.key, and the client's identity in hexadecimal. Writes its port and its
 * identity, then what came of the client, then the frame that it sent.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "neural_swarm.h"

static void must(nsw_status status, const char *what) {
    if (status != NSW_OK) {
        fprintf(stderr, "%s: %s\n", what, nsw_status_str(status));
        exit(1);
    }
}

int main(int argc, char **argv) {
    if (argc != 3 || strlen(argv[2]) != 64) {
        return 2;
    }
    char files[3][512];
    static const char *const names[3] = {"ca.pem", "node.pem", "node.key"};
    for (int i = 0; i < 3; i++) {
        snprintf(files[i], sizeof files[i], "%s/%s", argv[1], names[i]);
    }
    nsw_key client, own;
    for (int i = 0; i < 32; i++) {
        const char digits[3] = {argv[2][2 * i], argv[2][2 * i + 1], 0};
        client.bytes[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    nsw_identity_config fresh = NSW_IDENTITY_CONFIG_INIT;
    nsw_identity *identity = NULL;
    must(nsw_identity_create(&fresh, NULL, &identity), "identity");
    must(nsw_identity_public(identity, &own), "key");
    nsw_host_tls_config config = NSW_HOST_TLS_CONFIG_INIT;
    config.identity = identity;
    config.roots = files[0];
    config.roots_len = strlen(files[0]);
    config.certificates = files[1];
    config.certificates_len = strlen(files[1]);
    config.key = files[2];
    config.key_len = strlen(files[2]);
    config.max_frame = 100;
    nsw_host_tls *tls = NULL;
    must(nsw_host_tls_create(&config, NULL, &tls), "tls");
    must(nsw_host_tls_pin(tls, &client), "pin");

    nsw_address at = NSW_ADDRESS_INIT;
    nsw_host_listener *listener = NULL;
    char text[64];
    size_t len = 0;
    must(nsw_host_address_parse("127.0.0.1:0", 11, &at), "address");
    must(nsw_host_listener_create(&at, NULL, &listener), "listener");
    must(nsw_host_listener_local(listener, &at), "local");
    must(nsw_host_address_text(&at, text, sizeof text, &len), "text");
    printf("%.*s\n", (int)len, text);
    for (int i = 0; i < 32; i++) {
        printf("%02x", own.bytes[i]);
    }
    printf("\n");
    fflush(stdout);

    nsw_status status = nsw_host_tls_accept(tls, listener, 30000000);
    printf("%s\n", status == NSW_OK             ? "accepted"
                   : status == NSW_ERR_HOST_TLS ? "refused"
                                                : nsw_status_str(status));
    uint8_t frame[100];
    if (status == NSW_OK) {
        must(nsw_host_tls_receive(tls, 30000000, frame, sizeof frame, &len), "receive");
        printf("%.*s\n", (int)len, (const char *)frame);
    }
    nsw_host_tls_destroy(tls);
    nsw_host_listener_destroy(listener);
    nsw_identity_destroy(identity);
    return 0;
}
