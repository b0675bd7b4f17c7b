import Collecting
import Distilling
import Environments
import Experience
import Experiments
import Nodes
import Simulation
import Testing
import Wire

/// One role, spoken to by hand.
private final class Spoken<Spoken: Role> {
    let role: Spoken
    private(set) var now: UInt64 = 1_000_000_000

    init(_ role: Spoken) throws {
        self.role = role
        try role.begin(
            Welcome(
                run: "test", experiment: smallExperiment(lockstep: false), heartbeatIntervalMilliseconds: 1000,
                silenceLimitMilliseconds: 5000, folder: ""), now: 0)
    }

    @discardableResult
    func say(_ message: Message, from sender: Address, request: UInt64 = 0) throws -> [Envelope] {
        var outbox = Outbox()
        try role.receive(Envelope(message, request: request), from: sender, now: now, outbox: &outbox)
        return try sent(outbox)
    }

    func tick(after milliseconds: UInt64) throws -> [Envelope] {
        now += milliseconds * 1_000_000
        var outbox = Outbox()
        try role.tick(now: now, outbox: &outbox)
        return try sent(outbox)
    }

    private func sent(_ outbox: Outbox) throws -> [Envelope] {
        try outbox.items.map { try Envelope(decoding: $0.bytes) }
    }
}

extension [Envelope] {
    fileprivate var refused: [StreamsRefused] {
        compactMap { if case .streamsRefused(let refused) = $0.message { refused } else { nil } }
    }
    fileprivate var joins: [(join: JoinLifetime, request: UInt64)] {
        compactMap { if case .joinLifetime(let join) = $0.message { (join, $0.request) } else { nil } }
    }
    fileprivate var finished: [CarryingFinished] {
        compactMap { if case .carryingFinished(let finished) = $0.message { finished } else { nil } }
    }
    fileprivate var failures: [(reason: String, request: UInt64)] {
        compactMap { if case .failure(let reason) = $0.message { (reason, $0.request) } else { nil } }
    }
}

@Suite("Who was replaced gives up what is its own, and nothing later for a word that comes late")
struct LateRefusalTests {
    private let lifetime: LifetimeIdentifier
    private let learner = Address.endpoint("sim:l")
    private let recorder = Address.endpoint("sim:r")

    init() throws {
        let context = try ExperimentContext(
            experiment: Experiment(yaml: smallExperiment(lockstep: false), file: "the test"), folder: "")
        lifetime = LifetimeIdentifier(
            task: try #require(context.experiment.trainTasks(of: context.distribution).first), repetition: 0)
    }

    private func carry(
        _ actors: Range<Int>, incarnation: UInt64, attempt: UInt64 = 1, learner: String = "sim:l"
    ) -> Message {
        .carryActors(
            CarryActors(
                lifetime: lifetime, actors: actors, incarnation: incarnation, attempt: attempt,
                learnerEndpoint: learner, recorderEndpoint: "sim:r", recordedActors: 3))
    }

    private func durable(
        _ lifetime: LifetimeIdentifier, _ incarnation: UInt64, _ state: StreamState = .recording
    ) -> Message {
        .rolloutsDurable(
            RolloutsDurable(
                lifetime: lifetime, streams: [.init(actor: 0, nextSequence: 0, incarnation: incarnation, state: state)],
                resend: false, refusal: "the stream is at incarnation \(incarnation)"))
    }

    @Test(
        "an actor process goes on with a part though the recorder's refusal of an earlier one of it comes late",
        arguments: [StreamState.recording, .diverged])
    func actors(state: StreamState) throws {
        let actor = try Spoken(ActorRole(capacity: 3))
        try actor.say(carry(0..<2, incarnation: 5), from: .coordinator, request: 1)
        try actor.say(carry(0..<2, incarnation: 9, attempt: 2), from: .coordinator, request: 2)
        // Incarnation 5 was refused: the recorder had told it to be above.
        for late in UInt64(6)...9 {
            #expect(try actor.say(durable(lifetime, late, state), from: recorder).refused.isEmpty)
        }
        #expect(actor.role.numbers["refused_parts"] == 0 && actor.role.parts(now: actor.now).count == 1)
        let refused = try actor.say(durable(lifetime, 10, state), from: recorder).refused
        #expect(refused.map(\.incarnation) == [9] && refused.map(\.above) == [9])
        #expect(
            refused.map(\.cause) == [state == .diverged ? .divergence : .refusal]
                && actor.role.parts(now: actor.now).isEmpty)
    }

    @Test("an actor process takes up no part of an attempt that a later one of the lifetime has overtaken")
    func earlierAttempt() throws {
        let actor = try Spoken(ActorRole(capacity: 3))
        try actor.say(carry(2..<3, incarnation: 1 << 16, attempt: 2), from: .coordinator, request: 2)
        // An order that was long on its way: these actors are others' by now.
        let said = try actor.say(carry(0..<2, incarnation: 0), from: .coordinator, request: 1)
        #expect(said.joins.isEmpty && said.count == 1, "it is acknowledged alone")
        #expect(actor.role.parts(now: actor.now).map(\.actors) == [2..<3])
        // More of the same attempt, or of a later one, are taken up.
        let more = try actor.say(carry(0..<2, incarnation: 1 << 16, attempt: 2), from: .coordinator, request: 3)
        #expect(more.joins.map(\.join.actors) == [0..<2])
    }

    @Test(
        "an actor process that has not joined a lifetime whose learner has ended it and left is done with it",
        arguments: [true, false])
    func endedBeforeJoining(wasAsked: Bool) throws {
        let actor = try Spoken(ActorRole(capacity: 3))
        if wasAsked {
            #expect(try !actor.say(carry(2..<3, incarnation: 5), from: .coordinator, request: 1).joins.isEmpty)
            #expect(try actor.tick(after: 50).finished.isEmpty)
        }
        let said = try actor.say(carry(2..<3, incarnation: 5, learner: ""), from: .coordinator, request: 2)
        #expect(said.joins.isEmpty)
        #expect(try actor.tick(after: 50).finished.map(\.incarnation) == [5])
        #expect(actor.role.parts(now: actor.now).isEmpty)
    }

    @Test(
        "an evaluator goes on with a job though the recorder's refusal of an earlier lease of it comes late",
        arguments: [StreamState.recording, .diverged])
    func evaluators(state: StreamState) throws {
        let evaluator = try Spoken(EvaluatorRole())
        let job = EvaluationJob(
            job: 1, evaluation: "step-7-test", checkpoint: "step-7", task: lifetime.task, seeds: 2, episodes: 3,
            policy: .inContext(temperature: 1, clearContext: false), recorderEndpoint: "sim:r", incarnation: 9)
        try evaluator.say(.evaluationJob(job), from: .coordinator, request: 1)
        let evaluation = LifetimeIdentifier(
            collection: .evaluation("step-7-test"), task: lifetime.task, repetition: 0)
        for late in UInt64(6)...9 {
            #expect(try evaluator.say(durable(evaluation, late, state), from: recorder).refused.isEmpty)
        }
        #expect(evaluator.role.numbers["refused_jobs"] == 0 && evaluator.role.waiting(now: evaluator.now) != nil)
        let refused = try evaluator.say(durable(evaluation, 10, state), from: recorder).refused
        #expect(refused.map(\.incarnation) == [9] && evaluator.role.numbers["refused_jobs"] == 1)
        #expect(evaluator.role.waiting(now: evaluator.now) == nil)
    }

    @Test("a learner refuses an incarnation that was replaced, in answer to its question, and keeps the later one")
    func replaced() throws {
        let learner = try Spoken(LearnerRole(capacity: 1))
        try learner.say(
            .learnLifetime(LearnLifetime(lifetime: lifetime, attempt: 1, actors: 3)), from: .coordinator, request: 1)
        func join(_ incarnation: UInt64, from name: String, request: UInt64) throws -> [Envelope] {
            try learner.say(
                .joinLifetime(
                    JoinLifetime(lifetime: lifetime, attempt: 1, actors: 0..<2, incarnation: incarnation)),
                from: .peer(name), request: request)
        }
        #expect(try join(8, from: "b", request: 3).failures.isEmpty)
        let refusal = try #require(try join(7, from: "a", request: 4).failures.first)
        #expect(refusal.request == 4 && refusal.reason.contains("incarnation 8 since, 7 was replaced"))
        #expect(learner.role.numbers["refused_messages"] == 1)
        #expect(try join(8, from: "b", request: 5).failures.isEmpty, "asked again")
        // And a later one takes the place.
        #expect(try join(9, from: "c", request: 6).failures.isEmpty)
        #expect(try join(8, from: "b", request: 7).failures.count == 1)
    }

    @Test("an actor process gives back a part that its learner refuses time and again; its other parts go on")
    func refusedJoins() throws {
        let actor = try Spoken(ActorRole(capacity: 3))
        var question = try #require(
            try actor.say(carry(0..<2, incarnation: 7), from: .coordinator, request: 1).joins.first)
        try actor.say(carry(2..<3, incarnation: 7), from: .coordinator, request: 2)
        for refusals in 1...ActorRole.refusedJoinLimit {
            // What answers another question, what another says, and what is said twice is no refusal.
            try actor.say(.failure("another question"), from: learner, request: question.request + 1000)
            try actor.say(.failure("another learner"), from: .endpoint("sim:other"), request: question.request)
            let answer = try actor.say(.failure("7 was replaced"), from: learner, request: question.request)
            try actor.say(.failure("7 was replaced"), from: learner, request: question.request)
            if refusals == ActorRole.refusedJoinLimit {
                #expect(answer.refused.map(\.firstActor) == [0] && answer.refused.map(\.reason) == ["7 was replaced"])
                #expect(answer.refused.map(\.above) == [7])
                break
            }
            #expect(answer.refused.isEmpty && actor.role.parts(now: actor.now).count == 2)
            let asked = try actor.tick(after: ActorRole.longestRequestIntervalMilliseconds).joins
            question = try #require(asked.first { $0.join.actors == 0..<2 })
        }
        #expect(actor.role.numbers["refused_parts"] == 1)
        #expect(actor.role.parts(now: actor.now).map(\.actors) == [2..<3])
        let asked = try actor.tick(after: ActorRole.longestRequestIntervalMilliseconds).joins
        #expect(asked.map(\.join.actors) == [2..<3])
    }
}
