import Collecting
import Coordination
import Distilling
import Experience
import Experiments
import Foundation
import Logging
import Nodes
import Simulation
import Testing
import Transport
import Wire

/// One test a row of the table "Who is trusted with what" in docs/security.md: what the holder of an allowed key of one
/// role can do to others. That a name cannot be used with another's key is `CurveTests.impostor`.
@Suite("Who may say what") struct IdentityTests {
    private let lifetime = LifetimeIdentifier(task: 0, repetition: 0)

    private func key(_ byte: UInt8) -> [UInt8] { [UInt8](repeating: byte, count: 32) }

    private func name(_ base: String, _ byte: UInt8) -> String { boundName(base, to: PublicKey(bytes: key(byte))) }

    /// A coordinator whose clients' keys are bound to these roles, by number of the key.
    private func coordinator(_ roles: [KeyRoles], _ yaml: String? = nil) throws -> LoneCoordinator {
        let lone = try LoneCoordinator(yaml ?? smallExperiment(lockstep: false))
        lone.coordinator.allow(
            AllowedKeys(generation: 1, keys: roles.indices.map { key(UInt8($0)) }, roles: roles))
        return lone
    }

    private func hello(_ role: RoleName, _ name: String) throws -> Message {
        let endpoint = ServerAddress(endpoint: "tcp://127.0.0.1:5", key: try SecretKey.generate().publicKey)
        return .hello(
            Hello(role: role, name: name, host: "h", process: 1, endpoint: "\(endpoint)", capacity: 0))
    }

    private func reason(_ answers: [(to: String, envelope: Envelope)]) -> String? {
        for case .failure(let reason) in answers.map(\.envelope.message) { return reason }
        return nil
    }

    // MARK: - Keys of one role

    @Test("a key of one role is refused as every other, with what to do", arguments: KeyRoles.names.map(\.name))
    func otherRoles(own: String) throws {
        let roles = try KeyRoles(names: [own])
        let lone = try coordinator([roles])
        for role in RoleName.allCases where role != .coordinator {
            let name = name("\(role.rawValue)", 0)
            let refusal = reason(try lone.say(hello(role, name), from: name))
            if role.rawValue == own {
                #expect(refusal == nil)
            } else {
                #expect(refusal?.contains("may be used as \(own)") == true && refusal?.contains("--role") == true)
            }
        }
        #expect(lone.coordinator.status(now: lone.now).nodes.count == (own == "client" ? 0 : 1))
    }

    @Test(
        "a worker's key does not scale, drain or stop the run, but may ask for status",
        arguments: ["actor", "learner", "recorder", "distiller", "evaluator"])
    func orders(own: String) throws {
        let lone = try coordinator([try KeyRoles(names: [own]), .client])
        let victim = name("victim", 0)
        _ = try lone.say(hello(#require(RoleName(rawValue: own)), victim), from: victim)
        let before = lone.coordinator.deployment.processes
        for order in [Message.stop, .scale(actors: 90), .drain(node: victim)] {
            #expect(reason(try lone.say(order, from: name("x", 0)))?.contains("--role client") == true)
        }
        #expect(!lone.coordinator.deployment.stopped)
        #expect(lone.coordinator.deployment.processes == before)
        let answers = try lone.say(.statusRequest, from: name("x", 0))
        guard case .statusAnswer? = answers.first?.envelope.message else {
            Issue.record("\(answers)")
            return
        }
        #expect(reason(try lone.say(.stop, from: name("c", 1))) == nil)
        #expect(lone.coordinator.deployment.stopped)
    }

    @Test("a supervisor ends the membership of processes on the host that it named, and of no others")
    func otherHost() throws {
        let lone = try LoneCoordinator(smallExperiment(lockstep: false))
        func join(_ role: RoleName, _ name: String, host: String) throws {
            let hello = Hello(role: role, name: name, host: host, process: 7, endpoint: "sim:\(name)", capacity: 0)
            _ = try lone.say(.hello(hello), from: name)
        }
        try join(.supervisor, "here", host: "here")
        try join(.actor, "ours", host: "here")
        try join(.actor, "theirs", host: "there")
        _ = try lone.say(.processEnded(7), from: "here")
        #expect(lone.coordinator.status(now: lone.now).nodes.map(\.name).sorted() == ["here", "theirs"])
        // Another role's word for it counts nothing.
        _ = try lone.say(.processEnded(7), from: "theirs")
        #expect(lone.coordinator.status(now: lone.now).nodes.count == 2)
    }

    @Test("a key that is bound to another role while its node is at work takes the node's leases away")
    func changed() throws {
        let lone = try coordinator([.actor])
        let actor = name("a", 0)
        _ = try lone.say(hello(.actor, actor), from: actor)
        lone.coordinator.allow(AllowedKeys(generation: 2, keys: [key(0)], roles: [.evaluator]))
        _ = try lone.tick()
        #expect(lone.coordinator.status(now: lone.now).nodes.isEmpty)
    }

    @Test("learners let actors connect, recorders actors and evaluators, and nobody else") func clients() {
        let every = AllowedKeys(
            generation: 1, keys: KeyRoles.names.indices.map { key(UInt8($0)) }, roles: KeyRoles.names.map(\.roles))
        #expect(every.keys(of: .learner) == [key(0)])
        #expect(every.keys(of: .recorder) == [key(0), key(4)])
        #expect(AllowedKeys(generation: 1, keys: [key(0)]).keys(of: .learner) == [key(0)], "any role is an actor too")
    }

    // MARK: - Leases

    /// The leases of a run with one carrier, as the coordinator gave them out, and its servers' secrets.
    private struct Leased {
        let carry: CarryActors
        let learn: LearnLifetime
        let welcomes: [String: Welcome]
        let folder: String
        let lone: LoneCoordinator
    }

    private func lease() throws -> Leased {
        let lone = try LoneCoordinator(smallExperiment(lockstep: false, actors: 2, processes: 1))
        var welcomes: [String: Welcome] = [:]
        for (role, name) in [(RoleName.recorder, "r"), (.learner, "l"), (.actor, "a")] {
            let hello = Hello(role: role, name: name, host: "h", process: 1, endpoint: "sim:\(name)", capacity: 0)
            for case .welcome(let welcome) in try lone.say(.hello(hello), from: name).map(\.envelope.message) {
                welcomes[name] = welcome
            }
            if role == .recorder { _ = try lone.record(by: name) }
        }
        let sent = try lone.tick().map(\.envelope.message)
        var carry: CarryActors?
        var learn: LearnLifetime?
        for message in sent {
            if case .carryActors(let lease) = message { carry = lease }
            if case .learnLifetime(let lease) = message { learn = lease }
        }
        return Leased(
            carry: try #require(carry), learn: try #require(learn), welcomes: welcomes, folder: lone.folder, lone: lone)
    }

    private func answers(
        of role: any Role, to message: Message, from sender: Address
    ) throws -> [(address: Address?, message: Message)] {
        var outbox = Outbox()
        try role.receive(Envelope(message), from: sender, now: 1_000_000_000, outbox: &outbox)
        return try outbox.items.map { ($0.addresses.first, try Envelope(decoding: $0.bytes).message) }
    }

    /// A learner that has the lifetime, and what it answers to a carrier that joins.
    private func learner(_ leased: Leased) throws -> (learner: LearnerRole, parameters: Message) {
        let learner = LearnerRole(capacity: 1)
        try learner.begin(try #require(leased.welcomes["l"]), now: 0)
        _ = try answers(of: learner, to: .learnLifetime(leased.learn), from: .coordinator)
        let sent = try answers(of: learner, to: .joinLifetime(join(leased.carry)), from: .peer("a"))
        return (learner, try #require(sent.last?.message))
    }

    /// What the carrier sends first, to its learner and its recorder.
    private func firstRollouts(_ leased: Leased) throws -> Message {
        let actor = ActorRole(capacity: 2)
        try actor.begin(try #require(leased.welcomes["a"]), now: 0)
        _ = try answers(of: actor, to: .carryActors(leased.carry), from: .coordinator)
        _ = try answers(
            of: actor, to: try learner(leased).parameters, from: .endpoint(leased.carry.learnerEndpoint))
        _ = try answers(of: actor, to: opened(leased.carry), from: .endpoint(leased.carry.recorderEndpoint))
        var outbox = Outbox()
        _ = try actor.work(now: 0, outbox: &outbox)
        return try Envelope(decoding: try #require(outbox.items.first).bytes).message
    }

    private func opened(_ carry: CarryActors) -> Message {
        .streamsOpened(
            StreamsOpened(
                lifetime: carry.lifetime, firstActor: 0, incarnation: carry.incarnation,
                streams: carry.actors.map { _ in .init(nextSequence: 0, nextEpisode: 0) }))
    }

    private func join(_ carry: CarryActors) -> JoinLifetime {
        JoinLifetime(
            lifetime: carry.lifetime, attempt: carry.attempt, actors: carry.actors, incarnation: carry.incarnation,
            ticket: carry.learnerTicket)
    }

    private func isRefused(_ answers: [(address: Address?, message: Message)]) -> Bool {
        answers.contains { if case .failure = $0.message { true } else { false } }
    }

    private func open(_ carry: CarryActors) -> OpenStreams {
        OpenStreams(
            lifetime: carry.lifetime, actors: carry.actors, incarnation: carry.incarnation, firstPolicyVersion: 0,
            ticket: carry.recorderTicket)
    }

    @Test("only learners and recorders get secrets of tickets, each another") func secrets() throws {
        let welcomes = try lease().welcomes
        #expect(welcomes["a"]?.ticketSecret == [])
        #expect(welcomes["r"]?.ticketSecret.count == 32 && welcomes["l"]?.ticketSecret.count == 32)
        #expect(welcomes["r"]?.ticketSecret != welcomes["l"]?.ticketSecret, "no learner makes a recorder's tickets")
    }

    @Test("an actor opens only the streams that were leased to it, in the incarnation that it was leased")
    func opening() throws {
        let leased = try lease()
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let recorder = RecorderRole(folder: leased.folder, logger: logger)
        try recorder.begin(try #require(leased.welcomes["r"]), now: 0)
        let right = open(leased.carry)
        #expect(!leased.carry.recorderTicket.isEmpty)
        var higher = right
        higher.incarnation += 1
        var claimed = right
        claimed.durableSequences = [1_000_000, 1_000_000]
        var other = right
        other.lifetime = LifetimeIdentifier(task: right.lifetime.task, repetition: right.lifetime.repetition + 1)
        var fewer = right
        fewer.actors = 0..<1
        var withoutTicket = right
        withoutTicket.ticket = []
        var withLearnersTicket = right
        withLearnersTicket.ticket = leased.carry.learnerTicket
        for wrong in [higher, other, fewer, withoutTicket, withLearnersTicket] {
            #expect(isRefused(try answers(of: recorder, to: .openStreams(wrong), from: .peer("a"))))
        }
        // Another node that has learnt the ticket, a claim of lost rollouts with it.
        for stolen in [right, claimed] {
            #expect(isRefused(try answers(of: recorder, to: .openStreams(stolen), from: .peer("b"))))
        }
        #expect(recorder.numbers["open_streams"] == 0)
        #expect(recorder.numbers["quarantined_streams"] == nil)
        #expect(recorder.numbers["refused_messages"] == 7)
        #expect(!isRefused(try answers(of: recorder, to: .openStreams(right), from: .peer("a"))))
        #expect(recorder.numbers["open_streams"] == 2)
    }

    @Test("rollouts of a stream are taken from the node that opened it alone") func rollouts() throws {
        let leased = try lease()
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let recorder = RecorderRole(folder: leased.folder, logger: logger)
        try recorder.begin(try #require(leased.welcomes["r"]), now: 0)
        _ = try answers(of: recorder, to: .openStreams(open(leased.carry)), from: .peer("a"))
        let message = try firstRollouts(leased)
        _ = try answers(of: recorder, to: message, from: .peer("b"))
        #expect(recorder.numbers["unopened_rollouts"] ?? 0 > 0)
        #expect(recorder.numbers["transitions"] == nil)
        #expect(!isRefused(try answers(of: recorder, to: message, from: .peer("a"))))
        #expect(recorder.numbers["transitions"] ?? 0 > 0)
    }

    @Test("an actor joins only lifetimes that were leased to it, and speaks only for the actors that it joined with")
    func joining() throws {
        let leased = try lease()
        let learner = LearnerRole(capacity: 1)
        try learner.begin(try #require(leased.welcomes["l"]), now: 0)
        _ = try answers(of: learner, to: .learnLifetime(leased.learn), from: .coordinator)
        let right = join(leased.carry)
        var higher = right
        higher.incarnation += 1
        var withRecordersTicket = right
        withRecordersTicket.ticket = leased.carry.recorderTicket
        for wrong in [higher, withRecordersTicket] {
            #expect(isRefused(try answers(of: learner, to: .joinLifetime(wrong), from: .peer("a"))))
        }
        #expect(isRefused(try answers(of: learner, to: .joinLifetime(right), from: .peer("b"))))
        #expect(!isRefused(try answers(of: learner, to: .joinLifetime(right), from: .peer("a"))))
        let message = try firstRollouts(leased)
        #expect(isRefused(try answers(of: learner, to: message, from: .peer("b"))))
        #expect(learner.learning.first?.transitions == 0)
        #expect(!isRefused(try answers(of: learner, to: message, from: .peer("a"))))
        #expect(learner.learning.first?.transitions ?? 0 > 0)
        // Whoever comes with an attempt that is over is told so; with one that is to come, it asks again.
        var next = right
        next.attempt += 1
        #expect(try answers(of: learner, to: .joinLifetime(next), from: .peer("a")).isEmpty)
        let over = ReleaseLifetime(lifetime: right.lifetime, attempt: right.attempt)
        _ = try answers(of: learner, to: .releaseLifetime(over), from: .coordinator)
        #expect(isRefused(try answers(of: learner, to: .joinLifetime(right), from: .peer("a"))))
    }

    @Test(
        "an actor process takes answers from the learner of the lifetime alone, and acknowledgements from its recorder")
    func answering() throws {
        let leased = try lease()
        let actor = ActorRole(capacity: 2)
        try actor.begin(try #require(leased.welcomes["a"]), now: 0)
        _ = try answers(of: actor, to: .carryActors(leased.carry), from: .coordinator)
        let answer = try learner(leased).parameters
        #expect(try answers(of: actor, to: answer, from: .endpoint("sim:other")).isEmpty)
        #expect(actor.numbers["refused_messages"] == 1)
        #expect(actor.parts(now: 0).map(\.phase) == [.joining])
        // With parameters from its own learner it asks the recorder where the streams stand.
        let opening = try answers(of: actor, to: answer, from: .endpoint(leased.carry.learnerEndpoint))
        guard case .openStreams(let open)? = opening.first?.message else {
            Issue.record("\(opening)")
            return
        }
        #expect(open.ticket == leased.carry.recorderTicket)
        let opened = opened(leased.carry)
        _ = try answers(of: actor, to: opened, from: .endpoint("sim:other"))
        #expect(actor.parts(now: 0).map(\.phase) == [.opening])
        _ = try answers(of: actor, to: opened, from: .endpoint(leased.carry.recorderEndpoint))
        #expect(actor.parts(now: 0).map(\.phase) == [.running])
    }

    @Test("a recorder that joins again makes all tickets before it void, and the carriers get new ones")
    func newTickets() throws {
        let leased = try lease()
        _ = try leased.lone.say(.drain(node: "r"), from: "r")
        let hello = Hello(role: .recorder, name: "r2", host: "h", process: 1, endpoint: "sim:r", capacity: 0)
        let sent = try (leased.lone.say(.hello(hello), from: "r2") + leased.lone.record(by: "r2"))
            .map(\.envelope.message)
        var welcome: Welcome?
        var carry: CarryActors?
        for message in sent {
            if case .welcome(let told) = message { welcome = told }
            if case .carryActors(let told) = message { carry = told }
        }
        let later = try #require(carry)
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let recorder = RecorderRole(folder: leased.folder, logger: logger)
        try recorder.begin(try #require(welcome), now: 0)
        #expect(isRefused(try answers(of: recorder, to: .openStreams(open(leased.carry)), from: .peer("a"))))
        #expect(!isRefused(try answers(of: recorder, to: .openStreams(open(later)), from: .peer("a"))))
    }

    @Test(
        "a server that is taken in twice under its name has one secret, and one that another coordinator takes in too joins again"
    )
    func secretsOfCoordinators() throws {
        func welcome(_ lone: LoneCoordinator) throws -> Envelope {
            let hello = Hello(role: .learner, name: "l", host: "h", process: 1, endpoint: "sim:l", capacity: 1)
            let answers = try lone.say(.hello(hello), from: "l").map(\.envelope)
            return try #require(answers.first { if case .welcome = $0.message { true } else { false } })
        }
        let first = try LoneCoordinator(smallExperiment(lockstep: false))
        let session = NodeSession(
            role: LearnerRole(capacity: 1), name: "l", host: "h", process: 1, endpoint: "sim:l", now: 0)
        var outbox = Outbox()
        try session.receive(welcome(first), from: .coordinator, now: 0, outbox: &outbox)
        _ = try first.say(.drain(node: "l"), from: "l")
        try session.receive(welcome(first), from: .coordinator, now: 0, outbox: &outbox)
        #expect(session.isWelcome && !session.mustRejoin)
        let second = try LoneCoordinator(smallExperiment(lockstep: false))
        try session.receive(welcome(second), from: .coordinator, now: 0, outbox: &outbox)
        #expect(session.mustRejoin)
    }

    // MARK: - Evaluators and distillers

    @Test("an evaluator that is told no asks again, and ends only where it is told nothing else for its limit")
    func toldNo() throws {
        let lone = try LoneCoordinator(smallExperiment(lockstep: false))
        let hello = Hello(role: .evaluator, name: "e", host: "h", process: 1, endpoint: "", capacity: 0)
        var welcome: Welcome?
        for case .welcome(let told) in try lone.say(.hello(hello), from: "e").map(\.envelope.message) { welcome = told }
        let evaluator = EvaluatorRole()
        try evaluator.begin(try #require(welcome), now: 0)
        var outbox = Outbox()
        let job = EvaluationJob(
            job: 1, evaluation: "x", checkpoint: "c", task: 0, seeds: 1, episodes: 1,
            policy: .inContext(temperature: 1, clearContext: false), recorderEndpoint: "sim:r", incarnation: 1)
        try evaluator.receive(Envelope(.evaluationJob(job)), from: .coordinator, now: 0, outbox: &outbox)
        let no = Envelope(.failure("no such file"), request: CheckpointDownload.request)
        let limit = EvaluatorRole.checkpointRefusalMilliseconds * 1_000_000
        for now in stride(from: 0, to: limit, by: 1_000_000_000) {
            try evaluator.receive(no, from: .coordinator, now: now, outbox: &outbox)
        }
        outbox.removeAll()
        try evaluator.tick(now: limit / 2, outbox: &outbox)
        #expect(!outbox.items.isEmpty, "it asks again")
        #expect(throws: ClusterError.self) {
            try evaluator.receive(no, from: .coordinator, now: limit, outbox: &outbox)
        }
    }

    @Test("a checkpoint goes only to evaluators whose jobs need it, and comes only from the run's distiller")
    func checkpoints() throws {
        let lone = try coordinator([.evaluator, .actor])
        let (evaluator, actor) = (name("e", 0), name("a", 1))
        _ = try lone.say(hello(.evaluator, evaluator), from: evaluator)
        _ = try lone.say(hello(.actor, actor), from: actor)
        let request = CheckpointRequest(checkpoint: "step-1", file: "config.json", offset: 0)
        #expect(reason(try lone.say(.checkpointRequest(request), from: evaluator))?.contains("no job") == true)
        #expect(reason(try lone.say(.checkpointRequest(request), from: actor))?.contains("no job") == true)
        let piece = CheckpointPiece(
            checkpoint: "step-1", file: "config.json", offset: 0, size: 1, checksum: 0, content: [1], last: true)
        #expect(reason(try lone.say(.checkpointPiece(piece), from: actor))?.contains("distiller") == true)
    }
}
