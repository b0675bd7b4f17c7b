import Glibc

/// What is wrong with a file or folder, in a sentence for its owner: what was attempted, the path, the system's reason.
package struct FileError: Error, CustomStringConvertible, Sendable {
    /// Without a full stop, fit for a terminal.
    package let description: String
    /// The system's errno; 0 where the trouble is in the file's content.
    ///
    /// What callers tell a full disk from other troubles by.
    package let code: Int32

    /// For content that makes no sense there is no `code`.
    package init(_ description: String, code: Int32 = 0) {
        self.description = description
        self.code = code
    }

    /// "cannot write /runs/a/report.html: No space left on device". Without `code` it is errno as it stands.
    ///
    /// `action` is in the infinitive. The default is read when the call is made, so nothing may lie between the failure
    /// and it.
    package static func system(_ action: String, _ path: String, code: Int32 = errno) -> FileError {
        FileError("cannot \(action) \(path): \(String(cString: strerror(code)))", code: code)
    }

    /// The disk, a quota or a limit on the size of files leaves no room: the same may succeed later.
    ///
    /// A writer may wait and try again; `Histories` makes `diskFull` of it.
    package var isLackOfRoom: Bool { FileError.isLackOfRoom(code) }

    /// The same of an errno that came by another way, such as an error of HDF5.
    ///
    /// ENOSPC, EDQUOT and EFBIG.
    package static func isLackOfRoom(_ code: Int32) -> Bool {
        code == ENOSPC || code == EDQUOT || code == EFBIG
    }
}
