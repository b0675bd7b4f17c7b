import Agents
import Distillation
import Environments
import Experience
import Models

/// Values that are possible each, but not together.
struct Contradiction {
    /// Paths of the keys that contradict each other, the likelier culprit first.
    let keys: [String]
    let message: String
}

extension Experiment {
    /// Everything that no single key's range can refuse.
    var contradictions: [Contradiction] {
        taskContradictions + collectContradictions + distilContradictions
    }

    private var taskContradictions: [Contradiction] {
        let tasks: any TaskDistribution
        do {
            tasks = try makeTasks()
        } catch {
            return [Contradiction(keys: ["tasks.test", "environment.size"], message: "\(error)")]
        }
        var found: [Contradiction] = []
        let available = tasks.tasks.count { $0.split == .train }
        if let limit = self.tasks.train, limit > available {
            found.append(
                Contradiction(
                    keys: ["tasks.train", "tasks.test"],
                    message:
                        "\(limit) train tasks are asked for, but \(available) of \(tasks.tasks.count) are left after "
                        + "\(self.tasks.test) were held out; lower one of them or write train: all"))
        }
        let used = trainTasks(of: tasks).count
        if evaluate.trainTasks > used {
            found.append(
                Contradiction(
                    keys: ["evaluate.train_tasks", "tasks.train"],
                    message:
                        "\(evaluate.trainTasks) training tasks are to be evaluated, but only \(used) are trained on"))
        }
        return found
    }

    private var collectContradictions: [Contradiction] {
        var found: [Contradiction] = []
        if collect.elastic, collect.synchronization == .lockstep {
            found.append(
                Contradiction(
                    keys: ["collect.elastic", "collect.synchronization"],
                    message: "lockstep waits for every actor of a lifetime, so none may join or leave; "
                        + "write elastic: false or synchronization: asynchronous"))
        }
        if let recorded = collect.recordActors, recorded > collect.actors {
            found.append(
                Contradiction(
                    keys: ["collect.record_actors", "collect.actors"],
                    message: "\(recorded) actors are to be recorded, but a lifetime has \(collect.actors); "
                        + "write record_actors: all"))
        }
        if cluster.actorProcesses * actorsPerProcess < collect.actors {
            found.append(
                Contradiction(
                    keys: ["cluster.actors_per_process", "cluster.actor_processes", "collect.actors"],
                    message: "\(cluster.actorProcesses) processes with \(actorsPerProcess) actors carry "
                        + "\(cluster.actorProcesses * actorsPerProcess), fewer than the \(collect.actors) of one lifetime; "
                        + "write actors_per_process: automatic"))
        }
        if let converged = collect.end.converged, converged.window > collect.end.episodesPerActor {
            found.append(
                Contradiction(
                    keys: ["collect.end.converged.window", "collect.end.episodes_per_actor"],
                    message: "the mean over \(converged.window) episodes is never reached in a lifetime of "
                        + "\(collect.end.episodesPerActor)"))
        }
        return found
    }

    private var distilContradictions: [Contradiction] {
        var found: [Contradiction] = []
        if distil.model.modelDimension % distil.model.heads != 0 {
            found.append(
                Contradiction(
                    keys: ["distil.model.heads", "distil.model.dimension"],
                    message: "\(distil.model.heads) heads do not divide \(distil.model.modelDimension) dimensions"))
        }
        let episodes = collect.end.episodesPerActor
        let shown = episodes / distil.windows.everyEpisodes
        let rows = shown * environmentChoice.horizon
        if rows < distil.model.contextLength {
            found.append(
                Contradiction(
                    keys: [
                        "distil.model.context_length", "distil.windows.every_episodes",
                        "collect.end.episodes_per_actor",
                    ],
                    message: "a window of \(distil.model.contextLength) transitions is longer than any lifetime: "
                        + "\(episodes) episodes, every \(distil.windows.everyEpisodes)th shown, of "
                        + "\(environmentChoice.horizon) steps are \(rows)"))
        }
        let training = distil.training
        if training.peakLearningRate < max(training.startLearningRate, training.finalLearningRate) {
            found.append(
                Contradiction(
                    keys: [
                        "distil.training.peak_learning_rate", "distil.training.start_learning_rate",
                        "distil.training.final_learning_rate",
                    ],
                    message: "the peak \(shortest(training.peakLearningRate)) is below the start "
                        + "\(shortest(training.startLearningRate)) or the end \(shortest(training.finalLearningRate))"))
        }
        return found + ownersObjections
    }

    /// What the settings' owners refuse and the keys' ranges let through.
    private var ownersObjections: [Contradiction] {
        func objection(_ key: String, _ validate: () throws -> Void) -> Contradiction? {
            do {
                try validate()
                return nil
            } catch {
                return Contradiction(keys: [key], message: "\(error)")
            }
        }
        return [
            objection("source", source.actorCritic.validate), objection("collect.end", collect.end.validate),
            objection("distil.model", distil.model.validate), objection("distil.windows", distil.windows.validate),
            objection("distil.training", distil.training.validate),
        ].compactMap { $0 }
    }
}
