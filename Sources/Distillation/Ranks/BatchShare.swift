/// The part of every batch that one of several ranks takes, and how it is cut for the rank's threads.
///
/// Windows are shared out in their order, as evenly as they go: 13 windows among 3 ranks are 4, 4 and 5. Each action
/// that is taught counts the same, whichever rank has it. Threads are as many on every rank, so that all of them sum
/// the squares of the gradient in the same order.
struct BatchShare: Equatable {
    /// Numbers of the windows in the batch.
    let windows: Range<Int>
    /// Windows of a micro-batch.
    let windowsPerPass: Int
    /// Worker threads.
    let threads: Int

    /// `preferredWindows`: of the model. Precondition: there are no more ranks than windows.
    init(batch: Int, rank: Int, ranks: Int, preferredWindows: Int, threads: Int) {
        precondition((0..<ranks).contains(rank) && ranks <= batch)
        windows = (batch * rank / ranks)..<(batch * (rank + 1) / ranks)
        // As many as a pass takes with profit, and few enough that every thread of the smallest share has one.
        let least = batch / ranks
        windowsPerPass = max(1, min(preferredWindows, (least + threads - 1) / threads))
        self.threads = min(threads, (least + windowsPerPass - 1) / windowsPerPass)
    }

    /// Micro-batches of this rank.
    var passes: Int { (windows.count + windowsPerPass - 1) / windowsPerPass }

    /// The windows of micro-batch `number`.
    func windows(ofPass number: Int) -> Range<Int> {
        let first = windows.lowerBound + number * windowsPerPass
        return first..<min(first + windowsPerPass, windows.upperBound)
    }
}
