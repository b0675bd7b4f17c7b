/// What a driver needs of a connection to its peers, whether sockets or a simulated network stand behind it.
package protocol Link: AnyObject {
    /// Hands over `bytes` without waiting.
    func send(_ bytes: [UInt8], to peer: PeerIdentity) throws(TransportError) -> SendOutcome
    /// The next message that has arrived, or nil.
    func receiveBytes() throws(TransportError) -> (peer: PeerIdentity, bytes: [UInt8])?
}

extension RouterSocket: Link {
    package func receiveBytes() throws(TransportError) -> (peer: PeerIdentity, bytes: [UInt8])? {
        guard let received = try receive() else { return nil }
        return (received.peer, received.message.bytes)
    }
}
