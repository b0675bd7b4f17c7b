import Collecting
import Coordination
import Distilling
package import Experience
import Experiments
import Foundation
import Histories
package import Nodes
import TestSupport
import Transport
package import Wire

extension SimulatedCluster {
    /// From now on a supervisor looks after one host; two of three processes that are started are on it.
    package func addSupervisor() { supervisor = SimulatedSupervisor() }

    func supervise(_ bytes: [UInt8]) {
        let process = supervisor?.receive(bytes, outbox: &outbox)
        flush(from: SimulatedSupervisor.name)
        if let process, let name = processes.first(where: { $0.value == process })?.key { kill(name) }
    }

    /// Whether a supervisor looks after the node's process.
    package func isSupervised(_ name: String) -> Bool { supervisor != nil && (processes[name] ?? 0) % 3 != 0 }

    /// As by SIGKILL, and its supervisor says so.
    package func killSupervised(_ name: String) {
        guard let process = processes[name] else { return }
        kill(name)
        outbox.send(.processEnded(process), to: .coordinator)
        flush(from: SimulatedSupervisor.name)
    }

    func startMissing() {
        for (role, count) in coordinator.deployment.processes.sorted(by: { $0.key.rawValue < $1.key.rawValue })
        where role != .coordinator && role != .supervisor {
            while names(role).count < count, clock.now >= mayStartAt[role] ?? 0 { start(role) }
        }
    }

    @discardableResult
    package func start(_ role: RoleName) -> String {
        let name = "\(role.rawValue)-\(started)"
        started += 1
        processes[name] = started
        if startsElsewhere.remove(role) != nil { elsewhere.insert(started) }
        lastWord[name] = clock.now
        if keepsAddresses, role == .recorder || role == .learner { takeAddress(name, role) }
        nodes[name] = NodeSession(
            role: makeRole(role, name), name: name,
            host: isSupervised(name) ? SimulatedSupervisor.host : "host", process: started,
            endpoint: role == .learner || role == .recorder ? endpoint(name) : "", now: clock.now)
        return name
    }

    /// The first address of a role's that nobody listens at.
    private func takeAddress(_ name: String, _ role: RoleName) {
        let taken = Set(nodes.keys.compactMap { endpointNames[$0] })
        let numbered = (0...nodes.count).lazy.map { "\(role.rawValue)@\($0)" }
        guard let address = numbered.first(where: { !taken.contains($0) }) else { return }
        endpointNames[name] = address
        currentNames[address] = name
    }

    /// Where the recorders of the run write, by their numbers: the first into the run's folder.
    package func recorderFolder(_ number: Int) -> String { number == 0 ? folder : "\(folder)/recorder-\(number)" }

    /// The recorder that keeps a stream, as far as it lives. The stream's own file may be gone.
    package func keeper(of stream: StreamIdentifier) -> String? {
        let others = 1..<max(1, context.experiment.cluster.recorders)
        let number = others.first {
            [recorderFolder($0), growingFolder($0)].contains {
                FileManager.default.fileExists(atPath: "\($0)/\(stream.lifetime.folder)")
            }
        }
        return names(.recorder).first { recorderNumbers[$0] == number ?? 0 }
    }

    /// Where a recorder appends to the streams that grow.
    func growingFolder(_ number: Int) -> String {
        let home = recorderFolder(number)
        guard growsElsewhere, let identity = FolderIdentity.read(home) else { return home }
        return "\(folder)/disk/\(identity)"
    }

    /// Where the file of a stream is now, or would be if it were sealed.
    package func file(of stream: StreamIdentifier) -> String {
        let home = "\(folder)/\(stream.path)"
        guard growsElsewhere, !FileManager.default.fileExists(atPath: home) else { return home }
        return (0..<max(1, context.experiment.cluster.recorders)).map { "\(growingFolder($0))/\(stream.path)" }
            .first { FileManager.default.fileExists(atPath: $0) } ?? home
    }

    /// The first folder into which no recorder writes.
    private func takeFolder(_ name: String) -> String? {
        let taken = Set(names(.recorder).compactMap { recorderNumbers[$0] })
        let number = (0...taken.count).first { !taken.contains($0) } ?? 0
        recorderNumbers[name] = number
        return number == 0 ? nil : recorderFolder(number)
    }

    private func makeRole(_ role: RoleName, _ name: String) -> any Role {
        switch role {
        case .actor: ActorRole(capacity: 0)
        case .learner: LearnerRole(capacity: 0)
        case .recorder:
            // A turn is a few pieces of work, as many on any machine.
            RecorderRole(
                folder: takeFolder(name), disk: growsElsewhere ? .init(host: "here", path: "\(folder)/disk") : nil,
                logger: logger, clock: SteppingClock(milliseconds: 10),
                freeBytes: disk.freeBytes)
        case .evaluator: EvaluatorRole()
        case .distiller: DistillerRole(folder: nil, logger: logger)
        default: fatalError("not part of the simulation")
        }
    }

    /// Hands bytes to somebody at once, past the network; gives back what ended the receiver, if anything did.
    package func deliver(_ bytes: UnsafeRawBufferPointer, from sender: Address, to receiver: String) -> (any Error)? {
        do {
            if receiver == Self.coordinatorName {
                guard coordinatorReturns == nil else { return nil }
                try coordinator.receive(bytes, from: sender, now: clock.now, outbox: &outbox)
            } else if let node = nodes[receiver] {
                try node.receive(bytes, from: sender, now: clock.now, outbox: &outbox)
                if node.mustRejoin { rejoin(receiver, node) }
            }
        } catch {
            outbox.removeAll()
            kill(receiver)
            return error
        }
        flush(from: receiver)
        return nil
    }

    /// Something said in the name of a node.
    package func say(_ bytes: [UInt8], from sender: String, to receiver: String) {
        if sender.hasPrefix("recorder") { witness.recorderSays(bytes) }
        if sender == Self.coordinatorName { witness.command(bytes, to: receiver) }
        network.send(bytes, from: sender, to: receiver)
    }

    /// A node that is slow: what is said to it waits, and so does its own work.
    package func hold(_ name: String, milliseconds: UInt64) {
        held[name] = clock.now + milliseconds * nanosecondsPerMillisecond
    }

    /// As by SIGKILL; another process takes its place a little later.
    package func kill(_ name: String) {
        guard name != Self.coordinatorName else {
            network.forget(name)
            held[name] = nil
            coordinatorReturns = clock.now + Self.restartNanoseconds
            return
        }
        guard let node = nodes.removeValue(forKey: name) else { return }
        processes[name] = nil
        network.forget(name)
        mayStartAt[node.role.name] = clock.now + Self.restartNanoseconds
    }
}
