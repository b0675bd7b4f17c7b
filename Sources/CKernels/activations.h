// What follows a sum, sixteen lanes at a time.
#pragma once
#include "CKernels.h"
#include "vectors.h"

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

