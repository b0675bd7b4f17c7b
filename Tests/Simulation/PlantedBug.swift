import Experience
import Histories
import Nodes
import TestSupport
import Wire

/// Faults that a role could have, put in from outside: the roles' own code knows nothing of them. The simulation is
/// worth something only if it finds them.
package enum PlantedBug: String, CaseIterable, Sendable {
    /// The recorder calls durable what it has only heard.
    case earlyAcknowledgement
    /// The recorder takes rollouts of carriers that have been replaced.
    case noFencing
    /// A recorder that is started again does not know which carriers have been replaced.
    case fencingForgottenAtRestart
    /// The recorder looks at no ticket: it opens streams for nodes that they were not leased to.
    case leasesToImpostors
    /// A state of a lifetime is never the one that its learner sends: a newer one always takes its place.
    case starvingState
    /// A learner refuses its actors for ever, they ask for ever, and `status` says nothing of it.
    case refusedInSilence
    /// The coordinator does not hear that the distillation is finished.
    case lostLastWord
    /// The coordinator gives the same actors to two processes.
    case leaseGivenTwice
    /// Actor processes never send anything again to the recorder.
    case noResend
    /// The recorder takes what it has for something new.
    case noDeduplication
    /// A coordinator that comes back does not know how often lifetimes were begun.
    case forgottenAttempts
    /// A coordinator that comes back counts the results that it has once more.
    case resultsCountedTwice

    /// The coordinator calls a result taken that it has not taken.
    case acknowledgedNotTaken
    /// A catalogue that is remade from the files does not know how often lifetimes were begun.
    case indexWithoutAttempts
    /// A loss of power takes what was called committed.
    case commitsLost
    /// Actor processes send everything many times.
    case storm
    /// The recorder takes every rollout that is lived again for the one that it has.
    case livedAgainUnchecked
    /// Every recorder takes its folder for the run's own.
    case foldersMistaken

    /// Whether it can only be seen in a whole run.
    package var concernsWholeRuns: Bool {
        [.lostLastWord, .acknowledgedNotTaken, .indexWithoutAttempts, .commitsLost, .storm, .livedAgainUnchecked]
            .contains(self)
    }

    /// Whether it can only be seen in lifetimes that are learnt for long.
    package var concernsLongLives: Bool { self == .starvingState }

    /// Whether it can only be seen while evaluators are at work.
    package var concernsEvaluation: Bool { self == .resultsCountedTwice }

    /// How the simulation names it; what it calls something else it has not understood.
    package var violation: String {
        switch self {
        case .earlyAcknowledgement: "acknowledged and not "
        case .noFencing: "is of a carrier that had been replaced"
        case .fencingForgottenAtRestart: "is of a carrier that had been replaced"
        case .leasesToImpostors: "was opened for"
        case .starvingState: "and no state of it was left behind"
        case .refusedInSilence: "and `status` did not name it"
        case .lostLastWord: "the last checkpoint is there, and the run says that it is distilling"
        case .leaseGivenTwice: "was given to "
        // Other carriers take such streams up again, behind what is on the disk.
        case .noResend: "gave its streams up without a reason"
        // Nothing wrong gets onto the disk; it only comes to no end.
        case .noDeduplication: "no end after "
        case .forgottenAttempts: "was given out again by a later start of the coordinator"
        case .resultsCountedTwice: "a result was counted twice"
        case .acknowledgedNotTaken: "was acknowledged, and nobody knows it"
        case .indexWithoutAttempts, .commitsLost: "was given out again by a later start of the coordinator"
        case .storm: "a storm"
        case .livedAgainUnchecked: "acknowledged and not "
        case .foldersMistaken: "lies with recorder"
        }
    }

    package func plant(in cluster: SimulatedCluster) {
        switch self {
        case .earlyAcknowledgement: acknowledgeEarly(cluster)
        case .noFencing: takeEverybody(cluster)
        case .fencingForgottenAtRestart: takeEverybody(cluster, onlyByLaterRecorders: true)
        case .leasesToImpostors: openForImpostors(cluster)
        case .starvingState: starveStates(cluster)
        case .refusedInSilence: refuseInSilence(cluster)
        case .lostLastWord: loseLastWord(cluster)
        case .leaseGivenTwice: giveTwice(cluster)
        case .noResend: sendOnce(cluster)
        case .noDeduplication: takeAgain(cluster)
        case .forgottenAttempts: cluster.journal.forgetsAttempts = true
        case .resultsCountedTwice: cluster.journal.forgetsResults = true
        case .acknowledgedNotTaken: loseResults(cluster)
        case .indexWithoutAttempts: cluster.journal.indexForgetsAttempts = true
        case .commitsLost: cluster.journal.losesEverything = true
        case .storm: sendManyTimes(cluster)
        case .livedAgainUnchecked: believeEverything(cluster)
        case .foldersMistaken: mistakeFolders(cluster)
        }
    }

    private func mistakeFolders(_ cluster: SimulatedCluster) {
        cluster.tamperArriving = { [folder = cluster.folder] bytes, _, receiver in
            guard receiver == SimulatedCluster.coordinatorName, bodyNumber(of: bytes) == 47,
                var envelope = try? Envelope(decoding: bytes), case .recorderFolder(var told) = envelope.message,
                let own = try? FolderIdentity.make(folder)
            else { return bytes }
            told.identity = own
            envelope.message = .recorderFolder(told)
            return envelope.encoded()
        }
    }

    private static let copiesOfStorm = 40

    private func sendManyTimes(_ cluster: SimulatedCluster) {
        cluster.tamper = { item, sender in
            guard sender.hasPrefix("actor"), bodyNumber(of: item.bytes) == 32 else { return [item] }
            return Array(repeating: item, count: Self.copiesOfStorm)
        }
    }

    private func loseResults(_ cluster: SimulatedCluster) {
        cluster.tamperArriving = { [unowned cluster] bytes, sender, receiver in
            guard receiver == SimulatedCluster.coordinatorName, bodyNumber(of: bytes) == 61,
                let envelope = try? Envelope(decoding: bytes)
            else { return bytes }
            let answer = Envelope(.acknowledgement, request: envelope.request).encoded()
            cluster.say(answer, from: receiver, to: sender)
            return nil
        }
    }

    /// Whatever comes under the numbers of something that has come before seems to be that.
    private func believeEverything(_ cluster: SimulatedCluster) {
        struct Place: Hashable {
            let lifetime: LifetimeIdentifier
            let sequences: [UInt64]
        }
        var known: [Place: RolloutBatch] = [:]
        cluster.tamperArriving = { bytes, _, receiver in
            guard receiver.hasPrefix("recorder"), var rollouts = Self.rollouts(bytes),
                rollouts.content.lifetime.collection != .histories
            else { return bytes }
            let headers = rollouts.content.headers
            let place = Place(
                lifetime: rollouts.content.lifetime, sequences: headers.flatMap { [UInt64($0.actor), $0.sequence] })
            var content = known[place] ?? rollouts.content
            known[place] = content
            for index in content.headers.indices { content.headers[index].incarnation = headers[index].incarnation }
            rollouts.content = content
            return Envelope(.rollouts(rollouts)).encoded()
        }
    }

    private func acknowledgeEarly(_ cluster: SimulatedCluster) {
        var next: [Witness.Acknowledged: UInt64] = [:]
        cluster.tamperArriving = { [unowned cluster] bytes, sender, receiver in
            guard receiver.hasPrefix("recorder"), let rollouts = Self.rollouts(bytes) else { return bytes }
            for header in rollouts.content.headers {
                let stream = StreamIdentifier(lifetime: rollouts.content.lifetime, actor: header.actor)
                let key = Witness.Acknowledged(stream: stream, incarnation: header.incarnation)
                guard header.sequence <= next[key] ?? header.sequence else { continue }
                next[key] = max(next[key] ?? 0, header.sequence + 1)
                let durable = RolloutsDurable(
                    lifetime: stream.lifetime,
                    streams: [
                        .init(
                            actor: stream.actor, nextSequence: next[key] ?? 0, incarnation: header.incarnation,
                            state: .recording)
                    ], resend: false)
                cluster.say(Envelope(.rolloutsDurable(durable)).encoded(), from: receiver, to: sender)
            }
            return bytes
        }
    }

    /// Who has been replaced seems to be of the newest incarnation, and is answered with its own.
    private func takeEverybody(_ cluster: SimulatedCluster, onlyByLaterRecorders: Bool = false) {
        var first: String?
        var newest: [LifetimeIdentifier: UInt64] = [:]
        var replaced: [String: UInt64] = [:]
        func raised(_ incarnation: UInt64, _ lifetime: LifetimeIdentifier, _ sender: String) -> UInt64 {
            let highest = max(incarnation, newest[lifetime] ?? 0)
            newest[lifetime] = highest
            replaced["\(sender) \(lifetime)"] = incarnation < highest ? incarnation : nil
            return highest
        }
        cluster.tamperArriving = { bytes, sender, receiver in
            guard receiver.hasPrefix("recorder"), var envelope = try? Envelope(decoding: bytes) else { return bytes }
            first = first ?? receiver
            guard !onlyByLaterRecorders || receiver != first else { return bytes }
            switch envelope.message {
            // Nor does it look at tickets.
            case .welcome(var welcome):
                welcome.ticketSecret = []
                envelope.message = .welcome(welcome)
            case .openStreams(var open):
                open.incarnation = raised(open.incarnation, open.lifetime, sender)
                envelope.message = .openStreams(open)
            case .rollouts(var rollouts):
                for index in rollouts.content.headers.indices {
                    rollouts.content.headers[index].incarnation = raised(
                        rollouts.content.headers[index].incarnation, rollouts.content.lifetime, sender)
                }
                envelope.message = .rollouts(rollouts)
            default: return bytes
            }
            return envelope.encoded()
        }
        cluster.tamper = { item, sender in
            guard sender.hasPrefix("recorder"), case .peer(let name)? = item.addresses.first,
                var envelope = try? Envelope(decoding: item.bytes)
            else { return [item] }
            switch envelope.message {
            case .streamsOpened(var opened):
                guard let own = replaced["\(name) \(opened.lifetime)"] else { return [item] }
                opened.incarnation = own
                envelope.message = .streamsOpened(opened)
            case .rolloutsDurable(var durable):
                guard let own = replaced["\(name) \(durable.lifetime)"] else { return [item] }
                for index in durable.streams.indices { durable.streams[index].incarnation = own }
                envelope.message = .rolloutsDurable(durable)
            default: return [item]
            }
            return [Outbox.Item(bytes: envelope.encoded(), addresses: item.addresses)]
        }
    }

    /// Each question of an actor process is asked by another one, too.
    private func openForImpostors(_ cluster: SimulatedCluster) {
        cluster.tamperArriving = { [unowned cluster] bytes, sender, receiver in
            guard receiver.hasPrefix("recorder"), let envelope = try? Envelope(decoding: bytes) else { return bytes }
            switch envelope.message {
            case .welcome(var welcome):
                welcome.ticketSecret = []
                return Envelope(.welcome(welcome), request: envelope.request).encoded()
            case .openStreams where sender.hasPrefix("actor") && !Self.isCopy(envelope):
                guard let other = cluster.names(.actor).first(where: { $0 != sender }) else { return bytes }
                let copy = Envelope(envelope.message, request: Self.copies + envelope.request)
                cluster.network.send(copy.encoded(), from: other, to: receiver)
            default: break
            }
            return bytes
        }
    }

    /// Requests of copies are numbered from here.
    private static let copies: UInt64 = 1 << 48
    private static func isCopy(_ envelope: Envelope) -> Bool { envelope.request >= copies }

    private func starveStates(_ cluster: SimulatedCluster) {
        cluster.tamper = { item, sender in
            guard sender.hasPrefix("learner"), let envelope = try? Envelope(decoding: item.bytes),
                case .learnerCheckpoint = envelope.message
            else { return [item] }
            return []
        }
    }

    private func refuseInSilence(_ cluster: SimulatedCluster) {
        cluster.tamperArriving = { bytes, sender, receiver in
            guard let envelope = try? Envelope(decoding: bytes) else { return bytes }
            switch envelope.message {
            case .joinLifetime(var join) where receiver.hasPrefix("learner"):
                join.ticket = [0]
                return Envelope(.joinLifetime(join), request: envelope.request).encoded()
            // An answer to no question of the actor's: it asks again.
            case .failure where sender.hasPrefix("learner") && receiver.hasPrefix("actor"):
                return Envelope(envelope.message, request: 0).encoded()
            default: return bytes
            }
        }
        cluster.waits = { _, _ in [] }
    }

    private func loseLastWord(_ cluster: SimulatedCluster) {
        cluster.tamperArriving = { bytes, _, receiver in
            receiver == SimulatedCluster.coordinatorName && bodyNumber(of: bytes) == 54 ? nil : bytes
        }
    }

    private func giveTwice(_ cluster: SimulatedCluster) {
        cluster.tamper = { [unowned cluster] item, sender in
            guard sender == SimulatedCluster.coordinatorName, bodyNumber(of: item.bytes) == 22,
                case .peer(let name)? = item.addresses.first,
                let other = cluster.names(.actor).first(where: { $0 != name })
            else { return [item] }
            return [item, Outbox.Item(bytes: item.bytes, addresses: [.peer(other)])]
        }
    }

    private func sendOnce(_ cluster: SimulatedCluster) {
        var sent: Set<[UInt8]> = []
        cluster.tamper = { item, sender in
            guard sender.hasPrefix("actor"), bodyNumber(of: item.bytes) == 32, !sent.insert(item.bytes).inserted else {
                return [item]
            }
            let others = item.addresses.filter {
                guard case .endpoint(let endpoint) = $0 else { return true }
                return !endpoint.contains("recorder")
            }
            return others.isEmpty ? [] : [Outbox.Item(bytes: item.bytes, addresses: others)]
        }
    }

    private func takeAgain(_ cluster: SimulatedCluster) {
        var next: [StreamIdentifier: UInt64] = [:]
        cluster.tamperArriving = { bytes, _, receiver in
            guard receiver.hasPrefix("recorder"), var rollouts = Self.rollouts(bytes) else { return bytes }
            for index in rollouts.content.headers.indices {
                let header = rollouts.content.headers[index]
                let stream = StreamIdentifier(lifetime: rollouts.content.lifetime, actor: header.actor)
                let expected = next[stream] ?? 0
                if header.sequence < expected { rollouts.content.headers[index].sequence = expected }
                if header.sequence <= expected { next[stream] = expected + 1 }
            }
            return Envelope(.rollouts(rollouts)).encoded()
        }
    }

    private static func rollouts(_ bytes: [UInt8]) -> Rollouts? {
        guard bodyNumber(of: bytes) == 32, let envelope = try? Envelope(decoding: bytes),
            case .rollouts(let rollouts) = envelope.message
        else { return nil }
        return rollouts
    }
}
