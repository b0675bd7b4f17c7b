/// An attempt to connect that came to nothing.
package struct RefusedConnection: Hashable, Sendable {
    /// The raw values are what a log says.
    package enum Reason: String, Hashable, Sendable {
        case unknownKey = "its key is not on the list of those that may connect"
        case noKey = "it offers no CURVE key"
        case wrongServerKey = "it expects another server's key, or its first message was altered"
        case malformedHandshake = "its handshake is malformed"
        case unfinished = "it did not finish the handshake"
        case otherProtocol = "it does not speak our protocol"
    }

    /// The host alone: the port is another with each attempt.
    package let address: String
    /// Why it came to nothing, in words for a log.
    package let reason: Reason

    package init(address: String, reason: Reason) {
        self.address = address
        self.reason = reason
    }
}

/// Attempts that were refused since the last report: all are counted, and up to eight kinds are known by address and
/// reason.
package struct RefusedConnections: Sendable {
    /// More addresses than this between two reports are not told apart.
    package static let addressLimit = 8

    package private(set) var counts: [RefusedConnection: UInt64] = [:]
    /// Attempts from addresses beyond the limit.
    package private(set) var others: UInt64 = 0

    package init() {}

    package var isEmpty: Bool { counts.isEmpty && others == 0 }

    /// Called under the authenticator's lock.
    mutating func add(_ refused: RefusedConnection) {
        guard counts[refused] != nil || counts.count < Self.addressLimit else { return others += 1 }
        counts[refused, default: 0] += 1
    }
}
