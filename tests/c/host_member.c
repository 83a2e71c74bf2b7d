/*
 * Members of a swarm on threads of their own.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <string.h>

#include "check.h"
#include "folder.h"
#include "support.h"

enum { MEMBERS = 3 };
/* Longer than anything takes that is well, and for what does not come. */
#define LONG_US 60000000u
#define SHORT_US 50000u

static char folder[256];

/* What the hooks of a member have seen. */
struct seen {
    pthread_mutex_t lock;
    nsw_host_member *member;
    uint64_t later; /* a request that waits for its answer */
    unsigned entries, loads, publications, joined, store, busy;
    uint64_t sum;
};

static struct seen all[MEMBERS];

static nsw_status on_request(void *ctx, const nsw_host_member_call *call, uint8_t *buf, size_t cap,
                             size_t *len)
{
    struct seen *seen = ctx;
    CHECK(call->size == sizeof *call && call->number != 0 && call->from != 0);
    if (call->method_len == 4 && memcmp(call->method, "echo", 4) == 0) {
        CHECK(cap >= call->message_len);
        memcpy(buf, call->message, call->message_len);
        *len = call->message_len;
        return NSW_OK;
    }
    if (call->method_len == 5 && memcmp(call->method, "later", 5) == 0) {
        pthread_mutex_lock(&seen->lock);
        seen->later = call->number;
        pthread_mutex_unlock(&seen->lock);
        return NSW_AGAIN;
    }
    if (call->method_len == 4 && memcmp(call->method, "back", 4) == 0) {
        /* What waits is refused here, the rest is not; and it is not destroyed. */
        uint64_t index = 0;
        CHECK_STATUS(nsw_host_member_propose(seen->member, text("x"), 1, LONG_US, &index),
                     NSW_ERR_BUSY);
        CHECK_STATUS(nsw_host_member_wait_for_members(seen->member, 1, LONG_US), NSW_ERR_BUSY);
        CHECK_STATUS(nsw_host_member_join(seen->member), NSW_ERR_BUSY);
        nsw_host_member_destroy(seen->member);
        CHECK_OK(nsw_host_member_add(seen->member, text("back"), 4, 1));
        *len = 0;
        return NSW_OK;
    }
    return NSW_ERR_UNSUPPORTED;
}

static void on_publication(void *ctx, uint64_t origin, const uint8_t *topic, size_t topic_len,
                           const uint8_t *message, size_t message_len)
{
    struct seen *seen = ctx;
    CHECK(origin != 0 && topic_len == 4 && memcmp(topic, "news", 4) == 0);
    CHECK(message_len == 5 && memcmp(message, "hello", 5) == 0);
    CHECK_OK(nsw_host_member_add(seen->member, text("heard"), 5, 1));
}

static void on_entry(void *ctx, uint64_t index, const uint8_t *data, size_t data_len)
{
    struct seen *seen = ctx;
    CHECK(index > 0 && data_len == 1);
    pthread_mutex_lock(&seen->lock);
    seen->entries++;
    seen->sum += data[0];
    pthread_mutex_unlock(&seen->lock);
}

static void on_event(void *ctx, const nsw_host_member_event *event)
{
    struct seen *seen = ctx;
    CHECK(event->size == sizeof *event && event->status == NSW_OK);
    pthread_mutex_lock(&seen->lock);
    seen->joined += event->kind == NSW_HOST_MEMBER_JOINED;
    seen->store += event->kind == NSW_HOST_MEMBER_STORE_CHANGED;
    pthread_mutex_unlock(&seen->lock);
}

static nsw_status on_save(void *ctx, uint8_t *buf, size_t cap, size_t *len)
{
    struct seen *seen = ctx;
    /* Larger than the buffer at first. */
    *len = 10000;
    if (cap < *len)
        return NSW_ERR_BUFFER_TOO_SMALL;
    pthread_mutex_lock(&seen->lock);
    memset(buf, 0, *len);
    memcpy(buf, &seen->sum, sizeof seen->sum);
    pthread_mutex_unlock(&seen->lock);
    return NSW_OK;
}

static void on_load(void *ctx, const uint8_t *data, size_t data_len)
{
    struct seen *seen = ctx;
    CHECK_SIZE(data_len, 10000);
    pthread_mutex_lock(&seen->lock);
    seen->loads++;
    memcpy(&seen->sum, data, sizeof seen->sum);
    pthread_mutex_unlock(&seen->lock);
}

static nsw_key seed_of(int number)
{
    nsw_key seed;
    memset(&seed, number + 1, sizeof seed);
    return seed;
}

static nsw_key key_of(int number)
{
    nsw_identity_config config = NSW_IDENTITY_CONFIG_INIT;
    nsw_identity *identity = NULL;
    nsw_key seed = seed_of(number), key;
    memset(&key, 0, sizeof key);
    config.seed = &seed;
    REQUIRE_OK(nsw_identity_create(&config, NULL, &identity));
    REQUIRE_OK(nsw_identity_public(identity, &key));
    nsw_identity_destroy(identity);
    return key;
}

static nsw_address address_of(const char *name)
{
    nsw_address address = NSW_ADDRESS_INIT;
    REQUIRE_OK(nsw_host_address_parse(name, strlen(name), &address));
    return address;
}

static nsw_host_member *make(int number, const nsw_address *first)
{
    nsw_host_member_config config = NSW_HOST_MEMBER_CONFIG_INIT;
    nsw_host_member_hooks hooks = NSW_HOST_MEMBER_HOOKS_INIT;
    nsw_address bind = address_of("127.0.0.1:0");
    nsw_key seed = seed_of(number), psk = seed_of(99), voters[MEMBERS];
    char path[300];
    const int len = snprintf(path, sizeof path, "%s/member-%d", folder, number);
    for (int i = 0; i < MEMBERS; i++)
        voters[i] = key_of(i);
    struct seen *seen = &all[number];
    memset(seen, 0, sizeof *seen);
    pthread_mutex_init(&seen->lock, NULL);
    hooks.ctx = seen;
    hooks.on_request = on_request;
    hooks.on_publication = on_publication;
    hooks.on_entry = on_entry;
    hooks.on_event = on_event;
    hooks.on_save = on_save;
    hooks.on_load = on_load;
    config.network = text("host_member.c");
    config.network_len = 13;
    config.bind = &bind;
    config.seed = &seed;
    config.psk = &psk;
    config.seeds = first;
    config.seeds_len = first != NULL;
    config.folder = path;
    config.folder_len = (size_t)len;
    config.voters = voters;
    config.voters_len = MEMBERS;
    config.no_sync = 1;
    config.snapshot_entries = 10;
    config.hooks = &hooks;
    size_t size = 0, align = 0;
    CHECK_OK(nsw_host_member_footprint(&config, &size, &align));
    CHECK(size > 0 && align > 0);
    REQUIRE_OK(nsw_host_member_create(&config, NULL, &seen->member));
    return seen->member;
}

static void *ask_later(void *unused)
{
    (void)unused;
    nsw_host_member_info info = NSW_HOST_MEMBER_INFO_INIT;
    uint8_t buf[4] = {0};
    size_t len = 0;
    CHECK_OK(nsw_host_member_describe(all[1].member, &info));
    CHECK_OK(nsw_host_member_ask(all[0].member, info.id, text("later"), 5, NULL, 0, LONG_US, buf, 4,
                                 &len));
    CHECK(len == 4 && memcmp(buf, "done", 4) == 0);
    return NULL;
}

static void *wait_in_vain(void *member)
{
    CHECK_STATUS(nsw_host_member_wait_for_members(member, 99, UINT64_MAX), NSW_ERR_NODE_LEFT);
    return NULL;
}

static void check_requests(void)
{
    nsw_host_member *a = all[0].member, *b = all[1].member;
    nsw_host_member_info info = NSW_HOST_MEMBER_INFO_INIT;
    uint8_t buf[64] = {0};
    size_t len = 0;
    CHECK_OK(nsw_host_member_describe(b, &info));
    CHECK(info.members == MEMBERS && info.running == 1 && info.votes == 1);
    CHECK_OK(nsw_host_member_ask(a, info.id, text("echo"), 4, text("hi"), 2, LONG_US, buf, 64, &len));
    CHECK(len == 2 && memcmp(buf, "hi", 2) == 0);
    CHECK_STATUS(nsw_host_member_ask(a, info.id, text("echo"), 4, text("hi"), 2, LONG_US, buf, 1, &len),
                 NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_SIZE(len, 2);
    CHECK_STATUS(nsw_host_member_ask(a, info.id, text("no"), 2, NULL, 0, LONG_US, buf, 64, NULL),
                 NSW_ERR_UNSUPPORTED);
    CHECK_STATUS(nsw_host_member_ask(a, 7, text("echo"), 4, NULL, 0, LONG_US, buf, 64, NULL),
                 NSW_ERR_NODE_PEER);
    CHECK_OK(nsw_host_member_ask(a, info.id, text("back"), 4, NULL, 0, LONG_US, buf, 64, NULL));
    CHECK_OK(nsw_host_member_wait_for_total(a, text("back"), 4, 1, LONG_US, NULL));

    /* Answered by another thread: this one. */
    pthread_t asks;
    REQUIRE(pthread_create(&asks, NULL, ask_later, NULL) == 0);
    uint64_t number = 0;
    while (number == 0) {
        pthread_mutex_lock(&all[1].lock);
        number = all[1].later;
        pthread_mutex_unlock(&all[1].lock);
        sched_yield();
    }
    CHECK_OK(nsw_host_member_answer(b, number, text("done"), 4));
    CHECK_STATUS(nsw_host_member_answer(b, number, text("done"), 4), NSW_ERR_NODE_REQUEST);
    CHECK_STATUS(nsw_host_member_refuse(b, number), NSW_ERR_NODE_REQUEST);
    pthread_join(asks, NULL);
}

static void check_store(void)
{
    nsw_host_member *a = all[0].member, *b = all[1].member;
    uint8_t buf[16] = {0};
    size_t len = 0;
    int64_t total = 0;
    CHECK_STATUS(nsw_host_member_get(a, text("colour"), 6, buf, 16, &len), NSW_DONE);
    CHECK_OK(nsw_host_member_put(a, text("colour"), 6, text("red"), 3));
    CHECK_OK(nsw_host_member_add(a, text("n"), 1, 5));
    CHECK_OK(nsw_host_member_wait_for_total(b, text("n"), 1, 5, LONG_US, &total));
    CHECK(total == 5);
    CHECK_OK(nsw_host_member_get(b, text("colour"), 6, buf, 16, &len));
    CHECK(len == 3 && memcmp(buf, "red", 3) == 0);
    CHECK_STATUS(nsw_host_member_get(b, text("colour"), 6, buf, 2, &len), NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_OK(nsw_host_member_remove(b, text("colour"), 6));
    CHECK_STATUS(nsw_host_member_get(b, text("colour"), 6, buf, 16, &len), NSW_DONE);
    CHECK_OK(nsw_host_member_add(b, text("n"), 1, -2));
    CHECK_OK(nsw_host_member_total(b, text("n"), 1, &total));
    CHECK(total == 3);
    CHECK_STATUS(nsw_host_member_wait_for_total(b, text("n"), 1, 9, SHORT_US, &total),
                 NSW_ERR_HOST_TIMEOUT);
    /* Publications are counted in the store. */
    CHECK_OK(nsw_host_member_subscribe(b, text("news"), 4));
    CHECK_OK(nsw_host_member_publish(a, text("news"), 4, text("hello"), 5));
    CHECK_OK(nsw_host_member_wait_for_total(a, text("heard"), 5, 1, LONG_US, NULL));
    CHECK_OK(nsw_host_member_unsubscribe(b, text("news"), 4));
}

static void check_group(void)
{
    uint64_t index = 0, last = 0, token = 0, next = 0, holder = 0;
    for (int turn = 0; turn < 30; turn++) {
        const uint8_t data = 1;
        CHECK_OK(nsw_host_member_propose(all[turn % MEMBERS].member, &data, 1, LONG_US, &index));
        CHECK(index > last);
        last = index;
    }
    for (int i = 0; i < MEMBERS; i++) {
        CHECK_OK(nsw_host_member_barrier(all[i].member, LONG_US));
        pthread_mutex_lock(&all[i].lock);
        CHECK(all[i].sum == 30);
        pthread_mutex_unlock(&all[i].lock);
    }
    CHECK_STATUS(nsw_host_member_holder(all[0].member, text("door"), 4, NULL, NULL), NSW_DONE);
    CHECK_OK(nsw_host_member_lock(all[0].member, text("door"), 4, LONG_US, &token));
    CHECK_STATUS(nsw_host_member_lock(all[1].member, text("door"), 4, SHORT_US, &next),
                 NSW_ERR_HOST_TIMEOUT);
    CHECK_OK(nsw_host_member_holder(all[0].member, text("door"), 4, &holder, &next));
    CHECK(holder != 0 && next == token);
    CHECK_STATUS(nsw_host_member_unlock(all[0].member, text("door"), 4, token + 1, LONG_US),
                 NSW_ERR_NODE_REQUEST);
    CHECK_OK(nsw_host_member_unlock(all[0].member, text("door"), 4, token, LONG_US));
    CHECK_OK(nsw_host_member_lock(all[1].member, text("door"), 4, LONG_US, &next));
    CHECK(next > token);
}

static void check_rest(void)
{
    nsw_host_member *a = all[0].member;
    nsw_host_member_seen other = NSW_HOST_MEMBER_SEEN_INIT;
    nsw_address bind = address_of("127.0.0.1:0"), local = NSW_ADDRESS_INIT;
    uint64_t after = 0, before = 0;
    int count = 0;
    while (nsw_host_member_next(a, &after, &other) == NSW_OK) {
        CHECK(other.id > before && other.id == after && other.standing == NSW_MEMBER_ALIVE);
        before = other.id;
        count++;
    }
    CHECK(count == MEMBERS);
    static char metrics[100000];
    size_t len = 0;
    CHECK_STATUS(nsw_host_member_metrics(a, metrics, 10, &len), NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_OK(nsw_host_member_metrics(a, metrics, sizeof metrics - 1, &len));
    CHECK(strstr(metrics, "nsw_members{standing=\"alive\"} 3\n") != NULL);
    CHECK_OK(nsw_host_member_serve_metrics(a, &bind, &local));
    CHECK(local.len == 7);
    CHECK_STATUS(nsw_host_member_serve_metrics(a, &bind, NULL), NSW_ERR_COMM_STATE);
    CHECK_OK(nsw_host_member_wake(a));
    nsw_key key = key_of(50);
    CHECK_OK(nsw_host_member_pin(a, &key));
    CHECK_OK(nsw_host_member_add_seed(a, &local));
    pthread_mutex_lock(&all[0].lock);
    CHECK(all[0].joined >= 2 && all[0].store > 0);
    pthread_mutex_unlock(&all[0].lock);
}

static void check_misuse(void)
{
    nsw_host_member_config config = NSW_HOST_MEMBER_CONFIG_INIT;
    nsw_host_member_info info = NSW_HOST_MEMBER_INFO_INIT;
    nsw_address bind = address_of("127.0.0.1:0");
    nsw_key seed = seed_of(9);
    nsw_host_member *member = NULL;
    size_t size = 0, align = 0;
    CHECK_STATUS(nsw_host_member_create(NULL, NULL, &member), NSW_ERR_NULL);
    CHECK_STATUS(nsw_host_member_create(&config, NULL, NULL), NSW_ERR_NULL);
    /* Who? */
    config.bind = &bind;
    CHECK_STATUS(nsw_host_member_footprint(&config, &size, &align), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_host_member_create(&config, NULL, &member), NSW_ERR_INVALID);
    CHECK(member == NULL);
    config.seed = &seed;
    config.bind = NULL;
    CHECK_STATUS(nsw_host_member_create(&config, NULL, &member), NSW_ERR_NULL);
    config.bind = &bind;
    config.lease_us = 1;
    CHECK_STATUS(nsw_host_member_create(&config, NULL, &member), NSW_ERR_INVALID);
    config.lease_us = 0;
    nsw_transport transport = NSW_TRANSPORT_INIT;
    config.transport = &transport;
    CHECK_STATUS(nsw_host_member_create(&config, NULL, &member), NSW_ERR_NULL);
    config.transport = NULL;
    REQUIRE_OK(nsw_host_member_create(&config, NULL, &member));
    CHECK_STATUS(nsw_host_member_subscribe(member, text("x"), 1), NSW_ERR_NULL);
    CHECK_STATUS(nsw_host_member_propose(member, text("x"), 1, LONG_US, NULL), NSW_ERR_RAFT_STATE);
    CHECK_STATUS(nsw_host_member_put(member, NULL, 1, NULL, 0), NSW_ERR_NULL);
    CHECK_STATUS(nsw_host_member_describe(member, NULL), NSW_ERR_NULL);
    CHECK_OK(nsw_host_member_stop(member));
    CHECK_STATUS(nsw_host_member_start(member), NSW_ERR_NODE_LEFT);
    CHECK_OK(nsw_host_member_describe(member, &info));
    CHECK(info.running == 0);
    nsw_host_member_destroy(member);
    nsw_host_member_destroy(NULL);
    CHECK_STATUS(nsw_host_member_start(NULL), NSW_ERR_NULL);
    struct {
        uint64_t words[8];
    } other = {{0}};
    CHECK_STATUS(nsw_host_member_stop((const nsw_host_member *)&other), NSW_ERR_HANDLE);
}

int main(void)
{
    nsw_address first = NSW_ADDRESS_INIT;
    REQUIRE(make_folder(folder, sizeof folder));
    for (int i = 0; i < MEMBERS; i++) {
        nsw_host_member *member = make(i, i > 0 ? &first : NULL);
        if (i == 0)
            CHECK_OK(nsw_host_member_local(member, &first));
        CHECK_OK(nsw_host_member_start(member));
        CHECK_STATUS(nsw_host_member_start(member), NSW_ERR_COMM_STATE);
    }
    for (int i = 0; i < MEMBERS; i++)
        REQUIRE_OK(nsw_host_member_wait_for_members(all[i].member, MEMBERS, LONG_US));
    check_requests();
    check_store();
    check_group();
    check_rest();

    /* Destroyed while another thread waits in it. */
    pthread_t waits;
    REQUIRE(pthread_create(&waits, NULL, wait_in_vain, all[2].member) == 0);
    uint64_t token = 0;
    CHECK_OK(nsw_host_member_stop(all[2].member));
    CHECK_OK(nsw_host_member_join(all[2].member));
    pthread_join(waits, NULL);
    CHECK_STATUS(nsw_host_member_put(all[2].member, text("a"), 1, NULL, 0), NSW_ERR_NODE_LEFT);
    nsw_host_member_destroy(all[2].member);
    /* The others go on, without the holder of the lock as well. */
    nsw_host_member_destroy(all[1].member);
    CHECK_STATUS(nsw_host_member_lock(all[0].member, text("door"), 4, SHORT_US, &token),
                 NSW_ERR_HOST_TIMEOUT);
    nsw_host_member_destroy(all[0].member);

    /* Two that start again have what they had. */
    for (int i = 0; i < 2; i++) {
        make(i, i > 0 ? &first : NULL);
        if (i == 0)
            CHECK_OK(nsw_host_member_local(all[0].member, &first));
        CHECK_OK(nsw_host_member_start(all[i].member));
    }
    CHECK_OK(nsw_host_member_barrier(all[0].member, LONG_US));
    pthread_mutex_lock(&all[0].lock);
    CHECK(all[0].sum == 30 && all[0].loads == 1 && all[0].entries < 30);
    pthread_mutex_unlock(&all[0].lock);
    int64_t total = 0;
    CHECK_OK(nsw_host_member_total(all[0].member, text("n"), 1, &total));
    CHECK(total == 3);
    CHECK_OK(nsw_host_member_lock(all[0].member, text("door"), 4, LONG_US, &token));
    for (int i = 0; i < 2; i++)
        nsw_host_member_destroy(all[i].member);
    check_misuse();
    return check_report("host_member");
}
