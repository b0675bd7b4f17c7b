import Catalog
import Files
import Foundation
import Logging
package import Nodes
import Wire

/// A full disk. The turn that finds it full is withheld whole: its messages wait, and so does every further decision,
/// so that no node can hear of anything that another coordinator would not find in the catalogue. Meanwhile only that
/// is answered which depends on nothing decided; everything else is said again by its sender.
extension Coordinator {
    /// Writes down what was decided, before anything is sent that tells of it: leaves in `outbox` what may be sent now.
    /// Throws what is no lack of room.
    package func commit(_ outbox: inout Outbox, now: UInt64) throws {
        if room.isResting(now: now) { return }
        do { try journal.commit() } catch  where isLackOfRoom(error) {
            let obstacle = "room on the disk: \(error)"
            if room.withhold(&outbox, obstacle, now: now) {
                logger.warning("the coordinator waits", metadata: ["for": "\(obstacle)"])
            }
            return
        }
        removeObsoleteStates()
        guard room.release(into: &outbox) else { return }
        hasChanged = true
        logger.notice("there is room on the disk: the coordinator goes on")
    }

    /// A message while a turn is withheld: answered where the answer depends on nothing that is to be written down,
    /// else ignored, so that its sender sends it again.
    func receiveWithoutRoom(
        _ envelope: Envelope, from node: ConnectedNode?, _ sender: Address, now: UInt64, outbox: inout Outbox
    ) throws {
        switch envelope.message {
        case .heartbeat(let heartbeat):
            if let node { note(heartbeat, of: node, now: now) }
            outbox.send(.acknowledgement, to: sender)
        // A node that wants to join learns that the coordinator is here.
        case .hello: outbox.send(.acknowledgement, to: sender)
        case .statusRequest:
            outbox.send(.statusAnswer(json: try statusJSON(now: now)), to: sender, request: envelope.request)
        case .stop:
            outbox.send(.acknowledgement, to: sender, request: envelope.request)
            isStopping = true
        case .scale, .drain:
            guard node == nil else { return }
            let reason = "the coordinator waits for \(room.obstacle ?? ""); ask again when there is room"
            outbox.send(.failure(reason), to: sender, request: envelope.request)
        default: break
        }
    }

    /// A checkpoint could not be written; the one before it stays, and its sender tries again.
    func noteUnwritten(_ checkpoint: String, _ reason: String, now: UInt64) {
        guard room.noteUnwritten(checkpoint, reason, now: now) else { return }
        logger.warning(
            "a checkpoint is not stored", metadata: ["checkpoint": "\(checkpoint)", "reason": "\(reason)"])
    }
}

/// Whether the disk was full, so that the same may succeed later. It looks through the errors of the catalogue, of
/// Foundation and of our own files, since each wraps ENOSPC in its own way.
package func isLackOfRoom(_ error: any Error) -> Bool {
    switch error {
    case let error as CatalogError: error.reason == .full
    case let error as CocoaError:
        error.code == .fileWriteOutOfSpace
            || (error.userInfo[NSUnderlyingErrorKey] as? any Error).map(isLackOfRoom) ?? false
    case let error as POSIXError: FileError.isLackOfRoom(error.code.rawValue)
    case let error as FileError: error.isLackOfRoom
    default: false
    }
}
