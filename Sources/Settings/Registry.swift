import Synchronization

/// A kind of environment, source algorithm or model, as a registry has it: what it is called and what can be set.
package protocol SettingsKind: Sendable {
    /// In experiment files and in streams: `dark-room`.
    var name: String { get }
    /// One sentence on what it is.
    var summary: String { get }
    var defaults: any SettingsGroup { get }
}

/// The kinds that a program knows, by name; an experiment picks one of them.
///
/// What comes with Distillery stands in one list, a line each. Whoever builds another program on it adds kinds at its
/// start, before anything is read.
package final class Registry<Kind: SettingsKind>: Sendable {
    /// What the registry has, in the words of an error: `environment`.
    package let noun: String
    private let kinds: Mutex<[Kind]>

    package init(_ noun: String, _ kinds: [Kind]) {
        self.noun = noun
        self.kinds = Mutex([])
        for kind in kinds { add(kind) }
    }

    /// Adds a kind under a name that none has yet.
    package func add(_ kind: Kind) {
        kinds.withLock { kinds in
            precondition(!kinds.contains { $0.name == kind.name }, "there are two \(noun)s named \(kind.name)")
            kinds.append(kind)
        }
    }

    package var all: [Kind] { kinds.withLock { $0 } }
    package var names: [String] { all.map(\.name) }

    func find(_ name: String) -> Kind? { all.first { $0.name == name } }

    /// Throws `SettingsError` with the names that there are.
    package func named(_ name: String) throws(SettingsError) -> Kind {
        if let kind = find(name) { return kind }
        let message =
            "there is no \(noun) \(name.prefix(64).debugDescription); expected one of \(names.joined(separator: ", "))"
        throw SettingsError([Problem(origin: nil, key: "", message: message)])
    }
}

/// One of a registry's kinds with its settings: what an experiment picked, or what a file remembers.
package struct Chosen<Kind: SettingsKind>: Sendable {
    package let kind: Kind
    package internal(set) var settings: any SettingsGroup

    package init(_ kind: Kind) {
        self.kind = kind
        settings = kind.defaults
    }

    /// `settings`: of the type of the kind's defaults.
    package init(_ kind: Kind, settings: some SettingsGroup) {
        precondition(type(of: kind.defaults) == type(of: settings), "settings of another kind than \(kind.name)")
        self.kind = kind
        self.settings = settings
    }

    /// From settings as JSON. Throws `SettingsError` for keys that the kind does not have and values out of range.
    package init(_ kind: Kind, json: String) throws(SettingsError) {
        func read<Group: SettingsGroup>(_ defaults: Group) throws(SettingsError) -> any SettingsGroup {
            try Group(json: json, name: "settings of \(kind.name)")
        }
        self.kind = kind
        settings = try read(kind.defaults)
    }

    /// See `SettingsGroup.json`.
    package var json: String { settings.json }
}

extension Chosen: Hashable {
    package static func == (one: Chosen, other: Chosen) -> Bool {
        one.kind.name == other.kind.name && AnyHashable(one.settings) == AnyHashable(other.settings)
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(kind.name)
        hasher.combine(AnyHashable(settings))
    }
}

extension SettingsKind {
    /// The keys of the kind's settings, as keys of what was chosen.
    var entries: [Entry<Chosen<Self>>] {
        func lift<Group: SettingsGroup>(_ defaults: Group) -> [Entry<Chosen<Self>>] {
            Group.entries.map { entry in
                entry.lifted(
                    get: { (chosen: Chosen<Self>) in chosen.settings as? Group },
                    modify: { (chosen: inout Chosen<Self>, settings: Group) in chosen.settings = settings })
            }
        }
        return lift(defaults)
    }
}
