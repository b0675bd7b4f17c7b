import Coordination
import Experience
import Foundation
import Nodes
import Simulation
import Testing
import Wire

/// What the coordinator makes of the word that training is over, and of checkpoints alone.
@Suite("The end of training at the coordinator") struct LastWordTests {
    private static let distils = Coordinator.Goal(collects: false, distils: true, evaluates: false)

    private func coordinator(_ checkpoints: [String], change: (URL) throws -> Void = { _ in }) throws -> LoneCoordinator
    {
        try LoneCoordinator(CollectedRun.yaml, goal: Self.distils) { folder in
            let store = URL(fileURLWithPath: folder).appendingPathComponent("checkpoints")
            try FileManager.default.createDirectory(at: store, withIntermediateDirectories: true)
            let source = URL(fileURLWithPath: try CollectedRun.shared.get().folder)
            for name in checkpoints {
                try FileManager.default.copyItem(
                    at: source.appendingPathComponent("checkpoints/distiller/\(name)"),
                    to: store.appendingPathComponent(name))
            }
            try change(store)
        }
    }

    private func finished(_ checkpoint: String) -> Message {
        .distillationFinished(DistillationFinished(checkpoint: checkpoint, numbers: [:]))
    }

    @Test("is read from the last checkpoint where the distiller's word was lost") func withoutWord() throws {
        let lone = try coordinator([CollectedRun.first, CollectedRun.last])
        #expect(lone.coordinator.phase == .distilling)
        _ = try lone.tick()
        #expect(lone.coordinator.phase == .finished)
        #expect(lone.coordinator.isEnding)
    }

    @Test("is not taken from a checkpoint before the last: the training is leased") func before() throws {
        let lone = try coordinator([CollectedRun.first])
        try lone.join(.distiller, "d")
        #expect(try lone.tick().compactMap(\.envelope.resumeFrom) == [CollectedRun.first])
        #expect(lone.coordinator.phase == .distilling)
    }

    @Test("is believed of a distiller that is not leased where the checkpoint says so, and acknowledged")
    func otherName() throws {
        let lone = try coordinator([CollectedRun.last])
        try lone.join(.distiller, "d-renamed")
        let answers = try lone.say(finished(CollectedRun.last), from: "d-renamed")
        #expect(answers.contains { $0.envelope.isAcknowledgement })
        _ = try lone.tick()
        #expect(lone.coordinator.phase == .finished)
        // The acknowledgement was lost.
        let again = try lone.say(finished(CollectedRun.last), from: "d-renamed")
        #expect(again.contains { $0.envelope.isAcknowledgement })
    }

    @Test("is not acknowledged where it is not taken: of no lease, of no checkpoint", arguments: [false, true])
    func notTaken(isLeased: Bool) throws {
        let lone = try coordinator([CollectedRun.first])
        try lone.join(.distiller, "d")
        if isLeased { #expect(try lone.tick().contains { $0.envelope.resumeFrom != nil }) }
        let answers = try lone.say(finished(isLeased ? CollectedRun.last : CollectedRun.first), from: "d")
        #expect(answers.compactMap(\.envelope.failure).count == 1)
        #expect(answers.allSatisfy { !$0.envelope.isAcknowledgement })
        #expect(lone.coordinator.phase == .distilling)
    }

    @Test("a newest checkpoint that is cut off is set aside, and the training goes on from the one before")
    func damaged() throws {
        let lone = try coordinator([CollectedRun.first, CollectedRun.last]) { store in
            let model = store.appendingPathComponent(CollectedRun.last + "/model.safetensors")
            try Data(contentsOf: model).prefix(500).write(to: model)
        }
        try lone.join(.distiller, "d")
        #expect(try lone.tick().compactMap(\.envelope.resumeFrom) == [CollectedRun.first])
        let names = try FileManager.default.contentsOfDirectory(atPath: lone.folder + "/checkpoints").sorted()
        #expect(names == [CollectedRun.first, CollectedRun.last + ".damaged"])
    }

    @Test("what is no checkpoint in the folder is left alone") func strangers() throws {
        let lone = try coordinator([CollectedRun.first]) { store in
            for name in ["tmp-notes", "zz-copy", "step-99999999"] {
                try FileManager.default.createDirectory(
                    at: store.appendingPathComponent(name), withIntermediateDirectories: true)
            }
        }
        try lone.join(.distiller, "d")
        #expect(try lone.tick().compactMap(\.envelope.resumeFrom) == [CollectedRun.first])
        #expect(try FileManager.default.contentsOfDirectory(atPath: lone.folder + "/checkpoints").count == 4)
    }
}

@Suite("Reports to the coordinator") struct ReportTests {
    /// One that is never taken is answered with a refusal, so that its sender forgets it, and not acknowledged.
    private func expectRefusal(_ message: Message, from name: String, at lone: LoneCoordinator) throws {
        let answers = try lone.say(message, from: name).filter { $0.to == name }
        #expect(answers.contains { $0.envelope.failure != nil && $0.envelope.request != 0 }, "\(message)")
        #expect(answers.allSatisfy { !$0.envelope.isAcknowledgement }, "\(message)")
    }

    @Test("of lifetimes and streams that are not leased, or not of this run, are not acknowledged") func collecting()
        throws
    {
        let lone = try LoneCoordinator(smallExperiment(lockstep: false, processes: 1))
        for (role, name) in [(RoleName.recorder, "r"), (.learner, "l"), (.actor, "a")] { try lone.join(role, name) }
        #expect(try lone.tick().count == 2)
        let ours = LifetimeIdentifier(task: 0, repetition: 0)
        let foreign = LifetimeIdentifier(task: 700, repetition: 0)
        for lifetime in [ours, foreign] {
            try expectRefusal(
                .lifetimeFinished(LifetimeFinished(lifetime: lifetime, attempt: 77, numbers: [:])), from: "l", at: lone)
            try expectRefusal(
                .carryingFinished(CarryingFinished(lifetime: lifetime, firstActor: 0, incarnation: 77)), from: "a",
                at: lone)
            try expectRefusal(
                .learnerCheckpoint(LearnerCheckpoint(lifetime: lifetime, attempt: 77, version: 0, state: [])),
                from: "l", at: lone)
        }
        try expectRefusal(
            .streamsSealed(StreamsSealed(lifetime: foreign, streams: [])), from: "r", at: lone)
        try expectRefusal(
            .streamQuarantined(StreamQuarantined(lifetime: foreign, actor: 0, reason: "test")), from: "r", at: lone)
        try expectRefusal(.evaluationResult(EvaluationResult(job: 1, returns: [])), from: "a", at: lone)
    }

    @Test("a refused report is not sent again") func forgotten() throws {
        var sender = ReliableSender()
        var outbox = Outbox()
        let request = sender.send(.acknowledgement, to: .coordinator, now: 0, outbox: &outbox)
        let isForgotten = [Address.peer("a stranger"), .coordinator].map { sender.refuse(request, by: $0) }
        #expect(isForgotten == [false, true])
        #expect(sender.isEmpty)
    }

    private func evaluation() throws -> (LoneCoordinator, EvaluationJob) {
        let lone = try LoneCoordinator(
            smallExperiment(lockstep: false),
            goal: Coordinator.Goal(collects: false, distils: false, evaluates: true, checkpoint: "step-1"))
        for (role, name) in [(RoleName.recorder, "r"), (.evaluator, "e1")] { try lone.join(role, name) }
        for (_, envelope) in try lone.tick() {
            if case .evaluationJob(let job) = envelope.message { return (lone, job) }
        }
        throw ClusterError("no job was leased")
    }

    @Test("an evaluator whose results have the wrong size is named, and ends the run after a bound") func wrongSize()
        throws
    {
        var (lone, job) = try evaluation()
        var attempts = 0
        while lone.coordinator.failure.isEmpty, attempts < 100 {
            attempts += 1
            try expectRefusal(
                .evaluationResult(EvaluationResult(job: job.job, returns: [1])), from: "e1", at: lone)
            for (_, envelope) in try lone.tick(after: 50) {
                if case .evaluationJob(let next) = envelope.message { job = next }
            }
        }
        // Of two jobs each fails twice before one fails for the third time.
        #expect(attempts == 5)
        #expect(lone.coordinator.failure.contains("e1") && lone.coordinator.failure.contains("1 returns"))
        #expect(lone.coordinator.isEnding)
    }

    @Test("a job that one evaluator has failed at goes to another first") func another() throws {
        let (lone, job) = try evaluation()
        try lone.join(.evaluator, "e2")
        _ = try lone.say(.evaluationResult(EvaluationResult(job: job.job, returns: [1])), from: "e1")
        var next: [String: UInt64] = [:]
        for (to, envelope) in try lone.tick() {
            if case .evaluationJob(let job) = envelope.message { next[to] = job.job }
        }
        #expect(next["e1"] != job.job)
    }
}

@Suite("A node that is started before its work exists") struct EarlyNodeTests {
    private func isSentHome(_ role: RoleName, _ goal: Coordinator.Goal) throws -> Bool {
        let lone = try LoneCoordinator(smallExperiment(lockstep: false), goal: goal)
        try lone.join(role, "early")
        var messages: [(to: String, envelope: Envelope)] = []
        for _ in 0..<3 {
            messages += try lone.tick(after: 1000)
            messages += try lone.say(.heartbeat(Heartbeat()), from: "early")
        }
        return messages.contains { to, envelope in
            if case .drain = envelope.message, to == "early" { true } else { false }
        }
    }

    @Test("waits for it", arguments: [RoleName.evaluator, .distiller]) func waits(role: RoleName) throws {
        let isSentHome = try isSentHome(role, Coordinator.Goal(collects: true, distils: true, evaluates: true))
        #expect(!isSentHome)
    }

    @Test("leaves where there will never be any", arguments: [RoleName.evaluator, .distiller])
    func leaves(role: RoleName) throws {
        let isSentHome = try isSentHome(role, Coordinator.Goal(collects: true, distils: false, evaluates: false))
        #expect(isSentHome)
    }
}
