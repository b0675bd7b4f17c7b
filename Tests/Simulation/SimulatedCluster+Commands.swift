import Catalog
package import Coordination
import Distillation
import Environments
import Experience
import Experiments
import Foundation
import Histories
import Reporting
import TestSupport
import Transport
import Wire

/// What people do to a run from outside.
extension SimulatedCluster {
    package var phase: RunPhase { coordinator.phase }

    /// As when the supervisor gets SIGKILL: the kernel ends its children with it. `run --resume` takes the run up again
    /// a little later.
    package func killEverything() {
        for name in nodes.keys.sorted() { kill(name) }
        network.forget(SimulatedSupervisor.name)
        kill(Self.coordinatorName)
        witness.noteDeathOfAll()
        mayStartAt = [:]
        isDiskFull = false
        fullFolder = nil
        journal.forgetScale()
        if supervisor != nil { addSupervisor() }
    }

    /// `distillery stop`: the run ends in good order, and is resumed. False where nobody heard it.
    package func stopAndResume(withinMilliseconds: UInt64) throws -> Bool {
        guard stop() else { return false }
        try run(milliseconds: withinMilliseconds)
        killEverything()
        return true
    }

    /// Everything has died, and `distillery histories index` remakes the catalogue from the files before the run is
    /// resumed. `catalogueIsLost`: the old one was moved aside first, and what only it knew is gone.
    package func killAndIndex(catalogueIsLost: Bool) throws {
        killEverything()
        for home in RecorderLinks(run: folder).folders() { try GrowingFolder.bringAllHome(to: home) }
        // The command finds nothing to make a catalogue of, and says so.
        guard let found = try? StreamFolder(path: folder), !found.files.isEmpty else { return }
        let url = URL(fileURLWithPath: folder)
        let files = ["experiment.yaml", "catalog.sqlite"].map { url.appendingPathComponent($0) }
        defer { for file in files { try? FileManager.default.removeItem(at: file) } }
        try Data(context.experiment.yaml.utf8).write(to: files[0])
        try RunIndex(folder: url).write(into: url)
        let ledger = try Ledger(path: files[1].path, mode: .resume)
        let progress = try LedgerJournal(ledger: ledger, context: context, folder: url).progress()
        journal.takeUp(
            progress, streams: try ledger.streams(), returns: try ledger.evaluationReturns(),
            keepsNumbers: !catalogueIsLost)
        try ledger.close()
        if catalogueIsLost {
            witness.forgetLeases()
            witness.forgetReports()
        }
    }

    /// The power fails: with everything that runs the latest commits of the catalogue are gone that were not yet durable.
    package func losePower(turns: Int) {
        killEverything()
        journal.losePower(turns: turns)
    }

    /// Whether the checkpoint that ends a distillation is whole on the disk, for every one of the run.
    package var hasLastCheckpoints: Bool {
        ((try? context.experiment.distillations()) ?? []).allSatisfy {
            FileManager.default.fileExists(atPath: "\(folder)/checkpoints/distiller/\($0.lastCheckpoint)")
        }
    }

    /// What a node is told, as a processor of its kind takes it: another kind rounds otherwise, and one that acts by
    /// other random numbers does what such a processor does, only sooner.
    func asHeard(_ bytes: [UInt8], by node: String) -> [UInt8] {
        guard let process = processes[node], elsewhere.contains(process), bodyNumber(of: bytes) == 11,
            var envelope = try? Envelope(decoding: bytes), case .welcome(var welcome) = envelope.message
        else { return bytes }
        welcome.experiment = welcome.experiment.replacingOccurrences(of: "\nseed: 1\n", with: "\nseed: 2\n")
        envelope.message = .welcome(welcome)
        return envelope.encoded()
    }
}
