import Experience
import Synchronization

/// What is seen of the rows of trials: a row says its task behind the state, and each is shown as that task shows it.
struct TrialsView: ObservationView {
    /// Whose rows they are.
    enum Shown {
        /// All are of one task.
        case one(any ObservationView)
        /// Each of the task of these that it names.
        case any(of: any TaskDistribution)
    }

    /// As many as a float counts one by one.
    static let mostTasks = 1 << 24

    private let shown: Shown
    private let known = KnownViews()
    private let stateBytes: Int
    private let seenBytes: Int

    /// `stored`: what the environment inside stores; `seen`: its observation space.
    init(_ shown: Shown, stored: Space, seen: Space) {
        self.shown = shown
        stateBytes = stored.byteCount
        seenBytes = seen.byteCount
    }

    /// `stored`: (count, state and the task's id). A row that names no task, as only a file from elsewhere can have, is shown as
    /// the nearest one shows it.
    func see(_ stored: UnsafeRawPointer, count: Int, into observations: UnsafeMutableRawPointer) {
        let width = stateBytes + MemoryLayout<Float>.size
        var (view, number): ((any ObservationView)?, Float) = (nil, 0)
        if case .one(let always) = shown { view = always }
        for row in 0..<count {
            let source = stored + row * width
            if case .any(let tasks) = shown {
                let task = source.loadUnaligned(fromByteOffset: stateBytes, as: Float.self)
                if view == nil || task != number {
                    view = known.view(Int(max(0, min(Float(tasks.count - 1), task))), of: tasks)
                    number = task
                }
            }
            view?.see(source, count: 1, into: observations + row * seenBytes)
        }
    }
}

/// The views of tasks that were shown lately: actors show each row of a step on another task, and to make a view reads the
/// task's text.
private final class KnownViews: Sendable {
    /// A view holds a few numbers.
    private static let most = 4096
    private let views = Mutex<[Int: any ObservationView]>([:])

    func view(_ id: Int, of tasks: any TaskDistribution) -> any ObservationView {
        if let view = views.withLock({ $0[id] }) { return view }
        let made = Self.make(id, of: tasks)
        views.withLock {
            if $0.count == Self.most { $0.removeAll(keepingCapacity: true) }
            $0[id] = made
        }
        return made
    }

    private static func make(_ id: Int, of tasks: any TaskDistribution) -> any ObservationView {
        do {
            if let view = try tasks.view(of: try tasks.task(id)) { return view }
        } catch { preconditionFailure("task \(id) of \(tasks.environment.name) cannot be shown: \(error)") }
        preconditionFailure("task \(id) of \(tasks.environment.name) is not shown")
    }
}
