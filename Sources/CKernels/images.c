// Max pool, batch normalisation and the flattening of images (pixels, channels), channels innermost.
#include "CKernels.h"
#include "windows.h"
#include <math.h>

INLINE void pool_pixel(const ck_pool *p, const float *x, span rows, span columns, size_t channel, size_t lanes,
                       float *y, uint8_t *places) {
    v16 best = {};
    v16i where = {};
    for (size_t r = rows.first; r < rows.end; r++)
        for (size_t k = columns.first; k < columns.end; k++) {
            size_t row = (size_t)(rows.origin + (ptrdiff_t)r), column = (size_t)(columns.origin + (ptrdiff_t)k);
            const float *from = x + (row * p->width + column) * p->channels + channel;
            v16 value;
            load_lanes(from, lanes, &value);
            v16i place = (v16i){} + (int32_t)(r * p->kernel + k);
            v16i better = (v16i)(value > best) | (v16i)(value != value);
            if (r == rows.first && k == columns.first) better = (v16i){} - 1;
            best = (v16)(((v16i)value & better) | ((v16i)best & ~better));
            where = (place & better) | (where & ~better);
        }
    v16b bytes = __builtin_convertvector(where, v16b);
    memcpy(y, &best, lanes * sizeof(float));
    memcpy(places, &bytes, lanes);
}

KERNEL void ck_pool_forward(const ck_pool *p, const float *x, float *y, uint8_t *places) {
    for (size_t i = 0; i < output(p->height, p); i++) {
        span rows = window_span(p, i, p->height);
        for (size_t j = 0; j < output(p->width, p); j++) {
            span columns = window_span(p, j, p->width);
            size_t channel = 0;
            for (; channel + LANES <= p->channels; channel += LANES)
                pool_pixel(p, x, rows, columns, channel, LANES, y + channel, places + channel);
            if (channel < p->channels)
                pool_pixel(p, x, rows, columns, channel, p->channels - channel, y + channel, places + channel);
            y += p->channels;
            places += p->channels;
        }
    }
}

INLINE void unpool_pixel(const ck_pool *p, const float *dy, const uint8_t *places, span rows, span columns,
                         size_t channel, size_t lanes, float *dx) {
    v16b bytes = {};
    memcpy(&bytes, places, lanes);
    v16i where = __builtin_convertvector(bytes, v16i);
    v16 d;
    load_lanes(dy, lanes, &d);
    for (size_t r = rows.first; r < rows.end; r++)
        for (size_t k = columns.first; k < columns.end; k++) {
            size_t row = (size_t)(rows.origin + (ptrdiff_t)r), column = (size_t)(columns.origin + (ptrdiff_t)k);
            float *to = dx + (row * p->width + column) * p->channels + channel;
            v16 sum;
            load_lanes(to, lanes, &sum);
            sum += (v16)((v16i)d & (where == (int32_t)(r * p->kernel + k)));
            memcpy(to, &sum, lanes * sizeof(float));
        }
}

KERNEL void ck_pool_backward(const ck_pool *p, const float *dy, const uint8_t *places, float *dx) {
    memset(dx, 0, p->height * p->width * p->channels * sizeof(float));
    for (size_t i = 0; i < output(p->height, p); i++) {
        span rows = window_span(p, i, p->height);
        for (size_t j = 0; j < output(p->width, p); j++, dy += p->channels, places += p->channels) {
            span columns = window_span(p, j, p->width);
            size_t c = 0;
            for (; c + LANES <= p->channels; c += LANES)
                unpool_pixel(p, dy + c, places + c, rows, columns, c, LANES, dx);
            if (c < p->channels) unpool_pixel(p, dy + c, places + c, rows, columns, c, p->channels - c, dx);
        }
    }
}

// Pixels whose sums are kept apart, so that additions overlap and round less.
#define APART 4

INLINE void moments_of(const float *x, size_t pixels, size_t channels, size_t lanes, float *mean, float *squares) {
    v16 sums[APART] = {}, value;
    for (size_t i = 0; i < pixels; i++) {
        load_lanes(x + i * channels, lanes, &value);
        sums[i % APART] += value;
    }
    v16 middle = ((sums[0] + sums[1]) + (sums[2] + sums[3])) / (float)pixels;
    memset(sums, 0, sizeof sums);
    for (size_t i = 0; i < pixels; i++) {
        load_lanes(x + i * channels, lanes, &value);
        value -= middle;
        sums[i % APART] += value * value;
    }
    v16 total = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    memcpy(mean, &middle, lanes * sizeof(float));
    memcpy(squares, &total, lanes * sizeof(float));
}

KERNEL void ck_batch_norm_moments(const float *x, size_t pixels, size_t channels, float *moments) {
    size_t c = 0;
    for (; c + LANES <= channels; c += LANES)
        moments_of(x + c, pixels, channels, LANES, moments + c, moments + channels + c);
    if (c < channels) moments_of(x + c, pixels, channels, channels - c, moments + c, moments + channels + c);
}

void ck_batch_norm_statistics(const float *moments, size_t images, size_t pixels, size_t channels, float epsilon,
                              float momentum, float *mean, float *inverse, float *running_mean,
                              float *running_variance) {
    for (size_t c = 0; c < channels; c++) {
        double sum = 0, squares = 0, count = (double)images * (double)pixels;
        for (size_t i = 0; i < images; i++) sum += (double)moments[2 * i * channels + c];
        double middle = sum / (double)images;
        for (size_t i = 0; i < images; i++) {
            double distance = (double)moments[2 * i * channels + c] - middle;
            squares += (double)moments[(2 * i + 1) * channels + c] + distance * distance * (double)pixels;
        }
        mean[c] = (float)middle;
        inverse[c] = (float)(1 / sqrt(squares / count + (double)epsilon));
        if (!running_mean || !running_variance) continue;
        running_mean[c] += momentum * ((float)middle - running_mean[c]);
        running_variance[c] += momentum * ((float)(squares / (count - 1)) - running_variance[c]);
    }
}

void ck_batch_norm_running(const float *running_mean, const float *running_variance, size_t channels, float epsilon,
                           float *mean, float *inverse) {
    for (size_t c = 0; c < channels; c++) {
        mean[c] = running_mean[c];
        inverse[c] = 1 / sqrtf(running_variance[c] + epsilon);
    }
}

INLINE void normalise(const float *x, const float *mean, const float *inverse, const float *gain, const float *shift,
                      const float *addend, float *y, size_t pixels, size_t channels, size_t channel, size_t lanes) {
    v16 m, scale, g, b, value, other;
    load_lanes(mean + channel, lanes, &m);
    load_lanes(inverse + channel, lanes, &scale);
    load_lanes(gain + channel, lanes, &g);
    load_lanes(shift + channel, lanes, &b);
    scale *= g;
    for (size_t i = channel; i < pixels * channels; i += channels) {
        load_lanes(x + i, lanes, &value);
        value = (value - m) * scale + b;
        if (addend) {
            load_lanes(addend + i, lanes, &other);
            value += other;
        }
        memcpy(y + i, &value, lanes * sizeof(float));
    }
}

KERNEL void ck_batch_norm_forward(const float *x, const float *mean, const float *inverse, const float *gain,
                                  const float *shift, const float *addend, float *y, size_t pixels,
                                  size_t channels) {
    size_t c = 0;
    for (; c + LANES <= channels; c += LANES)
        normalise(x, mean, inverse, gain, shift, addend, y, pixels, channels, c, LANES);
    if (c < channels) normalise(x, mean, inverse, gain, shift, addend, y, pixels, channels, c, channels - c);
}

INLINE void gradient_sums(const float *dy, const float *x, const float *mean, const float *inverse, size_t pixels,
                          size_t channels, size_t channel, size_t lanes, float *sums) {
    v16 m, scale, value, d, plain[APART] = {}, projected[APART] = {};
    load_lanes(mean + channel, lanes, &m);
    load_lanes(inverse + channel, lanes, &scale);
    for (size_t i = 0; i < pixels; i++) {
        load_lanes(x + i * channels + channel, lanes, &value);
        load_lanes(dy + i * channels + channel, lanes, &d);
        plain[i % APART] += d;
        projected[i % APART] += d * ((value - m) * scale);
    }
    v16 a = (plain[0] + plain[1]) + (plain[2] + plain[3]);
    v16 b = (projected[0] + projected[1]) + (projected[2] + projected[3]);
    memcpy(sums + channel, &a, lanes * sizeof(float));
    memcpy(sums + channels + channel, &b, lanes * sizeof(float));
}

KERNEL void ck_batch_norm_backward_sums(const float *dy, const float *x, const float *mean, const float *inverse,
                                        size_t pixels, size_t channels, float *sums) {
    size_t c = 0;
    for (; c + LANES <= channels; c += LANES)
        gradient_sums(dy, x, mean, inverse, pixels, channels, c, LANES, sums);
    if (c < channels) gradient_sums(dy, x, mean, inverse, pixels, channels, c, channels - c, sums);
}

void ck_batch_norm_backward_means(const float *sums, size_t images, size_t channels, size_t count, float *dgain,
                                  float *dshift, float *means) {
    for (size_t c = 0; c < channels; c++) {
        double plain = 0, projected = 0;
        for (size_t i = 0; i < images; i++) {
            plain += (double)sums[2 * i * channels + c];
            projected += (double)sums[(2 * i + 1) * channels + c];
        }
        dshift[c] += (float)plain;
        dgain[c] += (float)projected;
        means[c] = count ? (float)(plain / (double)count) : 0;
        means[channels + c] = count ? (float)(projected / (double)count) : 0;
    }
}

INLINE void gradient_of_input(const float *dy, const float *x, const float *mean, const float *inverse,
                              const float *gain, const float *means, float *dx, size_t pixels, size_t channels,
                              size_t channel, size_t lanes) {
    v16 m, scale, g, plain, projected, value, d;
    load_lanes(mean + channel, lanes, &m);
    load_lanes(inverse + channel, lanes, &scale);
    load_lanes(gain + channel, lanes, &g);
    load_lanes(means + channel, lanes, &plain);
    load_lanes(means + channels + channel, lanes, &projected);
    g *= scale;
    for (size_t i = channel; i < pixels * channels; i += channels) {
        load_lanes(x + i, lanes, &value);
        load_lanes(dy + i, lanes, &d);
        value = g * (d - plain - (value - m) * scale * projected);
        memcpy(dx + i, &value, lanes * sizeof(float));
    }
}

KERNEL void ck_batch_norm_backward(const float *dy, const float *x, const float *mean, const float *inverse,
                                   const float *gain, const float *means, float *dx, size_t pixels,
                                   size_t channels) {
    size_t c = 0;
    for (; c + LANES <= channels; c += LANES)
        gradient_of_input(dy, x, mean, inverse, gain, means, dx, pixels, channels, c, LANES);
    if (c < channels)
        gradient_of_input(dy, x, mean, inverse, gain, means, dx, pixels, channels, c, channels - c);
}

INLINE void add_sums(const float *x, size_t pixels, size_t channels, size_t lanes, float *sums) {
    v16 apart[APART] = {}, value;
    for (size_t i = 0; i < pixels; i++) {
        load_lanes(x + i * channels, lanes, &value);
        apart[i % APART] += value;
    }
    load_lanes(sums, lanes, &value);
    value += (apart[0] + apart[1]) + (apart[2] + apart[3]);
    memcpy(sums, &value, lanes * sizeof(float));
}

KERNEL void ck_pixel_sums(const float *x, size_t pixels, size_t channels, float *sums) {
    size_t c = 0;
    for (; c + LANES <= channels; c += LANES) add_sums(x + c, pixels, channels, LANES, sums + c);
    if (c < channels) add_sums(x + c, pixels, channels, channels - c, sums + c);
}

KERNEL void ck_flatten_forward(const float *x, float *features, size_t pixels, size_t channels) {
    for (size_t i = 0; i < pixels; i++)
        for (size_t c = 0; c < channels; c++) {
            float value = x[i * channels + c];
            features[c * pixels + i] = value < 0 ? 0 : value;
        }
}

KERNEL void ck_flatten_backward(const float *dfeatures, const float *x, float *dx, size_t pixels, size_t channels) {
    for (size_t i = 0; i < pixels; i++)
        for (size_t c = 0; c < channels; c++)
            dx[i * channels + c] = x[i * channels + c] > 0 ? dfeatures[c * pixels + i] : 0;
}
