/// What a set of streams belongs to: the histories of a run, or one of its evaluations.
package enum StreamCollection: Hashable, Sendable {
    /// The learning histories that a distiller trains on.
    case histories
    /// A name of ASCII letters, digits, `-` and `_`, at most 64 of them.
    case evaluation(String)
}

/// One source algorithm learning from scratch on one task, or one evaluation of a task. A task may have several
/// lifetimes, told apart by `repetition`.
package struct LifetimeIdentifier: Hashable, Sendable {
    package let collection: StreamCollection
    /// Id of the task in the run's distribution.
    package let task: Int
    /// 0 in an evaluation.
    package let repetition: Int

    /// By default the first lifetime's collection: the histories.
    package init(collection: StreamCollection = .histories, task: Int, repetition: Int) {
        self.collection = collection
        self.task = task
        self.repetition = repetition
    }
}

extension LifetimeIdentifier {
    /// Of an evaluation of this name: it has one lifetime for each task, repetition 0, and its seeds are the actors.
    package init(evaluation name: String, task: Int) {
        self.init(collection: .evaluation(name), task: task, repetition: 0)
    }
}

/// One actor's experience in order: the paper's learning history. One stream is one file, and `path` and `init?(path:)`
/// say which. In an evaluation the actor is the seed's number.
package struct StreamIdentifier: Hashable, Sendable {
    /// Which task, and which life on it.
    package let lifetime: LifetimeIdentifier
    /// Number of the actor in its lifetime, from 0; in an evaluation the number of the seed.
    package let actor: Int

    /// Whether the run has such a stream is not known here.
    package init(lifetime: LifetimeIdentifier, actor: Int) {
        self.lifetime = lifetime
        self.actor = actor
    }
}

extension LifetimeIdentifier: CustomStringConvertible {
    /// For people: `task 42 lifetime 0`, or `evaluation step-00020000 task 42`.
    package var description: String {
        switch collection {
        case .histories: "task \(task) lifetime \(repetition)"
        case .evaluation(let name): "evaluation \(name) task \(task)"
        }
    }

    /// The folder below the run in which the learning histories of a task are: `histories/task-00042`.
    package static func historiesFolder(of task: Int) -> String { "histories/task-\(padded(task, 5))" }

    /// The folder below the run: `histories/task-00042/lifetime-000` or `evaluations/ID/task-00042`.
    ///
    /// Its names sort as their numbers do, for tasks below 100,000 and lifetimes below 1,000.
    package var folder: String {
        switch collection {
        case .histories: "\(Self.historiesFolder(of: task))/lifetime-\(padded(repetition, 3))"
        case .evaluation(let name): "evaluations/\(name)/task-\(padded(task, 5))"
        }
    }
}

extension StreamIdentifier: CustomStringConvertible {
    /// In logs and errors: `task 42 lifetime 0 actor 7`.
    package var description: String { "\(lifetime) actor \(actor)" }

    /// What the file at `path` below the run belongs to; nil where no stream has that place. Only the exact spelling of
    /// `path` is accepted: one stream has one path.
    ///
    /// Used to make a catalogue from files. Numbers with too few digits, other suffixes and other folders give nil.
    package init?(path: String) {
        let parts = path.split(separator: "/").map(String.init)
        guard parts.count == 4, let file = parts.last, file.hasSuffix(".h5") else { return nil }
        func number(_ text: String) -> Int? { text.split(separator: "-").last.flatMap { Int($0) } }
        let isHistory = parts[0] == "histories"
        guard let task = number(parts[isHistory ? 1 : 2]), let actor = number(String(file.dropLast(3))),
            let repetition = isHistory ? number(parts[2]) : 0
        else { return nil }
        lifetime = LifetimeIdentifier(
            collection: isHistory ? .histories : .evaluation(parts[1]), task: task, repetition: repetition)
        self.actor = actor
        guard self.path == path else { return nil }
    }

    /// The file below the run, for example `histories/task-00042/lifetime-000/actor-0007.h5`.
    ///
    /// Unique for each stream: what the catalogue's rows are named by.
    package var path: String {
        switch lifetime.collection {
        case .histories: "\(lifetime.folder)/actor-\(padded(actor, 4)).h5"
        case .evaluation: "\(lifetime.folder)/seed-\(padded(actor, 2)).h5"
        }
    }
}

/// `number` in decimal with leading zeros to at least `width` digits.
///
/// A number that has more digits keeps them.
package func padded(_ number: Int, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
}
