import Synchronization

/// Processes of environments that no actor acts in, for the next actors or evaluator: a start costs a second, and an evaluation
/// has many tasks in turn. They end with this process.
package enum IdleProcesses {
    /// More than so many are ended instead.
    package static let most = 8

    private static let waiting = Mutex<[EnvironmentProcess]>([])

    /// One of this program, an idle one where there is one that has not ended. Throws `ExternalEnvironmentError` as
    /// `EnvironmentProcess` does.
    package static func take(_ program: EnvironmentProgram) throws(ExternalEnvironmentError) -> EnvironmentProcess {
        let found: EnvironmentProcess? = waiting.withLock { waiting in
            waiting.removeAll { !$0.isRunning }
            guard let index = waiting.lastIndex(where: { $0.program == program }) else { return nil }
            return waiting.remove(at: index)
        }
        if let found { return found }
        return try EnvironmentProcess(program)
    }

    /// Keeps one whose copies were closed.
    package static func keep(_ process: EnvironmentProcess) {
        guard process.isRunning else { return }
        let surplus: EnvironmentProcess? = waiting.withLock { waiting in
            waiting.append(process)
            return waiting.count > most ? waiting.removeFirst() : nil
        }
        // Ended outside of the lock.
        withExtendedLifetime(surplus) {}
    }
}
