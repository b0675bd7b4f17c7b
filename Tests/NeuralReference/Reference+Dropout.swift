// Dropout: every element times its factor, 0 or 1 / (1 - p); the backward pass is the same on the gradient.
extension Reference {
    /// `mask` has the shape of x.
    ///
    /// A nil mask leaves x as it is, as outside training.
    package static func dropout(_ x: Array, mask: Array?) -> Array { x.indices.map { x[$0] * (mask?[$0] ?? 1) } }
}
