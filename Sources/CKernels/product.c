// Matrix products of the sizes that networks have. A right-hand side that fits into the second-level cache is read where
// it lies; of a larger one, a panel at a time is copied together.
#include "activations.h"

// Arrays have constant sizes, because the compiler keeps those of variable length in memory.
#define MOST_ROWS 6
#define MOST_VECTORS 4

// R rows by V vectors of 16 columns, kept in registers over the whole depth.
INLINE void block(const int R, const int V, const float *a, size_t a_row, size_t a_depth, const float *b, size_t ldb,
                  float *c, size_t ldc, size_t depth, const float *bias, int accumulate, int activation) {
    IN_ORDER
    v16 sum[MOST_ROWS][MOST_VECTORS];
#pragma unroll
    for (int r = 0; r < R; r++)
#pragma unroll
        for (int v = 0; v < V; v++)
            sum[r][v] = accumulate ? LOAD(c + r * ldc + 16 * v) : bias ? LOAD(bias + 16 * v) : (v16){0};
    for (size_t k = 0; k < depth; k++) {
        v16 w[MOST_VECTORS];
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

// Fewer than 16 columns, a row at a time: for the widths of small models, not for speed.
INLINE void tail(ARGUMENTS) {
    IN_ORDER
    size_t bytes = columns * sizeof(float);
    for (size_t i = 0; i < rows; i++) {
        v16 sum = {0};
        if (accumulate || bias) memcpy(&sum, accumulate ? c + i * ldc : bias, bytes);
        for (size_t k = 0; k < depth; k++) {
            v16 w = {0};
            memcpy(&w, b + k * ldb, bytes);
            sum += a[i * a_row + k * a_depth] * w;
        }
        bend(&sum, activation);
        memcpy(c + i * ldc, &sum, bytes);
    }
}

// Rows of b that are copied at a time, and what makes that worth its time: floats of b that would not stay in the
// second-level cache, and rows of c that use the copy.
#define CHUNK 256
#define LARGE 32768
#define ENOUGH_ROWS 32

// A panel of 16 V columns whose part of b is copied together, CHUNK rows at a time. The sums go on from chunk to chunk
// through c, in the same order as without.
INLINE void copied_panel(const int R, const int V, ARGUMENTS) {
    float copy[CHUNK * 16 * MOST_VECTORS] __attribute__((aligned(64)));
    for (size_t k = 0; k < depth; k += CHUNK) {
        size_t chunk = depth - k < CHUNK ? depth - k : CHUNK;
        for (size_t i = 0; i < chunk; i++)
#pragma unroll
            for (int v = 0; v < V; v++) STORE(copy + (i * V + v) * 16, LOAD(b + (k + i) * ldb + 16 * v));
        panel(R, V, a + k * a_depth, a_row, a_depth, copy, 16 * V, c, ldc, rows, columns, chunk, bias, accumulate || k,
              k + chunk < depth ? CK_LINEAR : activation);
    }
}

// R is at most 6. Wide panels reuse a row's number for V loads of the weights; a remainder of 16 columns goes alone.
INLINE void product(const int R, const int V, ARGUMENTS) {
    size_t j = 0;
    if (ldb * depth > LARGE && rows >= ENOUGH_ROWS) {
        for (; j + 16 * V <= columns; j += 16 * V)
            copied_panel(R, V, a, a_row, a_depth, b + j, ldb, c + j, ldc, rows, columns, depth, bias ? bias + j : bias,
                         accumulate, activation);
    } else {
        for (; j + 16 * V <= columns; j += 16 * V)
            panel(R, V, a, a_row, a_depth, b + j, ldb, c + j, ldc, rows, columns, depth, bias ? bias + j : bias,
                  accumulate, activation);
    }
    for (; j + 16 <= columns; j += 16)
        panel(R, 1, a, a_row, a_depth, b + j, ldb, c + j, ldc, rows, columns, depth, bias ? bias + j : bias, accumulate,
              activation);
    if (j < columns)
        tail(a, a_row, a_depth, b + j, ldb, c + j, ldc, rows, columns - j, depth, bias ? bias + j : bias, accumulate,
             activation);
}

#define PASS a, a_row, a_depth, b, ldb, c, ldc, rows, columns, depth, bias, accumulate, activation

#if defined(__x86_64__)
// 24 of 32 registers of 16 floats hold sums; 12 of 16 registers of 8 floats; the baseline has 16 of 4 floats.
__attribute__((target("avx512f"))) static void product_avx512(ARGUMENTS) { product(6, 4, PASS); }
__attribute__((target("avx2,fma"))) static void product_avx2(ARGUMENTS) { product(6, 1, PASS); }
static void product_baseline(ARGUMENTS) { product(3, 1, PASS); }

void ck_product(ARGUMENTS) {
    if (__builtin_cpu_supports("avx512f")) return product_avx512(PASS);
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return product_avx2(PASS);
    product_baseline(PASS);
}
#else
void ck_product(ARGUMENTS) { product(6, 1, PASS); }
#endif

KERNEL void ck_transpose(const float *a, float *b, size_t rows, size_t columns) {
    // Tiles of 16 x 16 stay in the first-level cache on both sides.
    for (size_t i0 = 0; i0 < rows; i0 += 16)
        for (size_t j0 = 0; j0 < columns; j0 += 16)
            for (size_t j = j0; j < j0 + 16 && j < columns; j++)
                for (size_t i = i0; i < i0 + 16 && i < rows; i++) b[j * rows + i] = a[i * columns + j];
}
