import CKernels
import Neural

/// Memory in which one worker runs a few sequences forward and backward; allocated once, so that it stays in its cache.
///
/// R = sequences * tokens rows, D = model dimension, F = feed-forward width, H heads.
final class TransformerArena {
    /// What a block keeps for its backward pass. Without training, all blocks share one.
    struct Block {
        /// (R, D) what the block is given.
        let input: UnsafeMutablePointer<Float>
        /// (R, 3D) queries, keys and values with their biases.
        let projected: UnsafeMutablePointer<Float>
        /// (sequences, H, T, T) attention weights, padded.
        let weights: UnsafeMutablePointer<Float>
        /// (R, D) the heads' outputs.
        let attended: UnsafeMutablePointer<Float>
        /// (R, D), (R): the first normalisation's input, normalised, and its inverse deviations.
        let normalised1: UnsafeMutablePointer<Float>
        let inverse1: UnsafeMutablePointer<Float>
        /// (R, D) what the MLP is given.
        let middle: UnsafeMutablePointer<Float>
        /// (R, F) the MLP's hidden units before their activation, in panels. Only for training.
        let hidden: UnsafeMutablePointer<Float>
        let normalised2: UnsafeMutablePointer<Float>
        let inverse2: UnsafeMutablePointer<Float>
    }

    let sequences: Int
    let tokens: Int
    let isTraining: Bool
    let blocks: [Block]
    /// (R, D) what the last block gives.
    let output: UnsafeMutablePointer<Float>
    /// (R, 64) a panel of activated hidden units.
    let activated: UnsafeMutablePointer<Float>
    /// (predictions, A)
    let logits: UnsafeMutablePointer<Float>
    /// Backward only: (R, D) twice, (R, 64), (R, 3D).
    let gradient: UnsafeMutablePointer<Float>
    /// (R, D) the gradient of what a norm was given, that is of the attention's or the MLP's output.
    let branch: UnsafeMutablePointer<Float>
    let hiddenGradient: UnsafeMutablePointer<Float>
    let projectedGradient: UnsafeMutablePointer<Float>
    let attentionScratch: UnsafeMutablePointer<Float>
    /// Floats of the attention weights of one head of one sequence.
    let weightsPerHead: Int
    private let memory: FloatBuffer

    /// Bytes of the whole arena.
    var byteCount: Int { memory.count * 4 }

    /// Without `training` all blocks share one place, and the hidden units of the MLP are not kept. All memory is one
    /// allocation.
    init(_ layout: TransformerLayout, sequences: Int, training: Bool) {
        let settings = layout.settings
        let (d, f, t) = (settings.modelDimension, settings.feedForward, settings.tokens)
        let rows = sequences * t
        let panel = min(f, FeedForward.panelWidth)
        let weightsPerHead = ck_attention_weights(t)
        let sizes = [
            rows * d, rows * 3 * d, (training ? sequences * settings.heads : 1) * weightsPerHead, rows * d, rows * d,
            rows, rows * d, training ? rows * f : 0, rows * d, rows,
        ]
        let blockCount = training ? settings.layers : 1
        let scratch = ck_attention_scratch(t, d / settings.heads)
        let rest = [
            rows * d, rows * panel, rows * layout.actionCount, rows * d, rows * d, training ? rows * panel : 16,
            training ? rows * 3 * d : 16, scratch,
        ]
        var arena = FloatArena((0..<blockCount).flatMap { _ in sizes } + rest)
        self.sequences = sequences
        tokens = t
        self.weightsPerHead = weightsPerHead
        isTraining = training
        memory = arena.memory
        let own = (0..<blockCount).map { _ in
            Block(
                input: arena.take(sizes[0]), projected: arena.take(sizes[1]), weights: arena.take(sizes[2]),
                attended: arena.take(sizes[3]),
                normalised1: arena.take(sizes[4]), inverse1: arena.take(sizes[5]), middle: arena.take(sizes[6]),
                hidden: arena.take(sizes[7]),
                normalised2: arena.take(sizes[8]), inverse2: arena.take(sizes[9]))
        }
        blocks = (0..<settings.layers).map { own[training ? $0 : 0] }
        let separateOutput = arena.take(rest[0])
        output = training ? separateOutput : own[0].input
        activated = arena.take(rest[1])
        logits = arena.take(rest[2])
        gradient = arena.take(rest[3])
        branch = arena.take(rest[4])
        hiddenGradient = arena.take(rest[5])
        projectedGradient = arena.take(rest[6])
        attentionScratch = arena.take(rest[7])
    }
}
