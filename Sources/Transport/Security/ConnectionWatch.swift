internal import CZeroMQ

/// What a listening socket's monitor tells of one connection.
enum ConnectionEvent {
    /// The number may be given to another connection after the end of this one.
    case accepted(descriptor: Int32, address: String)
    /// Without a number: the library does not say which.
    case succeeded
    /// The handshake failed for a reason that the library names, or not.
    case failed(RefusedConnection.Reason)
    /// The handshake failed because the authenticator said no; it has been counted there.
    case denied
    /// The number as it was at the acceptance.
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
    ///
    /// The address is taken at the acceptance, because it is gone at the end.
    private var undecided: [Int32: String] = [:]
    /// How many of `undecided` have succeeded, and how many were denied.
    private var succeeded = 0
    /// Denied connections whose end has not come yet.
    private var denied = 0
    /// Of the connection whose end comes next.
    private var failure: RefusedConnection.Reason?

    /// Connections whose handshake is under way, or was denied and has not ended yet.
    var halfOpen: Int { undecided.count - succeeded }

    /// - Returns: a connection that was refused, when its end is known.
    ///
    /// Events have to come in the library's order.
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

    /// A connection that is not undecided any more had succeeded; its end is nothing to tell.
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
    ///
    /// Afterwards nothing is known to be half open, which is right: all of them are connected.
    private mutating func settle() {
        guard succeeded >= undecided.count else { return }
        undecided.removeAll(keepingCapacity: true)
        succeeded = 0
        denied = 0
    }
}

extension ConnectionEvent {
    /// The events that a monitor is asked for.
    ///
    /// All other events, such as retries, are not asked for.
    static let mask =
        ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED
        | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL
        | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH

    /// Nil for an event that says nothing of a connection.
    ///
    /// `value` is a descriptor or an error's number, depending on the event.
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
