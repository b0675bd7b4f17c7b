import Collecting
import Environments
import Experience
import Experiments
import Foundation
import Glibc
import Histories
import Nodes
import Simulation
import TestSupport
import Testing
import Wire

@Suite("A recorder's work goes in slices") struct RecorderSlicesTests {
    private let calls = CountedCalls()

    /// A turn is three looks at the clock.
    private func makeRecorder(
        actors: Int, freeBytes: @escaping (_ folder: String) -> UInt64? = freeDiskBytes
    ) throws -> (LoneRecorder, LifetimeIdentifier) {
        let recorder = try LoneRecorder(
            smallExperiment(lockstep: false, actors: actors, processes: 1), clock: SteppingClock(milliseconds: 10),
            calls: calls.calls, freeBytes: freeBytes)
        let context = try ExperimentContext(
            experiment: Experiment(yaml: recorder.experiment, file: "the test"), folder: recorder.folder)
        let task = try #require(context.experiment.trainTasks(of: context.distribution).first)
        return (recorder, LifetimeIdentifier(task: task, repetition: 0))
    }

    private func path(_ recorder: LoneRecorder, _ lifetime: LifetimeIdentifier, _ actor: Int) -> String {
        recorder.folder + "/" + StreamIdentifier(lifetime: lifetime, actor: actor).path
    }

    /// `hasBegun`: the carrier has sent rollouts already, from 0 on.
    private func open(
        _ lifetime: LifetimeIdentifier, _ actors: Range<Int>, incarnation: UInt64 = 1, durable: [UInt64] = [],
        hasBegun: Bool = false
    ) -> Message {
        .openStreams(
            OpenStreams(
                lifetime: lifetime, actors: actors, incarnation: incarnation, firstPolicyVersion: 0,
                durableSequences: durable, firstSequences: hasBegun ? actors.map { _ in 0 } : []))
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
        batch.seal(RolloutLayout(observationBytes: 2, actionBytes: 1))
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
            let path = path(recorder, lifetime, actor)
            #expect(StreamVerification(path: path).problems == [] && StreamVerification(path: path).rows == 4)
        }
    }

    @Test(
        "what is lacking while a stream's first file is made is waited for, whether it has ended or grows",
        arguments: [
            StreamError.diskFull(path: "", operation: "test"),
            .inputOutput(path: "", operation: "test", message: "too many open files", code: EMFILE),
        ], [true, false])
    func lacking(error: StreamError, hasEnded: Bool) throws {
        let (recorder, lifetime) = try makeRecorder(actors: 3)
        try recorder.say(open(lifetime, 0..<3), from: "a")
        calls.refuse(writing: error)
        try recorder.hand(rollouts(lifetime, 0..<3, isLast: hasEnded), from: "a")
        for _ in 0..<40 {
            let turn = try recorder.turn(after: 100)
            #expect(turn.said.isEmpty, "\(turn.said)")
        }
        #expect(recorder.recorder.numbers["waits_for_the_machine"] ?? 0 >= 2)
        #expect(recorder.recorder.numbers["quarantined_streams"] == nil)
        calls.refuse()
        var sealed: [Int] = []
        var durable: Set<Int> = []
        for _ in 0..<40 {
            let turn = try recorder.turn(after: 100)
            sealed += turn.said.sealed
            for stream in turn.said.durable.flatMap(\.streams) where stream.nextSequence == 1 {
                durable.insert(stream.actor)
            }
        }
        #expect(durable == [0, 1, 2] && Set(sealed) == (hasEnded ? [0, 1, 2] : []))
    }

    @Test("streams that are flushed together leave together what is kept of the disk") func reserve() throws {
        // A rollout has four rows of nine bytes: two of them fit.
        let free: UInt64 = (16 << 20) + 36
        let (recorder, lifetime) = try makeRecorder(actors: 5) { _ in free }
        try recorder.say(open(lifetime, 0..<5), from: "a")
        try recorder.hand(rollouts(lifetime, 0..<5), from: "a")
        let turn = try recorder.turn(after: 600)
        #expect(turn.said.durable.flatMap(\.streams).map(\.nextSequence) == [1, 1])
        try recorder.tick()
        #expect(recorder.recorder.waiting(now: recorder.now)?.why.hasPrefix("room on the disk") == true)
    }

    @Test(
        "a carrier that takes up a stream whose sealed file has a name that may be lost waits until it is durable",
        arguments: [true, false])
    func renamed(hasFile: Bool) throws {
        let (recorder, lifetime) = try makeRecorder(actors: 1)
        try recorder.say(open(lifetime, 0..<1), from: "a")
        if hasFile { try recorder.say(rollouts(lifetime, 0..<1), from: "a") }
        calls.refuse(folder: true)
        let last = rollouts(lifetime, 0..<1, sequence: hasFile ? 1 : 0, isLast: true)
        try recorder.hand(last, from: "a")
        for _ in 0..<3 { _ = try recorder.turn() }
        let path = path(recorder, lifetime, 0)
        #expect(StreamVerification(path: path).isSealed, "it has its name")
        // Rollouts that come again are compared with what is in the sealed file, or still in memory.
        if hasFile { try recorder.hand(rollouts(lifetime, 0..<1), from: "a") }
        try recorder.hand(last, from: "a")
        let early = try recorder.say(open(lifetime, 0..<1, incarnation: 2), from: "b")
        #expect(early.opened == nil && early.sealed.isEmpty)
        calls.refuse()
        let folders = calls.folders
        let answer = try recorder.say(open(lifetime, 0..<1, incarnation: 2), from: "b")
        #expect(calls.folders > folders && answer.opened?.streams.first?.nextSequence == (hasFile ? 2 : 1))
        var sealed = answer.sealed
        for _ in 0..<30 { sealed += try recorder.turn(after: 100).said.sealed }
        #expect(Set(sealed) == [0])
        #expect(recorder.recorder.numbers["quarantined_streams"] == nil)
        let found = StreamVerification(path: path)
        #expect(found.problems == [] && found.rows == (hasFile ? 8 : 4))
    }

    @Test("a stream that is given up while its sealed copy waits to take its place is not sealed") func givenUp()
        throws
    {
        let (recorder, lifetime) = try makeRecorder(actors: 8)
        try recorder.say(open(lifetime, 0..<8), from: "a")
        try recorder.say(rollouts(lifetime, 0..<8), from: "a")
        // More was called durable of the last one than its file has: that is found once all have been looked at.
        let order = open(lifetime, 0..<8, incarnation: 2, durable: [0, 0, 0, 0, 0, 0, 0, 9])
        try recorder.hand(order, from: "b")
        try recorder.hand(rollouts(lifetime, 7..<8, sequence: 1, isLast: true), from: "a")
        let said = try recorder.work()
        #expect(said.opened?.streams.map(\.state) == Array(repeating: StreamState.recording, count: 7) + [.quarantined])
        #expect(said.sealed.isEmpty && recorder.recorder.numbers["sealed_streams"] == nil)
        let path = path(recorder, lifetime, 7)
        #expect(!FileManager.default.fileExists(atPath: path))
        #expect(!FileManager.default.fileExists(atPath: path + ".sealing"))
        #expect(StreamQuarantine(of: path) != nil)
    }

    @Test("a stream without a file that is ordered to be sealed leaves no copy behind that was in the making")
    func copies() throws {
        let (recorder, lifetime) = try makeRecorder(actors: 1)
        let path = path(recorder, lifetime, 0)
        try FileManager.default.createDirectory(
            at: URL(filePath: path).deletingLastPathComponent(), withIntermediateDirectories: true)
        for suffix in [".sealing", ".creating"] { try Data([1]).write(to: URL(filePath: path + suffix)) }
        let said = try recorder.say(
            .sealStreams(SealStreams(lifetime: lifetime, actors: [0])), from: "coordinator")
        #expect(Set(said.sealed) == [0])
        for suffix in [".sealing", ".creating"] {
            #expect(!FileManager.default.fileExists(atPath: path + suffix), "\(suffix)")
        }
    }

    @Test(
        "what a recorder finds is not acknowledged or reported before the sync of its folder: its name may be lost",
        arguments: [true, false])
    func found(hasEnded: Bool) throws {
        let (recorder, lifetime) = try makeRecorder(actors: 3)
        try recorder.say(open(lifetime, 0..<3), from: "a")
        try recorder.say(rollouts(lifetime, 0..<3, isLast: hasEnded), from: "a")
        try recorder.restart()
        calls.refuse(folder: true)
        let order = open(lifetime, 0..<3, hasBegun: true)
        #expect(try recorder.say(order, from: "a").isEmpty)
        let seal = Message.sealStreams(SealStreams(lifetime: lifetime, actors: [0, 1, 2]))
        #expect(try recorder.say(seal, from: "coordinator").isEmpty)
        try recorder.tick()
        #expect(recorder.recorder.waiting(now: recorder.now)?.why.hasPrefix("room on the disk") == true)
        calls.refuse()
        let folders = calls.folders
        let said = try recorder.say(order, from: "a")
        #expect(said.opened?.streams.map(\.nextSequence) == [1, 1, 1])
        #expect(Set(said.sealed) == (hasEnded ? [0, 1, 2] : []))
        // The streams' own folder and those above it, once for all of them.
        #expect((1...5).contains(calls.folders - folders), "\(calls.folders - folders)")
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
        #expect(try recorder.say(open(lifetime, 0..<5, hasBegun: true), from: "a").isEmpty)
        calls.refuse()
        let folders = calls.folders
        let opened = try #require(try recorder.say(open(lifetime, 0..<5, hasBegun: true), from: "a").opened)
        // What has its name already was not lost by the death of a process; now a loss of power does not lose it.
        #expect(calls.folders > folders)
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

    @Test("a recorder that leaves opens no more streams, and does not say that it does") func leaving() throws {
        let (recorder, lifetime) = try makeRecorder(actors: 30)
        try recorder.say(open(lifetime, 0..<30), from: "a")
        try recorder.say(rollouts(lifetime, 0..<30), from: "a")
        try recorder.restart()
        try recorder.hand(open(lifetime, 0..<30, incarnation: 2), from: "b")
        _ = try recorder.turn()
        #expect(recorder.recorder.progress?.undertaking?.what == "opens streams")
        recorder.recorder.drain(now: recorder.now)
        while try recorder.turn().isMore {}
        #expect(recorder.recorder.isFinished && recorder.recorder.progress?.undertaking == nil)
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
