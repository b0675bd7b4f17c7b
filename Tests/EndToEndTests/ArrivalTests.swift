import Benchmarks
import Experiments
import Foundation
import Testing

extension EndToEnd {
    /// Every process is started by hand, as on other hosts, whichever comes first.
    @Suite("Workers that come early and late", .serialized) struct ArrivalTests {
        private static let experiment = """
            name: small
            environment: {size: 5, horizon: 10}
            tasks: {test: 2, train: 2}
            source: {learning_rate: 0.003, hidden: [16], rollout_length: 10}
            collect: {actors: 4, test_lifetimes: 0, end: {episodes_per_actor: 60}}
            cluster: {learners: 1, actor_processes: 1, evaluators: 1}
            distil:
              model: {context_length: 10, dimension: 16, layers: 1, heads: 2, feed_forward: 16}
              windows: {every_episodes: 5}
              training: {batch_size: 8, steps: 30, warmup_steps: 5, checkpoint_every: 10}
            evaluate: {episodes: 5, seeds: 2, train_tasks: 1}
            """

        /// Their words when they leave.
        private static let farewells = [
            "actor": "all histories are collected", "learner": "all histories are collected",
            "distiller": "everything is distilled", "evaluator": "everything is evaluated",
            "recorder": "everything is recorded",
        ]

        private static let orders = [
            ["evaluator", "distiller", "recorder", "learner", "actor", "coordinator"],
            ["actor", "learner", "coordinator", "evaluator", "recorder", "distiller"],
            ["distiller", "actor", "evaluator", "evaluator", "coordinator", "actor", "learner", "recorder"],
        ]

        @Test("wait for their work in whatever order they come, do it, and say why they leave", arguments: orders)
        func everyOrder(order: [String]) throws {
            let scratch = try Scratch()
            let host = try Host(Self.experiment, in: scratch)
            for role in order {
                try host.start(role)
                // What comes next finds the one before at its place, or waiting for what is not there yet.
                usleep(300_000)
            }
            for (role, command) in host.commands {
                #expect(command.wait() == 0, "\(role): \(command.standardError.suffix(2000))")
                guard let farewell = Self.farewells[role] else { continue }
                let said = command.standardError
                #expect(said.contains(farewell), "\(role): \(said.suffix(2000))")
            }
            try host.expectPlanDone()
        }

        @Test("leave at once with their reason where nothing of the run needs them, and the run goes on without them")
        func notNeeded() throws {
            let scratch = try Scratch()
            let host = try Host(Self.experiment, in: scratch)
            for role in ["coordinator", "recorder", "learner", "actor"] { try host.start(role) }
            // Histories are collected; there is no distiller yet.
            for role in ["learner", "actor"] {
                let command = try #require(host.commands.first { $0.role == role }?.command)
                #expect(command.wait() == 0, "\(role): \(command.standardError.suffix(2000))")
            }
            for role in ["learner", "actor"] {
                let late = try host.start(role)
                #expect(late.wait() == 0)
                let said = late.standardError
                #expect(said.contains("all histories are collected"), "\(role): \(said.suffix(2000))")
            }
            #expect(host.commands[0].command.isRunning, "\(host.commands[0].command.standardError.suffix(2000))")
            for role in ["evaluator", "distiller"] { try host.start(role) }
            for (role, command) in host.commands {
                #expect(command.wait() == 0, "\(role): \(command.standardError.suffix(2000))")
            }
            try host.expectPlanDone()
        }
    }
}

/// A run whose processes are all started by hand, at a port that is known before its coordinator is there.
private final class Host {
    private let scratch: Scratch
    private let endpoint: String
    private let folder: String
    private(set) var commands: [(role: String, command: RunningCommand)] = []

    init(_ experiment: String, in scratch: Scratch) throws {
        self.scratch = scratch
        folder = scratch("run")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        _ = try scratch.write("run/experiment.yaml", experiment)
        // Free again as soon as it was seen to be.
        endpoint = try #require(HeldPort()).endpoint
    }

    @discardableResult
    func start(_ role: String) throws -> RunningCommand {
        let arguments = role == "coordinator" ? [role, folder, "--bind", endpoint] : [role, "--coordinator", endpoint]
        let command = try RunningCommand(arguments, in: scratch)
        commands.append((role, command))
        return command
    }

    func expectPlanDone() throws {
        let experiment = try Experiment(path: folder + "/experiment.yaml")
        let plan = try PlanFindings(ofRun: folder, experiment)
        #expect(plan.problems == [])
        #expect(plan.numbers["jobs"] == 5)
    }
}
