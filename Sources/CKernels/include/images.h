#pragma once
#include <stddef.h>
#include <stdint.h>

// Layers for images. An image is (height, width, channels), channels innermost, any number of them; a whole number of
// sixteens is fastest. Every function works on one image, so that a thread takes an image through all layers.

// A convolution of one image: a square kernel, the same stride and the same padding by zeros in both directions.
typedef struct {
    size_t height, width, inputs, outputs;  // of what comes in; channels in and out
    size_t kernel, stride, padding;
} ck_convolution;

// Floats of scratch for one pass, forward or backward, and of the packed weights for the forward pass (or their
// gradient) and for the backward pass.
size_t ck_convolution_scratch(const ck_convolution *c);
size_t ck_convolution_packed(const ck_convolution *c);
size_t ck_convolution_packed_backward(const ck_convolution *c);

// weight (outputs, inputs, kernel, kernel), PyTorch's order, in the order in which the passes read it.
void ck_convolution_pack(const ck_convolution *c, const float *weight, float *packed);
void ck_convolution_pack_backward(const ck_convolution *c, const float *weight, float *packed);
// dweight, in PyTorch's order, += its packed gradient.
void ck_convolution_unpack(const ck_convolution *c, const float *packed, float *dweight);

// scratch = the image with its border of zeros; `rectify`: max(., 0) of it. Pixels are divided by 255.
void ck_convolution_pad(const ck_convolution *c, const float *x, int rectify, float *scratch);
void ck_convolution_pad_pixels(const ck_convolution *c, const uint8_t *x, float *scratch);

// y (output height, output width, outputs) = convolution of a padded image + bias + addend; bias (outputs) and addend
// (as y) may be null, addend may be y.
void ck_convolution_forward(const ck_convolution *c, const float *padded, const float *packed, const float *bias,
                            const float *addend, float *y);
// dx (height, width, inputs) = gradient of the image, 0 where gate <= 0 (the image before its rectification; may be
// null), + addend (as dx; may be null or dx). packed: from ck_convolution_pack_backward.
void ck_convolution_backward_image(const ck_convolution *c, const float *dy, const float *packed, const float *gate,
                                   const float *addend, float *scratch, float *dx);
// dpacked += gradient of the packed weights, from the padded image of the forward pass.
void ck_convolution_backward_weights(const ck_convolution *c, const float *padded, const float *dy, float *dpacked);

// A max pool of one image; padding is at most half of the kernel and never the largest; kernel at most 15. `partial`:
// whether a window may reach beyond the image's end (PyTorch's ceil_mode), so that no pixel is left out.
typedef struct {
    size_t height, width, channels;
    size_t kernel, stride, padding;
    int partial;
} ck_pool;

// y (output height, output width, channels); `places` (as y): where in its window each largest element lies, the first
// of equals.
void ck_pool_forward(const ck_pool *p, const float *x, float *y, uint8_t *places);
// dx (height, width, channels) = gradient of x.
void ck_pool_backward(const ck_pool *p, const float *dy, const uint8_t *places, float *dx);

// Batch normalisation, y = (x - mean) * inverse * gain + shift for each channel; x (pixels, channels).
// One image's part of the statistics: moments (2, channels) = its mean and its sum of squared deviations from it.
void ck_batch_norm_moments(const float *x, size_t pixels, size_t channels, float *moments);
// mean and inverse = 1 / sqrt(variance + epsilon) (channels) over all images, from their moments (images, 2,
// channels); the running statistics, which may be null, move by `momentum`, the variance without bias, as PyTorch's do.
void ck_batch_norm_statistics(const float *moments, size_t images, size_t pixels, size_t channels, float epsilon,
                              float momentum, float *mean, float *inverse, float *running_mean,
                              float *running_variance);
// mean and inverse from the running statistics.
void ck_batch_norm_running(const float *running_mean, const float *running_variance, size_t channels, float epsilon,
                           float *mean, float *inverse);
// y, + addend where it is not null.
void ck_batch_norm_forward(const float *x, const float *mean, const float *inverse, const float *gain,
                           const float *shift, const float *addend, float *y, size_t pixels, size_t channels);
// One image's sums (2, channels): of dy and of dy times the normalised x.
void ck_batch_norm_backward_sums(const float *dy, const float *x, const float *mean, const float *inverse,
                                 size_t pixels, size_t channels, float *sums);
// dshift, dgain (channels) += the sums (images, 2, channels) over all images; means (2, channels) = them over `count`
// rows, or 0 where count is 0: what the statistics' own gradients take away.
void ck_batch_norm_backward_means(const float *sums, size_t images, size_t channels, size_t count, float *dgain,
                                  float *dshift, float *means);
// dx, which may be dy.
void ck_batch_norm_backward(const float *dy, const float *x, const float *mean, const float *inverse,
                            const float *gain, const float *means, float *dx, size_t pixels, size_t channels);

// What follows a convolution: normalise x (height, width, channels) as above, max(., 0), max pool to y, with places as
// ck_pool_forward has them. Nothing of the image's size is written.
void ck_block_forward(const ck_pool *p, const float *x, const float *mean, const float *inverse, const float *gain,
                      const float *shift, float *y, uint8_t *places);
// One image's sums (2, channels), as ck_batch_norm_backward_sums has them, of dy (as y) brought back through pool and
// rectification. y may have gone through a dropout, of which dy is then the gradient, too.
void ck_block_backward_sums(const ck_pool *p, const float *dy, const float *y, const uint8_t *places, const float *x,
                            const float *mean, const float *inverse, float *sums);
// dx (height, width, channels).
void ck_block_backward(const ck_pool *p, const float *dy, const float *y, const uint8_t *places, const float *x,
                       const float *mean, const float *inverse, const float *gain, const float *means, float *dx);

// sums (channels) += the sums over the pixels of x (pixels, channels).
void ck_pixel_sums(const float *x, size_t pixels, size_t channels, float *sums);
// features (channels, pixels) = max(x, 0) of an image (pixels, channels): PyTorch's flatten.
void ck_flatten_forward(const float *x, float *features, size_t pixels, size_t channels);
// dx (pixels, channels) = the gradient of that.
void ck_flatten_backward(const float *dfeatures, const float *x, float *dx, size_t pixels, size_t channels);
