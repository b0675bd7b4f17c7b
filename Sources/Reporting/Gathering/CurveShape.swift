/// What the figures of returns by episode, of one run or of several, have in common: how they smooth, how wide they are,
/// which lines they stand between.
struct CurveShape {
    /// Points of the longest curve.
    let points: Int
    /// Curves of 100 points or more are averaged over 5 neighbours.
    let window: Int

    init(points: [Int]) {
        self.points = points.max() ?? 0
        window = self.points >= 100 ? 5 : 1
    }

    /// For a caption; empty where nothing is averaged.
    func smoothing(_ words: ReportWords) -> String {
        window > 1 ? " Curves are averaged over \(window) neighbouring \(words.point)s." : ""
    }

    func chart(
        name: String, title: String, caption: String, words: ReportWords, series: [LineChart.Series],
        references: [LineChart.Reference], leads: Bool
    ) -> LineChart {
        LineChart(
            name: name, title: title, caption: caption, xTitle: words.point, yTitle: words.value, series: series,
            references: references, xRange: 1...Double(max(2, points)), yRange: 0...1,
            size: leads ? (1120, 420) : (560, 340))
    }

    /// Dashed horizontal lines for the mean optimum and the mean random return, where they are known.
    static func references(optimum: Double?, random: Double?) -> [LineChart.Reference] {
        [optimum.map { .init("optimum", .optimum, $0) }, random.map { .init("random policy", .random, $0) }]
            .compactMap(\.self)
    }
}
