import CKernels
import Neural

/// The weights of LSTM and MLP in the order in which the forward pass reads them. They follow the parameters only when
/// `pack` is called; several threads may read them, and pack different ones.
final class LSTMModelWeights {
    let lstm: LSTMWeights
    private let layout: LSTMModelLayout
    /// Transposed, (inputs, W) each.
    private let mlp: [UnsafeMutablePointer<Float>]
    /// (W, A)
    private let head: UnsafeMutablePointer<Float>
    private let memory: FloatBuffer

    /// `training`: whether a backward pass is wanted too.
    init(_ layout: LSTMModelLayout, training: Bool) {
        let width = layout.settings.mlpWidth
        let sizes = layout.mlp.map { $0.inputs * width } + [width * layout.actionCount]
        var arena = FloatArena(sizes)
        self.layout = layout
        lstm = LSTMWeights(layout.lstm, training: training)
        memory = arena.memory
        mlp = sizes.dropLast().map { arena.take($0) }
        head = arena.take(width * layout.actionCount)
    }

    /// Takes over the parameters, or of several workers who pack together those of number `first`, `first` + `step`, ...
    func pack(_ parameters: UnsafePointer<Float>, first: Int = 0, step: Int = 1) {
        let width = layout.settings.mlpWidth
        lstm.pack(parameters, first: first, step: step)
        for index in stride(from: first, to: mlp.count, by: step) {
            let layer = layout.mlp[index]
            Product.transpose(parameters + layer.weight, into: mlp[index], rows: width, columns: layer.inputs)
        }
        if first == 0 {
            Product.transpose(
                parameters + layout.headWeight, into: head, rows: layout.actionCount, columns: width)
        }
    }

    /// Logits (rows, A) from features (rows, H + E), the LSTM's units and an observation's embedding. `activated`: of
    /// every hidden layer (rows, W), which a backward pass reads. A row's bits do not depend on the rows around it.
    func logits(
        _ features: UnsafePointer<Float>, parameters: UnsafePointer<Float>, activated: [UnsafeMutablePointer<Float>],
        into logits: UnsafeMutablePointer<Float>, rows: Int
    ) {
        let (width, actions) = (layout.settings.mlpWidth, layout.actionCount)
        var input = features
        for (index, layer) in layout.mlp.enumerated() {
            ck_product(
                input, layer.inputs, 1, mlp[index], width, activated[index], width, rows, width, layer.inputs,
                parameters + layer.bias, 0, Int32(CK_RECTIFY))
            input = UnsafePointer(activated[index])
        }
        ck_product(
            input, width, 1, head, actions, logits, actions, rows, actions, width, parameters + layout.headBias, 0,
            Int32(CK_LINEAR))
    }
}
