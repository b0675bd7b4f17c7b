import Experience
import Models
import Neural
import Settings

extension Trainer {
    /// Begins training on every rank of the group at the same place: with the parameters, moments, steps and seconds of
    /// rank 0, which alone need have read a checkpoint. Throws `RankGroupError` on all of them where one has other
    /// settings or other histories. Nothing where there are no other ranks. Before the first step.
    ///
    /// - Parameter description: of the checkpoints.
    package func alignRanks(_ description: CheckpointDescription) throws {
        guard let ranks else { return }
        let configuration = try ranks.together {
            try CheckpointConfiguration(
                model: model.choice, description: description, training: settings, windows: windows, step: 0, seconds: 0
            ).encoded()
        }
        try ranks.requireSame("experiment", String(decoding: configuration, as: UTF8.self))
        try ranks.requireSame("set of histories", sampler.fingerprint)
        try ranks.requireSame("model", "\(model.parameters.count) parameters")
        for buffer in [model.parameters, first, second] { ranks.broadcast(buffer.bytes) }
        let place = ranks.ofFirst(Place(steps: completedSteps, seconds: elapsedSeconds))
        goOn(after: place.steps, seconds: place.seconds)
    }

    /// How far training has come.
    private struct Place: BitwiseCopyable {
        let steps: Int
        let seconds: Double
    }

    /// Throws `RankGroupError` on every rank where one has other parameters or moments than rank 0, as of a processor
    /// that computes otherwise, or broken memory: the ranks would go apart for good. One pass over the buffers.
    package func checkRanks() throws {
        guard let ranks else { return }
        let checksums = [("parameters", model.parameters), ("first moments", first), ("second moments", second)]
            .map { "\($0) of checksum \(String(CRC32C.of(UnsafeRawBufferPointer($1.bytes)), radix: 16))" }
        try ranks.requireSame("model after step \(completedSteps)", checksums.joined(separator: "\n"))
    }

    /// Steps between two looks at whether all ranks have the same parameters.
    package static let stepsBetweenChecks = 100
}

/// What all ranks have to say of a step, which they add up.
struct StepSums {
    var objective = 0.0
    var likelihood = 0.0
    /// Actions that were taught.
    var taught = 0.0
    /// On the clock of rank 0.
    var now = 0.0

    mutating func add(over ranks: any RankGroup) {
        if !ranks.isFirst { now = 0 }
        withUnsafeTemporaryAllocation(of: Double.self, capacity: 4) { numbers in
            guard let start = numbers.baseAddress else { return }
            _ = numbers.initialize(from: [objective, likelihood, taught, now])
            ranks.sum(start, count: numbers.count)
            (objective, likelihood, taught, now) = (numbers[0], numbers[1], numbers[2], numbers[3])
        }
    }
}

extension FloatBuffer {
    fileprivate var bytes: UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(UnsafeMutableBufferPointer(start: start, count: count))
    }
}

extension WindowSampler {
    /// What windows are drawn from, line by line: equal for equal rows of equal streams in the same order.
    var fingerprint: String {
        var checksum = CRC32C()
        forEachStream { $0.add(to: &checksum) }
        return "\(streamCount) streams\n\(lifetimeCount) lifetimes\n\(rowCount) transitions\n"
            + "rows of checksum \(String(checksum.value, radix: 16))"
    }
}
