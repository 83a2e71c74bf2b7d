/* Handwritten digits, from learning to a model for a microcontroller:
 *
 *   trains a network of 64 inputs, 32 tanh units and 10 softmax outputs on 1,437 images,
 *   tests it on 360 others and shows what it takes for what,
 *   quantises it to int8, compares the two, and saves the int8 one as digits.nswm,
 *   loads that file again and tests that it is the same.
 *
 *   digits [--data FILE] [--out FILE] [--out-f32 FILE] [--seed N] [--epochs N] [--quiet] [--check]
 *
 * The settings were chosen by the training images: each fifth of them in turn was held back, and
 * what did best on those was taken. scripts/digits-spread shows how much depends on the seed.
 * SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../common/digits.h"
#include "neural_swarm.h"

#define HIDDEN 32
#define EPOCHS 250
#define BATCH 64
/* The learning rate of the first epoch. It falls evenly to almost nothing in the last: large
 * steps to find the way, small ones to arrive. */
#define RATE 0.02f

/* What --check asks for: the part of the test images that float32 has right, and how much less
 * it may be with int8. */
#define GOOD 0.95
#define LOST 0.01

typedef struct options {
    const char *data, *out, *out_f32;
    uint64_t seed;
    int epochs, quiet, check;
} options;

/* All that must be given back in the end. */
typedef struct objects {
    nsw_net *net;
    nsw_trainer *trainer;
    nsw_qnet *qnet, *loaded;
    uint8_t *model_f32, *model, *file;
} objects;

/* What came out of a test. */
typedef struct test_result {
    uint8_t answers[DIGITS_TEST];
    int correct;
    double seconds;
} test_result;

/* Static because it is too much for some stacks. */
static digits_image images[DIGITS_IMAGES];
static float samples[DIGITS_TRAINING][DIGITS_PIXELS]; /* the training images as they are */
static float inputs[DIGITS_TRAINING][DIGITS_PIXELS];  /* and an epoch's variations of them */
static float targets[DIGITS_TRAINING][DIGITS_CLASSES];
static float outputs[DIGITS_TRAINING][DIGITS_CLASSES];
static int8_t outputs_i8[2][DIGITS_TEST][DIGITS_CLASSES]; /* before saving, after loading */

/* Every function below that can fail says why on stderr and returns 0. */

/* Whether a call went well. */
static int done(nsw_status status, const char *what)
{
    if (status != NSW_OK)
        fprintf(stderr, "%s: %s (%ld)\n", what, nsw_status_str(status), (long)status);
    return status == NSW_OK;
}

static double seconds_since(clock_t start)
{
    return (double)(clock() - start) / CLOCKS_PER_SEC;
}

static const char *kernel_name(uint32_t kernel)
{
    switch (kernel) {
    case NSW_KERNEL_PORTABLE: return "portable";
    case NSW_KERNEL_AVX2: return "AVX2";
    case NSW_KERNEL_NEON: return "NEON";
    default: return "other";
    }
}

/* ---- Learning ------------------------------------------------------------------------------ */

static int create(const options *o, objects *own)
{
    const nsw_layer layers[] = {NSW_LAYER(HIDDEN, NSW_ACTIVATION_TANH),
                                NSW_LAYER(DIGITS_CLASSES, NSW_ACTIVATION_SOFTMAX)};
    nsw_net_config shape = NSW_NET_CONFIG_INIT;
    nsw_trainer_config method = NSW_TRAINER_CONFIG_INIT;
    nsw_net_info info = NSW_NET_INFO_INIT;

    shape.inputs = DIGITS_PIXELS;
    shape.layers = layers;
    shape.layer_count = sizeof layers / sizeof layers[0];
    shape.seed = o->seed;
    shape.batch = BATCH;
    /* NULL for the allocator: this program has a heap. minimal.c shows how to do without. */
    if (!done(nsw_net_create(&shape, NULL, &own->net), "creating the network"))
        return 0;

    method.net = own->net;
    method.algorithm = NSW_ALGORITHM_ADAM;
    method.loss = NSW_LOSS_CROSS_ENTROPY;
    method.batch_size = BATCH;
    method.seed = o->seed;
    method.learning_rate = RATE;
    if (!done(nsw_trainer_create(&method, NULL, &own->trainer), "creating the trainer") ||
        !done(nsw_net_describe(own->net, &info), "describing the network"))
        return 0;
    printf("network: %lu inputs, %d tanh, %lu softmax; %lu parameters, %s kernels\n",
           (unsigned long)info.inputs, HIDDEN, (unsigned long)info.outputs,
           (unsigned long)info.parameters, kernel_name(info.kernel));
    return 1;
}

/* The number of the largest output: the network's answer. */
static int answer_of(const float output[DIGITS_CLASSES])
{
    int best = 0;
    for (int c = 1; c < DIGITS_CLASSES; c++)
        if (output[c] > output[best])
            best = c;
    return best;
}

/* The part of the training images that the network has right by now. */
static int training_accuracy(nsw_net *net, double *accuracy)
{
    int correct = 0;
    if (!done(nsw_net_forward_batch(net, samples[0], DIGITS_TRAINING * DIGITS_PIXELS,
                                    DIGITS_TRAINING, outputs[0], DIGITS_TRAINING * DIGITS_CLASSES,
                                    NULL),
              "running the network"))
        return 0;
    for (int i = 0; i < DIGITS_TRAINING; i++)
        correct += answer_of(outputs[i]) == images[i].label;
    *accuracy = (double)correct / DIGITS_TRAINING;
    return 1;
}

/* nsw_trainer_train would run all epochs in one call. Here the data and the learning rate change
 * from one to the next, so it is one call each. */
static int train(const options *o, objects *own)
{
    const nsw_data data = NSW_DATA(inputs[0], DIGITS_TRAINING * DIGITS_PIXELS, targets[0],
                                   DIGITS_TRAINING * DIGITS_CLASSES);
    uint64_t random = o->seed;
    clock_t start = clock();

    for (int epoch = 0; epoch < o->epochs; epoch++) {
        float rate = RATE * (1.0f - (float)epoch / (float)o->epochs), loss;
        double accuracy;
        digits_vary(images, &random, inputs, targets);
        if (!done(nsw_trainer_set_learning_rate(own->trainer, rate), "setting the learning rate") ||
            !done(nsw_trainer_epoch(own->trainer, own->net, &data, &loss), "training"))
            return 0;
        if (o->quiet)
            continue;
        if (!training_accuracy(own->net, &accuracy))
            return 0;
        printf("epoch %3d  loss %.4f  rate %.5f  training images right %.4f\n", epoch + 1, loss,
               rate, accuracy);
    }
    printf("trained %d epochs in %.2f s\n\n", o->epochs, seconds_since(start));
    return 1;
}

/* ---- Testing ------------------------------------------------------------------------------- */

static int test_float(nsw_net *net, test_result *result)
{
    static float tests[DIGITS_TEST][DIGITS_PIXELS];
    clock_t start;

    for (int t = 0; t < DIGITS_TEST; t++)
        digits_input(&images[DIGITS_TRAINING + t], tests[t]);
    result->correct = 0;
    start = clock();
    for (int t = 0; t < DIGITS_TEST; t++) {
        float output[DIGITS_CLASSES];
        if (!done(nsw_net_forward(net, tests[t], DIGITS_PIXELS, output, DIGITS_CLASSES, NULL),
                  "running the network"))
            return 0;
        result->answers[t] = (uint8_t)answer_of(output);
        result->correct += result->answers[t] == images[DIGITS_TRAINING + t].label;
    }
    result->seconds = seconds_since(start);
    return 1;
}

/* The same with an int8 network, as a microcontroller does it: the inputs are made into int8
 * once, and from there on all is integers. Also keeps the outputs, to compare them. */
static int test_int8(nsw_qnet *qnet, test_result *result,
                     int8_t kept[DIGITS_TEST][DIGITS_CLASSES])
{
    static int8_t tests[DIGITS_TEST][DIGITS_PIXELS];
    clock_t start;

    for (int t = 0; t < DIGITS_TEST; t++) {
        float input[DIGITS_PIXELS];
        digits_input(&images[DIGITS_TRAINING + t], input);
        if (!done(nsw_qnet_quantize_input(qnet, input, DIGITS_PIXELS, tests[t], DIGITS_PIXELS,
                                          NULL),
                  "quantising an image"))
            return 0;
    }
    result->correct = 0;
    start = clock();
    for (int t = 0; t < DIGITS_TEST; t++) {
        int8_t *output = kept[t];
        int best = 0;
        if (!done(nsw_qnet_forward_i8(qnet, tests[t], DIGITS_PIXELS, output, DIGITS_CLASSES, NULL),
                  "running the int8 network"))
            return 0;
        /* No need for real values here: the larger the integer, the larger what it stands for. */
        for (int c = 1; c < DIGITS_CLASSES; c++)
            if (output[c] > output[best])
                best = c;
        result->answers[t] = (uint8_t)best;
        result->correct += best == images[DIGITS_TRAINING + t].label;
    }
    result->seconds = seconds_since(start);
    return 1;
}

static double accuracy_of(const test_result *result)
{
    return (double)result->correct / DIGITS_TEST;
}

static void print_confusion(const test_result *result)
{
    int count[DIGITS_CLASSES][DIGITS_CLASSES] = {{0}};
    for (int t = 0; t < DIGITS_TEST; t++)
        count[images[DIGITS_TRAINING + t].label][result->answers[t]]++;
    printf("what is  taken for\n        ");
    for (int c = 0; c < DIGITS_CLASSES; c++)
        printf("%4d", c);
    printf("\n");
    for (int row = 0; row < DIGITS_CLASSES; row++) {
        printf("%8d", row);
        for (int c = 0; c < DIGITS_CLASSES; c++) {
            if (count[row][c] == 0)
                printf("   .");
            else
                printf("%4d", count[row][c]);
        }
        printf("\n");
    }
    printf("\n");
}

/* ---- Models in files ----------------------------------------------------------------------- */

static int write_file(const char *path, const uint8_t *bytes, size_t length)
{
    FILE *file = fopen(path, "wb");
    int good = file != NULL && fwrite(bytes, 1, length, file) == length;
    /* Only a close that goes well says that all has been written. */
    if (file != NULL && fclose(file) != 0)
        good = 0;
    if (!good)
        fprintf(stderr, "%s: cannot be written\n", path);
    return good;
}

/* The file's bytes, or NULL; the caller frees them. */
static uint8_t *read_file(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    uint8_t *bytes = NULL;
    long size = -1;
    if (file != NULL && fseek(file, 0, SEEK_END) == 0)
        size = ftell(file);
    if (size > 0 && fseek(file, 0, SEEK_SET) == 0)
        bytes = malloc((size_t)size);
    if (bytes != NULL && fread(bytes, 1, (size_t)size, file) == (size_t)size) {
        *length = (size_t)size;
    } else {
        fprintf(stderr, "%s: cannot be read\n", path);
        free(bytes);
        bytes = NULL;
    }
    if (file != NULL)
        fclose(file);
    return bytes;
}

/* How large the buffer must be is learnt by asking to save into none: the library then answers
 * that it is too small, and what it needs. Returns the buffer, or NULL; the caller frees it. */
static uint8_t *buffer_for(nsw_status status, size_t length)
{
    uint8_t *buffer = NULL;
    if (status != NSW_ERR_BUFFER_TOO_SMALL)
        done(status, "asking for the size of a model");
    else if ((buffer = malloc(length)) == NULL)
        fprintf(stderr, "out of memory\n");
    return buffer;
}

/* Writes the float32 network to a file if that is wanted, and tells its size in any case. */
static int save_float(const options *o, objects *own, size_t *length)
{
    nsw_status status = nsw_net_save(own->net, NULL, 0, length);
    own->model_f32 = buffer_for(status, *length);
    return own->model_f32 != NULL &&
           done(nsw_net_save(own->net, own->model_f32, *length, length), "saving the network") &&
           (o->out_f32 == NULL || write_file(o->out_f32, own->model_f32, *length));
}

/* Writes the int8 network to a file, and makes another one of what is in that file. */
static int save_and_load(const options *o, objects *own, size_t *length)
{
    nsw_status status = nsw_qnet_save(own->qnet, NULL, 0, length);
    own->model = buffer_for(status, *length);
    if (own->model == NULL ||
        !done(nsw_qnet_save(own->qnet, own->model, *length, length), "saving the int8 network") ||
        !write_file(o->out, own->model, *length))
        return 0;
    own->file = read_file(o->out, length);
    return own->file != NULL &&
           done(nsw_qnet_load(own->file, *length, NULL, &own->loaded), o->out);
}

/* ---- The program --------------------------------------------------------------------------- */

static int run(const options *o, objects *own)
{
    static test_result real, small, again;
    nsw_qnet_config quantise = NSW_QNET_CONFIG_INIT;
    size_t real_length = 0, small_length = 0;
    int agree = 0;

    if (!digits_read(o->data, images))
        return 0;
    for (int i = 0; i < DIGITS_TRAINING; i++)
        digits_input(&images[i], samples[i]);
    printf("neural-swarm %s: %d images to train on, %d others to test on\n", nsw_version_str(),
           DIGITS_TRAINING, DIGITS_TEST);

    if (!create(o, own) || !train(o, own) || !test_float(own->net, &real))
        return 0;
    printf("float32: %d of %d test images right: %.4f\n\n", real.correct, DIGITS_TEST,
           accuracy_of(&real));
    print_confusion(&real);

    /* Quantisation needs to know between which values each layer's outputs lie. It finds out by
     * running samples: those that the network has learnt from, as they are. */
    quantise.net = own->net;
    quantise.samples = samples[0];
    quantise.samples_len = DIGITS_TRAINING * DIGITS_PIXELS;
    if (!done(nsw_qnet_create(&quantise, NULL, &own->qnet), "quantising") ||
        !test_int8(own->qnet, &small, outputs_i8[0]))
        return 0;
    for (int t = 0; t < DIGITS_TEST; t++)
        agree += small.answers[t] == real.answers[t];
    printf("int8: %d of %d test images right: %.4f; same answer as float32 for %d\n",
           small.correct, DIGITS_TEST, accuracy_of(&small), agree);

    if (!save_float(o, own, &real_length) || !save_and_load(o, own, &small_length))
        return 0;
    printf("model: %lu bytes as float32, %lu as int8\n", (unsigned long)real_length,
           (unsigned long)small_length);
    if (!test_int8(own->loaded, &again, outputs_i8[1]))
        return 0;
    if (memcmp(outputs_i8[0], outputs_i8[1], sizeof outputs_i8[0]) != 0) {
        fprintf(stderr, "%s: the outputs are not those of the network that was saved\n", o->out);
        return 0;
    }
    printf("saved %s; loaded again, it gives the same outputs for all test images\n", o->out);
    printf("time for an image: %.2f us as float32, %.2f us as int8\n",
           real.seconds * 1e6 / DIGITS_TEST, small.seconds * 1e6 / DIGITS_TEST);

    if (o->check && (accuracy_of(&real) < GOOD || accuracy_of(&small) < accuracy_of(&real) - LOST)) {
        fprintf(stderr, "not good enough: float32 must have %.2f right, int8 at most %.2f less\n",
                GOOD, LOST);
        return 0;
    }
    return 1;
}

/* A whole number up to `most`, of as many digits as cannot overflow, and nothing else. */
static int parse_number(const char *text, uint64_t most, uint64_t *number)
{
    size_t length = strlen(text);
    if (length < 1 || length > 19 || strspn(text, "0123456789") != length)
        return 0;
    *number = strtoull(text, NULL, 10);
    return *number <= most;
}

static int parse(int argc, char **argv, options *o)
{
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;
        uint64_t number = 0;
        if (strcmp(name, "--quiet") == 0) {
            o->quiet = 1;
            continue;
        }
        if (strcmp(name, "--check") == 0) {
            o->check = 1;
            continue;
        }
        if (value == NULL)
            return 0;
        i++;
        if (strcmp(name, "--data") == 0)
            o->data = value;
        else if (strcmp(name, "--out") == 0)
            o->out = value;
        else if (strcmp(name, "--out-f32") == 0)
            o->out_f32 = value;
        else if (strcmp(name, "--seed") == 0 && parse_number(value, INT64_MAX, &number))
            o->seed = number;
        else if (strcmp(name, "--epochs") == 0 && parse_number(value, 100000, &number) &&
                 number > 0)
            o->epochs = (int)number;
        else
            return 0;
    }
    return 1;
}

int main(int argc, char **argv)
{
    options o = {"data/digits.u8", "digits.nswm", NULL, 1, EPOCHS, 0, 0};
    objects own = {NULL, NULL, NULL, NULL, NULL, NULL, NULL};
    int good;

    if (!parse(argc, argv, &o)) {
        fprintf(stderr, "usage: digits [--data FILE] [--out FILE] [--out-f32 FILE] [--seed N]\n"
                        "              [--epochs N] [--quiet] [--check]\n");
        return 2;
    }
    good = run(&o, &own);
    /* However far it came: destroying and freeing NULL is fine. */
    nsw_qnet_destroy(own.loaded);
    nsw_qnet_destroy(own.qnet);
    nsw_trainer_destroy(own.trainer);
    nsw_net_destroy(own.net);
    free(own.file);
    free(own.model);
    free(own.model_f32);
    return good ? 0 : 1;
}
