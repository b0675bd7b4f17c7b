import Experience
import TestSupport
import Testing
import Wire

/// The messages of proto/environment.proto, which a process of another language sends.
@Suite("Messages of environments in other processes") struct EnvironmentMessageTests {
    static let spaces: [Space] = [
        .discrete(count: 1), .discrete(count: 70_000), .multiDiscrete(counts: [3, 900]),
        .box(shape: [], type: .int32, low: -5, high: 5), .box(shape: [4, 5, 3], type: .uint8, low: 0, high: 255),
        .box(shape: [4], type: .float32, low: -3.4028234663852886e38, high: 3.4028234663852886e38),
    ]

    static let requests: [EnvironmentRequest] = [
        EnvironmentRequest(id: 1, .describe),
        EnvironmentRequest(
            id: 1 << 60, .reset([.init(index: 0, seed: .max), .init(index: 4095, seed: 0)], task: #"{"å":"ü"}"#)),
        EnvironmentRequest(id: 3, .step(actions: [0, 255, 7])), EnvironmentRequest(id: 4, .close),
    ]

    static let replies: [EnvironmentReply] =
        spaces.map {
            EnvironmentReply(
                id: 5,
                .description(
                    .init(
                        name: "x", observation: $0, action: .discrete(count: 2), horizon: 9, tasks: 3,
                        software: ["gymnasium": "1.4.0", "numpy": "2"])))
        } + [
            EnvironmentReply(id: 6, .observations([1, 2, 3])),
            EnvironmentReply(
                id: 7,
                .transitions(.init(observations: [1], rewards: [0, 0, 128, 63], terminations: [1], truncations: [0]))),
            EnvironmentReply(id: 8, .closed), EnvironmentReply(id: 9, .failure("it rains", canGoOn: true)),
        ]

    @Test("come back as they were") func roundTrip() throws {
        for request in Self.requests {
            #expect(try request.encoded().withUnsafeBytes { try EnvironmentRequest(decoding: $0) } == request)
        }
        for reply in Self.replies {
            #expect(try reply.encoded().withUnsafeBytes { try EnvironmentReply(decoding: $0) } == reply)
        }
    }

    @Test("cut or altered, they are refused or read as another message, and nothing else happens") func damage() throws
    {
        var numbers = SplitMix(seed: 7)
        for reply in Self.replies {
            let bytes = reply.encoded()
            for length in bytes.indices {
                _ = try? bytes[..<length].withUnsafeBytes { try EnvironmentReply(decoding: $0) }
            }
            for _ in 0..<500 {
                var altered = bytes
                altered[Int(numbers.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: numbers.next())
                _ = try? altered.withUnsafeBytes { try EnvironmentReply(decoding: $0) }
            }
        }
    }

    @Test("spaces of absurd size are refused") func absurd() {
        let spaces: [Space] = [
            .discrete(count: 0), .multiDiscrete(counts: []), .multiDiscrete(counts: Array(repeating: 2, count: 70_000)),
            .box(shape: [1 << 20, 1 << 20], type: .float32, low: 0, high: 1),
            .box(shape: [0], type: .uint8, low: 0, high: 255), .box(shape: [1], type: .float32, low: 1, high: 0),
            .box(shape: Array(repeating: 1, count: 9), type: .uint8, low: 0, high: 1),
            .box(shape: [1], type: .float32, low: -.infinity, high: .infinity),
        ]
        for space in spaces {
            let reply = EnvironmentReply(
                id: 1, .description(.init(name: "x", observation: space, action: .discrete(count: 2))))
            #expect(throws: WireError.self, "\(space)") {
                try reply.encoded().withUnsafeBytes { try EnvironmentReply(decoding: $0) }
            }
        }
    }
}
