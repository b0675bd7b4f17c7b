#include "CBuild.h"

#ifndef DISTILLERY_COMMIT
#define DISTILLERY_COMMIT ""
#endif
#ifndef DISTILLERY_BUILD_OPTIONS
#define DISTILLERY_BUILD_OPTIONS ""
#endif

const char *build_commit(void) { return DISTILLERY_COMMIT; }
const char *build_options(void) { return DISTILLERY_BUILD_OPTIONS; }
