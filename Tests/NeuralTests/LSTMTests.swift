import Neural
import NeuralReference
import Testing

/// An LSTM with random parameters and inputs, run forward and backward on the fast path.
private final class LSTMRun {
    let layout: LSTMLayout
    let tensors: ParameterLayout
    let steps: Int
    let sequences: Int
    let parameters: FloatBuffer
    let gradients: FloatBuffer
    let x: FloatBuffer
    let dy: FloatBuffer
    let (hidden, cells, dFinalHidden, dFinalCells): (FloatBuffer, FloatBuffer, FloatBuffer, FloatBuffer)
    let (finalHidden, finalCells, dHidden, dCells): (FloatBuffer, FloatBuffer, FloatBuffer, FloatBuffer)
    let dx: FloatBuffer
    var output: [Float] = []

    init(inputs: Int, units: Int, layers: Int, steps: Int, sequences: Int) {
        var tensors = ParameterLayout()
        layout = LSTMLayout(inputs: inputs, units: units, layers: layers, addingTo: &tensors)
        self.tensors = tensors
        self.steps = steps
        self.sequences = sequences
        func random(_ count: Int, _ seed: UInt32) -> FloatBuffer { buffer(floats(numbers(count, seed: seed))) }
        parameters = buffer(floats(numbers(tensors.count, seed: 40, scale: 0.4)))
        gradients = FloatBuffer(tensors.count)
        x = random(steps * sequences * inputs, 41)
        dy = random(steps * sequences * units, 42)
        let state = layers * sequences * units
        (hidden, cells, dFinalHidden, dFinalCells) = (
            random(state, 43), random(state, 44), random(state, 45), random(state, 46)
        )
        (finalHidden, finalCells, dHidden, dCells) = (
            FloatBuffer(state), FloatBuffer(state), FloatBuffer(state), FloatBuffer(state)
        )
        dx = FloatBuffer(x.count)
    }

    func run(dropout: Dropout = .none, arena given: LSTMArena? = nil, weights: LSTMWeights? = nil) {
        let lstm = LSTM(layout)
        let arena = given ?? LSTMArena(layout, steps: steps, sequences: sequences)
        lstm.forward(
            parameters.start, x.start, steps: steps, sequences: sequences,
            initial: LSTM.State(hidden: hidden.start, cells: cells.start), arena: arena, dropout: dropout,
            weights: weights)
        let out = lstm.output(arena, sequences: sequences)
        output = Array(UnsafeBufferPointer(start: out, count: dy.count))
        lstm.copyFinalState(
            arena, steps: steps, sequences: sequences,
            into: LSTM.State(hidden: finalHidden.start, cells: finalCells.start))
        lstm.outputGradient(arena).update(from: dy.start, count: dy.count)
        lstm.backward(
            parameters.start, gradients: gradients.start, x.start, steps: steps, sequences: sequences, arena: arena,
            finalGradient: LSTM.State(hidden: dFinalHidden.start, cells: dFinalCells.start), inputGradient: dx.start,
            initialGradient: LSTM.State(hidden: dHidden.start, cells: dCells.start), dropout: dropout,
            weights: weights)
    }

    func tensor(_ name: String, of buffer: FloatBuffer) -> [Float] {
        let tensor = tensors[name]
        return Array(buffer.values[(tensor?.offset ?? 0)...].prefix(tensor?.count ?? 0))
    }

    func layer(_ index: Int, of buffer: FloatBuffer) -> Reference<Float>.LSTMLayer {
        Reference<Float>.LSTMLayer(
            inputWeight: tensor("weight_ih_l\(index)", of: buffer),
            hiddenWeight: tensor("weight_hh_l\(index)", of: buffer),
            inputBias: tensor("bias_ih_l\(index)", of: buffer), hiddenBias: tensor("bias_hh_l\(index)", of: buffer))
    }

    /// Layer `index`'s part of states (L, B, H).
    func state(_ index: Int, _ hidden: FloatBuffer, _ cells: FloatBuffer) -> Reference<Float>.LSTMState {
        let count = sequences * layout.units
        let range = (index * count)..<((index + 1) * count)
        return Reference<Float>.LSTMState(hidden: Array(hidden.values[range]), cells: Array(cells.values[range]))
    }

    /// The factors (T, B, H) of the dropout behind layer `index`.
    func mask(_ index: Int, _ dropout: Dropout) -> [Float] {
        let units = layout.units
        var mask = [Float](repeating: 0, count: steps * sequences * units)
        for sequence in 0..<sequences {
            var ones = [Float](repeating: 1, count: steps * units)
            dropout.offset(site: UInt32(index), sequence: UInt32(sequence))
                .apply(&ones, rows: steps, width: units, stride: units)
            for step in 0..<steps {
                for k in 0..<units { mask[(step * sequences + sequence) * units + k] = ones[step * units + k] }
            }
        }
        return mask
    }
}

@Suite("Long short-term memory")
struct LSTMTests {
    typealias Plain = Reference<Float>

    @Test("the plain layer against finite differences in Double, the initial and the final state among them")
    func differences() {
        typealias Slow = Reference<Double>
        let (steps, sequences, inputs, units) = (4, 2, 3, 3)
        let x = numbers(steps * sequences * inputs, seed: 1)
        let layer = Slow.LSTMLayer(
            inputWeight: numbers(4 * units * inputs, seed: 2), hiddenWeight: numbers(4 * units * units, seed: 3),
            inputBias: numbers(4 * units, seed: 4), hiddenBias: numbers(4 * units, seed: 5))
        let width = sequences * units
        let initial = Slow.LSTMState(hidden: numbers(width, seed: 6), cells: numbers(width, seed: 7))
        let final = Slow.LSTMState(hidden: numbers(width, seed: 8), cells: numbers(width, seed: 9))
        let dy = numbers(steps * width, seed: 10)
        func loss(_ x: [Double], _ layer: Slow.LSTMLayer, _ initial: Slow.LSTMState) -> Double {
            let trace = Slow.lstm(x, layer, initial: initial)
            return dot(dy, trace.output) + dot(final.hidden, trace.final.hidden) + dot(final.cells, trace.final.cells)
        }
        let g = Slow.lstmBackward(dy, x, layer, Slow.lstm(x, layer, initial: initial), final: final)
        expectGradient(g.x, of: x) { loss($0, layer, initial) }
        let paths: [WritableKeyPath<Slow.LSTMLayer, [Double]>] = [
            \.inputWeight, \.hiddenWeight, \.inputBias, \.hiddenBias,
        ]
        for path in paths {
            expectGradient(g.layer[keyPath: path], of: layer[keyPath: path]) {
                var other = layer
                other[keyPath: path] = $0
                return loss(x, other, initial)
            }
        }
        for path in [\Slow.LSTMState.hidden, \Slow.LSTMState.cells] {
            expectGradient(g.initial[keyPath: path], of: initial[keyPath: path]) {
                var other = initial
                other[keyPath: path] = $0
                return loss(x, layer, other)
            }
        }
    }

    struct Shape: Sendable, CustomTestStringConvertible {
        var inputs: Int
        var units: Int
        var layers: Int
        var steps: Int
        var sequences: Int
        var probability = 0.0
        var testDescription: String {
            "\(inputs) inputs, \(layers) layers of \(units), \(steps) steps of \(sequences), dropout \(probability)"
        }
        static let all = [
            Shape(inputs: 3, units: 5, layers: 1, steps: 7, sequences: 2),
            Shape(inputs: 8, units: 16, layers: 2, steps: 5, sequences: 7),
            Shape(inputs: 4, units: 80, layers: 1, steps: 3, sequences: 9),
            Shape(inputs: 6, units: 48, layers: 3, steps: 4, sequences: 3, probability: 0.3),
            Shape(inputs: 2, units: 21, layers: 2, steps: 1, sequences: 1, probability: 0.5),
        ]
    }

    @Test("output, state and gradients are those of the plain layer", arguments: Shape.all)
    func reference(shape: Shape) {
        let dropout = Dropout(probability: shape.probability, key: (7, 8), site: 20, sequence: 5, step: 3)
        let run = LSTMRun(
            inputs: shape.inputs, units: shape.units, layers: shape.layers, steps: shape.steps,
            sequences: shape.sequences)
        run.run(dropout: dropout)
        var input = run.x.values
        var (inputs, traces): ([[Float]], [Plain.LSTMTrace]) = ([], [])
        for index in 0..<shape.layers {
            inputs.append(input)
            let trace = Plain.lstm(
                input, run.layer(index, of: run.parameters), initial: run.state(index, run.hidden, run.cells))
            traces.append(trace)
            let final = run.state(index, run.finalHidden, run.finalCells)
            expectClose(final.hidden, trace.final.hidden)
            expectClose(final.cells, trace.final.cells)
            input = index < shape.layers - 1 ? Plain.dropout(trace.output, mask: run.mask(index, dropout)) : []
        }
        expectClose(run.output, traces[shape.layers - 1].output)
        var above = run.dy.values
        for index in (0..<shape.layers).reversed() {
            let g = Plain.lstmBackward(
                above, inputs[index], run.layer(index, of: run.parameters), traces[index],
                final: run.state(index, run.dFinalHidden, run.dFinalCells))
            let found = run.layer(index, of: run.gradients)
            expectClose(found.inputWeight, g.layer.inputWeight)
            expectClose(found.hiddenWeight, g.layer.hiddenWeight)
            expectClose(found.inputBias, g.layer.inputBias)
            expectClose(found.hiddenBias, g.layer.hiddenBias)
            let initial = run.state(index, run.dHidden, run.dCells)
            expectClose(initial.hidden, g.initial.hidden)
            expectClose(initial.cells, g.initial.cells)
            above = index > 0 ? Plain.dropout(g.x, mask: run.mask(index - 1, dropout)) : g.x
        }
        expectClose(run.dx.values, above)
    }

    @Test("an arena that is larger than needed, and used before, gives the same bits")
    func arena() {
        let (one, other) = (
            LSTMRun(inputs: 5, units: 16, layers: 2, steps: 6, sequences: 3),
            LSTMRun(inputs: 5, units: 16, layers: 2, steps: 6, sequences: 3)
        )
        let dropout = Dropout(probability: 0.4, key: (1, 2), site: 0, sequence: 0, step: 1)
        one.run(dropout: dropout)
        let arena = LSTMArena(one.layout, steps: 9, sequences: 8)
        LSTMRun(inputs: 5, units: 16, layers: 2, steps: 9, sequences: 8).run(arena: arena)
        other.run(dropout: dropout, arena: arena)
        #expect(one.output == other.output)
        #expect(one.gradients.values == other.gradients.values)
        #expect(one.dx.values == other.dx.values)
    }

    @Test("a batch cut between sequences has the same dropout, outputs and summed gradients")
    func cut() {
        let whole = LSTMRun(inputs: 5, units: 16, layers: 2, steps: 6, sequences: 5)
        let dropout = Dropout(probability: 0.4, key: (1, 2), site: 0, sequence: 0, step: 1)
        whole.run(dropout: dropout)
        var sum = [Float](repeating: 0, count: whole.gradients.count)
        for part in [0..<2, 2..<5] {
            let run = LSTMRun(inputs: 5, units: 16, layers: 2, steps: 6, sequences: part.count)
            func copy(_ from: FloatBuffer, _ to: FloatBuffer, groups: Int) {
                let width = from.count / groups / 5
                for group in 0..<groups {
                    (to.start + group * part.count * width)
                        .update(from: from.start + (group * 5 + part.lowerBound) * width, count: part.count * width)
                }
            }
            copy(whole.x, run.x, groups: 6)
            copy(whole.dy, run.dy, groups: 6)
            copy(whole.hidden, run.hidden, groups: 2)
            copy(whole.cells, run.cells, groups: 2)
            copy(whole.dFinalHidden, run.dFinalHidden, groups: 2)
            copy(whole.dFinalCells, run.dFinalCells, groups: 2)
            run.run(dropout: dropout.offset(site: 0, sequence: UInt32(part.lowerBound)))
            for (index, value) in run.gradients.values.enumerated() { sum[index] += value }
            let expected = FloatBuffer(run.x.count)
            copy(whole.dx, expected, groups: 6)
            expectClose(run.dx.values, expected.values)
            let output = FloatBuffer(run.dy.count)
            copy(buffer(whole.output), output, groups: 6)
            expectClose(run.output, output.values, tolerance: 1e-6)
        }
        expectClose(sum, whole.gradients.values)
    }

    @Test("two halves with the state carried over give what the whole gives")
    func carried() {
        let whole = LSTMRun(inputs: 5, units: 16, layers: 2, steps: 8, sequences: 3)
        whole.run()
        let half = LSTMRun(inputs: 5, units: 16, layers: 2, steps: 4, sequences: 3)
        for part in 0..<2 {
            half.x.start.update(from: whole.x.start + part * half.x.count, count: half.x.count)
            if part == 1 {
                half.hidden.copy(from: half.finalHidden)
                half.cells.copy(from: half.finalCells)
            }
            half.run()
            let expected = Array(whole.output[(part * half.dy.count)...].prefix(half.dy.count))
            expectClose(half.output, expected, tolerance: 1e-6)
        }
        expectClose(half.finalCells.values, whole.finalCells.values, tolerance: 1e-6)
    }

    @Test(
        "a step at a time gives the bits of a whole pass, whatever the number of sequences",
        arguments: [1, 5, 6, 7, 13])
    func steps(sequences: Int) {
        for units in [16, 21] {
            let run = LSTMRun(inputs: 5, units: units, layers: 2, steps: 4, sequences: 13)
            run.run()
            let weights = LSTMWeights(run.layout, training: false)
            weights.pack(run.parameters.start)
            // The first of the 13 sequences; states are (layers, sequences, units).
            let width = sequences * units
            let (hidden, cells, scratch) = (FloatBuffer(2 * width), FloatBuffer(2 * width), FloatBuffer(width))
            for layer in 0..<2 {
                (hidden.start + layer * width).update(from: run.hidden.start + layer * 13 * units, count: width)
                (cells.start + layer * width).update(from: run.cells.start + layer * 13 * units, count: width)
            }
            for step in 0..<4 {
                let given = LSTM(run.layout).step(
                    weights, run.x.start + step * 13 * 5, sequences: sequences,
                    state: LSTM.State(hidden: hidden.start, cells: cells.start), scratch: scratch.start)
                #expect(
                    Array(UnsafeBufferPointer(start: given, count: width))
                        == Array(run.output[(step * 13 * units)...].prefix(width)))
            }
        }
    }

    @Test("weights that are packed by several and shared give the bits of an arena's own")
    func shared() {
        let (one, other) = (
            LSTMRun(inputs: 5, units: 80, layers: 2, steps: 6, sequences: 3),
            LSTMRun(inputs: 5, units: 80, layers: 2, steps: 6, sequences: 3)
        )
        one.run()
        let weights = LSTMWeights(other.layout, training: true)
        for worker in 0..<3 { weights.pack(other.parameters.start, first: worker, step: 3) }
        other.run(
            arena: LSTMArena(other.layout, steps: 6, sequences: 3, packsWeights: false), weights: weights)
        #expect(one.output == other.output)
        #expect(one.gradients.values == other.gradients.values)
        #expect(one.dx.values == other.dx.values)
    }

    struct GoldenShapes: Decodable {
        struct Shape: Decodable {
            let inputs: Int
            let units: Int
            let layers: Int
            let steps: Int
            let sequences: Int
        }
        let shapes: [Shape]
    }

    @Test("output, state and all gradients against PyTorch", arguments: 0..<3)
    func golden(index: Int) throws {
        let golden = try GoldenFile<GoldenShapes>("lstm")
        let shape = golden.description.shapes[index]
        let run = LSTMRun(
            inputs: shape.inputs, units: shape.units, layers: shape.layers, steps: shape.steps,
            sequences: shape.sequences)
        run.parameters.copy(from: try golden.read(run.tensors, prefix: "\(index).parameters."))
        for (target, name) in [
            (run.x, "x"), (run.hidden, "h0"), (run.cells, "c0"), (run.dy, "dy"), (run.dFinalHidden, "dhn"),
            (run.dFinalCells, "dcn"),
        ] { target.copy(from: buffer(try golden("\(index).\(name)"))) }
        run.run()
        expectOutputs(run.output, try golden("\(index).y"))
        expectOutputs(run.finalHidden.values, try golden("\(index).hn"))
        expectOutputs(run.finalCells.values, try golden("\(index).cn"))
        expectGradients(run.dx.values, try golden("\(index).dx"))
        expectGradients(run.dHidden.values, try golden("\(index).dh0"))
        expectGradients(run.dCells.values, try golden("\(index).dc0"))
        let expected = try golden.read(run.tensors, prefix: "\(index).gradients.")
        for tensor in run.tensors.tensors {
            expectGradients(
                run.tensor(tensor.name, of: run.gradients), run.tensor(tensor.name, of: expected), tensor.name)
        }
    }
}

@Suite("The recurrent model against PyTorch")
struct LSTMModelTests {
    struct Description: Decodable {
        let settings: LSTMModel.Settings
        let steps: Int
        let sequences: Int
        let rate: Double
        let beta1: Double
        let beta2: Double
        let epsilon: Double
        let clip: Double
        let smoothing: Float
        let tokens: [Int32]
        let targets: [Int32]
        let losses: [Double]
        let norms: [Double]
    }

    @Test("logits, gradients, and the losses of ten clipped steps of Adam")
    func golden() throws {
        let golden = try GoldenFile<Description>("lstm-model")
        let d = golden.description
        let model = LSTMModel(d.settings, steps: d.steps, sequences: d.sequences)
        model.parameters.copy(from: try golden.read(model.layout, prefix: "parameters."))
        let adam = Adam(beta1: d.beta1, beta2: d.beta2, epsilon: d.epsilon)
        let (rows, count) = (d.tokens.count, model.layout.count)
        let (first, second) = (FloatBuffer(count), FloatBuffer(count))
        for (step, loss) in d.losses.enumerated() {
            model.forward(d.tokens, steps: d.steps, sequences: d.sequences)
            let logits = Array(UnsafeBufferPointer(start: model.logits, count: rows * d.settings.classes))
            let sums = CrossEntropy.forwardBackward(
                model.logits, targets: d.targets, taught: [UInt8](repeating: 1, count: rows), rows: rows,
                classes: d.settings.classes, smoothing: d.smoothing, scale: 1 / Float(rows))
            #expect(abs(sums.objective / Double(rows) - loss) < 1e-4, "step \(step)")
            model.backward(d.tokens, steps: d.steps, sequences: d.sequences)
            if step == 0 {
                expectOutputs(logits, try golden("logits"))
                let expected = try golden.read(model.layout, prefix: "gradients.")
                for tensor in model.layout.tensors {
                    let range = tensor.offset..<(tensor.offset + tensor.count)
                    expectGradients(
                        Array(model.gradients.values[range]), Array(expected.values[range]), tensor.name)
                }
            }
            let size = norm(of: model.gradients)
            #expect(abs(size - d.norms[step]) < 1e-3 * size, "step \(step)")
            adam.update(
                model.parameters, gradient: model.gradients, first: first, second: second, range: 0..<count,
                step: step + 1, rate: d.rate, gradientScale: Adam.clipScale(norm: size, limit: d.clip))
        }
    }
}
