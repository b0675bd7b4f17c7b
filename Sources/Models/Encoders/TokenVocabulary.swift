package import Experience

/// What an environment's spaces look like to the embeddings: an observation is a few integers, an action is one.
package struct TokenVocabulary: Sendable, Equatable {
    /// Number of values of each component of an observation.
    package let componentCounts: [Int]
    package let actionCount: Int
    private let observationSpace: Space
    private let actionSpace: Space

    /// Throws `SettingsError` for spaces that are not made of integers.
    package init(observationSpace: Space, actionSpace: Space) throws {
        switch observationSpace {
        case .discrete(let count): componentCounts = [count]
        case .multiDiscrete(let counts): componentCounts = counts
        case .box(let shape, let type, let low, let high):
            guard type == .uint8, shape.reduce(1, *) <= 64, low >= 0, high <= 255 else {
                throw SettingsError(
                    "observation space", "must be made of at most 64 integers for this model, which embeds integers",
                    found: "\(observationSpace)")
            }
            componentCounts = Array(repeating: Int(high) + 1, count: shape.reduce(1, *))
        }
        guard case .discrete(let count) = actionSpace else {
            throw SettingsError("action space", "must be discrete for this model", found: "\(actionSpace)")
        }
        actionCount = count
        self.observationSpace = observationSpace
        self.actionSpace = actionSpace
    }

    package var observationRows: Int { componentCounts.reduce(0, +) }
    package var observationBytes: Int { observationSpace.byteCount }
    package var actionBytes: Int { actionSpace.byteCount }
    /// The action "none", the last row of the table.
    package var noAction: Int32 { Int32(actionCount) }

    /// Writes the rows of the observation table that belong to one observation.
    /// Precondition: the observation lies in its space; `Space.contains` is for what comes from outside.
    @inline(__always)
    package func components(of observation: UnsafeRawPointer, into rows: UnsafeMutablePointer<Int32>) {
        var first = 0
        for index in componentCounts.indices {
            rows[index] = Int32(first + observationSpace.integer(at: index, of: observation))
            first += componentCounts[index]
        }
    }

    @inline(__always)
    package func action(at bytes: UnsafeRawPointer) -> Int32 { Int32(actionSpace.integer(at: 0, of: bytes)) }

    /// Stores an action as its space does.
    @inline(__always)
    package func store(_ action: Int, at bytes: UnsafeMutableRawPointer) {
        if actionBytes == 1 {
            bytes.storeBytes(of: UInt8(action), as: UInt8.self)
        } else {
            bytes.storeBytes(of: Int32(action), as: Int32.self)
        }
    }
}
