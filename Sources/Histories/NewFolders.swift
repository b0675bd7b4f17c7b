import Files
internal import Synchronization

/// Folders that were made for streams' files, and whose own names a loss of power could still take away.
///
/// A short lifetime has two folders for one small file. Were each synced when it is made, as `Folder.create` does, a
/// recorder would wait three times for the disk where it can wait once for dozens of streams: `StreamSealing.commit`
/// syncs the folders of many files together. Until then they are remembered here, so that whatever finds one of them
/// in its place does not take its name for durable. One list for the process, since streams of several writers share
/// folders. After the death of a process its successor syncs what it finds.
enum NewFolders {
    private static let unsynced = Mutex<Set<String>>([])

    /// Makes the folders in which `path` lies, where they are missing. Their names are not durable yet.
    static func make(of path: String) throws(StreamError) { try makeFolder(Folder.of(path), for: path) }

    private static func makeFolder(_ folder: String, for path: String) throws(StreamError) {
        if Folder.isFolder(folder) { return }
        let above = Folder.of(folder)
        if above != folder, above != "." { try makeFolder(above, for: path) }
        var isNew = false
        try inWords(path, "make its folder") { () throws(FileError) in isNew = try Folder.make(folder) }
        if isNew { unsynced.withLock { _ = $0.insert(folder) } }
    }

    /// What has to be synced for the name of the file at `path` to be durable: a name in each of the folders, the file
    /// itself first, then those folders above it that are new.
    static func names(on path: String) -> [String] {
        unsynced.withLock { unsynced in
            var names = [path]
            var folder = Folder.of(path)
            while !unsynced.isEmpty, folder.utf8.count > 1 {
                if unsynced.contains(folder) { names.append(folder) }
                folder = Folder.of(folder)
            }
            return names
        }
    }

    /// The names' folders were synced after `names` gave them.
    static func noteDurable(_ names: some Sequence<String>) {
        unsynced.withLock { $0.subtract(names) }
    }
}

/// Makes the folders in which `path` lies, where they are missing; their names survive a loss of power.
///
/// Does nothing where they are there.
func makeFolders(of path: String) throws(StreamError) {
    try NewFolders.make(of: path)
    let names = NewFolders.names(on: path).dropFirst()
    for name in names { try synchronizeFolder(of: name) }
    NewFolders.noteDurable(names)
}

extension FileCalls {
    /// Makes the name of the file at `path` durable, with those of new folders above it.
    func makeDurable(nameOf path: String) throws(StreamError) {
        let names = NewFolders.names(on: path)
        for name in names { try synchronizeFolder(name) }
        NewFolders.noteDurable(names.dropFirst())
    }
}
