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

static void figure(const char *name, uint32_t value)
{
    print(name);
    print(" ");
    print_number(value);
    print("\n");
}

static void must(nsw_status status, const char *call)
{
    if (status == NSW_OK)
        return;
    print("FAILED: ");
    print(call);
    print(": ");
    print(nsw_status_str(status));
    print("\n");
    semihost_exit(1);
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

int main(void)
{
    nsw_arena *arena;
    nsw_allocator allocator = NSW_ALLOCATOR_INIT;
    nsw_qnet *layer;
    const int8_t *right = expected;
    uint32_t ticks = 0, runs = 0, wrong = 0;

    count_start();
    must(nsw_arena_create(memory, sizeof(memory), &arena), "nsw_arena_create");
    must(nsw_arena_allocator(arena, &allocator), "nsw_arena_allocator");
    must(nsw_qnet_view(model, (size_t)(model_end - model), &allocator, &layer), "nsw_qnet_view");
    for (const int8_t *sample = samples; sample < samples_end; sample += INPUTS) {
        int8_t outputs[UNITS];
        uint32_t start = count_now();
        nsw_status status =
            nsw_qnet_forward_i8(layer, sample, INPUTS, outputs, UNITS, NULL);
        ticks += count_between(start, count_now());
        must(status, "nsw_qnet_forward_i8");
        for (uint32_t i = 0; i < UNITS; i++)
            wrong += outputs[i] != *right++;
        runs++;
    }
    nsw_qnet_destroy(layer);
    nsw_arena_destroy(arena);

    figure("runs", runs);
    figure("wrong", wrong);
    figure("ticks", ticks);
    figure("known_instructions", KNOWN_INSTRUCTIONS);
    figure("known_ticks", count_known(KNOWN_INSTRUCTIONS));
    return 0;
}
