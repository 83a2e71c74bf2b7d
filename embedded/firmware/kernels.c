/* The kernels of the DSP extension beside the portable ones, and what a layer
 * costs on each: lines "name value" for scripts/test-embedded. The functions
 * are those of embedded/src/kernel_test.rs. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "measure.h"
#include "semihost.h"

enum { INPUTS = 784, UNITS = 128, ROUNDS = 4000, KNOWN_INSTRUCTIONS = 1000000 };
enum { PORTABLE = 1, DSP = 6 };

uint32_t nsw_kernel_test_compare(uint32_t rounds);
bool nsw_kernel_test_dense(uint32_t kernel, const int8_t *x, const int8_t *w, int8_t *y);

/* Too large for the flash of the demonstration; what they are does not change
 * the count. */
__attribute__((section(".testdata"))) const int8_t weights[UNITS * INPUTS] = {1};

static int8_t input[INPUTS];
static int8_t outputs[2][UNITS];

static void figure(const char *name, uint32_t value)
{
    print(name);
    print(" ");
    print_number(value);
    print("\n");
}

void nsw_port_panic(const char *file, size_t file_len, uint32_t line)
{
    print("PANIC: ");
    print_bytes(file, file_len);
    print(" line ");
    print_number(line);
    print("\n");
    semihost_exit(2);
}

/* The ticks of the layer on a kernel. */
static uint32_t ticks(uint32_t kernel, int8_t *output)
{
    uint32_t start = count_now();
    bool ran = nsw_kernel_test_dense(kernel, input, weights, output);
    uint32_t end = count_now();
    if (!ran) {
        print("FAILED: the layer did not run\n");
        semihost_exit(1);
    }
    return count_between(start, end);
}

int main(void)
{
    uint32_t differs = nsw_kernel_test_compare(ROUNDS);
    if (differs != 0) {
        print("FAILED: the kernels differ, in layer ");
        print_number(differs);
        print("\n");
        return 1;
    }
    for (uint32_t i = 0; i < INPUTS; i++)
        input[i] = (int8_t)(i * 37u);
    count_start();
    figure("kernel_layers", ROUNDS);
    figure("dense_products", INPUTS * UNITS);
    figure("dense_dsp_ticks", ticks(DSP, outputs[0]));
    figure("dense_portable_ticks", ticks(PORTABLE, outputs[1]));
    figure("known_instructions", KNOWN_INSTRUCTIONS);
    figure("known_ticks", count_known(KNOWN_INSTRUCTIONS));
    return 0;
}
