/// What all the writers of one recorder hold together, as its numbers in `status` tell. Belongs to the recorder's
/// thread.
package final class WriterTally {
    /// Streams that are open.
    package private(set) var writers = 0
    /// Bytes of rollouts that are not on disk, of all its writers.
    package internal(set) var pendingBytes = 0

    /// One for each recorder.
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
