internal import CZeroMQ

/// Bytes that libzmq owns and counts references to; never changed once made.
///
/// Sending one does not use it up, and a copy shares the payload: the same rollout goes to the learner and to the
/// recorder without being encoded or copied twice. Not `Sendable`: the first copy marks the payload as shared.
///
/// Belongs to one thread at a time.
package final class Frame {
    /// The library forbids moving a message by its bytes, so it stays where it was allocated.
    let handle: UnsafeMutablePointer<zmq_msg_t>

    /// An empty message, for the library to receive into.
    ///
    /// Filled by `zmq_msg_recv`, which replaces the empty content.
    init() {
        handle = .allocate(capacity: 1)
        zmq_msg_init(handle)
    }

    /// Copies `bytes` once.
    ///
    /// The copy is the only one: sending hands the library's own buffer over.
    package init(_ bytes: [UInt8]) {
        handle = .allocate(capacity: 1)
        // The one way to fail is to run out of memory, as for any other array.
        let failure = zmq_msg_init_size(handle, bytes.count)
        precondition(failure == 0, "out of memory for a message of \(bytes.count) bytes")
        bytes.withUnsafeBytes { source in
            if let start = source.baseAddress { zmq_msg_data(handle).copyMemory(from: start, byteCount: source.count) }
        }
    }

    deinit {
        zmq_msg_close(handle)
        handle.deallocate()
    }

    /// Bytes of the payload.
    package var count: Int { zmq_msg_size(handle) }

    /// The payload as it lies in the library's memory. The pointer is valid during the call.
    package func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try body(UnsafeRawBufferPointer(start: zmq_msg_data(handle), count: count))
    }

    /// The bytes in an array of their own.
    ///
    /// For content that is kept longer than its frame, and for tests.
    package var bytes: [UInt8] { withUnsafeBytes { Array($0) } }

    /// Another message with the same payload, shared and not copied (above about 30 bytes).
    ///
    /// The payload lives until the last of the copies is closed, in this process and in the library's threads.
    package func copy() -> Frame {
        let other = Frame()
        zmq_msg_copy(other.handle, handle)
        return other
    }
}
