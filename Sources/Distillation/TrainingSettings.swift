import Models

/// How the model is fitted. The learning rate rises linearly from `startLearningRate` to `peakLearningRate` over
/// `warmupSteps`, then follows a cosine down to `finalLearningRate`.
package struct TrainingSettings: Sendable, Equatable, Codable {
    /// Windows of an optimiser step.
    package var batchSize = 64
    /// Optimiser steps after which training ends.
    package var steps = 50_000
    /// Seconds of training after which it ends, if that comes first. The cosine follows whichever of steps and seconds
    /// is further, so that a run always ends annealed.
    package var maximumSeconds: Double?
    package var startLearningRate = 2e-6
    package var peakLearningRate = 3e-4
    package var finalLearningRate = 0.0
    package var warmupSteps = 500
    package var beta1 = 0.9
    package var beta2 = 0.99
    /// Added to the root of the second moment, outside the root as in PyTorch.
    package var epsilon = 1e-8
    /// Largest global norm of the gradient; a larger gradient is scaled down to it.
    package var gradientClip = 1.0
    package var labelSmoothing = 0.1
    /// Probability that a transition's previous action and reward are replaced by a learned vector: together where they
    /// share a token, each by itself where they have their own. Observations, which predict, never are.
    package var maskingProbability = 0.3
    /// Worker threads; the result depends on their number only through the order of floating-point sums.
    package var threads = 1
    package var seed: UInt64 = 0
    /// Optimiser steps between checkpoints.
    package var checkpointEvery = 5_000
    /// How many checkpoints are kept, the newest; nil for all.
    package var keepCheckpoints: Int?

    package init() {}

    /// Throws `SettingsError` for the first setting that makes no sense.
    package func validate() throws {
        try require(batchSize, in: 1...65_536, "batchSize")
        try require(steps, in: 1...1_000_000_000, "steps")
        if let maximumSeconds { try require(maximumSeconds, in: 0.001...1e9, "maximumSeconds") }
        try require(startLearningRate, in: 0...10, "startLearningRate")
        try require(peakLearningRate, in: 0...10, "peakLearningRate")
        try require(finalLearningRate, in: 0...10, "finalLearningRate")
        guard peakLearningRate >= max(startLearningRate, finalLearningRate) else {
            throw SettingsError(
                "peakLearningRate",
                "must be at least startLearningRate (\(startLearningRate)) and finalLearningRate (\(finalLearningRate))",
                found: "\(peakLearningRate)")
        }
        try require(warmupSteps, in: 0...1_000_000_000, "warmupSteps")
        try requireProbability(beta1, "beta1")
        try requireProbability(beta2, "beta2")
        try require(epsilon, in: 1e-30...1, "epsilon")
        try require(gradientClip, in: 1e-12...1e12, "gradientClip")
        try requireProbability(labelSmoothing, "labelSmoothing")
        try requireProbability(maskingProbability, "maskingProbability")
        try require(threads, in: 1...1_024, "threads")
        try require(checkpointEvery, in: 1...1_000_000_000, "checkpointEvery")
        if let keepCheckpoints { try require(keepCheckpoints, in: 1...1_000_000, "keepCheckpoints") }
    }
}
