/// Since when the run has lacked what: looked at once a second. Owned by the coordinator, which finds the lacks.
package struct LackTimes {
    private static let intervalNanoseconds: UInt64 = 1_000_000_000

    private var begins: [Lack.Kind: UInt64] = [:]
    private var nextLook: UInt64 = 0

    package init() {}

    /// Whether it is time to look; the next look is a second later.
    package mutating func mustLook(now: UInt64) -> Bool {
        guard now >= nextLook else { return false }
        nextLook = now + Self.intervalNanoseconds
        return true
    }

    /// What is lacking now: a lack that goes on keeps its time, another begins. `lastMovement`: since when nothing has
    /// moved, if that is one of them.
    package mutating func update(_ kinds: Set<Lack.Kind>, lastMovement: UInt64, now: UInt64) {
        begins = begins.filter { kinds.contains($0.key) }
        for kind in kinds where begins[kind] == nil { begins[kind] = kind == .movement ? lastMovement : now }
    }

    /// Nil for what was not lacking at the last look.
    package func begin(of kind: Lack.Kind) -> UInt64? { begins[kind] }
}
