import Coordination
import Foundation
import Monitoring
import Nodes
import Testing

@Suite("Metrics")
struct MetricTests {
    @Test("are written in Prometheus' text format, with what stands for itself written otherwise") func text() {
        var nodes = Metric("distillery_nodes", .gauge, "Nodes \\ that\nhave joined.")
        nodes.add(3, .init("role", "actor"), .init("host", "a \"b\" \\ c\nd"))
        nodes.add(0.25, .init("role", "learner"))
        let steps = Metric("distillery_steps_total", .counter, "Steps.", 12_345_678_901)
        let none = Metric("distillery_loss_nats", .gauge, "Loss.", nil)
        #expect(
            Metric.text([nodes, none, steps]) == """
                # HELP distillery_nodes Nodes \\\\ that\\nhave joined.
                # TYPE distillery_nodes gauge
                distillery_nodes{role="actor",host="a \\"b\\" \\\\ c\\nd"} 3
                distillery_nodes{role="learner"} 0.25
                # HELP distillery_steps_total Steps.
                # TYPE distillery_steps_total counter
                distillery_steps_total 12345678901

                """)
    }

    @Test("of numbers that are none are written as Prometheus writes them") func notFinite() {
        func line(_ value: Double) -> String? {
            Metric.text([Metric("x", .gauge, "X.", value)]).split(separator: "\n").last.map(String.init)
        }
        #expect(line(.nan) == "x NaN")
        #expect(line(.infinity) == "x +Inf")
        #expect(line(-.infinity) == "x -Inf")
        #expect(line(1e300) == "x 1e+300")
    }

    @Test("of a coordinator are of a fixed number, whatever the number of nodes") func coordinator() throws {
        func lines(nodes: Int) throws -> Int {
            Metric.text(try status(nodes: nodes).metrics).split(separator: "\n").count
        }
        #expect(try lines(nodes: 1) == lines(nodes: 500))
        let text = Metric.text(try status(nodes: 500).metrics)
        #expect(text.contains("distillery_nodes{role=\"actor\"} 500\n"))
        #expect(text.contains("distillery_nodes_resident_memory_bytes{role=\"actor\"} 1000\n"))
        #expect(text.contains("distillery_run_info{run=\"r\",phase=\"collecting\""))
    }

    @Test("on the dashboard are some that there are") func dashboard() throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "deploy/grafana/distillery.json")
        let text = try String(contentsOf: file, encoding: .utf8)
        #expect(try JSONSerialization.jsonObject(with: Data(text.utf8)) is [String: Any])
        let named = Set(text.matches(of: /distillery_[a-z_]+/).map { String($0.output) })
        #expect(named.count > 20)
        let known = NodeMetrics.names.union(try status(nodes: 1).metrics.map(\.name))
        #expect(named.subtracting(known) == [])
    }

    private func status(nodes: Int) throws -> ClusterStatus {
        let node = """
            {"name": "a", "role": "actor", "host": "h", "process": 1, "endpoint": "", "capacity": 1, "ageSeconds": 1,
             "silentMilliseconds": 500, "waitingFor": "", "waitingMilliseconds": 0, "isLeaving": false,
             "stepsPerSecond": 1, "complaint": "", "numbers": {"resident_bytes": 2}}
            """
        return try ClusterStatus(
            json: """
                {"run": "r", "phase": "collecting", "seconds": 1, "secondsOfPhase": 1,
                 "lifetimes": {"queued": 1, "running": 1, "finished": 1, "total": 3}, "environmentSteps": 5,
                 "environmentStepsPerSecond": 1, "distillationStep": 0, "distillation": {},
                 "jobs": {"finished": 0, "running": 0, "total": 0}, "quarantined": [],
                 "nodes": [\(Array(repeating: node, count: nodes).joined(separator: ","))],
                 "leases": [], "jobLeases": [], "plan": [], "waits": [], "failure": "", "numbers": {}}
                """)
    }
}
