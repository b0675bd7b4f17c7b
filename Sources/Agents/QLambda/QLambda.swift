package import Environments
package import Experience
import Neural
package import Settings

/// DQN with Peng's Q(lambda) (paper, Table 5) as a kind of source algorithm: a network of action values, learnt from
/// sequences, most of them out of a replay, towards lambda-returns of a target network.
///
/// It takes observations of a few integers, which the network sees one-hot, pictures, the states that these are drawn
/// of, or vectors of floats, and discrete actions. All actors of a lifetime act epsilon-greedily by one network. With an
/// LSTM, on trials of several episodes, it is RL2 (paper, Table 7).
package enum QLambda: SourceAlgorithmKind {
    package static let name = "q-lambda"
    package static let summary =
        "DQN(Q-lambda): action values from a replay of overlapping sequences, epsilon-greedy (paper, Table 5)."

    package static func needs(
        _ settings: QLambdaSettings, environment: EnvironmentDescription, actors: Int
    ) throws -> LifetimeNeeds {
        let values = try settings.makeValues(environment: environment)
        let layout = try settings.makeReplayLayout(environment: environment, actors: actors)
        return LifetimeNeeds(
            rolloutLength: settings.rolloutLength,
            largestSavedBytes: QLambdaLearner.largestSavedBytes(
                parameters: values.parameterCount, layout, actors: actors, batch: settings.batchSequences),
            operationsPerTransition: operations(settings, values))
    }

    /// Acts once on a transition; learns from it as often as it is drawn: forward by the target and forward and backward
    /// by the network, where equal observations of a batch are computed once. What actors remember is noted by going forward
    /// once more.
    private static func operations(_ settings: QLambdaSettings, _ values: ActionValues) -> Double {
        let rows = settings.batchSequences * settings.sequenceLength
        let fresh = Double(settings.batchSequences) * (1 - settings.replayShare)
        let steps = 1 / (fresh * Double(settings.stride))
        let computed = min(rows, values.tableSize ?? rows)
        let operations = values.operations
        let acting = operations.forward * (values.memoryWidth > 0 ? 2 : 1)
        return acting + steps * Double(computed) * (operations.forward + operations.learning)
    }

    package static func makeActor(
        _ settings: QLambdaSettings, environment: EnvironmentDescription, keys: [StreamKey]
    ) throws -> any SourceActor {
        try settings.makeValues(environment: environment).makeActor(environment: environment, keys: keys)
    }

    package static func makeLearner(
        _ settings: QLambdaSettings, scene: Scene, seed: UInt64, task: Int, repetition: Int
    ) throws -> any SourceLearner {
        try QLambdaLearner(settings: settings, scene: scene, seed: seed, task: task, repetition: repetition)
    }
}

extension SourceAlgorithm {
    /// DQN(Q-lambda) with these settings.
    package static func qLambda(_ settings: QLambdaSettings) -> SourceAlgorithm {
        SourceAlgorithm(RegisteredSourceAlgorithm(QLambda.self), settings: settings)
    }
}

extension QLambdaSettings {
    /// The network for an environment. Throws `SourceAlgorithmError` for settings or spaces that it cannot take.
    func makeValues(environment: EnvironmentDescription) throws -> ActionValues {
        do {
            try validate()
        } catch {
            throw SourceAlgorithmError("settings of \(QLambda.name): \(error)")
        }
        return try ActionValues(self, environment: environment)
    }

    /// How sequences lie in the replay. Throws `SourceAlgorithmError` where it has no room for those that `actors` actors
    /// make at once and those that wait for a step.
    func makeReplayLayout(environment: EnvironmentDescription, actors: Int) throws -> ReplayLayout {
        let layout = ReplayLayout(
            sequenceLength: sequenceLength, stride: stride, rows: environment.rolloutLayout,
            memoryWidth: try makeValues(environment: environment).memoryWidth, mostTransitions: replayTransitions,
            mostBytes: replayMebibytes << 20)
        let needed = (actors + batchSequences) * (layout.blocksOfSequence + 1) + rolloutLength / stride + 1
        guard layout.capacity >= needed else {
            throw SourceAlgorithmError(
                "a replay of \(layout.capacity * stride) transitions (at most \(replayTransitions), in at most "
                    + "\(replayMebibytes) MiB) is too small for the sequences of \(actors) actors: expected room for "
                    + "\(needed * stride) transitions of \(layout.rowBytes) bytes"
                    + (layout.memoryWidth == 0
                        ? ""
                        : ", and for each \(stride) of an actor \(4 * layout.memoryWidth) bytes of what is remembered"))
        }
        return layout
    }
}
