package import Environments
import Experience
package import Neural

/// A transformer: its layout and its parameters.
package final class TransformerModel {
    package let layout: TransformerLayout
    package let vocabulary: TokenVocabulary
    package let parameters: FloatBuffer

    /// All parameters zero; throws `SettingsError` for settings or spaces that no model can have.
    package init(settings: TransformerSettings, vocabulary: TokenVocabulary) throws {
        try settings.validate()
        self.vocabulary = vocabulary
        layout = TransformerLayout(
            settings: settings, observationRows: vocabulary.observationRows, actionCount: vocabulary.actionCount)
        parameters = FloatBuffer(layout.parameters.count)
    }

    /// An untrained model.
    package convenience init(settings: TransformerSettings, environment: EnvironmentDescription, seed: UInt64) throws {
        let vocabulary = try TokenVocabulary(
            observationSpace: environment.observationSpace, actionSpace: environment.actionSpace)
        try self.init(settings: settings, vocabulary: vocabulary)
        layout.initialise(parameters, seed: seed)
    }

    package var settings: TransformerSettings { layout.settings }
}
