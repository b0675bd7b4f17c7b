import Environments
import Experience
import Settings
import Synchronization
import TestSupport
import Testing
import Wire

private let space = Space.box(shape: [2], type: .float32, low: -1, high: 1)

private func settings(_ change: (inout ExternalSettings) -> Void = { _ in }) -> ExternalSettings {
    var settings = ExternalSettings()
    settings.gymnasium = "Stand-In"
    var description = ExternalSettings.Description()
    (description.observation, description.action, description.horizon) = (space, .discrete(count: 3), 4)
    settings.description = description
    change(&settings)
    return settings
}

private func listed(_ json: String) throws -> ExternalSettings {
    try ExternalSettings(json: json, name: "settings of external")
}

private let described = EnvironmentReply.Description(
    name: "stand-in", observation: space, action: .discrete(count: 3), horizon: 4)

private func bytes(_ numbers: [Float]) -> [UInt8] { numbers.withUnsafeBytes { Array($0) } }

/// Copies that count their steps: an observation is (steps / 10, the copy's number / 10), an episode has 4 steps, a reward is
/// the action. `spoil` may change a step's answer.
private func countingStandIn(
    asked: @escaping @Sendable (EnvironmentRequest.Body) -> Void = { _ in },
    spoil: @escaping @Sendable (Int, EnvironmentReply.Transitions) -> EnvironmentReply.Body = { .transitions($1) }
) throws -> EnvironmentStandIn {
    let steps = Mutex<[Float]>([])
    return try EnvironmentStandIn { request in
        asked(request.body)
        let body: EnvironmentReply.Body = steps.withLock { steps in
            switch request.body {
            case .describe: return .description(described)
            case .close:
                steps = []
                return .closed
            case .reset(let copies, _):
                for copy in copies {
                    if copy.index == steps.count { steps.append(0) }
                    steps[copy.index] = 0
                }
                return .observations(bytes(copies.flatMap { [0, Float($0.index) / 10] }))
            case .step(let actions):
                for index in steps.indices { steps[index] += 1 }
                let step = Int(steps.max() ?? 0)
                return spoil(
                    step,
                    .init(
                        observations: bytes(steps.enumerated().flatMap { [$1 / 10, Float($0) / 10] }),
                        rewards: bytes(actions.map(Float.init)), terminations: actions.map { _ in 0 },
                        truncations: steps.map { $0 == 4 ? 1 : 0 }))
            }
        }
        return [EnvironmentReply(id: request.id, body).encoded()]
    }
}

private func keys(_ count: Int) -> [StreamKey] {
    (0..<count).map { StreamKey(seed: 5, task: 0, repetition: 0, actor: $0) }
}

@Suite("Tasks of an environment in another process") struct ExternalTasksTests {
    @Test("are keyword arguments that the settings list, seeds, numbers, or a single one") func kinds() throws {
        let json = #"{"gymnasium":"X","tasks":[{"length":0.5,"name":"8x8"},{"deep":{"a":[1,true,null]},"size":3}]}"#
        var list = try listed(json)
        list.description = settings().description
        let tasks = try ExternalTasks(settings: list, split: TaskSplit(testTasks: 1))
        #expect(
            try (0..<2).map { try tasks.task($0).json } == [
                #"{"length":0.5,"name":"8x8"}"#, #"{"deep":{"a":[1,true,null]},"size":3}"#,
            ])
        #expect(tasks.ids(of: .train).count == 1 && tasks.ids(of: .test).count == 1)
        let seeds = try ExternalTasks(settings: settings { $0.seeds = 30 }, split: TaskSplit(testTasks: 4))
        #expect(try seeds.count == 30 && seeds.task(17).json == #"{"seed":17}"#)
        let numbers = try ExternalTasks(
            settings: settings { $0.description?.tasks = 9 }, split: TaskSplit(testTasks: 2))
        #expect(try numbers.count == 9 && numbers.task(8).json == #"{"number":8}"#)
        let one = try ExternalTasks(settings: settings(), split: TaskSplit(testTasks: 0))
        #expect(try one.count == 1 && one.task(0).json == "{}")
        #expect(throws: EnvironmentError.self) { try one.task(1) }
        #expect(!one.isReplayable)
    }

    @Test("are those that a stream's attributes say, without the process and however it is reached") func recorded()
        throws
    {
        let full = settings {
            $0.seeds = 7
            ($0.endpoint, $0.startSeconds, $0.answerSeconds) = ("ipc:///tmp/x", 9, 2)
            $0.command = ["/opt/python", "-m", "distillery.environment"]
            $0.description?.software = ["gymnasium 1.4.0"]
        }
        let tasks = try ExternalTasks(settings: full, split: TaskSplit(testTasks: 2))
        let json = tasks.environment.json
        #expect(!json.contains("ipc") && !json.contains("/opt") && !json.contains("seconds"), "\(json)")
        let read = try RecordedTask(environment: "external", environmentJSON: json, id: 3, taskJSON: #"{"seed":3}"#)
        #expect(read.tasks.environment == tasks.environment)
        #expect(
            try EnvironmentSettings(name: "external", json: json).makeTasks(split: TaskSplit(testTasks: 2)).count == 7)
        #expect(throws: EnvironmentError.self) { try read.makeEnvironment(key: keys(1)[0]) }
    }

    @Test("need to know which environment they are of, and what it says of itself") func refused() {
        func problem(_ settings: ExternalSettings) -> String {
            do { _ = try ExternalTasks(settings: settings, split: TaskSplit(testTasks: 0)) } catch { return "\(error)" }
            return "accepted"
        }
        #expect(problem(ExternalSettings()).contains("either an id of Gymnasium's or a class"))
        #expect(problem(settings { $0.factory = "a:B" }).contains("one of the two"))
        #expect(problem(settings { $0.description = nil }).contains("do not say what Stand-In shows"))
        #expect(
            (try? listed(#"{"gymnasium":"X","seeds":3,"tasks":[{"a":1}]}"#)) == nil, "lists and seeds at the same time")
        #expect((try? listed(#"{"gymnasium":"X","tasks":[3]}"#)) == nil)
        #expect(
            (try? listed(#"{"gymnasium":"X","description":{"observation":"Box(3)","action":"Discrete(2)"}}"#)) == nil)
        #expect((try? listed(#"{"gymnasium":"X","description":{"horizon":3}}"#)) == nil, "spaces are required")
    }

    @Test("are asked for once, where an experiment's file is read") func completed() throws {
        let asked = Mutex(0)
        let standIn = try countingStandIn(asked: { _ in asked.withLock { $0 += 1 } })
        let bare = settings { ($0.description, $0.endpoint) = (nil, standIn.endpoint) }
        let completed = try ExternalTasks.completed(bare)
        #expect(completed.description?.observation == space && completed.description?.horizon == 4)
        #expect(try ExternalTasks.completed(completed) == completed)
        #expect(asked.withLock { $0 } == 1)
    }
}

@Suite("Copies in another process") struct ExternalCopiesTests {
    /// What one step of two copies needs.
    private struct Stepping {
        var environment: any Environment
        var rewards: [Float] = [0, 0]
        var terminations: [UInt8] = [9, 9]
        var truncations: [UInt8] = [9, 9]
        var seen = [UInt8](repeating: 0, count: 16)

        init(_ standIn: EnvironmentStandIn, _ change: (inout ExternalSettings) -> Void = { _ in }) throws {
            let all = settings {
                $0.endpoint = standIn.endpoint
                change(&$0)
            }
            let tasks = try ExternalTasks(settings: all, split: TaskSplit(testTasks: 0))
            environment = try tasks.makeEnvironment(task: try tasks.task(0), keys: keys(2))
            for index in 0..<2 { try environment.reset(index, episode: 0) }
        }

        var numbers: [Float] {
            seen.withUnsafeBytes { raw in (0..<4).map { raw.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) } }
        }

        mutating func step(_ actions: [UInt8] = [2, 1]) throws {
            try environment.step(
                actions: actions, rewards: &rewards, terminations: &terminations, truncations: &truncations)
        }
    }

    @Test("show what the process shows, and begin again in one request") func steps() throws {
        let asked = Mutex<[EnvironmentRequest.Body]>([])
        let standIn = try countingStandIn(asked: { body in asked.withLock { $0.append(body) } })
        var stepping = try Stepping(standIn) { $0.seeds = 3 }
        stepping.environment.observe(into: &stepping.seen)
        #expect(stepping.numbers == [0, 0, 0, 0.1])
        for step in 1...4 {
            try stepping.step()
            #expect(stepping.rewards == [2, 1] && stepping.terminations == [0, 0])
            #expect(stepping.truncations == (step == 4 ? [1, 1] : [0, 0]))
        }
        var last = [UInt8](repeating: 0, count: 8)
        stepping.environment.observe(1, into: &last)
        #expect(last == bytes([0.4, 0.1]))
        for index in 0..<2 { try stepping.environment.reset(index, episode: 1) }
        stepping.environment.observe(into: &stepping.seen)
        #expect(stepping.numbers == [0, 0, 0, 0.1])
        // Of the task that is seed 0: one more, since 0 means none.
        let resets = asked.withLock { $0 }.filter { if case .reset = $0 { true } else { false } }
        let expected = EnvironmentRequest.Body.reset(
            [.init(index: 0, seed: 1), .init(index: 1, seed: 1)], task: #"{"seed":0}"#)
        #expect(resets == [expected, expected])
    }

    @Test("have random numbers of their own streams, once") func seeds() throws {
        let seeds = Mutex<[UInt64]>([])
        let standIn = try countingStandIn(asked: { body in
            if case .reset(let copies, _) = body { seeds.withLock { $0 += copies.map(\.seed) } }
        })
        var stepping = try Stepping(standIn)
        for _ in 0..<4 { try stepping.step() }
        try stepping.environment.reset(1, episode: 1)
        try stepping.environment.reset(0, episode: 1)
        stepping.environment.observe(into: &stepping.seen)
        let found = seeds.withLock { $0 }
        #expect(found.count == 4 && found[0] != found[1] && found[0] > 0 && found[1] > 0 && found[2...] == [0, 0])
    }

    @Test(
        "of a process that breaks its word fail at that step, and say how",
        arguments: ["nan", "outside", "short", "reward", "flag", "failure", "refusal"])
    func broken(how: String) throws {
        let standIn = try countingStandIn(spoil: { step, right in
            guard step == 2 else { return .transitions(right) }
            var (seen, rewards, ends) = (right.observations, right.rewards, right.terminations)
            switch how {
            case "nan": seen = bytes([0, 0, .nan, 0])
            case "outside": seen = bytes([0, 0, 0, 1.5])
            case "short": seen = bytes([0, 0])
            case "reward": rewards = bytes([.infinity, 0])
            case "flag": ends = [0, 2]
            default: return .failure("it rains", canGoOn: how == "refusal")
            }
            return .transitions(
                .init(observations: seen, rewards: rewards, terminations: ends, truncations: right.truncations))
        })
        var stepping = try Stepping(standIn)
        try stepping.step()
        let words = [
            "nan": "shows copy 1 something outside of Box(", "outside": "shows copy 1", "short": "expected 2 x 8",
            "reward": "no number", "flag": "flags of 0 or 1", "failure": "it rains", "refusal": "it rains",
        ]
        for _ in 0..<2 {
            #expect {
                try stepping.step()
            } throws: {
                $0 is EnvironmentFailure && "\($0)".contains("environment Stand-In")
                    && "\($0)".contains(words[how] ?? "-")
            }
        }
        #expect(throws: EnvironmentFailure.self) { try stepping.environment.reset(0, episode: 1) }
        // Whoever looks sees what was seen last.
        stepping.environment.observe(into: &stepping.seen)
        #expect(stepping.numbers == [0.1, 0, 0.1, 0.1])
    }

    @Test("of an environment that is another one by now are not made") func changed() throws {
        let standIn = try countingStandIn()
        let other = settings {
            $0.endpoint = standIn.endpoint
            $0.description?.horizon = 5
        }
        let tasks = try ExternalTasks(settings: other, split: TaskSplit(testTasks: 0))
        #expect {
            _ = try tasks.makeEnvironment(task: try tasks.task(0), keys: keys(1))
        } throws: { $0 is EnvironmentFailure && "\($0)".contains("the experiment has") && "\($0)".contains("5 steps") }
    }
}
