import Coordination
import FlyingFox
import FlyingSocks
import Foundation
import Monitoring
import Processes
import TestSupport
import Testing

extension EndToEnd {
    @Suite(
        "Prometheus", .serialized,
        .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/prometheus"), "prometheus is not installed")
    )
    struct PrometheusTests {
        /// Where a process says in its log that it serves its metrics.
        private func address(inLog path: String) throws -> MonitoringAddress {
            var found: Substring?
            _ = eventually {
                let log = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
                found = log.firstMatch(of: /address=([0-9.]+:[0-9]+).*serves metrics/)?.output.1
                return found != nil
            }
            return try MonitoringAddress(String(#require(found, "no address in \(path)")))
        }

        private func page(_ address: MonitoringAddress) async throws -> String {
            var client = HTTPClient()
            let request = HTTPRequest(
                method: .GET, version: .http11, path: "/metrics", query: [], headers: [:], body: Data())
            let response = try await client.sendHTTPRequest(
                request, to: sockaddr_in.inet(ip4: address.host, port: address.port))
            return String(decoding: try await response.bodyData, as: UTF8.self)
        }

        private func promtool(_ arguments: [String], input: String = "") throws -> ProgramOutput {
            try ProgramOutput(of: "/usr/bin/promtool", arguments, input: input)
        }

        @Test("scrapes the coordinator and a node of a cluster at work, and finds nothing to say against their pages")
        func scrape() async throws {
            let scratch = try Scratch()
            let file = try scratch.write("run.yaml", experiment(episodes: 60_000))
            let folder = scratch("run")
            let cluster = try RunningCommand(
                ["launch", file, "--out", folder], in: scratch, environment: ["DISTILLERY_METRICS": "127.0.0.1:0"])
            let coordinator = try address(inLog: folder + "/logs/coordinator-0.log")
            #expect(try eventually { try status(of: folder, in: scratch)?.environmentSteps ?? 0 > 1000 })
            let guest = try RunningCommand(
                ["actor", "--coordinator", folder, "--metrics", "127.0.0.1:0"], in: scratch)
            let node = try address(inLog: guest.errors)

            for page in [try await page(coordinator), try await page(node)] {
                let found = try promtool(["check", "metrics"], input: page)
                #expect(found.code == 0 && found.text.isEmpty, "\(found.text)\n\(page)")
            }

            let port = try #require(HeldPort()?.endpoint.split(separator: ":").last)
            let configuration = try scratch.write(
                "prometheus.yml",
                """
                global: {scrape_interval: 1s}
                scrape_configs:
                  - {job_name: distillery, static_configs: [{targets: ["\(coordinator)", "\(node)"]}]}
                """)
            let prometheus = try RunningCommand(
                [
                    "--config.file=\(configuration)", "--storage.tsdb.path=\(scratch("data"))",
                    "--web.listen-address=127.0.0.1:\(port)",
                ], in: scratch, executable: URL(filePath: "/usr/bin/prometheus"))
            for query in [
                "sum(up) == 2", "sum(rate(distillery_run_environment_steps_total[10s])) > 0",
                "sum(distillery_nodes{role=\"actor\"}) >= 1", "max(distillery_node_joined) == 1",
            ] {
                let isSo = try eventually {
                    let found = try promtool(["query", "instant", "http://127.0.0.1:\(port)", query])
                    return found.code == 0 && !found.text.isEmpty
                }
                #expect(isSo, "\(query): \(prometheus.standardError.suffix(1000))")
            }
            for command in [prometheus, guest, cluster] { command.interrupt() }
            #expect(cluster.wait() == 130)
        }
    }
}
