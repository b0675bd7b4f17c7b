package import Wire

/// One noun of the cluster as a state machine: messages and a time go in, messages come out.
///
/// Sockets, clocks and processes are put around it, so that the same code runs in a test on a manual clock and a
/// simulated network, and as a process. All calls come from one thread, which does nothing else: signs of life do
/// not wait for it. Times are nanoseconds of one clock that never goes back, and whose zero means nothing.
///
/// The life of a role: `begin` once, then any mix of `receive`, `work` and `tick`; `forgetLeases` and another
/// `begin` where the coordinator has lost the node; `drain` at most once; the caller lets go of it when
/// `isFinished`. A role never asks what time it is and never blocks on another node. Five types conform:
/// `ActorRole`, `LearnerRole`, `RecorderRole`, `DistillerRole` and `EvaluatorRole`; the coordinator has the same
/// shape without the protocol.
package protocol Role: AnyObject {
    /// Which of the roles this is; never changes.
    var name: RoleName { get }
    /// Actors that it can carry, lifetimes that it can learn at once; 0 for other roles.
    var capacity: Int { get }
    /// The coordinator has taken the node in; called once more after `forgetLeases`, perhaps by another
    /// coordinator. Throws where the experiment cannot be read here, or is another than the one before, which ends
    /// the node.
    func begin(_ welcome: Welcome, now: UInt64) throws
    /// The coordinator does not know the node any more, because it was silent for too long or the coordinator has
    /// died. What it held is given to others: the role drops it, or keeps it without acting on it until it is
    /// leased again.
    func forgetLeases(now: UInt64)
    /// One message of the coordinator or of another node, which may lie: check it. Throwing ends the node, so that
    /// trouble which only concerns the sender is answered with `Message.failure` instead.
    func receive(_ envelope: Envelope, from sender: Address, now: UInt64, outbox: inout Outbox) throws
    /// A bounded piece of work; true when there is more to do at once. Messages wait meanwhile: what may take longer
    /// than some tens of milliseconds goes in slices where it can, and says how far it is by `progress` where it
    /// cannot.
    func work(now: UInt64, outbox: inout Outbox) throws -> Bool
    /// Called about every 50 ms: deadlines, resends, flushes.
    func tick(now: UInt64, outbox: inout Outbox) throws
    /// Counters for `status`, by names that docs and the coordinator know (`environment_steps`, `transitions`,
    /// ...).
    var numbers: [String: Double] { get }
    /// What the role waits for, the longest wait where there are several; nil when it waits for nothing.
    func waiting(now: UInt64) -> Waiting?
    /// The actors that it carries, for `status`; those that wait longest first.
    func parts(now: UInt64) -> [CarriedPart]
    /// The lifetimes that it learns, for `status`.
    var learning: [LearningReport] { get }
    /// The distillation that it has in memory, by its name; empty where it has none or an unnamed one.
    var distillation: String { get }
    /// Where the role says how far its long work is; nil for one that has none.
    var progress: WorkProgress? { get }
    /// The role has nothing more to do and the node may leave.
    var isFinished: Bool { get }
    /// Asks the role to come to an end in good order; `isFinished` says when it has. A second call changes nothing.
    func drain(now: UInt64)
}

extension Role {
    package func waiting(now: UInt64) -> Waiting? { nil }
    package func parts(now: UInt64) -> [CarriedPart] { [] }
    package var learning: [LearningReport] { [] }
    package var distillation: String { "" }
    package var progress: WorkProgress? { nil }
}

/// A condition that ends a node with exit code 1. Its text is for a person: what happened, where, and what to do.
package struct ClusterError: Error, CustomStringConvertible, Sendable {
    package let description: String
    package init(_ description: String) { self.description = description }
}

extension RoleName {
    /// Whether other nodes than the coordinator connect to it: such a role binds a socket and announces its
    /// endpoint.
    package var isServer: Bool { self == .learner || self == .recorder }
}
