/// What all the writers of one recorder hold together.
package final class WriterTally {
    package private(set) var writers = 0
    /// Of rollouts that are not on disk.
    package internal(set) var pendingBytes = 0

    package init() {}

    func add(_ writer: StreamWriter) {
        writers += 1
        pendingBytes += writer.pendingBytes
    }

    func remove(_ writer: StreamWriter) {
        writers -= 1
        pendingBytes -= writer.pendingBytes
    }
}
