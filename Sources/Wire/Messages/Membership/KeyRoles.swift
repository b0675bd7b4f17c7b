/// What the holder of a key may be in a cluster.
///
/// Raw values are those of the .proto: bits from 1 (actor) to 64 (client). A key is a host's or a person's, and may be
/// good for several roles.
package struct KeyRoles: OptionSet, Hashable, Sendable {
    package let rawValue: UInt32

    package init(rawValue: UInt32) { self.rawValue = rawValue }

    package static let actor = KeyRoles(rawValue: 1 << 0)
    package static let learner = KeyRoles(rawValue: 1 << 1)
    package static let recorder = KeyRoles(rawValue: 1 << 2)
    package static let distiller = KeyRoles(rawValue: 1 << 3)
    package static let evaluator = KeyRoles(rawValue: 1 << 4)
    package static let supervisor = KeyRoles(rawValue: 1 << 5)
    /// A person or a program that asks for `status`, and may `scale`, `drain` and `stop`.
    package static let client = KeyRoles(rawValue: 1 << 6)
    /// What a key may be whose file names no roles.
    package static let any = KeyRoles(rawValue: (1 << 7) - 1)
    /// The holders that may scale, drain and stop a run. A supervisor stops it where its user does.
    package static let controlling: KeyRoles = [.client, .supervisor]

    /// In words, as the list of allowed keys has them.
    package static let names: [(name: String, roles: KeyRoles)] = [
        ("actor", .actor), ("learner", .learner), ("recorder", .recorder), ("distiller", .distiller),
        ("evaluator", .evaluator), ("supervisor", .supervisor), ("client", .client),
    ]

    /// No names: any role. Throws `WireError` for a name that is none.
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
    package init(_ role: RoleName) {
        self = Self.names.first { $0.name == role.rawValue }?.roles ?? []
    }

    /// The holders that have something to say to a server of this role: a key without any of these is not let in.
    package static func clients(of server: RoleName) -> KeyRoles {
        switch server {
        case .learner: [.actor]
        case .recorder: [.actor, .evaluator]
        default: .any
        }
    }
}

extension KeyRoles: CustomStringConvertible {
    package var description: String {
        self == .any ? "any" : Self.names.filter { contains($0.roles) }.map(\.name).joined(separator: " ")
    }
}
