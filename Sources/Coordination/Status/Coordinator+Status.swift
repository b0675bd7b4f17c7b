import Experience
import Histories
import Transport
import Wire

extension Coordinator {
    /// A complaint is shown for so long.
    private static let complaintNanoseconds: UInt64 = 10_000_000_000
    /// A node that is silent for so long has missed a heartbeat.
    private static let noticeableSilenceMilliseconds = 1500
    /// Work that has not got on for so long is told of among the waits.
    private static let noticeableStillMilliseconds: UInt64 = 10_000

    /// What a `StatusRequest` is answered with. Throws what `JSONEncoder` throws, as for a number that is not finite.
    func statusJSON(now: UInt64) throws -> String { try status(now: now).json(pretty: true) }

    /// Keeps what a node says of itself, and counts the environment steps and the movement that it tells of.
    func note(_ heartbeat: Heartbeat, of node: ConnectedNode, now: UInt64) {
        speed.add(
            (heartbeat.numbers["environment_steps"] ?? 0) - (node.numbers["environment_steps"] ?? 0), now: now)
        if Movement.isShown(by: heartbeat, after: node.heartbeat) { movement.note(now: now) }
        node.heartbeat = heartbeat
        if let steps = node.hello.role.stepsName.flatMap({ heartbeat.numbers[$0] }) { node.rate.add(steps, now: now) }
    }

    /// The whole status, made anew at each question. It costs a pass over all nodes, lifetimes and jobs, so it is made
    /// only when it is asked for. Nodes are in the order of their names, leases in that of tasks, waits begin with the
    /// longest.
    package func status(now: UInt64) -> ClusterStatus {
        let names = Dictionary(
            nodes.values.lazy.map(\.hello).filter { !$0.endpoint.isEmpty }.map { ($0.endpoint, $0.name) },
            uniquingKeysWith: { first, _ in first })
        let order = nodes.values.sorted { $0.hello.name < $1.hello.name }
        let waits = nodeWaits(order, names: names, now: now)
        let texts = Dictionary(waits.map { ($0.who, $0) }, uniquingKeysWith: { first, _ in first })
        return ClusterStatus(
            run: run, phase: phase, seconds: Double(now - began) * 1e-9,
            secondsOfPhase: Double(now - phaseBegan) * 1e-9,
            lifetimes: ClusterStatus.Lifetimes(
                queued: lifetimes.count(.queued), running: lifetimes.leased.count,
                finished: lifetimes.count(.finished), total: lifetimes.values.count),
            environmentSteps: speed.steps, environmentStepsPerSecond: speed.perSecond,
            distillationStep: distillations.shown?.lease.step ?? 0,
            distillation: distillations.shown?.lease.numbers ?? [:],
            jobs: ClusterStatus.Jobs(
                finished: jobs.all.count - jobs.unfinished, running: jobs.all.count(where: \.isLeased),
                total: jobs.all.count),
            quarantined: seals.quarantined.map { ClusterStatus.Quarantine(stream: $0.path, reason: $1) }
                .sorted { $0.stream < $1.stream },
            nodes: order.map { node($0, wait: texts[$0.hello.name], now: now) }, leases: leases(now: now),
            jobLeases: jobs.all.compactMap { job in
                guard let node = job.node, !job.isFinished else { return nil }
                return ClusterStatus.JobLease(
                    evaluation: job.job.evaluation, task: job.job.task, node: node,
                    seconds: seconds(since: job.leasedAt, now: now))
            },
            plan: plan,
            waits: (waits + silences(order, now: now) + stillWorks(order) + runWaits(now: now)).sorted {
                $0.seconds > $1.seconds
            }, givenUp: losses(now: now), failure: failure,
            numbers: [
                "refused_messages": Double(refusedMessages), "unwritten_checkpoints": Double(room.unwrittenCheckpoints),
            ].merging(counters, uniquingKeysWith: +))
    }

    private func node(_ node: ConnectedNode, wait: ClusterStatus.Wait?, now: UInt64) -> ClusterStatus.Node {
        let hello = node.hello
        return ClusterStatus.Node(
            name: hello.name, role: hello.role, host: hello.host, process: hello.process, endpoint: hello.endpoint,
            capacity: hello.capacity, ageSeconds: seconds(since: node.joined, now: now),
            silentMilliseconds: silence(of: node, now: now),
            waitingFor: wait.map { [$0.whom, $0.why].filter { !$0.isEmpty }.joined(separator: ": ") } ?? "",
            waitingMilliseconds: wait.map { Int($0.seconds * 1000) } ?? 0, isLeaving: node.isLeaving || node.isRetiring,
            stepsPerSecond: node.rate.perSecond,
            complaint: node.complaint.flatMap { now < $0.time + Self.complaintNanoseconds ? $0.reason : nil } ?? "",
            numbers: node.numbers, work: node.heartbeat.work.map { ClusterStatus.Work($0) },
            folder: node.keeper.flatMap { places[$0]?.path }, openLifetimes: node.keeper.map { pins.load(of: $0).open })
    }

    /// Nodes that were given up within the last 5 minutes; nil for none, so that the key is left out of the JSON.
    private func losses(now: UInt64) -> [ClusterStatus.Loss]? {
        let recent = lostNodes.recent(now: now).map {
            ClusterStatus.Loss(node: $0.node, reason: $0.reason, seconds: seconds(since: $0.time, now: now))
        }
        return recent.isEmpty ? nil : recent
    }

    /// Age of a moment in seconds; 0 for one that lies ahead.
    private func seconds(since moment: UInt64, now: UInt64) -> Double {
        now > moment ? Double(now - moment) * 1e-9 : 0
    }

    private func silence(of node: ConnectedNode, now: UInt64) -> Int {
        now > node.lastHeard ? Int((now - node.lastHeard) / nanosecondsPerMillisecond) : 0
    }

    // MARK: - Waits

    /// What the nodes say that they wait for, with names for endpoints.
    private func nodeWaits(_ order: [ConnectedNode], names: [String: String], now: UInt64) -> [ClusterStatus.Wait] {
        order.compactMap { node in
            guard let waiting = node.heartbeat.waiting else { return nil }
            var why = waiting.why
            let whom = names[waiting.whom] ?? waiting.whom
            if let other = nodes[whom] {
                why += silenceText(other, now: now).map { ", \($0)" } ?? ""
            } else if waiting.whom.contains("://") {
                why += ", it has gone"
            }
            return ClusterStatus.Wait(
                // Its key is of no interest here.
                who: node.hello.name, whom: String(whom.prefix { $0 != "?" }), why: why,
                seconds: Double(waiting.milliseconds) * 1e-3)
        }
    }

    private func silences(_ order: [ConnectedNode], now: UInt64) -> [ClusterStatus.Wait] {
        order.compactMap { node in
            silenceText(node, now: now).map {
                ClusterStatus.Wait(
                    who: Lack.run, whom: node.hello.name, why: $0, seconds: Double(silence(of: node, now: now)) * 1e-3)
            }
        }
    }

    /// Steps of work that show no progress.
    private func stillWorks(_ order: [ConnectedNode]) -> [ClusterStatus.Wait] {
        order.compactMap { node in
            guard let work = node.heartbeat.work, work.stillMilliseconds >= Self.noticeableStillMilliseconds else {
                return nil
            }
            return ClusterStatus.Wait(
                who: Lack.run, whom: node.hello.name,
                why: "no progress where it \(work.what), replaced after \(workLimitMilliseconds / 1000) s",
                seconds: Double(work.stillMilliseconds) * 1e-3)
        }
    }

    private func silenceText(_ node: ConnectedNode, now: UInt64) -> String? {
        let silence = silence(of: node, now: now)
        guard silence >= Self.noticeableSilenceMilliseconds else { return nil }
        return "silent for \(silence / 1000) s, gone after \(Self.silenceLimitMilliseconds / 1000) s"
    }

    /// The run's own lacks, each with the time since which it has lasted.
    private func runWaits(now: UInt64) -> [ClusterStatus.Wait] {
        findLacks(now: now).map {
            ClusterStatus.Wait(
                who: Lack.run, whom: $0.whom, why: $0.why,
                seconds: seconds(since: lackTimes.begin(of: $0.kind) ?? now, now: now), kind: $0.kind.rawValue)
        }
    }

    // MARK: - Leases

    /// All lifetimes that are leased, put together from the lease table, the heartbeats of actor processes and those of
    /// the learners that hold them. What a former holder says is left out.
    private func leases(now: UInt64) -> [ClusterStatus.Lease] {
        var carried: [String: [CarriedPart]] = [:]
        var learning: [LifetimeIdentifier: LearningReport] = [:]
        for node in nodes.values {
            let name = node.hello.name
            if !node.heartbeat.parts.isEmpty { carried[name] = node.heartbeat.parts }
            for report in node.heartbeat.learning where lifetimes[report.lifetime]?.learner == name {
                learning[report.lifetime] = report
            }
        }
        return lifetimes.values.filter(\.isLeased).sorted {
            ($0.identifier.task, $0.identifier.repetition) < ($1.identifier.task, $1.identifier.repetition)
        }.map { lifetime in
            let report = learning[lifetime.identifier]
            return ClusterStatus.Lease(
                task: lifetime.identifier.task, repetition: lifetime.identifier.repetition, attempt: lifetime.attempt,
                isEnding: lifetime.state == .ending, learner: lifetime.learner ?? "", actors: lifetime.staying,
                seconds: seconds(since: lifetime.leasedAt, now: now),
                parts: lifetime.parts.map { part in
                    self.part(part, of: lifetime.identifier, carried: part.node.flatMap { carried[$0] } ?? [])
                }, updates: report?.updates, transitions: report?.transitions, episodes: report?.episodes,
                meanPolicyLag: report?.meanPolicyLag, maximumPolicyLag: report?.maximumPolicyLag)
        }
    }

    /// One part of a lifetime: where it is leased to, and what that process has said of it.
    private func part(
        _ part: LeasedLifetime.Part, of lifetime: LifetimeIdentifier, carried: [CarriedPart]
    ) -> ClusterStatus.Part {
        let said = carried.first { $0.lifetime == lifetime && $0.actors.lowerBound == part.actors.lowerBound }
        return ClusterStatus.Part(
            firstActor: part.actors.lowerBound, actors: part.actors.count, node: part.node ?? "",
            incarnation: part.incarnation, isFinished: part.isFinished, phase: said.map { "\($0.phase)" },
            unansweredRollouts: said?.unansweredRollouts, unansweredLimit: said?.unansweredLimit,
            unacknowledgedBytes: said?.unacknowledgedBytes, policyVersion: said?.policyVersion)
    }
}

extension ClusterStatus.Work {
    fileprivate init(_ work: Work) {
        self.init(
            what: work.what, seconds: Double(work.milliseconds) * 1e-3,
            stillSeconds: Double(work.stillMilliseconds) * 1e-3, done: work.done, total: work.total)
    }
}

extension RoleName {
    /// What counts as a step of this role, among the numbers of its heartbeat.
    fileprivate var stepsName: String? {
        switch self {
        case .actor: "environment_steps"
        case .learner: "transitions_learnt"
        case .recorder: "transitions"
        case .evaluator: "evaluation_steps"
        case .distiller: "steps"
        case .coordinator, .supervisor: nil
        }
    }
}
