/// One question of libzmq's whether a client may connect (RFC 27, ZAP 1.0), and the answer to it.
struct AuthenticationRequest {
    /// Echoed in the answer.
    let identifier: [UInt8]
    /// Of the client, in numbers, at most 64 bytes of what the library says.
    let address: String
    /// Nil where the request is none, or is about another mechanism than CURVE.
    let key: PublicKey?

    /// The only version of the protocol that libzmq speaks; the first frame of requests and answers.
    static let version = Array("1.0".utf8)
    /// Other mechanisms (NULL, PLAIN) are refused.
    private static let mechanism = Array("CURVE".utf8)
    /// Version, identifier, domain, address, identity, mechanism, and one frame of credentials: the key.
    private static let frameCount = 7

    /// Takes anything: what is malformed has no key, and is therefore refused.
    ///
    /// Frames come from libzmq in this process, but their content from the client.
    init(_ frames: [[UInt8]]) {
        identifier = frames.count > 1 ? frames[1] : []
        address = frames.count > 3 ? String(decoding: frames[3].prefix(64), as: UTF8.self) : ""
        let isCURVE =
            frames.count == Self.frameCount && frames[0] == Self.version && frames[5] == Self.mechanism
        key = isCURVE ? PublicKey(bytes: frames[6]) : nil
    }

    /// A refusal is called temporary: the library then ends the connection without a word, and the client tries again,
    /// so that a key which is allowed later, or by a server that does not know it yet, is taken without a restart. Told
    /// of a lasting one, a client would give up for good. The key's fingerprint
    /// becomes the user id that every message of the client carries.
    ///
    /// Six frames: version, identifier, status, text, user id, metadata.
    func answer(isAllowed: Bool) -> [[UInt8]] {
        let status = isAllowed ? ("200", "OK") : ("300", "this key is not allowed")
        let user = isAllowed ? key?.fingerprint ?? "" : ""
        return [Self.version, identifier, Array(status.0.utf8), Array(status.1.utf8), Array(user.utf8), []]
    }
}
