import Environments
import Experience
import Foundation
import Histories
import TestSupport

/// The streams of `scripts/python/tests/golden`, made anew: two folders of histories of the two kinds of observations.
enum GoldenStreams {
    /// Floats, and actions that do not fit a byte.
    static let states = madeUpEnvironment(
        .box(shape: [3], type: .float32, low: -1, high: 1), .discrete(count: 300))

    static func random(_ seed: UInt64) -> PhiloxSequence {
        PhiloxSequence(Philox(StreamKey(seed: seed, task: 0, repetition: 0, actor: 0)), purpose: .other)
    }

    /// Streams of one and of several incarnations, one shorter than a window, one that grows, one of a held-out task, one
    /// of an actor that came late. Rewards are random.
    static func writeIntegers(below folder: URL) throws {
        var random = random(41)
        func stream(_ task: Int, _ actor: Int, rollouts: [Int], split: Split = .train, late: UInt64 = 0) throws
            -> GrowingStream
        {
            let stream = GrowingStream(
                in: folder, environment: smallEnvironment, task: task, actor: actor, split: split,
                firstPolicyVersion: late)
            for (number, count) in rollouts.enumerated() {
                if number > 0 { stream.die() }
                try stream.record(rollouts: count, using: &random)
            }
            return stream
        }
        for (task, actor, rollouts) in [
            (0, 0, [60]), (0, 1, [25]), (1, 0, [5, 7, 3]), (1, 1, [1, 1, 1, 20]), (1, 2, [9, 30]), (2, 0, [2]),
            (100_000, 0, [45]),
        ] {
            try stream(task, actor, rollouts: rollouts).seal()
        }
        try stream(2, 1, rollouts: [8, 4]).restart()
        try stream(3, 0, rollouts: [10], split: .test).seal()
        try stream(4, 0, rollouts: [10], late: 3).seal()
    }

    /// Lives of episodes of one to seven rows whose returns rise, at another pace each, and one whose returns do not.
    static func writeStates(below folder: URL) throws {
        for (task, episodes) in [(0, 40), (1, 12), (2, 90), (3, 25)] {
            let place = StreamIdentifier(lifetime: LifetimeIdentifier(task: task, repetition: 1), actor: 0)
            let writer = try StreamWriter.create(
                at: folder.appending(path: place.path).path,
                metadata: StreamMetadata(
                    softwareVersion: "0.1.0", environment: states, task: Task(id: task, split: .train, json: "{}"),
                    repetition: 1, sourceAlgorithm: "a3c", sourceJSON: "{}", actor: 0, seed: 1))
            var random = random(UInt64(50 + task))
            for episode in 0..<episodes {
                let batch = states(episode, of: episodes, place, using: &random)
                try batch.checked(against: states.rolloutLayout, actors: .max).forEach { try writer.append($0, now: 0) }
            }
            try writer.seal()
        }
    }

    private static func states(
        _ episode: Int, of episodes: Int, _ place: StreamIdentifier, using random: inout PhiloxSequence
    ) -> RolloutBatch {
        let length = Int.random(in: 1...7, using: &random)
        let rises = place.lifetime.task != 3
        let observations = (0..<(3 * (length + 1))).map { _ in Float.random(in: -1...1, using: &random) }
        let rewards = (0..<length).map { _ in
            Float.random(in: 0...0.3, using: &random) + (rises ? Float(episode * (place.lifetime.task + 1)) / 100 : 0)
        }
        let actions = (0..<length).map { _ in Int32.random(in: 0..<300, using: &random) }
        var batch = RolloutBatch(
            lifetime: place.lifetime,
            headers: [
                RolloutHeader(
                    actor: 0, incarnation: 1, sequence: UInt64(episode), policyVersion: UInt64(episode / 4),
                    firstEpisode: UInt64(episode), length: length, finishedEpisodes: 1, checksum: 0, isLast: false)
            ],
            bytes: RolloutBytes([
                .observations: observations.prefix(3 * length).withUnsafeBytes { Array($0) },
                .actions: actions.withUnsafeBytes { Array($0) }, .rewards: rewards.withUnsafeBytes { Array($0) },
                .terminations: (0..<length).map { $0 == length - 1 && episode % 2 == 0 ? 1 : 0 },
                .truncations: (0..<length).map { $0 == length - 1 && episode % 2 == 1 ? 1 : 0 },
                .finalObservations: observations.suffix(3).withUnsafeBytes { Array($0) },
            ]))
        batch.seal(states.rolloutLayout)
        return batch
    }
}
