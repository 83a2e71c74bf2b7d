/*
 * Networks of int16 values, the choice of a scheme, and int8 models loaded for
 * batches: what they do, and what they refuse.
 */
#include <math.h>
#include <string.h>

#include "support.h"

#define ROWS 60u
#define INPUTS 3u

static float samples[ROWS * INPUTS];
static float targets[ROWS];

static nsw_net *make_net(uint32_t topology) {
    const nsw_layer layers[] = {NSW_LAYER(11, NSW_ACTIVATION_TANH),
                                NSW_LAYER(7, NSW_ACTIVATION_GELU),
                                NSW_LAYER(1, NSW_ACTIVATION_LINEAR)};
    nsw_net_config cfg = NSW_NET_CONFIG_INIT;
    cfg.inputs = INPUTS;
    cfg.layers = layers;
    cfg.layer_count = COUNT_OF(layers);
    cfg.seed = 5;
    cfg.topology = topology;
    nsw_net *net = NULL;
    REQUIRE_OK(nsw_net_create(&cfg, NULL, &net));
    uint32_t state = 77;
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        samples[i] = 2.0f * random_signed(&state);
    }
    CHECK_OK(nsw_net_forward_batch(net, samples, COUNT_OF(samples), ROWS, targets, ROWS, NULL));
    for (size_t i = 0; i < ROWS; i++) {
        targets[i] = targets[i] > 0.0f ? 1.0f : -1.0f;
    }
    return net;
}

static nsw_qnet16_config config_of(nsw_net *net) {
    nsw_qnet16_config cfg = NSW_QNET16_CONFIG_INIT;
    cfg.net = net;
    cfg.samples = samples;
    cfg.samples_len = COUNT_OF(samples);
    return cfg;
}

static guarded bytes_of(const nsw_qnet16 *qnet) {
    size_t needed = 0, len = 0;
    CHECK_STATUS(nsw_qnet16_save(qnet, NULL, 0, &needed), NSW_ERR_BUFFER_TOO_SMALL);
    guarded bytes = guarded_new(needed, NSW_MODEL_ALIGN, 0);
    REQUIRE_OK(nsw_qnet16_save(qnet, bytes.data, bytes.len, &len));
    CHECK_SIZE(len, needed);
    return bytes;
}

/* Created, loaded and viewed, on every kernel, one by one and in rows. */
static void same_integers(nsw_net *net, uint32_t scheme) {
    nsw_qnet16_config cfg = config_of(net);
    cfg.scheme = scheme;
    nsw_qnet16 *all[3] = {NULL, NULL, NULL};
    REQUIRE_OK(nsw_qnet16_create(&cfg, NULL, &all[0]));
    guarded model = bytes_of(all[0]);
    REQUIRE_OK(nsw_qnet16_load(model.data, model.len, NULL, &all[1]));
    REQUIRE_OK(nsw_qnet16_view(model.data, model.len, NULL, &all[2]));
    int16_t in[ROWS * INPUTS], first[ROWS], again[ROWS];
    float real[ROWS], whole[ROWS];
    size_t len = 0;
    CHECK_OK(nsw_qnet16_quantize_input(all[0], samples, COUNT_OF(samples), in, COUNT_OF(in), &len));
    CHECK_SIZE(len, COUNT_OF(in));
    CHECK_OK(nsw_qnet16_forward_i16_batch(all[0], in, COUNT_OF(in), first, ROWS, &len));
    CHECK_SIZE(len, ROWS);
    for (size_t n = 0; n < COUNT_OF(all); n++) {
        unsigned available = 0;
        for (uint32_t kernel = NSW_KERNEL_AUTO; kernel <= NSW_KERNEL_DSP; kernel++) {
            if (nsw_qnet16_set_kernel(all[n], kernel) == NSW_ERR_UNSUPPORTED) {
                CHECK(kernel > NSW_KERNEL_PORTABLE);
                continue;
            }
            available++;
            for (size_t i = 0; i < ROWS; i++) {
                CHECK_OK(nsw_qnet16_forward_i16(all[n], in + INPUTS * i, INPUTS, again + i, 1, NULL));
            }
            CHECK_NOTE(memcmp(first, again, sizeof first) == 0, "object %zu, kernel %u", n,
                       (unsigned)kernel);
        }
        CHECK(available >= 2);
        CHECK_STATUS(nsw_qnet16_set_kernel(all[n], 99), NSW_ERR_INVALID);
    }
    CHECK_OK(nsw_qnet16_dequantize_output(all[1], first, ROWS, real, ROWS, NULL));
    CHECK_OK(nsw_qnet16_forward_batch(all[2], samples, COUNT_OF(samples), whole, ROWS, &len));
    CHECK_SIZE(len, ROWS);
    CHECK(memcmp(real, whole, sizeof real) == 0);
    CHECK_OK(nsw_qnet16_forward(all[2], samples + INPUTS, INPUTS, real, 1, NULL));
    CHECK(real[0] == whole[1]);

    nsw_qnet16_info info = NSW_QNET16_INFO_INIT;
    CHECK_OK(nsw_qnet16_describe(all[0], &info));
    CHECK(info.inputs == INPUTS && info.outputs == 1 && info.layers == 3);
    CHECK(info.scheme == (scheme == 0 ? NSW_SCHEME_INT16X8 : scheme));
    CHECK_SIZE(info.model_size, model.len);
    CHECK(info.input_scale > 0.0f && info.output_scale > 0.0f);
    int16_t ends[4];
    const float extremes[4] = {INFINITY, -1e30f, NAN, info.input_scale};
    CHECK_OK(nsw_qnet16_quantize_input(all[0], extremes, 4, ends, 4, NULL));
    CHECK(ends[0] == INT16_MAX && ends[1] == INT16_MIN && ends[2] == 0 && ends[3] == 1);

    double errors[3 * 4];
    CHECK_OK(nsw_qnet16_compare(all[0], samples, COUNT_OF(samples), net, errors, COUNT_OF(errors),
                                &len));
    CHECK_SIZE(len, COUNT_OF(errors));
    for (size_t layer = 0; layer < 3; layer++) {
        const double *e = &errors[4 * layer];
        CHECK(e[0] <= e[1] && e[1] <= e[2]);
        CHECK(e[3] > (scheme == NSW_SCHEME_INT16 ? 60.0 : 30.0));
    }
    CHECK_STATUS(nsw_qnet16_compare(all[0], samples, 1, net, errors, 12, NULL), NSW_ERR_LENGTH);
    CHECK_STATUS(nsw_qnet16_compare(all[0], samples, 3, net, errors, 11, NULL),
                 NSW_ERR_BUFFER_TOO_SMALL);

    /* Wrong lengths, buffers, kinds, places. */
    CHECK_STATUS(nsw_qnet16_forward_i16(all[0], in, 2, again, 1, NULL), NSW_ERR_LENGTH);
    CHECK_STATUS(nsw_qnet16_forward_i16(all[0], in, INPUTS, again, 0, NULL),
                 NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_STATUS(nsw_qnet16_forward_i16(all[0], in, INPUTS, in, 1, NULL), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_qnet16_forward_i16(all[0], NULL, INPUTS, again, 1, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_qnet16_forward_i16_batch(all[0], in, 4, again, ROWS, NULL), NSW_ERR_LENGTH);
    CHECK_STATUS(nsw_qnet16_forward_batch(all[0], samples, 4, real, ROWS, NULL), NSW_ERR_LENGTH);
    CHECK_STATUS(nsw_qnet16_forward(all[0], samples, INPUTS, real, 0, &len),
                 NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_SIZE(len, 1);
    nsw_qnet *narrow = (nsw_qnet *)model.data;
    CHECK_STATUS(nsw_qnet_load(model.data, model.len, NULL, &narrow), NSW_ERR_MODEL_KIND);
    CHECK(narrow == NULL);
    nsw_qnet16 *none = all[0];
    CHECK_STATUS(nsw_qnet16_load(model.data, model.len - 4, NULL, &none), NSW_ERR_MODEL_TRUNCATED);
    CHECK(none == NULL);
    CHECK_STATUS(nsw_qnet16_view(model.data + 1, model.len - 1, NULL, &none), NSW_ERR_MODEL_MAGIC);
    CHECK_STATUS(nsw_qnet16_save(all[2], model.data, model.len, NULL), NSW_ERR_INVALID);
    for (size_t n = 0; n < COUNT_OF(all); n++) {
        nsw_qnet16_destroy(all[n]);
    }
    guarded_free(&model);
}

static void settings_are_checked(nsw_net *net) {
    nsw_qnet16 *qnet = NULL;
    const nsw_qnet16_config good = config_of(net);
    struct {
        uint32_t scheme, calibration;
        float percentile;
        nsw_status expected;
    } cases[] = {
        {0, NSW_CALIBRATION_PERCENTILE, 0.0f, NSW_OK},
        {NSW_SCHEME_INT16, NSW_CALIBRATION_PERCENTILE, 99.0f, NSW_OK},
        {NSW_SCHEME_INT8, 0, 0.0f, NSW_ERR_INVALID},
        {4, 0, 0.0f, NSW_ERR_INVALID},
        {0, 3, 0.0f, NSW_ERR_INVALID},
        {0, NSW_CALIBRATION_ENTROPY, 0.0f, NSW_OK},
        {0, NSW_CALIBRATION_ENTROPY, 99.0f, NSW_ERR_INVALID},
        {0, NSW_CALIBRATION_PERCENTILE, 100.5f, NSW_ERR_INVALID},
        {0, NSW_CALIBRATION_MIN_MAX, 99.0f, NSW_ERR_INVALID},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        nsw_qnet16_config cfg = good;
        cfg.scheme = cases[i].scheme;
        cfg.calibration = cases[i].calibration;
        cfg.percentile = cases[i].percentile;
        size_t size, align;
        CHECK_STATUS(nsw_qnet16_footprint(&cfg, &size, &align), cases[i].expected);
        CHECK_STATUS(nsw_qnet16_create(&cfg, NULL, &qnet), cases[i].expected);
        CHECK((qnet != NULL) == (cases[i].expected == NSW_OK));
        nsw_qnet16_destroy(qnet);
    }
    nsw_qnet16_config cfg = good;
    cfg.rounding = NSW_ROUNDING_DOUBLE;
    CHECK_OK(nsw_qnet16_create(&cfg, NULL, &qnet));
    nsw_qnet16_destroy(qnet);
    cfg.rounding = 2;
    CHECK_STATUS(nsw_qnet16_create(&cfg, NULL, &qnet), NSW_ERR_INVALID);
    cfg = good;
    cfg.reserved = 1;
    CHECK_STATUS(nsw_qnet16_create(&cfg, NULL, &qnet), NSW_ERR_INVALID);
    cfg = good;
    cfg.samples_len = 4;
    CHECK_STATUS(nsw_qnet16_create(&cfg, NULL, &qnet), NSW_ERR_LENGTH);
    cfg.samples = NULL;
    CHECK_STATUS(nsw_qnet16_create(&cfg, NULL, &qnet), NSW_ERR_NULL);
    cfg = good;
    cfg.net = NULL;
    CHECK_STATUS(nsw_qnet16_create(&cfg, NULL, &qnet), NSW_ERR_NULL);
    cfg = good;
    cfg.size -= 4;
    CHECK_STATUS(nsw_qnet16_create(&cfg, NULL, &qnet), NSW_ERR_STRUCT_SIZE);
    CHECK_STATUS(nsw_qnet16_create(NULL, NULL, &qnet), NSW_ERR_NULL);
    CHECK_STATUS(nsw_qnet16_create(&good, NULL, NULL), NSW_ERR_NULL);
    /* Handles of another kind, and none. */
    CHECK_STATUS(nsw_qnet16_set_kernel((nsw_qnet16 *)net, 0), NSW_ERR_HANDLE);
    CHECK_STATUS(nsw_qnet16_set_kernel(NULL, 0), NSW_ERR_NULL);
    nsw_qnet16_destroy(NULL);
    nsw_qnet16_info info = NSW_QNET16_INFO_INIT;
    CHECK_STATUS(nsw_qnet16_describe((const nsw_qnet16 *)net, &info), NSW_ERR_HANDLE);
    REQUIRE_OK(nsw_qnet16_create(&good, NULL, &qnet));
    info.size = 4;
    CHECK_STATUS(nsw_qnet16_describe(qnet, &info), NSW_ERR_STRUCT_SIZE);
    CHECK_STATUS(nsw_qnet16_describe(qnet, NULL), NSW_ERR_NULL);
    nsw_qnet16_destroy(qnet);
}

/* What asks for memory: one block of the footprint, and nothing where it fails. */
static guarded model16, model8;
static nsw_net *the_net;

static nsw_status make_created(const nsw_allocator *mem, size_t *size, size_t *align) {
    nsw_qnet16_config cfg = config_of(the_net);
    if (size != NULL) {
        return nsw_qnet16_footprint(&cfg, size, align);
    }
    nsw_qnet16 *qnet = NULL;
    nsw_status status = nsw_qnet16_create(&cfg, mem, &qnet);
    CHECK((qnet != NULL) == (status == NSW_OK));
    nsw_qnet16_destroy(qnet);
    return status;
}

static nsw_status make_loaded(const nsw_allocator *mem, size_t *size, size_t *align) {
    if (size != NULL) {
        return nsw_qnet16_load_footprint(model16.data, model16.len, size, align);
    }
    nsw_qnet16 *qnet = NULL;
    nsw_status status = nsw_qnet16_load(model16.data, model16.len, mem, &qnet);
    CHECK((qnet != NULL) == (status == NSW_OK));
    nsw_qnet16_destroy(qnet);
    return status;
}

static nsw_status make_viewed(const nsw_allocator *mem, size_t *size, size_t *align) {
    if (size != NULL) {
        return nsw_qnet16_view_footprint(model16.data, model16.len, size, align);
    }
    nsw_qnet16 *qnet = NULL;
    nsw_status status = nsw_qnet16_view(model16.data, model16.len, mem, &qnet);
    CHECK((qnet != NULL) == (status == NSW_OK));
    nsw_qnet16_destroy(qnet);
    return status;
}

static nsw_status make_load_batch(const nsw_allocator *mem, size_t *size, size_t *align) {
    if (size != NULL) {
        return nsw_qnet_load_batch_footprint(model8.data, model8.len, 16, size, align);
    }
    nsw_qnet *qnet = NULL;
    nsw_status status = nsw_qnet_load_batch(model8.data, model8.len, 16, mem, &qnet);
    CHECK((qnet != NULL) == (status == NSW_OK));
    nsw_qnet_destroy(qnet);
    return status;
}

static nsw_status make_view_batch(const nsw_allocator *mem, size_t *size, size_t *align) {
    if (size != NULL) {
        return nsw_qnet_view_batch_footprint(model8.data, model8.len, 16, size, align);
    }
    nsw_qnet *qnet = NULL;
    nsw_status status = nsw_qnet_view_batch(model8.data, model8.len, 16, mem, &qnet);
    CHECK((qnet != NULL) == (status == NSW_OK));
    nsw_qnet_destroy(qnet);
    return status;
}

static nsw_scheme_config scheme_of(nsw_net *net, uint32_t bound, double limit) {
    nsw_scheme_config cfg = NSW_SCHEME_CONFIG_INIT;
    cfg.net = net;
    cfg.samples = samples;
    cfg.samples_len = COUNT_OF(samples);
    cfg.bound = bound;
    cfg.limit = limit;
    return cfg;
}

static nsw_status make_choice(const nsw_allocator *mem, size_t *size, size_t *align) {
    nsw_scheme_config cfg = scheme_of(the_net, NSW_BOUND_RMS, 0.0);
    if (size != NULL) {
        return nsw_smallest_scheme_footprint(&cfg, size, align);
    }
    nsw_scheme_choice choice = NSW_SCHEME_CHOICE_INIT;
    return nsw_smallest_scheme(&cfg, mem, &choice);
}

static void one_block_of_the_footprint(void) {
    nsw_status (*const makers[])(const nsw_allocator *, size_t *, size_t *) = {
        make_created, make_loaded, make_viewed, make_load_batch, make_view_batch, make_choice};
    for (size_t i = 0; i < COUNT_OF(makers); i++) {
        size_t size = 0, align = 0;
        CHECK_OK(makers[i](NULL, &size, &align));
        counting memory;
        counting_init(&memory);
        CHECK_OK(makers[i](&memory.hook, NULL, NULL));
        CHECK_SIZE(memory.calls, 1);
        CHECK_NOTE(memory.last_size == size && memory.last_align == align, "maker %zu", i);
        counting_finish(&memory);
        counting_init(&memory);
        memory.fail_at = 1;
        CHECK_STATUS(makers[i](&memory.hook, NULL, NULL), NSW_ERR_OUT_OF_MEMORY);
        counting_finish(&memory);
        counting_init(&memory);
        memory.misalign_at = 1;
        CHECK_STATUS(makers[i](&memory.hook, NULL, NULL), NSW_ERR_ALLOCATOR);
        counting_finish(&memory);
    }
}

static void a_scheme_is_chosen(nsw_net *net) {
    nsw_scheme_choice all = NSW_SCHEME_CHOICE_INIT;
    nsw_scheme_config cfg = scheme_of(net, NSW_BOUND_RMS, 0.0);
    CHECK_OK(nsw_smallest_scheme(&cfg, NULL, &all));
    CHECK(all.scheme == 0);
    CHECK(all.losses[2] > 0.0 && all.losses[2] < all.losses[1] && all.losses[1] < all.losses[0]);
    CHECK(all.model_sizes[0] < all.model_sizes[1] && all.model_sizes[1] < all.model_sizes[2]);
    for (uint32_t scheme = NSW_SCHEME_INT8; scheme <= NSW_SCHEME_INT16; scheme++) {
        nsw_scheme_choice choice = NSW_SCHEME_CHOICE_INIT;
        cfg.limit = all.losses[scheme - 1];
        CHECK_OK(nsw_smallest_scheme(&cfg, NULL, &choice));
        CHECK(choice.scheme == scheme);
        CHECK(choice.losses[scheme - 1] == all.losses[scheme - 1]);
        CHECK(scheme == NSW_SCHEME_INT16 || isnan(choice.losses[scheme]));
        CHECK(scheme == NSW_SCHEME_INT16 || choice.model_sizes[scheme] == 0);
    }
    /* By what they classify rightly, on the last rows only. */
    cfg = scheme_of(net, NSW_BOUND_ACCURACY, 0.5);
    cfg.inputs = samples + 10 * INPUTS;
    cfg.inputs_len = (ROWS - 10) * INPUTS;
    cfg.targets = targets + 10;
    cfg.targets_len = ROWS - 10;
    nsw_scheme_choice choice = NSW_SCHEME_CHOICE_INIT;
    CHECK_OK(nsw_smallest_scheme(&cfg, NULL, &choice));
    CHECK(choice.scheme == NSW_SCHEME_INT8 && choice.losses[0] <= 0.5);
    cfg.calibration = NSW_CALIBRATION_ENTROPY;
    cfg.rounding = NSW_ROUNDING_DOUBLE;
    CHECK_OK(nsw_smallest_scheme(&cfg, NULL, &choice));

    const nsw_scheme_config good = scheme_of(net, NSW_BOUND_MAX, 1.0);
    const nsw_scheme_choice before = choice;
#define REFUSED(change, expected)                                                        \
    do {                                                                                 \
        cfg = good;                                                                      \
        change;                                                                          \
        CHECK_STATUS(nsw_smallest_scheme(&cfg, NULL, &choice), (expected));              \
        CHECK(memcmp(&choice, &before, sizeof choice) == 0);                             \
    } while (0)
    REFUSED(cfg.bound = 3, NSW_ERR_INVALID);
    REFUSED(cfg.limit = -1.0, NSW_ERR_INVALID);
    REFUSED(cfg.limit = (double)NAN, NSW_ERR_INVALID);
    REFUSED(cfg.rounding = 2, NSW_ERR_INVALID);
    REFUSED(cfg.calibration = 3, NSW_ERR_INVALID);
    REFUSED(cfg.reserved = 1, NSW_ERR_INVALID);
    REFUSED(cfg.size = 8, NSW_ERR_STRUCT_SIZE);
    REFUSED(cfg.net = NULL, NSW_ERR_NULL);
    REFUSED(cfg.samples = NULL, NSW_ERR_NULL);
    REFUSED(cfg.samples_len = 4, NSW_ERR_LENGTH);
    REFUSED(cfg.inputs_len = 3, NSW_ERR_NULL);
    REFUSED(cfg.bound = NSW_BOUND_ACCURACY, NSW_ERR_LENGTH);
    REFUSED((cfg.targets = targets, cfg.targets_len = ROWS), NSW_ERR_LENGTH);
    CHECK_STATUS(nsw_smallest_scheme(NULL, NULL, &choice), NSW_ERR_NULL);
    CHECK_STATUS(nsw_smallest_scheme(&good, NULL, NULL), NSW_ERR_NULL);
    choice.size = 8;
    CHECK_STATUS(nsw_smallest_scheme(&good, NULL, &choice), NSW_ERR_STRUCT_SIZE);
    size_t size;
    CHECK_STATUS(nsw_smallest_scheme_footprint(&good, &size, NULL), NSW_ERR_NULL);
}

/* Int8 models loaded for batches give what single samples give. */
static void int8_batches(nsw_net *net) {
    nsw_qnet_config cfg = NSW_QNET_CONFIG_INIT;
    cfg.net = net;
    cfg.samples = samples;
    cfg.samples_len = COUNT_OF(samples);
    nsw_qnet *qnet = NULL;
    REQUIRE_OK(nsw_qnet_create(&cfg, NULL, &qnet));
    model8 = qnet_bytes(qnet);
    float one[ROWS], many[ROWS];
    CHECK_OK(nsw_qnet_forward_batch(qnet, samples, COUNT_OF(samples), one, ROWS, NULL));
    static const uint32_t BATCHES[] = {0, 1, 3, 4, 16, 100};
    for (size_t i = 0; i < COUNT_OF(BATCHES); i++) {
        nsw_qnet *loaded = NULL, *viewed = NULL;
        CHECK_OK(nsw_qnet_load_batch(model8.data, model8.len, BATCHES[i], NULL, &loaded));
        CHECK_OK(nsw_qnet_view_batch(model8.data, model8.len, BATCHES[i], NULL, &viewed));
        CHECK_OK(nsw_qnet_forward_batch(loaded, samples, COUNT_OF(samples), many, ROWS, NULL));
        CHECK(memcmp(one, many, sizeof one) == 0);
        CHECK_OK(nsw_qnet_forward_batch(viewed, samples, COUNT_OF(samples), many, ROWS, NULL));
        CHECK(memcmp(one, many, sizeof one) == 0);
        nsw_qnet_destroy(loaded);
        nsw_qnet_destroy(viewed);
    }
    nsw_qnet *none = qnet;
    CHECK_STATUS(nsw_qnet_load_batch(NULL, 4, 2, NULL, &none), NSW_ERR_NULL);
    CHECK(none == NULL);
    size_t size, align, more;
    CHECK_OK(nsw_qnet_load_footprint(model8.data, model8.len, &size, &align));
    CHECK_OK(nsw_qnet_load_batch_footprint(model8.data, model8.len, 0, &more, &align));
    CHECK_SIZE(more, size);
    CHECK_OK(nsw_qnet_load_batch_footprint(model8.data, model8.len, 100, &more, &align));
    nsw_net_info info = NSW_NET_INFO_INIT;
    CHECK_OK(nsw_net_describe(net, &info));
    /* With shortcuts samples run one after the other. */
    CHECK(info.topology == NSW_TOPOLOGY_SHORTCUT ? more == size : more > size);
    nsw_qnet_destroy(qnet);
}

int main(void) {
    for (uint32_t topology = NSW_TOPOLOGY_LAYERED; topology <= NSW_TOPOLOGY_SHORTCUT; topology++) {
        if (the_net != NULL) {
            guarded_free(&model8);
            nsw_net_destroy(the_net);
        }
        the_net = make_net(topology);
        same_integers(the_net, 0);
        same_integers(the_net, NSW_SCHEME_INT16X8);
        same_integers(the_net, NSW_SCHEME_INT16);
        settings_are_checked(the_net);
        a_scheme_is_chosen(the_net);
        int8_batches(the_net);
    }
    nsw_qnet16_config cfg = config_of(the_net);
    nsw_qnet16 *qnet = NULL;
    REQUIRE_OK(nsw_qnet16_create(&cfg, NULL, &qnet));
    model16 = bytes_of(qnet);
    nsw_qnet16_destroy(qnet);
    one_block_of_the_footprint();
    guarded_free(&model16);
    guarded_free(&model8);
    nsw_net_destroy(the_net);
    return check_report("quant16");
}
