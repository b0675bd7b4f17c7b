// Batch norm, rectification and max pool in one pass over the image behind a convolution (pixels, channels), channels
// innermost, and their gradient in two.
//
// Only the largest element of a window has a gradient, so that the sums of the norm's backward pass are sums over the
// windows, and what the pool and the rectification would have kept is never written.
#include "windows.h"

// Sixteen channels of a norm: (x - mean) * scale + shift.
typedef struct {
    v16 mean, scale, shift;
} affine;

INLINE void load_affine(const float *mean, const float *inverse, const float *gain, const float *shift, size_t channel,
                        size_t lanes, affine *a) {
    v16 factor;
    load_lanes(mean + channel, lanes, &a->mean);
    load_lanes(inverse + channel, lanes, &a->scale);
    load_lanes(gain + channel, lanes, &factor);
    load_lanes(shift + channel, lanes, &a->shift);
    a->scale *= factor;
}

INLINE const float *pixel(const ck_pool *p, const float *x, span rows, span columns, size_t r, size_t k) {
    size_t row = (size_t)(rows.origin + (ptrdiff_t)r), column = (size_t)(columns.origin + (ptrdiff_t)k);
    return x + (row * p->width + column) * p->channels;
}

INLINE void forward_lanes(const ck_pool *p, const float *x, span rows, span columns, const affine *a, size_t channel,
                          size_t lanes, float *y, uint8_t *places) {
    v16 best = {}, value;
    v16i where = {};
    for (size_t r = rows.first; r < rows.end; r++)
        for (size_t k = columns.first; k < columns.end; k++) {
            load_lanes(pixel(p, x, rows, columns, r, k) + channel, lanes, &value);
            value = (value - a->mean) * a->scale + a->shift;
            v16i place = (v16i){} + (int32_t)(r * p->kernel + k);
            // A NaN goes through, so that divergence shows in the loss.
            v16i better = (v16i)(value > best) | (v16i)(value != value);
            if (r == rows.first && k == columns.first) better = (v16i){} - 1;
            best = (v16)(((v16i)value & better) | ((v16i)best & ~better));
            where = (place & better) | (where & ~better);
        }
    best = (v16)((v16i)best & ~(v16i)(best < 0.0f));
    v16b bytes = __builtin_convertvector(where, v16b);
    memcpy(y, &best, lanes * sizeof(float));
    memcpy(places, &bytes, lanes);
}

KERNEL void ck_block_forward(const ck_pool *p, const float *x, const float *mean, const float *inverse,
                             const float *gain, const float *shift, float *y, uint8_t *places) {
    size_t n = p->channels;
    for (size_t i = 0; i < output(p->height, p); i++) {
        span rows = window_span(p, i, p->height);
        for (size_t j = 0; j < output(p->width, p); j++, y += n, places += n) {
            span columns = window_span(p, j, p->width);
            affine a;
            size_t c = 0;
            for (; c + LANES <= n; c += LANES) {
                load_affine(mean, inverse, gain, shift, c, LANES, &a);
                forward_lanes(p, x, rows, columns, &a, c, LANES, y + c, places + c);
            }
            if (c < n) {
                load_affine(mean, inverse, gain, shift, c, n - c, &a);
                forward_lanes(p, x, rows, columns, &a, c, n - c, y + c, places + c);
            }
        }
    }
}

// The gradient of the largest element of a window, 0 where it was rectified, and its place.
INLINE void load_gradient(const float *dy, const float *y, const uint8_t *places, size_t lanes, v16 *d, v16i *where) {
    v16 value;
    v16b bytes = {};
    load_lanes(dy, lanes, d);
    load_lanes(y, lanes, &value);
    memcpy(&bytes, places, lanes);
    *d = (v16)((v16i)*d & (v16i)(value > 0.0f));
    *where = __builtin_convertvector(bytes, v16i);
}

INLINE void sums_lanes(const ck_pool *p, const float *dy, const float *y, const uint8_t *places, const float *x,
                       span rows, span columns, const float *mean, const float *inverse, size_t channel, size_t lanes,
                       float *sums) {
    v16 d, value, largest = {}, middle, scale, plain, projected;
    v16i where;
    load_gradient(dy + channel, y + channel, places + channel, lanes, &d, &where);
    for (size_t r = rows.first; r < rows.end; r++)
        for (size_t k = columns.first; k < columns.end; k++) {
            load_lanes(pixel(p, x, rows, columns, r, k) + channel, lanes, &value);
            largest = (v16)((v16i)largest | ((v16i)value & (where == (int32_t)(r * p->kernel + k))));
        }
    load_lanes(mean + channel, lanes, &middle);
    load_lanes(inverse + channel, lanes, &scale);
    load_lanes(sums + channel, lanes, &plain);
    load_lanes(sums + p->channels + channel, lanes, &projected);
    plain += d;
    projected += d * ((largest - middle) * scale);
    memcpy(sums + channel, &plain, lanes * sizeof(float));
    memcpy(sums + p->channels + channel, &projected, lanes * sizeof(float));
}

KERNEL void ck_block_backward_sums(const ck_pool *p, const float *dy, const float *y, const uint8_t *places,
                                   const float *x, const float *mean, const float *inverse, float *sums) {
    size_t n = p->channels;
    memset(sums, 0, 2 * n * sizeof(float));
    for (size_t i = 0; i < output(p->height, p); i++) {
        span rows = window_span(p, i, p->height);
        for (size_t j = 0; j < output(p->width, p); j++, dy += n, y += n, places += n) {
            span columns = window_span(p, j, p->width);
            size_t c = 0;
            for (; c + LANES <= n; c += LANES)
                sums_lanes(p, dy, y, places, x, rows, columns, mean, inverse, c, LANES, sums);
            if (c < n) sums_lanes(p, dy, y, places, x, rows, columns, mean, inverse, c, n - c, sums);
        }
    }
}

// Sixteen channels of the gradient of a norm: factor * (d - plain - (x - mean) * projected).
typedef struct {
    v16 mean, factor, plain, projected;
} slope;

INLINE void load_slope(const float *mean, const float *inverse, const float *gain, const float *means, size_t channels,
                       size_t channel, size_t lanes, slope *s) {
    v16 scale;
    load_lanes(mean + channel, lanes, &s->mean);
    load_lanes(inverse + channel, lanes, &scale);
    load_lanes(gain + channel, lanes, &s->factor);
    load_lanes(means + channel, lanes, &s->plain);
    load_lanes(means + channels + channel, lanes, &s->projected);
    s->factor *= scale;
    s->projected *= scale;
}

// The gradient of one pixel that is no window's largest.
INLINE void fill_lanes(const float *x, const slope *s, size_t lanes, float *dx) {
    v16 value;
    load_lanes(x, lanes, &value);
    value = -s->factor * (s->plain + (value - s->mean) * s->projected);
    memcpy(dx, &value, lanes * sizeof(float));
}

#define NORM const float *mean, const float *inverse, const float *gain, const float *means
#define NORM_PASSED mean, inverse, gain, means

// Pixels `from` to `to` of an image's row.
INLINE void fill(const ck_pool *p, const float *x, NORM, size_t row, size_t from, size_t to, float *dx) {
    size_t n = p->channels;
    slope s;
    for (size_t i = (row * p->width + from) * n; i < (row * p->width + to) * n; i += n) {
        size_t c = 0;
        for (; c + LANES <= n; c += LANES) {
            load_slope(NORM_PASSED, n, c, LANES, &s);
            fill_lanes(x + i + c, &s, LANES, dx + i + c);
        }
        if (c < n) {
            load_slope(NORM_PASSED, n, c, n - c, &s);
            fill_lanes(x + i + c, &s, n - c, dx + i + c);
        }
    }
}

// One window that shares no pixel with another.
INLINE void window_lanes(const ck_pool *p, const float *dy, const float *y, const uint8_t *places, const float *x,
                         span rows, span columns, const slope *s, size_t channel, size_t lanes, float *dx) {
    v16 d, value;
    v16i where;
    load_gradient(dy + channel, y + channel, places + channel, lanes, &d, &where);
    for (size_t r = rows.first; r < rows.end; r++)
        for (size_t k = columns.first; k < columns.end; k++) {
            const float *from = pixel(p, x, rows, columns, r, k) + channel;
            load_lanes(from, lanes, &value);
            v16 own = (v16)((v16i)d & (where == (int32_t)(r * p->kernel + k)));
            value = s->factor * (own - s->plain - (value - s->mean) * s->projected);
            memcpy(dx + (from - x), &value, lanes * sizeof(float));
        }
}

// One window's gradient added to what `fill` has left.
INLINE void add_lanes(const ck_pool *p, const float *dy, const float *y, const uint8_t *places, const float *x,
                      span rows, span columns, const slope *s, size_t channel, size_t lanes, float *dx) {
    v16 d, sum;
    v16i where;
    load_gradient(dy + channel, y + channel, places + channel, lanes, &d, &where);
    d *= s->factor;
    for (size_t r = rows.first; r < rows.end; r++)
        for (size_t k = columns.first; k < columns.end; k++) {
            float *to = dx + (pixel(p, x, rows, columns, r, k) - x) + channel;
            load_lanes(to, lanes, &sum);
            sum += (v16)((v16i)d & (where == (int32_t)(r * p->kernel + k)));
            memcpy(to, &sum, lanes * sizeof(float));
        }
}

KERNEL void ck_block_backward(const ck_pool *p, const float *dy, const float *y, const uint8_t *places, const float *x,
                              NORM, float *dx) {
    size_t n = p->channels, high = output(p->height, p), wide = output(p->width, p);
    int apart = p->stride == p->kernel && !p->padding;
    // Rows and columns that windows apart from each other write; with windows that overlap, none.
    size_t rows_done = apart ? high * p->kernel : 0, columns_done = apart ? wide * p->kernel : 0;
    for (size_t row = 0; row < p->height; row++)
        fill(p, x, NORM_PASSED, row, row < rows_done && columns_done < p->width ? columns_done : 0,
             row < rows_done && columns_done >= p->width ? 0 : p->width, dx);
    for (size_t i = 0; i < high; i++) {
        span rows = window_span(p, i, p->height);
        for (size_t j = 0; j < wide; j++, dy += n, y += n, places += n) {
            span columns = window_span(p, j, p->width);
            slope s;
            for (size_t c = 0; c < n; c += LANES) {
                size_t lanes = n - c < LANES ? n - c : LANES;
                load_slope(NORM_PASSED, n, c, lanes, &s);
                if (apart && lanes == LANES)
                    window_lanes(p, dy, y, places, x, rows, columns, &s, c, LANES, dx);
                else if (apart)
                    window_lanes(p, dy, y, places, x, rows, columns, &s, c, lanes, dx);
                else
                    add_lanes(p, dy, y, places, x, rows, columns, &s, c, lanes, dx);
            }
        }
    }
}
