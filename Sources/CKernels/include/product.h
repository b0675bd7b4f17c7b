#pragma once
#include <stddef.h>

// What follows a sum: nothing, max(., 0) or the hyperbolic tangent.
enum { CK_LINEAR = 0, CK_RECTIFY = 1, CK_TANH = 2 };

// c (rows, columns) = activation(start + a b). a(i, k) = a[i * a_row + k * a_depth], so a may be read
// transposed; b (depth, ldb); c (rows, ldc). start: `bias` (columns), or c itself where `accumulate`, or 0.
// Every element is summed over k in ascending order, whatever `rows` is: a row's bits are the same in a batch of 1 and
// in a batch of 100. Fastest where `columns` is a multiple of 64, and slow for what is beyond a multiple of 16.
void ck_product(const float *a, size_t a_row, size_t a_depth, const float *b, size_t ldb, float *c, size_t ldc,
                size_t rows, size_t columns, size_t depth, const float *bias, int accumulate, int activation);

// b (columns, rows) = a (rows, columns) transposed.
void ck_transpose(const float *a, float *b, size_t rows, size_t columns);
