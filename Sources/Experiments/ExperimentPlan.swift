import Agents
import Distillation
package import Environments
import Experience
import Models
import Neural

/// What an experiment is about to do: how much, how large, about how long. Counts are upper bounds, since a lifetime
/// may end early; times are estimates. `distillery run` prints it before it starts anything, and refuses a run for
/// which there is too little disk.
///
/// With 36 lifetimes on train tasks and 10 on held-out ones, 10 actors, at most 1,000 episodes of 10 steps,
/// `maximumTransitions` is 46 * 10 * 1,000 * 10 = 4,600,000.
package struct ExperimentPlan: Sendable, Equatable {
    /// What a machine can do, for the estimate of the time: billions of floating-point operations a second of one core,
    /// and what a transition costs besides.
    package struct Rates: Sendable, Equatable {
        /// Single-precision arithmetic of one core in small networks: acting and learning of the source.
        package var sourceGigaflops: Double
        /// The same in the transformer's training and in its evaluation.
        package var distillerGigaflops: Double
        package var evaluationGigaflops: Double
        /// What a transition costs one core besides arithmetic: stepping, sending, recording.
        package var microsecondsPerTransition: Double

        package init(
            sourceGigaflops: Double, distillerGigaflops: Double, evaluationGigaflops: Double,
            microsecondsPerTransition: Double
        ) {
            self.sourceGigaflops = sourceGigaflops
            self.distillerGigaflops = distillerGigaflops
            self.evaluationGigaflops = evaluationGigaflops
            self.microsecondsPerTransition = microsecondsPerTransition
        }

        /// Of one core of a server with AVX-512.
        package static let typical = Rates(
            sourceGigaflops: 25, distillerGigaflops: 50, evaluationGigaflops: 50, microsecondsPerTransition: 6)
    }

    package let name: String
    package let trainTasks: Int
    package let testTasks: Int
    /// On train and on held-out tasks.
    package let trainLifetimes: Int
    package let testLifetimes: Int
    package let actors: Int
    package let recordedActors: Int
    /// Most episodes of an actor; a lifetime may end before.
    package let episodesPerActor: Int
    /// Whether a lifetime ends once its algorithm has converged.
    package let mayEndEarly: Bool
    /// Steps that all actors take together, recorded or not.
    package let maximumTransitions: Int
    /// Rows of all stream files of the collection.
    package let maximumRecordedTransitions: Int
    /// With the control's and the baselines', where there are any.
    package let evaluationEpisodes: Int
    /// Streams before compression, checkpoints and learners' states together.
    package let maximumDiskBytes: Int
    /// Checkpoints of the distiller that lie on the disk at most.
    package let keptCheckpoints: Int
    /// States of learners that lie there at most: one of each lifetime that is lived at once.
    package let keptLearnerStates: Int
    /// Seconds; at most, where lifetimes may end early.
    package let collectSeconds: Double
    package let distilSeconds: Double
    package let evaluateSeconds: Double

    /// `cores`: processors that all processes share.
    package init(_ experiment: Experiment, cores: Int, rates: Rates = .typical) throws {
        let distribution = try experiment.makeTasks()
        let environment = distribution.environment
        let horizon = environment.horizon ?? Self.assumedEpisodeSteps
        let collect = experiment.collect
        let evaluate = experiment.evaluate
        name = experiment.name
        trainTasks = experiment.trainTasks(of: distribution).count
        testTasks = experiment.testTasks(of: distribution).count
        trainLifetimes = trainTasks * collect.lifetimes
        testLifetimes = testTasks * collect.testLifetimes
        actors = collect.actors
        recordedActors = min(experiment.recordedActors, experiment.collect.actors)
        episodesPerActor = collect.end.episodesPerActor
        mayEndEarly = collect.end.converged != nil
        let lifetimes = trainLifetimes + testLifetimes
        maximumTransitions = lifetimes * actors * episodesPerActor * horizon
        maximumRecordedTransitions = lifetimes * recordedActors * episodesPerActor * horizon
        let inContext = testTasks * (evaluate.control ? 2 : 1) + evaluate.trainTasks
        let tasks = inContext + evaluate.baselines.count * (testTasks + evaluate.trainTasks)
        evaluationEpisodes = tasks * evaluate.seeds * evaluate.episodes

        let needs = try experiment.source.needs(environment: environment, actors: collect.actors)
        let rows = StreamSize(environment: environment, rolloutLength: needs.rolloutLength)
        let model = try ModelSize(experiment.distil.model, environment)
        let made = 1 + experiment.distil.training.steps / experiment.distil.training.checkpointEvery
        // The next one lies beside those that are kept until it is whole.
        keptCheckpoints = min(made, experiment.distil.training.keepCheckpoints.map { $0 + 1 } ?? made)
        keptLearnerStates = min(
            lifetimes, experiment.cluster.learners * experiment.cluster.lifetimesPerLearner)
        // The next one lies beside each until it is whole.
        let learnerStates = 2 * keptLearnerStates * (try Self.largestLearnerState(experiment, environment))
        maximumDiskBytes =
            learnerStates + rows.bytes(streams: lifetimes * recordedActors, rows: maximumRecordedTransitions)
            + rows.bytes(streams: tasks * evaluate.seeds, rows: evaluationEpisodes * horizon)
            + min(keptCheckpoints, ExperimentPlan.countedCheckpoints) * 3 * 4 * model.parameters

        let cores = Double(max(1, cores))
        let arithmetic = needs.operationsPerTransition / (rates.sourceGigaflops * 1e9)
        let secondsPerTransition = arithmetic + rates.microsecondsPerTransition * 1e-6
        collectSeconds = Double(maximumTransitions) * secondsPerTransition / cores
        let training = experiment.distil.training
        let tokens = Double(training.steps * training.batchSize * experiment.distil.model.dimensions.tokens)
        let threads = min(cores, Double(training.threads))
        let trained = 3 * tokens * model.forwardFlopsPerToken / (threads * rates.distillerGigaflops * 1e9)
        distilSeconds = min(trained, training.maximumSeconds ?? .infinity)
        // A context that has slid by one position is worked through anew; the control's is short.
        let controlled = evaluate.control ? testTasks * evaluate.seeds * evaluate.episodes : 0
        let context = Double(experiment.distil.model.dimensions.tokens)
        let passes =
            Double(horizon)
            * (Double(inContext * evaluate.seeds * evaluate.episodes - controlled) * context
                + Double(controlled) * min(context, Double(horizon + 1) / 2))
        let workers = min(cores, Double(experiment.cluster.evaluators))
        evaluateSeconds = passes * model.forwardFlopsPerToken / (workers * rates.evaluationGigaflops * 1e9)
    }

    /// Of all phases, one after the other.
    package var seconds: Double { collectSeconds + distilSeconds + evaluateSeconds }

    /// Bytes of the state that a lifetime's learner leaves behind, at most.
    package static func largestLearnerState(
        _ experiment: Experiment, _ environment: EnvironmentDescription
    ) throws -> Int {
        let actors = experiment.collect.actors
        let needs = try experiment.source.needs(environment: environment, actors: actors)
        let columns = environment.rolloutLayout
        let row = RolloutColumn.allCases.reduce(0) { $0 + columns.width(of: $1) }
        // In lockstep the rollouts that wait are in it, as text.
        let isLockstep = experiment.collect.synchronization == .lockstep
        let waiting = isLockstep ? actors * needs.waitingRollouts * (needs.rolloutLength * row + 128) * 4 / 3 : 0
        return needs.largestSavedBytes + waiting + (1 + actors) * bytesOfActorInState
    }

    /// What a state says of each actor beside the algorithm's own: returns of its last episodes, where it stands.
    private static let bytesOfActorInState = 1024
    /// Checkpoints whose size is counted at most: a run that makes more writes them over hours.
    private static let countedCheckpoints = 100
    /// Steps that an episode is taken to have where the environment sets no limit.
    fileprivate static let assumedEpisodeSteps = 100
}

/// Bytes of stream files before they are compressed.
private struct StreamSize {
    let row: Double
    /// Attributes, empty chunks and indices of a file.
    static let fileBytes = 24 << 10

    init(environment: EnvironmentDescription, rolloutLength: Int) {
        let observation = Double(environment.stored.space.byteCount)
        let horizon = environment.horizon ?? ExperimentPlan.assumedEpisodeSteps
        let flagsAndReward = 6.0
        let rolloutRecord = 8.0 * 8
        row =
            observation + Double(environment.actionSpace.byteCount) + flagsAndReward
            + observation / Double(horizon) + rolloutRecord / Double(rolloutLength)
    }

    func bytes(streams: Int, rows: Int) -> Int { streams * Self.fileBytes + Int(Double(rows) * row) }
}

/// Parameters and arithmetic of a sequence model.
private struct ModelSize {
    let parameters: Int
    /// Floating-point operations of one token's forward pass.
    let forwardFlopsPerToken: Double

    init(_ model: ModelChoice, _ environment: EnvironmentDescription) throws {
        let spaces = try ModelSpaces(environment)
        parameters = try model.parameterLayout(spaces).parameterCount
        forwardFlopsPerToken = try model.forwardOperations(spaces) / Double(model.dimensions.tokens)
    }
}
