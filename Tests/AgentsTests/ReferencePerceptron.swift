import Agents
import Foundation
import Neural

/// A perceptron in Double, one observation at a time: what references of learners compute their outputs by.
struct ReferencePerceptron {
    let shape: PerceptronShape
    let activation: PerceptronNetwork.Activation

    /// (outputs) of an observation's integers.
    func outputs(_ parameters: [Double], _ components: [Int]) -> [Double] {
        outputs(
            parameters,
            inputs: shape.components.indices.flatMap { index in
                (0..<shape.components[index]).map { $0 == components[index] ? 1.0 : 0 }
            })
    }

    /// (outputs) of numbers.
    func outputs(_ parameters: [Double], inputs numbers: [Double]) -> [Double] {
        var inputs = numbers
        for layer in 0..<shape.layerCount {
            inputs = (0..<shape.units(of: layer)).map { column in
                let sum = inputs.indices.reduce(parameters[shape.biasOffsets[layer] + column]) {
                    $0 + inputs[$1] * parameters[shape.weightOffsets[layer] + $1 * shape.widths[layer] + column]
                }
                guard layer < shape.hidden.count else { return sum }
                return activation == .relu ? max(0, sum) : tanh(sum)
            }
        }
        return inputs
    }
}

extension PerceptronShape {
    /// Where the parameters lie that are not padding.
    var existingParameters: [Int] {
        (0..<layerCount).flatMap { layer in
            (0...inputs(of: layer)).flatMap { row in
                let start =
                    row < inputs(of: layer) ? weightOffsets[layer] + row * widths[layer] : biasOffsets[layer]
                return (0..<units(of: layer)).map { start + $0 }
            }
        }
    }
}
