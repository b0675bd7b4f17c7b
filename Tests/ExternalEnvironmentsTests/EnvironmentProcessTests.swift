import Experience
import ExternalEnvironments
import Foundation
import Synchronization
import TestSupport
import Testing
import Wire

private func program(
    _ way: EnvironmentProgram.Way, start: Int = 60_000, answer: Int = 60_000
) -> EnvironmentProgram {
    EnvironmentProgram(name: "stand-in", way: way, startMilliseconds: start, answerMilliseconds: answer)
}

private let described = EnvironmentReply.Description(
    name: "stand-in", observation: .box(shape: [2], type: .float32, low: -1, high: 1), action: .discrete(count: 3),
    horizon: 7, tasks: 5, software: ["gymnasium": "1.0"])

private func message(_ body: () throws -> Void) -> String {
    do { try body() } catch { return "\(error)" }
    return "nothing was thrown"
}

@Suite("An environment in another process") struct EnvironmentProcessTests {
    @Test("is asked for its description, resets and steps, and gives its copies back") func dialogue() throws {
        let asked = Mutex<[EnvironmentRequest.Body]>([])
        let standIn = try EnvironmentStandIn { request in
            asked.withLock { $0.append(request.body) }
            let body: EnvironmentReply.Body =
                switch request.body {
                case .describe: .description(described)
                case .reset: .observations([1, 2, 3])
                case .step(let actions):
                    .transitions(.init(observations: actions, rewards: [4], terminations: [0], truncations: [1]))
                case .close: .closed
                }
            return [EnvironmentReply(id: request.id, body).encoded()]
        }
        let process = try EnvironmentProcess(program(.connect(standIn.endpoint)))
        #expect(try process.describe() == described)
        let copies = [EnvironmentRequest.Copy(index: 0, seed: 1 << 40), .init(index: 1, seed: 0)]
        #expect(try process.reset(copies, task: "{\"length\":0.5}") == [1, 2, 3])
        #expect(
            try process.step(actions: [2, 0])
                == .init(observations: [2, 0], rewards: [4], terminations: [0], truncations: [1]))
        try process.close()
        #expect(
            asked.withLock { $0 } == [
                .describe, .reset(copies, task: "{\"length\":0.5}"), .step(actions: [2, 0]), .close,
            ])
    }

    @Test("that does not answer is given up at its deadline, which the error names") func deadline() throws {
        let standIn = try EnvironmentStandIn { _ in [] }
        let process = try EnvironmentProcess(program(.connect(standIn.endpoint), start: 150, answer: 250))
        #expect(message { _ = try process.describe() }.contains("stand-in has not answered for 0.15 s"))
        #expect(message { _ = try process.step(actions: []) }.contains("stand-in has not answered for 0.25 s"))
    }

    @Test("is asked again where a message was lost, and other answers count for nothing") func again() throws {
        let copies = Mutex<[UInt64: Int]>([:])
        let standIn = try EnvironmentStandIn { request in
            let count = copies.withLock { copies in
                copies[request.id, default: 0] += 1
                return copies[request.id] ?? 0
            }
            guard count > 1 else { return [] }
            return [
                EnvironmentReply(id: request.id + 5, .closed).encoded(),
                EnvironmentReply(id: request.id, .observations([9])).encoded(),
            ]
        }
        let process = try EnvironmentProcess(program(.connect(standIn.endpoint)))
        #expect(try process.reset([.init(index: 0, seed: 1)], task: "{}") == [9])
    }

    @Test("tells a refusal, after which it goes on, from a failure") func failures() throws {
        let standIn = try EnvironmentStandIn { request in
            let canGoOn = if case .close = request.body { true } else { false }
            return [EnvironmentReply(id: request.id, .failure("it rains", canGoOn: canGoOn)).encoded()]
        }
        let process = try EnvironmentProcess(program(.connect(standIn.endpoint)))
        #expect {
            try process.close()
        } throws: {
            ($0 as? ExternalEnvironmentError)?.isRefusal == true && "\($0)" == "environment stand-in failed: it rains"
        }
        #expect {
            _ = try process.step(actions: [])
        } throws: { ($0 as? ExternalEnvironmentError)?.isRefusal == false }
    }

    @Test("that answers nonsense, or something else than was asked, is not believed") func nonsense() throws {
        let standIn = try EnvironmentStandIn { request in
            if case .close = request.body { return [[255, 255, 255, 255]] }
            return [EnvironmentReply(id: request.id, .closed).encoded()]
        }
        let process = try EnvironmentProcess(program(.connect(standIn.endpoint)))
        #expect(message { _ = try process.describe() }.contains("something else than a description"))
        #expect(message { try process.close() }.contains("not a protocol buffer of distillery.environment.Reply"))
    }

    @Test("that ends is told with its exit and the end of its log") func ends() throws {
        let script = "echo warming up; echo 'no module named rooms' >&2; exit 3"
        let process = try EnvironmentProcess(program(.start(["sh", "-c", script, "sh"])))
        let text = message { _ = try process.describe() }
        #expect(text.contains("ended with exit code 3") && text.contains("no module named rooms"), "\(text)")
        #expect(!process.isRunning)
    }

    @Test("that cannot be started says what is missing") func missing() {
        let text = message { _ = try EnvironmentProcess(program(.start(["no-such-program-as-this"]))) }
        #expect(text.contains("no program no-such-program-as-this on PATH"), "\(text)")
        #expect(
            message { _ = try EnvironmentProcess(program(.connect("nowhere"))) }.contains("expected tcp://HOST:PORT"))
        #expect(message { _ = try EnvironmentProcess(program(.connect("tcp://192.0.2.1:5"))) }.contains("another host"))
    }

    @Test("is ended with its value, and its socket and its log are gone") func cleanUp() throws {
        // It is told its endpoint behind `sh`, and says it.
        let script = "touch ${2#ipc://}; echo $2; exec sleep 600"
        var process: EnvironmentProcess? = try EnvironmentProcess(
            program(.start(["sh", "-c", script, "sh"]), start: 300))
        let identifier = try #require(process?.identifier)
        var socket: String?
        for _ in 0..<200 where socket == nil {
            let text = message { _ = try process?.describe() }
            socket = (text.firstMatch(of: /ipc:\/\/([^ )]+)/)?.1).map(String.init)
        }
        let path = try #require(socket, "it never said its endpoint")
        #expect(process?.isRunning == true && FileManager.default.fileExists(atPath: path))
        #expect(FileManager.default.fileExists(atPath: path + ".log"))
        process = nil
        #expect(kill(identifier, 0) != 0)
        #expect(!FileManager.default.fileExists(atPath: path))
        #expect(!FileManager.default.fileExists(atPath: path + ".log"))
    }
}
