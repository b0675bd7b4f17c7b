#pragma once
#include <stddef.h>
#include <stdint.h>

// Small multilayer perceptrons: a product whose sum for one row never depends on the rows around it, so that an action
// is the same in a batch of 1 and in a batch of 100. Row-major; every width (`columns`) is a multiple of 16.

// What follows a sum: nothing, max(., 0) or the hyperbolic tangent.
enum { CK_LINEAR = 0, CK_RECTIFY = 1, CK_TANH = 2 };

// c (rows, columns) = activation(start + a b). a(i, k) = a[i * a_row + k * a_depth], so a may be read
// transposed; b (depth, ldb); c (rows, ldc). start: `bias` (columns), or c itself where `accumulate`, or 0.
// Every element is summed over k in ascending order, whatever `rows` is.
void ck_mlp_product(const float *a, size_t a_row, size_t a_depth, const float *b, size_t ldb, float *c, size_t ldc,
                    size_t rows, size_t columns, size_t depth, const float *bias, int accumulate, int activation);

// First layer on one-hot components: c (rows, columns) = activation(bias + the sum of `width` rows of b).
// components (rows, width): row numbers of b (., columns).
void ck_mlp_gather(const int32_t *components, size_t width, const float *b, float *c, size_t rows, size_t columns,
                   const float *bias, int activation);
// Its gradient: adds dc (rows, columns) to the rows of db that were summed.
void ck_mlp_scatter(const int32_t *components, size_t width, const float *dc, float *db, size_t rows, size_t columns);

// dc (count) *= the activation's slope where its value is c (count).
void ck_mlp_activation_backward(const float *c, float *dc, size_t count, int activation);
// db (columns) += column sums of dc (rows, columns), row after row.
void ck_mlp_bias_backward(const float *dc, float *db, size_t rows, size_t columns);
// b (columns, rows) = a (rows, columns) transposed.
void ck_mlp_transpose(const float *a, float *b, size_t rows, size_t columns);

// Softmax over the first `actions` of each row of heads (rows, stride): probabilities (rows, actions), their natural
// logarithms (rows, actions), entropies in nats (rows).
void ck_policy(const float *heads, size_t stride, size_t rows, size_t actions, float *probabilities,
               float *log_probabilities, float *entropies);
