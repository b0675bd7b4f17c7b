import CKernels
package import Experience
package import Neural

/// How windows are laid out for a model: what a `WindowSampler` and a `WindowBatch` have to know of it.
package struct WindowForm: Sendable, Hashable {
    package let spaces: ModelSpaces
    /// Transitions of a window, c.
    package let length: Int
    /// Which of `components` and `observations` a batch has.
    package let input: ObservationInput
    /// Whether previous action and previous reward, which share a token, are masked together.
    package let masksTogether: Bool

    package init(spaces: ModelSpaces, length: Int, input: ObservationInput, masksTogether: Bool) {
        self.spaces = spaces
        self.length = length
        self.input = input
        self.masksTogether = masksTogether
    }

    /// The same in windows of another length, such as the one-row windows of a context that grows.
    package func of(length: Int) -> WindowForm {
        WindowForm(spaces: spaces, length: length, input: input, masksTogether: masksTogether)
    }
}

/// Windows of transitions as a model reads them, B windows of c rows, end to end. Row r of window w is element w * c +
/// r of every column. The memory is taken once; its owner fills it, workers then read it together and write
/// `vectorGradients` each at its own windows.
///
/// Previous action and reward are those of the row before in the same window, even where an episode ends between the
/// two; the first row of a window has `noAction` and 0.
package final class WindowBatch {
    package let windows: Int
    package let length: Int
    /// Components of an observation; 0 where observations are vectors.
    package let width: Int
    /// (B, c, width) rows of the observation table.
    package let components: UnsafeMutablePointer<Int32>
    /// (B, c, bytes) observations as their space stores them, for an encoder; empty where observations are components.
    package let observations: UnsafeMutableRawPointer
    /// (B, c, vector width) what an encoder makes of them, and its gradient.
    package let vectorWidth: Int
    package let vectors: FloatBuffer
    package let vectorGradients: FloatBuffer
    /// (B, c, state width) numbers of the state that an observation is drawn from, not a number where a row is padded; empty
    /// where no states are taught.
    package let stateWidth: Int
    package let states: FloatBuffer
    /// (B, c) the action before the row, or "none".
    package let previousActions: UnsafeMutablePointer<Int32>
    /// (B, c) the reward before the row.
    package let previousRewards: UnsafeMutablePointer<Float>
    /// (B, c) which of previous action (1) and previous reward (2) are hidden.
    package let masked: UnsafeMutablePointer<UInt8>
    /// (B, c) the action of the row.
    package let targets: UnsafeMutablePointer<Int32>
    /// (B, c) whether the row's action is taught.
    package let taught: UnsafeMutablePointer<UInt8>
    private let integers: IntegerComponents?
    private let observationBytes: Int
    /// Bytes of an observation as it is seen.
    private let seenBytes: Int

    /// - Parameter holdsObservations: whether there is memory for observations that an encoder has still to see; without
    ///   it, `vectors` are filled by the owner.
    /// - Parameter stateWidth: numbers of a row of `states`.
    package init(windows: Int, form: WindowForm, holdsObservations: Bool = true, stateWidth: Int = 0) {
        self.windows = windows
        seenBytes = form.spaces.observationBytes
        length = form.length
        let rows = windows * length
        switch form.input {
        case .components(let integers):
            self.integers = integers
            width = integers.counts.count
            observationBytes = 0
            vectorWidth = 0
            (vectors, vectorGradients) = (FloatBuffer(0), FloatBuffer(0))
        case .vector(let floats):
            integers = nil
            width = 0
            observationBytes = holdsObservations ? form.spaces.observationBytes : 0
            vectorWidth = floats
            (vectors, vectorGradients) = (FloatBuffer(rows * floats), FloatBuffer(rows * floats))
        }
        self.stateWidth = stateWidth
        states = FloatBuffer(rows * stateWidth)
        components = Self.zeros(rows * width)
        observations = .allocate(byteCount: max(1, rows * observationBytes), alignment: 64)
        observations.initializeMemory(as: UInt8.self, repeating: 0, count: rows * observationBytes)
        previousActions = Self.zeros(rows)
        previousRewards = Self.zeros(rows)
        masked = Self.zeros(rows)
        targets = Self.zeros(rows)
        taught = Self.zeros(rows)
    }

    deinit {
        components.deallocate()
        observations.deallocate()
        previousActions.deallocate()
        previousRewards.deallocate()
        masked.deallocate()
        targets.deallocate()
        taught.deallocate()
    }

    /// `count` zeros, and memory for one at least, so that an empty column has an address.
    private static func zeros<Number: Numeric>(_ count: Int) -> UnsafeMutablePointer<Number> {
        let start = UnsafeMutablePointer<Number>.allocate(capacity: max(1, count))
        start.initialize(repeating: 0, count: count)
        return start
    }

    /// Writes the observation of a row from what a stream stores of it; `view` is nil where that is what is seen.
    /// Precondition: it lies in its space; `Space.contains` is for what comes from outside.
    @inline(__always)
    package func observe(_ stored: UnsafeRawPointer, through view: (any ObservationView)?, row: Int) {
        guard let view else { return observe(stored, row: row) }
        see(stored, through: view, row: row)
    }

    /// A vector is seen where it belongs; integers, which are few bytes, on the stack first.
    private func see(_ stored: UnsafeRawPointer, through view: any ObservationView, row: Int) {
        guard integers != nil else {
            return view.see(stored, count: 1, into: observations + row * observationBytes)
        }
        withUnsafeTemporaryAllocation(byteCount: seenBytes, alignment: 16) { seen in
            guard let start = seen.baseAddress else { return }
            view.see(stored, count: 1, into: start)
            observe(start, row: row)
        }
    }

    /// Writes the observation of a row from its bytes.
    /// Precondition: it lies in its space; `Space.contains` is for what comes from outside.
    @inline(__always)
    package func observe(_ observation: UnsafeRawPointer, row: Int) {
        if let integers {
            let number = integers.read(observation, rows: components + row * width)
            precondition(number != nil, "an observation outside its space")
        } else {
            (observations + row * observationBytes).copyMemory(from: observation, byteCount: observationBytes)
        }
    }

    /// Hides a row behind the end of a short stream: nothing before it attends to it, and it teaches nothing.
    package func pad(_ row: Int, _ spaces: ModelSpaces) {
        (components + row * width).update(repeating: 0, count: width)
        observations.advanced(by: row * observationBytes).initializeMemory(
            as: UInt8.self, repeating: 0, count: observationBytes)
        previousActions[row] = spaces.noAction
        previousRewards[row] = 0
        targets[row] = 0
        taught[row] = 0
        (states.start + row * stateWidth).update(repeating: .nan, count: stateWidth)
    }

    /// Whether the state of a row is known: no state is of a row that was padded.
    @inline(__always)
    package func knowsState(_ row: Int) -> Bool { stateWidth > 0 && !states.start[row * stateWidth].isNaN }

    /// The vectors from row `row` on, and their gradients; nil where observations are components.
    @inline(__always)
    func vectors(from row: Int) -> UnsafeMutablePointer<Float>? {
        vectorWidth > 0 ? vectors.start + row * vectorWidth : nil
    }

    @inline(__always)
    func vectorGradients(from row: Int) -> UnsafeMutablePointer<Float>? {
        vectorWidth > 0 ? vectorGradients.start + row * vectorWidth : nil
    }

    /// The tokens from row `row` on, as the kernels take them.
    @inline(__always)
    func tokens(from row: Int) -> ck_tokens {
        ck_tokens(
            components: components + row * width, width: width, actions: previousActions + row,
            rewards: previousRewards + row, masked: masked + row)
    }
}
