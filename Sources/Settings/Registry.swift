import Synchronization

/// A kind of environment, source algorithm or model, as a registry has it: what it is called and what can be set.
///
/// The conforming types (`RegisteredEnvironment` is one) erase a generic protocol whose conforming types are the kinds
/// themselves, so that kinds with different settings stand in one list.
package protocol SettingsKind: Sendable {
    /// In experiment files and in streams: `dark-room`. Recorded files keep it, so that a kind that is renamed cannot
    /// be read back from them.
    var name: String { get }
    /// One sentence on what it is.
    var summary: String { get }
    /// The settings of an experiment that names the kind and nothing else. Their type is the type of all its settings.
    var defaults: any SettingsGroup { get }
}

/// The kinds that a program knows, by name; an experiment picks one of them.
///
/// What comes with Distillery stands in one list, a line each. A program that is built on these modules adds its own
/// kinds at its start, before it reads an experiment. May be used from any thread.
package final class Registry<Kind: SettingsKind>: Sendable {
    /// What the registry has, in the words of an error: `environment`.
    package let noun: String
    private let kinds: Mutex<[Kind]>

    package init(_ noun: String, _ kinds: [Kind]) {
        self.noun = noun
        self.kinds = Mutex([])
        for kind in kinds { add(kind) }
    }

    /// Adds a kind under a name that none has yet. A second kind of the same name is a bug of the program, and traps.
    package func add(_ kind: Kind) {
        kinds.withLock { kinds in
            precondition(!kinds.contains { $0.name == kind.name }, "there are two \(noun)s named \(kind.name)")
            kinds.append(kind)
        }
    }

    /// In the order in which they were added, which is their order in docs/experiments.md.
    package var all: [Kind] { kinds.withLock { $0 } }
    /// In the order of `all`.
    package var names: [String] { all.map(\.name) }

    /// As `named`, nil for a name that no kind has.
    func find(_ name: String) -> Kind? { all.first { $0.name == name } }

    /// The kind of this name. Throws `SettingsError` with the names that there are.
    package func named(_ name: String) throws(SettingsError) -> Kind {
        if let kind = find(name) { return kind }
        let message =
            "there is no \(noun) \(name.prefix(64).debugDescription); expected one of \(names.joined(separator: ", "))"
        throw SettingsError([Problem(origin: nil, key: "", message: message)])
    }
}

/// One of a registry's kinds with its settings: what an experiment picked, or what a file remembers.
///
/// Environments and source algorithms add what can be made of a choice in extensions: `EnvironmentSettings.makeTasks`,
/// `SourceAlgorithm.makeLearner`. Two are equal where names and settings are.
package struct Chosen<Kind: SettingsKind>: Sendable {
    package let kind: Kind
    /// Always of the type of `kind.defaults`; values may be out of range until `validate` was called.
    package internal(set) var settings: any SettingsGroup

    /// The kind with its defaults.
    package init(_ kind: Kind) {
        self.kind = kind
        settings = kind.defaults
    }

    /// `settings`: of the type of the kind's defaults, otherwise it traps. Their ranges are not checked.
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
