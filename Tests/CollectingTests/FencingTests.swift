import Collecting
import Environments
import Experience
import Experiments
import Foundation
import Histories
import Logging
import Nodes
import Simulation
import TestSupport
import Testing
import Transport
import Wire

/// A recorder on a folder of its own, spoken to by hand; one that is started again finds the same folder.
final class LoneRecorder {
    let folder: String
    let experiment: String
    private(set) var recorder: RecorderRole
    private(set) var now: UInt64 = 1_000_000_000
    private var outbox = Outbox()
    private let clock: SteppingClock?
    private let calls: FileCalls
    private let disk: RecorderLinks.Place?
    private let freeBytes: (_ folder: String) -> UInt64?

    /// `growsElsewhere`: streams that grow lie in another folder than sealed ones.
    init(
        _ experiment: String, clock: SteppingClock? = nil, calls: FileCalls = .system, growsElsewhere: Bool = false,
        freeBytes: @escaping (_ folder: String) -> UInt64? = freeDiskBytes
    ) throws {
        let folder = try makeTemporaryFolder()
        self.folder = folder
        disk = growsElsewhere ? RecorderLinks.Place(host: "here", path: folder + "/disk") : nil
        self.experiment = experiment
        self.clock = clock
        self.calls = calls
        self.freeBytes = freeBytes
        recorder = RecorderRole(folder: nil, logger: Self.logger)
        try restart()
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    private static var logger: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }

    /// As by SIGKILL and a new process at the same endpoint.
    func restart() throws {
        recorder = RecorderRole(folder: nil, logger: Self.logger)
        recorder = RecorderRole(
            folder: nil, disk: disk, logger: Self.logger, clock: clock ?? SystemClock(), fileCalls: calls,
            freeBytes: freeBytes)
        try recorder.begin(
            Welcome(
                run: "test", experiment: experiment, heartbeatIntervalMilliseconds: 1000,
                silenceLimitMilliseconds: 5000, folder: folder), now: 0)
    }

    /// Hands a message over; the recorder has not worked yet.
    func hand(_ message: Message, from name: String) throws {
        let sender: Address = name == "coordinator" ? .coordinator : .peer(name)
        try recorder.receive(Envelope(message), from: sender, now: now, outbox: &outbox)
    }

    /// One turn of work, `milliseconds` later: what is said in it, and whether there is more to do.
    func turn(after milliseconds: UInt64 = 0) throws -> (said: [(to: Address, message: Message)], isMore: Bool) {
        outbox.removeAll()
        now += milliseconds * 1_000_000
        let isMore = try recorder.work(now: now, outbox: &outbox)
        return (try said(), isMore)
    }

    func tick() throws { try recorder.tick(now: now, outbox: &outbox) }

    private func said() throws -> [(to: Address, message: Message)] {
        try outbox.items.flatMap { item in
            try item.addresses.map { ($0, try Envelope(decoding: item.bytes).message) }
        }.filter {
            // Nobody acknowledges where it writes.
            if case .recorderFolder = $0.message { false } else { true }
        }
    }

    /// What the recorder says to a message, once it has worked, to everybody.
    @discardableResult
    func say(_ message: Message, from name: String, request: UInt64 = 0) throws -> [(to: Address, message: Message)] {
        outbox.removeAll()
        let sender: Address = name == "coordinator" ? .coordinator : .peer(name)
        try recorder.receive(Envelope(message, request: request), from: sender, now: now, outbox: &outbox)
        return try work()
    }

    /// Lets half a second pass, in which everything is flushed.
    @discardableResult
    func work() throws -> [(to: Address, message: Message)] {
        for _ in 0..<12 {
            now += 50_000_000
            while try recorder.work(now: now, outbox: &outbox) {}
            try recorder.tick(now: now, outbox: &outbox)
        }
        defer { outbox.removeAll() }
        return try said()
    }
}

/// Rollouts of one actor of a room of 3 x 3, four steps an episode and a rollout.
struct MadeUpLife {
    var lifetime: LifetimeIdentifier
    var incarnation: UInt64
    var version: UInt64 = 0

    /// `action` makes one life differ from another.
    func rollout(_ sequence: UInt64, action: UInt8 = 0, isLast: Bool = false) -> Message {
        var batch = RolloutBatch(
            lifetime: lifetime,
            headers: [
                RolloutHeader(
                    actor: 0, incarnation: incarnation, sequence: sequence, policyVersion: version,
                    firstEpisode: sequence, length: 4, finishedEpisodes: 1, checksum: 0, isLast: isLast)
            ], observations: [1, 1, 0, 1, 0, 1, 0, 1], actions: [action, 1, 2, 3], rewards: [0, 0, 1, 0],
            terminations: [0, 0, 0, 0], truncations: [0, 0, 0, 1], finalObservations: [1, 2])
        batch.seal(RolloutLayout(observationBytes: 2, actionBytes: 1))
        return .rollouts(Rollouts(attempt: 1, firstActor: 0, batch: sequence + 1, content: batch))
    }

    func open(durable: UInt64 = 0, first: UInt64? = nil) -> Message {
        .openStreams(
            OpenStreams(
                lifetime: lifetime, actors: 0..<1, incarnation: incarnation, firstPolicyVersion: 0,
                durableSequences: [durable], firstSequences: first.map { [$0] } ?? []))
    }
}

extension [(to: Address, message: Message)] {
    var opened: StreamsOpened? {
        compactMap { if case .streamsOpened(let opened) = $0.message { opened } else { nil } }.first
    }
    var durable: [RolloutsDurable] {
        compactMap { if case .rolloutsDurable(let durable) = $0.message { durable } else { nil } }
    }
    /// The last refusal, with its reason.
    var refused: RolloutsDurable? { durable.last { !$0.refusal.isEmpty } }
    /// What was last called durable of the only stream.
    var acknowledged: UInt64? { durable.last { $0.refusal.isEmpty }?.streams.first?.nextSequence }
}

@Suite("The file says which incarnation a stream is at, whoever opens it") struct FencingTests {
    private func makeRecorder(lockstep: Bool = false) throws -> (LoneRecorder, LifetimeIdentifier) {
        let recorder = try LoneRecorder(smallExperiment(lockstep: lockstep, actors: 1, processes: 1))
        let context = try ExperimentContext(
            experiment: Experiment(yaml: recorder.experiment, file: "the test"), folder: recorder.folder)
        let task = try #require(context.experiment.trainTasks(of: context.distribution).first)
        return (recorder, LifetimeIdentifier(task: task, repetition: 0))
    }

    @Test("a carrier that was replaced is refused after the recorder was started again, though it comes first")
    func replaced() throws {
        let (recorder, lifetime) = try makeRecorder()
        let (a, b) = (MadeUpLife(lifetime: lifetime, incarnation: 5), MadeUpLife(lifetime: lifetime, incarnation: 6))
        #expect(try recorder.say(a.open(), from: "a").opened != nil)
        #expect(try recorder.say(a.rollout(0), from: "a").acknowledged == 1)
        #expect(try recorder.say(b.open(), from: "b").opened?.streams.first?.nextSequence == 1)
        #expect(try recorder.say(b.rollout(1), from: "b").acknowledged == 2)
        try recorder.restart()
        let answer = try recorder.say(a.open(durable: 1, first: 0), from: "a")
        #expect(answer.opened == nil && answer.acknowledged == nil)
        let refusal = try #require(answer.refused)
        #expect(refusal.streams.first?.incarnation == 6 && refusal.refusal.contains("the stream is at 6"))
        // B goes on.
        #expect(try recorder.say(b.open(durable: 2, first: 1), from: "b").opened?.streams.first?.nextSequence == 2)
        #expect(try recorder.say(b.rollout(2), from: "b").acknowledged == 3)
    }

    @Test("an incarnation that was given out before begins no second time: the file has rollouts of it")
    func usedBefore() throws {
        let (recorder, lifetime) = try makeRecorder()
        let first = MadeUpLife(lifetime: lifetime, incarnation: 0, version: 40)
        try recorder.say(first.open(), from: "a")
        #expect(try recorder.say(first.rollout(0), from: "a").acknowledged == 1)
        try recorder.restart()
        let second = MadeUpLife(lifetime: lifetime, incarnation: 0, version: 3)
        let refusal = try #require(try recorder.say(second.open(), from: "b").refused)
        #expect(refusal.streams.first?.incarnation == 1 && refusal.refusal.contains("already"))
        // Its own carrier goes on, whom the recorder's death cost nothing.
        #expect(try recorder.say(first.open(durable: 1, first: 0), from: "a").opened != nil)
        #expect(try recorder.say(first.rollout(1), from: "a").acknowledged == 2)
    }

    @Test("what an earlier carrier brought meanwhile is not called a later one's") func between() throws {
        let (recorder, lifetime) = try makeRecorder()
        let (a, b) = (MadeUpLife(lifetime: lifetime, incarnation: 5), MadeUpLife(lifetime: lifetime, incarnation: 6))
        try recorder.say(a.open(), from: "a")
        try recorder.say(a.rollout(0), from: "a")
        #expect(try recorder.say(b.open(), from: "b").opened?.streams.first?.nextSequence == 1)
        // B's rollouts do not arrive before the recorder dies, and A, who was cut off, is first to find the next.
        try recorder.restart()
        try recorder.say(a.open(durable: 1, first: 0), from: "a")
        #expect(try recorder.say(a.rollout(1), from: "a").acknowledged == 2)
        let answer = try recorder.say(b.open(durable: 1, first: 1), from: "b")
        #expect(answer.opened == nil && answer.refused?.streams.first?.incarnation == 7)
    }

    @Test("rollouts that contradict the stream close their incarnation, and their carrier is told why")
    func contradiction() throws {
        let (recorder, lifetime) = try makeRecorder()
        var life = MadeUpLife(lifetime: lifetime, incarnation: 2, version: 7)
        try recorder.say(life.open(), from: "a")
        try recorder.say(life.rollout(0), from: "a")
        life.version = 6
        let refusal = try #require(try recorder.say(life.rollout(1), from: "a").refused)
        #expect(refusal.refusal.contains("policy version 6 after 7") && refusal.streams.first?.incarnation == 3)
        life.version = 8
        #expect(try recorder.say(life.rollout(1), from: "a").acknowledged == nil)
    }

    @Test("only who opened a stream is listened to") func strangers() throws {
        let (recorder, lifetime) = try makeRecorder()
        let life = MadeUpLife(lifetime: lifetime, incarnation: 2)
        try recorder.say(life.open(), from: "a")
        #expect(try recorder.say(life.rollout(0), from: "stranger").isEmpty)
        #expect(try recorder.say(life.rollout(0), from: "a").acknowledged == 1)
    }

    @Test("who goes on being refused is told seldom, and costs no memory") func storm() throws {
        let (recorder, lifetime) = try makeRecorder()
        let (a, b) = (MadeUpLife(lifetime: lifetime, incarnation: 5), MadeUpLife(lifetime: lifetime, incarnation: 6))
        try recorder.say(b.open(), from: "b")
        var outbox = Outbox()
        for sequence in 0..<2000 {
            try recorder.recorder.receive(
                Envelope(a.rollout(UInt64(sequence))), from: .peer("a"), now: recorder.now, outbox: &outbox)
            try recorder.recorder.receive(
                Envelope(b.rollout(UInt64(sequence + 10))), from: .peer("b"), now: recorder.now, outbox: &outbox)
        }
        #expect(outbox.items.count <= 16)
        #expect(recorder.recorder.numbers["fenced_messages"] == 2000)
        #expect(try recorder.work().durable.filter(\.resend).count == 1)
    }

    @Test("a stranger's claim of more than there is quarantines no sealed stream") func sealedStaysSealed() throws {
        let (recorder, lifetime) = try makeRecorder()
        let life = MadeUpLife(lifetime: lifetime, incarnation: 2)
        try recorder.say(life.open(), from: "a")
        #expect(try recorder.say(life.rollout(0, isLast: true), from: "a").acknowledged == 1)
        for _ in 0..<2 {
            let stranger = MadeUpLife(lifetime: lifetime, incarnation: 1 << 60)
            let opened = try #require(try recorder.say(stranger.open(durable: 900), from: "stranger").opened)
            #expect(opened.streams.first?.state == .ended && opened.streams.first?.nextSequence == 1)
            try recorder.restart()
        }
        #expect(try StreamFolder(path: recorder.folder).quarantined.isEmpty)
        #expect(try StreamFolder(path: recorder.folder).files.allSatisfy { StreamVerification(path: $0).isSound })
    }

    @Test("asynchronous: a rollout that comes again with other content closes its incarnation; the next goes on")
    func differsAsynchronous() throws {
        let (recorder, lifetime) = try makeRecorder()
        var life = MadeUpLife(lifetime: lifetime, incarnation: 2)
        try recorder.say(life.open(), from: "a")
        try recorder.say(life.rollout(0), from: "a")
        #expect(try recorder.say(life.rollout(0), from: "a").acknowledged == 1)
        let refusal = try #require(try recorder.say(life.rollout(0, action: 4), from: "a").refused)
        #expect(refusal.streams.first?.state == .recording && refusal.refusal.contains("came again"))
        life.incarnation = 1 << 16
        #expect(try recorder.say(life.open(), from: "b").opened?.streams.first?.nextSequence == 1)
        #expect(try recorder.say(life.rollout(1), from: "b").acknowledged == 2)
        let file = try #require(try StreamFolder(path: recorder.folder).files.first)
        #expect(StreamVerification(path: file).gaps.map(\.incarnations) == [[2, 1 << 16]])
    }

    @Test("lockstep: who lives again otherwise is told so, and by order the files are moved aside and begun anew")
    func differsLockstep() throws {
        let (recorder, lifetime) = try makeRecorder(lockstep: true)
        var life = MadeUpLife(lifetime: lifetime, incarnation: 1 << 16)
        try recorder.say(life.open(), from: "a")
        for sequence in 0..<3 { try recorder.say(life.rollout(UInt64(sequence)), from: "a") }
        try recorder.restart()
        life.incarnation = 2 << 16
        try recorder.say(life.open(), from: "b")
        #expect(try recorder.say(life.rollout(0), from: "b").refused == nil)
        let refusal = try #require(try recorder.say(life.rollout(1, action: 4), from: "b").refused)
        #expect(refusal.streams.first?.state == .diverged)
        let order = DiscardStreams(lifetime: lifetime, incarnation: 3 << 16, reason: refusal.refusal)
        for _ in 0..<2 {
            let answer = try recorder.say(.discardStreams(order), from: "coordinator", request: 9)
            #expect(answer.contains { if case .acknowledgement = $0.message { true } else { false } })
        }
        #expect(throws: StreamError.self) { try StreamFolder(path: recorder.folder).files.count }
        try recorder.restart()
        let late = try recorder.say(life.open(durable: 3), from: "b")
        #expect(late.opened == nil && late.refused?.streams.first?.incarnation == 3 << 16, "behind the discard")
        life.incarnation = 3 << 16
        #expect(try recorder.say(life.open(), from: "c").opened?.streams.first?.nextSequence == 0)
        #expect(try recorder.say(life.rollout(0, action: 4), from: "c").acknowledged == 1)
        let folder = try StreamFolder(path: recorder.folder)
        #expect(folder.files.count == 1 && folder.discarded.count == 1 && folder.quarantined.isEmpty)
        let mark = try #require(DiscardedStreams(of: folder.discarded[0]))
        #expect(mark.isComplete && mark.count == 1 && mark.reason == refusal.refusal)
    }
}
