package import Settings

extension RegisteredEnvironment {
    /// The environments that trials can be made of, a line each.
    package static let single = Registry<RegisteredEnvironment>(
        "environment",
        [
            RegisteredEnvironment(DarkRoomTasks.self),
            RegisteredEnvironment(DarkRoomHardTasks.self),
            RegisteredEnvironment(KeyToDoorTasks.self),
            RegisteredEnvironment(BanditTasks.self),
            RegisteredEnvironment(WatermazeTasks.self),
        ])

    /// The environments that an experiment can name: those, trials of them, and the environments in another process, of which
    /// there are no trials.
    package static let registry = Registry<RegisteredEnvironment>(
        "environment",
        single.all + [
            RegisteredEnvironment(ExternalTasks.self),
            RegisteredEnvironment(TrialsTasks.self),
        ])
}
