internal import Glibc

/// Wakes one thread that waits without a poller; takes no descriptor.
///
/// Unchecked: `isRaised` is guarded by the mutex; neither of the two C values ever moves.
package final class ThreadSignal: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    /// Guarded by `mutex`.
    private var isRaised = false

    package init() {
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        // The wall clock may be set while a thread waits.
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    /// Ends the present wait, or the next one.
    ///
    /// Any thread. Raising it twice before the wait ends one wait.
    package func raise() {
        pthread_mutex_lock(mutex)
        isRaised = true
        pthread_mutex_unlock(mutex)
        pthread_cond_signal(condition)
    }

    /// Waits until it is raised, at most `milliseconds`; returns at once where it was raised before. Lowers it again.
    /// For one thread only.
    package func wait(milliseconds: Int) {
        var end = timespec()
        clock_gettime(CLOCK_MONOTONIC, &end)
        let nanoseconds = end.tv_nsec + max(0, milliseconds) * Int(nanosecondsPerMillisecond)
        end.tv_sec += nanoseconds / Int(nanosecondsPerSecond)
        end.tv_nsec = nanoseconds % Int(nanosecondsPerSecond)
        pthread_mutex_lock(mutex)
        while !isRaised, pthread_cond_timedwait(condition, mutex, &end) == 0 {}
        isRaised = false
        pthread_mutex_unlock(mutex)
    }
}
