import CWire

/// Coordinator to the supervisor of the same host, again until it is acknowledged: this process is silent; end it.
///
/// The supervisor then starts another in its place, as its `Deployment` says.
struct EndProcess {
    /// As its `Hello` had it.
    let process: Int
}

extension EndProcess: WireMessage {
    static var initialiser: (UnsafeMutablePointer<Distillery__EndProcess>?) -> Void { distillery__end_process__init }
    static var place: EnvelopePlace<Distillery__EndProcess> {
        .init(DISTILLERY__ENVELOPE__BODY_END_PROCESS, \.end_process)
    }

    func encode(into body: inout Distillery__EndProcess, _ arena: EncodingArena) { body.process = UInt32(process) }

    init(decoding body: Distillery__EndProcess) { process = Int(body.process) }
}
