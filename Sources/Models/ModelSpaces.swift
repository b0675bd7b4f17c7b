package import Experience
import Settings

/// The spaces of the environment that a model acts in: observations of any kind, one of several actions.
package struct ModelSpaces: Sendable, Hashable {
    package let observationSpace: Space
    package let actionSpace: Space
    /// A.
    package let actionCount: Int
    /// Bytes of an observation as streams store it.
    package let observationBytes: Int
    /// Bytes of an action as streams store it.
    package let actionBytes: Int

    /// Throws `SettingsError` for actions that are not discrete.
    package init(observationSpace: Space, actionSpace: Space) throws {
        guard case .discrete(let count) = actionSpace else {
            throw SettingsError(
                "action space", "must be discrete for a model that predicts actions", found: "\(actionSpace)")
        }
        actionCount = count
        self.observationSpace = observationSpace
        self.actionSpace = actionSpace
        observationBytes = observationSpace.byteCount
        actionBytes = actionSpace.byteCount
    }

    /// The action "none", which stands before a window's first row.
    package var noAction: Int32 { Int32(actionCount) }

    /// The action that is stored at `bytes`.
    @inline(__always)
    package func action(at bytes: UnsafeRawPointer) -> Int32 { Int32(actionSpace.integer(at: 0, of: bytes)) }

    /// Stores an action as its space does.
    @inline(__always)
    package func store(_ action: Int, at bytes: UnsafeMutableRawPointer) {
        if actionBytes == 1 {
            bytes.storeBytes(of: UInt8(action), as: UInt8.self)
        } else {
            bytes.storeBytes(of: Int32(action), as: Int32.self)
        }
    }
}
