import Coordination
import Environments
import Experience
import Experiments
import Foundation
import Logging
import Nodes
import Simulation
import Testing
import Wire

@Suite("Leases of the coordinator") struct CoordinatorTests {
    @Test("nothing is leased before there are a recorder, a learner and room for all actors") func patience() throws {
        let lone = try LoneCoordinator(smallExperiment(lockstep: false))
        try lone.join(.learner, "l")
        try lone.join(.actor, "a1")
        try lone.join(.actor, "a2")
        #expect(try lone.tick().isEmpty)
        try lone.join(.recorder, "r")
        #expect(try lone.tick().count == 3)
    }

    @Test("every actor of a lifetime has one carrier, and every lifetime one learner") func oneHolder() throws {
        let lone = try LoneCoordinator(smallExperiment(lockstep: false, actors: 5, processes: 3, trainTasks: 2))
        for (role, name) in [
            (RoleName.recorder, "r"), (.learner, "l1"), (.actor, "a1"), (.actor, "a2"), (.actor, "a3"),
        ] {
            try lone.join(role, name)
        }
        var holders: [LifetimeIdentifier: [Int]] = [:]
        var learners: [LifetimeIdentifier: Set<String>] = [:]
        var incarnations: Set<UInt64> = []
        for (to, envelope) in try lone.tick() {
            if case .carryActors(let carry) = envelope.message {
                holders[carry.lifetime, default: []] += Array(carry.actors)
                #expect(incarnations.insert(carry.incarnation).inserted)
                #expect(carry.learnerEndpoint == "sim:l1" && carry.recorderEndpoint == "sim:r")
            }
            if case .learnLifetime(let learn) = envelope.message { learners[learn.lifetime, default: []].insert(to) }
        }
        // One learner takes one lifetime; the other waits.
        #expect(holders.count == 1 && learners.count == 1)
        #expect(holders.values.first?.sorted() == [0, 1, 2, 3, 4])
        #expect(try lone.tick().isEmpty)
    }

    @Test("a command is sent again until it is acknowledged, and never after its node has gone") func commands() throws
    {
        let lone = try LoneCoordinator(smallExperiment(lockstep: false, processes: 1))
        for (role, name) in [(RoleName.recorder, "r"), (.learner, "l"), (.actor, "a")] { try lone.join(role, name) }
        let first = try lone.tick()
        #expect(first.count == 2)
        let carry = try #require(first.first { $0.to == "a" })
        _ = try lone.coordinatorAcknowledge(carry.envelope.request, from: "a")
        #expect(try lone.tick(after: 1000).map(\.to) == ["l"])
        _ = try lone.say(.drain(node: "l"), from: "l")
        #expect(try lone.tick(after: 1000).allSatisfy { $0.to != "l" })
    }

    @Test("an evaluation's result counts once, whoever brings it") func results() throws {
        let lone = try LoneCoordinator(
            smallExperiment(lockstep: false),
            goal: Coordinator.Goal(collects: false, distils: false, evaluates: true, checkpoint: "step-1"))
        for (role, name) in [(RoleName.recorder, "r"), (.evaluator, "e1"), (.evaluator, "e2")] {
            try lone.join(role, name)
        }
        var jobs: [String: EvaluationJob] = [:]
        for (to, envelope) in try lone.tick() {
            if case .evaluationJob(let job) = envelope.message { jobs[to] = job }
        }
        #expect(Set(jobs.values.map(\.job)).count == 2)
        let job = try #require(jobs["e1"])
        let result = EvaluationResult(job: job.job, returns: [Float](repeating: 1, count: job.seeds * job.episodes))
        _ = try lone.say(.evaluationResult(EvaluationResult(job: job.job, returns: [1])), from: "e2")
        #expect(lone.journal.results.isEmpty)
        for name in ["e2", "e1", "e1"] { _ = try lone.say(.evaluationResult(result), from: name) }
        #expect(lone.journal.results == [FinishedJob(evaluation: job.evaluation, task: job.task)])
        _ = try lone.say(.evaluationResult(EvaluationResult(job: 4711, returns: [])), from: "e1")
        #expect(lone.journal.results == [FinishedJob(evaluation: job.evaluation, task: job.task)])
    }

    @Test("a silent evaluator's job goes to another, as another incarnation") func silentEvaluator() throws {
        let lone = try LoneCoordinator(
            smallExperiment(lockstep: false),
            goal: Coordinator.Goal(collects: false, distils: false, evaluates: true, checkpoint: "step-1"))
        for (role, name) in [(RoleName.recorder, "r"), (.evaluator, "e1")] { try lone.join(role, name) }
        guard case .evaluationJob(let first)? = try lone.tick().first?.envelope.message else {
            Issue.record("no job was leased")
            return
        }
        for _ in 0..<8 { _ = try lone.tick(after: 500) }
        try lone.join(.evaluator, "e2")
        _ = try lone.say(.heartbeat(Heartbeat()), from: "r")
        let again = try lone.tick(after: 1500).compactMap { to, envelope -> EvaluationJob? in
            if case .evaluationJob(let job) = envelope.message, to == "e2" { job } else { nil }
        }
        #expect(again.map(\.job) == [first.job])
        #expect(again.map(\.incarnation) == [first.incarnation + 1])
        // It was silent for too long: it is to come back as another.
        let answers = try lone.say(.heartbeat(Heartbeat()), from: "e1")
        #expect(answers.contains { if case .rejoin = $0.envelope.message { true } else { false } })
        // The same where it hung before it had its welcome: the first job may still be on its way to that name.
        let hello = Hello(role: .evaluator, name: "e1", host: "h", process: 1, endpoint: "", capacity: 0)
        let late = try lone.say(.hello(hello), from: "e1").map(\.envelope.message)
        #expect(late.contains { if case .rejoin = $0 { true } else { false } })
        #expect(!late.contains { if case .welcome = $0 { true } else { false } })
    }
}

@Suite("A run that is taken up again") struct ResumptionTests {
    private let finished = LifetimeIdentifier(task: 0, repetition: 0)
    private let interrupted = LifetimeIdentifier(task: 1, repetition: 0)

    private func resume(lockstep: Bool) throws -> LoneCoordinator {
        var progress = Coordination.Progress()
        progress.attempts = [finished: 1, interrupted: 3]
        progress.lifetimes = [finished]
        progress.sealed[finished] = [0, 1]
        let lone = try LoneCoordinator(
            smallExperiment(lockstep: lockstep, learners: 9, trainTasks: 2), finished: progress)
        for (role, name) in [(RoleName.recorder, "r"), (.actor, "a1"), (.actor, "a2")] { try lone.join(role, name) }
        for learner in 0..<9 { try lone.join(.learner, "l\(learner)") }
        return lone
    }

    private func leases(_ lone: LoneCoordinator) throws -> [LifetimeIdentifier: UInt64] {
        var attempts: [LifetimeIdentifier: UInt64] = [:]
        for (_, envelope) in try lone.tick() {
            if case .learnLifetime(let learn) = envelope.message { attempts[learn.lifetime] = learn.attempt }
        }
        return attempts
    }

    @Test("what was interrupted is begun once more, what was finished is not", arguments: [true, false])
    func interruptedLifetime(lockstep: Bool) throws {
        let lone = try resume(lockstep: lockstep)
        #expect(try leases(lone) == [interrupted: 4])
        #expect(lone.journal.ended.isEmpty)
    }

    @Test("what had ended without the word that its last stream was sealed is sealed") func seals() throws {
        let lone = try resume(lockstep: false)
        var seals: [SealStreams] = []
        for (to, envelope) in try lone.tick(after: 1000) where to == "r" {
            if case .sealStreams(let seal) = envelope.message { seals.append(seal) }
        }
        // Its end was written down, but not that its last stream was sealed.
        #expect(seals.contains(SealStreams(lifetime: finished, actors: [2])))
        #expect(seals.count == 1)
    }
}

extension LoneCoordinator {
    func coordinatorAcknowledge(_ request: UInt64, from name: String) throws -> [(to: String, envelope: Envelope)] {
        var outbox = Outbox()
        try coordinator.receive(
            Envelope(.acknowledgement, request: request), from: .peer(name), now: now, outbox: &outbox)
        return []
    }
}
