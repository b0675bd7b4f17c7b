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

    /// The environments that an experiment can name: those, and trials of them.
    package static let registry = Registry<RegisteredEnvironment>(
        "environment", single.all + [RegisteredEnvironment(TrialsTasks.self)])
}
