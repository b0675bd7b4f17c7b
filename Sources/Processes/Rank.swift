/// Which one of several equal processes this is, counted from 0, as the one who starts them says: by a flag, or by the
/// variable of a launcher (`torchrun` and others, Slurm's steps, indexed jobs of Kubernetes).
///
///     let rank = try Rank.own(flag: nil, environment: ProcessInfo.processInfo.environment)
package struct Rank: Hashable, Sendable {
    /// In the order in which they are looked at, after the flag.
    package static let variables = ["RANK", "SLURM_PROCID", "JOB_COMPLETION_INDEX"]

    package let number: Int
    /// What has said it, for messages: `--rank` or the variable.
    package let source: String

    /// Nil where neither the flag nor a variable says it. The first that does counts, and throws `RankError` where it is no rank: a later one
    /// may be of another launcher, around this one. An empty variable says nothing.
    package static func own(flag: String?, environment: [String: String]) throws(RankError) -> Rank? {
        if let flag { return try Rank(flag, source: "--rank") }
        for variable in variables {
            guard let value = environment[variable], !value.isEmpty else { continue }
            return try Rank(value, source: variable)
        }
        return nil
    }

    private init(_ text: String, source: String) throws(RankError) {
        guard !text.isEmpty, text.utf8.allSatisfy((UInt8(ascii: "0")...UInt8(ascii: "9")).contains),
            let number = Int(text)
        else { throw RankError(description: "\(source) is \"\(text)\": expected a rank, a whole number from 0 on") }
        self.number = number
        self.source = source
    }
}

/// A flag or a variable holds something else than a rank; its description says which, and what it holds.
package struct RankError: Error, CustomStringConvertible, Sendable {
    package let description: String
}
