import Catalog
import Cluster
import Environments
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
            ledger: Ledger(path: folder + "/catalog.sqlite", mode: mode), distribution: context.distribution,
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
        let task = try #require(context.experiment.testTasks(of: context.distribution).first).id
        let job = EvaluationJob(
            job: 1, evaluation: "step-3-test", checkpoint: "step-3", task: task, seeds: 2, episodes: 1,
            clearContext: false, temperature: 1, recorderEndpoint: "", incarnation: 0)
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
    }

    @Test("a lease, an end, a result and what was scaled survive a loss of power; who joined need not")
    func powerLoss() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let ledger = try Ledger(path: folder + "/catalog.sqlite", mode: .create)
        let journal = try LedgerJournal(
            ledger: ledger, distribution: context.distribution, folder: URL(fileURLWithPath: folder))
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
}
