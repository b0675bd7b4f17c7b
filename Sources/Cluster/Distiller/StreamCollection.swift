import Distillation
import Environments
import Foundation
import Histories

/// The streams that a distiller learns from, in memory: about 8 bytes a transition of a room.
struct StreamCollection {
    let arrays: StreamArrays
    /// The tasks that they come from, by id.
    let tasks: [Int]

    /// Reads the sealed streams of the train split below `folder`. Streams of another environment are an error, those
    /// that joined a lifetime late and those of the test split are left out.
    static func load(
        _ folder: URL, environment: EnvironmentDescription, maximumStreamsPerLifetime: Int?
    ) throws -> StreamCollection {
        var arrays = StreamArrays(
            observationSpace: environment.observationSpace, actionSpace: environment.actionSpace)
        var tasks: Set<Int> = []
        for path in try StreamFolder(path: folder.path).files {
            let reader = try StreamReader(path: path)
            let metadata = reader.metadata
            guard metadata.isComplete, metadata.task.split == .train, metadata.firstPolicyVersion == 0,
                metadata.sourceAlgorithm != "distilled", metadata.actor < maximumStreamsPerLifetime ?? .max
            else { continue }
            guard metadata.environment == environment else {
                throw ClusterError(
                    "\(path) is of \(metadata.environment.name) \(metadata.environment.json); the experiment is on "
                        + "\(environment.name) \(environment.json)")
            }
            let contents = try StreamContents(reader)
            let episodes = contents.episodes.filter(\.isFinished).map(\.rows)
            try arrays.append(
                observations: contents.rows.observations, actions: contents.rows.actions,
                rewards: contents.rows.rewards, episodes: episodes)
            tasks.insert(metadata.task.id)
        }
        return StreamCollection(arrays: arrays, tasks: tasks.sorted())
    }
}
