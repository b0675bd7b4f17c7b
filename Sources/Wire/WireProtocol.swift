/// The limits and the version that both ends of a connection share.
///
/// A limit that a sender keeps is one that the receiver enforces: what is longer throws `WireError` on arrival. Most
/// bound what a message can make its receiver allocate or keep.
package enum WireProtocol {
    /// A node of another version is refused with both numbers. Fields may be added without a new version, since
    /// protocol buffers skip unknown ones.
    package static let version: UInt32 = 1
    /// A longer message is refused before it is decoded.
    ///
    /// `SocketOptions.maximumMessageBytes` in `Transport` has the same default.
    package static let messageLimitBytes = 64 << 20
    /// Payload of one piece of a checkpoint.
    package static let checkpointPieceBytes = 1 << 20
    /// No message speaks of more actors than this.
    package static let actorLimit = 1 << 16
    /// Longer names of hosts, endpoints and folders are refused, longer reasons cut off.
    package static let textLimitBytes = 4096
    /// Named numbers in one message, such as the counters of a heartbeat.
    package static let numberLimit = 1024
    /// Most returns of one evaluation job; a result with this many fits into a message.
    package static let returnLimit = 1 << 23
    /// Most keys in a list of clients that may connect.
    package static let allowedKeyLimit = 1024
    /// Bytes of a CURVE public key.
    package static let keyBytes = 32
    /// Bytes of a ticket, and of the secret under which it was made.
    package static let ticketBytes = 32
    /// What is measured in milliseconds or counted for people is cut off here: a Double holds it exactly.
    static let tellableLimit: UInt64 = 1 << 53
}

/// Bytes that are not a message of this protocol: what was expected and what came.
///
/// Tells the other side's mistake, never ours: the receiver counts it or answers with its text in a `Failure`, and goes
/// on.
package struct WireError: Error, CustomStringConvertible, Sendable {
    package let description: String
    /// `description`: a sentence without a full stop, fit to be sent back.
    package init(_ description: String) { self.description = description }
}
