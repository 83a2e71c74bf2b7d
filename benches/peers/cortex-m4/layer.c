/* Counts the instructions of one int8 fully connected layer of 784 inputs and
 * 128 units, and holds its outputs against those of the machine that built it.
 * benches/peers/cortex-m4/count builds and runs it with what the firmware of
 * embedded/ has around its program. */

#include <stddef.h>
#include <stdint.h>

#include "measure.h"
#include "neural_swarm.h"
#include "semihost.h"

enum { INPUTS = 784, UNITS = 128, ARENA_SIZE = 16384, KNOWN_INSTRUCTIONS = 1000000 };

/* The files, from the folder that the assembler looks in. */
__asm__(".section .model, \"a\", %progbits\n"
        ".balign 4\n"
        "model: .incbin \"layer.nswm\"\n"
        "model_end:\n"
        ".section .testdata, \"a\", %progbits\n"
        "samples: .incbin \"samples.bin\"\n"
        "samples_end:\n"
        "expected: .incbin \"expected.bin\"\n"
        ".text\n");
extern const uint8_t model[], model_end[];
extern const int8_t samples[], samples_end[], expected[];

static _Alignas(8) uint8_t memory[ARENA_SIZE];

static struct {
    uint32_t runs, wrong, ticks;
} sum;

/* Runs all samples; anything but NSW_OK ends it. */
static nsw_status run(void)
{
    nsw_arena *arena;
    nsw_allocator allocator = NSW_ALLOCATOR_INIT;
    nsw_qnet *layer;
    nsw_status status = nsw_arena_create(memory, sizeof(memory), &arena);
    if (status == NSW_OK)
        status = nsw_arena_allocator(arena, &allocator);
    if (status == NSW_OK)
        status = nsw_qnet_view(model, (size_t)(model_end - model), &allocator, &layer);
    for (const int8_t *sample = samples; status == NSW_OK && sample < samples_end; sample += INPUTS) {
        int8_t outputs[UNITS];
        uint32_t start = count_now();
        status = nsw_qnet_forward_i8(layer, sample, INPUTS, outputs, UNITS, NULL);
        sum.ticks += count_between(start, count_now());
        for (uint32_t i = 0; i < UNITS; i++)
            sum.wrong += outputs[i] != expected[sum.runs * UNITS + i];
        sum.runs++;
    }
    return status;
}

int main(void)
{
    nsw_status status;

    count_start();
    status = run();
    if (status != NSW_OK) {
        print(nsw_status_str(status));
        return 1;
    }
    const struct {
        const char *name;
        uint32_t value;
    } figures[] = {
        {"runs ", sum.runs},
        {"wrong ", sum.wrong},
        {"ticks ", sum.ticks},
        {"known_instructions ", KNOWN_INSTRUCTIONS},
        {"known_ticks ", count_known(KNOWN_INSTRUCTIONS)},
    };
    for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++) {
        print(figures[i].name);
        print_number(figures[i].value);
        print("\n");
    }
    return 0;
}
