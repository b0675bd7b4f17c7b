package import Experience
import Settings

/// The spaces of the environment that a model acts in, with the sizes that every loop over stored bytes needs. A model
/// is made for one pair of spaces: streams, prompts and environments that have others are refused before they reach it.
///
/// Observations may be of any kind here; a kind of model refuses itself what it cannot look at, as `ObservationEmbedding`
/// does what is neither integers nor an image.
package struct ModelSpaces: Sendable, Hashable {
    package let observationSpace: Space
    package let actionSpace: Space
    /// A, how many actions there are; logits have so many columns.
    package let actionCount: Int
    /// Bytes of an observation as it is seen.
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

    /// The action "none", number A: the previous action of a window's first row. The table of action embeddings has a
    /// row for it, the logits have none.
    package var noAction: Int32 { Int32(actionCount) }

    /// The action that is stored at `bytes`, from 0 to A - 1 where the bytes lie in their space.
    @inline(__always)
    package func action(at bytes: UnsafeRawPointer) -> Int32 { Int32(actionSpace.integer(at: 0, of: bytes)) }

    /// Writes `actionBytes` bytes: one where there are at most 256 actions, otherwise four.
    @inline(__always)
    package func store(_ action: Int, at bytes: UnsafeMutableRawPointer) {
        if actionBytes == 1 {
            bytes.storeBytes(of: UInt8(action), as: UInt8.self)
        } else {
            bytes.storeBytes(of: Int32(action), as: Int32.self)
        }
    }
}
