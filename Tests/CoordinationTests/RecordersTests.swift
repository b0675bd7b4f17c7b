import Collecting
import Coordination
import Experience
import Foundation
import Histories
import Logging
import Nodes
import Simulation
import Testing
import Transport
import Wire

@Suite("Several recorders of one run") struct RecordersTests {
    private typealias Sent = [(to: String, envelope: Envelope)]

    /// Four lifetimes, of which two run at once.
    private func makeCoordinator(_ finished: Coordination.Progress = Coordination.Progress()) throws -> LoneCoordinator
    {
        try LoneCoordinator(
            smallExperiment(lockstep: false, actors: 1, processes: 2, trainTasks: 4, recorders: 2, lifetimes: 2),
            finished: finished)
    }

    private func carries(_ sent: Sent) -> [CarryActors] {
        sent.compactMap { if case .carryActors(let carry) = $0.envelope.message { carry } else { nil } }
    }

    private func isStopped(_ name: String, _ sent: Sent) -> Bool {
        sent.contains { if case .stop = $0.envelope.message { $0.to == name } else { false } }
    }

    private func joinWorkers(_ lone: LoneCoordinator) throws {
        for (role, name) in [(RoleName.learner, "l"), (.actor, "a"), (.actor, "b")] { try lone.join(role, name) }
    }

    @Test("share the lifetimes, each of which is pinned before it is leased") func share() throws {
        let lone = try makeCoordinator()
        try lone.join(.recorder, "r0")
        try lone.join(.recorder, "r1", into: 1)
        try joinWorkers(lone)
        let carried = carries(try lone.tick())
        #expect(Set(carried.map(\.recorderEndpoint)) == ["sim:r0", "sim:r1"])
        #expect(lone.journal.pins.count == 2 && Set(lone.journal.pins.values).count == 2)
        for carry in carried {
            let isOwn = carry.recorderEndpoint == "sim:r0"
            #expect((lone.journal.pins[carry.lifetime] == RecorderLinks.own) == isOwn)
            let path = "\(lone.folder)/\(carry.lifetime.folder)"
            // Whoever reads the run finds what lies elsewhere.
            let target = try? FileManager.default.destinationOfSymbolicLink(atPath: path)
            #expect((target == nil) == isOwn)
            guard !isOwn else { continue }
            let there = "\(lone.folder)/recorder-1/\(carry.lifetime.folder)"
            try FileManager.default.createDirectory(atPath: there, withIntermediateDirectories: true)
            try Data([1]).write(to: URL(fileURLWithPath: "\(there)/actor-0000.h5"))
            #expect(FileManager.default.fileExists(atPath: "\(path)/actor-0000.h5"))
            #expect(try StreamFolder(path: lone.folder).files.count == 1)
        }
    }

    @Test("are given nothing before they have said where they write") func unplaced() throws {
        let lone = try makeCoordinator()
        try joinWorkers(lone)
        _ = try lone.say(
            .hello(Hello(role: .recorder, name: "r", host: "h", process: 1, endpoint: "sim:r", capacity: 0)), from: "r")
        #expect(carries(try lone.tick()).isEmpty)
        #expect(try carries(lone.record(by: "r")).isEmpty)
        #expect(carries(try lone.tick()).count == 2)
    }

    @Test("wait for one that is away with what it keeps alone, and find it again under another name")
    func away() throws {
        let lone = try makeCoordinator()
        try lone.join(.recorder, "r0")
        try lone.join(.recorder, "r1", into: 1)
        try joinWorkers(lone)
        let kept = try #require(carries(try lone.tick()).first { $0.recorderEndpoint == "sim:r1" }).lifetime
        _ = try lone.say(.drain(node: "r1"), from: "r1")
        let waits = lone.coordinator.status(now: lone.now).waits
        #expect(waits.contains { $0.why.contains("recorder-1, which keeps the streams of 1 lifetime") }, "\(waits)")
        // Its carrier dies: nobody is given its actors, who could not record them.
        _ = try lone.say(.drain(node: "b"), from: "b")
        _ = try lone.say(.drain(node: "a"), from: "a")
        for name in ["c", "d"] { try lone.join(.actor, name) }
        #expect(!carries(try lone.tick(after: 1000)).contains { $0.lifetime == kept })
        // Another folder is another recorder.
        try lone.join(.recorder, "r2", into: 2)
        #expect(!carries(try lone.tick(after: 1000)).contains { $0.lifetime == kept })
        try lone.join(.recorder, "r3", at: "sim:elsewhere", into: 1)
        let later = carries(try lone.tick(after: 1000)).filter { $0.lifetime == kept }
        #expect(later.map(\.recorderEndpoint) == ["sim:elsewhere"])
        #expect(lone.journal.pins.count == 2)
    }

    @Test("of two that have the same folder the second ends, unless the first is silent") func oneAtATime() throws {
        let lone = try makeCoordinator()
        try lone.join(.recorder, "r0", into: 1)
        try lone.join(.recorder, "r1", into: 2)
        func join(_ name: String) throws -> Sent {
            _ = try lone.say(
                .hello(Hello(role: .recorder, name: name, host: "h", process: 1, endpoint: "sim:r", capacity: 0)),
                from: name)
            return try lone.record(by: name, into: 1)
        }
        #expect(isStopped("r2", try join("r2")))
        lone.now += 3_000_000_000
        #expect(!isStopped("r3", try join("r3")))
        #expect(lone.coordinator.status(now: lone.now).nodes.map(\.name) == ["r1", "r2", "r3"])
    }

    @Test("keep what they have through a restart, and through the loss of the catalogue", arguments: [true, false])
    func restart(hasCatalogue: Bool) throws {
        let lone = try makeCoordinator()
        try lone.join(.recorder, "r0")
        try lone.join(.recorder, "r1", into: 1)
        try joinWorkers(lone)
        let kept = try #require(carries(try lone.tick()).first { $0.recorderEndpoint == "sim:r1" }).lifetime
        var progress = lone.journal.progress()
        if !hasCatalogue { progress.pins = [:] }
        let later = try LoneCoordinator(
            smallExperiment(lockstep: false, actors: 1, processes: 2, trainTasks: 4, recorders: 2, lifetimes: 2),
            finished: progress
        ) { folder in
            try FileManager.default.removeItem(atPath: folder)
            try FileManager.default.copyItem(atPath: lone.folder, toPath: folder)
        }
        try later.join(.recorder, "r0")
        try joinWorkers(later)
        #expect(!carries(try later.tick()).contains { $0.lifetime == kept })
        try later.join(.recorder, "new", into: 1)
        // One of the others may have taken its place at the learner.
        var carried: [CarryActors] = []
        for _ in 0..<3 {
            carried += carries(try later.tick(after: 1000))
            for name in ["a", "b"] { _ = try later.say(.drain(node: name), from: name) }
            for name in ["c", "d"] { try later.join(.actor, name) }
        }
        let lifetimes = later.coordinator.status(now: later.now).lifetimes
        #expect(lifetimes.total == 4)
        #expect(carried.filter { $0.lifetime == kept }.allSatisfy { $0.recorderEndpoint == "sim:new" })
    }

    @Test("leave, when they are asked to and others are there, once what they keep is complete") func retire() throws {
        let lone = try makeCoordinator()
        try lone.join(.recorder, "r0")
        try lone.join(.recorder, "r1", into: 1)
        try joinWorkers(lone)
        let kept = try #require(carries(try lone.tick()).first { $0.recorderEndpoint == "sim:r1" })
        func isSentHome(_ sent: Sent) -> Bool {
            sent.contains { if case .drain("r1", _) = $0.envelope.message { $0.to == "r1" } else { false } }
        }
        #expect(!isSentHome(try lone.say(.drain(node: "r1"), from: "client")))
        let node = lone.coordinator.status(now: lone.now).nodes.first { $0.name == "r1" }
        #expect(node?.isLeaving == true && node?.openLifetimes == 1)
        #expect(!isSentHome(try lone.tick(after: 1000)))
        let numbers = ["final_return": 1.0]
        _ = try lone.say(
            .lifetimeFinished(LifetimeFinished(lifetime: kept.lifetime, attempt: kept.attempt, numbers: numbers)),
            from: "l")
        let carrier = lone.coordinator.status(now: lone.now).leases.first { $0.task == kept.lifetime.task }?.parts.first
        _ = try lone.say(
            .carryingFinished(
                CarryingFinished(lifetime: kept.lifetime, firstActor: 0, incarnation: kept.incarnation)),
            from: try #require(carrier).node)
        let sealed = StreamsSealed(lifetime: kept.lifetime, streams: [.init(actor: 0, rows: 4, rollouts: 1)])
        // Only who keeps a stream can say what has become of it.
        let refusal = try lone.say(.streamsSealed(sealed), from: "r0")
        #expect(refusal.contains { if case .failure = $0.envelope.message { true } else { false } })
        #expect(lone.journal.sealed.isEmpty)
        _ = try lone.say(.streamsSealed(sealed), from: "r1")
        let sent = try lone.tick(after: 1000)
        #expect(isSentHome(sent))
        #expect(carries(sent).allSatisfy { $0.recorderEndpoint == "sim:r0" })
    }

    // MARK: - Fixed ports

    private func welcome(_ sent: Sent) -> Welcome? {
        for case .welcome(let welcome) in sent.map(\.envelope.message) { return welcome }
        return nil
    }

    private func say(_ message: Message, to role: any Role, from sender: Address) throws -> [Message] {
        var outbox = Outbox()
        try role.receive(Envelope(message, request: 5), from: sender, now: 2_000_000_000, outbox: &outbox)
        while try role.work(now: 2_000_000_000, outbox: &outbox) {}
        return try outbox.items.map { try Envelope(decoding: $0.bytes).message }
    }

    private func isRefused(_ said: [Message]) -> Bool {
        said.contains { if case .failure = $0 { true } else { false } }
    }

    @Test("one that listens where another did takes nothing that was meant for that one") func otherAddress() throws {
        let lone = try makeCoordinator()
        try lone.join(.recorder, "r0")
        try lone.join(.recorder, "r1", at: "sim:fixed", into: 1)
        try joinWorkers(lone)
        let leased = try lone.tick()
        let carry = try #require(carries(leased).first { $0.recorderEndpoint == "sim:fixed" })
        let holder = try #require(
            leased.first { if case .carryActors(let other) = $0.envelope.message { other == carry } else { false } }
        ).to
        _ = try lone.say(.drain(node: "r1"), from: "r1")
        func join(_ name: String, at endpoint: String, into number: Int) throws -> (role: RecorderRole, told: Sent) {
            let hello = Hello(role: .recorder, name: name, host: "h", process: 1, endpoint: endpoint, capacity: 0)
            let welcome = try #require(welcome(try lone.say(.hello(hello), from: name)))
            let folder = "\(lone.folder)/recorder-\(number)"
            let role = RecorderRole(folder: folder, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            try role.begin(welcome, now: lone.now)
            return (role, try lone.record(by: name, into: number))
        }
        func open(_ carry: CarryActors) -> Message {
            .openStreams(
                OpenStreams(
                    lifetime: carry.lifetime, actors: carry.actors, incarnation: carry.incarnation,
                    firstPolicyVersion: 0, ticket: carry.recorderTicket))
        }
        // Of another folder, at the same address: the carrier asks it before it is told anything.
        let other = try join("r2", at: "sim:fixed", into: 2)
        #expect(carries(other.told).isEmpty)
        #expect(isRefused(try say(open(carry), to: other.role, from: .peer(holder))))
        // The same folder at the same address, by another process: what was leased from the one before is void.
        _ = try lone.say(.drain(node: "r2"), from: "r2")
        let again = try join("r3", at: "sim:fixed", into: 1)
        #expect(isRefused(try say(open(carry), to: again.role, from: .peer(holder))))
        let renewed = try #require(carries(again.told).first)
        #expect(renewed.lifetime == carry.lifetime && renewed.incarnation == carry.incarnation)
        let opened = try say(open(renewed), to: again.role, from: .peer(holder))
        #expect(opened.contains { if case .streamsOpened = $0 { true } else { false } })
        #expect(!FileManager.default.fileExists(atPath: "\(lone.folder)/recorder-2/\(carry.lifetime.folder)"))
    }

    @Test("a learner that listens where another did takes no actors of that one's lifetimes") func otherLearner() throws
    {
        let lone = try makeCoordinator()
        try lone.join(.recorder, "r0")
        func join(_ name: String) throws -> LearnerRole {
            let hello = Hello(role: .learner, name: name, host: "h", process: 1, endpoint: "sim:fixed", capacity: 0)
            let role = LearnerRole(capacity: 2)
            try role.begin(try #require(welcome(try lone.say(.hello(hello), from: name))), now: lone.now)
            return role
        }
        _ = try join("l1")
        for name in ["a", "b"] { try lone.join(.actor, name) }
        let leased = try lone.tick()
        let carry = try #require(carries(leased).first)
        let holder = try #require(
            leased.first { if case .carryActors(let other) = $0.envelope.message { other == carry } else { false } }
        ).to
        _ = try lone.say(.drain(node: "l1"), from: "l1")
        let later = try join("l2")
        let sent = try lone.tick(after: 1000)
        for case .learnLifetime(let learn) in sent.map(\.envelope.message) {
            _ = try say(.learnLifetime(learn), to: later, from: .coordinator)
        }
        let stale = JoinLifetime(
            lifetime: carry.lifetime, attempt: carry.attempt, actors: carry.actors, incarnation: carry.incarnation,
            ticket: carry.learnerTicket)
        #expect(isRefused(try say(.joinLifetime(stale), to: later, from: .peer(holder))))
    }
}
