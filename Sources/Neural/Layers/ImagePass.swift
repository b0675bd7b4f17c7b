import CKernels

/// Memory in which images walk through an `ImagePlan`, forward and back; allocated once.
///
/// Each worker takes its own images through all steps, one after the other, so that what a step leaves is still in the
/// cache for the next. A batch norm in training needs the whole batch: there the workers meet, once forward and once
/// backward, and the gradients of all images are kept; without norms a worker has room for one image's gradients.
final class ImagePass {
    /// Shared steps and offsets; this object adds the memory for them.
    let plan: ImagePlan
    /// Images that fit.
    let capacity: Int
    /// Borrowed from the owner of the encoder. Every pass wakes it, once without norms and several times with them.
    private let pool: WorkerPool
    /// (capacity, floats of an image): what backward passes read.
    private let activations: FloatBuffer
    /// (capacity, bytes of an image): for every pool, where the largest elements were.
    private let places: UnsafeMutablePointer<UInt8>
    /// One for each worker: activations that only the next step reads.
    private let passing: [FloatBuffer]
    /// One for each worker: a padded image, or what the gradient of an image needs.
    private let scratch: [FloatBuffer]
    /// Of activations: of all images where there are norms, otherwise of one image for each worker.
    private let gradients: FloatBuffer
    /// (norms: mean, inverse deviation, means of the backward pass).
    private let statistics: FloatBuffer
    /// (images, 2, channels) of the norm at hand.
    private let sums: FloatBuffer
    /// The convolutions' weights in the order in which the forward kernels read them, made anew in each forward pass.
    private let packed: FloatBuffer
    /// The same for the gradients of images.
    private let packedBackward: FloatBuffer
    /// Each worker's sums of parameter gradients, convolution weights packed.
    let parameterGradients: [FloatBuffer]

    /// What the last forward pass was given.
    private var images = 0
    /// Whether the last forward pass used the batch's statistics, which the backward pass has to know.
    private var isTraining = false

    /// Shared buffers grow with `capacity`, workers' buffers with the number of workers.
    init(_ plan: ImagePlan, capacity: Int, pool: WorkerPool) {
        precondition(capacity > 0)
        self.plan = plan
        self.capacity = capacity
        self.pool = pool
        activations = FloatBuffer(capacity * plan.activationCount)
        places = .allocate(capacity: max(1, capacity * plan.placesCount))
        passing = (0..<pool.count).map { _ in FloatBuffer(plan.passingCount) }
        scratch = (0..<pool.count).map { _ in FloatBuffer(plan.scratchCount) }
        gradients = FloatBuffer((plan.hasNorms ? capacity : pool.count) * plan.gradientCount)
        statistics = FloatBuffer(plan.statisticsCount)
        sums = FloatBuffer(capacity * 2 * plan.largestNormChannels)
        packed = FloatBuffer(plan.packedCount)
        packedBackward = FloatBuffer(plan.packedBackwardCount)
        parameterGradients = (0..<pool.count).map { _ in FloatBuffer(plan.parameterGradientCount) }
    }

    deinit { places.deallocate() }

    /// Bytes of all buffers, for a report of what a run needs.
    var byteCount: Int {
        let shared = [activations, gradients, statistics, sums, packed, packedBackward]
        return (shared + passing + scratch + parameterGradients).reduce(capacity * plan.placesCount) {
            $0 + 4 * $1.count
        }
    }

    /// The images of a worker.
    ///
    /// Ranges of all workers cover the images without overlap; they differ by one image at most and may be empty.
    func share(of worker: Int) -> Range<Int> { images * worker / pool.count..<images * (worker + 1) / pool.count }

    /// What a slot holds of an image, or of the image that the worker has at hand where the slot is passing.
    func activation(_ slot: ImagePlan.Slot, image: Int, worker: Int) -> UnsafeMutablePointer<Float> {
        slot.isPassing
            ? passing[worker].start + slot.offset
            : activations.start + image * plan.activationCount + slot.offset
    }

    /// The gradient of a slot: of the image where there are norms, otherwise of the image that the worker has at hand.
    func gradient(_ slot: ImagePlan.Slot, image: Int, worker: Int) -> UnsafeMutablePointer<Float> {
        gradients.start + (plan.hasNorms ? image : worker) * plan.gradientCount + slot.gradientOffset
    }
}

// Forward.
extension ImagePass {
    /// Takes `images` images (height, width, channels) through all steps; `then` follows on each worker with its share.
    /// `running`: the running statistics, which move in training.
    ///
    /// In training the steps between two norms are one round of the pool: each worker brings its images to the norm,
    /// all moments are gathered on the calling thread, and the next round begins with the norm itself.
    func forward(
        parameters: UnsafePointer<Float>, running: UnsafeMutablePointer<Float>, pixels: UnsafePointer<UInt8>,
        images: Int, training: Bool, then: (_ worker: Int, _ images: Range<Int>) -> Void
    ) {
        precondition(images > 0 && images <= capacity)
        self.images = images
        isTraining = training
        pool.run { pack(parameters, worker: $0) }
        if !training { useRunning(running) }
        var first = 0
        for (index, step) in plan.steps.enumerated() {
            guard training, case .norm(let norm) = step else { continue }
            pool.run { worker in
                for image in share(of: worker) {
                    forward(first..<index, parameters, pixels, image, worker)
                    norm.layer.moments(
                        activation(norm.input, image: image, worker: worker),
                        into: sums.start + image * 2 * norm.layer.channels)
                }
            }
            norm.layer.gather(
                sums.start, images: images, into: statistics(of: norm),
                runningMean: running + norm.runningMean.offset, runningVariance: running + norm.runningVariance.offset)
            first = index
        }
        pool.run { worker in
            for image in share(of: worker) { forward(first..<plan.steps.count, parameters, pixels, image, worker) }
            then(worker, share(of: worker))
        }
    }

    /// A worker's share of the convolutions' weights, brought into the order of the kernels.
    ///
    /// Workers take every n-th step, so that all weights are packed by the time the first round of images begins.
    private func pack(_ parameters: UnsafePointer<Float>, worker: Int) {
        for (index, step) in plan.steps.enumerated() where index % pool.count == worker {
            guard case .convolution(let step) = step else { continue }
            step.layer.pack(parameters + step.weight.offset, into: packed.start + step.packedOffset)
            step.layer.packBackward(
                parameters + step.weight.offset, into: packedBackward.start + step.packedBackwardOffset)
        }
    }

    /// The running statistics take the place of the batch's.
    private func useRunning(_ running: UnsafePointer<Float>) {
        for case .norm(let norm) in plan.steps {
            norm.layer.evaluation(
                runningMean: running + norm.runningMean.offset, runningVariance: running + norm.runningVariance.offset,
                into: statistics(of: norm))
        }
    }

    /// Mean and inverse deviation that a norm uses in this pass.
    private func statistics(of norm: ImagePlan.NormStep) -> BatchNorm.Statistics {
        BatchNorm.Statistics(at: statistics.start + norm.statisticsOffset, channels: norm.layer.channels)
    }

    /// One image through a range of steps, on the worker's thread. What it leaves lies in the slots of `plan`.
    private func forward(
        _ steps: Range<Int>, _ parameters: UnsafePointer<Float>, _ pixels: UnsafePointer<UInt8>, _ image: Int,
        _ worker: Int
    ) {
        func at(_ slot: ImagePlan.Slot) -> UnsafeMutablePointer<Float> {
            activation(slot, image: image, worker: worker)
        }
        for index in steps {
            switch plan.steps[index] {
            case .convolution(let step):
                pad(step, pixels, image, worker)
                step.layer.forward(
                    padded: scratch[worker].start, packed: packed.start + step.packedOffset,
                    bias: step.bias.map { parameters + $0.offset }, adding: step.skip.map { UnsafePointer(at($0)) },
                    into: at(step.output))
            case .norm(let step):
                step.layer.forward(
                    at(step.input), statistics(of: step), gain: parameters + step.gain.offset,
                    shift: parameters + step.shift.offset, adding: step.skip.map { UnsafePointer(at($0)) },
                    into: at(step.output))
            case .pool(let step):
                step.layer.forward(at(step.input), into: at(step.output), places: places(step, image))
            }
        }
    }

    /// Where in their windows the largest elements of an image's pool were.
    private func places(_ step: ImagePlan.PoolStep, _ image: Int) -> UnsafeMutablePointer<UInt8> {
        places + image * plan.placesCount + step.placesOffset
    }

    /// The step's input with its border, in the worker's scratch.
    private func pad(
        _ step: ImagePlan.ConvolutionStep, _ pixels: UnsafePointer<UInt8>, _ image: Int, _ worker: Int
    ) {
        guard let input = step.input else {
            return step.layer.pad(pixels: pixels + image * step.layer.inputCount, into: scratch[worker].start)
        }
        step.layer.pad(
            activation(input, image: image, worker: worker), rectified: step.rectifiesInput, into: scratch[worker].start
        )
    }
}

// Backward.
extension ImagePass {
    /// Takes gradients back through all steps. `first` begins each worker's share, `start` each image by writing the
    /// gradient of its last slot. Sums stay in `parameterGradients`; those of the norms are added to `gradient`, a flat
    /// buffer.
    ///
    /// Mirrors `forward`: with norms each round goes from one norm back to the one before it. A norm's own step is
    /// taken in the next round, when its sums over all images are known.
    func backward(
        parameters: UnsafePointer<Float>, pixels: UnsafePointer<UInt8>, gradient: UnsafeMutablePointer<Float>,
        first: (_ worker: Int, _ images: Range<Int>) -> Void, start: (_ worker: Int, _ image: Int) -> Void
    ) {
        var end = plan.steps.count
        var isFirst = true
        for (index, step) in plan.steps.enumerated().reversed() {
            guard case .norm(let norm) = step else { continue }
            pool.run { worker in
                if isFirst { first(worker, share(of: worker)) }
                for image in share(of: worker) {
                    if isFirst { start(worker, image) }
                    backward(index + 1..<end, parameters, pixels, image, worker)
                    norm.layer.backwardSums(
                        self.gradient(norm.output, image: image, worker: worker),
                        activation(norm.input, image: image, worker: worker), statistics(of: norm),
                        into: sums.start + image * 2 * norm.layer.channels)
                }
            }
            norm.layer.backwardGather(
                sums.start, images: images, training: isTraining, dGain: gradient + norm.gain.offset,
                dShift: gradient + norm.shift.offset, means: means(of: norm))
            (end, isFirst) = (index + 1, false)
        }
        pool.run { worker in
            if isFirst { first(worker, share(of: worker)) }
            for image in share(of: worker) {
                if isFirst { start(worker, image) }
                backward(0..<end, parameters, pixels, image, worker)
            }
        }
    }

    /// The two means (2, channels) that a norm's backward pass subtracts.
    private func means(of norm: ImagePlan.NormStep) -> UnsafeMutablePointer<Float> {
        statistics.start + norm.statisticsOffset + 2 * norm.layer.channels
    }

    /// One image back through a range of steps, last step first, on the worker's thread.
    private func backward(
        _ steps: Range<Int>, _ parameters: UnsafePointer<Float>, _ pixels: UnsafePointer<UInt8>, _ image: Int,
        _ worker: Int
    ) {
        func d(_ slot: ImagePlan.Slot) -> UnsafeMutablePointer<Float> { gradient(slot, image: image, worker: worker) }
        for index in steps.reversed() {
            switch plan.steps[index] {
            case .convolution(let step):
                backward(step, d(step.output), pixels, image, worker)
            case .norm(let step):
                step.layer.backward(
                    d(step.output), activation(step.input, image: image, worker: worker), statistics(of: step),
                    gain: parameters + step.gain.offset, means: means(of: step), into: d(step.input))
            case .pool(let step):
                step.layer.backward(d(step.output), places: places(step, image), into: d(step.input))
            }
        }
    }

    /// A convolution back: weight and bias into the worker's sums, then the input's gradient, which pixels do not have.
    private func backward(
        _ step: ImagePlan.ConvolutionStep, _ dy: UnsafePointer<Float>, _ pixels: UnsafePointer<UInt8>, _ image: Int,
        _ worker: Int
    ) {
        let sums = parameterGradients[worker].start
        pad(step, pixels, image, worker)
        step.layer.weightGradient(dy, padded: scratch[worker].start, into: sums + step.gradientOffset)
        if step.bias != nil { step.layer.biasGradient(dy, into: sums + step.biasGradientOffset) }
        guard let input = step.input else { return }
        let dx = gradient(input, image: image, worker: worker)
        step.layer.inputGradient(
            dy, packedBackward: packedBackward.start + step.packedBackwardOffset,
            gate: step.rectifiesInput ? UnsafePointer(activation(input, image: image, worker: worker)) : nil,
            adding: step.inputIsSkipped ? UnsafePointer(dx) : nil, scratch: scratch[worker].start, into: dx)
    }

    /// Adds all workers' sums into the first one's.
    ///
    /// Each worker adds up one part of the buffers, on cache lines of its own, in the order of the workers: the bits of
    /// the sum depend on the number of workers, but not on which of them was faster. The other workers' sums are 0
    /// afterwards.
    func reduce() {
        guard pool.count > 1 else { return }
        let lines = plan.parameterGradientCount / 16
        pool.run { worker in
            let range = (lines * worker / pool.count * 16)..<(lines * (worker + 1) / pool.count * 16)
            for other in parameterGradients.dropFirst() {
                ck_take(parameterGradients[0].start + range.lowerBound, other.start + range.lowerBound, range.count)
            }
        }
    }

    /// Adds the reduced sums of the convolutions to a flat buffer; the sums are zero afterwards.
    ///
    /// Convolutions are dealt out to the workers; each tensor is written by one of them.
    func unpack(into gradient: UnsafeMutablePointer<Float>) {
        let sums = parameterGradients[0].start
        pool.run { worker in
            for (index, step) in plan.steps.enumerated() where index % pool.count == worker {
                guard case .convolution(let step) = step else { continue }
                step.layer.unpack(sums + step.gradientOffset, into: gradient + step.weight.offset)
                (sums + step.gradientOffset).update(repeating: 0, count: step.layer.packedCount)
                if let bias = step.bias {
                    ck_take(gradient + bias.offset, sums + step.biasGradientOffset, bias.count)
                }
            }
        }
    }
}
