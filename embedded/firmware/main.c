/* Classifies handwritten digits with an int8 network that lies in flash.
 *
 * The shape of a real program: a static arena, the model read in place, the
 * input turned to int8 with a table, nsw_qnet_forward_i8, the largest output.
 * The rest is the test: all outputs go to the file outputs.bin, and lines
 * "name value" to the standard output for scripts/test-embedded. */

#include <stddef.h>
#include <stdint.h>

#include "measure.h"
#include "neural_swarm.h"
#include "semihost.h"

enum { PIXELS = 64, DIGITS = 10, LEVELS = 17, ARENA_SIZE = 4096, KNOWN_INSTRUCTIONS = 1000000 };

struct image {
    uint8_t pixels[PIXELS]; /* grey levels, 0 to 16 */
    uint8_t label;
};

/* From data.S. */
extern const uint8_t model[], model_end[];
extern const int8_t levels[LEVELS];
extern const struct image images[], images_end[];

/* All the memory that the library gets. */
static _Alignas(8) uint8_t memory[ARENA_SIZE];

static void figure(const char *name, uint32_t value)
{
    print(name);
    print(" ");
    print_number(value);
    print("\n");
}

/* Ends the program if a call failed, with the status as a number: the texts of nsw_status_str take 4 KB. */
static void must(nsw_status status, const char *call)
{
    if (status == NSW_OK)
        return;
    print("FAILED: ");
    print(call);
    print(": status -");
    print_number((uint32_t)-status);
    print("\n");
    semihost_exit(1);
}

/* A bug in the library: say where, and stop with an error. */
void nsw_port_panic(const char *file, size_t file_len, uint32_t line)
{
    print("PANIC: ");
    print_bytes(file, file_len);
    print(" line ");
    print_number(line);
    print("\n");
    semihost_exit(2);
}

static uint32_t largest(const int8_t outputs[DIGITS])
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < DIGITS; i++)
        if (outputs[i] > outputs[best])
            best = i;
    return best;
}

int main(void)
{
    nsw_arena *arena;
    nsw_allocator allocator = NSW_ALLOCATOR_INIT;
    nsw_qnet *network;
    size_t arena_high_water;
    uint32_t start, load_ticks, forward_ticks = 0, count = 0, correct = 0;
    int32_t file;

#ifdef TEST_FLOAT
    /* Proves that a float instruction does not go unnoticed. */
    __asm__ volatile("vmov.f32 s0, #1.0");
#endif

    count_start();
    must(nsw_arena_create(memory, sizeof(memory), &arena), "nsw_arena_create");
    must(nsw_arena_allocator(arena, &allocator), "nsw_arena_allocator");
    start = count_now();
    must(nsw_qnet_view(model, (size_t)(model_end - model), &allocator, &network), "nsw_qnet_view");
    load_ticks = count_between(start, count_now());

    file = file_create("outputs.bin");
    for (const struct image *image = images; image < images_end; image++) {
        int8_t input[PIXELS], outputs[DIGITS];
        nsw_status status;
        for (uint32_t i = 0; i < PIXELS; i++)
            input[i] = levels[image->pixels[i] < LEVELS ? image->pixels[i] : LEVELS - 1];
        start = count_now();
        status = nsw_qnet_forward_i8(network, input, PIXELS, outputs, DIGITS, NULL);
        forward_ticks += count_between(start, count_now());
        must(status, "nsw_qnet_forward_i8");
        if (file_write(file, outputs, sizeof(outputs)) != 0) {
            print("FAILED: outputs.bin cannot be written\n");
            return 1;
        }
        correct += largest(outputs) == image->label;
        count++;
    }
    file_close(file);
    must(nsw_arena_usage(arena, NULL, &arena_high_water, NULL), "nsw_arena_usage");
    nsw_qnet_destroy(network);
    nsw_arena_destroy(arena);

    figure("images", count);
    figure("correct", correct);
    figure("arena_size", ARENA_SIZE);
    figure("arena_high_water", (uint32_t)arena_high_water);
    figure("stack_high_water", stack_high_water());
    figure("load_ticks", load_ticks);
    figure("forward_ticks", forward_ticks);
    figure("known_instructions", KNOWN_INSTRUCTIONS);
    figure("known_ticks", count_known(KNOWN_INSTRUCTIONS));
    return 0;
}
