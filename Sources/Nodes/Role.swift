package import Wire

/// One noun of the cluster as a state machine: messages and a time go in, messages come out.
///
/// Sockets, clocks and processes are put around it, so the same code runs in a test on a manual clock and a simulated
/// network, and as a process. All calls come from one thread, which does nothing else: signs of life do not wait for it.
package protocol Role: AnyObject {
    var name: RoleName { get }
    /// Actors that it can carry, lifetimes that it can learn at once; 0 for other roles.
    var capacity: Int { get }
    /// The coordinator has taken the node in; once more after `forgetLeases`.
    func begin(_ welcome: Welcome, now: UInt64) throws
    /// The coordinator does not know the node any more: it was silent for too long, or the coordinator has died. What it
    /// held is given to others.
    func forgetLeases(now: UInt64)
    /// One message. Throwing ends the node: what only concerns the sender is answered with `Message.failure`.
    func receive(_ envelope: Envelope, from sender: Address, now: UInt64, outbox: inout Outbox) throws
    /// A bounded piece of work; true when there is more to do at once. Messages wait meanwhile: what may take longer than
    /// some tens of milliseconds goes in slices where it can, and says how far it is by `progress` where it cannot.
    func work(now: UInt64, outbox: inout Outbox) throws -> Bool
    /// Called about every 50 ms: deadlines, resends, flushes.
    func tick(now: UInt64, outbox: inout Outbox) throws
    /// Counters for `status`.
    var numbers: [String: Double] { get }
    /// What the role waits for, the longest wait where there are several; nil when for nothing.
    func waiting(now: UInt64) -> Waiting?
    /// The actors that it carries, for `status`; those that wait longest first.
    func parts(now: UInt64) -> [CarriedPart]
    /// The lifetimes that it learns, for `status`.
    var learning: [LearningReport] { get }
    /// Where the role says how far its long work is; nil for one that has none.
    var progress: WorkProgress? { get }
    /// The role has nothing more to do and the node may leave.
    var isFinished: Bool { get }
    /// Asks the role to come to an end; `isFinished` says when it has.
    func drain(now: UInt64)
}

extension Role {
    package func waiting(now: UInt64) -> Waiting? { nil }
    package func parts(now: UInt64) -> [CarriedPart] { [] }
    package var learning: [LearningReport] { [] }
    package var progress: WorkProgress? { nil }
}

/// A condition that ends a node with exit 1: what happened and what to do.
package struct ClusterError: Error, CustomStringConvertible, Sendable {
    package let description: String
    package init(_ description: String) { self.description = description }
}

extension RoleName {
    /// Whether other nodes than the coordinator connect to it.
    package var isServer: Bool { self == .learner || self == .recorder }
}
