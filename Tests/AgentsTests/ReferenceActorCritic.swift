import Agents
import Experience
import Foundation
import Neural

/// The actor-critic in Double, written like the paper and slow: what the fast one is checked against.
struct ReferenceActorCritic {
    let shape: PerceptronShape
    let settings: ActorCriticSettings

    /// One row as the reference sees it.
    struct Row {
        var components: [Int]
        var action: Int
        var reward: Double
        var terminated = false
        var truncated = false
        /// What the environment showed after the row that ended an episode.
        var final: [Int]?
        var isEnd: Bool { terminated || truncated }
    }

    struct Output {
        let logProbabilities: [Double]
        let value: Double
    }

    func forward(_ parameters: [Double], _ components: [Int]) -> Output {
        let outputs = ReferencePerceptron(shape: shape, activation: settings.activation)
            .outputs(parameters, components)
        let logits = outputs[..<(shape.outputs - 1)]
        let normaliser = log(logits.reduce(0) { $0 + exp($1) })
        return Output(logProbabilities: logits.map { $0 - normaliser }, value: outputs[shape.outputs - 1])
    }

    /// The lambda-return of every row of one rollout; nil for a row that cannot be learnt from.
    ///
    /// G^(n) takes n rewards and then the value; the lambda-return weighs them with (1 - lambda) lambda^(n-1) and gives
    /// the last one, at which the episode ends or the rollout's knowledge does, all the remaining weight.
    func lambdaReturns(_ rollout: [Row], values: (_ components: [Int]) -> Double) -> [Double?] {
        rollout.indices.map { start in
            let end = rollout[start...].firstIndex(where: \.isEnd)
            // Without an end the last row only lends its value.
            let last = end ?? rollout.count - 2
            guard last >= start else { return nil }
            func nStepReturn(_ steps: Int) -> Double {
                var sum = 0.0
                for step in 0..<steps { sum += pow(settings.discount, Double(step)) * rollout[start + step].reward }
                return sum + pow(settings.discount, Double(steps)) * valueAfter(start + steps - 1)
            }
            func valueAfter(_ row: Int) -> Double {
                guard rollout[row].isEnd else { return values(rollout[row + 1].components) }
                guard rollout[row].truncated, !rollout[row].terminated, settings.bootstrapsTruncation,
                    let final = rollout[row].final
                else { return 0 }
                return values(final)
            }
            let horizon = last - start + 1
            var total = pow(settings.lambda, Double(horizon - 1)) * nStepReturn(horizon)
            for steps in 1..<max(1, horizon) {
                total += (1 - settings.lambda) * pow(settings.lambda, Double(steps - 1)) * nStepReturn(steps)
            }
            return total
        }
    }

    /// The objective at `parameters` with returns and advantages held constant at those of `anchor`.
    func objective(_ parameters: [Double], anchor: [Double], _ rollouts: [[Row]]) -> Double {
        var sum = 0.0
        var count = 0
        for rollout in rollouts {
            let returns = lambdaReturns(rollout) { forward(anchor, $0).value }
            for (row, target) in zip(rollout, returns) {
                guard let target else { continue }
                let output = forward(parameters, row.components)
                let advantage = target - forward(anchor, row.components).value
                let entropy = -output.logProbabilities.reduce(0) { $0 + exp($1) * $1 }
                let error = target - output.value
                sum += -advantage * output.logProbabilities[row.action]
                sum -= settings.entropyCoefficient * entropy
                sum += settings.valueCoefficient / 2 * error * error
                count += 1
            }
        }
        return sum / Double(count)
    }
}
