package import Environments
package import Experience
import Histories

/// A stretch of a recorded stream that an evaluation begins with.
package struct PromptStretch: Sendable, Equatable {
    /// The stream, below the run's folder.
    package let stream: String
    /// Of the stream: whole episodes, one behind the other.
    package let rows: Range<Int>
    /// Of these episodes.
    package let meanReturn: Double
    /// The same as a share of the task's optimum.
    package let share: Double
    package let content: PromptRows
}

/// Finds the stretch of a task's learning histories whose mean return is nearest to a share of the task's optimum.
///
/// A stretch begins where an episode begins and has as many whole episodes as fit. Of stretches that are equally near, as
/// there are many where returns are few numbers, the one is taken whose surroundings (as many episodes again before and
/// behind it) are nearest too, so that it shows how the policy was rather than how lucky; of these the first, by lifetime,
/// actor and row. So the choice depends on nothing but what is recorded. All seeds of a task begin with the same stretch:
/// what differs between them is then their own doing, and their streams name one prompt.
package struct PromptSearch: Sendable {
    /// Streams of a task that are looked at, the first ones.
    package static let mostStreams = 64

    private let settings: PromptSettings
    private let environment: EnvironmentDescription
    private let optimum: Double

    /// `optimum`: the best possible return of the task. Throws `PolicyError` where there is none to be a share of.
    package init(_ settings: PromptSettings, optimum: Double?, in environment: EnvironmentDescription) throws {
        guard let optimum, optimum > 0 else {
            throw PolicyError(
                "the task has no best possible return above 0 that a prompt's quality could be a share of")
        }
        self.settings = settings
        self.environment = environment
        self.optimum = optimum
    }

    /// Looks through the sealed streams of the task below the run's folder. Reads and checks every one as a whole, which
    /// takes some milliseconds each. Throws `PolicyError` where one of them cannot be read, and where none has a stretch:
    /// another choice for a disk's sake would not be the same evaluation.
    package func find(task: Int, in folder: String) throws -> PromptStretch {
        var best: (found: Found, stream: StreamContents)?
        var longest = 0
        for path in try streams(of: task, in: folder) {
            let contents: StreamContents
            do throws(StreamError) { contents = try StreamContents(path: path) } catch {
                throw PolicyError("a stream that the prompt may be of cannot be read: \(error)")
            }
            guard counts(contents.metadata) else { continue }
            longest = max(longest, contents.episodes.filter(\.isFinished).map(\.rows.count).max() ?? 0)
            for found in stretches(contents.episodes) where best.map({ found.isNearer(than: $0.found) }) ?? true {
                best = (found, contents)
            }
        }
        guard let best else {
            throw PolicyError(
                "no learning history of task \(task) has whole episodes of together \(settings.transitions) transitions "
                    + "for a prompt" + (longest > 0 ? "; the longest episode there has \(longest)" : ""))
        }
        return try stretch(best.found, of: best.stream, in: folder)
    }

    private func streams(of task: Int, in folder: String) throws -> ArraySlice<String> {
        let path = "\(folder)/" + LifetimeIdentifier.historiesFolder(of: task)
        do throws(StreamError) { return try StreamFolder(path: path).files.prefix(Self.mostStreams) } catch {
            throw PolicyError(
                "there is no learning history of task \(task) to take a prompt from (collect.test_lifetimes): \(error)")
        }
    }

    private func counts(_ metadata: StreamMetadata) -> Bool {
        metadata.isComplete && !metadata.isOfEvaluation && metadata.environment == environment
    }

    private func stretch(_ found: Found, of contents: StreamContents, in folder: String) throws -> PromptStretch {
        let episodes = contents.episodes[found.episodes]
        let rows = (episodes.first?.rows.lowerBound ?? 0)..<(episodes.last?.rows.upperBound ?? 0)
        func part(_ column: RolloutColumn, _ space: Space) -> [UInt8] {
            Array(contents.rows[column][(rows.lowerBound * space.byteCount)..<(rows.upperBound * space.byteCount)])
        }
        let content = PromptRows(
            observations: part(.observations, environment.stored.space),
            actions: part(.actions, environment.actionSpace), rewards: Array(contents.rows.rewards[rows]))
        let bytes = content.observations.count + content.actions.count
        guard bytes <= PromptRows.mostBytes else {
            throw PolicyError(
                "a prompt of \(rows.count) transitions has \(bytes) bytes; at most \(PromptRows.mostBytes) travel")
        }
        return PromptStretch(
            stream: String(contents.path.dropFirst(folder.count + 1)), rows: rows, meanReturn: found.mean,
            share: found.mean / optimum,
            content: content)
    }

    /// One stretch, by what it is chosen by.
    private struct Found {
        /// Places in the stream's list.
        let episodes: Range<Int>
        /// Return of an episode.
        let mean: Double
        /// How far its mean, and that of its surroundings, are from the share that is asked for.
        let distance: Double
        let distanceAround: Double

        func isNearer(than other: Found) -> Bool {
            distance < other.distance || distance == other.distance && distanceAround < other.distanceAround
        }
    }

    /// In order: one for each episode from which on enough finished ones follow.
    private func stretches(_ episodes: [Episode]) -> [Found] {
        var sums = [0.0]
        for episode in episodes { sums.append(sums[sums.count - 1] + episode.rewardSum) }
        func mean(_ range: Range<Int>) -> Double {
            (sums[range.upperBound] - sums[range.lowerBound]) / Double(range.count)
        }
        func distance(_ mean: Double) -> Double { abs(mean / optimum - settings.quality) }
        return episodes.finishedRuns.flatMap { run -> [Found] in
            var end = run.lowerBound
            return run.compactMap { begin in
                let first = episodes[begin].rows.lowerBound
                end = max(end, begin)
                while end < run.upperBound, episodes[end].rows.upperBound - first <= settings.transitions { end += 1 }
                // One that the stream's end or a dead carrier cuts short shows less than was asked for.
                guard end > begin,
                    end < run.upperBound || episodes[end - 1].rows.upperBound - first == settings.transitions
                else { return nil }
                let around = max(run.lowerBound, 2 * begin - end)..<min(run.upperBound, 2 * end - begin)
                return Found(
                    episodes: begin..<end, mean: mean(begin..<end), distance: distance(mean(begin..<end)),
                    distanceAround: distance(mean(around)))
            }
        }
    }
}

extension [Episode] {
    /// Where finished episodes follow one another, as long as they do.
    fileprivate var finishedRuns: [Range<Int>] {
        var runs: [Range<Int>] = []
        for (place, episode) in enumerated() where episode.isFinished {
            if let last = runs.last, last.upperBound == place {
                runs[runs.count - 1] = last.lowerBound..<(place + 1)
            } else {
                runs.append(place..<(place + 1))
            }
        }
        return runs
    }
}
