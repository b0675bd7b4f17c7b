import Agents
import Distillation
import Environments
import Experience
import Models
package import Settings

extension Experiment {
    /// What neither a key's range nor a section's owner can refuse. Empty when there are none. Each names the keys that
    /// do not go together and says what to write instead.
    package func contradictions() -> [Contradiction] {
        taskContradictions + processContradictions + variantContradictions + windowContradictions + stateContradictions
            + baselineContradictions + evaluationContradictions + learntContradictions + claimContradictions
    }

    /// Baselines that cannot act in the environment.
    private var baselineContradictions: [Contradiction] {
        guard let tasks = try? makeTasks() else { return [] }
        let listed = listedEvaluations.flatMap(\.policies).filter { $0 != DistilledPolicy.name }
        return Set(listed).sorted().compactMap { name in
            // A name that there is not is its section's to refuse.
            guard let policy = try? baseline(name) else { return nil }
            let bytes = policy.described.settingsBytes
            guard bytes <= PolicyDescription.longestSettingsBytes else {
                return Contradiction(
                    [baselineKey, "source"],
                    "the settings of \(name) take \(bytes) bytes, at most \(PolicyDescription.longestSettingsBytes) travel"
                )
            }
            do {
                try policy.check(in: tasks)
                return nil
            } catch {
                return Contradiction([baselineKey, "environment"], "\(error)")
            }
        }
    }

    private var baselineKey: String { evaluations.isEmpty ? "evaluate.baselines" : "evaluations" }

    /// What the environment's tasks do not give: a split, enough train tasks, spaces that the source algorithm can act
    /// in.
    private var taskContradictions: [Contradiction] {
        let tasks: any TaskDistribution
        do {
            tasks = try makeTasks()
        } catch {
            return [Contradiction(["tasks.test", "environment"], "\(error)")]
        }
        var found: [Contradiction] = []
        let available = tasks.ids(of: .train).count
        if let limit = self.tasks.train, limit > available {
            found.append(
                Contradiction(
                    ["tasks.train", "tasks.test"],
                    "\(limit) train tasks are asked for, but \(available) of \(tasks.count) are left after "
                        + "\(self.tasks.test) were held out; lower one of them or write train: all"))
        }
        do {
            _ = try source.needs(environment: tasks.environment, actors: collect.actors)
        } catch {
            found.append(Contradiction(["source", "environment"], "\(error)"))
        }
        return found
    }

    /// Processes that carry fewer actors than one lifetime has, so that no lifetime could begin.
    private var processContradictions: [Contradiction] {
        let carried = cluster.actorProcesses * actorsPerProcess
        guard carried < collect.actors else { return [] }
        return [
            Contradiction(
                ["cluster.actors_per_process", "cluster.actor_processes", "collect.actors"],
                "\(cluster.actorProcesses) processes with \(actorsPerProcess) actors carry \(carried), fewer than the "
                    + "\(collect.actors) of one lifetime; write actors_per_process: automatic")
        ]
    }

    /// States that are to be taught where streams hold none.
    private var stateContradictions: [Contradiction] {
        guard let environment = try? makeTasks().environment, environment.stateFeatures?.count ?? 0 == 0,
            let taught = try? distillations().first(where: { $0.settings.training.stateWeight > 0 })
        else { return [] }
        return [
            Contradiction(
                ["distil.training.state_weight", "environment"],
                "it is \(shortest(taught.settings.training.stateWeight))"
                    + (taught.variant.isEmpty ? "" : " in variant \(taught.variant)")
                    + ", but streams of \(environment.name) hold no states that pictures are drawn from; write 0")
        ]
    }

    /// A window that is longer than any lifetime, which would be padding in part.
    private var windowContradictions: [Contradiction] {
        guard let horizon = try? makeTasks().environment.horizon, let distillations = try? distillations() else {
            return []
        }
        let episodes = collect.end.episodesPerActor
        return distillations.compactMap { distillation in
            let settings = distillation.settings
            let every = settings.windows.every(of: episodes)
            let rows = episodes / every * horizon
            guard rows < settings.model.dimensions.contextLength else { return nil }
            return Contradiction(
                ["distil.model.context_length", "distil.windows.every_episodes", "collect.end.episodes_per_actor"],
                "a window of \(settings.model.dimensions.contextLength) transitions"
                    + (distillation.variant.isEmpty ? "" : " of variant \(distillation.variant)")
                    + " is longer than any lifetime: \(episodes) episodes, every \(every)th "
                    + "shown, of \(horizon) steps are \(rows)")
        }
    }
}
