import Distillation
import Environments
import Experience
import Experiments
import Foundation
import Logging
import Nodes
import Wire

/// What a look at a folder of checkpoints has found.
struct FoundCheckpoint {
    /// The newest that is whole; nil where there is none.
    var newest: CheckpointStore.Newest?
    /// A newer one was set aside.
    var wasDamaged = false
}

/// Distilling: each distillation of the plan is leased to one distiller, its checkpoints are stored as they come, and it
/// ends when a whole checkpoint says that it has. The end is read from the files, so that no lost word can undo or
/// repeat it.
extension Coordinator {
    /// A training that so many distillers were lost with, and none came to its next checkpoint, fails always at the same step, or
    /// takes longer to get there than its distillers live.
    package static let lossLimit = 25

    /// Leases what can be trained to distillers that have nothing to train, and tells those that follow growing streams
    /// when these are complete. A distillation whose newest checkpoint ends it is not leased: whether it does is read from
    /// the checkpoint, whatever became of the report of the distiller that made it.
    func scheduleDistillations(now: UInt64, outbox: inout Outbox) throws {
        guard goal.distils else { return }
        for index in distillations.all.indices where canBegin(distillations.all[index]) {
            if distillations.all[index].lease.isFree {
                try lease(index, now: now, outbox: &outbox)
            } else if distillations.all[index].lease.isGrowing, areHistoriesComplete,
                let holder = distillations.all[index].lease.distiller
            {
                // It may still be reading the streams, and then begins with what it is told here.
                send(index, to: holder, now: now, outbox: &outbox)
            }
        }
    }

    /// What it is to learn from is there, or begins to be where it follows the streams as they grow.
    func canBegin(_ item: Distillations.Item) -> Bool { areHistoriesComplete || item.planned.settings.follow }

    private func lease(_ index: Int, now: UInt64, outbox: inout Outbox) throws {
        guard let found = lookForCheckpoint(of: index) else { return }
        if let newest = found.newest, newest.isEnd {
            return try end(index, with: newest.name, why: "its last checkpoint is stored")
        }
        guard let name = freeDistiller(for: distillations.all[index].name) else { return }
        let item = distillations.all[index]
        guard item.lease.losses < Self.lossLimit else {
            return fail(
                "\(item.planned.title): \(item.lease.losses) distillers in a row were lost before its next checkpoint, the "
                    + "last of them \(item.lease.lastLost): their logs say why; where they are ended from outside, "
                    + "distil.training.checkpoint_every makes checkpoints more often")
        }
        send(index, to: name, now: now, outbox: &outbox)
    }

    /// Leases a distillation to a node, to go on from the newest checkpoint, if there is one. Nothing is sent where that
    /// cannot be found out, which ends the run.
    private func send(_ index: Int, to node: String, now: UInt64, outbox: inout Outbox) {
        guard let found = lookForCheckpoint(of: index) else { return }
        let resumeFrom = found.newest.map { distillations.all[index].planned.checkpoint($0.name) } ?? ""
        logger.info(
            "training is leased",
            metadata: [
                "distillation": "\(distillations.all[index].planned.title)", "to": "\(node)", "from": "\(resumeFrom)",
            ])
        distillations.all[index].lease.lease(to: node, isGrowing: !areHistoriesComplete)
        commands.send(
            .distil(
                Distil(
                    distillation: distillations.all[index].name, resumeFrom: resumeFrom,
                    isGrowing: !areHistoriesComplete)), to: .peer(node), now: now, outbox: &outbox)
    }

    /// Of the distillers without a lease the one that has come furthest with it, by its own counter: a coordinator that is
    /// new meets distillers that are not. Then one that has none in memory, then one that has another that is over.
    private func freeDistiller(for distillation: String) -> String? {
        let held = distillations.holders
        let free = Set(distillations.all.filter(\.lease.isFree).map(\.name))
        func rank(_ node: ConnectedNode) -> Double {
            guard let steps = node.numbers["steps"] else { return -1 }
            let other = node.heartbeat.distillation
            return other == distillation ? steps : free.contains(other) ? -3 : -2
        }
        return nodes.staying(.distiller).filter { !held.contains($0.hello.name) }
            .max { (rank($0), $0.hello.name) < (rank($1), $1.hello.name) }?.hello.name
    }

    /// An earlier start of the run may have ended trainings: the last checkpoint of each counts while it is whole.
    func takeUpDistillations(_ ended: Set<String>) {
        for index in distillations.all.indices where ended.contains(distillations.all[index].name) {
            guard let found = lookForCheckpoint(of: index), let newest = found.newest else { continue }
            guard newest.isEnd || !found.wasDamaged else { continue }
            distillations.all[index].lease.end(with: distillations.all[index].planned.checkpoint(newest.name))
        }
    }

    /// A run that does not distil evaluates the checkpoint that it was given, or the newest of each distillation.
    func takeUpCheckpoints() {
        for index in distillations.all.indices {
            let item = distillations.all[index]
            if let given = goal.checkpoint {
                if distillations.place(ofCheckpoint: given)?.index == index {
                    distillations.all[index].lease.end(with: given)
                }
            } else if let latest = item.store.latest {
                distillations.all[index].lease.end(with: item.planned.checkpoint(latest))
            }
        }
    }

    /// What the folder of checkpoints holds; those that are damaged are set aside. Nil where that cannot be done, which
    /// ends the run. Checkpoints are read whole to be checked, which takes a while, so what was found is kept until
    /// another one is stored.
    private func lookForCheckpoint(of index: Int) -> FoundCheckpoint? {
        let item = distillations.all[index]
        if let found = item.found { return found }
        let folder = item.store.folder.path
        for name in item.store.strangers {
            logger.notice("this is no checkpoint, and is left alone", metadata: ["path": "\(folder)/\(name)"])
        }
        var found = FoundCheckpoint()
        do {
            found.newest = try item.store.newest(for: item.planned.settings.training) { name, problem in
                found.wasDamaged = true
                logger.error(
                    "a checkpoint is damaged and was set aside",
                    metadata: ["path": "\(folder)/\(name)", "reason": "\(problem)"])
            }
        } catch {
            fail("\(error)")
            return nil
        }
        distillations.all[index].found = found
        return found
    }

    /// A training is over with this checkpoint, by its name in its folder, which is what evaluators get.
    private func end(_ index: Int, with step: String, numbers: [String: Double] = [:], why: String) throws {
        let checkpoint = distillations.all[index].planned.checkpoint(step)
        distillations.all[index].lease.end(with: checkpoint, numbers: numbers)
        hasChanged = true
        try journal.distillationFinished(checkpoint)
        logger.info("training is finished", metadata: ["checkpoint": "\(checkpoint)", "why": "\(why)"])
    }

    /// Numbers of a training, kept for `status` and written down under the name of its distillation.
    func take(_ metrics: Metrics, from name: String) throws -> Reception {
        guard let index = distillations.place(heldBy: name),
            let metrics = distillations.all[index].lease.take(
                metrics, from: name, sourceEntropy: distillations.sourceEntropy)
        else { return .over("no training is leased to \(name)") }
        let names = [RoleName.distiller.rawValue, distillations.all[index].name].filter { !$0.isEmpty }
        try journal.metrics(names.joined(separator: "/"), metrics)
        return .taken
    }

    /// Stores a piece of a checkpoint and acknowledges it once it is written. Where the disk has no room there is
    /// no answer, and the distiller sends it again; another failure of the disk ends the run.
    func take(_ piece: CheckpointPiece, from node: ConnectedNode, _ request: UInt64, now: UInt64, outbox: inout Outbox)
    {
        let name = node.hello.name
        guard let (store, step) = store(ofCheckpoint: piece.checkpoint), isSender(node, of: piece.checkpoint) else {
            return refuse(
                "only the distiller that trains it, or the learner that learns it, sends checkpoints of "
                    + piece.checkpoint, to: .peer(name), request, outbox: &outbox)
        }
        var own = piece
        own.checkpoint = step
        do {
            if try store.write(own) { try noteStored(piece.checkpoint) }
            movement.note(now: now)
            outbox.send(.acknowledgement, to: .peer(name), request: request)
        } catch let error as ClusterError {
            refuse("\(error)", to: .peer(name), request, outbox: &outbox)
        } catch  where isLackOfRoom(error) {
            // It is sent again until it is acknowledged.
            noteUnwritten("\(piece.checkpoint)/\(piece.file)", "\(error)", now: now)
        } catch { fail("the checkpoint \(piece.checkpoint) cannot be stored: \(error)") }
    }

    /// Whether the node is the one whose checkpoint it is to send.
    private func isSender(_ node: ConnectedNode, of checkpoint: String) -> Bool {
        if let (index, _) = distillations.place(ofCheckpoint: checkpoint) {
            return node.hello.name == distillations.all[index].lease.distiller
        }
        return policies.place(ofCheckpoint: checkpoint).map { isLearner(node, ofPolicy: $0.index) } ?? false
    }

    private func noteStored(_ checkpoint: String) throws {
        let index = distillations.place(ofCheckpoint: checkpoint)?.index
        try journal.checkpointStored(checkpoint, numbers: index.map { distillations.all[$0].lease.numbers } ?? [:])
        logger.info("checkpoint stored", metadata: ["name": "\(checkpoint)"])
        guard let index else { return }
        distillations.all[index].found = nil
        distillations.all[index].lease.checkpointStored()
        deleteOldCheckpoints(of: distillations.all[index])
    }

    /// Keeps the newest ones, as many as the settings say, and those that are evaluated.
    private func deleteOldCheckpoints(of item: Distillations.Item) {
        let evaluated = (jobs.all.map(\.job.checkpoint) + [item.lease.finalCheckpoint]).compactMap { $0 }
        let kept = Set(evaluated.compactMap { distillations.place(ofCheckpoint: $0)?.step })
        do { try item.store.retain(item.planned.settings.training.keepCheckpoints, and: kept) } catch {
            logger.warning("old checkpoints stay", metadata: ["reason": "\(error)"])
        }
    }

    /// A distiller's word that a training is over is believed of the one that it is leased to, and of any other where
    /// the checkpoint itself says so.
    func finish(_ finished: DistillationFinished, from name: String) throws -> Reception {
        guard let (index, step) = distillations.place(ofCheckpoint: finished.checkpoint) else {
            return .refused("\(finished.checkpoint) is of no distillation of this run")
        }
        let item = distillations.all[index]
        if let finalCheckpoint = item.lease.finalCheckpoint {
            return finalCheckpoint == finished.checkpoint
                ? .taken : .over("training has ended with \(finalCheckpoint), not with \(finished.checkpoint)")
        }
        guard goal.distils, areHistoriesComplete else { return .refused("no training can end now") }
        guard item.store.names.contains(step) else {
            return .refused("there is no checkpoint \(finished.checkpoint)")
        }
        guard name == item.lease.distiller || isEnd(step, of: item) else {
            return .refused("the training is not leased to \(name)")
        }
        try end(index, with: step, numbers: finished.numbers, why: "its distiller says so")
        return .taken
    }

    /// Whether training is over with this checkpoint, by its own `config.json`.
    private func isEnd(_ step: String, of item: Distillations.Item) -> Bool {
        let configuration = try? Checkpoint(folder: item.store.folder.appendingPathComponent(step)).configuration()
        return configuration?.isEnd(of: item.planned.settings.training) ?? false
    }

    /// A checkpoint goes to those whose jobs need it, a learner's state to the learner that goes on from it.
    func answer(_ request: CheckpointRequest, to name: String, _ number: UInt64, outbox: inout Outbox) {
        let sender = Address.peer(name)
        if request.file == LearnerStateFile.file {
            return answerState(request, to: name, number, outbox: &outbox)
        }
        guard jobs.isBusy(name, with: request.checkpoint), let (store, step) = store(ofCheckpoint: request.checkpoint)
        else {
            return refuse(
                "no job of yours needs a checkpoint \(request.checkpoint)", to: sender, number, outbox: &outbox)
        }
        var own = request
        own.checkpoint = step
        do {
            guard var piece = try store.read(own) else {
                return refuse(
                    "there is no file \(request.file) of a checkpoint \(request.checkpoint)", to: sender, number,
                    outbox: &outbox)
            }
            piece.checkpoint = request.checkpoint
            outbox.send(.checkpointPiece(piece), to: sender, request: number)
        } catch { fail("the checkpoint \(request.checkpoint) cannot be read: \(error)") }
    }
}
