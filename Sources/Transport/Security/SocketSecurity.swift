/// What protects a socket's connections.
package enum SocketSecurity: Sendable {
    /// Nothing: every peer that reaches the socket is believed, and everything can be read on the way.
    case none
    /// CURVE, the end that is connected to. The authenticator knows which clients may.
    case server(SecretKey, Authenticator)
    /// CURVE, the end that connects: its own key, and the only server that it will talk to.
    case client(SecretKey, server: PublicKey)

    /// Whether the socket proves the server's key before it believes it.
    var isClient: Bool { clientKey != nil }

    /// The key that the names of a client are bound to.
    package var clientKey: PublicKey? { if case .client(let key, _) = self { key.publicKey } else { nil } }

    /// Nil for clients and for sockets without keys.
    var authenticator: Authenticator? {
        if case .server(_, let authenticator) = self { authenticator } else { nil }
    }
}
