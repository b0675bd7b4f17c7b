import Environments
import Experience
import Neural

/// What a network looks at of stored observations: they are checked, and drawn through the task's view where there is one, by
/// all threads. Belongs to one thread.
final class SeenRows {
    private let stored: Space
    private let view: (any ObservationView)?
    private let pool: WorkerPool
    private let seenBytes: Int
    /// (rows, seenBytes)
    private let seen = GrowingBuffer<UInt8>()

    /// `seesStored`: whether the network looks at what is stored.
    init(_ scene: Scene, seesStored: Bool, pool: WorkerPool) {
        stored = scene.environment.stored.space
        self.pool = pool
        view = seesStored ? nil : scene.view
        seenBytes = seesStored ? stored.byteCount : scene.environment.observationSpace.byteCount
        precondition(view != nil || seenBytes == stored.byteCount, "what is seen has to be made of what is stored")
    }

    /// What the last `take` gave, (rows, bytes seen).
    var base: UnsafeMutablePointer<UInt8> { seen.base }

    /// Takes in stored observations (rows, stored bytes). Throws `SourceAlgorithmError` for one outside its space, which
    /// only a replay from a file can hold.
    func take(_ stored: UnsafePointer<UInt8>, rows: Int) throws {
        let width = self.stored.byteCount
        if self.stored.firstOutside(UnsafeRawBufferPointer(start: stored, count: rows * width)) != nil {
            throw SourceAlgorithmError(
                "the replay holds an observation outside its space: expected one of \(self.stored)")
        }
        seen.reserve(rows * seenBytes)
        pool.run { worker in
            let (first, end) = (rows * worker / pool.count, rows * (worker + 1) / pool.count)
            let (source, destination) = (stored + first * width, seen.base + first * seenBytes)
            if let view {
                view.see(source, count: end - first, into: destination)
            } else {
                destination.update(from: source, count: (end - first) * width)
            }
        }
    }
}
