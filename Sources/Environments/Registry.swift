package import Settings

extension RegisteredEnvironment {
    /// The environments that an experiment can name, a line each.
    package static let registry = Registry<RegisteredEnvironment>(
        "environment",
        [
            RegisteredEnvironment(DarkRoomTasks.self),
            RegisteredEnvironment(DarkRoomHardTasks.self),
            RegisteredEnvironment(KeyToDoorTasks.self),
            RegisteredEnvironment(BanditTasks.self),
            RegisteredEnvironment(WatermazeTasks.self),
        ])
}
