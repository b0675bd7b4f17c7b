import Experience
import Wire

/// All lifetimes of a run and the nodes that they are leased to. What each node holds and has room for is kept up
/// to date with every change, so that no question has to look through all lifetimes.
///
/// Everything goes through the subscript: it compares the lifetime before and after, and moves it between the sets.
struct LeaseTable {
    /// `capacity` counts lifetimes for a learner and actors for an actor process.
    private struct Node {
        let role: RoleName
        let capacity: Int
    }

    private var lifetimes: [LifetimeIdentifier: LeasedLifetime] = [:]
    /// How many lifetimes are in each state.
    private var counts: [LeasedLifetime.State: Int] = [:]
    /// Lifetimes that are running or ending.
    private(set) var leased: Set<LifetimeIdentifier> = []
    /// Leased ones some of whose actors wait for a process.
    private(set) var orphaned: Set<LifetimeIdentifier> = []
    /// The lifetimes in which each node has something to do.
    private var holdings: [String: Set<LifetimeIdentifier>] = [:]
    /// How much of each node's capacity is taken: lifetimes of a learner, actors of an actor process.
    private var loads: [String: Int] = [:]

    /// Nodes that take leases; a node that leaves is taken out before its leases go to others.
    private var nodes: [String: Node] = [:]
    /// Learners with room; the one with the fewest lifetimes is first.
    private var learners = OpenPlaces()
    /// Actor processes with room. The rank is the number of actors that there is room for, negated: the emptiest is
    /// first.
    private var carriers = OpenPlaces()

    /// A copy of the lifetime; setting it brings the table up to date. The cost is that of the lifetime's parts, not of
    /// the run's lifetimes.
    subscript(identifier: LifetimeIdentifier) -> LeasedLifetime? {
        get { lifetimes[identifier] }
        set {
            let old = lifetimes.removeValue(forKey: identifier)
            lifetimes[identifier] = newValue
            count(identifier, from: old, to: newValue)
            move(identifier, from: old?.shares ?? [:], to: newValue?.shares ?? [:])
        }
    }

    /// All lifetimes, in no order.
    var values: Dictionary<LifetimeIdentifier, LeasedLifetime>.Values { lifetimes.values }

    /// How many are in a state.
    func count(_ state: LeasedLifetime.State) -> Int { counts[state] ?? 0 }

    /// Every lifetime of the run is finished; true where there is none.
    var areAllFinished: Bool { count(.finished) == lifetimes.count }

    /// Leased ones in which a node has something to do; in no order.
    func held(by node: String) -> Set<LifetimeIdentifier> { holdings[node] ?? [] }

    // MARK: - Room

    /// The learner with the fewest lifetimes that can take one more.
    var freeLearner: String? { learners.entries.first?.node }

    /// Actor processes that can carry more actors, the emptiest first.
    var freePlaces: some Sequence<(node: String, free: Int)> {
        carriers.entries.lazy.map { (node: $0.node, free: -$0.rank) }
    }

    /// Where `actors` actors can be carried; nil when there is not enough room.
    func places(for actors: Int) -> [(node: String, count: Int)]? {
        var places: [(node: String, count: Int)] = []
        var missing = actors
        for (node, free) in freePlaces {
            guard missing > 0 else { break }
            places.append((node, min(free, missing)))
            missing -= min(free, missing)
        }
        return missing == 0 ? places : nil
    }

    /// From now on the node takes leases, if its role is one that does.
    mutating func open(_ name: String, _ role: RoleName, capacity: Int) {
        guard role == .learner || role == .actor, nodes[name] == nil else { return }
        nodes[name] = Node(role: role, capacity: capacity)
        place(name, load: loads[name] ?? 0)
    }

    /// The node takes no more leases; what it holds stays with it.
    mutating func close(_ name: String) {
        displace(name, load: loads[name] ?? 0)
        nodes[name] = nil
    }

    /// Puts the node into the list of its role, at the rank that its load gives it; a full one into none.
    private mutating func place(_ name: String, load: Int) {
        withList(of: name, load: load) { $0.insert(name, rank: $1) }
    }

    /// Takes the node out of its list, in which it stands at the rank of this load.
    private mutating func displace(_ name: String, load: Int) {
        withList(of: name, load: load) { $0.remove(name, rank: $1) }
    }

    /// The list in which a node with this load stands, and its rank there; a full node stands in none.
    private mutating func withList(of name: String, load: Int, _ change: (inout OpenPlaces, _ rank: Int) -> Void) {
        guard let node = nodes[name], load < node.capacity else { return }
        if node.role == .learner { change(&learners, load) } else { change(&carriers, load - node.capacity) }
    }

    // MARK: - Changes

    /// Brings the numbers by state and the sets of leased and orphaned lifetimes up to date with one change.
    private mutating func count(
        _ identifier: LifetimeIdentifier, from old: LeasedLifetime?, to new: LeasedLifetime?
    ) {
        if let old { counts[old.state, default: 0] -= 1 }
        if let new { counts[new.state, default: 0] += 1 }
        if new?.isLeased == true { leased.insert(identifier) } else { leased.remove(identifier) }
        if new?.isOrphaned == true { orphaned.insert(identifier) } else { orphaned.remove(identifier) }
    }

    /// Brings what nodes hold, and their loads, from the shares before a change to those after it.
    private mutating func move(_ identifier: LifetimeIdentifier, from old: [String: Int], to new: [String: Int]) {
        guard old != new else { return }
        for (node, share) in old {
            if new[node] == nil { forget(identifier, heldBy: node) }
            change(loadOf: node, by: (new[node] ?? 0) - share)
        }
        for (node, share) in new where old[node] == nil {
            holdings[node, default: []].insert(identifier)
            change(loadOf: node, by: share)
        }
    }

    private mutating func forget(_ identifier: LifetimeIdentifier, heldBy node: String) {
        holdings[node]?.remove(identifier)
        if holdings[node]?.isEmpty == true { holdings[node] = nil }
    }

    /// The node leaves its list at the old rank before it enters it at the new one; `OpenPlaces` finds it by that rank.
    private mutating func change(loadOf name: String, by difference: Int) {
        guard difference != 0 else { return }
        let load = loads[name] ?? 0
        displace(name, load: load)
        loads[name] = load + difference == 0 ? nil : load + difference
        place(name, load: load + difference)
    }
}

extension LeasedLifetime {
    /// Who has something to do in it, and how much of a node's capacity that takes.
    fileprivate var shares: [String: Int] {
        guard isLeased else { return [:] }
        var shares: [String: Int] = [:]
        if let learner { shares[learner] = 1 }
        for part in parts where !part.isFinished {
            if let node = part.node { shares[node, default: 0] += part.staying.count }
        }
        return shares
    }

    /// Some of its actors wait for a process.
    fileprivate var isOrphaned: Bool { isLeased && parts.contains { $0.node == nil } }
}
