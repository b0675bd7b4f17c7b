import Cluster
import Environments
import Experiments
import Foundation
import Histories
import Simulation
import Synchronization
import Testing
import Wire

/// Sealing calls that are counted, and fail while they are told to.
private final class CountedCalls: Sendable {
    private let counts = Mutex<(files: Int, folders: Int)>((0, 0))
    private let failures = Mutex<(file: Bool, folder: Bool)>((false, false))

    var files: Int { counts.withLock { $0.files } }
    var folders: Int { counts.withLock { $0.folders } }
    func refuse(file: Bool = false, folder: Bool = false) { failures.withLock { $0 = (file, folder) } }

    var calls: SealingCalls {
        var calls = SealingCalls.system
        let system = calls
        calls.synchronizeFile = { (path) throws(StreamError) in
            if self.failures.withLock({ $0.file }) { throw .diskFull(path: path, operation: "test") }
            try system.synchronizeFile(path)
            self.counts.withLock { $0.files += 1 }
        }
        calls.synchronizeFolder = { (path) throws(StreamError) in
            if self.failures.withLock({ $0.folder }) { throw .diskFull(path: path, operation: "test") }
            try system.synchronizeFolder(path)
            self.counts.withLock { $0.folders += 1 }
        }
        return calls
    }
}

@Suite("A recorder's work goes in slices") struct RecorderSlicesTests {
    private let calls = CountedCalls()

    /// A turn is three looks at the clock.
    private func makeRecorder(actors: Int) throws -> (LoneRecorder, LifetimeIdentifier) {
        let recorder = try LoneRecorder(
            smallExperiment(lockstep: false, actors: actors, processes: 1), clock: SteppingClock(milliseconds: 10),
            calls: calls.calls)
        let context = try ExperimentContext(
            experiment: Experiment(yaml: recorder.experiment, file: "the test"), folder: recorder.folder)
        let task = try #require(context.experiment.trainTasks(of: context.distribution).first)
        return (recorder, LifetimeIdentifier(task: task.id, repetition: 0))
    }

    /// `hasBegun`: the carrier has sent rollouts already, from 0 on.
    private func open(
        _ lifetime: LifetimeIdentifier, _ actors: Range<Int>, incarnation: UInt64 = 1, hasBegun: Bool = false
    ) -> Message {
        .openStreams(
            OpenStreams(
                lifetime: lifetime, actors: actors, incarnation: incarnation, firstPolicyVersion: 0,
                firstSequences: hasBegun ? actors.map { _ in 0 } : []))
    }

    /// One rollout of each actor, `length` rows long, in the middle of an episode.
    private func rollouts(
        _ lifetime: LifetimeIdentifier, _ actors: Range<Int>, sequence: UInt64 = 0, length: Int = 4,
        isLast: Bool = false
    ) -> Message {
        let rows = actors.count * length
        var batch = RolloutBatch(
            lifetime: lifetime,
            headers: actors.map {
                RolloutHeader(
                    actor: $0, incarnation: 1, sequence: sequence, policyVersion: 0, firstEpisode: 0, length: length,
                    finishedEpisodes: 0, checksum: 0, isLast: isLast)
            }, observations: [UInt8](repeating: 1, count: 2 * rows), actions: [UInt8](repeating: 2, count: rows),
            rewards: [Float](repeating: 0, count: rows), terminations: [UInt8](repeating: 0, count: rows),
            truncations: [UInt8](repeating: 0, count: rows), finalObservations: [])
        batch.seal(observationBytes: 2, actionBytes: 1)
        return .rollouts(
            Rollouts(attempt: 1, firstActor: actors.lowerBound, batch: sequence + 1, content: batch))
    }

    @Test(
        "a turn is a few pieces of work, however many streams have ended; all are sealed in the order in which they did"
    )
    func turns() throws {
        let (recorder, lifetime) = try makeRecorder(actors: 40)
        try recorder.say(open(lifetime, 0..<40), from: "a")
        try recorder.hand(rollouts(lifetime, 0..<40, isLast: true), from: "a")
        var sealed: [Int] = []
        var turns = 0
        var isMore = true
        while isMore {
            let before = calls.files
            let turn = try recorder.turn()
            isMore = turn.isMore
            turns += 1
            #expect(calls.files - before <= 3, "turn \(turns)")
            sealed += turn.said.sealed
            if isMore {
                let undertaking = try #require(recorder.recorder.progress?.undertaking)
                #expect(undertaking.what == "seals streams" && undertaking.total == 40, "turn \(turns)")
                #expect(undertaking.done == UInt64(sealed.count))
            }
        }
        // Three in a turn.
        #expect((13...16).contains(turns))
        #expect(sealed == Array(0..<40) && calls.files == 40)
        #expect(calls.folders < 40, "the streams of a turn share their folder's sync")
        #expect(recorder.recorder.progress?.undertaking == nil)
    }

    @Test("while a long stream is sealed, others are flushed and acknowledged, and it says how far it is")
    func interleaved() throws {
        let (recorder, lifetime) = try makeRecorder(actors: 2)
        try recorder.say(open(lifetime, 0..<2), from: "a")
        for sequence in 0..<10 as Range<UInt64> {
            try recorder.say(rollouts(lifetime, 0..<1, sequence: sequence, length: 40_000), from: "a")
        }
        try recorder.hand(rollouts(lifetime, 0..<1, sequence: 10, isLast: true), from: "a")
        var acknowledged: UInt64 = 0
        var done: [UInt64] = []
        var sealed: [Int] = []
        var sequence: UInt64 = 0
        while sealed.isEmpty {
            try recorder.hand(rollouts(lifetime, 1..<2, sequence: sequence), from: "a")
            sequence += 1
            let turn = try recorder.turn(after: 500)
            sealed = turn.said.sealed
            guard sealed.isEmpty else { break }
            let undertaking = try #require(recorder.recorder.progress?.undertaking)
            #expect(undertaking.what == "seals long streams (KiB)" && undertaking.done <= undertaking.total)
            done.append(undertaking.done)
            for durable in turn.said.durable {
                for stream in durable.streams where stream.actor == 1 { acknowledged = stream.nextSequence }
            }
        }
        #expect(sealed == [0])
        #expect(done.count > 3 && done == done.sorted() && Set(done).count > 2, "\(done)")
        #expect(acknowledged >= 2, "of \(sequence) rollouts")
    }

    @Test("nothing is acknowledged or reported before the folder's sync; one that fails is made up for")
    func durable() throws {
        let (recorder, lifetime) = try makeRecorder(actors: 5)
        try recorder.say(open(lifetime, 0..<5), from: "a")
        calls.refuse(folder: true)
        try recorder.hand(rollouts(lifetime, 0..<5, isLast: true), from: "a")
        for _ in 0..<20 {
            let turn = try recorder.turn(after: 100)
            #expect(
                turn.said.sealed.isEmpty
                    && turn.said.durable.allSatisfy { $0.streams.allSatisfy { $0.nextSequence == 0 } })
        }
        try recorder.tick()
        #expect(recorder.recorder.waiting(now: recorder.now)?.why.hasPrefix("room on the disk") == true)
        calls.refuse()
        var sealed: [Int] = []
        for _ in 0..<30 {
            let folders = calls.folders
            let turn = try recorder.turn(after: 100)
            #expect(turn.said.sealed.isEmpty || calls.folders > folders)
            for durable in turn.said.durable {
                #expect(durable.streams.allSatisfy { $0.nextSequence == 1 && $0.state == .ended })
            }
            sealed += turn.said.sealed
        }
        #expect(sealed.sorted() == Array(0..<5))
    }

    @Test("a full disk while short streams are sealed: they are tried again, and nothing is lost") func fullDisk()
        throws
    {
        let (recorder, lifetime) = try makeRecorder(actors: 10)
        try recorder.say(open(lifetime, 0..<10), from: "a")
        calls.refuse(file: true)
        try recorder.hand(rollouts(lifetime, 0..<10, isLast: true), from: "a")
        var attempts = 0
        for _ in 0..<40 {
            let turn = try recorder.turn(after: 100)
            #expect(turn.said.sealed.isEmpty && turn.said.durable.isEmpty)
            attempts = Int(recorder.recorder.numbers["waits_for_the_machine"] ?? 0)
        }
        #expect((2...40).contains(attempts), "\(attempts) in four seconds, one second apart")
        calls.refuse()
        var sealed: [Int] = []
        for _ in 0..<60 { sealed += try recorder.turn(after: 100).said.sealed }
        #expect(sealed.sorted() == Array(0..<10))
        for actor in 0..<10 {
            let path = recorder.folder + "/" + StreamIdentifier(lifetime: lifetime, actor: actor).path
            #expect(StreamVerification(path: path).problems == [] && StreamVerification(path: path).rows == 4)
        }
    }

    @Test("a recorder that dies before streams have their names has acknowledged none; all come again") func death()
        throws
    {
        let (recorder, lifetime) = try makeRecorder(actors: 5)
        try recorder.say(open(lifetime, 0..<5), from: "a")
        calls.refuse(folder: true)
        try recorder.hand(rollouts(lifetime, 0..<5, isLast: true), from: "a")
        for _ in 0..<3 { _ = try recorder.turn() }
        try recorder.restart()
        calls.refuse()
        let opened = try #require(try recorder.say(open(lifetime, 0..<5, hasBegun: true), from: "a").opened)
        // What has its name already was not lost by the death of a process.
        #expect(opened.streams.contains { $0.nextSequence == 0 })
        let said = try recorder.say(rollouts(lifetime, 0..<5, isLast: true), from: "a")
        let sealedBefore = opened.streams.enumerated().filter { $0.element.state == .ended }.map(\.offset)
        #expect(Set(said.sealed + sealedBefore) == Set(0..<5))
    }

    @Test("many streams are opened over many turns, which says how far it is; the answer comes once, for all of them")
    func opening() throws {
        let (recorder, lifetime) = try makeRecorder(actors: 30)
        try recorder.say(open(lifetime, 0..<30), from: "a")
        try recorder.say(rollouts(lifetime, 0..<30), from: "a")
        try recorder.restart()
        try recorder.hand(open(lifetime, 0..<30, incarnation: 2), from: "b")
        var answers: [StreamsOpened] = []
        var done: [UInt64] = []
        var turns = 0
        var isMore = true
        while isMore {
            // Who hears nothing asks again.
            if answers.isEmpty { try recorder.hand(open(lifetime, 0..<30, incarnation: 2), from: "b") }
            let turn = try recorder.turn()
            isMore = turn.isMore
            turns += 1
            answers += [turn.said.opened].compactMap { $0 }
            guard answers.isEmpty else { continue }
            let undertaking = try #require(recorder.recorder.progress?.undertaking)
            #expect(undertaking.what == "opens streams" && undertaking.total == 30)
            done.append(undertaking.done)
        }
        #expect(answers.count == 1 && answers.first?.streams.map(\.nextSequence) == Array(repeating: 1, count: 30))
        #expect(turns > 3 && done == done.sorted() && Set(done).count > 2, "\(done)")
        #expect(recorder.recorder.progress?.undertaking == nil)
    }

    @Test("an order that is overtaken while its streams are loaded takes none of them over") func overtaken() throws {
        let (recorder, lifetime) = try makeRecorder(actors: 30)
        try recorder.say(open(lifetime, 0..<30), from: "a")
        try recorder.say(rollouts(lifetime, 0..<30), from: "a")
        try recorder.restart()
        try recorder.hand(open(lifetime, 0..<30, incarnation: 2), from: "b")
        #expect(try recorder.turn().said.opened == nil)
        // The coordinator has given the streams up meanwhile.
        try recorder.hand(.sealStreams(SealStreams(lifetime: lifetime, actors: Array(0..<3))), from: "coordinator")
        let said = try recorder.work()
        #expect(said.opened == nil && said.refused != nil)
        #expect(said.sealed.sorted() == [0, 1, 2])
    }
}

extension [(to: Address, message: Message)] {
    /// Actors whose streams are reported as sealed.
    fileprivate var sealed: [Int] {
        flatMap { item -> [Int] in
            guard case .streamsSealed(let report) = item.message else { return [] }
            return report.streams.map(\.actor)
        }
    }
}
