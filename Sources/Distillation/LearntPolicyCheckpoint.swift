package import Agents
import Environments
import Experience
import Files
import Foundation
import Neural
import Settings

/// What a source algorithm acts by when its lifetime has ended, with frozen parameters, and what it was learnt on.
///
/// As a `Checkpoint` its configuration is a `LearntPolicyDocument`, and its model has one tensor: what the learner lends
/// its actors (`SourceLearner.withActingParameters`).
package struct LearntPolicyCheckpoint {
    package let source: SourceAlgorithm
    package let description: CheckpointDescription
    /// Updates that made the parameters.
    package let version: UInt64
    /// What `SourceActor.load` takes.
    package let parameters: [Float]

    package init(
        source: SourceAlgorithm, description: CheckpointDescription, version: UInt64, parameters: [Float]
    ) {
        self.source = source
        self.description = description
        self.version = version
        self.parameters = parameters
    }

    /// Throws `FileError` for a checkpoint that is damaged or of another kind, and for parameters that are not finite.
    package init(_ checkpoint: Checkpoint) throws {
        let document = try LearntPolicyDocument(config: checkpoint.config, name: Checkpoint.configFile)
        let environment: EnvironmentDescription
        do {
            environment = try document.environment.makeTasks(split: TaskSplit(testTasks: 0, seed: 0)).environment
        } catch {
            throw FileErrors.config(Checkpoint.configFile, "is of an environment that cannot be made: \(error)")
        }
        let file = try Safetensors(checkpoint.model, name: Checkpoint.modelFile)
        let count = file.shape(of: Self.tensor)?.first ?? 0
        guard 1...Self.mostParameters ~= count else {
            throw FileError("\(Checkpoint.modelFile): \(count) numbers that a policy acts by")
        }
        let layout = Self.layout(count)
        let buffer = FloatBuffer(layout.count)
        try file.read(layout, into: buffer)
        parameters = Array(buffer.values.prefix(count))
        guard parameters.allSatisfy(\.isFinite) else {
            throw FileError("\(Checkpoint.modelFile) holds numbers that are not finite")
        }
        source = document.source
        version = UInt64(document.updates)
        description = CheckpointDescription(
            environment: environment, splitSeed: document.splitSeed, trainedTasks: document.trainedTasks,
            testTasks: document.testTasks)
    }

    /// Throws `EnvironmentError` for an environment that no registry knows, and `SettingsError` for values that could not
    /// be read back.
    package func checkpoint() throws -> Checkpoint {
        var document = LearntPolicyDocument()
        document.source = source
        document.environment = try EnvironmentSettings(
            name: description.environment.name, json: description.environment.json)
        document.splitSeed = description.splitSeed
        document.trainedTasks = description.trainedTasks
        document.testTasks = description.testTasks ?? []
        document.updates = Int(clamping: version)
        try document.validate()
        let schema = Schema(LearntPolicyDocument.entries)
        let layout = Self.layout(parameters.count)
        let buffer = FloatBuffer(layout.count)
        for (index, value) in parameters.enumerated() { buffer.start[index] = value }
        return Checkpoint(
            model: try Safetensors.encode(layout, parts: [("", buffer)], metadata: ["format": "pt"]),
            config: Data((schema.json(document, defaults: document, .all, .indented(depth: 0)) + "\n").utf8))
    }

    private static let tensor = "acting.parameters"
    private static let mostParameters = 1 << 28

    private static func layout(_ count: Int) -> ParameterLayout {
        var layout = ParameterLayout()
        _ = layout.add(tensor, [count])
        return layout
    }
}

/// The `config.json` of what a source algorithm has learnt.
struct LearntPolicyDocument: SettingsGroup {
    static let format = "distillery-policy"
    /// Raised where the meaning of keys changes.
    static let version = 1

    var format = Self.format
    var version = Self.version
    var source = SourceAlgorithm(RegisteredSourceAlgorithm(ActorCritic.self))
    var environment = EnvironmentSettings(RegisteredEnvironment(TrialsTasks.self))
    var splitSeed: UInt64 = 0
    var trainedTasks: [Int] = []
    var testTasks: [Int] = []
    var updates = 0

    static let entries: [Entry<LearntPolicyDocument>] = [
        .key("format", \.format, .choice([(word: format, value: format)]), "What this file is."),
        .key("version", \.version, .integer(version...version), "The version of its keys."),
        .kinds(
            "source", \.source, of: RegisteredSourceAlgorithm.registry, key: "algorithm", "The source algorithm.",
            "What has learnt, and how."),
        .kinds(
            "environment", \.environment, of: RegisteredEnvironment.registry, key: "name", "The environment.",
            "What it has learnt in."),
        .key("split_seed", \.splitSeed, .seed, "Shuffles the tasks into those of training and those held out."),
        .key("trained_tasks", \.trainedTasks, CheckpointDocument.tasks, "Ids of the tasks that it has learnt on."),
        .key("test_tasks", \.testTasks, CheckpointDocument.tasks, "Ids of the tasks that were held out."),
        .key("updates", \.updates, .integer(atLeast: 0), "Updates that made the parameters."),
    ]

    /// Whether the bytes say that they are such a document; nothing else is looked at.
    static func isOne(_ config: Data, name: String) -> Bool {
        guard let text = String(validating: config, as: UTF8.self),
            let node = try? SettingNode(json: text, name: name, limit: CheckpointDocument.longestBytes)
        else { return false }
        return node.value(at: "format")?.json == "\"\(format)\""
    }

    init() {}

    /// Throws `FileError` with every key that is missing, unknown or has no value that it could have.
    init(config: Data, name: String) throws {
        guard let text = String(validating: config, as: UTF8.self) else {
            throw FileErrors.config(name, "is not the configuration of a policy: it is not UTF-8")
        }
        do throws(SettingsError) {
            let node = try SettingNode(json: text, name: name, limit: CheckpointDocument.longestBytes)
            self = try LearntPolicyDocument(node)
            let missing = Schema(Self.entries).values(of: self).map(\.key).filter { node.value(at: $0) == nil }.map {
                Problem(origin: node.origin, key: $0, message: "this key is missing")
            }
            guard missing.isEmpty else { throw SettingsError(missing) }
        } catch { throw FileError("\(error)") }
    }
}

extension Checkpoint {
    /// Whether it is of what a source algorithm has learnt, and not of a distilled model.
    package var isLearntPolicy: Bool { LearntPolicyDocument.isOne(config, name: Checkpoint.configFile) }
}
