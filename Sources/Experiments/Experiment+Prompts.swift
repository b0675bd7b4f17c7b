import Distillation
import Environments
import Experience
import Models
import Quantities

extension Experiment {
    /// Why no prompt can be had for an evaluation, or none that is seen whole; nil where nothing speaks against it. What
    /// the recorded streams turn out to have is found when they are read.
    func promptProblem(of settings: EvaluationSettings, on distribution: any TaskDistribution) -> String? {
        guard let prompt = settings.prompt else { return nil }
        let environment = distribution.environment
        let transitions = prompt.transitions
        if let horizon = environment.horizon, horizon > transitions {
            return "\(transitions) transitions have no whole episode; write transitions: \(horizon) or more"
        }
        let bytes = transitions * (environment.stored.space.byteCount + environment.actionSpace.byteCount)
        guard bytes <= PromptRows.mostBytes else {
            return "\(transitions) transitions have \(NumberText.bytes(bytes)), and at most "
                + "\(NumberText.bytes(PromptRows.mostBytes)) travel to an evaluator"
        }
        return contextProblem(of: settings, transitions) ?? taskProblem(of: settings, on: distribution)
    }

    /// The context of a model that is to be prompted holds less than the prompt.
    private func contextProblem(of settings: EvaluationSettings, _ transitions: Int) -> String? {
        let evaluated = (try? distillations())?.filter {
            settings.variants.isEmpty || settings.variants.contains($0.variant)
        }
        guard
            let small = evaluated?.first(where: { $0.settings.model.dimensions.contextLength < transitions })
        else { return nil }
        return "\(transitions) transitions are more than the context"
            + (small.variant.isEmpty ? "" : " of variant \(small.variant)")
            + " holds, \(small.settings.model.dimensions.contextLength)"
    }

    /// A task that no source algorithm learns, or whose optimum is not known.
    private func taskProblem(of settings: EvaluationSettings, on distribution: any TaskDistribution) -> String? {
        guard let evaluated = try? tasks(of: settings, in: distribution) else { return nil }
        let test = collect.testLifetimes > 0 ? testTasks(of: distribution) : []
        let lived = Set(trainTasks(of: distribution) + test)
        if let without = evaluated.first(where: { !lived.contains($0) }) {
            return "no lifetime is collected on task \(without) that a prompt could be of"
                + (collect.testLifetimes == 0 ? "; write collect.test_lifetimes: 1" : "")
        }
        guard let first = evaluated.first, let task = try? distribution.task(first) else { return nil }
        return distribution.references(of: task).optimum ?? 0 > 0
            ? nil : "\(distribution.environment.name) does not say what the best possible return of a task is"
    }
}
