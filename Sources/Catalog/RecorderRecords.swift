package import Experience

/// A folder into which a recorder of the run writes, as it was named last.
package struct RecorderRecord: Hashable, Sendable {
    /// Of the folder; empty for the run's own.
    package let identity: String
    package let host: String
    /// On that host.
    package let path: String

    package init(identity: String, host: String, path: String) {
        self.identity = identity
        self.host = host
        self.path = path
    }
}

/// All streams of a lifetime, or of an evaluation's task, lie with one recorder, from before the first of them is opened.
package struct PinRecord: Hashable, Sendable {
    package let lifetime: LifetimeIdentifier
    /// The identity of its folder.
    package let recorder: String

    package init(lifetime: LifetimeIdentifier, recorder: String) {
        self.lifetime = lifetime
        self.recorder = recorder
    }
}
