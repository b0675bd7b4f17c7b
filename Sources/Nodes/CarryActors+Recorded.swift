package import Wire

extension CarryActors {
    /// Those of the actors whose streams the recorder writes: the ones below `recordedActors`. Empty where none of
    /// them is.
    package var recorded: Range<Int> { actors.clamped(to: 0..<max(recordedActors, actors.lowerBound)) }

    /// Whether any of these actors is recorded. False without a recorder's endpoint: such actors are only learnt
    /// from.
    package var recordsAny: Bool { actors.lowerBound < recordedActors && !recorderEndpoint.isEmpty }
}
