// Draws what an agent in the Watermaze sees: a column of the picture at a time, from the exact geometry. Every function
// runs on its caller's thread, allocates nothing and gives the same bits on every processor.
#pragma once
#include <stddef.h>
#include <stdint.h>

// What one picture is drawn from. Lengths are in the arena's units, the arena's centre is the origin.
typedef struct {
    // Where the agent stands, and the direction in which it looks: a unit vector.
    float x, y, forward_x, forward_y;
    // The platform's centre, and whether it has risen.
    float platform_x, platform_y;
    int32_t risen;
} rendering_view;

// What all pictures of an environment have in common.
typedef struct {
    int32_t width, height;  // in pixels, 1 to RENDERING_LARGEST_SIDE
    float spread;           // the tangent of half the field of view across
} rendering_camera;

enum {
    RENDERING_LARGEST_SIDE = 1024,
    RENDERING_WALLS = 16,
    RENDERING_PICTURES = 8,
    RENDERING_PLATFORM_SIDES = 8,
};

// The arena of DMLab's em_watermaze.
#define RENDERING_APOTHEM 760.0f         // from the centre to each wall
#define RENDERING_WALL_HEIGHT 192.0f
#define RENDERING_PICTURE_HALF 64.0f     // half its width and half its height
#define RENDERING_PICTURE_CENTRE 96.0f   // its middle's height
#define RENDERING_PLATFORM_RADIUS 64.0f  // from its centre to its corners
#define RENDERING_PLATFORM_HEIGHT 94.0f
#define RENDERING_EYE 50.0f              // above the agent's feet

// The outer normals of the walls, and of the platform's sides: x and y each.
extern const float rendering_wall_normals[RENDERING_WALLS][2];
extern const float rendering_side_normals[RENDERING_PLATFORM_SIDES][2];
// From the platform's centre to its sides.
#define RENDERING_PLATFORM_APOTHEM 59.128292f

// pixels: (height, width, 3), red, green, blue.
void rendering_draw(const rendering_camera *camera, const rendering_view *view, uint8_t *pixels);

// The colour of one texel of a picture on a wall, 32 by 32, for maps and tests. picture: 0 to 7.
void rendering_texel(int32_t picture, int32_t column, int32_t row, uint8_t *colour);
