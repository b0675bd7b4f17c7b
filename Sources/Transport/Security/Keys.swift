internal import CZeroMQ

/// The half of a CURVE key pair (Curve25519) that may be shown to everyone; 32 bytes, 40 characters of Z85 in text (RFC
/// 32).
package struct PublicKey: Hashable, Sendable {
    /// Bytes of a key, secret or public.
    package static let byteCount = 32
    /// Characters of a key in Z85, secret or public.
    package static let textCount = 40

    /// Always 32.
    package let bytes: [UInt8]

    /// Exactly 32 bytes; nil otherwise.
    package init?(bytes: [UInt8]) {
        guard bytes.count == Self.byteCount else { return nil }
        self.bytes = bytes
    }

    /// Throws `key` for what is not 40 characters of Z85.
    package init(_ text: String) throws(TransportError) { bytes = try decodedKey(text, "public key") }

    /// Z85: digits, letters and punctuation, without blanks, quotes and backslashes.
    package var text: String { encodedKey(bytes) }
}

extension PublicKey: CustomStringConvertible {
    /// The same as `text`: a public key may be shown.
    package var description: String { text }
}

/// The half that stays where it was made. Never printed: `text` is for its file alone.
package struct SecretKey: Sendable {
    /// Never leaves this file but by `text` and `withUnsafeBytes`.
    fileprivate let bytes: [UInt8]
    /// Belongs to `bytes`: it was derived from them, or made with them.
    package let publicKey: PublicKey

    /// Derives the public half. Throws `key` for what is not 40 characters of Z85, without repeating it.
    package init(_ text: String) throws(TransportError) {
        bytes = try decodedKey(text, "secret key")
        var derived = [CChar](repeating: 0, count: PublicKey.textCount + 1)
        guard zmq_curve_public(&derived, text) == 0 else { throw .last("derive a public key") }
        publicKey = try PublicKey(string(of: derived))
    }

    private init(bytes: [UInt8], publicKey: PublicKey) {
        self.bytes = bytes
        self.publicKey = publicKey
    }

    /// A new key from the system's random numbers.
    package static func generate() throws(TransportError) -> SecretKey {
        var publicText = [CChar](repeating: 0, count: PublicKey.textCount + 1)
        var secretText = publicText
        guard zmq_curve_keypair(&publicText, &secretText) == 0 else { throw .last("generate a pair of keys") }
        return SecretKey(
            bytes: try decodedKey(string(of: secretText), "secret key"),
            publicKey: try PublicKey(string(of: publicText)))
    }

    /// 40 characters of Z85: for the key's file alone, never for a log.
    package var text: String { encodedKey(bytes) }

    /// For the library's socket option. The pointer is valid during the call.
    func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try bytes.withUnsafeBytes(body)
    }
}

extension SecretKey: CustomStringConvertible, CustomReflectable {
    package var description: String { "the secret key of \(publicKey)" }
    /// Otherwise a dump would show the bytes.
    package var customMirror: Mirror { Mirror(self, children: ["publicKey": publicKey]) }
}

/// The count of bytes must be a multiple of 4, which 32 is.
private func encodedKey(_ bytes: [UInt8]) -> String {
    var text = [CChar](repeating: 0, count: PublicKey.textCount + 1)
    guard zmq_z85_encode(&text, bytes, bytes.count) != nil else { preconditionFailure("a key of \(bytes.count) bytes") }
    return string(of: text)
}

/// `what` names the key in the error.
private func decodedKey(_ text: String, _ what: String) throws(TransportError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: PublicKey.byteCount)
    let isKey = text.utf8.count == PublicKey.textCount && !text.utf8.contains(0) && zmq_z85_decode(&bytes, text) != nil
    guard isKey else {
        // The text may have been meant to be secret, so the error does not repeat it.
        throw TransportError(
            .key, attempt: "use a \(what)",
            reason: "expected \(PublicKey.textCount) characters of Z85, got \(text.utf8.count) bytes that are none",
            remedy: "copy the whole of it, or make keys with distillery keys generate")
    }
    return bytes
}

/// What the library has written, without the zero at its end.
private func string(of characters: [CChar]) -> String {
    String(decoding: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
