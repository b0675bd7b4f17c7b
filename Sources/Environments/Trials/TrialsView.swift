import Experience

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
    private let stateBytes: Int
    private let seenBytes: Int

    /// `stored`: what the environment inside stores; `seen`: its observation space.
    init(_ shown: Shown, stored: Space, seen: Space) {
        self.shown = shown
        stateBytes = stored.byteCount
        seenBytes = seen.byteCount
    }

    /// `stored`: (count, state and the task's id). Rows of one task stand together, and a view is made for each change of
    /// it. A row that names no task, as only a file from elsewhere can have, is shown as the nearest one shows it.
    func see(_ stored: UnsafeRawPointer, count: Int, into observations: UnsafeMutableRawPointer) {
        let width = stateBytes + MemoryLayout<Float>.size
        var (view, number): ((any ObservationView)?, Float) = (nil, 0)
        if case .one(let always) = shown { view = always }
        for row in 0..<count {
            let source = stored + row * width
            if case .any(let tasks) = shown {
                let task = source.loadUnaligned(fromByteOffset: stateBytes, as: Float.self)
                if view == nil || task != number { (view, number) = (Self.view(task, of: tasks), task) }
            }
            view?.see(source, count: 1, into: observations + row * seenBytes)
        }
    }

    private static func view(_ number: Float, of tasks: any TaskDistribution) -> any ObservationView {
        let id = Int(max(0, min(Float(tasks.count - 1), number)))
        do {
            if let view = try tasks.view(of: try tasks.task(id)) { return view }
        } catch { preconditionFailure("task \(id) of \(tasks.environment.name) cannot be shown: \(error)") }
        preconditionFailure("task \(id) of \(tasks.environment.name) is not shown")
    }
}
