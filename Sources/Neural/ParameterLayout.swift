/// Names, shapes and places of the tensors of a model inside one flat buffer.
package struct ParameterLayout: Sendable, Equatable {
    package struct Tensor: Sendable, Equatable {
        package let name: String
        package let shape: [Int]
        /// Of the first element, in floats.
        package let offset: Int
        package var count: Int { shape.reduce(1, *) }
    }

    package private(set) var tensors: [Tensor] = []
    /// Floats of the flat buffer. Every tensor begins on a cache line; what lies between stays zero.
    package private(set) var count = 0

    package init() {}

    /// Appends a tensor and returns its offset.
    package mutating func add(_ name: String, _ shape: [Int]) -> Int {
        let tensor = Tensor(name: name, shape: shape, offset: count)
        tensors.append(tensor)
        count += (tensor.count + 15) & ~15
        return tensor.offset
    }

    /// Parameters without what lies between the tensors.
    package var parameterCount: Int { tensors.reduce(0) { $0 + $1.count } }

    package subscript(_ name: String) -> Tensor? { tensors.first { $0.name == name } }
}
