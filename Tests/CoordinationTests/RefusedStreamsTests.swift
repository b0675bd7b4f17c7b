import Coordination
import Experience
import Foundation
import Simulation
import Testing
import Wire

@Suite("A carrier whose streams the recorder refuses") struct RefusedStreamsTests {
    private struct Leases {
        var learn: LearnLifetime?
        var carry: CarryActors?
    }

    private func cluster(lockstep: Bool = false) throws -> (LoneCoordinator, Leases) {
        let lone = try LoneCoordinator(smallExperiment(lockstep: lockstep, actors: 1, processes: 1))
        for (role, name) in [(RoleName.recorder, "r"), (.learner, "l"), (.actor, "a")] { try lone.join(role, name) }
        return (lone, leases(try lone.tick()))
    }

    private func leases(_ sent: [(to: String, envelope: Envelope)]) -> Leases {
        var leases = Leases()
        for (_, envelope) in sent {
            if case .learnLifetime(let learn) = envelope.message { leases.learn = learn }
            if case .carryActors(let carry) = envelope.message { leases.carry = carry }
        }
        return leases
    }

    private func refusal(of carry: CarryActors, above: UInt64, cause: StreamsRefused.Cause = .refusal) -> Message {
        .streamsRefused(
            StreamsRefused(
                lifetime: carry.lifetime, firstActor: carry.actors.lowerBound, incarnation: carry.incarnation,
                above: above, reason: "the file is further", cause: cause))
    }

    /// Heartbeats keep everybody alive while time goes on.
    private func wait(_ lone: LoneCoordinator, milliseconds: UInt64) throws -> Leases {
        var found = Leases()
        for _ in 0..<max(1, milliseconds / 1000) {
            for name in ["r", "l", "a"] { _ = try lone.say(.heartbeat(Heartbeat()), from: name) }
            let new = leases(try lone.tick(after: min(milliseconds, 1000)))
            found.learn = new.learn ?? found.learn
            found.carry = new.carry ?? found.carry
        }
        return found
    }

    @Test("the lifetime is taken up by an attempt whose incarnations are above what its files hold, and that is kept")
    func taken() throws {
        let (lone, first) = try cluster()
        let carry = try #require(first.carry)
        #expect(carry.attempt == 1 && carry.incarnation == 0)
        let released = try lone.say(refusal(of: carry, above: 5 << 16 | 3), from: "a")
        #expect(released.contains { if case .releaseLifetime = $0.envelope.message { $0.to == "l" } else { false } })
        let second = try #require(try wait(lone, milliseconds: 50).carry)
        #expect(second.incarnation > 5 << 16 | 3 && second.attempt == second.incarnation >> 16 + 1)
        #expect(lone.journal.attempts == [carry.lifetime: second.attempt])
        let waits = lone.coordinator.status(now: lone.now).waits
        _ = try lone.tick(after: 1000)
        #expect(
            lone.coordinator.status(now: lone.now).waits.contains {
                $0.whom == "r" && $0.why.contains("the file is further") && $0.why.contains("refused 1 time")
            }, "\(waits)")
    }

    @Test("another's word, or that of a carrier that was replaced, takes nothing up again") func strangers() throws {
        let (lone, first) = try cluster()
        let carry = try #require(first.carry)
        try lone.join(.actor, "b")
        var older = carry
        older.incarnation += 7
        for (message, name) in [(refusal(of: carry, above: 9), "b"), (refusal(of: older, above: 9), "a")] {
            #expect(try lone.say(message, from: name).count == 1, "an acknowledgement alone")
        }
        #expect(leases(try lone.tick(after: 1000)).carry?.incarnation ?? carry.incarnation == carry.incarnation)
        // A number that nobody has given out raises nothing.
        _ = try lone.say(refusal(of: carry, above: .max - 1), from: "a")
        #expect(try #require(try wait(lone, milliseconds: 50).carry).attempt == 2)
    }

    @Test("refused again and again, the lifetime rests ever longer, and then the run fails and says why")
    func bounded() throws {
        let (lone, first) = try cluster()
        var carry = try #require(first.carry)
        var rests: [UInt64] = []
        for _ in 0..<Coordinator.refusalLimit {
            _ = try lone.say(refusal(of: carry, above: carry.incarnation), from: "a")
            #expect(lone.coordinator.failure.isEmpty)
            let began = lone.now
            var next: CarryActors?
            while next == nil, lone.now < began + 60_000_000_000 {
                let found = try wait(lone, milliseconds: 500).carry
                if let found, found.incarnation > carry.incarnation { next = found }
            }
            carry = try #require(next)
            rests.append((lone.now - began) / 1_000_000_000)
        }
        #expect(rests == rests.sorted() && rests.last ?? 0 >= 30, "\(rests)")
        _ = try lone.say(refusal(of: carry, above: carry.incarnation), from: "a")
        #expect(lone.coordinator.failure.contains("refused the streams of"))
        #expect(lone.coordinator.failure.contains("the file is further"))
    }

    @Test("lockstep: what came out otherwise is lived from its beginning, once the recorder has moved the files aside")
    func diverged() throws {
        let (lone, first) = try cluster(lockstep: true)
        let carry = try #require(first.carry)
        let state = "\(lone.folder)/checkpoints/learner/task-0000\(carry.lifetime.task)/lifetime-000"
        try FileManager.default.createDirectory(atPath: state, withIntermediateDirectories: true)
        try Data([1, 2, 3]).write(to: URL(filePath: state + "/learner.state"))
        let sent = try lone.say(refusal(of: carry, above: 0, cause: .divergence), from: "a")
        #expect(!FileManager.default.fileExists(atPath: state + "/learner.state"))
        var order: (request: UInt64, discard: DiscardStreams)?
        for (to, envelope) in sent {
            if case .discardStreams(let discard) = envelope.message, to == "r" { order = (envelope.request, discard) }
        }
        let (request, discard) = try #require(order)
        #expect(try wait(lone, milliseconds: 3000).carry?.incarnation ?? carry.incarnation == carry.incarnation)
        _ = try lone.coordinatorAcknowledge(request, from: "r")
        let again = try #require(try wait(lone, milliseconds: 1000).carry)
        #expect(again.incarnation >= discard.incarnation && again.incarnation > carry.incarnation)
    }
}
