import Neural
import NeuralReference
import Testing

@Suite("The plain image layers against finite differences in Double")
struct ImageReferenceTests {
    typealias Plain = Reference<Double>

    @Test(
        "convolution of every kernel, stride and padding", arguments: [1, 3, 5],
        [(1, 0), (1, 1), (2, 0), (2, 1), (2, 2)])
    func convolution(kernel: Int, step: (stride: Int, padding: Int)) {
        let window = WindowGeometry(height: 5, width: 7, kernel: kernel, stride: step.stride, padding: step.padding)
        let x = numbers(2 * 5 * 7 * 2, seed: 1)
        let (weight, bias) = (numbers(3 * 2 * kernel * kernel, seed: 2), numbers(3, seed: 3))
        let g = numbers(2 * window.outputHeight * window.outputWidth * 3, seed: 4)
        let gradients = Plain.convolutionBackward(g, x, weight, inputs: 2, window)
        expectGradient(gradients.dx, of: x) { dot(g, Plain.convolution($0, weight, bias, inputs: 2, window)) }
        expectGradient(gradients.dWeight, of: weight) { dot(g, Plain.convolution(x, $0, bias, inputs: 2, window)) }
        expectGradient(gradients.dBias, of: bias) { dot(g, Plain.convolution(x, weight, $0, inputs: 2, window)) }
    }

    @Test("batch norm with the batch's statistics and with running ones", arguments: [true, false])
    func batchNorm(training: Bool) {
        let (x, g) = (numbers(12 * 3, seed: 5), numbers(12 * 3, seed: 6))
        let (gain, shift) = (numbers(3, seed: 7), numbers(3, seed: 8))
        let running = Plain.ChannelStatistics(mean: numbers(3, seed: 9), variance: [0.7, 1.3, 2])
        let used = training ? nil : running
        func y(_ x: [Double], _ gain: [Double], _ shift: [Double]) -> [Double] {
            Plain.batchNorm(x, gain: gain, shift: shift, epsilon: 1e-5, running: used)
        }
        let d = Plain.batchNormBackward(g, x, gain: gain, epsilon: 1e-5, running: used)
        expectGradient(d.dx, of: x) { dot(g, y($0, gain, shift)) }
        expectGradient(d.dGain, of: gain) { dot(g, y(x, $0, shift)) }
        expectGradient(d.dShift, of: shift) { dot(g, y(x, gain, $0)) }
    }

    @Test(
        "max pool of several kernels, strides and paddings",
        arguments: [(3, 2, 1), (2, 2, 0), (3, 1, 1), (5, 3, 2), (1, 2, 0)])
    func maxPool(kernel: Int, stride: Int, padding: Int) {
        let window = WindowGeometry(height: 7, width: 6, kernel: kernel, stride: stride, padding: padding)
        let x = numbers(2 * 7 * 6 * 2, seed: 10)
        let g = numbers(2 * window.outputHeight * window.outputWidth * 2, seed: 11)
        expectGradient(Plain.maxPoolBackward(g, x, channels: 2, window), of: x) {
            dot(g, Plain.maxPool($0, channels: 2, window))
        }
    }

    @Test("of equals, the first one in a window gets the gradient, and a border is never the largest")
    func ties() {
        let window = WindowGeometry(height: 2, width: 2, kernel: 3, stride: 2, padding: 1)
        #expect(Plain.maxPool([-5, -5, -5, -6], channels: 1, window) == [-5])
        #expect(Plain.maxPoolBackward([2], [-5, -5, -5, -6], channels: 1, window) == [2, 0, 0, 0])
    }

    @Test("rectification")
    func rectify() {
        let (x, g) = (numbers(30, seed: 12), numbers(30, seed: 13))
        expectGradient(Plain.rectifyBackward(g, x), of: x) { dot(g, Plain.rectify($0)) }
    }
}
