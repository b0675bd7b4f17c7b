import Environments
import Experience
import Neural

/// What the two networks of a learner say of the rows of a batch: forward of both, backward of the one that learns.
///
/// A step takes rows in, asks for the target's values and for the heads, and goes back. Belongs to one thread.
protocol SequenceValues: AnyObject {
    var onProgress: (() -> Void)? { get set }
    /// Takes in a batch's observations, and gives each row the number of its row of heads (`slotOfRow`). Throws
    /// `SourceAlgorithmError` for an observation outside its space, which only a replay from a file can hold.
    func take(_ batch: SequenceBatch) throws
    /// Rows of heads of what was taken in.
    var count: Int { get }
    /// max_a Q'(o, a) of the target network, (count): valid until the next call.
    func targetValues() -> UnsafePointer<Float>
    /// Heads (count, headWidth) of the network that learns, in step number `step`: valid until the next call.
    func forward(step: Int) -> UnsafePointer<Float>
    /// Adds to `gradients` (parameterCount) what `headGradients` (count, headWidth) ask for. Once after each `forward`.
    func backward(_ headGradients: UnsafePointer<Float>, into gradients: UnsafeMutablePointer<Float>)
    /// To be called when the target's parameters have changed.
    func targetHasChanged()
    /// What actors load where that is a table of all policies; nil where it is the parameters.
    func table(exploration: Float) -> UnsafeBufferPointer<Float>?
}

/// Of one-hot integers: equal ones are computed once.
final class IntegerValues: SequenceValues {
    private let network: PerceptronNetwork
    private let weights: FloatBuffer
    private let target: TargetValues
    private let slots: ObservationSlots
    private let acting: PolicyTable?
    private let view: (any ObservationView)?
    /// (rows, observation bytes), as `view` sees them.
    private let seen = GrowingBuffer<UInt8>()

    /// `view`: nil where what is stored is what is seen.
    init(
        _ policy: PerceptronPolicy, weights: FloatBuffer, target: FloatBuffer, view: (any ObservationView)?,
        sharesEqual: Bool
    ) {
        network = policy.makeNetwork()
        self.weights = weights
        self.target = TargetValues(policy, weights: target)
        self.view = view
        slots = ObservationSlots(policy.observation, sharesEqual: sharesEqual)
        acting = PolicyTable(policy)
    }

    var onProgress: (() -> Void)? {
        get { network.onProgress }
        set { network.onProgress = newValue }
    }

    var count: Int { slots.count }

    func take(_ batch: SequenceBatch) throws {
        let (width, rows) = (slots.observation.byteCount, batch.count)
        var source = UnsafePointer(batch.observations.base)
        if let view {
            seen.reserve(rows * width)
            view.see(source, count: rows, into: seen.base)
            source = UnsafePointer(seen.base)
        }
        slots.clear(rows: rows)
        for row in 0..<rows {
            guard let slot = slots.slot(of: source + row * width) else {
                throw SourceAlgorithmError(
                    "the replay holds an observation outside its space: expected components below "
                        + "\(slots.observation.counts)")
            }
            batch.slotOfRow.base[row] = slot
        }
    }

    func targetValues() -> UnsafePointer<Float> { target.values(of: slots) }

    func forward(step: Int) -> UnsafePointer<Float> {
        network.forward(parameters: weights.start, components: slots.components, rows: slots.count)
        return network.heads
    }

    func backward(_ headGradients: UnsafePointer<Float>, into gradients: UnsafeMutablePointer<Float>) {
        network.backward(
            parameters: weights.start, components: slots.components, rows: slots.count, headGradients: headGradients,
            gradients: gradients)
    }

    func targetHasChanged() { target.refresh() }

    func table(exploration: Float) -> UnsafeBufferPointer<Float>? {
        acting?.fill(from: network, parameters: weights.start, exploration: exploration)
    }
}

/// Of states or pictures: every row by itself. Pictures are drawn here, by all threads.
final class ObservedValues: SequenceValues {
    private let network: any ObservationNetwork
    private let target: any ObservationNetwork
    private let values: ActionValues
    private let seen: SeenRows
    /// (rows)
    private let ofTarget = GrowingBuffer<Float>()
    private(set) var count = 0

    /// `rows`: of a batch. `generator`: of the lifetime's random numbers.
    init(
        _ values: ActionValues, scene: Scene, weights: FloatBuffer, target: FloatBuffer, rows: Int, threads: Int,
        generator: Philox
    ) {
        self.values = values
        let pool = WorkerPool(count: threads)
        switch values.network {
        case .integers, .recurrent: preconditionFailure("integers and networks with memory have values of their own")
        case .state(let features, let shape, let activation):
            seen = SeenRows(scene, seesStored: true, pool: pool)
            network = StateNetwork(features, shape, activation, weights: weights)
            self.target = StateNetwork(features, shape, activation, weights: target)
        case .images(let layout):
            seen = SeenRows(scene, seesStored: false, pool: pool)
            let words = generator.words(.dropout, episode: 0, step: 0)
            network = ImageNetwork(
                layout, weights: weights, images: rows, pool: pool, dropoutKey: (words.x, words.y))
            self.target = ImageNetwork(layout, weights: target, images: rows, pool: pool, dropoutKey: nil)
        }
    }

    var onProgress: (() -> Void)? {
        get { network.onProgress }
        set {
            network.onProgress = newValue
            target.onProgress = newValue
        }
    }

    func take(_ batch: SequenceBatch) throws {
        try seen.take(batch.observations.base, rows: batch.count)
        for row in 0..<batch.count { batch.slotOfRow.base[row] = row }
        count = batch.count
    }

    func targetValues() -> UnsafePointer<Float> {
        ofTarget.reserve(count)
        let heads = target.values(of: seen.base, rows: count)
        for row in 0..<count {
            let values = heads + row * self.values.headWidth
            ofTarget.base[row] = values[greedyAction(values, self.values.actions)]
        }
        return UnsafePointer(ofTarget.base)
    }

    func forward(step: Int) -> UnsafePointer<Float> { network.forward(seen.base, rows: count, step: step) }

    func backward(_ headGradients: UnsafePointer<Float>, into gradients: UnsafeMutablePointer<Float>) {
        network.backward(headGradients, observations: seen.base, rows: count, into: gradients)
    }

    func targetHasChanged() { target.parametersHaveChanged() }

    func table(exploration: Float) -> UnsafeBufferPointer<Float>? { nil }
}
