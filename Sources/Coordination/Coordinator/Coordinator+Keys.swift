import Nodes
import Transport
package import Wire

/// A cluster with keys: lists of clients come and go, and what a node may do is decided by its key.
extension Coordinator {
    /// A new list: which clients may connect to learners and recorders, who are told at the next tick, and what
    /// each may be.
    package func allow(_ list: AllowedKeys) { keys.allow(list) }

    /// Orders to the run: scale, drain, stop. Only keys of clients and supervisors may give them, so that the key
    /// of a worker cannot end a run; but every node may say that it leaves. Throws what the journal throws. All other
    /// orders than `scale` and `drain` are taken for `stop`.
    func obey(_ envelope: Envelope, _ name: String, now: UInt64, outbox: inout Outbox) throws {
        let sender = Address.peer(name)
        if case .drain(node: name, _) = envelope.message {
            return try leave(name, reason: "left by itself", isLost: false, now: now, outbox: &outbox)
        }
        let roles = keys.roles(of: name)
        guard !roles.isDisjoint(with: .controlling) else {
            return refuse(
                "this key may be used as \(roles), and may ask for status, but not scale, drain or stop a run: "
                    + "use one of a client (distillery keys generate DIR --node NAME --role client)", to: sender,
                envelope.request, outbox: &outbox)
        }
        switch envelope.message {
        case .scale(let actors): try scale(actors, sender, envelope.request, now: now, outbox: &outbox)
        case .drain(let node, _): drain(node, asked: sender, envelope.request, now: now, outbox: &outbox)
        default:
            outbox.send(.acknowledgement, to: sender, request: envelope.request)
            isStopping = true
        }
    }

    /// Every server of the cluster gets the list that counts, and each list once (again until it is acknowledged).
    func announceAllowedKeys(now: UInt64, outbox: inout Outbox) {
        guard let allowedKeys = keys.list else { return }
        for role in RoleName.allCases where role.isServer {
            for name in nodes.members(role) where nodes[name]?.allowedKeysGeneration != allowedKeys.generation {
                nodes[name]?.allowedKeysGeneration = allowedKeys.generation
                commands.send(.allowedKeys(allowedKeys), to: .peer(name), now: now, outbox: &outbox)
            }
        }
    }

    /// Nodes whose keys may not be what they are any more go, once for each list. Their leases go to others at once, as
    /// when they leave by themselves.
    func dismissTheForbidden(now: UInt64, outbox: inout Outbox) throws {
        guard keys.mustCompare() else { return }
        for node in nodes.values {
            let name = node.hello.name
            // A node whose key has gone is not heard any more: it leaves by its silence.
            guard !keys.roles(of: name).isEmpty, let refusal = keys.refusal(of: node.hello.role, to: name) else {
                continue
            }
            try leave(name, reason: refusal, isLost: false, now: now, outbox: &outbox)
        }
    }
}
