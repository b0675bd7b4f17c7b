#pragma once
#include <hdf5.h>
#include <stdlib.h>
#include <string.h>

// What is a macro or a mutable global in HDF5, as functions that Swift can call.

static inline hid_t distillery_h5_native_uint8(void) { return H5T_NATIVE_UINT8; }
static inline hid_t distillery_h5_native_int32(void) { return H5T_NATIVE_INT32; }
static inline hid_t distillery_h5_native_int64(void) { return H5T_NATIVE_INT64; }
static inline hid_t distillery_h5_native_uint64(void) { return H5T_NATIVE_UINT64; }
static inline hid_t distillery_h5_native_float(void) { return H5T_NATIVE_FLOAT; }
static inline hid_t distillery_h5_uint8(void) { return H5T_STD_U8LE; }
static inline hid_t distillery_h5_int32(void) { return H5T_STD_I32LE; }
static inline hid_t distillery_h5_int64(void) { return H5T_STD_I64LE; }
static inline hid_t distillery_h5_uint64(void) { return H5T_STD_U64LE; }
static inline hid_t distillery_h5_float32(void) { return H5T_IEEE_F32LE; }
static inline hid_t distillery_h5_c_string(void) { return H5T_C_S1; }

static inline hid_t distillery_h5_file_create(void) { return H5P_FILE_CREATE; }
static inline hid_t distillery_h5_file_access(void) { return H5P_FILE_ACCESS; }
static inline hid_t distillery_h5_dataset_create(void) { return H5P_DATASET_CREATE; }
static inline hid_t distillery_h5_dataset_access(void) { return H5P_DATASET_ACCESS; }

static inline unsigned distillery_h5_truncate(void) { return H5F_ACC_TRUNC; }
static inline unsigned distillery_h5_read_only(void) { return H5F_ACC_RDONLY; }
static inline unsigned distillery_h5_read_write(void) { return H5F_ACC_RDWR; }
static inline unsigned distillery_h5_swmr_write(void) { return H5F_ACC_SWMR_WRITE; }
static inline unsigned distillery_h5_swmr_read(void) { return H5F_ACC_SWMR_READ; }
static inline hsize_t distillery_h5_unlimited(void) { return H5S_UNLIMITED; }

// Bounds the metadata cache of a file. The defaults start at 2 MB and grow; a stream has eight small objects.
static inline herr_t distillery_h5_bound_metadata_cache(hid_t access, size_t bytes) {
    H5AC_cache_config_t configuration;
    configuration.version = H5AC__CURR_CACHE_CONFIG_VERSION;
    if (H5Pget_mdc_config(access, &configuration) < 0) return -1;
    configuration.set_initial_size = 1;
    configuration.initial_size = bytes;
    configuration.min_size = bytes;
    configuration.max_size = 4 * bytes;
    configuration.incr_mode = H5C_incr__off;
    configuration.flash_incr_mode = H5C_flash_incr__off;
    configuration.decr_mode = H5C_decr__off;
    return H5Pset_mdc_config(access, &configuration);
}

// No printing to stderr: the library's messages become the text of our errors.
static inline herr_t distillery_h5_silence(void) { return H5Eset_auto2(H5E_DEFAULT, NULL, NULL); }

// The bytes of a file that is made in memory. The driver hands them over when the file is closed, as they would be on a
// disk; `size` is that of the buffer, which grows in steps.
typedef struct {
    void *bytes;
    size_t size;
} distillery_h5_image;

static inline void *distillery_h5_image_malloc(size_t size, H5FD_file_image_op_t reason, void *image) {
    (void)reason;
    ((distillery_h5_image *)image)->size = size;
    return malloc(size);
}

static inline void *distillery_h5_image_memcpy(
    void *to, const void *from, size_t size, H5FD_file_image_op_t reason, void *image) {
    (void)reason;
    (void)image;
    return memcpy(to, from, size);
}

// What is never written is zeros, not what happened to be in memory.
static inline void *distillery_h5_image_realloc(void *bytes, size_t size, H5FD_file_image_op_t reason, void *image) {
    (void)reason;
    size_t before = bytes ? ((distillery_h5_image *)image)->size : 0;
    void *changed = realloc(bytes, size);
    if (!changed) return NULL;
    if (size > before) memset((char *)changed + before, 0, size - before);
    ((distillery_h5_image *)image)->size = size;
    return changed;
}

// Creating a file, the library first looks whether there is one of the name: the last file that is closed is the one.
static inline herr_t distillery_h5_image_free(void *bytes, H5FD_file_image_op_t reason, void *image) {
    (void)reason;
    free(((distillery_h5_image *)image)->bytes);
    ((distillery_h5_image *)image)->bytes = bytes;
    return 0;
}

static inline void *distillery_h5_image_share(void *image) { return image; }
static inline herr_t distillery_h5_image_let_go(void *image) {
    (void)image;
    return 0;
}

// A file that is created with this access is made in `image`, which outlives it, and nothing is written to a disk: the
// library's own writing says no errno, and leaks the file where it fails.
static inline herr_t distillery_h5_make_in_memory(hid_t access, size_t step, distillery_h5_image *image) {
    H5FD_file_image_callbacks_t callbacks = {
        distillery_h5_image_malloc, distillery_h5_image_memcpy, distillery_h5_image_realloc,
        distillery_h5_image_free,   distillery_h5_image_share,  distillery_h5_image_let_go,
        image,
    };
    if (H5Pset_fapl_core(access, step, 0) < 0) return -1;
    return H5Pset_file_image_callbacks(access, &callbacks);
}

typedef struct {
    char text[1024];
    int length;
    int system_error;
} distillery_h5_error;

// The innermost message first: it is the one that names the cause. Drivers write "errno = N" into it.
static inline herr_t distillery_h5_collect(unsigned depth, const H5E_error2_t *entry, void *context) {
    distillery_h5_error *error = (distillery_h5_error *)context;
    if (!entry->desc) return 0;
    const char *number = strstr(entry->desc, "errno = ");
    if (number && error->system_error == 0) error->system_error = atoi(number + 8);
    if (depth < 3) {
        int room = (int)sizeof(error->text) - error->length - 3;
        int length = (int)strlen(entry->desc);
        if (length > room) length = room;
        if (length > 0) {
            if (error->length > 0) { error->text[error->length++] = ';'; error->text[error->length++] = ' '; }
            memcpy(error->text + error->length, entry->desc, (size_t)length);
            error->length += length;
            error->text[error->length] = 0;
        }
    }
    return 0;
}

static inline void distillery_h5_take_error(distillery_h5_error *error) {
    error->text[0] = 0;
    error->length = 0;
    error->system_error = 0;
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, distillery_h5_collect, error);
    H5Eclear2(H5E_DEFAULT);
}
