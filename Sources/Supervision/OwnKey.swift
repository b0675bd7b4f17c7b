import Nodes
package import Transport

/// The key that a supervisor and the processes that it starts connect with, and whether it may still connect.
///
/// A coordinator that refuses its supervisor's key is well, and ending it would change nothing: a supervisor that
/// hears nothing looks here first. It can, since the list of keys that may connect is a folder on its own machine.
package struct OwnKey {
    /// How long a run waits for the key to come back before it ends.
    package static let patienceMilliseconds: UInt64 = 30_000
    private static let lookIntervalNanoseconds: UInt64 = 1_000_000_000

    package let node: NodeKey
    private let folder: KeyFolder
    private var nextLook: UInt64 = 0
    /// The moment since which the processes may not connect, and why; nil while they may.
    private var lost: (since: UInt64, why: String)?

    /// Reads the key `node` of the folder. Throws where it is missing or cannot be read.
    package init(_ folder: KeyFolder) throws {
        self.folder = folder
        node = try NodeKey(path: folder.path)
    }

    /// Throws `ClusterError` before anything is started where the processes of a run could not connect.
    package func checkPermission() throws {
        guard let why = folder.restriction(of: node.secret.publicKey) else { return }
        throw ClusterError(
            "the processes of this run could not connect with \(path): \(why); put node's file back into "
                + "\(folder.allowedPath), or make keys anew with distillery keys generate in another folder")
    }

    /// What is to be said: the first time that the key is found to be lost, and when it is back; nil otherwise. Throws
    /// `ClusterError` when it was lost for too long.
    package mutating func look(now: UInt64) throws -> String? {
        guard now >= nextLook else { return nil }
        nextLook = now + Self.lookIntervalNanoseconds
        guard let why = folder.restriction(of: node.secret.publicKey) else {
            defer { lost = nil }
            return lost == nil ? nil : "\(path) may connect again"
        }
        guard let lost else {
            lost = (now, why)
            return "\(path) may connect no longer: \(why); the run ends in \(Self.patienceMilliseconds / 1000) s "
                + "unless the file is put back"
        }
        guard now < lost.since + Self.patienceMilliseconds * nanosecondsPerMillisecond else {
            throw ClusterError(
                "\(path) may connect no longer: \(why); put the file back and go on with --resume")
        }
        return nil
    }

    /// The last look has found that the key may not connect.
    package var isLost: Bool { lost != nil }

    private var path: String { folder.nodePath("node") }
}
