import Coordination
import Foundation
import Testing

extension EndToEnd {
    @Suite("A run at work is one command's alone", .serialized) struct RunAtWorkTests {
        /// What another command must leave as it is.
        private func state(of folder: String) throws -> [String: Data] {
            let names = ["coordinator.endpoint", "provenance.json", "experiment.yaml"]
            return try Dictionary(
                uniqueKeysWithValues: names.map { ($0, try Data(contentsOf: URL(filePath: folder + "/" + $0))) })
        }

        private func logs(of folder: String) throws -> Set<String> {
            Set(try FileManager.default.contentsOfDirectory(atPath: folder + "/logs"))
        }

        @Test("launch --resume, run --resume and histories index are refused, and change nothing")
        func refused() throws {
            let scratch = try Scratch()
            let cluster = try LaunchedCluster(experiment(learners: 1, episodes: 60_000), in: scratch)
            try cluster.collect(more: 5000)
            let before = try state(of: cluster.folder)
            let logsBefore = try logs(of: cluster.folder)
            for words in [
                ["launch", scratch("run.yaml"), "--out", cluster.folder, "--resume"],
                ["run", scratch("run.yaml"), "--out", cluster.folder, "--resume"],
                ["histories", "index", cluster.folder],
            ] {
                let other = try run(words, in: scratch, expecting: 1)
                #expect(other.standardError.contains("another command"), "\(other.standardError)")
                #expect(other.standardError.contains(cluster.folder), "\(other.standardError)")
                #expect(other.standardOutput.isEmpty)
            }
            #expect(try state(of: cluster.folder) == before)
            #expect(try logs(of: cluster.folder) == logsBefore)
            let log = try String(contentsOfFile: cluster.folder + "/logs/coordinator-0.log", encoding: .utf8)
            #expect(!log.contains("another coordinator"), "\(log.suffix(1000))")
            try cluster.collect(more: 5000)
            cluster.finishSoon()
            // Nothing of the lock is left behind: what was at work can be taken up again.
            try run(["histories", "index", cluster.folder], in: scratch)
            try cluster.resume()
            try cluster.collect(more: 1000)
            cluster.finishSoon()
        }

        @Test("of two commands that begin the same run at the same time, one is refused and the other goes on")
        func race() throws {
            let scratch = try Scratch()
            let file = try scratch.write("race.yaml", experiment(learners: 1, episodes: 60_000))
            let folder = scratch("run")
            let both = try (0..<2).map { _ in try RunningCommand(["launch", file, "--out", folder], in: scratch) }
            #expect(eventually { both.contains { !$0.isRunning } }, "both are at work")
            let loser = try #require(both.first { !$0.isRunning })
            let winner = try #require(both.first { $0 !== loser })
            #expect(loser.wait() == 1)
            #expect(loser.standardError.contains(folder), "\(loser.standardError)")
            let isCollecting = try eventually {
                try !winner.isRunning || status(of: folder, in: scratch)?.environmentSteps ?? 0 > 2000
            }
            #expect(isCollecting && winner.isRunning, "\(winner.standardError.suffix(2000))")
            winner.interrupt()
            #expect(winner.wait() == 130)
        }

        @Test("a coordinator that was started by hand keeps its run, too")
        func coordinator() throws {
            let scratch = try Scratch()
            let file = try scratch.write("small.yaml", experiment(learners: 1, episodes: 60_000))
            let folder = scratch("run")
            let first = try RunningCommand(["launch", file, "--out", folder], in: scratch)
            #expect(try eventually { try status(of: folder, in: scratch) != nil })
            first.interrupt()
            #expect(first.wait() == 130)
            let byHand = try RunningCommand(["coordinator", folder, "--goal", "collect"], in: scratch)
            #expect(try eventually { try status(of: folder, in: scratch) != nil }, "\(byHand.standardError)")
            let before = try state(of: folder)
            let refused = try run(["launch", file, "--out", folder, "--resume"], in: scratch, expecting: 1)
            #expect(refused.standardError.contains("another coordinator"), "\(refused.standardError)")
            #expect(try state(of: folder) == before)
            byHand.interrupt()
            #expect(byHand.wait() == 130)
        }

        @Test("a folder that cannot be made is named with the system's reason", arguments: ["file/run", "long"])
        func impossibleFolder(name: String) throws {
            let scratch = try Scratch()
            let file = try scratch.write("small.yaml", experiment())
            _ = try scratch.write("file", "")
            let folder = scratch(name == "long" ? String(repeating: "n", count: 300) : name)
            let said = try run(["launch", file, "--out", folder], in: scratch, expecting: 1).standardError
            #expect(said.contains("cannot make the folder \(scratch.path)"), "\(said)")
            #expect(!said.contains("NSCocoa"), "\(said)")
        }

        @Test("a folder that holds something else is not taken for a run by --resume")
        func foreignFolder() throws {
            let scratch = try Scratch()
            let file = try scratch.write("small.yaml", experiment())
            try FileManager.default.createDirectory(atPath: scratch("thesis"), withIntermediateDirectories: true)
            _ = try scratch.write("thesis/chapter.tex", "")
            let refused = try run(["run", file, "--out", scratch("thesis"), "--resume"], in: scratch, expecting: 1)
            #expect(refused.standardError.contains("is not a run"), "\(refused.standardError)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: scratch("thesis")) == ["chapter.tex"])
        }
    }
}
