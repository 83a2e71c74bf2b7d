/* Prints what libfann makes of small networks, for the tests of the exact mode
 * (src/nn/exact/tests.rs, where the format is read).
 * Usage: fann-exact [SEED [FOLDER with FANN's data sets]]
 *
 * Weights and samples come from a generator that both sides have; of the
 * numbers only the results are printed, as the bits of floats. */
#include <fann.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* In place of libfann's own, which seeds rand() with the time. */
void fann_seed_rand(void) {}

static uint32_t state;

static uint32_t draw(void) {
    state = state * 1664525u + 1013904223u;
    return state >> 8;
}

/* A multiple of 2^-23 in -1..1. */
static float number(void) { return ((int32_t)draw() - (1 << 23)) / 8388608.0f; }

static uint32_t bits(float x) {
    uint32_t word;
    memcpy(&word, &x, sizeof word);
    return word;
}

enum kind { LAYERED, SHORTCUT, SPARSE };
static const char *const kinds[] = {"layered", "shortcut", "sparse"};
static const char *const algorithms[] = {"incremental", "batch", "rprop", "quickprop", "sarprop"};

struct wanted {
    const char *name;
    enum kind kind;
    enum fann_train_enum algorithm;
    unsigned epochs, samples, layers;
    unsigned sizes[5];
    float scale;            /* of the initial weights */
    int function;           /* of all units; negative: drawn for each */
    float steepness;        /* of all units; zero: drawn for each */
    enum fann_errorfunc_enum error;
    float rate, momentum;
};

static void print_words(const char *what, const float *x, unsigned n) {
    printf("%s", what);
    for (unsigned i = 0; i < n; i++) printf("%s%08x", i % 16 ? " " : "\n", bits(x[i]));
    printf("\n");
}

static void run(const struct wanted *w, uint32_t seed) {
    static const float steepnesses[] = {0.5f, 0.25f, 1.0f, 0.3f, 0.77f, 2.0f};
    srand(seed); /* sparse connections are drawn */
    struct fann *ann = w->kind == LAYERED    ? fann_create_standard_array(w->layers, w->sizes)
                       : w->kind == SHORTCUT ? fann_create_shortcut_array(w->layers, w->sizes)
                                             : fann_create_sparse_array(0.5f, w->layers, w->sizes);
    unsigned inputs = w->sizes[0], outputs = w->sizes[w->layers - 1];
    unsigned count = fann_get_total_connections(ann);
    state = seed;
    printf("case %s %s %s\n", w->name, kinds[w->kind], algorithms[w->algorithm]);
    printf("layers");
    for (unsigned i = 0; i < w->layers; i++) printf(" %u", w->sizes[i]);
    printf("\nunits");
    for (unsigned l = 1; l < w->layers; l++)
        for (unsigned u = 0; u < w->sizes[l]; u++) {
            int function = w->function;
            if (function < 0) /* not what cannot be trained, nor the stub */
                do function = draw() % 18;
                while (function == FANN_THRESHOLD || function == FANN_GAUSSIAN_STEPWISE);
            float steepness = w->steepness > 0 ? w->steepness : steepnesses[draw() % 6];
            fann_set_activation_function(ann, function, l, u);
            fann_set_activation_steepness(ann, steepness, l, u);
            printf(" %d:%08x", function, bits(steepness));
        }
    printf("\n");

    struct fann_connection *connections = malloc(count * sizeof *connections);
    fann_get_connection_array(ann, connections);
    if (w->kind == SPARSE) {
        printf("links");
        for (unsigned i = 0; i < count; i++)
            printf(" %u>%u", connections[i].from_neuron, connections[i].to_neuron);
        printf("\n");
    }
    for (unsigned i = 0; i < count; i++) connections[i].weight = w->scale * number();
    fann_set_weight_array(ann, connections, count);

    struct fann_train_data *data = fann_create_train(w->samples, inputs, outputs);
    for (unsigned s = 0; s < w->samples; s++) {
        for (unsigned i = 0; i < inputs; i++) data->input[s][i] = number();
        for (unsigned i = 0; i < outputs; i++) data->output[s][i] = number();
    }

    fann_set_training_algorithm(ann, w->algorithm);
    fann_set_train_error_function(ann, w->error);
    fann_set_learning_rate(ann, w->rate);
    fann_set_learning_momentum(ann, w->momentum);
    float settings[] = {
        fann_get_learning_rate(ann), fann_get_learning_momentum(ann),
        fann_get_quickprop_decay(ann), fann_get_quickprop_mu(ann),
        fann_get_rprop_increase_factor(ann), fann_get_rprop_decrease_factor(ann),
        fann_get_rprop_delta_min(ann), fann_get_rprop_delta_max(ann),
        fann_get_rprop_delta_zero(ann), fann_get_sarprop_weight_decay_shift(ann),
        fann_get_sarprop_step_error_threshold_factor(ann),
        fann_get_sarprop_step_error_shift(ann), fann_get_sarprop_temperature(ann),
        w->error == FANN_ERRORFUNC_TANH, fann_get_bit_fail_limit(ann)};
    print_words("settings", settings, sizeof settings / sizeof *settings);
    printf("train %u %u %u %08x\n", w->epochs, w->samples, seed, bits(w->scale));
    srand(seed);
    float mse = 0;
    for (unsigned e = 0; e < w->epochs; e++) mse = fann_train_epoch(ann, data);
    printf("score %08x %u\n", bits(mse), fann_get_bit_fail(ann));
    mse = fann_test_data(ann, data);
    printf("test %08x %u\n", bits(mse), fann_get_bit_fail(ann));
    print_words("outputs", fann_run(ann, data->input[0]), outputs);
    fann_get_connection_array(ann, connections);
    float *weights = malloc(count * sizeof *weights);
    for (unsigned i = 0; i < count; i++) weights[i] = connections[i].weight;
    print_words("weights", weights, count);

    free(weights);
    free(connections);
    fann_destroy_train(data);
    fann_destroy(ann);
}

/* FNV-1a, 32 bits. */
static uint32_t add_to_hash(uint32_t hash, float x) {
    for (int byte = 0; byte < 4; byte++) hash = (hash ^ (bits(x) >> 8 * byte & 255)) * 16777619u;
    return hash;
}

/* A hash of all weights after training on a file. */
static void learn(const char *folder, const char *file, unsigned hidden, unsigned epochs,
                  enum fann_train_enum algorithm, uint32_t seed) {
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, file);
    struct fann_train_data *data = fann_read_train_from_file(path);
    if (!data) exit(1);
    struct fann *ann = fann_create_standard(3, data->num_input, hidden, data->num_output);
    fann_set_activation_function_hidden(ann, FANN_SIGMOID_SYMMETRIC);
    fann_set_activation_function_output(ann, FANN_SIGMOID);
    fann_set_training_algorithm(ann, algorithm);
    fann_set_learning_rate(ann, 0.1f);
    unsigned count = fann_get_total_connections(ann);
    struct fann_connection *connections = malloc(count * sizeof *connections);
    fann_get_connection_array(ann, connections);
    state = seed;
    for (unsigned i = 0; i < count; i++) connections[i].weight = number() / 8;
    fann_set_weight_array(ann, connections, count);
    float mse = 0;
    for (unsigned e = 0; e < epochs; e++) mse = fann_train_epoch(ann, data);
    fann_get_connection_array(ann, connections);
    uint32_t hash = 2166136261u;
    for (unsigned i = 0; i < count; i++) hash = add_to_hash(hash, connections[i].weight);
    printf("learn %s %u %s %u %u %08x %08x\n", file, hidden, algorithms[algorithm], epochs, seed,
           bits(mse), hash);
    free(connections);
    fann_destroy_train(data);
    fann_destroy(ann);
}

/* A hash of one unit's outputs for many sums of all sizes. */
static void sweep(int function, float steepness, uint32_t seed) {
    const unsigned count = 20000;
    uint32_t hash = 2166136261u;
    struct fann *ann = fann_create_standard(2, 1, 1);
    struct fann_connection connections[2];
    fann_get_connection_array(ann, connections);
    connections[0].weight = 1;
    connections[1].weight = 0;
    fann_set_weight_array(ann, connections, 2);
    fann_set_activation_function(ann, function, 1, 0);
    fann_set_activation_steepness(ann, steepness, 1, 0);
    state = seed;
    for (unsigned i = 0; i < count; i++) {
        float sum = number();
        for (unsigned halve = draw() % 40; halve > 0; halve--) sum /= 2;
        sum *= 512;
        hash = add_to_hash(hash, *fann_run(ann, &sum));
    }
    printf("sweep %d %08x %u %u %08x\n", function, bits(steepness), count, seed, hash);
    fann_destroy(ann);
}

int main(int argc, char **argv) {
    uint32_t seed = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1;
    char name[64];
    freopen("/dev/null", "w", stderr); /* it complains about training thresholds */
    printf("# Made by tests/peers/fann-exact --vectors (seed %u) with Debian's libfann 2.2.0 for\n"
           "# x86-64: numbers of our own runs, under this project's licence.\n", seed);

    for (int f = 0; f < 18; f++) {
        if (f == FANN_GAUSSIAN_STEPWISE) continue;
        snprintf(name, sizeof name, "function-%d", f);
        struct wanted w = {name, LAYERED, FANN_TRAIN_RPROP, 12, 9, 3, {3, 4, 2}, 1,
                           f, 0, f % 2 ? FANN_ERRORFUNC_LINEAR : FANN_ERRORFUNC_TANH, 0.7f, 0};
        run(&w, seed++);
    }
    for (int kind = 0; kind < 3; kind++)
        for (int algorithm = 0; algorithm < 5; algorithm++)
            for (int error = 0; error < 2; error++) {
                snprintf(name, sizeof name, "mixed-%d-%d-%d", kind, algorithm, error);
                struct wanted w = {name, kind, algorithm, 15, 11, 4, {3, 5, 4, 2}, 1,
                                   -1, 0, error, 0.11f, algorithm ? 0 : 0.3f * error};
                run(&w, seed++);
            }
    struct wanted more[] = {
        {"xor-like", LAYERED, FANN_TRAIN_RPROP, 200, 4, 3, {2, 3, 1}, 0.125f,
         FANN_SIGMOID_SYMMETRIC, 0.5f, FANN_ERRORFUNC_TANH, 0.7f, 0},
        {"one-layer", LAYERED, FANN_TRAIN_QUICKPROP, 40, 7, 2, {1, 1}, 1,
         FANN_SIGMOID, 0.5f, FANN_ERRORFUNC_TANH, 0.7f, 0},
        {"saturated", LAYERED, FANN_TRAIN_RPROP, 30, 8, 3, {4, 5, 3}, 64,
         FANN_SIGMOID, 1, FANN_ERRORFUNC_TANH, 0.7f, 0},
        {"fast-quickprop", LAYERED, FANN_TRAIN_QUICKPROP, 60, 8, 3, {4, 5, 3}, 1,
         FANN_SIGMOID_SYMMETRIC, 0.5f, FANN_ERRORFUNC_LINEAR, 9, 0},
        {"long-sarprop", LAYERED, FANN_TRAIN_SARPROP, 80, 8, 3, {4, 5, 3}, 1,
         FANN_SIGMOID_SYMMETRIC, 0.5f, FANN_ERRORFUNC_LINEAR, 0.7f, 0},
        {"wide-rprop", LAYERED, FANN_TRAIN_RPROP, 4, 45, 4, {21, 37, 18, 3}, 0.5f,
         FANN_SIGMOID, 0.5f, FANN_ERRORFUNC_TANH, 0.7f, 0},
        {"wide-incremental", LAYERED, FANN_TRAIN_INCREMENTAL, 3, 21, 4, {37, 18, 9, 5}, 0.5f,
         FANN_SIGMOID_SYMMETRIC, 0.5f, FANN_ERRORFUNC_TANH, 0.3f, 0.2f},
        {"wide-shortcut", SHORTCUT, FANN_TRAIN_BATCH, 3, 21, 4, {19, 17, 7, 3}, 0.5f,
         FANN_ELLIOT, 0.5f, FANN_ERRORFUNC_LINEAR, 0.7f, 0},
        {"wide-sparse", SPARSE, FANN_TRAIN_RPROP, 3, 21, 3, {19, 17, 3}, 0.5f,
         FANN_GAUSSIAN, 0.5f, FANN_ERRORFUNC_TANH, 0.7f, 0},
    };
    for (unsigned i = 0; i < sizeof more / sizeof *more; i++) run(&more[i], seed++);
    for (int f = 0; f < 18; f++) {
        if (f == FANN_GAUSSIAN_STEPWISE) continue;
        sweep(f, 0.5f, seed++);
        sweep(f, 0.3f, seed++);
    }
    if (argc > 2) {
        learn(argv[2], "mushroom.train", 32, 300, FANN_TRAIN_RPROP, seed++);
        learn(argv[2], "thyroid.train", 16, 30, FANN_TRAIN_QUICKPROP, seed++);
        learn(argv[2], "robot.train", 96, 40, FANN_TRAIN_BATCH, seed++);
        learn(argv[2], "diabetes.train", 20, 40, FANN_TRAIN_INCREMENTAL, seed++);
    }
    return 0;
}
