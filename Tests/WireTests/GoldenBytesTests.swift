import Experience
import Foundation
import Testing
import Wire

/// `Golden/messages.txt` has the bytes of each example, one line `kind hexadecimal` an example, as they were when the
/// protocol's first version was published: nodes of different builds have to understand each other.
@Suite("The bytes on the wire") struct GoldenBytesTests {
    /// What the round trip's examples leave empty.
    static let fuller: [Message] = [
        .welcome(
            Welcome(
                run: "r", experiment: "name: x\n", heartbeatIntervalMilliseconds: 1000, silenceLimitMilliseconds: 5000,
                folder: "/tmp/r", ticketSecret: [UInt8](repeating: 7, count: 32))),
        .allowedKeys(
            AllowedKeys(generation: 8, keys: [[UInt8](repeating: 9, count: 32)], roles: [[.actor, .recorder]])),
        .carryActors(
            CarryActors(
                lifetime: EnvelopeTests.evaluation, actors: 0..<2, incarnation: 1 << 40, attempt: 9,
                learnerEndpoint: "tcp://[::1]:9", recorderEndpoint: "", recordedActors: 2,
                learnerTicket: [UInt8](repeating: 1, count: 32), recorderTicket: [UInt8](repeating: 2, count: 32))),
        .joinLifetime(
            JoinLifetime(
                lifetime: EnvelopeTests.lifetime, attempt: 1, actors: 5..<9, incarnation: 4,
                ticket: [UInt8](repeating: 3, count: 32))),
        .openStreams(
            OpenStreams(
                lifetime: EnvelopeTests.lifetime, actors: 3..<5, incarnation: 1, firstPolicyVersion: 2,
                ticket: [UInt8](repeating: 4, count: 32))),
        .checkpointPiece(
            CheckpointPiece(
                checkpoint: "step-2", file: "model.safetensors", offset: 5, size: 8, checksum: 0x364B_3FB7,
                content: [97, 98, 99], last: false)),
        .evaluationJob(
            EvaluationJob(
                job: 1 << 33, evaluation: "e", checkpoint: "step-1", task: 3, seeds: 4, episodes: 200,
                policy: .inContext(temperature: 0.5, clearContext: false), recorderEndpoint: "tcp://127.0.0.1:5",
                incarnation: 6,
                recorderTicket: [UInt8](repeating: 5, count: 32))),
        .distil(Distil(resumeFrom: "")),
        .metrics(Metrics(step: 5, numbers: ["z": 1, "a": -0.0, "left out": .nan])),
        .evaluationJob(
            EvaluationJob(
                job: 2, evaluation: "random-test", checkpoint: nil, task: 3, seeds: 4, episodes: 200,
                policy: .named("random", settings: "{}"), recorderEndpoint: "r", incarnation: 1)),
        .evaluationJob(
            EvaluationJob(
                job: 3, evaluation: "step-1-prompted", checkpoint: "step-1", task: 3, seeds: 1, episodes: 2,
                policy: .named("distilled", settings: #"{"prompt":"histories/x.h5"}"#),
                prompt: PromptRows(observations: [1, 2, 3, 4], actions: [0, 3], rewards: [0, 0.5]),
                recorderEndpoint: "r", incarnation: 1)),
        .distil(Distil(distillation: "ed", resumeFrom: "ed/step-1", isGrowing: true)),
        .heartbeat(Heartbeat(numbers: ["steps": 4], distillation: "ed-seed-1")),
    ]

    static var examples: [Message] { EnvelopeTests.examples + fuller }

    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()

    private static func kind(_ message: Message) -> String {
        Mirror(reflecting: message).children.first?.label ?? "\(message)"
    }

    private static var lines: [String] {
        examples.map { message in
            let bytes = Envelope(message, request: 300).encoded()
            return kind(message) + " " + bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        }
    }

    private static func golden() throws -> [String] {
        let file = try #require(Bundle.module.url(forResource: "Golden/messages", withExtension: "txt"))
        return try String(contentsOf: file, encoding: .utf8).split(separator: "\n").map(String.init)
    }

    @Test("of every example are those that were recorded") func encoding() throws {
        let golden = try Self.golden()
        try #require(golden.count == Self.examples.count)
        for (line, recorded) in zip(Self.lines, golden) { #expect(line == recorded) }
    }

    @Test("are read as they are written") func decoding() throws {
        for line in try Self.golden() {
            let fields = line.split(separator: " ")
            try #require(fields.count == 2)
            let digits = Array(fields[1].utf8)
            let bytes = try stride(from: 0, to: digits.count, by: 2).map {
                try #require(UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16))
            }
            let envelope = try Envelope(decoding: bytes)
            #expect(Self.kind(envelope.message) == fields[0])
            #expect(envelope.encoded() == bytes)
        }
    }

    @Test("are recorded of every body that the envelope can have") func kinds() throws {
        let file = Self.folder.appendingPathComponent("../../proto/distillery.proto")
        let body = try String(contentsOf: file, encoding: .utf8).components(separatedBy: "oneof body {")
        let bodies = try #require(body.last?.components(separatedBy: "}").first).matches(of: /([a-z_]+) = [0-9]+;/)
        let names = bodies.map { match -> String in
            let words = match.1.split(separator: "_")
            return String(words[0]) + words.dropFirst().map(\.capitalized).joined()
        }
        #expect(names.count > 30)
        #expect(Set(names) == Set(try Self.golden().compactMap { $0.split(separator: " ").first.map(String.init) }))
    }

    /// `DISTILLERY_WRITE_GOLDEN=1 swift test --filter GoldenBytesTests` records them anew, for a new protocol version.
    @Test("records them", .enabled(if: ProcessInfo.processInfo.environment["DISTILLERY_WRITE_GOLDEN"] != nil))
    func write() throws {
        let file = Self.folder.appendingPathComponent("Golden/messages.txt")
        try (Self.lines.joined(separator: "\n") + "\n").write(to: file, atomically: true, encoding: .utf8)
    }
}
