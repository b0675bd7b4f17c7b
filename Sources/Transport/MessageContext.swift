internal import CZeroMQ

/// The library's input and output threads. Every socket keeps its context alive; the last one to go ends it.
///
/// `@unchecked Sendable`: a ZeroMQ context is documented as thread safe; the handle never changes.
///
/// A process needs one, which any thread may make sockets of. Sockets of one context reach each other by `inproc`.
package final class MessageContext: @unchecked Sendable {
    /// The library's own handle, for `Socket` and `Authenticator`.
    let handle: UnsafeMutableRawPointer

    /// - Parameters:
    ///   - inputOutputThreads: one is enough for about a gigabyte a second.
    ///   - maximumSockets: the library's own default is 1,023.
    ///
    /// Throws `system` where the library finds no memory or no descriptor.
    package init(inputOutputThreads: Int = 1, maximumSockets: Int = 1023) throws(TransportError) {
        guard let handle = zmq_ctx_new() else { throw .last("create a ZeroMQ context") }
        self.handle = handle
        zmq_ctx_set(handle, ZMQ_IO_THREADS, Int32(clamping: inputOutputThreads))
        zmq_ctx_set(handle, ZMQ_MAX_SOCKETS, Int32(clamping: maximumSockets))
    }

    /// Waits for unsent messages, at most the longest linger of its sockets.
    deinit {
        while zmq_ctx_term(handle) != 0, zmq_errno() == EINTR {}
    }
}
