/* What a program for libfann looks like here: each step says which of FANN's functions it
 * stands for. It learns exclusive or with FANN's RPROP, saves the network and loads it again.
 * SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "neural_swarm.h"

static const float inputs[] = {-1, -1, -1, 1, 1, -1, 1, 1};
static const float targets[] = {-1, 1, 1, -1};

/* Ends the program where FANN would have printed an error and gone on. */
static void must(nsw_status status, const char *what)
{
    if (status != NSW_OK) {
        fprintf(stderr, "%s: %s\n", what, nsw_status_str(status));
        exit(1);
    }
}

/* fann_create_standard(3, 2, 3, 1), fann_set_activation_function_hidden and _output with
 * SIGMOID_SYMMETRIC, fann_set_activation_steepness_all(0.5): FANN's default. (The plain SIGMOID
 * has twice FANN's steepness here.) */
static nsw_net *create(void)
{
    nsw_layer layers[] = {NSW_LAYER(3, NSW_ACTIVATION_TANH), NSW_LAYER(1, NSW_ACTIVATION_TANH)};
    nsw_net_config shape = NSW_NET_CONFIG_INIT;
    nsw_randomize_config weights = NSW_RANDOMIZE_CONFIG_INIT;
    nsw_net *net = NULL;

    layers[0].steepness = layers[1].steepness = 0.5f;
    shape.inputs = 2;
    shape.layers = layers;
    shape.layer_count = 2;
    must(nsw_net_create(&shape, NULL, &net), "creating the network");

    /* fann_randomize_weights(ann, -0.1, 0.1), but from a seed */
    weights.method = NSW_RANDOMIZE_UNIFORM;
    weights.low = -0.1f;
    weights.high = 0.1f;
    weights.seed = 1;
    must(nsw_net_randomize(net, &weights), "drawing the weights");
    return net;
}

/* fann_set_callback */
static int32_t report_epoch(void *ctx, const nsw_progress *progress)
{
    (void)ctx;
    if (progress->epoch % 20 == 0)
        printf("epoch %3lu  MSE %.6f  bit fail %lu\n", (unsigned long)progress->epoch,
               progress->loss, (unsigned long)progress->bit_fail);
    return 0;
}

/* fann_set_training_algorithm(FANN_TRAIN_RPROP), fann_set_train_error_function(
 * FANN_ERRORFUNC_TANH), fann_set_bit_fail_limit(0.35), fann_train_on_data(1000, ..., 0.001) */
static void train(nsw_net *net)
{
    const nsw_data data = NSW_DATA(inputs, 8, targets, 4); /* fann_create_train_from_callback */
    nsw_trainer_config method = NSW_TRAINER_CONFIG_INIT;
    nsw_train_params params = NSW_TRAIN_PARAMS_INIT;
    nsw_train_report report = NSW_TRAIN_REPORT_INIT;
    nsw_trainer *trainer = NULL;

    method.net = net;
    method.algorithm = NSW_ALGORITHM_RPROP;
    method.error_function = NSW_ERROR_FUNCTION_TANH;
    method.bit_fail_limit = 0.35f;
    method.exact = 1; /* the bits that libfann computes; without it faster, and as good */
    must(nsw_trainer_create(&method, NULL, &trainer), "creating the trainer");
    params.max_epochs = 1000;
    params.target_loss = 0.001f;
    params.progress = report_epoch;
    must(nsw_trainer_train(trainer, net, &data, &params, &report), "training");
    printf("%lu epochs, MSE %.6f\n", (unsigned long)report.epochs, report.loss);
    nsw_trainer_destroy(trainer);
}

/* fann_save and fann_create_from_file, by way of memory: files are the program's own affair. */
static nsw_net *saved_and_loaded(nsw_net *net)
{
    unsigned char model[1024];
    size_t len = 0;
    nsw_net *loaded = NULL;

    must(nsw_net_save(net, model, sizeof model, &len), "saving");
    nsw_net_destroy(net); /* fann_destroy */
    must(nsw_net_load(model, len, NULL, &loaded), "loading");
    return loaded;
}

int main(void)
{
    nsw_net *net = create();
    train(net);
    net = saved_and_loaded(net);
    for (int i = 0; i < 4; i++) {
        float answer = 0;
        must(nsw_net_forward(net, &inputs[2 * i], 2, &answer, 1, NULL), "running"); /* fann_run */
        printf("%+.0f xor %+.0f = %+.2f\n", inputs[2 * i], inputs[2 * i + 1], answer);
    }
    nsw_net_destroy(net);
    return 0;
}
