package import Environments
import Experience
import Files
package import Foundation
package import Models
import Neural

/// A trained model as bytes: what lies in a folder and what travels to an evaluator. Nothing of it has been checked
/// before `configuration()` or `makeModel()` is called: the bytes may come from outside.
///
/// The optimiser's state is a third file in the folder. It is no part of this value, since only a trainer that goes on
/// needs it.
package struct Checkpoint: Sendable, Equatable {
    /// `model.safetensors`
    package let model: Data
    /// `config.json`
    package let config: Data

    package static let modelFile = "model.safetensors"
    package static let configFile = "config.json"
    package static let optimizerFile = "optimizer.safetensors"
    /// Larger files are refused, in bytes.
    package static let maximumFileBytes = 8 << 30

    /// `model`, `config`: the bytes of the two files, unchecked.
    package init(model: Data, config: Data) {
        self.model = model
        self.config = config
    }

    /// Reads a checkpoint's folder. Throws `FileError` when a file is missing or too large.
    package init(folder: URL) throws {
        model = try Checkpoint.read(folder.appendingPathComponent(Checkpoint.modelFile))
        config = try Checkpoint.read(folder.appendingPathComponent(Checkpoint.configFile))
    }

    /// Throws `FileError` for a configuration that cannot be read, or of a kind of model that there is not.
    package func configuration() throws -> CheckpointConfiguration {
        try CheckpointConfiguration(config, name: Checkpoint.configFile)
    }

    /// The model with its parameters, for the environment that the configuration names. Throws `FileError` with the
    /// tensor that does not fit, for parameters that are not finite, and for spaces that the kind of model cannot act
    /// in.
    package func makeModel() throws -> any SequenceModel {
        let configuration = try configuration()
        let spaces: ModelSpaces
        let layout: ParameterLayout
        do {
            spaces = try ModelSpaces(configuration.description.environment)
            layout = try configuration.model.parameterLayout(spaces)
        } catch {
            throw FileErrors.config(
                Checkpoint.configFile, "is of an environment that this model cannot act in: \(error)")
        }
        // The file is checked before the configuration's dimensions are believed and memory is taken for them.
        let file = try Safetensors(self.model, name: Checkpoint.modelFile)
        try file.check(layout)
        let model = try configuration.model.make(spaces, seed: nil)
        try file.read(layout, into: model.parameters)
        guard model.parameters.values.allSatisfy(\.isFinite) else {
            throw FileError("\(Checkpoint.modelFile) holds numbers that are not finite")
        }
        return model
    }

    /// Writes the files, each atomically and creating the folder; the configuration comes last, so that a folder with
    /// one is whole. `optimizer`: the bytes of `optimizer.safetensors`, which is left out where nil. Throws
    /// `FileError`.
    package func write(to folder: URL, optimizer: Data? = nil) throws {
        try Folder.create(folder.path)
        if let optimizer {
            try AtomicFile.write(optimizer, to: folder.appendingPathComponent(Checkpoint.optimizerFile).path)
        }
        try AtomicFile.write(model, to: folder.appendingPathComponent(Checkpoint.modelFile).path)
        try AtomicFile.write(config, to: folder.appendingPathComponent(Checkpoint.configFile).path)
    }

    /// The bytes of the optimiser's state beside a checkpoint, for the trainer's `resumeFrom`. Throws `FileError` where
    /// it is missing.
    package static func optimizerState(in folder: URL) throws -> Data {
        try read(folder.appendingPathComponent(optimizerFile))
    }

    /// Which streams were in memory when the optimiser's state beside a checkpoint was written, for a training that goes on
    /// from it; nil where all were. Throws `FileError`.
    package static func streamsInMemory(in folder: URL) throws -> StreamRotation.Position? {
        let state = try Safetensors(optimizerState(in: folder), name: optimizerFile)
        guard let words = state.metadata[OptimizerState.streamsKey] else { return nil }
        guard let position = StreamRotation.Position(words) else {
            throw FileError(
                "\(optimizerFile) does not say which streams were in memory: expected three whole numbers from 0, "
                    + "found \(words)")
        }
        return position
    }

    /// Reads all of a checkpoint that training may go on from. Throws `FileError` in the words of its owner for what
    /// is missing, cut off or damaged; the optimiser's state is only looked at where `isResumed` says so.
    package static func check(_ folder: URL, isResumed: (CheckpointConfiguration) -> Bool) throws
        -> CheckpointConfiguration
    {
        let checkpoint = try Checkpoint(folder: folder)
        let configuration = try checkpoint.configuration()
        let model = try checkpoint.makeModel()
        guard isResumed(configuration) else { return configuration }
        let layout = model.parameterLayout
        _ = try OptimizerState.read(
            optimizerState(in: folder), layout: layout, first: FloatBuffer(layout.count),
            second: FloatBuffer(layout.count))
        return configuration
    }

    private static func read(_ url: URL) throws -> Data {
        let path = url.path
        var status = stat()
        guard stat(path, &status) == 0 else {
            throw FileError.system("read", path)
        }
        guard status.st_mode & S_IFMT == S_IFREG, status.st_size <= maximumFileBytes else {
            throw FileError("\(path) is not a file of at most \(maximumFileBytes) bytes")
        }
        do {
            return try Data(contentsOf: url)
        } catch {
            throw FileError("cannot read \(path): \(error.localizedDescription)")
        }
    }
}

enum FileErrors {
    static func config(_ name: String, _ problem: String) -> FileError { FileError("\(name) \(problem)") }
}

extension Trainer {
    /// The model as it stands, as bytes that no later step changes. Not while a step is under way.
    package func checkpoint(_ description: CheckpointDescription) throws -> Checkpoint {
        Checkpoint(
            model: try Safetensors.encode(
                model.parameterLayout, parts: [("", model.parameters)], metadata: ["format": "pt"]),
            config: try CheckpointConfiguration(
                model: model.choice, description: description, training: settings, windows: windows,
                step: completedSteps, seconds: elapsedSeconds
            ).encoded())
    }

    /// Writes model, configuration and optimiser state into `folder`, from which training can be resumed. Throws
    /// `FileError`.
    package func saveCheckpoint(to folder: URL, _ description: CheckpointDescription) throws {
        try checkpoint(description).write(to: folder, optimizer: optimizerState())
    }
}

extension ModelSpaces {
    /// Throws `SettingsError` for an environment whose actions are not discrete.
    package init(_ environment: EnvironmentDescription) throws {
        try self.init(observationSpace: environment.observationSpace, actionSpace: environment.actionSpace)
    }
}
