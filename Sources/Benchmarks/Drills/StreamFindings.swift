import Foundation
import Histories
import Nodes
import Processes

/// What the files of a drill say.
package struct StreamFindings {
    let transitions: Int
    let numbers: [String: Double]

    /// What must be 0 after whatever has happened.
    package static let losses = ["streams_damaged", "streams_that_differ", "acknowledged_missing"]

    /// Looks at every stream, with a process on every processor.
    init(of cluster: ClusterUnderDrill) throws {
        let began = Date()
        let folder = try StreamFolder(path: cluster.run)
        let tally = try Self.tally(cluster, files: folder.files.count)
        let quarantined = folder.quarantined.map { "\($0): \(StreamVerification(quarantined: $0).problems.joined())" }
        cluster.monitor.say("verified and replayed all of \(folder.files.count) streams")
        for problem in tally.problems + quarantined { cluster.monitor.say(problem) }
        transitions = tally.transitions
        numbers = [
            "streams": Double(folder.files.count), "transitions": Double(tally.transitions),
            "streams_damaged": Double(tally.damaged + folder.quarantined.count),
            "streams_that_differ": Double(tally.differing),
            "acknowledged_missing": Double(Self.missing(try cluster.acknowledged(), in: cluster)),
            "gaps": Double(tally.gaps), "cut_episodes": Double(tally.cutEpisodes),
            "seconds_of_checking": Date().timeIntervalSince(began),
        ]
    }

    private static func tally(_ cluster: ClusterUnderDrill, files: Int) throws -> StreamTally {
        let parts = max(1, min(files, ProcessInfo.processInfo.activeProcessorCount))
        let output = { (part: Int) in cluster.folder + "/streams-\(part).json" }
        let children = try (0..<parts).map { part in
            try ChildProcess(
                executable: try ChildProcess.ownExecutable(),
                arguments: [
                    "bench", "streams", cluster.run, "--part", "\(part)", "--of", "\(parts)", "--out", output(part),
                ], log: cluster.folder + "/streams-\(part).log")
        }
        defer { for child in children { child.kill() } }
        while children.contains(where: { $0.exitStatus == nil }) {
            try cluster.monitor.mayGoOn()
            usleep(100_000)
            let done = children.reduce(0) { $0 + (Int($1.lastLines(1).first ?? "") ?? 0) }
            cluster.monitor.show("verified and replayed \(done) of \(files) streams")
        }
        return try zip(children, 0..<parts).map { child, part in
            guard child.exitStatus?.isSuccess == true else {
                throw ClusterError("the streams were not looked at: \(child.lastLines(8).joined(separator: "\n"))")
            }
            return try JSONDecoder().decode(
                StreamTally.self, from: Data(contentsOf: URL(fileURLWithPath: output(part))))
        }.reduce(StreamTally(), +)
    }

    /// Streams in which something is not there that was called durable: the file is shorter, or a later incarnation has
    /// written in its place.
    private static func missing(
        _ acknowledged: [String: [UInt64: UInt64]], in cluster: ClusterUnderDrill
    ) -> Int {
        var streams = 0
        for (path, incarnations) in acknowledged {
            let reader = try? StreamReader(path: cluster.run + "/" + path)
            defer { reader?.close() }
            let rollouts = reader?.rollouts ?? []
            // The mark that the next carrier of an ended stream brings is acknowledged, but is no row.
            let marks: UInt64 = reader?.metadata.isComplete == true ? 1 : 0
            let isWhole = incarnations.allSatisfy { incarnation, next in
                let last = min(next, UInt64(rollouts.count))
                return next <= UInt64(rollouts.count) + marks
                    && (last == 0 || rollouts[Int(last) - 1].incarnation <= incarnation)
            }
            guard !isWhole else { continue }
            streams += 1
            cluster.monitor.say(
                "\(path): of what was called durable, \(incarnations), not all is in its \(rollouts.count) rollouts")
        }
        return streams
    }
}
