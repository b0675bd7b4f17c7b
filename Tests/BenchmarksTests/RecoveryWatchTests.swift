import Benchmarks
import Coordination
import Foundation
import Testing
import Wire

@Suite("A dead process's work") struct RecoveryWatchTests {
    private typealias Node = (name: String, role: RoleName, process: Int, numbers: [String: Double])

    /// A status with one lifetime, as `distillery status --json` prints it.
    private func status(
        seconds: Double = 100, _ nodes: [Node], learner: String = "", updates: Int? = nil,
        parts: [(node: String, phase: String?)] = []
    ) throws -> ClusterStatus {
        let document: [String: Any] = [
            "run": "r", "phase": "collecting", "seconds": seconds, "secondsOfPhase": 1,
            "lifetimes": ["queued": 0, "running": 1, "finished": 0, "total": 1], "environmentSteps": 0,
            "environmentStepsPerSecond": 0, "distillationStep": 0, "distillation": [String: Double](),
            "jobs": ["finished": 0, "running": 0, "total": 0], "quarantined": [String](),
            "nodes": nodes.map { node -> [String: Any] in
                [
                    "name": node.name, "role": node.role.rawValue, "host": "h", "process": node.process,
                    "endpoint": "", "capacity": 1, "ageSeconds": 1, "silentMilliseconds": 0, "waitingFor": "",
                    "waitingMilliseconds": 0, "isLeaving": false, "stepsPerSecond": 0, "complaint": "",
                    "numbers": node.numbers,
                ]
            },
            "leases": [
                [
                    "task": 1, "repetition": 0, "attempt": 1, "isEnding": false, "learner": learner, "actors": 2,
                    "seconds": 1, "updates": updates as Any? ?? NSNull(),
                    "parts": parts.map { part -> [String: Any] in
                        [
                            "firstActor": 0, "actors": 1, "node": part.node, "incarnation": 0, "isFinished": false,
                            "phase": part.phase as Any? ?? NSNull(),
                        ]
                    },
                ]
            ], "jobLeases": [String](), "waits": [String](), "failure": "", "numbers": [String: Double](),
        ]
        return try ClusterStatus(
            json: String(decoding: try JSONSerialization.data(withJSONObject: document), as: UTF8.self))
    }

    @Test("a learner's restored counters are no work; one more update is") func learner() throws {
        var watch = RecoveryWatch(role: .learner, processes: [7])
        let old: Node = ("old", .learner, 7, [:])
        let new: Node = ("new", .learner, 8, ["updates": 500])
        #expect(try !watch.isBackAtWork(status([old], learner: "old", updates: 501), seconds: 0.1))
        #expect(try !watch.isBackAtWork(status([old], learner: "old", updates: 502), seconds: 0.2))
        #expect(try !watch.isBackAtWork(status([new], learner: "new"), seconds: 0.3))
        #expect(try !watch.isBackAtWork(status([new], learner: "new", updates: 500), seconds: 1))
        #expect(try !watch.isBackAtWork(status([new], learner: "new", updates: 500), seconds: 2))
        #expect(try watch.isBackAtWork(status([new], learner: "new", updates: 501), seconds: 3))
    }

    @Test(
        "a recorder, an evaluator and an actor process have to have done something themselves",
        arguments: [
            (RoleName.recorder, ["flushes": 1.0, "transitions": 20.0], ["transitions": 20.0]),
            (.evaluator, ["evaluation_steps": 4], ["jobs": 0]), (.actor, ["environment_steps": 20], ["actors": 5]),
        ]) func counters(role: RoleName, work: [String: Double], idleness: [String: Double]) throws
    {
        var watch = RecoveryWatch(role: role, processes: [7])
        #expect(try !watch.isBackAtWork(status([("a", role, 7, work)]), seconds: 1), "the dead one's own")
        #expect(try !watch.isBackAtWork(status([("b", role, 8, idleness)]), seconds: 1))
        #expect(try watch.isBackAtWork(status([("b", role, 8, work)]), seconds: 1))
    }

    @Test("actors that others took up have to take steps there") func carriedByOthers() throws {
        var watch = RecoveryWatch(role: .actor, processes: [6, 7])
        let successor: Node = ("new", .actor, 8, [:])
        func look(_ steps: Double, _ parts: [(String, String?)]) throws -> Bool {
            watch.isBackAtWork(
                try status([successor, ("other", .actor, 6, ["environment_steps": steps])], parts: parts), seconds: 1)
        }
        #expect(try !look(100, [("other", "running"), ("", nil)]))
        #expect(try !look(200, [("other", "running"), ("other", "opening")]))
        #expect(try !look(300, [("other", "running"), ("other", "running")]))
        #expect(try !look(300, [("other", "running"), ("other", "running")]))
        #expect(try look(301, [("other", "running"), ("other", "running")]))
    }

    @Test("a coordinator has to be a new one that has leased and heard of it") func coordinator() throws {
        var watch = RecoveryWatch(role: .coordinator, processes: [7])
        let running: [(String, String?)] = [("a", "running")]
        #expect(try !watch.isBackAtWork(status(seconds: 50, [], learner: "l", updates: 5, parts: running), seconds: 1))
        #expect(try !watch.isBackAtWork(status(seconds: 0.5, [], learner: "l", parts: running), seconds: 1))
        #expect(
            try !watch.isBackAtWork(status(seconds: 0.5, [], learner: "l", updates: 5, parts: [("a", nil)]), seconds: 1)
        )
        #expect(try watch.isBackAtWork(status(seconds: 0.5, [], learner: "l", updates: 5, parts: running), seconds: 1))
    }
}
