/// How a benchmark or a drill that takes minutes stays in touch with the command that started it.
///
/// The command makes one from its terminal and its signals; the benchmark calls it from its own thread alone.
package struct BenchmarkMonitor {
    /// Takes a line that stays.
    package let say: (String) -> Void
    /// Takes a line that the next one may be written over.
    package let show: (String) -> Void
    /// Asked several times a second; throws what ends the benchmark, such as the signal that the command was sent.
    package let mayGoOn: () throws -> Void

    package init(
        say: @escaping (String) -> Void, show: @escaping (String) -> Void, mayGoOn: @escaping () throws -> Void
    ) {
        self.say = say
        self.show = show
        self.mayGoOn = mayGoOn
    }
}
