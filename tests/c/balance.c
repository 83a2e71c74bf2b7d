/*
 * Dispatchers, gauges and autoscalers: requests that find the quick workers, what workers tell, what is learned
 * of work, batteries, replicas; and all that may be wrong.
 */
#include "task.h"

enum { WORKERS = 8, REQUESTS = 2000 };

static const uint32_t POLICIES[] = {NSW_BALANCER_PREDICTED_WORK, NSW_BALANCER_ROUND_ROBIN,
                                    NSW_BALANCER_POWER_OF_TWO,   NSW_BALANCER_PEAK_EWMA,
                                    NSW_BALANCER_LEAST_LOADED,   NSW_BALANCER_PREQUAL,
                                    NSW_BALANCER_PREQUAL_SYNC};

static nsw_balancer_config config_of(uint32_t policy) {
    nsw_balancer_config cfg = NSW_BALANCER_CONFIG_INIT;
    cfg.policy = policy;
    cfg.workers = WORKERS;
    return cfg;
}

static nsw_balancer *balancer_of(const nsw_balancer_config *cfg) {
    nsw_balancer *balancer = NULL;
    REQUIRE_OK(nsw_balancer_create(cfg, NULL, &balancer));
    return balancer;
}

static nsw_gauge *gauge_of(void) {
    nsw_gauge_config cfg = NSW_GAUGE_CONFIG_INIT;
    nsw_gauge *gauge = NULL;
    REQUIRE_OK(nsw_gauge_create(&cfg, NULL, &gauge));
    return gauge;
}

static uint32_t picked(nsw_balancer *balancer, uint64_t now) {
    uint32_t worker = WORKERS;
    CHECK_OK(nsw_balancer_pick(balancer, NULL, 0, now, &worker, NULL));
    return worker;
}

/* A request in flight: ends when, where, how. */
typedef struct flight {
    uint64_t ends, request;
    uint32_t worker;
    bool out;
} flight;

/*
 * Worker 0 fails each request at once, worker 1 takes four times as long as the others. Counts who gets how many.
 */
static void run(const nsw_balancer_config *cfg, unsigned counts[WORKERS]) {
    static flight flights[REQUESTS];
    nsw_balancer *balancer = balancer_of(cfg);
    nsw_gauge *gauges[WORKERS];
    memset(flights, 0, sizeof flights);
    memset(counts, 0, WORKERS * sizeof counts[0]);
    for (size_t i = 0; i < WORKERS; i++) {
        gauges[i] = gauge_of();
    }
    uint32_t waits = 0, in_flight = 0;
    CHECK_OK(nsw_balancer_waits(balancer, &waits));
    CHECK(waits == (cfg->probes != NSW_TASK_NONE &&
                    (cfg->policy == NSW_BALANCER_PREDICTED_WORK ||
                     cfg->policy == NSW_BALANCER_POWER_OF_TWO ||
                     cfg->policy == NSW_BALANCER_PREQUAL_SYNC)));
    uint64_t now = 0;
    for (uint64_t request = 0; request < REQUESTS; request++) {
        now = request * 5000;
        for (uint64_t i = 0; i < request; i++) {
            flight *f = &flights[i];
            if (!f->out || f->ends > now) {
                continue;
            }
            uint32_t worker = WORKERS;
            uint64_t took = 0;
            if (f->worker == 0) {
                CHECK_OK(nsw_gauge_dropped(gauges[0], f->request, f->ends));
                CHECK_OK(nsw_balancer_failed(balancer, f->request, f->ends, &worker, &took));
            } else {
                CHECK_OK(nsw_gauge_finished(gauges[f->worker], f->request, 1, f->ends));
                CHECK_OK(nsw_balancer_done(balancer, f->request, 1, f->ends, &worker, &took));
                CHECK(took >= 30000);
            }
            CHECK(worker == f->worker);
            f->out = false;
        }
        uint32_t worker = WORKERS, asked = 0;
        CHECK_OK(nsw_balancer_prepare(balancer, now));
        while (nsw_balancer_next_probe(balancer, now, &worker) == NSW_OK) {
            nsw_answer answer = NSW_ANSWER_INIT;
            CHECK(worker < WORKERS);
            CHECK_OK(nsw_gauge_answer(gauges[worker], now, &answer));
            CHECK_OK(nsw_balancer_probed(balancer, worker, &answer, now));
            asked++;
        }
        CHECK(asked <= 6);
        float work = 0;
        const float feature = (float)(request % 7);
        CHECK_OK(nsw_balancer_pick(balancer, &feature, cfg->features, now, &worker, &work));
        REQUIRE(worker < WORKERS && work > 0);
        CHECK_OK(nsw_balancer_sent(balancer, request, worker, &feature, cfg->features, now));
        CHECK_OK(nsw_gauge_arrived(gauges[worker], request, work, now));
        counts[worker]++;
        uint64_t takes = worker == 0 ? 100 : worker == 1 ? 120000 : 30000;
        flights[request].ends = now + takes, flights[request].request = request;
        flights[request].worker = worker, flights[request].out = true;
        CHECK_OK(nsw_gauge_in_flight(gauges[worker], &in_flight));
        CHECK(in_flight >= 1);
    }
    uint32_t left = 0;
    for (size_t i = 0; i < REQUESTS; i++) {
        left += flights[i].out;
    }
    CHECK_OK(nsw_balancer_in_flight(balancer, &in_flight));
    CHECK(in_flight == left);
    for (size_t i = 0; i < WORKERS; i++) {
        nsw_gauge_destroy(gauges[i]);
    }
    nsw_balancer_destroy(balancer);
}

static void check_policy(uint32_t policy, bool probes, uint32_t learner) {
    unsigned counts[WORKERS], others = 0;
    nsw_balancer_config cfg = config_of(policy);
    cfg.probes = probes ? 0 : NSW_TASK_NONE;
    cfg.features = 1;
    cfg.learner = learner;
    run(&cfg, counts);
    bool blind = policy == NSW_BALANCER_ROUND_ROBIN || (policy == NSW_BALANCER_PREQUAL && !probes);
    CHECK_NOTE(counts[0] <= (blind ? 300u : 100u), "policy %u, probes %u, learner %u: %u fail",
               (unsigned)policy, (unsigned)probes, (unsigned)learner, counts[0]);
    for (size_t w = 2; w < WORKERS; w++) {
        others += counts[w];
    }
    bool by_count = policy == NSW_BALANCER_POWER_OF_TWO ||
                    (policy == NSW_BALANCER_PREQUAL_SYNC && !probes);
    CHECK_NOTE(blind || by_count || counts[1] * 6 < others,
               "policy %u, probes %u, learner %u: %u at the slow one of %u", (unsigned)policy,
               (unsigned)probes, (unsigned)learner, counts[1], others);
}

static void all_policies(void) {
    for (size_t i = 0; i < COUNT_OF(POLICIES); i++) {
        check_policy(POLICIES[i], false, NSW_BALANCER_RIDGE);
        check_policy(POLICIES[i], true, NSW_BALANCER_RIDGE);
    }
    /* What learns matters to those that look at what is learned. */
    check_policy(NSW_BALANCER_PREDICTED_WORK, false, NSW_BALANCER_NETWORK);
    check_policy(NSW_BALANCER_PREDICTED_WORK, true, NSW_BALANCER_NETWORK);
    check_policy(NSW_BALANCER_LEAST_LOADED, false, NSW_BALANCER_NETWORK);
}

/* Work that is a sum over features, and work that is not. */
static void learned(uint32_t learner) {
    nsw_balancer_config cfg = config_of(NSW_BALANCER_PREDICTED_WORK);
    cfg.features = 2;
    cfg.learner = learner;
    cfg.units = learner == NSW_BALANCER_NETWORK ? 24 : 0;
    cfg.seed = 3;
    nsw_balancer *balancer = balancer_of(&cfg);
    float work = 0;
    const float first[] = {1, 2};
    CHECK_OK(nsw_balancer_predict(balancer, first, 2, &work));
    CHECK(work == 1);
    uint32_t random = 7;
    float linear = 0, product = 0;
    for (uint64_t request = 0; request < 3000; request++) {
        float x[] = {random_signed(&random), random_signed(&random)};
        bool sum = request < 1500;
        float real = sum ? 5 + x[0] - 2 * x[1] : 5 + 4 * x[0] * x[1];
        CHECK_OK(nsw_balancer_predict(balancer, x, 2, &work));
        linear += request >= 1400 && sum ? fabsf(work - real) / 100 : 0;
        product += request >= 2900 ? fabsf(work - real) / 100 : 0;
        CHECK_OK(nsw_balancer_sent(balancer, request, 0, x, 2, request));
        CHECK_OK(nsw_balancer_done(balancer, request, real, request + 1, NULL, NULL));
    }
    CHECK_NOTE(linear < 0.05f, "off by %g", (double)linear);
    CHECK_NOTE(learner == NSW_BALANCER_NETWORK ? product < 0.4f : product > 0.7f, "off by %g",
               (double)product);
    float bad[] = {1, NAN};
    CHECK_STATUS(nsw_balancer_predict(balancer, bad, 2, &work), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_balancer_predict(balancer, bad, 1, &work), NSW_ERR_LENGTH);
    CHECK_STATUS(nsw_balancer_predict(balancer, NULL, 2, &work), NSW_ERR_NULL);
    CHECK_STATUS(nsw_balancer_predict(balancer, first, 2, NULL), NSW_ERR_NULL);
    nsw_balancer_destroy(balancer);
}

static void hats(void) {
    float out[5];
    size_t len = 0;
    CHECK_OK(nsw_log_hats(4, 1, 16, out, 5, &len));
    CHECK_SIZE(len, 5);
    CHECK(out[0] == 0 && out[1] == 0 && out[2] == 1 && out[3] == 0 && out[4] == 0);
    CHECK_OK(nsw_log_hats(3, 1, 16, out, 5, NULL));
    CHECK(fabsf(out[1] + out[2] - 1) < 1e-6f && out[1] > 0 && out[2] > 0);
    CHECK_STATUS(nsw_log_hats(NAN, 1, 16, out, 5, NULL), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_log_hats(3, 0, 16, out, 5, NULL), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_log_hats(3, 1, 16, out, 1, NULL), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_log_hats(3, 1, 16, NULL, 5, NULL), NSW_ERR_NULL);
}

static void power_and_availability(void) {
    for (size_t i = 0; i < COUNT_OF(POLICIES); i++) {
        nsw_balancer_config cfg = config_of(POLICIES[i]);
        cfg.choices = WORKERS;
        nsw_balancer *balancer = balancer_of(&cfg);
        /* Low batteries are spared while another is there. */
        for (uint32_t w = 1; w < WORKERS; w++) {
            CHECK_OK(nsw_balancer_set_power(balancer, w, 0.05f, 1));
        }
        for (unsigned turn = 0; turn < 20; turn++) {
            CHECK(picked(balancer, turn) == 0);
        }
        CHECK_OK(nsw_balancer_set_available(balancer, 0, 0));
        CHECK(picked(balancer, 30) != 0);
        for (uint32_t w = 1; w < WORKERS; w++) {
            CHECK_OK(nsw_balancer_set_available(balancer, w, 0));
        }
        uint32_t worker = 77;
        CHECK_STATUS(nsw_balancer_pick(balancer, NULL, 0, 40, &worker, NULL),
                     NSW_ERR_TASK_INFEASIBLE);
        CHECK(worker == 77);
        CHECK_OK(nsw_balancer_set_available(balancer, 3, 1));
        CHECK(picked(balancer, 50) == 3);
        CHECK_STATUS(nsw_balancer_set_available(balancer, 3, 2), NSW_ERR_INVALID);
        CHECK_STATUS(nsw_balancer_set_available(balancer, WORKERS, 1), NSW_ERR_TASK_UNKNOWN);
        CHECK_STATUS(nsw_balancer_set_power(balancer, WORKERS, 1, 1), NSW_ERR_TASK_UNKNOWN);
        CHECK_STATUS(nsw_balancer_set_power(balancer, 0, 1.5f, 1), NSW_ERR_INVALID);
        CHECK_STATUS(nsw_balancer_set_power(balancer, 0, 1, 0), NSW_ERR_INVALID);
        CHECK_STATUS(nsw_balancer_set_power(balancer, 0, NAN, 1), NSW_ERR_INVALID);
        nsw_balancer_destroy(balancer);
    }
}

static void idle_probes(void) {
    nsw_balancer_config cfg = config_of(NSW_BALANCER_PREQUAL);
    nsw_balancer *balancer = balancer_of(&cfg);
    uint64_t at = 0;
    uint32_t worker = 0;
    CHECK_OK(nsw_balancer_next_probe_at(balancer, &at));
    CHECK(at == 100000);
    CHECK_STATUS(nsw_balancer_next_probe(balancer, at - 1, &worker), NSW_DONE);
    CHECK_OK(nsw_balancer_next_probe(balancer, at, &worker));
    CHECK_STATUS(nsw_balancer_next_probe(balancer, at, &worker), NSW_DONE);
    CHECK_STATUS(nsw_balancer_next_probe(balancer, at, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_balancer_next_probe_at(balancer, NULL), NSW_ERR_NULL);
    nsw_balancer_destroy(balancer);
    cfg.prequal_idle_us = NSW_BALANCER_NEVER;
    balancer = balancer_of(&cfg);
    at = 5;
    CHECK_STATUS(nsw_balancer_next_probe_at(balancer, &at), NSW_DONE);
    CHECK(at == 5);
    nsw_balancer_destroy(balancer);
}

static void gauges(void) {
    nsw_gauge_config cfg = NSW_GAUGE_CONFIG_INIT;
    cfg.requests = 2;
    cfg.speed = 4;
    nsw_gauge *gauge = NULL;
    REQUIRE_OK(nsw_gauge_create(&cfg, NULL, &gauge));
    nsw_answer answer = NSW_ANSWER_INIT;
    CHECK_OK(nsw_gauge_answer(gauge, 0, &answer));
    CHECK(answer.in_flight == 0 && answer.speed == 4 && answer.latency_us == 0);
    CHECK_OK(nsw_gauge_arrived(gauge, 1, 10, 0));
    CHECK_OK(nsw_gauge_arrived(gauge, 2, 5, 0));
    CHECK_STATUS(nsw_gauge_arrived(gauge, 3, 5, 0), NSW_ERR_CAPACITY);
    CHECK_STATUS(nsw_gauge_arrived(gauge, 2, 5, 0), NSW_ERR_TASK_STATE);
    CHECK_STATUS(nsw_gauge_arrived(gauge, 3, NAN, 0), NSW_ERR_INVALID);
    CHECK_OK(nsw_gauge_progressed(gauge, 1, 4, 1000000));
    CHECK_STATUS(nsw_gauge_progressed(gauge, 9, 4, 1000000), NSW_ERR_TASK_UNKNOWN);
    CHECK_STATUS(nsw_gauge_progressed(gauge, 1, INFINITY, 1000000), NSW_ERR_INVALID);
    CHECK_OK(nsw_gauge_answer(gauge, 1000000, &answer));
    CHECK(answer.in_flight == 2 && answer.work == 11);
    CHECK_OK(nsw_gauge_finished(gauge, 1, 12, 2000000));
    CHECK_STATUS(nsw_gauge_finished(gauge, 1, 12, 2000000), NSW_ERR_TASK_UNKNOWN);
    CHECK_STATUS(nsw_gauge_finished(gauge, 2, -1, 2000000), NSW_ERR_INVALID);
    CHECK_OK(nsw_gauge_dropped(gauge, 2, 2000000));
    CHECK_STATUS(nsw_gauge_dropped(gauge, 2, 2000000), NSW_ERR_TASK_UNKNOWN);
    CHECK_OK(nsw_gauge_answer(gauge, 2000000, &answer));
    CHECK(answer.in_flight == 0 && answer.work == 0 && answer.latency_us == 2000000);
    CHECK_STATUS(nsw_gauge_answer(gauge, 2000000, NULL), NSW_ERR_NULL);
    answer.size = 8;
    CHECK_STATUS(nsw_gauge_answer(gauge, 2000000, &answer), NSW_ERR_STRUCT_SIZE);
    CHECK_STATUS(nsw_gauge_in_flight(gauge, NULL), NSW_ERR_NULL);
    nsw_gauge_destroy(gauge);
}

/* The formula of Kubernetes by its documentation's example; then a load that swells. */
static void scaling(void) {
    nsw_autoscaler_config cfg = NSW_AUTOSCALER_CONFIG_INIT;
    cfg.target = 50;
    cfg.window = 3;
    nsw_autoscaler *scaler = NULL;
    REQUIRE_OK(nsw_autoscaler_create(&cfg, NULL, &scaler));
    static const struct {
        float load;
        uint32_t current, replicas;
    } STEPS[] = {{400, 4, 8}, {430, 8, 8}, {441, 8, 9}, {100, 9, 9}, {100, 9, 9}, {100, 9, 2}};
    uint32_t replicas = 0;
    float meant = 0;
    float *odd = (float *)(void *)((uint8_t *)&meant + 1);
    for (size_t i = 0; i < COUNT_OF(STEPS); i++) {
        /* A period that does not pass: its load would be remembered. */
        CHECK_STATUS(nsw_autoscaler_step(scaler, 4000, 9, &replicas, odd), NSW_ERR_ALIGNMENT);
        CHECK_OK(nsw_autoscaler_step(scaler, STEPS[i].load, STEPS[i].current, &replicas, &meant));
        CHECK_NOTE(replicas == STEPS[i].replicas, "step %u: %u", (unsigned)i, (unsigned)replicas);
        CHECK(meant == STEPS[i].load);
    }
    CHECK_STATUS(nsw_autoscaler_step(scaler, -1, 1, &replicas, NULL), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_autoscaler_step(scaler, NAN, 1, &replicas, NULL), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_autoscaler_step(scaler, 1, 1, NULL, NULL), NSW_ERR_NULL);
    nsw_autoscaler_destroy(scaler);
    static const uint32_t FORECASTS[] = {NSW_FORECAST_HOLT, NSW_FORECAST_LAGS};
    for (size_t f = 0; f < COUNT_OF(FORECASTS); f++) {
        nsw_autoscaler_config ahead = NSW_AUTOSCALER_CONFIG_INIT;
        ahead.forecast = FORECASTS[f];
        REQUIRE_OK(nsw_autoscaler_create(&ahead, NULL, &scaler));
        for (unsigned t = 0; t < 400; t++) {
            float load = 10 + 0.2f * (float)t;
            CHECK_OK(nsw_autoscaler_step(scaler, load, 1, &replicas, &meant));
            CHECK(meant >= load && (float)replicas >= load);
            CHECK_NOTE(t < 300 || fabsf(meant - load - 0.8f) < 1, "%u: %g for %g", t,
                       (double)meant, (double)load);
        }
        nsw_autoscaler_destroy(scaler);
    }
}

/* ---- what is wrong ----------------------------------------------------------------------- */

static nsw_status balancer_with(const nsw_balancer_config *cfg) {
    nsw_balancer *balancer = NULL;
    size_t size = 0, align = 0;
    nsw_status told = nsw_balancer_footprint(cfg, &size, &align);
    nsw_status made = nsw_balancer_create(cfg, NULL, &balancer);
    CHECK(told == made && (made == NSW_OK) == (balancer != NULL));
    nsw_balancer_destroy(balancer);
    return made;
}

#define REFUSED(field, value)                                                           \
    do {                                                                                \
        nsw_balancer_config cfg_ = config_of(NSW_BALANCER_PREDICTED_WORK);              \
        cfg_.field = (value);                                                           \
        CHECK_STATUS(balancer_with(&cfg_), NSW_ERR_INVALID);                            \
    } while (0)

static void settings(void) {
    nsw_balancer_config cfg = config_of(NSW_BALANCER_PREDICTED_WORK);
    CHECK_OK(balancer_with(&cfg));
    cfg.workers = 1;
    CHECK_OK(balancer_with(&cfg));
    cfg.power_weight = NSW_ZERO, cfg.power_reserve = NSW_ZERO, cfg.prequal_remove = NSW_ZERO;
    cfg.prequal_quantile = NSW_ZERO;
    CHECK_OK(balancer_with(&cfg));
    REFUSED(policy, 7);
    REFUSED(workers, 0);
    REFUSED(workers, 65537);
    REFUSED(requests, (1u << 20) + 1);
    REFUSED(features, 65);
    REFUSED(probes, WORKERS + 1);
    REFUSED(choices, WORKERS + 1);
    REFUSED(learner, 2);
    REFUSED(learner, NSW_BALANCER_NETWORK); /* without features */
    REFUSED(units, 3);                      /* without a network */
    REFUSED(prequal_pool, 1);
    REFUSED(prequal_pool, 257);
    REFUSED(prequal_quantile, 1.5f);
    REFUSED(prequal_remove, 17);
    REFUSED(prequal_fill, -1);
    REFUSED(ridge_penalty, -1);
    REFUSED(ridge_forget, 0.4f);
    REFUSED(work, NAN);
    REFUSED(work, NSW_ZERO);
    REFUSED(speed, INFINITY);
    REFUSED(power_weight, -1);
    REFUSED(power_reserve, 2);
    REFUSED(reserved, 1);
    cfg.size--;
    CHECK_STATUS(balancer_with(&cfg), NSW_ERR_STRUCT_SIZE);
    CHECK_STATUS(balancer_with(NULL), NSW_ERR_NULL);
    /* A newer caller's struct is longer: what it says there must be nothing. */
    struct {
        nsw_balancer_config known;
        uint64_t beyond;
    } newer = {config_of(NSW_BALANCER_PREQUAL), 0};
    newer.known.size = sizeof newer;
    CHECK_OK(balancer_with(&newer.known));
    newer.beyond = 1;
    CHECK_STATUS(balancer_with(&newer.known), NSW_ERR_STRUCT_SIZE);
    size_t size = 0;
    nsw_gauge_config gauge = NSW_GAUGE_CONFIG_INIT;
    nsw_gauge *no_gauge = NULL;
    gauge.history = 4097;
    CHECK_STATUS(nsw_gauge_footprint(&gauge, &size, &size), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_gauge_create(&gauge, NULL, &no_gauge), NSW_ERR_INVALID);
    gauge.history = 0, gauge.speed = -1;
    CHECK_STATUS(nsw_gauge_create(&gauge, NULL, &no_gauge), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_gauge_create(NULL, NULL, &no_gauge), NSW_ERR_NULL);
    CHECK(no_gauge == NULL);
    nsw_autoscaler_config scale = NSW_AUTOSCALER_CONFIG_INIT;
    nsw_autoscaler *no_scaler = NULL;
    scale.forecast = 3;
    CHECK_STATUS(nsw_autoscaler_footprint(&scale, &size, &size), NSW_ERR_INVALID);
    scale.forecast = NSW_FORECAST_LAGS, scale.lags = 33;
    CHECK_STATUS(nsw_autoscaler_create(&scale, NULL, &no_scaler), NSW_ERR_INVALID);
    scale.forecast = NSW_FORECAST_HOLT, scale.level = 2;
    CHECK_STATUS(nsw_autoscaler_create(&scale, NULL, &no_scaler), NSW_ERR_INVALID);
    scale.level = 0, scale.trend = NSW_ZERO, scale.tolerance = NSW_ZERO;
    CHECK_OK(nsw_autoscaler_create(&scale, NULL, &no_scaler));
    nsw_autoscaler_destroy(no_scaler);
    scale.least = 5, scale.most = 4;
    CHECK_STATUS(nsw_autoscaler_create(&scale, NULL, &no_scaler), NSW_ERR_INVALID);
    CHECK(no_scaler == NULL);
}

static void full_and_unknown(void) {
    nsw_balancer_config cfg = config_of(NSW_BALANCER_PREDICTED_WORK);
    cfg.requests = 2;
    nsw_balancer *balancer = balancer_of(&cfg);
    CHECK_OK(nsw_balancer_sent(balancer, 1, 0, NULL, 0, 0));
    CHECK_STATUS(nsw_balancer_sent(balancer, 1, 0, NULL, 0, 0), NSW_ERR_TASK_STATE);
    CHECK_STATUS(nsw_balancer_sent(balancer, 2, WORKERS, NULL, 0, 0), NSW_ERR_TASK_UNKNOWN);
    CHECK_OK(nsw_balancer_sent(balancer, 2, 0, NULL, 0, 0));
    CHECK_STATUS(nsw_balancer_sent(balancer, 3, 0, NULL, 0, 0), NSW_ERR_CAPACITY);
    CHECK_STATUS(nsw_balancer_done(balancer, 3, 1, 0, NULL, NULL), NSW_ERR_TASK_UNKNOWN);
    CHECK_STATUS(nsw_balancer_done(balancer, 1, -1, 0, NULL, NULL), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_balancer_failed(balancer, 3, 0, NULL, NULL), NSW_ERR_TASK_UNKNOWN);
    uint32_t count = 0;
    CHECK_OK(nsw_balancer_in_flight(balancer, &count));
    CHECK(count == 2);
    CHECK_STATUS(nsw_balancer_in_flight(balancer, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_balancer_waits(balancer, NULL), NSW_ERR_NULL);
    /* A pointer that cannot be written to ends nothing. */
    uint64_t odd[2];
    uint64_t *beside = (uint64_t *)(void *)((char *)odd + 1);
    CHECK_STATUS(nsw_balancer_done(balancer, 1, 1, 0, NULL, beside), NSW_ERR_ALIGNMENT);
    CHECK_OK(nsw_balancer_done(balancer, 1, 1, 70, NULL, odd));
    CHECK(odd[0] == 70);
    CHECK_STATUS(nsw_balancer_pick(balancer, NULL, 0, 0, NULL, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_balancer_pick(balancer, NULL, 1, 0, &count, NULL), NSW_ERR_NULL);
    nsw_answer answer = NSW_ANSWER_INIT;
    CHECK_STATUS(nsw_balancer_probed(balancer, WORKERS, &answer, 0), NSW_ERR_TASK_UNKNOWN);
    CHECK_STATUS(nsw_balancer_probed(balancer, 0, NULL, 0), NSW_ERR_NULL);
    answer.latency_us = NAN;
    CHECK_STATUS(nsw_balancer_probed(balancer, 0, &answer, 0), NSW_ERR_INVALID);
    answer.size--;
    CHECK_STATUS(nsw_balancer_probed(balancer, 0, &answer, 0), NSW_ERR_STRUCT_SIZE);
    /* Handles that are none. */
    nsw_gauge *gauge = gauge_of();
    CHECK_STATUS(nsw_balancer_prepare((nsw_balancer *)(void *)gauge, 0), NSW_ERR_HANDLE);
    CHECK_STATUS(nsw_balancer_prepare(NULL, 0), NSW_ERR_NULL);
    CHECK_STATUS(nsw_gauge_dropped((nsw_gauge *)(void *)balancer, 0, 0), NSW_ERR_HANDLE);
    nsw_gauge_destroy(gauge);
    /* The memory of one that is gone may still be read here. */
    static uint64_t room[4096];
    nsw_arena *arena = NULL;
    nsw_allocator hook = NSW_ALLOCATOR_INIT;
    nsw_balancer *gone = NULL;
    REQUIRE_OK(nsw_arena_create(room, sizeof room, &arena));
    REQUIRE_OK(nsw_arena_allocator(arena, &hook));
    REQUIRE_OK(nsw_balancer_create(&cfg, &hook, &gone));
    nsw_balancer_destroy(gone);
    CHECK_STATUS(nsw_balancer_prepare(gone, 0), NSW_ERR_DESTROYED);
    nsw_balancer_destroy(gone);
    nsw_arena_destroy(arena);
    nsw_balancer_destroy(balancer);
    nsw_balancer_destroy(NULL);
    nsw_gauge_destroy(NULL);
    nsw_autoscaler_destroy(NULL);
}

/* Each object asks once, for what its footprint says, and a failing allocator leaves nothing behind. */
static void memory(void) {
    nsw_balancer_config balancer = config_of(NSW_BALANCER_PREQUAL);
    nsw_gauge_config gauge = NSW_GAUGE_CONFIG_INIT;
    nsw_autoscaler_config scale = NSW_AUTOSCALER_CONFIG_INIT;
    balancer.features = 3, balancer.learner = NSW_BALANCER_NETWORK;
    scale.forecast = NSW_FORECAST_LAGS;
    CHECK_MADE(balancer, &balancer);
    CHECK_SIZED(balancer, &balancer);
    CHECK_MADE(gauge, &gauge);
    CHECK_SIZED(gauge, &gauge);
    CHECK_MADE(autoscaler, &scale);
    CHECK_SIZED(autoscaler, &scale);
}

int main(void) {
    all_policies();
    learned(NSW_BALANCER_RIDGE);
    learned(NSW_BALANCER_NETWORK);
    hats();
    power_and_availability();
    idle_probes();
    gauges();
    scaling();
    settings();
    full_and_unknown();
    memory();
    return check_report("balance");
}
