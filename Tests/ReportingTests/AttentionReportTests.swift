import Distillation
import Foundation
import Reporting
import Testing

@Suite("The page of what a model attends to")
struct AttentionReportTests {
    private var attention: StreamAttention {
        StreamAttention(
            layers: 2, heads: 2,
            decisions: [
                StreamAttention.Decision(
                    row: 41, keys: 38..<42, weights: (0..<16).map { Float($0 % 4) / 6 }, episodesBack: [1, 1, 0, 0],
                    rewards: [0, 1, 0, 1], isStart: [false, false, true, false])
            ])
    }

    @Test("has a panel for each head, a line where an episode begins and a dot where a reward is shown")
    func picture() throws {
        let chart = AttentionChart(attention, decision: 0)
        #expect(chart.svg.ranges(of: "<path").count == 4)
        #expect(chart.svg.ranges(of: "class=\"grid\"").count == 4)
        #expect(chart.svg.ranges(of: "<circle").count == 8)
        #expect(chart.svg.contains(">layer 1</text>") && chart.svg.contains(">head 1</text>"))
        let lines = chart.csv.split(separator: "\n")
        #expect(lines.count == 17 && lines[0] == "layer,head,row,weight,episodes_back,reward,episode_start")
        #expect(lines[3] == "0,0,40,\(Float(2) / 6),0,0.0,1")
    }

    @Test("is one file with the shares of attention in words and in a table")
    func page() throws {
        let report = Report(attention: attention, checkpoint: "step-1", stream: "seed-00.h5")
        #expect(report.figures.map(\.name) == ["attention-row-000041"])
        #expect(report.summary.contains("16.7 % reaches back before the episode at hand"))
        #expect(report.summary.contains("one decision") && report.html.contains("<h2>Where attention goes</h2>"))
        #expect(report.tables.first?.rows.count == 5)
        #expect(report.html.contains("<svg") && !report.html.contains("src="))
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        defer { try? FileManager.default.removeItem(at: folder) }
        try report.write(into: folder)
        #expect(FileManager.default.fileExists(atPath: folder.path + "/report/attention-row-000041.csv"))
    }
}
