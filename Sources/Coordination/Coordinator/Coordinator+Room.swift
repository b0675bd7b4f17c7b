import Catalog
import Files
import Foundation
import Logging
package import Nodes
import Wire

/// A turn whose decisions could not be written down for lack of room, with everything that it wanted to say.
struct WithheldTurn {
    /// Its messages, which are sent when its entries are in the catalogue.
    var outbox: Outbox
    /// What is waited for, in words.
    var obstacle: String
    /// When it is tried again, in nanoseconds of the coordinator's clock.
    var nextTry: UInt64
}

/// A full disk. The turn that finds it full is withheld whole: its messages wait, and so does every further decision,
/// so that no node can hear of anything that another coordinator would not find in the catalogue. Meanwhile only that
/// is answered which depends on nothing decided; everything else is said again by its sender.
extension Coordinator {
    /// Time between two tries to write a withheld turn down.
    private static let retryNanoseconds: UInt64 = 1_000_000_000
    /// Senders of checkpoints try again within this time.
    private static let checkpointObstacleNanoseconds: UInt64 = 5_000_000_000

    /// Writes down what was decided, before anything is sent that tells of it: leaves in `outbox` what may be sent now.
    /// Throws what is no lack of room.
    package func commit(_ outbox: inout Outbox, now: UInt64) throws {
        if let withheld, now < withheld.nextTry { return }
        do { try journal.commit() } catch  where isLackOfRoom(error) {
            return withhold(&outbox, "room on the disk: \(error)", now: now)
        }
        if !obsoleteStates.isEmpty { removeObsoleteStates() }
        guard var turn = withheld else { return }
        withheld = nil
        hasChanged = true
        turn.outbox.append(outbox)
        outbox = turn.outbox
        logger.notice("there is room on the disk: the coordinator goes on")
    }

    /// Keeps the turn's messages until its entries are in the catalogue. A further try that fails only renews the
    /// reason and the time; the first turn's messages stay.
    private func withhold(_ outbox: inout Outbox, _ obstacle: String, now: UInt64) {
        let nextTry = now + Self.retryNanoseconds
        guard withheld == nil else {
            withheld?.obstacle = obstacle
            withheld?.nextTry = nextTry
            return
        }
        withheld = WithheldTurn(outbox: outbox, obstacle: obstacle, nextTry: nextTry)
        outbox.removeAll()
        logger.warning("the coordinator waits", metadata: ["for": "\(obstacle)"])
    }

    /// A message while a turn is withheld: answered where the answer depends on nothing that is to be written down,
    /// else ignored, so that its sender sends it again.
    func receiveWithoutRoom(
        _ envelope: Envelope, from node: Node?, _ sender: Address, now: UInt64, outbox: inout Outbox
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
            let reason = "the coordinator waits for \(withheld?.obstacle ?? ""); ask again when there is room"
            outbox.send(.failure(reason), to: sender, request: envelope.request)
        default: break
        }
    }

    /// A checkpoint could not be written; the one before it stays, and its sender tries again.
    func noteUnwritten(_ checkpoint: String, _ reason: String, now: UInt64) {
        unwrittenCheckpoints += 1
        if lackOfCheckpoints(now: now) == nil {
            logger.warning(
                "a checkpoint is not stored", metadata: ["checkpoint": "\(checkpoint)", "reason": "\(reason)"])
        }
        checkpointObstacle = ("\(checkpoint) to be stored: \(reason)", now)
    }

    /// For `status`; nil when no checkpoint was left unwritten in the last 5 s.
    func lackOfCheckpoints(now: UInt64) -> Lack? {
        guard let (reason, time) = checkpointObstacle, now < time + Self.checkpointObstacleNanoseconds else {
            return nil
        }
        return Lack(kind: .checkpoints, why: reason)
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
