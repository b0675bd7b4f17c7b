#pragma once
#include "distillery.pb-c.h"
