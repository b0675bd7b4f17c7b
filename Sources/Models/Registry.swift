import Experience
package import Neural
import Settings

/// The kinds of sequence model that an experiment or a checkpoint can name; a kind is added by a line in `builtIn`.
package struct SequenceModels: Sendable {
    package static let builtIn = SequenceModels([
        Transformer.self
    ])

    private let kinds: [any SequenceModelKind.Type]

    /// Precondition: no two kinds have the same name.
    package init(_ kinds: [any SequenceModelKind.Type]) {
        precondition(Set(kinds.map { $0.name }).count == kinds.count, "two kinds of model have one name")
        self.kinds = kinds
    }

    /// The same with one kind more.
    package func adding(_ kind: any SequenceModelKind.Type) -> SequenceModels { SequenceModels(kinds + [kind]) }

    package var names: [String] { kinds.map { $0.name } }

    /// The kind of a name. Throws `SettingsError` that lists those there are.
    package func named(_ name: String) throws -> any SequenceModelKind.Type {
        guard let kind = kinds.first(where: { $0.name == name }) else {
            throw SettingsError(
                "model.name", "must be one of \(names.joined(separator: ", "))", found: "'\(name)'")
        }
        return kind
    }
}

/// A kind of model and its settings: what makes models. The type of the settings is known to their kind alone.
package struct ModelChoice: Sendable {
    package let name: String
    package let settings: any SequenceModelSettings
    private let layout: @Sendable (ModelSpaces) throws -> ParameterLayout
    private let operations: @Sendable (ModelSpaces) throws -> Double
    private let model: @Sendable (ModelSpaces, UInt64?) throws -> any SequenceModel

    package init<Kind: SequenceModelKind>(_ kind: Kind.Type, _ settings: Kind.Settings = Kind.Settings()) {
        name = kind.name
        self.settings = settings
        layout = { spaces in try kind.parameterLayout(settings, spaces) }
        operations = { spaces in try kind.forwardOperations(settings, spaces) }
        model = { spaces, seed in try kind.make(settings, spaces, seed: seed) }
    }

    /// Throws `SettingsError` for settings or spaces that no model of the kind can have.
    package func parameterLayout(_ spaces: ModelSpaces) throws -> ParameterLayout { try layout(spaces) }

    /// Floating-point operations of the forward pass over one full window.
    package func forwardOperations(_ spaces: ModelSpaces) throws -> Double { try operations(spaces) }

    /// An untrained model, drawn from `seed`; all zero without one.
    package func make(_ spaces: ModelSpaces, seed: UInt64?) throws -> any SequenceModel { try model(spaces, seed) }
}

extension ModelChoice: Equatable {
    package static func == (a: ModelChoice, b: ModelChoice) -> Bool {
        a.name == b.name && AnyHashable(a.settings) == AnyHashable(b.settings)
    }
}

/// In a file: the settings' own keys, with the kind's `name` beside them. Files without a name are of the time when
/// there was one kind.
extension ModelChoice: Encodable {
    private enum Key: String, CodingKey { case name }

    private static let nameWhereAbsent = Transformer.name

    package func encode(to encoder: any Encoder) throws {
        try settings.encode(to: encoder)
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(name, forKey: .name)
    }

    /// Throws `SettingsError` for a kind that `models` does not have, and what decoding throws.
    package init(from decoder: any Decoder, models: SequenceModels) throws {
        let container = try decoder.container(keyedBy: Key.self)
        let name = try container.decodeIfPresent(String.self, forKey: .name) ?? Self.nameWhereAbsent
        self = try Self.decode(models.named(name), decoder)
    }

    private static func decode<Kind: SequenceModelKind>(_ kind: Kind.Type, _ decoder: any Decoder) throws -> Self {
        ModelChoice(kind, try Kind.Settings(from: decoder))
    }
}
