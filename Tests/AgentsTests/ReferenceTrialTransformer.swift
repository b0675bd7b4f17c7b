import Agents
import Foundation
import Neural

/// The pre-norm transformer over a trial in Double, row after row: what the fast one is checked against.
struct ReferenceTrialTransformer {
    let counts: [Int]
    let actions: Int
    let settings: TrialTransformerSettings
    let layout: ParameterLayout

    init(counts: [Int], actions: Int, settings: TrialTransformerSettings, tokens: Int) {
        self.counts = counts
        self.actions = actions
        self.settings = settings
        var layout = ParameterLayout()
        let (d, f) = (settings.dimension, settings.feedForward)
        _ = layout.add("embed.inputs", [counts.reduce(0, +) + actions + 4, d])
        _ = layout.add("embed.position", [tokens, d])
        for block in 0..<settings.layers {
            for (part, shape) in [
                ("norm1", [d]), ("input", [3 * d, d]), ("output", [d, d]), ("norm2", [d]), ("first", [f, d]),
                ("second", [d, f]),
            ] {
                _ = layout.add("\(block).\(part).weight", shape)
                _ = layout.add("\(block).\(part).bias", [shape[0]])
            }
        }
        _ = layout.add("norm.weight", [d])
        _ = layout.add("norm.bias", [d])
        _ = layout.add("heads.weight", [actions + 1, d])
        _ = layout.add("heads.bias", [actions + 1])
        self.layout = layout
    }

    /// Logits and value of each row of a sequence, after the rows of its trial before it.
    func heads(_ parameters: [Double], _ sequence: ReferenceRecurrent.Sequence) -> [[Double]] {
        Array(heads(parameters, sequence.before + sequence.rows).suffix(sequence.rows.count))
    }

    func heads(_ parameters: [Double], _ rows: [ReferenceRecurrent.Row]) -> [[Double]] {
        var x = rows.enumerated().map { embed(parameters, $1, position: $0) }
        for block in 0..<settings.layers {
            attend(parameters, block, &x)
            for row in x.indices {
                let normed = norm(parameters, "\(block).norm2", x[row])
                let hidden = linear(parameters, "\(block).first", normed).map(gelu)
                x[row] = sum(x[row], linear(parameters, "\(block).second", hidden))
            }
        }
        return x.map { linear(parameters, "heads", norm(parameters, "norm", $0)) }
    }

    private func embed(_ parameters: [Double], _ row: ReferenceRecurrent.Row, position: Int) -> [Double] {
        let d = settings.dimension
        var inputs: [(Int, Double)] = []
        var first = 0
        for (value, count) in zip(row.components, counts) {
            inputs.append((first + value, 1))
            first += count
        }
        inputs += [
            (first + (row.previousAction ?? actions), 1), (first + actions + 1 + (row.beginsEpisode ? 1 : 0), 1),
            (first + actions + 3, row.previousReward),
        ]
        let (embedding, positions) = (offset("embed.inputs"), offset("embed.position"))
        return (0..<d).map { column in
            inputs.reduce(parameters[positions + position * d + column]) {
                $0 + $1.1 * parameters[embedding + $1.0 * d + column]
            }
        }
    }

    private func attend(_ parameters: [Double], _ block: Int, _ x: inout [[Double]]) {
        let (d, width) = (settings.dimension, settings.dimension / settings.heads)
        let projected = x.map { linear(parameters, "\(block).input", norm(parameters, "\(block).norm1", $0)) }
        for row in x.indices {
            var attended = [Double](repeating: 0, count: d)
            for head in 0..<settings.heads {
                let columns = (head * width)..<((head + 1) * width)
                let scores = (0...row).map { key in
                    columns.reduce(0) { $0 + projected[row][$1] * projected[key][d + $1] } / Double(width).squareRoot()
                }
                let weights = scores.map { exp($0 - (scores.max() ?? 0)) }
                let total = weights.reduce(0, +)
                for column in columns {
                    attended[column] = (0...row).reduce(0) {
                        $0 + weights[$1] / total * projected[$1][2 * d + column]
                    }
                }
            }
            x[row] = sum(x[row], linear(parameters, "\(block).output", attended))
        }
    }

    private func offset(_ name: String) -> Int { layout[name]?.offset ?? 0 }

    private func sum(_ one: [Double], _ other: [Double]) -> [Double] { zip(one, other).map(+) }

    private func linear(_ parameters: [Double], _ name: String, _ x: [Double]) -> [Double] {
        let (weight, bias) = (offset(name + ".weight"), offset(name + ".bias"))
        return (0..<(layout[name + ".bias"]?.count ?? 0)).map { output in
            x.indices.reduce(parameters[bias + output]) { $0 + parameters[weight + output * x.count + $1] * x[$1] }
        }
    }

    private func norm(_ parameters: [Double], _ name: String, _ x: [Double]) -> [Double] {
        let mean = x.reduce(0, +) / Double(x.count)
        let variance = x.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(x.count)
        return x.indices.map {
            (x[$0] - mean) / (variance + 1e-5).squareRoot() * parameters[offset(name + ".weight") + $0]
                + parameters[offset(name + ".bias") + $0]
        }
    }

    private func gelu(_ x: Double) -> Double {
        x / 2 * (1 + tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
    }
}
