/// Nodes that have room for more, in the order in which they are filled: by rank, then by name. A sorted array with
/// binary search: the order is the same in every run of a simulation.
struct OpenPlaces {
    /// Ascending by rank and name; the first is filled next.
    private(set) var entries: [(rank: Int, node: String)] = []

    /// Takes time in proportion to the entries behind it, which is little for the nodes of a run.
    mutating func insert(_ node: String, rank: Int) { entries.insert((rank, node), at: position(of: node, rank: rank)) }

    /// `rank`: the one that it was inserted with.
    mutating func remove(_ node: String, rank: Int) {
        let position = position(of: node, rank: rank)
        precondition(position < entries.count && entries[position] == (rank, node), "\(node) is not at its place")
        entries.remove(at: position)
    }

    /// Where it is, or belongs.
    private func position(of node: String, rank: Int) -> Int {
        var (low, high) = (0, entries.count)
        while low < high {
            let middle = (low + high) / 2
            if entries[middle] < (rank, node) { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
