#pragma once
#include <sys/types.h>

/// What becomes of one child. All pointers are borrowed for the call.
struct process_request {
    const char *executable;
    char *const *arguments;   // with the name first, NULL at the end
    char *const *environment; // NULL at the end
    int log;                  // becomes standard output and standard error
};

/// Starts a child in a process group of its own, with default signals, no input, no inherited descriptors, that the
/// kernel kills when this process ends, however it ends. Returns the process id, or the negative errno.
pid_t processes_spawn(const struct process_request *request);

/// Notes `signal` as a byte on the descriptor of processes_signal_pipe() from now on, unless it is ignored (as under
/// nohup), and lets it through to this thread even where a parent had blocked it. The `limit`th SIGINT ends the process at once. Returns 0 or the errno.
int processes_watch(int signal, int limit);

/// Gives `signal` its default back.
void processes_unwatch(int signal);

/// The descriptor to read signal numbers from, without waiting; or the negative errno.
int processes_signal_pipe(void);

/// Takes waitpid's status apart.
int processes_exited(int status);
int processes_exit_code(int status);
int processes_signal(int status);

/// Gives whole pages that the allocator holds and nothing uses back to the system.
void processes_trim_memory(void);

/// Writes out what standard output still holds. Gives errno, or EIO where an earlier piece of it did not arrive; 0 when
/// all of it has.
int processes_flush_output(void);
