import Foundation
import Synchronization
import Transport
package import Wire

/// Stands in for an environment's process: what it answers is a closure's affair, asked on a thread of its own. It ends with
/// this value.
package final class EnvironmentStandIn: Sendable {
    package let endpoint: String
    private let isEnded: Ended

    private final class Ended: Sendable {
        let value = Atomic<Bool>(false)
    }

    /// - Parameter answer: messages to be sent for a request, in order; none for silence.
    package init(_ answer: @escaping @Sendable (EnvironmentRequest) -> [[UInt8]]) throws {
        let ended = Ended()
        let bound = Mutex<Result<String, any Error>?>(nil)
        let isBound = DispatchSemaphore(value: 0)
        // The closure runs until the value ends; what it captures is shared by lock or atomically.
        Thread.detachNewThread {
            do {
                let socket = try RouterSocket(try MessageContext())
                let endpoint = try socket.bind("tcp://127.0.0.1:*")
                bound.withLock { $0 = .success(endpoint) }
                isBound.signal()
                let poller = Poller()
                poller.add(socket)
                while !ended.value.load(ordering: .relaxed) {
                    try poller.wait(milliseconds: 10)
                    while let (peer, message) = try socket.receive() {
                        let request = try message.withUnsafeBytes { try EnvironmentRequest(decoding: $0) }
                        for reply in answer(request) { _ = try socket.send(reply, to: peer) }
                    }
                }
            } catch {
                bound.withLock { $0 = $0 ?? .failure(error) }
                isBound.signal()
            }
        }
        isBound.wait()
        endpoint = try (bound.withLock { $0 } ?? .failure(CancellationError())).get()
        isEnded = ended
    }

    deinit { isEnded.value.store(true, ordering: .relaxed) }
}
