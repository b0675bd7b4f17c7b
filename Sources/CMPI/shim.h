#pragma once
#include <mpi.h>

// What our training calls of MPI. Its communicators and types are macros, which Swift does not see. An error of MPI ends
// the job with its own message, as is MPI's default; so nothing is returned here.

// The main thread alone calls MPI; others compute meanwhile.
static inline void distillery_mpi_begin(int *rank, int *count) {
    int provided;
    MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided);
    MPI_Comm_rank(MPI_COMM_WORLD, rank);
    MPI_Comm_size(MPI_COMM_WORLD, count);
}

static inline void distillery_mpi_end(void) { MPI_Finalize(); }
static inline void distillery_mpi_abort(int code) { MPI_Abort(MPI_COMM_WORLD, code); }
static inline void distillery_mpi_barrier(void) { MPI_Barrier(MPI_COMM_WORLD); }

static inline void distillery_mpi_sum_floats(float *numbers, int count) {
    MPI_Allreduce(MPI_IN_PLACE, numbers, count, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
}

static inline void distillery_mpi_sum_doubles(double *numbers, int count) {
    MPI_Allreduce(MPI_IN_PLACE, numbers, count, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
}

static inline void distillery_mpi_broadcast(void *bytes, int count) {
    MPI_Bcast(bytes, count, MPI_BYTE, 0, MPI_COMM_WORLD);
}

// `all` has room for `count` bytes of every rank.
static inline void distillery_mpi_gather(const void *own, int count, void *all) {
    MPI_Allgather(own, count, MPI_BYTE, all, count, MPI_BYTE, MPI_COMM_WORLD);
}
