import ArgumentParser
import Coordination
import Distillation
import Distilling
import Environments
import Experiments
import Foundation
import Nodes

/// Which training of an experiment a command is about, and where its checkpoints are.
struct DistillationPlace: ParsableArguments {
    @Option(help: "Folder for the checkpoints.") var out: String
    @Option(help: "Which of the experiment's distillations, where it has variants or several seeds: such as ed-seed-1.")
    var distillation: String?
    @Flag(help: "Go on from the latest checkpoint in the folder.") var resume = false

    var folder: URL { URL(fileURLWithPath: out) }
    var store: CheckpointStore { CheckpointStore(folder: folder) }

    /// Held by who writes checkpoints there.
    func lock() throws -> DirectoryLock {
        try DirectoryLock(path: folder.path + "/.distill.lock", holder: "distill command")
    }

    /// The experiment with the distillation that is asked for as its only one.
    func chosen(of experiment: Experiment) throws -> Experiment {
        let planned = try experiment.distillations()
        let names = planned.map(\.name).joined(separator: ", ")
        guard let distillation else {
            guard planned.count == 1 else {
                throw ClusterError(
                    "the experiment has \(planned.count) distillations; --distillation names one: \(names)")
            }
            return experiment.distilling(planned[0])
        }
        guard let found = planned.first(where: { $0.name == distillation }) else {
            throw ClusterError("the experiment has no distillation \(distillation); expected one of \(names)")
        }
        return experiment.distilling(found)
    }

    /// Where training begins. Damaged checkpoints are set aside, and are named. Throws `ClusterError` where there are
    /// checkpoints and none was to be gone on from, or one of them cannot be with these settings.
    func beginning(_ experiment: Experiment, _ settings: DistilSettings, _ distribution: any TaskDistribution) throws
        -> TrainingBeginning
    {
        let store = store
        if let latest = store.latest, !resume {
            throw ClusterError(
                "\(out) has checkpoints (\(latest)): go on from them by --resume, or choose another --out")
        }
        let newest = try store.newest(for: settings.training) { name, problem in
            printError("\(out)/\(name) is damaged and was set aside: \(problem)")
        }
        for name in store.strangers { printError("\(out)/\(name) is no checkpoint, and is left alone") }
        guard let newest else { return TrainingBeginning(resumeFrom: nil, isEnd: false) }
        let resumeFrom = folder.appendingPathComponent(newest.name)
        if newest.isEnd { _ = try DistillationRun.changes(experiment, settings, distribution, since: resumeFrom) }
        return TrainingBeginning(resumeFrom: resumeFrom, isEnd: newest.isEnd)
    }
}

/// Where a training begins.
struct TrainingBeginning {
    /// The checkpoint that it goes on from; nil for a new model.
    let resumeFrom: URL?
    /// There is nothing to do after it.
    let isEnd: Bool

    /// `isEnd`; where `saying`, people are told so.
    func isFinished(saying: Bool) -> Bool {
        guard isEnd, let resumeFrom, saying else { return isEnd }
        printError("training is finished already")
        print(resumeFrom.path)
        return true
    }
}
