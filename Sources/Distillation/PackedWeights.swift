import Neural

/// The blocks' weights in the order in which the products walk through them. They follow the parameters only when
/// `pack` is called; several threads may read them, and pack different blocks.
final class PackedWeights {
    struct Block {
        /// (D, 3D) and (D, D).
        let inTransposed: UnsafeMutablePointer<Float>
        let outTransposed: UnsafeMutablePointer<Float>
        let feedForward: FeedForward.Packed
    }

    let blocks: [Block]
    private let layout: TransformerLayout
    private let memory: FloatBuffer

    /// `training`: whether a backward pass is wanted too.
    init(_ layout: TransformerLayout, training: Bool) {
        self.layout = layout
        let settings = layout.settings
        let (d, f) = (settings.modelDimension, settings.feedForward)
        func padded(_ count: Int) -> Int { (count + 15) & ~15 }
        let sizes = [3 * d * d, d * d, d * f, d * f, training ? d * f : 0]
        memory = FloatBuffer(settings.layers * sizes.reduce(0) { $0 + padded($1) })
        var next = memory.start
        func take(_ count: Int) -> UnsafeMutablePointer<Float> {
            defer { next += padded(count) }
            return next
        }
        blocks = (0..<settings.layers).map { _ in
            Block(
                inTransposed: take(sizes[0]), outTransposed: take(sizes[1]),
                feedForward: .init(
                    firstPanels: take(sizes[2]), secondTransposed: take(sizes[3]),
                    secondPanels: training ? take(sizes[4]) : nil))
        }
    }

    /// Takes over the parameters of the blocks first, first + step, ...
    func pack(_ parameters: UnsafePointer<Float>, first: Int = 0, step: Int = 1) {
        let d = layout.settings.modelDimension
        for index in stride(from: first, to: blocks.count, by: step) {
            let (block, packed) = (layout.blocks[index], blocks[index])
            Product.transpose(parameters + block.inWeight, into: packed.inTransposed, rows: 3 * d, columns: d)
            Product.transpose(parameters + block.outWeight, into: packed.outTransposed, rows: d, columns: d)
            layout.feedForward.pack(
                parameters + block.fc1Weight, parameters + block.fc2Weight, into: packed.feedForward)
        }
    }
}

extension TransformerLayout {
    var feedForward: FeedForward {
        FeedForward(dimension: settings.modelDimension, hidden: settings.feedForward)
    }
}
