import Foundation
package import Nodes

/// Says that a run's folder is at work: the command that starts the run's processes, or remakes its catalogue, holds
/// it for its life, and changes nothing in the folder before it has it. The kernel lets go of it with the process.
package final class RunLock {
    /// Names in a run's folder that say nothing of whether there is a run.
    package static let fileNames: Set<String> = [file, DirectoryLock.coordinatorFile]

    private static let file = ".run.lock"
    /// The processes of a supervisor that was killed are gone a moment after it.
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

    /// From here on a coordinator can be started by this lock's holder.
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
