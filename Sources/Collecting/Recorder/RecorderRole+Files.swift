import Agents
import Environments
import Experience
import Experiments
import Files
import Foundation
import Glibc
import Histories
import Logging
import Nodes
import Quantities
import Settings
import Transport
import Wire

/// Opening, flushing, sealing and giving up of the files.
///
/// Every failure of a file is of one of two kinds (`StreamError.isPassing`). One is passing: the machine lacks
/// room, rights or open files, and the call is made again later. The other is damage: the stream is quarantined,
/// and all others go on.
extension RecorderRole {
    /// What became of a call on a stream's file.
    enum Outcome {
        case done
        /// The machine lacks something, and the file is as it was: to be tried again.
        case blocked
        /// The file is damaged and was moved aside.
        case quarantined
    }

    // MARK: - Opening

    /// Makes the stream known; what the machine lacks leaves it unknown. `durable`: what was called durable to the
    /// carrier that asks. A file that holds less has lost it.
    func load(
        _ identifier: StreamIdentifier, _ open: OpenStreams, durable: UInt64, from sender: Address, now: UInt64,
        outbox: inout Outbox
    ) throws {
        guard let context else { throw ClusterError("streams before a welcome") }
        let experiment = context.experiment
        let algorithm = context.algorithm
        let evaluation = try evaluationSource(of: open)
        let metadata = StreamMetadata(
            softwareVersion: softwareVersion, environment: context.distribution.environment,
            task: try context.task(identifier.lifetime.task), repetition: identifier.lifetime.repetition,
            sourceAlgorithm: evaluation?.policy.name ?? algorithm.name,
            sourceJSON: evaluation?.json ?? algorithm.json, actor: identifier.actor,
            seed: experiment.seed,
            firstPolicyVersion: open.firstPolicyVersion)
        // A carrier from before the discard of its lifetime says nothing of the files that came after it.
        let durable = open.incarnation < discardedBelow(identifier.lifetime) ? 0 : durable
        if durable > 0, !hasFile(identifier), StreamQuarantine(of: home(identifier)) == nil {
            streams[identifier] = RecordedStream(
                file: .quarantined(reason: "", nextSequence: durable, nextEpisode: 0), incarnation: open.incarnation,
                carrier: sender)
            return quarantine(
                identifier, "its file is gone, though rollouts before \(durable) were acknowledged", now: now,
                outbox: &outbox)
        }
        guard load(identifier, metadata, open.incarnation, sender, now: now, outbox: &outbox) else { return }
        if case .sealed(let rollouts, _, let rows, _)? = streams[identifier]?.file {
            report(identifier, rows: rows, rollouts: rollouts, now: now, outbox: &outbox)
        }
    }

    /// What acts in the streams of an evaluation; nil where a source algorithm does. Throws where that is not said, for
    /// their random numbers could then not be drawn again.
    func evaluationSource(of open: OpenStreams) throws -> EvaluationSource? {
        guard case .evaluation(let name) = open.lifetime.collection else { return nil }
        let source = try EvaluationSource(json: open.source)
        guard source.evaluation == name else {
            throw ClusterError("streams of the evaluation \(name) whose source is of \(source.evaluation)")
        }
        return source
    }

    /// A file that holds less than was called durable has lost it, though it be whole as far as it goes.
    func checkNothingIsLost(_ identifier: StreamIdentifier, durable: UInt64, now: UInt64, outbox: inout Outbox) {
        guard let stream = streams[identifier], durable > stream.greatestAcknowledgement else { return }
        quarantine(
            identifier,
            "rollouts before \(durable) were acknowledged, but its file ends before \(stream.nextSequence)", now: now,
            outbox: &outbox)
    }

    /// As `load`, for a stream that the coordinator orders to be sealed: it does not begin any more. A stream that has
    /// no file counts as sealed and empty: no rollout of it has reached the disk.
    func loadForEnd(_ identifier: StreamIdentifier, now: UInt64, outbox: inout Outbox) {
        if hasFile(identifier) || StreamQuarantine(of: home(identifier)) != nil {
            _ = load(identifier, nil, 0, .coordinator, now: now, outbox: &outbox)
        } else {
            StreamWriter.removeCopies(at: home(identifier))
            growing?.removeLeftover(of: identifier.path)
            streams[identifier] = RecordedStream(
                file: .sealed(rollouts: 0, nextEpisode: 0, rows: 0, incarnation: 0), incarnation: 0,
                carrier: .coordinator)
        }
    }

    /// False where the machine lacks something, which leaves the stream unknown. `metadata` is nil for a stream that is
    /// only opened to be sealed.
    private func load(
        _ identifier: StreamIdentifier, _ metadata: StreamMetadata?, _ incarnation: UInt64, _ carrier: Address,
        now: UInt64, outbox: inout Outbox
    ) -> Bool {
        let home = home(identifier)
        func remember(_ file: RecordedStream.File) {
            var stream = RecordedStream(file: file, incarnation: incarnation, carrier: carrier)
            // The file says which incarnation the stream is at, not its opener.
            stream.incarnation = max(incarnation, stream.recordedIncarnation ?? 0)
            streams[identifier] = stream
            if case .sealed = file { noteSealed(identifier) }
        }
        if let mark = StreamQuarantine(of: home) {
            remember(
                .quarantined(reason: mark.reason, nextSequence: mark.nextSequence, nextEpisode: mark.nextEpisode))
            counts["quarantined_streams", default: 0] += 1
            // A recorder may have died before the file had moved.
            if FileManager.default.fileExists(atPath: home) {
                _ = StreamQuarantine.setAside(
                    home, reason: mark.reason, nextSequence: mark.nextSequence, nextEpisode: mark.nextEpisode)
            }
            report(identifier, reason: mark.reason, now: now, outbox: &outbox)
            return true
        }
        do throws(StreamError) {
            if FileManager.default.fileExists(atPath: home) { growing?.removeLeftover(of: identifier.path) }
            try makeNamesDurable(on: place(identifier))
            remember(try file(of: identifier, metadata: metadata))
            return true
        } catch {
            if error.isPassing {
                wait(for: error, now: now)
                return false
            }
            remember(.quarantined(reason: error.problem, nextSequence: 0, nextEpisode: 0))
            quarantine(identifier, error.problem, now: now, outbox: &outbox)
            return true
        }
    }

    /// The recorder before this one may have died between a name, of a file or a folder, and the sync of the folder in
    /// which it is: nothing of a file that is found is acknowledged or reported before that sync.
    private func makeNamesDurable(on path: String) throws(StreamError) {
        var path = path
        let folder = growing.flatMap { path.hasPrefix($0.path) ? $0.path : nil } ?? folder
        while path.utf8.count > folder.utf8.count {
            let above = Folder.of(path)
            guard above != path else { return }
            if !syncedFolders.contains(above), Folder.isFolder(above) {
                try fileCalls.synchronizeFolder(path)
                if syncedFolders.count >= Self.rememberedSealedStreams { syncedFolders.removeAll() }
                syncedFolders.insert(above)
            }
            path = above
        }
    }

    /// Opens the file to go on with it, or tells how a sealed one ends. Without `metadata` the file has to be there.
    private func file(
        of identifier: StreamIdentifier, metadata: StreamMetadata?
    ) throws(StreamError) -> RecordedStream.File {
        let (path, home) = (place(identifier), home(identifier))
        do throws(StreamError) {
            let isNew = !hasFile(identifier)
            let writer =
                if let metadata {
                    try StreamWriter.open(at: path, sealedAt: home, metadata: metadata, calls: fileCalls)
                } else {
                    try StreamWriter.recover(at: path, sealedAt: home, calls: fileCalls)
                }
            writer.count(in: tally)
            if !isNew { counts["recovered_streams", default: 0] += 1 }
            return .growing(writer)
        } catch {
            guard case .sealed = error else { throw error }
            let end = try StreamEnd(path: path)
            return .sealed(
                rollouts: end.rollouts, nextEpisode: end.nextEpisode, rows: end.rows, incarnation: end.incarnation)
        }
    }

    // MARK: - Flushing and sealing

    /// Flushes one stream, at once.
    func flush(
        _ identifier: StreamIdentifier, _ writer: StreamWriter, now: UInt64, outbox: inout Outbox
    ) -> Outcome {
        flush([(identifier, writer)], now: now, outbox: &outbox)[0]
    }

    /// Flushes several streams with one wait for the disk; their files are the recorder's alone meanwhile.
    func flush(
        _ due: [(stream: StreamIdentifier, writer: StreamWriter)], now: UInt64, outbox: inout Outbox
    ) -> [Outcome] {
        var free = freeBytes(growing?.path ?? folder)
        let failures = due.map { missingRoom($0.stream, $0.writer, free: &free) }
        let writers = zip(due, failures).filter { $1 == nil }.map(\.0.writer)
        let restored = due.map(\.writer.restoredCount)
        var flushed = StreamWriter.flush(writers).makeIterator()
        return due.indices.map { index in
            let (identifier, writer) = due[index]
            return attempt(identifier, now: now, outbox: &outbox) { () throws(StreamError) in
                if let failure = failures[index] ?? flushed.next() ?? nil { throw failure }
                streams[identifier]?.isFull = false
                counts["flushes", default: 0] += 1
                noteRestored(identifier, writer.restoredCount - restored[index])
            }
        }
    }

    /// `free`: what those before it leave, and then what it leaves. Nil where there is room; otherwise `diskFull`,
    /// which is waited out.
    private func missingRoom(
        _ identifier: StreamIdentifier, _ writer: StreamWriter, free: inout UInt64?
    ) -> StreamError? {
        guard writer.pendingRollouts > 0, let left = free else { return nil }
        // A stream that has ended makes room by being sealed.
        if streams[identifier]?.isEnded == false, left < Self.reservedDiskBytes {
            return .diskFull(
                path: writer.path,
                operation:
                    "append (\(NumberText.bytes(Int(left))) are free, \(NumberText.bytes(Int(Self.reservedDiskBytes))) are "
                    + "kept for the catalogue and for sealing)")
        }
        free = left - min(left, UInt64(writer.pendingBytes))
        return nil
    }

    /// Ends all work on files when the recorder leaves: growing files are closed as they are on disk, copies that
    /// are not whole are removed. `leaveDisk` follows where they grow on a disk of their own.
    func close() {
        for sealing in sealings { sealing.work.abandon() }
        sealings.removeAll()
        openings.removeAll()
        progress?.finish()
        isNotingProgress = false
        for writer in streams.values.compactMap(\.writer) {
            do throws(StreamError) { try writer.close() } catch {
                logger.warning("a stream was left as it is on the disk", metadata: ["reason": "\(error)"])
                writer.abandon()
            }
        }
        hasClosedFiles = true
        if growing == nil { isClosed = true }
    }

    /// A file was put back that a person or a program had deleted while its writer had it open.
    func noteRestored(_ identifier: StreamIdentifier, _ count: Int) {
        guard count > 0 else { return }
        counts["restored_streams", default: 0] += Double(count)
        logger.warning("a stream's file was deleted and put back", metadata: ["stream": "\(identifier.path)"])
    }

    /// Memory for streams that are done is bounded: what is forgotten is read from its file when a carrier or the
    /// coordinator asks for it.
    func noteSealed(_ identifier: StreamIdentifier) {
        sealedOrder.append(identifier)
        while sealedOrder.count > Self.rememberedSealedStreams, let oldest = sealedOrder.popFirst() {
            if case .sealed? = streams[oldest]?.file { streams[oldest] = nil }
        }
    }

    // MARK: - Failures

    /// Makes a call on a stream's file and takes what it throws: waits for what is missing, or quarantines the
    /// stream. Opening and comparing judge their failures themselves, by the same rule.
    func attempt(
        _ identifier: StreamIdentifier, now: UInt64, outbox: inout Outbox, _ body: () throws(StreamError) -> Void
    ) -> Outcome {
        do throws(StreamError) {
            try body()
            return .done
        } catch {
            if error.isPassing {
                wait(for: error, now: now)
                return .blocked
            }
            quarantine(identifier, error.problem, now: now, outbox: &outbox)
            return .quarantined
        }
    }

    /// Appending waits for a while, and `waiting` says what for. Tried again after `retryMilliseconds`; the log has a
    /// line only where the reason is another than the last.
    func wait(for error: StreamError, now: UInt64) {
        retryAt = now + Self.retryMilliseconds * nanosecondsPerMillisecond
        let words: String
        if case .diskFull = error { words = "room on the disk: \(error)" } else { words = "\(error)" }
        counts["waits_for_the_machine", default: 0] += 1
        if words != obstacle { logger.warning("actors wait", metadata: ["reason": "\(words)"]) }
        obstacle = words
    }

    /// One stream is given up, what is left of its file moved aside; coordinator and carrier are told.
    func quarantine(_ identifier: StreamIdentifier, _ reason: String, now: UInt64, outbox: inout Outbox) {
        guard var stream = streams[identifier] else { return }
        let (nextSequence, nextEpisode) = (stream.nextSequence, stream.nextEpisode)
        letGo(of: identifier, stream)
        stream.file = .quarantined(reason: reason, nextSequence: nextSequence, nextEpisode: nextEpisode)
        streams[identifier] = stream
        checksums.forget()
        let stranded = bringHome(identifier)
        let (mark, failure) = StreamQuarantine.setAside(
            home(identifier), reason: reason, nextSequence: nextSequence, nextEpisode: nextEpisode)
        counts["quarantined_streams", default: 0] += 1
        logger.error(
            "a stream is quarantined, all others go on",
            metadata: [
                "stream": "\(identifier.path)", "reason": "\(reason)", "left": "\(mark.movedTo)",
                "trouble": "\((stranded ?? failure).map(\.description) ?? "none")",
            ])
        report(identifier, reason: reason, now: now, outbox: &outbox)
        acknowledge([identifier], outbox: &outbox)
    }
}

/// Bytes that may still be written on the disk of `folder`; nil where that cannot be told. Blocks that are reserved for
/// the superuser do not count.
package func freeDiskBytes(_ folder: String) -> UInt64? {
    var status = statvfs()
    guard statvfs(folder, &status) == 0 else { return nil }
    return UInt64(status.f_bavail) * UInt64(status.f_frsize)
}
