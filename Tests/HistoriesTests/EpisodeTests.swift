import Environments
import Experience
import Histories
import TestSupport
import Testing

@Suite("Episodes and replay")
struct EpisodeTests {
    @Test("an episode ends at a flag or at a change of incarnation, and a cut one has no return")
    func episodes() throws {
        let folder = try TemporaryFolder()
        let stream = try record(folder("a.h5"), incarnations: [[3, 4], [9], [5]])
        #expect(stream.episodes.map(\.rows) == [0..<5, 5..<7, 7..<12, 12..<16, 16..<21])
        #expect(stream.episodes.map(\.end) == [.truncated, .cut, .truncated, .cut, .truncated])
        #expect(stream.episodes.map(\.number) == [0, 1, 2, 3, 4])
        #expect(stream.episodes.map(\.final) == [0, nil, 1, nil, 2])
        #expect(stream.episodes.compactMap(\.episodeReturn).count == 3)
        #expect(stream.finishedEpisodes == [0..<5, 7..<12, 16..<21])
    }

    @Test("what is still going on when the stream ends is unfinished")
    func unfinished() throws {
        let folder = try TemporaryFolder()
        #expect(try record(folder("a.h5"), incarnations: [[7]]).episodes.map(\.end) == [.truncated, .unfinished])
    }

    @Test("a recorded stream replays, across incarnations too, and a changed one is caught at its row")
    func replay() throws {
        let folder = try TemporaryFolder()
        let path = folder("a.h5")
        _ = try record(path, incarnations: [[3, 4, 20], [9, 31], [5]])
        let sound = StreamReplay(path: path) { WalkEnvironment($0.key) }
        #expect(sound.difference == nil)
        #expect(sound.problem == nil)
        #expect(sound.transitions == 72)
        let other = StreamReplay(path: path) {
            WalkEnvironment(StreamKey(seed: $0.seed + 1, task: $0.task.id, repetition: 0, actor: 0))
        }
        #expect(other.difference?.contains("row 0") == true)
        #expect(StreamReplay(path: path).problem?.contains("walk") == true)
    }

    @Test("an evaluation's stream replays under the key that its source names, an older one under an actor's key")
    func evaluationReplay() throws {
        let folder = try TemporaryFolder()
        let evaluation = EvaluationSource(
            evaluation: "step-7-test", checkpoint: "step-7", policy: .inContext(temperature: 1, clearContext: false))
        let actors = StreamKey(seed: 5, task: 1, repetition: 0, actor: 0)
        let evaluations = StreamKey(
            collection: .evaluation("step-7-test"), seed: 5, task: 1, repetition: 0, actor: 0)
        let (new, old) = (folder("new.h5"), folder("old.h5"))
        _ = try record(
            new, incarnations: [[9, 31]], key: evaluations, algorithm: "distilled", source: evaluation.json)
        _ = try record(old, incarnations: [[9, 31]], key: actors, algorithm: "distilled", source: "{}")
        for path in [new, old] {
            let replay = StreamReplay(path: path) { WalkEnvironment($0.key) }
            #expect(replay.isSound && replay.transitions == 40)
        }
        #expect(StreamReplay(path: new) { _ in WalkEnvironment(actors) }.difference?.contains("row 0") == true)
    }

    @Test("what acts in an evaluation is read as it was written, and nothing else is")
    func evaluationSource() throws {
        let source = EvaluationSource(
            evaluation: "e", checkpoint: "c", policy: .inContext(temperature: 0.25, clearContext: true))
        #expect(
            source.json == #"{"checkpoint":"c","clear_context":true,"evaluation":"e","temperature":0.25}"#)
        #expect(try EvaluationSource(json: source.json) == source)
        let other = EvaluationSource(
            evaluation: "e", checkpoint: nil,
            policy: .named("source", settings: #"{"actors":5,"source":{"algorithm":"a3c","lambda":0.5,"hidden":[8]}}"#))
        #expect(
            other.json
                == #"{"evaluation":"e","policy":"source","settings":{"actors":5,"source":{"algorithm":"a3c","hidden":[8],"lambda":0.5}}}"#
        )
        let read = try EvaluationSource(json: other.json)
        #expect(read.json == other.json && read.policy.name == "source" && read.checkpoint == nil)
        for text in [
            "", "{}", "[]", #"{"evaluation":"e","policy":"random","settings":3}"#, source.json + "}",
            String(repeating: " ", count: 5000) + source.json,
        ] {
            #expect(throws: EvaluationSourceError.self) { try EvaluationSource(json: text) }
        }
    }

    /// Acts at random in a walk and records rollouts of the given lengths, a list for each incarnation.
    private func record(
        _ path: String, incarnations: [[Int]],
        key: StreamKey = StreamKey(seed: 5, task: 1, repetition: 0, actor: 0), algorithm: String = "random",
        source: String = "{}"
    ) throws -> StreamContents {
        var environment = WalkEnvironment(key)
        let metadata = StreamMetadata(
            softwareVersion: "0", environment: environment.description, task: Task(id: 1, split: .train, json: "{}"),
            repetition: 0, sourceAlgorithm: algorithm, sourceJSON: source, actor: 0, seed: 5)
        let writer = try StreamWriter.create(at: path, metadata: metadata)
        var episode: UInt64 = 0
        var sequence: UInt64 = 0
        for (incarnation, lengths) in incarnations.enumerated() {
            environment.reset(0, episode: episode)
            var isMidEpisode = false
            for length in lengths {
                let first = episode
                var batch = RolloutBatch(
                    lifetime: LifetimeIdentifier(task: 1, repetition: 0), headers: [], observations: [], actions: [],
                    rewards: [], terminations: [], truncations: [], finalObservations: [])
                for _ in 0..<length {
                    var (observation, reward, ended, end): (UInt8, Float, UInt8, UInt8) = (0, 0, 0, 0)
                    environment.observe(0, into: &observation)
                    var action = UInt8.random(in: 0..<2)
                    environment.step(actions: &action, rewards: &reward, terminations: &ended, truncations: &end)
                    batch.observations.append(observation)
                    batch.actions.append(action)
                    batch.rewards.append(reward)
                    batch.terminations.append(ended)
                    batch.truncations.append(end)
                    isMidEpisode = end == 0
                    if end == 1 {
                        environment.observe(0, into: &observation)
                        batch.finalObservations.append(observation)
                        episode += 1
                        environment.reset(0, episode: episode)
                    }
                }
                batch.headers = [
                    RolloutHeader(
                        actor: 0, incarnation: UInt64(incarnation), sequence: sequence, policyVersion: 0,
                        firstEpisode: first, length: length, finishedEpisodes: batch.finalObservations.count,
                        checksum: 0, isLast: false)
                ]
                batch.seal(RolloutLayout(observationBytes: 1, actionBytes: 1))
                try writer.append((batch.headers[0], batch))
                sequence += 1
            }
            if isMidEpisode { episode += 1 }
        }
        try writer.seal()
        return try StreamContents(path: path)
    }
}

/// A walk on 256 cells from a random one, five steps an episode; the reward is the cell.
struct WalkEnvironment: Environment {
    let description = EnvironmentDescription(
        name: "walk", observationSpace: .discrete(count: 256), actionSpace: .discrete(count: 2), horizon: 5, json: "{}")
    let count = 1
    private let random: Philox
    private var cell: UInt8 = 0
    private var step = 0

    init(_ key: StreamKey) { random = Philox(key) }

    mutating func reset(_ index: Int, episode: UInt64) {
        cell = UInt8(truncatingIfNeeded: random.words(.environment, episode: episode, step: 0).x)
        step = 0
    }

    func observe(_ index: Int, into observation: UnsafeMutableRawPointer) {
        observation.storeBytes(of: cell, as: UInt8.self)
    }

    mutating func step(
        actions: UnsafeRawPointer, rewards: UnsafeMutablePointer<Float>, terminations: UnsafeMutablePointer<UInt8>,
        truncations: UnsafeMutablePointer<UInt8>
    ) {
        cell &+= actions.load(as: UInt8.self) == 0 ? 255 : 1
        step += 1
        rewards.pointee = Float(cell)
        terminations.pointee = 0
        truncations.pointee = step == 5 ? 1 : 0
    }
}
