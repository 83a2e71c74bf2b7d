/* What someone who uses neural_swarm from C would first write: a small network in a
 * static buffer, one forward pass. Every consumer project builds it, against the static
 * and the shared library; it also holds the header and the library to the same version. */
#include <neural_swarm.h>

#include <stdint.h>
#include <stdio.h>

static uint64_t memory[1024]; /* 8 KiB, all that the program gives the library */

#ifdef NSW_NO_STD
#include <stdlib.h>

/* What a build without std calls on a bug in itself. Not all targets have a default. */
void nsw_port_panic(const char *file, size_t file_len, uint32_t line)
{
    fprintf(stderr, "consumer: bug in neural_swarm: %.*s:%u\n", (int)file_len, file, (unsigned)line);
    abort();
}
#endif

static int failed(const char *what, nsw_status status)
{
    fprintf(stderr, "consumer: %s: %s\n", what, nsw_status_str(status));
    return 1;
}

static int versions_agree(void)
{
    const uint32_t header = ((uint32_t)NSW_VERSION_MAJOR << 16)
        | ((uint32_t)NSW_VERSION_MINOR << 8) | (uint32_t)NSW_VERSION_PATCH;
    if (nsw_version() != header || nsw_abi_version() != (uint32_t)NSW_ABI_VERSION) {
        fprintf(stderr, "consumer: header and library are of different versions\n");
        return 0;
    }
    return 1;
}

static int forward(nsw_net *net)
{
    const float input[3] = {0.5f, -1.0f, 0.25f};
    float output[2] = {0.0f, 0.0f};
    size_t outputs = 0;
    const nsw_status status = nsw_net_forward(net, input, 3, output, 2, &outputs);
    if (status != NSW_OK) {
        return failed("nsw_net_forward", status);
    }
    /* The last layer is softmax: two positive numbers whose sum is 1. */
    if (outputs != 2 || !(output[0] > 0.0f) || !(output[1] > 0.0f)
        || output[0] + output[1] < 0.999f || output[0] + output[1] > 1.001f) {
        fprintf(stderr, "consumer: not a softmax: %zu outputs, %f %f\n", outputs,
                (double)output[0], (double)output[1]);
        return 1;
    }
    printf("neural_swarm %s, ABI %u: forward pass done\n", nsw_version_str(),
           (unsigned)nsw_abi_version());
    return 0;
}

int main(void)
{
    const nsw_layer layers[2] = {
        NSW_LAYER(4, NSW_ACTIVATION_TANH),
        NSW_LAYER(2, NSW_ACTIVATION_SOFTMAX),
    };
    nsw_net_config config = NSW_NET_CONFIG_INIT;
    nsw_allocator allocator = NSW_ALLOCATOR_INIT;
    nsw_arena *arena = NULL;
    nsw_net *net = NULL;
    nsw_status status;
    int result;

    if (!versions_agree()) {
        return 1;
    }
    config.inputs = 3;
    config.layers = layers;
    config.layer_count = 2;
    config.seed = 7;

    status = nsw_arena_create(memory, sizeof memory, &arena);
    if (status != NSW_OK) {
        return failed("nsw_arena_create", status);
    }
    status = nsw_arena_allocator(arena, &allocator);
    if (status != NSW_OK) {
        return failed("nsw_arena_allocator", status);
    }
    status = nsw_net_create(&config, &allocator, &net);
    if (status != NSW_OK) {
        return failed("nsw_net_create", status);
    }
    result = forward(net);
    nsw_net_destroy(net);
    nsw_arena_destroy(arena);
    return result;
}
