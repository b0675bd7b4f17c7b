/// The limits and the version that both ends of a connection share.
package enum WireProtocol {
    package static let version: UInt32 = 1
    /// A longer message is refused before it is decoded.
    package static let messageLimitBytes = 64 << 20
    /// Payload of one piece of a checkpoint.
    package static let checkpointPieceBytes = 1 << 20
    /// No message speaks of more actors than this.
    package static let actorLimit = 1 << 16
    /// Longer names of hosts, endpoints and folders are refused, longer reasons cut off.
    package static let textLimitBytes = 4096
    /// Named numbers in one message, such as the counters of a heartbeat.
    package static let numberLimit = 1024
    /// Returns of an evaluation's job; a result of so many fits into a message.
    package static let returnLimit = 1 << 23
    /// A list of clients that may connect is no longer, and each of its keys has so many bytes.
    package static let allowedKeyLimit = 1024
    package static let keyBytes = 32
    /// Bytes of a ticket, and of the secret under which it was made.
    package static let ticketBytes = 32
    /// What is measured in milliseconds or counted for people is cut off here: a Double holds it exactly.
    static let tellableLimit: UInt64 = 1 << 53
}

/// Bytes that are not a message of this protocol: what was expected and what came.
package struct WireError: Error, CustomStringConvertible, Sendable {
    package let description: String
    package init(_ description: String) { self.description = description }
}
