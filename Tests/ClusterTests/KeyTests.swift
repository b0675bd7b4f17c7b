import Collecting
import Coordination
import Glibc
import Logging
import Nodes
import Simulation
import Supervision
import Testing
import Transport
import Wire

@Suite("Keys in a cluster") struct KeyTests {
    private let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private func list(_ generation: UInt64, _ count: Int = 1) -> AllowedKeys {
        AllowedKeys(generation: generation, keys: (0..<count).map { [UInt8](repeating: UInt8($0), count: 32) })
    }

    /// A name that is bound to the first key of every `list`.
    private func bound(_ name: String) -> String {
        boundName(name, to: PublicKey(bytes: [UInt8](repeating: 0, count: 32)))
    }

    private func told(_ sent: [(to: String, envelope: Envelope)]) -> [String: [UInt64]] {
        var told: [String: [UInt64]] = [:]
        for (name, envelope) in sent {
            if case .allowedKeys(let keys) = envelope.message { told[name, default: []].append(keys.generation) }
        }
        return told
    }

    @Test("learners and recorders are told who may connect, until they say that they know") func telling() throws {
        let lone = try LoneCoordinator(smallExperiment(lockstep: false))
        lone.coordinator.allow(list(5))
        for (role, name) in [(RoleName.learner, bound("l")), (.recorder, bound("r"))] {
            let endpoint = ServerAddress(
                endpoint: "tcp://127.0.0.1:5", key: try SecretKey.generate().publicKey)
            _ = try lone.say(
                .hello(
                    Hello(role: role, name: name, host: "h", process: 1, endpoint: "\(endpoint)", capacity: 0)),
                from: name)
        }
        try lone.join(.actor, bound("a"))
        let first = try lone.tick()
        #expect(told(first) == [bound("l"): [5], bound("r"): [5]])
        for (name, envelope) in first where name == bound("l") {
            _ = try lone.say(.acknowledgement, from: name, request: envelope.request)
        }
        #expect(told(try lone.tick(after: 1100)) == [bound("r"): [5]])
        lone.coordinator.allow(list(6))
        #expect(told(try lone.tick())[bound("l")] == [6])
    }

    @Test("in a cluster with keys a server without one is refused, and told what it lacks") func servers() throws {
        let lone = try LoneCoordinator(smallExperiment(lockstep: false))
        lone.coordinator.allow(list(1))
        for endpoint in ["tcp://127.0.0.1:5", "", "nonsense", "tcp://127.0.0.1:5?key=short"] {
            let hello = Hello(role: .learner, name: bound("l"), host: "h", process: 1, endpoint: endpoint, capacity: 0)
            let answers = try lone.say(.hello(hello), from: hello.name).map(\.envelope.message)
            guard case .failure(let reason)? = answers.first, answers.count == 1 else {
                Issue.record("\(answers)")
                continue
            }
            #expect(reason.contains("--keys"))
        }
        #expect(lone.coordinator.status(now: lone.now).nodes.isEmpty)
    }

    @Test("of two lists the later counts, whichever comes last, and only the coordinator's") func lists() throws {
        let session = NodeSession(
            role: LearnerRole(capacity: 1), name: "l", host: "h", process: 1, endpoint: "e", now: 0)
        var outbox = Outbox()
        func receive(_ keys: AllowedKeys, from sender: Address = .coordinator) throws {
            try session.receive(Envelope(.allowedKeys(keys), request: 9), from: sender, now: 0, outbox: &outbox)
        }
        try receive(list(4), from: .peer("stranger"))
        #expect(session.allowedKeys == nil && outbox.items.isEmpty)
        try receive(list(3, 2))
        try receive(list(2, 7))
        #expect(session.allowedKeys == list(3, 2))
        #expect(outbox.items.count == 2, "both are acknowledged, or the older would come again and again")
    }

    @Test("a file that comes or goes changes the list while the cluster runs") func files() throws {
        let scratch = try makeTemporaryFolder()
        let folder = KeyFolder(scratch + "/keys")
        _ = try folder.generate(nodes: ["first"])
        let authenticator = try Authenticator(MessageContext())
        let clients = try AllowedClients(folder, authenticator: authenticator, logger: silent)
        var now: UInt64 = 0
        func changed() -> AllowedKeys? {
            now += 1_000_000_000
            // A wall clock that stands still, or goes back, does not make a list look old.
            return clients.changed(now: now, wallClock: 1000)
        }
        let first = try #require(changed())
        #expect(first.keys.count == 1)
        #expect(changed() == nil)
        _ = try folder.generate(nodes: ["second"])
        let both = try #require(changed())
        #expect(both.keys.count == 2 && both.generation > first.generation)
        unlink(folder.allowedPath + "/first.public")
        let second = try #require(changed())
        #expect(second.keys == both.keys.filter { $0 != first.keys[0] } && second.generation > both.generation)
        // A list that others can change is no list.
        chmod(folder.allowedPath, 0o777)
        #expect(try #require(changed()).keys.isEmpty)
        chmod(folder.allowedPath, 0o700)
        #expect(try #require(changed()).keys.count == 1)
    }

    @Test("a supervisor says which key it lost, waits for it so long as it says, and goes on where it is put back")
    func ownKey() throws {
        let folder = KeyFolder(try makeTemporaryFolder() + "/keys")
        _ = try folder.generate(nodes: ["node"])
        var own = try OwnKey(folder)
        try own.checkPermission()
        #expect(try own.look(now: 0) == nil && !own.isLost)
        let file = folder.allowedPath + "/node.public"
        rename(file, file + ".away")
        #expect(throws: ClusterError.self) { try own.checkPermission() }
        #expect(try own.look(now: 1_000_000_000)?.contains("node.key may connect no longer") == true)
        #expect(try own.look(now: 2_000_000_000) == nil && own.isLost)
        rename(file + ".away", file)
        #expect(try own.look(now: 3_000_000_000)?.contains("may connect again") == true && !own.isLost)
        rename(file, file + ".away")
        _ = try own.look(now: 4_000_000_000)
        let limit = OwnKey.patienceMilliseconds * 1_000_000
        #expect(try own.look(now: 4_000_000_000 + limit - 1) == nil)
        let error = #expect(throws: ClusterError.self) { try own.look(now: 6_000_000_000 + limit) }
        #expect(error?.description.contains("--resume") == true)
    }

    @Test("a list that is no list ends the coordinator's start") func malformedList() throws {
        let folder = KeyFolder(try makeTemporaryFolder() + "/keys")
        _ = try folder.generate(nodes: ["first"])
        chmod(folder.allowedPath + "/first.public", 0o666)
        let error = #expect(throws: ClusterError.self) {
            try AllowedClients(folder, authenticator: Authenticator(MessageContext()), logger: silent)
        }
        #expect(error?.description.contains("first.public") == true)
    }
}

extension LoneCoordinator {
    /// An answer to one of its own requests.
    fileprivate func say(
        _ message: Message, from name: String, request: UInt64
    ) throws -> [(to: String, envelope: Envelope)] {
        var outbox = Outbox()
        try coordinator.receive(Envelope(message, request: request), from: .peer(name), now: now, outbox: &outbox)
        return []
    }
}
