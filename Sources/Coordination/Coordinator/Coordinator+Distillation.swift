import Distillation
import Environments
import Experience
import Experiments
import Foundation
import Logging
import Nodes
import Wire

/// What a look at the folder of checkpoints has found.
struct FoundCheckpoint {
    /// The newest that is whole; nil where there is none.
    var newest: CheckpointStore.Newest?
    /// A newer one was set aside.
    var wasDamaged = false
}

/// The distilling phase: the training is leased to one distiller, its checkpoints are stored as they come, and it
/// ends when a whole checkpoint says that it has. The end is read from the files, so that no lost word can undo or
/// repeat it.
extension Coordinator {
    /// Leases the training to one distiller, unless the newest checkpoint ends it already: whether it does is read
    /// from the checkpoint, whatever became of the report of the distiller that made it.
    func scheduleDistillation(now: UInt64, outbox: inout Outbox) throws {
        guard goal.distils, distiller == nil, finalCheckpoint == nil else { return }
        guard let found = lookForCheckpoint() else { return }
        if let newest = found.newest, newest.isEnd {
            return try end(with: newest.name, why: "its last checkpoint is stored")
        }
        guard let name = freeDistiller else { return }
        distiller = name
        let resumeFrom = found.newest?.name ?? ""
        logger.info("training is leased", metadata: ["to": "\(name)", "from": "\(resumeFrom)"])
        commands.send(.distil(resumeFrom: resumeFrom), to: .peer(name), now: now, outbox: &outbox)
    }

    /// The distiller that has come furthest, by its own counter: a coordinator that is new meets distillers that
    /// are not.
    private var freeDistiller: String? {
        members(.distiller).filter { nodes[$0]?.isLeaving == false }
            .max { (steps(of: $0), $0) < (steps(of: $1), $1) }
    }

    private func steps(of distiller: String) -> Double { nodes[distiller]?.numbers["steps"] ?? -1 }

    /// An earlier start of the run may have ended training: its last checkpoint counts while it is whole.
    func takeUpDistillation(isDistilled: Bool) {
        guard isDistilled, let found = lookForCheckpoint(), let newest = found.newest else { return }
        if newest.isEnd || !found.wasDamaged { finalCheckpoint = newest.name }
    }

    /// What the folder of checkpoints holds; those that are damaged are set aside. Nil where that cannot be done, which
    /// ends the run.
    private func lookForCheckpoint() -> FoundCheckpoint? {
        if let foundCheckpoint { return foundCheckpoint }
        let folder = checkpoints.folder.path
        for name in checkpoints.strangers {
            logger.notice("this is no checkpoint, and is left alone", metadata: ["path": "\(folder)/\(name)"])
        }
        var found = FoundCheckpoint()
        do {
            found.newest = try checkpoints.newest(for: context.experiment.distil.training) { name, problem in
                found.wasDamaged = true
                logger.error(
                    "a checkpoint is damaged and was set aside",
                    metadata: ["path": "\(folder)/\(name)", "reason": "\(problem)"])
            }
        } catch {
            fail("\(error)")
            return nil
        }
        foundCheckpoint = found
        return found
    }

    /// Training is over with this checkpoint, which is what evaluators get.
    private func end(with checkpoint: String, why: String) throws {
        finalCheckpoint = checkpoint
        try journal.distillationFinished(checkpoint)
        logger.info("training is finished", metadata: ["checkpoint": "\(checkpoint)", "why": "\(why)"])
    }

    /// Numbers of the training, kept for `status` and written down. `loss_floor` is added: the entropy of the
    /// source's policies.
    func take(_ metrics: Metrics, from name: String) throws -> Reception {
        guard name == distiller else { return .over("the training is not leased to \(name)") }
        var metrics = metrics
        if let entropy = sourceEntropy { metrics.numbers["loss_floor"] = entropy }
        try journal.metrics(RoleName.distiller.rawValue, metrics)
        distillation = metrics.numbers
        distillationStep = metrics.step
        return .taken
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

    /// Stores a piece of a checkpoint and acknowledges it once it is written. Where the disk has no room there is
    /// no answer, and the distiller sends it again; another failure of the disk ends the run.
    func take(_ piece: CheckpointPiece, from node: Node, _ request: UInt64, now: UInt64, outbox: inout Outbox) {
        let name = node.hello.name
        guard name == distiller else {
            return refuse("only the run's distiller sends checkpoints", to: .peer(name), request, outbox: &outbox)
        }
        do {
            if try checkpoints.write(piece) {
                try journal.checkpointStored(piece.checkpoint, numbers: distillation)
                logger.info("checkpoint stored", metadata: ["name": "\(piece.checkpoint)"])
                foundCheckpoint = nil
                deleteOldCheckpoints()
            }
            moved(now: now)
            outbox.send(.acknowledgement, to: .peer(name), request: request)
        } catch let error as ClusterError {
            refuse("\(error)", to: .peer(name), request, outbox: &outbox)
        } catch  where isLackOfRoom(error) {
            // It is sent again until it is acknowledged.
            noteUnwritten("\(piece.checkpoint)/\(piece.file)", "\(error)", now: now)
        } catch { fail("the checkpoint \(piece.checkpoint) cannot be stored: \(error)") }
    }

    /// Keeps the newest ones, as many as the settings say, and those that are evaluated.
    private func deleteOldCheckpoints() {
        let evaluated = Set((jobs.map(\.job.checkpoint) + [finalCheckpoint]).compactMap { $0 })
        do { try checkpoints.retain(context.experiment.distil.training.keepCheckpoints, and: evaluated) } catch {
            logger.warning("old checkpoints stay", metadata: ["reason": "\(error)"])
        }
    }

    /// A distiller's word that training is over is believed of the one that training is leased to, and of any other
    /// where the checkpoint itself says so.
    func finish(_ finished: DistillationFinished, from name: String) throws -> Reception {
        if let finalCheckpoint {
            return finalCheckpoint == finished.checkpoint
                ? .taken : .over("training has ended with \(finalCheckpoint), not with \(finished.checkpoint)")
        }
        guard goal.distils, phase == .distilling else { return .refused("this run does not distil now") }
        guard checkpoints.names.contains(finished.checkpoint) else {
            return .refused("there is no checkpoint \(finished.checkpoint)")
        }
        guard name == distiller || isEnd(finished.checkpoint) else {
            return .refused("the training is not leased to \(name)")
        }
        distillation.merge(finished.numbers) { $1 }
        try end(with: finished.checkpoint, why: "its distiller says so")
        return .taken
    }

    /// Whether training is over with this checkpoint, by its own `config.json`.
    private func isEnd(_ checkpoint: String) -> Bool {
        let folder = checkpoints.folder.appendingPathComponent(checkpoint)
        let configuration = try? Checkpoint(folder: folder).configuration()
        return configuration?.isEnd(of: context.experiment.distil.training) ?? false
    }

    /// A checkpoint goes to those whose jobs need it, a learner's state to the learner that goes on from it.
    func answer(_ request: CheckpointRequest, to name: String, _ number: UInt64, outbox: inout Outbox) {
        let sender = Address.peer(name)
        if request.file == LearnerStateFile.file {
            return answerState(request, to: name, number, outbox: &outbox)
        }
        let isNeeded = jobs.contains { $0.node == name && !$0.isFinished && $0.job.checkpoint == request.checkpoint }
        guard isNeeded else {
            return refuse(
                "no job of yours needs a checkpoint \(request.checkpoint)", to: sender, number, outbox: &outbox)
        }
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
