// One pass over flat buffers: reduction of gradients, norm, Adam.
#include "CKernels.h"
#include "vectors.h"
#include <math.h>

KERNEL void ck_take(float *sum, float *other, size_t count) {
    for (size_t i = 0; i < count; i++) {
        sum[i] += other[i];
        other[i] = 0;
    }
}

KERNEL double ck_sum_squares(const float *x, size_t count) {
    double total = 0;
    for (size_t i = 0; i < count; i++) total += (double)x[i] * (double)x[i];
    return total;
}

KERNEL void ck_adam(float *parameters, float *gradient, float *first, float *second, size_t count, float scale,
                    float rate, float beta1, float beta2, float epsilon, float correction1, float correction2) {
    float step = rate / correction1, root = 1.0f / sqrtf(correction2);
    for (size_t i = 0; i < count; i++) {
        float g = gradient[i] * scale;
        float m = beta1 * first[i] + (1.0f - beta1) * g;
        float v = beta2 * second[i] + (1.0f - beta2) * g * g;
        first[i] = m;
        second[i] = v;
        parameters[i] -= step * m / (sqrtf(v) * root + epsilon);
        gradient[i] = 0;
    }
}
