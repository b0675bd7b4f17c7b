import Wire

/// The nodes that are there, by name and by role. Owned by the coordinator.
struct NodeTable {
    private var nodes: [String: ConnectedNode] = [:]
    private var names: [RoleName: Set<String>] = [:]

    /// The node of this name; nil where it has not joined, or has left.
    subscript(name: String) -> ConnectedNode? { nodes[name] }

    var count: Int { nodes.count }
    /// In no order.
    var values: some Collection<ConnectedNode> { nodes.values }
    /// In ascending order.
    var sortedNames: [String] { nodes.keys.sorted() }

    /// Names of the nodes of a role, in no order.
    func members(_ role: RoleName) -> Set<String> { names[role] ?? [] }

    /// Nodes of a role that were not asked to leave, in no order.
    func staying(_ role: RoleName) -> [ConnectedNode] {
        members(role).compactMap { nodes[$0] }.filter { !$0.isLeaving }
    }

    /// Makes a node known.
    mutating func add(_ node: ConnectedNode) {
        nodes[node.hello.name] = node
        names[node.hello.role, default: []].insert(node.hello.name)
    }

    /// Forgets a node; nil where it was not known.
    mutating func remove(_ name: String) -> ConnectedNode? {
        guard let node = nodes.removeValue(forKey: name) else { return nil }
        names[node.hello.role]?.remove(name)
        return node
    }
}
