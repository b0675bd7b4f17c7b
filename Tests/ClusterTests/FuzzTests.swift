import Coordination
import Environments
import Experience
import Foundation
import Simulation
import TestSupport
import Testing
import Wire

/// The inputs of `Corpus`: one message of each kind, and every input that has ever found a fault.
enum Corpus {
    static func load() throws -> [(name: String, bytes: [UInt8])] {
        let folder = try #require(Bundle.module.url(forResource: "Corpus", withExtension: nil))
        return try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted().map {
            ($0, [UInt8](try Data(contentsOf: folder.appendingPathComponent($0))))
        }
    }

    static func messages() throws -> [[UInt8]] { try load().map { Array($0.bytes.dropFirst(2)) } }
}

@Suite("Anybody says anything to anybody") struct FuzzTests {
    /// 10 million take about a quarter of an hour; `DISTILLERY_FUZZ_INPUTS` says how many.
    private var count: Int {
        ProcessInfo.processInfo.environment["DISTILLERY_FUZZ_INPUTS"].flatMap { Int($0) } ?? 60_000
    }

    @Test("every input of the corpus, to every receiver, from everybody") func corpus() throws {
        let fuzzed = try FuzzedCluster()
        for _ in 0..<2 {
            for (_, bytes) in try Corpus.load() {
                for receiver in FuzzedCluster.Receiver.allCases {
                    for sender in UInt8(0)..<12 {
                        var input = bytes
                        input[0] = receiver.rawValue
                        input[1] = sender
                        try input.withUnsafeBytes { try fuzzed.take($0) }
                    }
                }
            }
        }
        #expect(fuzzed.problems.isEmpty, "\(fuzzed.problems.prefix(3))")
    }

    @Test("nothing that is said ends anybody, makes anybody grow or goes uncounted") func mutated() throws {
        let seed = testSeed()
        let fuzzed = try FuzzedCluster()
        var messages = HostileMessages(seed: seed, corpus: try Corpus.messages())
        var heard: [[UInt8]] = []
        fuzzed.onSend = { bytes, _ in if heard.count < 64 { heard.append(bytes) } }
        var random = SplitMix(seed: seed ^ 1)
        let trace = ProcessInfo.processInfo.environment["DISTILLERY_FUZZ_LAST"]
        while fuzzed.inputs < count, fuzzed.problems.isEmpty {
            for bytes in heard { messages.learn(bytes) }
            heard.removeAll(keepingCapacity: true)
            let input = [UInt8(random.below(256)), UInt8(random.below(256))] + messages.next()
            if let trace { try Data(input).write(to: URL(fileURLWithPath: trace)) }
            try input.withUnsafeBytes { try fuzzed.take($0) }
        }
        print(
            "fuzz: \(fuzzed.inputs) inputs, \(fuzzed.undecodable) undecodable, \(fuzzed.clusters) clusters, "
                + "\(fuzzed.ended) came to their end, \(fuzzed.endedByCoordinator) nodes ended by the coordinator's word, "
                + "largest \(fuzzed.largest)")
        #expect(fuzzed.problems.isEmpty, "DISTILLERY_TEST_SEED=\(seed): \(fuzzed.problems.prefix(3))")
        #expect(fuzzed.largest["nodes"] ?? 0 < 64)
    }

    /// `DISTILLERY_WRITE_CORPUS=Tests/ClusterTests/Corpus swift test --filter FuzzTests` writes one file a kind anew.
    @Test(
        "writes the corpus", .enabled(if: ProcessInfo.processInfo.environment["DISTILLERY_WRITE_CORPUS"] != nil))
    func write() throws {
        let folder = URL(fileURLWithPath: try #require(ProcessInfo.processInfo.environment["DISTILLERY_WRITE_CORPUS"]))
        let cluster = try SimulatedCluster(
            yaml: smallExperiment(lockstep: false), seed: 1,
            goal: Coordinator.Goal(collects: true, distils: true, evaluates: true))
        var kinds: [String: [UInt8]] = [:]
        cluster.onSend = { bytes, _ in
            guard let envelope = try? Envelope(decoding: bytes) else { return }
            let kind = Mirror(reflecting: envelope.message).children.first?.label ?? "\(envelope.message)"
            kinds[kind] = bytes
        }
        try cluster.run(milliseconds: patienceMilliseconds)
        for message in Self.seldom {
            let kind = Mirror(reflecting: message).children.first?.label ?? "\(message)"
            if kinds[kind] == nil { kinds[kind] = Envelope(message, request: 3).encoded() }
        }
        for (kind, bytes) in kinds {
            try Data([1, 1] + bytes).write(to: folder.appendingPathComponent("kind-\(kind)"))
        }
        print("corpus: \(kinds.keys.sorted())")
    }

    /// What a run without trouble and without people does not say.
    private static let seldom: [Message] = [
        .failure("no"), .statusRequest, .statusAnswer(json: "{}"), .scale(actors: 3), .stop, .drain(node: "actor-0"),
        .deployment(Deployment(processes: [.actor: 2], failure: "")),
        .rejoin, .endProcess(7), .processEnded(7),
        .learnerCheckpoint(
            LearnerCheckpoint(lifetime: .init(task: 1, repetition: 0), attempt: 1, version: 3, state: [1, 2])),
        .streamQuarantined(StreamQuarantined(lifetime: .init(task: 1, repetition: 0), actor: 1, reason: "damage")),
        .metrics(Metrics(step: 1, numbers: ["loss": 1])),
        .sealStreams(SealStreams(lifetime: .init(task: 1, repetition: 0), actors: [0])),
        .releaseLifetime(ReleaseLifetime(lifetime: .init(task: 1, repetition: 0), attempt: 1)),
    ]
}
