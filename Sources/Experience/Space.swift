/// How a number of an observation or an action is stored, in streams and on the wire; always little-endian.
package enum ElementType: String, Sendable, Codable {
    /// The raw values stand in files' attributes.
    case uint8, int32, float32

    package var byteCount: Int {
        switch self {
        case .uint8: 1
        case .int32, .float32: 4
        }
    }
}

/// The set that an observation or an action is drawn from, with the names that Gymnasium gives to its spaces. It
/// decides how elements are stored and what a reader of them may expect.
package enum Space: Hashable, Sendable {
    /// One integer in `0..<count`; shape `[]`.
    case discrete(count: Int)
    /// Several integers, component i in `0..<counts[i]`; shape `[counts.count]`.
    case multiDiscrete(counts: [Int])
    /// An array of numbers from `low` to `high`, both included and the same for all of them; row by row.
    case box(shape: [Int], type: ElementType, low: Double, high: Double)

    /// The dimensions of one element, without the time axis; `[]` is a single number.
    ///
    /// A stream's dataset has this behind its time axis.
    package var shape: [Int] {
        switch self {
        case .discrete: []
        case .multiDiscrete(let counts): [counts.count]
        case .box(let shape, _, _, _): shape
        }
    }

    /// Integers that fit a byte are stored as one.
    ///
    /// So that most observations and actions of small environments take a byte a number.
    package var elementType: ElementType {
        switch self {
        case .discrete(let count): count <= 256 ? .uint8 : .int32
        case .multiDiscrete(let counts): counts.allSatisfy { $0 <= 256 } ? .uint8 : .int32
        case .box(_, let type, _, _): type
        }
    }

    /// Numbers of one element: the product of `shape`.
    ///
    /// 1 for `[]`.
    package var elementCount: Int { shape.reduce(1, *) }

    /// Bytes of one element as it is stored.
    ///
    /// Without padding; what one row of a column takes.
    package var byteCount: Int { elementCount * elementType.byteCount }
}

extension Space: CustomStringConvertible {
    /// As Gymnasium writes spaces: `Discrete(5)`, `MultiDiscrete([9 9])`, `Box(0, 255, (72, 96, 3), uint8)`.
    ///
    /// For errors and tables; `json` in `Histories` is what files have.
    package var description: String {
        switch self {
        case .discrete(let count): return "Discrete(\(count))"
        case .multiDiscrete(let counts): return "MultiDiscrete([\(counts.map(String.init).joined(separator: " "))])"
        case .box(let shape, let type, let low, let high):
            let sizes = shape.map(String.init).joined(separator: ", ") + (shape.count == 1 ? "," : "")
            return "Box(\(spelled(low, type)), \(spelled(high, type)), (\(sizes)), \(type.rawValue))"
        }
    }

    /// Bounds of integers without a point.
    ///
    /// `0` instead of `0.0` for spaces of integers.
    private func spelled(_ bound: Double, _ type: ElementType) -> String {
        guard type != .float32, let integer = Int(exactly: bound) else { return "\(bound)" }
        return "\(integer)"
    }
}

extension Space {
    /// Whether the `byteCount` bytes at `bytes` are an element of this space: integers in range, no NaN.
    ///
    /// A NaN is in no box. `bytes` need not be aligned.
    package func contains(_ bytes: UnsafeRawPointer) -> Bool {
        switch self {
        case .discrete(let count):
            return integer(at: 0, of: bytes) < count && integer(at: 0, of: bytes) >= 0
        case .multiDiscrete(let counts):
            return counts.indices.allSatisfy {
                let value = integer(at: $0, of: bytes)
                return value >= 0 && value < counts[$0]
            }
        case .box(_, .float32, let low, let high):
            return (0..<elementCount).allSatisfy {
                let value = Double(bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self))
                return value >= low && value <= high
            }
        case .box(_, _, let low, let high):
            return (0..<elementCount).allSatisfy {
                let value = Double(integer(at: $0, of: bytes))
                return value >= low && value <= high
            }
        }
    }

    /// Component `index` of an element whose type is an integer. Traps for a space of floats. Its range is not checked.
    ///
    /// Inlined, because checks and networks call it for every component.
    @inline(__always)
    package func integer(at index: Int, of bytes: UnsafeRawPointer) -> Int {
        switch elementType {
        case .uint8: Int(bytes.load(fromByteOffset: index, as: UInt8.self))
        case .int32: Int(bytes.loadUnaligned(fromByteOffset: 4 * index, as: Int32.self))
        case .float32: preconditionFailure("a float space has no integer components")
        }
    }
}
