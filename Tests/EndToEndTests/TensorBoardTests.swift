import Foundation
import Reporting
import Testing

private let browser = URL(filePath: "/usr/bin/chromium")
private let tensorBoard = PythonEnvironment.program("tensorboard")

private let lack: String? = [browser, tensorBoard].first { !FileManager.default.isExecutableFile(atPath: $0.path) }
    .map { "there is no \($0.path): scripts/test installs both" }

extension EndToEnd {
    @Suite("TensorBoard in a browser", .enabled(if: lack == nil, Comment(rawValue: lack ?? "")))
    struct TensorBoardTests {
        private let scratch: Scratch

        init() throws { scratch = try Scratch() }

        @Test("shows the curves of a run, and the values that were written") func curves() throws {
            let file = try scratch.write(
                "small.yaml",
                experiment(actors: 2, processes: 1, learners: 1, trainTasks: 2, testTasks: 1, episodes: 20))
            try EndToEndTests.run(["launch", file, "--out", scratch("logs/run")], in: scratch)
            let writer = try EventFileWriter(folder: URL(filePath: scratch("logs/known")), name: "known", time: 1e9)
            for step in 0...8 {
                try writer.append("known/loss", step: UInt64(37 * step), value: 4.75 - 0.5 * Double(step), time: 1e9)
            }
            try writer.close()

            // A curve's last value and its step stand below it. Of a card's title group and name are apart.
            let expected: Set = ["known", "/loss", "0.75", "296", "lifetimes", "/final_return"]
            let shown = try shown(of: scratch("logs"), until: expected)
            #expect(expected.isSubset(of: shown), "\(expected.subtracting(shown)) is missing in \(shown.sorted())")
        }

        /// The texts of TensorBoard's page of curves, read again while some of `expected` are missing: the page may be
        /// done before all curves have come.
        private func shown(of logs: String, until expected: Set<String>) throws -> Set<String> {
            let server = try RunningCommand(
                ["--logdir", logs, "--port", "0", "--load_fast", "false"], in: scratch, executable: tensorBoard)
            var address: String?
            let hasSaid = eventually {
                let said = server.standardOutput + server.standardError
                address = said.firstMatch(of: /http:\/\/[^ ]+/).map { String($0.output) }
                return address != nil || !server.isRunning
            }
            let page = try #require(hasSaid ? address : nil, "\(server.standardError.suffix(2000))") + "#timeseries"
            var shown: Set<String> = []
            for _ in 0..<5 where !expected.isSubset(of: shown) {
                let options = [
                    "--headless=new", "--no-sandbox", "--disable-gpu", "--user-data-dir=\(scratch("browser"))",
                    "--window-size=1400,3000", "--virtual-time-budget=30000", "--dump-dom", page,
                ]
                let read = try EndToEndTests.run(options, in: scratch, executable: browser)
                shown = texts(of: read.standardOutput)
            }
            return shown
        }

        /// What stands between the tags of a page, without scripts and styles.
        private func texts(of page: String) -> Set<String> {
            let visible = page.replacing(/(?s)<(style|script)[^>]*>.*?<\/\1>/, with: "")
            return Set(
                visible.replacing(/<[^>]+>/, with: "\n").split(separator: "\n").map {
                    $0.trimmingCharacters(in: .whitespaces)
                })
        }
    }
}
