import Experience
import Foundation
import Neural

/// How a tensor of an untrained model begins.
enum InitialValues {
    /// All elements equal.
    case constant(Float)
    /// From a normal distribution around 0 with this standard deviation.
    case normal(Float)
}

extension ParameterLayout {
    /// Draws every tensor as `initial` says. An element depends on the seed, its tensor's number and its own alone.
    func draw(into buffer: FloatBuffer, seed: UInt64, _ initial: (Tensor) -> InitialValues) {
        precondition(buffer.count == count)
        let generator = Philox(StreamKey(seed: seed, task: 0, repetition: 0, actor: 0))
        for (index, tensor) in tensors.enumerated() {
            let values = initial(tensor)
            for element in 0..<tensor.count {
                let value: Float
                switch values {
                case .constant(let constant): value = constant
                case .normal(let scale):
                    let words = generator.words(.initialisation, episode: UInt64(element), step: UInt32(index))
                    let radius = (-2 * log(1 - Double(Philox.unit(words.x)))).squareRoot()
                    value = Float(radius * cos(2 * .pi * Double(Philox.unit(words.y)))) * scale
                }
                buffer.start[tensor.offset + element] = value
            }
        }
    }
}
