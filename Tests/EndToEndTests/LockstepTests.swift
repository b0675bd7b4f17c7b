import Foundation
import Simulation
import Testing

extension EndToEnd {
    @Suite("Lockstep", .serialized) struct LockstepTests {
        @Test("the same experiment with 1 and with 5 actor processes gives the same datasets") func processCounts()
            throws
        {
            let scratch = try Scratch()
            var datasets: [[String: StreamData]] = []
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
                datasets.append(try readDataset(folder))
            }
            #expect(datasets[0].count == 3 * 7)
            #expect(datasets[0].keys == datasets[1].keys)
            for (path, dataset) in datasets[0] { #expect(datasets[1][path] == dataset, "\(path)") }
        }
    }
}
