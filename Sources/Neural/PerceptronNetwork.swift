import CKernels

/// Forward and backward pass of a multilayer perceptron: one-hot observation or numbers, hidden layers, linear heads.
///
/// Keeps the activations of the last forward pass in buffers that grow to the largest number of rows seen and are then
/// used again: no call allocates after that. A row's heads have the same bits whatever the rows around it. Belongs to
/// one thread.
package final class PerceptronNetwork {
    /// What the owner chose at the start; the network can be used for any parameters of this shape, and holds none
    /// itself.
    package let shape: PerceptronShape
    private let activation: Int32
    /// Rows that go through all layers together, so that what they leave behind is still in the second-level cache.
    private static let blockRows = 128
    /// (rows, width) of every layer, heads last.
    ///
    /// Rows that each of `outputs` has room for.
    private var outputs: [UnsafeMutablePointer<Float>] = []
    private var capacity = 0
    /// Gradients of a block's layer outputs, two of (blockRows, widest layer), used in turn.
    private let gradientsA: UnsafeMutablePointer<Float>
    private let gradientsB: UnsafeMutablePointer<Float>
    /// Each layer's weight but the first's, transposed, for the backward pass.
    private let transposed: UnsafeMutablePointer<Float>

    /// `shape` fixes every width; memory for activations is taken at the first forward pass, when the rows are known.
    package init(shape: PerceptronShape, activation: Activation) {
        self.shape = shape
        self.activation = activation.code
        let widest = shape.widths.reduce(0, max)
        gradientsA = .allocate(capacity: Self.blockRows * widest)
        gradientsB = .allocate(capacity: Self.blockRows * widest)
        transposed = .allocate(capacity: shape.parameterCount)
    }

    deinit {
        outputs.forEach { $0.deallocate() }
        gradientsA.deallocate()
        gradientsB.deallocate()
        transposed.deallocate()
    }

    /// What follows the sums of a hidden layer.
    package enum Activation: String, Sendable, CaseIterable {
        /// Only derivatives that follow from a layer's output are possible: the sum before the activation is not kept.
        case relu, tanh
        fileprivate var code: Int32 { self == .relu ? Int32(CK_RECTIFY) : Int32(CK_TANH) }
    }

    /// What a pass reads of each row.
    package enum Inputs {
        /// (rows, components): rows of the first weight, that is, component i's value plus the sizes of the components
        /// before it.
        case components(UnsafePointer<Int32>)
        /// (rows, inputs)
        case numbers(UnsafePointer<Float>)
    }

    /// Called after each block of rows, forward and backward.
    ///
    /// For an owner that has to show that it is alive while a large batch takes long. It runs on the network's thread.
    package var onProgress: (() -> Void)?

    /// Heads (rows, `shape.headWidth`) of the last forward pass: `shape.outputs` of them, then padding.
    package var heads: UnsafePointer<Float> { UnsafePointer(outputs[shape.layerCount - 1]) }

    /// Computes `heads` of `rows` observations.
    ///
    /// `rows` may differ from call to call. The pointer in `heads` may move when there are more rows than ever before.
    package func forward(parameters: UnsafePointer<Float>, inputs: Inputs, rows: Int) {
        reserve(rows)
        for first in stride(from: 0, to: rows, by: Self.blockRows) {
            forwardBlock(parameters, inputs, first, min(Self.blockRows, rows - first))
            onProgress?()
        }
    }

    /// All layers for `rows` observations from row `first` on. Of one-hot observations the first layer adds one row of its
    /// weight for each component.
    private func forwardBlock(_ parameters: UnsafePointer<Float>, _ inputs: Inputs, _ first: Int, _ rows: Int) {
        switch inputs {
        case .components(let components):
            let width = shape.components.count
            ck_mlp_gather(
                components + first * width, width, parameters + shape.weightOffsets[0],
                outputs[0] + first * shape.widths[0], rows, shape.widths[0], parameters + shape.biasOffsets[0],
                activation)
        case .numbers(let numbers):
            forward(0, parameters, numbers + first * shape.depths[0], first, rows)
        }
        for layer in 1..<shape.layerCount {
            forward(layer, parameters, outputs[layer - 1] + first * shape.depths[layer], first, rows)
        }
    }

    /// One layer for `rows` rows (rows, depth), whose outputs go to row `first` and those behind it.
    private func forward(
        _ layer: Int, _ parameters: UnsafePointer<Float>, _ inputs: UnsafePointer<Float>, _ first: Int, _ rows: Int
    ) {
        let (columns, depth) = (shape.widths[layer], shape.depths[layer])
        ck_product(
            inputs, depth, 1, parameters + shape.weightOffsets[layer], columns, outputs[layer] + first * columns,
            columns, rows, columns, depth, parameters + shape.biasOffsets[layer], 0,
            layer < shape.layerCount - 1 ? activation : Int32(CK_LINEAR))
    }

    /// Adds to `gradients` (flat, like the parameters) what follows from `headGradients` (rows, `shape.headWidth`), for
    /// the parameters, inputs and rows of the last forward pass.
    ///
    /// The gradient of an observation is not computed.
    ///
    /// A caller sets `gradients` to 0 before a new batch. Adding is what lets a batch be taken in several calls.
    package func backward(
        parameters: UnsafePointer<Float>, inputs: Inputs, rows: Int,
        headGradients: UnsafePointer<Float>, gradients: UnsafeMutablePointer<Float>
    ) {
        for layer in 1..<shape.layerCount {
            let offset = shape.weightOffsets[layer]
            ck_transpose(parameters + offset, transposed + offset, shape.depths[layer], shape.widths[layer])
        }
        for first in stride(from: 0, to: rows, by: Self.blockRows) {
            backwardBlock(
                inputs, first, min(Self.blockRows, rows - first), headGradients + first * shape.headWidth, gradients)
            onProgress?()
        }
    }

    /// All layers back for a block of rows, whose activations are still those of the forward pass.
    ///
    /// Goes from the heads down, and writes each layer's input gradient into one of two buffers while the other is
    /// read. A layer's own input gradient passes through the activation's derivative before it becomes `above`.
    private func backwardBlock(
        _ inputs: Inputs, _ first: Int, _ rows: Int, _ headGradients: UnsafePointer<Float>,
        _ gradients: UnsafeMutablePointer<Float>
    ) {
        var above = headGradients
        for layer in stride(from: shape.layerCount - 1, to: 0, by: -1) {
            let columns = shape.widths[layer]
            let depth = shape.depths[layer]
            let read = outputs[layer - 1] + first * depth
            weightBackward(layer, read, above, rows, gradients)
            let below = layer % 2 == 0 ? gradientsA : gradientsB
            ck_product(
                above, columns, 1, transposed + shape.weightOffsets[layer], depth, below, depth, rows, depth, columns,
                nil, 0, Int32(CK_LINEAR))
            ck_mlp_activation_backward(read, below, rows * depth, activation)
            above = UnsafePointer(below)
        }
        switch inputs {
        case .components(let components):
            let width = shape.components.count
            ck_mlp_scatter(
                components + first * width, width, above, gradients + shape.weightOffsets[0], rows, shape.widths[0])
            ck_mlp_bias_backward(above, gradients + shape.biasOffsets[0], rows, shape.widths[0])
        case .numbers(let numbers):
            weightBackward(0, numbers + first * shape.depths[0], above, rows, gradients)
        }
    }

    /// Adds a layer's gradients: weight (depth, columns) += inputs transposed times the gradient above, and the bias.
    private func weightBackward(
        _ layer: Int, _ inputs: UnsafePointer<Float>, _ above: UnsafePointer<Float>, _ rows: Int,
        _ gradients: UnsafeMutablePointer<Float>
    ) {
        let (columns, depth) = (shape.widths[layer], shape.depths[layer])
        ck_product(
            inputs, 1, depth, above, columns, gradients + shape.weightOffsets[layer], columns, depth, columns, rows,
            nil, 1, Int32(CK_LINEAR))
        ck_mlp_bias_backward(above, gradients + shape.biasOffsets[layer], rows, columns)
    }

    /// Makes room for `rows` rows; the buffers' old content is lost.
    ///
    /// Capacity at least doubles, so that batches that grow by a little do not allocate each time.
    private func reserve(_ rows: Int) {
        guard rows > capacity else { return }
        outputs.forEach { $0.deallocate() }
        capacity = max(rows, 2 * capacity, Self.blockRows)
        outputs = shape.widths.map { .allocate(capacity: $0 * capacity) }
    }
}

extension PerceptronNetwork {
    /// `forward` of one-hot observations.
    package func forward(parameters: UnsafePointer<Float>, components: UnsafePointer<Int32>, rows: Int) {
        forward(parameters: parameters, inputs: .components(components), rows: rows)
    }

    /// `backward` of one-hot observations.
    package func backward(
        parameters: UnsafePointer<Float>, components: UnsafePointer<Int32>, rows: Int,
        headGradients: UnsafePointer<Float>, gradients: UnsafeMutablePointer<Float>
    ) {
        backward(
            parameters: parameters, inputs: .components(components), rows: rows, headGradients: headGradients,
            gradients: gradients)
    }
}
