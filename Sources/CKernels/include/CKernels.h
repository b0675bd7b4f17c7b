// Fused loops that the networks spend their time in. Every function runs on its caller's thread, allocates nothing and
// has clones for AVX-512, AVX2 and the baseline. All matrices are row-major, (rows, columns) as in the comments.
#pragma once
#include "images.h"
#include "layers.h"
#include "lstm.h"
#include "mlp.h"
#include "product.h"
#include "transformer.h"
