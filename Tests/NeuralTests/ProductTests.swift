import Neural
import NeuralReference
import Testing

@Suite("Products and the MLP made of them")
struct ProductTests {
    typealias Plain = Reference<Float>

    /// (rows, columns) = a b by the definition, summed in Double.
    func product(_ a: [Float], _ b: [Float], rows: Int, columns: Int, depth: Int) -> [Float] {
        (0..<rows).flatMap { row in
            (0..<columns).map { column in
                Float(
                    (0..<depth).reduce(0) { $0 + Double(a[row * depth + $1]) * Double(b[$1 * columns + column]) })
            }
        }
    }

    func transposed(_ x: [Float], columns: Int) -> [Float] {
        (0..<columns).flatMap { column in stride(from: column, to: x.count, by: columns).map { x[$0] } }
    }

    /// Blocks of 64, 16 and fewer columns, blocks of six rows and fewer, and right-hand sides that are copied together.
    static let shapes = [(1, 64, 64), (7, 192, 64), (100, 64, 100), (13, 40, 24), (3, 5, 9), (50, 200, 300)]

    @Test("every shape gives the sums of the definition", arguments: shapes)
    func definition(rows: Int, columns: Int, depth: Int) {
        let (a, b) = (floats(numbers(rows * depth, seed: 1)), floats(numbers(depth * columns, seed: 2)))
        let start = floats(numbers(rows * columns, seed: 3))
        let expected = product(a, b, rows: rows, columns: columns, depth: depth)
        var c = start
        Product.plain(
            a, stride: depth, b, stride: columns, into: &c, stride: columns, rows: rows, columns: columns, depth: depth)
        expectClose(c, expected)
        c = start
        Product.plain(
            a, stride: depth, b, stride: columns, into: &c, stride: columns, rows: rows, columns: columns, depth: depth,
            accumulate: true)
        expectClose(c, zip(start, expected).map { $0 + $1 })
        c = start
        var across = [Float](repeating: 0, count: a.count)
        Product.transpose(a, into: &across, rows: rows, columns: depth)
        #expect(across == transposed(a, columns: depth))
        Product.transposed(
            across, stride: rows, b, stride: columns, addingTo: &c, stride: columns, rows: rows, columns: columns,
            depth: depth)
        expectClose(c, zip(start, expected).map { $0 + $1 })
    }

    @Test("a row has the same bits alone and among others", arguments: shapes)
    func rows(rows: Int, columns: Int, depth: Int) {
        let (a, b) = (floats(numbers(rows * depth, seed: 4)), floats(numbers(depth * columns, seed: 5)))
        var together = [Float](repeating: 0, count: rows * columns)
        Product.plain(
            a, stride: depth, b, stride: columns, into: &together, stride: columns, rows: rows, columns: columns,
            depth: depth)
        for row in 0..<rows {
            var alone = [Float](repeating: 0, count: columns)
            Product.plain(
                Array(a[(row * depth)..<((row + 1) * depth)]), stride: depth, b, stride: columns, into: &alone,
                stride: columns, rows: 1, columns: columns, depth: depth)
            #expect(alone == Array(together[(row * columns)..<((row + 1) * columns)]))
        }
    }

    @Test("the MLP, forward and backward, with whole and partial panels", arguments: [(9, 16, 128), (5, 24, 100)])
    func feedForward(rows: Int, d: Int, f: Int) {
        let (x, w1, b1) = (
            floats(numbers(rows * d, seed: 6)), floats(numbers(f * d, seed: 7)), floats(numbers(f, seed: 8))
        )
        let (w2, dy) = (floats(numbers(d * f, seed: 9)), floats(numbers(rows * d, seed: 10)))
        let layer = FeedForward(dimension: d, hidden: f)
        let weights = (0..<3).map { _ in FloatBuffer(d * f) }
        defer { withExtendedLifetime(weights) {} }
        let packed = FeedForward.Packed(
            firstPanels: weights[0].start, secondTransposed: weights[1].start, secondPanels: weights[2].start)
        layer.pack(w1, w2, into: packed)
        var (kept, y) = ([Float](repeating: 0, count: rows * f), [Float](repeating: 0, count: rows * d))
        var (activated, gradient) = (
            [Float](repeating: 0, count: rows * 64), [Float](repeating: 0, count: rows * 64)
        )
        layer.forward(x, packed, bias: b1, kept: &kept, activated: &activated, into: &y, rows: rows)
        let units = Plain.linear(x, w1, b1, inputs: d)
        let zero = [Float](repeating: 0, count: d)
        expectClose(y, Plain.linear(Plain.gelu(units), w2, zero, inputs: f))
        var withoutKeeping = y
        layer.forward(x, packed, bias: b1, kept: nil, activated: &activated, into: &withoutKeeping, rows: rows)
        #expect(withoutKeeping == y)

        var dx = x
        var (dW1, dB1, dW2) = (w1, b1, w2)
        layer.backward(
            dy, x: x, w1: w1, packed, kept: kept, activated: &activated, gradient: &gradient, dW1: &dW1, dBias: &dB1,
            dW2: &dW2, addingTo: &dx, rows: rows)
        let second = Plain.linearBackward(dy, Plain.gelu(units), w2, inputs: f)
        let first = Plain.linearBackward(Plain.geluBackward(second.dx, units), x, w1, inputs: d)
        func added(_ start: [Float], _ gradient: [Float]) -> [Float] { zip(start, gradient).map { $0 + $1 } }
        expectClose(dx, added(x, first.dx))
        expectClose(dW1, added(w1, first.dWeight))
        expectClose(dB1, added(b1, first.dBias))
        expectClose(dW2, added(w2, second.dWeight))
    }
}
