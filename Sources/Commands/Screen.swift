import Coordination
import Foundation
import Glibc
import Processes

/// Draws frames over one another on a terminal, one after the other in a pipe.
struct Screen {
    enum Place { case standardOutput, standardError }

    let isTerminal: Bool
    private let place: Place
    private var descriptor: Int32 { place == .standardOutput ? STDOUT_FILENO : STDERR_FILENO }

    init(_ place: Place) {
        self.place = place
        isTerminal = isatty(place == .standardOutput ? STDOUT_FILENO : STDERR_FILENO) == 1
    }

    func open() throws { if isTerminal { try write("\u{1B}[?25l\u{1B}[2J") } }

    /// The last frame stays, with the cursor below it.
    func close() throws { if isTerminal { try write("\u{1B}[?25h") } }

    /// All at once, and nothing is cleared that is written again: no flicker.
    func show(_ lines: [String]) throws {
        guard isTerminal else { return try write(lines.joined(separator: "\n") + "\n\n") }
        let size = size
        let shown = lines.prefix(size.rows - 1).map { $0.prefix(size.columns) + "\u{1B}[K\n" }
        try write("\u{1B}[H" + shown.joined() + "\u{1B}[J")
    }

    /// In characters; of a pipe what terminals usually have.
    var size: (rows: Int, columns: Int) {
        var size = winsize()
        guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_row > 1, size.ws_col > 0 else {
            return (24, StatusText.columns)
        }
        return (Int(size.ws_row), Int(size.ws_col))
    }

    /// At once: who watches waits for it. Where standard error goes to a full disk the work goes on without.
    func write(_ text: String) throws {
        guard place == .standardOutput else {
            try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
            return
        }
        print(text, terminator: "")
        if let failure = StandardStreams.flushOutput() { throw failure }
    }
}
