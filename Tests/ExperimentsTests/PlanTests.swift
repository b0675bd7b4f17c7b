import Distillation
import Environments
import Experience
import Experiments
import Settings
import TestSupport
import Testing

@Suite("The plan of an experiment")
struct PlanTests {
    static let yaml = """
        name: planned
        environment: {size: 5, horizon: 10}
        tasks: {test: 5, train: 12}
        collect:
          actors: 10
          record_actors: 4
          lifetimes: 3
          test_lifetimes: 2
          end: {episodes_per_actor: 1000, converged: {window: 10}}
        distil: {model: {feed_forward: 64}, training: {steps: 5_000, maximum_seconds: 30}}
        evaluate: {episodes: 20, seeds: 2, train_tasks: 6}
        """

    @Test("it counts lifetimes, transitions and episodes")
    func counts() throws {
        let plan = try ExperimentPlan(Experiment(yaml: Self.yaml, file: "planned.yaml"), cores: 2)
        #expect(plan.trainLifetimes == 36 && plan.testLifetimes == 10)
        #expect(plan.maximumTransitions == 46 * 10 * 1000 * 10)
        #expect(plan.maximumRecordedTransitions == 46 * 4 * 1000 * 10)
        #expect(plan.evaluationEpisodes == (5 * 2 + 6) * 2 * 20)
        let all = try Experiment(yaml: Self.yaml, file: "planned.yaml", overrides: ["evaluate.train_tasks=100"])
        #expect(try ExperimentPlan(all, cores: 2).evaluationEpisodes == (5 * 2 + 12) * 2 * 20, "no more than there are")
        #expect(plan.distilSeconds == 30)
        #expect(plan.mayEndEarly)
        // Nine bytes a row and no more than three times that, with all that a file adds.
        #expect((9...27).contains(plan.maximumDiskBytes / plan.maximumRecordedTransitions))
        #expect(plan.text().contains("at most 4,600,000 transitions"))
        #expect(plan.text().contains("36 lifetimes on 12 train tasks and 10 on 5 held-out tasks"))
        #expect(plan.text().contains("10 actors each, 4 of them recorded"))
        let taken = plan.text(takingOver: "runs/first")
        #expect(taken.contains("transitions; taken over from runs/first as far as it has them\n"))
        #expect(taken != plan.text() && !taken.contains("in all    at most"))
        let alone = plan.text(collectsAlone: true)
        #expect(alone.contains("4,600,000 transitions") && alone.contains("  disk "))
        #expect(!alone.contains("  distil ") && !alone.contains("  evaluate ") && !alone.contains("  in all "))
        #expect(!alone.contains("checkpoint") && plan.collectedDiskBytes < plan.maximumDiskBytes)
        let free = plan.collectedDiskBytes + ExperimentPlan.reserveBytes
        #expect(throws: PlanError.self) { try plan.checkDisk(freeBytes: free, path: "/runs") }
        try plan.checkDisk(freeBytes: free, path: "/runs", collectsAlone: true)
        #expect(plan.text().contains("  evaluate  640 episodes; ") && plan.text().hasSuffix(" on this machine\n"))
        let nothing = Self.yaml + "\nevaluations: [{name: test, policies: [random]}]"
        let none = try Experiment(yaml: nothing, file: "planned.yaml", overrides: ["distil.seeds=0"])
        #expect(try ExperimentPlan(none, cores: 2).text().contains("distil    nothing\n"))
    }

    @Test("how long an environment in a process of its own steps is said not to be known")
    func environmentProcess() throws {
        let plan = try ExperimentPlan(Experiment(yaml: experimentWithForeignEnvironment, file: "rooms.yaml"), cores: 2)
        for (histories, times) in [(nil, 2), ("runs/first", 1)] as [(String?, Int)] {
            let text = plan.text(takingOver: histories)
            #expect(text.ranges(of: ", and as long as rooms:Room takes to step\n").count == times, "\(text)")
            #expect(text.hasSuffix(" on this machine, without the time of rooms:Room\n"), "\(text)")
        }
    }

    @Test("states of learners count on the disk, one of each lifetime that is lived at once and its next beside it")
    func learnerStates() throws {
        func plan(_ overrides: [String]) throws -> ExperimentPlan {
            try ExperimentPlan(Experiment(yaml: Self.yaml, file: "planned.yaml", overrides: overrides), cores: 2)
        }
        let small = try plan([])
        #expect(small.keptLearnerStates == 1 && small.text().contains("and 1 learner's state of at most "))
        let wide = "source.hidden=[1024, 1024]"
        let one = try plan([wide])
        let six = try plan([wide, "cluster.learners=3", "cluster.lifetimes_per_learner=2"])
        #expect(six.keptLearnerStates == 6 && six.text().contains("and 6 learners' states of at most "))
        // Parameters and Adam's two moments of a million weights, of four bytes each.
        let state = 3 * 4 * 1024 * 1024
        #expect(one.maximumDiskBytes - small.maximumDiskBytes > 2 * state * 9 / 10)
        #expect(six.maximumDiskBytes - one.maximumDiskBytes > 5 * 2 * state)
        #expect(try plan(["cluster.learners=1000"]).keptLearnerStates == 46, "no more than there are lifetimes")
    }

    @Test("checkpoints count on the disk as far as they are kept, and the next one beside them")
    func keptCheckpoints() throws {
        func plan(_ kept: String) throws -> ExperimentPlan {
            let overrides = ["distil.training.checkpoint_every=100", "distil.training.keep_checkpoints=\(kept)"]
            return try ExperimentPlan(Experiment(yaml: Self.yaml, file: "planned.yaml", overrides: overrides), cores: 2)
        }
        let (all, three) = (try plan("all"), try plan("3"))
        #expect(all.keptCheckpoints == 51 && three.keptCheckpoints == 4)
        #expect(all.maximumDiskBytes > three.maximumDiskBytes && three.text().contains("with 4 checkpoints"))
        #expect(try plan("1000").keptCheckpoints == 51)
    }

    @Test("more cores take less time, more episodes more")
    func estimate() throws {
        let experiment = try Experiment(yaml: Self.yaml, file: "planned.yaml")
        let longer = try Experiment(
            yaml: Self.yaml, file: "planned.yaml", overrides: ["collect.end.episodes_per_actor=2000"])
        let two = try ExperimentPlan(experiment, cores: 2)
        #expect(try ExperimentPlan(experiment, cores: 4).collectSeconds == two.collectSeconds / 2)
        #expect(try ExperimentPlan(longer, cores: 2).collectSeconds == two.collectSeconds * 2)
        #expect(two.seconds > two.distilSeconds)
    }

    @Test("too little disk is refused with how much is needed and what to do")
    func disk() throws {
        let plan = try ExperimentPlan(Experiment(yaml: Self.yaml, file: "planned.yaml"), cores: 2)
        try plan.checkDisk(freeBytes: 1 << 40, path: "/runs")
        let error = try #require(throws: PlanError.self) { try plan.checkDisk(freeBytes: 1 << 20, path: "/runs") }
        #expect(error.description.contains("/runs has 1 MiB free"), "\(error)")
        #expect(error.description.contains("collect.record_actors"))
        try plan.checkDisk(
            freeBytes: ExperimentPlan.reserveBytes, existingBytes: plan.maximumDiskBytes, path: "/runs")
    }

    @Test(
        "a checkpoint of every environment can be evaluated by what it says of itself",
        arguments: RegisteredEnvironment.registry.names.filter { $0 != ExternalTasks.name })
    func evaluating(name: String) throws {
        try evaluate(EnvironmentSettings(try RegisteredEnvironment.registry.named(name)))
    }

    @Test("of pictures that are stored, too, and of trials in a pool")
    func evaluatingPictures() throws {
        var pool = WatermazeSettings()
        let states = EnvironmentSettings(RegisteredEnvironment(WatermazeTasks.self), settings: pool)
        try evaluate(.trials(TrialsSettings(of: states, episodes: 3)))
        (pool.stored, pool.width, pool.height) = (.frames, 320, 240)
        try evaluate(EnvironmentSettings(RegisteredEnvironment(WatermazeTasks.self), settings: pool))
    }

    private func evaluate(_ environment: EnvironmentSettings) throws {
        let tasks = try environment.makeTasks(split: TaskSplit(testTasks: 4, seed: 3))
        let trained = Array(tasks.ids(of: .train).prefix(2))
        let description = CheckpointDescription(
            environment: tasks.environment, splitSeed: 3, trainedTasks: trained,
            testTasks: Array(tasks.ids(of: .test)))
        let experiment = try Experiment(evaluating: description)
        #expect(experiment.fits(description))
        #expect(try experiment.makeTasks().environment == tasks.environment)
    }
}
