import Environments
import Logging
import Wire

extension Coordinator {
    func scheduleDistillation(now: UInt64, outbox: inout Outbox) {
        guard goal.distils, distiller == nil, finalCheckpoint == nil,
            let name = members(.distiller).first(where: { nodes[$0]?.isLeaving == false })
        else { return }
        distiller = name
        commands.send(.distil(resumeFrom: checkpoints.latest ?? ""), to: .peer(name), now: now, outbox: &outbox)
    }

    func take(_ metrics: Metrics, from name: String) throws {
        var metrics = metrics
        if name == distiller, let entropy = sourceEntropy { metrics.numbers["loss_floor"] = entropy }
        try journal.metrics(nodes[name]?.hello.role.rawValue ?? name, metrics)
        guard name == distiller else { return }
        distillation = metrics.numbers
        distillationStep = metrics.step
    }

    /// Mean entropy in nats of the source's policies over the train lifetimes' transitions: about what a model that
    /// knew each policy would lose. Nil where no lifetime of this start of the run has said it.
    func meanEntropy() -> Double? {
        var sum = 0.0
        var transitions = 0.0
        for lifetime in lifetimes.values where lifetime.task.split == .train {
            guard let entropy = lifetime.numbers["mean_policy_entropy"],
                let learnt = lifetime.numbers["transitions_learnt"]
            else { continue }
            sum += entropy * learnt
            transitions += learnt
        }
        return transitions > 0 ? sum / transitions : nil
    }

    /// Acknowledged once it is written.
    func take(_ piece: CheckpointPiece, from name: String, _ request: UInt64, now: UInt64, outbox: inout Outbox) {
        guard name == distiller else {
            return refuse("only the run's distiller sends checkpoints", to: .peer(name), request, outbox: &outbox)
        }
        do {
            if try checkpoints.write(piece) {
                try journal.checkpointStored(piece.checkpoint, numbers: distillation)
                logger.info("checkpoint stored", metadata: ["name": "\(piece.checkpoint)"])
            }
            outbox.send(.acknowledgement, to: .peer(name), request: request)
        } catch let error as ClusterError {
            refuse("\(error)", to: .peer(name), request, outbox: &outbox)
        } catch  where isLackOfRoom(error) {
            // It is sent again until it is acknowledged.
            noteUnwritten("\(piece.checkpoint)/\(piece.file)", "\(error)", now: now)
        } catch { fail("the checkpoint \(piece.checkpoint) cannot be stored: \(error)") }
    }

    func finish(_ finished: DistillationFinished, now: UInt64, outbox: inout Outbox) throws {
        guard checkpoints.names.contains(finished.checkpoint) else { return }
        guard finalCheckpoint == nil else { return }
        finalCheckpoint = finished.checkpoint
        try journal.distillationFinished(finished.checkpoint)
        distillation.merge(finished.numbers) { $1 }
    }

    func answer(_ request: CheckpointRequest, to sender: Address, _ number: UInt64, outbox: inout Outbox) {
        do {
            guard let piece = try checkpoints.read(request) else {
                return refuse(
                    "there is no file \(request.file) of a checkpoint \(request.checkpoint)", to: sender, number,
                    outbox: &outbox)
            }
            outbox.send(.checkpointPiece(piece), to: sender, request: number)
        } catch { fail("the checkpoint \(request.checkpoint) cannot be read: \(error)") }
    }
}
