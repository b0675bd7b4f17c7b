import Distillation
import Foundation

/// Ranks that are threads of this process: what MPI does, without MPI.
final class ThreadRanks: @unchecked Sendable {
    let count: Int
    /// Guards everything below.
    private let condition = NSCondition()
    private var texts: [Int: Data] = [:]
    private var gathered: [Data] = []
    private var round = 0

    init(_ count: Int) { self.count = count }

    /// Runs `body` on a thread for each rank and gives what each returns, by rank.
    static func run<Value: Sendable>(
        _ count: Int, _ body: @escaping @Sendable (any RankGroup) throws -> Value
    ) -> [Result<Value, any Error>] {
        let shared = ThreadRanks(count)
        let results = Results<Value>(count)
        let group = DispatchGroup()
        for rank in 0..<count {
            group.enter()
            let thread = Thread {
                results.put(Result { try body(ThreadRank(rank: rank, shared: shared)) }, rank)
                group.leave()
            }
            thread.stackSize = 4 << 20
            thread.start()
        }
        group.wait()
        return results.all
    }

    /// The bytes of all ranks, when each has given its own.
    fileprivate func exchange(_ own: Data, _ rank: Int) -> [Data] {
        condition.lock()
        defer { condition.unlock() }
        let mine = round
        texts[rank] = own
        if texts.count == count {
            gathered = (0..<count).compactMap { texts[$0] }
            texts = [:]
            round += 1
            condition.broadcast()
        }
        while round == mine { condition.wait() }
        return gathered
    }

    private final class Results<Value: Sendable>: @unchecked Sendable {
        private let lock = NSLock()
        private var values: [Result<Value, any Error>?]

        init(_ count: Int) { values = Array(repeating: nil, count: count) }

        func put(_ value: Result<Value, any Error>, _ rank: Int) { lock.withLock { values[rank] = value } }
        var all: [Result<Value, any Error>] { lock.withLock { values.compactMap { $0 } } }
    }
}

private final class ThreadRank: RankGroup {
    let rank: Int
    let shared: ThreadRanks
    var count: Int { shared.count }
    var names: [String] { (0..<count).map { "rank \($0) of \(count)" } }

    init(rank: Int, shared: ThreadRanks) {
        self.rank = rank
        self.shared = shared
    }

    func sum(_ numbers: UnsafeMutablePointer<Float>, count: Int) { add(numbers, count) }
    func sum(_ numbers: UnsafeMutablePointer<Double>, count: Int) { add(numbers, count) }

    private func add<Number: FloatingPoint>(_ numbers: UnsafeMutablePointer<Number>, _ count: Int) {
        let own = Data(bytes: numbers, count: count * MemoryLayout<Number>.stride)
        numbers.update(repeating: 0, count: count)
        for bytes in shared.exchange(own, rank) {
            bytes.withUnsafeBytes { raw in
                for (index, number) in raw.bindMemory(to: Number.self).enumerated() { numbers[index] += number }
            }
        }
    }

    func broadcast(_ bytes: UnsafeMutableRawBufferPointer) {
        bytes.copyBytes(from: shared.exchange(Data(bytes), rank)[0])
    }

    func gather(_ text: String) -> [String] {
        shared.exchange(Data(text.utf8), rank).map { String(decoding: $0, as: UTF8.self) }
    }
}
