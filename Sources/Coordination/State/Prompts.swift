package import Distillation
import Experience
import Synchronization

/// The prompts of a run's evaluations: each is looked for once, where `DiskWork` does its work, and kept for all jobs
/// that begin with it. Owned by the coordinator, on its thread.
package final class Prompts {
    /// What one prompt is of.
    package struct Key: Hashable, Sendable {
        package let task: Int
        package let settings: PromptSettings

        package init(task: Int, settings: PromptSettings) {
            self.task = task
            self.settings = settings
        }
    }

    /// What is known of a prompt.
    package enum Finding: Sendable {
        /// It is being looked for; `takeEnded` tells when that is over.
        case underWay
        case found(PromptStretch)
        /// There is none, for this reason.
        case missing(String)
    }

    /// Bytes of prompts that are kept; what goes beyond them is looked for again.
    package static let keptBytes = 64 << 20

    private let disk: any DiskWork
    private var findings: [Key: Finding] = [:]
    /// By the number of their work.
    private var searches: [UInt64: (key: Key, result: SearchResult)] = [:]
    private var bytes = 0

    /// `disk`: of these prompts alone.
    package init(disk: any DiskWork) { self.disk = disk }

    /// What is known of the prompt. It begins to be looked for, by `search`, where nothing is.
    package func finding(_ key: Key, search: @escaping @Sendable () throws -> PromptStretch) -> Finding {
        if let known = findings[key] { return known }
        let result = SearchResult()
        findings[key] = .underWay
        searches[disk.begin { result.set(try search()) }] = (key, result)
        return .underWay
    }

    /// The prompt, where it was found and is kept.
    package func found(_ key: Key) -> PromptStretch? {
        if case .found(let stretch)? = findings[key] { stretch } else { nil }
    }

    /// The prompts that were found, or not, since the last call.
    package func takeEnded() -> [Key] {
        disk.takeEnded().compactMap { end in
            guard let (key, result) = searches.removeValue(forKey: end.number) else { return nil }
            if let stretch = result.stretch {
                keep(stretch, of: key)
            } else {
                findings[key] = .missing(end.error.map { "\($0)" } ?? "the search brought nothing")
            }
            return key
        }
    }

    private func keep(_ stretch: PromptStretch, of key: Key) {
        if bytes > Self.keptBytes {
            findings = findings.filter { if case .found = $0.value { false } else { true } }
            bytes = 0
        }
        findings[key] = .found(stretch)
        bytes += stretch.content.observations.count + stretch.content.actions.count + 4 * stretch.content.count
    }
}

/// What a search has found, handed from the disk's thread to the coordinator's.
private final class SearchResult: Sendable {
    private let found = Mutex<PromptStretch?>(nil)

    func set(_ stretch: PromptStretch) { found.withLock { $0 = stretch } }
    var stretch: PromptStretch? { found.withLock { $0 } }
}
