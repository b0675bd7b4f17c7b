#pragma once

/// The commit that this program was built from, as `scripts/package` told the build; empty in every other build.
const char *build_commit(void);

/// What else was told of the build, in words; may be empty.
const char *build_options(void);
