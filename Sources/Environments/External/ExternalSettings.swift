package import Experience
import ExternalEnvironments
package import Settings
import Wire

/// An environment in a process of its own: which one, how it is reached, and what its tasks are.
package struct ExternalSettings: SettingsGroup {
    /// What the environment says of itself, asked once: who reads streams and checkpoints need not start it.
    package struct Description: SettingsGroup {
        package var observation = Space.discrete(count: 1)
        package var action = Space.discrete(count: 1)
        /// Nil without a limit.
        package var horizon: Int?
        /// Tasks that its class makes from their numbers; 0 for none.
        package var tasks = 0
        /// Packages with their versions, when it was asked.
        package var software: [String] = []

        package init() {}

        package static let entries: [Entry<Description>] = [
            .key("observation", \.observation, .space, required: true, "The space of what it shows."),
            .key("action", \.action, .space, required: true, "The space of what it takes."),
            .key(
                "horizon", \.horizon, .optional(.integer(1...Int(Int32.max)), "none"), stated: true,
                "Most steps of an episode; `none` where there is no limit."),
            .key("tasks", \.tasks, .integer(0...Int(Int32.max)), "Tasks that its class makes from their numbers."),
            .key(
                "software", \.software, .list(of: .text("a package and its version"), count: 0...64),
                "Packages and their versions when it was asked."),
        ]
    }

    package var gymnasium: String?
    package var factory: String?
    package var wrappers: [String] = []
    package var arguments = KeywordArguments()
    /// Keyword arguments of each task, by its id.
    package var tasks: [KeywordArguments] = []
    /// Tasks each of which is a seed; 0 for none.
    package var seeds = 0
    package var optimum: Double?
    package var command = Self.usualCommand
    package var endpoint: String?
    package var startSeconds = 60
    package var answerSeconds = 30.0
    package var spareProcesses = 1
    /// Nil until the environment was asked.
    package var description: Description?

    package init() {}

    private static let usualCommand = ["python3", "-m", "distillery.environment"]

    package static let entries: [Entry<ExternalSettings>] =
        which + reach + [
            .optionalSection(
                "description", \.description, absent: "none",
                "What the environment says of itself. It is asked when an experiment is read that does not say it.")
        ]

    private static let which: [Entry<ExternalSettings>] = [
        .key(
            "gymnasium", \.gymnasium, .optional(.text("an id of Gymnasium's, as CartPole-v1"), "none"),
            "An id of Gymnasium's; `MODULE:ID` imports a module first, as `minigrid:MiniGrid-Empty-5x5-v0`."),
        .key(
            "class", \.factory, .optional(.text("MODULE:CLASS"), "none"),
            "In its place a class of one's own, as `rooms:Room`."),
        .key(
            "wrappers", \.wrappers, .list(of: .text("MODULE:CLASS"), count: 0...16),
            "Wrappers around each copy, the innermost first."),
        .key("arguments", \.arguments, .keywordArguments, "Keyword arguments that all tasks have."),
        .key(
            "tasks", \.tasks, .list(of: .keywordArguments, count: 0...mostListedTasks),
            "The tasks, each by its keyword arguments."),
        .key(
            "seeds", \.seeds, .integer(0...10_000_000),
            "So many tasks, each of which is the seed that every episode is reset with; 0 for none."),
        .key(
            "optimum", \.optimum, .optional(.number(-1e9, 1e9), "none"),
            "The best possible return of an episode, of all tasks, where it is known."),
    ]

    private static let reach: [Entry<ExternalSettings>] = [
        .key(
            "command", \.command, .list(of: .text("a program or an argument"), count: 1...32),
            "What starts the environment; where it is to listen and what it is to serve is added."),
        .key(
            "endpoint", \.endpoint, .optional(.text("tcp://127.0.0.1:PORT or ipc:///PATH"), "none"),
            "Where one listens already, instead of starting it."),
        .key(
            "start_seconds", \.startSeconds, .integer(1...250),
            "Seconds that it may take from its start to its first answer."),
        .key(
            "answer_seconds", \.answerSeconds, .number(0.05, 250),
            "Seconds that it may take for any other answer; a process that takes longer is ended and started again."),
        .key(
            "spare_processes", \.spareProcesses, .integer(0...IdleProcesses.most),
            "Processes that each actor process and evaluator keeps started beside those in use, to go on with at once where one fails."
        ),
    ]

    /// They are part of every stream's attributes, which hold 60,000 bytes.
    package static let mostListedTasks = 2000
    package static let mostBytes = 40_000

    package func contradictions() -> [Contradiction] {
        var found: [Contradiction] = []
        if (gymnasium == nil) == (factory == nil) {
            found.append(
                Contradiction(
                    ["gymnasium", "class"], "expected either an id of Gymnasium's or a class, one of the two"))
        }
        if !tasks.isEmpty, seeds > 0 {
            found.append(
                Contradiction(
                    ["seeds", "tasks"], "\(tasks.count) tasks are listed, and \(seeds) are seeds: expected one"))
        }
        if json.utf8.count > Self.mostBytes {
            found.append(
                Contradiction(
                    ["tasks", "arguments"],
                    "the settings take \(json.utf8.count) bytes, at most \(Self.mostBytes) fit a stream's attributes; "
                        + "a class can make tasks from their numbers"))
        }
        return found
    }

    /// What makes the environment what it is: not how it is reached, nor how long it may take.
    var identity: ExternalSettings {
        var identity = self
        let usual = ExternalSettings()
        (identity.command, identity.endpoint) = (usual.command, usual.endpoint)
        (identity.startSeconds, identity.answerSeconds) = (usual.startSeconds, usual.answerSeconds)
        identity.spareProcesses = usual.spareProcesses
        return identity
    }

    /// How it is started, or where it listens.
    var program: EnvironmentProgram {
        let served = gymnasium.map { ["--gymnasium", $0] } ?? factory.map { ["--class", $0] } ?? []
        let options =
            served + wrappers.flatMap { ["--wrapper", $0] }
            + (arguments.isEmpty ? [] : ["--arguments", arguments.json])
        return EnvironmentProgram(
            name: gymnasium ?? factory ?? "",
            way: endpoint.map { EnvironmentProgram.Way.connect($0) } ?? .start(command + options),
            startMilliseconds: startSeconds * 1000, answerMilliseconds: Int(answerSeconds * 1000),
            spareProcesses: spareProcesses)
    }
}

extension ExternalSettings.Description {
    /// What a process has answered.
    init(_ reply: EnvironmentReply.Description) {
        self.init()
        (observation, action) = (reply.observation, reply.action)
        (horizon, tasks) = (reply.horizon, reply.tasks)
        software = reply.software.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
    }

    /// Whether an environment with this description can stand for one with the other: versions of packages may differ.
    func isLike(_ other: Self) -> Bool {
        observation == other.observation && action == other.action && horizon == other.horizon && tasks == other.tasks
    }
}

extension ValueForm where Value == Space {
    /// As Gymnasium writes spaces.
    fileprivate static var space: ValueForm {
        let accepted = "space as in Discrete(5), MultiDiscrete([9 9]) or Box(0, 255, (72, 96, 3), uint8)"
        let text = ValueForm<String>.text(accepted) { Space($0) == nil ? "not a space" : nil }
        return ValueForm(
            accepted: accepted,
            read: { node throws(Mismatch) in
                guard let space = Space(try text.read(node)) else { throw Mismatch(came: node.outline) }
                return space
            },
            write: { .text($0.description) })
    }
}
