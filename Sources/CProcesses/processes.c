#define _GNU_SOURCE
#include "CProcesses.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <malloc.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

// Spawning. Between fork and exec only async-signal-safe calls are allowed, hence C.

static void run_child(const struct process_request *request, pid_t parent, int errors) {
    // Handlers go with exec, but what the parent ignores would stay ignored.
    struct sigaction standard;
    memset(&standard, 0, sizeof standard);
    standard.sa_handler = SIG_DFL;
    for (int number = 1; number < NSIG; number++) sigaction(number, &standard, NULL);

    // A terminal's Ctrl-C goes to the foreground group: the supervisor alone decides who ends.
    if (setpgid(0, 0) != 0) goto failed;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) goto failed;
    // The parent may have died before the line above.
    if (getppid() != parent) _exit(127);

    int nothing = open("/dev/null", O_RDONLY);
    if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0) goto failed;
    if (dup2(request->log, STDOUT_FILENO) < 0 || dup2(request->log, STDERR_FILENO) < 0) goto failed;
    if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) != 0) {
        // Kernels before 5.11.
        for (int descriptor = 3; descriptor < 65536; descriptor++) fcntl(descriptor, F_SETFD, FD_CLOEXEC);
    }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execve(request->executable, request->arguments, request->environment);
failed:;
    int error = errno;
    ssize_t ignored = write(errors, &error, sizeof error);
    (void)ignored;
    _exit(127);
}

static pid_t spawn(const struct process_request *request) {
    int errors[2];
    if (pipe2(errors, O_CLOEXEC) != 0) return -errno;
    pid_t parent = getpid();
    // Not fork(): libraries hook into that (OpenBLAS stops its threads), and the child does not need it.
    pid_t child = _Fork();
    if (child == 0) run_child(request, parent, errors[1]);
    int failure = child < 0 ? errno : 0;
    close(errors[1]);
    if (child > 0) {
        int error = 0;
        ssize_t count;
        do count = read(errors[0], &error, sizeof error);
        while (count < 0 && errno == EINTR);
        if (count == sizeof error) {
            failure = error;
            while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {}
        }
    }
    close(errors[0]);
    return failure != 0 ? -failure : child;
}

// PR_SET_PDEATHSIG fires when the *thread* that forked ends, so one thread that never ends does all the forking.

static pthread_once_t spawner_once = PTHREAD_ONCE_INIT;
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
static sem_t asked, answered;
static const struct process_request *current_request;
static pid_t current_answer;
static int spawner_error;

static void wait_for(sem_t *semaphore) {
    while (sem_wait(semaphore) != 0 && errno == EINTR) {}
}

static void *serve(void *unused) {
    (void)unused;
    for (;;) {
        wait_for(&asked);
        current_answer = spawn(current_request);
        sem_post(&answered);
    }
    return NULL;
}

static void start_spawner(void) {
    // A caller that ignores SIGCHLD leaves us that, and then the kernel throws exit codes away.
    struct sigaction action;
    if (sigaction(SIGCHLD, NULL, &action) == 0 && action.sa_handler == SIG_IGN) {
        action.sa_handler = SIG_DFL;
        sigaction(SIGCHLD, &action, NULL);
    }
    sem_init(&asked, 0, 0);
    sem_init(&answered, 0, 0);
    // Signals are for the other threads; the child clears the mask that it inherits from here.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t thread;
    spawner_error = pthread_create(&thread, NULL, serve, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (spawner_error == 0) pthread_detach(thread);
}

pid_t processes_spawn(const struct process_request *request) {
    pthread_once(&spawner_once, start_spawner);
    if (spawner_error != 0) return -spawner_error;
    pthread_mutex_lock(&one_at_a_time);
    current_request = request;
    sem_post(&asked);
    wait_for(&answered);
    pid_t answer = current_answer;
    pthread_mutex_unlock(&one_at_a_time);
    return answer;
}

// Signals.

static pthread_once_t pipe_once = PTHREAD_ONCE_INIT;
static int signal_pipe[2] = {-1, -1};
static int pipe_error;
static atomic_int requests_to_end, limit_to_end;

static void open_pipe(void) {
    if (pipe2(signal_pipe, O_CLOEXEC | O_NONBLOCK) != 0) pipe_error = errno;
}

int processes_signal_pipe(void) {
    pthread_once(&pipe_once, open_pipe);
    return pipe_error != 0 ? -pipe_error : signal_pipe[0];
}

static void handle(int number) {
    int saved = errno;
    if (number == SIGINT) {
        // A person who asks again does not want to wait for an orderly end, which may hang. Batch systems send SIGTERM
        // several times in a row, and SIGKILL where they do not want to wait.
        if (atomic_fetch_add(&requests_to_end, 1) + 1 >= atomic_load(&limit_to_end)) _exit(128 + number);
    }
    unsigned char byte = (unsigned char)number;
    ssize_t ignored = write(signal_pipe[1], &byte, 1);
    (void)ignored;
    errno = saved;
}

int processes_watch(int number, int limit) {
    if (processes_signal_pipe() < 0) return pipe_error;
    struct sigaction action;
    if (sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN && number != SIGCHLD) return 0;
    atomic_store(&limit_to_end, limit);
    atomic_store(&requests_to_end, 0);
    memset(&action, 0, sizeof action);
    action.sa_handler = handle;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    if (sigaction(number, &action, NULL) != 0) return errno;
    // Whoever started us may have blocked it, and a mask survives exec.
    sigset_t watched;
    sigemptyset(&watched);
    sigaddset(&watched, number);
    return pthread_sigmask(SIG_UNBLOCK, &watched, NULL);
}

void processes_unwatch(int number) {
    struct sigaction action;
    if (sigaction(number, NULL, &action) != 0 || action.sa_handler != handle) return;
    memset(&action, 0, sizeof action);
    action.sa_handler = SIG_DFL;
    sigaction(number, &action, NULL);
}

int processes_exited(int status) { return WIFEXITED(status); }
int processes_exit_code(int status) { return WEXITSTATUS(status); }
int processes_signal(int status) { return WTERMSIG(status); }

// Standard output.

int processes_flush_output(void) {
    if (fflush(stdout) != 0) return errno;
    return ferror(stdout) ? EIO : 0;
}

void processes_trim_memory(void) { malloc_trim(0); }
