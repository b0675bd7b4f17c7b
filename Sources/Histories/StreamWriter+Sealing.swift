import Glibc

extension StreamWriter {
    /// Puts a compressed copy with `complete` = 1 in the place of the growing file. The writer is done.
    ///
    /// The copy is verified before it takes the place: what the disk has changed since it was written is not sealed.
    /// A crash leaves either the growing file or the sealed one. After an error the call may be repeated.
    /// - Throws: `damaged` where what was written is no longer there; the growing file is left as it was
    package func seal() throws(StreamError) {
        let sealing = StreamSealing(self)
        do throws(StreamError) {
            while try !sealing.advance() {}
        } catch {
            sealing.abandon()
            throw error
        }
        if let failure = StreamSealing.commit([sealing])[0] { throw failure }
    }

    /// The sealed file's name is durable: nothing waits any more, and a growing file elsewhere is not needed.
    func noteSealed() {
        forgetPending()
        if path != sealedPath { unlink(path) }
    }
}
