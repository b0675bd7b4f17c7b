internal import CZeroMQ

/// What a listening socket's monitor tells of one connection.
enum ConnectionEvent {
    case accepted(descriptor: Int32, address: String)
    case succeeded
    /// The handshake failed for a reason that the library names, or not.
    case failed(RefusedConnection.Reason)
    /// The handshake failed because the authenticator said no; it has been counted there.
    case denied
    case disconnected(descriptor: Int32)
}

/// Finds out which connections never got through the handshake, and from where they came.
///
/// The monitor names a connection when it is accepted and when it ends, by its descriptor, but not when its handshake
/// succeeds or fails. The library's one thread reports a failure right before the end of the same connection. A peer
/// that speaks something else altogether is not even reported as a failure: its connection just ends. So connections
/// that may or may not have succeeded are kept, with the number of successes among them.
struct ConnectionWatch {
    /// By descriptor, those whose handshake may still be under way.
    private var undecided: [Int32: String] = [:]
    /// How many of `undecided` have succeeded, and how many were denied.
    private var succeeded = 0
    private var denied = 0
    private var failure: RefusedConnection.Reason?

    /// Connections whose handshake is under way, or was denied and has not ended yet.
    var halfOpen: Int { undecided.count - succeeded }

    /// - Returns: a connection that was refused, when its end is known.
    mutating func take(_ event: ConnectionEvent) -> RefusedConnection? {
        switch event {
        case .accepted(let descriptor, let address):
            undecided[descriptor] = address
        case .succeeded:
            succeeded += 1
            settle()
        case .denied: denied += 1
        case .failed(let reason): failure = reason
        case .disconnected(let descriptor): return end(of: descriptor)
        }
        return nil
    }

    private mutating func end(of descriptor: Int32) -> RefusedConnection? {
        let reason = failure
        failure = nil
        guard let address = undecided.removeValue(forKey: descriptor) else { return nil }
        defer { settle() }
        if let reason { return RefusedConnection(address: address, reason: reason) }
        if denied > 0 {
            denied -= 1
            return nil
        }
        return RefusedConnection(address: address, reason: .otherProtocol)
    }

    /// When as many have succeeded as there are, all have.
    private mutating func settle() {
        guard succeeded >= undecided.count else { return }
        undecided.removeAll(keepingCapacity: true)
        succeeded = 0
        denied = 0
    }
}

extension ConnectionEvent {
    /// The events that a monitor is asked for.
    static let mask =
        ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED
        | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL
        | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH

    /// Nil for an event that says nothing of a connection.
    init?(event: Int32, value: Int32) {
        switch event {
        case ZMQ_EVENT_ACCEPTED: self = .accepted(descriptor: value, address: peerAddress(of: value))
        case ZMQ_EVENT_DISCONNECTED: self = .disconnected(descriptor: value)
        case ZMQ_EVENT_HANDSHAKE_SUCCEEDED: self = .succeeded
        case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH: self = .denied
        case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL: self = .failed(.unfinished)
        case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
            switch value {
            case ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH: self = .failed(.noKey)
            case ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC: self = .failed(.wrongServerKey)
            default: self = .failed(.malformedHandshake)
            }
        default: return nil
        }
    }
}
