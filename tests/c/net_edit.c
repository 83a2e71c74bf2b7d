/*
 * Looking into a network and changing it: every number that is told agrees
 * with every other, every change has its effect, and bad arguments change
 * nothing.
 */
#include <math.h>
#include <string.h>

#include "support.h"

#define ERR_NULL(call) CHECK_STATUS(call, NSW_ERR_NULL)
#define ERR_INVALID(call) CHECK_STATUS(call, NSW_ERR_INVALID)

enum { INPUTS = 3, HIDDEN = 4, OUTPUTS = 2 };

/* 3 inputs, 4 tanh units, 2 sigmoid units, in any topology. */
static nsw_net_config config_of(uint32_t topology, float rate) {
    static const nsw_layer LAYERS[] = {
        NSW_LAYER(HIDDEN, NSW_ACTIVATION_TANH),
        NSW_LAYER(OUTPUTS, NSW_ACTIVATION_SIGMOID),
    };
    nsw_net_config cfg = NSW_NET_CONFIG_INIT;
    cfg.inputs = INPUTS;
    cfg.layers = LAYERS;
    cfg.layer_count = COUNT_OF(LAYERS);
    cfg.seed = 21;
    cfg.topology = topology;
    cfg.connection_rate = rate;
    return cfg;
}

static nsw_net *made(nsw_net_config cfg) {
    nsw_net *net = NULL;
    REQUIRE_OK(nsw_net_create(&cfg, NULL, &net));
    return net;
}

static size_t parameters(const nsw_net *net) {
    nsw_net_info info = NSW_NET_INFO_INIT;
    CHECK_OK(nsw_net_describe(net, &info));
    return info.parameters;
}

static float forward_one(nsw_net *net, const float *input, size_t inputs, size_t outputs) {
    float out[8];
    size_t len = 0;
    CHECK_OK(nsw_net_forward(net, input, inputs, out, COUNT_OF(out), &len));
    CHECK_SIZE(len, outputs);
    return out[0];
}

/* A change that was refused left everything as it was. */
static void unchanged(nsw_net *net, guarded *before) {
    guarded after = net_bytes(net);
    CHECK(before->len == after.len && memcmp(before->data, after.data, after.len) == 0);
    guarded_free(&after);
    guarded_free(before);
}

/* ---- layers and connections ----------------------------------------------------- */

/* Layers, connections, weights by place and weights by nodes tell the same. */
static void all_tells_the_same(uint32_t topology, float rate) {
    nsw_net *net = made(config_of(topology, rate));
    const size_t count = parameters(net);
    nsw_net_info info = NSW_NET_INFO_INIT;
    CHECK_OK(nsw_net_describe(net, &info));
    CHECK_SIZE(info.topology, topology);
    CHECK_SIZE(info.spare_units, 0);

    guarded weights = guarded_new(count * sizeof(float), 4, 0);
    guarded all = guarded_new(count * sizeof(nsw_connection), 4, 0);
    float *w = (void *)weights.data;
    nsw_connection *links = (void *)all.data;
    size_t len = 0;
    CHECK_OK(nsw_net_get_weights(net, w, count, &len));
    CHECK_SIZE(len, count);
    links[0].size = sizeof links[0];
    CHECK_OK(nsw_net_connections(net, 0, links, count, &len));
    CHECK_SIZE(len, count);

    size_t at = 0;
    uint32_t first_unit = INPUTS;
    for (uint32_t l = 0; l < 2; l++) {
        nsw_layer_info layer = NSW_LAYER_INFO_INIT;
        CHECK_OK(nsw_net_layer(net, l, &layer));
        CHECK_SIZE(layer.units, l == 0 ? HIDDEN : OUTPUTS);
        CHECK_SIZE(layer.first_unit, first_unit);
        CHECK_SIZE(layer.first_parameter, at);
        CHECK_SIZE(layer.activation, l == 0 ? NSW_ACTIVATION_TANH : NSW_ACTIVATION_SIGMOID);
        CHECK(layer.steepness == 1.0f && layer.mixed == 0);
        CHECK_SIZE(layer.sparse, rate > 0.0f && rate < 1.0f);
        bool shortcut = topology == NSW_TOPOLOGY_SHORTCUT;
        CHECK_SIZE(layer.first_source, l == 0 || shortcut ? 0 : INPUTS);
        CHECK_SIZE(layer.sources, l == 0 ? INPUTS : shortcut ? INPUTS + HIDDEN : HIDDEN);
        if (!layer.sparse) {
            CHECK_SIZE(layer.weights, layer.sources * layer.units);
        }
        for (size_t i = 0; i < layer.weights + layer.units; i++, at++) {
            bool bias = i >= layer.weights;
            CHECK((links[at].from == NSW_NODE_BIAS) == bias);
            CHECK(bias || (links[at].from >= layer.first_source &&
                           links[at].from < layer.first_source + layer.sources));
            CHECK(links[at].to >= first_unit && links[at].to < first_unit + layer.units);
        }
        first_unit += layer.units;
    }
    CHECK_SIZE(at, count);

    for (size_t i = 0; i < count; i++) {
        nsw_connection one = NSW_CONNECTION_INIT;
        float weight = NAN;
        CHECK_OK(nsw_net_connection(net, i, &one));
        CHECK(one.from == links[i].from && one.to == links[i].to && one.weight == w[i]);
        CHECK(links[i].weight == w[i] && links[i].size == sizeof links[i]);
        CHECK_OK(nsw_net_get_weight(net, one.from, one.to, &weight));
        CHECK(weight == w[i]);
        /* Written by its nodes, read by its place. */
        CHECK_OK(nsw_net_set_weight(net, one.from, one.to, (float)i + 0.5f));
        CHECK_OK(nsw_net_connection(net, i, &one));
        CHECK(one.weight == (float)i + 0.5f);
    }
    /* Part by part; less at the end, nothing behind it. */
    for (size_t first = 0; first <= count; first += 5) {
        nsw_connection part[5] = {NSW_CONNECTION_INIT};
        CHECK_OK(nsw_net_connections(net, first, part, 5, &len));
        CHECK_SIZE(len, count - first < 5 ? count - first : 5);
        for (size_t i = 0; i < len; i++) {
            CHECK(part[i].weight == (float)(first + i) + 0.5f);
        }
    }
    CHECK_OK(nsw_net_connections(net, count, links, 1, &len));
    CHECK_SIZE(len, 0);
    CHECK_OK(nsw_net_connections(net, 0, NULL, 0, &len));
    CHECK_SIZE(len, 0);
    ERR_INVALID(nsw_net_connections(net, count + 1, links, 1, &len));

    CHECK_OK(nsw_net_set_weights(net, w, count));
    for (size_t i = 0; i < count; i++) {
        float weight = NAN;
        CHECK_OK(nsw_net_get_weight(net, links[i].from, links[i].to, &weight));
        CHECK(weight == w[i]);
    }
    guarded_free(&weights);
    guarded_free(&all);
    nsw_net_destroy(net);
}

/* Outputs computed from the connections by hand. */
static void connections_are_what_runs(void) {
    nsw_net *net = made(config_of(NSW_TOPOLOGY_SHORTCUT, 0.6f));
    nsw_connection links[64] = {NSW_CONNECTION_INIT};
    size_t count = 0;
    CHECK_OK(nsw_net_connections(net, 0, links, COUNT_OF(links), &count));
    CHECK_SIZE(count, parameters(net));
    double node[INPUTS + HIDDEN + OUTPUTS] = {0.5, -1.0, 2.0};
    for (uint32_t to = INPUTS; to < COUNT_OF(node); to++) {
        double sum = 0.0;
        for (size_t i = 0; i < count; i++) {
            if (links[i].to == to) {
                double from = links[i].from == NSW_NODE_BIAS ? 1.0 : node[links[i].from];
                sum += from * (double)links[i].weight;
            }
        }
        node[to] = to < INPUTS + HIDDEN ? tanh(sum) : 1.0 / (1.0 + exp(-sum));
    }
    const float input[INPUTS] = {0.5f, -1.0f, 2.0f};
    float out = forward_one(net, input, INPUTS, OUTPUTS);
    CHECK_NOTE(fabs((double)out - node[INPUTS + HIDDEN]) < 1e-5, "%g, by hand %g", (double)out,
               node[INPUTS + HIDDEN]);
    nsw_net_destroy(net);
}

static void what_is_not_there(void) {
    nsw_net *net = made(config_of(NSW_TOPOLOGY_LAYERED, 0.0f));
    const size_t count = parameters(net);
    guarded before = net_bytes(net);
    nsw_layer_info layer = NSW_LAYER_INFO_INIT;
    nsw_connection link = NSW_CONNECTION_INIT;
    float weight, weights[64] = {0};
    size_t len = 0;
    ERR_INVALID(nsw_net_layer(net, 2, &layer));
    ERR_INVALID(nsw_net_layer(net, UINT32_MAX, &layer));
    ERR_INVALID(nsw_net_connection(net, count, &link));
    ERR_INVALID(nsw_net_connection(net, SIZE_MAX, &link));
    const struct {
        uint32_t from, to;
    } NONE[] = {
        {0, 0},           /* an input gets nothing */
        {0, INPUTS + HIDDEN}, /* not from the layer before */
        {INPUTS, INPUTS}, /* itself */
        {INPUTS + HIDDEN, INPUTS},
        {0, INPUTS + HIDDEN + OUTPUTS},
        {NSW_NODE_BIAS, 1},
        {NSW_NODE_BIAS, NSW_NODE_BIAS},
        {NSW_NODE_BIAS - 1, INPUTS},
    };
    for (size_t i = 0; i < COUNT_OF(NONE); i++) {
        ERR_INVALID(nsw_net_get_weight(net, NONE[i].from, NONE[i].to, &weight));
        ERR_INVALID(nsw_net_set_weight(net, NONE[i].from, NONE[i].to, 1.0f));
    }
    CHECK_STATUS(nsw_net_set_weight(net, 0, INPUTS, NAN), NSW_ERR_NN_NOT_FINITE);
    CHECK_STATUS(nsw_net_set_weight(net, 0, INPUTS, INFINITY), NSW_ERR_NN_NOT_FINITE);
    CHECK_STATUS(nsw_net_set_weights(net, weights, count - 1), NSW_ERR_LENGTH);
    CHECK_STATUS(nsw_net_set_weights(net, weights, count + 1), NSW_ERR_LENGTH);
    CHECK_STATUS(nsw_net_set_weights(net, weights, SIZE_MAX), NSW_ERR_OVERFLOW);
    CHECK_STATUS(nsw_net_set_weights(net, NULL, 0), NSW_ERR_LENGTH);
    weights[count - 1] = NAN;
    CHECK_STATUS(nsw_net_set_weights(net, weights, count), NSW_ERR_NN_NOT_FINITE);
    snapshot kept = snapshot_take(weights, sizeof weights);
    CHECK_STATUS(nsw_net_get_weights(net, weights, count - 1, &len), NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_SIZE(len, count);
    CHECK_STATUS(nsw_net_get_weights(net, NULL, 0, &len), NSW_ERR_BUFFER_TOO_SMALL);
    CHECK(snapshot_unchanged(&kept));
    snapshot_free(&kept);

    ERR_NULL(nsw_net_layer(net, 0, NULL));
    ERR_NULL(nsw_net_connection(net, 0, NULL));
    ERR_NULL(nsw_net_connections(net, 0, NULL, 1, &len));
    ERR_NULL(nsw_net_get_weights(net, NULL, count, &len));
    ERR_NULL(nsw_net_set_weights(net, NULL, count));
    ERR_NULL(nsw_net_get_weight(net, 0, INPUTS, NULL));
    CHECK_OK(nsw_net_get_weights(net, weights, COUNT_OF(weights), NULL));
    CHECK_OK(nsw_net_connections(net, 0, &link, 1, NULL));
    uint8_t *odd = (uint8_t *)weights + 1;
    CHECK_STATUS(nsw_net_get_weights(net, (void *)odd, count, &len), NSW_ERR_ALIGNMENT);
    CHECK_STATUS(nsw_net_set_weights(net, (void *)odd, count), NSW_ERR_ALIGNMENT);
    CHECK_STATUS(nsw_net_get_weight(net, 0, INPUTS, (void *)odd), NSW_ERR_ALIGNMENT);
    unchanged(net, &before);
    nsw_net_destroy(net);
}

/* ---- styles ------------------------------------------------------------------------ */

static void styles(void) {
    nsw_net_config cfg = config_of(NSW_TOPOLOGY_LAYERED, 0.0f);
    nsw_net *plain = made(cfg);
    cfg.unit_styles = 1;
    nsw_net *net = made(cfg);
    const float input[INPUTS] = {0.3f, 0.1f, -0.7f};
    const float as_made = forward_one(net, input, INPUTS, OUTPUTS);
    uint32_t activation = 99;
    float steepness = 99.0f;
    nsw_layer_info layer = NSW_LAYER_INFO_INIT;

    /* Every activation can be set, told and run. */
    for (uint32_t code = NSW_ACTIVATION_LINEAR; code <= NSW_ACTIVATION_COS_SYMMETRIC; code++) {
        nsw_status expected = code == NSW_ACTIVATION_SOFTMAX ? NSW_ERR_NN_SHAPE : NSW_OK;
        CHECK_STATUS(nsw_net_set_style(plain, 0, code, 0.5f), expected);
        CHECK_STATUS(nsw_net_set_unit_style(net, 0, 1, code, 0.5f), expected);
        if (expected == NSW_OK) {
            CHECK_OK(nsw_net_layer(plain, 0, &layer));
            CHECK(layer.activation == code && layer.steepness == 0.5f && layer.mixed == 0);
            CHECK_OK(nsw_net_get_unit_style(net, 0, 1, &activation, &steepness));
            CHECK(activation == code && steepness == 0.5f);
            CHECK(isfinite(forward_one(net, input, INPUTS, OUTPUTS)));
            CHECK(isfinite(forward_one(plain, input, INPUTS, OUTPUTS)));
        }
    }
    CHECK_OK(nsw_net_layer(net, 0, &layer));
    CHECK(layer.mixed == 1 && layer.activation == NSW_ACTIVATION_TANH);
    CHECK_OK(nsw_net_get_unit_style(net, 0, 0, &activation, &steepness));
    CHECK(activation == NSW_ACTIVATION_TANH && steepness == 1.0f);
    CHECK(forward_one(net, input, INPUTS, OUTPUTS) != as_made);
    /* The whole layer again, and one at a time without the other. */
    CHECK_OK(nsw_net_set_style(net, 0, NSW_ACTIVATION_TANH, 1.0f));
    CHECK(forward_one(net, input, INPUTS, OUTPUTS) == as_made);
    CHECK_OK(nsw_net_get_unit_style(net, 0, 3, NULL, &steepness));
    CHECK_OK(nsw_net_get_unit_style(net, 0, 3, &activation, NULL));
    CHECK_OK(nsw_net_set_style(net, 1, NSW_ACTIVATION_SOFTMAX, 1.0f));

    guarded before = net_bytes(net);
    static const float BAD[] = {0.0f, -1.0f, NAN, INFINITY};
    for (size_t i = 0; i < COUNT_OF(BAD); i++) {
        ERR_INVALID(nsw_net_set_style(net, 0, NSW_ACTIVATION_TANH, BAD[i]));
        ERR_INVALID(nsw_net_set_unit_style(net, 0, 0, NSW_ACTIVATION_TANH, BAD[i]));
    }
    ERR_INVALID(nsw_net_set_style(net, 0, 22, 1.0f));
    ERR_INVALID(nsw_net_set_style(net, 2, NSW_ACTIVATION_TANH, 1.0f));
    ERR_INVALID(nsw_net_set_unit_style(net, 0, 0, 22, 1.0f));
    ERR_INVALID(nsw_net_set_unit_style(net, 0, HIDDEN, NSW_ACTIVATION_TANH, 1.0f));
    ERR_INVALID(nsw_net_set_unit_style(net, 2, 0, NSW_ACTIVATION_TANH, 1.0f));
    ERR_INVALID(nsw_net_get_unit_style(net, 0, HIDDEN, &activation, &steepness));
    ERR_INVALID(nsw_net_get_unit_style(net, 2, 0, &activation, &steepness));
    CHECK_STATUS(nsw_net_set_unit_style(plain, 0, 0, NSW_ACTIVATION_TANH, 1.0f),
                 NSW_ERR_UNSUPPORTED);
    CHECK_STATUS(nsw_net_set_unit_style(net, 1, 0, NSW_ACTIVATION_TANH, 1.0f), NSW_ERR_NN_SHAPE);
    unchanged(net, &before);
    nsw_net_destroy(net);
    nsw_net_destroy(plain);
}

/* ---- copies ------------------------------------------------------------------------- */

static void copies(void) {
    nsw_net_config cfg = config_of(NSW_TOPOLOGY_SHORTCUT, 0.5f);
    cfg.unit_styles = 1;
    nsw_net *net = made(cfg), *copy = NULL;
    CHECK_OK(nsw_net_set_unit_style(net, 0, 2, NSW_ACTIVATION_SIN, 2.0f));
    CHECK_OK(nsw_net_copy(net, NULL, &copy));
    guarded a = net_bytes(net), b = net_bytes(copy);
    CHECK(a.len == b.len && memcmp(a.data, b.data, a.len) == 0);
    uint32_t same = 99;
    float most = 99.0f;
    CHECK_OK(nsw_net_same_shape(net, copy, &same));
    CHECK_SIZE(same, 1);
    CHECK_OK(nsw_net_difference(net, copy, &most));
    CHECK(most == 0.0f);
    CHECK_OK(nsw_net_difference(net, net, &most));
    CHECK(most == 0.0f);

    float weight = 0.0f;
    CHECK_OK(nsw_net_get_weight(copy, NSW_NODE_BIAS, INPUTS, &weight));
    CHECK_OK(nsw_net_set_weight(copy, NSW_NODE_BIAS, INPUTS, weight - 3.0f));
    CHECK_OK(nsw_net_difference(net, copy, &most));
    CHECK(fabsf(most - 3.0f) < 1e-5f);
    /* Another activation: the same shape, but no difference to be told. */
    CHECK_OK(nsw_net_set_unit_style(copy, 0, 2, NSW_ACTIVATION_COS, 2.0f));
    CHECK_OK(nsw_net_same_shape(net, copy, &same));
    CHECK_SIZE(same, 1);
    CHECK_STATUS(nsw_net_difference(net, copy, &most), NSW_ERR_NN_MISMATCH);
    nsw_net *other = made(config_of(NSW_TOPOLOGY_LAYERED, 0.0f));
    CHECK_OK(nsw_net_same_shape(net, other, &same));
    CHECK_SIZE(same, 0);
    CHECK_STATUS(nsw_net_difference(net, other, &most), NSW_ERR_NN_MISMATCH);
    ERR_NULL(nsw_net_same_shape(net, other, NULL));
    ERR_NULL(nsw_net_same_shape(net, NULL, &same));
    ERR_NULL(nsw_net_difference(net, net, NULL));
    ERR_NULL(nsw_net_difference(net, NULL, &most));

    /* A copy of what is read in place can be changed. */
    nsw_net *view = NULL, *own = NULL;
    const float zeros[64] = {0};
    CHECK_OK(nsw_net_view(a.data, a.len, NULL, &view));
    CHECK_STATUS(nsw_net_set_weight(view, NSW_NODE_BIAS, INPUTS, 1.0f), NSW_ERR_READ_ONLY);
    CHECK_STATUS(nsw_net_set_weights(view, zeros, parameters(view)), NSW_ERR_READ_ONLY);
    CHECK_STATUS(nsw_net_set_style(view, 0, NSW_ACTIVATION_TANH, 1.0f), NSW_ERR_READ_ONLY);
    CHECK_STATUS(nsw_net_set_unit_style(view, 0, 0, NSW_ACTIVATION_TANH, 1.0f),
                 NSW_ERR_READ_ONLY);
    for (uint32_t method = 0; method <= NSW_RANDOMIZE_NGUYEN_WIDROW; method++) {
        nsw_randomize_config how = NSW_RANDOMIZE_CONFIG_INIT;
        how.method = method;
        how.samples = zeros;
        how.samples_len = INPUTS;
        CHECK_STATUS(nsw_net_randomize(view, &how), NSW_ERR_READ_ONLY);
    }
    CHECK_STATUS(nsw_net_grow(view, NSW_ACTIVATION_TANH, 1.0f, zeros, INPUTS + HIDDEN, 0.0f,
                              zeros, OUTPUTS),
                 NSW_ERR_READ_ONLY);
    CHECK_OK(nsw_net_copy(view, NULL, &own));
    CHECK_OK(nsw_net_difference(own, view, &most));
    CHECK(most == 0.0f);
    CHECK_OK(nsw_net_set_weight(own, NSW_NODE_BIAS, INPUTS, 1.0f));

    size_t size = 0, align = 0;
    CHECK_OK(nsw_net_copy_footprint(net, &size, &align));
    CHECK(size > 0 && align > 0);
    ERR_NULL(nsw_net_copy_footprint(net, NULL, &align));
    ERR_NULL(nsw_net_copy_footprint(net, &size, NULL));
    ERR_NULL(nsw_net_copy(net, NULL, NULL));
    nsw_net *none = net;
    ERR_NULL(nsw_net_copy(NULL, NULL, &none));
    CHECK(none == NULL);
    nsw_net_destroy(view);
    nsw_net_destroy(own);
    nsw_net_destroy(other);
    nsw_net_destroy(copy);
    nsw_net_destroy(net);
    guarded_free(&a);
    guarded_free(&b);
}

/* ---- drawing and growing ---------------------------------------------------------------- */

static void randomizing(void) {
    nsw_net *net = made(config_of(NSW_TOPOLOGY_LAYERED, 0.0f));
    nsw_net *twin = made(config_of(NSW_TOPOLOGY_LAYERED, 0.0f));
    const float samples[2 * INPUTS] = {0.0f, -5.0f, 1.0f, 10.0f, 5.0f, 1.0f};
    float most = 0.0f, weights[64];
    size_t count = 0;
    for (uint32_t method = NSW_RANDOMIZE_AUTO; method <= NSW_RANDOMIZE_NGUYEN_WIDROW; method++) {
        nsw_randomize_config how = NSW_RANDOMIZE_CONFIG_INIT;
        how.method = method;
        how.seed = 5;
        how.low = -0.25f;
        how.high = 0.75f;
        how.samples = samples;
        how.samples_len = COUNT_OF(samples);
        CHECK_OK(nsw_net_randomize(net, &how));
        CHECK_OK(nsw_net_difference(net, twin, &most));
        CHECK_NOTE(most > 0.0f, "method %u", method);
        CHECK_OK(nsw_net_randomize(twin, &how));
        CHECK_OK(nsw_net_difference(net, twin, &most));
        CHECK_NOTE(most == 0.0f, "method %u", method);
        how.seed = 6;
        CHECK_OK(nsw_net_randomize(twin, &how));
        CHECK_OK(nsw_net_difference(net, twin, &most));
        CHECK_NOTE(most > 0.0f, "method %u", method);
        CHECK_OK(nsw_net_get_weights(net, weights, COUNT_OF(weights), &count));
        for (size_t i = 0; i < count; i++) {
            CHECK(isfinite(weights[i]));
            CHECK(method != NSW_RANDOMIZE_UNIFORM ||
                  (weights[i] >= -0.25f && weights[i] <= 0.75f));
        }
    }

    guarded before = net_bytes(net);
    nsw_randomize_config bad = NSW_RANDOMIZE_CONFIG_INIT;
    ERR_NULL(nsw_net_randomize(net, NULL));
    bad.method = NSW_RANDOMIZE_NGUYEN_WIDROW + 1;
    ERR_INVALID(nsw_net_randomize(net, &bad));
    bad.method = NSW_RANDOMIZE_UNIFORM;
    bad.low = 1.0f;
    ERR_INVALID(nsw_net_randomize(net, &bad));
    bad.low = NAN;
    ERR_INVALID(nsw_net_randomize(net, &bad));
    bad.low = -INFINITY;
    ERR_INVALID(nsw_net_randomize(net, &bad));
    bad.method = NSW_RANDOMIZE_NGUYEN_WIDROW;
    CHECK_STATUS(nsw_net_randomize(net, &bad), NSW_ERR_LENGTH);
    bad.samples_len = INPUTS;
    ERR_NULL(nsw_net_randomize(net, &bad));
    bad.samples = samples;
    bad.samples_len = INPUTS + 1;
    CHECK_STATUS(nsw_net_randomize(net, &bad), NSW_ERR_LENGTH);
    bad.samples_len = SIZE_MAX;
    CHECK_STATUS(nsw_net_randomize(net, &bad), NSW_ERR_OVERFLOW);
    const float not_finite[INPUTS] = {0.0f, NAN, 0.0f};
    bad.samples = not_finite;
    bad.samples_len = INPUTS;
    CHECK_STATUS(nsw_net_randomize(net, &bad), NSW_ERR_NN_NOT_FINITE);
    unchanged(net, &before);
    nsw_net_destroy(net);
    nsw_net_destroy(twin);
}

static void growing(void) {
    nsw_net_config cfg = config_of(NSW_TOPOLOGY_SHORTCUT, 0.0f);
    cfg.spare_units = 2;
    nsw_net *net = made(cfg);
    const float input[INPUTS] = {0.5f, 0.25f, -1.0f}, outgoing[OUTPUTS] = {2.0f, -2.0f};
    float incoming[INPUTS + HIDDEN + 2] = {1.0f, 2.0f, 3.0f}, weight = 0.0f;
    const float as_made = forward_one(net, input, INPUTS, OUTPUTS);
    nsw_net_info info = NSW_NET_INFO_INIT;
    size_t sources = INPUTS + HIDDEN;

    guarded before = net_bytes(net);
#define GROW(activation, steepness, in, in_len, bias, out, out_len) \
    nsw_net_grow(net, activation, steepness, in, in_len, bias, out, out_len)
    ERR_INVALID(GROW(22, 1.0f, incoming, sources, 0.0f, outgoing, OUTPUTS));
    ERR_INVALID(GROW(NSW_ACTIVATION_SOFTMAX, 1.0f, incoming, sources, 0.0f, outgoing, OUTPUTS));
    ERR_INVALID(GROW(NSW_ACTIVATION_TANH, 0.0f, incoming, sources, 0.0f, outgoing, OUTPUTS));
    ERR_INVALID(GROW(NSW_ACTIVATION_TANH, NAN, incoming, sources, 0.0f, outgoing, OUTPUTS));
    CHECK_STATUS(GROW(NSW_ACTIVATION_TANH, 1.0f, incoming, sources - 1, 0.0f, outgoing, OUTPUTS),
                 NSW_ERR_LENGTH);
    CHECK_STATUS(GROW(NSW_ACTIVATION_TANH, 1.0f, incoming, sources, 0.0f, outgoing, OUTPUTS - 1),
                 NSW_ERR_LENGTH);
    CHECK_STATUS(GROW(NSW_ACTIVATION_TANH, 1.0f, incoming, sources, NAN, outgoing, OUTPUTS),
                 NSW_ERR_NN_NOT_FINITE);
    ERR_NULL(GROW(NSW_ACTIVATION_TANH, 1.0f, NULL, sources, 0.0f, outgoing, OUTPUTS));
    ERR_NULL(GROW(NSW_ACTIVATION_TANH, 1.0f, incoming, sources, 0.0f, NULL, OUTPUTS));
    unchanged(net, &before);

    nsw_trainer *trainer = small_trainer(net, NSW_ALGORITHM_SGD, NULL);
    for (uint32_t unit = 0; unit < 2; unit++, sources++) {
        CHECK_OK(nsw_net_describe(net, &info));
        CHECK_SIZE(info.layers, 2 + unit);
        CHECK_SIZE(info.spare_units, 2 - unit);
        CHECK_OK(GROW(NSW_ACTIVATION_SIN, 0.5f, incoming, sources, 0.125f, outgoing, OUTPUTS));
        /* The new unit's node is where the first output was. */
        uint32_t node = (uint32_t)sources;
        CHECK_OK(nsw_net_get_weight(net, 1, node, &weight));
        CHECK(weight == 2.0f);
        CHECK_OK(nsw_net_get_weight(net, NSW_NODE_BIAS, node, &weight));
        CHECK(weight == 0.125f);
        CHECK_OK(nsw_net_get_weight(net, node, node + 2, &weight));
        CHECK(weight == -2.0f);
        nsw_layer_info layer = NSW_LAYER_INFO_INIT;
        CHECK_OK(nsw_net_layer(net, 1 + unit, &layer));
        CHECK(layer.units == 1 && layer.activation == NSW_ACTIVATION_SIN);
        CHECK(layer.steepness == 0.5f && layer.first_unit == node && layer.sources == node);
    }
    CHECK(forward_one(net, input, INPUTS, OUTPUTS) != as_made);
    CHECK_STATUS(GROW(NSW_ACTIVATION_SIN, 0.5f, incoming, sources, 0.0f, outgoing, OUTPUTS),
                 NSW_ERR_CAPACITY);
#undef GROW
    /* A trainer of the net before does not fit, one of the net now does. */
    float loss = 0.0f;
    const nsw_data data = NSW_DATA(input, INPUTS, outgoing, OUTPUTS);
    CHECK_STATUS(nsw_trainer_epoch(trainer, net, &data, &loss), NSW_ERR_NN_MISMATCH);
    nsw_trainer_destroy(trainer);
    trainer = small_trainer(net, NSW_ALGORITHM_SGD, NULL);
    CHECK_OK(nsw_trainer_epoch(trainer, net, &data, &loss));
    nsw_trainer_destroy(trainer);
    nsw_net_destroy(net);

    /* What cannot grow says so when it is made. */
    nsw_net *none = NULL;
    cfg.topology = NSW_TOPOLOGY_LAYERED;
    ERR_INVALID(nsw_net_create(&cfg, NULL, &none));
    cfg.topology = NSW_TOPOLOGY_SHORTCUT;
    cfg.connection_rate = 0.5f;
    ERR_INVALID(nsw_net_create(&cfg, NULL, &none));
    cfg.spare_units = 0;
    static const float BAD_RATES[] = {-0.5f, 1.5f, NAN};
    for (size_t i = 0; i < COUNT_OF(BAD_RATES); i++) {
        cfg.connection_rate = BAD_RATES[i];
        ERR_INVALID(nsw_net_create(&cfg, NULL, &none));
    }
    cfg.connection_rate = 0.0f;
    cfg.topology = 2;
    ERR_INVALID(nsw_net_create(&cfg, NULL, &none));
    CHECK(none == NULL);
}

int main(void) {
    static const float RATES[] = {0.0f, 0.5f, 0.9f, 1.0f};
    for (size_t i = 0; i < COUNT_OF(RATES); i++) {
        all_tells_the_same(NSW_TOPOLOGY_LAYERED, RATES[i]);
        all_tells_the_same(NSW_TOPOLOGY_SHORTCUT, RATES[i]);
    }
    connections_are_what_runs();
    what_is_not_there();
    styles();
    copies();
    randomizing();
    growing();
    return check_report("net_edit");
}
