import Collecting
import Experience
import Nodes
import Testing
import Wire

/// Time is moved by hand, in milliseconds.
@Suite("What carries streams, in its talk with the recorder")
struct RecorderDialogueTests {
    private let lifetime = LifetimeIdentifier(task: 1, repetition: 0)
    private let request: OpenStreams

    init() { request = OpenStreams(lifetime: lifetime, actors: 4..<6, incarnation: 2, firstPolicyVersion: 0) }

    private func header(_ actor: Int, _ sequence: UInt64) -> RolloutHeader {
        RolloutHeader(
            actor: actor, incarnation: 2, sequence: sequence, policyVersion: 0, firstEpisode: 0, length: 1,
            finishedEpisodes: 0, checksum: 0, isLast: false)
    }

    private func opened(_ next: [UInt64]) -> StreamsOpened {
        StreamsOpened(
            lifetime: lifetime, firstActor: 4, incarnation: 2,
            streams: next.map { .init(nextSequence: $0, nextEpisode: $0) })
    }

    private func durable(_ next: [Int: UInt64], resend: Bool = false) -> RolloutsDurable {
        RolloutsDurable(
            lifetime: lifetime,
            streams: next.sorted { $0.key < $1.key }.map {
                RolloutsDurable.Stream(actor: $0.key, nextSequence: $0.value, incarnation: 2)
            }, resend: resend)
    }

    /// One batch of one byte, with rollout `sequence` of both actors.
    private func append(
        _ sequence: UInt64, to dialogue: inout RecorderDialogue, at milliseconds: UInt64 = 0
    ) -> Bool {
        dialogue.append(
            [UInt8(truncatingIfNeeded: sequence)], [header(4, sequence), header(5, sequence)], recordedActors: 6,
            now: milliseconds * 1_000_000)
    }

    /// An open dialogue that has sent rollouts 0..<count of both actors, as batches of one byte.
    private func dialogue(sent count: UInt8, at milliseconds: UInt64 = 0) -> RecorderDialogue {
        var outbox = Outbox()
        var dialogue = RecorderDialogue(endpoint: "a")
        dialogue.ask(request, now: 0, outbox: &outbox)
        _ = dialogue.take(opened([0, 0]), from: .endpoint("a"), now: 0, outbox: &outbox)
        for sequence in 0..<count {
            let isSent = append(UInt64(sequence), to: &dialogue, at: milliseconds)
            #expect(isSent)
        }
        return dialogue
    }

    @Test("a recorder that does not answer is asked again every second")
    func asking() {
        var outbox = Outbox()
        var dialogue = RecorderDialogue(endpoint: "a")
        #expect(!dialogue.isOpen)
        dialogue.ask(request, now: 5_000_000_000, outbox: &outbox)
        #expect(outbox.items.count == 1)
        #expect(!dialogue.isOverdue(now: 5_999_000_000))
        #expect(dialogue.isOverdue(now: 6_000_000_000))
        _ = dialogue.take(opened([0, 0]), from: .endpoint("a"), now: 6_100_000_000, outbox: &outbox)
        #expect(dialogue.isOpen && dialogue.isDone)
        // Nothing is owed, so silence means nothing.
        #expect(!dialogue.isOverdue(now: 60_000_000_000))
    }

    @Test("one that owes an acknowledgement is asked after five seconds of silence, and any sign begins them anew")
    func silence() {
        var outbox = Outbox()
        var dialogue = dialogue(sent: 3, at: 10_000)
        #expect(!dialogue.isOverdue(now: 14_999_000_000))
        #expect(dialogue.isOverdue(now: 15_000_000_000))
        dialogue.take(durable([4: 1, 5: 0]), actors: 4..<6, from: .endpoint("a"), now: 14_000_000_000, outbox: &outbox)
        #expect(!dialogue.isOverdue(now: 18_999_000_000))
        #expect(!dialogue.isDone)
        dialogue.take(durable([4: 3, 5: 3]), actors: 4..<6, from: .endpoint("a"), now: 15_000_000_000, outbox: &outbox)
        #expect(dialogue.isDone && dialogue.unacknowledgedBytes == 0)
        #expect(outbox.items.isEmpty)
    }

    @Test("a question that is lost again and again is asked at least every ten seconds") func lostQuestions() {
        var dialogue = dialogue(sent: 3)
        var outbox = Outbox()
        var moments: [UInt64] = []
        for milliseconds in stride(from: UInt64(0), to: 50_000, by: 100)
        where dialogue.isOverdue(now: milliseconds * 1_000_000) {
            moments.append(milliseconds / 1000)
            dialogue.ask(request, now: milliseconds * 1_000_000, outbox: &outbox)
        }
        #expect(moments == [5, 10, 20, 30, 40])
    }

    @Test(
        "one that joined the coordinator again is asked after a second without a sign: it may have been started again")
    func otherTickets() {
        var outbox = Outbox()
        var asked = request
        asked.ticket = [1]
        func overdue(_ dialogue: RecorderDialogue) -> UInt64? {
            (0...20).map { $0 * 500 }.first { dialogue.isOverdue(now: UInt64($0) * 1_000_000) }.map(UInt64.init)
        }
        var dialogue = RecorderDialogue(endpoint: "a")
        dialogue.ask(asked, now: 0, outbox: &outbox)
        _ = dialogue.take(opened([0, 0]), from: .endpoint("a"), now: 0, outbox: &outbox)
        #expect(append(0, to: &dialogue))
        dialogue.expect([1])
        #expect(overdue(dialogue) == 5000)
        dialogue.expect([2])
        #expect(overdue(dialogue) == 1000)
        #expect(outbox.items.count == 1, "nothing is sent again before")
        dialogue.expect([2])
        #expect(overdue(dialogue) == 1000)
        dialogue.take(durable([4: 0, 5: 0]), actors: 4..<6, from: .endpoint("a"), now: 0, outbox: &outbox)
        #expect(overdue(dialogue) == 5000, "it has not forgotten")
    }

    @Test("a recorder that came back elsewhere is opened again and gets what it lacks, in order")
    func moving() {
        var dialogue = dialogue(sent: 4)
        dialogue.move(to: "b")
        #expect(!dialogue.isOpen && dialogue.endpoint == "b")
        var outbox = Outbox()
        dialogue.ask(request, now: 0, outbox: &outbox)
        outbox.removeAll()
        let isTaken = dialogue.take(opened([2, 1]), from: .endpoint("b"), now: 0, outbox: &outbox)
        #expect(isTaken)
        #expect(outbox.items.map(\.bytes) == [[1], [2], [3]])
        #expect(outbox.items.allSatisfy { $0.addresses == [.endpoint("b")] })
        #expect(dialogue.isOpen && dialogue.unacknowledgedBytes == 3)
    }

    @Test("while a recorder is away everything is kept for it; then only so much is on its way at a time, in order")
    func window() {
        let window = UnacknowledgedRollouts.window
        let count = 3 * window
        var dialogue = dialogue(sent: 0)
        dialogue.move(to: "b")
        for sequence in 0..<UInt64(count) {
            let isSent = append(sequence, to: &dialogue)
            #expect(!isSent)
        }
        var outbox = Outbox()
        dialogue.ask(request, now: 0, outbox: &outbox)
        outbox.removeAll()
        _ = dialogue.take(opened([0, 0]), from: .endpoint("b"), now: 0, outbox: &outbox)
        #expect(outbox.items.count == window)
        #expect(dialogue.unacknowledgedBytes == count)
        func answer(_ next: Int, resend: Bool = false, at milliseconds: UInt64 = 0) -> Int {
            outbox.removeAll()
            dialogue.take(
                durable([4: UInt64(next), 5: UInt64(next)], resend: resend), actors: 4..<6, from: .endpoint("b"),
                now: milliseconds * 1_000_000, outbox: &outbox)
            return outbox.items.count
        }
        #expect(answer(0) == 0)
        #expect(answer(10) == 10, "what is durable makes room for as much")
        #expect(answer(10, resend: true, at: 200) == window)
        #expect(answer(10, resend: true, at: 201) == 0)
        #expect(answer(2 * window, at: 202) == window, "more is durable than was on its way")
        let isSentBehindOthers = append(UInt64(count), to: &dialogue)
        #expect(!isSentBehindOthers)
        #expect(answer(count - 1, at: 203) == 1)
        let isSentAtOnce = append(UInt64(count + 1), to: &dialogue)
        #expect(isSentAtOnce)
        #expect(dialogue.unacknowledgedBytes == 3)
    }

    @Test("large batches fill the window by their bytes, but so many are always on their way") func largeBatches() {
        var dialogue = dialogue(sent: 0)
        let large = [UInt8](repeating: 0, count: UnacknowledgedRollouts.windowBytes / 4)
        let fewest = UInt64(UnacknowledgedRollouts.fewestBatches)
        for sequence in 0..<fewest {
            #expect(!dialogue.isCongested)
            let isSent = dialogue.append(
                large, [header(4, sequence), header(5, sequence)], recordedActors: 6, now: 0)
            #expect(isSent)
        }
        #expect(dialogue.isCongested)
        let isSentBeyond = append(fewest, to: &dialogue)
        #expect(!isSentBeyond)
        var outbox = Outbox()
        dialogue.take(durable([4: 1, 5: 1]), actors: 4..<6, from: .endpoint("a"), now: 0, outbox: &outbox)
        #expect(outbox.items.map(\.bytes.count) == [1])
        dialogue.move(to: "b")
        #expect(!dialogue.isCongested, "while it is away everything is kept")
    }

    @Test("a recorder that answers and takes nothing is asked ever less often, and given up after six times")
    func hopeless() {
        var dialogue = dialogue(sent: 3, at: 0)
        var outbox = Outbox()
        var moments: [UInt64] = []
        for milliseconds in stride(from: UInt64(0), to: 400_000, by: 100) {
            let now = milliseconds * 1_000_000
            guard dialogue.refusal == nil else { break }
            guard dialogue.isOverdue(now: now) else { continue }
            moments.append(milliseconds / 1000)
            dialogue.ask(request, now: now, outbox: &outbox)
            _ = dialogue.take(opened([0, 0]), from: .endpoint("a"), now: now, outbox: &outbox)
        }
        #expect(moments == [5, 15, 35, 75, 115, 155])
        #expect(dialogue.refusal != nil)
        dialogue.take(durable([4: 3, 5: 3]), actors: 4..<6, from: .endpoint("a"), now: 0, outbox: &outbox)
        #expect(dialogue.refusal == nil)
    }

    @Test("a recorder that stood still, and then answers all that it was asked, is not given up for that")
    func lateAnswers() {
        var outbox = Outbox()
        var dialogue = dialogue(sent: 3, at: 0)
        for _ in 0..<(2 * RecorderDialogue.fruitlessLimit) { dialogue.ask(request, now: 0, outbox: &outbox) }
        outbox.removeAll()
        for _ in 0..<(2 * RecorderDialogue.fruitlessLimit) {
            #expect(dialogue.take(opened([0, 0]), from: .endpoint("a"), now: 0, outbox: &outbox))
            #expect(dialogue.refusal == nil)
        }
        #expect(outbox.items.map(\.bytes) == [[0], [1], [2]], "what is lost is sent again once, not for each answer")
        // That was one answer that brought nothing; so many more are a reason.
        for _ in 1..<RecorderDialogue.fruitlessLimit {
            #expect(dialogue.refusal == nil)
            dialogue.ask(request, now: 0, outbox: &outbox)
            _ = dialogue.take(opened([0, 0]), from: .endpoint("a"), now: 0, outbox: &outbox)
        }
        #expect(dialogue.refusal != nil)
    }

    @Test("streams that wait to be sealed are no reason to give up, however long that takes") func sealing() {
        var dialogue = dialogue(sent: 3, at: 0)
        var outbox = Outbox()
        var message = opened([2, 2])
        for index in 0..<2 { message.streams[index].state = .ended }
        for _ in 0..<20 {
            dialogue.ask(request, now: 0, outbox: &outbox)
            _ = dialogue.take(message, from: .endpoint("a"), now: 0, outbox: &outbox)
        }
        #expect(dialogue.refusal == nil)
    }

    @Test("a question that is refused is asked six times, and its reason is known") func refusedQuestion() {
        var outbox = Outbox()
        var dialogue = RecorderDialogue(endpoint: "a")
        for number in UInt64(1)...6 {
            #expect(dialogue.refusal == nil)
            dialogue.ask(request, number: number, now: 0, outbox: &outbox)
            dialogue.refuse("another question", number: number + 1, from: .endpoint("a"))
            dialogue.refuse("another recorder", number: number, from: .endpoint("b"))
            dialogue.refuse("no such task", number: number, from: .endpoint("a"))
            dialogue.refuse("said twice", number: number, from: .endpoint("a"))
        }
        #expect(dialogue.refusal == "no such task")
    }

    @Test("a question asked again says with which sequences this incarnation began") func firstSequences() throws {
        var dialogue = RecorderDialogue(endpoint: "a")
        var outbox = Outbox()
        dialogue.ask(request, now: 0, outbox: &outbox)
        _ = dialogue.take(opened([7, 9]), from: .endpoint("a"), now: 0, outbox: &outbox)
        dialogue.ask(request, now: 0, outbox: &outbox)
        let asked = try outbox.items.compactMap { item -> [UInt64]? in
            guard case .openStreams(let open) = try Envelope(decoding: item.bytes).message else { return nil }
            return open.firstSequences
        }
        #expect(asked == [[], [7, 9]])
    }

    @Test("acknowledgements of other streams say nothing, and an older one takes nothing back")
    func foreign() {
        var outbox = Outbox()
        var dialogue = dialogue(sent: 2)
        dialogue.take(durable([3: 9, 6: 9]), actors: 4..<6, from: .endpoint("a"), now: 0, outbox: &outbox)
        #expect(dialogue.unacknowledgedBytes == 2)
        dialogue.take(durable([4: 2, 5: 1]), actors: 4..<6, from: .endpoint("a"), now: 0, outbox: &outbox)
        dialogue.take(
            durable([4: 0, 5: 0], resend: true), actors: 4..<6, from: .endpoint("a"), now: 0, outbox: &outbox)
        #expect(outbox.items.map(\.bytes) == [[1]])
    }

    @Test("only the recorder that was asked is listened to, and only its answer to the last question")
    func strangers() {
        var dialogue = dialogue(sent: 2)
        var outbox = Outbox()
        dialogue.ask(request, now: 0, outbox: &outbox)
        outbox.removeAll()
        #expect(!dialogue.take(opened([2, 2]), from: .endpoint("b"), now: 0, outbox: &outbox))
        #expect(!dialogue.take(opened([2]), from: .endpoint("a"), now: 0, outbox: &outbox))
        var earlier = opened([2, 2])
        earlier.incarnation = 1
        #expect(!dialogue.take(earlier, from: .endpoint("a"), now: 0, outbox: &outbox))
        dialogue.take(durable([4: 2, 5: 2]), actors: 4..<6, from: .endpoint("b"), now: 0, outbox: &outbox)
        #expect(dialogue.unacknowledgedBytes == 2 && outbox.items.isEmpty)
        dialogue.take(durable([4: 2, 5: 2]), actors: 4..<6, from: .endpoint("a"), now: 0, outbox: &outbox)
        #expect(dialogue.isDone)
    }

    @Test(
        "the recorder's word for another incarnation than the one that was asked for says nothing of this one's files")
    func earlierIncarnation() {
        var dialogue = dialogue(sent: 3)
        var outbox = Outbox()
        for incarnation in [1, 3] as [UInt64] {
            var late = durable([4: 3, 5: 3], resend: true)
            for index in late.streams.indices { late.streams[index].incarnation = incarnation }
            dialogue.take(late, actors: 4..<6, from: .endpoint("a"), now: 200_000_000, outbox: &outbox)
        }
        #expect(dialogue.unacknowledgedBytes == 3 && dialogue.durableSequence(of: 4..<6) == 0)
        #expect(outbox.items.isEmpty, "nor is anything sent again for it")
        dialogue.take(durable([4: 3, 5: 3]), actors: 4..<6, from: .endpoint("a"), now: 200_000_000, outbox: &outbox)
        #expect(dialogue.isDone)
    }

    @Test("a question says what was called durable") func durableSequences() throws {
        var dialogue = dialogue(sent: 3)
        var outbox = Outbox()
        dialogue.take(durable([4: 2, 5: 1]), actors: 4..<6, from: .endpoint("a"), now: 0, outbox: &outbox)
        dialogue.ask(request, now: 0, outbox: &outbox)
        guard case .openStreams(let open) = try Envelope(decoding: outbox.items[0].bytes).message else {
            Issue.record("not a question")
            return
        }
        #expect(open.durableSequences == [2, 1])
    }

    @Test("a quarantined stream is neither waited for nor sent any more; the others go on as before")
    func quarantine() {
        var dialogue = dialogue(sent: 2)
        var outbox = Outbox()
        var message = durable([4: 0, 5: 1])
        message.streams[0].state = .quarantined
        dialogue.take(message, actors: 4..<6, from: .endpoint("a"), now: 0, outbox: &outbox)
        #expect(dialogue.unacknowledgedBytes == 1)
        let isSentOfQuarantined = dialogue.append([9], [header(4, 2)], recordedActors: 6, now: 0)
        #expect(!isSentOfQuarantined && dialogue.unacknowledgedBytes == 1)
        let isSentOfBoth = append(2, to: &dialogue)
        #expect(isSentOfBoth)
        #expect(dialogue.unacknowledgedBytes == 2)
        dialogue.take(durable([5: 3]), actors: 4..<6, from: .endpoint("a"), now: 0, outbox: &outbox)
        #expect(dialogue.isDone)
    }
}
