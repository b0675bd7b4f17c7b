import Foundation
import Neural
import Testing

@Suite("Schedules, optimiser and worker threads")
struct ScheduleTests {
    let schedule = CosineSchedule(start: 1e-6, peak: 1e-3, final: 1e-5, warmupSteps: 10, steps: 110)

    @Test("the rate rises linearly to its peak and falls along half a cosine")
    func shape() {
        #expect(schedule.rate(step: 0) == 1e-6)
        #expect(abs(schedule.rate(step: 5) - (1e-6 + (1e-3 - 1e-6) / 2)) < 1e-12)
        #expect(abs(schedule.rate(step: 10) - 1e-3) < 1e-12)
        #expect(abs(schedule.rate(step: 60) - (1e-3 + 1e-5) / 2) < 1e-12)
        #expect(abs(schedule.rate(step: 110) - 1e-5) < 1e-12)
        #expect(schedule.rate(step: 500) == schedule.rate(step: 110))
    }

    @Test("elapsed time moves the cosine on, even during the warm-up")
    func time() {
        #expect(schedule.rate(step: 20, elapsedShare: 0.5) == schedule.rate(step: 60))
        #expect(schedule.rate(step: 90, elapsedShare: 0.1) == schedule.rate(step: 90))
        #expect(abs(schedule.rate(step: 5, elapsedShare: 1) - 1e-5) < 1e-12)
    }

    @Test("Adam's first step is the learning rate whatever the gradient's size")
    func adam() {
        let buffers = (0..<4).map { _ in FloatBuffer(16) }
        for index in 0..<16 { buffers[1].start[index] = Float(index - 8) * 10 }
        Adam(beta1: 0.9, beta2: 0.99, epsilon: 1e-12).update(
            buffers[0], gradient: buffers[1], first: buffers[2], second: buffers[3], range: 0..<16, step: 1, rate: 0.5)
        for (index, value) in buffers[0].values.enumerated() {
            let expected: Float = index == 8 ? 0 : index < 8 ? 0.5 : -0.5
            #expect(abs(value - expected) < 1e-5)
        }
        #expect(buffers[1].values.allSatisfy { $0 == 0 })
    }

    @Test("a gradient below the limit is left alone, one above is scaled down to it")
    func clip() {
        #expect(Adam.clipScale(norm: 0.5, limit: 1) == 1)
        #expect(abs(Adam.clipScale(norm: 4, limit: 1) - 0.25) < 1e-6)
    }

    @Test("every worker runs in every round, and the pool ends")
    func workers() {
        for count in [1, 2, 5] {
            let pool = WorkerPool(count: count)
            let totals = UnsafeMutableBufferPointer<Int>.allocate(capacity: count)
            defer { totals.deallocate() }
            totals.initialize(repeating: 0)
            for round in 1...200 { pool.run { totals[$0] += round } }
            #expect(totals.allSatisfy { $0 == 20_100 })
        }
    }
}
