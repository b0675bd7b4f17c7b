import CKernels
import Experience
import Neural
import NeuralReference
import Testing

/// Random queries, keys and values of two heads, run through the fast path; the heads lie side by side as in a model.
private final class AttentionRun {
    let attention: CausalAttention
    let dropout: Dropout
    let heads = 2
    /// (T, 3D) before the bias, and its bias (3D).
    var qkv: [Float]
    let bias: [Float]
    let dout: [Float]
    private(set) var out: [Float] = []
    private(set) var dqkv: [Float] = []
    private(set) var weights: [[Float]] = []

    init(tokens: Int, width: Int, probability: Double = 0, sight: AttentionSight = AttentionSight(), seed: UInt32 = 0) {
        let d = heads * width
        attention = CausalAttention(tokens: tokens, dimension: d, headDimension: width, sight: sight)
        dropout = Dropout(probability: probability, key: (11, 22), site: 3, sequence: 4, step: 5)
        qkv = floats(numbers(tokens * 3 * d, seed: 10 + seed))
        bias = floats(numbers(3 * d, seed: 11 + seed))
        dout = floats(numbers(tokens * d, seed: 12 + seed))
    }

    func run() {
        let (tokens, d, width) = (attention.tokens, attention.dimension, attention.headDimension)
        let (biased, bias, dout) = (buffer(qkv), buffer(bias), buffer(dout))
        let out = buffer([Float](repeating: .nan, count: tokens * d))
        let dqkv = buffer([Float](repeating: .nan, count: tokens * 3 * d))
        weights = (0..<heads).map { _ in [Float](repeating: .nan, count: attention.weightsCount) }
        for head in 0..<heads {
            let column = head * width
            var scratch = [Float](repeating: .nan, count: attention.scratchCount)
            attention.forward(
                biased.start + column, bias: bias.start + column, into: out.start + column, weights: &weights[head],
                scratch: &scratch, dropout: dropout)
            for index in scratch.indices { scratch[index] = .nan }
            attention.backward(
                dout.start + column, qkv: biased.start + column, weights: weights[head], into: dqkv.start + column,
                scratch: &scratch, dropout: dropout)
        }
        self.out = out.values
        self.dqkv = dqkv.values
    }

    /// A head's columns of a matrix with `parts` parts of D columns.
    func columns(_ matrix: [Float], part: Int = 0, of parts: Int, head: Int) -> [Float] {
        let (d, width) = (attention.dimension, attention.headDimension)
        return (0..<attention.tokens).flatMap { row in
            (0..<width).map { matrix[row * parts * d + part * d + head * width + $0] }
        }
    }

    var biased: [Float] { qkv.indices.map { qkv[$0] + bias[$0 % bias.count] } }

    /// The factors of a head's weights (T, T) that its dropout left.
    func factors(head: Int) -> [Float] {
        let tokens = attention.tokens
        let stride = (tokens + 15) / 16 * 16
        var factors = [Float](repeating: 0, count: tokens * tokens)
        for i in 0..<tokens {
            for j in attention.sight.keys(of: i) {
                let dropped = weights[head][i * stride + j].sign == .minus
                factors[i * tokens + j] = dropped ? 0 : dropout.code.scale
            }
        }
        return factors
    }
}

@Suite("Causal self-attention")
struct AttentionTests {
    typealias Plain = Reference<Float>

    struct Shape: Sendable, CustomTestStringConvertible {
        var tokens: Int
        var width: Int
        var probability = 0.0
        var sight = AttentionSight()
        var testDescription: String {
            "\(tokens) tokens of \(width), dropout \(probability), padded \(sight.padded), window \(sight.window)"
        }
        static let all = [
            Shape(tokens: 100, width: 16, probability: 0.5), Shape(tokens: 1, width: 16), Shape(tokens: 17, width: 16),
            Shape(tokens: 37, width: 5, probability: 0.3), Shape(tokens: 64, width: 40, probability: 0.1),
            Shape(tokens: 150, width: 24, probability: 0.5), Shape(tokens: 300, width: 16),
            Shape(tokens: 37, width: 16, probability: 0.5, sight: AttentionSight(padded: 11)),
            Shape(tokens: 37, width: 16, sight: AttentionSight(padded: 37)),
            Shape(tokens: 21, width: 16, sight: AttentionSight(padded: 40)),
            Shape(tokens: 60, width: 16, probability: 0.5, sight: AttentionSight(window: 1)),
            Shape(tokens: 150, width: 16, probability: 0.3, sight: AttentionSight(window: 7)),
            Shape(tokens: 150, width: 20, probability: 0.3, sight: AttentionSight(window: 64)),
            Shape(tokens: 33, width: 16, sight: AttentionSight(window: 33)),
            Shape(tokens: 130, width: 16, probability: 0.5, sight: AttentionSight(padded: 45, window: 30)),
        ]
    }

    @Test("output and gradients are those of the plain layer", arguments: Shape.all)
    func reference(shape: Shape) {
        let run = AttentionRun(
            tokens: shape.tokens, width: shape.width, probability: shape.probability, sight: shape.sight)
        run.run()
        for head in 0..<run.heads {
            let (q, k) = (
                run.columns(run.biased, of: 3, head: head), run.columns(run.biased, part: 1, of: 3, head: head)
            )
            let v = run.columns(run.biased, part: 2, of: 3, head: head)
            let factors = run.factors(head: head)
            expectClose(
                run.columns(run.out, of: 1, head: head),
                Plain.attention(q, k, v, d: shape.width, mask: factors, sight: shape.sight))
            let expected = Plain.attentionBackward(
                run.columns(run.dout, of: 1, head: head), q, k, v, d: shape.width, mask: factors, sight: shape.sight)
            expectClose(run.columns(run.dqkv, of: 3, head: head), expected.dq)
            expectClose(run.columns(run.dqkv, part: 1, of: 3, head: head), expected.dk)
            expectClose(run.columns(run.dqkv, part: 2, of: 3, head: head), expected.dv)
        }
    }

    @Test("a dropout drops its share of the weights, the same ones whatever a query sees", arguments: [0.1, 0.5])
    func dropout(probability: Double) {
        let all = AttentionRun(tokens: 150, width: 16, probability: probability)
        all.run()
        let factors = all.factors(head: 0)
        let dropped = Double(factors.count { $0 == 0 } - 150 * 149 / 2) / Double(150 * 151 / 2)
        #expect(abs(dropped - probability) < 0.02)
        for sight in [AttentionSight(padded: 45), AttentionSight(window: 30), AttentionSight(padded: 13, window: 5)] {
            let some = AttentionRun(tokens: 150, width: 16, probability: probability, sight: sight)
            some.run()
            let found = some.factors(head: 0)
            for i in 0..<150 {
                #expect(sight.keys(of: i).allSatisfy { found[i * 150 + $0] == factors[i * 150 + $0] }, "query \(i)")
            }
        }
    }

    @Test(
        "a token that a query may not see never changes a bit of its output",
        arguments: [
            AttentionSight(), AttentionSight(padded: 19), AttentionSight(window: 12),
            AttentionSight(padded: 9, window: 20),
        ])
    func unseen(sight: AttentionSight) {
        var generator = SystemRandomNumberGenerator()
        let seed = UInt32.random(in: 0..<1_000_000, using: &generator)
        let (tokens, width) = (70, 16)
        let run = AttentionRun(tokens: tokens, width: width, probability: 0.3, sight: sight, seed: seed)
        run.run()
        let before = run.out.map(\.bitPattern)
        let original = run.qkv
        let d = run.attention.dimension
        for token in stride(from: 0, to: tokens, by: 3) {
            run.qkv = original
            let change = floats(numbers(3 * d, seed: seed &+ UInt32(token), scale: 20))
            for column in 0..<(3 * d) { run.qkv[token * 3 * d + column] += change[column] }
            run.run()
            for query in 0..<tokens where query != token && !sight.keys(of: query).contains(token) {
                let row = (query * d)..<((query + 1) * d)
                #expect(
                    run.out[row].map(\.bitPattern) == Array(before[row]),
                    "token \(token) reached query \(query), seed \(seed)")
            }
            // What it may see does change it: the test would notice a kernel that ignores its input.
            if sight.keys(of: token).contains(token) {
                let row = (token * d)..<((token + 1) * d)
                #expect(run.out[row].map(\.bitPattern) != Array(before[row]), "token \(token), seed \(seed)")
            }
        }
    }

    @Test("one query against a cache gives the last row of whole attention")
    func query() {
        let (tokens, width) = (37, 16)
        let (q, k, v) = (
            floats(numbers(tokens * width, seed: 13)), floats(numbers(tokens * width, seed: 14)),
            floats(numbers(tokens * width, seed: 15))
        )
        var scores = [Float](repeating: 0, count: tokens)
        var out = [Float](repeating: 0, count: width)
        let last = Array(q[((tokens - 1) * width)...])
        ck_attention_query(last, k, v, tokens, width, width, &scores, &out)
        expectClose(out, Array(Plain.attention(q, k, v, d: width, mask: nil)[((tokens - 1) * width)...]))
    }
}
