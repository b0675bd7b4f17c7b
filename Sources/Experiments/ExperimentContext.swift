package import Agents
package import Environments

/// What every role derives from the experiment that the coordinator sent: a node makes it once, when it is taken in,
/// and asks it for tasks. The learner's and the actors' needs follow from it, so that both sides agree on sizes without
/// saying them.
package struct ExperimentContext {
    package let experiment: Experiment
    package let distribution: any TaskDistribution
    /// What every lifetime's source algorithm needs of its actors and its learner.
    package let needs: LifetimeNeeds
    /// The lifetimes that leave what they have learnt to be evaluated.
    package let learntPolicies: [PlannedPolicy]
    /// Most seeds of any evaluation: streams of an evaluation are numbered below this.
    package let evaluationSeeds: Int
    /// The run's folder on the coordinator's host. With the experiment it tells one run from another; the roles that
    /// write there take it from the `Welcome` themselves.
    package let folder: String

    /// Reads what the coordinator says in its `Welcome` to a node that it takes in. Throws `SettingsError` for an
    /// experiment that this program refuses, such as one of a coordinator of another version.
    package init(yaml: String, folder: String) throws {
        try self.init(experiment: Experiment(yaml: yaml, file: "the coordinator's experiment"), folder: folder)
    }

    package init(experiment: Experiment, folder: String) throws {
        self.experiment = experiment
        self.folder = folder
        evaluationSeeds = experiment.evaluationSeeds
        distribution = try experiment.makeTasks()
        learntPolicies = experiment.learntPolicies(of: distribution)
        needs = try experiment.source.needs(
            environment: distribution.environment, actors: experiment.collect.actors)
    }

    /// Throws `ContextError` when the coordinator that takes a node in again has another run by now.
    package func check(isStill yaml: String, in folder: String) throws(ContextError) {
        guard yaml == experiment.yaml, folder == self.folder else {
            throw ContextError("the coordinator now serves another run, in \(folder): this node ends")
        }
    }

    /// The task of an id, made when it is asked for. Throws `ContextError` for an id that the distribution does not
    /// have: it came from another node.
    package func task(_ id: Int) throws(ContextError) -> Task {
        do {
            return try distribution.task(id)
        } catch {
            throw ContextError("\(error)")
        }
    }

    /// The source algorithm that every lifetime runs.
    package var algorithm: SourceAlgorithm { experiment.source }
}

/// What does not fit the experiment that a node works for, in words for people: another run's welcome, or a task that
/// there is not.
package struct ContextError: Error, CustomStringConvertible, Sendable {
    package let description: String
    init(_ description: String) { self.description = description }
}
