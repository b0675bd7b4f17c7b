import Synchronization

/// Where those who look at a process from outside ask, and where its own loop answers.
///
/// The loop calls `answer` in every turn, which costs a lock where no question waits. Questions wait for the loop, so that
/// an answer is of this moment, and a loop that does not answer within five seconds is one that hangs. Any thread.
package final class MonitoringDesk: Sendable {
    private let patienceSeconds: Double
    /// Questions that may wait at once; more are told at once that there is no answer.
    package static let questionLimit = 64

    private struct State {
        var questions: [UInt64: CheckedContinuation<String?, Never>] = [:]
        var asked: UInt64 = 0
    }

    private let state = Mutex(State())

    package init(patienceSeconds: Double = 5) { self.patienceSeconds = patienceSeconds }

    /// Answers all questions that have come by one page, which is made where there is one to answer.
    package func answer(_ page: () -> [Metric]) {
        let questions = state.withLock { state in
            defer { state.questions.removeAll() }
            return state.questions
        }
        guard !questions.isEmpty else { return }
        let text = Metric.text(page())
        for question in questions.values { question.resume(returning: text) }
    }

    /// The page, in Prometheus' text format; nil where the loop has not answered in time.
    package func ask() async -> String? {
        await withCheckedContinuation { continuation in
            let number: UInt64? = state.withLock { state in
                guard state.questions.count < Self.questionLimit else { return nil }
                state.asked += 1
                state.questions[state.asked] = continuation
                return state.asked
            }
            guard let number else { return continuation.resume(returning: nil) }
            Task {
                try? await Task.sleep(for: .seconds(patienceSeconds))
                state.withLock { $0.questions.removeValue(forKey: number) }?.resume(returning: nil)
            }
        }
    }
}
