/// Under which routing id each peer has been heard last.
///
/// Bounded: when many new peers have come, those that have been silent the longest are forgotten, and are then answered
/// under their bare name. Part of a `RouterSocket`, on its thread.
struct PeerRoutes {
    /// So many peers that were heard last are remembered in any case, and at most twice as many.
    static let rememberedPeers = 1 << 16

    /// Peers that were heard since the last time that this was full.
    private var recent: [PeerIdentity: [UInt8]] = [:]
    /// Those of the round before; forgotten with the next.
    private var earlier: [PeerIdentity: [UInt8]] = [:]

    /// Nil for a peer that was never heard, or was forgotten.
    subscript(peer: PeerIdentity) -> [UInt8]? { recent[peer] ?? earlier[peer] }

    /// Called with every message that comes.
    ///
    /// Costs a comparison where the peer comes from the same connection as before.
    mutating func note(_ peer: PeerIdentity, at routingID: [UInt8]) {
        guard recent[peer] != routingID else { return }
        if recent.count >= Self.rememberedPeers {
            earlier = recent
            recent = [:]
        }
        recent[peer] = routingID
    }
}
