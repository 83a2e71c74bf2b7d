/* Networks that cascade training grew, here and in the installed libfann: each
 * side saves its own and the other runs them. Usage: fann-cascade FILE [SEED]
 *
 * FILE is written over again and again. tests/peers/fann-files runs it. */
#include <fann.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "neural_swarm.h"

/* In place of libfann's own, which seeds rand() with the time. */
void fann_seed_rand(void) {}

static uint32_t state;
static const char *file;
static unsigned failures;

static uint32_t draw(void) {
    state = state * 1664525u + 1013904223u;
    return state >> 8;
}

/* -1..1 */
static float number(void) { return ((int32_t)draw() - (1 << 23)) / 8388608.0f; }

static void must(nsw_status status, const char *what) {
    if (status != NSW_OK) {
        fprintf(stderr, "fann-cascade: %s: %s\n", what, nsw_status_str(status));
        exit(1);
    }
}

/* ---- what is learnt -------------------------------------------------------------- */

enum { MOST_SAMPLES = 256, MOST_INPUTS = 8, MOST_OUTPUTS = 2, RUNS = 50 };

static struct {
    const char *name;
    unsigned samples, inputs, outputs;
    float x[MOST_SAMPLES * MOST_INPUTS], y[MOST_SAMPLES * MOST_OUTPUTS];
} task;

static void parity(unsigned bits) {
    task.name = "parity";
    task.samples = 1u << bits;
    task.inputs = bits;
    task.outputs = 1;
    for (unsigned i = 0; i < task.samples; i++) {
        float product = 1.0f;
        for (unsigned j = 0; j < bits; j++) {
            task.x[i * bits + j] = (i >> j & 1u) != 0 ? 1.0f : -1.0f;
            product *= task.x[i * bits + j];
        }
        task.y[i] = product;
    }
}

static void regression(void) {
    task.name = "regression";
    task.samples = 200;
    task.inputs = 3;
    task.outputs = 2;
    for (unsigned i = 0; i < task.samples; i++) {
        float *x = task.x + i * 3, *y = task.y + i * 2;
        for (unsigned j = 0; j < 3; j++) x[j] = 2.0f * number();
        y[0] = 0.7f * sinf(2.0f * x[0]) * x[1];
        y[1] = fabsf(x[2]) - 0.5f * x[0] * x[0];
    }
}

/* ---- activations: FANN's number and ours -------------------------------------------- */

static const struct {
    enum fann_activationfunc_enum fann;
    uint32_t ours;
} functions[] = {
    {FANN_SIGMOID, NSW_ACTIVATION_SIGMOID},
    {FANN_SIGMOID_SYMMETRIC, NSW_ACTIVATION_TANH},
    {FANN_GAUSSIAN, NSW_ACTIVATION_GAUSSIAN},
    {FANN_GAUSSIAN_SYMMETRIC, NSW_ACTIVATION_GAUSSIAN_SYMMETRIC},
    {FANN_ELLIOT, NSW_ACTIVATION_ELLIOT},
    {FANN_ELLIOT_SYMMETRIC, NSW_ACTIVATION_ELLIOT_SYMMETRIC},
    {FANN_LINEAR_PIECE, NSW_ACTIVATION_LINEAR_PIECE},
    {FANN_LINEAR_PIECE_SYMMETRIC, NSW_ACTIVATION_LINEAR_PIECE_SYMMETRIC},
    {FANN_SIN_SYMMETRIC, NSW_ACTIVATION_SIN_SYMMETRIC},
    {FANN_COS_SYMMETRIC, NSW_ACTIVATION_COS_SYMMETRIC},
    {FANN_SIN, NSW_ACTIVATION_SIN},
    {FANN_COS, NSW_ACTIVATION_COS},
};
enum { FUNCTIONS = sizeof functions / sizeof functions[0] };

static void inputs_for(float *x) {
    for (unsigned j = 0; j < task.inputs; j++) x[j] = 2.0f * number();
}

static void differs(const char *who, float ours, float theirs) {
    failures++;
    fprintf(stderr, "fann-cascade: %s, %s: %.9g here, %.9g in libfann\n", task.name, who,
            (double)ours, (double)theirs);
}

/* How much the order of sums can change the outputs of the last fann_run: what
 * rounding does to a unit's sum, and what the differences of its sources do, go
 * through functions that are nowhere steeper than 2. INFINITY where libfann held
 * a sum within 150 / steepness, which our fast arithmetic does not do. */
static float uncertain(const struct fann *ann) {
    double error[64] = {0.0}, worst = 0.0;
    const struct fann_neuron *all = ann->first_layer->first_neuron;
    for (const struct fann_layer *layer = ann->first_layer + 1; layer != ann->last_layer; layer++)
        for (const struct fann_neuron *unit = layer->first_neuron; unit != layer->last_neuron; unit++) {
            if (unit->first_con == unit->last_con) continue; /* a bias that nobody uses */
            double sum = 0.0, steepness = (double)unit->activation_steepness;
            for (unsigned i = unit->first_con; i < unit->last_con; i++) {
                const struct fann_neuron *source = ann->connections[i];
                double weight = fabs((double)ann->weights[i]);
                sum += weight * (error[source - all] + 2e-7 * fabs((double)source->value));
            }
            if (fabsf(unit->sum) >= 150.0f / unit->activation_steepness) return INFINITY;
            error[unit - all] = 2.0 * steepness * sum + 1e-7;
            if (layer + 1 == ann->last_layer) worst = fmax(worst, error[unit - all]);
        }
    return (float)worst;
}

static unsigned runs, within, held;

/* Runs both on the same inputs. In libfann's arithmetic the outputs are the
 * same bits; in the other one within 1e-6, or what rounding does to large weights. */
static void compare(nsw_net *net, struct fann *ann, int exact, const char *who) {
    float x[MOST_INPUTS], ours[MOST_OUTPUTS];
    must(nsw_net_set_exact(net, (uint32_t)exact), "set_exact");
    for (unsigned i = 0; i < RUNS; i++) {
        inputs_for(x);
        must(nsw_net_forward(net, x, task.inputs, ours, task.outputs, NULL), "forward");
        const float *theirs = fann_run(ann, x);
        float most = 0.0f, difference = 0.0f;
        if (!exact) {
            most = fmaxf(1e-6f, uncertain(ann));
            runs++;
            if (isinf(most)) {
                held++;
                continue;
            }
        }
        for (unsigned j = 0; j < task.outputs; j++) {
            float one = fabsf(ours[j] - theirs[j]);
            if (!(one <= most)) return differs(who, ours[j], theirs[j]);
            difference = fmaxf(difference, one);
        }
        if (!exact && difference <= 1e-6f) within++;
    }
}

static nsw_net *load(void) {
    FILE *in = fopen(file, "rb");
    if (in == NULL) exit(2);
    fseek(in, 0, SEEK_END);
    size_t len = (size_t)ftell(in);
    rewind(in);
    uint8_t *text = malloc(len);
    if (fread(text, 1, len, in) != len) exit(2);
    fclose(in);
    nsw_net *net = NULL;
    must(nsw_net_load_fann(text, len, NULL, NULL, &net), "load_fann");
    free(text);
    return net;
}

/* ---- grown here, run there ------------------------------------------------------------ */

static void save(const nsw_net *net) {
    size_t len = 0;
    nsw_net_save_fann(net, NULL, NULL, 0, &len);
    uint8_t *text = malloc(len);
    must(nsw_net_save_fann(net, NULL, text, len, &len), "save_fann");
    FILE *out = fopen(file, "wb");
    if (out == NULL || fwrite(text, 1, len, out) != len) exit(2);
    fclose(out);
    free(text);
}

/* A network that grows by units of these activations (of all of them if there is
 * none), after `first` hidden units that were there before. */
static void ours(const uint32_t *activation, uint32_t algorithm, unsigned first, uint32_t last) {
    const nsw_layer layers[] = {NSW_LAYER(3, NSW_ACTIVATION_TANH), NSW_LAYER(task.outputs, last)};
    nsw_net_config config = NSW_NET_CONFIG_INIT;
    config.inputs = task.inputs;
    config.layers = first > 0 ? layers : layers + 1;
    config.layer_count = first > 0 ? 2 : 1;
    config.topology = NSW_TOPOLOGY_SHORTCUT;
    config.spare_units = 6;
    config.seed = draw();
    nsw_net *net = NULL;
    must(nsw_net_create(&config, NULL, &net), "net");
    /* Some learn with the sums that libfann would have. */
    must(nsw_net_set_exact(net, draw() % 2), "set_exact");

    const float steepnesses[] = {0.25f, 0.8f};
    nsw_cascade_config how = NSW_CASCADE_CONFIG_INIT;
    how.net = net;
    how.max_samples = task.samples;
    how.algorithm = algorithm;
    how.activations = activation;
    how.activations_len = activation != NULL ? 1 : 0;
    how.steepnesses = steepnesses;
    how.steepnesses_len = 2;
    how.seed = draw();
    nsw_cascade *cascade = NULL;
    must(nsw_cascade_create(&how, NULL, &cascade), "cascade");
    const nsw_data data = NSW_DATA(task.x, task.samples * task.inputs, task.y,
                                   task.samples * task.outputs);
    nsw_cascade_params params = NSW_CASCADE_PARAMS_INIT;
    params.max_units = 6;
    nsw_cascade_report report = NSW_CASCADE_REPORT_INIT;
    must(nsw_cascade_train(cascade, net, &data, &params, &report), "train");
    nsw_cascade_destroy(cascade);

    char who[80];
    snprintf(who, sizeof who, "%u units of activation %d grown here", report.units,
             activation != NULL ? (int)*activation : -1);
    save(net);
    struct fann *ann = fann_create_from_file(file);
    if (ann == NULL || report.units == 0) {
        failures++;
        fprintf(stderr, "fann-cascade: %s, %s: %s\n", who, task.name,
                ann == NULL ? "libfann does not load it" : "nothing grew");
    } else {
        compare(net, ann, 0, who);
        compare(net, ann, 1, who);
        fann_destroy(ann);
        /* And what libfann would load, loads here. */
        nsw_net *same = load();
        float difference = 1.0f;
        must(nsw_net_difference(net, same, &difference), "difference");
        if (difference != 0.0f) differs(who, difference, 0.0f);
        nsw_net_destroy(same);
    }
    nsw_net_destroy(net);
}

/* ---- grown there, run here ------------------------------------------------------------ */

static void theirs(int function, enum fann_train_enum algorithm,
                   enum fann_activationfunc_enum last) {
    struct fann *ann = fann_create_shortcut(2, task.inputs, task.outputs);
    fann_set_activation_function_output(ann, last);
    fann_set_training_algorithm(ann, algorithm);
    if (function >= 0) {
        enum fann_activationfunc_enum one = functions[function].fann;
        fann_type steepnesses[] = {0.25f, 0.8f};
        fann_set_cascade_activation_functions(ann, &one, 1);
        fann_set_cascade_activation_steepnesses(ann, steepnesses, 2);
    }
    struct fann_train_data *data = fann_create_train(task.samples, task.inputs, task.outputs);
    for (unsigned i = 0; i < task.samples; i++) {
        memcpy(data->input[i], task.x + i * task.inputs, task.inputs * sizeof(float));
        memcpy(data->output[i], task.y + i * task.outputs, task.outputs * sizeof(float));
    }
    fann_cascadetrain_on_data(ann, data, 6, 0, 0.0f);
    fann_destroy_train(data);
    unsigned units = fann_get_num_layers(ann) - 2;
    fann_save(ann, file);
    fann_destroy(ann);
    ann = fann_create_from_file(file); /* what is in the file counts */

    char who[80];
    snprintf(who, sizeof who, "%u units of FANN's function %d grown in libfann", units,
             function >= 0 ? (int)functions[function].fann : -1);
    if (units == 0) {
        failures++;
        fprintf(stderr, "fann-cascade: %s: nothing grew\n", who);
    }
    nsw_net *net = load();
    nsw_net_info info = NSW_NET_INFO_INIT;
    must(nsw_net_describe(net, &info), "describe");
    if (info.exact != 1) differs(who, 0.0f, 1.0f);
    compare(net, ann, 1, who);
    compare(net, ann, 0, who);
    /* Saved again it is the same network. */
    save(net);
    fann_destroy(ann);
    ann = fann_create_from_file(file);
    if (ann == NULL) exit(2);
    compare(net, ann, 1, who);
    fann_destroy(ann);
    nsw_net_destroy(net);
}

int main(int argc, char **argv) {
    if (argc < 2) return 2;
    file = argv[1];
    state = argc > 2 ? (uint32_t)atol(argv[2]) : 1u;
    srand(state);
    static const uint32_t algorithms[] = {NSW_ALGORITHM_IRPROP_MINUS, NSW_ALGORITHM_RPROP,
                                          NSW_ALGORITHM_QUICKPROP};
    for (unsigned problem = 0; problem < 3; problem++) {
        if (problem < 2) parity(problem == 0 ? 4 : 8);
        else regression();
        for (int i = -1; i < FUNCTIONS; i++) {
            uint32_t last = problem == 2 ? NSW_ACTIVATION_LINEAR : NSW_ACTIVATION_TANH;
            ours(i >= 0 ? &functions[i].ours : NULL, algorithms[(i + 1) % 3], i & 1, last);
            theirs(i, i % 3 == 2 ? FANN_TRAIN_QUICKPROP : FANN_TRAIN_RPROP,
                   problem == 2 ? FANN_LINEAR : FANN_SIGMOID_SYMMETRIC);
        }
    }
    printf("fann-cascade: %u networks; fast arithmetic: %u runs, %u within 1e-6, %u beyond FANN's sums\n",
           3 * 2 * (FUNCTIONS + 1), runs, within, held);
    return failures > 0;
}
