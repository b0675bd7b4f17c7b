package import Experience

/// Which recorder keeps the streams of which lifetime, or of which task of an evaluation: all of them lie with one, from
/// before the first is opened to the end of the run. Owned by the coordinator, which writes each pin down before it leases
/// anything that names it.
///
/// A recorder is known by its folder: the same folder is the same keeper, whatever process writes there.
package struct RecorderPins {
    private var keepers: [LifetimeIdentifier: String] = [:]
    /// Of each keeper, what is not yet complete.
    private var open: [String: Set<LifetimeIdentifier>] = [:]
    /// Of each keeper, how many it has in all.
    private var counts: [String: Int]

    /// `keepers`: as earlier starts of the run have pinned them.
    package init(_ keepers: [LifetimeIdentifier: String] = [:]) {
        self.keepers = keepers
        counts = keepers.values.reduce(into: [:]) { $0[$1, default: 0] += 1 }
    }

    /// Nil where the lifetime is not pinned.
    package subscript(lifetime: LifetimeIdentifier) -> String? { keepers[lifetime] }

    /// How many lifetimes a keeper has that are open, and how many in all.
    package func load(of keeper: String) -> (open: Int, all: Int) { (open[keeper]?.count ?? 0, counts[keeper] ?? 0) }

    /// The keepers' lifetimes that are open, in no order.
    package var openLifetimes: [String: Set<LifetimeIdentifier>] { open }

    /// The lifetime is leased, or its streams are waited for, and lies there.
    package mutating func pin(_ lifetime: LifetimeIdentifier, to keeper: String) {
        if keepers.updateValue(keeper, forKey: lifetime) == nil { counts[keeper, default: 0] += 1 }
        open[keeper, default: []].insert(lifetime)
    }

    /// Nothing of the lifetime is to be written any more. It may be pinned again, to the same keeper.
    package mutating func close(_ lifetime: LifetimeIdentifier) {
        guard let keeper = keepers[lifetime] else { return }
        open[keeper]?.remove(lifetime)
        if open[keeper]?.isEmpty == true { open[keeper] = nil }
    }
}
