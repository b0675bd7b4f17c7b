// Sixteen floats at a time in clang's vector extension: one AVX-512 register, two of AVX2, four of the baseline.
// Helpers take vectors by pointer, because a vector passed by value would depend on the ABI of each clone.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
#define KERNEL __attribute__((target_clones("avx512f", "arch=x86-64-v3", "default")))
#else
#define KERNEL
#endif
#define INLINE static inline __attribute__((always_inline))

typedef float v16 __attribute__((vector_size(64)));
typedef float v16_unaligned __attribute__((vector_size(64), aligned(4), may_alias));
typedef int32_t v16i __attribute__((vector_size(64)));
typedef uint32_t v16w __attribute__((vector_size(64)));
typedef uint64_t v8q __attribute__((vector_size(64)));

#define LOAD(p) (*(const v16_unaligned *)(p))
#define STORE(p, v) (*(v16_unaligned *)(p) = (v))
#define LANES 16

// The first `lanes` of sixteen; those that do not exist are 0.
INLINE void load_lanes(const float *p, size_t lanes, v16 *x) {
    if (lanes == LANES) {
        *x = LOAD(p);
    } else {
        v16 some = {};
        memcpy(&some, p, lanes * sizeof(float));
        *x = some;
    }
}

INLINE void store_lanes(float *p, size_t lanes, const v16 *x) {
    // A copy, because a vector whose address memcpy takes would not stay in a register.
    v16 copy = *x;
    if (lanes == LANES)
        STORE(p, copy);
    else
        memcpy(p, &copy, lanes * sizeof(float));
}

INLINE float sum_lanes(const v16 *x) {
    float lanes[LANES];
    memcpy(lanes, x, sizeof lanes);
    float sum = 0;
    for (int i = 0; i < LANES; i++) sum += lanes[i];
    return sum;
}

INLINE float max_lanes(const v16 *x) { return __builtin_reduce_max(*x); }

// e^x by 2^n * p(f), f in [-1/2, 1/2]; relative error about 2e-7; x below -87 gives about 1e-38.
INLINE void exp_lanes(v16 *x) {
    v16 y = *x * 1.44269504088896341f;
    y = __builtin_elementwise_max(__builtin_elementwise_min(y, (v16){} + 126.0f), (v16){} - 126.0f);
    // Truncation towards zero of y shifted to be positive is floor, and every instruction set has it.
    v16i n = __builtin_convertvector(y + 126.5f, v16i) - 126;
    v16 f = y - __builtin_convertvector(n, v16);
    v16 p = (v16){} + 1.5403530e-4f;
    p = p * f + 1.3333558e-3f;
    p = p * f + 9.6181291e-3f;
    p = p * f + 5.5504109e-2f;
    p = p * f + 2.4022651e-1f;
    p = p * f + 6.9314718e-1f;
    p = p * f + 1.0f;
    v16i power = (n + 127) << 23;
    *x = p * *(v16 *)&power;
}
