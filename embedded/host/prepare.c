/* The host's half of the firmware test:
 *
 *   prepare <digits.nswm> <digits.u8> <folder>
 *
 * reads an int8 network and the digits, and writes to the folder
 *
 *   images.bin   the last 360 digits, as they are in digits.u8
 *   levels.bin   the int8 value of each grey level, 17 bytes
 *   outputs.bin  what the network makes of each image here, 10 bytes each
 *
 * and prints lines "name value": images, correct. */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "neural_swarm.h"

enum { PIXELS = 64, DIGITS = 10, LEVELS = 17, RECORD = PIXELS + 1, RECORDS = 1797, TESTS = 360 };

/* The networks of examples/c/digits.c see grey levels as 0 to 1. */
static const float LEVEL = 1.0f / 16.0f;

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "prepare: %s: %s\n", what, why);
    exit(1);
}

static void must(nsw_status status, const char *call)
{
    if (status != NSW_OK)
        fail(call, nsw_status_str(status));
}

/* A whole file; the caller frees it. */
static uint8_t *read_file(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    long size = -1;
    uint8_t *bytes = NULL;
    if (file == NULL)
        fail(path, "cannot be opened");
    if (fseek(file, 0, SEEK_END) == 0)
        size = ftell(file);
    if (size > 0 && fseek(file, 0, SEEK_SET) == 0)
        bytes = malloc((size_t)size);
    if (bytes == NULL || fread(bytes, 1, (size_t)size, file) != (size_t)size)
        fail(path, "cannot be read, or is empty");
    fclose(file);
    *length = (size_t)size;
    return bytes;
}

static void write_file(const char *folder, const char *name, const void *bytes, size_t length)
{
    char path[4096];
    FILE *file;
    int written = snprintf(path, sizeof(path), "%s/%s", folder, name);
    if (written < 0 || (size_t)written >= sizeof(path))
        fail(folder, "too long a path");
    file = fopen(path, "wb");
    if (file == NULL || fwrite(bytes, 1, length, file) != length || fclose(file) != 0)
        fail(path, "cannot be written");
}

/* The index of the first largest output. */
static int largest(const int8_t outputs[DIGITS])
{
    int best = 0;
    for (int i = 1; i < DIGITS; i++)
        if (outputs[i] > outputs[best])
            best = i;
    return best;
}

int main(int argc, char **argv)
{
    size_t model_length, digits_length;
    uint8_t *model, *digits;
    const uint8_t *tests;
    nsw_qnet *network;
    nsw_qnet_info info = NSW_QNET_INFO_INIT;
    float values[LEVELS];
    int8_t levels[LEVELS];
    static int8_t outputs[TESTS][DIGITS];
    int correct = 0;

    if (argc != 4)
        fail("usage", "prepare <digits.nswm> <digits.u8> <folder>");
    model = read_file(argv[1], &model_length);
    digits = read_file(argv[2], &digits_length);
    if (digits_length != (size_t)RECORDS * RECORD)
        fail(argv[2], "not 1797 records of 65 bytes");
    tests = digits + (size_t)(RECORDS - TESTS) * RECORD;

    must(nsw_qnet_load(model, model_length, NULL, &network), argv[1]);
    must(nsw_qnet_describe(network, &info), "nsw_qnet_describe");
    if (info.inputs != PIXELS || info.outputs != DIGITS)
        fail(argv[1], "not a network from 64 inputs to 10 outputs");

    for (int i = 0; i < LEVELS; i++)
        values[i] = (float)i * LEVEL;
    must(nsw_qnet_quantize_input(network, values, LEVELS, levels, LEVELS, NULL),
         "nsw_qnet_quantize_input");

    for (int t = 0; t < TESTS; t++) {
        const uint8_t *record = tests + (size_t)t * RECORD;
        int8_t input[PIXELS];
        for (int i = 0; i < PIXELS; i++) {
            if (record[i] >= LEVELS)
                fail(argv[2], "a grey level above 16");
            input[i] = levels[record[i]];
        }
        must(nsw_qnet_forward_i8(network, input, PIXELS, outputs[t], DIGITS, NULL),
             "nsw_qnet_forward_i8");
        correct += largest(outputs[t]) == record[PIXELS];
    }
    nsw_qnet_destroy(network);

    write_file(argv[3], "images.bin", tests, (size_t)TESTS * RECORD);
    write_file(argv[3], "levels.bin", levels, sizeof(levels));
    write_file(argv[3], "outputs.bin", outputs, sizeof(outputs));
    printf("images %d\ncorrect %d\n", TESTS, correct);
    free(digits);
    free(model);
    return 0;
}
