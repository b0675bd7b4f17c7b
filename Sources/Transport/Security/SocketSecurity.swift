/// What protects a socket's connections.
package enum SocketSecurity: Sendable {
    /// Nothing: everybody who reaches the socket is believed, and everything can be read on the way.
    case none
    /// CURVE, the end that is connected to. The authenticator knows which clients may.
    case server(SecretKey, Authenticator)
    /// CURVE, the end that connects: its own key, and the only server that it will talk to.
    case client(SecretKey, server: PublicKey)

    var isClient: Bool { if case .client = self { true } else { false } }

    var authenticator: Authenticator? {
        if case .server(_, let authenticator) = self { authenticator } else { nil }
    }
}
