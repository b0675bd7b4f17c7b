import Environments
import Experience
import Foundation
import Settings
import TestSupport
import Testing

/// Tasks of each group that a test of their distribution looks at.
private let looked = 20_000

@Suite("Adversarial Bandit")
struct BanditTests {
    private func means(_ tasks: BanditTasks, _ id: Int) throws -> [Float] {
        let fields = try JSONDecoder().decode([String: [Float]].self, from: Data(try tasks.task(id).json.utf8))
        return try #require(fields["means"])
    }

    /// The first `looked` tasks of a group, whichever are evaluated.
    private func ids(_ group: Int) -> Range<Int> {
        (group * BanditTasks.tasksOfGroup)..<(group * BanditTasks.tasksOfGroup + looked)
    }

    /// Of numbers that are to be uniform in [0, 1): about 19, above 60 once in 300,000 times.
    private func chiSquare(_ numbers: [Float]) -> Double {
        var bins = [Double](repeating: 0, count: 20)
        for number in numbers { bins[min(19, Int(number * 20))] += 1 }
        let expected = Double(numbers.count) / 20
        return bins.reduce(0) { $0 + ($1 - expected) * ($1 - expected) / expected }
    }

    @Test("has ten arms, 100 trials of one episode, nothing to see, and curves by step")
    func asInThePaper() throws {
        let tasks = try BanditTasks()
        #expect(tasks.environment.observationSpace == .multiDiscrete(counts: [1]))
        #expect(tasks.environment.observationSpace.elementType == .uint8)
        #expect(tasks.environment.actionSpace == .discrete(count: 10))
        #expect(tasks.environment.horizon == 100 && tasks.curveAxis == .step)
        #expect(tasks.environment.json == "{\"arms\":10,\"trials\":100}")
        #expect(try DarkRoomTasks().curveAxis == .episode)
    }

    @Test("has 100,000 train tasks, as many held-out ones as are asked for, and as many uniform ones; none is in two")
    func groups() throws {
        let tasks = try BanditTasks(split: TaskSplit(testTasks: 50, seed: 9))
        #expect(tasks.groups == ["train", "test", "uniform"])
        let groups = try tasks.groups.map { try tasks.ids(in: $0) }
        #expect(groups.map(\.count) == [100_000, 50, 50])
        #expect(Set(groups.joined()).count == 100_100 && groups.allSatisfy { $0 == $0.sorted() })
        #expect(groups[0] == tasks.ids(of: .train) && groups[1] == tasks.ids(of: .test))
        for (group, split) in zip(groups, [Split.train, .test, .test]) {
            #expect(try group.suffix(50).allSatisfy { try tasks.task($0).split == split })
        }
        #expect(throws: EnvironmentError.self) { try tasks.ids(in: "odd") }
        #expect(throws: EnvironmentError.self) { try tasks.task(tasks.count) }
        #expect(throws: EnvironmentError.self) { try BanditTasks(split: TaskSplit(testTasks: 100_001)) }
        let room = try DarkRoomTasks(split: TaskSplit(testTasks: 4))
        #expect(try room.groups == ["train", "test"] && room.ids(in: "test") == room.ids(of: .test))
        let error = try #require(throws: EnvironmentError.self) { try room.ids(in: "uniform") }
        #expect(error.description == "dark-room has no tasks called uniform, expected train, test")
    }

    @Test("the odd arms are high in 95 % of the train tasks, the even ones in 95 % of the held-out ones")
    func favouredArms() throws {
        let seed = testSeed()
        let tasks = try BanditTasks(split: TaskSplit(testTasks: 5, seed: seed))
        for group in 0..<2 {
            var favoured = 0
            for id in ids(group) {
                let means = try means(tasks, id)
                let odd = means.enumerated().filter { $0.offset % 2 == 1 }.map(\.element)
                let even = means.enumerated().filter { $0.offset % 2 == 0 }.map(\.element)
                let (high, low) = odd[0] + odd[1] > even[0] + even[1] ? (odd, even) : (even, odd)
                try #require(
                    high.allSatisfy { 0.5...1 ~= $0 } && low.allSatisfy { 0...0.5 ~= $0 }, "seed \(seed): \(means)")
                if (high == odd) == (group == 0) { favoured += 1 }
            }
            // Five standard deviations.
            let deviation = 5 * (Double(looked) * 0.95 * 0.05).squareRoot()
            #expect(
                abs(Double(favoured) - 0.95 * Double(looked)) < deviation, "seed \(seed), group \(group): \(favoured)")
        }
    }

    @Test("means are uniform within their halves, those of the third group between 0 and 1, and all arms are alike")
    func means() throws {
        let seed = testSeed()
        let tasks = try BanditTasks(split: TaskSplit(testTasks: 5, seed: seed))
        for group in 0..<3 {
            let all = try ids(group).map { try means(tasks, $0) }
            for arm in 0..<10 {
                let numbers = all.map { group == 2 ? $0[arm] : $0[arm] < 0.5 ? 2 * $0[arm] : 2 * $0[arm] - 1 }
                let statistic = chiSquare(numbers)
                #expect(statistic < 60, "seed \(seed), group \(group), arm \(arm): \(statistic)")
            }
            // Pairs of neighbours: a correlation of five standard errors.
            for arm in 0..<9 where group == 2 {
                let product = all.reduce(0.0) { $0 + Double(($1[arm] - 0.5) * ($1[arm + 1] - 0.5)) * 12 }
                #expect(abs(product / Double(looked)) < 5 / Double(looked).squareRoot(), "seed \(seed), arm \(arm)")
            }
        }
    }

    @Test("a task depends on the split's seed and its id alone, and its description brings back its means")
    func determinism() throws {
        let one = try BanditTasks(split: TaskSplit(testTasks: 5, seed: 3))
        let more = try BanditTasks(split: TaskSplit(testTasks: 500, seed: 3))
        let other = try BanditTasks(split: TaskSplit(testTasks: 5, seed: 4))
        for id in [0, 1, 99_999, 100_000, 100_004, 200_000] {
            #expect(try one.task(id) == more.task(id))
            #expect(try one.task(id).json != other.task(id).json && one.task(id).json != one.task(id + 7).json)
            let means = try means(one, id).map(Double.init)
            let references = one.references(of: try one.task(id))
            #expect(references.optimum == 100 * (means.max() ?? 0))
            #expect(abs((references.random ?? 0) - 10 * means.reduce(0, +)) < 1e-9)
        }
    }

    @Test("describing another bandit, or none, is refused")
    func refusals() throws {
        let tasks = try BanditTasks(settings: BanditSettings(arms: 2, trials: 3))
        let key = StreamKey(seed: 1, task: 0, repetition: 0, actor: 0)
        for json in ["{\"means\":[0.5]}", "{\"means\":[0.5,1.5]}", "{\"goal\":[1,1]}", "{}", "[0.5,0.5]"] {
            #expect(throws: EnvironmentError.self, "\(json)") {
                try tasks.makeEnvironment(task: Task(id: 0, split: .train, json: json), keys: [key])
            }
        }
    }

    /// What each of the copies gets that pulls this arm throughout an episode, (trials, copies).
    private func pull(
        _ arm: UInt8, of tasks: BanditTasks, _ id: Int, keys: [StreamKey], episode: UInt64 = 0
    ) throws -> [[Float]] {
        var environment = try tasks.makeEnvironment(task: try tasks.task(id), keys: keys)
        for copy in keys.indices { try environment.reset(copy, episode: episode) }
        let trials = tasks.environment.horizon ?? 0
        return try (1...trials).map { trial in
            var rewards = [Float](repeating: -1, count: keys.count)
            var terminated = [UInt8](repeating: 9, count: keys.count)
            var truncated = terminated
            try environment.step(
                actions: Array(repeating: arm, count: keys.count), rewards: &rewards, terminations: &terminated,
                truncations: &truncated)
            #expect(terminated.allSatisfy { $0 == 0 } && truncated.allSatisfy { $0 == (trial == trials ? 1 : 0) })
            return rewards
        }
    }

    @Test("an arm pays as often as its mean says, and the same again to the same stream, beside whichever others")
    func rewards() throws {
        let seed = testSeed()
        let tasks = try BanditTasks(settings: BanditSettings(arms: 10, trials: 1000))
        let keys = (0..<50).map { StreamKey(seed: seed, task: 7, repetition: 0, actor: $0) }
        let means = try means(tasks, 7)
        for arm in 0..<10 {
            let played = try pull(UInt8(arm), of: tasks, 7, keys: keys)
            let paid = Double(played.joined().reduce(0, +))
            let (count, mean) = (50_000.0, Double(means[arm]))
            #expect(played.joined().allSatisfy { $0 == 0 || $0 == 1 })
            #expect(
                abs(paid - count * mean) < 5 * (count * mean * (1 - mean)).squareRoot() + 1,
                "seed \(seed), arm \(arm): \(paid) for \(mean)")
        }
        let all = try pull(3, of: tasks, 7, keys: keys)
        #expect(try pull(3, of: tasks, 7, keys: [keys[4]]) == all.map { [$0[4]] }, "seed \(seed)")
        #expect(try pull(3, of: tasks, 7, keys: [keys[4]], episode: 1) != all.map { [$0[4]] }, "seed \(seed)")
        #expect(all.map { $0[4] } != all.map { $0[5] }, "seed \(seed)")
    }
}
