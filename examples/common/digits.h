/* The handwritten digits, for the digits programs in C and in C++: reading them, and making new
 * images out of them. Nothing in here calls the library.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Everything is static and in C99 that is also C++, so a program is one source file and this.
 */
#ifndef EXAMPLES_DIGITS_H
#define EXAMPLES_DIGITS_H

#include <math.h>
#include <stdint.h>
#include <stdio.h>

/* data/README.md describes the file: records of 64 grey levels and a label. */
#define DIGITS_SIDE 8
#define DIGITS_PIXELS 64
#define DIGITS_CLASSES 10
#define DIGITS_BLACK 16
#define DIGITS_IMAGES 1797
/* The first images are to train on, the others to test on. The file is not shuffled: images by
 * one hand stand together, so most of the last ones are by people whose writing is not among the
 * first. Such a test is harder than a shuffled one, and says more about the next user. */
#define DIGITS_TRAINING 1437
#define DIGITS_TEST (DIGITS_IMAGES - DIGITS_TRAINING)

typedef struct digits_image {
    uint8_t pixels[DIGITS_PIXELS]; /* row by row, 0 to DIGITS_BLACK */
    uint8_t label;                 /* 0 to 9 */
} digits_image;

/* Reads data/digits.u8. Says on stderr what is wrong with it and returns 0 if it cannot. */
static int digits_read(const char *path, digits_image images[DIGITS_IMAGES])
{
    FILE *file = fopen(path, "rb");
    int good = file != NULL;
    if (!good) {
        fprintf(stderr, "%s: cannot be opened; is this the project's folder?\n", path);
        return 0;
    }
    for (int i = 0; good && i < DIGITS_IMAGES; i++) {
        digits_image *image = &images[i];
        good = fread(image->pixels, 1, DIGITS_PIXELS, file) == DIGITS_PIXELS &&
               fread(&image->label, 1, 1, file) == 1 && image->label < DIGITS_CLASSES;
        for (int p = 0; p < DIGITS_PIXELS; p++)
            good = good && image->pixels[p] <= DIGITS_BLACK;
    }
    if (!good || fgetc(file) != EOF) {
        fprintf(stderr, "%s: not the digits as data/make-digits makes them\n", path);
        good = 0;
    }
    fclose(file);
    return good;
}

/* One image as the network sees it: grey levels as 0 to 1. (They could be any numbers, but
 * networks learn best from values of about this size.) */
static void digits_input(const digits_image *image, float input[DIGITS_PIXELS])
{
    for (int p = 0; p < DIGITS_PIXELS; p++)
        input[p] = (float)image->pixels[p] / DIGITS_BLACK;
}

/* A label as the network is to answer it: 1 for the digit that it is, 0 for all others. */
static void digits_target(const digits_image *image, float target[DIGITS_CLASSES])
{
    for (int c = 0; c < DIGITS_CLASSES; c++)
        target[c] = c == image->label ? 1.0f : 0.0f;
}

/* ---- New images out of old ones ------------------------------------------------------------
 *
 * A few writers have not written digits in all the ways there are, and a network soon knows their
 * images by heart. So it never gets to see them: in every epoch it trains on fresh variations
 * of them, distorted as another hand might have drawn them (after Simard, Steinkraus & Platt
 * 2003) and partly blended with each other (mixup: Zhang et al. 2018). */

/* How far an image moves as a whole, and then each of its nine anchors, at most, in pixels. */
#define DIGITS_SHIFT 0.5f
#define DIGITS_WOBBLE 0.8f
/* How much of another image is blended into every second one, at most. */
#define DIGITS_BLEND 0.5f

/* SplitMix64 (Steele, Lea & Flood 2014): small, good enough here, and unlike rand() the same
 * everywhere. */
static uint32_t digits_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (uint32_t)((z ^ (z >> 31)) >> 32);
}

/* Evenly from 0 to below `end`. */
static float digits_uniform(uint64_t *state, float end)
{
    /* The top 24 bits: all of them have a place in a float. */
    return (float)(digits_random(state) >> 8) * (1.0f / 16777216.0f) * end;
}

/* What the four pixels around a point weigh in its value, by its distance from the second of
 * them, 0 to 1 (cubic convolution: Keys 1981). Blending just two of them would blur the image:
 * the network would train on blurred images and be tested on sharp ones. */
static void digits_cubic(float at, float weights[4])
{
    weights[0] = 0.5f * at * (at * (2.0f - at) - 1.0f);
    weights[1] = 1.0f + 0.5f * at * at * (3.0f * at - 5.0f);
    weights[2] = 0.5f * at * (1.0f + at * (4.0f - 3.0f * at));
    weights[3] = 0.5f * at * at * (at - 1.0f);
}

/* The grey level of an image at any point. */
static float digits_sample(const digits_image *image, float x, float y)
{
    float left = floorf(x), top = floorf(y);
    float across[4], down[4], sum = 0.0f;
    digits_cubic(x - left, across);
    digits_cubic(y - top, down);
    for (int j = 0; j < 4; j++) {
        for (int i = 0; i < 4; i++) {
            int column = (int)left + i - 1, row = (int)top + j - 1;
            /* Outside, all is paper. */
            if (column >= 0 && column < DIGITS_SIDE && row >= 0 && row < DIGITS_SIDE)
                sum += down[j] * across[i] * (float)image->pixels[row * DIGITS_SIDE + column];
        }
    }
    /* The weights sharpen, so a sum can lie a little outside the range. */
    return sum < 0.0f ? 0.0f : sum > DIGITS_BLACK ? DIGITS_BLACK : sum;
}

/* A distorted image, as a network's input. Picture it on a rubber sheet that is held by three
 * times three pins: the whole sheet moves a little, then each pin by itself, and the rubber
 * between the pins stretches. */
static void digits_distort(const digits_image *image, uint64_t *state, float input[DIGITS_PIXELS])
{
    const float step = (DIGITS_SIDE - 1) / 2.0f; /* from pin to pin */
    float pin[2][3][3];                          /* how far each one moves along x and y */

    for (int axis = 0; axis < 2; axis++) {
        float shift = digits_uniform(state, 2.0f * DIGITS_SHIFT) - DIGITS_SHIFT;
        for (int p = 0; p < 9; p++)
            pin[axis][p / 3][p % 3] =
                shift + digits_uniform(state, 2.0f * DIGITS_WOBBLE) - DIGITS_WOBBLE;
    }
    for (int y = 0; y < DIGITS_SIDE; y++) {
        for (int x = 0; x < DIGITS_SIDE; x++) {
            /* The square of four pins that the pixel is in, and where in it. */
            int column = (float)x >= step, row = (float)y >= step;
            float u = (float)x / step - (float)column, v = (float)y / step - (float)row;
            float moved[2];
            for (int axis = 0; axis < 2; axis++) {
                const float *upper = pin[axis][row], *lower = pin[axis][row + 1];
                moved[axis] = (1.0f - v) * ((1.0f - u) * upper[column] + u * upper[column + 1]) +
                              v * ((1.0f - u) * lower[column] + u * lower[column + 1]);
            }
            input[y * DIGITS_SIDE + x] =
                digits_sample(image, (float)x + moved[0], (float)y + moved[1]) / DIGITS_BLACK;
        }
    }
}

/* Fresh training data for an epoch: a variation of each training image, and what to answer. */
static void digits_vary(const digits_image *images, uint64_t *state,
                        float inputs[DIGITS_TRAINING][DIGITS_PIXELS],
                        float targets[DIGITS_TRAINING][DIGITS_CLASSES])
{
    for (int i = 0; i < DIGITS_TRAINING; i++) {
        digits_distort(&images[i], state, inputs[i]);
        digits_target(&images[i], targets[i]);
    }
    for (int i = 0; i < DIGITS_TRAINING; i++) {
        int other;
        float share;
        if (digits_random(state) % 2 == 0)
            continue;
        /* Nine tenths of a 3 and one tenth of an 8: the right answer is just that. */
        other = (int)(digits_random(state) % DIGITS_TRAINING);
        share = digits_uniform(state, DIGITS_BLEND);
        for (int p = 0; p < DIGITS_PIXELS; p++)
            inputs[i][p] += share * (inputs[other][p] - inputs[i][p]);
        for (int c = 0; c < DIGITS_CLASSES; c++)
            targets[i][c] += share * (targets[other][c] - targets[i][c]);
    }
}

#endif /* EXAMPLES_DIGITS_H */
