package import Environments
import Experience
import Files
package import Foundation
import Histories
package import Models
import Settings

/// What a checkpoint is about: the environment that its model acts in, and what the model was allowed to see of it. An
/// evaluator learns from it which tasks were held out, without the experiment that made the checkpoint.
package struct CheckpointDescription: Sendable, Equatable {
    package var environment: EnvironmentDescription
    /// Seed of the split into train and test tasks.
    package var splitSeed: UInt64
    /// Ids of the tasks whose histories the model was trained on.
    package var trainedTasks: [Int]
    /// Ids of the tasks that were held out; nil in checkpoints that are older than this key.
    package var testTasks: [Int]?

    package init(
        environment: EnvironmentDescription, splitSeed: UInt64, trainedTasks: [Int], testTasks: [Int]? = nil
    ) {
        self.testTasks = testTasks
        self.environment = environment
        self.splitSeed = splitSeed
        self.trainedTasks = trainedTasks
    }
}

/// The contents of `config.json`: the kind of model and its settings word for word, the environment with its spaces,
/// the settings of training and windows, and how far the training had come. Reading refuses settings out of their
/// ranges, so that a value of this type can make a model and go on training.
package struct CheckpointConfiguration: Sendable, Equatable {
    /// The kind of model with its dimensions; parameters lie in `model.safetensors`.
    package var model: ModelChoice
    package var description: CheckpointDescription
    /// What training was done with; a resumed training may go on with others.
    package var training: TrainingSettings
    package var windows: WindowSettings
    /// Optimiser steps and seconds of training that made the parameters.
    package var step: Int
    package var seconds: Double

    package init(
        model: ModelChoice, description: CheckpointDescription, training: TrainingSettings,
        windows: WindowSettings,
        step: Int, seconds: Double
    ) {
        self.model = model
        self.description = description
        self.training = training
        self.windows = windows
        self.step = step
        self.seconds = seconds
    }

    /// Whether training with `training` has nothing left to do after this checkpoint, by steps or by seconds. It may be
    /// asked with other settings than those of the checkpoint: more steps make a finished training go on.
    package func isEnd(of training: TrainingSettings) -> Bool {
        step >= training.steps || training.maximumSeconds.map { seconds >= $0 } ?? false
    }

    /// What a file of a kind of model says that it is.
    private static func format(_ model: ModelChoice) -> String { "distillery-\(model.name)" }
    /// Raised when files of before can no longer be read.
    private static let version = 1

    /// JSON with sorted keys, so that equal configurations are equal bytes.
    package func encoded() throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(
            Document(
                format: Self.format(model), version: Self.version, model: ModelDocument(choice: model),
                environment: try .init(description.environment), splitSeed: description.splitSeed,
                trainedTasks: description.trainedTasks, testTasks: description.testTasks, training: training,
                windows: windows, step: step,
                seconds: seconds))
    }

    /// Reads and checks a `config.json`. Throws `FileError` in the words of its owner.
    package init(_ data: Data, name: String) throws {
        guard data.count <= 16 << 20 else { throw FileErrors.config(name, "has \(data.count) bytes") }
        let document: Document
        do {
            document = try JSONDecoder().decode(Document.self, from: data)
        } catch {
            throw FileErrors.config(name, "is not the configuration of a checkpoint: \(error)")
        }
        let model = document.model.choice
        guard document.format == Self.format(model), document.version == Self.version else {
            throw FileErrors.config(
                name,
                "has format \(document.format) version \(document.version), expected \(Self.format(model)) version "
                    + "\(Self.version)")
        }
        do {
            try model.settings.validate()
            try document.training.validate()
            try document.windows.validate()
        } catch {
            throw FileErrors.config(name, "cannot be used: \(error)")
        }
        self.init(
            model: model,
            description: CheckpointDescription(
                environment: try document.environment.description(name), splitSeed: document.splitSeed,
                trainedTasks: document.trainedTasks, testTasks: document.testTasks),
            training: document.training, windows: document.windows, step: document.step, seconds: document.seconds)
    }

    /// The JSON as a file has it; the names of the properties are the keys.
    private struct Document: Codable {
        var format: String
        var version: Int
        var model: ModelDocument
        var environment: EnvironmentDocument
        var splitSeed: UInt64
        var trainedTasks: [Int]
        var testTasks: [Int]?
        var training: TrainingSettings
        var windows: WindowSettings
        var step: Int
        var seconds: Double
    }

    /// The keys of the model's settings, with the `name` of its kind beside them. Files without a name are of the time
    /// when there was one kind.
    private struct ModelDocument: Codable {
        private enum Key: String, CodingKey { case name }

        var choice: ModelChoice

        init(choice: ModelChoice) { self.choice = choice }

        init(from decoder: any Decoder) throws {
            let name = try decoder.container(keyedBy: Key.self).decodeIfPresent(String.self, forKey: .name)
            let kind = try RegisteredModel.registry.named(name ?? Transformer.name)
            choice = ModelChoice(kind, settings: try kind.decodeSettings(from: decoder))
        }

        func encode(to encoder: any Encoder) throws {
            try choice.dimensions.encode(to: encoder)
            var container = encoder.container(keyedBy: Key.self)
            try container.encode(choice.name, forKey: .name)
        }
    }

    /// The environment under its key `environment`: what `EnvironmentDescription` holds, with spaces as JSON objects.
    private struct EnvironmentDocument: Codable {
        var name: String
        /// The environment's settings as their own JSON, word for word as streams have them.
        var settings: String
        var horizon: Int?
        var observationSpace: SpaceDocument
        var actionSpace: SpaceDocument
        /// Missing where streams store what is seen.
        var storedName: String?
        var storedSpace: SpaceDocument?

        init(_ environment: EnvironmentDescription) throws {
            name = environment.name
            settings = environment.json
            horizon = environment.horizon
            observationSpace = try SpaceDocument(environment.observationSpace)
            actionSpace = try SpaceDocument(environment.actionSpace)
            if environment.hasView {
                storedName = environment.stored.name
                storedSpace = try SpaceDocument(environment.stored.space)
            }
        }

        func description(_ file: String) throws -> EnvironmentDescription {
            EnvironmentDescription(
                name: name, observationSpace: try observationSpace.space(file, "observationSpace"),
                stored: try stored(file), actionSpace: try actionSpace.space(file, "actionSpace"), horizon: horizon,
                json: settings)
        }

        private func stored(_ file: String) throws -> StoredObservation? {
            guard let storedName else { return nil }
            guard let space = try storedSpace?.space(file, "storedSpace"),
                let stored = StoredObservation(name: storedName, space: space)
            else { throw FileErrors.config(file, "has no usable environment.storedName and environment.storedSpace") }
            return stored
        }
    }
}

/// A space as streams describe it, `{"type":"multi_discrete","nvec":[9,9]}`, but as an object of its own.
private struct SpaceDocument: Codable {
    var type: String
    var n: Int?
    var nvec: [Int]?
    var shape: [Int]?
    var dtype: String?
    var low: Double?
    var high: Double?

    init(_ space: Space) throws { self = try JSONDecoder().decode(Self.self, from: Data(space.json.utf8)) }

    func space(_ file: String, _ key: String) throws -> Space {
        do {
            return try Space(json: String(decoding: JSONEncoder().encode(self), as: UTF8.self))
        } catch {
            throw FileErrors.config(file, "has no usable space under environment.\(key): \(error)")
        }
    }
}
