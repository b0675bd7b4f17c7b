import Agents
import Environments
import Experiments
import Foundation
import Histories
package import Logging
package import Wire

/// Writes every stream into its own file and acknowledges what is durable.
package final class RecorderRole: Role {
    /// A flush that failed for lack of room is tried again after this time.
    package static let diskFullRetryMilliseconds: UInt64 = 1000

    package let name = RoleName.recorder
    package let capacity = 0

    private var folder: String
    private let logger: Logger
    private var context: ExperimentContext?
    private var lock: DirectoryLock?
    private var streams: [StreamIdentifier: RecordedStream] = [:]
    /// Growing streams with rollouts that are not on disk.
    private var pending: Set<StreamIdentifier> = []
    private var reports = ReliableSender()
    private var isDraining = false
    private var isClosed = false
    private var retryFlushAt: UInt64 = 0
    private var diskFull: String?
    private var counts: [String: Double] = [:]

    /// `folder`: where the run's streams go; nil for the coordinator's own folder of the run. Another recorder on the
    /// same folder is refused when the coordinator takes this one in.
    package init(folder: String?, logger: Logger) {
        self.folder = folder ?? ""
        self.logger = logger
    }

    package func begin(_ welcome: Welcome, now: UInt64) throws {
        if let context { return try context.check(isStill: welcome) }
        context = try ExperimentContext(welcome)
        if folder.isEmpty { folder = welcome.folder }
        lock = try DirectoryLock(path: folder + "/histories/.recorder.lock", holder: "recorder")
    }

    package var isFinished: Bool { isDraining && isClosed && reports.isEmpty }

    /// Streams are opened by their carriers, not leased: they stay as they are.
    package func forgetLeases(now: UInt64) {}

    package func drain(now: UInt64) { isDraining = true }

    package var numbers: [String: Double] {
        var numbers = counts
        numbers["open_streams"] = Double(streams.values.count { if case .growing = $0.file { true } else { false } })
        return numbers
    }

    package var waitingFor: String { diskFull.map { "room on the disk: \($0)" } ?? "" }

    // MARK: - Messages

    package func receive(_ envelope: Envelope, from sender: Address, now: UInt64, outbox: inout Outbox) throws {
        switch envelope.message {
        case .acknowledgement where sender == .coordinator: reports.acknowledge(envelope.request, by: sender)
        case .openStreams(let open): try self.open(open, from: sender, now: now, outbox: &outbox)
        case .rollouts(let rollouts): try take(rollouts, from: sender, now: now, outbox: &outbox)
        case .sealStreams(let seal) where sender == .coordinator:
            outbox.send(.acknowledgement, to: .coordinator, request: envelope.request)
            for actor in seal.actors {
                try end(StreamIdentifier(lifetime: seal.lifetime, actor: actor), now: now, outbox: &outbox)
            }
        case .failure: counts["refused_messages", default: 0] += 1
        default:
            counts["refused_messages", default: 0] += 1
            outbox.send(.failure("a recorder does not take this message"), to: sender, request: envelope.request)
        }
    }

    private func open(_ open: OpenStreams, from sender: Address, now: UInt64, outbox: inout Outbox) throws {
        if let problem = problem(open) {
            counts["refused_messages", default: 0] += 1
            outbox.send(.failure(problem), to: sender)
            return
        }
        var opened: [StreamsOpened.Stream] = []
        for actor in open.actors {
            let identifier = StreamIdentifier(lifetime: open.lifetime, actor: actor)
            var stream = try streams[identifier] ?? load(identifier, open, from: sender, now: now, outbox: &outbox)
            guard open.incarnation >= stream.incarnation else {
                fence(identifier, stream, sender: sender, outbox: &outbox)
                return
            }
            let isNewCarrier = open.incarnation > stream.incarnation
            // The mark of the carrier before was nothing that is on disk: a recorder that is started again does not know
            // of it, so the next carrier's has its number too.
            if isNewCarrier { stream.isMarkedAgain = false }
            // The carrier goes on behind what is durable: that must be all that there is. On a full disk it asks again.
            if case .growing(let writer) = stream.file, try !flush(writer) { return }
            stream.incarnation = open.incarnation
            stream.carrier = sender
            streams[identifier] = stream
            // The last rollout counts only once the file is sealed; a new carrier, who does not have it, adds a mark.
            opened.append(
                StreamsOpened.Stream(
                    nextSequence: isNewCarrier ? stream.nextSequence : stream.durableSequence,
                    nextEpisode: stream.nextEpisode, state: stream.state))
        }
        outbox.send(
            .streamsOpened(
                StreamsOpened(
                    lifetime: open.lifetime, firstActor: open.actors.lowerBound, incarnation: open.incarnation,
                    streams: opened)), to: sender)
        acknowledge(open.actors.map { StreamIdentifier(lifetime: open.lifetime, actor: $0) }, outbox: &outbox)
    }

    /// Why streams cannot be opened: they are none of this run's. Nil when they can.
    private func problem(_ open: OpenStreams) -> String? {
        guard let context else { return "the recorder is not part of a run yet" }
        let isEvaluation = open.lifetime.collection != .histories
        let recorded = isEvaluation ? context.experiment.evaluate.seeds : context.experiment.recordedActors
        guard !open.actors.isEmpty, open.actors.upperBound <= recorded else {
            return "\(open.lifetime): actors \(open.actors); the streams of the first \(recorded) are recorded"
        }
        do { _ = try context.task(open.lifetime.task) } catch { return "\(error)" }
        return nil
    }

    private func fence(
        _ identifier: StreamIdentifier, _ stream: RecordedStream, sender: Address, outbox: inout Outbox
    ) {
        counts["fenced_messages", default: 0] += 1
        outbox.send(
            .rolloutsDurable(
                RolloutsDurable(
                    lifetime: identifier.lifetime,
                    streams: [
                        .init(
                            actor: identifier.actor, nextSequence: stream.durableSequence,
                            incarnation: stream.incarnation, state: stream.state)
                    ], resend: false)), to: sender)
    }

    private func take(_ rollouts: Rollouts, from sender: Address, now: UInt64, outbox: inout Outbox) throws {
        guard let context else { return }
        let content = rollouts.content
        let experiment = context.experiment
        let isEvaluation = content.lifetime.collection != .histories
        let recordedActors = isEvaluation ? experiment.evaluate.seeds : experiment.recordedActors
        do {
            try content.validate(
                for: context.distribution.environment,
                actors: isEvaluation ? experiment.evaluate.seeds : experiment.actorLimit)
        } catch {
            counts["refused_messages", default: 0] += 1
            outbox.send(.failure("\(error)"), to: sender)
            return
        }
        let isLivedAgain = isEvaluation || experiment.collect.synchronization == .lockstep
        var known: [StreamIdentifier] = []
        var isBehind = false
        let wallClock = StreamWriter.wallClock()
        content.forEachRollout(
            observationBytes: context.distribution.environment.observationSpace.byteCount,
            actionBytes: context.distribution.environment.actionSpace.byteCount
        ) { sent, rows in
            var header = sent
            guard header.actor < recordedActors else { return }
            let identifier = StreamIdentifier(lifetime: content.lifetime, actor: header.actor)
            // Not opened by this incarnation, or this recorder was restarted: the sender is told by silence and opens
            // it again.
            guard var stream = streams[identifier] else { return }
            guard header.incarnation >= stream.incarnation else {
                fence(identifier, stream, sender: sender, outbox: &outbox)
                return
            }
            guard header.incarnation == stream.incarnation else { return }
            if header.sequence < stream.nextSequence {
                counts["repeated_rollouts", default: 0] += 1
                known.append(identifier)
                return
            }
            if stream.state == .ended, header.isLast, header.length == 0, header.sequence == stream.nextSequence {
                stream.isMarkedAgain = true
                streams[identifier] = stream
                known.append(identifier)
                return
            }
            guard stream.state == .recording else {
                counts["refused_messages", default: 0] += 1
                outbox.send(.failure("\(identifier): the stream has ended"), to: sender)
                return
            }
            guard header.sequence == stream.nextSequence, case .growing(let writer) = stream.file else {
                counts["out_of_order_rollouts", default: 0] += 1
                isBehind = true
                known.append(identifier)
                return
            }
            // What is lived again is the same to the last bit: the stream goes on without a gap, even inside an
            // episode, and so it keeps its incarnation.
            if isLivedAgain { header.incarnation = 0 }
            do { try writer.append(header, rows, now: now, wallClock: wallClock) } catch {
                counts["refused_messages", default: 0] += 1
                outbox.send(.failure("\(error)"), to: sender)
                return
            }
            counts["transitions", default: 0] += Double(header.length)
            stream.isEnded = header.isLast
            stream.carrier = sender
            streams[identifier] = stream
            pending.insert(identifier)
        }
        if isBehind || !known.isEmpty { acknowledge(known, resend: isBehind, outbox: &outbox) }
    }

    /// The coordinator knows that no carrier will come back.
    private func end(_ identifier: StreamIdentifier, now: UInt64, outbox: inout Outbox) throws {
        let path = folder + "/" + identifier.path
        if streams[identifier] == nil {
            // What does not exist yet must not begin any more either.
            let exists = FileManager.default.fileExists(atPath: path)
            streams[identifier] = RecordedStream(
                file: exists ? try file(at: path, metadata: nil) : .sealed(rollouts: 0, nextEpisode: 0, rows: 0),
                incarnation: 0, carrier: .coordinator)
        }
        // Whoever still carries it has been replaced by nobody.
        streams[identifier]?.incarnation = .max
        if case .sealed(let rollouts, _, let rows)? = streams[identifier]?.file {
            return report(identifier, rows: rows, rollouts: rollouts, now: now, outbox: &outbox)
        }
        streams[identifier]?.isEnded = true
        pending.insert(identifier)
    }

    // MARK: - Files

    private func load(
        _ identifier: StreamIdentifier, _ open: OpenStreams, from sender: Address, now: UInt64, outbox: inout Outbox
    ) throws -> RecordedStream {
        guard let context else { throw ClusterError("streams before a welcome") }
        let experiment = context.experiment
        let algorithm = context.algorithm
        let isEvaluation = identifier.lifetime.collection != .histories
        let metadata = StreamMetadata(
            softwareVersion: softwareVersion, environment: context.distribution.environment,
            task: try context.task(identifier.lifetime.task), repetition: identifier.lifetime.repetition,
            sourceAlgorithm: isEvaluation ? "distilled" : algorithm.name,
            sourceJSON: isEvaluation ? "{}" : algorithm.json, actor: identifier.actor, seed: experiment.seed,
            firstPolicyVersion: open.firstPolicyVersion)
        let file = try file(at: folder + "/" + identifier.path, metadata: metadata)
        let stream = RecordedStream(file: file, incarnation: open.incarnation, carrier: sender)
        if case .sealed(let rollouts, _, let rows) = file {
            report(identifier, rows: rows, rollouts: rollouts, now: now, outbox: &outbox)
        }
        return stream
    }

    private func file(at path: String, metadata: StreamMetadata?) throws -> RecordedStream.File {
        do {
            let isNew = !FileManager.default.fileExists(atPath: path)
            let writer =
                try metadata.map { try StreamWriter.open(at: path, metadata: $0) } ?? StreamWriter.recover(at: path)
            if !isNew { counts["recovered_streams", default: 0] += 1 }
            return .growing(writer)
        } catch StreamError.sealed {
            let contents = try StreamContents(path: path)
            return .sealed(
                rollouts: UInt64(contents.rollouts.count),
                nextEpisode: contents.episodes.last.map { $0.number + 1 } ?? 0,
                rows: UInt64(contents.rows.rewards.count))
        }
    }

    /// False when the disk is full.
    @discardableResult
    private func flush(_ writer: StreamWriter) throws -> Bool {
        do {
            try writer.flush()
            counts["flushes", default: 0] += 1
            return true
        } catch StreamError.diskFull(let path, _) {
            if diskFull == nil {
                logger.warning("the disk is full; actors wait until there is room", metadata: ["file": "\(path)"])
            }
            diskFull = path
            return false
        }
    }

    package func work(now: UInt64, outbox: inout Outbox) throws -> Bool {
        guard now >= retryFlushAt else { return false }
        diskFull = nil
        var durable: [StreamIdentifier] = []
        let deadline = now + 30_000_000
        let clock = ContinuousClock()
        let began = clock.now
        for identifier in pending {
            guard case .growing(let writer)? = streams[identifier]?.file, let isEnded = streams[identifier]?.isEnded
            else {
                pending.remove(identifier)
                continue
            }
            guard isEnded || isDraining || writer.isFlushDue(now: now) else { continue }
            guard try flush(writer) else {
                retryFlushAt = now + Self.diskFullRetryMilliseconds * 1_000_000
                break
            }
            if isEnded, try !seal(identifier, writer, now: now, outbox: &outbox) {
                retryFlushAt = now + Self.diskFullRetryMilliseconds * 1_000_000
                break
            }
            pending.remove(identifier)
            durable.append(identifier)
            if now + UInt64((clock.now - began) / .nanoseconds(1)) > deadline { break }
        }
        acknowledge(durable, outbox: &outbox)
        if isDraining, pending.isEmpty, !isClosed { try close() }
        return false
    }

    private func seal(
        _ identifier: StreamIdentifier, _ writer: StreamWriter, now: UInt64, outbox: inout Outbox
    ) throws -> Bool {
        let position = writer.durablePosition
        if position.rollouts == 0 {
            // Its lifetime was cut before its first rollout: there is no stream.
            try writer.close()
            try FileManager.default.removeItem(atPath: writer.path)
            streams[identifier]?.file = .sealed(rollouts: 0, nextEpisode: 0, rows: 0)
            report(identifier, rows: 0, rollouts: 0, now: now, outbox: &outbox)
            return true
        }
        do { try writer.seal() } catch StreamError.diskFull(let path, _) {
            diskFull = path
            return false
        }
        streams[identifier]?.file = .sealed(
            rollouts: position.rollouts, nextEpisode: position.nextFreshEpisode, rows: UInt64(position.rows))
        counts["sealed_streams", default: 0] += 1
        report(identifier, rows: UInt64(position.rows), rollouts: position.rollouts, now: now, outbox: &outbox)
        return true
    }

    private func report(
        _ identifier: StreamIdentifier, rows: UInt64, rollouts: UInt64, now: UInt64, outbox: inout Outbox
    ) {
        reports.send(
            .streamsSealed(
                StreamsSealed(
                    lifetime: identifier.lifetime,
                    streams: [.init(actor: identifier.actor, rows: rows, rollouts: rollouts)])),
            to: .coordinator, now: now, outbox: &outbox)
    }

    /// Tells each carrier how far its streams are on disk.
    private func acknowledge(_ identifiers: [StreamIdentifier], resend: Bool = false, outbox: inout Outbox) {
        struct Group: Hashable {
            let carrier: Address
            let lifetime: LifetimeIdentifier
        }
        var groups: [Group: [RolloutsDurable.Stream]] = [:]
        for identifier in identifiers {
            guard let stream = streams[identifier], stream.carrier != .coordinator else { continue }
            groups[Group(carrier: stream.carrier, lifetime: identifier.lifetime), default: []].append(
                .init(
                    actor: identifier.actor, nextSequence: stream.durableSequence, incarnation: stream.incarnation,
                    state: stream.state))
        }
        for (group, streams) in groups {
            outbox.send(
                .rolloutsDurable(RolloutsDurable(lifetime: group.lifetime, streams: streams, resend: resend)),
                to: group.carrier)
        }
    }

    private func close() throws {
        for case .growing(let writer) in streams.values.map(\.file) { try writer.close() }
        isClosed = true
    }

    package func tick(now: UInt64, outbox: inout Outbox) throws { reports.tick(now: now, outbox: &outbox) }
}
