#include "CKernels.h"
#include "vectors.h"

#include <math.h>

// Sums keep their written order here, whatever the target's flags allow: rows must not depend on the block they are in.
#define IN_ORDER _Pragma("clang fp reassociate(off) contract(fast)")

// tanh as a quotient of an odd and an even polynomial (coefficients: Eigen, MathFunctionsImpl.h); at 7.9 a
// float's tanh is 1. Element by element, so it is the same in every row.
INLINE void hyperbolic_tangent(v16 *value) {
    IN_ORDER
    const v16 limit = (v16){0} + 7.90531110763549805f;
    const v16 x = __builtin_elementwise_min(__builtin_elementwise_max(*value, -limit), limit);
    const v16 q = x * x;
    v16 odd = q * -2.76076847742355e-16f + 2.00018790482477e-13f;
    odd = odd * q + -8.60467152213735e-11f;
    odd = odd * q + 5.12229709037114e-08f;
    odd = odd * q + 1.48572235717979e-05f;
    odd = odd * q + 6.37261928875436e-04f;
    odd = odd * q + 4.89352455891786e-03f;
    v16 even = q * 1.19825839466702e-06f + 1.18534705686654e-04f;
    even = even * q + 2.26843463243900e-03f;
    even = even * q + 4.89352518554385e-03f;
    *value = x * odd / even;
}

// Vectors are handed over by address: by value, the calling convention would depend on the clone.
INLINE void bend(v16 *value, int activation) {
    if (activation == CK_RECTIFY) *value = __builtin_elementwise_max(*value, (v16){0});
    if (activation == CK_TANH) hyperbolic_tangent(value);
}

// R rows by V vectors of 16 columns, kept in registers over the whole depth.
INLINE void block(const int R, const int V, const float *a, size_t a_row, size_t a_depth, const float *b, size_t ldb,
                  float *c, size_t ldc, size_t depth, const float *bias, int accumulate, int activation) {
    IN_ORDER
    v16 sum[R][V];
#pragma unroll
    for (int r = 0; r < R; r++)
#pragma unroll
        for (int v = 0; v < V; v++)
            sum[r][v] = accumulate ? LOAD(c + r * ldc + 16 * v) : bias ? LOAD(bias + 16 * v) : (v16){0};
    for (size_t k = 0; k < depth; k++) {
        v16 w[V];
#pragma unroll
        for (int v = 0; v < V; v++) w[v] = LOAD(b + k * ldb + 16 * v);
#pragma unroll
        for (int r = 0; r < R; r++) {
            const float x = a[r * a_row + k * a_depth];
#pragma unroll
            for (int v = 0; v < V; v++) sum[r][v] += x * w[v];
        }
    }
#pragma unroll
    for (int r = 0; r < R; r++)
#pragma unroll
        for (int v = 0; v < V; v++) {
            bend(&sum[r][v], activation);
            STORE(c + r * ldc + 16 * v, sum[r][v]);
        }
}

#define ARGUMENTS \
    const float *a, size_t a_row, size_t a_depth, const float *b, size_t ldb, float *c, size_t ldc, size_t rows, \
        size_t columns, size_t depth, const float *bias, int accumulate, int activation

// A panel of 16 V columns: blocks of R rows, then what is left over.
#define CASE(n) \
    case n: \
        block(n, V, a + i * a_row, a_row, a_depth, b, ldb, c + i * ldc, ldc, depth, bias, accumulate, activation); \
        break;
INLINE void panel(const int R, const int V, ARGUMENTS) {
    size_t i = 0;
    (void)columns;
    for (; i + R <= rows; i += R)
        block(R, V, a + i * a_row, a_row, a_depth, b, ldb, c + i * ldc, ldc, depth, bias, accumulate, activation);
    switch (rows - i) {
        CASE(1)
        CASE(2)
        CASE(3)
        CASE(4)
        CASE(5)
    }
}

// R is at most 6. Wide panels reuse a row's number for V loads of the weights; a remainder of 16 columns goes alone.
INLINE void product(const int R, const int V, ARGUMENTS) {
    size_t j = 0;
    for (; j + 16 * V <= columns; j += 16 * V)
        panel(R, V, a, a_row, a_depth, b + j, ldb, c + j, ldc, rows, columns, depth, bias ? bias + j : bias, accumulate,
              activation);
    for (; j < columns; j += 16)
        panel(R, 1, a, a_row, a_depth, b + j, ldb, c + j, ldc, rows, columns, depth, bias ? bias + j : bias, accumulate,
              activation);
}

#define PASS a, a_row, a_depth, b, ldb, c, ldc, rows, columns, depth, bias, accumulate, activation

#if defined(__x86_64__)
// 24 of 32 registers of 16 floats hold sums; 12 of 16 registers of 8 floats; the baseline has 16 of 4 floats.
__attribute__((target("avx512f"))) static void product_avx512(ARGUMENTS) { product(6, 4, PASS); }
__attribute__((target("avx2,fma"))) static void product_avx2(ARGUMENTS) { product(6, 1, PASS); }
static void product_baseline(ARGUMENTS) { product(3, 1, PASS); }

void ck_mlp_product(ARGUMENTS) {
    if (__builtin_cpu_supports("avx512f")) return product_avx512(PASS);
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return product_avx2(PASS);
    product_baseline(PASS);
}
#else
void ck_mlp_product(ARGUMENTS) { product(6, 1, PASS); }
#endif

KERNEL void ck_mlp_gather(const int32_t *components, size_t width, const float *b, float *c, size_t rows,
                          size_t columns, const float *bias, int activation) {
    IN_ORDER
    for (size_t i = 0; i < rows; i++, components += width, c += columns)
        for (size_t j = 0; j < columns; j += 16) {
            v16 sum = LOAD(bias + j);
            for (size_t k = 0; k < width; k++) sum += LOAD(b + components[k] * columns + j);
            bend(&sum, activation);
            STORE(c + j, sum);
        }
}

KERNEL void ck_mlp_scatter(const int32_t *components, size_t width, const float *dc, float *db, size_t rows,
                           size_t columns) {
    for (size_t i = 0; i < rows; i++, components += width, dc += columns)
        for (size_t k = 0; k < width; k++) {
            float *row = db + components[k] * columns;
            for (size_t j = 0; j < columns; j++) row[j] += dc[j];
        }
}

KERNEL void ck_mlp_activation_backward(const float *c, float *dc, size_t count, int activation) {
    if (activation == CK_RECTIFY)
        for (size_t i = 0; i < count; i++) dc[i] = c[i] > 0 ? dc[i] : 0;
    if (activation == CK_TANH)
        for (size_t i = 0; i < count; i++) dc[i] *= 1 - c[i] * c[i];
}

KERNEL void ck_mlp_bias_backward(const float *dc, float *db, size_t rows, size_t columns) {
    IN_ORDER
    for (size_t j = 0; j < columns; j += 16) {
        v16 sum = LOAD(db + j);
        for (size_t i = 0; i < rows; i++) sum += LOAD(dc + i * columns + j);
        STORE(db + j, sum);
    }
}

KERNEL void ck_mlp_transpose(const float *a, float *b, size_t rows, size_t columns) {
    // Tiles of 16 x 16 stay in the first-level cache on both sides.
    for (size_t i0 = 0; i0 < rows; i0 += 16)
        for (size_t j0 = 0; j0 < columns; j0 += 16)
            for (size_t j = j0; j < j0 + 16 && j < columns; j++)
                for (size_t i = i0; i < i0 + 16 && i < rows; i++) b[j * rows + i] = a[i * columns + j];
}

void ck_policy(const float *heads, size_t stride, size_t rows, size_t actions, float *probabilities,
               float *log_probabilities, float *entropies) {
    IN_ORDER
    for (size_t i = 0; i < rows; i++, heads += stride, probabilities += actions, log_probabilities += actions) {
        float largest = heads[0], sum = 0, entropy = 0;
        for (size_t j = 1; j < actions; j++) largest = heads[j] > largest ? heads[j] : largest;
        for (size_t j = 0; j < actions; j++) sum += expf(heads[j] - largest);
        const float shift = largest + logf(sum);
        for (size_t j = 0; j < actions; j++) {
            log_probabilities[j] = heads[j] - shift;
            probabilities[j] = expf(log_probabilities[j]);
            entropy -= probabilities[j] * log_probabilities[j];
        }
        entropies[i] = entropy;
    }
}
