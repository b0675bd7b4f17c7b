import Catalog
import Environments
import Experience
import Testing

@Suite("A catalogue that is remade from the stream files")
struct IndexTests {
    private func summary(
        _ collection: StreamCollection, task: Int, actor: Int, split: Split, returns: [Float],
        isSealed: Bool = true
    ) -> IndexedStream {
        IndexedStream(
            stream: StreamIdentifier(
                lifetime: LifetimeIdentifier(collection: collection, task: task, repetition: 0), actor: actor),
            task: Task(id: task, split: split, json: "{\"goal\":[\(task),0]}"), optimalReturn: 16, randomReturn: 0.2,
            rows: returns.count * 20, rollouts: returns.count, lastPolicyVersion: 9, isSealed: isSealed,
            integrity: .sound, bytes: 100, started: 10 + Double(actor), ended: 20 + Double(actor), returns: returns)
    }

    @Test("lifetimes, tasks, streams and evaluations come back")
    func index() throws {
        let index = HistoriesIndex([
            summary(.histories, task: 4, actor: 1, split: .train, returns: [0, 8]),
            summary(.histories, task: 4, actor: 0, split: .train, returns: [2, 10], isSealed: false),
            summary(.evaluation("step-00000010"), task: 7, actor: 1, split: .test, returns: [3, 4]),
            summary(.evaluation("step-00000010"), task: 7, actor: 0, split: .test, returns: [1, 2]),
        ])
        #expect(index.tasks.map(\.id) == [4, 7])
        #expect(index.lifetimes.count == 1)
        let lifetime = index.lifetimes[0]
        #expect(lifetime.status == .running)
        #expect(lifetime.episodes == 4 && lifetime.transitions == 80 && lifetime.updates == 9)
        #expect(lifetime.started == 10 && lifetime.ended == 21)
        #expect(lifetime.finalReturn == 5)
        #expect(index.evaluations.map(\.returns) == [[[1, 2], [3, 4]]])
        #expect(index.evaluations[0].evaluation.split == .test)

        let scratch = try Scratch()
        let ledger = try Ledger(path: scratch.catalog, mode: .create)
        try ledger.save(
            LedgerBatch(
                tasks: [TaskRecord(id: 99, split: .train, json: "{}")],
                metrics: [MetricRecord(time: 0, source: "a", name: "b", step: 0, value: 1)]))
        try ledger.replaceIndex(index)
        #expect(try ledger.tasks() == index.tasks)
        #expect(try ledger.lifetimes() == index.lifetimes)
        #expect(try ledger.streams() == index.streams)
        #expect(try ledger.evaluationReturns() == index.evaluations)
        #expect(try ledger.metricNames() == ["b"])
        try ledger.close()
    }
}
