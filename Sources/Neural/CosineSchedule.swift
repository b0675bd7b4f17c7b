import Foundation

/// A learning rate that rises linearly from `start` to `peak` over `warmupSteps` and falls along half a cosine to
/// `final`, which it reaches at `steps` and keeps from there on.
package struct CosineSchedule: Sendable, Equatable {
    /// The rate of step 0, before the warm-up has had any effect.
    package let start: Double
    /// The rate that the warm-up rises to, and from which the cosine falls.
    package let peak: Double
    /// The rate at the end, usually a small share of `peak`.
    package let final: Double
    /// Steps of the linear rise; 0 begins at `peak`.
    package let warmupSteps: Int
    /// The step at which the cosine has reached `final`.
    package let steps: Int

    /// Nothing is checked: the settings that name these numbers are validated by their owner.
    package init(start: Double, peak: Double, final: Double, warmupSteps: Int, steps: Int) {
        self.start = start
        self.peak = peak
        self.final = final
        self.warmupSteps = warmupSteps
        self.steps = steps
    }

    /// The rate of the step number `step`, from 0. `elapsedShare` of a time budget moves the cosine on if it is further
    /// than the steps are, so that a run that ends by the clock is annealed too.
    ///
    /// With start 0, peak 1, final 0, 10 steps of warm-up and 110 steps: step 5 gives 0.5, step 10 gives 1, step 60
    /// gives 0.5, step 110 and every later one gives 0. During the warm-up a cosine that the clock has moved on further
    /// caps the rate.
    package func rate(step: Int, elapsedShare: Double = 0) -> Double {
        let fall = Double(step - warmupSteps) / Double(max(1, steps - warmupSteps))
        let progress = min(1, max(0, fall, elapsedShare))
        let cosine = final + (peak - final) * 0.5 * (1 + cos(.pi * progress))
        guard step < warmupSteps else { return cosine }
        return min(cosine, start + (peak - start) * Double(step) / Double(warmupSteps))
    }
}
