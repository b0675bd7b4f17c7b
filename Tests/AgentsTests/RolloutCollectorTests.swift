import Agents
import Environments
import Experience
import TestSupport
import Testing

@Suite("Collecting rollouts")
struct RolloutCollectorTests {
    private let settings = DarkRoomSettings(size: 5, horizon: 6)

    private func makeCollector(
        rolloutLength: Int, positions: [ActorPosition]
    ) throws -> (RolloutCollector, DarkRoomTasks, Task) {
        var algorithm = ActorCriticSettings()
        algorithm.rolloutLength = rolloutLength
        let tasks = try DarkRoomTasks(settings: settings, split: TaskSplit(testTasks: 4))
        let task = try tasks.task(7)
        let keys = positions.map { StreamKey(seed: 2, task: 7, repetition: 0, actor: $0.actor) }
        let source = SourceAlgorithm.actorCritic(algorithm)
        let actor = try source.makeActor(environment: tasks.environment, keys: keys)
        let learner = try source.makeLearner(scene: try tasks.scene(of: task), seed: 2, task: 7, repetition: 0)
        try learner.withActingParameters { try actor.load(parameters: $0) }
        let collector = try RolloutCollector(
            environment: try tasks.makeEnvironment(task: task, keys: keys), actor: actor,
            lifetime: LifetimeIdentifier(task: 7, repetition: 0), positions: positions)
        return (collector, tasks, task)
    }

    @Test("rollouts that cut episodes follow on each other and replay in the environment")
    func replay() throws {
        let start = [ActorPosition(actor: 3), ActorPosition(actor: 8, incarnation: 4, sequence: 10, episode: 20)]
        let (collector, tasks, task) = try makeCollector(rolloutLength: 4, positions: start)
        for stream in 0..<2 {
            #expect(collector.positions[stream] == start[stream])
        }
        var replays = try start.map { position in
            try tasks.makeEnvironment(
                task: task, keys: [StreamKey(seed: 2, task: 7, repetition: 0, actor: position.actor)])
        }
        var episodes = start.map(\.episode)
        for stream in 0..<2 { try replays[stream].reset(0, episode: episodes[stream]) }
        for round in 0..<10 {
            let batch = try collector.collect(length: 4, policyVersion: UInt64(round))
            #expect(batch.headers.map(\.actor) == [3, 8])
            #expect(batch.headers.map(\.incarnation) == [0, 4])
            #expect(batch.headers.map(\.sequence) == [UInt64(round), 10 + UInt64(round)])
            #expect(batch.headers.map(\.firstEpisode) == episodes)
            #expect(batch.headers.allSatisfy { $0.length == 4 && $0.policyVersion == UInt64(round) && !$0.isLast })
            var stream = 0
            try batch.forEachRollout(RolloutLayout(observationBytes: 2, actionBytes: 1)) { header, rows in
                #expect(rows.checksum == header.checksum)
                var finals = 0
                for row in 0..<rows.length {
                    var cell: [UInt8] = [0, 0]
                    replays[stream].observe(0, into: &cell)
                    #expect(Array(rows[.observations][(2 * row)..<(2 * row + 2)]) == cell)
                    var reward: Float = 0
                    var flags: (UInt8, UInt8) = (0, 0)
                    try replays[stream].step(
                        actions: rows[.actions].baseAddress! + row, rewards: &reward, terminations: &flags.0,
                        truncations: &flags.1)
                    #expect(rows[.rewards].loadUnaligned(fromByteOffset: 4 * row, as: Float.self) == reward)
                    #expect(rows[.terminations][row] == flags.0)
                    #expect(rows[.truncations][row] == flags.1)
                    guard flags.1 != 0 else { continue }
                    replays[stream].observe(0, into: &cell)
                    #expect(Array(rows[.finalObservations][(2 * finals)..<(2 * finals + 2)]) == cell)
                    finals += 1
                    episodes[stream] += 1
                    try replays[stream].reset(0, episode: episodes[stream])
                }
                #expect(finals == header.finishedEpisodes)
                stream += 1
            }
        }
    }

    @Test("streams stop at an episode's end and mark their last rollout")
    func stopping() throws {
        // Episodes of 6 steps, rollouts of 4: the limit of 2 episodes falls on the end of the third rollout.
        let (collector, _, _) = try makeCollector(
            rolloutLength: 4, positions: [ActorPosition(actor: 0), ActorPosition(actor: 1, episode: 1)])
        let first = try collector.collect(length: 4, policyVersion: 0, episodeLimit: 2)
        #expect(first.headers.map(\.length) == [4, 4])
        let second = try collector.collect(length: 4, policyVersion: 1, episodeLimit: 2)
        #expect(second.headers.map(\.length) == [4, 2])
        #expect(second.headers.map(\.isLast) == [false, true])
        #expect(second.rowCount == 6)
        #expect(second.finalObservations.count == 4)
        let third = try collector.collect(length: 4, policyVersion: 2, episodeLimit: 2)
        #expect(third.headers.map(\.actor) == [0])
        #expect(third.headers.map(\.length) == [4])
        #expect(third.headers.map(\.isLast) == [true])
        #expect(collector.isDone)
        #expect(try collector.collect(length: 4, policyVersion: 3).headers.isEmpty)
    }

    @Test("a stream that stands at an episode's beginning when it is stopped leaves an empty last rollout")
    func marker() throws {
        let (collector, _, _) = try makeCollector(rolloutLength: 6, positions: [ActorPosition(actor: 0)])
        #expect(try collector.collect(length: 6, policyVersion: 0).headers.map(\.isLast) == [false])
        let last = try collector.collect(length: 6, policyVersion: 1, episodeLimit: 0)
        #expect(last.headers.map(\.length) == [0])
        #expect(last.headers.map(\.isLast) == [true])
        #expect(last.headers.map(\.sequence) == [1])
        #expect(last.rowCount == 0)
        #expect(collector.isDone)
    }

    @Test("a stream that had ended before leaves an empty last rollout alone, and the others act on")
    func endedBefore() throws {
        let (collector, _, _) = try makeCollector(
            rolloutLength: 6,
            positions: [
                ActorPosition(actor: 0, incarnation: 2, sequence: 7, episode: 3, isEnded: true),
                ActorPosition(actor: 1, incarnation: 2, sequence: 5, episode: 2),
            ])
        let first = try collector.collect(length: 6, policyVersion: 0)
        #expect(first.headers.map(\.length) == [0, 6])
        #expect(first.headers.map(\.isLast) == [true, false])
        #expect(first.headers.map(\.sequence) == [7, 5])
        #expect(try collector.collect(length: 6, policyVersion: 0).headers.map(\.actor) == [1])
    }

    @Test("a lockstep lifetime has the same rollouts and the same learner with 1 and with 5 groups of actors")
    func groups() throws {
        let tasks = try DarkRoomTasks(settings: settings, split: TaskSplit(testTasks: 4))
        var algorithm = ActorCriticSettings()
        algorithm.rolloutLength = 8
        algorithm.learningRate = 1e-2
        func live(groups: Int) throws -> (rows: [[UInt8]], learner: [UInt8]) {
            let lifetime = try LocalLifetime(
                algorithm: .actorCritic(algorithm), tasks: tasks, task: try tasks.task(3), repetition: 1, seed: 4,
                actors: 11, groups: groups)
            var streams = [[UInt8]](repeating: [], count: 11)
            while !lifetime.isDone {
                let batches = try lifetime.collect(episodeLimit: 40)
                for batch in batches {
                    batch.forEachRollout(RolloutLayout(observationBytes: 2, actionBytes: 1)) { header, rows in
                        streams[header.actor] +=
                            Array(rows[.observations]) + Array(rows[.actions]) + Array(rows[.rewards])
                    }
                }
                _ = try lifetime.learn(from: batches)
            }
            return (streams, lifetime.learner.save())
        }
        let one = try live(groups: 1)
        let five = try live(groups: 5)
        #expect(one.rows == five.rows)
        #expect(one.learner == five.learner)
    }
}
