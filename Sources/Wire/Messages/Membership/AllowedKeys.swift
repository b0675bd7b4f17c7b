import CProtobufC
import CWire

/// Coordinator to learner and recorder: exactly these clients may connect, until a later list comes. Sent again until
/// it is acknowledged.
///
/// Made by the coordinator from the files in `allowed`, which it reads each second.
package struct AllowedKeys: Sendable, Equatable {
    /// Of two lists the one with the higher number counts.
    package var generation: UInt64
    /// CURVE public keys, 32 bytes each.
    package var keys: [[UInt8]]
    /// What the holder of each key may be.
    package var roles: [KeyRoles]

    /// `roles`: one of each key; without them every holder may be anything.
    package init(generation: UInt64, keys: [[UInt8]], roles: [KeyRoles] = []) {
        self.generation = generation
        self.keys = keys
        self.roles = roles.isEmpty ? keys.map { _ in .any } : roles
    }

    /// The keys of those that may connect to a server of this role.
    ///
    /// A learner lets only actors connect, a recorder actors and evaluators.
    ///
    /// For a server of another role, keys with any role at all.
    package func keys(of server: RoleName) -> [[UInt8]] {
        zip(keys, roles).filter { !$1.isDisjoint(with: .clients(of: server)) }.map(\.0)
    }
}

extension AllowedKeys: WireMessage {
    static var initialiser: (UnsafeMutablePointer<Distillery__AllowedKeys>?) -> Void { distillery__allowed_keys__init }
    static var place: EnvelopePlace<Distillery__AllowedKeys> {
        .init(DISTILLERY__ENVELOPE__BODY_ALLOWED_KEYS, \.allowed_keys)
    }

    func encode(into body: inout Distillery__AllowedKeys, _ arena: EncodingArena) {
        body.generation = generation
        (body.n_key, body.key) = arena.array(keys.map { arena.bytes($0) })
        (body.n_roles, body.roles) = arena.array(roles.map(\.rawValue))
    }

    /// Throws for more than `WireProtocol.allowedKeyLimit` keys, keys of another length than 32 bytes, and roles that
    /// are not one of each key.
    init(decoding body: Distillery__AllowedKeys) throws {
        guard body.n_key <= WireProtocol.allowedKeyLimit else {
            throw WireError("\(body.n_key) allowed keys; at most \(WireProtocol.allowedKeyLimit) are accepted")
        }
        let keys = try Field.array(body.key, body.n_key).map { key in
            try Field.equal(WireProtocol.keyBytes, key.len, "bytes of a key")
            return Field.bytes(key)
        }
        if body.n_roles > 0 { try Field.equal(body.n_key, body.n_roles, "keys' roles") }
        self.init(
            generation: body.generation, keys: keys,
            // Bits that this version does not know are dropped.
            roles: Field.array(body.roles, body.n_roles).map { KeyRoles(rawValue: $0).intersection(.any) })
    }
}
