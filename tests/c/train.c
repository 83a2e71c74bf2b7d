/* Training: it learns, it repeats bit for bit, and it refuses what cannot be learnt. */
#include <math.h>
#include <string.h>

#include "support.h"

static const uint32_t ALGORITHMS[] = {NSW_ALGORITHM_IRPROP_MINUS, NSW_ALGORITHM_SGD,
                                      NSW_ALGORITHM_ADAM};

/* Exclusive or as two classes, for softmax. */
static const float XOR_CLASSES[8] = {1.0f, 0.0f, 0.0f, 1.0f, 0.0f, 1.0f, 1.0f, 0.0f};

static nsw_net *xor_net(uint32_t output_activation, uint64_t seed) {
    nsw_layer layers[2] = {
        NSW_LAYER(8, NSW_ACTIVATION_TANH),
        NSW_LAYER(1, NSW_ACTIVATION_SIGMOID),
    };
    layers[1].activation = output_activation;
    layers[1].units = output_activation == NSW_ACTIVATION_SOFTMAX ? 2 : 1;
    nsw_net_config cfg = NSW_NET_CONFIG_INIT;
    cfg.inputs = 2;
    cfg.layers = layers;
    cfg.layer_count = 2;
    cfg.seed = seed;
    nsw_net *net = NULL;
    REQUIRE_OK(nsw_net_create(&cfg, NULL, &net));
    return net;
}

static nsw_trainer *xor_trainer(const nsw_net *net, uint32_t algorithm, uint32_t loss) {
    nsw_trainer_config cfg = NSW_TRAINER_CONFIG_INIT;
    cfg.net = net;
    cfg.algorithm = algorithm;
    cfg.loss = loss;
    cfg.seed = 11;
    if (algorithm != NSW_ALGORITHM_IRPROP_MINUS) {
        cfg.learning_rate = algorithm == NSW_ALGORITHM_SGD ? 0.3f : 0.02f;
        cfg.momentum = algorithm == NSW_ALGORITHM_SGD ? 0.9f : 0.0f;
        cfg.batch_size = 2;
    }
    nsw_trainer *trainer = NULL;
    REQUIRE_OK(nsw_trainer_create(&cfg, NULL, &trainer));
    return trainer;
}

static bool xor_is_right(nsw_net *net, uint32_t output_activation) {
    size_t width = output_activation == NSW_ACTIVATION_SOFTMAX ? 2 : 1;
    float out[8];
    CHECK_OK(nsw_net_forward_batch(net, XOR_INPUTS, 8, 4, out, 4 * width, NULL));
    bool right = true;
    for (size_t i = 0; i < 4; i++) {
        bool said = width == 2 ? out[2 * i + 1] > out[2 * i] : out[i] > 0.5f;
        right = right && said == (XOR_TARGETS[i] > 0.5f);
    }
    return right;
}

static void exclusive_or_is_learnt(void) {
    static const struct {
        uint32_t loss, activation;
        float target;
    } GOALS[] = {
        {NSW_LOSS_MSE, NSW_ACTIVATION_SIGMOID, 0.01f},
        {NSW_LOSS_MSE, NSW_ACTIVATION_LINEAR, 0.01f},
        {NSW_LOSS_CROSS_ENTROPY, NSW_ACTIVATION_SIGMOID, 0.05f},
        {NSW_LOSS_CROSS_ENTROPY, NSW_ACTIVATION_SOFTMAX, 0.05f},
    };
    for (size_t a = 0; a < COUNT_OF(ALGORITHMS); a++) {
        for (size_t g = 0; g < COUNT_OF(GOALS); g++) {
            bool softmax = GOALS[g].activation == NSW_ACTIVATION_SOFTMAX;
            const float *targets = softmax ? XOR_CLASSES : XOR_TARGETS;
            size_t targets_len = softmax ? 8 : 4;
            nsw_net *net = xor_net(GOALS[g].activation, 1);
            nsw_trainer *trainer = xor_trainer(net, ALGORITHMS[a], GOALS[g].loss);
            if (ALGORITHMS[a] == NSW_ALGORITHM_SGD &&
                GOALS[g].activation == NSW_ACTIVATION_LINEAR) {
                CHECK_OK(nsw_trainer_set_learning_rate(trainer, 0.02f));
            }
            nsw_train_params params = NSW_TRAIN_PARAMS_INIT;
            nsw_train_report report = NSW_TRAIN_REPORT_INIT;
            params.max_epochs = 5000;
            params.target_loss = GOALS[g].target;
            CHECK_OK(nsw_trainer_train(trainer, net, DATA(XOR_INPUTS, 8, targets, targets_len),
                                       &params, &report));
            CHECK_NOTE(report.stopped_by == NSW_STOP_LOSS && report.loss <= GOALS[g].target &&
                           report.epochs < params.max_epochs,
                       "algorithm %u, loss %u, activation %u: loss %g after %u epochs",
                       ALGORITHMS[a], GOALS[g].loss, GOALS[g].activation,
                       (double)report.loss, report.epochs);
            CHECK(xor_is_right(net, GOALS[g].activation));
            nsw_trainer_destroy(trainer);
            nsw_net_destroy(net);
        }
    }
}

/* ---- the same again ------------------------------------------------------------ */

typedef struct seeds {
    uint64_t net, trainer;
    uint32_t no_shuffle;
} seeds;

/* The weights after a little training on random data, as bytes. */
static guarded trained(uint32_t algorithm, seeds s) {
    enum { SAMPLES = 40 };
    float inputs[SAMPLES * 2], targets[SAMPLES];
    uint32_t state = 99;
    for (size_t i = 0; i < SAMPLES; i++) {
        inputs[2 * i] = random_signed(&state);
        inputs[2 * i + 1] = random_signed(&state);
        targets[i] = inputs[2 * i] * inputs[2 * i + 1] > 0.0f ? 1.0f : 0.0f;
    }
    nsw_net *net = small_net(s.net, NULL);
    nsw_trainer_config cfg = small_trainer_config(net, algorithm);
    cfg.seed = s.trainer;
    cfg.no_shuffle = s.no_shuffle;
    cfg.batch_size = algorithm == NSW_ALGORITHM_IRPROP_MINUS ? 0 : 6;
    cfg.block = 4; /* smaller than the batch, and no divisor of it */
    nsw_trainer *trainer = NULL;
    REQUIRE_OK(nsw_trainer_create(&cfg, NULL, &trainer));
    nsw_train_params params = NSW_TRAIN_PARAMS_INIT;
    params.max_epochs = 20;
    CHECK_OK(nsw_trainer_train(trainer, net, DATA(inputs, COUNT_OF(inputs), targets, SAMPLES),
                               &params, NULL));
    guarded bytes = net_bytes(net);
    nsw_trainer_destroy(trainer);
    nsw_net_destroy(net);
    return bytes;
}

static bool same_weights(uint32_t algorithm, seeds first, seeds second) {
    guarded a = trained(algorithm, first), b = trained(algorithm, second);
    bool same = a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
    guarded_free(&a);
    guarded_free(&b);
    return same;
}

static void the_seed_decides(void) {
    const seeds base = {1, 2, 0}, other_net = {3, 2, 0}, other_order = {1, 4, 0};
    const seeds in_order = {1, 2, 1}, in_order_too = {1, 4, 1};
    for (size_t a = 0; a < COUNT_OF(ALGORITHMS); a++) {
        uint32_t algorithm = ALGORITHMS[a];
        bool batches = algorithm != NSW_ALGORITHM_IRPROP_MINUS;
        CHECK_NOTE(same_weights(algorithm, base, base), "algorithm %u", algorithm);
        CHECK_NOTE(!same_weights(algorithm, base, other_net), "algorithm %u", algorithm);
        /* Over the whole set at once the order does not matter. */
        CHECK_NOTE(same_weights(algorithm, base, other_order) == !batches, "algorithm %u",
                   algorithm);
        CHECK_NOTE(same_weights(algorithm, base, in_order) == !batches, "algorithm %u",
                   algorithm);
        /* Without shuffling the trainer's seed has nothing to decide. */
        CHECK_NOTE(same_weights(algorithm, in_order, in_order_too), "algorithm %u", algorithm);
    }
    nsw_net *a = small_net(5, NULL), *b = small_net(5, NULL), *c = small_net(6, NULL);
    guarded x = net_bytes(a), y = net_bytes(b), z = net_bytes(c);
    CHECK(memcmp(x.data, y.data, x.len) == 0 && memcmp(x.data, z.data, x.len) != 0);
    guarded_free(&x);
    guarded_free(&y);
    guarded_free(&z);
    nsw_net_destroy(a);
    nsw_net_destroy(b);
    nsw_net_destroy(c);
}

/* train() of n epochs is n times epoch(). */
static void train_is_epochs(void) {
    for (size_t a = 0; a < COUNT_OF(ALGORITHMS); a++) {
        nsw_net *one = small_net(1, NULL), *two = small_net(1, NULL);
        nsw_trainer *t1 = small_trainer(one, ALGORITHMS[a], NULL);
        nsw_trainer *t2 = small_trainer(two, ALGORITHMS[a], NULL);
        nsw_train_params params = NSW_TRAIN_PARAMS_INIT;
        nsw_train_report report = NSW_TRAIN_REPORT_INIT;
        params.max_epochs = 9;
        CHECK_OK(nsw_trainer_train(t1, one, &XOR_DATA, &params, &report));
        float loss = -1.0f;
        for (int i = 0; i < 9; i++) {
            CHECK_OK(nsw_trainer_epoch(t2, two, &XOR_DATA, &loss));
        }
        CHECK(loss == report.loss);
        guarded x = net_bytes(one), y = net_bytes(two);
        CHECK(memcmp(x.data, y.data, x.len) == 0);
        guarded_free(&x);
        guarded_free(&y);
        nsw_trainer_destroy(t1);
        nsw_trainer_destroy(t2);
        nsw_net_destroy(one);
        nsw_net_destroy(two);
    }
}

/* The loss is the one that a person would compute from the outputs. */
static void the_loss_is_the_mean(void) {
    nsw_net *net = small_net(1, NULL);
    nsw_trainer *trainer = small_trainer(net, NSW_ALGORITHM_SGD, NULL);
    float out[4], loss = -1.0f;
    CHECK_OK(nsw_net_forward_batch(net, XOR_INPUTS, 8, 4, out, 4, NULL));
    double expected = 0.0;
    for (size_t i = 0; i < 4; i++) {
        double error = (double)out[i] - (double)XOR_TARGETS[i];
        expected += error * error / 4.0;
    }
    guarded before = net_bytes(net);
    CHECK_OK(nsw_trainer_loss(trainer, net, &XOR_DATA, &loss));
    CHECK_NOTE(fabs((double)loss - expected) < 1e-6, "%g, expected %g", (double)loss, expected);
    guarded after = net_bytes(net);
    CHECK(memcmp(before.data, after.data, after.len) == 0);
    guarded_free(&before);
    guarded_free(&after);
    nsw_trainer_destroy(trainer);
    nsw_net_destroy(net);
}

/* ---- what goes wrong ------------------------------------------------------------ */

static void divergence_is_reported(void) {
    static const uint32_t DIVERGING[] = {NSW_ALGORITHM_SGD, NSW_ALGORITHM_ADAM};
    for (size_t a = 0; a < COUNT_OF(DIVERGING); a++) {
        nsw_layer layer = NSW_LAYER(1, NSW_ACTIVATION_LINEAR);
        nsw_net_config net_cfg = NSW_NET_CONFIG_INIT;
        net_cfg.inputs = 2;
        net_cfg.layers = &layer;
        net_cfg.layer_count = 1;
        nsw_net *net = NULL;
        REQUIRE_OK(nsw_net_create(&net_cfg, NULL, &net));
        nsw_trainer_config cfg = small_trainer_config(net, DIVERGING[a]);
        cfg.learning_rate = 1e30f;
        cfg.batch_size = 1;
        nsw_trainer *trainer = NULL;
        REQUIRE_OK(nsw_trainer_create(&cfg, NULL, &trainer));
        nsw_train_params params = NSW_TRAIN_PARAMS_INIT;
        params.max_epochs = 1000;
        CHECK_STATUS(nsw_trainer_train(trainer, net, &XOR_DATA, &params, NULL),
                     NSW_ERR_NN_DIVERGED);
        /* The loader refuses a model with a NaN or an infinity in it. */
        guarded bytes = net_bytes(net);
        nsw_net *copy = NULL;
        CHECK_OK(nsw_net_load(bytes.data, bytes.len, NULL, &copy));
        /* Zeros in: the bias comes out, as it is. */
        const float zeros[2] = {0.0f, 0.0f};
        float bias = 0.0f;
        CHECK_OK(nsw_net_forward(net, zeros, 2, &bias, 1, NULL));
        CHECK(isfinite(bias));
        nsw_net_destroy(copy);
        guarded_free(&bytes);
        nsw_trainer_destroy(trainer);
        nsw_net_destroy(net);
    }
}

static void data_must_be_finite(void) {
    static const float BAD[] = {NAN, INFINITY, -INFINITY};
    nsw_net *net = small_net(1, NULL);
    nsw_trainer *trainer = small_trainer(net, NSW_ALGORITHM_ADAM, NULL);
    guarded before = net_bytes(net);
    nsw_train_params params = NSW_TRAIN_PARAMS_INIT;
    params.max_epochs = 3;
    for (size_t b = 0; b < COUNT_OF(BAD); b++) {
        for (size_t at = 0; at < 12; at++) {
            float inputs[8], targets[4], loss;
            memcpy(inputs, XOR_INPUTS, sizeof inputs);
            memcpy(targets, XOR_TARGETS, sizeof targets);
            *(at < 8 ? &inputs[at] : &targets[at - 8]) = BAD[b];
            CHECK_STATUS(nsw_trainer_train(trainer, net, DATA(inputs, 8, targets, 4), &params,
                                           NULL),
                         NSW_ERR_NN_NOT_FINITE);
            CHECK_STATUS(nsw_trainer_epoch(trainer, net, DATA(inputs, 8, targets, 4), &loss),
                         NSW_ERR_NN_NOT_FINITE);
            CHECK_STATUS(nsw_trainer_loss(trainer, net, DATA(inputs, 8, targets, 4), &loss),
                         NSW_ERR_NN_NOT_FINITE);
            if (at < 8) {
                nsw_qnet_config cfg = small_qnet_config(net);
                nsw_qnet *q = NULL;
                cfg.samples = inputs;
                CHECK_STATUS(nsw_qnet_create(&cfg, NULL, &q), NSW_ERR_NN_NOT_FINITE);
                CHECK(q == NULL);
            }
        }
    }
    guarded after = net_bytes(net);
    CHECK(memcmp(before.data, after.data, after.len) == 0);
    guarded_free(&before);
    guarded_free(&after);
    nsw_trainer_destroy(trainer);
    nsw_net_destroy(net);
}

static nsw_status try_config(const nsw_trainer_config *cfg) {
    nsw_trainer *trainer = NULL;
    nsw_status status = nsw_trainer_create(cfg, NULL, &trainer);
    CHECK((status == NSW_OK) == (trainer != NULL));
    nsw_trainer_destroy(trainer);
    return status;
}

static void settings_are_checked(void) {
    nsw_net *net = small_net(1, NULL);
    nsw_trainer_config good = small_trainer_config(net, NSW_ALGORITHM_SGD), cfg = good;
    CHECK_OK(try_config(&cfg));
    cfg.algorithm = 10;
    CHECK_STATUS(try_config(&cfg), NSW_ERR_INVALID);
    cfg = good;
    cfg.loss = 2;
    CHECK_STATUS(try_config(&cfg), NSW_ERR_INVALID);
    static const float BAD_RATES[] = {-1.0f, NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < COUNT_OF(BAD_RATES); i++) {
        cfg = good;
        cfg.learning_rate = BAD_RATES[i];
        CHECK_STATUS(try_config(&cfg), NSW_ERR_INVALID);
        cfg = good;
        cfg.momentum = BAD_RATES[i];
        CHECK_STATUS(try_config(&cfg), NSW_ERR_INVALID);
    }
    cfg = good;
    cfg.momentum = 1.0f;
    CHECK_STATUS(try_config(&cfg), NSW_ERR_INVALID);
    cfg = small_trainer_config(net, NSW_ALGORITHM_ADAM);
    cfg.beta1 = 1.0f;
    CHECK_STATUS(try_config(&cfg), NSW_ERR_INVALID);
    cfg = small_trainer_config(net, NSW_ALGORITHM_IRPROP_MINUS);
    cfg.batch_size = 5;
    CHECK_STATUS(try_config(&cfg), NSW_ERR_INVALID);
    cfg = small_trainer_config(net, NSW_ALGORITHM_IRPROP_MINUS);
    cfg.step_min = 1.0f;
    cfg.step_max = 0.5f;
    CHECK_STATUS(try_config(&cfg), NSW_ERR_INVALID);
    nsw_net_destroy(net);
}

static void losses_and_shapes_must_match(void) {
    nsw_net *linear = xor_net(NSW_ACTIVATION_LINEAR, 1);
    nsw_net *sigmoid = xor_net(NSW_ACTIVATION_SIGMOID, 1);
    nsw_net *other = small_net(1, NULL);
    nsw_trainer_config cfg = small_trainer_config(linear, NSW_ALGORITHM_SGD);
    cfg.loss = NSW_LOSS_CROSS_ENTROPY;
    CHECK_STATUS(try_config(&cfg), NSW_ERR_NN_LOSS);
    cfg.net = sigmoid;
    CHECK_OK(try_config(&cfg));
    nsw_trainer *trainer = NULL;
    REQUIRE_OK(nsw_trainer_create(&cfg, NULL, &trainer));
    float loss;
    CHECK_STATUS(nsw_trainer_epoch(trainer, other, &XOR_DATA, &loss),
                 NSW_ERR_NN_MISMATCH);
    CHECK_STATUS(nsw_trainer_epoch(trainer, linear, &XOR_DATA, &loss),
                 NSW_ERR_NN_MISMATCH);
    const float beyond[4] = {0.0f, 1.5f, 1.0f, 0.0f};
    CHECK_STATUS(nsw_trainer_epoch(trainer, sigmoid, DATA(XOR_INPUTS, 8, beyond, 4), &loss),
                 NSW_ERR_INVALID);
    CHECK_OK(nsw_trainer_epoch(trainer, sigmoid, &XOR_DATA, &loss));
    nsw_trainer_destroy(trainer);
    nsw_net_destroy(linear);
    nsw_net_destroy(sigmoid);
    nsw_net_destroy(other);
}

static void stops_are_checked(void) {
    nsw_net *net = small_net(1, NULL);
    nsw_trainer *trainer = small_trainer(net, NSW_ALGORITHM_SGD, NULL);
    nsw_train_params params = NSW_TRAIN_PARAMS_INIT;
#define TRAIN() nsw_trainer_train(trainer, net, &XOR_DATA, &params, &report)
    nsw_train_report report = NSW_TRAIN_REPORT_INIT;
    CHECK_STATUS(TRAIN(), NSW_ERR_INVALID); /* no epochs */
    params.max_epochs = 5;
    params.target_loss = -1.0f;
    CHECK_STATUS(TRAIN(), NSW_ERR_INVALID);
    params.target_loss = NAN;
    CHECK_STATUS(TRAIN(), NSW_ERR_INVALID);
    params.target_loss = 1000.0f; /* reached at once */
    CHECK_OK(TRAIN());
    CHECK_SIZE(report.epochs, 1);
    CHECK_SIZE(report.stopped_by, NSW_STOP_LOSS);
    params.target_loss = 0.0f; /* none */
    CHECK_OK(TRAIN());
    CHECK_SIZE(report.epochs, 5);
    CHECK_SIZE(report.stopped_by, NSW_STOP_EPOCHS);
    params.target_loss = NSW_ZERO; /* no loss at all */
    CHECK_OK(TRAIN());
    CHECK_SIZE(report.stopped_by, NSW_STOP_EPOCHS);
    nsw_data nothing = XOR_DATA;
    float zeros[8] = {0.0f};
    nothing.inputs = zeros;
    nothing.targets = zeros;
    const float no_weights[64] = {0.0f};
    size_t weights = 0;
    CHECK_STATUS(nsw_net_get_weights(net, NULL, 0, &weights), NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_OK(nsw_net_set_style(net, 1, NSW_ACTIVATION_LINEAR, 1.0f));
    CHECK_OK(nsw_net_set_weights(net, no_weights, weights));
    nsw_trainer_destroy(trainer);
    trainer = small_trainer(net, NSW_ALGORITHM_SGD, NULL);
    CHECK_OK(nsw_trainer_train(trainer, net, &nothing, &params, &report));
    CHECK_SIZE(report.epochs, 1);
    CHECK_SIZE(report.stopped_by, NSW_STOP_LOSS);
#undef TRAIN
    nsw_trainer_destroy(trainer);
    nsw_net_destroy(net);
}

static void the_learning_rate_can_change(void) {
    nsw_net *net = small_net(1, NULL);
    nsw_trainer *sgd = small_trainer(net, NSW_ALGORITHM_SGD, NULL);
    nsw_trainer *adam = small_trainer(net, NSW_ALGORITHM_ADAM, NULL);
    nsw_trainer *irprop = small_trainer(net, NSW_ALGORITHM_IRPROP_MINUS, NULL);
    CHECK_OK(nsw_trainer_set_learning_rate(sgd, 0.5f));
    CHECK_OK(nsw_trainer_set_learning_rate(adam, 0.5f));
    CHECK_STATUS(nsw_trainer_set_learning_rate(irprop, 0.5f), NSW_ERR_UNSUPPORTED);
    static const float BAD[] = {0.0f, -0.5f, NAN, INFINITY};
    for (size_t i = 0; i < COUNT_OF(BAD); i++) {
        CHECK_STATUS(nsw_trainer_set_learning_rate(sgd, BAD[i]), NSW_ERR_INVALID);
        CHECK_STATUS(nsw_trainer_set_learning_rate(adam, BAD[i]), NSW_ERR_INVALID);
    }
    /* It takes effect, from the next epoch on. */
    nsw_net *slow = small_net(1, NULL), *fast = small_net(1, NULL);
    nsw_trainer *crawl = small_trainer(slow, NSW_ALGORITHM_SGD, NULL);
    float loss, before, after_crawl, after_run;
    CHECK_OK(nsw_trainer_set_learning_rate(crawl, 1e-30f));
    CHECK_OK(nsw_net_forward(slow, XOR_INPUTS + 2, 2, &before, 1, NULL));
    CHECK_OK(nsw_trainer_epoch(crawl, slow, &XOR_DATA, &loss));
    CHECK_OK(nsw_trainer_epoch(sgd, fast, &XOR_DATA, &loss));
    CHECK_OK(nsw_net_forward(slow, XOR_INPUTS + 2, 2, &after_crawl, 1, NULL));
    CHECK_OK(nsw_net_forward(fast, XOR_INPUTS + 2, 2, &after_run, 1, NULL));
    CHECK(after_crawl == before);
    CHECK(after_run != before);
    nsw_trainer_destroy(crawl);
    nsw_trainer_destroy(sgd);
    nsw_trainer_destroy(adam);
    nsw_trainer_destroy(irprop);
    nsw_net_destroy(slow);
    nsw_net_destroy(fast);
    nsw_net_destroy(net);
}

int main(void) {
    exclusive_or_is_learnt();
    the_seed_decides();
    train_is_epochs();
    the_loss_is_the_mean();
    divergence_is_reported();
    data_must_be_finite();
    settings_are_checked();
    losses_and_shapes_must_match();
    stops_are_checked();
    the_learning_rate_can_change();
    return check_report("train");
}
