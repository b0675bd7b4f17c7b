import Foundation
package import Nodes

/// Says that a run's folder is at work: the command that starts the run's processes, or remakes its catalogue,
/// holds this lock for its life, and changes nothing in the folder before it has it. The kernel releases it with
/// the process.
///
/// Two locks are behind it. `.run.lock` keeps commands apart. `.coordinator.lock` belongs to the run's coordinator;
/// it is held here, too, until `admitCoordinator`, so that a coordinator which was started by hand, or was left by
/// a command that was killed, is found before anything is touched.
package final class RunLock {
    /// Names in a run's folder that say nothing of whether there is a run.
    package static let fileNames: Set<String> = [file, DirectoryLock.coordinatorFile]

    private static let file = ".run.lock"
    /// How long a coordinator is waited for that a killed supervisor has left: such processes end a moment after
    /// it.
    private static let orphanMilliseconds = 2000
    private static let turnMilliseconds = 20

    private let run: DirectoryLock
    private var coordinator: DirectoryLock?

    /// Throws `ClusterError` where another command, or a coordinator that was started by hand, is at work on the run.
    /// Makes the folder where it is missing.
    package init(folder: String) throws {
        run = try DirectoryLock(
            path: folder + "/" + Self.file, holder: "command (run, launch, evaluate or histories index)")
        coordinator = try Self.coordinatorLock(folder)
    }

    /// Releases the coordinator's lock: from here on this lock's holder can start a coordinator, which takes it.
    package func admitCoordinator() { coordinator = nil }

    private static func coordinatorLock(_ folder: String) throws -> DirectoryLock {
        for _ in 0..<(orphanMilliseconds / turnMilliseconds) {
            if let lock = try? DirectoryLock(coordinatorOf: folder) { return lock }
            usleep(UInt32(turnMilliseconds) * 1000)
        }
        return try DirectoryLock(coordinatorOf: folder)
    }
}

extension DirectoryLock {
    static let coordinatorFile = ".coordinator.lock"

    /// What the one coordinator of the run in `folder` holds.
    package convenience init(coordinatorOf folder: String) throws {
        try self.init(path: folder + "/" + Self.coordinatorFile, holder: "coordinator")
    }
}
