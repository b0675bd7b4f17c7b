import Glibc
import Transport
package import Wire

/// An environment in another process, asked one thing at a time over a socket. Belongs to one thread at a time.
///
/// Every call waits for its answer, at most for the program's deadline; the same request is sent again meanwhile, which
/// the process answers once. Where the process has ended, does not answer in time or answers nonsense, the call throws
/// `ExternalEnvironmentError`, and unless that is a refusal this value must not be asked again.
///
/// `@unchecked Sendable`: it goes from one thread to another through `IdleProcesses`, whose lock lies between.
package final class EnvironmentProcess: @unchecked Sendable {
    package let program: EnvironmentProgram
    /// Nil where the user has started it.
    private let started: StartedProcess?
    private let socket: DealerSocket
    private let poller = Poller()
    private let clock = SystemClock()
    private var lastRequest: UInt64 = 0

    /// Between two looks at whether the process is still there.
    private static let lookMilliseconds = 50
    /// A request that is not answered is sent again after this.
    private static let resendMilliseconds: UInt64 = 2000
    /// Messages that answer nothing that was asked, before a process counts as broken.
    private static let mostStrayMessages = 1000
    private static let reconnectMilliseconds = 20
    private static let longestReconnectMilliseconds = 200
    /// What is on its way to a process that is given up.
    private static let lingerMilliseconds = 100

    /// Starts the program or connects to it; whether it answers is seen by the first question. Throws
    /// `ExternalEnvironmentError` where the program is not there, or the endpoint cannot be used.
    package init(_ program: EnvironmentProgram) throws(ExternalEnvironmentError) {
        self.program = program
        let endpoint: String
        do throws(ExternalEnvironmentError) {
            switch program.way {
            case .start(let command):
                let process = try StartedProcess(command)
                (started, endpoint) = (process, process.endpoint)
            case .connect(let text): (started, endpoint) = (nil, text)
            }
        } catch { throw ExternalEnvironmentError("cannot start the environment \(program.name): \(error)") }
        do {
            var options = SocketOptions()
            options.lingerMilliseconds = Self.lingerMilliseconds
            options.reconnectIntervalMilliseconds = Self.reconnectMilliseconds
            options.reconnectIntervalMaximumMilliseconds = Self.longestReconnectMilliseconds
            options.identity = try PeerIdentity("distillery-\(getpid())")
            socket = try DealerSocket(try MessageContext(), options: options)
            try socket.connect(endpoint)
        } catch { throw ExternalEnvironmentError("environment \(program.name): \(error)") }
        poller.add(socket)
    }

    /// Its number, for tests that kill it; nil where the user has started it.
    package var identifier: Int32? { started?.identifier }
    /// It was asked for something and has answered: its start is over.
    package private(set) var hasAnswered = false
    /// It has not ended; of a process that the user has started nothing is known.
    package var isRunning: Bool { started.map { $0.end == nil } ?? true }

    /// What is the same for all tasks. The first question to a process, which may have to start.
    package func describe() throws(ExternalEnvironmentError) -> EnvironmentReply.Description {
        let reply = try ask(.describe, milliseconds: program.startMilliseconds)
        guard case .description(let description) = reply else { throw unexpected("a description") }
        return description
    }

    /// Begins an episode in these copies on the task that the JSON says: their observations, one after the other.
    package func reset(
        _ copies: [EnvironmentRequest.Copy], task: String
    ) throws(ExternalEnvironmentError) -> [UInt8] {
        let reply = try ask(.reset(copies, task: task), milliseconds: program.answerMilliseconds)
        guard case .observations(let observations) = reply else { throw unexpected("observations") }
        return observations
    }

    /// One step of all copies.
    package func step(actions: [UInt8]) throws(ExternalEnvironmentError) -> EnvironmentReply.Transitions {
        let reply = try ask(.step(actions: actions), milliseconds: program.answerMilliseconds)
        guard case .transitions(let transitions) = reply else { throw unexpected("transitions") }
        return transitions
    }

    /// The copies are let go of.
    package func close() throws(ExternalEnvironmentError) {
        guard case .closed = try ask(.close, milliseconds: program.answerMilliseconds) else {
            throw unexpected("the end of its copies")
        }
    }

    /// An error that names the process.
    package func failure(_ reason: String, isRefusal: Bool = false) -> ExternalEnvironmentError {
        let number = identifier.map { " (process \($0))" } ?? ""
        return ExternalEnvironmentError("environment \(program.name)\(number) \(reason)", isRefusal: isRefusal)
    }

    private func unexpected(_ what: String) -> ExternalEnvironmentError {
        failure("answered something else than \(what)")
    }

    private func ask(
        _ body: EnvironmentRequest.Body, milliseconds: Int
    ) throws(ExternalEnvironmentError) -> EnvironmentReply.Body {
        lastRequest += 1
        let request = EnvironmentRequest(id: lastRequest, body).encoded()
        let reply: EnvironmentReply.Body
        do {
            reply = try answer(to: request, milliseconds: milliseconds)
        } catch let error as ExternalEnvironmentError { throw error } catch { throw failure("failed: \(error)") }
        if case .failure(let reason, let canGoOn) = reply { throw failure("failed: \(reason)", isRefusal: canGoOn) }
        return reply
    }

    /// Throws `TransportError`, `WireError` and what `ask` throws.
    private func answer(to request: [UInt8], milliseconds: Int) throws -> EnvironmentReply.Body {
        let begin = clock.now
        var nextSend = begin
        var strayMessages = 0
        while true {
            if clock.now >= nextSend {
                // A queue that is full empties, or the deadline comes.
                _ = try socket.send(request)
                nextSend = clock.now + Self.resendMilliseconds * nanosecondsPerMillisecond
            }
            while let frame = try socket.receive() {
                let reply = try frame.withUnsafeBytes { try EnvironmentReply(decoding: $0) }
                // A request that could not be read has no number.
                if reply.id == lastRequest || reply.id == 0 {
                    hasAnswered = true
                    return reply.body
                }
                strayMessages += 1
                guard strayMessages < Self.mostStrayMessages else { throw failure("answers what nobody asks") }
            }
            if let end = started?.end { throw failure("\(end)\(started?.lastWords ?? "")") }
            let waited = Int((clock.now - begin) / nanosecondsPerMillisecond)
            guard waited < milliseconds else {
                throw failure(
                    "has not answered for \(Double(milliseconds) / 1000) s, as long as it may take"
                        + (started?.lastWords ?? ""))
            }
            try poller.wait(milliseconds: min(Self.lookMilliseconds, milliseconds - waited))
        }
    }
}
