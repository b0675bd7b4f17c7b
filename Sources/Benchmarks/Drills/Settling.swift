/// How long throughput takes after a change until it is what it then stays.
///
/// For windows that begin at 0, 1, ... 9 s with rates 20, 60, 98, 101, 100, 99, 100, 102, 100 and 100, the plateau is
/// 100 and `seconds` is 2: from there on all are within 10 % of it.
package struct Settling: Sendable, Equatable {
    /// The throughput, in steps a second, of a short time that begins so many seconds after the change.
    package struct Window: Sendable, Equatable {
        package let seconds: Double
        package let rate: Double

        package init(seconds: Double, rate: Double) {
            self.seconds = seconds
            self.rate = rate
        }
    }

    /// A window is on the plateau when its rate differs by no more than this share. The steps of a real cluster vary
    /// from second to second by a few percent.
    private static let tolerance = 0.1
    /// This share of all windows from the settling on is on the plateau: a hiccup of the machine does not count.
    private static let keptShare = 0.9

    /// Steps a second: the median of the second half.
    package let plateau: Double
    /// Where the first window begins that is on the plateau, as nearly all after it are; nil when there is none in the
    /// first half, and the plateau is none.
    package let seconds: Double?

    /// `windows` in the order of their time; of none the plateau is 0 and `seconds` nil. Windows that overlap are as
    /// good as others. The search runs from the end, so one late stretch off the plateau does not hide that the rate
    /// had settled before, as long as it is at most a tenth of the windows.
    package init(_ windows: [Window]) {
        let plateau = windows.suffix((windows.count + 1) / 2).map(\.rate).median
        let isOn = windows.map { abs($0.rate - plateau) <= Self.tolerance * plateau }
        var on = 0
        var first: Int?
        for index in windows.indices.reversed() where isOn[index] {
            on += 1
            if Double(on) >= Self.keptShare * Double(windows.count - index) { first = index }
        }
        self.plateau = plateau
        seconds = first.flatMap { $0 <= windows.count / 2 ? windows[$0].seconds : nil }
    }
}
