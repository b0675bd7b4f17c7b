import Foundation
import Histories
import Testing

extension EndToEnd {
    @Suite("Lockstep", .serialized) struct LockstepTests {
        @Test("the same experiment with 1 and with 5 actor processes gives the same datasets") func processCounts()
            throws
        {
            let scratch = try Scratch()
            var datasets: [[String: Dataset]] = []
            for processes in [1, 5] {
                // Rollouts that do not end with episodes, and processes that carry different numbers of actors.
                let text = experiment(
                    synchronization: "lockstep", actors: 7, processes: processes, learners: 1, trainTasks: 2,
                    testTasks: 1,
                    episodes: 40, rolloutLength: 7)
                let path = try scratch.write("lockstep-\(processes).yaml", text)
                let folder = scratch("run-\(processes)")
                try run(["launch", path, "--out", folder], in: scratch)
                try checkStreams(folder, scratch)
                datasets.append(try read(folder))
            }
            #expect(datasets[0].count == 3 * 7)
            #expect(datasets[0].keys == datasets[1].keys)
            for (path, dataset) in datasets[0] { #expect(datasets[1][path] == dataset, "\(path)") }
        }

        private struct Dataset: Equatable {
            let rows: StreamRows
            let rollouts: [RolloutRecord]
        }

        /// Everything but incarnations and the wall clock.
        private func read(_ folder: String) throws -> [String: Dataset] {
            var datasets: [String: Dataset] = [:]
            for file in try StreamFolder(path: folder).files {
                let contents = try StreamContents(path: file)
                let rollouts = contents.rollouts.map { record in
                    var record = record
                    record.incarnation = 0
                    record.wallClock = 0
                    return record
                }
                datasets[String(file.dropFirst(folder.count))] = Dataset(rows: contents.rows, rollouts: rollouts)
            }
            return datasets
        }
    }
}
