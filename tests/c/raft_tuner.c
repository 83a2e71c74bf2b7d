/*
 * Raft nodes whose times are set while they run: by hand, and by tuners that measure the network.
 */
#include "raft.h"

static nsw_tuner_config tuner_of(const nsw_raft_config *of, uint32_t model) {
    nsw_tuner_config cfg = NSW_TUNER_CONFIG_INIT;
    cfg.node = of;
    cfg.model = model;
    return cfg;
}

static void by_hand(void) {
    cluster *c = three();
    node *lead = leader(c);
    nsw_raft_timeouts times = NSW_RAFT_TIMEOUTS_INIT, now = NSW_RAFT_TIMEOUTS_INIT;
    CHECK_OK(nsw_raft_get_timeouts(lead->raft, &times));
    CHECK(times.election_us == 300000 && times.spread_us == 300000);
    CHECK(times.patience_us == 300000 && times.heartbeat_us == 50000);
    times.election_us = 1000000, times.heartbeat_us = 20000, times.spread_us = 1;
    CHECK_OK(nsw_raft_set_timeouts(lead->raft, &times));
    CHECK_OK(nsw_raft_get_timeouts(lead->raft, &now));
    CHECK(memcmp(&times, &now, sizeof now) == 0);
    times.election_us = 299999;
    CHECK_STATUS(nsw_raft_set_timeouts(lead->raft, &times), NSW_ERR_INVALID);
    times.election_us = 300000, times.heartbeat_us = 150001;
    CHECK_STATUS(nsw_raft_set_timeouts(lead->raft, &times), NSW_ERR_INVALID);
    times.heartbeat_us = 0;
    CHECK_STATUS(nsw_raft_set_timeouts(lead->raft, &times), NSW_ERR_INVALID);
    times.size--;
    CHECK_STATUS(nsw_raft_set_timeouts(lead->raft, &times), NSW_ERR_STRUCT_SIZE);
    CHECK_STATUS(nsw_raft_get_timeouts(lead->raft, &times), NSW_ERR_STRUCT_SIZE);
    CHECK_STATUS(nsw_raft_set_timeouts(lead->raft, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_raft_get_timeouts(lead->raft, NULL), NSW_ERR_NULL);
    CHECK_OK(nsw_raft_get_timeouts(lead->raft, &now));
    CHECK(now.election_us == 1000000 && now.heartbeat_us == 20000);

    CHECK_STATUS(nsw_raft_set_priority(lead->raft, 0), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_raft_set_priority(lead->raft, 256), NSW_ERR_INVALID);
    CHECK_OK(nsw_raft_set_priority(lead->raft, 1));
    CHECK_OK(nsw_raft_set_batch(lead->raft, lead->id % 3 + 1, 100));
    CHECK_STATUS(nsw_raft_set_batch(lead->raft, 9, 100), NSW_ERR_RAFT_MEMBER);
    CHECK_OK(nsw_raft_propose(lead->raft, text("a"), 1, 0, 0, c->now, NULL));
    pass(c, 200000);
    for (size_t i = 0; i < c->count; i++) {
        CHECK(strcmp(c->nodes[i].state, "a") == 0);
    }
    end(c);
}

/* A network on which every message takes 4 or 9 milliseconds, and every 50th is lost. */
typedef struct flight {
    letter what;
    uint64_t at;
} flight;

enum { FLIGHTS = 256 };

static flight flights[FLIGHTS];
static size_t flying, number;

static void post(uint64_t from, uint64_t to, const uint8_t *bytes, size_t len, uint64_t now) {
    number++;
    if (number % 50 == 0) {
        return;
    }
    REQUIRE(flying < FLIGHTS);
    flight *f = &flights[flying++];
    f->what.from = from, f->what.to = to, f->what.len = len;
    memcpy(f->what.bytes, bytes, len);
    f->at = now + (number % 3 == 0 ? 9000 : 4000);
}

static void serve_tuned(cluster *c, node *n, nsw_tuner *tuner, nsw_tuner_advice *advice) {
    uint8_t out[LONGEST];
    size_t len = 0;
    uint64_t to = 0;
    nsw_raft_record record = NSW_RAFT_RECORD_INIT;
    nsw_raft_entry entry = NSW_RAFT_ENTRY_INIT;
    CHECK_OK(nsw_tuner_apply(tuner, c->now, n->raft, advice));
    while (nsw_raft_next_record(n->raft, &record) == NSW_OK) {
        CHECK_OK(nsw_raft_durable(n->raft, record.number, c->now));
    }
    while (nsw_raft_next_message(n->raft, out, sizeof out, &len, &to) == NSW_OK) {
        CHECK_OK(nsw_tuner_sent(tuner, to, out, len, c->now));
        post(n->id, to, out, len, c->now);
    }
    while (nsw_tuner_next_message(tuner, c->now, out, sizeof out, &len, &to) == NSW_OK) {
        CHECK_SIZE(len, NSW_TUNER_MESSAGE);
        post(n->id, to, out, len, c->now);
    }
    CHECK(len == 0 && to == 0);
    while (nsw_raft_next_committed(n->raft, &entry) == NSW_OK) {
        CHECK_OK(nsw_raft_applied(n->raft, entry.index));
    }
}

static void tuned(uint32_t model) {
    cluster *c = three();
    nsw_tuner *tuners[3] = {NULL, NULL, NULL};
    nsw_tuner_advice advice[3] = {NSW_TUNER_ADVICE_INIT, NSW_TUNER_ADVICE_INIT,
                                  NSW_TUNER_ADVICE_INIT};
    flying = 0;
    for (size_t i = 0; i < 3; i++) {
        nsw_tuner_config cfg = tuner_of(&c->nodes[i].cfg, model);
        REQUIRE_OK(nsw_tuner_create(&cfg, NULL, &tuners[i]));
    }
    size_t crashed = 3, probes = 0;
    uint64_t out_of_service = 0;
    const uint64_t half = 30000000, whole = 40000000;
    for (; c->now < whole; c->now += 1000) {
        if (c->now > half && crashed == 3) {
            for (size_t i = 0; i < 3; i++) {
                uint64_t wake = 0;
                bool leads = info_of(c->nodes[i].raft).role == NSW_RAFT_LEADER;
                CHECK_OK(nsw_tuner_wake_at(tuners[i], &wake));
                CHECK(wake + 1000 > c->now);
                crashed = leads ? i : crashed;
                /* What was measured: far less than what holds until then. */
                CHECK_NOTE(leads || advice[i].election_us < 1000000, "%u ms",
                           (unsigned)(advice[i].election_us / 1000));
                CHECK(advice[i].priority >= 1 && advice[i].priority <= 255);
            }
            REQUIRE(crashed < 3);
            crash(&c->nodes[crashed]);
        }
        for (size_t i = 0; i < 3; i++) {
            uint64_t wake = 0;
            if (c->nodes[i].raft == NULL) {
                continue;
            }
            CHECK_OK(nsw_raft_wake_at(c->nodes[i].raft, &wake));
            if (wake <= c->now) {
                CHECK_OK(nsw_raft_tick(c->nodes[i].raft, c->now));
            }
            serve_tuned(c, &c->nodes[i], tuners[i], &advice[i]);
            if (crashed < 3 && out_of_service == 0 &&
                info_of(c->nodes[i].raft).role == NSW_RAFT_LEADER) {
                out_of_service = c->now - half;
            }
        }
        for (size_t i = 0; i < flying;) {
            if (flights[i].at > c->now) {
                i++;
                continue;
            }
            letter l = flights[i].what;
            flights[i] = flights[--flying];
            size_t to = (size_t)l.to - 1;
            uint32_t probe = 7;
            if (c->nodes[to].raft == NULL) {
                continue;
            }
            CHECK_OK(nsw_tuner_is_probe(l.bytes, l.len, &probe));
            if (probe == 1) {
                probes++;
                CHECK_OK(nsw_tuner_probed(tuners[to], l.from, l.bytes, l.len, c->now));
                continue;
            }
            CHECK(probe == 0);
            CHECK_OK(nsw_raft_step(c->nodes[to].raft, l.from, l.bytes, l.len, c->now));
            CHECK_OK(nsw_tuner_heard(tuners[to], c->nodes[to].raft, l.from, l.bytes, l.len,
                                     c->now));
        }
    }
    CHECK(probes > 20);
    CHECK_NOTE(out_of_service > 0 && out_of_service < 3000000, "%u ms",
               (unsigned)(out_of_service / 1000));
    for (size_t i = 0; i < 3; i++) {
        nsw_tuner_destroy(tuners[i]);
    }
    end(c);
}

static void misuse(void) {
    nsw_raft_config node_cfg = config_of(1);
    nsw_tuner_config cfg = tuner_of(&node_cfg, 2);
    size_t size = 0, align = 0, len = 77;
    uint64_t to = 77;
    uint32_t probe = 7;
    uint8_t out[NSW_TUNER_MESSAGE] = {0};
    CHECK_STATUS(nsw_tuner_footprint(&cfg, &size, &align), NSW_ERR_INVALID);
    cfg = tuner_of(NULL, NSW_TUNER_LEARNED);
    CHECK_STATUS(nsw_tuner_footprint(&cfg, &size, &align), NSW_ERR_NULL);
    cfg = tuner_of(&node_cfg, NSW_TUNER_LEARNED);
    cfg.most_us = 299999;
    CHECK_STATUS(nsw_tuner_footprint(&cfg, &size, &align), NSW_ERR_INVALID);
    cfg.most_us = 300000, cfg.heartbeat_us = 150001;
    CHECK_STATUS(nsw_tuner_footprint(&cfg, &size, &align), NSW_ERR_INVALID);
    cfg.heartbeat_us = 1000, cfg.reserved = 1;
    CHECK_STATUS(nsw_tuner_footprint(&cfg, &size, &align), NSW_ERR_INVALID);
    cfg.most_us = 0, cfg.reserved = 0, cfg.size--;
    CHECK_STATUS(nsw_tuner_footprint(&cfg, &size, &align), NSW_ERR_STRUCT_SIZE);
    cfg.size++;
    CHECK_OK(nsw_tuner_footprint(&cfg, &size, &align));
    CHECK(size > 0 && align >= 8);

    counting memory;
    counting_init(&memory);
    nsw_tuner *tuner = NULL;
    CHECK_OK(nsw_tuner_create(&cfg, &memory.hook, &tuner));
    CHECK_STATUS(nsw_tuner_next_message(tuner, 1, out, sizeof out, &len, &to), NSW_DONE);
    CHECK(len == 0 && to == 0);
    CHECK_STATUS(nsw_tuner_next_message(tuner, 1, out, 23, &len, &to), NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_SIZE(len, NSW_TUNER_MESSAGE);
    CHECK_STATUS(nsw_tuner_next_message(tuner, 1, out, sizeof out, &len, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_tuner_wake_at(tuner, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_tuner_probed(tuner, 2, NULL, 4, 1), NSW_ERR_NULL);
    CHECK_OK(nsw_tuner_probed(tuner, 2, out, sizeof out, 1));
    CHECK_STATUS(nsw_tuner_sent(tuner, 2, NULL, 4, 1), NSW_ERR_NULL);
    CHECK_OK(nsw_tuner_sent(tuner, 2, out, sizeof out, 1));
    CHECK_STATUS(nsw_tuner_heard(tuner, NULL, 2, out, sizeof out, 1), NSW_ERR_NULL);
    CHECK_STATUS(nsw_tuner_apply(tuner, 1, NULL, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_tuner_is_probe(NULL, 4, &probe), NSW_ERR_NULL);
    CHECK_STATUS(nsw_tuner_is_probe(out, 4, NULL), NSW_ERR_NULL);
    CHECK_OK(nsw_tuner_is_probe(out, sizeof out, &probe));
    CHECK(probe == 0);

    /* A node that was made with another election timeout. */
    nsw_raft *raft = NULL;
    node_cfg.election_us = 500000;
    CHECK_OK(nsw_raft_create(&node_cfg, NULL, &raft));
    for (uint64_t now = 1; now < 4000000; now += 1000000) {
        CHECK_STATUS(nsw_tuner_apply(tuner, now, raft, NULL), NSW_ERR_INVALID);
    }
    nsw_raft_timeouts times = NSW_RAFT_TIMEOUTS_INIT;
    CHECK_OK(nsw_raft_get_timeouts(raft, &times));
    CHECK(times.election_us == 500000);
    times.reserved = 7;
    CHECK_STATUS(nsw_raft_set_timeouts(raft, &times), NSW_ERR_INVALID);
    nsw_tuner_advice advice = NSW_TUNER_ADVICE_INIT;
    advice.size--;
    CHECK_STATUS(nsw_tuner_apply(tuner, 1, raft, &advice), NSW_ERR_STRUCT_SIZE);
    nsw_raft_destroy(raft);
    nsw_tuner_destroy(tuner);
    nsw_tuner_destroy(NULL);
    node_cfg.election_us = 0;
    memory.fail_at = memory.calls + 1;
    CHECK_STATUS(nsw_tuner_create(&cfg, &memory.hook, &tuner), NSW_ERR_OUT_OF_MEMORY);
    CHECK(tuner == NULL);
    counting_finish(&memory);
}

int main(void) {
    by_hand();
    tuned(NSW_TUNER_LEARNED);
    tuned(NSW_TUNER_MEAN_DEVIATION);
    misuse();
    return check_report("raft_tuner");
}
