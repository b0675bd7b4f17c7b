/// Names, shapes and places of the tensors of a model inside one flat buffer. Parameters, gradient and moments share
/// it; names and shapes are what a safetensors file has, without the padding.
///
///     var layout = ParameterLayout()
///     let weight = layout.add("head.weight", [5, 64])   // 0
///     let bias = layout.add("head.bias", [5])           // 320; layout.count is 336
package struct ParameterLayout: Sendable, Equatable {
    /// One tensor, row-major, with PyTorch's name and shape.
    package struct Tensor: Sendable, Equatable {
        /// As in PyTorch's state dictionary, such as `blocks.0.attention.weight`; what files are read by.
        package let name: String
        /// Row-major, the last size innermost.
        package let shape: [Int]
        /// Of the first element, in floats.
        package let offset: Int
        /// Elements, without the padding behind them.
        package var count: Int { shape.reduce(1, *) }
    }

    /// In the order in which they were added, which is also their order in memory and in files.
    package private(set) var tensors: [Tensor] = []
    /// Floats of the flat buffer. Every tensor begins on a cache line; what lies between stays zero.
    package private(set) var count = 0

    package init() {}

    /// Appends a tensor and returns its offset in floats, a multiple of 16. Names are not checked for being given
    /// twice.
    package mutating func add(_ name: String, _ shape: [Int]) -> Int {
        let tensor = Tensor(name: name, shape: shape, offset: count)
        tensors.append(tensor)
        count += (tensor.count + 15) & ~15
        return tensor.offset
    }

    /// Numbers that are trained, without the padding between the tensors: what people mean by a model's size.
    package var parameterCount: Int { tensors.reduce(0) { $0 + $1.count } }

    /// The tensor of a name, found by a search through all of them.
    ///
    /// A loop over a step must not use it: offsets are looked up once, when a model is built.
    package subscript(_ name: String) -> Tensor? { tensors.first { $0.name == name } }
}
