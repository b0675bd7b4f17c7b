import Coordination
import Foundation
import Simulation
import Testing
import Wire

@Suite("A run in which nothing moves") struct StallTests {
    private func lone(
        stallMinutes: String = "1",
        goal: Coordinator.Goal = Coordinator.Goal(collects: true, distils: false, evaluates: false)
    ) throws -> LoneCoordinator {
        let yaml = smallExperiment(lockstep: false, actors: 1, processes: 1)
        return try LoneCoordinator(
            yaml.replacingOccurrences(of: "cluster:\n", with: "cluster:\n  stall_minutes: \(stallMinutes)\n"),
            goal: goal)
    }

    /// Lets time pass; meanwhile the nodes say again what they said.
    private func pass(
        _ seconds: Int, _ lone: LoneCoordinator, saying heartbeats: [String: Heartbeat] = [:]
    ) throws {
        for _ in 0..<seconds {
            for (name, heartbeat) in heartbeats { _ = try lone.say(.heartbeat(heartbeat), from: name) }
            _ = try lone.tick(after: 1000)
        }
    }

    private func waits(_ lone: LoneCoordinator) -> [String] { lone.coordinator.status(now: lone.now).waits.map(\.why) }

    @Test("says what it lacks, and ends with that after its time, when nobody comes to collect") func nobody() throws {
        let lone = try lone()
        try pass(11, lone)
        #expect(waits(lone) == ["a recorder; there is none"])
        try pass(48, lone)
        #expect(lone.coordinator.failure.isEmpty)
        try pass(3, lone)
        #expect(lone.coordinator.failure.contains("nothing has moved for 6"), "\(lone.coordinator.failure)")
        #expect(lone.coordinator.failure.contains("the run waits for a recorder; there is none"))
        #expect(lone.coordinator.isEnding && lone.coordinator.deployment.failure == lone.coordinator.failure)
    }

    @Test("that lacks nothing names those who should be moving, and what they said last") func collecting() throws {
        let lone = try lone()
        for (role, name) in [(RoleName.recorder, "r"), (.actor, "a"), (.learner, "l")] { try lone.join(role, name) }
        let said = [
            "r": Heartbeat(), "a": Heartbeat(waiting: Waiting(for: "sim:l", why: "1 rollout", milliseconds: 5000)),
            "l": Heartbeat(work: Work(what: "takes rollouts", milliseconds: 9000, stillMilliseconds: 9000)),
        ]
        try pass(8, lone, saying: said)
        #expect(!waits(lone).contains { $0.contains("to move") })
        try pass(4, lone, saying: said)
        let wait = try #require(waits(lone).first { $0.contains("something to move") }, "\(waits(lone))")
        #expect(wait.contains("a waits for l: 1 rollout") && wait.contains("l takes rollouts for 9 s"), "\(wait)")
        try pass(60, lone, saying: said)
        #expect(lone.coordinator.failure.contains("a waits for l: 1 rollout"), "\(lone.coordinator.failure)")
    }

    @Test("goes on as long as steps are taken, or as its settings do not ask for an end", arguments: ["1", "none"])
    func movement(stallMinutes: String) throws {
        let lone = try lone(stallMinutes: stallMinutes)
        for (role, name) in [(RoleName.recorder, "r"), (.actor, "a"), (.learner, "l")] { try lone.join(role, name) }
        for step in 1...30 {
            let steps = stallMinutes == "none" ? 1.0 : Double(step)
            try pass(
                5, lone,
                saying: ["r": Heartbeat(), "l": Heartbeat(), "a": Heartbeat(numbers: ["environment_steps": steps])])
        }
        #expect(lone.coordinator.failure.isEmpty)
        #expect(waits(lone).contains { $0.contains("something to move") } == (stallMinutes == "none"))
        // Steps that were counted before are no movement.
        guard stallMinutes == "1" else { return }
        try pass(
            61, lone, saying: ["r": Heartbeat(), "l": Heartbeat(), "a": Heartbeat(numbers: ["environment_steps": 30])])
        #expect(!lone.coordinator.failure.isEmpty)
    }

    @Test("ends in the distiller's phase: with none, with one that says nothing, not with one that loads")
    func distilling() throws {
        let goal = Coordinator.Goal(collects: false, distils: true, evaluates: false)
        let none = try lone(goal: goal)
        try pass(62, none)
        #expect(none.coordinator.failure.contains("a distiller; there is none"), "\(none.coordinator.failure)")

        let silent = try lone(goal: goal)
        try silent.join(.distiller, "d")
        try pass(62, silent, saying: ["d": Heartbeat()])
        #expect(silent.coordinator.failure.contains("d says nothing"), "\(silent.coordinator.failure)")

        let loading = try lone(goal: goal)
        try loading.join(.distiller, "d")
        for done in 1...20 {
            let work = Work(
                what: "loads streams", milliseconds: 0, stillMilliseconds: 0, done: UInt64(done), total: 100)
            try pass(20, loading, saying: ["d": Heartbeat(work: work)])
        }
        #expect(loading.coordinator.failure.isEmpty)
        #expect(waits(loading).contains { $0.contains("d loads streams") })
    }

    @Test("ends where one distiller after the other is lost without a checkpoint, and not where they leave in order")
    func distillersThatEnd() throws {
        for isLost in [true, false] {
            let lone = try lone(goal: Coordinator.Goal(collects: false, distils: true, evaluates: false))
            try lone.join(.supervisor, "s")
            for number in 1...Coordinator.lossLimit {
                let name = "d\(number)"
                try lone.join(.distiller, name)
                let leased = try lone.tick().contains { if case .distil = $0.envelope.message { true } else { false } }
                #expect(leased && lone.coordinator.failure.isEmpty, "\(number): \(lone.coordinator.failure)")
                // Steps alone are no progress: each makes the same again.
                _ = try lone.say(.metrics(Metrics(step: UInt64(number), numbers: ["loss": 1])), from: name)
                _ =
                    isLost
                    ? try lone.say(.processEnded(1), from: "s") : try lone.say(.drain(node: name), from: name)
            }
            try lone.join(.distiller, "last")
            _ = try lone.tick()
            let words = "the distillation: \(Coordinator.lossLimit) distillers in a row were lost"
            let failure = lone.coordinator.failure
            #expect(
                failure.contains(words) == isLost && failure.contains("d\(Coordinator.lossLimit):") == isLost,
                "\(failure)")
        }
    }

    @Test("ends in the evaluators' phase: with none, and with one that does not get on") func evaluating() throws {
        let goal = Coordinator.Goal(collects: false, distils: false, evaluates: true, checkpoint: "step-1")
        let none = try lone(goal: goal)
        try none.join(.recorder, "r")
        try pass(62, none, saying: ["r": Heartbeat()])
        #expect(none.coordinator.failure.contains("an evaluator for"), "\(none.coordinator.failure)")

        let stuck = try lone(goal: goal)
        try stuck.join(.recorder, "r")
        try stuck.join(.evaluator, "e")
        let said = Heartbeat(waiting: Waiting(for: "the coordinator", why: "the checkpoint", milliseconds: 5000))
        try pass(62, stuck, saying: ["r": Heartbeat(), "e": said])
        #expect(
            stuck.coordinator.failure.contains("e waits for the coordinator: the checkpoint"),
            "\(stuck.coordinator.failure)")
    }

    @Test("ends with the reason when the disk stays full, and says so though nothing can be written down")
    func fullDisk() throws {
        let lone = try lone()
        try lone.join(.supervisor, "s")
        try lone.join(.recorder, "r")
        lone.journal.failure = CocoaError(.fileWriteOutOfSpace)
        try lone.join(.learner, "l")
        var told: [Deployment] = []
        for _ in 0..<70 {
            _ = try lone.say(.heartbeat(Heartbeat()), from: "s")
            for (to, envelope) in try lone.tick(after: 1000) where to == "s" {
                if case .deployment(let deployment) = envelope.message { told.append(deployment) }
            }
        }
        #expect(told.last?.failure.contains("room on the disk") == true, "\(told)")
        #expect(lone.coordinator.isEnding)
    }
}

@Suite("A node's long work, as the coordinator sees it") struct LongWorkTests {
    private func lone() throws -> LoneCoordinator {
        let yaml = smallExperiment(lockstep: false, actors: 1, processes: 1)
        let lone = try LoneCoordinator(
            yaml.replacingOccurrences(of: "cluster:\n", with: "cluster:\n  work_limit_seconds: 60\n"))
        for (role, name) in [(RoleName.supervisor, "s"), (.recorder, "r"), (.learner, "l"), (.actor, "a")] {
            try lone.join(role, name)
        }
        return lone
    }

    /// Names of nodes that are there after so many seconds in which the learner said this each second.
    private func nodes(_ lone: LoneCoordinator, _ seconds: UInt64, still: Bool) throws -> [String] {
        for second in 0..<seconds {
            let milliseconds = second * 1000
            let work = Work(
                what: "takes rollouts", milliseconds: milliseconds, stillMilliseconds: still ? milliseconds : 0,
                done: still ? 0 : second, total: still ? 0 : seconds)
            _ = try lone.say(.heartbeat(Heartbeat(work: work)), from: "l")
            for name in ["s", "r", "a"] { _ = try lone.say(.heartbeat(Heartbeat()), from: name) }
            ended += try lone.tick(after: 1000).compactMap {
                if case .endProcess = $0.envelope.message { $0.to } else { nil }
            }.count
        }
        return lone.coordinator.status(now: lone.now).nodes.map(\.name).sorted()
    }

    private final class Count { var value = 0 }
    private let count = Count()
    private var ended: Int {
        get { count.value }
        nonmutating set { count.value = newValue }
    }

    @Test("is shown and left in peace while it gets on, however long it takes") func progress() throws {
        let lone = try lone()
        #expect(try nodes(lone, 400, still: false) == ["a", "l", "r", "s"])
        let work = try #require(lone.coordinator.status(now: lone.now).nodes.first { $0.name == "l" }?.work)
        #expect(work.seconds == 399 && work.done == 399 && work.total == 400)
        let text = StatusText(lone.coordinator.status(now: lone.now)).lines.joined(separator: "\n")
        #expect(text.contains("takes rollouts 399/400 for 6 min"), "\(text)")
        #expect(ended == 0)
    }

    @Test("is given up by name when it has stood still for its limit, and its process is ended") func hang() throws {
        let lone = try lone()
        #expect(try nodes(lone, 59, still: true).contains("l"))
        #expect(
            lone.coordinator.status(now: lone.now).waits.contains {
                $0.whom == "l" && $0.why.contains("no progress where it takes rollouts, replaced after 60 s")
            })
        #expect(try !nodes(lone, 63, still: true).contains("l"))
        #expect(ended > 0)
        let loss = try #require(lone.coordinator.status(now: lone.now).givenUp?.first)
        #expect(loss.node == "l" && loss.reason == "no progress for 60 s where it takes rollouts", "\(loss)")
        let text = StatusText(lone.coordinator.status(now: lone.now)).lines.joined(separator: "\n")
        #expect(text.contains("l was given up"), "\(text)")
    }

    @Test("commands of a later start have higher numbers, though the host's clock has begun anew") func numbers() throws
    {
        func firstCommand(starts: UInt64, now: UInt64) throws -> UInt64 {
            var progress = Coordination.Progress()
            progress.starts = starts
            let lone = try LoneCoordinator(smallExperiment(lockstep: false), finished: progress, now: now)
            return try lone.say(
                .hello(Hello(role: .supervisor, name: "s", host: "h", process: 1, endpoint: "", capacity: 0)), from: "s"
            ).map(\.envelope.request).max() ?? 0
        }
        let first = try firstCommand(starts: 0, now: 90_000_000_000_000)
        #expect(try first > 0 && firstCommand(starts: 1, now: 1_000_000_000) > first + 1_000_000_000)
    }
}
