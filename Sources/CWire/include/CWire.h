#pragma once
#include "distillery.pb-c.h"
#include "environment.pb-c.h"
