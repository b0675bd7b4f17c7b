#pragma once
#include <stddef.h>
#include <stdint.h>

// Which elements one dropout of one sequence drops: a pure function of these numbers.
typedef struct {
    uint32_t key0, key1;
    uint32_t site;       // which dropout of the model
    uint32_t sequence;   // which sequence of the batch
    uint32_t step;       // which optimiser step
    uint32_t threshold;  // probability in units of 2^-16; 0 drops nothing
    float scale;         // 1 / (1 - probability)
} ck_dropout;

// The four Philox words of the counters (16 * block + i, site, sequence, step), i in 0..<16: words (16, 4).
void ck_philox(const ck_dropout *dropout, uint32_t block, uint32_t *words);

// x (count) is multiplied by the dropout's mask: 0 or `scale`. Dropout and its backward pass are the same.
void ck_dropout_apply(const ck_dropout *dropout, float *x, size_t count);

// Which of a transition's tokens are replaced by the mask vector.
enum { CK_MASKED_ACTION = 1, CK_MASKED_REWARD = 2 };

// Transitions as tokens are made of them. `components` (rows, width) are rows of the observation table; `actions` and
// `rewards` (rows) are the previous ones; `masked` (rows): see above.
typedef struct {
    const int32_t *components;
    size_t width;
    const int32_t *actions;
    const float *rewards;
    const uint8_t *masked;
} ck_tokens;

// The embedding's parameters or their gradients: tables with rows of D floats, single vectors of D.
typedef struct {
    float *observation, *action, *reward, *reward_bias, *position, *mask;
} ck_embedding;

// Merged layout: x (rows, D) = observation + (action + reward or mask) + position; row i has position
// first_position + i. Anything in `masked` replaces previous action and reward together.
void ck_embed_forward(const ck_embedding *weights, const ck_tokens *tokens, size_t rows, size_t dimension,
                      size_t first_position, float *x);
// Adds the gradient of x, dx (rows, D), to the tables' gradients.
void ck_embed_backward(const ck_embedding *gradients, const ck_tokens *tokens, size_t rows, size_t dimension,
                       size_t first_position, const float *dx);

// Separate layout, three tokens a row: previous action, previous reward, observation; x (3 rows, D), row i has the
// positions first_position + 3 i and the two after it, or none where `position` is null.
void ck_embed_separate_forward(const ck_embedding *weights, const ck_tokens *tokens, size_t rows, size_t dimension,
                               size_t first_position, float *x);
void ck_embed_separate_backward(const ck_embedding *gradients, const ck_tokens *tokens, size_t rows, size_t dimension,
                                size_t first_position, const float *dx);

// y = (s - mean) / deviation * gain + shift, s = residual + dropout(z + bias). z (rows, D) becomes the normalised s,
// `inverse` (rows) 1 / deviation. dropout may be null. Epsilon 1e-5 as in PyTorch. y may be residual.
void ck_residual_norm_forward(const float *residual, float *z, const float *bias, const float *gain,
                              const float *shift, float *y, float *inverse, size_t rows, size_t dimension,
                              const ck_dropout *dropout);
// From dy (rows, D): dresidual = gradient of s, dz = the same through the dropout; adds to dgain, dshift, dbias (D).
// dresidual may be dy.
void ck_residual_norm_backward(const float *dy, const float *normalised, const float *inverse, const float *gain,
                               float *dresidual, float *dz, float *dgain, float *dshift, float *dbias, size_t rows,
                               size_t dimension, const ck_dropout *dropout);

// a (rows, width) gets the bias added; h = gelu(a), tanh form.
void ck_bias_gelu_forward(float *a, const float *bias, float *h, size_t rows, size_t width);
// dh (rows, width) becomes da; h is computed again from a; da's column sums are added to dbias.
void ck_bias_gelu_backward(const float *a, float *dh, float *h, float *dbias, size_t rows, size_t width);

// x (rows, width) += bias.
void ck_bias_add(float *x, const float *bias, size_t rows, size_t width);
// dbias (width) += column sums of dx (rows, width).
void ck_column_sums(const float *dx, float *dbias, size_t rows, size_t width);

// Floats of scratch that the attention kernels need for T tokens and heads of dimension d.
size_t ck_attention_scratch(size_t tokens, size_t head_dimension);
// Floats of the weights that one head keeps for the backward pass.
size_t ck_attention_weights(size_t tokens);
// What a query does not see beside the future. `padded`: leading tokens that no query sees; their own output is 0 and
// gives no gradient. `window`: query i sees the last `window` tokens, i - window + 1 to i; 0: all. No mask: null.
typedef struct {
    size_t padded, window;
} ck_attention_mask;

// Causal self-attention of one sequence and one head. qkv (T, stride): query, key and value of this head begin at
// column 0, D and 2D; their biases (the same columns) are added in place. out (T, D) gets the head's columns.
// `weights`: kept for the backward pass; the sign bit marks a dropped one.
void ck_attention_forward(float *qkv, const float *bias, float *out, float *weights, float *scratch, size_t tokens,
                          size_t dimension, size_t head_dimension, const ck_dropout *dropout,
                          const ck_attention_mask *mask);
// dout (T, D) at the head's columns; writes the head's columns of dqkv (T, 3D).
void ck_attention_backward(const float *qkv, const float *weights, const float *dout, float *dqkv, float *scratch,
                           size_t tokens, size_t dimension, size_t head_dimension, const ck_dropout *dropout,
                           const ck_attention_mask *mask);
// One query against a cache: query (d), keys and values (count, stride); out (d). scores: scratch of `count` floats.
void ck_attention_query(const float *query, const float *keys, const float *values, size_t count, size_t stride,
                        size_t head_dimension, float *scores, float *out);

// Softmax cross entropy with label smoothing over rows with taught[row] != 0. logits (rows, classes) become their
// gradient times `scale`. Returns the sum of the objective; adds the unsmoothed negative log-likelihood to *nats.
double ck_cross_entropy(float *logits, const int32_t *targets, const uint8_t *taught, size_t rows, size_t classes,
                        float smoothing, float scale, double *nats);

// sum += other, other = 0 (n).
void ck_take(float *sum, float *other, size_t count);
// Sum of squares in Double.
double ck_sum_squares(const float *x, size_t count);
// One Adam step over n parameters; the gradient is multiplied by `scale` first and set to 0 afterwards.
// correction1 = 1 - beta1^t, correction2 = 1 - beta2^t.
void ck_adam(float *parameters, float *gradient, float *first, float *second, size_t count, float scale, float rate,
             float beta1, float beta2, float epsilon, float correction1, float correction2);
