/// What a launcher of MPI says in the environment of each process that it starts.
struct Launch: Equatable {
    /// Processes that were started together.
    let count: Int
    /// The variable that says so.
    let variable: String
    /// Whether the launcher speaks OpenMPI's protocol: `mpirun` of OpenMPI, or `srun --mpi=pmix`.
    let isOpenMPI: Bool

    /// Nil where no launcher says anything.
    init?(_ environment: [String: String]) {
        func number(_ name: String) -> Int? { environment[name].flatMap(Int.init) }
        if let count = number("OMPI_COMM_WORLD_SIZE") {
            self = Launch(count: count, variable: "OMPI_COMM_WORLD_SIZE", isOpenMPI: true)
        } else if environment["PMIX_RANK"] != nil, let count = number("SLURM_STEP_NUM_TASKS") {
            self = Launch(count: count, variable: "SLURM_STEP_NUM_TASKS", isOpenMPI: true)
        } else if let count = number("PMI_SIZE") {
            self = Launch(count: count, variable: "PMI_SIZE", isOpenMPI: false)
        } else {
            return nil
        }
    }

    private init(count: Int, variable: String, isOpenMPI: Bool) {
        self.count = count
        self.variable = variable
        self.isOpenMPI = isOpenMPI
    }
}

/// Processes that were started together and cannot train together; the description says why, and what to do.
package struct LaunchError: Error, CustomStringConvertible, Sendable {
    package let description: String
}
