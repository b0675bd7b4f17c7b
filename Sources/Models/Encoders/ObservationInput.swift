package import Experience

/// How an observation comes to the passes of a model. It is part of a `WindowForm`, so that a `WindowBatch` has memory
/// for one of the two forms alone.
package enum ObservationInput: Sendable, Hashable {
    /// Its components as rows of an embedding table, which each pass looks up by itself.
    case components(IntegerComponents)
    /// A vector of so many floats that an `ObservationEncoder` makes of it before the passes begin.
    case vector(width: Int)
}
