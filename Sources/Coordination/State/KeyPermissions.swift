import Transport
package import Wire

/// What the holder of each key may do, in a cluster with keys. Owned by the coordinator. The sockets have checked that
/// a node's name ends in the fingerprint of its key; here that fingerprint is looked up.
package struct KeyPermissions {
    /// The clients that may connect; nil in a cluster without keys.
    package private(set) var list: AllowedKeys?
    /// By the fingerprint in which the names of a key's nodes end.
    private var roles: [Substring: KeyRoles] = [:]
    /// The list that the nodes' roles were last compared with.
    private var comparedGeneration: UInt64 = 0

    package init() {}

    /// A new list.
    package mutating func allow(_ keys: AllowedKeys) {
        list = keys
        roles = Dictionary(
            zip(keys.keys, keys.roles).compactMap { bytes, roles in
                PublicKey(bytes: bytes).map { (Substring($0.fingerprint), roles) }
            }, uniquingKeysWith: { $0.intersection($1) })
    }

    /// What a node of this name may be; anything in a cluster without keys.
    package func roles(of name: String) -> KeyRoles {
        list == nil ? .any : roles[name.suffix(PublicKey.fingerprintCount)] ?? []
    }

    /// Why the node may not have this role; nil where it may.
    package func refusal(of role: RoleName, to name: String) -> String? {
        let roles = roles(of: name)
        guard !roles.contains(KeyRoles(role)) else { return nil }
        return "its key may be used as \(roles.isEmpty ? "nothing any more" : "\(roles)"), not as \(role.rawValue): "
            + "start it with a key that may (distillery keys generate DIR --node NAME --role \(role.rawValue))"
    }

    /// Whether there is a list that the nodes have not been compared with; true once for each list.
    package mutating func mustCompare() -> Bool {
        guard let list, list.generation != comparedGeneration else { return false }
        comparedGeneration = list.generation
        return true
    }
}
