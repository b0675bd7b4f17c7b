package import Wire

extension CarryActors {
    /// Those of the actors that are recorded.
    package var recorded: Range<Int> { actors.clamped(to: 0..<max(recordedActors, actors.lowerBound)) }

    /// Whether any of these actors is recorded.
    package var recordsAny: Bool { actors.lowerBound < recordedActors && !recorderEndpoint.isEmpty }
}
