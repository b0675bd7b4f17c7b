/// Where the parameters of a long short-term memory of several layers lie in a flat buffer, with PyTorch's names,
/// shapes and order of gates: input, forget, cell, output.
package struct LSTMLayout: Sendable, Equatable {
    /// Offsets in floats of layer l: `weight_ih_l` (4H, inputs), `weight_hh_l` (4H, H), `bias_ih_l` and `bias_hh_l`
    /// (4H).
    package struct Layer: Sendable, Equatable {
        /// Columns of the layer's input weight: I in the first layer, H in the others.
        package let inputs: Int
        package let inputWeight: Int
        package let hiddenWeight: Int
        package let inputBias: Int
        package let hiddenBias: Int
    }

    /// I, columns of what the first layer reads.
    package let inputs: Int
    /// H, units of every layer.
    package let units: Int
    /// The lowest layer first.
    package let layers: [Layer]

    /// Appends the tensors to `parameters`, their names behind `prefix`.
    ///
    /// PyTorch has two biases of the same shape, which are added before they are used; both are kept, so that its files
    /// fit.
    package init(inputs: Int, units: Int, layers: Int, prefix: String = "", addingTo parameters: inout ParameterLayout)
    {
        precondition(inputs > 0 && units > 0 && layers > 0)
        self.inputs = inputs
        self.units = units
        self.layers = (0..<layers).map { layer in
            let width = layer == 0 ? inputs : units
            return Layer(
                inputs: width, inputWeight: parameters.add("\(prefix)weight_ih_l\(layer)", [4 * units, width]),
                hiddenWeight: parameters.add("\(prefix)weight_hh_l\(layer)", [4 * units, units]),
                inputBias: parameters.add("\(prefix)bias_ih_l\(layer)", [4 * units]),
                hiddenBias: parameters.add("\(prefix)bias_hh_l\(layer)", [4 * units]))
        }
    }
}
