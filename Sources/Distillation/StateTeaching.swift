package import Environments
package import Models
import Neural

/// A second loss of training where streams store the states that pictures are drawn from: the first K numbers of a
/// picture's embedding are taught to be the K features of its state, by their squared distance.
///
/// What a network has to see of a picture to know where it stands is otherwise learnt from the actions alone, which say
/// little of it: on a small machine that takes longer than everything else. The model has no more parameters by it, and
/// acts on pictures. The paper has nothing of the kind.
package struct StateTeaching {
    /// K
    package let width: Int
    private let weight: Float

    /// Nil where the weight is 0. Throws `HistoriesError` where there is no state, or no embedding that could hold it.
    package init?(weight: Double, features: StateFeatures?, form: WindowForm) throws {
        guard weight > 0 else { return nil }
        let taught = "training.state_weight is \(weight)"
        guard let features, features.count > 0 else {
            throw HistoriesError(
                "\(taught), and the streams store no states that something else is seen of; set it to 0")
        }
        guard case .vector(let embedding) = form.input else {
            throw HistoriesError("\(taught), which is for pictures, and the model sees integers; set it to 0")
        }
        guard embedding >= features.count else {
            throw HistoriesError(
                "\(taught): an embedding of \(embedding) numbers cannot hold the state's \(features.count); widen it")
        }
        width = features.count
        self.weight = Float(weight)
    }

    /// Adds the gradient of weight * the squared distance, mean over all rows of the batch, to those of the windows'
    /// vectors, and returns the sum of the squared distances. Rows behind the end of a short stream count as 0.
    package func addGradients(to batch: WindowBatch, windows: Range<Int>) -> Double {
        let scale = 2 * weight / Float(batch.windows * batch.length)
        var sum: Float = 0
        let rows = (windows.lowerBound * batch.length)..<(windows.upperBound * batch.length)
        for row in rows where batch.knowsState(row) {
            let (vector, state) = (row * batch.vectorWidth, row * batch.stateWidth)
            for number in 0..<width {
                let distance = batch.vectors.start[vector + number] - batch.states.start[state + number]
                batch.vectorGradients.start[vector + number] += scale * distance
                sum += distance * distance
            }
        }
        return Double(sum)
    }
}
