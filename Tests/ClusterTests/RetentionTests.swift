import Coordination
import Foundation
import Simulation
import Testing
import Wire

@Suite("Checkpoints that a run keeps") struct RetentionTests {
    @Test(
        "are the newest ones that it is told to keep, at any time; all where it is told nothing",
        arguments: [nil, 1, 2])
    func kept(count: Int?) throws {
        let yaml = smallExperiment(lockstep: false, trainTasks: 8, episodes: 4)
        let training = "training: {steps: 80, batch_size: 2, checkpoint_every: 1"
        let cluster = try SimulatedCluster(
            yaml: yaml.replacingOccurrences(
                of: "training: {steps: 3, batch_size: 2, checkpoint_every: 2",
                with: training + (count.map { ", keep_checkpoints: \($0)" } ?? "")),
            seed: 1, goal: Coordinator.Goal(collects: true, distils: true, evaluates: true))
        let store = CheckpointStore(folder: URL(fileURLWithPath: cluster.folder + "/checkpoints/distiller"))
        // While one is on its way training goes on: not every step has one.
        var made: Set<String> = []
        cluster.onSend = { bytes, _ in
            guard case .checkpointPiece(let piece) = (try? Envelope(decoding: bytes))?.message else { return }
            made.insert(piece.checkpoint)
        }
        var most = 0
        try cluster.run(milliseconds: patienceMilliseconds) { _ in
            most = max(most, store.names.count)
            return false
        }
        #expect(cluster.isFinished && cluster.coordinator.failure.isEmpty, "\(cluster.coordinator.failure)")
        try #require(made.count > 3, "\(made)")
        #expect(store.names == made.sorted().suffix(count ?? made.count))
        #expect(most == count ?? made.count)
        #expect(!cluster.journal.returns.isEmpty, "the last one was there to be evaluated")
    }
}
