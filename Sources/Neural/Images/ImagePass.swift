import CKernels

/// Memory in which images walk through an `ImagePlan`, forward and back; allocated once.
///
/// Each worker takes its own images through all steps, one after the other, so that what a step leaves is still in the
/// cache for the next. A batch norm in training needs the whole batch: there the workers meet, once forward and once
/// backward, and the gradients of all images are kept; without norms a worker has room for one image's gradients.
///
/// Images are shared out in parts whose number follows from the batch alone. Each part sums the gradients of the
/// parameters in a buffer of its own, so that the sums have the same bits whatever the number of workers.
final class ImagePass {
    /// Shared steps and offsets; this object adds the memory for them.
    let plan: ImagePlan
    /// Images that fit.
    let capacity: Int
    /// Borrowed from the owner of the encoder. Every pass wakes it, once without norms and several times with them.
    let pool: WorkerPool
    /// Of dropout.
    private let dropoutKey: (UInt32, UInt32)
    /// (capacity, floats of an image): what backward passes read.
    private let activations: FloatBuffer
    /// (capacity, bytes of an image): for every pool, where the largest elements were.
    private let places: UnsafeMutablePointer<UInt8>
    /// One for each worker: activations that only the next step reads.
    private let passing: [FloatBuffer]
    /// One for each worker: a padded image, or what the gradient of an image needs.
    let scratch: [FloatBuffer]
    /// Of activations: of all images where there are norms, otherwise of one image for each worker.
    private let gradients: FloatBuffer
    /// One for each worker: gradients that only the next step backward reads.
    private let passingGradients: [FloatBuffer]
    /// (norms: mean, inverse deviation, means of the backward pass).
    let statistics: FloatBuffer
    /// (images, 2, channels) of the norm at hand.
    let sums: FloatBuffer
    /// The convolutions' weights in the order in which the forward kernels read them, made anew in each forward pass.
    private let packed: FloatBuffer
    /// The same for the gradients of images; empty for evaluation alone.
    let packedBackward: FloatBuffer
    /// Each part's sums of parameter gradients, convolution weights packed.
    let parameterGradients: [FloatBuffer]

    /// What the last forward pass was given.
    private(set) var images = 0
    var mode = ImageEncoder.Mode.evaluation
    /// Number of the first image, by which dropout knows it.
    private var firstImage = 0

    /// Images of a part, if the batch has so many, and most parts.
    private static let imagesOfPart = 8
    private static let mostParts = 16

    /// Shared buffers grow with `capacity`, workers' buffers with the number of workers. `learns`: whether there are
    /// backward passes.
    init(_ plan: ImagePlan, capacity: Int, pool: WorkerPool, learns: Bool, dropoutKey: (UInt32, UInt32)) {
        precondition(capacity > 0)
        self.plan = plan
        self.capacity = capacity
        self.pool = pool
        self.dropoutKey = dropoutKey
        let workers = 0..<pool.count
        activations = FloatBuffer(capacity * plan.activationCount)
        places = .allocate(capacity: max(1, capacity * plan.placesCount))
        passing = workers.map { _ in FloatBuffer(plan.passingCount) }
        scratch = workers.map { _ in FloatBuffer(plan.scratchCount) }
        gradients = FloatBuffer(learns ? (plan.hasNorms ? capacity : pool.count) * plan.gradientCount : 0)
        passingGradients = workers.map { _ in FloatBuffer(learns ? plan.passingGradientCount : 0) }
        statistics = FloatBuffer(plan.statisticsCount)
        sums = FloatBuffer(capacity * 2 * plan.largestNormChannels)
        packed = FloatBuffer(plan.packedCount)
        packedBackward = FloatBuffer(learns ? plan.packedBackwardCount : 0)
        parameterGradients = (0..<(learns ? Self.parts(of: capacity) : 0)).map { _ in
            FloatBuffer(plan.parameterGradientCount)
        }
    }

    deinit { places.deallocate() }

    /// Bytes of all buffers, for a report of what a run needs.
    var byteCount: Int {
        let shared = [activations, gradients, statistics, sums, packed, packedBackward]
        return (shared + passing + passingGradients + scratch + parameterGradients).reduce(capacity * plan.placesCount)
        {
            $0 + 4 * $1.count
        }
    }

    /// Bytes of a plan's activations and their gradients for each image.
    static func byteCount(_ plan: ImagePlan) -> Int {
        4 * (plan.activationCount + (plan.hasNorms ? plan.gradientCount : 0)) + plan.placesCount
    }

    private static func parts(of images: Int) -> Int { max(1, min(mostParts, images / imagesOfPart)) }

    /// Of the last forward pass.
    var partCount: Int { Self.parts(of: images) }

    /// Calls `body` with every part of a worker and its images.
    func forEachPart(of worker: Int, _ body: (_ part: Int, _ images: Range<Int>) -> Void) {
        let parts = partCount
        for part in stride(from: worker, to: parts, by: pool.count) {
            body(part, images * part / parts..<images * (part + 1) / parts)
        }
    }

    /// The images of a worker forward, where nothing is summed: those of different workers differ by one at most.
    private func share(of worker: Int) -> Range<Int> {
        images * worker / pool.count..<images * (worker + 1) / pool.count
    }

    /// What a slot holds of an image, or of the image that the worker has at hand where the slot is passing.
    func activation(_ slot: ImagePlan.Slot, image: Int, worker: Int) -> UnsafeMutablePointer<Float> {
        slot.isPassing
            ? passing[worker].start + slot.offset
            : activations.start + image * plan.activationCount + slot.offset
    }

    /// The gradient of a slot: of the image where there are norms, otherwise of the image that the worker has at hand.
    func gradient(_ slot: ImagePlan.Slot, image: Int, worker: Int) -> UnsafeMutablePointer<Float> {
        if slot.isGradientPassing { return passingGradients[worker].start + slot.gradientOffset }
        return gradients.start + (plan.hasNorms ? image : worker) * plan.gradientCount + slot.gradientOffset
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
        images: Int, firstImage: Int, mode: ImageEncoder.Mode, then: (_ worker: Int, _ images: Range<Int>) -> Void
    ) {
        precondition(images > 0 && images <= capacity)
        self.images = images
        self.firstImage = firstImage
        self.mode = mode
        if mode.step == nil { useRunning(running) }
        var first = 0
        for (index, step) in plan.steps.enumerated() {
            guard mode.step != nil, let norm = step.meeting else { continue }
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
                runningMean: mode.movesStatistics ? running + norm.runningMean.offset : nil,
                runningVariance: mode.movesStatistics ? running + norm.runningVariance.offset : nil)
            first = index
        }
        pool.run { worker in
            for image in share(of: worker) { forward(first..<plan.steps.count, parameters, pixels, image, worker) }
            then(worker, share(of: worker))
        }
    }

    /// A worker's share of the convolutions' weights, brought into the order of the kernels: every n-th of them.
    func pack(_ parameters: UnsafePointer<Float>, worker: Int) {
        for (index, step) in plan.steps.enumerated() where index / 2 % pool.count == worker {
            guard case .convolution(let step) = step else { continue }
            step.layer.pack(parameters + step.weight.offset, into: packed.start + step.packedOffset)
            guard packedBackward.count > 0, step.input != nil else { continue }
            step.layer.packBackward(
                parameters + step.weight.offset, into: packedBackward.start + step.packedBackwardOffset)
        }
    }

    /// The running statistics take the place of the batch's.
    private func useRunning(_ running: UnsafePointer<Float>) {
        for norm in plan.steps.lazy.compactMap(\.meeting) {
            norm.layer.evaluation(
                runningMean: running + norm.runningMean.offset, runningVariance: running + norm.runningVariance.offset,
                into: statistics(of: norm))
        }
    }

    /// Mean and inverse deviation that a norm uses in this pass.
    func statistics(of norm: ImagePlan.NormStep) -> BatchNorm.Statistics {
        BatchNorm.Statistics(at: statistics.start + norm.statisticsOffset, channels: norm.layer.channels)
    }

    /// The dropout of what a block gives of an image.
    func dropout(_ step: ImagePlan.BlockStep, image: Int) -> Dropout {
        guard let number = mode.step, step.dropout > 0 else { return .none }
        return Dropout(
            probability: step.dropout, key: dropoutKey, site: ImageEncoder.firstDropoutSite + step.site,
            sequence: UInt32(truncatingIfNeeded: firstImage + image), step: UInt32(truncatingIfNeeded: number))
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
                step.layer.forward(
                    at(step.input), into: at(step.output), places: places(step.placesOffset, image))
            case .block(let step):
                step.pool.forward(
                    normalising: at(step.norm.input), statistics(of: step.norm),
                    gain: parameters + step.norm.gain.offset, shift: parameters + step.norm.shift.offset,
                    into: at(step.norm.output), places: places(step.placesOffset, image))
                dropout(step, image: image).apply(at(step.norm.output), count: step.pool.outputCount)
            }
        }
    }

    /// Where in their windows the largest elements of an image's pool were.
    func places(_ offset: Int, _ image: Int) -> UnsafeMutablePointer<UInt8> {
        places + image * plan.placesCount + offset
    }

    /// The step's input with its border, in the worker's scratch.
    func pad(
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
