package import Experience
import Settings

/// What a model's passes are given of an observation.
package enum ObservationInput: Sendable, Hashable {
    /// Its components as rows of an embedding table, which each pass looks up by itself.
    case components(IntegerComponents)
    /// A vector of so many floats that an `ObservationEncoder` makes of it before the passes begin.
    case vector(width: Int)

    /// The components of a space of integers; throws `SettingsError` for other spaces.
    package static func components(of space: Space) throws -> ObservationInput {
        guard let components = IntegerComponents(space) else {
            throw SettingsError(
                "observation space",
                "must be made of at most \(IntegerComponents.largestArray) integers for this model, which embeds integers",
                found: "\(space)")
        }
        return .components(components)
    }
}
