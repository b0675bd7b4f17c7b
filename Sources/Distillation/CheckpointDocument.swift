import Environments
import Experience
import Files
package import Foundation
import Histories
import Models
import Settings

/// `config.json` as it is declared. The sections are those of an experiment file, with the same keys, and every value
/// is written out, so that a program that does not know our defaults reads each dimension there.
struct CheckpointDocument: SettingsGroup {
    /// What version 1 had in its place was the kind of model's name.
    static let format = "distillery-checkpoint"
    /// Raised where the meaning of keys changes; `FormerCheckpoint` reads the versions before.
    static let version = 2
    /// Longest file that is looked at: half a million ids of tasks.
    static let longestBytes = 4 << 20
    private static let mostTasks = 1_000_000

    var format = Self.format
    var version = Self.version
    var model = ModelChoice(Transformer.self)
    var environment = EnvironmentSettings(RegisteredEnvironment(DarkRoomTasks.self))
    var horizon: Int?
    var observationSpace = Space.discrete(count: 1)
    var actionSpace = Space.discrete(count: 1)
    /// Of what streams store; both nil where that is what is seen.
    var storedName: String?
    var storedSpace: Space?
    var splitSeed: UInt64 = 0
    var trainedTasks: [Int] = []
    /// Nil in files of before this key.
    var testTasks: [Int]?
    var training = TrainingSettings()
    var windows = WindowSettings()
    var step = 0
    var seconds = 0.0

    static let entries: [Entry<CheckpointDocument>] = [
        .key("format", \.format, .choice([(word: format, value: format)]), "What this file is."),
        .key("version", \.version, .integer(version...version), "The version of its keys."),
        .kinds("model", \.model, of: RegisteredModel.registry, key: "name", "The kind.", "The model's dimensions."),
        .kinds(
            "environment", \.environment, of: RegisteredEnvironment.registry, key: "name", "The environment.",
            "What the model acts in."),
        .key("horizon", \.horizon, .optional(.integer(0...Int(Int32.max)), "none"), "Most steps of an episode."),
        .key("observation_space", \.observationSpace, .space, "The space of observations."),
        .key("action_space", \.actionSpace, .space, "The space of actions."),
        .key("stored_name", \.storedName, .optional(.text("a name"), "none"), "What streams store of observations."),
        .key("stored_space", \.storedSpace, .optional(.space, "none"), "The space of what streams store."),
        .key("split_seed", \.splitSeed, .seed, "Shuffles the tasks into those of training and those held out."),
        .key("trained_tasks", \.trainedTasks, tasks, "Ids of the tasks whose histories the model was trained on."),
        .key("test_tasks", \.testTasks, .optional(tasks, "unknown"), "Ids of the tasks that were held out."),
        .section("training", \.training, "How it was trained."),
        .section("windows", \.windows, "What it was trained on."),
        .key("step", \.step, .integer(atLeast: 0), "Optimiser steps that made the parameters."),
        .key("seconds", \.seconds, .number(0, 1e12), "Seconds of training that made them."),
    ]

    static let tasks = ValueForm<[Int]>.list(of: .integer(atLeast: 0), count: 0...mostTasks)
}

extension CheckpointDocument {
    /// What streams store; nil where it is what is seen.
    fileprivate var stored: StoredObservation? {
        guard let storedName, let storedSpace else { return nil }
        return StoredObservation(name: storedName, space: storedSpace)
    }

    func contradictions() -> [Contradiction] {
        let isNamed = storedName != nil || storedSpace != nil
        guard isNamed, stored == nil else { return [] }
        return [Contradiction(["stored_name", "stored_space"], "streams cannot store such an observation")]
    }
}

extension ValueForm where Value == Space {
    /// A space as streams describe it: `{"type":"multi_discrete","nvec":[9,9]}`.
    fileprivate static var space: ValueForm {
        ValueForm(
            accepted: "a space such as {\"type\":\"discrete\",\"n\":5}",
            read: { node throws(Mismatch) in
                guard let space = try? Space(json: node.json) else { throw Mismatch(came: excerpt(node.json)) }
                return space
            },
            write: { .plain($0.json) })
    }
}

extension CheckpointConfiguration {
    /// JSON with sorted keys, so that equal configurations are equal bytes. Throws `EnvironmentError` for an
    /// environment that no registry knows, and `SettingsError` for values that could not be read back.
    package func encoded() throws -> Data {
        var document = CheckpointDocument()
        document.model = model
        let environment = description.environment
        document.environment = try EnvironmentSettings(name: environment.name, json: environment.json)
        document.horizon = environment.horizon
        document.observationSpace = environment.observationSpace
        document.actionSpace = environment.actionSpace
        if environment.hasView {
            document.storedName = environment.stored.name
            document.storedSpace = environment.stored.space
        }
        document.splitSeed = description.splitSeed
        document.trainedTasks = description.trainedTasks
        document.testTasks = description.testTasks
        document.training = training
        document.windows = windows
        document.step = step
        document.seconds = seconds
        try document.validate()
        let schema = Schema(CheckpointDocument.entries)
        return Data((schema.json(document, defaults: document, .all, .indented(depth: 0)) + "\n").utf8)
    }

    /// Reads and checks a `config.json`, of this version or an earlier one. `name`: what to call the file in errors.
    /// Throws `FileError` with every key that is missing, unknown or has no value that it could have.
    package init(_ data: Data, name: String) throws {
        guard let text = String(validating: data, as: UTF8.self) else {
            throw FileErrors.config(name, "is not the configuration of a checkpoint: it is not UTF-8")
        }
        do throws(SettingsError) {
            let node = try SettingNode(json: text, name: name, limit: CheckpointDocument.longestBytes)
            self.init(
                try CheckpointDocument(
                    checkpoint: try FormerCheckpoint.renewed(node), isCurrent: FormerCheckpoint.isCurrent(node)))
        } catch {
            throw FileError("\(error)")
        }
    }

    private init(_ document: CheckpointDocument) {
        let environment = EnvironmentDescription(
            name: document.environment.kind.name, observationSpace: document.observationSpace,
            stored: document.stored, actionSpace: document.actionSpace, horizon: document.horizon,
            json: document.environment.json)
        self.init(
            model: document.model,
            description: CheckpointDescription(
                environment: environment, splitSeed: document.splitSeed, trainedTasks: document.trainedTasks,
                testTasks: document.testTasks),
            training: document.training, windows: document.windows, step: document.step, seconds: document.seconds)
    }
}

extension CheckpointDocument {
    /// As from any tree, but nothing that the parameters or the evaluation hang on may be missing: every key outside
    /// the sections, every dimension of the model, the sections themselves. A default would give the parameters a
    /// meaning that they do not have. Throws `SettingsError`.
    ///
    /// - Parameter isCurrent: the settings of the environment are all there too, as the present version writes them;
    ///   earlier ones left out what was the default.
    fileprivate init(checkpoint node: SettingNode, isCurrent: Bool) throws(SettingsError) {
        self = try CheckpointDocument(node)
        // Integers are not looked at through an encoder, whose settings earlier files do not have.
        let hasEncoder = IntegerComponents(observationSpace) == nil
        let keys = Schema(Self.entries).values(of: self).map(\.key).filter {
            hasEncoder || !$0.hasPrefix("model.encoder.")
        }
        let whole = isCurrent ? ["model.", "environment."] : ["model."]
        let needed =
            keys.filter { key in !key.contains(".") || whole.contains { key.hasPrefix($0) } }
            + ["environment.name", "training", "windows"]
        let missing = needed.filter { node.value(at: $0) == nil }.map {
            Problem(origin: node.origin, key: $0, message: "this key is missing")
        }
        guard missing.isEmpty else { throw SettingsError(missing) }
    }
}
