import Coordination
import Distillation
import Environments
package import Experience
import Experiments
import Foundation
package import Histories
import TestSupport
import Transport
import Wire

extension SimulatedCluster {
    /// What of all that is promised of a run that has come to its end does not hold. Of one that has not, everything
    /// ends now.
    package func violations() throws -> [String] {
        guard isFinished else { return try violationsWithoutEnd() }
        var violations = witness.violations
        if !coordinator.failure.isEmpty { violations.append("the run failed: \(coordinator.failure)") }
        violations += faults
        let experiment = context.experiment
        let planned =
            experiment.trainTasks(of: context.distribution).count * experiment.collect.lifetimes
            + experiment.testTasks(of: context.distribution).count * experiment.collect.testLifetimes
        let expected = goal.collects ? planned : 0
        if journal.ended.count != expected { violations.append("\(journal.ended.count) lifetimes of \(expected)") }
        if Set(journal.results).count != journal.results.count { violations.append("a result was counted twice") }
        violations += try undoneItems()
        for lifetime in journal.ended {
            // Of an elastic lifetime's actors some may never have come to a rollout.
            for actor in 0..<context.experiment.recordedActors where !context.experiment.collect.elastic {
                let stream = StreamIdentifier(lifetime: lifetime, actor: actor)
                if (journal.sealed[stream] != nil) == (journal.quarantined[stream] != nil) {
                    violations.append("\(stream) was neither sealed nor quarantined, or both")
                }
            }
        }
        for (stream, reason) in journal.quarantined where !damaged.contains(stream) {
            violations.append("\(stream) was quarantined, and nobody had damaged it: \(reason)")
        }
        violations += streamsOutOfPlace()
        violations +=
            learning.violations + unnamedRefusals + livedAnewInVain() + lostReports()
            + [traffic.storm(seconds: seconds)].compactMap { $0 }
        var files: Set<StreamIdentifier> = []
        // Where a catalogue was remade from the files, one that is damaged stays where it is.
        let givenUp = Set(journal.quarantined.keys.map { "\(folder)/\($0.path)" })
        for file in streamFiles(below: folder) where !givenUp.contains(file) {
            files.insert(try check(file, &violations))
        }
        for stream in witness.brought.keys
        where !files.contains(stream) && journal.quarantined[stream] == nil && !damagedUnseen.contains(stream) {
            let missing = missing(in: stream, checksums: [])
            if !missing.isEmpty { violations.append("\(stream): acknowledged, and there is no file") }
        }
        return violations
    }

    /// Streams that lie with two recorders, or with another than the one that their lifetime is pinned to.
    private func streamsOutOfPlace() -> [String] {
        var violations: [String] = []
        var found: [String: Int] = [:]
        for number in 0..<max(1, context.experiment.cluster.recorders) {
            let root = recorderFolder(number)
            let keeper = number == 0 ? RecorderLinks.own : FolderIdentity.read(root)
            for part in ["histories", "evaluations"] {
                // Links are not followed.
                for name in (try? FileManager.default.subpathsOfDirectory(atPath: "\(root)/\(part)")) ?? [] {
                    guard let stream = StreamIdentifier(path: "\(part)/\(name)") else { continue }
                    if let other = found.updateValue(number, forKey: stream.path) {
                        violations.append("\(stream) lies with recorders \(other) and \(number)")
                    }
                    if let pin = journal.pins[stream.lifetime], pin != keeper {
                        violations.append("\(stream) lies with recorder \(number), and is pinned to another")
                    }
                }
            }
        }
        return violations
    }

    /// Items of the plan that were not done, and results of what is none.
    private func undoneItems() throws -> [String] {
        var violations: [String] = []
        let experiment = context.experiment
        let distillations = try experiment.distillations()
        if goal.distils {
            for item in distillations where !journal.distilled.contains(item.name) {
                violations.append("\(item.title) has no end")
            }
        }
        guard goal.evaluates, goal.distils else { return violations }
        let planned = Set(
            try experiment.allEvaluations(tasks: context.distribution).flatMap { evaluation in
                evaluation.tasks.map { FinishedJob(evaluation: evaluation.name, task: $0) }
            })
        let results = Set(journal.results)
        for job in planned.subtracting(results) { violations.append("\(job) has no result") }
        for job in results.subtracting(planned) { violations.append("\(job) has a result and was not planned") }
        return violations
    }

    private var unnamedRefusals: [String] {
        refusedUnnamed.sorted().map {
            "\($0) was refused for \(Traffic.longRefusalNanoseconds / 1_000_000_000) s, and `status` did not name it"
        }
    }

    private func check(_ file: String, _ violations: inout [String]) throws -> StreamIdentifier {
        let verification = StreamVerification(path: file)
        if !verification.isSound || !verification.isSealed {
            violations.append("\(file): sealed \(verification.isSealed), \(verification.problems)")
        }
        let replay = StreamReplay(path: file)
        if !replay.isSound { violations.append("\(file): \(replay.difference ?? replay.problem ?? "")") }
        let contents = try StreamContents(path: file)
        let stream = contents.metadata.identifier(at: file)
        violations += contentViolations(stream, contents.rollouts)
        if contents.metadata.key != StreamKey(seed: context.experiment.seed, stream: stream) {
            violations.append("\(stream): the file names another key of its random numbers")
        }
        if let sealed = journal.sealed[stream] {
            if sealed.rollouts != UInt64(contents.rollouts.count) || sealed.rows != UInt64(contents.rows.rewards.count)
            {
                violations.append("\(stream): the journal has other numbers than the file: \(sealed)")
            }
        }
        return stream
    }

    /// What somebody reported, was told to be taken, and nobody knows of.
    private func lostReports() -> [String] {
        witness.taken.compactMap { report in
            switch report {
            case .distillationFinished(let checkpoint):
                isKnown(endWith: checkpoint)
                    ? nil
                    : "it was acknowledged that a distillation is finished with \(checkpoint), and nobody knows it"
            case .result(let job):
                journal.returns[job] == nil ? "the result of \(job) was acknowledged, and nobody knows it" : nil
            }
        }
    }

    private func isKnown(endWith checkpoint: String) -> Bool {
        context.experiment.distillation(of: checkpoint).map { journal.distilled.contains($0.name) } ?? false
    }

    /// Why a run that stands still does: the faults that have a name.
    private func reasonsForNoEnd() -> [String] {
        guard coordinator.phase == .distilling, hasLastCheckpoints else { return [] }
        return ["the last checkpoint is there, and the run says that it is distilling"]
    }

    private func violationsWithoutEnd() throws -> [String] {
        let end = "no end after \(seconds) s: \(coordinator.status(now: clock.now))"
        let reasons = reasonsForNoEnd()
        for name in names(.recorder) { kill(name) }
        var violations = learning.violations + unnamedRefusals + reasons + witness.violations + faults + lostReports()
        violations += [traffic.storm(seconds: seconds)].compactMap { $0 }
        let unreadable = Set(damaged.map { "\(folder)/\($0.path)" })
        for file in streamFiles(below: folder) where !unreadable.contains(file) {
            let contents = try StreamContents(path: file)
            violations += contentViolations(contents.metadata.identifier(at: file), contents.rollouts)
        }
        return violations + [end]
    }

    /// Whether a stream holds what was brought and acknowledged, each rollout once, in order and by who carried it.
    private func contentViolations(_ stream: StreamIdentifier, _ rollouts: [RolloutRecord]) -> [String] {
        var violations: [String] = []
        let checksums = rollouts.map { UInt32($0.checksum) }
        if !damagedUnseen.contains(stream) {
            for missing in missing(in: stream, checksums: checksums).prefix(3) {
                let mark = DiscardedStreams(of: "\(folder)/\(stream.lifetime.folder)")
                violations.append(
                    "\(stream): acknowledged and not in the file: \(missing); lived anew from incarnation "
                        + "\(mark.map { "\($0.incarnation)" } ?? "none") on, generation \(witness.generation)")
            }
        }
        // Which rollouts there were of each checksum.
        let brought = Dictionary(grouping: witness.brought[stream] ?? [], by: \.checksum)
        let namesCarriers =
            stream.lifetime.collection == .histories && context.experiment.collect.synchronization == .asynchronous
        for (index, record) in rollouts.enumerated() {
            if record.sequence != UInt64(index) { violations.append("\(stream): \(record.sequence) at \(index)") }
            let like = brought[UInt32(record.checksum)] ?? []
            let same = like.filter { $0.sequence == record.sequence }
            if let other = like.first, same.isEmpty {
                violations.append("\(stream): rollout \(other.sequence) is on disk again, as rollout \(index)")
            } else if same.isEmpty {
                violations.append("\(stream): rollout \(index) was never brought")
            } else if namesCarriers, !same.contains(where: { $0.incarnation == record.incarnation }) {
                violations.append(
                    "\(stream): rollout \(index) is of a carrier that had been replaced: "
                        + "\(same.map(\.incarnation)), not \(record.incarnation)")
            }
            if index > 0, record.incarnation < rollouts[index - 1].incarnation {
                violations.append("\(stream): rollout \(index) is of a carrier that had been replaced")
            }
        }
        return violations
    }

    /// What its carriers were told is durable and is not there. A lifetime that another kind of processor could not go
    /// on with was lived anew: what earlier carriers brought was moved aside, openly.
    private func missing(in stream: StreamIdentifier, checksums: [UInt32]) -> [Witness.Brought] {
        let discarded = DiscardedStreams(of: "\(folder)/\(stream.lifetime.folder)")
        let missing = witness.missing(in: stream, checksums: checksums)
        guard let discarded else { return missing }
        // Behind a catalogue that was lost, incarnations are counted anew.
        return missing.filter { $0.incarnation >= discarded.incarnation && $0.generation == witness.generation }
    }

    /// Lifetimes that were lived anew though every processor is of one kind.
    private func livedAnewInVain() -> [String] {
        guard elsewhere.isEmpty else { return [] }
        return Set(witness.brought.keys.map(\.lifetime)).compactMap { lifetime in
            DiscardedStreams(of: "\(folder)/\(lifetime.folder)").map {
                "\(lifetime) was lived anew, and every processor is of one kind: \($0.reason)"
            }
        }
    }

    /// Somebody damages a stream's file.
    package func damage(_ stream: StreamIdentifier, by vandalism: Vandalism) throws {
        try vandalism.commit(file(of: stream))
        noteDamage(to: stream)
    }

    /// Somebody has damaged a stream's file.
    package func noteDamage(to stream: StreamIdentifier) {
        damaged.insert(stream)
        if keeper(of: stream) == nil { damagedUnseen.insert(stream) }
    }

    /// What recorders have called durable is on the disk at this very moment.
    package func lost() throws -> [String] {
        var lost: [String] = []
        for stream in witness.brought.keys where !damaged.contains(stream) {
            let path = file(of: stream)
            let checksums =
                FileManager.default.fileExists(atPath: path)
                ? try StreamContents(path: path).rollouts.map { UInt32($0.checksum) } : []
            let missing = missing(in: stream, checksums: checksums)
            if let first = missing.first { lost.append("\(stream): acknowledged and not on disk: \(first)") }
        }
        return lost
    }

    /// Results that are not the returns in the streams of their evaluation.
    package func falseResults() throws -> [String] {
        var wrong: [String] = []
        for (job, returns) in journal.returns {
            let seeds = context.experiment.size(ofEvaluation: job.evaluation).seeds
            let lifetime = LifetimeIdentifier(collection: .evaluation(job.evaluation), task: job.task, repetition: 0)
            for seed in 0..<seeds {
                let stream = StreamIdentifier(lifetime: lifetime, actor: seed)
                guard journal.quarantined[stream] == nil else { continue }
                let said = returns[(seed * returns.count / seeds)..<((seed + 1) * returns.count / seeds)]
                let lived = try StreamContents(path: "\(folder)/\(stream.path)").episodes
                    .compactMap(\.episodeReturn).map { Float($0) }
                if Array(said) != lived { wrong.append("\(stream): the result is not what its stream says") }
            }
        }
        return wrong
    }

    /// What a lockstep experiment determines, by the stream's path: everything but incarnations and the wall clock.
    package func dataset() throws -> [String: StreamData] { try readDataset(folder) }
}

/// The content of one stream without what may differ between two runs of the same experiment.
package struct StreamData: Equatable, Sendable {
    package let rows: StreamRows
    let rollouts: [RolloutRecord]

    package var rewards: Int { rows.rewards.count }
    package var rolloutCount: Int { rollouts.count }
}

/// None where there is no stream yet: a folder without one is an error to a person, not here.
private func streamFiles(below folder: String) -> [String] { (try? StreamFolder(path: folder))?.files ?? [] }

package func readDataset(_ folder: String) throws -> [String: StreamData] {
    var dataset: [String: StreamData] = [:]
    for file in streamFiles(below: folder) {
        let contents = try StreamContents(path: file)
        let rollouts = contents.rollouts.map { record in
            var record = record
            record.incarnation = 0
            record.wallClock = 0
            return record
        }
        dataset[String(file.dropFirst(folder.count))] = StreamData(rows: contents.rows, rollouts: rollouts)
    }
    return dataset
}

extension StreamMetadata {
    /// Of the stream whose file lies at `path`: the evaluation is its folder's name.
    func identifier(at path: String) -> StreamIdentifier {
        let parts = path.split(separator: "/")
        let evaluation = parts.firstIndex(of: "evaluations").map { String(parts[$0 + 1]) }
        return StreamIdentifier(
            lifetime: LifetimeIdentifier(
                collection: evaluation.map { .evaluation($0) } ?? .histories, task: task.id, repetition: repetition),
            actor: actor)
    }
}
