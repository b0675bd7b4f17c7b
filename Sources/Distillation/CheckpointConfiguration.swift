package import Environments
package import Models

/// What a checkpoint is about: the environment that its model acts in, and what the model was allowed to see of it. An
/// evaluator learns from it which tasks were held out, without the experiment that made the checkpoint.
package struct CheckpointDescription: Sendable, Equatable {
    package var environment: EnvironmentDescription
    /// Seed of the split into train and test tasks.
    package var splitSeed: UInt64
    /// Ids of the tasks whose histories the model was trained on.
    package var trainedTasks: [Int]
    /// Ids of the tasks that were held out; nil in checkpoints that are older than this key.
    package var testTasks: [Int]?

    package init(
        environment: EnvironmentDescription, splitSeed: UInt64, trainedTasks: [Int], testTasks: [Int]? = nil
    ) {
        self.testTasks = testTasks
        self.environment = environment
        self.splitSeed = splitSeed
        self.trainedTasks = trainedTasks
    }
}

/// The contents of `config.json`: the kind of model and its settings, the environment with its spaces, the settings of
/// training and windows, and how far the training had come. Reading refuses settings out of their ranges, so that a
/// value of this type can make a model and go on training. How it stands in the file is `CheckpointDocument`'s.
package struct CheckpointConfiguration: Sendable, Equatable {
    /// The kind of model with its dimensions; parameters lie in `model.safetensors`.
    package var model: ModelChoice
    package var description: CheckpointDescription
    /// What training was done with; a resumed training may go on with others.
    package var training: TrainingSettings
    package var windows: WindowSettings
    /// Optimiser steps and seconds of training that made the parameters.
    package var step: Int
    package var seconds: Double

    package init(
        model: ModelChoice, description: CheckpointDescription, training: TrainingSettings,
        windows: WindowSettings,
        step: Int, seconds: Double
    ) {
        self.model = model
        self.description = description
        self.training = training
        self.windows = windows
        self.step = step
        self.seconds = seconds
    }

    /// Whether training with `training` has nothing left to do after this checkpoint, by steps or by seconds. It may be
    /// asked with other settings than those of the checkpoint: more steps make a finished training go on.
    package func isEnd(of training: TrainingSettings) -> Bool {
        step >= training.steps || training.maximumSeconds.map { seconds >= $0 } ?? false
    }
}
