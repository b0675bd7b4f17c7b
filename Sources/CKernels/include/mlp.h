#pragma once
#include <stddef.h>
#include <stdint.h>

// What small multilayer perceptrons need beside products. Row-major; every width (`columns`) is a multiple of 16.

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

// Softmax over the first `actions` of each row of heads (rows, stride): probabilities (rows, actions), their natural
// logarithms (rows, actions), entropies in nats (rows).
void ck_policy(const float *heads, size_t stride, size_t rows, size_t actions, float *probabilities,
               float *log_probabilities, float *entropies);
