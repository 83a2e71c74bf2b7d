/*
 * NULL for every pointer argument, wrong and overflowing lengths, and output
 * buffers that are too small. Handles themselves: misuse_handles.c; `size`
 * fields: misuse_structs.c.
 */
#include <string.h>

#include "support.h"

#define ERR_NULL(call) CHECK_STATUS(call, NSW_ERR_NULL)

/* A status that is an error, where which one depends on what is looked at first. */
#define ERR_ANY(call)                                                                    \
    do {                                                                                 \
        nsw_status got_ = (call);                                                        \
        CHECK_NOTE(got_ < 0, "status %d", (int)got_);                                    \
    } while (0)

static nsw_net *net;
static nsw_trainer *trainer;
static nsw_qnet *qnet;

/* What the objects answer now; compared afterwards: nothing may have been lost. */
static float answer_before[4];

static void answers(float out[4]) {
    size_t len = 0;
    CHECK_OK(nsw_net_forward_batch(net, XOR_INPUTS, 8, 4, out, 4, &len));
    CHECK_SIZE(len, 4);
}

static void still_works(void) {
    float now[4];
    answers(now);
    CHECK(memcmp(now, answer_before, sizeof now) == 0);
    float one = 0.0f;
    CHECK_OK(nsw_qnet_forward(qnet, XOR_INPUTS, 2, &one, 1, NULL));
    CHECK(one >= 0.0f && one <= 1.0f);
    CHECK_OK(nsw_trainer_loss(trainer, net, &XOR_DATA, &one));
}

/* ---- NULL -------------------------------------------------------------------- */

static void null_in_creation(void) {
    nsw_net_config net_cfg = small_config(1);
    nsw_trainer_config trainer_cfg = small_trainer_config(net, NSW_ALGORITHM_SGD);
    nsw_qnet_config qnet_cfg = small_qnet_config(net);
    uint8_t memory[256];
    size_t size, align;
    void *const poison = memory; /* to see that *out becomes NULL */
    nsw_net *n = poison;
    nsw_trainer *t = poison;
    nsw_qnet *q = poison;
    nsw_arena *a = poison;

    ERR_NULL(nsw_arena_create(NULL, sizeof memory, &a));
    CHECK(a == NULL);
    ERR_NULL(nsw_arena_create(memory, sizeof memory, NULL));

    ERR_NULL(nsw_net_footprint(NULL, &size, &align));
    ERR_NULL(nsw_net_create(NULL, NULL, &n));
    CHECK(n == NULL);
    ERR_NULL(nsw_net_create(&net_cfg, NULL, NULL));
    net_cfg.layers = NULL;
    n = poison;
    ERR_NULL(nsw_net_create(&net_cfg, NULL, &n));
    CHECK(n == NULL);
    ERR_NULL(nsw_net_footprint(&net_cfg, &size, &align));

    ERR_NULL(nsw_trainer_footprint(NULL, &size, &align));
    ERR_NULL(nsw_trainer_create(NULL, NULL, &t));
    CHECK(t == NULL);
    ERR_NULL(nsw_trainer_create(&trainer_cfg, NULL, NULL));
    trainer_cfg.net = NULL;
    t = poison;
    ERR_NULL(nsw_trainer_create(&trainer_cfg, NULL, &t));
    CHECK(t == NULL);
    ERR_NULL(nsw_trainer_footprint(&trainer_cfg, &size, &align));

    ERR_NULL(nsw_qnet_footprint(NULL, &size, &align));
    ERR_NULL(nsw_qnet_create(NULL, NULL, &q));
    CHECK(q == NULL);
    ERR_NULL(nsw_qnet_create(&qnet_cfg, NULL, NULL));
    qnet_cfg.samples = NULL;
    q = poison;
    ERR_NULL(nsw_qnet_create(&qnet_cfg, NULL, &q));
    CHECK(q == NULL);
    qnet_cfg = small_qnet_config(NULL);
    ERR_NULL(nsw_qnet_create(&qnet_cfg, NULL, &q));
}

static void null_in_models(void) {
    guarded f32 = net_bytes(net), i8 = qnet_bytes(qnet);
    size_t size, align;
    nsw_net *n = (nsw_net *)f32.data;
    nsw_qnet *q = (nsw_qnet *)f32.data;

    ERR_NULL(nsw_net_load_footprint(NULL, f32.len, &size, &align));
    ERR_NULL(nsw_net_view_footprint(NULL, f32.len, &size, &align));
    ERR_NULL(nsw_net_load(NULL, f32.len, NULL, &n));
    CHECK(n == NULL);
    n = (nsw_net *)f32.data;
    ERR_NULL(nsw_net_view(NULL, f32.len, NULL, &n));
    CHECK(n == NULL);
    ERR_NULL(nsw_net_load(f32.data, f32.len, NULL, NULL));
    ERR_NULL(nsw_net_view(f32.data, f32.len, NULL, NULL));

    ERR_NULL(nsw_qnet_load_footprint(NULL, i8.len, &size, &align));
    ERR_NULL(nsw_qnet_view_footprint(NULL, i8.len, &size, &align));
    ERR_NULL(nsw_qnet_load(NULL, i8.len, NULL, &q));
    CHECK(q == NULL);
    q = (nsw_qnet *)f32.data;
    ERR_NULL(nsw_qnet_view(NULL, i8.len, NULL, &q));
    CHECK(q == NULL);
    ERR_NULL(nsw_qnet_load(i8.data, i8.len, NULL, NULL));
    ERR_NULL(nsw_qnet_view(i8.data, i8.len, NULL, NULL));

    size_t len;
    ERR_NULL(nsw_net_save(net, NULL, f32.len, &len));
    ERR_NULL(nsw_qnet_save(qnet, NULL, i8.len, &len));
    guarded_free(&f32);
    guarded_free(&i8);
}

static void null_in_use(void) {
    float out[4];
    int8_t small[2] = {0, 0};
    size_t len;
    float loss;
    nsw_train_params params = NSW_TRAIN_PARAMS_INIT;
    params.max_epochs = 1;

    ERR_NULL(nsw_net_describe(net, NULL));
    ERR_NULL(nsw_net_forward(net, NULL, 2, out, 1, &len));
    ERR_NULL(nsw_net_forward(net, XOR_INPUTS, 2, NULL, 1, &len));
    ERR_NULL(nsw_net_forward_batch(net, NULL, 8, 4, out, 4, &len));
    ERR_NULL(nsw_net_forward_batch(net, XOR_INPUTS, 8, 4, NULL, 4, &len));

    ERR_NULL(nsw_trainer_train(trainer, net, DATA(NULL, 8, XOR_TARGETS, 4), &params, NULL));
    ERR_NULL(nsw_trainer_train(trainer, net, DATA(XOR_INPUTS, 8, NULL, 4), &params, NULL));
    ERR_NULL(nsw_trainer_train(trainer, net, &XOR_DATA, NULL, NULL));
    ERR_NULL(nsw_trainer_epoch(trainer, net, DATA(NULL, 8, XOR_TARGETS, 4), &loss));
    ERR_NULL(nsw_trainer_epoch(trainer, net, DATA(XOR_INPUTS, 8, NULL, 4), &loss));
    ERR_NULL(nsw_trainer_loss(trainer, net, DATA(NULL, 8, XOR_TARGETS, 4), &loss));
    ERR_NULL(nsw_trainer_loss(trainer, net, DATA(XOR_INPUTS, 8, NULL, 4), &loss));
    ERR_NULL(nsw_trainer_loss(trainer, net, &XOR_DATA, NULL));

    ERR_NULL(nsw_qnet_describe(qnet, NULL));
    ERR_NULL(nsw_qnet_forward(qnet, NULL, 2, out, 1, &len));
    ERR_NULL(nsw_qnet_forward(qnet, XOR_INPUTS, 2, NULL, 1, &len));
    ERR_NULL(nsw_qnet_forward_i8(qnet, NULL, 2, small, 1, &len));
    ERR_NULL(nsw_qnet_forward_i8(qnet, small, 2, NULL, 1, &len));
    ERR_NULL(nsw_qnet_quantize_input(qnet, NULL, 2, small, 2, &len));
    ERR_NULL(nsw_qnet_quantize_input(qnet, XOR_INPUTS, 2, NULL, 2, &len));
    ERR_NULL(nsw_qnet_dequantize_output(qnet, NULL, 1, out, 1, &len));
    ERR_NULL(nsw_qnet_dequantize_output(qnet, small, 1, NULL, 1, &len));
}

/* Lengths are optional outputs everywhere. */
static void null_lengths_are_fine(void) {
    float out[4];
    int8_t small[2] = {0, 0}, result[1];
    uint8_t bytes[1024];
    CHECK_OK(nsw_net_forward(net, XOR_INPUTS, 2, out, 1, NULL));
    CHECK_OK(nsw_net_forward_batch(net, XOR_INPUTS, 8, 4, out, 4, NULL));
    CHECK_OK(nsw_net_save(net, bytes, sizeof bytes, NULL));
    CHECK_OK(nsw_qnet_save(qnet, bytes, sizeof bytes, NULL));
    CHECK_OK(nsw_qnet_forward(qnet, XOR_INPUTS, 2, out, 1, NULL));
    CHECK_OK(nsw_qnet_forward_i8(qnet, small, 2, result, 1, NULL));
    CHECK_OK(nsw_qnet_quantize_input(qnet, XOR_INPUTS, 2, small, 2, NULL));
    CHECK_OK(nsw_qnet_dequantize_output(qnet, small, 1, out, 1, NULL));
}

/* ---- lengths ------------------------------------------------------------------- */

static const size_t WRONG_LENGTHS[] = {
    0, 1, 3, 5, 7, 9, 16, SIZE_MAX, SIZE_MAX - 1, SIZE_MAX / 2, SIZE_MAX / 2 + 1,
    SIZE_MAX / 4, SIZE_MAX / 4 + 1, SIZE_MAX / 8, SIZE_MAX / 8 + 1,
};

/* None of these lengths is that of any input below, so nothing may be read. */
static void wrong_input_lengths(void) {
    float out[4];
    int8_t small[2] = {0, 0};
    size_t len;
    float loss;
    nsw_train_params params = NSW_TRAIN_PARAMS_INIT;
    params.max_epochs = 1;
    for (size_t i = 0; i < COUNT_OF(WRONG_LENGTHS); i++) {
        size_t wrong = WRONG_LENGTHS[i];
        ERR_ANY(nsw_net_forward(net, XOR_INPUTS, wrong, out, 1, &len));
        ERR_ANY(nsw_net_forward_batch(net, XOR_INPUTS, wrong, 4, out, 4, &len));
        ERR_ANY(nsw_trainer_train(trainer, net, DATA(XOR_INPUTS, wrong, XOR_TARGETS, 4), &params,
                                  NULL));
        ERR_ANY(nsw_trainer_epoch(trainer, net, DATA(XOR_INPUTS, wrong, XOR_TARGETS, 4), &loss));
        ERR_ANY(nsw_trainer_loss(trainer, net, DATA(XOR_INPUTS, wrong, XOR_TARGETS, 4), &loss));
        ERR_ANY(nsw_trainer_train(trainer, net, DATA(XOR_INPUTS, 8, XOR_TARGETS, wrong), &params,
                                  NULL));
        ERR_ANY(nsw_trainer_epoch(trainer, net, DATA(XOR_INPUTS, 8, XOR_TARGETS, wrong), &loss));
        ERR_ANY(nsw_trainer_loss(trainer, net, DATA(XOR_INPUTS, 8, XOR_TARGETS, wrong), &loss));
        ERR_ANY(nsw_qnet_forward(qnet, XOR_INPUTS, wrong, out, 1, &len));
        ERR_ANY(nsw_qnet_forward_i8(qnet, small, wrong, small, 1, &len));
        /* These two take any number of values; here there is room for 2 and for 1. */
        if (wrong > 2) {
            ERR_ANY(nsw_qnet_quantize_input(qnet, XOR_INPUTS, wrong, small, 2, &len));
            ERR_ANY(nsw_qnet_dequantize_output(qnet, small, wrong, out, 1, &len));
        }
        if (wrong != 0) { /* 0 samples of 0 values is asked elsewhere */
            ERR_ANY(nsw_net_forward_batch(net, XOR_INPUTS, 8, wrong, out, 4, &len));
        }
        if (wrong % 2 != 0 || wrong > 16) { /* no whole rows, or more than any memory */
            nsw_qnet_config cfg = small_qnet_config(net);
            nsw_qnet *q = NULL;
            cfg.samples_len = wrong;
            ERR_ANY(nsw_qnet_create(&cfg, NULL, &q));
            CHECK(q == NULL);
        }
    }
    CHECK_STATUS(nsw_net_forward(net, XOR_INPUTS, 3, out, 1, &len), NSW_ERR_LENGTH);
    CHECK_STATUS(nsw_trainer_loss(trainer, net, DATA(XOR_INPUTS, 8, XOR_TARGETS, 3), &loss),
                 NSW_ERR_LENGTH);
    CHECK_STATUS(nsw_qnet_forward(qnet, XOR_INPUTS, 1, out, 1, &len), NSW_ERR_LENGTH);
}

static void no_samples(void) {
    size_t len = 99;
    float loss, out[1];
    /* Nothing to run is no error; nothing to learn from is one. */
    CHECK_OK(nsw_net_forward_batch(net, XOR_INPUTS, 0, 0, out, 1, &len));
    CHECK_SIZE(len, 0);
    ERR_ANY(nsw_trainer_loss(trainer, net, DATA(XOR_INPUTS, 0, XOR_TARGETS, 0), &loss));
    ERR_ANY(nsw_trainer_epoch(trainer, net, DATA(XOR_INPUTS, 0, XOR_TARGETS, 0), &loss));
    nsw_qnet_config cfg = small_qnet_config(net);
    cfg.samples_len = 0;
    nsw_qnet *q = NULL;
    ERR_ANY(nsw_qnet_create(&cfg, NULL, &q));
    CHECK(q == NULL);
}

static void overlong_models(void) {
    guarded bytes = net_bytes(net);
    size_t size, align;
    nsw_net *n = NULL;
    const size_t lengths[] = {SIZE_MAX, SIZE_MAX - 3, SIZE_MAX / 2 + 1};
    for (size_t i = 0; i < COUNT_OF(lengths); i++) {
        ERR_ANY(nsw_net_load_footprint(bytes.data, lengths[i], &size, &align));
        ERR_ANY(nsw_net_view(bytes.data, lengths[i], NULL, &n));
        CHECK(n == NULL);
    }
    guarded_free(&bytes);
    nsw_arena *arena = NULL;
    uint8_t memory[64];
    ERR_ANY(nsw_arena_create(memory, SIZE_MAX, &arena));
    CHECK(arena == NULL);
}

/* A shape whose size does not fit in size_t, or is more than any allocator has. */
static void shapes_that_overflow(void) {
    nsw_layer layers[] = {
        NSW_LAYER(UINT32_MAX, NSW_ACTIVATION_RELU),
        NSW_LAYER(UINT32_MAX, NSW_ACTIVATION_LINEAR),
    };
    nsw_net_config cfg = NSW_NET_CONFIG_INIT;
    cfg.inputs = UINT32_MAX;
    cfg.layers = layers;
    cfg.layer_count = COUNT_OF(layers);
    size_t size, align;
    nsw_net *n = NULL;
    ERR_ANY(nsw_net_footprint(&cfg, &size, &align));
    ERR_ANY(nsw_net_create(&cfg, NULL, &n));
    CHECK(n == NULL);
    cfg.layer_count = SIZE_MAX;
    ERR_ANY(nsw_net_create(&cfg, NULL, &n));
    cfg.layer_count = SIZE_MAX / sizeof(nsw_layer) + 2;
    ERR_ANY(nsw_net_create(&cfg, NULL, &n));
    CHECK(n == NULL);
}

static void shapes_that_are_none(void) {
    nsw_layer layer = NSW_LAYER(3, NSW_ACTIVATION_TANH);
    nsw_net_config cfg = NSW_NET_CONFIG_INIT;
    nsw_net *n = NULL;
    cfg.inputs = 2;
    cfg.layers = &layer;
    cfg.layer_count = 0;
    CHECK_STATUS(nsw_net_create(&cfg, NULL, &n), NSW_ERR_NN_SHAPE);
    cfg.layer_count = 1;
    cfg.inputs = 0;
    CHECK_STATUS(nsw_net_create(&cfg, NULL, &n), NSW_ERR_NN_SHAPE);
    cfg.inputs = 2;
    layer.units = 0;
    CHECK_STATUS(nsw_net_create(&cfg, NULL, &n), NSW_ERR_NN_SHAPE);
    layer.units = 3;
    layer.activation = 77;
    CHECK_STATUS(nsw_net_create(&cfg, NULL, &n), NSW_ERR_INVALID);
    layer.activation = NSW_ACTIVATION_TANH;
    layer.init = 77;
    CHECK_STATUS(nsw_net_create(&cfg, NULL, &n), NSW_ERR_INVALID);
    layer.init = NSW_INIT_HE;
    CHECK_OK(nsw_net_create(&cfg, NULL, &n));
    CHECK_STATUS(nsw_net_set_kernel(n, 77), NSW_ERR_INVALID);
    nsw_net_destroy(n);
}

/* ---- small buffers ---------------------------------------------------------------- */

#define SMALL_BUFFER(call, out, len, needed)                                             \
    do {                                                                                 \
        snapshot before_ = snapshot_take((out), sizeof(out));                            \
        (len) = 0;                                                                       \
        CHECK_STATUS(call, NSW_ERR_BUFFER_TOO_SMALL);                                    \
        CHECK_SIZE(len, needed);                                                         \
        CHECK(snapshot_unchanged(&before_));                                             \
        snapshot_free(&before_);                                                         \
    } while (0)

static void small_buffers(void) {
    float out[8];
    int8_t small[8];
    uint8_t bytes[1024];
    size_t len, needed = 0;
    memset(out, 0x11, sizeof out);
    memset(small, 0x11, sizeof small);
    memset(bytes, 0x11, sizeof bytes);

    SMALL_BUFFER(nsw_net_forward(net, XOR_INPUTS, 2, out, 0, &len), out, len, 1);
    SMALL_BUFFER(nsw_net_forward(net, XOR_INPUTS, 2, NULL, 0, &len), out, len, 1);
    SMALL_BUFFER(nsw_net_forward_batch(net, XOR_INPUTS, 8, 4, out, 3, &len), out, len, 4);
    SMALL_BUFFER(nsw_qnet_forward(qnet, XOR_INPUTS, 2, out, 0, &len), out, len, 1);
    SMALL_BUFFER(nsw_qnet_forward_i8(qnet, small + 4, 2, small, 0, &len), small, len, 1);
    SMALL_BUFFER(nsw_qnet_quantize_input(qnet, XOR_INPUTS, 2, small, 1, &len), small, len, 2);
    SMALL_BUFFER(nsw_qnet_dequantize_output(qnet, small, 1, out, 0, &len), out, len, 1);

    CHECK_STATUS(nsw_net_save(net, NULL, 0, &needed), NSW_ERR_BUFFER_TOO_SMALL);
    for (size_t cap = 0; cap < needed; cap++) {
        SMALL_BUFFER(nsw_net_save(net, bytes, cap, &len), bytes, len, needed);
    }
    CHECK_OK(nsw_net_save(net, bytes, needed, &len));
    CHECK(bytes[needed] == 0x11);
    memset(bytes, 0x11, sizeof bytes);
    CHECK_STATUS(nsw_qnet_save(qnet, NULL, 0, &needed), NSW_ERR_BUFFER_TOO_SMALL);
    for (size_t cap = 0; cap < needed; cap++) {
        SMALL_BUFFER(nsw_qnet_save(qnet, bytes, cap, &len), bytes, len, needed);
    }
    CHECK_OK(nsw_qnet_save(qnet, bytes, needed, &len));
    CHECK(bytes[needed] == 0x11);

    /* A length may be larger than needed by any amount. */
    CHECK_OK(nsw_net_forward(net, XOR_INPUTS, 2, out, COUNT_OF(out), &len));
    CHECK_SIZE(len, 1);
}

/* Where input and output are different things, they may not share memory. */
static void overlapping_buffers(void) {
    float values[16] = {0};
    int8_t small[4] = {0};
    size_t len;
    CHECK_STATUS(nsw_net_forward(net, values, 2, values, 1, &len), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_net_forward(net, values, 2, values + 1, 1, &len), NSW_ERR_INVALID);
    CHECK_OK(nsw_net_forward(net, values, 2, values + 2, 1, &len));
    CHECK_OK(nsw_net_forward(net, values + 1, 2, values, 1, &len));
    CHECK_STATUS(nsw_net_forward_batch(net, values, 8, 4, values + 7, 4, &len), NSW_ERR_INVALID);
    CHECK_OK(nsw_net_forward_batch(net, values, 8, 4, values + 8, 4, &len));
    CHECK_STATUS(nsw_qnet_forward_i8(qnet, small, 2, small + 1, 1, &len), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_qnet_forward(qnet, values, 2, values, 1, &len), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_qnet_quantize_input(qnet, values, 2, (int8_t *)values, 2, &len),
                 NSW_ERR_INVALID);
    CHECK_STATUS(nsw_qnet_dequantize_output(qnet, (int8_t *)values, 1, values, 1, &len),
                 NSW_ERR_INVALID);
}

/* Floats one byte off their alignment must be refused, not read. */
static void misaligned_data(void) {
    guarded g = guarded_new(8 * sizeof(float), 16, 1);
    memset(g.data, 0, g.len);
    void *crooked = g.data;
    float out[4];
    int8_t small[2] = {0, 0};
    size_t len;
    CHECK_STATUS(nsw_net_forward(net, crooked, 2, out, 1, &len), NSW_ERR_ALIGNMENT);
    CHECK_STATUS(nsw_net_forward(net, XOR_INPUTS, 2, crooked, 1, &len), NSW_ERR_ALIGNMENT);
    CHECK_STATUS(nsw_net_forward_batch(net, crooked, 8, 4, out, 4, &len), NSW_ERR_ALIGNMENT);
    CHECK_STATUS(nsw_trainer_loss(trainer, net, DATA(crooked, 8, XOR_TARGETS, 4), out),
                 NSW_ERR_ALIGNMENT);
    CHECK_STATUS(nsw_trainer_loss(trainer, net, DATA(XOR_INPUTS, 8, crooked, 4), out),
                 NSW_ERR_ALIGNMENT);
    CHECK_STATUS(nsw_qnet_forward(qnet, crooked, 2, out, 1, &len), NSW_ERR_ALIGNMENT);
    CHECK_STATUS(nsw_qnet_forward(qnet, XOR_INPUTS, 2, crooked, 1, &len), NSW_ERR_ALIGNMENT);
    CHECK_STATUS(nsw_qnet_quantize_input(qnet, crooked, 2, small, 2, &len), NSW_ERR_ALIGNMENT);
    CHECK_STATUS(nsw_qnet_dequantize_output(qnet, small, 1, crooked, 1, &len),
                 NSW_ERR_ALIGNMENT);
    nsw_net *none = net;
    CHECK_STATUS(nsw_net_create(crooked, NULL, &none), NSW_ERR_ALIGNMENT);
    CHECK(none == NULL);
    guarded_free(&g);
}

int main(void) {
    counting memory;
    counting_init(&memory);
    net = small_net(1, &memory.hook);
    trainer = small_trainer(net, NSW_ALGORITHM_SGD, &memory.hook);
    qnet = small_qnet(net, &memory.hook);
    answers(answer_before);

    static void (*const tests[])(void) = {
        null_in_creation, null_in_models,  null_in_use,          null_lengths_are_fine,
        no_samples,       overlong_models, shapes_that_overflow, shapes_that_are_none,
        small_buffers,    misaligned_data, overlapping_buffers,  wrong_input_lengths,
    };
    for (size_t i = 0; i < COUNT_OF(tests); i++) {
        tests[i]();
        still_works();
    }
    nsw_qnet_destroy(qnet);
    nsw_trainer_destroy(trainer);
    nsw_net_destroy(net);
    counting_finish(&memory);
    return check_report("misuse_args");
}
