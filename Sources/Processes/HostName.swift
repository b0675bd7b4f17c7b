import Glibc

/// This host's name as the kernel has it, which need not resolve anywhere; `localhost` where it has none.
/// Supervisors and the coordinator compare it to tell which nodes are on the same machine.
package func hostName() -> String {
    var buffer = [CChar](repeating: 0, count: 256)
    guard gethostname(&buffer, buffer.count - 1) == 0 else { return "localhost" }
    return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
