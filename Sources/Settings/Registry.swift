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
    /// In the order of `all`. The lock is held for a look or an append only.
    private let kinds: Mutex<[Kind]>

    /// `kinds`: those that come with Distillery. Names must differ, as in `add`.
    package init(_ noun: String, _ kinds: [Kind]) {
        self.noun = noun
        self.kinds = Mutex([])
        for kind in kinds { add(kind) }
    }

    /// Adds a kind under a name that none has yet. A second kind of the same name is a bug of the program, and traps.
    ///
    /// To be called before the first experiment is read: one that was read already may have been refused for the lack
    /// of it.
    package func add(_ kind: Kind) {
        kinds.withLock { kinds in
            precondition(!kinds.contains { $0.name == kind.name }, "there are two \(noun)s named \(kind.name)")
            kinds.append(kind)
        }
    }

    /// In the order in which they were added, which is their order in docs/experiments.md.
    package var all: [Kind] { kinds.withLock { $0 } }
    /// In the order of `all`.
    ///
    /// What errors list and docs/experiments.md has a table for.
    package var names: [String] { all.map(\.name) }

    /// As `named`, nil for a name that no kind has.
    ///
    /// Linear; there are a handful of kinds.
    func find(_ name: String) -> Kind? { all.first { $0.name == name } }

    /// The kind of this name. Throws `SettingsError` with the names that there are.
    ///
    /// The name comes from a file or a peer: at most 64 characters of it are repeated, escaped.
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
    /// The registry's entry, not a copy of its values.
    package let kind: Kind
    /// Always of the type of `kind.defaults`; values may be out of range until `validate` was called.
    package internal(set) var settings: any SettingsGroup

    /// The kind with its defaults.
    ///
    /// What an experiment has before its keys are read.
    package init(_ kind: Kind) {
        self.kind = kind
        settings = kind.defaults
    }

    /// `settings`: of the type of the kind's defaults, otherwise it traps. Their ranges are not checked.
    ///
    /// For programs and tests that build settings in code.
    package init(_ kind: Kind, settings: some SettingsGroup) {
        precondition(type(of: kind.defaults) == type(of: settings), "settings of another kind than \(kind.name)")
        self.kind = kind
        self.settings = settings
    }

    /// From settings as JSON. Throws `SettingsError` for keys that the kind does not have and values out of range.
    ///
    /// `json` may come from a stream file or a peer: see `SettingsGroup.init(json:name:)` for what is checked.
    package init(_ kind: Kind, json: String) throws(SettingsError) {
        func read<Group: SettingsGroup>(_ defaults: Group) throws(SettingsError) -> any SettingsGroup {
            try Group(json: json, name: "settings of \(kind.name)")
        }
        self.kind = kind
        settings = try read(kind.defaults)
    }

    /// See `SettingsGroup.json`.
    ///
    /// Keys with their defaults are left out, so that equal choices give equal text.
    package var json: String { settings.json }
}

extension Chosen: Hashable {
    /// Kinds are compared by name, since a kind itself is closures.
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
    ///
    /// Lifted from the settings' own type to `Chosen`, which erases it. Settings of another type cannot be inside: the
    /// initialisers make sure of it.
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
