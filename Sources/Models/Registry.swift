package import Neural
package import Settings

extension RegisteredModel {
    /// The kinds of sequence model that an experiment or a checkpoint can name, a line each.
    package static let registry = Registry<RegisteredModel>(
        "model",
        [
            RegisteredModel(Transformer.self),
            RegisteredModel(LSTMModelKind.self),
        ])
}

/// A kind of sequence model in the registry: what can be done with it without knowing the type of its settings. It
/// closes over a `SequenceModelKind` and casts the settings that it is given to that kind's own; settings of another
/// kind are a bug of ours and trap.
package struct RegisteredModel: SettingsKind {
    package let name: String
    package let summary: String
    package let defaults: any SettingsGroup
    fileprivate let settings: @Sendable (any SettingsGroup) -> any SequenceModelSettings
    fileprivate let layout: @Sendable (any SettingsGroup, ModelSpaces) throws -> ParameterLayout
    fileprivate let operations: @Sendable (any SettingsGroup, ModelSpaces) throws -> Double
    fileprivate let model: @Sendable (any SettingsGroup, ModelSpaces, UInt64?) throws -> any SequenceModel

    package init<Kind: SequenceModelKind>(_ kind: Kind.Type) {
        @Sendable func typed(_ settings: any SettingsGroup) -> Kind.Settings {
            guard let settings = settings as? Kind.Settings else {
                preconditionFailure("settings of another model than \(Kind.name)")
            }
            return settings
        }
        name = Kind.name
        summary = Kind.summary
        defaults = Kind.Settings()
        settings = { typed($0) }
        layout = { try Kind.parameterLayout(typed($0), $1) }
        operations = { try Kind.forwardOperations(typed($0), $1) }
        model = { try Kind.make(typed($0), $1, seed: $2) }
    }
}

/// A kind of model with its settings: what an experiment names as `distil.model`, what a checkpoint remembers as
/// `model`, and what makes models.
package typealias ModelChoice = Chosen<RegisteredModel>

extension Chosen where Kind == RegisteredModel {
    /// The choice as code makes it, with the kind's defaults where no settings are given.
    package init<Model: SequenceModelKind>(_ kind: Model.Type, _ settings: Model.Settings = Model.Settings()) {
        self.init(RegisteredModel(kind), settings: settings)
    }

    package var name: String { kind.name }

    /// The settings as those of every kind of model.
    package var dimensions: any SequenceModelSettings { kind.settings(settings) }

    /// Throws `SettingsError` for settings or spaces that no model of the kind can have.
    package func parameterLayout(_ spaces: ModelSpaces) throws -> ParameterLayout {
        try kind.layout(settings, spaces)
    }

    /// Floating-point operations of the forward pass over one full window.
    package func forwardOperations(_ spaces: ModelSpaces) throws -> Double { try kind.operations(settings, spaces) }

    /// An untrained model, drawn from `seed`; all zero without one.
    package func make(_ spaces: ModelSpaces, seed: UInt64?) throws -> any SequenceModel {
        try kind.model(settings, spaces, seed)
    }
}
