#include "rendering.h"
#include <string.h>

// No product and sum become one operation, and none is exchanged for another: the compiler's defaults for this target
// (-ffp-contract=off, no -ffast-math) are what makes the bits the same everywhere.

enum { TEXELS = 32, LEVELS = 6, SIDE = RENDERING_LARGEST_SIDE };

// cos and sin of k * 22.5 degrees.
#define C0 1.0f
#define C1 0.92387953f
#define C2 0.70710678f
#define C3 0.38268343f
const float rendering_wall_normals[RENDERING_WALLS][2] = {
    {C0, 0},   {C1, C3},   {C2, C2},   {C3, C1},   {0, C0},  {-C3, C1}, {-C2, C2}, {-C1, C3},
    {-C0, 0},  {-C1, -C3}, {-C2, -C2}, {-C3, -C1}, {0, -C0}, {C3, -C1}, {C2, -C2}, {C1, -C3},
};
const float rendering_side_normals[RENDERING_PLATFORM_SIDES][2] = {
    {C0, 0}, {C2, C2}, {0, C0}, {-C2, C2}, {-C0, 0}, {-C2, -C2}, {0, -C0}, {C2, -C2},
};

typedef struct {
    uint8_t c[3];
} colour;

static const colour WALL = {{52, 84, 168}}, FLOOR = {{64, 120, 116}}, CEILING = {{176, 184, 196}};
static const colour TOP = {{214, 178, 96}}, PLATFORM_SIDE = {{150, 118, 60}};

// Nothing is drawn nearer than this.
static const float NEAREST = 1.0f;

// What is so far away has half its light.
static const float HALF_LIGHT = 1400.0f;

// Light at a depth, in 256ths.
static int32_t light(float depth) { return (int32_t)(256.0f * (HALF_LIGHT / (HALF_LIGHT + depth))); }

static colour lit(colour a, int32_t light) {
    colour b;
    for (int i = 0; i < 3; i++) b.c[i] = (uint8_t)((a.c[i] * light) >> 8);
    return b;
}

// share of `a` in 256ths, the rest of `b`.
static colour blend(colour a, colour b, int32_t share) {
    colour m;
    for (int i = 0; i < 3; i++) m.c[i] = (uint8_t)((a.c[i] * share + b.c[i] * (256 - share)) >> 8);
    return m;
}

// ---- The pictures: eight figures in colours of their own, from small integers.

static const colour PAIRS[RENDERING_PICTURES][2] = {
    {{{228, 60, 52}}, {{250, 236, 210}}},  {{{250, 204, 40}}, {{60, 40, 96}}},   {{{60, 176, 72}}, {{24, 40, 30}}},
    {{{240, 130, 36}}, {{36, 100, 140}}},  {{{236, 236, 236}}, {{20, 20, 20}}},  {{{210, 84, 190}}, {{246, 226, 120}}},
    {{{120, 220, 220}}, {{140, 30, 40}}},  {{{160, 110, 60}}, {{226, 246, 170}}},
};

// Whether a texel is of the figure, not of its ground.
static int is_figure(int32_t picture, int32_t x, int32_t y) {
    const int32_t dx = 2 * x - (TEXELS - 1), dy = 2 * y - (TEXELS - 1), square = dx * dx + dy * dy;
    const int32_t ax = dx < 0 ? -dx : dx, ay = dy < 0 ? -dy : dy;
    switch (picture) {
    case 0: return square < 21 * 21;                                 // a disc
    case 1: return x / 8 % 2 == 0;                                   // upright stripes
    case 2: return ax + ay < 26;                                     // a diamond
    case 3: return y / 8 % 2 == 0;                                   // level stripes
    case 4: return (x / 8 + y / 8) % 2 == 0;                         // a chessboard
    case 5: return ax < 7 || ay < 7;                                 // a cross
    case 6: return square < 29 * 29 && square > 15 * 15;             // a ring
    default: return 2 * ax < dy + TEXELS;                            // a triangle
    }
}

void rendering_texel(int32_t picture, int32_t column, int32_t row, uint8_t *out) {
    // A frame in the ground's colour keeps neighbouring pixels of the wall and the figure apart.
    int inside = column >= 2 && column < TEXELS - 2 && row >= 2 && row < TEXELS - 2;
    colour c = PAIRS[picture][inside && is_figure(picture, column, row) ? 0 : 1];
    memcpy(out, c.c, 3);
}

// The pictures at half, a quarter, ... of their size, for those that are far away: a pyramid of means. 64 by 32 texels each.
typedef struct {
    colour texels[RENDERING_PICTURES][2 * TEXELS * TEXELS];
} pyramid;

static size_t level_start(int level) {
    size_t start = 0;
    for (int l = 0; l < level; l++) start += (size_t)(TEXELS >> l) * (TEXELS >> l);
    return start;
}

static pyramid pictures;

__attribute__((constructor)) static void make_pictures(void) {
    for (int p = 0; p < RENDERING_PICTURES; p++) {
        for (int y = 0; y < TEXELS; y++)
            for (int x = 0; x < TEXELS; x++) rendering_texel(p, x, y, pictures.texels[p][y * TEXELS + x].c);
        for (int level = 1; level < LEVELS; level++) {
            const colour *from = pictures.texels[p] + level_start(level - 1);
            colour *to = pictures.texels[p] + level_start(level);
            int size = TEXELS >> level;
            for (int y = 0; y < size; y++)
                for (int x = 0; x < size; x++)
                    for (int c = 0; c < 3; c++) {
                        const colour *four = from + 4 * y * size + 2 * x;
                        to[y * size + x].c[c] =
                            (uint8_t)((four[0].c[c] + four[1].c[c] + four[2 * size].c[c] + four[2 * size + 1].c[c] + 2) / 4);
                    }
        }
    }
}

// ---- The geometry: what each column of the picture meets.

typedef struct {
    // Depth of the wall, along the direction in which the agent looks, and where the ray meets it: from the middle of
    // the wall, to its left.
    float depth[SIDE], along[SIDE];
    int32_t wall[SIDE];
    // Depths between which the ray is over the platform; first > last where it is not.
    float first[SIDE], last[SIDE];
} columns;

// The ray of column i is forward + ray[i] * right; right is forward turned by a quarter to the right.
static void make_rays(const rendering_camera *camera, float *ray) {
    for (int32_t i = 0; i < camera->width; i++)
        ray[i] = ((2.0f * (float)i + 1.0f) / (float)camera->width - 1.0f) * camera->spread;
}

static void meet_walls(const rendering_view *v, const float *ray, int32_t count, columns *c) {
    for (int32_t i = 0; i < count; i++) {
        c->depth[i] = 1e30f;
        c->wall[i] = 0;
    }
    for (int32_t k = 0; k < RENDERING_WALLS; k++) {
        const float nx = rendering_wall_normals[k][0], ny = rendering_wall_normals[k][1];
        const float left = RENDERING_APOTHEM - (v->x * nx + v->y * ny);
        const float straight = v->forward_x * nx + v->forward_y * ny;
        const float sideways = v->forward_y * nx - v->forward_x * ny;
        for (int32_t i = 0; i < count; i++) {
            const float speed = straight + ray[i] * sideways;
            const float depth = speed > 1e-6f ? left / speed : 1e30f;
            c->wall[i] = depth < c->depth[i] ? k : c->wall[i];
            c->depth[i] = depth < c->depth[i] ? depth : c->depth[i];
        }
    }
    for (int32_t i = 0; i < count; i++) {
        // A state that no agent has may stand outside the walls, or in one.
        c->depth[i] = c->depth[i] < NEAREST ? NEAREST : c->depth[i];
        const float *n = rendering_wall_normals[c->wall[i]];
        const float rx = v->forward_x + ray[i] * v->forward_y, ry = v->forward_y - ray[i] * v->forward_x;
        c->along[i] = (v->y + c->depth[i] * ry) * n[0] - (v->x + c->depth[i] * rx) * n[1];
    }
}

static void meet_platform(const rendering_view *v, const float *ray, int32_t count, columns *c) {
    for (int32_t i = 0; i < count; i++) {
        c->first[i] = 0;
        c->last[i] = v->risen ? 1e30f : -1;
    }
    if (!v->risen) return;
    for (int32_t k = 0; k < RENDERING_PLATFORM_SIDES; k++) {
        const float nx = rendering_side_normals[k][0], ny = rendering_side_normals[k][1];
        const float left = RENDERING_PLATFORM_APOTHEM - ((v->x - v->platform_x) * nx + (v->y - v->platform_y) * ny);
        const float straight = v->forward_x * nx + v->forward_y * ny;
        const float sideways = v->forward_y * nx - v->forward_x * ny;
        for (int32_t i = 0; i < count; i++) {
            const float speed = straight + ray[i] * sideways;
            const float depth = left / speed;
            // Leaves this half plane, or enters it, or runs beside it for ever.
            const float leaves = speed > 1e-6f ? depth : speed < -1e-6f || left >= 0 ? 1e30f : -1;
            const float enters = speed < -1e-6f ? depth : 0;
            c->last[i] = leaves < c->last[i] ? leaves : c->last[i];
            c->first[i] = enters > c->first[i] ? enters : c->first[i];
        }
    }
}

// ---- The pixels.

// A picture that is being drawn.
typedef struct {
    const rendering_camera *camera;
    uint8_t *pixels;
    float focal, horizon;  // in pixels
    float eye;             // above the floor
} canvas;

static uint8_t *pixel(const canvas *p, int32_t row, int32_t column) {
    return p->pixels + 3 * ((size_t)row * (size_t)p->camera->width + (size_t)column);
}

static void put(const canvas *p, int32_t row, int32_t column, colour c) { memcpy(pixel(p, row, column), c.c, 3); }

static colour get(const canvas *p, int32_t row, int32_t column) {
    colour c;
    memcpy(c.c, pixel(p, row, column), 3);
    return c;
}

// The row, with its fraction, at which something of this height at this depth is seen.
static float row_of(const canvas *p, float height, float depth) {
    float row = p->horizon - (height - p->eye) * p->focal / depth;
    float most = (float)p->camera->height;
    return row < 0 ? 0 : row > most ? most : row;
}

// Ceiling above the horizon, floor below it: the same depth, and so the same light, all along a row.
static void draw_ground(const canvas *p) {
    const int32_t width = p->camera->width;
    for (int32_t row = 0; row < p->camera->height; row++) {
        const float off = (float)row + 0.5f - p->horizon;
        const int above = off < 0;
        const float reach = above ? RENDERING_WALL_HEIGHT - p->eye : p->eye;
        const float distance = above ? -off : off;
        const colour c = lit(above ? CEILING : FLOOR, light(distance > 1e-3f ? reach * p->focal / distance : 1e6f));
        uint8_t *line = pixel(p, row, 0);
        int32_t done = width < 16 ? width : 16;
        for (int32_t i = 0; i < done; i++) memcpy(line + 3 * i, c.c, 3);
        while (done < width) {
            int32_t more = done < width - done ? done : width - done;
            memcpy(line + 3 * done, line, 3 * (size_t)more);
            done += more;
        }
    }
}

// A stretch of one column in one colour, over what is there; rows with fractions, whose ends are blended.
static void fill(const canvas *p, int32_t column, float from, float to, colour c) {
    if (!(from < to)) return;
    const int32_t first = (int32_t)from, last = (int32_t)to;
    if (first == last) {
        const int32_t share = (int32_t)(256.0f * (to - from));
        put(p, first, column, blend(c, get(p, first, column), share));
        return;
    }
    put(p, first, column, blend(c, get(p, first, column), (int32_t)(256.0f * ((float)(first + 1) - from))));
    uint8_t *at = pixel(p, first + 1, column);
    const size_t stride = 3 * (size_t)p->camera->width;
    for (int32_t row = first + 1; row < last; row++, at += stride) memcpy(at, c.c, 3);
    if (last < p->camera->height) {
        const int32_t share = (int32_t)(256.0f * (to - (float)last));
        put(p, last, column, blend(c, get(p, last, column), share));
    }
}

// The part of a picture that one column shows.
static void draw_picture(const canvas *p, int32_t column, int32_t picture, float along, float depth, int32_t lightness) {
    // Texels that a pixel covers: the level of the pyramid at which it is about one.
    const float texels_per_pixel = (float)TEXELS / (2 * RENDERING_PICTURE_HALF) * depth / p->focal;
    int level = 0;
    for (float t = texels_per_pixel; t > 1.5f && level < LEVELS - 1; t *= 0.5f) level++;
    const int32_t size = TEXELS >> level;
    const colour *texels = pictures.texels[picture] + level_start(level);
    // Seen from within, left is where `along` grows.
    int32_t u = (int32_t)((RENDERING_PICTURE_HALF - along) / (2 * RENDERING_PICTURE_HALF) * (float)size);
    u = u < 0 ? 0 : u >= size ? size - 1 : u;
    const float top = row_of(p, RENDERING_PICTURE_CENTRE + RENDERING_PICTURE_HALF, depth);
    const float bottom = row_of(p, RENDERING_PICTURE_CENTRE - RENDERING_PICTURE_HALF, depth);
    const float whole_top =
        p->horizon - (RENDERING_PICTURE_CENTRE + RENDERING_PICTURE_HALF - p->eye) * p->focal / depth;
    const float step = (float)size / (2 * RENDERING_PICTURE_HALF) * depth / p->focal;
    int32_t last = (int32_t)bottom;
    if ((float)last == bottom) last--;
    for (int32_t row = (int32_t)top; row <= last; row++) {
        const float above = row < (int32_t)top + 1 && (float)row < top ? top - (float)row : 0;
        const float below = (float)(row + 1) > bottom ? (float)(row + 1) - bottom : 0;
        int32_t w = (int32_t)(((float)row + 0.5f - whole_top) * step);
        w = w < 0 ? 0 : w >= size ? size - 1 : w;
        const colour c = lit(texels[w * size + u], lightness);
        const int32_t share = (int32_t)(256.0f * (1.0f - above - below));
        put(p, row, column, share >= 256 ? c : blend(c, get(p, row, column), share));
    }
}

static void draw_column(const canvas *p, int32_t i, const columns *c, int risen) {
    const float depth = c->depth[i];
    const int32_t lightness = light(depth);
    fill(p, i, row_of(p, RENDERING_WALL_HEIGHT, depth), row_of(p, 0, depth), lit(WALL, lightness));
    const float along = c->along[i];
    if (c->wall[i] % 2 == 0 && along > -RENDERING_PICTURE_HALF && along < RENDERING_PICTURE_HALF)
        draw_picture(p, i, c->wall[i] / 2, along, depth, lightness);
    if (!risen || c->first[i] > c->last[i]) return;
    const float bottom = (float)p->camera->height;
    if (c->first[i] > 0) {
        // From the floor: its side, and its top where the eye is above that.
        const float edge = row_of(p, RENDERING_PLATFORM_HEIGHT, c->first[i]);
        fill(p, i, edge, row_of(p, 0, c->first[i]), lit(PLATFORM_SIDE, light(c->first[i])));
        fill(p, i, row_of(p, RENDERING_PLATFORM_HEIGHT, c->last[i]), edge, lit(TOP, light(c->last[i])));
    } else {
        fill(p, i, row_of(p, RENDERING_PLATFORM_HEIGHT, c->last[i]), bottom, lit(TOP, light(c->last[i])));
    }
}

// Whether the agent stands on the risen platform.
static int stands_on_platform(const rendering_view *v) {
    if (!v->risen) return 0;
    for (int32_t k = 0; k < RENDERING_PLATFORM_SIDES; k++) {
        const float *n = rendering_side_normals[k];
        // A little beyond the edge is still on it: that is where a path meets it.
        if ((v->x - v->platform_x) * n[0] + (v->y - v->platform_y) * n[1] > RENDERING_PLATFORM_APOTHEM + 0.01f) return 0;
    }
    return 1;
}

void rendering_draw(const rendering_camera *camera, const rendering_view *view, uint8_t *pixels) {
    float ray[SIDE];
    columns met;
    const canvas p = {
        .camera = camera,
        .pixels = pixels,
        .focal = (float)camera->width / 2 / camera->spread,
        .horizon = (float)camera->height / 2,
        .eye = RENDERING_EYE + (stands_on_platform(view) ? RENDERING_PLATFORM_HEIGHT : 0),
    };
    make_rays(camera, ray);
    meet_walls(view, ray, camera->width, &met);
    meet_platform(view, ray, camera->width, &met);
    draw_ground(&p);
    for (int32_t i = 0; i < camera->width; i++) draw_column(&p, i, &met, view->risen);
}
