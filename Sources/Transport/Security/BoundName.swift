/// Names of nodes that are bound to keys: a name ends in its key's fingerprint, so that every server can see by itself,
/// and with each message, whether the sender's key is the one that the name belongs to.
extension PublicKey {
    /// Bytes of a key that a name repeats. A second key with the same ones is as hard to find as a key of 96 bits, and
    /// would have to be on the list of those that may connect, too.
    ///
    /// Collisions are sought by making keys until one begins alike: 2^96 on average.
    private static let fingerprintBytes = 12
    /// Characters of a fingerprint.
    package static let fingerprintCount = 2 * fingerprintBytes

    /// The beginning of the key, in hexadecimal digits; also the user id that the authenticator gives to every message
    /// of a client with this key.
    package var fingerprint: String {
        let digits = Array("0123456789abcdef".utf8)
        return String(
            decoding: bytes.prefix(Self.fingerprintBytes).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] },
            as: UTF8.self)
    }
}

/// `base`, bound to the key where there is one.
///
/// `actor-3` with a key becomes `actor-3-` and 24 digits.
package func boundName(_ base: String, to key: PublicKey?) -> String {
    key.map { "\(base)-\($0.fingerprint)" } ?? base
}
