// Direct convolution: sixteen output channels are a vector, several output pixels stay in registers, and every element
// of the kernel is one multiply-add of a broadcast input with a vector of weights.
//
// A row of the kernel covers `kernel * inputs` neighbouring floats of the padded image, so that kernel columns and
// channels are one loop and any kernel, stride and number of input channels runs through the same code. The gradient
// of the image is the same product with the kernel turned round, once for each remainder of rows and columns by the
// stride: a pixel meets every stride-th place of the kernel alone, and nothing is multiplied by the zeros between. That of
// the weights keeps kernel elements in registers and walks over the pixels.
#include "CKernels.h"
#include "vectors.h"

#define UNROLL _Pragma("clang loop unroll(full)")

static size_t blocks(size_t channels) { return (channels + LANES - 1) / LANES; }
static size_t output(size_t size, const ck_convolution *c) {
    return (size + 2 * c->padding - c->kernel) / c->stride + 1;
}

size_t ck_convolution_packed(const ck_convolution *c) {
    return blocks(c->outputs) * LANES * c->kernel * c->kernel * c->inputs;
}

size_t ck_convolution_packed_backward(const ck_convolution *c) {
    return blocks(c->inputs) * LANES * c->kernel * c->kernel * c->outputs;
}

// The pixels of an image, in one direction, that share their remainder by the stride.
typedef struct {
    size_t count;            // of the pixels
    size_t first, taps;      // the first place of the kernel that reaches them, and how many do, `stride` apart
    ptrdiff_t origin, last;  // the output pixel that the last place brings to the first of them, and the first to the last
} phase;

static phase phase_of(const ck_convolution *c, size_t remainder, size_t size) {
    phase p;
    p.first = (remainder + c->padding) % c->stride;
    p.taps = c->kernel > p.first ? (c->kernel - p.first + c->stride - 1) / c->stride : 0;
    p.count = size > remainder ? (size - remainder + c->stride - 1) / c->stride : 0;
    ptrdiff_t base = (ptrdiff_t)((remainder + c->padding) / c->stride);
    p.origin = base + 1 - (ptrdiff_t)p.taps;
    p.last = base + (ptrdiff_t)p.count - 1;
    return p;
}

// Zeros before and behind the output's pixels, in one direction, that the image's gradient reads.
typedef struct {
    size_t before, behind;
} margin;

static margin margin_of(const ck_convolution *c, size_t size) {
    ptrdiff_t before = 0, behind = 0, end = (ptrdiff_t)output(size, c) - 1;
    for (size_t remainder = 0; remainder < c->stride; remainder++) {
        phase p = phase_of(c, remainder, size);
        if (!p.count || !p.taps) continue;
        if (-p.origin > before) before = -p.origin;
        if (p.last - end > behind) behind = p.last - end;
    }
    return (margin){(size_t)before, (size_t)behind};
}

size_t ck_convolution_scratch(const ck_convolution *c) {
    margin rows = margin_of(c, c->height), columns = margin_of(c, c->width);
    size_t forward = (c->height + 2 * c->padding) * (c->width + 2 * c->padding) * c->inputs;
    size_t high = output(c->height, c) + rows.before + rows.behind;
    size_t wide = output(c->width, c) + columns.before + columns.behind;
    size_t backward = high * wide * c->outputs;
    return forward > backward ? forward : backward;
}

// Packed: (blocks of outputs, kernel, kernel, inputs, 16).
void ck_convolution_pack(const ck_convolution *c, const float *weight, float *packed) {
    size_t area = c->kernel * c->kernel;
    for (size_t block = 0; block < blocks(c->outputs); block++)
        for (size_t place = 0; place < area; place++)
            for (size_t i = 0; i < c->inputs; i++)
                for (size_t lane = 0; lane < LANES; lane++) {
                    size_t o = block * LANES + lane;
                    *packed++ = o < c->outputs ? weight[(o * c->inputs + i) * area + place] : 0;
                }
}

// Packed: (remainders of rows, of columns, blocks of inputs, taps of both, outputs, 16), the kernel's rows and columns
// in reverse.
void ck_convolution_pack_backward(const ck_convolution *c, const float *weight, float *packed) {
    size_t area = c->kernel * c->kernel;
    for (size_t part = 0; part < c->stride * c->stride; part++) {
        phase rows = phase_of(c, part / c->stride, c->height), columns = phase_of(c, part % c->stride, c->width);
        for (size_t block = 0; block < blocks(c->inputs); block++)
            for (size_t tap = rows.taps * columns.taps; tap-- > 0;) {
                size_t row = rows.first + tap / columns.taps * c->stride;
                size_t place = row * c->kernel + columns.first + tap % columns.taps * c->stride;
                for (size_t o = 0; o < c->outputs; o++)
                    for (size_t lane = 0; lane < LANES; lane++) {
                        size_t i = block * LANES + lane;
                        *packed++ = i < c->inputs ? weight[(o * c->inputs + i) * area + place] : 0;
                    }
            }
    }
}

void ck_convolution_unpack(const ck_convolution *c, const float *packed, float *dweight) {
    size_t area = c->kernel * c->kernel;
    for (size_t block = 0; block < blocks(c->outputs); block++)
        for (size_t place = 0; place < area; place++)
            for (size_t i = 0; i < c->inputs; i++, packed += LANES)
                for (size_t lane = 0; lane < LANES && block * LANES + lane < c->outputs; lane++)
                    dweight[((block * LANES + lane) * c->inputs + i) * area + place] += packed[lane];
}

// `rows` rows of `inside` floats among zeros: rows of them above and below, floats left and right.
static void surround(const float *x, size_t rows, size_t inside, margin above, margin beside, float *scratch) {
    size_t row = beside.before + inside + beside.behind;
    memset(scratch, 0, above.before * row * sizeof(float));
    scratch += above.before * row;
    for (size_t i = 0; i < rows; i++, x += inside, scratch += row) {
        memset(scratch, 0, beside.before * sizeof(float));
        memcpy(scratch + beside.before, x, inside * sizeof(float));
        memset(scratch + beside.before + inside, 0, beside.behind * sizeof(float));
    }
    memset(scratch, 0, above.behind * row * sizeof(float));
}

KERNEL void ck_convolution_pad(const ck_convolution *c, const float *x, int rectify, float *scratch) {
    size_t border = c->padding * c->inputs, inside = c->width * c->inputs, row = inside + 2 * border;
    if (!rectify) {
        margin above = {c->padding, c->padding}, beside = {border, border};
        return surround(x, c->height, inside, above, beside, scratch);
    }
    memset(scratch, 0, c->padding * row * sizeof(float));
    scratch += c->padding * row;
    for (size_t i = 0; i < c->height; i++, x += inside, scratch += row) {
        memset(scratch, 0, border * sizeof(float));
        // A NaN stays one, so that divergence shows in the loss.
        for (size_t k = 0; k < inside; k++) scratch[border + k] = x[k] < 0 ? 0 : x[k];
        memset(scratch + border + inside, 0, border * sizeof(float));
    }
    memset(scratch, 0, c->padding * row * sizeof(float));
}

KERNEL void ck_convolution_pad_pixels(const ck_convolution *c, const uint8_t *x, float *scratch) {
    size_t border = c->padding * c->inputs, inside = c->width * c->inputs, row = inside + 2 * border;
    memset(scratch, 0, c->padding * row * sizeof(float));
    scratch += c->padding * row;
    for (size_t i = 0; i < c->height; i++, x += inside, scratch += row) {
        memset(scratch, 0, border * sizeof(float));
        for (size_t k = 0; k < inside; k++) scratch[border + k] = (float)x[k] * (1.0f / 255.0f);
        memset(scratch + border + inside, 0, border * sizeof(float));
    }
    memset(scratch, 0, c->padding * row * sizeof(float));
}

// y (height, width, channels) = what `weights` (blocks, kernel, depth, 16) make of x, whose rows are `row` floats long.
typedef struct {
    const float *x, *weights, *bias, *gate, *addend;
    float *y;
    size_t height, width, channels;
    size_t kernel, depth;  // rows of the kernel, floats of one
    size_t row, down, step;  // floats to x's next row, to the next output row's and the next output pixel's window
    size_t below, beside;    // floats from one row and one pixel of y to the next
} product;

// PIXELS neighbouring output pixels of one block of channels, their sums in registers.
INLINE void pixels(const product *m, const float *x, const size_t step, const float *w, size_t at, size_t block,
                   size_t lanes, const int PIXELS) {
    v16 sums[PIXELS], start = {};
    if (m->bias) load_lanes(m->bias + block, lanes, &start);
    UNROLL for (int p = 0; p < PIXELS; p++) sums[p] = start;
    for (size_t r = 0; r < m->kernel; r++, x += m->row) {
        for (size_t k = 0; k < m->depth; k++, w += LANES) {
            v16 weight = LOAD(w);
            UNROLL for (int p = 0; p < PIXELS; p++) sums[p] += ((v16){} + x[p * step + k]) * weight;
        }
    }
    at += block;
    if (m->gate)
        UNROLL for (int p = 0; p < PIXELS; p++) {
            v16 gate;
            load_lanes(m->gate + at + p * m->beside, lanes, &gate);
            sums[p] = (v16)((v16i)sums[p] & (v16i)(gate > 0.0f));
        }
    if (m->addend)
        UNROLL for (int p = 0; p < PIXELS; p++) {
            v16 addend;
            load_lanes(m->addend + at + p * m->beside, lanes, &addend);
            sums[p] += addend;
        }
    UNROLL for (int p = 0; p < PIXELS; p++) store_lanes(m->y + at + p * m->beside, lanes, &sums[p]);
}

INLINE void multiply_step(const product *m, const size_t step, const int PIXELS) {
    for (size_t block = 0; block < m->channels; block += LANES) {
        const float *w = m->weights + block * m->kernel * m->depth;
        size_t lanes = m->channels - block < LANES ? m->channels - block : LANES;
        for (size_t i = 0; i < m->height; i++) {
            const float *x = m->x + i * m->down;
            size_t j = 0, at = i * m->below;
            for (; j + PIXELS <= m->width; j += PIXELS)
                pixels(m, x + j * step, step, w, at + j * m->beside, block, lanes, PIXELS);
            for (; PIXELS > 2 && j + PIXELS / 2 <= m->width; j += PIXELS / 2)
                pixels(m, x + j * step, step, w, at + j * m->beside, block, lanes, PIXELS / 2);
            for (; PIXELS > 6 && j + PIXELS / 4 <= m->width; j += PIXELS / 4)
                pixels(m, x + j * step, step, w, at + j * m->beside, block, lanes, PIXELS / 4);
            for (; PIXELS > 6 && j + 3 <= m->width; j += 3)
                pixels(m, x + j * step, step, w, at + j * m->beside, block, lanes, 3);
            for (; j < m->width; j++) pixels(m, x + j * step, step, w, at + j * m->beside, block, lanes, 1);
        }
    }
}

// A step that the compiler knows is an offset inside the instruction; others cost registers, hence fewer pixels.
INLINE void multiply(const product *m, const int PIXELS) {
    switch (m->step) {
    case 3: multiply_step(m, 3, PIXELS); break;
    case 6: multiply_step(m, 6, PIXELS); break;
    case 16: multiply_step(m, 16, PIXELS); break;
    case 32: multiply_step(m, 32, PIXELS); break;
    case 64: multiply_step(m, 64, PIXELS); break;
    case 128: multiply_step(m, 128, PIXELS); break;
    case 256: multiply_step(m, 256, PIXELS); break;
    default: multiply_step(m, m->step, PIXELS < 6 ? PIXELS : 6); break;
    }
}

// dw (depth, 16) += the product over all pixels of x's windows and dy, DEPTH kernel elements in registers.
INLINE void elements(const product *m, const float *x, const float *dy, size_t lanes, float *dw, const int DEPTH) {
    v16 sums[DEPTH];
    UNROLL for (int k = 0; k < DEPTH; k++) sums[k] = LOAD(dw + k * LANES);
    for (size_t i = 0; i < m->height; i++, x += m->down) {
        const float *window = x;
        for (size_t j = 0; j < m->width; j++, window += m->step, dy += m->channels) {
            v16 d;
            load_lanes(dy, lanes, &d);
            UNROLL for (int k = 0; k < DEPTH; k++) sums[k] += ((v16){} + window[k]) * d;
        }
    }
    UNROLL for (int k = 0; k < DEPTH; k++) STORE(dw + k * LANES, sums[k]);
}

INLINE void elements_row(const product *m, const float *x, const float *dy, size_t lanes, float *dw, const int DEPTH) {
    size_t k = 0;
    for (; k + DEPTH <= m->depth; k += DEPTH) elements(m, x + k, dy, lanes, dw + k * LANES, DEPTH);
    if (DEPTH >= 24) {
        // Three colours under a kernel of five.
        for (; m->depth % DEPTH == 15 && k + 15 <= m->depth; k += 15) elements(m, x + k, dy, lanes, dw + k * LANES, 15);
        for (; k + 12 <= m->depth; k += 12) elements(m, x + k, dy, lanes, dw + k * LANES, 12);
        // Three colours under a kernel of three.
        for (; k + 9 <= m->depth; k += 9) elements(m, x + k, dy, lanes, dw + k * LANES, 9);
    }
    for (; DEPTH > 4 && k + 4 <= m->depth; k += 4) elements(m, x + k, dy, lanes, dw + k * LANES, 4);
    for (; k < m->depth; k++) elements(m, x + k, dy, lanes, dw + k * LANES, 1);
}

INLINE void outer(const product *m, const float *dy, float *dw, const int DEPTH) {
    for (size_t block = 0; block < m->channels; block += LANES)
        for (size_t r = 0; r < m->kernel; r++, dw += m->depth * LANES) {
            const float *x = m->x + r * m->row;
            if (m->channels - block >= LANES)
                elements_row(m, x, dy + block, LANES, dw, DEPTH);
            else
                elements_row(m, x, dy + block, m->channels - block, dw, DEPTH);
        }
}

// How many sums fit into the registers depends on the instruction set, so that these clones are made by hand.
static void multiply_baseline(const product *m) { multiply(m, 2); }
static void outer_baseline(const product *m, const float *dy, float *dw) { outer(m, dy, dw, 2); }

#if defined(__x86_64__)
__attribute__((target("avx512f"))) static void multiply_avx512(const product *m) { multiply(m, 24); }
__attribute__((target("avx2,fma"))) static void multiply_avx2(const product *m) { multiply(m, 6); }
__attribute__((target("avx512f"))) static void outer_avx512(const product *m, const float *dy, float *dw) {
    outer(m, dy, dw, 24);
}
__attribute__((target("avx2,fma"))) static void outer_avx2(const product *m, const float *dy, float *dw) {
    outer(m, dy, dw, 6);
}
#endif

static void run_multiply(const product *m) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f")) return multiply_avx512(m);
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return multiply_avx2(m);
#endif
    multiply_baseline(m);
}

static void run_outer(const product *m, const float *dy, float *dw) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f")) return outer_avx512(m, dy, dw);
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return outer_avx2(m, dy, dw);
#endif
    outer_baseline(m, dy, dw);
}

static product over_windows(const ck_convolution *c, const float *padded) {
    size_t row = (c->width + 2 * c->padding) * c->inputs;
    return (product){
        .x = padded, .height = output(c->height, c), .width = output(c->width, c), .channels = c->outputs,
        .kernel = c->kernel, .depth = c->kernel * c->inputs, .row = row, .down = c->stride * row,
        .step = c->stride * c->inputs,
        .below = output(c->width, c) * c->outputs, .beside = c->outputs,
    };
}

void ck_convolution_forward(const ck_convolution *c, const float *padded, const float *packed, const float *bias,
                            const float *addend, float *y) {
    product m = over_windows(c, padded);
    m.weights = packed;
    m.bias = bias;
    m.addend = addend;
    m.y = y;
    run_multiply(&m);
}

void ck_convolution_backward_image(const ck_convolution *c, const float *dy, const float *packed, const float *gate,
                                   const float *addend, float *scratch, float *dx) {
    size_t high = output(c->height, c), wide = output(c->width, c), n = c->outputs;
    margin above = margin_of(c, c->height), beside = margin_of(c, c->width);
    surround(dy, high, wide * n, above, (margin){beside.before * n, beside.behind * n}, scratch);
    size_t row = (wide + beside.before + beside.behind) * n;
    for (size_t part = 0; part < c->stride * c->stride; part++) {
        size_t i = part / c->stride, j = part % c->stride, at = (i * c->width + j) * c->inputs;
        phase rows = phase_of(c, i, c->height), columns = phase_of(c, j, c->width);
        size_t taps = rows.taps * columns.taps;
        ptrdiff_t down = rows.origin + (ptrdiff_t)above.before, right = columns.origin + (ptrdiff_t)beside.before;
        product m = {
            .x = taps ? scratch + (size_t)down * row + (size_t)right * n : scratch, .weights = packed,
            .gate = gate ? gate + at : gate, .addend = addend ? addend + at : addend, .y = dx + at,
            .height = rows.count, .width = columns.count, .channels = c->inputs, .kernel = taps ? rows.taps : 0,
            .depth = columns.taps * n, .row = row, .down = row, .step = n, .below = c->stride * c->width * c->inputs,
            .beside = c->stride * c->inputs,
        };
        run_multiply(&m);
        packed += blocks(c->inputs) * LANES * taps * n;
    }
}

void ck_convolution_backward_weights(const ck_convolution *c, const float *padded, const float *dy, float *dpacked) {
    product m = over_windows(c, padded);
    run_outer(&m, dy, dpacked);
}
