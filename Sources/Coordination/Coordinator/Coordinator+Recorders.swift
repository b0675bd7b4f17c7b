import Experience
import Files
import Histories
import Logging
import Nodes
import Transport
import Wire

/// Recorders, of which there may be several, each with a folder of its own. All streams of a lifetime, or of an
/// evaluation's task, are pinned to one folder before the first lease that names it; while no recorder is at work
/// there, they wait, and others go on.
extension Coordinator {
    /// A recorder says where it writes; only now is it given streams. One at a time for each folder: of two the second
    /// ends, and lets go of the folder if it had it, unless the first is silent. Throws what the journal throws.
    func take(
        _ folder: RecorderFolder, from node: ConnectedNode, now: UInt64, outbox: inout Outbox
    ) throws -> Reception {
        let name = node.hello.name
        let keeper = links.keeper(identity: folder.identity)
        guard node.keeper != keeper else { return .taken }
        // Lifetimes that are pinned to it would be looked for where they are not.
        guard node.keeper == nil else { return .refused("\(name) writes into another folder, and a recorder has one") }
        for other in nodes.members(.recorder).compactMap({ nodes[$0] })
        where other.keeper == keeper && other.hello.name != name {
            guard now > other.lastHeard + Self.aliveNanoseconds else {
                outbox.send(.stop, to: .peer(name))
                return .later
            }
            try leave(other.hello.name, reason: "replaced by \(name)", now: now, outbox: &outbox)
        }
        let place = RecorderLinks.Place(host: node.hello.host, path: folder.path)
        do { try links.note(keeper, at: place) } catch {
            logger.warning("a recorder's folder is not noted", metadata: ["reason": "\(error)"])
            return .later
        }
        node.keeper = keeper
        if places[keeper] != place { try journal.recorderPlaced(keeper, at: place) }
        places[keeper] = place
        redirectProducers(to: keeper, now: now, outbox: &outbox)
        return .taken
    }

    /// A recorder has come, perhaps at another endpoint: carriers of what it keeps are told, and orders to the one before
    /// are given again. Its commands have the incarnations of before, so carriers only change their endpoints and tickets.
    private func redirectProducers(to keeper: String, now: UInt64, outbox: inout Outbox) {
        func isKept(_ lifetime: LifetimeIdentifier) -> Bool { self.keeper(of: lifetime) == keeper }
        for lifetime in lifetimes.leased.filter(isKept).compactMap({ lifetimes[$0] }) {
            for part in lifetime.parts where !part.isFinished { carry(part, of: lifetime, now: now, outbox: &outbox) }
        }
        for job in jobs.all where job.isLeased && isKept(job.lifetime) { send(job, now: now, outbox: &outbox) }
        for identifier in discards.lifetimes.filter(isKept) {
            orderDiscard(of: identifier, now: now, outbox: &outbox)
        }
        for identifier in seals.awaitedLifetimes.filter(isKept) {
            orderSeals(of: identifier, now: now, outbox: &outbox)
        }
    }

    // MARK: - Pins

    /// Who keeps the lifetime's streams; nil where nobody does yet. What the catalogue does not know the files may: a run
    /// of an earlier version, or one whose catalogue was lost.
    func keeper(of lifetime: LifetimeIdentifier) -> String? { pins[lifetime] ?? links.keeper(of: lifetime) }

    /// The recorder that writes into a keeper's folder now; nil while it is away.
    private func recorder(at keeper: String) -> ConnectedNode? {
        nodes.staying(.recorder).first { $0.keeper == keeper }
    }

    /// The recorder of a lifetime's streams; nil while it is away, or where nobody keeps them yet.
    func recorder(of lifetime: LifetimeIdentifier) -> ConnectedNode? { keeper(of: lifetime).flatMap(recorder(at:)) }

    /// Recorders that new lifetimes may go to, in no order.
    private var openRecorders: [ConnectedNode] {
        nodes.staying(.recorder).filter { $0.keeper != nil && !$0.isRetiring }
    }

    /// A recorder is there.
    var isRecording: Bool { nodes.staying(.recorder).contains { $0.keeper != nil } }

    /// A recorder is there that could take new streams.
    var hasRecorder: Bool { !openRecorders.isEmpty }

    /// The lifetime can be leased: its recorder is there or, where nobody keeps it yet, some recorder is.
    func canBeRecorded(_ lifetime: LifetimeIdentifier) -> Bool {
        keeper(of: lifetime).map { recorder(at: $0) != nil } ?? hasRecorder
    }

    /// Pins the lifetime before it is leased, to the recorder that has the fewest open ones; of several to the one that
    /// has had the fewest, and then to the one that has been here longest. False where it cannot be leased now. Throws what the journal throws.
    func pin(_ lifetime: LifetimeIdentifier) throws -> Bool {
        guard let keeper = keeper(of: lifetime) ?? freest, recorder(at: keeper) != nil else { return false }
        do { try links.link(lifetime, to: keeper) } catch {
            logger.warning("a lifetime waits", metadata: ["lifetime": "\(lifetime)", "for": "\(error)"])
            return false
        }
        if pins[lifetime] == nil { try journal.streamsPinned(lifetime, to: keeper) }
        pins.pin(lifetime, to: keeper)
        return true
    }

    /// The keeper that gets the next lifetime.
    private var freest: String? {
        func order(_ node: ConnectedNode, _ keeper: String) -> (Int, Int, UInt64, String) {
            let load = pins.load(of: keeper)
            return (load.open, load.all, node.joined, node.hello.name)
        }
        let keepers = openRecorders.compactMap { node in node.keeper.map { ($0, order(node, $0)) } }
        return keepers.min { $0.1 < $1.1 }?.0
    }

    /// Whether the node may speak of the lifetime's streams.
    func isKeeper(_ node: ConnectedNode, of lifetime: LifetimeIdentifier) -> Bool {
        guard let keeper = keeper(of: lifetime) else { return true }
        return node.keeper == keeper
    }

    // MARK: - Leaving

    /// A recorder that is asked to leave while others can take what is new stays until what it keeps is complete. False
    /// where it is to go at once: there is no other, nothing is open, or it was asked before.
    func retire(_ name: String) -> Bool {
        guard let node = nodes[name], let keeper = node.keeper, !node.isRetiring, !node.isLeaving,
            pins.load(of: keeper).open > 0, openRecorders.contains(where: { $0.hello.name != name })
        else { return false }
        node.isRetiring = true
        hasChanged = true
        logger.info("takes no new lifetimes, and leaves when its own are complete", metadata: ["node": "\(name)"])
        return true
    }

    /// Sends home the recorders that have completed what they keep, and were asked to leave.
    func dismissRetired(now: UInt64, outbox: inout Outbox) {
        for node in nodes.staying(.recorder) where node.isRetiring && pins.load(of: node.keeper ?? "").open == 0 {
            sendHome(node.hello.name, because: Self.drained, now: now, outbox: &outbox)
        }
    }

    // MARK: - Status

    /// Recorders that are away while streams of theirs are open; nothing where there is no recorder at all.
    func lacksOfRecorders() -> [Lack] {
        guard hasRecorder else { return [Lack(kind: .recorder, why: "a recorder; there is none")] }
        let away = pins.openLifetimes.filter { recorder(at: $0.key) == nil }
        guard !away.isEmpty else { return [] }
        let texts = away.map { keeper, lifetimes in
            let place = places[keeper].map { "\($0)" } ?? (keeper.isEmpty ? "the run's folder" : keeper)
            return "the recorder of \(place), which keeps the streams of \(lifetimeText(lifetimes.count))"
        }
        return [Lack(kind: .recorder, why: texts.sorted().joined(separator: "; and for "))]
    }
}
