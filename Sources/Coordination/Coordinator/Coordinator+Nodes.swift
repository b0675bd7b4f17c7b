import Environments
import Experience
import Experiments
import Logging
import Nodes
import Transport
import Wire

/// Nodes that come and go. A node's name is used once: a process that was given up comes back under another.
extension Coordinator {
    /// A node introduces itself, or does so again because it missed the answer. It is welcomed with the experiment,
    /// the folder and, where it is a server, the secret of its tickets; or refused with the reason. Throws what the
    /// journal throws. Nothing is leased here: the next tick does it.
    func join(_ hello: Hello, as name: String, now: UInt64, outbox: inout Outbox) throws {
        guard hello.name == name else {
            return refuse("a hello from \(name) that names \(hello.name)", to: .peer(name), outbox: &outbox)
        }
        guard hello.role != .coordinator else {
            return refuse("a hello from another coordinator", to: .peer(name), outbox: &outbox)
        }
        guard nodes[name] != nil || !lostNodes.wasGivenUp(name) else {
            // It hung before our welcome reached it: leases that others have by now may be on their way to this name.
            return outbox.send(.rejoin, to: .peer(name))
        }
        if let reason = keys.refusal(of: hello.role, to: name) {
            return refuse(reason, to: .peer(name), outbox: &outbox)
        }
        guard nodes[name] != nil || nodes.count < Self.nodeLimit else {
            return refuse(
                "there are \(nodes.count) nodes already, which is the limit", to: .peer(name), outbox: &outbox)
        }
        guard keys.list == nil || !hello.role.isServer || (try? ServerAddress(hello.endpoint))?.key != nil else {
            let reason = "\(hello.endpoint) is no endpoint with a key, which this cluster needs; start it with --keys"
            return refuse(reason, to: .peer(name), outbox: &outbox)
        }
        let isNew = nodes[name] == nil
        if isNew {
            add(
                ConnectedNode(
                    hello: withDefaultCapacity(hello),
                    tickets: hello.role.isServer ? tickets.derived(for: name) : nil, now: now))
            try journal.nodeJoined(hello)
            logger.info("joined", metadata: ["node": "\(name)", "endpoint": "\(hello.endpoint)"])
        }
        outbox.send(
            .welcome(
                Welcome(
                    run: run, experiment: experimentText,
                    heartbeatIntervalMilliseconds: Self.heartbeatIntervalMilliseconds,
                    silenceLimitMilliseconds: Self.silenceLimitMilliseconds, folder: folder,
                    ticketSecret: nodes[name]?.tickets?.secret ?? [])), to: .peer(name))
        guard isNew else { return }
        if hello.role == .supervisor {
            commands.send(.deployment(deployment), to: .peer(name), now: now, outbox: &outbox)
        }
    }

    /// A node that names no capacity takes the experiment's.
    private func withDefaultCapacity(_ hello: Hello) -> Hello {
        guard hello.capacity == 0 else { return hello }
        var hello = hello
        switch hello.role {
        case .actor: hello.capacity = context.experiment.actorsPerProcess
        case .learner: hello.capacity = context.experiment.cluster.lifetimesPerLearner
        default: break
        }
        return hello
    }

    /// A node has gone, by its own word or by its silence: its leases go to others. Commands that it has not
    /// acknowledged are forgotten. `isLost`: without a word. Throws what the journal throws.
    func leave(_ name: String, reason: String, isLost: Bool = true, now: UInt64, outbox: inout Outbox) throws {
        guard let node = remove(name) else { return }
        hasChanged = true
        commands.forget(.peer(name))
        try journal.nodeLeft(name, reason: reason)
        logger.notice("left", metadata: ["node": "\(name)", "reason": "\(reason)"])
        // At the end every node leaves; what the nodes held goes on with the next start of the run.
        guard !isStopping, failure.isEmpty else { return }
        switch node.hello.role {
        case .actor: try replaceActors(of: name, now: now, outbox: &outbox)
        case .learner: try replaceLearner(name, now: now, outbox: &outbox)
        case .distiller: distillations.leave(name, isLost: isLost)
        case .evaluator: jobs.leave(name)
        default: break
        }
    }

    /// A supervisor says that a process on its host has ended: that node's leases go to others without waiting for
    /// its silence.
    func processEnded(_ process: Int, saidBy name: String, now: UInt64, outbox: inout Outbox) throws {
        guard let supervisor = nodes[name]?.hello else { return }
        let ended = nodes.values.map(\.hello).filter {
            $0.process == process && $0.host == supervisor.host && $0.role != .supervisor
        }
        for node in ended { try leave(node.name, reason: "its process has ended", now: now, outbox: &outbox) }
    }

    /// Why a node is to be given up: it has given no sign of life for 5 s, or a step of its work has shown no
    /// progress for `cluster.work_limit_seconds`. Nil where neither is so.
    func reasonToGiveUp(_ node: ConnectedNode, now: UInt64) -> String? {
        let silence = (max(now, node.lastHeard) - node.lastHeard) / nanosecondsPerMillisecond
        if silence > UInt64(Self.silenceLimitMilliseconds) { return "silent for \(silence / 1000) s" }
        guard let work = node.heartbeat.work, work.stillMilliseconds >= workLimitMilliseconds else { return nil }
        return "no progress for \(work.stillMilliseconds / 1000) s where it \(work.what)"
    }

    /// `cluster.work_limit_seconds`, in milliseconds.
    var workLimitMilliseconds: UInt64 { UInt64(context.experiment.cluster.workLimitSeconds) * 1000 }

    /// A node's leases go to others, its process is ended where a supervisor can, and `status` names it for 5
    /// minutes.
    func giveUp(_ node: ConnectedNode, _ reason: String, now: UInt64, outbox: inout Outbox) throws {
        if node.hello.role != .supervisor {
            lostNodes.note(node.hello.name, reason: reason, now: now)
        }
        try leave(node.hello.name, reason: reason, now: now, outbox: &outbox)
        orderEnd(of: node, now: now, outbox: &outbox)
    }

    /// A node that is silent may hang, and hold what another needs; its supervisor ends it and starts another.
    func orderEnd(of node: ConnectedNode, now: UInt64, outbox: inout Outbox) {
        guard node.hello.role != .supervisor else { return }
        for name in nodes.members(.supervisor) where nodes[name]?.hello.host == node.hello.host {
            commands.send(.endProcess(node.hello.process), to: .peer(name), now: now, outbox: &outbox)
        }
    }

    /// A person asks by `distillery drain NODE` that the node leaves.
    func drain(_ node: String, asked sender: Address, _ request: UInt64, now: UInt64, outbox: inout Outbox) {
        guard nodes[node] != nil else {
            let names = nodes.sortedNames.joined(separator: ", ")
            return refuse("there is no node \(node); there are \(names)", to: sender, request, outbox: &outbox)
        }
        outbox.send(.acknowledgement, to: sender, request: request)
        guard !retire(node) else { return }
        sendHome(node, because: Self.drained, now: now, outbox: &outbox)
    }

    /// Why a node leaves that a person has asked to.
    static let drained = "it was asked to leave (distillery drain)"
}
