import Experience
import Neural
import TestSupport
import Testing

/// Numbers from a normal-like distribution, the same for the same seed.
func numbers(_ count: Int, seed: UInt32, scale: Double = 1) -> [Double] {
    let generator = Philox(key0: seed, key1: 77)
    return (0..<count).map { index in
        let words = generator.block(UInt32(index), 0, 0, 0)
        let sum = Philox.unit(words.x) + Philox.unit(words.y) + Philox.unit(words.z) + Philox.unit(words.w)
        return (Double(sum) - 2) * 1.7 * scale
    }
}

/// Compares a gradient with central differences of `function` at every element of `x`.
func expectGradient(
    _ gradient: [Double], of x: [Double], _ function: ([Double]) -> Double,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    let step = 1e-5
    for index in x.indices {
        var above = x
        var below = x
        above[index] += step
        below[index] -= step
        let difference = (function(above) - function(below)) / (2 * step)
        #expect(
            abs(difference - gradient[index]) <= 1e-7 + 1e-6 * abs(difference),
            "element \(index): \(gradient[index]), by differences \(difference)", sourceLocation: sourceLocation)
    }
}

/// Compares two arrays, absolutely and relative to the largest element.
func expectClose(
    _ found: [Float], _ expected: [Float], tolerance: Float = 2e-5, sourceLocation: SourceLocation = #_sourceLocation
) {
    let largest = expected.reduce(0) { max($0, abs($1)) }
    let worst = largestDifference(found, expected)
    let bound = tolerance * (1 + largest)
    #expect(worst <= bound, "largest difference \(worst), bound \(bound)", sourceLocation: sourceLocation)
}

func floats(_ x: [Double]) -> [Float] { x.map { Float($0) } }

func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }

func buffer(_ x: [Float]) -> FloatBuffer {
    let buffer = FloatBuffer(x.count)
    for index in x.indices { buffer.start[index] = x[index] }
    return buffer
}
