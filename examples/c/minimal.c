/* The shortest useful program: a network learns exclusive or, without a heap.
 * SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <stdio.h>

#include "neural_swarm.h"

static unsigned char memory[4096]; /* all that the library gets */

static const float inputs[] = {0, 0, 0, 1, 1, 0, 1, 1}; /* four samples of two values */
static const float targets[] = {0, 1, 1, 0};            /* and what to answer to each */

int main(void)
{
    const nsw_layer layers[] = {NSW_LAYER(4, NSW_ACTIVATION_TANH),
                                NSW_LAYER(1, NSW_ACTIVATION_SIGMOID)};
    const nsw_data data = NSW_DATA(inputs, 8, targets, 4);
    nsw_net_config shape = NSW_NET_CONFIG_INIT;
    nsw_trainer_config method = NSW_TRAINER_CONFIG_INIT; /* zeros: iRPROP-, squared error */
    nsw_train_params params = NSW_TRAIN_PARAMS_INIT;
    nsw_train_report report = NSW_TRAIN_REPORT_INIT;
    nsw_allocator allocator = NSW_ALLOCATOR_INIT;
    nsw_arena *arena = NULL;
    nsw_net *net = NULL;
    nsw_trainer *trainer = NULL;
    float outputs[4];
    nsw_status status;

    shape.inputs = 2;
    shape.layers = layers;
    shape.layer_count = 2;
    shape.batch = method.block = 4; /* as many samples at once: what memory is spent on */
    params.max_epochs = 1000;
    params.target_loss = 0.001f;

    status = nsw_arena_create(memory, sizeof memory, &arena);
    if (status == NSW_OK)
        status = nsw_arena_allocator(arena, &allocator);
    if (status == NSW_OK)
        status = nsw_net_create(&shape, &allocator, &net);
    method.net = net;
    if (status == NSW_OK)
        status = nsw_trainer_create(&method, &allocator, &trainer);
    if (status == NSW_OK)
        status = nsw_trainer_train(trainer, net, &data, &params, &report);
    if (status == NSW_OK)
        status = nsw_net_forward_batch(net, inputs, 8, 4, outputs, 4, NULL);

    if (status == NSW_OK) {
        printf("%u epochs, loss %.4f\n", (unsigned)report.epochs, report.loss);
        for (int i = 0; i < 4; i++)
            printf("%.0f xor %.0f = %.2f\n", inputs[2 * i], inputs[2 * i + 1], outputs[i]);
    } else {
        fprintf(stderr, "neural-swarm: %s\n", nsw_status_str(status));
    }
    nsw_trainer_destroy(trainer); /* NULL is fine; the arena comes last */
    nsw_net_destroy(net);
    nsw_arena_destroy(arena);
    return status == NSW_OK ? 0 : 1;
}
