import Distillation
import Environments
import Experience
import Files
import Foundation
import Models
import Settings
import TestSupport
import Testing

@Suite("The configuration of a checkpoint")
struct ConfigurationTests {
    private func configuration(
        _ model: ModelChoice = ModelChoice(Transformer.self, smallSettings())
    ) -> CheckpointConfiguration {
        CheckpointConfiguration(
            model: model, description: smallDescription,
            training: smallTraining(), windows: WindowSettings(), step: 60, seconds: 1.5)
    }

    private func random(_ generator: inout some RandomNumberGenerator) -> CheckpointConfiguration {
        var one = configuration()
        var model = TransformerSettings()
        model.tokenLayout = Bool.random(using: &generator) ? .merged : .separate
        model.contextLength = .random(in: 1...5000, using: &generator)
        model.heads = .random(in: 1...16, using: &generator)
        model.modelDimension = model.heads * .random(in: 1...64, using: &generator)
        model.attentionDropout = .random(in: 0..<1, using: &generator)
        one.model = ModelChoice(Transformer.self, model)
        if Bool.random(using: &generator) {
            var lstm = LSTMSettings()
            lstm.contextLength = .random(in: 2...5000, using: &generator)
            lstm.units = .random(in: 1...2000, using: &generator)
            lstm.unitDropout = .random(in: 0..<1, using: &generator)
            one.model = ModelChoice(LSTMModelKind.self, lstm)
        }
        let spaces: [Space] = [
            .discrete(count: 7), .multiDiscrete(counts: [3, 300]),
            .box(shape: [2, 3], type: .float32, low: -.infinity, high: 1.5),
        ]
        let stored = Bool.random(using: &generator) ? nil : StoredObservation(name: "states", space: spaces[2])
        let space = spaces[Int.random(in: 0..<spaces.count, using: &generator)]
        one.description = CheckpointDescription(
            environment: EnvironmentDescription(
                name: "dark-room", observationSpace: space, stored: stored, actionSpace: .discrete(count: 5),
                horizon: Bool.random(using: &generator) ? nil : .random(in: 1...100, using: &generator),
                json: DarkRoomSettings(size: .random(in: 2...128, using: &generator)).json),
            splitSeed: .random(in: 0...UInt64.max, using: &generator),
            trainedTasks: (0..<Int.random(in: 0...20, using: &generator)).map { _ in
                .random(in: 0...Int.max, using: &generator)
            }, testTasks: Bool.random(using: &generator) ? nil : [])
        one.training.maximumSeconds = Bool.random(using: &generator) ? nil : .random(in: 1...1e9, using: &generator)
        one.training.seed = .random(in: 0...UInt64.max, using: &generator)
        one.training.epsilon = .random(in: 1e-30...1, using: &generator)
        one.windows.maximumStreamsPerLifetime = Bool.random(using: &generator) ? nil : 3
        one.windows.shareFromStart = .random(in: 0...1, using: &generator)
        one.step = .random(in: 0...Int.max, using: &generator)
        one.seconds = .random(in: 0...1e12, using: &generator)
        return one
    }

    @Test("what is written is what is read, to the last bit of every number, and equal values are equal bytes")
    func roundTrip() throws {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<300 {
            let one = random(&generator)
            let bytes = try one.encoded()
            let again = try CheckpointConfiguration(bytes, name: "config.json")
            #expect(again == one, "\(String(decoding: bytes, as: UTF8.self))")
            #expect(try again.encoded() == bytes)
        }
    }

    @Test("every value is written out under the name that an experiment file gives it, a default too")
    func allKeys() throws {
        let text = String(decoding: try configuration().encoded(), as: UTF8.self)
        for (section, keys) in [
            ("model", TransformerSettings.entries.map(\.name) + ["name"]),
            ("training", TrainingSettings.entries.map(\.name)), ("windows", WindowSettings.entries.map(\.name)),
            ("environment", DarkRoomSettings.entries.map(\.name) + ["name"]),
        ] {
            let node = try SettingNode(json: text, name: "config.json").value(at: section)
            for key in keys { #expect(node?.value(at: key) != nil, "\(section).\(key)") }
        }
        for line in [
            "  \"format\": \"distillery-checkpoint\",\n", "    \"dimension\": 24,\n",
            "    \"maximum_seconds\": null,\n",
            "    \"peak_learning_rate\": 0.003,\n",
            "  \"observation_space\": {\"type\":\"multi_discrete\",\"nvec\":[5,4]},\n",
            "  \"trained_tasks\": [0,3,4],\n",
        ] { #expect(text.contains(line), "\(line)") }
    }

    // MARK: - Earlier versions

    /// The configuration that an earlier version wrote, and what it says.
    private func earlier() throws -> (text: String, expected: CheckpointConfiguration) {
        let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().appending(
            path: "EndToEndTests/Earlier/finished/checkpoints/distiller/step-00000020/config.json")
        var model = TransformerSettings()
        model.contextLength = 10
        (model.modelDimension, model.layers, model.heads, model.feedForward) = (8, 1, 1, 8)
        (model.embeddingDropout, model.attentionDropout, model.residualDropout) = (0, 0, 0)
        var training = TrainingSettings()
        (training.batchSize, training.steps, training.warmupSteps) = (4, 20, 5)
        training.peakLearningRate = 0.003
        let expected = CheckpointConfiguration(
            model: ModelChoice(Transformer.self, model),
            description: CheckpointDescription(
                environment: EnvironmentDescription(
                    name: "dark-room", observationSpace: .multiDiscrete(counts: [3, 3]),
                    actionSpace: .discrete(count: 5), horizon: 5, json: #"{"horizon":5,"size":3}"#),
                splitSeed: 0, trainedTasks: [0, 1], testTasks: [6, 8]),
            training: training, windows: WindowSettings(), step: 20, seconds: 0.001948201002960559)
        return (try String(contentsOf: file, encoding: .utf8), expected)
    }

    private func read(_ text: String) throws -> CheckpointConfiguration {
        try CheckpointConfiguration(Data(text.utf8), name: "config.json")
    }

    @Test("version 1, in which values had the names of our fields, is read")
    func version1() throws {
        var (text, expected) = try earlier()
        #expect(try read(text) == expected)
        text = text.replacing("\"shareFromStart\"", with: "\"maximumStreamsPerLifetime\" : 4,\n\"shareFromStart\"")
        expected.windows.maximumStreamsPerLifetime = 4
        #expect(try read(text) == expected)
        #expect(try read(String(decoding: read(text).encoded(), as: UTF8.self)) == expected)
    }

    @Test("version 1 of before held-out tasks were named, and that names its kind of model, is read")
    func variants() throws {
        var (text, expected) = try earlier()
        text = text.replacing(#/"testTasks" : \[[^\]]*\],/#, with: "")
        text = text.replacing("\"layers\" :", with: "\"name\" : \"transformer\", \"layers\" :")
        expected.description.testTasks = nil
        #expect(try read(text) == expected)
    }

    @Test(
        "version 1 is held to the same ranges and keys",
        arguments: [
            ("\"heads\" : 1", "\"heads\" : 0", "model.heads: expected integer, 1 to 256; 0 came (out of range)"),
            ("\"heads\" : 1,", "", "model.heads: this key is missing"),
            ("\"steps\" : 20", "\"steeps\" : 20", "training.steeps: there is no such key; did you mean 'steps'?"),
            ("\\\"size\\\":3", "\\\"size\\\":1", "environment.size: expected integer, 2 to 128; 1 came"),
            ("distillery-transformer", "something", "expected a checkpoint's configuration of version 1 or 2; '1' of"),
        ])
    func refusedVersion1(old: String, new: String, message: String) throws {
        let text = try earlier().text
        #expect(text.contains(old))
        let error = #expect(throws: FileError.self) { try read(text.replacing(old, with: new)) }
        #expect(error?.description.contains(message) == true, "\(error as Any)")
    }

    // MARK: - Refusals

    @Test(
        "a configuration that cannot be used is refused with the key, what was expected and what came",
        arguments: [
            ("\"layers\": 2", "\"layers\": 0", "config.json: model.layers: expected integer, 1 to 256; 0 came"),
            ("\"layers\": 2", "\"layers\": \"2\"", "model.layers: expected integer, 1 to 256; the quoted text"),
            ("\"layers\": 2,", "", "config.json: model.layers: this key is missing"),
            (
                "\"layers\": 2", "\"layers\": 2, \"leyers\": 2",
                "model.leyers: there is no such key; did you mean 'layers'?"
            ),
            ("\"layers\": 2", "\"layers\": 2, \"layers\": 2", "there should be a key of another name"),
            ("\"transformer\"", "\"perceptron\"", "config.json: model.name: expected"),
            ("\"dark-room\"", "\"maze\"", "config.json: environment.name: expected"),
            ("\"heads\": 3", "\"heads\": 7", "model.heads and model.dimension: 7 heads do not divide 24"),
            ("\"seconds\": 1.5", "\"seconds\": -1", "config.json: seconds: expected number, 0 to"),
            ("\"step\": 60,", "", "config.json: step: this key is missing"),
            ("\"seed\": 5", "\"seed\": -5", "training.seed: expected integer, 0 to 18446744073709551615; '-5' came"),
            ("[0,3,4]", "[0,-3,4]", "trained_tasks: expected list of"),
            ("[5,4]", "[5,0]", "observation_space: expected a space such as"),
            ("\"type\":\"multi_discrete\"", "\"type\":\"tree\"", "observation_space: expected a space such as"),
            ("{\"type\":\"multi_discrete\",\"nvec\":[5,4]}", "[[]]", "observation_space: expected a space such as"),
            (
                "\"version\": 2", "\"version\": 3",
                "version: expected a checkpoint's configuration of version 1 or 2; '3'"
            ),
            ("\"version\": 2", "\"version\": []", "version 1 or 2; a list of format"),
            ("\"stored_name\": null", "\"stored_name\": \"states\"", "stored_name and stored_space: streams cannot"),
            ("distillery-checkpoint", "distillery-transformer", "format: expected distillery-checkpoint"),
        ])
    func refused(old: String, new: String, message: String) throws {
        let text = String(decoding: try configuration().encoded(), as: UTF8.self)
        #expect(text.contains(old), "\(text)")
        let error = #expect(throws: FileError.self) { try read(text.replacing(old, with: new)) }
        #expect(error?.description.contains(message) == true, "\(error as Any)")
    }

    @Test("what is no configuration at all, or too long, is refused")
    func strangers() throws {
        #expect(throws: FileError.self) { try read("{}") }
        #expect(throws: FileError.self) { try read("[]") }
        #expect(throws: FileError.self) { try CheckpointConfiguration(Data([0xff, 0xfe]), name: "config.json") }
        let text = String(decoding: try configuration().encoded(), as: UTF8.self)
        for huge in [String(repeating: "1,", count: 3_000_000), String(repeating: "{\"a\":", count: 1_000_000)] {
            let error = #expect(throws: FileError.self) { try read(text.replacing("[0,3,4]", with: "[\(huge)1]")) }
            #expect(error?.description.contains("bytes of JSON, expected at most") == true, "\(error as Any)")
        }
        let deep = String(repeating: "[", count: 100_000)
        let error = #expect(throws: FileError.self) { try read(text.replacing("[0,3,4]", with: deep)) }
        #expect(error?.description.contains("brackets inside each other") == true)
    }

    @Test("one that is cut off anywhere is refused")
    func cutOff() throws {
        let bytes = try configuration().encoded()
        for length in 0..<(bytes.count - 1) {
            #expect(throws: FileError.self) {
                try CheckpointConfiguration(bytes.prefix(length), name: "config.json")
            }
        }
    }

    @Test("changed bytes are refused with an error for the file's owner, or give a configuration that can be written")
    func changed() throws {
        let seed = testSeed()
        var generator = SplitMix(seed: seed)
        let lstm = configuration(ModelChoice(LSTMModelKind.self, smallLSTMSettings()))
        for original in [try configuration().encoded(), try lstm.encoded(), Data(try earlier().text.utf8)] {
            for _ in 0..<3_000 {
                var bytes = original
                for _ in 0..<Int.random(in: 1...4, using: &generator) {
                    let index = Int.random(in: 0..<bytes.count, using: &generator)
                    switch Int.random(in: 0..<4, using: &generator) {
                    case 0: bytes[index] = .random(in: 0...255, using: &generator)
                    case 1: bytes[index] = Array("0123456789{}[],:\"-e.".utf8).randomElement(using: &generator) ?? 0
                    case 2: bytes.remove(at: index)
                    default: bytes.insert(bytes[index], at: index)
                    }
                }
                do {
                    _ = try CheckpointConfiguration(bytes, name: "config.json").encoded()
                } catch is FileError {} catch {
                    Issue.record("seed \(seed): \(error) from \(String(decoding: bytes, as: UTF8.self))")
                }
            }
        }
    }
}
