import Neural

/// The blocks' weights in the order in which the products walk through them. They follow the parameters only when
/// `pack` is called; several threads may read them, and pack different blocks.
final class PackedWeights {
    /// One block's weights, transposed or in panels so that a product reads them in order. The pointers are into
    /// `memory`.
    struct Block {
        /// (D, 3D) and (D, D).
        let inTransposed: UnsafeMutablePointer<Float>
        let outTransposed: UnsafeMutablePointer<Float>
        /// The MLP's weights as `FeedForward` reads them.
        let feedForward: FeedForward.Packed
    }

    let blocks: [Block]
    private let layout: TransformerLayout
    private let memory: FloatBuffer

    /// `training`: whether a backward pass is wanted too. All passes of a training share one, so each step packs every
    /// block once. Without a backward pass the third copy of the MLP's weights is left out.
    init(_ layout: TransformerLayout, training: Bool) {
        self.layout = layout
        let settings = layout.settings
        let (d, f) = (settings.modelDimension, settings.feedForward)
        let sizes = [3 * d * d, d * d, d * f, d * f, training ? d * f : 0]
        var arena = FloatArena((0..<settings.layers).flatMap { _ in sizes })
        memory = arena.memory
        blocks = (0..<settings.layers).map { _ in
            Block(
                inTransposed: arena.take(sizes[0]), outTransposed: arena.take(sizes[1]),
                feedForward: .init(
                    firstPanels: arena.take(sizes[2]), secondTransposed: arena.take(sizes[3]),
                    secondPanels: training ? arena.take(sizes[4]) : nil))
        }
    }

    /// Takes over the parameters of the blocks first, first + step, ... It has to be called after each change of the
    /// parameters and before the passes that use them.
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
    /// The MLP's arithmetic for these dimensions; it holds no weights.
    var feedForward: FeedForward {
        FeedForward(dimension: settings.modelDimension, hidden: settings.feedForward)
    }
}
