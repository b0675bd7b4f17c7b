import Foundation
import Neural
import TestSupport
import Testing

/// Tensors and a description that `scripts/make_golden.py` wrote.
struct GoldenFile<Description: Decodable> {
    let description: Description
    private let tensors: Safetensors

    init(_ name: String) throws {
        func data(_ file: String) throws -> Data {
            try Data(contentsOf: #require(Bundle.module.url(forResource: "Golden/\(file)", withExtension: nil)))
        }
        description = try JSONDecoder().decode(Description.self, from: data("\(name).json"))
        tensors = try Safetensors(data("\(name).safetensors"), name: name)
    }

    func read(_ layout: ParameterLayout, prefix: String = "") throws -> FloatBuffer {
        let buffer = FloatBuffer(layout.count)
        try tensors.read(layout, prefix: prefix, into: buffer)
        return buffer
    }

    /// The numbers of one tensor.
    func callAsFunction(_ name: String) throws -> [Float] {
        let shape = try #require(tensors.shape(of: name), "\(name) is missing")
        var layout = ParameterLayout()
        _ = layout.add("", shape)
        return Array(try read(layout, prefix: name).values.prefix(shape.reduce(1, *)))
    }

    func shape(_ name: String) throws -> [Int] { try #require(tensors.shape(of: name), "\(name) is missing") }
}

/// Outputs agree with PyTorch's within 1e-5 (of 1 or of the largest).
func expectOutputs(
    _ found: [Float], _ expected: [Float], _ name: String = "", sourceLocation: SourceLocation = #_sourceLocation
) {
    expectWithin(found, expected, 1e-5 * max(1, largest(expected)), name, sourceLocation)
}

/// Gradients agree with PyTorch's within 1e-4 of the tensor's largest.
func expectGradients(
    _ found: [Float], _ expected: [Float], _ name: String = "", sourceLocation: SourceLocation = #_sourceLocation
) {
    expectWithin(found, expected, 1e-4 * largest(expected) + 1e-7, name, sourceLocation)
}

private func largest(_ x: [Float]) -> Float { x.reduce(0) { max($0, abs($1)) } }

private func expectWithin(
    _ found: [Float], _ expected: [Float], _ bound: Float, _ name: String, _ sourceLocation: SourceLocation
) {
    let worst = largestDifference(found, expected)
    #expect(worst <= bound, "\(name): largest difference \(worst), bound \(bound)", sourceLocation: sourceLocation)
}
