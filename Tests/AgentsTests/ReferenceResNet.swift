import Neural

/// One stage of IMPALA's residual network with one block, and the values of actions behind it, in Double, one picture at a
/// time and written like the paper.
struct ReferenceResNet {
    let layout: ImageEncoderLayout

    /// Numbers (channels, height, width).
    private struct Planes {
        let height: Int
        let width: Int
        var numbers: [Double]

        func rectified() -> Planes { Planes(height: height, width: width, numbers: numbers.map { max(0, $0) }) }
    }

    /// (actions) of a picture's bytes (height, width, 3).
    func values(_ parameters: [Double], _ picture: [UInt8]) -> [Double] {
        let (height, width) = (layout.image.height, layout.image.width)
        let pixels = (0..<3).flatMap { colour in
            (0..<(height * width)).map { Double(picture[3 * $0 + colour]) / 255 }
        }
        let wide = convolve(
            Planes(height: height, width: width, numbers: pixels), "groups.0.convolution", parameters)
        let pooled = pool(wide)
        let middle = convolve(pooled.rectified(), "groups.0.blocks.0.convolution1", parameters).rectified()
        var sum = convolve(middle, "groups.0.blocks.0.convolution2", parameters)
        for index in sum.numbers.indices { sum.numbers[index] += pooled.numbers[index] }
        let units = linear(sum.rectified().numbers, "linear", parameters).map { max(0, $0) }
        return linear(units, "values", parameters)
    }

    private func tensor(_ name: String) -> ParameterLayout.Tensor {
        guard let tensor = layout.parameters[name] else { preconditionFailure("no tensor \(name)") }
        return tensor
    }

    private func linear(_ inputs: [Double], _ name: String, _ parameters: [Double]) -> [Double] {
        let (weight, bias) = (tensor("\(name).weight"), tensor("\(name).bias"))
        return (0..<bias.count).map { output in
            inputs.indices.reduce(parameters[bias.offset + output]) {
                $0 + inputs[$1] * parameters[weight.offset + output * inputs.count + $1]
            }
        }
    }

    /// A kernel of 3 with a border of zeros.
    private func convolve(_ x: Planes, _ name: String, _ parameters: [Double]) -> Planes {
        let (weight, bias) = (tensor("\(name).weight"), tensor("\(name).bias"))
        let inputs = weight.shape[1]
        var numbers: [Double] = []
        for output in 0..<bias.count {
            for row in 0..<x.height {
                for column in 0..<x.width {
                    var sum = parameters[bias.offset + output]
                    for input in 0..<inputs {
                        for tap in 0..<9 {
                            let (y, z) = (row + tap / 3 - 1, column + tap % 3 - 1)
                            guard 0..<x.height ~= y, 0..<x.width ~= z else { continue }
                            sum +=
                                x.numbers[(input * x.height + y) * x.width + z]
                                * parameters[weight.offset + (output * inputs + input) * 9 + tap]
                        }
                    }
                    numbers.append(sum)
                }
            }
        }
        return Planes(height: x.height, width: x.width, numbers: numbers)
    }

    /// The largest of windows of 3, two apart, which reach a pixel beyond the border.
    private func pool(_ x: Planes) -> Planes {
        let (height, width) = ((x.height - 1) / 2 + 1, (x.width - 1) / 2 + 1)
        let channels = x.numbers.count / (x.height * x.width)
        var numbers: [Double] = []
        for channel in 0..<channels {
            for row in 0..<height {
                for column in 0..<width {
                    var largest = -Double.infinity
                    for y in max(0, 2 * row - 1)...min(x.height - 1, 2 * row + 1) {
                        for z in max(0, 2 * column - 1)...min(x.width - 1, 2 * column + 1) {
                            largest = max(largest, x.numbers[(channel * x.height + y) * x.width + z])
                        }
                    }
                    numbers.append(largest)
                }
            }
        }
        return Planes(height: height, width: width, numbers: numbers)
    }
}
