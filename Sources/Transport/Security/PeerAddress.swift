internal import Glibc

/// `192.0.2.7`, the host at the other end of a connected descriptor: without the port, which is another with each
/// attempt. A descriptor may have been closed by the time that we ask.
///
/// Gives words in place of the address where the connection has gone; never throws.
func peerAddress(of descriptor: Int32) -> String {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
    let failure = withUnsafeMutablePointer(to: &storage) { storage in
        storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
            guard getpeername(descriptor, address, &length) == 0 else { return EAI_SYSTEM }
            return getnameinfo(address, length, &host, socklen_t(host.count), nil, 0, NI_NUMERICHOST)
        }
    }
    guard failure == 0 else { return "an address that had gone" }
    return String(decoding: host.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
