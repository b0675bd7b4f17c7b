import Distillation
import Experience
import Experiments
import Foundation
import Logging
import Nodes
import Wire

/// What lifetimes have learnt, where that is evaluated: the learner sends it before it reports the lifetime's end, and it
/// counts once that end is written down. A lifetime that is lived again leaves it again.
extension Coordinator {
    /// A run that collects nothing evaluates the checkpoint that it was given, or what lies there.
    func takeUpLearntPolicies() {
        for index in policies.all.indices {
            let item = policies.all[index]
            if let given = goal.checkpoint {
                if policies.place(ofCheckpoint: given)?.index == index { policies.all[index].checkpoint = given }
            } else {
                policies.all[index].checkpoint = item.stored.map { item.planned.checkpoint($0) }
            }
        }
    }

    /// The lifetime begins, or begins again: what an earlier attempt has left is not what this one will have learnt.
    /// Where it cannot be deleted the run ends.
    func discardPolicy(of lifetime: LifetimeIdentifier) {
        guard let index = policies.place(of: lifetime) else { return }
        do { try policies.all[index].store.removeAll() } catch { fail("\(error)") }
    }

    /// Whether what the lifetime has learnt is on the disk, where it is to be.
    func hasPolicy(of lifetime: LifetimeIdentifier) -> Bool {
        policies.place(of: lifetime).map { policies.all[$0].stored != nil } ?? true
    }

    /// Queues the evaluations of what lifetimes have left whose ends are written down. A policy that is not there any more
    /// ends the run.
    func queueLearntPolicies() throws {
        for index in policies.all.indices where !policies.all[index].isQueued {
            let item = policies.all[index]
            if goal.collects, lifetimes[item.planned.lifetime]?.state == .finished {
                guard let stored = item.stored else {
                    return fail(
                        "there is no checkpoint in \(item.store.folder.path): \(item.planned.lifetime) has ended and left "
                            + "nothing to evaluate, or it was removed")
                }
                policies.all[index].checkpoint = item.planned.checkpoint(stored)
            }
            guard let checkpoint = policies.all[index].checkpoint else { continue }
            policies.all[index].isQueued = true
            let planned = try context.experiment.evaluations(
                of: item.planned, checkpoint: checkpoint, tasks: context.distribution)
            for evaluation in planned { try queue(evaluation) }
        }
    }

    /// A piece of a policy is taken of the learner that has its lifetime.
    func isLearner(_ node: ConnectedNode, ofPolicy index: Int) -> Bool {
        guard let lifetime = lifetimes[policies.all[index].planned.lifetime] else { return false }
        return lifetime.learner == node.hello.name && lifetime.state == .running
    }

    /// Where a checkpoint of this name lies, and how it is called there.
    func store(ofCheckpoint name: String) -> (store: CheckpointStore, step: String)? {
        if let (index, step) = distillations.place(ofCheckpoint: name) { return (distillations.all[index].store, step) }
        return policies.place(ofCheckpoint: name).map { (policies.all[$0.index].store, $0.step) }
    }
}
