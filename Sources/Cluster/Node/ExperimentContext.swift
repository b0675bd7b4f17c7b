package import Agents
package import Environments
package import Experiments
package import Wire

/// What every role derives from the experiment that the coordinator sent.
package struct ExperimentContext {
    package let experiment: Experiment
    package let distribution: any TaskDistribution
    /// The run's folder on the coordinator's host.
    package let folder: String
    private let tasks: [Int: Task]

    package init(_ welcome: Welcome) throws {
        try self.init(
            experiment: Experiment(yaml: welcome.experiment, file: "the coordinator's experiment"),
            folder: welcome.folder)
    }

    package init(experiment: Experiment, folder: String) throws {
        self.experiment = experiment
        self.folder = folder
        distribution = try experiment.makeTasks()
        tasks = Dictionary(uniqueKeysWithValues: distribution.tasks.map { ($0.id, $0) })
    }

    /// Throws `ClusterError` when the coordinator that takes a node in again has another run by now.
    package func check(isStill welcome: Welcome) throws {
        guard welcome.experiment == experiment.yaml, welcome.folder == folder else {
            throw ClusterError("the coordinator now serves another run, in \(welcome.folder): this node ends")
        }
    }

    package func task(_ id: Int) throws -> Task {
        guard let task = tasks[id] else {
            throw ClusterError("task \(id) is not one of the \(tasks.count) tasks of \(distribution.environment.name)")
        }
        return task
    }

    /// The source algorithm that every lifetime runs.
    package var algorithm: SourceAlgorithm { experiment.sourceAlgorithm }
}
