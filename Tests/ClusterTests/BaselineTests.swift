import Coordination
import Experience
import Experiments
import Foundation
import Histories
import Simulation
import Testing
import Wire

@Suite("Baselines that are evaluated beside the distilled model")
struct BaselineTests {
    private let baselines = ["random", "optimum", "source"]

    private func experiment(_ baselines: [String]) -> String {
        smallExperiment(lockstep: true).replacingOccurrences(
            of: "evaluate: {train_tasks: 1, seeds: 2, episodes: 3}",
            with:
                "evaluate: {train_tasks: 1, seeds: 2, episodes: 12, baselines: [\(baselines.joined(separator: ", "))]}")
    }

    private func run(_ yaml: String, killing: Bool = false) throws -> SimulatedCluster {
        let cluster = try SimulatedCluster(
            yaml: yaml, seed: 1, goal: Coordinator.Goal(collects: true, distils: true, evaluates: true))
        if killing {
            for kills in 1...3 {
                try cluster.run(milliseconds: patienceMilliseconds) { cluster in
                    cluster.acknowledged.count { $0.key.lifetime.collection != .histories } >= 2 * kills
                }
                cluster.names(.evaluator).forEach { cluster.kill($0) }
            }
        }
        try cluster.run(milliseconds: patienceMilliseconds)
        try cluster.checkEnd(1)
        return cluster
    }

    @Test("have streams that say who acted, whose rewards are the returns; the model's own streams stay as they were")
    func streams() throws {
        let plain = try run(experiment([])).dataset()
        let cluster = try run(experiment(baselines))
        let dataset = try cluster.dataset()
        let own = dataset.filter { stream in !baselines.contains { stream.key.contains("/evaluations/\($0)-") } }
        #expect(own == plain)
        // Two tasks with two seeds each.
        #expect(dataset.count == plain.count + 3 * 4)
        for (job, returns) in cluster.journal.returns {
            for (seed, found) in stride(from: 0, to: returns.count, by: 12).map({ returns[$0..<($0 + 12)] })
                .enumerated()
            {
                let stream = StreamIdentifier(
                    lifetime: LifetimeIdentifier(
                        collection: .evaluation(job.evaluation), task: job.task, repetition: 0), actor: seed)
                let contents = try StreamContents(path: "\(cluster.folder)/\(stream.path)")
                #expect(contents.episodes.compactMap(\.episodeReturn).map { Float($0) } == Array(found))
                let acted = try #require(contents.metadata.evaluation)
                #expect(acted.evaluation == job.evaluation && acted.policy.name == contents.metadata.sourceAlgorithm)
                let name = job.evaluation.split(separator: "-").first.map(String.init) ?? ""
                #expect(contents.metadata.sourceAlgorithm == (name == "step" ? "distilled" : name))
                #expect((acted.checkpoint == nil) == baselines.contains(name))
            }
        }
    }

    @Test("come out the same when evaluators are killed while they play")
    func killed() throws {
        #expect(try run(experiment(baselines), killing: true).dataset() == run(experiment(baselines)).dataset())
    }

    @Test("that there are not are refused before anything starts, and so is one that stands there twice")
    func refused() {
        for (names, words) in [
            (["magic"], "there is no baseline magic"), (["random", "random"], "twice"),
            (["distilled"], "expected some of"),
        ] {
            let error = #expect(throws: (any Error).self) { try Experiment(yaml: experiment(names), file: "x.yaml") }
            #expect("\(error.map { "\($0)" } ?? "")".contains(words), "\(names)")
        }
    }
}
