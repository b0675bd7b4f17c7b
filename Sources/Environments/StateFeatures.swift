package import Experience

/// What a network is given of the states that an environment's streams store, where a policy acts on these instead of on
/// what is seen of them, as a privileged teacher does.
///
/// A state is a vector of float32; each of its components becomes one or two numbers of about -1 to 1, or none.
package struct StateFeatures: Hashable, Sendable {
    /// What becomes of one component.
    package enum Component: Hashable, Sendable {
        /// Itself, divided by this.
        case scaled(by: Float)
        /// Its cosine and its sine.
        case degrees
        /// Nothing: it is stored for what is seen, and is not for a policy to know.
        case hidden

        /// Numbers that it becomes.
        var count: Int {
            switch self {
            case .scaled: 1
            case .degrees: 2
            case .hidden: 0
            }
        }
    }

    package let components: [Component]
    /// Numbers that a state becomes.
    package let count: Int

    package init(_ components: [Component]) {
        self.components = components
        count = components.reduce(0) { $0 + $1.count }
    }

    /// A space of vectors of floats as they are; nil for other spaces, and for more than `largestVector` numbers.
    package init?(vectorsOf space: Space) {
        guard case .box(_, .float32, _, _) = space, space.elementCount <= Self.largestVector else { return nil }
        self.init(Array(repeating: .scaled(by: 1), count: space.elementCount))
    }

    /// Numbers of a vector that is given to a network as it is.
    package static let largestVector = 4096

    /// Reads (count, components), which need not be aligned, and writes (count, `self.count`). The same bits on every
    /// machine.
    package func write(_ states: UnsafeRawPointer, count: Int, into features: UnsafeMutablePointer<Float>) {
        var feature = features
        for index in 0..<(count * components.count) {
            let value = states.loadUnaligned(fromByteOffset: 4 * index, as: Float.self)
            switch components[index % components.count] {
            case .scaled(let scale):
                feature.pointee = value / scale
                feature += 1
            case .degrees:
                let ahead = direction(degrees: value)
                (feature[0], feature[1]) = (ahead.x, ahead.y)
                feature += 2
            case .hidden: break
            }
        }
    }
}
