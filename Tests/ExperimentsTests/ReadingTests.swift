import Agents
import Distillation
import Environments
import Experiments
import Neural
import Settings
import Testing

private func actorCritic(_ experiment: Experiment) -> ActorCriticSettings? {
    experiment.source.settings as? ActorCriticSettings
}

@Suite("Reading an experiment")
struct ReadingTests {
    @Test("a file with nothing but a name gives the defaults")
    func defaults() throws {
        let experiment = try Experiment(yaml: "name: first", file: "first.yaml")
        #expect(experiment.name == "first")
        #expect(experiment.environment == .darkRoom(DarkRoomSettings(size: 9, horizon: 20)))
        #expect(experiment.collect.actors == 100)
        #expect(actorCritic(experiment)?.hidden == [128, 128, 128])
        #expect(experiment.collect.end.converged == nil)
        #expect(try experiment.makeTasks().count == 81)
    }

    @Test("every kind of value is read")
    func values() throws {
        let experiment = try Experiment(
            yaml: """
                name: everything
                seed: 18446744073709551615
                environment: {name: dark-room, size: 5, horizon: 12}
                tasks:
                  test: 5
                  train: 10
                source:
                  hidden: [64, 32]
                  activation: tanh
                  learning_rate: 5e-4
                  bootstraps_truncation: true
                collect:
                  actors: 1_000
                  synchronization: lockstep
                  record_actors: 20
                  end:
                    episodes_per_actor: 300
                    converged: {share_of_optimum: 0.8}
                distil:
                  training: {maximum_seconds: 90}
                """, file: "everything.yaml")
        #expect(experiment.seed == .max)
        #expect(experiment.environment == .darkRoom(DarkRoomSettings(size: 5, horizon: 12)))
        #expect(experiment.tasks.train == 10)
        #expect(actorCritic(experiment)?.hidden == [64, 32])
        #expect(actorCritic(experiment)?.activation == .tanh)
        #expect(actorCritic(experiment)?.learningRate == 5e-4)
        #expect(actorCritic(experiment)?.bootstrapsTruncation == true)
        #expect(experiment.collect.actors == 1000)
        #expect(experiment.collect.synchronization == .lockstep)
        #expect(experiment.recordedActors == 20)
        #expect(experiment.collect.end.converged?.share == 0.8)
        #expect(experiment.collect.end.converged?.window == 20)
        #expect(experiment.distil.training.maximumSeconds == 90)
        let tasks = try experiment.makeTasks()
        #expect(experiment.testTasks(of: tasks).count == 5)
        #expect(experiment.trainTasks(of: tasks).count == 10)
    }

    @Test("the resolved experiment reads back as the same experiment")
    func roundTrip() throws {
        let experiment = try Experiment(
            yaml: "name: again\ncollect: {end: {converged: {window: 3}}, record_actors: 7}\nsource: {epsilon: 1.5e-7}",
            file: "again.yaml")
        #expect(try Experiment(yaml: experiment.yaml, file: "resolved.yaml") == experiment)
        #expect(experiment.yaml.contains("  epsilon: 1.5e-07\n"))
        let plain = try Experiment(yaml: "name: \"007\"", file: "plain.yaml")
        #expect(try Experiment(yaml: plain.yaml, file: "resolved.yaml") == plain)
        #expect(plain.yaml.contains("    converged: none\n"))
    }

    @Test("an override from the command line wins over the file")
    func overrides() throws {
        let experiment = try Experiment(
            yaml: "name: overridden\ncollect: {actors: 10}", file: "overridden.yaml",
            overrides: [
                "collect.actors=20", "source.hidden=[64, 64]", "collect.end.converged.window=7", "tasks.train=all",
                "collect.end={episodes_per_actor: 50}", "name=renamed",
            ])
        #expect(experiment.name == "renamed")
        #expect(experiment.collect.actors == 20)
        #expect(actorCritic(experiment)?.hidden == [64, 64])
        #expect(experiment.collect.end.converged?.window == 7)
        #expect(experiment.collect.end.episodesPerActor == 50)
    }

    @Test("actors per process are shared out evenly when nothing is said")
    func actorsPerProcess() throws {
        let experiment = try Experiment(
            yaml:
                "name: shared\ncluster: {learners: 2, actor_processes: 3, lifetimes_per_learner: 2}\ncollect: {actors: 10}",
            file: "shared.yaml")
        #expect(experiment.actorsPerProcess == 14)
    }

    @Test("what two experiments differ in is named key by key, with both values, and where one lacks a section")
    func differences() throws {
        let text = "name: a\ncollect: {actors: 4}\n"
        let one = try Experiment(yaml: text, file: "a.yaml")
        #expect(one.differences(from: one).isEmpty)
        let other = try Experiment(
            yaml: text, file: "a.yaml",
            overrides: ["collect.actors=8", "seed=3", "collect.end.converged.window=10"])
        let found = one.differences(from: other)
        #expect(found.contains("collect.actors is 4, not 8"))
        #expect(found.contains("seed is 0, not 3"))
        #expect(found.contains { $0.hasPrefix("collect.end.converged.window is absent, not 10") })
        #expect(one != other && !other.differences(from: one).isEmpty)
    }
}
