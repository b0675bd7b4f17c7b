package import Experience
import Settings

/// Bandits whose train and test tasks come from different distributions (paper, section 4: Adversarial Bandit).
///
/// Ids 0 to 99,999 are the train tasks: with probability 0.95 the odd arms are high, their means from U(0.5, 1), and the
/// even ones low, from U(0, 0.5); otherwise it is the other way round. Of the next 100,000 it is the even arms that are
/// high so often: the first `testTasks` of them are held out. The means of the last 100,000, the group `uniform`, are
/// all from U(0, 1), and as many of them as are held out are evaluated where that group is named.
///
/// The means of a task are drawn when it is asked for, from the split's seed and its id: nothing is kept.
package struct BanditTasks: EnvironmentKind {
    package static let name = "adversarial-bandit"
    package static let summary =
        "Arms that pay 1 with probabilities of their own; which ones are likely to pay well is exchanged in the test split."

    /// Ids of each of the three groups.
    package static let tasksOfGroup = 100_000
    /// How often the arms that a split favours are the high ones.
    static let usualShare: Float = 0.95
    private static let uniform = "uniform"

    package let environment: EnvironmentDescription
    private let settings: BanditSettings
    private let testTasks: Int
    private let generator: Philox

    /// Throws `EnvironmentError` for settings or a split out of range.
    package init(settings: BanditSettings = BanditSettings(), split: TaskSplit = TaskSplit()) throws {
        try Self.check(settings)
        guard 0...Self.tasksOfGroup ~= split.testTasks else {
            throw EnvironmentError(
                "the split holds out \(split.testTasks) test tasks, expected 0 to \(Self.tasksOfGroup)")
        }
        self.settings = settings
        testTasks = split.testTasks
        generator = split.generator
        environment = EnvironmentDescription(
            name: Self.name, observationSpace: .multiDiscrete(counts: [1]),
            actionSpace: .discrete(count: settings.arms), horizon: settings.trials, json: settings.json)
    }

    package var count: Int { 3 * Self.tasksOfGroup }

    package func ids(of split: Split) -> [Int] {
        switch split {
        case .train: Array(0..<Self.tasksOfGroup)
        case .test: Array(Self.tasksOfGroup..<(Self.tasksOfGroup + testTasks))
        }
    }

    package var groups: [String] { Split.allCases.map(\.rawValue) + [Self.uniform] }

    package func ids(in group: String) throws -> [Int] {
        guard group == Self.uniform else { return ids(of: try split(named: group)) }
        return Array(2 * Self.tasksOfGroup..<(2 * Self.tasksOfGroup + testTasks))
    }

    /// A life is one episode: what is learnt within it is to be seen step by step.
    package var curveAxis: CurveAxis { .step }

    package func task(_ id: Int) throws -> Task {
        guard 0..<count ~= id else { throw EnvironmentError.noTask(id, of: environment.name, count) }
        let list = means(id).map(\.description).joined(separator: ",")
        return Task(id: id, split: id < Self.tasksOfGroup ? .train : .test, json: "{\"means\":[\(list)]}")
    }

    package func references(of task: Task) -> ReferenceReturns {
        guard let means = try? means(of: task.json) else { return ReferenceReturns() }
        let trials = Double(settings.trials)
        return ReferenceReturns(
            optimum: means.max().map { trials * Double($0) },
            random: trials * means.reduce(0) { $0 + Double($1) } / Double(means.count))
    }

    package func makeEnvironment(task: Task, keys: [StreamKey]) throws -> any Environment {
        Bandit(description: environment, trials: settings.trials, means: try means(of: task.json), keys: keys)
    }

    /// (arms). One draw says which arms are the high ones, one more for each arm how high.
    private func means(_ id: Int) -> [Float] {
        func draw(_ number: Int) -> Float {
            generator.uniform(.environment, episode: UInt64(id), step: UInt32(number))
        }
        let group = id / Self.tasksOfGroup
        let oddIsHigh = (draw(0) < Self.usualShare) == (group == 0)
        return (0..<settings.arms).map { arm in
            let drawn = draw(1 + arm)
            if group == 2 { return drawn }
            return (arm.isMultiple(of: 2) != oddIsHigh ? 0.5 : 0) + drawn / 2
        }
    }

    func means(of json: String) throws -> [Float] {
        let example = "{\"means\":[0.25,0.75]}"
        let what = "task of \(Self.name)"
        let fields = try readJSON(json, as: [String: [Float]].self, what: what, example: example)
        guard fields.count == 1, let means = fields["means"], means.count == settings.arms,
            means.allSatisfy({ (0...1).contains($0) })
        else {
            throw EnvironmentError(
                "\(what): expected means of \(settings.arms) arms from 0 to 1, as in \(example), found "
                    + "\(fields.map { "\($0.key) \($0.value.prefix(4))" }.sorted().prefix(4))")
        }
        return means
    }
}
