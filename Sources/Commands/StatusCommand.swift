import ArgumentParser
import Coordination
import Foundation
import Processes
import Supervision
import Wire

struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "What a running cluster is at, and what is waiting for whom.",
        discussion: """
            Example: distillery status --coordinator runs/quickstart --watch
            With --watch --json: one document a line, each second.
            """)

    @OptionGroup var connection: ConnectionOptions
    @Flag(help: "Show it again every second until Ctrl-C.") var watch = false
    @Flag(help: "Print JSON, with all that is known.") var json = false

    func run() throws {
        let client = try ControlClient(connection)
        guard watch else {
            let document = try client.status()
            let status = try ClusterStatus(json: document)
            print(json ? document : StatusText(status).lines.joined(separator: "\n"))
            return
        }
        let signals = try SignalWatcher([.hangUp, .interrupt, .terminate])
        var watch = StatusWatch(client: client, endpoint: try connection.endpoint(), signals: signals, json: json)
        try exitIfInterrupted(try watch.run())
    }
}

/// Asks again and again, through a coordinator that is restarted, until a signal comes.
private struct StatusWatch {
    private static let intervalSeconds = 1.0
    /// Without an answer for so long it is said that there is none.
    private static let patienceMilliseconds: UInt64 = 2000
    private static let turnMicroseconds: UInt32 = 50_000

    let client: ControlClient
    let endpoint: String
    let signals: SignalWatcher
    let json: Bool
    private let screen = Screen(.standardOutput)
    private var signal: Signal?
    private var last: [String] = []

    init(client: ControlClient, endpoint: String, signals: SignalWatcher, json: Bool) {
        self.client = client
        self.endpoint = endpoint
        self.signals = signals
        self.json = json
    }

    /// The signal that ended it.
    mutating func run() throws -> Signal? {
        if !json { try screen.open() }
        // Where that fails, the terminal is gone.
        defer { try? screen.close() }
        while !isInterrupted() {
            let next = ProcessInfo.processInfo.systemUptime + Self.intervalSeconds
            var found: Signal?
            let answer = try client.status(milliseconds: Self.patienceMilliseconds) {
                found = found ?? nextRequestToEnd()
                return found != nil
            }
            signal = signal ?? found
            if let answer {
                try show(ClusterStatus(json: answer))
            } else if signal == nil {
                try sayThatNobodyAnswers()
            }
            while ProcessInfo.processInfo.systemUptime < next, !isInterrupted() { usleep(Self.turnMicroseconds) }
        }
        return signal
    }

    private mutating func isInterrupted() -> Bool {
        signal = signal ?? nextRequestToEnd()
        return signal != nil
    }

    private func nextRequestToEnd() -> Signal? {
        while let signal = signals.next() { if signal.asksToEnd { return signal } }
        return nil
    }

    private mutating func show(_ status: ClusterStatus) throws {
        guard !json else { return try screen.write(status.json(pretty: false) + "\n") }
        last = StatusText(status).lines
        try screen.show(last)
    }

    /// On a terminal what was known last stays below it.
    private func sayThatNobodyAnswers() throws {
        let text = "no coordinator answers at \(endpoint); trying again"
        guard screen.isTerminal, !json else { return printError(text) }
        try screen.show([text, ""] + last)
    }
}
