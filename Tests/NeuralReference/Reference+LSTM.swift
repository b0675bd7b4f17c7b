// Long short-term memory, time-major: x (T, B, I), states (B, H). Gates in PyTorch's order: input, forget, cell,
// output.
extension Reference {
    /// Of one layer, or their gradients: input weight (4H, I), hidden weight (4H, H), two biases (4H).
    package struct LSTMLayer {
        /// From the input of the step; rows of the four gates one after the other.
        package var inputWeight: Array
        /// From the hidden units of the step before.
        package var hiddenWeight: Array
        /// Added together with `hiddenBias`; PyTorch has both.
        package var inputBias: Array
        package var hiddenBias: Array
        /// H
        package var units: Int { inputBias.count / 4 }
        /// I
        package var inputs: Int { inputWeight.count / inputBias.count }

        /// Sizes must agree; nothing checks them.
        package init(inputWeight: Array, hiddenWeight: Array, inputBias: Array, hiddenBias: Array) {
            self.inputWeight = inputWeight
            self.hiddenWeight = hiddenWeight
            self.inputBias = inputBias
            self.hiddenBias = hiddenBias
        }
    }

    /// Hidden units and cells, (B, H) each, or their gradients.
    package struct LSTMState {
        /// (B, H): what the layer gives out.
        package var hidden: Array
        /// (B, H): what the layer remembers.
        package var cells: Array

        /// Zeros of the right size begin a sequence.
        package init(hidden: Array, cells: Array) {
            self.hidden = hidden
            self.cells = cells
        }
    }

    /// What one layer computed: gates (T, B, 4H); cells and hidden (T + 1, B, H), the initial state first.
    package struct LSTMTrace {
        /// After their activation, as the backward pass needs them.
        package var gates: Array = []
        /// One more than there are steps, because the backward pass reads the cells before each step.
        package var cells: Array
        /// One more than there are steps, for the same reason.
        package var hidden: Array
        /// (T, B, H)
        package var output: Array = []
        /// Behind the last step: what the next piece of the sequence begins with.
        package var final: LSTMState
    }

    /// The activation of the input, forget and output gates.
    private static func sigmoid(_ x: Scalar) -> Scalar { 1 / (1 + .exponential(-x)) }

    /// One layer over all steps; several layers are as many calls.
    ///
    /// At each step: gates = W_ih x + b_ih + W_hh h + b_hh; c' = f c + i g; h' = o tanh(c').
    package static func lstm(_ x: Array, _ layer: LSTMLayer, initial: LSTMState) -> LSTMTrace {
        let (units, width) = (layer.units, initial.hidden.count)
        let (sequences, inputs) = (width / units, layer.inputs)
        var trace = LSTMTrace(cells: initial.cells, hidden: initial.hidden, final: initial)
        for step in 0..<(x.count / (sequences * inputs)) {
            let now = Array(x[(step * sequences * inputs)..<((step + 1) * sequences * inputs)])
            let fromInput = linear(now, layer.inputWeight, layer.inputBias, inputs: inputs)
            let fromHidden = linear(trace.final.hidden, layer.hiddenWeight, layer.hiddenBias, inputs: units)
            var next = trace.final
            for row in 0..<sequences {
                let sums = (0..<(4 * units)).map { fromInput[row * 4 * units + $0] + fromHidden[row * 4 * units + $0] }
                let gates = sums.indices.map {
                    $0 / units == 2 ? Scalar.hyperbolicTangent(sums[$0]) : sigmoid(sums[$0])
                }
                for k in 0..<units {
                    let cell = gates[units + k] * next.cells[row * units + k] + gates[k] * gates[2 * units + k]
                    next.cells[row * units + k] = cell
                    next.hidden[row * units + k] = gates[3 * units + k] * .hyperbolicTangent(cell)
                }
                trace.gates += gates
            }
            trace.final = next
            trace.cells += next.cells
            trace.hidden += next.hidden
        }
        trace.output = Array(trace.hidden[width...])
        return trace
    }

    /// What `lstmBackward` returns, each in the shape of what it belongs to.
    package struct LSTMGradients {
        /// (T, B, I)
        package var x: Array
        /// Of the four parameter tensors.
        package var layer: LSTMLayer
        /// Of the state before the first step.
        package var initial: LSTMState
    }

    /// Through time from the last step to the first. `dy` (T, B, H): gradient of the output; `final`: of the state
    /// behind the last step.
    ///
    /// Derivatives are taken by hand from the formulas of `lstm`, gate by gate. `total.initial` carries the state's
    /// gradient from step to step, and is that of the initial state at the end.
    package static func lstmBackward(
        _ dy: Array, _ x: Array, _ layer: LSTMLayer, _ trace: LSTMTrace, final: LSTMState
    ) -> LSTMGradients {
        let (units, width) = (layer.units, final.hidden.count)
        let (sequences, inputs) = (width / units, layer.inputs)
        func zeros(_ like: Array) -> Array { Array(repeating: 0, count: like.count) }
        var total = LSTMGradients(
            x: zeros(x),
            layer: LSTMLayer(
                inputWeight: zeros(layer.inputWeight), hiddenWeight: zeros(layer.hiddenWeight),
                inputBias: zeros(layer.inputBias), hiddenBias: zeros(layer.hiddenBias)), initial: final)
        for step in (0..<(dy.count / width)).reversed() {
            var dSums = Array(repeating: 0, count: 4 * width)
            for row in 0..<sequences {
                for k in 0..<units {
                    let (state, gate) = (row * units + k, (step * sequences + row) * 4 * units + k)
                    let (i, f) = (trace.gates[gate], trace.gates[gate + units])
                    let (g, o) = (trace.gates[gate + 2 * units], trace.gates[gate + 3 * units])
                    let bent = Scalar.hyperbolicTangent(trace.cells[(step + 1) * width + state])
                    let dh = dy[step * width + state] + total.initial.hidden[state]
                    let dc = total.initial.cells[state] + dh * o * (1 - bent * bent)
                    let sum = row * 4 * units + k
                    dSums[sum] = dc * g * i * (1 - i)
                    dSums[sum + units] = dc * trace.cells[step * width + state] * f * (1 - f)
                    dSums[sum + 2 * units] = dc * i * (1 - g * g)
                    dSums[sum + 3 * units] = dh * bent * o * (1 - o)
                    total.initial.cells[state] = dc * f
                }
            }
            let range = (step * sequences * inputs)..<((step + 1) * sequences * inputs)
            let fromInput = linearBackward(dSums, Array(x[range]), layer.inputWeight, inputs: inputs)
            let before = Array(trace.hidden[(step * width)..<((step + 1) * width)])
            let fromHidden = linearBackward(dSums, before, layer.hiddenWeight, inputs: units)
            total.x.replaceSubrange(range, with: fromInput.dx)
            total.initial.hidden = fromHidden.dx
            add(fromInput.dWeight, to: &total.layer.inputWeight)
            add(fromHidden.dWeight, to: &total.layer.hiddenWeight)
            add(fromInput.dBias, to: &total.layer.inputBias)
            add(fromHidden.dBias, to: &total.layer.hiddenBias)
        }
        return total
    }

    private static func add(_ x: Array, to sum: inout Array) { for k in x.indices { sum[k] += x[k] } }
}
