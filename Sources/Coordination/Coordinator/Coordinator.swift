import Experience
package import Experiments
import Foundation
import Histories
package import Logging
package import Nodes
package import Wire

/// Knows what is to be done, which nodes are there and what each of them does: lifetimes, streams, distillations and
/// jobs are leased from here. One instance a run; it lives on one thread.
///
/// A state machine like the other roles; it only differs in being the one that the others connect to. Its owner
/// calls `receive` for each message and `tick` about every 50 ms, then `commit`, and sends what is in the outbox
/// only after that: what was decided is in the catalogue before any node hears of it. A coordinator that takes the
/// place of one that has died is given that one's `Progress`.
///
/// ```swift
/// let coordinator = try Coordinator(
///     context: context, run: "wide", folder: folder, goal: goal, journal: journal, checkpoints: store,
///     logger: logger, finished: try journal.progress(), now: clock.now)
/// while !coordinator.isFinished {
///     for (sender, envelope) in arrived() {
///         try coordinator.receive(envelope, from: sender, now: now, outbox: &outbox)
///     }
///     try coordinator.tick(now: now, outbox: &outbox)
///     try coordinator.commit(&outbox, now: now)
///     send(outbox)
/// }
/// ```
///
/// What it knows is held by the values of `State/`, each with its own rules; it asks them, sends messages and writes
/// down: `+Nodes` (who is there), `+Recorders`, `+Lifetimes`, `+Refusals` and `+Elasticity` (collecting), `+Distillation`,
/// `+LearntPolicies`, `+Evaluation`, `+Deployment` (which processes there are to be), `+Reports` (messages of nodes), `+Room` (a full
/// disk), and `Status/`.
package final class Coordinator {
    /// A node shows itself each so often; `Welcome` says it to the nodes.
    package static let heartbeatIntervalMilliseconds = 1000
    /// A node that was silent for longer is given up.
    package static let silenceLimitMilliseconds = 5000
    /// A node that was heard within this time is taken to be there, for decisions that would harm it if it were.
    static let aliveNanoseconds: UInt64 = 2_500_000_000
    /// Each start of the run numbers its commands from a multiple of 2 to the power of this.
    static let commandsOfStart: UInt64 = 32
    /// More nodes than this are not taken in.
    package static let nodeLimit = 16_384

    let context: ExperimentContext
    /// The experiment as every welcome carries it; written once, for thousands of nodes may join in one second.
    let experimentText: String
    let goal: Goal
    let folder: String
    let run: String
    /// What has to outlive this process.
    let journal: any RunJournal
    let checkpoints: CheckpointStore
    let logger: Logger
    private(set) var nodes = NodeTable()
    /// Commands to nodes, sent again until they are acknowledged.
    var commands: ReliableSender
    let learnerCheckpoints: LearnerCheckpointStore
    /// How often the run was started before: no lease of this start can be taken for one of an earlier one.
    let earlierStarts: UInt64
    package internal(set) var phase = RunPhase.collecting
    var phaseBegan: UInt64
    let began: UInt64

    // Collecting.
    var lifetimes = LeaseTable()
    /// Lifetimes that wait to be leased, in reverse: the next one is the last.
    var queue: [LifetimeIdentifier] = []
    var resting = RestingLifetimes()
    /// Lifetimes that are named here are not leased.
    var discards = DiscardOrders()
    var learnerStates = LearnerStates()
    /// Collecting lasts until none is waited for.
    var seals: StreamSeals
    var pins: RecorderPins
    /// Where each recorder wrote last, by what its folder is known.
    var places: [String: RecorderLinks.Place]
    let links: RecorderLinks
    var actorTarget: ActorTarget
    var speed: CollectingSpeed

    // Distilling.
    var distillations: Distillations
    var policies: LearntPolicies

    // Evaluating.
    var jobs: EvaluationJobs
    let prompts: Prompts

    /// Messages that could not be decoded, or that their sender had no business to send.
    package internal(set) var refusedMessages = 0
    var keys = KeyPermissions()
    /// What the secrets of learners and recorders are derived from.
    let tickets = LeaseTickets()
    /// What the coordinator's own socket has counted, for `status`.
    package var counters: [String: Double] = [:]
    var complaints = ComplaintLimit()
    var lostNodes = LostNodes()
    var lackTimes = LackTimes()
    var movement: Movement
    /// Nothing had moved for too long.
    var isStalled = false

    var isStopping = false
    /// Why the run cannot go on; empty when it can.
    package internal(set) var failure = ""
    /// What supervisors were told last.
    var announced: Deployment?
    /// What was decided and cannot be written down now waits here.
    var room = DiskRoom()
    /// Something happened that may let leases be given out, or an item of the plan end.
    var hasChanged = true
    private var nextDecision: UInt64 = 0
    private var nextSilenceCheck: UInt64 = 0
    /// Even where nothing is known to have changed.
    private static let decisionIntervalNanoseconds: UInt64 = 1_000_000_000
    private static let silenceCheckIntervalNanoseconds: UInt64 = 200_000_000

    /// Takes a run up where its earlier starts have left it, as `finished` says, and takes up its plan of work.
    /// `checkpoints` is the run's folder of them; `disk` does the slow writes of learners' states, `promptDisk` the
    /// reading of prompts. Throws where the journal cannot be written.
    package init(
        context: ExperimentContext, run: String, folder: String, goal: Goal, journal: any RunJournal,
        checkpoints: CheckpointStore, disk: any DiskWork = ImmediateDiskWork(),
        promptDisk: any DiskWork = ImmediateDiskWork(), logger: Logger,
        finished: Progress = Progress(), now: UInt64
    ) throws {
        self.context = context
        experimentText = context.experiment.yaml
        self.run = run
        self.folder = folder
        self.goal = goal
        self.journal = journal
        self.checkpoints = checkpoints
        self.logger = logger
        learnerCheckpoints = LearnerCheckpointStore(
            folder: URL(fileURLWithPath: folder + "/checkpoints/learner"), disk: disk)
        earlierStarts = finished.starts
        speed = CollectingSpeed(plottedBefore: finished.plottedSteps)
        // Nodes may still acknowledge what a coordinator has sent that has died, perhaps with its host, whose clocks
        // then begin anew: what is counted in the catalogue does not.
        commands = ReliableSender(after: finished.starts << Self.commandsOfStart)
        began = now
        phaseBegan = now
        movement = Movement(now: now)
        actorTarget = ActorTarget(
            processes: context.experiment.cluster.actorProcesses, perProcess: context.experiment.actorsPerProcess,
            perLifetime: context.experiment.collect.actors)
        distillations = Distillations(try context.experiment.distillations(), root: checkpoints)
        policies = LearntPolicies(
            context.learntPolicies,
            root: CheckpointStore(folder: URL(fileURLWithPath: folder + "/checkpoints/learner")))
        for entropy in finished.sourceEntropies { distillations.note(sourceEntropy: entropy) }
        jobs = EvaluationJobs(finishedBefore: finished.jobs)
        prompts = Prompts(disk: promptDisk)
        seals = StreamSeals(quarantined: finished.quarantined)
        pins = RecorderPins(finished.pins)
        places = finished.recorders
        links = RecorderLinks(run: folder)
        if let scale = finished.scale { actorTarget.apply(scale) }
        if goal.collects { try queueLifetimes(finished) }
        if goal.distils { takeUpDistillations(finished.distilled) } else if goal.evaluates { takeUpCheckpoints() }
        if goal.evaluates, !goal.collects { takeUpLearntPolicies() }
        if goal.evaluates { try queueBaselines() }
        try advance(now: now)
    }

    /// The run has ended and all nodes but supervisors have left.
    package var isFinished: Bool { isEnding && nodesAreGone }

    /// There is nothing more to do, and that is written down or not to be waited for.
    package var isEnding: Bool { deployment.finished && (!room.isWithholding || isStopping || isStalled) }

    /// Supervisors stay longer than the coordinator.
    private var nodesAreGone: Bool { nodes.count == nodes.members(.supervisor).count }

    // MARK: - Nodes

    /// Makes a node known, and opens its room for leases.
    func add(_ node: ConnectedNode) {
        nodes.add(node)
        lifetimes.open(node.hello.name, node.hello.role, capacity: node.hello.capacity)
    }

    /// Forgets a node; what it held is for the caller to give to others.
    func remove(_ name: String) -> ConnectedNode? {
        guard let node = nodes.remove(name) else { return nil }
        lifetimes.close(name)
        return node
    }

    /// Asks a node to leave, and says why; it is given nothing more to do.
    func sendHome(_ name: String, because reason: String, now: UInt64, outbox: inout Outbox) {
        nodes[name]?.isLeaving = true
        logger.info("is sent home", metadata: ["node": "\(name)", "why": "\(reason)"])
        lifetimes.close(name)
        commands.send(.drain(node: name, reason: reason), to: .peer(name), now: now, outbox: &outbox)
    }

    // MARK: - Messages

    /// One message as it came. One that cannot be decoded is answered with a failure and counted. Throws what ends
    /// the run.
    package func receive(
        _ bytes: UnsafeRawBufferPointer, from sender: Address, now: UInt64, outbox: inout Outbox
    ) throws {
        let envelope: Envelope
        do { envelope = try Envelope(decoding: bytes) } catch {
            return refuse("\(error)", to: sender, outbox: &outbox)
        }
        try receive(envelope, from: sender, now: now, outbox: &outbox)
    }

    /// Answers with a failure and counts the message as refused.
    func refuse(_ reason: String, to sender: Address, _ request: UInt64 = 0, outbox: inout Outbox) {
        refusedMessages += 1
        outbox.send(.failure(reason), to: sender, request: request)
    }

    package func receive(_ envelope: Envelope, from sender: Address, now: UInt64, outbox: inout Outbox) throws {
        guard case .peer(let name) = sender else { return }
        let node = nodes[name]
        node?.lastHeard = now
        guard !room.isWithholding else {
            return try receiveWithoutRoom(envelope, from: node, sender, now: now, outbox: &outbox)
        }
        switch envelope.message {
        case .heartbeat, .acknowledgement, .statusRequest, .checkpointRequest: break
        default: hasChanged = true
        }
        switch envelope.message {
        case .hello(let hello): try join(hello, as: name, now: now, outbox: &outbox)
        case .statusRequest:
            outbox.send(.statusAnswer(json: try statusJSON(now: now)), to: sender, request: envelope.request)
        case .scale, .stop, .drain:
            try obey(envelope, name, now: now, outbox: &outbox)
        case .acknowledgement:
            // A stranger's word must not stand for a node's: its command would never be sent again.
            if commands.acknowledge(envelope.request, by: sender) {
                noteDiscarded(envelope.request)
            } else if envelope.request != 0, node == nil {
                refusedMessages += 1
                outbox.noteRefusal()
            }
        // An answer to a complaint could be complained about in turn.
        case .failure where node == nil:
            refusedMessages += 1
            outbox.noteRefusal()
        // An evaluator that was told no would take the checkpoint for lost.
        case .heartbeat where node == nil, .checkpointRequest where node == nil:
            // The node was silent for too long, or we are new: its leases go to others, and it may come back as
            // another node.
            outbox.noteRefusal()
            outbox.send(deployment.finished ? .stop : .rejoin, to: sender)
        default:
            guard let node else {
                // No word on the request itself: once it has joined, the same report may be taken.
                return refuse("introduce yourself with a hello first", to: sender, outbox: &outbox)
            }
            try receiveWork(envelope, from: node, now: now, outbox: &outbox)
        }
    }

    /// Looks after deadlines: silent nodes, commands to be sent again, leases, what the run lacks.
    /// Most ticks of a large cluster decide nothing.
    package func tick(now: UInt64, outbox: inout Outbox) throws {
        answerStoredStates(now: now, outbox: &outbox)
        guard !room.isWithholding else {
            // Silence counts from now on as before: what nodes say is still heard.
            nextSilenceCheck = now
            noteLacks(now: now)
            // That depends on nothing that is to be written down.
            if isStalled { _ = announceDeployment(now: now, outbox: &outbox) }
            return
        }
        try noticeSilence(now: now, outbox: &outbox)
        try dismissTheForbidden(now: now, outbox: &outbox)
        announceAllowedKeys(now: now, outbox: &outbox)
        commands.tick(now: now, outbox: &outbox)
        noteLacks(now: now)
        try plotCollecting(now: now)
        tellPromptedJobs(now: now, outbox: &outbox)
        // Heartbeats change nothing: most ticks of a large cluster have nothing to decide.
        let mustDecide = hasChanged || now >= nextDecision
        if mustDecide {
            hasChanged = false
            nextDecision = now + Self.decisionIntervalNanoseconds
            if !isStopping, failure.isEmpty {
                try schedule(now: now, outbox: &outbox)
                try advance(now: now)
            }
        }
        if announceDeployment(now: now, outbox: &outbox) || mustDecide { dismiss(now: now, outbox: &outbox) }
    }

    private func noticeSilence(now: UInt64, outbox: inout Outbox) throws {
        guard now >= nextSilenceCheck else { return }
        // While this process stood still no node could be heard.
        let late = now - nextSilenceCheck
        nextSilenceCheck = now + Self.silenceCheckIntervalNanoseconds
        if late > Self.aliveNanoseconds, now - began > late {
            for node in nodes.values { node.lastHeard = now }
        }
        for node in nodes.values {
            guard let reason = reasonToGiveUp(node, now: now) else { continue }
            try giveUp(node, reason, now: now, outbox: &outbox)
        }
    }

    /// Whether every lifetime has ended and every stream is sealed.
    var areHistoriesComplete: Bool { lifetimes.areAllFinished && seals.areComplete }

    /// How far the plan has come, by the first kind of item that is not done. It is what people are told: items are
    /// leased by their own prerequisites.
    private var reachedPhase: RunPhase {
        if !areHistoriesComplete { return .collecting }
        if goal.distils, !distillations.areEnded { return .distilling }
        return jobs.unfinished > 0 ? .evaluating : .finished
    }

    /// Takes up what can be done now that something else is.
    private func advance(now: UInt64) throws {
        if goal.evaluates { try queueEvaluations() }
        let reached = reachedPhase
        guard reached != phase || now == began else { return }
        phase = reached
        phaseBegan = now
        hasChanged = true
        movement.note(now: now)
        try journal.phaseBegan(phase)
        if phase == .finished { failOfGivenUpJobs() }
        logger.info("phase", metadata: ["phase": "\(phase.rawValue)"])
    }

    /// Gives out all items of the plan whose prerequisites are done: lifetimes at any time, distillations when the
    /// histories are complete or followed, evaluations when what acts in them is there.
    private func schedule(now: UInt64, outbox: inout Outbox) throws {
        if !areHistoriesComplete { try scheduleLifetimes(now: now, outbox: &outbox) }
        try scheduleDistillations(now: now, outbox: &outbox)
        try scheduleJobs(now: now, outbox: &outbox)
    }

    /// The run cannot go on: nodes are sent home and the supervisor is told `reason`, which is the run's error. The
    /// first one counts.
    func fail(_ reason: String) {
        guard failure.isEmpty else { return }
        failure = reason
        logger.error("the run cannot go on", metadata: ["reason": "\(reason)"])
    }
}
