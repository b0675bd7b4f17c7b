import Catalog
package import Environments
import Experience
package import Foundation
import Histories

/// Two episodes of one evaluated life as paths on its task's map: its first one, and its last that is whole.
package struct RecordedPath: Sendable {
    /// Where an agent stood before each step of an episode and after the last.
    package struct Walk: Sendable {
        /// From 1.
        let episode: Int
        let places: [SIMD2<Float>]
        let episodeReturn: Double

        package init(episode: Int, places: [SIMD2<Float>], episodeReturn: Double) {
            self.episode = episode
            self.places = places
            self.episodeReturn = episodeReturn
        }
    }

    package let task: Int
    let map: TaskMap
    let early: Walk
    let late: Walk

    package init(task: Int, map: TaskMap, early: Walk, late: Walk) {
        self.task = task
        self.map = map
        self.early = early
        self.late = late
    }

    /// Tasks whose paths are drawn at most.
    private static let most = 3

    /// The first held-out tasks' paths of the first variant. None where tasks are no places on the plane, or nothing was
    /// evaluated. Throws what reading their streams throws.
    package static func all(_ contents: RunContents, in folder: URL) throws -> [RecordedPath] {
        let evaluations = ReportedEvaluations(contents)
        guard let distribution = contents.distribution as? any PlacedTasks,
            let label = evaluations.label(Split.test.rawValue, .inContext), let variant = evaluations.variants.first,
            let member = evaluations.members(variant, label).first
        else { return [] }
        let shown = contents.tasks.filter { member.tasks.contains($0.id) }.prefix(most)
        return try shown.compactMap { record in
            let lifetime = LifetimeIdentifier(evaluation: member.name, task: record.id)
            let path = folder.appendingPathComponent(StreamIdentifier(lifetime: lifetime, actor: 0).path).path
            let stream = try StreamContents(path: path)
            let whole = stream.episodes.filter(\.isFinished)
            guard let first = whole.first, let last = whole.last, whole.count > 1 else { return nil }
            let task = Task(id: record.id, split: record.split, json: record.json)
            return RecordedPath(
                task: record.id, map: try distribution.map(of: task), early: walk(first, of: stream, distribution),
                late: walk(last, of: stream, distribution))
        }
    }

    /// Observations that do not say where an agent stands are passed over.
    private static func walk(_ episode: Episode, of stream: StreamContents, _ tasks: any PlacedTasks) -> Walk {
        let width = stream.metadata.environment.stored.space.byteCount
        func place(_ column: RolloutColumn, _ row: Int) -> SIMD2<Float>? {
            tasks.stand(of: Array(stream.rows[column][(row * width)..<((row + 1) * width)]))?.place
        }
        let places =
            episode.rows.map { place(.observations, $0) } + [episode.final.map { place(.finalObservations, $0) } ?? nil]
        return Walk(
            episode: Int(episode.number) + 1, places: places.compactMap { $0 }, episodeReturn: episode.rewardSum)
    }
}
