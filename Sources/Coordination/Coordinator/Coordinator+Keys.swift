import Nodes
import Transport
package import Wire

/// What the holder of a key may do, in a cluster with keys. The sockets have checked that a node's name ends in the
/// fingerprint of its key; here that fingerprint is looked up.
extension Coordinator {
    /// A new list: which clients may connect to learners and recorders, who are told at the next tick, and what
    /// each may be. Two keys with one fingerprint may be only what both may.
    package func allow(_ keys: AllowedKeys) {
        allowedKeys = keys
        rolesOfFingerprints = Dictionary(
            zip(keys.keys, keys.roles).compactMap { bytes, roles in
                PublicKey(bytes: bytes).map { (Substring($0.fingerprint), roles) }
            }, uniquingKeysWith: { $0.intersection($1) })
    }

    /// What a node of this name may be; anything in a cluster without keys.
    func roles(of name: String) -> KeyRoles {
        allowedKeys == nil ? .any : rolesOfFingerprints[name.suffix(PublicKey.fingerprintCount)] ?? []
    }

    /// Why the node may not have this role; nil where it may. The reason says how to make a key that may.
    func refusal(of role: RoleName, to name: String) -> String? {
        let roles = roles(of: name)
        guard !roles.contains(KeyRoles(role)) else { return nil }
        return "its key may be used as \(roles.isEmpty ? "nothing any more" : "\(roles)"), not as \(role.rawValue): "
            + "start it with a key that may (distillery keys generate DIR --node NAME --role \(role.rawValue))"
    }

    /// Orders to the run: scale, drain, stop. Only keys of clients and supervisors may give them, so that the key
    /// of a worker cannot end a run; but every node may say that it leaves. Throws what the journal throws. All other
    /// orders than `scale` and `drain` are taken for `stop`.
    func obey(_ envelope: Envelope, _ name: String, now: UInt64, outbox: inout Outbox) throws {
        let sender = Address.peer(name)
        if case .drain(node: name) = envelope.message {
            return try leave(name, reason: "left by itself", now: now, outbox: &outbox)
        }
        let roles = roles(of: name)
        guard !roles.isDisjoint(with: .controlling) else {
            return refuse(
                "this key may be used as \(roles), and may ask for status, but not scale, drain or stop a run: "
                    + "use one of a client (distillery keys generate DIR --node NAME --role client)", to: sender,
                envelope.request, outbox: &outbox)
        }
        switch envelope.message {
        case .scale(let actors): try scale(actors, sender, envelope.request, now: now, outbox: &outbox)
        case .drain(let node): drain(node, asked: sender, envelope.request, now: now, outbox: &outbox)
        default:
            outbox.send(.acknowledgement, to: sender, request: envelope.request)
            isStopping = true
        }
    }

    /// Every server of the cluster gets the list that counts, and each list once (again until it is acknowledged).
    func announceAllowedKeys(now: UInt64, outbox: inout Outbox) {
        guard let allowedKeys else { return }
        for role in RoleName.allCases where role.isServer {
            for name in members(role) where nodes[name]?.allowedKeysGeneration != allowedKeys.generation {
                nodes[name]?.allowedKeysGeneration = allowedKeys.generation
                commands.send(.allowedKeys(allowedKeys), to: .peer(name), now: now, outbox: &outbox)
            }
        }
    }

    /// Nodes whose keys may not be what they are any more go, once for each list. Their leases go to others at once, as
    /// when they leave by themselves.
    func dismissTheForbidden(now: UInt64, outbox: inout Outbox) throws {
        guard let allowedKeys, allowedKeys.generation != checkedKeysGeneration else { return }
        checkedKeysGeneration = allowedKeys.generation
        for (name, node) in nodes {
            // A node whose key has gone is not heard any more: it leaves by its silence.
            guard !roles(of: name).isEmpty, let refusal = refusal(of: node.hello.role, to: name) else { continue }
            try leave(name, reason: refusal, now: now, outbox: &outbox)
        }
    }
}
