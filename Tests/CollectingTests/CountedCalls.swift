import Histories
import Synchronization

/// Calls on files that are counted, and fail while they are told to.
final class CountedCalls: Sendable {
    private let counts = Mutex<(files: Int, folders: Int)>((0, 0))
    private let failures = Mutex<(writing: StreamError?, file: Bool, folder: Bool)>((nil, false, false))

    var files: Int { counts.withLock { $0.files } }
    var folders: Int { counts.withLock { $0.folders } }
    func refuse(writing: StreamError? = nil, file: Bool = false, folder: Bool = false) {
        failures.withLock { $0 = (writing, file, folder) }
    }

    var calls: FileCalls {
        var calls = FileCalls.system
        let system = calls
        calls.writeFile = { (path, bytes) throws(StreamError) in
            if let error = self.failures.withLock({ $0.writing }) { throw error }
            try system.writeFile(path, bytes)
        }
        calls.synchronizeFile = { (path) throws(StreamError) in
            if self.failures.withLock({ $0.file }) { throw .diskFull(path: path, operation: "test") }
            try system.synchronizeFile(path)
            self.counts.withLock { $0.files += 1 }
        }
        calls.synchronizeFolder = { (path) throws(StreamError) in
            if self.failures.withLock({ $0.folder }) { throw .diskFull(path: path, operation: "test") }
            try system.synchronizeFolder(path)
            self.counts.withLock { $0.folders += 1 }
        }
        return calls
    }
}
