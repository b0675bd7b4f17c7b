import Glibc

/// A port of this host that is in use as long as this value lives.
final class HeldPort {
    private let holder = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    private(set) var endpoint = ""

    /// Nil where no port can be bound.
    init?() {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(holder, $0, length) == 0 && listen(holder, 1) == 0 && getsockname(holder, $0, &length) == 0
            }
        }
        guard bound else { return nil }
        endpoint = "tcp://127.0.0.1:\(UInt16(bigEndian: address.sin_port))"
    }

    deinit { close(holder) }
}
