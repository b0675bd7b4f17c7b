/// The processes that train one model together, each with its share of every batch, as one of them sees the group.
///
/// Every call but the properties is collective: it returns when all ranks have made it, and they make the same calls in
/// the same order. One thread calls. Where a rank dies, calls of the others do not return: who makes the group ends
/// the process.
package protocol RankGroup: AnyObject {
    /// From 0; rank 0 alone writes files and speaks to people.
    var rank: Int { get }
    /// Ranks of the group.
    var count: Int { get }
    /// By rank, for messages: `rank 1 of 2 (host h, process 77)`.
    var names: [String] { get }

    /// Puts the sum over all ranks in the place of each number: the same bits on every rank.
    func sum(_ numbers: UnsafeMutablePointer<Float>, count: Int)
    func sum(_ numbers: UnsafeMutablePointer<Double>, count: Int)

    /// Puts the bytes of rank 0 in the place of those of every other rank.
    func broadcast(_ bytes: UnsafeMutableRawBufferPointer)

    /// The text of every rank, by rank.
    func gather(_ text: String) -> [String]
}

/// What every rank knows to be wrong, in the same words on each: rank 0 says it for all.
package struct RankGroupError: Error, CustomStringConvertible, Sendable {
    package let description: String

    package init(description: String) { self.description = description }
}

extension RankGroup {
    package var isFirst: Bool { rank == 0 }

    /// On every rank what rank 0 has given.
    package func ofFirst<Value: BitwiseCopyable>(_ value: Value) -> Value {
        var value = value
        withUnsafeMutableBytes(of: &value) { broadcast($0) }
        return value
    }

    /// The largest number that a rank has.
    package func largest(_ number: Int) -> Int { gather("\(number)").compactMap { Int($0) }.max() ?? number }

    /// Throws where a rank's text is another than that of rank 0: the name of the first such rank, and the first line
    /// that differs. `what`: the words for what the text describes.
    package func requireSame(_ what: String, _ text: String) throws(RankGroupError) {
        let texts = gather(text)
        let expected = texts[0].split(separator: "\n", omittingEmptySubsequences: false)
        for (rank, other) in texts.enumerated() where other != texts[0] {
            let found = other.split(separator: "\n", omittingEmptySubsequences: false)
            let longest = max(found.count, expected.count)
            let line = (0..<longest).first { found.line($0) != expected.line($0) } ?? 0
            throw RankGroupError(
                description: "\(names[rank]) has another \(what) than rank 0: "
                    + "\(found.line(line)) instead of \(expected.line(line))")
        }
    }

    /// Does on every rank what may fail on one of them, and fails on all of them then, with the names of those where it
    /// did and the reasons. `body` makes no collective call.
    package func together<Value>(_ body: () throws -> Value) throws -> Value {
        let result = Result { try body() }
        var failure = ""
        if case .failure(let error) = result { failure = "\(error)" }
        let failures = gather(failure)
        // On a file system that all share, most of what fails does so everywhere.
        if let first = failures.first, !first.isEmpty, failures.allSatisfy({ $0 == first }) {
            throw RankGroupError(description: first)
        }
        let named = zip(names, failures).filter { !$1.isEmpty }.map { "\($0): \($1)" }
        guard named.isEmpty else { throw RankGroupError(description: named.joined(separator: "\n")) }
        return try result.get()
    }
}

extension [Substring] {
    /// Without the spaces and the comma around a line of JSON.
    fileprivate func line(_ number: Int) -> Substring {
        guard number < count else { return "nothing" }
        var text = self[number].drop { $0 == " " }
        if text.last == "," { text.removeLast() }
        return text
    }
}
