import Distillation
import Environments
import Experience
import Files
import Foundation
import Models
import Neural
import Testing

let smallDescription = CheckpointDescription(environment: smallEnvironment, splitSeed: 17, trainedTasks: [0, 3, 4])

@Suite("Checkpoints")
struct CheckpointTests {
    func checkpoint() throws -> Checkpoint {
        try Trainer(
            model: smallModel(), training: smallTraining(), windows: WindowSettings(), data: smallData()
        ).checkpoint(smallDescription)
    }

    @Test("what is written is what is read", arguments: ["transformer", "lstm"])
    func roundTrip(kind: String) throws {
        let model: any SequenceModel = kind == "lstm" ? try smallLSTM() : try smallModel()
        let checkpoint = try Trainer(
            model: model, training: smallTraining(), windows: WindowSettings(), data: smallData()
        ).checkpoint(smallDescription)
        try withFolder { folder in
            let target = folder.appendingPathComponent("step-1")
            try checkpoint.write(to: target)
            let again = try Checkpoint(folder: target)
            #expect(again == checkpoint)
            let configuration = try again.configuration()
            #expect(configuration.model == model.choice && configuration.model.name == kind)
            #expect(configuration.description == smallDescription)
            #expect(configuration.training == smallTraining())
            #expect(try again.makeModel().parameters.values == model.parameters.values)
            #expect(
                try FileManager.default.contentsOfDirectory(atPath: target.path).sorted() == [
                    "config.json", "model.safetensors",
                ])
        }
    }

    func message(_ checkpoint: Checkpoint) -> String {
        do {
            _ = try checkpoint.makeModel()
            return "accepted"
        } catch { return "\(error)" }
    }

    @Test("a file of any shorter or longer length is refused")
    func lengths() throws {
        let good = try checkpoint()
        for length in [0, 7, 8, 100, good.model.count / 2, good.model.count - 1] {
            let bad = Checkpoint(model: good.model.prefix(length), config: good.config)
            #expect(message(bad) != "accepted", "length \(length)")
        }
        let long = Checkpoint(model: good.model + Data([0]), config: good.config)
        #expect(message(long).contains("too long"))
    }

    @Test("a header that lies is refused")
    func headers() throws {
        let good = try checkpoint()
        for byte in 0..<8 {
            var model = good.model
            model[byte] = 0xFF
            #expect(message(Checkpoint(model: model, config: good.config)) != "accepted")
        }
        let text = String(decoding: good.model[8..<2000], as: UTF8.self)
        for (old, new) in [("\"F32\"", "\"F16\""), ("[24]", "[-4]"), ("[0,", "[4,"), ("{", "[")] {
            let range = try #require(text.range(of: old))
            let changed = Data(text.replacingCharacters(in: range, with: new).utf8)
            let model = good.model[..<8] + changed + good.model[2000...]
            #expect(message(Checkpoint(model: model, config: good.config)) != "accepted", "\(old)")
        }
    }

    @Test("a model of other dimensions is refused with the tensor, the found and the expected shape")
    func mismatch() throws {
        let good = try checkpoint()
        let config = String(decoding: good.config, as: UTF8.self)
            .replacingOccurrences(of: "\"feed_forward\": 40", with: "\"feed_forward\": 48")
        let text = message(Checkpoint(model: good.model, config: Data(config.utf8)))
        #expect(text.contains("blocks.0.mlp.fc1.weight") && text.contains("[40, 24]") && text.contains("[48, 24]"))
    }

    @Test("settings that no model can have, and numbers that are not finite, are refused")
    func values() throws {
        let good = try checkpoint()
        let config = String(decoding: good.config, as: UTF8.self)
            .replacingOccurrences(of: "\"heads\": 3", with: "\"heads\": 7")
        #expect(message(Checkpoint(model: good.model, config: Data(config.utf8))).contains("7 heads do not divide"))
        #expect(message(Checkpoint(model: good.model, config: Data("{}".utf8))).contains("config.json"))
        var model = good.model
        model.replaceSubrange((model.count - 4)..., with: [0, 0, 0xC0, 0x7F])
        #expect(message(Checkpoint(model: model, config: good.config)).contains("not finite"))
    }

    @Test("a missing folder is an error that names it")
    func missing() {
        #expect(throws: FileError.self) { try Checkpoint(folder: URL(fileURLWithPath: "/nonexistent/checkpoint")) }
    }
}
