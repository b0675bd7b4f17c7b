import Agents
import Distillation
package import Environments
import Experience
import Models
import Neural
import Settings

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
        /// Single-precision arithmetic of one core in the transformer's training and, in `evaluationGigaflops`, in its
        /// evaluation.
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

        /// The rates of one core of a server with AVX-512.
        package static let typical = Rates(
            sourceGigaflops: 25, distillerGigaflops: 50, evaluationGigaflops: 50, microsecondsPerTransition: 6)
    }

    package let name: String
    package let trainTasks: Int
    package let testTasks: Int
    /// Lifetimes on train tasks and, in `testLifetimes`, on held-out ones.
    package let trainLifetimes: Int
    package let testLifetimes: Int
    /// Actors of a lifetime as it begins; more may join an elastic one, and are not counted here.
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
    /// Episodes of all tasks and seeds: held-out tasks, the same again for the control and for each baseline where there
    /// are any, and those train tasks that are evaluated.
    package let evaluationEpisodes: Int
    /// Streams before compression, checkpoints and learners' states together.
    package let maximumDiskBytes: Int
    /// Of them those of the collection: streams before compression, and learners' states.
    package let collectedDiskBytes: Int
    /// Checkpoints of the distiller that lie on the disk at most. With `distil.training.keep_checkpoints` set, at
    /// most one more than that, since the next one lies beside those that are kept until it is whole.
    package let keptCheckpoints: Int
    /// States of learners that lie there at most: one of each lifetime that is lived at once.
    package let keptLearnerStates: Int
    /// Bytes of one of them at most, its replay included, which takes as much of its learner's memory.
    package let largestLearnerStateBytes: Int
    /// The name of the environment where it steps in a process of its own; how fast it steps is not known.
    package let environmentProcess: String?
    /// Seconds, without those of an environment in a process of its own; at most, where lifetimes may end early.
    package let collectSeconds: Double
    package let distilSeconds: Double
    package let evaluateSeconds: Double

    /// Counts and estimates from the experiment alone: nothing is read from the disk or measured. `cores`: processors
    /// that all processes share. Throws what the environment, the source algorithm or the model throws when it is asked
    /// for its sizes; an experiment that was read has been checked for the first two.
    package init(_ experiment: Experiment, cores: Int, rates: Rates = .typical) throws {
        let distribution = try experiment.makeTasks()
        let environment = distribution.environment
        let horizon = environment.horizon ?? Self.assumedEpisodeSteps
        environmentProcess = distribution.processName
        let collect = experiment.collect
        name = experiment.name
        trainTasks = experiment.trainTasks(of: distribution).count
        testTasks = experiment.testTasks(of: distribution).count
        trainLifetimes = trainTasks * collect.lifetimes
        testLifetimes = testTasks * collect.testLifetimes
        actors = collect.actors
        recordedActors = experiment.recordedStreams
        episodesPerActor = collect.end.episodesPerActor
        mayEndEarly = collect.end.converged != nil
        let lifetimes = trainLifetimes + testLifetimes
        maximumTransitions = lifetimes * actors * episodesPerActor * horizon
        maximumRecordedTransitions = lifetimes * recordedActors * episodesPerActor * horizon
        let distillations = try experiment.distillations()
        let evaluations = try Self.evaluations(of: distillations, experiment, distribution)
        evaluationEpisodes = evaluations.reduce(0) { $0 + $1.planned.allEpisodes }

        let needs = try experiment.source.needs(environment: environment, actors: collect.actors)
        let rows = StreamSize(environment: environment, rolloutLength: needs.rolloutLength)
        let checkpoints = try Self.checkpoints(of: distillations, environment)
        keptCheckpoints = checkpoints.count
        keptLearnerStates = min(
            lifetimes, experiment.cluster.learners * experiment.cluster.lifetimesPerLearner)
        // The next one lies beside each until it is whole.
        largestLearnerStateBytes = try Self.largestLearnerState(experiment, environment)
        let learnerStates = 2 * keptLearnerStates * largestLearnerStateBytes
        collectedDiskBytes =
            learnerStates + rows.bytes(streams: lifetimes * recordedActors, rows: maximumRecordedTransitions)
        maximumDiskBytes =
            collectedDiskBytes
            + rows.bytes(
                streams: evaluations.reduce(0) { $0 + $1.planned.tasks.count * $1.planned.seeds },
                rows: evaluationEpisodes * horizon) + checkpoints.bytes

        let cores = Double(max(1, cores))
        let arithmetic = needs.operationsPerTransition / (rates.sourceGigaflops * 1e9)
        let secondsPerTransition = arithmetic + rates.microsecondsPerTransition * 1e-6
        collectSeconds = Double(maximumTransitions) * secondsPerTransition / cores
        distilSeconds = try Self.distilSeconds(distillations, experiment, environment, cores: cores, rates)
        // A context that has slid is worked through anew; one that is cleared is short.
        let operations = try evaluations.reduce(0.0) { sum, evaluation in
            guard let model = evaluation.model else { return sum }
            let context = Double(model.dimensions.tokens)
            let slide = min(evaluation.planned.slide, context / 2)
            let anew = slide > 1 ? context / slide : context
            let length = evaluation.planned.isCleared ? min(context, Double(horizon + 1) / 2) : anew
            return sum + Double(evaluation.planned.allEpisodes * horizon) * length
                * (try ModelSize(model, environment).forwardFlopsPerToken)
        }
        let workers = min(cores, Double(experiment.cluster.evaluators))
        evaluateSeconds = operations / (workers * rates.evaluationGigaflops * 1e9)
    }

    /// All that is evaluated, with the sequence model that acts; nil where another policy does.
    private static func evaluations(
        of distillations: [PlannedDistillation], _ experiment: Experiment, _ distribution: any TaskDistribution
    ) throws -> [(planned: PlannedEvaluation, model: ModelChoice?)] {
        let distilled = try distillations.flatMap { distillation in
            try experiment.evaluations(
                of: distillation.lastCheckpoint, variant: distillation.variant, tasks: distribution
            ).map { (planned: $0, model: distillation.settings.model as ModelChoice?) }
        }
        let others =
            try experiment.policyEvaluations(tasks: distribution)
            + experiment.baselineEvaluations(tasks: distribution)
        return distilled + others.map { (planned: $0, model: nil) }
    }

    /// Checkpoints that lie on the disk at most, and their bytes.
    private static func checkpoints(
        of distillations: [PlannedDistillation], _ environment: EnvironmentDescription
    ) throws -> (count: Int, bytes: Int) {
        try distillations.map(\.settings).reduce((count: 0, bytes: 0)) { sum, settings in
            let made = 1 + settings.training.steps / settings.training.checkpointEvery
            // The next one lies beside those that are kept until it is whole.
            let lying = min(made, settings.training.keepCheckpoints.map { $0 + 1 } ?? made)
            let parameters = try ModelSize(settings.model, environment).parameters
            return (sum.count + lying, sum.bytes + min(lying, countedCheckpoints) * 3 * 4 * parameters)
        }
    }

    /// As many trainings at once as there are distillers, and cores for their threads.
    private static func distilSeconds(
        _ distillations: [PlannedDistillation], _ experiment: Experiment, _ environment: EnvironmentDescription,
        cores: Double, _ rates: Rates
    ) throws -> Double {
        let seconds = try distillations.map { distillation -> Double in
            let (training, model) = (distillation.settings.training, distillation.settings.model)
            let tokens = Double(training.steps * training.batchSize * model.dimensions.tokens)
            let threads = min(cores, Double(training.threads))
            let operations = 3 * tokens * (try ModelSize(model, environment).forwardFlopsPerToken)
            return min(operations / (threads * rates.distillerGigaflops * 1e9), training.maximumSeconds ?? .infinity)
        }
        let threads = Double(experiment.distil.training.threads)
        let atOnce = max(1, min(Double(experiment.cluster.distillers), (cores / threads).rounded(.down)))
        return max(seconds.max() ?? 0, seconds.reduce(0, +) / atOnce)
    }

    /// Seconds of all phases, one after the other: they follow one another in a run.
    package var seconds: Double { collectSeconds + distilSeconds + evaluateSeconds }

    /// Bytes of the state that a lifetime's learner leaves behind, at most. That is the algorithm's own, and a kilobyte
    /// for the lifetime and for each actor. In lockstep the rollouts that wait for an update are in it, too, four
    /// thirds of their size because they are written as text (Base64).
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

extension PlannedEvaluation {
    /// Of all tasks and seeds.
    fileprivate var allEpisodes: Int { tasks.count * seeds * episodes }

    private var acting: DistilledPolicy.Settings? { policy.settings as? DistilledPolicy.Settings }

    /// Every episode begins with an empty context.
    fileprivate var isCleared: Bool { acting?.context == .cleared }
    fileprivate var slide: Double { Double(acting?.slide ?? 1) }
}

/// Bytes of stream files before they are compressed. A row is an observation, an action, a reward and two flags, plus
/// its share of what an episode (a last observation) and a rollout (a record of eight numbers) add. Real files are
/// smaller, as chunks are compressed.
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

/// Parameters and arithmetic of a sequence model. Both come from the kind of model itself, asked through its registry,
/// so that a new kind is estimated without a change here.
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
