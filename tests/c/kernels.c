/*
 * The inner loops by themselves: products and integer layers against plain
 * loops written here, and what is refused.
 */
#include <math.h>
#include <string.h>

#include "support.h"

enum { M = 5, N = 7, K = 9 };

static int8_t small(uint32_t *state) { return (int8_t)(random_next(state) & 0xff); }

static void float_products(void) {
    uint32_t state = 7;
    float a[M * K], b[K * N], turned[K * N], scratch[4096];
    for (size_t i = 0; i < COUNT_OF(a); i++) a[i] = random_signed(&state);
    for (size_t i = 0; i < K; i++) {
        for (size_t j = 0; j < N; j++) {
            b[i * N + j] = random_signed(&state);
            turned[j * K + i] = b[i * N + j];
        }
    }
    nsw_matmul how = NSW_MATMUL_INIT;
    how.m = M;
    how.n = N;
    how.k = K;
    size_t needed = 0;
    CHECK_OK(nsw_kernel_matmul_f32_scratch(&how, &needed));
    float c[3][M * N];
    REQUIRE(needed <= COUNT_OF(scratch));
    CHECK_OK(nsw_kernel_matmul_f32(&how, a, COUNT_OF(a), b, COUNT_OF(b), c[0], M * N, scratch,
                                   needed));
    /* The transposed matrix by its strides, twice added: the same, twice. */
    memset(c[1], 0, sizeof c[1]);
    how.b_row = 1;
    how.b_column = K;
    how.add = 1;
    for (int i = 0; i < 2; i++) {
        CHECK_OK(nsw_kernel_matmul_f32(&how, a, COUNT_OF(a), turned, COUNT_OF(turned), c[1],
                                       M * N, NULL, 0));
    }
    for (size_t i = 0; i < M; i++) {
        for (size_t j = 0; j < N; j++) {
            double sum = 0.0;
            for (size_t k = 0; k < K; k++) sum += (double)a[i * K + k] * (double)b[k * N + j];
            CHECK(fabs((double)c[0][i * N + j] - sum) < 1e-5);
            CHECK(fabs((double)c[1][i * N + j] - 2.0 * sum) < 1e-5);
        }
    }
    how.add = 0;
    CHECK_STATUS(nsw_kernel_matmul_f32(&how, a, COUNT_OF(a) - 1, b, COUNT_OF(b), c[0], M * N,
                                       NULL, 0),
                 NSW_ERR_LENGTH);
    CHECK_STATUS(nsw_kernel_matmul_f32(&how, a, COUNT_OF(a), b, COUNT_OF(b), c[0], M * N - 1,
                                       NULL, 0),
                 NSW_ERR_LENGTH);
    CHECK_STATUS(nsw_kernel_matmul_f32(&how, NULL, COUNT_OF(a), b, COUNT_OF(b), c[0], M * N,
                                       NULL, 0),
                 NSW_ERR_NULL);
    CHECK_STATUS(nsw_kernel_matmul_f32(NULL, a, COUNT_OF(a), b, COUNT_OF(b), c[0], M * N, NULL, 0),
                 NSW_ERR_NULL);
    how.c_row = 1;
    how.c_column = 1;
    CHECK_STATUS(nsw_kernel_matmul_f32(&how, a, COUNT_OF(a), b, COUNT_OF(b), c[0], M * N, NULL, 0),
                 NSW_ERR_INVALID);
    how.kernel = 99;
    CHECK_STATUS(nsw_kernel_matmul_f32_scratch(&how, &needed), NSW_ERR_INVALID);
    how.kernel = NSW_KERNEL_DSP;
    CHECK_STATUS(nsw_kernel_matmul_f32_scratch(&how, &needed), NSW_ERR_UNSUPPORTED);
    CHECK_STATUS(nsw_kernel_matmul_f32_scratch(NULL, &needed), NSW_ERR_NULL);
}

static void int8_products(void) {
    uint32_t state = 8;
    int8_t a[M * K], b[K * N], turned[K * N];
    for (size_t i = 0; i < COUNT_OF(a); i++) a[i] = small(&state);
    for (size_t i = 0; i < K; i++) {
        for (size_t j = 0; j < N; j++) {
            b[i * N + j] = small(&state);
            turned[j * K + i] = b[i * N + j];
        }
    }
    size_t len = 0;
    CHECK_STATUS(nsw_kernel_pack_i8(K, N, 0, b, COUNT_OF(b), NULL, 0, &len),
                 NSW_ERR_BUFFER_TOO_SMALL);
    guarded packed = guarded_new(len, 1, 0), other = guarded_new(len, 1, 1);
    CHECK_OK(nsw_kernel_pack_i8(K, N, 0, b, COUNT_OF(b), packed.data, len, NULL));
    CHECK_OK(nsw_kernel_pack_i8(K, N, 1, turned, COUNT_OF(turned), other.data, len, NULL));
    CHECK(memcmp(packed.data, other.data, len) == 0);

    int32_t c[2][M * N];
    uint8_t u[M * K];
    memcpy(u, a, sizeof u);
    size_t written = 0;
    CHECK_OK(nsw_kernel_matmul_i8(NSW_KERNEL_AUTO, M, N, K, a, COUNT_OF(a), other.data, len, c[0],
                                  M * N, &written));
    CHECK_SIZE(written, M * N);
    CHECK_OK(nsw_kernel_matmul_u8i8(NSW_KERNEL_PORTABLE, M, N, K, u, COUNT_OF(u), packed.data,
                                    len, c[1], M * N, NULL));
    for (size_t i = 0; i < M; i++) {
        for (size_t j = 0; j < N; j++) {
            int32_t sum[2] = {0, 0};
            for (size_t k = 0; k < K; k++) {
                sum[0] += a[i * K + k] * b[k * N + j];
                sum[1] += u[i * K + k] * b[k * N + j];
            }
            CHECK(c[0][i * N + j] == sum[0] && c[1][i * N + j] == sum[1]);
        }
    }
    CHECK_STATUS(nsw_kernel_pack_i8(K, N, 0, b, COUNT_OF(b) - 1, packed.data, len, NULL),
                 NSW_ERR_LENGTH);
    CHECK_STATUS(nsw_kernel_pack_i8(K, 0, 0, b, 0, packed.data, len, NULL), NSW_ERR_LENGTH);
    CHECK_STATUS(nsw_kernel_pack_i8(K, N, 0, NULL, COUNT_OF(b), packed.data, len, NULL),
                 NSW_ERR_NULL);
    CHECK_STATUS(nsw_kernel_matmul_i8(NSW_KERNEL_AUTO, M, N, K, a, COUNT_OF(a), packed.data,
                                      len - 1, c[0], M * N, NULL),
                 NSW_ERR_LENGTH);
    CHECK_STATUS(nsw_kernel_matmul_i8(NSW_KERNEL_AUTO, M, N, K, a, COUNT_OF(a), packed.data, len,
                                      c[0], M * N - 1, &written),
                 NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_SIZE(written, M * N);
    CHECK_STATUS(nsw_kernel_matmul_u8i8(77, M, N, K, u, COUNT_OF(u), packed.data, len, c[0], M * N,
                                        NULL),
                 NSW_ERR_INVALID);
    guarded_free(&packed);
    guarded_free(&other);
}

static int32_t limited(int64_t value, int32_t low, int32_t high) {
    return value < low ? low : value > high ? high : (int32_t)value;
}

static void integer_layers(void) {
    uint32_t state = 9;
    enum { SAMPLES = 3, UNITS = 4, WIDTH = 21 };
    int8_t x[SAMPLES * WIDTH], w[UNITS * WIDTH], y[SAMPLES * UNITS];
    int16_t wide_x[SAMPLES * WIDTH], wide_w[UNITS * WIDTH], wide_y[2][SAMPLES * UNITS];
    int32_t biases[UNITS];
    int64_t wide_biases[UNITS];
    for (size_t i = 0; i < COUNT_OF(x); i++) wide_x[i] = (int16_t)(100 * (x[i] = small(&state)));
    for (size_t i = 0; i < COUNT_OF(w); i++) wide_w[i] = (int16_t)(w[i] = small(&state));
    for (size_t i = 0; i < UNITS; i++) wide_biases[i] = biases[i] = small(&state) * 100;

    int32_t factors[UNITS];
    int8_t shifts[UNITS];
    for (size_t i = 0; i < UNITS; i++) {
        CHECK_OK(nsw_kernel_multiplier(0.001 * (double)(i + 1), &factors[i], &shifts[i]));
        CHECK(fabs(ldexp(factors[i], shifts[i] - 31) - 0.001 * (double)(i + 1)) < 1e-11);
    }
    nsw_requantize how = NSW_REQUANTIZE_INIT;
    how.factors = factors;
    how.shifts = shifts;
    how.units = UNITS;
    how.zero_point = -3;
    how.low = -128;
    how.high = 100;
    size_t len = 0;
    CHECK_OK(nsw_kernel_dense_i8(&how, x, COUNT_OF(x), w, COUNT_OF(w), biases, UNITS, y,
                                 COUNT_OF(y), &len));
    CHECK_SIZE(len, COUNT_OF(y));
    for (size_t s = 0; s < SAMPLES; s++) {
        for (size_t u = 0; u < UNITS; u++) {
            int64_t sum = biases[u];
            for (size_t i = 0; i < WIDTH; i++) sum += w[u * WIDTH + i] * x[s * WIDTH + i];
            const int32_t right = 31 - shifts[u];
            const int64_t half = (int64_t)1 << (right - 1);
            /* An arithmetic shift, rounded half up. */
            const double exact = floor(ldexp((double)(sum * factors[u] + half), -right));
            CHECK(y[s * UNITS + u] == limited((int64_t)exact - 3, -128, 100));
        }
    }
    how.low = -32768;
    how.high = 32767;
    how.zero_point = 0;
    CHECK_OK(nsw_kernel_dense_i16x8(&how, wide_x, COUNT_OF(x), w, COUNT_OF(w), wide_biases, UNITS,
                                    wide_y[0], COUNT_OF(y), NULL));
    CHECK_OK(nsw_kernel_dense_i16(&how, wide_x, COUNT_OF(x), wide_w, COUNT_OF(w), wide_biases,
                                  UNITS, wide_y[1], COUNT_OF(y), NULL));
    CHECK(memcmp(wide_y[0], wide_y[1], sizeof wide_y[0]) == 0);
    CHECK(wide_y[0][0] != 0);

    CHECK_STATUS(nsw_kernel_dense_i8(&how, x, COUNT_OF(x), w, COUNT_OF(w), biases, UNITS, y,
                                     COUNT_OF(y), NULL),
                 NSW_ERR_INVALID); /* limits beyond int8 */
    how.low = -128;
    how.high = 127;
    CHECK_STATUS(nsw_kernel_dense_i8(&how, x, COUNT_OF(x) - 1, w, COUNT_OF(w), biases, UNITS, y,
                                     COUNT_OF(y), NULL),
                 NSW_ERR_LENGTH);
    CHECK_STATUS(nsw_kernel_dense_i8(&how, x, COUNT_OF(x), w, COUNT_OF(w), biases, 0, y,
                                     COUNT_OF(y), NULL),
                 NSW_ERR_LENGTH);
    CHECK_STATUS(nsw_kernel_dense_i8(&how, x, COUNT_OF(x), w, COUNT_OF(w), biases, UNITS, y, 1,
                                     &len),
                 NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_SIZE(len, COUNT_OF(y));
    CHECK_STATUS(nsw_kernel_dense_i8(&how, x, COUNT_OF(x), w, COUNT_OF(w), biases, UNITS, x,
                                     COUNT_OF(x), NULL),
                 NSW_ERR_INVALID); /* in place */
    CHECK_STATUS(nsw_kernel_dense_i8(NULL, x, COUNT_OF(x), w, COUNT_OF(w), biases, UNITS, y,
                                     COUNT_OF(y), NULL),
                 NSW_ERR_NULL);
    how.zero_point = 1 << 20;
    CHECK_STATUS(nsw_kernel_dense_i8(&how, x, COUNT_OF(x), w, COUNT_OF(w), biases, UNITS, y,
                                     COUNT_OF(y), NULL),
                 NSW_ERR_INVALID);
    how.zero_point = 0;
    factors[1] = 5;
    CHECK_STATUS(nsw_kernel_dense_i8(&how, x, COUNT_OF(x), w, COUNT_OF(w), biases, UNITS, y,
                                     COUNT_OF(y), NULL),
                 NSW_ERR_INVALID);
    factors[1] = 0;
    how.rounding = 9;
    CHECK_STATUS(nsw_kernel_dense_i16x8(&how, wide_x, COUNT_OF(x), w, COUNT_OF(w), wide_biases,
                                        UNITS, wide_y[0], COUNT_OF(y), NULL),
                 NSW_ERR_INVALID);
    wide_w[3] = INT16_MIN;
    how.rounding = NSW_ROUNDING_SINGLE;
    CHECK_STATUS(nsw_kernel_dense_i16(&how, wide_x, COUNT_OF(x), wide_w, COUNT_OF(w), wide_biases,
                                      UNITS, wide_y[1], COUNT_OF(y), NULL),
                 NSW_ERR_INVALID);
    CHECK_STATUS(nsw_kernel_multiplier(-1.0, &factors[0], &shifts[0]), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_kernel_multiplier(NAN, &factors[0], &shifts[0]), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_kernel_multiplier(1.0, NULL, &shifts[0]), NSW_ERR_NULL);
}

int main(void) {
    float_products();
    int8_products();
    integer_layers();
    return check_report("kernels");
}
