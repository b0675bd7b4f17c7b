import Environments
import Experience
import Experiments
import Logging
import Nodes
import Transport
import Wire

/// Actors that join and leave lifetimes that run, and what `scale` does.
///
/// An example: `scale actors=200` with 4 elastic lifetimes running and 25 actors to a process asks for 8 processes
/// and gives each lifetime 50 actors. Lifetimes with more let the actors of the highest numbers go; those with
/// fewer get new actors, with numbers that none had before, as soon as a process has room.
extension Coordinator {
    /// The actors that a lifetime's next attempt begins with: all of them; of an elastic lifetime those that it had
    /// before, up to its share.
    func ranges(of lifetime: LeasedLifetime) -> [Range<Int>] {
        guard context.experiment.collect.elastic else { return [0..<lifetime.actors] }
        var room = actorTarget.perLifetime
        let present = lifetime.parts.map { part in
            let count = min(room, part.staying.count)
            room -= count
            return part.staying.prefix(count)
        }
        return present.allSatisfy(\.isEmpty) ? [0..<actorTarget.perLifetime] : present.filter { !$0.isEmpty }
    }

    /// Where a lifetime has too many actors, lets the latest go; each ends its stream with its episode.
    func shrinkLifetimes(now: UInt64, outbox: inout Outbox) {
        for identifier in lifetimes.leased {
            guard var lifetime = lifetimes[identifier], lifetime.state == .running else { continue }
            var excess = lifetime.staying - actorTarget.perLifetime
            guard excess > 0 else { continue }
            let order = lifetime.parts.indices.sorted {
                lifetime.parts[$0].actors.lowerBound > lifetime.parts[$1].actors.lowerBound
            }
            for index in order where excess > 0 {
                let staying = lifetime.parts[index].staying
                guard !staying.isEmpty else { continue }
                let leaving = min(excess, staying.count)
                lifetime.parts[index].retireFrom = staying.upperBound - leaving
                excess -= leaving
                carry(lifetime.parts[index], of: lifetime, now: now, outbox: &outbox)
            }
            lifetimes[identifier] = lifetime
            logger.notice(
                "actors leave", metadata: ["lifetime": "\(identifier)", "actors": "\(lifetime.staying)"])
        }
    }

    /// Adds actors where a lifetime has too few and there is room; each begins a stream of its own. They are written
    /// down as a start of the same attempt before they are leased, so that a later coordinator knows their number.
    /// Throws what the journal throws.
    func growLifetimes(now: UInt64, outbox: inout Outbox) throws {
        for identifier in lifetimes.leased {
            guard var lifetime = lifetimes[identifier], lifetime.state == .running, lifetime.learner != nil,
                canBeRecorded(identifier)
            else { continue }
            var missing = min(
                actorTarget.perLifetime - lifetime.staying, context.experiment.actorLimit - lifetime.actors)
            guard missing > 0, mayGrow(&lifetime, now: now) else { continue }
            var added: [LeasedLifetime.Part] = []
            for (node, free) in lifetimes.freePlaces {
                guard missing > 0 else { break }
                let count = min(free, missing)
                added.append(
                    LeasedLifetime.Part(
                        actors: lifetime.actors..<(lifetime.actors + count), node: node,
                        incarnation: lifetime.nextIncarnation(), isTakenOver: true))
                lifetime.actors += count
                missing -= count
            }
            guard !added.isEmpty else { continue }
            lifetime.parts += added
            lifetimes[identifier] = lifetime
            try journal.lifetimeStarted(
                identifier, attempt: lifetime.attempt, learner: lifetime.learner ?? "", actors: lifetime.actors)
            for part in added { carry(part, of: lifetime, now: now, outbox: &outbox) }
            logger.notice("actors join", metadata: ["lifetime": "\(identifier)", "actors": "\(lifetime.staying)"])
        }
    }

    /// An actor that has lived a lifetime to its end is not made up for: the others are about to end, too. But
    /// where a lifetime was taken up again, all its streams may have ended earlier, of actors that had left: its
    /// learner would wait for ever for an actor that lives it to its end. Such a lifetime grows again after 5 s.
    private func mayGrow(_ lifetime: inout LeasedLifetime, now: UInt64) -> Bool {
        guard lifetime.parts.allSatisfy(\.isFinished) else {
            lifetime.desertedSince = nil
            return !lifetime.parts.contains { $0.isFinished && $0.retireFrom == nil }
        }
        let since = lifetime.desertedSince ?? now
        lifetime.desertedSince = since
        lifetimes[lifetime.identifier] = lifetime
        // The learner's word that the lifetime is over may still be on its way.
        return now >= since + UInt64(Self.silenceLimitMilliseconds) * nanosecondsPerMillisecond
    }

    /// Why the supervisor's machine cannot carry so many actors; nil when it can, or when no supervisor is there and
    /// the processes are started elsewhere.
    private func lackOfRoom(forActors actors: Int) -> String? {
        let rooms = nodes.members(.supervisor).compactMap { nodes[$0]?.hello }.filter { $0.capacity > 0 }
        guard let supervisor = rooms.min(by: { $0.capacity < $1.capacity }) else { return nil }
        let perProcess = max(1, context.experiment.actorsPerProcess)
        let wanted = actorTarget.processes(for: actors)
        let others = 1 + deployment.processes.filter { $0.key != .actor }.values.reduce(0, +)
        let room = max(0, supervisor.capacity - others)
        // What is there already is not refused.
        guard wanted > max(room, actorTarget.processes) else { return nil }
        return "\(actors) actors are \(wanted) processes of \(perProcess), and \(supervisor.host) has room for \(room) "
            + "(`distillery doctor` there says why): at most actors=\(room * perProcess); "
            + "a larger cluster.actors_per_process makes fewer processes of them"
    }

    /// Sets the number of actors that the cluster carries: processes are started or sent home to match, and elastic
    /// lifetimes that run share them. Written down before it is acknowledged. More than 65,536 actors, or more than
    /// the supervisor's machine has room for, are refused.
    func scale(_ actors: Int, _ sender: Address, _ request: UInt64, now: UInt64, outbox: inout Outbox) throws {
        guard actors <= WireProtocol.actorLimit else {
            return refuse(
                "\(actors) actors; at most \(WireProtocol.actorLimit) are accepted", to: sender, request,
                outbox: &outbox)
        }
        if let refusal = lackOfRoom(forActors: actors) {
            return refuse(refusal, to: sender, request, outbox: &outbox)
        }
        let sharing = max(1, lifetimes.leased.count)
        let scale = Scale(actors: actors, actorsOfLifetime: (actors + sharing - 1) / sharing)
        actorTarget.apply(scale)
        try journal.scaled(scale)
        outbox.send(.acknowledgement, to: sender, request: request)
        let carriers = nodes.staying(.actor).map(\.hello.name).sorted()
        for name in carriers.dropFirst(actorTarget.processes) {
            sendHome(name, because: Self.fewerActors, now: now, outbox: &outbox)
        }
    }
}
