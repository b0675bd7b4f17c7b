import Agents
import Experience
import Foundation
import Neural

/// DQN(Q-lambda) in Double, written like the paper and slow: what the fast one is checked against.
struct ReferenceQLambda {
    typealias Row = ReferenceActorCritic.Row
    let settings: QLambdaSettings
    let shape: PerceptronShape

    init(_ settings: QLambdaSettings, components: [Int], actions: Int) {
        self.settings = settings
        shape = PerceptronShape(components: components, hidden: settings.hidden, outputs: actions)
    }

    /// Something that a sequence is made of: a transition; or what is known of a state whose transition is not learnt
    /// from, such as the final observation of an episode that the horizon cut.
    struct Item {
        var components: [Int]
        /// Nil for a state alone.
        var action: Int?
        var reward = 0.0
        var ends = false
    }

    /// Q(o, a) of all actions.
    func values(_ parameters: [Double], _ components: [Int]) -> [Double] {
        ReferencePerceptron(shape: shape, activation: settings.activation).outputs(parameters, components)
    }

    /// The items of a stream without holes.
    func items(_ rows: [Row]) -> [Item] {
        rows.flatMap { row -> [Item] in
            let isBootstrapped = row.truncated && !row.terminated && settings.bootstrapsTruncation
            let item = Item(
                components: row.components, action: row.action, reward: row.reward, ends: row.isEnd && !isBootstrapped)
            return isBootstrapped ? [item, Item(components: row.final ?? [])] : [item]
        }
    }

    /// All whole sequences of a stream, in order.
    func sequences(_ items: [Item]) -> [[Item]] {
        let stride = settings.sequenceLength - settings.overlap
        return Swift.stride(from: 0, through: items.count - settings.sequenceLength, by: stride).map {
            Array(items[$0..<($0 + settings.sequenceLength)])
        }
    }

    /// The lambda-return of each item, nil where nothing is learnt: the n-step returns, each with what the target says of
    /// the state that it leads to, weighted with (1 - lambda) lambda^(n - 1), and the longest with what is left.
    func returns(_ sequence: [Item], target: (_ components: [Int]) -> Double) -> [Double?] {
        sequence.indices.map { start in
            // Transitions up to an end, or to a state that nothing is known to follow.
            var steps = 0
            while start + steps < sequence.count, sequence[start + steps].action != nil {
                steps += 1
                if sequence[start + steps - 1].ends { break }
            }
            let ends = steps > 0 && sequence[start + steps - 1].ends
            if !ends, start + steps == sequence.count { steps -= 1 }
            guard steps > 0 else { return nil }
            func nStepReturn(_ count: Int) -> Double {
                let rewards = (0..<count).reduce(0.0) {
                    $0 + pow(settings.discount, Double($1)) * sequence[start + $1].reward
                }
                if ends, count == steps { return rewards }
                return rewards + pow(settings.discount, Double(count)) * target(sequence[start + count].components)
            }
            return (1...steps).reduce(0.0) { sum, count in
                let power = pow(settings.lambda, Double(count - 1))
                return sum + (count == steps ? power : (1 - settings.lambda) * power) * nStepReturn(count)
            }
        }
    }

    /// The objective of a batch at `parameters`, with the returns held constant at what `target` says.
    func objective(_ parameters: [Double], target: [Double], _ batch: [[Item]]) -> Double {
        var sum = 0.0
        var count = 0
        for sequence in batch {
            let goals = returns(sequence) { values(target, $0).max() ?? 0 }
            for (item, goal) in zip(sequence, goals) {
                guard let goal, let action = item.action else { continue }
                let error = goal - values(parameters, item.components)[action]
                sum += error * error / 2
                count += 1
            }
        }
        return sum / Double(count)
    }

    /// The gradient by central differences, 0 for padding.
    func gradient(_ parameters: [Double], target: [Double], _ batch: [[Item]]) -> [Double] {
        var gradient = [Double](repeating: 0, count: parameters.count)
        for index in shape.existingParameters {
            var nudged = parameters
            nudged[index] += 1e-5
            let above = objective(nudged, target: target, batch)
            nudged[index] -= 2e-5
            gradient[index] = (above - objective(nudged, target: target, batch)) / 2e-5
        }
        return gradient
    }
}
