/// The name under which a ROUTER knows one peer.
///
/// On the wire, and for the library, a routing id is a name, a zero byte and a nonce that only the two ends of the
/// connection know. With the name alone, which others are told, another peer cannot take the connection over, as the
/// library lets the holder of an equal routing id do.
package struct PeerIdentity: Hashable, Sendable {
    /// The library allows a routing id of 255 bytes.
    package static let maximumBytes = 255 - 1 - nonceBytes
    /// 128 random bits: guessing one takes longer than any run.
    static let nonceBytes = 16

    /// The name alone, without zero byte and nonce.
    ///
    /// At least one byte; the first is not zero in names of our making.
    package let bytes: [UInt8]

    /// An identity that a node gives itself. Ids that begin with a zero byte are the library's own.
    ///
    /// Throws `identity` for an empty name, a longer one than `maximumBytes`, or one that begins with a zero byte.
    package init(_ name: String) throws(TransportError) {
        let bytes = Array(name.utf8)
        guard (1...Self.maximumBytes).contains(bytes.count), bytes.first != 0 else {
            throw TransportError(
                .identity, attempt: "use a node's name as its identity",
                reason: "expected 1 to \(Self.maximumBytes) bytes, the first of them not zero; got \(bytes.count)",
                remedy: "shorten the name")
        }
        self.bytes = bytes
    }

    /// The name in a routing id as a ROUTER received it; one without a nonce, which is not of our making, is all name.
    ///
    /// Never fails: what strangers call themselves is a name too.
    package init(received routingID: [UInt8]) {
        let end = routingID.count - Self.nonceBytes - 1
        bytes = end > 0 && routingID[end] == 0 ? Array(routingID[..<end]) : routingID
    }

    /// A routing id with this name that no other peer can guess: 16 of its bytes are random. Each call makes another.
    ///
    /// From the system's generator, once for each socket.
    func makeRoutingID() -> [UInt8] { bytes + [0] + (0..<Self.nonceBytes).map { _ in UInt8.random(in: 0...255) } }
}

extension PeerIdentity: CustomStringConvertible {
    /// The text where it is printable, otherwise hexadecimal digits.
    ///
    /// Used in logs and as the name of a client in `status`; `described(as:)` goes the other way.
    package var description: String {
        if bytes.allSatisfy({ (0x20...0x7e).contains($0) }) { return String(decoding: bytes, as: UTF8.self) }
        let digits = Array("0123456789abcdef")
        return "0x" + String(bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
    }

    /// The identities that a description may mean, at most two: a name may look like the digits of another.
    ///
    /// A role names a peer by its description when it tells the inbox of it.
    package static func described(as text: String) -> [PeerIdentity] {
        var found = [PeerIdentity(name: Array(text.utf8))]
        let digits = text.dropFirst(2)
        if text.hasPrefix("0x"), digits.count % 2 == 0 {
            let numbers = digits.compactMap(\.hexDigitValue)
            let bytes = stride(from: 0, to: numbers.count - 1, by: 2).map { UInt8(numbers[$0] << 4 | numbers[$0 + 1]) }
            let other = PeerIdentity(name: bytes)
            if other.description == text { found.append(other) }
        }
        return found
    }

    private init(name: [UInt8]) { bytes = name }
}

extension PeerIdentity: Comparable {
    /// By bytes, for lists that are always in the same order.
    package static func < (left: PeerIdentity, right: PeerIdentity) -> Bool {
        left.bytes.lexicographicallyPrecedes(right.bytes)
    }
}
