import Distillation
import Foundation
import Models
import Neural
import Testing

@Suite("Untrained checkpoints")
struct UntrainedCheckpointTests {
    @Test("training that goes on from one is training that begins", arguments: ["transformer", "lstm"])
    func beginning(kind: String) throws {
        let choice = kind == "lstm" ? try smallLSTM().choice : try smallModel().choice
        let (training, windows) = (smallTraining(), WindowSettings())
        let untrained = try Checkpoint.untrained(choice, smallDescription, training: training, windows: windows)
        let fresh = try Trainer(
            model: choice.make(ModelSpaces(smallEnvironment), seed: training.seed), training: training,
            windows: windows,
            data: smallData(), now: { 0 })
        let resumed = try Trainer(
            model: untrained.checkpoint.makeModel(), training: training, windows: windows, data: smallData(),
            resumeFrom: untrained.optimizer, now: { 0 })
        #expect(resumed.completedSteps == 0)
        for _ in 0..<3 { #expect(try resumed.step() == fresh.step()) }
        #expect(resumed.model.parameters.values == fresh.model.parameters.values)
    }

    @Test("its files are a checkpoint of step 0, whole and without a task that was trained on")
    func files() throws {
        let choice = try smallModel().choice
        var description = smallDescription
        description.trainedTasks = []
        let untrained = try Checkpoint.untrained(
            choice, description, training: smallTraining(), windows: WindowSettings())
        try withFolder { folder in
            try untrained.checkpoint.write(to: folder, optimizer: untrained.optimizer)
            let configuration = try Checkpoint.check(folder) { _ in true }
            #expect(configuration.step == 0 && configuration.seconds == 0 && configuration.model == choice)
            #expect(configuration.description == description)
            #expect(configuration.training == smallTraining())
        }
    }
}
