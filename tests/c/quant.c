/*
 * Quantisation: the int8 network does what the float network does, and its
 * integers are the same however it came to be and whatever kernel runs it.
 */
#include <math.h>
#include <string.h>

#include "support.h"

#define TRAINING 400u
#define TESTING 600u

static const char *const KERNEL_NAMES[] = {"auto",   "portable", "avx2",
                                           "neon",   "avx512",   "neon+dot",
                                           "dsp"};
#define KERNELS COUNT_OF(KERNEL_NAMES)

/* ---- a problem: inside or outside of a ring in the plane -------------------------- */

static float points[(TRAINING + TESTING) * 2];
static float labels[(TRAINING + TESTING) * 2];

static void make_points(void) {
    uint32_t state = 2024;
    for (size_t i = 0; i < TRAINING + TESTING; i++) {
        float x = 2.0f * random_signed(&state), y = 2.0f * random_signed(&state);
        float r2 = x * x + y * y;
        bool inside = r2 > 0.5f && r2 < 2.5f;
        points[2 * i] = x;
        points[2 * i + 1] = y;
        labels[2 * i] = inside ? 0.0f : 1.0f;
        labels[2 * i + 1] = inside ? 1.0f : 0.0f;
    }
}

static nsw_net *make_net(uint32_t hidden_activation) {
    nsw_layer layers[] = {
        NSW_LAYER(24, NSW_ACTIVATION_RELU),
        NSW_LAYER(13, NSW_ACTIVATION_RELU), /* odd: tails of vectors */
        NSW_LAYER(2, NSW_ACTIVATION_SOFTMAX),
    };
    layers[0].activation = hidden_activation;
    layers[1].activation = hidden_activation;
    nsw_net_config cfg = NSW_NET_CONFIG_INIT;
    cfg.inputs = 2;
    cfg.layers = layers;
    cfg.layer_count = COUNT_OF(layers);
    cfg.seed = 3;
    nsw_net *net = NULL;
    REQUIRE_OK(nsw_net_create(&cfg, NULL, &net));
    return net;
}

static void train(nsw_net *net) {
    nsw_trainer_config cfg = NSW_TRAINER_CONFIG_INIT;
    cfg.net = net;
    cfg.algorithm = NSW_ALGORITHM_ADAM;
    cfg.loss = NSW_LOSS_CROSS_ENTROPY;
    cfg.learning_rate = 0.01f;
    nsw_trainer *trainer = NULL;
    REQUIRE_OK(nsw_trainer_create(&cfg, NULL, &trainer));
    nsw_train_params params = NSW_TRAIN_PARAMS_INIT;
    params.max_epochs = quick() ? 60 : 200;
    CHECK_OK(nsw_trainer_train(trainer, net, DATA(points, TRAINING * 2, labels, TRAINING * 2),
                               &params, NULL));
    nsw_trainer_destroy(trainer);
}

static nsw_qnet *quantise(nsw_net *net) {
    nsw_qnet_config cfg = NSW_QNET_CONFIG_INIT;
    cfg.net = net;
    cfg.samples = points;
    cfg.samples_len = TRAINING * 2;
    nsw_qnet *qnet = NULL;
    REQUIRE_OK(nsw_qnet_create(&cfg, NULL, &qnet));
    return qnet;
}

static void accuracy_is_kept(nsw_net *net, nsw_qnet *qnet) {
    unsigned right_f32 = 0, right_i8 = 0;
    float worst = 0.0f;
    for (size_t i = TRAINING; i < TRAINING + TESTING; i++) {
        float f[2], q[2];
        CHECK_OK(nsw_net_forward(net, points + 2 * i, 2, f, 2, NULL));
        CHECK_OK(nsw_qnet_forward(qnet, points + 2 * i, 2, q, 2, NULL));
        bool label = labels[2 * i + 1] > 0.5f;
        right_f32 += (f[1] > f[0]) == label;
        right_i8 += (q[1] > q[0]) == label;
        worst = fmaxf(worst, fabsf(f[1] - q[1]));
        CHECK(q[0] >= 0.0f && q[0] <= 1.0f && q[1] >= 0.0f && q[1] <= 1.0f);
    }
    printf("  right of %u: float32 %u, int8 %u; largest difference of a probability %.3f\n",
           TESTING, right_f32, right_i8, (double)worst);
    CHECK(right_f32 >= TESTING * 9 / 10);
    CHECK(right_i8 + TESTING / 50 >= right_f32); /* within 2 % */
}

/* ---- the same integers everywhere ---------------------------------------------------- */

/* The integer outputs on all points, one after another. */
static void integers(nsw_qnet *qnet, int8_t *out) {
    for (size_t i = 0; i < TRAINING + TESTING; i++) {
        int8_t in[2];
        size_t len = 0;
        CHECK_OK(nsw_qnet_quantize_input(qnet, points + 2 * i, 2, in, 2, &len));
        CHECK_SIZE(len, 2);
        CHECK_OK(nsw_qnet_forward_i8(qnet, in, 2, out + 2 * i, 2, &len));
        CHECK_SIZE(len, 2);
    }
}

#define OUTPUT_BYTES ((TRAINING + TESTING) * 2)

static void show_kernels(nsw_qnet *qnet) {
    printf("  kernels of this machine:");
    for (uint32_t kernel = NSW_KERNEL_PORTABLE; kernel < KERNELS; kernel++) {
        if (nsw_qnet_set_kernel(qnet, kernel) == NSW_OK) {
            printf(" %s", KERNEL_NAMES[kernel]);
        }
    }
    printf("\n");
    CHECK_OK(nsw_qnet_set_kernel(qnet, NSW_KERNEL_AUTO));
}

static void same_integers(nsw_qnet *created) {
    static int8_t first[OUTPUT_BYTES], again[OUTPUT_BYTES];
    guarded model = qnet_bytes(created);
    nsw_qnet *loaded = NULL, *viewed = NULL;
    REQUIRE_OK(nsw_qnet_load(model.data, model.len, NULL, &loaded));
    REQUIRE_OK(nsw_qnet_view(model.data, model.len, NULL, &viewed));
    nsw_qnet *all[] = {created, loaded, viewed};
    integers(created, first);
    for (size_t n = 0; n < COUNT_OF(all); n++) {
        unsigned available = 0;
        for (uint32_t kernel = 0; kernel < KERNELS; kernel++) {
            nsw_status status = nsw_qnet_set_kernel(all[n], kernel);
            if (status == NSW_ERR_UNSUPPORTED) {
                CHECK(kernel != NSW_KERNEL_AUTO && kernel != NSW_KERNEL_PORTABLE);
                continue;
            }
            CHECK_OK(status);
            available++;
            nsw_qnet_info info = NSW_QNET_INFO_INIT;
            CHECK_OK(nsw_qnet_describe(all[n], &info));
            CHECK(kernel == NSW_KERNEL_AUTO ? info.kernel != NSW_KERNEL_AUTO
                                            : info.kernel == kernel);
            memset(again, 0, sizeof again);
            integers(all[n], again);
            CHECK_NOTE(memcmp(first, again, sizeof first) == 0, "object %zu, kernel %s", n,
                       KERNEL_NAMES[kernel]);
        }
        CHECK(available >= 2);
        CHECK_STATUS(nsw_qnet_set_kernel(all[n], 99), NSW_ERR_INVALID);
    }
    nsw_qnet_destroy(loaded);
    nsw_qnet_destroy(viewed);
    guarded_free(&model);
}

/* Quantising twice gives the same model. */
static void quantising_repeats(nsw_net *net) {
    nsw_qnet *a = quantise(net), *b = quantise(net);
    guarded x = qnet_bytes(a), y = qnet_bytes(b);
    CHECK(x.len == y.len && memcmp(x.data, y.data, x.len) == 0);
    guarded_free(&x);
    guarded_free(&y);
    nsw_qnet_destroy(a);
    nsw_qnet_destroy(b);
}

/* The float kernels may differ in the last bits only; one kernel never does. */
static void float_kernels(nsw_net *net) {
    float portable[2], other[2], again[2];
    for (uint32_t kernel = 0; kernel < KERNELS; kernel++) {
        nsw_status status = nsw_net_set_kernel(net, kernel);
        if (status == NSW_ERR_UNSUPPORTED) {
            CHECK(kernel > NSW_KERNEL_PORTABLE);
            continue;
        }
        CHECK_OK(status);
        nsw_net_info info = NSW_NET_INFO_INIT;
        CHECK_OK(nsw_net_describe(net, &info));
        CHECK(kernel == NSW_KERNEL_AUTO || info.kernel == kernel);
        for (size_t i = 0; i < 50; i++) {
            CHECK_OK(nsw_net_set_kernel(net, NSW_KERNEL_PORTABLE));
            CHECK_OK(nsw_net_forward(net, points + 2 * i, 2, portable, 2, NULL));
            CHECK_OK(nsw_net_set_kernel(net, kernel));
            CHECK_OK(nsw_net_forward(net, points + 2 * i, 2, other, 2, NULL));
            CHECK_OK(nsw_net_forward(net, points + 2 * i, 2, again, 2, NULL));
            CHECK(memcmp(other, again, sizeof other) == 0);
            CHECK(fabsf(portable[0] - other[0]) < 1e-4f);
        }
    }
    CHECK_OK(nsw_net_set_kernel(net, NSW_KERNEL_AUTO));
}

/* ---- in and out of the integers ---------------------------------------------------------- */

static void input_saturates(nsw_qnet *qnet) {
    nsw_qnet_info info = NSW_QNET_INFO_INIT;
    CHECK_OK(nsw_qnet_describe(qnet, &info));
    CHECK(info.input_scale > 0.0f && info.output_scale > 0.0f);
    CHECK(info.input_zero_point >= -128 && info.input_zero_point <= 127);
    struct {
        float value;
        int expected;
    } cases[] = {
        {0.0f, info.input_zero_point},
        {-0.0f, info.input_zero_point},
        {1e30f, 127},
        {-1e30f, -128},
        {INFINITY, 127},
        {-INFINITY, -128},
        {NAN, info.input_zero_point},
        {info.input_scale, info.input_zero_point + 1},
        {-info.input_scale, info.input_zero_point - 1},
        {info.input_scale * 0.25f, info.input_zero_point},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        float in[2] = {cases[i].value, 0.0f};
        int8_t out[2] = {1, 1};
        CHECK_OK(nsw_qnet_quantize_input(qnet, in, 2, out, 2, NULL));
        CHECK_NOTE(out[0] == cases[i].expected, "%g becomes %d, not %d",
                   (double)cases[i].value, out[0], cases[i].expected);
        CHECK(out[1] == info.input_zero_point);
    }
    /* What lies inside comes back within half a step. */
    uint32_t state = 8;
    for (int i = 0; i < 200; i++) {
        float in[2] = {1.9f * random_signed(&state), 1.9f * random_signed(&state)};
        int8_t out[2];
        CHECK_OK(nsw_qnet_quantize_input(qnet, in, 2, out, 2, NULL));
        float back = info.input_scale * (float)(out[0] - info.input_zero_point);
        CHECK(fabsf(back - in[0]) <= 0.5001f * info.input_scale);
    }
}

static void output_is_scaled(nsw_qnet *qnet) {
    nsw_qnet_info info = NSW_QNET_INFO_INIT;
    CHECK_OK(nsw_qnet_describe(qnet, &info));
    /* Softmax: the scale that the specification names. */
    CHECK(info.output_scale == 1.0f / 256.0f && info.output_zero_point == -128);
    for (int v = -128; v < 127; v++) {
        int8_t values[2] = {(int8_t)v, (int8_t)(v + 1)};
        float out[2];
        size_t len = 0;
        CHECK_OK(nsw_qnet_dequantize_output(qnet, values, 2, out, 2, &len));
        CHECK_SIZE(len, 2);
        CHECK(out[0] == info.output_scale * (float)(v - info.output_zero_point));
        CHECK(out[1] > out[0]);
    }
}

/* forward() is the three steps, one after the other. */
static void forward_is_its_steps(nsw_qnet *qnet) {
    for (size_t i = 0; i < 50; i++) {
        int8_t in[2], mid[2];
        float whole[2], steps[2];
        CHECK_OK(nsw_qnet_forward(qnet, points + 2 * i, 2, whole, 2, NULL));
        CHECK_OK(nsw_qnet_quantize_input(qnet, points + 2 * i, 2, in, 2, NULL));
        CHECK_OK(nsw_qnet_forward_i8(qnet, in, 2, mid, 2, NULL));
        CHECK_OK(nsw_qnet_dequantize_output(qnet, mid, 2, steps, 2, NULL));
        CHECK(memcmp(whole, steps, sizeof whole) == 0);
    }
}

/* The quantised network is a thing of its own. */
static void the_float_net_may_go(void) {
    nsw_net *net = make_net(NSW_ACTIVATION_TANH);
    nsw_qnet *qnet = quantise(net);
    float before[2], after[2];
    CHECK_OK(nsw_qnet_forward(qnet, points, 2, before, 2, NULL));
    train(net);
    CHECK_OK(nsw_qnet_forward(qnet, points, 2, after, 2, NULL));
    CHECK(memcmp(before, after, sizeof before) == 0);
    nsw_net_destroy(net);
    CHECK_OK(nsw_qnet_forward(qnet, points, 2, after, 2, NULL));
    CHECK(memcmp(before, after, sizeof before) == 0);
    nsw_qnet_destroy(qnet);
}

/* Settings, batches and the error of each layer. */
static void settings_and_batches(nsw_net *net) {
    static const uint32_t CALIBRATIONS[] = {NSW_CALIBRATION_MIN_MAX, NSW_CALIBRATION_PERCENTILE,
                                            NSW_CALIBRATION_ENTROPY};
    for (size_t c = 0; c < COUNT_OF(CALIBRATIONS); c++) {
        nsw_qnet_config cfg = NSW_QNET_CONFIG_INIT;
        cfg.net = net;
        cfg.samples = points;
        cfg.samples_len = TRAINING * 2;
        cfg.rounding = NSW_ROUNDING_DOUBLE;
        cfg.calibration = CALIBRATIONS[c];
        cfg.batch = 8;
        nsw_qnet *qnet = NULL;
        REQUIRE_OK(nsw_qnet_create(&cfg, NULL, &qnet));
        float all[20 * 2], one[2];
        size_t len = 0;
        CHECK_OK(nsw_qnet_forward_batch(qnet, points, 20 * 2, all, COUNT_OF(all), &len));
        CHECK(len == COUNT_OF(all));
        int8_t bytes[20 * 2], outputs[20 * 2], output[2];
        CHECK_OK(nsw_qnet_quantize_input(qnet, points, 20 * 2, bytes, COUNT_OF(bytes), NULL));
        CHECK_OK(nsw_qnet_forward_i8_batch(qnet, bytes, COUNT_OF(bytes), outputs,
                                           COUNT_OF(outputs), NULL));
        for (size_t i = 0; i < 20; i++) {
            CHECK_OK(nsw_qnet_forward(qnet, &points[2 * i], 2, one, 2, NULL));
            CHECK(memcmp(one, &all[2 * i], sizeof one) == 0);
            CHECK_OK(nsw_qnet_forward_i8(qnet, &bytes[2 * i], 2, output, 2, NULL));
            CHECK(memcmp(output, &outputs[2 * i], sizeof output) == 0);
        }
        CHECK_STATUS(nsw_qnet_forward_i8_batch(qnet, bytes, 3, outputs, COUNT_OF(outputs), NULL),
                     NSW_ERR_LENGTH);
        CHECK_STATUS(nsw_qnet_forward_batch(qnet, points, 4, all, 3, &len),
                     NSW_ERR_BUFFER_TOO_SMALL);
        CHECK(len == 4);

        double errors[3 * 4];
        CHECK_OK(nsw_qnet_compare(qnet, points, TRAINING * 2, net, errors, COUNT_OF(errors), &len));
        CHECK(len == COUNT_OF(errors));
        for (size_t layer = 0; layer < 3; layer++) {
            const double *e = &errors[4 * layer];
            CHECK(e[0] <= e[1] && e[1] <= e[2] && e[3] > 10.0);
        }
        CHECK_STATUS(nsw_qnet_compare(qnet, points, 1, net, errors, COUNT_OF(errors), NULL),
                     NSW_ERR_LENGTH);
        CHECK_STATUS(nsw_qnet_compare(qnet, points, 2, net, errors, 11, &len),
                     NSW_ERR_BUFFER_TOO_SMALL);
        CHECK(len == COUNT_OF(errors));
        nsw_qnet_destroy(qnet);

        nsw_qnet_config bad = cfg;
        bad.rounding = 2;
        CHECK_STATUS(nsw_qnet_create(&bad, NULL, &qnet), NSW_ERR_INVALID);
        bad = cfg;
        bad.calibration = 3;
        CHECK_STATUS(nsw_qnet_create(&bad, NULL, &qnet), NSW_ERR_INVALID);
        bad = cfg;
        bad.percentile = 101.0f;
        CHECK_STATUS(nsw_qnet_create(&bad, NULL, &qnet), NSW_ERR_INVALID);
    }
}

int main(void) {
    static const uint32_t HIDDEN[] = {NSW_ACTIVATION_RELU, NSW_ACTIVATION_TANH,
                                      NSW_ACTIVATION_SIGMOID};
    make_points();
    size_t activations = quick() ? 1 : COUNT_OF(HIDDEN);
    for (size_t h = 0; h < activations; h++) {
        nsw_net *net = make_net(HIDDEN[h]);
        train(net);
        nsw_qnet *qnet = quantise(net);
        accuracy_is_kept(net, qnet);
        if (h == 0) {
            show_kernels(qnet);
        }
        same_integers(qnet);
        quantising_repeats(net);
        float_kernels(net);
        input_saturates(qnet);
        output_is_scaled(qnet);
        forward_is_its_steps(qnet);
        settings_and_batches(net);
        nsw_qnet_destroy(qnet);
        nsw_net_destroy(net);
    }
    the_float_net_may_go();
    return check_report("quant");
}
