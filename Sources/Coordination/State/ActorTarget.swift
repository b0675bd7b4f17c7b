/// How many actors there are to be: what the experiment asks for, or `scale` in its place. Owned by the coordinator.
package struct ActorTarget {
    /// Actors that a process carries.
    private let perProcess: Int
    /// Actor processes.
    package private(set) var processes: Int
    /// Actors of each elastic lifetime.
    package private(set) var perLifetime: Int
    /// Whether `scale` has set it.
    package private(set) var isScaled = false

    /// The experiment's numbers.
    package init(processes: Int, perProcess: Int, perLifetime: Int) {
        self.processes = processes
        self.perProcess = max(1, perProcess)
        self.perLifetime = perLifetime
    }

    /// Processes that carry so many actors.
    package func processes(for actors: Int) -> Int { (actors + perProcess - 1) / perProcess }

    /// What `scale` has asked for, now or in an earlier start of the run.
    package mutating func apply(_ scale: Scale) {
        isScaled = true
        processes = processes(for: scale.actors)
        perLifetime = scale.actorsOfLifetime
    }
}
