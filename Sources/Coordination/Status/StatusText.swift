import Quantities
import Wire

/// A status for a person at a terminal, in lines of 100 columns: the run, who waits for whom, the nodes, what they
/// hold. `distillery status` prints it once or again and again; it takes everything from one `ClusterStatus`, and asks no
/// node.
package struct StatusText {
    /// No line is longer.
    package static let columns = 100
    /// Longer names are cut in the middle.
    private static let nodeColumns = 40
    /// Rows of nodes at most; `leaseRows` are those of leases with their parts, `waitRows` those of waits.
    private static let nodeRows = 24
    private static let leaseRows = 20
    private static let waitRows = 8
    private static let planRows = 24
    /// Lines of a reason at most; it goes on behind so many columns.
    private static let reasonLines = 4
    private static let reasonIndent = 12
    /// Waits of a moment are no trouble.
    private static let noticeableSeconds = 1.0
    /// Numbers that are bad unless they are 0, and how they are called.
    private static let troubles = [
        ("refused_connections", "connections refused"), ("refused_messages", "messages refused"),
        ("dropped_messages", "messages dropped"), ("cut_connections", "connections cut"),
        ("fenced_messages", "messages fenced"),
        ("out_of_order_rollouts", "rollouts out of order"), ("unwritten_checkpoints", "checkpoints written later"),
    ]

    /// The moment that is shown.
    private let status: ClusterStatus

    package init(_ status: ClusterStatus) { self.status = status }

    /// All lines, without line ends. Sections that are empty are left out with their headings.
    package var lines: [String] {
        (head + plan + waits + nodes + leases).map { $0.trimmedAtEnd.cropped(to: Self.columns) }
    }

    // MARK: - The run

    /// Name, phase, lifetimes and speed, then what the present phase has to say: the distiller's loss, the evaluation's
    /// jobs, a failure.
    private var head: [String] {
        let lifetimes = status.lifetimes
        var lines = [
            "\(status.run): \(status.phase.rawValue) for \(NumberText.roughDuration(status.secondsOfPhase)), "
                + "\(NumberText.roughDuration(status.seconds)) in all",
            "lifetimes:  \(lifetimes.finished) of \(lifetimes.total) finished, \(lifetimes.running) running, "
                + "\(lifetimes.queued) queued",
            "steps:      \(NumberText.roughCount(status.environmentSteps)), \(NumberText.roughCount(status.environmentStepsPerSecond)) a second",
        ]
        if let loss = status.distillation["loss"] {
            lines.append("distiller:  step \(status.distillationStep), loss \(NumberText.fixed(loss, decimals: 4))")
        } else if let read = status.distillation["streams_read"], let found = status.distillation["streams_found"] {
            lines.append(
                "distiller:  reading the streams, \(NumberText.roughCount(read)) of \(NumberText.roughCount(found))")
        }
        if status.jobs.total > 0 {
            lines.append(
                "evaluation: \(status.jobs.finished) of \(status.jobs.total) jobs, \(status.jobs.running) running")
        }
        return status.failure.isEmpty ? lines : lines + broken("FAILED:     \(status.failure)")
    }

    // MARK: - The plan

    /// Every item with its state and what it waits for; what is under way or waits comes before what is done where not all
    /// can be shown.
    private var plan: [String] {
        let items = status.plan ?? []
        guard items.count > 1 else { return [] }
        let open = items.filter { $0.state != .finished }
        let shown = items.count > Self.planRows ? open : items
        let done = items.count - shown.count
        return ["", "plan"] + limited(shown.map(line), Self.planRows)
            + (done > 0 ? ["   \(done) of \(items.count) items are finished"] : [])
    }

    private func line(_ item: ClusterStatus.PlanItem) -> String {
        let kind = item.kind == .histories ? "" : "\(item.kind.rawValue) "
        let name = (item.kind == .distillation && item.name.hasPrefix("the ") ? "" : kind) + item.name
        let unit =
            switch item.kind {
            case .histories: "lifetimes"
            case .distillation: "steps"
            case .evaluation: "jobs"
            }
        var words = "\(NumberText.count(item.done)) of \(NumberText.count(item.total)) \(unit)"
        if !item.waitsFor.isEmpty { words = "for " + item.waitsFor.joined(separator: ", ") }
        if !item.nodes.isEmpty { words += ", \(item.nodes.joined(separator: ", "))" }
        return
            "\(name.elided(to: Self.nodeColumns).padded(Self.nodeColumns)) \(item.state.rawValue.padded(9))  \(words)"
    }

    // MARK: - Troubles

    /// Everything that a person may have to do something about; empty in a healthy run. Each kind has its own limit of
    /// rows, so that a thousand complaints do not hide one damaged stream.
    private var waits: [String] {
        let waits = status.waits.filter { $0.seconds >= Self.noticeableSeconds }
        let complaints = status.nodes.filter { !$0.complaint.isEmpty }.map { "   \($0.name): \($0.complaint)" }
        let counts = ([("the coordinator", status.numbers)] + status.nodes.map { ($0.name, $0.numbers) })
            .compactMap { name, numbers in troubleText(numbers).map { "   \(name): \($0)" } }
        let quarantined = status.quarantined.map { "   \($0.stream) is quarantined: \($0.reason)" }
        let givenUp = (status.givenUp ?? []).map {
            "   \($0.node) was given up \(NumberText.roughDuration($0.seconds)) ago: \($0.reason)"
        }
        guard
            ![waits.isEmpty, givenUp.isEmpty, complaints.isEmpty, counts.isEmpty, quarantined.isEmpty]
                .allSatisfy({ $0 })
        else { return [] }
        var lines = ["", "waits and troubles"]
        lines += limited(waits.flatMap(self.lines), Self.waitRows * 2).flatMap(broken)
        lines += limited(givenUp, Self.waitRows).flatMap(broken)
        lines += limited(quarantined, Self.waitRows).flatMap(broken)
        lines += limited(complaints, Self.waitRows).flatMap(broken)
        return lines + limited(counts, Self.waitRows)
    }

    /// Who, for whom and since when; below it why.
    private func lines(_ wait: ClusterStatus.Wait) -> [String] {
        let what = wait.whom.isEmpty ? wait.why : wait.whom
        let first = "\(NumberText.roughDuration(wait.seconds).padded(8, right: true))  \(wait.who) waits for \(what)"
        return wait.whom.isEmpty ? [first] : [first, "          \(wait.why)"]
    }

    /// What a person has to read whole, such as why something failed: broken at spaces into lines of `columns`, all but the
    /// first indented.
    private func broken(_ text: String) -> [String] {
        var lines: [String] = []
        var rest = text
        while rest.count > Self.columns, lines.count + 1 < Self.reasonLines {
            let line = rest.prefix(Self.columns + 1)
            guard let space = line.lastIndex(of: " "), line[..<space].contains(where: { $0 != " " }) else { break }
            lines.append(String(line[..<space]))
            rest = String(repeating: " ", count: Self.reasonIndent) + rest[rest.index(after: space)...]
        }
        return lines + [rest]
    }

    /// Counters above 0 of those in `troubles`, in words; nil for none.
    private func troubleText(_ numbers: [String: Double]) -> String? {
        let texts = Self.troubles.compactMap { name, words in
            numbers[name].flatMap { $0 > 0 ? "\(Int($0)) \(words)" : nil }
        }
        return texts.isEmpty ? nil : texts.joined(separator: ", ")
    }

    // MARK: - Nodes

    /// The coordinator, then the other nodes by role and name: at most 24, with those that have waited longest.
    private var nodes: [String] {
        let roles = RoleName.allCases
        // Those that wait come first where not all are shown.
        let shown = status.nodes.sorted { $1.waitingMilliseconds < $0.waitingMilliseconds }.prefix(Self.nodeRows)
            .sorted {
                (roles.firstIndex(of: $0.role) ?? 0, $0.name) < (roles.firstIndex(of: $1.role) ?? 0, $1.name)
            }
        var lines = ["", row(["node", "up", "steps/s", "memory", "at work"])]
        lines.append(row(["coordinator", NumberText.roughDuration(status.seconds), "", memory(status.numbers), ""]))
        lines += shown.map { node in
            let rate = node.role == .supervisor ? "" : NumberText.roughCount(node.stepsPerSecond)
            return row([
                node.name, NumberText.roughDuration(node.ageSeconds), rate, memory(node.numbers), work(of: node),
            ])
        }
        if status.nodes.count > shown.count { lines.append(more(status.nodes.count - shown.count)) }
        return lines
    }

    /// No wider than the longest name needs.
    private var nameColumns: Int {
        min(Self.nodeColumns, status.nodes.reduce("coordinator".count) { max($0, $1.name.count) })
    }

    /// One line of the table of nodes: a name of any length, then right-aligned columns of 6, 8 and 9, then free text.
    private func row(_ cells: [String]) -> String {
        let widths = [6, 8, 9]
        let middle = zip(cells[1...3], widths).map { $0.padded($1, right: true) }
        let name = cells[0].elided(to: Self.nodeColumns).padded(nameColumns)
        return "\(name)\(middle.joined())  \(cells[4])"
    }

    private func memory(_ numbers: [String: Double]) -> String {
        numbers["resident_bytes"].map { NumberText.bytes(Int($0)) } ?? ""
    }

    /// What a node is at, in the words of its role, by the names of numbers that its heartbeats have.
    private func work(of node: ClusterStatus.Node) -> String {
        let numbers = node.numbers
        var words: [String] =
            switch node.role {
            case .actor: actorWork(node)
            case .learner: learnerWork(numbers)
            case .recorder: recorderWork(node)
            case .evaluator: ["\(Int(numbers["jobs"] ?? 0)) jobs done", "episode \(Int(numbers["episode"] ?? 0))"]
            case .distiller: distillerWork(numbers)
            case .coordinator, .supervisor: []
            }
        if let work = node.work { words.insert(workText(work), at: 0) }
        if node.isLeaving { words.insert("leaving", at: 0) }
        return words.joined(separator: ", ")
    }

    private func workText(_ work: ClusterStatus.Work) -> String {
        let share = work.total > 0 ? " \(work.done)/\(work.total)" : ""
        return "\(work.what)\(share) for \(NumberText.roughDuration(work.seconds))"
    }

    /// Actors of how many it can carry, unanswered rollouts of how many it may have, and how full its memory of
    /// unacknowledged rollouts is.
    private func actorWork(_ node: ClusterStatus.Node) -> [String] {
        let numbers = node.numbers
        let unacknowledged = numbers["unacknowledged_bytes"] ?? 0
        let limit = numbers["unacknowledged_limit_bytes"] ?? 0
        return [
            "\(Int(numbers["actors"] ?? 0))/\(node.capacity)",
            "window \(Int(numbers["unanswered_rollouts"] ?? 0))/\(Int(numbers["unanswered_limit"] ?? 0))",
            "unacked \(percent(unacknowledged, of: limit))",
        ]
    }

    /// Lifetimes, mean and maximum policy lag in updates, and the share of transitions that came too late to learn
    /// from.
    private func learnerWork(_ numbers: [String: Double]) -> [String] {
        let transitions = numbers["transitions"] ?? 0
        var words = [
            "\(Int(numbers["lifetimes"] ?? 0)) lifetimes",
            "lag \(NumberText.fixed(numbers["mean_policy_lag"] ?? 0, decimals: 1))/\(Int(numbers["maximum_policy_lag"] ?? 0))",
            "stale \(percent(numbers["transitions_stale"] ?? 0, of: transitions))",
        ]
        if let unwanted = numbers["transitions_unwanted"], unwanted > 0 {
            words.append("unwanted \(percent(unwanted, of: transitions))")
        }
        return words
    }

    /// Open streams, bytes that are not on the disk yet, and bytes that are free there; of several recorders also how many
    /// lifetimes each keeps that are not complete, and where.
    private func recorderWork(_ node: ClusterStatus.Node) -> [String] {
        let numbers = node.numbers
        var words = ["\(Int(numbers["open_streams"] ?? 0)) open"]
        if let bytes = numbers["unflushed_bytes"] { words.append("\(NumberText.bytes(Int(bytes))) due") }
        if let bytes = numbers["disk_free_bytes"] { words.append("\(NumberText.bytes(Int(bytes))) left") }
        if let folder = node.folder, status.nodes.count(where: { $0.role == .recorder }) > 1 {
            words.append("\(node.openLifetimes ?? 0) lifetimes in \(folder)")
        }
        return words
    }

    private func distillerWork(_ numbers: [String: Double]) -> [String] {
        guard let tokens = numbers["tokens_per_second"] else { return [] }
        return ["\(NumberText.roughCount(tokens)) tokens/s", "\(percent(numbers["progress"] ?? 0, of: 1)) done"]
    }

    // MARK: - Leases

    /// Lifetimes with their parts, then jobs of the evaluation; at most 20 rows of each.
    private var leases: [String] {
        let lifetimes = status.leases.flatMap(lines)
        let jobs = status.jobLeases.map { job in
            let name = "\(job.evaluation) task \(job.task)".elided(to: Self.nodeColumns).padded(Self.nodeColumns)
            return "\(name)\(NumberText.roughDuration(job.seconds).padded(8, right: true))   \(job.node)"
        }
        let header = leaseRow(
            ["lifetime", "for", "actors", "updates", "steps", "episodes", "lag", "max"], learner: "learner")
        var lines: [String] = []
        if !lifetimes.isEmpty { lines += ["", header] + limited(lifetimes, Self.leaseRows) }
        if !jobs.isEmpty { lines += ["", "evaluation"] + limited(jobs, Self.leaseRows) }
        return lines
    }

    private func lines(_ lease: ClusterStatus.Lease) -> [String] {
        let attempt = lease.attempt > 1 ? " #\(lease.attempt)" : ""
        let name = "task \(lease.task) lifetime \(lease.repetition)\(attempt)"
        let counts = [lease.updates, lease.transitions, lease.episodes].map { count in
            count.map { NumberText.roughCount(Double($0)) } ?? "-"
        }
        let lag = lease.meanPolicyLag.map { NumberText.fixed($0, decimals: 1) } ?? "-"
        let maximum = lease.maximumPolicyLag.map { String(Int($0)) } ?? "-"
        let cells = [name, NumberText.roughDuration(lease.seconds), String(lease.actors)] + counts + [lag, maximum]
        let first = leaseRow(cells, learner: (lease.isEnding ? "ending " : "") + lease.learner)
        return [first] + lease.parts.filter { !$0.isFinished }.map(line)
    }

    /// One line of the table of lifetimes, and its heading: a name of 24 columns, then seven right-aligned numbers,
    /// then the learner.
    private func leaseRow(_ cells: [String], learner: String) -> String {
        let widths = [8, 7, 8, 9, 9, 6, 5]
        let name = cells[0].elided(to: 24).padded(24)
        let numbers = zip(cells.dropFirst(), widths).map { $0.padded($1, right: true) }.joined()
        return "\(name)\(numbers)  \(learner.elided(to: 22))"
    }

    /// One line below its lifetime's: actors, process, phase, window, unacknowledged bytes, version of the policy.
    private func line(_ part: ClusterStatus.Part) -> String {
        let actors = NumberText.range(part.firstActor..<(part.firstActor + part.actors)).padded(11, right: true)
        guard !part.node.isEmpty else { return "\(actors)  waiting for an actor process" }
        let node = part.node.elided(to: Self.nodeColumns).padded(nameColumns)
        guard let phase = part.phase, let unanswered = part.unansweredRollouts, let limit = part.unansweredLimit else {
            return "\(actors)  \(node)"
        }
        return "\(actors)  \(node)  \(phase.padded(8))  window \(unanswered)/\(limit)  "
            + "\(NumberText.bytes(part.unacknowledgedBytes ?? 0)) unacked  v\(part.policyVersion ?? 0)"
    }

    // MARK: - Limits

    /// The first lines and, where there are more, a last one that says how many.
    private func limited(_ lines: [String], _ limit: Int) -> [String] {
        lines.count > limit ? lines.prefix(limit) + [more(lines.count - limit)] : lines
    }

    private func more(_ count: Int) -> String { "   ... and \(count) more lines; --json has everything" }
}

/// A whole number of percent; `<1 %` rather than 0 for what is there.
private func percent(_ part: Double, of whole: Double) -> String {
    guard part > 0, whole > 0 else { return "0 %" }
    return part / whole < 0.01 ? "<1 %" : NumberText.percent(part / whole, decimals: 0)
}

extension String {
    fileprivate func padded(_ width: Int, right: Bool = false) -> String {
        let space = String(repeating: " ", count: max(0, width - count))
        return right ? space + self : self + space
    }

    /// The beginning and the end of what is too long.
    fileprivate func elided(to width: Int) -> String {
        guard count > width else { return self }
        return prefix(width / 2 - 1) + ".." + suffix(width - width / 2 - 1)
    }

    fileprivate func cropped(to width: Int) -> String { count > width ? prefix(width - 2) + ".." : self }

    fileprivate var trimmedAtEnd: String { String(reversed().drop { $0 == " " }.reversed()) }
}
