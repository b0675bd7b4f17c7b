import Environments
import Experience
import Testing

@Suite("Tasks and episodes as text")
struct DrawingTests {
    /// What a room shows at (x, y) as an action is taken there.
    private func step(_ x: UInt8, _ y: UInt8, _ action: UInt8, _ reward: Float = 0, last: Bool = false)
        -> LivedEpisode.Step
    {
        LivedEpisode.Step(observation: [x, y], action: [action], reward: reward, isTruncated: last)
    }

    @Test("a room has its start and its goal, columns above and rows at the left")
    func room() throws {
        let tasks = try DarkRoomTasks(settings: DarkRoomSettings(size: 3, horizon: 4), split: TaskSplit(testTasks: 0))
        #expect(
            try tasks.drawing(of: tasks.task(5)) == """
                  0 1 2
                0 . . .
                1 . S G
                2 . . .
                G goal, S start
                """)
        // A goal in the start cell hides the start.
        #expect(try tasks.drawing(of: tasks.task(4)).contains("1 . G ."))
    }

    @Test("the way of an episode is numbered by its steps, and a cell keeps its first number")
    func way() throws {
        let tasks = try DarkRoomTasks(settings: DarkRoomSettings(size: 3, horizon: 4), split: TaskSplit(testTasks: 0))
        let episode = LivedEpisode(
            steps: [step(1, 1, 0), step(0, 1, 1), step(1, 1, 1, 1), step(2, 1, 3, last: true)],
            finalObservation: [2, 2])
        #expect(
            try tasks.drawing(of: episode, in: tasks.task(5)) == """
                    0  1  2
                 0  .  .  .
                 1  1  0 G3
                 2  .  .  4
                numbers: after how many steps the cell was first stood on
                """)
    }

    @Test("key and door have a letter each, together where they share a cell, and no start is marked")
    func keyAndDoor() throws {
        let tasks = try KeyToDoorTasks(settings: KeyToDoorSettings(size: 2), split: TaskSplit(testTasks: 0))
        func task(key: String, door: String) -> Task {
            Task(id: 0, split: .train, json: "{\"door\":\(door),\"key\":\(key)}")
        }
        let apart = task(key: "[1,0]", door: "[0,1]")
        #expect(
            try tasks.drawing(of: apart) == """
                  0 1
                0 . K
                1 D .
                K key, D door; an episode starts in a random cell
                """)
        #expect(try tasks.drawing(of: task(key: "[1,1]", door: "[1,1]")).contains("1  . KD"))
        #expect(try tasks.places(of: apart) == [GridCell(x: 1, y: 0), GridCell(x: 0, y: 1)])
    }

    @Test("a bandit's arms are bars of their means, and an episode's bars are what it pulled of each")
    func bandit() throws {
        let tasks = try BanditTasks(settings: BanditSettings(arms: 2, trials: 4), split: TaskSplit(testTasks: 0))
        let task = Task(id: 0, split: .train, json: #"{"means":[0.25,0.5]}"#)
        #expect(
            try tasks.drawing(of: task) == """
                arm 0  0.25  ##########
                arm 1  0.50  ####################  best
                """)
        func pull(_ arm: UInt8, _ reward: Float) -> LivedEpisode.Step {
            LivedEpisode.Step(observation: [0], action: [arm], reward: reward)
        }
        let episode = LivedEpisode(steps: [pull(1, 1), pull(1, 0), pull(1, 0), pull(0, 1)], finalObservation: [0])
        #expect(
            try tasks.drawing(of: episode, in: task) == """
                arm 0    1 pulls  ##########  1.00
                arm 1    3 pulls  ##############################  0.33
                bars: share of the pulls; behind them the mean reward
                """)
        #expect(tasks.table(of: episode).contains("   1  (0)          1            1"))
    }

    @Test("a task of another distribution is refused")
    func foreign() throws {
        let tasks = try DarkRoomTasks(settings: DarkRoomSettings(size: 3), split: TaskSplit(testTasks: 0))
        for json in [#"{"goal":[3,0]}"#, #"{"key":[0,0],"door":[0,0]}"#, "goal"] {
            #expect(throws: EnvironmentError.self) {
                try tasks.drawing(of: Task(id: 0, split: .train, json: json))
            }
        }
    }

    @Test("the table names actions and flags, and sums the rewards")
    func table() throws {
        let tasks = try DarkRoomTasks(settings: DarkRoomSettings(size: 3, horizon: 2), split: TaskSplit(testTasks: 0))
        let episode = LivedEpisode(steps: [step(1, 1, 0), step(0, 1, 4, 1, last: true)], finalObservation: [0, 1])
        #expect(
            tasks.table(of: episode) == """
                step  observation  action  reward
                   1  (1, 1)       0 left       0
                   2  (0, 1)       4 stay       1  truncated
                return 1 in 2 steps, final observation (0, 1)
                """)
    }

    @Test("an environment that draws nothing is shown by its JSON and by numbers")
    func plain() throws {
        let tasks = PlainTasks()
        let episode = LivedEpisode(
            steps: [.init(observation: [0, 0, 0, 63], action: [2, 1], reward: 0.5, isTerminated: true)],
            finalObservation: [0, 0, 128, 63])
        #expect(try tasks.drawing(of: tasks.task(0)) == #"{"wind":3}"#)
        #expect(try tasks.drawing(of: episode, in: tasks.task(0)) == nil)
        #expect(tasks.table(of: episode).contains("   1  0.5          (2, 1)     0.5  terminated"))
        #expect(tasks.table(of: episode).hasSuffix("final observation 1.0"))
        let picture = Space.box(shape: [72, 96, 3], type: .uint8, low: 0, high: 255)
        #expect(picture.words(of: Array(repeating: 0, count: 72 * 96 * 3)) == "72 x 96 x 3 uint8")
    }
}

/// A distribution without any of the capabilities that drawings are made by.
private struct PlainTasks: TaskDistribution {
    let environment = EnvironmentDescription(
        name: "plain", observationSpace: .box(shape: [], type: .float32, low: 0, high: 1),
        actionSpace: .multiDiscrete(counts: [3, 2]), horizon: nil, json: "{}")
    let count = 1

    func ids(of split: Split) -> [Int] { split == .train ? [0] : [] }
    func task(_ id: Int) throws -> Task { Task(id: id, split: .train, json: #"{"wind":3}"#) }
    func references(of task: Task) -> ReferenceReturns { ReferenceReturns() }
    func makeEnvironment(task: Task, keys: [StreamKey]) throws -> any Environment {
        throw EnvironmentError("it is not lived in")
    }
}
