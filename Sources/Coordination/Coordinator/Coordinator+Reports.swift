import Logging
import Nodes
import Wire

/// What becomes of a report that a node sends again until it is answered.
enum Reception {
    /// It is written down, now or before: acknowledged.
    case taken
    /// The coordinator will never take it; the sender is told why and forgets it.
    case refused(String)
    /// A lease that the report is about is over, by no fault of the sender: refused too, but no trouble.
    case over(String)
    /// It cannot be decided yet: no answer, so that the report comes again.
    case later
}

/// Messages of nodes that have joined. A report is taken of the role whose report it is and of no other: only a
/// learner ends a lifetime, a recorder a stream, an evaluator a job.
extension Coordinator {
    /// One message of a node, that is neither a hello nor an order.
    func receiveWork(_ envelope: Envelope, from node: ConnectedNode, now: UInt64, outbox: inout Outbox) throws {
        let name = node.hello.name
        let sender = Address.peer(name)
        switch envelope.message {
        case .checkpointPiece(let piece): take(piece, from: node, envelope.request, now: now, outbox: &outbox)
        case .learnerCheckpoint(let checkpoint):
            take(checkpoint, from: name, envelope.request, now: now, outbox: &outbox)
        case .checkpointRequest(let request):
            if request != node.lastPiece { movement.note(now: now) }
            node.lastPiece = request
            answer(request, to: name, envelope.request, outbox: &outbox)
        case .heartbeat(let heartbeat):
            note(heartbeat, of: node, now: now)
            outbox.send(.acknowledgement, to: sender)
        case .failure(let reason):
            guard complaints.allows(sender, now: now) else { return }
            logger.warning("a node complains", metadata: ["node": "\(name)", "reason": "\(reason)"])
            node.complaint = (reason, now)
        default:
            let reception = try takeReport(envelope.message, from: node, now: now, outbox: &outbox)
            answer(reception, to: sender, envelope.request, outbox: &outbox)
        }
    }

    /// An acknowledgement is sent for what was taken, and for nothing else. A report without a number is not waited for
    /// by its sender, and so gets no acknowledgement.
    private func answer(
        _ reception: Reception, to sender: Address, _ request: UInt64, outbox: inout Outbox
    ) {
        switch reception {
        case .taken: if request != 0 { outbox.send(.acknowledgement, to: sender, request: request) }
        case .refused(let reason): refuse(reason, to: sender, request, outbox: &outbox)
        case .over(let reason): outbox.send(.failure(reason), to: sender, request: request)
        case .later: break
        }
    }

    /// Picks the handler by the kind of the report and the role of its sender, and refuses every other pair. Throws
    /// what the journal throws.
    private func takeReport(
        _ message: Message, from node: ConnectedNode, now: UInt64, outbox: inout Outbox
    ) throws -> Reception {
        let name = node.hello.name
        switch (message, node.hello.role) {
        case (.lifetimeFinished(let finished), .learner): return try finish(finished, now: now, outbox: &outbox)
        case (.carryingFinished(let finished), .actor): return try finish(finished, now: now, outbox: &outbox)
        case (.streamsRefused(let refused), .actor), (.streamsRefused(let refused), .evaluator):
            try take(refused, from: name, now: now, outbox: &outbox)
            return .taken
        case (.recorderFolder(let folder), .recorder):
            return try take(folder, from: node, now: now, outbox: &outbox)
        case (.streamsSealed(let report), .recorder): return try take(report, from: node)
        case (.streamQuarantined(let report), .recorder): return try take(report, from: node)
        case (.metrics(let metrics), .distiller): return try take(metrics, from: name)
        case (.distillationFinished(let finished), .distiller): return try finish(finished, from: name)
        case (.evaluationResult(let result), .evaluator):
            return try finish(result, from: name, now: now, outbox: &outbox)
        case (.processEnded(let process), .supervisor):
            try processEnded(process, saidBy: name, now: now, outbox: &outbox)
            return .taken
        default: return .refused("a coordinator does not take this message")
        }
    }
}
