package import Settings

/// How the model is fitted: the section `distil.training` of an experiment. Adam with clipping by the global norm,
/// cross entropy with label smoothing. The learning rate rises linearly from `startLearningRate` to `peakLearningRate`
/// over `warmupSteps`, then follows a cosine down to `finalLearningRate`.
///
/// With the defaults it is 2e-6 at step 0, 1.51e-4 at step 250, 3e-4 at step 500 and 1.5e-4 halfway down, at step
/// 25,250.
package struct TrainingSettings: SettingsGroup {
    /// Windows of an optimiser step.
    package var batchSize = 64
    /// Optimiser steps after which training ends.
    package var steps = 50_000
    /// Seconds of training after which it ends, if that comes first. The cosine follows whichever of steps and seconds
    /// is further, so that a run always ends annealed.
    package var maximumSeconds: Double?
    /// Learning rate of step 0.
    package var startLearningRate = 2e-6
    package var peakLearningRate = 3e-4
    package var finalLearningRate = 0.0
    /// Optimiser steps before the peak is reached.
    package var warmupSteps = 500
    /// Adam's decay of the first moment, an average of gradients.
    package var beta1 = 0.9
    /// Adam's decay of the second moment, an average of their squares.
    package var beta2 = 0.99
    /// Added to the root of the second moment, outside the root as in PyTorch.
    package var epsilon = 1e-8
    /// Largest global norm of the gradient; a larger gradient is scaled down to it.
    package var gradientClip = 1.0
    /// Share of a row's goal that is spread evenly over all actions.
    package var labelSmoothing = 0.1
    /// Probability that a transition's previous action and reward are replaced by a learned vector: together where they
    /// share a token, each by itself where they have their own. Observations, which predict, never are.
    package var maskingProbability = 0.3
    /// Weight of the loss of `StateTeaching`, beside that of the actions; 0 teaches no states.
    package var stateWeight = 0.0
    /// Worker threads; the result depends on their number only through the order of floating-point sums.
    package var threads = 1
    /// Of the untrained parameters, windows, masks and dropout.
    package var seed: UInt64 = 0
    /// Optimiser steps between checkpoints.
    package var checkpointEvery = 5_000
    /// How many checkpoints are kept, the newest; nil for all.
    package var keepCheckpoints: Int?
    /// Where training follows streams that still grow: how much of it, by steps and by seconds, may be done before the
    /// last stream is sealed. While lifetimes are missing it is as much less as there are fewer.
    package var followShare = 0.5

    package init() {}

    package static let entries: [Entry<TrainingSettings>] = [
        .key("batch_size", \.batchSize, .integer(1...65_536), "Windows of an optimiser step."),
        .key("steps", \.steps, .integer(1...1_000_000_000), "Optimiser steps after which training ends."),
        .key(
            "maximum_seconds", \.maximumSeconds, .optional(.number(0.001, 1e9), "none"),
            "Seconds after which training ends, if that comes first; the schedule follows whichever is further."),
        .key("start_learning_rate", \.startLearningRate, .number(0, 10), "Learning rate of the first step."),
        .key("peak_learning_rate", \.peakLearningRate, .number(0, 10), "Learning rate after the warm-up."),
        .key("final_learning_rate", \.finalLearningRate, .number(0, 10), "Learning rate of the last step."),
        .key("warmup_steps", \.warmupSteps, .integer(0...1_000_000_000), "Steps of the linear warm-up."),
        .key("beta1", \.beta1, .number(0, below: 1), "Adam's decay of the first moment."),
        .key("beta2", \.beta2, .number(0, below: 1), "Adam's decay of the second moment."),
        .key("epsilon", \.epsilon, .number(1e-30, 1), "Added to the root of Adam's second moment."),
        .key("gradient_clip", \.gradientClip, .number(above: 0, to: 1e12), "Largest global norm of the gradient."),
        .key("label_smoothing", \.labelSmoothing, .number(0, below: 1), "Label smoothing of the cross entropy."),
        .key(
            "masking_probability", \.maskingProbability, .number(0, below: 1),
            "The paper's sequence mask probability: that the previous action and reward of a transition are replaced by a learned vector, together where they share a token, each by itself otherwise. The observation that an action is predicted from never is, and nothing is masked in evaluation."
        ),
        .key(
            "state_weight", \.stateWeight, .number(0, 1e6),
            "Where streams store the states that pictures are drawn from: weight of a second loss, by which the first numbers of a picture's embedding become its state's (mean squared error a row). It is knowledge that the model has in training alone, as a source has by `source.sees: state`. The paper has none: 0."
        ),
        .key("threads", \.threads, .integer(1...1_024), "Worker threads."),
        .key("seed", \.seed, .seed, "Determines initial parameters, windows, masks and dropout."),
        .key(
            "checkpoint_every", \.checkpointEvery, .integer(1...1_000_000_000), "Optimiser steps between checkpoints."),
        .key(
            "keep_checkpoints", \.keepCheckpoints, .optional(.integer(1...1_000_000), "all"),
            "Checkpoints that are kept, the newest; one that is being evaluated is never deleted."),
        .key(
            "follow_share", \.followShare, .number(0, below: 1),
            "With `distil.follow`: share of the steps and of the seconds that may be done before the last stream is sealed, less while lifetimes have not begun."
        ),
    ]

    package func contradictions() -> [Contradiction] {
        guard peakLearningRate < max(startLearningRate, finalLearningRate) else { return [] }
        return [
            Contradiction(
                ["peak_learning_rate", "start_learning_rate", "final_learning_rate"],
                "the peak \(shortest(peakLearningRate)) is below the start \(shortest(startLearningRate)) or the end "
                    + "\(shortest(finalLearningRate))")
        ]
    }
}
