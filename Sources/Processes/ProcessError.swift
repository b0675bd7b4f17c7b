internal import Glibc

/// A process could not be started or watched: what was attempted and the kernel's reason.
package struct ProcessError: Error, Hashable, Sendable, CustomStringConvertible {
    /// In the infinitive: `start /usr/bin/sleep`.
    package let attempt: String
    /// The errno of the call that failed.
    package let errorNumber: Int32

    /// `attempt` is in the infinitive; take `errno` right after the failure.
    init(_ attempt: String, errorNumber: Int32) {
        self.attempt = attempt
        self.errorNumber = errorNumber
    }

    /// A sentence for people, with the kernel's words and the number.
    package var description: String {
        let reason = strerror(errorNumber).map { String(cString: $0) } ?? "unknown error"
        return "cannot \(attempt): \(reason) (errno \(errorNumber))"
    }
}
