import Coordination
import Nodes
import Testing
import Wire

@Suite("A status as text") struct StatusTextTests {
    /// As `status --json` prints it.
    private static let document = """
        {"run": "quickstart", "phase": "collecting", "seconds": 75.2, "secondsOfPhase": 74.9,
         "lifetimes": {"queued": 5, "running": 2, "finished": 3, "total": 10},
         "environmentSteps": 1234567, "environmentStepsPerSecond": 45612.3, "distillationStep": 0, "distillation": {},
         "jobs": {"finished": 0, "running": 0, "total": 0}, "failure": "", "jobLeases": [],
         "quarantined": [{"stream": "histories/task-00001/lifetime-000/actor-0003.h5", "reason": "it was cut off"}],
         "numbers": {"refused_messages": 0, "refused_connections": 2, "resident_bytes": 45088768},
         "waits": [
          {"who": "actor-vm-4711-99", "whom": "learner-vm-123-7", "seconds": 12.3,
           "why": "2 of 2 rollouts of actors 0-24 of task 1 lifetime 0 unanswered"},
          {"who": "the run", "whom": "", "seconds": 3.1, "why": "a learner for 2 lifetimes; there is none"},
          {"who": "actor-vm-4712-99", "whom": "x", "seconds": 0.2, "why": "too short to tell"}],
         "nodes": [
          {"name": "actor-a-host-with-a-very-long-name.example.org-4711-4294967295", "role": "actor", "host": "h",
           "process": 1, "endpoint": "", "capacity": 25, "ageSeconds": 74, "silentMilliseconds": 40,
           "waitingFor": "learner-vm-123-7: 2 of 2", "waitingMilliseconds": 12300, "isLeaving": false,
           "stepsPerSecond": 0, "complaint": "",
           "numbers": {"actors": 25, "unacknowledged_bytes": 8053064, "unacknowledged_limit_bytes": 67108864,
                       "unanswered_rollouts": 2, "unanswered_limit": 4, "dropped_messages": 3,
                       "resident_bytes": 30408704}},
          {"name": "learner-vm-123-7", "role": "learner", "host": "h", "process": 2, "endpoint": "tcp://127.0.0.1:5",
           "capacity": 4, "ageSeconds": 74, "silentMilliseconds": 40, "waitingFor": "", "waitingMilliseconds": 0,
           "isLeaving": true, "stepsPerSecond": 45612, "complaint": "",
           "numbers": {"lifetimes": 2, "mean_policy_lag": 0.84, "maximum_policy_lag": 3, "transitions": 1000000,
                       "transitions_stale": 12000}},
          {"name": "recorder-vm-5", "role": "recorder", "host": "h", "process": 3, "endpoint": "tcp://127.0.0.1:6",
           "capacity": 0, "ageSeconds": 7400, "silentMilliseconds": 40, "waitingFor": "", "waitingMilliseconds": 0,
           "isLeaving": false, "stepsPerSecond": 45612, "complaint": "out of order",
           "numbers": {"open_streams": 100, "unflushed_bytes": 12897484, "disk_free_bytes": 39728447488}}],
         "leases": [
          {"task": 1, "repetition": 0, "attempt": 2, "isEnding": false, "learner": "learner-vm-123-7", "actors": 35,
           "seconds": 61, "updates": 1234, "transitions": 1200000, "episodes": 4321, "meanPolicyLag": 0.84,
           "maximumPolicyLag": 3,
           "parts": [
            {"firstActor": 0, "actors": 25, "node": "actor-vm-4711-99", "incarnation": 1, "isFinished": false,
             "phase": "running", "unansweredRollouts": 2, "unansweredLimit": 2, "unacknowledgedBytes": 12288,
             "policyVersion": 1230},
            {"firstActor": 25, "actors": 10, "node": "", "incarnation": 2, "isFinished": false},
            {"firstActor": 35, "actors": 1, "node": "actor-vm-4711-99", "incarnation": 3, "isFinished": true}]},
          {"task": 2, "repetition": 0, "attempt": 1, "isEnding": true, "learner": "", "actors": 0, "seconds": 300,
           "parts": []}]}
        """

    @Test("has the waits first, then the nodes, then the leases, in aligned columns") func golden() throws {
        let lines = StatusText(try ClusterStatus(json: Self.document)).lines
        #expect(lines == Self.expected.split(separator: "\n", omittingEmptySubsequences: false).map(String.init))
    }

    @Test("is never wider than 100 columns and never longer than a page or two, however large the cluster")
    func bounds() throws {
        var status = try ClusterStatus(json: Self.document)
        status.nodes = (0..<1000).map { index in
            var node = status.nodes[index % 3]
            node.name += "-\(index)"
            node.complaint = String(repeating: "long ", count: 100)
            return node
        }
        status.leases = (0..<500).map { _ in status.leases[0] }
        status.waits = (0..<1000).map { _ in status.waits[0] }
        let lines = StatusText(status).lines
        #expect(lines.allSatisfy { $0.count <= 100 })
        #expect(lines.count < 130)
        #expect(lines.contains { $0.contains("more") })
    }

    @Test("has the whole of a reason, over several lines") func reasons() throws {
        var status = try ClusterStatus(json: Self.document)
        let reason =
            "an environment for actors 0-24 of task 1 lifetime 0, which has failed 3 times (the run ends with "
            + "number 9): environment of corridor:Corridor has failed: ValueError: the goal is behind the wall (corridor.py:31)"
        status.waits[1].why = reason
        status.failure = reason
        let lines = StatusText(status).lines
        #expect(lines.allSatisfy { $0.count <= 100 })
        let words = lines.joined(separator: " ").split(separator: " ").joined(separator: " ")
        #expect(words.contains("the run waits for " + reason) && words.contains("FAILED: " + reason), "\(words)")
    }

    private static let expected = """
        quickstart: collecting for 74 s, 75 s in all
        lifetimes:  3 of 10 finished, 2 running, 5 queued
        steps:      1.2 M, 45.6 k a second

        waits and troubles
            12 s  actor-vm-4711-99 waits for learner-vm-123-7
                  2 of 2 rollouts of actors 0-24 of task 1 lifetime 0 unanswered
             3 s  the run waits for a learner for 2 lifetimes; there is none
           histories/task-00001/lifetime-000/actor-0003.h5 is quarantined: it was cut off
           recorder-vm-5: out of order
           the coordinator: 2 connections refused
           actor-a-host-with-a-very-long-name.example.org-4711-4294967295: 3 messages dropped

        node                                        up steps/s   memory  at work
        coordinator                               75 s           43 MiB
        actor-a-host-with-a..org-4711-4294967295  74 s       0   29 MiB  25/25, window 2/4, unacked 12 %
        learner-vm-123-7                          74 s  45.6 k           leaving, 2 lifetimes, lag 0.8/3, ..
        recorder-vm-5                            2.1 h  45.6 k           100 open, 12.3 MiB due, 37 GiB left

        lifetime                     for actors updates    steps episodes   lag  max  learner
        task 1 lifetime 0 #2        61 s     35   1.2 k    1.2 M    4.3 k   0.8    3  learner-vm-123-7
               0-24  actor-vm-4711-99                          running   window 2/2  12 KiB unacked  v1230
              25-34  waiting for an actor process
        task 2 lifetime 0          5 min      0       -        -        -     -    -  ending
        """
}
