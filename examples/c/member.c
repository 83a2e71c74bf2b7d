/* A member of a swarm: it finds the others, shares a counter with them, agrees with them on a list, and they
 * work together. Six may take part, each a process of its own on this machine, over UDP.
 *
 *   member keys FOLDER      makes their keys
 *   member 1 FOLDER         member 1, listening on port 4201; 2 to 6 likewise, each in a terminal of its own
 *
 * Then type, at any of them:
 *
 *   who                     how many are there; `leader` tells who leads the five
 *   add N                   adds N to the counter that all share; `total` tells it
 *   agree TEXT              puts TEXT on the list that members 1 to 5 agree on; `list` tells it
 *   primes N                how many primes are below N: in parts, which all that are there count
 *
 * Any of them may be killed and started again. What was agreed on is in the files of three members before
 * anybody says so; what a dead member was to count is counted by another.
 *
 * `member demo FOLDER` shows it all by itself, and kills one of them meanwhile, as `kill -9` does.
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

enum { MEMBERS = 6, VOTERS = 5, PARTS = 64, LISTED = 64, LINE = 96, BUFFER = 2048 };

/* What is to be counted together: below which number, and how it stands with each part. */
struct job {
    uint32_t below;
    uint64_t request[PARTS]; /* who was asked for a part: 0 nobody yet */
    uint32_t count[PARTS];   /* what came of it, and one more; 0: nothing yet */
    uint64_t by[PARTS];      /* which member did it */
};

struct member {
    int number;
    nsw_key keys[MEMBERS + 1]; /* the public ones, by number */
    uint64_t ids[MEMBERS + 1];
    nsw_identity *identity;
    nsw_host_udp *udp;
    nsw_node *node;
    nsw_store *store;
    nsw_store_key total;
    nsw_sharing *sharing;
    nsw_requests *requests;
    nsw_raft *raft; /* members 1 to 5 */
    nsw_host_raft *files;
    nsw_raft *groups[1];
    nsw_node_parts parts;
    char list[LISTED][LINE];
    size_t listed;
    struct job job;
    char line[LINE];
    size_t line_len;
};

/* Member 1 listens on the next one. */
static int port = 4200;

static uint64_t now_us(void)
{
    uint64_t now = 0;
    nsw_host_now_us(&now);
    return now;
}

static int fail(const char *what, nsw_status status)
{
    fprintf(stderr, "member: %s: %s\n", what, nsw_status_str(status));
    return 1;
}

/* ---- Keys ------------------------------------------------------------------------- */

static size_t key_name(char *out, size_t cap, const char *folder, int number)
{
    return (size_t)snprintf(out, cap, "%s/member-%d.key", folder, number);
}

static nsw_status load_identity(const char *folder, int number, nsw_identity **identity)
{
    nsw_identity_config config = NSW_IDENTITY_CONFIG_INIT;
    char name[256];
    nsw_key seed;
    nsw_status status = nsw_host_key_read(name, key_name(name, sizeof name, folder, number), &seed);
    config.seed = &seed;
    if (status == NSW_OK)
        status = nsw_identity_create(&config, NULL, identity);
    memset(&seed, 0, sizeof seed);
    return status;
}

static int make_keys(const char *folder)
{
    for (int number = 1; number <= MEMBERS; number++) {
        nsw_identity_config config = NSW_IDENTITY_CONFIG_INIT; /* a new one */
        nsw_identity *identity = NULL;
        char name[256];
        nsw_key seed;
        nsw_status status = nsw_identity_create(&config, NULL, &identity);
        if (status == NSW_OK)
            status = nsw_identity_seed(identity, &seed);
        if (status == NSW_OK)
            status = nsw_host_key_write(name, key_name(name, sizeof name, folder, number), &seed);
        memset(&seed, 0, sizeof seed);
        nsw_identity_destroy(identity);
        if (status != NSW_OK)
            return fail(name, status);
    }
    return 0;
}

/* ---- Beginning --------------------------------------------------------------------- */

static nsw_status address_of(int number, nsw_address *address)
{
    char text[32];
    *address = (nsw_address)NSW_ADDRESS_INIT;
    snprintf(text, sizeof text, "127.0.0.1:%d", port + number);
    return nsw_host_address_parse(text, strlen(text), address);
}

/* All keys are in one folder here. On machines of their own each member has its own private key, and the
 * public ones of the others or a certificate (nsw_node_add_authority). */
static nsw_status begin_node(struct member *m, const char *folder)
{
    nsw_host_udp_config udp = NSW_HOST_UDP_CONFIG_INIT;
    nsw_node_config config = NSW_NODE_CONFIG_INIT;
    nsw_transport transport = NSW_TRANSPORT_INIT;
    nsw_address here, first;
    nsw_status status = load_identity(folder, m->number, &m->identity);
    for (int other = 1; other <= MEMBERS && status == NSW_OK; other++) {
        nsw_identity *identity = NULL;
        status = load_identity(folder, other, &identity);
        if (status == NSW_OK)
            status = nsw_identity_public(identity, &m->keys[other]);
        if (status == NSW_OK)
            status = nsw_member_id(&m->keys[other], &m->ids[other]);
        nsw_identity_destroy(identity);
    }
    if (status == NSW_OK)
        status = address_of(m->number, &here);
    udp.bind = &here;
    if (status == NSW_OK)
        status = nsw_host_udp_create(&udp, NULL, &m->udp);
    if (status == NSW_OK)
        status = nsw_host_udp_transport(m->udp, &transport);
    config.members = 16;
    config.identity = m->identity;
    config.transport = &transport;
    config.address = &here;
    config.network = (const uint8_t *)"member.c";
    config.network_len = 8;
    config.now_us = now_us();
    config.period_us = 500000; /* who is dead is known soon */
    if (status == NSW_OK)
        status = nsw_node_create(&config, NULL, &m->node);
    for (int other = 1; other <= MEMBERS && status == NSW_OK; other++) {
        status = nsw_node_pin(m->node, &m->keys[other]);
        if (status == NSW_OK && other != m->number && (status = address_of(other, &first)) == NSW_OK)
            status = nsw_node_join(m->node, &first, now_us());
    }
    return status;
}

static nsw_status begin_parts(struct member *m)
{
    nsw_node_info info = NSW_NODE_INFO_INIT;
    nsw_store_config store = NSW_STORE_CONFIG_INIT;
    nsw_sharing_config sharing = NSW_SHARING_CONFIG_INIT;
    nsw_requests_config requests = NSW_REQUESTS_CONFIG_INIT;
    nsw_status status = nsw_node_describe(m->node, &info);
    store.replica = info.id ^ now_us(); /* it has forgotten what an earlier life said */
    store.replicas = 24;
    if (status == NSW_OK)
        status = nsw_store_create(&store, NULL, &m->store);
    if (status == NSW_OK)
        status = nsw_store_open(m->store, NSW_STORE_ROOT, (const uint8_t *)"total", 5,
                                NSW_STORE_COUNTER, &m->total);
    sharing.store = &store;
    sharing.mtu = requests.mtu = info.max_message;
    requests.seed = now_us();
    if (status == NSW_OK)
        status = nsw_sharing_create(&sharing, NULL, &m->sharing);
    if (status == NSW_OK)
        status = nsw_requests_create(&requests, NULL, &m->requests);
    m->parts = (nsw_node_parts)NSW_NODE_PARTS_INIT;
    m->parts.store = m->store;
    m->parts.sharing = m->sharing;
    m->parts.requests = m->requests;
    return status;
}

static nsw_status begin_group(struct member *m, const char *folder)
{
    nsw_host_raft_config files = NSW_HOST_RAFT_CONFIG_INIT;
    nsw_host_raft_info kept = NSW_HOST_RAFT_INFO_INIT;
    nsw_raft_config config = NSW_RAFT_CONFIG_INIT;
    nsw_node_info info = NSW_NODE_INFO_INIT;
    nsw_raft_member voters[VOTERS];
    char name[256];
    nsw_status status = nsw_node_describe(m->node, &info);
    snprintf(name, sizeof name, "%s/member-%d", folder, m->number);
    config.id = files.node = m->ids[m->number];
    files.path = name;
    files.path_len = strlen(name);
    config.max_entry = LINE;
    config.message = info.max_message;
    config.chunk = NSW_RAFT_NONE; /* the list is short: no snapshots */
    config.sessions = NSW_RAFT_NONE;
    config.seed = now_us();
    for (int i = 0; i < VOTERS; i++)
        voters[i] = (nsw_raft_member)NSW_RAFT_MEMBER(m->ids[i + 1], NSW_RAFT_VOTER);
    if (status == NSW_OK)
        status = nsw_host_raft_create(&files, NULL, &m->files);
    if (status == NSW_OK)
        status = nsw_host_raft_describe(m->files, &kept);
    if (status == NSW_OK)
        status = nsw_raft_create(&config, NULL, &m->raft);
    if (status == NSW_OK)
        status = nsw_host_raft_restore(m->files, m->raft);
    if (status == NSW_OK && kept.empty != 0)
        status = nsw_raft_bootstrap(m->raft, voters, VOTERS);
    if (status == NSW_OK)
        status = nsw_raft_start(m->raft, now_us());
    m->groups[0] = m->raft;
    m->parts.groups = m->groups;
    m->parts.groups_len = 1;
    return status;
}

/* ---- Work --------------------------------------------------------------------------- */

/* Primes of a part: of numbers below `below` those that are `part` modulo PARTS. */
static uint32_t primes(uint32_t below, uint32_t part)
{
    uint32_t count = 0;
    for (uint32_t n = part; n < below; n += PARTS) {
        uint32_t d = 2;
        while (d * d <= n && n % d != 0)
            d++;
        count += n >= 2 && d * d > n;
    }
    return count;
}

/* Asks those that are there for the parts that nobody does; tells when all is done. */
static void go_on(struct member *m)
{
    struct job *job = &m->job;
    uint64_t at = 0;
    nsw_node_member other = NSW_NODE_MEMBER_INIT;
    int own = 0;
    for (uint32_t part = 0; part < PARTS && job->below > 0; part++) {
        if (job->count[part] != 0 || job->request[part] != 0)
            continue;
        /* The next that is there, round and round; this one, too. */
        nsw_status status;
        do {
            status = nsw_node_next_member(m->node, &at, &other);
            if (status == NSW_DONE)
                at = 0;
        } while (status == NSW_DONE || (status == NSW_OK && other.standing != NSW_MEMBER_ALIVE));
        if (status != NSW_OK)
            return;
        if (other.id == m->ids[m->number]) {
            if (own++ > 0) /* one a turn: others want to be heard meanwhile */
                continue;
            job->count[part] = 1 + primes(job->below, part);
            job->by[part] = other.id;
            continue;
        }
        uint8_t message[8];
        for (int i = 0; i < 4; i++) {
            message[i] = (uint8_t)(job->below >> (8 * i));
            message[4 + i] = (uint8_t)(part >> (8 * i));
        }
        /* Without room for another request now, later. */
        if (nsw_requests_ask(m->requests, other.id, (const uint8_t *)"primes", 6, message, 8,
                             now_us() + 5000000, now_us(), &job->request[part]) != NSW_OK)
            break;
    }
    uint32_t total = 0, done = 0, workers = 0;
    for (uint32_t part = 0; part < PARTS; part++) {
        int first = job->count[part] != 0;
        for (uint32_t before = 0; before < part && first; before++)
            first = job->by[before] != job->by[part];
        workers += (uint32_t)first;
        done += job->count[part] != 0;
        total += job->count[part] != 0 ? job->count[part] - 1 : 0;
    }
    if (job->below > 0 && done == PARTS) {
        printf("primes below %u: %u, %d parts by %u members\n", job->below, total, PARTS, workers);
        job->below = 0;
    }
}

static uint32_t number_at(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

static void serve_requests(struct member *m)
{
    nsw_requests_event event = NSW_REQUESTS_EVENT_INIT;
    int own = 0; /* one a turn, as above */
    while (own == 0 && nsw_requests_next(m->requests, &event) == NSW_OK) {
        if (event.kind == NSW_REQUESTS_ASKED) {
            uint8_t answer[4];
            if (event.message_len != 8 || number_at(event.message + 4) >= PARTS) {
                nsw_requests_refuse(m->requests, event.number);
                continue;
            }
            const uint32_t count = primes(number_at(event.message), number_at(event.message + 4));
            for (int i = 0; i < 4; i++)
                answer[i] = (uint8_t)(count >> (8 * i));
            nsw_requests_answer(m->requests, event.number, answer, 4);
            own = 1;
        }
        if (event.kind != NSW_REQUESTS_ANSWERED && event.kind != NSW_REQUESTS_FAILED)
            continue;
        for (uint32_t part = 0; part < PARTS; part++) {
            if (m->job.request[part] != event.number)
                continue;
            m->job.request[part] = 0; /* who failed is not there, or too busy: another one */
            if (event.kind == NSW_REQUESTS_ANSWERED && event.message_len == 4) {
                m->job.count[part] = 1 + number_at(event.message);
                m->job.by[part] = event.member;
            }
        }
    }
    go_on(m);
}

/* ---- Agreement ----------------------------------------------------------------------- */

static nsw_status serve_group(struct member *m)
{
    nsw_raft_entry entry = NSW_RAFT_ENTRY_INIT;
    nsw_raft_event event = NSW_RAFT_EVENT_INIT;
    nsw_status status = nsw_host_raft_serve(m->files, now_us(), m->raft);
    if (status != NSW_OK)
        return status;
    while ((status = nsw_raft_next_committed(m->raft, &entry)) == NSW_OK) {
        if (entry.kind == NSW_RAFT_ENTRY_DATA && m->listed < LISTED && entry.data_len < LINE) {
            memcpy(m->list[m->listed], entry.data, entry.data_len);
            m->list[m->listed++][entry.data_len] = '\0';
            printf("agreed %zu\n", m->listed);
        }
        if ((status = nsw_raft_applied(m->raft, entry.index)) != NSW_OK)
            return status;
    }
    while (nsw_raft_next_event(m->raft, &event) == NSW_OK)
        if (event.kind == NSW_RAFT_EVENT_REFUSED)
            puts("no: try again");
    return status == NSW_DONE ? NSW_OK : status;
}

/* ---- A member -------------------------------------------------------------------------- */

static int number_of(const struct member *m, uint64_t id)
{
    for (int number = 1; number <= MEMBERS; number++)
        if (m->ids[number] == id)
            return number;
    return 0;
}

static void command(struct member *m, const char *line)
{
    nsw_node_info node = NSW_NODE_INFO_INIT;
    nsw_raft_info group = NSW_RAFT_INFO_INIT;
    nsw_status status = NSW_OK;
    unsigned long n = 0;
    int64_t total = 0;
    if (sscanf(line, "add %lu", &n) == 1) {
        status = nsw_store_increment(m->store, m->total, n);
    } else if (strcmp(line, "total") == 0) {
        if ((status = nsw_store_total(m->store, m->total, &total)) == NSW_OK)
            printf("total %lld\n", (long long)total);
    } else if (strncmp(line, "agree ", 6) == 0 && m->raft != NULL) {
        status = nsw_raft_propose(m->raft, (const uint8_t *)line + 6, strlen(line + 6), 0, 0, now_us(),
                                  NULL);
    } else if (strcmp(line, "list") == 0) {
        printf("list");
        for (size_t i = 0; i < m->listed; i++)
            printf(" %s", m->list[i]);
        puts("");
    } else if (sscanf(line, "primes %lu", &n) == 1 && m->job.below == 0 && n < 100000000) {
        memset(&m->job, 0, sizeof m->job);
        m->job.below = (uint32_t)n;
    } else if (strcmp(line, "who") == 0) {
        nsw_node_describe(m->node, &node);
        printf("who %u are there\n", node.members);
    } else if (strcmp(line, "leader") == 0 && m->raft != NULL) {
        nsw_raft_describe(m->raft, &group);
        if (group.leader != 0)
            printf("leader is %d\n", number_of(m, group.leader));
        else
            puts("leader unknown");
    } else {
        puts("no: who, leader, add N, total, agree TEXT, list or primes N");
    }
    if (status != NSW_OK)
        printf("no: %s\n", nsw_status_str(status));
}

/* What was typed so far; -1 at its end. */
static int listen_to_input(struct member *m)
{
    struct pollfd input = {STDIN_FILENO, POLLIN, 0};
    while (poll(&input, 1, 0) > 0) {
        char byte;
        if (read(STDIN_FILENO, &byte, 1) != 1)
            return -1;
        if (byte != '\n' && m->line_len < LINE - 1) {
            m->line[m->line_len++] = byte;
        } else if (byte == '\n') {
            m->line[m->line_len] = '\0';
            m->line_len = 0;
            command(m, m->line);
        }
    }
    return 0;
}

/* One turn: what is due, what has come of it, and then a wait for the next datagram. */
static nsw_status turn(struct member *m)
{
    static uint8_t datagram[BUFFER];
    nsw_node_event event = NSW_NODE_EVENT_INIT;
    nsw_address from = NSW_ADDRESS_INIT;
    uint64_t wake = 0;
    size_t len = 0;
    serve_requests(m);
    nsw_status status = m->raft != NULL ? serve_group(m) : NSW_OK;
    if (status == NSW_OK)
        status = nsw_node_poll(m->node, now_us(), &m->parts, &wake);
    while (nsw_node_next(m->node, &event) == NSW_OK) {
        if (event.kind == NSW_NODE_MEMBER_JOINED || event.kind == NSW_NODE_MEMBER_DIED)
            printf("%d %s\n", number_of(m, event.id),
                   event.kind == NSW_NODE_MEMBER_DIED ? "is dead" : "is there");
    }
    fflush(stdout);
    const uint64_t now = now_us();
    if (status != NSW_OK || wake <= now)
        return status;
    /* Not longer than somebody who types would wait. */
    const uint64_t wait = wake - now < 10000 ? wake - now : 10000;
    if (nsw_host_udp_receive(m->udp, wait, &from, datagram, BUFFER, &len) == NSW_OK)
        status = nsw_node_receive(m->node, &from, datagram, len, now_us(), &m->parts);
    return status;
}

static int run_member(int number, const char *folder)
{
    static struct member m;
    m.number = number;
    nsw_status status = begin_node(&m, folder);
    if (status == NSW_OK)
        status = begin_parts(&m);
    if (status == NSW_OK && number <= VOTERS)
        status = begin_group(&m, folder);
    while (status == NSW_OK && listen_to_input(&m) == 0)
        status = turn(&m);
    nsw_node_destroy(m.node);
    nsw_sharing_destroy(m.sharing);
    nsw_store_destroy(m.store);
    nsw_requests_destroy(m.requests);
    nsw_raft_destroy(m.raft);
    nsw_host_raft_destroy(m.files);
    nsw_host_udp_destroy(m.udp);
    nsw_identity_destroy(m.identity);
    return status == NSW_OK ? 0 : fail("member", status);
}

/* ---- The demonstration ------------------------------------------------------------------- */

static struct child children[MEMBERS + 1];
static const char *files;

/* In a process of its own. */
static int run(void *number)
{
    return run_member(*(const int *)number, files);
}

static int start(int number)
{
    return child_start(&children[number], run, &number);
}

/* The next line that a member says, until some time; NULL if there is none. */
static const char *next_line(int number, uint64_t until)
{
    const uint64_t now = now_us();
    return now < until ? child_line(&children[number], (int)((until - now) / 1000)) : NULL;
}

static int told(int number, const char *line)
{
    printf("  member %d: %s\n", number, line);
    return 0;
}

/* Waits for a line that begins so, at most a minute: 0, or -1. */
static int expect(int number, const char *text)
{
    const uint64_t until = now_us() + 60000000;
    const char *line;
    while ((line = next_line(number, until)) != NULL)
        if (strncmp(line, text, strlen(text)) == 0)
            return told(number, line);
    fprintf(stderr, "member: %d did not say \"%s\"\n", number, text);
    return -1;
}

/* Asks again and again until the answer, a line with the same first word, begins so; at most a minute. */
static int ask(int number, const char *question, const char *text)
{
    const uint64_t until = now_us() + 60000000;
    const size_t word = strcspn(text, " ");
    while (now_us() < until) {
        const struct timespec pause = {0, 50000000};
        const char *line;
        child_say(&children[number], question);
        while ((line = next_line(number, until)) != NULL && strncmp(line, text, word) != 0)
            ;
        if (line == NULL)
            break;
        if (strncmp(line, text, strlen(text)) == 0)
            return told(number, line);
        nanosleep(&pause, NULL);
    }
    fprintf(stderr, "member: %d did not answer \"%s\" with \"%s\"\n", number, question, text);
    return -1;
}

/* Ports that are free now, one behind the other. */
static int find_ports(void)
{
    for (port = 20000 + (int)getpid() % 20000; port < 60000; port += 10) {
        nsw_host_udp *udp[MEMBERS + 1] = {NULL};
        nsw_status status = NSW_OK;
        for (int number = 1; number <= MEMBERS && status == NSW_OK; number++) {
            nsw_host_udp_config config = NSW_HOST_UDP_CONFIG_INIT;
            nsw_address here;
            status = address_of(number, &here);
            config.bind = &here;
            if (status == NSW_OK)
                status = nsw_host_udp_create(&config, NULL, &udp[number]);
        }
        for (int number = 1; number <= MEMBERS; number++)
            nsw_host_udp_destroy(udp[number]);
        if (status == NSW_OK)
            return 0;
    }
    return -1;
}

static int demonstrate(const char *folder)
{
    files = folder;
    int bad = make_keys(folder) | find_ports();
    puts("Five processes, which know each other's keys and nothing else.");
    for (int number = 1; number <= VOTERS; number++)
        bad |= start(number);
    for (int number = 1; number <= VOTERS && bad == 0; number++)
        bad |= ask(number, "who", "who 5 are there");
    puts("They share a counter, to which each adds.");
    for (int number = 1; number <= VOTERS && bad == 0; number++)
        child_say(&children[number], "add 10");
    for (int number = 1; number <= VOTERS && bad == 0; number++)
        bad |= ask(number, "total", "total 50");
    puts("They agree on a list.");
    if (bad == 0)
        bad |= ask(1, "leader", "leader is");
    if (bad == 0) {
        child_say(&children[1], "agree first");
        bad |= expect(1, "agreed 1");
    }
    for (int number = 2; number <= VOTERS && bad == 0; number++)
        bad |= ask(number, "list", "list first");
    puts("They count primes together; member 3 is killed meanwhile, and member 6 comes.");
    if (bad == 0) {
        child_say(&children[1], "primes 6000000");
        child_end(&children[3], 1);
        bad |= start(6);
        /* https://oeis.org/A000720 */
        bad |= expect(1, "primes below 6000000: 412849,");
    }
    puts("Member 3 is started again: it has the list, and hears of the rest.");
    if (bad == 0) {
        bad |= start(3);
        bad |= ask(3, "who", "who 6 are there");
        child_say(&children[3], "add 8");
        bad |= ask(6, "total", "total 58");
        bad |= ask(3, "total", "total 58");
        bad |= ask(3, "list", "list first");
    }
    for (int number = 1; number <= MEMBERS; number++)
        bad |= child_end(&children[number], 0);
    puts(bad == 0 ? "All of it came as it should." : "Something did not come as it should.");
    return bad != 0;
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    const int number = argc == 3 ? atoi(argv[1]) : 0;
    if (argc == 3 && strcmp(argv[1], "keys") == 0)
        return make_keys(argv[2]);
    if (argc == 3 && strcmp(argv[1], "demo") == 0)
        return demonstrate(argv[2]);
    if (number >= 1 && number <= MEMBERS)
        return run_member(number, argv[2]);
    fprintf(stderr, "usage: member keys FOLDER | member 1..%d FOLDER | member demo FOLDER\n", MEMBERS);
    return 2;
}
