import Collecting
import Environments
import Experience
import Experiments
import Histories
import Simulation
import Testing
import Wire

@Suite("What is lived again is called durable only as far as it was compared") struct LivedAgainTests {
    private func makeRecorder(
        _ kind: Kind, clock: SteppingClock? = nil, growsElsewhere: Bool = false
    ) throws -> (LoneRecorder, LifetimeIdentifier) {
        let recorder = try LoneRecorder(
            smallExperiment(lockstep: kind == .lockstep, actors: 1, processes: 1), clock: clock,
            growsElsewhere: growsElsewhere)
        let context = try ExperimentContext(
            experiment: Experiment(yaml: recorder.experiment, file: "the test"), folder: recorder.folder)
        let task = try #require(context.experiment.trainTasks(of: context.distribution).first)
        let collection: StreamCollection = kind == .lockstep ? .histories : .evaluation("step-7-test")
        return (recorder, LifetimeIdentifier(collection: collection, task: task, repetition: 0))
    }

    enum Kind: CaseIterable { case lockstep, evaluation }

    private func open(_ life: MadeUpLife, durable: UInt64 = 0) -> Message {
        guard case .openStreams(var request) = life.open(durable: durable) else { return life.open(durable: durable) }
        if life.lifetime.collection != .histories {
            request.source =
                EvaluationSource(
                    evaluation: "step-7-test", checkpoint: "step-7",
                    policy: .inContext(temperature: 1, clearContext: false)
                )
                .json
        }
        return .openStreams(request)
    }

    /// A stream of three rollouts, the last marked, that `a` has brought; then `b` opens it.
    private func livedOnce(
        _ kind: Kind, isEnded: Bool, clock: SteppingClock? = nil, growsElsewhere: Bool = false
    ) throws -> (recorder: LoneRecorder, second: MadeUpLife) {
        let (recorder, lifetime) = try makeRecorder(kind, clock: clock, growsElsewhere: growsElsewhere)
        let first = MadeUpLife(lifetime: lifetime, incarnation: 1 << 16)
        #expect(try recorder.say(open(first), from: "a").opened != nil)
        for sequence in UInt64(0)..<3 {
            let rollout = first.rollout(sequence, isLast: isEnded && sequence == 2)
            #expect(try recorder.say(rollout, from: "a").acknowledged == sequence + 1)
        }
        return (recorder, MadeUpLife(lifetime: lifetime, incarnation: 2 << 16))
    }

    @Test(
        "a carrier whose rollouts were lost on the way is not told that all is durable, though the file has them of another",
        arguments: Kind.allCases, [false, true])
    func lost(kind: Kind, isEnded: Bool) throws {
        let (recorder, second) = try livedOnce(kind, isEnded: isEnded)
        let answer = try recorder.say(open(second), from: "b")
        #expect(answer.opened?.streams.first?.nextSequence == 0)
        #expect(answer.acknowledged == 0)
        // 0 and 1 are lost.
        let behind = try recorder.say(second.rollout(2, isLast: isEnded), from: "b")
        #expect(behind.durable.contains { $0.resend })
        #expect(behind.durable.allSatisfy { $0.streams.allSatisfy { $0.nextSequence == 0 } })
        for sequence in UInt64(0)..<3 {
            let rollout = second.rollout(sequence, isLast: isEnded && sequence == 2)
            #expect(try recorder.say(rollout, from: "b").acknowledged == sequence + 1)
        }
    }

    @Test("nor is what comes behind the file written before the rest was compared", arguments: Kind.allCases)
    func ahead(kind: Kind) throws {
        let (recorder, second) = try livedOnce(kind, isEnded: false)
        try recorder.say(open(second), from: "b")
        let behind = try recorder.say(second.rollout(3), from: "b")
        #expect(behind.durable.contains { $0.resend } && behind.acknowledged == 0)
        for sequence in UInt64(0)..<4 {
            #expect(try recorder.say(second.rollout(sequence), from: "b").acknowledged == sequence + 1)
        }
    }

    @Test(
        "a rollout that differs is refused as diverged, whichever it is, and nothing behind it is called durable",
        arguments: Kind.allCases, [0, 1, 2] as [UInt64])
    func differs(kind: Kind, at place: UInt64) throws {
        let (recorder, second) = try livedOnce(kind, isEnded: true)
        try recorder.say(open(second), from: "b")
        for sequence in 0..<place {
            #expect(try recorder.say(second.rollout(sequence), from: "b").acknowledged == sequence + 1)
        }
        let answer = try recorder.say(second.rollout(place, action: 4, isLast: place == 2), from: "b")
        let refusal = try #require(answer.refused)
        #expect(refusal.streams.first?.state == .diverged && refusal.refusal.contains("came again"))
        #expect(refusal.streams.first?.incarnation ?? 0 > second.incarnation && answer.acknowledged == nil)
    }

    @Test("what was called durable to the carrier itself is not asked for again", arguments: Kind.allCases)
    func own(kind: Kind) throws {
        let (recorder, second) = try livedOnce(kind, isEnded: false)
        try recorder.say(open(second), from: "b")
        for sequence in UInt64(0)..<2 { try recorder.say(second.rollout(sequence), from: "b") }
        try recorder.restart()
        let answer = try recorder.say(open(second, durable: 2), from: "b")
        #expect(answer.opened?.streams.first?.nextSequence == 2 && answer.acknowledged == 2)
        #expect(try recorder.say(second.rollout(2), from: "b").acknowledged == 3)
    }

    /// The stream is on its way home by then, and its file is not where the recorder had it.
    @Test(
        "what comes again to a recorder whose files are closed is not compared, and the stream is whole",
        arguments: Kind.allCases, [false, true])
    func leaving(kind: Kind, growsElsewhere: Bool) throws {
        let (recorder, second) = try livedOnce(
            kind, isEnded: false, clock: SteppingClock(milliseconds: 20), growsElsewhere: growsElsewhere)
        try recorder.say(open(second), from: "b")
        recorder.recorder.drain(now: recorder.now)
        while !recorder.recorder.hasClosedFiles { _ = try recorder.turn() }
        _ = try recorder.turn()
        for sequence in UInt64(0)..<3 {
            let said = try recorder.say(second.rollout(sequence), from: "b")
            #expect(said.durable.isEmpty && said.refused == nil)
        }
        #expect(recorder.recorder.isFinished)
        let stream = StreamIdentifier(lifetime: second.lifetime, actor: 0)
        #expect(StreamQuarantine(of: "\(recorder.folder)/\(stream.path)") == nil)
        try recorder.restart()
        #expect(try recorder.say(open(second), from: "c").opened != nil)
        for sequence in UInt64(0)..<3 {
            #expect(try recorder.say(second.rollout(sequence), from: "c").acknowledged == sequence + 1)
        }
    }
}
