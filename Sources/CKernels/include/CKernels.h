#pragma once
#include "mlp.h"
