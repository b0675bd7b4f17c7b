import Experience
import Foundation
package import Neural
import Settings

/// Where every parameter of the transformer lies in a flat buffer; names and shapes as PyTorch would have them.
package struct TransformerLayout: Sendable, Equatable {
    package struct Block: Sendable, Equatable {
        let inWeight, inBias, outWeight, outBias, gain1, shift1: Int
        let fc1Weight, fc1Bias, fc2Weight, fc2Bias, gain2, shift2: Int
    }

    package let parameters: ParameterLayout
    package let settings: TransformerSettings
    package let observationRows: Int
    package let actionCount: Int
    package let blocks: [Block]
    let observation, action, rewardWeight, rewardBias, position, mask: Int
    let headWeight, headBias: Int

    /// Throws `SettingsError` for settings or spaces that no transformer can have.
    package init(_ settings: TransformerSettings, _ spaces: ModelSpaces) throws {
        try settings.validate()
        guard case .components(let components) = try ObservationInput.components(of: spaces.observationSpace) else {
            preconditionFailure("integers are embedded as components")
        }
        self.init(settings, observationRows: components.rowCount, actionCount: spaces.actionCount)
    }

    private init(_ settings: TransformerSettings, observationRows: Int, actionCount: Int) {
        let d = settings.modelDimension
        var layout = ParameterLayout()
        observation = layout.add("embed.observation.weight", [observationRows, d])
        action = layout.add("embed.action.weight", [actionCount + 1, d])
        rewardWeight = layout.add("embed.reward.weight", [d, 1])
        rewardBias = layout.add("embed.reward.bias", [d])
        position = layout.add("embed.position.weight", [settings.tokens, d])
        mask = layout.add("embed.mask.weight", [d])
        blocks = (0..<settings.layers).map { index in
            func add(_ name: String, _ shape: [Int]) -> Int { layout.add("blocks.\(index).\(name)", shape) }
            return Block(
                inWeight: add("attention.in_proj.weight", [3 * d, d]), inBias: add("attention.in_proj.bias", [3 * d]),
                outWeight: add("attention.out_proj.weight", [d, d]), outBias: add("attention.out_proj.bias", [d]),
                gain1: add("norm1.weight", [d]), shift1: add("norm1.bias", [d]),
                fc1Weight: add("mlp.fc1.weight", [settings.feedForward, d]),
                fc1Bias: add("mlp.fc1.bias", [settings.feedForward]),
                fc2Weight: add("mlp.fc2.weight", [d, settings.feedForward]), fc2Bias: add("mlp.fc2.bias", [d]),
                gain2: add("norm2.weight", [d]), shift2: add("norm2.bias", [d]))
        }
        headWeight = layout.add("head.weight", [actionCount, d])
        headBias = layout.add("head.bias", [actionCount])
        parameters = layout
        self.settings = settings
        self.observationRows = observationRows
        self.actionCount = actionCount
    }

    /// Draws the parameters of an untrained model. Embeddings are small beside 1 so that the first normalisation
    /// lets every part of a token through; projections keep the variance of what they project; the head begins near
    /// the uniform policy.
    package func initialise(_ buffer: FloatBuffer, seed: UInt64) {
        precondition(buffer.count == parameters.count)
        let generator = Philox(StreamKey(seed: seed, task: 0, repetition: 0, actor: 0))
        for (index, tensor) in parameters.tensors.enumerated() {
            let deviation = deviation(of: tensor)
            for element in 0..<tensor.count {
                let value: Float
                switch deviation {
                case .constant(let constant): value = constant
                case .normal(let scale):
                    let words = generator.words(
                        .initialisation, episode: UInt64(element), step: UInt32(index))
                    let radius = (-2 * log(1 - Double(Philox.unit(words.x)))).squareRoot()
                    value = Float(radius * cos(2 * .pi * Double(Philox.unit(words.y)))) * scale
                }
                buffer.start[tensor.offset + element] = value
            }
        }
    }

    private enum Initial {
        case constant(Float)
        case normal(Float)
    }

    private func deviation(of tensor: ParameterLayout.Tensor) -> Initial {
        let name = tensor.name
        if name.contains("norm") { return .constant(name.hasSuffix("weight") ? 1 : 0) }
        if name.hasSuffix("bias") { return .constant(0) }
        if name.hasPrefix("embed.") { return .normal(0.3) }
        if name.hasPrefix("head.") { return .normal(0.02) }
        let inputs = Float(tensor.shape[1])
        let isOutput = name.contains("out_proj") || name.contains("fc2")
        return .normal((isOutput ? 0.6 : 0.8) / inputs.squareRoot())
    }
}
