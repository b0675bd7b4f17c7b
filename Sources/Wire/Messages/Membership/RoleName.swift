import CWire

/// What a process is in the cluster; the raw values are what travels, and what logs and files have.
package enum RoleName: String, Sendable, CaseIterable, Codable {
    case coordinator, actor, learner, recorder, distiller, evaluator, supervisor
}

extension RoleName {
    /// Throws `WireError` for a name that is none.
    ///
    /// At most 80 characters of what came are repeated in the error.
    init(decoding name: String) throws {
        guard let role = RoleName(rawValue: name) else {
            throw WireError(
                "the role \(name.prefix(80).debugDescription); expected one of "
                    + RoleName.allCases.map(\.rawValue).joined(separator: ", "))
        }
        self = role
    }
}
