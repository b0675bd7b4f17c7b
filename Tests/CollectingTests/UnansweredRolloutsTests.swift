import Collecting
import Nodes
import Testing

@Suite("Unanswered rollouts") struct UnansweredRolloutsTests {
    /// One part, the way to its learner and back, and the learner, which answers batch after batch with an update each.
    private struct Route {
        var window: UnansweredRollouts
        /// Milliseconds of each way, of making a batch, and of an update.
        let delay: Double
        let making: Double
        let update: Double
        /// Once a second the way to the learner stands still for so long.
        var stall = 0.0

        private(set) var made: UInt64 = 0
        /// Batches that were further behind than may be learnt from.
        private(set) var stale = 0
        private let bound: UInt64
        private var now = 0.0
        private var version: UInt64 = 0
        private var updates: UInt64 = 0
        private var learnerIsFree = 0.0
        private var answers: [(moment: Double, number: UInt64, version: UInt64)] = []

        init(maximumPolicyLag: Int?, delay: Double, making: Double, update: Double, stall: Double = 0) {
            window = UnansweredRollouts(maximumPolicyLag: maximumPolicyLag)
            bound = UInt64(maximumPolicyLag ?? 0)
            (self.delay, self.making, self.update, self.stall) = (delay, making, update, stall)
        }

        private var nanoseconds: UInt64 { UInt64(now * 1e6) }

        /// Batches a second that are made in the time from now on.
        mutating func run(seconds: Double) -> Double {
            let (start, before) = (now, made)
            stale = 0
            while now < start + seconds * 1000 {
                while let answer = answers.first, answer.moment <= now {
                    answers.removeFirst()
                    _ = window.answer(answer.number, version: answer.version, now: nanoseconds)
                    version = answer.version
                }
                if window.hasRoom(isCrowded: false) { make() } else { now = max(now, answers.first?.moment ?? now) }
            }
            return Double(made - before) / (now - start) * 1000
        }

        private mutating func make() {
            made += 1
            window.append([0], number: made, version: version, now: nanoseconds)
            now += making
            var arrival = now + delay
            if arrival.truncatingRemainder(dividingBy: 1000) < stall {
                arrival = (arrival / 1000).rounded(.down) * 1000 + stall
            }
            let begin = max(arrival, learnerIsFree)
            if updates - version > bound { stale += 1 }
            updates += 1
            learnerIsFree = begin + update
            answers.append((learnerIsFree + delay, made, updates))
        }
    }

    @Test("a delay of 20 ms each way costs less than a tenth of the throughput") func farLearner() {
        var route = Route(maximumPolicyLag: 1000, delay: 20, making: 4, update: 1)
        _ = route.run(seconds: 2)
        let rate = route.run(seconds: 5)
        #expect(rate > 225, "\(rate)")
        #expect(route.window.limit < 32)
    }

    @Test("stalls of 200 ms each second cost little more than their time") func stalls() {
        var route = Route(maximumPolicyLag: 1000, delay: 20, making: 4, update: 1, stall: 200)
        _ = route.run(seconds: 2)
        let rate = route.run(seconds: 10)
        #expect(rate > 250 * 0.7, "\(rate)")
    }

    @Test("no more is on its way than the bound on the policy lag lets learn from") func policyLag() {
        var route = Route(maximumPolicyLag: 8, delay: 20, making: 1, update: 1)
        _ = route.run(seconds: 2)
        let rate = route.run(seconds: 5)
        // Eight updates in a round trip of 42 ms are 190 a second.
        #expect(rate > 150, "\(rate)")
        #expect(Double(route.stale) < rate * 5 / 10 && route.window.limit > 4, "\(route.stale)")
        var fresh = Route(maximumPolicyLag: 0, delay: 20, making: 1, update: 1)
        _ = fresh.run(seconds: 2)
        #expect(fresh.window.limit == UnansweredRollouts.fewest)
    }

    @Test("what a slow learner could not take up is not made", arguments: [0.05, 20]) func slowLearner(delay: Double) {
        var route = Route(maximumPolicyLag: 1000, delay: delay, making: 0.5, update: 10)
        _ = route.run(seconds: 2)
        let rate = route.run(seconds: 20)
        #expect(rate > 95, "\(rate)")
        // In the time of a round trip without queues the learner makes so many updates.
        let updates = (2 * delay + 10) / 10
        #expect(Double(route.window.limit) <= 3 * updates + 1, "\(route.window.limit)")
    }

    @Test("two are enough for a learner nearby, and one is all in lockstep") func nearLearner() {
        var route = Route(maximumPolicyLag: 1000, delay: 0.05, making: 1, update: 0.2)
        let rate = route.run(seconds: 5)
        #expect(rate > 950, "\(rate)")
        #expect(route.window.limit <= UnansweredRollouts.fewest + 1)
        var lockstep = Route(maximumPolicyLag: nil, delay: 20, making: 4, update: 1)
        _ = lockstep.run(seconds: 2)
        #expect(lockstep.window.limit == 1 && lockstep.stale == 0)
    }

    @Test("beyond the bound in bytes each part has two batches") func crowded() {
        var window = UnansweredRollouts(maximumPolicyLag: 1000)
        for number: UInt64 in 1...2 {
            #expect(window.hasRoom(isCrowded: true))
            window.append([1, 2, 3], number: number, version: 0, now: 0)
        }
        #expect(!window.hasRoom(isCrowded: true) && window.extraBytes == 0)
        window.append([1, 2, 3], number: 3, version: 0, now: 0)
        #expect(window.extraBytes == 3)
        let isNews = window.answer(1, version: 1, now: 0)
        #expect(isNews && window.extraBytes == 0)
    }

    @Test("two batches ask what the learner has, and what it lacks follows its answer") func sentAgain() {
        var window = UnansweredRollouts(maximumPolicyLag: 1000)
        for number: UInt64 in 1...5 { window.append([UInt8(number)], number: number, version: 0, now: 0) }
        let first = window.probe()
        #expect(first == [[1], [2]])
        let repeated = window.answer(0, version: 0, now: 0)
        let answered = window.answer(3, version: 0, now: 1)
        #expect(!repeated && answered)
        let rest = window.takeRest()
        let nothing = window.takeRest()
        #expect(rest == [[4], [5]] && nothing.isEmpty)
    }

    @Test("an answer to what was sent twice says nothing of the delay") func ambiguousAnswer() {
        var window = UnansweredRollouts(maximumPolicyLag: 1000)
        for number: UInt64 in 1...2 { window.append([0], number: number, version: 0, now: 0) }
        _ = window.probe()
        _ = window.answer(2, version: 0, now: 30_000_000)
        #expect(window.isEmpty && window.limit == UnansweredRollouts.fewest)
        for number: UInt64 in 3...4 { window.append([0], number: number, version: 0, now: 30_000_000) }
        _ = window.answer(4, version: 0, now: 60_000_000)
        #expect(window.limit > UnansweredRollouts.fewest)
    }
}
