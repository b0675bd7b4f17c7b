import Experience

/// Copies of an environment whose task changes with the trial. Each is a copy by itself of the environment inside, made
/// anew where a trial brings another task: that is the one call that allocates.
struct Trials: SolvedEnvironment {
    /// Where a trial's task comes from.
    enum Drawn {
        case one(Task)
        case any(of: [Int])
    }

    let description: EnvironmentDescription
    private let inner: any TaskDistribution
    private let drawn: Drawn
    private let episodes: UInt64
    private let keys: [StreamKey]
    private let generators: [Philox]
    private let actionBytes: Int
    /// Behind what the environment inside stores, where a row says its task.
    private let taskOffset: Int?
    /// (B): each of one copy, and the task that it is on.
    private var copies: [any Environment]
    private var tasks: [Task]

    /// Throws `EnvironmentError` where `drawn` is no task of `inner`.
    init(
        description: EnvironmentDescription, inner: any TaskDistribution, drawn: Drawn, episodes: Int, keys: [StreamKey]
    ) throws {
        self.description = description
        self.inner = inner
        self.drawn = drawn
        self.episodes = UInt64(episodes)
        self.keys = keys
        actionBytes = description.actionSpace.byteCount
        taskOffset = description.hasView ? inner.environment.stored.space.byteCount : nil
        let generators = keys.map { Philox($0) }
        self.generators = generators
        let tasks = try generators.map { try Self.task(ofTrial: 0, $0, drawn, inner) }
        self.tasks = tasks
        copies = try zip(tasks, keys).map { try inner.makeEnvironment(task: $0, keys: [$1]) }
    }

    var count: Int { copies.count }

    /// Draws uniformly; the step and the lane are ones that no environment draws by.
    private static func task(
        ofTrial trial: UInt64, _ generator: Philox, _ drawn: Drawn, _ inner: any TaskDistribution
    ) throws -> Task {
        switch drawn {
        case .one(let task): return task
        case .any(let ids):
            guard !ids.isEmpty else { throw EnvironmentError("trials are drawn from a split without train tasks") }
            let word = generator.words(.environment, episode: trial, step: .max, lane: 255).x
            return try inner.task(ids[Int((UInt64(word) * UInt64(ids.count)) >> 32)])
        }
    }

    mutating func reset(_ index: Int, episode: UInt64) throws {
        do {
            let task = try Self.task(ofTrial: episode / episodes, generators[index], drawn, inner)
            if task != tasks[index] {
                copies[index] = try inner.makeEnvironment(task: task, keys: [keys[index]])
                tasks[index] = task
            }
        } catch { throw EnvironmentFailure("\(description.name): \(error)") }
        try copies[index].reset(0, episode: episode)
    }

    func observe(_ index: Int, into observation: UnsafeMutableRawPointer) {
        copies[index].observe(0, into: observation)
        guard let taskOffset else { return }
        observation.storeBytes(of: Float(tasks[index].id), toByteOffset: taskOffset, as: Float.self)
    }

    mutating func step(
        actions: UnsafeRawPointer, rewards: UnsafeMutablePointer<Float>,
        terminations: UnsafeMutablePointer<UInt8>, truncations: UnsafeMutablePointer<UInt8>
    ) throws {
        for index in copies.indices {
            try copies[index].step(
                actions: actions + index * actionBytes, rewards: rewards + index,
                terminations: terminations + index, truncations: truncations + index)
        }
    }

    func chooseOptimally(into actions: UnsafeMutableRawPointer) {
        for index in copies.indices {
            guard let copy = copies[index] as? any SolvedEnvironment else {
                preconditionFailure("\(inner.environment.name) does not know what to do best")
            }
            copy.chooseOptimally(into: actions + index * actionBytes)
        }
    }
}
