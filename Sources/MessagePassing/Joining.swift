package import Distillation

/// The ranks that a launcher has started, until one of them leaves or ends them all.
package protocol LaunchedRanks: RankGroup {
    /// Collective: returns when every rank has come to its end, and makes no further call possible. Afterwards processes
    /// may exit, with any code.
    func leave()

    /// Ends all ranks at once, with exit code 1, where this one has failed alone.
    func abort() -> Never
}

/// The ranks that this process was started as one of; nil where it is alone, also where this was built with MPI. Throws
/// `LaunchError` where several were started that would all train the same. On the main thread, once.
package func joinRanks(_ environment: [String: String]) throws(LaunchError) -> (any LaunchedRanks)? {
    guard let launch = Launch(environment) else { return nil }
    #if MPI
        guard launch.isOpenMPI else {
            guard launch.count > 1 else { return nil }
            throw LaunchError(
                description: "this is one of \(launch.count) processes of a launcher that is not OpenMPI's "
                    + "(\(launch.variable)): start them by OpenMPI's mpirun, or on Slurm by srun --mpi=pmix")
        }
        return try MPIRanks(launch)
    #else
        guard launch.count > 1 else { return nil }
        throw LaunchError(
            description: "this is one of \(launch.count) processes that were started together (\(launch.variable)), "
                + "and this program was built without MPI, so that each would train the same. Build it with MPI: "
                + "apt-get install libopenmpi-dev openmpi-bin && swift build -c release --traits MPI (docs/mpi.md)")
    #endif
}

/// Whether this was built to train by several processes.
package var isBuiltWithMPI: Bool {
    #if MPI
        true
    #else
        false
    #endif
}
