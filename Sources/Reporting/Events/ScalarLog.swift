package import Foundation

/// Numbers of a run as they arrive, for people and programs that watch it at work: in a file that TensorBoard reads, and as
/// lines of JSON beside it, `NAME.jsonl`, for programs. One thread at a time.
///
///     {"name":"collect/return","step":1200,"time":1700000000.5,"value":1.25}
///
/// `value` is null where a number is not finite. A run that is resumed goes on in the same lines, and in another file of
/// TensorBoard's, as is usual there.
package final class ScalarLog {
    private let events: EventFileWriter
    private let lines: AppendedFile

    /// Makes `folder` if need be. `time`: seconds since 1970. Throws where the folder or a file cannot be made.
    package init(folder: URL, name: String, time: Double) throws {
        events = try EventFileWriter(folder: folder, name: name, time: time)
        let path = folder.appendingPathComponent("\(name).jsonl").path
        // A line that was cut by a kill is none.
        lines = try AppendedFile(path: path, time: time, keepsWholeLines: true)
    }

    /// Keeps the number in memory for up to ten seconds. Throws where the disk does not take what was kept; later numbers
    /// may be taken again.
    package func append(_ name: String, step: UInt64, value: Double, time: Double) throws {
        lines.add(Self.line(name, step: step, value: value, time: time).utf8)
        try events.append(name, step: step, value: value, time: time)
        try lines.flushWhereDue(time: time)
    }

    /// Flushes first; throws where the disk did not take it. The log cannot be used afterwards.
    package func close() throws {
        let ends = [Result { try events.close() }, Result { try lines.close() }]
        for end in ends { try end.get() }
    }

    private static func line(_ name: String, step: UInt64, value: Double, time: Double) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .withoutEscapingSlashes
        let name = String(decoding: (try? encoder.encode(name)) ?? Data("\"\"".utf8), as: UTF8.self)
        return
            "{\"name\":\(name),\"step\":\(step),\"time\":\(time),\"value\":\(value.isFinite ? "\(value)" : "null")}\n"
    }
}
