import CKernels

/// The transformer's MLP, y = gelu(x W1^T + b1) W2^T, without the second bias, which belongs to what follows.
///
/// Hidden units are taken a panel of 64 at a time, through both products and the activation between them, so that
/// activated units and their gradients exist for one panel alone. x, y (rows, D); W1 (F, D), W2 (D, F) as in PyTorch.
package struct FeedForward: Sendable, Equatable {
    /// Hidden units of a panel: four cache lines, which is what the product kernel keeps in registers with AVX-512.
    package static let panelWidth = 64
    /// D.
    package let dimension: Int
    /// F.
    package let hidden: Int

    /// 64 need not divide `hidden`; the last panel is then narrower.
    package init(dimension: Int, hidden: Int) {
        self.dimension = dimension
        self.hidden = hidden
    }

    /// Both weights in the order in which the products walk through them; made anew whenever the weights change.
    package struct Packed {
        /// Panels of W1^T, each (D, width).
        let firstPanels: UnsafeMutablePointer<Float>
        /// W2^T (F, D).
        let secondTransposed: UnsafeMutablePointer<Float>
        /// Panels of W2, each (D, width); for the backward pass alone.
        let secondPanels: UnsafeMutablePointer<Float>?

        /// The three pointers have D * F floats each. Without `secondPanels` only `forward` is possible.
        package init(
            firstPanels: UnsafeMutablePointer<Float>, secondTransposed: UnsafeMutablePointer<Float>,
            secondPanels: UnsafeMutablePointer<Float>?
        ) {
            self.firstPanels = firstPanels
            self.secondTransposed = secondTransposed
            self.secondPanels = secondPanels
        }
    }

    /// Brings W1 (F, D) and W2 (D, F) into the order of `Packed`. Made anew after each optimiser step.
    ///
    /// Weights are shared by all workers and packed once a step, while each worker runs many products with them.
    package func pack(_ w1: UnsafePointer<Float>, _ w2: UnsafePointer<Float>, into packed: Packed) {
        let d = dimension
        Product.transpose(w2, into: packed.secondTransposed, rows: d, columns: hidden)
        forEachPanel { first, width in
            Product.transpose(w1 + first * d, into: packed.firstPanels + first * d, rows: width, columns: d)
            guard let panel = packed.secondPanels.map({ $0 + first * d }) else { return }
            for row in 0..<d { (panel + row * width).update(from: w2 + row * hidden + first, count: width) }
        }
    }

    /// `kept` (F / 64 panels of (rows, width)) gets x W1^T + b1 for the backward pass; without it, nothing is kept.
    /// `activated`: scratch (rows, 64).
    ///
    /// `y` is written, not added to. Its bias belongs to `ResidualNorm`, which follows.
    package func forward(
        _ x: UnsafePointer<Float>, _ packed: Packed, bias: UnsafePointer<Float>, kept: UnsafeMutablePointer<Float>?,
        activated: UnsafeMutablePointer<Float>, into y: UnsafeMutablePointer<Float>, rows: Int
    ) {
        let d = dimension
        forEachPanel { first, width in
            let units = kept.map { $0 + first * rows } ?? activated
            Product.plain(
                x, stride: d, packed.firstPanels + first * d, stride: width, into: units, stride: width, rows: rows,
                columns: width, depth: d)
            ck_bias_gelu_forward(units, bias + first, activated, rows, width)
            Product.plain(
                activated, stride: width, packed.secondTransposed + first * d, stride: d, into: y, stride: d,
                rows: rows, columns: d, depth: width, accumulate: first > 0)
        }
    }

    /// Adds to the gradients of W1, b1 and W2, and to dx (rows, D), what follows from dy (rows, D). `w1`: (F, D).
    /// `kept` as the forward pass left it. `activated`, `gradient`: scratch (rows, 64).
    ///
    /// `dx` is added to, because the gradient of the residual connection lies there already. `activated` and `gradient`
    /// hold one panel's activated units and their gradient.
    package func backward(
        _ dy: UnsafePointer<Float>, x: UnsafePointer<Float>, w1: UnsafePointer<Float>, _ packed: Packed,
        kept: UnsafePointer<Float>, activated: UnsafeMutablePointer<Float>, gradient: UnsafeMutablePointer<Float>,
        dW1: UnsafeMutablePointer<Float>, dBias: UnsafeMutablePointer<Float>, dW2: UnsafeMutablePointer<Float>,
        addingTo dx: UnsafeMutablePointer<Float>, rows: Int
    ) {
        let d = dimension
        guard let secondPanels = packed.secondPanels else { preconditionFailure("packed for inference alone") }
        forEachPanel { first, width in
            Product.plain(
                dy, stride: d, secondPanels + first * d, stride: width, into: gradient, stride: width, rows: rows,
                columns: width, depth: d)
            ck_bias_gelu_backward(kept + first * rows, gradient, activated, dBias + first, rows, width)
            Product.transposed(
                dy, stride: d, activated, stride: width, addingTo: dW2 + first, stride: hidden, rows: d,
                columns: width, depth: rows)
            Product.transposed(
                gradient, stride: width, x, stride: d, addingTo: dW1 + first * d, stride: d, rows: width, columns: d,
                depth: rows)
            Product.plain(
                gradient, stride: width, w1 + first * d, stride: d, into: dx, stride: d, rows: rows, columns: d,
                depth: width, accumulate: true)
        }
    }

    /// Each panel's first hidden unit and its width, which is below 64 in the last one where 64 does not divide F.
    @inline(__always)
    private func forEachPanel(_ body: (_ first: Int, _ width: Int) -> Void) {
        for first in stride(from: 0, to: hidden, by: Self.panelWidth) {
            body(first, min(Self.panelWidth, hidden - first))
        }
    }
}
