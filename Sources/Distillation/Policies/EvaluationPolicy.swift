package import Agents
package import Environments
package import Experience
package import Settings

/// What acts in an evaluation: the copies of one task's environment, one for each seed, through all episodes of each.
/// Belongs to one thread.
///
/// An action depends on the copy's key and on what the copy has lived through, not on the copies beside it or on the
/// evaluator: a job that is begun anew comes out the same. A policy that lives through its episodes, as one of RL2
/// does, keeps its state over them: `act` says where an episode begins (`steps` is 0), and `receive` what it brought.
package protocol EvaluationPolicy: StreamActor {
    /// Steps of a rollout, after each of which it learns; nil where it does not, and rollouts are as long as episodes.
    var rolloutLength: Int? { get }
    /// The version of what chooses the actions now, which its streams' rollouts hold; it never falls.
    var version: UInt64 { get }
    /// Called again and again while a long step is at work.
    var onProgress: (() -> Void)? { get set }
    /// Takes the rollouts that it has just acted in, one of each copy that had not ended. Throws what learning throws.
    func learn(from batch: RolloutBatch) throws
}

extension EvaluationPolicy {
    package var rolloutLength: Int? { nil }
    package var version: UInt64 { 0 }
    package func learn(from batch: RolloutBatch) throws {}
}

/// What a policy is to act on.
package struct EvaluatedTask {
    package let distribution: any TaskDistribution
    package let task: Task
    /// One for each copy; the actor of the first is 0, of the next 1.
    package let keys: [StreamKey]
    /// What every copy is shown before its first step, where the policy's settings name a prompt.
    package let prompt: PromptRows?

    package init(distribution: any TaskDistribution, task: Task, keys: [StreamKey], prompt: PromptRows? = nil) {
        self.distribution = distribution
        self.task = task
        self.keys = keys
        self.prompt = prompt
    }

    package var environment: EnvironmentDescription { distribution.environment }
}

/// A policy as a kind that evaluations and their streams name.
///
/// A new one is one file beside this one and a line in `Registry.swift`. What it needs of a checkpoint is a type of its
/// own, so that a checkpoint of another kind than the distilled model's can be acted by: an evaluator reads a
/// checkpoint once for all jobs that need it.
package protocol EvaluationPolicyKind: SendableMetatype {
    associatedtype Settings: SettingsGroup
    /// What it reads of a checkpoint; `Never` where it needs none.
    associatedtype Parameters = Never
    /// In experiments, and the stream attribute `source_algorithm`: `random`.
    static var name: String { get }
    /// One sentence for people.
    static var summary: String { get }
    /// The settings in an experiment whose lifetimes run `source` with so many actors.
    static func settings(besides source: SourceAlgorithm, actors: Int) -> Settings
    /// Throws for an environment in which it cannot act, before a run starts: a sentence that says why.
    static func check(_ settings: Settings, in distribution: any TaskDistribution) throws
    /// Throws `FileError` for a checkpoint that is damaged, of another kind, or of another environment.
    static func read(_ checkpoint: Checkpoint, of environment: EnvironmentDescription) throws -> Parameters
    /// `parameters`: what `read` gave; nil where it needs no checkpoint.
    static func make(
        _ settings: Settings, _ parameters: Parameters?, on task: EvaluatedTask
    ) throws -> any EvaluationPolicy
}

extension EvaluationPolicyKind {
    package static func settings(besides source: SourceAlgorithm, actors: Int) -> Settings { Settings() }
    package static func check(_ settings: Settings, in distribution: any TaskDistribution) throws {}
}

extension EvaluationPolicyKind where Parameters == Never {
    package static func read(_ checkpoint: Checkpoint, of environment: EnvironmentDescription) throws -> Never {
        throw PolicyError("the policy \(name) needs no checkpoint")
    }
}

/// Why a policy cannot act, in words for people.
package struct PolicyError: Error, CustomStringConvertible, Sendable {
    package let description: String
    package init(_ description: String) { self.description = description }
}

/// A policy in the registry: an `EvaluationPolicyKind` without its types, so that kinds with different settings stand in
/// one list.
package struct RegisteredPolicy: SettingsKind {
    package let name: String
    package let summary: String
    package let defaults: any SettingsGroup
    /// Whether it acts by a checkpoint's parameters.
    package let needsCheckpoint: Bool
    fileprivate let settings: @Sendable (SourceAlgorithm, Int) -> any SettingsGroup
    fileprivate let check: @Sendable (any SettingsGroup, any TaskDistribution) throws -> Void
    fileprivate let read: @Sendable (Checkpoint, EnvironmentDescription) throws -> Any
    fileprivate let make: @Sendable (any SettingsGroup, Any?, EvaluatedTask) throws -> any EvaluationPolicy

    package init<Kind: EvaluationPolicyKind>(_ kind: Kind.Type) {
        @Sendable func own(_ settings: any SettingsGroup) -> Kind.Settings {
            guard let settings = settings as? Kind.Settings else {
                preconditionFailure("settings of another policy than \(Kind.name)")
            }
            return settings
        }
        name = Kind.name
        summary = Kind.summary
        defaults = Kind.Settings()
        needsCheckpoint = Kind.Parameters.self != Never.self
        settings = { Kind.settings(besides: $0, actors: $1) }
        check = { try Kind.check(own($0), in: $1) }
        read = { try Kind.read($0, of: $1) }
        make = { try Kind.make(own($0), $1 as? Kind.Parameters, on: $2) }
    }
}

/// A policy with its settings: what an evaluation names and its streams remember.
package typealias PolicyChoice = Chosen<RegisteredPolicy>

extension Chosen where Kind == RegisteredPolicy {
    /// The choice as code makes it.
    package init<Policy: EvaluationPolicyKind>(_ kind: Policy.Type, _ settings: Policy.Settings = Policy.Settings()) {
        self.init(RegisteredPolicy(kind), settings: settings)
    }

    /// As an experiment names it whose lifetimes run `source` with so many actors. Throws `SettingsError` for a name
    /// that no policy has.
    package init(named name: String, besides source: SourceAlgorithm, actors: Int) throws(SettingsError) {
        func choose(_ kind: RegisteredPolicy, _ settings: some SettingsGroup) -> Self { Self(kind, settings: settings) }
        let kind = try RegisteredPolicy.registry.named(name)
        self = choose(kind, kind.settings(source, actors))
    }

    package var name: String { kind.name }
    /// Whether it acts by a checkpoint's parameters.
    package var needsCheckpoint: Bool { kind.needsCheckpoint }

    /// See `EvaluationPolicyKind.check`.
    package func check(in distribution: any TaskDistribution) throws { try kind.check(settings, distribution) }

    /// What it acts by, for `make`: see `EvaluationPolicyKind.read`.
    package func parameters(of checkpoint: Checkpoint, in environment: EnvironmentDescription) throws -> Any {
        try kind.read(checkpoint, environment)
    }

    /// See `EvaluationPolicyKind.make`.
    package func make(_ parameters: Any?, on task: EvaluatedTask) throws -> any EvaluationPolicy {
        try kind.make(settings, parameters, task)
    }
}
