/*
 * Cascade training: a network grows until it has learnt what it is shown,
 * within the memory told beforehand; validation, callbacks, bad arguments.
 */
#include <math.h>
#include <string.h>

#include "support.h"

enum { BITS = 4, SAMPLES = 1 << BITS, SPARE = 6 };

static float inputs[SAMPLES * BITS], targets[SAMPLES];
static const nsw_data PARITY = NSW_DATA(inputs, SAMPLES * BITS, targets, SAMPLES);

static void make_samples(void) {
    for (size_t n = 0; n < SAMPLES; n++) {
        float product = 1.0f;
        for (size_t bit = 0; bit < BITS; bit++) {
            inputs[n * BITS + bit] = (n >> bit & 1) != 0 ? 1.0f : -1.0f;
            product *= inputs[n * BITS + bit];
        }
        targets[n] = product;
    }
}

static nsw_net *shortcut_net(uint32_t topology, uint32_t spare) {
    static const nsw_layer LAYERS[] = {NSW_LAYER(1, NSW_ACTIVATION_LINEAR)};
    nsw_net_config cfg = NSW_NET_CONFIG_INIT;
    cfg.inputs = BITS;
    cfg.layers = LAYERS;
    cfg.layer_count = 1;
    cfg.topology = topology;
    cfg.spare_units = spare;
    nsw_net *net = NULL;
    REQUIRE_OK(nsw_net_create(&cfg, NULL, &net));
    return net;
}

static nsw_cascade_config config_for(const nsw_net *net) {
    nsw_cascade_config cfg = NSW_CASCADE_CONFIG_INIT;
    cfg.net = net;
    cfg.max_samples = SAMPLES;
    return cfg;
}

static nsw_cascade *cascade_for(const nsw_net *net) {
    const nsw_cascade_config cfg = config_for(net);
    nsw_cascade *cascade = NULL;
    REQUIRE_OK(nsw_cascade_create(&cfg, NULL, &cascade));
    return cascade;
}

static nsw_cascade_params until_all_is_right(void) {
    nsw_cascade_params params = NSW_CASCADE_PARAMS_INIT;
    params.max_units = SPARE;
    params.stop_at_bit_fail = 1;
    return params;
}

/* ---- learning ---------------------------------------------------------------------- */

static guarded solved(nsw_cascade_config cfg, uint64_t seed) {
    nsw_net *net = shortcut_net(NSW_TOPOLOGY_SHORTCUT, SPARE);
    cfg.net = net;
    cfg.max_samples = SAMPLES;
    cfg.seed = seed;
    counting memory;
    counting_init(&memory);
    size_t size = 0, align = 0;
    CHECK_OK(nsw_cascade_footprint(&cfg, &size, &align));
    nsw_cascade *cascade = NULL;
    REQUIRE_OK(nsw_cascade_create(&cfg, &memory.hook, &cascade));
    CHECK(memory.calls == 1 && memory.last_size == size && memory.last_align == align);
    const nsw_cascade_params params = until_all_is_right();
    nsw_cascade_report report = NSW_CASCADE_REPORT_INIT;
    CHECK_OK(nsw_cascade_train(cascade, net, &PARITY, &params, &report));
    CHECK(memory.calls == 1);
    CHECK(report.stopped_by == NSW_CASCADE_STOP_BIT_FAIL && report.bit_fail == 0);
    CHECK(report.units >= 1 && report.units <= SPARE && report.output_epochs > report.units);
    nsw_cascade_destroy(cascade);
    counting_finish(&memory);

    float outputs[SAMPLES];
    size_t len = 0;
    for (size_t n = 0; n < SAMPLES; n++) {
        CHECK_OK(nsw_net_forward(net, inputs + n * BITS, BITS, outputs + n, 1, &len));
        CHECK(fabsf(outputs[n] - targets[n]) < 0.3501f);
    }
    nsw_net_info info = NSW_NET_INFO_INIT;
    CHECK_OK(nsw_net_describe(net, &info));
    CHECK(info.layers == 1 + report.units);
    guarded bytes = net_bytes(net);
    nsw_net_destroy(net);

    nsw_net *loaded = NULL;
    REQUIRE_OK(nsw_net_load(bytes.data, bytes.len, NULL, &loaded));
    float output = 0.0f;
    for (size_t n = 0; n < SAMPLES; n++) {
        CHECK_OK(nsw_net_forward(loaded, inputs + n * BITS, BITS, &output, 1, &len));
        CHECK(memcmp(&output, outputs + n, sizeof output) == 0);
    }
    nsw_net_destroy(loaded);
    return bytes;
}

static void it_learns_and_repeats(void) {
    static const uint32_t ALGORITHMS[] = {NSW_ALGORITHM_IRPROP_MINUS, NSW_ALGORITHM_RPROP,
                                          NSW_ALGORITHM_QUICKPROP};
    for (size_t i = 0; i < COUNT_OF(ALGORITHMS); i++) {
        nsw_cascade_config cfg = NSW_CASCADE_CONFIG_INIT;
        cfg.algorithm = ALGORITHMS[i];
        guarded first = solved(cfg, 1), again = solved(cfg, 1), other = solved(cfg, 2);
        CHECK(first.len == again.len && memcmp(first.data, again.data, first.len) == 0);
        CHECK(first.len != other.len || memcmp(first.data, other.data, first.len) != 0);
        cfg.no_cache = 1;
        guarded slow = solved(cfg, 1);
        CHECK(first.len == slow.len && memcmp(first.data, slow.data, first.len) == 0);
        guarded_free(&first);
        guarded_free(&again);
        guarded_free(&other);
        guarded_free(&slow);
    }
}

/* Zeros mean what the documentation says. */
static void zeros_are_the_defaults(void) {
    static const uint32_t ACTIVATIONS[] = {
        NSW_ACTIVATION_SIGMOID,        NSW_ACTIVATION_TANH,
        NSW_ACTIVATION_GAUSSIAN,       NSW_ACTIVATION_GAUSSIAN_SYMMETRIC,
        NSW_ACTIVATION_ELLIOT,         NSW_ACTIVATION_ELLIOT_SYMMETRIC,
        NSW_ACTIVATION_SIN_SYMMETRIC,  NSW_ACTIVATION_COS_SYMMETRIC,
        NSW_ACTIVATION_SIN,            NSW_ACTIVATION_COS,
    };
    static const float STEEPNESSES[] = {0.25f, 0.5f, 0.75f, 1.0f};
    nsw_cascade_config plain = NSW_CASCADE_CONFIG_INIT, full = NSW_CASCADE_CONFIG_INIT;
    full.activations = ACTIVATIONS;
    full.activations_len = COUNT_OF(ACTIVATIONS);
    full.steepnesses = STEEPNESSES;
    full.steepnesses_len = COUNT_OF(STEEPNESSES);
    full.bit_fail_limit = 0.35f;
    full.groups = 2;
    full.output_change = full.candidate_change = 0.01f;
    full.output_stagnation = full.candidate_stagnation = 12;
    full.output_min_epochs = full.candidate_min_epochs = 50;
    full.output_max_epochs = full.candidate_max_epochs = 150;
    full.candidate_limit = 1000.0f;
    full.weight_multiplier = 0.4f;
    full.initial = 4.0f;
    full.block = 128;
    full.step_initial = 0.1f;
    full.step_min = 1e-6f;
    full.step_max = 50.0f;
    full.step_increase = 1.2f;
    full.step_decrease = 0.5f;
    guarded a = solved(plain, 3), b = solved(full, 3);
    CHECK(a.len == b.len && memcmp(a.data, b.data, a.len) == 0);
    guarded_free(&a);
    guarded_free(&b);
}

/* ---- the progress callback ------------------------------------------------------------ */

typedef struct watch {
    nsw_cascade *cascade;
    nsw_net *net;
    uint32_t calls, stop_at;
    float loss;
} watch;

static int32_t look(void *ctx, const nsw_cascade_progress *progress) {
    watch *w = ctx;
    CHECK_SIZE(progress->size, sizeof *progress);
    CHECK(progress->units == w->calls && (w->calls == 0 || progress->loss <= w->loss));
    CHECK((progress->units > 0) == (progress->steepness > 0.0f));
    CHECK((progress->units > 0) == (progress->candidate_epochs > 0));
    w->loss = progress->loss;
    const nsw_cascade_params params = until_all_is_right();
    CHECK_STATUS(nsw_cascade_train(w->cascade, w->net, &PARITY, &params, NULL), NSW_ERR_BUSY);
    float output = 0.0f;
    CHECK_STATUS(nsw_net_forward(w->net, inputs, BITS, &output, 1, NULL), NSW_ERR_BUSY);
    CHECK_STATUS(nsw_net_set_exact(w->net, 1), NSW_ERR_BUSY);
    nsw_cascade_config cfg = config_for(w->net);
    nsw_cascade *other = w->cascade;
    CHECK_STATUS(nsw_cascade_create(&cfg, NULL, &other), NSW_ERR_BUSY);
    CHECK(other == NULL);
    nsw_cascade_destroy(w->cascade);
    nsw_net_destroy(w->net);
    return w->calls++ == w->stop_at;
}

static void callbacks_watch_and_stop(void) {
    for (uint32_t stop_at = 0; stop_at <= 4; stop_at++) {
        nsw_net *net = shortcut_net(NSW_TOPOLOGY_SHORTCUT, 2);
        watch w = {cascade_for(net), net, 0, stop_at, 0.0f};
        nsw_cascade_params params = NSW_CASCADE_PARAMS_INIT;
        params.max_units = 5;
        params.ctx = &w;
        params.progress = look;
        nsw_cascade_report report = NSW_CASCADE_REPORT_INIT;
        CHECK_OK(nsw_cascade_train(w.cascade, net, &PARITY, &params, &report));
        const bool stopped = stop_at <= 2;
        CHECK(report.units == (stopped ? stop_at : 2) && report.loss == w.loss);
        CHECK(report.stopped_by ==
              (stopped ? NSW_CASCADE_STOP_CALLBACK : NSW_CASCADE_STOP_UNITS));
        params.target_loss = 1e9f;
        params.progress = NULL;
        CHECK_OK(nsw_cascade_train(w.cascade, net, &PARITY, &params, &report));
        CHECK(report.units == 0 && report.stopped_by == NSW_CASCADE_STOP_LOSS);
        nsw_cascade_destroy(w.cascade);
        nsw_net_destroy(net);
    }
}

/* ---- validation --------------------------------------------------------------------- */

static int32_t note(void *ctx, const nsw_cascade_progress *progress) {
    float *losses = ctx;
    losses[progress->units] = progress->validation_loss;
    return 0;
}

/* Half of the samples are learnt, the others judge. */
static void validation_keeps_the_best(void) {
    const nsw_data half = NSW_DATA(inputs, SAMPLES / 2 * BITS, targets, SAMPLES / 2);
    const nsw_data rest = NSW_DATA(inputs + SAMPLES / 2 * BITS, SAMPLES / 2 * BITS,
                                   targets + SAMPLES / 2, SAMPLES / 2);
    for (uint32_t patience = 0; patience <= 2; patience++) {
        nsw_net *net = shortcut_net(NSW_TOPOLOGY_SHORTCUT, SPARE);
        nsw_cascade *cascade = cascade_for(net);
        float losses[SPARE + 1];
        for (size_t i = 0; i < COUNT_OF(losses); i++) losses[i] = INFINITY;
        nsw_cascade_params params = NSW_CASCADE_PARAMS_INIT;
        params.max_units = SPARE;
        params.ctx = losses;
        params.progress = note;
        params.validation = &rest;
        params.patience = patience;
        nsw_cascade_report report = NSW_CASCADE_REPORT_INIT;
        CHECK_OK(nsw_cascade_train(cascade, net, &half, &params, &report));
        uint32_t best = 0;
        for (uint32_t i = 1; i <= SPARE; i++) best = losses[i] < losses[best] ? i : best;
        CHECK(report.units == best && report.best_validation_loss == losses[best]);
        const bool stopped = patience > 0 && best + patience <= SPARE;
        CHECK(report.stopped_by == (stopped ? NSW_CASCADE_STOP_VALIDATION : NSW_CASCADE_STOP_UNITS));
        if (stopped) {
            CHECK(!isinf(losses[best + patience]));
            CHECK(best + patience == SPARE || isinf(losses[best + patience + 1]));
        }
        /* What the report says is what the network does. */
        nsw_net_info info = NSW_NET_INFO_INIT;
        CHECK_OK(nsw_net_describe(net, &info));
        CHECK(info.layers == 1 + report.units);
        float sum = 0.0f;
        for (size_t n = SAMPLES / 2; n < SAMPLES; n++) {
            float output = 0.0f;
            CHECK_OK(nsw_net_forward(net, inputs + n * BITS, BITS, &output, 1, NULL));
            sum += (output - targets[n]) * (output - targets[n]);
        }
        const float loss = sum / (float)(SAMPLES / 2);
        CHECK(fabsf(loss - report.best_validation_loss) <= 1e-4f * loss);
        params.validation = NULL;
        params.patience = 0;
        CHECK_OK(nsw_cascade_train(cascade, net, &half, &params, &report));
        CHECK(report.best_validation_loss == 0.0f && losses[0] == 0.0f);
        nsw_cascade_destroy(cascade);
        nsw_net_destroy(net);
    }
}

/* ---- misuse ------------------------------------------------------------------------------ */

#define REFUSED(field, value, expected)                                                   \
    do {                                                                                  \
        nsw_cascade_config bad_ = config_for(net);                                        \
        bad_.field = (value);                                                             \
        nsw_cascade *made_ = (nsw_cascade *)net;                                          \
        size_t size_ = 0, align_ = 0;                                                     \
        CHECK_STATUS(nsw_cascade_create(&bad_, NULL, &made_), expected);                  \
        CHECK_NOTE(made_ == NULL, #field);                                                \
        CHECK_STATUS(nsw_cascade_footprint(&bad_, &size_, &align_), expected);            \
    } while (0)

static void bad_configurations_are_refused(void) {
    nsw_net *net = shortcut_net(NSW_TOPOLOGY_SHORTCUT, 2);
    nsw_net *layered = shortcut_net(NSW_TOPOLOGY_LAYERED, 0);
    REFUSED(size, 8, NSW_ERR_STRUCT_SIZE);
    REFUSED(net, NULL, NSW_ERR_NULL);
    REFUSED(net, layered, NSW_ERR_UNSUPPORTED);
    REFUSED(max_samples, 0, NSW_ERR_INVALID);
    REFUSED(max_samples, UINT64_MAX, NSW_ERR_OVERFLOW);
    REFUSED(algorithm, 99, NSW_ERR_INVALID);
    REFUSED(algorithm, NSW_ALGORITHM_ADAM, NSW_ERR_UNSUPPORTED);
    REFUSED(loss, 9, NSW_ERR_INVALID);
    REFUSED(loss, NSW_LOSS_CROSS_ENTROPY, NSW_ERR_NN_LOSS);
    REFUSED(error_function, 9, NSW_ERR_INVALID);
    REFUSED(activations_len, 1, NSW_ERR_NULL);
    REFUSED(steepnesses_len, 1, NSW_ERR_NULL);
    REFUSED(activations, &(const uint32_t){0}, NSW_ERR_INVALID); /* with a length of 0 */
    REFUSED(steepnesses, &(const float){1.0f}, NSW_ERR_INVALID);
    REFUSED(activations_len, SIZE_MAX, NSW_ERR_OVERFLOW);
    REFUSED(steepnesses_len, SIZE_MAX, NSW_ERR_OVERFLOW);
    static float misaligned[2];
    REFUSED(logger, (const void *)((const char *)misaligned + 1), NSW_ERR_ALIGNMENT);
    REFUSED(net, (const void *)((const char *)net + 1), NSW_ERR_ALIGNMENT);
    static const float STEEPNESSES[] = {0.0f, -1.0f, NAN, INFINITY};
    for (size_t i = 0; i < COUNT_OF(STEEPNESSES); i++) {
        nsw_cascade_config bad = config_for(net);
        bad.steepnesses = STEEPNESSES + i;
        bad.steepnesses_len = 1;
        size_t size = 0, align = 0;
        CHECK_STATUS(nsw_cascade_footprint(&bad, &size, &align), NSW_ERR_INVALID);
        bad.steepnesses = (const void *)((const char *)misaligned + 1);
        CHECK_STATUS(nsw_cascade_footprint(&bad, &size, &align), NSW_ERR_ALIGNMENT);
    }
    static const float BAD_NUMBERS[] = {-1.0f, INFINITY, -INFINITY, NAN};
    for (size_t i = 0; i < COUNT_OF(BAD_NUMBERS); i++) {
        REFUSED(bit_fail_limit, BAD_NUMBERS[i], NSW_ERR_INVALID);
        REFUSED(output_change, BAD_NUMBERS[i], NSW_ERR_INVALID);
        REFUSED(candidate_change, BAD_NUMBERS[i], NSW_ERR_INVALID);
        REFUSED(candidate_limit, BAD_NUMBERS[i], NSW_ERR_INVALID);
        REFUSED(weight_multiplier, BAD_NUMBERS[i], NSW_ERR_INVALID);
        REFUSED(initial, BAD_NUMBERS[i], NSW_ERR_INVALID);
        REFUSED(step_initial, BAD_NUMBERS[i], NSW_ERR_INVALID);
        REFUSED(step_min, BAD_NUMBERS[i], NSW_ERR_INVALID);
        REFUSED(step_max, BAD_NUMBERS[i], NSW_ERR_INVALID);
        REFUSED(step_decrease, BAD_NUMBERS[i], NSW_ERR_INVALID);
    }
    REFUSED(candidate_limit, NSW_ZERO, NSW_ERR_INVALID);
    REFUSED(weight_multiplier, NSW_ZERO, NSW_ERR_INVALID);
    REFUSED(initial, NSW_ZERO, NSW_ERR_INVALID);
    REFUSED(groups, UINT32_MAX, NSW_ERR_INVALID);
    REFUSED(bit_fail_limit, NSW_ZERO, NSW_ERR_INVALID);
    REFUSED(groups, 10000, NSW_ERR_INVALID);
    REFUSED(output_change, 1.0f, NSW_ERR_INVALID);
    REFUSED(candidate_change, -0.5f, NSW_ERR_INVALID);
    REFUSED(output_min_epochs, 151, NSW_ERR_INVALID);
    REFUSED(candidate_min_epochs, 151, NSW_ERR_INVALID);
    REFUSED(candidate_limit, -1.0f, NSW_ERR_INVALID);
    REFUSED(weight_multiplier, INFINITY, NSW_ERR_INVALID);
    REFUSED(initial, NAN, NSW_ERR_INVALID);
    REFUSED(step_increase, 0.5f, NSW_ERR_INVALID);
    REFUSED(reserved, 1, NSW_ERR_INVALID);

    static const uint32_t BAD[] = {NSW_ACTIVATION_SOFTMAX, NSW_ACTIVATION_THRESHOLD, 99};
    uint32_t many[65] = {0};
    for (size_t i = 0; i < COUNT_OF(many); i++) many[i] = NSW_ACTIVATION_TANH;
    nsw_cascade *cascade = NULL;
    nsw_cascade_config cfg = config_for(net);
    for (size_t i = 0; i <= COUNT_OF(BAD); i++) {
        cfg.activations = i < COUNT_OF(BAD) ? &BAD[i] : many;
        cfg.activations_len = i < COUNT_OF(BAD) ? 1 : COUNT_OF(many);
        CHECK_STATUS(nsw_cascade_create(&cfg, NULL, &cascade), NSW_ERR_INVALID);
    }
    cfg.activations_len = 64;
    CHECK_OK(nsw_cascade_create(&cfg, NULL, &cascade));
    nsw_cascade_destroy(cascade);
    /* Fewer epochs than the default's fewest are fine. */
    cfg.output_max_epochs = cfg.candidate_max_epochs = 1;
    CHECK_OK(nsw_cascade_create(&cfg, NULL, &cascade));
    nsw_cascade_destroy(cascade);
    size_t number = 0;
    CHECK_STATUS(nsw_cascade_create(NULL, NULL, &cascade), NSW_ERR_NULL);
    CHECK_STATUS(nsw_cascade_create(&cfg, NULL, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_cascade_footprint(NULL, &number, &number), NSW_ERR_NULL);
    CHECK_STATUS(nsw_cascade_footprint(&cfg, NULL, &number), NSW_ERR_NULL);
    CHECK_STATUS(nsw_cascade_footprint(&cfg, &number, NULL), NSW_ERR_NULL);
    counting memory;
    counting_init(&memory);
    memory.fail_at = 1;
    CHECK_STATUS(nsw_cascade_create(&cfg, &memory.hook, &cascade), NSW_ERR_OUT_OF_MEMORY);
    CHECK(cascade == NULL);
    counting_finish(&memory);
    nsw_net_destroy(layered);
    nsw_net_destroy(net);
}

static void bad_calls_are_refused(void) {
    nsw_net *net = shortcut_net(NSW_TOPOLOGY_SHORTCUT, 2);
    nsw_net *larger = shortcut_net(NSW_TOPOLOGY_SHORTCUT, 3);
    nsw_cascade *cascade = cascade_for(net);
    guarded before = net_bytes(net);
    nsw_cascade_params params = until_all_is_right();
    nsw_cascade_report report = NSW_CASCADE_REPORT_INIT;
#define TRAIN(c, n, d, p, r, expected) CHECK_STATUS(nsw_cascade_train(c, n, d, p, r), expected)
    TRAIN(NULL, net, &PARITY, &params, &report, NSW_ERR_NULL);
    TRAIN(cascade, NULL, &PARITY, &params, &report, NSW_ERR_NULL);
    TRAIN(cascade, net, NULL, &params, &report, NSW_ERR_NULL);
    TRAIN(cascade, net, &PARITY, NULL, &report, NSW_ERR_NULL);
    TRAIN((nsw_cascade *)net, net, &PARITY, &params, &report, NSW_ERR_HANDLE);
    TRAIN(cascade, (nsw_net *)cascade, &PARITY, &params, &report, NSW_ERR_HANDLE);
    TRAIN(cascade, larger, &PARITY, &params, &report, NSW_ERR_NN_MISMATCH);
    TRAIN(cascade, net, DATA(inputs, BITS - 1, targets, 1), &params, &report, NSW_ERR_LENGTH);
    TRAIN(cascade, net, DATA(inputs, BITS, targets, 2), &params, &report, NSW_ERR_LENGTH);
    static const float MANY[(SAMPLES + 1) * BITS] = {0.0f};
    TRAIN(cascade, net, DATA(MANY, COUNT_OF(MANY), MANY, SAMPLES + 1), &params, &report,
          NSW_ERR_CAPACITY);
    static const float BAD[BITS] = {NAN};
    TRAIN(cascade, net, DATA(BAD, BITS, targets, 1), &params, &report, NSW_ERR_NN_NOT_FINITE);
    params.target_loss = -1.0f;
    TRAIN(cascade, net, &PARITY, &params, &report, NSW_ERR_INVALID);
    params = until_all_is_right();
    params.size = 4;
    TRAIN(cascade, net, &PARITY, &params, &report, NSW_ERR_STRUCT_SIZE);
    params = until_all_is_right();
    report.size = 4;
    TRAIN(cascade, net, &PARITY, &params, &report, NSW_ERR_STRUCT_SIZE);
    report = (nsw_cascade_report)NSW_CASCADE_REPORT_INIT;
    params = until_all_is_right();
    params.patience = 1; /* without a validation set */
    TRAIN(cascade, net, &PARITY, &params, &report, NSW_ERR_INVALID);
    params.validation = DATA(inputs, BITS, targets, 2);
    TRAIN(cascade, net, &PARITY, &params, &report, NSW_ERR_LENGTH);
    params.validation = DATA(NULL, BITS, targets, 1);
    TRAIN(cascade, net, &PARITY, &params, &report, NSW_ERR_NULL);
    params.validation = DATA(BAD, BITS, targets, 1);
    TRAIN(cascade, net, &PARITY, &params, &report, NSW_ERR_NN_NOT_FINITE);
    params.validation = &PARITY;
    params.min_delta = -1.0f;
    TRAIN(cascade, net, &PARITY, &params, &report, NSW_ERR_INVALID);
    params.min_delta = NAN;
    TRAIN(cascade, net, &PARITY, &params, &report, NSW_ERR_INVALID);
    params = until_all_is_right();
    params.reserved = 1;
    TRAIN(cascade, net, &PARITY, &params, &report, NSW_ERR_INVALID);
    params = until_all_is_right();
    TRAIN(cascade, net, DATA(NULL, 0, NULL, 0), &params, &report, NSW_ERR_LENGTH);
    TRAIN(cascade, net, DATA(NULL, SAMPLES * BITS, targets, SAMPLES), &params, &report,
          NSW_ERR_NULL);
    TRAIN(cascade, net, DATA(inputs, BITS * 2, targets, 1), &params, &report, NSW_ERR_LENGTH);
    TRAIN(cascade, net, DATA(inputs, SIZE_MAX, targets, SAMPLES), &params, &report,
          NSW_ERR_OVERFLOW);
    static const float NEGATIVE[SAMPLES] = {-1.0f}, NONE[SAMPLES] = {0.0f};
    nsw_data weighted = PARITY;
    weighted.weights = NEGATIVE;
    weighted.weights_len = SAMPLES;
    TRAIN(cascade, net, &weighted, &params, &report, NSW_ERR_INVALID);
    weighted.weights = NONE;
    TRAIN(cascade, net, &weighted, &params, &report, NSW_ERR_INVALID);
    weighted.weights_len = SAMPLES - 1;
    TRAIN(cascade, net, &weighted, &params, &report, NSW_ERR_LENGTH);
    /* Networks of other kinds, and what is no network any more. */
    guarded zeros = guarded_new(1024, 64, 0), buffer = guarded_new(16384, 16, 0);
    memset(zeros.data, 0, zeros.len);
    nsw_arena *arena = NULL;
    nsw_allocator mem = NSW_ALLOCATOR_INIT;
    REQUIRE_OK(nsw_arena_create(buffer.data, buffer.len, &arena));
    REQUIRE_OK(nsw_arena_allocator(arena, &mem));
    nsw_net *gone = small_cascade_net(1, &mem);
    nsw_net_destroy(gone);
    nsw_net *layered = shortcut_net(NSW_TOPOLOGY_LAYERED, 0), *other = small_cascade_net(1, NULL);
    const struct {
        void *net;
        nsw_status expected;
    } nets[] = {
        {zeros.data, NSW_ERR_HANDLE},    {(char *)net + 1, NSW_ERR_ALIGNMENT},
        {gone, NSW_ERR_DESTROYED},       {arena, NSW_ERR_HANDLE},
        {layered, NSW_ERR_NN_MISMATCH}, {other, NSW_ERR_NN_MISMATCH},
    };
    for (size_t i = 0; i < COUNT_OF(nets); i++) {
        TRAIN(cascade, nets[i].net, &PARITY, &params, &report, nets[i].expected);
        if (nets[i].expected != NSW_ERR_NN_MISMATCH) {
            REFUSED(net, nets[i].net, nets[i].expected);
        }
    }
    nsw_arena_destroy(arena);
    nsw_net_destroy(layered);
    nsw_net_destroy(other);
    guarded_free(&zeros);
    guarded_free(&buffer);
#undef TRAIN
    guarded after = net_bytes(net);
    CHECK(before.len == after.len && memcmp(before.data, after.data, before.len) == 0);
    guarded_free(&before);
    guarded_free(&after);
    nsw_cascade_destroy(cascade);
    nsw_cascade_destroy(NULL);
    nsw_net_destroy(larger);
    nsw_net_destroy(net);
}

int main(void) {
    make_samples();
    it_learns_and_repeats();
    zeros_are_the_defaults();
    callbacks_watch_and_stop();
    validation_keeps_the_best();
    bad_configurations_are_refused();
    bad_calls_are_refused();
    return check_report("cascade");
}
