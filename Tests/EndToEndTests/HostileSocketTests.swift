import Coordination
import Foundation
import Simulation
import TestSupport
import Testing
import Transport
import Wire

extension EndToEnd {
    @Suite("Strangers at the sockets", .serialized) struct HostileSocketTests {
        /// `DISTILLERY_HOSTILE_MESSAGES` says how many go to each process that listens.
        private var count: Int {
            ProcessInfo.processInfo.environment["DISTILLERY_HOSTILE_MESSAGES"].flatMap { Int($0) } ?? 3000
        }

        /// What a listening process may grow by while it is shouted at: queues, and what allocators keep.
        private static let growthBytes = 128e6

        @Test("coordinator, learner and recorder take any nonsense, each counts it, and the run ends well")
        func nonsense() throws {
            let seed = testSeed()
            let scratch = try Scratch()
            let run = scratch("run")
            let path = try scratch.write("small.yaml", experiment(learners: 1, episodes: 1500 + count / 2))
            let command = try RunningCommand(["launch", path, "--out", run], in: scratch)
            var endpoints: [RoleName: String] = [:]
            var before: [RoleName: [String: Double]] = [:]
            // By then the recorder has taken the memory for its open files.
            let isAtWork = try eventually {
                guard let now = try status(of: run, in: scratch), now.environmentSteps > 200_000 else { return false }
                for node in now.nodes where !node.endpoint.isEmpty { endpoints[node.role] = node.endpoint }
                before = numbers(now)
                return endpoints.count >= 2
            }
            try #require(isAtWork, "\(command.standardError)")
            endpoints[.coordinator] = try String(contentsOfFile: run + "/coordinator.endpoint", encoding: .utf8)
                .trimmingCharacters(in: .whitespacesAndNewlines)
            let sent = try endpoints.values.reduce(0) { try $0 + shout(at: $1, seed: seed) }
            #expect(sent == 3 * count)
            var after: [RoleName: [String: Double]] = [:]
            func risen(_ name: String, _ role: RoleName) -> Double {
                (after[role]?[name] ?? 0) - (before[role]?[name] ?? 0)
            }
            // Some of it is nothing wrong to say, and answered or of no consequence.
            let isCounted = try eventually {
                guard command.isRunning, let now = try status(of: run, in: scratch) else { return !command.isRunning }
                after = numbers(now)
                return endpoints.keys.allSatisfy { risen("refused_messages", $0) >= 0.85 * Double(count) }
            }
            #expect(
                isCounted && command.isRunning,
                "DISTILLERY_TEST_SEED=\(seed): \(before) became \(after); \(command.standardError.suffix(2000))")
            #expect(!command.standardError.contains("a process failed"), "\(command.standardError.suffix(2000))")
            for role in endpoints.keys {
                let (refused, grown) = (risen("refused_messages", role), risen("resident_bytes", role))
                print("\(role.rawValue): \(count) messages, \(Int(refused)) refused, \(Int(grown / 1e6)) MB grown")
                #expect(grown < Self.growthBytes, "the \(role.rawValue) grew; DISTILLERY_TEST_SEED=\(seed)")
            }
            #expect(command.wait() == 0, "DISTILLERY_TEST_SEED=\(seed): \(command.standardError.suffix(3000))")
            #expect(command.survivors.isEmpty)
            try checkStreams(run, scratch)
        }

        private func numbers(_ status: ClusterStatus) -> [RoleName: [String: Double]] {
            var numbers: [RoleName: [String: Double]] = [.coordinator: status.numbers]
            for node in status.nodes where !node.endpoint.isEmpty { numbers[node.role] = node.numbers }
            return numbers
        }

        /// One of which more is refused is restrained, and then most of it is not looked at.
        private static let messagesOfName = 15

        /// Everything but what would be obeyed: nobody has proved who they are here.
        private func shout(at endpoint: String, seed: UInt64) throws -> Int {
            let context = try MessageContext()
            var messages = HostileMessages(seed: seed, corpus: try corpus())
            var sent = 0
            while sent < count {
                let socket = try stranger("stranger-\(sent)", context, endpoint)
                let poller = Poller()
                poller.add(socket)
                for _ in 0..<min(Self.messagesOfName, count - sent) {
                    var bytes = messages.next()
                    while wouldBeObeyed(bytes) { bytes = messages.next() }
                    while try socket.send(bytes) == .full { try poller.wait(milliseconds: 10) }
                    sent += 1
                    while try socket.receive() != nil {}
                }
                socket.close()
            }
            return sent
        }

        private func stranger(_ name: String, _ context: MessageContext, _ endpoint: String) throws -> DealerSocket {
            var options = SocketOptions()
            options.identity = try PeerIdentity(name)
            options.lingerMilliseconds = 10_000
            let socket = try DealerSocket(context, options: options)
            try socket.connect(endpoint)
            return socket
        }

        private func wouldBeObeyed(_ bytes: [UInt8]) -> Bool {
            switch (try? Envelope(decoding: bytes))?.message {
            case .stop?, .scale?, .drain?, .hello?, .openStreams?, .joinLifetime?, .rollouts?, .processEnded?: true
            default: false
            }
        }

        private func corpus() throws -> [[UInt8]] {
            let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
                .deletingLastPathComponent().appendingPathComponent("ClusterTests/Corpus")
            return try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted().map {
                Array([UInt8](try Data(contentsOf: folder.appendingPathComponent($0))).dropFirst(2))
            }
        }
    }
}
