import Neural

/// What the LSTM has read of the last c transitions of B copies that act, for a state that is begun anew.
///
/// E: width of an embedding. One thread uses it.
final class LSTMHistory {
    private let copies: Int
    private let length: Int
    private let width: Int
    /// Transitions that leave a full history together.
    private let slide: Int
    /// (c, B, 3E)
    private let inputs: FloatBuffer
    /// Transitions of each copy.
    private var filled: [Int]
    /// Copies that were shifted last; what they read in a step (B, 3E); their state.
    private var shifted: [Int] = []
    private let step: FloatBuffer
    private let hidden: FloatBuffer
    private let cells: FloatBuffer

    /// Bytes for each copy.
    static func byteCount(_ settings: LSTMSettings) -> Int {
        let state = 2 * settings.layers * settings.units
        return ((settings.contextLength + 1) * 3 * settings.embedding + state) * MemoryLayout<Float>.stride
    }

    init(_ settings: LSTMSettings, copies: Int, slide: Int) {
        self.copies = copies
        length = settings.contextLength
        width = 3 * settings.embedding
        self.slide = max(1, min(slide, length / 2))
        inputs = FloatBuffer(length * copies * width)
        step = FloatBuffer(copies * width)
        hidden = FloatBuffer(settings.layers * copies * settings.units)
        cells = FloatBuffer(settings.layers * copies * settings.units)
        filled = Array(repeating: 0, count: copies)
        shifted.reserveCapacity(copies)
    }

    func clear(_ copy: Int) { filled[copy] = 0 }

    /// Adds a transition of every copy, (B, 3E). Precondition: none is full.
    func append(_ input: UnsafePointer<Float>) {
        for copy in 0..<copies {
            place(filled[copy], copy).update(from: input + copy * width, count: width)
            filled[copy] += 1
        }
    }

    private func place(_ position: Int, _ copy: Int) -> UnsafeMutablePointer<Float> {
        inputs.start + (position * copies + copy) * width
    }

    /// The oldest transitions of full histories leave; the rows of those copies in `state` become what the others alone
    /// would have led to, all such copies together. `onProgress` is called after each step.
    func slideFull(
        _ lstm: LSTM, _ weights: LSTMWeights, state: LSTM.State, scratch: UnsafeMutablePointer<Float>,
        onProgress: (() -> Void)?
    ) {
        shifted.removeAll(keepingCapacity: true)
        for copy in 0..<copies where filled[copy] == length {
            for position in slide..<length {
                place(position - slide, copy).update(from: place(position, copy), count: width)
            }
            filled[copy] = length - slide
            shifted.append(copy)
        }
        guard !shifted.isEmpty else { return }
        let (units, layers) = (lstm.layout.units, lstm.layout.layers.count)
        for part in [hidden, cells] { part.start.update(repeating: 0, count: layers * shifted.count * units) }
        for position in 0..<(length - slide) {
            for (index, copy) in shifted.enumerated() {
                (step.start + index * width).update(from: place(position, copy), count: width)
            }
            lstm.step(
                weights, step.start, sequences: shifted.count,
                state: LSTM.State(hidden: hidden.start, cells: cells.start), scratch: scratch)
            onProgress?()
        }
        for layer in 0..<layers {
            for (index, copy) in shifted.enumerated() {
                let (from, to) = ((layer * shifted.count + index) * units, (layer * copies + copy) * units)
                (state.hidden + to).update(from: hidden.start + from, count: units)
                (state.cells + to).update(from: cells.start + from, count: units)
            }
        }
    }
}
