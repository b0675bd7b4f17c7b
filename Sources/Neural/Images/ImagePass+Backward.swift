import CKernels

extension ImagePass {
    /// Takes gradients back through all steps. `first` begins each part, `start` each image by writing the gradient of its
    /// last slot. Sums stay in `parameterGradients`; those of the norms are added to `gradient`, a flat buffer.
    ///
    /// Mirrors `forward`: with norms each round goes from one norm back to the one before it. A norm's own step is
    /// taken in the next round, when its sums over all images are known.
    func backward(
        parameters: UnsafePointer<Float>, pixels: UnsafePointer<UInt8>, gradient: UnsafeMutablePointer<Float>,
        first: (_ part: Int, _ images: Range<Int>) -> Void, start: (_ worker: Int, _ image: Int) -> Void
    ) {
        var end = plan.steps.count
        var isFirst = true
        for (index, step) in plan.steps.enumerated().reversed() {
            guard let norm = step.meeting else { continue }
            pool.run { worker in
                forEachPart(of: worker) { part, images in
                    if isFirst { first(part, images) }
                    for image in images {
                        if isFirst { start(worker, image) }
                        backward(index + 1..<end, parameters, pixels, Place(image: image, part: part, worker: worker))
                        sum(step, norm, image, worker)
                    }
                }
            }
            norm.layer.backwardGather(
                sums.start, images: images, training: mode.step != nil, dGain: gradient + norm.gain.offset,
                dShift: gradient + norm.shift.offset, means: means(of: norm))
            (end, isFirst) = (index + 1, false)
        }
        pool.run { worker in
            forEachPart(of: worker) { part, images in
                if isFirst { first(part, images) }
                for image in images {
                    if isFirst { start(worker, image) }
                    backward(0..<end, parameters, pixels, Place(image: image, part: part, worker: worker))
                }
            }
        }
    }

    /// Which image goes back, whose sums it is part of, and whose memory it uses.
    private struct Place {
        let image: Int
        let part: Int
        let worker: Int
    }

    /// What an image adds to the sums of a norm's backward pass.
    private func sum(_ step: ImagePlan.Step, _ norm: ImagePlan.NormStep, _ image: Int, _ worker: Int) {
        let dy = gradient(norm.output, image: image, worker: worker)
        let x = activation(norm.input, image: image, worker: worker)
        let own = sums.start + image * 2 * norm.layer.channels
        guard case .block(let block) = step else {
            return norm.layer.backwardSums(dy, x, statistics(of: norm), into: own)
        }
        dropout(block, image: image).apply(dy, count: block.pool.outputCount)
        block.pool.backwardSums(
            dy, y: activation(norm.output, image: image, worker: worker), places: places(block.placesOffset, image),
            normalised: x, statistics(of: norm), into: own)
    }

    /// The two means (2, channels) that a norm's backward pass subtracts.
    private func means(of norm: ImagePlan.NormStep) -> UnsafeMutablePointer<Float> {
        statistics.start + norm.statisticsOffset + 2 * norm.layer.channels
    }

    /// One image back through a range of steps, last step first, on the worker's thread.
    private func backward(
        _ steps: Range<Int>, _ parameters: UnsafePointer<Float>, _ pixels: UnsafePointer<UInt8>, _ place: Place
    ) {
        let (image, worker) = (place.image, place.worker)
        func at(_ slot: ImagePlan.Slot) -> UnsafeMutablePointer<Float> {
            activation(slot, image: image, worker: worker)
        }
        func d(_ slot: ImagePlan.Slot) -> UnsafeMutablePointer<Float> { gradient(slot, image: image, worker: worker) }
        for index in steps.reversed() {
            switch plan.steps[index] {
            case .convolution(let step):
                backward(step, d(step.output), pixels, place)
            case .norm(let step):
                step.layer.backward(
                    d(step.output), at(step.input), statistics(of: step), gain: parameters + step.gain.offset,
                    means: means(of: step), into: d(step.input))
            case .pool(let step):
                step.layer.backward(d(step.output), places: places(step.placesOffset, image), into: d(step.input))
            case .block(let step):
                step.pool.backward(
                    d(step.norm.output), y: at(step.norm.output), places: places(step.placesOffset, image),
                    normalised: at(step.norm.input), statistics(of: step.norm),
                    gain: parameters + step.norm.gain.offset, means: means(of: step.norm), into: d(step.norm.input))
            }
        }
    }

    /// A convolution back: weight and bias into the part's sums, then the input's gradient, which pixels do not have.
    private func backward(
        _ step: ImagePlan.ConvolutionStep, _ dy: UnsafePointer<Float>, _ pixels: UnsafePointer<UInt8>, _ place: Place
    ) {
        let (image, worker) = (place.image, place.worker)
        let sums = parameterGradients[place.part].start
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

    /// Adds all parts' sums into the first one's, and leaves the others 0.
    ///
    /// Each worker adds up one share of the buffers, on cache lines of its own, in the order of the parts: the bits of the
    /// sum depend on the number of parts alone.
    func reduce() {
        let parts = partCount
        guard parts > 1 else { return }
        let lines = plan.parameterGradientCount / 16
        pool.run { worker in
            let range = (lines * worker / pool.count * 16)..<(lines * (worker + 1) / pool.count * 16)
            for other in parameterGradients[1..<parts] {
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
            for (index, step) in plan.steps.enumerated() where index / 2 % pool.count == worker {
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
