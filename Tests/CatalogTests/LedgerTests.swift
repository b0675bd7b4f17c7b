import Catalog
import Environments
import Experience
import Foundation
import Testing

/// A folder of its own for one test, removed with it.
struct Scratch: ~Copyable {
    let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory.appendingPathComponent("catalog-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    var catalog: String { url.appendingPathComponent("catalog.sqlite").path }
}

@Suite("The catalogue of a run")
struct LedgerTests {
    static let evaluation = EvaluationRecord(
        evaluation: "step-00000010", task: 3, checkpoint: "step-00000010", split: .test, kind: .inContext,
        status: .finished, seeds: 2, episodes: 3, ended: 6)

    @Test("what is written is read back, by another connection, while the writer is open")
    func roundTrip() throws {
        let scratch = try Scratch()
        let ledger = try Ledger(path: scratch.catalog, mode: .create)
        let run = RunRecord(name: "a", softwareVersion: "0.1.0", experimentYAML: "name: a\n", started: 1.5)
        let tasks = [
            TaskRecord(id: 0, split: .train, json: "{\"goal\":[0,0]}", optimalReturn: 13, randomReturn: 0.1),
            TaskRecord(id: 3, split: .test, json: "{\"goal\":[3,0]}"),
        ]
        var lifetime = LifetimeRecord(task: 0, repetition: 1, status: .running, learner: "learner-0", attempt: 1)
        let stream = StreamRecord(
            stream: StreamIdentifier(
                lifetime: LifetimeIdentifier(collection: .evaluation("e"), task: 3, repetition: 0), actor: 1),
            rows: 60, rollouts: 3, isSealed: true, integrity: .sound, bytes: 900)
        let node = NodeRecord(name: "learner-0", role: "learner", host: "here", process: 7, joined: 1, lastSeen: 2)
        let checkpoint = CheckpointRecord(name: "step-00000010", step: 10, created: 4, trainingSeconds: 2, loss: 1.25)
        try ledger.save(run)
        try ledger.save(LedgerBatch(tasks: tasks, lifetimes: [lifetime]))
        lifetime.status = .finished
        lifetime.finalReturn = 12.5
        try ledger.save(LedgerBatch(lifetimes: [lifetime], streams: [stream], nodes: [node]))
        let metrics = [
            MetricRecord(time: 1, source: "distiller-0", name: "distil/loss", step: 1, value: 1.5),
            MetricRecord(time: 2, source: "distiller-0", name: "distil/loss", step: 2, value: .nan),
        ]
        try ledger.save(LedgerBatch(metrics: metrics, checkpoints: [checkpoint]))
        let pins = [
            PinRecord(lifetime: stream.stream.lifetime, recorder: "1f"),
            PinRecord(lifetime: LifetimeIdentifier(task: 0, repetition: 1), recorder: ""),
        ]
        let recorders = [RecorderRecord(identity: "1f", host: "there", path: "/disk/run")]
        try ledger.save(LedgerBatch(recorders: recorders, pins: pins))

        let reader = try Ledger(path: scratch.catalog, mode: .read)
        #expect(try reader.run() == run)
        #expect(try reader.tasks() == tasks)
        #expect(try reader.lifetimes() == [lifetime])
        #expect(try reader.streams() == [stream])
        #expect(try reader.nodes() == [node])
        #expect(try reader.checkpoints() == [checkpoint])
        #expect(try reader.pins() == pins && reader.recorders() == recorders)
        #expect(try reader.metricNames() == ["distil/loss"])
        let losses = try reader.metrics(named: "distil/loss").map(\.value)
        #expect(losses[0] == 1.5 && losses[1].isNaN)
        #expect(throws: CatalogError.self) { try reader.save(LedgerBatch(tasks: tasks)) }
        try reader.close()
        try ledger.close()
    }

    @Test("the returns of an evaluated task keep their seeds and episodes")
    func returns() throws {
        let scratch = try Scratch()
        let ledger = try Ledger(path: scratch.catalog, mode: .create)
        let result = EvaluationReturns(evaluation: Self.evaluation, returns: [[0, 1, 2], [3, 4, 5.5]])
        try ledger.save(LedgerBatch(results: [result]))
        #expect(try ledger.evaluationReturns() == [result])
        // What is written again takes the place of all that was there.
        let shorter = EvaluationReturns(evaluation: Self.evaluation, returns: [[7]])
        try ledger.save(LedgerBatch(results: [shorter]))
        #expect(try ledger.evaluationReturns() == [shorter])
        try ledger.close()
    }

    @Test("a closed catalogue is one file, and goes on where it was")
    func closing() throws {
        let scratch = try Scratch()
        let ledger = try Ledger(path: scratch.catalog, mode: .create)
        try ledger.save(LedgerBatch(tasks: [TaskRecord(id: 0, split: .train, json: "{}")]))
        try ledger.close()
        let copy = scratch.url.appendingPathComponent("copy.sqlite").path
        try FileManager.default.copyItem(atPath: scratch.catalog, toPath: copy)
        let again = try Ledger(path: copy, mode: .resume)
        #expect(try again.tasks().count == 1)
        try again.save(LedgerBatch(tasks: [TaskRecord(id: 1, split: .test, json: "{}")]))
        #expect(try again.tasks().count == 2)
        try again.close()
    }

    @Test("a catalogue that is there, missing, damaged or foreign is refused in a sentence")
    func refusals() throws {
        let scratch = try Scratch()
        var error = try #require(throws: CatalogError.self) { try Ledger(path: scratch.catalog, mode: .resume) }
        #expect(error.reason == .missing && error.description.contains("histories index"), "\(error)")
        try Ledger(path: scratch.catalog, mode: .create).close()
        error = try #require(throws: CatalogError.self) { try Ledger(path: scratch.catalog, mode: .create) }
        #expect(error.reason == .exists && error.description.contains("--resume"), "\(error)")

        let damaged = scratch.url.appendingPathComponent("damaged.sqlite").path
        try Data(repeating: 0x41, count: 8192).write(to: URL(fileURLWithPath: damaged))
        for mode in [Ledger.Mode.read, .resume] {
            error = try #require(throws: CatalogError.self) { try Ledger(path: damaged, mode: mode) }
            #expect(error.reason == .damaged && error.description.contains(damaged), "\(error)")
        }
        let empty = scratch.url.appendingPathComponent("empty.sqlite").path
        try Data().write(to: URL(fileURLWithPath: empty))
        error = try #require(throws: CatalogError.self) { try Ledger(path: empty, mode: .read) }
        #expect(error.reason == .damaged, "\(error)")
    }

    @Test("the results of any policy are kept, also of one that acts without a checkpoint")
    func anyPolicy() throws {
        let scratch = try Scratch()
        let ledger = try Ledger(path: scratch.catalog, mode: .create)
        var baseline = Self.evaluation
        baseline.evaluation = "magic-test"
        baseline.checkpoint = nil
        baseline.kind = EvaluationKind(.named("magic", settings: "{}"))
        let results = [baseline, Self.evaluation].map {
            EvaluationReturns(evaluation: $0, returns: [[1, 2, 3], [4, 5, 6]])
        }
        try ledger.save(LedgerBatch(results: results))
        try ledger.close()
        #expect(try Ledger(path: scratch.catalog, mode: .read).evaluationReturns() == results)
        #expect(EvaluationKind(.inContext(temperature: 1, clearContext: false)) == .inContext)
        #expect(EvaluationKind(.inContext(temperature: 1, clearContext: true)) == .control)
    }

    @Test("a catalogue whose pages were overwritten is called damaged, not trusted")
    func overwrittenPages() throws {
        let scratch = try Scratch()
        let ledger = try Ledger(path: scratch.catalog, mode: .create)
        let tasks = (0..<2000).map { TaskRecord(id: $0, split: .train, json: "{\"goal\":[\($0),0]}") }
        try ledger.save(LedgerBatch(tasks: tasks))
        try ledger.close()
        let handle = try FileHandle(forUpdating: URL(fileURLWithPath: scratch.catalog))
        let size = try handle.seekToEnd()
        try handle.seek(toOffset: 8192)
        try handle.write(contentsOf: Data(repeating: 0xA5, count: Int(size) - 8192))
        try handle.close()
        let error = try #require(throws: CatalogError.self) {
            let reader = try Ledger(path: scratch.catalog, mode: .read)
            _ = try reader.tasks()
        }
        #expect(error.reason == .damaged, "\(error)")
    }

    @Test("a transaction syncs the log where it has to survive a loss of power, and only there")
    func synchronous() throws {
        let scratch = try Scratch()
        let ledger = try Ledger(path: scratch.catalog, mode: .create)
        var batch = LedgerBatch()
        batch.metrics = [MetricRecord(time: 0, source: "a", name: "b", step: 0, value: 1)]
        for (surviving, level) in [(Ledger.Survival.lossOfPower, 2), (.deathOfProcess, 1), (.lossOfPower, 2)] {
            try ledger.save(batch, surviving: surviving)
            #expect(try ledger.synchronousLevel() == level)
        }
        #expect(try ledger.metrics(named: "b").count == 3)
        try ledger.close()
    }
}
