import Coordination
import Environments
import Experience
import Experiments
import Foundation
import Nodes
import Testing
import Transport
import Wire

private let second: UInt64 = 1_000_000_000
private let first = LifetimeIdentifier(task: 1, repetition: 0)
private let other = LifetimeIdentifier(task: 2, repetition: 0)

@Suite("What the coordinator knows, part by part")
struct StateTests {
    // MARK: - Seals

    @Test("a stream that was sealed before its lifetime ended is not waited for, and each other one is, once")
    func seals() {
        var seals = StreamSeals()
        seals.settle(1, of: first, isOpen: true)
        #expect(seals.areComplete)
        seals.expect(0..<3, of: first)
        #expect(!seals.areComplete && seals.awaitedStreams == 2 && seals.awaited(of: first) == [0, 2])
        seals.settle(0, of: first, isOpen: false)
        seals.settle(0, of: first, isOpen: false)
        #expect(seals.awaited(of: first) == [2] && Array(seals.awaitedLifetimes) == [first])
        seals.settle(2, of: first, isOpen: false)
        #expect(seals.areComplete && seals.awaited(of: first).isEmpty)
    }

    @Test("seals of an earlier start count; a stream of a lifetime that is over or unknown is kept nowhere")
    func recalledSeals() {
        var seals = StreamSeals()
        seals.recall([0, 1], of: first)
        seals.expect(0..<2, of: first)
        #expect(seals.areComplete)
        seals.settle(0, of: other, isOpen: false)
        seals.expect(0..<1, of: other)
        #expect(seals.awaited(of: other) == [0])
    }

    @Test("a quarantined stream is news once, also where an earlier start has said it")
    func quarantine() {
        let stream = StreamIdentifier(lifetime: first, actor: 3)
        var seals = StreamSeals(quarantined: [StreamIdentifier(lifetime: other, actor: 0): "torn"])
        #expect(seals.quarantine(stream, reason: "damaged") == true)
        #expect(seals.quarantine(stream, reason: "damaged") == false)
        #expect(seals.quarantine(StreamIdentifier(lifetime: other, actor: 0), reason: "torn") == false)
        #expect(seals.quarantined.count == 2)
    }

    // MARK: - Refusals

    @Test("a lifetime rests not at all, then half a second, doubled up to 30 s")
    func rests() {
        let seconds = (1...10).map { Double(RestingLifetimes.rest(after: $0)) / 1e9 }
        #expect(seconds == [0, 0.5, 1, 2, 4, 8, 16, 30, 30, 30])
    }

    @Test("what has rested is taken once, and not before what else holds it back is over")
    func rested() {
        var resting = RestingLifetimes()
        resting.rest(first, after: 3, now: 10 * second)
        resting.rest(other, after: 1, now: 10 * second)
        #expect(resting.takeRested(now: 10 * second) { _ in true } == [other])
        #expect(resting.takeRested(now: 11 * second - 1) { _ in true }.isEmpty)
        #expect(resting.takeRested(now: 11 * second) { $0 != first }.isEmpty)
        #expect(Array(resting.lifetimes) == [first])
        #expect(resting.takeRested(now: 11 * second) { _ in true } == [first])
        #expect(resting.takeRested(now: 11 * second) { _ in true }.isEmpty)
    }

    @Test("an order to move files aside lasts until its last telling is acknowledged")
    func discards() {
        var discards = DiscardOrders()
        discards.add(first, incarnation: 7, reason: "diverged")
        #expect(discards.takeBack(first) == nil)
        discards.given(first, as: 40)
        // Another recorder has come: it is told anew, and the word of the one before counts no more.
        #expect(discards.takeBack(first) == 40)
        discards.given(first, as: 41)
        #expect(discards.acknowledge(40) == false)
        #expect(discards[first]?.incarnation == 7 && Array(discards.lifetimes) == [first])
        #expect(discards.acknowledge(41) == true)
        #expect(discards[first] == nil && !discards.acknowledge(41))
    }

    // MARK: - Training

    @Test("the training is leased to one distiller at a time, and its numbers are taken from that one alone")
    func training() {
        var training = TrainingLease()
        #expect(training.isFree)
        training.lease(to: "distiller-a")
        #expect(!training.isFree)
        #expect(training.take(Metrics(step: 3, numbers: ["loss": 9]), from: "distiller-b") == nil)
        let kept = training.take(
            Metrics(step: 5, numbers: ["loss": 1]), from: "distiller-a", sourceEntropy: 0.25)
        #expect(kept?.numbers == ["loss": 1, "loss_floor": 0.25])
        #expect(training.step == 5 && training.numbers == ["loss": 1, "loss_floor": 0.25])
        training.leave("distiller-b")
        #expect(training.distiller == "distiller-a")
        training.leave("distiller-a")
        #expect(training.isFree)
        training.end(with: "step-7", numbers: ["loss": 0.5])
        #expect(!training.isFree && training.finalCheckpoint == "step-7" && training.numbers["loss"] == 0.5)
    }

    @Test("lost distillers count until a checkpoint is stored; who leaves in order, or waits for histories, does not")
    func lostDistillers() {
        var training = TrainingLease()
        func hold(_ node: String, isGrowing: Bool = false, isLost: Bool) {
            training.lease(to: node, isGrowing: isGrowing)
            training.leave("another", isLost: true)
            training.leave(node, isLost: isLost)
        }
        for name in ["a", "b"] { hold(name, isLost: true) }
        #expect(training.losses == 2 && training.lastLost == "b")
        hold("c", isLost: false)
        hold("d", isGrowing: true, isLost: true)
        #expect(training.losses == 2 && training.lastLost == "b")
        training.lease(to: "e")
        training.checkpointStored()
        training.leave("e", isLost: true)
        #expect(training.losses == 1 && training.lastLost == "e")
    }

    @Test("of several distillations each has its holder, its checkpoints by their folder, and an end of its own")
    func distillations() throws {
        let experiment = try Experiment(
            yaml:
                "{name: plan, variants: [{name: ad}, {name: short, model: {context_length: 20}}], distil: {seeds: 2}}",
            file: "test")
        let root = CheckpointStore(folder: URL(fileURLWithPath: "/nowhere"))
        var distillations = Distillations(try experiment.distillations(), root: root)
        #expect(distillations.all.map(\.name) == ["ad-seed-0", "short-seed-0", "ad-seed-1", "short-seed-1"])
        #expect(distillations.place(ofCheckpoint: "short-seed-0/step-00000007")?.index == 1)
        #expect(distillations.place(ofCheckpoint: "short-seed-0/step-00000007")?.step == "step-00000007")
        #expect(distillations.place(ofCheckpoint: "step-00000007") == nil)
        #expect(distillations.place(ofCheckpoint: "short/x/step-1") == nil)
        distillations.all[1].lease.lease(to: "distiller-a")
        #expect(distillations.holders == ["distiller-a"] && distillations.shown?.name == "short-seed-0")
        distillations.all[1].lease.end(with: "short-seed-0/step-00000007", numbers: ["loss": 1])
        #expect(distillations.holders.isEmpty && distillations.place(heldBy: "distiller-a") == 1)
        distillations.all[2].lease.lease(to: "distiller-a")
        #expect(distillations.place(heldBy: "distiller-a") == 2 && !distillations.areEnded)
        distillations.leave("distiller-a")
        #expect(distillations.all[2].lease.isFree && distillations.place(heldBy: "distiller-b") == nil)
        for entropy in [0.5, nil, 0.25, .nan] { distillations.note(sourceEntropy: entropy) }
        #expect(distillations.sourceEntropy == 0.375)
    }

    @Test("a learner is answered once, the last that sent the lifetime's state; states go when that is written down")
    func learnerStates() {
        var states = LearnerStates()
        states.begin(first, learner: "learner-a", request: 4)
        states.begin(first, learner: "learner-b", request: 5)
        #expect(states.arrived(first)?.learner == "learner-b")
        #expect(states.arrived(first) == nil)
        states.retire(first)
        states.retire(other)
        #expect(states.takeObsolete() == [first, other])
        #expect(states.takeObsolete().isEmpty)
    }

    // MARK: - A full disk

    @Test("a withheld turn is said once and in its order, before what came after it")
    func withheld() {
        var room = DiskRoom()
        var outbox = Outbox()
        outbox.send(.acknowledgement, to: .peer("a"), request: 1)
        #expect(room.withhold(&outbox, "room", now: 5 * second) == true)
        #expect(outbox.items.isEmpty && room.isWithholding && room.obstacle == "room")
        #expect(room.isResting(now: 6 * second - 1) && !room.isResting(now: 6 * second))
        outbox.send(.acknowledgement, to: .peer("b"), request: 2)
        // The next try fails too: its messages stay with the caller, the first turn's stay withheld.
        #expect(room.withhold(&outbox, "more room", now: 6 * second) == false)
        #expect(outbox.items.count == 1 && room.obstacle == "more room" && room.isResting(now: 7 * second - 1))
        #expect(room.release(into: &outbox) == true)
        #expect(outbox.items.map(\.addresses) == [[.peer("a")], [.peer("b")]])
        #expect(!room.isWithholding && !room.isResting(now: 0))
        #expect(!room.release(into: &outbox) && outbox.items.count == 2)
    }

    @Test("a checkpoint that finds no room is told of for 5 s, and is news again after them")
    func unwritten() {
        var room = DiskRoom()
        #expect(room.noteUnwritten("step-1", "full", now: 0) == true)
        #expect(room.noteUnwritten("step-1", "full", now: 4 * second) == false)
        #expect(room.unwrittenCheckpoint(now: 9 * second - 1) == "step-1 to be stored: full")
        #expect(room.unwrittenCheckpoint(now: 9 * second) == nil)
        #expect(room.noteUnwritten("step-2", "full", now: 9 * second) == true)
        #expect(room.unwrittenCheckpoints == 3)
    }

    // MARK: - Movement

    @Test("a node moves when a counter of its work rises, or a step of its work gets on, and not by being heard")
    func movement() {
        func heartbeat(_ numbers: [String: Double], work: Work? = nil) -> Heartbeat {
            Heartbeat(numbers: numbers, work: work)
        }
        func work(_ done: UInt64, _ what: String = "reads") -> Work {
            Work(what: what, milliseconds: 9, stillMilliseconds: 1, done: done, total: 10)
        }
        let old = heartbeat(["steps": 4, "refused_messages": 1], work: work(3))
        #expect(!Movement.isShown(by: old, after: old))
        #expect(!Movement.isShown(by: heartbeat(["steps": 4, "refused_messages": 9], work: work(3)), after: old))
        #expect(Movement.isShown(by: heartbeat(["steps": 5], work: work(3)), after: old))
        #expect(Movement.isShown(by: heartbeat(["steps": 4], work: work(4)), after: old))
        #expect(Movement.isShown(by: heartbeat([:], work: work(3, "writes")), after: old))
        #expect(!Movement.isShown(by: heartbeat([:], work: work(0, "writes")), after: old))
        #expect(Movement.isShown(by: heartbeat([:], work: work(1)), after: heartbeat([:])))
        var movement = Movement(now: 5)
        movement.note(now: 9)
        movement.note(now: 7)
        #expect(movement.last == 9 && movement.stillness(now: 8) == 0 && movement.stillness(now: 12) == 3)
    }

    @Test("a lack keeps the time of its beginning while it lasts, and is looked for once a second")
    func lacks() {
        var times = LackTimes()
        #expect(times.mustLook(now: 0) && !times.mustLook(now: second - 1) && times.mustLook(now: second))
        times.update([.recorder, .movement], lastMovement: 3, now: 10)
        times.update([.recorder, .disk], lastMovement: 3, now: 20)
        #expect(times.begin(of: .recorder) == 10 && times.begin(of: .disk) == 20 && times.begin(of: .movement) == nil)
        times.update([.movement], lastMovement: 3, now: 30)
        #expect(times.begin(of: .movement) == 3 && times.begin(of: .recorder) == nil)
    }

    // MARK: - Numbers and keys

    @Test("scale takes the place of the experiment's numbers, in whole processes")
    func target() {
        var target = ActorTarget(processes: 2, perProcess: 25, perLifetime: 10)
        #expect(!target.isScaled && target.processes == 2 && target.perLifetime == 10)
        target.apply(Scale(actors: 51, actorsOfLifetime: 13))
        #expect(target.isScaled && target.processes == 3 && target.perLifetime == 13)
        #expect(ActorTarget(processes: 1, perProcess: 0, perLifetime: 1).processes(for: 3) == 3)
    }

    @Test("collecting is plotted every 10 s, over the steps of all starts of the run")
    func speed() {
        var speed = CollectingSpeed(plottedBefore: 1000)
        #expect(speed.plotStep(now: 0) == nil)
        speed.add(50, now: 0)
        #expect(speed.plotStep(now: 0) == 1050)
        speed.add(50, now: second)
        #expect(speed.perSecond == 50)
        #expect(speed.plotStep(now: 10 * second - 1) == nil && speed.plotStep(now: 10 * second) == 1100)
    }

    @Test("eight lost nodes are remembered, for five minutes each")
    func losses() {
        var lost = LostNodes()
        for index in 0..<10 { lost.note("node-\(index)", reason: "silent", now: UInt64(index) * second) }
        #expect(lost.recent(now: 10 * second).map(\.node) == (2..<10).map { "node-\($0)" })
        #expect(lost.recent(now: 305 * second).map(\.node) == (6..<10).map { "node-\($0)" })
    }

    @Test("names of lost nodes are known for as long as 4,096 others were not lost since")
    func namesOfLost() {
        var lost = LostNodes()
        for index in 0..<5000 { lost.note("node-\(index)", reason: "silent", now: 0) }
        lost.note("node-4999", reason: "silent again", now: 0)
        let known = (0..<5001).filter { lost.wasGivenUp("node-\($0)") }
        #expect(known == Array(904..<5000))
    }

    @Test("a key's roles are those of the list, which each node is compared with once")
    func keys() throws {
        var permissions = KeyPermissions()
        #expect(permissions.roles(of: "anything") == .any && !permissions.mustCompare())
        let key = try SecretKey.generate().publicKey
        permissions.allow(AllowedKeys(generation: 3, keys: [key.bytes], roles: [KeyRoles(.actor)]))
        #expect(permissions.mustCompare() && !permissions.mustCompare())
        let name = boundName("node", to: key)
        #expect(permissions.refusal(of: .actor, to: name) == nil)
        #expect(permissions.refusal(of: .learner, to: name)?.contains("not as learner") == true)
        #expect(permissions.refusal(of: .actor, to: "node")?.contains("nothing any more") == true)
    }
}
