import CKernels

/// Turns a batch of images into vectors and takes the gradients of the vectors back to the parameters.
///
/// Training is sharded by image: every worker of `pool` takes its own images through all layers and sums its own
/// gradients; one reduction follows. With batch norms the workers meet at each of them, so that statistics are those of
/// the whole batch. All memory is allocated here, none per call. One thread calls it.
package final class ImageEncoder {
    /// Which settings the encoder was built for, and where each of its parameters lies in the buffers that callers
    /// pass.
    package let layout: ImageEncoderLayout
    /// Convolutions, norms and pools; the linear layer behind them is computed here.
    private let pass: ImagePass
    /// (images, features), flattened as PyTorch does; the backward pass puts its gradient in its place.
    private let features: FloatBuffer
    /// (images, output width): the vectors that `forward` gives out.
    private let outputs: FloatBuffer

    /// `images`: the largest batch.
    ///
    /// Takes all memory for `images` images and for each worker. `pool` may be used for other work between two calls.
    package init(_ layout: ImageEncoderLayout, images: Int, pool: WorkerPool) {
        self.layout = layout
        pass = ImagePass(layout.plan, capacity: images, pool: pool)
        features = FloatBuffer(images * layout.features.count)
        outputs = FloatBuffer(images * layout.settings.outputWidth)
    }

    /// Bytes of all its memory, parameters aside.
    package var byteCount: Int { pass.byteCount + 4 * (features.count + outputs.count) }

    /// Which statistics a batch norm uses. `training`: the batch's own, while the running ones move towards them.
    /// `evaluation`: the running ones, which stay.
    ///
    /// A trainer uses `training`; an evaluation, and a policy while it acts, use `evaluation`, so that a vector does
    /// not depend on the other images of its batch.
    package enum Mode: Sendable {
        case training, evaluation
    }

    /// The vectors (images, outputWidth) of `pixels` (images, height, width, colours), until the next call.
    /// `statistics`: the running statistics.
    ///
    /// `parameters` and `statistics` are flat buffers of `layout.parameters` and `layout.statistics`; the caller owns
    /// both and saves both. The steps run on the workers; the call returns when all of them have finished.
    ///
    /// The rectification between the last residual block and the linear layer is part of the flattening.
    @discardableResult
    package func forward(
        parameters: FloatBuffer, statistics: FloatBuffer, pixels: UnsafePointer<UInt8>, images: Int, mode: Mode
    ) -> UnsafePointer<Float> {
        precondition(parameters.count == layout.parameters.count && statistics.count == layout.statistics.count)
        pass.forward(
            parameters: parameters.start, running: statistics.start, pixels: pixels, images: images,
            training: mode == .training
        ) { worker, images in
            guard !images.isEmpty else { return }
            for image in images {
                ck_flatten_forward(
                    pass.activation(layout.features, image: image, worker: worker), feature(image),
                    layout.features.pixels, layout.features.channels)
            }
            let (width, y) = (layout.settings.outputWidth, output(images.lowerBound))
            Linear.forward(
                feature(images.lowerBound), weight: parameters.start + layout.linearWeight.offset, into: y,
                rows: images.count, inputs: layout.features.count, outputs: width)
            ck_bias_add(y, parameters.start + layout.linearBias.offset, images.count, width)
        }
        return UnsafePointer(outputs.start)
    }

    /// Adds the parameters' gradients to `gradient`, given that of the last forward pass's vectors, (images,
    /// outputWidth); everything else as it was then. Once for each forward pass.
    ///
    /// Workers first sum into their own buffers, which is why no two of them write the same memory; then one reduction
    /// adds the sums to `gradient`. The gradient of `pixels` is not computed.
    package func backward(
        _ dOutputs: UnsafePointer<Float>, parameters: FloatBuffer, pixels: UnsafePointer<UInt8>, gradient: FloatBuffer
    ) {
        precondition(gradient.count == layout.parameters.count)
        pass.backward(parameters: parameters.start, pixels: pixels, gradient: gradient.start) { worker, images in
            backwardLinear(dOutputs, parameters, worker, images)
        } start: { worker, image in
            ck_flatten_backward(
                feature(image), pass.activation(layout.features, image: image, worker: worker),
                pass.gradient(layout.features, image: image, worker: worker), layout.features.pixels,
                layout.features.channels)
        }
        pass.reduce()
        pass.unpack(into: gradient.start)
        let sums = pass.parameterGradients[0].start
        ck_take(
            gradient.start + layout.linearWeight.offset, sums + layout.linearWeightGradientOffset,
            layout.linearWeight.count)
        ck_take(
            gradient.start + layout.linearBias.offset, sums + layout.linearBiasGradientOffset, layout.linearBias.count)
    }

    /// One worker's share of the linear layer's backward pass: sums into the worker's own gradients, and the features
    /// become their gradient.
    private func backwardLinear(
        _ dOutputs: UnsafePointer<Float>, _ parameters: FloatBuffer, _ worker: Int, _ images: Range<Int>
    ) {
        guard let first = images.first else { return }
        let (width, inputs) = (layout.settings.outputWidth, layout.features.count)
        let dy = dOutputs + first * width
        let sums = pass.parameterGradients[worker].start
        Linear.weightGradient(
            dy, feature(first), into: sums + layout.linearWeightGradientOffset, rows: images.count, inputs: inputs,
            outputs: width)
        ck_column_sums(dy, sums + layout.linearBiasGradientOffset, images.count, width)
        Linear.inputGradient(
            dy, weight: parameters.start + layout.linearWeight.offset, into: feature(first), rows: images.count,
            inputs: inputs, outputs: width)
    }

    /// The flattened features of one image.
    private func feature(_ image: Int) -> UnsafeMutablePointer<Float> { features.start + image * layout.features.count }

    /// The vector of one image.
    private func output(_ image: Int) -> UnsafeMutablePointer<Float> {
        outputs.start + image * layout.settings.outputWidth
    }
}
