import Foundation

/// Memory of this process that lies in RAM, in megabytes (1e6 bytes), as /proc/self/status tells it; 0 without /proc.
package struct ResidentMemory: Sendable {
    /// Now.
    package let megabytes: Double
    /// The most since `forgetPeak`, or since the process began where the kernel does not let it forget.
    package let peakMegabytes: Double

    /// Reads one small file; takes some tens of microseconds.
    package static func now() -> ResidentMemory {
        let text = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        func megabytes(_ field: String) -> Double {
            guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix(field) }) else { return 0 }
            let words = line.split(whereSeparator: \.isWhitespace)
            return words.count > 1 ? (Double(words[1]) ?? 0) * 1024 / 1e6 : 0
        }
        return ResidentMemory(megabytes: megabytes("VmRSS:"), peakMegabytes: megabytes("VmHWM:"))
    }

    /// Begins the peak anew, for a measurement of one part of a program. Does nothing where the kernel does not let it.
    ///
    /// Writes 5 into /proc/self/clear_refs, as proc(5) has it; concerns this process alone.
    package static func forgetPeak() {
        guard let file = fopen("/proc/self/clear_refs", "w") else { return }
        fputs("5", file)
        fclose(file)
    }
}
