package import CKernels

/// Which elements of one array are dropped: a pure function of a key, a place in the model, a sequence and a step
/// (Philox4x32-10, Salmon et al. 2011), whatever the number of threads and the order of the work.
///
/// A probability is rounded to a multiple of 2^-16; what is kept is scaled by 1 / (1 - probability).
package struct Dropout: Sendable {
    /// What the fused kernels take; its threshold is 0 where nothing is dropped.
    package var code: ck_dropout

    /// `site`: which dropout of the model; `sequence`: which sequence of the batch; `step`: which optimiser step.
    package init(probability: Double, key: (UInt32, UInt32), site: UInt32, sequence: UInt32, step: UInt32) {
        precondition((0..<1).contains(probability))
        let threshold = min(65535, UInt32((probability * 65536).rounded()))
        code = ck_dropout(
            key0: key.0, key1: key.1, site: site, sequence: sequence, step: step, threshold: threshold,
            scale: Float(1 / (1 - Double(threshold) / 65536)))
    }

    /// Drops nothing.
    package static var none: Dropout { Dropout(probability: 0, key: (0, 0), site: 0, sequence: 0, step: 0) }

    /// Whether anything is dropped at all.
    package var drops: Bool { code.threshold > 0 }

    /// The dropout of a place that is `site` sites and `sequence` sequences further on.
    ///
    /// A caller makes one `Dropout` for a step, and each layer and sequence derives its own, so that no two of them
    /// share a mask.
    package func offset(site: UInt32, sequence: UInt32) -> Dropout {
        var other = self
        other.code.site &+= site
        other.code.sequence &+= sequence
        return other
    }

    /// Multiplies x (count) by the mask: 0 or 1 / (1 - probability). The backward pass is the same on the gradient.
    ///
    /// The mask is made anew from the counters in each pass, so that nothing has to be stored between them.
    package func apply(_ x: UnsafeMutablePointer<Float>, count: Int) {
        withUnsafePointer(to: code) { ck_dropout_apply($0, x, count) }
    }

    /// The same for x (rows, width) with `stride` floats from row to row. An element's mask follows from its row and
    /// column alone, so that a sequence has the same mask wherever it lies in a batch.
    package func apply(_ x: UnsafeMutablePointer<Float>, rows: Int, width: Int, stride: Int) {
        withUnsafePointer(to: code) { ck_dropout_rows($0, x, rows, width, stride) }
    }
}
