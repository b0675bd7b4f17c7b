/// Nodes that were given up lately, for `status`: the last eight, for five minutes each. Owned by the coordinator.
package struct LostNodes {
    package struct Loss: Equatable {
        package let node: String
        package let reason: String
        /// In nanoseconds of the coordinator's clock.
        package let time: UInt64
    }

    private static let limit = 8
    private static let memoryNanoseconds: UInt64 = 300_000_000_000

    private var losses: [Loss] = []

    package init() {}

    package mutating func note(_ node: String, reason: String, now: UInt64) {
        losses = losses.suffix(Self.limit - 1) + [Loss(node: node, reason: reason, time: now)]
    }

    /// The oldest first.
    package func recent(now: UInt64) -> [Loss] { losses.filter { now < $0.time + Self.memoryNanoseconds } }
}
