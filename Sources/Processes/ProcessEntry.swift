import Foundation

/// A process as the kernel lists it, of which `/proc/N/stat` has a line.
package struct ProcessEntry: Sendable {
    /// The number of its parent.
    package let parent: Int32
    /// It has ended, and its parent has not yet waited for it.
    package let isDead: Bool
    /// When it started, in the kernel's ticks since boot: a later process may get the same number.
    package let started: String

    /// Nil where there is no process of the number, or none that this one may see.
    package init?(_ number: Int32) {
        guard let data = FileManager.default.contents(atPath: "/proc/\(number)/stat") else { return nil }
        // The second field is the program's name in parentheses, which may itself have spaces and parentheses.
        let fields = String(decoding: data, as: UTF8.self).split(separator: ")").last?.split(separator: " ") ?? []
        guard fields.count > 19, let parent = Int32(fields[1]) else { return nil }
        self.parent = parent
        isDead = fields[0] == "Z" || fields[0] == "X"
        started = String(fields[19])
    }
}
