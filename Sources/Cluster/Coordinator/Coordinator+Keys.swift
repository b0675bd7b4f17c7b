package import Wire

extension Coordinator {
    /// The clients that may connect to learners and recorders; they are told at the next tick.
    package func allow(_ keys: AllowedKeys) { allowedKeys = keys }

    /// Every server of the cluster gets the list that counts, and each list once (again until it is acknowledged).
    func announceAllowedKeys(now: UInt64, outbox: inout Outbox) {
        guard let allowedKeys else { return }
        for role in RoleName.allCases where role.isServer {
            for name in members(role) where nodes[name]?.allowedKeysGeneration != allowedKeys.generation {
                nodes[name]?.allowedKeysGeneration = allowedKeys.generation
                commands.send(.allowedKeys(allowedKeys), to: .peer(name), now: now, outbox: &outbox)
            }
        }
    }
}

extension RoleName {
    /// Whether other nodes than the coordinator connect to it.
    var isServer: Bool { self == .learner || self == .recorder }
}
