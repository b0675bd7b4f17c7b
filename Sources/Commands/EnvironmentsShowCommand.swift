import ArgumentParser
import Distillation
import Environments
import Experience
import Experiments
import Pictures
import Quantities
import Settings

/// What acts in an episode that is shown.
enum ShownPolicy: String, CaseIterable, ExpressibleByArgument {
    case random, optimum
}

struct EnvironmentsShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "A task as a picture, and an episode in it step by step.",
        discussion: """
            With --out also as a picture: what the agent saw before each step and after the last, row by row, what it saw \
            after a reward with a green edge, beside a map with its path. A name that ends in .gif makes it move. Examples: \
            distillery environments show dark-key-to-door --set size=5 --task 42 --policy optimum, and \
            distillery environments show watermaze --task 7 --policy optimum --set field_of_view=110 --out pool.png
            """)

    @Argument(help: "The environment's name, one of those that `distillery environments` lists.")
    var name: String

    @Option(
        name: .customLong("set"),
        help: ArgumentHelp("Change one setting of the environment, for example size=5.", valueName: "key=value"))
    var overrides: [String] = []

    @Option(help: "The task's id.") var task = 0
    @Option(help: "Of what is random in the episode.") var seed: UInt64 = 0
    @Option(help: "What acts.") var policy = ShownPolicy.random
    @Option(help: ArgumentHelp("Steps that are shown at most.", valueName: "n")) var steps = 1000
    @Option(help: ArgumentHelp("Write a picture of the episode there.", valueName: "file.png|file.gif")) var out:
        String?
    @OptionGroup var output: OutputOptions
    @Flag(help: "Print one JSON document.") var json = false

    func validate() throws {
        guard steps >= 1 else { throw ValidationError("--steps \(steps): expected at least 1") }
    }

    func run() throws {
        let file = try out.map { try PictureFile($0, option: "--out", inputs: [], force: output.force) }
        let settings = try Experiment.environment(named: name, overrides: overrides)
        let distribution = try settings.makeTasks(split: TaskSplit(testTasks: 0, seed: 0))
        let task = try distribution.task(task)
        let key = StreamKey(seed: seed, task: task.id, repetition: 0, actor: 0)
        let evaluated = EvaluatedTask(distribution: distribution, task: task, keys: [key])
        let choice = PolicyChoice(try RegisteredPolicy.registry.named(policy.rawValue))
        let shown = ShownTask(
            distribution: distribution, task: task, policy: policy.rawValue, seed: seed,
            episode: try evaluated.episode(of: choice, most: steps))
        try file?.write(EpisodePictures(of: shown.episode, in: task, of: distribution))
        if json { try printJSON(shown.document) } else { print(try shown.text) }
    }
}

/// A task with an episode in it, in words.
private struct ShownTask {
    let distribution: any TaskDistribution
    let task: Task
    let policy: String
    let seed: UInt64
    let episode: LivedEpisode

    var text: String {
        get throws {
            let environment = distribution.environment
            var parts = ["\(environment.name) \(environment.json)\ntask \(task.id) of \(distribution.count)\(returns)"]
            parts.append(try distribution.drawing(of: task))
            parts.append("an episode of the policy \(policy), seed \(seed)\n" + distribution.table(of: episode))
            if let way = try distribution.drawing(of: episode, in: task) { parts.append(way) }
            return parts.joined(separator: "\n\n")
        }
    }

    /// What an episode's return can be measured against, as far as it is known.
    private var returns: String {
        let references = distribution.references(of: task)
        let known = [("best", references.optimum), ("of random actions", references.random)].compactMap { name, value in
            value.map { "\(name) \(NumberText.short($0, decimals: 3))" }
        }
        return known.isEmpty ? "" : ", returns: \(known.joined(separator: ", "))"
    }

    var document: Document {
        let space = distribution.environment.stored.space
        return Document(
            environment: distribution.environment.name, settings: distribution.environment.json, task: task.id,
            taskJson: task.json, optimalReturn: distribution.references(of: task).optimum,
            randomReturn: distribution.references(of: task).random, policy: policy, seed: seed,
            steps: episode.steps.map { step in
                Document.Step(
                    observation: space.words(of: step.observation),
                    action: distribution.words(ofAction: step.action), reward: step.reward,
                    terminated: step.isTerminated, truncated: step.isTruncated)
            }, finalObservation: space.words(of: episode.finalObservation),
            episodeReturn: episode.steps.reduce(0) { $0 + Double($1.reward) })
    }

    struct Document: Encodable {
        struct Step: Encodable {
            let observation: String
            let action: String
            let reward: Float
            let terminated: Bool
            let truncated: Bool
        }

        let environment: String
        let settings: String
        let task: Int
        let taskJson: String
        /// Missing where they cannot be computed.
        let optimalReturn: Double?
        let randomReturn: Double?
        let policy: String
        let seed: UInt64
        let steps: [Step]
        let finalObservation: String
        let episodeReturn: Double
    }
}
