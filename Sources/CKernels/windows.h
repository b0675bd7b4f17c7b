// Windows of a max pool, and where they lie in an image.
#pragma once
#include "CKernels.h"
#include "vectors.h"

typedef uint8_t v16b __attribute__((vector_size(16)));

static inline size_t output(size_t size, const ck_pool *p) {
    size_t padded = size + 2 * p->padding;
    if (!p->partial) return (padded - p->kernel) / p->stride + 1;
    size_t count = padded <= p->kernel ? 1 : (padded - p->kernel + p->stride - 1) / p->stride + 1;
    // A window that holds nothing but padding is none.
    while ((count - 1) * p->stride >= size + p->padding) count--;
    return count;
}

// The rows or columns of a window that lie inside the image.
typedef struct {
    size_t first, end;  // places in the window
    ptrdiff_t origin;   // where place 0 would lie in the image
} span;

static inline span window_span(const ck_pool *p, size_t index, size_t size) {
    ptrdiff_t origin = (ptrdiff_t)(index * p->stride) - (ptrdiff_t)p->padding;
    span s = {origin < 0 ? (size_t)-origin : 0, p->kernel, origin};
    if (origin + (ptrdiff_t)p->kernel > (ptrdiff_t)size) s.end = (size_t)((ptrdiff_t)size - origin);
    return s;
}
