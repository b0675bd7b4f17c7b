import Catalog
import Coordination
import Environments
import Experience
import Experiments
import Foundation
import Histories
import Logging
import Nodes
import Wire

/// The real coordinator, as it runs in a cluster, among stub nodes on simulated time.
struct StubSimulation {
    /// The simulated time between two turns of the coordinator.
    private static let tickNanoseconds: UInt64 = 50_000_000

    let coordinator: Coordinator
    let cluster: StubCluster
    private(set) var now: UInt64 = 1_000_000_000
    private var outbox = Outbox()

    /// `withCatalogue`: whether the coordinator writes into a catalogue in `folder`, as in a run, or nowhere.
    init(_ plan: StubPlan, _ experiment: Experiment, folder: String, withCatalogue: Bool) throws {
        let context = try ExperimentContext(experiment: experiment, folder: folder)
        let url = URL(fileURLWithPath: folder)
        let journal: any RunJournal =
            try withCatalogue
            ? LedgerJournal(
                ledger: Ledger(path: folder + "/catalog.sqlite", mode: .create), context: context, folder: url)
            : NoJournal()
        coordinator = try Coordinator(
            context: context, run: "bench", folder: folder,
            goal: Coordinator.Goal(collects: true, distils: false, evaluates: false), journal: journal,
            checkpoints: CheckpointStore(folder: url.appendingPathComponent("checkpoints")),
            logger: Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() }, now: now)
        cluster = StubCluster(plan, experiment: experiment, now: now)
    }

    /// The coordinator's processor time, in seconds, and the messages that it took. Throws what the coordinator throws.
    mutating func run(seconds: Int) throws -> (cost: Double, messages: Int) {
        var cost = 0.0
        var messages = 0
        for _ in 0..<(seconds * Int(1_000_000_000 / Self.tickNanoseconds)) {
            now += Self.tickNanoseconds
            let arriving = cluster.speak(now: now)
            messages += arriving.count
            let began = processSeconds()
            for (name, bytes) in arriving {
                try bytes.withUnsafeBytes {
                    try coordinator.receive($0, from: .peer(name), now: now, outbox: &outbox)
                }
            }
            try coordinator.tick(now: now, outbox: &outbox)
            try coordinator.commit(&outbox, now: now)
            cost += processSeconds() - began
            for item in outbox.items {
                for case .peer(let name) in item.addresses {
                    cluster.hear(try Envelope(decoding: item.bytes), name: name, at: now)
                }
            }
            outbox.removeAll()
        }
        return (cost, messages)
    }
}

/// Processor time of all threads of this process, in seconds (CLOCK_PROCESS_CPUTIME_ID): time in which other processes
/// had the processor is not in it.
private func processSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}

/// Writes nothing down.
private final class NoJournal: RunJournal {
    func lifetimeQueued(_ lifetime: LifetimeIdentifier, task: Task, actors: Int) throws {}
    func lifetimeStarted(_ lifetime: LifetimeIdentifier, attempt: UInt64, learner: String, actors: Int) throws {}
    func lifetimeEnded(_ lifetime: LifetimeIdentifier, numbers: [String: Double]) throws {}
    func streamSealed(_ stream: StreamIdentifier, rows: UInt64, rollouts: UInt64) throws {}
    func streamQuarantined(_ stream: StreamIdentifier, reason: String) throws {}
    func streamsPinned(_ lifetime: LifetimeIdentifier, to recorder: String) throws {}
    func recorderPlaced(_ recorder: String, at place: RecorderLinks.Place) throws {}
    func scaled(_ scale: Scale) throws {}
    func nodeJoined(_ hello: Hello) throws {}
    func nodeLeft(_ name: String, reason: String) throws {}
    func phaseBegan(_ phase: RunPhase) throws {}
    func metrics(_ source: String, _ metrics: Metrics) throws {}
    func checkpointStored(_ name: String, numbers: [String: Double]) throws {}
    func distillationFinished(_ checkpoint: String) throws {}
    func evaluated(_ job: EvaluationJob, split: Split, returns: [Float]) throws {}
    func commit() throws {}
}
