import Agents
import Experience
import Foundation
import Neural

/// The recurrent actor-critic in Double, one row after the other: what the fast one is checked against. With `outputs` heads
/// its network is that of action values with memory, too.
struct ReferenceRecurrent {
    let counts: [Int]
    let actions: Int
    let settings: ActorCriticSettings
    let episodesPerTrial: Int
    let layout: ParameterLayout
    private let outputs: Int
    private let lstm: LSTMLayout
    private let head: (weight: Int, bias: Int)

    /// `outputs`: those of the actor-critic, a logit for each action and the value, where nothing is said.
    init(counts: [Int], actions: Int, settings: ActorCriticSettings, episodesPerTrial: Int, outputs: Int? = nil) {
        self.counts = counts
        self.actions = actions
        self.settings = settings
        self.episodesPerTrial = episodesPerTrial
        var layout = ParameterLayout()
        let network = settings.lstm ?? LSTMSettings()
        lstm = LSTMLayout(
            inputs: counts.reduce(0, +) + actions + 1 + 2 + 1, units: network.units, layers: network.layers,
            addingTo: &layout)
        self.outputs = outputs ?? actions + 1
        head = (layout.add("weight", [self.outputs, network.units]), layout.add("bias", [self.outputs]))
        self.layout = layout
    }

    /// A row of a stream with what the network sees besides the observation.
    struct Row {
        var components: [Int]
        var previousAction: Int?
        var previousReward: Double
        var beginsEpisode: Bool
        var action: Int
        var reward: Double
        var endsTrial = false
    }

    /// Rows that are learnt from together, the state before them, and the rows of their trial before them.
    struct Sequence {
        var rows: [Row]
        var initial: [Double]
        var before: [Row] = []
        var isWhole: Bool { rows.last?.endsTrial ?? false }
    }

    /// Hidden units (layers, H), then cells likewise.
    var zeroState: [Double] { Array(repeating: 0, count: 2 * lstm.layers.count * lstm.units) }

    /// What `rows`, a stream from its beginning on, are to a network.
    func rows(_ stream: [ReferenceActorCritic.Row]) -> [Row] {
        var result: [Row] = []
        var episode = 0
        var visited: Set<[Int]> = []
        for (index, row) in stream.enumerated() {
            let before = index == 0 ? nil : stream[index - 1]
            let isFirst = before == nil || before?.isEnd == true
            let beginsTrial = isFirst && episode % episodesPerTrial == 0
            if row.isEnd { episode += 1 }
            if beginsTrial || isFirst && settings.noveltySpan == .episode { visited = [] }
            if visited.insert(row.components).inserted, !isFirst {
                result[index - 1].reward += settings.novelty
            }
            result.append(
                Row(
                    components: row.components, previousAction: beginsTrial ? nil : before?.action,
                    previousReward: beginsTrial ? 0 : before?.reward ?? 0, beginsEpisode: isFirst, action: row.action,
                    reward: row.reward, endsTrial: row.isEnd && episode % episodesPerTrial == 0))
        }
        return result
    }

    /// What an update learns from that is given the rows in `range`: each trial's by itself, after the row at which the
    /// update before was cut. Without `parameters` no states are computed.
    func sequences(_ stream: [Row], _ range: Range<Int>, parameters: [Double]?) -> [Sequence] {
        var states: [[Double]] = []
        var state = zeroState
        for row in stream[..<range.upperBound] {
            states.append(state)
            guard let parameters else { continue }
            state = row.endsTrial ? zeroState : step(parameters, state, row).state
        }
        let isInside = range.lowerBound > 0 && !stream[range.lowerBound - 1].endsTrial
        var result: [Sequence] = []
        for index in (isInside ? range.lowerBound - 1 : range.lowerBound)..<range.upperBound {
            if result.isEmpty || result[result.count - 1].isWhole {
                let begin = stream[..<index].lastIndex(where: \.endsTrial).map { $0 + 1 } ?? 0
                result.append(Sequence(rows: [], initial: states[index], before: Array(stream[begin..<index])))
            }
            result[result.count - 1].rows.append(stream[index])
        }
        return result
    }

    private func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }

    /// One row: the state behind it, and the heads.
    func step(_ parameters: [Double], _ state: [Double], _ row: Row) -> (state: [Double], heads: [Double]) {
        var input = [Double](repeating: 0, count: lstm.inputs)
        var first = 0
        for (value, count) in zip(row.components, counts) {
            input[first + value] = 1
            first += count
        }
        input[first + (row.previousAction ?? actions)] = 1
        input[first + actions + 1 + (row.beginsEpisode ? 1 : 0)] = 1
        input[lstm.inputs - 1] = row.previousReward
        var next = state
        let units = lstm.units
        for (index, layer) in lstm.layers.enumerated() {
            let (hidden, cells) = (index * units, (lstm.layers.count + index) * units)
            let sums = (0..<(4 * units)).map { gate -> Double in
                var sum = parameters[layer.inputBias + gate] + parameters[layer.hiddenBias + gate]
                for k in input.indices where input[k] != 0 {
                    sum += parameters[layer.inputWeight + gate * layer.inputs + k] * input[k]
                }
                for k in 0..<units { sum += parameters[layer.hiddenWeight + gate * units + k] * state[hidden + k] }
                return sum
            }
            for k in 0..<units {
                let cell =
                    sigmoid(sums[units + k]) * state[cells + k] + sigmoid(sums[k]) * tanh(sums[2 * units + k])
                next[cells + k] = cell
                next[hidden + k] = sigmoid(sums[3 * units + k]) * tanh(cell)
            }
            input = Array(next[hidden..<(hidden + units)])
        }
        let heads = (0..<outputs).map { output in
            (0..<units).reduce(parameters[head.bias + output]) {
                $0 + parameters[head.weight + output * units + $1] * input[$1]
            }
        }
        return (next, heads)
    }

    private func heads(_ parameters: [Double], _ sequence: Sequence) -> [[Double]] {
        var state = sequence.initial
        return sequence.rows.map { row in
            let result = step(parameters, state, row)
            state = result.state
            return result.heads
        }
    }

    /// The objective at `parameters`, with returns and advantages held constant at those of `anchor`.
    func objective(_ parameters: [Double], anchor: [Double], _ sequences: [Sequence]) -> Double {
        objective(parameters, anchor: anchor, sequences, heads: heads)
    }

    /// The same of another network. `heads`: of each row of a sequence.
    func objective(
        _ parameters: [Double], anchor: [Double], _ sequences: [Sequence], heads: ([Double], Sequence) -> [[Double]]
    ) -> Double {
        var (sum, count) = (0.0, 0)
        for sequence in sequences {
            let values = heads(anchor, sequence).map { $0[actions] }
            let heads = heads(parameters, sequence)
            let learnt = sequence.isWhole ? sequence.rows.count : sequence.rows.count - 1
            for index in 0..<learnt {
                let target = lambdaReturn(sequence, values, from: index)
                let logits = heads[index][..<actions]
                let normaliser = log(logits.reduce(0) { $0 + exp($1) })
                let logarithms = logits.map { $0 - normaliser }
                let entropy = -logarithms.reduce(0) { $0 + exp($1) * $1 }
                let error = target - heads[index][actions]
                sum -= (target - values[index]) * logarithms[sequence.rows[index].action]
                sum += settings.valueCoefficient / 2 * error * error - settings.entropyCoefficient * entropy
                count += 1
            }
        }
        return sum / Double(count)
    }

    /// Weighs the n-step returns from row `start` on: (1 - lambda) lambda^(n-1), and the longest has what remains.
    private func lambdaReturn(_ sequence: Sequence, _ values: [Double], from start: Int) -> Double {
        let last = sequence.isWhole ? sequence.rows.count : sequence.rows.count - 1
        func nStep(_ steps: Int) -> Double {
            let rewards = (0..<steps).reduce(0.0) {
                $0 + pow(settings.discount, Double($1)) * sequence.rows[start + $1].reward
            }
            let end = start + steps
            return rewards + (end < values.count ? pow(settings.discount, Double(steps)) * values[end] : 0)
        }
        let longest = last - start
        return (1..<longest).reduce(pow(settings.lambda, Double(longest - 1)) * nStep(longest)) {
            $0 + (1 - settings.lambda) * pow(settings.lambda, Double($1 - 1)) * nStep($1)
        }
    }
}
