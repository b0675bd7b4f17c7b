package import Foundation
package import Models
import Neural

extension Checkpoint {
    /// A training that has not begun, as a checkpoint of step 0 with the bytes of its `optimizer.safetensors`: the
    /// parameters that a model drawn from `training.seed` begins with, and moments that are zero. A training that goes on
    /// from it is the one that would have begun without it, in this program or in another that reads these files.
    ///
    /// Throws `SettingsError` for an environment in which such a model cannot act.
    package static func untrained(
        _ choice: ModelChoice, _ description: CheckpointDescription, training: TrainingSettings,
        windows: WindowSettings
    ) throws -> (checkpoint: Checkpoint, optimizer: Data) {
        let model = try choice.make(ModelSpaces(description.environment), seed: training.seed)
        let layout = model.parameterLayout
        let checkpoint = Checkpoint(
            model: try Safetensors.encode(layout, parts: [("", model.parameters)], metadata: ["format": "pt"]),
            config: try CheckpointConfiguration(
                model: choice, description: description, training: training, windows: windows, step: 0, seconds: 0
            ).encoded())
        let zeros = FloatBuffer(layout.count)
        return (checkpoint, try OptimizerState.encode(layout, first: zeros, second: zeros, steps: 0, seconds: 0))
    }
}
