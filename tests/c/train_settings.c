/*
 * What a trainer can be told: every algorithm and setting, sample weights,
 * validation, what stops it, and its state as bytes.
 */
#include <math.h>
#include <string.h>

#include "support.h"

/* ---- helpers ---------------------------------------------------------------------- */

static nsw_trainer *trainer_of(const nsw_trainer_config *cfg) {
    nsw_trainer *trainer = NULL;
    REQUIRE_OK(nsw_trainer_create(cfg, NULL, &trainer));
    return trainer;
}

static nsw_status try_config(const nsw_trainer_config *cfg) {
    nsw_trainer *trainer = NULL;
    nsw_status status = nsw_trainer_create(cfg, NULL, &trainer);
    CHECK((status == NSW_OK) == (trainer != NULL));
    nsw_trainer_destroy(trainer);
    return status;
}

/* The weights after some epochs of exclusive or with a configuration, whose net is set here. */
static guarded trained(nsw_trainer_config cfg, int epochs) {
    nsw_net *net = small_net(1, NULL);
    cfg.net = net;
    nsw_trainer *trainer = trainer_of(&cfg);
    float loss = 0.0f;
    for (int i = 0; i < epochs; i++) {
        CHECK_OK(nsw_trainer_epoch(trainer, net, &XOR_DATA, &loss));
    }
    guarded bytes = net_bytes(net);
    nsw_trainer_destroy(trainer);
    nsw_net_destroy(net);
    return bytes;
}

static bool same_training(nsw_trainer_config a, nsw_trainer_config b, int epochs) {
    guarded x = trained(a, epochs), y = trained(b, epochs);
    bool same = x.len == y.len && memcmp(x.data, y.data, x.len) == 0;
    guarded_free(&x);
    guarded_free(&y);
    return same;
}

static nsw_trainer_config config_of(uint32_t algorithm) {
    return small_trainer_config(NULL, algorithm);
}

static bool is_fann(uint32_t algorithm) {
    return algorithm >= NSW_ALGORITHM_INCREMENTAL;
}

/* ---- algorithms and settings --------------------------------------------------------- */

static void every_algorithm_learns(void) {
    for (uint32_t algorithm = 0; algorithm < ALGORITHM_COUNT; algorithm++) {
        nsw_net *net = small_net(1, NULL);
        nsw_trainer_config cfg = small_trainer_config(net, algorithm);
        switch (algorithm) {
        case NSW_ALGORITHM_SGD: cfg.learning_rate = 0.5f; cfg.momentum = 0.9f; break;
        case NSW_ALGORITHM_ADAM:
        case NSW_ALGORITHM_ADAMW: cfg.learning_rate = 0.02f; break;
        default: break;
        }
        nsw_trainer *trainer = trainer_of(&cfg);
        nsw_train_params params = NSW_TRAIN_PARAMS_INIT;
        nsw_train_report report = NSW_TRAIN_REPORT_INIT;
        params.max_epochs = 5000;
        params.stop_at_bit_fail = 1; /* none may fail */
        CHECK_OK(nsw_trainer_train(trainer, net, &XOR_DATA, &params, &report));
        CHECK_NOTE(report.stopped_by == NSW_STOP_BIT_FAIL && report.bit_fail == 0,
                   "algorithm %u: loss %g, %lu fail after %u epochs", algorithm,
                   (double)report.loss, (unsigned long)report.bit_fail, report.epochs);
        uint64_t epochs = 0;
        CHECK_OK(nsw_trainer_epochs(trainer, &epochs));
        CHECK_SIZE((size_t)epochs, report.epochs);
        nsw_trainer_destroy(trainer);
        nsw_net_destroy(net);
    }
}

#define FIELD(name) offsetof(nsw_trainer_config, name)

static void set_float(nsw_trainer_config *cfg, size_t field, float value) {
    memcpy((uint8_t *)cfg + field, &value, sizeof value);
}

/* Every float setting: zero is the documented default, another value has an effect, and what is
   outside the range is refused. */
static void settings(void) {
    static const struct {
        uint32_t algorithm;
        size_t field;
        float same, other, bad;
    } SETTINGS[] = {
        {NSW_ALGORITHM_SGD, FIELD(learning_rate), 0.01f, 0.3f, -1.0f},
        {NSW_ALGORITHM_ADAM, FIELD(learning_rate), 0.001f, 0.3f, NSW_ZERO},
        {NSW_ALGORITHM_ADAMW, FIELD(learning_rate), 0.001f, 0.3f, INFINITY},
        {NSW_ALGORITHM_INCREMENTAL, FIELD(learning_rate), 0.7f, 0.3f, -1.0f},
        {NSW_ALGORITHM_BATCH, FIELD(learning_rate), 0.7f, 0.3f, NAN},
        {NSW_ALGORITHM_QUICKPROP, FIELD(learning_rate), 0.7f, 0.3f, -0.7f},
        {NSW_ALGORITHM_SGD, FIELD(momentum), NSW_ZERO, 0.5f, 1.0f},
        {NSW_ALGORITHM_INCREMENTAL, FIELD(momentum), NSW_ZERO, 0.5f, -0.5f},
        {NSW_ALGORITHM_ADAM, FIELD(beta1), 0.9f, NSW_ZERO, 1.0f},
        {NSW_ALGORITHM_ADAMW, FIELD(beta2), 0.999f, NSW_ZERO, -0.1f},
        {NSW_ALGORITHM_ADAM, FIELD(epsilon), 1e-8f, 0.5f, NSW_ZERO},
        {NSW_ALGORITHM_IRPROP_MINUS, FIELD(step_initial), 0.1f, 0.2f, 51.0f},
        {NSW_ALGORITHM_IRPROP_PLUS, FIELD(step_min), 1e-6f, 0.09f, NSW_ZERO},
        {NSW_ALGORITHM_RPROP, FIELD(step_min), NSW_ZERO, 0.1f, 51.0f},
        /* FANN's two take a first step beyond the limits. */
        {NSW_ALGORITHM_RPROP, FIELD(step_initial), 0.1f, 51.0f, -1.0f},
        {NSW_ALGORITHM_RPROP, FIELD(step_max), 50.0f, 0.01f, NAN},
        {NSW_ALGORITHM_SARPROP, FIELD(step_max), 50.0f, 1e-5f, -1.0f},
        {NSW_ALGORITHM_IRPROP_PLUS, FIELD(step_max), 50.0f, 0.1f, 0.01f},
        {NSW_ALGORITHM_RPROP, FIELD(step_increase), 1.2f, 1.5f, 1.0f},
        {NSW_ALGORITHM_IRPROP_MINUS, FIELD(step_decrease), 0.5f, 0.25f, 1.0f},
        {NSW_ALGORITHM_QUICKPROP, FIELD(quickprop_decay), -0.0001f, NSW_ZERO, 0.1f},
        {NSW_ALGORITHM_QUICKPROP, FIELD(quickprop_mu), 1.75f, 1.1f, 1.0f},
        {NSW_ALGORITHM_SARPROP, FIELD(sarprop_weight_decay_shift), -6.644f, NSW_ZERO, NAN},
        {NSW_ALGORITHM_SARPROP, FIELD(sarprop_step_error_threshold_factor), 0.1f, 5.0f, -0.1f},
        {NSW_ALGORITHM_SARPROP, FIELD(sarprop_step_error_shift), 1.385f, 3.0f, INFINITY},
        {NSW_ALGORITHM_SARPROP, FIELD(sarprop_temperature), 0.015f, 0.5f, -1.0f},
        {NSW_ALGORITHM_ADAM, FIELD(weight_decay), NSW_ZERO, 0.1f, -0.1f},
        {NSW_ALGORITHM_ADAMW, FIELD(weight_decay), NSW_ZERO, 0.1f, NAN},
    };
    nsw_net *net = small_net(1, NULL);
    for (size_t i = 0; i < COUNT_OF(SETTINGS); i++) {
        nsw_trainer_config base = config_of(SETTINGS[i].algorithm), cfg = base;
        size_t field = SETTINGS[i].field;
        const int epochs = 30;
        set_float(&cfg, field, SETTINGS[i].same);
        CHECK_NOTE(same_training(base, cfg, epochs), "setting %zu: the default", i);
        set_float(&cfg, field, SETTINGS[i].other);
        /* SARPROP's noise comes only with small steps, which these few epochs do not have. */
        bool effect = field != FIELD(sarprop_step_error_threshold_factor) &&
                      field != FIELD(sarprop_step_error_shift);
        CHECK_NOTE(!effect || !same_training(base, cfg, epochs), "setting %zu: another", i);
        cfg.net = net;
        set_float(&cfg, field, SETTINGS[i].bad);
        nsw_status status = try_config(&cfg);
        CHECK_NOTE(status == NSW_ERR_INVALID, "setting %zu: status %d", i, (int)status);
    }
    nsw_net_destroy(net);
}

static void choices(void) {
    nsw_trainer_config sgd = config_of(NSW_ALGORITHM_SGD), cfg;
    sgd.momentum = 0.9f;
    cfg = sgd;
    cfg.nesterov = 1;
    CHECK(!same_training(sgd, cfg, 5));
    nsw_trainer_config rprop = config_of(NSW_ALGORITHM_RPROP);
    cfg = rprop;
    cfg.error_function = NSW_ERROR_FUNCTION_TANH;
    CHECK(!same_training(config_of(NSW_ALGORITHM_BATCH),
                         (cfg.algorithm = NSW_ALGORITHM_BATCH, cfg), 5));

    nsw_net *net = small_net(1, NULL);
    cfg = small_trainer_config(net, NSW_ALGORITHM_BATCH);
    cfg.error_function = 2;
    CHECK_STATUS(try_config(&cfg), NSW_ERR_INVALID);
    for (uint32_t algorithm = 0; algorithm < ALGORITHM_COUNT; algorithm++) {
        bool batches = algorithm >= NSW_ALGORITHM_SGD && algorithm <= NSW_ALGORITHM_ADAMW;
        bool one = algorithm == NSW_ALGORITHM_INCREMENTAL;
        cfg = small_trainer_config(net, algorithm);
        cfg.batch_size = 5;
        CHECK_STATUS(try_config(&cfg), batches ? NSW_OK : NSW_ERR_INVALID);
        cfg.batch_size = 1;
        CHECK_STATUS(try_config(&cfg), batches || one ? NSW_OK : NSW_ERR_INVALID);
        cfg = small_trainer_config(net, algorithm);
        cfg.error_function = NSW_ERROR_FUNCTION_TANH;
        CHECK_STATUS(try_config(&cfg), is_fann(algorithm) ? NSW_OK : NSW_ERR_INVALID);
        cfg = small_trainer_config(net, algorithm);
        cfg.weight_decay = 0.01f;
        CHECK_STATUS(try_config(&cfg), is_fann(algorithm) ? NSW_ERR_INVALID : NSW_OK);
        nsw_trainer *trainer = small_trainer(net, algorithm, NULL);
        bool rated = batches || one || algorithm == NSW_ALGORITHM_BATCH ||
                     algorithm == NSW_ALGORITHM_QUICKPROP;
        CHECK_STATUS(nsw_trainer_set_learning_rate(trainer, 0.5f),
                     rated ? NSW_OK : NSW_ERR_UNSUPPORTED);
        nsw_trainer_destroy(trainer);
    }
    cfg = small_trainer_config(net, NSW_ALGORITHM_SGD);
    static const float BAD_LIMITS[] = {NSW_ZERO, -0.35f, NAN, INFINITY};
    for (size_t i = 0; i < COUNT_OF(BAD_LIMITS); i++) {
        cfg.bit_fail_limit = BAD_LIMITS[i];
        CHECK_STATUS(try_config(&cfg), NSW_ERR_INVALID);
    }
    /* Threshold units have no slope. */
    CHECK_OK(nsw_net_set_style(net, 0, NSW_ACTIVATION_THRESHOLD, 1.0f));
    cfg = small_trainer_config(net, NSW_ALGORITHM_RPROP);
    CHECK_STATUS(try_config(&cfg), NSW_ERR_UNSUPPORTED);
    nsw_net_destroy(net);
}

/* ---- schedules ------------------------------------------------------------------------ */

/* A schedule is a learning rate set by hand before each epoch. */
static void schedules_are_rates(void) {
    static const float STEP[6] = {1.0f, 1.0f, 0.5f, 0.5f, 0.25f, 0.25f};
    static const float EXPONENTIAL[6] = {1.0f, 0.5f, 0.25f, 0.125f, 0.0625f, 0.03125f};
    static const float COSINE[6] = {1.0f, 0.625f, 0.25f, 0.25f, 0.25f, 0.25f};
    static const float WARMUP[6] = {0.5f, 1.0f, 1.0f, 0.625f, 0.25f, 0.25f};
    static const struct {
        uint32_t schedule;
        const float *factors;
    } SCHEDULES[] = {
        {NSW_SCHEDULE_STEP, STEP},
        {NSW_SCHEDULE_EXPONENTIAL, EXPONENTIAL},
        {NSW_SCHEDULE_COSINE, COSINE},
        {NSW_SCHEDULE_WARMUP_COSINE, WARMUP},
    };
    for (size_t i = 0; i < COUNT_OF(SCHEDULES); i++) {
        nsw_net *a = small_net(1, NULL), *b = small_net(1, NULL);
        nsw_trainer_config cfg = small_trainer_config(a, NSW_ALGORITHM_SGD);
        cfg.learning_rate = 0.5f;
        nsw_trainer *by_hand = trainer_of(&cfg);
        cfg.schedule = SCHEDULES[i].schedule;
        cfg.schedule_every = 2;
        cfg.schedule_epochs = cfg.schedule == NSW_SCHEDULE_COSINE ? 2 : 4;
        cfg.schedule_warmup = 2;
        cfg.schedule_factor = 0.5f;
        cfg.schedule_last = 0.25f;
        nsw_trainer *scheduled = trainer_of(&cfg);
        for (size_t epoch = 0; epoch < 6; epoch++) {
            float loss, most = 1.0f;
            CHECK_OK(
                nsw_trainer_set_learning_rate(by_hand, 0.5f * SCHEDULES[i].factors[epoch]));
            CHECK_OK(nsw_trainer_epoch(by_hand, a, &XOR_DATA, &loss));
            CHECK_OK(nsw_trainer_epoch(scheduled, b, &XOR_DATA, &loss));
            CHECK_OK(nsw_net_difference(a, b, &most));
            CHECK_NOTE(most < 1e-6f, "schedule %u, epoch %zu: %g", cfg.schedule, epoch,
                       (double)most);
        }
        nsw_trainer_destroy(by_hand);
        nsw_trainer_destroy(scheduled);
        nsw_net_destroy(a);
        nsw_net_destroy(b);
    }
}

static void bad_schedules(void) {
    nsw_net *net = small_net(1, NULL);
    const struct {
        uint32_t schedule, every, epochs, warmup;
        float factor, last;
    } BAD[] = {
        {5, 1, 2, 1, 0.5f, 0.5f},
        {NSW_SCHEDULE_STEP, 0, 0, 0, 0.5f, 0.0f},
        {NSW_SCHEDULE_STEP, 1, 0, 0, 0.0f, 0.0f},
        {NSW_SCHEDULE_STEP, 1, 0, 0, 1.5f, 0.0f},
        {NSW_SCHEDULE_EXPONENTIAL, 0, 0, 0, NAN, 0.0f},
        {NSW_SCHEDULE_EXPONENTIAL, 0, 0, 0, -0.5f, 0.0f},
        {NSW_SCHEDULE_COSINE, 0, 0, 0, 0.0f, 0.0f},
        {NSW_SCHEDULE_COSINE, 0, 1, 0, 0.0f, 1.5f},
        {NSW_SCHEDULE_WARMUP_COSINE, 0, 2, 2, 0.0f, 0.0f},
        {NSW_SCHEDULE_WARMUP_COSINE, 0, 2, 0, 0.0f, 0.0f},
    };
    for (size_t i = 0; i < COUNT_OF(BAD); i++) {
        nsw_trainer_config cfg = small_trainer_config(net, NSW_ALGORITHM_SGD);
        cfg.schedule = BAD[i].schedule;
        cfg.schedule_every = BAD[i].every;
        cfg.schedule_epochs = BAD[i].epochs;
        cfg.schedule_warmup = BAD[i].warmup;
        cfg.schedule_factor = BAD[i].factor;
        cfg.schedule_last = BAD[i].last;
        CHECK_STATUS(try_config(&cfg), NSW_ERR_INVALID);
    }
    nsw_net_destroy(net);
}

/* ---- data ------------------------------------------------------------------------------- */

/* A weight of 2 is the sample twice, one of 0 is no sample. */
static void weights_count_samples(void) {
    const float inputs[8] = {0.0f, 1.0f, 0.0f, 1.0f, 1.0f, 1.0f, 1.0f, 0.0f};
    const float targets[4] = {1.0f, 1.0f, 0.0f, 1.0f};
    const float weights[3] = {2.0f, 1.0f, 0.0f};
    /* Samples 1 and 2 are the same: the first three are what the weights say of these. */
    const float pair[6] = {0.0f, 1.0f, 1.0f, 1.0f, 1.0f, 0.0f};
    const float pair_targets[3] = {1.0f, 0.0f, 1.0f};
    nsw_data weighted = NSW_DATA(pair, 6, pair_targets, 3);
    weighted.weights = weights;
    weighted.weights_len = 3;
    const nsw_data repeated = NSW_DATA(inputs, 6, targets, 3);
    static const uint32_t FULL[] = {NSW_ALGORITHM_IRPROP_PLUS, NSW_ALGORITHM_BATCH,
                                    NSW_ALGORITHM_RPROP};
    for (size_t i = 0; i < COUNT_OF(FULL); i++) {
        nsw_net *a = small_net(1, NULL), *b = small_net(1, NULL);
        nsw_trainer *s = small_trainer(a, FULL[i], NULL), *t = small_trainer(b, FULL[i], NULL);
        for (int epoch = 0; epoch < 10; epoch++) {
            float x = 0.0f, y = 1.0f, most = 1.0f;
            CHECK_OK(nsw_trainer_epoch(s, a, &weighted, &x));
            CHECK_OK(nsw_trainer_epoch(t, b, &repeated, &y));
            CHECK_OK(nsw_net_difference(a, b, &most));
            CHECK_NOTE(fabsf(x - y) < 1e-5f && most < 1e-4f, "algorithm %u: %g %g, %g", FULL[i],
                       (double)x, (double)y, (double)most);
            CHECK_OK(nsw_trainer_loss(s, a, &weighted, &x));
            CHECK_OK(nsw_trainer_loss(t, b, &repeated, &y));
            CHECK(fabsf(x - y) < 1e-5f);
        }
        nsw_trainer_destroy(s);
        nsw_trainer_destroy(t);
        nsw_net_destroy(a);
        nsw_net_destroy(b);
    }
}

static void bad_data(void) {
    nsw_net *net = small_net(1, NULL);
    nsw_trainer *trainer = small_trainer(net, NSW_ALGORITHM_RPROP, NULL);
    nsw_train_params params = NSW_TRAIN_PARAMS_INIT;
    params.max_epochs = 1;
    guarded before = net_bytes(net);
    float weights[5] = {1.0f, 1.0f, 1.0f, 1.0f, 1.0f}, loss = 0.0f;
    uint64_t bit_fail = 0;
/* Each function that takes samples, as what is trained on and as what is judged by. */
#define ALL(data, expected)                                                                  \
    do {                                                                                     \
        params.validation = NULL;                                                            \
        CHECK_STATUS(nsw_trainer_train(trainer, net, (data), &params, NULL), (expected));    \
        CHECK_STATUS(nsw_trainer_epoch(trainer, net, (data), &loss), (expected));            \
        CHECK_STATUS(nsw_trainer_loss(trainer, net, (data), &loss), (expected));             \
        CHECK_STATUS(nsw_trainer_test(trainer, net, (data), &loss, &bit_fail), (expected));  \
        params.validation = (data);                                                          \
        if (params.validation != NULL) {                                                     \
            CHECK_STATUS(nsw_trainer_train(trainer, net, &XOR_DATA, &params, NULL),          \
                         (expected));                                                        \
        }                                                                                    \
    } while (0)
    ALL(NULL, NSW_ERR_NULL);
    ALL((const nsw_data *)(const void *)((const uint8_t *)weights + 1), NSW_ERR_ALIGNMENT);
    nsw_data data = XOR_DATA;
    data.weights_len = 4;
    ALL(&data, NSW_ERR_NULL);
    data.weights = weights;
    for (size_t len = 0; len <= 5; len++) {
        data.weights_len = len;
        if (len != 4) {
            ALL(&data, NSW_ERR_LENGTH);
        }
    }
    data.weights_len = SIZE_MAX;
    ALL(&data, NSW_ERR_OVERFLOW);
    data.weights_len = 4;
    static const float BAD[] = {-1.0f, NAN, INFINITY};
    for (size_t i = 0; i < COUNT_OF(BAD); i++) {
        weights[2] = BAD[i];
        ALL(&data, NSW_ERR_INVALID);
    }
    memset(weights, 0, sizeof weights);
    ALL(&data, NSW_ERR_INVALID);
    data = XOR_DATA;
    data.inputs = NULL;
    ALL(&data, NSW_ERR_NULL);
    data = XOR_DATA;
    data.targets_len = 3;
    ALL(&data, NSW_ERR_LENGTH);
    data = XOR_DATA;
    data.inputs_len = 0;
    data.targets_len = 0;
    ALL(&data, NSW_ERR_LENGTH);
#undef ALL
    guarded after = net_bytes(net);
    CHECK(memcmp(before.data, after.data, after.len) == 0);
    guarded_free(&before);
    guarded_free(&after);
    nsw_trainer_destroy(trainer);
    nsw_net_destroy(net);
}

/* ---- tests and stops ---------------------------------------------------------------------- */

/* What fails is what a person would count from the outputs. */
static void failures_are_counted(void) {
    nsw_net *net = small_net(1, NULL);
    float out[4];
    CHECK_OK(nsw_net_forward_batch(net, XOR_INPUTS, 8, 4, out, 4, NULL));
    static const float LIMITS[] = {0.0f, 0.1f, 0.45f, 0.5f, 0.55f, 0.9f};
    for (size_t l = 0; l < COUNT_OF(LIMITS); l++) {
        nsw_trainer_config cfg = small_trainer_config(net, NSW_ALGORITHM_ADAM);
        cfg.bit_fail_limit = LIMITS[l];
        float limit = LIMITS[l] == 0.0f ? 0.35f : LIMITS[l];
        nsw_trainer *trainer = trainer_of(&cfg);
        uint64_t expected = 0, counted = 99;
        for (size_t i = 0; i < 4; i++) {
            expected += fabsf(out[i] - XOR_TARGETS[i]) >= limit;
        }
        float loss = -1.0f, same = -2.0f;
        CHECK_OK(nsw_trainer_test(trainer, net, &XOR_DATA, &loss, &counted));
        CHECK_SIZE((size_t)counted, (size_t)expected);
        CHECK_OK(nsw_trainer_loss(trainer, net, &XOR_DATA, &same));
        CHECK(loss == same);
        CHECK_OK(nsw_trainer_test(trainer, net, &XOR_DATA, NULL, NULL));
        nsw_trainer_destroy(trainer);
    }
    nsw_net_destroy(net);
}

/* What the progress hook has seen of the validation. */
typedef struct seen {
    float best, last;
    uint32_t epochs;
} seen;

static int32_t look(void *ctx, const nsw_progress *progress) {
    seen *s = ctx;
    CHECK(progress->size == sizeof(nsw_progress) && progress->samples == 4);
    CHECK(progress->bit_fail <= 4 && progress->validation_loss > 0.0f);
    s->last = progress->validation_loss;
    s->best = s->epochs == 0 || s->last < s->best ? s->last : s->best;
    s->epochs++;
    return 0;
}

/* Training on one thing, judged by its opposite: it can only get worse. */
static void validation_stops_and_keeps_the_best(void) {
    const float opposite[4] = {1.0f, 0.0f, 0.0f, 1.0f};
    const nsw_data validation = NSW_DATA(XOR_INPUTS, 8, opposite, 4);
    for (uint32_t keep_best = 0; keep_best < 2; keep_best++) {
        nsw_net *net = small_net(1, NULL);
        nsw_trainer_config cfg = small_trainer_config(net, NSW_ALGORITHM_IRPROP_PLUS);
        cfg.keep_best = keep_best;
        nsw_trainer *trainer = trainer_of(&cfg);
        seen s = {0.0f, 0.0f, 0};
        nsw_train_params params = NSW_TRAIN_PARAMS_INIT;
        nsw_train_report report = NSW_TRAIN_REPORT_INIT;
        params.max_epochs = 1000;
        params.patience = 7;
        params.ctx = &s;
        params.progress = look;
        CHECK_STATUS(nsw_trainer_train(trainer, net, &XOR_DATA, &params, &report),
                     NSW_ERR_INVALID); /* patience for nothing */
        params.validation = &validation;
        CHECK_OK(nsw_trainer_train(trainer, net, &XOR_DATA, &params, &report));
        CHECK_SIZE(report.stopped_by, NSW_STOP_VALIDATION);
        CHECK_SIZE(report.epochs, s.epochs);
        CHECK(report.epochs < 1000 && report.best_validation_loss == s.best);
        float now = -1.0f;
        CHECK_OK(nsw_trainer_loss(trainer, net, &validation, &now));
        CHECK(now == (keep_best ? s.best : s.last));
        static const float BAD[] = {-0.5f, NAN, INFINITY};
        for (size_t i = 0; i < COUNT_OF(BAD); i++) {
            params.min_delta = BAD[i];
            CHECK_STATUS(nsw_trainer_train(trainer, net, &XOR_DATA, &params, &report),
                         NSW_ERR_INVALID);
        }
        nsw_trainer_destroy(trainer);
        nsw_net_destroy(net);
    }
}

static void bit_fail_stops(void) {
    nsw_net *net = small_net(1, NULL);
    nsw_trainer *trainer = small_trainer(net, NSW_ALGORITHM_RPROP, NULL);
    nsw_train_params params = NSW_TRAIN_PARAMS_INIT;
    nsw_train_report report = NSW_TRAIN_REPORT_INIT;
    params.max_epochs = 3;
    params.target_bit_fail = 4; /* as many as there are outputs, but nobody asks */
    CHECK_OK(nsw_trainer_train(trainer, net, &XOR_DATA, &params, &report));
    CHECK_SIZE(report.stopped_by, NSW_STOP_EPOCHS);
    CHECK_SIZE(report.epochs, 3);
    CHECK(report.best_validation_loss == 0.0f);
    params.stop_at_bit_fail = 1;
    CHECK_OK(nsw_trainer_train(trainer, net, &XOR_DATA, &params, &report));
    CHECK_SIZE(report.stopped_by, NSW_STOP_BIT_FAIL);
    CHECK_SIZE(report.epochs, 1);
    nsw_trainer_destroy(trainer);
    nsw_net_destroy(net);
}

/* ---- the state ------------------------------------------------------------------------------ */

static guarded state_bytes(const nsw_trainer *trainer) {
    size_t needed = 0, len = 0;
    CHECK_STATUS(nsw_trainer_save_state(trainer, NULL, 0, &needed), NSW_ERR_BUFFER_TOO_SMALL);
    guarded bytes = guarded_new(needed, 16, 0);
    REQUIRE_OK(nsw_trainer_save_state(trainer, bytes.data, bytes.len, &len));
    CHECK_SIZE(len, needed);
    return bytes;
}

/* Interrupted and resumed elsewhere is the same as in one go, bit for bit. */
static void a_training_can_be_resumed(void) {
    for (uint32_t algorithm = 0; algorithm < ALGORITHM_COUNT; algorithm++) {
        nsw_net *whole = small_net(1, NULL), *first = small_net(1, NULL), *second = NULL;
        nsw_trainer_config cfg = small_trainer_config(whole, algorithm);
        cfg.momentum = 0.5f;
        cfg.keep_best = 1;
        nsw_trainer *in_one = trainer_of(&cfg), *before = trainer_of(&cfg);
        nsw_train_params params = NSW_TRAIN_PARAMS_INIT;
        params.validation = &XOR_DATA;
        params.max_epochs = 6;
        CHECK_OK(nsw_trainer_train(in_one, whole, &XOR_DATA, &params, NULL));
        CHECK_OK(nsw_trainer_train(in_one, whole, &XOR_DATA, &params, NULL));
        CHECK_OK(nsw_trainer_train(before, first, &XOR_DATA, &params, NULL));
        guarded net_image = net_bytes(first), state = state_bytes(before);
        nsw_trainer_destroy(before);
        nsw_net_destroy(first);

        REQUIRE_OK(nsw_net_load(net_image.data, net_image.len, NULL, &second));
        nsw_trainer *after = trainer_of(&cfg);
        uint64_t epochs = 0;
        CHECK_OK(nsw_trainer_load_state(after, state.data, state.len));
        CHECK_OK(nsw_trainer_epochs(after, &epochs));
        CHECK_SIZE((size_t)epochs, 6);
        CHECK_OK(nsw_trainer_train(after, second, &XOR_DATA, &params, NULL));
        float most = 1.0f;
        CHECK_OK(nsw_net_difference(whole, second, &most));
        CHECK_NOTE(most == 0.0f, "algorithm %u: %g", algorithm, (double)most);
        nsw_trainer_destroy(in_one);
        nsw_trainer_destroy(after);
        nsw_net_destroy(whole);
        nsw_net_destroy(second);
        guarded_free(&net_image);
        guarded_free(&state);
    }
}

static void bad_states(void) {
    nsw_net *net = small_net(1, NULL);
    nsw_trainer *trainer = small_trainer(net, NSW_ALGORITHM_ADAM, NULL);
    nsw_trainer *other = small_trainer(net, NSW_ALGORITHM_RPROP, NULL);
    float loss = 0.0f;
    CHECK_OK(nsw_trainer_epoch(trainer, net, &XOR_DATA, &loss));
    guarded state = state_bytes(trainer);
    uint8_t bytes[1024];
    size_t len = 0;
    REQUIRE(state.len < sizeof bytes);
    memset(bytes, 0x11, sizeof bytes);
    snapshot kept = snapshot_take(bytes, sizeof bytes);
    CHECK_STATUS(nsw_trainer_save_state(trainer, bytes, state.len - 1, &len),
                 NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_SIZE(len, state.len);
    CHECK(snapshot_unchanged(&kept));
    snapshot_free(&kept);
    CHECK_STATUS(nsw_trainer_save_state(trainer, NULL, state.len, &len), NSW_ERR_NULL);
    CHECK_OK(nsw_trainer_save_state(trainer, bytes, sizeof bytes, NULL));
    CHECK_STATUS(nsw_trainer_epochs(trainer, NULL), NSW_ERR_NULL);

    CHECK_STATUS(nsw_trainer_load_state(trainer, NULL, state.len), NSW_ERR_NULL);
    CHECK_STATUS(nsw_trainer_load_state(trainer, state.data, SIZE_MAX), NSW_ERR_OVERFLOW);
    CHECK_STATUS(nsw_trainer_load_state(other, state.data, state.len), NSW_ERR_NN_MISMATCH);
    guarded model = net_bytes(net);
    CHECK_STATUS(nsw_trainer_load_state(trainer, model.data, model.len), NSW_ERR_MODEL_KIND);
    guarded_free(&model);
    for (size_t cut = 0; cut < state.len; cut++) {
        guarded part = guarded_new(cut, 1, 0); /* unaligned is fine, too short is not */
        memcpy(part.data, state.data, cut);
        nsw_status status = nsw_trainer_load_state(trainer, part.data, cut);
        CHECK_NOTE(status < 0, "%zu bytes", cut);
        guarded_free(&part);
    }
    for (size_t at = 0; at < state.len; at++) { /* the checksum sees every byte */
        memcpy(bytes, state.data, state.len);
        bytes[at] ^= 0x40;
        CHECK_NOTE(nsw_trainer_load_state(trainer, bytes, state.len) < 0, "byte %zu", at);
    }
    /* After all that the trainer is where it was. */
    guarded now = state_bytes(trainer);
    CHECK(now.len == state.len && memcmp(now.data, state.data, now.len) == 0);
    CHECK_OK(nsw_trainer_load_state(trainer, state.data, state.len));
    guarded_free(&now);
    guarded_free(&state);
    nsw_trainer_destroy(trainer);
    nsw_trainer_destroy(other);
    nsw_net_destroy(net);
}

int main(void) {
    every_algorithm_learns();
    settings();
    choices();
    schedules_are_rates();
    bad_schedules();
    weights_count_samples();
    bad_data();
    failures_are_counted();
    validation_stops_and_keeps_the_best();
    bit_fail_stops();
    a_training_can_be_resumed();
    bad_states();
    return check_report("train_settings");
}
