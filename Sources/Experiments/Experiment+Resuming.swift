package import Distillation
import Models

extension Experiment {
    /// A setting that is not what it was when the checkpoint was made; values as they stand in YAML.
    package struct Change: Sendable, Equatable, CustomStringConvertible {
        /// The path, such as `distil.training.steps`.
        package let key: String
        package let before: String
        package let now: String

        package var description: String { "\(key): \(before) before, \(now) now" }
    }

    /// What may be another when training goes on from a checkpoint: how long, and how it is carried out. Any other
    /// change would make the checkpoint's optimiser state, learning-rate schedule or random windows those of another
    /// training, so resuming is refused.
    package static let mayChangeOnResume = [
        "distil.training.steps", "distil.training.maximum_seconds", "distil.training.threads",
        "distil.training.checkpoint_every", "distil.training.keep_checkpoints",
        "distil.training.follow_share",
    ]

    /// The settings that a checkpoint was made with and a distillation of this experiment with `settings` has otherwise.
    /// Where the kinds of model differ, that is the only change: their settings have no keys in common to compare.
    package func changes(since checkpoint: CheckpointConfiguration, to settings: DistilSettings) -> [Change] {
        guard checkpoint.model.name == settings.model.name else {
            return [Change(key: "distil.model.name", before: checkpoint.model.name, now: settings.model.name)]
        }
        var (before, now) = (self, self)
        before.distil = settings
        now.distil = settings
        before.distil.model = checkpoint.model
        before.distil.windows = checkpoint.windows
        before.distil.training = checkpoint.training
        return zip(before.settings, now.settings).filter { $0 != $1 }.map {
            Change(key: $0.key, before: $0.value, now: $1.value)
        }
    }
}
