/* A map that three processes agree on over TCP: kill and start any of them again, nothing is lost.
 *
 *   kv 1 FOLDER 4101 4102 4103    node 1 of three, its files in FOLDER, and where the three listen
 *   kv 2 FOLDER 4101 4102 4103    and so on, each in a terminal of its own
 *
 * Then type, at any of them: `set NAME VALUE`, `get NAME`, `who`. What was set is in the files of two
 * nodes before it says `ok`; what is got is the newest, whichever node is asked.
 *
 * `kv demo FOLDER`, in a folder without nodes, shows it all by itself: it sets values, and kills nodes
 * meanwhile as `kill -9` does.
 *
 * Everybody on this machine may say anything to these ports, in anybody's name: on a network the messages go
 * through nsw_link or nsw_host_tls (examples/c/secure_link.c).
 * SPDX-License-Identifier: MIT OR Apache-2.0 */
#define _POSIX_C_SOURCE 200809L
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../common/children.h"
#include "neural_swarm.h"

enum { NODES = 3, NAMES = 64, CLIENTS = 8, TEXT = 24, LINE = 128, MESSAGE = 32768, EVERY = 100 };

/* What the nodes agree on: names with values, how often one was set, and the last thing of each client. */
struct map {
    struct {
        char name[TEXT], value[TEXT];
    } all[NAMES];
    struct {
        uint64_t client, sequence;
    } clients[CLIENTS];
    uint64_t count;
};

struct node {
    uint64_t id;
    nsw_address peers[NODES + 1]; /* by id */
    nsw_host_tcp *tcp;
    nsw_host_raft *files;
    nsw_raft *raft;
    struct map map;
    uint64_t applied, snapshot;
    char wanted[NAMES][TEXT]; /* names of reads that are under way */
    uint64_t reads;
    char line[LINE];
    size_t line_len;
};

static uint8_t message[MESSAGE + 1]; /* who it is from, then what Raft has to say */

static uint64_t now_us(void)
{
    uint64_t now = 0;
    nsw_host_now_us(&now);
    return now;
}

static int fail(const char *what, nsw_status status)
{
    fprintf(stderr, "kv: %s: %s\n", what, nsw_status_str(status));
    return 1;
}

/* ---- The map ------------------------------------------------------------------ */

static const char *get(const struct map *map, const char *name)
{
    for (size_t i = 0; i < NAMES; i++)
        if (strcmp(map->all[i].name, name) == 0)
            return map->all[i].value;
    return "(nothing)";
}

/* 0, or -1 if there is no room: at every node the same. */
static int set(struct map *map, const char *name, const char *value)
{
    size_t at = 0;
    while (at < NAMES && map->all[at].name[0] != '\0' && strcmp(map->all[at].name, name) != 0)
        at++;
    if (at == NAMES)
        return -1;
    snprintf(map->all[at].name, TEXT, "%s", name);
    snprintf(map->all[at].value, TEXT, "%s", value);
    map->count++;
    return 0;
}

/* Remembers what a client has had done; the oldest of too many is forgotten. */
static void done(struct map *map, uint64_t client, uint64_t sequence)
{
    size_t at = 0;
    while (at < CLIENTS - 1 && map->clients[at].client != client)
        at++;
    for (; at > 0; at--)
        map->clients[at] = map->clients[at - 1];
    map->clients[0].client = client;
    map->clients[0].sequence = sequence;
}

static int is_done(const struct map *map, uint64_t client, uint64_t sequence)
{
    for (size_t at = 0; at < CLIENTS; at++)
        if (map->clients[at].client == client)
            return map->clients[at].sequence >= sequence;
    return 0;
}

/* ---- What a node has to do ------------------------------------------------------ */

/* The map as the files have it; where there is no snapshot, an empty one. */
static nsw_status load(struct node *node)
{
    size_t len = 0;
    nsw_status status =
        nsw_host_raft_snapshot_read(node->files, node->snapshot, 0, (uint8_t *)&node->map,
                                    sizeof node->map, &len);
    if (status == NSW_OK && len != sizeof node->map)
        status = NSW_ERR_LENGTH;
    return status;
}

/* Entries that a snapshot stands for can go from the files. */
static nsw_status save(struct node *node)
{
    nsw_status status = nsw_host_raft_snapshot_begin(node->files, node->applied);
    if (status == NSW_OK)
        status = nsw_host_raft_snapshot_write(node->files, (const uint8_t *)&node->map,
                                              sizeof node->map);
    if (status == NSW_OK)
        status = nsw_host_raft_snapshot_end(node->files);
    if (status == NSW_OK)
        status = nsw_raft_compact(node->raft, node->applied);
    node->snapshot = node->applied;
    return status;
}

static void say_done(uint64_t client, uint64_t sequence)
{
    printf("ok %llu %llu\n", (unsigned long long)client, (unsigned long long)sequence);
}

static nsw_status apply(struct node *node, const nsw_raft_entry *entry)
{
    char name[TEXT], value[TEXT], text[LINE];
    node->applied = entry->index;
    if (entry->kind == NSW_RAFT_ENTRY_SNAPSHOT) {
        node->snapshot = entry->index;
        nsw_status status = load(node);
        return status == NSW_OK ? nsw_raft_applied(node->raft, entry->index) : status;
    }
    if (entry->kind == NSW_RAFT_ENTRY_DATA || entry->kind == NSW_RAFT_ENTRY_SESSION) {
        const size_t len = entry->data_len < LINE ? entry->data_len : LINE - 1;
        if (len > 0)
            memcpy(text, entry->data, len);
        text[len] = '\0';
        /* `command` proposes nothing else. */
        if (sscanf(text, "%23s %23s", name, value) == 2) {
            const int full = set(&node->map, name, value);
            if (entry->client != 0)
                done(&node->map, entry->client, entry->sequence);
            if (full != 0)
                puts("no: the map is full");
            else if (entry->client != 0)
                say_done(entry->client, entry->sequence);
            else
                printf("ok %s\n", name);
        }
    }
    return nsw_raft_applied(node->raft, entry->index);
}

static void send_to(struct node *node, uint64_t to, size_t len)
{
    /* Whoever asks is answered, but there are no others here. */
    if (to < 1 || to > NODES)
        return;
    /* Who is not there gets it again later: Raft sees to that. */
    nsw_host_tcp_send(node->tcp, &node->peers[to], message, len + 1);
}

static void tell(struct node *node, const nsw_raft_event *event)
{
    static const char *const roles[] = {"follows", "asks whether to stand", "stands", "leads"};
    if (event->kind == NSW_RAFT_EVENT_ROLE)
        fprintf(stderr, "node %d %s in term %llu\n", (int)node->id, roles[event->role],
                (unsigned long long)event->term);
    if (event->kind == NSW_RAFT_EVENT_READ_READY)
        printf("%s = %s\n", node->wanted[event->token % NAMES],
               get(&node->map, node->wanted[event->token % NAMES]));
    /* In the log of the leader it is already, but perhaps not agreed on: then `apply` will say so. */
    const int twice = event->kind == NSW_RAFT_EVENT_REFUSED && event->error == NSW_ERR_RAFT_DUPLICATE;
    if (twice && is_done(&node->map, event->client, event->sequence))
        say_done(event->client, event->sequence);
    else if (!twice &&
             (event->kind == NSW_RAFT_EVENT_READ_FAILED || event->kind == NSW_RAFT_EVENT_REFUSED))
        puts("no: try again");
}

static nsw_status send_messages(struct node *node)
{
    uint64_t to = 0;
    size_t len = 0;
    nsw_status status;
    message[0] = (uint8_t)node->id;
    while ((status = nsw_raft_next_message(node->raft, message + 1, MESSAGE, &len, &to)) == NSW_OK)
        send_to(node, to, len);
    return status == NSW_DONE ? NSW_OK : status;
}

/* Messages that need not wait for the disk, storage, the others, the map, news: in this order. */
static nsw_status serve(struct node *node)
{
    nsw_raft_entry entry = NSW_RAFT_ENTRY_INIT;
    nsw_raft_event event = NSW_RAFT_EVENT_INIT;
    uint64_t to = 0;
    size_t len = 0;
    nsw_status status = send_messages(node);
    if (status == NSW_OK)
        status = nsw_host_raft_serve(node->files, now_us(), node->raft);
    if (status == NSW_OK)
        status = send_messages(node);
    if (status != NSW_OK)
        return status;
    while ((status = nsw_host_raft_next_chunk(node->files, node->raft, message + 1, MESSAGE, &len,
                                              &to)) == NSW_OK)
        send_to(node, to, len);
    if (status != NSW_DONE)
        return status;
    while ((status = nsw_raft_next_committed(node->raft, &entry)) == NSW_OK)
        if ((status = apply(node, &entry)) != NSW_OK)
            return status;
    if (status != NSW_DONE)
        return status;
    while ((status = nsw_raft_next_event(node->raft, &event)) == NSW_OK)
        tell(node, &event);
    fflush(stdout);
    if (status != NSW_DONE)
        return status;
    return node->applied >= node->snapshot + EVERY ? save(node) : NSW_OK;
}

/* A line that somebody typed. */
static void command(struct node *node, const char *line)
{
    char name[LINE], value[LINE], text[2 * LINE];
    unsigned long long client = 0, sequence = 0;
    nsw_raft_info info = NSW_RAFT_INFO_INIT;
    nsw_status status = NSW_OK;
    /* Who says who it is, and the how many-th this is, may say it again: it is set once. */
    const int words = sscanf(line, "set %127s %127s %llu %llu", name, value, &client, &sequence);
    if (words >= 2 && strlen(name) < TEXT && strlen(value) < TEXT) {
        snprintf(text, sizeof text, "%s %s", name, value);
        status = nsw_raft_propose(node->raft, (const uint8_t *)text, strlen(text), client, sequence,
                                  now_us(), NULL);
        if (status == NSW_ERR_RAFT_DUPLICATE) {
            if (is_done(&node->map, client, sequence))
                say_done(client, sequence);
            status = NSW_OK;
        }
    } else if (sscanf(line, "get %127s", name) == 1 && strlen(name) < TEXT) {
        memcpy(node->wanted[node->reads % NAMES], name, strlen(name) + 1);
        status = nsw_raft_read(node->raft, node->reads++, now_us());
    } else if (strncmp(line, "who", 3) == 0) {
        nsw_raft_describe(node->raft, &info);
        printf("node %d, led by %d, has %llu\n", (int)node->id, (int)info.leader,
               (unsigned long long)node->map.count);
    } else {
        printf("no: set NAME VALUE, get NAME, or who; of %d letters at most\n", TEXT - 1);
    }
    if (status != NSW_OK)
        printf("no: %s\n", nsw_status_str(status));
    fflush(stdout);
}

/* What was typed so far; -1 at its end. */
static int listen_to_input(struct node *node)
{
    struct pollfd input = {STDIN_FILENO, POLLIN, 0};
    while (poll(&input, 1, 0) > 0) {
        char byte;
        if (read(STDIN_FILENO, &byte, 1) != 1)
            return -1;
        if (byte != '\n' && node->line_len < LINE - 1) {
            node->line[node->line_len++] = byte;
        } else if (byte == '\n') {
            node->line[node->line_len] = '\0';
            node->line_len = 0;
            command(node, node->line);
        }
    }
    return 0;
}

/* ---- A node --------------------------------------------------------------------- */

static nsw_status open_node(struct node *node, const char *folder, char **ports)
{
    nsw_host_tcp_config tcp = NSW_HOST_TCP_CONFIG_INIT;
    nsw_host_raft_config files = NSW_HOST_RAFT_CONFIG_INIT;
    nsw_host_raft_info kept = NSW_HOST_RAFT_INFO_INIT;
    nsw_raft_config config = NSW_RAFT_CONFIG_INIT;
    const nsw_raft_member members[NODES] = {NSW_RAFT_MEMBER(1, NSW_RAFT_VOTER),
                                            NSW_RAFT_MEMBER(2, NSW_RAFT_VOTER),
                                            NSW_RAFT_MEMBER(3, NSW_RAFT_VOTER)};
    char text[256];
    nsw_status status = NSW_OK;
    for (size_t id = 1; id <= NODES && status == NSW_OK; id++) {
        node->peers[id] = (nsw_address)NSW_ADDRESS_INIT;
        snprintf(text, sizeof text, "127.0.0.1:%s", ports[id - 1]);
        status = nsw_host_address_parse(text, strlen(text), &node->peers[id]);
    }
    tcp.bind = &node->peers[node->id];
    tcp.max_frame = MESSAGE + 1;
    if (status == NSW_OK)
        status = nsw_host_tcp_create(&tcp, NULL, &node->tcp);

    snprintf(text, sizeof text, "%s/node-%d", folder, (int)node->id);
    files.node = node->id;
    files.path = text;
    files.path_len = strlen(text);
    if (status == NSW_OK)
        status = nsw_host_raft_create(&files, NULL, &node->files);
    if (status == NSW_OK)
        status = nsw_host_raft_describe(node->files, &kept);

    config.id = node->id;
    config.seed = node->id;
    config.message = MESSAGE;
    if (status == NSW_OK)
        status = nsw_raft_create(&config, NULL, &node->raft);
    if (status == NSW_OK)
        status = nsw_host_raft_restore(node->files, node->raft);
    if (status == NSW_OK && kept.empty != 0)
        status = nsw_raft_bootstrap(node->raft, members, NODES);
    node->snapshot = node->applied = kept.snapshot;
    if (status == NSW_OK && kept.snapshot > 0)
        status = load(node);
    if (status == NSW_OK && kept.snapshot > 0)
        status = nsw_raft_applied(node->raft, kept.snapshot);
    if (status == NSW_OK)
        status = nsw_raft_start(node->raft, now_us());
    return status;
}

static int run_node(uint64_t id, const char *folder, char **ports)
{
    static struct node node;
    static uint8_t arrived[MESSAGE + 1];
    uint64_t connect_at = 0;
    node.id = id;
    nsw_status status = open_node(&node, folder, ports);
    if (status == NSW_OK)
        status = serve(&node);
    while (status == NSW_OK) {
        uint64_t wake = 0, now = now_us();
        size_t len = 0;
        if (now >= connect_at) {
            /* Each sends by a connection that it made, and hears by those that others made. */
            for (size_t peer = 1; peer <= NODES; peer++)
                if (peer != id)
                    nsw_host_tcp_connect(node.tcp, &node.peers[peer], 10000);
            connect_at = now + 50000;
        }
        if (listen_to_input(&node) < 0)
            break;
        status = nsw_raft_wake_at(node.raft, &wake);
        if (status == NSW_OK && wake <= now)
            status = nsw_raft_tick(node.raft, now);
        if (status == NSW_OK)
            status = serve(&node);
        if (status != NSW_OK)
            break;
        nsw_status came = nsw_host_tcp_receive(node.tcp, 2000, NULL, arrived, sizeof arrived, &len);
        if (came == NSW_OK && len > 1) {
            nsw_status done = nsw_raft_step(node.raft, arrived[0], arrived + 1, len - 1, now_us());
            if (done == NSW_ERR_RAFT_HALTED || done == NSW_ERR_RAFT_LOST)
                status = done;
        }
    }
    nsw_raft_destroy(node.raft);
    nsw_host_raft_destroy(node.files);
    nsw_host_tcp_destroy(node.tcp);
    return status == NSW_OK ? 0 : fail("node", status);
}

/* ---- The demonstration ------------------------------------------------------------ */

static const char *files;
static char ports[NODES][8];
static struct child children[NODES];

/* Ports that are free now. */
static nsw_status find_ports(void)
{
    nsw_host_tcp *tcp[NODES] = {NULL};
    nsw_status status = NSW_OK;
    for (size_t i = 0; i < NODES && status == NSW_OK; i++) {
        nsw_host_tcp_config config = NSW_HOST_TCP_CONFIG_INIT;
        nsw_address any = NSW_ADDRESS_INIT;
        char text[64];
        size_t len = 0;
        status = nsw_host_address_parse("127.0.0.1:0", 11, &any);
        config.bind = &any;
        config.max_frame = 1;
        if (status == NSW_OK)
            status = nsw_host_tcp_create(&config, NULL, &tcp[i]);
        if (status == NSW_OK)
            status = nsw_host_tcp_local(tcp[i], &any);
        if (status == NSW_OK)
            status = nsw_host_address_text(&any, text, sizeof text - 1, &len);
        if (status == NSW_OK) {
            text[len] = '\0';
            snprintf(ports[i], sizeof ports[i], "%.7s", strrchr(text, ':') + 1);
        }
    }
    for (size_t i = 0; i < NODES; i++)
        nsw_host_tcp_destroy(tcp[i]);
    return status;
}

/* In a process of its own. */
static int run(void *id)
{
    char *all[NODES];
    for (size_t i = 0; i < NODES; i++)
        all[i] = ports[i];
    return run_node(*(const uint64_t *)id, files, all);
}

static int start(size_t at)
{
    uint64_t id = at + 1;
    return child_start(&children[at], run, &id);
}

/* Says something to a node, until it prints a line that begins with `answer`. 0 if it did. */
static int ask(size_t at, const char *said, const char *answer, char *line)
{
    struct child *child = &children[at];
    const char *got;
    if (child_say(child, said) != 0)
        return -1;
    while ((got = child_line(child, 1000)) != NULL) {
        snprintf(line, LINE, "%.*s", LINE - 1, got);
        if (strncmp(line, answer, strlen(answer)) == 0)
            return 0;
        if (strncmp(line, "no", 2) == 0)
            return -1;
    }
    return -1;
}

/* The same, of one node after the other until one does; a minute long. */
static int ask_all(size_t *at, const char *said, const char *answer, char *line)
{
    const uint64_t until = now_us() + 60000000;
    while (now_us() < until) {
        const struct timespec moment = {0, 20000000};
        if (ask(*at, said, answer, line) == 0)
            return 0;
        *at = (*at + 1) % NODES;
        nanosleep(&moment, NULL);
    }
    fprintf(stderr, "kv: nobody has answered to: %s\n", said);
    return -1;
}

static int demo(void)
{
    enum { SETS = 240, KILL_EVERY = 24, USED = 20 };
    char said[LINE], answer[LINE], line[LINE];
    size_t at = 0, down = NODES, right = 0, once = 0, killed = 0;
    nsw_status status = find_ports();
    for (size_t i = 1; i <= NODES; i++) {
        snprintf(line, sizeof line, "%.99s/node-%d", files, (int)i);
        if (access(line, F_OK) == 0) {
            fprintf(stderr, "kv: %s is there already: the demonstration wants an empty folder\n", line);
            return 1;
        }
    }
    if (status != NSW_OK)
        return fail("ports", status);
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < NODES; i++)
        if (start(i) != 0)
            return 1;
    for (unsigned n = 1; n <= SETS; n++) {
        if (n % KILL_EVERY == 0) {
            /* Whoever leads, and every other time somebody else. */
            size_t leader = at;
            if (ask_all(&at, "who", "node", line) != 0)
                return 1;
            const char *led = strstr(line, "led by ");
            if (led != NULL && led[7] >= '1' && led[7] <= '3')
                leader = (size_t)(led[7] - '1');
            down = killed % 2 == 0 ? leader : (leader + 1) % NODES;
            child_end(&children[down], 1);
            killed++;
        } else if (n % KILL_EVERY == KILL_EVERY / 2 && down < NODES) {
            if (start(down) != 0)
                return 1;
            down = NODES;
        }
        snprintf(said, sizeof said, "set name-%u value-%u 7 %u", n % USED, n, n);
        snprintf(answer, sizeof answer, "ok 7 %u", n);
        if (ask_all(&at, said, answer, line) != 0)
            return 1;
    }
    /* All that are there at once. */
    for (size_t i = 0; i < NODES; i++) {
        if (children[i].pid != 0) {
            child_end(&children[i], 1);
            killed++;
        }
    }
    for (size_t i = 0; i < NODES; i++)
        if (start(i) != 0)
            return 1;
    for (size_t i = 0; i < NODES; i++) {
        for (unsigned name = 0; name < USED; name++) {
            unsigned last = SETS - (SETS - name) % USED;
            snprintf(said, sizeof said, "get name-%u", name);
            snprintf(answer, sizeof answer, "name-%u = value-%u", name, last);
            at = i;
            if (ask_all(&at, said, "name-", line) != 0)
                return 1;
            right += strcmp(line, answer) == 0;
        }
        at = i;
        snprintf(answer, sizeof answer, "node %d,", (int)i + 1);
        if (ask_all(&at, "who", answer, line) != 0)
            return 1;
        puts(line);
        snprintf(answer, sizeof answer, "has %d", SETS);
        once += strstr(line, answer) != NULL;
    }
    for (size_t i = 0; i < NODES; i++)
        child_end(&children[i], 1);
    printf("%d values set, once each at %d of %d nodes; %d killed meanwhile; %d of %d reads right\n",
           SETS, (int)once, NODES, (int)killed, (int)right, NODES * USED);
    return right == NODES * USED && once == NODES ? 0 : 1;
}

int main(int count, char **arguments)
{
    if (count == 3 && strcmp(arguments[1], "demo") == 0) {
        files = arguments[2];
        return demo();
    }
    if (count != 3 + NODES || arguments[1][0] < '1' || arguments[1][0] > '3') {
        fprintf(stderr, "usage: %s 1|2|3 FOLDER PORT PORT PORT, or %s demo FOLDER\n", arguments[0],
                arguments[0]);
        return 2;
    }
    return run_node((uint64_t)(arguments[1][0] - '0'), arguments[2], arguments + 3);
}
