import Foundation

/// A learning rate that rises linearly from `start` to `peak` over `warmupSteps` and falls along half a cosine to
/// `final`, which it reaches at `steps` and keeps from there on.
package struct CosineSchedule: Sendable, Equatable {
    package let start: Double
    package let peak: Double
    package let final: Double
    package let warmupSteps: Int
    package let steps: Int

    package init(start: Double, peak: Double, final: Double, warmupSteps: Int, steps: Int) {
        self.start = start
        self.peak = peak
        self.final = final
        self.warmupSteps = warmupSteps
        self.steps = steps
    }

    /// The rate of the step number `step`, from 0. `elapsedShare` of a time budget moves the cosine on if it is further
    /// than the steps are, so that a run that ends by the clock is annealed too.
    package func rate(step: Int, elapsedShare: Double = 0) -> Double {
        let fall = Double(step - warmupSteps) / Double(max(1, steps - warmupSteps))
        let progress = min(1, max(0, fall, elapsedShare))
        let cosine = final + (peak - final) * 0.5 * (1 + cos(.pi * progress))
        guard step < warmupSteps else { return cosine }
        return min(cosine, start + (peak - start) * Double(step) / Double(warmupSteps))
    }
}
