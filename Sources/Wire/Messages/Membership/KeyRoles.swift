/// What the holder of a key may be in a cluster.
///
/// Raw values are those of the .proto: bits from 1 (actor) to 64 (client). A key is a host's or a person's, and may be
/// good for several roles.
package struct KeyRoles: OptionSet, Hashable, Sendable {
    /// Bits, as they travel in `AllowedKeys`.
    package let rawValue: UInt32

    /// Bits that are no role are kept; `AllowedKeys` takes the intersection with `any` when it is decoded.
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    /// A process that carries actors.
    package static let actor = KeyRoles(rawValue: 1 << 0)
    /// A process that learns lifetimes.
    package static let learner = KeyRoles(rawValue: 1 << 1)
    /// A process that writes streams.
    package static let recorder = KeyRoles(rawValue: 1 << 2)
    /// A process that trains the sequence model.
    package static let distiller = KeyRoles(rawValue: 1 << 3)
    /// A process that plays evaluations.
    package static let evaluator = KeyRoles(rawValue: 1 << 4)
    /// A process that starts and ends the others on one host.
    package static let supervisor = KeyRoles(rawValue: 1 << 5)
    /// A person or a program that asks for `status`, and may `scale`, `drain` and `stop`.
    package static let client = KeyRoles(rawValue: 1 << 6)
    /// What a key may be whose file names no roles.
    package static let any = KeyRoles(rawValue: (1 << 7) - 1)
    /// The holders that may scale, drain and stop a run. A supervisor stops it where its user does.
    package static let controlling: KeyRoles = [.client, .supervisor]

    /// In words, as the list of allowed keys has them.
    ///
    /// The order is that in which a description lists them.
    package static let names: [(name: String, roles: KeyRoles)] = [
        ("actor", .actor), ("learner", .learner), ("recorder", .recorder), ("distiller", .distiller),
        ("evaluator", .evaluator), ("supervisor", .supervisor), ("client", .client),
    ]

    /// No names: any role. Throws `WireError` for a name that is none.
    ///
    /// Names are those of `names`; one that occurs twice counts once.
    package init(names: [String]) throws {
        guard !names.isEmpty else {
            self = .any
            return
        }
        self = []
        for name in names {
            guard let entry = Self.names.first(where: { $0.name == name }) else {
                throw WireError(
                    "a key's role \(name.prefix(80).debugDescription); expected some of "
                        + Self.names.map(\.name).joined(separator: ", "))
            }
            formUnion(entry.roles)
        }
    }

    /// Empty for the coordinator, which no client key may be.
    ///
    /// The role that a `Hello` asks for, to be compared with those of the sender's key.
    package init(_ role: RoleName) {
        self = Self.names.first { $0.name == role.rawValue }?.roles ?? []
    }

    /// The holders that have something to say to a server of this role: a key without any of these is not let in.
    ///
    /// The coordinator is spoken to by everything, and so has `any`.
    package static func clients(of server: RoleName) -> KeyRoles {
        switch server {
        case .learner: [.actor]
        case .recorder: [.actor, .evaluator]
        default: .any
        }
    }
}

extension KeyRoles: CustomStringConvertible {
    /// `any`, or names with spaces between.
    package var description: String {
        self == .any ? "any" : Self.names.filter { contains($0.roles) }.map(\.name).joined(separator: " ")
    }
}
