import CKernels

/// Turns a batch of images into vectors and takes the gradients of the vectors back to the parameters.
///
/// Training is sharded by image: every worker of `pool` takes its own images through all layers; gradients are summed in
/// parts whose number follows from the batch, and one reduction follows, so that all results have the same bits whatever
/// the number of workers. With batch norms the workers meet at each of them, so that statistics are those of the whole
/// batch. All memory is allocated here, none per call. One thread calls it.
package final class ImageEncoder {
    /// Which settings the encoder was built for, and where each of its parameters lies from the address on that callers
    /// pass.
    package let layout: ImageEncoderLayout
    /// Images that fit.
    package let capacity: Int
    /// Convolutions, norms and pools; the linear layers behind them are computed here.
    private let pass: ImagePass
    private let pool: WorkerPool
    private let learns: Bool
    /// (images, width) of what each linear layer reads, rectified, the first of them flattened as PyTorch does, and of
    /// what the last one gives. The backward pass puts the gradient of the first in its place.
    private let rows: [FloatBuffer]
    /// (images, width): the gradients of what the other layers read.
    private let rowGradients: [FloatBuffer]
    /// Each linear layer's weight transposed, for products whose rows do not depend on the others.
    private let transposed: [FloatBuffer]

    /// Dropouts have the sites from here on. Sequence models count theirs from 0.
    static let firstDropoutSite: UInt32 = 0x4000_0000

    /// `images`: the largest batch. `learns`: whether there are backward passes; without, `take` says what the parameters
    /// are, and every forward pass does otherwise. `dropoutKey`: of dropout in training.
    ///
    /// Takes all memory for `images` images and for each worker. `pool` may be used for other work between two calls.
    package init(
        _ layout: ImageEncoderLayout, images: Int, pool: WorkerPool, learns: Bool = true,
        dropoutKey: (UInt32, UInt32) = (0, 0)
    ) {
        self.layout = layout
        self.pool = pool
        self.learns = learns
        capacity = images
        pass = ImagePass(layout.plan, capacity: images, pool: pool, learns: learns, dropoutKey: dropoutKey)
        rows = layout.linears.map { FloatBuffer(images * $0.inputs) } + [FloatBuffer(images * layout.outputWidth)]
        rowGradients = layout.linears.dropFirst().map { FloatBuffer(learns ? images * $0.inputs : 0) }
        transposed = layout.linears.map { FloatBuffer($0.weight.count) }
    }

    /// Bytes of all its memory, parameters aside.
    package var byteCount: Int { (rows + rowGradients + transposed).reduce(pass.byteCount) { $0 + 4 * $1.count } }

    /// Which statistics a batch norm uses, and whether there is dropout.
    package enum Mode: Sendable, Equatable {
        /// The batch's own statistics, while the running ones move towards them; the dropout of an optimiser's step.
        case training(step: Int)
        /// The same again for a backward pass: no running statistics move.
        case repeated(step: Int)
        /// The running statistics, which stay, and no dropout: for an evaluation, and for a policy while it acts. A
        /// vector does not depend on the other images of its batch.
        case evaluation

        /// Nil outside training.
        var step: Int? {
            switch self {
            case .training(let step), .repeated(let step): step
            case .evaluation: nil
            }
        }

        var movesStatistics: Bool {
            if case .training = self { true } else { false }
        }
    }

    /// Takes over the weights, in the order in which the products read them, for passes of an encoder that does not learn;
    /// again after each change of them.
    package func take(_ parameters: UnsafePointer<Float>) {
        pool.run { worker in
            pass.pack(parameters, worker: worker)
            for (index, linear) in layout.linears.enumerated() where index % pool.count == worker {
                Product.transpose(
                    parameters + linear.weight.offset, into: transposed[index].start, rows: linear.outputs,
                    columns: linear.inputs)
            }
        }
    }

    /// The vectors (images, output width) of `pixels` (images, height, width, colours), until the next call.
    ///
    /// `parameters`: the first of those of `layout`, among them the running statistics, which training moves; the caller
    /// owns and saves them. `firstImage`: what dropout takes the first image for, where a batch goes through in pieces. The
    /// steps run on the workers; the call returns when all of them have finished.
    @discardableResult
    package func forward(
        parameters: UnsafeMutablePointer<Float>, pixels: UnsafePointer<UInt8>, images: Int, firstImage: Int = 0,
        mode: Mode
    ) -> UnsafePointer<Float> {
        if learns { take(parameters) }
        pass.forward(
            parameters: parameters, running: parameters + layout.statisticsOffset, pixels: pixels, images: images,
            firstImage: firstImage, mode: mode
        ) { worker, images in
            guard !images.isEmpty else { return }
            for image in images {
                ck_flatten_forward(
                    pass.activation(layout.features, image: image, worker: worker), row(0, image),
                    layout.features.pixels, layout.features.channels)
            }
            linearForward(images, parameters)
        }
        return UnsafePointer(rows[layout.linears.count].start)
    }

    /// Adds the parameters' gradients to `gradient`, given that of the last forward pass's vectors, (images,
    /// output width); everything else as it was then. Once for each forward pass. The gradient of `pixels` is not
    /// computed.
    package func backward(
        _ dOutputs: UnsafePointer<Float>, parameters: UnsafePointer<Float>, pixels: UnsafePointer<UInt8>,
        gradient: UnsafeMutablePointer<Float>
    ) {
        pass.backward(parameters: parameters, pixels: pixels, gradient: gradient) { part, images in
            linearBackward(dOutputs, parameters, part, images)
        } start: { worker, image in
            ck_flatten_backward(
                row(0, image), pass.activation(layout.features, image: image, worker: worker),
                pass.gradient(layout.features, image: image, worker: worker), layout.features.pixels,
                layout.features.channels)
        }
        pass.reduce()
        pass.unpack(into: gradient)
        let sums = pass.parameterGradients[0].start
        for linear in layout.linears {
            ck_take(gradient + linear.weight.offset, sums + linear.weightGradientOffset, linear.weight.count)
            ck_take(gradient + linear.bias.offset, sums + linear.biasGradientOffset, linear.bias.count)
        }
    }
}

// MARK: Linear layers

extension ImageEncoder {
    /// What linear layer number `index` reads of an image, or the last one gives.
    private func row(_ index: Int, _ image: Int) -> UnsafeMutablePointer<Float> {
        let width = index < layout.linears.count ? layout.linears[index].inputs : layout.outputWidth
        return rows[index].start + image * width
    }

    /// All linear layers of some images; what lies between two of them is rectified.
    private func linearForward(_ images: Range<Int>, _ parameters: UnsafePointer<Float>) {
        for (index, linear) in layout.linears.enumerated() {
            let isLast = index == layout.linears.count - 1
            ck_product(
                row(index, images.lowerBound), linear.inputs, 1, transposed[index].start, linear.outputs,
                row(index + 1, images.lowerBound), linear.outputs, images.count, linear.outputs, linear.inputs,
                parameters + linear.bias.offset, 0, Int32(isLast ? CK_LINEAR : CK_RECTIFY))
        }
    }

    /// A part's share of the linear layers' backward pass: sums into the part's own gradients, and what the first layer
    /// read becomes its gradient.
    private func linearBackward(
        _ dOutputs: UnsafePointer<Float>, _ parameters: UnsafePointer<Float>, _ part: Int, _ images: Range<Int>
    ) {
        let sums = pass.parameterGradients[part].start
        var dy = dOutputs + images.lowerBound * layout.outputWidth
        for (index, linear) in layout.linears.enumerated().reversed() {
            let x = row(index, images.lowerBound)
            Linear.weightGradient(
                dy, x, into: sums + linear.weightGradientOffset, rows: images.count, inputs: linear.inputs,
                outputs: linear.outputs)
            ck_column_sums(dy, sums + linear.biasGradientOffset, images.count, linear.outputs)
            let dx = index == 0 ? x : rowGradients[index - 1].start + images.lowerBound * linear.inputs
            Linear.inputGradient(
                dy, weight: parameters + linear.weight.offset, into: dx, rows: images.count, inputs: linear.inputs,
                outputs: linear.outputs)
            if index > 0 { ReLU.backward(dx, output: x, count: images.count * linear.inputs) }
            dy = UnsafePointer(dx)
        }
    }
}
