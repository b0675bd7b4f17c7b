import Agents
import Environments
import Experience
import TestSupport
import Testing

/// Remembers what it was given, and wants what it is told to want.
private final class ChoosyLearner: SourceLearner {
    var wants: (WaitingRollouts) -> Int = { _ in 0 }
    private(set) var updates: [[RolloutBatch]] = []
    private(set) var asked: [WaitingRollouts] = []
    var onProgress: (() -> Void)?
    var version: UInt64 { UInt64(updates.count) }

    func withActingParameters<Result>(_ body: (UnsafeBufferPointer<Float>) throws -> Result) rethrows -> Result {
        try [].withUnsafeBufferPointer(body)
    }
    func rolloutsOfNextUpdate(_ waiting: WaitingRollouts) -> Int {
        asked.append(waiting)
        return wants(waiting)
    }
    func update(_ batches: [RolloutBatch]) throws -> UpdateReport {
        updates.append(batches)
        return UpdateReport(version: version)
    }
    func save() -> [UInt8] { [] }
    func restore(_ bytes: [UInt8]) throws {}
}

@Suite("Rollouts that wait to be learnt from")
struct RolloutQueueTests {
    private let layout = RolloutLayout(observationBytes: 1, actionBytes: 1)
    private let learner = ChoosyLearner()

    private func queue(waiting: Int = 1) -> RolloutQueue {
        RolloutQueue(
            layout,
            needs: LifetimeNeeds(
                rolloutLength: 3, largestSavedBytes: 0, operationsPerTransition: 0, waitingRollouts: waiting))
    }

    /// One rollout of each actor, of random rows.
    private func round(_ lengths: [Int], seed: UInt32) -> RolloutBatch {
        var numbers = Numbers(seed: seed)
        let rollouts = randomRollouts(components: [9], actions: 4, lengths: lengths, numbers: &numbers)
        return batch(rollouts, actors: Array(lengths.indices))
    }

    /// Rows of every rollout, column by column.
    private func rows(_ batches: [RolloutBatch]) -> [[UInt8]] {
        var found: [[UInt8]] = []
        for batch in batches {
            batch.forEachRollout(layout) { header, rows in
                found.append([UInt8(header.actor)] + RolloutColumn.allCases.flatMap { Array(rows[$0]) })
            }
        }
        return found
    }

    @Test("an update gets the oldest, cut out of batches without a change, until none are wanted")
    func dividing() throws {
        var queue = queue(waiting: 10)
        let batches = [round([3, 1, 2], seed: 1), round([2, 3, 0], seed: 2)]
        for batch in batches { queue.append(batch) }
        learner.wants = { $0.count > 1 ? min(2, $0.count - 1) : 0 }
        let outcome = try queue.learn(with: learner, actors: 3, roundSize: 3, isOver: false)
        #expect(outcome.updates.map(\.version) == [1, 2, 3] && outcome.unwantedRows == 0)
        let expected = rows(batches)
        #expect(learner.updates.map(rows) == [Array(expected[0..<2]), Array(expected[2..<4]), [expected[4]]])
        #expect(rows(queue.batches) == [expected[5]])
        #expect(learner.asked.map(\.count) == [6, 4, 2, 1] && learner.asked.map(\.rows) == [11, 7, 3, 0])
        #expect(learner.asked[0].rollouts[1] == .init(actor: 1, rows: 1))
        for batch in learner.updates.joined() { _ = try batch.checked(against: imagined, actors: 3) }
    }

    private var imagined: RolloutLayout { describe(components: [9], actions: 4).rolloutLayout }

    @Test("what nobody wants is given up, the oldest first, and at the end all of it")
    func bound() throws {
        var queue = queue(waiting: 2)
        for seed in 1...5 as ClosedRange<UInt32> {
            queue.append(round([3, 3], seed: seed))
            let outcome = try queue.learn(with: learner, actors: 2, roundSize: 2, isOver: false)
            #expect(outcome.unwantedRows == (seed > 2 ? 6 : 0))
        }
        #expect(rows(queue.batches) == rows([round([3, 3], seed: 4), round([3, 3], seed: 5)]))
        #expect(try queue.learn(with: learner, actors: 2, roundSize: 2, isOver: true).unwantedRows == 12)
        #expect(queue.isEmpty && learner.updates.isEmpty)
    }

    @Test("more than there are stands for all")
    func more() throws {
        var queue = queue()
        queue.append(round([3, 3], seed: 1))
        learner.wants = { _ in 100 }
        #expect(try queue.learn(with: learner, actors: 2, roundSize: 2, isOver: false).updates.count == 1)
        #expect(queue.isEmpty)
    }

    @Test("A3C learns from all that wait, once they are one of each actor, and from the rest at the end")
    func actorCritic() throws {
        let learner = try ActorCriticLearner(
            settings: ActorCriticSettings(), scene: Scene(environment: describe(components: [9], actions: 4)), seed: 1,
            task: 0,
            repetition: 0)
        func wanted(_ count: Int, isOver: Bool = false) -> Int {
            learner.rolloutsOfNextUpdate(
                WaitingRollouts(
                    Array(repeating: .init(actor: 0, rows: 20), count: count), roundSize: 3, isOver: isOver))
        }
        #expect([1, 2, 3, 4].map { wanted($0) } == [0, 0, 3, 4])
        #expect(wanted(2, isOver: true) == 2)
    }
}
