/* A chat that nobody else can read, between two processes over UDP. Each has a key; each knows
 * the other's public key, and talks to nobody else. What the network loses is sent again: lines
 * go as messages of a channel, whose packets go as messages of the link.
 *
 *   secure_link keygen alice.key                 makes a key, prints the public one
 *   secure_link keygen bob.key
 *   secure_link listen bob.key   <alice's public key> 127.0.0.1:4000
 *   secure_link call   alice.key <bob's public key>   127.0.0.1:4000
 *
 * Then type. `secure_link demo FOLDER` shows it all by itself, in two processes that lose
 * every fourth frame.
 * SPDX-License-Identifier: MIT OR Apache-2.0 */
#define _POSIX_C_SOURCE 200809L
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "neural_swarm.h"

enum { MTU = 1280, TICK_US = 50000, LINE = 512 };

struct chat {
    nsw_identity *identity;
    nsw_link *link;
    nsw_channel *channel;      /* once connected */
    nsw_host_udp *udp;
    uint32_t peer;
    int ended;
    int script;                /* demo: say so many things instead of listening to a person */
    unsigned received, frames;
    uint64_t said, arrived;    /* lines of ours, and those that the peer has */
};

static int fail(const char *what, nsw_status status)
{
    fprintf(stderr, "secure_link: %s: %s\n", what, nsw_status_str(status));
    return 1;
}

/* ---- Keys -------------------------------------------------------------------- */

static void print_key(FILE *to, const nsw_key *key)
{
    for (size_t i = 0; i < sizeof key->bytes; i++)
        fprintf(to, "%02x", key->bytes[i]);
    fputc('\n', to);
}

static int parse_key(const char *text, nsw_key *key)
{
    if (strlen(text) != 2 * sizeof key->bytes)
        return -1;
    for (size_t i = 0; i < sizeof key->bytes; i++) {
        const char digits[3] = {text[2 * i], text[2 * i + 1], '\0'};
        char *end = NULL;
        key->bytes[i] = (uint8_t)strtoul(digits, &end, 16);
        if (*end != '\0')
            return -1;
    }
    return 0;
}

/* Makes a key and keeps it in a file; its public half to `*public_key`. */
static nsw_status make_key(const char *path, nsw_key *public_key)
{
    nsw_identity_config config = NSW_IDENTITY_CONFIG_INIT; /* a new one */
    nsw_identity *identity = NULL;
    nsw_key seed;
    nsw_status status = nsw_identity_create(&config, NULL, &identity);
    if (status == NSW_OK)
        status = nsw_identity_seed(identity, &seed);
    if (status == NSW_OK)
        status = nsw_host_key_write(path, strlen(path), &seed);
    if (status == NSW_OK)
        status = nsw_identity_public(identity, public_key);
    memset(&seed, 0, sizeof seed);
    nsw_identity_destroy(identity);
    return status;
}

static nsw_status load_key(const char *path, nsw_identity **identity)
{
    nsw_identity_config config = NSW_IDENTITY_CONFIG_INIT;
    nsw_key seed;
    nsw_status status = nsw_host_key_read(path, strlen(path), &seed);
    config.seed = &seed;
    if (status == NSW_OK)
        status = nsw_identity_create(&config, NULL, identity);
    memset(&seed, 0, sizeof seed);
    return status;
}

/* ---- The link ---------------------------------------------------------------- */

static uint64_t now_us(void)
{
    uint64_t now = 0;
    nsw_host_now_us(&now);
    return now;
}

/* To the network, which loses some. */
static void emit(struct chat *chat, const nsw_address *to, const uint8_t *frame, size_t len)
{
    if (chat->script > 0 && ++chat->frames % 4 == 0)
        return;
    nsw_host_udp_send(chat->udp, to, frame, len);
}

/* A channel for a peer that is there, or there anew: then what was under way is lost. */
static nsw_status open_channel(struct chat *chat)
{
    nsw_channel_config config = NSW_CHANNEL_CONFIG_INIT;
    nsw_link_info info = NSW_LINK_INFO_INIT;
    nsw_status status = nsw_link_describe(chat->link, &info);
    config.mtu = info.max_message;
    config.send_buffer = config.receive_buffer = 16 * LINE;
    config.epoch = (uint32_t)now_us();
    nsw_channel_destroy(chat->channel);
    chat->channel = NULL;
    chat->said = chat->arrived = 0;
    return status == NSW_OK ? nsw_channel_create(&config, NULL, &chat->channel) : status;
}

/* Does what the link wants done, until it wants no more. */
static nsw_status serve_link(struct chat *chat)
{
    for (;;) {
        uint8_t frame[MTU];
        size_t len = 0;
        nsw_link_output output = NSW_LINK_OUTPUT_INIT;
        nsw_status status = nsw_link_next(chat->link, now_us(), frame, sizeof frame, &len, &output);
        if (status != NSW_OK)
            return status == NSW_DONE ? NSW_OK : status;
        switch (output.kind) {
        case NSW_LINK_FRAME:
            emit(chat, &output.address, frame, len);
            break;
        case NSW_LINK_CONNECTED:
            chat->peer = output.peer;
            printf("* connected\n");
            status = open_channel(chat);
            if (status != NSW_OK)
                return status;
            break;
        default:
            printf("* gone, reason %u\n", (unsigned)output.reason);
            chat->ended = 1;
        }
        fflush(stdout);
    }
}

/* The same for the channel, whose packets the link carries. */
static nsw_status serve_channel(struct chat *chat)
{
    while (chat->channel != NULL && !chat->ended) {
        uint8_t packet[MTU], frame[MTU];
        size_t packet_len = 0, len = 0;
        nsw_address to = NSW_ADDRESS_INIT;
        nsw_channel_output output = NSW_CHANNEL_OUTPUT_INIT;
        nsw_status status =
            nsw_channel_next(chat->channel, now_us(), packet, sizeof packet, &packet_len, &output);
        if (status != NSW_OK)
            return status == NSW_DONE ? NSW_OK : status;
        switch (output.kind) {
        case NSW_CHANNEL_PACKET:
            status = nsw_link_send(chat->link, chat->peer, packet, packet_len, now_us(), frame,
                                   sizeof frame, &len, &to);
            if (status == NSW_OK)
                emit(chat, &to, frame, len);
            else if (status != NSW_ERR_COMM_CLOSED) /* the new session is not there yet */
                return status;
            break;
        case NSW_CHANNEL_MESSAGE:
            chat->received++;
            printf("> %.*s\n", (int)output.bytes_len, (const char *)output.bytes);
            fflush(stdout);
            break;
        case NSW_CHANNEL_ACKED:
            chat->arrived++;
            break;
        default: /* room again, for who waits for it */
            break;
        }
    }
    return NSW_OK;
}

static nsw_status serve(struct chat *chat)
{
    nsw_status status = serve_link(chat);
    return status == NSW_OK ? serve_channel(chat) : status;
}

static nsw_status say(struct chat *chat, const char *text, size_t len)
{
    nsw_status status =
        nsw_channel_send(chat->channel, 0, (const uint8_t *)text, len, NULL, now_us(), NULL);
    chat->said += status == NSW_OK;
    return status == NSW_OK ? serve(chat) : status;
}

/* Whether the peer has all that was said, and knows that all it said has come. */
static int settled(const struct chat *chat)
{
    uint64_t wake = 0;
    return chat->arrived == chat->said && nsw_channel_wake_at(chat->channel, &wake) == NSW_OK &&
           wake == UINT64_MAX;
}

/* Waits a moment for a frame. */
static nsw_status listen_once(struct chat *chat)
{
    uint8_t frame[MTU], message[MTU];
    size_t len = 0, message_len = 0;
    nsw_address from = NSW_ADDRESS_INIT;
    nsw_link_received received = NSW_LINK_RECEIVED_INIT;
    uint64_t wait = TICK_US, wake = 0, now = now_us();
    nsw_status status;
    if (chat->channel != NULL && nsw_channel_wake_at(chat->channel, &wake) == NSW_OK && wake < now + wait)
        wait = wake > now ? wake - now : 0;
    status = nsw_host_udp_receive(chat->udp, wait, &from, frame, sizeof frame, &len);
    if (status != NSW_OK) /* nothing came, or what came was too long to be ours */
        return status == NSW_AGAIN || status == NSW_ERR_BUFFER_TOO_SMALL ? NSW_OK : status;
    status = nsw_link_receive(chat->link, &from, frame, len, now_us(), message, sizeof message,
                              &message_len, &received);
    if (status != NSW_OK || !received.message)
        return serve_link(chat); /* a frame that is not good is not an error of ours */
    status = serve_link(chat); /* connected, perhaps */
    if (status == NSW_OK && chat->channel != NULL)
        status = nsw_channel_receive(chat->channel, message, message_len, now_us());
    return status;
}

/* A line of the person's, if there is one; 0 at the end. */
static int ask(struct chat *chat, nsw_status *status)
{
    char line[LINE];
    struct pollfd input = {STDIN_FILENO, POLLIN, 0};
    if (chat->said - chat->arrived > 8 || poll(&input, 1, 0) <= 0) /* what is there can wait */
        return 1;
    if (fgets(line, sizeof line, stdin) == NULL)
        return 0;
    *status = say(chat, line, strcspn(line, "\n"));
    return 1;
}

static int chat(struct chat *chat)
{
    nsw_status status = serve(chat);
    int done = 0;
    while (status == NSW_OK && !chat->ended) {
        status = listen_once(chat);
        if (status == NSW_OK)
            status = nsw_link_poll(chat->link, now_us(), NULL);
        if (status == NSW_OK)
            status = serve(chat);
        if (status != NSW_OK || chat->channel == NULL || chat->ended)
            continue;
        if (done) {
            if (settled(chat))
                break;
        } else if (chat->script > 0) { /* each waits for the other before it goes on */
            char line[64];
            int number = (int)chat->said + 1;
            if (number <= chat->script && (int)chat->received + 1 >= number)
                status = say(chat, line, (size_t)snprintf(line, sizeof line, "thing number %d", number));
            done = number > chat->script && (int)chat->received >= chat->script;
        } else {
            done = !ask(chat, &status);
        }
    }
    if (status == NSW_OK && chat->channel != NULL && !chat->ended) {
        nsw_link_close(chat->link, chat->peer); /* and tell it so */
        status = serve_link(chat);
    }
    return status == NSW_OK ? 0 : fail("chat", status);
}

/* Opens a socket and a link for the key in a file, which lets in `peer` alone. */
static nsw_status start(struct chat *chat, const char *key_path, const nsw_key *peer, const nsw_address *bind)
{
    nsw_link_config config = NSW_LINK_CONFIG_INIT;
    nsw_host_udp_config socket = NSW_HOST_UDP_CONFIG_INIT;
    nsw_status status = load_key(key_path, &chat->identity);
    config.identity = chat->identity;
    config.network = (const uint8_t *)"secure_link example";
    config.network_len = strlen("secure_link example");
    config.peers = 1;
    config.mtu = MTU;
    config.keepalive = 5000000;
    config.dead = 20000000;
    if (status == NSW_OK)
        status = nsw_link_create(&config, NULL, &chat->link);
    if (status == NSW_OK)
        status = nsw_link_pin(chat->link, peer);
    socket.bind = bind;
    if (status == NSW_OK)
        status = nsw_host_udp_create(&socket, NULL, &chat->udp);
    return status;
}

static void stop(struct chat *chat)
{
    nsw_host_udp_destroy(chat->udp);
    nsw_channel_destroy(chat->channel);
    nsw_link_destroy(chat->link);
    nsw_identity_destroy(chat->identity);
}

static nsw_status parse(const char *text, nsw_address *address)
{
    return nsw_host_address_parse(text, strlen(text), address);
}

static int run(int calls, const char *key_path, const nsw_key *peer, const char *where, int script, int ready)
{
    struct chat c = {NULL, NULL, NULL, NULL, 0, 0, script, 0, 0, 0, 0};
    nsw_address there = NSW_ADDRESS_INIT, here = NSW_ADDRESS_INIT;
    nsw_status status = parse(where, &there);
    int code;
    if (status == NSW_OK)
        status = calls ? parse("0.0.0.0:0", &here) : parse(where, &here);
    if (status == NSW_OK)
        status = start(&c, key_path, peer, &here);
    if (status == NSW_OK && calls)
        status = nsw_link_connect(c.link, &there, peer, NULL, 1, now_us());
    if (status == NSW_OK && ready >= 0) { /* demo: tell the other process where we are */
        nsw_address bound = NSW_ADDRESS_INIT;
        char text[64];
        size_t len = 0;
        status = nsw_host_udp_local(c.udp, &bound);
        if (status == NSW_OK)
            status = nsw_host_address_text(&bound, text, sizeof text, &len);
        if (status == NSW_OK && write(ready, text, len) != (ssize_t)len)
            status = NSW_ERR_HOST_IO;
        close(ready);
    }
    code = status == NSW_OK ? chat(&c) : fail("start", status);
    if (script > 0 && code == 0 && (int)c.received < script)
        code = 1;
    stop(&c);
    return code;
}

/* Two processes, two keys, ten things said by each. */
static int demo(const char *folder)
{
    char paths[2][512], where[64] = "";
    nsw_key keys[2];
    int ends[2], child_status = 1, code;
    pid_t child;
    for (int i = 0; i < 2; i++) {
        nsw_status status;
        snprintf(paths[i], sizeof paths[i], "%s/%s.key", folder, i ? "alice" : "bob");
        remove(paths[i]);
        status = make_key(paths[i], &keys[i]);
        if (status != NSW_OK)
            return fail(paths[i], status);
        printf("%s: ", paths[i]);
        print_key(stdout, &keys[i]);
    }
    fflush(stdout);
    if (pipe(ends) != 0)
        return 1;
    child = fork();
    if (child < 0)
        return 1;
    if (child == 0) { /* Bob listens, and tells where */
        close(ends[0]);
        code = run(0, paths[0], &keys[1], "127.0.0.1:0", 10, ends[1]);
        fflush(stdout);
        _exit(code);
    }
    close(ends[1]);
    code = 1;
    if (read(ends[0], where, sizeof where - 1) > 0) /* Alice calls */
        code = run(1, paths[1], &keys[0], where, 10, -1);
    close(ends[0]);
    waitpid(child, &child_status, 0);
    remove(paths[0]);
    remove(paths[1]);
    return code == 0 && WIFEXITED(child_status) ? WEXITSTATUS(child_status) : 1;
}

int main(int argc, char **argv)
{
    nsw_key key;
    if (argc == 3 && strcmp(argv[1], "keygen") == 0) {
        nsw_status status = make_key(argv[2], &key);
        if (status != NSW_OK)
            return fail(argv[2], status);
        print_key(stdout, &key);
        return 0;
    }
    if (argc == 3 && strcmp(argv[1], "demo") == 0)
        return demo(argv[2]);
    if (argc == 5 && (strcmp(argv[1], "listen") == 0 || strcmp(argv[1], "call") == 0) &&
        parse_key(argv[3], &key) == 0)
        return run(strcmp(argv[1], "call") == 0, argv[2], &key, argv[4], 0, -1);
    fprintf(stderr, "usage: secure_link keygen FILE | (listen|call) FILE PUBLIC-KEY ADDRESS | demo FOLDER\n");
    return 2;
}
