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
        ])

    /// The environments that an experiment can name: those, trials of them, and those whose streams do not store what is
    /// seen, of which there are no trials.
    package static let registry = Registry<RegisteredEnvironment>(
        "environment",
        single.all + [RegisteredEnvironment(WatermazeTasks.self), RegisteredEnvironment(TrialsTasks.self)])
}
