/// Where a window of `kernel` rows or columns lies: shared by convolution and pool. Sizes are in pixels, the same
/// padding on all four sides.
package struct WindowGeometry: Sendable {
    /// Of the image that comes in.
    package let height: Int
    /// Of the image that comes in.
    package let width: Int
    /// Rows and columns of the window, which is a square.
    package let kernel: Int
    /// Pixels from one window to the next, in both directions.
    package let stride: Int
    /// Pixels around the image: zeros for a convolution, never the largest for a pool.
    package let padding: Int

    /// Nothing is checked; tests choose sizes that fit.
    package init(height: Int, width: Int, kernel: Int, stride: Int, padding: Int) {
        self.height = height
        self.width = width
        self.kernel = kernel
        self.stride = stride
        self.padding = padding
    }

    /// Windows from top to bottom; a remainder smaller than the stride is left out.
    package var outputHeight: Int { (height + 2 * padding - kernel) / stride + 1 }
    /// Windows from left to right.
    package var outputWidth: Int { (width + 2 * padding - kernel) / stride + 1 }

    /// Calls `body` with every output pixel, every place of the kernel and the input pixel there, if it exists.
    ///
    /// Places in the padding are left out, which is the same as a zero for a convolution. All three numbers are indices
    /// of pixels, row by row.
    func forEach(_ body: (_ output: Int, _ place: Int, _ input: Int) -> Void) {
        for row in 0..<outputHeight {
            for column in 0..<outputWidth {
                for place in 0..<(kernel * kernel) {
                    let y = row * stride - padding + place / kernel
                    let x = column * stride - padding + place % kernel
                    if (0..<height).contains(y), (0..<width).contains(x) {
                        body(row * outputWidth + column, place, y * width + x)
                    }
                }
            }
        }
    }
}

// Convolution of images (images, height, width, inputs); weight (outputs, inputs, kernel, kernel), bias (outputs).
extension Reference {
    /// y (images, output height, output width, outputs).
    ///
    /// Sums one window after another in the order of the formula, without any packing, so that a reader can check it
    /// against the definition. `bias` is nil for none.
    package static func convolution(_ x: Array, _ weight: Array, _ bias: Array?, inputs: Int, _ window: WindowGeometry)
        -> Array
    {
        let area = window.kernel * window.kernel
        let outputs = weight.count / (inputs * area)
        let (pixels, outputPixels) = (window.height * window.width, window.outputHeight * window.outputWidth)
        let images = x.count / (pixels * inputs)
        var y = (0..<(images * outputPixels * outputs)).map { bias?[$0 % outputs] ?? 0 }
        for image in 0..<images {
            window.forEach { output, place, input in
                for o in 0..<outputs {
                    for i in 0..<inputs {
                        y[(image * outputPixels + output) * outputs + o] +=
                            x[(image * pixels + input) * inputs + i] * weight[(o * inputs + i) * area + place]
                    }
                }
            }
        }
        return y
    }

    /// Gradients of image, weight and bias.
    ///
    /// Each in the shape of what it belongs to. The three loops are those of `convolution` with y's place taken by dy.
    package static func convolutionBackward(
        _ dy: Array, _ x: Array, _ weight: Array, inputs: Int, _ window: WindowGeometry
    ) -> (dx: Array, dWeight: Array, dBias: Array) {
        let area = window.kernel * window.kernel
        let outputs = weight.count / (inputs * area)
        let (pixels, outputPixels) = (window.height * window.width, window.outputHeight * window.outputWidth)
        var dx = Array(repeating: 0, count: x.count)
        var dWeight = Array(repeating: 0, count: weight.count)
        var dBias = Array(repeating: 0, count: outputs)
        for index in dy.indices { dBias[index % outputs] += dy[index] }
        for image in 0..<(x.count / (pixels * inputs)) {
            window.forEach { output, place, input in
                for o in 0..<outputs {
                    let d = dy[(image * outputPixels + output) * outputs + o]
                    for i in 0..<inputs {
                        let (at, element) = ((image * pixels + input) * inputs + i, (o * inputs + i) * area + place)
                        dx[at] += d * weight[element]
                        dWeight[element] += d * x[at]
                    }
                }
            }
        }
        return (dx, dWeight, dBias)
    }
}

// Rectification, max(x, 0).
extension Reference {
    /// Elements of any shape. The fast path has no pass of its own for it: `Convolution.pad` rectifies.
    package static func rectify(_ x: Array) -> Array { x.map { $0 > 0 ? $0 : 0 } }

    /// The gradient passes where the input was above 0.
    package static func rectifyBackward(_ dy: Array, _ x: Array) -> Array { zip(dy, x).map { $1 > 0 ? $0 : 0 } }
}

// Max pool of images (images, height, width, channels): the first of equals.
extension Reference {
    /// y (images, output height, output width, channels).
    ///
    /// Padding never wins, because `WindowGeometry.forEach` does not visit it.
    package static func maxPool(_ x: Array, channels: Int, _ window: WindowGeometry) -> Array {
        maxPoolSources(x, channels: channels, window).map { x[$0] }
    }

    /// Each output's gradient goes to the element that it came from.
    ///
    /// Where windows overlap, an element gets the sum of its windows' gradients.
    package static func maxPoolBackward(_ dy: Array, _ x: Array, channels: Int, _ window: WindowGeometry) -> Array {
        var dx = Array(repeating: 0, count: x.count)
        for (d, source) in zip(dy, maxPoolSources(x, channels: channels, window)) { dx[source] += d }
        return dx
    }

    /// Which element of x each element of y is.
    ///
    /// Indices into the flat x. Equal elements go to the one that is visited first, row by row, as in PyTorch.
    private static func maxPoolSources(_ x: Array, channels: Int, _ window: WindowGeometry) -> [Int] {
        let (pixels, outputPixels) = (window.height * window.width, window.outputHeight * window.outputWidth)
        let images = x.count / (pixels * channels)
        var sources = [Int](repeating: -1, count: images * outputPixels * channels)
        for image in 0..<images {
            window.forEach { output, _, input in
                for c in 0..<channels {
                    let (at, from) = (
                        (image * outputPixels + output) * channels + c, (image * pixels + input) * channels + c
                    )
                    if sources[at] < 0 || x[from] > x[sources[at]] { sources[at] = from }
                }
            }
        }
        return sources
    }
}
