import Agents
import Coordination
import Environments
import Experience
import Experiments
import Foundation
import Settings
import Simulation
import Testing
import Toys
import Wire

/// Actors end at different times here: an episode lasts until the door is reached.
private func experiment(
    _ schedule: Schedule, lockstep: Bool, processes: Int = 2, episodes: Int = 40, waiting: Int = 4
) -> String {
    """
    name: schedule
    environment: {name: corridor, length: 6, horizon: 9}
    tasks: {test: 1, train: 1}
    source: {algorithm: scheduled-q, schedule: \(schedule.rawValue), waiting_rollouts: \(waiting)}
    collect:
      actors: 3
      test_lifetimes: 0
      synchronization: \(lockstep ? "lockstep" : "asynchronous")
      maximum_policy_lag: 1000
      end: {episodes_per_actor: \(episodes)}
    cluster: {learners: 1, actor_processes: \(processes), learner_checkpoint_seconds: 1}
    distil: {model: {context_length: 8}}
    evaluate: {train_tasks: 1}
    """
}

private func register() {
    RegisteredEnvironment.registry.add(RegisteredEnvironment(CorridorTasks.self))
    RegisteredSourceAlgorithm.registry.add(RegisteredSourceAlgorithm(ScheduledQ.self))
}

/// A run and what its learner has said of it.
private final class Collected {
    let cluster: SimulatedCluster
    private(set) var numbers: [String: Double] = [:]
    private(set) var complaints: Set<String> = []
    /// Versions under which actors were answered, in order.
    private(set) var versions: [UInt64] = []

    init(_ yaml: String, seed: UInt64 = 1) throws {
        cluster = try SimulatedCluster(yaml: yaml, seed: seed)
        cluster.onSend = { [unowned self] bytes, sender in
            guard sender.hasPrefix("learner"), let envelope = try? Envelope(decoding: bytes) else { return }
            switch envelope.message {
            case .lifetimeFinished(let finished): numbers = finished.numbers
            case .failure(let reason): complaints.insert(reason)
            case .rolloutAnswer(let answer): versions.append(answer.version)
            default: break
            }
        }
    }

    func number(_ name: String) -> Double { numbers[name] ?? -1 }
    func forgetVersions() { versions = [] }

    /// To its end.
    func finish() throws -> [String: StreamData] {
        try cluster.run(milliseconds: 600_000)
        let violations = try cluster.violations()
        try #require(violations.isEmpty && cluster.isFinished, "\(violations.prefix(3))")
        return try cluster.dataset()
    }
}

@Suite("A learner decides when it has enough to learn from")
struct ScheduleTests {
    @Test("whatever it decides, a lifetime comes to its end, and what came was learnt from or given up")
    func everySchedule() async {
        await #expect(processExitsWith: .success) {
            register()
            for schedule in Schedule.allCases {
                for lockstep in [true, false] {
                    let run = try Collected(experiment(schedule, lockstep: lockstep))
                    let streams = try run.finish()
                    let place = "\(schedule), lockstep \(lockstep): \(run.numbers)"
                    #expect(streams.count == 3, "\(place)")
                    #expect(run.number("episodes") == 3 * 40, "\(place)")
                    let rollouts = streams.values.reduce(0) { $0 + $1.rolloutCount }
                    switch schedule {
                    case .each:
                        #expect(run.number("updates") == Double(rollouts), "\(place)")
                        #expect(run.number("transitions_unwanted") == 0, "\(place)")
                    case .seven:
                        #expect(run.number("updates") == Double(rollouts / 7), "\(place)")
                        #expect(run.number("transitions_unwanted") < 7 * 4, "\(place)")
                    case .fifty:
                        #expect(run.number("updates") <= run.number("transitions") / 50 + 1, "\(place)")
                        #expect(run.number("updates") > run.number("transitions") / 54 - 1, "\(place)")
                        #expect(run.number("transitions_unwanted") == 0, "\(place)")
                    case .nothing:
                        #expect(run.number("updates") == 0, "\(place)")
                        #expect(run.number("transitions_unwanted") == run.number("transitions"), "\(place)")
                    }
                    #expect(run.complaints.count == (schedule == .nothing ? 1 : 0), "\(place), \(run.complaints)")
                }
            }
        }
    }

    @Test("in lockstep the streams do not depend on the number of processes, whatever the schedule") func processes()
        async
    {
        await #expect(processExitsWith: .success) {
            register()
            for schedule in Schedule.allCases {
                let datasets = try [1, 3].map {
                    try Collected(experiment(schedule, lockstep: true, processes: $0)).finish()
                }
                #expect(datasets[0] == datasets[1], "\(schedule)")
            }
        }
    }

    @Test("a learner that takes the place of one that was killed has what waited, and the streams come out the same")
    func restored() async {
        await #expect(processExitsWith: .success) {
            register()
            for schedule in [Schedule.seven, .fifty] {
                let yaml = experiment(schedule, lockstep: true, episodes: 1500)
                let undisturbed = try Collected(yaml).finish()
                let run = try Collected(yaml)
                let state = run.cluster.folder + "/checkpoints/learner"
                for kills in 1...3 {
                    let before = run.versions.last ?? 0
                    try run.cluster.run(milliseconds: 2500 + UInt64(kills) * 110) { _ in run.cluster.isFinished }
                    try #require((run.versions.last ?? 0) > before && FileManager.default.fileExists(atPath: state))
                    run.forgetVersions()
                    run.cluster.kill(try #require(run.cluster.names(.learner).first))
                    try run.cluster.run(milliseconds: 60_000) { _ in !run.versions.isEmpty }
                    #expect(try #require(run.versions.first) > 0, "it went on from the state")
                }
                #expect(try run.finish() == undisturbed, "\(schedule)")
            }
        }
    }
}
