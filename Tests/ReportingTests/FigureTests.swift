import Environments
import Foundation
import Reporting
import Testing

/// Whether `text` is one well-formed XML element.
func isWellFormed(_ text: String) -> Bool {
    var open: [Substring] = []
    var rest = text[...]
    while let start = rest.firstIndex(of: "<") {
        guard let end = rest[start...].firstIndex(of: ">") else { return false }
        let tag = rest[rest.index(after: start)..<end]
        rest = rest[rest.index(after: end)...]
        if tag.hasPrefix("/") {
            guard open.popLast() == tag.dropFirst() else { return false }
        } else if !tag.hasSuffix("/") {
            open.append(tag.prefix { !$0.isWhitespace })
        }
    }
    return open.isEmpty
}

@Suite("Figures")
struct FigureTests {
    private let chart = LineChart(
        name: "a", title: "Return <by> episode", caption: "", xTitle: "episode", yTitle: "return",
        series: [
            .init("in context", .inContext, (1...50).map { .init(x: Double($0), y: Double($0), low: 0, high: 60) }),
            .init(
                "broken, \"quoted\"", .control, [.init(x: 1, y: .nan), .init(x: 2, y: 3), .init(x: 3, y: .infinity)]),
            .init("empty", .source, []),
        ], references: [.init("optimum", .optimum, 55)])

    @Test("a line chart is well-formed, escapes what it is told and leaves out what is no number")
    func lineChart() {
        #expect(isWellFormed(chart.svg))
        #expect(chart.svg.contains("Return &lt;by&gt; episode"))
        #expect(!chart.svg.contains("nan") && !chart.svg.contains("inf"))
        #expect(chart.csv.hasPrefix("series,x,y,low,high\nin context,1.0,1.0,0.0,60.0\n"))
        #expect(chart.csv.contains("\"broken, \"\"quoted\"\"\",1.0,,,\n"))
        #expect(chart.csv.hasSuffix("optimum,,55.0,,\n"))
    }

    @Test("a chart without any point is still a chart")
    func emptyCharts() {
        let empty = LineChart(name: "a", title: "a", caption: "", xTitle: "x", yTitle: "y", series: [])
        #expect(isWellFormed(empty.svg))
        let one = LineChart(
            name: "a", title: "a", caption: "", xTitle: "x", yTitle: "y",
            series: [.init("one", .source, [.init(x: 5, y: 0)], hasDots: true)])
        #expect(isWellFormed(one.svg) && !one.svg.contains("nan"))
        let bars = BarChart(name: "a", title: "a", caption: "", xTitle: "x", yTitle: "y", role: .source, bars: [])
        #expect(isWellFormed(bars.svg))
    }

    @Test("a heat map frames held-out goals and names every cell")
    func heatMap() {
        let map = HeatMap(
            name: "m", title: "m", caption: "", columns: 2, rows: 1,
            cells: [
                .init(x: 0, y: 0, split: .train, share: nil, task: 0),
                .init(x: 1, y: 0, split: .test, share: 0.5, task: 1),
            ], start: (1, 0))
        #expect(isWellFormed(map.svg))
        #expect(map.svg.contains("goal (1, 0), held out: 50 % of the optimum"))
        #expect(map.csv == "task,x,y,split,share_of_optimum\n0,0,0,train,\n1,1,0,test,0.5\n")
    }

    @Test("bars with intervals rise from 0 and fall below it, and their numbers stand in the file")
    func intervalBars() throws {
        let bars = IntervalBars(
            name: "b", title: "b", caption: "", yTitle: "score", names: ["ad", "ed"],
            groups: [.init("test", [.init(1, nil), .init(-0.5, nil)]), .init("train", [nil, .init(0.25, nil)])],
            references: [.init("source", .source, 1)])
        #expect(isWellFormed(bars.svg) && !bars.svg.contains("nan"))
        #expect(bars.csv == "group,name,value,low,high\ntest,ad,1.0,,\ntest,ed,-0.5,,\ntrain,ed,0.25,,\n")
        let shapes = bars.svg.matches(of: /<rect class="bar" x="[^"]*" y="([^"]*)" width="[^"]*" height="([^"]*)"/)
            .compactMap { match in Double(match.1).flatMap { y in Double(match.2).map { (y: y, height: $0) } } }
        try #require(shapes.count == 3)
        // Where the first ends the second begins, at 0; it is half as long.
        #expect(abs(shapes[0].y + shapes[0].height - shapes[1].y) < 0.1)
        #expect(abs(shapes[0].height - 2 * shapes[1].height) < 0.1)
        let empty = IntervalBars(name: "b", title: "b", caption: "", yTitle: "", names: [], groups: [])
        #expect(isWellFormed(empty.svg) && !empty.svg.contains("nan"))
    }

    @Test("a page escapes what it is told and fetches nothing")
    func page() {
        let report = Report(
            title: "a & b", subtitle: "", summary: "", highlights: [.init("x", "1", "y")],
            sections: [.init("s", "", [chart])], tables: [.init("t", columns: ["k", "v"], rows: [["<k>", "v"]])])
        #expect(report.html.contains("a &amp; b") && report.html.contains("&lt;k&gt;"))
        // Nothing is fetched from anywhere: the only reference is to the numbers beside it.
        #expect(!report.html.contains("http") && !report.html.contains("src=") && !report.html.contains("url("))
    }
}

@Suite("Learning curves")
struct LearningCurveTests {
    @Test("the mean gives every task the same weight, and the interval holds it")
    func mean() throws {
        let curves = LearningCurves([[[1, 1], [3, 3]], [[10, 10]]])
        let points = curves.meanCurve(window: 1)
        #expect(points.map(\.x) == [1, 2])
        #expect(points.map(\.y) == [6, 6])
        for point in points {
            #expect(try #require(point.low) <= 6 && #require(point.high) >= 6)
            #expect(try #require(point.low) >= 1 && #require(point.high) <= 10)
        }
        #expect(curves.finalMean == 6 && curves.firstMean == 6)
    }

    @Test("a curve that ended goes on at the mean of its last episodes")
    func ended() {
        let points = LearningCurves([[[0, 4], [0, 0, 0, 8]]]).meanCurve(window: 1)
        #expect(points.map(\.y) == [0, 2, 1, 5])
    }

    @Test("the 95 % interval of a mean of coin flips is about what theory says")
    func interval() throws {
        // 100 tasks of one repetition, half 0 and half 1: the standard error is 0.05.
        let point = try #require(
            LearningCurves((0..<100).map { [[Double($0 % 2)]] }).meanCurve(window: 1).first)
        #expect(abs(try #require(point.low) - 0.402) < 0.02)
        #expect(abs(try #require(point.high) - 0.598) < 0.02)
        // The same numbers give the same interval.
        #expect(LearningCurves((0..<100).map { [[Double($0 % 2)]] }).meanCurve(window: 1).first == point)
    }

    @Test("the interval of the final mean holds it, and one curve alone has none")
    func finalInterval() throws {
        let curves = LearningCurves([[[0, 1], [0, 3]], [[0, 10]]])
        let interval = try #require(curves.finalInterval)
        let mean = try #require(curves.finalMean)
        #expect(interval.low < mean && mean < interval.high)
        // Both draws of tasks and of repetitions may meet the extremes, and never go beyond.
        #expect(interval.low >= 0.5 && interval.high <= 5)
        #expect(LearningCurves([[[0, 1]]]).finalInterval == nil)
        #expect(LearningCurves([]).finalInterval == nil)
    }

    @Test("a window averages neighbours and a long curve is thinned")
    func thinning() {
        let points = LearningCurves([[(0..<1000).map(Double.init)]]).meanCurve(window: 5)
        #expect(points.count == 200)
        #expect(points[1].x == 6 && points[1].y == 5)
        #expect(LearningCurves([]).meanCurve(window: 5).isEmpty)
    }
}
