/// The routing id under which a ROUTER knows one peer; 1 to 255 bytes.
package struct PeerIdentity: Hashable, Sendable {
    package static let maximumBytes = 255

    package let bytes: [UInt8]

    /// An identity that a node gives itself. Ids that begin with a zero byte are the library's own.
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

    /// An identity as a ROUTER received it; the library has checked it.
    package init(received bytes: [UInt8]) { self.bytes = bytes }
}

extension PeerIdentity: CustomStringConvertible {
    /// The text where it is printable, otherwise hexadecimal digits.
    package var description: String {
        if bytes.allSatisfy({ (0x20...0x7e).contains($0) }) { return String(decoding: bytes, as: UTF8.self) }
        let digits = Array("0123456789abcdef")
        return "0x" + String(bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
    }
}

extension PeerIdentity: Comparable {
    package static func < (left: PeerIdentity, right: PeerIdentity) -> Bool {
        left.bytes.lexicographicallyPrecedes(right.bytes)
    }
}
