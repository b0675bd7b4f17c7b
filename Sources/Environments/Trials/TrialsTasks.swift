package import Experience
import Settings

/// Another environment's episodes in trials, each trial on a task of its own: what RL2 learns from (paper, Table 6).
///
/// Its tasks are those of the environment inside, by their own ids, and one more, the mixture: trial n of a stream has
/// a train task that is drawn from the stream's key and n alone, so that a stream can be replayed, and taken up at any
/// of its trials. The mixture is all that is collected on; evaluations name the groups of the environment inside.
///
/// Episodes, observations and actions are those of the environment inside. That a policy remembers through a trial is
/// its own affair: `EnvironmentDescription.episodesPerTrial` tells it when to forget.
///
/// Where the environment inside stores states instead of what is seen of them, which may depend on the task, a row of a
/// stream has the task's id behind the state. The stored space is one range for all numbers of a row, so that it reaches to the
/// largest id for the state's numbers, too.
package struct TrialsTasks: EnvironmentKind {
    package static let name = "trials"
    package static let summary =
        "Episodes of another environment, of which so many in a row have one task, drawn from the train split."

    package let environment: EnvironmentDescription
    private let settings: TrialsSettings
    private let split: TaskSplit
    private let inner: any TaskDistribution
    /// Most train tasks over which the mixture's references are computed.
    private static let mostReferences = 1000

    /// Throws `EnvironmentError` for settings or a split out of range, and for an environment whose streams store
    /// something else than what is seen that is no vector of floats.
    package init(settings: TrialsSettings = TrialsSettings(), split: TaskSplit = TaskSplit()) throws {
        try Self.check(settings)
        let inner = try settings.of.makeTasks(split: split)
        self.settings = settings
        self.split = split
        self.inner = inner
        environment = EnvironmentDescription(
            name: Self.name, observationSpace: inner.environment.observationSpace,
            stored: inner.environment.hasView ? try Self.stored(of: inner) : nil,
            actionSpace: inner.environment.actionSpace, horizon: inner.environment.horizon, json: settings.json,
            episodesPerTrial: settings.episodes,
            stateFeatures: inner.environment.stateFeatures.map { StateFeatures($0.components + [.hidden]) })
    }

    /// What the environment inside stores, with the task's id behind it.
    private static func stored(of inner: any TaskDistribution) throws -> StoredObservation {
        let stored = inner.environment.stored
        guard case .box(let shape, .float32, let low, let high) = stored.space, shape.count == 1,
            let extended = StoredObservation(
                name: stored.name,
                space: .box(
                    shape: [shape[0] + 1], type: .float32, low: min(low, 0), high: max(high, Double(inner.count - 1)))),
            inner.count <= TrialsView.mostTasks
        else {
            throw EnvironmentError(
                "\(name): expected an environment of at most \(TrialsView.mostTasks) tasks that stores what is seen, or "
                    + "vectors of floats that it is drawn of; \(inner.environment.name) stores \(stored.name) of "
                    + "\(stored.space)")
        }
        return extended
    }

    /// The id of the task whose trials are drawn: behind those of the environment inside.
    package var mixture: Int { inner.count }
    package var count: Int { inner.count + 1 }
    package var curveAxis: CurveAxis { inner.curveAxis }
    package var isReplayable: Bool { inner.isReplayable }
    package var processName: String? { inner.processName }
    package var groups: [String] { inner.groups + [Self.drawn] }
    /// The group of the tasks that trials are drawn from: what the environment inside calls `train`, which in an
    /// experiment's evaluations is the mixture.
    package static let drawn = "drawn"

    /// What is collected on is the mixture alone.
    package func ids(of split: Split) -> [Int] { split == .train ? [mixture] : inner.ids(of: .test) }

    package func ids(in group: String) throws -> [Int] {
        group == Self.drawn ? inner.ids(of: .train) : try inner.ids(in: group)
    }

    package func task(_ id: Int) throws -> Task {
        guard 0..<count ~= id else { throw EnvironmentError.noTask(id, of: environment.name, count) }
        guard id == mixture else { return try inner.task(id) }
        return Task(
            id: id, split: .train,
            json: "{\"\(Self.mixtureKey)\":{\"seed\":\(split.seed),\"test_tasks\":\(split.testTasks)}}")
    }

    /// Of the mixture the means over its tasks, where these are few.
    package func references(of task: Task) -> ReferenceReturns {
        guard task.id == mixture else { return inner.references(of: task) }
        let ids = inner.ids(of: .train)
        guard ids.count <= Self.mostReferences else { return ReferenceReturns() }
        let all = ids.compactMap { try? inner.task($0) }.map { inner.references(of: $0) }
        func mean(_ values: [Double?]) -> Double? {
            let known = values.compactMap { $0 }
            return known.count == values.count && !known.isEmpty ? known.reduce(0, +) / Double(known.count) : nil
        }
        return ReferenceReturns(optimum: mean(all.map(\.optimum)), random: mean(all.map(\.random)))
    }

    package func makeEnvironment(task: Task, keys: [StreamKey]) throws -> any Environment {
        guard isMixture(task) else {
            return try Trials(
                description: environment, inner: inner, drawn: .one(task), episodes: settings.episodes, keys: keys)
        }
        let drawn = try self.drawn(by: task)
        return try Trials(
            description: environment, inner: drawn, drawn: .any(of: drawn.ids(of: .train)),
            episodes: settings.episodes, keys: keys)
    }

    package func makeView(of task: Task) throws -> (any ObservationView)? {
        let shown: TrialsView.Shown
        if isMixture(task) {
            shown = .any(of: try drawn(by: task))
        } else if let view = try inner.view(of: task) {
            shown = .one(view)
        } else {
            return nil
        }
        return TrialsView(shown, stored: inner.environment.stored.space, seen: environment.observationSpace)
    }

    /// The tasks that the mixture draws from, by the split that its text states.
    private func drawn(by mixture: Task) throws -> any TaskDistribution {
        let what = "task of \(Self.name)"
        let example = "{\"\(Self.mixtureKey)\":{\"seed\":0,\"test_tasks\":16}}"
        let fields = try readJSON(
            mixture.json, as: [String: [String: UInt64]].self, what: what, example: example)
        guard let split = fields[Self.mixtureKey], fields.count == 1, split.count == 2, let seed = split["seed"],
            let held = split["test_tasks"].flatMap({ Int(exactly: $0) })
        else { throw EnvironmentError("\(what): expected a split as in \(example)") }
        return try settings.of.makeTasks(split: TaskSplit(testTasks: held, seed: seed))
    }

    private static let mixtureKey = "mixture"
    private func isMixture(_ task: Task) -> Bool { task.json.hasPrefix("{\"\(Self.mixtureKey)\"") }
}

extension EnvironmentSettings {
    /// Trials of another environment.
    package static func trials(_ settings: TrialsSettings) -> EnvironmentSettings {
        EnvironmentSettings(RegisteredEnvironment(TrialsTasks.self), settings: settings)
    }
}
