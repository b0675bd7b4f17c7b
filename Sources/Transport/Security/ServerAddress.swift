/// Where a server listens, and the key to recognise it by: `tcp://192.0.2.7:40123?key=` and 40 characters of Z85.
///
/// Learners and recorders make a new key with each start and announce it with their endpoint to the coordinator, which
/// passes both on to the nodes that it sends there.
package struct ServerAddress: Hashable, Sendable {
    /// Not a query of a URL: the key may hold nearly any character.
    private static let separator = "?key="

    /// As `Socket.connect` takes it.
    package let endpoint: String
    /// Nil for a server without keys.
    package let key: PublicKey?

    /// Nothing is checked; the text initialiser checks.
    package init(endpoint: String, key: PublicKey?) {
        self.endpoint = endpoint
        self.key = key
    }

    /// Reads what `description` gives. Throws `address` or `key`.
    package init(_ text: String) throws(TransportError) {
        // The endpoint itself cannot contain what separates it from the key; the key can contain nearly everything.
        if let range = text.firstRange(of: Self.separator) {
            endpoint = String(text[..<range.lowerBound])
            key = try PublicKey(String(text[range.upperBound...]))
        } else {
            endpoint = text
            key = nil
        }
        _ = try Endpoint(endpoint)
    }
}

extension ServerAddress: CustomStringConvertible {
    /// What `Hello.endpoint` and `CarryActors` have.
    package var description: String { key.map { endpoint + Self.separator + $0.text } ?? endpoint }
}
