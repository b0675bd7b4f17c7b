import Catalog
import Distillation
import Environments
import Experiments
import Foundation
import Reporting
import Testing

@Suite("Claims of an experiment, judged by its curves")
struct ClaimTests {
    /// Two variants on two tasks with two seeds: `ad` rises from 0 to 2 and 4, `ed` stays at 0.5; the optimum is 4.
    private func judged(_ claims: String) throws -> [JudgedClaim] {
        var run = MadeUpRun()
        run.contents.experiment = try Experiment(
            yaml: """
                name: claiming
                variants: [{name: ad}, {name: ed}]
                evaluations: [{name: test, policies: [distilled, random, source], episodes: 30, seeds: 2}]
                claims:
                \(claims)
                """, file: "claiming.yaml")
        run.contents.tasks = (0..<2).map { TaskRecord(id: $0, split: .test, json: "{}", optimalReturn: 4) }
        for task in 0..<2 {
            let rising = (0..<30).map { Float($0 == 0 ? 0 : task == 0 ? 2 : 4) }
            run.play("ad/step-00000010", "test", task: task, [rising, rising])
            run.play("ed/step-00000010", "test", task: task, [[Float](repeating: 0.5, count: 30)])
            run.play("random-test", task: task, EvaluationKind(rawValue: "random"), [[Float](repeating: 1, count: 30)])
            run.play(
                "source-test", task: task, EvaluationKind(rawValue: "source"), [[Float](repeating: 3, count: 30)])
        }
        return run.report.claims
    }

    @Test("a claim holds or fails where its interval lies on one side, and is likely or unlikely otherwise")
    func verdicts() throws {
        let found = try judged(
            """
              - {name: surely, kind: reaches, curve: ad@test, value: 1.9}
              - {name: perhaps, kind: reaches, curve: ad@test, value: 2.5}
              - {name: hardly, kind: reaches, curve: ad@test, value: 3.5}
              - {name: never, kind: reaches, curve: ad@test, value: 4.5}
              - {name: low, kind: below, curve: ed@test, value: 0.6}
              - {name: not-low, kind: below, curve: ad@test, value: 0.6}
            """)
        #expect(found.map(\.verdict) == [.holds, .likely, .unlikely, .fails, .holds, .fails])
        #expect(found[0].value == 3 && found[0].interval?.low == 2 && found[0].interval?.high == 4)
        #expect(found[0].trainings == 1 && found[0].tasks == 2 && found[0].seeds == 2)
    }

    @Test("two curves are compared on the same tasks, so that what both find hard widens no interval") func pairs()
        throws
    {
        let found = try judged(
            """
              - {name: above, kind: above, curve: ad@test, than: ed@test, value: 1}
              - {name: itself, kind: within, curve: ad@test, than: ad@test}
              - {name: not-above-itself, kind: above, curve: ad@test, than: ad@test}
              - {name: near, kind: within, curve: ed@test, than: random@test, value: 0.5}
              - {name: far, kind: within, curve: ed@test, than: random@test, value: 0.4}
            """)
        #expect(found.map(\.verdict) == [.holds, .holds, .likely, .holds, .fails])
        #expect(found[0].measured == 2.5 && found[0].interval?.low == 1.5 && found[0].interval?.high == 3.5)
        #expect(found[1].interval?.low == 0 && found[1].interval?.high == 0)
    }

    @Test("what rises and what is flat is told from the first episode, what is faster from the mean up to an episode")
    func rising() throws {
        let found = try judged(
            """
              - {name: rises, kind: rises, curve: ad@test, value: 1.5}
              - {name: flat, kind: flat, curve: ed@test, value: 0.1}
              - {name: not-flat, kind: flat, curve: ad@test, value: 0.1}
              - {name: faster, kind: faster, curve: ad@test, than: random@test, episode: 2, value: 0.1}
              - {name: early, kind: reaches, curve: ad@test, episode: 10, value: 2.6}
            """)
        #expect(found.map(\.verdict) == [.holds, .holds, .fails, .likely, .likely])
        // The first two episodes: 0 and 3 of `ad`, 1 and 1 of random actions.
        #expect(found[3].measured == 0.5)
        #expect(found[4].value.map { abs($0 - 2.7) < 1e-9 } == true)
    }

    @Test("shares are of the optimum, scores between random actions and the source") func measures() throws {
        let found = try judged(
            """
              - {name: share, kind: reaches, curve: ad@test, measure: share, value: 0.7}
              - {name: score, kind: reaches, curve: ad@test, measure: score, value: 0.9}
              - {name: source, kind: reaches, curve: source@test, measure: score, value: 1}
            """)
        #expect(found.map(\.value) == [0.75, 1, 1])
        #expect(found[2].verdict == .holds)
    }

    @Test("attention is compared with even attention, a mean over the tasks' streams, and is shown") func attention()
        throws
    {
        var run = MadeUpRun()
        run.contents.experiment = try Experiment(
            yaml: """
                name: claiming
                attention: {curve: test, rows: [3]}
                claims:
                  - {name: back, kind: attends, curve: test, measure: earlier_episodes, value: 0.2}
                  - {name: rewards, kind: attends, curve: test, measure: rewards, value: 0.7}
                  - {name: starts, kind: attends, curve: test, measure: episode_starts}
                """, file: "claiming.yaml")
        // Rows 0 and 1 are an episode, 2 and 3 the next; row 1 shows a reward.
        func decision(_ weights: [Float]) -> StreamAttention {
            StreamAttention(
                layers: 1, heads: 1,
                decisions: [
                    StreamAttention.Decision(
                        row: 3, keys: 0..<4, weights: weights, episodesBack: [1, 1, 0, 0], rewards: [0, 1, 0, 0],
                        isStart: [true, false, true, false])
                ])
        }
        run.contents.attention = ReportedAttention(
            curve: "test", checkpoint: "step-00000001", stream: "seed-00.h5",
            streams: [decision([0, 1, 0, 0]), decision([0.25, 0.5, 0, 0.25])])
        let report = run.report
        #expect(report.claims.map(\.value) == [0.875, 0.75, 0.125])
        #expect(report.claims.map(\.measured) == [0.375, 0.5, -0.375])
        #expect(report.claims.map(\.verdict) == [.holds, .unlikely, .fails])
        #expect(report.sections.contains { $0.title.contains("row 3 of seed-00.h5") })
    }

    @Test("a claim about what is not there is open and says why") func open() throws {
        var run = MadeUpRun()
        run.contents.experiment = try Experiment(
            yaml: """
                name: claiming
                claims: [{name: early, kind: reaches, curve: test, value: 1}]
                """, file: "claiming.yaml")
        let claim = try #require(run.report.claims.first)
        #expect(claim.verdict == .open && claim.problem == "test was not evaluated")
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("claims-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try run.report.write(into: folder)
        let file = folder.appendingPathComponent("report/claims.json")
        #expect(try String(contentsOf: file, encoding: .utf8).contains(#""verdict" : "open""#))
        run.contents.experiment = nil
        try run.report.write(into: folder)
        #expect(!FileManager.default.fileExists(atPath: file.path))
    }
}
