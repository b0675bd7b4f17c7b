/// Under which routing id each peer has been heard last.
///
/// Bounded: of peers that have been silent while many others came, the oldest are forgotten.
struct PeerRoutes {
    /// So many peers that were heard last are remembered in any case, and at most twice as many.
    static let rememberedPeers = 1 << 16

    private var recent: [PeerIdentity: [UInt8]] = [:]
    private var earlier: [PeerIdentity: [UInt8]] = [:]

    subscript(peer: PeerIdentity) -> [UInt8]? { recent[peer] ?? earlier[peer] }

    mutating func note(_ peer: PeerIdentity, at routingID: [UInt8]) {
        guard recent[peer] != routingID else { return }
        if recent.count >= Self.rememberedPeers {
            earlier = recent
            recent = [:]
        }
        recent[peer] = routingID
    }
}
