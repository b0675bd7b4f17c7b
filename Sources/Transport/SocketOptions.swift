/// What a socket is told before it binds or connects. Every bound has its unit in its name.
///
/// A socket copies them when it is made.
package struct SocketOptions: Sendable {
    /// The name under which the peer's ROUTER knows this socket; without one the ROUTER makes one up.
    package var identity: PeerIdentity?
    /// How long unsent messages may hold up the end of the process.
    package var lingerMilliseconds: Int = 1_000
    /// Messages waiting for one peer, beyond which `send` answers `full`.
    package var sendQueueMessages: Int = 1_000
    /// Messages waiting to be received from one peer, beyond which its sender is held back.
    package var receiveQueueMessages: Int = 1_000
    /// A longer message is refused by `send`; a peer that sends one is disconnected by the library.
    package var maximumMessageBytes: Int = 64 << 20
    /// The first pause before a lost connection is tried again; it doubles up to the maximum.
    package var reconnectIntervalMilliseconds: Int = 50
    /// The longest pause between two attempts to connect.
    package var reconnectIntervalMaximumMilliseconds: Int = 2_000
    /// How often a client pings its server, so that a vanished host is noticed soon; a server has the system do the
    /// same.
    package var heartbeatIntervalMilliseconds: Int = 1_000
    /// A connection whose pings stay unanswered for so long is given up and made again.
    package var heartbeatTimeoutMilliseconds: Int = 5_000
    /// How long a connection may take to agree on the protocol.
    package var handshakeMilliseconds: Int = 10_000
    /// The same at a server with keys: strangers may not hold connections for long. A client that was refused notices
    /// at the end of this time, and tries again.
    package var serverHandshakeMilliseconds: Int = 5_000
    /// Whether to bind to an address that other hosts reach although nothing authenticates them.
    package var insecure = false
    /// Keys, and which clients may connect.
    package var security = SocketSecurity.none

    /// The defaults that every node of a cluster uses, without keys and without a name.
    package init() {}
}
