import Catalog
import Coordination
import Environments
import Experience
import Experiments
import Foundation
import Simulation
import Testing
import Wire

@Suite("The coordinator's journal") struct JournalTests {
    private let folder: String
    private let context: ExperimentContext
    private let lifetime = LifetimeIdentifier(task: 1, repetition: 0)

    init() throws {
        folder = try makeTemporaryFolder()
        context = try ExperimentContext(
            experiment: Experiment(yaml: smallExperiment(lockstep: false), file: "the test"), folder: folder)
    }

    private func makeJournal(_ mode: Ledger.Mode) throws -> LedgerJournal {
        try LedgerJournal(
            ledger: Ledger(path: folder + "/catalog.sqlite", mode: mode), context: context,
            folder: URL(fileURLWithPath: folder))
    }

    @Test("what happens in a turn is in the catalogue when it is committed, and none of it before")
    func turns() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let journal = try makeJournal(.create)
        let reader = try Ledger(path: folder + "/catalog.sqlite", mode: .read)
        try journal.nodeJoined(
            Hello(role: .learner, name: "learner", host: "h", process: 1, endpoint: "sim:learner", capacity: 1))
        try journal.lifetimeStarted(lifetime, attempt: 3, learner: "learner", actors: 2)
        try journal.streamSealed(StreamIdentifier(lifetime: lifetime, actor: 0), rows: 12, rollouts: 4)
        try journal.lifetimeEnded(lifetime, numbers: ["episodes": 6, "mean_policy_entropy": 0.5])
        try journal.nodeLeft("learner", reason: "its work is done")
        let task = try #require(context.experiment.testTasks(of: context.distribution).first)
        let job = EvaluationJob(
            job: 1, evaluation: "step-3-test", checkpoint: "step-3", task: task, seeds: 2, episodes: 1,
            policy: .inContext(temperature: 1, clearContext: false), recorderEndpoint: "", incarnation: 0)
        try journal.evaluated(job, split: .test, returns: [1, 2])
        #expect(try reader.lifetimes().isEmpty && reader.streams().isEmpty && reader.nodes().isEmpty)
        #expect(try reader.evaluations().isEmpty)
        // As after a death before the turn's end.
        #expect(try makeJournal(.resume).progress().attempts.isEmpty)

        try journal.commit()
        let record = try #require(try reader.lifetimes().first)
        #expect(record.status == .finished && record.attempt == 3 && record.episodes == 6 && record.actors == 2)
        #expect(try reader.streams().map(\.rows) == [12])
        #expect(try reader.nodes().map(\.reason) == ["its work is done"])
        #expect(try reader.metrics(named: "learner/mean_policy_entropy").map(\.value) == [0.5])
        #expect(try reader.evaluationReturns().map(\.returns) == [[[1], [2]]])
        let summary = try String(contentsOfFile: folder + "/evaluations/step-3-test/summary.csv", encoding: .utf8)
        #expect(summary.split(separator: "\n").count == 3)

        try journal.commit()
        #expect(try reader.metrics(named: "learner/mean_policy_entropy").count == 1)
        let progress = try makeJournal(.resume).progress()
        #expect(progress.attempts == [lifetime: 3] && progress.lifetimes == [lifetime])
        #expect(progress.jobs == [FinishedJob(evaluation: "step-3-test", task: task)])
        #expect(progress.sourceEntropies == [0.5])
    }

    @Test("a lease, an end, a result and what was scaled survive a loss of power; who joined need not")
    func powerLoss() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let ledger = try Ledger(path: folder + "/catalog.sqlite", mode: .create)
        let journal = try LedgerJournal(
            ledger: ledger, context: context, folder: URL(fileURLWithPath: folder))
        func level(_ entry: () throws -> Void) throws -> Int? {
            try entry()
            try journal.commit()
            return try ledger.synchronousLevel()
        }
        let hello = Hello(role: .learner, name: "learner", host: "h", process: 1, endpoint: "sim:l", capacity: 1)
        #expect(try level { try journal.started() } == 2)
        #expect(try level { try journal.nodeJoined(hello) } == 1)
        #expect(try level { try journal.lifetimeStarted(lifetime, attempt: 3, learner: "learner", actors: 2) } == 2)
        #expect(try level { try journal.metrics("learner", Metrics(step: 1, numbers: ["loss": 1])) } == 1)
        // One that must is enough for its turn.
        #expect(
            try level {
                try journal.lifetimeEnded(lifetime, numbers: [:])
                try journal.nodeLeft("learner", reason: "its work is done")
            } == 2)
        #expect(try level { try journal.scaled(Scale(actors: 2, actorsOfLifetime: 2)) } == 2)
        #expect(try level { try journal.distillationFinished("step-3") } == 2)
    }

    @Test("plots get the return of each lifetime that ends, once, and an evaluation's curve over all of its tasks")
    func plots() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let journal = try makeJournal(.create)
        var plotted: [String: [[Double]]] = [:]
        journal.onMetrics = { name, step, value in plotted[name, default: []].append([Double(step), value]) }
        for (task, value) in [(1, 0.5), (2, 0.75), (2, 0.75)] {
            try journal.lifetimeEnded(
                LifetimeIdentifier(task: task, repetition: 0), numbers: ["final_return": value, "mean_policy_lag": 2])
        }
        #expect(plotted["lifetimes/final_return"] == [[1, 0.5], [2, 0.75]])
        #expect(plotted["lifetimes/mean_policy_lag"] == [[1, 2], [2, 2]])
        func evaluate(_ task: Int, _ returns: [Float], by journal: LedgerJournal) throws {
            let job = EvaluationJob(
                job: 1, evaluation: "e", checkpoint: "c", task: task, seeds: 2, episodes: 2,
                policy: .inContext(temperature: 1, clearContext: false), recorderEndpoint: "", incarnation: 0)
            try journal.evaluated(job, split: .test, returns: returns)
        }
        try evaluate(1, [0, 1, 0, 1], by: journal)
        try journal.commit()
        // A later start of the run has the rest, not yet committed.
        let later = try makeJournal(.resume)
        later.onMetrics = journal.onMetrics
        try evaluate(2, [1, 2, 3, 4], by: later)
        try later.evaluationEnded("e")
        #expect(plotted["evaluation/e/mean_return"] == [[0, 1], [1, 2]])
        // Where a life is one episode, what is plotted is read from the streams; one that cannot be read is left out.
        struct Unreadable: Error {}
        later.readCurves = { told in
            guard told.evaluation.task == 2 else { throw Unreadable() }
            var read = told
            read.returns = [[0, 1, 1], [1, 1, 0]]
            return read
        }
        try later.evaluationEnded("e")
        #expect(plotted["evaluation/e/mean_reward"] == [[0, 0.5], [1, 1], [2, 0.5]])
    }

    @Test("while histories are collected their returns, their policy lag and the throughput are plotted")
    func plotsOfCollecting() throws {
        let cluster = try SimulatedCluster(
            yaml: smallExperiment(lockstep: false, actors: 7, processes: 2, trainTasks: 2, episodes: 1_000_000), seed: 1
        )
        try cluster.run(milliseconds: 60_000) { ($0.journal.plots["collect/mean_return"]?.count ?? 0) >= 2 }
        let plots = cluster.journal.plots
        for name in ["environment_steps_per_second", "mean_policy_lag", "maximum_policy_lag", "mean_return"] {
            let curve = try #require(plots["collect/\(name)"], "\(name)")
            #expect(curve.allSatisfy { $0.value >= 0 && $0.step > 0 })
            #expect(zip(curve, curve.dropFirst()).allSatisfy { $0.step <= $1.step })
        }
        #expect(plots["collect/environment_steps_per_second"]?.contains { $0.value > 0 } == true)
    }

    @Test("curves of collecting go on where they were when another coordinator takes the run up")
    func plotsGoOn() throws {
        let yaml = smallExperiment(
            lockstep: false, actors: 7, processes: 2, trainTasks: 2, episodes: 1_000_000)
        let cluster = try SimulatedCluster(yaml: yaml, seed: 2, catalogue: true)
        func speeds() -> [(step: UInt64, value: Double)] {
            cluster.journal.plots["collect/environment_steps_per_second"] ?? []
        }
        try cluster.run(milliseconds: 120_000) { _ in speeds().count >= 3 }
        let before = try #require(speeds().last).step
        let count = speeds().count
        // Its actors begin to count anew as well.
        cluster.kill(SimulatedCluster.coordinatorName)
        for name in cluster.names(.actor) { cluster.kill(name) }
        try cluster.run(milliseconds: 120_000) { _ in speeds().count >= count + 2 }
        #expect(before > 1000 && speeds().dropFirst(count).allSatisfy { $0.step > before })
        for (name, curve) in cluster.journal.plots {
            #expect(zip(curve, curve.dropFirst()).allSatisfy { $0.step <= $1.step }, "\(name)")
        }
        // The catalogue says so to a process of its own.
        let ledger = try Ledger(path: cluster.folder + "/catalog.sqlite", mode: .read)
        let journal = try LedgerJournal(
            ledger: ledger, context: cluster.context, folder: URL(fileURLWithPath: cluster.folder))
        #expect(try journal.progress().plottedSteps == speeds().last?.step)
    }
}
