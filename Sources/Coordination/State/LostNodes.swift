/// Nodes that were given up: the last eight, for five minutes each, with the reasons (for `status`), and the names of
/// many more, which are not used again. Owned by the coordinator.
package struct LostNodes {
    package struct Loss: Equatable {
        package let node: String
        package let reason: String
        /// In nanoseconds of the coordinator's clock.
        package let time: UInt64
    }

    private static let limit = 8
    private static let memoryNanoseconds: UInt64 = 300_000_000_000

    private static let nameLimit = 4096

    private var losses: [Loss] = []
    /// A ring: the oldest name gives its place to the next one.
    private var names: [String] = []
    private var nextName = 0
    private var known: Set<String> = []

    package init() {}

    /// Whether a node of this name was given up, as far back as 4,096 others.
    package func wasGivenUp(_ name: String) -> Bool { known.contains(name) }

    package mutating func note(_ node: String, reason: String, now: UInt64) {
        remember(node)
        losses = losses.suffix(Self.limit - 1) + [Loss(node: node, reason: reason, time: now)]
    }

    private mutating func remember(_ name: String) {
        guard known.insert(name).inserted else { return }
        if names.count < Self.nameLimit {
            names.append(name)
        } else {
            known.remove(names[nextName])
            names[nextName] = name
            nextName = (nextName + 1) % Self.nameLimit
        }
    }

    /// The oldest first.
    package func recent(now: UInt64) -> [Loss] { losses.filter { now < $0.time + Self.memoryNanoseconds } }
}
